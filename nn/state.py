"""State dicts: writing a network's tensors by name, and reading them back.

Writing: every module puts its parameters and persistent buffers under its path. Reading: every module first checks its
entries and collects the copies to make; they are made only if the whole state dict fits, and a misfit leaves the
network unchanged. This file knows modules only by their tables and hooks, and nothing of files.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.mode import no_grad
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, GuardError, StateDictError, UsageError
from minitensor.layouts import has_overlap
from minitensor.nn.parameter import Parameter, UninitializedTensorMixin, is_lazy
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.nn.module import Module

EXTRA = "_extra_state"


def make_state_dict() -> Any:
    """Return a dict for a network's entries, with the format version of each module in ``_metadata``, as PyTorch's."""
    made: Any = OrderedDict()
    made._metadata = OrderedDict()
    return made


class IncompatibleKeys(NamedTuple):
    """The keys that ``load_state_dict`` found missing and unexpected."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class ReturnsNothing(NamedTuple):
    """A hook that changes a state dict in place and must return None."""

    hook: Callable[..., object]

    def __call__(self, *args: Any) -> None:
        """Run the hook."""
        found: object = self.hook(*args)
        if found is not None:
            raise UsageError(f"state_dict post-hook must return None, got {type(found).__name__}")


# -- writing


def by_position(args: tuple[Any, ...], into: Any, prefix: str, keep_vars: bool) -> tuple[Any, str, bool]:
    """Read ``destination``, ``prefix`` and ``keep_vars`` given by position, which is deprecated."""
    warnings.warn(
        "Positional args are being deprecated, use kwargs instead: state_dict(destination=..., prefix=..., "
        "keep_vars=...)",
        FutureWarning,
        stacklevel=user_level(),
    )
    if len(args) > len(names := (into, prefix, keep_vars)):
        raise ArgumentTypeError(f"state_dict: expected destination, prefix and keep_vars, got {len(args)} arguments")
    return (*args, *names[len(args) :])

