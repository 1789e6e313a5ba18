"""Adaptive pooling: windows that divide each side into a given number of shares, reduced to a maximum or a mean.

Equal shares are ordinary windows. Unequal ones are averaged dim by dim, by the tables of ``resampling.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_format_of_planes, in_layout, lay_out_composite
from minitensor.errors import ShapeError, ShapeIndexValueError, ShapeValueError, quote
from minitensor.layouts import channels_last, suggests_channels_last
from minitensor.nn.functional.pooling import (
    Means,
    Numbers,
    OptionalSizes,
    Sizes,
    avg_pool,
    check_input,
    check_no_empty,
    max_pool_grad,
    pool_batch,
)
from minitensor.nn.functional.resampling import LONG, long_mean_taps, mean_taps, resample_keeping_input, shares
from minitensor.ops.join import cat
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.shapes import normalize_sizes, ntuple, require_room

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

FEW_SHARES = 64  # up to this many means of a long dim are computed one by one


# -- the largest entry -------------------------------------------------------------------------------------------------


@differentiable(input=max_pool_grad)
@in_layout(in_format_of_planes)
def adaptive_max_pool(input: Tensor, size: Numbers) -> tuple[Array, ...]:
    """Return the largest entry of each of ``size`` windows that divide the plane, and its flat position."""
    return input.backend.adaptive_max_pool(input.array, size)


@composite
def adaptive_max_pool1d(input: Tensor, output_size: Sizes, return_indices: Truth = False) -> Any:
    """Return the largest entries of ``output_size`` windows that divide signals.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Args:
        input: (N, C, L) or (C, L). The result is (N, C, OL), without N if the input is.
        output_size: How many windows: a number, or one for each spatial dim.
        return_indices: Whether to return each maximum's flat position in its plane as well.

    Raises:
        RuntimeError, ValueError: If ``output_size`` has not one number for each spatial dim.
        RuntimeError, IndexError, ValueError: If the input has another number of dims.

    >>> F.adaptive_max_pool1d(tensor([[1., 3., 2., 0.]]), 2)
    tensor([[3., 2.]])
    """
    return adaptive_maxima("adaptive_max_pool1d", 1, input, output_size, return_indices)


@composite
def adaptive_max_pool2d(input: Tensor, output_size: OptionalSizes, return_indices: Truth = False) -> Any:
    """Return the largest entries of ``output_size`` windows that divide images.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        output_size: How many windows: a number, or one for each spatial dim; None keeps the size of the input.
        return_indices: Whether to return each maximum's flat position in its plane as well.

    Raises:
        RuntimeError, ValueError: If ``output_size`` has not one number for each spatial dim.
        RuntimeError, IndexError, ValueError: If the input has another number of dims.

    >>> import minitensor as torch
    >>> adaptive_max_pool2d(torch.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[4., 5.]]])
    """
    return adaptive_maxima("adaptive_max_pool2d", 2, input, output_size, return_indices)


@composite
def adaptive_max_pool3d(input: Tensor, output_size: OptionalSizes, return_indices: Truth = False) -> Any:
    """Return the largest entries of ``output_size`` windows that divide volumes.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        output_size: How many windows: a number, or one for each spatial dim; None keeps the size of the input.
        return_indices: Whether to return each maximum's flat position in its plane as well.

    Raises:
        RuntimeError, ValueError: If ``output_size`` has not one number for each spatial dim.
        RuntimeError, IndexError, ValueError: If the input has another number of dims.

    >>> F.adaptive_max_pool3d(arange(8.).view(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return adaptive_maxima("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_maxima(name: str, dims: int, input: Tensor, output_size: OptionalSizes, return_indices: bool) -> Any:
    """Validate the arguments, then return the maxima."""
    size = adaptive_size(name, input, output_size, dims)
    check_no_empty(name, input, input.ndim - 1)
    require_kind(name, FLOATS, input)
    values, indices = pool_batch(lambda images: adaptive_max_pool(images, size), input, dims)
    return (values, indices) if return_indices else values


# -- the mean ----------------------------------------------------------------------------------------------------------


@composite
def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """Return the means of ``output_size`` windows that divide signals.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Args:
        input: (N, C, L) or (C, L). The result is (N, C, OL), without N if the input is.
        output_size: How many windows: a number, or one for each spatial dim.

    Raises:
        RuntimeError, ValueError: If ``output_size`` has not one number for each spatial dim.
        RuntimeError, IndexError, ValueError: If the input has another number of dims.

    >>> F.adaptive_avg_pool1d(tensor([[1., 3., 2., 0.]]), 2)
    tensor([[2., 1.]])
    """
    return adaptive_means("adaptive_avg_pool1d", 1, input, output_size)


@composite
def adaptive_avg_pool2d(input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Return the means of ``output_size`` windows that divide images.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        output_size: How many windows: a number, or one for each spatial dim; None keeps the size of the input.

    Raises:
        RuntimeError, ValueError: If ``output_size`` has not one number for each spatial dim.
        RuntimeError, IndexError, ValueError: If the input has another number of dims.

    >>> import minitensor as torch
    >>> adaptive_avg_pool2d(torch.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[2., 3.]]])
    """
    return adaptive_means("adaptive_avg_pool2d", 2, input, output_size)


@composite
def adaptive_avg_pool3d(input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Return the means of ``output_size`` windows that divide volumes.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        output_size: How many windows: a number, or one for each spatial dim; None keeps the size of the input.

    Raises:
        RuntimeError, ValueError: If ``output_size`` has not one number for each spatial dim.
        RuntimeError, IndexError, ValueError: If the input has another number of dims.

    >>> F.adaptive_avg_pool3d(arange(8.).view(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return adaptive_means("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_means(name: str, dims: int, input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Average equal shares as windows, and unequal shares dim by dim."""
    size = adaptive_size(name, input, output_size, dims)
    if math.prod(size) != 1:  # as PyTorch: one window may hold nothing, and its mean is NaN
        check_no_empty(name, input, dims if dims < 3 else input.ndim - 1)
    elif dims > 1 and input.is_complex():  # as PyTorch, which computes one window as a plain mean
        return input.mean(tuple(range(-dims, 0)), keepdim=True)
    require_kind(name, FLOATS, input)
    return pool_batch(lambda images: [means_in_format(images, size)], input, dims)[0]


def means_in_format(images: Tensor, size: Numbers) -> Tensor:
    """Return the means of the shares of a batch in PyTorch's memory format: volumes are row-major."""
    means = means_of_shares(images, size)
    if math.prod(size) == 1 and suggests_channels_last(images.layout):
        return means.as_strided(means.shape, channels_last(tuple(means.shape)).strides)
    return means if means is images else lay_out_composite(in_format_of_planes, (images,), means)


def means_of_shares(images: Tensor, size: Numbers) -> Tensor:
    """Return the means of the shares of a batch."""
    sides = images.shape[2:]
    if math.prod(size) == 1:
        return images.mean(tuple(range(2, images.ndim)), keepdim=True)
    if math.prod(size) and max(sides) < LONG and all(side % count == 0 for side, count in zip(sides, size)):
        kernel = tuple([side // count for side, count in zip(sides, size)])
        return avg_pool(images, Means(kernel, kernel, (0,) * len(size), False, True, None))
    for dim, (side, count) in enumerate(zip(sides, size), 2):
        if max(side, count) < LONG:
            images = resample_keeping_input(images, dim, mean_taps(side, count))
        else:
            images = means_of_long_shares(images, dim, side, count)
    return images


def means_of_long_shares(images: Tensor, dim: int, side: int, count: int) -> Tensor:
    """Return the means of the shares of a long dim: equal shares, few shares, or very many."""
    if count and side % count == 0:
        return images.unflatten(dim, (count, side // count)).mean(dim + 1)
    if count <= FEW_SHARES:
        parts = [images.narrow(dim, start, stop - start).mean(dim, keepdim=True) for start, stop in shares(side, count)]
        return cat(parts, dim) if parts else images.narrow(dim, 0, 0)
    return resample_keeping_input(images, dim, long_mean_taps(side, count))


# -- checks ------------------------------------------------------------------------------------------------------------


def read_open(sizes: Any, dims: int) -> tuple[int | None, ...]:
    """Return a size for each dim as ints, where None stays None."""
    if isinstance(sizes, int):
        return (sizes,) * dims
    plain = normalize_sizes([0 if each is None else each for each in sizes])
    return tuple([None if given is None else size for given, size in zip(sizes, plain)])


def adaptive_size(name: str, input: Any, output_size: Any, dims: int) -> Numbers:
    """Return the output's sizes, with None replaced by the input's."""
    check_input(name, input, dims, ShapeIndexValueError)
    wanted = ntuple(output_size, 1) if dims == 1 else read_open(output_size, dims)
    if len(wanted) != dims:
        given = quote(output_size)
        raise ShapeValueError(f"{name}: output_size must be a number or one for each of {dims} dims, got {given}")
    size = tuple([have if want is None else want for want, have in zip(wanted, input.shape[-dims:])])
    if min(size) < 0:
        raise ShapeError(f"{name}: elements of output_size must be greater than or equal to 0, but got {output_size!r}")
    require_room(size)
    return size
