"""Angles and triangles: trigonometric and hyperbolic functions, their inverses, degrees.

Angles are in radians. See Note [Complex gradients] in ``arithmetic.py``; the angles of complex numbers are in
``complex.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, on_host_floats
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import as_input, lay_out_composite
from minitensor.autograd.tables import by_table, in_singles, rounds_once
from minitensor.errors import DtypeError
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj, mul, mul_
from minitensor.ops.choice import where
from minitensor.ops.kinds import FLOATS
from minitensor.ops.operand import (
    as_float,
    as_floats,
    library_of,
    ordered_arrays,
)
from minitensor.ops.out import write_out

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- trigonometric -----------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * conj(input.cos()))
@on_host_floats("sin")
def sin(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the sine of angles in radians.

    >>> import minitensor as torch
    >>> torch.sin(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8415])
    """
    return input.xp.sin(as_float(input))


@inplace(sin)
def sin_(input: Tensor) -> None:
    """Replace ``input`` by its sine."""


@differentiable(input=lambda grad, input: grad * conj(-input.sin()))
@on_host_floats("cos")
@by_table
def cos(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the cosine of angles in radians.

    >>> import minitensor as torch
    >>> torch.cos(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.5403])
    """
    return input.xp.cos(as_float(input))


@inplace(cos)
def cos_(input: Tensor) -> None:
    """Replace ``input`` by its cosine."""


@differentiable(input=lambda grad, result: grad * conj(1 + result * result))
def tan(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the tangent of angles in radians.

    >>> import minitensor as torch
    >>> torch.tan(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """
    return input.xp.tan(as_float(input))


@inplace(tan)
def tan_(input: Tensor) -> None:
    """Replace ``input`` by its tangent."""


@differentiable(input=lambda grad, input: grad * conj((1 - input * input).rsqrt()))
def asin(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the arcsine in radians; NaN for real numbers outside [-1, 1].

    >>> import minitensor as torch
    >>> torch.asin(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5708])
    """
    return input.xp.arcsin(as_float(input))


@inplace(asin)
def asin_(input: Tensor) -> None:
    """Replace ``input`` by its arcsine."""


@differentiable(input=lambda grad, input: grad * conj(-(1 - input * input).rsqrt()))
def acos(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the arccosine in radians; NaN for real numbers outside [-1, 1].

    >>> import minitensor as torch
    >>> torch.acos(torch.tensor([1.0, 0.0, 2.0]))
    tensor([0.0000, 1.5708,    nan])
    """
    return input.xp.arccos(as_float(input))


@inplace(acos)
def acos_(input: Tensor) -> None:
    """Replace ``input`` by its arccosine."""


@differentiable(input=lambda grad, input: grad / conj(input * input + 1))
def atan(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the arctangent in radians, between -pi/2 and pi/2.

    >>> import minitensor as torch
    >>> torch.atan(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7854])
    """
    return input.xp.arctan(as_float(input))


@inplace(atan)
def atan_(input: Tensor) -> None:
    """Replace ``input`` by its arctangent."""


# -- hyperbolic --------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * conj(input.cosh()))
def sinh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the hyperbolic sine.

    >>> import minitensor as torch
    >>> torch.sinh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    return input.xp.sinh(as_float(input))


@inplace(sinh)
def sinh_(input: Tensor) -> None:
    """Replace ``input`` by its hyperbolic sine."""


@differentiable(input=lambda grad, input: grad * conj(input.sinh()))
def cosh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the hyperbolic cosine.

    >>> import minitensor as torch
    >>> torch.cosh(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    return input.xp.cosh(as_float(input))


@inplace(cosh)
def cosh_(input: Tensor) -> None:
    """Replace ``input`` by its hyperbolic cosine."""


@differentiable(input=rounds_once(lambda grad, result: grad * conj(1 - result * result)))
@on_host_floats("tanh")
def tanh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the hyperbolic tangent, between -1 and 1, element by element.

    >>> import minitensor as torch
    >>> torch.tanh(torch.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return input.xp.tanh(as_float(input))


@inplace(tanh)
def tanh_(input: Tensor) -> None:
    """Replace ``input`` by its hyperbolic tangent."""


@differentiable(input=rounds_once(lambda grad, input: grad * conj((input * input + 1).rsqrt())))
def asinh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic sine.

    >>> import minitensor as torch
    >>> torch.asinh(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """
    return input.xp.arcsinh(as_float(input))


