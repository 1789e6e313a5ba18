"""``bfloat16`` is a name: programs may compare with it and choose among dtypes. Its use raises and says what to use."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt


def test_it_can_be_named_compared_and_copied() -> None:
    x = mt.ones(2)
    assert isinstance(mt.bfloat16, mt.dtype) and repr(mt.bfloat16) == "torch.bfloat16"
    assert x.dtype != mt.bfloat16 and x.dtype in (mt.bfloat16, mt.float32)
    assert {"bfloat16": mt.bfloat16, "float16": mt.float16}["bfloat16"] is mt.bfloat16
    assert pickle.loads(pickle.dumps(mt.bfloat16)) is copy.deepcopy(mt.bfloat16) is mt.bfloat16


def test_its_facts_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for name in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(mt.bfloat16, name) == getattr(torch.bfloat16, name)


USES: dict[str, Callable[[], Any]] = {
    "zeros": lambda: mt.zeros(2, dtype=mt.bfloat16),
    "randn": lambda: mt.randn(2, dtype=mt.bfloat16),
    "tensor": lambda: mt.tensor([1.0], dtype=mt.bfloat16),
    "to": lambda: mt.ones(2).to(mt.bfloat16),
    "type": lambda: mt.ones(2).type(mt.bfloat16),
    "view": lambda: mt.ones(2).view(mt.bfloat16),
    "sum": lambda: mt.ones(2).sum(dtype=mt.bfloat16),
    "a layer": lambda: mt.nn.Linear(2, 2, dtype=mt.bfloat16),
    "a module": lambda: mt.nn.Linear(2, 2).to(mt.bfloat16),
    "finfo": lambda: mt.finfo(mt.bfloat16),
    "can_cast": lambda: mt.can_cast(mt.bfloat16, mt.float32),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_its_use_raises(use: Callable[[], Any]) -> None:
    with pytest.raises(NotImplementedError, match="NumPy has no bfloat16; use float16 or float32"):
        use()


def test_it_is_no_default_and_not_promoted() -> None:
    with pytest.raises(TypeError, match="NumPy has no bfloat16"):
        mt.set_default_dtype(mt.bfloat16)
    with pytest.raises(TypeError, match=r"two dtypes that NumPy has, got torch\.bfloat16"):
        mt.promote_types(mt.bfloat16, mt.float32)
    assert mt.get_default_dtype() is mt.float32
