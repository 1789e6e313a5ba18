"""Attention and transformers equal PyTorch's: text, parameters, initial values, output, gradients, masks."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from tests.nn.twins import assert_close, numbers, share_numbers


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def tensor(lib: Any, seed: int, *shape: int) -> Any:
    return lib.tensor(numbers(seed, *shape), requires_grad=True)


def compare(torch: Any, make: Any, call: Any) -> None:
    """Build both with the same seed and compare text and initial values; run both and compare results and gradients."""
    layers = []
    for lib in (mt, torch):
        lib.manual_seed(1)
        layers.append(make(lib.nn))
    ours, theirs = layers
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[name], value, 1e-6)
    share_numbers(ours, theirs)
    results = []
    for lib, layer in ((mt, ours), (torch, theirs)):
        lib.manual_seed(2)
        found = [each for each in call(lib, layer) if each is not None]
        sum((each * lib.tensor(numbers(7, *each.shape))).sum() for each in found).backward()
        results.append([*found, *[p.grad for p in layer.parameters() if p.grad is not None]])
    for mine, his in zip(*results, strict=True):
        assert_close(mine, his, 1e-4)


ATTENTIONS = {
    "plain": (lambda nn: nn.MultiheadAttention(8, 2), {}),
    "batch first": (lambda nn: nn.MultiheadAttention(8, 4, batch_first=True), {}),
    "no bias": (lambda nn: nn.MultiheadAttention(8, 2, bias=False), {"need_weights": False}),
    "other sizes": (lambda nn: nn.MultiheadAttention(8, 2, kdim=6, vdim=4), {"average_attn_weights": False}),
    "more keys": (lambda nn: nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True), {}),
    "causal": (lambda nn: nn.MultiheadAttention(8, 2), {"causal": True, "is_causal": True, "need_weights": False}),
    "padded": (lambda nn: nn.MultiheadAttention(8, 2), {"padded": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_is_pytorchs(name: str, torch: ModuleType) -> None:
    make, given = ATTENTIONS[name]

    def call(lib: Any, layer: Any) -> Any:
        options = dict(given)
        if options.pop("causal", False):
            options["attn_mask"] = lib.nn.Transformer.generate_square_subsequent_mask(5)
        if options.pop("padded", False):
            options["key_padding_mask"] = lib.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] * 4 + [True]])
        batch = (3, 5) if layer.batch_first else (5, 3)
        query, key, value = (
            tensor(lib, seed, *batch, size) for seed, size in enumerate((8, layer.kdim, layer.vdim))
        )
        return layer(query, key, value, **options)

    compare(torch, make, call)


def test_attention_accepts_a_sequence_without_a_batch(torch: ModuleType) -> None:
    def call(lib: Any, layer: Any) -> Any:
        return layer(*[tensor(lib, k, 5, 4) for k in range(3)])

    compare(torch, lambda nn: nn.MultiheadAttention(4, 2), call)


OPTIONS: list[dict[str, Any]] = [
    {}, {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "bias": False}, {"layer_norm_eps": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_encoder_layers_are_pytorchs(options: dict[str, Any], torch: ModuleType) -> None:
    def make(nn: Any) -> Any:
        return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, **options)

    def call(lib: Any, layer: Any) -> Any:
        mask = lib.nn.Transformer.generate_square_subsequent_mask(4 if layer.self_attn.batch_first else 5)
        return [layer(tensor(lib, 0, 5, 4, 8)), layer(tensor(lib, 1, 5, 4, 8), src_mask=mask)]

    compare(torch, make, call)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_decoder_layers_are_pytorchs(options: dict[str, Any], torch: ModuleType) -> None:
    def make(nn: Any) -> Any:
        return nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, **options)

    def call(lib: Any, layer: Any) -> Any:
        return [layer(tensor(lib, 0, 4, 4, 8), tensor(lib, 1, 4, 4, 8))]

    compare(torch, make, call)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_stacks_are_pytorchs(torch: ModuleType) -> None:
    def make(nn: Any) -> Any:
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), 2, nn.LayerNorm(8))

    compare(torch, make, lambda lib, layer: [layer(tensor(lib, 0, 5, 3, 8))])


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_transformer_is_pytorchs(torch: ModuleType) -> None:
    def make(nn: Any) -> Any:
        return nn.Transformer(8, 2, 2, 1, 16, dropout=0.0)

    def call(lib: Any, layer: Any) -> Any:
        mask = layer.generate_square_subsequent_mask(4)
        padding = lib.tensor([[False] * 5, [False] * 4 + [True], [False] * 5])
        source, target = tensor(lib, 0, 5, 3, 8), tensor(lib, 1, 4, 3, 8)
        return [layer(source, target, tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding)]

    compare(torch, make, call)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_wrong_sizes_are_refused(torch: ModuleType) -> None:
    for lib in (mt, torch):
        with pytest.raises(AssertionError, match="divisible"):
            lib.nn.MultiheadAttention(7, 2)
        with pytest.raises(ValueError, match="greater than 0"):
            lib.nn.MultiheadAttention(0, 2)
        with pytest.raises(RuntimeError, match="relu/gelu"):
            lib.nn.TransformerEncoderLayer(8, 2, activation="tanh")
        model = lib.nn.Transformer(8, 2, 1, 1, 16)
        with pytest.raises(RuntimeError, match="batch number"):
            model(lib.ones(5, 3, 8), lib.ones(5, 2, 8))
        with pytest.raises(RuntimeError, match="feature number"):
            model(lib.ones(5, 3, 6), lib.ones(5, 3, 6))
