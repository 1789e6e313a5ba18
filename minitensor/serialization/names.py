"""Names of functions and classes in files: PyTorch's, this library's, and those that a user allows.

A pickle refers to functions and classes by module and name. Files name PyTorch's, so a class of this library is written
under the name that it has in PyTorch, and read by it. This file imports nothing that a file names.
"""

from __future__ import annotations

import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING, REVERSE_IMPORT_MAPPING, REVERSE_NAME_MAPPING
from collections.abc import Iterator
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError, ForbiddenNameError, UnpicklableError, quote

BLOCKED = ("sys", "os", "posix", "nt")  # modules of which nothing may be allowed, as in PyTorch
MISSING = object()
OWN = "minitensor"
PYTORCHS_RETURN_TYPES = "torch.return_types"
PLACES = {  # classes that PyTorch's files find in another module, or may name only by a longer one
    ("minitensor.nn", "Parameter"): "torch.nn.parameter",
    ("minitensor.nn.multihead_attention", "NonDynamicallyQuantizableLinear"): "torch.nn.modules.linear",
}

SafeGlobal = Any  # a function or class, or a pair of one and its name in files

MARKED: set[SafeGlobal] = set()


# -- what a user allows ------------------------------------------------------------------------------------------------


def add_safe_globals(safe_globals: list[SafeGlobal]) -> None:
    """Allow files to name these functions and classes in ``load`` with ``weights_only=True``.

    A file may then call them with any arguments, so allow only what is harmless.

    Args:
        safe_globals: Functions and classes, or pairs of one and its full name in files.

    >>> import io
    >>> import minitensor as torch
    >>> file = io.BytesIO()
    >>> torch.save(range(3), file)
    >>> torch.serialization.add_safe_globals([range])
    >>> _ = file.seek(0)
    >>> torch.load(file)
    range(0, 3)
    >>> torch.serialization.clear_safe_globals()
    """
    MARKED.update(safe_globals)


def get_safe_globals() -> list[SafeGlobal]:
    """Return what ``add_safe_globals`` allowed.

    >>> import minitensor as torch
    >>> torch.serialization.get_safe_globals()
    []
    """
    return list(MARKED)


def clear_safe_globals() -> None:
    """Forbid again what ``add_safe_globals`` allowed.

    >>> import minitensor as torch
    >>> torch.serialization.add_safe_globals([range])
    >>> torch.serialization.clear_safe_globals()
    >>> torch.serialization.get_safe_globals()
    []
    """
    MARKED.clear()


class safe_globals:  # noqa: N801  # used like a function
    """A context manager in which ``add_safe_globals`` allows these functions and classes.

    Args:
        safe_globals: Functions and classes, or pairs of one and its full name in files.

    >>> import minitensor as torch
    >>> with torch.serialization.safe_globals([range]):
    ...     torch.serialization.get_safe_globals()
    [<class 'range'>]
    """

    def __init__(self, safe_globals: list[SafeGlobal]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: object) -> None:
        MARKED.difference_update(self.safe_globals)


def allowed_globals() -> dict[str, Any]:
    """Return what a user allowed, by its full name in files."""
    return dict(full_name(each) for each in MARKED)


def full_name(entry: SafeGlobal) -> tuple[str, Any]:
    """Return the full name and the value of an entry of ``add_safe_globals``."""
    if not isinstance(entry, tuple):
        return f"{entry.__module__}.{entry.__qualname__}", entry
    if len(entry) != 2:
        raise ArgumentError(f"add_safe_globals: expected a pair of a global and its full name, got {quote(entry)}")
    if type(entry[1]) is not str:
        raise ArgumentTypeError(f"add_safe_globals: expected a full name as text, got {quote(entry[1])}")
    return entry[1], entry[0]


def find_safe_global(module: str, name: str) -> Any:
    """Return what a user allowed under a name, or ``MISSING``."""
    allowed = allowed_globals()
    found = allowed.get(f"{module}.{name}", MISSING)
    if found is MISSING and is_pytorchs(module):
        own = find_own(module, name)
        found = own if any(own is each for each in allowed.values()) else MISSING
    return found


def is_allowed(value: Any) -> bool:
    """Whether a user allowed a function or class."""
    return any(value is each for each in allowed_globals().values())


# -- PyTorch's names ---------------------------------------------------------------------------------------------------


def modern_name(module: str, name: str) -> tuple[str, str]:
    """Return the name in Python 3 of what an old pickle names."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def old_name(module: str, name: str) -> tuple[str, str]:
    """Return the name in Python 2, which pickles of protocol 2 use."""
    if (module, name) in REVERSE_NAME_MAPPING:
        return REVERSE_NAME_MAPPING[module, name]
    return REVERSE_IMPORT_MAPPING.get(module, module), name


def is_pytorchs(module: str) -> bool:
    """Whether a module is PyTorch's."""
    return module.partition(".")[0] == "torch"


def find_own(module: str, name: str) -> Any:
    """Return this library's function or class for a name of PyTorch, or ``MISSING``.

    It is looked for in the module of the same name, then in the packages around it: ``torch.nn.modules.linear.Linear``
    is ``minitensor.nn.Linear``.
    """
    parts = module.split(".")[1:]
    for (own, each), longer in PLACES.items():
        if (longer, each) == (module, name):
            return follow(sys.modules.get(own), name)
    for count in range(len(parts), -1, -1):
        place = sys.modules.get(".".join([OWN, *parts[:count]]))
        found = follow(place, name)
        if place is not None and found is not MISSING:
            return found
    return MISSING


def follow(place: Any, name: str) -> Any:
    """Return the value under a dotted name, or ``MISSING``."""
    for part in name.split("."):
        place = getattr(place, part, MISSING)
    return place


def name_of(value: Any, name: str | None = None) -> tuple[str, str]:
    """Return the module and name of a function or class; raise unless it is found there."""
    name = name or getattr(value, "__qualname__", None) or value.__name__
    module = next((each for each in modules_of(value, name) if follow(sys.modules.get(each), name) is value), None)
    if module is None:
        raise UnpicklableError(
            f"save: cannot write {quote(value)}: it is not found as {name} in the module that defines it; define it "
            "at the top of a module"
        )
    return module, name


def name_in_file(module: str, name: str) -> tuple[str, str]:
    """Return the name under which a file refers to a function or class."""
    if (module, name) in PLACES:
        return PLACES[module, name], name
    if module == OWN or module.startswith(f"{OWN}."):
        return "torch" + module.removeprefix(OWN), name
    return old_name(module, name)


def modules_of(value: Any, name: str) -> Iterator[str]:
    """Yield the modules in which a value may be found; the public ones of this library first."""
    module = getattr(value, "__module__", None)
    if module is None:
        yield from [each for each, place in sys.modules.copy().items() if getattr(place, name, MISSING) is value]
        return
    parts = module.split(".")
    if parts[0] == OWN:
        yield from [".".join(parts[:count]) for count in range(1, len(parts))]
    yield module


def check_module(module: str, name: str) -> None:
    """Raise for a name in a module of which nothing may be allowed."""
    if module in BLOCKED:
        raise ForbiddenNameError(f"the file refers to {module}.{quote(name)}, and the module {module} is blocked")
