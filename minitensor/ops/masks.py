"""Elements selected by a mask: fill them, read them in order, replace them; and the positions of nonzero elements.

A mask broadcasts against the tensor. Selecting and putting back are each other's gradients. Integer positions are in
``index.py``, ``slices.py`` and ``scatter.py``.
"""

from __future__ import annotations

from operator import index as as_index
from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.last_steps import rename
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, row_major
from minitensor.autograd.turns import in_turn
from minitensor.backends import holds_data
from minitensor.base import TensorBase, memory_of
from minitensor.dtypes import INTEGRAL, int64
from minitensor.errors import DtypeError, ShapeError, UsageError
from minitensor.layouts import Layout
from minitensor.ops.aliasing import writes
from minitensor.ops.broadcast import broadcast_tensors
from minitensor.ops.copy import writable_copy
from minitensor.ops.fill import as_single_value, check_expands
from minitensor.ops.join import cat, unbind
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import require_out, write_out
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def require_mask(name: str, mask: Any) -> Array:
    """Return a mask's array; raise unless it holds bools."""
    require_tensors(name, mask=mask)
    if mask.dtype.kind != "b":
        raise DtypeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype.name}")
    return mask.array  # type: ignore[no-any-return]  # an Array


def check_broadcasts(name: str, input: Tensor, mask: Tensor) -> None:
    """Raise unless the mask and the input broadcast."""
    try:
        broadcast_shapes(input.layout.shape, mask.layout.shape)
    except ShapeError as error:
        raise ShapeError(f"{name}: {error}") from None


# -- one number --------------------------------------------------------------------------------------------------------


def filler(value: Any, input: Tensor) -> Array:
    """Return a number or 0-d tensor as a 0-d array of the input's dtype."""
    if isinstance(value, TensorBase) and value.is_complex() and not input.is_complex():
        value = value.item()
    return input.xp.asarray(as_single_value("masked_fill", value, input), dtype=input.array.dtype)


def prepare_masked_fill(input: Tensor, mask: Tensor, value: Operand) -> tuple[Tensor, Tensor, Operand]:
    """Detach the value if the input holds integers: no gradient goes through them."""
    is_constant = isinstance(value, TensorBase) and input.dtype.category <= INTEGRAL
    return input, mask, value.detach() if is_constant else value  # type: ignore[union-attr]  # a tensor then


@differentiable(
    prepare=prepare_masked_fill,
    input=lambda grad, mask: grad.masked_fill(mask, 0),
    value=lambda grad, mask: grad.where(mask, 0),
)
@in_layout(row_major)
def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Array:
    """Return a copy with ``value``, a number or a 0-d tensor, where ``mask`` is True; the mask broadcasts.

    Raises:
        RuntimeError: If the mask does not hold bools or does not broadcast, or ``value`` does not fit the dtype.

    >>> import minitensor as torch
    >>> torch.tensor([1., 2.]).masked_fill(torch.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    return input.backend.where(require_mask("masked_fill", mask), filler(value, input), input.array)


@writes(
    overlaps="deprecated",
    input=lambda grad, mask: grad.masked_fill(mask, 0), value=lambda grad, mask: grad.where(mask, 0),
)
def masked_fill_(input: Tensor, mask: Tensor, value: Operand) -> None:
    """Write ``value``, a number or a 0-d tensor, where ``mask`` is True, in place; the mask broadcasts."""
    require_mask("masked_fill_", mask)
    check_expands("masked_fill_", mask, input)
    input.backend.fill_where(input.array, mask.array, filler(value, input))


# -- in order ----------------------------------------------------------------------------------------------------------


def masked_select_grad(grad: Tensor, mask: Tensor) -> Tensor:
    """Put the gradient of selected elements back where the mask is True."""
    return unselect(grad, mask)


def unselect_grad(grad: Tensor, mask: Tensor) -> Tensor:
    """Return the gradient of the elements: those where the mask is True."""
    return masked_select(grad, mask)


@differentiable(input=unselect_grad)
def unselect(input: Tensor, mask: Tensor) -> Array:
    """Return zeros with the elements of a vector, in order, where the mask is True."""
    zeros = input.xp.zeros(mask.array.shape, input.array.dtype)
    input.backend.place_where(zeros, mask.array, input.array)
    return zeros


def prepare_masked_select(input: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
    """Expand both to one shape."""
    require_tensors("masked_select", input=input)
    require_mask("masked_select", mask)
    if input.layout.shape == mask.layout.shape:
        return input, mask
    check_broadcasts("masked_select", input, mask)
    return broadcast_tensors(input, mask)


@differentiable(prepare=prepare_masked_select, input=masked_select_grad)
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the elements where ``mask`` is True as a vector; input and mask broadcast.

    Raises:
        RuntimeError: If ``mask`` does not hold bools, or the shapes do not broadcast.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2, 3]).masked_select(torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    return input.backend.compress(input.array, mask.array)


def index_by_mask(input: Tensor, mask: Tensor) -> Tensor:
    """Return ``input[mask]``: ``masked_select`` under the name that a node of indexing has."""
    found = masked_select(input, mask)
    if found._node is not None:
        rename(found._node, "Index")
    return found


def masked_scatter_source_grad(grad: Tensor, mask: Tensor, in_shape: Shape) -> Tensor:
    """Return the gradient of the source: ``grad`` where the mask is True, and zeros for unused elements."""
    if not holds_data(mask.array):
        return grad.new_empty(in_shape)
    used = masked_select(grad, mask)
    rest = used.new_zeros(layouts.numel(in_shape) - used.numel())
    return cat([used, rest]).reshape(in_shape)


def prepare_masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Expand the mask; raise unless the source has the input's dtype."""
    require_mask("masked_scatter_", mask)
    require_tensors("masked_scatter_", source=source)
    check_expands("masked_scatter_", mask, input)
    if source.dtype is not input.dtype:
        raise DtypeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype.name} and "
            f"{source.dtype.name}; cast the source first"
        )
    return input, mask.expand(input.layout.shape), source


