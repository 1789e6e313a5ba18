"""Arrays without memory: a shape, a dtype and strides.

A ``MetaArray`` stands where operations expect an array of NumPy. Views compute strides (``places.py``). Functions and
operators return the shape and the dtype of what NumPy would return. What would read an element raises.

The dtype is NumPy's own: a function runs on arrays of one element each, or of none where the array has none, so it also
refuses what NumPy refuses. The shape follows from a rule.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy

from minitensor.backends.meta import places
from minitensor.backends.silence import in_silence
from minitensor.errors import DeviceError, MetaError

Shape = tuple[int, ...]
Function = Callable[..., Any]


# -- what functions return ---------------------------------------------------------------------------------------------


def speck(value: Any) -> Any:
    """Return an array of one element in place of an array, and any other value as it is."""
    if isinstance(value, (MetaArray, numpy.ndarray)):
        return numpy.ones(1, value.dtype)
    return [speck(each) for each in value] if isinstance(value, (list, tuple)) else value


def crumb(array: Any) -> Any:
    """Return an array of the same number of dims, all of size 1, but those without entries of size 0."""
    return numpy.ones([min(n, 1) for n in array.shape], array.dtype)


def arrays_in(values: Any) -> list[Any]:
    """Return the arrays among values and lists of them."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, (MetaArray, numpy.ndarray)):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += arrays_in(value)
    return found


def require_one_device(operands: Sequence[Any]) -> None:
    """Raise if an array of the host, other than a number, is among arrays without memory."""
    for each in operands:
        if not isinstance(each, MetaArray) and each.ndim:
            raise DeviceError("expected all tensors on one device, got meta and cpu: move one with .to('meta')")


def elementwise(function: Function, *args: Any, out: Any = None, **kwargs: Any) -> Any:
    """Return what a function of each element returns: one array, or a tuple."""
    found = in_silence(function, *map(speck, args), **{name: speck(each) for name, each in kwargs.items()})
    operands = arrays_in([*args, *kwargs.values()])
    require_one_device(operands)
    shape = places.broadcast(*[each.shape for each in operands])
    if out is not None:
        first = out[0] if isinstance(out, tuple) else out
        places.require_fit(first.shape, shape)
        return first
    if isinstance(found, tuple):
        return tuple([in_order_of(shape, each.dtype, *operands) for each in found])
    return in_order_of(shape, numpy.asarray(found).dtype, *operands)


