"""Rows of quantiles, counts and integrals: ``quantile``, ``counting``, ``integrate``."""

from __future__ import annotations

import numpy as np

from ops.row import Row, b, call, f, i, kink, rows, ties

NAN = float("nan")
HOLED = np.array([[NAN, 1.5, -2.0, 0.7], [0.3, NAN, 4.0, NAN]])
EMPTY = np.full((2, 3), NAN)
NANS = "checks for NaN"
NO_SUCH_DIM = (call(f(2, 3), 2), call(f(2, 3), -3))
CHOSEN = (
    call(f(2, 3), 1), call(f(2, 4), 0), call(f(2, 3, 2), -2), call(f(2, 3), 0, keepdim=True), call(f(), 0), call(f(2, 5), 1),
)  # fmt: skip

# -- quantiles ---------------------------------------------------------------------------------------------------------

SHARES = np.array([0.13, 0.45, 0.91])
QUANTILES = (
    call(f(2, 3), 0.3), call(f(2, 5), 0.3, 1), call(f(2, 5), SHARES), call(f(2, 5), SHARES, 1), call(f(5, 2), SHARES, 0, True),
    call(f(2, 5), SHARES, keepdim=True), call(f(2, 5), 0.5, -1, True), call(f(), 0.5), call(f(), SHARES, 0), call(f(2, 5), np.array(0.3), 1),
    *[kink(f(2, 5), SHARES, 1, interpolation=way) for way in ("linear", "lower", "higher", "midpoint", "nearest")],
    kink(HOLED, SHARES, 1), kink(HOLED, 0.5), kink(f(7), 1), kink(f(7), np.zeros(0)),
)  # fmt: skip
WRONG_SHARES = (
    call(f(3), 1.5), call(f(3), -0.1), call(f(3), np.array([0.5, 1.5])), call(f(3), np.array([[0.5]])), call(i(3), 0.5), call(f(0), 0.5),
    call(f(2, 0), 0.5, 0), call(f(3), 0.5, 1), call(f(3), 0.5, interpolation="cubic"), call(f(3), np.array([0.5], "float32")),
    call(f(3), "half"), call(f(3).astype("float16"), 0.5),
)  # fmt: skip
RANKS = rows(
    Row("quantile", QUANTILES, dtypes="single", wrong=WRONG_SHARES, host="checks that q is in [0, 1]",
        numpy=lambda x, q, dim=None, keepdim=False, interpolation="linear":
            np.quantile(x, q, axis=dim if x.ndim else None, keepdims=keepdim, method=interpolation)),
    Row("nanquantile", (*QUANTILES, kink(EMPTY, SHARES, 1)), dtypes="single", wrong=WRONG_SHARES, host="checks that q is in [0, 1]"),
    Row("nanmedian", host=NANS, calls=(
        *CHOSEN, call(f(2, 3)), call(f()), kink(HOLED), kink(HOLED, 1), kink(HOLED, 0), kink(EMPTY, 1), kink(EMPTY), kink(ties(2, 5))),
        dtypes="single", out=False, wrong=(*NO_SUCH_DIM, call(f(2, 0), 1), call(b(3)))),
    Row("mode", (*CHOSEN, call(f(2, 3)), kink(ties(3, 7), 1), kink(ties(7)), kink(i(2, 9), 1), kink(b(5))), dtypes="real", out=False,
        wrong=(*NO_SUCH_DIM, call(f(2, 0), 1), call(f(0)), call(f(3) * 1j))),
)  # fmt: skip

# -- counts ------------------------------------------------------------------------------------------------------------

