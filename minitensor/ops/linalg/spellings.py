"""Linear algebra under the names that ``torch`` and tensors have for it.

Each is the function of ``torch.linalg`` with other argument names or other forms of results; PyTorch deprecates some of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import other_names
from minitensor.autograd.turns import in_turn
from minitensor.compat.once import warn_once
from minitensor.errors import ShapeError
from minitensor.ops import return_types
from minitensor.ops.cumulative import cumprod
from minitensor.ops.join import cat
from minitensor.ops.linalg import factor, solve, squares
from minitensor.ops.linalg import lu as factors
from minitensor.ops.linalg.norms import matrix_norm
from minitensor.ops.linalg.power_norm import vector_norm
from minitensor.ops.matmul import adjoint
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import write_out, write_outs
from minitensor.ops.rearrange import flip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


@composite
def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of square matrices; see ``linalg.inv``.

    >>> import minitensor as torch
    >>> torch.inverse(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return solve.inv(input, out=out)


@composite
def det(input: Tensor) -> Tensor:
    """Return the determinant of square matrices; see ``linalg.det``.

    >>> import minitensor as torch
    >>> torch.det(torch.tensor([[2.0, 0.0], [1.0, 3.0]]))
    tensor(6.)
    """
    return solve.det(input)


@composite
def slogdet(input: Tensor, *, out: Any = None) -> return_types.slogdet:
    """Return the sign and the logarithm of the absolute value of the determinant; see ``linalg.slogdet``.

    >>> import minitensor as torch
    >>> torch.slogdet(torch.tensor([[-1.0, 0.0], [0.0, 1.0]])).sign
    tensor(-1.)
    """
    return return_types.slogdet(*solve.slogdet(input, out=out))


@composite
def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the Cholesky factor of positive definite matrices; see ``linalg.cholesky``.

    Args:
        upper: Return the upper factor. Default: ``False``.

    >>> import minitensor as torch
    >>> torch.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    warn_once("torch.cholesky is deprecated in favor of torch.linalg.cholesky; replace upper=True by its .mH.")
    return write_out("cholesky", factor.cholesky(input, upper=upper), out)


@composite
def qr(input: Tensor, some: bool = True, *, out: Any = None) -> return_types.qr:
    """Return Q and R with input = Q R; see ``linalg.qr``, whose mode is "complete" for ``some=False``.

    >>> import minitensor as torch
    >>> torch.qr(torch.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    warn_once('torch.qr is deprecated in favor of torch.linalg.qr, whose mode is "complete" for some=False.')
    return return_types.qr(*factor.qr(input, "reduced" if some else "complete", out=out))


@composite
def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> return_types.svd:
    """Return U, S, V with input = U diag(S) Vᴴ; unlike ``linalg.svd`` reduced by default, and V itself.

    With ``compute_uv=False`` U and V are zeros.

    Args:
        some: Whether U and V are reduced to as many columns as singular values. Default: ``True``.
        compute_uv: Whether to compute U and V. Default: ``True``.

    >>> import minitensor as torch
    >>> torch.svd(torch.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    if compute_uv:
        u, s, vh = factor.svd(input, not some)
    else:
        s = factor.svdvals(input)
        u, vh = [input.new_zeros((*input.shape[:-2], size, size)) for size in input.shape[-2:]]
    return return_types.svd(*write_outs("svd", (u, s, adjoint(vh)), out))


@composite
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Return the pseudo-inverse of matrices; see ``linalg.pinv``.

    Args:
        rcond: Singular values up to ``rcond`` times the largest count as zero. Default: ``1e-15``.

    >>> import minitensor as torch
    >>> torch.pinverse(torch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return squares.pinv(input, rcond)


@composite
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the Vandermonde matrix: each row has the powers of one element, from ``N - 1`` to 0, or ascending.

    ``x`` has shape (n,), the result (n, N); N is n by default. Integers and bools give int64.

    Args:
        x: The elements, (n,).
        N: How many powers. Default: ``None``, n.
        increasing: Whether the powers ascend. Default: ``False``.

    Raises:
        RuntimeError: If ``x`` does not have one dim, or ``N`` is negative.

    >>> import minitensor as torch
    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    require_tensors("vander", x=x)
    if x.ndim != 1:
        raise ShapeError(f"vander: x must have one dim, got shape {tuple(x.shape)}")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ShapeError(f"vander: N must be at least zero, got {N}")
    values = x if x.is_floating_point() or x.is_complex() else x.to(dtypes.int64)
    ones = values.new_ones((x.shape[0], min(count, 1)))
    powers = [ones]
    if count > 1:
        powers.append(cumprod(values.unsqueeze(1).expand(x.shape[0], count - 1), 1))
    result = cat(powers, 1)
    return result if increasing else flip(result, (1,))


@composite
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> tuple[Tensor, ...]:
    """Return L and U in one matrix, and pivots; see ``linalg.lu_factor``. With ``get_infos``, also what failed.

    Args:
        A: Matrices (..., m, n).
        pivot: Whether rows are exchanged; they always are on the CPU. Default: ``True``.
        get_infos: Whether to return the number of the first zero pivot, or 0, as well. Default: ``False``.

    >>> import minitensor as torch
    >>> torch.lu(torch.tensor([[2., 4.], [4., 4.]]))[1]
    tensor([2, 2], dtype=torch.int32)
    """
    warn_once("torch.lu is deprecated in favor of torch.linalg.lu_factor, or lu_factor_ex for get_infos=True.")
    found = tuple(factors.lu_factor_ex(A, pivot=pivot))
    return write_outs("lu", found if get_infos else found[:2], out)


@composite
@other_names(b="input")
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return X of A X = B for the A that ``linalg.lu_factor`` has factored; see ``linalg.lu_solve``.

    Args:
        input: The right-hand sides B, (..., n, k); also called ``b``.
        LU_data: L and U in one matrix, (..., n, n).
        LU_pivots: The pivots, (..., n).

    >>> import minitensor as torch
    >>> torch.lu_solve(torch.tensor([[2.]]), *torch.linalg.lu_factor(torch.tensor([[4.]])))
    tensor([[0.5000]])
    """
    warn_once("torch.lu_solve is deprecated in favor of torch.linalg.lu_solve, whose arguments are in another order.")
    return factors.lu_solve(LU_data, LU_pivots, input, out=out)


@composite
@other_names(b="input")
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False, *,
    out: Any = None,
) -> return_types.triangular_solve:
    """Return X of A X = B for triangular A, and a copy of A; see ``linalg.solve_triangular``.

    Args:
        input: The right-hand sides B, (..., n, k); also called ``b``.
        A: Triangular matrices (..., n, n).
        upper: Whether A is upper triangular. Default: ``True``.
        transpose: Solve with the transpose of A instead. Default: ``False``.
        unitriangular: Take the diagonal of A to be ones. Default: ``False``.

    >>> import minitensor as torch
    >>> torch.triangular_solve(torch.tensor([[2.]]), torch.tensor([[4.]])).solution
    tensor([[0.5000]])
    """
    warn_once("torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular.")
    input, A = in_turn(input, A)
    matrix = A.mT if transpose else A
    solution = solve.solve_triangular(matrix, input, upper=upper != transpose, unitriangular=unitriangular)
    copy = squares.among_rows(A.expand(*solution.shape[:-2], *A.shape[-2:]), A.shape[-2])
    return return_types.triangular_solve(*write_outs("triangular_solve", (solution, copy), out))


