"""The names of the ways to compute pixels between pixels, and Pillow's numbers for them."""

from __future__ import annotations

from enum import Enum
from typing import Any

from minitensor.errors import MissingEntryError, WrongTypeError


class InterpolationMode(Enum):
    """The way to compute a pixel that lies between pixels.

    Tensors are resized by ``NEAREST``, ``NEAREST_EXACT``, ``BILINEAR`` and ``BICUBIC``, and rotated or warped by
    ``NEAREST`` and ``BILINEAR``; ``BOX``, ``HAMMING`` and ``LANCZOS`` are for Pillow's images. Functions that take a
    mode also take Pillow's number for it.

    Args:
        value: The name of a mode in lower case.
        *args, **kwds: As for any ``Enum``.

    Raises:
        ValueError: If there is no such mode.
        TypeError: If other arguments do not fit ``Enum``.

    >>> from minitensor.vision.transforms import InterpolationMode
    >>> InterpolationMode("nearest-exact")
    <InterpolationMode.NEAREST_EXACT: 'nearest-exact'>
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


NUMBERS = {  # Pillow's
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}
MODES = {number: mode for mode, number in NUMBERS.items() if mode is not InterpolationMode.NEAREST_EXACT}


def mode_from_number(interpolation: Any) -> Any:
    """Return the mode that a number of Pillow's stands for, and everything else as it is."""
    if not isinstance(interpolation, int):
        return interpolation
    if interpolation not in MODES:
        raise MissingEntryError(f"interpolation must be one of Pillow's numbers 0 to 5, got {interpolation}")
    return MODES[interpolation]


def mode_of(interpolation: Any) -> InterpolationMode:
    """Return a mode that is given as such, or by Pillow's number."""
    mode = mode_from_number(interpolation)
    if not isinstance(mode, InterpolationMode):
        raise WrongTypeError(
            f"interpolation must be an InterpolationMode or one of Pillow's numbers, got {interpolation!r}"
        )
    return mode
