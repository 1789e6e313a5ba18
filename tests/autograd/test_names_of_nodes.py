"""What ``grad_fn`` is called: PyTorch's names, also where an operation is another one or a variant there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
import minitensor.nn.functional


def tensor(t: Any, *shape: int) -> Any:
    return t.ones(*shape, requires_grad=True)


def images(t: Any) -> Any:
    return tensor(t, 2, 3, 4, 4)


CASES: dict[str, Callable[[Any], Any]] = {
    "x + y": lambda t: tensor(t, 2) + tensor(t, 2), "x * 2": lambda t: tensor(t, 2) * 2,
    "x[0]": lambda t: tensor(t, 2, 3)[0], "x[0, 1]": lambda t: tensor(t, 2, 3)[0, 1],
    "x[:, 0]": lambda t: tensor(t, 2, 3)[:, 0], "x[1:]": lambda t: tensor(t, 2, 3)[1:],
    "x[..., :2]": lambda t: tensor(t, 2, 3)[..., :2], "x[None]": lambda t: tensor(t, 2, 3)[None],
    "x[..., None]": lambda t: tensor(t, 2, 3)[..., None], "narrow": lambda t: tensor(t, 3).narrow(0, 0, 2),
    "x[[0, 1]]": lambda t: tensor(t, 2, 3)[t.tensor([0, 1])],
    "sum": lambda t: tensor(t, 2).sum(), "sum of a dim": lambda t: tensor(t, 2).sum(0),
    "mean": lambda t: tensor(t, 2).mean(), "mean of dims": lambda t: tensor(t, 2, 3).mean((0, 1)),
    "prod": lambda t: tensor(t, 2).prod(), "prod of a dim": lambda t: tensor(t, 2, 2).prod(0),
    "clamp": lambda t: tensor(t, 2).clamp(0, 1), "log1p": lambda t: tensor(t, 2).log1p(),
    "mm": lambda t: tensor(t, 2, 2) @ tensor(t, 2, 2), "mv": lambda t: tensor(t, 2, 2) @ tensor(t, 2),
    "dot": lambda t: tensor(t, 2) @ tensor(t, 2), "bmm": lambda t: tensor(t, 2, 2, 2).bmm(tensor(t, 2, 2, 2)),
    "a product of 4 dims": lambda t: tensor(t, 1, 2, 2, 2) @ tensor(t, 1, 2, 2, 2),
    "Linear": lambda t: t.nn.Linear(3, 2)(t.ones(4, 3)),
    "Linear without bias": lambda t: t.nn.Linear(3, 2, bias=False)(t.ones(4, 3)),
    "Linear of sequences": lambda t: t.nn.Linear(3, 2)(t.ones(1, 4, 3)),
    "Linear of sequences without bias": lambda t: t.nn.Linear(3, 2, bias=False)(t.ones(1, 4, 3)),
    "Conv2d": lambda t: t.nn.Conv2d(3, 2, 3)(images(t)),
    "ConvTranspose2d": lambda t: t.nn.ConvTranspose2d(3, 2, 3)(images(t)),
    "LayerNorm": lambda t: t.nn.LayerNorm(4)(images(t)), "PReLU": lambda t: t.nn.PReLU()(images(t)),
    "max_pool1d": lambda t: t.nn.functional.max_pool1d(tensor(t, 1, 2, 4), 2),
    "max_pool2d": lambda t: t.nn.functional.max_pool2d(images(t), 2),
    "avg_pool2d": lambda t: t.nn.functional.avg_pool2d(images(t), 2),
    "max_pool3d": lambda t: t.nn.functional.max_pool3d(tensor(t, 1, 2, 4, 4, 4), 2),
    "adaptive_max_pool2d": lambda t: t.nn.functional.adaptive_max_pool2d(images(t), 3),
    "cross_entropy": lambda t: t.nn.functional.cross_entropy(tensor(t, 2, 3), t.tensor([0, 1])),
    "logsigmoid": lambda t: t.nn.functional.logsigmoid(tensor(t, 2)),
    "fold": lambda t: t.nn.functional.fold(tensor(t, 1, 4, 4), (3, 3), 2),
    "view_as_real": lambda t: t.view_as_real(t.ones(2, dtype=t.cfloat, requires_grad=True)),
    "inv": lambda t: t.linalg.inv(t.eye(2, requires_grad=True)),
    "cholesky": lambda t: t.linalg.cholesky(t.eye(2, requires_grad=True)),
    "erfcx": lambda t: t.special.erfcx(tensor(t, 2)),
    "xlog1py": lambda t: t.special.xlog1py(tensor(t, 2), tensor(t, 2)),
    "igamma": lambda t: t.special.gammainc(t.ones(2), tensor(t, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_node_has_pytorchs_name(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = [CASES[name](t).grad_fn for t in (mt, torch)]
    assert ours.name() == type(ours).__name__ == theirs.name()


@pytest.mark.parametrize("name", CASES)
def test_a_name_stays_after_backward(name: str) -> None:
    result = CASES[name](mt)
    before = result.grad_fn.name()
    (result.real if result.is_complex() else result).sum().backward()
    assert result.grad_fn.name() == before
