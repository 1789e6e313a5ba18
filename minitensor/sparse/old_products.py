"""Products with a sparse result, under the names that ``torch`` has for them, and products at given positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.errors import ShapeError, UsageError
from minitensor.memory_format import sparse_csr
from minitensor.ops import matmul
from minitensor.ops.join import cat, stack
from minitensor.ops.rearrange import repeat_interleave
from minitensor.ops.reduce import sum
from minitensor.ops.slices import index_select
from minitensor.sparse import calls
from minitensor.sparse.checks import is_sparse
from minitensor.sparse.tensor import SparseTensor

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def rows_of_product(name: str, mat1: Tensor, mat2: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of the product of a sparse and a dense matrix that may not be zero, and where they are."""
    if not isinstance(mat1, SparseTensor) or is_sparse(mat2):
        raise UsageError(f"{name}: expected a sparse matrix and a dense one, got {mat1.layout!r} and {mat2.layout!r}")
    product = calls.mm(name, mat1, mat2)
    rows = mat1.coordinates[0].unique()
    return rows, index_select(product, 0, rows)


def hspmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of a sparse and a dense matrix as a sparse tensor whose values are rows (needs SciPy).

    Args:
        mat1: A sparse matrix (n, k).
        mat2: A dense matrix (k, m).

    Raises:
        RuntimeError: If ``mat1`` is dense, ``mat2`` is sparse, or the sizes do not fit.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> torch.hspmm(torch.tensor([[0., 0.], [0., 3.]]).to_sparse(), torch.ones(2, 2))
    tensor(indices=tensor([[1]]),
           values=tensor([[3., 3.]]),
           size=(2, 2), nnz=1, layout=torch.sparse_coo)
    """
    rows, values = rows_of_product("hspmm", mat1, mat2)
    return SparseTensor.of_coo(rows.unsqueeze(0), values, (mat1.shape[0], mat2.shape[1]), True)


def smm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of a sparse and a dense matrix as a sparse matrix (needs SciPy).

    Args:
        input: A sparse matrix (n, k).
        mat2: A dense matrix (k, m).

    Raises:
        RuntimeError: If ``input`` is dense, ``mat2`` is sparse, or the sizes do not fit.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> torch.smm(torch.tensor([[0., 0.], [0., 3.]]).to_sparse(), torch.ones(2, 2)).to_dense()
    tensor([[0., 0.],
            [3., 3.]])
    """
    rows, values = rows_of_product("smm", input, mat2)
    count, width = values.shape
    across = repeat_interleave(rows, width)
    along = rows.new_tensor(range(width)).repeat(count)
    size = (input.shape[0], width)
    return SparseTensor.of_coo(stack([across, along]), values.reshape(-1), size)


def sspaddmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)`` as a sparse matrix (needs SciPy).

    Args:
        input: A sparse matrix (n, m).
        mat1: A sparse matrix (n, k).
        mat2: A dense matrix (k, m).
        beta, alpha: The factors. Default: ``1``.

    Raises:
        RuntimeError: If ``mat2`` is sparse or another matrix is dense, or the sizes do not fit.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> x = torch.eye(2).to_sparse()
    >>> torch.sspaddmm(x, x, torch.ones(2, 2)).to_dense()
    tensor([[2., 1.],
            [1., 2.]])
    """
    product = smm(mat1, mat2)
    if not isinstance(input, SparseTensor) or not isinstance(product, SparseTensor):
        raise UsageError(f"sspaddmm: expected a sparse input, got {input.layout!r}")
    if input.extent != product.extent:
        raise ShapeError(f"sspaddmm: expected an input of shape {list(product.shape)}, got {list(input.shape)}")
    places = cat([input.coordinates, product.coordinates], 1)
    return SparseTensor.of_coo(places, cat([input.entries * beta, product.entries * alpha]), input.extent)


def sampled_addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)`` at the positions of ``input`` only.

    Gradients flow to the values of ``input`` and to both matrices.

    Args:
        input: A matrix (n, m) with compressed rows.
        mat1: A dense matrix (n, k).
        mat2: A dense matrix (k, m).
        beta, alpha: The factors. Default: ``1.0``.

    Raises:
        RuntimeError: If ``input`` does not have compressed rows, or the sizes do not fit.

    >>> import minitensor as torch
    >>> torch.sparse.sampled_addmm(torch.eye(2).to_sparse_csr(), torch.ones(2, 3), torch.ones(3, 2)).to_dense()
    tensor([[4., 0.],
            [0., 4.]])
    """
    if not isinstance(input, SparseTensor) or input.kind is not sparse_csr:
        raise UsageError(f"sampled_addmm: expected a matrix with compressed rows, got {input.layout!r}")
    if mat1.ndim != 2 or mat2.ndim != 2 or mat1.shape[1] != mat2.shape[0]:
        raise ShapeError(f"sampled_addmm: inner sizes differ: {list(mat1.shape)} @ {list(mat2.shape)}")
    if input.extent != (mat1.shape[0], mat2.shape[1]):
        raise ShapeError(
            f"sampled_addmm: expected an input of shape {[mat1.shape[0], mat2.shape[1]]}, got {list(input.shape)}"
        )
    rows, cols = input.coordinates
    products = sum(index_select(mat1, 0, rows) * index_select(mat2, 1, cols).t(), 1)
    return input.with_entries(input.entries * beta + products * alpha)


def dsmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices, one of which may be sparse, as a dense one: an old name of ``mm``.

    Args:
        mat1: A matrix (n, k).
        mat2: A matrix (k, m).

    >>> import minitensor as torch
    >>> torch.dsmm(torch.eye(2), torch.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    return matmul.mm(mat1, mat2)
