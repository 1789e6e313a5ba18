"""Resampling by tables: the primitive below adaptive average pooling, padding and interpolation.

``resample`` replaces one dim by weighted sums of its entries; its gradient is the same with the table transposed. The
tables follow PyTorch's formulas in the precision in which it computes them. Several dims are resampled one by one.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.strides import in_format, in_layout
from minitensor.backends.reference.conv import is_channels_last
from minitensor.backends.reference.resample import LongTaps, Pairs, Taps
from minitensor.ops.constant import as_function_of
from minitensor.shapes import memoize

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Entries = list[tuple[int, float]]


def resample_grad(grad: Tensor, dim: int, taps: Taps | LongTaps) -> Tensor:
    """Return the gradient of ``resample``: resampling with the transposed table."""
    return resample(grad, dim, taps.adjoint)


def resample_keeping_input_grad(grad: Tensor, input: Tensor, dim: int, taps: Taps | LongTaps) -> Tensor:
    """Return that gradient as a function of the input; see Note [Linear gradients]."""
    return as_function_of(resample(grad, dim, taps.adjoint), input)


@differentiable(input=resample_grad)
@in_layout(in_format)
def resample(input: Tensor, dim: int, taps: Taps | LongTaps) -> Array:
    """Replace a dim of (N, C, *size) by weighted sums of its entries."""
    return resample_array(input, dim, taps)


@differentiable(input=resample_keeping_input_grad)
@in_layout(in_format)
def resample_keeping_input(input: Tensor, dim: int, taps: Taps | LongTaps) -> Array:
    """Resample with a gradient that counts as a function of the input, as PyTorch's does in pooling and padding."""
    return resample_array(input, dim, taps)


def resample_array(input: Tensor, dim: int, taps: Taps | LongTaps) -> Array:
    """Return the sums, channels last if the input is."""
    array, backend = input.array, input.backend
    if dim < 2 or not is_channels_last(array):
        return backend.resample(array, dim, taps)
    last = input.xp.moveaxis(array, 1, -1)
    return input.xp.moveaxis(backend.resample(last, dim - 1, taps), -1, 1)


# -- the tables --------------------------------------------------------------------------------------------------------


@memoize
def shares(length: int, count: int) -> list[tuple[int, int]]:
    """Return where each of ``count`` windows that divide a side begins and ends."""
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


@memoize
def mean_taps(length: int, count: int) -> Taps:
    """Return the table of the means of windows that divide a side."""
    windows = shares(length, count)
    return Taps(length, [[(i, 1 / (end - start)) for i in range(start, end)] for start, end in windows])


@memoize
def nearest_taps(length: int, count: int, scale: float | None, exact: bool) -> Taps:
    """Return the table of the nearest entries: to an entry's start or, if ``exact``, to its center."""
    step = to_single(1 / scale) if scale is not None else to_single(length / count)
    shift = 0.5 if exact else 0.0
    return Taps(length, [[(min(math.floor(to_single((i + shift) * step)), length - 1), 1.0)] for i in range(count)])


@memoize
def linear_taps(length: int, count: int, scale: float | None, align_corners: bool, precise: bool) -> Taps:
    """Return the table of linear interpolation between neighbors."""
    entries: list[Entries] = []
    rounded = float if precise else to_single
    for place in sources(length, count, scale, align_corners, precise):
        place = max(place, 0.0)
        low = min(math.floor(place), length - 1)
        share = min(max(rounded(place - low), 0.0), 1.0)
        entries.append([(low, rounded(1 - share)), (min(low + 1, length - 1), share)] if share else [(low, 1.0)])
    return Taps(length, entries)


@memoize
def cubic_taps(length: int, count: int, scale: float | None, align_corners: bool, precise: bool) -> Taps:
    """Return the table of Keys' cubic convolution with a = -0.75, edges repeated."""
    entries: list[Entries] = []
    rounded = float if precise else to_single
    for place in sources(length, count, scale, align_corners, precise):
        low = min(math.floor(place), length - 1)
        share = rounded(place - low)
        weights = [rounded(cubic(share + 1 - k, -0.75)) for k in range(4)]
        entries.append([(min(max(low - 1 + k, 0), length - 1), weight) for k, weight in enumerate(weights)])
    return Taps(length, entries)


@memoize
def smooth_taps(length: int, count: int, scale: float | None, align_corners: bool, precise: bool, mode: str) -> Taps:
    """Return the table of a filter as wide as a new entry, which avoids aliasing, as in Pillow."""
    rounded = float if precise else to_single
    step = spacing(length, count, scale, align_corners, rounded)
    curve, half_width = SMOOTH_CURVES[mode]
    reach = half_width * max(step, 1.0)
    shrink = 1 / max(step, 1.0)
    entries: list[Entries] = []
    for place in range(count):
        center = rounded(step * (place + 0.5))
        low = max(int(rounded(center - reach + 0.5)), 0)
        high = min(int(rounded(center + reach + 0.5)), length)
        weights = [rounded(curve(rounded((i - center + 0.5) * shrink))) for i in range(low, high)]
        total = reduce(operator.add, weights)  # `sum` rounds once since Python 3.12
        entries.append([(low + k, rounded(weight / total)) for k, weight in enumerate(weights)])
    return Taps(length, entries)


# -- tables too long to write out --------------------------------------------------------------------------------------

LONG = 1 << 14  # from this many new entries on, a table is computed piece by piece, in arrays


