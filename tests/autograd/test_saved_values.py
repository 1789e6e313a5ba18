"""The values that nodes have saved, under PyTorch's names: ``grad_fn._saved_self``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

NAMES = ("self", "other", "result", "exponent", "dim", "input", "weight", "mat1", "mat2", "vec", "tensor")

PROGRAMS: dict[str, Callable[..., Any]] = {
    "exp": lambda lib, x, m: x.exp(), "tanh": lambda lib, x, m: x.tanh(), "relu": lambda lib, x, m: x.relu(),
    "sigmoid": lambda lib, x, m: x.sigmoid(), "log": lambda lib, x, m: x.log(), "sin": lambda lib, x, m: x.sin(),
    "square": lambda lib, x, m: x**2, "power": lambda lib, x, m: x**x, "base": lambda lib, x, m: 2**x,
    "product": lambda lib, x, m: x * x.exp(), "quotient": lambda lib, x, m: x / x.exp(),
    "sum": lambda lib, x, m: x.sum(),
    "sum of rows": lambda lib, x, m: m.sum(1), "mean of rows": lambda lib, x, m: m.mean(1),
    "sum of terms": lambda lib, x, m: x + x, "matrices": lambda lib, x, m: m @ m, "vector": lambda lib, x, m: m @ x,
    "dot": lambda lib, x, m: x @ x, "softmax": lambda lib, x, m: x.softmax(0), "cat": lambda lib, x, m: lib.cat([x, x]),
    "linear": lambda lib, x, m: lib.nn.functional.linear(m, m, x), "clone": lambda lib, x, m: x.clone(),
    "convolution": lambda lib, x, m: lib.nn.functional.conv1d(m[None], m[:, :, None]),
}  # fmt: skip


def saved_values(lib: Any, program: Callable[..., Any]) -> dict[str, Any]:
    """Return the listed values of those names."""
    x = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    m = lib.arange(9.0).reshape(3, 3).requires_grad_()
    node = program(lib, x, m).grad_fn
    found = {name: getattr(node, f"_saved_{name}") for name in NAMES if f"_saved_{name}" in dir(node)}
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in found.items()}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_saved_values_have_pytorchs_names(program: Callable[..., Any]) -> None:
    expected = saved_values(pytest.importorskip("torch"), program)
    found = saved_values(mt, program)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value == expected[name] or mt.allclose(mt.tensor(value), mt.tensor(expected[name])), name


def test_what_was_not_saved_is_not_listed_and_raises() -> None:
    node = (mt.ones(2, requires_grad=True) + 1).grad_fn
    assert not [name for name in dir(node) if name.startswith("_saved_")]
    assert not hasattr(node, "_saved_self") and not hasattr(node.next_functions[0][0], "_saved_self")


def test_freed_values_raise() -> None:
    y = mt.ones(2, requires_grad=True).exp()
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        _ = y.grad_fn._saved_result
