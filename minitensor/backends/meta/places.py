"""Shapes and strides (in bytes) of views and copies of arrays without memory, by NumPy's rules.

Errors are those that NumPy raises, as the operations that catch them expect.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy

from minitensor import layouts
from minitensor.errors import MetaError, OutOfMemoryError

Shape = tuple[int, ...]
Place = tuple[Shape, Shape]  # a shape, and strides

FULL = slice(None)
MOST = 2**63 - 1  # bytes


def row_major(shape: Shape, itemsize: int) -> Shape:
    """Return the strides of an array without gaps in which the last dim varies fastest."""
    strides, step = [], itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= size or 1
    return tuple(reversed(strides))


def is_row_major(shape: Shape, strides: Shape, itemsize: int) -> bool:
    """Whether an array is C-contiguous, as NumPy says: dims of size 1 may have any stride."""
    step = itemsize
    for size, stride in zip(reversed(shape), reversed(strides)):
        if size == 0:
            return True
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def strides_in_order(shape: Shape, itemsize: int, operands: Sequence[Any]) -> Shape:
    """Return the strides of a new array without gaps whose dims are in the order of those of the operands."""
    if 0 in shape or all([each.flags.c_contiguous for each in operands]):
        return row_major(shape, itemsize)
    strides, step = [0] * len(shape), itemsize
    for dim in sort_dims(len(shape), [strides_within(each, shape) for each in operands]):
        strides[dim] = step
        step *= shape[dim] or 1
    return tuple(strides)


def sort_dims(ndim: int, strides: Sequence[Shape]) -> list[int]:
    """Return the dims of a new array, the innermost first, as NumPy orders them.

    A dim moves inwards if its strides are smaller for an operand, and larger for none; those of 0 do not count.
    """
    order: list[int] = []
    for dim in range(ndim - 1, -1, -1):
        place = len(order)
        for before in range(len(order) - 1, -1, -1):
            pairs = [(each[dim], each[order[before]]) for each in strides]
            known = [outer >= inner for outer, inner in pairs if outer and inner]
            if any(known):
                break
            place = before if known else place
        order.insert(place, dim)
    return order


def strides_within(array: Any, shape: Shape) -> Shape:
    """Return an operand's strides in the shape of the result: 0 for repeated and added dims."""
    strides: Shape = array.strides
    lead = len(shape) - len(strides)
    return (0,) * lead + tuple([0 if n == 1 else s for n, s in zip(array.shape, strides)])


def wrap(dim: Any, ndim: int) -> int:
    """Return a dim counted from the front."""
    place: int = operator.index(dim)
    if not -ndim <= place < ndim:
        raise numpy.exceptions.AxisError(place, ndim)
    return place % ndim


def dims_of(axis: Any, ndim: int) -> Shape:
    """Return the dims that an argument ``axis`` names; None means all."""
    if axis is None:
        return tuple(range(ndim))
    return tuple([wrap(each, ndim) for each in (axis if isinstance(axis, (tuple, list)) else (axis,))])


def without(shape: Shape, dims: Shape, keepdims: bool) -> Shape:
    """Return a shape after a reduction."""
    if keepdims:
        return tuple([1 if dim in dims else n for dim, n in enumerate(shape)])
    return tuple([n for dim, n in enumerate(shape) if dim not in dims])