@inplace(asinh)
def asinh_(input: Tensor) -> None:
    """Replace ``input`` by its inverse hyperbolic sine."""


@differentiable(input=rounds_once(lambda grad, input: grad * conj((input - 1).rsqrt() * (-(-input - 1)).rsqrt())))
def acosh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic cosine; NaN for real numbers below 1.

    >>> import minitensor as torch
    >>> torch.acosh(torch.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    return input.xp.arccosh(as_float(input))


@inplace(acosh)
def acosh_(input: Tensor) -> None:
    """Replace ``input`` by its inverse hyperbolic cosine."""


@differentiable(input=lambda grad, input: grad / conj(1 - input * input))
def atanh(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse hyperbolic tangent; NaN for real numbers outside [-1, 1].

    >>> import minitensor as torch
    >>> torch.atanh(torch.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """
    return input.xp.arctanh(as_float(input))


@inplace(atanh)
def atanh_(input: Tensor) -> None:
    """Replace ``input`` by its inverse hyperbolic tangent."""


# -- right triangles ---------------------------------------------------------------------------------------------------


@differentiable(
    input=lambda grad, input, result: where(result == 0, 0, grad * (input / result)),
    other=lambda grad, other, result: where(result == 0, 0, grad * (other / result)),
)
@in_singles
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``sqrt(input**2 + other**2)`` without overflow.

    >>> import minitensor as torch
    >>> torch.hypot(torch.tensor([3.]), torch.tensor([4.]))
    tensor([5.])
    """
    a, b = ordered_arrays("hypot", input, other, FLOATS)
    return library_of(input, other).hypot(a, b)


@inplace(hypot)
def hypot_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by ``sqrt(input**2 + other**2)``."""


def atan2_grad(grad: Tensor, side: Tensor, other: Tensor) -> Any:
    """Return ``grad * other / (side ** 2 + other ** 2)`` without overflow, and zero at the origin."""
    radius = hypot(side, other)
    radius = where(radius == 0, 1, radius)
    return grad * (other / radius) / radius


@differentiable(
    input=lambda grad, input, other: atan2_grad(grad, input, other),
    other=lambda grad, input, other: -atan2_grad(grad, other, input),
)
@in_singles
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the angle of the point (x, y) = (other, input) in radians, between -pi and pi.

    >>> import minitensor as torch
    >>> torch.atan2(torch.tensor([1., -1.]), torch.tensor([-1., -1.]))
    tensor([ 2.3562, -2.3562])
    """
    a, b = ordered_arrays("atan2", input, other)
    if a.dtype.kind != "f":
        a, b = as_floats(input, other)
    return library_of(input, other).arctan2(a, b)


@inplace(atan2)
def atan2_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the angle of the point (other, input)."""


# -- degrees -----------------------------------------------------------------------------------------------------------


@composite
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Convert angles from degrees to radians.

    Raises:
        RuntimeError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.deg2rad(torch.tensor([0.0, 180.0]))
    tensor([0.0000, 3.1416])
    """
    radians = lay_out_composite(as_input, (input,), mul(require_real("deg2rad", input), math.pi / 180))
    return write_out("deg2rad", radians, out, input)


@composite
def deg2rad_(input: Tensor) -> Tensor:
    """Convert angles from degrees to radians in place."""
    return mul_(require_real("deg2rad_", input), math.pi / 180)


@composite
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Convert angles from radians to degrees.

    Raises:
        RuntimeError: If ``input`` is complex.

    >>> import minitensor as torch
    >>> torch.rad2deg(torch.tensor([0.0, 3.1416]))
    tensor([  0.0000, 180.0004])
    """
    degrees = lay_out_composite(as_input, (input,), mul(require_real("rad2deg", input), 180 / math.pi))
    return write_out("rad2deg", degrees, out, input)


@composite
def rad2deg_(input: Tensor) -> Tensor:
    """Convert angles from radians to degrees in place."""
    return mul_(require_real("rad2deg_", input), 180 / math.pi)


def require_real(name: str, input: Tensor) -> Tensor:
    """Return the tensor; raise if it is complex."""
    if input.dtype.is_complex:
        raise DtypeError(f"{name} is not supported for complex tensors")
    return input
