"""Sampling: uniform, normal and other random numbers, integers, permutations and categories.

The same seed gives PyTorch's numbers, bit for bit. Every function takes a `Generator` and returns a fresh NumPy array
in C order. Uniform and normal numbers may also be drawn for bfloat16; the array is then of float32. The file knows no
tensors, and no device but the host; the bits come from ``stream.py``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minitensor.backends.encoded import round_to_bfloat16
from minitensor.backends.silence import in_silence
from minitensor.dtypes import bfloat16
from minitensor.errors import ArgumentError, ArgumentTypeError, DistributionError, UnsupportedDtypeError
from minitensor.generator import Generator
from minitensor.stream import HOST, Stream

Array = npt.NDArray[Any]
Shape = int | Sequence[int]


# -- uniform numbers ---------------------------------------------------------------------------------------------------


def uniform(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, low: float = 0.0, high: float = 1.0
) -> Array:
    """Draw from [low, high): 24 bits of one draw for 16 bits and float32, 53 bits of two for float64.

    Both parts of a complex number are drawn this way, the real part first.
    """
    stream, is_unit = generator._stream, low == 0.0 and high == 1.0
    if is_unit and dtype is _SINGLE:
        with stream.lock:
            return stream.singles(shape if isinstance(shape, int) else math.prod(shape)).reshape(shape)
    out = np.empty(shape, _array_dtype(dtype))
    part = _real_dtype("uniform_", out)
    low, high = _as_float("uniform_", low), _as_float("uniform_", high)
    if not is_unit:
        _require_range(part, low, high)
    with stream.lock:
        unit = stream.fractions(_count_reals(out), _WORKING[part])
    if is_unit and part is unit.dtype and dtype != _BFLOAT16:
        return _shape_like(out, unit)
    to_part = _round_to_bfloat16 if dtype == _BFLOAT16 else part.type
    return _shape_like(out, in_silence(_rescale, unit, low, high, to_part))


def _require_range(part: np.dtype[Any], low: float, high: float) -> None:
    """Raise unless [low, high] is a range of a dtype whose length the dtype has too."""
    most = _LARGEST[part]
    if not low <= high:
        raise DistributionError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if not -most <= low <= high <= most:
        raise DistributionError(f"uniform_: from={low} or to={high} is out of bounds for {part}")
    if high - low > most:
        raise DistributionError(f"uniform_ expects to - from <= {most:.6g}, the largest {part}, got {high} - {low}")


_BFLOAT16: Final = bfloat16.memory


def _array_dtype(dtype: npt.DTypeLike) -> npt.DTypeLike:
    """Return the dtype of an array of random numbers: float32 for bfloat16."""
    return bfloat16.arithmetic if dtype == _BFLOAT16 else dtype


def _round_to_bfloat16(values: Any) -> Any:
    """Round float32 numbers to bfloat16, and return them as float32."""
    return round_to_bfloat16(np.asarray(values)).decode()


def _as_float(name: str, value: Any) -> float:
    """Convert a parameter to a float."""
    if isinstance(value, str):
        raise ArgumentTypeError(f"{name}: expected a number, got {value!r}")
    return value if isinstance(value, float) else float(value)


def _rescale(unit: Array, low: float, high: float, to_part: Callable[[Any], Any]) -> Array:
    """Rescale numbers from [0, 1) to [low, high). Results that round to ``high`` become ``low``."""
    kind = unit.dtype.type
    drawn: Array = to_part(_multiply_add(unit, kind(high) - kind(low), kind(low)))
    drawn[drawn == to_part(high)] = low
    return drawn


_SINGLE, _DOUBLE, _LONG = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
_WORKING: Final[dict[np.dtype[Any], np.dtype[Any]]] = {  # from a dtype to the one in which its numbers are computed
    np.dtype(np.float16): np.dtype(np.float32),
    np.dtype(np.float32): np.dtype(np.float32),
    _DOUBLE: _DOUBLE,
}
_LARGEST: Final = {dtype: float(np.finfo(dtype).max) for dtype in _WORKING}


def _real_dtype(name: str, out: Array) -> np.dtype[Any]:
    """Return the dtype of the parts of ``out``; raise unless they are floats."""
    if out.dtype.kind not in "fc":
        raise UnsupportedDtypeError(f"{name} is a continuous distribution; expected floats, got {out.dtype}")
    return out.dtype if out.dtype.kind == "f" else out.real.dtype


def _count_reals(out: Array) -> int:
    """Count the real numbers in ``out``: two for each complex number."""
    return out.size * (2 if out.dtype.kind == "c" else 1)


def _shape_like(out: Array, drawn: Array) -> Array:
    """Return the drawn real numbers in the shape and dtype of ``out``."""
    return drawn.view(out.dtype).reshape(out.shape) if out.dtype.kind == "c" else drawn.reshape(out.shape)


def _multiply_add(x: Array, factor: Any, shift: Any) -> Array:
    """Return ``x * factor + shift``, rounded once as by PyTorch's fused multiply-add, which NumPy lacks."""
    plain: Array = x * factor
    if shift == 0:
        return plain
    if x.dtype == np.float32:  # float64 holds the product of two float32 exactly.
        exact: Array = x.astype(np.float64) * np.float64(factor) + np.float64(shift)
        return exact.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        plain += shift
        exact = _multiply_add_exactly(x, np.float64(factor), np.float64(shift))
    return np.where(np.isfinite(exact), exact, plain)


