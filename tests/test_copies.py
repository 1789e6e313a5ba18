"""The list of implicit copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor.utils import trace_copies
from strict import device

X = mt.zeros(2, 3)

CAUSES: dict[str, tuple[Callable[[], Any], list[tuple[str, int, tuple[int, ...]]]]] = {
    "reshape": (lambda: X.t().reshape(6), [("reshape", 24, (6,))]),
    "reshape, recorded": (
        lambda: mt.zeros(2, 3, requires_grad=True).t().reshape(6), [("reshape", 24, (6,))],
    ),
    "contiguous": (lambda: X.t().contiguous(), [("contiguous", 24, (3, 2))]),
    "contiguous, by channels": (
        lambda: mt.zeros(1, 2, 3, 3).contiguous(memory_format=mt.channels_last), [("contiguous", 72, (1, 2, 3, 3))],
    ),
    "cast": (lambda: X.double(), [("cast", 48, (2, 3))]),
    "promotion": (lambda: X + mt.zeros(3, dtype=mt.float64), [("cast", 48, (2, 3))]),
    "a number": (lambda: mt.arange(4) + 0.5, [("cast", 16, (4,))]),
    "integers to floats": (lambda: mt.arange(4).exp(), [("cast", 16, (4,))]),
    "no reshape": (lambda: X.reshape(6).view(3, 2), []),
    "no contiguous": (lambda: X.contiguous(), []),
    "no cast": (lambda: X.float() + 1, []),
    "by name": (lambda: X.t().clone(), []),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_a_copy_is_listed_with_its_bytes_and_its_line(name: str) -> None:
    cause, expected = CAUSES[name]
    with trace_copies() as copies:
        cause()
    assert [each[:3] for each in copies] == expected
    assert {each.line.file for each in copies} <= {__file__}
    assert all(each.place == f"{__file__}:{each.line.number}" for each in copies)
    cause()
    assert len(copies) == len(expected), "something was listed after the block"


def test_transfers_are_listed() -> None:
    with device.installed(), trace_copies() as copies:
        x = X.to("strict")
        x.cpu()
        x.tolist()
        float(x.sum())
    assert [(each.kind, each.bytes) for each in copies] == [
        ("to device", 24), ("to host", 24), ("to host", 24), ("to host", 4),
    ]


def test_traces_may_be_nested() -> None:
    with trace_copies() as outer:
        X.double()
        with trace_copies() as inner:
            X.half()
    assert ([each.bytes for each in outer], [each.bytes for each in inner]) == ([48, 12], [12])


def test_the_table_sums_up_equal_copies() -> None:
    with trace_copies() as copies:
        for _ in range(3):
            X.t().reshape(6)
        X.double()
    first, second, last = str(copies).splitlines()[1:]
    assert first.split()[:3] == ["72", "3", "reshape"]
    assert "X.t().reshape(6)" in first
    assert second.split()[:3] == ["48", "1", "cast"]
    assert last == f"{copies.bytes} bytes in 4 copies" == "120 bytes in 4 copies"
