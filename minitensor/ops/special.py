"""Functions that integrals and series define: the error function's family, the gamma function's, Bessel's, logits.

How they are computed is a backend's business (``backends/functions.py``): in doubles, but for ``erf`` and ``erfc``,
which have kernels for singles. Here stand their gradients. What ``torch`` has at its top level and what it has in
``torch.special`` alone both stand here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite, named
from minitensor.errors import UsageError
from minitensor.ops.aliasing import check_fits, inplace
from minitensor.ops.fill import copy_
from minitensor.ops.kinds import FLOATS, ORDERED, of_kind
from minitensor.ops.operand import as_floats, fitted, operands, require_tensors
from minitensor.ops.out import delivered
from minitensor.ops.pointwise import as_float, conj, library_of, ordered, sub, where
from minitensor.ops.unary import abs, cos, exp, log, sgn, sin

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


def precise(name: str, input: Tensor) -> Array:
    """Return the array in the precision to compute in: single for halves, else its own."""
    array = of_kind(name, FLOATS, as_float(input))
    return array.astype("float32") if array.dtype.itemsize == 2 else array


def doubles(name: str, input: Tensor) -> Array:
    """Return the array in double precision."""
    return of_kind(name, ORDERED, input.array).astype("float64", copy=False)


def rounded(found: Array, input: Tensor) -> Array:
    """Return a result in the dtype that a function of ``input`` has: its own, or the default one for integers."""
    kind = input.array.dtype
    return found.astype(kind if kind.kind == "f" else dtypes.get_default_dtype().numpy, copy=False)


# -- the error function ------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * exp(-input * input) * (2 / math.sqrt(math.pi)))
def erf(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the error function, the integral of ``2 / sqrt(pi) * exp(-t * t)`` from 0 to each element."""
    return input.backend.erf(precise("erf", input)).astype(as_float(input).dtype, copy=False)


@differentiable(input=lambda grad, input: grad * exp(-input * input) * (-2 / math.sqrt(math.pi)))
def erfc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 - erf(input)``, exact where that is small."""
    return input.backend.erfc(precise("erfc", input)).astype(as_float(input).dtype, copy=False)


@differentiable(input=lambda grad, input, result: grad * (input * result - 1 / math.sqrt(math.pi)) * 2)
def erfcx(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(input**2) * erfc(input)``, which is tiny for no input."""
    return rounded(input.backend.erfcx(doubles("erfcx", input)), input)


def erfinv_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return ``grad * exp(erfinv(input)**2) * sqrt(pi) / 2``."""
    slope: Tensor = exp(erfinv(input).square()) * (math.sqrt(math.pi) / 2)
    return grad * slope


@differentiable(input=erfinv_grad)
def erfinv(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse of the error function: NaN outside [-1, 1], infinite at the ends.

    >>> import minitensor as torch
    >>> torch.erfinv(torch.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.4769,   -inf])
    """
    return rounded(input.backend.erfinv(doubles("erfinv", input)), input)


def normal_density(input: Tensor) -> Tensor:
    """Return the density of the normal distribution."""
    return exp(input * input * -0.5) * math.sqrt(0.5 / math.pi)


