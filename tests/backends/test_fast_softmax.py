"""The compiled softmax, its gradients and the exponential in them equal the reference."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from minitensor.backends.numpy import threads
from minitensor.backends.reference import softmax as reference

pytest.importorskip("numba")
fast = __import__("minitensor.backends.fast.softmax", fromlist=["softmax"])
exponential = __import__("minitensor.backends.fast.exponential", fromlist=["exponential"])
machine = __import__("minitensor.backends.fast.machine", fromlist=["machine"])

TOLERANCE = {"float16": 5e-3, "float32": 2e-6, "float64": 1e-13}
LAYOUTS = ("dense", "transposed", "flipped", "expanded", "read-only")
# Shapes and dims: lines of one and of many entries, few and many lines side by side, one and several turns of them.
CASES = [
    ((7,), 0), ((1, 1), 1), ((5, 1), 1), ((40, 33), 1), ((3, 2, 1000), -1), ((33, 40), 0), ((6, 5, 16), 1),
    ((2, 7, 300), 1), ((2, 3, 4, 5), 1), ((3, 4, 17, 16), -3), ((1, 600), 0), ((9, 4, 3), 1),
]
FUNCTIONS = pytest.mark.parametrize("name", ["softmax", "log_softmax"])


def draw(shape: tuple[int, ...], dtype: str, layout: str, seed: int, scale: float = 3) -> Any:
    array = (numpy.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)
    if layout == "transposed":
        return numpy.ascontiguousarray(array.T).T
    if layout == "flipped":
        return array[..., ::-1]
    if layout == "expanded":
        return numpy.broadcast_to(array[:1], shape)
    array.flags.writeable = layout != "read-only"
    return array


def assert_near(found: Any, expected: Any) -> None:
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    scale = max(1, numpy.abs(expected).max(initial=0))
    numpy.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[str(found.dtype)] * scale)


@FUNCTIONS
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("shape", "dim"), CASES, ids=str)
def test_softmax_and_its_gradient_equal_the_reference(
    shape: Any, dim: int, dtype: str, layout: str, name: str
) -> None:
    x, g = draw(shape, dtype, layout, 1), draw(shape, dtype, layout, 2)
    expected = getattr(reference, name)(numpy, x, dim)
    assert_near(getattr(fast, name)(x, dim), expected)
    found = getattr(fast, f"{name}_backward")(g, expected, dim)
    assert_near(found, getattr(reference, f"{name}_backward")(numpy, g, expected, dim))


@FUNCTIONS
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("seed", range(20))
def test_nan_and_infinities_are_as_in_the_reference(dim: int, seed: int, name: str) -> None:
    random = numpy.random.default_rng(seed)
    numbers = [0, -0.0, 1, -1e38, 3e38, 1e-45, numpy.inf, -numpy.inf, numpy.nan, -numpy.nan]
    x = random.choice(numbers, (24, 23), p=[0.3, 0.2, 0.2, 0.08, 0.06, 0.08, 0.02, 0.04, 0.01, 0.01]).astype("float32")
    x[3], x[:, 5] = -numpy.inf, -numpy.inf
    g = numpy.where(numpy.isfinite(x), numpy.sign(x), x)  # sums of huge numbers depend on their order
    with numpy.errstate(all="ignore"):
        expected = getattr(reference, name)(numpy, x, dim)
        slope = getattr(reference, f"{name}_backward")(numpy, g, expected, dim)
        found = getattr(fast, name)(x, dim)
        numpy.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)
        back = getattr(fast, f"{name}_backward")(g, expected, dim)
    numpy.testing.assert_allclose(back, slope, rtol=1e-5, atol=1e-5)


def test_a_scalar_and_no_elements_are_as_in_the_reference() -> None:
    for x, dim in ((numpy.float32(3).reshape(()), 0), (numpy.ones((0, 3), "float32"), 1), (numpy.ones((3, 0), "f"), 1)):
        for name in ("softmax", "log_softmax"):
            numpy.testing.assert_array_equal(getattr(fast, name)(x, dim), getattr(reference, name)(numpy, x, dim))


def test_the_exponential_is_exact_to_one_unit_in_the_last_place() -> None:
    exp = exponential.exp

    def write(x: Any, out: Any) -> None:
        for i in range(len(x)):
            out[i] = exp(x[i])

    loop = machine.numba.njit(write)
    x = numpy.linspace(-110, 95, 1 << 20).astype("float32")
    found = numpy.empty_like(x)
    loop(x, found)
    with numpy.errstate(over="ignore"):
        exact = numpy.exp(x.astype("float64"))
        rounded = exact.astype("float32")
    finite = numpy.isfinite(rounded)
    assert (numpy.isfinite(found) == finite).all()
    assert (abs(found[finite] - exact[finite]) <= 1.02 * numpy.spacing(rounded[finite])).all()
    special = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 0, -0.0], "float32")
    loop(special, found[:5])
    numpy.testing.assert_array_equal(found[:5], [numpy.nan, numpy.inf, 0, 1, 1])


@FUNCTIONS
@pytest.mark.parametrize("dim", [1, 2])
def test_the_number_of_threads_changes_no_result(dim: int, name: str) -> None:
    x, g = draw((50, 60, 100), "float32", "dense", 1), draw((50, 60, 100), "float32", "dense", 2)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            y = getattr(fast, name)(x, dim)
            results.append((y.tobytes(), getattr(fast, f"{name}_backward")(g, y, dim).tobytes()))
    finally:
        threads.set_num_threads(before)
    assert results[0] == results[1] == results[2]
