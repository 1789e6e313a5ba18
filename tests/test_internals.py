"""The documentation pages are correct: examples run, symbols and notes exist, and the reading order is short."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt
from tests.test_house import FLOORS, real_house

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "internals").glob("*.md"))
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
SOURCES = sorted([*(ROOT / "minitensor").rglob("*.py"), *(ROOT / "nn").rglob("*.py"), *(ROOT / "optim").rglob("*.py")])
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ROW = re.compile(r"^\| \d+ \| `([\w/.]+)` \| `(\w+)` \| `(\w+)` \|", re.MULTILINE)
SYMBOL = re.compile(r"`(minitensor(?:\.\w+)*)`")
NOTE = re.compile(r"Note\s+\[([^\]]+)\]")


def modules() -> dict[str, Any]:
    names = ["minitensor"]
    optional = ("cupy",) if mt.backends.fast.is_available() else ("cupy", "backends.fast.")
    found = [each.name for each in pkgutil.walk_packages(mt.__path__, "minitensor.")]
    names += [name for name in found if not any(each in name for each in optional)]
    return {name: importlib.import_module(name) for name in names}


def resolves(symbol: str) -> bool:
    """Return whether a dotted path leads from a module to something in it."""
    parts = symbol.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def lines_of(path: str, first: str, last: str) -> int:
    """Return the number of lines from one top-level definition of a file to the end of another."""
    places = {each.name: each for each in ast.parse((ROOT / path).read_text()).body
              if isinstance(each, (ast.FunctionDef, ast.ClassDef))}  # fmt: skip
    begin, end = places[first], places[last].end_lineno
    assert end is not None and begin.lineno <= end, f"{path}: {last} stands before {first}"
    return end - begin.lineno + 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_in_pages_print_what_they_show(page: Path) -> None:
    text = page.read_text()
    example = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_symbol_exists(page: Path) -> None:
    missing = [each for each in SYMBOL.findall(page.read_text()) if not resolves(each)]
    assert not missing


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_file_exists(page: Path) -> None:
    named = re.findall(r"`((?:minitensor|nn|optim|tests|docs|benchmarks)/[\w/.]+)`", page.read_text())
    named += [each for each in re.findall(r"\]\(([\w/.-]+)\)", page.read_text())]
    missing = [each for each in named if not ((ROOT / each).exists() or (page.parent / each).exists())]
    assert not missing


def test_every_note_that_is_cited_is_told() -> None:
    """A note is defined where its title is followed by a period, or heads a comment."""
    source = "\n".join(each.read_text() for each in SOURCES)
    told = {" ".join(each.split()) for each in re.findall(r"(?:^|[\s#])Note\s+\[([^\]]+)\](?:\.|\n)", source)}
    texts = [source, *[page.read_text() for page in TEXTS]]
    cited = {" ".join(each.split()) for text in texts for each in NOTE.findall(text)}
    assert cited - {"..."} <= told


def test_every_room_is_in_the_diagrams() -> None:
    rooms = {name.split(".")[1] for name in modules() if name.count(".") >= 1}
    for page in (ROOT / "README.md", ROOT / "docs" / "internals" / "architecture.md"):
        text = page.read_text()
        assert not [room for room in rooms if not re.search(rf"\b{room}\b", text)], page.name


def differentiate_product(leaf: Any) -> None:
    (leaf * leaf).backward(leaf.data)


def write_through_view(leaf: Any) -> None:
    x = leaf * 1
    y, z = x.t(), x.t()
    y.add_(1)
    assert z.grad_fn is not None


def functions_called_in(story: Callable[[Any], None]) -> set[str]:
    """Return the names of the functions of the graph and of shared memory that a story calls, given a leaf."""
    story(mt.ones(2, 3, requires_grad=True))  # what fills a cache runs once in a process, here or in an earlier test
    leaf = mt.ones(2, 3, requires_grad=True)
    names = set()

    def watch(frame: Any, event: str, argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and (module.startswith("minitensor.autograd.") or module == "minitensor.ops.aliasing"):
            names.add(frame.f_code.co_name)

    sys.setprofile(watch)
    try:
        story(leaf)
    finally:
        sys.setprofile(None)
    return {name for name in names if name[0] != "<"} - {"call"}  # `call` is the closure of a decorator


@pytest.mark.parametrize(
    "story, pages", [(differentiate_product, ("product",)), (write_through_view, ("product", "write-through-a-view"))]
)
def test_a_story_names_every_function_that_runs(story: Callable[[Any], None], pages: tuple[str, ...]) -> None:
    text = "\n".join((ROOT / "docs" / "internals" / f"{page}.md").read_text() for page in pages)
    called = functions_called_in(story)
    assert len(called) > 8
    assert not [name for name in sorted(called) if not re.search(rf"\b{name}\b", text)]


@pytest.mark.parametrize("floor", range(7))
def test_the_diagrams_show_a_floor_in_its_order(floor: int) -> None:
    """A room may import from those to its left. So the order is a fact, as the floor is."""
    rooms = FLOORS[floor].split()
    architecture = (ROOT / "docs" / "internals" / "architecture.md").read_text()
    (row,) = re.findall(rf"^\| {floor} \| (.*?) \|", architecture, re.MULTILINE)
    assert re.findall(r"`minitensor\.(\w+)`", row) == rooms
    (line,) = re.findall(rf"^    {floor}  (.*)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [word for word in re.findall(r"\w+", line) if word in rooms] == rooms


def holds_state(tree: ast.Module) -> bool:
    """Whether a module has a context variable, a counter, a lock, a thread's values, an empty table or a global."""
    makers = ("ContextVar", "count", "Lock", "RLock", "Hooks", "set", "dict", "list", "deque", "defaultdict", "WeakSet")
    assigned = [each for each in tree.body if isinstance(each, (ast.Assign, ast.AnnAssign))]
    values = [each.value for each in assigned if not ast.unparse(each).startswith("__")]  # not `__path__`
    calls = [each.func for each in values if isinstance(each, ast.Call)]
    bases = [base for each in tree.body if isinstance(each, ast.ClassDef) for base in each.bases]
    return (
        any(ast.unparse(call).rpartition(".")[2] in makers for call in calls)
        or any(isinstance(each, (ast.Dict, ast.List)) and ast.unparse(each) in ("{}", "[]") for each in values)
        or any(ast.unparse(base) in ("local", "threading.local") for base in bases)
        or any(isinstance(each, ast.Global) for each in ast.walk(tree))
    )


def test_the_table_of_state_is_complete() -> None:
    table = (ROOT / "docs" / "internals" / "architecture.md").read_text().partition("## Module state")[2]
    stateful = [module for module, source in real_house().items() if holds_state(ast.parse(source))]
    assert len(stateful) > 8
    assert not [module for module in stateful if f"`{module}`" not in table]


def test_the_example_of_an_operation_is_the_source() -> None:
    """The definitions that ``CONTRIBUTING.md`` shows are in the files where it puts them."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
    source = "\n".join((ROOT / path).read_text() for path in (
        "minitensor/ops/special.py", "minitensor/tensor.py", "minitensor/__init__.py", "tests/ops/rows_special.py",
    ))  # fmt: skip
    assert len(blocks) == 5
    assert not [block for block in blocks if block.strip(" ,\n") not in source]


def test_the_reading_order_is_short() -> None:
    rows = ROW.findall((ROOT / "docs" / "internals" / "reading-order.md").read_text())
    assert len(rows) > 10
    assert len({path for path, _, _ in rows}) <= 12
    assert sum(lines_of(*row) for row in rows) <= 2500
