"""Factorizations: Cholesky, QR, eigenvalues of Hermitian and of general matrices, singular values.

Each is one primitive with a gradient formula in tensor operations, which can be differentiated again. For complex
factors, which are unique only up to a phase, the formulas hold for losses that do not depend on it.
Sources: Giles 2008, "An extended collection of matrix derivative results"; Seeger et al. 2017, "Auto-differentiating
linear algebra"; Murray 2016, "Differentiation of the Cholesky decomposition"; for complex numbers Boeddeker et al.
2017, "On the computation of complex-valued gradients". Solving is in ``solve.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.interpreters import interpreters
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.strides import column_major, in_layout
from minitensor.backends import any_true
from minitensor.base import values_of
from minitensor.errors import GradError, ShapeError, UsageValueError
from minitensor.ops import return_types
from minitensor.ops.arithmetic import conj
from minitensor.ops.join import cat
from minitensor.ops.linalg.checks import (
    adjoint_array,
    failure_marks,
    imag_of,
    raise_if_failed,
    real_of,
    require_matrices,
    require_square,
)
from minitensor.ops.linalg.solve import solve, solve_triangular
from minitensor.ops.matmul import adjoint, by_columns, matmul
from minitensor.ops.out import write_out
from minitensor.ops.shape import diagonal
from minitensor.ops.triangle import diag_embed, tril, triu

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def main_diagonal(input: Tensor) -> Tensor:
    """Return the diagonals of matrices."""
    return diagonal(input, 0, -2, -1)


def divide_right(input: Tensor, triangle: Tensor) -> Tensor:
    """Return X R⁻ᴴ for an upper triangular R: the adjoint of R⁻¹ Xᴴ."""
    return adjoint(solve_triangular(triangle, adjoint(input), upper=True))


# -- Cholesky ----------------------------------------------------------------------------------------------------------


def cholesky_grad(grad: Tensor, result: Tensor, upper: bool) -> Tensor:
    """Return the Hermitian part of L⁻ᴴ Φ(Lᴴ G) L⁻¹, where Φ takes the lower triangle and half of the diagonal.

    It is the same for the upper factor, the adjoint of L.
    """
    grad, factor, turned = (adjoint(grad), adjoint(result), result) if upper else (grad, result, adjoint(result))
    inner = tril(matmul(turned, grad))
    inner = inner - diag_embed(main_diagonal(inner)) / 2
    half = solve_triangular(turned, inner, upper=True)
    whole = solve_triangular(factor, half, upper=False, left=False)
    return (whole + adjoint(whole)) / 2


def factor_definite(input: Tensor, upper: bool) -> tuple[Array, Array | None]:
    """Return lower triangular L with L Lᴴ = A, or its adjoint, and which matrices failed."""
    if not upper:
        return input.backend.cholesky(input.array)
    result, failed = input.backend.cholesky(adjoint_array(input.xp, input.array))
    return adjoint_array(input.xp, result), failed


@differentiable(
    name="linalg.cholesky_ex",
    prepare=lambda input, upper, check_errors: (
        require_square("linalg.cholesky_ex", input), bool(upper), bool(check_errors)
    ),
    returns=return_types.linalg_cholesky_ex,
    input=lambda grads, result0, upper: cholesky_grad(grads[0], result0, upper),
)
@in_layout((column_major, None), always=True)
def cholesky_ex(
    input: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None
) -> tuple[Array, Array]:
    """Return Cholesky factors and ``info``: 0, or the order of the first leading minor that is not positive definite.

    Its factor is then that of the rows and columns before that minor; the rest is left as it was.

    Args:
        input: Hermitian matrices, (..., n, n).
        upper: Return upper triangular factors. Default: ``False``.
        check_errors: Raise as ``cholesky`` does. Default: ``False``.

    Raises:
        LinAlgError: If ``check_errors`` is true, and a matrix is not positive definite.
        RuntimeError: If the matrices are not square.

    >>> import minitensor as torch
    >>> torch.linalg.cholesky_ex(torch.tensor([[[4.]], [[-1.]]])).info
    tensor([0, 1], dtype=torch.int32)
    """
    result, failed = factor_definite(input, upper)
    if check_errors:
        raise_if_failed("linalg.cholesky_ex", input, result, failed, INDEFINITE)
    return result, failure_marks(input, failed)


@differentiable(
    name="linalg.cholesky",
    prepare=lambda input, upper: (require_square("linalg.cholesky", input), bool(upper)),
    input=cholesky_grad,
)
@in_layout(column_major, always=True)
def cholesky(input: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Array:
    """Return lower triangular L with L Lᴴ = A, or upper triangular U with Uᴴ U = A; A (..., n, n) is positive definite.

    Only the triangle of A that corresponds to the factor is read.

    Args:
        input: Positive definite matrices A, (..., n, n).
        upper: Return U instead of L. Default: ``False``.

    Raises:
        LinAlgError: If A is not positive definite; the message names the matrix of the batch.

    >>> import minitensor as torch
    >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    result, failed = factor_definite(input, upper)
    return raise_if_failed("linalg.cholesky", input, result, failed, INDEFINITE)


