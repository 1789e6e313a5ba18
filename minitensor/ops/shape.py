"""Other shapes for the same elements: views where the strides allow them, copies where they do not.

The arithmetic of views is in ``layouts.py``. Here it is applied to tensors and gets its gradient: the reverse view, or,
where a view shows only a part, zeros with the gradient placed into them. Indexing is in ``index.py``, repeating and
flipping in ``rearrange.py``, triangles in ``triangle.py``.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec

from minitensor import dtypes, layouts
from minitensor.autograd import declare
from minitensor.autograd.argument_types import type_error
from minitensor.autograd.declare import differentiable
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.misuse import clarify, composite, composite_as, set_cause
from minitensor.autograd.mode import grad_mode, with_recording
from minitensor.autograd.protocol import PROCEED, active, given_by_name, override_function
from minitensor.base import renew_array
from minitensor.base import wrap as fresh
from minitensor.copies import record_copy, tracing
from minitensor.errors import ArgumentTypeError, EncodedError, ShapeError, quote
from minitensor.layouts import Layout
from minitensor.ops.aliasing import common_extent, pick, place, refuse_leaf
from minitensor.ops.complex import view_dtype
from minitensor.ops.copy import contiguous
from minitensor.ops.operand import not_a_tensor
from minitensor.ops.view_errors import view_error
from minitensor.shapes import (
    flattened_shape,
    infer_size,
    memoize,
    normalize_sizes,
    sizes_from_list,
    unflattened_shape,
    wrap_dims,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.argument_types import Count, ListedDims
    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

P = ParamSpec("P")


def sizes_of(name: str, given: tuple[Any, ...]) -> Shape:
    """Return sizes, given one by one or as one sequence, as a tuple of ints."""
    for size in given:
        if size.__class__ is not int:  # checked here, as a memoized function would mistake 2.0 for a cached 2
            return parse_sizes(name, given)
    return given or parse_sizes(name, given)


def parse_sizes(name: str, given: tuple[Any, ...]) -> Shape:
    """Return sizes that are not all plain ints; raise, naming the op, if one is not an integer."""
    try:
        return normalize_sizes(*given)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{name}(): {error}") from None


# -- another shape -----------------------------------------------------------------------------------------------------


@declare.look(name="view", input=lambda grad, in_shape: grad.reshape(in_shape))
def look_in_shape(input: Tensor, layout: Layout) -> Layout:
    """Return a view of another shape."""
    return layout


@differentiable(name="unsafe_view", input=lambda grad, in_shape: grad.reshape(in_shape))
def copy_in_shape(input: Tensor, shape: Shape) -> Array:
    """Copy row by row into new memory of another shape."""
    array: Array = input.array.copy().reshape(shape)
    if tracing.get():
        record_copy("reshape", array)
    return array


@memoize
def view_layout(layout: Layout, sizes: Shape) -> Layout | Shape:
    """Return the layout of a view with ``sizes``, one of which may be -1; the plain shape if a copy is needed."""
    try:
        shape = infer_size(sizes, layouts.numel(layout.shape))
    except ShapeError as error:
        raise ShapeError(f"{error} (the tensor has shape {list(layout.shape)})") from None
    return layouts.view(layout, shape) or shape


def layout_of(name: str, input: Any) -> Layout:
    """Return a tensor's layout; raise, naming the op, if the argument is not a tensor."""
    try:
        return input._layout or input.layout  # type: ignore[no-any-return]  # `input` may be anything
    except AttributeError:
        raise not_a_tensor(name, "input", input) from None


