"""Comparisons, tests and logic: what gives bools.

Nothing here has a gradient. ``==`` compares element by element, so a tensor is hashed by its identity; ``equal`` and
``allclose`` compare two tensors as a whole and return Python bools.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.declare import nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import other_names
from minitensor.autograd.strides import in_layout, of_tensors, row_major
from minitensor.autograd.tables import in_singles
from minitensor.backends.numpy.halves import compute
from minitensor.base import TensorBase, elements_of
from minitensor.dtypes import bool_
from minitensor.errors import DtypeError, UnsupportedDtypeError, UsageValueError
from minitensor.ops.aliasing import check_fits, writes
from minitensor.ops.kinds import REALS, of_kind, unsupported_dtype_error
from minitensor.ops.operand import (
    HALF,
    SINGLE,
    lift_number,
    operands,
    require_tensors,
    same_device,
    tensor_first,
    tensors,
    widen,
)

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


FEW = 4096  # elements that are compared in the time of a call

# The in-place versions have no gradient: the formula is None.


def store(name: str, input: Tensor, result: Tensor) -> None:
    """Write the result of a comparison into its first operand, cast to that dtype."""
    check_fits(name, input, result.array)
    input.array[...] = result.array


# -- two operands ------------------------------------------------------------------------------------------------------


@nondifferentiable
def eq(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return whether elements are equal; shapes broadcast. NaN is not equal to anything.

    >>> import minitensor as torch
    >>> torch.eq(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([ True, False])
    """
    a, b = tensor_first("eq", input, other)
    result: Array = a == b
    return result


@writes(input=lambda grad: None)
def eq_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by 1 where it equals ``other``, 0 elsewhere."""
    store("eq_", input, eq(input, other))


@nondifferentiable
def ne(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return whether elements differ; shapes broadcast.

    >>> import minitensor as torch
    >>> torch.ne(torch.tensor([1, 2, 3]), 2)
    tensor([ True, False,  True])
    """
    a, b = tensor_first("ne", input, other)
    result: Array = a != b
    return result


@writes(input=lambda grad: None)
def ne_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by 1 where it differs from ``other``, 0 elsewhere."""
    store("ne_", input, ne(input, other))


@nondifferentiable
@in_singles
def lt(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return whether ``input`` is less than ``other``; shapes broadcast.

    Raises:
        RuntimeError: If an operand is complex.

    >>> import minitensor as torch
    >>> torch.lt(torch.tensor([1, 2]), 2)
    tensor([ True, False])
    """
    a, b = ordered_operands("lt", input, other)
    return a < b


@writes(input=lambda grad: None)
def lt_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by 1 where it is less than ``other``, 0 elsewhere."""
    store("lt_", input, lt(input, other))


@nondifferentiable
@in_singles
def le(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return whether ``input`` is less than or equal to ``other``; shapes broadcast.

    Raises:
        RuntimeError: If an operand is complex.

    >>> import minitensor as torch
    >>> torch.le(torch.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    a, b = ordered_operands("le", input, other)
    return a <= b


@writes(input=lambda grad: None)
def le_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by 1 where it is at most ``other``, 0 elsewhere."""
    store("le_", input, le(input, other))


