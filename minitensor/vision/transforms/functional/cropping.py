"""Cuts, borders, flips and other sizes: what moves whole rows and columns of pixels, and resizing."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitensor.callers import user_level
from minitensor.dtypes import bool_, int32, int64, uint8, uint16, uint32, uint64
from minitensor.dtypes import dtype as DType
from minitensor.errors import ArgumentError, ArgumentTypeError, IndexRangeError
from minitensor.nn.functional.interpolation import interpolate
from minitensor.nn.functional.padding import pad as pad_tensor
from minitensor.ops.creation import tensor
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image, Picture, picture_from, pillow, require_picture
from minitensor.vision.transforms.functional.door import image_function
from minitensor.vision.transforms.functional.filling import color_of
from minitensor.vision.transforms.functional.interpolation import NUMBERS, InterpolationMode, mode_of
from minitensor.vision.transforms.functional.size import (
    DOUBLES,
    cast_pixels,
    get_dimensions,
    require_pixels,
    require_planes,
)

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")
UNSIGNED = (bool_, uint16, uint32, uint64)  # PyTorch computes little with them


@image_function
def hflip(img: Image) -> Image:
    """Return an image ``img``, a Pillow image or a tensor of shape (..., H, W), with left and right exchanged.

    Raises:
        TypeError: If it is neither.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.hflip(torch.tensor([[1, 2, 3]]))
    tensor([[3, 2, 1]])
    """
    if isinstance(img, Tensor):
        require_planes(img)
        return img.flip(-1)
    require_picture(img)
    return img.transpose(pillow().Image.Transpose.FLIP_LEFT_RIGHT)


@image_function
def vflip(img: Image) -> Image:
    """Return an image ``img``, a Pillow image or a tensor of shape (..., H, W), with top and bottom exchanged.

    Raises:
        TypeError: If it is neither.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.vflip(torch.tensor([[1], [2]]))
    tensor([[2],
            [1]])
    """
    if isinstance(img, Tensor):
        require_planes(img)
        return img.flip(-2)
    require_picture(img)
    return img.transpose(pillow().Image.Transpose.FLIP_TOP_BOTTOM)


@image_function
def crop(img: Image, top: int, left: int, height: int, width: int) -> Image:
    """Return a rectangle of an image, with zeros where it reaches beyond the image.

    Args:
        img: A Pillow image, or a tensor of shape (..., H, W), of which the result is a view if nothing is added.
        top, left: The place of the rectangle's first pixel.
        height, width: The size of the rectangle.

    Raises:
        TypeError: If ``img`` is no image.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.crop(torch.arange(6).view(2, 3), 0, 1, 1, 3)
    tensor([[1, 2, 0]])
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return img.crop((left, top, left + width, top + height))
    _, rows, columns = get_dimensions(img)
    bottom, right = top + height, left + width
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if top >= 0 and left >= 0 and bottom <= rows and right <= columns:
        return inside
    above, below = border(top, bottom, rows)
    before, after = border(left, right, columns)
    return pad(inside, [before, above, after, below])


def border(start: int, end: int, size: int) -> tuple[int, int]:
    """Return how many of the positions from start to end lie before 0, and how many after the size."""
    return max(min(0, end) - start, 0), max(end - max(size, start), 0)


