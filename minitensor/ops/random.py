"""Random tensors: new ones, and sampling with the probabilities in a tensor. Filling in place is in ``draws.py``.

Every function draws with ``sampling.py`` on the host and then moves the numbers to the device: one seed gives the
same numbers on every device. The gradient of a draw is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes, generator
from minitensor.autograd.declare import differentiable, random_operation
from minitensor.autograd.misuse import composite
from minitensor.autograd.protocol import active
from minitensor.backends import any_true, holds_data
from minitensor.backends.encoded import round_to_bfloat16
from minitensor.base import TensorBase, is_encoded, memory_of
from minitensor.device import device as device_class
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UsageError, quote
from minitensor.generator import default_generator
from minitensor.ops.creation import backend_at, choose_dtype, creates, empty_like, make_leaf, zeros_like
from minitensor.ops.draws import (
    ABSENT,
    BERNOULLI,
    CATEGORIES,
    INTEGERS,
    NORMAL,
    PERMUTATION,
    UNIFORM,
    bernoulli_,
    choose_generator,
    draw_beside,
    full_of,
    move_beside,
    normal_,
    random_,
    read_float,
    read_int,
    read_shape,
    read_size,
    to_host,
    uniform_,
)
from minitensor.ops.kinds import FLOATS, require_kind
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


# -- new tensors -------------------------------------------------------------------------------------------------------


@composite
def rand(
    *sizes: Any, size: Any = ABSENT, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1).

    Args:
        *sizes: The shape, as several ints or one sequence.
        size: The same by name.

    >>> import minitensor as torch
    >>> torch.manual_seed(0) and None
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    shape, kind = read_shape("rand", sizes, size), choose_draw_dtype(dtype, out)
    if out is not None:
        return uniform_(refit("rand", out, shape), generator=generator)
    source = choose_generator(generator)
    if active or device is not None or kind is not SINGLE:
        return fresh(shape, lambda shape: as_memory(UNIFORM(source, shape, kind), kind), device, requires_grad)
    return make_leaf(UNIFORM(source, shape, kind), None, requires_grad)


@composite
def randn(
    *sizes: Any, size: Any = ABSENT, generator: Generator | None = None, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the normal distribution of mean 0 and variance 1; arguments as for ``rand``.

    >>> import minitensor as torch
    >>> torch.manual_seed(0) and None
    >>> torch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    shape, kind = read_shape("randn", sizes, size), choose_draw_dtype(dtype, out)
    if out is not None:
        return normal_(refit("randn", out, shape), generator=generator)
    source = choose_generator(generator)
    return fresh(shape, lambda shape: as_memory(NORMAL(source, shape, kind), kind), device, requires_grad)


SINGLE = dtypes.float32.numpy


def choose_draw_dtype(wanted: Dtype | None, out: Tensor | None) -> Any:
    """Return the array library's dtype of new random numbers, or the dtype of the bits of bfloat16."""
    kind = dtypes.get_default_dtype() if wanted is None and out is None else wanted
    is_bfloat16 = kind is dtypes.bfloat16 if out is None else kind in (None, dtypes.bfloat16) and is_encoded(out)
    return dtypes.bfloat16.memory if is_bfloat16 else choose_dtype(wanted, out)


def as_memory(drawn: Array, kind: Any) -> Array:
    """Return random numbers as an array that a tensor may have: rounded, if they are to be bfloat16."""
    return round_to_bfloat16(drawn) if kind == dtypes.bfloat16.memory else drawn


@random_operation
def fresh(
    shape: tuple[int, ...], draw: Callable[[tuple[int, ...]], Array], device: DeviceLike, requires_grad: bool
) -> Tensor:
    """Return a new tensor of the numbers that ``draw`` returns for a shape."""
    backend = backend_at(device)  # raises, before a number is drawn, if there is no such device
    return make_leaf(draw(shape) if backend.holds_data else full_of(shape, draw((0,))), device, requires_grad)


