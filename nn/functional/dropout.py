"""Dropout: random zeros in training, and the rest changed so that the expected value stays.

The mask is drawn from the default generator as PyTorch draws it, so the same seed drops the same entries. ``alpha``
dropouts put the least value of a selu where the others put zero, and so keep the variance too.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from minitensor.autograd.declare import drawing
from minitensor.autograd.misuse import composite
from minitensor.callers import user_level
from minitensor.dtypes import float16
from minitensor.errors import ArgumentError, ShapeError, UsageError
from minitensor.generator import bernoulli, default_generator
from minitensor.ops.aliasing import refuse_write
from minitensor.ops.creation import empty_like
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import require_tensors
from minitensor.ops.random import bernoulli_, fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.autograd.argument_types import Truth
    from minitensor.tensor import Tensor

    MaskFor = Callable[[str, Tensor, float], Tensor]

ALPHA = 1.7580993408473766  # minus the limit of a selu at minus infinity


# -- zeros -------------------------------------------------------------------------------------------------------------


@composite
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """Zero each element with probability ``p`` and divide the rest by ``1 - p``; outside training, return the input.

    >>> import minitensor as torch
    >>> dropout(torch.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    require_tensors("dropout", input=input)
    return masked("dropout", input, whole, p, training, inplace)


@composite
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L)."""
    require_tensors("dropout1d", input=input)
    check_probability("dropout1d", p)
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: expected 2D or 3D input, got shape {tuple(input.shape)}")
    return masked("dropout1d", input, channels_of_lines, p, training, inplace)


@composite
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """Zero whole channels of (N, C, H, W). As in PyTorch, the first two dims are always taken for N and C."""
    require_tensors("dropout2d", input=input)
    check_probability("dropout2d", p)
    if input.ndim == 3:
        warnings.warn(
            f"dropout2d: a 3-D input, here {tuple(input.shape)}, is taken for (N, C, L) and whole rows of it are "
            "dropped, as in PyTorch; say so with dropout1d, or give (1, C, H, W)",
            UserWarning,
            stacklevel=user_level(),
        )
    elif input.ndim != 4:
        discouraged("dropout2d", input, "4-D", 2)
    return masked("dropout2d", input, channels, p, training, inplace)


@composite
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    require_tensors("dropout3d", input=input)
    check_probability("dropout3d", p)
    if input.ndim not in (4, 5):
        discouraged("dropout3d", input, "4-D or 5-D", 3)
    return masked("dropout3d", input, channels_of_volumes, p, training, inplace)


def discouraged(name: str, input: Tensor, wanted: str, spatial: int) -> None:
    """Warn of an input with another number of dims than the name says."""
    warnings.warn(
        f"{name}: Received a {input.ndim}-D input, of shape {tuple(input.shape)}, which is deprecated: expected "
        f"{wanted} with {spatial} spatial dims, a channel dim, and a batch dim",
        UserWarning,
        stacklevel=user_level(),
    )


def whole(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask with one entry for each element: 0 with probability ``p``, else 1."""
    return coins(input, 1 - p)


@drawing
def coins(input: Tensor, p: float) -> Tensor:
    """Return ones with probability ``p`` and zeros, drawn and laid out in the order of the input's memory."""
    return bernoulli_(empty_like(input), p)


def channels(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask with one entry for each channel of each sample."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: Feature dropout requires at least 2 dimensions in the input, (N, C, ...), got shape "
                         f"{tuple(input.shape)}")  # fmt: skip
    return mask_of((*input.shape[:2], *(1,) * (input.ndim - 2)), input, p)


def channels_of_lines(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask for (N, C, L), or for one sample without N."""
    return mask_of((*input.shape[:-1], 1), input, p)


def channels_of_volumes(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask for (N, C, D, H, W), or for one sample without N."""
    if input.ndim in (0, 5):
        return channels(name, input, p)
    return mask_of((input.shape[0], *(1,) * (input.ndim - 1)), input, p)


def mask_of(shape: tuple[int, ...], input: Tensor, p: float) -> Tensor:
    """Draw a mask of a shape in the input's dtype: 0 with probability ``p``, else 1."""
    kind = input.dtype.numpy
    return fresh(shape, lambda shape: bernoulli(default_generator, 1 - p, shape, kind), input.device, False)


def masked(
    name: str, input: Tensor, mask_for: MaskFor, p: float, training: bool, inplace: bool
) -> Tensor:
    """Multiply by a mask of zeros and ``1 / (1 - p)`` that ``mask_for`` draws."""
    check_probability(name, p)
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return zeroed(input, inplace)
    require_kind(name, FLOATS, input)
    if inplace:
        refuse_write(name, input)  # before a number is drawn
    factor = divide(mask_for(name, input, p), 1 - p)
    return input.mul_(factor) if inplace else input * factor


def divide(mask: Tensor, kept: float) -> Tensor:
    """Divide a mask by the probability with which entries are kept; halves in singles, as in PyTorch."""
    return (mask.float() / kept).half() if mask.dtype is float16 else mask.div_(kept)


def zeroed(input: Tensor, inplace: bool) -> Tensor:
    """Multiply by zero, in the input's dtype."""
    zero = input.new_zeros(())
    return input.mul_(zero) if inplace else input * zero


def check_probability(name: str, p: float) -> None:
    """Raise unless ``p`` is a probability."""
    if not 0 <= p <= 1:
        raise DropoutProbability(f"{name}: dropout probability has to be between 0 and 1, but got {p}")


class DropoutProbability(ArgumentError, UsageError):
    """A probability outside of [0, 1]: PyTorch raises ValueError here and RuntimeError there; this is both."""


# -- the least value of a selu -----------------------------------------------------------------------------------------


@composite
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: Truth = False) -> Tensor:
    """Put a selu's least value in the place of each element with probability ``p``; mean 0 and variance 1 stay.

    Klambauer et al. 2017.
    """
    require_tensors("alpha_dropout", input=input)
    return saturated("alpha_dropout", input, whole, p, training, inplace)


@composite
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: Truth = False) -> Tensor:
    """Do the same to whole channels of (N, C, ...)."""
    require_tensors("feature_alpha_dropout", input=input)
    return saturated("feature_alpha_dropout", input, channels, p, training, inplace)


def saturated(
    name: str, input: Tensor, mask_for: MaskFor, p: float, training: bool, inplace: bool
) -> Tensor:
    """Replace by the least value, then scale and shift back to mean 0 and variance 1."""
    check_probability(name, p)
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return zeroed(input, inplace)
    require_kind(name, FLOATS, input)
    if inplace:
        refuse_write(name, input)
    scale = 1 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    mask = mask_for(name, input, p)
    shift = (mask - 1) * (ALPHA * scale) + ALPHA * scale * p
    if inplace:
        return input.mul_(mask * scale).add_(shift)
    return input * (mask * scale) + shift
