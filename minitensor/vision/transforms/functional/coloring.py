"""Brightness, contrast, saturation, hue and gamma; gray images; and what the automatic augmentations do to colors.

Pillow's images are changed by Pillow itself; here are the formulas for tensors. They compute in floats, and cut off
what is darker than black or brighter than the brightest pixel.
"""

from __future__ import annotations

import numpy as np

from minitensor.dtypes import bool_, float32, uint8
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.functional.padding import pad
from minitensor.ops.arithmetic import div
from minitensor.ops.choice import where
from minitensor.ops.counting import bincount
from minitensor.ops.creation import zeros_like
from minitensor.ops.join import stack
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image, Picture, is_picture, picture_from, pillow, require_image, require_picture
from minitensor.vision.transforms.functional.conversion import convert_image_dtype
from minitensor.vision.transforms.functional.door import image_function
from minitensor.vision.transforms.functional.size import (
    float_type,
    get_image_num_channels,
    largest_value,
    require_channels,
    require_planes,
)

# How much red, green and blue add to the brightness.
RED, GREEN, BLUE = 0.2989, 0.587, 0.114


# -- gray --------------------------------------------------------------------------------------------------------------


@image_function
def rgb_to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """Return an image ``img`` of red, green and blue in gray, as ``num_output_channels`` equal channels: 1 or 3.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If another number of channels is asked for.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.rgb_to_grayscale(torch.tensor([1., 0., 0.]).view(3, 1, 1))
    tensor([[[0.2989]]])
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return gray_picture(img, num_output_channels)
    require_channels(img, dims=3)
    require_one_or_three(num_output_channels)
    gray = img.clone() if img.shape[-3] == 1 else gray_planes(img)
    return gray.expand(img.shape) if num_output_channels == 3 else gray


@image_function
def to_grayscale(img: Picture, num_output_channels: int = 1) -> Picture:
    """Return a Pillow image ``img`` of any mode in gray, with ``num_output_channels``: 1 or 3.

    Raises:
        TypeError: If ``img`` is not a Pillow image.
        ValueError: If another number of channels is asked for.

    >>> from PIL import Image
    >>> from minitensor.vision.transforms import functional as F
    >>> F.to_grayscale(Image.new("RGB", (1, 1), (255, 0, 0))).getpixel((0, 0))
    76
    """
    if not is_picture(img):
        raise ArgumentTypeError(f"to_grayscale: img must be a Pillow image, got {type(img).__name__}")
    return gray_picture(img, num_output_channels)


def require_one_or_three(channels: int) -> None:
    if channels not in (1, 3):
        raise ArgumentError(f"num_output_channels must be 1 or 3, got {channels}")


def gray_picture(img: Picture, channels: int) -> Picture:
    require_one_or_three(channels)
    gray = img.convert("L")
    return gray if channels == 1 else pillow().Image.merge("RGB", [gray] * 3)


def gray_planes(img: Tensor) -> Tensor:
    red, green, blue = img.unbind(-3)
    return (RED * red + GREEN * green + BLUE * blue).to(img.dtype).unsqueeze(-3)


# -- more or less of something -----------------------------------------------------------------------------------------


@image_function
def adjust_brightness(img: Image, brightness_factor: float) -> Image:
    """Return an image ``img`` that is ``brightness_factor`` times as bright.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If the factor is negative, for a tensor.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.adjust_brightness(torch.tensor([[[10, 200]]], dtype=torch.uint8), 1.5)
    tensor([[[ 15, 255]]], dtype=torch.uint8)
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageEnhance.Brightness(img).enhance(brightness_factor)
    require_factor("brightness_factor", brightness_factor)
    require_channels(img)
    return blend(img, zeros_like(img), brightness_factor)


@image_function
def adjust_contrast(img: Image, contrast_factor: float) -> Image:
    """Return an image ``img`` whose differences to its mean brightness are ``contrast_factor`` times as large.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If the factor is negative, for a tensor.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.adjust_contrast(torch.tensor([[[10, 20]]], dtype=torch.uint8), 2.0)
    tensor([[[ 5, 25]]], dtype=torch.uint8)
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageEnhance.Contrast(img).enhance(contrast_factor)
    require_factor("contrast_factor", contrast_factor)
    require_channels(img)
    gray = rgb_to_grayscale(img) if get_image_num_channels(img) == 3 else img
    return blend(img, gray.to(float_type(img)).mean((-3, -2, -1), keepdim=True), contrast_factor)


@image_function
def adjust_saturation(img: Image, saturation_factor: float) -> Image:
    """Return an image ``img`` whose differences to the gray image are ``saturation_factor`` times as large.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If the factor is negative, for a tensor.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.adjust_saturation(torch.tensor([1., 0., 0.]).view(3, 1, 1), 0.0).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageEnhance.Color(img).enhance(saturation_factor)
    require_factor("saturation_factor", saturation_factor)
    require_channels(img)
    return img if get_image_num_channels(img) == 1 else blend(img, rgb_to_grayscale(img), saturation_factor)


