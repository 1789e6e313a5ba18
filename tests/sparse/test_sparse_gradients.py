"""Sparse gradients against PyTorch's: of embeddings, their sums, and the steps of optimizers along them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytestmark = pytest.mark.filterwarnings("ignore")

ROWS, OTHER = [[1, 0], [1, 3]], [2, 1]


def table(library: Any, dtype: str = "float32") -> Any:
    return library.arange(12.0).reshape(4, 3).to(getattr(library, dtype)).requires_grad_()


def look_up(library: Any, weight: Any, rows: Any = ROWS, **options: Any) -> Any:
    """Return a loss whose gradient has rows that differ."""
    found = library.nn.functional.embedding(library.tensor(rows), weight, sparse=True, **options)
    return (found * library.arange(found.numel()).reshape(found.shape).to(found.dtype)).sum()


def bags(library: Any, weight: Any, **options: Any) -> Any:
    if options.pop("weighted", False):
        options["per_sample_weights"] = library.tensor([1.0, 2.0, 3.0, 4.0], dtype=weight.dtype)
    rows, offsets = library.tensor([1, 0, 1, 3]), library.tensor([0, 1, 1])
    found = library.nn.functional.embedding_bag(rows, weight, offsets, sparse=True, **options)
    return (found * library.arange(found.numel()).reshape(found.shape).to(found.dtype)).sum()


USES: dict[str, Callable[[Any, Any], Any]] = {
    "rows": look_up,
    "padding": lambda lib, w: look_up(lib, w, padding_idx=1),
    "padding from the end": lambda lib, w: look_up(lib, w, padding_idx=-1),
    "only padding": lambda lib, w: look_up(lib, w, [2, 2], padding_idx=2),
    "no rows": lambda lib, w: lib.nn.functional.embedding(lib.tensor([], dtype=lib.int64), w, sparse=True).sum(),
    "one row": lambda lib, w: look_up(lib, w, 3),
    "int32": lambda lib, w: lib.nn.functional.embedding(lib.tensor([3, 3], dtype=lib.int32), w, sparse=True).sum(),
    "torch.embedding": lambda lib, w: lib.embedding(w, lib.tensor([1, 1]), 1, False, True).sum(),
    "twice": lambda lib, w: look_up(lib, w) + look_up(lib, w, OTHER),
    "sparse and dense": lambda lib, w: look_up(lib, w) + (w * w).sum(),
    "dense and sparse": lambda lib, w: (w * w).sum() + look_up(lib, w),
    "scaled": lambda lib, w: look_up(lib, w * 2.5),
    "squared": lambda lib, w: look_up(lib, w * w),
    "exp": lambda lib, w: look_up(lib, (w / 8).exp()),
    "negative": lambda lib, w: look_up(lib, -w),
    "shifted": lambda lib, w: look_up(lib, w + 1),
    "cloned": lambda lib, w: look_up(lib, w.clone()),
    "bags": lambda lib, w: bags(lib, w, mode="sum"),
    "mean of bags": lambda lib, w: bags(lib, w, mode="mean"),
    "weighted bags": lambda lib, w: bags(lib, w, mode="sum", weighted=True),
    "bags with padding": lambda lib, w: bags(lib, w, mode="mean", padding_idx=1),
    "layer": lambda lib, w: lib.nn.Embedding(4, 3, sparse=True, _weight=w, max_norm=7.0)(lib.tensor(ROWS)).sum() * 0
    + look_up(lib, w),
}


def as_dense(grad: Any) -> np.ndarray:
    return np.asarray(grad.detach().to_dense().double().numpy())


def gradient(library: Any, use: str, dtype: str, times: int = 1) -> Any:
    weight = table(library, dtype)
    for _ in range(times):
        USES[use](library, weight).backward()
    return weight.grad


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("use", USES)
def test_gradients_of_tables_are_pytorchs(use: str, dtype: str, times: int) -> None:
    try:
        theirs = gradient(torch, use, dtype, times)
    except NotImplementedError:
        pytest.skip("PyTorch has no kernel for this dtype")
    ours = gradient(mt, use, dtype, times)
    assert (str(ours.layout) == "torch.sparse_coo") == theirs.is_sparse
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype)
    assert not ours.requires_grad
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-6)
    np.testing.assert_allclose(as_dense(ours), as_dense(theirs), rtol=tolerance, atol=tolerance)
    if theirs.is_sparse:
        assert (ours.sparse_dim(), ours.dense_dim()) == (theirs.sparse_dim(), theirs.dense_dim())


def test_a_gradient_has_a_row_for_each_index_as_it_came() -> None:
    found = [gradient(library, "rows", "float32") for library in (mt, torch)]
    assert [each._indices().tolist() for each in found] == [[[1, 0, 1, 3]]] * 2
    assert found[0]._values().tolist() == found[1]._values().tolist()
    assert not found[0].is_coalesced()


def test_a_dense_gradient_takes_a_sparse_one_in_and_stays_the_same_tensor() -> None:
    for library in (mt, torch):
        weight = table(library)
        (weight * weight).sum().backward()
        before = weight.grad
        look_up(library, weight).backward()
        assert weight.grad is before
        look_up(library, weight).backward()
        weight.grad = None
        look_up(library, weight).backward()
        before = weight.grad
        look_up(library, weight, OTHER).backward()
        assert weight.grad is before


def test_sparse_gradients_have_gradients() -> None:
    found = []
    for library in (mt, torch):
        weight = table(library, "float64")
        (grad,) = library.autograd.grad(look_up(library, weight) ** 2, weight, create_graph=True)
        assert grad.requires_grad
        (grad.to_dense() ** 2).sum().backward()
        found.append([as_dense(grad), as_dense(weight.grad)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10)


def test_hooks_see_sparse_gradients_and_may_replace_them() -> None:
    found = []
    for library in (mt, torch):
        weight, seen = table(library), []
        weight.register_hook(lambda grad, seen=seen: seen.append(grad.is_sparse))
        weight.register_hook(lambda grad: grad * 3)
        look_up(library, weight).backward()
        found.append([seen, as_dense(weight.grad).tolist(), weight.grad.is_sparse])
    assert found[0] == found[1]


def test_a_function_of_the_user_may_return_a_sparse_gradient() -> None:
    found = []
    for library in (mt, torch):

        class First(library.autograd.Function):  # type: ignore[name-defined,misc]  # of either library
            library: Any

            @staticmethod
            def forward(ctx: Any, weight: Any) -> Any:
                ctx.shape = weight.shape
                return weight[0].clone()

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return First.library.sparse_coo_tensor([[0]], grad.unsqueeze(0), ctx.shape)

        First.library = library
        weight = table(library)
        (First.apply(weight) * library.arange(3.0)).sum().backward()
        (First.apply(weight).sum() + look_up(library, weight)).backward()
        found.append([weight.grad.is_sparse, as_dense(weight.grad).tolist()])
    assert found[0] == found[1]


WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "frequency": lambda lib, w: look_up(lib, w, scale_grad_by_freq=True).backward(),
    "frequency in bags": lambda lib, w: bags(lib, w, mode="sum", scale_grad_by_freq=True).backward(),
    "largest of bags": lambda lib, w: bags(lib, w, mode="max"),
    "transposed": lambda lib, w: look_up(lib, w.t().t()).backward(),
    "reshaped": lambda lib, w: look_up(lib, w.reshape(3, 4).reshape(4, 3)).backward(),
    "sliced": lambda lib, w: look_up(lib, w[:]).backward(),
    "joined": lambda lib, w: look_up(lib, lib.cat([w, w])).backward(),
    "clip_grad_norm_": lambda lib, w: (look_up(lib, w).backward(), lib.nn.utils.clip_grad_norm_([w], 1.0)),
    "clip_grad_value_": lambda lib, w: (look_up(lib, w).backward(), lib.nn.utils.clip_grad_value_([w], 1.0)),
}


@pytest.mark.parametrize("use", WRONG)
def test_what_pytorch_refuses_raises(use: str) -> None:
    for library in (torch, mt):
        with pytest.raises((ValueError, RuntimeError)) as caught:
            WRONG[use](library, table(library))
        kind = ValueError if use == "largest of bags" else RuntimeError
        assert isinstance(caught.value, kind)


# -- steps -------------------------------------------------------------------------------------------------------------

TAKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "SGD momentum": ("SGD", {"momentum": 0.9}),
    "SGD dampening": ("SGD", {"momentum": 0.9, "dampening": 0.5}),
    "SGD nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "SGD maximize": ("SGD", {"maximize": True, "momentum": 0.5}),
    "Adagrad": ("Adagrad", {}),
    "Adagrad decay": ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    "Adagrad maximize": ("Adagrad", {"maximize": True, "eps": 0.1}),
    "SparseAdam": ("SparseAdam", {}),
    "SparseAdam maximize": ("SparseAdam", {"maximize": True, "betas": (0.5, 0.7)}),
}


def train(library: Any, rule: str, options: dict[str, Any], with_dense: bool) -> tuple[list[Any], Any]:
    """Return a table and a vector after five steps, and the optimizer."""
    weight, bias = table(library, "float64"), library.ones(3, dtype=library.float64).requires_grad_()
    params = [weight, bias] if with_dense else [weight]
    optimizer = getattr(library.optim, rule)(params, lr=0.1, **options)
    for step in range(5):
        optimizer.zero_grad(set_to_none=step != 3)
        rows = [[step % 4, 1], [step % 3, 1]]
        found = library.nn.functional.embedding(library.tensor(rows), weight, sparse=True) + bias
        (found * found).sum().backward()
        optimizer.step()
    return [each.detach().tolist() for each in params], optimizer


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("with_dense", [False, True])
def test_steps_along_sparse_gradients_are_pytorchs(name: str, with_dense: bool) -> None:
    rule, options = TAKERS[name]
    if rule == "SparseAdam" and with_dense:
        pytest.skip("it refuses dense gradients")
    (ours, optimizer), (theirs, other) = [train(library, rule, options, with_dense) for library in (mt, torch)]
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)
    for key, state in other.state_dict()["state"].items():
        kept = optimizer.state_dict()["state"][key]
        assert set(kept) == set(state)
        for entry, value in state.items():
            if isinstance(value, torch.Tensor):
                np.testing.assert_allclose(as_dense(kept[entry]), as_dense(value), rtol=1e-12)


def test_a_state_with_a_sparse_velocity_is_loaded() -> None:
    _, optimizer = train(mt, "SGD", {"momentum": 0.9}, False)
    weight = table(mt, "float64")
    other = mt.optim.SGD([weight], lr=0.1, momentum=0.9)
    other.load_state_dict(optimizer.state_dict())
    look_up(mt, weight).backward()
    other.step()
    assert other.state[weight]["momentum_buffer"].is_sparse


REFUSERS = [
    "Adam", "AdamW", "Adadelta", "Adamax", "ASGD", "RMSprop", "Rprop", "NAdam", "RAdam", "Adafactor", "Muon",
]


@pytest.mark.parametrize("rule", REFUSERS)
def test_other_rules_refuse_sparse_gradients_in_pytorchs_words(rule: str) -> None:
    texts = []
    for library in (mt, torch):
        weight, bias = table(library), library.ones(1, 3).requires_grad_()
        optimizer = getattr(library.optim, rule)([bias, weight], lr=0.1)
        (look_up(library, weight) + bias.sum()).backward()
        with pytest.raises(RuntimeError) as caught:
            optimizer.step()
        texts.append(str(caught.value))
        if library is mt:
            assert weight.tolist() == table(library).tolist()
            assert bias.tolist() == [[1.0, 1.0, 1.0]]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("rule", "options"), [
    ("SGD", {"weight_decay": 0.1}), ("Adagrad", {"weight_decay": 0.1}), ("SGD", {"fused": True}),
    ("Adagrad", {"fused": True}), ("SGD", {"differentiable": True}), ("Adagrad", {"differentiable": True}),
])
def test_options_that_need_dense_gradients_raise(rule: str, options: dict[str, Any]) -> None:
    for library in (mt, torch):
        weight = table(library)
        optimizer = getattr(library.optim, rule)([weight], lr=0.1, **options)
        look_up(library, weight).backward()
        with pytest.raises(RuntimeError):
            optimizer.step()
        assert weight.tolist() == table(library).tolist()


def test_lbfgs_takes_sparse_gradients() -> None:
    found = []
    for library in (mt, torch):
        weight = table(library, "float64")
        optimizer = library.optim.LBFGS([weight], lr=0.1)

        def closure(library: Any = library, weight: Any = weight, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = library.nn.functional.embedding(library.tensor(ROWS), weight, sparse=True).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append(weight.tolist())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize("factor", [1.0, float("inf")])
def test_a_scaler_unscales_sparse_gradients(factor: float) -> None:
    found = []
    for library in (mt, torch):
        weight = table(library)
        optimizer = library.optim.SGD([weight], lr=0.1)
        scaler = library.amp.GradScaler("cpu", init_scale=4.0)
        scaler.scale(look_up(library, weight) * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append([weight.tolist(), scaler.get_scale()])
    assert found[0] == found[1]


def test_a_step_touches_only_the_rows_of_the_gradient() -> None:
    weight = mt.zeros(10**6, 8).requires_grad_()
    optimizer = mt.optim.Adagrad([weight])
    mt.nn.functional.embedding(mt.tensor([3, 999_999]), weight, sparse=True).sum().backward()
    assert weight.grad._values().shape == (2, 8)
    optimizer.step()
    assert weight.detach().sum(1).nonzero().reshape(-1).tolist() == [3, 999_999]
