"""The functions of NumPy that operations call, on arrays without memory. ``xp`` stands where they expect the module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy

from minitensor.backends.meta import places
from minitensor.backends.meta.array import (
    MetaArray,
    accumulation,
    arrays_in,
    in_order_of,
    lift,
    part_of,
    position,
    reduce,
    reduction,
    repeat,
    require_one_device,
    take,
)
from minitensor.errors import MetaError

Shape = tuple[int, ...]


def read_sizes(shape: Any) -> Shape:
    return tuple(map(int, shape)) if isinstance(shape, (tuple, list)) else (int(shape),)


# -- new arrays --------------------------------------------------------------------------------------------------------


def empty(shape: Any, dtype: Any = float, order: str = "C") -> MetaArray:
    return MetaArray(read_sizes(shape), dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> MetaArray:
    return MetaArray(read_sizes(shape), numpy.asarray(fill_value).dtype if dtype is None else dtype)


def empty_like(array: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> MetaArray:
    kind = array.dtype if dtype is None else dtype
    return in_order_of(array.shape, kind, array) if shape is None else empty(shape, kind)


def full_like(array: Any, fill_value: Any, dtype: Any = None) -> MetaArray:
    return empty_like(array, dtype)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> MetaArray:
    start, stop = (0, start) if stop is None else (start, stop)
    count = max(0, int(numpy.ceil((stop - start) / step)))
    kind = numpy.result_type(start, stop, step) if dtype is None else dtype
    return MetaArray((count,), kind)


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> MetaArray:
    return MetaArray((n, n if m is None else m), dtype)


def asarray(value: Any, dtype: Any = None, order: Any = None, copy: Any = None) -> MetaArray:
    if isinstance(value, MetaArray):
        return value if dtype is None else value.astype(dtype, copy=False)
    if isinstance(value, (list, tuple)) and any(isinstance(each, MetaArray) for each in value):
        joined = stack(value)
        return joined if dtype is None else joined.astype(dtype)
    host = numpy.asarray(value, dtype)
    return MetaArray(host.shape, host.dtype)


def array(value: Any, dtype: Any = None, copy: Any = True, order: str = "K") -> MetaArray:
    found = asarray(value, dtype)
    return found.copy(order) if found is value else found


def ascontiguousarray(value: Any, dtype: Any = None) -> MetaArray:
    found = asarray(value, dtype)
    return found if found.flags.c_contiguous else found.copy()


# -- views -------------------------------------------------------------------------------------------------------------


def broadcast_to(array: Any, shape: Any) -> MetaArray:
    place = places.place_of_expansion(asarray(array), read_sizes(shape))
    return MetaArray(place[0], array.dtype, place[1])


def broadcast_arrays(*arrays: Any) -> tuple[MetaArray, ...]:
    shape = places.broadcast(*[each.shape for each in arrays])
    return tuple([broadcast_to(each, shape) for each in arrays])


def moveaxis(array: Any, source: Any, destination: Any) -> MetaArray:
    sources, targets = places.dims_of(source, array.ndim), places.dims_of(destination, array.ndim)
    order = [dim for dim in range(array.ndim) if dim not in sources]
    for target, dim in sorted(zip(targets, sources)):
        order.insert(target, dim)
    found: MetaArray = array.transpose(order)
    return found


def expand_dims(array: Any, axis: Any) -> MetaArray:
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    dims = places.dims_of(axis, array.ndim + count)
    found: MetaArray = array[tuple([None if dim in dims else slice(None) for dim in range(array.ndim + count)])]
    return found


def as_method(name: str) -> Callable[..., Any]:
    """Return the function that calls a method of its first argument."""

    def call(array: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(array, name)(*args, **kwargs)

    return call


# -- joins and copies --------------------------------------------------------------------------------------------------


def common_dtype(arrays: Sequence[Any], dtype: Any = None) -> Any:
    return numpy.result_type(*[each.dtype for each in arrays]) if dtype is None else dtype


def concatenate(arrays: Sequence[Any], axis: Any = 0, out: Any = None, dtype: Any = None) -> MetaArray:
    parts = [each.reshape(-1) for each in arrays] if axis is None else list(arrays)
    dim = places.wrap(axis or 0, parts[0].ndim)
    shape = list(parts[0].shape)
    for each in parts[1:]:
        if [n for d, n in enumerate(each.shape) if d != dim] != [n for d, n in enumerate(shape) if d != dim]:
            raise ValueError("all the input array dimensions except for the concatenation axis must match exactly")
        shape[dim] += each.shape[dim]
    return MetaArray(tuple(shape), common_dtype(parts, dtype)) if out is None else out


def stack(arrays: Sequence[Any], axis: int = 0, out: Any = None, dtype: Any = None) -> MetaArray:
    parts = [asarray(each) for each in arrays]
    if len({each.shape for each in parts}) > 1:
        raise ValueError("all input arrays must have the same shape")
    dim = places.wrap(axis, parts[0].ndim + 1)
    shape = parts[0].shape
    return MetaArray((*shape[:dim], len(parts), *shape[dim:]), common_dtype(parts, dtype)) if out is None else out


def same(array: Any, *args: Any, **kwargs: Any) -> MetaArray:
    """Return a new array of the shape and dtype of another: flipped, rolled, a triangle of it."""
    return MetaArray(array.shape, array.dtype)


def tile(array: Any, reps: Any) -> MetaArray:
    counts = read_sizes(reps)
    shape = (1,) * (len(counts) - array.ndim) + array.shape
    counts = (1,) * (len(shape) - len(counts)) + counts
    return MetaArray(tuple([n * m for n, m in zip(shape, counts)]), array.dtype)


def take_along_axis(array: Any, indices: Any, axis: Any = -1) -> MetaArray:
    if axis is None:
        return MetaArray(indices.shape, array.dtype)
    dim = places.wrap(axis, array.ndim)
    other = places.broadcast(*[(*s[:dim], 1, *s[dim + 1 :]) for s in (array.shape, indices.shape)])
    return MetaArray((*other[:dim], indices.shape[dim], *other[dim + 1 :]), array.dtype)


def copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    places.require_fit(target.shape, getattr(source, "shape", ()))


def write(target: Any, *args: Any, **kwargs: Any) -> None:
    """Write into an array: nothing is there to write to."""
    require_one_device(arrays_in([target, *args, *kwargs.values()]))


def sort(array: Any, axis: Any = -1, kind: Any = None) -> MetaArray:
    return MetaArray((array.size,) if axis is None else array.shape, array.dtype)


def argsort(array: Any, axis: Any = -1, kind: Any = None) -> MetaArray:
    return MetaArray((array.size,) if axis is None else array.shape, numpy.intp)


def partition(array: Any, kth: Any, axis: Any = -1) -> MetaArray:
    return sort(array, axis)


def argpartition(array: Any, kth: Any, axis: Any = -1) -> MetaArray:
    return argsort(array, axis)


def lexsort(keys: Any, axis: int = -1) -> MetaArray:
    return MetaArray(keys[0].shape, numpy.intp)


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> MetaArray:
    return MetaArray(v.shape, numpy.intp)


def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False) -> MetaArray:
    return MetaArray(element.shape, bool)


def depends_on_data(name: str) -> Callable[..., Any]:
    """Return a function that refuses to tell a shape."""

    def call(*args: Any, **kwargs: Any) -> Any:
        raise MetaError(f"{name}: the shape of the result depends on the data, and a meta tensor has none")

    return call


# -- products ----------------------------------------------------------------------------------------------------------


def matmul(a: Any, b: Any, out: Any = None) -> Any:
    return a @ b if out is None else out


def dot(a: Any, b: Any, out: Any = None) -> Any:
    return a.dot(b) if out is None else out


def einsum(equation: str, *operands: Any, **kwargs: Any) -> MetaArray:
    inputs, _, output = equation.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    lead: Shape = ()
    for term, each in zip(inputs.split(","), operands):
        before, dots, after = term.partition("...")
        if dots:
            lead = places.broadcast(lead, each.shape[len(before) : each.ndim - len(after)])
        named = [*zip(before, each.shape), *zip(reversed(after), reversed(each.shape))]
        for label, size in named:
            sizes[label] = max(size, sizes.get(label, size))
    before, dots, after = output.partition("...")
    shape = (*[sizes[each] for each in before], *(lead if dots else ()), *[sizes[each] for each in after])
    return MetaArray(shape, common_dtype(operands))


# -- transforms and factors --------------------------------------------------------------------------------------------


def transform(array: Any, s: Any = None, axes: Any = None, norm: Any = None) -> MetaArray:
    """Return what ``fftn`` and ``ifftn`` return: complex numbers of the precision of the array."""
    dims = places.dims_of(axes, array.ndim)
    shape = list(array.shape)
    for dim, size in zip(dims, [shape[dim] for dim in dims] if s is None else s):
        shape[dim] = size
    return in_order_of(tuple(shape), complex_of(array.dtype), array)


def real_transform(array: Any, s: Any = None, axes: Any = None, norm: Any = None) -> MetaArray:
    """Return what ``rfftn`` returns: half of the last dim."""
    whole = transform(array, s, axes)
    last = places.dims_of(axes, array.ndim)[-1]
    shape = (*whole.shape[:last], whole.shape[last] // 2 + 1, *whole.shape[last + 1 :])
    return in_order_of(shape, whole.dtype, array)


def transform_along(array: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> MetaArray:
    """Return what ``rfft`` and ``ihfft`` return: half of one dim."""
    return real_transform(array, None if n is None else (n,), (axis,))


def real_inverse(array: Any, s: Any = None, axes: Any = None, norm: Any = None) -> MetaArray:
    """Return what ``irfftn`` returns: real numbers, twice as many in the last dim."""
    dims = places.dims_of(axes, array.ndim)
    sizes = [array.shape[dim] for dim in dims] if s is None else list(s)
    if s is None:
        sizes[-1] = 2 * (sizes[-1] - 1)
    whole = transform(array, sizes, dims)
    return in_order_of(whole.shape, part_of(whole.dtype), array)


def complex_of(dtype: Any) -> Any:
    """Return the complex dtype of the same precision."""
    return numpy.result_type(dtype, numpy.complex64)


def qr(array: Any, mode: str = "reduced") -> Any:
    """Return Q and R, or R alone."""
    *batch, m, n = array.shape
    if mode == "raw":
        return MetaArray((*batch, n, m), array.dtype), MetaArray((*batch, min(m, n)), array.dtype)
    if mode == "r":
        return MetaArray((*batch, min(m, n), n), array.dtype)
    k = m if mode == "complete" else min(m, n)
    return MetaArray((*batch, m, k), array.dtype), MetaArray((*batch, k, n), array.dtype)


def norm(array: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> MetaArray:
    """Return norms along dims."""
    dims = places.dims_of(axis, array.ndim)
    return MetaArray(places.without(array.shape, dims, keepdims), part_of(array.dtype))


# -- the module --------------------------------------------------------------------------------------------------------


class Ufunc:
    """A ufunc of NumPy, with those of its methods that operations call."""

    def __init__(self, ufunc: Any) -> None:
        self.ufunc = ufunc
        self.call = lift(ufunc)
        self.reduce, self.accumulate, self.at = reduce(ufunc), accumulation(ufunc.accumulate), write

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def outer(self, a: Any, b: Any) -> Any:
        """Return the results of all pairs."""
        return self.call(a.reshape(a.shape + (1,) * b.ndim), b)


class Library(ModuleType):
    """The module that operations use as ``xp``: functions of arrays without memory, NumPy's dtypes and constants."""

    ndarray = MetaArray

    def __getattr__(self, name: str) -> Any:
        value = getattr(numpy, name)
        if isinstance(value, numpy.ufunc):
            made: Any = Ufunc(value)
        elif isinstance(value, type) or not callable(value):
            made = value
        elif name in ELEMENTWISE:
            made = lift(value)
        elif name in REDUCTIONS:
            made = reduction(value)
        else:
            raise AttributeError(f"there is no rule for the shape of numpy.{name}")
        setattr(self, name, made)
        return made


