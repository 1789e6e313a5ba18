"""Data sets in a folder, read into NumPy arrays: IDX files (MNIST and its variants) and CIFAR-10's binary batches.

Files are plain or gzip-compressed, told apart by their first bytes. They are not trusted: the size in a header is
compared with the size of the file before memory is allocated, and decompression stops there. Nothing is downloaded.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from minitensor.errors import FileFormatError

Bytes = npt.NDArray[np.uint8]
Stream = BinaryIO | gzip.GzipFile

GZIP = b"\x1f\x8b"
INFLATION = 64  # how many times a gzip file may grow: images grow 2 to 10 times, a bomb 1032
HARMLESS = 1 << 26  # bytes to which any gzip file may grow
CHUNK = 1 << 20

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

MNIST_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR_TEST = "test_batch.bin"
CIFAR_SHAPE = (3, 32, 32)


class Pictures(NamedTuple):
    """A data set: images and their classes, for training and for testing.

    Args:
        train_images: Images to train on, (N, C, H, W), uint8.
        train_labels: Their classes, (N,), uint8.
        test_images: Images to test with, (N, C, H, W), uint8.
        test_labels: Their classes, (N,), uint8.

    >>> import minitensor as torch
    >>> import numpy
    >>> images, labels = numpy.zeros((2, 1, 4, 4), numpy.uint8), numpy.array([7, 3], numpy.uint8)
    >>> torch.vision.Pictures(images, labels, images[:1], labels[:1]).test_labels
    array([7], dtype=uint8)
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def read_mnist(folder: str | os.PathLike[str]) -> Pictures:
    """Read MNIST, or a data set in its format (Fashion-MNIST, KMNIST), from its four IDX files.

    Args:
        folder: The folder of the files, which may be plain or ``.gz``; also its subfolders ``MNIST/raw`` and ``raw``.

    Returns:
        Images of shape (N, 1, H, W) and labels of shape (N,), as NumPy arrays of uint8.

    Raises:
        FileNotFoundError: If a file is missing; the message lists the names and folders tried.
        RuntimeError: If a file is damaged, cut short or in another format.

    >>> import minitensor as torch
    >>> try:
    ...     torch.vision.read_mnist("no_such_folder")
    ... except FileNotFoundError as error:
    ...     print(error)
    no_such_folder: no such folder; give the one that contains train-images-idx3-ubyte
    """
    paths = [find(folder, (name, name.replace("-idx", ".idx")), ("MNIST/raw", "raw")) for name in MNIST_FILES]
    train, test = read_pair(paths[0], paths[1]), read_pair(paths[2], paths[3])
    return Pictures(*train, *test)


def read_cifar10(folder: str | os.PathLike[str], *, records: int = 10_000) -> Pictures:
    """Read CIFAR-10 from its six binary batches.

    Args:
        folder: The folder of the batches, plain or ``.gz``; also its subfolder ``cifar-10-batches-bin``.
        records: The number of images in a batch. Each record has one byte for the class and 3072 for an image of shape
            (3, 32, 32). Default: 10,000.

    Returns:
        Images of shape (N, 3, 32, 32) and labels of shape (N,), as NumPy arrays of uint8.

    Raises:
        FileNotFoundError: If a batch is missing; the message lists the names and folders tried.
        RuntimeError: If a batch has another size, or a class above 9.

    >>> import minitensor as torch
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in (*[f"data_batch_{i}.bin" for i in range(1, 6)], "test_batch.bin"):
    ...         with open(os.path.join(folder, name), "wb") as file:
    ...             _ = file.write(bytes(3073))
    ...     pictures = torch.vision.read_cifar10(folder, records=1)
    >>> pictures.train_images.shape, pictures.test_labels
    ((5, 3, 32, 32), array([0], dtype=uint8))
    """
    paths = [find(folder, (name,), ("cifar-10-batches-bin",)) for name in (*CIFAR_TRAIN, CIFAR_TEST)]
    *train, test = [read_batch(path, records) for path in paths]
    return Pictures(np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train]), *test)


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read an IDX file: two zero bytes, an element type, the number of dimensions, the sizes, the elements.

    Args:
        path: the file, plain or gzip-compressed.

    Returns:
        A NumPy array in the machine's byte order.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, cut short, longer than its header says, or not an IDX file.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "numbers")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    ...     read_idx(path)
    array([7, 8, 9], dtype=uint8)
    """
    path = Path(path)
    with open_stream(path) as (file, limit):
        magic = take(file, 4, limit, path, "an IDX header")
        if magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES:
            raise FileFormatError(
                f"{path}: not an IDX file: it begins with {magic.hex(' ')}, expected 00 00, a type "
                f"({', '.join(f'{code:02x}' for code in IDX_TYPES)}) and the number of dimensions"
            )
        dtype, ndim = np.dtype(IDX_TYPES[magic[2]]), magic[3]
        if ndim > 32:
            raise FileFormatError(f"{path}: its header claims {ndim} dimensions, expected at most 32")
        shape = tuple(map(int, np.frombuffer(take(file, 4 * ndim, limit, path, f"{ndim} sizes"), ">u4")))
        wanted = math.prod(shape) * dtype.itemsize
        what = f"{' x '.join(map(str, shape)) or 'one'} of {dtype.name}"
        # This catches shapes such as (0, 2**32 - 1, 2**32 - 1), which have no bytes but exceed any array.
        if math.prod(size for size in shape if size) * dtype.itemsize > np.iinfo(np.intp).max:
            raise FileFormatError(f"{path}: its header claims {what}, more than can be addressed")
        elements = take(file, wanted, limit - 4 - 4 * ndim, path, what)
        expect_end(file, path, 4 + 4 * ndim + wanted, what)
    return np.frombuffer(elements, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


# -- parts -------------------------------------------------------------------------------------------------------------


def find(folder: str | os.PathLike[str], names: tuple[str, ...], below: tuple[str, ...]) -> Path:
    """Return the first file found, plain or ``.gz``, in ``folder`` or one of its subfolders ``below``."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the one that contains {names[0]}")
    for place in (folder, *(folder / name for name in below)):
        for name in names:
            for path in (place / name, place / f"{name}.gz"):
                if path.is_file():
                    return path
    pickled = folder / names[0].removesuffix(".bin")
    hint = f"; {pickled} is a pickled batch, which vision.datasets.CIFAR10 reads" if pickled.is_file() else ""
    raise FileNotFoundError(
        f"{folder / names[0]}: no such file; tried {' or '.join(names)}, plain or .gz, in {folder} and "
        f"{', '.join(str(folder / name) for name in below)}{hint}"
    )


