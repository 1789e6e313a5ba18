"""The compiled gradient of max-pooling equals the reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from minitensor.backends.numpy import threads
from minitensor.backends.reference import pool as reference

pytest.importorskip("numba")
fast = __import__("minitensor.backends.fast.pool", fromlist=["pool"])

LAYOUTS = ("dense", "channels last", "flipped", "expanded", "read-only")
SHAPES = [((2, 3, 4, 5), (9, 8)), ((1, 1, 1, 1), (3, 3)), ((2, 3, 7), (20,)), ((2, 2, 3, 3, 3), (4, 5, 6)),
          ((0, 2, 3, 3), (4, 4)), ((2, 4, 0, 3), (4, 4)), ((3, 40, 30, 30), (31, 30))]  # fmt: skip


def arrange(array: Any, layout: str) -> Any:
    """Return an array in another memory layout."""
    if layout == "channels last":
        return numpy.moveaxis(numpy.ascontiguousarray(numpy.moveaxis(array, 1, -1)), -1, 1)
    if layout == "flipped":
        return array[..., ::-1]
    if layout == "expanded":
        return numpy.broadcast_to(array[:1], array.shape)
    array.flags.writeable = layout != "read-only"
    return array


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize(("shape", "side"), SHAPES, ids=str)
def test_the_gradient_of_max_pooling_equals_the_reference(shape: Any, side: Any, dtype: str, layout: str) -> None:
    random = numpy.random.default_rng(0)
    grad = arrange((random.standard_normal(shape) * 9).astype(dtype), layout)
    indices = arrange(random.integers(0, numpy.prod(side), shape), layout)
    given = grad, indices, (*shape[:2], *side)
    found, expected = fast.gather_planes_backward(*given), reference.gather_planes_backward(numpy, *given)
    numpy.testing.assert_array_equal(found, expected, strict=True)
    assert found.strides == expected.strides


def test_nan_and_infinities_are_added_as_in_the_reference() -> None:
    random = numpy.random.default_rng(1)
    grad = random.choice([1, numpy.inf, -numpy.inf, numpy.nan], (2, 3, 9, 9)).astype("float32")
    given = grad, random.integers(0, 400, grad.shape), (2, 3, 20, 20)
    with numpy.errstate(invalid="ignore"):
        expected = reference.gather_planes_backward(numpy, *given)
    numpy.testing.assert_array_equal(fast.gather_planes_backward(*given), expected, strict=True)


def test_a_position_past_the_last_plane_is_refused() -> None:
    grad, indices = numpy.ones((1, 1, 2, 2), "float32"), numpy.full((1, 1, 2, 2), 16)
    with pytest.raises(IndexError):
        fast.gather_planes_backward(grad, indices, (1, 1, 4, 4))


def test_the_number_of_threads_changes_no_result() -> None:
    random, shape = numpy.random.default_rng(2), (16, 64, 20, 20)
    grad, indices = random.standard_normal(shape).astype("float32"), random.integers(0, 1600, shape)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(fast.gather_planes_backward(grad, indices, (16, 64, 40, 40)).tobytes())
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]
