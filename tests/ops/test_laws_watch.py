"""Saved tensors may be kept elsewhere: gradients are the same with packing hooks and anomaly mode, for every op."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.autograd import detect_anomaly, graph
from ops.call import note_on_error
from ops.row import Row
from ops.test_laws_gradcheck import DIFFERENTIABLE, flat_function


def gradients(row: Row, number: int) -> list[Any]:
    """Return the first gradients of a call, and the gradients of their squares if there are any."""
    function, leaves = flat_function(row, row.calls[number])
    results = [each for each in function(*leaves) if each.requires_grad]
    if not results:
        return []
    starts = [mt.ones_like(each) for each in results]
    first = mt.autograd.grad(results, leaves, starts, create_graph=row.twice, allow_unused=True)
    again = [each for each in first if each is not None and each.requires_grad]
    second = mt.autograd.grad([(each * each.conj()).real.sum() for each in again], leaves, allow_unused=True) \
        if again else ()
    return [None if each is None else each.detach().numpy() for each in (*first, *second)]


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=repr)
def test_gradients_are_the_same_if_saved_tensors_are_packed(row: Row) -> None:
    for number in range(min(3, len(row.calls))):
        with note_on_error(row.calls[number]):
            plain = gradients(row, number)
            with detect_anomaly(check_nan=False), graph.saved_tensors_hooks(mt.clone, mt.clone):
                packed = gradients(row, number)
            for one, other in zip(plain, packed, strict=True):
                if one is None:
                    assert other is None
                else:
                    np.testing.assert_array_equal(other, one)
