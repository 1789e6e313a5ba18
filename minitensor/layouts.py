"""Where the elements of a tensor are in its storage: shape, strides and offset, counted in elements.

Every view is a function in this file that takes a ``Layout`` and returns another over the same storage, or raises. The
rules are PyTorch's, stride for stride. Arguments are plain numbers and tuples, because results are memoized (see
``shapes.memoize``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from itertools import accumulate
from math import gcd, prod
from operator import mul
from typing import Any, NamedTuple, TypeVar, cast

from minitensor.errors import ArgumentError, DimError, IndexRangeError, RepeatedDimError, ShapeError
from minitensor.shapes import Shape, as_int, memoize, wrap_dim, wrap_dims

Function = TypeVar("Function", bound=Callable[..., Any])


class Layout(NamedTuple):
    """Element (i, j, ...) of the tensor is element ``offset + i * strides[0] + j * strides[1] ...`` of the storage."""

    shape: Shape
    strides: tuple[int, ...]
    offset: int


class RowMajor(Layout):
    """A layout with the strides of ``contiguous`` and any offset: recorders recognize ordinary operands by this class.

    Functions that are not memoized may return such a layout as a plain ``Layout``; the class only saves time.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(Layout(*self))


def memoize_layout(function: Function) -> Function:
    """Memoize a function that returns a layout or None; the result is a ``RowMajor`` if it has those strides."""

    @memoize
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        layout = function(*args, **kwargs)
        is_row_major = layout is not None and layout.strides == row_major_strides(layout.shape)
        return RowMajor(*layout) if is_row_major else layout

    return cast(Function, call)


def memoize_strides(function: Function) -> Function:
    """Memoize a function of a layout's shape and strides. See Note [Layouts that differ in their offset]."""

    @memoize
    @wraps(function)
    def call(layout: Layout) -> Any:
        return call(Layout(*layout[:2], 0)) if layout.offset else function(layout)

    return cast(Function, call)


def memoize_view(function: Function) -> Function:
    """Memoize a function that returns the layout of a view, or None. See the Note below."""

    @memoize_layout
    @wraps(function)
    def call(layout: Layout, *args: Any, **kwargs: Any) -> Layout | None:
        if not layout.offset:
            return cast("Layout | None", function(layout, *args, **kwargs))
        found = call(Layout(*layout[:2], 0), *args, **kwargs)
        return None if found is None else Layout(found.shape, found.strides, found.offset + layout.offset)

    return cast(Function, call)


# Note [Layouts that differ in their offset]
# The crops of the images in one tensor have many offsets and few strides. A layout that is not memoized is therefore
# looked up without its offset first, which takes a tenth of the time of working it out.


def row_major_strides(shape: Shape) -> tuple[int, ...]:
    """Return the strides of ``contiguous``."""
    return pack_strides(shape, range(len(shape) - 1, -1, -1))


def numel(shape: Shape) -> int:
    """Count the elements of a tensor of this shape."""
    return prod(shape)


# ---- fresh memory ------------------------------------------------------------------------------------------------


@memoize
def contiguous(shape: Shape) -> Layout:
    """Return the row-major layout of a shape: the last dim varies fastest. A dim of size 0 counts as 1.

    >>> contiguous((2, 3)).strides
    (3, 1)
    """
    shape = tuple([as_int(n) for n in shape])
    return RowMajor(shape, row_major_strides(shape), 0)


@memoize_layout
def channels_last(shape: Shape) -> Layout:
    """Return the layout of (N, C, H, W) or (N, C, D, H, W) in which C varies fastest, then W, H, (D,) N.

    Unlike in ``contiguous``, a dim of size 0 counts as 0, as in PyTorch.
    """
    shape = tuple([as_int(n) for n in shape])
    if len(shape) not in (4, 5):
        raise ShapeError(f"channels_last expects a 4-d or 5-d shape (N, C, [D,] H, W), got {shape}")
    order = channels_fastest(len(shape))
    steps = dict(zip(order, accumulate([shape[dim] for dim in order], mul, initial=1)))
    return Layout(shape, tuple([steps[dim] for dim in range(len(shape))]), 0)


