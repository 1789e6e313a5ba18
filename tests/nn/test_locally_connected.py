"""A locally connected layer is a loop over output positions, each with its own small matrix."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from minitensor import nn
from minitensor.autograd import gradcheck, gradgradcheck

OPTIONS: list[dict[str, Any]] = [
    {},
    {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)},
    {"groups": 2, "bias": False},
    {"padding": "same", "padding_mode": "circular"},
    {"padding": "valid"},
    {"padding": 1, "padding_mode": "reflect", "groups": 2},
]


def make(**options: Any) -> nn.LocallyConnected2d:
    mt.manual_seed(0)
    return nn.LocallyConnected2d(2, 4, (2, 3), **{"input_size": (5, 6), "dtype": mt.float64, **options})


def place_by_place(layer: nn.LocallyConnected2d, image: Any) -> Any:
    """For each output position, multiply the window by the position's weights and add its bias."""
    image, padding = layer.pad_input(image)
    if padding == "same":
        image = nn.functional.pad(image, layer._reversed_padding_repeated_twice)
    elif isinstance(padding, tuple):
        image = nn.functional.pad(image, (padding[1], padding[1], padding[0], padding[0]))
    rows, columns, outputs = layer.weight.shape[:3]
    (height, width), (down, right), (tall, wide) = layer.kernel_size, layer.dilation, layer.stride
    result = mt.zeros(image.shape[0], outputs, rows, columns, dtype=mt.float64)
    each, seen = outputs // layer.groups, layer.in_channels // layer.groups
    for y in range(rows):
        for x in range(columns):
            top, left = y * tall, x * wide
            bottom, edge = top + (height - 1) * down + 1, left + (width - 1) * right + 1
            window = image[:, :, top:bottom:down, left:edge:right]
            for out in range(outputs):
                group = out // each
                channels = window[:, group * seen : (group + 1) * seen]
                result[:, out, y, x] = (channels * layer.weight[y, x, out]).sum((1, 2, 3))
    return result if layer.bias is None else result + layer.bias


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_position_has_its_own_filters(options: dict[str, Any]) -> None:
    layer, image = make(**options), mt.randn(3, 2, 5, 6, dtype=mt.float64)
    mt.testing.assert_close(layer(image), place_by_place(layer, image))
    mt.testing.assert_close(layer(image[0]), layer(image)[0])


@pytest.mark.parametrize("options", OPTIONS[1:4], ids=str)
def test_gradients_are_correct_to_second_order(options: dict[str, Any]) -> None:
    layer = make(**{**options, "dilation": 1}, input_size=(2, 3))  # small: one finite difference per element
    image = mt.randn(2, 2, 2, 3, dtype=mt.float64, requires_grad=True)
    weight = [each.detach().requires_grad_() for each in layer.parameters()]

    def call(image: Any, *given: Any) -> Any:
        numbers = (layer.stride, 0 if layer.padding == "same" else layer.padding, layer.dilation, layer.groups)
        return nn.functional.locally_connected2d(layer.pad_input(image)[0], given[0], *(given[1:] or (None,)), *numbers)

    assert gradcheck(call, (image, *weight), fast_mode=True)
    assert gradgradcheck(call, (image, *weight), fast_mode=True)


def test_equal_filters_everywhere_give_a_convolution() -> None:
    shared, layer = nn.Conv2d(2, 4, (2, 3), stride=2, padding=1, dtype=mt.float64), make(stride=2, padding=1)
    with mt.no_grad():
        layer.weight.copy_(shared.weight.expand_as(layer.weight))
        layer.bias.copy_(shared.bias.view(4, 1, 1).expand_as(layer.bias))
    image = mt.randn(3, 2, 5, 6, dtype=mt.float64)
    mt.testing.assert_close(layer(image), shared(image))


def test_the_first_layer_of_alexnet_without_sharing_has_the_known_parameter_count() -> None:
    """227 x 227 x 3 with windows of 11 at stride 4: 290,400 outputs with 363 weights and a bias each."""
    layer = nn.utils.skip_init(nn.LocallyConnected2d, 3, 96, 11, 4, input_size=227)
    assert layer.bias is not None
    assert layer.bias.numel() == 290_400
    assert sum(each.numel() for each in layer.parameters()) == 105_705_600
    assert sum(each.numel() for each in nn.Conv2d(3, 96, 11, 4).parameters()) == 34_944


def test_initial_values_are_within_the_bound_for_a_window() -> None:
    layer = make()
    bound = (2 * 2 * 3) ** -0.5
    for each in layer.parameters():
        assert 0.9 * bound < each.abs().max().item() <= bound


def test_its_text_shows_all_options() -> None:
    text = "LocallyConnected2d(2, 4, kernel_size=(2, 3), stride=(1, 1), padding=same, groups=2, input_size=(5, 6))"
    assert repr(make(padding="same", groups=2)) == text
    assert [*make().state_dict()] == ["weight", "bias"]


def test_invalid_arguments_and_inputs_are_refused() -> None:
    layer, call = make(), nn.functional.locally_connected2d
    with pytest.raises(RuntimeError, match=r"^LocallyConnected2d.*size \(5, 6\), .* got input of shape \(1, 2, 5, 5\)"):
        layer(mt.zeros(1, 2, 5, 5, dtype=mt.float64))
    with pytest.raises(RuntimeError, match="to have 2 channels, but got 3 channels instead"):
        layer(mt.zeros(1, 3, 5, 6, dtype=mt.float64))
    with pytest.raises(RuntimeError, match="input_size must be an int or 2 of them"):
        nn.LocallyConnected2d(1, 1, 2, input_size=(1, 2, 3))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"has 2 x 2 output places, but the weight .* has filters for 1 x 2"):
        call(mt.zeros(1, 3, 3), mt.zeros(1, 2, 1, 1, 2, 2))
    with pytest.raises(RuntimeError, match=r"expected a bias \(out, OH, OW\) = \(1, 2, 2\), got shape \(1,\)"):
        call(mt.zeros(1, 3, 3), mt.zeros(2, 2, 1, 1, 2, 2), mt.zeros(1))
    with pytest.raises(RuntimeError, match=r"expected a weight \(OH, OW, out, in / groups, KH, KW\), got shape"):
        call(mt.zeros(1, 3, 3), mt.zeros(1, 1, 2, 2))
    with pytest.raises(RuntimeError, match="2 outputs of a weight do not divide into 3 groups"):
        call(mt.zeros(1, 3, 3), mt.zeros(2, 2, 2, 1, 2, 2), groups=3)
