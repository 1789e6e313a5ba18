"""The definitions of the norms: mean 0 and variance 1 over rows, channels, or groups of channels of (N, C, L).

Written in ``xp`` for any floating dtype and array library. This file knows no tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.backends.reference.conv import wide

if TYPE_CHECKING:
    from minitensor.backends import Array

AXES = (0, 2)


def standardize(xp: Any, input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var of shape (1, C, 1).

    Statistics are taken over N and L; the variance is the biased one. Half precision is computed in single.
    """
    x = input.astype(wide(xp, input.dtype))
    mean = x.mean(AXES, keepdims=True)
    centered = x - mean
    var = (centered * centered).mean(AXES, keepdims=True)
    r = 1 / xp.sqrt(var + x.dtype.type(eps))
    z, r, mean, var = [each.astype(input.dtype) for each in (centered * r, r, mean, var)]
    return z, r, mean, var


def standardize_backward(xp: Any, input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)): the gradient of ``standardize``, which is symmetric."""
    dtype = wide(xp, input.dtype)
    x, wide_z = input.astype(dtype), z.astype(dtype)
    along = (wide_z * x).mean(AXES, keepdims=True)
    projected: Array = (r * (x - x.mean(AXES, keepdims=True) - wide_z * along)).astype(input.dtype)
    return projected


# -- rows --------------------------------------------------------------------------------------------------------------


def layer_norm(
    xp: Any, input: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Return the standardized rows of (M, L) times ``weight`` plus ``bias``, both (L).

    Also return the mean and 1 / sqrt(var + eps) of each row, both (M).
    """
    x = input.astype(wide(xp, input.dtype))
    mean = x.mean(1, keepdims=True)
    centered = x - mean
    r = 1 / xp.sqrt((centered * centered).mean(1, keepdims=True) + x.dtype.type(eps))
    return affine(centered * r, weight, bias).astype(input.dtype), mean[:, 0], r[:, 0]


def layer_norm_backward(
    xp: Any, grad: Array, input: Array, mean: Array, r: Array, weight: Array | None
) -> tuple[Array, Array, Array]:
    """Return the gradients of ``layer_norm`` in the input, the weight and the bias, given its other two results."""
    by = r[:, None]
    z = (input - mean[:, None]) * by
    g = grad.astype(z.dtype)
    h = affine(g, weight, None)
    total = by * (h - h.mean(1, keepdims=True) - z * (h * z).mean(1, keepdims=True))
    grads: list[Array] = [each.astype(input.dtype) for each in (total, (g * z).sum(0), g.sum(0))]
    return grads[0], grads[1], grads[2]


def affine(z: Array, weight: Array | None, bias: Array | None) -> Array:
    """Return ``z * weight + bias``. A factor or term that is None is omitted."""
    if weight is not None:
        z = z * weight
    return z if bias is None else z + bias


# -- channels ----------------------------------------------------------------------------------------------------------

# Note [Channels and their groups]. If ``groups`` is 0, statistics of (N, C, L) are taken over N and L for each channel
# and have the shape (1, C). Otherwise they are taken over each group of channels of each sample and have the shape
# (N, groups). ``sum_per_statistic`` adds up numbers that share their statistics; ``expand`` repeats statistics for each
# channel of each sample.


def sum_per_statistic(sums: Array, groups: int) -> Array:
    """Add up numbers (N, C) that share their statistics."""
    total: Array = sums.reshape(len(sums), groups, -1).sum(2) if groups else sums.sum(0, keepdims=True)
    return total


def expand(xp: Any, statistics: Array, shape: tuple[int, ...]) -> Array:
    """Repeat statistics to (N, C)."""
    n, channels = shape[:2]
    repeated: Array = xp.repeat(statistics, channels // statistics.shape[1], 1)
    return xp.broadcast_to(repeated, (n, channels))  # type: ignore[no-any-return]  # `xp` is untyped


def channel_norm(
    xp: Any, input: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
) -> tuple[Array, Array, Array, Array]:
    """Return (N, C, L) standardized, times ``weight`` plus ``bias``; mean, 1 / sqrt(var + eps), and the biased var."""
    mean, var = channel_statistics(xp, input, groups)
    r = 1 / xp.sqrt(var + var.dtype.type(eps))
    return apply_statistics(xp, input, mean, r, weight, bias), mean, r, var


def channel_statistics(xp: Any, input: Array, groups: int) -> tuple[Array, Array]:
    """Return the means and biased variances; see Note [Channels and their groups]."""
    x = input.astype(wide(xp, input.dtype))
    shared = x.reshape(len(x), groups, -1) if groups else x.swapaxes(0, 1).reshape(1, x.shape[1], -1)
    mean = shared.mean(2, keepdims=True)
    centered = shared - mean
    return mean[..., 0], (centered * centered).mean(2)


def apply_statistics(
    xp: Any, input: Array, mean: Array, r: Array, weight: Array | None, bias: Array | None
) -> Array:
    """Return (x - mean) * r * weight + bias for (N, C, L), with ``weight`` and ``bias`` (C)."""
    mean, r = [expand(xp, each, input.shape) for each in (mean, r)]
    z = (input - mean[..., None]) * r[..., None]
    return affine(z, *[None if each is None else each[:, None] for each in (weight, bias)]).astype(input.dtype)


def channel_norm_backward(
    xp: Any, grad: Array, input: Array, mean: Array, r: Array, weight: Array | None, groups: int
) -> tuple[Array, Array, Array]:
    """Return the gradients of ``channel_norm`` in the input, the weight and the bias, given its results mean and r."""
    wide_mean, wide_r = [expand(xp, each, input.shape)[..., None] for each in (mean, r)]
    z = (input - wide_mean) * wide_r
    g = grad.astype(z.dtype)
    h = affine(g, None if weight is None else weight[:, None], None)
    count = input.size // mean.size
    sums = [sum_per_statistic(each.sum(2), groups) for each in (h, h * z)]
    first, second = [expand(xp, each, input.shape)[..., None] / count for each in sums]
    total = wide_r * (h - first - z * second)
    grads: list[Array] = [each.astype(input.dtype) for each in (total, (g * z).sum((0, 2)), g.sum((0, 2)))]
    return grads[0], grads[1], grads[2]
