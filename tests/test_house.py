"""The import rules: which module may import which, and what an import loads.

The checker parses sources with ``ast`` and does not run them. Its rules are also tested on small made-up packages, each
with one fault that must be found, so that finding no fault in the real package means something.
"""

from __future__ import annotations

import ast
import builtins
import configparser
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A room is a module or package directly under minitensor. It may import from lower floors and from rooms listed before
# it on its own floor; within a package, imports are free but must not form a cycle.
FLOORS = (
    "errors shapes layouts indexing memory_format callers copies compat forks",
    "dtypes scalars backends device",
    "contents storage stream printing base generator sampling rejection",
    "autograd profiler",
    "ops",
    "tensor",
    "overrides amp cpu cuda accelerator fft linalg random quasirandom special signal sparse utils nn "
    "distributions masked monitor jit optim serialization func _C vision library testing paths run multiprocessing",
    "__init__ __main__",
)
HEIGHT = {room: (floor, place) for floor, rooms in enumerate(FLOORS) for place, room in enumerate(rooms.split())}

# Modules that work with host arrays. All others use `input.xp`.
NUMPY = {
    "minitensor.backends": "the place that knows NumPy from CuPy",
    "minitensor.dtypes": "a dtype wraps NumPy's",
    "minitensor.scalars": "numbers become 0-d arrays",
    "minitensor.stream": "random bits are drawn on the host",
    "minitensor.generator": "a state is an array of bytes",
    "minitensor.sampling": "random numbers are made of them on the host",
    "minitensor.rejection": "random numbers are made of them on the host",
    "minitensor.printing": "text is made from a host copy",
    "minitensor.ops.exchange": "other libraries hold host arrays",
    "minitensor.ops.draws": "random numbers are drawn on the host",
    "minitensor.ops.creation": "tensors are born from host arrays",
    "minitensor.ops.nested": "lists become host arrays",
    "minitensor.serialization": "files hold host arrays",
    "minitensor.vision": "pictures are read as host arrays",
    "minitensor.quasirandom": "points are counted on the host",
    "minitensor.utils.data": "collating reads host arrays",
    "minitensor.utils.tensorboard": "pictures and counts are made from host arrays",
}

# Optional libraries and the packages that may load them, only inside a function (the CuPy table is itself loaded
# lazily).
OPTIONAL = {
    "cupy": "minitensor.backends",
    "cupyx": "minitensor.backends",
    "scipy": "minitensor.backends",
    "sklearn": "minitensor.vision",
    "safetensors": "minitensor.serialization",
    "hypothesis": "minitensor.testing",
    "tqdm": "minitensor.compat",
    "tensorboard": "minitensor.utils.tensorboard",
    "google": "minitensor.utils.tensorboard",
    "onnx": "minitensor.utils.tensorboard",
    "PIL": "minitensor.vision minitensor.utils.tensorboard",
    "pynvml": "minitensor.cuda",
    "numba": "minitensor.backends.fast",
    "llvmlite": "minitensor.backends.fast",
}
OPTIONAL_AT_TOP = (
    "minitensor.backends.cupy", "minitensor.backends.fast.machine", "minitensor.backends.fast.product",
    "minitensor.backends.fast.rounding", "minitensor.testing.strategies",
)

# Modules that may import others by a name in a string.
BY_NAME = {
    "minitensor.backends.cupy": "a device's backend is loaded when it is first asked for",
    "minitensor.backends.fast.table": "compiled kernels are loaded when they are first called",
    "minitensor.compat.hub": "hubconf.py of a local repository is found by its path",
    "minitensor.run": "programs import these modules under the name of torch",
}

# Modules whose list of names another module takes whole.
LISTS = ("minitensor.nn.modules", "minitensor.paths.foreach")

# The module that may execute code that it has not written.
EXECUTES = "minitensor.run.program"

# Names from a higher floor that an annotation may use.
TYPES_FROM_ABOVE = {
    "minitensor.tensor.Tensor": "the class that users meet",
    "minitensor.autograd.node.Node": "a tensor is a place in the graph",
}

