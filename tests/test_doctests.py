"""Every example in a docstring runs and prints what it shows.

Modules are found by walking the package, not by giving pytest file names, so nn/ and optim/ are imported once, under
the names that users write. An example may use the library's public names without importing them.
"""

from __future__ import annotations

import builtins
import doctest
import importlib
import importlib.util
import pkgutil
from types import ModuleType

import pytest

import minitensor

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NEEDS_A_GPU = ("minitensor.backends.cupy.",)
HAS_SCIPY = importlib.util.find_spec("scipy") is not None


def modules_under(package: str) -> set[str]:
    path = importlib.import_module(package).__path__
    inside = {module.name for module in pkgutil.walk_packages(path, package + ".")}
    return {package} | {name for name in inside if not name.startswith(NEEDS_A_GPU)}


# nn and optim are listed by name: without the links inside minitensor/, a walk does not find them.
MODULES = sorted(set.union(*map(modules_under, ("minitensor", "minitensor.nn", "minitensor.optim"))))


def names_in_an_example(module: ModuleType) -> dict[str, object]:
    # Without float, abs and similar names: an example with float("inf") means Python's float.
    public = {name: value for name, value in vars(minitensor).items() if not hasattr(builtins, name)}
    functional = importlib.import_module("minitensor.nn.functional")
    return {**public, "minitensor": minitensor, "F": functional, **vars(module)}


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_show(name: str) -> None:
    module = importlib.import_module(name)
    minitensor.manual_seed(0)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    for example in doctest.DocTestFinder().find(module, name, globs=names_in_an_example(module)):
        if HAS_SCIPY or "needs SciPy" not in (example.docstring or ""):
            runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)


def test_the_walk_finds_modules() -> None:
    assert {"minitensor.tensor", "minitensor.nn.functional", "minitensor.optim"} <= set(MODULES)