def require_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ArgumentError(f"{name} must not be negative, got {factor}")


def blend(img: Tensor, other: Tensor, factor: float) -> Tensor:
    """Return what lies between two images, or beyond the first: ``factor * img + (1 - factor) * other``."""
    factor = float(factor)
    return (factor * img + (1.0 - factor) * other).clamp(0, largest_value(img.dtype)).to(img.dtype)


@image_function
def adjust_gamma(img: Image, gamma: float, gain: float = 1) -> Image:
    """Return an image ``img`` with the values ``gain * value ** gamma``, where 1 is the brightest.

    A ``gamma`` above 1 makes shadows darker, one below 1 lighter.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If ``gamma`` is negative.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.adjust_gamma(torch.tensor([[[0.5, 1.0]]]), 2.0)
    tensor([[[0.2500, 1.0000]]])
    """
    require_image(img)
    if isinstance(img, Tensor):
        require_channels(img)
    require_factor("gamma", gamma)
    if not isinstance(img, Tensor):
        table = [int((256 - 1e-3) * gain * pow(value / 255, gamma)) for value in range(256)]
        return img.convert("RGB").point(table * 3).convert(img.mode)
    floats = img if img.dtype.is_floating_point else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * floats.pow(gamma)).clamp(0, 1), img.dtype)


# -- hue ---------------------------------------------------------------------------------------------------------------


@image_function
def adjust_hue(img: Image, hue_factor: float) -> Image:
    """Return an image ``img`` whose colors are turned on the color wheel by ``hue_factor`` of a circle.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with another number of channels than 1 or 3.
        ValueError: If the factor is not between -0.5 and 0.5.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.adjust_hue(torch.tensor([1., 0., 0.]).view(3, 1, 1), 0.5).flatten()
    tensor([0., 1., 1.])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"hue_factor must be between -0.5 and 0.5, got {hue_factor}")
    if not isinstance(img, Tensor):
        require_picture(img)
        return img if img.mode in ("L", "1", "I", "F") else turn_picture(img, hue_factor)
    require_channels(img)
    if get_image_num_channels(img) == 1:
        return img
    hue, saturation, value = wheel_of(convert_image_dtype(img, float32))
    return convert_image_dtype(colors_of((hue + hue_factor) % 1.0, saturation, value), img.dtype)


def turn_picture(img: Picture, hue_factor: float) -> Picture:
    hue, saturation, value = img.convert("HSV").split()
    turned = np.asarray(hue) + np.int32(hue_factor * 255).astype(np.uint8)  # modulo 256
    return pillow().Image.merge("HSV", (picture_from(turned, "L"), saturation, value)).convert(img.mode)


def wheel_of(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hue, saturation and value of red, green and blue, all between 0 and 1. The hue of gray is 0."""
    red, green, blue = img.unbind(-3)
    value, low = img.amax(-3), img.amin(-3)
    spread, is_gray = value - low, value == low
    saturation = spread / value.masked_fill(is_gray, 1.0)
    divisor = spread.masked_fill(is_gray, 1.0)
    far_red, far_green, far_blue = [(value - each) / divisor for each in (red, green, blue)]
    of_green = where(value == green, 2.0 + far_red - far_blue, 4.0 + far_green - far_red)
    hue = where(value == red, far_blue - far_green, of_green)
    return (hue / 6.0 + 1.0).fmod(1.0), saturation, value


