"""A backend: the functions that ops need and that differ between NumPy and CuPy.

Methods either move memory (``window``, ``from_host``, ``to_host``) or name kernels. Here these are the reference
kernels, written in ``xp``. The table of a library replaces those for which it has faster ones. This file knows no
tensors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from minitensor.backends.functions import SpecialFunctions
from minitensor.backends.reference import (
    assemble,
    blend,
    conv,
    division,
    linalg,
    lu,
    norm,
    order,
    pool,
    recurrent,
    resample,
    running,
    sample,
    scatter,
    softmax,
    special,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.backends import Array, Library
    from minitensor.backends.reference.resample import FixedPointTaps, LongTaps, Taps

Numbers = tuple[int, ...]


class Backend(SpecialFunctions, ABC):
    """A table of kernels over one array library."""

    name: str
    xp: Library  # the module: numpy or cupy
    array_class: type
    holds_data: bool = True  # whether arrays have elements; otherwise they tell only shapes and dtypes

    # -- memory ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        """Return a view of a flat buffer; strides and offset are in elements, and the caller has checked the bounds."""

    @abstractmethod
    def as_array(self, value: Any) -> Array:
        """Return a kernel's result as an array: some libraries return scalars instead of 0-d arrays."""

    @abstractmethod
    def from_host(self, host: Array, index: int | None = None) -> Array:
        """Copy a host array to this device; the host returns the array itself."""

    @abstractmethod
    def to_host(self, array: Array) -> Array:
        """Copy an array of this device to the host; the host returns the array itself."""

    @abstractmethod
    def locate(self, array: Array) -> tuple[str, int | None]:
        """Return the name and index of an array's device."""

    @abstractmethod
    def address(self, array: Array) -> int:
        """Return the memory address of the first element."""

    def is_available(self) -> bool:
        """Whether this machine has a device of this kind."""
        return True

    def device_count(self) -> int:
        """Return how many devices of this kind the machine has."""
        return 1

    def on(self, index: int | None) -> AbstractContextManager[Any]:
        """Return a block in which the device of this index is the current one."""
        return nullcontext()

    def library_on(self, index: int | None) -> Library:
        """Return the array library, whose new arrays are on the device of this index, the current one if None."""
        return self.xp

    def synchronize(self) -> None:  # the host is always synchronous
        """Wait until the device has finished its work."""

    def memory_usage(self, index: int) -> Any:
        """Return the counts of the memory of a device, or None where nothing is counted."""
        return None

    def pinned_memory(self, length: int) -> memoryview:
        """Return memory of the host from which this device copies fast: page-locked memory for a GPU."""
        return memoryview(bytearray(length))

    def is_pinned(self, owner: object) -> bool:
        """Whether an object owns memory that ``pinned_memory`` made."""
        return False

    # -- writing -----------------------------------------------------------------------------------------------------

    def add_at(self, target: Array, index: Any, values: Array) -> None:
        """Add values at positions, which may repeat."""
        scatter.add_at(self.xp, target, index, values)

    def add_slices(self, target: Array, dim: int, index: Array, values: Array) -> None:
        """Add slices to those of a C-contiguous target at positions in ``dim``, which may repeat."""
        scatter.add_slices(self.xp, target, dim, index, values)

    def sum_rows(self, table: Array, rows: Array, into: Array, count: int) -> Array:
        """Return zeros (count, D) to which row ``rows[i]`` of a table (V, D) is added at ``into[i]``, for every i."""
        return scatter.sum_rows(self.xp, table, rows, into, count)

    def gather(self, array: Array, dim: int, index: Array, is_checked: bool) -> Array:
        """Return the element at each position in ``dim``; unless ``is_checked``, raise IndexError outside."""
        return scatter.gather(self.xp, array, dim, index, is_checked)

    def scatter(self, target: Array, dim: int, index: Array, values: Any) -> None:
        """Write values, or one number, at positions in ``dim`` of a C-contiguous target; the last one wins."""
        scatter.scatter(self.xp, target, dim, index, values)

    def scatter_add(self, target: Array, dim: int, index: Array, values: Array) -> None:
        """Add values at positions in ``dim`` of a C-contiguous target."""
        scatter.scatter_add(self.xp, target, dim, index, values)

    def scatter_reduce(self, target: Array, dim: int, index: Array, values: Array, join: str) -> None:
        """Combine values with a C-contiguous target at positions in ``dim`` by a ufunc's name; extremes keep NaN."""
        scatter.scatter_reduce(self.xp, target, dim, index, values, join)

    def take(self, array: Array, index: Array, axis: int) -> Array:
        """Return the entries of an axis at positions, all of which are known to be in range."""
        return self.xp.take(array, index, axis)

    def compress(self, array: Array, mask: Array) -> Array:
        """Return the elements where a mask of the same shape is true, in one dim."""
        return array[mask]

    def fill_where(self, target: Array, mask: Array, value: Array) -> None:
        """Write one number where a mask, broadcast to the target, is true."""
        self.xp.copyto(target, value, where=mask)

    def place_where(self, target: Array, mask: Array, values: Array) -> None:
        """Write the elements of a vector, in order, where a mask of the same shape is true."""
        scatter.place_where(self.xp, target, mask, values)

    def argwhere(self, array: Array) -> Array:
        """Return the positions of the nonzero elements, one row each: (count, ndim) of int64."""
        return scatter.argwhere(self.xp, array)

    # -- joins and triangles -----------------------------------------------------------------------------------------

    def concatenate(self, arrays: Sequence[Array], dim: int) -> Array:
        """Join arrays of one dtype along a dim."""
        return assemble.concatenate(self.xp, arrays, dim)

    def triangle(self, array: Array, diagonal: int, lower: bool) -> Array:
        """Return matrices with zeros above (``lower``) or below a diagonal."""
        return assemble.triangle(self.xp, array, diagonal, lower)

    def take_rows(self, array: Array, index: Array) -> Array:
        """Return the entries of dim 0 at positions, negative ones from the end; raise IndexError outside."""
        return scatter.take_rows(self.xp, array, index)

    # -- updates -----------------------------------------------------------------------------------------------------

    def blend(self, target: Array, keep: float, values: Array, share: float, spare: Array) -> None:
        """Replace ``target`` by ``keep * target + share * values``; ``spare`` is memory of its size to compute in."""
        blend.blend(self.xp, target, keep, values, share, spare)

    def parallel_for(self, function: Callable[[int], object], count: int) -> None:
        """Call ``function(0)``, ..., ``function(count - 1)``, in any order and possibly on several threads."""
        for turn in range(count):
            function(turn)

    # -- sums --------------------------------------------------------------------------------------------------------

    def sum(self, array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
        """Add up floats over some dims."""
        return self.xp.add.reduce(array, dims, None, None, keepdim)

    def product(self, array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
        """Multiply floats along some dims."""
        return self.xp.multiply.reduce(array, dims, None, None, keepdim)

    # -- activations -------------------------------------------------------------------------------------------------

    def clip(self, array: Array, low: Array | None, high: Array | None) -> Array:
        """Limit real numbers to a range, open where a bound is None; if low > high, the result is high."""
        if low is not None:
            array = self.xp.maximum(array, low)
        return array if high is None else self.xp.minimum(array, high)

    def where(self, condition: Array, a: Array, b: Array) -> Array:
        """Return ``a`` where the condition is true and ``b`` elsewhere; both have one dtype."""
        return self.xp.where(condition, a, b)

    def copysign(self, a: Array, b: Array) -> Array:
        """Return the modulus of ``a`` with the sign of ``b``."""
        return self.xp.copysign(a, b)

    def nan_to_num(self, array: Array, nan: float, high: float | None, low: float | None) -> Array:
        """Replace NaN and infinities; by the finite extremes where ``high`` and ``low`` are None."""
        return self.xp.nan_to_num(array, nan=nan, posinf=high, neginf=low)

    def floor_divide(self, a: Array, b: Array) -> Array:
        """Return the quotient of floats, rounded down; a division by zero is infinite."""
        return division.floor_divide(self.xp, a, b)

    def remainder(self, a: Array, b: Array) -> Array:
        """Return the remainder of floats with the sign of ``b``."""
        return division.remainder(self.xp, a, b)

    def fmod(self, a: Array, b: Array) -> Array:
        """Return the remainder with the sign of ``a``."""
        return self.xp.fmod(a, b)

    def nextafter(self, a: Array, b: Array) -> Array:
        """Return the next number after ``a`` in the direction of ``b``."""
        return self.xp.nextafter(a, b)

    def logaddexp(self, a: Array, b: Array) -> Array:
        """Return ``log(exp(a) + exp(b))`` of real numbers."""
        return self.xp.logaddexp(a, b)

    def logaddexp2(self, a: Array, b: Array) -> Array:
        """Return ``log2(2**a + 2**b)``."""
        return self.xp.logaddexp2(a, b)

    def relu(self, array: Array, out: Array | None = None) -> Array:
        """Return the larger of each element and zero."""
        return self.xp.maximum(array, array.dtype.type(0), out=out)

    def relu_backward(self, grad: Array, result: Array) -> Array:
        """Return the gradient where the result of ``relu`` is positive or NaN, zero elsewhere."""
        return self.xp.where(result <= 0, grad.dtype.type(0), grad)

    def sigmoid(self, array: Array) -> Array:
        """Return ``1 / (1 + exp(-x))`` of singles or doubles."""
        return self.xp.reciprocal(array.dtype.type(1) + self.xp.exp(-array))

    def silu(self, array: Array) -> Array:
        """Return ``x * sigmoid(x)``."""
        result: Array = array * self.sigmoid(array)
        return result

    def silu_backward(self, grad: Array, array: Array) -> Array:
        """Return the gradient times the derivative of ``silu``."""
        gate = self.sigmoid(array)
        result: Array = grad * gate * (1 + array * (1 - gate))
        return result

    def erf(self, array: Array) -> Array:
        """Return the error function of singles or doubles."""
        return special.erf(self.xp, array)

    def erfc(self, array: Array) -> Array:
        """Return one minus the error function, accurate where that is small."""
        return special.erfc(self.xp, array)

    def gelu(self, array: Array) -> Array:
        """Return ``x`` times the normal distribution function of x."""
        return special.gelu(self.xp, array)

    def gelu_backward(self, grad: Array, array: Array) -> Array:
        """Return the gradient times the derivative of ``gelu``."""
        return special.gelu_backward(self.xp, grad, array)

    # -- order -------------------------------------------------------------------------------------------------------

    def argsort(self, array: Array, dim: int, descending: bool) -> Array:
        """Return the indices that sort along a dim; the sort is stable in both directions."""
        return order.argsort(self.xp, array, dim, descending)

    def argtop(self, array: Array, k: int, dim: int, descending: bool) -> Array:
        """Return the first k of the indices that sort along a dim; ties may be broken in any way."""
        return order.argtop(self.xp, array, k, dim, descending)

    def searchsorted(self, sequence: Array, values: Array, side: str) -> Array:
        """Return where values would go into a sorted sequence, row by row: (..., n) and (..., m) give (..., m)."""
        return order.searchsorted(self.xp, sequence, values, side)

    def kth(self, array: Array, k: int) -> Array:
        """Return the k-th smallest element of a 1-d array, counted from 0; NaN is the largest."""
        smallest: Array = self.xp.partition(array, k)[k]
        return smallest

    def argkth(self, array: Array, k: int, dim: int) -> Array:
        """Return the index of the k-th smallest element along a dim, which is kept; ties may be broken in any way."""
        return order.argkth(self.xp, array, k, dim)

    def unique(self, array: Array, inverse: bool, counts: bool) -> tuple[Array, Array | None, Array | None]:
        """Return the sorted unique elements of a 1-d array; where each element went; how often each occurs."""
        return order.unique(self.xp, array, inverse, counts)

    def bincount(self, array: Array, weights: Array | None, minlength: int) -> Array:
        """Count 0, 1, 2 ... in a 1-d array without negative numbers, or add up the weights of each."""
        return self.xp.bincount(array, weights, minlength)

    def histogram(self, array: Array, bins: int, low: float, high: float) -> Array:
        """Count the elements of a 1-d array of floats in equal bins of a closed range."""
        return order.histogram(self.xp, array, bins, low, high)

    def accumulate(self, name: str, array: Array, dim: int) -> Array:
        """Accumulate "add", "multiply", "logaddexp", "maximum" or "minimum" along a dim, in the array's dtype."""
        return running.accumulate(self.xp, name, array, dim)

    def running_extreme(self, name: str, array: Array, dim: int) -> tuple[Array, Array]:
        """Return the running "maximum" or "minimum" along a dim and its last index; NaN wins."""
        return running.running_extreme(self.xp, name, array, dim)

    # -- products ----------------------------------------------------------------------------------------------------

    def dot(self, a: Array, b: Array) -> Array:
        """Multiply arrays of one or two dims."""
        return self.xp.dot(a, b)

    def matmul(self, a: Array, b: Array) -> Array:
        """Multiply batches of matrices; a vector counts as a row on the left and as a column on the right."""
        return self.xp.matmul(a, b)

    # -- convolution and pooling -------------------------------------------------------------------------------------

    def conv(
        self, input: Array, weight: Array, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
    ) -> Array:
        """Return the cross-correlation of (N, C, *size) with (O, C / groups, *kernel)."""
        return conv.conv(self.xp, input, weight, stride, padding, dilation, groups)

    def conv_backward_input(
        self,
        grad: Array,
        weight: Array,
        input_shape: Numbers,
        stride: Numbers,
        padding: Numbers,
        dilation: Numbers,
        groups: int,
    ) -> Array:
        """Return the gradient of ``conv`` in its input: the adjoint, which is also a transposed convolution."""
        return conv.conv_backward_input(self.xp, grad, weight, input_shape, stride, padding, dilation, groups)

    def conv_backward_weight(
        self,
        grad: Array,
        input: Array,
        weight_shape: Numbers,
        stride: Numbers,
        padding: Numbers,
        dilation: Numbers,
        groups: int,
    ) -> Array:
        """Return the gradient of ``conv`` in its weight."""
        return conv.conv_backward_weight(self.xp, grad, input, weight_shape, stride, padding, dilation, groups)

    def max_pool(
        self, input: Array, kernel: Numbers, stride: Numbers, padding: Numbers, dilation: Numbers, ceil_mode: bool
    ) -> tuple[Array, Array]:
        """Return the largest entry of each window of (N, C, *size) and its flat position in the plane."""
        return pool.max_pool(self.xp, input, kernel, stride, padding, dilation, ceil_mode)

    def adaptive_max_pool(self, input: Array, size: Numbers) -> tuple[Array, Array]:
        """Return the largest entry of each of ``size`` windows that divide the plane, and its flat position."""
        return pool.adaptive_max_pool(self.xp, input, size)

    def gather_planes(self, input: Array, indices: Array) -> Array:
        """Return the entries of (N, C, *size) at flat positions in the planes."""
        return pool.gather_planes(self.xp, input, indices)

    def gather_planes_backward(self, grad: Array, indices: Array, input_shape: Numbers) -> Array:
        """Add entries at flat positions in planes of zeros: the gradient of ``gather_planes``."""
        return pool.gather_planes_backward(self.xp, grad, indices, input_shape)

    def avg_pool(
        self,
        input: Array,
        kernel: Numbers,
        stride: Numbers,
        padding: Numbers,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Array:
        """Return the mean of each window of (N, C, *size)."""
        return pool.avg_pool(self.xp, input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)

    def avg_pool_backward(
        self,
        grad: Array,
        input_shape: Numbers,
        kernel: Numbers,
        stride: Numbers,
        padding: Numbers,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Array:
        """Return the gradient of ``avg_pool``."""
        return pool.avg_pool_backward(
            self.xp, grad, input_shape, kernel, stride, padding, count_include_pad, divisor_override
        )

    def resample(self, array: Array, dim: int, taps: Taps | LongTaps) -> Array:
        """Replace a dim by weighted sums of its entries."""
        return resample.resample(self.xp, array, dim, taps)

    def resample_fixed_point(self, array: Array, dim: int, taps: FixedPointTaps) -> Array:
        """Replace a dim of a uint8 array by weighted sums of its entries with integers as weights."""
        return resample.resample_fixed_point(self.xp, array, dim, taps)

    def corners(
        self, places: Array, sizes: Sequence[int], mode: str, edges: str, align_corners: bool
    ) -> tuple[Array, Array]:
        """Return the weights of the pixels that places (..., dims) of an image read, (T, ...), and their rows."""
        return sample.corners(self.xp, places, sizes, mode, edges, align_corners)

    def pick(self, table: Array, weight: Array, index: Array) -> Array:
        """Return weighted sums of rows picked from a table: T taps for each of M rows."""
        return sample.pick(self.xp, table, weight, index)

    def spread(self, rows: Array, weight: Array, index: Array, count: int) -> Array:
        """Return the adjoint of ``pick`` in its table of ``count`` rows."""
        return sample.spread(self.xp, rows, weight, index, count)

    def compare(self, rows: Array, table: Array, index: Array) -> Array:
        """Return the adjoint of ``pick`` in its weights."""
        return sample.compare(self.xp, rows, table, index)

    # -- recurrence --------------------------------------------------------------------------------------------------

    def rnn(self, gates: Array, weight: Array, h: Array, mask: Array | None, relu: bool) -> Array:
        """Return all states (L, N, H) of h <- tanh(gates + h W^T), or relu in place of tanh."""
        return recurrent.rnn(self.xp, gates, weight, h, mask, relu)

    def rnn_backward(
        self, grad: Array, states: Array, weight: Array, h: Array, mask: Array | None, relu: bool
    ) -> tuple[Array, ...]:
        """Return the gradients in the gates, the weight and the first state."""
        return recurrent.rnn_backward(self.xp, grad, states, weight, h, mask, relu)

    def gru(self, gates: Array, weight: Array, bias: Array, h: Array, mask: Array | None) -> tuple[Array, ...]:
        """Return all states of a GRU (L, N, H), and what ``gru_backward`` needs of the gates."""
        return recurrent.gru(self.xp, gates, weight, bias, h, mask)

    def gru_backward(
        self, grad: Array, states: Array, saved: Array, weight: Array, h: Array, mask: Array | None
    ) -> tuple[Array, ...]:
        """Return the gradients in the gates, the weight, the bias and the first state."""
        return recurrent.gru_backward(self.xp, grad, states, saved, weight, h, mask)

    def lstm(self, gates: Array, weight: Array, h: Array, c: Array, mask: Array | None) -> tuple[Array, Any]:
        """Return all states h and c of an LSTM (2, L, N, H), and what ``lstm_backward`` needs of the gates."""
        return recurrent.lstm(self.xp, gates, weight, h, c, mask)

    def lstm_backward(
        self, grad: Array, states: Array, saved: Any, weight: Array, h: Array, c: Array, mask: Array | None
    ) -> tuple[Array, ...]:
        """Return the gradients in the gates, the weight, the first h and the first c."""
        return recurrent.lstm_backward(self.xp, grad, states, saved, weight, h, c, mask)

    # -- softmax -----------------------------------------------------------------------------------------------------

    def softmax(self, array: Array, dim: int) -> Array:
        """Return exp(x) / sum(exp(x)) along a dim."""
        return softmax.softmax(self.xp, array, dim)

    def log_softmax(self, array: Array, dim: int) -> Array:
        """Return the logarithm of the softmax along a dim."""
        return softmax.log_softmax(self.xp, array, dim)

    def softmax_backward(self, grad: Array, weights: Array, dim: int) -> Array:
        """Return the gradient of ``softmax``, whose result was ``weights``."""
        return softmax.softmax_backward(self.xp, grad, weights, dim)

    def log_softmax_backward(self, grad: Array, logs: Array, dim: int) -> Array:
        """Return the gradient of ``log_softmax``, whose result was ``logs``."""
        return softmax.log_softmax_backward(self.xp, grad, logs, dim)

    # -- normalization -----------------------------------------------------------------------------------------------

    def standardize(self, input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
        """Return (N, C, L) with mean 0 and variance 1 for each C; 1 / sqrt(var + eps), mean and var, (1, C, 1)."""
        return norm.standardize(self.xp, input, eps)

    def standardize_backward(self, input: Array, z: Array, r: Array) -> Array:
        """Return the gradient of ``standardize``, given its results z and r; it is symmetric."""
        return norm.standardize_backward(self.xp, input, z, r)

    def layer_norm(
        self, input: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> tuple[Array, Array, Array]:
        """Return standardized rows (M, L) times ``weight`` plus ``bias`` (L); mean and 1 / sqrt(var + eps) of each."""
        return norm.layer_norm(self.xp, input, weight, bias, eps)

    def layer_norm_backward(
        self, grad: Array, input: Array, mean: Array, r: Array, weight: Array | None
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of ``layer_norm`` in input, weight and bias, given the input's mean and r."""
        return norm.layer_norm_backward(self.xp, grad, input, mean, r, weight)

    def channel_norm(
        self, input: Array, weight: Array | None, bias: Array | None, groups: int, eps: float
    ) -> tuple[Array, Array, Array, Array]:
        """Return standardized (N, C, L) times ``weight`` plus ``bias`` (C); mean, 1 / sqrt(var + eps) and var.

        Statistics are those of each channel, (1, C), if ``groups`` is 0, otherwise of each group of channels of each
        sample, (N, groups).
        """
        return norm.channel_norm(self.xp, input, weight, bias, groups, eps)

    def channel_norm_backward(
        self, grad: Array, input: Array, mean: Array, r: Array, weight: Array | None, groups: int
    ) -> tuple[Array, Array, Array]:
        """Return the gradients of ``channel_norm`` in input, weight and bias, given the input's mean and r."""
        return norm.channel_norm_backward(self.xp, grad, input, mean, r, weight, groups)

    # -- linear algebra ----------------------------------------------------------------------------------------------
    # Matrices are the last two dims. Kernels that may fail also return which matrices of the batch failed, or None.

    def inverse(self, array: Array) -> tuple[Array, Array | None]:
        """Return the inverses."""
        return linalg.inverse(self.xp, array)

    def solve(self, array: Array, right: Array) -> tuple[Array, Array | None]:
        """Solve A X = B for X."""
        return linalg.solve(self.xp, array, right)

    def slogdet(self, array: Array) -> tuple[Array, Array]:
        """Return the determinants' signs, and the logarithms of their moduli."""
        return linalg.slogdet(self.xp, array)

    def det(self, array: Array) -> Array:
        """Return the determinants."""
        return linalg.det(self.xp, array)

    def cholesky(self, array: Array) -> tuple[Array, Array | None]:
        """Return lower triangular L with L Lᴴ = A, or the part of it that exists, and the minors that fail."""
        return linalg.cholesky(self.xp, array)

    def solve_triangular(self, array: Array, right: Array, upper: bool, unit: bool) -> Array:
        """Solve A X = B for X, reading one triangle of A."""
        return linalg.solve_triangular(self.xp, array, right, upper, unit)

    def lu_factor(self, array: Array) -> tuple[Array, Array, Array]:
        """Return both factors of P L U in one matrix, the exchanged rows, and the number of the first zero pivot."""
        return lu.lu_factor(self.xp, array)

    def ldl_factor(self, array: Array, hermitian: bool) -> tuple[Array, Array, Array]:
        """Return both factors of L D Lᵀ in one matrix, the exchanged rows, and the number of the first zero pivot."""
        return lu.ldl_factor(self.xp, array, hermitian)

    def cofactors(self, array: Array) -> Array:
        """Return the derivatives of the determinants."""
        return linalg.cofactors(self.xp, array)

    def svd(self, array: Array, full_matrices: bool) -> tuple[Array, Array, Array]:
        """Return U, S, Vᴴ with A = U S Vᴴ."""
        return linalg.svd(self.xp, array, full_matrices)

    def svdvals(self, array: Array) -> Array:
        """Return only the singular values."""
        return linalg.svdvals(self.xp, array)

    def eigh(self, array: Array, triangle: str) -> tuple[Array, Array]:
        """Return eigenvalues and eigenvectors of Hermitian matrices, reading one triangle."""
        return linalg.eigh(self.xp, array, triangle)

    def eigvalsh(self, array: Array, triangle: str) -> Array:
        """Return only the eigenvalues of Hermitian matrices."""
        return linalg.eigvalsh(self.xp, array, triangle)

    def eig(self, array: Array) -> tuple[Array, Array]:
        """Return complex eigenvalues and eigenvectors of square matrices."""
        return linalg.eig(self.xp, array)

    def eigvals(self, array: Array) -> Array:
        """Return only the complex eigenvalues of square matrices."""
        return linalg.eigvals(self.xp, array)

    def matrix_exp(self, array: Array) -> Array:
        """Return the matrix exponentials."""
        return linalg.matrix_exp(self.xp, array)
