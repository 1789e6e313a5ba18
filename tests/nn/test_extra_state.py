"""Extra state may contain modules, whose entries are loaded after it, as in PyTorch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops.call import outcome


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def holder_of(lib: Any) -> Any:
    """Return a module class that stores any value and returns it as its extra state."""

    class Holder(lib.nn.Module):  # type: ignore[misc]  # of either library
        def __init__(self, content: Any) -> None:
            super().__init__()
            self.content = content
            self.scale = lib.nn.Parameter(lib.ones(1))

        def get_extra_state(self) -> Any:
            return self.content

        def set_extra_state(self, state: Any) -> None:
            if state == "refused":
                raise RuntimeError("refused")
            self.content = state

    return Holder


def chain_of(module: Any) -> Any:
    """Return the values of modules nested in each other, outermost first."""
    if not hasattr(module, "scale"):
        return [type(module).__name__] if hasattr(module, "state_dict") else module
    return [module.scale.tolist(), chain_of(module.content)]


CASES: dict[str, Any] = {
    "a number": lambda lib, make: (make(1), make(2).state_dict()),
    "a module": lambda lib, make: (make(1), make(make(2)).state_dict()),
    "a module in a module": lambda lib, make: (make(1), make(make(make(2))).state_dict()),
    "a layer": lambda lib, make: (make(1), make(lib.nn.Linear(2, 1)).state_dict()),
    "a module for a module": lambda lib, make: (make(make(1)), make(make(2)).state_dict()),
    "inside a container": lambda lib, make: (
        lib.nn.Sequential(make(1), make(2)), lib.nn.Sequential(make(make(3)), make(4)).state_dict()
    ),
    "a key too many": lambda lib, make: (make(1), {**make(make(2)).state_dict(), "content.more": lib.ones(1)}),
    "a key for nobody": lambda lib, make: (make(1), {**make(make(2)).state_dict(), "other.more": lib.ones(1)}),
    "a key too few": lambda lib, make: (
        make(1), {k: v for k, v in make(make(2)).state_dict().items() if k != "content.scale"}
    ),
    "a shape that does not fit": lambda lib, make: (
        make(1), {**make(make(2)).state_dict(), "content.scale": lib.ones(3)}
    ),
    "an inner state that is refused": lambda lib, make: (
        make(1), {**make(make(2)).state_dict(), "content._extra_state": "refused"}
    ),
}  # fmt: skip


def load(lib: Any, name: str, strict: bool) -> Any:
    target, state = CASES[name](lib, holder_of(lib))
    for key, value in state.items():
        if hasattr(value, "dtype"):
            state[key] = value * 0 + 5
    keys = target.load_state_dict(state, strict=strict)
    modules = target if isinstance(target, lib.nn.Sequential) else [target]
    return [sorted(each) for each in keys], [chain_of(each) for each in modules]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_modules_in_extra_state_are_loaded_as_in_pytorch(torch: ModuleType, name: str, strict: bool) -> None:
    expected, found = outcome(load, torch, name, strict), outcome(load, mt, name, strict)
    if not isinstance(expected, Exception):
        assert found == expected
        return
    assert isinstance(found, type(expected))
    for word in ("Missing key", "Unexpected key", "content.more", "other.more", "size mismatch", "refused"):
        assert (word in str(found)) == (word in str(expected)), word


def test_tensors_are_unchanged_if_the_modules_in_the_extra_state_do_not_match() -> None:
    make = holder_of(mt)
    target = make(1)
    state = {**make(make(2)).state_dict(), "scale": mt.full((1,), 9.0), "content.more": mt.ones(1)}
    with pytest.raises(RuntimeError, match=r"content\.more"):
        target.load_state_dict(state)
    assert target.scale.item() == 1