INDEFINITE = "the input is not positive-definite, so it has no Cholesky factor"


# -- QR ----------------------------------------------------------------------------------------------------------------


def qr_grad(grads: Any, results: Any, mode: str) -> Tensor:
    """Return the gradient of A = Q R; for more columns than rows, A is (X | Y) and R is (U | Qᴴ Y) with X = Q U."""
    if mode == "r":
        raise GradError("linalg.qr: the derivative needs Q, which mode='r' does not compute; use mode='reduced'")
    (grad_q, grad_r), (q, r) = grads, results
    m, n = q.shape[-2], r.shape[-1]
    if m >= n:
        return tall_qr_grad(grad_q, grad_r, q, r, mode)
    if grad_r is None:
        left = tall_qr_grad(grad_q, None, q, r[..., :m], mode)
        return cat((left, r[..., m:] * 0), -1)
    rest = grad_r[..., m:]
    turn = matmul(matmul(q, r[..., m:]), adjoint(rest))
    left = tall_qr_grad(turn if grad_q is None else grad_q + turn, grad_r[..., :m], q, r[..., :m], mode)
    return cat((left, matmul(q, rest)), -1)


def tall_qr_grad(grad_q: Any, grad_r: Any, q: Tensor, r: Tensor, mode: str) -> Tensor:
    """Return (gQ + Q T) R⁻ᴴ, T the Hermitian matrix with the upper triangle of gR Rᴴ - Qᴴ gQ; for rows >= columns."""
    if mode != "reduced" and r.shape[-2] != r.shape[-1]:
        raise GradError(
            f"linalg.qr: the derivative of mode={mode!r} is not implemented for more rows than columns: the additional "
            "columns of Q are not unique; use mode='reduced'"
        )
    difference = None
    if grad_r is not None:
        difference = matmul(grad_r, adjoint(r))
    if grad_q is not None:
        inner = matmul(adjoint(q), grad_q)
        difference = -inner if difference is None else difference - inner
    total = matmul(q, hermitian_of_upper(difference))
    return by_columns(divide_right(total if grad_q is None else grad_q + total, r))


def hermitian_of_upper(input: Any) -> Tensor:
    """Return the Hermitian matrix with this upper triangle and the real part of its diagonal."""
    upper = triu(input)
    both = upper + adjoint(upper)
    found: Tensor = both - diag_embed(main_diagonal(both)) / 2
    return found


def prepare_qr(A: Tensor, mode: str) -> tuple[Tensor, str]:
    """Raise unless A holds matrices and the mode is known."""
    require_matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise UsageValueError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    return A, mode


@differentiable(name="linalg.qr", prepare=prepare_qr, returns=return_types.linalg_qr, A=qr_grad)
@in_layout(column_major, always=True)
def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> tuple[Array, Array]:
    """Return Q with orthonormal columns and upper triangular R, A = Q R; A is (..., m, n), k = min(m, n).

    "reduced" gives Q (..., m, k) and R (..., k, n); "complete" Q (..., m, m) and R (..., m, n); "r" an empty Q and
    the R of "reduced", which cannot be differentiated.

    Args:
        A: Matrices (..., m, n).
        mode: ``"reduced"``, ``"complete"`` or ``"r"``. Default: ``"reduced"``.

    Raises:
        ValueError, RuntimeError: If ``mode`` is none of these.
        RuntimeError: If ``A`` has fewer than two dims.

    >>> import minitensor as torch
    >>> q, r = torch.linalg.qr(torch.tensor([[3., 1.], [4., 2.]]))
    >>> torch.allclose(q @ r, torch.tensor([[3., 1.], [4., 2.]]))
    True
    """
    xp, array = A.xp, A.array
    if mode == "r":
        return xp.empty(0, array.dtype), xp.linalg.qr(array, "r")
    q, r = xp.linalg.qr(array, mode)
    return q, r


