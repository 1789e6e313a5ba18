"""For tests of code that uses this library: comparing results, making inputs, and drawing inputs in any memory layout.

``assert_close`` and ``make_tensor`` are PyTorch's. ``minitensor.testing.strategies``, which needs hypothesis
(``pip install minitensor-py[testing]``) and is imported by its own name, draws tensors that lie in memory in every way
that strides allow.
"""

from __future__ import annotations

from minitensor.testing.comparison import assert_close
from minitensor.testing.creation import make_tensor

__all__ = ["assert_close", "make_tensor"]
