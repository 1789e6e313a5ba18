"""Transforms that change colors, blur, and erase."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from minitensor.dtypes import float32
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.module import Module
from minitensor.ops.creation import empty, tensor
from minitensor.ops.random import randperm
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image
from minitensor.vision.transforms import functional as F
from minitensor.vision.transforms.arguments import pair_from, require_ranges, require_tensor_of_planes
from minitensor.vision.transforms.door import transform_forward
from minitensor.vision.transforms.draws import draw_below, draw_between, happens

Range = tuple[float, float]


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue change at random, in random order.

    Args:
        brightness: The range of the factor; one number stands for (1 - brightness, 1 + brightness). Default: ``0``.
        contrast: The range of the factor, likewise. Default: ``0``.
        saturation: The range of the factor, likewise. Default: ``0``.
        hue: The range of the shift, between -0.5 and 0.5; one number stands for (-hue, hue). Default: ``0``.

    Raises:
        TypeError: If one of them is no number and no pair.
        ValueError: If a range is empty or contains what is not possible.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.ColorJitter(brightness=(2, 2))(torch.tensor([[[0.25]]]))
    tensor([[[0.5000]]])
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = factors_from(brightness, "brightness")
        self.contrast = factors_from(contrast, "contrast")
        self.saturation = factors_from(saturation, "saturation")
        self.hue = shifts_from(hue)

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """Draw an order of the four changes, and a number for each range that is not None.

        Args:
            brightness, contrast, saturation, hue: The ranges.
        """
        order = randperm(4)
        first, second, third, fourth = [
            None if each is None else draw_between(*each) for each in (brightness, contrast, saturation, hue)
        ]
        return order, first, second, third, fourth

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed."""
        order, *amounts = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for place in order.tolist():
            amount = amounts[place]
            if amount is not None:
                img = changes[place](img, amount)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def factors_from(value: Any, name: str) -> Range | None:
    """Return the range of a factor, or None if it is 1."""
    low, high = ends_of(value, name, 1.0)
    return range_within(max(low, 0.0) if isinstance(value, numbers.Number) else low, high, name, (0.0, math.inf), 1.0)


def shifts_from(value: Any) -> Range | None:
    """Return the range of a shift, or None if it is 0."""
    return range_within(*ends_of(value, "hue", 0.0), "hue", (-0.5, 0.5), 0.0)


def ends_of(value: Any, name: str, center: float) -> Range:
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]  # a number
            raise ArgumentError(f"{name} must not be negative if it is one number, got {value}")
        return center - float(value), center + float(value)  # type: ignore[arg-type]  # a number
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentTypeError(f"{name} must be a number or a pair of them, got {value!r}")
    return float(value[0]), float(value[1])


def range_within(low: float, high: float, name: str, bounds: Range, center: float) -> Range | None:
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ArgumentError(f"{name} must be between {bounds[0]} and {bounds[1]}, got {(low, high)}")
    return None if low == high == center else (low, high)


