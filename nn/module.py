"""Module: a function with memory.

A module keeps parameters, buffers and other modules under their attribute names, in three dicts that PyTorch users
know; everything else (iteration, moving, printing, calling) walks these dicts. State dicts are written and read in
``state.py``, hooks are run in ``hooks.py``; this file knows no layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from minitensor import dtypes
from minitensor.autograd.misuse import explain_constructor, wrong_call
from minitensor.autograd.mode import no_grad
from minitensor.device import device as Device
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    MinitensorError,
    UnsupportedError,
    WrongTypeError,
    cut,
    quote,
)
from minitensor.nn import state
from minitensor.nn.hooks import (
    EVERYWHERE,
    ForwardHook,
    OldHook,
    WithoutModule,
    call_with_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    registered,
    require_one_kind_here,
)
from minitensor.nn.moving import convert, destination, move
from minitensor.nn.parameter import Buffer, Parameter, is_lazy
from minitensor.nn.sharing import require_memory, shared
from minitensor.nn.words import (
    indent,
    join_path,
    not_initialized,
    require_free_name,
    require_none,
    require_tables,
    too_many_arguments,
    type_name,
)
from minitensor.ops.creation import empty_like
from minitensor.tensor import Tensor
from minitensor.utils.hooks import Hooks, RemovableHandle

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.nn.state import IncompatibleKeys

Self = TypeVar("Self", bound="Module")
Member = TypeVar("Member")

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

TABLES = ("_parameters", "_buffers", "_modules")


def fresh_tables() -> dict[str, Any]:
    """Return what every module starts with."""
    return {
        "training": True,
        "_parameters": {},
        "_buffers": {},
        "_modules": {},
        "_non_persistent_buffers_set": set(),
        "_forward_pre_hooks": Hooks(),
        "_forward_hooks": Hooks(),
        "_backward_pre_hooks": Hooks(),
        "_backward_hooks": Hooks(),
        "_state_dict_pre_hooks": Hooks(),
        "_state_dict_hooks": Hooks(),
        "_load_state_dict_pre_hooks": Hooks(),
        "_load_state_dict_post_hooks": Hooks(),
    }


class Module:
    """The base class of all layers and networks.

    Subclasses assign parameters, buffers and modules as attributes in ``__init__`` (after ``super().__init__()``) and
    compute in ``forward``.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = Parameter(minitensor.ones(1))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _forward_pre_hooks: Hooks[ForwardHook]
    _forward_hooks: Hooks[ForwardHook]
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

    dump_patches: bool = False  # A word of old; nothing reads it.

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        explain_constructor(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            raise ArgumentTypeError(too_many_arguments(self, args, kwargs))
        # Straight into __dict__: the way through __setattr__ would ask for the tables that are made here.
        self.__dict__.update(fresh_tables())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # -- calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; every subclass writes its own."""
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
        """Run ``hook(module, args)`` (or ``hook(module, args, kwargs)``) before each ``forward``."""
        return self._forward_pre_hooks.register(ForwardHook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args, output)`` (or ``hook(module, args, kwargs, output)``) after each ``forward``."""
        return self._forward_hooks.register(ForwardHook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_output)`` when the output's gradients are there; it may return others."""
        return self._backward_pre_hooks.register(hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` when the input's are; it may return other input gradients."""
        require_one_kind_here(self, old=False)
        return self._backward_hooks.register(hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` with the gradients of the module's last op.

        In a module of several ops these are not the module's own; ``register_full_backward_hook`` shows those.
        """
        require_one_kind_here(self, old=True)
        return self._backward_hooks.register(OldHook(hook))

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there is no compiler, and the module is called as before."""

    # -- attributes

    def __getattr__(self, name: str) -> Any:
        # Only what normal lookup did not find comes here: parameters, buffers and modules.
        attributes = self.__dict__
        if "_modules" in attributes:
            for table in TABLES:
                entries = attributes[table]
                if name in entries:
                    return entries[name]
        elif name in Module.__annotations__:
            raise AttributeError(not_initialized(self, f"no {name!r}"))
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
            self._modules[name] = registered(self, name, value, "module") if EVERYWHERE else value
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
        # Tables that the pickling version did not know start empty.
        self.__dict__.update(fresh_tables())
        self.__dict__.update(attributes)

    # -- registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name free for one."""
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
        self._parameters[name] = registered(self, name, param, "parameter") if EVERYWHERE else param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that moves with the module but is not trained; a persistent one is part of the state dict."""
        require_tables(self, "buffer")
        require_free_name(self, name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (minitensor Tensor or None required)"
            )
        self._buffers[name] = registered(self, name, tensor, "buffer") if EVERYWHERE else tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module."""
        if module is not None and not isinstance(module, Module):
            raise not_a_module(module)
        require_free_name(self, name, "module", self._modules)
        self._modules[name] = registered(self, name, module, "module") if EVERYWHERE else module

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module; the same as ``add_module``."""
        self.add_module(name, module)

    # -- finding by path

    def get_submodule(self, target: str) -> Module:
        """Return the module at a dotted path, such as ``"features.3"``; the empty path is the module itself."""
        module: Module = self
        for name in dotted(target).split(".") if target != "" else ():
            module = child_of(module, name)
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path, in the place of what is there; ``strict`` wants something to be there."""
        if not dotted(target):
            raise ArgumentError("cannot set the submodule without a target name, got ''")
        if not isinstance(module, Module):
            raise ArgumentError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if strict or not name or hasattr(owner, name):
            child_of(owner, name)  # raises for what is missing, or no module
        setattr(owner, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a dotted path, such as ``"features.3.weight"``."""
        found = leaf_at(self, target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a dotted path, such as ``"features.1.running_mean"``."""
        path, _, name = dotted(target).rpartition(".")
        found = leaf_at(self, target)
        if not isinstance(found, Tensor) or name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    # -- walking

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Walk this module and all below it, outer before inner, with their paths; a shared module comes once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, join_path(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Walk this module and all below it; a shared module comes once, unless told otherwise."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Walk the modules directly inside this one, with their names; a shared module comes once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Walk the modules directly inside this one."""
        for _, module in self.named_children():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Walk the parameters of this module (and of those below, if ``recurse``) with their paths."""
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Walk the parameters of this module and, if ``recurse``, of those below."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Walk the buffers of this module (and of those below, if ``recurse``) with their paths."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Walk the buffers of this module and, if ``recurse``, of those below."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self,
        members: Callable[[Module], Iterable[tuple[str, Member | None]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Member]]:
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in modules:
            for name, member in members(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield join_path(path, name), member

    # -- modes and gradients

    def apply(self: Self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn`` on every module, inner before outer."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm follows its batches) or, with False, evaluation mode."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Set evaluation mode."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Let every parameter take part in training, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
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
        """Move to a device, cast floating-point parameters and buffers to a dtype, or do both as a tensor has it.

        ``memory_format`` lays out anew what has four or five dims.
        """
        format = kwargs.pop("memory_format", None)
        device, dtype = destination(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise ArgumentTypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: move(t, device, dtype, format))

    def type(self: Self, dst_type: dtypes.dtype) -> Self:
        """Cast all parameters and buffers to ``dst_type``, whatever they are."""
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
        """Refuse: NumPy has no such type."""
        raise UnsupportedError("bfloat16 is not supported, as NumPy has no such dtype; use half() or float()")

    def to_empty(self: Self, *, device: DeviceLike, recurse: bool = True) -> Self:
        """Move to a device without the values: all hold what was in their new memory."""
        return self._apply(lambda t: t.to(device) if is_lazy(t) else empty_like(t, device=device), recurse)

    def cpu(self: Self) -> Self:
        """Move to the host."""
        return self._apply(lambda t: t.to("cpu"))

    def share_memory(self: Self) -> Self:
        """Move to memory that processes forked from this one share: what one writes, all see."""
        require_memory(self)
        return self._apply(shared)

    def cuda(self: Self, device: int | Device | None = None) -> Self:
        """Move to a CUDA device: the current one, or the one named."""
        target = Device("cuda") if device is None else Device(device)
        return self._apply(lambda t: t.to(target))

    # -- state dicts

    def state_dict(
        self, *args: Any, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Return every parameter and persistent buffer under its path. The tensors share memory with the module's.

        >>> list(nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if args:
            destination, prefix, keep_vars = state.by_position(args, destination, prefix, keep_vars)
        return state.collect(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values from a state dict; with ``assign``, take its tensors in place of the module's own.

        Everything is checked before anything is written. Entries of the wrong shape raise ``StateDictError``, and so,
        if ``strict``, do missing and unexpected ones: all of them listed at once.
        """
        return state.load(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries into ``destination``; layers with a story of their own override this."""
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
        """Check this module's own entries and note the copies to make; layers with older formats override this."""
        state.check_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """Return what else belongs in the state dict; a subclass that has some writes this and ``set_extra_state``."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: write get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` returned."""
        raise RuntimeError(f"{type(self).__name__} has no extra state: write set_extra_state")

    def _overrides(self, name: str) -> bool:
        """Tell whether a subclass wrote a method of its own under a name that the base has."""
        return getattr(type(self), name) is not getattr(Module, name)

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, prefix, keep_vars)`` before ``state_dict`` collects this module's entries."""
        return self._state_dict_pre_hooks.register(hook)

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` when this module's entries are in."""
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
        """Run a hook as ``register_load_state_dict_pre_hook`` does, without the module unless it is wanted."""
        return self._load_state_dict_pre_hooks.register(hook if with_module else WithoutModule(hook).call)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Run ``hook(module, incompatible_keys)`` after loading; it may take keys out of the two lists."""
        return self._load_state_dict_post_hooks.register(hook)

    # -- text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of the module's text."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        inner = [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        if len(lines) == 1 and not inner:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(lines + inner)
        return f"{self._get_name()}(\n  {body}\n)" if body else f"{self._get_name()}()"


def drop(module: Module, name: str, but: str) -> None:
    """Forget what a module has under a name, but for one table, where a new value takes the old one's place."""
    module.__dict__.pop(name, None)
    for table in TABLES:
        if table != but:
            module.__dict__[table].pop(name, None)
    module._non_persistent_buffers_set.discard(name)


def assign(module: Module, name: str, value: Any) -> None:
    """Set an attribute to something that is neither parameter nor module; registered names stay what they are."""
    attributes = module.__dict__
    if "_modules" not in attributes:
        object.__setattr__(module, name, value)
    elif name in attributes["_parameters"]:
        require_none(name, value, "as parameter", "minitensor.nn.Parameter or None expected")
        module.register_parameter(name, None)
    elif name in attributes["_modules"]:
        require_none(name, value, "as child module", "minitensor.nn.Module or None expected")
        module._modules[name] = None
    elif name in attributes["_buffers"]:
        if not isinstance(value, Tensor):
            require_none(name, value, "as buffer", "minitensor.nn.Buffer, minitensor.Tensor or None expected")
        module.register_buffer(name, value, name not in module._non_persistent_buffers_set)
    else:
        object.__setattr__(module, name, value)


def child_of(module: Module, name: str) -> Module:
    """Return the module that another one has under a name."""
    inner = getattr(module, name, None)
    if inner is None and not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    if not isinstance(inner, Module):
        raise AttributeError(f"`{name}` is not an nn.Module")
    return inner


def dotted(target: Any) -> str:
    """Return a dotted path, or refuse what is not text."""
    if not isinstance(target, str):
        raise WrongTypeError(f"a path such as 'features.3' is wanted, got {type_name(target)}: {quote(target)}")
    return target


def leaf_at(module: Module, target: str) -> Any:
    """Return the attribute at a dotted path."""
    path, _, name = dotted(target).rpartition(".")
    owner = module.get_submodule(path)
    if not hasattr(owner, name):
        raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
    return getattr(owner, name)


def not_a_module(given: object) -> ArgumentTypeError:
    """Return the error for a child that is no module, perhaps a class that was not called."""
    if isinstance(given, type) and issubclass(given, Module):
        return ArgumentTypeError(f"{given.__name__} is a class, not a Module: make one, as {given.__name__}(...)")
    return ArgumentTypeError(f"{type_name(given)} is not a Module subclass")


def reject(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> None:
    """Raise the error that names the argument at fault, if a layer of this library was called with a wrong one."""
    misfit = wrong_call("forward", type(module).forward, (module, *args), kwargs, error)
    if misfit is None:
        return
    locate(misfit, module)
    try:
        raise misfit from error
    finally:
        del misfit  # its traceback holds this frame, which holds the arguments


def locate(error: MinitensorError, module: Module) -> None:
    """Put the layer's path and text before the message; each module on the way out makes the path longer.

    The innermost module leaves itself on the error, and every outer one looks up by which path it knows it.
    """
    if not hasattr(error, "layer"):
        error.layer, error.reason = module, str(error)  # type: ignore[attr-defined]  # notes on the way out
    layer: Module = error.layer  # type: ignore[attr-defined]
    path = next((path for path, inner in module.named_modules() if inner is layer), "")
    if path or layer is module:
        error.args = (f"{path + ': ' if path else ''}{text_of(layer)}: {error.reason}",)  # type: ignore[attr-defined]


def text_of(layer: Module) -> str:
    """Return a layer as a message shows it: without its options where they cannot be shown."""
    try:
        return cut(f"{layer._get_name()}({layer.extra_repr()})")
    except Exception:  # it must not hide the error that is told
        return layer._get_name()
