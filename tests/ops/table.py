"""The table of ops, with one row each. A new op gets a row, and all laws (``test_laws_*.py``) then test it."""

from __future__ import annotations

from ops import (
    rows_complex,
    rows_factors,
    rows_fft,
    rows_functional,
    rows_index,
    rows_layers,
    rows_linalg,
    rows_losses,
    rows_order,
    rows_pointwise,
    rows_reduce,
    rows_shape,
    rows_spatial,
    rows_special,
)
from ops.row import Row

ROWS: tuple[Row, ...] = (
    *rows_pointwise.ROWS,
    *rows_special.ROWS,
    *rows_complex.ROWS,
    *rows_reduce.ROWS,
    *rows_order.ROWS,
    *rows_fft.ROWS,
    *rows_shape.ROWS,
    *rows_index.ROWS,
    *rows_linalg.ROWS,
    *rows_factors.ROWS,
    *rows_functional.ROWS,
    *rows_layers.ROWS,
    *rows_losses.ROWS,
    *rows_spatial.ROWS,
)
