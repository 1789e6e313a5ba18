"""Special functions: the error function's family, the gamma function's, Bessel functions, logits.

The backends compute them (``backends/functions.py``), in double precision except for ``erf`` and ``erfc``, which have
kernels for float32; this chapter adds the gradients. It holds both what PyTorch has as ``torch.x`` and what it has as
``torch.special.x`` alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite, composite_as, no_derivative
from minitensor.autograd.strides import in_layout, of_tensors
from minitensor.backends.numpy.halves import convert
from minitensor.errors import UsageError
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj, sub
from minitensor.ops.choice import where
from minitensor.ops.exponentials import exp, log
from minitensor.ops.fill import write_back
from minitensor.ops.kinds import FLOATS, ORDERED, of_kind
from minitensor.ops.operand import (
    SINGLE,
    as_float,
    as_floats,
    backend_of,
    fit_number,
    library_of,
    operands,
    ordered_arrays,
    require_tensors,
)
from minitensor.ops.out import write_out
from minitensor.ops.rounding import abs, sgn
from minitensor.ops.trigonometry import cos, sin

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


def working_array(name: str, input: Tensor) -> Array:
    """Return the array in the precision to compute in: float32 for float16, otherwise its own."""
    array = of_kind(name, FLOATS, as_float(input))
    return convert(array, SINGLE) if array.dtype.itemsize == 2 else array


def to_floats(name: str, input: Tensor) -> Array:
    """Return the array as floats: float32 for float16, float64 for integers, otherwise its own."""
    array = of_kind(name, ORDERED, input.array)
    wanted = "float64" if array.dtype.kind != "f" else "float32" if array.dtype.itemsize == 2 else array.dtype
    return array.astype(wanted, copy=False)


def cast_result(found: Array, input: Tensor) -> Array:
    """Cast a result to the dtype of ``input``, or to the default dtype if that is an integer one."""
    kind = input.array.dtype
    return found.astype(kind if kind.kind == "f" else dtypes.get_default_dtype().numpy, copy=False)


# -- the error function ------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * exp(-input * input) * (2 / math.sqrt(math.pi)))
def erf(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the error function, the integral of ``2 / sqrt(pi) * exp(-t * t)`` from 0 to each element.

    >>> import minitensor as torch
    >>> torch.erf(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """
    return input.backend.erf(working_array("erf", input)).astype(as_float(input).dtype, copy=False)


@inplace(erf)
def erf_(input: Tensor) -> None:
    """Replace ``input`` by its error function."""


