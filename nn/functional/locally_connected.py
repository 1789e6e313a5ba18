"""Locally connected layers: convolution in which every output place has filters of its own.

``unfold`` copies out the windows, and each meets the filters of its place in one batched matrix product, which has
gradients of every order. PyTorch has no such function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.errors import ShapeError
from minitensor.nn.functional.conv import check_tensors, one_per_dim, resolve_padding
from minitensor.nn.functional.folding import unfold
from minitensor.ops.kinds import INEXACT, require_kind
from minitensor.shapes import conv_output_size

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]

NAME = "locally_connected2d"


@composite
def locally_connected2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with different filters at every output place.

    Args:
        input: (N, in, H, W) or (in, H, W). The result is (N, out, OH, OW), with the sizes of ``conv2d``.
        weight: (OH, OW, out, in / groups, KH, KW): ``weight[i, j]`` is the ``conv2d`` weight for output row i, column
            j.
        bias: (out, OH, OW).
        stride: How far windows lie apart: a number, or a pair.
        padding: How many zeros to add on both sides of height and width; or "valid" or "same".
        dilation: How far the entries of a window lie apart.
        groups: How many groups the channels are split into.

    Raises:
        RuntimeError: If the weight has not one set of filters for each output place, or the channels do not fit.

    >>> import minitensor as torch
    >>> image, weight = torch.ones(1, 1, 2, 3), torch.ones(1, 2, 1, 1, 2, 2)
    >>> weight[0, 1] = 5
    >>> locally_connected2d(image, weight)
    tensor([[[[ 4., 20.]]]])
    """
    check_tensors(NAME, input, weight, bias)
    require_kind(NAME, INEXACT, input)
    check_ranks(tuple(input.shape), tuple(weight.shape))
    if input.ndim == 3:
        return locally_connected2d(input.unsqueeze(0), weight, bias, stride, padding, dilation, groups).squeeze(0)
    strides, dilations = one_per_dim("stride", stride, 2), one_per_dim("dilation", dilation, 2)
    input, paddings = resolve_padding(NAME, input, weight.detach()[0, 0], padding, strides, dilations)
    rows, columns, outputs, channels, *kernel = weight.shape
    check_channels(input, weight, groups)
    check_places(input, weight, bias, strides, paddings, dilations)
    n, places, seen = input.shape[0], rows * columns, channels * kernel[0] * kernel[1]
    windows = unfold(input, kernel, dilations, paddings, strides).reshape(n, groups, seen, places)
    filters = weight.reshape(places, groups, outputs // groups, seen)
    images = windows.permute(3, 1, 0, 2) @ filters.transpose(2, 3)  # (places, groups, N, out / groups)
    images = images.permute(2, 1, 3, 0).reshape(n, outputs, rows, columns)
    return images if bias is None else images + bias


def check_ranks(shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """Raise unless the input is images and the weight has filters for each place."""
    if len(weight) != 6 or 0 in weight[:2]:
        raise ShapeError(f"{NAME}: expected a weight (OH, OW, out, in / groups, KH, KW), got shape {weight}")
    if len(shape) not in (3, 4):
        raise ShapeError(f"{NAME}: expected 3D (unbatched) or 4D (batched) input, but got input of shape {shape}")


def check_channels(input: Tensor, weight: Tensor, groups: int) -> None:
    """Raise unless the input has the channels of the weight."""
    outputs, channels = weight.shape[2:4]
    if groups < 1 or outputs % groups:
        raise ShapeError(f"{NAME}: the {outputs} outputs of a weight do not divide into {groups} groups")
    if input.shape[1] != channels * groups:
        raise ShapeError(
            f"{NAME}: given groups={groups} and a weight of shape {tuple(weight.shape)}, expected input of shape "
            f"{tuple(input.shape)} to have {channels * groups} channels, but got {input.shape[1]} channels instead"
        )


def check_places(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    """Raise unless weight and bias have as many places as the output."""
    numbers = zip(input.shape[2:], weight.shape[4:], stride, padding, dilation, strict=True)
    places = tuple([conv_output_size(*each) for each in numbers])
    if places != tuple(weight.shape[:2]):
        raise ShapeError(
            f"{NAME}: an input of shape {tuple(input.shape)} has {places[0]} x {places[1]} output places, but the "
            f"weight of shape {tuple(weight.shape)} has filters for {weight.shape[0]} x {weight.shape[1]}"
        )
    wanted = (weight.shape[2], *places)
    if bias is not None and tuple(bias.shape) != wanted:
        raise ShapeError(f"{NAME}: expected a bias (out, OH, OW) = {wanted}, got shape {tuple(bias.shape)}")
