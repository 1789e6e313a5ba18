"""Linear algebra under the names that ``torch`` itself and tensors have for it.

Each is the function of ``torch.linalg`` with other names of arguments or other forms of results; some PyTorch calls
deprecated. Nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.ops import return_types
from minitensor.ops.linalg import factor, solve, squares
from minitensor.ops.matmul import adjoint
from minitensor.ops.out import delivered, received

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


@composite
def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of square matrices; see ``linalg.inv``."""
    return solve.inv(input, out=out)


@composite
def det(input: Tensor) -> Tensor:
    """Return the determinant of square matrices; see ``linalg.det``."""
    return solve.det(input)


@composite
def slogdet(input: Tensor, *, out: Any = None) -> return_types.slogdet:
    """Return the sign of the determinant and the logarithm of its size; see ``linalg.slogdet``."""
    return return_types.slogdet(*solve.slogdet(input, out=out))


@composite
def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the Cholesky factor of positive definite matrices; see ``linalg.cholesky``."""
    return delivered("cholesky", factor.cholesky(input, upper=upper), out)


@composite
def qr(input: Tensor, some: bool = True, *, out: Any = None) -> return_types.qr:
    """Return Q and R with input = Q R; see ``linalg.qr``, whose mode is "complete" for ``some=False``."""
    return return_types.qr(*factor.qr(input, "reduced" if some else "complete", out=out))


@composite
def svd(input: Tensor, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> return_types.svd:
    """Return U, S, V with input = U diag(S) Vᴴ; unlike ``linalg.svd`` the reduced ones, and V itself.

    With ``compute_uv=False`` U and V are zeros.
    """
    u, s, vh = factor.svd(input, not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        batch = tuple(input.shape[:-2])
        u, vh = input.new_zeros((*batch, m, m)), input.new_zeros((*batch, n, n))
        s = factor.svdvals(input)
    return return_types.svd(*received("svd", (u, s, adjoint(vh)), out))


@composite
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Return the pseudo-inverse of matrices; see ``linalg.pinv``."""
    return squares.pinv(input, rcond)
