"""Slices of one dim at the positions of a vector: read, add, copy, fill, reduce.

Positions are checked before anything is written; negative ones are refused, as in PyTorch, except by ``index_fill``.
A position for each element is in ``scatter.py``, ``x[...]`` in ``index.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.backends.silence import in_silence
from minitensor.base import TensorBase
from minitensor.dtypes import bool_, int64
from minitensor.errors import DtypeError, InvalidIndexError, ShapeError, ShapeIndexError
from minitensor.ops.aliasing import writes
from minitensor.ops.choice import where
from minitensor.ops.copy import writable_copy
from minitensor.ops.fill import as_single_value
from minitensor.ops.index import (
    add_at,
    key_of,
    take_at,
    wrap_positions,
    write_rows,
)
from minitensor.ops.kinds import require_index
from minitensor.ops.operand import fit_number, require_tensors
from minitensor.ops.out import write_out
from minitensor.ops.scatter import REDUCTIONS, check_positions, check_reduction, copy_if_shared, reduce_into
from minitensor.ops.shape import expand, reshape, view
from minitensor.scalars import fit
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Number, Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def check_slices(name: str, input: Tensor, dim: int, index: Any) -> tuple[int, Any]:
    """Return the dim and a vector of positions in it, checked."""
    require_tensors(name, input=input, index=index)
    dim, index = as_index_vector(name, input, dim, index)
    check_positions(name, index, dim, input.layout.shape[dim] if input.ndim else 1)
    return dim, index


def as_index_vector(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[int, Tensor]:
    """Return the dim and the index as a vector; a 0-d index becomes a vector of one."""
    if index.ndim > 1:
        raise InvalidIndexError(f"{name}(): index is supposed to be a vector, got shape {tuple(index.shape)}")
    return wrap_dim(dim, input.ndim), index if index.ndim else reshape(index, 1)


def index_of_dim(dim: int, index: Tensor, ndim: int) -> tuple[Tensor | None, ...]:
    """Return an index that has positions for one dim and None for the others."""
    return (None,) * dim + (index,) + (None,) * (ndim - dim - 1)


def as_vector(input: Tensor) -> Tensor:
    """Return a 0-d tensor as a view with one dim, other tensors as they are."""
    return input if input.ndim else view(input, 1)


def as_slices(input: Tensor, source: Tensor) -> Tensor:
    """Return the source as slices; for a 0-d input only a 0-d source is accepted, as in PyTorch."""
    if not input.ndim and source.ndim:
        raise ShapeError(f"source of shape {list(source.shape)} for a 0-d tensor: expected a 0-d source")
    return as_vector(source)


def index_select_grad(grad: Tensor, dim: int, index: Tensor, in_shape: Shape) -> Tensor:
    """Add the gradient at the positions that were read."""
    if not in_shape:
        return grad
    return add_at(grad, index_of_dim(dim, index, len(in_shape)), in_shape)


def prepare_index_select(input: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int, Tensor]:
    """Return the dim as a non-negative number and the positions as a vector, checked; one position for a 0-d input."""
    dim, index = check_slices("index_select", input, dim, index)
    if not input.ndim and index.numel() != 1:
        raise ShapeError(f"index_select(): expected one position for a 0-d tensor, got {index.numel()}")
    return input, dim, index


@differentiable(prepare=prepare_index_select, input=index_select_grad)
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the slices of ``dim`` at the positions of a vector, which may repeat.

    Args:
        index: The positions, a vector of int32 or int64.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim`` (one class, a child of both).

    >>> import minitensor as torch
    >>> torch.tensor([10, 20, 30]).index_select(0, torch.tensor([2, 0, 2]))
    tensor([30, 10, 30])
    """
    array = input.array
    if not input.ndim:
        number: Array = array.copy()
        return number
    if array.flags.c_contiguous:
        return input.backend.take(array, index.array, dim)
    return take_at(input, {dim: index.array})


