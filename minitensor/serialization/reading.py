"""Reading a pickle without Python's unpickler: a small stack machine that knows only a few instructions.

It builds lists, tuples, dicts, sets, numbers and text itself, calls nothing but the builders in ``symbols``, and raises
for every other instruction, so a file cannot run code. Memory and time are bounded by the file's size: each instruction
takes at least a byte, and builders spend from a budget.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from types import NoneType
from typing import IO, Any

from minitensor.errors import CutShortError, FileFormatError, ForbiddenNameError, quote
from minitensor.serialization.budget import Budget
from minitensor.serialization.symbols import Builder, resolve

MOST_NUMBERS = 1 << 32  # the binary instructions have 32 bits; few of these numbers share a hash

Instruction = Callable[["Machine", Any], None]


class Machine:
    """A stack, the marks on it, and a memo of values by number."""

    def __init__(self, storage: Callable[[Any], Any], budget: Budget) -> None:
        self.storage = storage  # from a persistent id to its storage
        self.budget = budget
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes]) -> Any:
        """Run one pickle and return the value that it built."""
        for opcode, argument, position in instructions(stream):
            if opcode.name == "STOP":
                return self.result()
            instruction = INSTRUCTIONS.get(opcode.name)
            if instruction is None:
                raise ForbiddenNameError(
                    f"the file uses the instruction {opcode.name} at byte {position}, which builds no data"
                )
            try:
                instruction(self, argument)
            except (IndexError, KeyError):
                raise FileFormatError(
                    f"the instruction {opcode.name} at byte {position} refers to a missing value"
                ) from None
        raise FileFormatError("the pickle has no end")

    def result(self) -> Any:
        """Pop the value that the pickle built."""
        if not self.stack:
            raise FileFormatError("the pickle ends without a value")
        return self.stack.pop()

    def above_mark(self) -> list[Any]:
        """Pop all values above the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items


def instructions(stream: IO[bytes]) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    """Yield the instructions of one pickle with their arguments and positions."""
    try:
        yield from pickletools.genops(stream)
    except ValueError as error:
        if stream.read(1):
            raise
        raise CutShortError(f"the file ends within a pickle ({error})") from error


# -- instructions ------------------------------------------------------------------------------------------------------


def ignore(machine: Machine, argument: Any) -> None:
    """Skip a version or a length."""


def push(machine: Machine, argument: Any) -> None:
    machine.stack.append(argument)


def push_new(make: Callable[[], Any]) -> Instruction:
    return lambda machine, argument: machine.stack.append(make())


def mark(machine: Machine, argument: Any) -> None:
    machine.marks.append(len(machine.stack))


def put(machine: Machine, number: Any) -> None:
    if not 0 <= number < MOST_NUMBERS:
        raise FileFormatError(f"a value has the number {quote(number)} in the memo, which is out of range")
    machine.memo[number] = machine.stack[-1]


def memoize(machine: Machine, argument: Any) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def get(machine: Machine, number: Any) -> None:
    machine.stack.append(machine.memo[number])


def make_tuple(count: int) -> Instruction:
    def instruction(machine: Machine, argument: Any) -> None:
        stack = machine.stack
        if len(stack) < count:
            raise FileFormatError("a tuple has more items than the stack")
        stack[-count:] = [tuple(stack[-count:])]

    return instruction


def tuple_above_mark(machine: Machine, argument: Any) -> None:
    machine.stack.append(tuple(machine.above_mark()))


def list_above_mark(machine: Machine, argument: Any) -> None:
    machine.stack.append(machine.above_mark())


def append(machine: Machine, argument: Any) -> None:
    extend(machine, [machine.stack.pop()])


def appends(machine: Machine, argument: Any) -> None:
    extend(machine, machine.above_mark())


def extend(machine: Machine, items: list[Any]) -> None:
    if type(machine.stack[-1]) is not list:
        raise FileFormatError(f"only a list can be appended to, not {quote(machine.stack[-1])}")
    machine.stack[-1].extend(items)


def set_item(machine: Machine, argument: Any) -> None:
    value = machine.stack.pop()
    fill(machine, [machine.stack.pop(), value])


