"""What kernels of ``torch.library`` get, when they may be added, and which names operations may have, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

SCHEMA = "(Tensor x, int a=1, float b=2.0, int[] s=[1, 2], str m='a', *, int c=3, Tensor? t=None) -> Tensor"
POSITIONAL: list[tuple[Any, ...]] = [
    (), (1,), (5,), (1, 2.0), (1, 3.0), (1, 2.0, [1, 2]), (1, 2.0, [1, 3]), (1, 2.0, [1]), (1, 2.0, [1, 2], "a"),
    (1, 2.0, [1, 2], "b"),
]  # fmt: skip
NAMED: list[dict[str, Any]] = [{}, {"c": 3}, {"c": 4}, {"t": None}, {"c": 4, "t": None}]


def given(library: Any, define_first: bool) -> list[Any]:
    """Return what the kernel of an operation gets besides the tensor in calls of all kinds."""
    found: list[Any] = []

    def kernel(x: Any, *args: Any, **kwargs: Any) -> Any:
        found.append((args, kwargs))
        return x * 2

    name = f"kernels{define_first}::scale"
    steps = [lambda: library.library.define(name, SCHEMA), lambda: library.library.impl(name, "default", kernel)]
    for step in steps if define_first else reversed(steps):
        step()
    operation = getattr(library.ops, f"kernels{define_first}").scale
    for args in POSITIONAL:
        for kwargs in NAMED:
            assert operation(library.ones(2), *args, **kwargs).tolist() == [2.0, 2.0]
    return found


@pytest.mark.parametrize("define_first", [True, False])
def test_a_kernel_gets_what_pytorchs_gets(define_first: bool) -> None:
    torch = pytest.importorskip("torch")
    found = given(mt, define_first)
    assert found == given(torch, define_first)
    assert len(found) == len(POSITIONAL) * len(NAMED)


def clone(x: mt.Tensor) -> mt.Tensor:
    return x.clone()


@pytest.mark.parametrize("name", ["one::two::three", "nothing", "one::two::", "::::"])
@pytest.mark.parametrize("make", [
    lambda name: mt.library.custom_op(name, clone, mutates_args=()),
    lambda name: mt.library.define(name, "(Tensor x) -> Tensor"),
    lambda name: mt.library.impl(name, "cpu", clone),
])  # fmt: skip
def test_a_name_has_one_namespace(make: Callable[[str], Any], name: str) -> None:
    with pytest.raises(ValueError, match="the name of an operation in a namespace"):
        make(name)


def test_a_library_adds_kernels_to_what_is_defined_later() -> None:
    library = mt.library.Library("later", "FRAGMENT")
    library.impl("double", lambda x: x * 2, "CPU")
    mt.library.register_kernel("later::triple", "cpu", lambda x: x * 3)
    library.define("double(Tensor x) -> Tensor")
    library.define("triple(Tensor x) -> Tensor")
    assert [each(mt.ones(1)).item() for each in (mt.ops.later.double, mt.ops.later.triple)] == [2.0, 3.0]
