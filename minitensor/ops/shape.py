"""Other shapes for the same elements: views where the layout allows, and the few operations that must copy.

A view's arithmetic is in ``layout.py``: here it meets tensors and gets its gradient, the reverse view
or, where only a part is seen, the gradient placed into zeros. What picks elements one by one is in ``index.py``,
triangles and matrices made of diagonals are in ``triangle.py``.
"""

from __future__ import annotations

import functools
from operator import index as as_int
from typing import TYPE_CHECKING, Any, ParamSpec

from minitensor import dtypes
from minitensor import layout as layouts
from minitensor.autograd import declare
from minitensor.autograd.argument_types import wrong_type
from minitensor.autograd.declare import differentiable
from minitensor.autograd.interpreters import active
from minitensor.autograd.misuse import composite, named
from minitensor.autograd.mode import grad_mode, turned
from minitensor.autograd.node import Leaf
from minitensor.base import TensorBase, materialize
from minitensor.base import wrap as fresh
from minitensor.copies import note_copy, tracing
from minitensor.errors import ArgumentTypeError, ShapeError, UsageError, ViewError
from minitensor.layout import Layout
from minitensor.ops.aliasing import pick, place, refuse_leaf
from minitensor.ops.complex import view_dtype
from minitensor.ops.copy import clone, contiguous
from minitensor.ops.creation import arange
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.operand import not_a_tensor, require_tensors
from minitensor.ops.pointwise import conj
from minitensor.shapes import (
    broadcast_shapes,
    flattened_shape,
    infer_size,
    memoised,
    normalize_sizes,
    unflattened_shape,
    wrap_dim,
    wrap_dims,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

P = ParamSpec("P")


def sizes_of(name: str, given: tuple[Any, ...]) -> Shape:
    """Return sizes given one by one or as one sequence as a tuple of ints."""
    for size in given:
        if size.__class__ is not int:  # asked here: a memoised function would take 2.0 for a 2 that it has seen
            return several_sizes(name, given)
    return given or several_sizes(name, given)


def several_sizes(name: str, given: tuple[Any, ...]) -> Shape:
    """Return sizes that are not all plain ints; refuse what is none under the name of the operation."""
    try:
        return normalize_sizes(*given)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{name}(): {error}") from None


# -- another shape -----------------------------------------------------------------------------------------------------


@declare.look(input=lambda grad, in_shape: grad.reshape(in_shape))
def _view(input: Tensor, layout: Layout) -> Layout:
    """Look at the elements in another shape."""
    return layout


@differentiable(input=lambda grad, in_shape: grad.reshape(in_shape))
def _unsafe_view(input: Tensor, shape: Shape) -> Array:
    """Copy row by row into fresh memory of another shape."""
    array: Array = input.array.copy().reshape(shape)
    if tracing.get():
        note_copy("reshape", array)
    return array


@memoised
def viewed(layout: Layout, sizes: Shape) -> Layout | Shape:
    """Return the layout that reads as ``sizes``, one of which may be -1, or the plain shape if only a copy can."""
    try:
        shape = infer_size(sizes, layouts.numel(layout.shape))
    except ShapeError as error:
        raise ShapeError(f"{error} (the tensor has shape {list(layout.shape)})") from None
    return layouts.view(layout, shape) or shape


def layout_of(name: str, input: Any) -> Layout:
    """Return a tensor's layout; what is no tensor is refused by name."""
    try:
        return input._layout or input.layout  # type: ignore[no-any-return]  # `input` may be anything
    except AttributeError:
        raise not_a_tensor(name, "input", input) from None


def view(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """Look at the same memory in another shape; one size may be -1. Raises where the strides do not allow it.

    Given a dtype instead, look at the same bytes as numbers of that dtype (``view_dtype`` in ``complex.py``).

    >>> import minitensor as torch
    >>> torch.arange(6).view(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if dtype is not None:
        return view_dtype(input, dtype)
    try:
        found = viewed(layout_of("view", input), sizes_of("view", size))
    except ArgumentTypeError:
        if len(size) == 1 and isinstance(size[0], dtypes.dtype):
            return view_dtype(input, size[0])
        raise
    if isinstance(found, Layout):
        return _view(input, found)
    raise unviewable(input, found)


def unviewable(input: Tensor, shape: Shape) -> ViewError:
    """Say which dims cannot merge, and what a copy costs."""
    return ViewError(
        f"view size is not compatible with input tensor's size and stride: {list(input.shape)} as {list(shape)}: "
        f"{layouts.explain_view(input.layout, shape)}; use .reshape(...) instead, which copies {input.nbytes} bytes"
    )


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """Return the elements in another shape: a view where the strides allow, else a copy.

    >>> import minitensor as torch
    >>> torch.arange(6).view(2, 3).t().reshape(-1)
    tensor([0, 3, 1, 4, 2, 5])
    """
    found = viewed(layout_of("reshape", input), sizes_of("reshape", sizes if shape is None else (shape,)))
    if isinstance(found, Layout):
        return _view(input, found)
    if input.node is not None or active:
        return _unsafe_view(input, found)
    copy: Tensor = fresh(input.result_class, input.array.copy().reshape(found))  # nothing to record: half the way
    if tracing.get():
        note_copy("reshape", copy.array)
    return copy


@composite
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Look at the same memory in the shape of ``other``."""
    return view(input, other.layout.shape)


@composite
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the elements in the shape of ``other``."""
    return reshape(input, other.layout.shape)


@composite
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge the dims from ``start_dim`` to ``end_dim``, both included, into one.

    (N, C, H, W) with ``start_dim=1`` becomes (N, C*H*W).
    """
    shape = layout_of("flatten", input).shape
    flat = flattened_shape(shape, start_dim, end_dim)
    return input if flat == shape else reshape(input, flat)


@composite
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Cut ``dim`` into ``sizes``, one of which may be -1."""
    return view(input, unflattened_shape(input.layout.shape, dim, normalize_sizes(sizes)))


@composite
def ravel(input: Tensor) -> Tensor:
    """Return all elements in one dim: a view of a tensor that lies row by row, else a copy."""
    return reshape(contiguous(input), -1)


# -- dims in another order ---------------------------------------------------------------------------------------------


@declare.view(input=lambda grad, dim0, dim1: grad.transpose(dim0, dim1))
@declare.on_layouts(layouts.transpose)
def transpose(input: Tensor, dim0: int, dim1: int) -> Layout:
    """Swap two dims. The result looks at the same storage.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3, 4).transpose(0, 2).shape
    torch.Size([4, 3, 2])
    """
    return layouts.transpose(input._layout or input.layout, dim0, dim1)


swapaxes = swapdims = transpose


@declare.view(input=lambda grad: grad.t())
def t(input: Tensor) -> Layout:
    """Swap the two dims of a matrix; fewer dims stay as they are."""
    layout = input._layout or input.layout
    if len(layout.shape) > 2:
        raise ShapeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(layout.shape)}D; use transpose(dim0, dim1)"
        )
    return layouts.transpose(layout, 0, -1)


@declare.look(input=lambda grad, dims: grad.permute(inverse(dims)))
def _permute(input: Tensor, layout: Layout, dims: Shape) -> Layout:
    """Look at the dims in another order."""
    return layout


def permute(input: Tensor, *places: Any, dims: Any = None) -> Tensor:
    """Put the dims in another order, each named once.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    order = sizes_of("permute", places if dims is None else (dims,))
    return _permute(input, layouts.permute(layout_of("permute", input), order), order)


@memoised
def inverse(dims: Shape) -> Shape:
    """Return the order that undoes another."""
    wrapped = wrap_dims(dims, len(dims))
    return tuple(sorted(range(len(dims)), key=wrapped.__getitem__))


@declare.view(input=lambda grad, source, destination: grad.movedim(destination, source))
def _movedim(input: Tensor, source: Shape, destination: Shape) -> Layout:
    return layouts.movedim(input.layout, source, destination)


@composite
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Move the dims ``source`` to the places ``destination``; the others keep their order."""
    return _movedim(input, normalize_sizes(source), normalize_sizes(destination))


moveaxis = movedim


def T(input: Tensor) -> Tensor:  # noqa: N802  # PyTorch's name
    """Return the tensor with its dims in reverse order."""
    return permute(input, tuple(range(input.ndim))[::-1])


def mT(input: Tensor) -> Tensor:  # noqa: N802  # PyTorch's name
    """Return the matrices in the last two dims transposed."""
    if input.ndim < 2:
        raise ShapeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return transpose(input, -2, -1)


def H(input: Tensor) -> Tensor:  # noqa: N802  # PyTorch's name
    """Return the conjugate of a transposed matrix."""
    if input.ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.")
    turned: Tensor = conj(t(input))
    return turned


@composite
def adjoint(input: Tensor) -> Tensor:
    """Return the conjugates of the matrices in the last two dims, transposed."""
    turned: Tensor = conj(mT(input))
    return turned


# -- dims that come and go ---------------------------------------------------------------------------------------------


@declare.view(input=lambda grad, in_shape: grad.reshape(in_shape))
@declare.on_layouts(layouts.unsqueeze)
def unsqueeze(input: Tensor, dim: int) -> Layout:
    """Insert a dim of size 1."""
    return layouts.unsqueeze(input._layout or input.layout, dim)


@declare.view(input=lambda grad, in_shape: grad.reshape(in_shape))
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Layout:
    """Drop all dims of size 1, or those of ``dim`` that have it."""
    if dim is None:
        return layouts.squeeze(input.layout)
    return layouts.squeeze_dims(input._layout or input.layout, dim if dim.__class__ is int else normalize_sizes(dim))


@declare.view(input=lambda grad: grad)
def _expand(input: Tensor, sizes: Shape) -> Layout:
    return layouts.expand(input._layout or input.layout, sizes)


def expand(input: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Repeat dims of size 1 without copying, and add dims in front; -1 keeps a size.

    >>> import minitensor as torch
    >>> torch.zeros(3, 1).expand(2, -1, 4).stride()
    (0, 1, 0)
    """
    if implicit.__class__ is not bool:
        raise wrong_type("expand", "implicit", "bool", implicit)
    return _expand(input, sizes_of("expand", sizes if size is None else (size,)))


@composite
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Expand to the shape of ``other``."""
    return _expand(input, other.layout.shape)


@composite
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Expand to a shape."""
    return _expand(input, normalize_sizes(size))


@composite
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Expand all tensors to the shape to which they broadcast."""
    given = tensors if len(tensors) != 1 or isinstance(tensors[0], TensorBase) else tuple(tensors[0])
    shape = broadcast_shapes(*[each.layout.shape for each in given])
    return tuple([_expand(each, shape) for each in given])


@composite
def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return, for vectors of n, m, ... elements, their values on an (n, m, ...) grid; "xy" swaps the first two dims.

    >>> import minitensor as torch
    >>> torch.meshgrid(torch.arange(2), torch.arange(3))[0]
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    given: list[Any] = list(tensors if len(tensors) != 1 or isinstance(tensors[0], TensorBase) else tensors[0])
    if not given:
        raise ShapeError("meshgrid expects a non-empty list of tensors")
    if indexing not in ("ij", "xy"):
        raise UsageError(f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing!r}")
    if any(each.ndim > 1 for each in given):
        raise ShapeError(f"meshgrid: expected 0-d or 1-d tensors, got shapes {[tuple(each.shape) for each in given]}")
    require_same_dtype("meshgrid", **{f"tensor {place}": each for place, each in enumerate(given)})
    shape = tuple([each.numel() for each in given])
    swapped = indexing == "xy" and len(given) > 1
    grids = {
        dim: _expand(reshape(given[dim], (1,) * dim + (-1,) + (1,) * (len(given) - 1 - dim)), shape)
        for dim in ((1, 0, *range(2, len(given))) if swapped else range(len(given)))
    }
    return tuple([transpose(grids[dim], 0, 1) if swapped else grids[dim] for dim in range(len(given))])


# -- parts -------------------------------------------------------------------------------------------------------------


def start_of(start: Any) -> int:
    """Return where a part starts, which a 0-d integer tensor may say."""
    if isinstance(start, TensorBase) and (start.ndim or start.array.dtype.kind not in "iu"):
        raise UsageError(
            f"narrow: start must be an 0-dim integral Tensor, got {start.dtype.name} of shape {list(start.shape)}"
        )
    return as_int(start)


@declare.view(input=lambda grad, dim, start, length, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.narrow(layouts.contiguous(in_shape), dim, start, length)
))
def narrow(input: Tensor, dim: int, start: int, length: int) -> Layout:
    """Look at ``length`` entries of ``dim``, from ``start`` on. Shares storage.

    >>> import minitensor as torch
    >>> torch.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    return layouts.narrow(input.layout, dim, start_of(start), length)


@declare.view(input=lambda grad, dim, index, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.select(layouts.contiguous(in_shape), dim, index)
))
def select(input: Tensor, dim: int, index: int) -> Layout:
    """Look at one entry of ``dim``; the dim goes."""
    return layouts.select(input.layout, dim, as_int(index))


