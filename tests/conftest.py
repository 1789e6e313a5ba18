"""Hypothesis profiles, and fixtures that restore global state.

A test may change the default dtype, the default device, the generator or the print options: they are restored when it
ends, PyTorch's too, for a later test in the same process asks PyTorch for the right answer. A test must not leave a
changed grad mode behind; one that does fails. This file knows nothing about individual ops.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SLOW_STARTS = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=SLOW_STARTS)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, print_blob=True, suppress_health_check=SLOW_STARTS
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without-fast", action="store_true", help="test NumPy's kernels even if Numba is installed")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--without-fast"):
        import minitensor  # as below

        minitensor.backends.fast.set_flags(enabled=False)


# Global state: how to read it and how to restore it.
RESTORED = {
    "default generator": ("get_rng_state", "set_rng_state"),
    "print options": ("get_printoptions", "set_printoptions"),
    "threads": ("get_num_threads", "set_num_threads"),
}
KEPT = {
    "grad mode": "is_grad_enabled", "inference mode": "is_inference_mode_enabled", "anomaly mode": "is_anomaly_enabled",
}  # fmt: skip


def put_back(write: Callable[..., Any], value: Any) -> None:
    if isinstance(value, dict):
        write(**value)
    else:
        write(value)


def reset(library: Any) -> None:
    """Set the defaults that a program may change back to what they are when the library is imported."""
    library.set_default_device(None)
    library.set_default_dtype(library.float32)
    library.backends.cuda.matmul.allow_tf32 = False


@pytest.fixture(autouse=True)
def restore_global_state() -> Iterator[None]:
    """Start each test with the same seed, and restore global state after it."""
    import minitensor  # imported here, so that tests of the sources can run even if the library cannot be imported
    from minitensor.autograd.protocol import CLASSES, active

    restored = {
        (read, write): getattr(minitensor, read)()
        for read, write in RESTORED.values()
        if hasattr(minitensor, read) and hasattr(minitensor, write)
    }
    kept = {name: getattr(minitensor, read)() for name, read in KEPT.items() if hasattr(minitensor, read)}
    minitensor.manual_seed(0)
    yield
    if CLASSES in active:
        active.remove(CLASSES)  # a subclass that the test defined makes every call look at its arguments
    for library in filter(None, (minitensor, sys.modules.get("torch"))):
        reset(library)
    for (_, write), value in restored.items():
        put_back(getattr(minitensor, write), value)
    left = {name: getattr(minitensor, KEPT[name])() for name in kept}
    assert left == kept, f"the test left another state behind: {left}, before it {kept}"


@pytest.fixture
def without_warnings() -> Iterator[None]:
    """Give no warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Let kernels use three threads, whatever the machine has; `restore_global_state` sets their number back."""
    import minitensor

    minitensor.set_num_threads(3)
    yield


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Turn off the garbage collector, so that only reference counting frees memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
