"""Functions of ``nn.functional`` under the names and arguments that ``torch`` has for them.

They are what PyTorch's functions of the same name call: reductions and modes are numbers, and some arguments stand in
another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.errors import ShapeError, UsageError
from minitensor.nn.functional import loss, margin_loss, normalization, sampling
from minitensor.nn.functional.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from minitensor.nn.functional.embedding import check_indices, find_bags, renormalize_rows
from minitensor.nn.functional.embedding import embedding as look_up
from minitensor.nn.functional.embedding import embedding_bag as reduce_bags
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor

REDUCTIONS = {1: "mean", 2: "sum"}  # any other number leaves the losses as they are
BAGS, GRIDS, MARGINS = ("sum", "mean", "max"), ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def word(reduction: int) -> str:
    """Return the word for PyTorch's number of a reduction."""
    return REDUCTIONS.get(reduction, "none")


def choose(name: str, argument: str, words: tuple[str, ...], number: int) -> str:
    """Return one of some words by its number."""
    if not 0 <= number < len(words):
        known = ", ".join(f"{place} for {each}" for place, each in enumerate(words))
        raise UsageError(f"{name}: {argument} has to be {known}, got {number}")
    return words[number]


# -- normalization -----------------------------------------------------------------------------------------------------


@composite
def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Standardize each channel: ``nn.functional.batch_norm`` with the parameters before the statistics.

    Args:
        weight, bias: Factor and summand for each channel (C,), or None.
        running_mean, running_var: Running statistics (C,), or None.
        training: Whether to use the statistics of the input, and to update the running ones.
        momentum: The share of the new statistics in the running ones.
        eps: Added to the variance.
        cudnn_enabled: Has no effect.

    >>> import minitensor as torch
    >>> torch.batch_norm(torch.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 1e-12, False)
    tensor([[-1.],
            [ 1.]])
    """
    return normalization.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@composite
def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Standardize each channel of each sample: ``nn.functional.instance_norm`` with the parameters first.

    Args:
        weight, bias: Factor and summand for each channel (C,), or None.
        running_mean, running_var: Running statistics (C,), or None.
        use_input_stats: Whether to use the statistics of the input.
        momentum: The share of the new statistics in the running ones.
        eps: Added to the variance.
        cudnn_enabled: Has no effect.

    >>> import minitensor as torch
    >>> torch.instance_norm(torch.tensor([[[1., 3.]]]), None, None, None, None, True, 0.1, 1e-12, False)
    tensor([[[-1.,  1.]]])
    """
    return normalization.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


@composite
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """Return the norms of a tensor over all dims but one, with size 1 in the others; weight normalization uses it.

    Args:
        v: The tensor.
        pow: The exponent of the norm.
        dim: The dim that stays; -1 reduces all dims.

    >>> import minitensor as torch
    >>> torch.norm_except_dim(torch.tensor([[3., 4.], [0., 2.]]))
    tensor([[5.],
            [2.]])
    """
    if dim == -1:
        return v.norm(pow)
    kept = wrap_dim(dim, v.ndim)
    rows = v.transpose(0, kept).reshape(v.shape[kept], -1) if v.numel() else v.transpose(0, kept).flatten(1)
    return rows.norm(pow, 1).reshape([size if each == kept else 1 for each, size in enumerate(v.shape)])


# -- losses ------------------------------------------------------------------------------------------------------------


@composite
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    """Return the binary cross-entropy of logits: ``nn.functional.binary_cross_entropy_with_logits``.

    Args:
        target: Probabilities, in the shape of the input.
        weight: Factors for the losses, or None.
        pos_weight: Factors for the positive answers, or None.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    >>> import minitensor as torch
    >>> torch.binary_cross_entropy_with_logits(torch.zeros(2), torch.ones(2), reduction=0)
    tensor([0.6931, 0.6931])
    """
    return loss.binary_cross_entropy_with_logits(
        input, target, weight, reduction=word(reduction), pos_weight=pos_weight
    )


@composite
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """Return the loss of pairs by the cosine of their angle: ``nn.functional.cosine_embedding_loss``.

    Args:
        input1, input2: Vectors, (N, D) or (D,).
        target: 1 for pairs that are alike, -1 for others.
        margin: The cosine below which others have no loss.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    >>> import minitensor as torch
    >>> torch.cosine_embedding_loss(torch.ones(1, 2), -torch.ones(1, 2), torch.ones(1))
    tensor(2.)
    """
    return margin_loss.cosine_embedding_loss(input1, input2, target, margin, reduction=word(reduction))


