"""Every public layer documents what it computes, its arguments, shapes and errors, and has an example.

The sections are compared with the code: arguments and defaults with the signature, errors with those that the layer
raises for invalid inputs. ``test_doctests.py`` runs the examples.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

import minitensor
from minitensor import errors, nn
from minitensor.vision import models, ops
from tests.nn.test_layers import LAYERS as ROWS
from tests.nn.test_layers import Row
from tests.nn.test_wrong_sizes import CASES, Case, refusal

LAYERS = {
    name: each
    for room in (nn, models, ops)
    for name in getattr(room, "__all__", vars(room))
    if inspect.isclass(each := getattr(room, name)) and issubclass(each, nn.Module)
}
SECTIONS = ("Args:", "Shape:", "Attributes:", "Raises:")

# Modules without a Shape section, and why.
SHAPELESS = {
    "Module": "the base class: each subclass has its own forward",
    "LazyModuleMixin": "a base class: each lazy layer has the forward of its plain class",
    "RNNBase": "a base class: RNN, LSTM and GRU document their shapes",
    "RNNCellBase": "a base class without forward",
    "DataParallel": "a container: it accepts what its module accepts",
    "ModuleDict": "a container without forward",
    "ModuleList": "a container without forward",
    "ParameterDict": "a container without forward",
    "ParameterList": "a container without forward",
    "Sequential": "a container: it accepts what its first layer accepts",
}

# Code of modules in general, not of one layer.
GENERAL = ("minitensor.nn.module", "minitensor.nn.hooks", "minitensor.nn.parameter", "minitensor.nn.functional")


def doc(layer: type) -> str:
    """Return a class's own docstring."""
    return inspect.cleandoc(vars(layer).get("__doc__") or "")


def section(layer: type, title: str) -> list[tuple[str, str]]:
    """Return the entries of a section, ``names: text``, as pairs."""
    _, _, rest = f"\n{doc(layer)}".partition(f"\n{title}\n")
    body = re.split(r"\n(?=\S)", rest)[0]
    entries = re.split(r"\n(?=    \S)", "\n" + body)[1:]
    return [(head.strip(), " ".join(text.split())) for head, _, text in (each.partition(":") for each in entries)]


def names_in(layer: type, title: str) -> list[str]:
    """Return the names at the start of a section's entries."""
    return [name.strip(" *`") for head, _ in section(layer, title) for name in head.split(",")]


def parameters(layer: type) -> dict[str, inspect.Parameter]:
    """Return the constructor's public parameters."""
    if layer is not nn.Module and layer.__init__ is nn.Module.__init__:  # type: ignore[misc]  # of the class itself
        return {}  # it accepts (*args, **kwargs) only to refuse them
    given = inspect.signature(layer.__init__).parameters.values()  # type: ignore[misc]  # the same
    return {each.name: each for each in given if each.name != "self" and not each.name.startswith("_")}


def functions(layer: type) -> Iterator[Any]:
    """Yield a layer's constructor and forward, and the functions of ``nn`` that they call."""
    parents = [each for each in layer.__mro__ if issubclass(each, nn.Module) and each is not nn.Module]
    methods = {name: value for each in reversed(parents) for name, value in vars(each).items() if callable(value)}
    queue = [vars(each)["__init__"] for each in parents if "__init__" in vars(each)]
    queue += [methods[name] for name in ("forward", "initialize_parameters") if name in methods]
    seen: list[Any] = []
    while queue:
        function = inspect.unwrap(queue.pop())
        if function in seen or not inspect.isfunction(function) or function.__module__.startswith(GENERAL):
            continue
        seen.append(function)
        yield function
        called = [methods.get(name, function.__globals__.get(name)) for name in names_used(function)]
        queue += [each for each in called if inspect.isfunction(each) and each.__module__.startswith("minitensor.nn.")]


@functools.cache
def source(function: Callable[..., Any]) -> ast.AST:
    """Return the syntax tree of a function."""
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def names_used(function: Callable[..., Any]) -> list[str]:
    """Return the names and attributes that a function reads."""
    nodes = list(ast.walk(source(function)))
    return [each.id for each in nodes if isinstance(each, ast.Name)] + [
        each.attr for each in nodes if isinstance(each, ast.Attribute)
    ]


def raises(function: Callable[..., Any]) -> bool:
    """Return whether a function has a ``raise``, other than for a method that subclasses must define."""
    nodes = ast.walk(source(function))
    return any(isinstance(node, ast.Raise) and "NotImplementedError" not in ast.unparse(node) for node in nodes)


def is_default(text: str, default: Any, arguments: Collection[str]) -> bool:
    """Return whether a text is a valid default: a literal, a function, or an argument whose value None stands for."""
    if text in arguments:
        return default is None
    if callable(default):
        return text.rpartition(".")[2] == default.__name__
    value = ast.literal_eval(text)
    return type(value) is type(default) and value == default


def find_error(name: str) -> Any:
    """Return the error class of this name, the library's or Python's."""
    return getattr(errors, name, None) or getattr(builtins, name, None)


@pytest.mark.parametrize("name", LAYERS)
def test_the_first_line_says_what_the_layer_computes(name: str) -> None:
    first, _, rest = doc(LAYERS[name]).partition("\n")
    assert re.fullmatch(r"[A-Z].*[.!?]", first), f"{name} starts with {first!r}, not with a sentence of one line"
    assert not rest or rest.startswith("\n"), f"{name}: the first line is not set off by an empty one"


