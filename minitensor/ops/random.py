"""Random tensors: made new, filled in place, sampled by the probabilities that a tensor holds.

Every function draws from ``generator.py`` on the host and moves the numbers to where they are wanted, so that one
seed gives the same numbers on every device. The gradient of a draw is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor import dtypes, generator
from minitensor import generator as streams
from minitensor.autograd.misuse import composite
from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError
from minitensor.generator import default_generator
from minitensor.ops.aliasing import writes
from minitensor.ops.chance import drawing
from minitensor.ops.creation import chosen, dtype_of_range, empty_like, finished, sizes_of, zeros_like
from minitensor.ops.kinds import FLOATS, ORDERED, require_kind
from minitensor.ops.out import fill, refit, refuse_grad, require_out
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from minitensor.backends import Array
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.generator import Generator
    from minitensor.tensor import Tensor


# -- made new ----------------------------------------------------------------------------------------------------------


@composite
def rand(
    *sizes: Any, size: Any = None, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1).

    >>> import minitensor as torch
    >>> torch.manual_seed(0) and None
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    shape, kind = sizes_of(sizes if size is None else (size,)), chosen(dtype, out)
    if out is not None:
        return uniform_(refit("rand", out, shape), generator=generator)
    source = source_of(generator)
    return fresh(shape, lambda shape: UNIFORM(source, shape, kind), device, requires_grad)


@composite
def randn(
    *sizes: Any, size: Any = None, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn from the normal distribution of mean 0 and variance 1."""
    shape, kind = sizes_of(sizes if size is None else (size,)), chosen(dtype, out)
    if out is not None:
        return normal_(refit("randn", out, shape), generator=generator)
    source = source_of(generator)
    return fresh(shape, lambda shape: NORMAL(source, shape, kind), device, requires_grad)


@drawing
def fresh(
    shape: tuple[int, ...], draw: Callable[[tuple[int, ...]], Array], device: DeviceLike, requires_grad: bool
) -> Tensor:
    """Return a new tensor of what ``draw`` draws for a shape."""
    return finished(draw(shape), device, requires_grad)


def source_of(generator: Any) -> Generator:
    """Return the generator to draw from."""
    if generator is None:
        return default_generator
    if not isinstance(generator, streams.Generator):
        raise ArgumentTypeError(f"argument 'generator' must be a torch.Generator, not {type(generator).__name__}")
    return generator


