"""Products of Householder reflections, as ``geqrf`` returns those of a QR factorization.

Reflection i is H = 1 - tau v vᴴ, where v has zeros above the diagonal, one on it, and column i of the input below. A
product of reflections is H1 H2 ... = 1 - V T Vᴴ with T = (1 + diag(tau) S)⁻¹ diag(tau), S the strictly upper triangle
of VᴴV (Schreiber and Van Loan 1989, "A storage-efficient WY representation for products of Householder
transformations"). In this form everything is a product of matrices, and the gradients follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import other_names
from minitensor.autograd.strides import column_major, in_layout
from minitensor.autograd.turns import in_turn
from minitensor.errors import ShapeError, UnsupportedError
from minitensor.ops import return_types
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import require_inexact, require_matrices
from minitensor.ops.linalg.solve import solve_triangular
from minitensor.ops.linalg.squares import among_rows
from minitensor.ops.matmul import adjoint, matmul
from minitensor.ops.out import write_out
from minitensor.ops.triangle import tril, triu

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def refuse_grad(grads: Any) -> Tensor:
    """Raise, as PyTorch does."""
    raise UnsupportedError("the derivative for 'geqrf' is not implemented; use linalg.qr")


@differentiable(
    prepare=lambda input: (require_matrices("geqrf", input, "input"),), returns=return_types.geqrf, input=refuse_grad
)
@in_layout((column_major, None), always=True)
def geqrf(input: Tensor, *, out: Any = None) -> tuple[Array, Array]:
    """Return the QR factorization as R, with reflections below its diagonal (..., m, n), and their factors (..., k).

    ``linalg.householder_product`` and ``ormqr`` use them, ``linalg.qr`` returns Q itself. They have no gradient.

    Args:
        input: Matrices (..., m, n), k = min(m, n).

    >>> import minitensor as torch
    >>> torch.geqrf(torch.tensor([[3.], [4.]])).a
    tensor([[-5.0000],
            [ 0.5000]])
    """
    xp, array = input.xp, input.array
    *batch, m, n = array.shape
    if not array.size:
        return array.copy(), xp.zeros((*batch, min(m, n)), array.dtype)
    turned, tau = xp.linalg.qr(array, "raw")
    return xp.swapaxes(turned, -2, -1), tau


def require_reflections(name: str, input: Tensor, tau: Tensor) -> None:
    """Raise unless the input holds at least as many rows as columns, and as many columns as factors."""
    require_same_dtype(name, input=require_matrices(name, input, "input"), tau=require_inexact(name, tau, "tau"))
    m, n = input.shape[-2:]
    if tau.ndim != input.ndim - 1 or tuple(tau.shape[:-1]) != tuple(input.shape[:-2]):
        raise ShapeError(
            f"{name}: expected tau to have one dimension less than input, with the same batch, got shapes "
            f"{tuple(tau.shape)} and {tuple(input.shape)}"
        )
    if n > m or tau.shape[-1] > n:
        raise ShapeError(
            f"{name}: input must have as many rows as columns, and as many columns as tau has factors, or more: got "
            f"shapes {tuple(input.shape)} and {tuple(tau.shape)}"
        )


def vectors(input: Tensor, count: int) -> Tensor:
    """Return V (..., m, k)."""
    return tril(input[..., :count], -1) + unit(input, count)


def unit(input: Tensor, columns: int) -> Tensor:
    """Return the first columns of an identity matrix with as many rows as the input."""
    one = input.detach().new_zeros((input.shape[-2], columns))
    one.diagonal().fill_(1)
    return one


def product_with(V: Tensor, tau: Tensor, right: Tensor, is_adjoint: bool = False) -> Tensor:
    """Return T B, or Tᴴ B."""
    inner = tau.unsqueeze(-1) * triu(matmul(adjoint(V), V), 1)
    if not is_adjoint:
        return solve_triangular(inner, tau.unsqueeze(-1) * right, upper=True, unitriangular=True)
    half = solve_triangular(adjoint(inner), right, upper=False, unitriangular=True)
    found: Tensor = tau.conj().unsqueeze(-1) * half
    return found


@composite
def householder_product(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the first n columns of the product of k reflections: Q of a QR factorization.

    Args:
        input: The reflections in the columns below the diagonal, (..., m, n) with m >= n.
        tau: Their factors, (..., k) with k <= n.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.householder_product(*torch.geqrf(torch.tensor([[3.], [4.]])))
    tensor([[-0.6000],
            [-0.8000]])
    """
    name = "linalg.householder_product"
    require_reflections(name, input, tau)
    input, tau = in_turn(input, tau)
    n = input.shape[-1]
    V = vectors(input, tau.shape[-1])
    found = unit(input, n) - matmul(V, product_with(V, tau, adjoint(V[..., :n, :])))
    return write_out(name, among_rows(found, found.shape[-2]), out)


@composite
@other_names(tau="input2")
def orgqr(input: Tensor, input2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the product of reflections; see ``linalg.householder_product``.

    Args:
        input2: The factors of the reflections, (..., k).

    >>> import minitensor as torch
    >>> torch.orgqr(*torch.geqrf(torch.tensor([[3.], [4.]])))
    tensor([[-0.6000],
            [-0.8000]])
    """
    return householder_product(input, input2, out=out)


@composite
@other_names(tau="input2", other="input3")
def ormqr(
    input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False, *,
    out: Tensor | None = None,
) -> Tensor:
    """Return Q C, the product of all reflections times a matrix, without computing Q; or Qᴴ C, C Q, C Qᴴ.

    Args:
        input: The reflections in the columns below the diagonal, (..., m, n).
        input2: Their factors, (..., k); also called ``tau``.
        input3: The matrix C; also called ``other``, (..., m, c), or with ``left=False`` (..., c, m).
        left: Whether Q stands on the left. Default: ``True``.
        transpose: Whether to multiply by Qᴴ. Default: ``False``.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.ormqr(*torch.geqrf(torch.tensor([[3.], [4.]])), torch.tensor([[3.], [4.]]), transpose=True)
    tensor([[-5.],
            [ 0.]])
    """
    require_fit(input, input2, input3, left)
    input, tau, other = in_turn(input, input2, input3)
    V = vectors(input, tau.shape[-1])
    if left:
        found = other - matmul(V, product_with(V, tau, matmul(adjoint(V), other), transpose))
    else:
        found = other - matmul(matmul(other, V), product_with(V, tau, adjoint(V), transpose))
    return write_out("ormqr", among_rows(found, found.shape[-2]), out)


def require_fit(input: Tensor, tau: Tensor, other: Tensor, left: bool) -> None:
    """Raise unless dtypes, sizes and batches of ``ormqr``'s arguments fit."""
    given, matrix = require_matrices("ormqr", input, "input"), require_matrices("ormqr", other, "other")
    require_same_dtype("ormqr", input=given, tau=require_inexact("ormqr", tau, "tau"), other=matrix)
    m, n = input.shape[-2:]
    batches = {tuple(input.shape[:-2]), tuple(tau.shape[:-1]), tuple(other.shape[:-2])}
    if len(batches) > 1 or tau.shape[-1] != min(m, n) or other.shape[-2 if left else -1] != m:
        raise ShapeError(
            f"ormqr: expected input (..., m, n), tau (..., min(m, n)), and other (..., m, c), or (..., c, m) with "
            f"left=False, got shapes {tuple(input.shape)}, {tuple(tau.shape)} and {tuple(other.shape)}"
        )