@memoize_strides
@memoize_layout
def like(layout: Layout) -> Layout:
    """Return the layout of a copy that keeps the order of dims in memory, as ``clone`` and ``empty_like`` do.

    Dense layouts keep their strides. Others (with gaps or expanded dims) are packed in the order of their strides.
    """
    if is_dense(layout):
        return Layout(layout.shape, layout.strides, 0)
    return Layout(layout.shape, pack_strides(layout.shape, sort_by_stride(layout.shape, layout.strides)), 0)


def pack_strides(shape: Shape, order: Sequence[int]) -> tuple[int, ...]:
    """Return strides without gaps for dims in this order, the fastest first."""
    strides, step = [0] * len(shape), 1
    for dim in order:
        strides[dim] = step
        step *= shape[dim] or 1
    return tuple(strides)


def sort_by_stride(shape: Shape, *strides: tuple[int, ...]) -> list[int]:
    """Sort the dims by stride, smallest first, as PyTorch does: by insertion sort, with stride 0 undecided.

    Of the strides of several operands, the first that decide count. Undecided pairs make the order depend on what is
    compared, so ``sorted`` would give another one.
    """
    order: list[int] = list(range(len(shape) - 1, -1, -1))
    for start in range(1, len(order)):
        place = start
        for before in range(start - 1, -1, -1):
            verdict = compare_strides(shape, strides, order[before], order[place])
            if verdict < 0:
                break
            if verdict > 0:
                order[before], order[place] = order[place], order[before]
                place = before
    return order


def compare_strides(shape: Shape, strides: tuple[tuple[int, ...], ...], a: int, b: int) -> int:
    """Return 1 if dim ``a`` varies slower than dim ``b``, -1 if faster, 0 if the strides do not decide."""
    for steps in strides:
        if steps[a] == 0 or steps[b] == 0:
            continue
        if steps[a] != steps[b]:
            return 1 if steps[a] > steps[b] else -1
        # Of equal strides one belongs, as a rule, to a dim of size 1; PyTorch counts the smaller dim as the faster one.
        if shape[a] > shape[b]:
            return 1
    return 0


def channels_fastest(ndim: int) -> tuple[int, ...]:
    """Return the order of channels-last dims in memory, fastest first: C, W, H, (D,) N."""
    return (1, *range(ndim - 1, 1, -1), 0)


# ---- predicates --------------------------------------------------------------------------------------------------


@memoize_strides
def is_contiguous(layout: Layout) -> bool:
    """Whether a layout is row-major without gaps. Dims of size 1 may have any stride."""
    return 0 in layout.shape or is_packed(layout, range(len(layout.shape) - 1, -1, -1))


@memoize_strides
def is_channels_last(layout: Layout) -> bool:
    """Whether a 4-d or 5-d layout is channels-last without gaps. Dims of size 1 may have any stride."""
    return len(layout.shape) in (4, 5) and is_packed(layout, channels_fastest(len(layout.shape)))


@memoize_strides
def suggests_channels_last(layout: Layout) -> bool:
    """Whether an op that keeps memory formats (convolution, pooling) should return a channels-last result.

    The order of the dims decides; gaps are allowed. Ambiguous layouts (one channel of 1x1 images) give False.
    """
    shape, strides = layout.shape, layout.strides
    if len(shape) not in (4, 5) or strides[1] == 0 or 0 in shape:
        return False
    least = 0
    for dim in channels_fastest(len(shape)):
        # The second case is (N, 1, 1, 1) with equal strides. It fits both formats; PyTorch counts it as contiguous.
        if strides[dim] < least or (dim == 0 and least == strides[1]):
            return False
        least = strides[dim] * shape[dim]
    return True


def is_packed(layout: Layout, order: Sequence[int]) -> bool:
    """Whether dims in this order have strides without gaps. Dims of size 1 may have any stride."""
    step = 1
    for dim in order:
        if layout.shape[dim] != 1:
            if layout.strides[dim] != step:
                return False
            step *= layout.shape[dim]
    return True


@memoize_strides
def is_dense(layout: Layout) -> bool:
    """Whether the elements fill a range of memory, each cell once, with the dims in any order."""
    if 0 in layout.shape:
        return True
    step = 1
    for stride, size in strides_by_size(layout):
        if stride != step:
            return False
        step *= size
    return True