def _multiply_add_exactly(x: Array, factor: np.float64, shift: np.float64) -> Array:
    """Add the rounding errors of product and sum (Dekker 1971, Knuth 1969) to the rounded result."""
    product = x * factor
    (x_high, x_low), (f_high, f_low) = _split_halves(x), _split_halves(factor)
    product_error = ((x_high * f_high - product) + x_high * f_low + x_low * f_high) + x_low * f_low
    total = product + shift
    shift_part = total - product
    total_error = (product - (total - shift_part)) + (shift - shift_part)
    corrected: Array = total + (total_error + product_error)
    return corrected


def _split_halves(x: Any) -> tuple[Any, Any]:
    """Split float64 numbers into two of 26 bits, whose products are exact."""
    scaled = x * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


# -- normal numbers ----------------------------------------------------------------------------------------------------


def normal(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Draw from the normal distribution by the Box-Muller transform: two uniform numbers give two normal ones.

    Fewer than 16 numbers are drawn by `normal_in_pairs`. More are drawn in blocks of 16, eight pairs each, in the
    dtype's own precision. If the count is not a multiple of 16, the last 16 numbers are drawn again as one block. Each
    part of a complex number has variance ``std**2 / 2``.

    Blocks of float32 repeat PyTorch's AVX2 code operation for operation: see ``backends/numpy/random.py``. On
    processors without AVX2, PyTorch's own numbers differ from these in the last bits.
    """
    out = np.empty(shape, _array_dtype(dtype))
    mean, std = _as_float("normal_", mean), _as_float("normal_", std)
    count = _count_reals(out)
    if count < 16:
        return normal_in_pairs(generator, shape, dtype, mean, std)
    part, std = _check_normal(out, std)
    real = _WORKING[part]
    whole = count - count % 16
    drawn = np.empty(count, part)
    stream = generator._stream
    with stream.lock:
        # As in PyTorch, except for 16 bits, the tail draws uniform numbers although they are replaced below.
        unit = stream.fractions(whole if np.dtype(dtype) in (np.float16, _BFLOAT16) else count, real)
        drawn[:whole] = _make_normal_blocks(unit[:whole], mean, std)
        if whole < count:
            drawn[-16:] = _make_normal_blocks(stream.fractions(16, real), mean, std)
    return _shape_like(out, drawn)


def normal_in_pairs(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Draw normal numbers pair by pair in float64. The generator keeps an unused number for the next call.

    PyTorch draws this way for fewer than 16 numbers and for tensors that are not contiguous.
    """
    out = np.empty(shape, _array_dtype(dtype))
    mean, std = _as_float("normal_", mean), _as_float("normal_", std)
    part, std = _check_normal(out, std)
    stream = generator._stream
    with stream.lock:
        standard = _draw_normal_pairs(stream, _count_reals(out))
    return _shape_like(out, _multiply_add(standard, std, mean).astype(part))


def _check_normal(out: Array, std: float) -> tuple[np.dtype[Any], float]:
    if not std >= 0:
        raise DistributionError(f"normal expects std >= 0.0, but found std {std}")
    part = _real_dtype("normal_", out)
    return part, std / math.sqrt(2.0) if out.dtype.kind == "c" else std


def _make_normal_blocks(unit: Array, mean: float, std: float) -> Array:
    """Turn each block of 16 uniform numbers, eight radii and eight angles, into eight cosines and eight sines."""
    kind = unit.dtype.type
    if kind is np.float32:
        return _multiply_add(HOST.normal_blocks(unit.reshape(-1, 2, 8)).reshape(-1), kind(std), kind(mean))
    radius_draws, angle_draws = unit.reshape(-1, 2, 8).swapaxes(0, 1)
    radius = np.sqrt(kind(-2) * np.log(kind(1) - radius_draws))
    angle = kind(2 * math.pi) * angle_draws
    standard = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return _multiply_add(standard, kind(std), kind(mean))


def _draw_normal_pairs(stream: Stream, count: int) -> Array:
    waiting = [] if stream.next_normal is None or count == 0 else [stream.next_normal]
    missing = count - len(waiting)
    pairs = (missing + 1) // 2
    unit = stream.fractions(2 * pairs, _DOUBLE).reshape(pairs, 2)
    radius = np.sqrt(-2.0 * np.log1p(-unit[:, 1]))
    angle = 2.0 * math.pi * unit[:, 0]
    fresh = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    if count:
        stream.next_normal = float(fresh[-1]) if missing % 2 else None
    return np.concatenate([waiting, fresh[:missing]])


# -- other continuous --------------------------------------------------------------------------------------------------


def exponential(generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, rate: float = 1.0) -> Array:
    """Draw from the exponential distribution, -log(1 - u) / rate."""
    out = np.empty(shape, dtype)
    if out.dtype.kind != "f":
        raise DistributionError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {out.dtype}"
        )
    rate = _as_float("exponential_", rate)
    if not rate > 0:
        raise DistributionError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    stream = generator._stream
    with stream.lock:
        unit = stream.fractions(out.size, _DOUBLE)
    with np.errstate(over="ignore"):
        out[...] = (-1.0 / rate * np.log1p(-unit)).reshape(out.shape)
    return out


