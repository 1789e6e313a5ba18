"""Every dtype for the tensor arguments of attention, losses, embeddings and indexing: as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64")
Place = Callable[[Any], Any]

# (case, dtype) -> why they differ
EXCUSED = {
    **{(case, "complex64"): "it has a kernel here" for case in ("soft_margin_loss input", "soft_margin_loss both")},
}  # fmt: skip


def spread(t: Any, *shape: int) -> Any:
    return t.linspace(0.1, 0.9, int(np.prod(shape))).reshape(shape)


def given(t: Any, dtype: str, *shape: int) -> Any:
    """Return zeros and ones of a dtype."""
    return t.tensor((np.arange(int(np.prod(shape))) % 2).tolist(), dtype=getattr(t, dtype)).reshape(shape)


def attend(t: Any, dtype: str, place: int) -> Any:
    inputs = [spread(t, 1, 2, 3, 4) for _ in range(3)] + [given(t, "bool", 3, 3)]
    inputs[place] = given(t, dtype, *inputs[place].shape)
    return t.nn.functional.scaled_dot_product_attention(*inputs[:3], attn_mask=inputs[3])


def attend_by_layer(t: Any, kind: str, **masks: Any) -> Any:
    t.manual_seed(0)
    x = spread(t, 3, 2, 4)
    if kind == "attention":
        return t.nn.MultiheadAttention(4, 2)(x, x, x, **masks)[0]
    if kind == "encoder":
        return t.nn.TransformerEncoderLayer(4, 2, 8, 0.0)(x, **masks)
    return t.nn.TransformerDecoderLayer(4, 2, 8, 0.0)(x, x, **masks)


def lose(t: Any, name: str, input: Any, target: Any, **options: Any) -> Any:
    return getattr(t.nn.functional, name)(input, target, **options)


def embed_bag(t: Any, indices: Any, weights: Any = None) -> Any:
    return t.nn.functional.embedding_bag(indices, spread(t, 4, 2), mode="sum", per_sample_weights=weights)


def connect(t: Any, place: int, dtype: str) -> Any:
    arguments = [spread(t, 4, 2, 3).log_softmax(-1), t.tensor([[1, 2], [2, 1]]), t.tensor([4, 4]), t.tensor([2, 2])]
    arguments[place] = arguments[place].to(getattr(t, dtype))
    return t.nn.functional.ctc_loss(*arguments)


def write(t: Any, index: Any, value: Any) -> Any:
    made = spread(t, 3, 4)
    made[index] = value
    return made


def x(t: Any) -> Any:
    return spread(t, 3, 4)


def ones(t: Any, *shape: int) -> Any:
    return given(t, "int64", *shape)


Case = Callable[[Any, str], Any]
CASES: dict[str, Case] = {}
for place, name in enumerate(("query", "key", "value", "mask")):
    CASES[f"attention {name}"] = lambda t, d, place=place: attend(t, d, place)  # type: ignore[misc]  # bound early
for kind, name, shape in (
    ("attention", "attn_mask", (3, 3)), ("attention", "key_padding_mask", (2, 3)), ("encoder", "src_mask", (3, 3)),
    ("encoder", "src_key_padding_mask", (2, 3)), ("decoder", "tgt_mask", (3, 3)), ("decoder", "memory_mask", (3, 3)),
    ("decoder", "tgt_key_padding_mask", (2, 3)), ("decoder", "memory_key_padding_mask", (2, 3)),
):  # fmt: skip
    CASES[f"{kind} {name}"] = lambda t, d, kind=kind, name=name, shape=shape: attend_by_layer(  # type: ignore[misc]
        t, kind, **{name: given(t, d, *shape)}
    )
for name in (
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "kl_div", "poisson_nll_loss", "soft_margin_loss", "multilabel_soft_margin_loss", "hinge_embedding_loss",
):  # fmt: skip
    CASES |= {
        f"{name} target": lambda t, d, n=name: lose(t, n, spread(t, 2, 3), given(t, d, 2, 3)),  # type: ignore[misc]
        f"{name} input": lambda t, d, n=name: lose(t, n, given(t, d, 2, 3), spread(t, 2, 3)),  # type: ignore[misc]
        f"{name} both": lambda t, d, n=name: lose(t, n, given(t, d, 2, 3), given(t, d, 2, 3)),  # type: ignore[misc]
    }
for name in ("cross_entropy", "nll_loss", "multi_margin_loss"):
    CASES |= {
        f"{name} target": lambda t, d, n=name: lose(t, n, spread(t, 2, 3), given(t, d, 2)),  # type: ignore[misc]
        f"{name} input": lambda t, d, n=name: lose(t, n, given(t, d, 2, 3), ones(t, 2)),  # type: ignore[misc]
        f"{name} weight": lambda t, d, n=name: lose(  # type: ignore[misc]
            t, n, spread(t, 2, 3), ones(t, 2), weight=given(t, d, 3)),
    }  # fmt: skip
for place, name in enumerate(("log_probs", "targets", "input_lengths", "target_lengths")):
    CASES[f"ctc_loss {name}"] = lambda t, d, place=place: connect(t, place, d)  # type: ignore[misc]
CASES |= {
    "cross_entropy probabilities": lambda t, d: lose(t, "cross_entropy", spread(t, 2, 3), given(t, d, 2, 3)),
    "nll_loss of images": lambda t, d: lose(t, "nll_loss", spread(t, 2, 3, 2, 2), given(t, d, 2, 2, 2)),
    "multilabel_margin_loss": lambda t, d: lose(t, "multilabel_margin_loss", spread(t, 2, 3), given(t, d, 2, 3)),
    "embedding": lambda t, d: t.nn.functional.embedding(given(t, d, 3), spread(t, 4, 2)),
    "embedding weight": lambda t, d: t.nn.functional.embedding(ones(t, 3), given(t, d, 4, 2)),
    "embedding_bag": lambda t, d: embed_bag(t, given(t, d, 2, 2)),
    "embedding_bag weights": lambda t, d: embed_bag(t, ones(t, 2, 2), given(t, d, 2, 2)),
    "one_hot": lambda t, d: t.nn.functional.one_hot(given(t, d, 3), 3),
    "getitem": lambda t, d: x(t)[given(t, d, 3)],
    "setitem": lambda t, d: write(t, given(t, d, 3), 0),
    "setitem value": lambda t, d: write(t, 0, given(t, d, 4)),
    "setitem value at index": lambda t, d: write(t, t.tensor([0]), given(t, d, 1, 4)),
    "gather": lambda t, d: x(t).gather(0, given(t, d, 2, 4)),
    "take_along_dim": lambda t, d: x(t).take_along_dim(given(t, d, 2, 4), 0),
    "index_select": lambda t, d: x(t).index_select(0, given(t, d, 2)),
    "take": lambda t, d: x(t).take(given(t, d, 2)),
    "scatter": lambda t, d: x(t).scatter(0, given(t, d, 2, 4), spread(t, 2, 4)),
    "scatter src": lambda t, d: x(t).scatter(0, ones(t, 2, 4), given(t, d, 2, 4)),
    "scatter_add": lambda t, d: x(t).scatter_add(0, given(t, d, 2, 4), spread(t, 2, 4)),
    "scatter_add src": lambda t, d: x(t).scatter_add(0, ones(t, 2, 4), given(t, d, 2, 4)),
    "scatter_reduce src": lambda t, d: x(t).scatter_reduce(0, ones(t, 2, 4), given(t, d, 2, 4), "amax"),
    "index_add": lambda t, d: x(t).index_add(0, given(t, d, 2), spread(t, 2, 4)),
    "index_add source": lambda t, d: x(t).index_add(0, ones(t, 2), given(t, d, 2, 4)),
    "index_copy": lambda t, d: x(t).index_copy(0, given(t, d, 2), spread(t, 2, 4)),
    "index_copy source": lambda t, d: x(t).index_copy(0, ones(t, 2), given(t, d, 2, 4)),
    "index_fill": lambda t, d: x(t).index_fill(0, given(t, d, 2), 1.0),
    "index_fill value": lambda t, d: x(t).index_fill(0, ones(t, 2), given(t, d, 1).squeeze()),
    "index_put": lambda t, d: x(t).index_put((given(t, d, 2),), spread(t, 2, 4)),
    "index_put values": lambda t, d: x(t).index_put((ones(t, 2),), given(t, d, 2, 4)),
    "index_reduce": lambda t, d: x(t).index_reduce(0, given(t, d, 2), spread(t, 2, 4), "amax"),
    "put": lambda t, d: x(t).put(given(t, d, 2), spread(t, 2)),
    "put source": lambda t, d: x(t).put(ones(t, 2), given(t, d, 2)),
    "masked_fill": lambda t, d: x(t).masked_fill(given(t, d, 3, 4), 1.0),
    "masked_select": lambda t, d: x(t).masked_select(given(t, d, 3, 4)),
    "masked_scatter": lambda t, d: x(t).masked_scatter(given(t, d, 3, 4), spread(t, 3, 4)),
    "where": lambda t, d: t.where(given(t, d, 3, 4), x(t), 0.0),
    "where other": lambda t, d: t.where(given(t, "bool", 3, 4), x(t), given(t, d, 3, 4)),
}


def run(t: Any, case: Case, dtype: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return case(t, dtype)
        except Exception as error:
            return error


def difference(found: Any, expected: Any) -> str:
    """Say how our result or error differs from PyTorch's; "" if it does not. Here some kernels exist that it lacks."""
    if isinstance(expected, NotImplementedError):
        return ""
    if isinstance(found, Exception) or isinstance(expected, Exception):
        return "" if isinstance(found, type(expected)) else f"{found!r}, in PyTorch {expected!r}"
    if str(found.dtype) != str(expected.dtype):
        return f"{found.dtype}, in PyTorch {expected.dtype}"
    tolerance = 1e-2 if "float16" in str(found.dtype) else 1e-4
    ours, theirs = [np.asarray(each.detach().numpy(), "complex128") for each in (found, expected)]
    return "" if np.allclose(ours, theirs, tolerance, tolerance, equal_nan=True) else f"{ours}, in PyTorch {theirs}"


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


@pytest.mark.parametrize("case", CASES)
def test_dtypes_are_taken_and_refused_as_in_pytorch(torch: ModuleType, case: str) -> None:
    differing = {
        dtype: said for dtype in DTYPES
        if (said := difference(run(mt, CASES[case], dtype), run(torch, CASES[case], dtype)))
    }  # fmt: skip
    assert {(case, dtype) for dtype in differing} == {key for key in EXCUSED if key[0] == case}, differing
