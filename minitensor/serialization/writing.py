"""Writing a pickle that PyTorch reads.

Python's pickler would have to import the functions that a checkpoint names, which are PyTorch's; this writer only
writes their names. It has a function for each type of data; ``objects`` writes all other types.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from minitensor import dtypes
from minitensor.device import device, device_of
from minitensor.nn.parameter import Buffer, Parameter, UninitializedTensorMixin
from minitensor.ops import return_types
from minitensor.serialization.names import PYTORCHS_RETURN_TYPES
from minitensor.serialization.objects import write_items, write_object
from minitensor.serialization.packages import tag_of
from minitensor.serialization.symbols import IS_BUFFER, STORAGE_OF, UNTYPED
from minitensor.shapes import Size
from minitensor.sparse.tensor import SparseTensor
from minitensor.storage import Storage, lender
from minitensor.tensor import Tensor
from minitensor.utils.hooks import Hooks

PROTOCOL = b"\x80\x02"
STOP = b"."

Inner = Iterator[Any] | None  # the values inside a value, in order


def pickle_value(value: Any, identity_end: bytes = b"") -> tuple[bytes, list[Storage]]:
    """Return the pickle of a value and the storages that it refers to by number.

    ``identity_end`` are the instructions that follow the parts of a storage's persistent id.
    """
    writer = Writer(identity_end)
    writer.write(value)
    return PROTOCOL + b"".join(writer.parts) + STOP, [storage for _, storage in writer.storages.values()]


class Writer:
    """The instructions so far, and a memo of written objects: an object that occurs twice is written once."""

    def __init__(self, identity_end: bytes) -> None:
        self.identity_end = identity_end
        self.parts: list[bytes] = []
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []  # objects in the memo stay alive, so no other object gets their id
        self.depth = 0  # objects around the current value
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
        write = WRITERS.get(type(value)) or writer_of_subclass(value)
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


def write_bytearray(writer: Writer, value: bytearray) -> Iterator[Any]:
    yield from writer.call("__builtin__", "bytearray", bytes(value))
    writer.remember(value)


def write_tuple(writer: Writer, value: tuple[Any, ...]) -> Iterator[Any]:
    yield from writer.items(value)
    if id(value) in writer.memo:  # a tuple that its own items contain was written there
        writer.emit(b"0")
        yield value
    else:
        writer.remember(value)


def write_list(writer: Writer, value: list[Any]) -> Iterator[Any]:
    writer.emit(b"]")
    writer.remember(value)
    yield from write_items(writer, value)


def write_dict(writer: Writer, value: dict[Any, Any]) -> Iterator[Any]:
    writer.emit(b"}")
    writer.remember(value)
    yield from write_entries(writer, value)


def write_ordered_dict(writer: Writer, value: OrderedDict[Any, Any]) -> Iterator[Any]:
    yield from writer.call("collections", "OrderedDict")
    writer.remember(value)
    yield from write_entries(writer, value)
    if vars(value):
        yield vars(value)
        writer.emit(b"b")


def write_entries(writer: Writer, value: dict[Any, Any]) -> Iterator[Any]:
    writer.emit(b"(")
    for key, each in value.items():
        yield key
        yield each
    writer.emit(b"u")


def write_set(writer: Writer, value: set[Any]) -> Iterator[Any]:
    yield from writer.call("__builtin__", "set", list(value))
    writer.remember(value)


def write_size(writer: Writer, value: Size) -> Iterator[Any]:
    return writer.call("torch", "Size", tuple(value))


def write_dtype(writer: Writer, value: dtypes.dtype) -> None:
    writer.name("torch", value.name)


def write_device(writer: Writer, value: device) -> Iterator[Any]:
    return writer.call("torch", "device", *((value.type,) if value.index is None else (value.type, value.index)))


def writer_of_subclass(value: Any) -> Callable[[Writer, Any], Inner]:
    """Return the function that writes a tensor, a storage or an object of a class without a function of its own."""
    if isinstance(value, Storage):
        return write_storage_value
    if type(value).__module__ == return_types.__name__:
        return write_result
    if not isinstance(value, Tensor) or isinstance(value, UninitializedTensorMixin):
        return write_object
    if isinstance(value, SparseTensor):
        return write_sparse_tensor
    if type(value) is Parameter:
        return write_parameter
    return write_with_attributes if attributes_of(value) or type(value) is not Tensor else write_tensor


def attributes_of(value: Tensor) -> dict[str, Any]:
    """Return the attributes that a user set on a tensor, and those by which PyTorch tells a buffer."""
    attributes = getattr(value, "__dict__", {})
    return {**attributes, IS_BUFFER: True} if isinstance(value, Buffer) else attributes


def write_tensor(writer: Writer, value: Tensor) -> Iterator[Any]:
    """Write a tensor as a leaf, without its history."""
    yield from write_rebuild_call(writer, value, value.requires_grad)
    writer.remember(value)


def write_sparse_tensor(writer: Writer, value: SparseTensor) -> Iterator[Any]:
    """Write PyTorch's call that rebuilds a sparse tensor from positions, values and its shape."""
    merged = (value.is_merged,) if value.is_sparse else ()
    writer.name("torch._utils", "_rebuild_sparse_tensor")
    writer.emit(b"(")
    yield from writer.call("torch.serialization", "_get_layout", repr(value.layout))
    yield from writer.items((*value.places, value.entries.detach(), value.shape, *merged))
    writer.emit(b"tR")
    writer.remember(value)


def write_parameter(writer: Writer, value: Parameter) -> Iterator[Any]:
    """Write a parameter, with its attributes if it has any."""
    attributes = attributes_of(value)
    writer.name("torch._utils", "_rebuild_parameter_with_state" if attributes else "_rebuild_parameter")
    writer.emit(b"(")
    yield from write_rebuild_call(writer, value, False)
    write_bool(writer, value.requires_grad)
    yield from writer.call("collections", "OrderedDict")
    if attributes:
        yield attributes
    writer.emit(b"tR")
    writer.remember(value)


def write_with_attributes(writer: Writer, value: Tensor) -> Iterator[Any]:
    """Write a tensor of a user's class, or with attributes: PyTorch's call for these sets them."""
    writer.name("torch._tensor", "_rebuild_from_type_v2")
    writer.emit(b"(")
    yield from write_rebuild_parts(writer, value)
    yield attributes_of(value)
    writer.emit(b"tR")
    writer.remember(value)


def write_rebuild_parts(writer: Writer, value: Tensor) -> Iterator[Any]:
    """Write the function that rebuilds a tensor, the class that it gets, and the function's arguments."""
    write_rebuild_function(writer, value)
    yield Tensor if type(value) is Buffer else type(value)
    yield from write_rebuild_arguments(writer, value, value.requires_grad)


def write_rebuild_call(writer: Writer, value: Tensor, requires_grad: bool) -> Iterator[Any]:
    """Write PyTorch's call that rebuilds a tensor."""
    write_rebuild_function(writer, value)
    yield from write_rebuild_arguments(writer, value, requires_grad)
    writer.emit(b"R")


def write_rebuild_function(writer: Writer, value: Tensor) -> None:
    """Write which function rebuilds a tensor: without memory, from a storage of bytes, or from one of its dtype."""
    if value.is_meta:
        name = "_rebuild_meta_tensor_no_storage"
    else:
        name = "_rebuild_tensor_v3" if value.dtype in dtypes.UNSIGNED else "_rebuild_tensor_v2"
    writer.name("torch._utils", name)


def write_rebuild_arguments(writer: Writer, value: Tensor, requires_grad: bool) -> Iterator[Any]:
    """Write the arguments of that call; a lazy conjugate is resolved."""
    if value.is_meta:
        yield (value.dtype, tuple(value.shape), value.stride(), requires_grad)
        return
    if value.dtype.decoded is value.dtype:
        value = value.detach()._decode()
    shape, strides, offset = value.layout
    writer.emit(b"(")
    write_storage(writer, lender(value.storage))
    write_int(writer, offset)
    yield from writer.items(tuple(shape))
    yield from writer.items(tuple(strides))
    write_bool(writer, requires_grad)
    yield from writer.call("collections", "OrderedDict")
    if value.dtype in dtypes.UNSIGNED:
        yield value.dtype
    writer.emit(b"t")


def write_result(writer: Writer, value: tuple[Any, ...]) -> Iterator[Any]:
    """Write the named tuple of an operation with several results."""
    return writer.call(PYTORCHS_RETURN_TYPES, type(value).__name__, tuple(value), {})


def write_hooks(writer: Writer, value: Hooks[Any]) -> Inner:
    """Write a table of hooks; an empty one as PyTorch has it, so that PyTorch can read a module without hooks."""
    return write_object(writer, value) if value else writer.call("collections", "OrderedDict")


def write_storage_value(writer: Writer, value: Storage) -> None:
    write_storage(writer, lender(value))
    writer.remember(value)


def write_storage(writer: Writer, memory: Storage) -> None:
    """Write a reference to a storage by number; its elements are a record outside of the pickle."""
    number = writer.storages.setdefault(id(memory), (len(writer.storages), memory))[0]
    there = device_of(memory.array)
    writer.emit(b"(")
    write_text(writer, "storage")
    kind = dtypes.from_numpy(memory.array.dtype)
    writer.name(*(("torch", STORAGE_OF[kind]) if kind in STORAGE_OF else ("torch.storage", UNTYPED)))
    write_text(writer, str(number))
    write_text(writer, tag_of(memory, "cpu" if there.type == "cpu" else f"cuda:{there.index or 0}"))
    write_int(writer, count_elements(memory))
    writer.emit(writer.identity_end, b"tQ")


def count_elements(memory: Storage) -> int:
    """Return how many elements PyTorch counts in a storage: bytes, if it has no class for storages of the dtype."""
    return memory.numel() if dtypes.from_numpy(memory.array.dtype) in STORAGE_OF else memory.nbytes()


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
    Hooks: write_hooks,
    set: write_set,
    Size: write_size,
    dtypes.dtype: write_dtype,
    device: write_device,
    bytearray: write_bytearray,
}
