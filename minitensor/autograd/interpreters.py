"""The door through which every operation can be seen: a stack of interpreters.

While an interpreter is on the stack, each operation hands it the call instead of running. An interpreter does what it
likes with it: note it down and let it proceed (``utils.op_log``), or compute something else (``vmap``). What it calls
itself is seen by the interpreters below it alone. No interpreter is known here.

Note [Looking through the door]. Each thread and each asyncio task has its own stack, in a context variable. Recorders
look at ``active`` first, a list of the interpreters of all threads: an empty list costs 4 ns to look at, a context
variable 25, and ``x + y`` as a whole takes 1.06 us (``python -m benchmarks overhead``).
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from minitensor.autograd.node import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from minitensor.autograd.node import Op


class Call:
    """One call of an operation: what it is, and its arguments in order, defaults filled in.

    Those of a function that draws random numbers are as they were given, by position and by name.
    """

    __slots__ = ("args", "kwargs", "op", "operation", "out")

    def __init__(
        self, op: Op, operation: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], out: Any
    ) -> None:
        self.op, self.operation, self.args, self.kwargs, self.out = op, operation, args, kwargs, out

    def proceed(self) -> Any:
        """Run the operation as it was called."""
        if self.op.effect is Effect.DRAWS:
            return self.operation(*self.args, **self.kwargs)
        return self(*self.args) if self.out is None else self(*self.args, out=self.out)

    def __call__(self, *args: Any, **out: Any) -> Any:
        """Run the operation with other arguments, all of them in order."""
        first, names = self.op.positional, self.op.names
        return self.operation(*args[:first], **dict(zip(names[first:], args[first:])), **out)


class Interpreter(Protocol):
    """What may stand on the stack."""

    def interpret(self, call: Call) -> Any:
        """Return the result of a call; the stack is the one below this interpreter meanwhile."""


interpreters: ContextVar[tuple[Interpreter, ...]] = ContextVar("interpreters", default=())
active: list[Interpreter] = []  # of all threads; see Note [Looking through the door]


@contextmanager
def interpreted_by(interpreter: Interpreter) -> Generator[None, None, None]:
    """Put an interpreter on top of the stack for the time of a ``with`` statement."""
    token = interpreters.set((*interpreters.get(), interpreter))
    active.append(interpreter)
    try:
        yield
    finally:
        active.remove(interpreter)
        interpreters.reset(token)


@contextmanager
def restore(stack: tuple[Interpreter, ...]) -> Generator[None, None, None]:
    """Put a whole stack in the place of the present one for the time of a ``with`` statement."""
    token = interpreters.set(stack)
    try:
        yield
    finally:
        interpreters.reset(token)


def interpret(
    op: Op, operation: Callable[..., Any], args: Sequence[Any], out: Any = None, kwargs: dict[str, Any] | None = None
) -> Any:
    """Hand a call to the interpreter on top of the stack."""
    *below, top = interpreters.get()
    token = interpreters.set(tuple(below))
    try:
        return top.interpret(Call(op, operation, args, kwargs or {}, out))
    finally:
        interpreters.reset(token)
