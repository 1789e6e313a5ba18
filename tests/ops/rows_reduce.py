"""Rows of reductions, running reductions, sorting and products: ``reduce``, ``cumulative``, ``sort``, ``matmul``, ``einsum``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.row import Call, Dtype, Row, b, call, f, i, kink, rows, ties

NAN = float("nan")
HOLED = np.array([[NAN, 1.5, -2.0], [0.3, NAN, 4.0]])

# -- reductions --------------------------------------------------------------------------------------------------------

NO_SUCH_DIM = (call(f(2, 3), 2), call(f(2, 3), -3))


def along(*extra: Call, many: bool = True, empty: bool = True, whole: bool = True, named: Any = None) -> tuple[Call, ...]:
    """Calls over all elements, one dim, several dims, with and without keepdim, on 0-d and empty tensors."""
    kwargs = named or {}
    return (
        *((call(f(2, 3), **kwargs), call(f(), **kwargs)) if whole else ()),
        call(f(2, 3), 1, **kwargs), call(f(2, 3, 2), -2, **kwargs), call(f(2, 3), 0, keepdim=True, **kwargs),
        call(f(), 0, **kwargs),
        *((call(f(2, 3, 2), (0, 2), **kwargs), call(f(2, 3, 2), [-1, 0], keepdim=True, **kwargs)) if many else ()),
        *((call(f(2, 0), 0, **kwargs), call(f(2, 0, 3), 1, **kwargs)) if empty else ()), *extra,
    )  # fmt: skip


def axis(function: Any) -> Any:
    """Return NumPy's function with PyTorch's parameter names."""
    return lambda x, dim=None, keepdim=False: function(x, axis=tuple(dim) if isinstance(dim, list) else dim, keepdims=keepdim)


REPEATED = call(f(2, 3), (0, 0))
NANS = "checks for NaN"
REDUCTIONS = rows(
    Row("sum", along(kink(f(2, 3), dtype=Dtype("float32")), call(i(2, 3)), call(b(2, 3), 1)), wrong=(*NO_SUCH_DIM, REPEATED)),
    Row("nansum", along(kink(HOLED), kink(HOLED, 1)), numpy=axis(np.nansum), wrong=NO_SUCH_DIM, dtypes="real"),
    Row("mean", along(kink(f(2, 3), dtype=Dtype("float32")), empty=False), wrong=(*NO_SUCH_DIM, REPEATED, call(i(3)))),
    Row("nanmean", along(kink(HOLED), kink(HOLED, 1), empty=False), numpy=axis(np.nanmean), wrong=NO_SUCH_DIM,
        dtypes="float"),
    Row("var", (
        call(f(2, 3)), call(f(2, 3), 1), call(f(2, 3, 2), (0, 2)), call(f(2, 3), 0, keepdim=True), call(f(2, 3), False),
        call(f(2, 3), 1, False), call(f(2, 3), 1, correction=0), call(f(2, 4), correction=2)), wrong=NO_SUCH_DIM,
        dtypes="inexact"),
    Row("std", (
        call(f(2, 3)), call(f(2, 3), 1), call(f(2, 3, 2), (0, 2)), call(f(2, 3), 0, keepdim=True), call(f(2, 3), False),
        call(f(2, 3), 1, correction=0), kink(np.ones((2, 3)), 1)), wrong=NO_SUCH_DIM, dtypes="inexact"),
    Row("var_mean", (call(f(2, 3)), call(f(2, 3), 1), call(f(2, 3), 0, keepdim=True), call(f(2, 3), 1, correction=0)),
        out=False, dtypes="inexact"),
    Row("std_mean", (call(f(2, 3)), call(f(2, 3), 1), call(f(2, 3), 0, keepdim=True), call(f(2, 3), 1, correction=0)),
        out=False, dtypes="inexact"),
    Row("prod", host="its gradient checks for zeros", calls=(
        *along(many=False), kink(f(2, 3), dtype=Dtype("float32")), call(i(2, 3, low=1)), call(b(2, 3), 1),
        call(np.array([[0.0, 1.3, 0.7], [0.0, 0.0, 2.2]]), 1), call(np.array([0.0, 1.3, 0.7]))), wrong=NO_SUCH_DIM),
    Row("amax", host=NANS, calls=along(kink(ties(3, 4), 1), kink(ties(3, 4)), empty=False), numpy=axis(np.amax), dtypes="real",
        wrong=(*NO_SUCH_DIM, call(f(2, 0), 1))),
    Row("amin", host=NANS, calls=along(kink(ties(3, 4), 1), kink(ties(3, 4)), empty=False), numpy=axis(np.amin), dtypes="real",
        wrong=(*NO_SUCH_DIM, call(f(2, 0), 1))),
    Row("aminmax", host=NANS, calls=(call(f(2, 3)), call(f(2, 3), dim=1), call(f(2, 3), dim=0, keepdim=True), kink(ties(3, 4), dim=1)),
        out=False, dtypes="real", wrong=(call(f(2, 0)), call(f(2, 3), dim=2))),
    Row("max", host=NANS, calls=(*along(many=False, empty=False), call(f(2, 3), f(3, seed=1)), kink(ties(3, 4)), kink(ties(3, 4), 1)),
        dtypes="real", out=False, wrong=(*NO_SUCH_DIM, call(f(0)), call(f(2, 0), 1)),
        notes={"names": "three signatures"}),
    Row("min", host=NANS, calls=(*along(many=False, empty=False), call(f(2, 3), f(3, seed=1)), kink(ties(3, 4)), kink(ties(3, 4), 1)),
        dtypes="real", out=False, wrong=(*NO_SUCH_DIM, call(f(0)), call(f(2, 0), 1)),
        notes={"names": "three signatures"}),
    Row("median", host=NANS, calls=(*along(many=False, empty=False), call(f(2, 4), 1), kink(np.array([[1.0, NAN, 2.0], [3.0, 1.0, 2.0]]), 1)),
        dtypes="single", out=False, wrong=(*NO_SUCH_DIM, call(f(2, 0), 1))),
    (Row(name, (*along(many=False, empty=False), call(ties(3, 4), 1), call(HOLED), call(HOLED, 0)), differentiable=False,
         dtypes="single", wrong=(*NO_SUCH_DIM, call(f(0)), call(f(2, 0), 1)))
     for name in ("argmax", "argmin")),
    (Row(name, (
        call(b(2, 3)), call(b(2, 3), 1), call(b(2, 3, 2), (0, 2)), call(b(2, 3), 0, keepdim=True), call(ties(2, 3), 1),
        call(b()), call(b(2, 0), 1), call(b(0))), differentiable=False, numpy=axis(getattr(np, name)), wrong=NO_SUCH_DIM)
     for name in ("all", "any")),
    Row("count_nonzero", (call(ties(2, 3)), call(ties(2, 3), 1), call(ties(2, 3, 2), (0, 2)), call(b(2, 0))),
        differentiable=False, out=False, numpy=lambda x, dim=None: np.count_nonzero(x, axis=dim)),
    Row("logsumexp", (*along(whole=False), kink(np.array([[-np.inf, 0.0], [-np.inf, -np.inf]]), 1)), dtypes="single",
        wrong=NO_SUCH_DIM),
    Row("norm", host=NANS, calls=(
        call(f(2, 3)), call(f(2, 3), 1), call(f(2, 3), 2, 1), call(f(2, 3), 3.0, (0, 1)), call(f(2, 3), float("inf"), 1),
        call(f(2, 3), 0, 1), call(f(2, 3), "fro", (0, 1)), call(f(2, 3), 2, 1, True), kink(np.zeros((2, 2)))),
        dtypes="single", out=False),
    Row("dist", (call(f(2, 3), f(2, 3, seed=1)), call(f(2, 3), f(3, seed=1), 1), call(f(2, 3), f(2, 3, seed=1), 3.0),
        kink(f(2, 3), f(2, 3))), dtypes="single", out=False),
)  # fmt: skip

RUNNING = (call(f(2, 3), 0), call(f(2, 3), 1), call(f(2, 3, 2), -2), call(f(), 0), call(f(2, 0), 1))
CUMULATIVE = rows(
    Row("cumsum", (*RUNNING, call(i(4), 0), call(b(4), 0)), wrong=NO_SUCH_DIM,
        numpy=lambda x, dim, dtype=None: np.cumsum(x, dim) if x.ndim else x),
    Row("cumprod", host="its gradient checks for zeros", calls=(*RUNNING, call(np.array([1.5, 0.0, 0.7, 0.0, 1.1]), 0), call(np.array([0.0, 1.3, 0.4]), 0)),
        wrong=NO_SUCH_DIM),
    Row("cummax", host=NANS, calls=(*RUNNING[:-1], kink(ties(8), 0)), out=False, dtypes="real", wrong=NO_SUCH_DIM),
    Row("cummin", host=NANS, calls=(*RUNNING[:-1], kink(ties(8), 0)), out=False, dtypes="real", wrong=NO_SUCH_DIM),
    Row("logcumsumexp", RUNNING, dtypes="inexact", wrong=NO_SUCH_DIM),
)  # fmt: skip

SORTING = rows(
    Row("sort", (call(f(2, 4)), call(f(2, 4), 0), call(f(2, 4), -1, True), call(f()), call(f(2, 0)),
                 kink(np.array([1.0, NAN, -1.0, 2.0]))), dtypes="real", out=False, wrong=NO_SUCH_DIM),
    Row("argsort", (call(f(2, 4)), call(f(2, 4), 0), call(f(2, 4), -1, True), call(ties(2, 5), stable=True), call(f())),
        differentiable=False, dtypes="none", out=False, wrong=NO_SUCH_DIM),
    Row("msort", (call(f(4, 2)), call(f(5))), dtypes="real"),
    Row("topk", (call(f(2, 5), 2), call(f(5, 2), 3, 0), call(f(2, 5), 2, largest=False), call(f(2, 5), 5), call(f(), 1)),
        dtypes="none", out=False, wrong=(call(f(3), 4), call(f(3), -1), call(f(3), 1, 1))),
    Row("kthvalue", (call(f(2, 5), 2), call(f(5, 2), 3, 0), call(f(2, 5), 5, 1, True), call(f(), 1)), dtypes="none",
        out=False, wrong=(call(f(3), 4), call(f(3), 0))),
    Row("searchsorted", (
        call(np.array([1.0, 3.0, 5.0]), f(2, 3, low=0, high=6)), call(np.array([1.0, 3.0, 5.0]), np.array([1.0, 3.0]), right=True),
        call(np.sort(f(2, 4), 1), f(2, 3, seed=1)), call(np.array([1, 3, 5]), 4), call(np.array([1, 3]), i(3), out_int32=True)),
        differentiable=False, dtypes="none", out=True),
    Row("bucketize", (
        call(f(2, 3, low=0, high=6), np.array([1.0, 3.0, 5.0])), call(np.array([1.0, 3.0]), np.array([1.0, 3.0]), right=True)),
        differentiable=False, dtypes="none"),
)  # fmt: skip

# -- products ----------------------------------------------------------------------------------------------------------

PRODUCTS = rows(
    Row("matmul", tuple([call(f(*x), f(*y, seed=1)) for x, y in (
        ((2, 3), (3, 2)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 2, 3), (3, 2)), ((2, 2, 3), (2, 3, 1)),
        ((2, 1, 2, 3), (2, 3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)))]),
        numpy=np.matmul, wrong=(call(f(2, 3), f(2, 3)), call(f(), f(2)), call(f(2), f(3)), call(f(2, 2, 3), f(3, 3, 2)),
                                call(f(2, 2), i(2, 2))), rtol=4e-6),
    Row("mm", (call(f(2, 3), f(3, 2, seed=1)), call(f(2, 0), f(0, 3))), numpy=np.matmul,
        wrong=(call(f(2, 3), f(2, 3)), call(f(3), f(3)), call(f(1, 2, 3), f(3, 2))), rtol=4e-6),
    Row("bmm", (call(f(2, 2, 3), f(2, 3, 2, seed=1)),), numpy=np.matmul, wrong=(call(f(2, 2, 3), f(3, 3, 2)), call(f(2, 3), f(3, 2))),
        rtol=4e-6),
    Row("mv", (call(f(2, 3), f(3, seed=1)),), numpy=np.matmul, wrong=(call(f(2, 3), f(2)), call(f(3), f(3))), rtol=4e-6),
    Row("dot", (call(f(3), f(3, seed=1)), call(f(0), f(0))), numpy=np.dot, wrong=(call(f(2), f(3)), call(f(2, 2), f(2, 2))),
        rtol=4e-6),
    Row("vdot", (call(f(3), f(3, seed=1)),), numpy=np.vdot, wrong=(call(f(2), f(3)),), rtol=4e-6),
    Row("outer", (call(f(3), f(2, seed=1)),), numpy=np.outer, aliases=("ger",), wrong=(call(f(2, 2), f(3)),)),
    Row("inner", (call(f(2, 3), f(2, 3, seed=1)), call(f(3), f(3, seed=1)), call(f(), f(2))), numpy=np.inner,
        wrong=(call(f(2, 3), f(2)),), rtol=4e-6),
    Row("addmm", (call(f(2, 2), f(2, 3), f(3, 2, seed=1)), call(f(2), f(2, 3), f(3, 2, seed=1), beta=0.5, alpha=2.0)),
        wrong=(call(f(2, 2), f(2, 3), f(2, 3)),), rtol=4e-6),
    Row("addmv", (call(f(2), f(2, 3), f(3, seed=1)), call(f(1), f(2, 3), f(3, seed=1), beta=0.5, alpha=2.0)), rtol=4e-6),
    Row("addr", (call(f(2, 3), f(2, seed=1), f(3, seed=2)), call(f(3), f(2, seed=1), f(3, seed=2), beta=0.5, alpha=2.0))),
    Row("baddbmm", (call(f(2, 2, 2), f(2, 2, 3), f(2, 3, 2, seed=1)), call(f(2), f(2, 2, 3), f(2, 3, 2, seed=1), alpha=0.5)),
        rtol=4e-6),
    Row("addbmm", (call(f(2, 2), f(2, 2, 3), f(2, 3, 2, seed=1)),), rtol=4e-6),
    Row("tensordot", (
        call(f(2, 3), f(2, 3, seed=1)), call(f(2, 3), f(3, 2, seed=1), 1), call(f(2, 3, 2), f(3, 2, seed=1), ([1, 0], [0, 1])),
        call(f(2), f(3, seed=1), 0)), numpy=np.tensordot, rtol=4e-6),
    Row("kron", (call(f(2, 2), f(2, 3, seed=1)), call(f(2), f(3, seed=1))), numpy=np.kron),
    Row("chain_matmul", (call(f(2, 3), f(3, 2, seed=1), f(2, 2, seed=2)),), rtol=4e-6,
        notes={"torch": "deprecated there", "strides": "deprecated there", "dtypes": "deprecated there",
               "gradient": "deprecated there"}),
    Row("trace", (call(f(2, 3)), call(f(3, 3)), call(i(2, 2))), numpy=np.trace, out=False, wrong=(call(f(3)),)),
    Row("cross", (call(f(2, 3), f(2, 3, seed=1), dim=1), call(f(3, 2), f(3, 2, seed=1), dim=0), call(f(3), f(3, seed=1), dim=-1)),
        wrong=(call(f(2), f(2), dim=0),)),
    Row("einsum", (
        call("ij,jk->ik", f(2, 3), f(3, 2, seed=1)), call("ii->i", f(3, 3)), call("ij->", f(2, 3)), call("i,j", f(2), f(3, seed=1)),
        call("bij,bjk->bik", f(2, 2, 3), f(2, 3, 2, seed=1)), call("...i,...i->...", f(2, 3), f(3, seed=1)),
        call("ij,jk,kl->il", f(2, 2), f(2, 3, seed=1), f(3, 2, seed=2)), call("ij->ji", f(2, 3))),
        numpy=np.einsum, out=False, may_share=True, rtol=4e-6, strides=False, host="",
        wrong=(call("ij,jk", f(2, 3), f(2, 3)), call("ij", f(3)), call("i->j", f(3)))),
)  # fmt: skip

ROWS = rows(REDUCTIONS, CUMULATIVE, SORTING, PRODUCTS)
