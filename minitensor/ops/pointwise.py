"""Arithmetic and functions element by element: sum, product, power, exponential, sine, and their in-place twins.

Every operation here broadcasts its operands, promotes their dtypes (``ops/operand.py``) and has its gradient beside
it. What compares is in ``compare.py``, what a network uses as a nonlinearity in ``activation.py``.

Note [Complex gradients]. PyTorch's convention: the gradient of a real loss is the conjugate of the derivative, so a
formula multiplies by the *conjugate* of the derivative. ``conj`` costs nothing where the dtype is real.
"""

from __future__ import annotations

import cmath
import math
import operator
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd import argument_types
from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.declare import differentiable, on_equal_dtypes, on_host_floats
from minitensor.autograd.misuse import composite, named
from minitensor.autograd.turns import in_turn
from minitensor.backends import HostArray
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DtypeError, UsageError, quote
from minitensor.ops import halves
from minitensor.ops.aliasing import inplace
from minitensor.ops.creation import as_number, tensor
from minitensor.ops.kinds import FLOATS, INEXACT, NUMERIC, ORDERED, REALS, of_kind, unsupported
from minitensor.ops.operand import (
    HALF,
    SINGLE,
    array_beside,
    as_floats,
    fitted,
    fitted_beside,
    in_full,
    in_singles,
    is_number,
    meets,
    not_a_tensor,
    operands,
    promoted,
    promoted_in_singles,
    recast,
    require_tensors,
    result_dtype,
    same_device,
    tensor_first,
    tensors,
    two_arrays,
)
from minitensor.ops.out import delivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array, Library
    from minitensor.ops.operand import Number, Operand
    from minitensor.tensor import Tensor


# -- helpers of the formulas -------------------------------------------------------------------------------------------


def conj(input: Any) -> Any:
    """Return the complex conjugate; a real tensor or number itself."""
    if is_number(input):
        return input.conjugate()
    try:
        array = input.array
    except AttributeError:
        raise not_a_tensor("conj", "input", input) from None
    return _conj(input) if array.dtype.kind == "c" else input


@differentiable(input=lambda grad: conj(grad))
def _conj(input: Tensor) -> Array:
    array = input.array
    return input.xp.conjugate(array) if array.dtype.kind == "c" else array.copy()


def as_float(input: Tensor) -> Array:
    """Return the array in a floating-point dtype: that of integers and bools is the default one."""
    array = input.array
    return array if array.dtype.kind in "fc" else recast(array, dtypes.get_default_dtype().numpy)


# -- arithmetic --------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad: grad, other=lambda grad: grad)
@on_equal_dtypes(operator.add)
def _add(input: Operand, other: Operand) -> Array:
    a, b = tensor_first("add", input, other)
    return a + b


