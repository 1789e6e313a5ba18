"""The table of ops: one row each. A new op gets a row, and all laws (``test_laws_*.py``) hold it.

What has a public name and needs no row is listed, with the reason, in ``test_laws_table.py``.
"""

from __future__ import annotations

from ops import rows_functional, rows_losses, rows_pointwise, rows_reduce, rows_shape
from ops.row import Row

ROWS: tuple[Row, ...] = (
    *rows_pointwise.ROWS, *rows_reduce.ROWS, *rows_shape.ROWS, *rows_functional.ROWS, *rows_losses.ROWS,
)  # fmt: skip
