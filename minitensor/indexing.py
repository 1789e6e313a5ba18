"""What ``x[...]`` means: steps that make a view, and picks that gather elements.

Ints, slices, None and ``...`` give a new Layout: a view. Anything else (index arrays, masks, True and False) is a
*pick*: its dim stays whole in the layout, and the pick is returned by dim, for an op to gather. The file knows no
arrays: the caller says how many dims another object takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from operator import index as as_index
from typing import Any

from minitensor.errors import IndexRangeError, IndexTypeError, IndexValueError, InvalidIndexError, ShapeError, quote
from minitensor.layouts import Layout, slice_steps
from minitensor.shapes import Shape, broadcast_shapes

DimsTaken = Callable[[object], int | None]

_new = tuple.__new__  # Layout(...) takes 0.1 us longer than _new(Layout, (...)), and x[i] is the most frequent view.


def basic(layout: Layout, index: Any) -> Layout | None:
    """Return the view ``x[index]`` for plain ints, slices, None and ``...``; None where ``resolve`` is needed.

    This is the fast twin of ``resolve``, which also raises the errors. It is not memoized: slices have no hash, and a
    loop over ``x[i]`` would flush the cache.
    """
    shape, strides, offset = layout
    kind = index.__class__
    if kind is int:
        if shape and -shape[0] <= index < shape[0]:
            step = (index if index >= 0 else index + shape[0]) * strides[0]
            return _new(layout.__class__, (shape[1:], strides[1:], offset + step))
        return None
    if kind is slice and shape:
        start, stop, step = index.indices(shape[0])
        if step < 0:
            return None
        count = (stop - start + step - 1) // step if stop > start else 0
        first = strides[0]
        kind = layout.__class__ if step == 1 else Layout
        return _new(kind, ((count, *shape[1:]), (first * step, *strides[1:]), offset + start * first))
    items = index if kind is tuple else (index,)
    ndim = len(shape)
    sizes: list[int] = []
    steps: list[int] = []
    dim = 0
    for item in items:
        kind = item.__class__
        if kind is slice and dim < ndim:
            start, stop, step = item.indices(shape[dim])
            if step < 0:
                return None
            offset += start * strides[dim]
            sizes.append((stop - start + step - 1) // step if stop > start else 0)
            steps.append(strides[dim] * step)
            dim += 1
        elif kind is int and dim < ndim:
            size = shape[dim]
            if not -size <= item < size:
                return None
            offset += (item if item >= 0 else item + size) * strides[dim]
            dim += 1
        elif item is None:
            sizes.append(1)
            steps.append(shape[dim] * strides[dim] if dim < ndim else 1)
        elif item is Ellipsis:
            end = ndim - dims_after_ellipsis(items)
            if end < dim:
                return None
            sizes += shape[dim:end]
            steps += strides[dim:end]
            dim = end
        else:
            return None
    return _new(Layout, ((*sizes, *shape[dim:]), (*steps, *strides[dim:]), offset))


def dims_after_ellipsis(items: tuple[object, ...]) -> int:
    """Count the indices after ``...`` that take a dim; with a second ``...``, return more than any tensor has dims."""
    count = 0
    for item in reversed(items):
        if item is Ellipsis:
            break
        count += item is not None
    return count if sum([item is Ellipsis for item in items]) == 1 else 1 << 30


def resolve(layout: Layout, index: object, dims_taken: DimsTaken) -> tuple[Layout, dict[int, object]]:
    """Return the view that ``x[index]`` makes, and its picks by dim of that view.

    Args:
        layout: the layout of ``x``.
        index: the index; a tuple is several indices, any other object is one.
        dims_taken: returns the number of dims an object takes: 1 for an array of integers, its ndim for a mask (0 for a
            single bool, which adds a dim), None if it is not an array and must be an integer, by ``__index__``.
    """
    items = index if isinstance(index, tuple) else (index,)
    takes = [count_dims(item, dims_taken) for item in items]
    walk = Walk(layout, len(layout.shape) - sum([abs(n) for n in takes]), index)
    for item, n in zip(items, takes):
        walk.step(item, n)
    return walk.finish()


STEP = -1  # an index that takes one dim and is not a pick: an int or a slice


def count_dims(item: object, dims_taken: DimsTaken) -> int:
    """Return the number of dims a pick takes, STEP for an int or a slice, 0 for None and ``...``."""
    kind = item.__class__
    if kind is int or kind is slice:
        return STEP
    if item is None or item is Ellipsis or kind is bool:
        return 0
    if isinstance(item, Integral):
        return STEP
    taken = dims_taken(item)
    if taken is not None:
        return taken
    if is_integer(item):
        return STEP
    error = IndexTypeError if hasattr(item, "__getitem__") else InvalidIndexError
    raise error(
        "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean tensors are valid indices "
        f"(got {type(item).__name__}: {quote(item)})"
    )


def is_integer(item: Any) -> bool:
    """Whether an object can be used as an integer. NumPy's bool has an ``__index__`` that raises."""
    try:
        as_index(item)
    except TypeError:
        return False
    return True


def is_several(index: object) -> bool:
    """Whether a sequence in the brackets counts as a tuple of indices, by the rule that PyTorch has from NumPy.

    It does if it is short and contains a sequence, an array, a slice, None or ``...``.

    >>> is_several([0, 1]), is_several([[0, 1], 0]), is_several([None])
    (False, True, True)
    """
    if not isinstance(index, Sequence) or isinstance(index, (str, bytes)) or len(index) >= LONG:
        return False
    return any(
        item is None or item is Ellipsis or isinstance(item, (slice, Sequence)) or is_array(item) for item in index
    )


