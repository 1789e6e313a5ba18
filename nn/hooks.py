"""Hooks: functions that a user hangs on a module, and the call of a module that has some.

A hook is kept with the options it was registered with; a module without hooks never comes here. Backward hooks stand on gates, identities around a module's inputs and outputs through which
gradients pass. This file knows neither parameters nor state dicts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.errors import ArgumentTypeError

if TYPE_CHECKING:
    from minitensor.nn.module import Module


class ForwardHook(NamedTuple):
    """A function to run before or after ``forward``, and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run pre-hooks, ``forward`` and hooks, in that order; what a hook returns takes the place of what it was given."""
    pending = dict(module._forward_hooks)
    result: Any = None
    try:
        args, kwargs = before_forward(module, args, kwargs)
        result = module.forward(*args, **kwargs)
        while pending:
            hook = pending.pop(next(iter(pending)))
            result = replaced(result, after_forward(hook, module, args, kwargs, result))
    except Exception:
        for hook in pending.values():
            if hook.always_call:
                despite_the_error(hook, module, args, kwargs, result)
        raise
    return result


def before_forward(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Run the pre-hooks; return the arguments they leave."""
    for hook in module._forward_pre_hooks.all():
        if hook.with_kwargs:
            args, kwargs = replaced((args, kwargs), pair(hook.function(module, args, kwargs)))
        else:
            changed = hook.function(module, args)
            args = args if changed is None else changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def after_forward(hook: ForwardHook, module: Module, args: Any, kwargs: Any, result: Any) -> Any:
    """Call one forward hook as it wants to be called."""
    if hook.with_kwargs:
        return hook.function(module, args, kwargs, result)
    return hook.function(module, args, result)


def despite_the_error(hook: ForwardHook, module: Module, args: Any, kwargs: Any, result: Any) -> None:
    """Call a hook that is always called while another error is on its way; its own errors become warnings."""
    try:
        after_forward(hook, module, args, kwargs, result)
    except Exception as error:
        warnings.warn(
            "module forward hook with ``always_call=True`` raised an exception that was silenced as another error "
            f"was raised in forward: {error}",
            stacklevel=2,
        )


def replaced(old: Any, new: Any) -> Any:
    """Return what a hook gave back, or the old value where it gave nothing."""
    return old if new is None else new


def pair(changed: Any) -> Any:
    """Check what a pre-hook with keywords gave back: nothing, or (args, kwargs)."""
    if changed is None or (isinstance(changed, tuple) and len(changed) == 2):
        return changed
    raise ArgumentTypeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}")
