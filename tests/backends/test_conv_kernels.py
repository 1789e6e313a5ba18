"""The convolution kernels: fast kernels equal the reference, the reference equals PyTorch, adjoints are adjoint."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import conv as fast
from minitensor.backends.numpy import threads
from minitensor.backends.reference import conv as reference

Pair = tuple[int, int]


class Case(NamedTuple):
    """One convolution: arrays in any layout, and its options."""

    input: Any
    weight: Any
    grad: Any
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @property
    def numbers(self) -> tuple[Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.dilation, self.groups


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: str) -> Any:
    """Draw small integers with this shape: dense, channels last, transposed, sliced, flipped or expanded."""
    seed = draw(st.integers(0, 2**16))
    n, channels, height, width = shape

    def numbers(*sizes: int) -> Any:
        return numpy.random.default_rng(seed).integers(-4, 5, sizes).astype(dtype)

    layout = draw(st.sampled_from(["dense", "last", "turned", "sliced", "flipped", "expanded"]))
    if layout == "last":
        return numbers(n, height, width, channels).transpose(0, 3, 1, 2)
    if layout == "turned":
        return numbers(width, height, channels, n).transpose(3, 2, 1, 0)
    if layout == "sliced":
        return numbers(n, channels + 1, 2 * height, width + 3)[:, 1:, ::2, 2 : width + 2]
    if layout == "flipped":
        return numbers(*shape)[:, ::-1, :, ::-1]
    if layout == "expanded":
        return numpy.broadcast_to(numbers(n, 1, height, 1), shape)
    return numbers(*shape)


@st.composite
def cases(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float32", "float64")) -> Case:
    dtype = draw(st.sampled_from(dtypes))
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, top)] * 2)) for top in (4, 3, 3))
    padding = draw(st.tuples(*[st.integers(0, 3)] * 2))
    least = [max(1, dilation[axis] * (kernel[axis] - 1) + 1 - 2 * padding[axis]) for axis in (0, 1)]
    size = [start + draw(st.integers(0, 9)) for start in least]
    input = draw(arrays((draw(st.integers(0, 5)), groups * draw(st.integers(1, 4)), *size), dtype))
    weight = draw(arrays((groups * draw(st.integers(1, 4)), input.shape[1] // groups, *kernel), dtype))
    out = reference.output_size(input.shape, weight.shape, stride, padding, dilation)
    grad = draw(arrays((input.shape[0], weight.shape[0], *out), dtype))
    return Case(input, weight, grad, stride, padding, dilation, groups)


# Sums of small integers are exact in any order, so results can be compared exactly.


@given(cases())
def test_fast_forward_equals_the_reference(case: Case) -> None:
    expected = reference.conv(numpy, case.input, case.weight, *case.numbers)
    found = fast.conv2d(case.input, case.weight, *case.numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases())
def test_fast_input_adjoint_equals_the_reference(case: Case) -> None:
    expected = reference.conv_backward_input(numpy, case.grad, case.weight, case.input.shape, *case.numbers)
    found = fast.conv2d_backward_input(case.grad, case.weight, case.input.shape, *case.numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases())
def test_fast_weight_adjoint_equals_the_reference(case: Case) -> None:
    expected = reference.conv_backward_weight(numpy, case.grad, case.input, case.weight.shape, *case.numbers)
    found = fast.conv2d_backward_weight(case.grad, case.input, case.weight.shape, *case.numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases(), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_adjoints_without_the_last_windows_equal_the_reference(case: Case, missing: Pair) -> None:
    """With output padding, the last windows have no gradient."""
    rows, columns = [max(1, size - less) for size, less in zip(case.grad.shape[2:], missing)]
    grad = case.grad[:, :, :rows, :columns]
    expected = reference.conv_backward_input(numpy, grad, case.weight, case.input.shape, *case.numbers)
    found = fast.conv2d_backward_input(grad, case.weight, case.input.shape, *case.numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)
    expected = reference.conv_backward_weight(numpy, grad, case.input, case.weight.shape, *case.numbers)
    found = fast.conv2d_backward_weight(grad, case.input, case.weight.shape, *case.numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases())
def test_the_adjoints_are_adjoint(case: Case) -> None:
    output = fast.conv2d(case.input, case.weight, *case.numbers)
    to_input = fast.conv2d_backward_input(case.grad, case.weight, case.input.shape, *case.numbers)
    to_weight = fast.conv2d_backward_weight(case.grad, case.input, case.weight.shape, *case.numbers)
    product = numpy.sum(output * case.grad, dtype="float64")
    assert product == numpy.sum(to_input * case.input, dtype="float64")
    assert product == numpy.sum(to_weight * case.weight, dtype="float64")


@given(cases())
def test_the_reference_equals_pytorch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    a, w = (torch.from_numpy(numpy.array(part)) for part in (case.input, case.weight))
    expected = torch.nn.functional.conv2d(a, w, None, *case.numbers)
    found = reference.conv(numpy, case.input, case.weight, *case.numbers)
    numpy.testing.assert_array_equal(found, expected.numpy(), strict=True)


@given(cases())
def test_the_reference_adjoints_equal_pytorch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    g, a, w = (torch.from_numpy(numpy.array(part)) for part in (case.grad, case.input, case.weight))
    numbers = (case.stride, case.padding, case.dilation, case.groups)
    to_input = reference.conv_backward_input(numpy, case.grad, case.weight, case.input.shape, *numbers)
    to_weight = reference.conv_backward_weight(numpy, case.grad, case.input, case.weight.shape, *numbers)
    expected = torch.nn.grad.conv2d_input(a.shape, w, g, *numbers), torch.nn.grad.conv2d_weight(a, w.shape, g, *numbers)
    numpy.testing.assert_array_equal(to_input, expected[0].numpy(), strict=True)
    numpy.testing.assert_array_equal(to_weight, expected[1].numpy(), strict=True)


@given(cases(("float16", "complex64", "int64")))
def test_other_dtypes_go_to_the_reference(case: Case) -> None:
    pairs = (
        (
            fast.conv2d(case.input, case.weight, *case.numbers),
            reference.conv(numpy, case.input, case.weight, *case.numbers),
        ),
        (
            fast.conv2d_backward_weight(case.grad, case.input, case.weight.shape, *case.numbers),
            reference.conv_backward_weight(numpy, case.grad, case.input, case.weight.shape, *case.numbers),
        ),
    )
    for found, expected in pairs:
        numpy.testing.assert_array_equal(found, expected, strict=True)


# Few or many images, wide or deep ones: each case is divided into tiles differently.
SHAPES = [
    ((1, 3, 64, 48), (8, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((9, 1, 28, 28), (32, 1, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((5, 32, 26, 26), (64, 32, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((7, 96, 4, 4), (160, 96, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((5, 64, 16, 16), (128, 64, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((5, 64, 16, 16), (96, 64, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((3, 64, 20, 20), (32, 64, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 64, 20, 20), (64, 1, 3, 3), (1, 1), (1, 1), (1, 1), 64),
    ((2, 32, 30, 30), (32, 8, 5, 5), (2, 1), (3, 2), (1, 2), 4),
    ((1, 3, 227, 227), (8, 3, 11, 11), (4, 4), (0, 0), (1, 1), 1),
]


@pytest.mark.parametrize("input_shape, weight_shape, stride, padding, dilation, groups", SHAPES)
@pytest.mark.parametrize("count", [1, 3])
def test_every_division_into_tiles_equals_the_reference(
    input_shape: Any, weight_shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int, count: int
) -> None:
    random = numpy.random.default_rng(0)
    input, weight = (random.integers(-2, 3, shape).astype("float32") for shape in (input_shape, weight_shape))
    numbers = (stride, padding, dilation, groups)
    before = threads.get_num_threads()
    threads.set_num_threads(count)
    try:
        output = fast.conv2d(input, weight, *numbers)
        grad = random.integers(-2, 3, output.shape).astype("float32")
        to_input = fast.conv2d_backward_input(grad, weight, input_shape, *numbers)
        to_weight = fast.conv2d_backward_weight(grad, input, weight_shape, *numbers)
    finally:
        threads.set_num_threads(before)
    numpy.testing.assert_array_equal(output, reference.conv(numpy, input, weight, *numbers))
    expected = reference.conv_backward_input(numpy, grad, weight, input_shape, *numbers)
    numpy.testing.assert_array_equal(to_input, expected)
    expected = reference.conv_backward_weight(numpy, grad, input, weight_shape, *numbers)
    numpy.testing.assert_array_equal(to_weight, expected)


def test_single_precision_is_as_accurate_as_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    random = numpy.random.default_rng(0)
    input, weight = (random.standard_normal(shape) for shape in ((4, 128, 16, 16), (64, 128, 3, 3)))
    exact = reference.conv(numpy, input, weight, (1, 1), (1, 1), (1, 1), 1)
    a, w = input.astype("float32"), weight.astype("float32")
    ours = numpy.abs(fast.conv2d(a, w, (1, 1), (1, 1), (1, 1), 1) - exact).max()
    theirs = torch.nn.functional.conv2d(torch.from_numpy(a), torch.from_numpy(w), padding=1).numpy()
    assert ours <= 3 * numpy.abs(theirs - exact).max()


def test_results_have_the_memory_format_of_the_input() -> None:
    random = numpy.random.default_rng(0)
    dense, weight = random.standard_normal((2, 3, 8, 9)), random.standard_normal((4, 3, 3, 3))
    last = numpy.ascontiguousarray(dense.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    numbers: Any = ((1, 1), (1, 1), (1, 1), 1)
    for conv2d in (fast.conv2d, lambda *given: reference.conv(numpy, *given)):
        assert conv2d(dense, weight, *numbers).flags.c_contiguous
        assert reference.is_channels_last(conv2d(last, weight, *numbers))
    grad = fast.conv2d(last, weight, *numbers)
    for stride in ((1, 1), (2, 2)):
        part = grad[:, :, :: stride[0], :: stride[1]]
        part = numpy.ascontiguousarray(part.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        rest: Any = (last.shape, stride, (1, 1), (1, 1), 1)
        assert reference.is_channels_last(fast.conv2d_backward_input(part, weight, *rest))
        assert reference.is_channels_last(reference.conv_backward_input(numpy, part, weight, *rest))
    assert fast.conv2d_backward_weight(grad, last, weight.shape, *numbers).flags.c_contiguous


def test_results_are_the_same_from_run_to_run() -> None:
    random = numpy.random.default_rng(0)
    input, weight = random.standard_normal((9, 16, 20, 20)), random.standard_normal((24, 16, 3, 3))
    input, weight = input.astype("float32"), weight.astype("float32")
    numbers: Any = ((1, 1), (1, 1), (1, 1), 1)
    grad = fast.conv2d(input, weight, *numbers)
    first = fast.conv2d_backward_weight(grad, input, weight.shape, *numbers)
    for _ in range(5):
        assert (fast.conv2d(input, weight, *numbers) == grad).all()
        assert (fast.conv2d_backward_weight(grad, input, weight.shape, *numbers) == first).all()
