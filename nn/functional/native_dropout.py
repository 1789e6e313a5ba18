"""Dropout under the names that only ``torch`` has: in place, of whole channels, and with its mask.

Arguments are ``p``, the probability of dropping, and ``train``, whether to drop anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.dtypes import bool_
from minitensor.nn.functional.dropout import (
    apply_alpha_dropout,
    apply_dropout,
    channel_mask,
    check_probability,
    divide_mask,
    element_mask,
)
from minitensor.ops.creation import ones_like, zeros_like

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


@composite
def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero elements in place with probability ``p`` if ``train``, and divide the rest by ``1 - p``.

    >>> import minitensor as torch
    >>> torch.dropout_(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return apply_dropout("dropout_", input, element_mask, p, train, True)


@composite
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero whole channels of (N, C, ...) with probability ``p`` if ``train``, and divide the rest by ``1 - p``.

    >>> import minitensor as torch
    >>> torch.feature_dropout(torch.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return apply_dropout("feature_dropout", input, channel_mask, p, train, False)


@composite
def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """Zero whole channels in place; ``p`` and ``train`` are arguments as in ``feature_dropout``.

    >>> import minitensor as torch
    >>> torch.feature_dropout_(torch.ones(1, 2), 1.0, True)
    tensor([[0., 0.]])
    """
    return apply_dropout("feature_dropout_", input, channel_mask, p, train, True)


@composite
def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """Replace elements in place by the limit of a selu with probability ``p`` if ``train``.

    >>> import minitensor as torch
    >>> torch.alpha_dropout_(torch.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return apply_alpha_dropout("alpha_dropout_", input, element_mask, p, train, True)


@composite
def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """Replace whole channels in place by the limit of a selu with probability ``p`` if ``train``.

    >>> import minitensor as torch
    >>> torch.feature_alpha_dropout_(torch.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return apply_alpha_dropout("feature_alpha_dropout_", input, channel_mask, p, train, True)


@composite
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """Return the input after dropout with probability ``p``, and the mask of what is kept; ``train=None`` drops too.

    Raises:
        ValueError, RuntimeError: If ``p`` is not in [0, 1].

    >>> import minitensor as torch
    >>> torch.native_dropout(torch.ones(2), 0.5, False)
    (tensor([1., 1.]), tensor([True, True]))
    """
    check_probability("native_dropout", p)
    if train is False or not input.numel():
        return input.clone(), ones_like(input, dtype=bool_)
    if p == 1:
        return input * 0, zeros_like(input, dtype=bool_)
    mask = element_mask("native_dropout", input, p)
    kept = mask.bool()
    return input * divide_mask(mask, 1 - p), kept