# Python's exceptions, and that of ``pickle``, which is not a built-in name.
BUILTIN_EXCEPTIONS = frozenset(
    [name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)]
    + ["UnpicklingError"]
)

# Exceptions that are no errors, and what they are. They stand beside the code that catches them.
SIGNALS = {
    "minitensor.utils.checkpoint.StopRecomputation": "it ends a second run, as StopIteration ends a loop",
    "minitensor.jit.TracerWarning": "a class of warnings, for filters",
}


class Import(NamedTuple):
    line: int
    target: str  # the module, if the tree has it
    name: str  # the module and the imported name
    nested: bool
    for_types: bool


def walk(tree: ast.AST, nested: bool = False, for_types: bool = False) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Yield each node with two facts: whether it is inside a function, and whether under ``if TYPE_CHECKING:``."""
    for child in ast.iter_child_nodes(tree):
        inside = nested or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield child, inside, for_types
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield statement, inside, True
                yield from walk(statement, inside, True)
            for statement in child.orelse:
                yield statement, inside, for_types
                yield from walk(statement, inside, for_types)
        else:
            yield from walk(child, inside, for_types)


def imports_of(tree: ast.AST, modules: frozenset[str]) -> Iterator[Import]:
    for node, nested, for_types in walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            target = name if name in modules or isinstance(node, ast.Import) else name.rpartition(".")[0]
            yield Import(node.lineno, target, name, nested, for_types)


def room_of(module: str) -> str:
    return (module.split(".") + ["__init__"])[1]


def lies_in(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def import_faults(module: str, found: Import) -> Iterator[str]:
    top = found.target.split(".")[0]
    if found.name.endswith(".*") and found.target not in LISTS:
        yield f"import * from {found.target}: name what is wanted"
    if found.name.startswith("."):
        yield f"relative import of {found.name}: write it from the root"
    elif top == "minitensor":
        if found.nested:
            yield f"imports {found.name} inside a function: import it at the top"
        yield from height_faults(module, found)
    elif top in OPTIONAL:
        places = OPTIONAL.get(found.target, OPTIONAL[top])
        if not any(lies_in(module, place) for place in places.split()):
            yield f"imports {top}, which only {places} may"
        elif not (found.nested or found.for_types or any(lies_in(module, lazy) for lazy in OPTIONAL_AT_TOP)):
            yield f"imports {top} at the top: it is optional, load it where it is used"
    elif top == "numpy":
        if not (found.for_types or any(lies_in(module, place) for place in NUMPY)):
            yield "imports numpy: say `input.xp`, or give NUMPY in this test a reason"
        if found.nested:
            yield "imports numpy inside a function: import it at the top"
    elif top not in sys.stdlib_module_names:
        yield f"imports {top}: neither the standard library, nor numpy, nor in OPTIONAL of this test"
    elif found.nested:
        yield f"imports {found.name} inside a function: import it at the top"
    elif top == "importlib" and not any(lies_in(module, place) for place in BY_NAME):
        yield "imports importlib: loading by a name hides an import from this test"


def height_faults(module: str, found: Import) -> Iterator[str]:
    here, there = room_of(module), room_of(found.target)
    if here == there and here != "__init__":
        return
    if here not in HEIGHT or there not in HEIGHT:
        if there not in HEIGHT:
            yield f"imports {found.target}, which has no floor: add {there!r} to FLOORS in this test"
    elif HEIGHT[here] <= HEIGHT[there] and not (found.for_types and found.name in TYPES_FROM_ABOVE):
        (floor, _), (upper, _) = HEIGHT[here], HEIGHT[there]
        where = "on the same floor but later than" if floor == upper else "above"
        yield f"imports {found.name}: {there} (floor {upper}) stands {where} {here} (floor {floor})"


def hand_faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find hidden effects: a class modified from outside, names made at run time."""
    at_birth = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__init_subclass__"
        for inner in ast.walk(node)
    }
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)} | {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name[0].isupper() and not alias.name.isupper()
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "setattr" and node not in at_birth and ast.unparse(node.args[0]) in classes | {"cls"}:
                yield node.lineno, f"setattr on the class {ast.unparse(node.args[0])}: write the line in its body"
            if node.func.id in ("globals", "__import__", "exec", "eval"):
                yield node.lineno, f"{node.func.id}(): names are written down, not made"
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and node not in at_birth:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) in classes:
                    yield node.lineno, f"sets {ast.unparse(target)} from outside the class: write the line in its body"


