"""NumPy's table: memory on the host, and fast kernels in place of the reference ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy

from minitensor.backends.base import Backend
from minitensor.backends.numpy import (
    activation,
    assemble,
    blend,
    channel_norm,
    division,
    gemm,
    layer_norm,
    linalg,
    neighbors,
    order,
    pool,
    random,
    recurrent,
    reduce,
    resample,
    running,
    sample,
    scatter,
    shuffle,
    softmax,
    special,
    standardize,
    volume,
)
from minitensor.backends.numpy.memory import keep_freed_memory
from minitensor.backends.numpy.threads import parallel_for

if TYPE_CHECKING:
    from minitensor.backends import Array, Library


class NumpyBackend(Backend):
    """Kernels on host arrays."""

    name = "cpu"
    xp = cast("Library", numpy)
    array_class = numpy.ndarray

    def __init__(self) -> None:
        keep_freed_memory()

    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        size = dtype.itemsize
        # This takes 0.35 us; numpy.lib.stride_tricks.as_strided takes 3.5.
        try:
            array: Array = numpy.ndarray(shape, dtype, buffer, offset * size, tuple([step * size for step in strides]))
        except ValueError:
            if 0 not in shape:
                raise
            # An empty window may begin past the end of the buffer, which NumPy refuses.
            array = numpy.ndarray(shape, dtype, buffer, 0, tuple([step * size for step in strides]))
        return array

    def as_array(self, value: Any) -> Array:
        return numpy.asarray(value)

    def from_host(self, host: Array, index: int | None = None) -> Array:
        return host

    def to_host(self, array: Array) -> Array:
        return array

    def locate(self, array: Array) -> tuple[str, int | None]:
        return "cpu", None

    def address(self, array: Array) -> int:
        return int(array.ctypes.data)

    sum = staticmethod(reduce.sum)
    product = staticmethod(reduce.product)
    blend = staticmethod(blend.blend)
    parallel_for = staticmethod(parallel_for)

    dot = staticmethod(gemm.dot)
    matmul = staticmethod(gemm.matmul)
    solve_triangular = staticmethod(linalg.solve_triangular)
    cofactors = staticmethod(linalg.cofactors)
    conv = staticmethod(volume.conv)
    conv_backward_input = staticmethod(volume.conv_backward_input)
    conv_backward_weight = staticmethod(volume.conv_backward_weight)
    max_pool = staticmethod(pool.max_pool)
    adaptive_max_pool = staticmethod(pool.adaptive_max_pool)
    avg_pool = staticmethod(pool.avg_pool)
    avg_pool_backward = staticmethod(pool.avg_pool_backward)
    resample_fixed_point = staticmethod(resample.resample_fixed_point)
    resample = staticmethod(resample.resample)
    lstm = staticmethod(recurrent.lstm)
    lstm_backward = staticmethod(recurrent.lstm_backward)
    corners = staticmethod(sample.corners)
    pick = staticmethod(sample.pick)
    spread = staticmethod(sample.spread)
    compare = staticmethod(sample.compare)
    gather_planes = staticmethod(pool.gather_planes)
    gather_planes_backward = staticmethod(pool.gather_planes_backward)
    standardize_backward = staticmethod(standardize.standardize_backward)
    standardize = staticmethod(standardize.standardize)  # last: from here on the name is the kernel's
    layer_norm_backward = staticmethod(layer_norm.layer_norm_backward)
    layer_norm = staticmethod(layer_norm.layer_norm)  # last, as above
    channel_norm_backward = staticmethod(channel_norm.channel_norm_backward)
    channel_norm = staticmethod(channel_norm.channel_norm)  # last, as above
    log_softmax = staticmethod(softmax.log_softmax)
    softmax_backward = staticmethod(softmax.softmax_backward)
    log_softmax_backward = staticmethod(softmax.log_softmax_backward)
    softmax = staticmethod(softmax.softmax)  # last: from here on the name is the kernel's
    clip = staticmethod(activation.clip)
    where = staticmethod(activation.where)
    copysign = staticmethod(activation.copysign)
    floor_divide = staticmethod(division.floor_divide)
    remainder = staticmethod(division.remainder)
    fmod = staticmethod(division.fmod)
    logaddexp = staticmethod(division.logaddexp)
    logaddexp2 = staticmethod(division.logaddexp2)
    nextafter = staticmethod(neighbors.nextafter)
    nan_to_num = staticmethod(activation.nan_to_num)
    relu = staticmethod(activation.relu)
    relu_backward = staticmethod(activation.relu_backward)
    sigmoid = staticmethod(activation.sigmoid)
    silu = staticmethod(activation.silu)
    silu_backward = staticmethod(activation.silu_backward)
    erf = staticmethod(activation.erf)
    erfc = staticmethod(special.erfc)
    erfcx = staticmethod(special.erfcx)
    erfinv = staticmethod(special.erfinv)
    ndtr = staticmethod(special.ndtr)
    log_ndtr = staticmethod(special.log_ndtr)
    ndtri = staticmethod(special.ndtri)
    lgamma = staticmethod(special.lgamma)
    digamma = staticmethod(special.digamma)
    polygamma = staticmethod(special.polygamma)
    i0 = staticmethod(special.i0)
    i0e = staticmethod(special.i0e)
    i1 = staticmethod(special.i1)
    i1e = staticmethod(special.i1e)
    gelu = staticmethod(activation.gelu)
    gelu_backward = staticmethod(activation.gelu_backward)
    argsort = staticmethod(order.argsort)
    add_slices = staticmethod(scatter.add_slices)
    scatter_reduce = staticmethod(scatter.scatter_reduce)
    compress = staticmethod(scatter.compress)
    place_where = staticmethod(scatter.place_where)
    concatenate = staticmethod(assemble.concatenate)
    triangle = staticmethod(assemble.triangle)
    take_rows = staticmethod(scatter.take_rows)
    fill_where = staticmethod(scatter.fill_where)
    argwhere = staticmethod(scatter.argwhere)
    take = staticmethod(scatter.take)
    sum_rows = staticmethod(scatter.sum_rows)
    gather = staticmethod(scatter.gather)
    scatter_add = staticmethod(scatter.scatter_add)
    scatter = staticmethod(scatter.scatter)  # last: from here on the name is the kernel's
    argtop = staticmethod(order.argtop)
    searchsorted = staticmethod(order.searchsorted)
    unique = staticmethod(order.unique)
    accumulate = staticmethod(running.accumulate)
    running_extreme = staticmethod(running.running_extreme)
    # Random numbers are drawn on the host for every device: other backends have no such kernels.
    random_words = staticmethod(random.random_words)
    random_singles = staticmethod(random.random_singles)
    random_doubles = staticmethod(random.random_doubles)
    random_remainders = staticmethod(random.random_remainders)
    normal_blocks = staticmethod(random.normal_blocks)
    permutation = staticmethod(shuffle.permutation)
