"""Random tensors: made new, filled in place, sampled by the probabilities that a tensor holds.

Every function draws from ``generator.py`` on the host and moves the numbers to where they are wanted, so that one
seed gives the same numbers on every device. The gradient of a draw is zero.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy

from minitensor import dtypes, generator
from minitensor import generator as streams
from minitensor.autograd.declare import differentiable, drawing
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, quote
from minitensor.generator import default_generator
from minitensor.ops.aliasing import writes
from minitensor.ops.creation import chosen, dtype_of_range, empty_like, finished, sizes_of, zeros_like
from minitensor.ops.kinds import FLOATS, ORDERED, require_kind
from minitensor.ops.out import fill, refit, refuse_grad, require_out, warn_of_resize
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from minitensor.autograd.argument_types import Switch
    from minitensor.backends import Array
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.generator import Generator
    from minitensor.memory_format import memory_format
    from minitensor.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


# -- parameters --------------------------------------------------------------------------------------------------------


class Absent:
    """Stands for an argument that is not given, where None is one that is."""

    def __repr__(self) -> str:
        return "<absent>"


ABSENT: Any = Absent()


def real(name: str, parameter: str, value: Any) -> float:
    """Return a parameter as a float: that of a number, or of a 0-d tensor without history."""
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, TensorBase):
        fits = not value.ndim and not value.requires_grad
    else:
        fits = isinstance(value, (float, int, numpy.floating, numpy.integer, numpy.bool_))
    if not fits:
        raise ArgumentTypeError(f"{name}(): argument {parameter!r} must be float, not {type(value).__name__}")
    return float(value)


def whole(name: str, parameter: str, value: Any) -> int:
    """Return a parameter as an int: that of anything that counts as one, but bools."""
    if value.__class__ is int:
        return value
    countable = hasattr(value, "__index__") and not isinstance(value, (bool, numpy.bool_))
    if isinstance(value, TensorBase):
        countable = value.numel() == 1 and value.dtype.numpy.kind in "iu"
    if not countable:
        raise ArgumentTypeError(f"{name}(): argument {parameter!r} must be int, not {type(value).__name__}")
    return operator.index(value)


def bound(parameter: str, value: Any) -> int:
    """Return a bound of ``random_`` as an int: that of an int or of a 0-d tensor, not of an array."""
    if getattr(value, "ndim", 0) or isinstance(value, numpy.ndarray):
        raise ArgumentTypeError(f"random_(): argument {parameter!r} must be int, not {type(value).__name__}")
    return whole("random_", parameter, value)


def listed(name: str, size: Any) -> tuple[int, ...]:
    """Return the sizes in a tuple or list."""
    if not isinstance(size, (tuple, list)) or any(isinstance(each, bool) for each in size):
        raise ArgumentTypeError(f"{name}(): argument 'size' must be tuple of ints, got {quote(size)}")
    return sizes_of((size,))


def shape_of(name: str, sizes: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """Return the sizes given one by one, in a sequence, or by the word ``size``."""
    if size is ABSENT and not (len(sizes) == 1 and isinstance(sizes[0], bool)):
        return sizes_of(sizes)
    if sizes and size is not ABSENT:
        raise ArgumentTypeError(f"{name}(): sizes are given twice: {quote(sizes)} and size={quote(size)}")
    return listed(name, sizes[0] if sizes else size)


def takes_from(**others: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let the parameter ``from_`` be given by PyTorch's word, ``from``, which Python keeps for itself.

    ``others`` are given beside it where the caller does not give them.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if "from_" in kwargs:
                raise ArgumentTypeError(f"{function.__name__}() got an unexpected keyword argument 'from_'")
            if "from" in kwargs:
                given: Any = {**others, **kwargs}
                return function(*args, from_=given.pop("from"), **given)
            return function(*args, **kwargs)

        return call

    return decorate


# -- made new ----------------------------------------------------------------------------------------------------------


@composite
def rand(
    *sizes: Any, size: Any = ABSENT, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1).

    >>> import minitensor as torch
    >>> torch.manual_seed(0) and None
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    shape, kind = shape_of("rand", sizes, size), chosen(dtype, out)
    if out is not None:
        return uniform_(refit("rand", out, shape), generator=generator)
    source = source_of(generator)
    return fresh(shape, lambda shape: UNIFORM(source, shape, kind), device, requires_grad)


@composite
def randn(
    *sizes: Any, size: Any = ABSENT, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers drawn from the normal distribution of mean 0 and variance 1."""
    shape, kind = shape_of("randn", sizes, size), chosen(dtype, out)
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
    *bounds: Any, low: Any = ABSENT, high: Any = ABSENT, size: Any = ABSENT, generator: Generator | None = None,
    out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return integers drawn evenly from [low, high): ``randint(high, size)`` or ``randint(low, high, size)``."""
    if size is ABSENT and bounds:
        *bounds, size = bounds  # type: ignore[assignment]  # the last one
    low, high = bounds_of("randint", bounds, low, high)
    shape, kind = listed("randint", size), chosen(dtypes.int64 if dtype is None and out is None else dtype, out)
    if out is not None:
        return random_(refit("randint", out, shape), low, high, generator=generator)
    source = source_of(generator)
    return fresh(shape, lambda shape: INTEGERS(source, shape, low, high, kind), device, requires_grad)


def bounds_of(name: str, given: Sequence[Any], low: Any, high: Any) -> tuple[int, int]:
    """Sort out ``high``, or ``low`` and ``high``, given in a row or by their words."""
    numbers = list(given)
    if high is ABSENT and numbers:
        high = numbers.pop()
    if low is ABSENT:
        low = numbers.pop() if numbers else 0
    elif len(given) > len(numbers):
        numbers = list(given)  # a word for the first and none for the second
    if numbers or high is ABSENT:
        raise ArgumentTypeError(
            f"{name}: expected high, or low and high, got {quote(tuple(given))}, low={low!r}, high={high!r}"
        )
    return whole(name, "low", low), whole(name, "high", high)


@composite
@drawing
def randperm(
    n: int, *, generator: Generator | None = None, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the numbers from 0 to n - 1 in a random order."""
    kind = chosen(dtypes.int64 if dtype is None and out is None else dtype, out)
    dtype_of_range("randperm", kind, "bc")
    made = finished(PERMUTATION(source_of(generator), whole("randperm", "n", n), kind), device, requires_grad)
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
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None, generator: Generator | None = None,
) -> Tensor:
    """Return numbers drawn evenly from [0, 1) in another tensor's shape, dtype and device."""
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(uniform_(made, generator=generator), requires_grad)


