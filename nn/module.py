"""Module: the base class of layers and networks.

A module keeps parameters, buffers and other modules under their attribute names, in three dicts that PyTorch users
know; everything else (moving, printing, calling) walks these dicts. ``tree.py`` finds and walks, ``attributes.py`` sets
attributes, ``state.py`` writes and reads state dicts, ``hooks.py`` runs hooks, ``locate.py`` says which layer raised.
This file knows no layer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from minitensor import dtypes
from minitensor.autograd.misuse import explain_constructor
from minitensor.autograd.mode import no_grad
from minitensor.callers import user_level
from minitensor.device import device as Device
from minitensor.errors import ArgumentError, ArgumentTypeError, MinitensorError
from minitensor.nn import state
from minitensor.nn.attributes import TABLES, assign, drop, fresh_tables
from minitensor.nn.hooks import (
    EVERYWHERE,
    OldHook,
    WithoutModule,
    call_with_hooks,
    convert_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    require_one_kind_here,
    run_registration_hooks,
    table_for,
    with_options,
)
from minitensor.nn.locate import locate, reject
from minitensor.nn.moving import convert, destination, move, require_memory
from minitensor.nn.parameter import Buffer, Parameter, is_lazy
from minitensor.nn.tree import Tree
from minitensor.nn.words import (
    indent,
    not_initialized_message,
    require_free_name,
    require_none,
    require_tables,
    too_many_arguments,
    type_name,
)
from minitensor.ops.creation import empty_like
from minitensor.ops.sharing import share
from minitensor.tensor import Tensor
from minitensor.utils.hooks import Hooks, RemovableHandle

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.nn.state import IncompatibleKeys

Self = TypeVar("Self", bound="Module")

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


class Module(Tree):
    """The base class of all layers and networks.

    A subclass calls ``super().__init__()``, assigns parameters, buffers and modules as attributes, and computes in
    ``forward``. Users call the module, which runs ``forward`` and the hooks.

    Args:
        *args, **kwargs: None are accepted, unless ``call_super_init`` is true: then they go to the next class's
            ``__init__``.

    Attributes:
        training: Whether the module is in training mode; see ``train``.

    Raises:
        TypeError: If arguments are given.

    >>> import minitensor as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.ones(1))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> scale = Scale()
    >>> [name for name, _ in scale.named_parameters()]
    ['factor']
    >>> scale(torch.tensor([2.0, 3.0]))
    tensor([2., 3.], grad_fn=<MulBackward0>)
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _forward_pre_hooks: Hooks[Any]  # functions, and ``ForwardHook``
    _forward_hooks: Hooks[Any]
    _backward_pre_hooks: Hooks[Callable[..., Any]]
    _backward_hooks: Hooks[Any]  # functions, and ``OldHook``
    _state_dict_pre_hooks: Hooks[Callable[..., None]]
    _state_dict_hooks: Hooks[Any]  # functions, and ``ReturnsNothing``
    _load_state_dict_pre_hooks: Hooks[Callable[..., None]]
    _load_state_dict_post_hooks: Hooks[Callable[..., None]]

    # The layout of a module's entries in a state dict; a layer raises it when it renames or adds some.
    _version: int = 1

    # Whether ``Module.__init__`` calls the next class's, with the arguments it got: for classes with several parents.
    call_super_init: bool = False

    dump_patches: bool = False  # Unused; kept for PyTorch compatibility.

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        explain_constructor(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            raise ArgumentTypeError(too_many_arguments(self, args, kwargs))
        # Directly into __dict__: __setattr__ would look for the tables that are created here.
        self.__dict__.update(fresh_tables())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # -- calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output for ``*args`` and ``**kwargs``; every subclass overrides it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call ``forward``, between the hooks if there are any."""
        try:
            if (
                self._forward_pre_hooks or self._forward_hooks or self._backward_hooks or self._backward_pre_hooks
                or EVERYWHERE
            ):  # fmt: skip
                return call_with_hooks(self, args, kwargs)
            return self.forward(*args, **kwargs)
        except MinitensorError as error:
            locate(error, self)
            raise
        except (AttributeError, TypeError) as error:
            reject(self, args, kwargs, error)
            raise

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args)`` before each ``forward``; it may return other arguments.

        Args:
            hook: The function. A value other than a tuple counts as the only argument.
            prepend: Run it before the hooks registered so far. Default: ``False``.
            with_kwargs: Call ``hook(module, args, kwargs)``, which may return ``(args, kwargs)``. Default: ``False``.

        Returns:
            A handle, whose ``remove()`` takes the hook away.
        """
        return table_for(self, "_forward_pre_hooks").register(with_options(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args, output)`` after each ``forward``; it may return another output.

        Args:
            hook: The function.
            prepend: Run it before the hooks registered so far. Default: ``False``.
            with_kwargs: Call ``hook(module, args, kwargs, output)``. Default: ``False``.
            always_call: Run it even if ``forward`` raised. Default: ``False``.

        Returns:
            A handle, whose ``remove()`` takes the hook away.
        """
        return table_for(self, "_forward_hooks").register(with_options(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_output)`` when the gradients arrive; with ``prepend``, before other hooks."""
        return table_for(self, "_backward_pre_hooks").register(hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` once the input's gradients are known; it may return others.

        Args:
            hook: The function; both gradients are tuples, and it may replace ``grad_input``.
            prepend: Run it before the hooks registered so far. Default: ``False``.

        Returns:
            A handle, whose ``remove()`` takes the hook away.

        Raises:
            RuntimeError: If the module has hooks of ``register_backward_hook``.
        """
        require_one_kind_here(self, old=False)
        return table_for(self, "_backward_hooks").register(hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` with the gradients of the module's last op. Deprecated.

        In a module of several ops these are not the module's own gradients; ``register_full_backward_hook`` shows
        those. Raises ``RuntimeError`` if the module has full backward hooks.
        """
        require_one_kind_here(self, old=True)
        return table_for(self, "_backward_hooks").register(OldHook(hook))

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing, whatever ``args`` and ``kwargs`` are: there is no compiler, and calls work as before."""

    # -- attributes

    def __getattr__(self, name: str) -> Any:
        # Called only for names that normal lookup did not find: parameters, buffers and modules.
        attributes = self.__dict__
        if "_modules" in attributes:
            for table in TABLES:
                entries = attributes[table]
                if name in entries:
                    return entries[name]
        elif name in Module.__annotations__:
            raise AttributeError(not_initialized_message(self, f"no {name!r}"))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            require_tables(self, "parameters")
            drop(self, name, but="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, (Module, Buffer)) and name in self.__dict__.get("_parameters", ()):
            require_none(name, value, "as parameter", "minitensor.nn.Parameter or None expected")
        elif isinstance(value, Module):
            require_tables(self, "module")
            drop(self, name, but="_modules")
            self._modules[name] = run_registration_hooks(self, name, value, "module") if EVERYWHERE else value
        elif isinstance(value, Buffer):
            require_tables(self, "buffers")
            if name in self._modules:
                require_none(name, value, "as child module", "minitensor.nn.Module or None expected")
            drop(self, name, but="_buffers")
            self.register_buffer(name, value, value.persistent)
        else:
            assign(self, name, value)

    def __delattr__(self, name: str) -> None:
        for table in TABLES:
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[0].isdigit())

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        # Tables that the pickling version did not have start empty.
        tables = fresh_tables()
        hooks = [name for name in tables if isinstance(tables[name], Hooks) and name in attributes]
        self.__dict__.update(tables)
        self.__dict__.update(attributes)
        self.__dict__.update({name: convert_hooks(name, attributes) for name in hooks})

    # -- registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter under a name, as assigning it to an attribute does.

        Args:
            name: The attribute's name.
            param: The parameter; None reserves the name.

        Raises:
            KeyError: If ``name`` is empty, contains a dot, or is an attribute already.
            TypeError: If ``name`` is not a string, or ``param`` is not a ``Parameter``.
            ValueError: If ``param`` was computed from other tensors.
        """
        require_tables(self, "parameter")
        require_free_name(self, name, "parameter", self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{type_name(param)}' object to parameter '{name}' "
                "(minitensor.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ArgumentError(
                f"cannot assign non-leaf Tensor to parameter '{name}': model parameters must be created explicitly; "
                f"to express '{name}' as a function of another tensor, compute the value in forward()"
            )
        self._parameters[name] = run_registration_hooks(self, name, param, "parameter") if EVERYWHERE else param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that moves with the module but is not trained, for example a running mean.

        Args:
            name: The attribute's name.
            tensor: The tensor; None reserves the name.
            persistent: Include it in the state dict. Default: ``True``.

        Raises:
            KeyError: If ``name`` is empty, contains a dot, or is an attribute already.
            TypeError: If ``name`` is not a string, or ``tensor`` is not a tensor.
        """
        require_tables(self, "buffer")
        require_free_name(self, name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (minitensor Tensor or None required)"
            )
        self._buffers[name] = run_registration_hooks(self, name, tensor, "buffer") if EVERYWHERE else tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register a child ``module`` under a ``name``; raise ``TypeError`` if it is neither a module nor None."""
        if module is not None and not isinstance(module, Module):
            raise not_a_module(module)
        require_free_name(self, name, "module", self._modules)
        self._modules[name] = run_registration_hooks(self, name, module, "module") if EVERYWHERE else module

    def register_module(self, name: str, module: Module | None) -> None:
        """Register a child ``module`` under a ``name``; the same as ``add_module``."""
        self.add_module(name, module)

    # -- modes and gradients

    def apply(self: Self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn`` on every module, inner before outer, and return the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Set training mode, or evaluation mode if ``mode`` is False; dropout and batch norm follow it.

        Raises:
            ValueError: If ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ArgumentError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Set evaluation mode; the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Set in place whether the parameters require grad."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or fill them with zeros if ``set_to_none`` is false."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                parameter.grad.detach_().zero_()

    # -- moving and casting

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace values, gradients and buffers by ``fn`` of them; parameters stay the same objects."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    convert(parameter, fn)
            for name, buffer in self._buffers.items():
                self._buffers[name] = None if buffer is None else fn(buffer)
        return self

    @overload
    def to(
        self: Self, device: DeviceLike = ..., dtype: dtypes.dtype | None = ..., non_blocking: bool = ...
    ) -> Self: ...

    @overload
    def to(self: Self, dtype: dtypes.dtype, non_blocking: bool = ...) -> Self: ...

    @overload
    def to(self: Self, tensor: Tensor, non_blocking: bool = ...) -> Self: ...

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move all parameters and buffers to a device, or cast those that hold floats to a dtype, or both.

        Parameters stay the same objects: optimizers keep hold of them.

        Args:
            device: Where to move; None leaves each where it is.
            dtype: Floating-point or complex; integer and bool buffers keep theirs.
            tensor: A tensor whose device and dtype to take instead.
            non_blocking: Accepted for PyTorch compatibility; has no effect.
            memory_format: Layout for tensors with 4 or 5 dims.

        Raises:
            TypeError: If ``dtype`` is neither floating-point nor complex, or an argument is unknown.
        """
        format = kwargs.pop("memory_format", None)
        device, dtype = destination(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise ArgumentTypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if dtype is not None and dtype.is_complex:
            warnings.warn(
                "Complex modules are a new feature: some modules might not work as expected with complex parameters.",
                UserWarning, stacklevel=user_level(),
            )  # fmt: skip
        return self._apply(lambda t: move(t, device, dtype, format))

    def type(self: Self, dst_type: dtypes.dtype) -> Self:
        """Cast all parameters and buffers to ``dst_type``, integer ones too; raise ``TypeError`` for None."""
        if dst_type is None:
            raise ArgumentTypeError("type: a dtype is wanted, got None")
        return self._apply(lambda t: t.type(dst_type))

    def float(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.to(dtypes.float32) if t.is_floating_point() else t)

    def double(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.to(dtypes.float64) if t.is_floating_point() else t)

    def half(self: Self) -> Self:
        """Cast floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.to(dtypes.float16) if t.is_floating_point() else t)

    def bfloat16(self: Self) -> Self:
        """Cast floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.to(dtypes.bfloat16) if t.is_floating_point() else t)

    def to_empty(self: Self, *, device: DeviceLike, recurse: bool = True) -> Self:
        """Move to a device without the values, which are then undefined; ``recurse=False`` leaves the children."""
        return self._apply(lambda t: t.to(device) if is_lazy(t) else empty_like(t, device=device), recurse)

    def cpu(self: Self) -> Self:
        """Move to the host."""
        return self._apply(lambda t: t.to("cpu"))

    def share_memory(self: Self) -> Self:
        """Move to memory that this process and those forked from it share; raise for lazy tensors."""
        require_memory(self)
        return self._apply(share)

    def cuda(self: Self, device: int | Device | None = None) -> Self:
        """Move to a CUDA device: the current one, or ``device``; raise ``RuntimeError`` if there is none."""
        target = Device("cuda") if device is None else Device(device)
        return self._apply(lambda t: t.to(target))

    # -- state dicts

    def state_dict(
        self, *args: Any, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Return every parameter and persistent buffer under its path.

        Args:
            *args: The same three by position; deprecated.
            destination: A dict to add to. Default: ``None``, a new one.
            prefix: Path of this module, which begins all others. Default: ``""``.
            keep_vars: Return the parameters themselves, not detached; both share memory with the module. Default:
                ``False``.

        >>> import minitensor as torch
        >>> list(torch.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if args:
            destination, prefix, keep_vars = state.by_position(args, destination, prefix, keep_vars)
        return state.collect(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy parameters and buffers from a state dict, after checking all of it.

        Args:
            state_dict: A dict from paths to tensors.
            strict: Raise if keys are missing or unexpected. Default: ``True``.
            assign: Take the dict's tensors in place of the module's own, instead of copying. Default: ``False``.

        Returns:
            The missing and the unexpected keys, as ``(missing_keys, unexpected_keys)``.

        Raises:
            TypeError: If ``state_dict`` is not a dict.
            RuntimeError: If a shape differs or, if ``strict``, a key is missing or unexpected; the message lists all
                misfits.
        """
        return state.load(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries into ``destination``; layers with special entries override this."""
        state.save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Check this module's own entries and collect the copies to make; layers with older formats override it."""
        state.check_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """Return what else belongs in the state dict; raise ``RuntimeError`` unless a subclass overrides it."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: write get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Restore the ``state`` that ``get_extra_state`` returned; raise ``RuntimeError`` unless overridden."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: write set_extra_state")

    def _overrides(self, name: str) -> bool:
        """Tell whether a subclass overrides a method of the base class."""
        return getattr(type(self), name) is not getattr(Module, name)

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, prefix, keep_vars)`` before ``state_dict`` collects this module's entries."""
        return self._state_dict_pre_hooks.register(hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after this module's entries are collected."""
        return self._state_dict_hooks.register(state.ReturnsNothing(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._load_state_dict_pre_hooks.register(hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` at the end; it may return another state dict."""
        return self._state_dict_hooks.register(hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., None], with_module: bool = False
    ) -> RemovableHandle:
        """Run a hook as ``register_load_state_dict_pre_hook`` does; without the module, unless ``with_module``."""
        return self._load_state_dict_pre_hooks.register(hook if with_module else WithoutModule(hook).call)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, incompatible_keys)`` after loading; it may remove keys from the two lists."""
        return self._load_state_dict_post_hooks.register(hook)

    # -- text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return the text between the parentheses of the module's repr; override it to show options."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        inner = [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not inner:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(lines + inner)
        return f"{self._get_name()}(\n  {body}\n)" if body else f"{self._get_name()}()"


def not_a_module(given: object) -> ArgumentTypeError:
    """Return the error for a child that is not a module, perhaps a class that was not called."""
    if isinstance(given, type) and issubclass(given, Module):
        return ArgumentTypeError(f"{given.__name__} is a class, not a Module: make one, as {given.__name__}(...)")
    return ArgumentTypeError(f"{type_name(given)} is not a Module subclass")
