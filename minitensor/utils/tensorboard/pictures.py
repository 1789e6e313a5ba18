"""Pictures for TensorBoard: arrays in any order of dims become arrays of 8-bit pixels, and these PNG files."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy

from minitensor.errors import GuardError

COLUMNS = 8  # pictures in a row of a grid
COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # PNG's code for the number of channels


def to_pixels(array: Any, order: str) -> Any:
    """Return an array (height, width, channels) of 8-bit pixels; floats in [0, 1] are scaled."""
    order = order.upper()
    if len(set(order)) != len(order) or len(order) != array.ndim:
        raise GuardError(f"dataformats {order!r} must name each dim of the picture once; its shape is {array.shape}")
    scale = 1 if array.dtype == numpy.uint8 else 255
    return (in_height_width_channels(array, order).astype(numpy.float32) * scale).clip(0, 255).astype(numpy.uint8)


def in_height_width_channels(array: Any, order: str) -> Any:
    """Return a picture with its channels last, three of them if it is gray; several pictures as a grid."""
    if len(order) == 4:
        return make_grid(with_three_channels(array.transpose([order.index(dim) for dim in "NHWC"])))
    if len(order) == 3:
        return with_three_channels(array.transpose([order.index(dim) for dim in "HWC"]))
    return with_three_channels(array.transpose([order.index(dim) for dim in "HW"])[..., None])


def with_three_channels(array: Any) -> Any:
    return numpy.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array


def make_grid(pictures: Any) -> Any:
    """Return one picture with all of (N, height, width, channels), in rows of eight."""
    count, height, width, channels = pictures.shape
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    grid = numpy.zeros((rows * columns, height, width, channels), pictures.dtype)
    grid[:count] = pictures
    in_rows = grid.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return in_rows.reshape(rows * height, columns * width, channels)


def png_of(pixels: Any) -> bytes:
    """Return a PNG file of 8-bit pixels (height, width, channels), with 1, 3 or 4 channels."""
    height, width, channels = pixels.shape
    if channels not in COLOR_TYPES:
        raise GuardError(f"a picture has 1, 3 or 4 channels, got shape {pixels.shape}")
    header = struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[channels], 0, 0, 0)
    unfiltered = numpy.zeros((height, 1), numpy.uint8)  # each row begins with the number of its filter: none
    rows = numpy.concatenate([unfiltered, pixels.reshape(height, -1)], axis=1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, *zip(*chunks, strict=True)))


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a part of a PNG file: its length, kind, content and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def size_of_png(png: bytes) -> tuple[int, int]:
    """Return the height and width that the header of a PNG file gives."""
    width, height = struct.unpack(">II", png[16:24])
    return height, width


def png_of_figure(figure: Any) -> bytes:
    """Return a PNG file of a figure of matplotlib."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def close_figure(figure: Any) -> None:
    """Close a figure of ``matplotlib.pyplot``, if that is loaded, so that its memory is freed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
