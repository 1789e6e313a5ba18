"""The definitions of softmax, log-softmax and their gradients along one dim.

Written in ``xp`` for any floating dtype and array library; halves are computed in single precision. A 0-d array is
one lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.backends.reference.conv import wide

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array


def subtract_maximum(xp: Any, array: Array, dim: int) -> Array:
    """Subtract the maximum along ``dim``, so that no exponential overflows."""
    array = array.astype(wide(xp, array.dtype), copy=False)
    if not array.ndim:
        return array - array  # type: ignore[no-any-return]  # arrays are untyped
    result: Array = array - array.max(dim, keepdims=True) if array.shape[dim] else array.copy()
    return result


def lane_sum(xp: Any, array: Array, dim: int) -> Array:
    """Add up along a dim, which is kept."""
    total: Array = xp.add.reduce(array, dim, None, None, True) if array.ndim else array
    return total


# How lanes are added up: an array library may have a faster way than ``lane_sum``.
Add: TypeAlias = "Callable[[Any, Array, int], Array]"


def softmax(xp: Any, array: Array, dim: int, add: Add = lane_sum) -> Array:
    """Return exp(x) / sum(exp(x))."""
    result = subtract_maximum(xp, array, dim)
    result = xp.exp(result, out=result if array.ndim else None)
    result /= add(xp, result, dim)
    return result.astype(array.dtype, copy=False)  # type: ignore[no-any-return]  # as above


def log_softmax(xp: Any, array: Array, dim: int, add: Add = lane_sum) -> Array:
    """Return x - log(sum(exp(x)))."""
    result = subtract_maximum(xp, array, dim)
    result -= xp.log(add(xp, xp.exp(result), dim))
    return result.astype(array.dtype, copy=False)


def softmax_backward(xp: Any, grad: Array, weights: Array, dim: int, add: Add = lane_sum) -> Array:
    """Return weights * (grad - sum(weights * grad))."""
    kind = wide(xp, grad.dtype)
    given, by = grad.astype(kind, copy=False), weights.astype(kind, copy=False)
    result: Array = by * (given - add(xp, given * by, dim))
    return result.astype(grad.dtype, copy=False)


def log_softmax_backward(xp: Any, grad: Array, logs: Array, dim: int, add: Add = lane_sum) -> Array:
    """Return grad - exp(logs) * sum(grad)."""
    given = grad.astype(wide(xp, grad.dtype), copy=False)
    result: Array = given - xp.exp(logs.astype(given.dtype, copy=False)) * add(xp, given, dim)
    return result.astype(grad.dtype, copy=False)
