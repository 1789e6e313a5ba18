"""Chapter 6 of the course: pooling, normalization, fully connected layers (cases L1 to L4)."""

from __future__ import annotations

import pytest

import minitensor as torch
from minitensor import nn, optim
from minitensor.nn import functional as F


def test_l1_pooling_of_2x2_keeps_a_quarter_of_224x224x64() -> None:
    map = torch.rand(1, 64, 224, 224)
    pooled = nn.MaxPool2d(2, 2)(map)
    assert pooled.shape == (1, 64, 112, 112)
    assert pooled.numel() / map.numel() == 0.25
    assert torch.equal(pooled, map.view(1, 64, 112, 2, 112, 2).amax((3, 5)))


def test_l1_overlapping_windows_of_3x3_with_stride_2() -> None:
    map = torch.rand(1, 96, 55, 55)
    pooled = nn.MaxPool2d(3, 2)(map)
    assert pooled.shape == (1, 96, (55 - 3) // 2 + 1, (55 - 3) // 2 + 1)
    assert torch.equal(pooled, map.unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5)))


def test_l1_the_gradient_flows_to_the_places_of_the_maxima_which_are_given_on_request() -> None:
    map = torch.rand(2, 3, 8, 8, requires_grad=True)
    pooled, places = nn.MaxPool2d(2, return_indices=True)(map)
    assert torch.equal(map.flatten(2).gather(2, places.flatten(2)).view_as(pooled), pooled)
    pooled.sum().backward()
    wanted = torch.zeros(2, 3, 64).scatter(2, places.flatten(2), 1.0)
    assert torch.equal(map.grad.flatten(2), wanted)
    assert torch.equal(nn.MaxUnpool2d(2)(pooled, places), map * wanted.view_as(map))


def test_l2_average_and_l2_norm_pooling() -> None:
    map = torch.rand(2, 3, 6, 6)
    windows = map.unfold(2, 2, 2).unfold(3, 2, 2)
    torch.testing.assert_close(nn.AvgPool2d(2)(map), windows.mean((4, 5)))
    torch.testing.assert_close(nn.LPPool2d(2, 2)(map), windows.square().sum((4, 5)).sqrt())


def test_l2_a_convolution_of_stride_2_replaces_pooling() -> None:
    """With the right weights it is average pooling; it learns others."""
    map, conv = torch.rand(2, 3, 6, 6), nn.Conv2d(3, 3, 2, stride=2, bias=False)
    assert conv(map).shape == nn.MaxPool2d(2)(map).shape
    with torch.no_grad():
        conv.weight.copy_(torch.eye(3).view(3, 3, 1, 1).expand(3, 3, 2, 2) / 4)
    torch.testing.assert_close(conv(map), nn.AvgPool2d(2)(map))


def test_l3_local_response_normalization_divides_by_the_neighboring_channels() -> None:
    map, size, alpha, beta, k = torch.rand(2, 7, 3, 3), 5, 0.1, 0.75, 2.0
    output = nn.LocalResponseNorm(size, alpha, beta, k)(map)
    for channel in range(7):
        near = map[:, max(0, channel - size // 2) : channel + size // 2 + 1]
        wanted = map[:, channel] / (k + alpha / size * near.square().sum(1)) ** beta
        torch.testing.assert_close(output[:, channel], wanted)


def test_l3_batch_normalization_uses_the_batch_and_later_the_running_averages() -> None:
    torch.manual_seed(0)
    layer, map = nn.BatchNorm2d(3), 5 + 2 * torch.randn(8, 3, 4, 4)
    output = layer(map)
    torch.testing.assert_close(output.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(output.std((0, 2, 3), correction=0), torch.ones(3), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.running_mean, layer.momentum * map.mean((0, 2, 3)))
    layer.eval()
    mean, var = (each.view(3, 1, 1) for each in (layer.running_mean, layer.running_var))
    torch.testing.assert_close(layer(map), (map - mean) / (var + layer.eps).sqrt())


def test_l4_a_fully_connected_layer_is_a_product_with_every_input() -> None:
    layer, inputs = nn.Linear(4, 3), torch.rand(5, 4)
    torch.testing.assert_close(layer(inputs), inputs @ layer.weight.T + layer.bias)


def test_l4_a_linear_classifier_reads_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    data = datasets.load_digits()
    images, labels = torch.from_numpy(data.data).float() / 16, torch.from_numpy(data.target)
    torch.manual_seed(0)
    model = nn.from_pattern("INPUT -> FC", (1, 8, 8), 10)
    assert [type(layer).__name__ for layer in model] == ["Flatten", "Linear"]
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(model(images[:1400].view(-1, 1, 8, 8)), labels[:1400]).backward()
        optimizer.step()
    right = model(images[1400:].view(-1, 1, 8, 8)).argmax(1) == labels[1400:]
    assert right.float().mean() > 0.85
