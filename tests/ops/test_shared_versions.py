"""Version counters stay shared when a tensor moves to other memory, as in PyTorch: ``resize_``, ``set_``, ``out=``."""

from __future__ import annotations

import random
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops.call import outcome

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def counts(lib: Any, seed: int) -> list[list[int]]:
    """Make views, write, grow and shrink at random; return all tensors' versions after each step."""
    chance = random.Random(seed)
    tensors, seen = [lib.zeros(4), lib.zeros(3)], []
    for _ in range(14):
        kind = chance.choice("view narrow detach grow grow shrink same add add set reach out".split())
        one, other, more = chance.choice(tensors), chance.choice(tensors), chance.randrange(20, 60)
        if kind == "view":
            tensors.append(one.view(-1))
        elif kind == "narrow":
            tensors.append(one[1:])
        elif kind == "detach":
            tensors.append(one.detach())
        elif kind == "add":
            one.add_(1)
        elif kind == "set":
            one.set_(other)
        elif kind == "reach":
            one.set_(other.untyped_storage(), 0, (more,))
        elif kind == "out":
            lib.add(lib.ones(5), 1, out=one)
        else:
            one.resize_({"grow": one.numel() + more, "shrink": max(one.numel() - 1, 1), "same": one.numel()}[kind])
        seen.append([each._version for each in tensors])
    return seen


@pytest.mark.parametrize("part", range(6))
def test_versions_are_pytorchs_through_every_change_of_memory(torch: ModuleType, part: int) -> None:
    compared = 0
    for seed in range(100 * part, 100 * (part + 1)):
        expected = outcome(counts, torch, seed)
        if not isinstance(expected, Exception):  # PyTorch refuses to grow a few
            assert counts(mt, seed) == expected, seed
            compared += 1
    assert compared > 50


def test_a_saved_view_is_stale_if_its_memory_was_replaced_and_written_to() -> None:
    memory = mt.ones(2)
    saved, scale = memory.view(2), mt.ones(2, requires_grad=True)
    product = saved * scale
    memory.resize_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


def test_read_only_memory_stays_read_only_when_it_shares_its_counter() -> None:
    fixed = mt.frombuffer(bytes(8), dtype=mt.float32)
    moved = fixed.detach().resize_(9)
    moved.add_(1)
    with pytest.raises(RuntimeError, match="read-only"):
        fixed.add_(1)


def test_set_works_on_a_view_that_was_never_read() -> None:
    memory = mt.zeros(9)
    view = memory[1:]
    view.set_(mt.arange(4.0).untyped_storage(), 0, (20,))
    assert view[:4].tolist() == [0, 1, 2, 3] and view.shape == (20,)