def collect(module: Module, into: dict[str, Any] | None, prefix: str, keep_vars: bool) -> dict[str, Any]:
    """Return the entries of a module and all below it."""
    entries = make_state_dict() if into is None else into
    metadata = {"version": module._version}
    if hasattr(entries, "_metadata"):
        entries._metadata[prefix[:-1]] = metadata
    for before in module._state_dict_pre_hooks.values():
        before(module, prefix, keep_vars)
    module._save_to_state_dict(entries, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=entries, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for after in module._state_dict_hooks.values():
        entries = after(module, entries, prefix, metadata) or entries
    return entries


def save_own(module: Module, entries: dict[str, Any], prefix: str, keep_vars: bool) -> None:
    """Put a module's own entries into the dict."""
    for name, tensor in own_entries(module):
        entries[prefix + name] = tensor if keep_vars else tensor.detach()
    if module._overrides("get_extra_state"):
        entries[prefix + EXTRA] = module.get_extra_state()


def own_entries(module: Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters, then the persistent buffers, of a module itself."""
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield name, parameter
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield name, buffer


# -- reading


class Loading(OrderedDict[str, Any]):
    """The entries for one module and those below it, while they are checked; ``writes`` are done if all fit."""

    writes: list[Callable[[], None]]


def load(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Check every entry, then write them all, or raise with all that does not fit."""
    if not isinstance(state_dict, Mapping):
        raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    misfits = Misfits(IncompatibleKeys([], []), [])
    writes: list[Callable[[], None]] = []
    after: list[Callable[[], None]] = []
    metadata = getattr(state_dict, "_metadata", None) or {}
    with no_grad():
        check(module, state_dict, "", metadata, assign, misfits, writes, after)
        if misfits.messages or not after:
            misfits.raise_for(module, strict)
        write_all(module, writes, after, misfits, strict)
    return misfits.keys


class Misfits(NamedTuple):
    """Everything wrong with a state dict."""

    keys: IncompatibleKeys
    messages: list[str]

    def raise_for(self, module: Module, strict: bool) -> None:
        """Raise one error that lists all misfits; missing and unexpected keys count only if ``strict``."""
        lines = list(self.messages)
        if strict and self.keys.unexpected_keys:
            lines.insert(0, f"Unexpected key(s) in state_dict: {quote_keys(self.keys.unexpected_keys)}. ")
        if strict and self.keys.missing_keys:
            lines.insert(0, f"Missing key(s) in state_dict: {quote_keys(self.keys.missing_keys)}. ")
        if lines:
            listed = "\n\t".join(lines)
            raise StateDictError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{listed}")


def quote_keys(keys: list[str]) -> str:
    """List keys in quotes."""
    return ", ".join(f'"{key}"' for key in keys)


def check(
    module: Module,
    entries: Mapping[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
    assign: bool,
    misfits: Misfits,
    writes: list[Callable[[], None]],
    after: list[Callable[[], None]],
) -> None:
    """Check a module and all below it; collect writes and post-hooks in order."""
    local = Loading(entries)
    local.writes = writes
    notes = dict(metadata.get(prefix[:-1], {}))
    if assign:
        notes["assign_to_params_buffers"] = True
    keys = misfits.keys
    for hook in module._load_state_dict_pre_hooks.values():
        hook(module, local, prefix, notes, True, keys.missing_keys, keys.unexpected_keys, misfits.messages)
    module._load_from_state_dict(local, prefix, notes, True, keys.missing_keys, keys.unexpected_keys, misfits.messages)
    if prefix + EXTRA in local and module._overrides("set_extra_state"):
        below = {key: value for key, value in local.items() if "." in key[len(prefix) :]}
        unknown = {key for key in below if key[len(prefix) :].partition(".")[0] not in module._modules}
        keys.unexpected_keys[:] = [key for key in keys.unexpected_keys if key not in unknown]
        former = dict(module._modules)
        writes.append(lambda: load_new_children(module, former, below, prefix, metadata, assign, misfits, after))
    for name, child in module._modules.items():
        if child is not None:
            inner = f"{prefix}{name}."
            theirs = {key: value for key, value in local.items() if key.startswith(inner)}
            check(child, theirs, inner, metadata, assign, misfits, writes, after)
    for post_hook in module._load_state_dict_post_hooks.values():
        after.append(lambda hook=post_hook: run_post_hook(hook, module, keys))  # type: ignore[misc]  # bound now


def load_new_children(
    module: Module,
    former: dict[str, Any],
    entries: dict[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
    assign: bool,
    misfits: Misfits,
    after: list[Callable[[], None]],
) -> None:
    """Load the children that restoring a module's extra state created; entries for other children are unexpected."""
    writes: list[Callable[[], None]] = []
    created = {name: child for name, child in module._modules.items() if child is not former.get(name)}
    for name, child in created.items():
        inner = f"{prefix}{name}."
        if child is not None:
            theirs = {key: value for key, value in entries.items() if key.startswith(inner)}
            check(child, theirs, inner, metadata, assign, misfits, writes, after)
    known = {*former, *created}
    lost = [key for key in entries if key[len(prefix) :].partition(".")[0] not in known]
    misfits.keys.unexpected_keys.extend(lost)
    for write in writes:
        write()
    if created or lost:
        after.append(lambda: None)  # makes write_all check the misfits again


def run_post_hook(hook: Callable[..., object], module: Module, keys: IncompatibleKeys) -> None:
    """Pass a post-hook the keys that did not fit; it may remove names from the lists."""
    if hook(module, keys) is not None:
        raise GuardError(
            "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, if "
            "incompatible_keys need to be modified, it should be done inplace"
        )


def check_own(
    module: Module,
    entries: dict[str, Any],
    prefix: str,
    metadata: dict[str, Any],
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    messages: list[str],
) -> None:
    """Check the entries for one module; collect a write for each that fits."""
    own = dict(own_entries(module))
    write = module_assign if metadata.get("assign_to_params_buffers") else module_copy
    writes = entries.writes if isinstance(entries, Loading) else None
    for name, tensor in own.items():
        key = prefix + name
        if key in entries:
            value = entries[key]
            problem = misfit(key, tensor, value) or unwritable(key, tensor, value, write is module_assign)
            if problem is not None:
                messages.append(problem)
            else:
                perform(writes, write, module, name, value)
        elif strict:
            missing.append(key)
    check_extra(module, entries, prefix, strict, missing, writes)
    if strict:
        unexpected.extend(
            key for key in entries if key.startswith(prefix) and is_unexpected(module, key[len(prefix) :], own)
        )


def perform(writes: list[Callable[[], None]] | None, write: Callable[..., None], *args: Any) -> None:
    """Collect a write for later, or do it now if nobody collects (a direct call of the hook method)."""
    if writes is None:
        write(*args)
    else:
        writes.append(lambda: write(*args))


def check_extra(
    module: Module, entries: dict[str, Any], prefix: str, strict: bool, missing: list[str], writes: Any
) -> None:
    """Check the entry for a module's extra state."""
    if not module._overrides("set_extra_state"):
        return
    if prefix + EXTRA in entries:
        perform(writes, module.set_extra_state, entries[prefix + EXTRA])
    elif strict:
        missing.append(prefix + EXTRA)


def is_unexpected(module: Module, name: str, own: Mapping[str, Any]) -> bool:
    """Tell whether a key matches nothing in a module; keys that begin with a child's name are checked in the child."""
    if name == EXTRA:
        return not module._overrides("set_extra_state")
    child, dot, _ = name.partition(".")
    return child not in module._modules if dot else name not in own


def misfit(key: str, tensor: Tensor, value: Any) -> str | None:
    """Return why an entry cannot be loaded, or None."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected minitensor.Tensor from checkpoint but received '
            f"{type(value)}"
        )
    if is_lazy(tensor):
        return None
    if is_lazy(value):
        return (
            f"size mismatch for {key}: copying an uninitialized param from checkpoint, the shape in current model is "
            f"{tensor.shape}."
        )
    if value.shape == tensor.shape or (tensor.shape == () and value.shape == (1,)):
        return None
    return (
        f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
        f"the shape in current model is {tensor.shape}."
    )


def unwritable(key: str, tensor: Tensor, value: Tensor, assigned: bool) -> str | None:
    """Return why an entry of the right shape cannot be copied or assigned, or None."""
    if assigned and tensor.requires_grad and not (value.is_floating_point() or value.is_complex()):
        problem = f"a tensor of dtype {value.dtype} cannot require grad, as the one in the model does"
    elif not assigned and not is_lazy(tensor) and has_overlap(tensor.layout):
        problem = "several elements of the one in the model share one place in memory; load with assign=True"
    elif not assigned and not is_lazy(tensor) and value.is_meta and not tensor.is_meta:
        problem = "Cannot copy out of meta tensor; no data!"
    else:
        return None
    return f'While copying the parameter named "{key}": {problem}'


def module_copy(module: Module, name: str, value: Tensor) -> None:
    """Copy a value into the module's tensor."""
    target: Any = getattr(module, name)
    if isinstance(target, UninitializedTensorMixin):
        if is_lazy(value):
            return
        target.materialize(value.shape)
    if target.is_meta and not value.is_meta:
        warn_of_no_copy(name)
    target.copy_(value.reshape(target.shape))


def warn_of_no_copy(name: str) -> None:
    """Warn that a parameter without memory keeps nothing of what is loaded."""
    warnings.warn(
        f"for {name}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, "
        "which is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary to their "
        "corresponding key in the module instead of copying them in place?)",
        UserWarning, stacklevel=user_level(),
    )


def module_assign(module: Module, name: str, value: Tensor) -> None:
    """Replace the module's tensor by the state dict's own."""
    target: Tensor = getattr(module, name)
    if not is_lazy(target) and value.shape != target.shape:
        value = value.reshape(target.shape)
    if isinstance(target, Parameter):
        if not isinstance(value, Parameter):
            value = Parameter(value, target.requires_grad)
        value.requires_grad_(target.requires_grad)
    setattr(module, name, value)


def write_all(
    module: Module,
    writes: list[Callable[[], None]],
    after: list[Callable[[], None]],
    misfits: Misfits,
    strict: bool,
) -> None:
    """Make the collected copies, run the post-hooks, and undo the copies if the hooks leave misfits.

    A post-hook may remove missing and unexpected keys, and expects to see the loaded values. With hooks, the decision
    therefore comes after the copying, and a copy of the old values is kept until then. The same holds if a module
    restores extra state, because its ``set_extra_state`` may raise.
    """
    if not after and not any(inner._overrides("set_extra_state") for inner in module.modules()):
        for write in writes:
            write()
        return
    before = [
        Kept(inner, name, tensor, tensor.to() if is_lazy(tensor) else tensor.clone())
        for inner in module.modules()
        for name, tensor in own_entries(inner)
    ]
    try:
        for write in writes:
            write()
        for write in after:  # the writes may have added some
            write()
        if after:
            misfits.raise_for(module, strict)
    except Exception:
        for each in before:
            each.put_back()
        raise


class Kept(NamedTuple):
    """A module's tensor, and a copy from before anything was written."""

    module: Module
    name: str
    tensor: Tensor
    value: Tensor

    def put_back(self) -> None:
        """Give the module its own tensor again, with its old values; a lazy one is created anew."""
        if is_lazy(self.value):
            module, name = self.module, self.name
            table: dict[str, Any] = module._parameters if name in module._parameters else module._buffers
            table[name] = self.value
            return
        setattr(self.module, self.name, self.tensor)
        self.tensor.detach().copy_(self.value)
