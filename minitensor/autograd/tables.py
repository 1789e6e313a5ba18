"""Functions of float16: of one number by table, as there are only 65,536 such numbers; of two in single precision.

NumPy has no fast arithmetic for float16: ``ceil`` of 10^6 halves takes 8 ms, and 0.8 from a table of all results, which
the body itself computes. An operation whose body works element by element on one tensor says so by ``by_table``; large
arrays then look up the results of the same body. Bodies on two tensors that say ``in_singles`` get large float16 arrays
as float32, where NumPy would convert each number on its way through the loop. This file knows no operations.
"""

from __future__ import annotations

import functools
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.autograd.binding import NUMBERS
from minitensor.backends import HostArray
from minitensor.backends.numpy import halves
from minitensor.backends.silence import in_silence
from minitensor.base import TensorBase, as_array, wrap
from minitensor.dtypes import float16

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

Body = TypeVar("Body", bound="Callable[..., Any]")

MANY = 4 * len(halves.ALL)  # elements from which on a table pays, even if it is used once
KEPT = 64  # tables of 128 KiB
OPTIONS = NUMBERS | {type(None), str}


def by_table(body: Body) -> Body:
    """Say that a body works element by element on its first argument, a tensor, and that the others are options."""
    body.by_table = True  # type: ignore[attr-defined]  # read by `describe`
    return body


def look_up_halves(body: Callable[..., Any]) -> Callable[..., Any]:
    """Return a body that looks results up for many numbers of float16."""

    def call(input: Any, *options: Any) -> Any:
        array = getattr(input, "array", None)
        if array is None or array.dtype is not halves.HALF or array.size < MANY or not has_table(array, options):
            return body(input, *options)
        return halves.look_up(table_of(body, Options(options)), array)

    return functools.update_wrapper(call, body)


def in_singles(body: Body) -> Body:
    """Say that a body works on two tensors element by element, and may compute float16 in single precision throughout.

    That is so if it computes one function, which NumPy rounds once too, or compares.
    """
    body.in_singles = True  # type: ignore[attr-defined]  # read by `describe`
    return body


def compute_in_singles(body: Callable[..., Any]) -> Callable[..., Any]:
    """Return a body that gets many numbers of float16 as float32, and whose result is rounded."""

    def call(input: Any, other: Any) -> Any:
        if not (are_many_halves(input) and are_many_halves(other)):
            return body(input, other)
        cls = input.result_class
        return halves.compute(lambda a, b: as_array(body(wrap(cls, a), wrap(cls, b))), input.array, other.array)

    return functools.update_wrapper(call, body)


def rounds_once(formula: Body) -> Body:
    """Say that a gradient formula computes float16 in single precision throughout, where PyTorch's has one kernel.

    Where PyTorch's formula consists of operations, each of them rounds, here too.
    """
    formula.rounds_once = True  # type: ignore[attr-defined]  # read by `describe`
    return formula


def formula_in_singles(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return a formula that gets gradients and saved values of float16 as float32; its node rounds the result."""

    def call(grad: Any, *values: Any) -> Any:
        if grad.dtype is not float16:
            return formula(grad, *values)
        return formula(grad.float(), *[each.float() if isinstance(each, TensorBase) else each for each in values])

    return call


def are_many_halves(operand: Any) -> bool:
    """Whether an operand is a tensor of many numbers of float16 on the host."""
    array = getattr(operand, "array", None)
    return array is not None and halves.can_convert(array, halves.HALF)


def has_table(array: Array, options: tuple[Any, ...]) -> bool:
    """Whether results for an array may come from a table."""
    return array.__class__ is HostArray and array.flags.c_contiguous and all(
        [each.__class__ in OPTIONS for each in options]
    )


class Options:
    """Options of an operation, as a part of a key: 0.0 and -0.0 differ, and so do 1, 1.0 and True."""

    __slots__ = ("text", "values")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values, self.text = values, repr(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(KEPT)
def table_of(body: Callable[..., Any], options: Options) -> Array:
    """Return the results of a body for all numbers of float16, in the order of their bits."""
    found: Array = as_array(in_silence(body, wrap(TensorBase.result_class, halves.ALL), *options.values))
    return found
