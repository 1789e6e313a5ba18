"""Functions of one tensor, element by element: exponential and logarithm, sine and its kin, sign and rounding.

Each has its gradient beside it; see Note [Complex gradients] in ``pointwise.py``, where arithmetic and powers are. What
integrals define is in ``special.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable, on_host_floats
from minitensor.base import TensorBase
from minitensor.errors import DtypeError
from minitensor.ops.aliasing import inplace
from minitensor.ops.kinds import FLOATS, NUMERIC, ORDERED, REALS, of_kind, unsupported
from minitensor.ops.pointwise import as_float, conj, flat, where

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


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


@differentiable(input=lambda grad, input: grad * conj((input - 1).rsqrt() * (-(-input - 1)).rsqrt()))
def acosh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic cosine."""
    return input.xp.arccosh(as_float(input))


@differentiable(input=lambda grad, input: grad / conj(1 - input * input))
def atanh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic tangent."""
    return input.xp.arctanh(as_float(input))


# -- sign and rounding -------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * input.sgn())
def abs(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the absolute value; of complex numbers the modulus, which is real."""
    if input.array.dtype.kind == "b":
        raise unsupported("abs", NUMERIC, input.array.dtype)
    return input.xp.abs(input.array)


def sgn_gradient(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``sgn``: what is left of ``grad`` when its part along a complex number is taken away.

    With u = z / |z| that is (grad - Re(conj(grad) u) u) / |z|, and zero at zero.
    """
    if input.array.dtype.kind != "c":
        return flat(grad)
    nothing = input == 0
    modulus = where(nothing, 1, abs(input))  # no division by 0, at any order
    unit = input / modulus
    left: Tensor = where(nothing, 0, (grad - (conj(grad) * unit).real * unit) / modulus)
    return left


@differentiable(input=sgn_gradient)
def sgn(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the sign; of complex numbers the number divided by its modulus."""
    array, xp = input.array, input.xp
    if array.dtype.kind != "c":
        return signs(input)
    modulus = xp.abs(array)
    return xp.where(modulus == 0, array.dtype.type(0), array / xp.where(modulus == 0, modulus.dtype.type(1), modulus))


@differentiable(input=flat)
def sign(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return -1, 0 or 1."""
    of_kind("sign", ORDERED, input.array)
    return signs(input)


def signs(input: Tensor) -> Array:
    """Return the signs of real numbers."""
    array = input.array
    if array.dtype.kind != "f":
        return array.copy() if array.dtype.kind == "b" else input.xp.sign(array)
    return (array > 0).astype(array.dtype) - (array < 0)  # 0 for NaN, as in PyTorch


@differentiable(input=flat)
def floor(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round downwards."""
    array = of_kind("floor", REALS, input.array)
    return input.xp.floor(array) if array.dtype.kind == "f" else array.copy()


@differentiable(input=flat)
def ceil(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round upwards."""
    array = of_kind("ceil", REALS, input.array)
    return input.xp.ceil(array) if array.dtype.kind == "f" else array.copy()


@differentiable(input=flat)
def trunc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round towards zero."""
    array = of_kind("trunc", REALS, input.array)
    return input.xp.trunc(array) if array.dtype.kind == "f" else array.copy()


@differentiable(input=flat)
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Array:
    """Round to ``decimals`` places, halves to the even neighbour."""
    array = of_kind("round", FLOATS if decimals else REALS, input.array)
    if array.dtype.kind != "f":
        return input.xp.array(array)
    if not decimals:
        return input.xp.rint(array)
    scale = array.dtype.type(10.0 ** math.fabs(decimals))
    if decimals > 0:
        return input.xp.divide(input.xp.rint(array * scale), scale)
    return input.xp.multiply(input.xp.rint(array / scale), scale)


@differentiable(input=lambda grad: grad)
def frac(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the part after the point, with the sign of ``input``."""
    array = of_kind("frac", FLOATS, input.array)
    return array - input.xp.trunc(array)


# -- others ------------------------------------------------------------------------------------------------------------


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
    filling, high, low = [None if each is None else float(each) for each in (nan, posinf, neginf)]
    if array.dtype.kind not in "fc":
        return input.xp.array(array)
    return input.xp.nan_to_num(array, nan=0.0 if filling is None else filling, posinf=high, neginf=low)


# -- in place ----------------------------------------------------------------------------------------------------------


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
def _abs_(input: Tensor) -> None:
    """Replace ``input`` by its absolute value."""


def abs_(input: Tensor) -> Tensor:
    """Replace ``input`` by its absolute value; that of complex numbers is real and fits no complex tensor."""
    if isinstance(input, TensorBase) and input.array.dtype.kind == "c":
        raise DtypeError("In-place abs is not supported for complex tensors; use abs(), whose result is real")
    return _abs_(input)


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


@inplace(sigmoid)
def sigmoid_(input: Tensor) -> None:
    """Replace ``input`` by its sigmoid."""


@inplace(nan_to_num)
def nan_to_num_(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> None:
    """Replace NaN and infinities where they lie."""


@inplace(asinh)
def asinh_(input: Tensor) -> None:
    """Replace ``input`` by its inverse hyperbolic sine."""


@inplace(acosh)
def acosh_(input: Tensor) -> None:
    """Replace ``input`` by its inverse hyperbolic cosine."""


@inplace(atanh)
def atanh_(input: Tensor) -> None:
    """Replace ``input`` by its inverse hyperbolic tangent."""


@inplace(sgn)
def sgn_(input: Tensor) -> None:
    """Replace ``input`` by its sign."""


@inplace(frac)
def frac_(input: Tensor) -> None:
    """Replace ``input`` by its part after the point."""
