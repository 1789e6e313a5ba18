"""``Tensor.type`` and ``Module.type`` of every kind of object: PyTorch's dtype, or an error of its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

GIVEN: dict[str, Callable[[Any], Any]] = {
    "a dtype": lambda lib: lib.float64,
    "the class": lambda lib: lib.Tensor,
    "a tensor": lambda lib: lib.ones(2),
    "a device": lambda lib: lib.device("cpu"),
    **{repr(each): lambda lib, each=each: each for each in (
        "torch.DoubleTensor", "torch.FloatTensor", "torch.BoolTensor", "torch.ComplexDoubleTensor", "DoubleTensor",
        "torch.XTensor", "float32", "torch.float32", "d", "f4", "cpu", "x", "2", "", b"x", -1, 0, 1.5, [], True, (2, 3),
        {}, 1j, int, float, bool, complex, str, object, type(None), np.float64, np.dtype("f8"), Ellipsis, len,
    )},
}  # fmt: skip


def of_a_tensor(lib: Any, given: Any) -> Any:
    return str(lib.ones(2).type(given).dtype)


def of_a_module(lib: Any, given: Any) -> Any:
    return str(lib.nn.Linear(2, 2).type(given).weight.dtype)


@pytest.mark.parametrize("call", [of_a_tensor, of_a_module])
@pytest.mark.parametrize("given", GIVEN)
def test_type_behaves_as_in_pytorch(given: str, call: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    try:
        expected = call(torch, GIVEN[given](torch))
    except Exception as error:
        with pytest.raises(type(error), match=r"invalid type: |must be floating point") as ours:
            call(mt, GIVEN[given](mt))
        assert isinstance(ours.value, mt.errors.MinitensorError)
        return
    assert call(mt, GIVEN[given](mt)) == expected


def test_module_type_refuses_none() -> None:
    with pytest.raises(TypeError, match="a dtype is wanted, got None"):
        mt.nn.Linear(2, 2).type(None)  # type: ignore[arg-type]  # that is the test
