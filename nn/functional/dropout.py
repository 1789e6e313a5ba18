"""Dropout: random zeros in training, with the rest scaled so that the expected value stays.

The mask is drawn from the default generator as PyTorch draws it, so the same seed drops the same entries. ``alpha``
dropouts replace entries by the limit of a selu instead of zero, and so keep the variance too.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from minitensor.autograd.declare import random_operation
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import other_names
from minitensor.callers import user_level
from minitensor.dtypes import HALVES
from minitensor.errors import ShapeError, UsageValueError
from minitensor.generator import default_generator
from minitensor.ops.aliasing import refuse_write
from minitensor.ops.creation import empty_like
from minitensor.ops.draws import bernoulli_
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import require_tensors
from minitensor.ops.random import fresh
from minitensor.sampling import bernoulli

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.autograd.argument_types import Truth
    from minitensor.tensor import Tensor

    MaskFor = Callable[[str, Tensor, float], Tensor]

ALPHA = 1.7580993408473766  # minus the limit of a selu at minus infinity


# -- zeros -------------------------------------------------------------------------------------------------------------


@composite
@other_names(train="training")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """In training, zero each element with probability ``p`` and divide the rest by ``1 - p``.

    Srivastava et al. 2014.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        p: The probability of dropping, in [0, 1].
        training: Whether to drop anything; otherwise the input is returned.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].

    >>> import minitensor as torch
    >>> dropout(torch.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    require_tensors("dropout", input=input)
    return apply_dropout("dropout", input, element_mask, p, training, inplace)


@composite
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """In training, zero whole channels of signals with probability ``p`` and divide the rest by ``1 - p``.

    Args:
        input: (N, C, L) or (C, L); the result has the same shape.
        p: The probability of dropping, in [0, 1].
        training: Whether to drop anything; otherwise the input is returned.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].
        RuntimeError: If the input has another number of dims.

    >>> F.dropout1d(ones(1, 2, 3), 1.0)
    tensor([[[0., 0., 0.],
             [0., 0., 0.]]])
    """
    require_tensors("dropout1d", input=input)
    check_probability("dropout1d", p)
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: expected 2D or 3D input, got shape {tuple(input.shape)}")
    return apply_dropout("dropout1d", input, channel_mask_1d, p, training, inplace)


@composite
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """In training, zero whole channels of images with probability ``p`` and divide the rest by ``1 - p``.

    As in PyTorch, the first two dims are always taken as N and C; an input of other than four dims gives a warning.

    Args:
        input: (N, C, H, W); the result has the same shape.
        p: The probability of dropping, in [0, 1].
        training: Whether to drop anything; otherwise the input is returned.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].
        RuntimeError: If the input has fewer than two dims.

    >>> F.dropout2d(ones(1, 1, 1, 2), 1.0)
    tensor([[[[0., 0.]]]])
    """
    require_tensors("dropout2d", input=input)
    check_probability("dropout2d", p)
    if input.ndim == 3:
        warnings.warn(
            f"dropout2d: a 3-D input, here {tuple(input.shape)}, is taken for (N, C, L) and whole rows of it are "
            "dropped, as in PyTorch; use dropout1d, or give (1, C, H, W)",
            UserWarning,
            stacklevel=user_level(),
        )
    elif input.ndim != 4:
        warn_of_rank("dropout2d", input, "4-D", 2)
    return apply_dropout("dropout2d", input, channel_mask, p, training, inplace)


@composite
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: Truth = False) -> Tensor:
    """In training, zero whole channels of volumes with probability ``p`` and divide the rest by ``1 - p``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W); the result has the same shape. Other ranks give a warning.
        p: The probability of dropping, in [0, 1].
        training: Whether to drop anything; otherwise the input is returned.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].

    >>> F.dropout3d(ones(1, 1, 1, 2), 1.0)
    tensor([[[[0., 0.]]]])
    """
    require_tensors("dropout3d", input=input)
    check_probability("dropout3d", p)
    if input.ndim not in (4, 5):
        warn_of_rank("dropout3d", input, "4-D or 5-D", 3)
    return apply_dropout("dropout3d", input, channel_mask_3d, p, training, inplace)


def warn_of_rank(name: str, input: Tensor, wanted: str, spatial: int) -> None:
    """Warn that the input has another number of dims than the function expects."""
    warnings.warn(
        f"{name}: Received a {input.ndim}-D input, of shape {tuple(input.shape)}, which is deprecated: expected "
        f"{wanted} with {spatial} spatial dims, a channel dim, and a batch dim",
        UserWarning,
        stacklevel=user_level(),
    )


