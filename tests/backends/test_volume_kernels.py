"""Convolution and pooling in one and three dims: fast kernels equal the reference, the reference equals PyTorch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minitensor.backends.numpy import pool as fast_pool
from minitensor.backends.numpy import volume as fast
from minitensor.backends.reference import conv as reference
from minitensor.backends.reference import pool as reference_pool

Numbers = tuple[int, ...]
NAN = float("nan")
INF = float("inf")


@st.composite
def arrays(draw: st.DrawFn, shape: Numbers, dtype: str, values: tuple[float, ...] = (-2, -1, 0, 1, 2)) -> Any:
    """Draw few distinct numbers with this shape: dense, channels last, sliced or flipped."""
    random = numpy.random.default_rng(draw(st.integers(0, 2**16)))
    layout = draw(st.sampled_from(["dense", "last", "sliced", "flipped"]))
    if layout == "last":
        return numpy.moveaxis(random.choice(values, (shape[0], *shape[2:], shape[1])).astype(dtype), -1, 1)
    if layout == "sliced":
        return random.choice(values, (shape[0], shape[1], *shape[2:-1], 2 * shape[-1])).astype(dtype)[..., ::2]
    numbers = random.choice(values, shape).astype(dtype)
    return numbers[..., ::-1] if layout == "flipped" else numbers


class Case(NamedTuple):
    """One convolution in one or three dims."""

    input: Any
    weight: Any
    grad: Any
    numbers: tuple[Numbers, Numbers, Numbers, int]


@st.composite
def convolutions(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float32", "float64")) -> Case:
    dims, dtype = draw(st.sampled_from((1, 3))), draw(st.sampled_from(dtypes))
    groups = draw(st.sampled_from((1, 1, 2)))
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, top)] * dims)) for top in (3, 3, 2))
    padding = draw(st.tuples(*[st.integers(0, 2)] * dims))
    least = [max(1, gap * (taps - 1) + 1 - 2 * edge) for taps, gap, edge in zip(kernel, dilation, padding)]
    size = [start + draw(st.integers(0, 3)) for start in least]
    channels = groups * draw(st.integers(1, 3))
    input = draw(arrays((draw(st.integers(0, 3)), channels, *size), dtype))
    weight = draw(arrays((groups * draw(st.integers(1, 3)), channels // groups, *kernel), dtype))
    out = reference.output_size(input.shape, weight.shape, stride, padding, dilation)
    grad = draw(arrays((input.shape[0], weight.shape[0], *out), dtype))
    return Case(input, weight, grad, (stride, padding, dilation, groups))


# Sums of small integers are exact in any order, so results can be compared exactly.


@given(convolutions())
def test_fast_convolution_equals_the_reference(case: Case) -> None:
    found = fast.conv(case.input, case.weight, *case.numbers)
    numpy.testing.assert_array_equal(found, reference.conv(numpy, case.input, case.weight, *case.numbers), strict=True)


@given(convolutions())
def test_fast_adjoints_equal_the_reference(case: Case) -> None:
    input, weight, grad, numbers = case
    found = fast.conv_backward_input(grad, weight, input.shape, *numbers)
    expected = reference.conv_backward_input(numpy, grad, weight, input.shape, *numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)
    found = fast.conv_backward_weight(grad, input, weight.shape, *numbers)
    expected = reference.conv_backward_weight(numpy, grad, input, weight.shape, *numbers)
    numpy.testing.assert_array_equal(found, expected, strict=True)


@given(convolutions(("float64", "complex64", "int64", "float16")))
def test_the_reference_is_linear_and_its_adjoints_are_adjoint(case: Case) -> None:
    input, weight, grad, numbers = case
    product = numpy.sum(reference.conv(numpy, input, weight, *numbers) * grad)
    assert product == numpy.sum(reference.conv_backward_input(numpy, grad, weight, input.shape, *numbers) * input)
    assert product == numpy.sum(reference.conv_backward_weight(numpy, grad, input, weight.shape, *numbers) * weight)


@given(convolutions())
def test_the_reference_equals_pytorch(case: Case) -> None:
    torch = pytest.importorskip("torch")
    assume(case.input.size)
    name = f"conv{case.input.ndim - 2}d"
    a, w = (torch.from_numpy(part.copy()) for part in (case.input, case.weight))
    expected = getattr(torch.nn.functional, name)(a, w, None, *case.numbers)
    numpy.testing.assert_array_equal(
        reference.conv(numpy, case.input, case.weight, *case.numbers), expected.numpy(), strict=True
    )


def test_volumes_keep_their_memory_format() -> None:
    random = numpy.random.default_rng(0)
    dense, weight = random.standard_normal((2, 3, 4, 5, 6)), random.standard_normal((4, 3, 2, 2, 2))
    last = numpy.moveaxis(numpy.ascontiguousarray(numpy.moveaxis(dense, 1, -1)), -1, 1)
    numbers: Any = ((1, 1, 1), (0, 1, 0), (1, 1, 1), 1)
    for conv in (fast.conv, lambda *given: reference.conv(numpy, *given)):
        assert conv(dense, weight, *numbers).flags.c_contiguous
        assert reference.is_channels_last(conv(last, weight, *numbers))


# -- pooling -----------------------------------------------------------------------------------------------------------


class Pool(NamedTuple):
    input: Any
    kernel: Numbers
    stride: Numbers
    padding: Numbers
    dilation: Numbers
    ceil_mode: bool


@st.composite
def pools(
    draw: st.DrawFn,
    values: tuple[float, ...] = (-2, -1, 0, 1, 2),
    dtypes: tuple[str, ...] = ("float32", "float64"),
    dims: tuple[int, ...] = (1, 3),
    widest: int = 2,
) -> Pool:
    count = draw(st.sampled_from(dims))
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, top)] * count)) for top in (3, 3, widest))
    padding = draw(st.tuples(*[st.integers(0, taps // 2) for taps in kernel]))
    least = [max(1, gap * (taps - 1) + 1 - 2 * edge) for taps, gap, edge in zip(kernel, dilation, padding)]
    size = [start + draw(st.integers(0, 4)) for start in least]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 3)), *size)
    numbers = draw(arrays(shape, draw(st.sampled_from(dtypes)), values))
    return Pool(numbers, kernel, stride, padding, dilation, draw(st.booleans()))


@given(pools(dtypes=("float32", "float64", "int64")))
def test_fast_max_pool_equals_the_reference(case: Pool) -> None:
    for found, expected in zip(fast_pool.max_pool(*case), reference_pool.max_pool(numpy, *case)):
        numpy.testing.assert_array_equal(found, expected, strict=True)


@given(pools(values=(-INF, 0, 1, NAN)))
def test_fast_max_pool_equals_the_reference_with_nan_and_infinity(case: Pool) -> None:
    for found, expected in zip(fast_pool.max_pool(*case), reference_pool.max_pool(numpy, *case)):
        numpy.testing.assert_array_equal(found, expected, strict=True)


@given(pools(values=(-INF, -1, 0, 1, NAN)))
def test_reference_max_pool_equals_pytorch(case: Pool) -> None:
    torch = pytest.importorskip("torch")
    assume(case.input.size)
    there = torch.from_numpy(case.input.copy())
    pool = getattr(torch.nn.functional, f"max_pool{case.input.ndim - 2}d")
    for found, wanted in zip(reference_pool.max_pool(numpy, *case), pool(there, *case[1:], return_indices=True)):
        numpy.testing.assert_array_equal(found, wanted.numpy(), strict=True)


@given(pools(dims=(1, 2, 3), values=(-4, 0, 4, 8), widest=1), st.booleans(), st.none() | st.sampled_from((-2, 1, 4)))
def test_fast_means_and_their_adjoint_equal_the_reference(case: Pool, inside: bool, divisor: int | None) -> None:
    input, kernel, stride, padding, _, ceil_mode = case
    given = (kernel, stride, padding, ceil_mode, inside, divisor)
    expected = reference_pool.avg_pool(numpy, input, *given)
    found = fast_pool.avg_pool(input, *given)
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, strict=True)
    grad = numpy.arange(expected.size, dtype=expected.dtype).reshape(expected.shape) % 7 - 3
    rest = (input.shape, kernel, stride, padding, inside, divisor)
    back = fast_pool.avg_pool_backward(grad, *rest)
    numpy.testing.assert_allclose(
        back, reference_pool.avg_pool_backward(numpy, grad, *rest), rtol=1e-5, atol=1e-6, strict=True
    )


@given(pools(values=(-INF, 0, 1, 2, NAN), dims=(1, 2, 3)), st.integers(1, 4))
def test_adaptive_max_pool_equals_pytorch(case: Pool, count: int) -> None:
    torch = pytest.importorskip("torch")
    assume(case.input.size)
    dims = case.input.ndim - 2
    there = torch.from_numpy(case.input.copy())
    pool = getattr(torch.nn.functional, f"adaptive_max_pool{dims}d")
    expected = pool(there, (count,) * dims, return_indices=True)
    for kernel in (fast_pool.adaptive_max_pool, lambda *given: reference_pool.adaptive_max_pool(numpy, *given)):
        for found, wanted in zip(kernel(case.input, (count,) * dims), expected):
            numpy.testing.assert_array_equal(found, wanted.numpy(), strict=True)


def test_means_of_integers_are_rounded_toward_zero() -> None:
    pixels = numpy.asarray([[[-5, 2, -3, -1, 4, 4, -7, 0]]])
    means = reference_pool.avg_pool(numpy, pixels, (2,), (2,), (0,), False, True, None)
    assert means.tolist() == [[[-1, -2, 4, -3]]]
    means = reference_pool.avg_pool(numpy, pixels, (2,), (2,), (0,), False, True, -3)
    assert means.tolist() == [[[1, 1, -2, 2]]]
