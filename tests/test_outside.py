"""Tensors seen from outside: by NumPy's functions, pickle, ``asarray`` and as elements of a storage."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import minitensor as mt

UNARY = [name for name in dir(np) if isinstance(getattr(np, name), np.ufunc) and getattr(np, name).nin == 1]
BINARY = [name for name in dir(np) if isinstance(getattr(np, name), np.ufunc) and getattr(np, name).nin == 2]


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_numpys_functions_of_tensors_return_tensors(name: str) -> None:
    function = getattr(np, name)
    for kind in ("float32", "float64", "int64", "int32", "bool", "complex64"):
        array = np.array([[1, 2], [3, 1]], dtype=kind)
        for view in (slice(None), (slice(None), 0)):
            arrays = [array[view]] * function.nin
            try:
                with np.errstate(all="ignore"):
                    expected = function(*arrays)
            except (TypeError, ValueError):
                continue
            if not all(part.dtype.name in DTYPES for part in parts_of(expected)):
                continue
            with np.errstate(all="ignore"):
                found = function(*[mt.tensor(each) for each in arrays])
            for ours, theirs in zip(parts_of(found), parts_of(expected), strict=True):
                assert isinstance(ours, mt.Tensor)
                np.testing.assert_array_equal(ours.numpy(), theirs, strict=True)


DTYPES = set("bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split())


def parts_of(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


def test_reductions_and_mixed_operands_return_tensors() -> None:
    x = mt.tensor([1.0, 4.0])
    for found in (np.add.reduce(x), np.add(np.ones(2), x), np.cumsum(x), np.argmax(x),
                  np.sqrt(mt.tensor(4.0)), np.transpose(mt.ones(2, 3))):  # fmt: skip
        assert isinstance(found, mt.Tensor)
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\)"):
        np.sqrt(mt.ones(2, requires_grad=True))


def libraries() -> tuple[Any, Any]:
    return mt, pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_a_storage_gives_its_elements() -> None:
    for t in libraries():
        x = t.tensor([1, 2, 3], dtype=t.int32)
        y = x[1:].storage()
        assert y.tolist() == list(y) == [1, 2, 3] and (y.size(), len(y), y[0], y[-1], y.nbytes()) == (3, 3, 1, 3, 12)
        assert (y.element_size(), y.dtype, y.is_cuda, str(y.device)) == (4, t.int32, False, "cpu")
        assert y.data_ptr() == x.data_ptr() and t.is_storage(y) and x.untyped_storage().size() == 12
        y[0] = 7
        assert x.tolist() == [7, 2, 3] and y.untyped().nbytes() == 12 and t.IntTensor(y).tolist() == [7, 2, 3]
        assert y.fill_(5).tolist() == x.tolist() == [5, 5, 5]
        for place in (3, -4):
            with pytest.raises(IndexError, match=f"index {place} out of range"):
                y[place]


def test_numpy_takes_tensors_that_require_grad_where_nothing_is_recorded() -> None:
    for t in libraries():
        x = t.ones(2, requires_grad=True)
        with t.no_grad():
            assert x.numpy().tolist() == (x * 1).numpy().tolist() == np.asarray(x).tolist() == [1.0, 1.0]
        with pytest.raises(RuntimeError):
            x.numpy()


def test_pickle_leaves_the_history_out() -> None:
    for t in libraries():
        y = pickle.loads(pickle.dumps(t.ones(2, requires_grad=True) * 2))
        assert (y.tolist(), y.requires_grad, y.is_leaf) == ([2.0, 2.0], True, True)


@pytest.mark.filterwarnings("ignore:torch.asarray")
@pytest.mark.parametrize("source", ["plain", "leaf", "result"])
@pytest.mark.parametrize("wanted", [None, False, True])
@pytest.mark.parametrize("copy", [None, True])
@pytest.mark.parametrize("kind", [None, "float64"])
def test_asarray_requires_grad_as_in_pytorch(source: str, wanted: Any, copy: Any, kind: Any) -> None:
    found = []
    for t in libraries():
        x = t.ones(2, requires_grad=source != "plain")
        x = x * 2 if source == "result" else x
        options = {} if wanted is None else {"requires_grad": wanted}
        y = t.asarray(x, copy=copy, dtype=kind and getattr(t, kind), **options)
        found.append((y.tolist(), y.requires_grad, y.is_leaf, y.data_ptr() == x.data_ptr()))
    assert found[0] == found[1]
