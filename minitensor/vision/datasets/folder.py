"""Images, or other samples, in folders that are named after their classes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minitensor.errors import ArgumentError, FileReadError, MissingFileError, shorten
from minitensor.vision.datasets.vision import Root, Transform, VisionDataset, change
from minitensor.vision.pillow import SIXTEEN_BITS, Picture, picture_from, pillow

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Extensions = str | tuple[str, ...]
Samples = list[tuple[str, int]]


def has_file_allowed_extension(filename: str, extensions: Extensions) -> bool:
    """Return whether a file has one of some extensions, in small or capital letters.

    >>> from minitensor.vision.datasets import folder
    >>> folder.has_file_allowed_extension("cat.PNG", (".png", ".jpg"))
    True
    """
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Return whether a file has the extension of an image.

    >>> from minitensor.vision.datasets import folder
    >>> folder.is_image_file("notes.txt")
    False
    """
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: Root) -> tuple[list[str], dict[str, int]]:
    """Return the names of the folders in a folder in order, and their numbers; raise if there are none."""
    if not os.path.isdir(directory):
        raise MissingFileError(f"{os.fspath(directory)}: no such folder; it should have a folder for each class")
    with os.scandir(directory) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise MissingFileError(f"{os.fspath(directory)}: has no folders; it should have one for each class")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory: Root,
    class_to_idx: dict[str, int] | None = None,
    extensions: Extensions | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> Samples:
    """Return the paths of all samples with the numbers of their classes, in order; ``DatasetFolder`` tells more."""
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    if not class_to_idx:
        raise ArgumentError("class_to_idx must have at least one class, got an empty dictionary")
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentError("give either extensions or is_valid_file, and not both")
    found = {name: list(files_below(os.path.join(directory, name))) for name in sorted(class_to_idx)}
    if is_valid_file is None:
        wanted = {name: [path for path in paths if path.lower().endswith(extensions or ())]
                  for name, paths in found.items()}  # fmt: skip
    else:
        wanted = {name: list(filter(is_valid_file, paths)) for name, paths in found.items()}
    empty = [name for name, paths in wanted.items() if not paths]
    if empty and not allow_empty:
        kinds = extensions if isinstance(extensions, str) else ", ".join(extensions or ())
        hint = f"; extensions are {kinds}" if kinds else ""
        raise MissingFileError(f"{directory}: found no valid file for the classes {', '.join(empty)}{hint}")
    return [(path, class_to_idx[name]) for name, paths in wanted.items() for path in paths]


def files_below(folder: str) -> Iterator[str]:
    """Yield the files in a folder and those below it in torchvision's order, each folder once."""
    seen: set[tuple[int, int]] = set()
    places = []
    for place, inner, names in os.walk(folder, followlinks=True):
        facts = os.stat(place)
        if (facts.st_dev, facts.st_ino) in seen:  # a link to it: following links in circles would not end
            inner.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        inner.sort()
        places.append((place, names))
    for place, names in sorted(places):
        yield from (os.path.join(place, name) for name in sorted(names))


# -- opening -----------------------------------------------------------------------------------------------------------


def pil_loader(path: Root) -> Picture:
    """Return the image in a file in mode "RGB", upright.

    The rotation that a camera has noted (EXIF) is applied, and 16 bits become the upper 8 of them. Pillow (extra
    ``vision``) opens the file; it refuses images of more than 179 million pixels, which may be meant to fill memory.

    Raises:
        OSError: If the file is missing or damaged, also as a RuntimeError, or has too many pixels.

    >>> import os, tempfile
    >>> from PIL import Image
    >>> from minitensor.vision.datasets import folder
    >>> with tempfile.TemporaryDirectory() as place:
    ...     Image.new("L", (2, 1), 7).save(os.path.join(place, "gray.png"))
    ...     folder.pil_loader(os.path.join(place, "gray.png")).getpixel((0, 0))
    (7, 7, 7)
    """
    library = pillow()
    if not os.path.isfile(path):
        raise MissingFileError(f"{os.fspath(path)}: no such file")
    with open(path, "rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", library.Image.DecompressionBombWarning)
                image = library.ImageOps.exif_transpose(library.Image.open(file))
                return to_eight_bits(image).convert("RGB")
        except MemoryError:
            raise
        except Exception as error:  # Pillow raises many classes for damaged files
            raise FileReadError(f"{os.fspath(path)}: Pillow cannot read it: {shorten(str(error))}") from error


