"""Activations with the signatures of ``torch.nn.functional``: ``inplace=``, and ``dim=None`` for the old guess.

The arithmetic is in ``minitensor.ops.activation``; here are only the words.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, drawing
from minitensor.autograd.misuse import composite
from minitensor.base import wrap
from minitensor.dtypes import fit, float16, float32, float64
from minitensor.errors import ArgumentError, UsageError
from minitensor.generator import default_generator, uniform
from minitensor.memory_format import contiguous_format
from minitensor.ops import activation, choice, exponentials, trigonometry
from minitensor.ops import softmax as along_dim
from minitensor.ops.constant import as_function_of
from minitensor.ops.creation import empty_like
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.random import exponential_

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.autograd.argument_types import Scalar, Truth
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.memory_format import memory_format
    from minitensor.tensor import Tensor

glu = activation.glu
hardshrink = activation.hardshrink
logsigmoid = activation.logsigmoid
prelu = activation.prelu
softplus = activation.softplus
softshrink = activation.softshrink
softsign = activation.softsign
tanhshrink = activation.tanhshrink
gelu = activation.gelu
sigmoid = exponentials.sigmoid
tanh = trigonometry.tanh
relu_ = activation.relu_


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(0, x)."""
    return activation.relu_(input) if inplace else activation.relu(input)


def applied(function: Callable[..., Tensor], input: Tensor, inplace: bool, *options: Any) -> Tensor:
    """Apply a function; in place it is applied to a copy, which is what its gradient may look at afterwards."""
    if inplace:
        return input.copy_(function(input.clone(), *options))
    return function(input, *options)


