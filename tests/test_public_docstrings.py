"""Every public function, class and method says what it does, explains its arguments and errors, and gives an example.

The law walks all public names; layers and optimizers have stricter ones of their own (``nn/test_layer_docstrings.py``,
``optim/test_optimizer_docstrings.py``). The docstrings are compared with the code: arguments and defaults with the
signature, errors with what the source raises. ``test_doctests.py`` runs the examples.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import minitensor
from minitensor.autograd.check import GradcheckError
from minitensor.distributions.constraint_registry import ConstraintRegistry
from minitensor.distributions.constraints import Constraint
from minitensor.errors import LinAlgError
from minitensor.utils.checkpoint import CheckpointError

# The modules that users import names from.
ROOMS = (
    "minitensor", "minitensor.linalg", "minitensor.fft", "minitensor.random", "minitensor.special",
    "minitensor.signal.windows", "minitensor.quasirandom", "minitensor.sparse", "minitensor.amp",
    "minitensor.amp.autocast_mode", "minitensor.amp.cpu_amp", "minitensor.amp.cuda_amp", "minitensor.cpu",
    "minitensor.paths.flex_attention",
    "minitensor.nn.functional", "minitensor.nn.grad",
    "minitensor.nn.init", "minitensor.nn.utils", "minitensor.nn.utils.parametrizations",
    "minitensor.nn.utils.parametrize", "minitensor.nn.utils.prune", "minitensor.nn.utils.rnn",
    "minitensor.utils.tensorboard.writer",
    "minitensor.nn.utils.stateless", "minitensor.nn.parallel", "minitensor.utils.data.distributed",
    "minitensor.func", "minitensor.autograd", "minitensor.autograd.forward_ad", "minitensor.autograd.functional",
    "minitensor.autograd.graph", "minitensor.optim.lr_scheduler", "minitensor.optim.step_hooks",
    "minitensor.optim.swa_utils", "minitensor.utils", "minitensor.utils.checkpoint", "minitensor.utils.data",
    "minitensor.utils.dlpack", "minitensor.utils.hooks", "minitensor.serialization",
    "minitensor.vision", "minitensor.vision.models", "minitensor.vision.ops", "minitensor.vision.statistics",
    "minitensor.vision.transforms", "minitensor.vision.transforms.functional", "minitensor.vision.utils",
    "minitensor.vision.io",
    "minitensor.vision.transforms.v2", "minitensor.vision.transforms.v2.functional", "minitensor.vision.datasets",
    "minitensor.library", "minitensor.testing", "minitensor.cuda", "minitensor.nn",
    "minitensor.run", "minitensor._C", "minitensor.overrides",
    "minitensor.distributions", "minitensor.distributions.constraint_registry",
    "minitensor.distributions.constraints", "minitensor.distributions.kl", "minitensor.distributions.transforms",
    "minitensor.distributions.utils", "minitensor.utils.benchmark", "minitensor.masked",
)  # fmt: skip

# Modules whose public names have another law, and where it is. Layers have one in all rooms.
ELSEWHERE = {
    "minitensor.amp.grad_scaler": "GradScaler is walked as minitensor.amp.GradScaler",
    "minitensor.multiprocessing": "Python's module, with three functions; run/test_processes.py",
    "minitensor.monitor": "test_monitor.py",
    "minitensor.utils.throughput_benchmark": "ThroughputBenchmark is walked as minitensor.utils.ThroughputBenchmark",
    "minitensor.signal": "it has one module, signal.windows",
    "minitensor.compat.model_zoo": "a former place: minitensor.hub",
    "minitensor.compat.futures": "test_engine_names.py",
    "minitensor.nn.attention.bias": "nn/test_flex_attention.py",
    "minitensor.nn.attention": "switches that choose nothing; nn/test_module.py",
    "minitensor.nn.module": "Module is walked as minitensor.nn.Module",
    "minitensor.nn.modules": "nn/test_layer_docstrings.py: the layers under PyTorch's paths",
    "minitensor.compat.collect_env": "shells; test_shells.py",
    "minitensor.compat.dynamo": "shells; test_shells.py",
    "minitensor.compat.inductor": "shells; test_shells.py",
    "minitensor.paths.annotating": "names for annotations; test_private_paths.py",
    "minitensor.profiler": "test_profiler.py: each name is held against PyTorch in use",
    "minitensor.profiler.former": "the former form of minitensor.profiler; test_profiler.py",
    "minitensor.paths.flop_counter": "utils/test_timing.py and test_leftover_names.py",
    "minitensor.paths.foreach": "private names; test_private_paths.py",
    "minitensor.paths.functional": "functions of other modules",
    "minitensor.paths.functorch": "a former package; test_private_paths.py",
    "minitensor.paths.samples": "private modules; test_private_paths.py",
    "minitensor.utils.weak": "utils/test_weak.py",
    "minitensor.paths.types": "names for annotations; test_private_paths.py",
    "minitensor.utils.data._utils": "private modules; utils/data",
    "minitensor.optim": "optim/test_optimizer_docstrings.py",
}

# Modules of which each name is also public in the room above.
CHAPTERS = (
    "minitensor.nn.modules.", "minitensor.nn.parallel.", "minitensor.vision.models.", "minitensor.vision.datasets."
)  # fmt: skip

# Arguments that mean the same wherever they occur, and therefore need no words.
COMMON = {
    "input": "the tensor to work on",
    "img": "the image to work on: one of Pillow's, or a tensor of shape (..., C, H, W)",
    "self": "the tensor to work on, in a method",
    "other": "the second operand, a tensor or a number",
    "dim": "the dim, or the dims, to work along; negative ones count from the end",
    "keepdim": "whether reduced dims stay, with size 1",
    "out": "the tensor, or the tensors, to write the result into",
    "dtype": "the type of the result's elements",
    "device": "where the result lies",
    "requires_grad": "whether the result is a leaf that gathers gradients",
    "generator": "the source of random numbers; the default generator if None",
    "layout": "how the result is stored: strided is the only one",
    "pin_memory": "accepted for PyTorch compatibility",
    "memory_format": "the order of the result's strides",
}

MANY = 3  # as many other arguments may be explained in a sentence; more need a section

# The library's own errors that users catch by name; all others are documented by the built-in class that they are.
OWN_ERRORS = {each.__name__: each for each in (LinAlgError, GradcheckError, CheckpointError)}

SECTIONS = ("Args", "Shape", "Returns", "Attributes", "Raises")
SHAPED = {"minitensor.linalg", "minitensor.nn.functional"}  # rooms whose functions take particular shapes
ELEMENTWISE = "element by element"  # what is said of the others there
SHAPE = r"\((\.\.\.|\*\w*|[A-Za-z]\w*)(, ?[^()]+)*,?\)"  # (N, C, H, W), (..., n, n), (*, D), (n,)


class Subject(NamedTuple):
    room: str
    name: str
    names: frozenset[str]  # all under which the object is public
    rooms: frozenset[str]  # all in which it is
    target: Any

    @property
    def body(self) -> Any:
        """The function or class as it was written, without decorators."""
        return inspect.unwrap(self.target.fget if isinstance(self.target, property) else self.target)

    @property
    def doc(self) -> str:
        own = vars(self.target).get("__doc__") if inspect.isclass(self.target) else self.target.__doc__
        return inspect.cleandoc(own or "")


# -- the walk ----------------------------------------------------------------------------------------------------------


def public_names(module: ModuleType) -> list[str]:
    names = vars(module).get("__all__") or [name for name in dir(module) if not name.startswith("_")]
    return [name for name in names if not is_layer(getattr(module, name))]


def is_layer(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, minitensor.nn.Module) and value is not minitensor.nn.Module


# Classes whose instances are public and can be called.
OBJECTS = (Constraint, ConstraintRegistry, minitensor.distributions.Transform)


def is_subject(value: Any) -> bool:
    if inspect.isclass(value) and issubclass(value, Exception):
        return False  # its name and its base classes say when it is raised
    if isinstance(value, OBJECTS):
        return False  # its class says what a call does
    return callable(value) and getattr(value, "__module__", "").startswith("minitensor")


def candidates() -> Iterator[tuple[str, str, Any]]:
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in public_names(module):
            yield room, name, getattr(module, name)
    for name in dir(minitensor.Tensor):
        found = inspect.getattr_static(minitensor.Tensor, name)
        if not name.startswith("_") and not inspect.isclass(found):
            yield "minitensor.Tensor", name, found


def walk() -> dict[str, Subject]:
    found: dict[int, list[tuple[str, str, Any]]] = {}
    for room, name, value in candidates():
        if isinstance(value, property) or is_subject(value):
            found.setdefault(id(value), []).append((room, name, value))
    return dict(map(subject_at, found.values()))


def subject_at(places: list[tuple[str, str, Any]]) -> tuple[str, Subject]:
    """Return an object that is public in some places, and its path in the first."""
    room, name, target = places[0]
    names, rooms = frozenset(name for _, name, _ in places), frozenset(room for room, _, _ in places)
    return f"{room}.{name}", Subject(room, name, names, rooms, target)


PUBLIC = walk()


def lookup(name: str, room: str) -> Subject | None:
    """Find what a docstring calls ``name``: in its own room, at the top, or by its whole path."""
    for place in (room, "minitensor", "minitensor.Tensor", "minitensor.nn.functional"):
        for subject in PUBLIC.values():
            if subject.room == place and name in subject.names:
                return subject
    return PUBLIC.get(f"minitensor.{name}")


def twin(subject: Subject) -> Subject | None:
    """Return the function of which a name with an underscore is the version in place."""
    model = lookup(subject.name[:-1], subject.room) if subject.name.endswith("_") else None
    return None if model is None or alias(model) is subject else model


def alias(subject: Subject) -> Subject | None:
    """Return the function of which the docstring says to be another name."""
    stated = re.match(r"(?:Deprecated alias|Alias) of ``([\w.]+)``", subject.doc)
    return lookup(stated[1], subject.room) if stated else None


def reference(subject: Subject) -> Subject | None:
    """Return the function whose docstring also explains this one's arguments."""
    stated = re.search(r"\b[Aa]rguments as (?:for|in) ``([\w.]+)``", subject.doc)
    return lookup(stated[1], subject.room) if stated else None


