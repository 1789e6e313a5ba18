"""Gathered and weighted rows: the fast kernels equal the reference, and the three are adjoints of each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import sample as fast
from minitensor.backends.reference import sample as reference


class Case(NamedTuple):
    table: Any
    rows: Any
    weight: Any
    index: Any


@st.composite
def cases(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float32", "float64", "float16")) -> Case:
    """Draw small integers: their sums are exact in any order."""
    random = numpy.random.default_rng(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from(dtypes))
    count, width, samples, taps = (draw(st.integers(low, top)) for low, top in ((1, 9), (0, 20), (0, 600), (1, 4)))

    def numbers(*shape: int) -> Any:
        return random.integers(-1, 2, shape).astype(dtype)

    index = random.integers(0, count, (taps, samples))
    return Case(numbers(width, count).T, numbers(samples, 2 * width)[:, ::2], numbers(taps, samples), index)


@given(cases())
def test_the_fast_kernels_equal_the_reference(case: Case) -> None:
    table, rows, weight, index = case
    count = len(table)
    pairs = (
        (fast.pick(table, weight, index), reference.pick(numpy, table, weight, index)),
        (fast.spread(rows, weight, index, count), reference.spread(numpy, rows, weight, index, count)),
        (fast.compare(rows, table, index), reference.compare(numpy, rows, table, index)),
    )
    for found, expected in pairs:
        numpy.testing.assert_array_equal(found, expected, strict=True)


@given(cases(("float64",)))
def test_the_kernels_are_adjoint(case: Case) -> None:
    table, rows, weight, index = case
    product = numpy.sum(fast.pick(table, weight, index) * rows)
    assert product == numpy.sum(fast.spread(rows, weight, index, len(table)) * table)
    assert product == numpy.sum(fast.compare(rows, table, index) * weight)


@pytest.mark.parametrize("width", [1, 64])
def test_many_rows_are_divided_into_tiles(width: int) -> None:
    random = numpy.random.default_rng(0)
    table = random.integers(-2, 3, (50, width)).astype("float32")
    weight = random.integers(-2, 3, (3, 70_000 // width)).astype("float32")
    index = random.integers(0, 50, weight.shape)
    expected = reference.pick(numpy, table, weight, index)
    numpy.testing.assert_array_equal(fast.pick(table, weight, index), expected)
    numpy.testing.assert_array_equal(
        fast.compare(expected, table, index), reference.compare(numpy, expected, table, index)
    )


PLACES = [-1e30, -2.7, -1.0, -0.3, 0.0, 0.4, 1.0, 1.1, 3.9, 1e30, numpy.inf, numpy.nan]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("edges", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(("mode", "sizes"), [
    ("nearest", (3, 4)), ("bilinear", (3, 4)), ("bicubic", (3, 4)), ("bilinear", (1, 2, 3)), ("nearest", (1, 2, 3)),
])  # fmt: skip
def test_tile_corners_equal_those_of_all_positions(
    mode: str, sizes: tuple[int, ...], edges: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "PLACES", 7)
    with numpy.errstate(over="ignore"):
        places = numpy.stack(numpy.meshgrid(*[PLACES] * len(sizes)), -1).astype(dtype)
    for align_corners in (False, True):
        found = fast.corners(places, sizes, mode, edges, align_corners)
        expected = reference.corners(numpy, places, sizes, mode, edges, align_corners)
        for each, other in zip(found, expected):
            numpy.testing.assert_array_equal(each, other, strict=True)
        assert found[1].min() >= 0 and found[1].max() < numpy.prod(sizes)


@given(st.integers(1, 40), st.integers(0, 2**16))
def test_remainders_of_divisions_are_those_of_fmod(span: int, seed: int) -> None:
    random = numpy.random.default_rng(seed)
    near = span * random.integers(0, 2000, 64) + random.choice([0, 0.5, -1e-5, 1e-5], 64)
    for reach in (1.0, 1e3, 1e12):
        distance = numpy.abs(near * reach).astype("float32")
        times = numpy.floor(distance / span)
        found = reference.remainder(numpy, distance, float(span), times)
        numpy.testing.assert_array_equal(found, numpy.fmod(distance, numpy.float32(span)), strict=True)
