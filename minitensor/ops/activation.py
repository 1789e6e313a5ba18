"""Nonlinearities of networks: rectifiers and exponentials. Gates are in ``gates.py``, softmax is in ``softmax.py``.

Here are both those that PyTorch has as ``torch.x`` and those that it has as ``nn.functional.x`` alone; that chapter
takes them from here. An activation is a composite where that costs little: then its gradients of every order need no
formula.

Note [Kinks]. At a kink the gradient is PyTorch's: that of the flat side for ``relu``, ``relu6``, ``hardtanh``; of the
left side for ``elu``, ``leaky_relu``, ``threshold``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import as_input, in_layout, of_input, of_tensors, row_major
from minitensor.autograd.tables import by_table, rounds_once
from minitensor.backends import any_true
from minitensor.backends.numpy.halves import convert
from minitensor.dtypes import HALVES, float64, int64
from minitensor.errors import DtypeError, ShapeError, UnsupportedDtypeError, UsageZeroDivisionError
from minitensor.ops.aliasing import inplace, writes
from minitensor.ops.exponentials import sigmoid
from minitensor.ops.kinds import FLOATS, REALS, of_kind, require_kind
from minitensor.ops.operand import HALF, SINGLE, fit_number
from minitensor.ops.special import working_array
from minitensor.scalars import fit

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Scalar
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- the rectifier -----------------------------------------------------------------------------------------------------


def relu_grad_grad(grad: Tensor, rectified: Tensor) -> Tensor:
    """Return ``grad`` where ``relu`` let the input through: the map is its own adjoint."""
    return relu_grad(grad, rectified)


def branch_grad(grad: Tensor) -> Tensor:
    """Return the gradient of an argument that only selects a branch: zero, yet part of the graph, as in PyTorch."""
    return grad * 0


@differentiable(input=relu_grad_grad, rectified=branch_grad)
@in_layout(of_tensors)
def relu_grad(input: Tensor, rectified: Tensor) -> Array:
    """Return ``input``, a gradient, where the result ``rectified`` of ``relu`` is positive, and zero elsewhere."""
    return input.backend.relu_backward(input.array, rectified.array)


@differentiable(input=lambda grad, result: relu_grad(grad, result))
@by_table
def relu(input: Tensor) -> Array:
    """Return ``max(0, input)``, element by element.

    >>> import minitensor as torch
    >>> torch.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return input.backend.relu(of_kind("relu", REALS, input.array))


@writes(input=lambda grad, result: relu_grad(grad, result))
def relu_(input: Tensor) -> None:
    """Replace ``input`` by ``max(0, input)``."""
    input.backend.relu(of_kind("relu", REALS, input.array), out=input.array)


def mask_grad_grad(grad: Tensor, condition: Tensor, source: Tensor) -> Tensor:
    """Return ``grad`` where ``condition`` is true: the map is its own adjoint."""
    return mask_grad(grad, condition, source)


def leaky_relu_grad_grad(grad: Tensor, source: Tensor, negative_slope: float) -> Tensor:
    """Return ``grad`` times the slope at ``source``: the map is its own adjoint."""
    return leaky_relu_grad(grad, source, negative_slope)


@differentiable(input=mask_grad_grad, source=branch_grad)
def mask_grad(input: Tensor, condition: Tensor, source: Tensor) -> Array:
    """Return ``input``, a gradient, where ``condition`` on ``source`` is true, and zero elsewhere."""
    return input.backend.where(condition.array, input.array, input.array.dtype.type(0))


@differentiable(input=leaky_relu_grad_grad, source=branch_grad)
@in_layout(of_tensors)
def leaky_relu_grad(input: Tensor, source: Tensor, negative_slope: float) -> Array:
    """Return ``input``, a gradient, where ``source`` is positive, and ``negative_slope * input`` elsewhere."""
    grad = input.array
    return input.backend.where(source.array > 0, grad, scale(grad, negative_slope))


