"""Signs, rounding and other step functions, element by element.

The gradient of a step is zero, and yet part of the graph: see ``step_grad`` in ``constant.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite, no_derivative
from minitensor.autograd.strides import as_input, in_layout, of_tensors
from minitensor.autograd.tables import by_table
from minitensor.errors import DtypeError
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj
from minitensor.ops.choice import where
from minitensor.ops.complex import overlaps_itself
from minitensor.ops.constant import step_grad
from minitensor.ops.kinds import FLOATS, NUMERIC, ORDERED, REALS, of_kind, unsupported_dtype_error
from minitensor.ops.operand import (
    as_floats,
    backend_of,
    library_of,
    require_tensors,
    tensor_first,
)

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


# -- signs -------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * input.sgn())
def abs(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the absolute value; for complex numbers the modulus, which is real.

    Raises:
        RuntimeError: If ``input`` holds bools.

    >>> import minitensor as torch
    >>> torch.abs(torch.tensor([3 + 4j, -1]))
    tensor([5., 1.])
    """
    if input.array.dtype.kind == "b":
        raise unsupported_dtype_error("abs", NUMERIC, input.array.dtype)
    return input.xp.abs(input.array)


def refuse_complex(input: Tensor) -> tuple[Tensor]:
    """Raise for complex tensors, whose absolute values are real."""
    if input.dtype.is_complex:
        raise DtypeError("In-place abs is not supported for complex tensors; use abs(), whose result is real")
    return (input,)


@inplace(abs, prepare=refuse_complex)
def abs_(input: Tensor) -> None:
    """Replace ``input`` by its absolute value; complex tensors are refused, since their result is real.

    Raises:
        RuntimeError: If ``input`` is complex, or holds bools.
    """


def sgn_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``sgn``: ``grad`` without its component along the complex number, divided by the modulus.

    With u = z / |z| that is (grad - Re(conj(grad) u) u) / |z|, and zero at zero.
    """
    if input.dtype.kind != "c":
        return step_grad(grad)
    nothing = input == 0
    modulus = where(nothing, 1, abs(input))  # no division by 0, at any order
    unit = input / modulus
    left: Tensor = where(nothing, 0, (grad - (conj(grad) * unit).real * unit) / modulus)
    return left


@differentiable(input=sgn_grad)
@by_table
def sgn(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return -1, 0 or 1; for complex numbers the number divided by its modulus.

    >>> import minitensor as torch
    >>> torch.sgn(torch.tensor([3 + 4j, 0j]))
    tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """
    array, xp = input.array, input.xp
    if array.dtype.kind != "c":
        return signs(input)
    modulus = xp.abs(array)
    return xp.where(modulus == 0, array.dtype.type(0), array / xp.where(modulus == 0, modulus.dtype.type(1), modulus))


@inplace(sgn)
def sgn_(input: Tensor) -> None:
    """Replace ``input`` by its sign."""


