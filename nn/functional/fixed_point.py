"""Resampling of uint8 images with fixed-point weights: integers that are multiples of a power of two.

The weights are those of ``resampling.py`` in double precision, scaled by the largest power of two with which all of
them fit in 16 bits. The sums are integers, and each dim that is resampled is rounded to whole pixel values, as in
Pillow and PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.declare import nondifferentiable
from minitensor.autograd.strides import in_format, in_layout
from minitensor.backends.reference.conv import is_channels_last
from minitensor.backends.reference.resample import FixedPointTaps
from minitensor.nn.functional.resampling import cubic_taps, linear_taps, smooth_taps
from minitensor.shapes import memoize

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.nn.functional.resampling import Entries
    from minitensor.tensor import Tensor

WIDEST, MOST_BITS = 1 << 15, 22


@nondifferentiable
@in_layout(in_format)
def resample_fixed_point(input: Tensor, dim: int, taps: FixedPointTaps) -> Array:
    """Replace a dim of uint8 images (N, C, *size) by weighted sums of its entries, rounded."""
    array, backend = input.array, input.backend
    if not is_channels_last(array):
        return backend.resample_fixed_point(array, dim, taps)
    last = input.xp.moveaxis(array, 1, -1)
    return input.xp.moveaxis(backend.resample_fixed_point(last, dim - 1, taps), -1, 1)


@memoize
def fixed_point_taps(
    mode: str, length: int, count: int, scale: float | None, align_corners: bool, antialias: bool
) -> FixedPointTaps:
    """Return the table that resizes a dim of uint8 images from ``length`` to ``count``."""
    if antialias:
        taps = smooth_taps(length, count, scale, align_corners, True, mode)
    else:
        taps = (cubic_taps if mode == "bicubic" else linear_taps)(length, count, scale, align_corners, True)
    entries = [add_weights(each) for each in taps.entries]
    bits = count_bits(max(weight for each in entries for _, weight in each))
    whole: list[Entries] = [[(place, to_integer(weight, bits)) for place, weight in each] for each in entries]
    return FixedPointTaps(length, whole, bits)


def add_weights(entries: Entries) -> Entries:
    """Add up the weights of each place; a place at the edge may appear several times."""
    weights: dict[int, float] = {}
    for place, weight in entries:
        weights[place] = weights.get(place, 0.0) + weight
    return list(weights.items())


def count_bits(largest: float) -> int:
    """Return how many bits after the point leave the largest weight below 2**15."""
    return next((bits for bits in range(MOST_BITS) if int(0.5 + largest * (2 << bits)) >= WIDEST), MOST_BITS)


def to_integer(weight: float, bits: int) -> int:
    """Return a weight in units of ``2**-bits``; halves are rounded away from zero."""
    scaled = weight * (1 << bits)
    return int(scaled - 0.5) if scaled < 0 else int(scaled + 0.5)
