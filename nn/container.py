"""Containers: modules and parameters in a sequence, a list, or a dict.

They keep their entries under the names "0", "1", ... or under the user's keys; state dicts and printing need nothing
special. They compute nothing, except ``Sequential``, which calls its modules one after another.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from minitensor.compat.reasons import attributes_of
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    GuardError,
    IndexRangeError,
    MissingEntryError,
    MissingParameterError,
    WrongTypeError,
    quote,
)
from minitensor.nn.former_container import Container as Container
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.nn.words import indent, type_name
from minitensor.tensor import Tensor

SequentialT = TypeVar("SequentialT", bound="Sequential")
ModuleListT = TypeVar("ModuleListT", bound="ModuleList")


def position(index: Any, length: int) -> int:
    """Return an index counted from the front; negative ones count from the back."""
    i = operator.index(index)
    if not -length <= i < length:
        raise IndexError(f"index {i} is out of range: there are {length} entries")
    return i % length


class Numbered(Module):
    """The base class of ``Sequential`` and ``ModuleList``: modules under the names "0", "1", ...."""

    _modules: dict[str, Module]  # type: ignore[assignment]  # no entry is None

    def _renumber(self, modules: Iterable[Module]) -> None:
        """Replace the modules by these, in this order."""
        numbered = {str(i): module for i, module in enumerate(modules)}
        self._modules.clear()
        self._modules.update(numbered)

    def _name(self, index: Any) -> str:
        """Return the name of the entry at an index: a number, unless the user gave names."""
        return list(self._modules)[position(index, len(self))]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name(index)]
        for name in names:
            delattr(self, name)
        self._renumber(list(self))

    def insert(self, index: int, module: Module) -> Any:
        """Insert a module before the one at ``index``; raise ``TypeError`` if it is not a module."""
        modules = list(self)
        modules.insert(index, require_module(module))
        self._renumber(modules)

    def append(self, module: Module) -> Any:
        """Append a module; raise ``TypeError`` if it is not one."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Append modules; raise ``TypeError`` if ``modules`` is not an iterable of modules."""
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(
                f"{self._get_name()}.extend should be called with an iterable, but got {type_name(modules)}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, index: int | slice = -1) -> Any:
        """Remove the module at ``index`` and return it; raise ``IndexError`` if there is none."""
        module = self[index]  # type: ignore[index]  # both subclasses have __getitem__
        del self[index]
        return module


def require_module(module: object) -> Module:
    """Return a module; raise if it is not one."""
    if not isinstance(module, Module):
        raise ArgumentTypeError(f"module should be of type: {Module}, got {type_name(module)}")
    return module


class Sequential(Numbered):
    """Modules called one after another, each on the output of the one before.

    It is a list of modules: index, slice, append, insert, add, or multiply it. A slice shares the modules.

    Args:
        *modules: The modules; or one dict of modules, whose keys become their names.

    Raises:
        TypeError: If an entry is not a module.
        KeyError: If a name of a dict is empty, contains a dot, or is an attribute of ``Sequential``.

    >>> import minitensor as torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> net(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    >>> net[1:]
    Sequential(
      (1): ReLU()
      (2): Linear(in_features=3, out_features=2, bias=True)
    )
    """

    def __init__(self, *modules: Module | OrderedDict[str, Module]) -> None:
        super().__init__()
        only: Any = modules[0] if len(modules) == 1 else None
        named: Iterable[tuple[Any, Any]] = only.items() if isinstance(only, OrderedDict) else enumerate(modules)
        for name, module in named:
            self.add_module(str(name), module)

    def forward(self, input: Any) -> Any:
        """Return ``modules[-1](... modules[1](modules[0](input)))``; the input itself if there are no modules."""
        for module in self._modules.values():
            input = module(input)
        return input

    @overload
    def __getitem__(self: SequentialT, index: slice) -> SequentialT: ...

    @overload
    def __getitem__(self, index: int) -> Module: ...

    def __getitem__(self: SequentialT, index: int | slice) -> SequentialT | Module:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def insert(self: SequentialT, index: int, module: Module) -> SequentialT:
        """Insert a module before the one at ``index``.

        Args:
            index: From ``-len(self)`` to ``len(self)``.
            module: The module.

        Raises:
            AssertionError: If ``module`` is not a module.
            IndexError: If ``index`` is out of range.
        """
        if not isinstance(module, Module):
            raise GuardError(f"Sequential.insert: module should be of type: {Module}, got {type_name(module)}")
        if not -len(self) <= index <= len(self):
            raise IndexRangeError(f"Index out of range: {index}")
        super().insert(index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *require_sequential(other, "add"))

    def __iadd__(self: SequentialT, other: Sequential) -> SequentialT:
        for module in list(require_sequential(other, "add")):
            self.append(module)
        return self

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*repeat_modules(self, times))

    __rmul__ = __mul__

    def __imul__(self: SequentialT, times: int) -> SequentialT:
        self._renumber(repeat_modules(self, times))
        return self