def strides_by_size(layout: Layout) -> list[tuple[int, int]]:
    """Return (stride, size) of the dims with more than one entry, smallest stride first."""
    return sorted((s, n) for s, n in zip(layout.strides, layout.shape) if n > 1)


@memoize
def extent(layout: Layout) -> tuple[int, int]:
    """Return the index of the first element and one past the last; the offset twice if there are none.

    >>> extent(Layout((2, 2), (4, 1), 3))
    (3, 9)
    """
    if 0 in layout.shape:
        return layout.offset, layout.offset
    reaches = [(n - 1) * s for n, s in zip(layout.shape, layout.strides)]
    low = layout.offset + sum(r for r in reaches if r < 0)
    return low, low + sum(map(abs, reaches)) + 1


@memoize_strides
def has_overlap(layout: Layout) -> bool:
    """Whether two different indices reach the same element, as in an expanded tensor or overlapping windows.

    The result is exact, except for contrived strides, where the search stops early and returns True.
    """
    if 0 in layout.shape:
        return False
    terms = [(abs(s), n - 1) for s, n in zip(layout.strides, layout.shape) if n > 1]
    terms.sort(reverse=True)
    reach = list(accumulate([s * most for s, most in reversed(terms)], initial=0))[::-1]
    # As with the digits of a number: if each stride exceeds what all finer ones reach together, no sum occurs twice.
    if all(s > rest for (s, _), rest in zip(terms, reach[1:])):
        return False
    return any(has_repeat(s, most, terms[i + 1 :]) for i, (s, most) in enumerate(terms))


