"""Epochs of loaders with two worker processes: samples that are augmented, and batches that are only carried.

In the first two cases each sample is cropped, mirrored and normalized: in NumPy, so that only the loaders differ, and
by the library's own ops and random numbers. The others measure the way from a worker to the program, and the start and
end of workers.
"""

from __future__ import annotations

import multiprocessing
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import Case, Library, Source, Step

WORKERS = 2
# A spawned process, as that of each library is, would spawn its workers too, and time the import of the library.
START = "fork" if "fork" in multiprocessing.get_all_start_methods() else None


def pictures(count: int, *shape: int) -> Source:
    """Draw images of bytes."""
    return lambda: np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


class Augmented:
    """Images that are cropped at random to 28 x 28, mirrored at random, and normalized; and labels.

    Args:
        lib: the library whose ops are used.
        images: (N, 32, 32) bytes.
    """

    def __init__(self, lib: Library, images: Any) -> None:
        self.lib, self.images = lib, images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        top, left, mirrored = self.lib.randint(0, 4, (3,)).tolist()
        image = self.images[index, top : top + 28, left : left + 28]
        if mirrored < 2:
            image = image.flip(-1)
        return ((image.float() / 255 - 0.5) / 0.25).unsqueeze(0), index % 10


class AugmentedInNumpy:
    """The same in NumPy: an image as an array."""

    def __init__(self, images: Any) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        top, left, mirrored = np.random.randint(0, 4, 3).tolist()
        image = self.images[index, top : top + 28, left : left + 28]
        if mirrored < 2:
            image = image[:, ::-1]
        return ((image.astype(np.float32) / 255 - 0.5) / 0.25)[None], index % 10


def augmentation_in_numpy(lib: Library, count: int) -> Step:
    """An epoch in batches of 128, in random order."""
    return epoch(lib, AugmentedInNumpy(pictures(count, 32, 32)()))


def augmentation(lib: Library, count: int) -> Step:
    """An epoch in batches of 128, in random order."""
    return epoch(lib, Augmented(lib, lib.from_numpy(pictures(count, 32, 32)())))


def epoch(lib: Library, dataset: Any) -> Step:
    """Iterate over a loader, and add up a pixel of each batch."""
    loader = lib.utils.data.DataLoader(dataset, 128, shuffle=True, num_workers=WORKERS, multiprocessing_context=START)

    def step() -> Any:
        total = lib.zeros(())
        for images, _ in loader:
            total += images[0, 0, 0, 0]
        return total

    return step


def carrying(lib: Library, count: int, size: int) -> Step:
    """An epoch of color images that are only stacked, in batches of 32."""
    images = lib.from_numpy(pictures(count, 3, size, size)()).float()
    dataset = lib.utils.data.TensorDataset(images)
    loader = lib.utils.data.DataLoader(dataset, 32, num_workers=WORKERS, multiprocessing_context=START)

    def step() -> Any:
        return sum(batch[0, 0, 0, 0] for (batch,) in loader)

    return step


def starting(lib: Library) -> Step:
    """An epoch of two numbers: the workers are started and ended."""
    dataset = lib.utils.data.TensorDataset(lib.ones(2))
    loader = lib.utils.data.DataLoader(dataset, num_workers=WORKERS, multiprocessing_context=START)
    return lambda: sum(batch.sum() for (batch,) in loader)


def cases() -> list[Case]:
    return [
        Case("60,000 images, augmented in NumPy", partial(augmentation_in_numpy, count=60_000), random=True),
        Case("60,000 images, augmented by own ops", partial(augmentation, count=60_000), random=True),
        Case("512 images (3, 224, 224), two workers", partial(carrying, count=512, size=224)),
        Case("an epoch of two numbers, two workers", starting),
    ]