SIZE = "the result's size must be known on the host"
EDGES = np.array([-1.5, 0.0, 0.25, 1.5])
COUNTS = rows(
    Row("unique", (
        call(i(3, 4)), call(i(7), return_inverse=True), call(i(7), return_counts=True), call(ties(5)), call(b(4)),
        call(i(7), True, True, True), call(i(4, 2, high=2), dim=0), call(i(0)), call(i(0), True, True, True), call(HOLED, True, True, True),
        call(i(2, 4, 3, high=2), True, True, True, 1), call(np.array([0.0, -0.0, 1.0]), True, True, True)), differentiable=False,
        out=False, dtypes="none", host=SIZE, wrong=(call(i(2, 0), dim=0), call(i(2), dim=1), call(np.array(3), dim=0))),
    Row("unique_consecutive", (
        call(i(9, high=2)), call(i(3, 4, high=2), return_inverse=True), call(i(9, high=2), return_counts=True), call(i(9, high=2), True, True),
        call(i(5, 2, high=2), True, True, 0), call(i(2, 6, high=2), dim=1), call(b(6)), call(ties(6)), call(i(0), True, True),
        call(np.array(3), True, True), call(HOLED)), differentiable=False, out=False, dtypes="none", host=SIZE,
        notes={"gradient": "PyTorch marks float results as differentiable, but has no gradient"},
        wrong=(call(i(2, 0), dim=0), call(i(2), dim=1), call(np.array(3), dim=0))),
    Row("bincount", (
        call(i(9)), call(i(9), minlength=8), call(i(0)), call(i(0), minlength=3), call(i(9), i(9, seed=1)),
        call(i(9, dtype="uint8")), call(i(9, dtype="int32"), minlength=2), call(i(4), f(4).astype("float32"), 7)), differentiable=False,
        out=False, dtypes="none", host=SIZE, numpy=lambda x, w=None, minlength=0: np.bincount(x, w, minlength),
        notes={"gradient": "PyTorch marks a sum of weights as differentiable, but has no gradient"},
        wrong=(call(i(2, 2)), call(np.array([1, -1])), call(f(3)), call(b(3)), call(i(3), f(2)), call(i(3), minlength=-1))),
    Row("histc", (
        call(f(20), 5), call(f(4, 5), 4, -1, 1), call(f(20), bins=3, min=-1.5, max=1.5), call(np.ones(3), 3), call(f(0), 3),
        call(ties(9), 4, 2, 2), kink(HOLED, 4, 0, 3)), differentiable=False, dtypes="none", host=SIZE,
        wrong=(call(f(3), 0), call(f(3), 4, 3, 1), call(HOLED, 4), call(i(3), 4), call(f(3), 4, 0, float("inf")))),
    Row("histogram", (
        call(f(20), 5), call(f(4, 5), 4, range=(-1.0, 1.0)), call(f(20), EDGES), call(f(20), EDGES, weight=f(20, low=0, seed=1)),
        call(f(20), 3, density=True), call(f(20), EDGES, density=True), call(np.ones(3), 2), call(f(0), 2)), differentiable=False, out=False,
        constants=(1,), dtypes="none", host=SIZE,
        wrong=(call(f(3), 0), call(f(3), 4, range=(3.0, 1.0)), call(i(3), 4), call(f(3), f(2, 2)), call(f(3), EDGES.astype("float32")),
               call(f(3), 4, weight=f(2)))),
    Row("histogramdd", (
        call(f(9, 2), [3, 2]), call(f(9, 2), 3), call(f(3, 3, 2), [EDGES, np.array([-2.0, 0.0, 2.0])]),
        call(f(9, 2), [3, 2], range=[-1.0, 1.0, -1.5, 2.0]), call(f(9, 2), [2, 2], weight=f(9, low=0, seed=1), density=True)),
        differentiable=False, out=False, dtypes="none", host=SIZE, may_share=True,
        notes={"gradient": "edges are not inputs", "strides": "PyTorch's layout follows from how it counts"},
        wrong=(call(f(9), [3]), call(f(9, 2), [3]), call(f(9, 2), [3, 0]), call(f(9, 2), [3, 2], range=[0.0, 1.0]))),
)  # fmt: skip

# -- integrals ---------------------------------------------------------------------------------------------------------

PLACES = np.array([0.2, 0.9, 1.1, 2.3])
AREAS = (
    call(f(4)), call(f(2, 4)), call(f(2, 4), dx=0.7), call(f(2, 4), dim=0), call(f(2, 4), PLACES), call(f(4, 2), PLACES, dim=0),
    call(f(2, 4), f(2, 4, seed=1)), call(f(3, 2, 4), f(2, 4, seed=1)), call(f(2, 1)), call(i(2, 0)), call(i(5)), call(i(5), dx=2),
    call(i(4), i(4, seed=1)), call(i(2, 0, 3), dim=1),
)  # fmt: skip
WRONG_AREAS = (
    call(f()), call(f(3), dim=1), call(f(3), f(4)), call(b(3)), call(f(3), b(3)), call(f(3), f(3), dx=1.0), call(f(3), 2.0),
)  # fmt: skip
INTEGRALS = rows(
    Row("trapezoid", AREAS, aliases=("trapz",), out=False, dtypes="numbers", wrong=WRONG_AREAS, rtol=2e-6,
        numpy=lambda y, x=None, dx=1.0, dim=-1: np.trapezoid(y, x, dx, dim)),
    Row("cumulative_trapezoid", (*AREAS[:8], *AREAS[10:13]), out=False, dtypes="numbers", wrong=WRONG_AREAS, rtol=2e-6),
    Row("gradient", (
        call(f(4)), call(f(3, 4)), call(f(3, 4), dim=1), call(f(3, 4), spacing=0.5), call(f(3, 4), spacing=[0.5, 2.0]),
        call(f(3, 4), spacing=[f(3, seed=1), PLACES]), call(f(4, 2), spacing=[PLACES], dim=0), call(f(4, 2), spacing=[0.3], dim=[0]),
        call(f(3, 4), edge_order=2), call(f(3, 4), spacing=[np.array([0.2, 0.7, 1.9]), PLACES], edge_order=2), call(f(2)),
        call(f(3, 4), spacing=0.5, dim=[1, 0], edge_order=2)), out=False, dtypes="numbers", rtol=4e-6,
        wrong=(call(f(1)), call(f(2), edge_order=2), call(f(4), edge_order=3), call(f(3, 4), spacing=[1.0, 2.0, 3.0]),
               call(f(3, 4), dim=[0, 0]), call(f(3, 4), dim=2), call(f(3, 4), spacing=[1.0], dim=[0, 1]))),
    Row("diff", (
        call(f(2, 4)), call(f(2, 4), 2), call(f(2, 4), 1, 0), call(f(2, 4), prepend=f(2, 1), append=f(2, 2, seed=1)),
        call(b(4)), call(f(3), 5), call(f(3), 0), call(f(3), 0, prepend=f(2))), wrong=(call(f()), call(f(3), -1))),
)  # fmt: skip

ROWS = rows(RANKS, COUNTS, INTEGRALS)
