"""The sweep for cliffs names every op of the table, and both libraries compute the same results in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from benchmarks import cliffs
from benchmarks.case import Case, Library
from ops.call import numbers
from ops.table import ROWS

LIMIT = 16  # elements per dim
CASES = {case.name: case for case in cliffs.cases(LIMIT)}
# Ops that take the same time at any size: they look at memory, answer questions about a tensor, or draw nothing.
INSTANT = set(
    """Tensor.detach Tensor.expand_as Tensor.reshape Tensor.reshape_as Tensor.resize_ Tensor.resize_as_ Tensor.view
    Tensor.view_as atleast_1d atleast_3d broadcast_shapes broadcast_tensors empty empty_like empty_strided is_conj
    is_neg
    reshape resolve_neg split_with_sizes unflatten""".split()
)
IN_PARTS = {  # what consists of other ops, or draws one number after the other
    "Tensor.to", "binomial", "poisson", "nn.functional.locally_connected2d",
    "nn.functional.multi_head_attention_forward", "linalg.householder_product", "linalg.ldl_solve", "linalg.lu_solve",
    "lu_solve", "lu_unpack", "ormqr", "split_with_sizes_copy",
}  # fmt: skip


def result(case: Case, lib: Library) -> Any:
    """Return the first result of one step as an array."""
    lib.manual_seed(0)
    found = case.make(lib)()
    return numbers(found) if isinstance(found, lib.Tensor) else np.asarray(found)


def test_no_name_occurs_twice() -> None:
    assert len(CASES) == len(list(cliffs.cases(LIMIT)))


def test_every_op_of_the_table_is_timed() -> None:
    timed = {name.split(",")[0] for name in CASES}
    assert {row.name for row in ROWS} - timed - INSTANT - IN_PARTS == set()
    assert not timed & (INSTANT | IN_PARTS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_libraries_compute_the_same(case: Case) -> None:
    ours = result(case, mt)
    torch = pytest.importorskip("torch")
    try:
        theirs = result(case, torch)
    except NotImplementedError:
        pytest.skip("PyTorch lacks this dtype")
    assert ours.shape == theirs.shape
    if not case.random:
        rtol = 1e-2 if "half" in case.name else 1e-4
        scale = float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)