@composite
def randint(
    *bounds: Any, low: int | None = None, high: int | None = None, size: Sequence[int] | None = None,
    generator: Generator | None = None, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return integers drawn evenly from [low, high): ``randint(high, size)`` or ``randint(low, high, size)``."""
    low, high, size = bounds_of(bounds, low, high, size)
    shape, kind = sizes_of((size,)), chosen(dtypes.int64 if dtype is None and out is None else dtype, out)
    if out is not None:
        return random_(refit("randint", out, shape), low, high, generator=generator)
    source = source_of(generator)
    return fresh(shape, lambda shape: INTEGERS(source, shape, low, high, kind), device, requires_grad)


def bounds_of(
    given: tuple[Any, ...], low: int | None, high: int | None, size: Sequence[int] | None
) -> tuple[int, int, Sequence[int]]:
    """Sort out ``randint``'s arguments: the last positional one is the size, unless that was named."""
    numbers = list(given)
    if size is None and numbers:
        size = numbers.pop()
    if high is None and numbers:
        high = numbers.pop()
    if low is None and numbers:
        low = numbers.pop()
    if numbers or high is None or size is None or isinstance(size, int) or isinstance(high, bool):
        raise ArgumentTypeError(
            f"randint: expected randint(high, size) or randint(low, high, size) with a tuple as the size, got {given!r}"
        )
    return 0 if low is None else low, high, size


@composite
@drawing
def randperm(
    n: int, *, generator: Generator | None = None, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from 0 to n - 1 in a random order."""
    kind = chosen(dtypes.int64 if dtype is None and out is None else dtype, out)
    dtype_of_range("randperm", kind, "bc")
    made = finished(PERMUTATION(source_of(generator), n, kind), device, requires_grad)
    return made if out is None else fill("randperm", made, out)


UNIFORM, NORMAL, NORMAL_PAIRS = generator.uniform, generator.normal, generator.normal_in_pairs
INTEGERS, ALL_INTEGERS, PERMUTATION = generator.randint, generator.random_integers, generator.randperm
BERNOULLI, EXPONENTIAL, CATEGORIES = generator.bernoulli, generator.exponential, generator.multinomial
LOG_NORMAL, CAUCHY, GEOMETRIC = generator.log_normal, generator.cauchy, generator.geometric
"""What ``generator.py`` draws, by names that the argument ``generator`` does not hide."""


# -- like another ------------------------------------------------------------------------------------------------------


@composite
@drawing
def rand_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
    memory_format: Any = None, generator: Generator | None = None,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1) in another tensor's shape, dtype and device."""
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(uniform_(made, generator=generator), requires_grad)


@composite
@drawing
def randn_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
    memory_format: Any = None, generator: Generator | None = None,
) -> Tensor:
    """Return standard normal numbers in another tensor's shape, dtype and device."""
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(normal_(made, generator=generator), requires_grad)


@composite
@drawing
def randint_like(
    input: Tensor, *bounds: int, low: int = 0, high: int | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: bool = False, memory_format: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Return integers from [low, high) in another tensor's shape, dtype and device."""
    if bounds:
        low, high = (low, bounds[0]) if len(bounds) == 1 else bounds
    if high is None:
        raise ArgumentTypeError("randint_like: expected randint_like(input, high) or randint_like(input, low, high)")
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(random_(made, low, high, generator=generator), requires_grad)


def with_grad(tensor: Tensor, requires_grad: bool) -> Tensor:
    """Make a fresh tensor gather its gradient, if asked."""
    return tensor.requires_grad_() if requires_grad else tensor


ABSENT: Any = object()  # where None is an answer


# -- filled in place ---------------------------------------------------------------------------------------------------


def store(input: Tensor, drawn: Array) -> None:
    """Write numbers drawn on the host into a tensor, wherever it lies; see Note [The order of draws]."""
    place = input.device
    window = in_memory_order(input, input.array)
    window[...] = place.backend.asarray(drawn.reshape(window.shape), place.index)


# Note [The order of draws]. As in PyTorch, the first number drawn goes where the memory begins: a transposed matrix is
# filled column by column, so that it holds the numbers that the matrix itself would have got.


def in_memory_order(input: Tensor, array: Array) -> Array:
    """Return an array of the input's shape with its dims in the order in which the input lies in memory."""
    strides = input.layout.strides
    order = sorted(range(len(strides)), key=lambda dim: -strides[dim])
    return array if order == [*range(len(strides))] else array.transpose(order)


class NotContinuous(DtypeError, NotImplementedError):
    """A continuous distribution for integers: PyTorch raises NotImplementedError."""


def continuous(name: str, input: Tensor) -> Any:
    """Return the array library's dtype of a tensor that can hold fractions."""
    dtype = input.array.dtype
    if dtype.kind not in "fc":
        raise NotContinuous(f"{name}: not implemented for {input.dtype.name}: expected a floating point dtype")
    return dtype


@composite
@drawing
@writes(input=lambda grad: None)
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn evenly from [from_, to)."""
    store(input, UNIFORM(source_of(generator), input.array.shape, continuous("uniform_", input), from_, to))


@composite
@drawing
@writes(input=lambda grad: None)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn from the normal distribution of this mean and standard deviation."""
    # As PyTorch: which pairs of uniform numbers are used depends on the layout.
    draw = NORMAL if input.array.flags.c_contiguous else NORMAL_PAIRS
    store(input, draw(source_of(generator), input.array.shape, continuous("normal_", input), mean, std))


@composite
@drawing
@writes(input=lambda grad: None)
def random_(
    input: Tensor, from_: int | None = None, to: Any = ABSENT, *, generator: Generator | None = None
) -> None:
    """Fill with integers: ``random_()`` of all from 0 on, ``random_(to)`` from [0, to), ``random_(from_, to)``.

    With None for ``to``, from ``from_`` to the largest there is.
    """
    source, kind = source_of(generator), input.dtype.numpy
    if from_ is None and to in (ABSENT, None):
        store(input, ALL_INTEGERS(source, input.array.shape, kind))
        return
    low, high = (0, from_) if to is ABSENT else (from_ or 0, to)
    if high is None:
        store(input, ALL_INTEGERS(source, input.array.shape, kind, low))
        return
    store(input, INTEGERS(source, input.array.shape, low, high, kind))


@composite
@drawing
@writes(input=lambda grad: None)
def bernoulli_(input: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> None:
    """Fill with ones, each with probability ``p``, and zeros; ``p`` is a number or a tensor that broadcasts."""
    require_kind("bernoulli_", ORDERED, input)
    shape = input.array.shape
    chance: Any = p
    if isinstance(p, TensorBase):
        chance = in_memory_order(input, numpy.broadcast_to(host(p), shape))
        shape = chance.shape
    store(input, BERNOULLI(source_of(generator), chance, shape, input.dtype.numpy))


@composite
@drawing
@writes(input=lambda grad: None)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn from the exponential distribution of this rate."""
    store(input, EXPONENTIAL(source_of(generator), input.array.shape, input.dtype.numpy, lambd))


@composite
@drawing
@writes(input=lambda grad: None)
def log_normal_(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers whose logarithms are drawn from the normal distribution of this mean and deviation."""
    store(input, LOG_NORMAL(source_of(generator), input.array.shape, input.dtype.numpy, mean, std))


@composite
@drawing
@writes(input=lambda grad: None)
def cauchy_(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn from the Cauchy distribution of this median and half width."""
    store(input, CAUCHY(source_of(generator), input.array.shape, input.dtype.numpy, median, sigma))


@composite
@drawing
@writes(input=lambda grad: None)
def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> None:
    """Fill with numbers of tosses up to the first success, each toss a success with probability ``p``."""
    store(input, GEOMETRIC(source_of(generator), input.array.shape, input.dtype.numpy, p))


# -- by the probabilities that a tensor holds --------------------------------------------------------------------------


def host(tensor: Any) -> Array:
    """Return a tensor's elements on the host."""
    array: Array = tensor.backend.to_host(tensor.array)
    return array


@composite
@drawing
def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """Return ones with the probabilities in ``input`` (or with ``p``, in ``input``'s shape), and zeros."""
    if out is None:
        return _bernoulli(input, p, generator)
    require_out("bernoulli", out)
    return bernoulli_(refit("bernoulli", out, tuple(input.shape)), input if p is None else p, generator=generator)


@differentiable(input=lambda grad: zeros_like(grad))
def _bernoulli(input: Tensor, p: float | None, generator: Generator | None) -> Array:
    """Draw in the shape and dtype of ``input``."""
    if p is None:
        require_kind("bernoulli", FLOATS, input)
    chance = host(input) if p is None else p
    return brought(BERNOULLI(source_of(generator), chance, input.array.shape, input.dtype.numpy), input)


def brought(drawn: Array, input: Tensor) -> Array:
    """Return numbers drawn on the host where the input lies."""
    place = input.device
    return place.backend.asarray(drawn, place.index)


@composite
@drawing
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Return indices drawn with the weights in ``input``, (n) or (rows, n): (num_samples) or (rows, num_samples)."""
    if out is not None:
        chosen(dtypes.int64, out)
    drawn = CATEGORIES(source_of(generator), host(input), num_samples, replacement)
    made = finished(drawn, input.device, False)
    return made if out is None else fill("multinomial", made, out)


@composite
def normal(
    mean: Any = None, std: Any = 1.0, size: Sequence[int] | None = None, *, generator: Generator | None = None,
    out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return normal numbers of this mean and standard deviation: of a size, or each of its own."""
    source = source_of(generator)
    tensors = [each for each in (mean, std) if isinstance(each, TensorBase)]
    if not tensors:
        if size is None or mean is None:
            raise ArgumentTypeError("normal: expected a size beside two numbers, as normal(0.0, 1.0, (2, 3))")
        shape, kind = sizes_of((size,)), chosen(dtype, out)
        if out is not None:
            return normal_(refit("normal", out, shape), float(mean), float(std), generator=source)
        mean, std = float(mean), float(std)
        return fresh(shape, lambda shape: NORMAL(source, shape, kind, mean, std), device, requires_grad)
    if size is not None or mean is None:
        raise ArgumentTypeError("normal: expected mean and standard deviation and, only beside two numbers, a size")
    if out is not None:
        return normal_into(out, mean, std, source)
    return normal_around(mean, std, generator=source)


def normal_into(out: Tensor, mean: Any, std: Any, source: Generator) -> Tensor:
    """Fill a tensor of the right shape with normal numbers, each of its own mean or standard deviation."""
    chosen(None, out)
    given: list[Any] = [each for each in (mean, std) if isinstance(each, TensorBase)]
    shape = broadcast_shapes(*[tuple(each.shape) for each in given])
    if out.shape != shape:
        raise ShapeError(f"normal: out= of shape {list(out.shape)} must have the shape {list(shape)} of mean and std")
    refuse_grad("normal", out, *given)
    if not isinstance(std, TensorBase):
        return normal_(out, 0.0, float(std), generator=source).add_(mean)
    require_spread(std)
    return normal_(out, generator=source).mul_(given[-1]).add_(mean)


@drawing
def normal_around(mean: Any, std: Any, *, generator: Generator) -> Tensor:
    """Return normal numbers, each of its own mean or standard deviation."""
    return _normal(mean, std, generator)


@differentiable(mean=lambda grad: zeros_like(grad), std=lambda grad: zeros_like(grad))
def _normal(mean: Any, std: Any, source: Generator) -> Array:
    """Return normal numbers, each of its own mean or standard deviation."""
    given: list[Any] = [each for each in (mean, std) if isinstance(each, TensorBase)]
    shape, kind = broadcast_shapes(*[tuple(each.shape) for each in given]), given[0].dtype.numpy
    if not isinstance(std, TensorBase):
        drawn: Array = brought(NORMAL(source, shape, kind, 0.0, float(std)), given[0])
        drawn += mean.array
        return drawn
    require_spread(std)
    drawn = brought(NORMAL(source, shape, kind), given[0])
    drawn *= std.array
    drawn += mean.array if isinstance(mean, TensorBase) else drawn.dtype.type(mean)
    return drawn


def require_spread(std: Any) -> None:
    """Raise unless all standard deviations are at least zero."""
    if std.array.dtype.kind == "c":
        raise DtypeError(f"normal: expects a standard deviation that is real, got {std.dtype.name}")
    if not bool((std.array >= 0).all()):
        raise ShapeError(f"normal: expects all elements of std >= 0.0, the smallest is {std.array.min()}")


# -- seeds and states --------------------------------------------------------------------------------------------------

manual_seed, seed, initial_seed = generator.manual_seed, generator.seed, generator.initial_seed


def get_rng_state() -> Tensor:
    """Return the state of the default generator as bytes."""
    state: Tensor = wrap(TensorBase.result_class, numpy.frombuffer(default_generator.state_bytes(), "uint8").copy())
    return state


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator continue from a state that ``get_rng_state`` gave."""
    if not isinstance(new_state, TensorBase) or new_state.dtype is not dtypes.uint8:
        raise ArgumentTypeError("set_rng_state: expected the state as a tensor of uint8, as get_rng_state gives it")
    default_generator.set_state_bytes(host(new_state).tobytes())


def fork_rng(devices: Any = None, enabled: bool = True) -> AbstractContextManager[None]:
    """Let the default generator, after the ``with`` block, continue as if nothing had been drawn inside."""
    return generator.fork_rng(enabled)
