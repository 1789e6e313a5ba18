"""Weak references and dicts by identity, against PyTorch's: the same calls give the same."""

from __future__ import annotations

import copy
import gc
import importlib
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

theirs = pytest.importorskip("torch.utils.weak")
LIBRARIES = {"ours": (mt, mt.utils.weak), "theirs": (importlib.import_module("torch"), theirs)}


def names(entries: Any) -> list[Any]:
    return sorted(entries.values())


USES: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "len": lambda d, x, y, lib: len(d), "in": lambda d, x, y, lib: (x in d, y in d, 3 in d, x.clone() in d),
    "get": lambda d, x, y, lib: (d[x], d.get(y), d.get(y, 5)), "missing": lambda d, x, y, lib: d[y],
    "delete": lambda d, x, y, lib: (d.__delitem__(x), len(d)), "delete missing": lambda d, x, y, lib: d.__delitem__(y),
    "pop": lambda d, x, y, lib: (d.pop(x), d.pop(x, 7), len(d)), "pop missing": lambda d, x, y, lib: d.pop(y),
    "setdefault": lambda d, x, y, lib: (d.setdefault(x, 8), d.setdefault(y, 9), names(d)),
    "keys": lambda d, x, y, lib: [each is x for each in d], "items": lambda d, x, y, lib: [v for _, v in d.items()],
    "keyrefs": lambda d, x, y, lib: [each() is x for each in d.keyrefs()],
    "popitem": lambda d, x, y, lib: (d.popitem()[1], len(d)), "clear": lambda d, x, y, lib: (d.clear(), len(d)),
    "update": lambda d, x, y, lib: (d.update({y: 2}), names(d)), "copy": lambda d, x, y, lib: names(d.copy()),
    "or": lambda d, x, y, lib: names(d | {y: 4}), "ror": lambda d, x, y, lib: names({y: 4} | d),
    "or list": lambda d, x, y, lib: d | [1], "eq": lambda d, x, y, lib: (d == {x: 1}, d == {y: 1}, d == 3),
    "deepcopy": lambda d, x, y, lib: names(copy.deepcopy(d)), "set number": lambda d, x, y, lib: d.update({3: 1}),
    "hash": lambda d, x, y, lib: hash(d), "ior": lambda d, x, y, lib: names(d.__ior__({y: 3})),
}  # fmt: skip


def use(lib: str, name: str) -> Any:
    torch, weak = LIBRARIES[lib]
    x, y = torch.ones(2), torch.ones(2)
    entries = weak.WeakIdKeyDictionary({x: 1})
    try:
        return USES[name](entries, x, y, weak)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", USES)
def test_a_dict_by_identity_is_pytorchs(name: str) -> None:
    assert use("ours", name) == use("theirs", name)


@pytest.mark.parametrize("lib", LIBRARIES)
def test_entries_go_with_their_keys(lib: str) -> None:
    torch, weak = LIBRARIES[lib]
    keys = [torch.ones(2) for _ in range(4)]
    entries = weak.WeakTensorKeyDictionary({key: i for i, key in enumerate(keys)})
    del keys[1:3]
    gc.collect()
    assert sorted(entries.values()) == [0, 3] and len(entries) == 2
    seen = []
    for _ in entries:
        keys.clear()  # entries may go during a loop
        seen.append(1)
    gc.collect()
    assert seen and len(entries) <= 1


@pytest.mark.parametrize("lib", LIBRARIES)
def test_references_are_equal_by_identity(lib: str) -> None:
    torch, weak = LIBRARIES[lib]
    x, y = torch.ones(2), torch.ones(2)
    one, again, other = weak.WeakIdRef(x), weak.WeakIdRef(x), weak.WeakIdRef(y)
    assert one == again and hash(one) == hash(again) == id(x) and one() is x
    assert not one == other  # noqa: SIM201  # PyTorch's != compares elements
    del x
    gc.collect()
    assert one() is None and not one == again  # noqa: SIM201  # as above


def test_a_reference_to_a_tensor_wants_one() -> None:
    x = mt.ones(2)
    found = mt.utils.weak.TensorWeakRef(x)
    assert found() is x
    del x
    assert found() is None
    for _, weak in LIBRARIES.values():
        with pytest.raises(AssertionError, match="expected"):
            weak.TensorWeakRef([1])
