"""Systems of linear equations, inverses, triangular systems, determinants.

The operations ``solve``, ``inv``, ``solve_triangular``, ``cholesky_solve``, ``det`` and ``slogdet`` have gradient
formulas (Giles 2008, "An extended collection of matrix derivative results"; for complex matrices each transpose is an
adjoint). The other functions are made of them. Least squares are in ``squares.py``.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import column_major, in_layout, row_major
from minitensor.backends import any_true
from minitensor.base import values_of
from minitensor.errors import ShapeError
from minitensor.ops import return_types
from minitensor.ops.arithmetic import conj
from minitensor.ops.choice import where
from minitensor.ops.exponentials import log
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.linalg.checks import (
    SINGULAR,
    adjoint_array,
    failure_marks,
    imag_of,
    raise_if_failed,
    require_inexact,
    require_matrices,
    require_square,
)
from minitensor.ops.matmul import adjoint, by_columns, matmul
from minitensor.ops.out import write_out, write_outs
from minitensor.ops.triangle import tril, triu
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array
    from minitensor.layouts import Layout
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- general systems ---------------------------------------------------------------------------------------------------


def holds_vectors(A: Any, B: Any) -> bool:
    """Whether the right-hand sides, or the solutions, are vectors: they have one dim or A's shape without the last."""
    return bool(B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]))


def solve_matrix_grad(grad: Tensor, A: Tensor, left: bool, result: Tensor) -> Tensor:
    """Return the gradient of X = A⁻¹ B in A, -A⁻ᴴ G Xᴴ; of X = B A⁻¹, -Xᴴ G A⁻ᴴ."""
    found, solution = solve_rhs_grad(grad, A, left), result
    if holds_vectors(A, result):
        found, solution = found.unsqueeze(-1), result.unsqueeze(-1)
    return multiply_in_order(found, adjoint(solution), left).neg()


def multiply_in_order(first: Tensor, second: Tensor, left: bool) -> Tensor:
    """Multiply two factors, in the reverse order of a system X A = B."""
    return matmul(first, second) if left else matmul(second, first)


def solve_rhs_grad(grad: Tensor, A: Tensor, left: bool) -> Tensor:
    """Return the gradient of A⁻¹ B in B, A⁻ᴴ G; of B A⁻¹, G A⁻ᴴ."""
    found = solve(adjoint(A), grad, left=left)
    return found.contiguous() if holds_vectors(A, grad) else found


def prepare_solve(A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor, bool]:
    """Raise unless A holds square matrices, and B vectors or matrices of fitting sizes and the same dtype."""
    require_same_dtype(
        "linalg.solve", A=require_square("linalg.solve", A), B=require_inexact("linalg.solve", B, "B")
    )
    is_vector = holds_vectors(A, B)
    if is_vector and not left:
        raise ShapeError("linalg.solve: vector broadcasting of the left hand side is not supported for left=False")
    check_systems("linalg.solve", tuple(A.shape), (*B.shape, 1) if is_vector else tuple(B.shape), left)
    return A, B, bool(left)