def log_normal(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, mean: float = 1.0, std: float = 2.0
) -> Array:
    """Draw numbers whose logarithms are normal, always pair by pair in float64."""
    out = np.empty(shape, dtype)
    mean, std = _as_float("log_normal_", mean), _as_float("log_normal_", std)
    _require_real("log_normal_", out)
    if not std > 0:
        raise DistributionError(f"log_normal_ expects std > 0.0, but found std={std}")
    stream = generator._stream
    with stream.lock:
        standard = _draw_normal_pairs(stream, out.size)
    with np.errstate(over="ignore"):
        out[...] = np.exp(_multiply_add(standard, std, mean)).reshape(out.shape)
    return out


def cauchy(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, median: float = 0.0, sigma: float = 1.0
) -> Array:
    """Draw from the Cauchy distribution, median + sigma tan(pi (u - 1 / 2))."""
    out = np.empty(shape, dtype)
    _require_real("cauchy_", out)
    median, sigma = _as_float("cauchy_", median), _as_float("cauchy_", sigma)
    if not sigma > 0:
        raise DistributionError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    stream = generator._stream
    with stream.lock:
        unit = stream.fractions(out.size, _DOUBLE)
    # PyTorch clips here too, to stay away from the poles of the tangent.
    edge = float(np.finfo(np.float64).eps)
    turn = np.tan(math.pi * (np.clip(unit, edge, 1 - edge) - 0.5))
    with np.errstate(over="ignore"):
        out[...] = _multiply_add(turn, sigma, median).reshape(out.shape)
    return out


