"""Sparse tensors from their parts. Positions are compared with the size, always."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.dtypes import bfloat16, bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from minitensor.errors import ArgumentTypeError, ShapeError, UsageError
from minitensor.memory_format import sparse_csr
from minitensor.ops.creation import as_tensor, empty, read_sizes
from minitensor.ops.tensor_types import alias
from minitensor.sparse.tensor import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


@composite
def sparse_coo_tensor(
    indices: Any = None, values: Any = None, size: Any = None, *, dtype: Dtype | None = None,
    device: DeviceLike = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None, is_coalesced: bool | None = None,
) -> Tensor:
    """Return a sparse tensor with ``values`` at ``indices``, and zeros elsewhere. Values at one position are added.

    Gradients flow to ``values`` if it is a tensor that requires them.

    Args:
        indices: The positions (sparse dims, nnz). Alone, a size: the tensor is empty.
        values: The values (nnz, ...): with more dims, each value is a tensor.
        size: The shape. Default: the smallest that has all positions.
        dtype: The dtype of the values. Default: that of ``values``.
        device: Default: that of ``values``.
        pin_memory: Only False is possible.
        requires_grad: Make the result a leaf that requires grad. Default: ``False``.
        check_invariants: Has no effect: positions are always checked.
        is_coalesced: Say that positions are in row-major order and occur once. Default: not known.

    Raises:
        RuntimeError: If a position is outside ``size``, or the parts do not fit each other.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3., 4., 5.], (2, 3))
    >>> x.to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 5.]])
    """
    if values is None:
        extent = read_sizes((size if indices is None else indices,))
        return finish_leaf(SparseTensor.of_coo(
            empty((len(extent), 0), dtype=int64, device=device), empty((0,), dtype=dtype, device=device), extent, True,
        ), requires_grad)
    entries = read_values(values, dtype, device, requires_grad)
    places = read_indices(indices)
    extent = enclose(places, entries) if size is None else read_sizes((tuple(size),))
    check_parts(places, entries, extent)
    is_merged = bool(is_coalesced) or (is_coalesced is None and entries.shape[0] < 2)
    return finish_leaf(SparseTensor.of_coo(places, entries, extent, is_merged), requires_grad)


def read_values(values: Any, dtype: Dtype | None, device: DeviceLike, requires_grad: bool) -> Tensor:
    """Return the values as a tensor that is computed from those given, or on their memory if it will be a leaf."""
    found: Tensor = as_tensor(values, dtype=dtype, device=device)
    if found.ndim == 0:
        found = found.reshape(1)
    return found.detach() if requires_grad else alias(found)


def finish_leaf(made: SparseTensor, requires_grad: bool) -> SparseTensor:
    """Make a new tensor require grad, if wanted."""
    return made.requires_grad_() if requires_grad else made


def read_indices(indices: Any) -> Tensor:
    """Return positions as int64, without a history."""
    found: Tensor = as_tensor(indices)
    if found.numel() and found.dtype.numpy.kind == "c":
        raise ArgumentTypeError(f"indices must be integers, got {found.dtype.name}")
    return found.detach().to(int64).reshape(1, -1) if found.ndim < 2 else found.detach().to(int64)


def enclose(places: Tensor, entries: Tensor) -> tuple[int, ...]:
    """Return the smallest shape that has all positions."""
    if not places.shape[1]:
        return (*[0] * places.shape[0], *entries.shape[1:])
    return (*[int(each) + 1 for each in places.amax(1)], *entries.shape[1:])


def check_parts(places: Tensor, entries: Tensor, extent: tuple[int, ...]) -> None:
    """Raise unless positions, values and size fit each other."""
    if places.ndim != 2:
        raise ShapeError(f"indices must have shape (sparse dims, nnz), got {list(places.shape)}")
    sparse_dims, count = places.shape
    if count != entries.shape[0]:
        raise ShapeError(f"indices have {count} entries, but values have {entries.shape[0]}")
    if len(extent) != sparse_dims + entries.ndim - 1:
        raise ShapeError(
            f"size must have {sparse_dims} sparse and {entries.ndim - 1} dense dims, got {list(extent)}"
        )
    if extent[sparse_dims:] != tuple(entries.shape[1:]):
        raise ShapeError(f"values have the dims {list(entries.shape[1:])}, but the size ends {extent[sparse_dims:]}")
    for dim, (row, length) in enumerate(zip(places, extent)):
        check_range(f"indices of dim {dim}", row, length)


def check_range(what: str, positions: Tensor, length: int) -> None:
    """Raise if a position is negative, or not less than the size."""
    if positions.numel():
        low, high = int(positions.min()), int(positions.max())
        if low < 0 or high >= length:
            raise UsageError(f"{what} must be in [0, {length}), found {low if low < 0 else high}")


@composite
def sparse_csr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Dtype | None = None,
    device: DeviceLike = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """Return a sparse matrix with compressed rows: row i has the entries from ``crow_indices[i]`` on.

    Gradients flow to ``values`` if it is a tensor that requires them.

    Args:
        crow_indices: Where each row starts among the values, and where the last one ends: (rows + 1,).
        col_indices: The column of each value, ascending within a row.
        values: The values (nnz,).
        size: The shape. Default: the smallest that has all positions.
        dtype: The dtype of the values. Default: that of ``values``.
        device: Default: that of ``values``.
        pin_memory: Only False is possible.
        requires_grad: Make the result a leaf that requires grad. Default: ``False``.
        check_invariants: Has no effect: positions are always checked.

    Raises:
        RuntimeError: If the parts do not fit each other or the size.

    >>> import minitensor as torch
    >>> torch.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3., 4., 5.], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 5.]])
    """
    entries = read_values(values, dtype, device, requires_grad)
    starts, cols = [each.detach() for each in (as_tensor(crow_indices), as_tensor(col_indices))]
    if size is None:
        extent: tuple[int, ...] = (starts.shape[0] - 1, int(cols.max()) + 1 if cols.numel() else 0)
    else:
        extent = read_sizes((tuple(size),))
    check_rows(starts, cols, entries, extent)
    return finish_leaf(SparseTensor.of_csr(starts, cols, entries, extent), requires_grad)


@composite
def sparse_compressed_tensor(
    compressed_indices: Any, plain_indices: Any, values: Any, size: Any = None, *, dtype: Dtype | None = None,
    layout: Any = None, device: DeviceLike = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """Return a sparse matrix with compressed rows: ``sparse_csr_tensor``, with the layout as an argument.

    Args:
        compressed_indices: Where each row starts among the values, and where the last one ends: (rows + 1,).
        plain_indices: The column of each value, ascending within a row.
        values: The values (nnz,).
        size: The shape. Default: the smallest that has all positions.
        dtype: The dtype of the values. Default: that of ``values``.
        layout: ``torch.sparse_csr``; there are no matrices with compressed columns or blocks.
        device: Default: that of ``values``.
        pin_memory: Only False is possible.
        requires_grad: Make the result a leaf that requires grad. Default: ``False``.
        check_invariants: Has no effect: positions are always checked.

    Raises:
        RuntimeError: If the layout is another one, or the parts do not fit each other or the size.

    >>> import minitensor as torch
    >>> torch.sparse_compressed_tensor([0, 1, 2], [1, 0], [3., 4.], layout=torch.sparse_csr).to_dense()
    tensor([[0., 3.],
            [4., 0.]])
    """
    if layout is not sparse_csr:
        raise UsageError(f"sparse_compressed_tensor: expected layout torch.sparse_csr, got {layout!r}")
    return sparse_csr_tensor(
        compressed_indices, plain_indices, values, size, dtype=dtype, device=device, pin_memory=pin_memory,
        requires_grad=requires_grad,
    )  # fmt: skip


def check_rows(starts: Tensor, cols: Tensor, entries: Tensor, extent: Sequence[int]) -> None:
    """Raise unless compressed rows, columns, values and size fit each other."""
    if len(extent) != 2 or entries.ndim != 1:
        raise ShapeError(f"expected a matrix of numbers, got size {list(extent)}, values {list(entries.shape)}")
    if starts.shape != (extent[0] + 1,) or cols.shape != entries.shape:
        raise ShapeError(
            f"expected crow_indices of {extent[0] + 1} and col_indices of {entries.shape[0]} elements, got "
            f"{list(starts.shape)} and {list(cols.shape)}"
        )
    lengths = starts[1:] - starts[:-1]
    if int(starts[0]) != 0 or int(starts[-1]) != cols.shape[0] or bool((lengths < 0).any()):
        raise UsageError(f"crow_indices must ascend from 0 to {cols.shape[0]}, the number of values, got {starts}")
    check_range("col_indices", cols, extent[1])
    steps_back = (cols[1:] <= cols[:-1]).nonzero().reshape(-1) + 1
    if not bool((steps_back.reshape(-1, 1) == starts).any(1).all()):
        raise UsageError("col_indices must ascend within each row, and occur once")


class check_sparse_tensor_invariants(ContextDecorator):  # noqa: N801  # PyTorch's name
    """A block in which the parts of new sparse tensors are checked; as everywhere here, so it has no effect.

    Args:
        enable: Accepted for PyTorch compatibility.

    >>> import minitensor as torch
    >>> with torch.sparse.check_sparse_tensor_invariants(False):
    ...     torch.sparse.check_sparse_tensor_invariants.is_enabled()
    True
    """

    def __init__(self, enable: bool = True) -> None:
        """Accept the argument."""

    @staticmethod
    def is_enabled() -> bool:
        """Return True: parts are always checked."""
        return True

    @staticmethod
    def enable() -> None:
        """Do nothing: parts are always checked."""

    @staticmethod
    def disable() -> None:
        """Do nothing: parts are always checked."""

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, *error: object) -> None:
        """End the block."""


class SparseType:
    """The type of the sparse tensors of one dtype: an old constructor, and for ``isinstance``.

    It is called with positions, values and a size, or with sizes alone for a tensor without entries.

    Raises:
        RuntimeError: If the parts do not fit each other.

    >>> import minitensor as torch
    >>> x = torch.sparse.FloatTensor(torch.tensor([[0, 1]]), torch.ones(2), torch.Size([3]))
    >>> x.to_dense(), isinstance(x, torch.sparse.FloatTensor), isinstance(x, torch.sparse.LongTensor)
    (tensor([1., 1., 0.]), True, False)
    >>> torch.sparse.DoubleTensor(2, 3).dtype, torch.sparse.HalfTensor(3).dtype, torch.sparse.BoolTensor(3).dtype
    (torch.float64, torch.float16, torch.bool)
    >>> torch.sparse.IntTensor(2, 3).dtype, torch.sparse.ShortTensor(3).dtype
    (torch.int32, torch.int16)
    >>> torch.sparse.CharTensor(3).dtype, torch.sparse.ByteTensor(3).dtype
    (torch.int8, torch.uint8)
    >>> torch.sparse.BFloat16Tensor(3).dtype
    torch.bfloat16
    """

    def __init__(self, name: str, dtype: Dtype) -> None:
        self.name, self.dtype = name, dtype

    def __call__(self, *parts: Any) -> Tensor:
        """Return a sparse tensor of positions, values and a size; or of sizes alone, without entries."""
        if parts and isinstance(parts[0], TensorBase):
            return sparse_coo_tensor(*parts)
        return sparse_coo_tensor(size=read_sizes(parts), dtype=self.dtype)

    def __instancecheck__(self, value: object) -> bool:
        """Return whether a value is a sparse tensor of this dtype."""
        return isinstance(value, SparseTensor) and value.dtype is self.dtype

    def __repr__(self) -> str:
        return f"<class 'torch.sparse.{self.name}'>"


FloatTensor, DoubleTensor = SparseType("FloatTensor", float32), SparseType("DoubleTensor", float64)
HalfTensor, BoolTensor = SparseType("HalfTensor", float16), SparseType("BoolTensor", bool_)
LongTensor, IntTensor = SparseType("LongTensor", int64), SparseType("IntTensor", int32)
ShortTensor, CharTensor = SparseType("ShortTensor", int16), SparseType("CharTensor", int8)
ByteTensor, BFloat16Tensor = SparseType("ByteTensor", uint8), SparseType("BFloat16Tensor", bfloat16)
