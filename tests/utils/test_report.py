"""The report of a network: text, HTML, dicts, totals, receptive fields, and a network left as it was."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

import minitensor as torch
from minitensor import nn


@pytest.fixture
def model() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))


def test_text_html_and_dict_hold_the_same_lines(model: nn.Module) -> None:
    report = torch.utils.summary(model, (3, 8, 8))
    text, html, data = str(report), report._repr_html_(), report.as_dict()
    assert repr(report) == text
    assert html.count("<tr>") == 1 + len(report.rows)
    for row, entry in zip(report.rows, data["rows"], strict=True):
        assert all(cell in text for cell in row.cells())
        assert all(f">{cell}</td>" in html for cell in row.cells())
        assert entry["name"] == row.name
        assert tuple(entry["output_shape"]) == row.output_shape
    for total in report.totals():
        assert total in text
        assert total in html
    assert data["parameters"] == sum(each.numel() for each in model.parameters())


def test_names_are_escaped_in_html() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    Odd.__name__ = "<b>"
    assert "&lt;b&gt;" in torch.utils.summary(nn.Sequential(Odd()), (3,))._repr_html_()


def test_strict_names_every_layer_that_loses_rows_or_columns() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3, 2), nn.MaxPool2d((1, 2)))
    with pytest.raises(ValueError) as found:
        torch.utils.summary(model, (1, 10, 7), strict=True)
    wanted = "0 (Conv2d) loses 1 rows, 0 columns; 1 (MaxPool2d) loses 0 rows, 1 columns; change the size of the input"
    assert wanted in str(found.value)
    torch.utils.summary(model, (1, 11, 9), strict=True)


def test_several_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.join = nn.Bilinear(3, 4, 5)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.join(a, b)

    report = torch.utils.summary(Two(), [(3,), (4,)], batch_size=2)
    assert report.input_elements == 2 * (3 + 4)
    assert report.rows[0].output_shape == (2, 5)


def test_a_shared_layer_has_a_row_a_call_and_its_parameters_once() -> None:
    layer = nn.Linear(3, 3)
    report = torch.utils.summary(nn.Sequential(layer, nn.ReLU(), layer), (3,))
    assert [row.kind for row in report.rows] == ["Linear", "ReLU", "Linear"]
    assert report.parameters == 12


def test_batch_size_and_dtype(model: nn.Module) -> None:
    one, many = (torch.utils.summary(model, (3, 8, 8), batch_size=size) for size in (1, 7))
    assert many.activations == 7 * one.activations
    assert many.multiply_adds == 7 * one.multiply_adds
    assert many.parameters == one.parameters
    double = torch.utils.summary(model.double(), (3, 8, 8))
    assert double.memory["training"] == 2 * one.memory["training"]
    words = torch.utils.summary(nn.Sequential(nn.Embedding(10, 4)), (6,), dtype=torch.int64)
    assert words.rows[0].output_shape == (1, 6, 4)


def state_of(model: nn.Module) -> list[object]:
    hooks = [(len(each._forward_hooks), len(each._forward_pre_hooks), each.training) for each in model.modules()]
    return [hooks, {name: value.tolist() for name, value in model.state_dict().items()}, torch.get_rng_state().tolist()]


@pytest.mark.parametrize("size", [(3, 8, 8), (3, 9, 9)], ids=["success", "error"])
def test_the_model_and_the_random_stream_stay_as_they_were(model: nn.Module, size: tuple[int, ...]) -> None:
    before = state_of(model)
    try:
        torch.utils.summary(model, size)
    except RuntimeError:
        assert size == (3, 9, 9)
    else:
        assert size == (3, 8, 8)
    assert state_of(model) == before
    assert all(each.grad is None for each in model.parameters())


def test_attention_is_one_layer_with_all_its_parameters() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    report = torch.utils.summary(layer, (5, 8))
    rows = {row.name: row for row in report.rows}
    assert rows["self_attn"].parameters == sum(each.numel() for each in layer.self_attn.parameters())
    assert sum(row.parameters for row in report.rows) == report.parameters


def test_parameters_of_a_block_itself_have_a_row() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))
            self.layer = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) * self.scale

    report = torch.utils.summary(Scale(), (3,))
    assert [(row.name, row.parameters) for row in report.rows] == [("layer", 16), ("Scale", 4)]


def draw_chain(seed: int) -> nn.Sequential:
    """Return one to four random convolutions and average poolings, with positive weights."""
    draw = random.Random(seed)
    layers: list[nn.Module] = []
    for _ in range(draw.randint(1, 4)):
        kernel, stride = (draw.randint(1, 3), draw.randint(1, 3)), (draw.randint(1, 2), draw.randint(1, 2))
        if draw.random() < 0.7:
            layers.append(nn.Conv2d(1, 1, kernel, stride, dilation=draw.randint(1, 2), bias=False))
            nn.init.ones_(layers[-1].weight)
        else:
            layers.append(nn.AvgPool2d(kernel, stride))
    return nn.Sequential(*layers)


@pytest.mark.parametrize("seed", range(25))
def test_receptive_fields_are_those_that_gradients_show(seed: int) -> None:
    model = draw_chain(seed)
    image = torch.rand(1, 1, 90, 90, requires_grad=True)
    output = model(image)
    corners = []
    for place in ((0, 0), (1, 1)):
        (gradient,) = torch.autograd.grad(output[0, 0, place[0], place[1]], image, retain_graph=True)
        rows, columns = gradient[0, 0].nonzero().unbind(1)
        corners.append((int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())))
    (top, left, bottom, right), (next_top, next_left, _, _) = corners
    field = torch.utils.summary(model, (1, 90, 90)).rows[-1].field
    assert field.size == (bottom - top + 1, right - left + 1)
    assert field.stride == (next_top - top, next_left - left)


def test_measured_memory_is_without_imports() -> None:
    program = """if True:
        import minitensor as torch
        from minitensor import nn
        model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        first, second = (torch.utils.measure_memory(model, torch.zeros(4, 1, 28, 28))["inference"] for _ in range(2))
        assert abs(first - second) < 0.1 * second, (first, second)
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_an_input_may_be_a_number() -> None:
    assert torch.utils.summary(nn.ReLU(), (), batch_size=3).rows[0].output_shape == (3,)


