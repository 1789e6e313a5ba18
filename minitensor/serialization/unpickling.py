"""Reading a pickle with Python's unpickler, which runs whatever code the file names.

``load`` comes here only with ``weights_only=False``. Names of PyTorch's functions and classes stand for this library's.
"""

from __future__ import annotations

from functools import partial
from typing import IO, Any

from minitensor.errors import AbsentNameError
from minitensor.ops import return_types
from minitensor.serialization.budget import Budget
from minitensor.serialization.names import MISSING, PYTORCHS_RETURN_TYPES, find_own, is_pytorchs
from minitensor.serialization.reading import FindStorage, Run, find_storage
from minitensor.serialization.symbols import (
    VALUES,
    Builder,
    find_storage_class,
    give_attributes,
)
from minitensor.tensor import Tensor


def run_freely(module: Any, options: dict[str, Any]) -> Run:
    """Return the function that reads one pickle with the unpickler of a module such as ``pickle``."""
    kind = type("Unpickler", (UnpicklerOfFiles, module.Unpickler), {})

    def run(stream: IO[bytes], storage: FindStorage, budget: Budget) -> Any:
        return kind(stream, **options).read(storage, budget)

    return run


class UnpicklerOfFiles:
    """What a file adds to an unpickler: its storages, and PyTorch's names."""

    storage: FindStorage
    budget: Budget

    def read(self, storage: FindStorage, budget: Budget) -> Any:
        """Read one value whose storages a function finds."""
        self.storage, self.budget = storage, budget
        return self.load()  # type: ignore[attr-defined]  # of the unpickler

    def persistent_load(self, identity: Any) -> Any:
        return find_storage(self.budget, self.storage, identity)

    def find_class(self, module: str, name: str) -> Any:
        if not is_pytorchs(module):
            return super().find_class(module, name)  # type: ignore[misc]  # of the unpickler
        found = self.find_pytorchs(module, name)
        if found is MISSING:
            raise AbsentNameError(f"the file refers to {module}.{name}, which minitensor does not have")
        return found

    def find_pytorchs(self, module: str, name: str) -> Any:
        """Return what a name of PyTorch stands for."""
        if (module, name) == ("torch._tensor", "_rebuild_from_type_v2"):
            return rebuild_of_class
        if (kind := find_storage_class(module, name)) is not None:
            return kind
        if module == PYTORCHS_RETURN_TYPES and hasattr(return_types, name):
            return partial(build_result, getattr(return_types, name))
        found = VALUES.get((module, name), MISSING)
        if isinstance(found, Builder):
            return partial(found.call, self.budget)
        return find_own(module, name) if found is MISSING else found


def build_result(kind: type[tuple[Any, ...]], values: tuple[Any, ...], rest: Any = None) -> tuple[Any, ...]:
    """Build the named tuple of an operation with several results."""
    return kind(*values)


def rebuild_of_class(rebuild: Any, kind: type[Tensor], arguments: tuple[Any, ...], state: Any) -> Tensor:
    """Rebuild a tensor of a class and set its state."""
    found = rebuild(*arguments)
    if not hasattr(kind, "__setstate__"):
        return give_attributes(found, kind, state)
    found = found if type(found) is kind else found.as_subclass(kind)
    found.__setstate__(state)
    return found