# -- Hermitian eigenvalues ---------------------------------------------------------------------------------------------


def eigh_grad(grads: Any, results: Any) -> Tensor:
    """Return V (diag(gL) + F o skew(Vᴴ gV)) Vᴴ with F[i, j] = 1 / (L[j] - L[i]), made Hermitian."""
    (grad_values, grad_vectors), (values, vectors) = grads, results
    inner = None
    if grad_vectors is not None:
        along = matmul(adjoint(vectors), grad_vectors)
        refuse_phase("linalg.eigh", main_diagonal(along))
        inner = (along - adjoint(along)) / 2 / gaps(values)
    if grad_values is not None:
        straight = diag_embed(grad_values)
        inner = straight if inner is None else straight + inner
    if vectors.dtype is not inner.dtype:  # type: ignore[union-attr]  # one gradient came
        inner = inner._like_dtype(vectors.array.dtype)  # type: ignore[union-attr]  # as above
    return matmul(vectors, matmul(inner, adjoint(vectors)))  # type: ignore[arg-type]  # as above


def gaps(values: Tensor) -> Tensor:
    """Return values[j] - values[i], and 1 on the diagonal."""
    between = values.unsqueeze(-2) - values.unsqueeze(-1)
    return between + identity_like(values)


def identity_like(values: Tensor) -> Tensor:
    """Return an identity matrix (..., n, n) for each vector (..., n)."""
    from_ones: Tensor = diag_embed(values.detach() * 0 + 1)
    return from_ones


def refuse_phase(name: str, diagonal: Tensor) -> None:
    """Raise for a loss that depends on the phase of complex eigenvectors: it has no gradient."""
    if diagonal.dtype.kind != "c":
        return
    turning = imag_of(diagonal.detach()).abs()
    largest = diagonal.detach().abs()
    # Rounding leaves a small imaginary part in losses that do not depend on the phase.
    if any_true(values_of(turning > 1e-2 * largest + 1e-2)):
        raise GradError(
            f"{name}_backward: the eigenvectors of complex matrices are specified up to multiplication by e^(i phi); "
            "the loss depends on phi, so its gradient is not defined"
        )


