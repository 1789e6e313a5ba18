"""Many images as one, and images as files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

from minitensor.autograd.mode import no_grad
from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import uint8
from minitensor.errors import ArgumentTypeError, ShapeIndexError, UsageZeroDivisionError
from minitensor.ops.creation import full
from minitensor.ops.join import stack
from minitensor.tensor import Tensor
from minitensor.vision.pillow import pillow

__all__ = ["make_grid", "save_image"]


@no_grad()
def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Return many images as one: in rows, with a border around each.

    Args:
        tensor: A batch of shape (N, C, H, W), or a list of images of shape (C, H, W); those of one channel get three.
            One image is returned alone, without a border.
        nrow: How many images are in a row. Default: ``8``.
        padding: The width of the borders in pixels. Default: ``2``.
        normalize: Whether to map the values to 0 to 1. Default: ``False``.
        value_range: The values that become 0 and 1; the smallest and the largest if None.
        scale_each: Whether each image has its own smallest and largest value. Default: ``False``.
        pad_value: The value of the borders. Default: ``0.0``.

    Raises:
        TypeError: If ``tensor`` is no tensor and no list of them, or ``value_range`` no tuple.
        ZeroDivisionError: If there is no image, or none in a row.
        RuntimeError: If ``tensor`` has other than two to four dims.

    >>> import minitensor as torch
    >>> from minitensor.vision.utils import make_grid
    >>> make_grid(torch.zeros(10, 1, 28, 28), nrow=5).shape
    torch.Size([3, 62, 152])
    """
    images = batch_from(tensor)
    if not len(images) or not nrow:
        raise UsageZeroDivisionError(f"make_grid: there is no row of {nrow} images, got {len(images)}")
    if normalize:
        images = normalize_batch(images, value_range, scale_each)
    if images.size(0) == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = -(-count // columns)
    size = (channels, (height + padding) * rows + padding, (width + padding) * columns + padding)
    grid = full(size, pad_value, dtype=images.dtype, device=images.device)
    for place in range(count):
        top = place // columns * (height + padding) + padding
        left = place % columns * (width + padding) + padding
        grid[:, top : top + height, left : left + width] = images[place]
    return grid


def batch_from(images: Any) -> Tensor:
    """Return images as a tensor of shape (N, C, H, W), with three channels if they have one."""
    if isinstance(images, list):
        for each in images:
            require_tensor(each, "a list with ")
        images = stack(images)
    require_tensor(images)
    if images.ndim == 2:
        images = images.unsqueeze(0)
    if images.ndim == 3:
        images = images.unsqueeze(0)
    if images.ndim != 4:
        raise ShapeIndexError(f"make_grid: images of shape (N, C, H, W) are wanted, got {tuple(images.shape)}")
    batch: Tensor = images.expand(-1, 3, -1, -1) if images.size(1) == 1 else images
    return batch


def require_tensor(value: Any, where: str = "") -> None:
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"make_grid: a tensor or a list of tensors is wanted, got {where}{value!r}")


def normalize_batch(images: Tensor, value_range: tuple[float, float] | None, scale_each: bool) -> Tensor:
    if value_range is not None and not isinstance(value_range, tuple):
        raise ArgumentTypeError(f"make_grid: value_range must be a tuple (min, max), got {value_range!r}")
    if scale_each:
        return stack([normalize_image(each, value_range) for each in images])
    return normalize_image(images, value_range)


def normalize_image(image: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    """Map values to 0 to 1; those of an image with only one value to 0."""
    low, high = (float(image.min()), float(image.max())) if value_range is None else value_range
    return (image.clamp(low, high) - low) / max(high - low, 1e-5)


def save_image(
    tensor: Tensor | list[Tensor], fp: str | os.PathLike[str] | BinaryIO, format: str | None = None, **kwargs: Any
) -> None:
    """Write an image, or a grid of images, to a file. Pillow does it, which comes with the extra ``vision``.

    Args:
        tensor: An image of shape (C, H, W), or several, as for ``make_grid``: floats from 0 to 1, or bytes.
        fp: The path, or a file that is open for writing.
        format: The format, such as "PNG"; by the name of the file if None.
        kwargs: Arguments of ``make_grid``.

    Raises:
        TypeError: If ``tensor`` is no tensor and no list of them.
        ImportError: If Pillow is not installed.

    >>> import io
    >>> import minitensor as torch
    >>> from minitensor.vision.utils import save_image
    >>> file = io.BytesIO()
    >>> save_image(torch.rand(4, 3, 8, 8), file, format="PNG")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    grid = make_grid(tensor, **kwargs)
    # Half a step is added: the conversion to bytes cuts off.
    pixels = grid if grid.dtype == uint8 else grid.mul(255).add(0.5).clamp(0, 255).to(uint8)
    pillow().Image.fromarray(pixels.permute(1, 2, 0).cpu().contiguous().numpy()).save(fp, format=format)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
