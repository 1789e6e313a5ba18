"""Every op on the strict device gives the host's results and gradients, without a copy to the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import assert_same, find, note_on_error, ours, tensors_in, twin
from ops.row import Call, Row
from ops.table import ROWS
from strict.device import Array, host_copies, installed

HERE = [row for row in ROWS if find(mt, row.name) is not None and "strict" not in row.notes]


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    with installed(), mt.backends.fast.flags(enabled=False):  # the strict device has NumPy's kernels
        yield


def move(array: Any) -> mt.Tensor:
    """Return a tensor on the strict device with a different memory order."""
    tensor = mt.tensor(array).to("strict")
    return tensor


def arguments(row: Row, call: Call, tensor: Any) -> tuple[Any, Any, list[mt.Tensor]]:
    args, kwargs = calls.our_arguments(call, tensor)
    leaves = [
        each.requires_grad_()
        for k, arg in enumerate([*args, *kwargs.values()])
        if k not in row.constants
        for each in tensors_in(arg)
        if each.is_floating_point() and row.differentiable
    ]
    return args, kwargs, leaves


def on_host(value: Any) -> Any:
    return [tensor.detach().cpu() for tensor in tensors_in(value)] or value


@pytest.mark.parametrize("row", [row for row in HERE if not row.random], ids=repr)
def test_agrees_with_the_host(row: Row) -> None:
    for call in row.calls:
        with note_on_error(call):
            args, kwargs, leaves = arguments(row, call, mt.tensor)
            expected = ours(row)(*args, **kwargs)
            args, kwargs, there = arguments(row, call, move)
            with host_copies() as count:
                found = ours(row)(*args, **kwargs)
                assert not count() or row.host, f"{count()} copies to the host"
            assert all(isinstance(tensor.array, Array) for tensor in tensors_in(found))
            assert_same(on_host(found), on_host(expected), 1e-12)
            kept = [tensor for tensor in tensors_in(expected) if tensor.requires_grad]
            if not kept:
                continue
            seeds = [np.cos(np.arange(tensor.numel())).reshape(tensor.shape) for tensor in kept]
            seeds = [seed.astype(tensor.dtype.numpy) for seed, tensor in zip(seeds, kept, strict=True)]
            grads = mt.autograd.grad(kept, leaves, [mt.tensor(seed) for seed in seeds], allow_unused=True)
            moved_seeds = [move(seed) for seed in seeds]
            with host_copies() as count:
                kept = [tensor for tensor in tensors_in(found) if tensor.requires_grad]
                others = mt.autograd.grad(kept, there, moved_seeds, allow_unused=True)
                assert not count() or row.host, f"{count()} copies to the host in backward"
            for one, other in zip(others, grads, strict=True):
                assert (one is None) == (other is None)
                if other is not None:
                    assert_same(one.cpu(), other, 1e-12)


@pytest.mark.parametrize("row", [row for row in HERE if row.random], ids=repr)
def test_random_numbers_are_made_on_the_device(row: Row) -> None:
    args, kwargs = calls.our_arguments(row.calls[0], move)
    assert all(isinstance(tensor.array, Array) for tensor in tensors_in(ours(row)(*args, **kwargs)))


@pytest.mark.parametrize(
    "row", [row for row in HERE if twin(row) is not None and row.inplace and not row.random], ids=repr
)
def test_inplace_versions_agree_with_the_host(row: Row) -> None:
    for call in row.calls[:2]:
        if not isinstance(call.args[0], np.ndarray):
            continue
        pair = []
        for tensor in (mt.tensor, move):
            args, kwargs = calls.our_arguments(call, tensor)
            result = ours(row)(*args, **kwargs)
            if result.shape != args[0].shape or not mt.can_cast(result.dtype, args[0].dtype):
                break
            pair.append(on_host(twin(row)(*args, **kwargs)))
        with note_on_error(call):
            assert not pair or len(pair) == 2
            assert not pair or np.allclose(pair[0][0].numpy(), pair[1][0].numpy(), equal_nan=True)
