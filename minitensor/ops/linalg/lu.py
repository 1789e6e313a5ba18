"""LU factors of matrices, A = P L U, and solving with them.

``lu_factor_ex`` is the operation with a gradient formula; the others are made of it, of triangular systems and of
exchanges of rows. L and U are kept in one matrix: L has ones on the diagonal. Pivots are LAPACK's: row i was exchanged
with row ``pivots[i] - 1``, one after the other.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite, composite_as
from minitensor.autograd.strides import column_major, in_layout
from minitensor.autograd.turns import in_turn
from minitensor.backends import any_true, holds_data
from minitensor.base import values_of
from minitensor.dtypes import int32
from minitensor.errors import LinAlgError, ShapeError
from minitensor.ops import return_types
from minitensor.ops.join import cat
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import require_inexact, require_matrices, require_square
from minitensor.ops.linalg.factor import main_diagonal
from minitensor.ops.linalg.solve import check_systems, solve_triangular
from minitensor.ops.matmul import adjoint, matmul
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import write_out, write_outs
from minitensor.ops.triangle import diag_embed, tril, triu

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- factors -----------------------------------------------------------------------------------------------------------


def lu_grad(grad: Tensor, factors: Tensor, pivots: Tensor) -> Tensor:
    """Return P L⁻ᴴ (tril(Lᴴ gL, -1) + triu(gU Uᴴ)) U⁻ᴴ for square matrices A = P L U.

    Of more rows than columns, the rows of L below contribute L2ᴴ gL2 to gU Uᴴ, and their own gradient is gL2 U⁻ᴴ. Of
    more columns than rows, the columns of U to the right contribute gU2 U2ᴴ to Lᴴ gL, and their own is L⁻ᴴ gU2.
    """
    m, n = factors.shape[-2:]
    k = min(m, n)
    lower, upper = factors[..., :k, :k], factors[..., :k, :k]
    left = matmul(adjoint(unit_lower(lower)), tril(grad[..., :k, :k], -1))
    right = matmul(triu(grad[..., :k, :k]), adjoint(triu(upper)))
    if m > k:
        right = right - matmul(adjoint(factors[..., k:, :]), grad[..., k:, :])
    if n > k:
        left = left - matmul(grad[..., k:], adjoint(factors[..., k:]))
    inner = divide_by_upper(solve_lower(lower, tril(left, -1) + triu(right)), upper)
    if m > k:
        inner = cat((inner, divide_by_upper(grad[..., k:, :], upper)), -2)
    if n > k:
        inner = cat((inner, solve_lower(lower, grad[..., k:])), -1)
    return exchange_rows(inner, pivots, False).contiguous()


def unit_lower(factors: Tensor) -> Tensor:
    """Return L of square factors."""
    ones = main_diagonal(factors).detach() * 0 + 1
    return tril(factors, -1) + diag_embed(ones)


def solve_lower(factors: Tensor, right: Tensor) -> Tensor:
    """Return L⁻ᴴ B."""
    return solve_triangular(adjoint(factors), right, upper=True, unitriangular=True)


def divide_by_upper(left: Tensor, factors: Tensor) -> Tensor:
    """Return B U⁻ᴴ."""
    return solve_triangular(adjoint(factors), left, upper=False, left=False)


def prepare_factors(A: Tensor, pivot: bool, check_errors: bool) -> tuple[Tensor, bool, bool]:
    """Raise unless A holds matrices, whose rows may be exchanged."""
    require_matrices("linalg.lu_factor_ex", A)
    if not pivot:
        raise ShapeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU; leave pivot=True")
    return A, True, bool(check_errors)


@differentiable(
    name="linalg.lu_factor_ex",
    prepare=prepare_factors,
    returns=return_types.linalg_lu_factor_ex,
    A=lambda grads, result0, result1: lu_grad(grads[0], result0, result1),
)
@in_layout((column_major, None, None), always=True)
def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None
) -> tuple[Array, Array, Array]:
    """Return L and U in one matrix, pivots, and ``info``: 0, or the number of the first pivot that is zero.

    Args:
        A: Matrices (..., m, n).
        pivot: Whether rows are exchanged; they always are on the CPU. Default: ``True``.
        check_errors: Raise as ``lu_factor`` does. Default: ``False``.

    Raises:
        LinAlgError: If ``check_errors`` is true, and a pivot is zero.
        RuntimeError: If ``pivot`` is false, or A has fewer than two dims.

    >>> import minitensor as torch
    >>> torch.linalg.lu_factor_ex(torch.tensor([[2., 4.], [4., 4.]])).LU
    tensor([[4.0000, 4.0000],
            [0.5000, 2.0000]])
    """
    found, pivots, info = A.backend.lu_factor(A.array)
    if check_errors:
        require_pivots("linalg.lu_factor_ex", A, info)
    return found, pivots, info


def require_pivots(name: str, A: Tensor, info: Array) -> None:
    """Raise, naming the first matrix with a pivot that is zero, if there is one."""
    if not any_true(info):
        return
    flat = info.reshape(-1)
    first = int(A.xp.argmax(flat != 0))
    where, place = f"(batch element {first}) " if info.ndim else "", int(flat[first])
    raise LinAlgError(
        f"{name}: {where}U[{place},{place}] is zero and using it on lu_solve would result in a division by zero; call "
        "linalg.lu_factor_ex(A) to factor nevertheless"
    )


@composite_as("linalg.lu_factor")
def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> return_types.linalg_lu_factor:
    """Return L and U of A = P L U in one matrix (..., m, n), and pivots (..., min(m, n)), for ``lu_solve``.

    Args:
        A: Matrices (..., m, n).
        pivot: Whether rows are exchanged; they always are on the CPU. Default: ``True``.

    Raises:
        LinAlgError: If a pivot is zero; the message names the matrix.
        RuntimeError: If ``pivot`` is false, or A has fewer than two dims.

    >>> import minitensor as torch
    >>> torch.linalg.lu_factor(torch.tensor([[2., 4.], [4., 4.]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    factors, pivots, info = lu_factor_ex(A, pivot=pivot)
    require_pivots("linalg.lu_factor", A, values_of(info))
    return return_types.linalg_lu_factor(*write_outs("linalg.lu_factor", (factors, pivots), out))


@composite
def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> return_types.linalg_lu:
    """Return P, L and U with A = P L U: a permutation (..., m, m), L (..., m, k) and U (..., k, n), k = min(m, n).

    Args:
        A: Matrices (..., m, n).
        pivot: Whether rows are exchanged; they always are on the CPU. Default: ``True``.

    Raises:
        RuntimeError: If ``pivot`` is false, or A has fewer than two dims.

    >>> import minitensor as torch
    >>> torch.linalg.lu(torch.tensor([[2., 4.], [4., 4.]])).U
    tensor([[4., 4.],
            [0., 2.]])
    """
    factors, pivots, _ = lu_factor_ex(A, pivot=pivot)
    found = permutation(factors.detach(), pivots), *triangles(factors)
    return return_types.linalg_lu(*write_outs("linalg.lu", found, out))


def triangles(factors: Tensor) -> tuple[Tensor, Tensor]:
    """Return L and U."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    lower = tril(factors[..., :k], -1)
    ones = factors.detach().new_zeros((m, k))
    ones.diagonal().fill_(1)
    return lower + ones, triu(factors[..., :k, :])


def permutation(factors: Tensor, pivots: Tensor) -> Tensor:
    """Return P."""
    m = factors.shape[-2]
    one = factors.new_zeros((m, m))
    one.diagonal().fill_(1)
    return exchange_rows(one, pivots[..., : min(factors.shape[-2:])], False).contiguous()


@composite
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True, *, out: Any = None
) -> return_types.lu_unpack:
    """Return P, L and U from what ``lu_factor`` returns; those that are not wanted are empty.

    Args:
        LU_data: L and U in one matrix, (..., m, n).
        LU_pivots: The pivots, (..., min(m, n)) of int32.
        unpack_data: Whether to return L and U. Default: ``True``.
        unpack_pivots: Whether to return P. Default: ``True``.

    Raises:
        RuntimeError: If the pivots are not int32, or not row numbers.

    >>> import minitensor as torch
    >>> torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[2., 4.], [4., 4.]]))).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    require_tensors("lu_unpack", LU_data=LU_data, LU_pivots=LU_pivots)
    factors = LU_data
    if factors.ndim < 2:
        raise ShapeError(f"lu_unpack: LU_data must have at least two dims, got shape {tuple(factors.shape)}")
    if unpack_pivots:
        require_rows("lu_unpack", factors, LU_pivots)
    empty = factors.detach().new_empty([0])
    lower, upper = triangles(factors) if unpack_data else (empty, empty)
    order = permutation(factors.detach(), LU_pivots) if unpack_pivots else empty
    return return_types.lu_unpack(*write_outs("lu_unpack", (order, lower, upper), out))


