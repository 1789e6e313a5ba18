"""``op_log``: an interpreter that lists the operations that a program runs, forward and backward, in order.

A function composed of operations is not listed itself; the operations it calls are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.interpreters import interpreted_by
from minitensor.base import TensorBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from minitensor.autograd.interpreters import Call
    from minitensor.dtypes import dtype


class TensorInfo(NamedTuple):
    """The shape and dtype of a tensor."""

    shape: tuple[int, ...]
    dtype: dtype

    def __str__(self) -> str:
        return f"{self.dtype.name}{list(self.shape)}"


class Operation(NamedTuple):
    """One call: the operation's name, its tensors and its results."""

    name: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.inputs))}) -> {', '.join(map(str, self.outputs))}"


class OpLog(list[Operation]):
    """The operations that ran, in order. As text, one per line."""

    def interpret(self, call: Call) -> Any:
        """Run a call and append it to the log."""
        inputs = tuple(describe_tensors(call.args))  # before the call, because an in-place operation may change them
        result = call.proceed()
        self.append(Operation(call.op.name, inputs, tuple(describe_tensors((result,)))))
        return result

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def describe_tensors(values: Iterable[Any]) -> Iterator[TensorInfo]:
    """Yield the shapes and dtypes of the tensors among values and sequences of them."""
    for value in values:
        if isinstance(value, TensorBase):
            yield TensorInfo(tuple(value.shape), value.dtype)
        elif isinstance(value, (tuple, list)):
            yield from describe_tensors(value)


class op_log:  # noqa: N801  # used like a function
    """A context manager that lists the operations in its block, as ``Operation(name, inputs, outputs)``.

    Inputs and outputs are tuples of ``(shape, dtype)``. Only calls in the same thread are listed, and only those that
    do not raise.

    >>> import minitensor as torch
    >>> x = torch.ones(2, 3, requires_grad=True)
    >>> with torch.utils.op_log() as log:
    ...     x.exp().sum().backward()
    >>> print(log)
    exp(float32[2, 3]) -> float32[2, 3]
    sum(float32[2, 3]) -> float32[]
    expand(float32[]) -> float32[2, 3]
    mul(float32[2, 3], float32[2, 3]) -> float32[2, 3]
    """

    def __init__(self) -> None:
        self.entered: list[AbstractContextManager[None]] = []

    def __enter__(self) -> OpLog:
        log = OpLog()
        self.entered.append(interpreted_by(log))
        self.entered[-1].__enter__()
        return log

    def __exit__(self, *error: object) -> None:
        self.entered.pop().__exit__(None, None, None)