def has_repeat(stride: int, most: int, finer: list[tuple[int, int]]) -> bool:
    """Whether 1..most steps of ``stride`` can be undone by steps of the finer strides in either direction."""
    if stride == 0:
        return True
    reach = sum(s * n for s, n in finer)
    # From -n..n steps to 0..2n by adding `reach` to both sides: `can_reach` counts from 0.
    both_ways = [(s, 2 * n) for s, n in finer]
    steps = range(1, min(most, reach // stride) + 1)
    return len(steps) > 64 or any(can_reach(both_ways, reach - k * stride) for k in steps)


def can_reach(terms: list[tuple[int, int]], target: int, budget: int = 2000) -> bool:
    """Whether ``sum(k * stride) == target`` for some 0 <= k <= most, with one k for each (stride, most).

    This searches from the largest stride down and prunes where the rest cannot reach the target, by size or by common
    divisor. For the strides of real tensors one or two k remain at each step. It returns True if the budget runs out.
    """
    most: dict[int, int] = {}
    for stride, n in terms:
        most[stride] = most.get(stride, 0) + n
    strides = sorted(most, reverse=True)
    reach = list(accumulate([s * most[s] for s in reversed(strides)], initial=0))[::-1]
    divisor = list(accumulate(reversed(strides), gcd, initial=0))[::-1]
    pending = [(0, target)]
    while pending:
        depth, rest = pending.pop()
        budget -= 1
        if rest == 0 or budget < 0:
            return True
        if rest < 0 or depth == len(strides) or rest > reach[depth] or rest % divisor[depth]:
            continue
        stride = strides[depth]
        fewest = max(0, -((reach[depth + 1] - rest) // stride))
        steps = range(fewest, min(most[stride], rest // stride) + 1)
        pending.extend((depth + 1, rest - k * stride) for k in steps[: budget + 1])
        budget = -1 if len(steps) > budget + 1 else budget
    return False


# ---- reordered dims ----------------------------------------------------------------------------------------------


@memoize_view
def transpose(layout: Layout, dim0: int, dim1: int) -> Layout:
    """Swap two dims."""
    ndim = len(layout.shape)
    dim0, dim1 = wrap_dim(dim0, ndim), wrap_dim(dim1, ndim)
    if dim0 == dim1:
        return layout
    order = list(range(ndim))
    order[dim0], order[dim1] = dim1, dim0
    return reorder(layout, order)


@memoize_view
def permute(layout: Layout, dims: Sequence[int]) -> Layout:
    """Reorder the dims by ``dims``, a permutation given as a tuple."""
    if len(dims) != len(layout.shape):
        raise ShapeError(
            f"permute: the tensor has {len(layout.shape)} dims (shape {layout.shape}), the order {tuple(dims)} has "
            f"{len(dims)}; name each dim once"
        )
    return reorder(layout, wrap_dims(dims, len(layout.shape)))


@memoize
def order_after_moves(ndim: int, source: Sequence[int], destination: Sequence[int]) -> Shape:
    """Return the permutation that moves the dims ``source`` to ``destination``; other dims keep their order."""
    if len(source) != len(destination):
        raise ShapeError(
            f"movedim: source {tuple(source)} and destination {tuple(destination)} must name the same number of dims"
        )
    moved = dict(zip(wrap_dims(destination, ndim), wrap_dims(source, ndim)))
    others = iter([dim for dim in range(ndim) if dim not in moved.values()])
    return tuple([moved[dim] if dim in moved else next(others) for dim in range(ndim)])


@memoize_view
def movedim(layout: Layout, source: Sequence[int], destination: Sequence[int]) -> Layout:
    """Move the dims ``source`` to the places ``destination``; other dims keep their order."""
    return reorder(layout, order_after_moves(len(layout.shape), source, destination))


def reorder(layout: Layout, order: Sequence[int]) -> Layout:
    """Reorder the dims by a valid permutation."""
    shape, strides, offset = layout
    return Layout(tuple([shape[dim] for dim in order]), tuple([strides[dim] for dim in order]), offset)


# ---- inserted and removed dims------------------------------------------------------------------------------------


@memoize_view
def unsqueeze(layout: Layout, dim: int) -> Layout:
    """Insert a dim of size 1 at ``dim``."""
    shape, strides, offset = layout
    dim = wrap_dim(dim, len(shape) + 1)
    # Any stride would do for one entry; this is PyTorch's, which users can read.
    stride = shape[dim] * strides[dim] if dim < len(shape) else 1
    return Layout((*shape[:dim], 1, *shape[dim:]), (*strides[:dim], stride, *strides[dim:]), offset)


@memoize_view
def squeeze(layout: Layout) -> Layout:
    """Remove every dim of size 1."""
    return reorder(layout, [dim for dim, n in enumerate(layout.shape) if n != 1])


@memoize_view
def squeeze_dims(layout: Layout, dims: int | tuple[int, ...]) -> Layout:
    """Remove those of ``dims`` that have size 1."""
    dropped = wrap_dims((dims,) if isinstance(dims, int) else dims, len(layout.shape))
    return reorder(layout, [dim for dim, n in enumerate(layout.shape) if n != 1 or dim not in dropped])


@memoize_view
def expand(layout: Layout, sizes: Shape) -> Layout:
    """Repeat dims of size 1 by stride 0, and add dims in front. A size of -1 keeps the current one.

    >>> expand(Layout((3, 1), (1, 1), 0), (2, -1, 4))
    Layout(shape=(2, 3, 4), strides=(0, 1, 0), offset=0)
    """
    sizes = tuple([as_int(n) for n in sizes])
    lead = len(sizes) - len(layout.shape)
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(sizes)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({-lead + len(sizes)}): {layout.shape} to {sizes}"
        )
    for dim, wanted in enumerate(sizes):
        check_expanded_size(layout.shape, sizes, dim, wanted, lead)
    shape = tuple([layout.shape[dim - lead] if n == -1 else n for dim, n in enumerate(sizes)])
    return Layout(shape, broadcast_strides(layout, shape), layout.offset)


def check_expanded_size(shape: Shape, sizes: Shape, dim: int, wanted: int, lead: int) -> None:
    """Raise unless ``dim`` of the expanded shape can have size ``wanted``."""
    if dim < lead:
        if wanted < 0:
            raise ShapeError(
                f"expand: the expanded size of the tensor ({wanted}) isn't allowed in a leading, non-existing "
                f"dimension {dim}: {shape} to {sizes}"
            )
        return
    size = shape[dim - lead]
    if wanted not in (-1, size) and (size != 1 or wanted < 0):
        raise ShapeError(
            f"expand: the expanded size of the tensor ({wanted}) must match the existing size ({size}) at "
            f"non-singleton dimension {dim}: {shape} to {sizes}"
        )


def repeat_strides(layout: Layout, shape: Shape) -> tuple[int, ...]:
    """Return the strides that expand the dims of size 1 to those of ``shape``, which has as many dims."""
    return tuple([0 if n == 1 and m != 1 else s for n, m, s in zip(layout.shape, shape, layout.strides)])


def broadcast_strides(layout: Layout, shape: Shape) -> tuple[int, ...]:
    """Return the strides that expand ``layout`` to ``shape``, to which it is known to broadcast."""
    if not layout.shape:
        # PyTorch's strides for an expanded number, for dims of size 1 too.
        return (0,) * len(shape)
    lead = len(shape) - len(layout.shape)
    strides = repeat_strides(layout, shape[lead:])
    for dim in range(lead - 1, -1, -1):
        strides = (shape[dim + 1] * strides[0] if shape[dim] == 1 else 0, *strides)
    return strides


# ---- parts -------------------------------------------------------------------------------------------------------


@memoize_view
def select(layout: Layout, dim: int, index: int) -> Layout:
    """Take one entry of ``dim`` and remove the dim."""
    shape, strides, offset = layout
    if not shape:
        raise DimError("select: a 0-d tensor has no dim to select from; use item() or clone()")
    dim, index = wrap_dim(dim, len(shape)), as_int(index)
    size = shape[dim]
    if not -size <= index < size:
        raise IndexRangeError(
            f"select: index {index} out of range for tensor of size {list(shape)} at dimension {dim}; "
            f"the dimension has {size} entries"
        )
    start = index + size if index < 0 else index
    return Layout(shape[:dim] + shape[dim + 1 :], strides[:dim] + strides[dim + 1 :], offset + start * strides[dim])


def slice_steps(piece: slice, size: int) -> tuple[int, int, int]:
    """Return the first entry, the number of entries and the step of a slice of a dim."""
    step = 1 if piece.step is None else as_int(piece.step)
    if step <= 0:
        raise ArgumentError(f"step must be greater than zero, got {step}; use flip to reverse a dim")
    start, stop, _ = piece.indices(size)
    return start, max(0, (stop - start + step - 1) // step), step


@memoize_view
def narrow(layout: Layout, dim: int, start: int, length: int) -> Layout:
    """Take ``length`` entries of ``dim`` from ``start`` on; raise if they are out of range."""
    if not layout.shape:
        raise ShapeError("narrow: a 0-d tensor has no dim to narrow")
    if as_int(length) < 0:
        raise ShapeError(f"narrow: length must be non-negative, got {length}")
    dim, start, length = wrap_dim(dim, len(layout.shape)), as_int(start), as_int(length)
    size, stride = layout.shape[dim], layout.strides[dim]
    if not -size <= start <= size:
        raise IndexRangeError(
            f"narrow: start out of range (expected to be in range of [-{size}, {size}], but got {start})"
        )
    first = start + size if start < 0 else start
    if first + length > size:
        raise ShapeError(f"narrow: start ({first}) + length ({length}) exceeds dimension size ({size}) at dim {dim}")
    return replace_dim(layout, dim, length, stride, layout.offset + first * stride)


def replace_dim(layout: Layout, dim: int, size: int, stride: int, offset: int) -> Layout:
    """Replace size and stride of ``dim``, and the offset."""
    shape, strides, _ = layout
    return Layout((*shape[:dim], size, *shape[dim + 1 :]), (*strides[:dim], stride, *strides[dim + 1 :]), offset)


@memoize_view
def unfold(layout: Layout, dim: int, size: int, step: int) -> Layout:
    """View ``dim`` as windows of ``size``, ``step`` apart; a new last dim runs through each window.

    (..., n, ...) becomes (..., (n - size) // step + 1, ..., size).
    """
    dim, size, step = wrap_dim(dim, len(layout.shape)), as_int(size), as_int(step)
    n, stride = (layout.shape[dim], layout.strides[dim]) if layout.shape else (1, 1)
    if size < 0:
        raise ShapeError(f"unfold: size is {size} but must be >= 0")
    if size > n:
        raise ShapeError(f"unfold: maximum size for tensor at dimension {dim} is {n} but size is {size}")
    if step <= 0:
        raise ShapeError(f"unfold: step is {step} but must be > 0")
    if not layout.shape:
        return Layout((size,), (1,), layout.offset)
    shape, strides, offset = replace_dim(layout, dim, (n - size) // step + 1, step * stride, layout.offset)
    return Layout((*shape, size), (*strides, stride), offset)


@memoize_view
def diagonal(layout: Layout, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Layout:
    """View the diagonal of two dims as a new last dim; ``offset`` > 0 is above the main diagonal."""
    shape, strides, start = layout
    dim1, dim2, offset = wrap_dim(dim1, len(shape)), wrap_dim(dim2, len(shape)), as_int(offset)
    if dim1 == dim2:
        raise RepeatedDimError(f"diagonal: dimensions cannot be identical {dim1}, {dim2}")
    below, right = max(-offset, 0), max(offset, 0)
    size = max(min(shape[dim1] - below, shape[dim2] - right), 0)
    # An empty diagonal keeps the offset, as in PyTorch: its start may lie beyond the storage.
    if size:
        start += below * strides[dim1] + right * strides[dim2]
    rest = reorder(layout, [dim for dim in range(len(shape)) if dim not in (dim1, dim2)])
    return Layout((*rest.shape, size), (*rest.strides, strides[dim1] + strides[dim2]), start)


@memoize_layout
def as_strided(shape: Shape, strides: tuple[int, ...], offset: int, storage_size: int) -> Layout:
    """Return the layout with these numbers; raise unless it fits a storage of ``storage_size`` elements."""
    shape, strides = tuple([as_int(n) for n in shape]), tuple([as_int(s) for s in strides])
    layout = Layout(shape, strides, as_int(offset))
    if len(shape) != len(strides):
        raise ShapeError(f"as_strided: mismatch in length of strides and shape: strides {strides}, shape {shape}")
    if any(n < 0 for n in shape):
        raise ShapeError(f"as_strided: negative dimensions are not allowed, got shape {shape}")
    if any(s < 0 for s in strides):
        raise ShapeError(f"as_strided: negative strides are not supported, got strides {strides}; use flip")
    if offset < 0:
        raise ShapeError(f"as_strided: storage offset must be non-negative, got {offset}")
    if 0 not in shape and extent(layout)[1] > storage_size:
        raise ShapeError(
            f"as_strided: sizes {list(shape)}, strides {list(strides)}, storage offset {offset} requiring a storage of "
            f"{extent(layout)[1]} elements are out of bounds for storage of {storage_size} elements"
        )
    return layout


# ---- reshaped views ----------------------------------------------------------------------------------------------


@memoize_view
def view(layout: Layout, shape: Shape) -> Layout | None:
    """Return the layout of the same elements in the same order as ``shape``, or None if there are no such strides.

    See Note [When a view exists].
    """
    shape = tuple([as_int(n) for n in shape])
    if 0 in layout.shape:
        strides = layout.strides if shape == layout.shape else contiguous(shape).strides
        return Layout(shape, strides, layout.offset)
    if not layout.shape:
        return Layout(shape, (1,) * len(shape), layout.offset)
    reversed_strides: list[int] = []
    sizes = list(shape)
    for count, step in runs(layout):
        taken = 1
        while sizes and (taken < count or sizes[-1] == 1):
            reversed_strides.append(taken * step)
            taken *= sizes.pop()
        if taken != count:
            return None
    return None if sizes else Layout(shape, tuple(reversed(reversed_strides)), layout.offset)


# Note [When a view exists]
# Go through the dims from the last to the first. While the stride of each dim is the size times the stride of the one
# before it, the dims form a run: `count` elements, `step` apart, which can be split into any sizes. Dims of size 1 fit
# every run. A view exists if the new sizes, also from the last to the first, split the runs without a size that crosses
# from one run into the next. A new size of 1 belongs to the run that is being split at that point, which determines its
# stride (PyTorch gives the same number).


def runs(layout: Layout) -> Iterator[tuple[int, int]]:
    """Yield (count, step) of the runs of a layout that is not empty, the last dims first."""
    shape, strides, _ = layout
    count, step = 1, strides[-1]
    for dim in range(len(shape) - 1, -1, -1):
        count *= shape[dim]
        if dim and shape[dim - 1] != 1 and strides[dim - 1] != count * step:
            yield count, step
            count, step = 1, strides[dim - 1]
    yield count, step