@composite
def relu6(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return min(max(0, x), 6)."""
    return applied(activation.relu6, input, inplace)


@composite
def hardtanh(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0, inplace: Truth = False) -> Tensor:
    """Return x limited to [min_val, max_val]."""
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val cannot be greater than max_val, got {min_val} > {max_val}")
    return applied(activation.hardtanh, input, inplace, min_val, max_val)


@composite
def leaky_relu(input: Tensor, negative_slope: Scalar = 0.01, inplace: Truth = False) -> Tensor:
    """Return x where it is positive and ``negative_slope * x`` elsewhere."""
    return applied(activation.leaky_relu, input, inplace, negative_slope)


@composite
def elu(input: Tensor, alpha: Scalar = 1.0, inplace: Truth = False) -> Tensor:
    """Return x where it is positive and ``alpha * (exp(x) - 1)`` elsewhere."""
    return applied(activation.elu, input, inplace, alpha)


@composite
def selu(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return the elu whose numbers keep mean 0 and variance 1."""
    return applied(activation.selu, input, inplace)


@composite
def celu(input: Tensor, alpha: Scalar = 1.0, inplace: Truth = False) -> Tensor:
    """Return x where it is positive and ``alpha * (exp(x / alpha) - 1)`` elsewhere."""
    return applied(activation.celu, input, inplace, alpha)


@composite
def silu(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return x * sigmoid(x)."""
    return applied(activation.silu, input, inplace)


@composite
def mish(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return x * tanh(softplus(x))."""
    return applied(activation.mish, input, inplace)


@composite
def hardsigmoid(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return relu6(x + 3) / 6."""
    return applied(activation.hardsigmoid, input, inplace)


@composite
def hardswish(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return x * relu6(x + 3) / 6."""
    return applied(activation.hardswish, input, inplace)


@composite
def threshold(input: Tensor, threshold: Scalar, value: Scalar, inplace: Truth = False) -> Tensor:
    """Return x where it is greater than ``threshold`` and ``value`` elsewhere."""
    return applied(activation.threshold, input, inplace, threshold, value)


@composite
def elu_(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Replace x by its elu."""
    return elu(input, alpha, inplace=True)


@composite
def selu_(input: Tensor) -> Tensor:
    """Replace x by its selu."""
    return selu(input, inplace=True)


@composite
def celu_(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Replace x by its celu."""
    return celu(input, alpha, inplace=True)


@composite
def hardtanh_(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0) -> Tensor:
    """Limit x to [min_val, max_val] where it lies; as in PyTorch, crossed limits give ``max_val``."""
    return applied(activation.hardtanh, input, True, min_val, max_val)


@composite
def leaky_relu_(input: Tensor, negative_slope: Scalar = 0.01) -> Tensor:
    """Replace x by ``negative_slope * x`` where it is not positive."""
    return leaky_relu(input, negative_slope, inplace=True)


@composite
def threshold_(input: Tensor, threshold: Scalar, value: Scalar) -> Tensor:
    """Replace x by ``value`` where it is not greater than ``threshold``."""
    return applied(activation.threshold, input, True, threshold, value)


@composite
def rrelu_(input: Tensor, lower: Scalar = 1.0 / 8, upper: Scalar = 1.0 / 3, training: bool = False) -> Tensor:
    """Replace x by x times a slope where it is not positive; see ``rrelu``."""
    return rrelu(input, lower, upper, training, inplace=True)


@composite
def rrelu(
    input: Tensor, lower: Scalar = 1.0 / 8, upper: Scalar = 1.0 / 3, training: bool = False, inplace: Truth = False
) -> Tensor:
    """Return x where it is positive, elsewhere x times a slope: in training a random one, else the middle one."""
    lower, upper = [fit(each, float64.numpy).item() for each in (lower, upper)]
    for name, bound in (("lower", lower), ("upper", upper)):
        if not math.isfinite(bound):
            raise RreluBounds(f"rrelu: {name} bound must be finite, got {bound}")
    if lower > upper:
        raise RreluBounds(f"rrelu: lower must not be greater than upper, got {lower} > {upper}")
    require_kind("rrelu", FLOATS, input)
    if not training:
        return applied(middling, input, inplace, (lower + upper) / 2)
    return applied(sloped, input, inplace, slopes_for(input, lower, upper))


class RreluBounds(ArgumentError, UsageError):
    """Slopes that are no range: PyTorch raises RuntimeError; this is a ValueError too."""


def middling(input: Tensor, slope: float) -> Tensor:
    """Return x where it is positive, elsewhere x times one slope for all."""
    within = float32 if input.dtype is float16 else input.dtype  # halves are rounded once
    slopes = choice.where(input > 0, input.new_ones((), dtype=within), slope)
    return sloped(input, slopes)


@differentiable(input=lambda grad, input, slopes: as_function_of(grad * slopes, input))
def sloped(input: Tensor, slopes: Tensor) -> Array:
    """Return x times its slope."""
    product: Array = input.array * slopes.array
    return product.astype(input.array.dtype, copy=False)


@composite
@drawing
def slopes_for(input: Tensor, lower: float, upper: float) -> Tensor:
    """Return 1 for each positive element and a random slope for each other one, drawn one after the other."""
    slopes = input.xp.ones(input.shape, input.array.dtype)
    flat, places = slopes.reshape(-1), input.xp.nonzero(input.array.reshape(-1) <= 0)[0]
    drawn = uniform(default_generator, len(places), "float64") * (upper - lower) + lower
    flat[places] = input.backend.asarray(drawn, input.device.index).astype(slopes.dtype)
    found: Tensor = wrap(input.result_class, slopes)
    return found


# -- softmax -----------------------------------------------------------------------------------------------------------


@composite
def softmax(input: Tensor, dim: int | None = None, _stacklevel: Any = 3, dtype: Dtype | None = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along ``dim``."""
    return along_dim.softmax(input, guessed("softmax", input, dim, _stacklevel), dtype)


@composite
def softmin(input: Tensor, dim: int | None = None, _stacklevel: Any = 3, dtype: Dtype | None = None) -> Tensor:
    """Return softmax(-x) along ``dim``."""
    return along_dim.softmin(input, guessed("softmin", input, dim, _stacklevel), dtype)


@composite
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: Any = 3, dtype: Dtype | None = None) -> Tensor:
    """Return log(softmax(x)) along ``dim``."""
    return along_dim.log_softmax(input, guessed("log_softmax", input, dim, _stacklevel), dtype)


def guessed(name: str, input: Tensor, dim: int | None, stacklevel: Any) -> int:
    """Return the dim, or, with a warning, the one that PyTorch of old took."""
    if dim is not None:
        return dim
    warnings.warn(
        f"implicit dimension choice for {name} has been deprecated: change the call to include dim=X as an argument",
        UserWarning,
        stacklevel=stacklevel + 1,  # the frame of ``composite``
    )
    return 0 if input.ndim in (0, 1, 3) else 1


@composite
@drawing
def waiting_times(like: Tensor, *, memory_format: memory_format = contiguous_format) -> Tensor:
    """Return numbers from the exponential distribution in another tensor's shape and dtype."""
    return exponential_(empty_like(like, memory_format=memory_format))


@composite
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: Truth = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Return a random sample near one class, differentiable in the logits; with ``hard``, one-hot in its value.

    Jang, Gu and Poole 2017.
    """
    noise = waiting_times(logits)
    soft = along_dim.softmax((logits - noise.log()) / tau, dim)
    if not hard:
        return soft
    largest = soft.argmax(dim, keepdim=True)
    one_hot = wrap(soft.result_class, soft.xp.zeros(soft.shape, soft.array.dtype)).scatter(dim, largest, 1.0)
    chosen: Tensor = one_hot - soft.detach() + soft
    return chosen
