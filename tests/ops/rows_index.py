"""Rows of indexing and masks: ``index``, ``scatter``, ``masks``."""

from __future__ import annotations

import numpy as np

from ops.row import Row, b, call, f, i, kink, rows, ties

AT = np.array([2, 0, 2])
ORDERED = {"complex": "complex numbers have no order"}
INDICES = rows(
    Row("Tensor.__getitem__", tuple([call(f(3, 4), index) for index in (
        AT, [2, 0], (AT, np.array([1, 1, -1])), (slice(None), AT), (AT, slice(1, 3)), b(3), b(3, 4), (slice(None), b(4)),
        (np.array([[0], [2]]), np.array([1, 3])), (Ellipsis, AT), (AT, None), (0, AT), np.array([-1]), np.zeros(0, "int64"))]),
        out=False, host="a mask's count must be known on the host", label="with picks", names=False,
        wrong=tuple([call(f(3, 4), index) for index in (np.array([3]), np.array([-4]), b(4), f(2), (AT, np.array([0, 1])))])),
    Row("index_select", host="indices are checked", calls=(call(f(3, 4), 0, AT), call(f(3, 4), 1, np.array([0])), call(f(), 0, np.array([0])), call(f(3), 0, np.zeros(0, "int64"))),
        out=False, wrong=(call(f(3), 0, np.array([3])), call(f(3), 1, AT), call(f(3), 0, f(2)), call(f(3), 0, i(2, 2)))),
    Row("gather", (call(f(3, 4), 0, i(2, 4, high=3)), call(f(3, 4), 1, i(3, 2, high=4)), call(f(3), 0, i(5, high=3)), call(f(), 0, np.array(0)),
        call(f(), 0, np.array([0, 0])), call(f(3), 0, np.array(2))),
        out=False, notes={"host": "bounds"}, host="indices are checked",
        wrong=(call(f(3), 0, np.array([3])), call(f(3, 4), 0, AT), call(f(3), 1, AT), call(f(3), 0, f(2)))),
    Row("take_along_dim", (call(f(3, 4), i(3, 1, high=4), 1), call(f(3, 4), i(1, 4, high=3), 0), call(f(3, 4), i(5))), out=False,
        host="indices are checked"),
    Row("take", (call(f(3, 4), AT), call(f(3, 4), i(2, 2, high=12))), out=False, wrong=(call(f(3), np.array([3])),),
        host="indices are checked"),
    Row("index_add", (call(f(3, 4), 0, AT, f(3, 4, seed=1)), call(f(3, 4), 1, np.array([1, 1]), f(3, 2, seed=1), alpha=0.5),
        call(f(), 0, np.array([0]), f(seed=1)), call(f(2, 3, 2), 1, np.array([2, 0, 2, 1]), f(2, 4, 2, seed=1))),
        out=False, host="indices are checked", wrong=(call(f(3), 0, np.array([3]), f(1)), call(f(3), 0, AT, f(2)))),
    Row("index_copy", (call(f(3, 4), 0, np.array([2, 0]), f(2, 4, seed=1)), call(f(), 0, np.array(0), f(seed=1))), out=False, host="indices are checked",
        wrong=(call(f(3), 0, np.array([3]), f(1)), call(f(3), 0, AT, f(2)))),
    Row("index_fill", (call(f(3, 4), 0, np.array([2, 0]), 1.5), call(f(3, 4), 1, np.array([3, 1]), f()), call(f(3, 4), 0, np.array([-1, 2]), 2.5),
        call(f(), 0, np.array([0]), 2.5)), out=False, host="indices are checked",
        wrong=(call(f(3), 0, np.array([3]), 1.0), call(f(3), 0, AT, f(2)))),
    Row("index_put", (
        call(f(3, 4), (np.array([2, 0]),), f(2, 4, seed=1)), kink(f(3, 4), (AT, AT), f(seed=1)), call(f(3, 4), (b(3),), f(4, seed=1)),
        call(f(3, 4), (AT, np.array([1, 3, 1])), f(3, seed=1), True)), out=False, host="indices are checked", dtypes="none"),
    Row("scatter", (
        call(f(3, 4), 0, np.array([[2, 0, 1, 1]]), f(1, 4, seed=1)), call(f(3, 4), 1, np.array([[1], [0]]), f(2, 1, seed=1)),
        call(f(3, 4), 0, np.array([[2, 0, 1, 1]]), 1.5), call(f(), 0, np.array([0]), f(1, seed=1))), out=False, host="indices are checked",
        wrong=(call(f(3), 0, np.array([3]), f(1)), call(f(3), 1, AT, f(3)), call(f(3), 0, i(5, high=3), f(2)))),
    Row("scatter_add", (call(f(3, 4), 0, i(2, 4, high=3), f(2, 4, seed=1)), call(f(3, 4), 1, i(3, 5, high=4), f(3, 5, seed=1))),
        out=False, host="indices are checked", wrong=(call(f(3), 0, np.array([3]), f(1)), call(f(3), 1, AT, f(3)))),
    Row("scatter", (
        kink(f(3, 4), 0, np.array([[2, 0, 1, 1]]), f(1, 4, seed=1), reduce="multiply"), kink(f(3, 4), 0, i(2, 4, high=3), 1.5, reduce="multiply"),
        kink(f(3, 4), 0, i(5, 4, high=3), f(5, 4, seed=1), reduce="add"), kink(f(3), 0, np.array([1, 1]), 1.5, reduce="add")), out=False,
        host="indices are checked", label="with reduce", wrong=(call(f(3), 0, np.array([1]), 1.5, reduce="mean"),), names=False,
        notes={"gradient": "PyTorch has none", "gradcheck": "no smooth call", "gradgradcheck": "no smooth call", "complex": "no smooth call"}),
    (Row("scatter_reduce", (
        call(f(3, 4), 0, i(2, 4, high=3), f(2, 4, seed=1), reduce), call(f(3, 4), 1, i(3, 5, high=4), f(3, 5, seed=1), reduce, include_self=False),
        call(f(2), 0, np.array([1, 1, 1]), f(3, seed=1), reduce), kink(ties(3), 0, i(8, high=3), ties(8, seed=1), reduce),
        kink(ties(3), 0, i(8, high=3), ties(8, seed=1), reduce, include_self=False)),
        out=False, host="indices are checked", label=reduce, dtypes="real" if reduce[0] == "a" else "all",
        notes=ORDERED if reduce[0] == "a" else {},
        wrong=(call(f(3), 0, np.array([3]), f(1), reduce), call(f(3), 0, np.array([1]), f(1), "median"), call(f(3), 0, i(5, high=3), f(2), reduce)))
     for reduce in ("sum", "prod", "mean", "amax", "amin")),
    (Row("index_reduce", (
        kink(f(3, 4), 0, AT, f(3, 4, seed=1), reduce), kink(f(3, 4), 1, np.array([1, 1]), f(3, 2, seed=1), reduce, include_self=False),
        kink(f(), 0, np.array([0]), f(seed=1), reduce)),
        out=False, host="indices are checked", label=reduce, dtypes="real", notes=ORDERED | {"gradcheck": "as scatter_reduce"},
        wrong=(call(f(3), 0, np.array([3]), f(1), reduce), call(f(3), 0, np.array([1]), f(1), "sum"), call(f(3), 0, AT, f(2), reduce)))
     for reduce in ("prod", "mean", "amax", "amin")),
    Row("put", (call(f(3, 4), AT, f(3, seed=1), True), call(f(3, 4), np.array([[0, -1]]), f(1, 2, seed=1)), call(f(), np.array([0]), f(1, seed=1))),
        out=False, host="indices are checked", wrong=(
            call(f(3), np.array([3]), f(1)), call(f(3), AT, f(2)), call(f(3), f(1), f(1)), call(f(3), np.array([1]), i(1)))),
    Row("unravel_index", host="divisors are checked", calls=(call(i(2, 3, high=12), (3, 4)), call(i(3, high=5), 5), call(np.array(7), (2, 2, 2))), out=False, differentiable=False,
        dtypes="none", wrong=(call(f(2), (2, 3)), call(i(2), (-1, 3)), call(i(2), "a"))),
    Row("masked_fill", (call(f(2, 3), b(2, 3), 1.5), call(f(2, 3), b(3), 0), call(f(2, 3), b(2, 1), f())), out=False,
        wrong=(call(f(3), f(3), 1.0), call(f(3), b(2), 1.0), call(f(3), b(3), f(2)), call(f(3), b(3), 1j),
                                          call(i(2), b(2), np.array(1j)))),
    Row("masked_select", (call(f(2, 3), b(2, 3)), call(f(2, 3), b(3)), call(f(3), b(2, 1))), out=False,
        host="the result's size must be known on the host", wrong=(call(f(3), f(3)), call(f(3), b(2)))),
    Row("masked_scatter", (call(f(2, 3), b(2, 3), f(6, seed=1)), call(f(2, 3), b(3), f(6, seed=1))), out=False,
        host="counts the mask", wrong=(call(f(3), np.ones(3, bool), f(2)), call(f(3), f(3), f(3)), call(f(3), b(3), i(3)))),
    Row("argwhere", calls=(call(b(2, 3)), call(b()), call(b(0, 2))), differentiable=False, out=False, host="the result's size", dtypes="all"),
    Row("nonzero", (call(b(2, 3)), call(b(2, 3), as_tuple=True), call(b()), call(b(3))), out=False, differentiable=False,
        host="the result's size"),
    Row("nn.functional.embedding_bag", (
        call(i(5, high=4), f(4, 2), np.array([0, 2]), mode="sum"), call(i(5, high=4), f(4, 2), np.array([0, 0, 3])),
        call(i(2, 3, high=4), f(4, 2), mode="max"), call(i(2, 3, high=4), f(4, 2), padding_idx=1),
        call(i(5, high=4), f(4, 2), np.array([0, 2, 5]), include_last_offset=True, mode="max", padding_idx=-1),
        call(i(2, 3, high=4), f(4, 2), mode="sum", per_sample_weights=f(2, 3, seed=1)),
        call(i(4, high=4), f(4, 2), np.array([0, 1]), mode="sum", per_sample_weights=f(4, seed=1), padding_idx=2),
        kink(i(2, 3, high=4), f(4, 2), scale_grad_by_freq=True), kink(i(2, 3, high=4), ties(4, 2), mode="max")),
        out=False, inplace=False, dtypes="single", host="numbers and offsets are checked", twice=False, wrong=(
            call(i(3), f(4, 2)), call(i(2, 3, high=4), f(4, 2), np.array([0])), call(i(3, high=4), f(4, 2), np.array([0]), mode="most"),
            call(i(3, high=4), f(4, 2), np.array([1])), call(i(3, high=4), f(4, 2), np.array([0, 4])),
            call(i(2, 3, high=4), f(4, 2), per_sample_weights=f(2, 3)), call(np.array([[4]]), f(4, 2)))),
    Row("nonzero_static", (call(b(2, 3), size=2), call(b(2, 3), size=9), call(b(2, 3), size=8, fill_value=7), call(b(3), size=0)),
        differentiable=False, host="the result's size", wrong=(call(b(3), size=-1),), dtypes="all",
        notes={"out": "casts nothing"}, out=False),
)  # fmt: skip

ROWS = INDICES