@composite
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """Return distances for targets 1, and what they lack to a margin for -1: ``nn.functional.hinge_embedding_loss``.

    Args:
        target: 1 or -1 for each distance.
        margin: The distance at which -1 has no loss.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    >>> import minitensor as torch
    >>> torch.hinge_embedding_loss(torch.tensor([0.5, 0.25]), torch.tensor([1, -1]), reduction=0)
    tensor([0.5000, 0.7500])
    """
    return margin_loss.hinge_embedding_loss(input, target, margin, reduction=word(reduction))


@composite
def kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Tensor:
    """Return the pointwise Kullback-Leibler divergence: ``nn.functional.kl_div``.

    Args:
        input: Logarithms of probabilities.
        target: Probabilities.
        reduction: 0 for none, 1 for the mean over all elements, 2 for the sum.
        log_target: Whether ``target`` has logarithms too.

    >>> import minitensor as torch
    >>> torch.kl_div(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.5, 0.5]))
    tensor(0.)
    """
    losses = loss.kl_div(input, target, reduction="none", log_target=log_target)
    return losses.mean() if reduction == 1 else losses.sum() if reduction == 2 else losses


@composite
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """Return what pairs lack to a margin in the wanted order: ``nn.functional.margin_ranking_loss``.

    Args:
        input1, input2: The scores.
        target: 1 if the first is to be larger, -1 otherwise.
        margin: By how much.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    >>> import minitensor as torch
    >>> torch.margin_ranking_loss(torch.zeros(1), torch.ones(1), torch.ones(1))
    tensor(1.)
    """
    return margin_loss.margin_ranking_loss(input1, input2, target, margin, reduction=word(reduction))


@composite
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """Return the negative logarithm of Poisson's probabilities of counts: ``nn.functional.poisson_nll_loss``.

    Args:
        target: The counts.
        log_input: Whether the input has logarithms of rates.
        full: Whether to add Stirling's approximation of the logarithm of ``target!``.
        eps: Added to rates before their logarithm is taken.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    >>> import minitensor as torch
    >>> torch.poisson_nll_loss(torch.zeros(2), torch.ones(2), True, False, 1e-8, 2)
    tensor(2.)
    """
    return loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=word(reduction))


@composite
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """Return by how much too little an anchor is nearer to one vector: ``nn.functional.triplet_margin_loss``.

    Args:
        anchor, positive, negative: Vectors, (N, D) or (D,).
        margin: By how much the positive ones are to be nearer.
        p: The exponent of the distance.
        eps: Added to the differences.
        swap: Whether to take the distance of the other two if it is smaller.
        reduction: 0 for none, 1 for the mean, 2 for the sum.

    >>> import minitensor as torch
    >>> torch.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor(1.)
    """
    return margin_loss.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=word(reduction)
    )


# -- tables ------------------------------------------------------------------------------------------------------------


@composite
def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """Look up rows of a table: ``nn.functional.embedding`` with the table first.

    Args:
        weight: The table (V, D).
        indices: Integers (...).
        padding_idx: A row that gets no gradient, or -1.
        scale_grad_by_freq: Whether to divide each row's gradient by how often it was looked up.
        sparse: Whether the gradient of the table is sparse.

    >>> import minitensor as torch
    >>> torch.embedding(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1]))
    tensor([[3., 4.]])
    """
    row = None if padding_idx < 0 else padding_idx
    return look_up(indices, weight, row, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@composite
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Shorten rows of a table to a norm, in place, and return the table.

    Args:
        input: The table (V, D).
        indices: Which rows.
        max_norm: The largest norm that they may keep.
        norm_type: The exponent of the norm.

    >>> import minitensor as torch
    >>> torch.embedding_renorm_(torch.tensor([[3., 4.], [6., 8.]]), torch.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000],
            [6.0000, 8.0000]])
    """
    check_indices("embedding_renorm_", indices, input.shape[0])
    renormalize_rows(input, indices, max_norm, norm_type)
    return input


@composite
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reduce bags of rows of a table: ``nn.functional.embedding_bag`` with the table first.

    Args:
        weight: The table (V, D).
        indices: Integers (N,).
        offsets: Where each bag begins, (B,).
        scale_grad_by_freq: Whether to divide each row's gradient by how often it was looked up.
        mode: 0 for the sum, 1 for the mean, 2 for the maximum.
        sparse: Whether the gradient of the table is sparse.
        per_sample_weights: Factors for the rows, (N,), for sums only.
        include_last_offset: Whether the last offset is only the end of the last bag.
        padding_idx: An index that counts in no bag.

    Returns:
        The bags (B, D), the bag of each index (N,), and the sizes of the bags (B,), twice.

    Raises:
        RuntimeError: If there is no such ``mode``.

    >>> import minitensor as torch
    >>> torch.embedding_bag(torch.tensor([[1.], [2.]]), torch.tensor([0, 1]), torch.tensor([0]))[0]
    tensor([[3.]])
    """
    kind = choose("embedding_bag", "mode", BAGS, mode)
    bags = reduce_bags(
        indices, weight, offsets, scale_grad_by_freq=scale_grad_by_freq, mode=kind, sparse=sparse,
        per_sample_weights=per_sample_weights, include_last_offset=include_last_offset, padding_idx=padding_idx,
    )  # fmt: skip
    places, _ = find_bags(indices, offsets, False)
    sizes = places.bincount(minlength=bags.shape[0])
    return bags, places, sizes, sizes


