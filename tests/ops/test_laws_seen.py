"""Every operation can be seen by an interpreter, and then gives the same result, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.call import note_on_error
from ops.row import Row
from ops.test_laws_gradcheck import DIFFERENTIABLE, flat_function


def values_and_gradients(row: Row, number: int) -> list[Any]:
    """Return the results of a call and the gradients of its tensors."""
    function, leaves = flat_function(row, row.calls[number])
    results = list(function(*leaves))
    recorded = [each for each in results if each.requires_grad]
    starts = [mt.ones_like(each) for each in recorded]
    grads = mt.autograd.grad(recorded, leaves, starts, allow_unused=True) if recorded else ()
    return [None if each is None else each.detach().numpy() for each in (*results, *grads)]


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=repr)
def test_an_operation_gives_the_same_result_when_seen(row: Row) -> None:
    for number in range(min(3, len(row.calls))):
        with note_on_error(row.calls[number]):
            unseen = values_and_gradients(row, number)
            with mt.utils.op_log() as log:
                seen = values_and_gradients(row, number)
            assert log or not seen
            for one, other in zip(unseen, seen, strict=True):
                if one is None:
                    assert other is None
                else:
                    np.testing.assert_array_equal(other, one)
