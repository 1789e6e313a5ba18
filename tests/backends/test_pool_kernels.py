"""The pooling kernels: fast kernels equal the reference, the reference equals PyTorch, scatter is gather's adjoint."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minitensor.backends.numpy import pool as fast
from minitensor.backends.reference import pool as reference
from minitensor.backends.reference.conv import is_channels_last

Pair = tuple[int, int]
NAN = float("nan")
INF = float("inf")


@pytest.fixture(autouse=True, params=["few", "many"])
def size(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test small inputs with the kernel for few elements and with the kernel for many."""
    if request.param == "many":
        monkeypatch.setattr(fast, "FEW", -1)


class Case(NamedTuple):
    input: Any
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    ceil_mode: bool


@st.composite
def cases(
    draw: st.DrawFn, values: tuple[float, ...] = (-2, -1, 0, 1, 2), dtypes: tuple[str, ...] = ("float32", "float64")
) -> Case:
    """Draw few distinct values, so that many entries are equal."""
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, top)] * 2)) for top in (3, 3, 2))
    padding = draw(st.tuples(*[st.integers(0, size // 2) for size in kernel]))
    least = [dilation[axis] * (kernel[axis] - 1) + 1 - 2 * padding[axis] for axis in (0, 1)]
    n, channels, height, width = (draw(st.integers(low, low + 7)) for low in (0, 1, max(1, least[0]), max(1, least[1])))
    random = numpy.random.default_rng(draw(st.integers(0, 2**16)))
    numbers = random.choice(values, (n, height, channels, width)).astype(draw(st.sampled_from(dtypes)))
    numbers = numbers.transpose(0, 2, 1, 3)
    layout = draw(st.sampled_from(["dense", "last", "strided"]))
    if layout == "dense":
        numbers = numpy.ascontiguousarray(numbers)
    if layout == "last":
        numbers = numpy.ascontiguousarray(numbers.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return Case(numbers, kernel, stride, padding, dilation, draw(st.booleans()))


def in_torch(case: Case) -> Any:
    torch = pytest.importorskip("torch")
    return torch.from_numpy(numpy.ascontiguousarray(case.input))


@given(cases(dtypes=("float32", "float64", "int64")))
def test_fast_max_pool_equals_the_reference(case: Case) -> None:
    for found, expected in zip(fast.max_pool2d(*case), reference.max_pool(numpy, *case)):
        numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases(values=(-INF, 0, 1, NAN)))
def test_fast_max_pool_equals_the_reference_with_nan_and_infinity(case: Case) -> None:
    for found, expected in zip(fast.max_pool2d(*case), reference.max_pool(numpy, *case)):
        numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases(values=(-INF, -1, 0, 1, NAN)))
def test_pooling_by_windows_equals_pooling_by_taps(case: Case) -> None:
    input, *steps, ceil_mode = case
    size = reference.output_size(input.shape, *steps, ceil_mode)
    assume(input.size and numpy.prod(size) >= numpy.prod(case.kernel))  # else the reference itself loops over windows
    walked = reference.max_of_windows(numpy, input, size, *steps)
    for found, expected in zip(walked, reference.max_pool(numpy, *case)):
        numpy.testing.assert_array_equal(found, expected, strict=True)


LONG = pytest.mark.parametrize("kernel, stride, padding", [(40, 40, 0), (40, 7, 20), (61, 1, 30), (30, 25, 15)])


@LONG
def test_maxima_of_long_windows_equal_pytorchs(kernel: int, stride: int, padding: int) -> None:
    torch = pytest.importorskip("torch")
    numbers = numpy.random.default_rng(0).choice((-INF, -1, 0, 1, NAN), (2, 3, 61), p=[0.2, 0.2, 0.3, 0.295, 0.005])
    found = [
        *fast.max_pool(numbers, (kernel,), (stride,), (padding,), (2 if kernel == 30 else 1,), True),
        *fast.adaptive_max_pool(numbers, (3,)),
    ]
    F, given_ = torch.nn.functional, torch.from_numpy(numbers)
    expected = [
        *F.max_pool1d(given_, kernel, stride, padding, 2 if kernel == 30 else 1, True, return_indices=True),
        *F.adaptive_max_pool1d(given_, 3, return_indices=True),
    ]
    for ours, theirs in zip(found, expected, strict=True):
        numpy.testing.assert_array_equal(ours, theirs)


@LONG
def test_means_of_long_windows_equal_pytorchs(kernel: int, stride: int, padding: int) -> None:
    torch = pytest.importorskip("torch")
    numbers, steps = numpy.random.default_rng(1).standard_normal((2, 3, 61)), ((kernel,), (stride,), (padding,))
    leaf = torch.from_numpy(numbers).requires_grad_()
    means = torch.nn.functional.avg_pool1d(leaf, kernel, stride, padding, True)
    found = fast.avg_pool(numbers, *steps, True, True, None)
    numpy.testing.assert_allclose(found, means.detach(), rtol=1e-12, atol=1e-14)
    grad = numpy.cos(numpy.arange(found.size)).reshape(found.shape)
    means.backward(torch.from_numpy(grad))
    spread = fast.avg_pool_backward(grad, numbers.shape, *steps, True, None)
    numpy.testing.assert_allclose(spread, leaf.grad, rtol=1e-12, atol=1e-14)


@given(cases(values=(-INF, -1, 0, 1, NAN)))
def test_the_reference_equals_pytorch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.max_pool2d(in_torch(case), *case[1:], return_indices=True)
    for found, wanted in zip(reference.max_pool(numpy, *case), expected):
        numpy.testing.assert_array_equal(found, wanted.numpy(), strict=True)


@given(cases())
def test_gathering_at_the_indices_gives_the_values(case: Case) -> None:
    values, indices = fast.max_pool2d(*case)
    assume(numpy.isfinite(values).all())  # a dilated window may cover only padding, and then has no position
    for found in (fast.gather_planes(case.input, indices), reference.gather_planes(numpy, case.input, indices)):
        numpy.testing.assert_array_equal(found, values, strict=True)


@given(cases())
def test_scatter_is_the_adjoint_of_gather(case: Case) -> None:
    values, indices = fast.max_pool2d(*case)
    assume(numpy.isfinite(values).all())
    grad = numpy.arange(values.size, dtype=values.dtype).reshape(values.shape) % 7 - 3
    expected = reference.gather_planes_backward(numpy, grad, indices, case.input.shape)
    found = fast.gather_planes_backward(grad, indices, case.input.shape)
    numpy.testing.assert_array_equal(found, expected, strict=True)
    assert numpy.sum(values * grad) == numpy.sum(case.input * found)


@given(cases())
def test_scatter_equals_pytorchs_gradient(case: Case) -> None:
    torch = pytest.importorskip("torch")
    input = in_torch(case).requires_grad_()
    output, indices = torch.nn.functional.max_pool2d(input, *case[1:], return_indices=True)
    assume(output.isfinite().all())
    grad = torch.arange(output.numel(), dtype=output.dtype).reshape(output.shape) % 7 - 3
    (expected,) = torch.autograd.grad(output, input, grad)
    found = fast.gather_planes_backward(grad.numpy(), indices.numpy(), case.input.shape)
    numpy.testing.assert_array_equal(found, expected.numpy(), strict=True)


@given(cases(), st.booleans(), st.none() | st.integers(1, 5))
def test_average_pooling_equals_pytorch(case: Case, count_include_pad: bool, divisor_override: int | None) -> None:
    torch = pytest.importorskip("torch")
    input, kernel, stride, padding, _, ceil_mode = case
    least = [kernel[axis] - 2 * padding[axis] for axis in (0, 1)]
    if input.shape[2] < least[0] or input.shape[3] < least[1] or not input.size:
        return
    given = (kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    there = in_torch(case).requires_grad_()
    expected = torch.nn.functional.avg_pool2d(there, *given)
    found = reference.avg_pool(numpy, input, *given)
    numpy.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-6, atol=1e-6)
    grad = torch.arange(expected.numel(), dtype=expected.dtype).reshape(expected.shape) % 7 - 3
    (wanted,) = torch.autograd.grad(expected, there, grad)
    back = reference.avg_pool_backward(
        numpy, grad.numpy(), input.shape, kernel, stride, padding, count_include_pad, divisor_override
    )
    numpy.testing.assert_allclose(back, wanted.numpy(), rtol=1e-5, atol=1e-5)


def test_the_first_of_equal_entries_wins() -> None:
    input = numpy.array([[[[0.0, 5.0], [5.0, 0.0]]]])
    _, indices = fast.max_pool2d(input, (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert indices.item() == 1


@pytest.mark.parametrize("kernel, stride, padding", [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1))])
def test_many_planes_are_divided_into_tiles(kernel: Pair, stride: Pair, padding: Pair) -> None:
    input = numpy.random.default_rng(0).integers(0, 4, (40, 33, 24, 20)).astype("float32")
    input[7, 3, 5, 5] = NAN
    given = (kernel, stride, padding, (1, 1), False)
    for found, expected in zip(fast.max_pool2d(input, *given), reference.max_pool(numpy, input, *given)):
        numpy.testing.assert_array_equal(found, expected, strict=True)


def test_results_of_channels_last_images_are_channels_last() -> None:
    input = numpy.random.default_rng(0).standard_normal((2, 8, 9, 3)).transpose(0, 3, 1, 2)
    given: Any = ((2, 2), (2, 2), (0, 0), (1, 1), False)
    for kernels in (fast.max_pool2d(input, *given), reference.max_pool(numpy, input, *given)):
        assert all(is_channels_last(part) for part in kernels)
