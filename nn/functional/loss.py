"""Losses: how far outputs are from targets, as one number or one for each element.

``cross_entropy`` is a primitive on logits: its softmax is computed once and kept for the gradient. The others are
written in tensor arithmetic. Class targets are checked here; a class that is not there is an IndexError with its
number.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase, wrap
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    IndexOutOfRange,
    ShapeError,
    UnsupportedDtype,
    UsageError,
)
from minitensor.ops.activation import log_softmax
from minitensor.ops.operand import require_tensors
from minitensor.ops.pointwise import abs, clamp, exp, log, logaddexp, where
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")
HUGE = 1 << 63


# -- classes: the primitives -------------------------------------------------------------------------------------------


def softmax_back(
    grads: tuple[Tensor | None, ...], results: tuple[Tensor, ...], target: Tensor, scales: Tensor | float
) -> Tensor:
    """Return the gradient of ``_cross_entropy`` in the logits; its second result, the softmax, may bring one too."""
    of_loss, of_softmax = grads
    softmax = results[1]
    slope = None if of_loss is None else _slope(of_loss, softmax, target, scales)
    if of_softmax is None:
        return slope  # type: ignore[return-value]  # one of the two has come
    other = softmax * (of_softmax - (of_softmax * softmax).sum(1, keepdim=True))
    return other if slope is None else slope + other


@differentiable(input=softmax_back)
def _cross_entropy(input: Tensor, target: Tensor, scales: Tensor | float, total: bool) -> tuple[Array, ...]:
    """Return scales * (log sum exp(x) - x[target]) for each row of (N, C), or their sum; and the softmax."""
    x, xp = input.array, input.xp
    softmax = x - xp.max(x, 1, keepdims=True)
    losses = softmax[xp.arange(len(x)), target.array]
    xp.exp(softmax, out=softmax)
    sums = xp.add.reduce(softmax, 1, keepdims=True)
    xp.subtract(xp.log(sums)[:, 0], losses, out=losses)
    softmax /= sums
    factor = x.dtype.type(scales) if scales.__class__ is float else scales.array  # type: ignore[union-attr]  # a tensor
    if not total:
        return losses * factor, softmax
    return (xp.add.reduce(losses) * factor if scales.__class__ is float else xp.dot(losses, factor)), softmax


def outer_back(grad: Tensor, softmax: Tensor, target: Tensor, scales: Tensor | float) -> Tensor:
    """Return the gradient of ``_slope`` in the factor it is proportional to."""
    return (grad * _slope(one_like(grad), softmax, target, scales)).sum(1)


@differentiable(
    outer=outer_back,
    softmax=lambda grad, outer, scales: grad * as_column(outer * scales),
)
def _slope(outer: Tensor, softmax: Tensor, target: Tensor, scales: Tensor | float) -> Array:
    """Return outer * scales * (softmax - one_hot(target)), rows scaled."""
    slope: Array = softmax.array.copy()
    slope[outer.xp.arange(len(slope)), target.array] -= 1
    factor = outer.array * (slope.dtype.type(scales) if scales.__class__ is float else scales.array)  # type: ignore[union-attr]
    slope *= factor[:, None] if factor.ndim else factor
    return slope


def picked_back(grad: Tensor, target: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of picking."""
    return _at_class(grad, target, in_shape)


@differentiable(input=picked_back)
def _of_class(input: Tensor, target: Tensor) -> Array:
    """Return from each row of (N, C) the entry of its class."""
    return input.array[input.xp.arange(len(input.array)), target.array]


@differentiable(values=lambda grad, target: _of_class(grad, target))
def _at_class(values: Tensor, target: Tensor, shape: tuple[int, ...]) -> Array:
    """Return zeros (N, C) with a value at the class of each row: the adjoint of ``_of_class``."""
    output: Array = values.xp.zeros(shape, values.array.dtype)
    output[values.xp.arange(len(output)), target.array] = values.array
    return output


def as_column(factor: Tensor) -> Tensor:
    """Return a vector as a column, and one number as it is."""
    return factor.unsqueeze(1) if factor.ndim else factor


def one_like(tensor: Tensor) -> Tensor:
    """Return the number 1 as a tensor of the same kind."""
    one: Tensor = wrap(tensor.result_class, tensor.xp.ones((), tensor.array.dtype))
    return one


