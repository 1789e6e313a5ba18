"""Linear algebra on matrices it may refuse: NaN, infinite, singular, indefinite, empty, not square, too few dims.

Both libraries give results of the same shape, or both raise, and this one raises a subclass of PyTorch's class:
LinAlgError if a factorization fails.
"""

from __future__ import annotations

import itertools
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.call import find, outcome, tensors_in

INF, NAN = float("inf"), float("nan")

MATRICES = {
    "NaN": [[NAN, 1.0], [1.0, 2.0]],
    "infinite": [[INF, 1.0], [1.0, 2.0]],
    "singular": [[1.0, 2.0], [2.0, 4.0]],
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "indefinite": [[-1.0, 0.0], [0.0, 1.0]],
    "good": [[2.0, 0.5], [0.5, 3.0]],
    "2 by 3": np.ones((2, 3)),
    "3 by 2": np.ones((3, 2)),
    "vector": [1.0, 2.0],
    "number": 1.0,
    "0 by 0": np.zeros((0, 0)),
    "2 by 0": np.zeros((2, 0)),
    "no matrices": np.zeros((0, 2, 2)),
    "one NaN": [[[2.0, 0.0], [0.0, 2.0]], [[NAN, 0.0], [0.0, 1.0]]],
    "one singular": [[[2.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]],
}

OF_ONE: tuple[tuple[Any, ...], ...] = (
    *[(f"linalg.{name}",) for name in (
        "inv", "inv_ex", "cholesky", "cholesky_ex", "qr", "svd", "svdvals", "eigh", "eigvalsh", "det", "slogdet",
        "pinv", "matrix_rank", "matrix_exp", "matrix_norm", "vector_norm", "norm", "diagonal", "tensorinv", "vander",
        "multi_dot", "cond",
    )],
    *[("linalg.matrix_norm", order) for order in ("nuc", 1, 2, -2, INF)],
    *[("linalg.cond", order) for order in ("nuc", "fro", 1, -2, INF)],
    *[("linalg.matrix_power", power) for power in (3, 0, -1, 1.5)],
    ("inverse",), ("logdet",), ("cholesky_inverse",), ("pinverse",), ("trace",), ("cov",), ("corrcoef",),
)  # fmt: skip
# Not eig: PyTorch crashes on NaN.

OF_TWO = ("linalg.solve", "linalg.solve_ex", "linalg.tensorsolve", "linalg.vecdot", "linalg.cross", "matmul",
          "cholesky_solve")  # fmt: skip

# What PyTorch accepts and this library refuses, or the other way round.
OTHERWISE = {
    ("linalg.cond", "2 by 0"): "PyTorch does not check that empty matrices are square",
    ("linalg.solve", "singular", "no matrices"): "nothing is solved, so a singular matrix does not matter",
    ("linalg.solve", "zero", "no matrices"): "nothing is solved, so a singular matrix does not matter",
}


def kind(error: Exception) -> type[Exception]:
    """Return the class with which a program would catch PyTorch's error."""
    if "LinAlgError" in type(error).__name__:
        return mt.errors.LinAlgError
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


def difference(found: Any, expected: Any) -> str:
    """Describe how two outcomes differ; return an empty string if they do not."""
    if isinstance(expected, Exception):
        right = isinstance(found, kind(expected)) and isinstance(found, mt.errors.MinitensorError)
        return "" if right else f"{found!r}, PyTorch raises {expected!r}"
    if isinstance(found, Exception):
        return f"raises {found!r}, PyTorch gives {expected}"
    shapes = [[tuple(each.shape) for each in tensors_in(one)] for one in (found, expected)]
    return "" if shapes[0] == shapes[1] else f"shapes {shapes[0]}, in PyTorch {shapes[1]}"


def compare(torch: ModuleType, name: str, places: tuple[str, ...], *more: Any) -> str:
    """Call an op of both libraries with the same matrices."""
    tensors = [[lib.tensor(np.array(MATRICES[place]).tolist(), dtype=lib.float64).reshape(np.shape(MATRICES[place]))
                for place in places] for lib in (mt, torch)]  # fmt: skip
    found = outcome(find(mt, name), *tensors[0], *more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(find(torch, name), *tensors[1], *more)
    told = "" if (name, *places) in OTHERWISE else difference(found, expected)
    return f"{name}{places}{more}: {told}" if told else ""


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def test_one_matrix_is_refused_as_in_pytorch(torch: ModuleType) -> None:
    wrong = [compare(torch, name, (place,), *more) for name, *more in OF_ONE for place in MATRICES]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("name", OF_TWO)
def test_two_matrices_are_refused_as_in_pytorch(torch: ModuleType, name: str) -> None:
    wrong = [compare(torch, name, places) for places in itertools.product(MATRICES, MATRICES)]
    assert not any(wrong), "\n".join(filter(None, wrong))


def test_a_matrix_with_nan_has_no_cholesky_factor() -> None:
    matrix = mt.tensor([[NAN, 1.0], [1.0, 2.0]])
    with pytest.raises(mt.errors.LinAlgError, match=r"linalg\.cholesky: the input is not positive-definite"):
        mt.linalg.cholesky(matrix)
    assert mt.linalg.cholesky_ex(matrix).info.item() == 1
    with pytest.raises(mt.errors.LinAlgError, match="batch element 1"):
        mt.linalg.cholesky(mt.stack([mt.eye(2), matrix]))


INFINITE = [
    [[INF, INF], [INF, INF]], [[INF, 0.0], [0.0, INF]], [[INF, 1.0], [1.0, 1.0]], [[1.0, INF], [INF, 1.0]], [[INF]],
    [[-INF]], [[1.0, 0.0], [0.0, INF]], [[INF, 0.0, INF], [0.0, 1.0, 0.0], [INF, 0.0, 1.0]],
]  # fmt: skip


# Not float32: there PyTorch refuses diag(inf, 1) too, whose factor is itself.
@pytest.mark.parametrize("dtype", ["float64", "complex64", "complex128"])
def test_infinite_matrices_have_a_cholesky_factor_where_pytorch_finds_one(torch: ModuleType, dtype: str) -> None:
    def failures(lib: Any, matrix: Any) -> list[Any]:
        given = lib.tensor(matrix, dtype=getattr(lib, dtype))
        return [bool(lib.linalg.cholesky_ex(each).info) for each in (given, lib.stack([given, given])[1], given.mT)]

    for matrix in INFINITE:
        assert failures(mt, matrix) == failures(torch, matrix), matrix


NOT_FINITE = [
    [[1.0, 2.0, 3.0], [4.0, bad, 6.0], [7.0, 8.0, 10.0]] for bad in (NAN, INF, -INF)
] + [[[NAN, 1.0], [1.0, 2.0]], [[2.0, NAN], [1.0, 2.0]], [[2.0, 1.0], [1.0, NAN]], [[NAN] * 2] * 2, [[NAN]], *INFINITE]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("name", ["slogdet", "det"])
def test_determinants_of_matrices_that_are_not_finite(torch: ModuleType, name: str, dtype: str) -> None:
    def found(lib: Any, matrix: Any) -> list[Any]:
        given = lib.tensor(matrix, dtype=getattr(lib, dtype))
        given = lib.stack([given, lib.eye(len(matrix), dtype=given.dtype)])
        result = getattr(lib.linalg, name)(given)
        return [np.array(each.tolist()) for each in (result if name == "slogdet" else [result])]

    for matrix in NOT_FINITE:
        for ours, theirs in zip(found(mt, matrix), found(torch, matrix), strict=True):
            np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5, err_msg=str(matrix))


FAILING = {
    **{f"{bad} at {row}, {column}": [[bad if (i, j) == (row, column) else value for j, value in enumerate(line)]
                                     for i, line in enumerate([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 3.0]])]
       for bad in (NAN, INF, -INF) for row in range(3) for column in range(3)},
    **{f"indefinite from {order}": (np.asarray([[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]])
                                    - 9 * np.diag(np.arange(1, 4) == order)).tolist() for order in (1, 2, 3)},
    "infinite": [[INF] * 3] * 3, "NaN": [[NAN] * 3] * 3, "one NaN": [[NAN]], "one infinity": [[INF]],
    "infinite diagonal": (np.where(np.eye(3) > 0, INF, 0.0)).tolist(),
}  # fmt: skip
# Positions of an off-diagonal infinity where PyTorch's LAPACK, which eliminates in another order than NumPy's, gives
# NaN in place of our infinities, or numbers in place of our NaN.
REAL = ("float32", "float64")
APART = {
    **{(name, place): REAL for name in ("inv", "inv_ex", "solve", "matrix_power") for place in ("1, 2",)},
    **{(name, place): REAL for name in ("det", "slogdet") for place in ("0, 2", "1, 0", "2, 0")},
    ("slogdet", "1, 2"): ("complex128",),
}


