"""Random numbers: generators, and the distributions that are drawn from them.

The same seed gives PyTorch's numbers, bit by bit. Every function takes a `Generator` and returns a fresh NumPy array in
C order. The file knows no tensors, and no device but the host; the bits come from ``stream.py``.
"""

from __future__ import annotations

import math
import operator
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minitensor.backends.numpy.random import normal_blocks
from minitensor.device import DeviceLike
from minitensor.device import device as Device
from minitensor.errors import ArgumentError, ArgumentTypeError, MinitensorError
from minitensor.stream import HERE, Stream

Array = npt.NDArray[Any]
Shape = int | Sequence[int]

DEFAULT_SEED: Final = 67280421310721  # PyTorch's


class DistributionError(MinitensorError, RuntimeError):
    """A distribution cannot have these parameters, or its values do not fit the dtype."""


class UnsupportedDistribution(DistributionError, NotImplementedError):
    """A distribution that a dtype does not have."""


class Generator:
    """A stream of random numbers.

    >>> Generator().manual_seed(0).initial_seed()
    0
    """

    __slots__ = ("_stream", "device")

    def __init__(self, device: DeviceLike = "cpu") -> None:
        self.device = Device(device)
        self._stream = Stream(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``, from -2**63 to 2**64 - 1; a negative one counts as 2**64 more."""
        self._stream.restart(seed)
        return self

    def seed(self) -> int:
        """Seed from the operating system's entropy, and return the seed."""
        seed = secrets.randbits(64)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """Return the seed this stream began with."""
        return self._stream.seed

    def state_bytes(self) -> bytes:
        """Return the state as PyTorch writes it: the state of one library continues in the other."""
        return self._stream.state_bytes()

    def set_state_bytes(self, state: bytes) -> None:
        """Continue from a state that `state_bytes`, or PyTorch, has written."""
        self._stream.restore(state)

    def get_state(self) -> npt.NDArray[np.uint8]:
        """Return `state_bytes` as an array."""
        return np.array(bytearray(self.state_bytes()), np.uint8)

    def set_state(self, state: npt.NDArray[np.uint8]) -> None:
        """Continue from an array that `get_state` has returned."""
        if state.dtype != np.uint8:
            raise ArgumentTypeError(f"RNG state must be a torch.ByteTensor (uint8), got {state.dtype}")
        self.set_state_bytes(state.tobytes())

    def clone_state(self) -> Generator:
        """Return a generator of its own that continues as this one will."""
        clone = Generator(self.device)
        clone.set_state_bytes(self.state_bytes())
        return clone

    def __getstate__(self) -> tuple[str, bytes]:
        return str(self.device), self.state_bytes()

    def __setstate__(self, state: tuple[str, bytes]) -> None:
        self.__init__(state[0])  # type: ignore[misc]  # a fresh lock and engine
        self.set_state_bytes(state[1])

    def __repr__(self) -> str:
        return f"Generator(device={str(self.device)!r}, initial_seed={self.initial_seed()})"


# ------------------------------------------------------------------------------ the default generator


class DefaultGenerator(Generator):
    """The generator that is used if none is given: one stream for all threads but those that have their own."""

    __slots__ = ()

    def __init__(self) -> None:
        self.device = Device("cpu")

    @property
    def _stream(self) -> Stream:  # type: ignore[override]  # read only
        return HERE.stream

    def __reduce__(self) -> Any:
        return Generator.clone_state, (self,)


default_generator: Final = DefaultGenerator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, and return it."""
    try:
        number = int(seed)
    except TypeError:
        raise ArgumentTypeError(f"manual_seed(): seed must be an int, not {type(seed).__name__}") from None
    except ValueError:
        raise ArgumentError(f"manual_seed(): seed must be an int, got {seed!r}") from None
    return default_generator.manual_seed(number)


def seed() -> int:
    """Seed the default generator from the operating system's entropy, and return the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed of the default generator."""
    return default_generator.initial_seed()


@contextmanager
def fork_rng(enabled: bool = True) -> Iterator[None]:
    """Let the default generator, after the ``with`` block, continue as if nothing had been drawn inside."""
    before = default_generator.state_bytes()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state_bytes(before)


# ------------------------------------------------------------------------------------ uniform numbers


def uniform(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, low: float = 0.0, high: float = 1.0
) -> Array:
    """Draw from [low, high): 24 bits of one draw for float16 and float32, 53 bits of two for float64.

    Complex numbers have both parts drawn so, one after the other.
    """
    out = np.empty(shape, dtype)
    part = _floating("uniform_", out)
    low, high = _real("uniform_", low), _real("uniform_", high)
    if not low <= high:
        raise DistributionError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if not -_LARGEST[part] <= low <= high <= _LARGEST[part]:
        raise DistributionError(f"uniform_: from={low} or to={high} is out of bounds for {part}")
    if high - low > _LARGEST[part]:
        raise DistributionError(
            f"uniform_ expects to - from <= {_LARGEST[part]:.6g}, the largest {part}, but found {high} - {low}"
        )
    stream = generator._stream
    with stream.lock:
        unit = _unit(stream, _parts(out), _WORKING[part])
    if (low, high) == (0.0, 1.0) and part is unit.dtype:
        return _filled(out, unit)
    return _filled(out, _between(unit, low, high, part))


def _real(name: str, value: Any) -> float:
    """Return a parameter as a float."""
    if isinstance(value, str):
        raise ArgumentTypeError(f"{name}: expected a number, got {value!r}")
    return value if isinstance(value, float) else float(value)


def _between(unit: Array, low: float, high: float, part: np.dtype[Any]) -> Array:
    """Stretch [0, 1) to [low, high); where rounding reaches ``high``, which is outside, it counts as ``low``."""
    kind = unit.dtype.type
    drawn = _multiply_add(unit, kind(high) - kind(low), kind(low)).astype(part)
    drawn[drawn == part.type(high)] = low
    return drawn


def _unit(stream: Stream, count: int, dtype: np.dtype[Any]) -> Array:
    """Draw from [0, 1): 53 bits for float64, 24 bits for float32."""
    unit: Array
    if dtype is _DOUBLE:
        unit = (stream.draw64(count) & np.uint64(2**53 - 1)) * 2.0**-53
    else:
        unit = (stream.draw32(count) & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)
    return unit


_DOUBLE: Final[np.dtype[Any]] = np.dtype(np.float64)
_WORKING: Final[dict[np.dtype[Any], np.dtype[Any]]] = {  # the dtype in which numbers for another are computed
    np.dtype(np.float16): np.dtype(np.float32),
    np.dtype(np.float32): np.dtype(np.float32),
    _DOUBLE: _DOUBLE,
}
_LARGEST: Final = {dtype: float(np.finfo(dtype).max) for dtype in _WORKING}


def _floating(name: str, out: Array) -> np.dtype[Any]:
    """Return the dtype of the real numbers that ``out`` is made of."""
    if out.dtype.kind not in "fc":
        raise UnsupportedDistribution(f"{name} is a continuous distribution; expected floats, got {out.dtype}")
    return out.real.dtype


def _parts(out: Array) -> int:
    """Return how many real numbers ``out`` is made of: two for each complex number."""
    return out.size * (2 if out.dtype.kind == "c" else 1)


def _filled(out: Array, drawn: Array) -> Array:
    """Return the drawn real numbers in the shape and dtype of ``out``."""
    return drawn.view(out.dtype).reshape(out.shape) if out.dtype.kind == "c" else drawn.reshape(out.shape)


def _multiply_add(x: Array, factor: Any, shift: Any) -> Array:
    """Return ``x * factor + shift``, rounded once: processors have an instruction for it, NumPy has no function."""
    plain: Array = x * factor
    if shift == 0:
        return plain
    if x.dtype == np.float32:  # The product of two float32 is exact in float64.
        exact: Array = x.astype(np.float64) * np.float64(factor) + np.float64(shift)
        return exact.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        plain += shift
        exact = _multiply_add_exactly(x, np.float64(factor), np.float64(shift))
    return np.where(np.isfinite(exact), exact, plain)


def _multiply_add_exactly(x: Array, factor: np.float64, shift: np.float64) -> Array:
    """Add the rounding errors of product and sum (Dekker 1971, Knuth 1969) to the rounded result."""
    product = x * factor
    (x_high, x_low), (f_high, f_low) = _halves(x), _halves(factor)
    product_error = ((x_high * f_high - product) + x_high * f_low + x_low * f_high) + x_low * f_low
    total = product + shift
    shift_part = total - product
    total_error = (product - (total - shift_part)) + (shift - shift_part)
    corrected: Array = total + (total_error + product_error)
    return corrected


def _halves(x: Any) -> tuple[Any, Any]:
    """Split float64 numbers into two of 26 bits, whose products are exact."""
    scaled = x * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


# ------------------------------------------------------------------------------------- normal numbers


def normal(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Draw from the normal distribution by Box and Muller's method: from two uniform numbers come two normal ones.

    Fewer than 16 numbers: as `normal_in_pairs`. Else in blocks of 16, eight pairs each, in the dtype's own precision; a
    tail is the last of 16 numbers drawn anew. A complex number has parts of variance ``std**2 / 2``.

    Blocks of float32 are computed as PyTorch's are on processors with AVX2, operation for operation: see
    ``backends/numpy/random.py``. On others it differs from these, in the last bits.
    """
    out = np.empty(shape, dtype)
    mean, std = _real("normal_", mean), _real("normal_", std)
    count = _parts(out)
    if count < 16:
        return normal_in_pairs(generator, shape, dtype, mean, std)
    part, std = _checked_normal(out, std)
    real = _WORKING[part]
    whole = count - count % 16
    drawn = np.empty(count, part)
    stream = generator._stream
    with stream.lock:
        # Uniform numbers are drawn for the tail too, though it is drawn anew; but not for float16.
        unit = _unit(stream, whole if part == np.float16 else count, real)
        drawn[:whole] = _blocks(unit[:whole], mean, std)
        if whole < count:
            drawn[-16:] = _blocks(_unit(stream, 16, real), mean, std)
    return _filled(out, drawn)


def normal_in_pairs(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Draw normal numbers pair by pair, in float64; the odd one waits in the generator.

    PyTorch does so for fewer than 16 numbers, and for tensors that are not contiguous.
    """
    out = np.empty(shape, dtype)
    mean, std = _real("normal_", mean), _real("normal_", std)
    part, std = _checked_normal(out, std)
    stream = generator._stream
    with stream.lock:
        standard = _standard_pairs(stream, _parts(out))
    return _filled(out, _multiply_add(standard, std, mean).astype(part))


def _checked_normal(out: Array, std: float) -> tuple[np.dtype[Any], float]:
    if not std >= 0:
        raise DistributionError(f"normal expects std >= 0.0, but found std {std}")
    part = _floating("normal_", out)
    return part, std / math.sqrt(2.0) if out.dtype.kind == "c" else std


def _blocks(unit: Array, mean: float, std: float) -> Array:
    """In each block of 16, eight radii and eight angles become eight cosines and eight sines."""
    kind = unit.dtype.type
    if kind is np.float32:
        return _multiply_add(normal_blocks(unit.reshape(-1, 2, 8)).reshape(-1), kind(std), kind(mean))
    radius_draws, angle_draws = unit.reshape(-1, 2, 8).swapaxes(0, 1)
    radius = np.sqrt(kind(-2) * np.log(kind(1) - radius_draws))
    angle = kind(2 * math.pi) * angle_draws
    standard = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return _multiply_add(standard, kind(std), kind(mean))


def _standard_pairs(stream: Stream, count: int) -> Array:
    waiting = [] if stream.next_normal is None or count == 0 else [stream.next_normal]
    missing = count - len(waiting)
    pairs = (missing + 1) // 2
    unit = _unit(stream, 2 * pairs, _DOUBLE).reshape(pairs, 2)
    radius = np.sqrt(-2.0 * np.log1p(-unit[:, 1]))
    angle = 2.0 * math.pi * unit[:, 0]
    fresh = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    if count:
        stream.next_normal = float(fresh[-1]) if missing % 2 else None
    return np.concatenate([waiting, fresh[:missing]])


# ----------------------------------------------------------------------------------- other continuous


def exponential(generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, rate: float = 1.0) -> Array:
    """Draw from the exponential distribution, -log(1 - u) / rate."""
    out = np.empty(shape, dtype)
    if out.dtype.kind != "f":
        raise DistributionError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {out.dtype}"
        )
    rate = _real("exponential_", rate)
    if not rate > 0:
        raise DistributionError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    stream = generator._stream
    with stream.lock:
        unit = _unit(stream, out.size, _DOUBLE)
    with np.errstate(over="ignore"):
        out[...] = (-1.0 / rate * np.log1p(-unit)).reshape(out.shape)
    return out


def log_normal(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, mean: float = 1.0, std: float = 2.0
) -> Array:
    """Draw numbers whose logarithms are normal: pair by pair, in float64, whatever their count."""
    out = np.empty(shape, dtype)
    mean, std = _real("log_normal_", mean), _real("log_normal_", std)
    _continuous("log_normal_", out)
    if not std > 0:
        raise DistributionError(f"log_normal_ expects std > 0.0, but found std={std}")
    stream = generator._stream
    with stream.lock:
        standard = _standard_pairs(stream, out.size)
    with np.errstate(over="ignore"):
        out[...] = np.exp(_multiply_add(standard, std, mean)).reshape(out.shape)
    return out


def cauchy(
    generator: Generator, shape: Shape, dtype: npt.DTypeLike = np.float32, median: float = 0.0, sigma: float = 1.0
) -> Array:
    """Draw from the Cauchy distribution, median + sigma tan(pi (u - 1 / 2))."""
    out = np.empty(shape, dtype)
    _continuous("cauchy_", out)
    median, sigma = _real("cauchy_", median), _real("cauchy_", sigma)
    if not sigma > 0:
        raise DistributionError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    stream = generator._stream
    with stream.lock:
        unit = _unit(stream, out.size, _DOUBLE)
    # As PyTorch: away from the poles of the tangent.
    edge = float(np.finfo(np.float64).eps)
    turn = np.tan(math.pi * (np.clip(unit, edge, 1 - edge) - 0.5))
    with np.errstate(over="ignore"):
        out[...] = _multiply_add(turn, sigma, median).reshape(out.shape)
    return out


def geometric(generator: Generator, shape: Shape, dtype: npt.DTypeLike, p: float) -> Array:
    """Draw how many tosses it takes to the first success of probability ``p``: ceil(log(u) / log(1 - p))."""
    out, p = np.empty(shape, dtype), _real("geometric_", p)
    if not 0 < p < 1:
        raise DistributionError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if out.dtype.kind not in "fiu":
        raise UnsupportedDistribution(f"geometric_ is not defined for {out.dtype}")
    stream = generator._stream
    with stream.lock:
        unit = _unit(stream, out.size, _DOUBLE)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        out[...] = np.ceil(np.log(unit) / math.log1p(-p)).reshape(out.shape)
    return out


def _continuous(name: str, out: Array) -> None:
    """Refuse all but floating dtypes."""
    if out.dtype.kind != "f":
        raise UnsupportedDistribution(f"{name} is a continuous distribution; expected floats, got {out.dtype}")


def bernoulli(generator: Generator, p: float | Array, shape: Shape, dtype: npt.DTypeLike = np.float32) -> Array:
    """Draw ones with probability ``p`` and zeros: by 53 bits for a number, by those of its dtype for an array.

    PyTorch on processors by Intel draws those for a number from another library's engine: there the numbers differ.
    """
    out = np.empty(shape, dtype)
    if out.dtype.kind == "c":
        raise UnsupportedDistribution(f"bernoulli is not defined for {out.dtype}")
    if isinstance(p, np.ndarray):
        working = _WORKING[_floating("bernoulli", p)]
        if not ((p >= 0) & (p <= 1)).all():
            raise DistributionError("bernoulli expects p to be in [0, 1], but got an array with other elements")
    else:
        p = _real("bernoulli_", p)
        if not 0 <= p <= 1:
            raise DistributionError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    stream = generator._stream
    with stream.lock:
        if isinstance(p, np.ndarray):
            drawn = _unit(stream, out.size, working).reshape(out.shape) < p
        else:
            drawn = _below(stream.words(2 * out.size).reshape(*out.shape, 2), p)
    out[...] = drawn
    return out


def _below(words: npt.NDArray[np.uint32], p: float) -> Array:
    """Whether the 53 bits of each pair of words, the high half first, make a number below ``p``.

    The high half decides but for one pair in two million, so the 53 bits are never put together.
    """
    threshold = math.ceil(p * 2.0**53)
    high = words[..., 0] & np.uint32(2**21 - 1)
    limit = np.uint32(threshold >> 32)
    below: Array = high < limit
    tied = high == limit
    if tied.any():
        below[tied] = words[..., 1][tied] < threshold % 2**32
    return below


# ------------------------------------------------------------------------------------------- integers

_WIDE: Final = 2**28  # from here on the remainder of 32 bits would favour small numbers too much


def randint(generator: Generator, shape: Shape, low: int, high: int, dtype: npt.DTypeLike = np.int64) -> Array:
    """Draw integers from [low, high): the remainder of 32 bits, of 64 bits if the range is 2**28 or more."""
    out = np.empty(shape, dtype)
    low, high = _int64("random_", low), _int64("random_", high)
    if low >= high:
        raise DistributionError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if out.dtype.kind == "f":
        low, high = _held(out.dtype, low, high)
    smallest, largest = _limits(out.dtype)
    if not smallest <= low <= largest:
        raise DistributionError(f"from is out of bounds for {out.dtype}: {low}")
    if not smallest <= high - 1 <= largest:
        raise DistributionError(f"to - 1 is out of bounds for {out.dtype}: {high} - 1")
    return _remainders(generator, out, high - low, low, wide=high - low >= _WIDE)


def _held(dtype: np.dtype[Any], low: int, high: int) -> tuple[int, int]:
    """Return bounds that a floating dtype does not round outward; moved by PyTorch's steps."""
    above, below = dtype.type(low + 1), dtype.type(high - 1)
    if np.isfinite(above) and int(above) < low:
        low = int(above) + _spacing(dtype, low + 1)
    if np.isfinite(below) and int(below) >= high:
        high = int(below) - _spacing(dtype, high - 1)
    if low >= high:
        raise DistributionError(f"random_: {dtype} has no integer from {low} on below {high}")
    return low, high


def _spacing(dtype: np.dtype[Any], number: int) -> int:
    """Return the distance of a dtype's numbers around an integer."""
    return int(2 ** max(abs(number).bit_length() - np.finfo(dtype).nmant - 1, 0))


def _int64(name: str, value: Any) -> int:
    """Return a bound as an int that 64 bits hold."""
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
    """Draw integers from ``low`` (0) to the dtype's largest; of a float, to the largest up to which it has them all."""
    out = np.empty(shape, dtype)
    if out.dtype.kind == "c":
        raise UnsupportedDistribution(f"random_ is not defined for {out.dtype}")
    largest = _largest_counted(out.dtype)
    if low is None:
        return _remainders(generator, out, largest + 1, 0, wide=out.dtype.itemsize == 8)
    if _int64("random_", low) == -(2**63):
        return _all_of_64_bits(generator, out)
    if not _limits(out.dtype)[0] <= low <= largest:
        raise DistributionError(f"from is out of bounds for {out.dtype}: {low}")
    return _remainders(generator, out, largest + 1 - low, low, wide=largest + 1 - low >= _WIDE)


def _all_of_64_bits(generator: Generator, out: Array) -> Array:
    """Draw from all integers of 64 bits, for the dtypes that PyTorch has them for."""
    if out.dtype.name not in ("int64", "float32", "float64"):
        raise UnsupportedDistribution(f"random_ from -2**63 on: expected int64, float32 or float64, got {out.dtype}")
    return _remainders(generator, out, 2**64, 0, wide=True)


def _remainders(generator: Generator, out: Array, size: int, low: int, wide: bool) -> Array:
    stream = generator._stream
    with stream.lock:
        drawn = (stream.draw64 if wide else stream.draw32)(out.size)
    if size < 2**64:
        drawn %= np.uint64(size)
        drawn += np.uint64(low % 2**64)  # Wraps around, as two's complement does.
    return drawn.view(np.int64).astype(out.dtype).reshape(out.shape)


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind == "f":
        return -int(np.finfo(dtype).max), int(np.finfo(dtype).max)
    if dtype.kind == "c":
        raise UnsupportedDistribution(f"random_ is not defined for {dtype}")
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _largest_counted(dtype: np.dtype[Any]) -> int:
    """Return the largest integer up to which ``dtype`` holds every one."""
    return 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else _limits(dtype)[1]


def randperm(generator: Generator, n: int, dtype: npt.DTypeLike = np.int64) -> Array:
    """Draw a permutation of 0 ... n - 1: Fisher and Yates's shuffle, with one draw for each place but the last.

    Computed for all places at once; see Note [A shuffle without a loop].
    """
    dtype, n = np.dtype(dtype), _int64("randperm", n)
    if n < 0:
        raise DistributionError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind in "bc":
        raise UnsupportedDistribution(f"randperm is not defined for {dtype}")
    largest = min(_largest_counted(dtype) + (dtype.kind == "f"), 2**31 - 1)
    if n > largest:
        raise DistributionError(f"randperm: n cannot be greater than {largest} for {dtype}, got {n}")
    stream = generator._stream
    with stream.lock:
        drawn = stream.draw32(max(n - 1, 0))
    partners = np.arange(n)
    partners[:-1] += (drawn % np.arange(n, 1, -1, dtype=np.uint64)).astype(np.int64)
    return _shuffled(partners).astype(dtype, copy=False)


# Note [A shuffle without a loop]
# Step i swaps the places i and p[i] >= i; then place i is never touched again. So the result at i is what stood at p[i]
# before step i: what the last earlier step k with p[k] == p[i] has put there, and that is what stood at k before step
# k; or p[i] itself, if there was none. "What stood at k before step k" is again such a question, about the last earlier
# step whose partner was k: a chain of steps that goes back in time, for all k at once a forest, whose roots are found
# by doubling the steps. Three times as fast as a loop for a million places.


def _shuffled(partners: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    places = np.arange(len(partners))
    far = np.flatnonzero(partners != places)  # The other steps swap a place with itself.
    before = places.copy()
    before[partners[far]] = far  # The last of several counts.
    standing = _roots(before)
    # Sorting the pairs as single numbers takes a quarter of the time of a stable argsort.
    by_partner = np.sort((partners[far] << 32) | far) & (2**32 - 1)
    repeated = partners[by_partner[1:]] == partners[by_partner[:-1]]
    result: npt.NDArray[np.int64] = partners.copy()
    result[by_partner[1:][repeated]] = standing[by_partner[:-1][repeated]]
    near = partners == places
    result[near] = standing[near]
    return result


def _roots(parents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Follow each chain of parents to its end, all that have not come there by twice as many steps each time."""
    roots = parents.astype(np.int32)
    under_way = np.arange(len(roots), dtype=np.int32)
    while under_way.size:
        here = roots[under_way]
        further = roots[here]
        moved = further != here
        under_way = under_way[moved]
        roots[under_way] = further[moved]
    return roots.astype(np.int64)


# ----------------------------------------------------------------------------------------- categories


def multinomial(generator: Generator, weights: Array, num_samples: int, replacement: bool = False) -> Array:
    """Draw ``num_samples`` categories with probabilities proportional to ``weights``, (n) or (rows, n).

    With replacement: where uniform numbers fall in the cumulative sums. Without: where weight / exponential number is
    largest, the largest first (Efraimidis and Spirakis 2006). Returns int64, (num_samples) or (rows, num_samples).
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
        keys = weights / _exponential_beside(generator, weights)
    picks: Array = np.argsort(-keys, axis=-1, kind="stable")[..., :num_samples].copy()
    return picks


def _exponential_beside(generator: Generator, weights: Array) -> Array:
    """Draw a number for each weight, in the order in which the weights lie in memory, as PyTorch does."""
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
        unit = _unit(stream, len(rows) * num_samples, _DOUBLE).reshape(len(rows), num_samples)
    if not len(rows):
        return np.empty((0, num_samples), np.int64)
    picks = np.stack([np.searchsorted(sums, row) for sums, row in zip(cumulative.astype(np.float64), unit)])
    return picks.reshape(*weights.shape[:-1], num_samples)
