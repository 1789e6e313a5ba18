"""Schemas of operations: read from text, ``scale(Tensor x, float factor=2.0) -> Tensor``, or from annotations."""

from __future__ import annotations

import ast
import collections.abc
import functools
import inspect
import re
import typing
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from minitensor import dtypes
from minitensor.base import TensorBase
from minitensor.device import device
from minitensor.dtypes import dtype
from minitensor.errors import ArgumentError, UsageError
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SCHEMA = re.compile(r"\s*((?:[A-Za-z_]\w*::)?[A-Za-z_]\w*(?:\.\w+)?)\s*\((.*)\)\s*->\s*(.+?)\s*", flags=re.DOTALL)
REQUIRED: Any = object()  # the default of an argument that has none
UNKNOWN = "unknown"
Number = int | float | bool
KINDS = frozenset(
    "Tensor int SymInt float complex bool SymBool str Scalar ScalarType Device DeviceIndex Layout MemoryFormat "
    "Generator Stream Storage QScheme Any None NoneType Dict".split()
)


class Argument(NamedTuple):
    """An argument of a schema."""

    name: str
    type: str
    default: Any
    by_name_only: bool
    is_mutated: bool

    @property
    def kind(self) -> str:
        """The type without marks of aliases: ``Tensor`` for ``Tensor(a!)``."""
        return re.sub(r"\(.*?\)", "", self.type)


class Schema(NamedTuple):
    """What an operation takes and returns."""

    name: str
    overload_name: str
    arguments: tuple[Argument, ...]
    returns: tuple[str, ...]
    text: str

    @property
    def is_mutable(self) -> bool:
        """Whether an argument is written to."""
        return any(each.is_mutated for each in self.arguments)

    def __repr__(self) -> str:
        return self.text


# -- schemas as text ---------------------------------------------------------------------------------------------------


