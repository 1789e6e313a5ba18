"""Hooks: functions that a user attaches to a module, and the call of a module that has some.

A hook is kept with the options it was registered with; the call of a module without hooks does not enter this file.
Backward hooks sit on gates, identities around a module's inputs and outputs through which gradients pass; the
deprecated ones, which are not "full", sit on the last op's node. Hooks for all modules are in one table here, the only
state that modules share. This file knows neither parameters nor state dicts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.function import Function
from minitensor.callers import user_level
from minitensor.errors import GradError, UsageError
from minitensor.ops.creation import zeros
from minitensor.tensor import Tensor
from minitensor.utils.hooks import Hooks, RemovableHandle

if TYPE_CHECKING:
    from minitensor.nn.module import Module


class ForwardHook(NamedTuple):
    """A function to run before or after ``forward``, and how to call it. Without options, the function stands alone."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the function: programs look for their hooks in ``_forward_pre_hooks``."""
        return getattr(self.function, name)


def with_options(function: Callable[..., Any], with_kwargs: bool = False, always_call: bool = False) -> Any:
    """Return what a table of hooks holds: the function itself, as in PyTorch, if it is called without options."""
    return ForwardHook(function, with_kwargs, always_call) if with_kwargs or always_call else function


def read_hook(hook: Any) -> ForwardHook:
    """Return a hook in a table with its options."""
    return hook if isinstance(hook, ForwardHook) else ForwardHook(hook)


def table_for(module: Module, name: str) -> Hooks[Any]:
    """Return a module's table of hooks, to register one: a plain dict that a program has put there is replaced."""
    table = module.__dict__[name]
    if not isinstance(table, Hooks):
        table = module.__dict__[name] = convert_hooks(name, module.__dict__)
    return table


class WithoutModule(NamedTuple):
    """A hook that does not take the module as its first argument."""

    hook: Callable[..., Any]

    def call(self, module: Module, *args: Any) -> Any:
        """Call the hook with the other arguments."""
        return self.hook(*args)


class OldHook(NamedTuple):
    """A deprecated backward hook, in a module's table."""

    function: Callable[..., Any]


def convert_hooks(name: str, attributes: dict[str, Any]) -> Hooks[Any]:
    """Return a module's table of hooks from the attributes of a module that PyTorch pickled."""
    given = attributes[name]
    if isinstance(given, Hooks):
        return given
    hooks: Hooks[Any] = Hooks()
    for key, function in given.items():
        hooks.register(convert_hook(name, key, function, attributes))
    return hooks


def convert_hook(name: str, key: int, function: Callable[..., Any], attributes: dict[str, Any]) -> Any:
    """Return a hook with the options that PyTorch keeps in tables of their own."""
    if name == "_backward_hooks":
        return function if attributes.get("_is_full_backward_hook") else OldHook(function)
    if name not in ("_forward_hooks", "_forward_pre_hooks"):
        return function
    with_kwargs = key in attributes.get(f"{name}_with_kwargs", ())
    return with_options(function, with_kwargs, key in attributes.get(f"{name}_always_called", ()))


class GlobalHook(NamedTuple):
    """A hook for all modules, and where it runs."""

    place: str
    hook: Any  # a function, or a ForwardHook


EVERYWHERE: Hooks[GlobalHook] = Hooks()  # One table for all places: a call without hooks asks once whether it is empty.


