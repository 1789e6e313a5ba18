"""Standardising with as few passes over memory as NumPy allows: sums by BLAS, products in place.

What is not single or double precision goes to the reference. Nothing is known here of tensors or gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.reference import norm as reference

if TYPE_CHECKING:
    from minitensor.backends import Array


def standardize(input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Return z = (x - mean) * r with r = 1 / sqrt(var + eps), and r, mean and var of shape (1, C, 1), for (N, C, L)."""
    if input.dtype.char not in "fd" or not input.size:
        return reference.standardize(numpy, input, eps)
    x = numpy.ascontiguousarray(input)
    kind = x.dtype.type
    mean = means(x)
    z = x - mean
    var = means_of_products(z, z)
    r = kind(1) / numpy.sqrt(var + kind(eps))
    z *= r
    return z, r, mean, var


def project(input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)) for (N, C, L)."""
    if input.dtype.char not in "fd" or not input.size:
        return reference.project(numpy, input, z, r)
    x = numpy.ascontiguousarray(input)
    total = z * -means_of_products(x, z)
    total += x
    total -= means(x)
    total *= r
    return total


def means(x: Array) -> Array:
    """Return the mean for each of C. A product with ones takes a quarter of the time of ``sum``."""
    return over_both(numpy.dot(x, numpy.ones(x.shape[2], x.dtype)), x)


def means_of_products(a: Array, b: Array) -> Array:
    """Return the mean of products for each of C, without writing the products."""
    return over_both(numpy.vecdot(a, b), a)


def over_both(sums: Array, x: Array) -> Array:
    """Finish means whose sums over L, (N, C), are known; in double, as there may be many and large ones."""
    total: Array = numpy.add.reduce(sums, 0, numpy.float64) / (x.shape[0] * x.shape[2])
    return total.astype(x.dtype).reshape(1, -1, 1)
