"""Calls inside ``vmap`` keep no memory: what is allocated does not grow with their number."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

import minitensor as mt

CALLS: dict[str, Callable[[mt.Tensor], mt.Tensor]] = {
    "sort": lambda row: (row * 2).sort()[0], "cumsum": lambda row: (row * 2).cumsum(0),
    "sum": lambda row: (row * 2).sum(), "cat": lambda row: mt.cat([row * 2, row]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls_inside_vmap_keep_no_memory(name: str) -> None:
    function, x = mt.func.vmap(CALLS[name]), mt.randn(10, 1000)

    def growth(count: int) -> int:
        """Return how many bytes are held after some calls more than before."""
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(count):
            function(x)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        growth(20)
        assert growth(300) < 20_000  # half of one result
    finally:
        tracemalloc.stop()
