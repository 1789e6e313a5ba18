"""Writing any object that Python can pickle, by the instructions that its ``__reduce_ex__`` returns.

The functions here follow Python's pickler, protocol 2. They know no tensors; the writer passes what it has no other
function for.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from types import FunctionType, NoneType
from typing import TYPE_CHECKING, Any

from minitensor.errors import NestingError, UnpicklableError, quote
from minitensor.serialization.names import follow, name_in_file, name_of

if TYPE_CHECKING:
    from minitensor.serialization.writing import Inner, Writer

SINGLETONS = (NoneType, type(NotImplemented), type(...))  # classes without a name in a module


def write_object(writer: Writer, value: Any) -> Inner:
    """Write a function, a class or an object."""
    if isinstance(value, (type, FunctionType)):
        return write_global(writer, value)
    reduction = reduce_object(value)
    if isinstance(reduction, str):
        writer.name(*name_in_file(*name_of(value, reduction)))
        writer.remember(value)
        return None
    return write_reduction(writer, value, *reduction)


def write_global(writer: Writer, value: Any) -> Inner:
    """Write the name of a function or class."""
    if value in SINGLETONS:
        return writer.call("__builtin__", "type", {NoneType: None, type(...): ...}.get(value, NotImplemented))
    module, name = name_of(value)
    owner, _, last = name.rpartition(".")
    if owner:  # protocol 2 has no dotted names
        return writer.call("__builtin__", "getattr", follow(sys.modules[module], owner), last)
    writer.name(*name_in_file(module, name))
    writer.remember(value)
    return None


def reduce_object(value: Any) -> Any:
    """Return the reduction of an object: a name, or the call that rebuilds it and what to do then."""
    function = copyreg.dispatch_table.get(type(value))
    reduction = value.__reduce_ex__(2) if function is None else function(value)
    if isinstance(reduction, str):
        return reduction
    if not isinstance(reduction, tuple) or not 2 <= len(reduction) <= 6 or not isinstance(reduction[1], tuple):
        raise UnpicklableError(f"save: __reduce_ex__ of {quote(value)} must return a name or a tuple of 2 to 6 values")
    return reduction


def write_reduction(
    writer: Writer, value: Any, function: Any, arguments: tuple[Any, ...], state: Any = None, items: Any = None,
    pairs: Any = None, set_state: Any = None,
) -> Iterator[Any]:
    """Write the call that rebuilds an object, then its items, entries and state."""
    writer.depth += 1
    if writer.depth > sys.getrecursionlimit():
        raise NestingError(f"save: objects are nested more than {sys.getrecursionlimit()} deep, such as {quote(value)}")
    yield from write_construction(writer, function, arguments)
    if id(value) in writer.memo:  # an object that its own arguments contain was written there
        writer.emit(b"0")
        yield value
    else:
        writer.remember(value)
    yield from write_contents(writer, items, pairs)
    if state is not None:
        yield from write_state(writer, value, state, set_state)
    writer.depth -= 1


def write_construction(writer: Writer, function: Any, arguments: tuple[Any, ...]) -> Iterator[Any]:
    """Write the call of a function, or of the constructor of a class without its ``__init__``."""
    name = getattr(function, "__name__", "")
    if name == "__newobj__":
        yield arguments[0]
        yield from writer.items(arguments[1:])
        writer.emit(b"\x81")
        return
    if name == "__newobj_ex__":
        kind, positional, keywords = arguments
        function, arguments = partial(kind.__new__, kind, *positional, **keywords), ()
    yield function
    yield from writer.items(arguments)
    writer.emit(b"R")


def write_contents(writer: Writer, items: Any, pairs: Any) -> Iterator[Any]:
    """Write the items of a list and the entries of a dictionary, with the method calls of their classes."""
    if items is not None:
        yield from write_items(writer, items)
    if pairs is not None:
        writer.emit(b"(")
        for key, value in pairs:
            yield key
            yield value
        writer.emit(b"u")


def write_items(writer: Writer, items: Iterable[Any]) -> Iterator[Any]:
    """Write values that are appended to what was written before them."""
    writer.emit(b"(")
    yield from items
    writer.emit(b"e")


def write_state(writer: Writer, value: Any, state: Any, set_state: Any) -> Iterator[Any]:
    """Write the state of an object, which its ``__setstate__`` or a given function sets."""
    if set_state is None:
        yield state
        writer.emit(b"b")
        return
    yield set_state
    yield from writer.items((value, state))
    writer.emit(b"R0")
