"""Pictures in files and in bytes, as tensors of bytes. Pillow, of the extra ``vision``, reads and writes them."""

from __future__ import annotations

import io
import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import uint8
from minitensor.errors import UsageError, UsageValueError
from minitensor.ops.creation import from_numpy
from minitensor.ops.join import stack
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Picture, picture_from, pillow
from minitensor.vision.transforms.functional.conversion import pil_to_tensor

__path__: list[str] = []  # as that of a package, so that torchvision's parts of it can be imported

__all__ = [
    "ImageReadMode", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "decode_webp", "encode_jpeg",
    "encode_png", "read_file", "read_image", "write_file", "write_jpeg", "write_png",
]  # fmt: skip


class ImageReadMode(Enum):
    """The channels of a picture that is read: those that it has, or others, to which it is converted.

    Args:
        value: The number of a mode.
        *args, **kwds: As for any ``Enum``.

    Raises:
        ValueError: If there is no such mode.
        TypeError: If other arguments do not fit ``Enum``.

    >>> from minitensor.vision.io import ImageReadMode
    >>> ImageReadMode["RGB"]
    <ImageReadMode.RGB: 3>
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = 4


PILLOW_MODES = {
    ImageReadMode.GRAY: "L", ImageReadMode.GRAY_ALPHA: "LA", ImageReadMode.RGB: "RGB", ImageReadMode.RGBA: "RGBA",
}  # fmt: skip


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """Return the contents of a file as a tensor of bytes.

    Args:
        path: The file.

    Raises:
        RuntimeError: If it cannot be read.

    >>> import tempfile
    >>> import minitensor as torch
    >>> from minitensor.vision.io import read_file, write_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(f"{folder}/three", torch.tensor([1, 2, 3], dtype=torch.uint8))
    ...     read_file(f"{folder}/three")
    tensor([1, 2, 3], dtype=torch.uint8)
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"[Errno {error.errno}] {error.strerror}: '{os.fspath(path)}'") from None
    return tensor_of(content)


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Write a tensor of bytes to a file.

    Args:
        filename: The file.
        data: The bytes, a tensor of one dim.

    Raises:
        RuntimeError: If ``data`` is no such tensor, or the file cannot be written.

    >>> from minitensor.vision.io import write_file
    >>> import minitensor as torch
    >>> write_file("picture", torch.ones(3))
    Traceback (most recent call last):
    minitensor.errors.UsageError: write_file: expected a uint8 tensor of one dim, got float32 of shape (3,)
    """
    content = bytes_of(data, "write_file")
    try:
        Path(filename).write_bytes(content)
    except OSError as error:
        raise UsageError(f"[Errno {error.errno}] {error.strerror}: '{os.fspath(filename)}'") from None


def tensor_of(content: bytes) -> Tensor:
    return from_numpy(np.frombuffer(content, np.uint8).copy())


def bytes_of(data: Tensor, name: str) -> bytes:
    if data.dtype != uint8 or data.ndim != 1:
        raise UsageError(
            f"{name}: expected a uint8 tensor of one dim, got {data.dtype.name} of shape {tuple(data.shape)}"
        )
    return data.cpu().contiguous().numpy().tobytes()


# -- decoding ----------------------------------------------------------------------------------------------------------


def decode_image(
    input: Tensor | str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """Return the picture in a file, or in bytes, as a tensor of shape (C, H, W).

    Args:
        input: The path of a file, or its contents as a tensor of bytes.
        mode: The channels: ``"RGB"``, ``"GRAY"``, ``"RGBA"``, ``"GRAY_ALPHA"``, or those that it has.
        apply_exif_orientation: Whether to turn it upright as its EXIF data say.

    Returns:
        Bytes; numbers of type uint16 for pictures of 16 bits that are not converted. A GIF of several pictures has
        shape (N, 3, H, W).

    Raises:
        RuntimeError: If the file cannot be read or is no picture.
        ValueError: If there is no such mode.

    >>> import minitensor as torch
    >>> from minitensor.vision.io import decode_image, encode_png
    >>> file = encode_png(torch.full((1, 2, 3), 7, dtype=torch.uint8))
    >>> decode_image(file).shape, decode_image(file, mode="RGB").shape
    (torch.Size([1, 2, 3]), torch.Size([3, 2, 3]))
    """
    wanted = read_mode(mode)
    content = bytes_of(input if isinstance(input, Tensor) else read_file(input), "decode_image")
    picture = open_picture(content)
    if picture.format == "GIF":
        return frames_of(picture)
    if apply_exif_orientation:
        picture = pillow().ImageOps.exif_transpose(picture)
    return pil_to_tensor(in_mode(picture, wanted))


def read_mode(mode: ImageReadMode | str) -> ImageReadMode:
    """Return the mode that a name means."""
    if isinstance(mode, ImageReadMode):
        return mode
    found = ImageReadMode.__members__.get(str(mode).upper())
    if found is None:
        raise UsageValueError(f"decode_image: mode must be one of {list(ImageReadMode.__members__)}, got {mode!r}")
    return found


def open_picture(content: bytes) -> Picture:
    try:
        picture = pillow().Image.open(io.BytesIO(content))
        picture.load()
    except OSError:
        raise UsageError(f"decode_image: the {len(content)} bytes are no picture that Pillow reads") from None
    return picture


def in_mode(picture: Picture, wanted: ImageReadMode) -> Picture:
    """Return a picture with the channels that are wanted; a bit for each pixel becomes a byte."""
    if wanted is not ImageReadMode.UNCHANGED:
        return picture.convert(PILLOW_MODES[wanted])
    return picture.convert("L") if picture.mode == "1" else picture


def frames_of(picture: Picture) -> Tensor:
    """Return the pictures of a GIF, or the only one."""
    frames = []
    for place in range(getattr(picture, "n_frames", 1)):
        picture.seek(place)
        frames.append(pil_to_tensor(picture.convert("RGB")))
    return stack(frames) if len(frames) > 1 else frames[0]


read_image = decode_png = decode_jpeg = decode_webp = decode_gif = decode_image


# -- encoding ----------------------------------------------------------------------------------------------------------


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """Return a picture as the bytes of a PNG file.

    Args:
        input: Bytes of shape (C, H, W), with one channel or three.
        compression_level: From 0, the fastest, to 9, the smallest. Default: ``6``.

    Raises:
        RuntimeError: If ``input`` is no such picture, or the level is another.

    >>> import minitensor as torch
    >>> from minitensor.vision.io import encode_png
    >>> bytes(encode_png(torch.zeros(3, 2, 2, dtype=torch.uint8))[1:4].tolist())
    b'PNG'
    """
    if not 0 <= compression_level <= 9:
        raise UsageError(f"encode_png: compression_level must be from 0 to 9, got {compression_level}")
    return encode(input, "encode_png", format="PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """Return a picture as the bytes of a JPEG file.

    Args:
        input: Bytes of shape (C, H, W), with one channel or three.
        quality: From 1, the smallest, to 100, the closest. Default: ``75``.

    Raises:
        RuntimeError: If ``input`` is no such picture.
        ValueError: If the quality is another.

    >>> import minitensor as torch
    >>> from minitensor.vision.io import decode_jpeg, encode_jpeg
    >>> decode_jpeg(encode_jpeg(torch.zeros(3, 8, 8, dtype=torch.uint8))).shape
    torch.Size([3, 8, 8])
    """
    if not 1 <= quality <= 100:
        raise UsageValueError(f"encode_jpeg: quality must be from 1 to 100, got {quality}")
    return encode(input, "encode_jpeg", format="JPEG", quality=quality)


def encode(input: Tensor, name: str, **options: Any) -> Tensor:
    if input.dtype != uint8 or input.ndim != 3 or input.size(0) not in (1, 3):
        raise UsageError(
            f"{name}: expected a uint8 tensor of shape (C, H, W) with 1 or 3 channels, got {input.dtype.name} of shape "
            f"{tuple(input.shape)}"
        )
    array = input.cpu().permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    picture_from(array, "L" if input.size(0) == 1 else "RGB").save(file, **options)
    return tensor_of(file.getvalue())


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Write a picture to a PNG file.

    Args:
        input: Bytes of shape (C, H, W), with one channel or three.
        filename: The file.
        compression_level: From 0, the fastest, to 9, the smallest. Default: ``6``.

    Raises:
        RuntimeError: If ``input`` is no such picture, or the file cannot be written.

    >>> import tempfile
    >>> import minitensor as torch
    >>> from minitensor.vision.io import read_image, write_png
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_png(torch.full((1, 1, 2), 9, dtype=torch.uint8), f"{folder}/gray.png")
    ...     read_image(f"{folder}/gray.png")
    tensor([[[9, 9]]], dtype=torch.uint8)
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Write a picture to a JPEG file.

    Args:
        input: Bytes of shape (C, H, W), with one channel or three.
        filename: The file.
        quality: From 1, the smallest, to 100, the closest. Default: ``75``.

    Raises:
        RuntimeError: If ``input`` is no such picture, or the file cannot be written.

    >>> import tempfile
    >>> import minitensor as torch
    >>> from minitensor.vision.io import read_image, write_jpeg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_jpeg(torch.zeros(3, 8, 8, dtype=torch.uint8), f"{folder}/black.jpg")
    ...     read_image(f"{folder}/black.jpg").shape
    torch.Size([3, 8, 8])
    """
    write_file(filename, encode_jpeg(input, quality))


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