def geometric(generator: Generator, shape: Shape, dtype: npt.DTypeLike, p: float) -> Array:
    """Draw the number of trials up to the first success of probability ``p``: ceil(log(u) / log(1 - p))."""
    out, p = np.empty(shape, dtype), _as_float("geometric_", p)
    if not 0 < p < 1:
        raise DistributionError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if out.dtype.kind not in "fiu":
        raise UnsupportedDtypeError(f"geometric_ is not defined for {out.dtype}")
    stream = generator._stream
    with stream.lock:
        unit = stream.fractions(out.size, _DOUBLE)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        out[...] = np.ceil(np.log(unit) / math.log1p(-p)).reshape(out.shape)
    return out


def _require_real(name: str, out: Array) -> None:
    """Raise unless ``out`` holds real floats."""
    if out.dtype.kind != "f":
        raise UnsupportedDtypeError(f"{name} is a continuous distribution; expected floats, got {out.dtype}")


def bernoulli(generator: Generator, p: float | Array, shape: Shape, dtype: npt.DTypeLike = np.float32) -> Array:
    """Draw 1 with probability ``p``, else 0. A number ``p`` takes 53 bits per draw, an array those of its dtype.

    For a number ``p`` on Intel processors PyTorch uses another library's engine; its numbers differ there.
    """
    out = np.empty(shape, dtype)
    if out.dtype.kind == "c":
        raise UnsupportedDtypeError(f"bernoulli is not defined for {out.dtype}")
    if isinstance(p, np.ndarray):
        working = _WORKING[_real_dtype("bernoulli", p)]
        if not ((p >= 0) & (p <= 1)).all():
            raise DistributionError("bernoulli expects p to be in [0, 1], but got an array with other elements")
    else:
        p = _as_float("bernoulli_", p)
        if not 0 <= p <= 1:
            raise DistributionError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    stream = generator._stream
    with stream.lock:
        if isinstance(p, np.ndarray):
            drawn = stream.fractions(out.size, working).reshape(out.shape) < p
        else:
            drawn = _is_below(stream.words(2 * out.size).reshape(*out.shape, 2), p)
    out[...] = drawn
    return out


def _is_below(words: npt.NDArray[np.uint32], p: float) -> Array:
    """Compare 53-bit fractions with ``p``; each is a pair of words, the high half first.

    The high half decides in all but one of two million pairs, so the 53 bits are never assembled.
    """
    threshold = math.ceil(p * 2.0**53)
    high = words[..., 0] & np.uint32(2**21 - 1)
    limit = np.uint32(threshold >> 32)
    below: Array = high < limit
    tied = high == limit
    if tied.any():
        below[tied] = words[..., 1][tied] < threshold % 2**32
    return below


# -- integers ----------------------------------------------------------------------------------------------------------

_WIDE: Final = 2**28  # from this range on, remainders of 32 bits would favor small numbers too much


def randint(generator: Generator, shape: Shape, low: int, high: int, dtype: npt.DTypeLike = np.int64) -> Array:
    """Draw integers from [low, high) as remainders of 32 bits, or of 64 bits if the range is 2**28 or more."""
    out = np.empty(shape, dtype)
    low, high = _as_int64("random_", low), _as_int64("random_", high)
    if low >= high:
        raise DistributionError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if out.dtype.kind == "f":
        low, high = in_silence(_shrink_bounds, out.dtype, low, high)
    smallest, largest = (low, high) if out.dtype is _LONG else _limits(out.dtype)
    if not smallest <= low <= largest:
        raise DistributionError(f"from is out of bounds for {out.dtype}: {low}")
    if not smallest <= high - 1 <= largest:
        raise DistributionError(f"to - 1 is out of bounds for {out.dtype}: {high} - 1")
    return _draw_remainders(generator, out, high - low, low, wide=high - low >= _WIDE)


