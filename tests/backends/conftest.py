"""Kernels compute infinities and NaN; the operations that call them keep NumPy's complaints from the user."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def let_numpy_be_silent() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield
