"""Nonlinearities of networks: the rectifier and its kin, sigmoids and gates, softmax.

What ``torch`` has at its top level and what it has in ``nn.functional`` alone both stand here; the latter chapter
takes its names from this one. An activation is a composite where that costs little, so that every order of its
gradient comes by itself.

Note [Kinks]. At a kink the gradient is PyTorch's: that of the flat side for ``relu``, ``relu6``, ``hardtanh``; of the
left side for ``elu``, ``leaky_relu``, ``threshold``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.dtypes import fit, float16, float64, int64
from minitensor.errors import ArgumentError, DtypeError, ShapeError, UnsupportedDtype
from minitensor.ops.aliasing import inplace, writes
from minitensor.ops.kinds import FLOATS, REALS, of_kind, require_kind
from minitensor.ops.operand import HALF, SINGLE, fitted
from minitensor.ops.out import delivered
from minitensor.ops.pointwise import where
from minitensor.ops.reduce import sum
from minitensor.ops.special import precise
from minitensor.ops.unary import abs, exp, sigmoid, tanh
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Scalar
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


# -- the rectifier -----------------------------------------------------------------------------------------------------


def masked_again(grad: Tensor, rectified: Tensor) -> Tensor:
    """Return the gradient of the masked gradient: masked alike."""
    return where_positive(grad, rectified)


def nothing(grad: Tensor) -> Tensor:
    """Return the gradient in what only chooses between branches: zero, but part of the graph, as in PyTorch."""
    return grad * 0


@differentiable(input=masked_again, rectified=nothing)
def where_positive(input: Tensor, rectified: Tensor) -> Array:
    """Return a gradient where the rectifier let something through, zero elsewhere."""
    return input.backend.where_positive(input.array, rectified.array)


@differentiable(input=lambda grad, result: where_positive(grad, result))
def relu(input: Tensor) -> Array:
    """Return ``max(0, input)``, element by element.

    >>> import minitensor as torch
    >>> torch.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return input.backend.rectify(of_kind("relu", REALS, input.array))


@writes(input=lambda grad, result: where_positive(grad, result))
def relu_(input: Tensor) -> None:
    """Replace ``input`` by ``max(0, input)``."""
    input.backend.rectify(of_kind("relu", REALS, input.array), out=input.array)


def gated_again(grad: Tensor, condition: Tensor, source: Tensor) -> Tensor:
    """Return the gradient of a gated gradient: gated alike."""
    return gated(grad, condition, source)


def sloped_again(grad: Tensor, source: Tensor, negative_slope: float) -> Tensor:
    """Return the gradient of a sloped gradient: sloped alike."""
    return sloped(grad, source, negative_slope)


@differentiable(input=gated_again, source=nothing)
def gated(input: Tensor, condition: Tensor, source: Tensor) -> Array:
    """Return a gradient where a condition on ``source`` holds, zero elsewhere."""
    return input.backend.where(condition.array, input.array, input.array.dtype.type(0))


@differentiable(input=sloped_again, source=nothing)
def sloped(input: Tensor, source: Tensor, negative_slope: float) -> Array:
    """Return a gradient where ``source`` is positive, and times a slope elsewhere."""
    grad = input.array
    return input.backend.where(source.array > 0, grad, times(grad, negative_slope))


def times(array: Array, factor: float) -> Array:
    """Return floats times a number, which for halves counts in full; see Note [Halves beside numbers]."""
    if array.dtype is HALF:
        return (array.astype(SINGLE) * fitted(factor, SINGLE, array)).astype(HALF)
    return array * fitted(factor, array.dtype, array)


def is_between(input: Tensor, min_val: float, max_val: float) -> Any:
    """Whether an element lies between two limits."""
    input = wide(input)
    return (input > min_val) & (input < max_val)


def wide(input: Tensor) -> Tensor:
    """Return a tensor to compare with a number that counts in full: halves as singles."""
    return input.float() if input.dtype is float16 else input


