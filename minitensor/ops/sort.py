"""Sorting: whole dims, the k largest elements, the k-th smallest, and search in sorted sequences.

Sorting returns values and the indices they were taken from. NaN counts as the largest number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import as_input, in_layout
from minitensor.base import TensorBase, elements_of, wrap
from minitensor.compat.once import warn_once
from minitensor.dtypes import FROM_NUMPY, int64
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UnsupportedDtypeError
from minitensor.layouts import is_contiguous
from minitensor.ops import return_types
from minitensor.ops.extremes import choose_along, pick_array, place_along, require_sizes, selected_grad
from minitensor.ops.kinds import REALS, of_kind, require_kind
from minitensor.ops.operand import operands, same_device
from minitensor.ops.out import write_out
from minitensor.ops.reduce import axes
from minitensor.shapes import as_int, wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count, Switch
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- sorting -----------------------------------------------------------------------------------------------------------


def require_order(name: str, input: Tensor) -> Array:
    """Return the array; raise for complex numbers, which have no order."""
    refuse_complex(name, input)
    return input.array


def refuse_complex(name: str, input: Tensor) -> None:
    """Raise for complex numbers, which have no order."""
    if input.dtype.is_complex:
        raise UnsupportedDtypeError(f"{name}: complex numbers have no order; sort by abs() or by a part")


def along_dim(input: Tensor, dim: int, descending: bool, stable: Any) -> tuple[Tensor, int, bool, bool]:
    """Return ``dim`` as a non-negative number, and bools."""
    return input, wrap_dim(dim, input.ndim), bool(descending), bool(stable)


@differentiable(
    prepare=along_dim,
    returns=return_types.sort,
    input=lambda grads, result1, dim, in_shape: place_along(grads[0], result1, dim, in_shape),
)
@in_layout(as_input)
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: Switch = False, *, out: Any = None
) -> tuple[Array, Array]:
    """Sort along ``dim``; return a named tuple of values and the indices they were taken from.

    Args:
        descending: Whether the largest comes first. Default: ``False``.
        stable: Unused; equal elements always keep their order.

    Raises:
        NotImplementedError: If ``input`` is complex.
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.sort(torch.tensor([3, 1, 2]), descending=True).values
    tensor([3, 2, 1])
    """
    index = input.backend.argsort(require_order("sort", input), dim, descending)
    return pick_array(input.backend, input.array, index, dim), index


@nondifferentiable(prepare=along_dim)
@in_layout(as_input)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Array:
    """Return the indices that sort along ``dim``; equal elements keep their order.

    Args:
        descending: Whether the largest comes first. Default: ``False``.
        stable: Unused; equal elements always keep their order. Default: ``False``.

    Raises:
        NotImplementedError: If ``input`` is complex.
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return input.backend.argsort(require_order("argsort", input), dim, descending)


