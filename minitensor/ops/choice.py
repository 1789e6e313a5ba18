"""Choosing between elements: ``where``, the larger or smaller of two, and limits.

The gradient goes to the operand that was chosen. What compares and gives bools is in ``compare.py``; extremes along a
dim are in ``extremes.py``.

Note [Safe arguments]. The gradient of ``where`` is zero at the operand that was not chosen, but zero times an infinite
derivative is NaN. A formula that chooses around a singular point therefore replaces the argument there too:
``where(x == 0, 0, f(where(x == 0, 1, x)))``.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor import dtypes, scalars
from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, of_operands, of_tensors
from minitensor.autograd.tables import by_table, in_singles
from minitensor.backends import HostArray
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, DtypeError, UsageError, quote
from minitensor.ops.aliasing import inplace
from minitensor.ops.kinds import ORDERED, REALS, of_kind
from minitensor.ops.operand import (
    array_beside,
    fit_beside,
    fit_number,
    is_number,
    is_weaker,
    library_of,
    ordered_arrays,
    promote,
    require_tensors,
    same_device,
    two_arrays,
)

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


# -- by a condition ----------------------------------------------------------------------------------------------------


def choose_grad_input(grad: Tensor, condition: Tensor) -> Tensor:
    """Return the gradient of what was chosen where the condition is true."""
    return choose(condition, grad, 0)


def choose_grad_other(grad: Tensor, condition: Tensor) -> Tensor:
    """Return the gradient of what was chosen elsewhere."""
    return choose(condition, 0, grad)


@differentiable(name="where", input=choose_grad_input, other=choose_grad_other)
@in_layout(of_operands)
def choose(condition: Tensor, input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``input`` where ``condition`` is true and ``other`` elsewhere: ``where`` of three arguments."""
    if condition.array.dtype.kind != "b":
        raise DtypeError(f"where: expected a bool condition, got {condition.dtype.name}; compare, as in x != 0")
    a, b = promote_choices(condition, input, other)
    like = condition if condition.array.__class__ is HostArray is a.__class__ is b.__class__ else same_device(
        condition, input, other
    )
    found: Array = like.backend.where(condition.array, a, b)
    return found


def promote_choices(condition: Tensor, input: Any, other: Any) -> tuple[Array, Array]:
    """Return the arrays of the two operands of ``where`` in their common dtype."""
    if is_number(input) and is_number(other):
        common = dtypes.result_type([(scalars.dtype_of_number(each), dtypes.Kind.NUMBER) for each in (input, other)])
        return fit_number(input, common.numpy, condition.array), fit_number(other, common.numpy, condition.array)
    if is_number(input):
        return fit_beside(input, other.array), array_beside(input, other)
    if is_number(other):
        return array_beside(other, input), fit_beside(other, input.array)
    if isinstance(input, TensorBase) and isinstance(other, TensorBase):
        return two_arrays(input, other)
    read = host_value(input, None), host_value(other, None)
    if not any(map(is_number, read)):
        raise ArgumentTypeError(f"where: expected tensors or numbers, got {quote(input)} and {quote(other)}")
    return promote_choices(condition, *read)


@composite
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """Return ``input`` where ``condition`` is true and ``other`` elsewhere; shapes broadcast.

    ``where(condition)`` alone returns the indices of its true elements, as ``condition.nonzero(as_tuple=True)``.

    Raises:
        RuntimeError: If the condition is neither bool nor uint8 (deprecated), or shapes do not broadcast.
        TypeError: If only one of ``input`` and ``other`` is given.

    >>> import minitensor as torch
    >>> x = torch.tensor([-1., 2.])
    >>> torch.where(x > 0, x, 0.)
    tensor([0., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise ArgumentTypeError("where: give both `input` and `other`, or neither")
    if condition.dtype is dtypes.uint8:
        warnings.warn(
            "where received a uint8 condition tensor. This behavior is deprecated; use a bool one, such as x != 0",
            UserWarning, stacklevel=user_level(),
        )
        condition = condition.to(dtypes.bool_)
    return choose(condition, input, other, out=out)


# -- the larger or smaller of two --------------------------------------------------------------------------------------


def extremum_grad(grad: Tensor, beaten: Tensor, tied: Tensor) -> Any:
    """Return the gradient of one operand of ``maximum`` or ``minimum``: zero where it lost, half where both tied."""
    return choose(tied, grad / 2, choose(beaten, 0, grad))


@differentiable(
    input=lambda grad, input, other: extremum_grad(grad, input < other, input == other),
    other=lambda grad, input, other: extremum_grad(grad, other < input, input == other),
)
@in_singles
def maximum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the larger of two elements, NaN if either is NaN. Ties share the gradient equally.

    >>> import minitensor as torch
    >>> torch.maximum(torch.tensor([1., 5.]), torch.tensor([3., 4.]))
    tensor([3., 5.])
    """
    a, b = ordered_arrays("maximum", input, other)
    return library_of(input, other).maximum(a, b)


