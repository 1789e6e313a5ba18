"""Chapter 4 of the course: sizes (cases S1 to S4)."""

from __future__ import annotations

from fractions import Fraction

import pytest

import minitensor as torch
from minitensor import nn


def size_after(width: int, filter: int, padding: int, stride: int) -> Fraction:
    """Return (W - F + 2P)/S + 1."""
    return Fraction(width - filter + 2 * padding, stride) + 1


@pytest.mark.parametrize("stride", [1, 2])
def test_s1_a_3x3_filter_makes_5x5_or_3x3_of_7x7(stride: int) -> None:
    output = nn.Conv2d(1, 1, 3, stride)(torch.rand(1, 1, 7, 7))
    assert output.shape[2] == output.shape[3] == size_after(7, 3, 0, stride) == {1: 5, 2: 3}[stride]


def test_s1_the_formula_holds_for_every_size() -> None:
    checked = 0
    for width in range(1, 12):
        for filter in range(1, width + 1):
            for stride in range(1, 5):
                for padding in range(filter // 2 + 1):
                    wanted = int(size_after(width, filter, padding, stride))
                    image = torch.empty(1, 1, width, width, device="meta")
                    conv = nn.Conv2d(1, 1, filter, stride, padding, device="meta")
                    assert conv(image).shape[2] == wanted
                    assert nn.MaxPool2d(filter, stride, padding)(image).shape[2] == wanted
                    checked += 1
    assert checked > 500


@pytest.mark.parametrize("stride", [1, 2])
def test_s2_weights_1_0_minus_1_over_5_numbers(stride: int) -> None:
    numbers, weights = torch.tensor([1.0, 2.0, -1.0, 1.0, -3.0]), torch.tensor([1.0, 0.0, -1.0])
    output = nn.functional.conv1d(numbers.view(1, 1, 5), weights.view(1, 1, 3), stride=stride, padding=1).flatten()
    padded = [0, *numbers.tolist(), 0]
    assert output.tolist() == [padded[i] - padded[i + 2] for i in range(0, 5, stride)]
    assert len(output) == size_after(5, 3, 1, stride) == {1: 5, 2: 3}[stride]


def test_s2_stride_3_does_not_fit_5_numbers() -> None:
    wanted = size_after(5, 3, 1, 3)
    assert wanted.denominator != 1
    assert nn.functional.conv1d(torch.rand(1, 1, 5), torch.rand(1, 1, 3), stride=3, padding=1).shape[2] == int(wanted)


def test_s2_four_and_a_half_is_floored_and_the_strict_report_names_the_lost_row() -> None:
    wanted = size_after(10, 3, 0, 2)
    model = nn.Sequential(nn.Conv2d(1, 1, 3, 2))
    assert wanted == 4.5
    assert model(torch.rand(1, 1, 10, 10)).shape[2:] == (int(wanted),) * 2
    assert torch.utils.summary(model, (1, 10, 10)).rows[0].uncovered == (1, 1)
    with pytest.raises(ValueError, match=r"(?s)0.*Conv2d.*1"):
        torch.utils.summary(model, (1, 10, 10), strict=True)


@pytest.mark.parametrize("filter", [1, 3, 5, 7, 11])
def test_s3_half_the_filter_as_padding_keeps_the_size(filter: int) -> None:
    image = torch.rand(1, 2, 12, 13)
    conv, same = nn.Conv2d(2, 2, filter, padding=(filter - 1) // 2), nn.Conv2d(2, 2, filter, padding="same")
    same.load_state_dict(conv.state_dict())
    assert conv(image).shape == image.shape
    torch.testing.assert_close(same(image), conv(image))


def test_s4_the_report_counts_what_the_layers_do() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 8 * 8, 10))
    report = torch.utils.summary(model, (3, 32, 32))
    output, row = torch.rand(1, 3, 32, 32), iter(report.rows)
    for layer in model:
        output, line = layer(output), next(row)
        assert line.output_shape == output.shape
        assert line.parameters == sum(each.numel() for each in layer.parameters())
    conv, pool, linear = report.rows[0], report.rows[2], report.rows[4]
    assert conv.multiply_adds == conv.activations * conv.weights // 8  # each output adds up one filter's products
    assert linear.multiply_adds == linear.weights
    assert (pool.field.size, pool.field.stride) == ((5 + 2, 5 + 2), (4, 4))
    assert report.memory["parameters"] == 4 * report.parameters
    assert report.activations == 3 * 32 * 32 + sum(line.activations for line in report.rows)
