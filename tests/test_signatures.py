"""Names, order and defaults of arguments: every public function, method and class takes those that PyTorch's takes.

PyTorch's functions in Python have signatures; its native ones have schemas, one for each variant. An argument of any
variant must be accepted by that name, a default must be that of some variant, and arguments given by position must have
PyTorch's positions. What differs stands in the tables below, each line with its reason.
"""

from __future__ import annotations

import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import minitensor
import minitensor.nn.utils.prune
import minitensor.nn.utils.rnn
import minitensor.utils.checkpoint
from minitensor.autograd.spellings import respell

torch = pytest.importorskip("torch")
for path in ("nn.utils.prune", "utils.checkpoint"):
    importlib.import_module(f"torch.{path}")

ROOMS = """. Tensor nn.functional linalg fft special nn optim optim.lr_scheduler optim.swa_utils nn.init nn.utils
    nn.utils.rnn nn.utils.prune nn.utils.parametrize autograd autograd.functional func utils.data
    utils.checkpoint cuda accelerator mps xpu backends.cudnn""".split()
PREFIX = {"linalg": "linalg_", "fft": "fft_", "special": "special_"}  # of schemas

# Arguments that PyTorch has and this library has not.
LACKING = {
    "out_dtype": "products of halves in single precision exist only on GPUs",
    "generator": "rrelu_ and rrelu draw from the default generator",
    "scalar": "the variants of result_type for numbers alone, whose arguments are given by position",
    "scalar1": "as above",
    "scalar2": "as above",
    "scale": "elu_ is elu with both scales 1",
    "input_scale": "as above",
    "orig_func": "a decorator is called with the function by position",
    "iterable": "Size is called with its only argument by position",
    "_preallocate_and_copy": "private",
    "_use_new_zipfile_serialization": "private",
    "_disable_byteorder_record": "private",
}
# Functions whose signature is wider, and is compared by the laws on calls.
STORAGES = """BFloat16 Bool Byte Char ComplexDouble ComplexFloat Double Float Half Int Long Short Typed
    Untyped""".split()
UNREAD = {
    "Tensor.to": "its variants differ in the types of their arguments",
    "Tensor.norm": "torch.norm has out= in front of dtype, and the method is the same function",
    "compile": "it accepts all keywords that say how to compile",
    "Tensor.copy_": "its variants for numbers are TorchScript's",
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), "the variant for packed rows has other positions"),
    "autograd.gradcheck": "its switches are accepted by a table",
    "autograd.gradgradcheck": "as above",
    **{f"{kind}Storage": "PyTorch reads its arguments by hand" for kind in STORAGES},
}
DEFAULTS = {
    ("bernoulli", "p"): "as if there were no p", ("dropout", "p"): "that of nn.functional",
    ("alpha_dropout", "p"): "as above", ("feature_alpha_dropout", "p"): "as above",
    ("meshgrid", "indexing"): "PyTorch's None means the same, and warns",
    ("ctc_loss", "reduction"): "PyTorch's number 1 is the mean",
    ("std", "unbiased"): "None leaves the word to correction", ("var", "unbiased"): "as above",
    ("std_mean", "unbiased"): "as above", ("var_mean", "unbiased"): "as above",
    ("clone", "memory_format"): "PyTorch's None means the same", ("cumulative_trapezoid", "dx"): "None is 1",
    ("trapezoid", "dx"): "as above", ("trapz", "dx"): "as above",
    ("random_split", "generator"): "the default generator",
    ("save", "pickle_module"): "pickle is the only one",
}  # fmt: skip


class Argument(NamedTuple):
    name: str
    default: Any
    by_position: bool


class Subject(NamedTuple):
    room: str
    name: str
    ours: Any
    theirs: Any

    def __repr__(self) -> str:
        return f"{self.room}.{self.name}".lstrip(".")


SCHEMAS: dict[str, list[Any]] = defaultdict(list)
for schema in torch._C._jit_get_all_schemas():
    if schema.name.startswith("aten::"):
        SCHEMAS[schema.name.removeprefix("aten::")].append(schema)

SCRIPTED = frozenset(("a", "b", "t", "l", "n", "x", "list", "self"))  # the first arguments of TorchScript's variants


def is_called_from_python(schema: Any) -> bool:
    """Whether a schema is a variant of the Python function: not of TorchScript's numbers and lists, nor with names."""
    if not schema.arguments or any(each.is_out or "Dimname" in str(each.type) for each in schema.arguments):
        return False
    first = schema.arguments[0]
    is_of_tensors = str(first.type) == "Tensor" or first.name not in SCRIPTED
    return is_of_tensors and "Storage" not in str(schema) and schema.overload_name != "values"