def overridden(subject: Subject) -> Subject | None:
    """Return the method of a base class that a method overrides, whose arguments are the same."""
    bases = PUBLIC[subject.room].target.__mro__[1:] if subject.room in PUBLIC else ()
    found = next((vars(base)[subject.name] for base in bases if subject.name in vars(base)), None)
    return subject._replace(target=found) if inspect.isfunction(found) else None


# -- reading docstrings ------------------------------------------------------------------------------------------------


def section(text: str, title: str) -> list[tuple[str, str]]:
    """Return the entries of a section, ``names: text``, as pairs."""
    match = re.search(rf"^{title}:\n((?:    .*\n|\n(?=    ))+)", text + "\n", re.MULTILINE)
    entries = re.split(r"\n(?=    \S)", "\n" + match[1].rstrip())[1:] if match else []
    return [(head.strip(), " ".join(text.split())) for head, _, text in (each.partition(":") for each in entries)]


def names_in(subject: Subject | None, title: str) -> set[str]:
    """Return the names that begin the entries of a section."""
    entries = section(subject.doc, title) if subject else []
    return {name.strip(" *`") for head, _ in entries for name in head.split(",")}


def errors_in(subject: Subject | None) -> set[str]:
    """Return the errors that a section names, and those of a sentence with "raise ``...``"."""
    told = re.findall(r"\braises? ``(\w+Error)``", subject.doc, re.IGNORECASE) if subject else []
    return names_in(subject, "Raises") | set(told)


