"""STL-10: color images of 96 x 96 in binary files, most of them without a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from minitensor.errors import ArgumentError, FileFormatError, quote
from minitensor.vision.datasets.integrity import Source, require_choice, require_file, verify
from minitensor.vision.datasets.pictures import Bytes
from minitensor.vision.datasets.vision import Root, Transform, VisionDataset, change
from minitensor.vision.pillow import picture_from

PIXELS = 3 * 96 * 96
MOST_TEXT = 1 << 20  # bytes of a file with names or folds


class STL10(VisionDataset):
    """Color images of ten classes, 96 x 96: 5000 to train on, 8000 to test with, 100,000 without a class.

    A sample is a Pillow image (extra ``vision``) and its class, -1 if it has none. ``data`` holds all images as an
    array of shape (N, C, H, W), ``labels`` or ``targets`` their classes. Nothing is downloaded: errors say where files
    can be had.

    Args:
        root: The folder that contains ``stl10_binary``.
        split: Which part: "train", "test", "unlabeled" or "train+unlabeled". Default: "train".
        folds: Which of the ten folds of 1000 images to train on, 0 to 9, or None for all images. Default: None.
        transform: A function of an image.
        target_transform: A function of a class.
        download: Accepted for torchvision's programs. Default: ``False``.
        integrity: Whether the files must be the published ones, by their checksums. Default: ``True``.

    Raises:
        RuntimeError: If a file is missing (also a FileNotFoundError) or damaged.
        ValueError: If ``split`` or ``folds`` has another value.

    >>> import os, tempfile
    >>> from minitensor.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     os.makedirs(f"{root}/stl10_binary")
    ...     for name, content in (("test_X.bin", bytes(3 * 96 * 96)), ("test_y.bin", bytes([2]))):
    ...         with open(f"{root}/stl10_binary/{name}", "wb") as file:
    ...             _ = file.write(content)
    ...     pictures = datasets.STL10(root, "test", integrity=False)
    >>> pictures.data.shape, pictures.classes[pictures.labels[0]]
    ((1, 3, 96, 96), 'bird')
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list: ClassVar[tuple[tuple[str, str], ...]] = (
        ("train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"),
        ("train_y.bin", "5a34089d4802c674881badbb80307741"),
        ("unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"),
    )
    test_list: ClassVar[tuple[tuple[str, str], ...]] = (
        ("test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"),
        ("test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"),
    )
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(
        self,
        root: Root,
        split: str = "train",
        folds: int | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        *,
        integrity: bool = True,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = require_choice(split, "split", self.splits)
        if folds is not None and (type(folds) is not int or not 0 <= folds < 10):
            raise ArgumentError(f"folds must be None or an integer from 0 to 9, got {quote(folds)}")
        self.folds, self.integrity = folds, integrity
        parts = [read_part(self, name) for name in split.split("+")]
        self.data: Bytes = parts[0][0] if len(parts) == 1 else np.concatenate([images for images, _ in parts])
        self.labels: Any = parts[0][1] if len(parts) == 1 else np.concatenate([labels for _, labels in parts])
        self.classes: Any = read_names(self)

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


# -- files -------------------------------------------------------------------------------------------------------------


def find(dataset: STL10, name: str) -> Path:
    """Return the path of a file; raise if it is missing or not the published one."""
    source = Source(f"{dataset.url} (MD5 {dataset.tgz_md5})", f"extract it into {dataset.root}")
    path = require_file(Path(dataset.root, dataset.base_folder), [name], source)
    md5 = dict((*dataset.train_list, *dataset.test_list)).get(name)
    if dataset.integrity:
        verify(path, md5, None, source)
    return path


def read_part(dataset: STL10, part: str) -> tuple[Bytes, npt.NDArray[Any]]:
    """Return the images and classes of "train", "test" or "unlabeled"."""
    images = read_images(find(dataset, f"{part}_X.bin"))
    if part == "unlabeled":
        return images, np.full(len(images), -1)
    path = find(dataset, f"{part}_y.bin")
    labels = np.fromfile(path, np.uint8)
    if len(labels) != len(images):
        raise FileFormatError(f"{path}: has {len(labels)} labels for {len(images)} images")
    if labels.size and not 1 <= labels.min() <= labels.max() <= 10:
        raise FileFormatError(f"{path}: has labels from {labels.min()} to {labels.max()}, expected 1 to 10")
    labels = labels - np.uint8(1)
    if part == "train" and dataset.folds is not None:
        chosen = read_fold(find(dataset, dataset.folds_list_file), dataset.folds, len(images))
        return images[chosen], labels[chosen]
    return images, labels


def read_images(path: Path) -> Bytes:
    """Return images that are stored column by column."""
    size = path.stat().st_size
    if size % PIXELS:
        raise FileFormatError(f"{path}: cut short, or damaged: its {size} bytes are no multiple of {PIXELS}")
    images: Bytes = np.fromfile(path, np.uint8).reshape(-1, 3, 96, 96).swapaxes(2, 3)
    return images


def read_fold(path: Path, fold: int, count: int) -> npt.NDArray[np.int64]:
    """Return the positions of the images of a fold, which are a line of text."""
    lines = read_lines(path)
    words = lines[fold].split() if fold < len(lines) else []
    if not words or not all(word.isdecimal() and len(word) < 10 and int(word) < count for word in words):
        raise FileFormatError(f"{path}: line {fold + 1} must have positions from 0 to {count - 1}")
    return np.array(list(map(int, words)), np.int64)


def read_names(dataset: STL10) -> list[str]:
    """Return the names of the classes in the file that has them, or else the published ones."""
    path = Path(dataset.root, dataset.base_folder, dataset.class_names_file)
    return read_lines(path) if path.is_file() else "airplane bird car cat deer dog horse monkey ship truck".split()


def read_lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        content = file.read(MOST_TEXT + 1)
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: damaged: expected text, got {error.object[error.start]:#x}") from error
    if len(content) > MOST_TEXT:
        raise FileFormatError(f"{path}: has more than {MOST_TEXT} bytes, expected a short text")
    return text.splitlines()