def variants(subject: Subject) -> Iterator[list[Argument]]:
    """Yield the arguments of each variant of PyTorch's function."""
    theirs = subject.theirs
    if inspect.isclass(theirs) or inspect.isfunction(inspect.unwrap(theirs)):
        try:
            yield arguments_of(inspect.signature(theirs))
        except (TypeError, ValueError):
            return
        return
    for schema in SCHEMAS[PREFIX.get(subject.room, "") + subject.name]:
        if is_called_from_python(schema):
            yield [
                Argument(
                    "input" if each.name == "self" else each.name,
                    each.default_value if each.has_default_value() else inspect.Parameter.empty, not each.kwarg_only,
                )
                for each in schema.arguments
            ]


def arguments_of(signature: inspect.Signature) -> list[Argument]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        Argument(each.name, each.default, each.kind is not each.KEYWORD_ONLY)
        for each in signature.parameters.values() if each.kind not in kinds and each.name != "self"
    ]


def subjects() -> Iterator[Subject]:
    for room in ROOMS:
        here, there = place(minitensor, room), place(torch, room)
        for name in dir(here):
            if name.startswith("_") or not hasattr(there, name):
                continue
            ours = inspect.getattr_static(here, name) if inspect.isclass(here) else getattr(here, name)
            ours = getattr(ours, "__func__", ours) if isinstance(ours, staticmethod) else ours
            theirs = getattr(there, name)
            if callable(ours) and callable(theirs) and is_own(ours):
                yield Subject(room.strip("."), name, ours, theirs)


def place(library: ModuleType, room: str) -> Any:
    found: Any = library
    for word in room.split(".") if room != "." else ():
        found = getattr(found, word)
    return found


def is_own(value: Any) -> bool:
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    return getattr(value, "__module__", "").startswith("minitensor") and not is_error


SUBJECTS = [each for each in subjects() if repr(each) not in UNREAD and list(variants(each))]


def parameters(subject: Subject) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(subject.ours).parameters)


def is_accepted(subject: Subject, name: str) -> bool:
    """Whether an argument is accepted under its name, or under another by ``respell``."""
    given = parameters(subject)
    if name in given:
        return True
    body = inspect.unwrap(subject.ours)
    if not hasattr(body, "__code__") or (body is subject.ours and not hasattr(body, "op")):
        return False  # a class, or a plain function
    value = {"layout": minitensor.strided, "pin_memory": False}.get(name, 1)
    return respell(body, (None,) * body.__code__.co_argcount, {name: value}) is not None


@pytest.mark.parametrize("subject", SUBJECTS, ids=repr)
def test_arguments_have_pytorchs_names(subject: Subject) -> None:
    for variant in variants(subject):
        names = [each.name for each in variant if not (subject.room == "Tensor" and each.name == "input")]
        lacking = [name for name in names if name not in LACKING and not is_accepted(subject, name)]
        assert not lacking, f"{subject} lacks {lacking}"


@pytest.mark.parametrize("subject", SUBJECTS, ids=repr)
def test_arguments_have_pytorchs_defaults(subject: Subject) -> None:
    given, theirs = parameters(subject), defaultdict(list)
    every = list(variants(subject))
    for variant in every:
        for each in variant:
            theirs[each.name].append(each.default)
    for name, defaults in theirs.items():
        if name not in given or (subject.name, name) in DEFAULTS or len(defaults) < len(every):
            continue  # what some variant leaves out may have any default
        ours = given[name].default
        assert any(is_same_default(ours, each) for each in defaults), f"{subject}({name}={ours!r}) is {defaults}"


def is_same_default(ours: Any, theirs: Any) -> bool:
    if theirs is inspect.Parameter.empty:
        return True  # a function may be more lenient
    if isinstance(theirs, list):  # PyTorch's schemas hold a number for each dim
        return ours in ((None,) if not theirs else (theirs, tuple(theirs), *set(theirs)))
    if callable(ours) and callable(theirs):
        return ours.__name__ == theirs.__name__
    if isinstance(theirs, int) and (ours is None or hasattr(ours, "name")):
        return True  # a dtype or a memory format by its number
    return ours == theirs or repr(ours) == repr(theirs)


@pytest.mark.parametrize("subject", SUBJECTS, ids=repr)
def test_arguments_have_pytorchs_positions(subject: Subject) -> None:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    tensor = ("self", "input", "tensor", "A") if subject.room == "Tensor" else ("self",)  # in front of the dot
    given = [name for name, each in parameters(subject).items() if each.kind in kinds and name not in tensor]
    every = list(variants(subject))
    orders = [[each.name for each in variant if each.by_position and each.name not in tensor] for variant in every]
    for name in given if len(orders) == 1 else ():  # several variants are joined in one signature here
        expected = orders[0].index(name) if name in orders[0] else given.index(name)
        assert given.index(name) == expected, f"{subject}({name}) is at {expected}"