def words_in_code(text: str) -> set[str]:
    """Return the words between double backticks and at the head of the entries of Args."""
    prose = re.sub(r"^(>>>|\.\.\.).*", "", text, flags=re.MULTILINE)
    spans = re.findall(r"``(.+?)``", prose, re.DOTALL) + [head for head, _ in section(text, "Args")]
    return set(re.findall(r"\w+", " ".join(spans)))


def examples(text: str) -> list[str]:
    return re.findall(r"^(?:>>>|\.\.\.) (.*)", text, re.MULTILINE)


# -- reading code ------------------------------------------------------------------------------------------------------


def constructors(target: Any) -> list[Any]:
    """Return the functions, written in Python, that are called to make an object of a class, or a function itself."""
    found = [target.__new__, target.__init__] if inspect.isclass(target) else [target]
    return [each for each in map(inspect.unwrap, found) if hasattr(each, "__code__")]


def parameters(subject: Subject) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for each in constructors(subject.body):
        found.update(inspect.signature(each).parameters)
    return {name: each for name, each in found.items() if name not in ("cls", "_cls")}


@functools.cache
def source(function: Any) -> ast.AST:
    is_generated = function.__code__.co_filename.startswith("<")  # as the constructor of a named tuple
    return ast.parse("" if is_generated else textwrap.dedent(inspect.getsource(function)))