def require_rows(name: str, factors: Tensor, pivots: Tensor) -> None:
    """Raise unless pivots are numbers of rows, from 1 on, of int32."""
    if pivots.dtype is not int32:
        raise ShapeError(f"{name}: pivots must be a tensor of int32, as lu_factor returns it, got {pivots.dtype.name}")
    values = values_of(pivots)
    if values.size and holds_data(values) and (values.min() < 1 or values.max() > factors.shape[-2]):
        raise ShapeError(
            f"{name}: pivots must be between 1 and {factors.shape[-2]}, the number of rows, got {int(values.min())} to "
            f"{int(values.max())}"
        )


# -- exchanges of rows -------------------------------------------------------------------------------------------------


@nondifferentiable
def exchange_order(pivots: Tensor, rows: int, back: bool) -> Array:
    """Return which row each row of P B, or with ``back`` of Pᵀ B, comes from."""
    xp, array = pivots.xp, pivots.array
    flat = array.reshape(prod(array.shape[:-1]), array.shape[-1])
    order = xp.zeros((len(flat), rows), "int64") + xp.arange(rows)
    batch = xp.arange(len(flat))
    for i in range(flat.shape[-1] if holds_data(flat) else 0):
        other = flat[:, i] - 1
        here, there = order[:, i].copy(), order[batch, other]
        order[batch, other], order[:, i] = here, there
    if not back:
        order = xp.argsort(order, -1)
    return order.reshape(*array.shape[:-1], rows)


