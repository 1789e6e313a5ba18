"""Bags of a given table, and packed sequences in other dtypes, are PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

OPTIONS: list[dict[str, Any]] = [
    {}, {"freeze": False}, {"mode": "sum"}, {"mode": "max"}, {"padding_idx": 1}, {"max_norm": 1.0, "norm_type": 1.0},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_bags_of_a_given_table_are_pytorchs(options: dict[str, Any]) -> None:
    found = []
    for lib in (mt, pytest.importorskip("torch")):
        layer = lib.nn.EmbeddingBag.from_pretrained(lib.tensor([[1.0, 2.3], [4.0, 5.1], [0.5, -1.0]]), **options)
        result = layer(lib.tensor([[1, 0], [2, 2]]))
        found.append((repr(layer), layer.weight.requires_grad, result.detach().numpy().round(5).tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize("layer", ["Embedding", "EmbeddingBag"])
def test_a_table_has_two_dims(layer: str) -> None:
    with pytest.raises(AssertionError, match="expected to be 2-dimensional, got 1 dims"):
        getattr(mt.nn, layer).from_pretrained(mt.ones(3))


@pytest.mark.parametrize("change", "half float double long int short char byte pin_memory".split())
def test_packed_sequences_change_their_dtype_as_pytorchs(change: str) -> None:
    dtypes = []
    for lib in (mt, pytest.importorskip("torch")):
        packed = lib.nn.utils.rnn.pack_sequence([lib.tensor([1.0, 2.0]), lib.tensor([3.0])])
        if change == "pin_memory" and lib is not mt:
            dtypes.append("torch.float32")  # PyTorch needs a GPU
            continue
        changed = getattr(packed, change)()
        assert type(changed) is type(packed) and changed.batch_sizes.tolist() == [2, 1] and not changed.is_pinned()
        dtypes.append(str(changed.data.dtype))
    assert dtypes[0] == dtypes[1]