@composite
@creates
def randint(
    *bounds: Any, low: Any = ABSENT, high: Any = ABSENT, size: Any = ABSENT, generator: Generator | None = None,
    out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return integers drawn uniformly from [low, high), as ``randint(high, size)`` or ``randint(low, high, size)``.

    Args:
        *bounds: ``high``, or ``low`` and ``high``, and the shape.
        low: The lowest number. Default: 0.
        high: One more than the highest number.
        size: The shape, a sequence of ints.

    Raises:
        RuntimeError: If ``high`` is not greater than ``low``.
        TypeError: If an argument is missing or not an int.

    >>> import minitensor as torch
    >>> torch.randint(5, 6, (3,))
    tensor([5, 5, 5])
    """
    if size is ABSENT and bounds:
        *bounds, size = bounds  # type: ignore[assignment]  # the last one
    low, high = read_bounds("randint", bounds, low, high)
    shape = read_size("randint", size)
    kind = choose_dtype(dtypes.int64 if dtype is None and out is None else dtype, out)
    if out is not None:
        return random_(refit("randint", out, shape), low, high, generator=generator)
    source = choose_generator(generator)
    if active or device is not None:
        return fresh(shape, lambda shape: INTEGERS(source, shape, low, high, kind), device, requires_grad)
    return make_leaf(INTEGERS(source, shape, low, high, kind), None, requires_grad)


def read_bounds(name: str, given: Sequence[Any], low: Any, high: Any) -> tuple[int, int]:
    """Return ``low`` (0 if not given) and ``high``, given by position or by keyword."""
    if len(given) == 2 and low is high is ABSENT and given[0].__class__ is given[1].__class__ is int:
        return given[0], given[1]
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
def randperm(
    n: Count, *, generator: Generator | None = None, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the integers from 0 to ``n - 1`` in a random order.

    >>> import minitensor as torch
    >>> torch.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    kind = choose_dtype(dtypes.int64 if dtype is None and out is None else dtype, out)
    require_range_dtype("randperm", kind, "bc")
    source = choose_generator(generator)
    if active or device is not None or out is not None:
        return permuted_range(n, source, kind, device, requires_grad, out)
    return make_leaf(PERMUTATION(source, n, kind), None, requires_grad)


@random_operation
def permuted_range(
    n: int, source: Generator, kind: Any, device: DeviceLike, requires_grad: bool, out: Tensor | None
) -> Tensor:
    """Return a random permutation as a new tensor on a device, or in ``out``."""
    draw: Callable[[Any], Array] = lambda shape: PERMUTATION(source, shape[0], kind)
    made = fresh((n,), draw, device, requires_grad)
    return made if out is None else fill("randperm", made, out)


# -- like another ------------------------------------------------------------------------------------------------------


@composite
@random_operation
def rand_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None, generator: Generator | None = None,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1), of another tensor's shape, dtype and device.

    >>> import minitensor as torch
    >>> torch.rand_like(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(uniform_(made, generator=generator), requires_grad)


@composite
@random_operation
def randn_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None, generator: Generator | None = None,
) -> Tensor:
    """Return standard normal numbers, of another tensor's shape, dtype and device.

    >>> import minitensor as torch
    >>> torch.randn_like(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(normal_(made, generator=generator), requires_grad)


def read_single_limit(high: Any) -> Any:
    """Return the end of a range without a start, which may be a 0-d tensor of any dtype, as an int or what it is."""
    if not isinstance(high, TensorBase):
        return high
    if high.ndim:
        raise UsageError(f"randint_like: high must be an int or a 0-d tensor, got shape {tuple(high.shape)}")
    return int(high)


@composite
@random_operation
def randint_like(
    input: Tensor, *bounds: Any, low: Any = ABSENT, high: Any = ABSENT, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False, memory_format: memory_format | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Return integers drawn uniformly from [``low``, ``high``), of another tensor's shape, dtype and device.

    Args:
        *bounds: ``high``, or ``low`` and ``high``.

    Raises:
        RuntimeError: If ``high`` is a tensor with dims and there is no ``low``, or no integer lies in the range.

    >>> import minitensor as torch
    >>> torch.randint_like(torch.ones(2), 5, 6)
    tensor([5., 5.])
    """
    if low is ABSENT and not bounds:
        high = read_single_limit(high)
    elif low is high is ABSENT and len(bounds) == 1:
        bounds = (read_single_limit(bounds[0]),)
    low, high = read_bounds("randint_like", bounds, low, high)
    made = empty_like(input, dtype=dtype, device=device, memory_format=memory_format)
    return with_grad(random_(made, low, high, generator=generator), requires_grad)


def with_grad(tensor: Tensor, requires_grad: bool) -> Tensor:
    """Make a fresh tensor require grad if ``requires_grad`` is true."""
    return tensor.requires_grad_() if requires_grad else tensor


# -- probabilities in a tensor -----------------------------------------------------------------------------------------


@composite
@random_operation
def bernoulli(
    input: Tensor, p: Any = ABSENT, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """Return ones with the probabilities in ``input``, or all with ``p``, and zeros; the shape is that of ``input``.

    Raises:
        TypeError: If ``p`` is given together with ``out``.
        RuntimeError: If a probability is not in [0, 1].

    >>> import minitensor as torch
    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
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
    source, shape, kind = choose_generator(generator), input.array.shape, input.dtype.numpy
    return draw_beside(input, lambda: BERNOULLI(source, to_host(input) if p is None else p, shape, kind))


@composite
@random_operation
def multinomial(
    input: Tensor, num_samples: Count, replacement: bool = False, *, generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Return ``num_samples`` indices drawn with the weights in ``input``, which need not sum to 1.

    Shapes: ``(n)`` gives ``(num_samples)``, ``(rows, n)`` gives ``(rows, num_samples)``.

    Args:
        replacement: Whether an index may be drawn more than once.

    Raises:
        RuntimeError: If a weight is negative or not finite, or more than n samples are drawn without replacement.
        TypeError: If ``num_samples`` is not an int, or ``replacement`` not a bool.

    >>> import minitensor as torch
    >>> torch.multinomial(torch.tensor([0., 3., 0.]), 2, replacement=True)
    tensor([1, 1])
    """
    if out is not None:
        choose_dtype(dtypes.int64, out)
    source = choose_generator(generator)
    if holds_data(memory_of(input)):
        made = make_leaf(CATEGORIES(source, to_host(input), num_samples, replacement), input.device, False)
    else:
        made = input.new_empty((*input.shape[:-1], num_samples), dtype=dtypes.int64)
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
        RuntimeError: If a standard deviation is negative.
        TypeError: If no mean is given, ``size`` is missing beside two numbers, or an option needs it.

    >>> import minitensor as torch
    >>> torch.normal(torch.tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
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
    shape, kind = read_size("normal", size), choose_draw_dtype(dtype, out)
    if out is not None:
        return normal_(refit("normal", out, shape), mean, std, generator=source)
    return fresh(shape, lambda shape: as_memory(NORMAL(source, shape, kind, mean, std), kind), device, requires_grad)


def normal_into(out: Tensor, mean: Any, std: Any, source: Generator) -> Tensor:
    """Implement ``normal`` with ``out=``: each number of its own mean or standard deviation."""
    choose_draw_dtype(None, out)
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


@random_operation
def normal_around(mean: Any, std: Any, *, generator: Generator) -> Tensor:
    """Return normal numbers, each of its own mean or standard deviation."""
    return draw_around(mean, std, generator)


@differentiable(name="normal", mean=lambda grad: zeros_like(grad), std=lambda grad: zeros_like(grad))
def draw_around(mean: Any, std: Any, source: Generator) -> Array:
    """Return normal numbers, each of its own mean or standard deviation."""
    given: list[Any] = [each for each in (mean, std) if isinstance(each, TensorBase)]
    shape, kind = broadcast_shapes(*[tuple(each.shape) for each in given]), given[0].dtype.numpy
    if not isinstance(std, TensorBase):
        drawn: Array = normal_beside(given[0], source, shape, kind, 0.0, float(std))
        drawn += mean.array
        return drawn
    require_spread(std)
    drawn = normal_beside(given[0], source, shape, kind)
    drawn *= std.array
    drawn += mean.array if isinstance(mean, TensorBase) else drawn.dtype.type(mean)
    return drawn


def normal_beside(
    input: Any, source: Generator, shape: tuple[int, ...], kind: Any, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Return normal numbers on the input's device; without data, only their layout."""
    if not holds_data(input.array):
        NORMAL(source, (0,), kind, mean, std)
        return input.xp.empty(shape, kind)  # type: ignore[no-any-return]  # an Array
    return move_beside(NORMAL(source, shape, kind, mean, std), input)


def require_spread(std: Any) -> None:
    """Raise unless all standard deviations are at least zero."""
    if std.dtype.kind == "c":
        raise DtypeError(f"normal: expects a standard deviation that is real, got {std.dtype.name}")
    if any_true(~(std.array >= 0)):
        raise ShapeError(f"normal: expects all elements of std >= 0.0, the smallest is {std.array.min()}")


# -- seeds and states --------------------------------------------------------------------------------------------------

manual_seed, seed, initial_seed = generator.manual_seed, generator.seed, generator.initial_seed


def get_rng_state() -> Tensor:
    """Return the state of the default generator as bytes.

    >>> import minitensor as torch
    >>> state = torch.get_rng_state()
    >>> first = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(torch.rand(3), first)
    True
    """
    state: Tensor = default_generator.get_state()
    return state


def set_rng_state(new_state: Tensor) -> None:
    """Restore a state ``new_state`` of the default generator that ``get_rng_state`` returned.

    Raises:
        TypeError: If the state is not a tensor of uint8.

    >>> import minitensor as torch
    >>> torch.set_rng_state(torch.get_rng_state())
    """
    default_generator.set_state(new_state)


def fork_rng(
    devices: Any = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices",
    device_type: str | None = None,
) -> AbstractContextManager[None]:
    """Return a context manager that restores the default generator's state at its end.

    Args:
        devices: Has no effect: all devices share one stream. Default: ``None``.
        enabled: False does nothing. Default: ``True``.
        _caller, _devices_kw: Have no effect.
        device_type: Must name a kind of device; "meta", which has no numbers, does nothing. Default: ``None``.

    Raises:
        RuntimeError: If there is no kind of device of that name.

    >>> import minitensor as torch
    >>> state = torch.get_rng_state()
    >>> with torch.fork_rng():
    ...     _ = torch.rand(3)
    >>> torch.equal(torch.get_rng_state(), state)
    True
    """
    if device_type is not None and device_type != "meta":
        device_class(device_type)
    return generator.fork_rng(enabled and device_type != "meta")
