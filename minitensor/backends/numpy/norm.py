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
    kind, count = x.dtype.type, count_of(x)
    mean = sums(x) / count
    z = x - mean
    var = sums_of_products(z, z) / count
    r = kind(1) / numpy.sqrt(var + kind(eps))
    z *= r
    return z, r, mean, var


def project(input: Array, z: Array, r: Array) -> Array:
    """Return r * (x - mean(x) - z * mean(z * x)) for (N, C, L)."""
    if input.dtype.char not in "fd" or not input.size:
        return reference.project(numpy, input, z, r)
    x = numpy.ascontiguousarray(input)
    count = count_of(x)
    total = z * (sums_of_products(x, z) / -count)
    total += x
    total -= sums(x) / count
    total *= r
    return total


def count_of(x: Array) -> Array:
    """Return how many entries each of C has, in the array's precision."""
    count: Array = x.dtype.type(x.shape[0] * x.shape[2])
    return count


def sums(x: Array) -> Array:
    """Return the sum for each of C. A product with ones takes a quarter of the time of ``sum``."""
    total: Array = numpy.dot(x, numpy.ones(x.shape[2], x.dtype))
    return total.sum(0).reshape(1, -1, 1)


def sums_of_products(a: Array, b: Array) -> Array:
    """Return the sum of products for each of C, without writing the products."""
    total: Array = numpy.vecdot(a, b)
    return total.sum(0).reshape(1, -1, 1)
