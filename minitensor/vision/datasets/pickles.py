"""The pickles of CIFAR: dictionaries of lists, text and arrays of bytes, read without running code from the file.

They are read by the stack machine of checkpoints. The names by which NumPy pickles an array stand for the functions
here; any other name is refused. Memory is bounded by the size of the file.
"""

from __future__ import annotations

import io
import math
import struct
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from minitensor.errors import FileFormatError, ForbiddenNameError, MissingFileError, NestingError, quote, shorten
from minitensor.serialization.budget import Budget
from minitensor.serialization.reading import INSTRUCTIONS, Machine, push, set_items
from minitensor.vision.datasets.pictures import Bytes

LARGEST = 1 << 30  # bytes; the largest published pickle has 155 million


class Name(Enum):
    """What a file may name."""

    RECONSTRUCT = "_reconstruct"
    FROM_BUFFER = "_frombuffer"
    ARRAY = "ndarray"
    DTYPE = "dtype"
    ENCODE = "encode"


NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): Name.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): Name.RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): Name.FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): Name.FROM_BUFFER,
    ("numpy", "ndarray"): Name.ARRAY,
    ("numpy", "dtype"): Name.DTYPE,
    ("_codecs", "encode"): Name.ENCODE,
}


class Byte:
    """The dtype uint8 in a pickle."""


class Box:
    """An array in a pickle, which gets its elements after it is made."""

    array: Bytes | None = None


def read_pickle(path: Path) -> dict[str, Any]:
    """Return the dictionary in a pickled file, with its arrays of bytes.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, or holds anything else than numbers, text and arrays of bytes.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file")
    size = path.stat().st_size
    if size > LARGEST:
        raise FileFormatError(f"{path}: has {size} bytes, but a pickle of images at most {LARGEST}")
    content = path.read_bytes()
    try:
        found = Machine(no_storage, Budget(16 * len(content)), TABLE).run(io.BytesIO(content))
    except (FileFormatError, NestingError) as error:
        raise type(error)(f"{path}: {error}") from error
    except (ValueError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise FileFormatError(f"{path}: damaged, or no pickle: {shorten(str(error))}") from error
    if type(found) is not dict:
        raise FileFormatError(f"{path}: expected a dictionary, got {quote(found)}")
    return {text_of(key): value.array if isinstance(value, Box) else value for key, value in found.items()}


def text_of(key: Any) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def no_storage(identity: Any) -> Any:
    raise ForbiddenNameError(f"the file refers to another one, {quote(identity)}")


# -- instructions ------------------------------------------------------------------------------------------------------


def find_name(module: Any, name: Any) -> Name:
    if not (isinstance(module, str) and isinstance(name, str)) or (module, name) not in NAMES:
        raise ForbiddenNameError(
            f"the file refers to {quote(module)}, {quote(name)}; a pickle of images holds only numbers, text and "
            "arrays of bytes: damaged or hostile"
        )
    return NAMES[module, name]


def global_name(machine: Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.stack.append(find_name(module, name))


def stack_global(machine: Machine, argument: Any) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(find_name(module, name))


def call(machine: Machine, argument: Any) -> None:
    arguments, name = machine.stack.pop(), machine.stack.pop()
    match name, arguments:
        case Name.RECONSTRUCT, (Name.ARRAY, _, _):
            machine.stack.append(Box())
        case Name.DTYPE, ("u1" | "|u1", _, _):
            machine.stack.append(Byte())
        case Name.ENCODE, (str(text), "latin1"):
            machine.budget.spend(len(text), "text")
            machine.stack.append(text.encode("latin1"))
        case Name.FROM_BUFFER, (content, Byte(), shape, order):
            machine.stack.append(Box())
            fill(machine, shape, content, order == "F")
        case _:
            raise ForbiddenNameError(
                f"the file calls {quote(name)} with {quote(arguments)}; only arrays of bytes can be made"
            )


def set_state(machine: Machine, argument: Any) -> None:
    state = machine.stack.pop()
    match machine.stack[-1], state:
        case Byte(), (_, "|", None, None, None, _, _, 0):
            pass
        case Box(array=None), (_, shape, Byte(), columns, content):
            fill(machine, shape, content, bool(columns))
        case target, _:
            raise FileFormatError(f"the file gives {quote(target)} the state {quote(state)}, which it cannot have")


def dictionary_above_mark(machine: Machine, argument: Any) -> None:
    """Make a dictionary, which the oldest pickles do in one step."""
    items = machine.above_mark()
    machine.stack += [{}, *items]
    machine.marks.append(len(machine.stack) - len(items))
    set_items(machine, argument)


def fill(machine: Machine, shape: Any, content: Any, columns: bool) -> None:
    """Give the array on top of the stack its elements."""
    content = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(content, (bytes, bytearray)):
        raise FileFormatError(f"the elements of an array must be bytes, got {quote(content)}")
    machine.budget.spend(len(content), "an array")
    if type(shape) is not tuple or not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 32:
        raise FileFormatError(f"the shape of an array must be integers of at least zero, got {quote(shape)}")
    if math.prod(shape) != len(content):
        raise FileFormatError(f"an array of shape {quote(shape)} has {len(content)} bytes")
    machine.stack[-1].array = np.frombuffer(bytearray(content), np.uint8).reshape(shape, order="F" if columns else "C")


TABLE = {
    **{name: each for name, each in INSTRUCTIONS.items() if name not in ("NEWOBJ", "BINPERSID")},
    "DICT": dictionary_above_mark, "GLOBAL": global_name, "STACK_GLOBAL": stack_global, "REDUCE": call,
    "BUILD": set_state, "BYTEARRAY8": push,
}  # fmt: skip