def to_eight_bits(image: Picture) -> Picture:
    """Return an image of 16 bits with the upper 8 of them, and any other unchanged."""
    if image.mode not in SIXTEEN_BITS:
        return image
    return picture_from((np.asarray(image) >> 8).astype(np.uint8), "L")


def default_loader(path: Root) -> Any:
    """Alias of ``pil_loader``."""
    return pil_loader(path)


# -- data sets ---------------------------------------------------------------------------------------------------------


class DatasetFolder(VisionDataset):
    """Samples in folders that are named after their classes: ``root/class/.../name.extension``.

    A sample is what ``loader`` makes of a path, and the number of its class. ``samples`` holds all paths with numbers,
    ``targets`` the numbers, ``classes`` the names. Links are followed, but no folder is read twice for a class.

    Args:
        root: The folder with a folder for each class.
        loader: A function of a path that returns the sample.
        extensions: The extensions of files that are samples, in small letters.
        transform: A function of a sample.
        target_transform: A function of the number of a class.
        is_valid_file: A function of a path that returns whether it is a sample; instead of ``extensions``.
        allow_empty: Whether a folder may have no samples. Default: ``False``.

    Raises:
        FileNotFoundError: If there is no folder, or a class without samples.
        ValueError: If not exactly one of ``extensions`` and ``is_valid_file`` is given.

    >>> import os, pathlib, tempfile
    >>> from minitensor.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("cat", "dog"):
    ...         os.makedirs(f"{root}/{name}")
    ...         with open(f"{root}/{name}/noise.txt", "w") as file:
    ...             _ = file.write(f"{name} noise")
    ...     sounds = datasets.DatasetFolder(root, lambda path: pathlib.Path(path).read_text(), (".txt",))
    ...     sounds.class_to_idx, sounds[1]
    ({'cat': 0, 'dog': 1}, ('dog noise', 1))
    """

    def __init__(
        self,
        root: Root,
        loader: Callable[[str], Any],
        extensions: Extensions | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.loader, self.extensions = loader, extensions
        self.samples = self.make_dataset(
            self.root,
            class_to_idx=self.class_to_idx,
            extensions=extensions,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: Root,
        class_to_idx: dict[str, int],
        extensions: Extensions | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> Samples:
        """Return the paths of all samples with the numbers of their classes. Subclasses may look elsewhere.

        Args:
            directory: The folder with a folder for each class.
            class_to_idx: The number of each class.
            extensions: The extensions of samples.
            is_valid_file: A function of a path that returns whether it is a sample; instead of ``extensions``.
            allow_empty: Whether a folder may have no samples.

        Raises:
            FileNotFoundError: If a class has no samples.
            ValueError: If ``class_to_idx`` is None or empty; if not exactly one of the next two is given.
        """
        if class_to_idx is None:
            raise ArgumentError("class_to_idx must be a dictionary of classes and numbers, got None")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: Root) -> tuple[list[str], dict[str, int]]:
        """Return the names of the classes in ``directory``, and their numbers. Subclasses may choose others.

        Raises:
            FileNotFoundError: If there are none.
        """
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return change(self, self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in folders that are named after their classes: ``root/class/.../name.png``.

    A sample is a Pillow image (extra ``vision``) in mode "RGB", upright by what its camera has noted, and the number of
    its class. ``samples``, or ``imgs``, holds all paths with numbers, ``targets`` the numbers, ``classes`` the names.

    Args:
        root: The folder with a folder for each class.
        transform: A function of an image.
        target_transform: A function of the number of a class.
        loader: A function of a path that returns the image.
        is_valid_file: A function of a path that returns whether it is an image. Default: those with usual extensions.
        allow_empty: Whether a folder may have no images. Default: ``False``.

    Raises:
        FileNotFoundError: If there is no folder, or a class without images.

    >>> import os, tempfile
    >>> from PIL import Image
    >>> from minitensor.vision import datasets
    >>> with tempfile.TemporaryDirectory() as root:
    ...     os.makedirs(f"{root}/cat")
    ...     Image.new("RGB", (20, 10)).save(f"{root}/cat/black.png")
    ...     pictures = datasets.ImageFolder(root)
    ...     pictures.classes, pictures[0][0].size
    (['cat'], (20, 10))
    """

    def __init__(
        self,
        root: Root,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
