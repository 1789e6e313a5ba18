"""What the op table cannot say about slopes and integrals: where PyTorch is silently wrong."""

from __future__ import annotations

import pytest

import minitensor as mt


def test_coordinates_must_be_as_many_as_entries() -> None:
    """PyTorch takes too few of them and reads on in memory."""
    with pytest.raises(RuntimeError, match="as many entries as dim 0"):
        mt.gradient(mt.ones(4), spacing=[mt.ones(3)])
