"""Rows of pointwise ops: arithmetic, powers, exponentials, angles, rounding, comparisons."""

from __future__ import annotations

import numpy as np

from ops.row import Row, b, beside_number, call, f, i, kink, one, rows, ties, two

NAN, INF = float("nan"), float("inf")

# -- pointwise, one operand --------------------------------------------------------------------------------------------

# name: NumPy's function, the range in which it is smooth
FUNCTIONS = {
    "exp": (np.exp, -2, 2), "exp2": (np.exp2, -2, 2), "expm1": (np.expm1, -2, 2),
    "log": (np.log, 0.2, 3), "log2": (np.log2, 0.2, 3), "log10": (np.log10, 0.2, 3), "log1p": (np.log1p, -0.8, 3),
    "sin": (np.sin, -2, 2), "cos": (np.cos, -2, 2), "tan": (np.tan, -1.2, 1.2),
    "asin": (np.arcsin, -0.9, 0.9), "acos": (np.arccos, -0.9, 0.9), "atan": (np.arctan, -2, 2),
    "sinh": (np.sinh, -2, 2), "cosh": (np.cosh, -2, 2), "tanh": (np.tanh, -2, 2),
    "asinh": (np.arcsinh, -2, 2), "acosh": (np.arccosh, 1.2, 4), "atanh": (np.arctanh, -0.9, 0.9),
    "sqrt": (np.sqrt, 0.2, 3), "rsqrt": (lambda x: 1 / np.sqrt(x), 0.2, 3), "square": (np.square, -2, 2),
    "reciprocal": (lambda x: 1 / x, 0.3, 3), "neg": (np.negative, -2, 2), "abs": (np.abs, -2, 2),
    "sign": (np.sign, -2, 2), "sgn": (np.sign, -2, 2),
    "floor": (np.floor, -2, 2), "ceil": (np.ceil, -2, 2), "trunc": (np.trunc, -2, 2),
    "frac": (lambda x: x - np.trunc(x), -2, 2), "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -2, 2),
}  # fmt: skip
ALIASES = {
    "neg": ("negative",), "abs": ("absolute",), "trunc": ("fix",), "asin": ("arcsin",), "acos": ("arccos",),
    "atan": ("arctan",), "asinh": ("arcsinh",), "acosh": ("arccosh",), "atanh": ("arctanh",),
}  # fmt: skip

NO_ORDER = {"complex": "complex numbers have no order"}
ROUNDING = ("sign", "floor", "ceil", "trunc", "frac")
FUNCTION_ROWS = [
    Row(name, one(low, high), numpy=function, pointwise=True, aliases=ALIASES.get(name, ()),
        notes=NO_ORDER if name in ROUNDING else {})
    for name, (function, low, high) in FUNCTIONS.items()
]

POINTWISE = rows(
    FUNCTION_ROWS,
    Row("round", (*one(), call(f(5, low=-20, high=20), decimals=1), call(f(5, low=-200, high=200), decimals=-1)),
        numpy=lambda x, decimals=0: np.round(x, decimals), pointwise=True, notes=NO_ORDER),
    Row("positive", one(), numpy=np.positive, pointwise=True, may_share=True, out=False),
    Row("conj", one(), numpy=np.conj, may_share=True, out=False),
    Row("nan_to_num", (*one(), kink(np.array([NAN, INF, -INF, 1.0])), kink(np.array([NAN, INF, -INF, 1.0]), 1.0, 2.0, -3.0)),
        pointwise=True),
    Row("clamp", (
        call(f(2, 3), -0.6, 0.8), call(f(2, 3), min=0.1), call(f(2, 3), max=0.1), call(f(), -0.6, 0.8),
        call(f(2, 3), f(3, seed=1), f(2, 1, seed=2)), call(f(2, 3), max=f(2, 3, seed=1)), kink(ties(3, 4), -1, 1),
        kink(ties(3, 4), ties(4, seed=1), ties(3, 1, seed=2)), call(f(2, 0), 0, 1)), aliases=("clip",), dtypes="real",
        wrong=(call(f(3)), call(f(3), f(2)))),
    Row("clamp_min", (call(f(2, 3), 0.1), call(f(2, 3), f(3, seed=1))), dtypes="real"),
    Row("clamp_max", (call(f(2, 3), 0.1), call(f(2, 3), f(3, seed=1))), dtypes="real"),
)

