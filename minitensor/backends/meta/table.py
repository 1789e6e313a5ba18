"""The table of the meta device: each kernel returns only the layout of its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minitensor.backends.base import Backend
from minitensor.backends.meta import functions, places
from minitensor.backends.meta.array import MetaArray, in_order_of, part_of, take
from minitensor.backends.meta.functions import complex_of, depends_on_data, same, write, xp
from minitensor.backends.numpy.sample import NARROW
from minitensor.backends.reference import conv, pool
from minitensor.errors import MetaError

Numbers = tuple[int, ...]


def stands_in(function: Callable[..., Any]) -> Any:
    """Return a function as a kernel, whatever arguments the kernel has beyond those that the function reads."""
    return staticmethod(function)


def like(array: Any, *args: Any, **kwargs: Any) -> Any:
    """Stand for a kernel of each element whose result has the dtype of its first array."""
    return in_order_of(array.shape, array.dtype, array)


def as_doubles(array: Any, *args: Any) -> Any:
    """Stand for a special function that is computed in double precision."""
    return in_order_of(array.shape, numpy.float64, array)


def of_order(n: int, array: Any) -> Any:
    """Stand for ``polygamma``."""
    return as_doubles(array)


def in_pairs(a: Any, b: Any) -> Any:
    """Stand for a special function of two operands."""
    return xp.add(a, b)


def in_format_of(model: Any, shape: Numbers, dtype: Any) -> Any:
    """Return new images in the memory format of others."""
    images: Any = MetaArray(shape, dtype)
    return conv.in_format_of(xp, model, images)


class MetaBackend(Backend):
    """Kernels that compute shapes."""

    name = "meta"
    xp = xp
    array_class = MetaArray
    holds_data = False

    # -- memory ------------------------------------------------------------------------------------------------------

    def window(self, buffer: Any, dtype: Any, shape: Numbers, strides: Numbers, offset: int) -> Any:
        return MetaArray(shape, dtype, tuple([step * dtype.itemsize for step in strides]))

    def as_array(self, value: Any) -> Any:
        return functions.asarray(value)

    def from_host(self, host: Any, index: int | None = None) -> Any:
        return MetaArray(host.shape, host.dtype, None if host.flags.c_contiguous else host.strides)

    def to_host(self, array: Any) -> Any:
        raise MetaError("Cannot copy out of meta tensor; no data!")

    def locate(self, array: Any) -> tuple[str, int | None]:
        return "meta", None

    def address(self, array: Any) -> int:
        return 0

    # -- writing and gathering ---------------------------------------------------------------------------------------

    add_at = add_slices = scatter = scatter_add = scatter_reduce = place_where = fill_where = blend = stands_in(write)

    def sum_rows(self, table: Any, rows: Any, into: Any, count: int) -> Any:
        return MetaArray((count, *table.shape[1:]), table.dtype)

    def gather(self, array: Any, dim: int, index: Any, is_checked: bool) -> Any:
        return MetaArray(index.shape, array.dtype)

    def take_rows(self, array: Any, index: Any) -> Any:
        return take(array, index, 0)

    compress = stands_in(depends_on_data("masked_select"))
    argwhere = stands_in(depends_on_data("nonzero"))
    unique = stands_in(depends_on_data("unique"))
    bincount = stands_in(depends_on_data("bincount"))

    def concatenate(self, arrays: Sequence[Any], dim: int) -> Any:
        return functions.concatenate(arrays, dim)

    triangle = stands_in(same)

    # -- elements ----------------------------------------------------------------------------------------------------

    def relu(self, array: Any, out: Any = None) -> Any:
        return like(array) if out is None else out

    relu_backward = sigmoid = silu = silu_backward = erf = erfc = gelu = gelu_backward = stands_in(like)
    clip = nan_to_num = stands_in(like)
    copysign = floor_divide = remainder = fmod = nextafter = logaddexp = logaddexp2 = stands_in(in_pairs)
    zeta = gammainc = gammaincc = stands_in(in_pairs)
    erfcx = erfinv = ndtr = log_ndtr = ndtri = lgamma = digamma = i0 = i0e = i1 = i1e = stands_in(as_doubles)
    bessel_j0 = bessel_j1 = bessel_y0 = bessel_y1 = airy_ai = k0 = k1 = k0e = k1e = stands_in(as_doubles)
    polygamma = stands_in(of_order)

    def polynomial(self, name: str, x: Any, n: Any) -> Any:
        return as_doubles(x)

    softmax = log_softmax = softmax_backward = log_softmax_backward = stands_in(same)

    # -- order -------------------------------------------------------------------------------------------------------

    def argsort(self, array: Any, dim: int, descending: bool) -> Any:
        return MetaArray(array.shape, numpy.int64)

    def argtop(self, array: Any, k: int, dim: int, descending: bool) -> Any:
        return MetaArray(with_size(array.shape, dim, k), numpy.int64)

    def searchsorted(self, sequence: Any, values: Any, side: str) -> Any:
        return MetaArray(values.shape, numpy.int64)

    def kth(self, array: Any, k: int) -> Any:
        return MetaArray((), array.dtype)

    def argkth(self, array: Any, k: int, dim: int) -> Any:
        return MetaArray(with_size(array.shape, dim, 1), numpy.int64)

    def histogram(self, array: Any, bins: int, low: float, high: float) -> Any:
        return MetaArray((bins,), numpy.int64)

    def accumulate(self, name: str, array: Any, dim: int) -> Any:
        return same(array)

    def running_extreme(self, name: str, array: Any, dim: int) -> Any:
        return same(array), MetaArray(array.shape, numpy.int64)

    # -- convolution and pooling -------------------------------------------------------------------------------------

    def conv(
        self, input: Any, weight: Any, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
    ) -> Any:
        size = conv.output_size(input.shape, weight.shape, stride, padding, dilation)
        return in_format_of(input, (input.shape[0], weight.shape[0], *size), input.dtype)

    def conv_backward_input(self, grad: Any, weight: Any, input_shape: Numbers, *args: Any) -> Any:
        return in_format_of(grad, input_shape, grad.dtype)

    def conv_backward_weight(self, grad: Any, input: Any, weight_shape: Numbers, *args: Any) -> Any:
        return MetaArray(weight_shape, grad.dtype)

    def max_pool(
        self, input: Any, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
    ) -> Any:
        size = pool.output_size(input.shape, kernel, stride, padding, dilation, ceil_mode)
        return self.planes_of(input, size)

    def adaptive_max_pool(self, input: Any, size: Numbers) -> Any:
        return self.planes_of(input, size)

    def planes_of(self, input: Any, size: Numbers) -> Any:
        shape = (*input.shape[:2], *size)
        return in_format_of(input, shape, input.dtype), in_format_of(input, shape, numpy.int64)

    def gather_planes(self, input: Any, indices: Any) -> Any:
        return MetaArray(indices.shape, input.dtype)

    def gather_planes_backward(self, grad: Any, indices: Any, input_shape: Numbers) -> Any:
        return MetaArray(input_shape, grad.dtype)

    def avg_pool(
        self, input: Any, kernel: Numbers, stride: Numbers, padding: Numbers, ceil_mode: bool,
        count_include_pad: bool, divisor_override: int | None,
    ) -> Any:
        size = pool.output_size(input.shape, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
        return in_format_of(input, (*input.shape[:2], *size), input.dtype)

    def avg_pool_backward(self, grad: Any, input_shape: Numbers, *args: Any) -> Any:
        return in_format_of(grad, input_shape, grad.dtype)

    def resample(self, array: Any, dim: int, taps: Any) -> Any:
        return MetaArray(with_size(array.shape, dim, len(taps)), array.dtype)

    def pick(self, table: Any, weight: Any, index: Any) -> Any:
        return MetaArray((index.shape[1], table.shape[1]), table.dtype)

    def spread(self, rows: Any, weight: Any, index: Any, count: int) -> Any:
        if rows.shape[1] <= NARROW:  # as on the host, channel by channel
            return MetaArray((rows.shape[1], count), rows.dtype).T
        return MetaArray((count, rows.shape[1]), rows.dtype)

    def compare(self, rows: Any, table: Any, index: Any) -> Any:
        return MetaArray(index.shape, rows.dtype)

    # -- recurrence --------------------------------------------------------------------------------------------------

    def rnn(self, gates: Any, weight: Any, h: Any, mask: Any, relu: bool) -> Any:
        return same(gates)

    def rnn_backward(self, grad: Any, states: Any, weight: Any, h: Any, mask: Any, relu: bool) -> tuple[Any, ...]:
        return tuple(map(same, (states, weight, h)))

    def gru(self, gates: Any, weight: Any, bias: Any, h: Any, mask: Any) -> Any:
        steps, batch, width = gates.shape
        size = width // 3
        return MetaArray((steps, batch, size), gates.dtype), MetaArray((steps, batch, 4 * size), gates.dtype)

    def gru_backward(self, grad: Any, states: Any, saved: Any, weight: Any, h: Any, mask: Any) -> tuple[Any, ...]:
        gates = MetaArray((*grad.shape[:-1], weight.shape[0]), grad.dtype)
        return gates, same(weight), MetaArray(weight.shape[:1], grad.dtype), same(h)

    def lstm(self, gates: Any, weight: Any, h: Any, c: Any, mask: Any) -> Any:
        steps, batch, width = gates.shape
        return MetaArray((2, steps, batch, width // 4), gates.dtype), same(gates)

    def lstm_backward(
        self, grad: Any, states: Any, saved: Any, weight: Any, h: Any, c: Any, mask: Any
    ) -> tuple[Any, ...]:
        return tuple(map(same, (saved, weight, h, c)))

    # -- linear algebra ----------------------------------------------------------------------------------------------

    def inverse(self, array: Any) -> Any:
        return same(array), None

    def solve(self, array: Any, right: Any) -> Any:
        batch = places.broadcast(array.shape[:-2], right.shape[:-2])
        return MetaArray((*batch, *right.shape[-2:]), array.dtype), None

    def slogdet(self, array: Any) -> Any:
        return self.det(array), MetaArray(array.shape[:-2], part_of(array.dtype))

    def det(self, array: Any) -> Any:
        return MetaArray(array.shape[:-2], array.dtype)

    def cholesky(self, array: Any) -> Any:
        return same(array), None

    def solve_triangular(self, array: Any, right: Any, upper: bool, unit: bool) -> Any:
        return self.solve(array, right)[0]

    def lu_factor(self, array: Any) -> Any:
        rows = MetaArray((*array.shape[:-2], min(array.shape[-2:])), numpy.int32)
        return same(array), rows, MetaArray(array.shape[:-2], numpy.int32)

    def ldl_factor(self, array: Any, hermitian: bool) -> Any:
        return self.lu_factor(array)

    cofactors = matrix_exp = stands_in(same)

    def svd(self, array: Any, full_matrices: bool) -> Any:
        *batch, m, n = array.shape
        k = min(m, n)
        return (
            MetaArray((*batch, m, m if full_matrices else k), array.dtype), self.svdvals(array),
            MetaArray((*batch, n if full_matrices else k, n), array.dtype),
        )

    def svdvals(self, array: Any) -> Any:
        return MetaArray((*array.shape[:-2], min(array.shape[-2:])), part_of(array.dtype))

    def eigh(self, array: Any, triangle: str) -> Any:
        return self.svdvals(array), same(array)

    def eigvalsh(self, array: Any, triangle: str) -> Any:
        return self.svdvals(array)

    def eig(self, array: Any) -> Any:
        return self.eigvals(array), MetaArray(array.shape, complex_of(array.dtype))

    def eigvals(self, array: Any) -> Any:
        return MetaArray(array.shape[:-1], complex_of(array.dtype))


def with_size(shape: Numbers, dim: int, size: int) -> Numbers:
    """Return a shape with another size of one dim, if there is one."""
    return (*shape[:dim], size, *shape[dim + 1 :]) if shape else shape
