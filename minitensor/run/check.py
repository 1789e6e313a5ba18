"""List the names of PyTorch that programs use: which are here, which differ, and which are missing. Nothing is run.

``reading.py`` finds the names in the source; this file looks them up and prints them. Methods of tensors and of other
objects are not looked up, because the source does not say whose they are.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from minitensor.compat import reasons
from minitensor.run import alias, differences
from minitensor.run.reading import Use, uses_in

HERE, DIFFERS, LACKS, OPTIONAL = "has", "differs", "lacks", "does without"

MISSING = object()
PRIVATE = "it is private to PyTorch"
UNKNOWN = "neither a name here nor a known one of PyTorch"

CELL = 1_000_000  # the lines of the n-th cell of a notebook are numbered from n times this


class Finding(NamedTuple):
    """A name, what is known about it, and the places in one file that use it."""

    path: str
    verdict: str
    note: str
    places: list[str]


def check_paths(paths: list[str]) -> int:
    """Print what files and folders use. Return 0 if nothing is missing, 1 if a name is, 2 if a file cannot be read."""
    files = [file for path in paths for file in sources(Path(path))]
    names: dict[str, set[str]] = {verdict: set() for verdict in (HERE, DIFFERS, LACKS, OPTIONAL)}
    unreadable = 0
    for file in files:
        try:
            uses = list(uses_of(file))
        except (OSError, SyntaxError, ValueError) as error:
            unreadable += 1
            print(f"{file}: cannot be read: {error}")
            continue
        for finding in findings(uses):
            names[finding.verdict].add(finding.path)
            print(text_of(file, finding))
    print(summary(len(files), names, unreadable))
    return 2 if unreadable or not files else int(bool(names[LACKS]))


def sources(path: Path) -> Iterator[Path]:
    """Yield a file itself, or the programs and notebooks in a folder, without hidden folders."""
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path).parts
        if file.suffix in (".py", ".ipynb") and not any(part.startswith((".", "__pycache__")) for part in inner):
            yield file


def uses_of(file: Path) -> Iterator[Use]:
    source = file.read_bytes()
    return uses_in(notebook(source) if file.suffix == ".ipynb" else ast.parse(source, str(file)))


def notebook(source: bytes) -> ast.Module:
    """Return all code of a notebook as one program, whose line numbers tell the cells apart."""
    program = ast.Module(body=[], type_ignores=[])
    for number, cell in enumerate(json.loads(source).get("cells", ()), 1):
        if cell.get("cell_type") == "code":
            tree = parse_cell("".join(cell.get("source", "")))
            program.body += ast.increment_lineno(tree, number * CELL).body
    return program


def parse_cell(cell: str) -> ast.Module:
    try:
        return ast.parse(cell)
    except SyntaxError:
        return ast.parse(python_of(cell))


def python_of(cell: str) -> str:
    """Return a cell without the lines for IPython and the shell, which keep their numbers. ``%%time`` is one line."""
    if cell.startswith("%%") and cell[2:].split(None, 1)[0] not in ("time", "timeit", "capture", "prun"):
        return ""  # a cell in another language
    return "\n".join(blank(line) for line in cell.split("\n"))


def blank(line: str) -> str:
    """Replace a line for IPython by ``pass``, which is right in an empty block too."""
    inner = line.lstrip()
    is_ipython = re.match(r"[%!?]|[\w, ]+ = *[%!]", inner) or inner.rstrip().endswith("?")
    return line[: len(line) - len(inner)] + "pass" if is_ipython else line


def findings(uses: Iterable[Use]) -> list[Finding]:
    """Look up each name once, and collect its places."""
    found: dict[tuple[str, str], Finding] = {}
    for use in uses:
        verdict, note = judge(use.path)
        is_unknown = verdict == LACKS and note == UNKNOWN
        if (verdict == HERE and use.path.endswith("=)")) or (is_unknown and not use.is_certain):
            continue  # an ordinary keyword; a name that another module may have bound
        if verdict == LACKS and use.is_guarded:
            verdict = OPTIONAL
        finding = found.setdefault((use.path, verdict), Finding(use.path, verdict, note, []))
        finding.places.append(place(use.line))
    return list(found.values())


def place(line: int) -> str:
    cell, line = divmod(line, CELL)
    return f"cell {cell} line {line}" if cell else str(line)


def text_of(file: Path, finding: Finding) -> str:
    places = ", ".join(dict.fromkeys(finding.places))
    return f"{file}:{places}: {finding.verdict} {finding.path}" + (f": {finding.note}" if finding.note else "")


def summary(files: int, names: dict[str, set[str]], unreadable: int) -> str:
    here, differ, lack, optional = (len(names[verdict]) for verdict in (HERE, DIFFERS, LACKS, OPTIONAL))
    text = f"{files} files; names of PyTorch: {here} here, {differ} here with a difference, {lack} missing"
    if optional:
        text += f", {optional} missing in code that expects it"
    if unreadable:
        text += f"; {unreadable} files cannot be read"
    return f"{text}\nMethods of tensors, modules and other objects are not checked."


@functools.cache
def judge(path: str) -> tuple[str, str]:
    """Return whether a name is here, and the note about it."""
    difference = differences.find(path[path.find("(") + 1 : -1] if path.endswith(")") else path)
    if difference:
        return DIFFERS, difference.line
    if path.endswith(")"):  # a keyword without a difference
        return HERE, ""
    missing = find_missing_part(path)
    if missing is None:
        return HERE, ""
    absence = reasons.find(missing)
    return LACKS, absence.reason if absence else PRIVATE if "._" in missing else UNKNOWN


def find_missing_part(path: str) -> str | None:
    """Return the first part of a path that is not here, or None. Attributes of objects are taken to be there."""
    root, *parts = path.split(".")
    if root not in alias.ROOTS:
        return root
    value: Any = importlib.import_module(alias.ROOTS[root])
    name = root
    for part in parts:
        if not (isinstance(value, ModuleType) or inspect.isclass(value)):
            return None
        name = f"{name}.{part}"
        value = member(value, part, name)
        if value is MISSING:
            return name
    return None


def member(owner: Any, part: str, path: str) -> Any:
    """Return an attribute, or the module at a path, or MISSING."""
    found = getattr(owner, part, MISSING)
    if isinstance(found, ModuleType) or (found is MISSING and isinstance(owner, ModuleType)):
        own = alias.locate(path)
        return importlib.import_module(own) if own else MISSING
    return found