def split_at_commas(text: str) -> list[str]:
    """Return the parts of a list between commas that are in no brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def read_default(word: str, kind: str) -> Any:
    """Return the default that a schema writes as a word."""
    if kind.startswith("ScalarType") and word != "None":
        return getattr(dtypes, word)
    value = {"Mean": 1}[word] if word == "Mean" else ast.literal_eval(word)
    return device(value) if kind.startswith("Device") and value is not None else value


def require_kind(kind: str) -> None:
    """Raise unless a schema may name a type: ``Tensor(a!)``, ``int[2]?``, ``Dict(str, int)``, ``(int, int)``."""
    bare = re.sub(r"\(.*?\)|\[\d*\]|\?", "", kind)
    if not kind or (bare and bare not in KINDS and not bare.startswith("__torch__.")):
        raise UsageError(f"unknown type specifier {kind!r}; types are {', '.join(sorted(KINDS))}")


def read_argument(text: str, by_name_only: bool) -> Argument:
    """Return the argument that a schema writes as ``int n=3``."""
    declared, _, default = text.partition("=")
    kind, _, name = declared.strip().rpartition(" ")
    if not name.strip().isidentifier() or any(kind.count(a) != kind.count(b) for a, b in ("()", "[]")):
        raise ArgumentError(text)
    require_kind(kind.strip())
    value = read_default(default.strip(), kind) if default else REQUIRED
    return Argument(name, kind.strip(), value, by_name_only, "!" in kind)


def read_schema(text: str, namespace: str) -> Schema:
    """Return the schema that a text gives.

    Raises:
        RuntimeError: If it is none.
    """
    found = SCHEMA.fullmatch(text)
    if not found:
        raise UsageError(f"define: expected a schema such as 'scale(Tensor x, float factor) -> Tensor', got {text!r}")
    name, inner, result = found.groups()
    name, _, overload = name.rpartition("::")[2].partition(".")
    arguments, by_name_only = [], False
    for each in split_at_commas(inner):
        if each == "*":
            by_name_only = True
            continue
        try:
            arguments.append(read_argument(each, by_name_only))
        except (ValueError, SyntaxError, AttributeError, KeyError):
            raise UsageError(f"define: cannot read the argument {each!r} of the schema {text!r}") from None
    bare = result[1:-1] if re.fullmatch(r"\(.*\)", result) else result
    returns = tuple(split_at_commas(bare))
    for each in returns:
        require_kind(re.sub(r"\s+\w+$", "", each))
    dotted = f"{name}.{overload}" if overload else name
    shown = f"{namespace}::{dotted}({', '.join(split_at_commas(inner))}) -> {result}"
    return Schema(name, overload, tuple(arguments), returns, shown)


# -- schemas of annotated functions ------------------------------------------------------------------------------------

# For each type: its name in a schema; whether there are lists of it, lists of optional ones, and optional lists.
TYPES: tuple[tuple[Any, str, bool, bool, bool], ...] = (
    (Tensor, "Tensor", True, True, False), (int, "SymInt", True, False, True), (float, "float", True, False, True),
    (bool, "bool", True, False, True), (str, "str", False, False, False), (Number, "Scalar", True, False, False),
    (dtype, "ScalarType", False, False, False), (device, "Device", False, False, False),
)  # fmt: skip
RETURNS: dict[Any, str] = {
    Tensor: "Tensor", list[Tensor]: "Tensor[]", typing.List[Tensor]: "Tensor[]", int: "SymInt",  # noqa: UP006
    float: "float", bool: "bool", Number: "Scalar",
}  # fmt: skip


def lists_of(kind: Any) -> tuple[Any, ...]:
    return (
        typing.Sequence[kind], typing.List[kind], collections.abc.Sequence[kind], list[kind],  # noqa: UP006
    )  # fmt: skip


@functools.cache
def parameter_types() -> dict[Any, str]:
    """Return what a schema calls each type that an argument may have."""
    found: dict[Any, str] = {}
    for kind, name, has_lists, has_optional_items, has_optional_lists in TYPES:
        found |= {kind: name, typing.Optional[kind]: f"{name}?"}  # noqa: UP045
        if has_lists:
            found |= dict.fromkeys(lists_of(kind), f"{name}[]")
        if has_optional_items:
            found |= dict.fromkeys(lists_of(typing.Optional[kind]), f"{name}?[]")  # noqa: UP045
        if has_optional_lists:
            found |= {typing.Optional[each]: f"{name}[]?" for each in lists_of(kind)}  # noqa: UP045
    return found


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: str | Iterable[str], op_name: str | None = None
) -> str:
    """Return the schema of an annotated function.

    Args:
        prototype_function: The function.
        mutates_args: The names of the arguments that it writes to, or ``"unknown"``: all tensors.
        op_name: The name in front of the schema; none if not given.

    Raises:
        ValueError: If an argument or the result has no annotation or one that no schema can name, or if a name in
            ``mutates_args`` is not that of a tensor argument.

    >>> import minitensor as torch
    >>> def scale(x: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    ...     return x * factor
    >>> torch.library.infer_schema(scale, mutates_args=())
    '(Tensor x, float factor=2.0) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = read_hints(prototype_function)
    mutated = mutates_args if isinstance(mutates_args, str) else tuple(mutates_args)
    if isinstance(mutated, str) and mutated != UNKNOWN:
        raise ArgumentError(
            f"infer_schema: mutates_args must be names of arguments or the string 'unknown', got {mutated!r}"
        )
    strangers = [] if mutated == UNKNOWN else [each for each in mutated if each not in signature.parameters]
    if strangers:
        refuse(prototype_function, f"{strangers} in mutates_args were not found in the custom op's signature.")
    parts: list[str] = []
    for place, parameter in enumerate(signature.parameters.values()):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(write_argument(prototype_function, place, parameter, hints, mutated))
    return f"{op_name or ''}({', '.join(parts)}) -> {write_result(prototype_function, signature, hints)}"


def refuse(function: Callable[..., Any], problem: str) -> NoReturn:
    raise ArgumentError(f"infer_schema(func): {problem} Got func with signature {inspect.signature(function)}")


def read_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types that a function's annotations name."""
    try:
        return {**typing.get_type_hints(function), **plain_annotations(function)}
    except NameError as error:
        refuse(function, f"Unsupported type annotation: {error}. Its types must be importable at module scope.")


def plain_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations that are no text: ``get_type_hints`` makes a type with the default None optional."""
    return {name: each for name, each in function.__annotations__.items() if not isinstance(each, str)}


def write_argument(
    function: Callable[..., Any], place: int, parameter: inspect.Parameter, hints: dict[str, Any],
    mutated: str | Sequence[str],
) -> str:
    """Return what a schema says of an argument."""
    if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
        refuse(function, "We do not support positional-only args, varargs, or varkwargs.")
    if parameter.name not in hints:
        refuse(function, f"Parameter {parameter.name} must have a type annotation.")
    name = parameter_types().get(hints[parameter.name])
    if name is None:
        advice = " Use List instead of Tuple." if typing.get_origin(hints[parameter.name]) is tuple else ""
        refuse(function, f"Parameter {parameter.name} has unsupported type {hints[parameter.name]}.{advice}")
    is_tensor = name.startswith("Tensor")
    if mutated != UNKNOWN and parameter.name in mutated and not is_tensor:
        refuse(function, f"Parameter {parameter.name} is in mutates_args, but only tensors can be mutated.")
    if is_tensor and (mutated == UNKNOWN or parameter.name in mutated):
        name = f"Tensor(a{place}!){name[len('Tensor'):]}"
    return f"{name} {parameter.name}{write_default(function, parameter)}"


def write_default(function: Callable[..., Any], parameter: inspect.Parameter) -> str:
    value = parameter.default
    if value is inspect.Parameter.empty:
        return ""
    if value is None or isinstance(value, (int, float, bool)):
        return f"={value}"
    if isinstance(value, (str, device)):
        return f'="{value}"'
    if isinstance(value, dtype):
        return f"={str(value).rpartition('.')[2]}"
    refuse(function, f"Parameter {parameter.name} has an unsupported default value type {type(value)}.")


def write_result(function: Callable[..., Any], signature: inspect.Signature, hints: dict[str, Any]) -> str:
    """Return what a schema says of the results."""
    if signature.return_annotation is inspect.Signature.empty:
        refuse(function, "No return type annotation was provided. Please add one.")
    wanted = hints["return"]
    if wanted is None or wanted is type(None):
        return "()"
    kinds = typing.get_args(wanted) if typing.get_origin(wanted) is tuple else (wanted,)
    if any(each not in RETURNS for each in kinds):
        refuse(function, f"Return has unsupported type {wanted}.")
    names = ", ".join(RETURNS[each] for each in kinds)
    if kinds == (wanted,):
        return names
    return f"(({names}))" if len(kinds) == 1 else f"({names})"


# -- arguments of a call -----------------------------------------------------------------------------------------------

PLAIN: dict[str, tuple[type, ...]] = {
    "Tensor": (TensorBase,), "int": (int,), "SymInt": (int,), "float": (int, float), "bool": (bool,), "str": (str,),
    "Scalar": (int, float, complex, TensorBase), "number": (int, float, complex, TensorBase), "ScalarType": (dtype,),
}  # fmt: skip


def is_of(kind: str, value: Any) -> bool:
    """Whether a value may be given for a type of a schema."""
    if kind.endswith("?"):
        return value is None or is_of(kind[:-1], value)
    if found := re.fullmatch(r"(.*)\[(\d*)\]", kind):
        if not isinstance(value, (list, tuple)):
            return bool(found.group(2)) and is_of(found.group(1), value)
        return all(is_of(found.group(1), each) for each in value)
    if kind not in PLAIN:
        return True
    is_flag = isinstance(value, bool) and kind in ("int", "SymInt", "float")
    return isinstance(value, PLAIN[kind]) and not is_flag


def bind(schema: Schema, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Return all arguments of a call in order, with defaults.

    Raises:
        RuntimeError: If the schema has no such call.
    """
    name = schema.text.partition("(")[0]
    places = [each for each in schema.arguments if not each.by_name_only]
    if len(args) > len(places):
        raise UsageError(
            f"{name}() expected at most {len(places)} argument(s) but received {len(args)} argument(s). "
            f"Declaration: {schema}"
        )
    given = {**dict(zip([each.name for each in places], args)), **kwargs}
    if strangers := [each for each in kwargs if each not in {known.name for known in schema.arguments}]:
        raise UsageError(f"{name}() got unknown keyword arguments {strangers}. Declaration: {schema}")
    if twice := [each.name for each, _ in zip(places, args) if each.name in kwargs]:
        raise UsageError(f"{name}() got values for the arguments {twice} twice. Declaration: {schema}")
    values = []
    for each in schema.arguments:
        value = given.get(each.name, each.default)
        if value is REQUIRED:
            raise UsageError(f"{name}() is missing value for argument {each.name!r}. Declaration: {schema}")
        if not is_of(each.kind, value):
            raise UsageError(
                f"{name}() Expected a value of type {each.kind!r} for argument {each.name!r} but instead found type "
                f"{type(value).__name__!r}. Declaration: {schema}"
            )
        values.append(value)
    return values
