"""The functions of ``torch.sparse``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentTypeError, UnsupportedError
from minitensor.ops import matmul, product_sums
from minitensor.sparse import calls
from minitensor.sparse.checks import is_any_sparse, is_sparse
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices, one of which may be sparse. The product is dense (needs SciPy).

    Gradients flow to the dense matrix and to the values of the sparse one. The gradient of a sparse leaf is sparse.

    Args:
        mat1: A matrix (n, k), sparse or dense.
        mat2: A matrix (k, m), sparse or dense.

    Raises:
        RuntimeError: If the inner sizes or dtypes differ, or both matrices are sparse.
        TypeError: If one of them is not a tensor.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3., 4.], (2, 3), requires_grad=True)
    >>> torch.sparse.mm(x, torch.ones(3, 1))
    tensor([[3.],
            [4.]], grad_fn=<SparseProductBackward0>)
    """
    for place, each in enumerate((mat1, mat2), 1):
        if not isinstance(each, Tensor):
            raise ArgumentTypeError(f"sparse.mm: argument {place} must be a tensor, got {type(each).__name__}")
    return calls.mm("sparse.mm", mat1, mat2) if is_any_sparse(mat1, mat2) else matmul.mm(mat1, mat2)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0) -> Tensor:
    """Return ``beta * mat + alpha * (mat1 @ mat2)`` for a dense ``mat``; ``mat1`` may be sparse (needs SciPy).

    Args:
        mat: A dense matrix (n, m), or one that broadcasts to this shape.
        mat1: A matrix (n, k), sparse or dense.
        mat2: A matrix (k, m).
        beta: The factor of ``mat``. Default: ``1.0``.
        alpha: The factor of the product. Default: ``1.0``.

    Raises:
        RuntimeError: If sizes or dtypes do not fit each other.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> torch.sparse.addmm(torch.ones(2, 1), torch.eye(2).to_sparse(), torch.ones(2, 1), alpha=3)
    tensor([[4.],
            [4.]])
    """
    return product_sums.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: int | tuple[int, ...] | None = None, dtype: Dtype | None = None) -> Tensor:
    """Return the sum of all elements of a sparse tensor, or its sums over ``dim``.

    Args:
        dim: The dims to sum over. Default: all of them. If sparse dims remain, the result is sparse.
        dtype: The dtype of the sums. Default: that of the input; integers become int64 if all are summed.

    Raises:
        RuntimeError: If the input is not sparse, or ``dim`` is given for compressed rows.
        IndexError: If there is no such dim.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3., 4., 5.], (2, 3))
    >>> torch.sparse.sum(x), torch.sparse.sum(x, dim=1).to_dense()
    (tensor(12.), tensor([3., 9.]))
    """
    if not is_sparse(input):
        raise UnsupportedError("sparse.sum: expected a sparse tensor; for a dense one, use torch.sum")
    found: Tensor = calls.sum_over(input, dim, dtype=dtype)
    return found


def softmax(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> Tensor:
    """Return the softmax of the entries of a sparse tensor along ``dim``: what is not stored is left out.

    Args:
        dim: The dim along which the results sum to one.
        dtype: The dtype to compute in. Default: that of the input.

    Raises:
        RuntimeError: If the input is not sparse, or has compressed rows.
        IndexError: If there is no such dim.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3., 4., 4.], (2, 3))
    >>> torch.sparse.softmax(x, dim=1).to_dense()
    tensor([[0.0000, 0.0000, 1.0000],
            [0.5000, 0.0000, 0.5000]])
    """
    found: Any = calls.softmax(input, dim, dtype=dtype)
    return found  # type: ignore[no-any-return]  # a sparse tensor


def log_softmax(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> Tensor:
    """Return the logarithm of ``softmax``, computed without overflow.

    Args:
        dim: The dim along which the exponentials of the results sum to one.
        dtype: The dtype to compute in. Default: that of the input.

    Raises:
        RuntimeError: If the input is not sparse, or has compressed rows.
        IndexError: If there is no such dim.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 0], [0, 2]], [3., 3.], (1, 3))
    >>> torch.sparse.log_softmax(x, dim=1).values()
    tensor([-0.6931, -0.6931])
    """
    found: Any = calls.log_softmax(input, dim, dtype=dtype)
    return found  # type: ignore[no-any-return]  # a sparse tensor