ELEMENTWISE = frozenset("where clip nan_to_num round real_if_close angle isreal iscomplex isclose fix sinc i0".split())
REDUCTIONS = frozenset("all any amax amin max mean min prod sum std var count_nonzero nansum median".split())

xp: Any = Library("minitensor.backends.meta.functions.xp")
vars(xp).update({
    "empty": empty, "zeros": empty, "ones": empty, "full": full, "empty_like": empty_like, "zeros_like": empty_like,
    "ones_like": empty_like, "full_like": full_like, "arange": arange, "eye": eye, "asarray": asarray, "array": array,
    "ascontiguousarray": ascontiguousarray, "broadcast_to": broadcast_to, "broadcast_arrays": broadcast_arrays,
    "broadcast_shapes": numpy.broadcast_shapes, "result_type": numpy.result_type, "moveaxis": moveaxis,
    "expand_dims": expand_dims, "concatenate": concatenate, "stack": stack, "flip": same, "roll": same, "tril": same,
    "triu": same, "repeat": repeat, "tile": tile, "take": take, "take_along_axis": take_along_axis, "copyto": copyto,
    "put_along_axis": write, "sort": sort, "argsort": argsort, "partition": partition, "argpartition": argpartition,
    "lexsort": lexsort, "searchsorted": searchsorted, "isin": isin, "matmul": matmul, "dot": dot, "einsum": einsum,
    "cumsum": accumulation(numpy.cumsum), "cumprod": accumulation(numpy.cumprod), "argmax": position(numpy.argmax),
    "argmin": position(numpy.argmin),
})  # fmt: skip
vars(xp).update({name: as_method(name) for name in "transpose swapaxes reshape ravel squeeze diagonal".split()})
vars(xp).update({name: depends_on_data(name) for name in "nonzero argwhere unique bincount allclose".split()})
xp.fft, xp.linalg = ModuleType("fft"), ModuleType("linalg")
vars(xp.fft).update(fftn=transform, ifftn=transform, rfftn=real_transform, irfftn=real_inverse)
vars(xp.fft).update(rfft=transform_along, ihfft=transform_along)
vars(xp.linalg).update(qr=qr, norm=norm)