def raised_by(subject: Subject) -> Iterator[Any]:
    """Yield the classes of errors, or the functions that make them, that an object and the checks of its file raise.

    A check is a function of the same file that it calls by name. That an argument of the wrong type raises a TypeError
    goes for all of them, so of a check it need not be told.
    """
    for function in constructors(subject.body):
        yield from raised_in(function)
        for check in checks_of(function):
            yield from (each for each in raised_in(check) if not is_wrong_type(each))


def raised_in(function: Any) -> Iterator[Any]:
    for node in ast.walk(source(function)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            found = function.__globals__.get(name, getattr(builtins, name, None))
            if callable(found) and found is not NotImplementedError:  # a method that subclasses define
                yield found


def checks_of(function: Any) -> Iterator[Any]:
    """Yield the functions of the same file that a function calls, or that prepare its arguments, and are not public."""
    named = [function.__globals__.get(name) for name in names_called(function)]
    found = [inspect.unwrap(each) for each in named if callable(each)]
    public = {id(subject.body) for subject in PUBLIC.values()}
    for each in found:
        if inspect.isfunction(each) and each.__module__ == function.__module__ and id(each) not in public:
            yield each


def names_called(function: Any) -> set[str]:
    """Return the names that a function calls, and what a decorator has as ``prepare=``."""
    nodes = list(ast.walk(source(function)))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    prepared = [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "prepare"]
    return {each.id for each in (*called, *prepared) if isinstance(each, ast.Name)}


def is_wrong_type(error: Any) -> bool:
    """Tell whether an error says only that an argument is of the wrong type, or is made by a function."""
    return not inspect.isclass(error) or (issubclass(error, TypeError) and not issubclass(error, RuntimeError))


def built_in(error: type) -> set[str]:
    """Return the names of Python's exceptions, and of those in OWN_ERRORS, that an error is."""
    known = {each.__name__ for each in error.__mro__ if each.__module__ == "builtins"}
    own = {name for name, each in OWN_ERRORS.items() if issubclass(error, each)}
    return (known | own) - {"Exception", "BaseException", "object"}


def is_default(text: str, default: Any, arguments: dict[str, Any]) -> bool:
    """Tell whether a text names a default: a literal, a function, or an argument whose value None stands for."""
    if text in arguments:
        return default is None
    if isinstance(default, enum.Enum):
        return text == str(default)
    if callable(default):
        return text.rpartition(".")[2] == default.__name__
    return text == repr(default).replace("'", '"') or is_equal_number(text, default)


def is_equal_number(text: str, default: Any) -> bool:
    """Tell whether a text writes a number of the default's type in another form, such as 1e-5 for 0.00001."""
    is_number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", text) is not None
    return is_number and isinstance(default, float) and float(text) == default


# -- the law -----------------------------------------------------------------------------------------------------------


def faults_of_first_line(subject: Subject) -> Iterator[str]:
    first, _, rest = subject.doc.partition("\n")
    if not re.fullmatch(r"[A-Z].*\.", first):
        yield f"starts with {first!r}, not with a sentence of one line"
    if rest and not rest.startswith("\n"):
        yield "the first line is not set off by an empty one"
    if first.startswith("Whether") and not isinstance(subject.target, property):
        yield "a function does something: write 'Return whether'"
    if twin(subject) and not re.search(r"\bin place\b|^Replace ``", first):
        yield f"does not say that it works in place: {first!r}"


def faults_of_alias(subject: Subject) -> Iterator[str]:
    """Hold what is called an alias against the code: it must call its model."""
    if re.search(r"\balias of\b", subject.doc.partition("\n")[0], re.IGNORECASE):
        model = alias(subject)
        names = {node.id for node in ast.walk(source(subject.body)) if isinstance(node, ast.Name)}
        cells = [each.cell_contents for each in subject.body.__closure__ or ()]
        if model is None or model is subject or not (names & model.names or model.target in cells):
            yield "is not an alias of what it says"


def faults_of_example(subject: Subject) -> Iterator[str]:
    """A version in place and an alias may leave the example to their model."""
    model = alias(subject) or twin(subject)
    lines = examples(subject.doc) + (examples(model.doc) if model else [])
    names = subject.names | (model.names if model else set())
    if not any(re.search(rf"\b{name}\b", line) for name in names for line in lines):
        yield "has no example that names it"


def faults_of_arguments(subject: Subject) -> Iterator[str]:
    """Every argument is named in code style or in Args, here or in the docstring that this one refers to."""
    given = parameters(subject)
    documented = names_in(subject, "Args")
    if takes_anything(given) and documented:
        return  # what the keywords are called, the signature does not say
    if documented - set(given):
        yield f"has no arguments {sorted(documented - set(given))}"
    if alias(subject):
        return
    sources = [each for each in (subject, twin(subject), reference(subject), overridden(subject)) if each]
    own = [name for name in given if name not in COMMON and not name.startswith("_")]
    missing = [name for name in own if not any(name in words_in_code(each.doc) for each in sources)]
    if missing:
        yield f"does not explain {missing}"
    documented = documented.union(*(names_in(each, "Args") for each in sources))
    if reference(subject):  # it explains most, and this docstring the rest
        documented |= words_in_code(subject.doc)
    if len(own) > MANY and set(own) - documented:
        yield f"Args leaves out {[name for name in own if name not in documented]} of {len(own)}"


def takes_anything(given: dict[str, inspect.Parameter]) -> bool:
    kinds = {each.kind for name, each in given.items() if name != "self"}
    return kinds == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def faults_of_defaults(subject: Subject) -> Iterator[str]:
    given = parameters(subject)
    for head, text in section(subject.doc, "Args"):
        stated = re.search(r"Default: ``(.*?)``", text)
        for argument in re.findall(r"\w+", head) if stated else ():
            if argument in given and not is_default(stated[1], given[argument].default, given):  # type: ignore[index]
                yield f"the default of {argument} is {given[argument].default!r}"


def faults_of_errors(subject: Subject) -> Iterator[str]:
    """What the source itself raises is documented, by the names of built-in exceptions."""
    for name in errors_in(subject):
        found = OWN_ERRORS.get(name, getattr(builtins, name, None))
        if not (inspect.isclass(found) and issubclass(found, Exception)):
            yield f"there is no built-in exception {name}"
    models = (alias(subject), twin(subject), reference(subject))
    documented = errors_in(subject).union(*map(errors_in, models))
    for _, text in section(subject.doc, "Raises"):
        if not re.match(r"(If|Unless|When|In|On|For|The same)\b", text):
            yield f"does not say when it raises: {text!r}"
    for error in raised_by(subject):
        if not documented:
            yield f"raises {error.__name__}, and has no section Raises"
        elif inspect.isclass(error) and built_in(error) and not built_in(error) & documented:
            yield f"raises {sorted(built_in(error))}, and documents {sorted(documented)}"


def faults_of_shapes(subject: Subject) -> Iterator[str]:
    prose = re.sub(r"^(>>>|\.\.\.).*|``.*?``", "", subject.doc, flags=re.MULTILINE)
    is_told = twin(subject) or alias(subject) or re.search(SHAPE, prose) or ELEMENTWISE in subject.doc
    if subject.rooms & SHAPED and not is_told:
        yield f"names no shape such as (N, C, H, W), and does not work {ELEMENTWISE}"


def faults_of_order(subject: Subject) -> Iterator[str]:
    lines = subject.doc.split("\n")
    titles = [line[:-1] for line in lines if line.endswith(":") and line[:-1] in SECTIONS]
    if titles != sorted(titles, key=SECTIONS.index):
        yield f"the sections come in the order {titles}"
    after = subject.doc.partition("\n>>>")[2]
    if any(f"\n{title}:\n" in after for title in SECTIONS):
        yield "has a section after the example"


PARTS = (
    faults_of_first_line, faults_of_alias, faults_of_example, faults_of_arguments, faults_of_defaults,
    faults_of_errors, faults_of_shapes, faults_of_order,
)  # fmt: skip


@pytest.mark.parametrize("path", PUBLIC)
def test_a_docstring_has_all_its_parts(path: str) -> None:
    found = [fault for part in PARTS for fault in part(PUBLIC[path])]
    assert not found, f"{path}: " + "; ".join(found)


def methods() -> Iterator[tuple[str, Subject]]:
    """Yield the methods and properties that public classes define; those of tensors are in PUBLIC."""
    for path, subject in PUBLIC.items():
        for name, value in vars(subject.target).items() if inspect.isclass(subject.target) else ():
            body = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
            if not name.startswith("_") and path != "minitensor.Tensor" and (
                isinstance(body, property) or inspect.isfunction(body)
            ):
                yield f"{path}.{name}", Subject(path, name, frozenset((name,)), frozenset((path,)), body)


METHODS = dict(methods())


@pytest.mark.parametrize("path", METHODS)
def test_a_method_of_a_class_has_a_docstring(path: str) -> None:
    parts = (faults_of_first_line, faults_of_arguments, faults_of_defaults, faults_of_errors, faults_of_order)
    found = [fault for part in parts for fault in part(METHODS[path])]
    assert not found, f"{path}: " + "; ".join(found)


# What else than the input a function that works element by element wants.
OPERANDS = {"threshold": (0.5, 1.0), "prelu": (minitensor.tensor([0.25]),)}
SAYS_ELEMENTWISE = [
    path for path, subject in PUBLIC.items() if subject.rooms & SHAPED and ELEMENTWISE in subject.doc
]


@pytest.mark.parametrize("path", SAYS_ELEMENTWISE)
def test_what_works_element_by_element_does(path: str) -> None:
    function, rest = PUBLIC[path].target, OPERANDS.get(PUBLIC[path].name, ())
    x = minitensor.linspace(-2, 2, 6).view(2, 3)
    one_by_one = [function(each.clone(), *rest) for each in x.view(-1)]
    assert function(x.clone(), *rest).view(-1).tolist() == pytest.approx([each.item() for each in one_by_one])


# -- the law is whole --------------------------------------------------------------------------------------------------


def modules_with_public_names() -> Iterator[str]:
    for _, name, _ in pkgutil.walk_packages(minitensor.__path__, "minitensor."):
        needs_a_gpu = name.startswith("minitensor.backends.cupy.")
        if not needs_a_gpu and "__all__" in vars(importlib.import_module(name)):
            yield name


def test_every_module_with_public_names_is_a_room() -> None:
    elsewhere = tuple(ELSEWHERE)
    strangers = [
        name for name in modules_with_public_names()
        if name not in ROOMS and not (name in elsewhere or name.startswith(CHAPTERS))
    ]
    assert not strangers, f"neither in ROOMS nor in ELSEWHERE: {strangers}"


def subject_of(function: Any) -> Subject:
    name = function.__name__
    return Subject("minitensor.linalg", name, frozenset((name,)), frozenset(("minitensor.linalg",)), function)


def poor(input: Any, factor: float = 2.0, *, a: int = 0, b: int = 0, c: int = 0) -> None:
    """scale a tensor

    Args:
        d: Not there.

    >>> 1
    1

    Raises:
        NoSuchError: Never.
    """
    raise ValueError


def wrong_default(input: Any, factor: float = 2.0) -> None:
    """Scale a tensor.

    Args:
        factor: The factor. Default: ``1.0``.
    """


def false_alias(input: Any) -> Any:
    """Alias of ``exp``."""
    return input


@pytest.mark.parametrize("part", [part for part in PARTS if part not in (faults_of_alias, faults_of_defaults)])
def test_each_part_of_the_law_finds_its_fault(part: Callable[[Subject], Iterator[str]]) -> None:
    assert list(part(subject_of(poor)))


def test_the_law_finds_a_wrong_default() -> None:
    assert list(faults_of_defaults(subject_of(wrong_default))) == ["the default of factor is 2.0"]


def test_the_law_finds_a_false_alias() -> None:
    assert list(faults_of_alias(subject_of(false_alias)))
