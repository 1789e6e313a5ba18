"""``nn.attention.flex_attention`` and ``nn.attention.bias`` against PyTorch's; gradients against the same sums."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.nn.attention import bias
from minitensor.nn.attention.flex_attention import AuxRequest, create_block_mask, create_mask, flex_attention

SCORES: dict[str, Callable[[Any, Any], Any]] = {
    "as they are": lambda torch, table: lambda score, b, h, q, k: score,
    "causal": lambda torch, table: lambda score, b, h, q, k: torch.where(q >= k, score, -float("inf")),
    "relative positions": lambda torch, table: lambda score, b, h, q, k: score + (q - k),
    "slopes of heads": lambda torch, table: lambda score, b, h, q, k: score + table[h, 0] * (k - q),
    "a table of positions": lambda torch, table: lambda score, b, h, q, k: score * table[h, q],
    "soft cap": lambda torch, table: lambda score, b, h, q, k: torch.tanh(score / 2) * 2,
    "one batch": lambda torch, table: lambda score, b, h, q, k: torch.where(b == 0, score, score / 2),
}
MASKS: dict[str, Callable[[Any], Any]] = {
    "causal": lambda torch: lambda b, h, q, k: q >= k,
    "window": lambda torch: lambda b, h, q, k: (q - k <= 2) & (q >= k),
    "documents": lambda torch: documents(torch),
    "heads": lambda torch: lambda b, h, q, k: (h == 0) | (q >= k),
    "nothing for the first": lambda torch: lambda b, h, q, k: q > k,
    "all": lambda torch: flex_module(torch).noop_mask,
    "or": lambda torch: flex_module(torch).or_masks(lambda b, h, q, k: q == k, lambda b, h, q, k: k == 0),
    "and": lambda torch: flex_module(torch).and_masks(lambda b, h, q, k: q >= k, lambda b, h, q, k: k != 2),
}


def flex_module(torch: Any) -> Any:
    import importlib

    return importlib.import_module(f"{torch.__name__}.nn.attention.flex_attention")


def documents(torch: Any) -> Any:
    numbers = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    return lambda b, h, q, k: numbers[q] == numbers[k]


@contextmanager
def plain_pytorch() -> Iterator[Any]:
    """Yield PyTorch, with flex attention that is not compiled."""
    torch = pytest.importorskip("torch")
    flex = flex_module(torch)
    flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield torch
    flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = False


def arrays(heads: int = 2, groups: int = 2, queries: int = 6, keys: int = 8) -> list[Any]:
    random = np.random.default_rng(0)
    shapes = (2, heads, queries, 4), (2, groups, keys, 4), (2, groups, keys, 3)
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def attend(torch: Any, given: list[Any], score: str, mask: str | None, dtype: str, **options: Any) -> Any:
    table = torch.tensor(np.random.default_rng(1).normal(size=(2, 8)).astype(np.float32))
    tensors = [torch.tensor(each).to(getattr(torch, dtype)) for each in given]
    lengths = given[0].shape[2], given[1].shape[2]
    block_mask = None
    if mask:
        block_mask = flex_module(torch).create_block_mask(MASKS[mask](torch), 2, 2, *lengths, "cpu", BLOCK_SIZE=4)
    change = SCORES[score](torch, table)
    return flex_module(torch).flex_attention(*tensors, score_mod=change, block_mask=block_mask, **options)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("mask", [None, *MASKS])
@pytest.mark.parametrize("score", SCORES)
def test_values_are_those_of_pytorch(score: str, mask: str | None, dtype: str) -> None:
    with plain_pytorch() as torch:
        wanted = attend(torch, arrays(), score, mask, dtype)
    found = attend(mt, arrays(), score, mask, dtype)
    assert found.dtype == getattr(mt, dtype)
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 2e-6)
    np.testing.assert_allclose(found.double().numpy(), wanted.double().numpy(), tolerance, tolerance)


@pytest.mark.parametrize("mask", [None, *MASKS])
def test_heads_of_keys_are_shared_and_the_logsumexp_is_that_of_pytorch(mask: str | None) -> None:
    options = {"enable_gqa": True, "scale": 0.3}
    given = arrays(heads=2, groups=1, queries=8, keys=8)
    with plain_pytorch() as torch:
        request = flex_module(torch).AuxRequest(lse=True)
        wanted, sums = attend(torch, given, "slopes of heads", mask, "float64", return_aux=request, **options)
    found, own = attend(mt, given, "slopes of heads", mask, "float64", return_aux=AuxRequest(lse=True), **options)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), 1e-12)
    np.testing.assert_allclose(own.lse.numpy(), sums.lse.numpy(), 1e-12)
    assert own.max_scores is None


@pytest.mark.parametrize("mask", [None, *MASKS])
@pytest.mark.parametrize("score", SCORES)
def test_gradients_are_those_of_the_same_sums_in_pytorch(score: str, mask: str | None) -> None:
    """PyTorch has no gradients on a CPU; its function of all scores, which its kernels are tested with, has."""
    torch = pytest.importorskip("torch")
    from torch._higher_order_ops.flex_attention import math_attention

    given = [each.astype(np.float64) for each in arrays(queries=8)]
    table = np.random.default_rng(1).normal(size=(2, 8))
    theirs = [torch.tensor(each, requires_grad=True) for each in [*given, table]]
    block_mask = (MASKS[mask](torch) if mask else flex_module(torch).noop_mask,)
    output, *_ = math_attention(*theirs[:3], SCORES[score](torch, theirs[3]), block_mask, 0.5, {})
    (output * output).sum().backward()
    ours = [mt.tensor(each, requires_grad=True) for each in [*given, table]]
    own_mask = create_block_mask(MASKS[mask](mt), 2, 2, 8, 8, BLOCK_SIZE=4) if mask else None
    found = flex_attention(*ours[:3], SCORES[score](mt, ours[3]), own_mask, scale=0.5)
    (found * found).sum().backward()
    for own, other in zip(ours, theirs, strict=True):
        assert (own.grad is None) == (other.grad is None)
        if other.grad is not None and other.grad.isfinite().all():  # PyTorch's is NaN where all keys are masked
            np.testing.assert_allclose(own.grad.numpy(), other.grad.numpy(), 1e-9, 1e-12)
        assert own.grad is None or own.grad.isfinite().all()


LISTS = "kv_num_blocks kv_indices full_kv_num_blocks full_kv_indices q_num_blocks q_indices full_q_num_blocks".split()


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_a_block_mask_is_that_of_pytorch(mask: str, apart: bool) -> None:
    torch = pytest.importorskip("torch")
    made = []
    for library in (torch, mt):
        whole = flex_module(library).create_block_mask(
            MASKS[mask](library), 2, 2, 8, 8, "cpu", (4, 2), separate_full_blocks=apart, compute_dq_write_order=True
        )
        made.append([whole, whole[1], whole[:, 0], whole[:, :, library.tensor([1], dtype=library.int32)],
                     whole._adjust(4, 6), whole._adjust(3, 8), whole[0, -1]])  # fmt: skip
    for wanted, found in zip(*made, strict=True):
        for name in [*LISTS, "full_q_indices", "dq_write_order", "dq_write_order_full"]:
            own, other = getattr(found, name), getattr(wanted, name)
            assert (own is None) == (other is None), name
            if other is not None:
                assert str(own.dtype) == str(other.dtype)
                np.testing.assert_array_equal(own.numpy(), other.numpy(), name)
        assert found.shape == wanted.shape
        assert found.sparsity() == wanted.sparsity()
        assert str(found) == str(wanted)
        assert repr(found).replace("mask_of_slice", "_sliced_mask_mod_error") == repr(wanted)
        assert len(found.as_tuple()) == len(wanted.as_tuple())
        assert found.to_dense().tolist() == wanted.to_dense().tolist()


def test_a_mask_of_a_function_of_scores_is_false_where_it_returns_minus_infinity() -> None:
    mask = create_mask(lambda score, b, h, q, k: mt.where(q >= k, score, -float("inf")), 1, 1, 3, 3)
    assert mask.tolist() == [[[[True, False, False], [True, True, False], [True, True, True]]]]


def wrong_calls(torch: Any) -> dict[str, Callable[[], Any]]:
    flex = flex_module(torch)
    x, mask = torch.zeros(2, 2, 4, 4), flex.create_block_mask(MASKS["causal"](torch), 2, 2, 8, 8, "cpu", 4)
    return {
        "dims": lambda: flex.flex_attention(x[0], x[0], x[0]),
        "one dim": lambda: flex.flex_attention(x[0, 0, 0], x, x),
        "embedding": lambda: flex.flex_attention(x, x[..., :2], x),
        "heads": lambda: flex.flex_attention(x, x[:, :1], x[:, :1]),
        "groups": lambda: flex.flex_attention(torch.zeros(2, 3, 4, 4), x, x, enable_gqa=True),
        "batch": lambda: flex.flex_attention(x, x[:1], x[:1]),
        "long mask": lambda: flex.flex_attention(x, x, x, block_mask=mask),
        "short mask": lambda: flex.flex_attention(*[torch.zeros(2, 2, 12, 4)] * 3, block_mask=mask),
        "slice": lambda: flex.flex_attention(*[torch.zeros(2, 2, 8, 4)] * 3, block_mask=mask[0]),
        "kernel": lambda: flex.flex_attention(x, x, x, kernel_options={"BACKEND": "MINE"}),
        "two kernels": lambda: flex.flex_attention(
            x, x, x, kernel_options={"BACKEND": "AUTO", "FORCE_USE_FLEX_ATTENTION": True}
        ),
        "both": lambda: flex.flex_attention(x, x, x, return_lse=True, return_aux=flex.AuxRequest()),
        "three arguments": lambda: flex.create_mask(lambda b, h, q: q, 1, 1, 2, 2, "cpu"),
        "a score": lambda: flex.create_block_mask(lambda s, b, h, q, k: s, 1, 1, 2, 2, "cpu"),
        "a mask of floats": lambda: flex.create_block_mask(lambda b, h, q, k: (q - k) * 1.0, 1, 1, 2, 2, "cpu"),
        "a mask of integers": lambda: flex.create_block_mask(lambda b, h, q, k: q - k, 1, 1, 2, 2, "cpu"),
        "no function": lambda: flex.or_masks(None),
        "one list": lambda: flex.BlockMask.from_kv_blocks(*[torch.zeros(1, 1, 1, 1)] * 3),
        "a vector": lambda: flex.BlockMask.from_kv_blocks(torch.zeros(1), torch.zeros(1)),
    }


@pytest.mark.parametrize("name", wrong_calls(mt))
def test_what_pytorch_refuses_is_refused(name: str) -> None:
    with plain_pytorch() as torch:
        with pytest.raises(Exception) as wanted:  # any class: ours must be a child of it
            wrong_calls(torch)[name]()
        with pytest.raises(wanted.type):
            wrong_calls(mt)[name]()


@pytest.mark.parametrize("sizes", [(4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("corner", ["causal_upper_left", "causal_lower_right"])
@pytest.mark.filterwarnings("ignore:Lower right causal bias")
def test_a_causal_bias_masks_attention_as_in_pytorch(corner: str, sizes: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    import torch.nn.attention.bias as theirs

    given = arrays(queries=sizes[0], keys=sizes[1])
    results = []
    for library, module in ((torch, theirs), (mt, bias)):
        tensors = [library.tensor(each, requires_grad=True) for each in given]
        mask = getattr(module, corner)(*sizes)
        assert (mask.variant, mask.seq_len_q, mask.seq_len_kv) == (mask.variant, *sizes)
        output = library.nn.functional.scaled_dot_product_attention(*tensors, mask)
        assert type(output) is library.Tensor
        output.square().sum().backward()
        results.append((repr(mask), output, *[each.grad for each in tensors]))
    assert results[0][0] == results[1][0]
    for wanted, found in zip(results[0][1:], results[1][1:], strict=True):
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), 1e-5, 1e-6)


def test_a_causal_bias_is_a_matrix_of_bools() -> None:
    mask = bias.causal_lower_right(2, 3)
    assert mask.shape == (2, 3)
    assert mask.sum() == 5
    with pytest.raises(ValueError, match="attn_mask or is_causal=True, not both"):
        mt.nn.functional.scaled_dot_product_attention(*[mt.ones(2, 2)] * 3, attn_mask=mask, is_causal=True)
    with pytest.raises(AssertionError, match="only supports 2D"):
        bias.causal_upper_left(1, 2, 3)
    with pytest.raises(AssertionError, match="must be a CausalVariant"):
        bias.CausalBias(1, 2, 3)
    with pytest.warns(UserWarning, match="Lower right causal bias will produce NaNs"):
        bias.causal_lower_right(3, 2)