def view(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """Return a view of the same memory with the shape ``size``; one size may be -1.

    Given a dtype instead of sizes, return a view of the same bytes as numbers of that dtype.

    Raises:
        RuntimeError: If the strides do not allow such a view (``reshape`` copies then), or the sizes do not fit.

    >>> import minitensor as torch
    >>> torch.arange(6).view(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if dtype is not None:
        return view_dtype(input, dtypes.read_dtype(dtype))
    try:
        found = view_layout(layout_of("view", input), sizes_of("view", size))
    except ArgumentTypeError:
        if len(size) == 1 and isinstance(wanted := dtypes.read_dtype(size[0]), dtypes.dtype):
            return view_dtype(input, wanted)
        raise
    if isinstance(found, Layout):
        return look_in_shape(input, found)
    raise view_error(input, found)


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """Return the elements in another shape: a view where the strides allow, else a copy.

    Args:
        *sizes: The shape, as several ints or one sequence; one size may be -1.
        shape: The same by name.

    Raises:
        RuntimeError: If the sizes do not fit.

    >>> import minitensor as torch
    >>> torch.arange(6).view(2, 3).t().reshape(-1)
    tensor([0, 3, 1, 4, 2, 5])
    """
    if active and (taken := override_function(reshape, (input, *sizes), given_by_name(shape=shape))) is not PROCEED:
        return taken  # type: ignore[no-any-return]  # what takes the place of the result
    given = sizes if shape is None else sizes_from_list("reshape", "shape", shape)
    found = view_layout(layout_of("reshape", input), sizes_of("reshape", given))
    return look_in_shape(input, found) if isinstance(found, Layout) else copy_rows(input, found)


def copy_rows(input: Tensor, shape: Shape) -> Tensor:
    """Return a copy of the elements, row by row, in another shape; record it for a gradient or an interpreter."""
    if input.node is not None or active:
        return copy_in_shape(input, shape)
    try:
        array = input.array.copy()
    except EncodedError:
        return copy_in_shape(input, shape)
    copy: Tensor = fresh(input.result_class, array.reshape(shape))  # half the time of a recorded copy
    if tracing.get():
        record_copy("reshape", copy.array)
    return copy


@composite
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Return a view of the same memory with the shape of ``other``; see ``view``.

    >>> import minitensor as torch
    >>> torch.arange(4).view_as(torch.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return view(input, other.layout.shape)


@composite
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the elements in the shape of ``other``.

    >>> import minitensor as torch
    >>> torch.arange(4).reshape_as(torch.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return reshape(input, other.layout.shape)


@composite
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge the dims from ``start_dim`` to ``end_dim``, both included, into one: a view where the strides allow.

    (N, C, H, W) with ``start_dim=1`` becomes (N, C*H*W).

    Raises:
        IndexError: If a dim is out of range.
        RuntimeError: If ``start_dim`` comes after ``end_dim``.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3, 4).flatten(start_dim=1).shape
    torch.Size([2, 12])
    """
    layout = layout_of("flatten", input)
    flat = flattened_shape(layout.shape, start_dim, end_dim)
    if flat == layout.shape:
        return input
    found = view_layout(layout, flat)
    return look_in_shape(input, found) if isinstance(found, Layout) else copy_rows(input, found)


@composite
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split ``dim`` into several dims of ``sizes``, one of which may be -1. Returns a view.

    >>> import minitensor as torch
    >>> torch.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    return view(input, unflattened_shape(input.layout.shape, dim, normalize_sizes(sizes)))


@composite
def ravel(input: Tensor) -> Tensor:
    """Return all elements in one dim: a view of a contiguous tensor, else a copy.

    >>> import minitensor as torch
    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(contiguous(input), -1)


# -- dims in another order ---------------------------------------------------------------------------------------------


@declare.view(input=lambda grad, dim0, dim1: grad.transpose(dim0, dim1))
def transpose(input: Tensor, dim0: int, dim1: int) -> Layout:
    """Swap the dims ``dim0`` and ``dim1``. Returns a view.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3, 4).transpose(0, 2).shape
    torch.Size([4, 3, 2])
    """
    return layouts.transpose(input._layout or input.layout, dim0, dim1)


swapdims = transpose


@declare.view(input=lambda grad: grad.t())
def t(input: Tensor) -> Layout:
    """Swap the two dims of a matrix; a vector or 0-d tensor stays as it is. Returns a view.

    Raises:
        RuntimeError: If the tensor has more than two dims.

    >>> import minitensor as torch
    >>> torch.t(torch.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    layout = input._layout or input.layout
    if len(layout.shape) > 2:
        raise ShapeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(layout.shape)}D; use transpose(dim0, dim1)"
        )
    return layouts.transpose(layout, 0, -1)


@declare.look(name="permute", input=lambda grad, dims: grad.permute(inverse_order(dims)))
def look_in_order(input: Tensor, layout: Layout, dims: Shape) -> Layout:
    """Return a view with the dims in another order."""
    return layout


