"""A result requires grad exactly where PyTorch's does: a gradient that does not exist raises, and is never left out.

In each call of the table, one tensor after the other requires grad.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.row import Row
from ops.table import ROWS

SHARED = "PyTorch gives no gradient, and there is one"
REFUSED = "PyTorch refuses an argument in which it lacks the gradient, which is given here"
EXCUSED = {
    **dict.fromkeys(("special.bessel_j0", "special.bessel_j1", "special.bessel_y0", "special.bessel_y1"), SHARED),
    **dict.fromkeys((
        "nn.functional.batch_norm", "nn.functional.binary_cross_entropy", "nn.functional.multi_margin_loss",
        "nn.functional.binary_cross_entropy_with_logits", "nn.functional.soft_margin_loss",
    ), REFUSED),
    "triangular_solve": "the second result is the matrix, which does not depend on the right-hand side",
}  # fmt: skip


def float_tensors(value: Any) -> Iterator[Any]:
    """Yield the tensors of floats in arguments or results, also in lists."""
    if hasattr(value, "requires_grad_"):
        if value.is_floating_point() or value.is_complex():
            yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from float_tensors(each)


def answers(library: Any, op: Any, arguments: Any, place: int) -> list[bool] | None:
    """Say which results require grad where one tensor does; None if the call raises."""
    args, kwargs = arguments
    library.manual_seed(0)
    [*float_tensors([*args, *kwargs.values()])][place].requires_grad_()
    try:
        return [each.requires_grad for each in float_tensors(op(*args, **kwargs))]
    except (RuntimeError, NotImplementedError):
        return None


def differences(torch: Any, row: Row) -> tuple[int, list[Any]]:
    """Return how many calls were made, and those where the two libraries differ."""
    count, found = 0, []
    for call in row.calls:
        args, kwargs = calls.our_arguments(call)
        for place in range(len([*float_tensors([*args, *kwargs.values()])])):
            expected = answers(torch, calls.theirs(torch, row), calls.torch_arguments(torch, call), place)
            given = answers(mt, calls.ours(row), calls.our_arguments(call), place)
            count += 1
            if given != expected:
                found.append((call, place, given, expected))
    return count, found


@pytest.mark.filterwarnings("ignore")
def test_results_require_grad_as_in_pytorch() -> None:
    torch, count, wrong = pytest.importorskip("torch"), 0, {}
    for row in ROWS:
        if row.torch is None:
            tried, found = differences(torch, row)
            count += tried
            if bool(found) != (row.name in EXCUSED):
                wrong[repr(row)] = found[:1]
    assert not wrong
    assert count > 3000


UNKNOWN = {
    "heaviside": lambda x: mt.heaviside(x, mt.ones_like(x)),
    "values of heaviside": lambda x: mt.heaviside(mt.ones_like(x), x),
    "heaviside_": lambda x: (x * 1).heaviside_(mt.ones_like(x)),
    "unique": lambda x: mt.unique(x, return_counts=True)[0],
    "unique along a dim": lambda x: x.unique(dim=0),
    "unique_consecutive": mt.unique_consecutive,
    "bincount": lambda x: mt.bincount(mt.tensor([0, 1, 1, 3]), x),
    "histogram": lambda x: mt.histogram(x, 3).hist,
    "edges of histogram": lambda x: mt.histogram(x, 3).bin_edges,
    "weight of histogram": lambda x: mt.histogram(mt.ones_like(x), 3, weight=x).hist,
    "bins of histogram": lambda x: mt.histogram(mt.ones_like(x), x.sort()[0]).hist,
    "histogramdd": lambda x: mt.histogramdd(x.view(2, 2), 3).hist,
    "edges of histogramdd": lambda x: mt.histogramdd(x.view(2, 2), 3).bin_edges[1],
    "bins of histogramdd": lambda x: mt.histogramdd(x.new_ones(2, 1), [x.sort()[0]]).hist,
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_derivative_that_does_not_exist_raises(name: str, dtype: str) -> None:
    if dtype == "bfloat16" and "histogram" in name:
        pytest.skip("histograms take no halves")
    x = mt.tensor([0.5, -1.0, 0.0, 2.0], dtype=getattr(mt, dtype))
    expected = UNKNOWN[name](x)
    assert not expected.requires_grad
    found = UNKNOWN[name](x.requires_grad_())
    assert found.requires_grad and found.dtype is expected.dtype and found.tolist() == expected.tolist()
    with pytest.raises(NotImplementedError, match="is not implemented"):
        found.sum().backward()
    assert x.grad is None


def test_arguments_without_gradients_are_refused() -> None:
    weight = mt.ones(3, requires_grad=True)
    logits, classes = mt.randn(2, 3), mt.tensor([0, 1])
    functional = mt.nn.functional
    for call in (
        lambda: functional.nll_loss(logits, classes, weight=weight),
        lambda: functional.cross_entropy(logits, classes, weight=weight),
        lambda: functional.batch_norm(logits, weight, mt.ones(3), training=True),
        lambda: functional.fractional_max_pool2d(
            mt.ones(1, 1, 4, 4), 2, output_size=2, _random_samples=mt.rand(1, 1, 2).requires_grad_()
        ),
    ):
        with pytest.raises(RuntimeError, match="is not differentiable with respect to argument"):
            call()
        with mt.no_grad():
            call()