def check_source(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    """Raise unless the source has one slice for each position."""
    require_tensors(name, source=source)
    wanted = list(input.layout.shape)
    wanted[dim] = index.numel()
    if list(source.layout.shape) != wanted:
        raise ShapeError(
            f"{name}(): source of shape {list(source.layout.shape)} does not fit: {index.numel()} positions in dim "
            f"{dim} of a tensor of shape {list(input.layout.shape)} need {wanted}"
        )
    if source.dtype is not input.dtype:
        raise DtypeError(
            f"{name}(): self ({input.dtype.name}) and source ({source.dtype.name}) must have the same dtype"
        )


def prepare_index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Number
) -> tuple[Tensor, int, Tensor, Tensor, Number]:
    """Return a 0-d input and source as vectors, and checked positions."""
    dim, index = check_slices("index_add_", input, dim, index)
    require_tensors("index_add_", source=source)
    target, source = as_vector(input), as_slices(input, source)
    check_source("index_add_", target, dim, index, source)
    fit(alpha, input.dtype.arithmetic)
    return target, dim, index, source, alpha


@writes(
    prepare=prepare_index_add,
    input=lambda grad: grad,
    source=lambda grad, dim, index, alpha: grad.index_select(dim, index) * alpha,
)
def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> None:
    """Add the slices of ``source``, times ``alpha``, in place to those of ``dim`` at the positions of a vector."""
    given = source.array if alpha == 1 else source.array * fit_number(alpha, source.array.dtype, source.array)
    write_rows(input, lambda rows: in_silence(input.backend.add_slices, rows, dim, index.array, given))


@composite
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return a copy with the slices of ``source``, times ``alpha``, added at positions of ``dim``.

    Repeated positions add up.

    Args:
        index: The positions, a vector of int32 or int64.
        source: A tensor of the input's shape, but with as many entries along ``dim`` as ``index``.
        alpha: Multiplies ``source``. Default: ``1``.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim`` (one class, a child of both).
        RuntimeError: If the shape or dtype of ``source`` does not fit.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_add(0, torch.tensor([2, 0, 2]), torch.tensor([1., 2., 3.]))
    tensor([2., 0., 4.])
    """
    input, source = in_turn(input, source)
    made = writable_copy(input, index, source).contiguous()
    return write_out("index_add", index_add_(made, dim, index, source, alpha=alpha), out, input, index, source)


def prepare_index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> tuple[Tensor, int, Tensor, Tensor]:
    """Return a 0-d input and source as vectors, and checked positions."""
    dim, index = check_slices("index_copy_", input, dim, index)
    require_tensors("index_copy_", source=source)
    require_index("index_copy_", index, int64)
    if input.ndim == source.ndim and source.ndim and index.numel() != source.shape[dim]:
        raise ShapeIndexError(
            f"index_copy_(): number of indices ({index.numel()}) should be equal to source.size({dim}) "
            f"({source.shape[dim]}): source of shape {list(source.shape)}"
        )
    target, source = as_vector(input), as_vector(source)
    check_source("index_copy_", target, dim, index, source)
    return target, dim, index, source


@writes(
    prepare=prepare_index_copy,
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    source=lambda grad, dim, index: grad.index_select(dim, index),
)
def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    """Replace the slices of ``dim`` at the positions of a vector by those of ``source``, in place."""
    input.array[key_of(index_of_dim(dim, index, input.ndim))] = source.array


@composite
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a copy with the slices of ``dim`` at positions replaced by those of ``source``.

    Args:
        index: The positions, a vector of int64.
        source: A tensor of the input's shape, but with as many entries along ``dim`` as ``index``.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim``, or ``source`` has not one slice for
            each.
        RuntimeError: If the shape or dtype of ``source`` does not fit.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_copy(0, torch.tensor([2, 0]), torch.tensor([1., 2.]))
    tensor([2., 0., 1.])
    """
    input, source = in_turn(input, source)
    made = writable_copy(input, index, source).contiguous()
    return write_out("index_copy", index_copy_(made, dim, index, source), out, input, index, source)