@nondifferentiable
@in_singles
def gt(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return whether ``input`` is greater than ``other``; shapes broadcast.

    Raises:
        RuntimeError: If an operand is complex.

    >>> import minitensor as torch
    >>> torch.gt(torch.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    a, b = ordered_operands("gt", input, other)
    return a > b


@writes(input=lambda grad: None)
def gt_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by 1 where it is greater than ``other``, 0 elsewhere."""
    store("gt_", input, gt(input, other))


@nondifferentiable
@in_singles
def ge(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return whether ``input`` is greater than or equal to ``other``; shapes broadcast.

    Raises:
        RuntimeError: If an operand is complex.

    >>> import minitensor as torch
    >>> torch.ge(torch.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    a, b = ordered_operands("ge", input, other)
    return a >= b


@writes(input=lambda grad: None)
def ge_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by 1 where it is at least ``other``, 0 elsewhere."""
    store("ge_", input, ge(input, other))


def ordered_operands(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return the arrays of two operands; raise if they are complex."""
    pair = tensor_first(name, input, other)
    if pair[0].dtype is HALF and not pair[1].ndim:
        return widen(pair[0]), widen(pair[1])
    if pair[0].dtype.kind == "c":
        raise UnsupportedDtypeError(
            f"{name}: not implemented for {pair[0].dtype}: complex numbers have no order; compare abs()"
        )
    return pair


greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne


def eq_or_neither(input: Tensor, other: Any) -> Any:
    """Implement ``==``; other objects than tensors and numbers are left to Python, so ``x == None`` is False."""
    return eq(input, other) if can_compare(other) else NotImplemented


def ne_or_neither(input: Tensor, other: Any) -> Any:
    """Implement ``!=``; other objects than tensors and numbers are left to Python, so ``x != None`` is True."""
    return ne(input, other) if can_compare(other) else NotImplemented


def can_compare(other: Any) -> bool:
    """Return whether an object can be compared with a tensor element by element."""
    if isinstance(other, TensorBase) or other.__class__ in NUMBERS:
        return True
    return isinstance(other, (int, float, complex)) or hasattr(other, "__array__")  # or NumPy's arrays and scalars


# -- as a whole --------------------------------------------------------------------------------------------------------


@composite
def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and equal elements, as a Python bool.

    Raises:
        TypeError: If an argument is not a tensor.

    >>> import minitensor as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    require_tensors("equal", input=input, other=other)
    same_device(input, other)
    return input.shape == other.shape and have_equal_elements(elements_of(input), elements_of(other))


def have_equal_elements(a: Array, b: Array) -> bool:
    """Whether arrays of one shape are equal. Arrays that differ mostly do so at the beginning."""
    if a.size > FEW:
        head = slice(1 if a.ndim > 1 else FEW)
        if not (a[head] == b[head]).all():
            return False
    return bool((a == b).all())


@nondifferentiable
@in_layout(of_tensors)
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Array:
    """Return whether ``|input - other| <= atol + rtol * |other|``, element by element.

    An infinity is close only to itself; NaN is close to NaN if ``equal_nan``.

    Raises:
        RuntimeError: If the dtypes differ, or a tolerance is negative.

    >>> import minitensor as torch
    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0 + 1e-7, 2.1]))
    tensor([ True, False])
    """
    require_tensors("isclose", input=input, other=other)
    check_tolerances(input, other, rtol, atol)
    xp = same_device(input, other).xp
    a, b = input.array, other.array
    near: Array = a == b
    if equal_nan and a.dtype.kind in "fc":
        near |= (a != a) & (b != b)
    if rtol == 0 and atol == 0:
        return near
    if a.dtype.kind in "biu":
        a, b = a.astype("float64"), b.astype("float64")
    if a.dtype is HALF:
        error, allowed = error_in_halves(xp, a, b, rtol, atol)
    else:
        error, allowed = xp.abs(a - b), atol + xp.abs(rtol * b)
    near |= xp.isfinite(error) & (error <= allowed)
    return near


def error_in_halves(xp: Library, a: Array, b: Array, rtol: float, atol: float) -> tuple[Array, Array]:
    """Return the distances and the tolerances of ``isclose``, which are rounded to float16, as float32."""
    scaled = xp.abs(compute(operator.mul, b, lift_number(rtol, SINGLE, b)))
    allowed = compute(operator.add, scaled, lift_number(atol, HALF, b))
    return widen(xp.abs(compute(operator.sub, a, b))), widen(allowed)


def check_tolerances(input: Tensor, other: Tensor, rtol: float, atol: float) -> None:
    """Raise if the dtypes differ or a tolerance is negative."""
    if input.dtype is not other.dtype:
        raise DtypeError(f"isclose: {input.dtype.name} did not match {other.dtype.name}; cast one of them first")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise UsageValueError(f"isclose: {name} must be greater than or equal to zero, but got {value}")


@composite
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Return whether ``isclose`` holds for all elements, as a Python bool.

    Args:
        rtol: Allowed difference, relative to ``other``. Default: ``1e-5``.
        atol: Allowed difference, added to that. Default: ``1e-8``.
        equal_nan: Let NaN equal NaN. Default: ``False``.

    >>> import minitensor as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.000001]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


# -- one operand -------------------------------------------------------------------------------------------------------


@nondifferentiable
@in_layout(of_tensors)
def isnan(input: Tensor) -> Array:
    """Return whether an element is NaN, or a complex element has a NaN part.

    >>> import minitensor as torch
    >>> torch.isnan(torch.tensor([1.0, float("inf"), float("nan")]))
    tensor([False, False,  True])
    """
    result: Array = input.array != input.array
    return result


@nondifferentiable
@in_layout(of_tensors)
def isinf(input: Tensor) -> Array:
    """Return whether an element is infinite.

    >>> import minitensor as torch
    >>> torch.isinf(torch.tensor([1.0, float("inf"), float("nan")]))
    tensor([False,  True, False])
    """
    return input.xp.isinf(input.array)


@nondifferentiable
@in_layout(of_tensors)
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether an element is plus infinity.

    Raises:
        RuntimeError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.isposinf(torch.tensor([float("-inf"), float("inf")]))
    tensor([False,  True])
    """
    result: Array = input.array == infinity(input)
    return result