class Answer(nn.Module):
    """A layer, or a block with a parameter of its own, that returns anything."""

    def __init__(self, answer: object, is_block: bool) -> None:
        super().__init__()
        self.answer = answer
        if is_block:
            self.scale = nn.Parameter(torch.ones(1))
            self.inner = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> object:
        return {"scores": x * 2, "name": "a"} if self.answer == "dict" else self.answer


@pytest.mark.parametrize("is_block", [False, True])
@pytest.mark.parametrize("answer", [None, 3, "text", (), [None, 2], "dict"])
def test_a_layer_may_return_anything(answer: object, is_block: bool) -> None:
    rows = torch.utils.summary(Answer(answer, is_block), (3,)).rows
    assert [row.output_shape for row in rows] == ([(1, 3)] if answer == "dict" else [])


@pytest.mark.parametrize("size", [None, 5, "ab", {}, (2.5, 3), (3, "a"), [(3,), 4], [("a",)]])
def test_what_is_no_shape_is_refused(model: nn.Module, size: object) -> None:
    with pytest.raises(TypeError, match="input_size must be a shape or a sequence of shapes, got"):
        torch.utils.summary(model, size)  # type: ignore[arg-type]  # wrong on purpose


def test_hooks_and_modes_stay_when_a_model_fails() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(9, 9)).train()
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        torch.utils.summary(network, (3,))
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in network.modules())
    assert network.training
    assert torch.utils.summary(network[0], (3,)).rows[0].output_shape == (1, 4)
