"""Attention beyond the op table: self-attention, fully masked queries, grouped heads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")


def numbers(seed: int, *shape: int) -> Any:
    return np.random.RandomState(seed).standard_normal(shape)


def self_attention(lib: Any, shape: tuple[int, ...], **options: Any) -> list[Any]:
    """Run self-attention with two heads; return output, weights and gradients."""
    sizes = (shape, (12, 4), (12,), (4, 4), (4,))
    query, *weights = [lib.tensor(numbers(k, *size), requires_grad=True) for k, size in enumerate(sizes)]
    made = {name: lib.tensor(value) if isinstance(value, np.ndarray) else value for name, value in options.items()}
    output, looks = lib.nn.functional.multi_head_attention_forward(
        query, query, query, 4, 2, weights[0], weights[1], None, None, False, 0.0, weights[2], weights[3], **made
    )
    (output * output).sum().backward()
    return [output, *([] if looks is None else [looks]), query.grad, *[each.grad for each in weights]]


@pytest.mark.parametrize("shape", [(3, 2, 4), (3, 4)], ids=str)
@pytest.mark.parametrize("options", [
    {}, {"need_weights": False}, {"attn_mask": np.triu(np.ones((3, 3), bool), 1)}, {"average_attn_weights": False},
    {"attn_mask": np.triu(np.ones((3, 3), bool), 1), "is_causal": True, "need_weights": False},
], ids=str)  # fmt: skip
def test_self_attention_is_pytorchs(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    for ours, theirs in zip(self_attention(mt, shape, **options), self_attention(torch, shape, **options), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def one_head(lib: Any, mask: Any, **options: Any) -> tuple[Any, ...]:
    q, k, v = [lib.tensor(numbers(seed, 2, 4, 3), requires_grad=True) for seed in range(3)]
    output = lib.nn.functional.scaled_dot_product_attention(q, k, v, lib.tensor(mask), **options)
    (output * output).sum().backward()
    return output, q.grad, k.grad, v.grad


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_is_masked_everywhere_gets_zeros(kind: str) -> None:
    seen = np.array([[True, False, True, True], [False] * 4, [True] * 4, [False, True, False, False]])
    mask = seen if kind == "bool" else np.where(seen, 0.0, -math.inf)
    for ours, theirs in zip(one_head(mt, mask), one_head(torch, mask), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def test_groups_of_heads_share_keys_and_values() -> None:
    def grouped(lib: Any) -> Any:
        q, k, v = [lib.tensor(numbers(seed, 1, count, 3, 2)) for seed, count in enumerate((4, 2, 2))]
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True, scale=0.3)

    np.testing.assert_allclose(grouped(mt).numpy(), grouped(torch).numpy(), rtol=1e-10)
    with pytest.raises(mt.errors.ShapeError, match="must be divisible by those of keys and values, got 3 and 2"):
        heads = [mt.zeros(1, count, 2, 2) for count in (3, 2, 2)]
        mt.nn.functional.scaled_dot_product_attention(*heads, enable_gqa=True)


def test_two_masks_are_refused() -> None:
    q = mt.zeros(1, 2, 3)
    with pytest.raises(RuntimeError, match="give attn_mask or is_causal=True, not both"):
        mt.nn.functional.scaled_dot_product_attention(q, q, q, mt.zeros(2, 2), is_causal=True)


def test_the_same_seed_drops_the_same_weights() -> None:
    def dropped(lib: Any) -> Any:
        lib.manual_seed(3)
        q = lib.tensor(numbers(0, 2, 8, 3))
        return lib.nn.functional.scaled_dot_product_attention(q, q, q, dropout_p=0.4).numpy()

    np.testing.assert_allclose(dropped(mt), dropped(torch), rtol=1e-10)
