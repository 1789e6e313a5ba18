"""Hooks around the steps of optimizers: those of one optimizer, and those of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.errors import UsageError
from minitensor.utils.hooks import Hooks, RemovableHandle

if TYPE_CHECKING:
    from minitensor.optim.optimizer import Optimizer

__all__ = ["register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

Hook = Callable[..., Any]

# The hooks that run around the steps of every optimizer.
BEFORE: Hooks[Hook] = Hooks()
AFTER: Hooks[Hook] = Hooks()


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Run ``hook(optimizer, args, kwargs)`` before each step of every optimizer, ahead of the optimizer's own hooks.

    Args:
        hook: A function; it may return other ``(args, kwargs)`` for the step.

    Returns:
        A handle whose ``remove`` removes the hook.

    >>> import minitensor as torch
    >>> from minitensor.optim.optimizer import register_optimizer_step_pre_hook
    >>> handle = register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: print(type(optimizer).__name__))
    >>> torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1).step()
    SGD
    >>> handle.remove()
    """
    return BEFORE.register(hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Run ``hook(optimizer, args, kwargs)`` after each step of every optimizer, behind the optimizer's own hooks.

    Args:
        hook: A function.

    Returns:
        A handle whose ``remove`` removes the hook.

    >>> import minitensor as torch
    >>> from minitensor.optim.optimizer import register_optimizer_step_post_hook
    >>> handle = register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print("done"))
    >>> torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1).step()
    done
    >>> handle.remove()
    """
    return AFTER.register(hook)


def step_with_hooks(optimizer: Optimizer, closure: Callable[[], Any] | None) -> Any:
    """Run the hooks before a step, the step, and the hooks after it."""
    args: tuple[Any, ...] = (optimizer,) if closure is None else (optimizer, closure)
    kwargs: dict[str, Any] = {}
    for before in (*BEFORE.all(), *optimizer._step_pre_hooks.all()):
        changed = before(optimizer, args, kwargs)
        if changed is not None:
            args, kwargs = require_pair(optimizer, changed)
    loss = optimizer._step(*args[1:], **kwargs)
    for after in (*optimizer._step_post_hooks.all(), *AFTER.all()):
        after(optimizer, args, kwargs)
    return loss


def require_pair(optimizer: Optimizer, changed: Any) -> tuple[Any, Any]:
    """Return what a hook returned, if that can be the arguments of a step."""
    if isinstance(changed, tuple) and len(changed) == 2:
        return changed
    raise UsageError(
        f"{type(optimizer).__name__}.step: a pre-hook must return None or a tuple of (new_args, new_kwargs), "
        f"got {changed}"
    )
