"""Sparse matrices as dense tensors: the positions of the entries that are stored, and their values.

``indices`` is (sparse dims, nnz), ``values`` is (nnz, ...dense dims), ``size`` is the whole shape. Everything is
computed from ``values`` by differentiable operations, so that gradients of any order flow to it. The class that holds
these tensors is above, in ``minitensor/sparse``. The one new operation is the product of a sparse and a dense matrix.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.dtypes import bool_, int64
from minitensor.errors import ShapeError, UnsupportedError
from minitensor.memory_format import sparse_coo, sparse_csr
from minitensor.ops.arithmetic import conj, mul
from minitensor.ops.counting import unique
from minitensor.ops.cumulative import cumsum
from minitensor.ops.join import cat
from minitensor.ops.kinds import NUMERIC, of_kind
from minitensor.ops.masks import nonzero
from minitensor.ops.ranges import arange
from minitensor.ops.rearrange import repeat_interleave
from minitensor.ops.reduce import sum
from minitensor.ops.slices import index_add, index_select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- the product -------------------------------------------------------------------------------------------------------


def product_values_grad(grad: Tensor, rows: Tensor, cols: Tensor, dense: Tensor) -> Tensor:
    """Return the gradient of the product in each value: its row of ``grad`` times its row of ``dense``."""
    return sum(mul(index_select(grad, 0, rows), conj(index_select(dense, 0, cols))), 1)


def product_dense_grad(grad: Tensor, rows: Tensor, cols: Tensor, values: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of the product in ``dense``: the adjoint of the sparse matrix times ``grad``."""
    return sparse_product(cols, rows, conj(values), grad, in_shape[0])


@differentiable(values=product_values_grad, dense=product_dense_grad)
def sparse_product(rows: Tensor, cols: Tensor, values: Tensor, dense: Tensor, count: int) -> Array:
    """Return the matrix of ``count`` rows with ``values`` at (rows, cols) times a dense matrix (needs SciPy).

    Values at equal positions are added. Half precision is computed in single precision.

    >>> from minitensor import ones, tensor
    >>> sparse_product(tensor([0, 0]), tensor([1, 2]), tensor([3., 4.]), ones(3, 2), 2)
    tensor([[7., 7.],
            [0., 0.]])
    """
    a, b = of_kind("mm", NUMERIC, values.array), dense.array
    if a.dtype.char == "e":
        a, b = a.astype("f"), b.astype("f")
    result = values.backend.sparse_product(rows.array, cols.array, a, b, count)
    return result.astype(values.array.dtype, copy=False)


# -- positions ---------------------------------------------------------------------------------------------------------


def flat_positions(indices: Tensor, size: Sequence[int]) -> Tensor:
    """Return for each entry its position among all entries of the sparse dims, in row-major order."""
    flat = indices.new_zeros(indices.shape[1])
    for row, length in zip(indices, size):
        flat = flat * length + row
    return flat


def positions_from_flat(flat: Tensor, size: Sequence[int]) -> Tensor:
    """Return the indices (sparse dims, nnz) of positions in row-major order."""
    rows: list[Tensor] = []
    for length in reversed(size):
        rows.insert(0, (flat % max(length, 1)).reshape(1, -1))
        flat = flat // max(length, 1)
    return cat(rows) if rows else flat.new_zeros((0, flat.shape[0]))


def add_equal(values: Tensor, places: Tensor, count: int) -> Tensor:
    """Return ``count`` sums of the values, each added at its place. Sums of bools say whether one is true."""
    if values.dtype is bool_:
        return add_equal(values.to(int64), places, count).to(bool_)
    return index_add(values.new_zeros((count, *values.shape[1:])), 0, places, values)


