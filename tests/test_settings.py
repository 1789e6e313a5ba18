"""Settings without effect: what is set can be read back, and invalid values are refused as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import minitensor as mt


@pytest.fixture(params=["minitensor", "torch"])
def lib(request: pytest.FixtureRequest) -> Iterator[Any]:
    found = pytest.importorskip(request.param)
    yield found
    found.use_deterministic_algorithms(False)
    found.set_float32_matmul_precision("highest")


def test_deterministic_algorithms(lib: Any) -> None:
    def state() -> tuple[bool, bool]:
        return lib.are_deterministic_algorithms_enabled(), lib.is_deterministic_algorithms_warn_only_enabled()

    assert state() == (False, False)
    lib.use_deterministic_algorithms(True, warn_only=True)
    assert state() == (True, True)
    lib.use_deterministic_algorithms(True)
    assert state() == (True, False)


def test_precision(lib: Any) -> None:
    assert lib.get_float32_matmul_precision() == "highest"
    lib.set_float32_matmul_precision("medium")
    assert lib.get_float32_matmul_precision() == "medium"


WRONG: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "mode": (TypeError, lambda lib: lib.use_deterministic_algorithms(1)),
    "warn_only": (TypeError, lambda lib: lib.use_deterministic_algorithms(True, warn_only=1)),
    "precision": (RuntimeError, lambda lib: lib.set_float32_matmul_precision(1)),
    "denormal": (RuntimeError, lambda lib: lib.set_flush_denormal(1)),
}


@pytest.mark.parametrize(("error", "action"), WRONG.values(), ids=WRONG)
def test_refused(lib: Any, error: type[Exception], action: Callable[[Any], Any]) -> None:
    with pytest.raises(error):
        action(lib)
    assert not lib.are_deterministic_algorithms_enabled()


def test_an_unknown_precision_warns_and_changes_nothing() -> None:
    with pytest.warns(UserWarning, match="no effect"):
        mt.set_float32_matmul_precision("bad")
    assert mt.get_float32_matmul_precision() == "highest"


def test_denormals_are_kept() -> None:
    assert mt.set_flush_denormal(True) is False
    assert (mt.tensor([1e-40]) * 1.0).item() > 0