@composite
def frobenius_norm(
    input: Tensor, dim: int | Sequence[int], keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Return the root of the sum of squares over one dim or two; deprecated: use ``linalg.vector_norm``.

    Raises:
        RuntimeError: If there are more than two dims.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.frobenius_norm(torch.tensor([3., 4.]), 0)
    tensor(5.)
    """
    warn_once("frobenius_norm is deprecated; use linalg.vector_norm(A, 2., dim, keepdim)", UserWarning)
    dims = [dim] if isinstance(dim, int) else list(dim)
    if len(dims) > 2:
        raise ShapeError(f"frobenius_norm: Expected at most 2 dimensions, but got {len(dims)} dimensions instead")
    return vector_norm(input, 2, dims or None, keepdim, out=out)


@composite
def nuclear_norm(
    input: Tensor, dim: Sequence[int] | bool | None = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Return the sum of singular values of matrices, of the last two dims or of two ``dim``; deprecated.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.nuclear_norm(torch.eye(2) * 3)
    tensor(6.)
    """
    warn_once("nuclear_norm is deprecated; use linalg.matrix_norm(A, 'nuc', dim, keepdim)", UserWarning)
    if isinstance(dim, bool):  # PyTorch's other order: keepdim is the second argument
        return matrix_norm(input, "nuc", keepdim=dim, out=out)
    return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, out=out)
