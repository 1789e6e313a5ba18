"""Filling tensors with random numbers in place, and reading the parameters of a draw.

Every function draws with ``sampling.py`` on the host and then moves the numbers to the device: one seed gives the
same numbers on every device. The gradient of what was overwritten is zero. New tensors are in ``random.py``.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy

from minitensor import generator as streams
from minitensor import layouts, sampling
from minitensor.autograd.argument_types import check_type, type_error
from minitensor.autograd.declare import random_operation
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import other_names
from minitensor.backends import holds_data
from minitensor.backends.encoded import EncodedArray
from minitensor.base import TensorBase, elements_of, memory_of
from minitensor.errors import ArgumentTypeError, UnsupportedDtypeError, quote
from minitensor.generator import default_generator
from minitensor.ops.aliasing import writes
from minitensor.ops.creation import read_sizes
from minitensor.ops.kinds import ORDERED, require_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array
    from minitensor.generator import Generator
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")

UNIFORM, NORMAL, NORMAL_PAIRS = sampling.uniform, sampling.normal, sampling.normal_in_pairs
INTEGERS, ALL_INTEGERS, PERMUTATION = sampling.randint, sampling.random_integers, sampling.randperm
BERNOULLI, EXPONENTIAL, CATEGORIES = sampling.bernoulli, sampling.exponential, sampling.multinomial
LOG_NORMAL, CAUCHY, GEOMETRIC = sampling.log_normal, sampling.cauchy, sampling.geometric
"""What ``sampling.py`` draws, under names that differ from those of the ops."""


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
        raise type_error(name, parameter, "float", value)
    check_type(name, parameter, "float", value)
    return float(value)


def read_int(name: str, parameter: str, wanted: str, value: Any) -> int:
    """Return a parameter as an int; raise if it is not an integer, or is a bool."""
    if value.__class__ is int:
        return value
    check_type(name, parameter, wanted, value)
    return operator.index(value)


def read_size(name: str, size: Any) -> tuple[int, ...]:
    """Return the sizes in a tuple or list; raise for anything else."""
    if not isinstance(size, (tuple, list)) or bool in map(type, size):
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


def choose_generator(generator: Any) -> Generator:
    """Return the generator to draw from."""
    if generator is None:
        return default_generator
    if not isinstance(generator, streams.Generator):
        raise ArgumentTypeError(f"argument 'generator' must be a torch.Generator, not {type(generator).__name__}")
    return generator


# Note [The order of draws]. As in PyTorch, numbers are written in the order of memory: a transposed matrix is filled
# column by column, with the numbers that the matrix itself would have got.


def move_beside(drawn: Array, input: Tensor) -> Array:
    """Move numbers drawn on the host to the input's device."""
    place = input.device
    return place.backend.from_host(drawn, place.index)


def write_draws(input: Tensor, draw: Callable[[Shape], Array]) -> None:
    """Write numbers drawn on the host into a tensor on any device; see Note [The order of draws].

    Where there is no data, no number is drawn: the call for none only checks the parameters.
    """
    memory = memory_of(input)
    if not holds_data(memory):
        draw((0,))
        return
    window = in_memory_order(input, memory)
    values = move_beside(draw(memory.shape).reshape(window.shape), input)
    if isinstance(window, EncodedArray):
        window.assign(values)
    else:
        window[...] = values


def in_memory_order(input: Tensor, array: Array) -> Array:
    """Permute an array of the input's shape to the order of the input's dims in memory."""
    strides = input.layout.strides
    order = sorted(range(len(strides)), key=lambda dim: -strides[dim])
    return array if order == [*range(len(strides))] else array.transpose(order)


def require_continuous(name: str, input: Tensor) -> Any:
    """Return the dtype of a tensor's memory; raise if it holds integers or bools."""
    if input.dtype.kind not in "fc":
        raise UnsupportedDtypeError(f"{name}: not implemented for {input.dtype.name}: expected a floating point dtype")
    return input.dtype.memory


@takes_from()
@composite
@random_operation
@writes(input=lambda grad: None)
@other_names(**{"from": "from_"})
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill in place with numbers from the uniform distribution on [``from_``, ``to``).

    Raises:
        RuntimeError: If the tensor does not hold floats or complex numbers, or ``from_`` is greater than ``to``.

    >>> import minitensor as torch
    >>> torch.ones(3).uniform_(5, 6).floor()
    tensor([5., 5., 5.])
    """
    low, high = read_float("uniform_", "from", from_), read_float("uniform_", "to", to)
    source, kind = choose_generator(generator), require_continuous("uniform_", input)
    write_draws(input, lambda shape: UNIFORM(source, shape, kind, low, high))


@composite
@random_operation
@writes(input=lambda grad: None)
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill in place with numbers from the normal distribution of mean ``mean`` and standard deviation ``std``.

    >>> import minitensor as torch
    >>> torch.ones(2).normal_(5, 0)
    tensor([5., 5.])
    """
    mean, std = read_float("normal_", "mean", mean), read_float("normal_", "std", std)
    # As PyTorch: which pairs of uniform numbers are used depends on the layout.
    draw = NORMAL if layouts.is_contiguous(input.layout) else NORMAL_PAIRS
    source, kind = choose_generator(generator), require_continuous("normal_", input)
    write_draws(input, lambda shape: draw(source, shape, kind, mean, std))


