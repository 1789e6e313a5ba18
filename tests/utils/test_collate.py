"""Collating keeps the structure of samples and stacks their leaves, as in PyTorch."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import minitensor
from minitensor.utils.data import default_collate, default_convert
from minitensor.utils.data._utils.collate import collate, collate_tensor_fn, default_collate_fn_map

Point = namedtuple("Point", ["x", "y"])  # as users call it

BATCHES = [
    lambda lib: [lib.ones(2), lib.zeros(2)],
    lambda lib: [np.ones(2, "float32"), np.zeros(2, "float32")],
    lambda lib: [np.float32(1), np.float32(2)],
    lambda lib: [np.int64(1), np.int64(2)],
    lambda lib: [1.5, 2.0],
    lambda lib: [1, 2],
    lambda lib: [True, False],
    lambda lib: ["a", "b"],
    lambda lib: [b"a", b"b"],
    lambda lib: [(1, "a"), (2, "b")],
    lambda lib: [[1, 2.0], [3, 4.0]],
    lambda lib: [Point(1, 2.0), Point(3, 4.0)],
    lambda lib: [{"a": 1, "b": (2, lib.ones(1))}, {"a": 3, "b": (4, lib.ones(1))}],
    lambda lib: [OrderedDict(a=1), OrderedDict(a=2)],
    lambda lib: [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})],
    lambda lib: [range(2), range(2)],
]


def plain(value: Any) -> Any:
    """Describe a collated value independently of the library: types, dtypes, numbers."""
    if hasattr(value, "tolist"):
        return str(value.dtype), value.tolist()
    if isinstance(value, (dict, MappingProxyType)):
        return type(value).__name__, {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(inner) for inner in value]
    return value


@pytest.mark.parametrize("batch", BATCHES)
def test_a_collated_batch_is_pytorchs(batch: Any) -> None:
    torch = pytest.importorskip("torch")
    ours = default_collate(batch(minitensor))
    assert plain(ours) == plain(torch.utils.data.default_collate(batch(torch)))


@pytest.mark.parametrize(
    "sample",
    [np.ones(2), np.float32(3), 3, "text", (np.ones(1), 2), {"a": np.ones(1)}, Point(np.ones(1), "b")],
    ids=str,
)
def test_a_single_sample_is_converted_as_pytorch_does(sample: Any) -> None:
    torch = pytest.importorskip("torch")
    assert plain(default_convert(sample)) == plain(torch.utils.data.default_convert(sample))


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([object(), object()], TypeError, "found <class 'object'>: give the loader a collate_fn"),
        ([np.array(["a"])], TypeError, "found an array of <U1"),
        ([[1], [1, 2]], RuntimeError, r"should be of equal size, got sizes \[1, 2\]"),
    ],
)
def test_samples_that_cannot_be_stacked_are_reported(batch: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        default_collate(batch)


DTYPES = ["bool", "uint8", "int16", "int64", "uint32", "float16", "float32", "complex64", ">f4", "U1", "O"]


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_stacked_at_once_equal_arrays_stacked_as_tensors(dtype: str) -> None:
    """The slow twin is chosen by a map with another function for tensors."""
    one_by_one = {
        **default_collate_fn_map, minitensor.Tensor: lambda batch, collate_fn_map=None: collate_tensor_fn(batch)
    }  # fmt: skip
    base, views = np.arange(6).reshape(2, 3).astype(dtype), [(), (0, 0), slice(0), (..., slice(None, None, 2))]
    arrays = [base, base.T, base[::-1], np.broadcast_to(base[0], (2, 3)), *(np.asarray(base[view]) for view in views)]
    for batch in ([a, b] for a in arrays for b in arrays):
        assert outcome(batch, default_collate_fn_map) == outcome(batch, one_by_one)


def outcome(batch: Any, functions: Any) -> Any:
    """Return what the collated tensor is, or the error."""
    try:
        made = collate(batch, collate_fn_map=functions)
    except Exception as error:
        return type(error), str(error)
    return made.dtype, made.tolist(), made.stride()