@differentiable(
    name="linalg.eigh",
    prepare=lambda input, UPLO: (require_square("linalg.eigh", input), parse_triangle("eigh", UPLO)),
    returns=return_types.linalg_eigh,
    input=eigh_grad,
)
@in_layout((None, column_major), always=True)
def eigh(input: Tensor, UPLO: str = "L", *, out: Any = None) -> tuple[Array, Array]:
    """Return ascending eigenvalues (..., n) and orthonormal eigenvectors, columns of (..., n, n), of Hermitian A.

    Only the triangle of A named by ``UPLO``, "L" or "U", is read. The gradient of the vectors needs distinct
    eigenvalues.

    Raises:
        ValueError, RuntimeError: If ``UPLO`` is neither "L" nor "U".
        RuntimeError: If the matrices are not square.

    >>> import minitensor as torch
    >>> torch.linalg.eigh(torch.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    return input.backend.eigh(input.array, UPLO)


@nondifferentiable(name="linalg.eigvalsh")
def eigenvalues_of_hermitian(input: Tensor, triangle: str) -> Array:
    """Return the eigenvalues without gradient, which needs the eigenvectors."""
    return input.backend.eigvalsh(input.array, triangle)


@composite
def eigvalsh(input: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """Return the eigenvalues of Hermitian matrices, ascending.

    Args:
        input: Hermitian matrices, (..., n, n).
        UPLO: ``"L"`` reads the lower triangle, ``"U"`` the upper one. Default: ``"L"``.

    Raises:
        ValueError, RuntimeError: If ``UPLO`` is neither.
        RuntimeError: If the matrices are not square.

    >>> import minitensor as torch
    >>> torch.linalg.eigvalsh(torch.tensor([[2., 1.], [1., 2.]]))
    tensor([1., 3.])
    """
    require_square("linalg.eigvalsh", input)
    triangle = parse_triangle("eigvalsh", UPLO)
    found = eigh(input, triangle)[0] if is_recorded(input) else eigenvalues_of_hermitian(input, triangle)
    return write_out("linalg.eigvalsh", found, out)


def parse_triangle(name: str, UPLO: str) -> str:
    """Return "L" or "U"."""
    if UPLO.upper() not in ("L", "U"):
        raise UsageValueError(f"linalg.{name}: UPLO must be 'L' or 'U', got {UPLO!r}")
    return UPLO.upper()


def is_recorded(input: Tensor) -> bool:
    """Return whether a gradient or a tangent may be needed."""
    return bool(interpreters.get() or (grad_mode.get() and input.requires_grad))


# -- eigenvalues of any matrix -----------------------------------------------------------------------------------------


def eig_grad(grads: Any, results: Any) -> Tensor:
    """Return V⁻ᴴ (diag(gL) + (Vᴴ gV - Vᴴ V diag(Re(Vᴴ gV))) / E*) Vᴴ with E[i, j] = L[j] - L[i]; V has unit columns."""
    (grad_values, grad_vectors), (values, vectors) = grads, results
    upright = adjoint(vectors)
    inner = None
    if grad_vectors is not None:
        along = matmul(upright, grad_vectors)
        refuse_phase("linalg.eig", main_diagonal(along))
        lengths = real_of(main_diagonal(along)).unsqueeze(-2)
        off = (along - matmul(upright, vectors) * lengths) / conj(gaps(values))
        inner = off - diag_embed(main_diagonal(off))
    if grad_values is not None:
        straight = diag_embed(grad_values)
        inner = straight if inner is None else inner + straight
    return solve(upright, matmul(inner, upright))  # type: ignore[arg-type]  # one gradient came


@differentiable(
    name="linalg.eig",
    prepare=lambda input: (require_square("linalg.eig", input),),
    returns=return_types.linalg_eig,
    input=eig_grad,
)
@in_layout((None, column_major), always=True)
def eig(input: Tensor, *, out: Any = None) -> tuple[Array, Array]:
    """Return complex eigenvalues (..., n) and eigenvectors of norm 1, the columns of (..., n, n), of square matrices.

    The order of the eigenvalues is not defined. The gradient needs distinct eigenvalues.

    >>> import minitensor as torch
    >>> torch.linalg.eig(torch.tensor([[0., -1.], [1., 0.]])).eigenvalues
    tensor([0.+1.j, 0.-1.j])
    """
    return input.backend.eig(input.array)


@nondifferentiable(name="linalg.eigvals")
def eigenvalues_alone(input: Tensor) -> Array:
    """Return the eigenvalues without gradient, which needs the eigenvectors."""
    return input.backend.eigvals(input.array)


@composite
def eigvals(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the complex eigenvalues (..., n) of square matrices, in no defined order.

    >>> import minitensor as torch
    >>> torch.linalg.eigvals(torch.tensor([[0., -1.], [1., 0.]]))
    tensor([0.+1.j, 0.-1.j])
    """
    require_square("linalg.eigvals", input)
    return write_out("linalg.eigvals", eig(input)[0] if is_recorded(input) else eigenvalues_alone(input), out)


# -- singular values ---------------------------------------------------------------------------------------------------


def svd_grad(grads: Any, results: Any) -> Tensor:
    """Return the gradient of A = U S Vᴴ, of the first k columns of U and V.

    U ((skew(Uᴴ gU) / E) S + S (skew(Vᴴ gV) / E) + diag(gS)) Vᴴ, E[i, j] = S[j]² - S[i]², and the parts of gU and gV
    orthogonal to U and V: (1 - U Uᴴ) gU S⁻¹ Vᴴ + U S⁻¹ gVᴴ (1 - V Vᴴ). Complex U and V have phases, which cancel:
    there the diagonal also has i Im(diag(Uᴴ gU)) / S.
    """
    k = results[1].shape[-1]
    u, s, vh = results[0][..., :k], results[1], results[2][..., :k, :]
    grad_u = None if grads[0] is None else grads[0][..., :k]
    grad_vh = None if grads[2] is None else grads[2][..., :k, :]
    if grad_u is None and grad_vh is None:
        return matmul(u * grads[1].unsqueeze(-2), vh)
    inner = middle_of_svd(u, s, vh, grad_u, grads[1], grad_vh)
    total = matmul(matmul(u, inner), vh)
    if grad_u is not None and u.shape[-2] > k:
        rest = grad_u - matmul(u, matmul(adjoint(u), grad_u))
        total = total + matmul(rest / s.unsqueeze(-2), vh)
    if grad_vh is not None and vh.shape[-1] > k:
        rest = grad_vh - matmul(matmul(grad_vh, adjoint(vh)), vh)
        total = total + matmul(u, rest / s.unsqueeze(-1))
    return total


