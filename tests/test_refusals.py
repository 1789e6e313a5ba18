"""Calls that PyTorch refuses and a lenient library would accept: each raises a subclass of PyTorch's class here.

Beginners' mistakes are in ``test_bad_input.py``. These are mistakes in programs: a flag in place of a number, a number
too large for memory, a hook that returns a value that is never used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
from test_bad_input import Misuse, assert_refused, each


def grad_node(t: Any) -> Any:
    return (t.ones(2, requires_grad=True) * 2).grad_fn


def complex_root(t: Any) -> Any:
    return t.ones(2, dtype=t.cfloat, requires_grad=True) * 1


def pad_flags(t: Any, dims: int, mode: str) -> Any:
    return t.nn.functional.pad(t.ones([1] + [2] * dims, dtype=t.bool), [1, 1] * dims, mode)


def hook_returns(t: Any) -> None:
    x = t.ones(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda leaf: leaf.grad)
    x.sum().backward()


NUMBERS = [
    Misuse("a boolean alpha", lambda t: t.add(t.ones(1), t.ones(1), alpha=True), "not a bool.*got True"),
    Misuse("a boolean alpha in place", lambda t: t.ones(1).sub_(t.ones(1), alpha=False), "not a bool.*got False"),
    Misuse("a boolean dim", lambda t: t.ones(3, 3).topk(2, True), "argument 'dim' must be an int, not bool: True"),
    Misuse("a boolean number of chunks", lambda t: t.zeros(4).chunk(True), "must be an int, not bool"),
    Misuse("elements beyond memory", lambda t: t.empty([2, 4, 2**29, 2**29]),
           r"overflowed with sizes=\[2, 4, 536870912, 536870912\]"),
    Misuse("a uniform range beyond the dtype", lambda t: t.zeros(2).uniform_(-3.4e38, 3.4e38), "to - from <= 3.402"),
    Misuse("int of a complex number", lambda t: int(t.tensor(1.5j)), "converted to int64 without overflow: 1.5j"),
    Misuse("float of a complex number", lambda t: float(t.tensor(1.5j)), "converted to float64.*1.5j; take .real"),
    Misuse("a complex end, a real dtype", lambda t: t.linspace(0, 1j, 3, dtype=t.float32), "1j is complex.*float32"),
    Misuse("a complex start of a logspace", lambda t: t.logspace(1j, 0, 3, dtype=t.int32), "complex.*int32"),
    Misuse("an end that is text", lambda t: t.linspace(0, "a", 3), "argument 'end' must be a number, not str: 'a'"),
    Misuse("an end that is None", lambda t: t.logspace(0, None, 3), "argument 'end' must be a number, not NoneType"),
    Misuse("sections as a float tensor", lambda t: t.tensor_split(t.zeros(4), t.tensor(1.1)), "int64, got float32"),
    Misuse("sections as a matrix", lambda t: t.tensor_split(t.zeros(4), t.tensor([[1]])), r"shape \(1, 1\)"),
    Misuse("no threads", lambda t: t.set_num_threads(-1), "positive number of threads, got -1"),
    Misuse("half a thread", lambda t: t.set_num_threads(1.5), "expected an int, but got float"),
]  # fmt: skip

PLACES = [
    Misuse("a negative device index", lambda t: t.device(-1), "must not be negative, got -1"),
    Misuse("a negative index of a named device", lambda t: t.device("cpu", -1), "must not be negative, got -1"),
    Misuse("a flag as a device index", lambda t: t.device("cuda", True), "must be an int, not bool"),
    Misuse("a padded device index", lambda t: t.device("cuda:01"), "'cuda:01'"),
    Misuse("to a device and True", lambda t: t.ones(1).to(t.device("cpu"), True), r"\(device, dtype\)"),
    Misuse("a layer to a device and True", lambda t: t.nn.Linear(1, 1).to(t.device("cpu"), True), r"\(device, dtype\)"),
    Misuse("a layer to two dtypes", lambda t: t.nn.Linear(1, 1).to(t.float32, t.float64), r"expected \(dtype\)"),
    Misuse("a copy of a layer", lambda t: t.nn.Linear(1, 1).to(t.float32, True, True), "does not take copy"),
    Misuse("sizes that are floats", lambda t: t.Size(t.ones(3)), "expected an iterable of ints"),
    Misuse("sizes that are text", lambda t: t.Size("ab"), "expected an iterable of ints, got 'ab'"),
    Misuse("an alias of a scalar", lambda t: t.asarray(np.float64(1), copy=False), "can't alias float64"),
    Misuse("an alias of a list", lambda t: t.asarray([1.0], copy=False), "can't alias list"),
    Misuse("an output dim of vmap", lambda t: t.func.vmap(lambda x: x, out_dims=3)(t.ones(2, 2)), "out_dim=3.*2 dims"),
]  # fmt: skip

GRAPHS = [
    Misuse("backward from a complex number", lambda t: t.tensor(1j, requires_grad=True).mul(2).backward(),
           "real scalar outputs but got complex64"),
    Misuse("a hook that returns a gradient", hook_returns, "should return None, got Tensor"),
    *[Misuse(f"a {dtype} gradient of a complex number",
             lambda t, dtype=dtype: complex_root(t).backward(t.ones(2, dtype=getattr(t, dtype))),  # type: ignore[misc]
             f"gradient 0 is {dtype}, its tensor complex64.*the same dtype")
      for dtype in ("float32", "float64", "int64")],
    Misuse("a real gradient of a complex leaf",
           lambda t: (lambda x: t.autograd.grad(x, x, t.ones(1)))(t.tensor([1j], requires_grad=True)), "complex64"),
    Misuse("a complex gradient of a real number",
           lambda t: t.ones(2, requires_grad=True).mul(1).backward(t.ones(2, dtype=t.cfloat)), "its tensor is real"),
    Misuse("two gradients for one result", lambda t: grad_node(t)(t.ones(2), t.ones(2)), "argument"),
]  # fmt: skip

POOLED = [
    *[Misuse(f"max_pool1d of {dtype}",
             lambda t, dtype=dtype: t.nn.functional.max_pool1d(t.ones(1, 4, dtype=getattr(t, dtype)), 2),  # type: ignore[misc]
             f"max_pool1d: not implemented for {dtype}")
      for dtype in ("int64", "int32", "int16", "int8", "uint8", "bool")],
    *[Misuse(f"{mode} padding of bools, {dims} dims",
             lambda t, mode=mode, dims=dims: pad_flags(t, dims, mode),  # type: ignore[misc]
             "pad: not implemented for bool") for mode in ("reflect", "replicate") for dims in (1, 2, 3)],
]  # fmt: skip

LAYERS = [
    Misuse("GroupNorm of single values", lambda t: t.nn.GroupNorm(10, 10)(t.rand(1, 10)), r"more than 1.*\(1, 10\)"),
    Misuse("Unfold of no channels", lambda t: t.nn.Unfold((2, 3))(t.randn(3, 0, 3, 4)), r"\(3, 0, 3, 4\)"),
    Misuse("a list put into Sequential", lambda t: t.nn.Sequential().insert(0, [t.nn.ReLU()]), "got list"),
    Misuse("one_hot of nothing", lambda t: t.nn.functional.one_hot(t.empty([4, 0], dtype=t.long)), "give num_classes"),
    Misuse("a padding row outside a bag's table",
           lambda t: t.nn.functional.embedding_bag(t.tensor([[0, 1]]), t.ones(4, 2), padding_idx=-6), "-4 through 3"),
    Misuse("a padding row outside a table",
           lambda t: t.nn.functional.embedding(t.tensor([0]), t.ones(4, 2), padding_idx=4), "-4 through 3, got 4"),
]  # fmt: skip


@each(NUMBERS + PLACES + GRAPHS + POOLED + LAYERS)
def test_calls_that_pytorch_refuses_are_refused(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


def test_sizes_are_plain_ints() -> None:
    assert repr(mt.Size(mt.tensor([1, 2]))) == "torch.Size([1, 2])"
    assert repr(mt.Size([True, np.int64(3)])) == "torch.Size([1, 3])"


FACTORS: tuple[Callable[[Any], Any], ...] = (
    lambda t: np.float64(2), lambda t: np.float32(2.5), lambda t: np.float16(2), lambda t: np.int64(2),
    lambda t: np.uint8(2), lambda t: np.bool_(True), lambda t: True, lambda t: 2j,
    lambda t: t.tensor(2), lambda t: t.tensor(2.0), lambda t: t.tensor(True),
)  # fmt: skip
SUMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda t, x, alpha: t.add(x, x, alpha=alpha), "sub": lambda t, x, alpha: t.sub(x, x, alpha=alpha),
    "rsub": lambda t, x, alpha: t.rsub(x, x, alpha=alpha), "a number": lambda t, x, alpha: x.add(1, alpha=alpha),
    "add_": lambda t, x, alpha: x.add_(x, alpha=alpha), "addr": lambda t, x, alpha: t.addr(x, x, x, alpha=alpha),
}  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_factors_of_every_kind_are_taken_and_refused_as_in_pytorch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")

    def outcome(t: Any, factor: Callable[[Any], Any]) -> Any:
        try:
            return SUMS[name](t, t.ones(1 if name != "addr" else 2, dtype=getattr(t, dtype)), factor(t)).tolist()
        except RuntimeError:
            return RuntimeError

    for factor in FACTORS:
        assert outcome(mt, factor) == outcome(torch, factor), factor(mt)


def test_bools_may_be_added_with_a_boolean_alpha() -> None:
    assert mt.add(mt.tensor([True, False]), mt.tensor([False, False]), alpha=True).tolist() == [True, False]


def test_a_group_of_two_values_is_normalized() -> None:
    normed = mt.nn.functional.group_norm(mt.tensor([[[1.0, 3.0]]]), 1)
    assert normed.flatten().tolist() == pytest.approx([-1, 1], abs=1e-4)
    assert mt.nn.functional.group_norm(mt.tensor([[1.0], [3.0]]), 1).tolist() == [[0.0], [0.0]]


HUGE = [
    Misuse("a size beyond int64", lambda t: t.zeros(2**63), "'size' must hold ints of 64 bits"),
    Misuse("a dim beyond int64", lambda t: t.ones(3).sum(2**63), "'dim' must hold ints of 64 bits"),
    Misuse("sizes beyond int64", lambda t: t.ones(3).expand(2**63), "must hold ints of 64 bits"),
    Misuse("a number beyond int64", lambda t: t.ones(3).add(2**70), "an integer must fit int64, but 11805"),
    Misuse("a number beside integers", lambda t: t.ones(3, dtype=t.int64) * 2**70, "an integer must fit int64"),
    Misuse("padding beyond int64", lambda t: t.nn.functional.pad(t.ones(3), (2**63, 0)), "ints of 64 bits"),
    Misuse("a number of classes beyond memory", lambda t: t.nn.functional.one_hot(t.tensor([1]), 2**62), "no memory"),
    Misuse("a layer beyond memory", lambda t: t.nn.Linear(2**62, 2), "overflowed with sizes="),
    Misuse("a switch that is a number", lambda t: t.ones(3).sum(0, keepdim=2**63), "'keepdim' must be a bool"),
]  # fmt: skip


@each(HUGE)
def test_numbers_too_large_for_int64_are_refused(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)
