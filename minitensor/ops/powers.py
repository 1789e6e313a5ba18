"""Powers and roots, element by element, with their gradients and in-place versions.

See Note [Complex gradients] in ``arithmetic.py``; exponentials and logarithms are in ``exponentials.py``.
"""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable, on_host_floats
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, of_input, of_operands, row_major
from minitensor.autograd.tables import by_table, rounds_once
from minitensor.backends.numpy.halves import convert
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DtypeError
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj
from minitensor.ops.choice import where
from minitensor.ops.kinds import NUMERIC, unsupported_dtype_error
from minitensor.ops.operand import (
    HALF,
    SINGLE,
    as_float,
    fit_number,
    is_number,
    library_of,
    operands,
    result_dtype,
)
from minitensor.ops.out import write_out

BY_PRODUCTS = frozenset((-3, -2, -1, 3, 4, 5, 6, 7, 8))  # exponents; few products err by less than PyTorch's powers do

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array, Library
    from minitensor.layouts import Layout
    from minitensor.ops.operand import Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def pow_input_grad(grad: Any, input: Any, exponent: Any) -> Any:
    """Return ``grad * exponent * input ** (exponent - 1)``, and 0 for exponent 0: the gradient of the base."""
    if is_number(exponent):
        if exponent == 0:
            return grad * 0
        if exponent == 2:
            # The most frequent power: a product takes a quarter of the time of `input ** 1`.
            return grad * conj(input * exponent)
        return grad * conj(exponent * input ** (exponent - 1))
    # See Note [Safe arguments] in choice.py: PyTorch's second derivative of x ** 0 at 0 is NaN, this one is 0.
    return where(exponent == 0, 0, grad * conj(exponent * input ** where(exponent == 0, 1, exponent - 1)))


def pow_exponent_grad(grad: Any, input: Any, exponent: Any, result: Any) -> Any:
    """Return ``grad * result * log(input)``: the gradient of the exponent.

    At base zero it is zero for an exponent of zero or one whose real part is positive; elsewhere there is no limit.
    """
    if result.dtype.kind != "c":
        logarithm = real_log(input) if is_number(input) else input.log()
        return where((input == 0) & (exponent >= 0), 0, grad * (result * logarithm))
    logarithm = complex_log(input) if is_number(input) else input.to(result.dtype).log()
    vanishing = (exponent == 0) | (exponent.real > 0)
    return where((input == 0) & vanishing, 0, grad * conj(result * logarithm))


def real_log(number: Any) -> float:
    """Return the logarithm of a real number: -inf for zero, NaN below."""
    return math.log(number) if number > 0 else -math.inf if number == 0 else math.nan


def complex_log(number: Any) -> complex:
    """Return the complex logarithm of a number: that of a negative one has the imaginary part pi."""
    return cmath.log(number) if number else complex(-math.inf, 0)


