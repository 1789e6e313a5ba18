"""Sorting by keys, unique elements, and binary search, on the host.

A key holds an element in its upper bits and its index in the lower ones. NumPy sorts numbers 3 to 8 times as fast as it
finds the indices that sort them, and with the indices no two keys are equal, so that every sort and partition is
stable. If an element and its index do not fit into 64 bits (doubles, integers far apart), keys hold the upper bits of
the elements; if elements are still out of order, a second sort by their lower bits follows. Few elements go to the
reference.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from minitensor.backends.numpy.scatter import gather
from minitensor.backends.numpy.threads import parallel_for, scratch
from minitensor.backends.reference import order as reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

# Up to this many elements, making keys costs more than it gains; 1024 take 0.6 of the time of the reference, 4096 take
# 0.4 of it. Measure with new data at each call: the processor learns the branches of data that it has seen.
FEW = 512
LONG = 1 << 14  # keys of a longer lane do not stay in the cache
BLOCK = 1 << 16  # elements that are sorted, or searched for, at a time
MANY = 1 << 11  # from this many values on, searching for all at once is faster; for 4096 it takes half of the time
PLACES = 21  # bits of an index, at most, so that three such numbers fit into a key


class Packing(NamedTuple):
    """How elements become the upper bits of keys."""

    dtype: Any  # of the keys
    bits: int  # below the element, for its index
    low: int  # the smallest integer
    high: int  # the largest integer


def argsort(array: Array, dim: int, descending: bool) -> Array:
    """Return the indices that sort along a dim; the sort is stable in both directions."""
    packing = choose_key_format(array, dim)
    if packing is None:
        bits = array.shape[dim].bit_length() if array.ndim else 0
        if array.size <= FEW or array.dtype.char not in "dlq" or bits > PLACES:
            return reference.argsort(numpy, array, dim, descending)
        size = array.shape[dim]
        return apply_to_blocks(lambda lanes, into: sort_wide(lanes, into, descending, bits), array, size, dim)
    places = packing.dtype.type((1 << packing.bits) - 1)

    def sort(lanes: Array, into: Array) -> None:
        keys = make_keys(lanes, descending, packing)
        keys.sort(-1)
        numpy.bitwise_and(keys, places, out=into, casting="unsafe")

    return apply_to_blocks(sort, array, array.shape[dim], dim)


def sort_wide(lanes: Array, into: Array, descending: bool, bits: int) -> None:
    """Sort elements of 64 bits by their upper bits with the indices below; then, if necessary, by their lower bits."""
    places, shift = numpy.uint64((1 << bits) - 1), numpy.uint64(bits)
    if lanes.dtype.kind == "f":
        whole = float_keys(lanes, descending)
    else:
        whole = numpy.bitwise_xor(lanes, numpy.int64(-1 << 63), order="C").view("uint64")
        if descending:
            numpy.invert(whole, out=whole)
    keys = whole & ~places
    keys |= numpy.arange(lanes.shape[-1], dtype="uint64")
    keys.sort(-1)
    numpy.bitwise_and(keys, places, out=into, casting="unsafe")
    ordered = gather(whole, 1, into, True)
    if not (ordered[:, 1:] < ordered[:, :-1]).any():
        return
    keys >>= shift
    groups = numpy.zeros_like(keys)  # a number for each run of equal upper bits
    numpy.cumsum(keys[:, 1:] != keys[:, :-1], -1, out=groups[:, 1:])
    groups <<= shift
    groups |= ordered & places
    groups <<= shift
    groups |= into.astype("uint64")
    groups.sort(-1)
    numpy.bitwise_and(groups, places, out=into, casting="unsafe")


def argtop(array: Array, k: int, dim: int, descending: bool) -> Array:
    """Return the first k of the indices that sort along a dim; of equal elements the first."""
    size = array.shape[dim]
    if size > LONG and array.dtype.char in "efbBhHiIlLqQ" and 0 < k < size // 16:
        return argtop_of_long(array, k, dim, descending)
    packing = choose_key_format(array, dim) if 0 < k < size else None
    if packing is None:
        return reference.argtop(numpy, array, k, dim, descending)
    places = packing.dtype.type((1 << packing.bits) - 1)

    def sort(lanes: Array, into: Array) -> None:
        if lanes.dtype.kind == "f" and sort_nearest(lanes, into, descending):
            return
        keys = make_keys(lanes, descending, packing)
        keys.partition(k - 1, -1)
        numpy.bitwise_and(numpy.sort(keys[:, :k], -1), places, out=into, casting="unsafe")

    return apply_to_blocks(sort, array, k, dim)


def sort_nearest(lanes: Array, into: Array, descending: bool) -> bool:
    """Sort the elements up to the k-th of each lane; return False, with nothing written, if there are ties with it."""
    count, k = into.shape
    keys = float_keys(lanes, descending)
    near = numpy.flatnonzero(keys <= numpy.partition(keys, k - 1, -1)[:, k - 1 : k])
    if near.size != count * k:
        return False
    few = keys.reshape(-1)[near].astype("uint64")
    few <<= numpy.uint64(32)
    few |= (near % lanes.shape[1]).view("uint64")
    few = few.reshape(count, k)
    few.sort(-1)
    numpy.bitwise_and(few, numpy.uint64(0xFFFFFFFF), out=into, casting="unsafe")
    return True


def apply_to_blocks(function: Callable[[Array, Array], None], array: Array, count: int, dim: int) -> Array:
    """Call a function with some lanes at a time, (lanes, size), and the memory for their results, (lanes, count)."""
    array = numpy.ascontiguousarray(array)
    size = array.shape[dim]
    indices = numpy.empty((*array.shape[:dim], count, *array.shape[dim + 1 :]), "int64")
    outer, inner = prod(array.shape[:dim]), prod(array.shape[dim + 1 :])
    step = max(BLOCK // size, 1)
    if inner == 1:
        rows, results = array.reshape(outer, size), indices.reshape(outer, count)
        parallel_for(
            lambda turn: function(rows[turn * step : (turn + 1) * step], results[turn * step : (turn + 1) * step]),
            -(-outer // step),
        )
        return indices
    columns, stacks = array.reshape(outer, size, inner), indices.reshape(outer, count, inner)
    parts = -(-inner // step)

    def work(turn: int) -> None:
        block, part = divmod(turn, parts)
        lanes = slice(part * step, (part + 1) * step)
        function(columns[block, :, lanes].T, stacks[block, :, lanes].T)

    parallel_for(work, outer * parts)
    return indices


def argtop_of_long(array: Array, k: int, dim: int, descending: bool) -> Array:
    """Find the k-th element of each lane, and sort the elements up to it, ties included."""
    lanes = numpy.moveaxis(array, dim, -1)
    result = numpy.empty((*lanes.shape[:-1], k), "int64")
    for lane in numpy.ndindex(lanes.shape[:-1]):
        if array.dtype.kind == "f":
            keys = float_keys(lanes[lane], descending)
        else:
            keys = ~lanes[lane] if descending else lanes[lane]  # ~x is -x - 1, in every range
        near = numpy.flatnonzero(keys <= numpy.partition(keys, k - 1)[k - 1])
        result[lane] = near[numpy.argsort(keys[near], kind="stable")[:k]]
    return numpy.ascontiguousarray(numpy.moveaxis(result, -1, dim))


# -- keys --------------------------------------------------------------------------------------------------------------


def choose_key_format(array: Array, dim: int) -> Packing | None:
    """Return how to make keys of the elements along a dim, or None if they do not fit."""
    if array.size <= FEW:
        return None
    size = array.shape[dim]
    if array.dtype.char in "ef" and size < 1 << 32:
        return Packing(numpy.dtype("uint64"), 32, 0, 0)
    if array.dtype.kind not in "iu" or array.itemsize == 1:
        return None
    low, high = int(array.min()), int(array.max())
    bits, needed = size.bit_length(), size.bit_length() + (high - low).bit_length()
    return None if needed > 64 else Packing(numpy.dtype("uint32" if needed <= 32 else "uint64"), bits, low, high)


def make_keys(lanes: Array, descending: bool, packing: Packing) -> Any:
    """Return fresh keys of (lanes, size)."""
    dtype, bits, low, high = packing
    if lanes.dtype.kind == "f":
        keys = float_keys(lanes, descending).astype(dtype)
    else:
        far, near = (high, lanes) if descending else (lanes, low)
        distance = numpy.subtract(far, near, dtype="int64", order="C")
        keys = distance.view("uint64").astype(dtype, copy=False)  # a wrapped difference is right as unsigned
    keys <<= dtype.type(bits)
    keys |= numpy.arange(lanes.shape[-1], dtype=dtype)
    return keys


def float_keys(lanes: Array, descending: bool) -> Any:
    """Return unsigned integers of the same size in the order of the floats: zeros are equal, NaN is the largest."""
    values = numpy.add(lanes, lanes.dtype.type(0), dtype="float64" if lanes.dtype.char == "d" else "float32", order="C")
    bits = 8 * values.itemsize  # the sum above made 0.0 of -0.0
    keys = values.view(f"uint{bits}")
    keys[values != values] = numpy.array(numpy.nan, values.dtype).view(keys.dtype)
    keys ^= (keys.view(f"int{bits}") >> (bits - 1)).view(keys.dtype) | keys.dtype.type(1 << (bits - 1))
    if descending:
        numpy.invert(keys, out=keys)
    return keys


# -- unique elements ---------------------------------------------------------------------------------------------------


def unique(array: Array, inverse: bool, counts: bool) -> tuple[Array, Array | None, Array | None]:
    """Return the sorted unique elements of a 1-d array; where each element went; how often each occurs."""
    if array.size <= FEW or array.dtype.kind == "b":
        return reference.unique(numpy, array, inverse, counts)
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if high - low < 2 * array.size:
            return unique_by_counting(array, low, inverse, counts)
    if inverse:
        index = argsort(array, 0, False)
        ordered = array[index]
    else:
        ordered = numpy.sort(array)
    new = numpy.empty(array.size, "bool")
    new[0] = True
    numpy.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    starts = numpy.flatnonzero(new)
    places = None
    if inverse:
        places = numpy.empty(array.size, "int64")
        places[index] = numpy.cumsum(new) - 1
    return ordered[starts], places, numpy.diff(starts, append=array.size) if counts else None


def unique_by_counting(
    array: Array, low: int, inverse: bool, counts: bool
) -> tuple[Array, Array | None, Array | None]:
    """Compute ``unique`` by counting, for integers in a narrow range."""
    distance = numpy.subtract(array, low, dtype="int64") if low or array.dtype.kind == "u" else array
    numbers = numpy.bincount(distance)
    present = numpy.flatnonzero(numbers)
    places = (numpy.cumsum(numbers > 0) - 1)[distance] if inverse else None
    return (present + low).astype(array.dtype), places, numbers[present] if counts else None


# -- binary search -----------------------------------------------------------------------------------------------------


def searchsorted(sequence: Array, values: Array, side: str) -> Array:
    """Return where values would go into a sorted sequence, row by row: (..., n) and (..., m) give (..., m).

    NumPy searches for one value after the other, and the processor mispredicts half of the branches. Here all values of
    a piece take each step at once, without a branch, in a fifth of the time even on one thread.
    """
    size, count = sequence.shape[-1], values.shape[-1]
    dtype = numpy.result_type(sequence, values)
    if values.size <= MANY or not size or dtype.char not in "fdilqBbhHIL" or any(map(has_nan, (sequence, values))):
        return reference.searchsorted(numpy, sequence, values, side)
    bits = size.bit_length()
    width = (1 << bits) - 1
    padded = numpy.empty((prod(sequence.shape[:-1]), width), dtype)  # with the last element, hence the minimum below
    padded[:, :size], padded[:, size:] = sequence.reshape(-1, size), sequence.reshape(-1, size)[:, -1:]
    flat, wanted = padded.reshape(-1), values.astype(dtype, copy=False).reshape(-1, count)
    result = numpy.empty(values.shape, "int64")
    lines = result.reshape(wanted.shape)
    lies_before = numpy.less if side == "left" else numpy.less_equal

    def search(rows: slice, columns: slice) -> None:
        keys, places = wanted[rows, columns], lines[rows, columns]
        seen, ahead, stride = (
            scratch(name, keys.size, numpy.dtype(kind)).reshape(keys.shape)
            for name, kind in (("seen", dtype), ("ahead", "bool"), ("stride", "int64"))
        )
        starts = (numpy.arange(len(wanted))[rows] * width)[:, None]
        at = scratch("at", keys.size, numpy.dtype("int64")).reshape(keys.shape)
        at[...] = starts
        for step in [1 << bit for bit in reversed(range(bits))]:
            flat[step - 1 :].take(at, 0, seen, "clip")
            lies_before(seen, keys, out=ahead)
            at += numpy.multiply(ahead, step, out=stride)
        numpy.minimum(numpy.subtract(at, starts, out=at), size, out=places)

    each = max(BLOCK // count, 1)  # rows at a time
    parts = -(-count // BLOCK)

    def work(turn: int) -> None:
        block, part = divmod(turn, parts)
        search(slice(block * each, (block + 1) * each), slice(part * BLOCK, (part + 1) * BLOCK))

    parallel_for(work, -(-len(wanted) // each) * parts)
    return result


def has_nan(array: Array) -> bool:
    """Whether any element is NaN."""
    return array.dtype.kind == "f" and bool(numpy.isnan(array.min()))
