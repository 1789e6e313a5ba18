"""Writes where several elements share one place in memory, as in ``expand``: allowed and refused as in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.row import Call
from ops.table import ROWS

REFUSED_HERE = {  # PyTorch writes something that depends on the order of its loops
    "addmv_", "baddbmm_", "tril_", "triu_", "conj_physical_",
}  # fmt: skip
OTHER_PLACES = {"fill_diagonal_"}  # PyTorch computes with strides which places wrap around
OVERWRITES = ("fill_", "zero_", "masked_fill_", "index_fill_", "index_put_")


def cases() -> Iterator[tuple[str, Call, int]]:
    """Yield methods that write, with calls and the dim of their first argument to expand."""
    rows = {row.name.removeprefix("Tensor.").rstrip("_"): row for row in ROWS}
    for name in dir(mt.Tensor):
        row = rows.get(name.rstrip("_"))
        if name.startswith("_") or not name.endswith("_") or row is None:
            continue
        for call in row.calls:
            if call.args and isinstance(call.args[0], np.ndarray):
                yield from ((name, call, dim) for dim, size in enumerate(call.args[0].shape) if size > 1)


def written(library: Any, arguments: Any, name: str, call: Call, dim: int) -> Any:
    """Return what an expanded tensor holds after a write, or None if the write was refused."""
    library.manual_seed(0)
    (first, *args), kwargs = arguments
    expanded = first.narrow(dim, 0, 1).expand(first.shape)
    try:
        getattr(expanded, name)(*args, **kwargs)
    except Exception:
        return None
    return np.asarray(expanded.tolist())


def test_overlapping_writes_are_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    wrong, count, allowed = set(), 0, set()
    for name, call, dim in cases():
        if not hasattr(torch.Tensor, name):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = written(torch, calls.torch_arguments(torch, call), name, call, dim)
            found = written(mt, calls.our_arguments(call, calls.our_tensor), name, call, dim)
        count += 1
        if found is not None:
            allowed.add(name)
        if name in REFUSED_HERE and found is None:
            continue
        agree = (found is None) is (expected is None)
        if agree and found is not None and name not in OTHER_PLACES:
            agree = np.allclose(found, expected, equal_nan=True)
        if not agree:
            wrong.add(f"{name}{call}, dim {dim}: {found}, PyTorch {expected}")
    assert not wrong, "\n".join(sorted(wrong))
    assert count > 700
    assert allowed >= {*OVERWRITES} - {"zero_"}


def test_numbers_are_written_everywhere() -> None:
    x = mt.ones(1)
    x.expand(3).zero_()
    assert x.tolist() == [0.0]
    x.expand(3)[1:] = 5
    assert x.tolist() == [5.0]
    with pytest.warns(UserWarning, match="expanded tensors is deprecated"):
        x.expand(3)[mt.tensor([False, True, False])] = 7.0
    assert x.tolist() == [7.0]
    with pytest.warns(UserWarning, match="expanded tensors is deprecated"):
        x.expand(3).index_put_((mt.tensor([0, 2]),), mt.tensor([1.0, 2.0]), accumulate=True)
    assert x.tolist() == [10.0]


def test_other_writes_and_those_of_a_graph_are_refused() -> None:
    for write in (lambda x: x.add_(1), lambda x: x.copy_(mt.ones(3)), lambda x: x.__setitem__(slice(None), mt.ones(3))):
        with pytest.raises(RuntimeError, match="more than one element"):
            write(mt.ones(1).expand(3))
    with pytest.raises(RuntimeError, match="more than one element"):
        (mt.ones(1, requires_grad=True) * 2).expand(3).fill_(1.0)