def require_addresses(shape: Shape, strides: Shape) -> None:
    """Raise if int64 cannot number the bytes between the first and the last element."""
    last = sum([(n - 1) * stride for n, stride in zip(shape, strides, strict=True) if stride > 0])
    if last >= MOST and 0 not in shape:
        raise OutOfMemoryError(f"storage size calculation overflowed with sizes={list(shape)}; no memory is that large")


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape to which shapes broadcast."""
    return tuple(numpy.broadcast_shapes(*shapes))


def product(a: Shape, b: Shape) -> Shape:
    """Return the shape of a product of matrices; a vector is a row on the left and a column on the right."""
    if not (a and b):
        raise ValueError("matmul: Input operand does not have enough dimensions")
    left, right = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    if left[-1] != right[-2]:
        raise ValueError(f"matmul: Input operand 1 has a mismatch in its core dimension 0: {left[-1]} and {right[-2]}")
    rows, columns = left[-2:-1] if len(a) > 1 else (), right[-1:] if len(b) > 1 else ()
    return (*broadcast(left[:-2], right[:-2]), *rows, *columns)


def require_fit(shape: Shape, given: Shape) -> None:
    """Raise unless values of a shape can be written into another: added dims of size 1 are dropped."""
    kept = given
    while len(kept) > len(shape) and kept[0] == 1:
        kept = kept[1:]
    if len(kept) > len(shape) or any([n not in (1, m) for n, m in zip(reversed(kept), reversed(shape))]):
        raise ValueError(f"could not broadcast input array from shape {given} into shape {shape}")


def place_of_expansion(array: Any, shape: Shape) -> Place:
    """Return the place of an array broadcast to a shape."""
    if broadcast(array.shape, shape) != shape:
        raise ValueError(f"operands could not be broadcast together with remapped shapes {array.shape} and {shape}")
    return shape, strides_within(array, shape)


# -- shapes ------------------------------------------------------------------------------------------------------------


def read_shape(given: tuple[Any, ...], size: int) -> Shape:
    """Return the shape that the arguments of ``reshape`` name; one size may be -1."""
    sizes = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    shape = tuple([operator.index(each) for each in sizes])
    if -1 in shape:
        rest = prod([n for n in shape if n != -1])
        shape = tuple([(size // rest if rest else 0) if n == -1 else n for n in shape])
    if prod(shape) != size:
        raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
    return shape


def strides_in_shape(array: Any, shape: Shape) -> Shape:
    """Return the strides of an array in another shape: those of a view, or else of a copy."""
    itemsize = array.itemsize
    if not array.size or array.flags.c_contiguous:
        return row_major(shape, itemsize)
    # Bytes in place of elements: the rule divides nothing.
    view = layouts.view(layouts.Layout(array.shape, array.strides, 0), shape)
    return row_major(shape, itemsize) if view is None else view.strides


def diagonal(array: Any, offset: int, axis1: int, axis2: int) -> Place:
    """Return the place of the diagonal of two dims, as a new last dim."""
    a, b = wrap(axis1, array.ndim), wrap(axis2, array.ndim)
    size = max(0, min(array.shape[a] - max(-offset, 0), array.shape[b] - max(offset, 0)))
    kept = [dim for dim in range(array.ndim) if dim not in (a, b)]
    return (
        (*[array.shape[dim] for dim in kept], size),
        (*[array.strides[dim] for dim in kept], array.strides[a] + array.strides[b]),
    )


def as_dtype(array: Any, itemsize: int) -> Place:
    """Return the place of the same memory read in elements of another size."""
    if itemsize == array.itemsize:
        return array.shape, array.strides
    if not array.ndim:
        raise ValueError("Changing the dtype of a 0d array is only supported if the itemsize is unchanged")
    size = array.shape[-1] * array.itemsize
    if size % itemsize:
        raise ValueError("When changing to a larger dtype, its size must be a divisor of the total size in bytes")
    return (*array.shape[:-1], size // itemsize), (*array.strides[:-1], itemsize)


# -- indices -----------------------------------------------------------------------------------------------------------


def at_index(array: Any, index: Any) -> Place:
    """Return the place of what an index finds: a view, or for arrays of positions new memory."""
    items = [read_item(each) for each in (index if isinstance(index, tuple) else (index,))]
    taken = sum(each is not None and each is not Ellipsis for each in items)
    if taken > array.ndim:
        raise IndexError(
            f"too many indices for array: array is {array.ndim}-dimensional, but {taken} were indexed"
        )
    if Ellipsis not in [each for each in items if not hasattr(each, "shape")]:
        items.append(Ellipsis)
    cut = next(i for i, each in enumerate(items) if each is Ellipsis)
    items[cut : cut + 1] = [FULL] * (array.ndim - taken)
    if any(hasattr(each, "shape") for each in items):
        shape = shape_at_positions(array, items)
        return shape, row_major(shape, array.itemsize)
    return place_of_slices(array, items)


def has_mask(index: Any) -> bool:
    """Whether a mask is part of an index."""
    items = index if isinstance(index, tuple) else (index,)
    return any(hasattr(each, "dtype") and each.dtype.kind == "b" for each in items)


def read_item(item: Any) -> Any:
    """Return one part of an index as an int, a slice, None, an ellipsis, or an array of positions."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if hasattr(item, "dtype") and hasattr(item, "shape"):
        if item.dtype.kind == "b":
            raise MetaError("an index that is a mask gives a shape that depends on the data; a meta tensor has none")
        return item if item.shape or not isinstance(item, numpy.generic) else int(item)
    return numpy.asarray(item) if isinstance(item, (list, bool)) else operator.index(item)


def place_of_slices(array: Any, items: Sequence[Any]) -> Place:
    """Return the place of a view by ints, slices and None."""
    shape, strides, dim = [], [], 0
    for item in items:
        if item is None:
            shape.append(1)
            strides.append(0)
            continue
        size, stride = array.shape[dim], array.strides[dim]
        if isinstance(item, slice):
            part = range(*item.indices(size))
            shape.append(len(part))
            strides.append(stride * part.step)
        elif not -size <= item < size:
            raise IndexError(f"index {item} is out of bounds for axis {dim} with size {size}")
        dim += 1
    return tuple(shape), tuple(strides)


def shape_at_positions(array: Any, items: Sequence[Any]) -> Shape:
    """Return the shape of what arrays of positions find: their dims are where they stood, or first if apart."""
    positions = broadcast(*[each.shape for each in items if hasattr(each, "shape")])
    kept: list[int] = []
    start = end = -1  # where the dims of the positions go
    groups = dim = 0
    was_array = False
    for item in items:
        is_array = hasattr(item, "shape") or isinstance(item, int)
        if is_array and not was_array:
            groups, start = groups + 1, len(kept)
        was_array = is_array
        if item is None:
            kept.append(1)
            continue
        if isinstance(item, slice):
            kept.append(len(range(*item.indices(array.shape[dim]))))
        dim += 1
    end = start if groups == 1 else 0
    return (*kept[:end], *positions, *kept[end:])
