"""The table of ops: one row each. A new op gets a row, and all laws (``test_laws_*.py``) hold it."""

from __future__ import annotations

from ops import rows_functional, rows_losses, rows_pointwise, rows_reduce, rows_shape
from ops.row import Row

ROWS: tuple[Row, ...] = (
    *rows_pointwise.ROWS, *rows_reduce.ROWS, *rows_shape.ROWS, *rows_functional.ROWS, *rows_losses.ROWS,
)  # fmt: skip
