"""Rounding errors of float16 and float32 sums, in every memory layout, compared with PyTorch's and the exact result.

Equal numbers, as in an expanded tensor, are the hardest case: every addition rounds the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional

pytestmark = pytest.mark.usefixtures("without_warnings")

LEAST = {"float16": 1.5e-3, "float32": 4e-7}  # some ulps
LAYOUTS = ("contiguous", "transposed", "every second", "every second row", "expanded")
LENGTHS = (1_000, 100_000)

Run = Callable[[Any, Any], Any]  # a library, a tensor (2, n)
F = lambda lib: lib.nn.functional


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def classes(lib: Any, x: Any) -> Any:
    return lib.tensor(np.arange(x.shape[1]) % 2)


def zeros(lib: Any, x: Any, *shape: int) -> Any:
    return lib.zeros(*shape, dtype=x.dtype)


def shown(lib: Any, x: Any) -> Any:
    """The gradient of a broadcast operand."""
    one = lib.ones(2, 1, dtype=x.dtype).requires_grad_()
    return lib.autograd.grad(one.expand(*x.shape), one, x)[0]


def bias(lib: Any, x: Any) -> Any:
    """The gradient of a bias."""
    start = lib.zeros(2, dtype=x.dtype).requires_grad_()
    rows = F(lib).linear(x.t(), lib.eye(2, dtype=x.dtype), start)
    return lib.autograd.grad(rows, start, x.t())[0]


POSITIVE: dict[str, Run] = {
    "sum": lambda lib, x: x.sum(1),
    "sum of all": lambda lib, x: x.sum(),
    "sum of columns": lambda lib, x: x.t().sum(0),
    "mean": lambda lib, x: x.mean(1),
    "mean of all": lambda lib, x: x.mean(),
    "nansum": lambda lib, x: x.nansum(1),
    "nanmean": lambda lib, x: x.nanmean(1),
    "norm 1": lambda lib, x: lib.linalg.vector_norm(x, 1, 1),
    "norm 2": lambda lib, x: lib.linalg.vector_norm(x, 2, 1),
    "norm 3": lambda lib, x: lib.linalg.vector_norm(x, 3, 1),
    "cumsum": lambda lib, x: x.cumsum(1),
    "rms_norm": lambda lib, x: F(lib).rms_norm(x, (x.shape[1],)),
    "normalize": lambda lib, x: F(lib).normalize(x, 2, 1) * x.shape[1] ** 0.5,
    "cosine_similarity": lambda lib, x: F(lib).cosine_similarity(x, x.flip(1), 1),
    "avg_pool1d": lambda lib, x: F(lib).avg_pool1d(x.reshape(1, 2, -1), x.shape[1] // 2),
    "adaptive_avg_pool1d": lambda lib, x: F(lib).adaptive_avg_pool1d(x.reshape(1, 2, -1), 2),
    "trapezoid": lambda lib, x: lib.trapezoid(x, dim=1),
    "nll_loss": lambda lib, x: F(lib).nll_loss(x.t(), classes(lib, x)),
    "index_add": lambda lib, x: zeros(lib, x, 1, 2).index_add(0, classes(lib, x) * 0, x.t()),
    "scatter_add": lambda lib, x: zeros(lib, x, 2, 1).scatter_add(1, lib.zeros(x.shape, dtype=lib.int64), x),
    "embedding_bag": lambda lib, x: F(lib).embedding_bag(lib.arange(x.shape[1])[None], x.t()),
    "gradient of expand": shown,
    "gradient of a bias": bias,
}
PRODUCTS: dict[str, Run] = {  # of numbers small enough for float16
    "dot": lambda lib, x: lib.dot(x[0], x[1]),
    "matmul": lambda lib, x: x @ x.t(),
    "matrix times vector": lambda lib, x: x @ x[0],
    "einsum": lambda lib, x: lib.einsum("ij,ij->i", x, x),
    "bmm": lambda lib, x: lib.bmm(x[None], x.t()[None]),
    "addmm": lambda lib, x: lib.addmm(lib.ones(2, 2, dtype=x.dtype), x, x.t()),
    "linear": lambda lib, x: F(lib).linear(x, x),
    "conv1d": lambda lib, x: F(lib).conv1d(x.reshape(1, 2, -1), x.reshape(1, 2, -1)),
}
NORMAL: dict[str, Run] = {
    "var": lambda lib, x: x.var(1),
    "std": lambda lib, x: x.std(1),
    "logsumexp": lambda lib, x: x.logsumexp(1),
    "logcumsumexp": lambda lib, x: x.logcumsumexp(1),
    "softmax": lambda lib, x: x.softmax(1) * x.shape[1],
    "log_softmax": lambda lib, x: x.log_softmax(1),
    "layer_norm": lambda lib, x: F(lib).layer_norm(x, (x.shape[1],)),
    "batch_norm": lambda lib, x: F(lib).batch_norm(x.t(), None, None, training=True),
    "group_norm": lambda lib, x: F(lib).group_norm(x.reshape(1, 2, -1), 1),
    "mse_loss": lambda lib, x: F(lib).mse_loss(x, x.flip(1)),
    "l1_loss": lambda lib, x: F(lib).l1_loss(x, x.flip(1)),
    "huber_loss": lambda lib, x: F(lib).huber_loss(x, x.flip(1)),
    "smooth_l1_loss": lambda lib, x: F(lib).smooth_l1_loss(x, x.flip(1)),
    "with_logits": lambda lib, x: F(lib).binary_cross_entropy_with_logits(x, x.flip(1)),
    "cross_entropy": lambda lib, x: F(lib).cross_entropy(x, lib.tensor([0, 1])),
    "cross_entropy of rows": lambda lib, x: F(lib).cross_entropy(x.t(), classes(lib, x)),
}
CASES = {**POSITIVE, **PRODUCTS, **NORMAL}
OF_DIFFERENCES = (*"var std layer_norm batch_norm group_norm mse_loss l1_loss huber_loss smooth_l1_loss".split(),)


def numbers(name: str, n: int, dtype: str) -> Any:
    random = np.random.RandomState(0)
    if name in NORMAL:
        return random.standard_normal((2, n)).astype(dtype)
    drawn = random.random_sample((2, n))
    if dtype == "float16":  # so that no sum overflows
        drawn *= min(1, (1e5 / n) ** 0.5) if name in PRODUCTS else min(1, 3e4 / n)
    return drawn.astype(dtype)


def in_layout(lib: Any, array: Any, layout: str) -> Any:
    if layout == "transposed":
        return lib.tensor(np.ascontiguousarray(array.T)).t()
    if layout == "every second":
        return lib.tensor(np.repeat(array, 2, 1))[:, ::2]
    if layout == "every second row":
        return lib.tensor(np.repeat(array, 2, 0))[::2]
    if layout == "expanded":
        return lib.tensor(array[:, :1].copy()).expand(*array.shape)
    return lib.tensor(array)


def error(found: Any, exact: Any) -> float:
    """Return the largest error relative to the largest number; infinite if there is a NaN."""
    apart = np.abs(found.detach().numpy().astype("float64") - exact).max() / np.abs(exact).max()
    return float(apart) if apart == apart else np.inf


def excess(torch: ModuleType, name: str, array: Any, layout: str) -> str | None:
    """Return the errors of a case if this library's is more than twice PyTorch's plus some ulps."""
    exact = CASES[name](torch, in_layout(torch, array.astype("float64"), layout)).detach().numpy()
    ours, theirs = [error(CASES[name](lib, in_layout(lib, array, layout)), exact) for lib in (mt, torch)]
    if ours <= 2 * theirs + LEAST[str(array.dtype)]:
        return None
    return f"{layout}, {array.shape[1]}: {ours:.1e} for {theirs:.1e}"


@pytest.mark.parametrize("dtype", LEAST)
@pytest.mark.parametrize("name", CASES)
def test_a_sum_is_as_accurate_as_pytorchs_in_every_layout(torch: ModuleType, name: str, dtype: str) -> None:
    layouts = [each for each in LAYOUTS if each != "expanded" or name not in (*OF_DIFFERENCES, "nansum", "nanmean")]
    found = [
        what for n in LENGTHS for layout in layouts
        if (what := excess(torch, name, numbers(name, n, dtype), layout))
    ]
    assert not found, "\n".join(found)


def test_repeated_numbers_are_summed_like_one_product() -> None:
    for n in (600, 10**4, 10**6):
        for shape, dim in (((n,), 0), ((n, 3), 0), ((3, n), 1), ((n, 2), (0, 1))):
            x = mt.tensor(0.1).expand(shape)
            exact = x.double().sum(dim)
            assert ((x.sum(dim).double() / exact - 1).abs() < 2e-7).all()


def test_float16_added_into_one_element_is_summed_in_single_precision() -> None:
    ones, places = mt.ones(4000, 2, dtype=mt.float16), mt.zeros(4000, dtype=mt.int64)
    start = mt.zeros(1, 2, dtype=mt.float16)
    assert start.index_add(0, places, ones).tolist() == [[4000, 4000]]
    assert start.scatter_add(0, places[:, None].expand(4000, 2), ones).tolist() == [[4000, 4000]]
    assert start.index_put((places,), ones, accumulate=True).tolist() == [[4000, 4000]]
    assert minitensor.nn.functional.embedding_bag(mt.arange(4000)[None], ones, mode="sum").tolist() == [[4000, 4000]]
