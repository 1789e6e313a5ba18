"""Activation functions of singles and their gradients, in one pass over memory.

The formulas are those of NumPy's kernels, which take a pass for each step. They compute other dtypes, and the gradients
in other layouts. This file knows no tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast.exponential import exp
from minitensor.backends.fast.machine import formula, machine_code
from minitensor.backends.fast.share import share
from minitensor.backends.numpy import activation as plain
from minitensor.backends.numpy.activation import NORMAL, SLOPE

if TYPE_CHECKING:
    from minitensor.backends import Array

F = numpy.float32
ONE, HALF = F(1), F(0.5)
NORMAL_END, NORMAL_TOP, NORMAL_BOTTOM = NORMAL
SLOPE_END, SLOPE_TOP, SLOPE_BOTTOM = SLOPE


# -- the kernels -------------------------------------------------------------------------------------------------------


def gelu(array: Array) -> Array:
    """Return ``x`` times the normal distribution function of x."""
    return map_memory(write_gelu, array) if array.dtype.char == "f" else plain.gelu(array)


def gelu_backward(grad: Array, array: Array) -> Array:
    """Return the gradient times the derivative of ``gelu``."""
    if not is_supported(grad, array):
        return plain.gelu_backward(grad, array)
    return apply(write_gelu_slope, grad, array)


def sigmoid(array: Array) -> Array:
    """Return ``1 / (1 + exp(-x))``."""
    return map_memory(write_sigmoid, array) if array.dtype.char == "f" else plain.sigmoid(array)


def silu(array: Array) -> Array:
    """Return ``x * sigmoid(x)``."""
    return map_memory(write_silu, array) if array.dtype.char == "f" else plain.silu(array)


def silu_backward(grad: Array, array: Array) -> Array:
    """Return the gradient times the derivative of ``silu``."""
    if not is_supported(grad, array):
        return plain.silu_backward(grad, array)
    return apply(write_silu_slope, grad, array)


def relu_backward(grad: Array, result: Array) -> Array:
    """Return the gradient where the result of relu is positive or NaN, zero elsewhere."""
    if not is_supported(grad, result):
        return plain.relu_backward(grad, result)
    return apply(write_relu_slope, grad, result)


def is_supported(*arrays: Array) -> bool:
    """Whether the loops can work on the arrays: singles, one after the other in memory."""
    shape = arrays[0].shape
    return all([each.dtype.char == "f" and each.flags.carray and each.shape == shape for each in arrays])


def map_memory(loop: Callable[..., None], array: Array) -> Array:
    """Return a function of each element, in the memory format of the array: no result depends on the layout."""
    if array.flags.carray:
        return apply(loop, array)
    given = array.copy(order="K")
    result: Array = numpy.empty_like(given)
    source, target = given.ravel(order="K"), result.ravel(order="K")
    share(lambda first, last: loop(source[first:last], target[first:last]), result.size, result.size)
    return result


def apply(loop: Callable[..., None], *arrays: Array) -> Array:
    """Return what a loop over all elements writes into its last array."""
    result = numpy.empty(arrays[0].shape, F)
    flat = [each.reshape(-1) for each in (*arrays, result)]
    share(lambda first, last: loop(*[each[first:last] for each in flat]), result.size, result.size)
    return result


# -- formulas ----------------------------------------------------------------------------------------------------------


@formula
def gate(x: F) -> F:
    """Return the sigmoid."""
    result: F = ONE / (ONE + exp(-x))
    return result


@formula
def polynomial(x: F, coefficients: tuple[F, ...]) -> F:
    """Compute a polynomial by Horner's rule, coefficients from the highest power down."""
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


@formula
def share_of(x: F, end: F, top: tuple[F, ...], bottom: tuple[F, ...]) -> F:
    """Return an odd quotient of polynomials, which is 1/2 from ``end`` on and -1/2 below its negative."""
    quotient: F = x * polynomial(x * x, top) / polynomial(x * x, bottom)
    above = -HALF if x < -end else quotient
    return HALF if x > end else above


# -- loops -------------------------------------------------------------------------------------------------------------


@machine_code
def write_gelu(x: Array, out: Array) -> None:
    """Write gelu."""
    for i in range(len(out)):
        out[i] = (share_of(x[i], NORMAL_END, NORMAL_TOP, NORMAL_BOTTOM) + HALF) * x[i]


@machine_code
def write_gelu_slope(grad: Array, x: Array, out: Array) -> None:
    """Write the gradient times the derivative of gelu; at infinity it is NaN, as in the formula and in PyTorch."""
    for i in range(len(out)):
        share = share_of(x[i], SLOPE_END, SLOPE_TOP, SLOPE_BOTTOM)
        out[i] = (share + HALF + F(0) * x[i]) * grad[i]


@machine_code
def write_sigmoid(x: Array, out: Array) -> None:
    """Write the sigmoid."""
    for i in range(len(out)):
        out[i] = gate(x[i])


@machine_code
def write_silu(x: Array, out: Array) -> None:
    """Write silu."""
    for i in range(len(out)):
        out[i] = gate(x[i]) * x[i]


@machine_code
def write_silu_slope(grad: Array, x: Array, out: Array) -> None:
    """Write the gradient times the derivative of silu."""
    for i in range(len(out)):
        share = gate(x[i])
        out[i] = share * (ONE + x[i] * (ONE - share)) * grad[i]


@machine_code
def write_relu_slope(grad: Array, result: Array, out: Array) -> None:
    """Write the gradient where the result is not at most zero."""
    for i in range(len(out)):
        out[i] = F(0) if result[i] <= F(0) else grad[i]
