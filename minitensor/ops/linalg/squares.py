"""Least squares: the pseudo-inverse, ranks, ``lstsq``.

All use singular values and a threshold below which they count as zero: the larger of ``atol`` and ``rtol`` times the
largest one. The gradient of the pseudo-inverse, where the rank does not change, is that of Golub and Pereyra 1973, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.autograd.spellings import other_names
from minitensor.autograd.strides import column_major, in_layout
from minitensor.autograd.turns import in_turn
from minitensor.backends import any_true
from minitensor.base import TensorBase, values_of
from minitensor.errors import DtypeError, ShapeError
from minitensor.layouts import Layout
from minitensor.ops import return_types
from minitensor.ops.arithmetic import conj
from minitensor.ops.choice import where
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import adjoint_array, real_of, require_inexact, require_matrices, require_square
from minitensor.ops.linalg.factor import eigvalsh, svdvals
from minitensor.ops.matmul import adjoint, by_columns, matmul
from minitensor.ops.out import write_out, write_outs
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- tolerances --------------------------------------------------------------------------------------------------------


def resolve_tolerances(name: str, A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Return both tolerances, numbers or tensors; ``rtol`` is 0 if atol is given, else eps times the larger size."""
    for each in (atol, rtol):
        if isinstance(each, TensorBase) and each.dtype.kind == "c":
            raise DtypeError(f"{name}: tolerances must be real, got {each.dtype.name}")
    usual = dtypes.finfo(A.dtype).eps * max(A.shape[-2:])
    bound: Any = atol
    if isinstance(atol, TensorBase) and rtol is None:
        return bound, where(bound > 0, 0.0, usual)
    if rtol is None:
        rtol = usual if not atol else 0.0
    return 0.0 if atol is None else atol, rtol


def zero_threshold(values: Tensor, atol: Any, rtol: Any) -> Tensor:
    """Return the threshold (..., 1) below which singular values count as zero."""
    largest = values.amax(-1)
    relative = largest * rtol
    absolute = relative * 0 + atol
    bound: Tensor = where(absolute > relative, absolute, relative)
    return bound.unsqueeze(-1)


@composite
@other_names(input="A")
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """Count the singular values above the larger of ``atol`` and ``rtol`` times the largest; (..., m, n) gives (...,).

    Args:
        A: Matrices (..., m, n).
        tol: The same as ``atol``, with ``rtol`` 0. Default: ``None``.
        hermitian: Whether the matrices are Hermitian, so that eigenvalues count. Default: ``False``.
        atol: Singular values up to this count as zero. Default: ``None``, 0.
        rtol: The same, relative to the largest. Default: ``None``, the rounding error times max(m, n), or 0 if ``atol``
            is given.

    >>> import minitensor as torch
    >>> torch.linalg.matrix_rank(torch.tensor([[1., 2.], [2., 4.]]))
    tensor(1)
    """
    name = "linalg.matrix_rank"
    input = require_square(name, A) if hermitian else require_matrices(name, A)
    with no_grad():
        if tol is not None:
            atol, rtol = tol, 0.0
        found = count_rank(name, input.detach(), atol, rtol, hermitian)
    return write_out("linalg.matrix_rank", found, out)