def everywhere(place: str) -> dict[int, Any]:
    """Return the hooks of all modules that run at a place."""
    return {key: each.hook for key, each in list(EVERYWHERE.items()) if each.place == place}


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run pre-hooks, ``forward`` and hooks, in that order; what a hook returns replaces what it was given."""
    pending = {**everywhere("forward"), **module._forward_hooks}
    result: Any = None
    try:
        args, kwargs = before_forward(module, args, kwargs)
        gates = BackwardGates(module) if has_backward_hooks(module) else None
        if gates is not None:
            args = gates.around_input(args)
        result = module.forward(*args, **kwargs)
        while pending:
            # Taken out before its call: a hook that raises is not called a second time below.
            hook = pending.pop(next(iter(pending)))
            result = replace_value(result, after_forward(hook, module, args, kwargs, result))
        if gates is not None:
            result = gates.around_output(result)
        if old := old_hooks(module):
            attach_old_hooks(old, module, args, result)
    except Exception:
        for hook in pending.values():
            if read_hook(hook).always_call:
                call_silently(hook, module, args, kwargs, result)
        raise
    return result


class Gate(Function):
    """Pass tensors through; in the backward pass, let a function see all their gradients and replace them."""

    @staticmethod
    def forward(ctx: Any, passing: Callable[[tuple[Any, ...]], tuple[Any, ...]], *tensors: Tensor) -> tuple[Any, ...]:
        """Return views of the tensors."""
        ctx.passing = passing
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        """Return the gradients that the function returns."""
        return (None, *ctx.passing(grads))


def has_backward_hooks(module: Module) -> bool:
    """Tell whether any hook sees gradients."""
    return bool(full_hooks(module) or module._backward_pre_hooks or everywhere("backward_pre"))


def full_hooks(module: Module) -> list[Callable[..., Any]]:
    """Return the hooks that see a module's own gradients, those for all modules first."""
    own = [hook for hook in module._backward_hooks.values() if not isinstance(hook, OldHook)]
    return [*everywhere("backward").values(), *own]


class BackwardGates:
    """The two gates around one call of a module, between which its backward hooks get the gradients of both sides."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] | None = None  # there between the two gates
        self.inputs = 0
        self.closed = False  # No input requires grad: the hooks run at the output.

    def around_input(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments, with a gate in front of those that require grad."""
        self.inputs = len(args)
        passed, self.closed = add_gate(args, self.change_input_gradients, make_zeros)
        return passed

    def around_output(self, result: Any) -> Any:
        """Return the result, with a gate behind its tensors."""
        if isinstance(result, tuple):
            return add_gate(result, self.change_output_gradients, make_none)[0]
        if not isinstance(result, Tensor):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}",
                stacklevel=user_level(),
            )
        return add_gate((result,), self.change_output_gradients, make_none)[0][0]

    def change_output_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Handle the gradients of the output: the pre-hooks may change them."""
        for before in [*everywhere("backward_pre").values(), *self.module._backward_pre_hooks.values()]:
            grads = check_count(before(self.module, grads), grads, "pre hook", "grad_output")
        self.grad_output = grads
        if self.closed:
            self.without_input()
        return grads

    def change_input_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Handle the gradients of the input: the hooks may change them."""
        if self.grad_output is None:
            return grads  # A gradient of a gradient, which reached the input on another way than through the output.
        for hook in full_hooks(self.module):
            grads = check_count(hook(self.module, grads, self.grad_output), grads, "hook", "grad_input")
        self.grad_output = None
        return grads

    def without_input(self) -> None:
        """Run the hooks at the output when no input requires grad: there is nothing that they could change."""
        grads = (None,) * self.inputs
        seen, self.grad_output = self.grad_output, None
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no "
            "inputs require gradients",
            stacklevel=user_level(),
        )
        for hook in full_hooks(self.module):
            changed = hook(self.module, grads, seen)
            if changed is not None and not (isinstance(changed, tuple) and all(each is None for each in changed)):
                raise GradError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    f"all gradients, got {type(changed).__name__}"
                )


def make_zeros(shape: Any, dtype: Any, device: Any) -> Tensor:
    """Return what a hook sees where an input gets no gradient."""
    return zeros(shape, dtype=dtype, device=device)


def make_none(shape: Any, dtype: Any, device: Any) -> None:
    """Return what a hook sees where an output got no gradient."""