# -- windows -----------------------------------------------------------------------------------------------------------


@composite
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """Convolve signals, images or volumes, also transposed: ``nn.functional.conv1d`` and its five siblings in one.

    Args:
        input: (N, C, ...).
        weight: The kernels, with as many dims as the input.
        bias: A number for each output channel, or None.
        stride, padding, dilation: One for each spatial dim, or one for all.
        transposed: Whether to compute the transposed convolution.
        output_padding: By how much larger one side of a transposed convolution's result is.
        groups: In how many groups the channels are.

    Raises:
        RuntimeError: If the input has not one, two or three spatial dims as the weight.

    >>> import minitensor as torch
    >>> torch.convolution(torch.ones(1, 1, 3), torch.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """
    if input.ndim != weight.ndim or input.ndim not in (3, 4, 5):
        raise ShapeError(
            f"convolution: Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight "
            f"{list(weight.shape)}, but got {input.ndim}-dimensional input of size {list(input.shape)} instead"
        )
    dims = input.ndim - 2
    sides, margins, gaps, extra = [one_or_all(each) for each in (stride, padding, dilation, output_padding)]
    if not transposed:
        return (conv1d, conv2d, conv3d)[dims - 1](input, weight, bias, sides, margins, gaps, groups)
    widen = (conv_transpose1d, conv_transpose2d, conv_transpose3d)[dims - 1]
    return widen(input, weight, bias, sides, margins, extra, groups, gaps)


def one_or_all(sizes: Sequence[int]) -> int | Sequence[int]:
    """Return the only number of a list, or the list."""
    return sizes[0] if len(sizes) == 1 else sizes


# -- grids -------------------------------------------------------------------------------------------------------------


@composite
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """Read images or volumes at points: ``nn.functional.grid_sample``.

    Args:
        grid: The points, (N, H, W, 2) or (N, D, H, W, 3).
        interpolation_mode: 0 for bilinear, 1 for nearest, 2 for bicubic.
        padding_mode: 0 for zeros, 1 for border, 2 for reflection.
        align_corners: Whether -1 and 1 are the centers of the corner pixels, not their outer edges.

    Raises:
        RuntimeError: If there is no such mode.

    >>> import minitensor as torch
    >>> torch.grid_sampler(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[1.]]]])
    """
    mode = choose("grid_sampler", "interpolation_mode", GRIDS, interpolation_mode)
    outside = choose("grid_sampler", "padding_mode", MARGINS, padding_mode)
    return sampling.grid_sample(input, grid, mode, outside, align_corners)


@composite
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """Read images at points; arguments as in ``grid_sampler``.

    >>> import minitensor as torch
    >>> torch.grid_sampler_2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[1.]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@composite
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """Read volumes at points; arguments as in ``grid_sampler``.

    >>> import minitensor as torch
    >>> torch.grid_sampler_3d(torch.ones(1, 1, 1, 2, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, True)
    tensor([[[[[1.]]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@composite
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Return the points that affine maps read an image from: ``nn.functional.affine_grid``.

    Args:
        theta: The maps, (N, 2, 3) or (N, 3, 4).
        size: The shape of the images, (N, C, H, W) or (N, C, D, H, W).
        align_corners: Whether -1 and 1 are the centers of the corner pixels, not their outer edges.

    >>> import minitensor as torch
    >>> torch.affine_grid_generator(torch.eye(2, 3).unsqueeze(0), [1, 1, 1, 2], True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    return sampling.affine_grid(theta, size, align_corners)
