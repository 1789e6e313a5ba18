"""Chapter 8 of the course: architectures (cases A1 to A6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import minitensor as torch
from minitensor import nn, optim
from minitensor.nn import functional as F
from minitensor.utils.report import Report
from minitensor.vision import models

ROOT = Path(__file__).resolve().parents[2]


def test_a1_the_pattern_becomes_a_network() -> None:
    pattern = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"
    N, M, K = 2, 3, 1
    model = nn.from_pattern(pattern, (3, 32, 32), 10, N=N, M=M, K=K)
    kinds = [type(layer).__name__ for layer in model]
    wanted = (["Conv2d", "ReLU"] * N + ["MaxPool2d"]) * M + ["Flatten"] + ["Linear", "ReLU"] * K + ["Linear"]
    assert kinds == wanted
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    bare = nn.from_pattern(pattern, (3, 8, 8), 10, N=N, M=M, K=K, pool=False)
    assert [type(layer).__name__ for layer in bare] == [kind for kind in wanted if kind != "MaxPool2d"]


def test_a2_the_cifar10_example_has_volumes_of_32x32x12_and_16x16x12() -> None:
    model = nn.from_pattern("INPUT -> CONV -> RELU -> POOL -> FC", (3, 32, 32), 10, channels=12)
    shapes = [row.output_shape[1:] for row in torch.utils.summary(model, (3, 32, 32)).rows]
    assert shapes == [(12, 32, 32), (12, 32, 32), (12, 16, 16), (12 * 16 * 16,), (10,)]


Build = Callable[[], nn.Module]
NETWORKS: dict[str, tuple[Build, tuple[int, int, int], int]] = {  # with the parameters that their authors count
    "LeNet-5": (models.lenet5, (1, 32, 32), 61_706),
    "AlexNet": (models.alexnet, (3, 224, 224), 61_100_840),
    "ZFNet": (models.zfnet, (3, 224, 224), 62_357_608),
    "VGG-11": (models.vgg11, (3, 224, 224), 132_863_336),
    "VGG-13": (models.vgg13, (3, 224, 224), 133_047_848),
    "VGG-16": (models.vgg16, (3, 224, 224), 138_357_544),
    "VGG-19": (models.vgg19, (3, 224, 224), 143_667_240),
    "GoogLeNet": (lambda: models.googlenet(init_weights=False), (3, 224, 224), 13_004_888),
    "ResNet-18": (models.resnet18, (3, 224, 224), 11_689_512),
    "ResNet-50": (models.resnet50, (3, 224, 224), 25_557_032),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a3_each_network_is_built_and_reported(name: str) -> None:
    build, size, parameters = NETWORKS[name]
    with torch.device("meta"):
        model = build()
    report = torch.utils.summary(model, size)
    assert report.parameters == sum(each.numel() for each in model.parameters()) == parameters
    assert f"parameters: {parameters:,}" in str(report)
    assert report.rows[-1].output_shape in {(1, 1000), (1, 10)}


def features_of(build: Build, channels: int) -> nn.Module:
    """Return the features of a network with one small linear layer; its large ones are never given memory."""
    with torch.device("meta"):
        features = build().features
    features.to_empty(device="cpu")
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


SMALL: dict[str, tuple[Build, tuple[int, int, int]]] = {  # with small images, and without the largest layers
    "LeNet-5": (models.lenet5, (1, 32, 32)),
    "AlexNet": (lambda: features_of(models.alexnet, 256), (3, 64, 64)),
    "ZFNet": (lambda: features_of(models.zfnet, 256), (3, 96, 96)),
    "VGG-11": (lambda: features_of(models.vgg11, 512), (3, 32, 32)),
    "GoogLeNet": (lambda: models.googlenet(num_classes=10, aux_logits=False, init_weights=False), (3, 64, 64)),
    "ResNet-18": (lambda: models.resnet18(num_classes=10), (3, 32, 32)),
}


@pytest.mark.parametrize("name", SMALL)
def test_a3_each_network_learns_in_a_step(name: str) -> None:
    torch.manual_seed(0)
    build, size = SMALL[name]
    model = build().train()
    images, labels = torch.rand(4, *size), torch.arange(4)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]


TABLE = """
150528 3211264 3211264 802816 1605632 1605632 401408 802816 802816 802816 200704 401408 401408 401408 100352
100352 100352 100352 25088 4096 4096 1000
"""
WEIGHTS = """
1728 36864 73728 147456 294912 589824 589824 1179648 2359296 2359296 2359296 2359296 2359296
102760448 16777216 4096000
"""


@pytest.fixture(scope="module")
def vgg16() -> Report:
    """Return the report of VGG-16 with an image of 224x224."""
    with torch.device("meta"):
        model = models.vgg16()
    return torch.utils.summary(model, (3, 224, 224))


def test_a4_vgg16s_table_line_by_line(vgg16: Report) -> None:
    """The adaptive pooling of 7x7 to 7x7, which the paper does not have, is no line of the table."""
    lines = [row for row in vgg16.rows if row.kind in {"Conv2d", "MaxPool2d", "Linear"}]
    assert [vgg16.input_elements, *(row.activations for row in lines)] == list(map(int, TABLE.split()))
    assert [row.weights for row in lines if row.weights] == list(map(int, WEIGHTS.split()))


def test_a4_vgg16s_activations_add_up_to_15_million_not_24(vgg16: Report) -> None:
    total = sum(map(int, TABLE.split()))
    assert round(total / 1e6, 1) == 15.2
    adaptive = next(row.activations for row in vgg16.rows if row.kind == "AdaptiveAvgPool2d")
    assert vgg16.activations == total + adaptive
    assert f"activations: {vgg16.activations:,} ({vgg16.activations * 4 / 1e6:.1f} MB)" in str(vgg16)
    assert round(vgg16.parameters / 1e6) == 138


def chain(depth: int) -> nn.Sequential:
    """Return layers that all have equal outputs."""
    return nn.Sequential(*(nn.Conv2d(8, 8, 1) for _ in range(depth)))


@pytest.mark.parametrize("depth", [4, 8])
def test_a5_training_keeps_all_activations_and_inference_those_of_a_layer(depth: int) -> None:
    model, image = chain(depth), torch.rand(4, 8, 64, 64)
    report = torch.utils.summary(model, (8, 64, 64), batch_size=4)
    measured = torch.utils.measure_memory(model, image)
    one = image.numel() * image.element_size()
    assert report.activations * 4 == (depth + 1) * one
    assert report.memory["activations_training"] == 2 * (depth + 1) * one
    assert report.memory["activations_inference"] == 2 * one
    assert measured["training"] > (depth - 1) * one  # kept for the gradients
    assert measured["inference"] < 4 * one  # however deep the network is


@pytest.mark.parametrize(
    ("make", "caches"),
    [(optim.SGD, 0), (lambda each: optim.SGD(each, momentum=0.9), 1), (optim.Adam, 2)],
    ids=["SGD", "momentum", "Adam"],
)
def test_a5_a_parameter_has_a_value_a_gradient_and_the_optimizers_caches(
    make: Callable[..., optim.Optimizer], caches: int
) -> None:
    model = nn.Linear(30, 20)
    report = torch.utils.summary(model, (30,), caches=caches)
    optimizer = make(model.parameters())
    model(torch.rand(2, 30)).sum().backward()
    optimizer.step()
    states = [each for state in optimizer.state.values() for each in state.values() if getattr(each, "ndim", 0)]
    assert report.memory["optimizer"] == sum(each.numel() * each.element_size() for each in states)
    gradients = [each.grad for each in model.parameters()]
    assert report.memory["gradients"] == sum(each.numel() * each.element_size() for each in gradients)
