"""Run a script or a module as ``python`` does, with ``torch`` bound to this library.

The program is ``__main__``: its ``sys.argv``, ``sys.path[0]``, ``__file__``, exit code and traceback are those of a
plain run. Python's own functions for this (``runpy``) would replace ``__main__`` again when the program's last line has
run, while its threads and exit functions still need it.
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import NoReturn

from minitensor.compat import reasons
from minitensor.errors import MinitensorError
from minitensor.run.alias import Arguments, as_torch

# The modules whose frames stand above those of the program in a traceback.
ABOVE = ("runpy", "importlib", "importlib.util", "importlib._bootstrap", "importlib._bootstrap_external", __name__)


def run_script(path: str, arguments: list[str]) -> None:
    """Run a file, or a folder or a zip file with a ``__main__.py``, like ``python path arguments``."""
    if pkgutil.get_importer(path) is not None:  # type: ignore[no-untyped-call, unused-ignore]
        return run_folder(path, arguments)
    file = os.path.abspath(path)
    prepare([path, *arguments], os.path.dirname(os.path.realpath(path)))
    with as_main() as main:
        main.__file__, main.__loader__ = file, SourceFileLoader("__main__", file)
        run(compile(read(file), file, "exec", dont_inherit=True), main)


def run_folder(path: str, arguments: list[str]) -> None:
    folder = os.path.abspath(path)
    prepare([path, *arguments], folder)
    with as_main() as main:
        spec = PathFinder.find_spec("__main__", [folder])
        if spec is None:
            leave(f"can't find '__main__' module in {folder!r}")
        run(code_of(spec, main), main)


def run_module(name: str, arguments: list[str]) -> None:
    """Run a module, or the ``__main__`` of a package, like ``python -m name arguments``."""
    prepare(["-m", *arguments])
    with as_main() as main:
        code = code_of(find_program(name), main)
        sys.argv[0] = str(main.__file__)
        run(code, main)


def prepare(arguments: list[str], first_path: str | None = None) -> None:
    """Set the command line and the first folder of the search for modules, and bind ``torch``."""
    sys.argv = Arguments(arguments)
    if first_path is not None and not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[0] = first_path  # in place of the folder in which `python -m minitensor` was called
    as_torch()


@contextmanager
def as_main() -> Iterator[ModuleType]:
    """Give an empty module the name ``__main__``, for good, and hide the frames above it if it raises."""
    above, main = sys.modules["__main__"], ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __spec__=None, __loader__=None, __package__=None, __cached__=None)
    sys.modules["__main__"] = main
    try:
        yield main
    except BaseException:
        sys.excepthook = Hook(above)
        raise


def run(code: CodeType, main: ModuleType) -> None:
    exec(code, vars(main))


def read(file: str) -> bytes:
    """Return the source of a script, or exit as Python does if it cannot be read."""
    try:
        with io.open_code(file) as opened:
            return opened.read()
    except OSError as error:
        leave(f"can't open file {file!r}: [Errno {error.errno}] {error.strerror}", 2)


def find_program(name: str) -> ModuleSpec:
    """Return where the code of ``python -m name`` is."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # a package around the program cannot import another module
        leave(f"Error while finding module specification for {name!r} ({type(error).__name__}: {error})")
    if spec is None:
        leave(f"No module named {name}")
    if spec.submodule_search_locations is not None:
        inner = importlib.util.find_spec(f"{name}.__main__")
        if inner is None:
            leave(f"No module named {name}.__main__; {name!r} is a package and cannot be directly executed")
        return inner
    return spec


def code_of(spec: ModuleSpec, main: ModuleType) -> CodeType:
    """Return the code of a module, and tell ``main`` where it is from."""
    get_code = getattr(spec.loader, "get_code", None)
    code: CodeType | None = get_code(spec.name) if get_code else None
    if code is None:
        leave(f"No code object available for {spec.name}")
    vars(main).update(
        __spec__=spec, __loader__=spec.loader, __package__=spec.parent, __cached__=spec.cached, __file__=spec.origin
    )
    return code


def leave(message: str, code: int = 1) -> NoReturn:
    """Exit with Python's message about a program that cannot be started."""
    print(f"{sys.executable}: {message}", file=sys.stderr)
    raise SystemExit(code)


def explain(error: ImportError) -> None:
    """Complete the message of an import that failed. Python asks no finder about what is in a plain module."""
    name, path = re.match(r"cannot import name '(\w+)'", str(error)), error.name or ""
    absence = reasons.find(f"{reasons.pytorchs_name(path)}.{name[1]}" if name else path)
    if absence and not isinstance(error, MinitensorError):
        place = reasons.pytorchs_name(path)
        what = f"cannot import name {name[1]!r} from {place!r}" if name else f"No module named {path!r}"
        error.msg = f"{what}: {absence.reason}"


class Hook:
    """Shows an uncaught exception without the frames that stand above the program."""

    def __init__(self, above: ModuleType) -> None:
        self.above, self.hook = above, sys.excepthook

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        while trace is not None and self.is_above(trace.tb_frame):
            trace = trace.tb_next
        if isinstance(error, ImportError):
            explain(error)
        self.hook(kind, error.with_traceback(trace), trace)

    def is_above(self, frame: FrameType) -> bool:
        return frame.f_globals is vars(self.above) or frame.f_globals.get("__name__") in (*ABOVE, "contextlib")
