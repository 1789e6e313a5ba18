"""Gates: nonlinearities of networks that multiply their input, such as ``silu`` and ``gelu``.

Here are both those that PyTorch has as ``torch.x`` and those that it has as ``nn.functional.x`` alone; that chapter
takes them from here. The other nonlinearities are in ``activation.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, lay_out_composite, of_input, of_tensors
from minitensor.autograd.tables import by_table, rounds_once
from minitensor.errors import ShapeError, UsageValueError
from minitensor.ops.activation import hardtanh, softplus
from minitensor.ops.choice import where
from minitensor.ops.exponentials import sigmoid
from minitensor.ops.kinds import FLOATS, of_kind, require_kind
from minitensor.ops.rounding import abs
from minitensor.ops.special import normal_density, working_array
from minitensor.ops.trigonometry import tanh
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor


def silu_grad_grad(grad: Tensor, x: Tensor) -> Tensor:
    """Return ``grad`` times the derivative of ``silu`` at ``x``: the map is its own adjoint."""
    return silu_grad(grad, x)


def silu_second_derivative(x: Tensor) -> Tensor:
    """Return the second derivative of ``silu``."""
    gate = sigmoid(x)
    return gate * (1 - gate) * (x * (1 - gate * 2) + 2)


@differentiable(input=silu_grad_grad, x=lambda grad, input, x: grad * input * silu_second_derivative(x))
@in_layout(of_tensors)
def silu_grad(input: Tensor, x: Tensor) -> Array:
    """Return ``input`` times the derivative of ``silu`` at ``x``."""
    grad, at = working_array("silu", input), working_array("silu", x)
    return input.backend.silu_backward(grad, at).astype(input.array.dtype, copy=False)


@differentiable(name="silu", input=lambda grad, input: silu_grad(grad, input))
@by_table
def real_silu(input: Tensor) -> Array:
    """Return ``silu`` of real numbers in one pass."""
    array = of_kind("silu", FLOATS, input.array)
    return input.backend.silu(working_array("silu", input)).astype(array.dtype, copy=False)


def silu(input: Tensor) -> Tensor:
    """Return ``input * sigmoid(input)``, also known as swish."""
    return input * sigmoid(input) if input.is_complex() else real_silu(input)


def mish(input: Tensor) -> Tensor:
    """Return ``input * tanh(softplus(input))`` (Misra 2019)."""
    require_kind("mish", FLOATS, input)
    return input * tanh(softplus(input))


def gelu_grad_grad(grad: Tensor, x: Tensor) -> Tensor:
    """Return ``grad`` times the derivative of ``gelu`` at ``x``: the map is its own adjoint."""
    return gelu_grad(grad, x)


@differentiable(
    input=gelu_grad_grad,
    x=lambda grad, input, x: grad * input * normal_density(x) * (2 - x * x),
)
@in_layout(of_tensors)
def gelu_grad(input: Tensor, x: Tensor) -> Array:
    """Return ``input`` times the derivative of ``gelu`` at ``x``."""
    grad, at = working_array("gelu", input), working_array("gelu", x)
    return input.backend.gelu_backward(grad, at).astype(input.array.dtype, copy=False)


BEND, WIDTH = 0.044715, math.sqrt(2 / math.pi)


def gelu_by_tanh_derivative(x: Tensor) -> Tensor:
    """Return the derivative of ``gelu`` with ``approximate="tanh"``."""
    square = x * x
    bent = tanh(x * (square * (WIDTH * BEND) + WIDTH))
    return (bent + 1 + x * (1 - bent * bent) * (square * (3 * WIDTH * BEND) + WIDTH)) * 0.5


def gelu_by_tanh(xp: Library, x: Array) -> Array:
    """Return ``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2``."""
    found: Array = xp.asarray(x * x)
    found *= x.dtype.type(WIDTH * BEND)
    found += x.dtype.type(WIDTH)
    found *= x
    found = xp.tanh(found, out=found)
    found += x.dtype.type(1)
    found *= x
    found *= x.dtype.type(0.5)
    return found


@differentiable(
    input=lambda grad, input, approximate: (
        gelu_grad(grad, input) if approximate == "none" else grad * gelu_by_tanh_derivative(input)
    )
)
@in_layout(of_tensors)
@by_table
def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Array:
    """Return ``input`` times the normal distribution function there, element by element (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for the approximation by a hyperbolic tangent with which some networks were
            trained.

    Raises:
        RuntimeError: If ``approximate`` is neither.

    >>> import minitensor as torch
    >>> torch.nn.functional.gelu(torch.tensor([-1., 1.]))
    tensor([-0.1587,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise UsageValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    array, x = of_kind("gelu", FLOATS, input.array), working_array("gelu", input)
    found = input.backend.gelu(x) if approximate == "none" else gelu_by_tanh(input.xp, x)
    return found.astype(array.dtype, copy=False)


def hardsigmoid(input: Tensor) -> Tensor:
    """Return ``relu6(input + 3) / 6``."""
    require_kind("hardsigmoid", FLOATS, input)
    return lay_out_composite(of_input, (input,), hardtanh(input + 3, 0.0, 6.0) / 6)


@differentiable(
    input=rounds_once(lambda grad, input: where(input <= -3, 0, grad * where(input < 3, input / 3 + 0.5, 1.0)))
)
@by_table
def hardswish(input: Tensor) -> Array:
    """Return ``input * relu6(input + 3) / 6`` (Howard et al. 2019)."""
    array = of_kind("hardswish", FLOATS, input.array)
    result: Array = array * input.xp.clip(array + array.dtype.type(3), 0, 6) / array.dtype.type(6)
    return result


@composite
def softsign(input: Tensor) -> Tensor:
    """Return ``input / (1 + |input|)``, element by element.

    >>> import minitensor as torch
    >>> torch.nn.functional.softsign(torch.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (abs(input) + 1)


@composite
def tanhshrink(input: Tensor) -> Tensor:
    """Return ``input - tanh(input)``, element by element.

    >>> import minitensor as torch
    >>> torch.nn.functional.tanhshrink(torch.tensor([0.0, 2.0]))
    tensor([0.0000, 1.0360])
    """
    return input - tanh(input)


@composite
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return the first half along ``dim`` times the sigmoid of the second half (Dauphin et al. 2017).

    Shape:
        - Input: (..., 2 N, ...)
        - Output: (..., N, ...)

    Raises:
        RuntimeError: If the size of ``dim`` is odd.

    >>> import minitensor as torch
    >>> torch.nn.functional.glu(torch.tensor([2., 4., 0., 0.]))
    tensor([1., 2.])
    """
    dim = wrap_dim(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("glu: does not support 0-dimensional tensors")
    require_kind("glu", FLOATS, input)
    size = input.shape[dim]
    if size % 2:
        raise ShapeError(f"glu: halving dimension must be even, but dimension {dim} is size {size}")
    return input.narrow(dim, 0, size // 2) * sigmoid(input.narrow(dim, size // 2, size // 2))
