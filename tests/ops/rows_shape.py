"""Rows of shapes, joins and copies: ``shape``, ``join``, ``triangle``, ``assemble``, ``cast``, ``creation``, ``random``."""

from __future__ import annotations

import numpy as np

from ops.row import Call, Dtype, Row, call, f, i, kink, one, rows

# -- views -------------------------------------------------------------------------------------------------------------


def view(name: str, *calls: Call, wrong: tuple[Call, ...] = (), **facts: object) -> Row:
    return Row(name, calls, view=True, out=False, inplace=False, wrong=wrong, **facts)  # type: ignore[arg-type]


STRICT = {"layout": "refuses a view that would need a copy"}
ATLEAST = ("atleast_1d", "atleast_2d", "atleast_3d")
OVERLOADED = {"names": "one set of names here, one per signature in PyTorch"}
VIEWS = rows(
    view("Tensor.view", call(f(2, 3), 3, 2), call(f(2, 3), -1), call(f(2, 3), (3, -1)), call(f(), 1, 1), call(f(2, 0), 0, 5), notes=STRICT,
         wrong=(call(f(2, 3), 4), call(f(2, 3), -1, -1), call(f(2, 3), 4, -1), call(f(2, 3), -2))),
    view("reshape", call(f(2, 3), (3, 2)), call(f(2, 3), (-1,)), call(f(2, 3), (1, 6, 1)), call(f(), (1,)),
         wrong=(call(f(2, 3), (4,)), call(f(2, 3), (-1, -1))), notes={"sharing": "copies if no view exists"}),
    view("Tensor.reshape", call(f(2, 3), 3, 2), call(f(2, 3), -1), notes={"sharing": "as reshape"}),
    view("Tensor.view_as", call(f(2, 3), f(3, 2)), notes=STRICT, constants=(1,)),
    view("Tensor.reshape_as", call(f(2, 3), f(3, 2)), constants=(1,)),
    view("flatten", call(f(2, 3)), call(f(2, 3, 2), 1), call(f(2, 3, 2), 0, 1), call(f()), wrong=(call(f(2, 3), 1, 0), call(f(2), 2)),
         may_share=True),
    view("unflatten", call(f(2, 6), 1, (2, 3)), call(f(6), 0, (-1, 2)), wrong=(call(f(6), 0, (4, 2)), call(f(6), 1, (3, 2)))),
    view("ravel", call(f(2, 3)), call(f()), may_share=True, notes={"sharing": "copies an input that is not contiguous"}),
    view("transpose", call(f(2, 3), 0, 1), call(f(2, 3, 2), -1, 0), call(f(2, 3), 1, 1), wrong=(call(f(2, 3), 0, 2),),
         aliases=("swapaxes", "swapdims")),
    view("t", call(f(2, 3)), call(f(3)), call(f()), wrong=(call(f(2, 3, 2)),)),
    view("permute", call(f(2, 3, 2), (2, 0, 1)), call(f(2, 3), (-1, 0)), wrong=(call(f(2, 3), (0, 0)), call(f(2, 3), (0,)))),
    view("Tensor.permute", call(f(2, 3, 2), 2, 0, 1), call(f(2, 3), -1, 0)),
    view("movedim", call(f(2, 3, 2), 0, 2), call(f(2, 3, 2), (0, 1), (2, 0)), wrong=(call(f(2, 3), 0, 2), call(f(2, 3), (0, 0), (0, 1))),
         aliases=("moveaxis",)),
    view("adjoint", call(f(2, 3)), call(f(2, 2, 3)), notes={"complex": "a copy", "dtypes": "complex: a copy"}),
    view("unsqueeze", call(f(2, 3), 0), call(f(2, 3), -1), call(f(), 0), wrong=(call(f(2), 2), call(f(2), -3))),
    view("squeeze", call(f(1, 3, 1)), call(f(1, 3, 1), 0), call(f(1, 3, 1), -1), call(f(1, 3, 1), (0, 2)), call(f(2, 3), 0), call(f()),
         wrong=(call(f(2), 1),)),
    view("Tensor.expand", call(f(3, 1), 3, 4), call(f(3), 2, 3), call(f(1, 3), -1, 3), call(f(), 2), call(f(1), 0),
         wrong=(call(f(3), 2), call(f(2, 3), 3), call(f(3), -1, 3)), notes={"sharing": "overlaps itself"}),
    view("Tensor.expand_as", call(f(3, 1), f(3, 4)), constants=(1,), notes={"sharing": "overlaps itself"}),
    view("broadcast_to", call(f(3, 1), (2, 3, 4)), wrong=(call(f(3), (2,)),), notes={"sharing": "overlaps itself"}),
    view("narrow", call(f(2, 5), 1, 1, 3), call(f(4), 0, -2, 2), call(f(4), 0, 4, 0),
         wrong=(call(f(4), 0, 3, 2), call(f(4), 0, 5, 0), call(f(4), 1, 0, 1), call(f(4), 0, 0, -1),
               call(f(4), 0, np.array([1]), 2), call(f(4), 0, f(), 2))),
    view("narrow", call(f(2, 5), 1, np.array(1), 3), label="from a tensor", host="the start must be known on the host", names=False),
    view("select", call(f(2, 3), 1, 2), call(f(2, 3), 0, -1), call(f(3), 0, 0), wrong=(call(f(3), 0, 3), call(f(3), 1, 0), call(f(), 0, 0))),
    view("Tensor.unfold", call(f(5), 0, 2, 2), call(f(5), 0, 3, 1), call(f(2, 4), 1, 2, 1), call(f(2, 4), 0, 1, 1),
         wrong=(call(f(3), 0, 4, 1), call(f(3), 0, 2, 0), call(f(3), 1, 1, 1))),
    view("diagonal", call(f(3, 3)), call(f(2, 3), 1), call(f(2, 3, 2), -1, 0, 2), call(f(2, 3), 3),
         wrong=(call(f(3)), call(f(2, 2), 0, 1, 1))),
    view("as_strided", call(f(6), (2, 3), (3, 1)), call(f(2, 4), (2, 2), (2, 3), 1), call(f(4), (3, 2), (1, 1)), call(f(3), (2, 3), (0, 1)),
         wrong=(call(f(6), (3, 3), (3, 1)), call(f(6), (2,), (1, 1)), call(f(6), (2,), (-1,)), call(f(6), (-1,), (1,))),
         notes={"layout": "strides are absolute"}),
    view("split", call(f(5, 2), 2), call(f(5, 2), [1, 4]), call(f(2, 4), 2, 1), call(f(2, 4), 3, -1),
         wrong=(call(f(5), [2, 2]), call(f(5), -1), call(f(), 1)), notes={"names": "methods use another name"},
         aliases=("unsafe_split",)),
    view("split_with_sizes", call(f(5, 2), [1, 4]), call(f(2, 4), (2, 2), 1), aliases=("unsafe_split_with_sizes",), wrong=(call(f(5), [2, 2]),)),
    view("chunk", call(f(5, 2), 2), call(f(2, 5), 3, 1), call(f(3), 5), wrong=(call(f(3), 0), call(f(), 1)), aliases=("unsafe_chunk",)),
    view("tensor_split", call(f(5, 2), 2), call(f(5, 2), (1, 3)), call(f(2, 5), 3, 1), wrong=(call(f(3), 0), call(f(), 1)), notes=OVERLOADED),
    view("hsplit", call(f(2, 4), 2), call(f(4), (1, 3)), wrong=(call(f(), 1), call(f(2, 3), 2)), notes=OVERLOADED),
    view("vsplit", call(f(4, 2), 2), notes=OVERLOADED, wrong=(call(f(4), 2),)),
    view("dsplit", call(f(2, 2, 4), 2), notes=OVERLOADED, wrong=(call(f(4, 4), 2),)),
    view("unbind", call(f(2, 3)), call(f(2, 3), 1), wrong=(call(f()), call(f(2), 1))),
    view("broadcast_tensors", call(f(3, 1), f(2, seed=1)), call(f(), f(2, seed=1)), wrong=(call(f(2), f(3)),),
         notes={"sharing": "each its own"}),
    view("meshgrid", call(f(2), f(3, seed=1), indexing="ij"), call(f(2), f(3, seed=1), indexing="xy"),
         wrong=(call(f(2), f(2), indexing="zz"),), notes={"sharing": "each its own"}),
    (view(name, call(f()), call(f(3)), call(f(2, 3)), may_share=True, wrong=(call([1]),)) for name in ATLEAST),
    (view(name, call(f(), f(2, 3, seed=1)), call([f(3), f()]), call(()), label="of several", notes={"sharing": "each its own"})
     for name in ATLEAST),
    view("Tensor.sum_to_size", call(f(2, 3), (2, 3)), may_share=True, label="of the same size"),
    view("Tensor.__getitem__", *[call(f(3, 4), index) for index in (
        0, -1, slice(1, 3), (slice(None), 2), (slice(None, None, 2), slice(1, None)), None, (Ellipsis, 1), (1, 2), (None, 0, None),
        (), slice(5, 9))], wrong=tuple([call(f(3, 4), index) for index in (
            3, (0, 0, 0), slice(None, None, -1), 1.5, "a")]), names=False),
)  # fmt: skip

