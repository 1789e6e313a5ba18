"""The mean and standard deviation of images: equal to NumPy's in two passes, however the images are divided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.vision import statistics
from minitensor.vision.statistics import ImageStatistics, image_statistics, rescale, standardize

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 5, 6)).astype(np.uint8)


def expect(found: ImageStatistics, images: np.ndarray[Any, Any], correction: int = 0) -> None:
    values = images.astype(np.float64)
    np.testing.assert_allclose(found.mean.numpy(), values.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(found.std.numpy(), values.std((0, 2, 3), ddof=correction), rtol=1e-6)
    np.testing.assert_allclose(found.mean_image.numpy(), values.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.std_image.numpy(), values.std(0, ddof=correction), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 40])
@pytest.mark.parametrize("correction", [0, 1])
def test_the_division_into_batches_does_not_matter(size: int, correction: int) -> None:
    batches = [mt.from_numpy(IMAGES[start : start + size]) for start in range(0, 40, size)]
    expect(image_statistics(batches, correction), IMAGES, correction)


def test_large_batches_are_added_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "PIECE", 200)
    expect(image_statistics(IMAGES), IMAGES)


def test_a_small_spread_far_from_zero_keeps_its_digits() -> None:
    """The difference of the sums of squares would be noise: 1e18 has no digits left for 0.25."""
    images = np.full((1000, 1, 2, 2), 1e9)
    images[::2] += 1
    found = image_statistics(np.split(images, 50))
    np.testing.assert_allclose([found.std.item(), *found.std_image.flatten().tolist()], 0.5, rtol=1e-6)


class Reversed(mt.utils.data.Dataset):  # type: ignore[type-arg]
    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, place: int) -> tuple[mt.Tensor, int]:
        return mt.from_numpy(IMAGES[-1 - place]), place


def generate() -> Iterator[Any]:
    yield from IMAGES


@pytest.mark.parametrize("source", [
    IMAGES, mt.from_numpy(IMAGES), list(IMAGES), generate(), Reversed(),
    mt.utils.data.DataLoader(Reversed(), batch_size=16),
], ids=["array", "tensor", "list", "generator", "data set", "loader"])  # fmt: skip
def test_images_come_from_anywhere(source: Any) -> None:
    expect(image_statistics(source), IMAGES)


def test_pictures_are_images() -> None:
    image = pytest.importorskip("PIL.Image")
    found = image_statistics([image.new("RGB", (2, 3), (1, 2, 3)), image.new("RGB", (2, 3), (3, 2, 1))])
    assert (found.mean.tolist(), found.std_image[:, 0, 0].tolist()) == ([2, 2, 2], [1, 0, 1])


def test_images_of_several_sizes_have_channels_only() -> None:
    found = image_statistics([mt.zeros(1, 2, 2), mt.ones(1, 4, 3), mt.zeros(1, 2, 2)])
    assert found.mean.item() == pytest.approx(12 / 20)
    for name in ("mean_image", "std_image"):
        with pytest.raises(RuntimeError, match="several sizes"):
            getattr(found, name)


def test_what_has_no_statistics_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no image was added"):
        image_statistics([])
    with pytest.raises(RuntimeError, match="images of 1 channels after images of 3"):
        image_statistics([mt.zeros(3, 2, 2), mt.zeros(1, 2, 2)])
    with pytest.raises(TypeError, match="got str"):
        image_statistics(["text"])
    with pytest.raises(ValueError, match=r"complex64 of shape \(1, 1, 1\)"):
        image_statistics([mt.zeros(1, 1, 1, dtype=mt.complex64)])
    assert image_statistics(mt.ones(1, 1, 1, 1), correction=1).std_image.isnan().all()


def test_standardized_images_have_mean_zero_and_deviation_one() -> None:
    images = mt.from_numpy(IMAGES)
    found = image_statistics(images)
    for mean, std in ((found.mean, found.std), (found.mean_image, found.std_image), (found.mean.tolist(), found.std)):
        again = image_statistics(standardize(images, mean, std))
        np.testing.assert_allclose(again.mean.numpy(), 0, atol=1e-6)
        np.testing.assert_allclose(again.std.numpy(), 1, rtol=1e-5)


def test_a_pixel_that_never_changes_becomes_zero() -> None:
    images = mt.tensor([[[[7.0, 1.0]]], [[[7.0, 3.0]]]])
    found = image_statistics(images)
    assert standardize(images, found.mean_image, found.std_image).flatten().tolist() == [0, -1, 0, 1]


@pytest.mark.parametrize("ends", [(0, 1), (0, 255), (-1, 1)])
def test_rescaled_images_run_between_the_ends(ends: tuple[int, int]) -> None:
    found = rescale(mt.from_numpy(IMAGES), *ends)
    assert (found.min().item(), found.max().item()) == pytest.approx(ends)
    order = mt.from_numpy(IMAGES).flatten().argsort()
    assert (found.flatten()[order].diff() >= 0).all()


def test_rescaling_cuts_off_and_takes_what_is_flat_or_empty() -> None:
    assert rescale(mt.tensor([-5.0, 0.0, 2.0, 9.0]), value_range=(0, 4)).tolist() == [0, 0, 0.5, 1]
    assert rescale(mt.full((2,), 3.0), 0, 255).tolist() == [0, 0]
    assert rescale(mt.zeros(0)).shape == (0,)
    with pytest.raises(ValueError, match=r"must be \(min, max\), got \(4, 0\)"):
        rescale(mt.ones(2), value_range=(4, 0))
    for function in (lambda x: rescale(x), lambda x: standardize(x, 0, 1)):
        with pytest.raises(TypeError, match="must be a tensor, got list"):
            function([1.0])
