"""Fractional max pooling (Graham 2014, https://arxiv.org/abs/1412.6071): windows lie a random, uneven step apart.

In each dim of each plane the windows start at int((i + u) a) - int(u a), with a = (in - kernel) / (out - 1) and one
number u drawn from [0, 1); the last ends where the input does. Once the places of the maxima are known, pooling is a
gather, which has gradients of every order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite, require_constant
from minitensor.autograd.mode import no_grad
from minitensor.errors import ArgumentError, DtypeError, ShapeError
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.random import rand
from minitensor.ops.ranges import arange
from minitensor.shapes import list_numbers

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]
Ratio = float | Sequence[float]


@composite
def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratio | None = None,
    return_indices: Truth = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Return the largest entries of windows of images, which lie a random step apart.

    Args:
        input: (N, C, H, W) or (C, H, W). The result is (N, C, OH, OW), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        output_size: How many windows: a number, or one for each spatial dim.
        output_ratio: The output's size as a share of the input's, in (0, 1); in place of ``output_size``.
        return_indices: Whether to return each maximum's flat position in its plane as well.
        _random_samples: (N, C, 2), numbers to use in place of random ones, for columns and rows.

    Raises:
        ValueError: If neither ``output_size`` nor ``output_ratio`` is given.
        RuntimeError: If the windows do not fit into the input.

    >>> import minitensor as torch
    >>> fractional_max_pool2d(torch.arange(9.).view(1, 3, 3), 2, output_size=2)
    tensor([[[4., 5.],
             [7., 8.]]])
    """
    sizes = output_size, output_ratio
    found = pool_fractional("fractional_max_pool2d", 2, input, kernel_size, *sizes, _random_samples)
    return found if return_indices else found[0]


@composite
def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratio | None = None,
    return_indices: Truth = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Return the largest entries of windows of volumes, which lie a random step apart.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W). The result is (N, C, OD, OH, OW), without N if the input is.
        kernel_size: The size of a window: a number, or one for each spatial dim.
        output_size: How many windows: a number, or one for each spatial dim.
        output_ratio: The output's size as a share of the input's, in (0, 1); in place of ``output_size``.
        return_indices: Whether to return each maximum's flat position in its plane as well.
        _random_samples: (N, C, 3), numbers to use in place of random ones, for depth, rows and columns.

    Raises:
        ValueError: If neither ``output_size`` nor ``output_ratio`` is given.
        RuntimeError: If the windows do not fit into the input.

    >>> F.fractional_max_pool3d(arange(27.).view(1, 3, 3, 3), 2, output_size=1)
    tensor([[[[26.]]]])
    """
    sizes = output_size, output_ratio
    found = pool_fractional("fractional_max_pool3d", 3, input, kernel_size, *sizes, _random_samples)
    return found if return_indices else found[0]


def pool_fractional(
    name: str, dims: int, input: Tensor, kernel_size: Sizes, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    """Validate the arguments, place the windows, and gather the maxima."""
    kernel = list_numbers(name, "kernel_size", kernel_size, dims)
    sizes = resolve_sizes(name, dims, input, kernel, output_size, output_ratio)
    planes = input if input.ndim == dims + 2 else input.unsqueeze(0)
    require_kind(name, FLOATS, input)
    samples = resolve_samples(name, dims, planes, samples)
    with no_grad():
        places = window_places(planes, kernel, sizes, samples)
        values = planes.flatten(2).gather(2, places.flatten(2)).view_as(places)
        indices = places.gather(3, values.argmax(3, keepdim=True)).squeeze(3)
    shape = (*input.shape[: input.ndim - dims], *sizes)
    return planes.flatten(2).gather(2, indices).reshape(shape), indices.reshape(shape)


def window_places(planes: Tensor, kernel: tuple[int, ...], sizes: tuple[int, ...], samples: Tensor) -> Tensor:
    """Return the flat places of the entries of all windows: (N, C, windows, entries of a window)."""
    dims = len(sizes)
    places: Any = 0
    for dim, (length, width, count) in enumerate(zip(planes.shape[2:], kernel, sizes, strict=True)):
        # PyTorch's samples for images begin with the columns, those for volumes with the depth.
        drawn = samples[:, :, 1 - dim if dims == 2 else dim]
        inside = window_starts(drawn, length, width, count).unsqueeze(-1) + arange(width, device=planes.device)
        shape = [1] * (2 * dims)
        shape[dim], shape[dims + dim] = count, width
        places = places * length + inside.reshape(*planes.shape[:2], *shape)
    found: Tensor = places.flatten(2 + dims).flatten(2, 1 + dims)
    return found


def window_starts(drawn: Tensor, length: int, width: int, count: int) -> Tensor:
    """Return where the windows of each plane (N, C) begin: (N, C, count)."""
    step = (length - width) / (count - 1) if count > 1 else 0.0
    drawn = drawn.unsqueeze(-1)
    begin = ((drawn + arange(count, device=drawn.device)) * step).long() - (drawn * step).long()
    begin[..., -1:] = length - width
    return begin


def resolve_sizes(
    name: str, dims: int, input: Tensor, kernel: tuple[int, ...], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    """Return the output's size in each dim."""
    if output_size is None and output_ratio is None:
        raise ArgumentError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.ndim not in (dims + 1, dims + 2) or 0 in input.shape[input.ndim - dims - 1 :]:
        raise ShapeError(f"{name}: expected non-empty {dims + 1}D or {dims + 2}D input, got {tuple(input.shape)}")
    lengths = input.shape[input.ndim - dims :]
    if output_size is None:
        ratios = [output_ratio] * dims if isinstance(output_ratio, (int, float)) else list(output_ratio)
        if len(ratios) != dims:
            raise ArgumentError(f"{name}: output_ratio must be a number or {dims} of them, got {output_ratio!r}")
        output_size = [int(length * ratio) for length, ratio in zip(lengths, ratios, strict=True)]
    sizes = list_numbers(name, "output_size", output_size, dims)
    for length, width, count in zip(lengths, kernel, sizes, strict=True):
        if count < 0 or width < 1 or count + width - 1 > length:
            raise ShapeError(
                f"{name}: {count} windows of size {width} do not fit an input of {length}; kernel_size + output_size "
                "must not exceed the input's size + 1"
            )
    return sizes


def resolve_samples(name: str, dims: int, planes: Tensor, samples: Any) -> Tensor:
    """Return one number for each plane and dim: those given, or random ones."""
    shape = (*planes.shape[:2], dims)
    if samples is None:
        return rand(*shape, dtype=planes.dtype, device=planes.device)
    if samples.ndim != 3 or samples.shape[0] < shape[0] or tuple(samples.shape[1:]) != shape[1:]:
        raise ShapeError(f"{name}: _random_samples must be of shape {shape}, got {tuple(samples.shape)}")
    if samples.dtype != planes.dtype:
        raise DtypeError(f"{name}: _random_samples must be {planes.dtype.name} as the input, got {samples.dtype.name}")
    require_constant(name, _random_samples=samples)
    found: Tensor = samples[: shape[0]]
    return found
