"""Pictures for TensorBoard: arrays in any order of dims become arrays of 8-bit pixels, and these PNG files."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy

from minitensor.errors import GuardError, MissingExtraError

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


def make_grid(pictures: Any, columns: int = COLUMNS) -> Any:
    """Return one picture with all of (N, height, width, channels), in rows of ``columns``."""
    count, height, width, channels = pictures.shape
    columns = min(count, columns)
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


# -- frames ------------------------------------------------------------------------------------------------------------


def png_with_boxes(pixels: Any, boxes: Any, labels: Any, rescale: float) -> bytes:
    """Return a PNG file of a picture, with a red frame for each row of ``boxes``, in a size ``rescale`` times its."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError.of("pillow", "vision") from None
    texts = [labels] if isinstance(labels, str) else labels
    if texts is None or len(texts) != len(boxes):
        texts = [None] * len(boxes)
    picture = Image.fromarray(pixels)
    for box, label in zip(boxes, texts, strict=True):
        draw_frame(picture, box, label)
    height, width, _ = pixels.shape
    resized = picture.resize((int(width * rescale), int(height * rescale)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    resized.save(file, format="PNG")
    return file.getvalue()


def draw_frame(picture: Any, box: Any, label: Any) -> None:
    """Draw a red frame, and its label in its lower left corner."""
    from PIL import ImageDraw, ImageFont

    draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
    left, top, right, bottom = box
    draw.line([(left, top), (left, bottom), (right, bottom), (right, top), (left, top)], width=2, fill="Red")
    if not label:
        return
    first, upper, last, lower = font.getbbox(label)
    width, height = last - first, lower - upper
    margin = numpy.ceil(0.05 * height)
    draw.rectangle([(left, bottom - height - 2 * margin), (left + width, bottom)], fill="Red")
    draw.text((left + margin, bottom - height - margin), label, fill="black", font=font)


# -- sizes and figures -------------------------------------------------------------------------------------------------


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