def add_gate(
    values: tuple[Any, ...], passing: Callable[[tuple[Any, ...]], tuple[Any, ...]], blank: Callable[..., Any]
) -> tuple[tuple[Any, ...], bool]:
    """Return the values, those that require grad behind one gate, and whether none require grad.

    ``passing`` sees a gradient for each value: ``blank`` of its shape, dtype and device for a tensor without one, and
    None for a value that is not a tensor.
    """
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not places:
        return values, True
    kinds = [(v.shape, v.dtype, v.device) if isinstance(v, Tensor) else None for v in values]

    def spread(grads: tuple[Any, ...]) -> tuple[Any, ...]:
        found = dict(zip(places, grads, strict=True))
        every = [kind and (blank(*kind) if found.get(i) is None else found[i]) for i, kind in enumerate(kinds)]
        changed = passing(tuple(every))
        return tuple(changed[i] for i in places)

    passed = dict(zip(places, Gate.apply(spread, *(values[i] for i in places)), strict=True))
    parts = [passed.get(i, value) for i, value in enumerate(values)]
    return type(values)(*parts) if hasattr(values, "_fields") else tuple(parts), False


def check_count(changed: Any, grads: Any, hook: str, name: str) -> Any:
    """Return the gradients that a hook returned, or the old ones if it returned nothing."""
    if changed is None:
        return grads
    if len(changed) != len(grads):
        raise GradError(
            f"Backward {hook} returned an invalid number of {name}, got {len(changed)}, but expected {len(grads)}; "
            "return one gradient, or None, for each of them in a tuple"
        )
    return changed