@image_function
def center_crop(img: Image, output_size: int | Sequence[int]) -> Image:
    """Return the middle of an image ``img``, with zeros around it if it is smaller than ``output_size`` (H, W).

    Raises:
        TypeError: If ``img`` is no image.
        ValueError: If ``output_size`` does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.center_crop(torch.arange(16).view(4, 4), 2)
    tensor([[ 5,  6],
            [ 9, 10]])
    """
    _, rows, columns = get_dimensions(img)
    height, width = pair_of(output_size)
    if width > columns or height > rows:
        more, wider = max(height - rows, 0), max(width - columns, 0)
        img = pad(img, [wider // 2, more // 2, (wider + 1) // 2, (more + 1) // 2])
        _, rows, columns = get_dimensions(img)
        if (rows, columns) == (height, width):
            return img
    return crop(img, round((rows - height) / 2), round((columns - width) / 2), height, width)


def pair_of(size: Any) -> Sequence[int]:
    """Return a size that is given as one number, or a sequence of one or two, as (height, width)."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]  # a number
    if isinstance(size, (tuple, list)) and len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ArgumentError(f"a size must be one number or (height, width), got {size}")
    return size  # type: ignore[no-any-return]  # a sequence


@image_function
def five_crop(img: Image, size: int | Sequence[int]) -> tuple[Image, ...]:
    """Return the four corners of an image ``img`` and its middle, each of ``size`` (height, width).

    The order is top left, top right, bottom left, bottom right, middle.

    Raises:
        TypeError: If ``img`` is no image.
        ValueError: If a crop is larger than the image.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> [each.item() for each in F.five_crop(torch.arange(9).view(3, 3), 1)]
    [0, 2, 6, 8, 4]
    """
    height, width = pair_of(size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ArgumentError(f"five_crop: the crop {(height, width)} is larger than the image {(rows, columns)}")
    corners = [(top, left) for top in (0, rows - height) for left in (0, columns - width)]
    return (*[crop(img, top, left, height, width) for top, left in corners], center_crop(img, [height, width]))


@image_function
def ten_crop(img: Image, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Image, ...]:
    """Return the ``five_crop`` of an image ``img``, and that of the flipped image.

    Args:
        img: A Pillow image, or a tensor of shape (..., H, W).
        size: The height and width of each crop, or one number for both.
        vertical_flip: Whether to exchange top and bottom, not left and right.

    Raises:
        TypeError: If ``img`` is no image.
        ValueError: If a crop is larger than the image.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> [each.item() for each in F.ten_crop(torch.arange(9).view(3, 3), 1)]
    [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]
    """
    pair = pair_of(size)
    return five_crop(img, pair) + five_crop(vflip(img) if vertical_flip else hflip(img), pair)


# -- borders -----------------------------------------------------------------------------------------------------------


@image_function
def pad(img: Image, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Image:
    """Return an image with pixels added around it.

    Args:
        img: A Pillow image, which keeps its mode, or a tensor of shape (..., H, W).
        padding: How many pixels to add: one number; (left and right, top and bottom); or (left, top, right, bottom).
            Negative numbers crop.
        fill: The color of the new pixels, if they are constant; for Pillow's images also one number for each channel.
        padding_mode: "constant"; "edge" (the last pixel repeated); "reflect" (mirrored at the last pixel);
            "symmetric" (mirrored, the last pixel repeated too).

    Raises:
        TypeError: If ``img`` is no image, or another argument of the wrong type.
        ValueError: If ``padding`` has another number of entries, or the mode is unknown.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.pad(torch.tensor([[1, 2, 3]]), [2, 0], padding_mode="symmetric")
    tensor([[2, 1, 1, 2, 3, 3, 2]])
    """
    get_dimensions(img)  # raises unless it is an image
    require_kinds(padding, fill, padding_mode, (int, float) if isinstance(img, Tensor) else (numbers.Real, tuple, list))
    require_padding(padding, padding_mode)
    if isinstance(img, Tensor):
        return pad_planes(img, sides_of(padding), fill or 0, padding_mode)
    if padding_mode != "constant":
        return pad_picture(img, sides_of(padding), padding_mode)
    return expand_picture(img, padding, color_of(fill, img))


def require_kinds(padding: Any, fill: Any, padding_mode: Any, kinds: tuple[type, ...]) -> None:
    """Raise unless the arguments of ``pad`` have the right types."""
    if not isinstance(padding, (numbers.Integral, tuple, list)):
        raise ArgumentTypeError(f"pad: padding must be an int or a sequence of them, got {padding!r}")
    if fill is not None and not isinstance(fill, kinds):
        raise ArgumentTypeError(f"pad: fill must be {' or '.join(each.__name__ for each in kinds)}, got {fill!r}")
    if not isinstance(padding_mode, str):
        raise ArgumentTypeError(f"pad: padding_mode must be a str, got {padding_mode!r}")


def require_padding(padding: Any, padding_mode: str) -> None:
    """Raise unless these are amounts of padding and a mode."""
    if isinstance(padding, (tuple, list)) and len(padding) not in (1, 2, 4):
        raise ArgumentError(f"pad: padding must be one number, or 1, 2 or 4 in a sequence, got {padding}")
    if padding_mode not in PADDING_MODES:
        raise ArgumentError(f"pad: padding_mode must be one of {', '.join(PADDING_MODES)}, got {padding_mode!r}")


def sides_of(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Return the padding at the left, the top, the right and the bottom."""
    sides: Any = padding
    given = list(sides) if isinstance(sides, (list, tuple)) else [int(sides)]
    left, top, right, bottom = given * (4 // len(given))
    return left, top, right, bottom


def expand_picture(img: Picture, padding: int | Sequence[int], color: Any) -> Picture:
    """Return an image of Pillow's with a border of one color."""
    wide = pillow().ImageOps.expand(img, border=sides_of(padding), fill=color)
    if img.mode == "P":
        wide.putpalette(img.getpalette())
    return wide


def pad_picture(img: Picture, sides: tuple[int, int, int, int], padding_mode: str) -> Picture:
    """Return an image of Pillow's with its own pixels repeated around it."""
    cut, (left, top, right, bottom) = [max(-each, 0) for each in sides], [max(each, 0) for each in sides]
    if any(cut):
        img = img.crop((cut[0], cut[1], img.width - cut[2], img.height - cut[3]))
    pixels = np.asarray(img)
    amounts = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
    return in_mode_of(img, np.pad(pixels, amounts, padding_mode))  # type: ignore[call-overload]  # one of its modes


def in_mode_of(img: Picture, pixels: Any) -> Picture:
    """Return an array as an image with the mode and the palette of another."""
    if img.mode == "1":
        return pillow().Image.fromarray(pixels)
    wide = picture_from(pixels, img.mode)
    if img.mode == "P":
        wide.putpalette(img.getpalette())
    return wide


def pad_planes(img: Tensor, sides: tuple[int, int, int, int], fill: float, padding_mode: str) -> Tensor:
    left, top, right, bottom = sides
    if padding_mode == "symmetric":
        return pad_symmetric(img, sides)
    mode = "replicate" if padding_mode == "edge" else padding_mode
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    known = batch.to(int64) if mode != "constant" and img.dtype in UNSIGNED else batch
    value = float(fill) if mode == "constant" else None
    wide = pad_tensor(known, [left, right, top, bottom], mode, value).to(img.dtype)
    return wide.squeeze(0) if img.ndim < 4 else wide


def pad_symmetric(img: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
    left, top, right, bottom = sides
    rows, columns = mirror(img.shape[-2], top, bottom), mirror(img.shape[-1], left, right)
    return img.index_select(-2, tensor(rows, dtype=int32)).index_select(-1, tensor(columns, dtype=int32))


def mirror(size: int, before: int, after: int) -> list[int]:
    """Return the positions of the pixels in a row that is mirrored at both ends, or cropped."""
    start, end = max(-before, 0), size - max(-after, 0)
    kept = range(start, end)
    if max(before, after) > len(kept):
        raise IndexRangeError(f"pad: symmetric padding must be at most the size {len(kept)}, got {before} and {after}")
    return [start + each for each in reversed(range(before))] + [*kept] + [end - 1 - each for each in range(after)]


# -- other sizes -------------------------------------------------------------------------------------------------------


@image_function
def resize(
    img: Image,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Image:
    """Return an image in another size.

    Args:
        img: A Pillow image, or a tensor of shape (..., H, W).
        size: The height and width; or one number, of the shorter side, so that the sides keep their ratio.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        max_size: The most that the longer side may have, if ``size`` is one number; the shorter side is then shorter.
        antialias: Whether to average the pixels that fall together if a tensor shrinks by bilinear or bicubic
            interpolation. Pillow always does.

    Raises:
        TypeError: If ``img`` is no image, or ``interpolation`` no mode.
        ValueError: If ``size`` does not have one or two numbers, or ``max_size`` comes with two, or is not larger.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.resize(torch.zeros(3, 20, 40), 10).shape
    torch.Size([3, 10, 20])
    """
    mode = mode_of(interpolation)
    if isinstance(size, (list, tuple)):
        require_sides(size, max_size)
    _, rows, columns = get_dimensions(img)
    height, width = size_after(rows, columns, [size] if isinstance(size, int) else size, max_size)
    if (height, width) == (rows, columns):
        return img
    if isinstance(img, Tensor):
        return resize_planes(img, (height, width), mode.value, bool(antialias))
    if antialias is False:
        message = "resize: Pillow's images are always antialiased; antialias=False is ignored"
        warnings.warn(message, stacklevel=user_level())
    return img.resize((width, height), NUMBERS[mode])


def require_sides(size: Sequence[int], max_size: int | None) -> None:
    """Raise unless a size has one or two numbers, and one if the longer side is limited."""
    if len(size) not in (1, 2):
        raise ArgumentError(f"resize: size must be one number or (height, width), got {size}")
    if max_size is not None and len(size) != 1:
        raise ArgumentError(f"resize: max_size is for a size of one number, got {size}")


def size_after(rows: int, columns: int, size: Sequence[int], max_size: int | None) -> tuple[int, int]:
    """Return the height and width that an image is resized to."""
    if len(size) != 1:
        return size[0], size[1]
    require_pixels(rows, columns)
    short, long = size[0], int(size[0] * max(rows, columns) / min(rows, columns))
    if max_size is not None:
        if max_size <= short:
            raise ArgumentError(f"resize: max_size must be larger than size, got {max_size} and {size[0]}")
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (long, short) if columns <= rows else (short, long)


def resize_planes(
    img: Tensor, size: tuple[int, int], mode: str, antialias: bool, dtypes: Sequence[DType] = DOUBLES
) -> Tensor:
    """Return a tensor in another size, computed in its own dtype if that is one of some."""
    is_smooth = mode in ("bilinear", "bicubic") or (mode == "lanczos" and uint8 in dtypes)
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    found = interpolate(
        batch if img.dtype in dtypes else batch.to(DOUBLES[0]),
        size=size, mode=mode, align_corners=False if is_smooth else None, antialias=antialias and is_smooth,
    )  # fmt: skip
    if mode == "bicubic" and img.dtype == uint8 and uint8 not in dtypes:
        found = found.clamp(0, 255)
    return cast_pixels(found.squeeze(0) if img.ndim < 4 else found, img.dtype)


@image_function
def resized_crop(
    img: Image,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Image:
    """Return a rectangle of an image in another size: ``crop`` and then ``resize``.

    Args:
        img: A Pillow image, or a tensor of shape (..., H, W).
        top, left: The place of the rectangle's first pixel.
        height, width: The size of the rectangle.
        size, interpolation, antialias: As for ``resize``.

    Raises:
        TypeError: If ``img`` is no image, or ``interpolation`` no mode.
        ValueError: If ``size`` does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.resized_crop(torch.zeros(3, 20, 40), 0, 0, 10, 10, [5, 5]).shape
    torch.Size([3, 5, 5])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)