def base_names(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).rpartition(".")[2] for base in node.bases}


def exceptions_of(house: dict[str, ast.Module]) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield every class that derives from Exception, with its module; classes of the same name count as one."""
    classes = [
        (module, node) for module, tree in house.items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    known, before = set(BUILTIN_EXCEPTIONS), 0
    while len(known) > before:
        before = len(known)
        known |= {node.name for _, node in classes if base_names(node) & known}
    return ((module, node) for module, node in classes if base_names(node) & known)


def error_faults(house: dict[str, ast.Module]) -> Iterator[str]:
    for module, node in exceptions_of(house):
        if f"{module}.{node.name}" in SIGNALS:
            continue
        if module != "minitensor.errors":
            yield f"{module}:{node.lineno}: {node.name} is an exception: define it in minitensor/errors.py"
        if not node.name.endswith("Error"):
            yield f"{module}:{node.lineno}: {node.name} is an exception: end its name in Error"


ROOMS_OF_OPERATIONS = ("minitensor.ops", "minitensor.nn.functional")
DECORATORS = frozenset(
    "differentiable nondifferentiable view views look writes inplace visible random_operation".split()
)


def door_faults(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find operations beside a function of the same name without underscores, which users call in their place."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    public = {node.name for node in functions if not node.name.startswith("_")}
    if not any(lies_in(module, room) for room in ROOMS_OF_OPERATIONS):
        return
    for node in functions:
        beside = public & {node.name[1:], node.name.strip("_")}
        if node.name.startswith("_") and beside and any(map(makes_an_operation, node.decorator_list)):
            yield node.lineno, f"{node.name} stands beside {min(beside)}: decorate what users call"


def makes_an_operation(decorator: ast.expr) -> bool:
    """Whether a decorator is one of those that make an operation of a function."""
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(name).rpartition(".")[2] in DECORATORS


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, or an empty list."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            for target in sorted(graph.get(module, ())):
                if found := visit(target, [*path, module]):
                    return found
            done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := visit(module, []))), [])


def faults(house: dict[str, str]) -> list[str]:
    """Return every fault of a package: ``{module name: source}``."""
    modules = frozenset(house)
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for module, source in sorted(house.items()):
        tree = ast.parse(source)
        if room_of(module) not in HEIGHT:
            found.append(f"{module}: has no floor: add {room_of(module)!r} to FLOORS in this test")
        imports = list(imports_of(tree, modules))
        found += [f"{module}:{each.line}: {fault}" for each in imports for fault in import_faults(module, each)]
        hands = [fault for fault in hand_faults(tree) if module != EXECUTES or not fault[1].startswith("exec()")]
        found += [f"{module}:{line}: {fault}" for line, fault in (*hands, *door_faults(module, tree))]
        graph[module] = {each.target for each in imports if not each.for_types and each.target in modules}
    found += error_faults({module: ast.parse(source) for module, source in house.items()})
    if ring := circle(graph):
        found.append("imports go round in a circle: " + " -> ".join(ring))
    return found


def real_files() -> Iterator[tuple[str, Path]]:
    """Yield each module's name (a package's with ``.__init__``) and its file."""
    for package, folder in {"minitensor": "minitensor", "minitensor.nn": "nn", "minitensor.optim": "optim"}.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            if package != "minitensor" or inner[0] not in ("nn", "optim"):  # the links
                yield ".".join((package, *inner)), path


def real_house() -> dict[str, str]:
    return {name.removesuffix(".__init__"): path.read_text(encoding="utf-8") for name, path in real_files()}


def real_packages() -> set[str]:
    return {name.rpartition(".")[0] for name, _ in real_files()}


# -- the real package --------------------------------------------------------------------------------------------------


def test_the_house_has_no_faults() -> None:
    found = faults(real_house())
    assert not found, f"{len(found)} faults\n" + "\n".join(found)


def test_the_metadata_lists_every_package() -> None:
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = metadata["options"]["packages"].split()
    packages = sorted(real_packages())
    assert listed == packages, "setup.cfg, [options] packages: must be\n" + "\n".join(packages)


def test_every_package_has_an_init() -> None:
    assert not real_packages() - real_house().keys(), "a folder with modules has no __init__.py"


def fresh(program: str, **variables: str) -> str:
    """Run a program in a new interpreter and return what it prints."""
    command, environment = [sys.executable, "-c", program], {**os.environ, **variables}
    return subprocess.check_output(command, cwd=ROOT, env=environment, text=True, timeout=60)


def test_importing_the_library_loads_nothing_optional() -> None:
    optional = "cupy tensorboard matplotlib tqdm safetensors sklearn scipy pandas PIL torch hypothesis pytest".split()
    loaded = fresh("import sys, minitensor; print(*sorted({name.split('.')[0] for name in sys.modules}))").split()
    assert not set(optional) & set(loaded)


# -- made-up packages: each fault is found, and nothing else is reported -----------------------------------------------

TENSOR = {"minitensor.tensor": "class Tensor: ...", "minitensor.ops.arithmetic": "def exp(): ..."}

FAULTS = {
    "above": ({**TENSOR, "minitensor.layouts": "from minitensor.ops import arithmetic"}, "stands above layouts"),
    "above, within a function": (
        {**TENSOR, "minitensor.ops.shape": "def f():\n    from minitensor.tensor import Tensor"},
        "stands above ops",
    ),
    "a function's import of a floor below": (
        {**TENSOR, "minitensor.tensor": "def f():\n    import minitensor.ops.arithmetic"},
        "inside a function",
    ),
    "later on the same floor": (
        {"minitensor.storage": "from minitensor.base import wrap", "minitensor.base": ""},
        "same floor but later",
    ),
    "the shop window": ({"minitensor": "", "minitensor.nn.linear": "from minitensor import Tensor"}, "stands above nn"),
    "a type from above": (
        {"minitensor.base": "if TYPE_CHECKING:\n    from minitensor.ops.arithmetic import exp", **TENSOR},
        "stands above base",
    ),
    "Tensor, not for types": ({**TENSOR, "minitensor.ops.a": "from minitensor.tensor import Tensor"}, "stands above"),
    "the other branch of TYPE_CHECKING": (
        {**TENSOR, "minitensor.ops.join": "if TYPE_CHECKING: pass\nelse:\n    from minitensor.tensor import Tensor"},
        "stands above",
    ),
    "no floor": ({"minitensor.attic": ""}, "minitensor.attic: has no floor"),
    "circle": (
        {"minitensor.ops.a": "from minitensor.ops.b import f", "minitensor.ops.b": "import minitensor.ops.a"},
        "circle: minitensor.ops.a -> minitensor.ops.b -> minitensor.ops.a",
    ),
    "relative": ({"minitensor.ops.a": "from .b import f", "minitensor.ops.b": ""}, "relative import"),
    "star": ({"minitensor.ops.a": "from minitensor.layouts import *", "minitensor.layouts": ""}, "import *"),
    "numpy": ({"minitensor.ops.a": "import numpy as np"}, "imports numpy"),
    "numpy, nested": ({"minitensor.ops.a": "def f():\n    from numpy import exp"}, "imports numpy"),
    "cupy": ({"minitensor.ops.a": "def f():\n    import cupy"}, "only minitensor.backends may"),
    "cupy at the top": ({"minitensor.backends": "import cupy"}, "cupy at the top"),
    "scipy": ({"minitensor.ops.a": "from scipy.special import erf"}, "imports scipy"),
    "by name": ({"minitensor.ops.a": "from importlib import import_module"}, "importlib"),
    "__import__": ({"minitensor.ops.a": "numpy = __import__('numpy')"}, "__import__()"),
    "setattr": ({"minitensor.tensor": "class Tensor: ...\nsetattr(Tensor, 'exp', 1)"}, "setattr on the class Tensor"),
    "a class of another file": (
        {**TENSOR, "minitensor.serialization": "from minitensor.tensor import Tensor\nTensor.one = 1"},
        "sets Tensor.one from outside",
    ),
    "globals": ({"minitensor.tensor": "globals()['a'] = 1"}, "globals()"),
    "an error beside its op": (
        {"minitensor.ops.a": "class ModeError(ValueError): ..."}, "ModeError is an exception: define it in"
    ),
    "an error of two files": (
        {
            "minitensor.errors": "class ShapeError(RuntimeError): ...",
            "minitensor.ops.a": "import minitensor.errors\nclass RankError(minitensor.errors.ShapeError): ...",
        },
        "minitensor.ops.a:2: RankError is an exception: define it in",
    ),
    "an error within a function": (
        {"minitensor.ops.a": "def f():\n    class OtherError(pickle.UnpicklingError): ..."},
        "OtherError is an exception",
    ),
    "two doors": (
        {"minitensor.ops.a": "@differentiable(input=f)\ndef _exp(input): ...\n@composite\ndef exp(input): ..."},
        "minitensor.ops.a:2: _exp stands beside exp: decorate what users call",
    ),
    "two doors without a gradient": (
        {"minitensor.ops.a": "def sign(input): ...\n@nondifferentiable\ndef _sign(input): ..."},
        "_sign stands beside sign",
    ),
    "two doors of a write": (
        {"minitensor.nn.functional.a": "@inplace(relu)\ndef _relu_(input): ...\ndef relu_(input): ..."},
        "_relu_ stands beside relu_",
    ),
    "two doors, told apart by an underscore": (
        {"minitensor.ops.linalg.a": "@declare.view()\ndef _t_(input): ...\ndef t(input): ..."},
        "_t_ stands beside t:",
    ),
    "an error that is not named so": (
        {"minitensor.errors": "class NoOrder(TypeError): ..."}, "NoOrder is an exception: end its name in Error"
    ),
}


@pytest.mark.parametrize(("house", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(house: dict[str, str], message: str) -> None:
    found = faults(house)
    assert any(message in fault for fault in found), found


SOUND = {
    "below": {**TENSOR, "minitensor.tensor": "from minitensor.ops import arithmetic"},
    "earlier on the same floor": {"minitensor.base": "import minitensor.storage", "minitensor.storage": ""},
    "a class at its birth": {"minitensor.base": "class B:\n    def __init_subclass__(cls): B.result_class = cls"},
    "within a package": {"minitensor.ops.a": "from minitensor.ops.b import f", "minitensor.ops.b": ""},
    "Tensor for types": {**TENSOR, "minitensor.ops.a": "if TYPE_CHECKING:\n    from minitensor.tensor import Tensor"},
    "the shop window shows all": {"minitensor": "from minitensor import nn", "minitensor.nn": ""},
    "numpy for types": {"minitensor.ops.a": "if typing.TYPE_CHECKING:\n    import numpy"},
    "numpy where arrays are the subject": {"minitensor.backends.numpy.conv": "import numpy as np"},
    "cupy in its own rooms": {"minitensor.backends.cupy.table": "import cupy"},
    "safetensors when a file is read": {"minitensor.serialization": "def f():\n    import safetensors"},
    "an error in its place": {
        "minitensor.errors": "class BaseError(Exception): ...\nclass ModeError(BaseError, ValueError): ...",
        "minitensor.ops.a": "class Mode: ...",
    },
    "an operation and its write": {
        "minitensor.ops.a": "@differentiable()\ndef exp(input): ...\n@inplace(exp)\ndef exp_(input): ...",
    },
    "a memoized function behind a door": {"minitensor.ops.a": "def axes(dim): ...\n@memoize\ndef _axes(dim): ..."},
    "a hidden operation without a door": {"minitensor.ops.a": "@differentiable()\ndef _gather(input): ..."},
    "two doors in another room": {
        "minitensor.func.a": "@visible\ndef _vmap(f): ...\ndef vmap(f): ...",
    },
    "attributes of instances": {"minitensor.base": "class B:\n    def f(self): self.x = 1; setattr(self, 'y', 2)"},
}


@pytest.mark.parametrize("house", SOUND.values(), ids=SOUND)
def test_what_is_allowed_is_let_be(house: dict[str, str]) -> None:
    assert faults(house) == []


def test_every_exception_is_needed() -> None:
    """A permission that is no longer used must be removed from its list."""
    house = real_house()
    modules = frozenset(house)
    used = {(module, found.name) for module in house for found in imports_of(ast.parse(house[module]), modules)}
    for place in NUMPY:
        assert any(lies_in(module, place) and lies_in(name, "numpy") for module, name in used), f"NUMPY: {place}"
    for library, place in [(library, place) for library, places in OPTIONAL.items() for place in places.split()]:
        assert any(lies_in(module, place) and lies_in(name, library) for module, name in used), f"OPTIONAL: {library}"
    for above in TYPES_FROM_ABOVE:
        assert any(name == above for _, name in used), f"TYPES_FROM_ABOVE: {above}"
    trees = {module: ast.parse(source) for module, source in house.items()}
    assert {f"{module}.{node.name}" for module, node in exceptions_of(trees)} >= SIGNALS.keys()


# -- length of files and functions, and names --------------------------------------------------------------------------

LONGEST_FILE, LONGEST_FUNCTION = 600, 60

# Exceptions, with reasons.
LONG_FILES = {"minitensor": "the shop window has a line for each public name"}
LONG_FUNCTIONS = {
    "minitensor.autograd.record.pair": "the hottest recorder: each call that it saves is 60 ns of 1 us",
    "minitensor.autograd.record.call": "its inner function",
    "minitensor.nn.functional.attention.multi_head_attention_forward": "PyTorch's signature has 25 arguments",
}

# File names that say nothing about the content. PyTorch's own paths keep their names.
RAG_BAGS = frozenset(("utils", "util", "misc", "helpers", "helper", "common", "seldom", "binary", "facts", "other"))
PYTORCH_PATHS = frozenset(
    ("minitensor.utils", "minitensor.nn.utils", "minitensor.nn.modules.utils", "minitensor.distributions.utils",
     "minitensor.vision.utils")
)


def functions_of(source: str) -> Iterator[tuple[str, int]]:
    """Yield the name and length (without its docstring) of each function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node, clean=False)
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - (len(text.splitlines()) if text else 0)