@differentiable(input=step_grad)
@by_table
def sign(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return -1, 0 or 1; 0 for NaN.

    >>> import minitensor as torch
    >>> torch.sign(torch.tensor([-2., 0., 5.]))
    tensor([-1.,  0.,  1.])
    """
    of_kind("sign", ORDERED, input.array)
    return signs(input)


@inplace(sign)
def sign_(input: Tensor) -> None:
    """Replace ``input`` by its sign."""


def signs(input: Tensor) -> Array:
    """Return the signs of real numbers in their dtype."""
    array = input.array
    if array.dtype.kind != "f":
        return array.copy() if array.dtype.kind == "b" else input.xp.sign(array)
    return (array > 0).astype(array.dtype) - (array < 0)  # 0 for NaN, as in PyTorch


@nondifferentiable
@in_layout(of_tensors)
def signbit(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return whether the sign bit is set, which it is for -0.0 too.

    >>> import minitensor as torch
    >>> torch.signbit(torch.tensor([-0.0, 1.0]))
    tensor([ True, False])
    """
    array = of_kind("signbit", ORDERED, input.array)
    return input.xp.signbit(array) if array.dtype.kind == "f" else array < 0


def copysign_grad(grad: Tensor, input: Tensor, result: Tensor) -> Any:
    """Return the gradient times the sign by which ``copysign`` multiplied the input; zero at zero."""
    nothing = input == 0
    return where(nothing, 0, grad * (result / where(nothing, 1, input)))


@differentiable(input=copysign_grad, other=step_grad)
def copysign(input: Tensor, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``abs(input)`` with the sign of ``other``; integers give floats.

    >>> import minitensor as torch
    >>> torch.copysign(torch.tensor([1., -2.]), -0.0)
    tensor([-1., -2.])
    """
    a, b = tensor_first("copysign", input, other)
    if of_kind("copysign", ORDERED, a).dtype.kind != "f":
        a, b = as_floats(input, other)
    return backend_of(input, other).copysign(a, b)


@inplace(copysign)
def copysign_(input: Tensor, other: Operand) -> None:
    """Give ``input`` the sign of ``other`` in place."""


@differentiable(input=no_derivative("heaviside: input"), values=no_derivative("heaviside: values"))
@in_layout(of_tensors)
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Array:
    """Return 0 where ``input`` is negative, 1 where it is positive, and ``values`` where it is zero.

    Raises:
        RuntimeError: If the dtypes differ, or are complex.

    >>> import minitensor as torch
    >>> torch.heaviside(torch.tensor([-1., 0., 2.]), torch.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    require_tensors("heaviside", input=input, values=values)
    if input.dtype is not values.dtype:
        raise DtypeError(f"heaviside: not implemented for two dtypes, {input.dtype.name} and {values.dtype.name}")
    a, b, xp = of_kind("heaviside", ORDERED, input.array), values.array, library_of(input, values)
    kind = a.dtype.type
    found: Array = xp.where(a == 0, b, xp.where(a > 0, kind(1), kind(0)))  # 0 for NaN, as in PyTorch
    return found


@inplace(heaviside)
def heaviside_(input: Tensor, values: Tensor) -> None:
    """Replace ``input`` by 0, 1 or ``values`` where it is negative, positive or zero."""


# -- rounding ----------------------------------------------------------------------------------------------------------


@differentiable(input=step_grad)
@by_table
def floor(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round down to an integer.

    >>> import minitensor as torch
    >>> torch.floor(torch.tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """
    array = of_kind("floor", REALS, input.array)
    return input.xp.floor(array) if array.dtype.kind == "f" else array.copy()


@inplace(floor)
def floor_(input: Tensor) -> None:
    """Round ``input`` down in place."""


@differentiable(input=step_grad)
@by_table
def ceil(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round up to an integer.

    >>> import minitensor as torch
    >>> torch.ceil(torch.tensor([-1.5, 0.2]))
    tensor([-1.,  1.])
    """
    array = of_kind("ceil", REALS, input.array)
    return input.xp.ceil(array) if array.dtype.kind == "f" else array.copy()


@inplace(ceil)
def ceil_(input: Tensor) -> None:
    """Round ``input`` up in place."""


@differentiable(input=step_grad)
@by_table
def trunc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Round toward zero to an integer.

    >>> import minitensor as torch
    >>> torch.trunc(torch.tensor([-1.5, 0.2]))
    tensor([-1.,  0.])
    """
    array = of_kind("trunc", REALS, input.array)
    return input.xp.trunc(array) if array.dtype.kind == "f" else array.copy()


@inplace(trunc)
def trunc_(input: Tensor) -> None:
    """Round ``input`` toward zero in place."""


@differentiable(input=step_grad)
@in_layout(of_tensors)
@by_table
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Array:
    """Round to the nearest number with ``decimals`` decimal places; ties go to the even neighbor.

    >>> import minitensor as torch
    >>> torch.round(torch.tensor([0.5, 1.5, 2.345]), decimals=0), torch.round(torch.tensor([2.345]), decimals=1)
    (tensor([0., 2., 2.]), tensor([2.3000]))
    """
    array = of_kind("round", FLOATS if decimals else REALS, input.array)
    if array.dtype.kind != "f":
        return input.xp.array(array)
    if not decimals:
        return input.xp.rint(array)
    # A power of ten, to multiply or divide by: its reciprocal would not be exact.
    scale = array.dtype.type(10.0 ** math.fabs(decimals))
    if decimals > 0:
        return input.xp.divide(input.xp.rint(array * scale), scale)
    return input.xp.multiply(input.xp.rint(array / scale), scale)


@inplace(round)
def round_(input: Tensor, *, decimals: int = 0) -> None:
    """Round ``input`` in place."""


@differentiable(input=lambda grad: grad)
@by_table
def frac(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the fractional part, ``input - trunc(input)``.

    >>> import minitensor as torch
    >>> torch.frac(torch.tensor([-1.5, 2.25]))
    tensor([-0.5000,  0.2500])
    """
    array = of_kind("frac", FLOATS, input.array)
    return array - input.xp.trunc(array)


@inplace(frac)
def frac_(input: Tensor) -> None:
    """Replace ``input`` by its fractional part."""


@differentiable(input=lambda grad, input: where(input.isfinite(), grad, 0))
@in_layout(as_input)
@by_table
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Array:
    """Replace NaN by ``nan`` (0 if None) and infinities by ``posinf`` and ``neginf`` (the finite extremes if None).

    >>> import minitensor as torch
    >>> torch.nan_to_num(torch.tensor([float("nan"), float("inf"), 1.0]), posinf=9.0)
    tensor([0., 9., 1.])
    """
    array = input.array
    filling, high, low = [None if each is None else float(each) for each in (nan, posinf, neginf)]
    if array.dtype.kind not in "fc":
        return input.xp.array(array)
    return input.backend.nan_to_num(array, 0.0 if filling is None else filling, high, low)


@inplace(nan_to_num)
def replace_nan_(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> None:
    """Replace NaN and infinities in ``input``."""


@composite
def nan_to_num_(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace NaN and infinities in place, as ``nan_to_num`` does; integers stay as they are, wherever they lie.

    Raises:
        RuntimeError: If the tensor overlaps itself, or is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.tensor([float("nan"), 1.0]).nan_to_num_(2.0)
    tensor([2., 1.])
    """
    require_tensors("nan_to_num_", input=input)
    if input.dtype.is_floating_point or input.dtype.is_complex or not overlaps_itself(input):
        return replace_nan_(input, nan, posinf, neginf)
    input.storage.version += 1
    return input
