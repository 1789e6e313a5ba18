"""``x.data``: the memory of ``x`` with a count of writes of its own, as in PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt


def libraries() -> tuple[Any, Any]:
    return mt, pytest.importorskip("torch")


WRITES = {
    "mul_": lambda t, d: d.mul_(5),
    "item": lambda t, d: d.__setitem__(0, 7.0),
    "part": lambda t, d: d[1:].zero_(),
    "iadd": lambda t, d: d.__iadd__(1),
    "copy_": lambda t, d: d.copy_(t.arange(3.0)),
    "normal_": lambda t, d: d.normal_(generator=t.Generator().manual_seed(1)),
    "out": lambda t, d: t.add(d, 1, out=d),
    "data of data": lambda t, d: d.data.add_(1),
    "numpy": lambda t, d: d.numpy().fill(3),
    "fill of a cast view": lambda t, d: d.view(t.int32).fill_(0),
}
SAVED = {
    "input": lambda x: (x, x * x), "result": lambda x: 2 * [x.exp()],
    "view": lambda x: 2 * [(x * 1)[:] * 1], "both": lambda x: (x, x.tanh() * x),
}  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("saved", SAVED)
def test_a_write_through_data_does_not_count(write: str, saved: str) -> None:
    found = []
    for t in libraries():
        x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
        target, y = SAVED[saved](x)
        WRITES[write](t, target.data)
        y.sum().backward()
        found.append((x.tolist(), target.tolist(), x.grad.tolist(), x._version, target._version, target.data._version))
    for ours, theirs in zip(*found, strict=True):
        assert ours == pytest.approx(theirs)


def test_data_counts_its_own_writes() -> None:
    for t in libraries():
        x = t.ones(3)
        d, e = x.data, x.data
        d.add_(1)
        assert (d._version, e._version, x._version, x.detach()._version) == (1, 0, 0, 0)
        assert d.data_ptr() == x.data_ptr() == e.data_ptr()


def test_data_set_to_itself_keeps_the_count() -> None:
    for t in libraries():
        x = t.ones(2, 3, requires_grad=True)
        y = x.detach()
        x.data = x.data.t()
        y.add_(1)
        assert (x._version, x.shape, x.tolist()) == (1, (3, 2), [[2.0, 2.0]] * 3)


def test_optimizers_that_write_through_data_leave_the_graph_valid() -> None:
    found = []
    for t in libraries():
        w = t.tensor([1.0, -2.0], requires_grad=True)
        loss = (w * w).sum()
        loss.backward(retain_graph=True)
        w.data -= 0.1 * w.grad.data
        w.grad.data.zero_()
        loss.backward()
        found.append((w.tolist(), w.grad.tolist()))
    assert found[0] == found[1]
