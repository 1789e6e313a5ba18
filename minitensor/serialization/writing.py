"""Writing a pickle that PyTorch reads, with the few instructions that tensors, containers, numbers and text need.

Python's pickler would have to import the functions that a checkpoint names, which are PyTorch's; this writer only
writes their names. Values that `load` would refuse are already refused here.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from minitensor import dtypes
from minitensor.device import device
from minitensor.errors import ArgumentError, ArgumentTypeError, quote
from minitensor.nn.parameter import Parameter
from minitensor.serialization.budget import is_key
from minitensor.serialization.symbols import STORAGE_OF
from minitensor.shapes import Size
from minitensor.storage import Storage, lender
from minitensor.tensor import Tensor

PROTOCOL = b"\x80\x02"
STOP = b"."

Inner = Iterator[Any] | None  # the values inside a value, in order


def pickle_value(value: Any) -> tuple[bytes, list[Storage]]:
    """Return the pickle of a value and the storages that it refers to by number."""
    writer = Writer()
    writer.write(value)
    return PROTOCOL + b"".join(writer.parts) + STOP, [storage for _, storage in writer.storages.values()]


class Writer:
    """The instructions so far, and a memo of written objects: an object that occurs twice is written once."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []  # objects in the memo stay alive, so no other object gets their id
        self.unfinished: set[int] = set()  # the tuples around the current value
        self.storages: dict[int, tuple[int, Storage]] = {}

    def write(self, value: Any) -> None:
        """Write a value and all values inside it. Unfinished ones wait in a list, so nesting may be of any depth."""
        pending = [iter((value,))]
        while pending:
            for each in pending[-1]:
                inner = self.begin(each)
                if inner is not None:
                    pending.append(inner)
                    break
            else:
                pending.pop()

    def begin(self, value: Any) -> Inner:
        """Write the start of a value; return an iterator of the values inside it, which writes the end last."""
        number = self.memo.get(id(value))
        if number is not None:
            self.emit(b"j" + struct.pack("<I", number))
            return None
        # Parameter is the only subclass with a writer; other subclasses are written as Tensor or OrderedDict.
        kind = next((each for each in (Parameter, Tensor, OrderedDict) if isinstance(value, each)), type(value))
        write = WRITERS.get(kind)
        if write is None:
            raise ArgumentTypeError(
                f"save: cannot write {kind.__module__}.{kind.__qualname__}; a checkpoint holds tensors, lists, tuples, "
                "dicts, sets, numbers, text and bytes (of a module or an optimizer save its state_dict())"
            )
        return write(self, value)

    def emit(self, *parts: bytes) -> None:
        self.parts += parts

    def remember(self, value: Any) -> None:
        """Give the object that was just written a number in the memo."""
        number = self.memo[id(value)] = len(self.memo)
        self.kept.append(value)
        self.emit(b"r" + struct.pack("<I", number))

    def name(self, module: str, name: str) -> None:
        """Write the name of a function or class."""
        self.emit(f"c{module}\n{name}\n".encode())

    def call(self, module: str, name: str, *arguments: Any) -> Iterator[Any]:
        """Write a call."""
        self.name(module, name)
        yield from self.items(arguments)
        self.emit(b"R")

    def items(self, values: tuple[Any, ...]) -> Iterator[Any]:
        """Write a tuple without a memo entry."""
        self.emit(b"(")
        yield from values
        self.emit(b"t")


# -- one function for each type ----------------------------------------------------------------------------------------


def write_none(writer: Writer, value: None) -> None:
    writer.emit(b"N")


def write_bool(writer: Writer, value: bool) -> None:
    writer.emit(b"\x88" if value else b"\x89")


def write_int(writer: Writer, value: int) -> None:
    if -(1 << 31) <= value < 1 << 31:
        writer.emit(b"J" + struct.pack("<i", value))
        return
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    short = len(data) < 256
    writer.emit(b"\x8a" + bytes([len(data)]) if short else b"\x8b" + struct.pack("<i", len(data)), data)


def write_float(writer: Writer, value: float) -> None:
    writer.emit(b"G" + struct.pack(">d", value))


def write_text(writer: Writer, value: str) -> None:
    data = value.encode("utf-8", "surrogatepass")
    writer.emit(b"X" + struct.pack("<I", len(data)), data)


def write_complex(writer: Writer, value: complex) -> Iterator[Any]:
    return writer.call("__builtin__", "complex", value.real, value.imag)


def write_bytes(writer: Writer, value: bytes) -> Iterator[Any]:
    return writer.call("_codecs", "encode", value.decode("latin1"), "latin1")