def test_no_chapter_is_longer_than_one_sitting() -> None:
    long = {name for name, source in real_house().items() if len(source.splitlines()) > LONGEST_FILE}
    assert long == LONG_FILES.keys()


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{module}.{name}" for module, source in real_house().items() for name, length in functions_of(source)
        if length > LONGEST_FUNCTION
    }
    assert long == LONG_FUNCTIONS.keys()


def test_no_file_is_named_for_what_does_not_fit_elsewhere() -> None:
    assert {name for name in real_house() if name.rpartition(".")[2] in RAG_BAGS} == PYTORCH_PATHS


OPTIONS = frozenset(("name", "prepare", "whole", "options", "returns"))  # of the decorators; not formulas


def test_gradient_formulas_are_named_for_their_operation() -> None:
    """A named formula is ``<op>_grad``, followed by the argument if there are several."""
    misnamed = [
        f"{module}: {keyword.value.id}"
        for module, source in real_house().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and called(node) in ("differentiable", "view", "views", "look", "writes")
        for keyword in node.keywords
        if keyword.arg not in OPTIONS
        and isinstance(keyword.value, ast.Name) and "grad" not in keyword.value.id.split("_")
    ]
    assert not misnamed


def called(node: ast.Call) -> str:
    """Return the last part of the called name."""
    return ast.unparse(node.func).rpartition(".")[2]


