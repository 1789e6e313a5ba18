"""The size of an image, and what is required of one."""

from __future__ import annotations

from collections.abc import Sequence

from minitensor.dtypes import dtype as DType
from minitensor.dtypes import float32, float64, int8, int16, int32, int64, uint8, uint16
from minitensor.errors import ArgumentTypeError, ShapeIndexError, UsageZeroDivisionError
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image, require_picture
from minitensor.vision.transforms.functional.door import image_function

# The largest value of a pixel. It is 1 for all other dtypes.
LARGEST = {uint8: 255, int8: 127, int16: 32767, uint16: 65535, int32: 2**31 - 1, int64: 2**63 - 1}


@image_function
def get_dimensions(img: Image) -> list[int]:
    """Return the channels, height and width of an image.

    Raises:
        TypeError: If it is neither a Pillow image nor a tensor of two dims or more.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.get_dimensions(torch.zeros(3, 10, 20))
    [3, 10, 20]
    """
    if isinstance(img, Tensor):
        require_planes(img)
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    require_picture(img)
    width, height = img.size
    return [len(img.getbands()), height, width]


@image_function
def get_image_size(img: Image) -> list[int]:
    """Return the width and height of an image.

    Raises:
        TypeError: If it is neither a Pillow image nor a tensor of two dims or more.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.get_image_size(torch.zeros(3, 10, 20))
    [20, 10]
    """
    return get_dimensions(img)[:0:-1]


@image_function
def get_image_num_channels(img: Image) -> int:
    """Return the number of channels of an image.

    Raises:
        TypeError: If it is neither a Pillow image nor a tensor of two dims or more.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.get_image_num_channels(torch.zeros(10, 20))
    1
    """
    return get_dimensions(img)[0]


def largest_value(dtype: DType) -> int:
    """Return the value of the brightest pixel."""
    return LARGEST.get(dtype, 1)


def require_planes(img: Tensor, dims: int = 2) -> None:
    """Raise unless a tensor has the dims of an image."""
    if img.ndim < dims:
        wanted = "(..., H, W)" if dims == 2 else "(..., C, H, W)"
        raise ArgumentTypeError(f"img must be a tensor of shape {wanted}, got {tuple(img.shape)}")


def require_stack(img: Tensor) -> None:
    """Raise unless a tensor of two dims or more has a third: a stack of planes."""
    if img.ndim < 3:
        raise ShapeIndexError(f"img must be a tensor of shape (..., C, H, W), got {tuple(img.shape)}; see unsqueeze")


def require_pixels(rows: int, columns: int) -> None:
    """Raise if an image has no pixel, and so no ratio of width and height."""
    if not rows or not columns:
        raise UsageZeroDivisionError(f"an image without pixels has no ratio, got height {rows} and width {columns}")


def require_channels(img: Tensor, permitted: Sequence[int] = (1, 3), dims: int = 2) -> None:
    """Raise unless a tensor is an image with one of these numbers of channels."""
    require_planes(img, dims)
    channels = get_image_num_channels(img)
    if channels not in permitted:
        wanted = " or ".join(map(str, permitted))
        raise ArgumentTypeError(f"img must have {wanted} channels, got {channels} in {tuple(img.shape)}")


def float_type(img: Tensor) -> DType:
    """Return the dtype in which to compute with an image."""
    return img.dtype if img.dtype.is_floating_point else float32


DOUBLES = (float32, float64)
INTEGERS = (uint8, int8, int16, int32, int64)


def cast_pixels(img: Tensor, dtype: DType) -> Tensor:
    """Return computed pixels in the dtype of an image, rounded if they are integers."""
    if img.dtype == dtype:
        return img
    return (img.round() if dtype in INTEGERS else img).to(dtype)
