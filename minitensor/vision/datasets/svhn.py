"""Street View House Numbers: color images of digits in MATLAB's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minitensor.errors import FileFormatError, quote
from minitensor.vision.datasets.integrity import Source, require_choice, require_file, verify
from minitensor.vision.datasets.matlab import read_arrays
from minitensor.vision.datasets.pictures import Bytes
from minitensor.vision.datasets.vision import Root, Transform, VisionDataset, change
from minitensor.vision.pillow import picture_from

SITE = "http://ufldl.stanford.edu/housenumbers"


class SVHN(VisionDataset):
    """Digits of house numbers, in color, 32 x 32: 73,257 to train on, 26,032 to test with, 531,131 extra.

    A sample is a Pillow image (extra ``vision``) and its class. ``data`` holds all images as an array of shape
    (N, C, H, W), ``labels`` or ``targets`` their classes, 0 for the digit 0. Nothing is downloaded: errors say where
    files can be had.

    Args:
        root: The folder that contains ``train_32x32.mat``, ``test_32x32.mat`` or ``extra_32x32.mat``.
        split: Which of them: "train", "test" or "extra". Default: "train".
        transform: A function of an image.
        target_transform: A function of a class.
        download: Accepted for torchvision's programs. Default: ``False``.
        integrity: Whether the file must be the published one, by its checksum. Default: ``True``.

    Raises:
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
        self.data, self.labels = read_digits(path)

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


def read_digits(path: Path) -> tuple[Bytes, Any]:
    """Return the images "X" and the labels "y" of a file."""
    content = read_arrays(path)
    images, labels = content.get("X"), content.get("y")
    if images is None or labels is None or images.ndim != 4 or images.shape[2] != 3 or labels.ndim != 2:
        shapes = {name: array.shape for name, array in content.items()}
        raise FileFormatError(f"{path}: expected X of H x W x 3 x N and y of N x 1, got {quote(shapes)}")
    if sorted(labels.shape) != sorted((1, images.shape[3])):
        raise FileFormatError(f"{path}: damaged: X of {images.shape} and y of {labels.shape} differ in number")
    if images.dtype != np.uint8 or not set(np.unique(labels)) <= set(range(11)):
        raise FileFormatError(f"{path}: damaged: expected images of uint8, and labels 0 to 10")
    classes = labels.reshape(-1).astype(np.int64)
    return images.transpose(3, 2, 0, 1), np.where(classes == 10, 0, classes)  # 10 stands for the digit 0
