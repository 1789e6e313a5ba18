"""Systems of linear equations, inverses, triangular systems, determinants.

The primitives are ``_solve``, ``_inverse``, ``_solve_triangular``, ``_det`` and ``_slogdet``, each with its gradient
formula (Giles 2008, "An extended collection of matrix derivative results"; for complex matrices each transpose is an
adjoint). The public functions check their arguments. Least squares are in ``squares.py``.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.base import values_of
from minitensor.errors import ShapeError
from minitensor.ops import return_types
from minitensor.ops.arithmetic import conj
from minitensor.ops.choice import where
from minitensor.ops.exponentials import log
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import (
    SINGULAR,
    failure_marks,
    imag_of,
    raise_if_failed,
    require_inexact,
    require_matrices,
    require_square,
)
from minitensor.ops.matmul import adjoint, matmul
from minitensor.ops.out import write_out, write_outs
from minitensor.ops.triangle import tril, triu
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- general systems ---------------------------------------------------------------------------------------------------


def solve_matrix_grad(grad: Tensor, A: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of X = A⁻¹ B in A: -A⁻ᴴ G Xᴴ."""
    return matmul(_solve(adjoint(A), grad), adjoint(result)).neg()


def solve_rhs_grad(grad: Tensor, A: Tensor) -> Tensor:
    """Return the gradient of A⁻¹ B in B: A⁻ᴴ G."""
    return _solve(adjoint(A), grad)


@differentiable(A=solve_matrix_grad, B=solve_rhs_grad)
def _solve(A: Tensor, B: Tensor) -> Array:
    """Return X of A X = B, (..., n, n) and (..., n, k)."""
    result, failed = A.backend.solve(A.array, B.array)
    return raise_if_failed("linalg.solve", A, result, failed, "the solver failed because the input matrix is singular")


@composite
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """Return X of A X = B, or with ``left=False`` of X A = B: A is (..., n, n), B (..., n, k), (..., n) or (n,).

    B holds vectors if it has one dim or the shape of A without the last dim, else matrices. Batches broadcast.

    Raises:
        LinAlgError: a matrix is singular; the message names it.
        RuntimeError: shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    matrix, right = require_square("linalg.solve", A), require_inexact("linalg.solve", B, "B")
    require_same_dtype("linalg.solve", A=matrix, B=right)
    is_vector = right.ndim == 1 or (right.ndim == matrix.ndim - 1 and right.shape == matrix.shape[:-1])
    if is_vector and not left:
        raise ShapeError("linalg.solve: vector broadcasting of the left hand side is not supported for left=False")
    if is_vector:
        right = right.unsqueeze(-1)
    check_systems("linalg.solve", matrix, right, left)
    matrix, right = in_turn(matrix, right)
    result = _solve(matrix, right) if left else adjoint(_solve(adjoint(matrix), adjoint(right)))
    return write_out("linalg.solve", result.squeeze(-1) if is_vector else result, out)


def check_systems(name: str, A: Tensor, B: Tensor, left: bool) -> None:
    """Raise if the sizes or batches of a system do not fit."""
    if B.ndim < 2 or B.shape[-2 if left else -1] != A.shape[-1]:
        raise ShapeError(
            f"{name}: incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({tuple(A.shape)} and {tuple(B.shape)})"
        )
    broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[:-2]))


def inverse_grad(grad: Tensor, result: Tensor) -> Tensor:
    """Return -A⁻ᴴ G A⁻ᴴ."""
    turned = adjoint(result)
    return matmul(turned, matmul(grad, turned)).neg()


@differentiable(input=inverse_grad)
def _inverse(input: Tensor) -> Array:
    """Return A⁻¹."""
    result, failed = input.backend.inverse(input.array)
    return raise_if_failed("linalg.inv", input, result, failed, SINGULAR)


def inverse_ex_grad(grads: Any, result0: Tensor) -> Tensor:
    """Return the gradient of the inverse; ``info`` has none."""
    return inverse_grad(grads[0], result0)


@differentiable(input=inverse_ex_grad)
def _inverse_ex(input: Tensor) -> tuple[Array, Array]:
    """Return A⁻¹, NaN where it does not exist, and the failure marks."""
    result, failed = input.backend.inverse(input.array)
    return result, failure_marks(input, failed)


@composite
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> return_types.linalg_inv_ex:
    """Return inverses (..., n, n) and ``info`` (...,): NaN and 1 for a singular matrix, else 0.

    Nothing is raised for a singular matrix unless ``check_errors`` is set.

    >>> import minitensor as torch
    >>> torch.linalg.inv_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    pair = _inverse_ex(require_square("linalg.inv_ex", A))
    if check_errors:
        raise_if_failed("linalg.inv_ex", A, A.array, failure_mask(pair[1]), SINGULAR)
    return return_types.linalg_inv_ex(*write_outs("linalg.inv_ex", pair, out))