def lift(function: Function) -> Any:
    """Return the elementwise function of arrays without memory for one of NumPy."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return elementwise(function, *args, **kwargs)

    return call


def reduction(function: Function) -> Any:
    """Return the function that reduces dims of arrays without memory for one of NumPy."""

    def call(array: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        kwargs.update(zip(("dtype", "out", "keepdims"), args, strict=False))
        out = kwargs.pop("out", None)
        found = in_silence(function, crumb(array), axis=axis, **kwargs)
        dims = places.dims_of(axis, array.ndim)
        shape = places.without(array.shape, dims, bool(kwargs.get("keepdims")))
        return MetaArray(shape, numpy.asarray(found).dtype) if out is None else out

    return call


def reduce(ufunc: Any) -> Any:
    """Return the function for a ufunc's ``reduce``, whose dim is 0 unless it is given."""
    inner = reduction(ufunc.reduce)

    def call(array: Any, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
        return inner(array, axis, *args, **kwargs)

    return call


def position(function: Function) -> Any:
    """Return the function for ``argmax`` or ``argmin``."""

    def call(array: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        in_silence(function, crumb(array), axis=axis)
        return MetaArray(places.without(array.shape, places.dims_of(axis, array.ndim), keepdims), numpy.intp)

    return call


def along(function: Function) -> Any:
    """Return the function that computes along a dim and keeps the shape: a running sum, a sort."""

    def call(array: Any, axis: Any = -1, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        found = in_silence(function, crumb(array), axis, *args, **kwargs)
        shape = (array.size,) if axis is None else array.shape
        return MetaArray(shape, found.dtype) if out is None else out

    return call


def accumulation(function: Function) -> Any:
    """Return the function for ``cumsum`` or for a ufunc's ``accumulate``."""
    inner = along(function)

    def call(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        return inner(array, axis, dtype=dtype, out=out)

    return call


def repeat(array: Any, repeats: Any, axis: Any = None) -> MetaArray:
    """Return the layout of the entries of a dim, each repeated."""
    flat = array.reshape(-1) if axis is None else array
    dim = places.wrap(axis or 0, flat.ndim)
    if isinstance(repeats, MetaArray):
        raise MetaError("cannot repeat_interleave a meta tensor without output_size")
    counts = numpy.asarray(repeats)
    size = int(counts.sum()) if counts.ndim and counts.size != 1 else int(counts.reshape(-1)[0]) * flat.shape[dim]
    return MetaArray((*flat.shape[:dim], size, *flat.shape[dim + 1 :]), flat.dtype)


def take(array: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> MetaArray:
    """Return the layout of the entries of a dim at positions."""
    flat = array.reshape(-1) if axis is None else array
    dim = places.wrap(axis or 0, flat.ndim)
    wanted = numpy.shape(indices) if isinstance(indices, list) else indices.shape
    found = MetaArray((*flat.shape[:dim], *wanted, *flat.shape[dim + 1 :]), flat.dtype)
    return found if out is None else out


def binary(function: Function) -> Any:
    """Return an operator of an array and another operand."""

    def call(self: MetaArray, other: Any) -> Any:
        return elementwise(function, self, other)

    return call


def backwards(function: Function) -> Any:
    """Return an operator whose array is the second operand."""

    def call(self: MetaArray, other: Any) -> Any:
        return elementwise(function, other, self)

    return call


def in_place(function: Function) -> Any:
    """Return an operator that writes into its array."""

    def call(self: MetaArray, other: Any) -> MetaArray:
        places.require_fit(self.shape, elementwise(function, self, other).shape)
        return self

    return call


def in_three_ways(function: Function) -> Any:
    """Return an operator, the same with its operands exchanged, and the one that writes into its array."""
    return binary(function), backwards(function), in_place(function)


# -- the array ---------------------------------------------------------------------------------------------------------


class Flags(NamedTuple):
    """What operations ask of the flags of an array."""

    c_contiguous: bool
    writeable: bool = True


class MetaArray:
    """An array of a shape, a dtype and strides (in bytes) that has no elements."""

    __slots__ = ("dtype", "shape", "strides")

    __array_ufunc__ = None  # NumPy's scalars leave operators to this class
    __hash__ = None  # type: ignore[assignment]  # as NumPy's arrays

    dtype: Any
    shape: Shape
    strides: Shape

    def __init__(self, shape: Shape, dtype: Any, strides: Shape | None = None) -> None:
        self.shape = shape
        self.dtype = dtype if isinstance(dtype, numpy.dtype) else numpy.dtype(dtype)
        self.strides = places.row_major(shape, self.dtype.itemsize) if strides is None else strides
        places.require_addresses(shape, self.strides)

    def __repr__(self) -> str:
        return f"MetaArray({self.shape}, {self.dtype})"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def flags(self) -> Flags:
        return Flags(places.is_row_major(self.shape, self.strides, self.itemsize))

    # -- what would read elements ------------------------------------------------------------------------------------

    def item(self, *args: Any) -> Any:
        raise MetaError("Tensor.item() cannot be called on meta tensors: they have no data")

    __bool__ = __int__ = __float__ = __complex__ = __index__ = item

    def tolist(self) -> Any:
        raise MetaError("Cannot copy out of meta tensor; no data!")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise MetaError("Cannot copy out of meta tensor; no data!")

    def nonzero(self) -> Any:
        raise MetaError("nonzero: the shape of the result depends on the data, and a meta tensor has none")

    def __iter__(self) -> Iterator[MetaArray]:
        return iter([self[k] for k in range(len(self))])

    # -- views -------------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> MetaArray:
        return self._at(places.at_index(self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        if not places.has_mask(index):  # what a mask chooses has no shape
            places.require_fit(places.at_index(self, index)[0], getattr(value, "shape", ()))

    def _at(self, place: places.Place) -> MetaArray:
        return self.__class__(place[0], self.dtype, place[1])

    def view(self, kind: Any) -> Any:
        dtype = numpy.dtype(kind)
        shape, strides = places.as_dtype(self, dtype.itemsize)
        return MetaArray(shape, dtype, strides)

    def transpose(self, *axes: Any) -> MetaArray:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return self._permute([*range(self.ndim)][::-1] if order is None else order)

    def _permute(self, order: Sequence[int]) -> MetaArray:
        dims = [places.wrap(each, self.ndim) for each in order]
        if sorted(dims) != [*range(self.ndim)]:
            raise ValueError("axes don't match array")
        return self._at((tuple([self.shape[d] for d in dims]), tuple([self.strides[d] for d in dims])))

    @property
    def T(self) -> MetaArray:
        return self.transpose()

    def swapaxes(self, axis1: int, axis2: int) -> MetaArray:
        order = [*range(self.ndim)]
        a, b = places.wrap(axis1, self.ndim), places.wrap(axis2, self.ndim)
        order[a], order[b] = b, a
        return self._permute(order)

    def reshape(self, *shape: Any) -> MetaArray:
        wanted = places.read_shape(shape, self.size)
        return self._at((wanted, places.strides_in_shape(self, wanted)))

    def ravel(self) -> MetaArray:
        return self.reshape(-1)

    def squeeze(self, axis: Any = None) -> MetaArray:
        given = None if axis is None else places.dims_of(axis, self.ndim)
        kept = [d for d, n in enumerate(self.shape) if (n != 1 if given is None else d not in given)]
        return self._at((tuple([self.shape[d] for d in kept]), tuple([self.strides[d] for d in kept])))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> MetaArray:
        return self._at(places.diagonal(self, offset, axis1, axis2))

    @property
    def real(self) -> MetaArray:
        return MetaArray(self.shape, part_of(self.dtype), self.strides)

    @property
    def imag(self) -> MetaArray:
        return MetaArray(self.shape, part_of(self.dtype), self.strides)

    # -- copies ------------------------------------------------------------------------------------------------------

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", copy: bool = True) -> MetaArray:
        dtype = numpy.dtype(dtype)
        if not copy and dtype == self.dtype:
            return self
        return in_order_of(self.shape, dtype, self) if order == "K" else MetaArray(self.shape, dtype)

    def copy(self, order: str = "C") -> MetaArray:
        found = self.astype(self.dtype, order)
        return self.__class__(found.shape, found.dtype, found.strides)

    def flatten(self) -> MetaArray:
        return MetaArray((self.size,), self.dtype)

    def repeat(self, repeats: Any, axis: Any = None) -> MetaArray:
        return repeat(self, repeats, axis)

    def take(self, indices: Any, axis: Any = None) -> MetaArray:
        return take(self, indices, axis)

    def dot(self, other: Any) -> Any:
        return elementwise(numpy.multiply, self, other) if not (self.ndim and other.ndim) else self @ other

    def __matmul__(self, other: Any) -> MetaArray:
        dtype = in_silence(numpy.multiply, speck(self), speck(other)).dtype
        return MetaArray(places.product(self.shape, other.shape), dtype)

    def fill(self, value: Any) -> None:
        """Write a number everywhere: nothing is there to write to."""

    def sort(self, axis: int = -1) -> None:
        """Sort in place: nothing is there to sort."""

    # -- operators and functions -------------------------------------------------------------------------------------

    __add__, __radd__, __iadd__ = in_three_ways(operator.add)
    __sub__, __rsub__, __isub__ = in_three_ways(operator.sub)
    __mul__, __rmul__, __imul__ = in_three_ways(operator.mul)
    __truediv__, __rtruediv__, __itruediv__ = in_three_ways(operator.truediv)
    __floordiv__, __rfloordiv__, __ifloordiv__ = in_three_ways(operator.floordiv)
    __mod__, __rmod__, __imod__ = in_three_ways(operator.mod)
    __pow__, __rpow__, __ipow__ = in_three_ways(operator.pow)
    __and__, __rand__, __iand__ = in_three_ways(operator.and_)
    __or__, __ror__, __ior__ = in_three_ways(operator.or_)
    __xor__, __rxor__, __ixor__ = in_three_ways(operator.xor)
    __lshift__, __rlshift__, __ilshift__ = in_three_ways(operator.lshift)
    __rshift__, __rrshift__, __irshift__ = in_three_ways(operator.rshift)
    __lt__, __le__, __eq__ = binary(operator.lt), binary(operator.le), binary(operator.eq)
    __gt__, __ge__, __ne__ = binary(operator.gt), binary(operator.ge), binary(operator.ne)
    __neg__, __pos__ = lift(operator.neg), lift(operator.pos)
    __abs__, __invert__ = lift(operator.abs), lift(operator.invert)
    all, any, max, min = reduction(numpy.all), reduction(numpy.any), reduction(numpy.max), reduction(numpy.min)
    mean, prod, sum, var = reduction(numpy.mean), reduction(numpy.prod), reduction(numpy.sum), reduction(numpy.var)
    argmax, argmin, argsort = position(numpy.argmax), position(numpy.argmin), along(numpy.argsort)
    cumsum, cumprod = accumulation(numpy.cumsum), accumulation(numpy.cumprod)
    clip, conj, conjugate, round = lift(numpy.clip), lift(numpy.conj), lift(numpy.conj), lift(numpy.round)


def part_of(dtype: Any) -> Any:
    """Return the dtype of the real part of numbers."""
    return dtype.type(0).real.dtype if dtype.kind == "c" else dtype


def in_order_of(shape: Shape, dtype: Any, *operands: Any) -> MetaArray:
    """Return a new array whose dims are in memory in the order of those of the operands."""
    return MetaArray(shape, dtype, places.strides_in_order(shape, numpy.dtype(dtype).itemsize, operands))