def require_sequential(other: object, action: str) -> Sequential:
    """Return a Sequential; raise if it is not one."""
    if not isinstance(other, Sequential):
        raise ArgumentError(
            f"{action} operator supports only objects of Sequential class, but {type_name(other)} is given."
        )
    return other


def repeat_modules(modules: Sequential, times: int) -> list[Module]:
    """Return the modules, ``times`` times over; the repetitions are the same objects."""
    if not isinstance(times, int):
        raise ArgumentTypeError(f"unsupported operand type(s) for *: {Sequential} and {type(times)}")
    if times <= 0:
        raise ArgumentError(f"Non-positive multiplication factor {times} for {Sequential}")
    return list(modules) * times


class ModuleList(Numbered):
    """A list of registered modules, which the user's ``forward`` calls.

    Modules in a plain list would be missed by ``parameters()``, ``to()`` and ``state_dict()``.

    Args:
        modules: The modules. Default: ``None``, none.

    Raises:
        TypeError: If ``modules`` is not an iterable of modules.

    >>> import minitensor as torch
    >>> layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)])
    >>> layers
    ModuleList(
      (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    @overload
    def __getitem__(self: ModuleListT, index: slice) -> ModuleListT: ...

    @overload
    def __getitem__(self, index: int) -> Module: ...

    def __getitem__(self: ModuleListT, index: int | slice) -> ModuleListT | Module:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._name(index)]

    def __iadd__(self: ModuleListT, modules: Iterable[Module]) -> ModuleListT:
        self.extend(modules)
        return self

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """Print runs of equal modules once: ``(0-5): 6 x Linear(...)``."""
        lines = []
        for first, last, text in runs([repr(module) for module in self]):
            name, count = (f"{first}-{last}", f"{last - first + 1} x ") if last > first else (str(first), "")
            lines.append(f"({name}): {indent(count + text)}")
        body = "\n  ".join(lines)
        return f"{self._get_name()}(\n  {body}\n)" if lines else f"{self._get_name()}()"


def runs(texts: list[str]) -> list[tuple[int, int, str]]:
    """Return the first and last index of each run of equal texts."""
    found: list[tuple[int, int, str]] = []
    for i, text in enumerate(texts):
        if found and found[-1][2] == text:
            found[-1] = (found[-1][0], i, text)
        else:
            found.append((i, i, text))
    return found


class ModuleDict(Module):
    """A dict of registered modules, in the order in which they were added.

    Args:
        modules: A dict of modules, or an iterable of pairs (key, module). Default: ``None``, none.

    Raises:
        TypeError: If ``modules`` is not iterable, or holds something other than pairs of a string and a module.
        ValueError: If an entry does not have two parts.
        KeyError: If a key is empty, contains a dot, or is an attribute of ``ModuleDict``.

    >>> import minitensor as torch
    >>> activations = torch.nn.ModuleDict({"relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh()})
    >>> activations["relu"](torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """

    _modules: dict[str, Module]  # type: ignore[assignment]  # no entry is None

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove the module under ``key`` and return it; raise ``KeyError`` if there is none."""
        return self._modules.pop(key)

    def keys(self) -> Iterable[str]:
        """Return the keys."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """Return the modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Return the pairs of key and module."""
        return self._modules.items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the pairs of a dict or an iterable; existing keys get the new module.

        Args:
            modules: A dict of modules, or an iterable of pairs (key, module).

        Raises:
            TypeError: If ``modules`` is not iterable, or an entry is not a pair of a string and a module.
            ValueError: If an entry does not have two parts.
        """
        for key, module in pairs(modules, self._get_name()):
            self[key] = module


def pairs(entries: Any, owner: str) -> list[tuple[str, Any]]:
    """Return the pairs of a mapping or an iterable of pairs."""
    if isinstance(entries, (Mapping, ModuleDict, ParameterDict)):
        return list(entries.items())
    if not isinstance(entries, Iterable):
        raise ArgumentTypeError(
            f"{owner}.update should be called with an iterable of key/value pairs, but got {type_name(entries)}"
        )
    found = list(entries)
    for i, entry in enumerate(found):
        if not isinstance(entry, Iterable):
            raise ArgumentTypeError(f"{owner} update sequence element #{i} should be Iterable; is {type_name(entry)}")
        if len(list(entry)) != 2:
            raise ArgumentError(f"{owner} update sequence element #{i} has length {len(list(entry))}; 2 is required")
    return [(key, value) for key, value in found]


def keeps_order(entries: Any) -> bool:
    """Tell whether the order of the pairs is meant; PyTorch says no for a plain dict."""
    return not isinstance(entries, Mapping) or isinstance(entries, OrderedDict)


def as_entry(value: Any) -> Any:
    """Return what a parameter container keeps: tensors become parameters, anything else stays."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def entry_text(key: str, value: Any, type_text: str) -> str:
    """Return one line of a parameter container's text."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(str(n) for n in value.shape)
    place = "" if value.device.type == "cpu" else f" ({value.device})"
    return f"  ({key}): {kind} containing: [{type_text} of size {size}{place}]"


class ParameterList(Module):
    """A list of registered parameters, and of any other values.

    Args:
        values: The values; tensors become parameters. Default: ``None``, none.

    Raises:
        TypeError: If ``values`` is a tensor or not iterable.

    >>> import minitensor as torch
    >>> scales = torch.nn.ParameterList([torch.ones(2), torch.zeros(3)])
    >>> [name for name, _ in scales.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _name(self, index: Any) -> str:
        return str(position(index, len(self)))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), as_entry(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def append(self, value: Any) -> ParameterList:
        """Append a value; a tensor becomes a parameter."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Append values; raise ``TypeError`` for a tensor or something not iterable."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise ArgumentTypeError(
                f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """Return one line for each entry."""
        return "\n".join(entry_text(str(i), value, f"{getattr(value, 'dtype', '')}") for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of registered parameters, and of any other values, in the order in which they were added.

    Args:
        parameters: A dict, or an iterable of pairs (key, value); tensors become parameters. A plain dict is sorted by
            key, as in PyTorch; use an ``OrderedDict`` to keep its order. Default: ``None``, none.

    Raises:
        TypeError: If ``parameters`` is not iterable, or a key is not a string.
        ValueError: If an entry does not have two parts.

    >>> import minitensor as torch
    >>> scales = torch.nn.ParameterDict({"left": torch.ones(2), "right": torch.zeros(3)})
    >>> list(scales.keys())
    ['left', 'right']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise MissingParameterError(f"ParameterDict has no entry {quote(key)}; it has {', '.join(self._keys)}")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise ArgumentTypeError(
                f"Index given to ParameterDict cannot be used as a key as it is not a string (it is '{type_name(key)}')"
            )
        setattr(self, key, as_entry(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: Any) -> Any:
        if not isinstance(other, Mapping):
            raise WrongTypeError(f"unsupported operand types for |: {type_name(other)} and ParameterDict; give a dict")
        return {**other, **dict(self.items())}

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """Return another dict of the same parameters."""
        return ParameterDict(self)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return another dict with ``default`` under each of the keys."""
        return ParameterDict((key, default) for key in keys)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value under ``key``, which is set to ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under ``key``, or ``default``."""
        return self[key] if key in self else default  # noqa: SIM401  # this implements get

    def pop(self, key: str) -> Any:
        """Remove the value under ``key`` and return it; raise ``KeyError`` if there is none."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last pair and return it."""
        if not self._keys:
            raise MissingEntryError("popitem: the ParameterDict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self._keys):
            del self[key]

    def keys(self) -> Iterable[str]:
        """Return the keys."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """Return the values."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the pairs of key and value."""
        return [(key, self[key]) for key in self._keys]

    def update(self, parameters: Any) -> None:
        """Add the pairs of a dict or an iterable; those of a plain dict in the order of their keys.

        Args:
            parameters: A dict, or an iterable of pairs (key, value).

        Raises:
            TypeError: If ``parameters`` is not iterable, or a key is not a string.
            ValueError: If an entry does not have two parts.
        """
        found = pairs(parameters, "ParametersDict")
        for key, value in found if keeps_order(parameters) else sorted(found):
            self[key] = value

    def extra_repr(self) -> str:
        """Return one line for each entry."""
        return "\n".join(
            entry_text(key, value, value.type() if isinstance(value, Tensor) else "") for key, value in self.items()
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
