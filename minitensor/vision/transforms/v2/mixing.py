"""Batches whose images, and classes, are mixed with those of the image before them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from minitensor.distributions.beta import Beta
from minitensor.errors import ArgumentError
from minitensor.nn.functional.embedding import one_hot
from minitensor.ops.creation import tensor
from minitensor.tensor import Tensor
from minitensor.utils._pytree import tree_flatten, tree_unflatten
from minitensor.vision.pillow import is_picture
from minitensor.vision.transforms.draws import draw_below
from minitensor.vision.transforms.v2.sample import Transform, size_of

Getter = Callable[[Any], Any]


def find_labels(inputs: Any) -> Any:
    """Return the second of a pair; or of a dict, what has the key "labels" or one with "label" in it."""
    found = inputs[1] if isinstance(inputs, (tuple, list)) else inputs
    if isinstance(found, Tensor):
        return found
    if not isinstance(found, Mapping):
        raise ArgumentError(f"labels_getter: a pair (images, labels) or a dict is wanted, got {type(found).__name__}")
    keys = sorted(found, key=lambda key: key.lower() != "labels")
    key = next((key for key in keys if "label" in key.lower()), None)
    if key is None:
        raise ArgumentError(f"labels_getter: no key with 'label' among {', '.join(map(repr, found))}; give a function")
    return found[key]


def have_no_labels(inputs: Any) -> None:
    return None


def getter_from(labels_getter: str | Getter | None) -> Getter:
    if labels_getter == "default":
        return find_labels
    if labels_getter is None:
        return have_no_labels
    if not callable(labels_getter):
        raise ArgumentError(f"labels_getter must be 'default', a function or None, got {labels_getter!r}")
    return labels_getter


class Mixture(Transform):
    """The base class of ``MixUp`` and ``CutMix``."""

    def __init__(
        self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: str | Getter | None = "default"
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self._dist = Beta(tensor([self.alpha]), tensor([self.alpha]))
        self.num_classes = num_classes
        self._labels_getter = getter_from(labels_getter)

    def forward(self, *inputs: Any) -> Any:
        """Return a batch of images and the mixed probabilities of their classes: ``inputs`` are both, or a sample."""
        sample = inputs if len(inputs) > 1 else inputs[0]
        elements, nesting = tree_flatten(sample)
        if any(map(is_picture, elements)):
            raise ArgumentError(f"{type(self).__name__}: batches of tensors are mixed, got a Pillow image")
        labels = self._labels_getter(sample)
        self.check_labels(labels)
        place = next(place for place, each in enumerate(elements) if each is labels)
        images = [each for each in self.choose(elements) if each != place]
        params = self.make_params([elements[each] for each in images])
        for each in images:
            self.check_batch(elements[each], len(labels))
            elements[each] = self.transform(elements[each], params)
        elements[place] = self.mix_labels(labels, params["share"])
        return tree_unflatten(elements, nesting)

    def check_labels(self, labels: Any) -> None:
        """Raise ``ValueError`` unless ``labels`` are classes, or probabilities of classes."""
        if not isinstance(labels, Tensor):
            raise ArgumentError(f"{type(self).__name__}: labels must be a tensor, got {type(labels).__name__}")
        if labels.ndim not in (1, 2):
            raise ArgumentError(
                f"{type(self).__name__}: labels must be classes (N,) or probabilities (N, classes), "
                f"got the shape {tuple(labels.shape)}"
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ArgumentError(f"{type(self).__name__}: give num_classes, for labels of shape (N,)")
        if labels.ndim == 2 and self.num_classes not in (None, labels.shape[-1]):
            raise ArgumentError(
                f"{type(self).__name__}: num_classes is {self.num_classes}, but labels have {labels.shape[-1]}"
            )

    def check_batch(self, images: Tensor, count: int) -> None:
        """Raise ``ValueError`` unless there are ``count`` ``images`` in a batch of shape (N, C, H, W)."""
        if images.ndim != 4 or images.shape[0] != count:
            raise ArgumentError(
                f"{type(self).__name__}: images must be of shape ({count}, C, H, W), as there are {count} labels, "
                f"got {tuple(images.shape)}"
            )

    def mix_labels(self, labels: Tensor, share: float) -> Tensor:
        """Return the probabilities of ``labels``, with a ``share`` of their own and the rest of those before them."""
        known = one_hot(labels, num_classes=self.num_classes) if labels.ndim == 1 else labels  # type: ignore[arg-type]  # checked
        return mix(known if known.dtype.is_floating_point else known.float(), share)


def mix(batch: Tensor, share: float) -> Tensor:
    """Return each element of a batch, mixed with the one before it."""
    return batch.roll(1, 0).mul_(1.0 - share).add_(batch.mul(share))


class MixUp(Mixture):
    """Images are mixed with those before them in a batch, and so are the probabilities of their classes.

    "mixup: Beyond Empirical Risk Minimization" (Zhang et al., 2018). It is for whole batches: call it after the
    DataLoader, or in ``collate_fn``.

    Args:
        alpha: The parameter of the Beta distribution of the share: 1 for uniform shares. Default: ``1.0``.
        num_classes: How many classes there are; needed for labels of shape (N,).
        labels_getter: The function that returns the labels of a sample; the second of a pair by default.

    Raises:
        ValueError: If ``labels_getter`` is no function.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> images, labels = v2.MixUp(num_classes=3)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 1]))
    >>> images.shape, labels.sum(1)
    (torch.Size([4, 3, 8, 8]), tensor([1., 1., 1., 1.]))
    """

    def __init__(
        self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: str | Getter | None = "default"
    ) -> None:
        super().__init__(alpha=alpha, num_classes=num_classes, labels_getter=labels_getter)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the share of each image itself, whatever the images ``flat_inputs`` are."""
        return {"share": float(self._dist.sample(()))}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return a batch ``inpt``, mixed by the share in ``params``."""
        return mix(inpt, params["share"])


class CutMix(Mixture):
    """A rectangle of each image is replaced by that of the image before it, and the classes are mixed by its area.

    "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features" (Yun et al., 2019). It is
    for whole batches: call it after the DataLoader, or in ``collate_fn``.

    Args:
        alpha: The parameter of the Beta distribution of the area that stays. Default: ``1.0``.
        num_classes: How many classes there are; needed for labels of shape (N,).
        labels_getter: The function that returns the labels of a sample; the second of a pair by default.

    Raises:
        ValueError: If ``labels_getter`` is no function.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> images, labels = v2.CutMix(num_classes=2)(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 0, 1]))
    >>> images.shape, labels.sum(1)
    (torch.Size([4, 3, 8, 8]), tensor([1., 1., 1., 1.]))
    """

    def __init__(
        self, *, alpha: float = 1.0, num_classes: int | None = None, labels_getter: str | Getter | None = "default"
    ) -> None:
        super().__init__(alpha=alpha, num_classes=num_classes, labels_getter=labels_getter)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the rectangle, of the size of the images ``flat_inputs``, and return the share of what stays."""
        share = float(self._dist.sample(()))
        height, width = size_of(flat_inputs)
        x, y = draw_below(width), draw_below(height)
        half = 0.5 * math.sqrt(1.0 - share)
        across, down = int(half * width), int(half * height)
        left, right = max(x - across, 0), min(x + across, width)
        top, bottom = max(y - down, 0), min(y + down, height)
        return {"box": (left, top, right, bottom), "share": 1.0 - (right - left) * (bottom - top) / (width * height)}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return a batch ``inpt`` with the rectangle in ``params`` from the images before."""
        left, top, right, bottom = params["box"]
        result = inpt.clone()
        result[..., top:bottom, left:right] = inpt.roll(1, 0)[..., top:bottom, left:right]
        return result
