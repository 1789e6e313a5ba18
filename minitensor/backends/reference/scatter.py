"""Reading and writing at positions that may repeat, for any array library.

Sums use the library's own ``add.at``. Not every library has the same for products and extremes: for these, positions
are sorted, which makes groups of equal ones, and a running product that doubles its reach with each step (Hillis and
Steele, "Data parallel algorithms", 1986) leaves each group's result at its last element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array
    from minitensor.shapes import Shape


# -- reading -----------------------------------------------------------------------------------------------------------


def take_rows(xp: Any, array: Array, index: Array) -> Array:
    """Return the entries of dim 0 at positions, negative ones from the end; raise IndexError outside."""
    size = array.shape[0]
    if index.size and (int(index.min()) < -size or int(index.max()) >= size):
        raise IndexError
    wide = index.astype("int64")
    return xp.take(array, xp.where(wide < 0, wide + size, wide), 0)  # type: ignore[no-any-return]  # `xp` is untyped


# -- slices of one dim -------------------------------------------------------------------------------------------------


def add_rounding_once(xp: Any, target: Array, values: Array, add: Callable[[Array, Array], None]) -> None:
    """Add values to a target by a function of both; halves are added in single precision and rounded once."""
    if target.dtype != xp.float16:
        add(target, values)
        return
    sums = target.astype(xp.float32)
    add(sums, values.astype(xp.float32))
    target[...] = sums


def add_at(xp: Any, target: Array, index: Any, values: Array) -> None:
    """Add values at positions, which may repeat."""
    add_rounding_once(xp, target, values, lambda sums, given: xp.add.at(sums, index, given))


def add_slices(xp: Any, target: Array, dim: int, index: Array, values: Array) -> None:
    """Add slices to those of a target at positions in a dim."""
    add_at(xp, target, (slice(None),) * dim + (index,), values)


def sum_rows(xp: Any, table: Array, rows: Array, into: Array, count: int) -> Array:
    """Return zeros (count, D) to which row ``rows[i]`` of a table is added at ``into[i]``, for every i."""
    sums: Array = xp.zeros((count, table.shape[1]), table.dtype)
    add_at(xp, sums, into, table[rows])
    return sums


# -- a position for each element ---------------------------------------------------------------------------------------


def flat_positions(xp: Any, shape: Shape, dim: int, index: Array) -> Array:
    """Return the flat positions of elements: coordinates of the index entries, with their values in ``dim``."""
    if not shape:
        return index.reshape(-1)
    strides = layouts.contiguous(shape).strides
    positions: Array = index.astype("int64", copy=False) * strides[dim]
    for axis, size in enumerate(index.shape):
        if axis != dim and size > 1:
            positions = positions + (xp.arange(size) * strides[axis]).reshape((size,) + (1,) * (index.ndim - 1 - axis))
    return positions


SMALL = 32  # up to this many positions, Python checks them faster than the array library
UNSIGNED = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


def is_in_range(index: Array, size: int) -> bool:
    """Whether no position is negative or too large: one comparison, as a negative one is huge as unsigned."""
    if index.size <= SMALL:
        numbers = index.reshape(-1).tolist()
        return not numbers or (min(numbers) >= 0 and max(numbers) < size)
    width = index.dtype.itemsize
    largest = size if index.dtype.kind == "u" else min(size, 1 << (8 * width - 1))  # negative ones are larger
    return int(index.view(UNSIGNED[width]).max()) < largest


def gather(xp: Any, array: Array, dim: int, index: Array, is_checked: bool) -> Array:
    """Return the element at each position of its line; unless ``is_checked``, raise IndexError outside."""
    if not is_checked and not is_in_range(index, array.shape[dim] if array.ndim else 1):
        raise IndexError
    result: Array = xp.take(array.reshape(-1), flat_positions(xp, array.shape, dim, index)).reshape(index.shape)
    return result


def scatter(xp: Any, target: Array, dim: int, index: Array, values: Any) -> None:
    """Write values at positions of their lines."""
    target.reshape(-1)[flat_positions(xp, target.shape, dim, index).reshape(-1)] = values


def scatter_add(xp: Any, target: Array, dim: int, index: Array, values: Array) -> None:
    """Add values at positions of their lines."""
    add_at(xp, target.reshape(-1), flat_positions(xp, target.shape, dim, index).reshape(-1), values.reshape(-1))


# -- other reductions --------------------------------------------------------------------------------------------------


def scatter_reduce(xp: Any, target: Array, dim: int, index: Array, values: Array, join: str) -> None:
    """Combine values with a target at positions of their lines by "multiply", "maximum" or "minimum"."""
    positions = flat_positions(xp, target.shape, dim, index).reshape(-1)
    combine_at(xp, target.reshape(-1), positions, values.reshape(-1), getattr(xp, join))


def combine_at(xp: Any, target: Array, index: Array, values: Array, combine: Callable[[Any, Any], Any]) -> None:
    """Combine values with a vector at positions by an associative function."""
    order = xp.argsort(index, kind="stable")
    places, result = index[order], values[order]
    reach = 1
    while reach < len(places):
        same = places[reach:] == places[:-reach]
        far = xp.where(same, combine(result[:-reach], result[reach:]), result[reach:])
        result = xp.concatenate((result[:reach], far))
        reach *= 2
    last = xp.concatenate((places[1:] != places[:-1], xp.ones(min(1, len(places)), bool)))
    ends = places[last]
    target[ends] = combine(target[ends], result[last])


# -- masks -------------------------------------------------------------------------------------------------------------


def place_where(xp: Any, target: Array, mask: Array, values: Array) -> None:
    """Write the elements of a vector, in order, where a mask of the same shape is true."""
    target[xp.nonzero(mask) if mask.ndim else mask] = values


def argwhere(xp: Any, mask: Array) -> Array:
    """Return the positions of the nonzero elements, one row each."""
    result: Array = xp.argwhere(mask)
    return result.astype("int64", copy=False)
