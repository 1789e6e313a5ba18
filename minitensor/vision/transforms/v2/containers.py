"""Transforms of samples that are made of others, and of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.container import ModuleList
from minitensor.ops.creation import tensor
from minitensor.ops.random import multinomial, rand, randperm
from minitensor.vision.transforms.v2.sample import Transform

Step = Callable[..., Any]


def require_steps(name: str, transforms: Any) -> None:
    if not isinstance(transforms, (Sequence, ModuleList)):
        raise ArgumentTypeError(f"{name}: transforms must be a sequence, got {transforms!r}")
    if not len(transforms):
        raise ArgumentError(f"{name}: give at least one transform")


def in_turn(transforms: Any, inputs: tuple[Any, ...]) -> Any:
    """Return a sample, changed by one transform after the other."""
    for transform in transforms:
        result = transform(*inputs)
        inputs = result if len(inputs) > 1 else (result,)
    return inputs if len(inputs) > 1 else inputs[0]


class Steps(Transform):
    """The base class of transforms that are made of others."""

    def __init__(self, transforms: Any) -> None:
        super().__init__()
        require_steps(type(self).__name__, transforms)
        self.transforms = transforms


class Compose(Steps):
    """Several transforms, one after the other.

    Args:
        transforms: The transforms, in a sequence.

    Raises:
        TypeError: If they are not in a sequence.
        ValueError: If there is none.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> change = v2.Compose([v2.CenterCrop(2), v2.ToDtype(torch.uint8, scale=True)])
    >>> change(torch.ones(1, 4, 4), "a class")
    (tensor([[[255, 255],
             [255, 255]]], dtype=torch.uint8), 'a class')
    """

    def __init__(self, transforms: Sequence[Step]) -> None:
        super().__init__(transforms)

    def forward(self, *inputs: Any) -> Any:
        """Return the sample ``inputs``, changed."""
        return in_turn(self.transforms, inputs)

    def extra_repr(self) -> str:
        """Return the transforms, one a line."""
        return "\n".join(f"    {each}" for each in self.transforms)


class RandomApply(Steps):
    """Several transforms, one after the other, or none of them.

    Args:
        transforms: The transforms, in a sequence or a ``ModuleList``.
        p: The probability that they are applied. Default: ``0.5``.

    Raises:
        TypeError: If they are not in a sequence.
        ValueError: If there is none, or ``p`` is not between 0 and 1.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.RandomApply([v2.CenterCrop(1)], p=1.0)(torch.arange(9).view(1, 3, 3))
    tensor([[[4]]])
    """

    def __init__(self, transforms: Sequence[Step] | ModuleList, p: float = 0.5) -> None:
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ArgumentError(f"RandomApply: p must be between 0 and 1, got {p}")
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """Return the sample ``inputs``, changed or not."""
        if rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return in_turn(self.transforms, inputs)

    def extra_repr(self) -> str:
        """Return the transforms, one a line."""
        return "\n".join(f"    {each}" for each in self.transforms)


class RandomChoice(Steps):
    """One of several transforms.

    Args:
        transforms: The transforms, in a sequence.
        p: Their probabilities, in any unit; equal if None.

    Raises:
        TypeError: If they are not in a sequence.
        ValueError: If there is none, or another number of probabilities.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.RandomChoice([v2.CenterCrop(1), v2.CenterCrop(2)], p=[0, 1])(torch.zeros(3, 4, 4)).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, transforms: Sequence[Step], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        weights = [1.0] * len(transforms) if p is None else p
        if len(weights) != len(transforms):
            raise ArgumentError(f"RandomChoice: {len(weights)} probabilities for {len(transforms)} transforms")
        self.p = [each / sum(weights) for each in weights]

    def forward(self, *inputs: Any) -> Any:
        """Return the sample ``inputs``, changed by one of the transforms."""
        return self.transforms[int(multinomial(tensor(self.p), 1).item())](*inputs)


class RandomOrder(Steps):
    """Several transforms in a random order.

    Args:
        transforms: The transforms, in a sequence.

    Raises:
        TypeError: If they are not in a sequence.
        ValueError: If there is none.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> flips = [v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0)]
    >>> v2.RandomOrder(flips)(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[4, 3],
             [2, 1]]])
    """

    def __init__(self, transforms: Sequence[Step]) -> None:
        super().__init__(transforms)

    def forward(self, *inputs: Any) -> Any:
        """Return the sample ``inputs``, changed."""
        order = randperm(len(self.transforms)).tolist()
        return in_turn([self.transforms[place] for place in order], inputs)


class Identity(Transform):
    """Samples stay as they are.

    >>> from minitensor.vision.transforms import v2
    >>> v2.Identity()("a sample")
    'a sample'
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return ``inpt``, whatever ``params`` are."""
        return inpt