# -- pointwise, two operands -------------------------------------------------------------------------------------------

CLASH = (call(f(2, 3), f(2)), call(f(2, 3), f(4, 3)), call(f(3), "a"))

DIVISOR = "an integer divisor of zero is refused"
EXTREME = {**NO_ORDER, "special": "which of two zeros PyTorch returns depends on its vector width"}

BINARY = rows(
    Row("add", (*two(), *beside_number(), call(f(2, 3), f(3, seed=1), alpha=0.5)), pointwise=True, wrong=CLASH,
        numpy=lambda x, y, alpha=1: x + alpha * y),
    Row("sub", (*two(), *beside_number()[:1], call(f(2, 3), f(3, seed=1), alpha=0.5)), pointwise=True, wrong=CLASH,
        numpy=lambda x, y, alpha=1: x - alpha * y, aliases=("subtract",)),
    Row("rsub", (call(f(2, 3), 2.0), call(f(2, 3), f(3, seed=1)), call(f(2, 3), f(3, seed=1), alpha=0.5)), out=False,
        numpy=lambda x, y, alpha=1: y - alpha * x),
    Row("mul", (*two(), *beside_number()[:1]), numpy=np.multiply, pointwise=True, wrong=CLASH, aliases=("multiply",)),
    Row("div", (
        *two(low2=0.3, high2=2), *beside_number()[:1], call(f(2, 3), f(3, seed=1), rounding_mode="floor"),
        call(f(2, 3), f(3, seed=1), rounding_mode="trunc"), call(i(2, 3, low=-9, high=9), i(3, low=1), rounding_mode="trunc"),
        call(i(2, 3, low=-9, high=9), i(3, low=1), rounding_mode="floor")),
        pointwise=True, host=DIVISOR, wrong=(*CLASH, call(f(2), f(2), rounding_mode="up")), aliases=("divide",)),
    Row("floor_divide", (*two(low2=0.3, high2=2), *beside_number()[:1]), numpy=np.floor_divide, pointwise=True, notes=NO_ORDER, host=DIVISOR,
        wrong=CLASH),
    Row("remainder", (*two(low2=0.3, high2=2), *beside_number(low=0.3)), numpy=np.remainder, pointwise=True, notes=NO_ORDER, host=DIVISOR, wrong=CLASH),
    Row("fmod", (*two(low2=0.3, high2=2), *beside_number()[:1]), numpy=np.fmod, pointwise=True, notes=NO_ORDER, host=DIVISOR, wrong=CLASH),
    Row("pow", (
        *two(0.3, 2, -2, 2), *beside_number(1.7, low=0.3), call(f(2, 3), 2), call(f(2, 3), 3), call(f(2, 3), -1),
        call(f(2, 3), 0), call(f(2, 3), 1), call(f(3, low=0.2), 0.5), call(2, f(3)), kink(ties(9), ties(9, seed=1)),
        kink(ties(9), 2), kink(ties(9), 0), call(i(4), i(4, seed=1)), call(i(4), 3)),
        numpy=np.power, pointwise=True, wrong=(*CLASH[:2], call(i(3), -2))),
    Row("maximum", (*two(), kink(ties(3, 4), ties(4, seed=1))), numpy=np.maximum, pointwise=True, notes=EXTREME, wrong=CLASH[:2]),
    Row("minimum", (*two(), kink(ties(3, 4), ties(4, seed=1))), numpy=np.minimum, pointwise=True, notes=EXTREME, wrong=CLASH[:2]),
    Row("atan2", (*two(0.3, 2), kink(ties(9), ties(9, seed=1))), aliases=("arctan2",), numpy=np.arctan2, pointwise=True, notes=NO_ORDER, wrong=CLASH[:2]),
    Row("hypot", (*two(), kink(ties(9), ties(9, seed=1))), numpy=np.hypot, pointwise=True, notes=NO_ORDER, wrong=CLASH[:2]),
    Row("logaddexp", two(), numpy=np.logaddexp, pointwise=True, wrong=CLASH[:2]),
    Row("true_divide", (*two(low2=0.3, high2=2), *beside_number()[:1]), numpy=np.true_divide),
    Row("lerp", (
        call(f(2, 3), f(2, 3, seed=1), 0.3), call(f(2, 3), f(3, seed=1), 0.8), call(f(2, 3), f(3, seed=1), f(2, 1, seed=2))),
        dtypes="inexact", wrong=(call(i(3), i(3), 0.5),)),
    Row("addcmul", (call(f(2, 3), f(3, seed=1), f(2, 1, seed=2)), call(f(3), f(3, seed=1), f(3, seed=2), value=0.5)),
    ),
    Row("addcdiv", (call(f(2, 3), f(3, seed=1), f(2, 1, seed=2)), call(f(3), f(3, seed=1), f(3, seed=2), value=0.5)),
        dtypes="inexact"),
    Row("where", (
        call(b(2, 3), f(2, 3), f(3, seed=1)), call(b(3), f(2, 3), 1.5), call(b(2, 3), 1.5, f(1, 3)), call(b(2, 1), 1.0, 2.0),
        call(b(), f(2), f(2, seed=1)), call(b(2, 3), f(), f(3, seed=1))),
        numpy=np.where, wrong=(call(b(2, 3), f(2), f(3)), call(f(3), f(3), f(3)))),
)

