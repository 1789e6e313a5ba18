"""Diagonals, reduced products and checked gradients of sparse matrices against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("shape", [(3, 4), (5, 5), (4, 6), (4, 4)])
@pytest.mark.parametrize("offsets", [[0, -1, -2], [0, 1, 2], [2, -1, 1]])
@pytest.mark.parametrize("layout", [None, "sparse_coo", "sparse_csr"])
def test_diagonals_are_placed_as_by_pytorch(shape: tuple[int, int], offsets: list[int], layout: str | None) -> None:
    def place(library: Any) -> Any:
        kind = layout and getattr(library, layout)
        rows = library.arange(1.0, 13.0).reshape(3, 4)
        return library.sparse.spdiags(rows, library.tensor(offsets), shape, layout=kind)

    ours, theirs = place(mt), place(torch)
    assert repr(ours) == repr(theirs)
    assert ours.to_dense().tolist() == theirs.to_dense().tolist()


def test_diagonals_outside_the_matrix_are_left_out() -> None:
    # PyTorch crashes, raises, or gives positions outside the shape.
    found = mt.sparse.spdiags(mt.ones(3, 4), mt.tensor([-5, 5, 0]), (2, 2))
    assert found.to_dense().tolist() == [[1, 0], [0, 1]]
    assert mt.sparse.spdiags(mt.ones(1, 4), mt.tensor([0]), (4, 0)).shape == (4, 0)


@pytest.mark.parametrize(
    "arguments",
    [([[1.0], [2.0]], [0], (2, 2)), ([[1.0], [2.0]], [1, 1], (2, 2)), ([[1.0]], [0.0], (2, 2)), ([[1.0]], [0], (2,))],
    ids=["count", "repeated", "dtype", "shape"],
)
def test_diagonals_that_do_not_fit_are_refused(arguments: tuple[Any, Any, Any]) -> None:
    rows, offsets, shape = arguments
    for library in (mt, torch):
        with pytest.raises(RuntimeError):
            library.sparse.spdiags(library.tensor(rows), library.tensor(offsets), shape)


@pytest.mark.parametrize("reduce", ["sum", "mean", "amax", "max", "amin", "min"])
def test_reduced_products_and_their_gradients_are_pytorchs(reduce: str) -> None:
    def multiply(library: Any) -> list[Any]:
        matrix = library.tensor([[1.0, 0, -2, 3], [0, 0, 0, 0], [0, 3, 0, 0.5]]).to_sparse_csr().requires_grad_()
        other = (library.arange(12.0).reshape(4, 3) - 5.5).requires_grad_()
        result = library.sparse.mm(matrix, other, reduce)
        (result * library.arange(9.0).reshape(3, 3)).sum().backward()
        return [result.tolist(), other.grad.tolist(), matrix.grad.to_dense().tolist()]

    for ours, theirs in zip(multiply(mt), multiply(torch)):
        assert ours == [pytest.approx(each) for each in theirs]


def test_a_reduced_product_needs_compressed_rows() -> None:
    for library in (mt, torch):
        with pytest.raises(RuntimeError):
            library.sparse.mm(library.eye(2).to_sparse(), library.eye(2), "mean")
        with pytest.raises(RuntimeError):
            library.sparse.mm(library.eye(2).to_sparse_csr(), library.eye(2), "median")


@pytest.mark.parametrize("use", ["to_dense", "to_sparse_csr", "product"])
def test_gradients_of_sparse_arguments_are_checked(use: str) -> None:
    for library in (mt, torch):
        matrix = library.tensor([[0.0, 1], [2, 3]], dtype=library.float64).to_sparse_coo().requires_grad_()
        other = library.ones(2, 2, dtype=library.float64, requires_grad=True)
        check = library.sparse.as_sparse_gradcheck(library.autograd.gradcheck)
        if use == "product":
            assert check(lambda a, b, library=library: library.sparse.mm(a, b), (matrix, other), masked=True)
        else:
            assert check(lambda a: getattr(a, use)(), matrix, masked=True)
