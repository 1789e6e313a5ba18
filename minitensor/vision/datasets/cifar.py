"""CIFAR-10 and CIFAR-100: color images of 32 x 32 in pickled or in binary batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minitensor.errors import FileFormatError, MissingFileError, quote
from minitensor.vision.datasets.integrity import Source, require_file, verify
from minitensor.vision.datasets.pickles import read_pickle
from minitensor.vision.datasets.pictures import CIFAR_SHAPE, Bytes, check_labels, expect_end, open_stream, take
from minitensor.vision.datasets.vision import Root, Transform, VisionDataset, change
from minitensor.vision.pillow import picture_from

PIXELS = 3 * 32 * 32
Files = Sequence[Sequence[str]]  # names and MD5 checksums


class CIFAR10(VisionDataset):
    """Color images of ten classes: 50,000 to train on and 10,000 to test with, 32 x 32.

    A sample is a Pillow image (extra ``vision``) and its class. ``data`` holds all images as an array of shape
    (N, H, W, C), ``targets`` their classes as a list. The pickled batches are read without running code from them; the
    binary version, plain or ``.gz``, is read if they are not there. Nothing is downloaded: errors say where files can
    be had.

    Args:
        root: The folder that contains ``cifar-10-batches-py`` or ``cifar-10-batches-bin``.
        train: Whether to read the images to train on, or those to test with. Default: ``True``.
        transform: A function of an image.
        target_transform: A function of a class.
        download: Accepted for torchvision's programs. Default: ``False``.
        integrity: Whether the files must be the published ones: the pickled ones by their checksums, the binary ones
            by their sizes. Default: ``True``.

    Raises:
        RuntimeError: If a file is missing (also a FileNotFoundError) or damaged.

    >>> import os, pickle, tempfile
    >>> import numpy
    >>> from minitensor.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     os.makedirs(f"{root}/cifar-10-batches-py")
    ...     with open(f"{root}/cifar-10-batches-py/test_batch", "wb") as file:
    ...         pickle.dump({"data": numpy.zeros((1, 3072), numpy.uint8), "labels": [3]}, file)
    ...     pictures = datasets.CIFAR10(root, train=False, integrity=False)
    >>> pictures.data.shape, pictures.classes[pictures.targets[0]]
    ((1, 32, 32, 3), 'cat')
    """

    base_folder = "cifar-10-batches-py"
    binary_folder = "cifar-10-batches-bin"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar[Files] = (
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    )
    test_list: ClassVar[Files] = (("test_batch", "40351d587109b95175f43aff81a1287e"),)
    meta: ClassVar[dict[str, str]] = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }
    names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    records: ClassVar[tuple[int, int]] = (10_000, 10_000)  # in a published file to train on, and to test with
    label_bytes = 1  # before each image in the binary version; the last is the class

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        *,
        integrity: bool = True,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train, self.integrity = train, integrity
        files = self.train_list if train else self.test_list
        binary = is_binary(self, files[0][0])
        parts = [read_binary_of(self, name) if binary else read_pickle_of(self, name, md5) for name, md5 in files]
        images = np.concatenate([images for images, _ in parts]).reshape(-1, *CIFAR_SHAPE)
        self.data: Bytes = images.transpose(0, 2, 3, 1)
        self.targets: list[int] = [int(label) for _, labels in parts for label in labels]
        self.classes: Any = self.names if binary else read_names(self)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return change(self, picture_from(self.data[index], "RGB"), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Return which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """Color images of a hundred classes, in ``cifar-100-python`` or ``cifar-100-binary``; arguments as for ``CIFAR10``.

    >>> from minitensor.vision import datasets
    >>> datasets.CIFAR100.names[:3]
    ['apple', 'aquarium_fish', 'baby']
    """

    base_folder = "cifar-100-python"
    binary_folder = "cifar-100-binary"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = (("train", "16019d7e3df5f24257cddd939b257f8d"),)
    test_list = (("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),)
    meta: ClassVar[dict[str, str]] = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
    names = (
        "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
        "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
        "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster "
        "man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
        "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
        "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
        "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
    ).split()
    records = (50_000, 10_000)
    label_bytes = 2


# -- files -------------------------------------------------------------------------------------------------------------


def is_binary(dataset: CIFAR10, name: str) -> bool:
    """Whether only the binary version of a batch is there."""
    binary = [Path(dataset.root, dataset.binary_folder, f"{name}.bin{end}") for end in ("", ".gz")]
    return not Path(dataset.root, dataset.base_folder, name).is_file() and any(path.is_file() for path in binary)


def find(dataset: CIFAR10, name: str, md5: str) -> Path:
    """Return the path of a file; raise if it is missing or not the published one."""
    source = Source(f"{dataset.url} (MD5 {dataset.tgz_md5})", f"extract it into {dataset.root}")
    path = require_file(Path(dataset.root, dataset.base_folder), [name], source)
    if dataset.integrity:
        verify(path, md5, None, source)
    return path


def read_pickle_of(dataset: CIFAR10, name: str, md5: str) -> tuple[Bytes, list[int]]:
    """Return the images and labels of a pickled batch."""
    path = find(dataset, name, md5)
    content = read_pickle(path)
    images, labels = content.get("data"), content.get("labels", content.get("fine_labels"))
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != PIXELS:
        raise FileFormatError(f"{path}: 'data' must be an array of N x {PIXELS} bytes, got {quote(images)}")
    if type(labels) is not list or len(labels) != len(images):
        raise FileFormatError(f"{path}: expected a list of {len(images)} labels, got {quote(labels)}")
    for place, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < len(dataset.names):
            raise FileFormatError(
                f"{path}: label {place} is {quote(label)}, expected classes 0 to {len(dataset.names) - 1}"
            )
    return images, labels


def read_binary_of(dataset: CIFAR10, name: str) -> tuple[Bytes, Bytes]:
    """Return the images and labels of a binary batch."""
    source = Source(dataset.url.replace("python", "binary"), f"extract it into {dataset.root}")
    path = require_file(Path(dataset.root, dataset.binary_folder), [f"{name}.bin", f"{name}.bin.gz"], source)
    record = dataset.label_bytes + PIXELS
    with open_stream(path) as (file, limit):
        if dataset.integrity or path.suffix == ".gz":
            size = dataset.records[0 if dataset.train else 1] * record
        else:
            size = max(limit - limit % record, record)
        what = f"{size // record} records of {record} bytes"
        content = np.frombuffer(take(file, size, limit, path, what), np.uint8).reshape(-1, record)
        expect_end(file, path, size, what)
    labels = check_labels(content[:, dataset.label_bytes - 1].copy(), len(dataset.names), path)
    return content[:, dataset.label_bytes :], labels


def read_names(dataset: CIFAR10) -> list[str]:
    """Return the names of the classes in the file that has them, or the published ones if they need not be."""
    try:
        path = find(dataset, dataset.meta["filename"], dataset.meta["md5"])
    except MissingFileError:
        if dataset.integrity:
            raise
        return dataset.names
    names = read_pickle(path).get(dataset.meta["key"])
    if type(names) is not list or not all(isinstance(name, (str, bytes)) for name in names):
        raise FileFormatError(f"{path}: {dataset.meta['key']!r} must be a list of names, got {quote(names)}")
    return [name.decode("latin1") if isinstance(name, bytes) else name for name in names]