@nondifferentiable
@in_layout(of_tensors)
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether an element is minus infinity.

    Raises:
        RuntimeError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.isneginf(torch.tensor([float("-inf"), float("inf")]))
    tensor([ True, False])
    """
    result: Array = input.array == -infinity(input)
    return result


def infinity(input: Tensor) -> float:
    """Return infinity; raise if the tensor is complex."""
    if input.dtype.kind == "c":
        raise DtypeError("isposinf and isneginf do not support complex inputs; use isinf")
    return float("inf")


@nondifferentiable
@in_layout(of_tensors)
def isfinite(input: Tensor) -> Array:
    """Return whether an element is neither infinite nor NaN.

    >>> import minitensor as torch
    >>> torch.isfinite(torch.tensor([1.0, float("inf"), float("nan")]))
    tensor([ True, False, False])
    """
    return input.xp.isfinite(input.array)


@nondifferentiable
@in_layout(of_tensors)
def isreal(input: Tensor) -> Array:
    """Return whether an element's imaginary part is zero.

    >>> import minitensor as torch
    >>> torch.isreal(torch.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    array, xp = input.array, input.xp
    return xp.isreal(array) if array.dtype.kind == "c" else xp.ones_like(array, "bool")


@nondifferentiable
@other_names(element="elements", test_element="test_elements")
@in_layout(row_major)
def isin(
    elements: Operand, test_elements: Operand, *, assume_unique: bool = False, invert: bool = False,
    out: Tensor | None = None,
) -> Array:
    """Return whether each element of ``elements`` occurs in ``test_elements``; one of the two may be a number.

    Args:
        elements: The elements to look for, a tensor or a number.
        test_elements: Where to look, a tensor or a number.
        assume_unique: No element occurs twice in either tensor, which is faster.
        invert: Return whether each element does *not* occur.

    Raises:
        RuntimeError: If a tensor holds complex numbers or bools.
        TypeError: If both arguments are numbers.

    >>> import minitensor as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 5]))
    tensor([False,  True, False])
    """
    elements, test_elements = host_value(elements, None), host_value(test_elements, None)
    a, b = operands(elements, test_elements)
    for each in (elements, test_elements):
        if isinstance(each, TensorBase):
            of_kind("isin", REALS, each.array)
        elif each.__class__ is bool:
            raise unsupported_dtype_error("isin", REALS, bool_.numpy)
    of_kind("isin", REALS, a)
    result: Array = same_device(elements, test_elements).xp.isin(a, b, assume_unique=assume_unique, invert=invert)
    return result


# -- logic: every dtype counts as true or false ------------------------------------------------------------------------


@nondifferentiable
def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether both elements are nonzero.

    >>> import minitensor as torch
    >>> torch.logical_and(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 3]))
    tensor([False, False,  True])
    """
    a, b = tensors("logical_and", input, other)
    result: Array = same_device(input, other).xp.logical_and(a, b)
    return result


@writes(input=lambda grad: None)
def logical_and_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by 1 where both are nonzero, 0 elsewhere."""
    store("logical_and_", input, logical_and(input, other))


@nondifferentiable
def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether at least one of two elements is nonzero.

    >>> import minitensor as torch
    >>> torch.logical_or(torch.tensor([0, 0, 2]), torch.tensor([1, 0, 3]))
    tensor([ True, False,  True])
    """
    a, b = tensors("logical_or", input, other)
    result: Array = same_device(input, other).xp.logical_or(a, b)
    return result


@writes(input=lambda grad: None)
def logical_or_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by 1 where either is nonzero, 0 elsewhere."""
    store("logical_or_", input, logical_or(input, other))


@nondifferentiable
def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether exactly one of two elements is nonzero.

    >>> import minitensor as torch
    >>> torch.logical_xor(torch.tensor([0, 0, 2]), torch.tensor([1, 0, 3]))
    tensor([ True, False, False])
    """
    a, b = tensors("logical_xor", input, other)
    result: Array = same_device(input, other).xp.logical_xor(a, b)
    return result


@writes(input=lambda grad: None)
def logical_xor_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by 1 where exactly one is nonzero, 0 elsewhere."""
    store("logical_xor_", input, logical_xor(input, other))


@nondifferentiable
def logical_not(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether an element is zero.

    >>> import minitensor as torch
    >>> torch.logical_not(torch.tensor([0, 2]))
    tensor([ True, False])
    """
    return input.xp.logical_not(input.array)


@writes(input=lambda grad: None)
def logical_not_(input: Tensor) -> None:
    """Replace ``input`` by 1 where it is zero, 0 elsewhere."""
    store("logical_not_", input, logical_not(input))
