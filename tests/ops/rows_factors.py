"""Rows of LU and LDL factors and of Householder reflections: ``ops/linalg/lu.py``, ``ldl.py``, ``reflections.py``."""

from __future__ import annotations

import numpy as np

from ops.row import Row, call, f, i, rows
from ops.rows_linalg import EYE2, LOOSE, MANY_RESULTS, SINGULAR, matrix


def symmetric(*shape: int) -> np.ndarray:
    """Return symmetric matrices with positive and negative eigenvalues."""
    a = f(*shape)
    return a + np.swapaxes(a, -2, -1)


def exchanges(*numbers: int) -> np.ndarray:
    """Return pivots."""
    return np.array(numbers, "int32")


PIVOTS = exchanges(2, 3, 3)
ON_HOST = "pivots are checked on the host"
NO_MATRICES = (call(f(3)), call(i(2, 2)))
FIXED = {"gradcheck": "a step of finite differences may exchange rows"}
LOW = {"layout": "a repeated row gives a pivot of zero", "special": "as layout"}
NO_GRAD = "PyTorch has no derivative of it"

ROWS = rows(
    Row("linalg.lu_factor", (call(matrix(3, 3)), call(f(2, 4, 3)), call(f(2, 3, 4)), call(f(0, 0))), dtypes="inexact", rtol=LOOSE,
        wrong=(*NO_MATRICES, call(SINGULAR), call(EYE2, pivot=False)), host=ON_HOST, notes={**MANY_RESULTS, **LOW}),
    Row("linalg.lu_factor_ex", (call(matrix(3, 3)), call(f(2, 4, 3)), call(f(2, 3, 4)), call(f(0, 3))), dtypes="inexact", rtol=LOOSE,
        wrong=(*NO_MATRICES, call(SINGULAR, check_errors=True)), host=ON_HOST, notes={**MANY_RESULTS, **LOW}),
    Row("linalg.lu", (call(matrix(3, 3)), call(f(2, 4, 3)), call(f(2, 3, 4)), call(f(0, 3))), dtypes="inexact", rtol=LOOSE,
        wrong=(*NO_MATRICES, call(EYE2, pivot=False)), host=ON_HOST, notes={**MANY_RESULTS, **LOW}),
    Row("lu", (call(matrix(3, 3)), call(matrix(2, 2, 2), get_infos=True)), dtypes="inexact", rtol=LOOSE, host=ON_HOST,
        notes={**MANY_RESULTS, **LOW}),
    Row("lu_unpack", (
        call(matrix(3, 3), PIVOTS), call(f(3, 0), PIVOTS), call(f(4, 3), PIVOTS), call(f(2, 3, 4), np.stack([PIVOTS] * 2)),
        call(f(3, 3), PIVOTS, True, False)), dtypes="inexact", rtol=LOOSE, host=ON_HOST,
        wrong=(call(f(3, 3), np.array([1, 2, 3])), call(f(3, 3), exchanges(1, 2, 4)), call(f(3), PIVOTS)), notes=MANY_RESULTS),
    Row("linalg.lu_solve", (
        call(matrix(3, 3), PIVOTS, f(3, 2)), call(matrix(2, 3, 3), np.stack([PIVOTS] * 2), f(3, 2), adjoint=True),
        call(matrix(3, 3), PIVOTS, f(2, 3), left=False), call(matrix(3, 3), PIVOTS, f(2, 2, 3), left=False, adjoint=True)),
        dtypes="inexact", rtol=LOOSE, host=ON_HOST, wrong=(
            call(matrix(3, 3), PIVOTS, f(3)), call(matrix(3, 3), PIVOTS[:2], f(3, 2)), call(matrix(3, 3), PIVOTS, f(4, 2)),
            call(f(2, 3), PIVOTS, f(3, 2)), call(matrix(3, 3), np.array([1, 2, 3]), f(3, 2)))),
    Row("lu_solve", (call(f(3, 2), matrix(3, 3), PIVOTS),), dtypes="inexact", rtol=LOOSE, host=ON_HOST),
    Row("linalg.ldl_factor", (call(symmetric(3, 3)), call(symmetric(2, 5, 5))), dtypes="single", rtol=LOOSE,
        differentiable=False, host=ON_HOST, wrong=(*NO_MATRICES, call(f(2, 3))), notes=MANY_RESULTS),
    Row("linalg.ldl_factor_ex", (call(symmetric(3, 3)), call(symmetric(2, 5, 5), hermitian=True)), dtypes="single", rtol=LOOSE,
        differentiable=False, host=ON_HOST, wrong=(*NO_MATRICES, call(f(2, 3))), notes=MANY_RESULTS),
    Row("linalg.ldl_solve", (
        call(matrix(3, 3), exchanges(1, 3, 3), f(3, 2)), call(matrix(3, 3), exchanges(-3, -3, 3), f(2, 3, 2)),
        call(matrix(2, 2, 2), np.stack([exchanges(2, 2)] * 2), f(2, 1), hermitian=True)), dtypes="single", rtol=LOOSE,
        differentiable=False, host=ON_HOST, wrong=(
            call(matrix(3, 3), PIVOTS, f(3)), call(matrix(3, 3), PIVOTS[:2], f(3, 2)), call(matrix(3, 3), PIVOTS, f(4, 2)),
            call(matrix(3, 3), f(3), f(3, 2)))),
    Row("geqrf", (call(f(4, 3)), call(f(2, 2, 3)), call(f(3, 0))), dtypes="inexact", rtol=LOOSE, differentiable=False,
        wrong=NO_MATRICES, notes=MANY_RESULTS),
    Row("linalg.householder_product", (call(f(4, 3), f(3)), call(f(3, 3), f(2)), call(f(2, 3, 2), f(2, 2)), call(f(3, 2), f(0))),
        aliases=("orgqr",), dtypes="inexact", rtol=LOOSE,
        wrong=(call(f(2, 3), f(2)), call(f(3, 2), f(3)), call(f(2, 3, 2), f(2)), call(f(3), f(3)))),
    Row("ormqr", (
        call(f(4, 3), f(3), f(4, 2)), call(f(4, 3), f(3), f(4, 2), True, True), call(f(2, 3, 2), f(2, 2), f(2, 2, 3), False),
        call(f(3, 2), f(2), f(2, 3), False, True)), dtypes="inexact", rtol=LOOSE, wrong=(
            call(f(4, 3), f(3), f(3, 2)), call(f(4, 3), f(3), f(4)), call(f(2, 4, 3), f(3), f(4, 2)))),
    Row("triangular_solve", (
        call(f(3, 2), matrix(3, 3)), call(f(3, 2), matrix(3, 3), False, True), call(f(2, 3, 2), matrix(3, 3), True, False, True)),
        dtypes="inexact", rtol=LOOSE, wrong=(call(f(2, 2), matrix(3, 3)),), notes=MANY_RESULTS),
)  # fmt: skip