def write_tuple(writer: Writer, value: tuple[Any, ...]) -> Iterator[Any]:
    if id(value) in writer.unfinished:
        raise ArgumentError(f"save: cannot write a tuple that contains itself: {quote(value)}; use a list")
    writer.unfinished.add(id(value))
    yield from writer.items(value)
    writer.unfinished.remove(id(value))
    writer.remember(value)


def write_list(writer: Writer, value: list[Any]) -> Iterator[Any]:
    writer.emit(b"]")
    writer.remember(value)
    writer.emit(b"(")
    yield from value
    writer.emit(b"e")


def write_dict(writer: Writer, value: dict[Any, Any]) -> Iterator[Any]:
    writer.emit(b"}")
    writer.remember(value)
    yield from write_entries(writer, value)


def write_ordered_dict(writer: Writer, value: OrderedDict[Any, Any]) -> Iterator[Any]:
    yield from writer.call("collections", "OrderedDict")
    writer.remember(value)
    yield from write_entries(writer, value)
    metadata = getattr(value, "_metadata", None)
    if metadata is not None:
        writer.emit(b"}")
        write_text(writer, "_metadata")
        yield metadata
        writer.emit(b"sb")


def write_entries(writer: Writer, value: dict[Any, Any]) -> Iterator[Any]:
    writer.emit(b"(")
    for key, each in value.items():
        yield check_key(key)
        yield each
    writer.emit(b"u")


def write_set(writer: Writer, value: set[Any]) -> Iterator[Any]:
    yield from writer.call("__builtin__", "set", [check_key(each) for each in value])
    writer.remember(value)


def check_key(key: Any) -> Any:
    """Return a key; raise unless `load` accepts it."""
    if not is_key(key):
        raise ArgumentTypeError(f"save: a key must be text, a number or a tuple of them, got {quote(key)}")
    return key


def write_size(writer: Writer, value: Size) -> Iterator[Any]:
    return writer.call("torch", "Size", tuple(value))


def write_dtype(writer: Writer, value: dtypes.dtype) -> None:
    writer.name("torch", value.name)


def write_device(writer: Writer, value: device) -> Iterator[Any]:
    return writer.call("torch", "device", *((value.type,) if value.index is None else (value.type, value.index)))


def write_tensor(writer: Writer, value: Tensor) -> Iterator[Any]:
    """Write a tensor as a leaf, without its history."""
    yield from write_rebuild_call(writer, value, value.requires_grad)
    writer.remember(value)


def write_parameter(writer: Writer, value: Parameter) -> Iterator[Any]:
    writer.name("torch._utils", "_rebuild_parameter")
    writer.emit(b"(")
    yield from write_rebuild_call(writer, value, False)
    write_bool(writer, value.requires_grad)
    yield from writer.call("collections", "OrderedDict")
    writer.emit(b"tR")
    writer.remember(value)


def write_rebuild_call(writer: Writer, value: Tensor, requires_grad: bool) -> Iterator[Any]:
    """Write PyTorch's call that rebuilds a tensor from storage, offset, shape and strides."""
    shape, strides, offset = value.layout
    writer.name("torch._utils", "_rebuild_tensor_v2")
    writer.emit(b"(")
    write_storage(writer, value)
    write_int(writer, offset)
    yield from writer.items(tuple(shape))
    yield from writer.items(tuple(strides))
    write_bool(writer, requires_grad)
    yield from writer.call("collections", "OrderedDict")
    writer.emit(b"tR")


def write_storage(writer: Writer, value: Tensor) -> None:
    """Write a reference to a tensor's storage by number; its elements are a record outside of the pickle."""
    memory = lender(value.storage)
    number = writer.storages.setdefault(id(memory), (len(writer.storages), memory))[0]
    writer.emit(b"(")
    write_text(writer, "storage")
    writer.name("torch", STORAGE_OF[value.dtype])
    write_text(writer, str(number))
    write_text(writer, "cpu" if value.device.type == "cpu" else f"cuda:{value.device.index or 0}")
    write_int(writer, len(memory))
    writer.emit(b"tQ")


WRITERS: dict[Any, Callable[[Writer, Any], Inner]] = {
    type(None): write_none,
    bool: write_bool,
    int: write_int,
    float: write_float,
    complex: write_complex,
    str: write_text,
    bytes: write_bytes,
    tuple: write_tuple,
    list: write_list,
    dict: write_dict,
    OrderedDict: write_ordered_dict,
    set: write_set,
    Size: write_size,
    dtypes.dtype: write_dtype,
    device: write_device,
    Tensor: write_tensor,
    Parameter: write_parameter,
}