def count_rank(name: str, A: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    """Count the singular values that are not zero."""
    atol, rtol = resolve_tolerances(name, A, atol, rtol)
    if not A.shape[-2] or not A.shape[-1]:
        return A.new_zeros(A.shape[:-2], dtype=dtypes.int64)
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    return (values > zero_threshold(values, atol, rtol)).sum(-1)


# -- the pseudo-inverse ------------------------------------------------------------------------------------------------


def pinv_grad(grad: Tensor, A: Tensor, result: Tensor) -> Tensor:
    """Return -Pᴴ G Pᴴ + (1 - A P) Gᴴ P Pᴴ + Pᴴ P Gᴴ (1 - P A)."""
    up, turned = adjoint(result), adjoint(grad)
    across = matmul(turned, matmul(result, up))
    along = matmul(matmul(up, result), turned)
    total = across - matmul(A, matmul(result, across)) + along - matmul(matmul(along, result), A)
    return by_columns(total - matmul(up, matmul(grad, up)))


def prepare_pinv(
    A: Tensor, rcond: Any, hermitian: bool, atol: Any, rtol: Any
) -> tuple[Tensor, None, bool, Any, Any]:
    """Return both tolerances, numbers or tensors (...,), of which ``rcond`` is an older name."""
    name = "linalg.pinv"
    require_square(name, A) if hermitian else require_matrices(name, A)
    if rcond is not None:
        atol, rtol = 0.0, rcond
    return A, None, bool(hermitian), *resolve_tolerances(name, A, atol, rtol)


@differentiable(name="linalg.pinv", prepare=prepare_pinv, A=pinv_grad)
@other_names(input="A")
def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None,
    out: Tensor | None = None,
) -> Array:
    """Return the Moore-Penrose pseudo-inverse (..., n, m) of (..., m, n).

    Singular values up to the larger of ``atol`` and ``rtol`` (or ``rcond``) times the largest count as zero; both are
    numbers, or tensors with one number for each matrix. With ``hermitian=True`` the eigenvalues of the lower triangle
    are used instead, which is faster.

    Args:
        A: Matrices (..., m, n).
        rcond: Another name of ``rtol``. Default: ``None``.
        hermitian: Whether the matrices are Hermitian. Default: ``False``.
        atol: Singular values up to this count as zero. Default: ``None``, 0.
        rtol: The same, relative to the largest. Default: ``None``, the rounding error times max(m, n), or 0 if ``atol``
            is given.

    Raises:
        RuntimeError: If a tolerance is complex, or the matrices do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.pinv(torch.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    xp = A.xp
    if not A.array.size:
        return xp.zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.array.dtype)
    if hermitian:
        values, vectors = A.backend.eigh(A.array, "L")
        u, vh = vectors, adjoint_array(xp, vectors)
    else:
        u, values, vh = A.backend.svd(A.array, False)
    sizes = xp.abs(values)
    absolute, relative = [each.array[..., None] if isinstance(each, TensorBase) else each for each in (atol, rtol)]
    counted = sizes > xp.maximum(relative * sizes.max(-1, keepdims=True), absolute)
    inverse = xp.where(counted, 1 / xp.where(counted, values, 1), 0).astype(values.dtype)
    left = adjoint_array(xp, vh) * inverse[..., None, :]
    return xp.matmul(left, adjoint_array(xp, u))


# -- least squares -----------------------------------------------------------------------------------------------------

DRIVERS = ("gelsy", "gelsd", "gelss", "gels")


@composite
def lstsq(
    input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None, out: Any = None
) -> return_types.linalg_lstsq:
    """Return the smallest X that minimizes ‖A X - B‖; A is (..., m, n), B (..., m, k) or a batch of vectors.

    The residuals, ranks and singular values are also returned if PyTorch's ``driver`` of that name returns them
    ("gelsy", the default: ranks; "gels": residuals; "gelsd" and "gelss": all), else empty tensors. The residuals
    (..., k) are squared distances, for m > n and matrices of full rank.

    Args:
        input: Matrices A, (..., m, n).
        b: Matrices B, (..., m, k), or vectors (..., m) of the shape of A without the last dim.
        rcond: Singular values below ``rcond`` times the largest count as zero. Default: ``None``, the rounding error
            times max(m, n).
        driver: Which results are returned: ``"gels"``, ``"gelsy"``, ``"gelsd"`` or ``"gelss"``. Default: ``None``,
            ``"gelsy"``.

    Raises:
        RuntimeError: If ``driver`` is unknown, or shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.lstsq(torch.tensor([[2.], [0.]]), torch.tensor([[4.], [1.]])).solution
    tensor([[2.]])
    """
    name = "linalg.lstsq"
    left, right = require_matrices(name, input), require_inexact(name, b, "B")
    require_same_dtype(name, A=left, B=right)
    if driver is None:
        driver = DRIVERS[0]
    if driver not in DRIVERS:
        raise ShapeError(f"{name}: parameter `driver` should be one of {', '.join(DRIVERS)}, got {driver!r}")
    is_vector = right.ndim == left.ndim - 1 and right.shape == left.shape[:-1]
    if right.ndim == 1 and not is_vector:
        raise ShapeError(f"{name}: B of shape {tuple(right.shape)} must have at least as many dims as A minus one")
    if is_vector:
        right = right.unsqueeze(-1)
    if right.ndim < 2 or right.shape[-2] != left.shape[-2]:
        raise ShapeError(
            f"{name}: A and B must have as many rows, got {tuple(left.shape)} and {tuple(right.shape)}"
        )
    broadcast_shapes(tuple(left.shape[:-2]), tuple(right.shape[:-2]))
    left, right = in_turn(left, right)
    solution = among_rows(matmul(pinv(left, rtol=rcond), right), max(left.shape[-2:]))
    with no_grad():
        rank, values = ranks_and_values(left.detach(), rcond)
    empty = left.detach().new_empty([0])
    found = (
        solution.squeeze(-1) if is_vector else solution,
        squared_distances(left, solution, right, rank, driver),
        empty.to(dtypes.int64) if driver == "gels" else rank,
        values if driver in ("gelsd", "gelss") else empty.to(values.dtype),
    )
    return return_types.linalg_lstsq(*write_outs(name, found, out))


def of_rows(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of the first rows of column-major matrices that have more."""
    *batch, _, columns = shape
    return Layout(shape, column_major(arguments, (*batch, arguments[1], columns)).strides, 0)


@differentiable(input=lambda grad: grad)
@in_layout(of_rows, always=True)
def among_rows(input: Tensor, rows: int) -> Array:
    """Copy matrices to the first rows of matrices of LAPACK, which writes the solution over the right-hand sides."""
    copy: Array = input.array.copy()
    return copy


def ranks_and_values(A: Tensor, rcond: float | None) -> tuple[Tensor, Tensor]:
    """Return the matrices' ranks and singular values."""
    values = svdvals(A)
    if not values.numel():
        return A.new_zeros(A.shape[:-2], dtype=dtypes.int64), values
    return (values > zero_threshold(values, *resolve_tolerances("linalg.lstsq", A, None, rcond))).sum(-1), values


def squared_distances(A: Tensor, X: Tensor, B: Tensor, rank: Tensor, driver: str) -> Tensor:
    """Return sum(|A X - B|²) for each column, or an empty tensor if not requested, not tall or not of full rank."""
    m, n = A.shape[-2:]
    if driver == "gelsy" or m <= n or any_true(values_of(rank) < n):
        return real_of(X.reshape(-1)[:0])
    distance = matmul(A, X) - B
    return real_of(conj(distance) * distance).sum(-2)