def permute(input: Tensor, *places: Any, dims: Any = None) -> Tensor:
    """Put the dims in another order, in which each is named once. Returns a view.

    Args:
        *places: The dims in their new order, as several ints.
        dims: The same as one sequence.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    if active and (found := override_function(permute, (input, *places), given_by_name(dims=dims))) is not PROCEED:
        return found  # type: ignore[no-any-return]  # what takes the place of the result
    order = sizes_of("permute", places if dims is None else sizes_from_list("permute", "dims", dims))
    return look_in_order(input, layouts.permute(layout_of("permute", input), order), order)


@memoize
def inverse_order(dims: Shape) -> Shape:
    """Return the permutation that undoes another."""
    wrapped = wrap_dims(dims, len(dims))
    return tuple(sorted(range(len(dims)), key=wrapped.__getitem__))


@composite
def movedim(input: Tensor, source: ListedDims, destination: ListedDims) -> Tensor:
    """Move the dims ``source`` to the places ``destination``; the others keep their order. Returns a view.

    Raises:
        TypeError: If ``source`` and ``destination`` are not both ints or both sequences.
        RuntimeError: If they have different lengths.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3, 4).movedim(0, -1).shape
    torch.Size([3, 4, 2])
    """
    if isinstance(source, (list, tuple)) != isinstance(destination, (list, tuple)):
        raise ArgumentTypeError(
            f"movedim(): source and destination must both be ints or both be sequences, got {quote(source)} and "
            f"{quote(destination)}"
        )
    layout = input._layout or input.layout
    moves = normalize_sizes(source), normalize_sizes(destination)
    return look_in_order(input, layouts.movedim(layout, *moves), layouts.order_after_moves(len(layout.shape), *moves))


moveaxis = movedim


# -- dims added and removed --------------------------------------------------------------------------------------------


@declare.view(input=lambda grad, in_shape: grad.reshape(in_shape))
def unsqueeze(input: Tensor, dim: int) -> Layout:
    """Insert a dim of size 1 before ``dim``, from ``-ndim - 1`` to ``ndim``. Returns a view.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).unsqueeze(1).shape
    torch.Size([2, 1, 3])
    """
    return layouts.unsqueeze(input._layout or input.layout, dim)


@declare.view(input=lambda grad, in_shape, dim: grad.reshape(in_shape))  # the node's name tells of `dim`
def squeeze(input: Tensor, dim: Count | Sequence[int] | None = None) -> Layout:
    """Remove all dims of size 1, or those among ``dim``, an int or several. Returns a view.

    >>> import minitensor as torch
    >>> torch.zeros(1, 3, 1).squeeze().shape, torch.zeros(1, 3, 1).squeeze(0).shape
    (torch.Size([3]), torch.Size([3, 1]))
    """
    layout = input._layout or input.layout
    if dim is None:
        return layouts.squeeze(layout)
    return layouts.squeeze_dims(layout, dim if dim.__class__ is int else normalize_sizes(dim))


@declare.look(name="expand", input=lambda grad: grad)
def look_at_repeats(input: Tensor, layout: Layout) -> Layout:
    """Return a view with dims of stride 0."""
    return layout


def expand_to(input: Tensor, sizes: Shape) -> Tensor:
    """Return a view with dims of stride 0, given all sizes as a tuple of ints."""
    try:
        layout = layouts.expand(layout_of("expand", input), sizes)
    except ShapeError as error:
        raise set_cause(clarify("expand", error, [("size", sizes)], {}), error)  # noqa: B904  # its cause is set
    return look_at_repeats(input, layout)


def expand(input: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Repeat dims of size 1 without copying, and add dims in front; -1 keeps a size. Returns a view of stride 0.

    Args:
        *sizes: The shape, as several ints or one sequence.
        size: The same by name.
        implicit: Unused; kept for PyTorch compatibility.

    Raises:
        RuntimeError: If a size other than 1 would change.

    >>> import minitensor as torch
    >>> torch.zeros(3, 1).expand(2, -1, 4).stride()
    (0, 1, 0)
    """
    if implicit.__class__ is not bool:
        raise type_error("expand", "implicit", "bool", implicit)
    return expand_to(input, sizes_of("expand", sizes if size is None else (size,)))


