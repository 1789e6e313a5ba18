"""Reading a pickle without Python's unpickler: a small stack machine that knows only a few instructions.

It builds lists, tuples, dicts, sets, numbers and text itself, calls nothing but the builders in ``symbols`` and what a
user allowed, and raises for every other instruction, so a file cannot run code. Memory and time are bounded by the
file's size: each instruction takes at least a byte, and builders spend from a budget.
"""

from __future__ import annotations

import io
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import IO, Any

from minitensor.errors import CutShortError, FileFormatError, ForbiddenNameError, quote
from minitensor.serialization.budget import Budget
from minitensor.serialization.names import is_allowed, modern_name
from minitensor.serialization.symbols import BUILDER_OF, Memory, check_attributes, resolve
from minitensor.storage import Storage

MOST_NUMBERS = 1 << 32  # the binary instructions have 32 bits; few of these numbers share a hash

Instruction = Callable[["Machine", Any], None]
FindStorage = Callable[[Any], Memory]  # from a persistent id to what it names
Run = Callable[[IO[bytes], FindStorage, Budget], Any]  # reads one pickle


class Machine:
    """A stack, the marks on it, and a memo of values by number."""

    def __init__(
        self, storage: FindStorage, budget: Budget, instructions: Mapping[str, Instruction] | None = None
    ) -> None:
        self.instructions = INSTRUCTIONS if instructions is None else instructions
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
            instruction = self.instructions.get(opcode.name)
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


def run_safely(stream: IO[bytes], storage: FindStorage, budget: Budget) -> Any:
    """Read one pickle without running code from it."""
    return Machine(storage, budget).run(stream)


def instructions(stream: IO[bytes]) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    """Yield the instructions of one pickle with their arguments and positions."""
    try:
        yield from pickletools.genops(stream)
    except ValueError as error:
        if stream.read(1):
            raise
        raise CutShortError(f"the file ends within a pickle ({error})") from error


def globals_in(data: bytes) -> set[tuple[str, str]]:
    """Return the modules and names of the globals to which a pickle refers."""
    found: set[tuple[str, str]] = set()
    texts: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in instructions(io.BytesIO(data)):
        if opcode.name == "GLOBAL":
            module, name = argument.split(" ", 1)
            found.add(modern_name(module, name))
        elif opcode.name == "STACK_GLOBAL":
            found.add(modern_name(*texts[-2:]))
        elif opcode.name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if argument is None else argument] = texts[-1] if texts else None
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo.get(argument))
        elif isinstance(argument, str):
            texts.append(argument)
    return found


# -- instructions ------------------------------------------------------------------------------------------------------


def ignore(machine: Machine, argument: Any) -> None:
    """Skip a version or a length."""


def push(machine: Machine, argument: Any) -> None:
    machine.stack.append(argument)


def push_new(make: Callable[[], Any]) -> Instruction:
    return lambda machine, argument: machine.stack.append(make())


def pop(machine: Machine, argument: Any) -> None:
    machine.stack.pop()


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
    if type(machine.stack[-1]) is not list and not is_allowed_kind(machine.stack[-1], list):
        raise FileFormatError(f"only a list can be appended to, not {quote(machine.stack[-1])}")
    machine.stack[-1].extend(items)


def set_item(machine: Machine, argument: Any) -> None:
    value = machine.stack.pop()
    fill(machine, [machine.stack.pop(), value])


def set_items(machine: Machine, argument: Any) -> None:
    fill(machine, machine.above_mark())


def fill(machine: Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if len(items) % 2 or not (type(target) in (dict, OrderedDict, Counter) or is_allowed_kind(target, dict)):
        raise FileFormatError(f"only a dictionary takes keys and values, in pairs, not {quote(target)}")
    for key, value in zip(items[::2], items[1::2]):
        target[machine.budget.check_key(key)] = value


def is_allowed_kind(value: Any, kind: type) -> bool:
    """Whether a value is of a class that a user allowed, derived from a list or dictionary."""
    return isinstance(value, kind) and is_allowed(type(value))


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
    arguments, function = machine.stack.pop(), machine.stack.pop()
    builder = BUILDER_OF.get(id(function))
    if type(arguments) is not tuple or not (builder or is_allowed(function)):
        raise ForbiddenNameError(f"the file calls {quote(function)}, which a checkpoint may not call")
    if builder is None:
        machine.stack.append(function(*arguments))
        return
    builder.check_count(arguments)
    machine.stack.append(builder.call(machine.budget, *arguments))


def create(machine: Machine, argument: Any) -> None:
    """Create an object of a class that a user allowed, without its ``__init__``."""
    arguments, kind = machine.stack.pop(), machine.stack.pop()
    if not isinstance(kind, type) or type(arguments) is not tuple or not is_allowed(kind):
        raise ForbiddenNameError(f"the file creates an object of {quote(kind)}, which a checkpoint may not")
    machine.stack.append(kind.__new__(kind, *arguments))


def set_state(machine: Machine, argument: Any) -> None:
    """Set the attributes of an ordered dictionary, such as the versions in a state dict, or the state of an object."""
    state = machine.stack.pop()
    target = machine.stack[-1]
    if is_allowed(type(target)):
        set_state_of_object(target, state)
        return
    if type(target) is not OrderedDict or not isinstance(state, dict) or not all(type(name) is str for name in state):
        raise ForbiddenNameError(f"the file sets attributes of {quote(target)}, which a checkpoint may not")
    machine.budget.spend(len(state), "a state")
    check_attributes(target, state)
    if "_metadata" in state:
        check_metadata(machine.budget, state["_metadata"])
    target.__dict__.update(state)


def set_state_of_object(target: Any, state: Any) -> None:
    """Set the state of an object as Python's unpickler does."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        target.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


def check_metadata(budget: Budget, metadata: Any) -> None:
    """Raise unless the metadata of a state dict has a dictionary with a version for each module."""
    if not isinstance(metadata, dict):
        raise FileFormatError(f"the metadata of a state dict must be a dictionary, got {quote(metadata)}")
    budget.spend(len(metadata), "metadata")
    for module, facts in metadata.items():
        if not isinstance(facts, dict) or type(facts.get("version")) not in (int, NoneType):
            raise FileFormatError(f"the metadata of {quote(module)} must be a dictionary, got {quote(facts)}")


def load_storage(machine: Machine, argument: Any) -> None:
    machine.stack.append(find_storage(machine.budget, machine.storage, machine.stack.pop()))


def find_storage(budget: Budget, storage: FindStorage, identity: Any) -> Storage:
    """Return the storage that a persistent id names, and let the budget know it."""
    memory = storage(identity)
    budget.memories[id(memory.storage)] = memory
    return memory.storage


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
    "BINPERSID": load_storage, "NEWOBJ": create, "POP": pop,
}  # fmt: skip
