"""An optimizer steps on other parameters and another state as PyTorch's does, and has its own back afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

RULES: dict[str, Callable[[Any, Any], Any]] = {
    "Adam": lambda torch, groups: torch.optim.Adam(groups, lr=0.1),
    "SGD": lambda torch, groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
}


def parameters(torch: Any, start: float) -> list[Any]:
    made = [torch.full((2,), start + i, requires_grad=True) for i in range(3)]
    for each in made:
        each.grad = torch.full((2,), 0.5)
    return made


def build(torch: Any, rule: str) -> tuple[Any, list[Any]]:
    own = parameters(torch, 1.0)
    optimizer = RULES[rule](torch, [{"params": own[:2]}, {"params": own[2:], "lr": 0.01}])
    optimizer.step()
    return optimizer, own


def exchange(torch: Any, rule: str) -> Any:
    optimizer, own = build(torch, rule)
    state, others = optimizer.state_dict(), parameters(torch, 5.0)
    state["param_groups"][0]["lr"] = 1.0
    with torch.optim.swap_in_optimizer_params_and_state(optimizer, dict(zip("abc", others, strict=True)), state):
        optimizer.step()
    before = [group["lr"] for group in optimizer.param_groups]
    optimizer.step()
    return [each.tolist() for each in own + others], before


@pytest.mark.parametrize("rule", RULES)
def test_a_step_on_other_parameters_is_that_of_pytorch(rule: str) -> None:
    wanted, found = exchange(pytest.importorskip("torch"), rule), exchange(mt, rule)
    assert found[1] == wanted[1]
    for own, other in zip(found[0], wanted[0], strict=True):
        assert own == pytest.approx(other, rel=1e-5)


def without(state: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != key}


WRONG: dict[str, Callable[[dict[str, Any], dict[str, Any]], tuple[Any, Any]]] = {
    "few parameters": lambda state, params: ({"a": params["a"]}, state),
    "no dict": lambda state, params: (params, 3),
    "no state": lambda state, params: (params, without(state, "state")),
    "no groups": lambda state, params: (params, without(state, "param_groups")),
    "few groups": lambda state, params: (params, {**state, "param_groups": state["param_groups"][:1]}),
    "other options": lambda state, params: (
        params, {**state, "param_groups": [without(each, "lr") for each in state["param_groups"]]}
    ),
    "other sizes": lambda state, params: (
        params, {**state, "param_groups": [{**each, "params": [0]} for each in state["param_groups"]]}
    ),
    "names": lambda state, params: (
        params, {**state, "param_groups": [{**each, "params": ["a"]} for each in state["param_groups"]]}
    ),
    "extra": lambda state, params: (params, {**state, "state": {**state["state"], 9: {}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_as_in_pytorch(name: str) -> None:
    for library in (pytest.importorskip("torch"), mt):
        optimizer, own = build(library, "SGD")
        params, state = WRONG[name](optimizer.state_dict(), dict(zip("abc", own, strict=True)))
        with pytest.raises(RuntimeError), library.optim.swap_in_optimizer_params_and_state(optimizer, params, state):
            pass
        assert optimizer.param_groups[0]["params"][0] is own[0]


def test_an_optimizer_without_state_is_refused() -> None:
    optimizer = mt.optim.SGD([mt.ones(1, requires_grad=True)], lr=1.0, momentum=0.5)
    state = optimizer.state_dict()
    swap = mt.optim.swap_in_optimizer_params_and_state
    with pytest.raises(RuntimeError, match="let it make a step first"), swap(optimizer, {}, state):
        pass
