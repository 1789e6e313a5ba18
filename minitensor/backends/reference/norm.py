"""Standardising as it is defined: mean 0 and variance 1 for each of C, over the first and last dim of (N, C, L).

Written in ``xp`` for any floating dtype and library. Nothing is known here of tensors or gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.backends.reference.conv import wide

if TYPE_CHECKING:
    from minitensor.backends import Array

AXES = (0, 2)


def standardize(xp: Any, input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var, the latter three of shape (1, C, 1).

    The variance is the biased one. Half precision is computed in single.
    """
    x = input.astype(wide(xp, input.dtype))
    mean = x.mean(AXES, keepdims=True)
    centered = x - mean
    var = (centered * centered).mean(AXES, keepdims=True)
    r = 1 / xp.sqrt(var + x.dtype.type(eps))
    z, r, mean, var = [each.astype(input.dtype) for each in (centered * r, r, mean, var)]
    return z, r, mean, var


def project(xp: Any, input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)): what ``standardize`` does to small changes of its input."""
    dtype = wide(xp, input.dtype)
    x, wide_z = input.astype(dtype), z.astype(dtype)
    along = (wide_z * x).mean(AXES, keepdims=True)
    projected: Array = (r * (x - x.mean(AXES, keepdims=True) - wide_z * along)).astype(input.dtype)
    return projected