@differentiable(
    input=lambda grad, input, min_val, max_val: gated(grad, is_between(input, min_val, max_val), input)
)
def hardtanh(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0) -> Array:
    """Return ``input`` limited to [min_val, max_val], ``max_val`` where they cross; there the gradient is zero."""
    array = of_kind("hardtanh", REALS, input.array)
    if array.dtype.kind != "f":
        min_val, max_val = [fit(each, int64.numpy).item() for each in (min_val, max_val)]
    if array.dtype.kind == "u" and (min_val < 0 or max_val < 0):
        raise UnsupportedDtype(f"hardtanh: {input.dtype.name} has no negative limits, got {min_val} and {max_val}")
    low, high = [fitted(each, array.dtype, array) for each in (min_val, max_val)]
    return input.xp.clip(array, low, high)


def relu6(input: Tensor) -> Tensor:
    """Return ``min(max(0, input), 6)``."""
    return hardtanh(input, 0.0, 6.0)


@differentiable(input=lambda grad, input, negative_slope: sloped(grad, input, negative_slope))
def leaky_relu(input: Tensor, negative_slope: Scalar = 0.01) -> Array:
    """Return ``input`` where it is positive and ``negative_slope * input`` elsewhere."""
    array, xp = of_kind("leaky_relu", FLOATS, input.array), input.xp
    sloped = times(array, negative_slope)
    if negative_slope.__class__ is not complex and 0 < negative_slope <= 1:
        return xp.maximum(array, sloped)  # a third of the time of `where`
    return input.backend.where(array > 0, array, sloped)


@composite
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return ``input`` where it is positive and ``weight * input`` elsewhere; one weight, or one for each of dim 1."""
    if weight.ndim > 1:
        raise ShapeError(f"prelu: expected `weight` to be a scalar or 1-d tensor, got shape {list(weight.shape)}")
    if weight.dtype is not input.dtype:
        raise DtypeError(f"prelu: type promoting not supported, got {input.dtype.name} and {weight.dtype.name}")
    if weight.numel() == 1:
        weight = weight.reshape(())
    else:
        weight = per_channel(weight, input)
    return _prelu(input, weight)


def prelu_slope(grad: Tensor, input: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of ``prelu`` in its input."""
    return gated(grad, input > 0, input) + gated(grad * weight, ~(input > 0), input)


@differentiable(
    input=prelu_slope,
    weight=lambda grad, input: gated(grad * input, ~(input > 0), input),
)
def _prelu(input: Tensor, weight: Tensor) -> Array:
    array = of_kind("prelu", FLOATS, input.array)
    return input.backend.where(array > 0, array, weight.array * array)


def per_channel(weight: Tensor, input: Tensor) -> Tensor:
    """Return weights, one for each entry of dim 1, so that they broadcast against the input."""
    if not input.ndim:
        raise ShapeError(f"prelu: an input of no dims has no channels for weight of shape {list(weight.shape)}")
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() != channels:
        raise ShapeError(
            f"prelu: mismatch of parameter numbers and input channels: got weight of shape {list(weight.shape)} "
            f"for {channels} channels of an input of shape {list(input.shape)}"
        )
    return weight.reshape((-1,) + (1,) * (input.ndim - 2))


def in_reach(input: Tensor, threshold: float) -> Any:
    """Whether an element is not greater than a threshold, which counts in full beside halves."""
    return wide(input) <= threshold


@differentiable(input=lambda grad, input, threshold: gated(grad, ~in_reach(input, threshold), input))
def threshold(input: Tensor, threshold: Scalar, value: Scalar) -> Array:
    """Return ``input`` where it is greater than ``threshold`` and ``value`` elsewhere."""
    array = of_kind("threshold", REALS, input.array)
    bound = fitted(threshold, SINGLE if array.dtype is HALF else array.dtype, array)
    filling = fitted(value, array.dtype, array)
    return input.backend.where(array <= bound, filling, array)