def middle_of_svd(u: Tensor, s: Tensor, vh: Tensor, grad_u: Any, grad_s: Any, grad_vh: Any) -> Tensor:
    """Return the matrix between U and Vᴴ in the gradient."""
    squares = gaps(s * s)
    inner, phase = None, None
    if grad_u is not None:
        along = matmul(adjoint(u), grad_u)
        inner = (along - adjoint(along)) / squares * s.unsqueeze(-2)
        phase = main_diagonal(along)
    if grad_vh is not None:
        across = matmul(vh, adjoint(grad_vh))
        other = s.unsqueeze(-1) * ((across - adjoint(across)) / squares)
        inner = other if inner is None else inner + other
        phase = main_diagonal(across) if phase is None else phase + main_diagonal(across)
    refuse_phase("linalg.svd", phase)  # type: ignore[arg-type]  # one of them came
    inner = inner - diag_embed(main_diagonal(inner))  # type: ignore[operator, arg-type]  # as above
    on_diagonal = None if grad_s is None else grad_s
    if grad_u is not None and u.dtype.kind == "c":
        turn = 1j * imag_of(main_diagonal(matmul(adjoint(u), grad_u))) / s
        on_diagonal = turn if on_diagonal is None else on_diagonal + turn
    return inner if on_diagonal is None else inner + diag_embed(on_diagonal)


def prepare_svd(A: Tensor, full_matrices: bool, driver: str | None) -> tuple[Tensor, bool, None]:
    """Raise unless A holds matrices and no CUDA routine is chosen."""
    refuse_driver("linalg.svd", driver)
    return require_matrices("linalg.svd", A), bool(full_matrices), None


@differentiable(name="linalg.svd", prepare=prepare_svd, returns=return_types.linalg_svd, A=svd_grad)
@in_layout((column_major, None, column_major), always=True)
def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None
) -> tuple[Array, Array, Array]:
    """Return U, S, Vh with A = U diag(S) Vh; A is (..., m, n), S (..., k) descends, k = min(m, n).

    U is (..., m, m) and Vh (..., n, n), or with ``full_matrices=False`` (..., m, k) and (..., k, n). The gradients of U
    and Vh need distinct singular values and a loss that does not depend on their signs or phases. ``driver`` selects a
    CUDA routine in PyTorch and must be None.

    Args:
        A: Matrices (..., m, n).
        full_matrices: Return square U and Vh. Default: ``True``.
        driver: Must be None. Default: ``None``.

    Raises:
        RuntimeError: If ``A`` has fewer than two dims, or ``driver`` is given.

    >>> import minitensor as torch
    >>> torch.linalg.svd(torch.tensor([[0., 2.], [1., 0.]])).S
    tensor([2., 1.])
    """
    return A.backend.svd(A.array, full_matrices)


@nondifferentiable(name="linalg.svdvals")
def singular_values(A: Tensor) -> Array:
    """Return the singular values without gradient, which needs the singular vectors."""
    return A.backend.svdvals(A.array)


@composite
def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """Return the singular values (..., k) in descending order.

    Args:
        A: Matrices (..., m, n), k = min(m, n).
        driver: Must be None: it selects a CUDA routine in PyTorch. Default: ``None``.

    Raises:
        RuntimeError: If ``A`` has fewer than two dims, or ``driver`` is given.

    >>> import minitensor as torch
    >>> torch.linalg.svdvals(torch.tensor([[0., 2.], [1., 0.]]))
    tensor([2., 1.])
    """
    refuse_driver("linalg.svdvals", driver)
    input = require_matrices("linalg.svdvals", A)
    return write_out("linalg.svdvals", svd(input, False)[1] if is_recorded(input) else singular_values(input), out)


def refuse_driver(name: str, driver: str | None) -> None:
    """Raise if a CUDA routine is chosen."""
    if driver is not None:
        raise ShapeError(f"{name}: driver= chooses a routine of cuSOLVER and is not supported, got {driver!r}")
