"""A tree of modules: finding what lies at a path, and walking over modules, parameters and buffers.

Every module is such a tree: the modules below it lie in ``_modules``, and its own parameters and buffers in two tables
beside. This file knows these three tables and nothing else of a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.errors import ArgumentError, WrongTypeError, quote
from minitensor.nn.parameter import Parameter
from minitensor.nn.words import join_path, type_name
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.nn.module import Module

Member = TypeVar("Member")


class Tree:
    """The base class of ``Module``: finding by path, and walking."""

    if TYPE_CHECKING:  # ``typing.get_type_hints`` of a module reads what is not in this block
        _parameters: dict[str, Parameter | None]
        _buffers: dict[str, Tensor | None]
        _modules: dict[str, Module | None]

    # -- finding by path

    def get_submodule(self: Any, target: str) -> Module:
        """Return the module at a dotted path, for example ``"features.3"``; the empty path is the module itself.

        Args:
            target: The path: names joined by dots.

        Raises:
            AttributeError: If a name of the path is missing, or is not a module.
        """
        module: Module = self
        for name in require_path(target).split(".") if target != "" else ():
            module = child_of(module, name)
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path, and replace what is there.

        Args:
            target: The path: names joined by dots.
            module: The module.
            strict: Raise if nothing is there yet. Default: ``False``.

        Raises:
            ValueError: If ``target`` is empty, or ``module`` is not a module.
            AttributeError: If the path leads through something missing or not a module, or ``strict`` finds nothing.
        """
        if not require_path(target):
            raise ArgumentError("cannot set the submodule without a target name, got ''")
        if not isinstance(module, Tree):
            raise ArgumentError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if strict or not name or hasattr(owner, name):
            child_of(owner, name)  # raises for what is missing, or no module
        setattr(owner, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a dotted path, e.g. ``"features.3.weight"``, or raise ``AttributeError``."""
        found = leaf_at(self, target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a dotted path, e.g. ``"features.1.running_mean"``, or raise ``AttributeError``."""
        path, _, name = require_path(target).rpartition(".")
        found = leaf_at(self, target)
        if not isinstance(found, Tensor) or name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    # -- walking

    def named_modules(
        self: Any, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it, with their paths, outer before inner.

        Args:
            memo: Modules to skip; the ones yielded are added. Default: ``None``, an empty set.
            prefix: Path of this module, which begins all others. Default: ``""``.
            remove_duplicate: Yield a module with several paths once. Default: ``True``.

        >>> import minitensor as torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
        >>> [path for path, _ in net.named_modules()]
        ['', '0', '1']
        """
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
        """Yield this module and all below it, one with several paths once, unless ``remove_duplicate`` is false."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly inside this one, with their names; a module with several names once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one."""
        for _, module in self.named_children():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with their paths.

        Args:
            prefix: Path of this module, which begins all others. Default: ``""``.
            recurse: Include the parameters of the modules below. Default: ``True``.
            remove_duplicate: Yield a parameter with several paths once. Default: ``True``.
        """
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters of this module and, if ``recurse``, of those below, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their paths.

        Args:
            prefix: Path of this module, which begins all others. Default: ``""``.
            recurse: Include the buffers of the modules below. Default: ``True``.
            remove_duplicate: Yield a buffer with several paths once. Default: ``True``.
        """
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers of this module and, if ``recurse``, of those below, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self: Any,
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


def child_of(module: Module, name: str) -> Module:
    """Return the module that another one has under a name."""
    inner = getattr(module, name, None)
    if inner is None and not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    if not isinstance(inner, Tree):
        raise AttributeError(f"`{name}` is not an nn.Module")
    return inner  # type: ignore[return-value]  # every tree is a Module


def require_path(target: Any) -> str:
    """Return a dotted path; raise if it is not a string."""
    if not isinstance(target, str):
        raise WrongTypeError(f"a path such as 'features.3' is wanted, got {type_name(target)}: {quote(target)}")
    return target


def leaf_at(tree: Tree, target: str) -> Any:
    """Return the attribute at a dotted path."""
    path, _, name = require_path(target).rpartition(".")
    owner = tree.get_submodule(path)
    if not hasattr(owner, name):
        raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
    return getattr(owner, name)