@differentiable(
    input=lambda grad, input, other: extremum_grad(grad, input > other, input == other),
    other=lambda grad, input, other: extremum_grad(grad, other > input, input == other),
)
@in_singles
def minimum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the smaller of two elements, NaN if either is NaN. Ties share the gradient equally.

    >>> import minitensor as torch
    >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([1, 2])
    """
    a, b = ordered_arrays("minimum", input, other)
    return library_of(input, other).minimum(a, b)


def is_first_larger(input: Tensor, other: Tensor) -> Any:
    """Whether ``fmax`` chose its first operand."""
    return (input >= other) | (other != other)


def is_first_smaller(input: Tensor, other: Tensor) -> Any:
    """Whether ``fmin`` chose its first operand."""
    return (input <= other) | (other != other)


@differentiable(
    input=lambda grad, input, other: grad.masked_fill(~is_first_larger(input, other), 0),
    other=lambda grad, input, other: grad.masked_fill(is_first_larger(input, other), 0),
)
@in_singles
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the larger of two elements; if one is NaN, the other.

    Raises:
        RuntimeError: If an operand is complex.

    >>> import minitensor as torch
    >>> torch.fmax(torch.tensor([1., float("nan")]), torch.tensor([2., 3.]))
    tensor([2., 3.])
    """
    a, b = ordered_arrays("fmax", input, other)
    return library_of(input, other).fmax(a, b)


@differentiable(
    input=lambda grad, input, other: grad.masked_fill(~is_first_smaller(input, other), 0),
    other=lambda grad, input, other: grad.masked_fill(is_first_smaller(input, other), 0),
)
@in_singles
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the smaller of two elements; if one is NaN, the other.

    Raises:
        RuntimeError: If an operand is complex.

    >>> import minitensor as torch
    >>> torch.fmin(torch.tensor([1.0, float("nan")]), torch.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    a, b = ordered_arrays("fmin", input, other)
    return library_of(input, other).fmin(a, b)


# -- limits ------------------------------------------------------------------------------------------------------------


def refuse_mixture(*bounds: Any) -> None:
    """Raise if one bound is a number and the other a tensor with dims."""
    if any(isinstance(each, TensorBase) and each.ndim for each in bounds) and any(map(is_number, bounds)):
        kinds = ", ".join([type(each).__name__ for each in bounds])
        raise ArgumentTypeError(f"clamp: 'min' and 'max' must be two tensors or two numbers, got {kinds}")


@differentiable(input=lambda grad, input, min, max: choose(is_inside(input, min, max), grad, 0),
                min=lambda grad, input, min, max: choose(is_below(input, min, max), grad, 0),
                max=lambda grad, input, min, max: choose(is_above(input, min, max), grad, 0))
@in_layout(of_tensors)
@by_table
def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None, *, out: Tensor | None = None) -> Array:
    """Limit every element to [min, max]; where ``min`` exceeds ``max``, the result is ``max``.

    Raises:
        RuntimeError: If neither ``min`` nor ``max`` is given.

    >>> import minitensor as torch
    >>> torch.clamp(torch.tensor([-2., 0.5, 7.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise UsageError("clamp: at least one of 'min' or 'max' must not be None")
    refuse_mixture(min, max)
    array: Array = input.array
    if array.dtype.kind in "fiu" and all([each is None or is_bound(each, array) for each in (min, max)]):
        low, high = [None if each is None else fit_number(each, array.dtype, array) for each in (min, max)]
        return input.backend.clip(array, low, high)
    bounds: list[Any] = [host_value(each, None) for each in (min, max) if each is not None]
    if array.dtype.kind != "f" and any(map(is_number, bounds)):  # beside a number, a 0-d tensor counts as a number too
        bounds = [each if is_number(each) or each.ndim else each.item() for each in bounds]
    array, *limits = promote(input, *bounds)
    of_kind("clamp", ORDERED if len(bounds) == 1 and not is_number(bounds[0]) else REALS, array)
    xp = library_of(input, *bounds)
    for limit, apply in zip(limits, [xp.maximum] * (min is not None) + [xp.minimum] * (max is not None), strict=True):
        array = apply(array, limit)
    return array


@inplace(clamp)
def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> None:
    """Limit ``input`` to [min, max] in place."""


def is_bound(bound: Any, array: Array) -> bool:
    """Whether a bound is a number that does not change the array's dtype."""
    return is_number(bound) and is_weaker(bound, array)


def is_inside(input: Tensor, min: Any, max: Any) -> Any:
    """Whether ``clamp`` left an element as it was."""
    if min is None:
        return input <= max
    return input >= min if max is None else (input >= min) & (input <= max)


def is_below(input: Tensor, min: Any, max: Any) -> Any:
    """Whether an element became ``min``."""
    return input < min if max is None else (input < min) & (min < max)


def is_above(input: Any, min: Any, max: Any) -> Any:
    """Whether an element became ``max``, as every one does where the bounds cross."""
    return input > max if min is None else (input > max) | (max < min)


@composite
def clamp_min(input: Tensor, min: Operand, *, out: Tensor | None = None) -> Tensor:
    """Raise every element to at least ``min``.

    >>> import minitensor as torch
    >>> torch.clamp_min(torch.tensor([1, 5]), 3)
    tensor([3, 5])
    """
    require_tensors("clamp_min", input=input)
    return clamp(input, min, out=out)


@composite
def clamp_min_(input: Tensor, min: Operand) -> Tensor:
    """Raise every element of ``input`` to at least ``min``, in place."""
    return clamp_(input, min)


@composite
def clamp_max(input: Tensor, max: Operand, *, out: Tensor | None = None) -> Tensor:
    """Lower every element to at most ``max``.

    >>> import minitensor as torch
    >>> torch.clamp_max(torch.tensor([1, 5]), 3)
    tensor([1, 3])
    """
    require_tensors("clamp_max", input=input)
    return clamp(input, None, max, out=out)


@composite
def clamp_max_(input: Tensor, max: Operand) -> Tensor:
    """Lower every element of ``input`` to at most ``max``, in place."""
    return clamp_(input, None, max)
