"""CuPy's table: memory on a GPU. Kernels that are not replaced here are the reference ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import cupy

from minitensor.backends.base import Backend

if TYPE_CHECKING:
    from minitensor.backends import Array, Library


class CupyBackend(Backend):
    """Kernels on device arrays."""

    name = "cuda"
    xp = cast("Library", cupy)
    array_class = cupy.ndarray

    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        size = dtype.itemsize
        memory: Any = buffer.data
        steps = tuple([step * size for step in strides])
        array: Array = cupy.ndarray(shape, dtype, memory + offset * size, steps)
        return array

    def settle(self, value: Any) -> Array:
        array: Array = cupy.asarray(value)
        return array

    def asarray(self, host: Array, index: int | None = None) -> Array:
        with cupy.cuda.Device(index):
            array: Array = cupy.asarray(host)
        return array

    def to_host(self, array: Array) -> Array:
        host: Array = cupy.asnumpy(array)
        return host

    def place(self, array: Array) -> tuple[str, int | None]:
        device: Any = array.device
        return "cuda", int(device.id)

    def address(self, array: Array) -> int:
        memory: Any = array.data
        return int(memory.ptr)

    def is_available(self) -> bool:
        return bool(cupy.is_available())

    def device_count(self) -> int:
        return int(cupy.cuda.runtime.getDeviceCount())

    def synchronize(self) -> None:
        cupy.cuda.get_current_stream().synchronize()
