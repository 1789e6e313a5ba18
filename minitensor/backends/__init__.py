"""The only rooms that know NumPy from CuPy: a backend is a table of kernels, and a device's name chooses it.

``named`` opens a backend by the device's name (and only then loads its library), ``of`` tells whose an array is.
Tests may ``install`` a table of their own under a new name; nothing else changes the two dictionaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from numpy import ndarray  # not `import numpy`: the room of that name would shadow it

from minitensor.backends.cupy import load as load_cupy
from minitensor.backends.numpy.table import NumpyBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends.base import Backend

Array: TypeAlias = "ndarray[Any, Any]"  # CuPy's arrays answer to the same names

HostArray = ndarray


class Library(Protocol):
    """What NumPy and CuPy have in common, for the type checker: a name gives a routine."""

    def __getattr__(self, name: str) -> Routine: ...


class Routine(Protocol):
    """A function of an array library; it returns an array."""

    def __call__(self, *args: Any, **kwargs: Any) -> Array: ...

    def __getattr__(self, name: str) -> Routine: ...


LOADERS: dict[str, Callable[[], Backend]] = {"cpu": NumpyBackend, "cuda": load_cupy}
OPEN: dict[str, Backend] = {}
BY_ARRAY: dict[type, Backend] = {}


def names() -> tuple[str, ...]:
    """Return the names of all devices that could be asked for."""
    return tuple(LOADERS)


def named(name: str) -> Backend:
    """Return the backend of a device, loading it on first use."""
    backend = OPEN.get(name)
    if backend is None:
        backend = OPEN[name] = LOADERS[name]()
        BY_ARRAY[backend.array_class] = backend
    return backend


def install(name: str, loader: Callable[[], Backend]) -> None:
    """Make a further device known under ``name``."""
    LOADERS[name] = loader


def of(array: Array) -> Backend:
    """Return the backend whose array this is."""
    return BY_ARRAY[array.__class__]


named("cpu")
