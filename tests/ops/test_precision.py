"""Rounding errors of long sums: a sum of n numbers in single precision is close to the result in double precision.

The error may be a small multiple of PyTorch's, however long the rows and whatever their layout: sums are computed in
blocks, pairwise or in double precision, never one number after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor

FACTOR = 4  # times PyTorch's own error
LEAST = 1.2e-7  # one ulp; no error counts as smaller
LENGTHS = (3_000, 100_000)
LONG = 1_000_000

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def positive(*shape: int) -> Any:
    return np.random.RandomState(0).random_sample(shape)


def normal(*shape: int) -> Any:
    return np.random.RandomState(1).standard_normal(shape)


def gradients(run: Run) -> Run:
    """Return a call that gives the gradients of another call in all its tensors."""

    def call(lib: Any, *tensors: Any) -> Any:
        leaves = [each.detach().clone().requires_grad_() for each in tensors]
        results = flat(run(lib, *leaves))
        seeds = [lib.tensor(positive(*each.shape) + 0.5).to(each.dtype) for each in results]
        return lib.autograd.grad(results, leaves, seeds)

    return call


def flat(values: Any) -> list[Any]:
    return [one for each in values for one in flat(each)] if isinstance(values, (list, tuple)) else [values]


# -- ops that add up n numbers -----------------------------------------------------------------------------------------

REDUCTIONS = ("sum", "mean", "var", "logsumexp", "nansum")
LAYOUTS: dict[str, tuple[Callable[[int], tuple[int, ...]], Callable[[Any, Any], Any]]] = {
    "along rows": (lambda n: (3, n), lambda op, x: op(x, 1)),
    "along columns": (lambda n: (n, 3), lambda op, x: op(x, 0)),
    "along columns that lie as rows": (lambda n: (3, n), lambda op, x: op(x.t(), 0)),
    "along rows that lie as columns": (lambda n: (n, 3), lambda op, x: op(x.t(), 1)),
    "in the middle": (lambda n: (2, n, 2), lambda op, x: op(x, 1)),
    "in the middle, turned": (lambda n: (2, n, 2), lambda op, x: op(x.permute(2, 1, 0), 1)),
    "of every second": (lambda n: (2 * n,), lambda op, x: op(x[::2], 0)),
    "of some columns": (lambda n: (n, 3), lambda op, x: op(x[:, :2], 0)),
    "of every second row": (lambda n: (2 * n, 2), lambda op, x: op(x[::2], 0)),
    "around": (lambda n: (n // 10, 2, 10), lambda op, x: op(x, (0, 2))),
    "of wide rows": (lambda n: (n // 100, 1000), lambda op, x: op(x, 0)),
    "of one number": (lambda n: (3,), lambda op, x: op(x.expand(1001, 3), 0)),
}


def reductions(n: int) -> dict[str, tuple[Any, ...]]:
    cases: dict[str, tuple[Any, ...]] = {}
    for name in REDUCTIONS:
        for place, (shape, look) in LAYOUTS.items():
            if name != "var" or place != "of one number":  # has no variance
                cases[f"{name} {place}"] = (
                    lambda lib, x, name=name, look=look: look(getattr(lib, name), x), positive(*shape(n)),
                )  # fmt: skip
    for p in (1, 2, 3):
        cases[f"norm {p}"] = (lambda lib, x, p=p: lib.linalg.vector_norm(x, p), positive(n))
        cases[f"norm {p} of columns"] = (lambda lib, x, p=p: lib.linalg.vector_norm(x, p, 0), positive(n, 2))
    return cases


def products(n: int) -> dict[str, tuple[Any, ...]]:
    F = lambda lib: lib.nn.functional
    return {
        "dot": (lambda lib, x, y: lib.dot(x, y), positive(n), positive(n)),
        "matmul": (lambda lib, x, y: x @ y, positive(3, n), positive(n, 2)),
        "matmul, turned": (lambda lib, x, y: x.t() @ y.t(), positive(n, 3), positive(2, n)),
        "einsum": (lambda lib, x, y: lib.einsum("ij,ij->j", x, y), positive(n, 2), positive(n, 2)),
        "trapezoid": (lambda lib, x: lib.trapezoid(x, dim=0), positive(n, 2)),
        "cosine_similarity": (lambda lib, x, y: F(lib).cosine_similarity(x, y, 0), positive(n, 2), positive(n, 2) + 1),
        "cumsum": (lambda lib, x: lib.cumsum(x, 0), positive(n)),
        "cumsum of columns": (lambda lib, x: lib.cumsum(x, 0), positive(n, 2)),
        "gradient of logcumsumexp": (gradients(lambda lib, x: lib.logcumsumexp(x, 0)), normal(n)),
        "softmax": (lambda lib, x: lib.softmax(x, 1), normal(2, n)),
        "log_softmax of columns": (lambda lib, x: lib.log_softmax(x, 0), normal(n, 2)),
        "gradient of a bias": (
            gradients(lambda lib, x, w, b: F(lib).linear(x, w, b)), positive(n, 2), positive(3, 2), positive(3),
        ),
        "gradient of a kernel": (
            gradients(lambda lib, x, w, b: F(lib).conv1d(x, w, b)), positive(1, 2, n), positive(3, 2, 3), positive(3),
        ),
        "gradient of what broadcasts": (gradients(lambda lib, x, y: x * y), positive(n, 3), positive(3)),
        "clip_grad_norm_": (clipped, positive(n)),
    }  # fmt: skip


def clipped(lib: Any, values: Any) -> Any:
    parameter = lib.nn.Parameter(values.clone())
    parameter.grad = values.clone()
    return lib.nn.utils.clip_grad_norm_([parameter], 1.0), parameter.grad


def losses(n: int) -> dict[str, tuple[Any, ...]]:
    cases: dict[str, tuple[Any, ...]] = {}
    for reduction in ("mean", "sum"):
        for name in ("mse_loss", "l1_loss", "binary_cross_entropy_with_logits", "huber_loss"):
            loss = lambda lib, x, y, name=name, reduction=reduction: getattr(lib.nn.functional, name)(
                x, y, reduction=reduction
            )
            cases[f"{name} {reduction}"] = (loss, positive(n), positive(n) + 0.1)
        for name in ("cross_entropy", "nll_loss"):
            classes = np.arange(n // 4) % 4
            loss = lambda lib, x, name=name, reduction=reduction, classes=classes: getattr(lib.nn.functional, name)(
                x, lib.tensor(classes), reduction=reduction
            )
            cases[f"{name} {reduction}"] = (loss, -positive(n // 4, 4))
    return cases


NORMED = {"long": lambda n: (2, 2, n), "one": lambda n: (1, 2, n), "short": lambda n: (n // 8, 2, 4),
          "middling": lambda n: (n // 200, 2, 100), "columns": lambda n: (n // 2, 2)}  # fmt: skip


def norms(n: int) -> dict[str, tuple[Any, ...]]:
    F = lambda lib: lib.nn.functional
    cases: dict[str, tuple[Any, ...]] = {}
    for kind, draw in (("positive", positive), ("normal", normal)):
        cases |= {
            f"layer_norm {kind}": (lambda lib, x: F(lib).layer_norm(x, x.shape[1:]), draw(2, n)),
            f"group_norm {kind}": (lambda lib, x: F(lib).group_norm(x, 2), draw(2, 4, n // 4)),
            f"instance_norm {kind}": (lambda lib, x: F(lib).instance_norm(x), draw(1, 2, n)),
            f"rms_norm {kind}": (lambda lib, x: F(lib).rms_norm(x, x.shape[1:]), draw(2, n)),
        }
        for name, shape in NORMED.items():
            cases[f"batch_norm {kind} {name}"] = (
                lambda lib, x: F(lib).batch_norm(x, None, None, training=True), draw(*shape(n)),
            )  # fmt: skip
    x, rows = normal(2, n), normal(n // 10, 10)
    # Gradients for a random upstream gradient, because sums of equal signs over z, which cancel to zero, have no
    # relative precision.
    cases["gradients of layer_norm"] = (
        gradients(lambda lib, x, w, b: F(lib).layer_norm(x, x.shape[1:], w, b)), x, positive(n), positive(n),
    )  # fmt: skip
    cases["gradients of layer_norm, many rows"] = (
        gradients(lambda lib, x, w, b: F(lib).layer_norm(x, x.shape[1:], w, b)), rows, positive(10), positive(10),
    )  # fmt: skip
    for name, shape in NORMED.items():
        cases[f"gradients of batch_norm {name}"] = (
            gradients(lambda lib, x, w, b: F(lib).batch_norm(x, None, None, w, b, training=True)[..., :1]),
            normal(*shape(n)), positive(2), positive(2),
        )  # fmt: skip
    return cases


# -- the law -----------------------------------------------------------------------------------------------------------


def tensors(lib: Any, arrays: tuple[Any, ...], dtype: str) -> list[Any]:
    return [lib.tensor(array.astype("float32").astype(dtype)) for array in arrays]


def errors(lib: Any, run: Run, arrays: tuple[Any, ...], exact: list[Any]) -> list[float]:
    """Return the errors of results in single precision, relative to the largest exact result."""
    found = flat(run(lib, *tensors(lib, arrays, "float32")))
    return [
        float(np.abs(one.detach().numpy().astype("float64") - right).max() / np.abs(right).max())
        for one, right in zip(found, exact, strict=True)
    ]


def excess(torch: ModuleType, cases: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Return the cases whose error exceeds a small multiple of PyTorch's."""
    wrong = {}
    for name, (run, *arrays) in cases.items():
        exact = [each.detach().numpy() for each in flat(run(torch, *tensors(torch, tuple(arrays), "float64")))]
        ours, theirs = [errors(lib, run, tuple(arrays), exact) for lib in (minitensor, torch)]
        if any(mine > FACTOR * max(his, LEAST) for mine, his in zip(ours, theirs, strict=True)):
            wrong[name] = ours, theirs
    return wrong