@takes_from(to=Absent())  # not ABSENT: from alone is refused
@composite
@random_operation
@writes(input=lambda grad: None)
@other_names(**{"from": "from_"})
def random_(input: Tensor, from_: Any = ABSENT, to: Any = ABSENT, *, generator: Generator | None = None) -> None:
    """Fill in place with integers: ``random_()`` from 0 on, ``random_(to)`` in [0, to), ``random_(from_, to)``.

    If ``to`` is None, they go up to the largest that the dtype holds.

    >>> import minitensor as torch
    >>> torch.ones(3).random_(5, 6)
    tensor([5., 5., 5.])
    """
    source, kind = choose_generator(generator), input.dtype.numpy
    if from_ is ABSENT and to is ABSENT:
        write_draws(input, lambda shape: ALL_INTEGERS(source, shape, kind))
    elif to is None and from_ is not ABSENT:
        least = read_int("random_", "from", "int", from_)
        write_draws(input, lambda shape: ALL_INTEGERS(source, shape, kind, least))
    else:
        low, high = (0, from_) if to is ABSENT else (0 if from_ is ABSENT else from_, to)
        low, high = read_int("random_", "from", "int", low), read_int("random_", "to", "int", high)
        write_draws(input, lambda shape: INTEGERS(source, shape, low, high, kind))


@composite
@random_operation
@writes(input=lambda grad: None)
def bernoulli_(input: Tensor, p: float | Tensor = 0.5, *, generator: Generator | None = None) -> None:
    """Fill in place with ones, with probability ``p``, and zeros; ``p`` is a number or a tensor that broadcasts.

    >>> import minitensor as torch
    >>> torch.ones(2).bernoulli_(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    require_kind("bernoulli_", ORDERED, input)
    source, kind = choose_generator(generator), input.dtype.numpy
    if not isinstance(p, TensorBase):
        chance = read_float("bernoulli_", "p", p)
        write_draws(input, lambda shape: BERNOULLI(source, chance, shape, kind))
    elif holds_data(memory_of(input)):
        chances = in_memory_order(input, numpy.broadcast_to(to_host(p), input.array.shape))
        write_draws(input, lambda shape: BERNOULLI(source, chances, chances.shape, kind))


@composite
@random_operation
@writes(input=lambda grad: None)
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill in place with numbers from the exponential distribution of rate ``lambd``.

    >>> import minitensor as torch
    >>> bool((torch.ones(3).exponential_() >= 0).all())
    True
    """
    rate = read_float("exponential_", "lambd", lambd)
    source, kind = choose_generator(generator), input.dtype.numpy
    write_draws(input, lambda shape: EXPONENTIAL(source, shape, kind, rate))


@composite
@random_operation
@writes(input=lambda grad: None)
def log_normal_(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> None:
    """Fill in place with numbers whose logarithms are normal with mean ``mean`` and standard deviation ``std``.

    >>> import minitensor as torch
    >>> bool((torch.ones(3).log_normal_() > 0).all())
    True
    """
    mean, std = read_float("log_normal_", "mean", mean), read_float("log_normal_", "std", std)
    source, kind = choose_generator(generator), input.dtype.numpy
    write_draws(input, lambda shape: LOG_NORMAL(source, shape, kind, mean, std))


@composite
@random_operation
@writes(input=lambda grad: None)
def cauchy_(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> None:
    """Fill in place with numbers from the Cauchy distribution of median ``median`` and half width ``sigma``.

    >>> import minitensor as torch
    >>> torch.ones(3).cauchy_().shape
    torch.Size([3])
    """
    median, sigma = read_float("cauchy_", "median", median), read_float("cauchy_", "sigma", sigma)
    source, kind = choose_generator(generator), input.dtype.numpy
    write_draws(input, lambda shape: CAUCHY(source, shape, kind, median, sigma))


@composite
@random_operation
@writes(input=lambda grad: None)
def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> None:
    """Fill in place with the number of trials up to the first success, which each trial is with probability ``p``.

    >>> import minitensor as torch
    >>> bool((torch.ones(3).geometric_(0.5) >= 1).all())
    True
    """
    chance = read_float("geometric_", "p", p)
    source, kind = choose_generator(generator), input.dtype.numpy
    write_draws(input, lambda shape: GEOMETRIC(source, shape, kind, chance))


def full_of(shape: Shape, drawn: Array) -> Array:
    """Return one number, in the dtype of what is drawn, expanded to a shape: without data, nothing needs memory."""
    return numpy.broadcast_to(numpy.empty((), drawn.dtype), shape).view(type(drawn))


def draw_beside(input: Tensor, draw: Callable[[], Array]) -> Array:
    """Return an array of the input's shape and dtype that is drawn on the host; without data, only its layout."""
    array = input.array
    return move_beside(draw(), input) if holds_data(array) else input.xp.empty(array.shape, array.dtype)


def to_host(tensor: Any) -> Array:
    """Return a tensor's elements as a host array."""
    array: Array = tensor.backend.to_host(elements_of(tensor))
    return array