@declare.view(input=lambda grad, dimension, size, step, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.unfold(layouts.contiguous(in_shape), dimension, size, step)
))
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Layout:
    """Look at a dim through windows of ``size``, ``step`` apart; what is inside a window becomes the last dim.

    >>> import minitensor as torch
    >>> torch.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    return layouts.unfold(input.layout, dimension, size, step)


@declare.view(input=lambda grad, offset, dim1, dim2, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.diagonal(layouts.contiguous(in_shape), offset, dim1, dim2)
))
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Layout:
    """Look at the diagonal of two dims, as a new last dim; ``offset`` > 0 is above the main one."""
    return layouts.diagonal(input.layout, offset, dim1, dim2)


def as_strided_gradient(grad: Tensor, layout: Layout, home: Layout) -> Tensor:
    """Return the gradient of a free look at memory; elements that lie in one cell share what arrives there."""
    if not layouts.overlaps_itself(home):
        return place(grad, home, layout)
    low = min(layouts.extent(home)[0], layouts.extent(layout)[0])
    high = max(layouts.extent(home)[1], layouts.extent(layout)[1])
    memory = Layout((high - low,), (1,), low)
    times = place(_expand(grad.new_ones(()), home.shape), memory, home)
    return pick(place(grad, memory, layout), memory, home) / pick(times, memory, home)


@declare.look(input=as_strided_gradient)
def _as_strided(input: Tensor, layout: Layout, home: Layout) -> Layout:
    """Look at the memory around the tensor."""
    return layout


@composite
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """Look at the storage through any sizes, strides and offset that stay inside it."""
    home = input.layout
    offset = home.offset if storage_offset is None else storage_offset
    layout = layouts.as_strided(normalize_sizes(size), normalize_sizes(stride), offset, len(input.storage))
    return _as_strided(input, layout, home)


# -- repeating ---------------------------------------------------------------------------------------------------------


@composite
def repeat(input: Tensor, *counts: Any, repeats: Any = None) -> Tensor:
    """Copy the tensor so many times along each dim; more numbers than dims add dims in front.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = normalize_sizes(*counts) if repeats is None else normalize_sizes(repeats)
    shape = input.layout.shape
    lead = len(times) - len(shape)
    if lead < 0:
        raise ShapeError(
            "number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{list(times)} for shape {list(shape)}"
        )
    if any(n < 0 for n in times):
        raise ShapeError(f"repeat: numbers of repetitions must not be negative, got {list(times)}")
    full = (1,) * lead + shape
    apart = reshape(input, tuple([size for n in full for size in (1, n)]))
    spread = _expand(apart, tuple([size for pair in zip(times, full) for size in pair]))
    return _unsafe_view(spread, tuple([n * size for n, size in zip(times, full)]))


