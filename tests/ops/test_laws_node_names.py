"""The nodes of results have PyTorch's names: ``type(y.grad_fn).__name__``, for every call of the op table."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import find, ours, quiet, tensors_in, theirs
from ops.row import Row
from ops.table import ROWS

STEPS = "PyTorch composes it of other steps"
VARIANT = "PyTorch has several variants, of which the node here does not know which it is"

EXCUSED: dict[str, str] = {
    **dict.fromkeys((
        "atleast_2d", "atleast_2d of several", "atleast_3d", "atleast_3d of several", "cumulative_trapezoid", "diff",
        "einsum", "fft.fftn", "fft.ifftn", "istft", "linalg.cond", "linalg.lu", "linalg.matrix_norm",
        "linalg.matrix_power", "linalg.tensorinv", "linalg.vander", "meshgrid", "nn.functional.dropout3d",
        "nn.functional.linear_cross_entropy", "nn.functional.locally_connected2d", "special.ndtr", "stft",
        "Tensor.sum_to_size", "Tensor.__getitem__", "Tensor.to", "trapezoid", "vander",
    ), STEPS),
    **dict.fromkeys((
        "copysign", "div", "masked_fill", "mean", "prod", "round", "special.xlog1py", "special.zeta", "split",
        "split_with_sizes", "sum", "xlogy",
    ), VARIANT),
}  # fmt: skip

ROWS_HERE = [row for row in ROWS if find(mt, row.name) is not None and row.differentiable]


def names_of_nodes(row: Row, op: Any, args: Any, kwargs: Any) -> list[str | None]:
    """Return the names of the nodes of an op's results."""
    for k, value in enumerate([*args, *kwargs.values()]):
        for tensor in tensors_in(value) if k not in row.constants else ():
            if tensor.is_floating_point() or tensor.is_complex():
                tensor.requires_grad_()
    nodes = [result.grad_fn for result in tensors_in(op(*args, **kwargs))]
    return [None if node is None else type(node).__name__ for node in nodes]


def differences(torch: Any, row: Row) -> list[tuple[Any, Any]]:
    """Return our names and PyTorch's for each call where they differ; skip what PyTorch cannot do."""
    found = []
    for call in row.calls:
        expected = quiet(names_of_nodes, row, theirs(torch, row), *calls.torch_arguments(torch, call))
        if not isinstance(expected, Exception) and "NotImplemented" not in expected:
            names = quiet(names_of_nodes, row, ours(row), *calls.our_arguments(call))
            agree = all(one == other or other is None for one, other in zip(names, expected, strict=True))
            found += [] if agree else [(names, expected)]
    return found


@pytest.mark.parametrize("row", ROWS_HERE, ids=repr)
def test_nodes_have_pytorchs_names(row: Row) -> None:
    """The rows of ``EXCUSED`` differ for the given reason, and do differ."""
    found = differences(pytest.importorskip("torch"), row)
    assert bool(found) == (repr(row) in EXCUSED), found


def test_every_excuse_is_for_a_row() -> None:
    assert EXCUSED.keys() <= {repr(row) for row in ROWS_HERE}


def test_a_node_keeps_its_name_and_work_after_it_is_renamed() -> None:
    x, y = mt.ones(3, requires_grad=True), mt.zeros(3)
    loss = mt.nn.functional.mse_loss(x, y)
    assert repr(loss.grad_fn).startswith("<MseLossBackward0 object") and "grad_fn=<MseLossBackward0>" in repr(loss)
    loss.backward()
    assert loss.grad_fn.name() == "MseLossBackward0" and x.grad.tolist() == pytest.approx([2 / 3] * 3)


def test_a_result_that_is_an_argument_keeps_the_name_of_its_node() -> None:
    x = mt.ones(2, requires_grad=True) * 2
    assert mt.nn.functional.pad(x, (0, 0)) is not None and x.grad_fn.name() == "MulBackward0"
    assert mt.Tensor.sum_to_size(x, 2).grad_fn.name() == "MulBackward0"