def scale(array: Array, factor: float) -> Array:
    """Return ``array * factor``; for float16 the factor is not rounded, see Note [Halves beside numbers]."""
    if array.dtype is HALF:
        return convert(convert(array, SINGLE) * fit_number(factor, SINGLE, array), HALF)
    return array * fit_number(factor, array.dtype, array)


def is_between(input: Tensor, min_val: float, max_val: float) -> Any:
    """Whether ``min_val < input < max_val``."""
    input = widen_halves(input)
    return (input > min_val) & (input < max_val)


def widen_halves(input: Tensor) -> Tensor:
    """Convert 16 bits to float32, for comparison with a number that is not rounded to 16 bits."""
    return input.float() if input.dtype in HALVES else input


@differentiable(
    input=lambda grad, input, min_val, max_val: mask_grad(grad, is_between(input, min_val, max_val), input)
)
@in_layout(as_input)
@by_table
def hardtanh(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0) -> Array:
    """Return ``input`` limited to [min_val, max_val], or to ``max_val`` where they cross.

    The gradient is zero at the limits and outside of them.
    """
    array = of_kind("hardtanh", REALS, input.array)
    if array.dtype.kind != "f":
        min_val, max_val = [fit(each, int64.numpy).item() for each in (min_val, max_val)]
    if array.dtype.kind == "u" and (min_val < 0 or max_val < 0):
        raise UnsupportedDtypeError(f"hardtanh: {input.dtype.name} has no negative limits, got {min_val} and {max_val}")
    low, high = [fit_number(each, array.dtype, array) for each in (min_val, max_val)]
    return input.xp.clip(array, low, high)


@inplace(hardtanh)
def hardtanh_(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0) -> None:
    """Limit ``input`` to [min_val, max_val] in place."""


def relu6(input: Tensor) -> Tensor:
    """Return ``min(max(0, input), 6)``."""
    return hardtanh(input, 0.0, 6.0)


@differentiable(
    input=rounds_once(lambda grad, input, negative_slope: leaky_relu_grad(grad, input, negative_slope))
)
@in_layout(of_tensors)
@by_table
def leaky_relu(input: Tensor, negative_slope: Scalar = 0.01) -> Array:
    """Return ``input`` where it is positive and ``negative_slope * input`` elsewhere."""
    array, xp = of_kind("leaky_relu", FLOATS, input.array), input.xp
    sloped = scale(array, negative_slope)
    if negative_slope.__class__ is not complex and 0 < negative_slope <= 1:
        return xp.maximum(array, sloped)  # a third of the time of `where`
    return input.backend.where(array > 0, array, sloped)


@inplace(leaky_relu)
def leaky_relu_(input: Tensor, negative_slope: Scalar = 0.01) -> None:
    """Multiply the negative elements of ``input`` by ``negative_slope`` in place."""


