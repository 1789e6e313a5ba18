"""Slopes and integrals beyond the op table: where PyTorch is silently wrong."""

from __future__ import annotations

import pytest

import minitensor as mt


def test_the_number_of_coordinates_must_match() -> None:
    """PyTorch accepts too few of them and reads past their end."""
    with pytest.raises(RuntimeError, match="as many entries as dim 0"):
        mt.gradient(mt.ones(4), spacing=[mt.ones(3)])
