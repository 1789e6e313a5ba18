"""Random tensors: new ones, filling in place, and sampling with the probabilities in a tensor.

Every function draws with ``distributions.py`` on the host and then moves the numbers to the device: one seed gives the
same numbers on every device. The gradient of a draw is zero.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy

from minitensor import distributions, dtypes, generator
from minitensor import generator as streams
from minitensor.autograd.argument_types import require, wrong_type
from minitensor.autograd.declare import differentiable, drawing
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UnsupportedDtypeError, quote
from minitensor.generator import default_generator
from minitensor.ops.aliasing import writes
from minitensor.ops.creation import choose_dtype, empty_like, make_leaf, read_sizes, zeros_like
from minitensor.ops.kinds import FLOATS, ORDERED, require_kind
from minitensor.ops.out import fill, refit, refuse_grad, require_out, warn_of_resize
from minitensor.ops.ranges import require_range_dtype
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from minitensor.autograd.argument_types import Count, Switch
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
    """The default of an argument for which None is a value."""

    def __repr__(self) -> str:
        return "<absent>"


ABSENT: Any = Absent()


def read_float(name: str, parameter: str, value: Any) -> float:
    """Return a parameter as a float; raise if it is not a number or a 0-d tensor that does not require grad."""
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, TensorBase) and value.requires_grad:
        raise wrong_type(name, parameter, "float", value)
    require(name, parameter, "float", value)
    return float(value)


def read_int(name: str, parameter: str, wanted: str, value: Any) -> int:
    """Return a parameter as an int; raise unless it is what is wanted, an "int" or a "Count"."""
    require(name, parameter, wanted, value)
    return operator.index(value)


def read_size(name: str, size: Any) -> tuple[int, ...]:
    """Return the sizes in a tuple or list; raise for anything else."""
    if not isinstance(size, (tuple, list)) or any(isinstance(each, bool) for each in size):
        raise ArgumentTypeError(f"{name}(): argument 'size' must be tuple of ints, got {quote(size)}")
    return read_sizes((size,))


def read_shape(name: str, sizes: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """Return the sizes given one by one, in a sequence, or as ``size=``."""
    if size is ABSENT and not (len(sizes) == 1 and isinstance(sizes[0], bool)):
        return read_sizes(sizes)
    if sizes and size is not ABSENT:
        raise ArgumentTypeError(f"{name}(): sizes are given twice: {quote(sizes)} and size={quote(size)}")
    return read_size(name, sizes[0] if sizes else size)


def takes_from(**others: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Accept PyTorch's keyword ``from``, which is reserved in Python, for the parameter ``from_``.

    ``others`` are the defaults of other arguments when it is given.
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


# -- new tensors -------------------------------------------------------------------------------------------------------


@composite
def rand(
    *sizes: Any, size: Any = ABSENT, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1).

    >>> import minitensor as torch
    >>> torch.manual_seed(0) and None
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    shape, kind = read_shape("rand", sizes, size), choose_dtype(dtype, out)
    if out is not None:
        return uniform_(refit("rand", out, shape), generator=generator)
    source = choose_generator(generator)
    return fresh(shape, lambda shape: UNIFORM(source, shape, kind), device, requires_grad)


@composite
def randn(
    *sizes: Any, size: Any = ABSENT, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the normal distribution of mean 0 and variance 1."""
    shape, kind = read_shape("randn", sizes, size), choose_dtype(dtype, out)
    if out is not None:
        return normal_(refit("randn", out, shape), generator=generator)
    source = choose_generator(generator)
    return fresh(shape, lambda shape: NORMAL(source, shape, kind), device, requires_grad)


@drawing
def fresh(
    shape: tuple[int, ...], draw: Callable[[tuple[int, ...]], Array], device: DeviceLike, requires_grad: bool
) -> Tensor:
    """Return a new tensor of the numbers that ``draw`` returns for a shape."""
    return make_leaf(draw(shape), device, requires_grad)


def choose_generator(generator: Any) -> Generator:
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
    """Return integers drawn uniformly from [low, high), as ``randint(high, size)`` or ``randint(low, high, size)``.

    >>> import minitensor as torch
    >>> torch.randint(5, 6, (3,))
    tensor([5, 5, 5])

    Raises:
        RuntimeError: ``high`` is not greater than ``low``.
    """
    if size is ABSENT and bounds:
        *bounds, size = bounds  # type: ignore[assignment]  # the last one
    low, high = read_bounds("randint", bounds, low, high)
    shape = read_size("randint", size)
    kind = choose_dtype(dtypes.int64 if dtype is None and out is None else dtype, out)
    if out is not None:
        return random_(refit("randint", out, shape), low, high, generator=generator)
    source = choose_generator(generator)
    return fresh(shape, lambda shape: INTEGERS(source, shape, low, high, kind), device, requires_grad)


