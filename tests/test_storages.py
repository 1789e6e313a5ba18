"""The memory of tensors as bytes and as elements: indices, slices, lists and writes as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

TENSORS: dict[str, Callable[[Any], Any]] = {
    "floats": lambda t: t.tensor([1.0, 2.0, 3.0]), "integers": lambda t: t.tensor([1, -2, 3]),
    "bools": lambda t: t.tensor([True, False]), "nothing": lambda t: t.ones(0), "a view": lambda t: t.arange(6.0)[2:4],
    "one": lambda t: t.ones(1).expand(3), "columns": lambda t: t.arange(6).reshape(2, 3).t(),
    "complex": lambda t: t.tensor([1j, 2.0]), "halves": lambda t: t.ones(2, dtype=t.float16),
}  # fmt: skip
USES: dict[str, Callable[[Any], Any]] = {
    **{f"[{place}]": lambda s, place=place: s[place] for place in (0, 1, -1, 99, -99, True, 0.0, "a", None)},  # type: ignore[misc]
    **{f"[{first}:{last}:{step}]": lambda s, each=slice(first, last, step): list(s[each])  # type: ignore[misc]
       for first, last, step in ((1, 3, None), (None, None, 1), (-2, None, None), (5, 2, None), (0, 9, 2))},
    "list": list, "len": len, "tolist": lambda s: s.tolist(), "size": lambda s: s.size(), "bytes": lambda s: s.nbytes(),
    "element_size": lambda s: s.element_size(), "in": lambda s: 1 in s,
    "a write": lambda s: (s.__setitem__(0, 1), s[0]),
    "writes": lambda s: (s.__setitem__(slice(0, 2), 1), s.tolist()), "the last write": lambda s: s.__setitem__(-99, 1),
}  # fmt: skip


def outcome(library: Any, make: Callable[[Any], Any], kind: str, use: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return use(getattr(make(library), kind)())
        except Exception as error:
            return error


@pytest.mark.parametrize("kind", ["storage", "untyped_storage"])
@pytest.mark.parametrize("what", TENSORS)
def test_storages_are_read_and_written_as_in_pytorch(what: str, kind: str) -> None:
    torch = pytest.importorskip("torch")
    for name, use in USES.items():
        expected, found = [outcome(each, TENSORS[what], kind, use) for each in (torch, mt)]
        if isinstance(expected, Exception):
            assert isinstance(found, type(expected)), (name, found, expected)
        else:
            assert found == expected, name


def test_a_slice_shares_the_memory_and_counts_writes() -> None:
    x = mt.zeros(2, dtype=mt.uint8)
    x.untyped_storage()[1:][0] = 7
    assert x.tolist() == [0, 7] and x._version == 1
