"""Binding: a call's arguments in the order of the operation's parameters, defaults filled in, their types checked.

NumPy's scalars and arrays become Python numbers and tensors here. No operation is known.

Note [Normal form]. What users may write in several ways, as ``dim=-1``, ``dim=(0, 1)`` or ``dim=None``, an operation's
``prepare`` brings to one normal form, before the interpreters, the body and the formulas see it. It takes the arguments
in order and returns as many. A normal form is a valid call itself, and its own normal form: an interpreter may call the
operation again with the arguments that it was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.argument_types import Asked
from minitensor.autograd.misuse import misuse, unbound
from minitensor.autograd.node import Op
from minitensor.backends import BY_ARRAY, HostArray
from minitensor.base import TensorBase, wrap
from minitensor.dtypes import FROM_NUMPY

if TYPE_CHECKING:
    from collections.abc import Sequence


NUMBERS = frozenset((int, float, bool, complex))


def asked_of(op: Op) -> tuple[list[Asked], dict[str, str]]:
    """Return names and annotations of a body's arguments, as recorders pass them: all by position."""
    annotations = op.body.__annotations__
    return [(name, str(annotations.get(name, "Any"))) for name in op.names], {}


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return all arguments in order, defaults filled in; what does not fit the signature is a TypeError."""
    given = len(args)
    bound = [*args, *op.fill[given:]]
    places = op.places
    for name, value in kwargs.items():
        place = places.get(name, -1)
        if place < given:
            return bind_slowly(op, args, kwargs)
        bound[place] = value
    if given > op.positional:
        return bind_slowly(op, args, kwargs)
    for value in bound:
        if value is REQUIRED:
            return bind_slowly(op, args, kwargs)
    return bound


def arguments(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any = None) -> Any:
    """Return all arguments in order, of the right types and in normal form."""
    bound: Sequence[Any] = bind(op, args, kwargs)
    if not op.is_private and (*map(type, bound),) not in op.gate.known:
        bound = op.gate.admit(bound)[0]
    return bound if op.prepare is None else normalize(op, bound, out)


def normalize(op: Op, bound: Sequence[Any], out: Any) -> Sequence[Any]:
    """Bring arguments to normal form; see Note [Normal form]."""
    prepare: Any = op.prepare
    try:
        return prepare(*bound, out=out) if op.prepares_out else prepare(*bound)  # type: ignore[no-any-return]  # arguments
    except Exception as error:
        raise misuse(op, bound, error)  # noqa: B904  # its cause is set


def admitted(op: Op, bound: Sequence[Any]) -> Any:
    """Return arguments of the types that a public operation takes; refuse others."""
    if op.is_private or (*map(type, bound),) in op.gate.known:
        return bound
    return op.gate.admit(bound)[0]


def bind_slowly(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Bind by the signature itself, which says what is wrong."""
    try:
        bound = op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise unbound(op.name, error, op.signature) from None
    bound.apply_defaults()
    return list(bound.arguments.values())


class Required:
    """The type of what stands in the place of an argument that has no default."""

    __slots__ = ()


REQUIRED = Required()


def host_values(args: Sequence[Any]) -> list[Any] | None:
    """Return operands with NumPy's scalars as Python numbers and its arrays as tensors; None if there are none of them.

    It is asked only when a body failed, so that the fast paths need not know NumPy's types.
    """
    tensor = next((each for each in args if isinstance(each, TensorBase)), None)
    read = [host_value(each, tensor) for each in args]
    return None if tensor is None or all(a is b for a, b in zip(args, read)) else read


def host_value(value: Any, tensor: TensorBase | None) -> Any:
    """Convert a NumPy scalar or array operand; return any other as it is."""
    if tensor is not None and value.__class__ is HostArray and value.dtype in FROM_NUMPY:
        return wrap(tensor.result_class, value.copy())
    if hasattr(value, "dtype") and hasattr(value, "item") and value.__class__ not in BY_ARRAY \
            and not isinstance(value, TensorBase):
        return value.item()
    return value