@composite
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Expand to the shape of ``other``; see ``expand``.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).expand_as(torch.ones(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand_to(input, other.layout.shape)


# -- parts -------------------------------------------------------------------------------------------------------------


@declare.view(input=lambda grad, dim, start, length, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.narrow(layouts.contiguous(in_shape), dim, start, length)
))
def narrow(input: Tensor, dim: int, start: int, length: Count) -> Layout:
    """Return a view of ``length`` entries of ``dim``, from ``start`` on.

    Raises:
        IndexError: If ``start`` is out of range.
        RuntimeError: If ``length`` is negative, or the slice ends behind the dim.

    >>> import minitensor as torch
    >>> torch.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    return layouts.narrow(input._layout or input.layout, dim, start, length)


@declare.view(input=lambda grad, dim, index, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.select(layouts.contiguous(in_shape), dim, index)
))
def select(input: Tensor, dim: int, index: Count) -> Layout:
    """Return a view of entry ``index`` of ``dim``, without that dim.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).select(1, 0)
    tensor([1, 3])
    """
    return layouts.select(input._layout or input.layout, dim, index)


@declare.view(input=lambda grad, dimension, size, step, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.unfold(layouts.contiguous(in_shape), dimension, size, step)
))
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Layout:
    """Return a view of windows of ``size`` entries of ``dimension``, ``step`` apart; a new last dim holds each window.

    >>> import minitensor as torch
    >>> torch.arange(5).unfold(0, 3, 1)
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    return layouts.unfold(input._layout or input.layout, dimension, size, step)


@declare.view(input=lambda grad, offset, dim1, dim2, in_shape: place(
    grad, layouts.contiguous(in_shape), layouts.diagonal(layouts.contiguous(in_shape), offset, dim1, dim2)
))
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Layout:
    """Return a view of the diagonal of two dims, as a new last dim; ``offset`` > 0 is above the main diagonal.

    Args:
        offset: Which diagonal: 0 is the main one, 1 the one above it. Default: ``0``.
        dim1: The dim of the rows. Default: ``0``.
        dim2: The dim of the columns. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    return layouts.diagonal(input._layout or input.layout, offset, dim1, dim2)


def as_strided_grad(grad: Tensor, layout: Layout, home: Layout) -> Tensor:
    """Return the gradient of ``as_strided``; elements in the same cell share what arrives there."""
    if not layouts.has_overlap(home):
        return place(grad, home, layout)
    low, high = common_extent(home, layout)
    memory = Layout((high - low,), (1,), low)
    times = place(expand_to(grad.new_ones(()), home.shape), memory, home)
    # Elements of the input that share a cell get equal parts of its gradient, as in PyTorch.
    return pick(place(grad, memory, layout), memory, home) / pick(times, memory, home)


@declare.look(name="as_strided", input=as_strided_grad)
def look_by_strides(input: Tensor, layout: Layout, home: Layout) -> Layout:
    """Return a view of the storage around the tensor."""
    return layout


@composite
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: Count | None = None
) -> Tensor:
    """Return a view of the storage with any sizes, strides and offset that stay inside it; all count elements.

    Args:
        size: The shape.
        stride: The strides, in elements.
        storage_offset: The first element. Default: ``None``, the input's.

    Raises:
        RuntimeError: If the view would reach beyond the storage.

    >>> import minitensor as torch
    >>> torch.arange(5).as_strided((2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    home = input._layout or input.layout
    offset = home.offset if storage_offset is None else storage_offset
    layout = layouts.as_strided(normalize_sizes(size), normalize_sizes(stride), offset, input.storage.numel())
    return look_by_strides(input, layout, home)


# -- in place ----------------------------------------------------------------------------------------------------------


def make_inplace(operation: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Make the in-place version of a view operation: the tensor itself gets the layout and the node of the view."""

    @composite_as(operation.__name__ + "_")
    @functools.wraps(operation)
    def call(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        input: Any = args[0] if args else kwargs["input"]
        is_leaf = input._node.__class__ is Leaf
        if grad_mode.get():
            refuse_leaf(operation.__name__ + "_", input)
        # A leaf comes here under no_grad alone. It stays a leaf, and its node gets the new shape.
        token = grad_mode.set(with_recording(not is_leaf))
        try:
            seen: Any = operation(*args, **kwargs)
        finally:
            grad_mode.reset(token)
        input._layout, input.storage.version = seen._layout, input.storage.version + 1
        renew_array(input)
        if is_leaf:
            input._node.describe(input)
        else:
            input._node = seen._node
        if input._base is not None:
            input._seen = input.storage.version
        if active:
            input.result_class._dual_level.hand_over(seen, input)
        return input  # type: ignore[no-any-return]  # its slots are written to

    name = operation.__name__
    call.__doc__ = f"Change ``input`` in place into the view that ``{name}`` returns; arguments as for ``{name}``."
    return call


transpose_ = swapdims_ = make_inplace(transpose)
t_ = make_inplace(t)
unsqueeze_ = make_inplace(unsqueeze)
squeeze_ = make_inplace(squeeze)
as_strided_ = make_inplace(as_strided)
