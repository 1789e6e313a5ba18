"""Writing a pickle that PyTorch reads: the few instructions that tensors, containers, numbers and text take.

Python's own pickler would have to import the functions that a checkpoint names, and those are PyTorch's; so names are
written as names. What a checkpoint may not hold is refused here, when it is saved, and not first when it is loaded.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from minitensor import dtypes
from minitensor.device import device
from minitensor.errors import ArgumentTypeError
from minitensor.nn.parameter import Parameter
from minitensor.serialization.symbols import STORAGE_OF
from minitensor.shapes import Size
from minitensor.storage import Storage
from minitensor.tensor import Tensor

PROTOCOL = b"\x80\x02"
STOP = b"."


def pickled(value: Any) -> tuple[bytes, list[Storage]]:
    """Return a pickle of a value, and the storages that it refers to by their numbers."""
    writer = Writer()
    writer.write(value)
    return PROTOCOL + b"".join(writer.parts) + STOP, [storage for _, storage in writer.storages.values()]


class Writer:
    """Instructions so far, and what was written already: an object that comes twice is written once."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []  # what has a number stays alive, so that its id stays its own
        self.storages: dict[int, tuple[int, Storage]] = {}

    def write(self, value: Any) -> None:
        """Write one value."""
        number = self.memo.get(id(value))
        if number is not None:
            self.emit(b"j" + struct.pack("<I", number))
            return
        # Of subclasses, only Parameter is a word of its own; a state dict is written as what it is made of.
        kind = next((each for each in (Parameter, Tensor, OrderedDict) if isinstance(value, each)), type(value))
        write = WRITERS.get(kind)
        if write is None:
            raise ArgumentTypeError(
                f"save: cannot write {kind.__module__}.{kind.__qualname__}; a checkpoint holds tensors, lists, tuples, "
                "dicts, sets, numbers, text and bytes (of a module or an optimizer save its state_dict())"
            )
        write(self, value)

    def emit(self, *parts: bytes) -> None:
        self.parts += parts

    def remember(self, value: Any) -> None:
        """Give the object that was just written a number, by which it is referred to from now on."""
        number = self.memo[id(value)] = len(self.memo)
        self.kept.append(value)
        self.emit(b"r" + struct.pack("<I", number))

    def name(self, module: str, name: str) -> None:
        """Write the name of a function or class."""
        self.emit(f"c{module}\n{name}\n".encode())

    def call(self, module: str, name: str, *arguments: Any) -> None:
        """Write a call."""
        self.name(module, name)
        self.items(arguments)
        self.emit(b"R")

    def items(self, values: tuple[Any, ...]) -> None:
        """Write a tuple that nobody else refers to."""
        self.emit(b"(")
        for each in values:
            self.write(each)
        self.emit(b"t")


# -- one function for each type ----------------------------------------------------------------------------------------


def none(writer: Writer, value: None) -> None:
    writer.emit(b"N")


def boolean(writer: Writer, value: bool) -> None:
    writer.emit(b"\x88" if value else b"\x89")


def integer(writer: Writer, value: int) -> None:
    if -(1 << 31) <= value < 1 << 31:
        writer.emit(b"J" + struct.pack("<i", value))
        return
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    short = len(data) < 256
    writer.emit(b"\x8a" + bytes([len(data)]) if short else b"\x8b" + struct.pack("<i", len(data)), data)


def real(writer: Writer, value: float) -> None:
    writer.emit(b"G" + struct.pack(">d", value))


def text(writer: Writer, value: str) -> None:
    data = value.encode("utf-8", "surrogatepass")
    writer.emit(b"X" + struct.pack("<I", len(data)), data)


def complex_number(writer: Writer, value: complex) -> None:
    writer.call("__builtin__", "complex", value.real, value.imag)


def byte_string(writer: Writer, value: bytes) -> None:
    writer.call("_codecs", "encode", value.decode("latin1"), "latin1")


def tuple_of(writer: Writer, value: tuple[Any, ...]) -> None:
    writer.items(value)


def list_of(writer: Writer, value: list[Any]) -> None:
    writer.emit(b"]")
    writer.remember(value)
    writer.emit(b"(")
    for each in value:
        writer.write(each)
    writer.emit(b"e")


def dict_of(writer: Writer, value: dict[Any, Any]) -> None:
    writer.emit(b"}")
    writer.remember(value)
    entries(writer, value)


def ordered(writer: Writer, value: OrderedDict[Any, Any]) -> None:
    writer.call("collections", "OrderedDict")
    writer.remember(value)
    entries(writer, value)
    metadata = getattr(value, "_metadata", None)
    if metadata is not None:
        writer.emit(b"}")
        text(writer, "_metadata")
        writer.write(metadata)
        writer.emit(b"sb")


def entries(writer: Writer, value: dict[Any, Any]) -> None:
    writer.emit(b"(")
    for key, each in value.items():
        writer.write(key)
        writer.write(each)
    writer.emit(b"u")


def set_of(writer: Writer, value: set[Any]) -> None:
    writer.call("__builtin__", "set", list(value))


def size(writer: Writer, value: Size) -> None:
    writer.call("torch", "Size", tuple(value))


def dtype(writer: Writer, value: dtypes.dtype) -> None:
    writer.name("torch", value.name)


def place(writer: Writer, value: device) -> None:
    writer.call("torch", "device", *((value.type,) if value.index is None else (value.type, value.index)))


def tensor(writer: Writer, value: Tensor) -> None:
    """Write where a tensor lies; it is a leaf when it is read, whatever made it."""
    rebuilt(writer, value, value.requires_grad)
    writer.remember(value)


def parameter(writer: Writer, value: Parameter) -> None:
    writer.name("torch._utils", "_rebuild_parameter")
    writer.emit(b"(")
    rebuilt(writer, value, False)
    boolean(writer, value.requires_grad)
    writer.call("collections", "OrderedDict")
    writer.emit(b"tR")
    writer.remember(value)


def rebuilt(writer: Writer, value: Tensor, requires_grad: bool) -> None:
    """Write a tensor as PyTorch's call that rebuilds it: storage, offset, shape, strides."""
    shape, strides, offset = value.layout
    writer.name("torch._utils", "_rebuild_tensor_v2")
    writer.emit(b"(")
    storage(writer, value)
    writer.write(offset)
    writer.items(tuple(shape))
    writer.items(tuple(strides))
    boolean(writer, requires_grad)
    writer.call("collections", "OrderedDict")
    writer.emit(b"tR")


def storage(writer: Writer, value: Tensor) -> None:
    """Refer to a tensor's storage by its number; the elements are written beside the pickle."""
    memory = value.storage
    number = writer.storages.setdefault(id(memory), (len(writer.storages), memory))[0]
    writer.emit(b"(")
    text(writer, "storage")
    writer.name("torch", STORAGE_OF[value.dtype])
    text(writer, str(number))
    text(writer, "cpu" if value.device.type == "cpu" else f"cuda:{value.device.index or 0}")
    writer.write(len(memory))
    writer.emit(b"tQ")


WRITERS: dict[Any, Callable[[Writer, Any], None]] = {
    type(None): none, bool: boolean, int: integer, float: real, complex: complex_number, str: text, bytes: byte_string,
    tuple: tuple_of, list: list_of, dict: dict_of, OrderedDict: ordered, set: set_of, Size: size, dtypes.dtype: dtype,
    device: place, Tensor: tensor, Parameter: parameter,
}  # fmt: skip