@pytest.mark.parametrize("name", LAYERS)
def test_every_argument_is_documented(name: str) -> None:
    documented, wanted = names_in(LAYERS[name], "Args:"), parameters(LAYERS[name])
    missing, unknown = set(wanted) - set(documented), set(documented) - set(wanted)
    assert not missing and not unknown, f"{name} does not document {missing}, and has no arguments {unknown}"
    assert len(documented) == len(set(documented)), f"{name} documents an argument twice"


@pytest.mark.parametrize("name", LAYERS)
def test_a_default_is_the_one_of_the_signature(name: str) -> None:
    layer = LAYERS[name]
    for head, text in section(layer, "Args:"):
        stated = re.search(r"Default: ``(.*?)``", text)
        for argument in re.findall(r"\w+", head) if stated else ():
            default = parameters(layer)[argument].default
            assert is_default(stated[1], default, parameters(layer)), (
                f"{name}: the default of {argument} is {default!r}, not {stated[1]}"
            )


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in SHAPELESS])
def test_the_shapes_are_documented(name: str) -> None:
    text = " ".join(f"{head}: {text}" for head, text in section(LAYERS[name], "Shape:"))
    assert "Input" in text and "Output" in text, f"{name} has no section Shape: with its input and its output"


@pytest.mark.parametrize("name", LAYERS)
def test_there_is_an_example_that_uses_the_layer(name: str) -> None:
    lines = re.findall(r"^(?:>>>|\.\.\.) (.*)", doc(LAYERS[name]), re.MULTILINE)
    assert any(re.search(rf"\b{name}\b", line) for line in lines), f"{name} has no example that names it"


@pytest.mark.parametrize("name", LAYERS)
def test_errors_raised_in_the_layer_are_documented(name: str) -> None:
    documented = names_in(LAYERS[name], "Raises:")
    unknown = [each for each in documented if not inspect.isclass(find_error(each))]
    assert not unknown, f"{name} documents errors that do not exist: {unknown}"
    raising = [each.__name__ for each in functions(LAYERS[name]) if raises(each)]
    assert documented or not raising, f"{name} does not document what {raising} raise"


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_an_invalid_input_raises_a_documented_error(case: Case) -> None:
    layer = type(case.make(nn))
    error = refusal(minitensor, case)
    documented = names_in(layer, "Raises:")
    assert isinstance(error, tuple(map(find_error, documented))), f"{layer.__name__} documents {documented}: {error!r}"


def strange_inputs(shape: tuple[int, ...]) -> Iterator[minitensor.Tensor]:
    """Yield tensors whose ranks, sizes and dtypes differ from a layer's valid input."""
    for size in (0, 1, 3):
        for rank in range(7):
            yield minitensor.zeros((size,) * rank)
    for dim in range(len(shape)):
        yield minitensor.zeros(shape[:dim] + shape[dim + 1 :])
        yield minitensor.zeros(shape[:dim] + (shape[dim] + 1,) + shape[dim + 1 :])
    for dtype in (minitensor.int64, minitensor.bool, minitensor.complex64, minitensor.float64, minitensor.float16):
        yield minitensor.zeros(shape, dtype=dtype)


@pytest.mark.filterwarnings("ignore")  # about deprecated inputs
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_strange_input_raises_only_documented_errors(row: Row) -> None:
    layer = getattr(nn, row.name)
    documented = names_in(layer, "Raises:")
    for input in strange_inputs(row.shape):
        try:
            layer(*row.args, **row.options)(input)
        except Exception as error:  # the assertion below says which
            assert isinstance(error, tuple(map(find_error, documented))), (
                f"{row.name} documents {documented}, but {tuple(input.shape)} of {input.dtype}: {error!r}"
            )


def test_sections_have_a_fixed_order() -> None:
    wrong = []
    for name, layer in LAYERS.items():
        found = [line for line in doc(layer).split("\n") if line in SECTIONS]
        if found != sorted(found, key=SECTIONS.index):
            wrong.append(f"{name}: {found}")
    assert not wrong, "\n".join(wrong)


def test_exemptions_are_for_layers_without_shapes() -> None:
    assert not [name for name in SHAPELESS if name not in LAYERS or "Shape:" in doc(LAYERS[name]).split("\n")]


class Undocumented(nn.Module):
    """scale a tensor

    Args:
        factor: What to multiply by. Default: ``1``.
        other: Not there.
    """

    def __init__(self, factor: float = 2.0, bias: bool = True) -> None:
        super().__init__()
        if factor < 0:
            raise errors.ArgumentError("factor must not be negative")


@pytest.mark.parametrize(
    "law",
    [
        test_the_first_line_says_what_the_layer_computes,
        test_every_argument_is_documented,
        test_a_default_is_the_one_of_the_signature,
        test_the_shapes_are_documented,
        test_there_is_an_example_that_uses_the_layer,
        test_errors_raised_in_the_layer_are_documented,
    ],
)
def test_each_law_finds_its_fault_in_a_poor_docstring(law: Callable[[str], None], monkeypatch: Any) -> None:
    monkeypatch.setitem(LAYERS, "Undocumented", Undocumented)
    with pytest.raises(AssertionError):
        law("Undocumented")