def of_solution(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of solutions: column-major, or row-major of X A = B."""
    left = arguments[2]
    return column_major(arguments, shape) if left else row_major(arguments, shape)


@differentiable(name="linalg.solve", prepare=prepare_solve, A=solve_matrix_grad, B=solve_rhs_grad)
@in_layout(of_solution, always=True)
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Array:
    """Return X of A X = B, or with ``left=False`` of X A = B: A is (..., n, n), B (..., n, k), (..., n) or (n,).

    B holds vectors if it has one dim or the shape of A without the last dim, else matrices. Batches broadcast.

    Args:
        A: Square matrices (..., n, n).
        B: The right-hand sides.
        left: Whether A stands on the left of X. Default: ``True``.

    Raises:
        LinAlgError: If a matrix is singular; the message names it.
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    if holds_vectors(A, B):
        columns: Array = solve_arrays(A, A.array, B.array[..., None])[..., 0]
        return columns
    if left:
        return solve_arrays(A, A.array, B.array)
    return adjoint_array(A.xp, solve_arrays(A, adjoint_array(A.xp, A.array), adjoint_array(A.xp, B.array)))


def solve_arrays(A: Tensor, left: Array, right: Array) -> Array:
    """Return X of ``left`` X = ``right``; raise if a matrix is singular."""
    result, failed = A.backend.solve(left, right)
    return raise_if_failed("linalg.solve", A, result, failed, "the solver failed because the input matrix is singular")


def check_systems(name: str, A: Shape, B: Shape, left: bool) -> None:
    """Raise if the sizes or batches of a system do not fit."""
    if len(B) < 2 or B[-2 if left else -1] != A[-1]:
        raise ShapeError(
            f"{name}: incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({A} and {B})"
        )
    broadcast_shapes(A[:-2], B[:-2])


def inverse_grad(grad: Tensor, result: Tensor) -> Tensor:
    """Return -A⁻ᴴ G A⁻ᴴ."""
    turned = adjoint(result)
    return matmul(turned, matmul(grad, turned)).neg()


@differentiable(
    name="linalg.inv_ex",
    prepare=lambda A, check_errors: (require_square("linalg.inv_ex", A), bool(check_errors)),
    returns=return_types.linalg_inv_ex,
    A=lambda grads, result0: inverse_grad(grads[0], result0),
)
@in_layout((column_major, None), always=True)
def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> tuple[Array, Array]:
    """Return inverses (..., n, n) and ``info`` (...,): NaN and 1 for a singular matrix, else 0.

    Nothing is raised for a singular matrix unless ``check_errors`` is set.

    Args:
        A: Square matrices (..., n, n).
        check_errors: Raise as ``inv`` does. Default: ``False``.

    Raises:
        LinAlgError: If ``check_errors`` is true, and a matrix is singular.
        RuntimeError: If the matrices are not square.

    >>> import minitensor as torch
    >>> torch.linalg.inv_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    result, failed = A.backend.inverse(A.array)
    if check_errors:
        raise_if_failed("linalg.inv_ex", A, result, failed, SINGULAR)
    return result, failure_marks(A, failed)


def failure_mask(info: Tensor) -> Any:
    """Return which matrices failed, or None if none did."""
    marked: Any = values_of(info) != 0
    return marked if any_true(marked) else None


@composite
def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> return_types.linalg_solve_ex:
    """Return the result of ``solve`` and ``info`` (...,): NaN and 1 for a singular matrix, else 0.

    Args:
        A: Square matrices (..., n, n).
        B: The right-hand sides, as for ``solve``.
        left: Whether A stands on the left of X. Default: ``True``.
        check_errors: Raise as ``solve`` does. Default: ``False``.

    Raises:
        LinAlgError: If ``check_errors`` is true, and a matrix is singular.
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.solve_ex(torch.zeros(1, 1), torch.ones(1)).info
    tensor(1, dtype=torch.int32)
    """
    matrix, info = require_square("linalg.solve_ex", A), inv_ex(A.detach())[1]
    if check_errors:
        raise_if_failed("linalg.solve_ex", A, A.array, failure_mask(info), SINGULAR)
    if failure_mask(info) is not None:
        bad = as_matrix_scalars(info != 0)
        matrix = where(bad, float("nan"), matrix)  # a system of NaN has the solution NaN
    return return_types.linalg_solve_ex(*write_outs("linalg.solve_ex", (solve(matrix, B, left=left), info), out))


@differentiable(name="linalg.inv", prepare=lambda A: (require_square("linalg.inv", A),), A=inverse_grad)
@in_layout(column_major, always=True)
def inv(A: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse of square matrices (..., n, n).

    To solve equations, ``solve`` is faster and more accurate.

    Args:
        A: Square matrices (..., n, n).

    Raises:
        LinAlgError: If a matrix is singular; the message names it.

    >>> import minitensor as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    result, failed = A.backend.inverse(A.array)
    return raise_if_failed("linalg.inv", A, result, failed, SINGULAR)


# -- systems of tensors ------------------------------------------------------------------------------------------------


@composite
def tensorinv(input: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse, shape[ind:] + shape[:ind], of the linear map from the last dims to the first ``ind``.

    Args:
        input: A tensor of shape (*b, *x), where b has ``ind`` sizes, and b and x have the same product.
        ind: How many dims b has. Default: ``2``.

    Raises:
        RuntimeError: If ``ind`` is not positive, or the products of the sizes differ.
        LinAlgError: If the map is singular.

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

    Args:
        input: The tensor A, of shape (*b, *x), where b and x are the shapes of B and X and have as many elements.
        other: The tensor B, of shape (*b).
        dims: Dims of A to move to the end first. Default: ``None``.

    Raises:
        RuntimeError: If the shapes do not fit.
        LinAlgError: If the map is singular.

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


def solve_triangular_matrix_grad(
    grad: Tensor, input: Tensor, upper: bool, left: bool, unitriangular: bool, result: Tensor
) -> Tensor:
    """Return the triangle of -A⁻ᴴ G Xᴴ, or of -Xᴴ G A⁻ᴴ, that the solver reads."""
    found = solve_triangular_rhs_grad(grad, input, upper, left, unitriangular)
    full = multiply_in_order(found, adjoint(result), left).neg()
    return triu(full, int(unitriangular)) if upper else tril(full, -int(unitriangular))


def solve_triangular_rhs_grad(grad: Tensor, input: Tensor, upper: bool, left: bool, unitriangular: bool) -> Tensor:
    """Return A⁻ᴴ G, or G A⁻ᴴ."""
    return solve_triangular(adjoint(input), grad, upper=not upper, left=left, unitriangular=unitriangular)


def prepare_solve_triangular(
    input: Tensor, B: Tensor, upper: bool, left: bool, unitriangular: bool
) -> tuple[Tensor, Tensor, bool, bool, bool]:
    """Raise unless both hold matrices of fitting sizes and one dtype."""
    name = "linalg.solve_triangular"
    require_same_dtype(name, A=require_square(name, input), B=require_matrices(name, B, "B"))
    check_systems(name, tuple(input.shape), tuple(B.shape), left)
    return input, B, bool(upper), bool(left), bool(unitriangular)


@differentiable(
    name="linalg.solve_triangular",
    prepare=prepare_solve_triangular,
    input=solve_triangular_matrix_grad,
    B=solve_triangular_rhs_grad,
)
@in_layout(column_major, always=True)
def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Array:
    """Return X of A X = B, or with ``left=False`` of X A = B, for triangular A; the other triangle is not read.

    With ``unitriangular=True`` the diagonal is taken to be ones. A zero on the diagonal gives infinities, not an error.

    Args:
        input: Triangular matrices A, (..., n, n).
        B: Matrices (..., n, k), or with ``left=False`` (..., k, n).
        upper: Whether A is upper triangular; it has no default.
        left: Whether A stands on the left of X. Default: ``True``.
        unitriangular: Take the diagonal of A to be ones. Default: ``False``.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.solve_triangular(torch.tensor([[2., 0.], [1., 1.]]), torch.tensor([[2.], [3.]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    if left:
        return input.backend.solve_triangular(input.array, B.array, upper, unitriangular)
    xp = input.xp
    turned, right = adjoint_array(xp, input.array), adjoint_array(xp, B.array)
    return adjoint_array(xp, input.backend.solve_triangular(turned, right, not upper, unitriangular))


def cholesky_solve_factor_grad(grad: Tensor, input2: Tensor, upper: bool, result: Tensor) -> Tensor:
    """Return -(A⁻¹ G Xᴴ + X Gᴴ A⁻¹) L, for the upper factor -U (...), as if all of it were read: PyTorch's choice."""
    one = matmul(cholesky_solve(grad, input2, upper), adjoint(result))
    return multiply_in_order(one + adjoint(one), input2, not upper).neg()


def cholesky_solve_rhs_grad(grad: Tensor, input2: Tensor, upper: bool) -> Tensor:
    """Return A⁻¹ G, for A is Hermitian."""
    return cholesky_solve(grad, input2, upper)


def prepare_cholesky_solve(input: Tensor, input2: Tensor, upper: bool) -> tuple[Tensor, Tensor, bool]:
    """Raise unless both hold matrices of fitting sizes and one dtype."""
    right, factor = require_matrices("cholesky_solve", input, "B"), require_square("cholesky_solve", input2, "L")
    require_same_dtype("cholesky_solve", B=right, L=factor)
    check_systems("cholesky_solve", tuple(factor.shape), tuple(right.shape), True)
    return input, input2, bool(upper)


@differentiable(
    prepare=prepare_cholesky_solve,
    input=cholesky_solve_rhs_grad,
    input2=cholesky_solve_factor_grad,
)
@in_layout(column_major, always=True)
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Array:
    """Return X of A X = B, given B (..., n, k) and the Cholesky factor of A (..., n, n), the lower or the upper one.

    Args:
        input: The right-hand sides B, (..., n, k).
        input2: The Cholesky factor of A, (..., n, n).
        upper: Whether it is the upper one. Default: ``False``.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.cholesky_solve(torch.tensor([[8.]]), torch.tensor([[2.]]))
    tensor([[2.]])
    """
    factor, turned = input2.array, adjoint_array(input2.xp, input2.array)
    first, second = (turned, factor) if upper else (factor, turned)
    half = input.backend.solve_triangular(first, input.array, False, False)
    return input.backend.solve_triangular(second, half, True, False)


@composite
def cholesky_inverse(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of A, given its Cholesky factor.

    Args:
        upper: Whether the factor is the upper one. Default: ``False``.

    >>> import minitensor as torch
    >>> torch.cholesky_inverse(torch.tensor([[2.]]))
    tensor([[0.2500]])
    """
    factor = require_square("cholesky_inverse", input, "L")
    zeros = (values_of(factor).diagonal(0, -2, -1) == 0).any(-1)
    raise_if_failed("cholesky_inverse", factor, zeros, zeros if any_true(zeros) else None, "its diagonal holds a zero")
    one = factor.detach().new_zeros(factor.shape[-2:])
    one.diagonal().fill_(1)
    return write_out("cholesky_inverse", cholesky_solve(one, factor, upper), out)


# -- determinants ------------------------------------------------------------------------------------------------------


def as_matrix_scalars(input: Tensor) -> Tensor:
    """Reshape one number per matrix (...,) to (..., 1, 1), which multiplies matrices."""
    return input.unsqueeze(-1).unsqueeze(-1)


def cofactors_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return tr(Gᴴ C) A⁻ᴴ - A⁻ᴴ Gᴴ C, the gradient of C = det(A)* A⁻ᴴ; NaN for singular matrices."""
    turned = adjoint(inv_ex(input)[0])
    product = matmul(adjoint(grad), result)
    trace = (conj(grad) * result).sum((-2, -1))
    return as_matrix_scalars(trace) * turned - matmul(turned, product)


@differentiable(input=cofactors_grad)
@in_layout(None)
def cofactors(input: Tensor) -> Array:
    """Return det(A)* A⁻ᴴ, for singular matrices its limit: the derivative of the determinant."""
    return input.backend.cofactors(input.array)


def det_grad(grad: Tensor, A: Tensor) -> Tensor:
    """Return G det(A)* A⁻ᴴ, which exists for singular matrices too."""
    return by_columns(as_matrix_scalars(grad).mul(cofactors(A)))


@differentiable(name="linalg.det", prepare=lambda A: (require_square("linalg.det", A),), A=det_grad)
def det(A: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the determinants (...,) of square matrices (..., n, n). The gradient exists for singular ones too.

    Args:
        A: Square matrices (..., n, n).

    >>> import minitensor as torch
    >>> torch.linalg.det(torch.tensor([[2., 0.], [1., 3.]]))
    tensor(6.)
    """
    return A.backend.det(A.array)


def slogdet_grad(grads: Any, A: Tensor, result0: Tensor) -> Tensor:
    """Return (g - i Im(gs* s)) A⁻ᴴ, g and gs the gradients of log |det| and of the sign s.

    For d log |det| = Re τ and ds = s i Im τ with τ = tr(A⁻¹ dA).
    """
    (grad_sign, grad_log), sign = grads, result0
    factor = grad_log
    if grad_sign is not None and sign.dtype.kind == "c":
        turn = imag_of(conj(grad_sign) * sign) * -1j
        factor = turn if factor is None else factor + turn
    if factor is None:
        return A * 0
    return by_columns(as_matrix_scalars(factor) * adjoint(inv_ex(A)[0]))


@differentiable(
    name="linalg.slogdet",
    prepare=lambda A: (require_square("linalg.slogdet", A),),
    returns=return_types.linalg_slogdet,
    A=slogdet_grad,
)
def slogdet(A: Tensor, *, out: Any = None) -> tuple[Array, Array]:
    """Return the sign (phase if complex) of the determinant and the logarithm of its absolute value, -inf for 0.

    Args:
        A: Square matrices (..., n, n); both results have the shape (...,).

    >>> import minitensor as torch
    >>> torch.linalg.slogdet(torch.tensor([[-1., 0.], [0., 1.]])).sign
    tensor(-1.)
    """
    return A.backend.slogdet(A.array)


@composite
def logdet(input: Tensor) -> Tensor:
    """Return the logarithm of the determinant; NaN for a real matrix whose determinant is negative.

    >>> import minitensor as torch
    >>> torch.logdet(torch.eye(3))
    tensor(0.)
    """
    sign, size = slogdet(require_square("logdet", input, "input"))
    if sign.dtype.kind == "c":
        phase: Tensor = size + log(sign)
        return phase
    found: Tensor = where(sign == -1, float("nan"), size)
    return found