@composite
@drawing
def randn_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None, generator: Generator | None = None,
) -> Tensor:
    """Return standard normal numbers in another tensor's shape, dtype and device."""
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(normal_(made, generator=generator), requires_grad)


@composite
@drawing
def randint_like(
    input: Tensor, *bounds: Any, low: Any = ABSENT, high: Any = ABSENT, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False, memory_format: memory_format | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Return integers from [low, high) in another tensor's shape, dtype and device."""
    low, high = bounds_of("randint_like", bounds, low, high)
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(random_(made, low, high, generator=generator), requires_grad)


def with_grad(tensor: Tensor, requires_grad: bool) -> Tensor:
    """Make a fresh tensor gather its gradient, if asked."""
    return tensor.requires_grad_() if requires_grad else tensor


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


@takes_from()
@composite
@drawing
@writes(input=lambda grad: None)
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn evenly from [from_, to)."""
    low, high = real("uniform_", "from", from_), real("uniform_", "to", to)
    store(input, UNIFORM(source_of(generator), input.array.shape, continuous("uniform_", input), low, high))


@composite
@drawing
@writes(input=lambda grad: None)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn from the normal distribution of this mean and standard deviation."""
    mean, std = real("normal_", "mean", mean), real("normal_", "std", std)
    # As PyTorch: which pairs of uniform numbers are used depends on the layout.
    draw = NORMAL if input.array.flags.c_contiguous else NORMAL_PAIRS
    store(input, draw(source_of(generator), input.array.shape, continuous("normal_", input), mean, std))


@takes_from(to=Absent())  # not ABSENT: from alone is refused
@composite
@drawing
@writes(input=lambda grad: None)
def random_(input: Tensor, from_: Any = ABSENT, to: Any = ABSENT, *, generator: Generator | None = None) -> None:
    """Fill with integers: ``random_()`` of all from 0 on, ``random_(to)`` from [0, to), ``random_(from_, to)``.

    With None for ``to``, from ``from_`` to the largest there is.
    """
    source, shape, kind = source_of(generator), input.array.shape, input.dtype.numpy
    if from_ is ABSENT and to is ABSENT:
        store(input, ALL_INTEGERS(source, shape, kind))
    elif to is None and from_ is not ABSENT:
        store(input, ALL_INTEGERS(source, shape, kind, bound("from", from_)))
    else:
        low, high = (0, from_) if to is ABSENT else (0 if from_ is ABSENT else from_, to)
        store(input, INTEGERS(source, shape, bound("from", low), bound("to", high), kind))


@composite
@drawing
@writes(input=lambda grad: None)
def bernoulli_(input: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> None:
    """Fill with ones, each with probability ``p``, and zeros; ``p`` is a number or a tensor that broadcasts."""
    require_kind("bernoulli_", ORDERED, input)
    shape = input.array.shape
    chance: Any
    if isinstance(p, TensorBase):
        chance = in_memory_order(input, numpy.broadcast_to(host(p), shape))
        shape = chance.shape
    else:
        chance = real("bernoulli_", "p", p)
    store(input, BERNOULLI(source_of(generator), chance, shape, input.dtype.numpy))


@composite
@drawing
@writes(input=lambda grad: None)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn from the exponential distribution of this rate."""
    rate = real("exponential_", "lambd", lambd)
    store(input, EXPONENTIAL(source_of(generator), input.array.shape, input.dtype.numpy, rate))


@composite
@drawing
@writes(input=lambda grad: None)
def log_normal_(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers whose logarithms are drawn from the normal distribution of this mean and deviation."""
    mean, std = real("log_normal_", "mean", mean), real("log_normal_", "std", std)
    store(input, LOG_NORMAL(source_of(generator), input.array.shape, input.dtype.numpy, mean, std))


@composite
@drawing
@writes(input=lambda grad: None)
def cauchy_(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers drawn from the Cauchy distribution of this median and half width."""
    median, sigma = real("cauchy_", "median", median), real("cauchy_", "sigma", sigma)
    store(input, CAUCHY(source_of(generator), input.array.shape, input.dtype.numpy, median, sigma))


@composite
@drawing
@writes(input=lambda grad: None)
def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> None:
    """Fill with numbers of tosses up to the first success, each toss a success with probability ``p``."""
    chance = real("geometric_", "p", p)
    store(input, GEOMETRIC(source_of(generator), input.array.shape, input.dtype.numpy, chance))


# -- by the probabilities that a tensor holds --------------------------------------------------------------------------


def host(tensor: Any) -> Array:
    """Return a tensor's elements on the host."""
    array: Array = tensor.backend.to_host(tensor.array)
    return array


@composite
@drawing
def bernoulli(
    input: Tensor, p: Any = ABSENT, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """Return ones with the probabilities in ``input`` (or with ``p``, in ``input``'s shape), and zeros."""
    if out is None:
        return _bernoulli(input, None if p is ABSENT else real("bernoulli", "p", p), generator)
    if p is not ABSENT:
        raise ArgumentTypeError(f"bernoulli: expected p or out=, got both, p={quote(p)}")
    require_out("bernoulli", out)
    return bernoulli_(refit("bernoulli", out, tuple(input.shape)), input, generator=generator)


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
    input: Tensor, num_samples: Any, replacement: bool = False, *, generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Return indices drawn with the weights in ``input``, (n) or (rows, n): (num_samples) or (rows, num_samples)."""
    if out is not None:
        chosen(dtypes.int64, out)
    count = whole("multinomial", "num_samples", num_samples)
    if replacement.__class__ is not bool:
        raise ArgumentTypeError(
            f"multinomial(): argument 'replacement' must be bool, not {type(replacement).__name__}"
        )
    drawn = CATEGORIES(source_of(generator), host(input), count, replacement)
    made = finished(drawn, input.device, False)
    return made if out is None else fill("multinomial", made, out)


@composite
def normal(
    mean: Any = ABSENT, std: Any = 1.0, size: Any = ABSENT, *, generator: Generator | None = None,
    out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return normal numbers of this mean and standard deviation: of a size, or each of its own."""
    source = source_of(generator)
    if mean is ABSENT:
        raise ArgumentTypeError("normal: expected a mean, and a standard deviation or none")
    if size is not ABSENT:
        return normal_of_size(mean, std, size, source, out, dtype, device, requires_grad)
    if not any(isinstance(each, TensorBase) for each in (mean, std)):
        raise ArgumentTypeError("normal: expected a size beside two numbers, as normal(0.0, 1.0, (2, 3))")
    if dtype is not None or device is not None or requires_grad:
        raise ArgumentTypeError("normal: expected dtype=, device= and requires_grad= only beside a size")
    mean, std = [
        each if isinstance(each, TensorBase) else real("normal", name, each)
        for name, each in (("mean", mean), ("std", std))
    ]
    return normal_around(mean, std, generator=source) if out is None else normal_into(out, mean, std, source)


def normal_of_size(
    mean: Any, std: Any, size: Any, source: Generator, out: Tensor | None, dtype: Dtype | None, device: DeviceLike,
    requires_grad: bool,
) -> Tensor:
    """Return normal numbers of one mean and one standard deviation."""
    mean, std = real("normal", "mean", mean), real("normal", "std", std)
    shape, kind = listed("normal", size), chosen(dtype, out)
    if out is not None:
        return normal_(refit("normal", out, shape), mean, std, generator=source)
    return fresh(shape, lambda shape: NORMAL(source, shape, kind, mean, std), device, requires_grad)


def normal_into(out: Tensor, mean: Any, std: Any, source: Generator) -> Tensor:
    """Fill a tensor of the right shape with normal numbers, each of its own mean or standard deviation."""
    chosen(None, out)
    given: list[Any] = [each for each in (mean, std) if isinstance(each, TensorBase)]
    shape = broadcast_shapes(*[tuple(each.shape) for each in given])
    if not isinstance(std, TensorBase):
        shape = broadcast_shapes(tuple(out.shape), shape)  # as PyTorch, which spreads the number over ``out``
    else:
        require_spread(std)
    refuse_grad("normal", out, *given)
    if out.shape != shape:
        warn_of_resize(out, shape)
    refit("normal", out, shape)
    if not isinstance(std, TensorBase):
        return normal_(out, 0.0, float(std), generator=source).add_(mean)
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
