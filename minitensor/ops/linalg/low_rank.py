"""The leading singular values of large matrices, from a few products with random vectors (Halko et al. 2011).

The random matrix is drawn as PyTorch draws it, so the same seed gives the same factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.dtypes import float32
from minitensor.errors import ArgumentError, ShapeError
from minitensor.ops.broadcast import broadcast_to
from minitensor.ops.linalg.factor import qr, svd
from minitensor.ops.matmul import adjoint, matmul
from minitensor.ops.operand import require_tensors
from minitensor.ops.random import randn

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

DEFAULT_RANK, DEFAULT_STEPS = 6, 2


@composite
def svd_lowrank(
    A: Tensor,  # noqa: N803  # PyTorch's name
    q: int | None = 6,
    niter: int | None = 2,
    M: Tensor | None = None,  # noqa: N803  # PyTorch's name
) -> tuple[Tensor, Tensor, Tensor]:
    """Return approximate singular vectors and values of a matrix, the ``q`` leading ones: ``A = U diag(S) V^H``.

    The matrix is multiplied by ``q`` random vectors of the default generator, then ``niter`` times by itself.

    Args:
        A: Matrices (..., m, n), dense or sparse.
        q: How many singular values, a little more than the rank.
        niter: How many subspace iterations; more are more exact.
        M: A matrix to subtract from ``A`` first, which broadcasts to its shape.

    Returns:
        ``U`` (..., m, q), ``S`` (..., q) and ``V`` (..., n, q).

    Raises:
        RuntimeError: If ``A`` is not a matrix, or ``M`` does not broadcast to its shape.

    >>> import minitensor as torch
    >>> U, S, V = torch.svd_lowrank(torch.diag(torch.tensor([3., 0., 4.])), q=2)
    >>> S
    tensor([4., 3.])
    """
    require_tensors("svd_lowrank", A=A)
    if A.ndim < 2:
        raise ShapeError(f"svd_lowrank: expected matrices (..., m, n), got shape {tuple(A.shape)}")
    if M is not None:
        A = A - broadcast_to(M, A.shape)  # noqa: N806
    return factor_low_rank(A, DEFAULT_RANK if q is None else q, DEFAULT_STEPS if niter is None else niter)


@composite
def pca_lowrank(
    A: Tensor,  # noqa: N803  # PyTorch's name
    q: int | None = None,
    center: bool = True,
    niter: int = 2,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the principal components of data by ``svd_lowrank``: the columns of ``V`` are their directions.

    ``S ** 2 / (m - 1)`` are the variances along them, and ``A @ V`` projects the data.

    Args:
        A: Data (..., m, n) of m samples and n features, dense or sparse.
        q: How many components; the least of 6, m and n if None.
        center: Whether to subtract the mean of each feature first.
        niter: How many subspace iterations; more are more exact.

    Returns:
        ``U`` (..., m, q), ``S`` (..., q) and ``V`` (..., n, q).

    Raises:
        ValueError: If ``q`` is negative or above m or n, or ``niter`` is negative.
        RuntimeError: If ``A`` is not a matrix.

    >>> import minitensor as torch
    >>> U, S, V = torch.pca_lowrank(torch.tensor([[1., 0.], [3., 0.], [5., 0.]]), q=1)
    >>> S, V.abs()
    (tensor([2.8284]), tensor([[1.],
            [0.]]))
    """
    require_tensors("pca_lowrank", A=A)
    if A.ndim < 2:
        raise ShapeError(f"pca_lowrank: expected matrices (..., m, n), got shape {tuple(A.shape)}")
    least = min(A.shape[-2:])
    if q is not None and not 0 <= q <= least:
        raise ArgumentError(
            f"pca_lowrank: q(={q}) must be non-negative integer and not greater than min(m, n)={least}"
        )
    if niter < 0:
        raise ArgumentError(f"pca_lowrank: niter(={niter}) must be non-negative integer")
    if center:
        A = A - A.mean(-2, keepdim=True)  # noqa: N806
    return factor_low_rank(A, min(DEFAULT_RANK, least) if q is None else q, niter)


def factor_low_rank(matrix: Tensor, q: int, niter: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular vectors and values of dense matrices."""
    if matrix.shape[-2] < matrix.shape[-1]:
        v, s, u = factor_tall(adjoint(matrix), q, niter)
        return u, s, v
    return factor_tall(matrix, q, niter)


def factor_tall(matrix: Tensor, q: int, niter: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leading singular vectors and values of matrices that are not wider than high."""
    basis = find_basis(matrix, q, niter)
    u, s, vh = svd(matmul(adjoint(basis), matrix), full_matrices=False)
    return matmul(basis, u), s, adjoint(vh)


def find_basis(matrix: Tensor, q: int, niter: int) -> Tensor:
    """Return q orthonormal columns that span about the same space as a matrix."""
    kind = matrix.dtype if matrix.is_floating_point() or matrix.is_complex() else float32
    drawn = randn(matrix.shape[-1], q, dtype=kind, device=matrix.device)
    basis: Tensor = qr(matmul(matrix, drawn))[0]
    for _ in range(niter):
        basis = qr(matmul(adjoint(matrix), basis))[0]
        basis = qr(matmul(matrix, basis))[0]
    return basis