def failure_mask(info: Tensor) -> Any:
    """Return which matrices failed, or None if none did."""
    marked: Any = values_of(info) != 0
    return marked if bool(marked.any()) else None


@composite
def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> return_types.linalg_solve_ex:
    """Return the result of ``solve`` and ``info`` (...,): NaN and 1 for a singular matrix, else 0.

    >>> import minitensor as torch
    >>> torch.linalg.solve_ex(torch.zeros(1, 1), torch.ones(1)).info
    tensor(1, dtype=torch.int32)
    """
    matrix, info = require_square("linalg.solve_ex", A), _inverse_ex(A.detach())[1]
    if check_errors:
        raise_if_failed("linalg.solve_ex", A, A.array, failure_mask(info), SINGULAR)
    if failure_mask(info) is not None:
        bad = as_matrix_scalars(info != 0)
        matrix = where(bad, float("nan"), matrix)  # a system of NaN has the solution NaN
    return return_types.linalg_solve_ex(*write_outs("linalg.solve_ex", (solve(matrix, B, left=left), info), out))


@composite
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of square matrices (..., n, n).

    To solve equations, ``solve`` is faster and more accurate.

    Raises:
        LinAlgError: a matrix is singular; the message names it.

    >>> import minitensor as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return write_out("linalg.inv", _inverse(require_square("linalg.inv", A)), out)


# -- systems of tensors ------------------------------------------------------------------------------------------------


