"""The base class of the transforms of whole samples: an image with its class, in a tuple, a dict or any nesting.

Which elements are images? All of Pillow's; or, if there is none, the first tensor. The others are passed through.
"""

from __future__ import annotations

from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from minitensor.nn.module import Module
from minitensor.ops.random import rand
from minitensor.tensor import Tensor
from minitensor.utils._pytree import tree_flatten, tree_unflatten
from minitensor.vision.pillow import is_picture
from minitensor.vision.transforms.functional.size import get_dimensions

# The attributes of all modules, which are no parameters of a transform.
SHOWN = (bool, int, float, str, tuple, list)


class Transform(Module):
    """The base class of transforms of samples.

    A subclass defines ``transform``, and ``make_params`` if it draws random numbers: all images of a sample get the
    same.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> class Double(v2.Transform):
    ...     def transform(self, inpt, params):
    ...         return inpt * 2
    >>> Double()({"image": torch.ones(2), "name": "one"})
    {'image': tensor([2., 2.]), 'name': 'one'}
    """

    def __init__(self) -> None:
        super().__init__()

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise if the elements of a sample ``flat_inputs`` are not right; a subclass may define it."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Return what the images ``flat_inputs`` of a sample have in common, such as random numbers."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return an image ``inpt``, changed by ``params``; raise ``NotImplementedError`` in this base class."""
        raise UnsupportedError(f"{type(self).__name__}: a subclass must define transform")

    def is_image(self, value: Any) -> bool:
        """Return whether a ``value`` is of a type that is transformed."""
        return isinstance(value, Tensor) or is_picture(value)

    def forward(self, *inputs: Any) -> Any:
        """Return a sample, changed: one object, or a tuple of several ``inputs``."""
        elements, nesting = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        self.check_inputs(elements)
        chosen = self.choose(elements)
        params = self.make_params([elements[place] for place in chosen])
        for place in chosen:
            elements[place] = self.transform(elements[place], params)
        return tree_unflatten(elements, nesting)

    def choose(self, elements: list[Any]) -> list[int]:
        """Return the places of the images among the ``elements`` of a sample."""
        has_pictures = any(map(is_picture, elements))
        tensors = [place for place, each in enumerate(elements) if isinstance(each, Tensor)]
        others = set(tensors if has_pictures else tensors[1:])
        return [place for place, each in enumerate(elements) if place not in others and self.is_image(each)]

    def extra_repr(self) -> str:
        """Return the arguments that are numbers, strings, modes or sequences of them."""
        named = {name: each for name, each in vars(self).items() if not name.startswith("_") and name != "training"}
        return ", ".join(f"{name}={each}" for name, each in named.items() if is_shown(each))


def size_of(images: list[Any]) -> tuple[int, int]:
    """Return the height and width that all images of a sample have."""
    sizes = {tuple(get_dimensions(each)[1:]) for each in images}
    if not sizes:
        raise ArgumentTypeError("there is no image in the sample: a Pillow image or a tensor is wanted")
    if len(sizes) > 1:
        raise ArgumentError(f"the images of a sample must have one size, got {sorted(sizes)}")
    height, width = sizes.pop()
    return height, width


def is_shown(value: Any) -> bool:
    return isinstance(value, SHOWN) or hasattr(type(value), "__members__")


class RandomTransform(Transform):
    """The base class of transforms that are applied at random.

    Args:
        p: The probability. Default: ``0.5``.

    Raises:
        ValueError: If it is none.
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ArgumentError(f"{type(self).__name__}: p must be between 0 and 1, got {p}")
        super().__init__()
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        """Return a sample, changed or not: one object, or a tuple of several ``inputs``."""
        if rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return super().forward(*inputs)
