"""``transforms.v2``: an image with its class; figures are torchvision's, computed once under the same seeds."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.vision.transforms import v2

BATCH = mt.arange(4 * 3 * 6 * 5.0).view(4, 3, 6, 5)
CLASSES = mt.tensor([0, 2, 1, 1])
BYTES = (mt.arange(3 * 9 * 11) * 7 % 256).to(mt.uint8).view(3, 9, 11)

# Class, seed: the sum of the second image, the probabilities of its classes, and the next random number.
MIXED = {
    ("MixUp", 0): (4515.4, [0.93699, 0.0, 0.06301], 0.02233),
    ("CutMix", 0): (8865.0, [0.4, 0.0, 0.6], 0.29389),
    ("MixUp", 1): (9247.6, [0.35277, 0.0, 0.64723], 0.68261),
    ("CutMix", 1): (11025.0, [0.13333, 0.0, 0.86667], 0.46355),
    ("MixUp", 2): (8422.04, [0.45469, 0.0, 0.54531], 0.39005),
    ("CutMix", 2): (10485.0, [0.2, 0.0, 0.8], 0.53337),
}


@pytest.mark.parametrize(("case", "expected"), MIXED.items(), ids=map(str, MIXED))
def test_batches_are_mixed_with_torchvisions_numbers(case: tuple[str, int], expected: Any) -> None:
    name, seed = case
    mt.manual_seed(seed)
    images, labels = getattr(v2, name)(alpha=0.7, num_classes=3)(BATCH, CLASSES)
    assert images[1].double().sum().item() == pytest.approx(expected[0], rel=1e-5)
    assert labels[1].tolist() == pytest.approx(expected[1], abs=1e-5)
    assert mt.rand(1).item() == pytest.approx(expected[2], abs=1e-5)


# Transform: the shape of its result, the sum, and the next random number, from seed 4.
FIGURES: dict[str, tuple[Any, tuple[int, ...], float, float]] = {
    "crop": (lambda: v2.RandomCrop(6, 2, padding_mode="reflect"), (3, 6, 6), 12764, 0.09146),
    "resized crop": (lambda: v2.RandomResizedCrop(6), (3, 6, 6), 13647, 0.00719),
    "resize": (lambda: v2.Resize((5, 17), "bicubic"), (3, 5, 17), 32076, 0.55964),
    "choice": (lambda: v2.RandomChoice([v2.CenterCrop(3), v2.CenterCrop(4), v2.Resize(5)], [1, 2, 3]), (3, 5, 6), 11322,
               0.99289),
    "order": (lambda: v2.RandomOrder([v2.CenterCrop(7), v2.Resize(4), v2.RandomVerticalFlip()]), (3, 7, 7), 6039, 0.21),
    "all": (lambda: v2.Compose([v2.RandomResizedCrop(6), v2.RandomHorizontalFlip(), v2.ToDtype(mt.float32, scale=True),
                                v2.Normalize([0.5], [0.5])]), (3, 6, 6), -0.965, 0.03896),
}  # fmt: skip


@pytest.mark.parametrize(("make", "shape", "total", "following"), FIGURES.values(), ids=FIGURES)
def test_images_and_draws_are_torchvisions(make: Any, shape: tuple[int, ...], total: float, following: float) -> None:
    mt.manual_seed(4)
    result = make()(BYTES)
    assert result.shape == shape
    assert result.double().sum().item() == pytest.approx(total, abs=2e-3)
    assert mt.rand(1).item() == pytest.approx(following, abs=1e-5)


@pytest.mark.parametrize("sample", [
    lambda x: (x, 3), lambda x: {"image": x, "class": "cat"}, lambda x: [x, mt.tensor([1, 2])],
    lambda x: (x, {"boxes": mt.ones(2, 4), "name": None}),
], ids=["pair", "dict", "tensors", "nested"])  # fmt: skip
def test_the_first_tensor_of_a_sample_is_its_image(sample: Any) -> None:
    before = sample(BYTES)
    after = v2.CenterCrop(2)(before)
    keys = before.keys() if isinstance(before, dict) else range(len(before))
    assert type(after) is type(before)
    for key, same in zip(keys, [after[key] is before[key] for key in keys]):
        assert same or (key in (0, "image") and after[key].shape == (3, 2, 2)) or isinstance(after[key], dict)


def test_several_inputs_come_back_as_a_tuple() -> None:
    assert v2.Compose([v2.CenterCrop(2), v2.RandomHorizontalFlip(0.0)])(BYTES, 7)[1] == 7
    assert v2.RandomHorizontalFlip(0.0)(BYTES, 7) == (BYTES, 7)


def test_all_pictures_of_a_sample_get_the_same_numbers() -> None:
    library = pytest.importorskip("PIL.Image")
    image = library.fromarray(BYTES.permute(1, 2, 0).contiguous().numpy())
    first, tensor, second = v2.RandomCrop(4)(image, BYTES, image)
    assert tensor is BYTES and first.size == (4, 4)
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_mixtures_keep_their_parts() -> None:
    """The shares of two classes add up to one, and a rectangle's pixels come from the image before."""
    for seed in range(20):
        mt.manual_seed(seed)
        images, labels = v2.CutMix(num_classes=3)(BATCH, mt.tensor([0, 1, 2, 0]))
        is_own = images == BATCH
        assert (is_own | (images == BATCH.roll(1, 0))).all()
        share = is_own[1].double().mean().item()
        assert labels[1].tolist() == pytest.approx([1 - share, share, 0], abs=1e-6)
        images, labels = v2.MixUp(num_classes=3)({"images": BATCH, "labels": CLASSES}).values()
        own = labels[1, 2].item()
        np.testing.assert_allclose(images[1].numpy(), own * BATCH[1].numpy() + (1 - own) * BATCH[0].numpy(), rtol=1e-5)


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no classes": (lambda: v2.MixUp()(BATCH, CLASSES), ValueError, "give num_classes"),
    "other classes": (lambda: v2.MixUp(num_classes=2)(BATCH, mt.ones(4, 3)), ValueError, "is 2, but labels have 3"),
    "one image": (lambda: v2.CutMix(num_classes=3)(BATCH[0], CLASSES), ValueError, r"of shape \(4, C, H, W\)"),
    "labels": (lambda: v2.MixUp(num_classes=3)(BATCH, "cat"), ValueError, "a pair .* is wanted, got str"),
    "key": (lambda: v2.MixUp(num_classes=3)({"x": BATCH}), ValueError, "no key with 'label' among 'x'"),
    "getter": (lambda: v2.MixUp(labels_getter="y"), ValueError, "'default', a function or None, got 'y'"),
    "crop": (lambda: v2.RandomCrop(20)(BYTES), ValueError, r"\(20, 20\) is larger than the image \(9, 11\)"),
    "no image": (lambda: v2.RandomCrop(2)("a"), TypeError, "no image in the sample"),
    "probability": (lambda: v2.RandomHorizontalFlip(2.0), ValueError, "between 0 and 1, got 2"),
    "nothing": (lambda: v2.Compose([]), ValueError, "at least one transform"),
    "size": (lambda: v2.Resize(None), ValueError, "max_size must be an int if size is None"),
    "dtype": (lambda: v2.ToDtype("float32"), ValueError, "got 'float32'"),  # type: ignore[arg-type]
    "type": (lambda: v2.ToDtype({})(BYTES), ValueError, "no dtype for Tensor; name it, or 'others'"),
    "base": (lambda: v2.Transform()(BYTES), NotImplementedError, "a subclass must define transform"),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("getter", ["default", None, len])
def test_a_mixture_goes_to_another_process(getter: Any) -> None:
    copy = pickle.loads(pickle.dumps(v2.CutMix(num_classes=3, labels_getter=getter)))
    if getter == "default":
        mt.manual_seed(0)
        assert copy(BATCH, CLASSES)[1][1].sum() == 1
    else:
        with pytest.raises(ValueError, match=r"labels must be a tensor, got (NoneType|int)"):
            copy(BATCH, CLASSES)


@pytest.mark.parametrize(("text", "make"), {
    "Resize(size=[3], interpolation=bilinear, antialias=True)": lambda: v2.Resize(3),
    "RandomCrop(size=(6, 6), padding=[1, 1, 2, 2], pad_if_needed=False, fill=0, padding_mode=constant)":
        lambda: v2.RandomCrop(6, (1, 2)),
    "MixUp(alpha=1.0, num_classes=3)": lambda: v2.MixUp(num_classes=3),
    "Compose(\n      CenterCrop(size=(2, 2))\n      ToImage()\n)": lambda: v2.Compose([v2.CenterCrop(2), v2.ToImage()]),
}.items())  # fmt: skip
def test_transforms_print_as_torchvisions(text: str, make: Any) -> None:
    assert repr(make()) == text
