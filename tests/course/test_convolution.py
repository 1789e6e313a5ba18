"""Chapter 5 of the course: the convolution layer (cases C1 to C11)."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest

import minitensor as torch
from minitensor import nn
from minitensor.nn import functional as F


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(layer: type[nn.Module], *args: Any, **options: Any) -> Any:
    """Return a layer without memory."""
    return layer(*args, device="meta", **options)


def test_c1_the_arguments_of_conv2d_and_relu() -> None:
    names = list(inspect.signature(nn.Conv2d).parameters)
    wanted = "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"
    assert " ".join(names).startswith(wanted)
    assert list(inspect.signature(F.relu).parameters) == ["input", "inplace"]
    numbers = torch.tensor([-1.0, 2.0])
    assert F.relu(numbers).tolist() == [0, 2]
    assert numbers[0] == -1
    assert F.relu(numbers, inplace=True) is numbers
    assert numbers[0] == 0


@pytest.mark.parametrize(("channels", "filter", "connections"), [(3, 5, 75), (20, 3, 180)])
def test_c2_a_neuron_is_connected_to_its_window_in_all_channels(channels: int, filter: int, connections: int) -> None:
    """Of 32x32x3 with a 5x5 filter, and of 16x16x20 with a 3x3 filter."""
    layer = nn.Conv2d(channels, 1, filter)
    assert layer.weight.numel() == connections
    assert count(layer) == connections + 1
    image = torch.rand(1, channels, 16, 16, requires_grad=True)
    layer(image)[0, 0, 4, 4].backward()
    assert int((image.grad != 0).sum()) == connections


def test_c3_first_layer_of_2012s_winner_has_290400_neurons_and_34944_shared_parameters() -> None:
    layer = on_meta(nn.Conv2d, 3, 96, 11, stride=4)
    output = layer(torch.empty(3, 227, 227, device="meta"))
    assert output.shape == (96, 55, 55)
    assert output.numel() == 290_400
    assert layer.weight[0].numel() == 363
    assert layer.weight.numel() == 34_848
    assert count(layer) == layer.weight.numel() + 96 == 34_944


def test_c3_first_layer_of_2012s_winner_has_105705600_parameters_without_sharing() -> None:
    layer = on_meta(nn.LocallyConnected2d, 3, 96, 11, stride=4, input_size=227)
    assert count(layer) == 105_705_600
    assert layer(torch.empty(1, 3, 227, 227, device="meta")).shape == (1, 96, 55, 55)


def test_c4_each_element_is_a_sum_over_a_window() -> None:
    """X of 11x11x4, two filters of 5x5 with stride 2: V of 4x4x2."""
    torch.manual_seed(0)
    X, layer = torch.rand(11, 11, 4), nn.Conv2d(4, 2, 5, stride=2)
    V = layer(X.permute(2, 0, 1)).permute(1, 2, 0)
    assert V.shape == (4, 4, 2)
    for filter in range(2):
        W, b = layer.weight[filter].permute(1, 2, 0), layer.bias[filter]
        for i in range(4):
            torch.testing.assert_close(V[i, 0, filter], torch.sum(X[2 * i : 2 * i + 5, :5, :] * W) + b)
            torch.testing.assert_close(V[0, i, filter], torch.sum(X[:5, 2 * i : 2 * i + 5, :] * W) + b)
            torch.testing.assert_close(V[i, 3, filter], torch.sum(X[2 * i : 2 * i + 5, 6:11, :] * W) + b)


@pytest.fixture(scope="module")
def stepping() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return an image 5x5x3 of small integers, two filters 3x3x3 and their biases."""
    torch.manual_seed(0)
    image = torch.randint(0, 3, (3, 5, 5)).float()
    return image, torch.randint(-1, 2, (2, 3, 3, 3)).float(), torch.tensor([1.0, 0.0])


