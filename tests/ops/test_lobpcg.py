"""``lobpcg``: eigenpairs against ``eigh`` and PyTorch's, gradients, sparse matrices, trackers and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")


def matrix(size: int, seed: int = 0, least: float = 0.1) -> np.ndarray:
    """Return a symmetric positive definite matrix."""
    root = np.random.default_rng(seed).standard_normal((size, size))
    return np.asarray(root @ root.T / size + least * np.eye(size))


def weights(size: int, seed: int = 1) -> np.ndarray:
    return matrix(size, seed, 1.0)


def expected(a: np.ndarray, k: int, largest: bool, b: np.ndarray | None = None) -> np.ndarray:
    values = np.linalg.eigvals(a if b is None else np.linalg.solve(b, a)).real
    return np.asarray(np.sort(values)[::-1][:k] if largest else np.sort(values)[:k])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("method", ["ortho", "basic"])
@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize(("size", "k", "n"), [(12, 1, 1), (12, 3, 4), (40, 4, 4), (100, 5, 5)])
def test_pairs_are_those_of_the_whole_problem(
    size: int, k: int, n: int, general: bool, method: str, largest: bool, dtype: str
) -> None:
    mt.manual_seed(3)
    a, b = matrix(size), weights(size) if general else None
    kind = getattr(mt, dtype)
    given = {} if b is None else {"B": mt.tensor(b, dtype=kind)}
    values, vectors = mt.lobpcg(mt.tensor(a, dtype=kind), k, n=n, method=method, largest=largest, **given)
    assert values.shape == (k,) and vectors.shape == (size, k) and values.dtype is kind
    # The error of an eigenvalue is of second order in its residual, which `tol` limits.
    tolerance = 2e-3 if dtype == "float32" else 1e-7
    np.testing.assert_allclose(values.tolist(), expected(a, k, largest, b), rtol=tolerance, atol=tolerance)
    x, metric = np.array(vectors.tolist()), np.eye(size) if b is None else b
    np.testing.assert_allclose(x.T @ metric @ x, np.eye(k), atol=tolerance)
    residual = a @ x - metric @ x * np.array(values.tolist())
    assert np.abs(residual).max() < (3e-2 if dtype == "float32" else 1e-5)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("method", ["ortho", "basic"])
def test_values_are_pytorchs_from_the_same_start(method: str, largest: bool) -> None:
    a, start = matrix(30), np.random.default_rng(5).standard_normal((30, 3))
    found = [
        library.lobpcg(library.tensor(a), X=library.tensor(start), method=method, largest=largest, tol=1e-10)
        for library in (mt, torch)
    ]
    np.testing.assert_allclose(found[0][0].tolist(), found[1][0].tolist(), rtol=1e-9)
    np.testing.assert_allclose(np.abs(found[0][1].tolist()), np.abs(found[1][1].tolist()), atol=1e-6)


def test_the_start_is_pytorchs_random_numbers() -> None:
    found = []
    for library in (mt, torch):
        library.manual_seed(7)
        pair = library.lobpcg(library.tensor(matrix(12)), 2, niter=0)
        found.append([library.rand(3).tolist(), len(pair)])
    assert found[0] == found[1]


def test_batches_have_a_search_for_each_matrix() -> None:
    several = np.stack([matrix(12, seed) for seed in range(4)]).reshape(2, 2, 12, 12)
    values, vectors = mt.lobpcg(mt.tensor(several), 2, B=mt.tensor(np.stack([weights(12)] * 4).reshape(2, 2, 12, 12)))
    assert values.shape == (2, 2, 2) and vectors.shape == (2, 2, 12, 2)
    for i in np.ndindex(2, 2):
        np.testing.assert_allclose(values[i].tolist(), expected(several[i], 2, True, weights(12)), rtol=1e-7)


def test_a_preconditioner_saves_steps() -> None:
    a = matrix(60, least=0.001)
    steps = []
    for given in ({}, {"iK": mt.tensor(np.linalg.inv(a))}):
        mt.manual_seed(0)
        seen: list[int] = []
        values, _ = mt.lobpcg(
            mt.tensor(a), 2, largest=False, **given,
            tracker=lambda search, seen=seen: seen.append(search.ivars["istep"]),
        )
        np.testing.assert_allclose(values.tolist(), expected(a, 2, False), rtol=1e-5)
        assert seen == list(range(1, len(seen) + 1))
        steps.append(len(seen))
    assert steps[1] < steps[0] / 2


@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_a_sparse_laplacian(layout: str) -> None:
    pytest.importorskip("scipy")
    size = 60
    a = 2 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1)
    values, _ = mt.lobpcg(getattr(mt.tensor(a), layout)(), 3, largest=True)
    np.testing.assert_allclose(values.tolist(), expected(a, 3, True), rtol=1e-6)


@pytest.mark.parametrize("of", ["values", "vectors", "both"])
def test_gradients_are_those_of_eigh_and_pytorchs(of: str) -> None:
    a, share = matrix(12), np.arange(24.0).reshape(12, 2)

    def loss(library: Any, values: Any, vectors: Any) -> Any:
        total = (values * library.tensor([2.0, 3.0], dtype=library.float64)).sum() if of != "vectors" else 0
        return total + ((vectors**2 * library.tensor(share)).sum() if of != "values" else 0)

    found = []
    for library in (mt, torch):
        leaf = library.tensor(a).requires_grad_()
        library.manual_seed(0)
        loss(library, *library.lobpcg(leaf, 2, tol=1e-13)).backward()
        found.append(leaf.grad.tolist())
    leaf = mt.tensor(a).requires_grad_()
    values, vectors = mt.linalg.eigh((leaf + leaf.mT) / 2)
    loss(mt, values[[-1, -2]], vectors[:, [-1, -2]]).backward()
    np.testing.assert_allclose(found[0], leaf.grad.tolist(), atol=1e-8)
    np.testing.assert_allclose(found[0], found[1], atol=1e-8)


def test_gradients_of_second_order_are_correct() -> None:
    leaf = mt.tensor(matrix(7)).requires_grad_()

    def pairs(a: Any) -> Any:
        mt.manual_seed(0)
        values, vectors = mt.lobpcg(a, 2, tol=1e-14, niter=60)
        return values, vectors**2

    assert mt.autograd.gradcheck(pairs, (leaf,))
    assert mt.autograd.gradgradcheck(pairs, (leaf,))


def test_a_tracker_sees_pytorchs_names_and_may_stop_the_search() -> None:
    found = []
    for library in (mt, torch):
        library.manual_seed(0)
        seen: list[Any] = []

        def watch(search: Any, seen: list[Any] = seen) -> None:
            seen.append([
                search.ivars["istep"], tuple(search.X.shape), tuple(search.E.shape), tuple(search.R.shape),
                tuple(search.tvars["rerr"].shape), search.iparams["k"], search.iparams["n"], search.iparams["m"],
                search.bparams["largest"], search.method, search.B, search.iK,
            ])
            search.bvars["force_stop"] = len(seen) == 3

        library.lobpcg(library.tensor(matrix(40)), 2, n=3, tracker=watch)
        found.append(seen)
    assert found[0] == found[1]
    assert len(found[0]) == 3


@pytest.mark.parametrize(("wrong", "kind", "text"), [
    (lambda: mt.lobpcg(mt.eye(12), 5), ValueError, "smaller than 3 x"),
    (lambda: mt.lobpcg(mt.eye(12), 0), ValueError, "expected k of at least 1, got 0"),
    (lambda: mt.lobpcg(mt.eye(12), 3, n=2), ValueError, "k=3 and n=2"),
    (lambda: mt.lobpcg(mt.ones(12, 5), 2), RuntimeError, "square"),
    (lambda: mt.lobpcg(mt.ones(5), 1), RuntimeError, "square"),
    (lambda: mt.lobpcg(mt.eye(12).long(), 2), RuntimeError, "float32"),
    (lambda: mt.lobpcg(mt.eye(12), 2, method="fast"), ValueError, "'fast'"),
    (lambda: mt.lobpcg(mt.eye(12).requires_grad_(), 2, B=mt.eye(12)), ValueError, "no gradient"),
    (lambda: mt.lobpcg(mt.eye(12), 2, B=mt.eye(12).requires_grad_()), ValueError, "no gradient"),
    (lambda: mt.lobpcg(mt.eye(12).to_sparse().requires_grad_(), 2), ValueError, "no gradient"),
    (lambda: mt.lobpcg(3, 2), TypeError, "tensor"),
])
def test_errors(wrong: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        wrong()
