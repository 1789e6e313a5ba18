"""Handmade checkpoints, instruction by instruction: valid ones, in which any field can be replaced.

A field is the bytes of the instructions that push one value. ``FIELDS`` has a function for each position of a value in
a file, which returns the file with another value there.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping

HEAD = b"\x80\x02"
TRUE, FALSE, NONE = b"\x88", b"\x89", b"N"
ELEMENTS = struct.pack("<16f", *range(16))
MAGIC = 0x1950A86A20F9469CFC6C


# -- instructions that push one value ----------------------------------------------------------------------------------


def integer(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(data)) + data


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def real(value: float) -> bytes:
    return b"G" + struct.pack(">d", value)


def row(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def list_of(*parts: bytes) -> bytes:
    return b"](" + b"".join(parts) + b"e"


def table(*parts: bytes) -> bytes:
    return b"}(" + b"".join(parts) + b"u"


def name(module: str, word: str) -> bytes:
    return f"c{module}\n{word}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + row(*arguments) + b"R"


def put(number: int) -> bytes:
    return b"r" + struct.pack("<I", number)


def get(number: int) -> bytes:
    return b"j" + struct.pack("<I", number)


ORDERED = name("collections", "OrderedDict")
REBUILD = name("torch._utils", "_rebuild_tensor_v2")


def identity(
    tag: bytes = text("storage"), kind: bytes = name("torch", "FloatStorage"), key: bytes = text("0"),
    location: bytes = text("cpu"), count: bytes = integer(16), *more: bytes,
) -> bytes:
    return row(tag, kind, key, location, count, *more)


def storage(**fields: bytes) -> bytes:
    return identity(**fields) + b"Q"


def tensor(
    memory: bytes = storage(), offset: bytes = integer(1), shape: bytes = row(integer(2), integer(3)),
    strides: bytes = row(integer(3), integer(1)), requires_grad: bytes = FALSE, hooks: bytes = call(ORDERED),
    flags: bytes = b"",
) -> bytes:
    return call(REBUILD, memory, offset, shape, strides, requires_grad, hooks, flags)


def parameter(data: bytes = tensor(), requires_grad: bytes = TRUE, hooks: bytes = call(ORDERED)) -> bytes:
    return call(name("torch._utils", "_rebuild_parameter"), data, requires_grad, hooks)


# -- files -------------------------------------------------------------------------------------------------------------


def archive(value: bytes = tensor(), head: bytes = HEAD, **records: bytes | None) -> bytes:
    """Return a checkpoint of one value; ``records`` replace, add or (None) remove records of the archive."""
    contents: dict[str, bytes | None] = {
        "data.pkl": head + value + b".", "byteorder": b"little", "data/0": ELEMENTS, "version": b"3\n", **records
    }  # fmt: skip
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for record, content in contents.items():
            if content is not None:
                out.writestr(f"archive/{record}", content)
    return file.getvalue()


def old_identity(view: bytes = NONE, **fields: bytes) -> bytes:
    return identity(**fields)[:-1] + view + b"t"


def old_file(
    value: bytes = tensor(old_identity() + b"Q"), magic: bytes = integer(MAGIC), version: bytes = integer(1001),
    system: bytes = table(text("little_endian"), TRUE), keys: bytes = list_of(text("0")),
    elements: bytes = struct.pack("<Q", 16) + ELEMENTS,
) -> bytes:
    """Return a checkpoint in the format from before PyTorch 1.6."""
    return b"".join(HEAD + part + b"." for part in (magic, version, system, value, keys)) + elements


Field = Callable[[bytes], bytes]

TENSOR_FIELDS: Mapping[str, Field] = {
    "memory": lambda x: tensor(memory=x),
    "offset": lambda x: tensor(offset=x),
    "shape": lambda x: tensor(shape=x),
    "a size": lambda x: tensor(shape=row(integer(2), x)),
    "many sizes": lambda x: tensor(shape=row(x + put(1), get(1) * 62), strides=row(integer(0) * 63)),
    "a size beside none": lambda x: tensor(shape=row(integer(0), x, x)),
    "the only size": lambda x: tensor(shape=row(x), strides=row(integer(0))),
    "strides": lambda x: tensor(strides=x),
    "a stride": lambda x: tensor(strides=row(integer(3), x)),
    "a stride of one": lambda x: tensor(shape=row(integer(1), integer(1)), strides=row(x, x)),
    "a stride of none": lambda x: tensor(shape=row(integer(0)), strides=row(x)),
    "an offset of none": lambda x: tensor(offset=x, shape=row(integer(0)), strides=row(integer(1))),
    "requires_grad": lambda x: tensor(requires_grad=x),
    "hooks": lambda x: tensor(hooks=x),
    "flags": lambda x: tensor(flags=x),
    "a flag": lambda x: tensor(flags=table(x, TRUE)),
    "neg": lambda x: tensor(flags=table(text("neg"), x)),
    "conj": lambda x: tensor(flags=table(text("conj"), x)),
    "identity": lambda x: tensor(x + b"Q"),
    "tag": lambda x: tensor(storage(tag=x)),
    "kind": lambda x: tensor(storage(kind=x)),
    "key": lambda x: tensor(storage(key=x)),
    "location": lambda x: tensor(storage(location=x)),
    "count": lambda x: tensor(storage(count=x)),
    "data of a parameter": lambda x: parameter(x),
    "requires_grad of a parameter": lambda x: parameter(requires_grad=x),
    "hooks of a parameter": lambda x: parameter(hooks=x),
    "a dtype": lambda x: call(
        name("torch._utils", "_rebuild_tensor_v3"), storage(), integer(0), row(), row(), FALSE, NONE, x
    ),
    "memory, old": lambda x: call(name("torch._utils", "_rebuild_tensor"), x, integer(0), row(), row()),
}  # fmt: skip

VALUE_FIELDS: Mapping[str, Field] = {
    "the value": lambda x: x,
    "an item": lambda x: list_of(x, x),
    "an item that is appended": lambda x: b"]" + x + b"a",
    "what is appended to": lambda x: x + NONE + b"a",
    "what is extended": lambda x: x + b"(" + NONE + b"e",
    "a key": lambda x: table(x, NONE),
    "a key that is set": lambda x: b"}" + x + NONE + b"s",
    "a part of a key": lambda x: table(row(x, row(x)), NONE),
    "what gets a key": lambda x: x + text("a") + NONE + b"s",
    "what gets keys": lambda x: x + b"(" + text("a") + NONE + b"u",
    "a member": lambda x: b"\x8f(" + x + b"\x90",
    "what gets a member": lambda x: x + b"(" + NONE + b"\x90",
    "members": lambda x: call(name("builtins", "set"), x),
    "a member of old": lambda x: call(name("__builtin__", "set"), list_of(x)),
    "pairs": lambda x: call(ORDERED, x),
    "a pair": lambda x: call(ORDERED, list_of(x)),
    "a key of a pair": lambda x: call(ORDERED, list_of(row(x, NONE))),
    "sizes": lambda x: call(name("torch", "Size"), x),
    "one of sizes": lambda x: call(name("torch", "Size"), list_of(x)),
    "a device": lambda x: call(name("torch", "device"), x),
    "a device's index": lambda x: call(name("torch", "device"), text("cuda"), x),
    "the text of bytes": lambda x: call(name("_codecs", "encode"), x, text("latin1")),
    "an encoding": lambda x: call(name("_codecs", "encode"), text("a"), x),
    "a real part": lambda x: call(name("builtins", "complex"), x, real(1)),
    "an imaginary part": lambda x: call(name("builtins", "complex"), real(1), x),
    "bytes of something": lambda x: call(name("builtins", "bytes"), x),
    "what is called": lambda x: call(x),
    "arguments": lambda x: REBUILD + x + b"R",
    "an argument too many": lambda x: call(name("torch", "Size"), row(), x),
    "a state": lambda x: call(ORDERED) + x + b"b",
    "an attribute": lambda x: call(ORDERED) + table(x, NONE) + b"b",
    "metadata": lambda x: call(ORDERED) + table(text("_metadata"), x) + b"b",
    "metadata of a module": lambda x: call(ORDERED) + table(text("_metadata"), table(text(""), x)) + b"b",
    "a version": lambda x: call(ORDERED) + table(text("_metadata"), table(text(""), table(text("version"), x))) + b"b",
    "what gets a state": lambda x: x + b"}b",
    "a module": lambda x: x + text("x") + b"\x93",
    "a name": lambda x: text("torch") + x + b"\x93",
}

OLD_FIELDS: Mapping[str, Field] = {
    "magic": lambda x: old_file(magic=x),
    "version": lambda x: old_file(version=x),
    "system": lambda x: old_file(system=x),
    "endianness": lambda x: old_file(system=table(text("little_endian"), x)),
    "keys": lambda x: old_file(keys=x),
    "a key": lambda x: old_file(keys=list_of(x)),
    "identity": lambda x: old_file(tensor(x + b"Q")),
    "kind": lambda x: old_file(tensor(old_identity(kind=x) + b"Q")),
    "key": lambda x: old_file(tensor(old_identity(key=x) + b"Q")),
    "location": lambda x: old_file(tensor(old_identity(location=x) + b"Q")),
    "count": lambda x: old_file(tensor(old_identity(count=x) + b"Q")),
    "view": lambda x: old_file(tensor(old_identity(view=x) + b"Q")),
    "flags": lambda x: old_file(tensor(old_identity() + b"Q", flags=x)),
}

FIELDS: Mapping[str, Field] = {
    **{f"tensor, {field}": (lambda x, make=make: archive(make(x))) for field, make in TENSOR_FIELDS.items()},
    **{f"value, {field}": (lambda x, make=make: archive(make(x), HEAD)) for field, make in VALUE_FIELDS.items()},
    **{f"old file, {field}": make for field, make in OLD_FIELDS.items()},
}  # fmt: skip
