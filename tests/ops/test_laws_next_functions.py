"""Nodes lead to the nodes that PyTorch's lead to: ``grad_fn.next_functions``, for every call of the op table."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import find, ours, quiet, tensors_in, theirs
from ops.row import Row
from ops.table import ROWS

STEPS = "both libraries compose it, of other steps"
TRANSFORMS = "PyTorch conjugates the input of such a transform in a step of its own"
VIEWS = "in some calls one library expands, views or scales an argument in a step of its own"

EXCUSED: dict[str, str] = {
    **dict.fromkeys((
        "matmul", "outer", "inner", "tensordot", "chain_matmul", "einsum", "quantile", "nanquantile",
        "cumulative_trapezoid", "gradient", "repeat_interleave", "cartesian_prod", "combinations", "cdist",
        "linalg.multi_dot", "vander", "nn.functional.bilinear", "nn.functional.normalize",
        "nn.functional.locally_connected2d", "nn.functional.cross_entropy", "nn.functional.ctc_loss",
        "nn.functional.triplet_margin_loss",
        "nn.functional.triplet_margin_with_distance_loss", "nn.functional.pairwise_distance",
        "nn.functional.max_unpool1d", "nn.functional.interpolate cubic and area",
    ), STEPS),
    **dict.fromkeys((
        "fft.hfft", "fft.hfftn", "fft.hfft2", "fft.ihfftn", "fft.ihfft2", "stft",
    ), TRANSFORMS),
    **dict.fromkeys((
        "add", "sub", "div", "prod", "median", "nanmedian", "Tensor.__getitem__", "block_diag", "fill",
        "take_along_dim", "masked_select", "nn.functional.embedding_bag", "nn.functional.nll_loss",
    ), VIEWS),
}  # fmt: skip

ROWS_HERE = [row for row in ROWS if find(mt, row.name) is not None and row.differentiable]


def edges_of_nodes(row: Row, op: Any, args: Any, kwargs: Any) -> list[Any]:
    """Return the names of the nodes of an op's results, each with its edges."""
    for k, value in enumerate([*args, *kwargs.values()]):
        for tensor in tensors_in(value) if k not in row.constants else ():
            if tensor.is_floating_point() or tensor.is_complex():
                tensor.requires_grad_()
    nodes = [result.grad_fn for result in tensors_in(op(*args, **kwargs))]
    return [None if node is None else (node.name(), edges_of(node)) for node in nodes]


def edges_of(node: Any) -> list[Any]:
    """Return the names of the nodes that a node leads to, each with the number of the result."""
    return [(each and each.name(), number) for each, number in node.next_functions]


def differences(torch: Any, row: Row) -> list[tuple[Any, Any]]:
    """Return our edges and PyTorch's where they differ under one name; skip what PyTorch cannot do."""
    found = []
    for call in row.calls:
        expected = quiet(edges_of_nodes, row, theirs(torch, row), *calls.torch_arguments(torch, call))
        if isinstance(expected, Exception):
            continue
        pairs = zip(quiet(edges_of_nodes, row, ours(row), *calls.our_arguments(call)), expected, strict=True)
        found += [(one, other) for one, other in pairs if one and other and one[0] == other[0] and one[1] != other[1]]
    return found


@pytest.mark.parametrize("row", ROWS_HERE, ids=repr)
def test_nodes_lead_to_the_nodes_that_pytorchs_lead_to(row: Row) -> None:
    """The rows of ``EXCUSED`` differ for the given reason, and do differ."""
    found = differences(pytest.importorskip("torch"), row)
    assert bool(found) == (repr(row) in EXCUSED), found[0]


def test_every_excuse_is_for_a_row() -> None:
    assert EXCUSED.keys() <= {repr(row) for row in ROWS_HERE}