def element_mask(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask with one entry for each element: 0 with probability ``p``, else 1."""
    return draw_element_mask(input, 1 - p)


@random_operation
def draw_element_mask(input: Tensor, p: float) -> Tensor:
    """Return ones with probability ``p`` and zeros, drawn in the order of the input's memory."""
    return bernoulli_(empty_like(input), p)


def channel_mask(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask with one entry for each channel of each sample."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: Feature dropout requires at least 2 dimensions in the input, (N, C, ...), got shape "
                         f"{tuple(input.shape)}")  # fmt: skip
    return draw_channel_mask((*input.shape[:2], *(1,) * (input.ndim - 2)), input, p)


def channel_mask_1d(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask for the channels of (N, C, L) or (C, L)."""
    return draw_channel_mask((*input.shape[:-1], 1), input, p)


def channel_mask_3d(name: str, input: Tensor, p: float) -> Tensor:
    """Draw a mask for the channels of (N, C, D, H, W) or (C, D, H, W)."""
    if input.ndim in (0, 5):
        return channel_mask(name, input, p)
    return draw_channel_mask((input.shape[0], *(1,) * (input.ndim - 1)), input, p)


def draw_channel_mask(shape: tuple[int, ...], input: Tensor, p: float) -> Tensor:
    """Draw a mask of a given shape in the input's dtype: 0 with probability ``p``, else 1."""
    kind = input.dtype.arithmetic
    mask = fresh(shape, lambda shape: bernoulli(default_generator, 1 - p, shape, kind), input.device, False)
    return mask.to(input.dtype)


def apply_dropout(
    name: str, input: Tensor, mask_for: MaskFor, p: float, training: bool, inplace: bool
) -> Tensor:
    """Multiply by a mask of zeros and ``1 / (1 - p)`` that ``mask_for`` draws."""
    check_probability(name, p)
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return multiply_by_zero(input, inplace)
    require_kind(name, FLOATS, input)
    if inplace:
        refuse_write(name, input)  # before a number is drawn
    factor = divide_mask(mask_for(name, input, p), 1 - p)
    return input.mul_(factor) if inplace else input * factor


def divide_mask(mask: Tensor, kept: float) -> Tensor:
    """Divide a mask by the probability of keeping an entry; 16 bits in float32, as in PyTorch."""
    return (mask.float() / kept).to(mask.dtype) if mask.dtype in HALVES else mask.div_(kept)


def multiply_by_zero(input: Tensor, inplace: bool) -> Tensor:
    """Multiply by zero, in the input's dtype."""
    zero = input.new_zeros(())
    return input.mul_(zero) if inplace else input * zero


def check_probability(name: str, p: float) -> None:
    """Raise unless ``p`` is a probability."""
    if not 0 <= p <= 1:
        raise UsageValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")


# -- alpha dropout -----------------------------------------------------------------------------------------------------


@composite
@other_names(train="training")
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: Truth = False) -> Tensor:
    """In training, replace elements by the limit of a selu with probability ``p``; keep mean 0 and variance 1.

    Klambauer et al. 2017.

    Args:
        input: A floating-point tensor of any shape (...); the result has the same shape.
        p: The probability of dropping, in [0, 1].
        training: Whether to drop anything; otherwise the input is returned.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].

    >>> F.alpha_dropout(ones(2))
    tensor([1., 1.])
    """
    require_tensors("alpha_dropout", input=input)
    return apply_alpha_dropout("alpha_dropout", input, element_mask, p, training, inplace)


@composite
@other_names(train="training")
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: Truth = False) -> Tensor:
    """Apply ``alpha_dropout`` to whole channels.

    Args:
        input: (N, C, ...); the result has the same shape.
        p: The probability of dropping, in [0, 1].
        training: Whether to drop anything; otherwise the input is returned.
        inplace: Whether to write the result to ``input`` and return that.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].
        RuntimeError: If the input has fewer than two dims.

    >>> F.feature_alpha_dropout(ones(1, 2))
    tensor([[1., 1.]])
    """
    require_tensors("feature_alpha_dropout", input=input)
    return apply_alpha_dropout("feature_alpha_dropout", input, channel_mask, p, training, inplace)


def apply_alpha_dropout(
    name: str, input: Tensor, mask_for: MaskFor, p: float, training: bool, inplace: bool
) -> Tensor:
    """Replace dropped entries by the limit of a selu, then scale and shift to mean 0 and variance 1."""
    check_probability(name, p)
    if not training or p == 0 or not input.numel():
        return input
    if p == 1:
        return multiply_by_zero(input, inplace)
    require_kind(name, FLOATS, input)
    if inplace:
        refuse_write(name, input)
    scale = 1 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    mask = mask_for(name, input, p)
    shift = (mask - 1) * (ALPHA * scale) + ALPHA * scale * p
    if inplace:
        return input.mul_(mask * scale).add_(shift)
    return input * (mask * scale) + shift
