"""Functions of images as torchvision.transforms.v2 computes them.

They differ from those of ``transforms.functional`` in the last bit: bytes are resized without becoming floats, and are
multiplied by 1/255, not divided by 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitensor.dtypes import dtype as DType
from minitensor.dtypes import float32, uint8
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.ops.creation import from_numpy
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image, is_picture
from minitensor.vision.transforms.functional import (
    InterpolationMode,
    center_crop,
    convert_image_dtype,
    crop,
    get_dimensions,
    hflip,
    pad,
    pil_to_tensor,
    to_pil_image,
    vflip,
)
from minitensor.vision.transforms.functional.cropping import resize_planes, size_after
from minitensor.vision.transforms.functional.door import image_function
from minitensor.vision.transforms.functional.filtering import normalize as normalize_planes
from minitensor.vision.transforms.functional.filtering import require_floats
from minitensor.vision.transforms.functional.interpolation import NUMBERS, mode_of
from minitensor.vision.transforms.functional.size import DOUBLES, largest_value, require_pixels

__all__ = [
    "InterpolationMode",
    "center_crop",
    "crop",
    "get_dimensions",
    "get_size",
    "hflip",
    "horizontal_flip",
    "normalize",
    "pad",
    "pil_to_tensor",
    "resize",
    "resized_crop",
    "to_dtype",
    "to_image",
    "to_pil_image",
    "vertical_flip",
    "vflip",
]

horizontal_flip, vertical_flip = hflip, vflip

Mode = InterpolationMode | str | int


@image_function
def get_size(inpt: Image) -> list[int]:
    """Return the height and width of an image ``inpt``.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms.v2 import functional as F
    >>> F.get_size(torch.zeros(3, 10, 20))
    [10, 20]
    """
    return get_dimensions(inpt)[1:]


@image_function
def to_image(inpt: Any) -> Tensor:
    """Return a Pillow image, a tensor or an array of shape (H, W, C) ``inpt`` as a tensor of shape (C, H, W).

    Raises:
        TypeError: If it is none of these.

    >>> import numpy
    >>> from minitensor.vision.transforms.v2 import functional as F
    >>> F.to_image(numpy.zeros((10, 20, 3), numpy.uint8)).shape
    torch.Size([3, 10, 20])
    """
    if isinstance(inpt, np.ndarray):
        return from_numpy(np.ascontiguousarray(np.atleast_3d(inpt).transpose(2, 0, 1)))
    if is_picture(inpt):
        return pil_to_tensor(inpt)
    if not isinstance(inpt, Tensor):
        raise ArgumentTypeError(f"to_image: a Pillow image, a tensor or an array is wanted, got {type(inpt).__name__}")
    return inpt.unsqueeze(0) if inpt.ndim == 2 else inpt


@image_function
def to_dtype(inpt: Tensor, dtype: DType = float32, scale: bool = False) -> Tensor:
    """Return a tensor in another dtype.

    Args:
        inpt: The tensor.
        dtype: The dtype. Default: ``torch.float32``.
        scale: Whether to scale the values to its range: floats are between 0 and 1, integers between 0 and the largest
            value of their dtype. Default: ``False``.

    Raises:
        RuntimeError: If a float is scaled to an integer with more values than it can tell apart.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms.v2 import functional as F
    >>> F.to_dtype(torch.tensor([0, 51, 255], dtype=torch.uint8), scale=True)
    tensor([0.0000, 0.2000, 1.0000])
    """
    if inpt.dtype == dtype or not scale:
        return inpt.to(dtype)
    if dtype.is_floating_point and not inpt.dtype.is_floating_point:
        return inpt.to(dtype) * (1.0 / largest_value(inpt.dtype))
    return convert_image_dtype(inpt, dtype)


@image_function
def normalize(inpt: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """Return ``(inpt - mean) / std``, channel by channel; an image of one channel gets as many as there are numbers.

    Args:
        inpt: An image of floats, of shape (..., C, H, W).
        mean: One number for each channel.
        std: One number for each channel, none of them zero.
        inplace: Whether to change the image itself. Default: ``False``.

    Raises:
        TypeError: If it is no tensor, or none of floats.
        ValueError: If it has fewer than three dims, or an ``std`` is zero.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms.v2 import functional as F
    >>> F.normalize(torch.ones(1, 1, 1), mean=[0.5, 0.0], std=[0.5, 0.25]).flatten()
    tensor([1., 4.])
    """
    if inplace:
        return normalize_planes(inpt, mean, std, True)
    require_floats(inpt)
    shape = (*inpt.shape[:-3], max(inpt.shape[-3], len(mean)), *inpt.shape[-2:])
    return normalize_planes(inpt.expand(shape).contiguous(), mean, std)


@image_function
def resize(
    inpt: Image,
    size: int | Sequence[int] | None,
    interpolation: Mode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Image:
    """Return an image in another size. Bytes are computed as bytes.

    Args:
        inpt: A Pillow image, or a tensor of shape (..., C, H, W).
        size: The height and width; or one number, of the shorter side; or None, if ``max_size`` is the longer side.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        max_size: The most that the longer side may have.
        antialias: Whether to average the pixels that fall together if a tensor shrinks. Default: ``True``.

    Raises:
        TypeError: If ``inpt`` is no image, or ``interpolation`` no mode.
        ValueError: If ``max_size`` comes with a height and width, or is not larger than ``size``, or both are None.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms.v2 import functional as F
    >>> F.resize(torch.zeros(3, 20, 40), None, max_size=10).shape
    torch.Size([3, 5, 10])
    """
    mode = mode_of(InterpolationMode(interpolation) if isinstance(interpolation, str) else interpolation)
    _, rows, columns = get_dimensions(inpt)
    height, width = new_size(rows, columns, size, max_size)
    if (height, width) == (rows, columns):
        return inpt
    if not isinstance(inpt, Tensor):
        return inpt.resize((width, height), NUMBERS[mode])
    return resize_planes(inpt, (height, width), mode.value, bool(antialias), (*DOUBLES, uint8))


def new_size(rows: int, columns: int, size: int | Sequence[int] | None, max_size: int | None) -> tuple[int, int]:
    """Return the height and width that an image is resized to."""
    if size is None:
        if not isinstance(max_size, int):
            raise ArgumentError(f"resize: max_size must be an int if size is None, got {max_size!r}")
        require_pixels(rows, columns)
        short = int(max_size * min(rows, columns) / max(rows, columns))
        return (max_size, short) if columns <= rows else (short, max_size)
    sizes = [size] if isinstance(size, int) else list(size)
    if max_size is not None and len(sizes) != 1:
        raise ArgumentError(f"resize: max_size is for a size of one number, got {size}")
    return size_after(rows, columns, sizes, max_size)


@image_function
def resized_crop(
    inpt: Image,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Mode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Image:
    """Return a rectangle of an image in another size: ``crop`` and then ``resize``.

    Args:
        inpt: A Pillow image, or a tensor of shape (..., C, H, W).
        top, left: The place of the rectangle's first pixel.
        height, width: The size of the rectangle.
        size, interpolation, antialias: As for ``resize``.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms.v2 import functional as F
    >>> F.resized_crop(torch.zeros(3, 20, 40), 0, 0, 10, 10, [5, 5]).shape
    torch.Size([3, 5, 5])
    """
    return resize(crop(inpt, top, left, height, width), size, interpolation, antialias=antialias)