@composite
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the elements sorted along the first dim.

    >>> import minitensor as torch
    >>> torch.msort(torch.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    values: Tensor = sort(input, 0).values
    return write_out("msort", values, out, input)


# -- the k largest, the k-th -------------------------------------------------------------------------------------------


def take_ranks(
    input: Tensor, k: int, dim: int, largest: bool, sorted: bool
) -> tuple[Tensor, int, int, bool, bool]:
    """Return ``dim`` as a non-negative number, and ``k`` as an int; raise unless the dim has as many elements."""
    dim, k = wrap_dim(dim, input.ndim), as_int(k)
    size = input.shape[dim] if input.ndim else 1
    require_kind("topk", REALS, input)
    if not 0 <= k <= size:
        raise ShapeError(f"topk: selected index k out of range: k = {k}, dimension {dim} has {size} elements")
    return input, k, dim, bool(largest), sorted


@differentiable(
    prepare=take_ranks,
    returns=return_types.topk,
    input=lambda grads, result1, dim, in_shape: place_along(grads[0], result1, dim, in_shape),
)
def topk(
    input: Tensor, k: Count, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None
) -> tuple[Array, Array]:
    """Return the ``k`` largest elements along ``dim`` in descending order, and their indices.

    Args:
        largest: False gives the ``k`` smallest, in ascending order.
        sorted: unused; the result is always sorted.

    Raises:
        RuntimeError: If ``k`` is negative or larger than the dim.

    >>> import minitensor as torch
    >>> torch.topk(torch.tensor([3, 1, 4, 2]), 2).values
    tensor([4, 3])
    """
    xp, array = input.xp, input.array
    if not array.ndim:
        return array[None][:k].reshape(() if k else (0,)).copy(), xp.zeros(() if k else (0,), "int64")
    index = input.backend.argtop(array, k, dim, largest)
    return pick_array(input.backend, array, index, dim), index


def take_rank(input: Tensor, k: int, dim: int, keepdim: bool) -> tuple[Tensor, int, int, bool]:
    """Return ``dim`` as a non-negative number, and ``k`` as an int; raise unless the dim has as many elements."""
    dim, k = wrap_dim(dim, input.ndim), as_int(k)
    size = input.shape[dim] if input.ndim else 1
    if not input.numel():
        require_sizes("kthvalue", input.layout.shape, axes(dim, input.ndim))
    require_kind("kthvalue", REALS, input)
    if not 1 <= k <= size:
        raise ShapeError(f"kthvalue: selected number k out of range for dimension {dim}: {k} of {size} elements")
    return input, k, dim, keepdim


@differentiable(prepare=take_rank, returns=return_types.kthvalue, input=selected_grad)
def kthvalue(input: Tensor, k: Count, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> tuple[Array, Array]:
    """Return the ``k``-th smallest element along ``dim``, counted from 1, and its index.

    Raises:
        RuntimeError: If ``k`` is less than 1 or greater than the size of ``dim``.

    >>> import minitensor as torch
    >>> torch.kthvalue(torch.tensor([3, 1, 2]), 2).values
    tensor(2)
    """
    xp, array = input.xp, input.array
    if not array.ndim:
        return array.copy(), xp.zeros((), "int64")
    index = input.backend.argkth(array, k - 1, dim)
    return choose_along(input, index, dim, keepdim)


# -- search in sorted sequences ----------------------------------------------------------------------------------------


@composite
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    out: Tensor | None = None, sorter: Tensor | None = None,
) -> Tensor:
    """Return the indices at which elements would be inserted into a sorted sequence to keep it sorted.

    Args:
        sorted_sequence: A vector, or a tensor with one row for each row of ``input``.
        out_int32: Whether to return int32 instead of int64.
        right: Whether to insert after equal elements instead of before them; also ``side="right"``.
        side: ``"left"`` or ``"right"``, the same as ``right``. Default: ``None``.
        sorter: The indices that sort ``sorted_sequence``, if it is not sorted.

    Raises:
        RuntimeError: If ``side`` is unknown or contradicts ``right``, or the shapes do not fit.

    >>> import minitensor as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
    tensor([1, 2])
    """
    if side not in (None, "left", "right"):
        raise ShapeError(f"searchsorted: side can only be 'left' or 'right' but got {side!r}")
    if right and side == "left":
        raise ShapeError("searchsorted: side and right can't be set to opposites: got side='left' with right=True")
    if sorter is not None:
        check_sorter(sorter, sorted_sequence)
        sorted_sequence = wrap(sorted_sequence.result_class, pick_array(
            sorted_sequence.backend, sorted_sequence.array, sorter.array, max(sorted_sequence.ndim - 1, 0)
        ))
    found = search(sorted_sequence, input, "right" if right or side == "right" else "left")
    result: Tensor = wrap(sorted_sequence.result_class, found.astype("int32" if out_int32 else "int64"))
    return write_out("searchsorted", result, out)


def check_sorter(sorter: Any, sequence: Tensor) -> None:
    """Raise unless a sorter holds a position of its row for each element."""
    if sorter.dtype is not int64:
        raise DtypeError(f"searchsorted: sorter must be a tensor of int64, got {sorter.dtype.name}; cast with .long()")
    if sorter.shape != sequence.shape:
        raise ShapeError(
            f"searchsorted: boundary and sorter must have the same size, but got {list(sequence.shape)} and "
            f"{list(sorter.shape)}"
        )
    if sorter.numel() and not (sorter.array.min() >= 0 and sorter.array.max() < sequence.shape[-1]):
        raise ShapeError(f"searchsorted: sorter index out of range: positions are from 0 to {sequence.shape[-1] - 1}")


def search(sequence: Tensor, input: Any, side: str) -> Array:
    """Search in one sequence, or row by row."""
    xp = sequence.xp
    array, input = elements_of(sequence), host_value(input, None)
    for name, each in (("boundary", sequence), ("input value", input)):
        if isinstance(each, TensorBase) and not is_contiguous(each.layout):
            warn_once(f"torch.searchsorted(): {name} tensor is non-contiguous, which costs a copy: use .contiguous().")
    if input.__class__ in NUMBERS:
        array, values = operands(sequence.to(FROM_NUMPY[array.dtype]), input)
    elif isinstance(input, TensorBase):
        same_device(sequence, input)
        values = elements_of(input)
    else:
        raise ArgumentTypeError(f"searchsorted: expected a tensor or a number, got {type(input).__name__}")
    of_kind("searchsorted", REALS, array)
    if sequence.ndim == 1:
        row = sequence.backend.searchsorted(array[None], xp.asarray(values).reshape(1, -1), side)
        found: Array = row.reshape(values.shape)
        return found
    if sequence.ndim != values.ndim or array.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            "searchsorted: the sequence must be 1-d or have the input's dimensions but for the last, got "
            f"{list(sequence.shape)} and {list(values.shape)}"
        )
    return sequence.backend.searchsorted(array, values, side)


@composite
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None
) -> Tensor:
    """Return the index of each element's bucket: the number of sorted ``boundaries`` below it.

    With ``right`` boundaries equal to the element count as below it.

    Args:
        boundaries: A sorted vector.
        out_int32: Whether to return int32 instead of int64. Default: ``False``.
        right: Whether an element that equals a boundary lies above it. Default: ``False``.

    Raises:
        RuntimeError: If ``boundaries`` does not have one dim.

    >>> import minitensor as torch
    >>> torch.bucketize(torch.tensor([0., 2.5]), torch.tensor([1., 2., 3.]))
    tensor([0, 2])
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: boundaries must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)