class Grayscale(Module):
    """Images become gray.

    Args:
        num_output_channels: The number of equal channels of the result: 1 or 3. Default: ``1``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.Grayscale()(torch.zeros(3, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image in gray."""
        return F.rgb_to_grayscale(img, num_output_channels=self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(Module):
    """Images become gray at random, with as many channels as before.

    Args:
        p: The probability. Default: ``0.1``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomGrayscale(p=1.0)(torch.tensor([1., 0., 0.]).view(3, 1, 1)).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        channels = F.get_image_num_channels(img)
        return F.rgb_to_grayscale(img, num_output_channels=channels) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class GaussianBlur(Module):
    """Images are blurred by a normal distribution of random width.

    Args:
        kernel_size: How many pixels are averaged along x and y, or one number for both; odd.
        sigma: The range of the standard deviation in pixels, or one number. Default: ``(0.1, 2.0)``.

    Raises:
        ValueError: If a size is not odd and positive, or a deviation not positive, or there are not two.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.GaussianBlur(3, sigma=0.5)(torch.eye(3).unsqueeze(0))[0, 0]
    tensor([0.6647, 0.2515, 0.0454])
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = pair_from(kernel_size, "kernel_size")
        if any(each <= 0 or each % 2 == 0 for each in self.kernel_size):
            raise ArgumentError(f"GaussianBlur: kernel_size must be odd and positive, got {kernel_size}")
        self.sigma = deviations_from(sigma)

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """Draw a standard deviation between ``sigma_min`` and ``sigma_max``."""
        return draw_between(sigma_min, sigma_max)

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, blurred."""
        sigma = self.get_params(self.sigma[0], self.sigma[1])
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


def deviations_from(sigma: Any) -> Sequence[float]:
    """Return the range of a standard deviation."""
    pair: Any = (sigma, sigma) if isinstance(sigma, numbers.Number) else sigma
    if not isinstance(pair, Sequence) or len(pair) != 2:
        raise ArgumentError(f"GaussianBlur: sigma must be a number or (min, max), got {sigma!r}")
    if not 0 < pair[0] <= pair[1]:
        raise ArgumentError(f"GaussianBlur: sigma must be positive, and (min, max), got {sigma}")
    return pair


class RandomErasing(Module):
    """A rectangle of a tensor is replaced at random.

    Args:
        p: The probability. Default: ``0.5``.
        scale: The range of the rectangle's area, as a part of the image's. Default: ``(0.02, 0.33)``.
        ratio: The range of height / width. Default: ``(0.3, 3.3)``.
        value: The value: one number, one for each channel, or "random" for normally distributed ones. Default: ``0``.
        inplace: Whether to change the tensor itself. Default: ``False``.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If it is another string, a part is not between 0 and 1, or ``p`` no probability.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> bool((transforms.RandomErasing(p=1.0)(torch.ones(3, 32, 32)) == 0).any())
    True
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str | Sequence[float] = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise ArgumentTypeError(f"RandomErasing: value must be a number, a sequence or 'random', got {value!r}")
        if isinstance(value, str) and value != "random":
            raise ArgumentError(f"RandomErasing: value must be a number, a sequence or 'random', got {value!r}")
        require_ranges(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ArgumentError(f"RandomErasing: scale must be between 0 and 1, got {scale}")
        if p < 0 or p > 1:
            raise ArgumentError(f"RandomErasing: p must be between 0 and 1, got {p}")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """Draw the top, left, height, width and values of a rectangle; after ten that do not fit, it is the image.

        Args:
            img: The image, a tensor of shape (..., C, H, W).
            scale: The range of the rectangle's area.
            ratio: The range of height / width.
            value: The values, or None for random ones.
        """
        channels, rows, columns = img.shape[-3:]
        low, high = tensor(ratio).log().tolist()
        for _ in range(10):
            area = rows * columns * draw_between(*scale)
            aspect = tensor([draw_between(low, high)]).exp().item()
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if height < rows and width < columns:
                values = draw_values(channels, height, width) if value is None else tensor(value)[:, None, None]
                return draw_below(rows - height + 1), draw_below(columns - width + 1), height, width, values
        return 0, 0, rows, columns, img

    @transform_forward
    def forward(self, img: Tensor) -> Tensor:
        """Return the image, changed or not; raise ``ValueError`` if ``value`` has another number of channels."""
        if not happens(self.p):
            return img
        require_tensor_of_planes(img)
        value = self.values()
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ArgumentError(f"RandomErasing: value must have one number or {img.shape[-3]}, got {self.value}")
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def values(self) -> list[float] | None:
        """Return the values as floats, or None if they are random."""
        if isinstance(self.value, str):
            return None
        return [float(each) for each in (self.value if isinstance(self.value, (list, tuple)) else [self.value])]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )


def draw_values(channels: int, height: int, width: int) -> Tensor:
    """Draw normally distributed pixels."""
    return empty((channels, height, width), dtype=float32).normal_()


class RandomInvert(Module):
    """Images become their negatives at random.

    Args:
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomInvert(p=1.0)(torch.tensor([[[0.25]]]))
    tensor([[[0.7500]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        return F.invert(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomPosterize(Module):
    """Pixels keep only their highest bits, at random.

    Args:
        bits: How many bits of each byte: 0 to 8.
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomPosterize(2, p=1.0)(torch.tensor([[[100]]], dtype=torch.uint8))
    tensor([[[64]]], dtype=torch.uint8)
    """

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__()
        self.bits, self.p = bits, p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        return F.posterize(img, self.bits) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(Module):
    """Bright pixels are replaced by their negatives, at random.

    Args:
        threshold: The value from which on a pixel is bright.
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomSolarize(0.5, p=1.0)(torch.tensor([[[0.25, 1.0]]]))
    tensor([[[0.2500, 0.0000]]])
    """

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__()
        self.threshold, self.p = threshold, p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        return F.solarize(img, self.threshold) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(Module):
    """Images are sharpened, or smoothed, at random.

    Args:
        sharpness_factor: 0 smooths, 1 changes nothing, 2 sharpens.
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomAdjustSharpness(0, p=1.0)(torch.eye(3).unsqueeze(0))[0, 1, 1]
    tensor(0.5385)
    """

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__()
        self.sharpness_factor, self.p = sharpness_factor, p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        return F.adjust_sharpness(img, self.sharpness_factor) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomAutocontrast(Module):
    """The darkest pixel of each channel becomes black and the brightest full, at random.

    Args:
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomAutocontrast(p=1.0)(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        return F.autocontrast(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomEqualize(Module):
    """All brightnesses become about equally frequent, at random.

    Args:
        p: The probability. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomEqualize(p=1.0)(torch.zeros(3, 4, 4, dtype=torch.uint8)).max()
    tensor(0, dtype=torch.uint8)
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        return F.equalize(img) if happens(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"