@differentiable(input=lambda grad: grad, other=lambda grad: -grad)
@on_equal_dtypes(operator.sub)
def _sub(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    refuse_bools(input, other)
    return a - b


def refuse_bools(input: Operand, other: Operand) -> None:
    """Raise if an operand of a subtraction is a truth value or a tensor of them."""
    if is_bool(input) or is_bool(other):
        raise DtypeError("sub: subtraction with a bool is not supported; use ~ for an inverse mask, ^, or cast it")


def is_bool(operand: Any) -> bool:
    """Whether an operand is a truth value or a tensor of them."""
    return operand.__class__ is bool if is_number(operand) else operand.array.dtype.kind == "b"


def add(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Return ``input + alpha * other``; shapes broadcast.

    >>> import minitensor as torch
    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([10., 20.]), alpha=0.5)
    tensor([ 6., 12.])
    """
    if input.__class__ in NUMBERS:
        input = number_as_tensor(input, other)
    is_plain = alpha.__class__ is int and alpha == 1
    found = _add(input, other) if is_plain else combine(_add, halves.add, input, other, alpha, 1)
    return delivered("add", found, out, input, other)


def number_as_tensor(number: Any, other: Any) -> Any:
    """Return a first operand that is a number as a tensor: beside a tensor of its dtype, so that it weighs as little.

    >>> import minitensor as torch
    >>> torch.add(2, 3)
    tensor(5)
    """
    if other.__class__ in NUMBERS:
        return tensor(number)
    require_tensors("a function of two operands", other=other)
    common = dtypes.number_dtype(number, other.dtype)
    return tensor(dtypes.lift(number, common.numpy), device=other.device)


def sub(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Return ``input - alpha * other``; shapes broadcast."""
    if input.__class__ in NUMBERS and other.__class__ in NUMBERS:
        input = number_as_tensor(input, other)
    is_plain = alpha.__class__ is int and alpha == 1
    found = _sub(input, other) if is_plain else combine(_sub, halves.sub, input, other, alpha, -1)
    return delivered("sub", found, out, input, other)


def combine(
    plain: Callable[..., Tensor], with_alpha: Callable[..., Tensor], input: Any, other: Any, alpha: Number, sign: int
) -> Tensor:
    """Return the sum or the difference of ``input`` and ``alpha * other``; for halves ``with_alpha`` computes it.

    As in PyTorch, it is ``-alpha`` that must fit the dtype of a difference.
    """
    if not isinstance(other, TensorBase):
        other = host_value(other, None)
    if sign < 0:
        refuse_bools(input, other)
    other, alpha = term_and_factor(other, read_alpha(alpha), input, sign)
    if other.dtype is not dtypes.float16:
        return plain(input, _mul(other, alpha))
    return with_alpha(number_as_tensor(input, other) if is_number(input) else input, other, alpha)


def read_alpha(alpha: Any) -> Any:
    """Return a factor that is not 1 as a number."""
    if not argument_types.is_number(alpha):
        raise ArgumentTypeError(f"argument 'alpha' must be a number, not {type(alpha).__name__}: {quote(alpha)}")
    return as_number(alpha)


def term_and_factor(other: Any, alpha: Number, input: Any, sign: int) -> tuple[Any, Number]:
    """Return ``other`` and ``alpha`` in the dtype of the result; a factor that this dtype does not hold is refused."""
    if not isinstance(other, TensorBase):
        other = number_as_tensor(other, input)
    common = other.dtype if is_number(input) or input.dtype is other.dtype else result_dtype(input, other)
    check_category("alpha", alpha, common)
    dtypes.fit(alpha if sign > 0 else -alpha, common.numpy)
    return other.to(common), bool(alpha) if common is dtypes.bool_ else alpha


def check_category(argument: str, factor: Number, common: dtypes.dtype) -> None:
    """Raise for a factor of a higher category than the result's dtype, and for a bool beside numbers."""
    if isinstance(factor, (float, complex)) and dtypes.number_dtype(factor, common) is not common:
        raise DtypeError(f"{argument} must not be {factor!r} for a result of {common.name}; cast an operand first")
    if factor.__class__ is bool and common is not dtypes.bool_:
        raise DtypeError(f"{argument} must be a number, not a bool, for a result of {common.name}; got {factor}")


@composite
def rsub(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Return ``other - alpha * input``."""
    require_tensors("rsub", input=input)
    input, other = in_turn(input, other)
    return sub(other, input, alpha=alpha)


@differentiable(
    input=lambda grad, other: grad * conj(other),
    other=lambda grad, input: grad * conj(input),
)
@on_equal_dtypes(operator.mul)
def _mul(input: Operand, other: Operand) -> Array:
    a, b = tensor_first("mul", input, other)
    if a.dtype is HALF:
        a, b = in_singles(a, b, other)
        return (a * b).astype(HALF)
    return a * b


def mul(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Multiply element by element; shapes broadcast."""
    if input.__class__ in NUMBERS:
        input = number_as_tensor(input, other)
    return delivered("mul", _mul(input, other), out, input, other)


@differentiable(
    input=lambda grad, other: grad / conj(other),
    other=lambda grad, input, other: -grad * conj(input / other / other),
)
@on_equal_dtypes(operator.truediv)
def _div(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    if a.dtype.kind not in "fc":
        a, b = as_floats(input, other)
    if a.dtype is HALF:
        a, b = (in_full(input, b), b.astype(SINGLE)) if is_number(input) else in_singles(a, b, other)
        return (a / b).astype(HALF)
    return a / b


def div(
    input: Operand, other: Operand, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """Divide element by element; integers give floats.

    ``rounding_mode``: None for true division, "trunc" towards zero (as C), "floor" downwards (as Python's ``//``).
    """
    if input.__class__ in NUMBERS and (other.__class__ in NUMBERS or getattr(other, "dtype", None) is dtypes.float16):
        input = number_as_tensor(input, other)  # among halves it is rounded to one: Note [Halves beside numbers]
    if rounding_mode is None:
        return delivered("div", _div(input, other), out, input, other)
    return delivered("div", rounded_quotient(input, other, rounding_mode), out, input, other)


@named("div")
def rounded_quotient(input: Operand, other: Operand, rounding_mode: str) -> Tensor:
    """Divide and round."""
    if rounding_mode == "floor":
        return _floor_divide(input, other)
    if rounding_mode == "trunc":
        return _div_trunc(input, other)
    raise UsageError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")


@composite
def true_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Divide element by element, as ``div`` does without a rounding mode."""
    return div(input, other, out=out)


@composite
def floor_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Divide and round downwards, as Python's ``//``."""
    return div(input, other, rounding_mode="floor", out=out)


def flat_again(grad: Tensor) -> Tensor:
    """Return the gradient of a step's gradient."""
    return flat(grad)


@differentiable(input=flat_again)
def flat(input: Tensor) -> Array:
    """Return the gradient of a step: zero, also for an infinite gradient, and part of the graph."""
    return input.xp.zeros_like(input.array)


@differentiable(input=flat, other=flat)
def _floor_divide(input: Operand, other: Operand) -> Array:
    a, b = divisible("floor_divide", input, other)
    if a.dtype.kind != "f":
        return a // b
    xp, kind = library_of(input, other), a.dtype
    if kind is HALF:
        a, b = in_singles(a, b, other)
    # As PyTorch: a division by zero keeps its infinity, where NumPy's // gives NaN for it.
    return xp.where(b == 0, a / b, a // b).astype(kind, copy=False)


@differentiable(input=flat, other=flat)
def _div_trunc(input: Operand, other: Operand) -> Array:
    a, b = divisible("div", input, other)
    xp = library_of(input, other)
    if a.dtype is HALF:
        a, b = in_singles(a, b, other)
        return xp.trunc(a / b).astype(HALF)
    if a.dtype.kind == "f":
        return xp.trunc(a / b)
    down = a // b
    return xp.add(down, ((down < 0) & (down * b != a)).astype(down.dtype))


@differentiable(
    input=lambda grad: grad,
    other=lambda grad, input, other: -grad * div(input, other, rounding_mode="floor"),
)
def remainder(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return what is left of ``input`` after division; it has the sign of ``other``, as Python's ``%``."""
    a, b = divisible("remainder", input, other)
    if a.dtype.kind != "f":
        return a % b
    xp = library_of(input, other)
    left = xp.fmod(a, b)  # a zero keeps the sign of `input`, as in PyTorch; NumPy's % gives it that of `other`
    return xp.where((left != 0) & ((b < 0) != (left < 0)), left + b, left)


@differentiable(
    input=lambda grad: grad,
    other=lambda grad, input, other: -grad * div(input, other, rounding_mode="trunc"),
)
def fmod(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return what is left of ``input`` after division; it has the sign of ``input``, as C's ``fmod``."""
    if input.__class__ in NUMBERS:
        raise not_a_tensor("fmod", "input", input)
    a, b = divisible("fmod", input, other)
    return library_of(input, other).fmod(a, b)


def divisible(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return operands for an integer or real division; an integer divisor of zero raises, as in PyTorch."""
    a, b = operands(input, other)
    if of_kind(name, REALS, a).dtype.kind != "f" and not b.all():
        raise ZeroDivision(f"{name}: ZeroDivisionError: an integer divisor is zero")
    return a, b


class ZeroDivision(DtypeError, ZeroDivisionError):
    """An integer division by zero: PyTorch raises RuntimeError, Python ZeroDivisionError; this is both."""


def library_of(*tensors: Any) -> Library:
    """Return the array library of operands of which some may be numbers."""
    library: Library = same_device(*tensors).xp
    return library


@differentiable(input=lambda grad: -grad)
def neg(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Negate."""
    if input.array.dtype.kind == "b":
        raise DtypeError("neg: negation of a bool tensor is not supported; use ~ or logical_not")
    return -input.array


@composite
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself; a bool one has no sign."""
    if input.array.dtype.kind == "b":
        raise DtypeError("positive: bool tensors are not supported; cast to an integer first")
    return input


@differentiable(input=lambda grad, result: -grad * conj(result * result))
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 / input``."""
    return input.xp.reciprocal(as_float(input))


# -- powers ------------------------------------------------------------------------------------------------------------


def power_base_gradient(grad: Any, input: Any, other: Any) -> Any:
    """Return the gradient of ``input ** other`` in its base: ``other * input ** (other - 1)``, or 0 for exponent 0."""
    if is_number(other):
        if other == 0:
            return grad * 0
        if other == 2:
            return grad * conj(input * other)
        return grad * conj(other * input ** (other - 1))
    return where(other == 0, 0, grad * conj(other * input ** where(other == 0, 1, other - 1)))


def power_exponent_gradient(grad: Any, input: Any, other: Any, result: Any) -> Any:
    """Return the gradient of ``input ** other`` in its exponent: ``log(input)`` times the result.

    Where the base is zero that is zero for an exponent of zero or with a positive real part, and else has no limit.
    """
    if result.array.dtype.kind != "c":
        logarithm = real_log_of(input) if is_number(input) else input.log()
        return where((input == 0) & (other >= 0), 0, grad * (result * logarithm))
    logarithm = complex_log_of(input) if is_number(input) else input.to(result.dtype).log()
    vanishing = (other == 0) | (other.real > 0)
    return where((input == 0) & vanishing, 0, grad * conj(result * logarithm))


def real_log_of(number: Any) -> float:
    """Return a Python number's logarithm; NaN for a negative one."""
    return math.log(number) if number > 0 else -math.inf if number == 0 else math.nan


def complex_log_of(number: Any) -> complex:
    """Return a Python number's logarithm; of a negative one it has the imaginary part pi."""
    return cmath.log(number) if number else complex(-math.inf, 0)


@differentiable(input=power_base_gradient, other=power_exponent_gradient)
def _pow(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    if is_number(other) and a.dtype.kind in "fc":
        if other == 2:
            return a * a
        if other == 0.5:
            return library_of(input, other).sqrt(a)
        if a.dtype is HALF:
            b = fitted(other, HALF, a)
    if a.dtype.kind in "iu" and is_number(other):
        b = whole_power(other, a)
    if a.dtype.kind == "b" and not is_number(other):
        raise unsupported("pow", NUMERIC, a.dtype)
    if a.dtype.kind in "biu":
        return integer_power(library_of(input, other), a, b)
    return a**b


def whole_power(exponent: Any, array: Array) -> Array:
    """Return an exponent for integers, in their dtype; one that it does not hold raises."""
    if exponent < 0:
        raise DtypeError(
            f"pow: integers to negative integer powers are not allowed, got {exponent}; cast to float first"
        )
    return fitted(exponent, array.dtype, array)


def pow(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """Raise ``input`` to the power ``exponent``, element by element.

    >>> import minitensor as torch
    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    return delivered("pow", _pow(input, exponent), out, input, exponent)


def integer_power(xp: Library, a: Array, b: Array) -> Array:
    """Return an integer power; for negative exponents what PyTorch gives: 1, -1 or 0."""
    if a.dtype.kind == "b":
        return a | ~b
    if a.dtype.kind != "i":
        return xp.power(a, b)
    odd = xp.where(b % 2 == 0, 1, -1)
    small = xp.where(a == 1, 1, xp.where(a == -1, odd, 0)).astype(a.dtype)
    return xp.where(b < 0, small, xp.power(a, xp.maximum(b, 0)))


@differentiable(input=lambda grad, input: grad * conj(input * 2))
def square(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``input * input``."""
    return input.array * input.array if input.array.dtype.kind != "b" else input.array.astype("int64")


@differentiable(input=lambda grad, result: grad / conj(result * 2))
@on_host_floats("sqrt")
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the square root."""
    return input.xp.sqrt(as_float(input))


@differentiable(input=lambda grad, result: grad * conj(result**3) * -0.5)
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 / sqrt(input)``."""
    return input.xp.reciprocal(input.xp.sqrt(as_float(input)))


def turn_per_side(grad: Tensor, side: Tensor, other: Tensor) -> Any:
    """Return the gradient ``other / (side ** 2 + other ** 2)``, which must not overflow; zero at the origin."""
    radius = hypot(side, other)
    radius = where(radius == 0, 1, radius)
    return grad * (other / radius) / radius


@differentiable(
    input=lambda grad, input, other: turn_per_side(grad, input, other),
    other=lambda grad, input, other: -turn_per_side(grad, other, input),
)
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the angle of the point (other, input), in radians, with its quadrant."""
    a, b = ordered("atan2", input, other)
    if a.dtype.kind != "f":
        a, b = as_floats(input, other)
    return library_of(input, other).arctan2(a, b)


# -- choosing ----------------------------------------------------------------------------------------------------------


def ordered(name: str, input: Operand, other: Operand, kinds: str = ORDERED) -> tuple[Array, Array]:
    """Return two tensors' arrays, whose elements have an order."""
    a, b = tensors(name, input, other)
    return of_kind(name, kinds, a), b


def shared(grad: Tensor, beaten: Tensor, tied: Tensor) -> Any:
    """Return the gradient where an operand was not beaten, half of it where both were equal; beside NaN none is."""
    return where(tied, grad / 2, where(beaten, 0, grad))


@differentiable(
    input=lambda grad, input, other: shared(grad, input < other, input == other),
    other=lambda grad, input, other: shared(grad, other < input, input == other),
)
def maximum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the larger of two elements; NaN if either is. Ties share the gradient."""
    a, b = ordered("maximum", input, other)
    return library_of(input, other).maximum(a, b)


@differentiable(
    input=lambda grad, input, other: shared(grad, input > other, input == other),
    other=lambda grad, input, other: shared(grad, other > input, input == other),
)
def minimum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the smaller of two elements; NaN if either is. Ties share the gradient."""
    a, b = ordered("minimum", input, other)
    return library_of(input, other).minimum(a, b)


@differentiable(
    input=lambda grad, condition: where(condition, grad, 0),
    other=lambda grad, condition: where(condition, 0, grad),
)
def _where(condition: Tensor, input: Operand, other: Operand) -> Array:
    if condition.array.dtype.kind != "b":
        raise DtypeError(f"where: expected a bool condition, got {condition.dtype.name}; compare, as in x != 0")
    a, b = chosen_from(condition, input, other)
    like = condition if condition.array.__class__ is HostArray is a.__class__ is b.__class__ else same_device(
        condition, input, other
    )
    found: Array = like.backend.where(condition.array, a, b)
    return found


def chosen_from(condition: Tensor, input: Any, other: Any) -> tuple[Array, Array]:
    """Return two operands in their common dtype; two numbers are lifted by themselves."""
    if is_number(input) and is_number(other):
        common = dtypes.result_type([(dtypes.dtype_of_number(each), dtypes.Kind.NUMBER) for each in (input, other)])
        return fitted(input, common.numpy, condition.array), fitted(other, common.numpy, condition.array)
    if is_number(input):
        return fitted_beside(input, other.array), array_beside(input, other)
    if is_number(other):
        return array_beside(other, input), fitted_beside(other, input.array)
    if isinstance(input, TensorBase) and isinstance(other, TensorBase):
        return two_arrays(input, other)
    read = host_value(input, None), host_value(other, None)
    if not any(map(is_number, read)):
        raise ArgumentTypeError(f"where: expected tensors or numbers, got {quote(input)} and {quote(other)}")
    return chosen_from(condition, *read)


@composite
def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """Return ``input`` where ``condition`` holds and ``other`` elsewhere; with the condition alone, its nonzero
    indices.

    >>> import minitensor as torch
    >>> x = torch.tensor([-1., 2.])
    >>> torch.where(x > 0, x, 0.)
    tensor([0., 2.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise ArgumentTypeError("where: give both `input` and `other`, or neither")
    return delivered("where", _where(condition, input, other), out, condition, input, other)


@differentiable(input=lambda grad, input, min, max: where(inside(input, min, max), grad, 0),
                min=lambda grad, input, min, max: where(below(input, min, max), grad, 0),
                max=lambda grad, input, min, max: where(above(input, min, max), grad, 0))
def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None, *, out: Tensor | None = None) -> Array:
    """Limit every element to the range from ``min`` to ``max``; where they cross, ``max`` wins."""
    if min is None and max is None:
        raise UsageError("clamp: at least one of 'min' or 'max' must not be None")
    array: Array = input.array
    if array.dtype.kind in "fiu" and all([each is None or is_bound(each, array) for each in (min, max)]):
        low, high = [None if each is None else fitted(each, array.dtype, array) for each in (min, max)]
        return input.backend.clip(array, low, high)
    bounds: list[Any] = [host_value(each, None) for each in (min, max) if each is not None]
    if array.dtype.kind != "f" and any(map(is_number, bounds)):  # beside a number, a 0-d tensor is one too
        bounds = [each if is_number(each) or each.ndim else each.item() for each in bounds]
    array, *limits = promoted(input, *bounds)
    of_kind("clamp", ORDERED if len(bounds) == 1 and not is_number(bounds[0]) else REALS, array)
    xp = library_of(input, *bounds)
    for limit, choose in zip(limits, [xp.maximum] * (min is not None) + [xp.minimum] * (max is not None), strict=True):
        array = choose(array, limit)
    return array


def is_bound(bound: Any, array: Array) -> bool:
    """Whether a bound is a number that leaves the array's dtype as it is."""
    return is_number(bound) and meets(bound, array)


def inside(input: Tensor, min: Any, max: Any) -> Any:
    """Whether an element was left as it is."""
    if min is None:
        return input <= max
    return input >= min if max is None else (input >= min) & (input <= max)


def below(input: Tensor, min: Any, max: Any) -> Any:
    """Whether an element was raised to ``min``, and ``max`` did not lower it again."""
    return input < min if max is None else (input < min) & (min < max)


def above(input: Any, min: Any, max: Any) -> Any:
    """Whether an element became ``max``, as all do where the bounds cross."""
    return input > max if min is None else (input > max) | (max < min)


@composite
def clamp_min(input: Tensor, min: Operand, *, out: Tensor | None = None) -> Tensor:
    """Raise every element to at least ``min``."""
    require_tensors("clamp_min", input=input)
    return clamp(input, min, out=out)


@composite
def clamp_max(input: Tensor, max: Operand, *, out: Tensor | None = None) -> Tensor:
    """Lower every element to at most ``max``."""
    require_tensors("clamp_max", input=input)
    return clamp(input, None, max, out=out)


@differentiable(
    input=lambda grad, weight: grad * conj(1 - weight),
    end=lambda grad, weight: grad * conj(weight),
    weight=lambda grad, input, end: grad * conj(end - input),
)
def lerp(input: Tensor, end: Tensor, weight: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``input + weight * (end - input)``, exactly ``end`` for the weight 1."""
    for argument, value in (("end", end), ("weight", weight)):
        if isinstance(value, TensorBase) and value.dtype is not input.dtype:
            raise DtypeError(f"lerp: expected dtype {input.dtype.name} for `{argument}`, got {value.dtype.name}")
    of_kind("lerp", INEXACT, input.array)
    (start, stop, share), common = promoted_in_singles(input, end, weight)
    xp, way = library_of(input, end), stop - start
    found: Array = xp.where(xp.abs(share) < 0.5, start + share * way, stop - way * (1 - share))
    return found.astype(common, copy=False)


@differentiable(
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * conj(tensor2 * value),
    tensor2=lambda grad, tensor1, value: grad * conj(tensor1 * value),
)
def addcmul(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out: Tensor | None = None
) -> Array:
    """Return ``input + value * tensor1 * tensor2``."""
    require_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    (start, a, b), common = promoted_in_singles(input, tensor1, tensor2)
    found: Array = of_kind("addcmul", NUMERIC, start) + fitted(value, start.dtype, start) * a * b
    return found.astype(common, copy=False)


@differentiable(
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * conj(value / tensor2),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * conj(tensor1 * value / (tensor2 * tensor2)),
)
def addcdiv(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out: Tensor | None = None
) -> Array:
    """Return ``input + value * tensor1 / tensor2``."""
    require_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if tensor1.array.dtype.kind in "biu" and tensor2.array.dtype.kind in "biu":
        raise DtypeError("addcdiv: integer division is not supported; cast tensor1 or tensor2 to a floating dtype")
    (start, a, b), common = promoted_in_singles(input, tensor1, tensor2)
    found: Array = start + fitted(value, start.dtype, start) * a / b
    return found.astype(common, copy=False)


@differentiable(
    input=lambda grad, input, other: grad * conj((input - other).sigmoid()),
    other=lambda grad, input, other: grad * conj((other - input).sigmoid()),
)
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(exp(input) + exp(other))`` without overflow."""
    a, b = ordered("logaddexp", input, other, INEXACT)
    xp = library_of(input, other)
    if a.dtype.kind != "c":
        return xp.logaddexp(a, b)
    high = xp.where(a.real >= b.real, a, b)
    return high + xp.log(xp.exp(a - high) + xp.exp(b - high))


@differentiable(
    input=lambda grad, input, result: where(result == 0, 0, grad * input / result),
    other=lambda grad, other, result: where(result == 0, 0, grad * other / result),
)
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``sqrt(input**2 + other**2)`` without overflow."""
    a, b = ordered("hypot", input, other, FLOATS)
    return library_of(input, other).hypot(a, b)


# -- in place ----------------------------------------------------------------------------------------------------------


@inplace(_add)
def _add_(input: Tensor, other: Operand) -> None:
    """Add ``other`` to ``input`` where it lies."""


@inplace(_sub)
def _sub_(input: Tensor, other: Operand) -> None:
    """Subtract ``other`` from ``input`` where it lies."""


def add_(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Add ``alpha * other`` to ``input`` where it lies."""
    is_plain = alpha.__class__ is int and alpha == 1
    return _add_(input, other) if is_plain else combine(_add_, halves.add_, input, other, alpha, 1)


def sub_(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Subtract ``alpha * other`` from ``input`` where it lies."""
    is_plain = alpha.__class__ is int and alpha == 1
    return _sub_(input, other) if is_plain else combine(_sub_, halves.sub_, input, other, alpha, -1)


@inplace(_mul)
def mul_(input: Tensor, other: Operand) -> None:
    """Multiply ``input`` by ``other`` where it lies."""


@inplace(_div)
def _div_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` where it lies."""


@inplace(_floor_divide)
def floor_divide_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` where it lies, and round downwards."""


@inplace(_div_trunc)
def _div_trunc_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` where it lies, and round towards zero."""


@composite
def div_(input: Tensor, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """Divide ``input`` by ``other`` where it lies."""
    twins = {None: _div_, "floor": floor_divide_, "trunc": _div_trunc_}
    if rounding_mode not in twins:
        raise UsageError(f"div_: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return twins[rounding_mode](input, other)


@inplace(remainder)
def remainder_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its remainder after division by ``other``."""


@inplace(fmod)
def fmod_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its remainder, with its own sign, after division by ``other``."""


@inplace(_pow)
def _pow_(input: Tensor, other: Operand) -> None:
    """Raise ``input`` to the power ``other`` where it lies."""


def pow_(input: Tensor, exponent: Operand) -> Tensor:
    """Raise ``input`` to the power ``exponent`` where it lies."""
    return _pow_(input, exponent)


@inplace(neg)
def neg_(input: Tensor) -> None:
    """Negate ``input`` where it lies."""


@inplace(reciprocal)
def reciprocal_(input: Tensor) -> None:
    """Replace ``input`` by ``1 / input``."""


@inplace(square)
def square_(input: Tensor) -> None:
    """Square ``input`` where it lies."""


@inplace(sqrt)
def sqrt_(input: Tensor) -> None:
    """Replace ``input`` by its square root."""


@inplace(rsqrt)
def rsqrt_(input: Tensor) -> None:
    """Replace ``input`` by ``1 / sqrt(input)``."""


@inplace(clamp)
def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> None:
    """Limit ``input`` to a range where it lies."""


@inplace(atan2)
def atan2_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the angle of the point (other, input)."""


@inplace(hypot)
def hypot_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by ``sqrt(input**2 + other**2)``."""


@inplace(lerp)
def lerp_(input: Tensor, end: Tensor, weight: Operand) -> None:
    """Move ``input`` towards ``end`` by a share of the way."""


@inplace(addcmul)
def addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> None:
    """Add ``value * tensor1 * tensor2`` to ``input`` where it lies."""


@inplace(addcdiv)
def addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> None:
    """Add ``value * tensor1 / tensor2`` to ``input`` where it lies."""


@composite
def clamp_min_(input: Tensor, min: Operand) -> Tensor:
    """Raise every element of ``input`` to at least ``min``."""
    return clamp_(input, min)


@composite
def clamp_max_(input: Tensor, max: Operand) -> Tensor:
    """Lower every element of ``input`` to at most ``max``."""
    return clamp_(input, None, max)
