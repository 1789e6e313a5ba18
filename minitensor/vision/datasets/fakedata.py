"""Random images with random classes, to try a program out before there is data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor.dtypes import long
from minitensor.errors import IndexRangeError
from minitensor.generator import Generator
from minitensor.ops.random import randint, randn
from minitensor.tensor import Tensor
from minitensor.vision.datasets.vision import Transform, VisionDataset, change
from minitensor.vision.transforms.functional import to_pil_image


class FakeData(VisionDataset):
    """Random images, which are torchvision's and depend on their index alone, with random classes.

    Args:
        size: The number of images. Default: 1000.
        image_size: The shape of an image: channels, height, width. Default: (3, 224, 224).
        num_classes: The number of classes. Default: 10.
        transform: A function of an image.
        target_transform: A function of a class, a tensor of int64.
        random_offset: What is added to the index to give the seed. Default: 0.

    >>> from minitensor.vision import datasets
    >>> images = datasets.FakeData(size=2, image_size=(3, 4, 5))
    >>> images[0][0].size, images[0][1]
    ((5, 4), 9)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes = size, image_size, num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexRangeError(f"{type(self).__name__}: index {index} is out of range for {len(self)} images")
        generator = Generator().manual_seed(index + self.random_offset)
        pixels = randn(*self.image_size, generator=generator)
        target = randint(0, self.num_classes, (1,), generator=generator, dtype=long)[0]
        image, target = change(self, to_pil_image(pixels), target)
        return image, target.item() if isinstance(target, Tensor) else target

    def __len__(self) -> int:
        return self.size