def before_forward(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Run the pre-hooks; return the arguments after them."""
    for hook in [*everywhere("forward_pre").values(), *module._forward_pre_hooks.values()]:
        function, with_kwargs, _ = read_hook(hook)
        if with_kwargs:
            args, kwargs = replace_value((args, kwargs), pair(function(module, args, kwargs)))
        else:
            changed = function(module, args)
            args = args if changed is None else changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


def after_forward(hook: Any, module: Module, args: Any, kwargs: Any, result: Any) -> Any:
    """Call one forward hook with the arguments that it wants."""
    function, with_kwargs, _ = read_hook(hook)
    return function(module, args, kwargs, result) if with_kwargs else function(module, args, result)


def call_silently(hook: Any, module: Module, args: Any, kwargs: Any, result: Any) -> None:
    """Call a hook that is always called, while another error propagates; its own errors become warnings."""
    try:
        after_forward(hook, module, args, kwargs, result)
    except Exception as error:
        warnings.warn(
            "module forward hook with ``always_call=True`` raised an exception that was silenced as another error "
            f"was raised in forward: {error}",
            stacklevel=user_level(),
        )


def replace_value(old: Any, new: Any) -> Any:
    """Return what a hook returned, or the old value if it returned nothing."""
    return old if new is None else new


def pair(changed: Any) -> Any:
    """Check what a pre-hook with keywords returned: nothing, or (args, kwargs)."""
    if changed is None or (isinstance(changed, tuple) and len(changed) == 2):
        return changed
    raise UsageError(
        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}"
    )


# -- deprecated backward hooks ---------------------------------------------------------------------------------------


def require_one_kind(old: bool, kinds: list[bool], where: str) -> None:
    """Raise if there are backward hooks of both kinds in one place."""
    if any(kind is not old for kind in kinds):
        raise UsageError(
            f"Cannot use both regular backward hooks and full backward hooks {where}. Please use only one of them."
        )


def require_one_kind_here(module: Module, old: bool) -> None:
    """Raise if a module has backward hooks of the other kind."""
    kinds = [isinstance(hook, OldHook) for hook in module._backward_hooks.values()]
    require_one_kind(old, kinds, "on a single Module")


def require_one_kind_everywhere(old: bool) -> None:
    """Raise if there are backward hooks of the other kind for all modules."""
    other = everywhere("backward" if old else "backward_old")
    require_one_kind(old, [not old] * len(other), "as a global Module hook")


def old_hooks(module: Module) -> list[Callable[..., Any]]:
    """Return the deprecated backward hooks, those for all modules first."""
    own = [hook.function for hook in module._backward_hooks.values() if isinstance(hook, OldHook)]
    return [*everywhere("backward_old").values(), *own]


def attach_old_hooks(hooks: list[Callable[..., Any]], module: Module, args: tuple[Any, ...], result: Any) -> None:
    """Attach deprecated hooks to the node of the result's first tensor; they see that op's gradients."""
    node = first_tensor(result).grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(lambda grads, arrived, hook=hook: hook(module, grads, arrived))
    results = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(each, Tensor) for each in (*results, *args)):
        warn_of_missing_gradients("takes or returns anything but tensors and tuples of them")
    elif {each.grad_fn for each in results if each.grad_fn is not None} != {node}:
        warn_of_missing_gradients("has outputs made by different autograd Nodes")
    elif {each.grad_fn for each in args if each.grad_fn is not None} != {edge[0] for edge in node.next_functions}:
        warn_of_missing_gradients("contains multiple autograd Nodes")


def warn_of_missing_gradients(what: str) -> None:
    """Warn that a deprecated hook sees only some of the gradients."""
    warnings.warn(
        f"Using a non-full backward hook when the forward {what} is deprecated. This hook will be missing some "
        "gradients. Please use register_full_backward_hook to get the documented behavior.",
        FutureWarning,
        stacklevel=user_level(),
    )


def first_tensor(result: Any) -> Any:
    """Return the first tensor of what a module returned."""
    while not isinstance(result, Tensor):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    return result


# -- for all modules ---------------------------------------------------------------------------------------------------


def run_registration_hooks(module: Module, name: str, value: Any, place: str) -> Any:
    """Pass a parameter, buffer or module that is registered to the hooks for that; return the value after them."""
    for hook in everywhere(place).values():
        value = replace_value(value, hook(module, name, value))
    return value


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, args)`` before each ``forward`` of every module; it may return other arguments.

    Args:
        hook: The function; it runs before the module's own hooks.

    Returns:
        A handle, whose ``remove()`` takes the hook away.
    """
    return EVERYWHERE.register(GlobalHook("forward_pre", hook))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Run ``hook(module, args, output)`` after each ``forward`` of every module; it may return another output.

    Args:
        hook: The function; it runs before the module's own hooks.
        with_kwargs: Call ``hook(module, args, kwargs, output)``. Default: ``False``.
        always_call: Run it even if ``forward`` raised. Default: ``False``.

    Returns:
        A handle, whose ``remove()`` takes the hook away.

    >>> import minitensor as torch
    >>> sizes = []
    >>> hook = lambda module, args, output: sizes.append(output.shape)
    >>> handle = torch.nn.modules.module.register_module_forward_hook(hook)
    >>> output = torch.nn.Linear(2, 3)(torch.ones(2))
    >>> handle.remove()
    >>> sizes
    [torch.Size([3])]
    """
    return EVERYWHERE.register(GlobalHook("forward", with_options(hook, with_kwargs, always_call)))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, grad_output)`` for every module, once the output's gradients are known; it may return others.

    Args:
        hook: The function; the gradients are a tuple.

    Returns:
        A handle, whose ``remove()`` takes the hook away.
    """
    return EVERYWHERE.register(GlobalHook("backward_pre", hook))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, grad_input, grad_output)`` for every module, once the input's gradients are known.

    Args:
        hook: The function; both gradients are tuples, and it may return another ``grad_input``.

    Returns:
        A handle, whose ``remove()`` takes the hook away.

    Raises:
        RuntimeError: If there are hooks of ``register_module_backward_hook``.
    """
    require_one_kind_everywhere(old=False)
    return EVERYWHERE.register(GlobalHook("backward", hook))


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, grad_input, grad_output)`` with the gradients of each module's last op. Deprecated.

    Args:
        hook: The function; both gradients are tuples.

    Returns:
        A handle, whose ``remove()`` takes the hook away.

    Raises:
        RuntimeError: If there are hooks of ``register_module_full_backward_hook``.
    """
    require_one_kind_everywhere(old=True)
    return EVERYWHERE.register(GlobalHook("backward_old", hook))


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, name, param)`` when a parameter is registered; it may return another. Returns a handle."""
    return EVERYWHERE.register(GlobalHook("parameter", hook))


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, name, buffer)`` when a buffer is registered; it may return another. Returns a handle."""
    return EVERYWHERE.register(GlobalHook("buffer", hook))


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, name, submodule)`` when a module is registered; it may return another. Returns a handle."""
    return EVERYWHERE.register(GlobalHook("module", hook))
