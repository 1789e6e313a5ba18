"""Arithmetic, element by element: sums, products, quotients, remainders, and what is made of them.

Operands broadcast and their dtypes are promoted (``operand.py``). Each op has its gradient formulas next to it and its
in-place version below it. Powers and roots are in ``powers.py``, extremes and ``where`` in ``choice.py``.

Note [Complex gradients]. PyTorch's convention: the gradient of a real loss is the conjugate of the derivative, so a
formula multiplies by the *conjugate* of the derivative. ``conj`` costs nothing where the dtype is real.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from minitensor import dtypes, scalars
from minitensor.autograd import argument_types
from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.declare import differentiable, nondifferentiable, on_equal_dtypes
from minitensor.autograd.misuse import composite, composite_as
from minitensor.autograd.protocol import PROCEED, active, override_function
from minitensor.autograd.spellings import old_orders
from minitensor.autograd.strides import as_input, in_layout
from minitensor.autograd.tables import by_table
from minitensor.autograd.turns import in_turn
from minitensor.backends import any_true
from minitensor.backends.numpy.halves import compute
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DtypeError, UsageError, UsageZeroDivisionError, quote
from minitensor.ops import halves
from minitensor.ops.aliasing import inplace
from minitensor.ops.constant import step_grad
from minitensor.ops.creation import as_number, tensor
from minitensor.ops.kinds import INTEGERS, REALS, of_kind
from minitensor.ops.operand import (
    HALF,
    as_float,
    as_floats,
    backend_of,
    has_dims,
    is_number,
    library_of,
    not_a_tensor,
    operands,
    ordered_arrays,
    require_tensors,
    result_dtype,
    tensor_first,
    to_full_precision,
    to_singles,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array
    from minitensor.ops.operand import Number, Operand
    from minitensor.tensor import Tensor


def conj(input: Any) -> Any:
    """Return the complex conjugate; a real tensor or number is returned itself.

    Raises:
        TypeError: If ``input`` is neither a tensor nor a number.

    >>> import minitensor as torch
    >>> torch.conj(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    if active and (found := override_function(conj, (input,))) is not PROCEED:
        return found
    if is_number(input):
        return input.conjugate()
    try:
        is_complex = input.dtype.is_complex
    except AttributeError:
        raise not_a_tensor("conj", "input", input) from None
    return conjugate(input) if is_complex else input


@differentiable(name="conj", input=lambda grad: conj(grad))
@in_layout(as_input)
def conjugate(input: Tensor) -> Array:
    array = input.array
    return input.xp.conjugate(array) if array.dtype.kind == "c" else array.copy()


# -- numbers in front --------------------------------------------------------------------------------------------------


def number_as_tensor(number: Any, other: Any) -> Any:
    """Convert a number, the first operand, to a 0-d tensor in the dtype to which it is promoted beside the second.

    >>> import minitensor as torch
    >>> torch.add(2, 3)
    tensor(5)
    """
    if other.__class__ in NUMBERS:
        return tensor(number)
    require_tensors("a function of two operands", other=other)
    common = scalars.number_dtype(number, other.dtype)
    return tensor(scalars.lift(number, common.arithmetic), dtype=common, device=other.device)


def lift_first(input: Number, other: Any) -> tuple[Tensor, Any]:
    """Convert the first operand, a number, to a tensor."""
    return number_as_tensor(input, other), other


def lift_one_of_two(input: Number, other: Any) -> tuple[Any, Any]:
    """Convert the first of two numbers to a tensor; leave a number beside a tensor."""
    return (number_as_tensor(input, other) if other.__class__ in NUMBERS else input), other


# -- sums --------------------------------------------------------------------------------------------------------------


def read_alpha(alpha: Any) -> Any:
    """Convert ``alpha`` to a Python number, or raise. As in PyTorch, a bool of NumPy's is a float."""
    if not argument_types.is_number(alpha):
        raise ArgumentTypeError(f"argument 'alpha' must be a number, not {type(alpha).__name__}: {quote(alpha)}")
    if isinstance(alpha, TensorBase) or not hasattr(alpha, "item"):
        return as_number(alpha)
    number = alpha.item()
    return float(number) if number.__class__ is bool else number


def term_and_factor(other: Any, alpha: Number, input: Any, sign: int) -> tuple[Any, Number]:
    """Return ``other`` and ``alpha`` in the dtype of the result; raise if it cannot hold ``alpha``."""
    if not isinstance(other, TensorBase):
        other = number_as_tensor(other, input)
    common = other.dtype if is_number(input) or input.dtype is other.dtype else result_dtype(input, other)
    check_category("alpha", alpha, common)
    scalars.fit(alpha if sign > 0 else -alpha, common.arithmetic)
    return other.to(common), bool(alpha) if common is dtypes.bool_ else alpha


def check_category(argument: str, factor: Number, common: dtypes.dtype) -> None:
    """Raise if the result's dtype cannot hold this kind of factor, or if a bool scales numbers."""
    if isinstance(factor, (float, complex)) and scalars.number_dtype(factor, common) is not common:
        raise DtypeError(f"{argument} must not be {factor!r} for a result of {common.name}; cast an operand first")
    if factor.__class__ is bool and common is not dtypes.bool_:
        raise DtypeError(f"{argument} must be a number, not a bool, for a result of {common.name}; got {factor}")


def scaling_option(in_halves: Callable[..., Tensor], sign: int) -> Callable[..., Tensor]:
    """Return the function that computes ``add`` with ``alpha``, or ``sub`` if ``sign`` is -1.

    ``in_halves`` is called for float16. As in PyTorch, ``-alpha`` must fit the dtype of a difference.
    """

    def compute(operation: Callable[..., Tensor], input: Any, other: Any, *, alpha: Number) -> Tensor:
        if alpha.__class__ is int and alpha == 1:
            return operation(input, other)
        if not isinstance(other, TensorBase):
            other = host_value(other, None)
        if sign < 0:
            refuse_bools(input, other)
        other, alpha = term_and_factor(other, read_alpha(alpha), input, sign)
        if other.dtype not in dtypes.HALVES:
            return operation(input, mul(other, alpha))
        return in_halves(number_as_tensor(input, other) if is_number(input) else input, other, alpha)

    return compute


def refuse_bools(input: Operand, other: Operand) -> None:
    """Raise if an operand of a subtraction is a bool or a bool tensor."""
    if is_bool(input) or is_bool(other):
        raise DtypeError("sub: subtraction with a bool is not supported; use ~ for an inverse mask, ^, or cast it")


def is_bool(operand: Any) -> bool:
    """Whether an operand is a bool or a bool tensor."""
    return operand.__class__ is bool if is_number(operand) else operand.dtype.kind == "b"


@differentiable(
    prepare=lift_first, options=scaling_option(halves.add, 1), input=lambda grad: grad, other=lambda grad: grad
)
@on_equal_dtypes(operator.add)
@old_orders("input alpha other")
def add(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Array:
    """Return ``input + alpha * other``; shapes broadcast.

    Raises:
        RuntimeError: If shapes do not broadcast, or ``alpha`` does not fit the dtype of the result.

    >>> import minitensor as torch
    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([10., 20.]), alpha=0.5)
    tensor([ 6., 12.])
    """
    a, b = tensor_first("add", input, other)
    return compute(operator.add, a, b) if a.dtype is HALF else a + b


@inplace(add, options=scaling_option(halves.add_, 1))
@old_orders("input alpha other")
def add_(input: Tensor, other: Operand, *, alpha: Number = 1) -> None:
    """Add ``alpha * other`` to ``input`` in place."""


@differentiable(
    prepare=lift_one_of_two, options=scaling_option(halves.sub, -1), input=lambda grad: grad, other=lambda grad: -grad
)
@on_equal_dtypes(operator.sub)
@old_orders("input alpha other")
def sub(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Array:
    """Return ``input - alpha * other``; shapes broadcast.

    Raises:
        RuntimeError: If an operand is bool, shapes do not broadcast, or ``alpha`` does not fit the dtype of the result.

    >>> import minitensor as torch
    >>> torch.sub(torch.tensor([5, 7]), 2)
    tensor([3, 5])
    """
    a, b = operands(input, other)
    refuse_bools(input, other)
    return compute(operator.sub, a, b) if a.dtype is HALF else a - b


@inplace(sub, options=scaling_option(halves.sub_, -1))
@old_orders("input alpha other")
def sub_(input: Tensor, other: Operand, *, alpha: Number = 1) -> None:
    """Subtract ``alpha * other`` from ``input`` in place."""


@differentiable(input=lambda grad: -grad)
def neg(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``-input``.

    Raises:
        RuntimeError: If ``input`` holds bools.

    >>> import minitensor as torch
    >>> torch.neg(torch.tensor([1, -2]))
    tensor([-1,  2])
    """
    if input.array.dtype.kind == "b":
        raise DtypeError("neg: negation of a bool tensor is not supported; use ~ or logical_not")
    return -input.array


@inplace(neg)
def neg_(input: Tensor) -> None:
    """Negate ``input`` in place."""


@composite
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself, as unary plus does; bool tensors are refused.

    Raises:
        RuntimeError: If ``input`` holds bools.

    >>> import minitensor as torch
    >>> torch.positive(torch.tensor([1, -2]))
    tensor([ 1, -2])
    """
    require_tensors("positive", input=input)
    if input.dtype.kind == "b":
        raise DtypeError("positive: bool tensors are not supported; cast to an integer first")
    return input


# -- products ----------------------------------------------------------------------------------------------------------


@differentiable(
    prepare=lift_first,
    input=lambda grad, other: grad * conj(other),
    other=lambda grad, input: grad * conj(input),
)
@on_equal_dtypes(operator.mul)
def mul(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Multiply element by element; shapes broadcast.

    >>> import minitensor as torch
    >>> torch.mul(torch.tensor([[1.], [2.]]), torch.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    a, b = tensor_first("mul", input, other)
    if a.dtype is HALF:
        return compute(operator.mul, a, b if has_dims(other) else to_full_precision(other, b))
    return a * b


@inplace(mul)
def mul_(input: Tensor, other: Operand) -> None:
    """Multiply ``input`` by ``other`` in place."""


@composite
def subtract(input: Operand, other: Operand, *factor: Operand, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Return ``input - alpha * other``, as ``sub``.

    Args:
        input: What is subtracted from.
        other: What is subtracted.
        *factor: ``alpha`` by position, if ``other`` is a number.
        alpha: A factor of ``other``. Default: ``1``.
        out: Where to write the result. Default: ``None``.

    Raises:
        TypeError: If ``alpha`` is given by position after a tensor.

    >>> import minitensor as torch
    >>> torch.subtract(torch.tensor([5, 7]), 2)
    tensor([3, 5])
    """
    return sub(input, other, alpha=factor_of("subtract", other, factor, alpha), out=out)


@composite
def subtract_(input: Tensor, other: Operand, *factor: Operand, alpha: Number = 1) -> Tensor:
    """Subtract ``alpha * other`` from ``input`` in place, as ``sub_``.

    Args:
        input: What is subtracted from.
        other: What is subtracted.
        *factor: ``alpha`` by position, if ``other`` is a number.
        alpha: A factor of ``other``. Default: ``1``.

    Raises:
        TypeError: If ``alpha`` is given by position after a tensor.

    >>> import minitensor as torch
    >>> torch.tensor([5, 7]).subtract_(2)
    tensor([3, 5])
    """
    return sub_(input, other, alpha=factor_of("subtract_", other, factor, alpha))


def factor_of(name: str, other: Operand, factor: tuple[Operand, ...], alpha: Number) -> Number:
    """Return the factor, which may be given by position if it follows a number."""
    if not factor:
        return alpha
    if len(factor) > 1 or not all(map(argument_types.is_number, (other, *factor))):
        raise ArgumentTypeError(f"{name}(): only a number may be followed by alpha, a number; else give alpha= by name")
    return read_alpha(factor[0])  # type: ignore[no-any-return]  # a number


@composite
def rsub(input: Tensor, other: Operand, *factor: Operand, alpha: Number = 1) -> Tensor:
    """Return ``other - alpha * input``.

    Args:
        input: What is subtracted.
        other: What it is subtracted from.
        *factor: ``alpha`` by position, if ``other`` is a number.
        alpha: A factor of ``input``. Default: ``1``.

    Raises:
        TypeError: If ``alpha`` is given by position after a tensor.
        RuntimeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.rsub(torch.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    require_tensors("rsub", input=input)
    alpha = factor_of("rsub", other, factor, alpha)
    input, other = in_turn(input, other)
    return sub(other, input, alpha=alpha)


# -- quotients ---------------------------------------------------------------------------------------------------------


def division_operands(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return the arrays of a rounded division; raise if an integer divisor is zero."""
    a, b = operands(input, other)
    if of_kind(name, REALS, a).dtype.kind != "f" and any_true(b == 0):
        raise UsageZeroDivisionError(f"{name}: ZeroDivisionError: an integer divisor is zero")
    return a, b


@differentiable(prepare=lift_first, input=step_grad, other=step_grad)
def floor_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Divide and round down, as Python's ``//`` does.

    Raises:
        RuntimeError, ZeroDivisionError: If an integer is divided by zero (one class, a child of both).

    >>> import minitensor as torch
    >>> torch.floor_divide(torch.tensor([-7, 7]), 2)
    tensor([-4,  3])
    """
    a, b = division_operands("floor_divide", input, other)
    if a.dtype.kind != "f":
        return a // b
    kind = a.dtype
    if kind is HALF:
        a, b = to_singles(a, b, other)
    return backend_of(input, other).floor_divide(a, b).astype(kind, copy=False)


@inplace(floor_divide)
def floor_divide_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` in place, rounding down."""


@differentiable(name="div", input=step_grad, other=step_grad)
def divide_and_truncate(input: Operand, other: Operand) -> Array:
    a, b = division_operands("div", input, other)
    xp = library_of(input, other)
    if a.dtype is HALF:
        return compute(lambda x, y: xp.trunc(x / y), a, b if has_dims(other) else to_full_precision(other, b))
    if a.dtype.kind == "f":
        return xp.trunc(a / b)
    down = a // b
    # NumPy rounds down: one more where the quotient is negative and not whole.
    return xp.add(down, ((down < 0) & (down * b != a)).astype(down.dtype))


@inplace(divide_and_truncate)
def divide_and_truncate_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` in place, rounding toward zero."""


def lift_dividend(input: Number, other: Any) -> tuple[Any, Any]:
    """Convert a dividend that is a number to a tensor beside a number or float16: Note [Halves beside numbers]."""
    is_lifted = other.__class__ in NUMBERS or getattr(other, "dtype", None) in dtypes.HALVES
    return (number_as_tensor(input, other) if is_lifted else input), other


def rounding_option(**quotients: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the function that computes ``div`` with ``rounding_mode``, given the operation for each mode."""

    @composite_as("div")
    def compute(operation: Callable[..., Tensor], input: Any, other: Any, *, rounding_mode: str | None) -> Tensor:
        if rounding_mode is None:
            return operation(input, other)
        if rounding_mode not in quotients:
            raise UsageError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
        return quotients[rounding_mode](input, other)

    return compute


@differentiable(
    prepare=lift_dividend,
    options=rounding_option(floor=floor_divide, trunc=divide_and_truncate),
    input=lambda grad, other: grad / conj(other),
    # Divided twice, because the square of `other` may overflow.
    other=lambda grad, input, other: -grad * conj(input / other / other),
)
@on_equal_dtypes(operator.truediv)
def div(input: Operand, other: Operand, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Array:
    """Divide element by element; without a rounding mode, integers give floats. Shapes broadcast.

    Args:
        rounding_mode: None for true division, "trunc" to round toward zero (as C does), "floor" to round down (as
            Python's ``//`` does).

    Raises:
        RuntimeError: If the rounding mode is unknown, or integers are divided by zero with a rounding mode.

    >>> import minitensor as torch
    >>> torch.div(torch.tensor([-7, 7]), 2), torch.div(torch.tensor([-7, 7]), 2, rounding_mode="floor")
    (tensor([-3.5000,  3.5000]), tensor([-4,  3]))
    """
    a, b = operands(input, other)
    if a.dtype.kind not in "fc":
        a, b = as_floats(input, other)
    if a.dtype is HALF:
        a = to_full_precision(input, b) if is_number(input) else a
        return compute(operator.truediv, a, b if has_dims(other) else to_full_precision(other, b))
    return a / b


@inplace(div, options=rounding_option(floor=floor_divide_, trunc=divide_and_truncate_))
def div_(input: Tensor, other: Operand, *, rounding_mode: str | None = None) -> None:
    """Divide ``input`` by ``other`` in place."""


@composite
def true_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Alias of ``div`` without a rounding mode."""
    return div(input, other, out=out)


@differentiable(input=lambda grad, result: -grad * conj(result * result))
@by_table
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 / input``.

    >>> import minitensor as torch
    >>> torch.reciprocal(torch.tensor([2.0, 0.0]))
    tensor([0.5000,    inf])
    """
    return input.xp.reciprocal(as_float(input))


@inplace(reciprocal)
def reciprocal_(input: Tensor) -> None:
    """Replace ``input`` by ``1 / input``."""


@differentiable(
    input=lambda grad: grad,
    other=lambda grad, input, other: -grad * div(input, other, rounding_mode="floor"),
)
def remainder(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the remainder of a division rounded down; it has the sign of ``other``, as Python's ``%``.

    Raises:
        RuntimeError, ZeroDivisionError: If an integer divisor is zero.

    >>> import minitensor as torch
    >>> torch.remainder(torch.tensor([-7, 7]), 3)
    tensor([2, 1])
    """
    a, b = division_operands("remainder", input, other)
    if a.dtype.kind != "f":
        return a % b
    return backend_of(input, other).remainder(a, b)


@inplace(remainder)
def remainder_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its ``remainder`` after division by ``other``."""


@differentiable(
    input=lambda grad: grad,
    other=lambda grad, input, other: -grad * div(input, other, rounding_mode="trunc"),
)
def fmod(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the remainder of a division rounded toward zero; it has the sign of ``input``, as C's ``fmod``.

    Raises:
        TypeError: If ``input`` is not a tensor.
        RuntimeError, ZeroDivisionError: If an integer divisor is zero.

    >>> import minitensor as torch
    >>> torch.fmod(torch.tensor([-7, 7]), 3)
    tensor([-1,  1])
    """
    if input.__class__ in NUMBERS:
        raise not_a_tensor("fmod", "input", input)
    a, b = division_operands("fmod", input, other)
    return backend_of(input, other).fmod(a, b)


@inplace(fmod)
def fmod_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its ``fmod`` after division by ``other``."""


@nondifferentiable
def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the greatest common divisor.

    >>> import minitensor as torch
    >>> torch.gcd(torch.tensor([12, 7]), torch.tensor([18, 0]))
    tensor([6, 7])
    """
    a, b = integer_operands("gcd", input, other)
    return library_of(input, other).gcd(a, b)


@inplace(gcd)
def gcd_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the greatest common divisor of it and ``other``."""


@nondifferentiable
def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the least common multiple.

    >>> import minitensor as torch
    >>> torch.lcm(torch.tensor([4, 6]), torch.tensor([6, 6]))
    tensor([12,  6])
    """
    a, b = integer_operands("lcm", input, other)
    return library_of(input, other).lcm(a, b)


@inplace(lcm)
def lcm_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the least common multiple of it and ``other``."""


def integer_operands(name: str, input: Tensor, other: Tensor) -> tuple[Array, Array]:
    """Return the arrays of two integer tensors in their common dtype."""
    return ordered_arrays(name, input, other, INTEGERS)
