"""Embedding, one-hot, attention, dropout and activations against PyTorch; and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional as F
from ops.twin import agree

RNG = np.random.default_rng(0)


def draw(*shape: int, dtype: str = "float64") -> Any:
    return RNG.standard_normal(shape).astype(dtype)


# -- tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,)], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 1}, {"padding_idx": -1}, {"scale_grad_by_freq": True}], ids=str
)
def test_embedding(shape: Any, options: Any) -> None:
    numbers = np.asarray(RNG.integers(0, 5, shape))
    order = 1 if "scale_grad_by_freq" in options else 2
    agree(lambda lib, w, i: lib.nn.functional.embedding(i, w, **options), draw(5, 3), numbers, order=order)


def test_embedding_renormalizes_long_rows_of_the_table() -> None:
    table = draw(5, 3) * 3

    def call(lib: Any, i: Any) -> Any:
        weight = lib.from_numpy(table.copy())
        return lib.nn.functional.embedding(i, weight, max_norm=1.5), weight

    agree(call, np.array([1, 1, 4]), order=0)


def test_one_hot() -> None:
    agree(lambda lib, i: lib.nn.functional.one_hot(i), np.array([[0, 2], [1, 1]]))
    agree(lambda lib, i: lib.nn.functional.one_hot(i, 5), np.array([0, 2]))
    agree(lambda lib, i: lib.nn.functional.one_hot(i, 3), np.zeros((0,), int))


REFUSED = [
    (
        lambda: F.embedding(mt.tensor([5]), mt.ones(5, 2)),
        IndexError,
        "index 5 is out of range for a table of 5 rows, 0 to 4",
    ),
    (lambda: F.embedding(mt.tensor([-1]), mt.ones(5, 2)), IndexError, "index -1 is out of range"),
    (lambda: F.embedding(mt.tensor([1.0]), mt.ones(5, 2)), RuntimeError, "int32 or int64 for index, got float32"),
    (lambda: F.embedding(mt.tensor([1]), mt.ones(5)), RuntimeError, r"expected weight \(V, D\), got shape \(5,\)"),
    (
        lambda: F.embedding(mt.tensor([1]), mt.ones(5, 2), padding_idx=5),
        ValueError,
        r"within the 5 rows, -5 through 4, got 5",
    ),
    (lambda: F.one_hot(mt.tensor([3]), 3), IndexError, "smaller than num_classes=3, got 3"),
    (lambda: F.one_hot(mt.tensor([-3])), IndexError, "non-negative, got -3"),
    (lambda: F.one_hot(mt.tensor([1.0])), RuntimeError, r"one_hot\(\): expected dtype int64 for index, got float32"),
    (lambda: F.dropout(mt.ones(3), 1.5), ValueError, "between 0 and 1, but got 1.5"),
    (lambda: F.dropout1d(mt.ones(3)), RuntimeError, r"got shape \(3,\)"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_a_misuse_names_what_was_given(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# -- attention ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "bool", "added", "causal", "scaled"])
def test_attention(kind: str) -> None:
    allowed = RNG.random((4, 5)) > 0.4
    allowed[:, 0] = True
    added = draw(2, 1, 4, 5)

    def call(lib: Any, q: Any, k: Any, v: Any) -> Any:
        mask = {"bool": allowed, "added": added}.get(kind)
        return lib.nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            None if mask is None else lib.from_numpy(mask),
            is_causal=kind == "causal",
            scale=0.3 if kind == "scaled" else None,
        )

    agree(call, draw(2, 3, 4, 6), draw(2, 3, 5, 6), draw(2, 3, 5, 7))


# -- dropout -----------------------------------------------------------------------------------------------------------


def test_dropout_outside_training_is_the_input() -> None:
    x = mt.ones(3)
    assert F.dropout(x, 0.5, training=False) is x


def test_dropout_keeps_the_mean_and_scales_the_rest() -> None:
    mt.manual_seed(0)
    x = mt.ones(400, 500).requires_grad_()
    y = F.dropout(x, 0.25)
    assert abs(y.mean().item() - 1) < 0.01
    assert set(np.unique(y.detach().numpy())) == {np.float32(0), np.float32(1) / np.float32(0.75)}
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_channel_dropout_drops_whole_channels() -> None:
    mt.manual_seed(0)
    y = F.dropout2d(mt.ones(20, 30, 4, 5), 0.5).numpy()
    assert ((y == y[:, :, :1, :1]).all()) and 0.4 < (y == 0).mean() < 0.6
    y = F.dropout1d(mt.ones(20, 30, 4), 0.5).numpy()
    assert (y == y[:, :, :1]).all()


def test_dropout_in_place() -> None:
    x = mt.ones(1000)
    assert F.dropout(x, 0.5, inplace=True) is x and 300 < x.count_nonzero().item() < 700
    assert not F.dropout(x, 1.0).any()


# -- activations -------------------------------------------------------------------------------------------------------

ACTIVATIONS = [
    "relu",
    "relu6",
    "hardtanh",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "silu",
    "mish",
    "hardsigmoid",
    "hardswish",
    "gelu",
    "softplus",
    "softsign",
    "tanhshrink",
    "logsigmoid",
    "hardshrink",
    "softshrink",
    "sigmoid",
    "tanh",
    "rrelu",
]
INPLACE = ["relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardsigmoid", "hardswish"]


SINGLE = {"hardsigmoid": 1e-6, "rrelu": 1e-6}  # PyTorch computes their slopes in single precision


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    order = 1 if name == "hardsigmoid" else 2  # PyTorch has no second gradient of it
    agree(lambda lib, x: getattr(lib.nn.functional, name)(x), draw(4, 3) * 3, order=order, rtol=SINGLE.get(name))


@pytest.mark.parametrize("name", INPLACE)
def test_activation_in_place(name: str) -> None:
    def call(lib: Any, x: Any) -> Any:
        y = x * 2
        result = getattr(lib.nn.functional, name)(y, inplace=True)
        assert result is y
        return result

    agree(call, draw(4, 3) * 3, order=1, rtol=SINGLE.get(name))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmaxes(name: str) -> None:
    agree(lambda lib, x: getattr(lib.nn.functional, name)(x, dim=1), draw(2, 3, 4))
    agree(lambda lib, x: getattr(lib.nn.functional, name)(x, -1, dtype=lib.float32), draw(2, 3), order=0)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_softmax_without_a_dim_guesses_as_pytorch_does_and_warns(shape: Any) -> None:
    with pytest.warns(UserWarning, match="mplicit dimension choice for softmax"):
        agree(lambda lib, x: lib.nn.functional.softmax(x), draw(*shape), order=0)


def test_gumbel_softmax_is_a_distribution_and_with_hard_a_choice() -> None:
    mt.manual_seed(0)
    logits = mt.zeros(200, 4).requires_grad_()
    soft, hard = F.gumbel_softmax(logits), F.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(soft.sum(1).detach().numpy(), 1, rtol=1e-5)
    np.testing.assert_allclose(np.sort(hard.detach().numpy(), 1)[:, -1], 1, rtol=1e-6)
    hard[:, 0].sum().backward()
    assert logits.grad.abs().sum() > 0


def test_rrelu_draws_slopes_in_training() -> None:
    mt.manual_seed(0)
    slopes = -F.rrelu(-mt.ones(1000), 0.1, 0.3, training=True).numpy()
    assert slopes.min() >= 0.1 and slopes.max() < 0.3 and len(np.unique(slopes)) > 900
    with pytest.raises(ValueError, match=r"rrelu: lower must not be greater than upper, got 0.5 > 0.1"):
        F.rrelu(mt.ones(2), 0.5, 0.1)