@differentiable(input=lambda grad, input: grad * exp(-input * input) * (-2 / math.sqrt(math.pi)))
def erfc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 - erf(input)``, accurate where that is small too.

    >>> erfc(tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    """
    return input.backend.erfc(working_array("erfc", input)).astype(as_float(input).dtype, copy=False)


@inplace(erfc)
def erfc_(input: Tensor) -> None:
    """Replace ``input`` by 1 less its error function."""


@differentiable(input=lambda grad, input, result: grad * (input * result - 1 / math.sqrt(math.pi)) * 2)
def erfcx(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(input**2) * erfc(input)``, which does not underflow.

    >>> erfcx(tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """
    return cast_result(input.backend.erfcx(to_floats("erfcx", input)), input)


def erfinv_grad(grad: Tensor, input: Tensor) -> Any:
    """Return ``grad * exp(erfinv(input)**2) * sqrt(pi) / 2``."""
    return grad * (exp(erfinv(input).square()) * (math.sqrt(math.pi) / 2))


@differentiable(input=erfinv_grad)
def erfinv(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse of the error function: NaN outside [-1, 1], infinite at the ends.

    >>> import minitensor as torch
    >>> torch.erfinv(torch.tensor([0.0, 0.5, -1.0]))
    tensor([0.0000, 0.4769,   -inf])
    """
    return cast_result(input.backend.erfinv(to_floats("erfinv", input)), input)


@inplace(erfinv)
def erfinv_(input: Tensor) -> None:
    """Replace ``input`` by its inverse error function."""


def normal_density(input: Tensor) -> Tensor:
    """Return the density of the normal distribution."""
    return exp(input * input * -0.5) * math.sqrt(0.5 / math.pi)


@differentiable(input=lambda grad, input: grad * normal_density(input))
def ndtr(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the normal distribution function: the probability that a standard normal variable is below ``input``.

    >>> ndtr(tensor([-1.0, 0.0]))
    tensor([0.1587, 0.5000])
    """
    return cast_result(input.backend.ndtr(to_floats("ndtr", input)), input)


# The density over ``ndtr``: the exponentials, which underflow, cancel in ``erfcx``.
@differentiable(input=lambda grad, input: grad * math.sqrt(2 / math.pi) / erfcx(input * -math.sqrt(0.5)))
def log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(ndtr(input))``, accurate where ``ndtr`` is tiny too.

    >>> log_ndtr(tensor([-10.0, 0.0]))
    tensor([-53.2313,  -0.6931])
    """
    return cast_result(input.backend.log_ndtr(to_floats("log_ndtr", input)), input)


@differentiable(input=lambda grad, result: grad * math.sqrt(2 * math.pi) * exp(result * result * 0.5))
def ndtri(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the inverse of ``ndtr``: NaN outside [0, 1], infinite at the ends.

    >>> ndtri(tensor([0.0, 0.5, 0.975]))
    tensor([  -inf, 0.0000, 1.9600])
    """
    return cast_result(input.backend.ndtri(to_floats("ndtri", input)), input)


# -- the gamma function ------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, input: grad * input.digamma())
def lgamma(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(abs(gamma(input)))``.

    >>> import minitensor as torch
    >>> torch.lgamma(torch.tensor([1.0, 5.0])).exp()
    tensor([ 1., 24.])
    """
    return cast_result(input.backend.lgamma(to_floats("lgamma", input)), input)


@inplace(lgamma)
def lgamma_(input: Tensor) -> None:
    """Replace ``input`` by the logarithm of its gamma function."""


def digamma_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return ``grad * polygamma(1, input)``."""
    return grad * polygamma(1, input)


@differentiable(input=digamma_grad)
def digamma(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the derivative of ``lgamma``.

    >>> digamma(tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
    """
    return cast_result(input.backend.digamma(to_floats("digamma", input)), input)


@inplace(digamma)
def digamma_(input: Tensor) -> None:
    """Replace ``input`` by its digamma function."""


def polygamma_grad(grad: Tensor, n: int, input: Tensor) -> Tensor:
    """Return ``grad * polygamma(n + 1, input)``."""
    return grad * polygamma(n + 1, input)


@differentiable(input=polygamma_grad)
@in_layout(of_tensors)
def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the n-th derivative of ``digamma``.

    Raises:
        RuntimeError: If ``n`` is negative.

    >>> import minitensor as torch
    >>> torch.polygamma(1, torch.tensor([1.]))
    tensor([1.6449])
    """
    if n < 0:
        raise UsageError(f"polygamma: n must be non-negative, got {n}")
    array, backend = to_floats("polygamma", input), input.backend
    return cast_result(backend.polygamma(n, array) if n else backend.digamma(array), input)


@composite
def polygamma_(input: Tensor, n: int) -> Tensor:
    """Replace ``input`` by the n-th derivative of its digamma function."""
    return write_back("polygamma_", input, polygamma(n, input.clone()))


@composite_as("mvlgamma")
def multigammaln(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """Return the logarithm of the multivariate gamma function of dimension ``p``.

    That is ``p * (p - 1) / 4 * log(pi)`` plus the sum of ``lgamma(input - j / 2)`` over j from 0 to p - 1.

    Raises:
        RuntimeError: If ``p`` is less than 1.

    >>> mvlgamma(tensor([2.0, 3.0]), p=2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise UsageError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    halves = [lgamma(sub(input, j / 2)) for j in range(p)]
    total = halves[0] + p * (p - 1) / 4 * math.log(math.pi)
    for each in halves[1:]:
        total = total + each
    return write_out("multigammaln", total.contiguous(), out)


@composite_as("mvlgamma_")
def multigammaln_(input: Tensor, p: int) -> Tensor:
    """Replace ``input`` by the logarithm of its multivariate gamma function of dimension ``p``."""
    return write_back("mvlgamma_", input, multigammaln(input.clone(), p))


# -- Bessel functions --------------------------------------------------------------------------------------------------


def i0_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return ``grad * i1(input)``."""
    return grad * i1(input)


def i0e_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return ``grad * (i1e(input) - sgn(input) * result)``."""
    return grad * (i1e(input) - sgn(input) * result)


def i1_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return ``grad * (i0(input) - result / input)``."""
    return grad * (i0(input) - quotient_near_zero(input, result, 1))


def i1e_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return ``grad * (i0e(input) - sgn(input) * result - result / input)``."""
    return grad * (i0e(input) - sgn(input) * result - quotient_near_zero(input, result, 1, exp(-abs(input))))


@differentiable(input=i0_grad)
def i0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the first kind of order 0.

    >>> i0(tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return cast_result(input.backend.i0(to_floats("i0", input)), input)


@inplace(i0)
def i0_(input: Tensor) -> None:
    """Replace ``input`` by its modified Bessel function of order 0."""


@differentiable(input=i0e_grad)
def i0e(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(-|input|) * i0(input)``.

    >>> i0e(tensor([0.0, 100.0]))
    tensor([1.0000, 0.0399])
    """
    return cast_result(input.backend.i0e(to_floats("i0e", input)), input)


def quotient_near_zero(input: Tensor, result: Tensor, sign: int, factor: Any = 1.0) -> Tensor:
    """Return ``result / input`` for ``i1`` (sign 1) or ``bessel_j1`` (-1), times ``factor``, by a series near zero.

    Near zero, the derivative of the quotient itself would be a difference of large numbers.
    """
    near = abs(input) < 0.02  # there the first term left out of the series is 7e-15 of the sum
    square = where(near, input, 0) ** 2 * sign
    series = factor * (0.5 + square * (1 / 16 + square / 384))
    quotient: Tensor = where(near, series, result / where(near, 1, input))
    return quotient


@differentiable(input=i1_grad)
def i1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the first kind of order 1.

    >>> i1(tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return cast_result(input.backend.i1(to_floats("i1", input)), input)


@differentiable(input=i1e_grad)
def i1e(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(-|input|) * i1(input)``.

    >>> i1e(tensor([0.0, 100.0]))
    tensor([0.0000, 0.0397])
    """
    return cast_result(input.backend.i1e(to_floats("i1e", input)), input)


def bessel_j0_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return ``-grad * bessel_j1(input)``."""
    return -grad * bessel_j1(input)


def bessel_j1_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return ``grad * (bessel_j0(input) - result / input)``."""
    return grad * (bessel_j0(input) - quotient_near_zero(input, result, -1))


def bessel_y0_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return ``-grad * bessel_y1(input)``."""
    return -grad * bessel_y1(input)


def bessel_y1_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return ``grad * (bessel_y0(input) - result / input)``."""
    return grad * (bessel_y0(input) - result / input)


@differentiable(input=bessel_j0_grad)
def bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the first kind of order 0 (needs SciPy).

    >>> bessel_j0(tensor([0.0, 1.0]))
    tensor([1.0000, 0.7652])
    """
    return cast_result(input.backend.bessel_j0(to_floats("bessel_j0", input)), input)


@differentiable(input=bessel_j1_grad)
def bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the first kind of order 1 (needs SciPy).

    >>> bessel_j1(tensor([0.0, 1.0]))
    tensor([0.0000, 0.4401])
    """
    return cast_result(input.backend.bessel_j1(to_floats("bessel_j1", input)), input)


@differentiable(input=bessel_y0_grad)
def bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the second kind of order 0 (needs SciPy).

    >>> bessel_y0(tensor([0.0, 1.0]))
    tensor([  -inf, 0.0883])
    """
    return cast_result(input.backend.bessel_y0(to_floats("bessel_y0", input)), input)


@differentiable(input=bessel_y1_grad)
def bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Bessel function of the second kind of order 1 (needs SciPy).

    >>> bessel_y1(tensor([0.0, 1.0]))
    tensor([   -inf, -0.7812])
    """
    return cast_result(input.backend.bessel_y1(to_floats("bessel_y1", input)), input)


# -- logarithms times factors ------------------------------------------------------------------------------------------


def float_operands(name: str, input: Operand, other: Operand) -> tuple[Array, Array]:
    """Return the arrays of two operands in a real floating-point dtype."""
    a, b = operands(input, other)
    return (a, b) if of_kind(name, ORDERED, a).dtype.kind == "f" else as_floats(input, other)


@differentiable(
    input=lambda grad, input, other: grad.xlogy(other).masked_fill((input == 0) & (other <= 0), 0),
    other=lambda grad, input, other: where((input == 0) & (other == 0), 0, grad * input / other),
)
def xlogy(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``input * log(other)``, and zero where ``input`` is zero, unless ``other`` is NaN.

    >>> import minitensor as torch
    >>> torch.xlogy(torch.tensor([0.0, 2.0]), 0.0)
    tensor([0., -inf])
    """
    a, b = float_operands("xlogy", input, other)
    xp = library_of(input, other)
    return xp.where((a == 0) & (b == b), a.dtype.type(0), a * xp.log(b))


@inplace(xlogy)
def xlogy_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by itself times ``log(other)``."""


def xlog1py_input_grad(grad: Tensor, input: Any, other: Any) -> Any:
    """Return ``grad * log1p(other)``, and zero where ``input`` is zero and the logarithm is not finite."""
    return xlog1py(grad, other).masked_fill((input == 0) & (other <= -1), 0)


@differentiable(
    input=xlog1py_input_grad,
    other=lambda grad, input, other: where((input == 0) & (other == -1), 0, grad * input / (other + 1)),
)
def xlog1py(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return ``input * log1p(other)``, and zero where ``input`` is zero, unless ``other`` is NaN.

    >>> xlog1py(tensor([0.0, 2.0]), tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    a, b = float_operands("xlog1py", input, other)
    xp = library_of(input, other)
    return xp.where((a == 0) & (b == b), a.dtype.type(0), a * xp.log1p(b))


def entr_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return ``-grad * (log(input) + 1)``."""
    return grad * -(log(input) + 1)


@differentiable(input=entr_grad)
def entr(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``-input * log(input)``, a term of an entropy: 0 at 0, and -inf for negative numbers.

    >>> entr(tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, -0.0000])
    """
    array, xp = of_kind("entr", FLOATS, as_float(input)), input.xp
    inside = -array * xp.log(xp.where(array == 0, array.dtype.type(1), array))
    return xp.where(array < 0, array.dtype.type(-math.inf), xp.where(array == 0, array.dtype.type(0), inside))


def logit_grad(grad: Tensor, input: Tensor, eps: float | None) -> Any:
    """Return ``grad / (input * (1 - input))``: zero where ``eps`` limited the input, NaN outside [0, 1]."""
    slope = grad / (input * (1 - input))
    if eps is None or eps < 0:
        return where((input < 0) | (input > 1), math.nan, slope)
    return where((input < eps) | (input > 1 - eps), 0, slope)


@differentiable(input=logit_grad)
@in_layout(of_tensors)
def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Array:
    """Return ``log(input / (1 - input))``, the inverse of ``sigmoid``; ``eps`` limits the input to [eps, 1 - eps].

    >>> import minitensor as torch
    >>> torch.logit(torch.tensor([0.5, 1.0]), eps=0.25)
    tensor([0.0000, 1.0986])
    """
    xp, array = input.xp, of_kind("logit", FLOATS, as_float(input))
    if eps is not None:
        low, high = [fit_number(each, array.dtype, array) for each in (float(eps), 1 - float(eps))]
        array = xp.where(array < low, low, xp.where(array > high, high, array))
    return xp.log(array / (1 - array))


@inplace(logit)
def logit_(input: Tensor, eps: float | None = None) -> None:
    """Replace ``input`` with its logit."""


def sinc_grad(grad: Tensor, input: Tensor) -> Any:
    """Return the gradient of ``sinc``: (cos(y) - sin(y) / y) / x for y = pi x, and zero at zero."""
    near = abs(input) < 0.03  # cos(y) - sin(y) / y cancels; what the series leaves out is 5e-15 of it
    x, small = where(near, 1, input), where(near, input, 0)
    turned, square = x * math.pi, (small * math.pi) ** 2
    series = small * math.pi**2 * (-1 / 3 + square * (1 / 30 - square * (1 / 840 - square / 45360)))
    return grad * conj(where(near, series, (cos(turned) - sin(turned) / turned) / x))


@differentiable(input=sinc_grad)
def sinc(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``sin(pi * input) / (pi * input)``, and 1 at zero.

    >>> import minitensor as torch
    >>> torch.sinc(torch.tensor([0., 0.5]))
    tensor([1.0000, 0.6366])
    """
    array, xp = as_float(input), input.xp
    one = array.dtype.type(1)
    turned = xp.where(array == 0, one, array * array.dtype.type(math.pi))
    return xp.where(array == 0, one, xp.sin(turned) / turned)


@inplace(sinc)
def sinc_(input: Tensor) -> None:
    """Replace ``input`` by ``sin(pi * input) / (pi * input)``."""


@differentiable(
    input=no_derivative("zeta: self"),
    other=lambda grad, input, other: -grad * input * zeta(input + 1, other),  # type: ignore[has-type]  # defined below
)
def zeta(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the Hurwitz zeta function, the sum of ``(other + k) ** -input`` over k >= 0 (needs SciPy).

    >>> zeta(tensor([2.0]), tensor([1.0]))
    tensor([1.6449])
    """
    input, other = host_value(input, None), host_value(other, None)
    a, b = float_operands("zeta", input, other)
    found: Array = backend_of(input, other).zeta(a, b)
    return found.astype(a.dtype, copy=False)


@differentiable(
    input=no_derivative("igamma: input"), other=lambda grad, input, other: grad * gamma_density(input, other)
)
def gammainc(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the regularized lower incomplete gamma function of shape ``input`` at ``other`` (needs SciPy).

    >>> igamma(tensor([1.0]), tensor([2.0]))
    tensor([0.8647])
    """
    require_tensors("gammainc", input=input, other=other)
    a, b = ordered_arrays("gammainc", input, other, FLOATS)
    found: Array = backend_of(input, other).gammainc(a, b)
    return found.astype(a.dtype, copy=False)


@inplace(gammainc)
def igamma_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the lower incomplete gamma function of it and ``other``."""


@differentiable(
    input=no_derivative("igammac: input"), other=lambda grad, input, other: -grad * gamma_density(input, other)
)
def gammaincc(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the regularized upper incomplete gamma function of shape ``input`` at ``other`` (needs SciPy).

    >>> igammac(tensor([1.0]), tensor([2.0]))
    tensor([0.1353])
    """
    require_tensors("gammaincc", input=input, other=other)
    a, b = ordered_arrays("gammaincc", input, other, FLOATS)
    found: Array = backend_of(input, other).gammaincc(a, b)
    return found.astype(a.dtype, copy=False)


@inplace(gammaincc)
def igammac_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the upper incomplete gamma function of it and ``other``."""


def gamma_density(shape: Tensor, x: Tensor) -> Tensor:
    """Return the density at ``x`` of the gamma distribution of this shape."""
    return exp(log(x) * (shape - 1) - x - lgamma(shape))


def polygamma_method(input: Tensor, n: int) -> Tensor:
    """Return ``polygamma(n, input)``: the method, whose arguments are in the other order.

    >>> tensor([1.0, 2.0]).polygamma(1)
    tensor([1.6449, 0.6449])
    """
    return polygamma(n, input)
