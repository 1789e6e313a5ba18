"""Any attribute may be set on any tensor; copies and pickles keep it, results of operations have none."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor import nn

TENSORS: dict[str, Callable[[], Any]] = {
    "made": lambda: mt.ones(2), "result": lambda: mt.ones(2) * 2, "view": lambda: mt.ones(3)[1:],
    "leaf": lambda: mt.ones(2, requires_grad=True), "recorded": lambda: mt.ones(2, requires_grad=True) * 2,
    "parameter": lambda: nn.Parameter(mt.ones(2)), "buffer": lambda: nn.Buffer(mt.ones(2)),
    "data": lambda: mt.ones(2).data, "0-d": lambda: mt.tensor(1), "weight": lambda: nn.Linear(2, 2).weight,
    "gradient": lambda: mt.autograd.grad((x := mt.ones(2, requires_grad=True)).sum(), x)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", TENSORS)
def test_any_attribute_can_be_set_read_and_deleted(name: str) -> None:
    x = TENSORS[name]()
    before = dict(vars(x))
    x.tag = x._hidden = [1]
    assert x.tag is x._hidden and vars(x) == {**before, "tag": [1], "_hidden": [1]}
    for result in (x * 2, x.clone(), x.detach(), x.reshape(-1), x.data):
        assert not hasattr(result, "tag")
    del x.tag, x._hidden
    assert vars(x) == before
    with pytest.raises(AttributeError, match="has no attribute 'tag'"):
        _ = x.tag


@pytest.mark.parametrize("name", [name for name in TENSORS if name != "recorded"])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_keep_attributes(name: str, duplicate: Callable[[Any], Any]) -> None:
    x = TENSORS[name]()
    x.tag = [1]
    y = duplicate(x)
    assert type(y) is type(x) and y.tag == [1] and y.tolist() == x.tolist()
    assert (y.tag is x.tag) == (duplicate is copy.copy)


def test_an_attribute_may_refer_to_its_tensor() -> None:
    x: Any = mt.ones(2)
    x.me = x
    y = copy.deepcopy(x)
    assert y.me is y is not x


def test_attributes_do_not_hide_the_tensors_own() -> None:
    x: Any = mt.ones(2)
    for name in ("shape", "dtype", "ndim", "T", "is_leaf"):
        with pytest.raises(AttributeError):
            setattr(x, name, 3)
