"""NumPy's table: memory on the host, and the fast kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy

from minitensor.backends.base import Backend
from minitensor.backends.numpy import activation, conv, gemm, norm, order, pool, reduce

if TYPE_CHECKING:
    from minitensor.backends import Array, Library


class NumpyBackend(Backend):
    """Kernels on host arrays."""

    name = "cpu"
    xp = cast("Library", numpy)
    array_class = numpy.ndarray

    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        size = dtype.itemsize
        # 0.35 us; numpy.lib.stride_tricks.as_strided takes 3.5
        try:
            array: Array = numpy.ndarray(shape, dtype, buffer, offset * size, tuple([step * size for step in strides]))
        except ValueError:
            if 0 not in shape:
                raise
            array = numpy.ndarray(shape, dtype, buffer, 0, tuple([step * size for step in strides]))
        return array  # an empty window may begin behind the end, where NumPy would have none begin

    def settle(self, value: Any) -> Array:
        return numpy.asarray(value)

    def asarray(self, host: Array, index: int | None = None) -> Array:
        return host

    def to_host(self, array: Array) -> Array:
        return array

    def place(self, array: Array) -> tuple[str, int | None]:
        return "cpu", None

    def address(self, array: Array) -> int:
        return int(array.ctypes.data)

    def take(self, array: Array, index: Array, axis: int) -> Array:
        return array.take(index, axis, mode="clip")  # half the time of "raise", which looks at each position once more

    sum = staticmethod(reduce.sum)

    dot = staticmethod(gemm.dot)
    conv2d = staticmethod(conv.conv2d)
    conv2d_input = staticmethod(conv.conv2d_input)
    conv2d_weight = staticmethod(conv.conv2d_weight)
    max_pool2d = staticmethod(pool.max_pool2d)
    gather_planes = staticmethod(pool.gather_planes)
    scatter_planes = staticmethod(pool.scatter_planes)
    standardize = staticmethod(norm.standardize)
    project_standardized = staticmethod(norm.project)
    clip = staticmethod(activation.clip)
    where = staticmethod(activation.where)
    rectify = staticmethod(activation.rectify)
    where_positive = staticmethod(activation.where_positive)
    sigmoid = staticmethod(activation.sigmoid)
    silu = staticmethod(activation.silu)
    silu_gradient = staticmethod(activation.silu_gradient)
    erf = staticmethod(activation.erf)
    gelu = staticmethod(activation.gelu)
    gelu_gradient = staticmethod(activation.gelu_gradient)
    argsort = staticmethod(order.order)
    argtop = staticmethod(order.first)
    cumsum = staticmethod(reduce.cumsum)
