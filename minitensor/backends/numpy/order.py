"""Indices that sort, by way of keys: the element in a number's upper bits, its place in the lower ones.

NumPy sorts plain 64-bit numbers 3 to 8 times as fast as it finds the indices that would sort them, and the places make
no two keys equal, so that any sort is a stable one, and a partition too. Where an element and its place do not fit into
64 bits (doubles, integers far apart) and for few elements the reference kernel sorts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.reference import order as reference

if TYPE_CHECKING:
    from minitensor.backends import Array

FEW = 512  # up to this many elements, making keys costs more than it saves
LONG = 1 << 14  # a lane from which on the keys leave the cache
SIGN, ALL, NAN = numpy.uint32(1 << 31), numpy.uint32(0xFFFFFFFF), numpy.uint32(0x7FC00000)


def order(array: Array, dim: int, descending: bool) -> Array:
    """Return the indices that sort along a dim; equal ones stay in order, in both directions."""
    packed = keys(array, dim, descending)
    if packed is None:
        return reference.order(numpy, array, dim, descending)
    made, places = packed
    made.sort(-1)
    return unpacked(made, places, dim)


def first(array: Array, k: int, dim: int, descending: bool) -> Array:
    """Return the first k of the indices that sort along a dim; of equal ones the first."""
    size = array.shape[dim]
    if size > LONG and array.dtype.char in "ef" and 0 < k < size // 16:
        return first_of_long(array, k, dim, descending)
    packed = keys(array, dim, descending) if 0 < k < size else None
    if packed is None:
        return reference.first(numpy, array, k, dim, descending)
    made, places = packed
    made.partition(k - 1, -1)
    return unpacked(numpy.sort(made[..., :k], -1), places, dim)


def first_of_long(array: Array, k: int, dim: int, descending: bool) -> Array:
    """Find the k-th element of each lane, and sort what is not behind it: a few elements, and the ties."""
    lanes = numpy.moveaxis(array, dim, -1)
    found = numpy.empty((*lanes.shape[:-1], k), "int64")
    for lane in numpy.ndindex(lanes.shape[:-1]):
        made = float_keys(lanes[lane], descending)
        near = numpy.flatnonzero(made <= numpy.partition(made, k - 1)[k - 1])
        found[lane] = near[numpy.argsort(made[near], kind="stable")[:k]]
    return numpy.ascontiguousarray(numpy.moveaxis(found, -1, dim))


def keys(array: Array, dim: int, descending: bool) -> tuple[Any, Any] | None:
    """Return fresh keys with the dim last, and the mask of the places in them; None where there are none."""
    if array.size <= FEW:
        return None
    lanes = numpy.moveaxis(array, dim, -1)
    size = lanes.shape[-1]
    bits = numpy.uint64(32)
    if array.dtype.char in "ef" and size <= ALL:
        made = float_keys(lanes, descending).astype("uint64")
    elif array.dtype.kind in "iu" and array.itemsize > 2:
        low, high, bits = int(array.min()), int(array.max()), numpy.uint64(size.bit_length())
        if high - low >= 1 << (64 - int(bits)):
            return None
        made = numpy.subtract(high, lanes, dtype="int64") if descending else numpy.subtract(lanes, low, dtype="int64")
        made = numpy.ascontiguousarray(made).view("uint64")  # differences that do not fit wrap, and are right unsigned
    else:
        return None
    made <<= bits
    made |= numpy.arange(size, dtype="uint64")
    return made, (numpy.uint64(1) << bits) - numpy.uint64(1)


def float_keys(lanes: Array, descending: bool) -> Any:
    """Return 32-bit numbers in the order of floats: negative ones turned around, zeros equal, NaN the largest."""
    values = numpy.add(lanes, numpy.float32(0), dtype="float32", order="C")  # -0.0 + 0.0 is 0.0
    made = values.view("uint32")
    made[values != values] = NAN
    made ^= (made.view("int32") >> 31).view("uint32") | SIGN
    if descending:
        made ^= ALL
    return made


def unpacked(made: Any, places: Any, dim: int) -> Array:
    """Return the places, with the dim where it was."""
    made &= places
    return numpy.ascontiguousarray(numpy.moveaxis(made.view("int64"), -1, dim))