# -- copies with other shapes ------------------------------------------------------------------------------------------

ROUNDS = {law: "rounds" for law in ("gradcheck", "gradgradcheck", "layout", "complex")}
COPIES = rows(
    Row("Tensor.repeat", (call(f(2, 3), 2, 1), call(f(3), 2, 2), call(f(), 3), call(f(2, 3), 0, 1)), out=False,
        wrong=(call(f(2, 3), 2), call(f(3), -1))),
    Row("tile", (call(f(2, 3), (2,)), call(f(3), (2, 2))), out=False, numpy=np.tile),
    Row("repeat_interleave", (call(f(2, 3), 2), call(f(2, 3), 2, 1), call(f(2, 3), np.array([1, 3]), 0), call(f(3), np.array([0, 2, 1]))),
        out=False, host="the result's size must be known on the host", wrong=(call(f(3), np.array([1, 2])), call(f(3), -1))),
    Row("flip", (call(f(2, 3), (0,)), call(f(2, 3), dims=(1, 0)), call(f(2, 3), (0, 1)), call(f(2, 3), (-1,))), out=False,
        wrong=(call(f(2, 3), (0, 0)), call(f(2, 3), (2,)))),
    Row("fliplr", (call(f(2, 3)),), out=False, numpy=np.fliplr, wrong=(call(f(3)),)),
    Row("flipud", (call(f(2, 3)), call(f(3))), out=False, numpy=np.flipud, wrong=(call(f()),)),
    Row("roll", (call(f(2, 3), 1), call(f(2, 3), 1, 1), call(f(2, 3), (1, -1), (0, 1)), call(f(2, 3), 5, 0)), out=False, numpy=np.roll,
        wrong=(call(f(2, 3), (1, 1), (0,)), call(f(2, 3), 1, 2))),
    Row("rot90", (call(f(2, 3)), call(f(2, 3), 2), call(f(2, 3), -1), call(f(2, 3, 2), 1, (0, 2)), call(f(2, 3), 0)), out=False, numpy=np.rot90,
        may_share=True, wrong=(call(f(3)), call(f(2, 2), 1, (0, 0)))),
    Row("tril", (call(f(3, 3)), call(f(2, 3), 1), call(f(2, 3, 2), -1)), numpy=np.tril, wrong=(call(f(3)),)),
    Row("triu", (call(f(3, 3)), call(f(2, 3), 1), call(f(2, 3, 2), -1)), numpy=np.triu, wrong=(call(f(3)),)),
    Row("diag_embed", (call(f(3)), call(f(2, 3), 1), call(f(2, 3), -1, 0, 2)), out=False, wrong=(call(f(3), 0, 1, 1),)),
    Row("diag", (call(f(3)), call(f(3), 1), call(f(2, 3)), call(f(2, 3), -1)), out=False, numpy=np.diag, may_share=True,
        wrong=(call(f(2, 2, 2)), call(f()))),
    Row("diagflat", (call(f(3)), call(f(2, 2), 1), call(f())), out=False, numpy=np.diagflat),
    Row("cat", (
        call([f(2, 3), f(2, 3, seed=1)]), call([f(2, 3), f(2, 1, seed=1)], 1), call((f(2), f(3, seed=1), f(1, seed=2)), dim=-1),
        call([f(2, 3), i(1, 3)]), call([f(0), f(2, 3)]), call([f(2, 3)])), wrong=(
            call([f(2, 3), f(2, 2)]), call([f(2), f(2, 2)]), call([f(), f()]), call([]), call([f(2)], 1), call(f(2))),
        aliases=("concat", "concatenate"), notes={"out": "has its own tests"}),
    Row("stack", (call([f(2, 3), f(2, 3, seed=1)]), call([f(2, 3), f(2, 3, seed=1)], 1), call([f(), f()], -1), call((f(2), f(2, seed=1)), dim=1)),
        wrong=(call([f(2), f(3)]), call([]), call([f(2)], 2))),
    Row("hstack", (call([f(2, 3), f(2, 1, seed=1)]), call([f(2), f(3, seed=1)]), call([f(), f()])), numpy=np.hstack),
    Row("vstack", (call([f(2, 3), f(1, 3, seed=1)]), call([f(3), f(3, seed=1)])), numpy=np.vstack, aliases=("row_stack",)),
    Row("dstack", (call([f(2, 3), f(2, 3, seed=1)]), call([f(3), f(3, seed=1)])), numpy=np.dstack),
    Row("column_stack", (call([f(2, 3), f(2, 1, seed=1)]), call([f(3), f(3, seed=1)])), numpy=np.column_stack),
    Row("clone", one(), out=False),
    Row("Tensor.fill_diagonal_", (
        call(f(3, 3), 1.5), call(f(2, 4), 2.0), call(f(7, 2), 1.0), call(f(7, 2), 1.0, wrap=True), call(f(9, 3), 1.0, True), call(f(2, 2, 2), 3.0)),
        out=False, may_share=True, wrong=(call(f(3), 1.0), call(f(2, 2, 3), 1.0)), differentiable=False,
        notes={"layout": "accepts expanded tensors: it writes one element per row, as PyTorch does"}),
    (Row(name, (call(f(2, 3), to), call(f(6), to)), out=False, may_share=True, differentiable=False,
         notes={"layout": "reads memory in order, whatever the strides were", "strict": "as layout"})
     for name, to in (("Tensor.resize_", (2, 2)), ("Tensor.resize_as_", f(3, 1)))),
    Row("select_scatter", (call(f(2, 3), f(3, seed=1), 0, 1), call(f(2, 3), f(2, seed=1), 1, -1)), out=False,
        wrong=(call(f(2, 3), f(2), 0, 1), call(f(2, 3), f(3), 0, 2), call(f(2, 3), f(3), 2, 0))),
    Row("slice_scatter", (
        call(f(4, 3), f(2, 3, seed=1), 0, 1, 3), call(f(4, 3), f(4, 1, seed=1), 1, -1), call(f(5), f(2, seed=1), 0, 1, 5, 2),
        call(f(4), f(4, seed=1))), wrong=(call(f(4), f(3), 0, 1, 3), call(f(4), f(2), 1), call(f(4), f(2), 0, 0, 4, -1))),
    Row("diagonal_scatter", (call(f(3, 3), f(3, seed=1)), call(f(2, 3), f(2, seed=1), 1), call(f(2, 3, 2), f(3, 1, seed=1), -1, 0, 2)),
        out=False, wrong=(call(f(3, 3), f(2)), call(f(3), f(3)))),
    Row("as_strided_scatter", (call(f(6), f(2, 2, seed=1), (2, 2), (3, 1)), call(f(2, 4), f(3, seed=1), (3,), (2,), 1)), out=False,
        notes={"layout": "strides are absolute", "gradient": "PyTorch's own gradcheck fails here"}, wrong=(call(f(4), f(3), (2,), (1,)), call(f(4), f(3), (3,), (2,)))),
    Row("block_diag", (call(f(2, 3), f(1, 2, seed=1)), call(f(3), f(), f(2, 2, seed=1)), call(f(2, 2), i(2))), out=False,
        wrong=(call(f(2, 2, 2)),)),
    Row("cartesian_prod", (call(f(2), f(3, seed=1)), call(f(2), f(1, seed=1), f(2, seed=2))), out=False,
        wrong=(call(f(2, 2), f(2)), call(f(), f(2)), call(f(2), i(2)))),
    Row("combinations", (call(f(4)), call(f(4), 3), call(f(3), 2, True), call(f(3), 1), call(f(1), 2, True)), out=False,
        host="the result's size must be known on the host", wrong=(call(f(2, 2)), call(f(3), -1))),
    Row("Tensor.sum_to_size", (call(f(2, 3), 3), call(f(2, 3), 2, 1), call(f(2, 3, 2), (3, 1)), call(f(2, 3), (1, 1)), call(f(2, 3), ())),
        out=False, wrong=(call(f(2, 3), 2), call(f(3), 2, 3), call(f(2, 3), 2, 2))),
    Row("Tensor.contiguous", one(), out=False, may_share=True),
    Row("Tensor.detach", one(), out=False, inplace=False, view=True, differentiable=False),
    Row("Tensor.to", (kink(f(2, 3), Dtype("float32")), call(f(2, 3), Dtype("complex128")), call(f(2, 3), Dtype("float64"), copy=True)),
        out=False, notes={"complex": "to complex"}),
    Row("Tensor.type_as", notes=ROUNDS, calls=(kink(f(2, 3), f(2).astype("float32")),), constants=(1,), out=False),
    (Row(f"Tensor.{name}", one(), out=False, may_share=True,
         differentiable=name in ("float", "double", "half", "cfloat", "cdouble"), rtol=2e-3,
         notes=ROUNDS if name in ("float", "half", "cfloat") else {})
     for name in ("float", "double", "half", "cfloat", "cdouble", "long", "int", "short", "char", "byte", "bool")),
)  # fmt: skip