def index_fill_value_grad(grad: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the gradient where the number was written; a repeated position was written once."""
    choice = grad.new_zeros(grad.layout.shape, dtype=bool_).index_fill(dim, index, True)
    kept: Tensor = where(choice, grad, 0)
    return kept


def prepare_index_fill(input: Tensor, dim: int, index: Tensor, value: Operand) -> tuple[Tensor, int, Tensor, Operand]:
    """Return a 0-d input as a vector, and positions, of which negative ones count from the end."""
    require_tensors("index_fill_", input=input, index=index)
    dim = wrap_dim(dim, input.ndim)
    if index.dtype is not int64:
        raise InvalidIndexError(
            f"index_fill_(): expected dtype int64 for index, got {index.dtype.name}; cast with .long()"
        )
    complex_value = value.dtype.is_complex if isinstance(value, TensorBase) else isinstance(value, complex)
    if complex_value and not input.dtype.is_complex:
        raise DtypeError(f"index_fill_(): a complex value does not fit {input.dtype.name}; take .real or .abs()")
    dim, index = as_index_vector("index_fill_", input, dim, index)
    target = as_vector(input)
    return target, dim, wrap_positions(index, dim, target.layout.shape[dim]), value


@writes(
    prepare=prepare_index_fill,
    overlaps="deprecated",
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    value=index_fill_value_grad,
)
def index_fill_(input: Tensor, dim: int, index: Tensor, value: Operand) -> None:
    """Write one number in place into the slices of ``dim`` at the positions of a vector, also negative ones."""
    input.array[key_of(index_of_dim(dim, index, input.ndim))] = as_single_value("index_fill_", value, input)


@composite
def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """Return a copy with one number in the slices of ``dim`` at positions; negative ones count from the end.

    Args:
        index: The positions, a vector of int64.
        value: The number, or a 0-d tensor.

    Raises:
        IndexError: If ``index`` is not of int64, or a position is out of range.
        RuntimeError: If ``value`` is complex and the input is not.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_fill(0, torch.tensor([0, -1]), 1)
    tensor([1., 0., 1.])
    """
    input, value = in_turn(input, value)
    return index_fill_(writable_copy(input, index, value), dim, index, value)


@composite
def index_reduce_(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Reduce the slices of ``source`` in place into those of ``dim`` at the positions of a vector."""
    check_reduction("index_reduce", reduce, REDUCTIONS[1:])
    dim, index = check_slices("index_reduce_", input, dim, index)
    require_tensors("index_reduce_", source=source)
    target, source = as_vector(input), as_slices(input, source)
    check_source("index_reduce_", target, dim, index, source)
    shape = [1] * target.ndim
    shape[dim] = index.numel()
    places = copy_if_shared(expand(reshape(index, tuple(shape)), source.layout.shape), input)
    reduce_into(target, dim, places, copy_if_shared(source, input), reduce, include_self)
    return input


@composite
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy with the slices of ``source`` reduced into it by "prod", "mean", "amax" or "amin".

    Args:
        index: The positions, a vector of int32 or int64.
        source: A tensor of the input's shape, but with as many entries along ``dim`` as ``index``.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: Whether the old values take part. Default: ``True``.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim``.
        RuntimeError: If ``reduce`` is unknown, or the shape or dtype of ``source`` does not fit.

    >>> import minitensor as torch
    >>> torch.zeros(2).index_reduce(0, torch.tensor([1, 1]), torch.tensor([3., 5.]), "amax")
    tensor([0., 5.])
    """
    input, source = in_turn(input, source)
    made = writable_copy(input, index, source).contiguous()
    index_reduce_(made, dim, index, source, reduce, include_self=include_self)
    return write_out("index_reduce", made, out, input, index, source)


@composite
def slice_inverse(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Return the window on the memory of the input that ``src`` is on its own; the other arguments have no effect.

    Args:
        src: A slice of the input.
        dim, start, end, step: How it was taken.

    >>> import minitensor as torch
    >>> x = torch.arange(4)
    >>> torch.slice_inverse(x, x[1:3], 0, 1, 3)
    tensor([1, 2])
    """
    return input.as_strided(src.shape, src.stride(), src.storage_offset())
