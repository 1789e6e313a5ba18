"""Pooling: windows reduced to their largest entry, their mean, or their norm.

Max pooling is a choice of positions: once they are known it gathers, its gradient scatters to the same positions, and
the two are each other's derivatives. Average pooling is linear, and so is its adjoint. One dim is one row of two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, DimError, ShapeError, UnsupportedDtype
from minitensor.ops.join import cat
from minitensor.ops.pointwise import abs, sign
from minitensor.shapes import ntuple, pool_output_size

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Pair = tuple[int, int]
Sizes = int | Sequence[int]
OptionalSizes = int | None | Sequence[int | None]


class Means(NamedTuple):
    """How windows are averaged."""

    kernel: Pair
    stride: Pair
    padding: Pair
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None


# -- the primitives ----------------------------------------------------------------------------------------------------


def chosen_back(grads: Sequence[Tensor], results: Sequence[Tensor], in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of a choice: what arrives goes to the positions chosen."""
    return _scatter_planes(grads[0], results[1], in_shape)


def gathered_back(grad: Tensor, indices: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of reading at positions."""
    return _scatter_planes(grad, indices, in_shape)


def averaged_back(grad: Tensor, in_shape: tuple[int, ...], means: Means) -> Tensor:
    """Return the gradient of averaging."""
    return _avg_pool2d_input(grad, in_shape, means)


@differentiable(input=chosen_back)
def _max_pool2d(
    input: Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Array, ...]:
    """Return the largest entry of each window and its flat position in (H, W)."""
    return input.backend.max_pool2d(input.array, kernel, stride, padding, dilation, ceil_mode)


@differentiable(input=chosen_back)
def _adaptive_max_pool2d(input: Tensor, size: Pair) -> tuple[Array, ...]:
    """Return the largest entry of each of OH x OW windows that share the plane out, and its flat position."""
    array, xp = input.array, input.xp
    n, channels, height, width = array.shape
    values = xp.empty((n, channels, *size), array.dtype)
    indices = xp.empty(values.shape, "int64")
    for i, (top, bottom) in enumerate(shares(height, size[0])):
        for j, (left, right) in enumerate(shares(width, size[1])):
            window = array[:, :, top:bottom, left:right]
            whole = (bottom - top, right - left)
            value, index = input.backend.max_pool2d(window, whole, whole, (0, 0), (1, 1), False)
            values[:, :, i, j] = value[:, :, 0, 0]
            indices[:, :, i, j] = ((top + index // whole[1]) * width + left + index % whole[1])[:, :, 0, 0]
    return values, indices


@differentiable(input=gathered_back)
def _gather_planes(input: Tensor, indices: Tensor) -> Array:
    """Read from each plane of (N, C, H, W) at flat positions."""
    return input.backend.gather_planes(input.array, indices.array)


@differentiable(output=lambda grad, indices: _gather_planes(grad, indices))
def _scatter_planes(output: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Array:
    """Add into planes of zeros at flat positions: the adjoint of ``_gather_planes``."""
    return output.backend.scatter_planes(output.array, indices.array, shape)


@differentiable(input=averaged_back)
def _avg_pool2d(input: Tensor, means: Means) -> Array:
    """Return the mean of each window."""
    return input.backend.avg_pool2d(input.array, *means)


@differentiable(output=lambda grad, means: _avg_pool2d(grad, means))
def _avg_pool2d_input(output: Tensor, input_shape: tuple[int, ...], means: Means) -> Array:
    """Share each entry out evenly over its window: the adjoint of ``_avg_pool2d``."""
    kernel, stride, padding, _, count_include_pad, divisor = means
    return output.backend.avg_pool2d_input(
        output.array, input_shape, kernel, stride, padding, count_include_pad, divisor
    )


# -- the largest entry -------------------------------------------------------------------------------------------------


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest entry of each window of images (N, C, H, W) or (C, H, W); the first of equal ones.

    Windows lie ``stride`` apart (the kernel's size if not given). With ``return_indices``, also return each entry's
    flat position in (H, W).

    >>> import minitensor as torch
    >>> max_pool2d(torch.arange(16.).view(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    numbers = windows("max_pool2d", input, 2, kernel_size, stride, padding, dilation, ceil_mode)
    values, indices = batched(lambda images: _max_pool2d(images, *numbers, ceil_mode), input)
    return (values, indices) if return_indices else values


def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest entry of each window of signals (N, C, L) or (C, L)."""
    numbers = windows("max_pool1d", input, 1, kernel_size, stride, padding, dilation, ceil_mode)
    pooled = batched(lambda images: _max_pool2d(images, *numbers, ceil_mode), input.unsqueeze(-2))
    values, indices = [each.squeeze(-2) for each in pooled]
    return (values, indices) if return_indices else values


def adaptive_max_pool2d(input: Tensor, output_size: OptionalSizes, return_indices: bool = False) -> Any:
    """Return the largest entries of windows that share the image out among ``output_size``; None keeps a side."""
    size = adaptive_size("adaptive_max_pool2d", input, output_size)
    values, indices = batched(lambda images: _adaptive_max_pool2d(images, size), input)
    return (values, indices) if return_indices else values


# -- the mean ----------------------------------------------------------------------------------------------------------


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window of images (N, C, H, W) or (C, H, W).

    Padding counts as zeros unless ``count_include_pad`` is off; ``divisor_override`` divides the sum by another number.
    """
    if divisor_override == 0:
        raise ArgumentError("avg_pool2d: divisor must be not zero")
    kernel, steps, edges, _ = windows("avg_pool2d", input, 2, kernel_size, stride, padding, 1, ceil_mode)
    means = Means(kernel, steps, edges, ceil_mode, count_include_pad, divisor_override)
    return batched(lambda images: [_avg_pool2d(images, means)], input)[0]


def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of signals (N, C, L) or (C, L)."""
    kernel, steps, edges, _ = windows("avg_pool1d", input, 1, kernel_size, stride, padding, 1, ceil_mode)
    means = Means(kernel, steps, edges, ceil_mode, count_include_pad, None)
    return batched(lambda images: [_avg_pool2d(images, means)], input.unsqueeze(-2))[0].squeeze(-2)


def adaptive_avg_pool2d(input: Tensor, output_size: OptionalSizes) -> Tensor:
    """Return the means of windows that share the image out among ``output_size``; None keeps a side.

    Window i of n over a side of length L reaches from ``floor(i L / n)`` to ``ceil((i + 1) L / n)``.

    >>> import minitensor as torch
    >>> adaptive_avg_pool2d(torch.arange(6.).view(1, 2, 3), (1, 2))
    tensor([[[2., 3.]]])
    """
    size = adaptive_size("adaptive_avg_pool2d", input, output_size)
    height, width = input.shape[-2:]
    if size[0] and size[1] and height % size[0] == 0 and width % size[1] == 0 and height and width:
        return avg_pool2d(input, (height // size[0], width // size[1]))
    return means_along(means_along(input, -2, size[0]), -1, size[1])


def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """Return the means of windows that share a signal (N, C, L) or (C, L) out among ``output_size``."""
    (size,) = ntuple(output_size, 1)
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, size)).squeeze(-2)


def means_along(input: Tensor, dim: int, count: int) -> Tensor:
    """Return the means of ``count`` windows along one dim."""
    if not count:
        return input.narrow(dim, 0, 0)
    pieces = [input.narrow(dim, start, end - start) for start, end in shares(input.shape[dim], count)]
    return cat([piece.mean(dim, keepdim=True) for piece in pieces], dim)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x**p) ** (1 / p)`` of each window, p being ``norm_type``."""
    tall, broad = ntuple(kernel_size, 2)
    mean = avg_pool2d(input**norm_type, kernel_size, stride, 0, ceil_mode)
    return (sign(mean) * abs(mean) * (tall * broad)) ** (1.0 / norm_type)


# -- numbers and checks ------------------------------------------------------------------------------------------------


def shares(length: int, count: int) -> list[tuple[int, int]]:
    """Return where each of ``count`` windows that share a side out begins and ends."""
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def windows(
    name: str, input: Any, dims: int, kernel: Sizes, stride: Any, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Pair, Pair, Pair, Pair]:
    """Return kernel, stride, padding and dilation for two dims, checked against the input."""
    check_input(name, input, dims)
    if stride is None or (isinstance(stride, (list, tuple)) and not stride):
        stride = kernel
    numbers = [ntuple(value, dims) for value in (kernel, stride, padding, dilation)]
    try:
        for length, tall, step, edge, gap in zip(input.shape[-dims:], *numbers):
            pool_output_size(length, tall, step, edge, gap, ceil_mode)
    except ShapeError as error:
        raise ShapeError(f"{name}: input of shape {tuple(input.shape)}: {error}") from None
    if dims == 1:
        (tall,), (step,), (edge,), (gap,) = numbers
        return (1, tall), (1, step), (0, edge), (1, gap)
    return tuple(numbers)  # type: ignore[return-value]  # four pairs


class PoolRank(ShapeError, DimError):
    """Too few or too many dims: for some poolings PyTorch raises IndexError, for others RuntimeError."""


def check_input(name: str, input: Any, dims: int) -> None:
    """Refuse what is no batch of images, or one image."""
    if not isinstance(input, TensorBase):
        raise ArgumentTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    if input.ndim not in (dims + 1, dims + 2):
        raise PoolRank(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, got shape {tuple(input.shape)}"
        )
    if input.array.dtype.kind not in "fiu":
        raise UnsupportedDtype(f"{name}: not implemented for {input.dtype.name}; cast with .to(...)")


class WrongSize(ShapeError, ArgumentError):
    """Not one size a side: PyTorch raises ValueError for one image, RuntimeError for a batch; this is both."""


def adaptive_size(name: str, input: Any, output_size: OptionalSizes) -> Pair:
    """Return the output's (H, W), None replaced by the input's."""
    check_input(name, input, 2)
    wanted = (output_size,) * 2 if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(wanted) != 2:
        raise WrongSize(f"{name}: output_size must be a number or a pair, got {output_size!r}")
    rows, columns = [have if want is None else want for want, have in zip(wanted, input.shape[-2:])]
    if rows < 0 or columns < 0:
        raise ShapeError(f"{name}: elements of output_size must be greater than or equal to 0, but got {output_size!r}")
    return rows, columns


def batched(pool: Callable[[Tensor], Sequence[Tensor]], input: Tensor) -> Sequence[Tensor]:
    """Pool a batch; one image is a batch of one."""
    if input.ndim == 4:
        return pool(input)
    return [each.squeeze(0) for each in pool(input.unsqueeze(0))]
