"""The base class of data sets of images: their folder, and the transforms of images and classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from minitensor.errors import ArgumentError, UnsupportedError
from minitensor.utils.data import Dataset

Transform = Callable[..., Any]
Root = str | os.PathLike[str]


class VisionDataset(Dataset[Any]):
    """The base class of data sets of images. Subclasses define ``__getitem__`` and ``__len__``.

    Args:
        root: The folder of the data set.
        transforms: A function of an image and its class that returns both, changed; instead of the next two.
        transform: A function of an image.
        target_transform: A function of a class.

    Raises:
        ValueError: If ``transforms`` is given together with one of the other two.

    >>> from minitensor.vision import datasets
    >>> class Nothing(datasets.VisionDataset):
    ...     def __len__(self):
    ...         return 0
    >>> Nothing("here")
    Dataset Nothing
        Number of datapoints: 0
        Root location: here
    """

    def __init__(
        self,
        root: Root | None = None,
        transforms: Transform | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.root: Any = os.path.expanduser(root) if isinstance(root, str) else root
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ArgumentError(f"{type(self).__name__}: give either transforms, or transform and target_transform")
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index: int) -> Any:
        raise UnsupportedError(f"{type(self).__name__} must define __getitem__")

    def __len__(self) -> int:
        raise UnsupportedError(f"{type(self).__name__} must define __len__")

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        lines += [] if self.root is None else [f"Root location: {self.root}"]
        lines += self.extra_repr().splitlines()
        lines += [] if self.transforms is None else [repr(self.transforms)]
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {line}" for line in lines)])

    def extra_repr(self) -> str:
        """Return the lines of ``repr`` that a subclass adds: none here."""
        return ""


class StandardTransform:
    """A transform of an image and its class that changes each by its own function, if there is one."""

    def __init__(self, transform: Transform | None = None, target_transform: Transform | None = None) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        input = input if self.transform is None else self.transform(input)
        return input, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for head, function in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if function is not None:
                first, *rest = repr(function).splitlines()
                lines += [head + first, *(" " * len(head) + line for line in rest)]
        return "\n".join(lines)


def change(dataset: VisionDataset, image: Any, target: Any) -> tuple[Any, Any]:
    """Return an image and its class after the ``transform`` and ``target_transform`` of a data set."""
    return StandardTransform(dataset.transform, dataset.target_transform)(image, target)
