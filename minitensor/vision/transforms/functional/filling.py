"""The color of pixels that lie outside an image."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

from minitensor.errors import ArgumentError, ShapeError
from minitensor.ops.creation import tensor
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Picture

Fill: TypeAlias = float | Sequence[float] | None  # one number, or one for each channel


def color_of(fill: Fill, img: Picture) -> Any:
    """Return a color as Pillow takes it for an image: a number, or a tuple with one for each channel."""
    channels = len(img.getbands())
    number: Any = float if img.mode == "F" else int
    if not isinstance(fill, (list, tuple)):
        value: Any = 0 if fill is None else fill
        if isinstance(value, numbers.Real):
            return tuple([number(value)] * channels) if channels > 1 else number(value)
        return value
    if len(fill) not in (1, channels):
        raise ArgumentError(f"fill must have one number or {channels}, as the image has channels, got {fill}")
    return tuple([number(each) for each in (list(fill) * channels if len(fill) == 1 else fill)])


def fill_planes(img: Tensor, inside: Tensor, fill: Fill, mode: str) -> Tensor:
    """Return pixels, a batch, with a color where they are outside: ``inside`` is 1 within and 0 outside."""
    values = [float(each) for each in fill] if isinstance(fill, (list, tuple)) else [float(fill)]  # type: ignore[arg-type]  # a number
    if len(values) not in (1, img.shape[1]):
        raise ShapeError(f"fill must have one number or {img.shape[1]}, as the image has channels, got {fill}")
    color = tensor(values, dtype=img.dtype, device=img.device).view(1, -1, 1, 1)
    if mode == "nearest":
        return color.where(inside < 0.5, img)
    return img * inside + (1.0 - inside) * color
