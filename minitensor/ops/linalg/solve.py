"""Systems of linear equations: solving them, inverses, triangular ones, determinants.

The primitives are ``_solve``, ``_inverse``, ``_solve_triangular``, ``_det`` and ``_slogdet``, each with its formula
(Giles 2008, "An extended collection of matrix derivative results"; for complex matrices each transpose is an adjoint).
The public functions check what they are given. Least squares are in ``squares.py``.
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
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import (
    SINGULAR,
    imag_of,
    inexact,
    marks,
    matrices,
    square,
    unless_failed,
)
from minitensor.ops.matmul import adjoint, matmul
from minitensor.ops.out import delivered, received
from minitensor.ops.pointwise import conj, where
from minitensor.ops.triangle import tril, triu
from minitensor.ops.unary import log
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- any system --------------------------------------------------------------------------------------------------------


def matrix_gradient(grad: Tensor, A: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of X = A⁻¹ B in A: -A⁻ᴴ G Xᴴ."""
    return matmul(_solve(adjoint(A), grad), adjoint(result)).neg()


def column_gradient(grad: Tensor, A: Tensor) -> Tensor:
    """Return the gradient of A⁻¹ B in B: A⁻ᴴ G."""
    return _solve(adjoint(A), grad)


@differentiable(A=matrix_gradient, B=column_gradient)
def _solve(A: Tensor, B: Tensor) -> Array:
    """Return X of A X = B, (..., n, n) and (..., n, k)."""
    result, failed = A.backend.solve(A.array, B.array)
    return unless_failed("linalg.solve", A, result, failed, "the solver failed because the input matrix is singular")


@composite
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """Return X of A X = B, or with ``left=False`` of X A = B: A is (..., n, n), B (..., n, k), (..., n) or (n,).

    B is a batch of vectors if it is one vector, or if it has the shape of A without the last dim. Batches broadcast.
    Raises ``LinAlgError`` for a singular matrix and names it.

    >>> import minitensor as torch
    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    matrix, right = square("linalg.solve", A), inexact("linalg.solve", B, "B")
    require_same_dtype("linalg.solve", A=matrix, B=right)
    is_vector = right.ndim == 1 or (right.ndim == matrix.ndim - 1 and right.shape == matrix.shape[:-1])
    if is_vector and not left:
        raise ShapeError("linalg.solve: vector broadcasting of the left hand side is not supported for left=False")
    if is_vector:
        right = right.unsqueeze(-1)
    fits("linalg.solve", matrix, right, left)
    matrix, right = in_turn(matrix, right)
    result = _solve(matrix, right) if left else adjoint(_solve(adjoint(matrix), adjoint(right)))
    return delivered("linalg.solve", result.squeeze(-1) if is_vector else result, out)


def fits(name: str, A: Tensor, B: Tensor, left: bool) -> None:
    """Refuse systems whose sizes, or batches, do not fit."""
    if B.ndim < 2 or B.shape[-2 if left else -1] != A.shape[-1]:
        raise ShapeError(
            f"{name}: incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({tuple(A.shape)} and {tuple(B.shape)})"
        )
    broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[:-2]))


def inverse_gradient(grad: Tensor, result: Tensor) -> Tensor:
    """Return -A⁻ᴴ G A⁻ᴴ."""
    turned = adjoint(result)
    return matmul(turned, matmul(grad, turned)).neg()


@differentiable(input=inverse_gradient)
def _inverse(input: Tensor) -> Array:
    """Return A⁻¹."""
    result, failed = input.backend.inverse(input.array)
    return unless_failed("linalg.inv", input, result, failed, SINGULAR)


def checked_inverse_gradient(grads: Any, result0: Tensor) -> Tensor:
    """Return the gradient of the inverse beside the marks."""
    return inverse_gradient(grads[0], result0)


@differentiable(input=checked_inverse_gradient)
def _inverse_ex(input: Tensor) -> tuple[Array, Array]:
    """Return A⁻¹, NaN where there is none, and marks of where there is none."""
    result, failed = input.backend.inverse(input.array)
    return result, marks(input, failed)


@composite
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> return_types.linalg_inv_ex:
    """Return inverses, NaN for singular matrices, and for each matrix (...,) 0 or, where it is singular, 1.

    Nothing is raised for a singular matrix unless ``check_errors`` is set.

    >>> import minitensor as torch
    >>> torch.linalg.inv_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    pair = _inverse_ex(square("linalg.inv_ex", A))
    if check_errors:
        unless_failed("linalg.inv_ex", A, A.array, failed_of(pair[1]), SINGULAR)
    return return_types.linalg_inv_ex(*received("linalg.inv_ex", pair, out))


