"""SparseAdam on sparse gradients is PyTorch's; dense gradients are refused before anything changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

OPTIONS: list[dict[str, Any]] = [
    {}, {"lr": 0.1}, {"lr": 0.1, "betas": (0.5, 0.9)}, {"lr": 0.1, "eps": 0.1}, {"lr": 0.1, "maximize": True},
]  # fmt: skip
SHAPES = ((6,), (6, 3), (4, 3, 2))


def gradient(lib: Any, shape: tuple[int, ...], step: int) -> Any:
    """Return a sparse gradient of rows, some twice; that of the last step is empty."""
    random = np.random.default_rng(step)
    count = 0 if step == 3 else 4
    rows = random.integers(0, shape[0], (1, count))
    values = random.standard_normal((count, *shape[1:]))
    return lib.sparse_coo_tensor(lib.tensor(rows), lib.tensor(values, dtype=lib.float32), shape)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_are_pytorchs(options: dict[str, Any], shape: tuple[int, ...], dtype: str) -> None:
    found = []
    for lib in (pytest.importorskip("torch"), mt):
        start = np.random.default_rng(9).standard_normal(shape)
        weight = lib.nn.Parameter(lib.tensor(start, dtype=getattr(lib, dtype)))
        optimizer = lib.optim.SparseAdam([weight], **options)
        trail = []
        for step in range(5):
            weight.grad = gradient(lib, shape, step).to(getattr(lib, dtype))
            optimizer.step()
            trail.append(weight.detach().clone().numpy())
        state = optimizer.state[weight]
        found.append((trail, state["step"], state["exp_avg"].numpy(), state["exp_avg_sq"].numpy(), sorted(state)))
    (theirs, count, *means, names), (ours, our_count, *our_means, our_names) = found
    assert (count, names) == (our_count, our_names)
    for one, other in zip([*ours, *our_means], [*theirs, *means], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-7)


def test_a_state_dict_continues() -> None:
    weight = mt.nn.Parameter(mt.ones(6, 3))
    other = mt.nn.Parameter(mt.ones(6, 3))
    first, second = mt.optim.SparseAdam([weight], lr=0.1), mt.optim.SparseAdam([other], lr=0.1)
    weight.grad = gradient(mt, (6, 3), 0)
    first.step()
    second.load_state_dict(first.state_dict())
    with mt.no_grad():
        other.copy_(weight)
    for param, optimizer in ((weight, first), (other, second)):
        param.grad = gradient(mt, (6, 3), 1)
        optimizer.step()
    assert weight.tolist() == other.tolist()


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_dense_gradients_are_refused_before_anything_changes() -> None:
    for lib in (pytest.importorskip("torch"), mt):
        sparse, dense = lib.nn.Parameter(lib.ones(3)), lib.nn.Parameter(lib.ones(3))
        optimizer = lib.optim.SparseAdam([sparse, dense], lr=0.1)
        sparse.grad, dense.grad = lib.sparse_coo_tensor([[1]], [2.0], (3,)), lib.ones(3)
        with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam"):
            optimizer.step()
        assert sparse.tolist() == dense.tolist() == [1, 1, 1]
