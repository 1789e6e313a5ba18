"""Blurring and sharpening, normalizing, and erasing a rectangle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitensor.device import device as Device
from minitensor.dtypes import dtype as DType
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.functional.conv import conv2d
from minitensor.nn.functional.padding import pad
from minitensor.ops.creation import as_tensor, tensor
from minitensor.ops.ranges import linspace
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image, pillow, require_image, require_picture
from minitensor.vision.transforms.functional.coloring import blend, require_factor
from minitensor.vision.transforms.functional.conversion import planes_of, to_pil_image
from minitensor.vision.transforms.functional.door import image_function
from minitensor.vision.transforms.functional.size import (
    cast_pixels,
    float_type,
    require_channels,
    require_planes,
    require_stack,
)


@image_function
def gaussian_blur(
    img: Image, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Image:
    """Return an image in which each pixel is a mean of its neighbors, weighted by a normal distribution.

    At the edges, the image is mirrored.

    Args:
        img: A Pillow image, or a tensor of shape (C, H, W) or (N, C, H, W).
        kernel_size: How many pixels are averaged along x and along y, or one number for both; odd.
        sigma: The standard deviations along x and y in pixels, or one for both; ``kernel_size * 0.15 + 0.35`` if None.

    Raises:
        TypeError: If ``img`` is no image, or a size no number or sequence.
        ValueError: If a size is not odd and positive, or a deviation not positive, or there are not two.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.gaussian_blur(torch.eye(3).unsqueeze(0), 3, 0.5)
    tensor([[[0.6647, 0.2515, 0.0454],
             [0.2515, 0.6420, 0.2515],
             [0.0454, 0.2515, 0.6647]]])
    """
    sizes = sizes_of(kernel_size)
    sigmas = sigmas_of([size * 0.15 + 0.35 for size in sizes] if sigma is None else sigma)
    require_image(img)
    planes = img if isinstance(img, Tensor) else planes_of(img)
    result = blur_planes(planes, sizes, sigmas)
    return result if isinstance(img, Tensor) else to_pil_image(result, img.mode)


def sizes_of(kernel_size: Any) -> Sequence[int]:
    """Return the size of a kernel along x and y."""
    if not isinstance(kernel_size, (int, list, tuple)):
        raise ArgumentTypeError(f"gaussian_blur: kernel_size must be an int or a pair of them, got {kernel_size!r}")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else kernel_size
    if len(sizes) != 2:
        raise ArgumentError(f"gaussian_blur: kernel_size must be an int or a pair of them, got {kernel_size}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ArgumentError(f"gaussian_blur: kernel_size must be odd and positive, got {kernel_size}")
    return sizes


def sigmas_of(sigma: Any) -> Sequence[float]:
    """Return the standard deviations along x and y."""
    if not isinstance(sigma, (int, float, list, tuple)):
        raise ArgumentTypeError(f"gaussian_blur: sigma must be a number or a pair of them, got {sigma!r}")
    given = [float(sigma)] if isinstance(sigma, (int, float)) else list(sigma)
    sigmas = given * 2 if len(given) == 1 else given
    if len(sigmas) != 2:
        raise ArgumentError(f"gaussian_blur: sigma must be a number or a pair of them, got {sigma}")
    if any(each <= 0 for each in sigmas):
        raise ArgumentError(f"gaussian_blur: sigma must be positive, got {sigma}")
    return sigmas


def blur_planes(img: Tensor, sizes: Sequence[int], sigmas: Sequence[float]) -> Tensor:
    require_planes(img)
    dtype = float_type(img)
    across, down = [bell(size, sigma, dtype, img.device) for size, sigma in zip(sizes, sigmas)]
    x, y = sizes[0] // 2, sizes[1] // 2
    return filter_planes(img, down.outer(across), lambda batch: pad(batch, [x, x, y, y], mode="reflect"))


def bell(size: int, sigma: float, dtype: DType, device: Device) -> Tensor:
    """Return the weights of a normal distribution at ``size`` points around its mean."""
    half = (size - 1) * 0.5
    weights = (-0.5 * (linspace(-half, half, size, dtype=dtype, device=device) / sigma).pow(2)).exp()
    return weights / weights.sum()


def filter_planes(img: Tensor, kernel: Tensor, prepare: Callable[[Tensor], Tensor] = lambda batch: batch) -> Tensor:
    """Return each channel of an image, correlated with a kernel."""
    require_stack(img)
    channels = img.shape[-3]
    batch = (img.unsqueeze(0) if img.ndim < 4 else img).to(kernel.dtype)
    found = conv2d(prepare(batch), kernel.expand(channels, 1, *kernel.shape), groups=channels)
    return cast_pixels(found.squeeze(0) if img.ndim < 4 else found, img.dtype)


@image_function
def adjust_sharpness(img: Image, sharpness_factor: float) -> Image:
    """Return an image ``img`` whose differences to a smoothed one are ``sharpness_factor`` times as large.

    The outermost pixels of a tensor stay as they are.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If the factor is negative, for a tensor.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.adjust_sharpness(torch.eye(3).unsqueeze(0), 0.0)[0, 1, 1]
    tensor(0.5385)
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageEnhance.Sharpness(img).enhance(sharpness_factor)
    require_factor("sharpness_factor", sharpness_factor)
    require_channels(img)
    if min(img.shape[-2:]) <= 2:
        return img
    weights = tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=float_type(img), device=img.device)
    smooth = img.clone()
    smooth[..., 1:-1, 1:-1] = filter_planes(img, weights / weights.sum())
    return blend(img, smooth, sharpness_factor)