def failed_of(info: Tensor) -> Any:
    """Return which matrices are marked; None if none is."""
    marked: Any = values_of(info) != 0
    return marked if bool(marked.any()) else None


@composite
def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> return_types.linalg_solve_ex:
    """Return what ``solve`` returns, NaN for singular matrices, and for each matrix (...,) 0 or, if it is singular, 1.

    >>> import minitensor as torch
    >>> torch.linalg.solve_ex(torch.zeros(1, 1), torch.ones(1)).info
    tensor(1, dtype=torch.int32)
    """
    matrix, info = square("linalg.solve_ex", A), _inverse_ex(A.detach())[1]
    if check_errors:
        unless_failed("linalg.solve_ex", A, A.array, failed_of(info), SINGULAR)
    if failed_of(info) is not None:
        bad = over_matrices(info != 0)
        matrix = where(bad, float("nan"), matrix)  # a system of NaN has the solution NaN
    return return_types.linalg_solve_ex(*received("linalg.solve_ex", (solve(matrix, B, left=left), info), out))


@composite
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of square matrices (..., n, n).

    To solve equations, ``solve`` is faster and more exact. Raises ``LinAlgError`` for a singular matrix and names it.

    >>> import minitensor as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return delivered("linalg.inv", _inverse(square("linalg.inv", A)), out)


# -- systems of tensors ------------------------------------------------------------------------------------------------


