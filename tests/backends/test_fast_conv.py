"""The compiled convolutions equal the reference for every algorithm, dtype and layout."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from minitensor.backends.fast.flags import FLAGS
from minitensor.backends.numpy import threads
from minitensor.backends.reference import conv as reference

pytest.importorskip("numba")
fast = __import__("minitensor.backends.fast.conv", fromlist=["conv"])
Numbers = tuple[int, ...]

# Input, weight, stride, padding, dilation, groups: for each algorithm, each dimension and each branch in it.
CASES: dict[str, tuple[Numbers, Numbers, Numbers, Numbers, Numbers, int]] = {
    "Winograd": ((3, 17, 13, 18), (19, 17, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "Winograd, no padding": ((2, 16, 14, 15), (16, 16, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    "Winograd, wide padding": ((2, 16, 12, 12), (18, 16, 3, 3), (1, 1), (2, 1), (1, 1), 1),
    "Winograd, one row": ((40, 16, 3, 4), (16, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "windows": ((2, 16, 9, 11), (5, 16, 4, 3), (1, 1), (1, 2), (1, 1), 1),
    "windows with stride": ((3, 16, 10, 9), (6, 16, 3, 3), (2, 3), (1, 0), (1, 1), 1),
    "windows with dilation": ((2, 18, 9, 9), (4, 18, 2, 3), (1, 2), (2, 1), (3, 2), 1),
    "windows in groups": ((2, 32, 7, 8), (6, 16, 3, 2), (2, 1), (1, 1), (1, 1), 2),
    "windows that leave entries unseen": ((2, 16, 9, 9), (3, 16, 2, 2), (3, 4), (0, 0), (1, 1), 1),
    "signals": ((3, 16, 12), (5, 16, 3), (2,), (1,), (1,), 1),
    "volumes": ((2, 16, 4, 5, 6), (3, 16, 2, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    "depthwise": ((2, 5, 9, 8), (5, 1, 3, 3), (1, 1), (1, 1), (1, 1), 5),
    "depthwise, several outputs": ((2, 3, 7, 8), (6, 1, 3, 2), (2, 3), (2, 1), (1, 2), 3),
    "depthwise, entries unseen": ((2, 4, 9, 10), (4, 1, 2, 2), (4, 3), (0, 0), (1, 1), 4),
    "few channels": ((2, 3, 8, 8), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "windows of one entry": ((2, 16, 6, 6), (4, 16, 1, 1), (2, 1), (0, 0), (1, 1), 1),
}
LAYOUTS = ("dense", "channels last", "flipped", "expanded", "read-only")
EXACT = {"float32": 2e-5, "float64": 1e-12}  # of the largest entry


def draw(shape: Numbers, dtype: str, layout: str, seed: int) -> Any:
    array = numpy.random.default_rng(seed).standard_normal(shape).astype(dtype)
    if layout == "channels last":
        return numpy.moveaxis(numpy.ascontiguousarray(numpy.moveaxis(array, 1, -1)), -1, 1)
    if layout == "flipped":
        return array[..., ::-1]
    if layout == "expanded":
        return numpy.broadcast_to(array[:1], shape)
    array.flags.writeable = layout != "read-only"
    return array


def assert_near(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert abs(found - expected).max() <= EXACT[str(expected.dtype)] * abs(expected).max()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("case", CASES)
def test_the_compiled_convolutions_equal_the_reference(case: str, dtype: str, layout: str) -> None:
    shape, weight_shape, *numbers = CASES[case]
    input, weight = draw(shape, dtype, layout, 1), draw(weight_shape, dtype, "dense", 2)
    output = fast.conv(input, weight, *numbers)
    assert_near(output, reference.conv(numpy, input, weight, *numbers))
    grad = draw(output.shape, dtype, layout, 3)
    assert_near(
        fast.conv_backward_input(grad, weight, shape, *numbers),
        reference.conv_backward_input(numpy, grad, weight, shape, *numbers),
    )
    assert_near(
        fast.conv_backward_weight(grad, input, weight_shape, *numbers),
        reference.conv_backward_weight(numpy, grad, input, weight_shape, *numbers),
    )


def test_winograds_algorithm_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    shape, weight_shape, *numbers = CASES["Winograd"]
    input, weight = draw(shape, "float32", "dense", 1), draw(weight_shape, "float32", "dense", 2)
    exact = reference.conv(numpy, input.astype("float64"), weight.astype("float64"), *numbers)
    error = abs(fast.conv(input, weight, *numbers) - exact).max()
    monkeypatch.setattr(FLAGS, "winograd", False)
    assert abs(fast.conv(input, weight, *numbers) - exact).max() < error


@pytest.mark.parametrize("stride", [1, 2])
def test_the_number_of_threads_changes_no_result(stride: int) -> None:
    shape, weight_shape, *numbers = (16, 64, 24, 24), (64, 64, 3, 3), (stride, stride), (1, 1), (1, 1), 1
    input, weight = draw(shape, "float32", "dense", 1), draw(weight_shape, "float32", "dense", 2)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            output = fast.conv(input, weight, *numbers)
            total = fast.conv_backward_weight(output, input, weight_shape, *numbers)
            results.append((output.tobytes(), total.tobytes()))
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_memory_formats_are_kept() -> None:
    shape, weight_shape, *numbers = CASES["Winograd"]
    input, weight = draw(shape, "float32", "channels last", 1), draw(weight_shape, "float32", "dense", 2)
    output = fast.conv(input, weight, *numbers)
    assert output.transpose(0, 2, 3, 1).flags.c_contiguous
    assert fast.conv_backward_input(output, weight, shape, *numbers).transpose(0, 2, 3, 1).flags.c_contiguous
