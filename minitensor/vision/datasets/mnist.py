"""Digits, clothes and letters in MNIST's format: four IDX files, plain or ``.gz``."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minitensor.errors import ArgumentError
from minitensor.ops.creation import from_numpy
from minitensor.tensor import Tensor
from minitensor.vision.datasets.integrity import Source, require_choice, require_file, verify
from minitensor.vision.datasets.pictures import read_pair
from minitensor.vision.datasets.vision import Root, Transform, VisionDataset, change
from minitensor.vision.pillow import picture_from

COUNTS = {"train": 60_000, "t10k": 10_000}  # the images of each published file
SIZE = 28 * 28


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 to train on and 10,000 to test with, gray, 28 x 28.

    A sample is a Pillow image (extra ``vision``) and its class. ``data`` and ``targets`` hold all images, of shape
    (N, H, W), and classes as tensors. Nothing is downloaded: errors say where files can be had.

    Args:
        root: The folder that contains ``MNIST/raw`` with the four IDX files, plain or ``.gz``.
        train: Whether to read the images to train on, or those to test with. Default: ``True``.
        transform: A function of an image.
        target_transform: A function of a class.
        download: Accepted for torchvision's programs. Default: ``False``.
        integrity: Whether the files must be the published ones, by their sizes, and by the checksums of ``.gz`` files.
            Default: ``False``.

    Raises:
        RuntimeError: If a file is missing (also a FileNotFoundError) or damaged.

    >>> import os, tempfile
    >>> from minitensor.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     os.makedirs(f"{root}/MNIST/raw")
    ...     with open(f"{root}/MNIST/raw/t10k-images-idx3-ubyte", "wb") as file:
    ...         _ = file.write(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 50, 60]))
    ...     with open(f"{root}/MNIST/raw/t10k-labels-idx1-ubyte", "wb") as file:
    ...         _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    ...     digits = datasets.MNIST(root, train=False)
    >>> digits.data, digits.targets
    (tensor([[[50, 60]]], dtype=torch.uint8), tensor([7]))
    """

    mirrors: ClassVar[tuple[str, ...]] = ("https://ossci-datasets.s3.amazonaws.com/mnist/",)
    resources: ClassVar[tuple[tuple[str, str], ...]] = (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    classes: Any = (
        "0 - zero,1 - one,2 - two,3 - three,4 - four,5 - five,6 - six,7 - seven,8 - eight,9 - nine".split(",")
    )

    def __init__(
        self,
        root: Root,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        *,
        integrity: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        first, second = [require_file(Path(self.raw_folder), each, self.source()) for each in self.names()]
        if integrity:
            self.check(first)
            self.check(second)
        images, labels = read_pair(first, second, len(self.classes))
        self.data: Tensor = from_numpy(np.ascontiguousarray(images[:, 0]))
        self.targets: Tensor = from_numpy(labels.astype(np.int64))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return change(self, picture_from(self.data[index].numpy(), "L"), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def raw_folder(self) -> str:
        """The folder of the files."""
        return str(Path(self.root) / type(self).__name__ / "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def names(self) -> list[list[str]]:
        """Return the names that the file of images may have, and those of the file of labels."""
        part = "train" if self.train else "t10k"
        stems = [name.removesuffix(".gz") for name, _ in self.resources if name.startswith(part)]
        return [[stem, f"{stem}.gz"] for stem in stems]

    def source(self) -> Source:
        """Return where the files can be had."""
        files = " and ".join(f"{names[0]}.gz" for names in self.names())
        return Source(f"{files} from {self.mirrors[0]}", f"put them into {self.raw_folder}")

    def check(self, path: Path) -> None:
        """Raise ``RuntimeError`` unless the file at ``path`` is the published one."""
        if path.suffix == ".gz":
            verify(path, dict(self.resources)[path.name], None, self.source())
            return
        count = COUNTS[path.name.partition("-")[0]]
        size = 16 + count * SIZE if "images" in path.name else 8 + count
        verify(path, None, size, self.source())

    def extra_repr(self) -> str:
        """Return which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Clothes in the format of MNIST, in ``FashionMNIST/raw``; arguments as for ``MNIST``.

    >>> from minitensor.vision import datasets
    >>> datasets.FashionMNIST.classes[9]
    'Ankle boot'
    """

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")


class KMNIST(MNIST):
    """Cursive Japanese characters in the format of MNIST, in ``KMNIST/raw``; arguments as for ``MNIST``.

    >>> from minitensor.vision import datasets
    >>> datasets.KMNIST.classes[:3]
    ['o', 'ki', 'su']
    """

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    )
    classes = "o ki su tsu na ha ma ya re wo".split()


MERGED = frozenset("cijklmopsuvwxyz")  # lowercase letters that look like their capitals
BY_CLASS = sorted(string.digits + string.ascii_letters)


class EMNIST(MNIST):
    """Handwritten digits and letters in the format of MNIST, in ``EMNIST/raw`` or ``EMNIST/raw/gzip``.

    The images lie on their side, as in the published files and in torchvision; class 0 of "letters" has none.

    Args:
        root: The folder that contains ``EMNIST/raw``.
        split: Which part: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        kwargs: Other arguments as for ``MNIST``, except ``integrity``: only the archive has a published checksum.

    Raises:
        ValueError: If ``split`` is another word.
        RuntimeError: If a file is missing (also a FileNotFoundError) or damaged.

    >>> from minitensor.vision import datasets
    >>> try:
    ...     datasets.EMNIST("here", "letters")
    ... except FileNotFoundError as error:
    ...     print(str(error)[:69])
    here/EMNIST/raw/emnist-letters-train-images-idx3-ubyte: no such file;
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict: ClassVar[dict[str, list[str]]] = {
        "byclass": BY_CLASS,
        "bymerge": [each for each in BY_CLASS if each not in MERGED],
        "balanced": [each for each in BY_CLASS if each not in MERGED],
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }

    def __init__(self, root: Root, split: str, **kwargs: Any) -> None:
        self.split = require_choice(split, "split", self.splits)
        self.classes = self.classes_split_dict[split]
        super().__init__(root, **kwargs)

    def names(self) -> list[list[str]]:
        """Return the names that the file of images may have, and those of the file of labels."""
        start = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        stems = [f"{start}-images-idx3-ubyte", f"{start}-labels-idx1-ubyte"]
        return [[stem, f"{stem}.gz", f"gzip/{stem}", f"gzip/{stem}.gz"] for stem in stems]

    def source(self) -> Source:
        """Return where the files can be had."""
        return Source(self.url, f"extract it into {self.raw_folder}")

    def check(self, path: Path) -> None:
        """Raise ``ValueError`` for every ``path``: no checksums of single files are published."""
        raise ArgumentError(f"{path}: EMNIST has no published checksums of single files; give integrity=False")