def colors_of(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Return red, green and blue. The wheel has six parts: in each, one color is full and one changes."""
    sector = (hue * 6.0).floor()
    way = hue * 6.0 - sector
    none = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * way)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - way))).clamp(0.0, 1.0)
    part = sector.long().remainder(6).unsqueeze(0)
    red = stack([value, falling, none, none, rising, value])
    green = stack([rising, value, value, falling, none, none])
    blue = stack([none, none, rising, value, value, falling])
    return stack([each.gather(0, part).squeeze(0) for each in (red, green, blue)], -3)


# -- tables of colors --------------------------------------------------------------------------------------------------


@image_function
def invert(img: Image) -> Image:
    """Return the negative of an image ``img``.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with fewer than three dims or another number of channels than 1
            or 3.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.invert(torch.tensor([[[0, 55]]], dtype=torch.uint8))
    tensor([[[255, 200]]], dtype=torch.uint8)
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageOps.invert(img)
    require_channels(img, dims=3)
    return ~img if img.dtype == bool_ else largest_value(img.dtype) - img


@image_function
def posterize(img: Image, bits: int) -> Image:
    """Return an image ``img`` with only the highest ``bits`` of each pixel: 0 to 8.

    Raises:
        TypeError: If ``img`` is no image; or a tensor that is not uint8, or has fewer than three dims or another number
            of channels than 1 or 3.
        ValueError: If ``bits`` is not between 0 and 8.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.posterize(torch.tensor([[[100, 255]]], dtype=torch.uint8), 2)
    tensor([[[ 64, 192]]], dtype=torch.uint8)
    """
    if not 0 <= bits <= 8:
        raise ArgumentError(f"posterize: bits must be between 0 and 8, got {bits}")
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageOps.posterize(img, bits)
    require_planes(img, 3)
    require_bytes("posterize", img)
    require_channels(img)
    return img & (256 - int(2 ** (8 - bits)))


def require_bytes(name: str, img: Tensor) -> None:
    if img.dtype != uint8:
        raise ArgumentTypeError(f"{name}: a tensor must be uint8, got {img.dtype}")


@image_function
def solarize(img: Image, threshold: float) -> Image:
    """Return an image ``img`` in which all pixels from ``threshold`` on are replaced by their negative.

    Raises:
        TypeError: If ``img`` is no image; or a tensor with fewer than three dims or another number of channels than 1
            or 3; or if the threshold is above its brightest value.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.solarize(torch.tensor([[[100, 255]]], dtype=torch.uint8), 128)
    tensor([[[100,   0]]], dtype=torch.uint8)
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageOps.solarize(img, threshold)
    require_channels(img, dims=3)
    if threshold > largest_value(img.dtype):
        raise ArgumentTypeError(
            f"solarize: threshold must be at most {largest_value(img.dtype)} for {img.dtype}, got {threshold}"
        )
    return where(img >= threshold, invert(img), img)


@image_function
def autocontrast(img: Image) -> Image:
    """Return an image ``img`` in which the darkest pixel of each channel is black and the brightest is full.

    Raises:
        TypeError: If ``img`` is no image, or a tensor with fewer than three dims or another number of channels than 1
            or 3.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.autocontrast(torch.tensor([[[0.25, 0.5, 0.75]]]))
    tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageOps.autocontrast(img)
    require_channels(img, dims=3)
    most, dtype = largest_value(img.dtype), float_type(img)
    low, high = [each((-2, -1), keepdim=True).to(dtype) for each in (img.amin, img.amax)]
    scale = (high - low).reciprocal() * most
    is_even = ~scale.isfinite()
    low, scale = low.masked_fill(is_even, 0), scale.masked_fill(is_even, 1)
    return ((img - low) * scale).clamp(0, most).to(img.dtype)


@image_function
def equalize(img: Image) -> Image:
    """Return an image ``img`` with pixels of all brightnesses about equally often, in each channel.

    Raises:
        TypeError: If ``img`` is no image; or a tensor that is not uint8, or has other than three or four dims, or
            another number of channels than 1 or 3.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> image = torch.arange(0, 64, 2, dtype=torch.uint8).repeat(32, 1).unsqueeze(0)
    >>> image.max(), F.equalize(image).max()
    (tensor(62, dtype=torch.uint8), tensor(255, dtype=torch.uint8))
    """
    if not isinstance(img, Tensor):
        require_picture(img)
        return pillow().ImageOps.equalize(img)
    require_planes(img)
    if img.ndim not in (3, 4):
        raise ArgumentTypeError(f"equalize: a tensor must have three or four dims, got {tuple(img.shape)}")
    require_bytes("equalize", img)
    require_channels(img)
    return stack([equalize_plane(each) for each in img.flatten(0, -3)]).view(img.shape)


def equalize_plane(plane: Tensor) -> Tensor:
    """Replace each value of one channel by the share of darker pixels, in steps of 1/255 of all but the brightest."""
    counts = bincount(plane.reshape(-1).long(), minlength=256)
    present = counts[counts != 0]
    step = int(present[:-1].sum()) // 255
    if not step:
        return plane
    darker = div(counts.cumsum(0) + step // 2, step, rounding_mode="floor")
    table = pad(darker, [1, 0])[:-1].clamp(0, 255).to(uint8)
    return table[plane.long()]
