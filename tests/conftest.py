"""Hypothesis' profiles and a seal on what is global for every test, and memory without the collector for some.

A test may change the default dtype, the generator or how tensors print: they are put back when it ends. Grad mode is
never a test's to leave behind, so one that does fails. This file knows no op.
"""

from __future__ import annotations

import gc
import os
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


# What is global: how to read it, how to put it back.
RESTORED = {
    "default dtype": ("get_default_dtype", "set_default_dtype"),
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


@pytest.fixture(autouse=True)
def sealed() -> Iterator[None]:
    """Start each test from one seed, and put global state back after it."""
    import minitensor  # at the top it would keep tests of the sources from running while the library cannot be imported

    restored = {
        (read, write): getattr(minitensor, read)()
        for read, write in RESTORED.values()
        if hasattr(minitensor, read) and hasattr(minitensor, write)
    }
    kept = {name: getattr(minitensor, read)() for name, read in KEPT.items() if hasattr(minitensor, read)}
    minitensor.manual_seed(0)
    yield
    for (_, write), value in restored.items():
        put_back(getattr(minitensor, write), value)
    left = {name: getattr(minitensor, KEPT[name])() for name in kept}
    assert left == kept, f"the test left another state behind: {left}, before it {kept}"


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Let only reference counts free memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
