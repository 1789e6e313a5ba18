"""Pillow, the library of images, which is optional: it is loaded when an image is made, and asked for nothing before.

A value can only be one of Pillow's images if Pillow is loaded already, so functions of tensors never load it.
"""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from minitensor.errors import ArgumentTypeError, MissingExtraError
from minitensor.tensor import Tensor

Picture: TypeAlias = Any  # an image of Pillow, which may not be installed
Image: TypeAlias = Any  # one of these, or a tensor of shape (..., C, H, W)

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


def pillow() -> Any:
    """Return the package ``PIL``, with the modules that are used here."""
    try:
        import PIL.Image
        import PIL.ImageEnhance
        import PIL.ImageOps
    except ImportError:
        raise MissingExtraError.of("pillow", "vision") from None
    return PIL


def is_picture(value: Any) -> bool:
    """Return whether a value is one of Pillow's images."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def require_picture(value: Any, name: str = "img") -> None:
    if not is_picture(value):
        advice = "; F.to_pil_image makes one of an array" if isinstance(value, np.ndarray) else ""
        raise ArgumentTypeError(f"{name} must be a Pillow image or a tensor, got {type(value).__name__}{advice}")


def require_image(value: Any) -> None:
    if not isinstance(value, Tensor):
        require_picture(value)


def picture_from(array: npt.NDArray[Any], mode: str) -> Picture:
    """Return an image whose bytes are those of an array of shape (H, W) or (H, W, C)."""
    height, width = array.shape[:2]
    return pillow().Image.frombytes(mode, (width, height), array.tobytes(), "raw", mode)
