"""CuPy's table: memory on a GPU. Kernels not replaced here are the reference ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import cupy
import cupyx
import cupyx.scipy.sparse
import cupyx.scipy.special

from minitensor.backends.base import Backend
from minitensor.backends.cupy.peaks import PeakHook
from minitensor.copies import record_copy, tracing
from minitensor.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from minitensor.backends import Array, Library


class LibraryOn:
    """CuPy's functions, called with another GPU as the current one: new arrays are on that."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __getattr__(self, name: str) -> Any:
        function = getattr(cupy, name)
        if isinstance(function, type) or not callable(function):
            return function

        def call(*args: Any, **options: Any) -> Any:
            with cupy.cuda.Device(self.index):
                return function(*args, **options)

        return call


class CupyBackend(Backend):
    """Kernels on device arrays."""

    name = "cuda"
    xp = cast("Library", cupy)
    array_class = cupy.ndarray

    def __init__(self) -> None:
        self.peaks = PeakHook()
        self.peaks.__enter__()  # for good

    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        size = dtype.itemsize
        memory: Any = buffer.data
        steps = tuple([step * size for step in strides])
        array: Array = cupy.ndarray(shape, dtype, memory + offset * size, steps)
        return array

    def as_array(self, value: Any) -> Array:
        array: Array = cupy.asarray(value)
        return array

    def from_host(self, host: Array, index: int | None = None) -> Array:
        with cupy.cuda.Device(index):
            if cupy.cuda.get_current_stream().is_capturing():  # a replay would read memory that CuPy has used again
                raise UsageError("nothing is copied from the CPU to a GPU while a graph is captured; do it before")
            array: Array = cupy.asarray(host)
        if tracing.get():
            record_copy("to device", array)
        return array

    def to_host(self, array: Array) -> Array:
        host: Array = cupy.asnumpy(array)
        if tracing.get():
            record_copy("to host", host)
        return host

    def locate(self, array: Array) -> tuple[str, int | None]:
        device: Any = array.device
        return "cuda", int(device.id)

    def address(self, array: Array) -> int:
        memory: Any = array.data
        return int(memory.ptr)

    def scipy_sparse(self) -> Any:
        return cupyx.scipy.sparse

    def scipy_special(self) -> Any:
        return cupyx.scipy.special

    def is_available(self) -> bool:
        return bool(cupy.is_available())

    def device_count(self) -> int:
        return int(cupy.cuda.runtime.getDeviceCount())

    def on(self, index: int | None) -> AbstractContextManager[Any]:
        return cast("AbstractContextManager[Any]", cupy.cuda.Device(index))

    def library_on(self, index: int | None) -> Library:
        return self.xp if index is None else cast("Library", LibraryOn(index))

    def synchronize(self) -> None:
        cupy.cuda.get_current_stream().synchronize()

    def memory_usage(self, index: int) -> Any:
        return self.peaks.read(index)

    def pinned_memory(self, length: int) -> memoryview:
        return memoryview(cupy.cuda.alloc_pinned_memory(length))[:length]  # it rounds up

    def is_pinned(self, owner: object) -> bool:
        return isinstance(owner, cupy.cuda.PinnedMemoryPointer)

    # By default CuPy's LAPACK reports no singular matrices; with these switches it raises, as NumPy's does.

    def inverse(self, array: Array) -> tuple[Array, Array | None]:
        with cupyx.errstate(linalg="raise"):
            return super().inverse(array)

    def solve(self, array: Array, right: Array) -> tuple[Array, Array | None]:
        with cupyx.errstate(linalg="raise"):
            return super().solve(array, right)

    def slogdet(self, array: Array) -> tuple[Array, Array]:
        with cupyx.errstate(linalg="raise"):
            return super().slogdet(array)

    def cholesky(self, array: Array) -> tuple[Array, Array | None]:
        with cupyx.errstate(linalg="raise"):
            return super().cholesky(array)

    def svd(self, array: Array, full_matrices: bool) -> tuple[Array, Array, Array]:
        with cupyx.errstate(linalg="raise"):
            return super().svd(array, full_matrices)

    def eigh(self, array: Array, triangle: str) -> tuple[Array, Array]:
        with cupyx.errstate(linalg="raise"):
            return super().eigh(array, triangle)

    def eig(self, array: Array) -> tuple[Array, Array]:
        with cupyx.errstate(linalg="raise"):
            return super().eig(array)
