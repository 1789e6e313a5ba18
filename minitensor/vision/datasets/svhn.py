"""Street View House Numbers: color images of digits in MATLAB's files, which SciPy (extra ``scipy``) reads."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from minitensor.errors import FileFormatError, MissingExtraError, quote, shorten
from minitensor.vision.datasets.integrity import Source, require_choice, require_file, verify
from minitensor.vision.datasets.pictures import CHUNK, HARMLESS, INFLATION, Bytes
from minitensor.vision.datasets.vision import Root, Transform, VisionDataset, change
from minitensor.vision.pillow import picture_from

SITE = "http://ufldl.stanford.edu/housenumbers"
HEADER, TAG = 128, 8  # bytes
NUMBERS = frozenset("int8 uint8 int16 uint16 int32 uint32 int64 uint64 single double".split())
COMPRESSED = 15  # the type of an element that zlib has compressed


class SVHN(VisionDataset):
    """Digits of house numbers, in color, 32 x 32: 73,257 to train on, 26,032 to test with, 531,131 extra.

    A sample is a Pillow image (extra ``vision``) and its class. ``data`` holds all images as an array of shape
    (N, C, H, W), ``labels`` or ``targets`` their classes, 0 for the digit 0. Nothing is downloaded: errors say where
    files can be had. SciPy (extra ``scipy``) reads them.

    Args:
        root: The folder that contains ``train_32x32.mat``, ``test_32x32.mat`` or ``extra_32x32.mat``.
        split: Which of them: "train", "test" or "extra". Default: "train".
        transform: A function of an image.
        target_transform: A function of a class.
        download: Accepted for torchvision's programs. Default: ``False``.
        integrity: Whether the file must be the published one, by its checksum. Default: ``True``. Give ``False`` only
            for a file that you trust: a damaged one can crash SciPy's reader, which is compiled code.

    Raises:
        ImportError: If SciPy is not installed.
        RuntimeError: If the file is missing (also a FileNotFoundError) or damaged.
        ValueError: If ``split`` is another word.

    >>> from minitensor.vision import datasets
    >>> try:
    ...     datasets.SVHN("here")
    ... except FileNotFoundError as error:
    ...     print(str(error)[:68])
    SVHN: here/train_32x32.mat: no such file; nothing is downloaded: get
    """

    split_list: ClassVar[dict[str, tuple[str, str, str]]] = {
        "train": (f"{SITE}/train_32x32.mat", "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        "test": (f"{SITE}/test_32x32.mat", "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
        "extra": (f"{SITE}/extra_32x32.mat", "extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"),
    }
    classes: Any = "0 1 2 3 4 5 6 7 8 9".split()

    def __init__(
        self,
        root: Root,
        split: str = "train",
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        *,
        integrity: bool = True,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = require_choice(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        source = Source(self.url, f"put it into {self.root}")
        path = require_file(Path(self.root), [self.filename], source)
        if integrity:
            verify(path, self.file_md5, None, source)
        self.data, self.labels = read_matlab(path)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return change(self, picture_from(self.data[index].transpose(1, 2, 0), "RGB"), int(self.labels[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def targets(self) -> Any:
        """The classes, as ``labels``."""
        return self.labels

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def extra_repr(self) -> str:
        """Return which part it is."""
        return f"Split: {self.split}"


def read_matlab(path: Path) -> tuple[Bytes, Any]:
    """Return the images "X" and the labels "y" of a file, after its sizes are found to be possible."""
    try:
        import scipy.io
    except ImportError:
        raise MissingExtraError.of("scipy", "scipy") from None
    limit = require_size(path)
    try:
        shapes = {name: shape for name, shape, kind in scipy.io.whosmat(path) if kind in NUMBERS}
        require_shapes(path, shapes, limit)
        content = scipy.io.loadmat(path, variable_names=["X", "y"])
    except FileFormatError:
        raise
    except Exception as error:  # SciPy raises many classes for damaged files
        raise FileFormatError(f"{path}: damaged, SciPy cannot read it: {shorten(str(error))}") from error
    images, labels = content["X"], content["y"].reshape(-1)
    if images.dtype != np.uint8 or labels.dtype.kind not in "uif" or not set(np.unique(labels)) <= set(range(11)):
        raise FileFormatError(f"{path}: damaged: expected images of uint8, and labels 0 to 10")
    labels = labels.astype(np.int64)
    return images.transpose(3, 2, 0, 1), np.where(labels == 10, 0, labels)  # 10 stands for the digit 0


def require_shapes(path: Path, shapes: dict[str, Any], limit: int) -> None:
    """Raise unless a file claims images and labels that fit together, and no more than it can hold."""
    images, labels = shapes.get("X"), shapes.get("y")
    if images is None or labels is None or len(images) != 4 or images[2] != 3 or len(labels) != 2:
        raise FileFormatError(f"{path}: expected X of H x W x 3 x N and y of N x 1, got {quote(shapes)}")
    count = images[3]
    if sorted(labels) != sorted((1, count)) or min(images) < 0 or images[0] * images[1] * 3 * count > limit:
        raise FileFormatError(f"{path}: damaged: claims X of {images} and y of {labels}, and holds {limit} bytes")


def require_size(path: Path) -> int:
    """Return how many bytes the elements of a file have; raise if there are far more than compression explains."""
    size = path.stat().st_size
    limit, total = max(size * INFLATION, HARMLESS), 0
    with path.open("rb") as file:
        head = file.read(HEADER)
        if len(head) < HEADER or not head.startswith(b"MATLAB 5.0") or head[124:] != b"\x00\x01IM":
            raise FileFormatError(f"{path}: no file of MATLAB's version 5, it begins with {quote(head[:10])}")
        while tag := file.read(TAG):
            if len(tag) < TAG or (length := struct.unpack("<2I", tag)[1]) > size - file.tell():
                raise FileFormatError(f"{path}: cut short, or damaged: an element reaches beyond its {size} bytes")
            if struct.unpack("<2I", tag)[0] == COMPRESSED:
                total += inflated_size(file, length, limit - total, path)
            else:
                file.seek(length, 1)
                total += length
    return total


def inflated_size(file: BinaryIO, length: int, limit: int, path: Path) -> int:
    """Return how many bytes a compressed element has; raise if there are more than ``limit``."""
    machine, total, packed = zlib.decompressobj(), 0, b""
    while (length or packed) and not machine.eof:
        if not packed:
            packed = file.read(min(CHUNK, length))
            length -= len(packed)
            if not packed:
                break
        try:
            total += len(machine.decompress(packed, CHUNK))
        except zlib.error as error:
            raise FileFormatError(f"{path}: damaged, decompression failed: {error}") from error
        packed = machine.unconsumed_tail
        if total > limit:
            raise FileFormatError(f"{path}: its elements are more than {INFLATION} times its size")
    file.seek(length, 1)
    return total