@composite
def tensorinv(input: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse, shape[ind:] + shape[:ind], of the linear map from the last dims to the first ``ind``.

    >>> import minitensor as torch
    >>> torch.linalg.tensorinv(torch.eye(6).reshape(6, 2, 3), ind=1).shape
    torch.Size([2, 3, 6])
    """
    require_inexact("linalg.tensorinv", input)
    if ind < 1:
        raise ShapeError(f"linalg.tensorinv: expected a strictly positive integer for 'ind', got {ind}")
    first, last = tuple(input.shape[:ind]), tuple(input.shape[ind:])
    if prod(first) != prod(last) or not input.ndim:
        raise ShapeError(
            f"linalg.tensorinv: expected self to satisfy prod(shape[ind:]) == prod(shape[:ind]), got "
            f"{tuple(input.shape)} and ind={ind}"
        )
    return write_out("linalg.tensorinv", inv(input.reshape(prod(first), prod(last))).reshape(last + first), out)


@composite
def tensorsolve(input: Tensor, other: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Return X for which the sum of A * X over the last dims of A is B; ``dims`` of A are moved to the end first.

    >>> import minitensor as torch
    >>> torch.linalg.tensorsolve(torch.eye(6).reshape(2, 3, 6), torch.ones(2, 3)).shape
    torch.Size([6])
    """
    A, B = require_inexact("linalg.tensorsolve", input), require_inexact("linalg.tensorsolve", other, "B")
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    if prod(shape) != prod(A.shape[: B.ndim]) or prod(shape) != B.numel():
        raise ShapeError(
            f"linalg.tensorsolve: expected prod(A.shape[B.ndim:]) == prod(A.shape[:B.ndim]) == B.numel(), got shapes "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    return write_out("linalg.tensorsolve", solve(A.reshape(B.numel(), B.numel()), B.reshape(-1)).reshape(shape), out)


# -- triangular systems ------------------------------------------------------------------------------------------------


def solve_triangular_matrix_grad(grad: Tensor, A: Tensor, result: Tensor, upper: bool, unit: bool) -> Tensor:
    """Return the triangle of -A⁻ᴴ G Xᴴ that the solver reads."""
    full = matmul(_solve_triangular(adjoint(A), grad, not upper, unit), adjoint(result)).neg()
    return triu(full, int(unit)) if upper else tril(full, -int(unit))


def solve_triangular_rhs_grad(grad: Tensor, A: Tensor, upper: bool, unit: bool) -> Tensor:
    """Return A⁻ᴴ G."""
    return _solve_triangular(adjoint(A), grad, not upper, unit)


@differentiable(A=solve_triangular_matrix_grad, B=solve_triangular_rhs_grad)
def _solve_triangular(A: Tensor, B: Tensor, upper: bool, unit: bool) -> Array:
    """Return X of A X = B, reading one triangle of A."""
    return A.backend.solve_triangular(A.array, B.array, upper, unit)


@composite
def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """Return X of A X = B, or with ``left=False`` of X A = B, for triangular A; the other triangle is not read.

    With ``unitriangular=True`` the diagonal is taken to be ones. A zero on the diagonal gives infinities, not an error.

    >>> import minitensor as torch
    >>> torch.linalg.solve_triangular(torch.tensor([[2., 0.], [1., 1.]]), torch.tensor([[2.], [3.]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    name = "linalg.solve_triangular"
    matrix, right = require_square(name, input), require_matrices(name, B, "B")
    require_same_dtype(name, A=matrix, B=right)
    check_systems(name, matrix, right, left)
    matrix, right = in_turn(matrix, right)
    if left:
        found = _solve_triangular(matrix, right, bool(upper), bool(unitriangular))
    else:
        found = adjoint(_solve_triangular(adjoint(matrix), adjoint(right), not upper, bool(unitriangular)))
    return write_out("linalg.solve_triangular", found, out, B)


def cholesky_solve_factor_grad(grad: Tensor, L: Tensor, result: Tensor) -> Tensor:
    """Return -(A⁻¹ G Xᴴ + X Gᴴ A⁻¹) L, as if all of L were read: PyTorch's choice."""
    one = matmul(_cholesky_solve(grad, L), adjoint(result))
    return matmul(one + adjoint(one), L).neg()


def cholesky_solve_rhs_grad(grad: Tensor, L: Tensor) -> Tensor:
    """Return A⁻¹ G, for A is Hermitian."""
    return _cholesky_solve(grad, L)


@differentiable(B=cholesky_solve_rhs_grad, L=cholesky_solve_factor_grad)
def _cholesky_solve(B: Tensor, L: Tensor) -> Array:
    """Return X of L Lᴴ X = B."""
    xp, lower = L.xp, L.array
    half = L.backend.solve_triangular(lower, B.array, False, False)
    return L.backend.solve_triangular(xp.swapaxes(lower, -2, -1).conj(), half, True, False)


@composite
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return X of A X = B, given B (..., n, k) and the Cholesky factor of A (..., n, n), the lower or the upper one.

    >>> import minitensor as torch
    >>> torch.cholesky_solve(torch.tensor([[8.]]), torch.tensor([[2.]]))
    tensor([[2.]])
    """
    right, factor = require_matrices("cholesky_solve", input, "B"), require_square("cholesky_solve", input2, "L")
    require_same_dtype("cholesky_solve", B=right, L=factor)
    check_systems("cholesky_solve", factor, right, True)
    lower = adjoint(factor) if upper else factor
    return write_out("cholesky_solve", _cholesky_solve(right, lower), out)


@composite
def cholesky_inverse(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of A, given its Cholesky factor.

    >>> import minitensor as torch
    >>> torch.cholesky_inverse(torch.tensor([[2.]]))
    tensor([[0.2500]])
    """
    factor = require_square("cholesky_inverse", input, "L")
    zeros = (values_of(factor).diagonal(0, -2, -1) == 0).any(-1)
    raise_if_failed("cholesky_inverse", factor, zeros, zeros if zeros.any() else None, "its diagonal holds a zero")
    one = factor.detach().new_zeros(factor.shape[-2:])
    one.diagonal().fill_(1)
    return write_out("cholesky_inverse", cholesky_solve(one, factor, upper), out)


# -- determinants ------------------------------------------------------------------------------------------------------


def as_matrix_scalars(input: Tensor) -> Tensor:
    """Reshape one number per matrix (...,) to (..., 1, 1), which multiplies matrices."""
    return input.unsqueeze(-1).unsqueeze(-1)


def cofactors_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return tr(Gᴴ C) A⁻ᴴ - A⁻ᴴ Gᴴ C, the gradient of C = det(A)* A⁻ᴴ; NaN for singular matrices."""
    turned = adjoint(_inverse_ex(input)[0])
    product = matmul(adjoint(grad), result)
    trace = (conj(grad) * result).sum((-2, -1))
    return as_matrix_scalars(trace) * turned - matmul(turned, product)


@differentiable(input=cofactors_grad)
def cofactors(input: Tensor) -> Array:
    """Return det(A)* A⁻ᴴ, for singular matrices its limit: the derivative of the determinant."""
    return input.backend.cofactors(input.array)


def det_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return G det(A)* A⁻ᴴ, which exists for singular matrices too."""
    return as_matrix_scalars(grad).mul(cofactors(input))


@differentiable(input=det_grad)
def _det(input: Tensor) -> Array:
    """Return the determinant."""
    return input.backend.det(input.array)


@composite
def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the determinants (...,) of square matrices (..., n, n). The gradient exists for singular ones too.

    >>> import minitensor as torch
    >>> torch.linalg.det(torch.tensor([[2., 0.], [1., 3.]]))
    tensor(6.)
    """
    return write_out("linalg.det", _det(require_square("linalg.det", A)), out)


def slogdet_grad(grads: Any, input: Tensor, result0: Tensor) -> Tensor:
    """Return (g - i Im(gs* s)) A⁻ᴴ, g and gs the gradients of log |det| and of the sign s.

    For d log |det| = Re τ and ds = s i Im τ with τ = tr(A⁻¹ dA).
    """
    (grad_sign, grad_log), sign = grads, result0
    factor = grad_log
    if grad_sign is not None and sign.array.dtype.kind == "c":
        turn = imag_of(conj(grad_sign) * sign) * -1j
        factor = turn if factor is None else factor + turn
    if factor is None:
        return input * 0
    found: Tensor = as_matrix_scalars(factor) * adjoint(_inverse_ex(input)[0])
    return found


@differentiable(input=slogdet_grad)
def _slogdet(input: Tensor) -> tuple[Array, Array]:
    """Return the sign of the determinant and the logarithm of its absolute value."""
    return input.backend.slogdet(input.array)


@composite
def slogdet(A: Tensor, *, out: Any = None) -> return_types.linalg_slogdet:
    """Return the sign (phase if complex) of the determinant and the logarithm of its absolute value, -inf for 0.

    >>> import minitensor as torch
    >>> torch.linalg.slogdet(torch.tensor([[-1., 0.], [0., 1.]])).sign
    tensor(-1.)
    """
    found = _slogdet(require_square("linalg.slogdet", A))
    return return_types.linalg_slogdet(*write_outs("linalg.slogdet", found, out))


@composite
def logdet(input: Tensor) -> Tensor:
    """Return the logarithm of the determinant; NaN for a real matrix whose determinant is negative.

    >>> import minitensor as torch
    >>> torch.logdet(torch.eye(3))
    tensor(0.)
    """
    sign, size = _slogdet(require_square("logdet", input, "input"))
    if sign.array.dtype.kind == "c":
        phase: Tensor = size + log(sign)
        return phase
    found: Tensor = where(sign == -1, float("nan"), size)
    return found