def check_weight(input: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Raise unless there is one weight, or one for each channel, in the dtype of the input."""
    if weight.ndim > 1:
        raise ShapeError(f"prelu: expected `weight` to be a scalar or 1-d tensor, got shape {list(weight.shape)}")
    if weight.dtype is not input.dtype:
        raise DtypeError(f"prelu: type promoting not supported, got {input.dtype.name} and {weight.dtype.name}")
    broadcast_shape(input, weight)
    return input, weight


def broadcast_shape(input: Tensor, weight: Tensor) -> tuple[int, ...]:
    """Return the shape in which weights broadcast against an ``(N, C, ...)`` input; raise if there is none."""
    count = weight.numel()
    if count == 1:
        return ()
    if not input.ndim:
        raise ShapeError(f"prelu: an input of no dims has no channels for weight of shape {list(weight.shape)}")
    channels = input.shape[1] if input.ndim > 1 else 1
    if count != channels:
        raise ShapeError(
            f"prelu: mismatch of parameter numbers and input channels: got weight of shape {list(weight.shape)} "
            f"for {channels} channels of an input of shape {list(input.shape)}"
        )
    return count, *(1,) * (input.ndim - 2)


def prelu_grad_input(grad: Tensor, input: Tensor, weight: Tensor) -> Tensor:
    """Return ``grad`` times the slope of ``prelu`` at ``input``."""
    slope = weight.reshape(broadcast_shape(input, weight))
    return mask_grad(grad, input > 0, input) + mask_grad(grad * slope, ~(input > 0), input)


def prelu_grad_weight(grad: Tensor, input: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return ``grad * input`` where ``prelu`` multiplied by the weight, summed for each channel."""
    found = mask_grad(grad * input, ~(input > 0), input)
    return found.sum().reshape(in_shape) if math.prod(in_shape) == 1 else found.sum((0, *range(2, found.ndim)))


@differentiable(prepare=check_weight, input=prelu_grad_input, weight=prelu_grad_weight)
@in_layout(of_input)
def prelu(input: Tensor, weight: Tensor) -> Array:
    """Return ``input`` where it is positive and ``weight * input`` elsewhere.

    Args:
        weight: One weight, (1,), or one for each channel, (C,), of an input (N, C, ...).

    Raises:
        RuntimeError: If the weights do not match the channels, or the dtypes differ.

    >>> import minitensor as torch
    >>> torch.prelu(torch.tensor([-2., 3.]), torch.tensor([0.25]))
    tensor([-0.5000,  3.0000])
    """
    array = of_kind("prelu", FLOATS, input.array)
    slopes = weight.array.reshape(broadcast_shape(input, weight))
    if input.device.type == "cpu" and not any_true(~((slopes > 0) & (slopes <= 1))):  # no copy from a GPU
        return input.xp.maximum(array, slopes * array)  # a third of the time of `where`
    return input.backend.where(array > 0, array, slopes * array)


def is_at_most(input: Tensor, threshold: float) -> Any:
    """Whether an element is at most ``threshold``, which is not rounded to float16."""
    return widen_halves(input) <= threshold


@differentiable(input=lambda grad, input, threshold: mask_grad(grad, ~is_at_most(input, threshold), input))
@in_layout(of_tensors)
@by_table
def threshold(input: Tensor, threshold: Scalar, value: Scalar) -> Array:
    """Return ``input`` where it is greater than ``threshold`` and ``value`` elsewhere.

    >>> import minitensor as torch
    >>> torch.threshold(torch.tensor([-1.0, 2.0]), 0.5, 0.0)
    tensor([0., 2.])
    """
    array = of_kind("threshold", REALS, input.array)
    bound = fit_number(threshold, SINGLE if array.dtype is HALF else array.dtype, array)
    filling = fit_number(value, array.dtype, array)
    return input.backend.where(array <= bound, filling, array)


@differentiable(input=lambda grad, input, lambd: mask_grad(grad, (input < -lambd) | (input > lambd), input))
@in_layout(of_tensors)
@by_table
def hardshrink(input: Tensor, lambd: Scalar = 0.5, *, out: Tensor | None = None) -> Array:
    """Return ``input`` with zeros where it is in [-lambd, lambd], element by element.

    Args:
        lambd: Half the width of the interval. Default: ``0.5``.

    >>> import minitensor as torch
    >>> torch.nn.functional.hardshrink(torch.tensor([-1.0, 0.25, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    array = of_kind("hardshrink", FLOATS, input.array)
    width, zero = fit_number(lambd, array.dtype, array), array.dtype.type(0)
    return input.backend.where((array >= -width) & (array <= width), zero, array)


@differentiable(input=lambda grad, input, lambd: mask_grad(grad, (input < -lambd) | (input > lambd), input))
@in_layout(of_tensors)
@by_table
def softshrink(input: Tensor, lambd: Scalar = 0.5, *, out: Tensor | None = None) -> Array:
    """Return ``input`` moved by ``lambd`` toward zero, and zero in [-lambd, lambd], element by element.

    Raises:
        RuntimeError: If ``lambd`` is negative.

    >>> import minitensor as torch
    >>> torch.nn.functional.softshrink(torch.tensor([-1.0, 0.25, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    limit = input.xp.finfo(of_kind("softshrink", FLOATS, input.array).dtype).max
    if not 0 <= fit(lambd, float64.numpy) <= limit:
        raise ShapeError(f"softshrink: lambda must be in the range [0, {limit}] of {input.dtype.name}, got {lambd}")
    array = working_array("softshrink", input)
    width = fit_number(lambd, array.dtype, array)
    moved = array - array.clip(-width, width)
    return input.backend.copysign(moved, array).astype(input.array.dtype, copy=False)  # of the zeros


# -- exponential -------------------------------------------------------------------------------------------------------
# The exponential is taken of the negative part alone: that of a large number would be infinite, and 0 * inf is NaN.


def fit_numbers(array: Array, *numbers: float) -> list[Array]:
    """Return numbers as 0-d arrays of an array's dtype; raise if one overflows it."""
    return [fit_number(each, array.dtype, array) for each in numbers]


def elu_grad_grad(grad: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """Return ``grad`` times the derivative of ``scaled_elu`` at ``x``: the map is its own adjoint."""
    return elu_grad(grad, x, alpha, scale, input_scale)


def elu_grad_x_grad(
    grad: Tensor, input: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float
) -> Tensor:
    """Return the gradient of ``elu_grad`` in ``x``: zero where the curve is straight."""
    return mask_grad(elu_grad(grad * input * input_scale, x, alpha, scale, input_scale), x < 0, x)


@differentiable(input=elu_grad_grad, x=elu_grad_x_grad)
@in_layout(of_tensors)
def elu_grad(input: Tensor, x: Tensor, alpha: float, scale: float, input_scale: float) -> Array:
    """Return ``input`` times the derivative of ``scaled_elu`` at ``x``."""
    grad, at, xp = working_array("elu", input), working_array("elu", x), input.xp
    left, right, bend, zero = fit_numbers(at, alpha, scale, input_scale, 0)
    factor = left * right * bend
    slope = input.backend.clip(at, None, zero)  # a third of the time of `minimum`
    slope *= bend
    slope = xp.exp(slope, out=slope)
    slope *= factor
    if factor != right or not math.isfinite(bend):  # otherwise the product is right for positive inputs too
        slope = input.backend.where(at > 0, right, slope)
    slope *= grad
    return slope.astype(input.array.dtype, copy=False)


@differentiable(
    name="elu",
    input=lambda grad, input, alpha, scale, input_scale: elu_grad(grad, input, alpha, scale, input_scale),
)
@in_layout(of_tensors)
@by_table
def scaled_elu(input: Tensor, alpha: Scalar, scale: float, input_scale: float) -> Array:
    """Return ``scale`` times the ``elu`` whose exponential is that of ``input_scale * input``."""
    of_kind("elu", FLOATS, input.array)
    x, xp = working_array("elu", input), input.xp
    left, right, bend, zero = fit_numbers(x, alpha, scale, input_scale, 0)
    factor = left * right
    curve = input.backend.clip(x, None, zero)
    curve *= bend
    curve = xp.expm1(curve, out=curve)
    curve *= factor
    straight = xp.asarray(input.backend.clip(x, zero, None) * right)
    if math.isfinite(factor) and math.isfinite(bend):  # adding takes a third of the time of `where`
        straight += curve
    else:
        straight = input.backend.where(x < 0, curve, straight)
    return straight.astype(input.array.dtype, copy=False)


def elu(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Return ``input`` where it is positive and ``alpha * (exp(input) - 1)`` elsewhere."""
    return scaled_elu(input, alpha, 1.0, 1.0)


@composite
def celu(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Return ``input`` where it is positive and ``alpha * (exp(input / alpha) - 1)`` elsewhere.

    Raises:
        RuntimeError, ZeroDivisionError: If ``alpha`` is 0.

    >>> import minitensor as torch
    >>> torch.celu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    if alpha == 0:
        raise UsageZeroDivisionError("celu: alpha cannot be 0")
    require_kind("celu", FLOATS, input)
    return scaled_elu(input, alpha, 1.0, 1.0 / fit(alpha, float64.numpy).item())


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@composite
def selu(input: Tensor) -> Tensor:
    """Return ``scale * elu(input, alpha)``, which keeps mean 0 and variance 1 (Klambauer et al. 2017).

    >>> import minitensor as torch
    >>> torch.selu(torch.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    require_kind("selu", FLOATS, input)
    return scaled_elu(input, SELU_ALPHA, SELU_SCALE, 1.0)


SATURATION = {"f": 17.4, "d": 36.8}  # from there on, the sigmoid is rounded to 1


def softplus_grad_grad(grad: Tensor, x: Tensor, beta: float, threshold: float) -> Tensor:
    """Return ``grad`` times the derivative of ``softplus`` at ``x``: the map is its own adjoint."""
    return softplus_grad(grad, x, beta, threshold)


def softplus_second_derivative(x: Tensor, beta: float, threshold: float) -> Tensor:
    """Return the second derivative of ``softplus``."""
    gate = sigmoid(x * beta)
    return mask_grad(gate * (1 - gate) * beta, x * beta < threshold, x)


@differentiable(
    input=softplus_grad_grad,
    x=lambda grad, input, x, beta, threshold: grad * input * softplus_second_derivative(x, beta, threshold),
)
@in_layout(of_tensors)
def softplus_grad(input: Tensor, x: Tensor, beta: float, threshold: float) -> Array:
    """Return ``input`` times the derivative of ``softplus`` at ``x``."""
    grad, at = working_array("softplus", input), working_array("softplus", x)
    factor, limit, one = fit_numbers(at, beta, threshold, 1)
    scaled = at * factor
    slope = input.backend.sigmoid(scaled)
    if threshold < SATURATION[at.dtype.char]:
        slope = input.backend.where(scaled > limit, one, slope)
    return (grad * slope).astype(input.array.dtype, copy=False)


@differentiable(input=lambda grad, input, beta, threshold: softplus_grad(grad, input, beta, threshold))
@in_layout(of_tensors)
@by_table
def softplus(input: Tensor, beta: Scalar = 1.0, threshold: Scalar = 20.0, *, out: Tensor | None = None) -> Array:
    """Return ``log(1 + exp(beta * input)) / beta``, element by element; ``input`` if ``beta * input > threshold``.

    >>> import minitensor as torch
    >>> torch.nn.functional.softplus(torch.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    of_kind("softplus", FLOATS, input.array)
    xp, array = input.xp, working_array("softplus", input)
    factor, limit, zero = fit_numbers(array, beta, threshold, 0)
    scaled = array * factor
    smooth = (input.backend.clip(scaled, zero, None) + xp.log1p(xp.exp(-xp.abs(scaled)))) / factor
    return input.backend.where(scaled > limit, array, smooth).astype(input.array.dtype, copy=False)


@differentiable(input=rounds_once(lambda grad, input: grad * sigmoid(-input)))
@in_layout(row_major)
@by_table
def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(sigmoid(input))`` without overflow, element by element.

    >>> import minitensor as torch
    >>> torch.nn.functional.logsigmoid(torch.tensor([-200.0, 0.0]))
    tensor([-200.0000,   -0.6931])
    """
    xp, array = input.xp, of_kind("logsigmoid", FLOATS, input.array)
    (zero,) = fit_numbers(array, 0)
    return input.backend.clip(array, None, zero) - xp.log1p(xp.exp(-xp.abs(array)))
