"""Transforms made of others, and of functions.

``RandomOrder`` and ``RandomChoice`` draw from Python's ``random``, as in torchvision; all else from the default
generator.
"""

from __future__ import annotations

import numbers
import random
from collections.abc import Callable, Sequence
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError, IndexValueError, UnsupportedError
from minitensor.nn.container import ModuleList
from minitensor.nn.module import Module
from minitensor.ops.random import rand
from minitensor.tensor import Tensor
from minitensor.vision.transforms.door import require_step, require_steps, transform_forward
from minitensor.vision.transforms.draws import require_probability

Transform = Callable[[Any], Any]


def lines_of(transforms: Any) -> str:
    return "".join(f"\n    {each}" for each in transforms)


class Compose:
    """Several transforms, one after the other.

    Args:
        transforms: The transforms: anything that can be called with an image.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> change = transforms.Compose([transforms.CenterCrop(2), transforms.Normalize([0.5], [0.5])])
    >>> change(torch.ones(1, 4, 4))
    tensor([[[1., 1.],
             [1., 1.]]])
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in require_steps(type(self).__name__, self.transforms):
            img = require_step(type(self).__name__, transform)(img)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}({lines_of(self.transforms)}\n)"


class Lambda:
    """A function as a transform.

    Args:
        lambd: The function.

    Raises:
        TypeError: If it cannot be called.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.Lambda(lambda image: image * 2)(torch.ones(1))
    tensor([2.])
    """

    def __init__(self, lambd: Transform) -> None:
        if not callable(lambd):
            raise ArgumentTypeError(f"Lambda: lambd must be a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomTransforms:
    """The base class of transforms that choose among others.

    Args:
        transforms: The transforms, in a sequence.

    Raises:
        TypeError: If they are not in a sequence.

    >>> from minitensor.vision import transforms
    >>> issubclass(transforms.RandomChoice, transforms.RandomTransforms)
    True
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Sequence):
            raise ArgumentTypeError(f"{type(self).__name__}: transforms must be a sequence, got {transforms!r}")
        self.transforms = transforms

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"{type(self).__name__}: a subclass must define __call__")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({lines_of(self.transforms)}\n)"


class RandomApply(Module):
    """Several transforms, one after the other, or none of them.

    Args:
        transforms: The transforms, in a sequence or a ``ModuleList``.
        p: The probability that they are applied. Default: ``0.5``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomApply([transforms.CenterCrop(1)], p=1.0)(torch.arange(9).view(3, 3))
    tensor([[4]])
    """

    def __init__(self, transforms: Sequence[Transform] | ModuleList, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    @transform_forward
    def forward(self, img: Any) -> Any:
        """Return the image, changed or not."""
        if require_probability(self.p) < rand(1):
            return img
        for transform in require_steps(type(self).__name__, self.transforms):
            img = require_step(type(self).__name__, transform)(img)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n    p={self.p}{lines_of(self.transforms)}\n)"


class RandomOrder(RandomTransforms):
    """Several transforms in an order that Python's ``random`` draws.

    Args:
        transforms: The transforms, in a sequence.

    Raises:
        TypeError: If they are not in a sequence.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> flips = [transforms.RandomHorizontalFlip(1.0), transforms.RandomVerticalFlip(1.0)]
    >>> transforms.RandomOrder(flips)(torch.tensor([[1, 2], [3, 4]]))
    tensor([[4, 3],
            [2, 1]])
    """

    def __call__(self, img: Any) -> Any:
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for place in order:
            img = require_step("RandomOrder", self.transforms[place])(img)
        return img


class RandomChoice(RandomTransforms):
    """One of several transforms, which Python's ``random`` chooses.

    Args:
        transforms: The transforms, in a sequence.
        p: Their probabilities, in any unit; equal if None.

    Raises:
        TypeError: If one of them is no sequence.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> choice = transforms.RandomChoice([transforms.CenterCrop(1), transforms.CenterCrop(2)], p=[0, 1])
    >>> choice(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, transforms: Sequence[Transform], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise ArgumentTypeError(f"RandomChoice: p must be a sequence, got {p!r}")
        self.p = p

    def __call__(self, *args: Any) -> Any:
        require_weights(self.transforms, self.p)
        return require_step("RandomChoice", random.choices(self.transforms, weights=self.p)[0])(*args)

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"


def require_weights(transforms: Sequence[Transform], p: Sequence[float] | None) -> None:
    """Raise unless there is a transform, and a number for each."""
    if not len(transforms):
        raise IndexValueError("RandomChoice: there is no transform to choose from")
    if p is None:
        return
    if not all(isinstance(each, (numbers.Real, Tensor)) for each in p):
        raise ArgumentTypeError(f"RandomChoice: p must be numbers, got {p!r}")
    if len(p) != len(transforms):
        raise ArgumentError(f"RandomChoice: p must have a number for each of {len(transforms)} transforms, got {p!r}")
