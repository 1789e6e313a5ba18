"""Rows of linear algebra: ``linalg_*.py``, and its norms and distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.row import Row, call, f, i, kink, rows


def matrix(*shape: int, seed: int = 0) -> Any:
    """Return square matrices that are far from singular."""
    return f(*shape, seed=seed) + 4 * np.eye(shape[-1])


def definite(*shape: int, seed: int = 0) -> Any:
    """Return symmetric matrices with positive eigenvalues."""
    a = f(*shape, seed=seed)
    return a @ np.swapaxes(a, -2, -1) + np.eye(shape[-1])


def lower(*shape: int, seed: int = 0) -> Any:
    """Return lower triangular matrices with a positive diagonal."""
    return np.tril(f(*shape, seed=seed), -1) + 2 * np.eye(shape[-1])


def split(*batch: int) -> Any:
    """Return matrices with real eigenvalues that are far apart."""
    return f(*batch, 3, 3) * 0.2 + np.diag([1.0, 3.0, 6.0])


SINGULAR = np.zeros((2, 2))
SQUARE = (call(f(2, 3)), call(f(3)), call(i(2, 2)))  # refused by every op on square matrices
NO_GAUGE = "unique only up to signs, phases or order; tests/ops/test_linalg.py tests what does not depend on them"
TRIANGLE = dict.fromkeys(
    ("gradcheck", "gradgradcheck", "complex"),
    "one triangle is read, and the gradient, like PyTorch's, is that of the whole matrix; tests/ops/test_linalg.py symmetrizes it first",
)
FREE = {"torch": NO_GAUGE, "dtypes": NO_GAUGE, "gradient": NO_GAUGE, "complex": NO_GAUGE, "out": "several results"}
MANY_RESULTS = {"out": "several results: out= takes a tuple"}
ON_HOST = "whether a matrix is singular, or a loss depends on a phase, is checked on the host"
IS_NAN = "whether a factor has NaN is checked on the host"
LOOSE = 2e-4  # a short sum of rounding errors, times the condition number
EYE2 = np.eye(2)
INF = float("inf")

SOLVING = rows(
    # In batches, so that matrices with one repeated row, as the laws on layouts make them, do not become singular.
    Row("linalg.inv", (call(matrix(2, 3, 3)), call(matrix(2, 2, 2)), call(f(0, 0))), numpy=np.linalg.inv, dtypes="inexact",
        aliases=("inverse",), wrong=(call(SINGULAR), *SQUARE), rtol=LOOSE),
    Row("linalg.solve", (
        call(matrix(2, 3, 3), f(2, 3, 2)), call(matrix(2, 3, 3), f(3)), call(matrix(2, 3, 3), f(3, 1)),
        call(matrix(2, 2, 2), f(3, 2), left=False), call(matrix(2, 3, 3), f(2, 3))), dtypes="inexact", rtol=LOOSE,
        wrong=(call(SINGULAR, f(2)), call(f(2, 3), f(2)), call(matrix(2, 2), f(3)), call(matrix(2, 2), f(2), left=False))),
    Row("linalg.inv_ex", (call(matrix(2, 3, 3)), call(matrix(2, 2, 2), check_errors=True), call(f(0, 0))), dtypes="inexact", host=ON_HOST,
        wrong=(call(SINGULAR, check_errors=True), *SQUARE), rtol=LOOSE, notes=MANY_RESULTS),
    Row("linalg.solve_ex", (call(matrix(2, 3, 3), f(2, 3, 2)), call(matrix(2, 3, 3), f(3))), dtypes="inexact", host=ON_HOST,
        wrong=(call(SINGULAR, f(2), check_errors=True), call(f(2, 3), f(2))), rtol=LOOSE, notes=MANY_RESULTS),
    Row("linalg.tensorinv", (call(matrix(6, 6).reshape(6, 2, 3), ind=1), call(matrix(4, 4).reshape(2, 2, 4))), dtypes="inexact",
        rtol=LOOSE, wrong=(call(f(2, 3), ind=1), call(f(2, 2), ind=0)), notes={"layout": "a repeated row makes the map singular"}),
    Row("linalg.tensorsolve", (
        call(matrix(6, 6).reshape(2, 3, 6), f(2, 3)), call(matrix(4, 4).reshape(4, 2, 2), f(4)),
        call(matrix(4, 4).reshape(2, 4, 2), f(4), dims=(0, 2))), dtypes="inexact", rtol=LOOSE,
        wrong=(call(f(2, 3), f(2)),), notes={"layout": "a repeated row makes the map singular"}),
    Row("linalg.solve_triangular", (
        call(lower(3, 3), f(3, 2), upper=False), call(lower(3, 3).T.copy(), f(3, 2), upper=True),
        call(matrix(3, 3), f(2, 3), upper=True, left=False), call(f(3, 3), f(3, 1), upper=False, unitriangular=True),
        call(matrix(2, 2, 2), f(2, 1), upper=True)), dtypes="inexact", rtol=LOOSE,
        wrong=(call(f(2, 3), f(2, 1), upper=True), call(f(2, 2), f(3, 1), upper=True), call(f(2, 2), f(2), upper=True))),
    Row("cholesky_solve", (call(f(3, 2), lower(3, 3)), call(f(2, 1), lower(2, 2).T.copy(), True), call(f(2, 1), lower(2, 2, 2))),
        dtypes="inexact", rtol=LOOSE, wrong=(call(f(3, 2), lower(2, 2)), call(f(2), lower(2, 2))), notes=TRIANGLE),
    Row("cholesky_inverse", (call(lower(3, 3)), call(lower(2, 2).T.copy(), True), call(lower(2, 2, 2))), dtypes="single",
        rtol=LOOSE, wrong=(call(f(2, 3)),), notes={**TRIANGLE, "layout": "a repeated row leaves a zero on the diagonal"},
        host=ON_HOST),
    Row("linalg.det", (call(matrix(3, 3)), call(f(2, 2, 2)), call(f(0, 0))), numpy=np.linalg.det, dtypes="inexact",
        wrong=SQUARE, rtol=LOOSE),
    Row("det", (call(matrix(2, 2)),), numpy=np.linalg.det, dtypes="inexact", wrong=SQUARE, out=False, rtol=LOOSE),
    Row("linalg.slogdet", (call(matrix(3, 3)), call(f(2, 2, 2))), dtypes="inexact", wrong=SQUARE, rtol=LOOSE, notes=MANY_RESULTS),
    Row("slogdet", (call(matrix(2, 2)),), dtypes="inexact", wrong=SQUARE, rtol=LOOSE, notes=MANY_RESULTS),
    Row("logdet", (call(definite(3, 3)), call(np.array([[[0.5, 0.2], [0.1, 0.7]]])), kink(np.diag([-1.0, 1.0]))), dtypes="inexact",
        out=False, wrong=SQUARE, rtol=LOOSE),
)  # fmt: skip

FACTORS = rows(
    Row("linalg.cholesky", (call(definite(2, 3, 3)), call(definite(2, 2, 2), upper=True)), dtypes="single", rtol=LOOSE, host=IS_NAN,
        wrong=(call(-EYE2), *SQUARE), notes=TRIANGLE),
    Row("linalg.cholesky_ex", (call(definite(2, 3, 3)), call(definite(2, 2, 2), upper=True)), dtypes="single", rtol=LOOSE, host=IS_NAN,
        wrong=(call(-EYE2, check_errors=True), *SQUARE), notes={**TRIANGLE, **MANY_RESULTS}),
    Row("cholesky", (call(definite(2, 2, 2)), call(definite(2, 2, 2), True)), dtypes="single", rtol=LOOSE, host=IS_NAN,
        wrong=(call(-EYE2),), notes=TRIANGLE),
    Row("linalg.qr", (call(f(3, 2)), call(f(2, 3)), call(matrix(2, 2, 2), "complete")), dtypes="inexact",
        notes=FREE, wrong=(call(f(3)), call(f(2, 2), "full"))),
    Row("qr", (call(f(3, 2)),), dtypes="inexact", notes={**FREE, "names": "deprecated in PyTorch: it warns"}),
    Row("linalg.svd", (call(f(3, 2), False), call(f(2, 3), False), call(f(2, 2, 2))), dtypes="inexact",
        host=ON_HOST, notes=FREE, wrong=(call(f(3)), call(i(2, 2)))),
    Row("svd", (call(f(3, 2)), call(f(2, 2), False)), dtypes="inexact", host=ON_HOST, notes=FREE),
    Row("linalg.svdvals", (call(f(3, 2)), call(f(2, 2, 3)), call(f(2, 0))), dtypes="inexact", rtol=LOOSE, wrong=(call(f(3)), call(i(2, 2))),
        numpy=lambda x: np.linalg.svd(x, compute_uv=False)),
    Row("linalg.eigh", (call(definite(3, 3)), call(definite(2, 2, 2), "U")), dtypes="inexact", host=ON_HOST,
        notes={**FREE, **TRIANGLE}, wrong=(*SQUARE, call(EYE2, "X"))),
    Row("linalg.eigvalsh", (call(definite(3, 3)), call(definite(2, 2, 2), "U")), dtypes="none", rtol=LOOSE,
        wrong=(*SQUARE, call(EYE2, "X")), notes=TRIANGLE),
    Row("linalg.eig", (call(split()), call(split(2))), dtypes="inexact", host=ON_HOST, wrong=SQUARE,
        notes={**FREE, "layout": "a repeated row gives a double eigenvalue, whose vectors are arbitrary",
               "gradcheck": "any loss of its vectors depends on their phases; tests/ops/test_linalg.py uses one that does not",
               "gradgradcheck": "as above"}),
    Row("linalg.eigvals", (call(np.array([[1.0, 0.3], [0.7, 3.0]])), call(np.array([[[1.0, 2.0], [-2.0, 1.5]]]))), dtypes="none",
        rtol=LOOSE, wrong=SQUARE),
)  # fmt: skip

SQUARES = rows(
    Row("linalg.pinv", (call(f(3, 2)), call(f(2, 2, 3)), kink(definite(2, 2), hermitian=True), call(f(2, 0)), call(f(3, 2), rtol=0.01)),
        dtypes="inexact", rtol=LOOSE, wrong=(call(f(3)), call(i(2, 2)), call(f(2, 3), hermitian=True)),
        notes={"names": "rcond and hermitian may also be positional"}),
    Row("pinverse", (call(f(3, 2)), call(f(2, 2), 0.01)), dtypes="inexact", out=False, rtol=LOOSE),
    Row("linalg.matrix_rank", (
        call(f(3, 2)), call(np.ones((2, 2))), call(np.diag([1.0, 1e-3]), rtol=0.01), call(np.diag([1.0, 1e-3]), atol=0.01),
        call(definite(2, 2), hermitian=True), call(f(2, 0)), call(np.diag([1.0, 0.5]), atol=np.array(0.7)), call(np.ones((2, 2)), 3.0)),
        differentiable=False, dtypes="inexact", wrong=(call(f(3)), call(i(2, 2))), notes={"names": "tol may also be positional"}),
    Row("linalg.lstsq", (
        call(f(3, 2), f(3, 2, seed=1)), call(f(2, 3), f(2, 1)), call(f(2, 3, 2), f(2, 3)), call(f(3, 2), f(3, 1), driver="gelsd"),
        call(f(3, 2), f(3, 2), driver="gels")), dtypes="inexact", rtol=LOOSE, out=False,
        host="there are residuals only if all matrices have full rank",
        wrong=(call(f(3), f(3)), call(f(3, 2), f(2, 2)), call(f(2, 2), f(2, 2), driver="best"))),
)  # fmt: skip

NORMS = rows(
    Row("linalg.vector_norm", (
        call(f(2, 3)), call(f(2, 3), 1, 1), call(f(2, 3), INF, 0, True), call(f(2, 3), -INF), call(f(2, 3), 3.5, (0, 1)), call(f(2, 3), 0),
        call(f(2, 3), 0.5, 1), call(f(2, 3), -1.0, 1), kink(np.zeros((2, 2)))), dtypes="inexact", rtol=1e-5, host=ON_HOST,
        wrong=(call(f(2), 2, 1), call(i(2)), call(f(2), "fro"), call(f(2, 0), INF, 1))),
    Row("linalg.matrix_norm", (
        call(f(2, 3)), *[call(f(2, 2, 3), ord) for ord in ("nuc", 1, -1, 2, -2, INF, -INF)], kink(f(2, 3, 2), 1, (0, 2), True),
        call(f(2, 3, 2), "nuc", (2, 0), True)), dtypes="inexact", rtol=LOOSE, host=ON_HOST,
        wrong=(call(f(2)), call(f(2, 2), 3), call(f(2, 2), "fre"), call(f(2, 2), "fro", (0, 0)))),
    Row("linalg.norm", (
        call(f(2, 3)), call(f(3), 1), call(f(2, 3), 2), call(f(2, 3), "nuc"), call(f(2, 3), 1, 0), call(f(2, 2, 3), "fro", (0, 2)),
        call(f(2, 3), dim=1, keepdim=True)), numpy=None, dtypes="inexact", rtol=LOOSE, host=ON_HOST,
        wrong=(call(f(2, 2, 2), 2), call(i(3)), call(f(3), "nuc"))),
    Row("norm", label="of matrices", calls=(call(f(2, 3), "nuc"), call(f(2, 2, 3), "nuc", (0, 2), True)), dtypes="inexact", rtol=LOOSE,
        host=ON_HOST, wrong=(call(f(2, 2), "fre"),)),
    Row("linalg.cond", (
        call(matrix(3, 3)), call(f(3, 2)), call(matrix(2, 2, 2), -2), *[call(matrix(2, 2), p) for p in ("fro", "nuc", 1, -1, INF, -INF)],
        kink(SINGULAR, 1)), dtypes="inexact", rtol=LOOSE, host=ON_HOST, wrong=(call(f(2)), call(f(2, 3), 1)),
        notes={"gradient": "PyTorch fails on one of its own in-place writes; finite differences test it"}),
    Row("cdist", (
        call(f(2, 3), f(4, 3, seed=1)), call(f(2, 2, 3), f(3, 3, seed=1)), call(f(2, 2), f(3, 2, seed=1), 1.0), call(f(2, 2), f(3, 2, seed=1), INF),
        call(f(2, 2), f(3, 2, seed=1), 3.0), call(f(2, 2), f(3, 2, seed=1), 0.0), call(f(2, 2), f(3, 2), compute_mode="use_mm_for_euclid_dist"),
        call(f(2, 0), f(3, 0)), kink(f(2, 2), f(2, 2)), kink(f(30, 2), f(2, 2, seed=1))), dtypes="single", out=False, rtol=1e-5, host=ON_HOST,
        wrong=(call(f(2), f(2)), call(f(2, 2), f(2, 3)), call(f(2, 2), f(2, 2), -1.0))),
)  # fmt: skip

MANY = rows(
    Row("linalg.matrix_power", (call(f(2, 2), 3), call(matrix(2, 2), -2), call(f(2, 2, 2), 1), call(f(2, 2), 0), call(f(2, 2), 5)),
        dtypes="inexact", rtol=LOOSE, wrong=(call(f(2, 3), 2), call(SINGULAR, -1))),
    Row("matrix_power", (call(f(2, 2), 3),), dtypes="inexact", rtol=LOOSE),
    Row("linalg.matrix_exp", (call(f(3, 3)), call(f(2, 2, 2)), call(9 * f(2, 2)), call(f(0, 0))), dtypes="inexact", out=False,
        rtol=LOOSE, host="the number of squarings depends on the size", wrong=SQUARE),
    Row("matrix_exp", (call(f(2, 2)),), dtypes="inexact", out=False, rtol=LOOSE, host="as linalg.matrix_exp"),
    Row("linalg.multi_dot", (
        call([f(2, 3), f(3, 2, seed=1), f(2, 2, seed=2)]), call([f(3), f(3, 2, seed=1)]), call([f(2, 3), f(3, 1), f(1)])), rtol=4e-6,
        wrong=(call([f(2, 2)]), call([f(2, 2), f(3, 2)]), call([f(2), f(2, 2, 2), f(2)]))),
    Row("linalg.cross", (call(f(2, 3), f(2, 3, seed=1)), call(f(3, 2), f(3, 1, seed=1), dim=0)), dtypes="numbers",
        wrong=(call(f(2), f(2)), call(f(3), f(2, 3)))),
    Row("linalg.vecdot", (call(f(2, 3), f(2, 3, seed=1)), call(f(2, 3), f(3, seed=1)), call(f(3, 2), f(3, 2, seed=1), dim=0)),
        dtypes="inexact", rtol=4e-6),
    Row("linalg.diagonal", (call(f(2, 3, 3)), call(f(2, 3), offset=1), call(f(2, 3, 2), dim1=0, dim2=2)), view=True, out=False),
    Row("linalg.vander", (call(f(3)), call(f(2, 2), N=4), call(i(3), N=3)), out=False, dtypes="inexact", rtol=1e-5,
        host="the gradient of cumprod checks for zeros", wrong=(call(f(3), N=1),)),
    Row("linalg.matmul", (call(f(2, 3), f(3, 2, seed=1)),), rtol=4e-6),
    Row("cov", (
        call(f(3, 4)), call(f(4)), call(f(3, 4), correction=0), call(f(2, 4), fweights=i(4, low=1)), call(f(2, 4), aweights=f(4, low=0.1, high=1)),
        call(f(2, 4), fweights=i(4, low=1), aweights=f(4, low=0.1, high=1)), call(i(2, 3))), out=False, rtol=1e-5,
        host="weights that are negative, or sum to zero, are refused", wrong=(call(f(2, 2, 2)), call(f(2, 3), fweights=i(2)))),
    Row("corrcoef", (call(f(3, 4)), call(f(4)), call(i(2, 3))), out=False, rtol=1e-5, wrong=(call(f(2, 2, 2)),)),
    Row("renorm", (call(f(2, 3), 2, 0, 1.0), call(f(2, 3), 2, -1, 1.5), call(f(2, 3, 2), 1, 1, 2.0), call(f(2, 3), 3.5, 0, 0.5),
                   kink(f(2, 3), float("inf"), 0, 1), call(f(2, 3), 2, 0, 100.0), call(f(2, 0), 2, 0, 1), kink(f(2, 3), 2, 0, 0)),
        dtypes="inexact", inplace=False,  # its in-place version: test_linalg.py; the laws would call it with one dim
        wrong=(call(f(2, 3), 0, 0, 1.0), call(f(2, 3), 2, 2, 1.0), call(f(2, 3), 2, 0, -1.0), call(f(3), 2, 0, 1.0),
               call(i(2, 3), 2, 0, 1.0), call(f(2, 3), "a", 0, 1), call(f(2, 3), 2j, 0, 1), call(f(2, 3), 2, 0, float("nan")))),
    Row("vander", (call(f(3)), call(f(3), 2), call(f(3), 4, True), call(f(3), 0), call(f(3), N=1), call(f(0))), out=False,
        host="the gradient of cumprod checks for zeros",
        notes={"gradient": "PyTorch overwrites a saved value and raises; finite differences test ours"},
        wrong=(call(f(3), -1), call(f(2, 3)), call(f()), call([1, 2]))),
)  # fmt: skip

ROWS = rows(SOLVING, FACTORS, SQUARES, NORMS, MANY)
