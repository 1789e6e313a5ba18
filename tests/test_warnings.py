"""A warning points to the user's line, however many library frames are in between."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional as F
import minitensor.utils.data


def read_only() -> Any:
    array = np.ones(2)
    array.flags.writeable = False
    return array


CASES: dict[str, Callable[[], Any]] = {
    "a read-only array": lambda: mt.from_numpy(read_only()),
    "range": lambda: mt.range(0, 3),
    "a resized out= of an op": lambda: mt.exp(mt.ones(2), out=mt.ones(3)),
    "a resized out= of a function of ops": lambda: mt.cumsum(mt.ones(2), 0, out=mt.ones(3)),
    "softmax without a dim": lambda: F.softmax(mt.ones(2, 2)),
    "a target that broadcasts": lambda: F.mse_loss(mt.ones(2, 2), mt.ones(2)),
    "dropout2d of three dims": lambda: F.dropout2d(mt.ones(2, 2, 2)),
    "an old switch of a loss": lambda: mt.nn.MSELoss(reduce=True),
    "dropout in one layer": lambda: mt.nn.LSTM(2, 2, dropout=0.5),
    "an old name in init": lambda: mt.nn.init.xavier_uniform(mt.ones(2, 2)),
    "nothing to draw": lambda: mt.nn.init.kaiming_uniform_(mt.ones(0, 2)),
    "an old function": lambda: mt.nn.utils.weight_norm(mt.nn.Linear(2, 2)),
    "no gradients": lambda: mt.nn.utils.clip_grad_norm_((param for param in ()), 1.0),
    "a parameter twice": lambda: mt.optim.SGD([mt.nn.Parameter(mt.ones(1))] * 2),
    "a mask of bytes": lambda: mt.ones(3)[mt.ones(3, dtype=mt.uint8)],
    "an empty split": lambda: mt.utils.data.random_split([1], [0.5, 0.5]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_warning_points_to_the_line_that_called(case: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CASES[case]()
    assert [(each.filename, each.lineno) for each in caught] == [(__file__, CASES[case].__code__.co_firstlineno)]


def test_no_warning_counts_frames_by_a_number() -> None:
    """A fixed ``stacklevel`` would name a line of the library as soon as a frame is added between the two."""
    root = Path(__file__).resolve().parent.parent
    levels = {
        f"{path.relative_to(root)}:{node.lineno}": ast.unparse(
            next((each.value for each in node.keywords if each.arg == "stacklevel"), (*node.args[2:], node)[0])
        )
        for room in ("minitensor", "nn", "optim") for path in (root / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
    }
    assert len(levels) > 30
    assert not {place: level for place, level in levels.items() if level != "user_level()"}
