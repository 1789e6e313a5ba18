"""Losses on numbers and on probabilities: how far outputs are from targets, element by element or as one number.

All but the binary cross-entropy are written in tensor arithmetic. ``reduction.py`` says what becomes of the losses of
a batch; ``cross_entropy.py`` has those on classes, ``margin_loss.py`` those with a margin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase, values_of
from minitensor.dtypes import lift
from minitensor.errors import ArgumentError, DtypeError
from minitensor.nn.functional.reduction import (
    check_pair,
    check_weight,
    float_pair,
    read_reduction,
    reduced,
    same_shapes,
    weighed,
    weighted,
)
from minitensor.ops.activation import logsigmoid
from minitensor.ops.choice import clamp, where
from minitensor.ops.creation import full_like
from minitensor.ops.exponentials import exp, log
from minitensor.ops.kinds import FLOATS, ORDERED, in_dtype_of, require_kind, require_same_dtype
from minitensor.ops.operand import require_tensors
from minitensor.ops.rounding import abs

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
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
    """Return (input - target)², element by element or reduced."""
    reduction = read_reduction("mse_loss", reduction, size_average, reduce)
    input, target = float_pair("mse_loss", input, target)
    difference = input - target
    return weighed("mse_loss", difference * difference, weight, reduction)


@composite
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return \\|input - target\\|, element by element or reduced."""
    reduction = read_reduction("l1_loss", reduction, size_average, reduce)
    check_pair("l1_loss", input, target)
    return weighed("l1_loss", abs(input - target), weight, reduction)


@composite
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return d² / (2 beta) for a distance d below ``beta``, and d - beta / 2 above it."""
    reduction = read_reduction("smooth_l1_loss", reduction, size_average, reduce)
    if not beta >= 0:
        raise NegativeBeta(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = float_pair("smooth_l1_loss", input, target)
    difference = input - target
    distance = abs(difference)
    near = ~(distance >= beta)  # where it is NaN too
    small = where(near, difference, 0)  # an infinite difference squared would have the slope NaN
    losses = where(near, small * small * (0.5 / beta), distance - 0.5 * beta)
    return reduced(losses, reduction)


@composite
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return d² / 2 for a distance d up to ``delta``, and delta (d - delta / 2) above it."""
    reduction = read_reduction("huber_loss", reduction)
    if not delta > 0:
        raise NegativeBeta(f"huber_loss does not support non-positive values for delta, got {delta}")
    given, target = float_pair("huber_loss", input, target)
    difference = given - target
    width = lift(delta, difference.dtype.numpy).item()
    near = clamp(difference, -width, width)
    losses = near * (difference - near * 0.5)
    losses = in_dtype_of("huber_loss", input, losses)
    check_weight("huber_loss", losses, weight)
    return reduced(weighted(losses, weight), reduction)  # as PyTorch: its mean is by the count


