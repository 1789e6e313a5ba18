"""Losses on numbers and on probabilities: how far outputs are from targets, element by element or as one number.

All but the binary cross-entropy are written in tensor arithmetic. ``reduction.py`` reduces the losses of a batch;
``cross_entropy.py`` has the losses on classes, ``margin_loss.py`` those with a margin.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.autograd.strides import as_input, in_layout, lay_out_composite, of_tensors
from minitensor.autograd.turns import in_turn
from minitensor.backends import any_true
from minitensor.base import TensorBase, values_of
from minitensor.callers import user_level
from minitensor.errors import ArgumentError, DtypeError, UsageValueError, WrongTypeError, quote
from minitensor.nn.functional.reduction import (
    check_pair,
    check_same_shape,
    check_weight,
    promote_pair,
    read_reduction,
    reduce_losses,
    reduce_weighted_losses,
    weigh_losses,
)
from minitensor.ops.activation import logsigmoid
from minitensor.ops.choice import clamp, where
from minitensor.ops.creation import full_like
from minitensor.ops.exponentials import exp, log
from minitensor.ops.kinds import FLOATS, ORDERED, in_dtype_of, of_kind, require_kind, require_same_dtype
from minitensor.ops.operand import as_float, fit_number, require_tensors
from minitensor.ops.rounding import abs
from minitensor.scalars import lift

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


# -- numbers -----------------------------------------------------------------------------------------------------------


@composite
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the squared error (input - target)².

    Args:
        input: The outputs, a floating-point tensor of any shape (...).
        target: What they should be; shapes that broadcast give a warning.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.
        weight: A factor for each loss; the mean divides by their sum.

    Raises:
        ValueError: If ``reduction`` is unknown, or ``weight`` has another shape.
        RuntimeError: If the shapes do not broadcast.

    >>> F.mse_loss(tensor([1., 2.]), tensor([1., 4.]))
    tensor(2.)
    """
    reduction = read_reduction("mse_loss", reduction, size_average, reduce)
    input, target = promote_pair("mse_loss", input, target)
    difference = input - target
    return reduce_weighted_losses("mse_loss", difference * difference, weight, reduction)


@composite
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""Return the absolute error \|input - target\|.

    Args:
        input: The outputs, a floating-point tensor of any shape (...).
        target: What they should be; shapes that broadcast give a warning.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.
        weight: A factor for each loss; the mean divides by their sum.

    Raises:
        ValueError: If ``reduction`` is unknown, or ``weight`` has another shape.
        RuntimeError: If the shapes do not broadcast.

    >>> F.l1_loss(tensor([1., 2.]), tensor([1., 4.]))
    tensor(1.)
    """
    reduction = read_reduction("l1_loss", reduction, size_average, reduce)
    check_pair("l1_loss", input, target)
    return reduce_weighted_losses("l1_loss", abs(input - target), weight, reduction)


@differentiable(input=lambda grad, input, delta: grad * clamp(input, -delta, delta))
@in_layout(of_tensors)
def huber_of_errors(input: Tensor, delta: float) -> Array:
    """Return d² / 2 for an error d up to ``delta``, and delta (d - delta / 2) beyond."""
    array = of_kind("huber_loss", FLOATS, as_float(input))
    low, high, half = [fit_number(each, array.dtype, array) for each in (-delta, delta, 0.5)]
    xp, near = input.xp, input.backend.clip(array, low, high)  # d inside, and delta with the sign of d outside
    found: Array = xp.asarray(near * half)
    found = xp.subtract(array, found, out=found)
    found *= near
    return found


@composite
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return d² / (2 beta) for an error d below ``beta``, and d - beta / 2 from there on.

    Girshick 2015.

    Args:
        input: The outputs, a floating-point tensor of any shape (...).
        target: What they should be; shapes that broadcast give a warning.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.
        beta: Where the square turns into a line; 0 gives ``l1_loss``.

    Raises:
        ValueError: If ``reduction`` is unknown.
        ValueError, RuntimeError: If ``beta`` is negative.

    >>> F.smooth_l1_loss(tensor([0.]), tensor([3.]))
    tensor(2.5000)
    """
    reduction = read_reduction("smooth_l1_loss", reduction, size_average, reduce)
    if not beta >= 0:
        raise UsageValueError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = promote_pair("smooth_l1_loss", input, target)
    losses = huber_of_errors(input - target, beta)
    return reduce_losses(losses if beta == 1 else losses * (1 / beta), reduction)