@composite
def tensorinv(input: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of the linear map from the last dims to the first ``ind``: shape[ind:] + shape[:ind].

    >>> import minitensor as torch
    >>> torch.linalg.tensorinv(torch.eye(6).reshape(6, 2, 3), ind=1).shape
    torch.Size([2, 3, 6])
    """
    inexact("linalg.tensorinv", input)
    if ind < 1:
        raise ShapeError(f"linalg.tensorinv: expected a strictly positive integer for 'ind', got {ind}")
    first, last = tuple(input.shape[:ind]), tuple(input.shape[ind:])
    if prod(first) != prod(last) or not input.ndim:
        raise ShapeError(
            f"linalg.tensorinv: expected self to satisfy prod(shape[ind:]) == prod(shape[:ind]), got "
            f"{tuple(input.shape)} and ind={ind}"
        )
    return delivered("linalg.tensorinv", inv(input.reshape(prod(first), prod(last))).reshape(last + first), out)


@composite
def tensorsolve(input: Tensor, other: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Return X such that the sum of A * X over the last dims of A is B; ``dims`` of A are moved to the end first.

    >>> import minitensor as torch
    >>> torch.linalg.tensorsolve(torch.eye(6).reshape(2, 3, 6), torch.ones(2, 3)).shape
    torch.Size([6])
    """
    A, B = inexact("linalg.tensorsolve", input), inexact("linalg.tensorsolve", other, "B")
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    if prod(shape) != prod(A.shape[: B.ndim]) or prod(shape) != B.numel():
        raise ShapeError(
            f"linalg.tensorsolve: expected prod(A.shape[B.ndim:]) == prod(A.shape[:B.ndim]) == B.numel(), got shapes "
            f"{tuple(A.shape)} and {tuple(B.shape)}"
        )
    return delivered("linalg.tensorsolve", solve(A.reshape(B.numel(), B.numel()), B.reshape(-1)).reshape(shape), out)


# -- triangular systems ------------------------------------------------------------------------------------------------


def triangle_gradient(grad: Tensor, A: Tensor, result: Tensor, upper: bool, unit: bool) -> Tensor:
    """Return -A⁻ᴴ G Xᴴ, of which only the triangle that is read counts."""
    full = matmul(_solve_triangular(adjoint(A), grad, not upper, unit), adjoint(result)).neg()
    return triu(full, int(unit)) if upper else tril(full, -int(unit))


def side_gradient(grad: Tensor, A: Tensor, upper: bool, unit: bool) -> Tensor:
    """Return A⁻ᴴ G."""
    return _solve_triangular(adjoint(A), grad, not upper, unit)


@differentiable(A=triangle_gradient, B=side_gradient)
def _solve_triangular(A: Tensor, B: Tensor, upper: bool, unit: bool) -> Array:
    """Return X of A X = B, where of A one triangle is read."""
    return A.backend.solve_triangular(A.array, B.array, upper, unit)


@composite
def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """Return X of A X = B, or with ``left=False`` of X A = B, for triangular A; the other triangle is not read.

    With ``unitriangular=True`` the diagonal is taken to be ones. A zero on the diagonal gives infinities, no error.

    >>> import minitensor as torch
    >>> torch.linalg.solve_triangular(torch.tensor([[2., 0.], [1., 1.]]), torch.tensor([[2.], [3.]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    name = "linalg.solve_triangular"
    matrix, right = square(name, input), matrices(name, B, "B")
    require_same_dtype(name, A=matrix, B=right)
    fits(name, matrix, right, left)
    matrix, right = in_turn(matrix, right)
    if left:
        found = _solve_triangular(matrix, right, bool(upper), bool(unitriangular))
    else:
        found = adjoint(_solve_triangular(adjoint(matrix), adjoint(right), not upper, bool(unitriangular)))
    return delivered("linalg.solve_triangular", found, out, B)


def factor_gradient(grad: Tensor, L: Tensor, result: Tensor) -> Tensor:
    """Return -(A⁻¹ G Xᴴ + X Gᴴ A⁻¹) L, as if all of L were read: PyTorch's choice."""
    one = matmul(_cholesky_solve(grad, L), adjoint(result))
    return matmul(one + adjoint(one), L).neg()


def definite_gradient(grad: Tensor, L: Tensor) -> Tensor:
    """Return A⁻¹ G, for A is Hermitian."""
    return _cholesky_solve(grad, L)


@differentiable(B=definite_gradient, L=factor_gradient)
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
    right, factor = matrices("cholesky_solve", input, "B"), square("cholesky_solve", input2, "L")
    require_same_dtype("cholesky_solve", B=right, L=factor)
    fits("cholesky_solve", factor, right, True)
    lower = adjoint(factor) if upper else factor
    return delivered("cholesky_solve", _cholesky_solve(right, lower), out)


@composite
def cholesky_inverse(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of A, given its Cholesky factor.

    >>> import minitensor as torch
    >>> torch.cholesky_inverse(torch.tensor([[2.]]))
    tensor([[0.2500]])
    """
    factor = square("cholesky_inverse", input, "L")
    zeros = (values_of(factor).diagonal(0, -2, -1) == 0).any(-1)
    unless_failed("cholesky_inverse", factor, zeros, zeros if zeros.any() else None, "its diagonal holds a zero")
    one = factor.detach().new_zeros(factor.shape[-2:])
    one.diagonal().fill_(1)
    return delivered("cholesky_inverse", cholesky_solve(one, factor, upper), out)


# -- determinants ------------------------------------------------------------------------------------------------------


def over_matrices(input: Tensor) -> Tensor:
    """Return numbers, one a matrix, such that they multiply matrices."""
    return input.unsqueeze(-1).unsqueeze(-1)


def cofactors_gradient(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return tr(Gᴴ C) A⁻ᴴ - A⁻ᴴ Gᴴ C, the gradient of C = det(A)* A⁻ᴴ; NaN for singular matrices."""
    turned = adjoint(_inverse_ex(input)[0])
    product = matmul(adjoint(grad), result)
    trace = (conj(grad) * result).sum((-2, -1))
    return over_matrices(trace) * turned - matmul(turned, product)


@differentiable(input=cofactors_gradient)
def cofactors(input: Tensor) -> Array:
    """Return det(A)* A⁻ᴴ, for singular matrices what it tends to: the derivative of the determinant."""
    return input.backend.cofactors(input.array)


def det_gradient(grad: Tensor, input: Tensor) -> Tensor:
    """Return G det(A)* A⁻ᴴ, which singular matrices have too."""
    return over_matrices(grad).mul(cofactors(input))


@differentiable(input=det_gradient)
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
    return delivered("linalg.det", _det(square("linalg.det", A)), out)


def slogdet_gradient(grads: Any, input: Tensor, result0: Tensor) -> Tensor:
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
    found: Tensor = over_matrices(factor) * adjoint(_inverse_ex(input)[0])
    return found


@differentiable(input=slogdet_gradient)
def _slogdet(input: Tensor) -> tuple[Array, Array]:
    """Return the sign of the determinant and the logarithm of its size."""
    return input.backend.slogdet(input.array)


@composite
def slogdet(A: Tensor, *, out: Any = None) -> return_types.linalg_slogdet:
    """Return the determinant's sign, of complex ones the phase, and the logarithm of its absolute value; -inf for 0.

    >>> import minitensor as torch
    >>> torch.linalg.slogdet(torch.tensor([[-1., 0.], [0., 1.]])).sign
    tensor(-1.)
    """
    return return_types.linalg_slogdet(*received("linalg.slogdet", _slogdet(square("linalg.slogdet", A)), out))


@composite
def logdet(input: Tensor) -> Tensor:
    """Return the logarithm of the determinant; of real matrices NaN where it is negative.

    >>> import minitensor as torch
    >>> torch.logdet(torch.eye(3))
    tensor(0.)
    """
    sign, size = _slogdet(square("logdet", input, "input"))
    if sign.array.dtype.kind == "c":
        phase: Tensor = size + log(sign)
        return phase
    found: Tensor = where(sign == -1, float("nan"), size)
    return found