def exchange_rows_grad(grad: Tensor, pivots: Tensor, back: bool) -> Tensor:
    """Return the rows in their places before."""
    return exchange_rows(grad, pivots, not back)


@differentiable(input=exchange_rows_grad)
@in_layout(column_major, always=True)
def exchange_rows(input: Tensor, pivots: Tensor, back: bool) -> Array:
    """Return P B, or with ``back`` Pᵀ B; batches broadcast."""
    xp, order = input.xp, exchange_order(pivots, input.shape[-2], back).array
    batch = xp.broadcast_shapes(input.array.shape[:-2], order.shape[:-1])
    array = xp.broadcast_to(input.array, (*batch, *input.array.shape[-2:]))
    order = xp.broadcast_to(order, (*batch, order.shape[-1]))
    found: Array = xp.take_along_axis(array, order[..., None], -2)
    return found


# -- solving -----------------------------------------------------------------------------------------------------------


@composite
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """Return X of A X = B, or with ``left=False`` of X A = B, for the A that ``lu_factor`` has factored.

    Args:
        LU: L and U in one matrix, (..., n, n).
        pivots: The pivots, (..., n) of int32.
        B: The right-hand sides, (..., n, k), or (..., k, n) with ``left=False``.
        left: Whether A stands on the left of X. Default: ``True``.
        adjoint: Solve with the conjugate transpose of A. Default: ``False``.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.lu_solve(*torch.linalg.lu_factor(torch.tensor([[2., 0.], [0., 4.]])), torch.tensor([[2.], [2.]]))
    tensor([[1.0000],
            [0.5000]])
    """
    name = "linalg.lu_solve"
    require_same_dtype(name, LU=require_square(name, LU, "LU"), B=require_matrices(name, require_inexact(name, B), "B"))
    if tuple(pivots.shape) != tuple(LU.shape[:-1]):
        raise ShapeError(
            f"{name}: there must be as many pivots as rows of each matrix, got shapes {tuple(pivots.shape)} and "
            f"{tuple(LU.shape)}"
        )
    check_systems(name, tuple(LU.shape), tuple(B.shape), left)
    require_rows(name, LU, pivots)
    LU, B = in_turn(LU, B)
    return write_out(name, solve_by_factors(LU, pivots, B, left, adjoint), out)


def solve_by_factors(factors: Tensor, pivots: Tensor, B: Tensor, left: bool, turned: bool) -> Tensor:
    """Return the solution U⁻¹ L⁻¹ Pᵀ B, or with Aᴴ, P L⁻ᴴ U⁻ᴴ B; on the right, the adjoint of one with Bᴴ."""
    if not left:
        return adjoint(solve_by_factors(factors, pivots, adjoint(B), True, not turned))
    if turned:
        half = solve_triangular(adjoint(factors), B, upper=False)
        return exchange_rows(solve_lower(factors, half), pivots, False)
    half = solve_triangular(factors, exchange_rows(B, pivots, True), upper=False, unitriangular=True)
    return solve_triangular(factors, half, upper=True)