def test_c5_the_steps_show_every_window_product_and_sum(stepping: tuple[torch.Tensor, ...]) -> None:
    image, weight, bias = stepping
    output = F.conv2d(image, weight, bias, stride=2, padding=1)
    padded = F.pad(image, (1, 1, 1, 1))
    steps = list(nn.utils.convolution_steps(image, weight, bias, stride=2, padding=1))
    assert output.shape == (2, 3, 3)
    assert len(steps) == output.numel()
    for step in steps:
        top, left = 2 * step.row, 2 * step.column
        assert torch.equal(step.window, padded[:, top : top + 3, left : left + 3])
        assert torch.equal(step.products, step.window * weight[step.filter])
        assert step.total == output[step.filter, step.row, step.column]


def test_c5_a_step_is_read_as_arithmetic(stepping: tuple[torch.Tensor, ...]) -> None:
    image, weight, bias = stepping
    step = next(nn.utils.convolution_steps(image, weight, bias, stride=2, padding=1))
    lines = str(step).splitlines()
    assert lines[0] == f"output[0, 0, 0] = {step.products.sum().item():g} + 1 = {step.total:g}"
    assert len(lines) == 1 + 3 * 3
    texts = [line.split(":")[-1].replace("*", "").replace("=", "").split() for line in lines[1:]]
    numbers = [[float(text) for text in row] for row in texts]
    assert numbers == torch.cat([step.window, step.weight, step.products], 2).flatten(0, 1).tolist()


def test_c5_a_batch_and_unsuitable_filters_are_refused(stepping: tuple[torch.Tensor, ...]) -> None:
    image, weight, _ = stepping
    with pytest.raises(ValueError, match=r"input must be an image \(C, H, W\), got shape \(1, 3, 5, 5\)"):
        nn.utils.convolution_steps(image[None], weight)
    with pytest.raises(RuntimeError, match="channels"):
        nn.utils.convolution_steps(image[:2], weight)


@pytest.mark.parametrize(("stride", "padding", "shape"), [(1, (1, 0), (2, 3, 4, 5)), ((2, 1), 0, (1, 2, 2, 3))])
def test_c5_steps_of_any_stride_padding_and_filter(stride: Any, padding: Any, shape: tuple[int, ...]) -> None:
    image, weight = torch.rand(shape[1], 7, 8, requires_grad=True), torch.rand(shape, requires_grad=True)
    steps = list(nn.utils.convolution_steps(image, weight, None, stride, padding))
    output = F.conv2d(image, weight, None, stride, padding)
    torch.testing.assert_close(torch.tensor([step.total for step in steps]), output.detach().flatten())
    assert not any(step.products.requires_grad for step in steps)


