"""Initial values: the same seed gives PyTorch's numbers; wrong shapes and names are reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor
from minitensor import nn
from minitensor.nn import init

FILLS = [
    ("uniform_", (), {}),
    ("uniform_", (-2, 5.0), {}),
    ("normal_", (1.0, 0.5), {}),
    ("constant_", (0.3,), {}),
    ("ones_", (), {}),
    ("zeros_", (), {}),
    ("xavier_uniform_", (), {"gain": 2.0}),
    ("xavier_normal_", (), {}),
    ("kaiming_uniform_", (), {"a": 0.3}),
    ("kaiming_uniform_", (), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (), {"nonlinearity": "selu"}),
    ("trunc_normal_", (), {}),
    ("trunc_normal_", (0.5, 2.0, -1.0, 3.0), {}),
    ("trunc_normal_", (), {"a": 1.5, "b": 2.5}),
    ("trunc_normal_", (), {"mean": 0.2, "std": 0.1, "a": 0.25, "b": 0.3}),
]


@pytest.mark.parametrize("shape", [(8, 5), (4, 3, 3, 3)], ids=str)
@pytest.mark.parametrize(("name", "args", "options"), FILLS, ids=lambda value: str(value))
def test_the_same_seed_gives_pytorchs_numbers(name: str, args: Any, options: Any, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(4)
    minitensor.manual_seed(4)
    ours, theirs = minitensor.empty(shape), torch.empty(shape)
    assert getattr(init, name)(ours, *args, **options) is ours
    getattr(torch.nn.init, name)(theirs, *args, **options)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=3e-6, atol=3e-7)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)], ids=str)
def test_an_orthogonal_matrix_is_pytorchs_and_orthogonal(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(4)
    minitensor.manual_seed(4)
    ours, theirs = minitensor.empty(shape), torch.empty(shape)
    init.orthogonal_(ours, gain=2.0)
    torch.nn.init.orthogonal_(theirs, gain=2.0)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=2e-5)


def test_sparse_columns_have_the_requested_zeros() -> None:
    filled = init.sparse_(minitensor.empty(10, 4), 0.35)
    assert (filled == 0).sum(0).tolist() == [4, 4, 4, 4]


def test_initialization_is_not_recorded() -> None:
    weight = minitensor.empty(3, 3, requires_grad=True)
    init.normal_(weight)
    assert weight.is_leaf


def test_eye_and_dirac_are_identities() -> None:
    assert init.eye_(minitensor.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    image = minitensor.arange(2 * 4 * 4.0).view(1, 2, 4, 4)
    kernel = init.dirac_(minitensor.empty(2, 2, 3, 3))
    assert nn.functional.conv2d(image, kernel, padding=1).tolist() == image.tolist()


def test_dirac_in_groups_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours = init.dirac_(minitensor.empty(6, 2, 3), 2)
    assert ours.tolist() == torch.nn.init.dirac_(torch.empty(6, 2, 3), 2).tolist()


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
@pytest.mark.parametrize("param", [None, 0.3])
def test_gains_are_pytorchs(name: str, param: float | None) -> None:
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(name, param) == torch.nn.init.calculate_gain(name, param)


def test_a_separate_generator_leaves_the_default_one_unchanged() -> None:
    before = minitensor.get_rng_state()
    generator = minitensor.Generator().manual_seed(1)
    init.kaiming_normal_(minitensor.empty(20, 20), generator=generator)
    assert (minitensor.get_rng_state() == before).all()


def test_empty_tensors_are_skipped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        init.kaiming_uniform_(minitensor.empty(0, 3))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: init.calculate_gain("swish"), "Unsupported nonlinearity swish"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
        (lambda: init.xavier_normal_(minitensor.empty(3)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(minitensor.empty(3, 3), mode="fan"), "Mode fan not supported"),
        (lambda: init.eye_(minitensor.empty(3)), "Only tensors with 2 dimensions"),
        (lambda: init.dirac_(minitensor.empty(3, 3)), "3, 4, or 5 dimensions"),
        (lambda: init.dirac_(minitensor.empty(3, 3, 3), 2), "divisible by groups, got 3 and groups=2"),
        (lambda: init.orthogonal_(minitensor.empty(3)), "2 or more dimensions"),
    ],
)
def test_a_tensor_that_cannot_be_initialized_is_reported(act: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()


DEPRECATED = [name for name in init.__all__ if not name.endswith("_") and name != "calculate_gain"]


@pytest.mark.parametrize("name", DEPRECATED)
def test_a_deprecated_name_fills_as_its_successor_does(name: str) -> None:
    shape, args = ((3, 3, 3) if name == "dirac" else (3, 3)), {"constant": (2.0,), "sparse": (0.5,)}.get(name, ())
    expected, found = minitensor.zeros(shape), minitensor.zeros(shape)
    minitensor.manual_seed(3)
    getattr(init, f"{name}_")(expected, *args)
    minitensor.manual_seed(3)
    with pytest.warns(FutureWarning, match=f"nn.init.{name}` is now deprecated"):
        assert getattr(init, name)(found, *args) is found
    assert found.equal(expected)


def test_every_name_of_pytorchs_init_is_there() -> None:
    torch = pytest.importorskip("torch")
    assert set(torch.nn.init.__all__) <= set(init.__all__)
