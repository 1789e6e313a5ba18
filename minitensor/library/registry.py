"""The operations that programs define, and ``torch.ops``, which finds them and PyTorch's own by name.

``torch.ops.NAMESPACE.NAME`` is a packet of overloads, each with a schema; a call of the packet takes the first overload
that accepts the arguments. The namespace ``aten`` has this library's functions under PyTorch's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from minitensor.errors import MissingNameError, UsageError, UsageValueError
from minitensor.library import aten
from minitensor.library.calls import call, function_of
from minitensor.library.schema import Schema


class OpOverload:
    """One operation with a schema.

    Args:
        packet: The operation with all its overloads.
        schema: What it takes and returns.

    >>> import minitensor as torch
    >>> torch.library.define("docs::sign", "(Tensor x) -> Tensor")
    >>> assert isinstance(torch.ops.docs.sign.default, torch.library.OpOverload)
    >>> print(torch.ops.docs.sign.default)
    docs.sign.default
    """

    def __init__(self, packet: OpOverloadPacket, schema: Schema) -> None:
        self.packet, self._schema = packet, schema
        self.label = schema.overload_name or "default"
        self.kernels: dict[str, Callable[..., Any]] = {}  # by kind of device; "" stands for all but "meta"
        self.composite: Callable[..., Any] | None = None
        self.backward: Callable[..., Any] | None = None
        self.setup_context: Callable[..., Any] | None = None
        self.batching_rule: Callable[..., Any] | None = None
        self.refuses_aliases = False
        self.owner: Any = self  # what messages call it
        self.__name__, self.__qualname__ = f"{packet.path.rpartition('.')[2]}.{self.label}", packet.qualified_name
        self.__module__ = f"torch.ops.{packet.path.partition('.')[0]}"
        self.function = function_of(self)

    @property
    def namespace(self) -> str:
        """The name in front of the operation's."""
        return self.packet.path.partition(".")[0]

    @property
    def overloadpacket(self) -> OpOverloadPacket:
        """The operation with all its overloads."""
        return self.packet

    def name(self) -> str:
        """Return the name: ``mylib::scale``."""
        return self.packet.qualified_name + (f".{self._schema.overload_name}" if self._schema.overload_name else "")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return call(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<OpOverload(op={self.packet.path!r}, overload={self.label!r})>"

    def __str__(self) -> str:
        return f"{self.packet.path}.{self.label}"


class OpOverloadPacket:
    """An operation with all its overloads.

    Args:
        qualified_name: The name: ``mylib::scale``.
    """

    def __init__(self, qualified_name: str) -> None:
        self.qualified_name, self.path = qualified_name, qualified_name.replace("::", ".")
        self.found: dict[str, Any] = {}
        self.__name__ = self.path.rpartition(".")[2]
        self.__module__ = f"torch.ops.{self.path.partition('.')[0]}"

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("found", {})
        if name in found:
            return found[name]
        raise MissingNameError(f"The underlying op of {self.path!r} has no overload name {name!r}", name=name, obj=self)

    def overloads(self) -> list[str]:
        """Return the names of the overloads."""
        return list(self.found)

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        *others, last = self.found.values()
        for each in others:
            try:
                return each(*args, **kwargs)
            except UsageError:
                continue
        return last(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op={self.path!r})>"


class Namespace(ModuleType):
    """The operations of one namespace, as ``torch.ops.mylib``."""

    def __init__(self, name: str) -> None:
        super().__init__(f"torch.ops.{name}")
        self.packets: dict[str, Any] = {}
        self.own_name = name

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("packets", {}).get(name)
        if found is None:
            raise MissingNameError(f"'_OpNamespace' {self.own_name!r} object has no attribute {name!r}", name=name)
        return found

    def __dir__(self) -> list[str]:
        return sorted(self.packets)

    def __iter__(self) -> Iterator[str]:
        return iter(self.packets)


class AtenNamespace(Namespace):
    """PyTorch's own operations: those that this library has, under PyTorch's names."""

    def __getattr__(self, name: str) -> Any:
        packets = vars(self).get("packets", {})
        if name in packets:
            return packets[name]
        function = aten.find(name)
        if name.startswith("__") or function is None:
            raise MissingNameError(
                f"'_OpNamespace' 'aten' object has no attribute {name!r}: this library has no such operation; "
                "operations are functions here: call torch.NAME, x.NAME() or nn.functional.NAME",
                name=name,
            )
        packets[name] = found = AtenPacket(name, function)
        return found


class AtenPacket:
    """An operation of this library under the name of PyTorch's.

    Args:
        name: The name.
        function: What a call calls.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.__name__, self.path, self.function = name, f"aten.{name}", function
        self.found: dict[str, AtenOverload] = {}

    def __getattr__(self, name: str) -> AtenOverload:
        if name not in aten.OVERLOADS:
            raise MissingNameError(
                f"The underlying op of {self.path!r} has no overload name {name!r}", name=name, obj=self
            )
        return self.found.setdefault(name, AtenOverload(self, name))

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op={self.path!r})>"


class AtenOverload:
    """An overload of an operation of this library, which accepts what all overloads do.

    Args:
        packet: The operation.
        label: The name of the overload.
    """

    namespace = "aten"

    def __init__(self, packet: AtenPacket, label: str) -> None:
        self.overloadpacket, self.label = packet, label
        self.__name__ = f"{packet.__name__}.{label}"

    def name(self) -> str:
        """Return the name: ``aten::add.Tensor``."""
        end = "" if self.label == "default" else f".{self.label}"
        return f"aten::{self.overloadpacket.__name__}{end}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.overloadpacket.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverload(op={self.overloadpacket.path!r}, overload={self.label!r})>"

    def __str__(self) -> str:
        return f"{self.overloadpacket.path}.{self.label}"


class Operations(ModuleType):
    """``torch.ops``: a namespace for each name."""

    def __init__(self) -> None:
        super().__init__("torch.ops")
        self.namespaces: dict[str, Namespace] = {"aten": AtenNamespace("aten")}
        self.waiting: dict[str, list[Callable[[OpOverload], None]]] = {}  # kernels of what is not defined yet
        self.whole: set[str] = set()  # the namespaces that a ``Library`` of kind "DEF" has

    def __getattr__(self, name: str) -> Namespace:
        if name.startswith("__"):
            raise MissingNameError(f"module 'torch.ops' has no attribute {name!r}", name=name)
        return namespace_of(name)

    def load_library(self, path: str) -> None:
        """Raise: nothing compiled can be loaded.

        Raises:
            OSError: Always.
        """
        raise OSError(f"load_library: {path}: operations compiled for PyTorch cannot be loaded; write them in Python")


ops = Operations()


def namespace_of(name: str) -> Namespace:
    """Return a namespace, which is made when it is first asked for."""
    return ops.namespaces.setdefault(name, Namespace(name))


def add(schema: Schema, namespace: str) -> OpOverload:
    """Enter an operation."""
    packets = namespace_of(namespace).packets
    packet = packets.setdefault(schema.name, OpOverloadPacket(f"{namespace}::{schema.name}"))
    label = schema.overload_name or "default"
    if label in packet.found:
        raise UsageError(
            f"Tried to register an operator ({schema}) with the same name and overload name multiple times"
        )
    packet.found[label] = made = OpOverload(packet, schema)
    for add_kernel in ops.waiting.pop(made.name(), ()):
        add_kernel(made)
    return made


def remove(op: OpOverload) -> None:
    """Take an operation out."""
    packets = namespace_of(op.namespace).packets
    op.packet.found.pop(op.label, None)
    if not op.packet.found:
        packets.pop(op.packet.path.partition(".")[2], None)


def find(name: Any) -> OpOverload:
    """Return an operation by its name, or by an object that stands for it.

    Raises:
        RuntimeError: If there is none.
    """
    if isinstance(name, OpOverload):
        return name
    if isinstance(name, OpOverloadPacket):
        name = name.qualified_name
    found = look_up(name)
    if found is None:
        raise UsageError(f"operator {name} does not exist: define it first")
    return found


def look_up(name: str) -> OpOverload | None:
    """Return an operation by its name, or None."""
    namespace, rest = split_name(name)
    own, _, label = rest.partition(".")
    packet = namespace_of(namespace).packets.get(own)
    found = packet.found.get(label or "default") if isinstance(packet, OpOverloadPacket) else None
    return found if isinstance(found, OpOverload) else None


def complete(name: Any, add_kernel: Callable[[OpOverload], None]) -> None:
    """Add a kernel to an operation, or once the operation is defined: programs may give both in any order."""
    found = look_up(name) if isinstance(name, str) else find(name)
    if found is None:
        ops.waiting.setdefault(name.removesuffix(".default"), []).append(add_kernel)
    else:
        add_kernel(found)


def split_name(name: str) -> tuple[str, str]:
    """Return the two parts of ``mylib::scale``."""
    parts = name.split("::")
    if len(parts) != 2 or not all(parts):
        raise UsageValueError(f"expected the name of an operation in a namespace, such as 'mylib::scale', got {name!r}")
    return parts[0], parts[1]
