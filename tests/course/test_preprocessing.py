"""Chapter 1 of the course: images before training (cases P1 to P6)."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as torch
from minitensor.utils.data import TensorDataset
from minitensor.vision import transforms
from minitensor.vision.statistics import image_statistics, rescale, standardize
from minitensor.vision.utils import make_grid


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    """Return 1,797 digits of 8x8 pixels with one channel, with values from 0 to 16."""
    images = pytest.importorskip("sklearn.datasets").load_digits().images
    return torch.from_numpy(images).float().unsqueeze(1)


@pytest.fixture(scope="module")
def photograph() -> Any:
    """Return scikit-learn's photograph of a flower, 640x427 pixels, as a Pillow image."""
    datasets, pillow = pytest.importorskip("sklearn.datasets"), pytest.importorskip("PIL.Image")
    return pillow.fromarray(datasets.load_sample_image("flower.jpg"))


def test_p1_an_image_that_is_not_square_is_cropped_at_its_center(photograph: Any) -> None:
    side = min(photograph.size)
    square = transforms.CenterCrop(side)(photograph)
    assert photograph.size[0] != photograph.size[1]
    assert square.size == (side, side)
    left = round((photograph.width - side) / 2)
    whole = transforms.PILToTensor()(photograph)
    assert torch.equal(transforms.PILToTensor()(square), whole[:, :, left : left + side])


def test_p1_a_square_face_of_250_pixels_stays_as_it_is() -> None:
    face = torch.rand(3, 250, 250)
    assert torch.equal(transforms.CenterCrop(250)(face), face)


@pytest.mark.parametrize("mode", ["NEAREST", "BILINEAR", "BICUBIC"])
def test_p2_a_factor_of_four_tenths_scales_250_pixels_to_100(mode: str) -> None:
    image, factor = torch.full((3, 250, 250), 0.25), 0.4
    interpolation = transforms.InterpolationMode[mode]
    small = transforms.Resize(round(250 * factor), interpolation)(image)
    large = transforms.Resize(round(100 / factor), interpolation)(small)
    assert small.shape[1:] == (100, 100)
    assert large.shape == image.shape
    torch.testing.assert_close(large, image)  # one color stays that color


@pytest.mark.parametrize("mode", ["NEAREST", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS"])
def test_p2_pillow_scales_a_photograph_by_every_interpolation(photograph: Any, mode: str) -> None:
    face = transforms.CenterCrop(250)(photograph)
    small = transforms.Resize(100, transforms.InterpolationMode[mode])(face)
    before, after = (transforms.ToTensor()(image).mean() for image in (face, small))
    assert small.size == (100, 100)
    assert before.item() == pytest.approx(after.item(), abs=0.01)  # as bright as before


@pytest.mark.parametrize("count", [100, 1797])
def test_p3_mean_and_deviation_images_equal_those_of_the_whole_array(digits: torch.Tensor, count: int) -> None:
    found = image_statistics(TensorDataset(digits[:count]))  # image by image
    torch.testing.assert_close(found.mean_image, digits[:count].mean(0))
    torch.testing.assert_close(found.std_image, digits[:count].std(0, correction=0))
    assert found.mean_image.shape == found.std_image.shape == digits.shape[1:]


def test_p3_both_are_pictures(digits: torch.Tensor) -> None:
    pytest.importorskip("PIL")
    found = image_statistics(digits)
    for image in (found.mean_image, found.std_image):
        picture = transforms.ToPILImage()(rescale(image))
        low, high = picture.getextrema()
        assert (picture.size, low) == ((8, 8), 0)
        assert high >= 254  # white, up to rounding


def test_p4_normalized_pixels_have_mean_0_and_deviation_1(digits: torch.Tensor) -> None:
    found = image_statistics(digits)
    normal = standardize(digits, found.mean_image, found.std_image)
    varies = found.std_image > 0
    torch.testing.assert_close(normal.mean(0), torch.zeros(1, 8, 8), rtol=0, atol=1e-5)
    torch.testing.assert_close(normal.std(0, correction=0), varies.float(), rtol=1e-5, atol=1e-5)
    assert not varies.all()  # some pixels at the border are always white, and become 0
    by_channel = transforms.Normalize(found.mean, found.std)(digits)
    assert by_channel.mean().item() == pytest.approx(0, abs=1e-5)
    assert by_channel.std(correction=0).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("high", [1, 255])
def test_p4_normalized_images_are_rescaled_from_0_to_the_highest(digits: torch.Tensor, high: int) -> None:
    found = image_statistics(digits)
    images = rescale(standardize(digits, found.mean, found.std), 0, high)
    assert (images.min().item(), images.max().item()) == (0, high)
    torch.testing.assert_close(images, (digits - digits.min()) * high / (digits.max() - digits.min()))


def test_p4_a_montage_shows_many_images_in_one(digits: torch.Tensor) -> None:
    montage = make_grid(rescale(digits[:50]), nrow=10, padding=1)
    assert montage.shape == (3, 5 * (8 + 1) + 1, 10 * (8 + 1) + 1)
    torch.testing.assert_close(montage[0, 1:9, 10:18], rescale(digits[:50])[1, 0])


def test_p5_three_colors_become_one_gray(photograph: Any) -> None:
    """Green counts most, as for the eye."""
    colors = transforms.ToTensor()(photograph)
    gray = transforms.Grayscale()(colors)
    assert gray.shape == (1, *colors.shape[1:])
    weights = torch.tensor([0.2989, 0.587, 0.114]).view(3, 1, 1)
    torch.testing.assert_close(gray, (colors * weights).sum(0, keepdim=True), rtol=1e-4, atol=1e-4)


AUGMENTATIONS = {
    "scaling": transforms.RandomAffine(0, scale=(0.8, 1.2)),
    "rotation": transforms.RandomRotation(20),
    "shear": transforms.RandomAffine(0, shear=15),
    "translation": transforms.RandomAffine(0, translate=(0.3, 0.3)),
    "flip": transforms.RandomHorizontalFlip(0.5),
    "crop": transforms.RandomCrop(8, padding=2),
    "scaled crop": transforms.RandomResizedCrop(8, scale=(0.5, 1.0), antialias=True),
    "brightness": transforms.ColorJitter(brightness=0.5),
    "noise": transforms.Lambda(lambda image: image + 0.1 * torch.randn_like(image)),
}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_p6_augmentation_changes_images_and_repeats_under_a_seed(name: str) -> None:
    image, change = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(1)), AUGMENTATIONS[name]
    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        runs.append(torch.stack([change(image) for _ in range(12)]))
    assert torch.equal(*runs)
    assert runs[0].shape[1:] == image.shape
    assert any(not torch.equal(each, runs[0][0]) for each in runs[0])