def read_pair(images_path: Path, labels_path: Path, classes: int = 10) -> tuple[Bytes, Bytes]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise FileFormatError(f"{images_path}: expected N x H x W of uint8, got {describe(images)}")
    if labels.ndim != 1 or labels.dtype != np.uint8:
        raise FileFormatError(f"{labels_path}: expected N of uint8, got {describe(labels)}")
    if len(images) != len(labels):
        raise FileFormatError(f"{labels_path}: has {len(labels)} labels for the {len(images)} images of {images_path}")
    return images[:, np.newaxis], check_labels(labels, classes, labels_path)


def read_batch(path: Path, records: int) -> tuple[Bytes, Bytes]:
    record = 1 + math.prod(CIFAR_SHAPE)
    what = f"{records} records of {record} bytes"
    with open_stream(path) as (file, limit):
        content = np.frombuffer(take(file, records * record, limit, path, what), np.uint8).reshape(records, record)
        expect_end(file, path, records * record, what)
    images = content[:, 1:].reshape(records, *CIFAR_SHAPE)
    return images, check_labels(content[:, 0].copy(), 10, path)


def check_labels(labels: Bytes, classes: int, path: Path) -> Bytes:
    """Return labels; raise if one of them is no class."""
    if labels.size and labels.max() >= classes:
        place = int(labels.argmax())
        raise FileFormatError(
            f"{path}: label {place} is {labels[place]}, expected classes 0 to {classes - 1}; the file is damaged"
        )
    return labels


def describe(array: npt.NDArray[Any]) -> str:
    return f"{' x '.join(map(str, array.shape)) or 'one'} of {array.dtype.name}"


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[Stream, int]]:
    """Open a plain or gzip-compressed file; yield its stream and the maximum of bytes it may contain."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        packed = raw.read(2) == GZIP
        raw.seek(0)
        if not packed:
            yield raw, size
            return
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, max(size * INFLATION, HARMLESS)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FileFormatError(f"{path}: damaged or cut short, decompression failed: {error}") from error


def take(file: Stream, count: int, limit: int, path: Path, what: str) -> bytearray:
    """Read exactly ``count`` bytes; ``limit`` is the maximum that the file may contain."""
    if count > limit:
        hint = f" ({INFLATION} times its size; decompress it first)" if isinstance(file, gzip.GzipFile) else ""
        raise FileFormatError(f"{path}: cut short: expected {what}, {count} bytes, but it holds at most {limit}{hint}")
    found = bytearray()
    while len(found) < count:
        chunk = file.read(min(CHUNK, count - len(found)))
        if not chunk:
            raise FileFormatError(f"{path}: cut short: expected {what}, {count} bytes, found {len(found)}")
        found += chunk
    return found


def expect_end(file: Stream, path: Path, size: int, what: str) -> None:
    if file.read(1):  # Reading to the end also makes gzip compare its checksum.
        raise FileFormatError(f"{path}: longer than it should be: expected {what}, {size} bytes in all, found more")
