"""Activations with the signatures of ``torch.nn.functional``: ``inplace=``, and the deprecated ``dim=None``.

The arithmetic is in ``minitensor.ops.activation``.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, random_operation
from minitensor.autograd.misuse import composite, composite_with_own_checks
from minitensor.autograd.strides import in_layout, row_major
from minitensor.base import elements_of, wrap
from minitensor.callers import user_level
from minitensor.dtypes import HALVES, float32, float64
from minitensor.errors import ArgumentError, UsageValueError
from minitensor.generator import default_generator
from minitensor.memory_format import contiguous_format
from minitensor.ops import activation, choice, exponentials, gates, trigonometry
from minitensor.ops import softmax as along_dim
from minitensor.ops.constant import as_function_of
from minitensor.ops.creation import empty_like
from minitensor.ops.draws import exponential_
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.sampling import uniform
from minitensor.scalars import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.autograd.argument_types import Scalar, Truth
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.memory_format import memory_format
    from minitensor.tensor import Tensor

glu = gates.glu
hardshrink = activation.hardshrink
logsigmoid = activation.logsigmoid
prelu = activation.prelu
softplus = activation.softplus
softshrink = activation.softshrink
softsign = gates.softsign
tanhshrink = gates.tanhshrink
gelu = gates.gelu
sigmoid = exponentials.sigmoid
tanh = trigonometry.tanh
relu_ = activation.relu_


@composite_with_own_checks
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(0, x), element by element.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.relu(tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return activation.relu_(input) if inplace else activation.relu(input)


def apply_activation(function: Callable[..., Tensor], input: Tensor, inplace: bool, *options: Any) -> Tensor:
    """Apply a function; in place, apply it to a copy, which the gradient formula may read afterwards."""
    if inplace:
        return input.copy_(function(input.clone(), *options))
    return function(input, *options)


@composite
def relu6(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return min(max(0, x), 6), element by element.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.relu6(tensor([-1., 2., 9.]))
    tensor([0., 2., 6.])
    """
    return apply_activation(activation.relu6, input, inplace)