def test_c6_im2col_of_2012s_winner_is_a_product_of_matrices() -> None:
    torch.manual_seed(0)
    image, layer = torch.rand(1, 3, 227, 227), nn.Conv2d(3, 96, 11, stride=4)
    X_col = F.unfold(image, 11, stride=4)[0]
    W_row = layer.weight.flatten(1)
    assert X_col.shape == (363, 3025)
    assert W_row.shape == (96, 363)
    with torch.no_grad():
        product = W_row @ X_col
        assert product.shape == (96, 3025)
        output = (product + layer.bias[:, None]).view(96, 55, 55)
        torch.testing.assert_close(output, layer(image)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("filter", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_c6_im2col_serves_pooling(filter: int, stride: int) -> None:
    image = torch.rand(2, 5, 8, 8)
    columns = F.unfold(image, filter, stride=stride).view(2, 5, filter * filter, -1)
    for pooled, wanted in (
        (columns.amax(2), F.max_pool2d(image, filter, stride)),
        (columns.mean(2), F.avg_pool2d(image, filter, stride)),
    ):
        torch.testing.assert_close(pooled.view_as(wanted), wanted)


@pytest.mark.parametrize("dims", [1, 2])
def test_c7_the_gradient_is_a_convolution_with_flipped_filters(dims: int) -> None:
    torch.manual_seed(0)
    conv = {1: F.conv1d, 2: F.conv2d}[dims]
    sizes, filter = (9, 8)[:dims], (3, 4)[:dims]
    axes = tuple(range(2, 2 + dims))
    x = torch.rand(1, 2, *sizes, dtype=torch.float64, requires_grad=True)
    w = torch.rand(3, 2, *filter, dtype=torch.float64, requires_grad=True)
    y = conv(x, w)
    above = torch.rand_like(y)
    y.backward(above)
    around = [pad for size in reversed(filter) for pad in (size - 1, size - 1)]
    flipped = w.detach().flip(axes).transpose(0, 1)
    torch.testing.assert_close(x.grad, conv(F.pad(above, around), flipped))
    by_weight = conv(x.detach().transpose(0, 1), above.transpose(0, 1)).transpose(0, 1)  # the output slides over x
    torch.testing.assert_close(w.grad, by_weight)


def test_c8_a_1x1_convolution_is_a_linear_layer_at_each_pixel() -> None:
    image, conv = torch.rand(2, 5, 4, 3), nn.Conv2d(5, 7, 1)
    linear = F.linear(image.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)
    torch.testing.assert_close(conv(image), linear)


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_c8_dilation_is_the_gap_between_weights_plus_1(gap: int) -> None:
    """The notes call a filter without gaps 'dilation 0', where PyTorch says 1."""
    image, weight = torch.rand(1, 1, 9, 9), torch.rand(1, 1, 3, 3)
    spread = torch.zeros(1, 1, 3 + 2 * gap, 3 + 2 * gap)
    spread[:, :, :: gap + 1, :: gap + 1] = weight
    torch.testing.assert_close(F.conv2d(image, weight, dilation=gap + 1), F.conv2d(image, spread))
    report = torch.utils.summary(nn.Sequential(nn.Conv2d(1, 1, 3, dilation=gap + 1)), (1, 9, 9))
    assert report.rows[0].field.size == tuple(spread.shape[2:])


@pytest.mark.parametrize(("layers", "side"), [(1, 3), (2, 5), (3, 7)])
def test_c8_stacked_3x3_filters_see_more(layers: int, side: int) -> None:
    model = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(layers)))
    assert torch.utils.summary(model, (1, 15, 15)).rows[-1].field.size == (side, side)
    image = torch.rand(1, 1, 15, 15, requires_grad=True)
    model(image)[0, 0, 7, 7].backward()
    assert int((image.grad != 0).sum()) == side**2


def test_c9_a_locally_connected_layer_with_equal_filters_is_a_convolution() -> None:
    layer, conv = nn.LocallyConnected2d(2, 3, 3, stride=2, padding=1, input_size=(7, 6)), nn.Conv2d(2, 3, 3, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(conv.weight.expand_as(layer.weight))
        layer.bias.copy_(conv.bias.view(3, 1, 1).expand_as(layer.bias))
    image = torch.rand(4, 2, 7, 6)
    torch.testing.assert_close(layer(image), conv(image))
    assert count(layer) == count(conv) * math.prod(conv(image).shape[2:])


@pytest.mark.parametrize("channels", [1, 4, 64])
def test_c10_three_3x3_layers_have_27_weights_where_one_7x7_has_49(channels: int) -> None:
    three = nn.Sequential(*(on_meta(nn.Conv2d, channels, channels, 3, bias=False) for _ in range(3)))
    one = nn.Sequential(on_meta(nn.Conv2d, channels, channels, 7, bias=False))
    reports = [torch.utils.summary(model, (channels, 9, 9)) for model in (three, one)]
    assert [report.parameters for report in reports] == [27 * channels**2, 49 * channels**2]
    fields = [report.rows[-1].field for report in reports]
    assert fields[0].size == fields[1].size == (7, 7)


def test_c11_a_transposed_convolution_scores_every_pixel() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.ReLU(), nn.ConvTranspose2d(8, 5, 4, stride=4))
    image, classes = torch.rand(2, 3, 12, 16), torch.randint(0, 5, (2, 12, 16))
    scores = model(image)
    assert scores.shape == (2, 5, 12, 16)
    F.cross_entropy(scores, classes).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_c11_it_is_the_transpose_of_a_convolution() -> None:
    x, weight = torch.rand(1, 2, 9, 9, dtype=torch.float64), torch.rand(3, 2, 3, 3, dtype=torch.float64)
    y = F.conv2d(x, weight, stride=2)
    other = torch.rand_like(y)
    torch.testing.assert_close((y * other).sum(), (x * F.conv_transpose2d(other, weight, stride=2)).sum())
