"""The functions of ``torch.sparse``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.dtypes import int64
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UnsupportedError, UsageError
from minitensor.memory_format import sparse_coo, sparse_csr
from minitensor.ops import matmul, product_sums
from minitensor.ops.join import stack
from minitensor.ops.ranges import arange
from minitensor.sparse import calls
from minitensor.sparse.checks import is_any_sparse, is_sparse
from minitensor.sparse.tensor import SparseTensor
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.dtypes import dtype as Dtype
    from minitensor.memory_format import layout as LayoutName

REDUCTIONS = {
    "sum": "sum", "mean": "mean", "amax": "amax", "max": "amax", "amin": "amin", "min": "amin", "prod": "prod",
}  # fmt: skip


def mm(mat1: Tensor, mat2: Tensor, reduce: str = "sum") -> Tensor:
    """Return the product of two matrices, one of which may be sparse. The product is dense (needs SciPy).

    Gradients flow to the dense matrix and to the values of the sparse one. The gradient of a sparse leaf is sparse.

    Args:
        mat1: A matrix (n, k), sparse or dense.
        mat2: A matrix (k, m), sparse or dense.
        reduce: What to take of the products of stored entries instead of their sum: "mean", "amax", "amin" or
            "prod". ``mat1`` must have compressed rows then, and ``mat2`` be dense. Default: ``"sum"``.

    Raises:
        RuntimeError: If the inner sizes or dtypes differ, or both matrices are sparse.
        TypeError: If one of them is not a tensor.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3., 4.], (2, 3), requires_grad=True)
    >>> torch.sparse.mm(x, torch.ones(3, 1))
    tensor([[3.],
            [4.]], grad_fn=<SparseAddmmBackward0>)
    """
    for place, each in enumerate((mat1, mat2), 1):
        if not isinstance(each, Tensor):
            raise ArgumentTypeError(f"sparse.mm: argument {place} must be a tensor, got {type(each).__name__}")
    if reduce not in REDUCTIONS:
        raise UsageError(f"sparse.mm: reduce must be one of {', '.join(REDUCTIONS)}, got {reduce!r}")
    if REDUCTIONS[reduce] != "sum":
        return reduce_products(mat1, mat2, REDUCTIONS[reduce])
    return calls.mm("sparse.mm", mat1, mat2) if is_any_sparse(mat1, mat2) else matmul.mm(mat1, mat2)


def reduce_products(mat1: Tensor, mat2: Tensor, reduce: str) -> Tensor:
    """Return for each row of ``mat1`` the mean, or the like, of its entries times the rows of ``mat2`` they meet."""
    if not isinstance(mat1, SparseTensor) or mat1.kind is not sparse_csr or is_sparse(mat2):
        raise UnsupportedError(f"sparse.mm: reduce={reduce!r} needs a matrix with compressed rows and a dense one")
    calls.require_factors("sparse.mm", mat1, mat2)
    rows, cols = mat1.coordinates
    products = mat1.entries.unsqueeze(1) * mat2.index_select(0, cols)
    result = products.new_zeros((mat1.extent[0], mat2.shape[1]))
    return result.scatter_reduce(0, rows.unsqueeze(1).expand_as(products), products, reduce, include_self=False)


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


def spdiags(
    diagonals: Tensor, offsets: Tensor, shape: Sequence[int], layout: LayoutName | None = None
) -> Tensor:
    """Return a sparse matrix with given diagonals. Element j of a diagonal is in column j.

    Args:
        diagonals: A matrix with a row for each diagonal.
        offsets: Which diagonals they are, int64: 0 is the main one, 1 the one above it, -1 the one below it.
        shape: The shape of the result. What of a diagonal is outside it is left out.
        layout: ``sparse_coo`` or ``sparse_csr``. Default: ``None``, which means ``sparse_coo``.

    Raises:
        RuntimeError: If rows and offsets differ in number, an offset occurs twice, or the shape is not of a matrix.

    >>> import minitensor as torch
    >>> torch.sparse.spdiags(torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([0, -1]), (3, 3)).to_dense()
    tensor([[1, 0, 0],
            [4, 2, 0],
            [0, 5, 3]])
    """
    rows = diagonals.unsqueeze(0) if diagonals.ndim == 1 else diagonals
    shifts = offsets.reshape(1) if offsets.ndim == 0 else offsets
    require_diagonals(rows, shifts, shape)
    if layout not in (None, sparse_coo, sparse_csr):
        raise UnsupportedError(f"spdiags: layout must be sparse_coo or sparse_csr, got {layout}")
    count = min(rows.shape[1], shape[1])
    cols = arange(count, device=rows.device).expand(len(shifts), count)
    places = cols - shifts.unsqueeze(1)
    inside = (places >= 0) & (places < shape[0])
    indices = stack([places[inside], cols[inside]])
    made = SparseTensor.of_coo(indices, rows[:, :count][inside], tuple(shape))
    return made.to_sparse_csr() if layout is sparse_csr else made


def require_diagonals(rows: Tensor, shifts: Tensor, shape: Sequence[int]) -> None:
    """Raise unless diagonals, their offsets and the shape of the matrix fit each other."""
    if rows.ndim != 2 or len(shape) != 2 or shifts.ndim != 1:
        raise ShapeError(
            f"spdiags: expected matrices and a vector of offsets, got diagonals {list(rows.shape)}, "
            f"offsets {list(shifts.shape)} and shape {list(shape)}"
        )
    if shifts.dtype is not int64:
        raise DtypeError(f"spdiags: offsets must be int64, got {shifts.dtype.name}")
    if len(shifts) != rows.shape[0]:
        raise ShapeError(f"spdiags: got {rows.shape[0]} diagonals, but {len(shifts)} offsets")
    if len(shifts.unique()) != len(shifts):
        raise UsageError(f"spdiags: an offset occurs twice in {shifts.tolist()}")


def as_sparse_gradcheck(gradcheck: Callable[..., bool]) -> Callable[..., bool]:
    """Return a form of ``gradcheck`` for functions that take or return sparse tensors.

    It varies the entries that are stored, and compares all elements of results.

    Args:
        gradcheck: ``autograd.gradcheck``, or a function that calls it.

    >>> import minitensor as torch
    >>> check = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
    >>> x = torch.eye(2, dtype=torch.float64).to_sparse().requires_grad_()
    >>> check(lambda x: x.to_sparse_csr(), x)
    True
    """

    def check(func: Callable[..., Any], inputs: Any, *, masked: bool | None = None, **options: Any) -> bool:
        given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)

        def compute(*parts: Any) -> Any:
            found = func(*[each.with_entries(part) if is_sparse(each) else part for each, part in zip(given, parts)])
            return tuple(map(dense, found)) if isinstance(found, (tuple, list)) else dense(found)

        return gradcheck(compute, tuple(map(entries_of, given)), **options)

    return check


def dense(value: Any) -> Any:
    """Return a sparse tensor as a dense one, and anything else as it is."""
    return value.to_dense() if is_sparse(value) else value


def entries_of(value: Any) -> Any:
    """Return the entries of a sparse tensor as a leaf of their own, and anything else as it is."""
    return value.entries.detach().clone().requires_grad_(value.requires_grad) if is_sparse(value) else value
