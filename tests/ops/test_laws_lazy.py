"""Lazy conjugates and negatives: every op computes on them what it computes on resolved ones; they share memory."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from io import BytesIO
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import find, outcome, tensors_in
from ops.row import DTYPES, Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None and not row.random])
COMPLEX = tuple([row for row in HERE if any(each.startswith("complex") for each in DTYPES[row.dtypes])])
LAZY = "the result depends on whether the conjugate is lazy"
EXCUSED = {
    "is_conj": LAZY, "is_neg": LAZY, "view_as_real": "raises for lazy conjugates, as in PyTorch",
    "view_as_complex": "raises for lazy negatives",
}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def run(row: Row, call: Call, make: Callable[[Any], mt.Tensor]) -> tuple[list[Any], list[Any]]:
    """Return the results of a call and the gradients of its inexact arguments."""
    leaves: list[mt.Tensor] = []

    def tensor(array: Any) -> mt.Tensor:
        if array.dtype.kind not in "fc":
            return mt.tensor(array)
        leaves.append(mt.tensor(array).requires_grad_(row.differentiable))
        return make(leaves[-1])

    args, kwargs = calls.our_arguments(call, tensor)
    results = tensors_in(calls.ours(row)(*args, **kwargs))
    outputs = [each for each in results if each.requires_grad]
    if not outputs:
        return results, []
    grads = mt.autograd.grad(outputs, leaves, [mt.ones_like(each) for each in outputs], materialize_grads=True)
    return results, list(grads)


def assert_lazy_is_resolved(row: Row, call: Call, lazy: Callable[[Any], Any], resolved: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = outcome(run, row, call, resolved), outcome(run, row, call, lazy)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), f"{call}: {found!r}, not {expected!r}"
        return
    assert not isinstance(found, Exception), f"{call}: {found!r}"
    for one, other in zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True):
        assert one.dtype is other.dtype and one.shape == other.shape, call
        one, other = calls.numbers(one), calls.numbers(other)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12, err_msg=repr(call))


@pytest.mark.parametrize("row", COMPLEX, ids=repr)
def test_each_op_takes_lazy_conjugates(row: Row) -> None:
    if row.name in EXCUSED:
        return
    for call in row.calls[:4]:
        turned = calls.recast(call, "complex128")
        assert_lazy_is_resolved(row, turned, lambda x: x.conj(), lambda x: x.conj().resolve_conj())


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_each_op_takes_lazy_negatives(row: Row) -> None:
    if row.name in EXCUSED:
        return
    for call in row.calls[:2]:
        negative = calls.convert_arrays(call, lambda array: -array if array.dtype == np.float64 else array)
        assert_lazy_is_resolved(row, negative, lambda x: x._neg_view(), lambda x: x._neg_view().resolve_neg())


# -- seen from outside -------------------------------------------------------------------------------------------------

VIEWS: dict[str, Callable[[Any, Any], Any]] = {
    "conj": lambda lib, x: x.conj(),
    "twice": lambda lib, x: x.conj().conj(),
    "function": lambda lib, x: lib.conj(x),
    "H": lambda lib, x: x.H,
    "mH": lambda lib, x: x.mH[0],
    "adjoint": lambda lib, x: x.adjoint(),
    "row": lambda lib, x: x.conj()[0],
    "transposed": lambda lib, x: x.conj().t(),
    "reshaped": lambda lib, x: x.conj().reshape(4),
    "copied": lambda lib, x: x.conj().t().reshape(4),
    "detached": lambda lib, x: x.conj().detach(),
    "contiguous": lambda lib, x: x.conj().contiguous(),
    "clone": lambda lib, x: x.conj().clone(),
    "real": lambda lib, x: x.conj().real,
    "imag": lambda lib, x: x.conj().imag,
    "imag of imag": lambda lib, x: x.conj().conj().imag,
    "part of imag": lambda lib, x: x.conj().imag[1],
    "negative": lambda lib, x: x.real._neg_view(),
    "negative twice": lambda lib, x: x.real._neg_view()._neg_view(),
    "cast": lambda lib, x: x.conj().to(lib.complex128),
    "not cast": lambda lib, x: x.conj().to(lib.complex64),
    "product": lambda lib, x: x.conj() * 1,
    "resolved": lambda lib, x: x.conj().resolve_conj(),
    "resolved neg": lambda lib, x: x.conj().imag.resolve_neg(),
    "not resolved": lambda lib, x: x.conj().resolve_neg(),
    "physical": lambda lib, x: x.conj().conj_physical(),
    "real conj": lambda lib, x: x.real.conj(),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_it_looks_as_in_pytorch(torch: ModuleType, view: Callable[[Any, Any], Any]) -> None:
    def facts(lib: Any) -> list[Any]:
        x = lib.tensor([[1 + 2j, 3 - 1j], [0, 1j]])
        seen = view(lib, x)
        return [
            lib.is_conj(seen), seen.is_neg(), seen.untyped_storage().data_ptr() == x.untyped_storage().data_ptr(),
            seen.data_ptr() - x.data_ptr() if seen.is_conj() or seen.is_neg() else 0, seen.stride(), seen.tolist(),
            repr(seen),
        ]

    assert facts(mt) == facts(torch)


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "number": lambda lib, x: x.conj().__setitem__((0, 1), 5 + 1j),
    "fill": lambda lib, x: x.conj().fill_(2j),
    "mul": lambda lib, x: x.conj().mul_(1j),
    "add": lambda lib, x: x.conj().add_(x.conj()),
    "copy": lambda lib, x: x.conj().copy_(lib.tensor([1j, 2])),
    "from conj": lambda lib, x: x.copy_(x.conj().clone().conj()),
    "imag": lambda lib, x: x.conj().imag.add_(1),
    "imag of row": lambda lib, x: x.conj().imag[0].mul_(2),
    "real": lambda lib, x: x.conj().real.mul_(3),
    "H": lambda lib, x: x.H[0].zero_(),
    "mask": lambda lib, x: x.conj().masked_fill_(lib.tensor([True, False]), 4j),
    "out": lambda lib, x: lib.mul(x.clone(), 2j, out=x.conj()),
    "set imag": lambda lib, x: setattr(x.conj(), "imag", lib.tensor([5.0, 6.0])),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writes_reach_the_tensor_and_its_gradient(torch: ModuleType, write: Callable[[Any, Any], Any]) -> None:
    def facts(lib: Any, is_recorded: bool) -> list[Any]:
        leaf = lib.tensor([[1 + 2j, 3 - 1j], [0.5, 1j]], requires_grad=is_recorded)
        x = leaf * 1 if is_recorded else leaf
        seen = x.conj()[1]
        write(lib, x)
        if is_recorded:
            (x * lib.tensor([1 + 1j, 2 - 3j])).abs().sum().backward()
        return [x.tolist(), seen.tolist(), np.round(leaf.grad.resolve_conj().numpy(), 4).tolist() if is_recorded else 0]

    assert facts(mt, False) == facts(torch, False)
    if "out" not in write.__code__.co_consts and write is not WRITES["out"]:
        assert facts(mt, True) == facts(torch, True)


def test_gradients_of_any_order_go_through_conjugates(torch: ModuleType) -> None:
    def facts(lib: Any) -> list[Any]:
        x = lib.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        y = (x.conj() * x * x.conj().imag).real.sum()
        (first,) = lib.autograd.grad(y, x, create_graph=True)
        (second,) = lib.autograd.grad((first * first.conj()).real.sum(), x)
        return [y.item(), first.tolist(), second.tolist(), x.conj().grad_fn.name()]

    assert facts(mt) == facts(torch)


def test_a_lazy_conjugate_has_no_numpy_array() -> None:
    z = mt.tensor([1 + 2j]).conj()
    with pytest.raises(RuntimeError, match="conjugate bit set"):
        z.numpy()
    with pytest.raises(RuntimeError, match="negative bit set"):
        z.imag.numpy()
    assert z.numpy(force=True) == [1 - 2j]
    with pytest.raises(RuntimeError, match="view_as_real doesn't work on unresolved"):
        mt.view_as_real(z)
    with pytest.raises(RuntimeError, match="not supported for a lazy conjugate"):
        z.view(mt.float32)


def test_copies_and_files_hold_the_values(torch: ModuleType) -> None:
    z = mt.tensor([[1 + 2j, 3j], [4, 5]])
    buffer = BytesIO()
    mt.save({"conj": z.conj(), "imag": z.conj().imag, "z": z}, buffer)
    for library in (mt, torch):
        buffer.seek(0)
        found = library.load(buffer)
        assert found["conj"].tolist() == z.conj().tolist() and found["imag"].tolist() == z.conj().imag.tolist()
        assert found["z"].tolist() == z.tolist()
    for copied in (copy.deepcopy(z.conj()), pickle.loads(pickle.dumps(z.conj()))):
        assert copied.tolist() == z.conj().tolist()


def test_vmap_and_optimizers_take_conjugates() -> None:
    z = mt.tensor([[1 + 2j, 3j], [4, 5]])
    assert mt.func.vmap(lambda row: row.conj() * 2)(z.conj()).tolist() == (2 * z).tolist()
    param = mt.tensor([1 + 2j], requires_grad=True)
    param.grad = mt.tensor([1j]).conj()
    mt.optim.SGD([param], lr=1.0).step()
    assert param.tolist() == [1 + 3j]