def _shrink_bounds(dtype: np.dtype[Any], low: int, high: int) -> tuple[int, int]:
    """Move bounds inward until a floating dtype does not round them outward, in PyTorch's steps."""
    above, below = dtype.type(low + 1), dtype.type(high - 1)
    if np.isfinite(above) and int(above) < low:
        low = int(above) + _spacing(dtype, low + 1)
    if np.isfinite(below) and int(below) >= high:
        high = int(below) - _spacing(dtype, high - 1)
    if low >= high:
        raise DistributionError(f"random_: {dtype} has no integer in [{low}, {high})")
    return low, high


def _spacing(dtype: np.dtype[Any], number: int) -> int:
    """Return the distance between a dtype's numbers near an integer."""
    return int(2 ** max(abs(number).bit_length() - np.finfo(dtype).nmant - 1, 0))


def _as_int64(name: str, value: Any) -> int:
    """Convert a bound to an int; raise unless it fits int64."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name}: expected an int, got {value!r}") from None
    if not -(2**63) <= number < 2**63:
        raise ArgumentError(f"{name}: a bound must lie between -2**63 and 2**63 - 1, got {number}")
    return number


def random_integers(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.int64, low: int | None = None
) -> Array:
    """Draw integers from ``low`` (default 0) to the largest integer up to which the dtype holds every integer."""
    out = np.empty(shape, dtype)
    if out.dtype.kind == "c":
        raise UnsupportedDtypeError(f"random_ is not defined for {out.dtype}")
    largest = _largest_exact_integer(out.dtype)
    if low is None:
        return _draw_remainders(generator, out, largest + 1, 0, wide=out.dtype.itemsize == 8)
    if _as_int64("random_", low) == -(2**63):
        return _draw_any_int64(generator, out)
    if not _limits(out.dtype)[0] <= low <= largest:
        raise DistributionError(f"from is out of bounds for {out.dtype}: {low}")
    return _draw_remainders(generator, out, largest + 1 - low, low, wide=largest + 1 - low >= _WIDE)


def _draw_any_int64(generator: Generator, out: Array) -> Array:
    """Draw from all int64 values, for the dtypes for which PyTorch allows it."""
    if out.dtype.name not in ("int64", "float32", "float64"):
        raise UnsupportedDtypeError(f"random_ from -2**63 on: expected int64, float32 or float64, got {out.dtype}")
    return _draw_remainders(generator, out, 2**64, 0, wide=True)


def _draw_remainders(generator: Generator, out: Array, size: int, low: int, wide: bool) -> Array:
    stream = generator._stream
    with stream.lock:
        numbers = _wide_remainders(stream, out.size, size, low) if wide else stream.remainders(out.size, size, low)
    if out.dtype is not _LONG:
        numbers = numbers.astype(out.dtype)
    return numbers if out.ndim == 1 else numbers.reshape(out.shape)


def _wide_remainders(stream: Stream, count: int, size: int, low: int) -> Array:
    drawn = stream.draw64(count)
    if size < 2**64:
        drawn %= np.uint64(size)
        if low:
            drawn += np.uint64(low % 2**64)  # Unsigned addition wraps to the two's complement.
    return drawn.view(_LONG)


@cache
def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind == "f":
        return -int(np.finfo(dtype).max), int(np.finfo(dtype).max)
    if dtype.kind == "c":
        raise UnsupportedDtypeError(f"random_ is not defined for {dtype}")
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _largest_exact_integer(dtype: np.dtype[Any]) -> int:
    """Return the largest integer up to which ``dtype`` holds every integer."""
    return 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else _limits(dtype)[1]


def randperm(generator: Generator, n: int, dtype: npt.DTypeLike = np.int64) -> Array:
    """Draw a permutation of 0 ... n - 1 by the Fisher-Yates shuffle, with one draw for each place but the last.

    See Note [A shuffle without a loop].
    """
    dtype, n = np.dtype(dtype), _as_int64("randperm", n)
    if n < 0:
        raise DistributionError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind in "bc":
        raise UnsupportedDtypeError(f"randperm is not defined for {dtype}")
    largest = min(_largest_exact_integer(dtype) + (dtype.kind == "f"), 2**31 - 1)
    if n > largest:
        raise DistributionError(f"randperm: n cannot be greater than {largest} for {dtype}, got {n}")
    stream = generator._stream
    if n == 0:
        return np.empty(0, dtype)
    with stream.lock:
        drawn = stream.words(n - 1)
    return HOST.permutation(drawn).astype(dtype, copy=False)


# -- categories --------------------------------------------------------------------------------------------------------


def multinomial(generator: Generator, weights: Array, num_samples: int, replacement: bool = False) -> Array:
    """Draw ``num_samples`` categories with probabilities proportional to ``weights``, (n) or (rows, n).

    With replacement, each sample is where a uniform number falls among the cumulative sums. Without, the samples are
    the categories with the largest quotients of weight and exponential number, in falling order (Efraimidis and
    Spirakis 2006). Returns int64, (num_samples) or (rows, num_samples).
    """
    _check_multinomial(weights, num_samples, replacement)
    if not len(weights):
        return np.empty((0, num_samples), np.int64)
    if replacement and num_samples > 1:
        return _multinomial_with_replacement(generator, weights, num_samples)
    if not ((weights >= 0) & np.isfinite(weights)).all():
        raise DistributionError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights.sum(-1) > 0).all():
        raise DistributionError("invalid multinomial distribution (sum of probabilities <= 0)")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        keys = weights / _draw_exponentials_like(generator, weights)
    picks: Array = np.argsort(-keys, axis=-1, kind="stable")[..., :num_samples].copy()
    return picks


def _draw_exponentials_like(generator: Generator, weights: Array) -> Array:
    """Draw a number for each weight, in the order of the weights in memory, as PyTorch does."""
    turned = weights.ndim == 2 and 0 < weights.strides[0] < weights.strides[1]
    drawn = exponential(generator, weights.shape[::-1] if turned else weights.shape, weights.dtype)
    return drawn.transpose() if turned else drawn


def _check_multinomial(weights: Array, num_samples: int, replacement: bool) -> None:
    if weights.ndim not in (1, 2) or not weights.shape[-1]:
        raise DistributionError(f"prob_dist must be 1 or 2 dim and not empty, got shape {weights.shape}")
    if weights.dtype.kind != "f":
        raise DistributionError(f"multinomial only supports floating-point dtypes for input, got: {weights.dtype}")
    if num_samples <= 0:
        raise DistributionError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and num_samples > weights.shape[-1]:
        raise DistributionError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"{num_samples} > {weights.shape[-1]}"
        )
    if weights.shape[-1] > 2**24:
        raise DistributionError(f"number of categories cannot exceed 2^24, got {weights.shape[-1]}")


def _multinomial_with_replacement(generator: Generator, weights: Array, num_samples: int) -> Array:
    if (weights < 0).any():
        raise DistributionError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(weights).all():
        raise DistributionError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    rows = np.atleast_2d(weights)
    cumulative = np.cumsum(rows, axis=-1, dtype=np.float64 if weights.dtype == np.float64 else np.float32)
    if not (cumulative[:, -1] > 0).all():
        raise DistributionError("invalid multinomial distribution (sum of probabilities <= 0)")
    cumulative /= cumulative[:, -1:].copy()
    cumulative[:, -1] = 1
    stream = generator._stream
    with stream.lock:
        unit = stream.fractions(len(rows) * num_samples, _DOUBLE).reshape(len(rows), num_samples)
    if not len(rows):
        return np.empty((0, num_samples), np.int64)
    picks = np.stack([np.searchsorted(sums, row) for sums, row in zip(cumulative.astype(np.float64), unit)])
    return picks.reshape(*weights.shape[:-1], num_samples)
