"""Transforms that cut, pad, flip and resize."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.module import Module
from minitensor.ops.creation import tensor
from minitensor.vision.pillow import Image
from minitensor.vision.transforms import functional as F
from minitensor.vision.transforms.arguments import pair_from, require_ranges
from minitensor.vision.transforms.door import transform_forward
from minitensor.vision.transforms.draws import draw_below, draw_between, happens
from minitensor.vision.transforms.functional.cropping import PADDING_MODES
from minitensor.vision.transforms.functional.interpolation import InterpolationMode, mode_from_number
from minitensor.vision.transforms.functional.size import require_pixels


class Resize(Module):
    """Images get another size.

    Args:
        size: The height and width; or one number, of the shorter side, so that the sides keep their ratio.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        max_size: The most that the longer side may have, if ``size`` is one number.
        antialias: Whether to average the pixels that fall together if a tensor shrinks. Default: ``True``.

    Raises:
        TypeError: If ``size`` is neither an int nor a sequence.
        ValueError: If it does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.Resize((2, 5))(torch.zeros(3, 10, 10)).shape
    torch.Size([3, 2, 5])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise ArgumentTypeError(f"Resize: size must be an int or a sequence, got {size!r}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ArgumentError(f"Resize: size must have one or two numbers, got {size}")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = mode_from_number(interpolation)

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image in the other size."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class CenterCrop(Module):
    """Images are cut to their middle.

    Args:
        size: The height and width, or one number for both.

    Raises:
        ValueError: If it does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.CenterCrop(1)(torch.arange(9).view(1, 3, 3))
    tensor([[[4]]])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair_from(size)

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the middle of the image."""
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Pad(Module):
    """Images get pixels around them.

    Args:
        padding: How many: one number; (left and right, top and bottom); or (left, top, right, bottom).
        fill: The color of constant pixels. Default: ``0``.
        padding_mode: "constant", "edge", "reflect" or "symmetric". Default: ``"constant"``.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``padding`` has another number of entries, or the mode is unknown.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.Pad([1, 0], padding_mode="edge")(torch.tensor([[[1, 2]]]))
    tensor([[[1, 1, 2, 2]]])
    """

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        for name, value in (("padding", padding), ("fill", fill)):
            if not isinstance(value, (numbers.Number, tuple, list)):
                raise ArgumentTypeError(f"Pad: {name} must be a number or a sequence of them, got {value!r}")
        if padding_mode not in PADDING_MODES:
            raise ArgumentError(f"Pad: padding_mode must be one of {', '.join(PADDING_MODES)}, got {padding_mode!r}")
        if isinstance(padding, Sequence) and len(padding) not in (1, 2, 4):
            raise ArgumentError(f"Pad: padding must be one number, or 1, 2 or 4 in a sequence, got {padding}")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image with pixels around it."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class RandomCrop(Module):
    """Images are cut to a rectangle at a random place.

    Args:
        size: The height and width of the rectangle, or one number for both.
        padding: How many pixels are added around the image before, as for ``Pad``; none if None.
        pad_if_needed: Whether an image that is too small is padded. Default: ``False``.
        fill: The color of constant pixels. Default: ``0``.
        padding_mode: "constant", "edge", "reflect" or "symmetric". Default: ``"constant"``.

    Raises:
        ValueError: If ``size`` does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomCrop(32, padding=4)(torch.zeros(3, 32, 32)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(pair_from(size))
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: Image, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw the top, left, height and width of a rectangle of ``output_size``.

        Raises:
            ValueError: If the rectangle is larger than the image.
        """
        _, rows, columns = F.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            raise ArgumentError(f"RandomCrop: {(height, width)} is larger than the image {(rows, columns)}")
        if (rows, columns) == (height, width):
            return 0, 0, rows, columns
        return draw_below(rows - height + 1), draw_below(columns - width + 1), height, width

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return a part of the image."""
        if self.padding is not None:
            img = self.pad(img, self.padding)
        _, rows, columns = F.get_dimensions(img)
        height, width = self.size
        if self.pad_if_needed and columns < width:
            img = self.pad(img, [width - columns, 0])
        if self.pad_if_needed and rows < height:
            img = self.pad(img, [0, height - rows])
        return F.crop(img, *self.get_params(img, self.size))

    def pad(self, img: Image, padding: int | Sequence[int]) -> Image:
        """Return the image with ``padding`` around it."""
        return F.pad(img, padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class RandomResizedCrop(Module):
    """Images are cut to a rectangle of random area, ratio and place, which is then resized.

    Args:
        size: The height and width of the result, or one number for both.
        scale: The range of the area, as a part of the image's. Default: ``(0.08, 1.0)``.
        ratio: The range of width / height. Default: ``(0.75, 1.3333333333333333)``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        antialias: Whether to average the pixels that fall together if a tensor shrinks. Default: ``True``.

    Raises:
        TypeError: If ``scale`` or ``ratio`` is no sequence.
        ValueError: If ``size`` does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomResizedCrop(8)(torch.zeros(3, 32, 32)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair_from(size)
        require_ranges(scale, ratio)
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = mode_from_number(interpolation)

    @staticmethod
    def get_params(img: Image, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Draw the top, left, height and width of a rectangle whose area and ratio are in ``scale`` and ``ratio``.

        After ten rectangles that do not fit, it is the largest in the middle whose ratio is in the range.
        """
        _, rows, columns = F.get_dimensions(img)
        low, high = tensor(ratio).log().tolist()
        for _ in range(10):
            area = rows * columns * draw_between(*scale)
            aspect = tensor([draw_between(low, high)]).exp().item()
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < width <= columns and 0 < height <= rows:
                return draw_below(rows - height + 1), draw_below(columns - width + 1), height, width
        return central_rectangle(rows, columns, min(ratio), max(ratio))

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return a part of the image in the other size."""
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self) -> str:
        scale, ratio = [tuple(round(each, 4) for each in pair) for pair in (self.scale, self.ratio)]
        return (
            f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def central_rectangle(rows: int, columns: int, least: float, most: float) -> tuple[int, int, int, int]:
    """Return the largest rectangle in the middle whose ratio is in a range."""
    require_pixels(rows, columns or 1)  # without columns, the ratio is 0
    height, width = rows, columns
    if columns / rows < least:
        height = round(columns / least)
    elif columns / rows > most:
        width = round(rows * most)
    return (rows - height) // 2, (columns - width) // 2, height, width


class FiveCrop(Module):
    """Images become five: their corners and their middle.

    Args:
        size: The height and width of each, or one number for both.

    Raises:
        ValueError: If it does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> [each.item() for each in transforms.FiveCrop(1)(torch.arange(9).view(3, 3))]
    [0, 2, 6, 8, 4]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair_from(size)

    @transform_forward
    def forward(self, img: Image) -> tuple[Image, ...]:
        """Return five parts of the image."""
        return F.five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class TenCrop(Module):
    """Images become ten: their corners and their middle, and those of the flipped image.

    Args:
        size: The height and width of each, or one number for both.
        vertical_flip: Whether to exchange top and bottom, not left and right. Default: ``False``.

    Raises:
        ValueError: If it does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> len(transforms.TenCrop(24)(torch.zeros(3, 32, 32)))
    10
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size = pair_from(size)
        self.vertical_flip = vertical_flip

    @transform_forward
    def forward(self, img: Image) -> tuple[Image, ...]:
        """Return ten parts of the image."""
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class RandomHorizontalFlip(Module):
    """Left and right are exchanged at random.

    Args:
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomHorizontalFlip(p=1.0)(torch.tensor([[1, 2]]))
    tensor([[2, 1]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, flipped or not."""
        return F.hflip(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomVerticalFlip(Module):
    """Top and bottom are exchanged at random.

    Args:
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomVerticalFlip(p=1.0)(torch.tensor([[1], [2]]))
    tensor([[2],
            [1]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, flipped or not."""
        return F.vflip(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"