# -- classes -----------------------------------------------------------------------------------------------------------


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the negative log-probability that logits (N, C), (C,) or (N, C, d1, ...) give to the target classes.

    ``target`` holds class numbers, in the shape of ``input`` without C, or probabilities, in the shape of ``input``.
    Samples of class ``ignore_index`` count for nothing; ``weight`` (C,) counts classes more or less, and "mean"
    divides by the sum of the weights met. ``label_smoothing`` moves that share of the probability to all classes alike.

    >>> import minitensor as torch
    >>> cross_entropy(torch.tensor([[0., 0.], [10., 0.]]), torch.tensor([1, 0]))
    tensor(0.3466)
    """
    check_reduction("cross_entropy", reduction, size_average, reduce)
    check_logits("cross_entropy", input, weight)
    require_tensors("cross_entropy", target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise UsageError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0, got {label_smoothing}")
    if target.array.dtype.kind == "f" and target.shape == input.shape:
        return soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    if label_smoothing:
        log_probability = log_softmax(input, 1 if input.ndim > 1 else 0)
        return smoothed_nll(log_probability, target, weight, ignore_index, reduction, label_smoothing)
    samples = samples_of("cross_entropy", input, target, weight, ignore_index, reduction)
    losses, _ = _cross_entropy(as_rows(input), samples.classes, samples.scales, reduction != "none")
    if reduction == "none":
        return losses if target.ndim == 1 else losses.reshape(target.shape)
    return losses if samples.counted else losses + math.nan


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the log-probability ``input`` (N, C), (C,) or (N, C, d1, ...) has at the target classes."""
    check_reduction("nll_loss", reduction, size_average, reduce)
    check_logits("nll_loss", input, weight)
    require_tensors("nll_loss", target=target)
    classes, scales, counted = samples_of("nll_loss", input, target, weight, ignore_index, reduction)
    losses = -_of_class(as_rows(input), classes) * scales
    if isinstance(scales, TensorBase):  # what is ignored is 0 even where it is infinite
        losses = where(scales == 0, 0.0, losses)
    if reduction == "none":
        return losses.reshape(target.shape)
    return losses.sum() if counted else losses.sum() + math.nan


def soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    """Return the cross-entropy against probabilities of the classes."""
    dim = 1 if input.ndim > 1 else 0
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / input.shape[dim]
    products = log_softmax(input, dim) * target
    if weight is not None:
        products = products * weight.reshape(-1, *(1,) * (input.ndim - dim - 1))
    losses = -products.sum(dim)
    if reduction == "mean":
        return losses.sum() / max(losses.numel(), 1)
    return losses if reduction == "none" else losses.sum()


