"""What losses share: their reduction to one number, and checks of their arguments.

A reduction is a word: "none" leaves the losses as they are, "sum" adds them up, "mean" takes their mean. Two deprecated
arguments, ``size_average`` and ``reduce``, are still read, with a warning, as in PyTorch.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor.callers import user_level
from minitensor.errors import ArgumentError, ShapeError, UnsupportedDtypeError, quote
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import require_tensors, result_dtype
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.dtypes import dtype
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def read_reduction(name: str, reduction: str, size_average: Truth | None = None, reduce: Truth | None = None) -> str:
    """Return the reduction, or the one that the deprecated arguments mean; raise if it is unknown."""
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    if reduction == "elementwise_mean":
        message = "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead."
        warnings.warn(message, UserWarning, stacklevel=user_level())
        return "mean"
    if reduction not in REDUCTIONS:
        known = ", ".join(REDUCTIONS)
        raise ArgumentError(f"{name}: {quote(reduction)} is not a valid value for reduction; it is one of {known}")
    return reduction


def legacy_get_string(size_average: Truth | None, reduce: Truth | None, emit_warning: bool = True) -> str:
    """Return the word for the two deprecated arguments, and warn of them."""
    averages, reduces = [each is None or bool(each) for each in (size_average, reduce)]
    reduction = "none" if not reduces else "mean" if averages else "sum"
    if emit_warning:
        message = f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead."
        warnings.warn(message, UserWarning, stacklevel=user_level())
    return reduction


def get_enum(reduction: str) -> int:
    """Return PyTorch's number for a reduction: 0 for "none", 1 for "mean", 2 for "sum"."""
    return REDUCTIONS.index(read_reduction("get_enum", reduction))


def legacy_get_enum(size_average: Truth | None, reduce: Truth | None, emit_warning: bool = True) -> int:
    """Return the number for the two deprecated arguments, and warn of them."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


def reduce_losses(losses: Tensor, reduction: str) -> Tensor:
    """Return the losses, their mean or their sum."""
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


def weigh_losses(losses: Tensor, weight: Operand | None) -> Tensor:
    """Return the losses times the weights, if there are any."""
    return losses if weight is None else losses * weight


def reduce_weighted_losses(name: str, losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce weighted losses; their mean is divided by the sum of the weights."""
    check_weight(name, losses, weight)
    if weight is None or reduction != "mean":
        return reduce_losses(weigh_losses(losses, weight), reduction)
    return (losses * weight).sum() / weight.sum()


def check_weight(name: str, losses: Tensor, weight: Tensor | None) -> None:
    """Raise unless there is one weight for each loss."""
    if weight is not None and weight.shape != losses.shape:
        raise ArgumentError(
            f"{name}: Weights and input must have the same size, got {tuple(weight.shape)} and {tuple(losses.shape)}"
        )


def check_pair(name: str, input: Any, target: Any) -> None:
    """Raise unless both are tensors; warn, as PyTorch does, if shapes differ and broadcast."""
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
            stacklevel=user_level(),
        )


def promote_pair(name: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return input and target in their common dtype, which must be floating-point."""
    check_pair(name, input, target)
    if input.dtype is not target.dtype:
        common = result_dtype(input, target)
        input, target = input.to(common), target.to(common)
    require_kind(name, FLOATS, input)
    return input, target


def require_classes(name: str, kinds: tuple[dtype, ...], target: Tensor) -> None:
    """Raise if class numbers do not have one of the dtypes that a loss takes."""
    if target.dtype not in kinds:
        wanted = " or ".join(each.name for each in kinds)
        raise UnsupportedDtypeError(
            f"{name}: expected target of dtype {wanted}, got {target.dtype.name}; cast with .long()"
        )


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise if the shapes of input and target differ."""
    require_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ArgumentError(
            f"{name}: target size ({tuple(target.shape)}) must be the same as input size ({tuple(input.shape)})"
        )
