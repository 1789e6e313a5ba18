"""Two operands, less often met: extremes that pass NaN by, powers in double precision, and angles in degrees.

The frequent ones, arithmetic and ``maximum``, are in ``pointwise.py``; here too are names that PyTorch has twice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DtypeError
from minitensor.ops.kinds import FLOATS
from minitensor.ops.operand import is_number, result_dtype
from minitensor.ops.out import delivered
from minitensor.ops.pointwise import library_of, mul, mul_, ordered, pow, pow_, where

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


def first_is_larger(input: Tensor, other: Tensor) -> Any:
    """Whether ``fmax`` chose its first operand."""
    return (input >= other) | (other != other)


def first_is_smaller(input: Tensor, other: Tensor) -> Any:
    """Whether ``fmin`` chose its first operand."""
    return (input <= other) | (other != other)


@differentiable(
    input=lambda grad, input, other: where(first_is_larger(input, other), grad, 0),
    other=lambda grad, input, other: where(first_is_larger(input, other), 0, grad),
)
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the larger of two elements; the other one if one is NaN.

    >>> import minitensor as torch
    >>> torch.fmax(torch.tensor([1., float("nan")]), torch.tensor([2., 3.]))
    tensor([2., 3.])
    """
    a, b = ordered("fmax", input, other)
    return library_of(input, other).fmax(a, b)


@differentiable(
    input=lambda grad, input, other: where(first_is_smaller(input, other), grad, 0),
    other=lambda grad, input, other: where(first_is_smaller(input, other), 0, grad),
)
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the smaller of two elements; the other one if one is NaN."""
    a, b = ordered("fmin", input, other)
    return library_of(input, other).fmin(a, b)


@differentiable(
    input=lambda grad, input, other: grad * ((input - other) * math.log(2)).sigmoid(),
    other=lambda grad, input, other: grad * ((other - input) * math.log(2)).sigmoid(),
)
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log2(2**input + 2**other)`` without overflow."""
    a, b = ordered("logaddexp2", input, other, FLOATS)
    return library_of(input, other).logaddexp2(a, b)


@composite
def float_power(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """Raise to a power in double precision, whatever the dtypes.

    >>> import minitensor as torch
    >>> torch.float_power(torch.tensor([1, 4]), 0.5)
    tensor([1., 2.], dtype=torch.float64)
    """
    input, exponent = host_value(input, None), host_value(exponent, None)
    if is_number(input) and is_number(exponent):
        raise ArgumentTypeError(f"float_power: expected a tensor among the operands, got {input!r} and {exponent!r}")
    wanted = wide_dtype(input, exponent)
    return delivered("float_power", pow(widened(input, wanted), widened(exponent, wanted)), out, input, exponent)


@composite
def float_power_(input: Tensor, exponent: Operand) -> Tensor:
    """Raise ``input``, which must be in double precision, to a power where it lies."""
    wanted = wide_dtype(input, exponent)
    if input.dtype is not wanted:
        raise DtypeError(f"float_power_: the base has dtype {input.dtype.name}, but the result is {wanted.name}")
    return pow_(input, widened(exponent, wanted))


def wide_dtype(input: Any, exponent: Any) -> dtypes.dtype:
    """Return double precision, complex if an operand is."""
    return dtypes.complex128 if result_dtype(input, exponent).is_complex else dtypes.float64


def widened(operand: Any, wanted: dtypes.dtype) -> Any:
    """Return a tensor in a dtype, or a number of it."""
    if isinstance(operand, TensorBase):
        return operand.to(wanted)
    return complex(operand) if wanted.is_complex else float(operand)


@composite
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return angles in radians that were given in degrees."""
    return delivered("deg2rad", mul(measurable("deg2rad", input), math.pi / 180), out, input)


@composite
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return angles in degrees that were given in radians."""
    return delivered("rad2deg", mul(measurable("rad2deg", input), 180 / math.pi), out, input)


@composite
def deg2rad_(input: Tensor) -> Tensor:
    """Turn degrees into radians where they lie."""
    return mul_(measurable("deg2rad_", input), math.pi / 180)


@composite
def rad2deg_(input: Tensor) -> Tensor:
    """Turn radians into degrees where they lie."""
    return mul_(measurable("rad2deg_", input), 180 / math.pi)


def measurable(name: str, input: Tensor) -> Tensor:
    """Return a tensor of angles; complex numbers are none."""
    if input.dtype.is_complex:
        raise DtypeError(f"{name} is not supported for complex tensors")
    return input