@composite
def tile(input: Tensor, *counts: Any, dims: Any = None) -> Tensor:
    """Copy the tensor so many times along each of its last dims."""
    times = normalize_sizes(*counts) if dims is None else normalize_sizes(dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


@differentiable(
    input=lambda grad, repeats, dim, in_shape: grad.unflatten(dim, (in_shape[dim], repeats)).sum(dim + 1)
)
def _repeat_each(input: Tensor, repeats: int, dim: int) -> Array:
    return input.xp.repeat(input.array, repeats, dim)


@composite
def repeat_interleave(
    input: Tensor, repeats: Tensor | int | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element (or each slice of ``dim``), beside itself: ``repeats`` times, or each as often as it says.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return repeat_interleave(arange(input.numel(), device=input.device), input, 0)
    if dim is None:
        input, dim = reshape(input, -1), 0
    dim = wrap_dim(dim, input.ndim)
    if repeats.__class__ is int and repeats >= 0 and input.ndim:
        return _repeat_each(input, repeats, dim)
    size = input.layout.shape[dim]
    counts = repeats.array if isinstance(repeats, TensorBase) else input.xp.asarray(repeats)
    if counts.size not in (1, size) or counts.ndim > 1:
        raise ShapeError(
            f"repeat_interleave: repeats must have the same size as input along dim {dim}, {size}, got shape "
            f"{list(counts.shape)}"
        )
    if counts.size and int(counts.min()) < 0:
        raise ShapeError(f"repeat_interleave: repeats can not be negative, got {int(counts.min())}")
    ends = input.xp.cumsum(input.xp.broadcast_to(counts.reshape(-1), (size,)))
    total = int(ends[-1]) if size else 0
    order = input.xp.cumsum(input.xp.bincount(ends[:-1], minlength=total)[:total])  # one more from each end on
    return input.index_select(dim, fresh(input.result_class, order))


# -- turning round -----------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, dims: grad.flip(dims))
def _flip(input: Tensor, dims: Shape) -> Array:
    turned = wrap_dims(dims, input.ndim)
    steps = [slice(None, None, -1 if dim in turned else 1) for dim in range(input.ndim)]
    array: Array = input.array[tuple(steps)].copy()
    return array


@composite
def flip(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """Reverse the order of the entries along dims; a copy, as strides are never negative.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    return _flip(input, normalize_sizes(*order) if dims is None else normalize_sizes(dims))


@composite
def fliplr(input: Tensor) -> Tensor:
    """Reverse the columns: dim 1."""
    if input.ndim < 2:
        raise ShapeError(f"fliplr: input must be >= 2-d, got shape {tuple(input.shape)}")
    return _flip(input, (1,))


@composite
def flipud(input: Tensor) -> Tensor:
    """Reverse the rows: dim 0."""
    if input.ndim < 1:
        raise ShapeError("flipud: input must be >= 1-d, got a 0-d tensor")
    return _flip(input, (0,))


@differentiable(input=lambda grad, shifts, dims: grad.roll(tuple([-n for n in shifts]), dims))
def _roll(input: Tensor, shifts: Shape, dims: Shape) -> Array:
    return input.xp.roll(input.array, shifts, dims) if dims else input.array.copy()


@composite
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Move the entries along dims, those that fall off one end coming in at the other; without dims, all elements."""
    steps = normalize_sizes(shifts)
    if dims is None:
        if len(steps) != 1:
            raise ShapeError(f"roll: without dims, one shift is wanted, got {steps}")
        return reshape(_roll(reshape(input, -1), steps, (0,)), input.layout.shape)
    places = tuple([wrap_dim(dim, input.ndim) for dim in normalize_sizes(dims)])
    if len(steps) != len(places):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(places)}")
    return _roll(input, steps, places)


@composite
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turn by ``k`` times 90 degrees in the plane of two dims, from the first towards the second."""
    first, second = plane(dims, input)
    if k % 4 == 0:
        return clone(input)
    if k % 4 == 2:
        return _flip(input, (first, second))
    return transpose(_flip(input, (second if k % 4 == 1 else first,)), first, second)


def plane(dims: Sequence[int], input: Tensor) -> tuple[int, int]:
    """Return two different dims of a tensor."""
    if len(dims) != 2:
        raise ShapeError(f"rot90: expected total rotation dims == 2, but got dims = {list(dims)}")
    if input.ndim < 2:
        raise ShapeError(f"rot90: expected total dims >= 2, but got a tensor of shape {list(input.shape)}")
    first, second = wrap_dims(dims, input.ndim)
    return first, second


# -- at least so many dims ---------------------------------------------------------------------------------------------


def each_of(tensors: tuple[Any, ...], raised: Callable[[Tensor], Tensor]) -> Any:
    """Apply to one tensor, or to each of several, given one by one or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return raised(tensors[0])  # type: ignore[arg-type]  # every tensor is a Tensor
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    require_tensors("atleast", **{f"tensors[{i}]": each for i, each in enumerate(given)})
    return tuple([raised(each) for each in given])


def one_dim(input: Tensor) -> Tensor:
    """Return the tensor with at least one dim."""
    return input if input.ndim else reshape(input, 1)


def two_dims(input: Tensor) -> Tensor:
    """Return the tensor with at least two dims, new ones in front."""
    return input if input.ndim > 1 else unsqueeze(one_dim(input), 0)


def three_dims(input: Tensor) -> Tensor:
    """Return the tensor with at least three dims, a matrix (n, m) as (n, m, 1)."""
    return input if input.ndim > 2 else unsqueeze(two_dims(input), -1)


@composite
def atleast_1d(*tensors: Any) -> Any:
    """Return the tensor, or a tuple of each of several, with at least one dim.

    >>> import minitensor as torch
    >>> torch.atleast_1d(torch.tensor(5))
    tensor([5])
    """
    return each_of(tensors, one_dim)


@composite
def atleast_2d(*tensors: Any) -> Any:
    """Return the tensor, or a tuple of each of several, with at least two dims; new ones come in front."""
    return each_of(tensors, two_dims)


@composite
def atleast_3d(*tensors: Any) -> Any:
    """Return the tensor, or a tuple of each of several, with at least three dims: (n, m) becomes (n, m, 1)."""
    return each_of(tensors, three_dims)


# -- a tensor takes another shape itself -------------------------------------------------------------------------------


def itself(operation: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Make of a view operation one that gives its argument the view's layout and history."""

    @named(operation.__name__ + "_")
    @functools.wraps(operation)
    def call(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        input: Any = args[0]
        is_leaf = input._node.__class__ is Leaf
        if grad_mode.get():
            refuse_leaf(operation.__name__ + "_", input)
        token = grad_mode.set(turned(not is_leaf))
        try:
            seen: Any = operation(*args, **kwargs)
        finally:
            grad_mode.reset(token)
        input._layout, input.storage.version = seen._layout, input.storage.version + 1
        input.array = materialize(input)
        if is_leaf:
            input._node.describe(input)
        else:
            input._node = seen._node
        if input._base is not None:
            input._seen = input.storage.version
        return input  # type: ignore[no-any-return]  # its slots are written to

    return call


transpose_ = swapaxes_ = swapdims_ = itself(transpose)
t_ = itself(t)
unsqueeze_ = itself(unsqueeze)
squeeze_ = itself(squeeze)
as_strided_ = itself(as_strided)
