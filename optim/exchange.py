"""A step of an optimizer on other parameters and another state, which are taken back afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitensor.errors import UsageError

if TYPE_CHECKING:
    from minitensor.optim.optimizer import Optimizer
    from minitensor.tensor import Tensor


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """Let an optimizer work in a block with other parameters, state and options.

    Writes into the tensors of the other state stay. New entries of it are dropped.

    Args:
        optimizer: The optimizer, which has made a step.
        swapin_parameters: The other parameters, in the order of the optimizer's.
        swapin_optim_state: The other state and options, as ``state_dict`` returns them.

    Raises:
        RuntimeError: If the optimizer has no state, or the groups or parameters do not fit its own.

    >>> import minitensor as torch
    >>> x, y = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([x], lr=1.0, momentum=0.5)
    >>> x.grad = y.grad = torch.ones(1)
    >>> optimizer.step()
    >>> with torch.optim.swap_in_optimizer_params_and_state(optimizer, {"y": y}, optimizer.state_dict()):
    ...     optimizer.step()
    >>> x.item(), y.item()
    (0.0, -1.5)
    """
    groups = fit_groups(optimizer, swapin_parameters, swapin_optim_state)
    state, before = optimizer.state, [dict(group) for group in optimizer.param_groups]
    other: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    try:
        for group, (options, params) in zip(optimizer.param_groups, groups, strict=True):
            for param, number in zip(params, options["params"], strict=True):
                other[param] = dict(swapin_optim_state["state"].get(number, {}))
            group.update({**options, "params": params})
        optimizer.state = other
        yield
    finally:
        for group, former in zip(optimizer.param_groups, before, strict=True):
            group.clear()
            group.update(former)
        optimizer.state = state


def fit_groups(
    optimizer: Optimizer, parameters: dict[str, Tensor], state_dict: Any
) -> list[tuple[dict[str, Any], list[Tensor]]]:
    """Return the options and the parameters of each group; raise unless they fit the optimizer."""
    require(bool(optimizer.state), "the optimizer has no state; let it make a step first")
    groups = state_dict.get("param_groups") if isinstance(state_dict, dict) else None
    states = state_dict.get("state") if isinstance(state_dict, dict) else None
    require(isinstance(groups, list) and isinstance(states, dict), "give what optimizer.state_dict() returns")
    count, wanted = len(groups or ()), len(optimizer.param_groups)
    require(count == wanted, f"the state has {count} parameter groups, and the optimizer has {wanted}")
    rest, found = list(parameters.values()), []
    for own, group in zip(optimizer.param_groups, groups or (), strict=True):
        numbers = group.get("params") if isinstance(group, dict) else None
        is_numbered = isinstance(numbers, list) and all(isinstance(number, int) for number in numbers)
        require(is_numbered, "the parameters of each group must be a list of numbers, as in state_dict()")
        size = len(numbers or ())
        require(size == len(own["params"]), f"a group has {size} parameters, and the optimizer's {len(own['params'])}")
        require(group.keys() == own.keys(), f"the groups differ in the options {sorted(group.keys() ^ own.keys())}")
        require(len(rest) >= size, f"there are only {len(parameters)} parameters")
        found.append((group, rest[:size]))
        rest = rest[size:]
    known = {number for group, _ in found for number in group["params"]}
    extra = [key for key in states or () if key not in known]
    require(not extra, f"the state has entries for {extra}, which are in no group")
    return found


def require(condition: bool, reason: str) -> None:
    """Raise for a reason unless a condition holds."""
    if not condition:
        raise UsageError(f"swap_in_optimizer_params_and_state: {reason}")