def merge_equal(indices: Tensor, values: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the entries in row-major order, with one for each position: the sum of those that had it."""
    sparse_size = size[: indices.shape[0]]
    flat, places = unique(flat_positions(indices, sparse_size), return_inverse=True)
    return positions_from_flat(flat, sparse_size), add_equal(values, places, flat.shape[0])


def mean_of_equal(indices: Tensor, values: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the entries in row-major order, with one for each position: the mean of those that had it."""
    ones = values.new_ones(values.shape[0])
    counts = merge_equal(indices, ones, size)[1]
    merged, sums = merge_equal(indices, values, size)
    return merged, sums / counts.reshape(-1, *[1] * (values.ndim - 1))


def row_starts(rows: Tensor, count: int) -> Tensor:
    """Return where each of ``count`` rows starts among entries in row-major order, and where the last one ends."""
    lengths = index_add(rows.new_zeros(count + 1), 0, rows + 1, rows.new_ones(rows.shape[0]))
    return cumsum(lengths, 0)


def rows_from_starts(starts: Tensor) -> Tensor:
    """Return the row of each entry, given where the rows start."""
    return repeat_interleave(arange(starts.shape[0] - 1, device=starts.device), starts[1:] - starts[:-1])


# -- conversions -------------------------------------------------------------------------------------------------------


def fill_positions(indices: Tensor, values: Tensor, size: Sequence[int]) -> Tensor:
    """Return a dense tensor with the sums of the values at their positions, and zeros elsewhere."""
    sparse_size = size[: indices.shape[0]]
    return add_equal(values, flat_positions(indices, sparse_size), prod(sparse_size)).reshape(tuple(size))


def to_dense(input: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """Return the tensor with all its elements: a dense one is returned as it is.

    Args:
        dtype: The dtype of the result. Default: that of the tensor.
        masked_grad: Has no effect. The gradient of a sparse tensor has its positions.

    >>> import minitensor as torch
    >>> torch.eye(2).to_sparse().to_dense()
    tensor([[1., 0.],
            [0., 1.]])
    """
    return input if dtype is None else input.to(dtype)


@composite
def to_sparse(
    input: Tensor, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None,
    dense_dim: int | None = None,
) -> Tensor:
    """Return a sparse tensor with the elements that are not zero. Gradients flow back to them.

    Args:
        sparse_dim: How many of the first dims are sparse. Default: all of them. Entries of a tensor with fewer are
            the slices that are not zero.
        layout: ``sparse_coo`` or ``sparse_csr``. Default: ``None``, the first.
        blocksize: Must be ``None``: there are no blocks. Default: ``None``.
        dense_dim: Only 0 is possible. Default: ``None``.

    Raises:
        RuntimeError: If there are not so many dims.

    >>> import minitensor as torch
    >>> torch.tensor([[0., 2.], [3., 0.]]).to_sparse()
    tensor(indices=tensor([[0, 1],
                           [1, 0]]),
           values=tensor([2., 3.]),
           size=(2, 2), nnz=2, layout=torch.sparse_coo)
    """
    if blocksize is not None or dense_dim:
        raise UnsupportedError(f"to_sparse: blocksize={blocksize} and dense_dim={dense_dim} are not supported")
    if layout not in (None, sparse_coo, sparse_csr):
        raise ShapeError(f"to_sparse: layout must be torch.sparse_coo or torch.sparse_csr, got {layout!r}")
    if layout is sparse_csr:
        return to_sparse_csr(input)
    return input.sparse_class.of_coo(*find_entries(input, sparse_dim), input.shape, True)  # type: ignore[no-any-return]  # a class from above


def find_entries(input: Tensor, sparse_dim: int | None) -> tuple[Tensor, Tensor]:
    """Return the indices and values of a dense tensor's slices that are not zero."""
    count = input.ndim if sparse_dim is None else sparse_dim
    if not 0 <= count <= input.ndim or (input.ndim and not count):
        raise ShapeError(f"to_sparse: sparse_dim must be in [{min(1, input.ndim)}, {input.ndim}], got {count}")
    sparse_size, dense_size = input.shape[:count], input.shape[count:]
    slices = input.reshape(prod(sparse_size), *dense_size)
    flat = nonzero((slices.detach() != 0).reshape(slices.shape[0], prod(dense_size)).any(1)).reshape(-1)
    return positions_from_flat(flat, sparse_size), index_select(slices, 0, flat)


@composite
def sparse_mask(input: Tensor, mask: Tensor) -> Tensor:
    """Return a sparse tensor with the positions of another, and the elements that this tensor has there.

    Args:
        mask: A sparse tensor of the same shape. Its values do not matter.

    Raises:
        RuntimeError: If ``mask`` is dense, or has another shape.

    >>> import minitensor as torch
    >>> torch.tensor([[1., 2.], [3., 4.]]).sparse_mask(torch.eye(2).to_sparse()).values()
    tensor([1., 4.])
    """
    raise UnsupportedError("sparse_mask: mask must be a sparse tensor; for a dense one, multiply by it")


@composite
def to_sparse_coo(input: Tensor) -> Tensor:
    """Return a sparse tensor in coordinates: ``to_sparse()``.

    >>> import minitensor as torch
    >>> torch.eye(2).to_sparse_coo().layout
    torch.sparse_coo
    """
    return to_sparse(input)


@composite
def to_sparse_csr(input: Tensor, dense_dim: int | None = None) -> Tensor:
    """Return a sparse matrix with compressed rows, of the elements of a matrix that are not zero.

    Args:
        dense_dim: Only 0 is possible. Default: ``None``.

    Raises:
        RuntimeError: If the input is not a matrix.

    >>> import minitensor as torch
    >>> torch.tensor([[0., 2.], [3., 0.]]).to_sparse_csr()
    tensor(crow_indices=tensor([0, 1, 2]),
           col_indices=tensor([1, 0]),
           values=tensor([2., 3.]), size=(2, 2), nnz=2, layout=torch.sparse_csr)
    """
    if input.ndim != 2 or dense_dim:
        raise ShapeError(f"to_sparse_csr: expected a matrix and no dense dims, got shape {list(input.shape)}")
    indices, values = find_entries(input, 2)
    return input.sparse_class.of_csr(row_starts(indices[0], input.shape[0]), indices[1], values, input.shape)  # type: ignore[no-any-return]  # a class from above