@differentiable(input=lambda grad, input, lambd: gated(grad, (input < -lambd) | (input > lambd), input))
def hardshrink(input: Tensor, lambd: Scalar = 0.5, *, out: Tensor | None = None) -> Array:
    """Return ``input`` with zeros where it lies in [-lambd, lambd]."""
    array = of_kind("hardshrink", FLOATS, input.array)
    width, zero = fitted(lambd, array.dtype, array), array.dtype.type(0)
    return input.backend.where((array >= -width) & (array <= width), zero, array)


@differentiable(input=lambda grad, input, lambd: gated(grad, (input < -lambd) | (input > lambd), input))
def softshrink(input: Tensor, lambd: Scalar = 0.5, *, out: Tensor | None = None) -> Array:
    """Return ``input`` moved by ``lambd`` towards zero, and zero where it lies in [-lambd, lambd]."""
    limit = input.xp.finfo(of_kind("softshrink", FLOATS, input.array).dtype).max
    if not 0 <= fit(lambd, float64.numpy) <= limit:
        raise ShapeError(f"softshrink: lambda must be in the range [0, {limit}] of {input.dtype.name}, got {lambd}")
    array, xp = precise("softshrink", input), input.xp
    width, zero = fitted_to(array, lambd, 0)
    moved = xp.where(array > width, array - width, xp.where(array < -width, array + width, array * zero))
    return moved.astype(input.array.dtype, copy=False)


# -- exponential -------------------------------------------------------------------------------------------------------
# The exponential sees only the negative part: one of a large number would be infinite, and zero times it NaN.


def fitted_to(array: Array, *numbers: float) -> list[Array]:
    """Return numbers as 0-d arrays of an array's dtype; raise if one overflows it."""
    return [fitted(each, array.dtype, array) for each in numbers]