class NegativeBeta(ArgumentError, DtypeError):
    """A width that is negative: PyTorch raises RuntimeError; this is a ValueError too."""


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
    """Return minus the log-probability of counts ``target`` under Poisson's distribution of rate exp(input).

    The rate is ``input`` itself, kept from zero by ``eps``, if ``log_input`` is False. The logarithm of the counts'
    factorial is left out, or, if ``full``, given by Stirling's formula for counts above 1.
    """
    reduction = read_reduction("poisson_nll_loss", reduction, size_average, reduce)
    require_tensors("poisson_nll_loss", input=input, target=target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        many = target > 1
        count = where(many, target, 1)
        stirling = count * log(count) - count + log(count * (2 * math.pi)) * 0.5
        losses = losses + where(many, stirling, 0.0)
    return reduced(losses, reduction)


@composite
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: Truth = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the log-density of ``target`` under normal distributions of means ``input`` and variances ``var``.

    ``var`` is one number, or has the shape of ``input``, but for the last dim, or one of size 1; below ``eps`` it
    counts as ``eps``. The constant log(2 pi) / 2 is added if ``full``. Nix and Weigend 1994.
    """
    require_tensors("gaussian_nll_loss", input=input, target=target)
    variance = variance_of(input, var).clone()
    require_kind("gaussian_nll_loss", ORDERED, variance)
    reduction = read_reduction("gaussian_nll_loss", reduction)
    with no_grad():  # as PyTorch: the gradient is that of the variance also where it was too small
        variance.clamp_(min=eps)
    distance = input - target
    losses = (log(variance) + distance * distance / variance) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def variance_of(input: Tensor, var: Tensor | float) -> Tensor:
    """Return the variances in a shape that broadcasts to the input's."""
    if not isinstance(var, TensorBase):
        if var < 0:
            raise ArgumentError(f"gaussian_nll_loss: var has negative entry/entries: {var}")
        return full_like(input, 1) * var
    if bool((values_of(var) < 0).any()):
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


def surprise_by_input(grad: Tensor, input: Tensor, target: Tensor) -> Tensor:
    """Return the gradient of the binary cross-entropy in the probabilities."""
    return grad * (input - target) / clamp((1 - input) * input, min=1e-12)


def surprise_by_target(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of the binary cross-entropy in the targets."""
    return grad * (clamp(log(1 - input), min=-100) - clamp(log(input), min=-100))


@differentiable(input=surprise_by_input, target=surprise_by_target)
def _binary_cross_entropy(input: Tensor, target: Tensor) -> Array:
    x, t, xp = input.array, target.array, input.xp
    # As PyTorch: logarithms end at -100, so that a sure mistake costs a finite amount.
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
    """Return -(t log p + (1 - t) log(1 - p)) of probabilities p and targets t."""
    reduction = read_reduction("binary_cross_entropy", reduction, size_average, reduce)
    same_shapes("binary_cross_entropy", input, target)
    require_same_dtype("binary_cross_entropy", input=input, target=target)
    require_kind("binary_cross_entropy", FLOATS, input)
    array = values_of(input)
    if array.size and not bool(((array >= 0) & (array <= 1)).all()):
        raise DtypeError(
            f"binary_cross_entropy: all elements of input should be between 0 and 1, got {array.min()} to "
            f"{array.max()}; use binary_cross_entropy_with_logits for logits"
        )
    losses = _binary_cross_entropy(input, target)
    return reduced(in_dtype_of("binary_cross_entropy", losses, weighted(losses, weight)), reduction)


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
    """Return the binary cross-entropy of ``sigmoid(input)``, without overflow; ``pos_weight`` weighs targets of 1."""
    reduction = read_reduction("binary_cross_entropy_with_logits", reduction, size_average, reduce)
    same_shapes("binary_cross_entropy_with_logits", input, target)
    require_kind("binary_cross_entropy_with_logits", FLOATS, input)
    input, target = in_turn(input, target)
    surprise = -logsigmoid(input)
    if pos_weight is not None:
        surprise = surprise * ((pos_weight - 1) * target + 1)
    losses = in_dtype_of("binary_cross_entropy_with_logits", target, (1 - target) * input + surprise)
    return reduced(in_dtype_of("binary_cross_entropy_with_logits", losses, weighted(losses, weight)), reduction)


@composite
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return t (log t - input) of targets t and log-probabilities ``input``; "batchmean" divides by the batch size.

    With ``log_target`` the target holds log t. Kullback and Leibler 1951.
    """
    batchmean = reduction == "batchmean" and size_average is None and reduce is None
    reduction = read_reduction("kl_div", "sum" if batchmean else reduction, size_average, reduce)
    require_tensors("kl_div", input=input, target=target)
    require_kind("kl_div", FLOATS, input, target)
    target, input = in_turn(target, input)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        empty = target == 0
        losses = where(empty, -target * input, target * (log(where(empty, 1.0, target)) - input))
    if batchmean:
        return losses.sum() / input.shape[0] if input.ndim else losses
    return reduced(losses, reduction)
