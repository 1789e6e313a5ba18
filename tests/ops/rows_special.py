"""Rows of special functions, extremes that skip NaN, angles in degrees, and bits of numbers."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np

from ops.row import Row, b, beside_number, call, f, i, kink, one, rows, ties, two

NAN, INF = float("nan"), float("inf")
NO_COMPLEX = {"complex": "PyTorch has it only for real numbers"}


def each(function):  # type: ignore[no-untyped-def]  # of NumPy's arrays
    """Convert a function of numbers to a function of arrays."""
    return np.vectorize(function, otypes=["float64"])


# -- one operand -------------------------------------------------------------------------------------------------------

# name: the expected function, the range in which it is smooth
FUNCTIONS = {
    "lgamma": (each(math.lgamma), 0.3, 6),
    "digamma": (None, 0.3, 6), "erfinv": (None, -0.9, 0.9), "i0": (np.i0, -3, 3),
    "logit": (lambda x: np.log(x / (1 - x)), 0.1, 0.9), "sinc": (np.sinc, -2, 2),
    "deg2rad": (np.deg2rad, -200, 200), "rad2deg": (np.rad2deg, -2, 2),
    "special.ndtr": (each(lambda x: 0.5 * math.erfc(-x / math.sqrt(2))), -2, 2), "special.log_ndtr": (None, -4, 3),
    "special.ndtri": (None, 0.1, 0.9), "special.erfcx": (each(lambda x: math.exp(x * x) * math.erfc(x)), -2, 3),
    "special.entr": (lambda x: -x * np.log(x), 0.2, 2), "special.i0e": (lambda x: np.i0(x) * np.exp(-abs(x)), 0.2, 3),
    "special.i1": (None, -3, 3), "special.i1e": (None, 0.2, 3),
}  # fmt: skip
ROUGH = {  # PyTorch's own float32 and float16 kernels are that inaccurate, or overflow early
    "digamma": 2e-5, "special.i1": 5e-6, "special.i1e": 5e-6, "i0": 5e-6, "special.i0e": 5e-6, "special.log_ndtr": 5e-6,
    "special.ndtr": 5e-6, "erfinv": 5e-6, "special.ndtri": 5e-6, "lgamma": 5e-6,
}  # fmt: skip
SPECIAL_VALUES = {
    "i0": "at 1e30 PyTorch computes infinity times zero, which is NaN",
    "special.i1": "at 1e30 PyTorch computes infinity times zero, which is NaN; and at -0.0 it gives 0.0",
    "special.i1e": "at -0.0 PyTorch gives 0.0",
    "digamma": "at 1e30 and near a pole PyTorch's float32 results are wrong",
}

TRIGAMMA = "PyTorch's polygamma(1, x) is accurate only to 5e-10; gradcheck tests ours"


def notes(name: str) -> dict[str, str]:
    """Return the laws that do not apply to a function."""
    found = {} if name == "sinc" else dict(NO_COMPLEX)
    if name in SPECIAL_VALUES:
        found["special"] = SPECIAL_VALUES[name]
    return {**found, "gradient": TRIGAMMA} if name == "digamma" else found


ONE = rows(
    Row(name, one(low, high), numpy=function, pointwise=True, rtol=ROUGH.get(name, 2e-6), notes=notes(name))
    for name, (function, low, high) in FUNCTIONS.items()
)  # fmt: skip

# -- with an option ----------------------------------------------------------------------------------------------------

OPTIONS = rows(
    Row("logit", (call(f(2, 3, low=0.1, high=0.9), 0.2), kink(ties(3, 4), eps=0.1)), label="eps", dtypes="float",
        notes=NO_COMPLEX),
    Row("polygamma", tuple([call(n, f(2, 3, low=0.3, high=4)) for n in (2, 3)]), dtypes="real", inplace=False,
        wrong=(call(-1, f(3)),), notes=NO_COMPLEX),
    Row("mvlgamma", (call(f(2, 3, low=1.2, high=4), 2), call(f(3, low=2.2, high=4), 3)), dtypes="single", rtol=5e-6,
        wrong=(call(f(3, low=3, high=4), 0),), notes=NO_COMPLEX),
)  # fmt: skip

# -- two operands ------------------------------------------------------------------------------------------------------

CLASH = (call(f(2, 3), f(2)), call(f(2, 3), f(4, 3)), call(f(3), "a"))
TWO_NUMBERS = (call(2, 3),)
NO_NUMBERS = (call(f(3), 2.0), call(2.0, f(3)))
AT_ZERO = {"special": "which of two zeros PyTorch returns depends on its vector width"}

TWO = rows(
    Row("fmax", (*two(), kink(ties(3, 4), ties(4, seed=1))), numpy=np.fmax, pointwise=True, wrong=(*CLASH, *NO_NUMBERS),
        notes={**NO_COMPLEX, **AT_ZERO}),
    Row("fmin", (*two(), kink(ties(3, 4), ties(4, seed=1))), numpy=np.fmin, pointwise=True, wrong=(*CLASH, *NO_NUMBERS),
        notes={**NO_COMPLEX, **AT_ZERO}),
    Row("copysign", (*two(), call(f(2, 3), -1.5), kink(ties(9), ties(9, seed=1))), numpy=np.copysign, pointwise=True,
        wrong=(*CLASH, call(2.0, f(3))), notes=NO_COMPLEX),
    Row("logaddexp2", two(), numpy=np.logaddexp2, pointwise=True, dtypes="float", wrong=(*CLASH, *NO_NUMBERS),
        notes={**NO_COMPLEX, "dtypes": "PyTorch accepts only floating-point tensors"}),
    Row("xlogy", (*two(0.3, 2), call(f(2, 3), 1.5), call(1.5, f(3, low=0.3)), kink(ties(9), np.abs(ties(9, seed=1)) + 1)),
        numpy=lambda x, y: x * np.log(y), pointwise=True, wrong=(*CLASH, *TWO_NUMBERS), notes=NO_COMPLEX),
    Row("special.xlog1py", (*two(0.3, 2), call(f(2, 3), 1.5), call(1.5, f(3, low=-0.7))),
        numpy=lambda x, y: x * np.log1p(y), pointwise=True, wrong=(*CLASH, *TWO_NUMBERS), notes=NO_COMPLEX),
    Row("ldexp", (*two(), call(f(2, 3), i(3, high=4))), numpy=lambda x, y: x * 2.0**y, pointwise=True,
        wrong=(*CLASH, *NO_NUMBERS)),
    Row("float_power", (*two(0.3, 2, -2, 2), *beside_number(1.7, low=0.3), call(i(4), i(4, seed=1))),
        numpy=lambda x, y: np.asarray(x, "float64") ** y, pointwise=True, wrong=(*CLASH[:2], *TWO_NUMBERS)),
    Row("nextafter", (*two(),), numpy=np.nextafter, differentiable=False, dtypes="float", wrong=NO_NUMBERS,
        notes={"gradient": "a neighbor moves with the number, but the size of a step is not smooth"}),
    Row("heaviside", (*two(), kink(ties(3, 4), f(4))), numpy=np.heaviside, differentiable=False, pointwise=True,
        wrong=(*CLASH, *NO_NUMBERS, call(f(3), i(3))), notes={"dtypes": "both operands have one dtype"}),
    (Row(name, (call(i(2, 3, low=-9, high=9), i(3, seed=1)), call(i(2, 3, high=40), i(2, 3, high=40, seed=1))),
         numpy=getattr(np, name), differentiable=False, dtypes="integer", wrong=(call(i(2, 3), i(2)), call(i(3), 2)))
     for name in ("gcd", "lcm")),
    Row("signbit", (call(f(3)), call(np.array([NAN, INF, -INF, 0.0, -0.0])), call(i(3, low=-2)), call(b(3))),
        numpy=lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0, differentiable=False, notes=NO_COMPLEX),
    Row("frexp", (*one(), call(np.array([INF, 0.0, -0.0, 1e-310, 8.0]))), numpy=None, out=False, dtypes="float",
        notes={**NO_COMPLEX, "gradcheck": "the second result is an integer", "gradgradcheck": "as above"}),
)  # fmt: skip

# -- orthogonal polynomials, other Bessel functions --------------------------------------------------------------------

POLYNOMIALS = rows(
    (Row(f"special.{name}", (
        call(f(2, 3), i(3, high=12)), call(f(3, 1), i(4, low=-1, high=30)), call(f(2, 3), 3), call(2, f(3, low=0, high=5)), call(f(3), f(3))),
        differentiable=False, dtypes="none", rtol=2e-5, notes=NO_COMPLEX, wrong=(call(1.0, 2), call(f(3), f(2))),
        host="the highest degree must be known")
     for name in (
        *[f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"],
        "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p")),
    (Row(f"special.{name}", (call(f(2, 3)), call(np.array([0.0, 9.0, -9.0, INF, NAN])), call(f(2, 0))), differentiable=False,
         dtypes="none", rtol=5e-6, notes=NO_COMPLEX)
     for name in ("modified_bessel_i0", "modified_bessel_i1", "spherical_bessel_j0")),
)  # fmt: skip

# -- through SciPy -----------------------------------------------------------------------------------------------------

HOST = {**NO_COMPLEX, "strict": "the strict device has no counterpart of SciPy, unlike CuPy"}
NO_SLOPE = {**HOST, "gradient": "PyTorch has none"}  # and beyond 3, PyTorch's own values are wrong by 1e-10 to 1e-7
SECOND = {**HOST, "out": "the law needs a gradient in the first argument, and only the second has one"}

SCIPY = rows(
    Row("special.zeta", (call(f(2, 3, low=1.5, high=4), f(3, low=0.5, high=3)), call(3.0, f(3, low=0.5, high=3))),
        dtypes="none", constants=(0,), rtol=5e-6, notes=SECOND),
    (Row(f"special.{name}", (call(f(2, 3, low=0.5, high=4), f(3, low=0.5, high=3)),), dtypes="none", constants=(0,),
         rtol=2e-5, notes=SECOND, aliases=(alias,))
     for name, alias in (("gammainc", "igamma"), ("gammaincc", "igammac"))),
    (Row(f"special.{name}", (call(f(2, 3, low=0.5, high=2)),), rtol=2e-5, dtypes="none", notes=NO_SLOPE)
     for name in ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1")),
    (Row(f"special.{name}", (call(f(2, 3, low=0.2, high=30)), call(np.array([0.0, 9.0, 700.0]))), rtol=2e-5, differentiable=False,
         dtypes="none", notes=HOST)
     for name in ("airy_ai", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1")),
)  # fmt: skip

ROWS = rows(ONE, OPTIONS, TWO, POLYNOMIALS, SCIPY if find_spec("scipy") else ())