@differentiable(input=lambda grad, input: grad * normal_density(input))
def ndtr(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the normal distribution function: the share of a standard normal variable's draws below ``input``."""
    return rounded(input.backend.ndtr(doubles("ndtr", input)), input)


@differentiable(input=lambda grad, input: grad / erfcx(input * -math.sqrt(0.5)) * math.sqrt(2 / math.pi))
def log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(ndtr(input))``, exact also where that is tiny."""
    return rounded(input.backend.log_ndtr(doubles("log_ndtr", input)), input)


@differentiable(input=lambda grad, result: grad * exp(result * result * 0.5) * math.sqrt(2 * math.pi))
def ndtri(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse of ``ndtr``: NaN outside [0, 1], infinite at the ends."""
    return rounded(input.backend.ndtri(doubles("ndtri", input)), input)


# -- the gamma function ------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * input.digamma())
def lgamma(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the logarithm of the gamma function's modulus.

    >>> import minitensor as torch
    >>> torch.lgamma(torch.tensor([1.0, 5.0])).exp()
    tensor([ 1., 24.])
    """
    return rounded(input.backend.lgamma(doubles("lgamma", input)), input)


@differentiable(input=lambda grad, input: grad * polygamma(1, input))
def digamma(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the derivative of ``lgamma``."""
    return rounded(input.backend.digamma(doubles("digamma", input)), input)


@differentiable(input=lambda grad, n, input: grad * polygamma(n + 1, input))
def _polygamma(n: int, input: Tensor) -> Array:
    return rounded(input.backend.polygamma(n, doubles("polygamma", input)), input)


@composite
def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the n-th derivative of ``digamma``."""
    if n < 0:
        raise UsageError(f"polygamma: n must be non-negative, got {n}")
    return delivered("polygamma", _polygamma(n, input) if n else digamma(input), out, input)


@named("mvlgamma")
def multigammaln(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """Return the logarithm of the gamma function of dimension ``p``: the sum of lgamma(input - j / 2) over j < p."""
    if p < 1:
        raise UsageError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    halves = [lgamma(sub(input, j / 2)) for j in range(p)]
    total = halves[0] + p * (p - 1) / 4 * math.log(math.pi)
    for each in halves[1:]:
        total = total + each
    return delivered("multigammaln", total, out)


# -- Bessel functions --------------------------------------------------------------------------------------------------


def slope_of_i0(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``i0``."""
    return grad * i1(input)


def slope_of_i0e(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of ``i0e``."""
    return grad * (i1e(input) - sgn(input) * result)


def slope_of_i1(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of ``i1``."""
    return grad * (i0(input) - quotient_at(input, result, 1))


def slope_of_i1e(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of ``i1e``."""
    return grad * (i0e(input) - sgn(input) * result - quotient_at(input, result, 1, exp(-abs(input))))


@differentiable(input=slope_of_i0)
def i0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the first kind of order 0."""
    return rounded(input.backend.i0(doubles("i0", input)), input)


@differentiable(input=slope_of_i0e)
def i0e(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(-|input|) * i0(input)``."""
    return rounded(input.backend.i0e(doubles("i0e", input)), input)


def quotient_at(input: Tensor, result: Tensor, sign: int, factor: Any = 1.0) -> Tensor:
    """Return ``result / input`` for ``i1`` (sign 1) or ``bessel_j1`` (-1), times ``factor``, by a series near zero.

    There the quotient's own derivative would be a difference of large numbers.
    """
    near = abs(input) < 0.02
    square = where(near, input, 0) ** 2 * sign
    series = factor * (0.5 + square * (1 / 16 + square / 384))
    quotient: Tensor = where(near, series, result / where(near, 1, input))
    return quotient


@differentiable(input=slope_of_i1)
def i1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the first kind of order 1."""
    return rounded(input.backend.i1(doubles("i1", input)), input)


@differentiable(input=slope_of_i1e)
def i1e(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(-|input|) * i1(input)``."""
    return rounded(input.backend.i1e(doubles("i1e", input)), input)


def slope_of_j0(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``bessel_j0``."""
    return -grad * bessel_j1(input)


def slope_of_j1(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of ``bessel_j1``."""
    return grad * (bessel_j0(input) - quotient_at(input, result, -1))


def slope_of_y0(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``bessel_y0``."""
    return -grad * bessel_y1(input)


def slope_of_y1(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of ``bessel_y1``."""
    return grad * (bessel_y0(input) - result / input)


@differentiable(input=slope_of_j0)
def bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the first kind of order 0 (with SciPy)."""
    return rounded(input.backend.bessel_j0(doubles("bessel_j0", input)), input)


@differentiable(input=slope_of_j1)
def bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the first kind of order 1 (with SciPy)."""
    return rounded(input.backend.bessel_j1(doubles("bessel_j1", input)), input)


@differentiable(input=slope_of_y0)
def bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the second kind of order 0 (with SciPy)."""
    return rounded(input.backend.bessel_y0(doubles("bessel_y0", input)), input)


@differentiable(input=slope_of_y1)
def bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the second kind of order 1 (with SciPy)."""
    return rounded(input.backend.bessel_y1(doubles("bessel_y1", input)), input)


# -- logarithms beside factors -----------------------------------------------------------------------------------------


def inexact(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return two operands in a real floating-point dtype."""
    a, b = operands(input, other)
    return (a, b) if of_kind(name, ORDERED, a).dtype.kind == "f" else as_floats(input, other)


@differentiable(
    input=lambda grad, input, other: where((input == 0) & (other <= 0), 0, grad.xlogy(other)),
    other=lambda grad, input, other: where((input == 0) & (other == 0), 0, grad * input / other),
)
def xlogy(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``input * log(other)``, and zero where ``input`` is zero, unless ``other`` is NaN.

    >>> import minitensor as torch
    >>> torch.xlogy(torch.tensor([0.0, 2.0]), 0.0)
    tensor([0., -inf])
    """
    a, b = inexact("xlogy", input, other)
    xp = library_of(input, other)
    return xp.where((a == 0) & (b == b), a.dtype.type(0), a * xp.log(b))


def factor_of_xlog1py(grad: Tensor, input: Any, other: Any) -> Any:
    """Return the gradient of ``xlog1py`` in its factor."""
    return where((input == 0) & (other <= -1), 0, xlog1py(grad, other))


@differentiable(
    input=factor_of_xlog1py,
    other=lambda grad, input, other: where((input == 0) & (other == -1), 0, grad * input / (other + 1)),
)
def xlog1py(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``input * log1p(other)``, and zero where ``input`` is zero, unless ``other`` is NaN."""
    a, b = inexact("xlog1py", input, other)
    xp = library_of(input, other)
    return xp.where((a == 0) & (b == b), a.dtype.type(0), a * xp.log1p(b))


def slope_of_entr(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``entr``."""
    return -grad * (log(input) + 1)


@differentiable(input=slope_of_entr)
def entr(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``-input * log(input)``, a term of an entropy: 0 at 0, and minus infinity for what is negative."""
    array, xp = of_kind("entr", FLOATS, as_float(input)), input.xp
    inside = -array * xp.log(xp.where(array == 0, array.dtype.type(1), array))
    return xp.where(array < 0, array.dtype.type(-math.inf), xp.where(array == 0, array.dtype.type(0), inside))


def slope_of_logit(grad: Tensor, input: Tensor, eps: float | None) -> Any:
    """Return ``grad / (input * (1 - input))``: zero where ``eps`` cut the input off, NaN outside [0, 1]."""
    slope = grad / (input * (1 - input))
    if eps is None or eps < 0:
        return where((input < 0) | (input > 1), math.nan, slope)
    return where((input < eps) | (input > 1 - eps), 0, slope)


@differentiable(input=slope_of_logit)
def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Array:
    """Return ``log(input / (1 - input))``, the inverse of ``sigmoid``; ``eps`` limits the input to [eps, 1 - eps].

    >>> import minitensor as torch
    >>> torch.logit(torch.tensor([0.5, 1.0]), eps=0.25)
    tensor([0.0000, 1.0986])
    """
    xp, array = input.xp, of_kind("logit", FLOATS, as_float(input))
    if eps is not None:
        low, high = [fitted(each, array.dtype, array) for each in (float(eps), 1 - float(eps))]
        array = xp.where(array < low, low, xp.where(array > high, high, array))
    return xp.log(array / (1 - array))


def slope_of_sinc(grad: Tensor, input: Tensor) -> Any:
    """Return the gradient of ``sinc``: with y = pi x that is (cos(y) - sin(y) / y) / x, and zero at zero."""
    near = abs(input) < 0.03
    x, small = where(near, 1, input), where(near, input, 0)
    turned, square = x * math.pi, (small * math.pi) ** 2
    series = small * math.pi**2 * (-1 / 3 + square * (1 / 30 - square * (1 / 840 - square / 45360)))
    return grad * conj(where(near, series, (cos(turned) - sin(turned) / turned) / x))


@differentiable(input=slope_of_sinc)
def sinc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``sin(pi * input) / (pi * input)``, and 1 at zero."""
    array, xp = as_float(input), input.xp
    one = array.dtype.type(1)
    turned = xp.where(array == 0, one, array * array.dtype.type(math.pi))
    return xp.where(array == 0, one, xp.sin(turned) / turned)


# -- with SciPy --------------------------------------------------------------------------------------------------------


def slope_of_zeta(grad: Tensor, input: Any, other: Tensor) -> Tensor:
    """Return the gradient of ``zeta`` in ``other``."""
    slope: Tensor = -grad * input * zeta(input + 1, other)
    return slope


@differentiable(other=slope_of_zeta)
def zeta(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return Hurwitz's zeta function, the sum of ``(other + k) ** -input`` over k (with SciPy)."""
    a, b = inexact("zeta", input, other)
    found: Array = input_backend(input, other).zeta(a, b)
    return found.astype(a.dtype, copy=False)


@differentiable(other=lambda grad, input, other: grad * power_density(input, other))
def gammainc(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the regularized lower incomplete gamma function (with SciPy)."""
    require_tensors("gammainc", input=input, other=other)
    a, b = ordered("gammainc", input, other, FLOATS)
    found: Array = input_backend(input, other).gammainc(a, b)
    return found.astype(a.dtype, copy=False)


@differentiable(other=lambda grad, input, other: -grad * power_density(input, other))
def gammaincc(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the regularized upper incomplete gamma function (with SciPy)."""
    require_tensors("gammaincc", input=input, other=other)
    a, b = ordered("gammaincc", input, other, FLOATS)
    found: Array = input_backend(input, other).gammaincc(a, b)
    return found.astype(a.dtype, copy=False)


def power_density(shape: Tensor, x: Tensor) -> Tensor:
    """Return the density of the gamma distribution."""
    return exp(log(x) * (shape - 1) - x - lgamma(shape))


def input_backend(*tensors: Any) -> Any:
    """Return the backend of operands of which one may be a number."""
    return next(each.backend for each in tensors if not isinstance(each, (int, float)))


# -- in place ----------------------------------------------------------------------------------------------------------


@inplace(erf)
def erf_(input: Tensor) -> None:
    """Replace ``input`` by its error function."""


@inplace(erfc)
def erfc_(input: Tensor) -> None:
    """Replace ``input`` by 1 less its error function."""


@inplace(erfinv)
def erfinv_(input: Tensor) -> None:
    """Replace ``input`` by its inverse error function."""


@inplace(lgamma)
def lgamma_(input: Tensor) -> None:
    """Replace ``input`` by the logarithm of its gamma function."""


@inplace(digamma)
def digamma_(input: Tensor) -> None:
    """Replace ``input`` by its digamma function."""


@inplace(i0)
def i0_(input: Tensor) -> None:
    """Replace ``input`` by its modified Bessel function of order 0."""


@inplace(logit)
def logit_(input: Tensor, eps: float | None = None) -> None:
    """Replace ``input`` by its logit."""


@inplace(xlogy)
def xlogy_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by itself times ``log(other)``."""


@inplace(sinc)
def sinc_(input: Tensor) -> None:
    """Replace ``input`` by ``sin(pi * input) / (pi * input)``."""


@inplace(gammainc)
def igamma_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the lower incomplete gamma function of it and ``other``."""


@inplace(gammaincc)
def igammac_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the upper incomplete gamma function of it and ``other``."""


@named("mvlgamma_")
def multigammaln_(input: Tensor, p: int) -> Tensor:
    """Replace ``input`` by the logarithm of its gamma function of dimension ``p``."""
    return replaced("mvlgamma_", input, multigammaln(input.clone(), p))


def polygamma_of(input: Tensor, n: int) -> Tensor:
    """Return the n-th derivative of ``digamma``: the method, whose arguments stand the other way round."""
    return polygamma(n, input)


@composite
def polygamma_(input: Tensor, n: int) -> Tensor:
    """Replace ``input`` by the n-th derivative of its digamma function."""
    return replaced("polygamma_", input, polygamma(n, input.clone()))


def replaced(name: str, input: Tensor, result: Tensor) -> Tensor:
    """Write a composite's result, computed from a copy, over its input."""
    check_fits(name, input, result.array)
    return copy_(input, result)