# -- creation ----------------------------------------------------------------------------------------------------------

HERE_ONLY = {"strict": "made on the host by default"}


def made(name: str, *calls: Call, **facts: object) -> Row:
    return Row(name, calls, differentiable=False, dtypes="none", notes=HERE_ONLY, **facts)  # type: ignore[arg-type]


MADE = rows(
    made("broadcast_shapes", call((2, 1), (3,)), call(3, (2, 1)), call((2, 3)), call((), (0, 1)), out=False,
         wrong=(call((2,), (3,)), call((-1,), (2,)), call("a"))),
    (made(name, call(2, 3), call((2, 3)), call([2, 3]), call(()), call(0, 2), call(2, dtype=Dtype("int8")),
          wrong=(call(-1), call(2.5), call("a"))) for name in ("zeros", "ones")),
    made("empty", call(2, 3), call((2,), dtype=Dtype("bool")), random=True, wrong=(call(-1),)),
    made("full", call((2, 3), 2), call([2], 2.5), call((), True), call((2,), 1j), call((2,), 2, dtype=Dtype("float64")),
         wrong=(call((-1,), 2), call((2,), "a"))),
    made("eye", call(2), call(2, 3), call(0), call(3, 1, dtype=Dtype("int64")), numpy=None, wrong=(call(-1), call(2, -1))),
    made("arange", call(5), call(1, 4), call(1, 4, 2), call(0.5, 2, 0.5), call(5, 0, -2), call(3.0), call(2, dtype=Dtype("float64")),
         call(0), call(1, 1), call(0, 1, 0.1), wrong=(call(0, 1, 0), call(0, 1, -1), call(0, float("inf")), call(0, float("nan"))), names=False),
    made("linspace", call(0, 1, 5), call(0.0, 1.0, 1), call(2, 2, 3), call(0, 1, 0), call(3, -1, 4, dtype=Dtype("float64")),
         call(0, 10, 4, dtype=Dtype("int64")), call(0, 1, 11, dtype=Dtype("float64")), wrong=(call(0, 1, -1),)),
    made("logspace", call(0, 2, 3), call(0, 1, 4, 2.0, dtype=Dtype("float64")), call(0, 1, 0), wrong=(call(0, 1, -1),)),
    Row("zeros_like", (call(f(2, 3)), call(f(2, 3), dtype=Dtype("int64"))), differentiable=False, out=False),
    Row("ones_like", (call(f(2, 3)), call(f(2, 3), dtype=Dtype("int64"))), differentiable=False, out=False),
    Row("full_like", (call(f(2, 3), 2), call(f(2, 3), 2.5, dtype=Dtype("float32"))), differentiable=False, out=False),
    Row("empty_like", (call(f(2, 3)),), differentiable=False, out=False, random=True),
    (Row(name, (call(f(2, 3)),), differentiable=False, out=False, random=True) for name in ("rand_like", "randn_like")),
    Row("randint_like", (call(f(2, 3), 5),), differentiable=False, out=False, random=True),
    Row("bernoulli", (call(f(2, 3, low=0.1, high=0.9)),), differentiable=False, out=False, random=True),
    Row("multinomial", (call(f(5, low=0.1, high=0.9), 3),), differentiable=False, out=False, random=True),
    Row("poisson", (call(f(2, 3, low=0.1, high=9)),), differentiable=False, out=False, random=True),
    Row("binomial", (call(f(2, 3, low=1, high=9), f(2, 3, low=0.1, high=0.9)),), differentiable=False, out=False, random=True),
    (Row(name, (call(f(2, 3, low=0.1)),), differentiable=False, out=False, random=True, may_share=True)
     for name in ("Tensor.uniform_", "Tensor.normal_", "Tensor.random_", "Tensor.bernoulli_", "Tensor.exponential_")),
    (Row(name, (call(f(2, 3)),), differentiable=False, out=False, random=True, may_share=True, names=False)
     for name in ("Tensor.log_normal_", "Tensor.cauchy_")),
    Row("Tensor.geometric_", (call(f(2, 3), 0.3),), differentiable=False, out=False, random=True, may_share=True),
    Row("fill", (call(f(2, 3), 2.5), call(f(), 3), call(f(2, 0), True)), inplace=False, out=False,
        wrong=(call(f(2), f(1)), call(f(2), "a"), call(f(2), 1j), call([1.0], 2))),
)  # fmt: skip

COPIES_OF_VIEWS = rows(
    Row("alias_copy", one(), inplace=False),
    Row("as_strided_copy", (call(f(6), (2, 3), (3, 1)), call(f(2, 4), (2, 2), (2, 3), 1)), notes={"layout": "strides are absolute"}),
    Row("diagonal_copy", (call(f(3, 3)), call(f(2, 3, 4), 1, 2, 0)), wrong=(call(f(2), 0, 0, 1),)),
    Row("expand_copy", (call(f(2, 1), (3, 2, 4)), call(f(3), (2, -1))), wrong=(call(f(2), (3,)),)),
    Row("narrow_copy", (call(f(2, 5), 1, 1, 3), call(f(4), 0, 4, 0)), wrong=(call(f(4), 0, 3, 2),), out=False),
    Row("permute_copy", (call(f(2, 3, 2), (2, 0, 1)),), wrong=(call(f(2, 3), (0, 0)),)),
    Row("select_copy", (call(f(2, 3), 1, 2), call(f(2, 3), 0, -1)), wrong=(call(f(2), 0, 2),)),
    Row("slice_copy", (call(f(5, 2), 0, 1, None, 2), call(f(2, 5), 1, -3, -1), call(f(3))), wrong=(call(f(3), 0, 0, 3, -1),)),
    Row("split_copy", (call(f(5, 2), 2), call(f(2, 4), 3, -1)), wrong=(call(f(5), -1),), out=False),
    Row("split_with_sizes_copy", (call(f(5, 2), [1, 4]),), wrong=(call(f(5), [2, 2]),), out=False),
    Row("squeeze_copy", (call(f(1, 3, 1)), call(f(1, 3, 1), 0), call(f(1, 3, 1), (0, 2))), notes=OVERLOADED),
    Row("t_copy", (call(f(2, 3)), call(f(3)), call(f())), wrong=(call(f(2, 3, 2)),)),
    Row("transpose_copy", (call(f(2, 3), 0, 1), call(f(2, 3, 2), -1, 0)), wrong=(call(f(2, 3), 0, 2),)),
    Row("unbind_copy", (call(f(2, 3)), call(f(2, 3), 1)), wrong=(call(f()),), out=False),
    Row("unfold_copy", (call(f(5), 0, 2, 1), call(f(2, 5), -1, 3, 2)), wrong=(call(f(3), 0, 4, 1),)),
    Row("unsqueeze_copy", (call(f(2, 3), 0), call(f(2, 3), -1)), wrong=(call(f(2), 2),)),
    Row("view_copy", (call(f(2, 3), (3, 2)), call(f(2, 3), (-1,))), wrong=(call(f(2, 3), (4,)),), notes=OVERLOADED),
)  # fmt: skip

ROWS = rows(VIEWS, COPIES, MADE, COPIES_OF_VIEWS)
