"""LDL factors of symmetric and Hermitian matrices, A = P L D Lᵀ Pᵀ, and solving with them; they have no gradients."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import column_major, in_layout
from minitensor.backends import any_true, holds_data
from minitensor.base import values_of
from minitensor.dtypes import int32
from minitensor.errors import GradError, LinAlgError, ShapeError, ShapeIndexError
from minitensor.ops import return_types
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import require_matrices, require_square
from minitensor.ops.linalg.solve import check_systems
from minitensor.ops.out import write_outs

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor


def refuse_factor_grad(grads: Any) -> Tensor:
    """Raise, as PyTorch does."""
    raise GradError("the derivative of linalg.ldl_factor_ex is not implemented; use linalg.solve or linalg.cholesky")


@differentiable(
    name="linalg.ldl_factor_ex",
    prepare=lambda input, hermitian, check_errors: (
        require_square("linalg.ldl_factor_ex", input), bool(hermitian), bool(check_errors)
    ),
    returns=return_types.linalg_ldl_factor_ex,
    input=refuse_factor_grad,
)
@in_layout((column_major, None, None), always=True)
def ldl_factor_ex(
    input: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: Any = None
) -> tuple[Array, Array, Array]:
    """Return L and D in one matrix, pivots, and ``info``: 0, or the number of the first pivot that is zero.

    Only the lower triangle is read. The factors have no gradient.

    Args:
        input: Symmetric or Hermitian matrices (..., n, n).
        hermitian: Whether complex matrices are Hermitian, not symmetric. Default: ``False``.
        check_errors: Raise as ``ldl_factor`` does. Default: ``False``.

    Raises:
        LinAlgError: If ``check_errors`` is true, and a pivot is zero.
        RuntimeError: If the matrices are not square.

    >>> import minitensor as torch
    >>> torch.linalg.ldl_factor_ex(torch.tensor([[4., 2.], [2., 4.]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 3.0000]])
    """
    found, pivots, info = input.backend.ldl_factor(input.array, hermitian and input.array.dtype.kind == "c")
    if check_errors:
        require_regular("linalg.ldl_factor_ex", info)
    return found, pivots, info


def require_regular(name: str, info: Array) -> None:
    """Raise if a pivot is zero."""
    if any_true(info):
        place = int(info.reshape(-1).max())
        raise LinAlgError(f"{name}: D[{place},{place}] is zero, so that the factors cannot be used by ldl_solve")


@composite
def ldl_factor(input: Tensor, *, hermitian: bool = False, out: Any = None) -> return_types.linalg_ldl_factor:
    """Return L and D of A = P L D Lᵀ Pᵀ in one matrix (..., n, n), and pivots (..., n), for ``ldl_solve``.

    D has blocks of one or two columns. Two equal negative pivots stand for a block of two.

    Args:
        input: Symmetric or Hermitian matrices (..., n, n); only the lower triangle is read.
        hermitian: Whether complex matrices are Hermitian, not symmetric. Default: ``False``.

    Raises:
        LinAlgError: If a pivot is zero.
        RuntimeError: If the matrices are not square.

    >>> import minitensor as torch
    >>> torch.linalg.ldl_factor(torch.tensor([[4., 2.], [2., 4.]])).pivots
    tensor([1, 2], dtype=torch.int32)
    """
    factors, pivots, info = ldl_factor_ex(input, hermitian=hermitian)
    require_regular("linalg.ldl_factor", values_of(info))
    return return_types.linalg_ldl_factor(*write_outs("linalg.ldl_factor", (factors, pivots), out))


def refuse_solution_grad(grad: Tensor) -> Tensor:
    """Raise, as PyTorch does."""
    raise GradError("the derivative of linalg.ldl_solve is not implemented; use linalg.solve")


def prepare_ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, hermitian: bool) -> tuple[Tensor, Tensor, Tensor, bool]:
    """Raise unless all fit."""
    name = "linalg.ldl_solve"
    if B.ndim < 2:
        raise ShapeIndexError(f"{name}: B must have at least two dims, got shape {tuple(B.shape)}")
    require_same_dtype(name, LD=require_square(name, LD, "LD"), B=require_matrices(name, B, "B"))
    if tuple(pivots.shape) != tuple(LD.shape[:-1]):
        raise ShapeError(
            f"{name}: expected LD.shape[:-1] and pivots.shape to be the same, got {tuple(LD.shape)} and "
            f"{tuple(pivots.shape)}"
        )
    if pivots.dtype.kind not in "iu":
        raise ShapeError(f"{name}: expected pivots to be integers, got {pivots.dtype.name}")
    rows = values_of(pivots).astype("int64")
    if rows.size and holds_data(rows) and abs(rows).max() > LD.shape[-1]:
        raise ShapeError(f"{name}: pivots must be at most {LD.shape[-1]}, as ldl_factor returns them, got {rows}")
    check_systems(name, tuple(LD.shape), tuple(B.shape), True)
    return LD, pivots.to(int32), B, bool(hermitian)


@differentiable(
    name="linalg.ldl_solve", prepare=prepare_ldl_solve, LD=refuse_solution_grad, B=refuse_solution_grad
)
@in_layout(column_major, always=True)
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Tensor | None = None) -> Array:
    """Return X of A X = B for the A that ``ldl_factor`` has factored. It has no gradient.

    Args:
        LD: L and D in one matrix, (..., n, n).
        pivots: The pivots, (..., n).
        B: The right-hand sides, (..., n, k).
        hermitian: As for ``ldl_factor``. Default: ``False``.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.ldl_solve(*torch.linalg.ldl_factor(torch.tensor([[2., 0.], [0., 4.]])), torch.tensor([[2.], [2.]]))
    tensor([[1.0000],
            [0.5000]])
    """
    xp, n = LD.xp, LD.shape[-1]
    batch = xp.broadcast_shapes(LD.array.shape[:-2], B.array.shape[:-2])
    factors = xp.broadcast_to(LD.array, (*batch, n, n)).reshape(prod(batch), n, n)
    rows = xp.broadcast_to(pivots.array, (*batch, n)).reshape(prod(batch), n)
    found: Array = xp.broadcast_to(B.array, (*batch, *B.array.shape[-2:])).copy()
    right = found.reshape(len(factors), *found.shape[-2:])  # a view
    for each, pivot, columns in zip(factors, rows, right) if holds_data(right) else ():
        substitute(xp, each, pivot, columns, hermitian and found.dtype.kind == "c")
    return found


def substitute(xp: Library, factors: Array, pivots: Array, right: Array, hermitian: bool) -> None:
    """Replace B by the solution: P⁻¹ and L⁻¹ block after block, then D⁻¹, then L⁻ᵀ and P the other way."""
    blocks = pivot_blocks(pivots)
    for first, width in blocks:
        exchange(right, first + width - 1, abs(int(pivots[first])) - 1)
        rest, block = slice(first + width, None), slice(first, first + width)
        right[rest] -= xp.matmul(factors[rest, block], right[block])
        right[block] = xp.linalg.solve(pivot_matrix(factors[block, block], hermitian), right[block])
    for first, width in reversed(blocks):
        rest, block = slice(first + width, None), slice(first, first + width)
        below = factors[rest, block].conj() if hermitian else factors[rest, block]
        right[block] -= xp.matmul(below.T, right[rest])
        exchange(right, first + width - 1, abs(int(pivots[first])) - 1)


def pivot_blocks(pivots: Array) -> list[tuple[int, int]]:
    """Return the first column and the width of each block of D."""
    blocks, k = [], 0
    while k < len(pivots):
        width = 1 if pivots[k] > 0 else 2
        blocks.append((k, width))
        k += width
    return blocks


def exchange(right: Array, row: int, other: int) -> None:
    """Exchange two rows in place."""
    if row != other:
        right[[row, other]] = right[[other, row]]


def pivot_matrix(lower: Array, hermitian: bool) -> Array:
    """Return a block of D, whose lower triangle is stored."""
    found: Array = lower.copy()
    if len(found) == 2:
        found[0, 1] = found[1, 0].conj() if hermitian else found[1, 0]
    return found