@writes(
    prepare=prepare_masked_scatter,
    input=lambda grad, mask: grad.masked_fill(mask, 0),
    source=masked_scatter_source_grad,
)
def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> None:
    """Write the elements of ``source``, in order, where ``mask`` is True, in place; unused ones are ignored."""
    values = source.array.reshape(-1)
    if not holds_data(mask.array):
        return
    count = int(input.xp.count_nonzero(mask.array))
    if count > values.size:
        raise ShapeError(
            f"masked_scatter: expected self and source to have same number of elements: the mask chooses {count}, the "
            f"source has {values.size}"
        )
    input.backend.place_where(input.array, mask.array, values[:count])


@composite
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy with the elements of ``source``, in order, where ``mask`` is True.

    Raises:
        RuntimeError: If ``source`` has too few elements or another dtype, or the mask does not hold bools.

    >>> import minitensor as torch
    >>> torch.zeros(3).masked_scatter(torch.tensor([True, False, True]), torch.tensor([1., 2., 3.]))
    tensor([1., 0., 2.])
    """
    require_tensors("masked_scatter", mask=mask)
    check_broadcasts("masked_scatter", input, mask)
    input, source = in_turn(input, source)
    spread, chosen = broadcast_tensors(input, mask)
    return masked_scatter_(writable_copy(spread, chosen, source).contiguous(), chosen, source)


# -- positions of nonzero elements -------------------------------------------------------------------------------------


def in_columns(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of rows of positions: one dim's positions after another's."""
    return Layout(shape, (1, shape[0]), 0)


@nondifferentiable
@in_layout(in_columns, always=True)
def argwhere(input: Tensor) -> Array:
    """Return the positions of the nonzero elements as rows of a (count, ndim) tensor.

    >>> import minitensor as torch
    >>> torch.argwhere(torch.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return input.backend.argwhere(input.array)


@composite
def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """Return the positions of the nonzero elements: as rows of (count, ndim), or as a tuple of one vector for each dim.

    Args:
        as_tuple: Return a vector of positions for each dim, instead of a matrix with a row for each element.

    Raises:
        RuntimeError: If ``out`` is given together with ``as_tuple``.

    >>> import minitensor as torch
    >>> torch.tensor([0, 5, 7]).nonzero()
    tensor([[1],
            [2]])
    """
    if not as_tuple:
        return write_out("nonzero", argwhere(input), out)
    if out is not None:
        require_out("nonzero", out)
        raise UsageError("nonzero(): out= takes no tuple of tensors; omit as_tuple or out")
    return unbind(argwhere(input if input.ndim else input.unsqueeze(0)), 1)


def positions_of_mask(mask: Tensor, behind: int, values: Any) -> Any:
    """Return the positions of a mask's true elements, one vector for each dim. ``values`` are to be written there.

    Without data, a mask is taken to choose as many elements as there are values; ``behind`` dims follow its own.
    """
    if values is None or holds_data(mask.array):
        return nonzero(mask, as_tuple=True)
    shape = values.layout.shape if isinstance(values, TensorBase) else ()
    count = shape[-1 - behind] if len(shape) > behind else 1
    return tuple([mask.new_empty(count, dtype=int64) for _ in range(mask.ndim)])


@composite
def nonzero_static(input: Tensor, *, size: Count, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """Return the first ``size`` positions of nonzero elements, (size, ndim), filled up with ``fill_value``.

    Raises:
        RuntimeError: If ``size`` is negative.

    >>> import minitensor as torch
    >>> torch.nonzero_static(torch.tensor([0, 5]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise ShapeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    if not holds_data(memory_of(input)):
        return write_out("nonzero_static", input.new_empty((input.ndim, size), dtype=int64).t(), out)
    found = argwhere(input)[:size]
    rows = found.new_full((size, input.ndim), as_index(fill_value))
    rows[: len(found)] = found
    return write_out("nonzero_static", rows, out)