@composite
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return d² / 2 for an error d up to ``delta``, and delta (d - delta / 2) beyond.

    Huber 1964.

    Args:
        input: The outputs, a floating-point tensor of any shape (...).
        target: What they should be; shapes that broadcast give a warning.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.
        delta: Where the square turns into a line; must be positive.
        weight: A factor for each loss; as in PyTorch, the mean divides by their number, not their sum.

    Raises:
        ValueError: If ``reduction`` is unknown, or ``weight`` has another shape.
        ValueError, RuntimeError: If ``delta`` is not positive.

    >>> F.huber_loss(tensor([0.]), tensor([3.]))
    tensor(2.5000)
    """
    reduction = read_reduction("huber_loss", reduction)
    if not delta > 0:
        raise UsageValueError(f"huber_loss does not support non-positive values for delta, got {delta}")
    given, target = promote_pair("huber_loss", input, target)
    difference = given - target
    losses = huber_of_errors(difference, lift(delta, difference.dtype.arithmetic).item())
    losses = lay_out_composite(as_input, (given,), in_dtype_of("huber_loss", input, losses))
    check_weight("huber_loss", losses, weight)
    return reduce_losses(weigh_losses(losses, weight), reduction)  # as PyTorch: its mean is by the count


# -- logarithms of densities -------------------------------------------------------------------------------------------


@composite
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: Truth | None = None,
    eps: float = 1e-8,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-likelihood of counts under Poisson distributions.

    Args:
        input: The logarithms of the rates, or the rates, a tensor of any shape (...).
        target: The counts, in the same shape.
        log_input: Whether ``input`` holds logarithms.
        full: Whether to add log(target!), by Stirling's formula, for counts above 1.
        size_average, reduce: Deprecated; use ``reduction``.
        eps: Added to a rate before its logarithm is taken, when ``log_input`` is False.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If ``reduction`` is unknown.

    >>> F.poisson_nll_loss(tensor([0.]), tensor([2.]))
    tensor(1.)
    """
    reduction = read_reduction("poisson_nll_loss", reduction, size_average, reduce)
    require_tensors("poisson_nll_loss", input=input, target=target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        # Stirling's formula is off for 0 and 1, where log n! is 0.
        many = target > 1
        count = where(many, target, 1)
        stirling = count * log(count) - count + log(count * (2 * math.pi)) * 0.5
        losses = losses + where(many, stirling, 0.0)
    return reduce_losses(losses, reduction)


@composite
def gaussian_nll_loss(
    input: Tensor,
    target: Operand,
    var: Tensor | float,
    full: Truth = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-likelihood of ``target`` under normal distributions.

    Nix and Weigend 1994.

    Args:
        input: The means, a tensor of any shape (...).
        target: The samples, in the same shape, or one number.
        var: The variances: one number, or a tensor in the shape of ``input``, in that shape without the last dim, or
            with one dim of size 1.
        full: Whether to add the constant log(2 pi) / 2.
        eps: Smaller variances count as this; their gradient is not affected.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If a variance is negative, ``var`` has another shape, or ``reduction`` is unknown.

    >>> F.gaussian_nll_loss(tensor([0.]), tensor([2.]), tensor([1.]))
    tensor(2.)
    """
    require_tensors("gaussian_nll_loss", input=input)
    variance = read_variance(input, var).clone()
    require_kind("gaussian_nll_loss", ORDERED, variance)
    reduction = read_reduction("gaussian_nll_loss", reduction)
    with no_grad():  # as PyTorch: the gradient is that of the variance also where it was too small
        variance.clamp_(min=eps)
    distance = input - target
    losses = (log(variance) + distance * distance / variance) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce_losses(losses, reduction)


def read_variance(input: Tensor, var: Tensor | float) -> Tensor:
    """Return the variances in a shape that broadcasts to that of the input."""
    if not isinstance(var, TensorBase):
        if not isinstance(var, float):
            raise WrongTypeError(f"gaussian_nll_loss(): argument 'var' must be a tensor or a float, not {quote(var)}")
        if var < 0:
            raise ArgumentError(f"gaussian_nll_loss: var has negative entry/entries: {var}")
        return full_like(input, 1) * var
    if any_true(values_of(var) < 0):
        raise ArgumentError(f"gaussian_nll_loss: var has negative entry/entries, the least is {values_of(var).min()}")
    given, wanted = tuple(var.shape), tuple(input.shape)
    if given == wanted:
        return var
    if given == wanted[:-1]:
        return var.unsqueeze(-1)
    differing = [size for size, full_size in zip(given, wanted) if size != full_size]
    if len(given) != len(wanted) or differing != [1]:
        raise ArgumentError(
            f"gaussian_nll_loss: var is of incorrect size: expected {wanted}, that without its last dim, or with one "
            f"dim of size 1, got {given}"
        )
    return var


# -- probabilities -----------------------------------------------------------------------------------------------------


def binary_cross_entropy_grad_input(grad: Tensor, input: Tensor, target: Tensor) -> Tensor:
    """Return the gradient of ``cross_entropy_of_probabilities`` in the probabilities."""
    # The lower limit is PyTorch's: at probabilities 0 and 1 the gradient is huge, but finite.
    return grad * (input - target) / clamp((1 - input) * input, min=1e-12)


def binary_cross_entropy_grad_target(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``cross_entropy_of_probabilities`` in the targets."""
    return grad * (clamp(log(1 - input), min=-100) - clamp(log(input), min=-100))


@differentiable(
    name="binary_cross_entropy", input=binary_cross_entropy_grad_input, target=binary_cross_entropy_grad_target
)
@in_layout(as_input)
def cross_entropy_of_probabilities(input: Tensor, target: Tensor) -> Array:
    x, t, xp = input.array, target.array, input.xp
    # As in PyTorch, logarithms are at least -100, so that the loss is finite at probabilities 0 and 1.
    low = x.dtype.type(-100)
    return (t - 1) * xp.maximum(xp.log1p(-x), low) - t * xp.maximum(xp.log(x), low)  # type: ignore[no-any-return]


@composite
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -(t log p + (1 - t) log(1 - p)) for probabilities p and targets t.

    Logarithms are cut off at -100.

    Args:
        input: The probabilities p in [0, 1], a tensor of any shape (...).
        target: The targets t, in the same shape and dtype.
        weight: A factor for each loss, in a shape that broadcasts.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is unknown.
        RuntimeError: If the dtypes differ, or a probability is not in [0, 1].

    >>> F.binary_cross_entropy(tensor([0.5]), tensor([1.]))
    tensor(0.6931)
    """
    reduction = read_reduction("binary_cross_entropy", reduction, size_average, reduce)
    check_same_shape("binary_cross_entropy", input, target)
    require_same_dtype("binary_cross_entropy", input=input, target=target)
    require_kind("binary_cross_entropy", FLOATS, input)
    array = values_of(input)
    if any_true(~((array >= 0) & (array <= 1))):
        raise DtypeError(
            f"binary_cross_entropy: all elements of input should be between 0 and 1, got {array.min()} to "
            f"{array.max()}; use binary_cross_entropy_with_logits for logits"
        )
    losses = cross_entropy_of_probabilities(input, target)
    return reduce_losses(in_dtype_of("binary_cross_entropy", losses, weigh_losses(losses, weight)), reduction)


@composite
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the binary cross-entropy of ``sigmoid(input)``, without overflow.

    Args:
        input: The logits, a floating-point tensor of any shape (...).
        target: The targets, in the same shape.
        weight: A factor for each loss, in a shape that broadcasts.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.
        pos_weight: A factor for the losses at targets of 1, in a shape that broadcasts.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is unknown.

    >>> F.binary_cross_entropy_with_logits(tensor([0.]), tensor([1.]))
    tensor(0.6931)
    """
    reduction = read_reduction("binary_cross_entropy_with_logits", reduction, size_average, reduce)
    check_same_shape("binary_cross_entropy_with_logits", input, target)
    require_kind("binary_cross_entropy_with_logits", FLOATS, input)
    input, target = in_turn(input, target)
    loss_at_one = -logsigmoid(input)
    if pos_weight is not None:
        loss_at_one = loss_at_one * ((pos_weight - 1) * target + 1)
    losses = in_dtype_of("binary_cross_entropy_with_logits", target, (1 - target) * input + loss_at_one)
    weighted = in_dtype_of("binary_cross_entropy_with_logits", losses, weigh_losses(losses, weight))
    return reduce_losses(weighted, reduction)


@composite
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return the Kullback-Leibler divergence, t (log t - input) for targets t and log-probabilities ``input``.

    Kullback and Leibler 1951.

    Args:
        input: The log-probabilities, a floating-point tensor of any shape (...).
        target: The probabilities t, in the same shape; their logarithms if ``log_target``.
        size_average, reduce: Deprecated; use ``reduction``.
        reduction: "mean" (the default), "sum" or "none"; or "batchmean", the sum divided by the size of dim 0, which is
            the divergence per sample.
        log_target: Whether ``target`` holds logarithms.

    Raises:
        ValueError: If ``reduction`` is unknown.

    >>> F.kl_div(tensor([0.5]).log(), tensor([1.]))
    tensor(0.6931)
    """
    batchmean = reduction == "batchmean" and size_average is None and reduce is None
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "kl_div: reduction 'mean' divides the sum by the number of elements. 'batchmean' divides it by the batch "
            "size only, as the divergence is defined.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip
    reduction = read_reduction("kl_div", "sum" if batchmean else reduction, size_average, reduce)
    require_tensors("kl_div", input=input, target=target)
    require_kind("kl_div", FLOATS, input, target)
    target, input = in_turn(target, input)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        empty = target == 0
        # Not 0 where the target is: like PyTorch's, the loss is NaN where the input is infinite there.
        losses = where(empty, -target * input, target * (log(where(empty, 1.0, target)) - input))
    if batchmean:
        return losses.sum() / (input.shape[0] if input.ndim else 1)
    return reduce_losses(losses, reduction)
