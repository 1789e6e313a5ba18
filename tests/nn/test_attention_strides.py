"""The result of ``scaled_dot_product_attention`` has PyTorch's strides, which a later dropout or view depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

SIZES = ((2, 3, 4, 6), (2, 1, 4, 6), (1, 3, 1, 6), (2, 3, 1, 1), (1, 1, 1, 1), (2, 2, 5, 3))


def three(make: Callable[[], Any]) -> list[Any]:
    return [make(), make(), make()]


# How programs make queries, keys and values of B samples, H heads, L places and D features.
SOURCES: dict[str, Callable[..., Any]] = {
    "in order": lambda ones, B, H, L, D: three(lambda: ones(B, H, L, D)),
    "heads last": lambda ones, B, H, L, D: three(lambda: ones(B, L, H, D).transpose(1, 2)),
    "places last": lambda ones, B, H, L, D: three(lambda: ones(B, H, D, L).transpose(2, 3)),
    "one projection": lambda ones, B, H, L, D: ones(B, L, 3, H, D).permute(2, 0, 3, 1, 4).unbind(0),
    "chunks": lambda ones, B, H, L, D: ones(B, H, L, 3 * D).chunk(3, -1),
    "convolution": lambda ones, B, H, L, D: ones(B, H, 3 * D, L).permute(0, 1, 3, 2).chunk(3, 3),
    "no batch": lambda ones, B, H, L, D: three(lambda: ones(H, L, D)),
    "wide values": lambda ones, B, H, L, D: (*three(lambda: ones(B, L, H, D).mT.mT)[:2], ones(B, L, H, 2 * D)),
    "one sample of keys": lambda ones, B, H, L, D: (
        ones(B, L, H, D).transpose(1, 2), *three(lambda: ones(1, L, H, D).transpose(1, 2))[:2]),
    "expanded": lambda ones, B, H, L, D: three(lambda: ones(1, L, H, D).expand(B, L, H, D).transpose(1, 2)),
    "more keys": lambda ones, B, H, L, D: (
        ones(B, L, H, D).transpose(1, 2), *three(lambda: ones(B, L + 2, H, D).transpose(1, 2))[:2]),
}  # fmt: skip
OPTIONS: dict[str, Callable[[Any, Any, Any], dict[str, Any]]] = {
    "plain": lambda lib, q, k: {},
    "causal": lambda lib, q, k: {"is_causal": True},
    "bools": lambda lib, q, k: {"attn_mask": lib.ones(q.shape[-2], k.shape[-2], dtype=lib.bool)},
    "numbers": lambda lib, q, k: {"attn_mask": (q @ k.transpose(-2, -1)).detach()[:1]},
    "learned": lambda lib, q, k: {"attn_mask": lib.zeros(q.shape[-2], k.shape[-2], dtype=q.dtype, requires_grad=True)},
    "dropout": lambda lib, q, k: {"dropout_p": 0.5},
}


def strides(lib: Any, source: str, size: tuple[int, ...], option: str, dtype: str, grad: bool) -> Any:
    def ones(*shape: int) -> Any:
        return lib.ones(*shape, dtype=getattr(lib, dtype), requires_grad=grad)

    q, k, v = SOURCES[source](ones, *size)
    result = lib.nn.functional.scaled_dot_product_attention(q, k, v, **OPTIONS[option](lib, q, k))
    if grad:
        result.sum().backward()
    return tuple(result.shape), result.stride()


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_result_has_pytorchs_strides(source: str, option: str) -> None:
    for size in SIZES:
        for dtype, grad in (("float32", False), ("float32", True), ("float64", False), ("bfloat16", False)):
            case = source, size, option, dtype, grad
            assert strides(mt, *case) == strides(torch, *case), case


def test_the_values_and_gradients_do_not_depend_on_the_strides() -> None:
    found = []
    for lib in (mt, torch):
        q, k, v = (lib.arange(48.0).reshape(2, 4, 2, 3).div(s).sin().requires_grad_() for s in (2, 3, 5))
        result = lib.nn.functional.scaled_dot_product_attention(*(each.transpose(1, 2) for each in (q, k, v)))
        (result * lib.arange(48.0).reshape(2, 2, 4, 3)).sum().backward()
        found.append([result.tolist(), q.grad.tolist(), k.grad.tolist(), v.grad.tolist()])
    for ours, theirs in zip(*found, strict=True):
        mt.testing.assert_close(mt.tensor(ours), mt.tensor(theirs), rtol=1e-4, atol=1e-5)
