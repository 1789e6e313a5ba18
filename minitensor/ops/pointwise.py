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
from minitensor.autograd.record import differentiable, on_equal_dtypes, on_host_floats
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DtypeError, UnsupportedDtype, UsageError
from minitensor.ops.aliasing import delivered, inplace
from minitensor.ops.operand import is_number, meets, number_beside, number_of_dtype, operands, promoted, same_device

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.ops.operand import Number, Operand
    from minitensor.tensor import Tensor


# -- helpers of the formulas -------------------------------------------------------------------------------------------


def conj(input: Any) -> Any:
    """Return the complex conjugate; a real tensor or number itself."""
    if is_number(input):
        return input.conjugate()
    return _conj(input) if input.array.dtype.kind == "c" else input


@differentiable(input=lambda grad: conj(grad))
def _conj(input: Tensor) -> Array:
    return input.xp.conjugate(input.array)


def as_float(input: Tensor) -> Array:
    """Return the array in a floating-point dtype: that of integers and bools is the default one."""
    array = input.array
    return array if array.dtype.kind in "fc" else array.astype(dtypes.get_default_dtype().numpy)


# -- arithmetic --------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad: grad, other=lambda grad: grad)
@on_equal_dtypes(operator.add)
def _add(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    return a + b


@differentiable(input=lambda grad: grad, other=lambda grad: -grad)
@on_equal_dtypes(operator.sub)
def _sub(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    if is_bool(input) or is_bool(other):
        raise DtypeError("sub: subtraction with a bool is not supported; use ~ for an inverse mask, ^, or cast it")
    return a - b


def is_bool(operand: Any) -> bool:
    """Whether an operand is a truth value or a tensor of them."""
    return operand.__class__ is bool if is_number(operand) else operand.array.dtype.kind == "b"


def add(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Return ``input + alpha * other``; shapes broadcast.

    >>> import minitensor as torch
    >>> torch.add(torch.tensor([1., 2.]), torch.tensor([10., 20.]), alpha=0.5)
    tensor([ 6., 12.])
    """
    return delivered(_add(input, scaled(other, alpha, input)), out)


def sub(input: Operand, other: Operand, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Return ``input - alpha * other``; shapes broadcast."""
    return delivered(_sub(input, scaled(other, alpha, input)), out)


def scaled(other: Any, alpha: Number, input: Any) -> Any:
    """Return ``alpha * other``; a fractional alpha for integers is refused, as it would be cut off."""
    if alpha.__class__ is int and alpha == 1:
        return other
    for each in (input, other):
        if isinstance(each, TensorBase) and not meets(alpha, each.array):
            raise DtypeError(f"alpha must not be {alpha!r} for a tensor of dtype {each.dtype.name}")
    return other * alpha


def rsub(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Return ``other - alpha * input``."""
    return sub(other, input, alpha=alpha)


@differentiable(
    input=lambda grad, other: grad * conj(other),
    other=lambda grad, input: grad * conj(input),
)
@on_equal_dtypes(operator.mul)
def mul(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Multiply element by element; shapes broadcast."""
    a, b = operands(input, other)
    return a * b


@differentiable(
    input=lambda grad, other: grad / conj(other),
    other=lambda grad, other, result: -grad * conj(result / other),
)
@on_equal_dtypes(operator.truediv)
def _div(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    if a.dtype.kind not in "fc":
        a, b = a.astype(dtypes.get_default_dtype().numpy), b.astype(dtypes.get_default_dtype().numpy)
    return a / b


def div(
    input: Operand, other: Operand, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """Divide element by element; integers give floats.

    ``rounding_mode``: None for true division, "trunc" towards zero (as C), "floor" downwards (as Python's ``//``).
    """
    if rounding_mode is None:
        return delivered(_div(input, other), out)
    if rounding_mode == "floor":
        return floor_divide(input, other, out=out)
    if rounding_mode == "trunc":
        return delivered(_div_trunc(input, other), out)
    raise UsageError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")


@differentiable(input=lambda grad: grad * 0, other=lambda grad: grad * 0)
def floor_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Divide and round downwards, as Python's ``//``."""
    a, b = divisible("floor_divide", input, other)
    if a.dtype.kind != "f":
        return a // b
    xp = library_of(input, other)
    # As PyTorch: a division by zero keeps its infinity, where NumPy's // gives NaN for it.
    return xp.where(b == 0, a / b, a // b)


@differentiable(input=lambda grad: grad * 0, other=lambda grad: grad * 0)
def _div_trunc(input: Operand, other: Operand) -> Array:
    a, b = divisible("div", input, other)
    xp = library_of(input, other)
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
    a, b = divisible("fmod", input, other)
    return library_of(input, other).fmod(a, b)


def divisible(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return operands for an integer or real division; an integer divisor of zero raises, as in PyTorch."""
    a, b = operands(input, other)
    if a.dtype.kind == "c":
        raise DtypeError(f"{name}: not implemented for {a.dtype}: complex numbers have no order")
    if a.dtype.kind == "b":
        raise DtypeError(f"{name}: not implemented for bool; cast to an integer first")
    if a.dtype.kind in "iu" and not b.all():
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
    """Return the gradient of ``input ** other`` in its exponent: ``log(input)`` times the result; 0 if both are 0."""
    if is_number(input):
        if input == 0:
            return where(other == 0, 0, grad * 0)
        return grad * conj(result * log_of_number(input))
    if input.array.dtype.kind == "c" or other.array.dtype.kind == "c":
        return where(input == 0, 0, grad * conj(result * input.log()))
    return where((input == 0) & (other >= 0), 0, grad * (result * input.log()))


def log_of_number(number: Any) -> Any:
    """Return a Python number's logarithm; NaN for a negative real one."""
    if isinstance(number, complex):
        return cmath.log(number)
    return math.log(number) if number > 0 else math.nan


@differentiable(input=power_base_gradient, other=power_exponent_gradient)
def _pow(input: Operand, other: Operand) -> Array:
    a, b = operands(input, other)
    if is_number(other) and a.dtype.kind in "fc":
        if other == 2:
            return a * a
        if other == 0.5:
            return library_of(input, other).sqrt(a)
    if a.dtype.kind in "iu" and isinstance(other, int) and other < 0:
        raise DtypeError(f"pow: integers to negative integer powers are not allowed, got {other}; cast to float first")
    if a.dtype.kind in "biu":
        return integer_power(library_of(input, other), a, b)
    return a**b


def pow(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """Raise ``input`` to the power ``exponent``, element by element.

    >>> import minitensor as torch
    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    return delivered(_pow(input, exponent), out)


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


# -- exponentials and logarithms ---------------------------------------------------------------------------------------


@differentiable(input=lambda grad, result: grad * conj(result))
@on_host_floats("exp")
def exp(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return e raised to each element of ``input``.

    >>> import minitensor as torch
    >>> torch.exp(torch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """
    return input.xp.exp(as_float(input))


@differentiable(input=lambda grad, result: grad * conj(result * math.log(2)))
def exp2(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return 2 raised to each element."""
    return input.xp.exp2(as_float(input))


@differentiable(input=lambda grad, result: grad * conj(result + 1))
def expm1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(input) - 1``, exact near zero."""
    return input.xp.expm1(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(input))
@on_host_floats("log")
def log(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the natural logarithm."""
    return input.xp.log(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(input * math.log(2)))
def log2(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the logarithm to base 2."""
    return input.xp.log2(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(input * math.log(10)))
def log10(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the logarithm to base 10."""
    return input.xp.log10(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(input + 1))
def log1p(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(1 + input)``, exact near zero."""
    return input.xp.log1p(as_float(input))


# -- trigonometric and hyperbolic --------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * conj(input.cos()))
@on_host_floats("sin")
def sin(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the sine; angles in radians."""
    return input.xp.sin(as_float(input))


@differentiable(input=lambda grad, input: -grad * conj(input.sin()))
@on_host_floats("cos")
def cos(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the cosine; angles in radians."""
    return input.xp.cos(as_float(input))


@differentiable(input=lambda grad, result: grad * conj(1 + result * result))
def tan(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the tangent; angles in radians."""
    return input.xp.tan(as_float(input))


@differentiable(input=lambda grad, input: grad * conj((1 - input * input).rsqrt()))
def asin(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the arcsine, in radians."""
    return input.xp.arcsin(as_float(input))


@differentiable(input=lambda grad, input: -grad * conj((1 - input * input).rsqrt()))
def acos(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the arccosine, in radians."""
    return input.xp.arccos(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(input * input + 1))
def atan(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the arctangent, in radians."""
    return input.xp.arctan(as_float(input))


@differentiable(
    input=lambda grad, input, other: grad * other / (input * input + other * other),
    other=lambda grad, input, other: -grad * input / (input * input + other * other),
)
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the angle of the point (other, input), in radians, with its quadrant."""
    a, b = ordered("atan2", input, other)
    if a.dtype.kind != "f":
        a, b = a.astype(dtypes.get_default_dtype().numpy), b.astype(dtypes.get_default_dtype().numpy)
    return library_of(input, other).arctan2(a, b)


@differentiable(input=lambda grad, input: grad * conj(input.cosh()))
def sinh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the hyperbolic sine."""
    return input.xp.sinh(as_float(input))


@differentiable(input=lambda grad, input: grad * conj(input.sinh()))
def cosh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the hyperbolic cosine."""
    return input.xp.cosh(as_float(input))


@differentiable(input=lambda grad, result: grad * conj(1 - result * result))
@on_host_floats("tanh")
def tanh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the hyperbolic tangent."""
    return input.xp.tanh(as_float(input))


@differentiable(input=lambda grad, input: grad * conj((input * input + 1).rsqrt()))
def asinh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic sine."""
    return input.xp.arcsinh(as_float(input))


@differentiable(input=lambda grad, input: grad * conj((input - 1).rsqrt() * (input + 1).rsqrt()))
def acosh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic cosine."""
    return input.xp.arccosh(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(1 - input * input))
def atanh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic tangent."""
    return input.xp.arctanh(as_float(input))


# -- sign and rounding -------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * sgn(input))
def abs(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the absolute value; of complex numbers the modulus, which is real."""
    return input.xp.abs(input.array) if input.array.dtype.kind != "b" else input.array.copy()


def sgn(input: Tensor) -> Tensor:
    """Return the sign; of complex numbers the number divided by its modulus."""
    if input.array.dtype.kind != "c":
        return sign(input)
    nothing = input == 0
    unit: Tensor = where(nothing, 0, input / where(nothing, 1, abs(input)))  # no division by 0, at any order
    return unit


@differentiable(input=lambda grad: grad * 0)
def sign(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return -1, 0 or 1."""
    array = real("sign", input)
    if array.dtype.kind != "f":
        return array.copy() if array.dtype.kind == "b" else input.xp.sign(array)
    return (array > 0).astype(array.dtype) - (array < 0)  # 0 for NaN, as in PyTorch


@differentiable(input=lambda grad: grad * 0)
def floor(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round downwards."""
    array = real("floor", input)
    return input.xp.floor(array) if array.dtype.kind == "f" else array.copy()


@differentiable(input=lambda grad: grad * 0)
def ceil(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round upwards."""
    array = real("ceil", input)
    return input.xp.ceil(array) if array.dtype.kind == "f" else array.copy()


@differentiable(input=lambda grad: grad * 0)
def trunc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round towards zero."""
    array = real("trunc", input)
    return input.xp.trunc(array) if array.dtype.kind == "f" else array.copy()


@differentiable(input=lambda grad: grad * 0)
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Array:
    """Round to ``decimals`` places, halves to the even neighbour."""
    array = real("round", input)
    if array.dtype.kind != "f":
        return input.xp.array(array)
    if not decimals:
        return input.xp.rint(array)
    scale = array.dtype.type(10.0 ** math.fabs(decimals))
    if decimals > 0:
        return input.xp.divide(input.xp.rint(array * scale), scale)
    return input.xp.multiply(input.xp.rint(array / scale), scale)


def frac(input: Tensor) -> Tensor:
    """Return the part after the point, with the sign of ``input``."""
    return input - trunc(input)


def real(name: str, input: Tensor) -> Array:
    """Return the array of a tensor whose elements have an order."""
    if input.array.dtype.kind == "c":
        raise DtypeError(f"{name}: not supported for complex numbers, which have no order")
    return input.array


# -- choosing ----------------------------------------------------------------------------------------------------------


def ordered(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return operands whose elements have an order."""
    a, b = operands(input, other)
    if a.dtype.kind == "c":
        raise UnsupportedDtype(f"{name}: not supported for complex numbers, which have no order")
    return a, b


def shared(grad: Tensor, mine: Tensor, tied: Tensor) -> Any:
    """Return the gradient where an operand was chosen, half of it where both were equal."""
    return where(tied, grad / 2, where(mine, grad, 0))


@differentiable(
    input=lambda grad, input, other: shared(grad, input > other, input == other),
    other=lambda grad, input, other: shared(grad, other > input, input == other),
)
def maximum(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the larger of two elements; NaN if either is. Ties share the gradient."""
    a, b = ordered("maximum", input, other)
    return library_of(input, other).maximum(a, b)


@differentiable(
    input=lambda grad, input, other: shared(grad, input < other, input == other),
    other=lambda grad, input, other: shared(grad, other < input, input == other),
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
    like = same_device(condition, input, other)
    a, b = chosen_from(condition, input, other)
    found: Array = like.backend.where(condition.array, a, b)
    return found


def chosen_from(condition: Tensor, input: Any, other: Any) -> tuple[Array, Array]:
    """Return two operands in their common dtype; two numbers are lifted by themselves."""
    if is_number(input) and is_number(other):
        common = dtypes.result_type([(dtypes.dtype_of_number(each), dtypes.Kind.NUMBER) for each in (input, other)])
        return tuple([number_of_dtype(each, common.numpy, condition) for each in (input, other)])
    return operands(input, other)


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
    return delivered(_where(condition, input, other), out)


@differentiable(input=lambda grad, input, min, max: where(inside(input, min, max), grad, 0),
                min=lambda grad, input, min, max: where(below(input, min, max), grad, 0),
                max=lambda grad, input, min, max: where(above(input, min, max), grad, 0))
def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None, *, out: Tensor | None = None) -> Array:
    """Limit every element to the range from ``min`` to ``max``; where they cross, ``max`` wins."""
    if min is None and max is None:
        raise UsageError("clamp: at least one of 'min' or 'max' must not be None")
    array: Array = input.array
    if array.dtype.kind in "fiu" and all([each is None or is_bound(each, array) for each in (min, max)]):
        low, high = [None if each is None else number_beside(each, array) for each in (min, max)]  # type: ignore[arg-type]  # numbers
        return input.backend.clip(array, low, high)
    bounds = [each for each in (min, max) if each is not None]
    array, *limits = promoted(input, *bounds)
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


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Raise every element to at least ``min``."""
    return clamp(input, min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Lower every element to at most ``max``."""
    return clamp(input, None, max)


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """Return ``input + weight * (end - input)``."""
    return input + weight * (end - input)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Return ``input + value * tensor1 * tensor2``."""
    return add(input, tensor1 * tensor2, alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Return ``input + value * tensor1 / tensor2``."""
    return add(input, tensor1 / tensor2, alpha=value)


@differentiable(
    input=lambda grad, input, other: grad * conj((input - other).sigmoid()),
    other=lambda grad, input, other: grad * conj((other - input).sigmoid()),
)
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(exp(input) + exp(other))`` without overflow."""
    a, b = operands(input, other)
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
    a, b = ordered("hypot", input, other)
    return library_of(input, other).hypot(a, b)


@differentiable(input=lambda grad, result: grad * conj((1 - result) * result))
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 / (1 + exp(-input))``."""
    array = as_float(input)
    if array.dtype.kind == "c":
        return input.xp.reciprocal(array.dtype.type(1) + input.xp.exp(-array))
    if array.dtype.itemsize == 2:  # in halves the exponential would overflow where the result is no zero yet
        return input.backend.sigmoid(array.astype("float32")).astype(array.dtype)
    return input.backend.sigmoid(array)


@differentiable(input=lambda grad, input: where(input.isfinite(), grad, 0))
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Array:
    """Replace NaN (by 0) and infinities (by the largest finite numbers) or by what is given."""
    array = input.array
    if array.dtype.kind not in "fc":
        return input.xp.array(array)
    return input.xp.nan_to_num(array, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


# -- in place ----------------------------------------------------------------------------------------------------------


@inplace(_add)
def _add_(input: Tensor, other: Operand) -> None:
    """Add ``other`` to ``input`` where it lies."""


@inplace(_sub)
def _sub_(input: Tensor, other: Operand) -> None:
    """Subtract ``other`` from ``input`` where it lies."""


def add_(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Add ``alpha * other`` to ``input`` where it lies."""
    return _add_(input, scaled(other, alpha, input))


def sub_(input: Tensor, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Subtract ``alpha * other`` from ``input`` where it lies."""
    return _sub_(input, scaled(other, alpha, input))


@inplace(mul)
def mul_(input: Tensor, other: Operand) -> None:
    """Multiply ``input`` by ``other`` where it lies."""


@inplace(_div)
def _div_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` where it lies."""


@inplace(floor_divide)
def floor_divide_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` where it lies, and round downwards."""


@inplace(_div_trunc)
def _div_trunc_(input: Tensor, other: Operand) -> None:
    """Divide ``input`` by ``other`` where it lies, and round towards zero."""


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


@inplace(exp)
def exp_(input: Tensor) -> None:
    """Replace ``input`` by its exponential."""


@inplace(exp2)
def exp2_(input: Tensor) -> None:
    """Replace ``input`` by 2 to its power."""


@inplace(expm1)
def expm1_(input: Tensor) -> None:
    """Replace ``input`` by ``exp(input) - 1``."""


@inplace(log)
def log_(input: Tensor) -> None:
    """Replace ``input`` by its natural logarithm."""


@inplace(log2)
def log2_(input: Tensor) -> None:
    """Replace ``input`` by its logarithm to base 2."""


@inplace(log10)
def log10_(input: Tensor) -> None:
    """Replace ``input`` by its logarithm to base 10."""


@inplace(log1p)
def log1p_(input: Tensor) -> None:
    """Replace ``input`` by ``log(1 + input)``."""


@inplace(sin)
def sin_(input: Tensor) -> None:
    """Replace ``input`` by its sine."""


@inplace(cos)
def cos_(input: Tensor) -> None:
    """Replace ``input`` by its cosine."""


@inplace(tan)
def tan_(input: Tensor) -> None:
    """Replace ``input`` by its tangent."""


@inplace(asin)
def asin_(input: Tensor) -> None:
    """Replace ``input`` by its arcsine."""


@inplace(acos)
def acos_(input: Tensor) -> None:
    """Replace ``input`` by its arccosine."""


@inplace(atan)
def atan_(input: Tensor) -> None:
    """Replace ``input`` by its arctangent."""


@inplace(sinh)
def sinh_(input: Tensor) -> None:
    """Replace ``input`` by its hyperbolic sine."""


@inplace(cosh)
def cosh_(input: Tensor) -> None:
    """Replace ``input`` by its hyperbolic cosine."""


@inplace(tanh)
def tanh_(input: Tensor) -> None:
    """Replace ``input`` by its hyperbolic tangent."""


@inplace(abs)
def abs_(input: Tensor) -> None:
    """Replace ``input`` by its absolute value."""


@inplace(sign)
def sign_(input: Tensor) -> None:
    """Replace ``input`` by its sign."""


@inplace(floor)
def floor_(input: Tensor) -> None:
    """Round ``input`` downwards where it lies."""


@inplace(ceil)
def ceil_(input: Tensor) -> None:
    """Round ``input`` upwards where it lies."""


@inplace(trunc)
def trunc_(input: Tensor) -> None:
    """Round ``input`` towards zero where it lies."""


@inplace(round)
def round_(input: Tensor, *, decimals: int = 0) -> None:
    """Round ``input`` where it lies."""


@inplace(clamp)
def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> None:
    """Limit ``input`` to a range where it lies."""


@inplace(sigmoid)
def sigmoid_(input: Tensor) -> None:
    """Replace ``input`` by its sigmoid."""


@inplace(nan_to_num)
def nan_to_num_(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> None:
    """Replace NaN and infinities where they lie."""