def smoothed_nll(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """Return (1 - s) times the loss at the target plus s times the mean loss over all classes."""
    classes, scales, _ = samples_of("cross_entropy", input, target, weight, ignore_index, "none")
    rows = as_rows(input)
    hit = -_of_class(rows, classes) * scales
    spread = -(rows if weight is None else rows * weight).sum(1)
    if isinstance(scales, TensorBase):
        counted = target.reshape(-1) != ignore_index
        spread = where(counted, spread, 0.0)
        hit = where(counted, hit, 0.0)
    losses = (1 - smoothing) * hit + smoothing / rows.shape[1] * spread
    if reduction == "none":
        return losses.reshape(target.shape)
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / (scales.sum() if isinstance(scales, TensorBase) else rows.shape[0])


def as_rows(input: Tensor) -> Tensor:
    """Return (N, C, d1, ...) or (C,) as (samples, C)."""
    if input.ndim == 2:
        return input
    if input.ndim == 1:
        return input.unsqueeze(0)
    return input.movedim(1, -1).reshape(-1, input.shape[1])


class Samples(NamedTuple):
    """Targets, ready for the arithmetic."""

    classes: Tensor  # one for each sample, all in range
    scales: Tensor | float  # by what each sample's loss is multiplied: one number if all count alike
    counted: bool  # whether any sample counts; the mean over none is NaN, its gradient zero


def samples_of(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Samples:
    """Check class numbers against the logits and weigh them; for "mean", weights add up to 1."""
    check_classes(name, input, target)
    count = input.shape[1] if input.ndim > 1 else input.shape[0]
    classes = target if target.ndim == 1 else target.reshape(-1)
    ignored = ignored_samples(name, classes, count, ignore_index)
    mean = reduction == "mean"
    if weight is None and ignored is None:
        samples = classes.shape[0]
        return Samples(classes, (1.0 / samples if samples else math.nan) if mean else 1.0, True)
    xp = input.xp
    if ignored is not None:
        classes = wrap(input.result_class, xp.where(ignored, 0, classes.array))
    scales = xp.ones(classes.shape, input.array.dtype) if weight is None else weight.array[classes.array]
    if ignored is not None:
        scales = xp.where(ignored, scales.dtype.type(0), scales)
        if ignored.all():
            return Samples(classes, wrap(input.result_class, scales), not mean)
    return Samples(classes, wrap(input.result_class, scales / scales.sum() if mean else scales), True)


def check_classes(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse targets that are not integers, one for each sample."""
    shape = tuple(input.shape)
    wanted = (shape[:1] if len(shape) > 1 else ()) + shape[2:]
    if tuple(target.shape) != wanted:
        raise TargetShape(
            f"{name}: expected target of shape {wanted} for input of shape {shape}, got {tuple(target.shape)}; class "
            "numbers have the shape of the input without its dim of classes"
        )
    if target.array.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: expected target to hold class numbers (an integer dtype, as int64) or probabilities in the "
            f"shape of the input, got {target.dtype.name} of shape {tuple(target.shape)}"
        )


class TargetShape(ShapeError, ArgumentError):
    """Targets that do not fit the inputs: PyTorch raises ValueError for some shapes, RuntimeError for others."""


def ignored_samples(name: str, classes: Tensor, count: int, ignore_index: int) -> Array | None:
    """Return which samples to ignore, None if there are none; a class that is not there raises."""
    array = classes.array
    if not array.size or (largest_class(classes) < count and not 0 <= ignore_index < count):
        return None
    ignored: Array = array == ignore_index
    wrong = ((array < 0) | (array >= count)) & ~ignored
    if wrong.any():
        value = array[wrong][0]
        raise IndexOutOfRange(f"{name}: Target {value} is out of bounds: there are {count} classes, 0 to {count - 1}")
    return ignored if ignored.any() else None


def largest_class(classes: Tensor) -> int:
    """Return the largest class; a negative one counts as larger than any."""
    array = classes.array
    if array.dtype.char in "lq" and array.dtype.itemsize == 8:
        array = array.view("u8")  # one look for both ends: read so, a negative number is huge
    elif array.dtype.kind == "i" and int(array.min()) < 0:
        return HUGE
    return int(classes.xp.max(array))


def check_logits(name: str, input: Any, weight: Any) -> None:
    """Refuse inputs without classes, and a weight that has not one number for each."""
    if not isinstance(input, TensorBase):
        raise ArgumentTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    if not input.ndim:
        raise ShapeError(f"{name}: expected input with a dim of classes, (C,) or (N, C, ...), got a 0-d tensor")
    if input.array.dtype.kind != "f":
        raise UnsupportedDtype(f"{name}: expected floating-point input, got {input.dtype.name}; cast with .float()")
    count = input.shape[1] if input.ndim > 1 else input.shape[0]
    if weight is not None and tuple(weight.shape) != (count,):
        raise ShapeError(
            f"{name}: weight tensor should be defined either for all {count} classes or no classes, but got weight of "
            f"shape {tuple(weight.shape)} for input of shape {tuple(input.shape)}"
        )


# -- numbers -----------------------------------------------------------------------------------------------------------


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return (input - target)², element by element or reduced."""
    check_pair("mse_loss", input, target)
    difference = input - target
    return reduced("mse_loss", difference * difference, reduction, size_average, reduce, weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return \\|input - target\\|, element by element or reduced."""
    check_pair("l1_loss", input, target)
    return reduced("l1_loss", abs(input - target), reduction, size_average, reduce, weight)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return d² / (2 beta) for a distance d below ``beta``, and d - beta / 2 above it."""
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: expected beta to be a non-negative number, got {beta}")
    if beta == 0:
        return l1_loss(input, target, size_average, reduce, reduction)
    check_pair("smooth_l1_loss", input, target)
    difference = input - target
    distance = abs(difference)
    losses = where(distance < beta, difference * difference * (0.5 / beta), distance - 0.5 * beta)
    return reduced("smooth_l1_loss", losses, reduction, size_average, reduce)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return d² / 2 for a distance d up to ``delta``, and delta (d - delta / 2) above it."""
    if delta <= 0:
        raise ArgumentError(f"huber_loss: expected delta to be greater than 0, got {delta}")
    check_pair("huber_loss", input, target)
    difference = input - target
    distance = abs(difference)
    losses = where(distance <= delta, difference * difference * 0.5, (distance - 0.5 * delta) * delta)
    return reduced("huber_loss", losses, reduction, weight=weight)


# -- probabilities -----------------------------------------------------------------------------------------------------


@differentiable(
    input=lambda grad, input, target: grad * (input - target) / clamp((1 - input) * input, min=1e-12),
    target=lambda grad, input: grad * (clamp(log(1 - input), min=-100) - clamp(log(input), min=-100)),
)
def _binary_cross_entropy(input: Tensor, target: Tensor) -> Array:
    x, t, xp = input.array, target.array, input.xp
    # As PyTorch: logarithms end at -100, so that a sure mistake costs a finite amount.
    low = x.dtype.type(-100)
    return (t - 1) * xp.maximum(xp.log1p(-x), low) - t * xp.maximum(xp.log(x), low)  # type: ignore[no-any-return]


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -(t log p + (1 - t) log(1 - p)) of probabilities p and targets t."""
    check_reduction("binary_cross_entropy", reduction, size_average, reduce)
    same_shapes("binary_cross_entropy", input, target)
    array = input.array
    if array.size and not bool(((array >= 0) & (array <= 1)).all()):
        raise DtypeError(
            f"binary_cross_entropy: all elements of input should be between 0 and 1, got {array.min()} to "
            f"{array.max()}; use binary_cross_entropy_with_logits for logits"
        )
    return reduced("binary_cross_entropy", weighted(_binary_cross_entropy(input, target), weight), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the binary cross-entropy of ``sigmoid(input)``, without overflow; ``pos_weight`` weighs targets of 1."""
    check_reduction("binary_cross_entropy_with_logits", reduction, size_average, reduce)
    same_shapes("binary_cross_entropy_with_logits", input, target)
    surprise = logaddexp(-input, one_like(input) * 0)  # -log sigmoid(x)
    if pos_weight is not None:
        surprise = surprise * ((pos_weight - 1) * target + 1)
    return reduced("binary_cross_entropy_with_logits", weighted((1 - target) * input + surprise, weight), reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return t (log t - input) of targets t and log-probabilities ``input``; "batchmean" divides by the batch size."""
    require_tensors("kl_div", input=input, target=target)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        positive = target > 0
        losses = where(positive, target * (log(where(positive, target, 1.0)) - input), -target * input)
    if reduction == "batchmean":
        return losses.sum() / input.shape[0] if input.ndim else losses
    return reduced("kl_div", losses, reduction, size_average, reduce)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between vectors along ``dim``; lengths below ``eps`` count as ``eps``."""
    first, second = (x * clamp((x * x).sum(dim, keepdim=True), min=eps * eps).rsqrt() for x in (x1, x2))
    return (first * second).sum(dim)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 - cos where the target is 1, and max(0, cos - margin) where it is -1."""
    cosine = cosine_similarity(input1, input2, dim=-1)
    losses = where(target == 1, 1 - cosine, clamp(cosine - margin, min=0))
    return reduced("cosine_embedding_loss", losses, reduction, size_average, reduce)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, -target (input1 - input2) + margin)."""
    losses = clamp(-target * (input1 - input2) + margin, min=0)
    return reduced("margin_ranking_loss", losses, reduction, size_average, reduce)


# -- reductions and checks ---------------------------------------------------------------------------------------------


def reduced(
    name: str,
    losses: Tensor,
    reduction: str,
    size_average: None = None,
    reduce: None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Return the losses, their mean or their sum; a weighted mean divides by the sum of the weights."""
    check_reduction(name, reduction, size_average, reduce)
    losses = weighted(losses, weight)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    return losses.mean() if weight is None else losses.sum() / weight.expand(losses.shape).sum()


def weighted(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return losses times weights."""
    return losses if weight is None else losses * weight


def check_reduction(name: str, reduction: str, size_average: Any, reduce: Any) -> None:
    """Refuse a reduction that is none."""
    if reduction not in REDUCTIONS:
        known = ", ".join(REDUCTIONS)
        raise ArgumentError(f"{name}: {reduction!r} is not a valid value for reduction; it is one of {known}")
    if size_average is not None or reduce is not None:
        raise ArgumentError(f"{name}: size_average and reduce are deprecated and not taken here; use reduction=")


def check_pair(name: str, input: Any, target: Any) -> None:
    """Refuse what are no tensors, and warn, as PyTorch does, where shapes differ and broadcast."""
    require_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        try:
            broadcast_shapes(tuple(input.shape), tuple(target.shape))
        except ShapeError as error:
            raise ShapeError(f"{name}: input and target: {error}") from None
        warnings.warn(
            f"{name}: using a target size ({tuple(target.shape)}) that is different to the input size "
            f"({tuple(input.shape)}): they will be broadcast, which may not be what is meant; reshape one of them",
            UserWarning,
            stacklevel=3,
        )


def same_shapes(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse shapes that differ."""
    require_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ArgumentError(
            f"{name}: target size ({tuple(target.shape)}) must be the same as input size ({tuple(input.shape)})"
        )
