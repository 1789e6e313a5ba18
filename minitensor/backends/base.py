"""A backend: everything an op may ask of an array library that is not spelled alike in NumPy and CuPy.

Methods either move memory (``window``, ``asarray``, ``to_host``) or name kernels; the kernels given here are the
reference ones, written in ``xp``, and a library's own table replaces those it can do faster. No tensors are known
here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from minitensor.backends.reference import conv, norm, order, pool, special

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

Pair = tuple[int, int]


class Backend(ABC):
    """A table of kernels over one array library."""

    name: str
    xp: Library  # the module: numpy or cupy
    array_class: type

    # -- memory ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        """Return an array that looks at a flat buffer; strides and offset in elements, bounds checked by the caller."""

    @abstractmethod
    def settle(self, value: Any) -> Array:
        """Return a kernel's result as an array: some libraries give bare scalars for 0-d results."""

    @abstractmethod
    def asarray(self, host: Array, index: int | None = None) -> Array:
        """Copy a host array to this device; on the host itself nothing is copied."""

    @abstractmethod
    def to_host(self, array: Array) -> Array:
        """Copy an array of this device to the host; on the host itself nothing is copied."""

    @abstractmethod
    def place(self, array: Array) -> tuple[str, int | None]:
        """Return the name and index of the device on which the array lies."""

    @abstractmethod
    def address(self, array: Array) -> int:
        """Return the memory address of the first element."""

    def is_available(self) -> bool:
        """Whether this machine can compute here."""
        return True

    def device_count(self) -> int:
        """Return how many devices of this kind the machine has."""
        return 1

    def synchronize(self) -> None:  # noqa: B027  # the host has nothing to wait for
        """Wait until everything asked of the device is done."""

    # -- writing -----------------------------------------------------------------------------------------------------

    def add_at(self, target: Array, index: Any, values: Array) -> None:
        """Add values at positions that may repeat."""
        self.xp.add.at(target, index, values)

    def take(self, array: Array, index: Array, axis: int) -> Array:
        """Return the entries of an axis at positions that were checked: none is negative, none too large."""
        return self.xp.take(array, index, axis)

    # -- sums --------------------------------------------------------------------------------------------------------

    def sum(self, array: Array, dims: tuple[int, ...], keepdim: bool) -> Any:
        """Add up floats over some dims."""
        return self.xp.add.reduce(array, dims, None, None, keepdim)

    # -- activations -------------------------------------------------------------------------------------------------

    def clip(self, array: Array, low: Array | None, high: Array | None) -> Array:
        """Limit real numbers to a range, open where a bound is None; where the bounds cross, the upper one wins."""
        if low is not None:
            array = self.xp.maximum(array, low)
        return array if high is None else self.xp.minimum(array, high)

    def where(self, condition: Array, a: Array, b: Array) -> Array:
        """Return ``a`` where the condition holds and ``b`` elsewhere; both have one dtype."""
        return self.xp.where(condition, a, b)

    def rectify(self, array: Array, out: Array | None = None) -> Array:
        """Return the larger of each element and zero."""
        return self.xp.maximum(array, array.dtype.type(0), out=out)

    def where_positive(self, grad: Array, rectified: Array) -> Array:
        """Return the gradient where a rectifier's result is positive, zero elsewhere."""
        return self.xp.where(rectified > 0, grad, grad.dtype.type(0))

    def sigmoid(self, array: Array) -> Array:
        """Return ``1 / (1 + exp(-x))`` of singles or doubles."""
        return self.xp.reciprocal(array.dtype.type(1) + self.xp.exp(-array))

    def silu(self, array: Array) -> Array:
        """Return each element times its sigmoid."""
        result: Array = array * self.sigmoid(array)
        return result

    def silu_gradient(self, grad: Array, array: Array) -> Array:
        """Return the gradient times the derivative of ``silu``."""
        gate = self.sigmoid(array)
        result: Array = grad * gate * (1 + array * (1 - gate))
        return result

    def erf(self, array: Array) -> Array:
        """Return the error function of singles or doubles."""
        return special.erf(self.xp, array)

    def erfc(self, array: Array) -> Array:
        """Return the complement of the error function."""
        return special.erfc(self.xp, array)

    def gelu(self, array: Array) -> Array:
        """Return each element times the normal distribution function of it."""
        return special.gelu(self.xp, array)

    def gelu_gradient(self, grad: Array, array: Array) -> Array:
        """Return the gradient times the derivative of ``gelu``."""
        return special.gelu_gradient(self.xp, grad, array)

    # -- order -------------------------------------------------------------------------------------------------------

    def argsort(self, array: Array, dim: int, descending: bool) -> Array:
        """Return the indices that sort along a dim; equal ones stay in order, in both directions."""
        return order.order(self.xp, array, dim, descending)

    def argtop(self, array: Array, k: int, dim: int, descending: bool) -> Array:
        """Return the first k of the indices that sort along a dim; of equal ones any may be among them."""
        return order.first(self.xp, array, k, dim, descending)

    def cumsum(self, array: Array, dim: int) -> Array:
        """Return the sums of floats up to each element along a dim, added in double precision."""
        wide = "complex128" if array.dtype.kind == "c" else "float64"
        return self.xp.cumsum(array, axis=dim, dtype=wide).astype(array.dtype)

    # -- products ----------------------------------------------------------------------------------------------------

    def dot(self, a: Array, b: Array) -> Array:
        """Multiply factors of one or two dims."""
        return self.xp.dot(a, b)

    # -- convolution and pooling -------------------------------------------------------------------------------------

    def conv2d(self, input: Array, weight: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        """Correlate (N, C, H, W) with (O, C / groups, KH, KW)."""
        return conv.conv2d(self.xp, input, weight, stride, padding, dilation, groups)

    def conv2d_input(
        self,
        grad: Array,
        weight: Array,
        input_shape: tuple[int, ...],
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
    ) -> Array:
        """Return the adjoint of ``conv2d`` in its input."""
        return conv.conv2d_input(self.xp, grad, weight, input_shape, stride, padding, dilation, groups)

    def conv2d_weight(
        self,
        grad: Array,
        input: Array,
        weight_shape: tuple[int, ...],
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
    ) -> Array:
        """Return the adjoint of ``conv2d`` in its weight."""
        return conv.conv2d_weight(self.xp, grad, input, weight_shape, stride, padding, dilation, groups)

    def max_pool2d(
        self, input: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
    ) -> tuple[Array, Array]:
        """Return the largest entry of each window and its flat position in (H, W)."""
        return pool.max_pool2d(self.xp, input, kernel, stride, padding, dilation, ceil_mode)

    def gather_planes(self, input: Array, indices: Array) -> Array:
        """Return the entries of (N, C, H, W) at flat positions in (H, W)."""
        return pool.gather_planes(self.xp, input, indices)

    def scatter_planes(self, grad: Array, indices: Array, input_shape: tuple[int, ...]) -> Array:
        """Add entries at flat positions in the planes of zeros: the adjoint of ``gather_planes``."""
        return pool.scatter_planes(self.xp, grad, indices, input_shape)

    def avg_pool2d(
        self,
        input: Array,
        kernel: Pair,
        stride: Pair,
        padding: Pair,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Array:
        """Return the mean of each window."""
        return pool.avg_pool2d(self.xp, input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)

    def avg_pool2d_input(
        self,
        grad: Array,
        input_shape: tuple[int, ...],
        kernel: Pair,
        stride: Pair,
        padding: Pair,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> Array:
        """Return the adjoint of ``avg_pool2d``."""
        return pool.avg_pool2d_input(
            self.xp, grad, input_shape, kernel, stride, padding, count_include_pad, divisor_override
        )

    # -- normalisation -----------------------------------------------------------------------------------------------

    def standardize(self, input: Array, eps: float) -> tuple[Array, Array, Array, Array]:
        """Return (N, C, L) with mean 0 and variance 1 per C; 1 / sqrt(var + eps), mean and variance, (1, C, 1)."""
        return norm.standardize(self.xp, input, eps)

    def project_standardized(self, input: Array, z: Array, r: Array) -> Array:
        """Return the adjoint, and derivative, of ``standardize``, given two of its results."""
        return norm.project(self.xp, input, z, r)
