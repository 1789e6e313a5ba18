"""Computing all samples at once leaves nothing alive: not in NumPy, nor in reference cycles, nor after an error.

Objects are counted with the garbage collector off, so anything that only the collector could free counts as a leak.
"""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import minitensor as mt
from func.samples import HERE, Mapped
from minitensor.errors import MinitensorError, UsageError

CALLS = 2


@pytest.fixture
def counts_new(no_collector: None) -> Iterator[None]:
    """Count only objects made from here on, which is a hundred times faster."""
    gc.freeze()
    yield
    gc.unfreeze()


def left_behind(call: Callable[[], Any]) -> int:
    """Return how many objects a few calls left alive."""
    call()
    before = len(gc.get_objects())
    for _ in range(CALLS):
        call()
    return len(gc.get_objects()) - before


def attempt(call: Callable[[], Any]) -> Callable[[], None]:
    """Return a call that may raise."""

    def attempted() -> None:
        with contextlib.suppress(MinitensorError, ArithmeticError):
            call()

    return attempted


def transforms_of(mapped: Mapped) -> dict[str, Callable[[], Any]]:
    """Return calls that run one op through the transforms."""
    whole, one, dims = mapped.whole(), mapped.sample(0), mapped.in_dims()
    by = list(mapped.leaves(mapped.sample(0)))

    def all_at_once() -> Any:
        leaves = list(mapped.leaves(whole).values())
        found = [each for each in mt.vmap(lambda *given: tuple(mapped(*given)), dims)(*whole) if each.requires_grad]
        return mt.autograd.grad([each.sum() for each in found], leaves, allow_unused=True) if found else None

    def total(*given: Any) -> Any:
        return sum([each.real.sum() for each in mapped(*given) if each.dtype.is_floating_point], mt.zeros(()))

    calls = {"grad of vmap": all_at_once}
    if by:
        calls["vmap of grad"] = lambda: mt.vmap(mt.func.grad(total, tuple(by)), dims)(*whole)
        calls["hessian"] = lambda: mt.func.hessian(total, by[0])(*one)
    return calls


@pytest.mark.usefixtures("counts_new")
def test_transforms_of_every_op_leave_nothing_alive() -> None:
    left = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in HERE:
            mapped = Mapped(row, row.calls[0], None)
            for name, call in transforms_of(mapped).items() if mapped.arrays else ():
                count = left_behind(attempt(call))
                if count >= CALLS:  # again: a leak adds objects at every call, a cache that fills up does not
                    count = min(count, left_behind(attempt(call)))
                if count >= CALLS:
                    left[name, repr(row)] = count
    assert not left


class Failing(mt.autograd.Function):
    """A function whose gradient raises."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        raise UsageError("no gradient")


def refused_gradient(x: Any) -> None:
    Failing.apply(x.exp()).sum().backward()


def refused_by_a_hook(x: Any) -> None:
    y = x.exp()
    y.register_hook(lambda grad: Failing.backward(None, grad))
    (y * y).sum().backward()


def changed_in_place(x: Any) -> None:
    y = x.exp()
    z = y * y
    y.add_(1)
    z.sum().backward()


def freed(x: Any) -> None:
    y = (x * x).sum()
    y.backward()
    y.backward()


FAILURES: list[Callable[[Any], Any]] = [
    refused_gradient,
    refused_by_a_hook,
    changed_in_place,
    freed,
    mt.vmap(lambda row: row.sum().item()),
    mt.vmap(lambda row: row.sum() if row.sum() > 0 else row),
    mt.vmap(lambda row: row.sum() + mt.ones(5) @ row),
    mt.vmap(lambda row: row.nonzero()),
    mt.vmap(mt.func.grad(lambda row: row.exp())),
]


@pytest.mark.usefixtures("counts_new")
@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_leaves_nothing_alive(failure: Callable[[Any], Any]) -> None:
    x = mt.ones(2, 3, requires_grad=True)

    def failing() -> None:
        with pytest.raises(MinitensorError):
            failure(x)
        x.grad = None

    assert left_behind(failing) < CALLS
