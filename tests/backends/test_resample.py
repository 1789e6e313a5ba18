"""Resampling: the fast kernel equals the reference, the reference a matrix product; adjoint tables are transposed."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.backends.numpy import resample as fast
from minitensor.backends.reference import resample as reference
from minitensor.backends.reference.resample import Taps
from minitensor.nn.functional.resampling import cubic_taps, linear_taps, mean_taps, nearest_taps, smooth_taps

WEIGHTS = st.sampled_from((-1.0, 0.25, 0.5, 1.0, 2.0))


@st.composite
def tables(draw: st.DrawFn) -> Taps:
    """Draw any table: a new entry may read nothing, one entry twice, or entries far apart."""
    size = draw(st.integers(1, 70))
    taps = st.lists(st.tuples(st.integers(0, size - 1), WEIGHTS), max_size=4)
    return Taps(size, draw(st.lists(taps, min_size=1, max_size=80)))


@st.composite
def arrays(draw: st.DrawFn, size: int, dtypes: tuple[str, ...] = ("float32", "float64")) -> tuple[Any, int]:
    """Draw small integers with one dim of this size, and that dim."""
    dim = draw(st.integers(0, 2))
    shape = [draw(st.integers(0, 5)) for _ in range(3)]
    shape[dim] = size
    random = numpy.random.default_rng(draw(st.integers(0, 2**16)))
    numbers = random.integers(-4, 5, shape).astype(draw(st.sampled_from(dtypes)))
    turned = draw(st.permutations(range(3)))
    return numpy.ascontiguousarray(numbers.transpose(turned)).transpose(numpy.argsort(turned)), dim


def as_matrix(taps: Taps) -> Any:
    matrix = numpy.zeros((len(taps), taps.size))
    for row, entries in enumerate(taps.entries):
        for position, weight in entries:
            matrix[row, position] += weight
    return matrix


@given(st.data(), tables())
def test_the_reference_is_a_product_with_the_table(data: st.DataObject, taps: Taps) -> None:
    array, dim = data.draw(arrays(taps.size, ("float16", "float32", "float64", "complex64")))
    expected = numpy.moveaxis(numpy.tensordot(as_matrix(taps), array, (1, dim)), 0, dim)
    found = reference.resample(numpy, array, dim, taps)
    numpy.testing.assert_array_equal(found, expected.astype(array.dtype), strict=True)


@given(st.data(), tables())
def test_the_fast_kernel_equals_the_reference(data: st.DataObject, taps: Taps) -> None:
    array, dim = data.draw(arrays(taps.size, ("float32", "float64", "complex64", "float16")))
    found = fast.resample(array, dim, taps)
    numpy.testing.assert_array_equal(found, reference.resample(numpy, array, dim, taps), strict=True)


@given(tables())
def test_the_adjoint_table_is_the_transposed_matrix(taps: Taps) -> None:
    numpy.testing.assert_array_equal(as_matrix(taps.adjoint), as_matrix(taps).T)
    assert taps.adjoint.adjoint is taps


def test_an_infinity_reaches_only_the_outputs_that_read_it() -> None:
    taps = linear_taps(40, 80, None, False, False)
    array = numpy.zeros((3, 40), "float32")
    array[1, 7] = numpy.inf
    found = fast.resample(array, 1, taps)
    readers = [place for place, entries in enumerate(taps.entries) if 7 in dict(entries)]
    assert numpy.flatnonzero(~numpy.isfinite(found[1])).tolist() == readers
    assert numpy.isfinite(found[::2]).all()


def test_copies_keep_the_sign_of_zero() -> None:
    array = numpy.asarray([[-0.0, 0.0]], "float32")
    found = fast.resample(array, 1, nearest_taps(2, 4, None, False))
    assert numpy.signbit(found).tolist() == [[True, True, False, False]]


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.booleans())
def test_weights_add_up_to_one(length: int, count: int, align_corners: bool, precise: bool) -> None:
    numbers = (length, count, None, align_corners, precise)
    for taps in (
        linear_taps(*numbers),
        cubic_taps(*numbers),
        smooth_taps(*numbers, "bilinear"),
        smooth_taps(*numbers, "lanczos"),
        mean_taps(length, count),
    ):
        sums = as_matrix(taps).sum(1)
        numpy.testing.assert_allclose(sums, 1.0, rtol=1e-12 if precise else 1e-6)


@pytest.mark.parametrize(("length", "count"), [(20_000, 50), (3, 5_000), (700, 699)])
def test_wide_filters_are_multiplied_in_narrow_blocks(length: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taps = smooth_taps(length, count, None, False, True, "bicubic")
    random = numpy.random.default_rng(0)
    expected = [
        reference.resample(numpy, random.standard_normal((2, each.size)), 1, each) for each in (taps, taps.adjoint)
    ]
    monkeypatch.delattr(reference, "resample")
    random = numpy.random.default_rng(0)
    for each, other in zip((taps, taps.adjoint), expected):
        found = fast.resample(random.standard_normal((2, each.size)), 1, each)
        numpy.testing.assert_allclose(found, other, 1e-11, 1e-11)
