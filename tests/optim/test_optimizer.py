"""The base class of all optimizers: groups, steps, state dicts, hooks."""

from __future__ import annotations

import copy
import importlib
import pickle
from types import ModuleType
from typing import Any

import pytest

import minitensor
from minitensor import nn, optim
from tests.optim.test_rules import assert_same, assert_same_state, start, walk


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def param(*values: float) -> Any:
    return minitensor.tensor(values or (1.0, 2.0), requires_grad=True)


def with_grad(*values: float) -> Any:
    made = param(*values)
    made.grad = minitensor.ones_like(made.detach())
    return made


# -- steps


def test_a_step_counts_as_a_write() -> None:
    weight = param()
    loss = (weight * weight).sum()
    loss.backward(retain_graph=True)
    optim.SGD([weight], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("count", [1, 6], ids=["single", "bundle"])
def test_a_step_writes_into_the_parameters_memory(count: int) -> None:
    params = [with_grad() for _ in range(count)]
    views = [p.detach() for p in params]
    optim.SGD(params, lr=0.5).step()
    assert [view.tolist() for view in views] == [[0.5, 1.5]] * count


def test_a_step_leaves_the_gradient_unchanged() -> None:
    for options in ({"weight_decay": 0.5}, {"maximize": True}, {"momentum": 0.9, "nesterov": True}):
        params = [with_grad() for _ in range(6)]
        optimizer = optim.SGD(params, lr=0.5, **options)
        optimizer.step()
        optimizer.step()
        assert all(p.grad.tolist() == [1, 1] for p in params)


def test_without_gradients_nothing_happens() -> None:
    weight = param()
    optimizer = optim.Adam([weight])
    optimizer.step()
    assert weight.tolist() == [1, 2]
    assert not optimizer.state_dict()["state"]


def test_a_closure_runs_with_gradients_and_its_loss_is_returned() -> None:
    weight = param(3.0)
    optimizer = optim.SGD([weight], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (weight * weight).sum()
        loss.backward()
        return loss

    with minitensor.no_grad():
        assert optimizer.step(closure).item() == 9
    assert weight.item() == pytest.approx(2.4)


def test_zero_grad_drops_gradients_or_zeros_them() -> None:
    weight = with_grad()
    optimizer = optim.SGD([weight])
    optimizer.zero_grad(set_to_none=False)
    assert weight.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert weight.grad is None


def test_state_replaced_by_the_user_is_used() -> None:
    params = [with_grad(0.0) for _ in range(6)]
    optimizer = optim.SGD(params, lr=1.0, momentum=0.5)
    optimizer.step()
    optimizer.state[params[2]]["momentum_buffer"] = minitensor.tensor([100.0])
    optimizer.state[params[3]].clear()
    optimizer.step()
    assert [p.item() for p in params] == [-2.5, -2.5, -52.0, -2.0, -2.5, -2.5]


def test_a_step_count_set_by_the_user_is_used(torch: ModuleType) -> None:
    results = []
    for lib in (minitensor, torch):
        params, optimizer = start(lib, "Adam", {"lr": 0.1})
        walk(lib, params, optimizer, range(2))
        optimizer.state[params[1]]["step"].fill_(50)
        walk(lib, params, optimizer, range(2, 4))
        results.append(params)
    assert_same(*results)


def test_a_model_learns() -> None:
    minitensor.manual_seed(0)
    layer = nn.Linear(3, 1)
    x = minitensor.randn(64, 3)
    y = x @ minitensor.tensor([[1.0], [-2.0], [0.5]]) + 3
    optimizer = optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(layer(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


# -- groups


def test_groups_have_their_own_options() -> None:
    a, b = with_grad(0.0), with_grad(0.0)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.step()
    assert (a.item(), b.item()) == (pytest.approx(-0.1), -0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]


def test_a_group_added_later_is_trained() -> None:
    optimizer = optim.SGD([param()], lr=0.1)
    late = with_grad(0.0)
    optimizer.add_param_group({"params": [late], "momentum": 0.9})
    optimizer.step()
    assert late.item() == pytest.approx(-0.1)


def test_named_parameters_keep_their_names() -> None:
    optimizer = optim.SGD(nn.Linear(1, 1).named_parameters(), lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


SHARED = param()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.SGD([]), ValueError, "empty parameter list"),
        (lambda: optim.SGD(param()), TypeError, "iterable of Tensors or dicts, but got one Tensor"),
        (lambda: optim.SGD([3]), TypeError, "only optimize Tensors, but one of the params is int"),
        (lambda: optim.SGD([param() * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda: optim.SGD([{"params": {param()}}]), TypeError, "ordered collections"),
        (lambda: optim.SGD([("a", param()), param()]), ValueError, "Some param names are missing"),
        (lambda: optim.SGD([{"params": SHARED}, {"params": SHARED}]), ValueError, "more than one parameter group"),
        (lambda: optim.SGD([param()], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda: optim.SGD([param()], lr=minitensor.ones(2)), ValueError, "Tensor lr must be 1-element"),
        (lambda: optim.SGD([param()], momentum=-0.5), ValueError, "Invalid momentum value: -0.5"),
        (lambda: optim.SGD([param()], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (lambda: optim.SGD([param()], nesterov=True), ValueError, "Nesterov momentum requires"),
        (lambda: optim.Adam([param()], eps=-1), ValueError, "Invalid epsilon value: -1"),
        (lambda: optim.Adam([param()], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
        (lambda: optim.AdamW([param()], betas=(0.9, -1)), ValueError, "Invalid beta parameter at index 1: -1"),
        (lambda: optim.Adam([param()], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
        (lambda: optim.Adam([param()], fused=True, foreach=True), RuntimeError, "cannot be `True` together"),
        (lambda: optim.Adam([param()], fused=True, differentiable=True), RuntimeError, "does not support `differentia"),
        (
            lambda: optim.Adam([param()], betas=(minitensor.zeros(2), minitensor.zeros(()))),
            ValueError,
            r"Tensor betas\[0\] must be 1-element",
        ),
    ],
)
def test_misuse_is_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_repeated_parameter_warns() -> None:
    weight = param()
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([weight, weight])


# -- state dicts


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_loaded_optimizer_continues_like_the_saved_one(name: str, torch: ModuleType) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True}
    results = []
    for lib in (minitensor, torch):
        params, optimizer = start(lib, name, {"lr": 0.1, **options})
        walk(lib, params, optimizer, range(3))
        other = getattr(lib.optim, name)(params, lr=0.7)
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        walk(lib, params, other, range(3, 6))
        results.append((params, other))
    assert_same(results[0][0], results[1][0])
    assert_same_state(results[0][1], results[1][1])


def test_a_loaded_state_is_a_copy_in_the_parameters_dtype() -> None:
    source = optim.SGD([with_grad()], lr=0.1, momentum=0.9)
    source.step()
    saved = source.state_dict()
    weight = param().detach().double().requires_grad_()
    target = optim.SGD([weight], lr=0.5)
    target.load_state_dict(saved)
    saved["state"][0]["momentum_buffer"].fill_(7)
    assert target.state[weight]["momentum_buffer"].dtype is minitensor.float64
    assert target.state[weight]["momentum_buffer"].tolist() == [1, 1]
    assert target.param_groups[0]["lr"] == 0.1


def test_a_count_saved_as_a_number_is_read() -> None:
    optimizer, weight = optim.Adam([w := with_grad()]), w
    optimizer.step()
    saved = optimizer.state_dict()
    saved["state"][0]["step"] = 7
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert optimizer.state[weight]["step"].item() == 8


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([{"params": [0]}, {"params": [1]}], "different number of parameter groups: 2"),
        ([{"params": [0, 1]}], "doesn't match"),
    ],
)
def test_a_state_dict_of_other_groups_is_refused(groups: Any, message: str) -> None:
    optimizer = optim.SGD([param()], lr=0.1)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict({"state": {}, "param_groups": groups})
    assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("again", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
def test_a_copy_is_independent(again: Any) -> None:
    params = [with_grad(0.0) for _ in range(6)]
    optimizer = optim.SGD(params, lr=1.0, momentum=0.5)
    optimizer.step()
    other = again(optimizer)
    theirs = other.param_groups[0]["params"]
    for p in theirs:
        p.grad = minitensor.ones(1)
    other.step()
    assert [p.item() for p in theirs] == [-2.5] * 6
    assert [p.item() for p in params] == [-1] * 6


# -- hooks


def test_hooks_run_around_a_step_in_order() -> None:
    seen: list[Any] = []
    optimizer = optim.SGD([with_grad()], lr=0.1)
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", args, kwargs)))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step()
    before.remove()
    assert optimizer.step(lambda: 5) == 5
    assert seen == [("before", (optimizer,), {}), "after", "after"]


def test_state_dict_hooks_may_change_the_state() -> None:
    optimizer = optim.SGD([param()], lr=0.1)
    optimizer.register_state_dict_pre_hook(lambda o: o.param_groups[0].update(lr=0.2))
    optimizer.register_state_dict_post_hook(lambda o, saved: {**saved, "note": 1})
    saved = optimizer.state_dict()
    assert saved["param_groups"][0]["lr"] == 0.2
    assert saved["note"] == 1
    seen: list[Any] = []
    optimizer.register_load_state_dict_pre_hook(lambda o, loaded: seen.append(loaded["note"]))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(saved)
    assert seen == [1, "loaded"]


def order_of_step_hooks(lib: Any) -> list[str]:
    rules = importlib.import_module(f"{lib.__name__}.optim.optimizer")
    weight = lib.ones(2, requires_grad=True)
    weight.sum().backward()
    optimizer, seen = lib.optim.SGD([weight], lr=0.5), list[str]()
    handles = [
        optimizer.register_step_pre_hook(lambda *_: seen.append("own before")),
        optimizer.register_step_post_hook(lambda *_: seen.append("own after")),
        rules.register_optimizer_step_pre_hook(lambda *_: seen.append("before any")),
        rules.register_optimizer_step_post_hook(lambda *_: seen.append("after any")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    wrong = rules.register_optimizer_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        optimizer.step()
    wrong.remove()
    return [*seen, str(weight.tolist())]


def test_hooks_of_all_optimizers_run_outside_those_of_one() -> None:
    ours = order_of_step_hooks(minitensor)
    assert ours == ["before any", "own before", "own after", "after any", "[0.0, 0.0]"]
    assert ours == order_of_step_hooks(pytest.importorskip("torch"))
