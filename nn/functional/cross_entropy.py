"""Losses on classes: the negative log-probability that logits, or log-probabilities, give to the right class.

``cross_entropy`` is a primitive on logits: its softmax is computed once and kept for the gradient. Class numbers are
checked here; one that is out of range raises an IndexError that names it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite, composite_with_own_checks, require_constant
from minitensor.backends import any_true, holds_data
from minitensor.base import TensorBase, elements_of, has_values, values_of, wrap
from minitensor.dtypes import int64, uint8
from minitensor.errors import (
    DtypeError,
    IndexRuntimeError,
    ShapeError,
    ShapeValueError,
    UnsupportedDtypeError,
    UnsupportedError,
    UsageError,
    WrongTypeError,
)
from minitensor.nn.functional.linear import linear
from minitensor.nn.functional.reduction import read_reduction
from minitensor.ops.choice import where
from minitensor.ops.constant import as_function_of
from minitensor.ops.copy import with_row_major_grad
from minitensor.ops.operand import require_tensors
from minitensor.ops.softmax import log_softmax
from minitensor.ops.special import working_array

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count, Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

HUGE = 1 << 63


# -- classes: the primitives -------------------------------------------------------------------------------------------


def cross_entropy_grad(
    grads: tuple[Tensor | None, ...], result1: Tensor, target: Tensor, scales: Tensor | float
) -> Tensor:
    """Return the gradient of ``losses_and_softmax`` in the logits, through the losses and through the softmax."""
    (of_loss, of_softmax), softmax = grads, result1
    from_loss = None if of_loss is None else cross_entropy_backward(of_loss, softmax, target, scales)
    if of_softmax is None:
        return from_loss  # type: ignore[return-value]  # at least one of the two is given
    from_softmax = softmax * (of_softmax - (of_softmax * softmax).sum(1, keepdim=True))
    return from_softmax if from_loss is None else from_loss + from_softmax


@differentiable(name="cross_entropy", input=cross_entropy_grad)
def losses_and_softmax(input: Tensor, target: Tensor, scales: Tensor | float, total: bool) -> tuple[Array, ...]:
    """Return scales * (log sum exp(x) - x[target]) for each row of (N, C), or their sum; and the softmax."""
    x, xp = working_array("cross_entropy", input), input.xp
    # One array is, in turn, the shifted logits, their exponentials and the softmax.
    softmax = x - x.max(1, keepdims=True)
    losses = softmax[xp.arange(len(x)), target.array]
    xp.exp(softmax, out=softmax)
    sums = xp.add.reduce(softmax, 1, keepdims=True)
    xp.subtract(xp.log(sums)[:, 0], losses, out=losses)
    softmax /= sums
    factor = x.dtype.type(scales) if scales.__class__ is float else scales.array  # type: ignore[union-attr]  # a tensor
    if not total:
        found = losses * factor
    elif scales.__class__ is float:
        found = xp.add.reduce(losses) * factor
    else:
        found = xp.dot(losses, factor.astype(x.dtype, copy=False))
    kind = input.array.dtype
    return found.astype(kind, copy=False), softmax.astype(kind, copy=False)


def cross_entropy_backward_grad(grad: Tensor, softmax: Tensor, target: Tensor, scales: Tensor | float) -> Tensor:
    """Return the gradient of ``cross_entropy_backward`` in ``outer``, to which it is proportional."""
    return (grad * cross_entropy_backward(one_like(grad), softmax, target, scales)).sum(1)


@differentiable(
    outer=cross_entropy_backward_grad,
    softmax=lambda grad, outer, scales: grad * as_column(outer * scales),
)
def cross_entropy_backward(outer: Tensor, softmax: Tensor, target: Tensor, scales: Tensor | float) -> Array:
    """Return outer * scales * (softmax - one_hot(target)), rows scaled."""
    grad: Array = softmax.array.copy()
    grad[outer.xp.arange(len(grad)), target.array] -= 1
    factor = outer.array * (grad.dtype.type(scales) if scales.__class__ is float else scales.array)  # type: ignore[union-attr]
    grad *= factor[:, None] if factor.ndim else factor
    return grad


def pick_class_grad(grad: Tensor, input: Tensor, target: Tensor) -> Tensor:
    """Return the gradient of ``pick_class``."""
    return as_function_of(place_class(grad, target, tuple(input.shape)), input)


@differentiable(input=pick_class_grad)
def pick_class(input: Tensor, target: Tensor) -> Array:
    """Return from each row of (N, C) the entry of its class."""
    return input.array[input.xp.arange(len(input.array)), target.array]


@differentiable(values=lambda grad, target: pick_class(grad, target))
def place_class(values: Tensor, target: Tensor, shape: tuple[int, ...]) -> Array:
    """Return zeros (N, C) with a value at the class of each row: the adjoint of ``pick_class``."""
    output: Array = values.xp.zeros(shape, values.array.dtype)
    output[values.xp.arange(len(output)), target.array] = values.array
    return output


def as_column(factor: Tensor) -> Tensor:
    """Return a vector as a column, and a number as it is."""
    return factor.unsqueeze(1) if factor.ndim else factor


def one_like(tensor: Tensor) -> Tensor:
    """Return the number 1 in the dtype and on the device of a tensor."""
    one: Tensor = wrap(tensor.result_class, tensor.xp.ones((), tensor.dtype.arithmetic))
    return one


# -- classes -----------------------------------------------------------------------------------------------------------


@composite
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    ignore_index: Count = -100,
    reduce: Truth | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the negative log-probability that logits give to the target classes.

    Args:
        input: The logits: (C,), (N, C) or (N, C, d1, ...).
        target: Class numbers, int64 or uint8, in the shape of ``input`` without C; or probabilities, in the shape of
            ``input``.
        weight: A factor for each class, (C,); "mean" divides by the sum of the factors of the targets.
        size_average, reduce: Deprecated; use ``reduction``.
        ignore_index: Samples of this class are left out.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.
        label_smoothing: The share of the target probability, in [0, 1], that is spread evenly over all classes.

    Raises:
        RuntimeError: If ``target`` or ``weight`` does not fit ``input`` or has another dtype,
            ``label_smoothing`` is not in [0, 1], or probabilities come with an ``ignore_index``.
        IndexError, RuntimeError: If a class is not in [0, C).

    >>> import minitensor as torch
    >>> cross_entropy(torch.tensor([[0., 0.], [10., 0.]]), torch.tensor([1, 0]))
    tensor(0.3466)
    """
    reduction = read_reduction("cross_entropy", reduction, size_average, reduce)
    check_logits("cross_entropy", input, weight)
    require_tensors("cross_entropy", target=target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise UsageError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0, got {label_smoothing}")
    if target.dtype.kind == "f" and target.shape == input.shape:
        if ignore_index >= 0:
            raise UsageError(
                f"cross_entropy: ignore_index is not supported for floating point target, got {ignore_index}; "
                "probabilities have no class to ignore"
            )
        return soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    check_weight_dtype("cross_entropy", input, weight)
    if label_smoothing:
        log_probability = log_softmax(input, 1 if input.ndim > 1 else 0)
        return smooth_nll(log_probability, target, weight, ignore_index, reduction, label_smoothing)
    samples = read_samples("cross_entropy", input, target, weight, ignore_index, reduction)
    if not input.numel():
        return loss_of_empty(input, samples, reduction)
    losses, _ = losses_and_softmax(as_rows(input), samples.classes, samples.scales, reduction != "none")
    if reduction == "none":
        return losses if target.ndim == 1 else losses.reshape(target.shape)
    return losses if samples.counted else losses + math.nan


def loss_of_empty(input: Tensor, samples: Samples, reduction: str) -> Tensor:
    """Return the loss of logits without elements: zeros for missing classes, NaN as the mean over no samples."""
    losses = input.sum(1 if input.ndim > 1 else 0)
    if reduction == "none":
        return losses
    return losses.sum() if samples.counted else losses.sum() + math.nan


@composite_with_own_checks
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: Count | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    """Return ``cross_entropy`` of logits that are a linear map of ``input``.

    Args:
        input: (N, in) or (in).
        linear_weight: The map's weight, (C, in), or (C, d1, ..., in) for logits (N, C, d1, ...).
        target: As in ``cross_entropy``.
        linear_bias: The map's bias, (C, d1, ...).
        weight, reduction, label_smoothing: As in ``cross_entropy``.
        ignore_index: As in ``cross_entropy``; None leaves out class -100.
        options: Must be None; in PyTorch it trades speed for memory.

    Raises:
        NotImplementedError: If ``options`` is given.
        RuntimeError: If the shapes do not fit.

    >>> import minitensor as torch
    >>> linear_cross_entropy(torch.ones(1, 2), torch.tensor([[1., 0.], [0., 1.]]), torch.tensor([0]))
    tensor(0.6931)
    """
    if options is not None:
        raise UnsupportedError("linear_cross_entropy: options is not supported; leave it out, the result is the same")
    classes = check_linear_map(input, linear_weight, linear_bias)
    shape = (*input.shape[:-1], *classes)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise UsageError("linear_cross_entropy: ignore_index cannot be specified when target contains probabilities")
    flat_weight = linear_weight.flatten(0, -2)
    flat_bias = linear_bias if linear_bias is None or linear_bias.ndim == 1 else linear_bias.reshape(-1)
    logits = linear(input, flat_weight, flat_bias).reshape(shape)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(logits, target, weight, None, ignored, None, reduction, label_smoothing)


def check_linear_map(input: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    """Return the dims of the logits after N, once input, weight and bias fit."""
    given, shape = tuple(input.shape), tuple(weight.shape)
    if len(given) not in (1, 2) or len(shape) < 2 or given[-1] != shape[-1]:
        raise ShapeError(
            "linear_cross_entropy: expected input (N, in) or (in) and linear_weight (C, ..., in), got "
            f"{given} and {shape}"
        )
    if bias is not None and tuple(bias.shape) != shape[:-1]:
        raise ShapeError(f"linear_cross_entropy: expected linear_bias shape {shape[:-1]}, got {tuple(bias.shape)}")
    if len(shape) > 2 and len(given) < 2:
        raise ShapeError(
            f"linear_cross_entropy: linear_weight of shape {shape} requires batched input (N, in), got {given}"
        )
    return shape[:-1]


@composite
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Truth | None = None,
    ignore_index: Count = -100,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-probability that ``input`` holds at the target classes.

    Args:
        input: The log-probabilities: (C,), (N, C) or (N, C, d1, ...).
        target: Class numbers, int64 or uint8, in the shape of ``input`` without C.
        weight: A factor for each class, (C,); "mean" divides by the sum of the factors of the targets.
        size_average, reduce: Deprecated; use ``reduction``.
        ignore_index: Samples of this class are left out.
        reduction: "mean" (the default) or "sum" of the losses, or "none" for all of them.

    Raises:
        RuntimeError: If ``target`` or ``weight`` does not fit ``input`` or has another dtype.
        IndexError, RuntimeError: If a class is not in [0, C).

    >>> F.nll_loss(tensor([[-1., -2.]]), tensor([1]))
    tensor(2.)
    """
    reduction = read_reduction("nll_loss", reduction, size_average, reduce)
    check_logits("nll_loss", input, weight)
    check_weight_dtype("nll_loss", input, weight)
    require_tensors("nll_loss", target=target)
    classes, scales, counted = read_samples("nll_loss", input, target, weight, ignore_index, reduction)
    losses = -pick_class(as_rows(input), classes) * scales
    if isinstance(scales, TensorBase):  # an ignored loss is 0 even if it is infinite
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
        target = target * (1 - label_smoothing) + label_smoothing / max(input.shape[dim], 1)
    products = log_softmax(input, dim) * target
    if weight is not None:
        products = products * weight.reshape(-1, *(1,) * (input.ndim - dim - 1))
    losses = -products.sum(dim)
    if reduction == "mean":
        return losses.sum() / (input.numel() // max(input.shape[dim], 1))
    return losses if reduction == "none" else losses.sum()


def smooth_nll(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """Return (1 - s) times the loss at the target plus s times the mean loss over all classes."""
    classes, scales, _ = read_samples("cross_entropy", input, target, weight, ignore_index, "none")
    rows = as_rows(input)
    hit = -pick_class(rows, classes) * scales
    spread = -(rows if weight is None else rows * weight).sum(1)
    if isinstance(scales, TensorBase):
        counted = target.reshape(-1) != ignore_index
        spread = where(counted, spread, 0.0)
        hit = where(counted, hit, 0.0)
    losses = (1 - smoothing) * hit + smoothing / max(rows.shape[1], 1) * spread
    if reduction == "none":
        return losses.reshape(target.shape)
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / (scales.sum() if isinstance(scales, TensorBase) else rows.shape[0])


def as_rows(input: Tensor) -> Tensor:
    """Return (N, C, d1, ...), (C,) or () as (samples, C)."""
    if input.ndim == 2:
        return input
    if input.ndim < 2:
        return input.reshape(1, -1)
    return with_row_major_grad(input).movedim(1, -1).flatten(0, -2)


def pick_scores(name: str, rows: Tensor, classes: Tensor) -> Tensor:
    """Return the entry of each row of (N, C) at its class, after a check of the classes."""
    array, count = values_of(classes), rows.shape[1]
    wrong = (array < 0) | (array >= count)
    if any_true(wrong):
        raise no_such_class(name, array[wrong][0], count)
    return pick_class(rows, classes)


class Samples(NamedTuple):
    """Validated targets."""

    classes: Tensor  # one for each sample, all in range
    scales: Tensor | float  # the factor of each sample's loss; one number if all are equal
    counted: bool  # whether any sample counts; the mean over none is NaN, its gradient zero


def read_samples(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Samples:
    """Check class numbers against the logits and compute their weights; for "mean" they add up to 1."""
    require_constant(name, weight=weight)
    check_classes(name, input, target)
    count = input.shape[1] if input.ndim > 1 else input.shape[0]
    classes = target if target.ndim == 1 else target.reshape(-1)
    ignored = find_ignored_samples(name, classes, count, ignore_index)
    mean, samples = reduction == "mean", classes.shape[0]
    counted = bool(samples) or not mean
    if not all(each is None or has_values(each) for each in (classes, weight)):
        return Samples(*weigh_samples(input, classes, weight, ignore_index, mean), counted)
    if weight is None and ignored is None:
        return Samples(classes, 1.0 / max(samples, 1) if mean else 1.0, counted)
    xp = input.xp
    if ignored is not None:
        classes = wrap(input.result_class, xp.where(ignored, 0, classes.array))
    scales = xp.ones(classes.shape, input.dtype.arithmetic) if weight is None else elements_of(weight)[classes.array]
    if ignored is not None:
        scales = xp.where(ignored, scales.dtype.type(0), scales)
        if ignored.all():
            return Samples(classes, wrap(input.result_class, scales), not mean)
    return Samples(classes, wrap(input.result_class, scales / scales.sum() if mean else scales), counted)


def weigh_samples(
    input: Tensor, classes: Tensor, weight: Tensor | None, ignore_index: int, mean: bool
) -> tuple[Tensor, Tensor]:
    """Return classes and weights of checked targets in ops that have batching rules; 0 / 0 is NaN."""
    ignored = classes == ignore_index
    classes = where(ignored, 0, classes)
    scales = input.new_ones(tuple(classes.shape)) if weight is None else weight.detach()[classes]
    scales = where(ignored, 0, scales).to(input.dtype)
    return classes, scales / scales.sum() if mean else scales


def check_classes(name: str, input: Tensor, target: Tensor) -> None:
    """Raise unless targets are integers, one for each sample."""
    shape = tuple(input.shape)
    wanted = (shape[:1] if len(shape) > 1 else ()) + shape[2:]
    if tuple(target.shape) != wanted:
        raise ShapeValueError(
            f"{name}: expected target of shape {wanted} for input of shape {shape}, got {tuple(target.shape)}; class "
            "numbers have the shape of the input without its dim of classes"
        )
    if target.dtype is not int64 and (target.dtype is not uint8 or len(shape) > 2):
        other = " or probabilities in the shape of the input" if name != "nll_loss" else ""
        raise DtypeError(
            f"{name}: expected target to hold class numbers (int64, or uint8 for up to two dims){other}, got "
            f"{target.dtype.name} of shape {tuple(target.shape)}; cast class numbers with .long()"
        )


def find_ignored_samples(name: str, classes: Tensor, count: int, ignore_index: int) -> Array | None:
    """Return a mask of the ignored samples, or None if there are none; raise for a class that does not exist."""
    array = values_of(classes)
    if not array.size or not holds_data(array) or (largest_class(classes) < count and not 0 <= ignore_index < count):
        return None
    ignored: Array = array == ignore_index
    wrong = ((array < 0) | (array >= count)) & ~ignored
    if wrong.any():
        raise no_such_class(name, array[wrong][0], count)
    return ignored if ignored.any() else None


def no_such_class(name: str, value: Any, count: int) -> IndexRuntimeError:
    """Return the error for a class that does not exist."""
    return IndexRuntimeError(f"{name}: Target {value} is out of bounds: there are {count} classes, 0 to {count - 1}")


def largest_class(classes: Tensor) -> int:
    """Return the largest class; a negative one counts as larger than any."""
    array = values_of(classes)
    if array.dtype.char in "lq" and array.dtype.itemsize == 8:
        array = array.view("u8")  # one pass for both bounds: as unsigned, a negative number is huge
    elif array.dtype.kind == "i" and int(array.min()) < 0:
        return HUGE
    return int(classes.xp.max(array))


def check_logits(name: str, input: Any, weight: Any) -> None:
    """Raise unless the input has classes, and the weight one number for each."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    if not input.ndim:
        raise ShapeValueError(f"{name}: expected input with a dim of classes, (C,) or (N, C, ...), got a 0-d tensor")
    if input.dtype.kind != "f":
        raise UnsupportedDtypeError(
            f"{name}: expected floating-point input, got {input.dtype.name}; cast with .float()"
        )
    count = input.shape[1] if input.ndim > 1 else input.shape[0]
    if weight is not None and tuple(weight.shape) != (count,):
        raise ShapeError(
            f"{name}: weight tensor should be defined either for all {count} classes or no classes, but got weight of "
            f"shape {tuple(weight.shape)} for input of shape {tuple(input.shape)}"
        )


def check_weight_dtype(name: str, input: Tensor, weight: Tensor | None) -> None:
    """Raise if class weights have another dtype than the logits; with probabilities they may have any."""
    if weight is not None and weight.dtype != input.dtype:
        raise DtypeError(
            f"{name}: expected weight of the input's dtype {input.dtype.name}, got {weight.dtype.name}; cast with .to()"
        )