# A function is named by a verb, and never by a participle alone, as in `chosen`. Participles that do not end in -ed or
# -ing:
PARTICIPLES = frozenset(
    """
    begun born bound bought brought broken built caught chosen come done drawn driven fallen felt forgotten found
    frozen given gone gotten grown held heard hidden hung kept known laid led left lent lit lost made meant paid
    rebuilt retold seen sent shown shrunk sold sought spoken spent stolen stood struck stuck sung swept sworn
    taken taught thought thrown told torn unbound understood won worn woven written
    """.split()
)
# Words at the end of a name that change nothing about it: `asked_of` is named like `asked`.
PREPOSITIONS = frozenset("at behind by for from here in of off on out over to up with".split())
VERBS_AND_NOUNS = frozenset(
    "bring embed embedding everything nothing padding proceed recording sampling seed spacing".split()
)
# Names of Python, NumPy and PyTorch, and names that read as English where they are used.
OTHER_NAMES = frozenset(
    "__missing__ __reversed__ untyped searchsorted hamming general_hamming "
    "as_strided empty_permuted empty_strided new_empty_strided from_pretrained cached "
    "random_unstructured random_structured l1_unstructured ln_structured global_unstructured "  # of nn.utils.prune
    "broadcast_coalesced reduce_add_coalesced device_memory_used caching_allocator_disabled max_memory_allocated "
    "max_memory_reserved "
    "memory_allocated memory_reserved get_fastpath_enabled set_fastpath_enabled "  # of devices
    "set_anomaly_enabled set_autocast_cache_enabled set_autocast_cpu_enabled set_autocast_enabled "
    "autocast_increment_nesting autocast_decrement_nesting "
    "_check_not_implemented legacy_get_string get_unwrapped "  # of PyTorch's private modules
    "done _in_projection_packed "  # of futures and nn.functional
    "to_string causal_upper_left "  # of nn.attention
    "interpreted_by".split()  # `with interpreted_by(level):`
)


