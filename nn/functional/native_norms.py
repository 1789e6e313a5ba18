"""Normalization that also returns its statistics, under the names that only ``torch`` has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.nn.functional.normalization import group_norm, layer_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


@composite
def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``nn.functional.layer_norm``, the means, and the reciprocal deviations, which have no gradient.

    Args:
        normalized_shape: The sizes of the last dims, which are standardized together.
        weight, bias: Factors and summands of that shape, or None.
        eps: Added to the variance.

    >>> import minitensor as torch
    >>> torch.native_layer_norm(torch.tensor([[1., 3.]]), [2], None, None, 1e-12)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    found = layer_norm(input, normalized_shape, weight, bias, eps)
    return found, *statistics(input, list(range(-len(normalized_shape), 0)), eps, True)


@composite
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int,  # noqa: N803
    group: int, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``nn.functional.group_norm``, the means, and the reciprocal deviations, which have no gradient.

    Args:
        weight, bias: Factors and summands for each channel, (C,), or None.
        N, C, HxW: How many samples, channels and places the input (N, C, ...) has.
        group: In how many groups the channels are.
        eps: Added to the variance.

    >>> import minitensor as torch
    >>> torch.native_group_norm(torch.tensor([[1., 3.]]), None, None, 1, 2, 1, 1, 1e-12)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    found = group_norm(input, group, weight, bias, eps)
    return found, *statistics(input.reshape(N, group, -1), [2], eps, False)


def statistics(input: Tensor, dims: list[int], eps: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Return means and reciprocal deviations over dims."""
    with no_grad():
        return input.mean(dims, keepdim), (input.var(dims, correction=0, keepdim=keepdim) + eps).rsqrt()