def read_bounds(name: str, given: Sequence[Any], low: Any, high: Any) -> tuple[int, int]:
    """Return ``low`` (0 if not given) and ``high``, given by position or by keyword."""
    numbers = list(given)
    if high is ABSENT and numbers:
        high = numbers.pop()
    if low is ABSENT:
        low = numbers.pop() if numbers else 0
    elif len(given) > len(numbers):
        numbers = list(given)  # `low` by keyword and `high` by position
    if numbers or high is ABSENT:
        raise ArgumentTypeError(
            f"{name}: expected high, or low and high, got {quote(tuple(given))}, low={low!r}, high={high!r}"
        )
    return read_int(name, "low", "Count", low), read_int(name, "high", "Count", high)


@composite
@drawing
def randperm(
    n: Count, *, generator: Generator | None = None, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the integers from 0 to n - 1 in a random order."""
    kind = choose_dtype(dtypes.int64 if dtype is None and out is None else dtype, out)
    require_range_dtype("randperm", kind, "bc")
    order = PERMUTATION(choose_generator(generator), n, kind)
    made = make_leaf(order, device, requires_grad)
    return made if out is None else fill("randperm", made, out)


UNIFORM, NORMAL, NORMAL_PAIRS = distributions.uniform, distributions.normal, distributions.normal_in_pairs
INTEGERS, ALL_INTEGERS, PERMUTATION = distributions.randint, distributions.random_integers, distributions.randperm
BERNOULLI, EXPONENTIAL, CATEGORIES = distributions.bernoulli, distributions.exponential, distributions.multinomial
LOG_NORMAL, CAUCHY, GEOMETRIC = distributions.log_normal, distributions.cauchy, distributions.geometric
"""What ``distributions.py`` draws, under names that differ from those of the ops."""


# -- like another ------------------------------------------------------------------------------------------------------


@composite
@drawing
def rand_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None, generator: Generator | None = None,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1), of another tensor's shape, dtype and device."""
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(uniform_(made, generator=generator), requires_grad)


@composite
@drawing
def randn_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None, generator: Generator | None = None,
) -> Tensor:
    """Return standard normal numbers, of another tensor's shape, dtype and device."""
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(normal_(made, generator=generator), requires_grad)