@composite
def hardtanh(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0, inplace: Truth = False) -> Tensor:
    """Return x limited to [min_val, max_val].

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        min_val, max_val: The limits.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError: If ``min_val`` is greater than ``max_val``.

    >>> F.hardtanh(tensor([-3., 0.5, 3.]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val cannot be greater than max_val, got {min_val} > {max_val}")
    return apply_activation(activation.hardtanh, input, inplace, min_val, max_val)


@composite
def leaky_relu(input: Tensor, negative_slope: Scalar = 0.01, inplace: Truth = False) -> Tensor:
    """Return x where it is positive and ``negative_slope * x`` elsewhere.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        negative_slope: The slope for negative x; small, 0.01, so that the gradient does not vanish there.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.leaky_relu(tensor([-1., 2.]), 0.5)
    tensor([-0.5000,  2.0000])
    """
    return apply_activation(activation.leaky_relu, input, inplace, negative_slope)


@composite
def elu(input: Tensor, alpha: Scalar = 1.0, inplace: Truth = False) -> Tensor:
    """Return x where it is positive and ``alpha * (exp(x) - 1)`` elsewhere.

    Clevert, Unterthiner and Hochreiter 2016.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        alpha: Minus the limit of the result for x towards minus infinity.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.elu(tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    return apply_activation(activation.elu, input, inplace, alpha)


@composite
def selu(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return ``scale * elu(x, alpha)`` with the constants that keep mean 0 and variance 1.

    scale is 1.0507 and alpha 1.6733. Klambauer et al. 2017.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.selu(tensor([0., 1.]))
    tensor([0.0000, 1.0507])
    """
    return apply_activation(activation.selu, input, inplace)


@composite
def celu(input: Tensor, alpha: Scalar = 1.0, inplace: Truth = False) -> Tensor:
    """Return x where it is positive and ``alpha * (exp(x / alpha) - 1)`` elsewhere.

    Barron 2017.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        alpha: Minus the limit of the result for x towards minus infinity; must not be 0.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.celu(tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    return apply_activation(activation.celu, input, inplace, alpha)


@composite
def silu(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return x * sigmoid(x).

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.silu(tensor([0., 1.]))
    tensor([0.0000, 0.7311])
    """
    return apply_activation(gates.silu, input, inplace)


@composite
def mish(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return x * tanh(softplus(x)).

    Misra 2020.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.mish(tensor([0., 1.]))
    tensor([0.0000, 0.8651])
    """
    return apply_activation(gates.mish, input, inplace)


@composite
def hardsigmoid(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return relu6(x + 3) / 6.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.hardsigmoid(tensor([-3., 0., 3.]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return apply_activation(gates.hardsigmoid, input, inplace)


@composite
def hardswish(input: Tensor, inplace: Truth = False) -> Tensor:
    """Return x * relu6(x + 3) / 6.

    Howard et al. 2019.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.hardswish(tensor([-3., 0., 3.]))
    tensor([-0., 0., 3.])
    """
    return apply_activation(gates.hardswish, input, inplace)


@composite
def threshold(input: Tensor, threshold: Scalar, value: Scalar, inplace: Truth = False) -> Tensor:
    """Return x where it is greater than ``threshold`` and ``value`` elsewhere.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        threshold: The bound; x equal to it is replaced.
        value: What replaces x.
        inplace: Whether to write the result to ``input`` and return that.

    >>> F.threshold(tensor([1., 3.]), 2, 0)
    tensor([0., 3.])
    """
    return apply_activation(activation.threshold, input, inplace, threshold, value)


@composite
def elu_(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Replace x by ``elu(x)``, in place; arguments as in ``elu``."""
    return elu(input, alpha, inplace=True)


@composite
def selu_(input: Tensor) -> Tensor:
    """Replace x by ``selu(x)``, in place; arguments as in ``selu``."""
    return selu(input, inplace=True)


@composite
def celu_(input: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """Replace x by ``celu(x)``, in place; arguments as in ``celu``."""
    return celu(input, alpha, inplace=True)


@composite
def hardtanh_(input: Tensor, min_val: Scalar = -1.0, max_val: Scalar = 1.0) -> Tensor:
    """Limit x to [min_val, max_val], in place. As in PyTorch, crossed limits give ``max_val`` here."""
    return apply_activation(activation.hardtanh, input, True, min_val, max_val)


@composite
def leaky_relu_(input: Tensor, negative_slope: Scalar = 0.01) -> Tensor:
    """Replace x by ``negative_slope * x`` where it is not positive, in place; see ``leaky_relu``."""
    return leaky_relu(input, negative_slope, inplace=True)


@composite
def threshold_(input: Tensor, threshold: Scalar, value: Scalar) -> Tensor:
    """Replace x by ``value`` where it is not greater than ``threshold``, in place; see ``threshold``."""
    return apply_activation(activation.threshold, input, True, threshold, value)


@composite
def rrelu_(input: Tensor, lower: Scalar = 1.0 / 8, upper: Scalar = 1.0 / 3, training: bool = False) -> Tensor:
    """Apply ``rrelu`` in place; arguments as there."""
    return rrelu(input, lower, upper, training, inplace=True)


@composite
def rrelu(
    input: Tensor, lower: Scalar = 1.0 / 8, upper: Scalar = 1.0 / 3, training: bool = False, inplace: Truth = False
) -> Tensor:
    """Return x where it is positive and x times a slope elsewhere.

    In training each slope is drawn from U(lower, upper); otherwise it is the middle of the two. Xu et al. 2015.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        lower, upper: The range of the slopes.
        training: Whether to draw the slopes.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If a bound is not finite, or ``lower`` is greater than ``upper``.

    >>> F.rrelu(tensor([-1., 2.]), 0.25, 0.75)
    tensor([-0.5000,  2.0000])
    """
    lower, upper = [fit(each, float64.numpy).item() for each in (lower, upper)]
    for name, bound in (("lower", lower), ("upper", upper)):
        if not math.isfinite(bound):
            raise UsageValueError(f"rrelu: {name} bound must be finite, got {bound}")
    if lower > upper:
        raise UsageValueError(f"rrelu: lower must not be greater than upper, got {lower} > {upper}")
    require_kind("rrelu", FLOATS, input)
    if not training:
        return apply_activation(rrelu_in_evaluation, input, inplace, (lower + upper) / 2)
    return apply_activation(rrelu_with_noise, input, inplace, draw_slopes(input, lower, upper))


def rrelu_in_evaluation(input: Tensor, slope: float) -> Tensor:
    """Return x where it is positive and ``slope * x`` elsewhere."""
    within = float32 if input.dtype in HALVES else input.dtype  # halves are rounded once
    slopes = choice.where(input > 0, input.new_ones((), dtype=within), slope)
    return rrelu_with_noise(input, slopes)


@differentiable(input=lambda grad, input, slopes: as_function_of(grad * slopes, input))
@in_layout(row_major)
def rrelu_with_noise(input: Tensor, slopes: Tensor) -> Array:
    """Multiply each x by its own slope."""
    product: Array = input.array * slopes.array
    return product.astype(input.array.dtype, copy=False)


@composite
@random_operation
def draw_slopes(input: Tensor, lower: float, upper: float) -> Tensor:
    """Return 1 for each positive element and a random slope for each other one, drawn in order."""
    if input.is_meta:
        return input.new_ones(input.shape)
    slopes = input.xp.ones(input.shape, input.dtype.arithmetic)
    flat, places = slopes.reshape(-1), input.xp.nonzero(elements_of(input).reshape(-1) <= 0)[0]
    drawn = uniform(default_generator, len(places), "float64") * (upper - lower) + lower
    flat[places] = input.backend.from_host(drawn, input.device.index).astype(slopes.dtype)
    found: Tensor = wrap(input.result_class, slopes)
    return found


# -- softmax -----------------------------------------------------------------------------------------------------------


@composite
def softmax(input: Tensor, dim: int | None = None, _stacklevel: Any = 3, dtype: Dtype | None = None) -> Tensor:
    """Return exp(x) / sum(exp(x)), summed along ``dim``.

    Args:
        input: A tensor of any shape (...); the result has the same shape.
        dim: The dim along which the results add up to 1. None chooses dim 0 for 0, 1 or 3 dims, else 1, and is
            deprecated.
        _stacklevel: Unused; kept for PyTorch compatibility. The warning names the caller.
        dtype: Cast the input to this dtype first.

    >>> F.softmax(tensor([0., 0.]), 0)
    tensor([0.5000, 0.5000])
    """
    return along_dim.softmax(input, guess_dim("softmax", input, dim), dtype)


@composite
def softmin(input: Tensor, dim: int | None = None, _stacklevel: Any = 3, dtype: Dtype | None = None) -> Tensor:
    """Return softmax(-x) along ``dim``.

    Args:
        input: A tensor of any shape (...); the result has the same shape.
        dim: The dim along which the results add up to 1. None chooses dim 0 for 0, 1 or 3 dims, else 1, and is
            deprecated.
        _stacklevel: Unused; kept for PyTorch compatibility. The warning names the caller.
        dtype: Cast the input to this dtype first.

    >>> F.softmin(tensor([0., 0.]), 0)
    tensor([0.5000, 0.5000])
    """
    return along_dim.softmin(input, guess_dim("softmin", input, dim), dtype)


@composite
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: Any = 3, dtype: Dtype | None = None) -> Tensor:
    """Return log(softmax(x)) along ``dim``, without overflow.

    Args:
        input: A tensor of any shape (...); the result has the same shape.
        dim: The dim along which the results add up to 1. None chooses dim 0 for 0, 1 or 3 dims, else 1, and is
            deprecated.
        _stacklevel: Unused; kept for PyTorch compatibility. The warning names the caller.
        dtype: Cast the input to this dtype first.

    >>> F.log_softmax(tensor([0., 0.]), 0)
    tensor([-0.6931, -0.6931])
    """
    return along_dim.log_softmax(input, guess_dim("log_softmax", input, dim), dtype)


def guess_dim(name: str, input: Tensor, dim: int | None) -> int:
    """Return ``dim``, or for None, with a warning, the dim that early versions of PyTorch chose."""
    if dim is not None:
        return dim
    warnings.warn(
        f"implicit dimension choice for {name} has been deprecated: change the call to include dim=X as an argument",
        UserWarning,
        stacklevel=user_level(),
    )
    return 0 if input.ndim in (0, 1, 3) else 1


@composite
@random_operation
def draw_exponential(like: Tensor, *, memory_format: memory_format = contiguous_format) -> Tensor:
    """Draw from the exponential distribution, in the shape and dtype of ``like``."""
    return exponential_(empty_like(like, memory_format=memory_format))


@composite
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: Truth = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Draw a differentiable sample of a categorical distribution: softmax((logits + Gumbel noise) / tau).

    Jang, Gu and Poole 2017.

    Args:
        logits: Unnormalized log-probabilities (..., classes); the result has the same shape.
        tau: The temperature: towards 0 samples approach one-hot, towards infinity uniform.
        hard: Whether the result's value is one-hot, with the gradient of the soft sample.
        eps: Unused; kept for PyTorch compatibility.
        dim: The dim of the classes.

    >>> F.gumbel_softmax(zeros(3, 4), hard=True).sum(-1)
    tensor([1., 1., 1.])
    """
    if eps != 1e-10:
        warnings.warn("gumbel_softmax: `eps` is deprecated and has no effect.", UserWarning, stacklevel=user_level())
    # Minus the logarithm of an exponential number is Gumbel noise.
    noise = draw_exponential(logits)
    soft = along_dim.softmax((logits - noise.log()) / tau, dim)
    if not hard:
        return soft
    largest = soft.argmax(dim, keepdim=True)
    one_hot = wrap(soft.result_class, soft.xp.zeros(soft.shape, soft.array.dtype)).scatter(dim, largest, 1.0)
    # Its value is one-hot, its gradient that of the soft sample.
    sample: Tensor = one_hot - soft.detach() + soft
    return sample