def lies_apart(name: str, place: str, dtype: str) -> bool:
    """Return whether PyTorch's result is known to differ; in single precision it has no factor of infinite matrices."""
    return "inf" in place and (
        dtype in APART.get((name, place.partition(" at ")[2]), ()) or (name == "cholesky_ex" and dtype == "float32")
    )


VALUES: dict[str, Any] = {
    "inv": lambda lib, matrix: [lib.linalg.inv(matrix)],
    "inv_ex": lambda lib, matrix: [*lib.linalg.inv_ex(matrix)],
    "solve": lambda lib, matrix: [lib.linalg.solve(matrix, lib.ones(matrix.shape[-1], 2, dtype=matrix.dtype))],
    "cholesky_ex": lambda lib, matrix: [*lib.linalg.cholesky_ex(matrix)],
    "det": lambda lib, matrix: [lib.linalg.det(matrix)],
    "slogdet": lambda lib, matrix: [*lib.linalg.slogdet(matrix)],
    "matrix_norm": lambda lib, matrix: [lib.linalg.matrix_norm(matrix)],
    "matrix_power": lambda lib, matrix: [lib.linalg.matrix_power(matrix, 3), lib.linalg.matrix_power(matrix, -1)],
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("name", VALUES)
def test_nonfinite_and_singular_matrices_give_pytorchs_results(
    torch: ModuleType, name: str, dtype: str
) -> None:
    """Alone, and in a batch with a good matrix, whose result they must not change."""
    wrong = []
    for place, matrix in FAILING.items():
        if lies_apart(name, place, dtype):
            continue
        for given in (matrix, [matrix, (2 * np.eye(len(matrix))).tolist()]):
            ours, theirs = [
                [np.array(each.tolist()) for each in VALUES[name](lib, lib.tensor(given, dtype=getattr(lib, dtype)))]
                for lib in (mt, torch)
            ]
            if not all(np.allclose(*pair, 1e-4, 1e-5, equal_nan=True) for pair in zip(ours, theirs, strict=True)):
                wrong.append(f"{place}: {ours}, in PyTorch {theirs}")
    assert not wrong, "\n".join(wrong)


def test_an_infinite_matrix_has_no_cholesky_factor() -> None:
    with pytest.raises(mt.errors.LinAlgError, match="not positive-definite"):
        mt.linalg.cholesky(mt.full((2, 2), INF))
    assert mt.linalg.cholesky(mt.tensor([[1.0, 0.0], [0.0, INF]])).tolist() == [[1.0, 0.0], [0.0, INF]]


def test_a_singular_matrix_has_an_infinite_condition_in_the_nuclear_norm() -> None:
    assert mt.linalg.cond(mt.zeros(2, 2), "nuc").item() == INF