@composite
@drawing
def randint_like(
    input: Tensor, *bounds: Any, low: Any = ABSENT, high: Any = ABSENT, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False, memory_format: memory_format | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Return integers drawn uniformly from [low, high), of another tensor's shape, dtype and device."""
    low, high = read_bounds("randint_like", bounds, low, high)
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(random_(made, low, high, generator=generator), requires_grad)


def with_grad(tensor: Tensor, requires_grad: bool) -> Tensor:
    """Make a fresh tensor require grad if ``requires_grad`` is true."""
    return tensor.requires_grad_() if requires_grad else tensor


# -- filled in place ---------------------------------------------------------------------------------------------------


def write_draws(input: Tensor, drawn: Array) -> None:
    """Write numbers drawn on the host into a tensor on any device; see Note [The order of draws]."""
    place = input.device
    window = in_memory_order(input, input.array)
    window[...] = place.backend.asarray(drawn.reshape(window.shape), place.index)


# Note [The order of draws]. As in PyTorch, numbers are written in the order of memory: a transposed matrix is filled
# column by column, with the numbers that the matrix itself would have got.


def in_memory_order(input: Tensor, array: Array) -> Array:
    """Permute an array of the input's shape to the order of the input's dims in memory."""
    strides = input.layout.strides
    order = sorted(range(len(strides)), key=lambda dim: -strides[dim])
    return array if order == [*range(len(strides))] else array.transpose(order)


def require_continuous(name: str, input: Tensor) -> Any:
    """Return the array library's dtype of a tensor; raise if it holds integers or bools."""
    dtype = input.array.dtype
    if dtype.kind not in "fc":
        raise UnsupportedDtypeError(f"{name}: not implemented for {input.dtype.name}: expected a floating point dtype")
    return dtype


@takes_from()
@composite
@drawing
@writes(input=lambda grad: None)
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers from the uniform distribution on [from_, to)."""
    low, high = read_float("uniform_", "from", from_), read_float("uniform_", "to", to)
    source, kind = choose_generator(generator), require_continuous("uniform_", input)
    write_draws(input, UNIFORM(source, input.array.shape, kind, low, high))


@composite
@drawing
@writes(input=lambda grad: None)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers from the normal distribution of this mean and standard deviation."""
    mean, std = read_float("normal_", "mean", mean), read_float("normal_", "std", std)
    # As PyTorch: which pairs of uniform numbers are used depends on the layout.
    draw = NORMAL if input.array.flags.c_contiguous else NORMAL_PAIRS
    source, kind = choose_generator(generator), require_continuous("normal_", input)
    write_draws(input, draw(source, input.array.shape, kind, mean, std))


@takes_from(to=Absent())  # not ABSENT: from alone is refused
@composite
@drawing
@writes(input=lambda grad: None)
def random_(input: Tensor, from_: Any = ABSENT, to: Any = ABSENT, *, generator: Generator | None = None) -> None:
    """Fill with uniform integers: ``random_()`` from 0 on, ``random_(to)`` from [0, to), ``random_(from_, to)``.

    If ``to`` is None, they go up to the largest that the dtype holds.
    """
    source, shape, kind = choose_generator(generator), input.array.shape, input.dtype.numpy
    if from_ is ABSENT and to is ABSENT:
        write_draws(input, ALL_INTEGERS(source, shape, kind))
    elif to is None and from_ is not ABSENT:
        write_draws(input, ALL_INTEGERS(source, shape, kind, read_int("random_", "from", "int", from_)))
    else:
        low, high = (0, from_) if to is ABSENT else (0 if from_ is ABSENT else from_, to)
        low, high = read_int("random_", "from", "int", low), read_int("random_", "to", "int", high)
        write_draws(input, INTEGERS(source, shape, low, high, kind))


@composite
@drawing
@writes(input=lambda grad: None)
def bernoulli_(input: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> None:
    """Fill with ones, each with probability ``p``, and zeros; ``p`` is a number or a tensor that broadcasts."""
    require_kind("bernoulli_", ORDERED, input)
    shape = input.array.shape
    chance: Any
    if isinstance(p, TensorBase):
        chance = in_memory_order(input, numpy.broadcast_to(to_host(p), shape))
        shape = chance.shape
    else:
        chance = read_float("bernoulli_", "p", p)
    write_draws(input, BERNOULLI(choose_generator(generator), chance, shape, input.dtype.numpy))


@composite
@drawing
@writes(input=lambda grad: None)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers from the exponential distribution of rate ``lambd``."""
    rate = read_float("exponential_", "lambd", lambd)
    write_draws(input, EXPONENTIAL(choose_generator(generator), input.array.shape, input.dtype.numpy, rate))


@composite
@drawing
@writes(input=lambda grad: None)
def log_normal_(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers whose logarithms are normal with this mean and standard deviation."""
    mean, std = read_float("log_normal_", "mean", mean), read_float("log_normal_", "std", std)
    write_draws(input, LOG_NORMAL(choose_generator(generator), input.array.shape, input.dtype.numpy, mean, std))


@composite
@drawing
@writes(input=lambda grad: None)
def cauchy_(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill with numbers from the Cauchy distribution of this median and half width ``sigma``."""
    median, sigma = read_float("cauchy_", "median", median), read_float("cauchy_", "sigma", sigma)
    write_draws(input, CAUCHY(choose_generator(generator), input.array.shape, input.dtype.numpy, median, sigma))


@composite
@drawing
@writes(input=lambda grad: None)
def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> None:
    """Fill with the numbers of trials up to the first success, which each trial is with probability ``p``."""
    chance = read_float("geometric_", "p", p)
    write_draws(input, GEOMETRIC(choose_generator(generator), input.array.shape, input.dtype.numpy, chance))


# -- probabilities in a tensor -----------------------------------------------------------------------------------------


def to_host(tensor: Any) -> Array:
    """Return a tensor's elements as a host array."""
    array: Array = tensor.backend.to_host(tensor.array)
    return array


@composite
@drawing
def bernoulli(
    input: Tensor, p: Any = ABSENT, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """Return ones with the probabilities in ``input``, or all with ``p``, and zeros; the shape is that of ``input``."""
    if out is None:
        return draw_bits(input, None if p is ABSENT else read_float("bernoulli", "p", p), generator)
    if p is not ABSENT:
        raise ArgumentTypeError(f"bernoulli: expected p or out=, got both, p={quote(p)}")
    require_out("bernoulli", out)
    return bernoulli_(refit("bernoulli", out, tuple(input.shape)), input, generator=generator)


@differentiable(name="bernoulli", input=lambda grad: zeros_like(grad))
def draw_bits(input: Tensor, p: float | None, generator: Generator | None) -> Array:
    """Draw ones and zeros in the shape and dtype of ``input``, with the probabilities in it or all with ``p``."""
    if p is None:
        require_kind("bernoulli", FLOATS, input)
    chance = to_host(input) if p is None else p
    return move_beside(BERNOULLI(choose_generator(generator), chance, input.array.shape, input.dtype.numpy), input)


def move_beside(drawn: Array, input: Tensor) -> Array:
    """Move numbers drawn on the host to the input's device."""
    place = input.device
    return place.backend.asarray(drawn, place.index)


@composite
@drawing
def multinomial(
    input: Tensor, num_samples: Count, replacement: bool = False, *, generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Return indices drawn with the weights in ``input``, which need not sum to 1.

    Shapes: ``(n)`` gives ``(num_samples)``, ``(rows, n)`` gives ``(rows, num_samples)``.

    >>> import minitensor as torch
    >>> torch.multinomial(torch.tensor([0., 3., 0.]), 2, replacement=True)
    tensor([1, 1])

    Args:
        replacement: Whether an index may be drawn more than once.

    Raises:
        RuntimeError: A weight is negative or not finite, or more than n samples are drawn without replacement.
    """
    if out is not None:
        choose_dtype(dtypes.int64, out)
    drawn = CATEGORIES(choose_generator(generator), to_host(input), num_samples, replacement)
    made = make_leaf(drawn, input.device, False)
    return made if out is None else fill("multinomial", made, out)


@composite
def normal(
    mean: Any = ABSENT, std: Any = 1.0, size: Any = ABSENT, *, generator: Generator | None = None,
    out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return normal numbers: ``normal(0., 1., size)`` of one mean and standard deviation, or each of its own.

    Args:
        mean: A number, or a tensor of means.
        std: A number, or a tensor of standard deviations; broadcasts against ``mean``.
        size: The shape of the result, if both are numbers.

    Raises:
        RuntimeError: A standard deviation is negative.
    """
    source = choose_generator(generator)
    if mean is ABSENT:
        raise ArgumentTypeError("normal: expected a mean, and a standard deviation or none")
    if size is not ABSENT:
        return normal_of_size(mean, std, size, source, out, dtype, device, requires_grad)
    if not any(isinstance(each, TensorBase) for each in (mean, std)):
        raise ArgumentTypeError("normal: expected a size beside two numbers, as normal(0.0, 1.0, (2, 3))")
    if dtype is not None or device is not None or requires_grad:
        raise ArgumentTypeError("normal: expected dtype=, device= and requires_grad= only beside a size")
    mean, std = [
        each if isinstance(each, TensorBase) else read_float("normal", name, each)
        for name, each in (("mean", mean), ("std", std))
    ]
    return normal_around(mean, std, generator=source) if out is None else normal_into(out, mean, std, source)


def normal_of_size(
    mean: Any, std: Any, size: Any, source: Generator, out: Tensor | None, dtype: Dtype | None, device: DeviceLike,
    requires_grad: bool,
) -> Tensor:
    """Implement ``normal`` with a size: one mean and one standard deviation."""
    mean, std = read_float("normal", "mean", mean), read_float("normal", "std", std)
    shape, kind = read_size("normal", size), choose_dtype(dtype, out)
    if out is not None:
        return normal_(refit("normal", out, shape), mean, std, generator=source)
    return fresh(shape, lambda shape: NORMAL(source, shape, kind, mean, std), device, requires_grad)


def normal_into(out: Tensor, mean: Any, std: Any, source: Generator) -> Tensor:
    """Implement ``normal`` with ``out=``: each number of its own mean or standard deviation."""
    choose_dtype(None, out)
    given: list[Any] = [each for each in (mean, std) if isinstance(each, TensorBase)]
    shape = broadcast_shapes(*[tuple(each.shape) for each in given])
    if not isinstance(std, TensorBase):
        shape = broadcast_shapes(tuple(out.shape), shape)  # as in PyTorch, which broadcasts the number to ``out``
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
    return draw_around(mean, std, generator)


@differentiable(name="normal", mean=lambda grad: zeros_like(grad), std=lambda grad: zeros_like(grad))
def draw_around(mean: Any, std: Any, source: Generator) -> Array:
    """Return normal numbers, each of its own mean or standard deviation."""
    given: list[Any] = [each for each in (mean, std) if isinstance(each, TensorBase)]
    shape, kind = broadcast_shapes(*[tuple(each.shape) for each in given]), given[0].dtype.numpy
    if not isinstance(std, TensorBase):
        drawn: Array = move_beside(NORMAL(source, shape, kind, 0.0, float(std)), given[0])
        drawn += mean.array
        return drawn
    require_spread(std)
    drawn = move_beside(NORMAL(source, shape, kind), given[0])
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
    """Restore a state of the default generator that ``get_rng_state`` returned."""
    if not isinstance(new_state, TensorBase) or new_state.dtype is not dtypes.uint8:
        raise ArgumentTypeError("set_rng_state: expected the state as a tensor of uint8, as get_rng_state gives it")
    default_generator.set_state_bytes(to_host(new_state).tobytes())


def fork_rng(devices: Any = None, enabled: bool = True) -> AbstractContextManager[None]:
    """Return a context manager that restores the default generator's state at its end."""
    return generator.fork_rng(enabled)