def words_of(name: str) -> list[str]:
    """Return the words of a name, without prepositions at the end."""
    words = name.strip("_").split("_")
    while len(words) > 1 and words[-1] in PREPOSITIONS:
        words.pop()
    return words


def is_participle(name: str) -> bool:
    """Return whether a function's name is a participle, or ends in one; not in a phrase with ``if`` or ``by``."""
    *before, last = words_of(name)
    if name in OTHER_NAMES or last in VERBS_AND_NOUNS or {*before[:1]} & {"is", "are", "has", "can"}:
        return False
    return before[-1:] not in (["if"], ["by"]) and (last.endswith(("ed", "ing")) or last in PARTICIPLES)


def participle_faults(house: dict[str, str]) -> list[str]:
    return [
        f"{module}: {name} is named by a participle: functions are verbs, values nouns, predicates begin with is_"
        for module, source in house.items() for name, _ in functions_of(source) if is_participle(name)
    ]


def test_no_function_is_named_by_a_participle() -> None:
    assert not participle_faults(real_house())


@pytest.mark.parametrize("name", ["chosen", "asked_of", "drawing", "find_hidden", "_kept", "retold", "shown_"])
def test_a_participle_is_found(name: str) -> None:
    assert participle_faults({"minitensor.ops.a": f"class A:\n    def {name}(self): ..."})


@pytest.mark.parametrize("name", ["choose", "is_shown", "raise_if_failed", "sort_by_counting", "embed", "made_up_name"])
def test_a_verb_is_none(name: str) -> None:
    assert not participle_faults({"minitensor.ops.a": f"def {name}(): ..."})


def test_every_excused_name_is_needed() -> None:
    names = {name for source in real_house().values() for name, _ in functions_of(source)}
    assert names >= OTHER_NAMES
    assert {words_of(name)[-1] for name in names} >= VERBS_AND_NOUNS


def test_no_name_has_one_of_the_former_spellings() -> None:
    former = ("_back", "_again", "_gradient")
    verbs = frozenset(("write_back", "put_back", "walk_back", "pull_back"))
    nouns = frozenset(("user_gradient", "without_gradient", "flat_gradient"))  # gradients, not formulas
    found = {name for source in real_house().values() for name, _ in functions_of(source) if name.endswith(former)}
    assert found <= verbs | nouns
