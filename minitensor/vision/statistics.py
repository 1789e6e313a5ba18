"""The mean and the standard deviation of the images of a data set, and what is done with them.

They are computed in one pass, in float64, and without the sums of squares whose difference loses all digits: each batch
has a mean and a sum of squared differences from it, and ``Moments.merge`` adds two such pairs (Chan, Golub and LeVeque,
1983). It does not matter how the images are divided into batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minitensor.dtypes import get_default_dtype
from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError, UsageError
from minitensor.ops.creation import as_tensor, from_numpy
from minitensor.tensor import Tensor
from minitensor.vision.pillow import is_picture
from minitensor.vision.transforms.functional.conversion import pil_to_tensor

__all__ = ["ImageStatistics", "image_statistics", "rescale", "standardize"]

Doubles = npt.NDArray[np.float64]

PIECE = 1 << 22  # values that are converted to float64 at once: 32 MiB


class Moments(NamedTuple):
    """How many values were seen, their mean, and the sum of their squared differences from it."""

    number: int
    mean: Doubles
    squares: Doubles

    def merge(self, other: Moments) -> Moments:
        """Return the moments of the values of both."""
        number = self.number + other.number
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.number / number)
        squares = self.squares + other.squares + shift**2 * (self.number * other.number / number)
        return Moments(number, mean, squares)


def moments_of(values: Doubles, axes: tuple[int, ...]) -> Moments:
    mean = values.mean(axes, keepdims=True)
    squares = ((values - mean) ** 2).sum(axes)
    return Moments(math.prod(values.shape[axis] for axis in axes), mean.reshape(squares.shape), squares)


class ImageStatistics:
    """The mean and the standard deviation of images, for each channel and for each pixel.

    Images are added by ``update``, one batch after another. Those of one channel are needed for ``Normalize``; those of
    one pixel are images themselves, and need images of one size.

    Args:
        correction: What is subtracted from the number of values before the sum of squares is divided by it: 0 for the
            deviation of these images, 1 to estimate that of all images they were taken from. Default: ``0``.

    >>> import minitensor as torch
    >>> from minitensor.vision.statistics import ImageStatistics
    >>> statistics = ImageStatistics()
    >>> statistics.update(torch.tensor([[[[1., 5.]]], [[[3., 5.]]]]))
    >>> statistics.mean, statistics.mean_image, statistics.std_image
    (tensor([3.5000]), tensor([[[2., 5.]]]), tensor([[[1., 0.]]]))
    """

    def __init__(self, correction: int = 0) -> None:
        self.correction = correction
        self.channels: Moments | None = None
        self.pixels: Moments | None = None
        self.has_one_size = True

    def update(self, images: Any) -> None:
        """Add ``images``: a batch of shape (N, C, H, W), or one image of shape (C, H, W), (H, W) or Pillow's.

        Raises:
            TypeError: If they are no tensor, array or Pillow image.
            ValueError: If they have another number of dims, or complex numbers.
            RuntimeError: If they have another number of channels than those before.
        """
        batch = batch_of(images)
        rows = max(PIECE // max(math.prod(batch.shape[1:]), 1), 1)
        for start in range(0, len(batch) if batch.size else 0, rows):
            self.add(batch[start : start + rows].astype(np.float64))

    def add(self, batch: Doubles) -> None:
        """Add a ``batch`` of float64, of shape (N, C, H, W); raise ``RuntimeError`` if it has other channels."""
        channels = moments_of(batch, (0, 2, 3))
        if self.channels is not None and self.channels.mean.shape != channels.mean.shape:
            raise ShapeError(
                f"ImageStatistics: images of {len(channels.mean)} channels after images of {len(self.channels.mean)}"
            )
        self.channels = channels if self.channels is None else self.channels.merge(channels)
        self.has_one_size = (self.has_one_size and self.pixels is None) or self.has_size(batch.shape[1:])
        if self.has_one_size:
            pixels = moments_of(batch, (0,))
            self.pixels = pixels if self.pixels is None else self.pixels.merge(pixels)

    def has_size(self, shape: tuple[int, ...]) -> bool:
        """Return whether all images had the same ``shape`` (C, H, W)."""
        return self.has_one_size and self.pixels is not None and self.pixels.mean.shape == shape

    @property
    def mean(self) -> Tensor:
        """The mean of each channel, of shape (C,)."""
        return tensor_from(self.moments_of_channels().mean)

    @property
    def std(self) -> Tensor:
        """The standard deviation of each channel, of shape (C,)."""
        return self.deviation(self.moments_of_channels())

    @property
    def mean_image(self) -> Tensor:
        """The mean image, of shape (C, H, W)."""
        return tensor_from(self.moments_of_pixels().mean)

    @property
    def std_image(self) -> Tensor:
        """The standard deviation of each pixel, of shape (C, H, W)."""
        return self.deviation(self.moments_of_pixels())

    def deviation(self, moments: Moments) -> Tensor:
        """Return the standard deviation that some ``moments`` have; NaN if there are too few values."""
        number = moments.number - self.correction
        return tensor_from(np.sqrt(moments.squares / number) if number > 0 else np.full_like(moments.squares, math.nan))

    def moments_of_channels(self) -> Moments:
        """Return what is known of each channel; raise ``RuntimeError`` if no image was added."""
        if self.channels is None:
            raise UsageError("ImageStatistics: no image was added yet; call update")
        return self.channels

    def moments_of_pixels(self) -> Moments:
        """Return what is known of each pixel; raise ``RuntimeError`` if no image was added, or of several sizes."""
        self.moments_of_channels()
        if not self.has_one_size or self.pixels is None:
            raise UsageError("ImageStatistics: the images have several sizes, so there is no mean image; resize them")
        return self.pixels


def image_statistics(images: Any, correction: int = 0) -> ImageStatistics:
    """Return the mean and the standard deviation of images, after one pass over them.

    Args:
        images: A batch of shape (N, C, H, W), a tensor or an array; or what yields images or batches, alone or first in
            a tuple, as a data set of images and classes does, or its DataLoader.
        correction: As for ``ImageStatistics``. Default: ``0``.

    Raises:
        TypeError: If an element is no image.
        RuntimeError: If there is no image, or a number of channels differs.

    >>> import minitensor as torch
    >>> from minitensor.vision.statistics import image_statistics
    >>> pairs = torch.utils.data.TensorDataset(torch.tensor([[[[0.]]], [[[1.]]]]), torch.tensor([3, 7]))
    >>> found = image_statistics(pairs)
    >>> found.mean, found.std
    (tensor([0.5000]), tensor([0.5000]))
    """
    statistics = ImageStatistics(correction)
    for batch in [images] if isinstance(images, (Tensor, np.ndarray)) else images_in(images):
        statistics.update(batch)
    statistics.moments_of_channels()  # raises if there is no image
    return statistics


def images_in(source: Any) -> Iterator[Any]:
    """Yield the images of a data set or a loader, without their classes."""
    items: Iterable[Any] = source if hasattr(source, "__iter__") else (source[place] for place in range(len(source)))
    for item in items:
        yield item[0] if isinstance(item, (tuple, list)) else item


def batch_of(images: Any) -> npt.NDArray[Any]:
    """Return images as an array of shape (N, C, H, W)."""
    found = pil_to_tensor(images) if is_picture(images) else images
    array = found.detach().cpu().numpy() if isinstance(found, Tensor) else found
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError(f"an image must be a tensor, an array or Pillow's, got {type(images).__name__}")
    if array.ndim not in (2, 3, 4) or array.dtype.kind not in "biuf":
        raise ArgumentError(
            "images must be real numbers of shape (N, C, H, W), (C, H, W) or (H, W), "
            f"got {array.dtype} of shape {array.shape}"
        )
    batch: npt.NDArray[Any] = array.reshape((1,) * (4 - array.ndim) + array.shape)
    return batch


def tensor_from(array: Doubles) -> Tensor:
    return from_numpy(array).to(get_default_dtype())


# -- what is done with them --------------------------------------------------------------------------------------------


def standardize(images: Tensor, mean: Any, std: Any) -> Tensor:
    """Return ``(images - mean) / std``, and zero where the deviation is zero.

    Unlike ``transforms.functional.normalize``, it takes images whose border never changes.

    Args:
        images: A tensor of shape (..., C, H, W); integers become floats.
        mean: One number for each channel, or a mean image of shape (C, H, W).
        std: The standard deviations, in the same form.

    Raises:
        TypeError: If ``images`` is no tensor.

    >>> import minitensor as torch
    >>> from minitensor.vision.statistics import standardize
    >>> standardize(torch.tensor([[[1., 5.]]]), torch.tensor([[[3., 5.]]]), torch.tensor([[[2., 0.]]]))
    tensor([[[-1.,  0.]]])
    """
    floats = as_floats(images)
    center, scale = [as_tensor(each, dtype=floats.dtype, device=floats.device) for each in (mean, std)]
    center, scale = [each.view(-1, 1, 1) if each.ndim == 1 else each for each in (center, scale)]
    difference = floats - center
    return (difference / scale.masked_fill(scale == 0, 1.0)).masked_fill(scale == 0, 0.0)


def rescale(
    images: Tensor, low: float = 0.0, high: float = 1.0, value_range: tuple[float, float] | None = None
) -> Tensor:
    """Return images whose values run from ``low`` to ``high``, for example from 0 to 1 or from 0 to 255.

    Args:
        images: A tensor; integers become floats.
        low: What the smallest value becomes. Default: ``0.0``.
        high: What the largest value becomes. Default: ``1.0``.
        value_range: The smallest and the largest value; what lies beyond is cut off. Those of the images if None.

    Raises:
        TypeError: If ``images`` is no tensor.
        ValueError: If ``value_range`` is not in order.

    >>> import minitensor as torch
    >>> from minitensor.vision.statistics import rescale
    >>> rescale(torch.tensor([-1.0, 0.0, 3.0]), 0, 255)
    tensor([  0.0000,  63.7500, 255.0000])
    """
    floats = as_floats(images)
    if not floats.numel():
        return floats
    least, most = (float(floats.min()), float(floats.max())) if value_range is None else value_range
    if least > most:
        raise ArgumentError(f"rescale: value_range must be (min, max), got {value_range}")
    if least == most:
        return floats * 0 + low
    return (floats.clamp(least, most) - least) * ((high - low) / (most - least)) + low


def as_floats(images: Tensor) -> Tensor:
    if not isinstance(images, Tensor):
        raise ArgumentTypeError(f"images must be a tensor, got {type(images).__name__}")
    return images if images.dtype.is_floating_point else images.to(get_default_dtype())