def layout_of_power(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of a power: that of the base if the exponent is a number, row-major if the base is one."""
    base, exponent = arguments
    if is_number(base):
        return row_major(arguments, shape)
    return of_input(arguments, shape) if is_number(exponent) else of_operands(arguments, shape)


@differentiable(input=pow_input_grad, exponent=pow_exponent_grad)
@in_layout(layout_of_power)
def pow(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Array:
    """Raise ``input`` to the power ``exponent``, element by element. Shapes broadcast.

    Raises:
        RuntimeError: If integers are raised to a negative number.

    >>> import minitensor as torch
    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    a, b = operands(input, exponent)
    if is_number(exponent) and a.dtype.kind in "fc":
        if exponent == 2:
            return a * a
        if exponent == 0.5:
            return library_of(input, exponent).sqrt(a)
        if exponent in BY_PRODUCTS and a.dtype.kind == "f":
            return power_by_products(a, int(exponent.real))
        if a.dtype is HALF:
            b = fit_number(exponent, HALF, a)
    if a.dtype.kind in "iu" and is_number(exponent):
        b = fit_exponent(exponent, a)
    if a.dtype.kind == "b" and not is_number(exponent):
        raise unsupported_dtype_error("pow", NUMERIC, a.dtype)
    if a.dtype.kind in "biu":
        return integer_power(library_of(input, exponent), a, b)
    return a**b


@inplace(pow)
def pow_(input: Tensor, exponent: Operand) -> None:
    """Raise ``input`` to the power ``exponent`` in place."""


def power_by_products(array: Array, exponent: int) -> Array:
    """Return a small integer power of floats. NumPy's takes a hundred times as long for numbers below zero.

    The exponent is read bit by bit: square, and multiply where a bit is set. Halves are rounded once.
    """
    if array.dtype is HALF:
        return power_by_products(convert(array, SINGLE), exponent).astype(HALF)
    power: Array = array * 1
    for bit in f"{abs(exponent):b}"[1:]:
        power *= power
        if bit == "1":
            power *= array
    return 1 / power if exponent < 0 else power


def fit_exponent(exponent: Any, array: Array) -> Array:
    """Return the exponent of an integer power in the base's dtype; raise if it is negative or does not fit."""
    if exponent < 0:
        raise DtypeError(
            f"pow: integers to negative integer powers are not allowed, got {exponent}; cast to float first"
        )
    return fit_number(exponent, array.dtype, array)


def integer_power(xp: Library, a: Array, b: Array) -> Array:
    """Return an integer power; a negative exponent gives 1, -1 or 0, as in PyTorch."""
    if a.dtype.kind == "b":
        # Only False ** True is false: 0 ** 0 is 1.
        return a | ~b
    if a.dtype.kind != "i":
        return xp.power(a, b)
    odd = xp.where(b % 2 == 0, 1, -1)
    small = xp.where(a == 1, 1, xp.where(a == -1, odd, 0)).astype(a.dtype)
    return xp.where(b < 0, small, xp.power(a, xp.maximum(b, 0)))


@differentiable(input=rounds_once(lambda grad, input: grad * conj(input * 2)))
@by_table
def square(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``input * input``; bools give int64.

    >>> import minitensor as torch
    >>> torch.square(torch.tensor([-2, 3]))
    tensor([4, 9])
    """
    return input.array * input.array if input.array.dtype.kind != "b" else input.array.astype("int64")


@inplace(square)
def square_(input: Tensor) -> None:
    """Square ``input`` in place."""


@differentiable(input=rounds_once(lambda grad, result: grad / conj(result * 2)))
@on_host_floats("sqrt")
@by_table
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the square root; NaN for negative real numbers. Integers give floats.

    >>> import minitensor as torch
    >>> torch.sqrt(torch.tensor([4., 2.]))
    tensor([2.0000, 1.4142])
    """
    return input.xp.sqrt(as_float(input))


@inplace(sqrt)
def sqrt_(input: Tensor) -> None:
    """Replace ``input`` by its square root."""


@differentiable(input=lambda grad, result: grad * -0.5 * conj(result**3))
@by_table
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 / sqrt(input)``.

    >>> import minitensor as torch
    >>> torch.rsqrt(torch.tensor([4.0, 0.25]))
    tensor([0.5000, 2.0000])
    """
    return input.xp.reciprocal(input.xp.sqrt(as_float(input)))


@inplace(rsqrt)
def rsqrt_(input: Tensor) -> None:
    """Replace ``input`` by ``1 / sqrt(input)``."""


# -- in double precision -----------------------------------------------------------------------------------------------


@composite
def float_power(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """Raise ``input`` to the power ``exponent`` in double precision, whatever their dtypes.

    Raises:
        TypeError: If both operands are numbers.

    >>> import minitensor as torch
    >>> torch.float_power(torch.tensor([1, 4]), 0.5)
    tensor([1., 2.], dtype=torch.float64)
    """
    input, exponent = host_value(input, None), host_value(exponent, None)
    if is_number(input) and is_number(exponent):
        raise ArgumentTypeError(f"float_power: expected a tensor among the operands, got {input!r} and {exponent!r}")
    wanted = wide_dtype(input, exponent)
    return write_out("float_power", pow(widen(input, wanted), widen(exponent, wanted)), out, input, exponent)


@composite
def float_power_(input: Tensor, exponent: Operand) -> Tensor:
    """Raise ``input``, which must have double precision, to a power in place.

    Raises:
        RuntimeError: If ``input`` is not of double precision.
    """
    wanted = wide_dtype(input, exponent)
    if input.dtype is not wanted:
        raise DtypeError(f"float_power_: the base has dtype {input.dtype.name}, but the result is {wanted.name}")
    return pow_(input, widen(exponent, wanted))


def wide_dtype(input: Any, exponent: Any) -> dtypes.dtype:
    """Return float64, or complex128 if an operand is complex."""
    return dtypes.complex128 if result_dtype(input, exponent).is_complex else dtypes.float64


def widen(operand: Any, wanted: dtypes.dtype) -> Any:
    """Convert an operand to double precision."""
    if isinstance(operand, TensorBase):
        return operand.to(wanted)
    return complex(operand) if wanted.is_complex else float(operand)