@pytest.mark.parametrize("family", [reductions, products, losses, norms], ids=lambda family: family.__name__)
@pytest.mark.parametrize("n", LENGTHS)
def test_errors_grow_no_faster_than_pytorchs(torch: ModuleType, family: Callable[[int], Any], n: int) -> None:
    assert not excess(torch, family(n))


def test_errors_over_a_million_elements_are_as_small_as_pytorchs(torch: ModuleType) -> None:
    F = lambda lib: lib.nn.functional
    cases = {
        "sum": (lambda lib, x: x.sum(1), positive(2, LONG // 2, 2)),
        "var": (lambda lib, x: x.t().var(1), positive(LONG, 2)),
        "layer_norm": (lambda lib, x: F(lib).layer_norm(x, x.shape[1:]), positive(1, LONG)),
        "instance_norm": (lambda lib, x: F(lib).instance_norm(x), positive(1, 2, LONG // 2)),
        "batch_norm": (lambda lib, x: F(lib).batch_norm(x, None, None, training=True), positive(LONG // 8, 2, 4)),
        "logcumsumexp": (gradients(lambda lib, x: lib.logcumsumexp(x, 0)), normal(LONG // 2)),
    }
    assert not excess(torch, cases)


# -- without PyTorch ---------------------------------------------------------------------------------------------------


def test_sums_of_a_million_numbers_are_accurate_to_the_last_digits() -> None:
    for shape, look in LAYOUTS.values():
        array = minitensor.tensor(positive(*shape(LONG // 10)).astype("float32"))
        single, double = [look(minitensor.sum, each) for each in (array, array.double())]
        assert (single.double() / double - 1).abs().max().item() < 6e-7


@pytest.mark.parametrize("norm", ["layer_norm", "instance_norm", "group_norm", "batch_norm"])
def test_norms_of_long_rows_are_accurate_to_the_last_digits(norm: str) -> None:
    F = minitensor.nn.functional
    run = {
        "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
        "instance_norm": F.instance_norm,
        "group_norm": lambda x: F.group_norm(x, 2),
        "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    }[norm]
    x = minitensor.tensor(positive(2, 2, LONG // 2).astype("float32"))
    assert (run(x).double() - run(x.double())).abs().max().item() < 6e-7


def test_float16_is_summed_in_single_precision() -> None:
    ones = minitensor.ones(4000, 2, dtype=minitensor.float16)
    assert ones.sum(0).tolist() == [4000, 4000]
    bias = minitensor.zeros(2, dtype=minitensor.float16, requires_grad=True)
    minitensor.nn.functional.linear(ones, minitensor.ones(2, 2, dtype=minitensor.float16), bias).sum().backward()
    assert bias.grad.tolist() == [4000, 4000]