LONG = 32  # a sequence of this many items is one index


def is_array(item: object) -> bool:
    """Whether an object is an array or a tensor, also one without dims; NumPy's numbers have no length."""
    return hasattr(item, "__array__") and hasattr(item, "__len__")


class Walk:
    """One pass over the dims of a layout that builds the layout of the view; ``...`` takes the ``free`` dims."""

    __slots__ = ("dim", "free", "offset", "picks", "sizes", "source", "strides")

    def __init__(self, source: Layout, free: int, index: object) -> None:
        if free < 0:
            raise too_many_error(source.shape, index)
        self.source, self.free, self.dim, self.offset = source, free, 0, source.offset
        self.sizes: list[int] = []
        self.strides: list[int] = []
        self.picks: dict[int, object] = {}

    def step(self, item: object, takes: int) -> None:
        """Apply one index, which takes ``takes`` dims."""
        if item is None:
            self.insert()
        elif item is Ellipsis:
            self.skip_rest()
        elif isinstance(item, slice):
            self.cut(item)
        elif takes == STEP:
            self.select(as_index(item))  # type: ignore[arg-type]  # count_dims saw its __index__
        else:
            self.pick(item, takes)

    def finish(self) -> tuple[Layout, dict[int, object]]:
        """Keep the remaining dims, and return the view and its picks."""
        self.keep(len(self.source.shape) - self.dim)
        return Layout(tuple(self.sizes), tuple(self.strides), self.offset), self.picks

    def keep(self, count: int) -> None:
        end = self.dim + count
        self.sizes += self.source.shape[self.dim : end]
        self.strides += self.source.strides[self.dim : end]
        self.dim = end

    def insert(self) -> None:
        shape, strides, _ = self.source
        self.sizes.append(1)
        self.strides.append(shape[self.dim] * strides[self.dim] if self.dim < len(shape) else 1)

    def skip_rest(self) -> None:
        if self.free < 0:
            raise InvalidIndexError("an index can only have a single ellipsis ('...')")
        self.keep(self.free)
        self.free = -1  # no second one

    def select(self, index: int) -> None:
        size = self.source.shape[self.dim]
        if not -size <= index < size:
            raise out_of_bounds_error(index, self.dim, size)
        self.offset += (index + size if index < 0 else index) * self.source.strides[self.dim]
        self.dim += 1

    def cut(self, piece: slice) -> None:
        start, count, step = slice_steps(piece, self.source.shape[self.dim])
        stride = self.source.strides[self.dim]
        self.offset += start * stride
        self.sizes.append(count)
        self.strides.append(step * stride)
        self.dim += 1

    def pick(self, item: object, takes: int) -> None:
        self.picks[len(self.sizes)] = item
        if takes:
            self.keep(takes)
        else:
            self.insert()


# ---- the shape rule of picks -------------------------------------------------------------------------------------


def place_of_picks(dims: Iterable[int]) -> int:
    """Return the place of the picks' dims in the result: that of the picked dims if these are adjacent, else 0.

    >>> place_of_picks([1, 2]), place_of_picks([1, 3])
    (1, 0)
    """
    ordered = sorted(dims)
    return ordered[0] if ordered[-1] - ordered[0] == len(ordered) - 1 else 0


def advanced_shape(shape: Shape, picks: Mapping[int, Shape]) -> tuple[Shape, int]:
    """Return the shape of a gather, and the place of the broadcast dims of its picks.

    Args:
        shape: the shape of the view that ``resolve`` made.
        picks: the shape of the index array at each picked dim. A mask counts as one index array per dim it takes.
    """
    try:
        index_shape = broadcast_shapes(*picks.values())
    except ShapeError:
        given = ", ".join([str(list(pick)) for pick in picks.values()])
        raise InvalidIndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {given}"
        ) from None
    place = place_of_picks(picks)
    rest = [n for dim, n in enumerate(shape) if dim not in picks]
    return (*rest[:place], *index_shape, *rest[place:]), place


def check_mask(mask: Shape, shape: Shape, dim: int) -> None:
    """Raise unless a mask fits the dims of ``shape`` from ``dim`` on."""
    for axis, n in enumerate(mask):
        if shape[dim + axis] != n:
            raise InvalidIndexError(
                f"the shape of the mask {list(mask)} at index {axis} does not match the shape of the indexed tensor "
                f"{list(shape)} at index {dim + axis}"
            )


# ---- errors ------------------------------------------------------------------------------------------------------


def out_of_bounds_error(index: int, dim: int, size: int) -> IndexRangeError:
    """Return the error for an index out of bounds."""
    error = IndexRangeError if -(1 << 63) <= index < 1 << 63 else IndexValueError
    return error(f"index {quote(index)} is out of bounds for dimension {dim} with size {size}")


def too_many_error(shape: Shape, index: object) -> IndexRangeError:
    """Return the error for more indices than dims."""
    if not shape:
        return IndexRangeError("invalid index of a 0-dim tensor; use item() to convert it to a number")
    return IndexRangeError(f"too many indices for tensor of dimension {len(shape)} (shape {shape}): {quote(index)}")
