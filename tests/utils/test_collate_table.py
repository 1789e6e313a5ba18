"""Functions that collate samples of more classes: in ``default_collate_fn_map``, or in a table of one's own."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import minitensor as mt
from minitensor.utils.data._utils.collate import collate, default_collate, default_collate_fn_map

Pair = namedtuple("Pair", "first second")


class Word:
    def __init__(self, text: str) -> None:
        self.text = text


def join(batch: Any, *, collate_fn_map: Any = None) -> str:
    return " ".join(each.text for each in batch)


def test_a_table_of_ones_own_reaches_into_containers() -> None:
    batch = [{"a": Word("x"), "b": [1, Pair(1.5, "t")]}, {"a": Word("y"), "b": [2, Pair(2.5, "u")]}]
    found = collate(batch, collate_fn_map={Word: join, **default_collate_fn_map})
    assert found["a"] == "x y" and found["b"][0].tolist() == [1, 2]
    assert found["b"][1].first.tolist() == [1.5, 2.5] and found["b"][1].second == ("t", "u")


def test_the_default_table_may_be_extended() -> None:
    default_collate_fn_map[Word] = join
    try:
        assert default_collate([Word("a"), Word("b")]) == "a b"
    finally:
        del default_collate_fn_map[Word]


def test_subclasses_are_collated_as_their_class() -> None:
    class Label(int):
        pass

    assert default_collate([Label(3), Label(4)]).tolist() == [3, 4] and default_collate([True, False]).dtype is mt.bool
