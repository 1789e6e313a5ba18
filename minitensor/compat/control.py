"""``cond`` and ``while_loop``: branches and loops that PyTorch's compiler keeps. Here they are Python's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitensor.errors import UsageError


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...] | list[Any] = ()
) -> Any:
    """Return what one of two functions returns.

    Args:
        pred: A bool, or a tensor of one: whether to call the first one.
        true_fn, false_fn: The functions.
        operands: Their arguments.

    Raises:
        RuntimeError: If a function cannot be called.

    >>> import minitensor as torch
    >>> torch.cond(torch.tensor(True), torch.exp, torch.log, (torch.zeros(1),))
    tensor([1.])
    """
    for name, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise UsageError(f"cond: expected {name} to be callable, got {type(function).__name__}")
    return true_fn(*operands) if pred else false_fn(*operands)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Sequence[Any]
) -> tuple[Any, ...]:
    """Replace values by what a function returns for them, while another one returns true, and return them.

    Args:
        cond_fn: A function of the values: whether to go on.
        body_fn: A function of the values that returns as many.
        carried_inputs: The values.

    Raises:
        RuntimeError: If the number of values changes.

    >>> import minitensor as torch
    >>> torch.while_loop(lambda x: x < 10, lambda x: (x * 3,), (torch.tensor(1),))
    (tensor(27),)
    """
    values = tuple(carried_inputs)
    while cond_fn(*values):
        found = body_fn(*values)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(found) != len(values):
            raise UsageError(f"while_loop: body_fn must return {len(values)} values, as it gets, got {len(found)}")
        values = found
    return values
