"""Sizes of images that do not fit: the functions that build, convert and report networks say what they want."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as torch
from minitensor import nn
from minitensor.errors import MinitensorError

SIZES: dict[str, Any] = {
    "an int": 8, "none": None, "text": "a", "two": (8, 8), "four": (1, 3, 8, 8), "negative": (3, -8, 8),
    "zero": (3, 0, 8), "a float": (3.0, 8, 8), "texts": ("a", 8, 8),
}  # fmt: skip


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))


CALLS: dict[str, Any] = {
    "summary": lambda size: torch.utils.summary(network(), size),
    "convert_to_fully_convolutional": lambda size: nn.utils.convert_to_fully_convolutional(network(), size),
    "linear_to_conv": lambda size: nn.utils.linear_to_conv(nn.Linear(192, 2), size),
    "from_pattern": lambda size: nn.from_pattern("INPUT -> CONV -> FC", size, 2),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", CALLS)
def test_a_size_that_does_not_fit_is_named(name: str, size: Any) -> None:
    with pytest.raises((TypeError, ValueError, RuntimeError), match=rf"^{name}") as found:
        CALLS[name](size)
    assert isinstance(found.value, MinitensorError)


def test_a_batch_in_the_shape_of_an_input_is_explained() -> None:
    with pytest.raises(RuntimeError, match=r"shape \(1, 1, 3, 8, 8\)(.|\n)*without the batch") as found:
        torch.utils.summary(network(), (1, 3, 8, 8))
    assert "Conv2d(3, 4" in str(found.value)  # the layer that refuses it
    assert torch.utils.summary(network(), (3, 8, 8), batch_size=5).rows[0].output_shape == (5, 4, 6, 6)


@pytest.mark.parametrize("option", ["num_classes", "hidden", "channels", "kernel_size"])
@pytest.mark.parametrize("value", [0, -1, "a", None])
def test_a_pattern_refuses_sizes_that_are_not_positive(option: str, value: Any) -> None:
    options: dict[str, Any] = {"num_classes": 2, option: value}
    with pytest.raises((TypeError, ValueError), match=rf"^from_pattern.*{option}") as found:
        nn.from_pattern("INPUT -> CONV -> FC -> FC", (3, 8, 8), **options)
    assert isinstance(found.value, MinitensorError)


@pytest.mark.parametrize("model", [network().to("meta"), nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten())])
def test_a_network_without_values_is_not_converted(model: nn.Sequential) -> None:
    with pytest.raises((RuntimeError, ValueError), match=r"^convert_to_fully_convolutional: 0\.weight .*no"):
        nn.utils.convert_to_fully_convolutional(model, (3, 8, 8))