def set_items(machine: Machine, argument: Any) -> None:
    fill(machine, machine.above_mark())


def fill(machine: Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if type(target) not in (dict, OrderedDict) or len(items) % 2:
        raise FileFormatError(f"only a dictionary takes keys and values, in pairs, not {quote(target)}")
    for key, value in zip(items[::2], items[1::2]):
        target[machine.budget.check_key(key)] = value


def add_items(machine: Machine, argument: Any) -> None:
    items = machine.above_mark()
    if type(machine.stack[-1]) is not set:
        raise FileFormatError(f"only a set can be added to, not {quote(machine.stack[-1])}")
    machine.stack[-1].update([machine.budget.check_key(each) for each in items])


def global_name(machine: Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.stack.append(resolve(module, name))


def stack_global(machine: Machine, argument: Any) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not isinstance(module, str) or not isinstance(name, str):
        raise ForbiddenNameError(f"the file refers to {quote(name)} of {quote(module)}, which are not names")
    machine.stack.append(resolve(module, name))


def call_builder(machine: Machine, argument: Any) -> None:
    arguments, builder = machine.stack.pop(), machine.stack.pop()
    if not isinstance(builder, Builder) or type(arguments) is not tuple:
        raise ForbiddenNameError(f"the file calls {quote(builder)}, which a checkpoint may not call")
    if not builder.least <= len(arguments) <= builder.most:
        raise FileFormatError(
            f"the file calls {builder.name} with {len(arguments)} arguments; it takes {builder.least} to {builder.most}"
        )
    machine.stack.append(builder.call(machine.budget, *arguments))


def set_state(machine: Machine, argument: Any) -> None:
    """Set the state of an ordered dictionary, where a state dict keeps the versions of its modules."""
    state = machine.stack.pop()
    target = machine.stack[-1]
    if type(target) is not OrderedDict or not isinstance(state, dict) or [*islice(state, 2)] not in ([], ["_metadata"]):
        raise ForbiddenNameError(f"the file sets attributes of {quote(target)}, which a checkpoint may not")
    if state:
        target._metadata = check_metadata(machine.budget, state["_metadata"])  # type: ignore[attr-defined]  # as in PyTorch's state dicts


def check_metadata(budget: Budget, metadata: Any) -> Any:
    """Return the metadata of a state dict; raise unless it has a dictionary with a version for each module."""
    if not isinstance(metadata, dict):
        raise FileFormatError(f"the metadata of a state dict must be a dictionary, got {quote(metadata)}")
    budget.spend(len(metadata), "metadata")
    for module, facts in metadata.items():
        if not isinstance(facts, dict) or type(facts.get("version")) not in (int, NoneType):
            raise FileFormatError(f"the metadata of {quote(module)} must be a dictionary, got {quote(facts)}")
    return metadata


def load_storage(machine: Machine, argument: Any) -> None:
    machine.stack.append(machine.storage(machine.stack.pop()))


INSTRUCTIONS: dict[str, Instruction] = {
    **dict.fromkeys(("PROTO", "FRAME"), ignore),
    **dict.fromkeys(
        """INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
        BINBYTES SHORT_BINBYTES BINBYTES8 STRING BINSTRING SHORT_BINSTRING""".split(), push
    ),
    "NONE": push_new(lambda: None), "NEWTRUE": push_new(lambda: True), "NEWFALSE": push_new(lambda: False),
    "EMPTY_LIST": push_new(list), "EMPTY_DICT": push_new(dict), "EMPTY_TUPLE": push_new(tuple),
    "EMPTY_SET": push_new(set), "MARK": mark, "TUPLE": tuple_above_mark, "LIST": list_above_mark,
    "TUPLE1": make_tuple(1), "TUPLE2": make_tuple(2), "TUPLE3": make_tuple(3),
    "APPEND": append, "APPENDS": appends, "SETITEM": set_item, "SETITEMS": set_items, "ADDITEMS": add_items,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), put), "MEMOIZE": memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), get),
    "GLOBAL": global_name, "STACK_GLOBAL": stack_global, "REDUCE": call_builder, "BUILD": set_state,
    "BINPERSID": load_storage,
}  # fmt: skip