def elu_again(grad: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """Return the gradient of elu's gradient in what came in: the map is its own adjoint."""
    return elu_gradient(grad, x, alpha, scale, input_scale)


def elu_bend(
    grad: Tensor, input: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float
) -> Tensor:
    """Return the gradient of elu's gradient in the place where it was taken: zero where the curve is straight."""
    return gated(elu_gradient(grad * input * input_scale, x, alpha, scale, input_scale), x < 0, x)


@differentiable(input=elu_again, x=elu_bend)
def elu_gradient(input: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float) -> Array:
    """Return ``input`` times the derivative of ``_elu`` at ``x``."""
    grad, at, xp = precise("elu", input), precise("elu", x), input.xp
    left, right, bend, zero = fitted_to(at, alpha, scale, input_scale, 0)
    factor = left * right * bend
    slope = xp.asarray(xp.minimum(at, zero))
    slope *= bend
    slope = xp.exp(slope, out=slope)
    slope *= factor
    if factor != right or not xp.isfinite(bend):  # else it is right where the input is positive too
        slope = input.backend.where(at > 0, right, slope)
    slope *= grad
    return slope.astype(input.array.dtype, copy=False)


@differentiable(
    input=lambda grad, input, alpha, scale, input_scale: elu_gradient(grad, input, alpha, scale, input_scale)
)
def _elu(input: Tensor, alpha: float, scale: float, input_scale: float) -> Array:
    of_kind("elu", FLOATS, input.array)
    x, xp = precise("elu", input), input.xp
    left, right, bend, zero = fitted_to(x, alpha, scale, input_scale, 0)
    factor = left * right
    curve = xp.asarray(xp.minimum(x, zero))
    curve *= bend
    curve = xp.expm1(curve, out=curve)
    curve *= factor
    straight = xp.asarray(xp.maximum(x, zero) * right)
    if xp.isfinite(factor) and xp.isfinite(bend):  # a sum takes a third of the time of `where`
        straight += curve
    else:
        straight = input.backend.where(x < 0, curve, straight)
    return straight.astype(input.array.dtype, copy=False)


def elu(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Return ``input`` where it is positive and ``alpha * (exp(input) - 1)`` elsewhere."""
    return _elu(input, alpha, 1.0, 1.0)


@composite
def celu(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Return ``input`` where it is positive and ``alpha * (exp(input / alpha) - 1)`` elsewhere."""
    if alpha == 0:
        raise CeluAlpha("celu: alpha cannot be 0")
    require_kind("celu", FLOATS, input)
    return _elu(input, alpha, 1.0, 1.0 / fit(alpha, float64.numpy).item())


class CeluAlpha(DtypeError, ZeroDivisionError):
    """A division by alpha = 0."""


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@composite
def selu(input: Tensor) -> Tensor:
    """Return ``scale * elu(input, alpha)``, which keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    require_kind("selu", FLOATS, input)
    return _elu(input, SELU_ALPHA, SELU_SCALE, 1.0)


def softplus_again(grad: Tensor, x: Tensor, beta: float, threshold: float) -> Tensor:
    """Return the gradient of softplus' gradient in what came in: the map is its own adjoint."""
    return softplus_gradient(grad, x, beta, threshold)


def softplus_bend(x: Tensor, beta: float, threshold: float) -> Tensor:
    """Return the second derivative of ``softplus``."""
    gate = sigmoid(x * beta)
    return gated(gate * (1 - gate) * beta, x * beta < threshold, x)


@differentiable(
    input=softplus_again,
    x=lambda grad, input, x, beta, threshold: grad * input * softplus_bend(x, beta, threshold),
)
def softplus_gradient(input: Tensor, x: Tensor, beta: float, threshold: float) -> Array:
    """Return ``input`` times the derivative of ``softplus`` at ``x``."""
    grad, at = precise("softplus", input), precise("softplus", x)
    factor, limit, one = fitted_to(at, beta, threshold, 1)
    scaled = at * factor
    slope = input.backend.where(scaled > limit, one, input.backend.sigmoid(scaled))
    return (grad * slope).astype(input.array.dtype, copy=False)


@differentiable(input=lambda grad, input, beta, threshold: softplus_gradient(grad, input, beta, threshold))
def softplus(input: Tensor, beta: Scalar = 1.0, threshold: Scalar = 20.0, *, out: Tensor | None = None) -> Array:
    """Return ``log(1 + exp(beta * input)) / beta``, and ``input`` where ``beta * input`` exceeds ``threshold``."""
    of_kind("softplus", FLOATS, input.array)
    xp, array = input.xp, precise("softplus", input)
    factor, limit, zero = fitted_to(array, beta, threshold, 0)
    scaled = array * factor
    smooth = (xp.maximum(scaled, zero) + xp.log1p(xp.exp(-xp.abs(scaled)))) / factor
    return input.backend.where(scaled > limit, array, smooth).astype(input.array.dtype, copy=False)


@differentiable(input=lambda grad, input: grad * sigmoid(-input))
def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(sigmoid(input))`` without overflow."""
    xp, array = input.xp, of_kind("logsigmoid", FLOATS, input.array)
    return xp.minimum(array, array.dtype.type(0)) - xp.log1p(xp.exp(-xp.abs(array)))


# -- gates -------------------------------------------------------------------------------------------------------------


def silu_again(grad: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of silu's gradient in what came in: the map is its own adjoint."""
    return silu_gradient(grad, x)


def silu_bend(x: Tensor) -> Tensor:
    """Return the second derivative of ``silu``."""
    gate = sigmoid(x)
    return gate * (1 - gate) * (x * (1 - gate * 2) + 2)


@differentiable(input=silu_again, x=lambda grad, input, x: grad * input * silu_bend(x))
def silu_gradient(input: Tensor, x: Tensor) -> Array:
    """Return ``input`` times the derivative of ``silu`` at ``x``."""
    grad, at = precise("silu", input), precise("silu", x)
    return input.backend.silu_gradient(grad, at).astype(input.array.dtype, copy=False)


@differentiable(input=lambda grad, input: silu_gradient(grad, input))
def _silu(input: Tensor) -> Array:
    array = of_kind("silu", FLOATS, input.array)
    return input.backend.silu(precise("silu", input)).astype(array.dtype, copy=False)


def silu(input: Tensor) -> Tensor:
    """Return ``input * sigmoid(input)``, also known as swish."""
    return input * sigmoid(input) if input.is_complex() else _silu(input)


def mish(input: Tensor) -> Tensor:
    """Return ``input * tanh(softplus(input))`` (Misra 2019)."""
    require_kind("mish", FLOATS, input)
    return input * tanh(softplus(input))


def density(input: Tensor) -> Tensor:
    """Return the density of the normal distribution."""
    return exp(input * input * -0.5) * math.sqrt(0.5 / math.pi)


def gelu_again(grad: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of gelu's gradient in what came in: the map is its own adjoint."""
    return gelu_gradient(grad, x)


@differentiable(
    input=gelu_again,
    x=lambda grad, input, x: grad * input * density(x) * (2 - x * x),
)
def gelu_gradient(input: Tensor, x: Tensor) -> Array:
    """Return ``input`` times the derivative of ``gelu`` at ``x``."""
    grad, at = precise("gelu", input), precise("gelu", x)
    return input.backend.gelu_gradient(grad, at).astype(input.array.dtype, copy=False)


@differentiable(input=lambda grad, input: gelu_gradient(grad, input))
def _gelu(input: Tensor) -> Array:
    array = of_kind("gelu", FLOATS, input.array)
    return input.backend.gelu(precise("gelu", input)).astype(array.dtype, copy=False)


BEND, WIDTH = 0.044715, math.sqrt(2 / math.pi)


def gelu_by_tanh_slope(x: Tensor) -> Tensor:
    """Return the derivative of ``gelu_by_tanh``."""
    square = x * x
    bent = tanh(x * (square * (WIDTH * BEND) + WIDTH))
    return (bent + 1 + x * (1 - bent * bent) * (square * (3 * WIDTH * BEND) + WIDTH)) * 0.5


@differentiable(input=lambda grad, input: grad * gelu_by_tanh_slope(input))
def gelu_by_tanh(input: Tensor) -> Array:
    """Return ``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2``."""
    of_kind("gelu", FLOATS, input.array)
    x = precise("gelu", input)
    found = input.xp.asarray(x * x)
    found *= x.dtype.type(WIDTH * BEND)
    found += x.dtype.type(WIDTH)
    found *= x
    found = input.xp.tanh(found, out=found)
    found += x.dtype.type(1)
    found *= x
    found *= x.dtype.type(0.5)
    return found.astype(input.array.dtype, copy=False)


@composite
def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Tensor:
    """Return ``input`` times the normal distribution function of it (Hendrycks and Gimpel 2016).

    ``approximate="tanh"`` takes a hyperbolic tangent for the distribution function, as some networks were trained with.
    """
    if approximate == "none":
        found = _gelu(input)
        return found if out is None else delivered("gelu", found, out, input)
    if approximate == "tanh":
        return delivered("gelu", gelu_by_tanh(input), out, input)
    raise GeluKind(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")


class GeluKind(ArgumentError, DtypeError):
    """An approximation that gelu does not have: PyTorch raises RuntimeError; this is a ValueError too."""


def hardsigmoid(input: Tensor) -> Tensor:
    """Return ``relu6(input + 3) / 6``."""
    require_kind("hardsigmoid", FLOATS, input)
    return hardtanh(input + 3, 0.0, 6.0) / 6


@differentiable(
    input=lambda grad, input: where(input <= -3, 0, grad * where(input < 3, input / 3 + 0.5, 1.0))
)
def hardswish(input: Tensor) -> Array:
    """Return ``input * relu6(input + 3) / 6`` (Howard et al. 2019)."""
    array = of_kind("hardswish", FLOATS, input.array)
    result: Array = array * input.xp.clip(array + array.dtype.type(3), 0, 6) / array.dtype.type(6)
    return result


@composite
def softsign(input: Tensor) -> Tensor:
    """Return ``input / (1 + |input|)``."""
    return input / (abs(input) + 1)


@composite
def tanhshrink(input: Tensor) -> Tensor:
    """Return ``input - tanh(input)``."""
    return input - tanh(input)


@composite
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return the first half along ``dim`` times the sigmoid of the second (Dauphin et al. 2017)."""
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("glu: does not support 0-dimensional tensors")
    require_kind("glu", FLOATS, input)
    size = input.shape[dim]
    if size % 2:
        raise ShapeError(f"glu: halving dimension must be even, but dimension {dim} is size {size}")
    return input.narrow(dim, 0, size // 2) * sigmoid(input.narrow(dim, size // 2, size // 2))


# -- softmax -----------------------------------------------------------------------------------------------------------


def weighted_again(grad: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Return the gradient of the softmax's gradient in what came in: the map is its own adjoint."""
    return softmax_gradient(grad, weights, dim)


@differentiable(
    input=weighted_again,
    weights=lambda grad, input, weights, dim: (
        grad * (input - sum(input * weights, dim, True)) - input * sum(grad * weights, dim, True)
    ),
)
def softmax_gradient(input: Tensor, weights: Tensor, dim: int) -> Array:
    """Return ``weights * (input - sum(weights * input))``, the gradient of a softmax whose result was ``weights``."""
    return input.backend.softmax_gradient(input.array, weights.array, dim)


@differentiable(input=lambda grad, result, dim: softmax_gradient(grad, result, dim))
def _softmax(input: Tensor, dim: int) -> Array:
    return input.backend.softmax(of_kind("softmax", FLOATS, input.array), dim)


@differentiable(
    input=lambda grad, logs, dim: grad - sum(grad * exp(logs), dim, True),
    logs=lambda grad, input, logs, dim: -grad * exp(logs) * sum(input, dim, True),
)
def log_softmax_gradient(input: Tensor, logs: Tensor, dim: int) -> Array:
    """Return ``input - exp(logs) * sum(input)``, the gradient of a log-softmax whose result was ``logs``."""
    return input.backend.log_softmax_gradient(input.array, logs.array, dim)


@differentiable(input=lambda grad, result, dim: log_softmax_gradient(grad, result, dim))
def _log_softmax(input: Tensor, dim: int) -> Array:
    return input.backend.log_softmax(of_kind("log_softmax", FLOATS, input.array), dim)


@composite
def softmax(input: Tensor, dim: int, dtype: Dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """Return ``exp(input) / sum(exp(input))`` along ``dim``: positive numbers that add up to 1.

    >>> import minitensor as torch
    >>> torch.softmax(torch.tensor([1., 1., 1., 1.]), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    if dtype is not None:
        input = input.to(dtype)
    found = _softmax(input, wrap_dim(dim, input.ndim))
    return found if out is None else delivered("softmax", found, out)


@composite
def log_softmax(input: Tensor, dim: int, dtype: Dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """Return ``log(softmax(input, dim))``, exact also where the softmax is tiny."""
    if dtype is not None:
        input = input.to(dtype)
    found = _log_softmax(input, wrap_dim(dim, input.ndim))
    return found if out is None else delivered("log_softmax", found, out)


def softmin(input: Tensor, dim: int, dtype: Dtype | None = None) -> Tensor:
    """Return ``softmax(-input, dim)``."""
    return softmax(-input, dim, dtype)


# -- in place ----------------------------------------------------------------------------------------------------------


@inplace(hardtanh)
def hardtanh_(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0) -> None:
    """Limit ``input`` to [min_val, max_val] where it lies."""


@inplace(leaky_relu)
def leaky_relu_(input: Tensor, negative_slope: Scalar = 0.01) -> None:
    """Multiply what is not positive in ``input`` by ``negative_slope``."""
