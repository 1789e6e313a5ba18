"""Binding: put a call's arguments in the order of the parameters, fill in defaults, check types, normalize.

NumPy scalars and arrays become Python numbers and tensors here. This file knows no operations.

Note [Normal form]. Users may write an argument in several ways: ``dim=-1``, ``dim=(0, 1)`` or ``dim=None``. An
operation's ``prepare`` converts the arguments to one normal form, before interpreters, body and formulas see them. It
takes the arguments in order and returns the same number. The normal form is itself a valid call, and normalizing it
changes nothing, because an interpreter may call the operation again with the arguments that it received.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from minitensor.autograd.argument_types import Parameter
from minitensor.autograd.misuse import REQUIRED as REQUIRED
from minitensor.autograd.misuse import misuse, signature_error
from minitensor.autograd.node import Op
from minitensor.autograd.protocol import meets_override
from minitensor.autograd.spellings import reorder, respell
from minitensor.backends import BY_ARRAY, HostArray
from minitensor.base import TensorBase, array_dtype, wrap
from minitensor.dtypes import FROM_NUMPY, get_default_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence


NUMBERS = frozenset((int, float, bool, complex))


def annotations_of_op(op: Op) -> tuple[list[Parameter], dict[str, str]]:
    """Return the names and annotations of a body's parameters. Recorders pass all of them by position."""
    annotations = op.body.__annotations__
    return [(name, str(annotations.get(name, "Any"))) for name in op.names], {}


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return all arguments in order, with defaults filled in. Raise a TypeError if they do not match the signature."""
    given = len(args)
    bound = [*args, *op.defaults[given:]]
    if not kwargs and op.required <= given <= op.positional:
        return bound
    positions = op.positions
    for name, value in kwargs.items():
        position = positions.get(name, -1)
        if position < given:
            return bind_slowly(op, args, kwargs)
        bound[position] = value
    if given > op.positional:
        return bind_slowly(op, args, kwargs)
    for value in bound:
        if value is REQUIRED:
            return bind_slowly(op, args, kwargs)
    return bound


def arguments(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any = None) -> Any:
    """Return all arguments in order, with correct types and in normal form, or None if one's class overrides the call.

    None is returned only for the first such class, which the call did not expect; it has to start again.
    """
    bound: Sequence[Any] = bind(op, args, kwargs)
    if not op.is_private and (*map(type, bound),) not in op.gate.known:
        if meets_override(bound):
            return None
        bound = op.gate.check(bound)[0]
    return bound if op.prepare is None else normalize(op, bound, out)


def normalize(op: Op, bound: Sequence[Any], out: Any) -> Sequence[Any]:
    """Convert arguments to normal form; see Note [Normal form]."""
    prepare: Any = op.prepare
    try:
        return prepare(*bound) if out is None or not op.prepares_out else prepare(*bound, out=out)  # type: ignore[no-any-return]  # arguments
    except Exception as error:
        raise misuse(op, bound, error)  # noqa: B904  # its cause is set


def check_types(op: Op, bound: Sequence[Any]) -> Any:
    """Check the types of a public operation's arguments; return them, with integers of other types as ints."""
    if op.is_private or (*map(type, bound),) in op.gate.known:
        return bound
    return op.gate.check(bound)[0]


def bind_slowly(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Bind arguments under other names, or with ``inspect.Signature``, which finds out what is wrong."""
    known = respell(op.body, args, kwargs) if kwargs else None
    if known is not None:
        return bind(op, *known)
    ordered = reorder(op.body, args, kwargs) if len(args) > op.positional else None
    if ordered is not None:
        return bind(op, (), ordered)
    try:
        bound = op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise signature_error(op.name, error, op.signature) from None
    bound.apply_defaults()
    return list(bound.arguments.values())


def bind_others(op: Op, args: Sequence[Any], **others: Any) -> list[Any]:
    """Bind arguments of a recorder whose parameters are those of the operation, and other names for them."""
    given = {name: value for name, value, default in zip(op.names, args, op.defaults) if value is not default}
    if len(given) == len(op.names):
        raise signature_error(op.name, TypeError("too many arguments"), op.signature)
    named = {name: value for name, value in others.items() if value is not None and value is not REQUIRED}
    return bind(op, (), given | named)


def host_values(args: Sequence[Any]) -> list[Any] | None:
    """Convert NumPy scalars among the operands to Python numbers and arrays to tensors; return None if there are none.

    Called only after a body failed, so the fast paths do not check for NumPy types.
    """
    tensor = next((each for each in args if isinstance(each, TensorBase)), None)
    converted = [host_value(each, tensor) for each in args]
    return None if tensor is None or all(a is b for a, b in zip(args, converted)) else converted


def settle(op: Op, converted: Sequence[Any], given: Sequence[Any]) -> Sequence[Any]:
    """Return converted operands for another call: a number in front in normal form, promoted ones beside an array."""
    if converted[0].__class__ in NUMBERS and op.prepare is not None:
        return normalize(op, converted, None)
    return in_common_dtype(op.name, converted, given)


def in_common_dtype(name: str, converted: Sequence[Any], given: Sequence[Any]) -> Sequence[Any]:
    """Promote a tensor and what was an array as NumPy does, which computes such sums in PyTorch; see ``host_values``.

    A 0-d array is no number there, floats beside long integers are doubles, and so are quotients of integers.
    """
    if not any(each.__class__ is HostArray for each in given) or not all(isinstance(e, TensorBase) for e in converted):
        return converted
    xp, found = converted[0].xp, [array_dtype(each) for each in converted]
    if any(each.kind == "V" for each in found):  # encoded: NumPy knows no such numbers, so tensors' rules hold
        return converted
    if name == "div" and given[0].__class__ is HostArray:  # PyTorch multiplies by the tensor's reciprocal
        found[1] = found[1] if found[1].kind in "fc" else get_default_dtype().numpy
    elif name == "div":
        found = [xp.true_divide(*[xp.ones((), each) for each in found]).dtype]
    common = FROM_NUMPY.get(xp.result_type(*found))
    return converted if common is None else [each.to(common) for each in converted]


def are_foreign(operands: Sequence[Any]) -> bool:
    """Whether one of the operands is a tensor and the other is neither a tensor nor a number."""
    kinds = [isinstance(each, TensorBase) for each in operands]
    numbers = [isinstance(each, (int, float, complex)) for each in operands]
    return any(kinds) and not all(map(operator.or_, kinds, numbers))


def host_value(value: Any, tensor: TensorBase | None) -> Any:
    """Convert a NumPy scalar or array; return any other as it is. As in PyTorch, a bool of NumPy's is a float."""
    if tensor is not None and value.__class__ is HostArray and value.dtype in FROM_NUMPY:
        return wrap(tensor.result_class, value.copy())
    if hasattr(value, "dtype") and hasattr(value, "item") and value.__class__ not in BY_ARRAY \
            and not isinstance(value, TensorBase):
        number = value.item()
        return float(number) if number.__class__ is bool else number
    return value