@image_function
def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """Return ``(tensor - mean) / std``, channel by channel.

    Args:
        tensor: An image of floats, of shape (..., C, H, W).
        mean: One number for each channel.
        std: One number for each channel, none of them zero.
        inplace: Whether to change the image itself. Default: ``False``.

    Raises:
        TypeError: If it is no tensor, or none of floats.
        ValueError: If it has fewer than three dims, or an ``std`` is zero.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.normalize(torch.ones(2, 1, 1), mean=[0.5, 0.0], std=[0.5, 0.25]).flatten()
    tensor([1., 4.])
    """
    require_floats(tensor)
    means, deviations = [as_tensor(each, dtype=tensor.dtype, device=tensor.device) for each in (mean, std)]
    if 0 in deviations.reshape(-1).tolist():
        raise ArgumentError(f"normalize: std must not be zero, got {std} as {tensor.dtype}")
    means, deviations = [each.view(-1, 1, 1) if each.ndim == 1 else each for each in (means, deviations)]
    if not inplace:
        scaled = (tensor - means) / deviations
        if scaled.shape == tensor.shape:
            return scaled
    return (tensor if inplace else tensor.clone()).sub_(means).div_(deviations)  # raises if there are more numbers


def require_floats(image: Tensor) -> None:
    """Raise unless a value is an image of floats."""
    if not isinstance(image, Tensor):
        raise ArgumentTypeError(f"normalize: a tensor is wanted, got {type(image).__name__}; use ToTensor first")
    require_planes(image)
    if not image.dtype.is_floating_point:
        raise ArgumentTypeError(
            f"normalize: a tensor of floats is wanted, got {image.dtype}; use ConvertImageDtype first"
        )
    if image.ndim < 3:
        raise ArgumentError(f"normalize: the shape (..., C, H, W) is wanted, got {tuple(image.shape)}")


@image_function
def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """Return an image with other values in a rectangle.

    Args:
        img: A tensor of shape (..., C, H, W).
        i, j: The row and the column of the rectangle's first pixel.
        h, w: Its height and width.
        v: The values: a tensor that broadcasts to (C, h, w), or a number.
        inplace: Whether to change the image itself. Default: ``False``.

    Raises:
        TypeError: If ``img`` is no tensor.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.erase(torch.ones(1, 2, 3), 0, 1, 2, 2, 0)
    tensor([[[1., 0., 0.],
             [1., 0., 0.]]])
    """
    if not isinstance(img, Tensor):
        raise ArgumentTypeError(f"erase: img must be a tensor, got {type(img).__name__}; use ToTensor first")
    require_planes(img)
    result = img if inplace else img.clone()
    result[..., i : i + h, j : j + w] = v
    return result
