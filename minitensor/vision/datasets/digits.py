"""The handwritten digits that come with scikit-learn: real data without any file to get."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitensor.errors import MissingExtraError
from minitensor.ops.creation import from_numpy
from minitensor.tensor import Tensor
from minitensor.vision.datasets.vision import Transform, VisionDataset, change
from minitensor.vision.pillow import picture_from

TRAINING = 1500  # images; the others are of later writers


class Digits(VisionDataset):
    """The 1797 handwritten digits of scikit-learn, gray, 8 x 8.

    A sample is a Pillow image (extra ``vision``) and its class. ``data`` and ``targets`` hold all images, of shape
    (N, H, W), and classes as tensors. The 17 shades of the original are spread over 0 to 255.

    Args:
        train: Whether to have the first 1500 images, or the 297 others; None for all. Default: None.
        transform: A function of an image.
        target_transform: A function of a class.

    Raises:
        ImportError: If scikit-learn (extra ``demo``) is not installed.

    >>> from minitensor.vision import datasets
    >>> datasets.Digits(train=True)
    Dataset Digits
        Number of datapoints: 1500
        Split: Train
    """

    classes: Any = "0 1 2 3 4 5 6 7 8 9".split()

    def __init__(
        self,
        train: bool | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.train = train
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise MissingExtraError.of("scikit-learn", "demo") from None
        pixels, labels = load_digits(return_X_y=True)
        part = slice(None) if train is None else slice(TRAINING) if train else slice(TRAINING, None)
        self.data: Tensor = from_numpy(np.round(pixels[part] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8))
        self.targets: Tensor = from_numpy(labels[part].astype(np.int64))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return change(self, picture_from(self.data[index].numpy(), "L"), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def extra_repr(self) -> str:
        """Return which part it is."""
        return "" if self.train is None else f"Split: {'Train' if self.train else 'Test'}"
