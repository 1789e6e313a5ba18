"""Backends: tables of kernels over NumPy or CuPy, chosen by the name of a device.

``open_backend`` finds a backend by its device's name and loads its library on first use; ``backend_of`` finds the one
that owns an array. Tests may ``install`` another table under a new name; nothing else changes the dictionaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from numpy import ndarray  # not `import numpy`: the subpackage of that name would shadow it

from minitensor.backends import fast as fast
from minitensor.backends.cupy import load as load_cupy
from minitensor.backends.encoded import WITHOUT_MEMORY, EncodedBackend, MetaEncodedBackend
from minitensor.backends.fast.table import attach
from minitensor.backends.meta.table import MetaBackend
from minitensor.backends.numpy.table import NumpyBackend
from minitensor.compat import ABSENT, PATHS
from minitensor.compat import cudnn as cudnn
from minitensor.compat.reasons import attributes_of
from minitensor.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minitensor.backends.base import Backend

Array: TypeAlias = "ndarray[Any, Any]"  # CuPy's arrays have the same attributes

HostArray = ndarray


class Library(Protocol):
    """NumPy or CuPy, for the type checker: every attribute is a routine."""

    def __getattr__(self, name: str) -> Routine: ...


class Routine(Protocol):
    """A function of an array library that returns an array."""

    def __call__(self, *args: Any, **kwargs: Any) -> Array: ...

    def __getattr__(self, name: str) -> Routine: ...


LOADERS: dict[str, Callable[[], Backend]] = {"cpu": NumpyBackend, "cuda": load_cupy, "meta": MetaBackend}
OPEN: dict[str, Backend] = {}
BY_ARRAY: dict[type, Backend] = {}


def names() -> tuple[str, ...]:
    """Return the names of all known devices, available or not."""
    return tuple(LOADERS)


def open_backend(name: str) -> Backend:
    """Return the backend of a device, loading it on first use."""
    backend = OPEN.get(name)
    if backend is None:
        backend = OPEN[name] = LOADERS[name]()
        BY_ARRAY[backend.array_class] = backend
    return backend


def install(name: str, loader: Callable[[], Backend]) -> None:
    """Register the backend of another device under ``name``."""
    LOADERS[name] = loader


def backend_of(array: Array) -> Backend:
    """Return the backend that owns an array."""
    return BY_ARRAY[array.__class__]


def holds_data(array: Array) -> bool:
    """Whether an array has elements that can be read."""
    backend = BY_ARRAY.get(array.__class__)  # None for NumPy's scalars
    return backend is None or backend.holds_data


def owners(buffer: Any) -> Iterator[Any]:
    """Yield the objects whose memory an array uses, up to the one that owns it."""
    while buffer is not None:
        yield buffer
        buffer = buffer.obj if isinstance(buffer, memoryview) else getattr(buffer, "base", None)


def gpu_backend() -> Backend | None:
    """Return the backend of GPUs, or None if there is none to use."""
    try:
        backend = open_backend("cuda")
    except DeviceError:  # CuPy is not installed
        return None
    return backend if backend.is_available() else None


def is_pinned(buffer: Array) -> bool:
    """Whether the memory of an array is page-locked, as the backend of GPUs makes it."""
    backend = gpu_backend()
    return backend is not None and any(backend.is_pinned(each) for each in owners(buffer))


def any_true(found: Any) -> bool:
    """Whether an element of an array is true. Without data none is: checks of elements let meta tensors pass."""
    return holds_data(found) and bool(found.any())


# PyTorch's modules of this name, which only answer.
cuda = PATHS["backends.cuda"]
cpu, cusparselt, kleidiai, mha, miopen, mkl = (PATHS[f"backends.{name}"] for name in ABSENT[:6])
mkldnn, mps, nnpack, openmp, opt_einsum, quantized = (PATHS[f"backends.{name}"] for name in ABSENT[6:])

attach(open_backend("cpu"))
BY_ARRAY.update({each: EncodedBackend(each) for each in WITHOUT_MEMORY})
BY_ARRAY.update({each: MetaEncodedBackend(each) for each in WITHOUT_MEMORY.values()})

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
