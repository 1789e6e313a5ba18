"""Images as tensors, tensors as images, and pixels of other dtypes.

An integer pixel between 0 and the largest value of its dtype means the same as a float between 0 and 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from minitensor.dtypes import dtype as DType
from minitensor.dtypes import float32, float64, get_default_dtype, int32, int64, uint8
from minitensor.errors import ArgumentError, ArgumentTypeError, DtypeError
from minitensor.ops.arithmetic import div
from minitensor.ops.creation import from_numpy
from minitensor.tensor import Tensor
from minitensor.vision.pillow import SIXTEEN_BITS, Image, Picture, is_picture, picture_from
from minitensor.vision.transforms.functional.door import image_function
from minitensor.vision.transforms.functional.size import get_image_num_channels, largest_value

Pixels = npt.NDArray[Any]

# The dtypes of Pillow's pixels that are no bytes.
WIDE = {"I": np.int32, "F": np.float32, **dict.fromkeys(SIXTEEN_BITS, np.uint16)}

# The modes that images of 1 to 4 channels can have, and the first of them, which bytes have if none is named.
OF_CHANNELS = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
OF_ONE_CHANNEL = {np.uint8: "L", np.int16: "I;16", np.int32: "I", np.float32: "F"}


@image_function
def to_tensor(pic: Image | Pixels) -> Tensor:
    """Return a Pillow image, or an array of shape (H, W) or (H, W, C), as a tensor of shape (C, H, W).

    Bytes become floats between 0 and 1; numbers of other types keep their values. An image with a palette becomes its
    colors, three channels, or four if some are transparent; ``numpy.asarray(pic)`` has the palette's indices. The
    rotation that a camera has noted is not applied: call ``PIL.ImageOps.exif_transpose`` first.

    Raises:
        TypeError: If ``pic`` is no image and no array.
        ValueError: If an array does not have two or three dims; if an image of 16 bits has a pixel above 32767, which
            the int16 of the result could not hold; ``pil_to_tensor`` returns it as uint16.

    >>> import numpy
    >>> from minitensor.vision.transforms import functional as F
    >>> F.to_tensor(numpy.array([[0, 51], [102, 255]], numpy.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"to_tensor: an array must be of shape (H, W) or (H, W, C), got {pic.shape}")
        pixels = pic.reshape(*pic.shape[:2], -1) if pic.ndim == 2 else pic
    elif is_picture(pic):
        pixels = narrow_to_int16(pixels_of(pic))
    else:
        raise ArgumentTypeError(f"to_tensor: pic must be a Pillow image or a NumPy array, got {type(pic).__name__}")
    result = from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    return result.to(get_default_dtype()).div(255) if result.dtype == uint8 else result


def pixels_of(pic: Picture) -> Pixels:
    """Return the pixels of an image as an array of shape (H, W, C), with 255 for the ones of a bitmap."""
    pic = without_palette(pic)
    pixels = np.array(pic, WIDE.get(pic.mode, np.uint8))
    return (pixels * np.uint8(255) if pic.mode == "1" else pixels).reshape(*pic.size[::-1], len(pic.getbands()))


def narrow_to_int16(pixels: Pixels) -> Pixels:
    """Return pixels of 16 bits as int16."""
    if pixels.dtype != np.uint16:
        return pixels
    if pixels.size and pixels.max() > 32767:
        raise ArgumentError(
            f"to_tensor: the image has pixels up to {pixels.max()}, but int16 ends at 32767; "
            "use PILToTensor, which returns uint16"
        )
    return pixels.astype(np.int16)


@image_function
def pil_to_tensor(pic: Picture) -> Tensor:
    """Return a Pillow image as a tensor of shape (C, H, W) with the same values.

    An image of mode "1" becomes bools, of 16 bits uint16. One with a palette becomes its colors, three channels, or
    four if some are transparent; ``numpy.asarray(pic)`` has the palette's indices.

    Raises:
        TypeError: If ``pic`` is not a Pillow image.

    >>> from PIL import Image
    >>> from minitensor.vision.transforms import functional as F
    >>> F.pil_to_tensor(Image.new("RGB", (1, 1), (10, 20, 30))).flatten()
    tensor([10, 20, 30], dtype=torch.uint8)
    """
    return planes_of(without_palette(pic))


def without_palette(pic: Picture) -> Picture:
    """Return an image with a palette as one of colors, and any other unchanged."""
    if not is_picture(pic) or pic.mode not in ("P", "PA"):
        return pic
    return pic.convert("RGBA" if pic.mode == "PA" or "transparency" in pic.info else "RGB")


def planes_of(pic: Picture) -> Tensor:
    """Return the values of an image, the indices of a palette too, as a tensor of shape (C, H, W)."""
    if not is_picture(pic):
        raise ArgumentTypeError(f"pil_to_tensor: pic must be a Pillow image, got {type(pic).__name__}")
    pixels = np.array(pic).reshape(*pic.size[::-1], get_image_num_channels(pic))
    return from_numpy(pixels.astype(pixels.dtype.newbyteorder("="), copy=False)).permute(2, 0, 1)


@image_function
def to_pil_image(pic: Tensor | Pixels, mode: str | None = None) -> Picture:
    """Return a tensor of shape (C, H, W), or an array of shape (H, W, C), as a Pillow image; or one of shape (H, W).

    Floats are multiplied by 255, except if ``mode`` is "F". Bytes become "L", "LA", "RGB" or "RGBA" by their number of
    channels if no mode is given; one channel of int16 becomes "I;16", of int32 "I".

    Raises:
        TypeError: If ``pic`` is neither; if there is no mode for its dtype.
        ValueError: If it has another number of dims, or more than four channels, or a number that does not fit the
            mode.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> image = F.to_pil_image(torch.tensor([[0., 1.]]))
    >>> image.mode, image.size, image.getpixel((1, 0))
    ('L', (2, 1), 255)
    """
    pixels = rows_of(pic)
    if np.issubdtype(pixels.dtype, np.floating) and mode != "F":
        pixels = (pixels * 255).astype(np.uint8)
    chosen = choose_mode(pixels, mode)
    return picture_from(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, chosen)


def rows_of(pic: Tensor | Pixels) -> Pixels:
    """Return an image as an array of shape (H, W, C)."""
    if isinstance(pic, Tensor):
        pixels = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif isinstance(pic, np.ndarray):
        pixels = pic
    else:
        raise ArgumentTypeError(f"to_pil_image: pic must be a tensor or a NumPy array, got {type(pic).__name__}")
    if pixels.ndim not in (2, 3):
        raise ArgumentError(f"to_pil_image: pic must have two or three dims, got {pixels.ndim}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if not 1 <= pixels.shape[2] <= 4:
        raise ArgumentError(f"to_pil_image: pic must have 1 to 4 channels, got {pixels.shape[2]}")
    return pixels


def choose_mode(pixels: Pixels, mode: str | None) -> str:
    """Return the mode that is asked for, or else the usual one; raise if it does not fit."""
    channels = pixels.shape[2]
    if channels == 1:
        usual = OF_ONE_CHANNEL.get(pixels.dtype.type)
        fitting: tuple[str | None, ...] = (usual,)
    else:
        fitting = OF_CHANNELS.get(channels, OF_CHANNELS[3])
        usual = fitting[0] if pixels.dtype == np.uint8 else None
    if mode is not None and mode not in fitting:
        wanted = " or ".join(map(str, fitting))
        raise ArgumentError(
            f"to_pil_image: mode of {channels} channels of {pixels.dtype} must be {wanted}, got {mode!r}"
        )
    chosen = mode or usual
    if chosen is None or not channels or (channels > 1 and pixels.dtype != np.uint8):
        raise ArgumentTypeError(f"to_pil_image: no mode for {channels} channels of {pixels.dtype}; convert to uint8")
    return chosen


@image_function
def convert_image_dtype(image: Tensor, dtype: DType = float32) -> Tensor:
    """Return a tensor of pixels in another dtype, with the values scaled to its range.

    Floats are between 0 and 1, integers between 0 and the largest value of their dtype. An integer that becomes a
    longer one is multiplied by a power of two, so it comes back unchanged.

    Raises:
        TypeError: If ``image`` is not a tensor.
        RuntimeError: If a float is too short to tell the values of the integer apart: float32 to int32 or int64,
            float64 to int64.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.convert_image_dtype(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([0.0000, 0.2000, 1.0000])
    """
    if not isinstance(image, Tensor):
        raise ArgumentTypeError(f"convert_image_dtype: image must be a tensor, got {type(image).__name__}")
    if image.dtype == dtype:
        return image
    if image.dtype.is_floating_point:
        return image.to(dtype) if dtype.is_floating_point else integers_from(image, dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / float(largest_value(image.dtype))
    return convert_integers(image, dtype)


def integers_from(image: Tensor, dtype: DType) -> Tensor:
    """Return floats as integers: each integer stands for an interval of the same length."""
    if (image.dtype == float32 and dtype in (int32, int64)) or (image.dtype == float64 and dtype == int64):
        raise DtypeError(f"convert_image_dtype: {image.dtype} cannot tell the values of {dtype} apart")
    return image.mul(largest_value(dtype) + 1.0 - 1e-3).to(dtype)


def convert_integers(image: Tensor, dtype: DType) -> Tensor:
    here, there = largest_value(image.dtype) + 1, largest_value(dtype) + 1
    if here > there:
        return div(image, here // there, rounding_mode="floor").to(dtype)
    return image.to(dtype) * (there // here)
