"""What the constructors of transforms require of their arguments, and the forms that they store them in."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from minitensor.callers import user_level
from minitensor.errors import ArgumentError, ArgumentTypeError, IndexValueError, ShapeIndexError, WrongTypeError
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image
from minitensor.vision.transforms.functional.size import get_image_num_channels


def pair_from(size: Any, name: str = "size") -> Any:
    """Return a number as a pair, a sequence of one too, and one of two as it is."""
    if isinstance(size, numbers.Number):
        return (int(size), int(size))  # type: ignore[call-overload]  # a number
    if isinstance(size, Sequence) and len(size) == 1:
        return (size[0], size[0])
    if len(size) != 2:
        raise ArgumentError(f"{name} must be one number or (height, width), got {size}")
    return size


def require_tensor_of_planes(img: Any) -> None:
    """Raise unless a value is a tensor of shape (..., C, H, W)."""
    if not isinstance(img, Tensor):
        raise WrongTypeError(f"a tensor is wanted, got {type(img).__name__}; use ToTensor first")
    if img.ndim < 3:
        raise ShapeIndexError(f"a tensor of shape (..., C, H, W) is wanted, got {tuple(img.shape)}")


def require_sequence(value: Any, name: str, lengths: tuple[int, ...] = (2,)) -> None:
    wanted = f"{name} must be a sequence of {' or '.join(map(str, lengths))} numbers, got {value!r}"
    if not isinstance(value, Sequence):
        raise ArgumentTypeError(wanted)
    if len(value) not in lengths:
        raise ArgumentError(wanted)


def angles_from(angle: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    """Return the range of an angle: one number stands for (-angle, angle)."""
    if isinstance(angle, numbers.Number):
        if angle < 0:  # type: ignore[operator]  # a number
            raise ArgumentError(f"{name} must not be negative if it is one number, got {angle}")
        angle = [-angle, angle]  # type: ignore[operator]  # a number
    else:
        require_sequence(angle, name, lengths)
    return [float(each) for each in angle]


def fill_from(fill: Any) -> Any:
    """Return the color of pixels outside an image; None is black."""
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, numbers.Number)):
        raise ArgumentTypeError(f"fill must be a number or a sequence of them, got {fill!r}")
    return fill


def fill_for(img: Image, fill: Any) -> Any:
    """Return a color as a function of an image wants it: for a tensor, one float for each channel."""
    if not isinstance(img, Tensor) or fill is None:
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * get_image_num_channels(img)
    if not hasattr(fill, "__iter__"):
        raise ArgumentTypeError(f"fill must be a number or a sequence of them, got {fill!r}")
    return [float(each) for each in fill]


def require_ranges(scale: Any, ratio: Any) -> None:
    """Raise unless the ranges of areas and aspect ratios are sequences; warn if their ends are exchanged."""
    for name, value in (("scale", scale), ("ratio", ratio)):
        if not isinstance(value, Sequence):
            raise ArgumentTypeError(f"{name} must be a sequence (min, max), got {value!r}")
        if len(value) < 2:
            raise IndexValueError(f"{name} must be a sequence (min, max), got {value!r}")
        if len(value) > 2:
            raise ArgumentError(f"{name} must be a sequence (min, max), got {value!r}")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("scale and ratio should be (min, max)", stacklevel=user_level())
