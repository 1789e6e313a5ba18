"""The fast LSTM against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minitensor.backends.numpy import recurrent as fast
from minitensor.backends.numpy.threads import get_num_threads, set_num_threads
from minitensor.backends.reference import recurrent as reference

TOLERANCE = {"float16": 2e-2, "float32": 2e-5, "float64": 1e-13}
SIZES = [(1, 1, 1), (5, 3, 4), (2, 0, 3), (40, 7, 33), (3, 300, 64)]  # L, N, H; the last one in several passes


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("masked", [False, True], ids=["all there", "masked"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_fast_kernels_equal_the_reference(sizes: Any, masked: bool, dtype: str) -> None:
    gates, weight, h, c, mask, grad = draw(*sizes, dtype)
    mask = mask if masked else None
    states, opened = reference.lstm(np, gates, weight, h, c, mask)
    found = reference.lstm_backward(np, grad, states, opened, weight, h, c, mask)
    ours, kept = fast.lstm(gates, weight, h, c, mask)
    assert_close(ours, states, dtype)
    for mine, his in zip(fast.lstm_backward(grad, ours, kept, weight, h, c, mask), found, strict=True):
        assert_close(mine, his, dtype)


def test_fully_open_and_closed_gates_stay_finite() -> None:
    gates, weight, h, c, _, grad = draw(4, 3, 5, "float32")
    gates *= 1000
    states, opened = fast.lstm(gates, weight, h, c, None)
    assert_close(states, reference.lstm(np, gates, weight, h, c, None)[0], "float32")
    assert all(np.isfinite(each).all() for each in fast.lstm_backward(grad, states, opened, weight, h, c, None))


def test_arrays_of_any_layout_are_read_and_not_changed() -> None:
    gates, weight, h, c, _, grad = draw(6, 4, 8, "float64")
    loose = [np.repeat(each, 2, -1)[..., ::2] for each in (gates, weight.T, h, c, grad)]
    loose[1] = loose[1].T
    copies = [each.copy() for each in loose]
    states, opened = fast.lstm(*loose[:4], None)
    assert_close(states, fast.lstm(gates, weight, h, c, None)[0], "float64")
    first = fast.lstm_backward(loose[4], states, opened, *loose[1:4], None)
    for mine, again in zip(first, fast.lstm_backward(grad, states, opened, weight, h, c, None), strict=True):
        assert_close(mine, again, "float64")
    assert all(np.array_equal(each, copy) for each, copy in zip(loose, copies, strict=True))


def test_states_do_not_depend_on_the_number_of_threads() -> None:
    gates, weight, h, c, _, _ = draw(4, 40, 64, "float32")
    threads, found = get_num_threads(), []
    try:
        for count in (1, 2, 3):
            set_num_threads(count)
            found.append(fast.lstm(gates, weight, h, c, None)[0])
    finally:
        set_num_threads(threads)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def draw(steps: int, batch: int, size: int, dtype: str) -> list[Any]:
    """Return gates, weight, first h and c, a mask, and a gradient of the states."""
    random = np.random.default_rng(steps)
    shapes = (steps, batch, 4 * size), (4 * size, size), (batch, size), (batch, size)
    arrays = [random.standard_normal(shape) / (1 + len(shape) % 2) for shape in shapes]
    arrays[1] /= size**0.5
    arrays += [random.random((steps, batch, 1)) < 0.7, random.standard_normal((2, steps, batch, size))]
    return [each.astype(dtype) for each in arrays]


def assert_close(ours: Any, theirs: Any, dtype: str) -> None:
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    scale = np.abs(theirs).max(initial=1)
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)