def long_mean_taps(length: int, count: int) -> LongTaps:
    """Return the table of ``mean_taps``."""
    widest = -(-length // count) + 1

    def look(xp: Any, start: int, stop: int) -> Pairs:
        numbers = xp.arange(start, stop)
        begin, end = numbers * length // count, -(-(numbers + 1) * length // count)
        share = 1 / (end - begin)
        return [(xp.minimum(begin + k, end - 1), share * (begin + k < end)) for k in range(widest)]

    return LongTaps(length, count, look)


def long_nearest_taps(length: int, count: int, scale: float | None, exact: bool) -> LongTaps:
    """Return the table of ``nearest_taps``."""
    step = to_single(1 / scale) if scale is not None else to_single(length / count)
    shift = 0.5 if exact else 0.0

    def look(xp: Any, start: int, stop: int) -> Pairs:
        places = ((xp.arange(start, stop) + shift) * step).astype("float32")
        return [(xp.minimum(xp.floor(places).astype("int64"), length - 1), None)]

    return LongTaps(length, count, look)


def long_linear_taps(length: int, count: int, scale: float | None, align_corners: bool, precise: bool) -> LongTaps:
    """Return the table of ``linear_taps``."""

    def look(xp: Any, start: int, stop: int) -> Pairs:
        places = xp.maximum(long_sources(xp, start, stop, length, count, scale, align_corners, precise), 0)
        low = xp.minimum(xp.floor(places).astype("int64"), length - 1)
        share = xp.clip(places - low.astype(places.dtype), 0, 1)
        return [(low, 1 - share), (xp.minimum(low + 1, length - 1), share)]

    return LongTaps(length, count, look)


def long_cubic_taps(length: int, count: int, scale: float | None, align_corners: bool, precise: bool) -> LongTaps:
    """Return the table of ``cubic_taps``."""

    def look(xp: Any, start: int, stop: int) -> Pairs:
        places = long_sources(xp, start, stop, length, count, scale, align_corners, precise)
        low = xp.minimum(xp.floor(places).astype("int64"), length - 1)
        share = (places - low.astype(places.dtype)).astype("float64")
        near = [cubic_near(share, -0.75), cubic_near(1 - share, -0.75)]
        weights = [cubic_far(share + 1, -0.75), *near, cubic_far(2 - share, -0.75)]
        return [
            (xp.clip(low - 1 + k, 0, length - 1), weight.astype(places.dtype)) for k, weight in enumerate(weights)
        ]

    return LongTaps(length, count, look)


def long_sources(
    xp: Any, start: int, stop: int, length: int, count: int, scale: float | None, align_corners: bool, precise: bool
) -> Array:
    """Return a range of ``sources`` as an array."""
    step = spacing(length, count, scale, align_corners, float if precise else to_single)
    kind, numbers = "float64" if precise else "float32", xp.arange(start, stop)
    if align_corners:
        return (step * numbers).astype(kind)  # type: ignore[no-any-return]  # `xp` is untyped
    return (step * (numbers + 0.5) - 0.5).astype(kind)  # type: ignore[no-any-return]  # as above


# -- the position of a new entry among the old ones --------------------------------------------------------------------


def to_single(number: float) -> float:
    """Round to single precision."""
    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found


def spacing(
    length: int, count: int, scale: float | None, align_corners: bool, rounded: Callable[[float], float]
) -> float:
    """Return the distance between new entries, in old ones."""
    if align_corners:
        return rounded((length - 1) / (count - 1)) if count > 1 else 0.0
    return rounded(1 / scale) if scale is not None else rounded(length / count)


def sources(length: int, count: int, scale: float | None, align_corners: bool, precise: bool) -> list[float]:
    """Return the position of each new entry: ends on ends if corners are aligned, else centers of equal shares."""
    rounded: Callable[[float], float] = float if precise else to_single
    step = spacing(length, count, scale, align_corners, rounded)
    if align_corners:
        return [rounded(step * i) for i in range(count)]
    return [rounded(step * (i + 0.5) - 0.5) for i in range(count)]  # rounded once, as processors do


def cubic(x: float, a: float) -> float:
    """Return Keys' kernel at ``x``: Keys 1981, "Cubic convolution interpolation for digital image processing"."""
    x = abs(x)
    if x <= 1:
        return float(cubic_near(x, a))
    return float(cubic_far(x, a)) if x < 2 else 0.0


def cubic_near(x: Any, a: float) -> Any:
    """Return Keys' kernel from 0 to 1."""
    return ((a + 2) * x - (a + 3)) * x * x + 1


def cubic_far(x: Any, a: float) -> Any:
    """Return Keys' kernel from 1 to 2."""
    return (((x - 5) * x + 8) * x - 4) * a


def keys(x: float) -> float:
    """Return Keys' kernel with a = -0.5, as in Pillow."""
    return cubic(x, -0.5)


def triangle(x: float) -> float:
    r"""Return the hat function max(0, 1 - \|x\|)."""
    return max(0.0, 1 - abs(x))


def lanczos(x: float) -> float:
    """Return Lanczos' kernel with three lobes."""
    return sinc(x) * sinc(x / 3) if -3 <= x < 3 else 0.0


def sinc(x: float) -> float:
    """Return sin(pi x) / (pi x)."""
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


SMOOTH_CURVES: dict[str, tuple[Callable[[float], float], float]] = {
    "bilinear": (triangle, 1.0), "bicubic": (keys, 2.0), "lanczos": (lanczos, 3.0),
}  # fmt: skip
"""The filter of each mode with antialiasing, and how far it reaches."""


def is_double(dtype: Any) -> bool:
    """Whether PyTorch computes positions in double precision for a dtype."""
    return bool(dtype.itemsize == 8)
