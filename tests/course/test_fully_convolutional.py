"""Chapter 7 of the course: a fully connected layer is a convolution (cases F1 to F4)."""

from __future__ import annotations

import itertools

import pytest

import minitensor as torch
from minitensor import nn
from minitensor.utils.flop_counter import FlopCounterMode


def halving(channels: list[int]) -> nn.Sequential:
    """Return convolutions without padding, each of which halves the size."""
    pairs = itertools.pairwise(channels)
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(a, b, 2, stride=2), nn.ReLU()) for a, b in pairs))


def crops(image: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """Return all square crops of an image as a batch, row by row."""
    windows = image.unfold(2, size, stride).unfold(3, size, stride)  # (1, C, h, w, size, size)
    return windows[0].permute(1, 2, 0, 3, 4).flatten(0, 1)


def test_f1_a_linear_layer_over_7x7x512_is_a_convolution_with_4096_filters() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(7 * 7 * 512, 4096)
    conv = nn.utils.linear_to_conv(linear, (512, 7, 7))
    assert conv.weight.shape == (4096, 512, 7, 7)
    assert conv.weight.data_ptr() == linear.weight.data_ptr()
    map = torch.rand(1, 512, 7, 7)
    torch.testing.assert_close(conv(map).flatten(1), linear(map.flatten(1)), rtol=1e-4, atol=1e-4)


def test_f1_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a map of shape \(3, 4, 4\) has 48 elements, but the layer has 47 inputs"):
        nn.utils.linear_to_conv(nn.Linear(47, 2), (3, 4, 4))


@pytest.fixture(scope="module")
def classifier() -> nn.Module:
    """A network for 224x224 with five halvings to 7x7x512, narrow before the last."""
    torch.manual_seed(0)
    features = halving([3, 4, 8, 8, 16, 512])
    head = [nn.Flatten(), nn.Linear(7 * 7 * 512, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(features, *head).eval()


def test_f2_a_384x384_image_gives_6x6_scores_equal_to_those_of_36_crops(classifier: nn.Module) -> None:
    sliding = nn.utils.convert_to_fully_convolutional(classifier, (3, 224, 224))
    image = torch.rand(1, 3, 384, 384)
    with torch.no_grad():
        assert sliding[:10](image).shape == (1, 512, 12, 12)
        scores = sliding(image)
        batch = crops(image, 224, 32)
        expected = classifier(batch)
    assert scores.shape == (1, 10, 6, 6)
    assert len(batch) == 36
    torch.testing.assert_close(scores[0].flatten(1).T, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scores.mean((2, 3))[0], expected.mean(0), rtol=1e-4, atol=1e-5)


def test_f2_sliding_takes_a_twelfth_of_the_multiplications(classifier: nn.Module) -> None:
    """The features of 384x384 once, not those of 224x224 for each of 36 crops: a twelfth. The head costs the same."""
    sliding = nn.utils.convert_to_fully_convolutional(classifier, (3, 224, 224))
    image = torch.rand(1, 3, 384, 384)
    work = {}
    for network, images in ((sliding, image), (classifier, crops(image, 224, 32))):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(images)
        work[network] = counter.get_total_flops()
    head = 2 * 36 * (7 * 7 * 512 * 64 + 64 * 10)
    assert (work[classifier] - head) / (work[sliding] - head) == pytest.approx(36 * 224**2 / 384**2)


def test_f3_the_100x100_network_fed_200x200_gives_6x6_scores() -> None:
    """100x100 -> 5x5, then layers of 100 and 10; fed 200x200: 10x10, then 6x6x100 and 6x6x10."""
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(1, 4, 5, stride=5), nn.ReLU(), nn.Conv2d(4, 8, 4, stride=4), nn.ReLU())
    network = nn.Sequential(features, nn.Flatten(), nn.Linear(8 * 5 * 5, 100), nn.ReLU(), nn.Linear(100, 10))
    sliding = nn.utils.convert_to_fully_convolutional(network, (1, 100, 100))
    image = torch.rand(1, 1, 200, 200)
    shapes = {}
    with torch.no_grad():
        for number, layer in enumerate(sliding):
            shapes[number] = (image := layer(image)).shape[1:]
    assert features(torch.rand(1, 1, 100, 100)).shape[2:] == (5, 5)
    assert (shapes[3], shapes[4], shapes[6]) == ((8, 10, 10), (100, 6, 6), (10, 6, 6))


def test_f4_shifted_images_interleaved_give_stride_16() -> None:
    torch.manual_seed(0)
    classifier = nn.Sequential(halving([3, 4, 4, 4, 4, 8]), nn.Flatten(), nn.Linear(8 * 2 * 2, 5)).eval()
    sliding = nn.utils.convert_to_fully_convolutional(classifier, (3, 64, 64))
    image = torch.rand(1, 3, 144, 128)
    with torch.no_grad():
        scores = nn.utils.dense_scores(sliding, image, window=64, stride=32, shifts=2)
        expected = classifier(crops(image, 64, 16))
    assert scores.shape == (1, 5, 6, 5)
    torch.testing.assert_close(scores[0].flatten(1).T, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shifts", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(8, 8), (9, 15), (23, 16)])
def test_f4_every_stride_and_size_gives_the_scores_of_the_crops(size: tuple[int, int], shifts: int) -> None:
    torch.manual_seed(0)
    network, image = nn.Conv2d(1, 2, 8, stride=8), torch.rand(2, 1, *size)
    with torch.no_grad():
        scores = nn.utils.dense_scores(network, image, window=8, stride=8, shifts=shifts)
        expected = nn.functional.conv2d(image, network.weight, network.bias, stride=8 // shifts)
    torch.testing.assert_close(scores, expected)


def test_f4_images_below_the_window_and_shifts_that_do_not_divide_are_refused() -> None:
    network = nn.Conv2d(1, 1, 8, stride=8)
    with pytest.raises(ValueError, match=r"images of shape \(1, 1, 7, 9\) are smaller than the window of 8 pixels"):
        nn.utils.dense_scores(network, torch.rand(1, 1, 7, 9), window=8, stride=8, shifts=2)
    with pytest.raises(ValueError, match="shifts must be a divisor of stride 8, got 3"):
        nn.utils.dense_scores(network, torch.rand(1, 1, 8, 8), window=8, stride=8, shifts=3)


def test_conversion_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(), nn.Flatten(), nn.Linear(8, 3), nn.BatchNorm1d(3))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sliding = nn.utils.convert_to_fully_convolutional(model, (1, 4, 4))
    assert [module.training for module in model] == [True, False, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in sliding] == [True, False, True, True]
    sliding(torch.rand(2, 1, 6, 6)).sum().backward()
    assert model[0].weight.grad is not None


class Skips(nn.Module):
    """A model whose layers are not a chain."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.fc = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc((x + self.conv(x)).flatten(1))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Skips(), "its forward computes something else than its layers"),
        (nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), r"layer 1 has 7 inputs, but before it comes a map of \(1,"),
        (nn.Sequential(nn.Conv2d(2, 2, 1)), "its layer 0 cannot take what comes before it"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9, 2)), "windows of unequal sizes"),
    ],
    ids=["skips", "sizes", "channels", "pooling"],
)  # fmt: skip
def test_a_model_that_cannot_be_converted_is_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.utils.convert_to_fully_convolutional(model, (1, 4, 4))
