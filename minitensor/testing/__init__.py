"""Tools for tests: comparing results, making inputs, and drawing inputs in any memory layout.

``assert_close`` and ``make_tensor`` are PyTorch's. ``minitensor.testing.strategies`` must be imported by name, because
it needs hypothesis (``pip install minitensor-py[testing]``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.testing.comparison import assert_allclose, assert_close
from minitensor.testing.creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