# -- comparisons -------------------------------------------------------------------------------------------------------

COMPARED = (*two(), *beside_number()[:1], kink(ties(3, 4), ties(4, seed=1)))
COMPARISONS = rows(
    Row(name, COMPARED, numpy=getattr(np, full), differentiable=False, pointwise=True, wrong=CLASH[:2], aliases=(full,)
        if name != "eq" else ())
    for name, full in {
        "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    }.items()
)  # fmt: skip

ODD_ONES = np.array([[NAN, INF, -INF], [0.0, 1.0, -0.0]])
TESTS = rows(
    Row(name, (call(f(3)), call(ODD_ONES), call(i(3))), numpy=getattr(np, name), differentiable=False,
        out=name in ("isposinf", "isneginf"))
    for name in ("isnan", "isfinite", "isinf", "isposinf", "isneginf", "isreal")
)  # fmt: skip

LOGIC = rows(
    (Row(name, (call(b(2, 3), b(3, seed=1)), call(ties(2, 3), ties(3, seed=1)), call(i(2, 3, high=2), b(3))),
         numpy=getattr(np, name), differentiable=False, pointwise=True, wrong=CLASH[:2])
     for name in ("logical_and", "logical_or", "logical_xor")),
    Row("logical_not", (call(b(2, 3)), call(ties(2, 3)), call(i(2, 3, high=2))), numpy=np.logical_not,
        differentiable=False),
    (Row(name, (call(i(2, 3), i(3, seed=1)), call(b(2, 3), b(3, seed=1)), call(i(2, 3), 3)),
         numpy=getattr(np, name), differentiable=False, wrong=(*CLASH[:1], call(f(3), f(3))))
     for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    Row("bitwise_not", (call(i(2, 3)), call(b(2, 3))), numpy=np.bitwise_not, differentiable=False, wrong=(call(f(3)),)),
    (Row(name, (call(i(2, 3, low=-9, high=9), i(3, seed=1)), call(i(2, 3), 3)),
         numpy=getattr(np, full), differentiable=False, wrong=(*CLASH[:1], call(f(3), f(3))))
     for name, full in (("bitwise_left_shift", "left_shift"), ("bitwise_right_shift", "right_shift"))),
    Row("equal", (call(f(2, 3), f(2, 3)), call(f(2, 3), f(2, 3, seed=1)), call(f(2), f(3))), differentiable=False,
        out=False, host="the result is a Python bool", numpy=np.array_equal),
    Row("allclose", (call(f(2, 3), f(2, 3)), call(f(2, 3), f(2, 3) + 1e-7), call(f(2, 3), f(3), atol=1.0, rtol=0.1)),
        differentiable=False, out=False, host="the result is a Python bool", numpy=np.allclose),
    Row("isin", (call(i(2, 3), i(4, seed=1)), call(i(2, 3), 3), call(i(2, 3), i(4, seed=1), invert=True)), differentiable=False,
        dtypes="none", numpy=np.isin),
    Row("isclose", (
        call(f(2, 3), f(2, 3)), call(ODD_ONES, ODD_ONES), call(ODD_ONES, ODD_ONES, equal_nan=True),
        call(f(2, 3), f(3), atol=1.0, rtol=0.1)), differentiable=False, numpy=np.isclose, out=False,
        wrong=(call(f(3), f(3), rtol=-1.0), call(f(3), i(3)))),
)  # fmt: skip

ROWS = rows(POINTWISE, BINARY, COMPARISONS, TESTS, LOGIC)
