"""Linear algebra: results independent of signs, phases and order; singular matrices; gradients of whole matrices.

The op table tests the rest. Factors are multiplied, because the two libraries may choose different ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor import linalg
from minitensor.autograd import gradcheck, gradgradcheck
from ops.table import ROWS
from ops.twin import agree


def matrix(*shape: int, complex: bool = False, seed: int = 0) -> Any:
    random = np.random.RandomState(seed)
    real = random.randn(*shape)
    return real + 1j * random.randn(*shape) if complex else real


def whole(lib: Any, a: Any) -> Any:
    """Return a Hermitian matrix made from any matrix."""
    return a + a.transpose(-2, -1).conj()


def definite(lib: Any, a: Any) -> Any:
    """Return a positive definite matrix made from any matrix."""
    product = a @ a.transpose(-2, -1).conj()
    return product + lib.from_numpy(np.eye(a.shape[-1], dtype=a.detach().numpy().dtype))


def adjoint(a: Any) -> Any:
    return a.transpose(-2, -1).conj()


def outer_products(u: Any, v: Any) -> Any:
    """Return u vᴴ, column by column, which depends on neither signs nor phases of both."""
    return u.unsqueeze(-2) * v.unsqueeze(-3).conj()


# -- values and gradients that do not depend on the choice of factors, against PyTorch ---------------------------------

COMPLEX = pytest.mark.parametrize("complex", [False, True], ids=["real", "complex"])
SHAPE = pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)], ids=repr)


@COMPLEX
@SHAPE
def test_svd(shape: tuple[int, ...], complex: bool) -> None:
    def factors(lib: Any, a: Any) -> Any:
        u, s, vh = lib.linalg.svd(a, full_matrices=False)
        return [s, outer_products(u, adjoint(vh)), (u * s.unsqueeze(-2)) @ vh]

    agree(factors, matrix(*shape, complex=complex), rtol=1e-7)


@COMPLEX
def test_a_full_svd_has_the_gradient_of_the_reduced_one(complex: bool) -> None:
    def factors(lib: Any, a: Any) -> Any:
        u, s, vh = lib.linalg.svd(a)
        return [s, outer_products(u[..., :2], adjoint(vh)[..., :2])]

    agree(factors, matrix(4, 2, complex=complex), rtol=1e-7)


@COMPLEX
@SHAPE
def test_qr(shape: tuple[int, ...], complex: bool) -> None:
    def factors(lib: Any, a: Any) -> Any:
        q, r = lib.linalg.qr(a)
        first = q[..., : r.shape[-2]]
        return [q @ r, first @ adjoint(first), r.abs() if not complex else adjoint(r) @ r]

    agree(factors, matrix(*shape, complex=complex), rtol=1e-7)


@COMPLEX
@pytest.mark.parametrize("UPLO", "LU")
def test_eigh(complex: bool, UPLO: str) -> None:
    def factors(lib: Any, a: Any) -> Any:
        values, vectors = lib.linalg.eigh(whole(lib, a), UPLO)
        return [values, outer_products(vectors, vectors)]

    agree(factors, matrix(2, 3, 3, complex=complex), rtol=1e-7)


@COMPLEX
def test_eig(complex: bool) -> None:
    """Sorted by absolute value, because the order is arbitrary."""
    a = matrix(3, 3, complex=complex) + np.diag([1, 5, 12])

    def factors(lib: Any, a: Any) -> Any:
        values, vectors = lib.linalg.eig(a)
        order = lib.argsort(values.detach().abs())
        vectors = vectors[:, order]
        return [values[order], outer_products(vectors, vectors)]

    agree(factors, a, rtol=1e-6)


@COMPLEX
def test_eigenvalues_without_eigenvectors(complex: bool) -> None:
    agree(lambda lib, a: lib.linalg.eigvalsh(whole(lib, a)), matrix(3, 3, complex=complex), rtol=1e-7)
    a = matrix(3, 3, complex=complex) + np.diag([1, 5, 12])
    agree(lambda lib, a: [v := lib.linalg.eigvals(a), v.abs().sum()][1], a, rtol=1e-7)


@COMPLEX
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(complex: bool, upper: bool) -> None:
    a = matrix(2, 3, 3, complex=complex)
    agree(lambda lib, a: lib.linalg.cholesky(definite(lib, a), upper=upper), a, rtol=1e-7)


@COMPLEX
def test_functions_that_use_a_cholesky_factor(complex: bool) -> None:
    def solutions(lib: Any, a: Any, b: Any) -> Any:
        lower = lib.linalg.cholesky(definite(lib, a))
        other = lib.cholesky_solve(b, adjoint(lower), upper=True)
        return [lib.cholesky_solve(b, lower), other, lib.cholesky_inverse(lower)]

    agree(solutions, matrix(3, 3, complex=complex), matrix(3, 2, complex=complex, seed=1), rtol=1e-7)


@COMPLEX
@pytest.mark.parametrize("name", ["inv", "det", "pinv", "matrix_exp", "svdvals"])
def test_functions_of_one_matrix(name: str, complex: bool) -> None:
    agree(lambda lib, a: getattr(lib.linalg, name)(a), matrix(3, 3, complex=complex), rtol=1e-6)


@COMPLEX
def test_slogdet(complex: bool) -> None:
    agree(lambda lib, a: list(lib.linalg.slogdet(a)), matrix(2, 3, 3, complex=complex), rtol=1e-7)


@COMPLEX
@pytest.mark.parametrize("shape", [(3, 2), (2, 3)], ids=repr)
def test_pseudo_inverse_and_least_squares(shape: tuple[int, ...], complex: bool) -> None:
    a, b = matrix(*shape, complex=complex), matrix(shape[0], 2, complex=complex, seed=1)
    agree(lambda lib, a: lib.linalg.pinv(a), a, rtol=1e-6)
    agree(lambda lib, a, b: list(lib.linalg.lstsq(a, b))[:1], a, b, rtol=1e-6, order=1)
    agree(lambda lib, a: lib.linalg.pinv(whole(lib, a), hermitian=True), matrix(3, 3, complex=complex), rtol=1e-6)


# -- against finite differences, where rows cannot be ------------------------------------------------------------------


@COMPLEX
@pytest.mark.parametrize(
    "name", ["eigh", "cholesky", "eigvalsh", "pinv", "cholesky_solve", "cholesky_inverse", "eig", "svd", "qr"]
)
def test_gradients_of_whole_matrices(name: str, complex: bool) -> None:
    def invariant(a: mt.Tensor) -> Any:
        if name == "eigh":
            values, vectors = linalg.eigh(whole(mt, a))
            return values, outer_products(vectors, vectors)
        if name == "eig":
            values, vectors = linalg.eig(a)
            return outer_products(vectors, vectors)
        if name == "svd":
            u, s, vh = linalg.svd(a)
            return outer_products(u, adjoint(vh)), s
        if name == "qr":
            return linalg.qr(a)
        if name == "pinv":
            return linalg.pinv(whole(mt, a), hermitian=True)
        if name == "eigvalsh":
            return linalg.eigvalsh(whole(mt, a))
        lower = linalg.cholesky(definite(mt, a))
        if name == "cholesky":
            return lower
        return mt.cholesky_solve(a, lower) if name == "cholesky_solve" else mt.cholesky_inverse(lower)

    a = mt.tensor(matrix(3, 3, complex=complex) + np.diag([1, 5, 12])).requires_grad_()
    assert gradcheck(invariant, [a], fast_mode=True)
    assert gradgradcheck(invariant, [a], fast_mode=True)


def test_the_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient() -> None:
    """PyTorch gives zeros here; the derivative of ad - bc in b is -c, whatever the determinant."""
    a = mt.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    linalg.det(a).backward()
    assert mt.allclose(a.grad, mt.tensor([[4.0, -2.0], [-2.0, 1.0]]), atol=1e-5)


def test_a_loss_that_depends_on_phases_raises() -> None:
    a = mt.tensor(matrix(3, 3, complex=True)).requires_grad_()
    for vectors in (linalg.svd(a).U, linalg.eigh(whole(mt, a)).eigenvectors, linalg.eig(a).eigenvectors):
        with pytest.raises(RuntimeError, match="phi"):
            mt.autograd.grad((vectors * (1 + 2j)).sum().abs(), a)


# -- failures ----------------------------------------------------------------------------------------------------------

BATCH = np.stack([np.eye(2), np.zeros((2, 2)), np.eye(2)])


@pytest.mark.parametrize("call", [
    lambda a: linalg.inv(a), lambda a: linalg.solve(a, a), lambda a: linalg.cholesky(a), lambda a: mt.inverse(a),
], ids=["inv", "solve", "cholesky", "inverse"])  # fmt: skip
def test_a_failure_names_the_matrix(call: Any) -> None:
    with pytest.raises(linalg.LinAlgError, match=r"batch element 1\)"):
        call(mt.tensor(BATCH))
    with pytest.raises(linalg.LinAlgError, match=r"singular|positive-definite"):
        call(mt.tensor(BATCH[1]))
    assert issubclass(linalg.LinAlgError, RuntimeError)


@pytest.mark.parametrize("name", ["svd", "svdvals", "eig", "eigvals"])
def test_failed_convergence_is_an_error_of_this_library(name: str) -> None:
    with pytest.raises(linalg.LinAlgError, match="converge"):
        getattr(linalg, name)(mt.tensor([[float("nan"), 1.0], [1.0, 0.0]]))


def test_determinants_of_singular_matrices_are_zero() -> None:
    sign, size = linalg.slogdet(mt.tensor(BATCH))
    assert sign.tolist() == [1, 0, 1] and size.tolist() == [0, -float("inf"), 0]
    assert linalg.det(mt.tensor(BATCH)).tolist() == [1, 0, 1]
    assert linalg.cond(mt.tensor(BATCH), 1).tolist() == [1, float("inf"), 1]


def test_a_triangular_system_with_a_zero_on_its_diagonal_gives_infinity() -> None:
    a, b = mt.tensor([[0.0, 0.0], [1.0, 1.0]]), mt.tensor([[1.0], [1.0]])
    assert linalg.solve_triangular(a, b, upper=False)[0, 0].item() == float("inf")


def test_a_qr_without_q_has_no_gradient() -> None:
    r = linalg.qr(mt.ones(3, 2, requires_grad=True), "r").R
    with pytest.raises(RuntimeError, match="mode='r' does not compute"):
        r.sum().backward()


def test_a_qr_without_q_maps_over_samples() -> None:
    a = mt.arange(12.0).reshape(3, 2, 2) + mt.eye(2)
    q, r = mt.vmap(lambda each: tuple(linalg.qr(each, "r")))(a)
    assert q.shape == (3, 0) and r.tolist() == linalg.qr(a, "r").R.tolist()


def test_a_complete_qr_of_a_tall_matrix_has_no_gradient() -> None:
    q, _ = linalg.qr(mt.ones(3, 2, requires_grad=True), "complete")
    with pytest.raises(RuntimeError, match="complete"):
        q.sum().backward()


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_results_are_named_tuples() -> None:
    a = mt.eye(2)
    assert linalg.svd(a)._fields == ("U", "S", "Vh") and mt.svd(a)._fields == ("U", "S", "V")
    assert linalg.eigh(a)._fields == linalg.eig(a)._fields == ("eigenvalues", "eigenvectors")
    assert linalg.qr(a)._fields == ("Q", "R") and linalg.slogdet(a)._fields == ("sign", "logabsdet")
    assert linalg.lstsq(a, a)._fields == ("solution", "residuals", "rank", "singular_values")
    assert repr(mt.slogdet(a)).startswith("torch.return_types.slogdet(\nsign=tensor(1.)")


def test_several_results_are_written_to_out() -> None:
    a = mt.tensor(matrix(3, 3))
    out = mt.empty(0, dtype=mt.float64), mt.empty(0, dtype=mt.float64)
    q, r = linalg.qr(a, out=out)
    assert q is out[0] and r is out[1] and mt.allclose(q @ r, a)


def test_every_function_of_linalg_has_a_row() -> None:
    rows = {row.name for row in ROWS}
    missing = [name for name in linalg.__all__ if f"linalg.{name}" not in rows and name != "LinAlgError"]
    assert not missing, f"no row: {' '.join(missing)}"


def test_distances_of_many_points_and_of_few() -> None:
    """Distances of many points use a matrix product; those of few use differences."""
    x, y = matrix(40, 3), matrix(30, 3, seed=1)
    agree(lambda lib, x, y: lib.cdist(x, y), x, y, order=1)
    direct = mt.cdist(mt.tensor(x), mt.tensor(y), compute_mode="donot_use_mm_for_euclid_dist")
    assert mt.allclose(mt.cdist(mt.tensor(x), mt.tensor(y)), direct)


def test_exponentials_of_large_and_small_matrices() -> None:
    a = matrix(2, 4, 4)
    agree(lambda lib, a: lib.linalg.matrix_exp(a), a * np.array([1e-3, 20.0])[:, None, None], rtol=1e-9, order=0)
    turn = mt.linalg.matrix_exp(mt.tensor([[0.0, -np.pi], [np.pi, 0.0]], dtype=mt.float64))
    assert mt.allclose(turn, -mt.eye(2, dtype=mt.float64))


def test_tolerances_for_singular_values() -> None:
    a = np.diag([1.0, 1e-3, 0.0])
    for kwargs in ({}, {"atol": 0.1}, {"rtol": 0.1}, {"atol": 1e-4, "rtol": 0.1}, {"hermitian": True}):
        agree(lambda lib, a: lib.linalg.matrix_rank(a, **kwargs), a, order=0)  # noqa: B023
        agree(lambda lib, a: lib.linalg.pinv(a, **kwargs), a, order=0)  # noqa: B023


def test_renorm_in_place_is_recorded() -> None:
    leaf = mt.tensor([[3.0, 4.0], [0.0, 1.0]], dtype=mt.float64, requires_grad=True)

    def shrunk(x: mt.Tensor) -> mt.Tensor:
        copy = x * 1
        assert copy.renorm_(2, 0, 2.5) is copy
        return copy

    assert mt.equal(shrunk(leaf), leaf.renorm(2, 0, 2.5))
    assert mt.autograd.gradcheck(shrunk, (leaf,))


@pytest.mark.parametrize("count", [2, 25, 26, 60])
def test_equal_points_have_distance_zero_and_no_slope(count: int) -> None:
    points = mt.full((count, 3), 1.25, requires_grad=True)
    distances = mt.cdist(points, points)
    assert distances.count_nonzero().item() == 0
    distances.sum().backward()
    assert points.grad is not None
    assert points.grad.count_nonzero().item() == 0
