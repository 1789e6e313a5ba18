"""Tensors from nothing: from Python data, from host arrays, and filled by a rule.

``tensor`` copies, ``as_tensor`` and ``from_numpy`` share memory where they can. Every function takes ``dtype``,
``device`` and ``requires_grad`` as PyTorch's do; random ones are in ``random.py``.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy

from minitensor import dtypes
from minitensor import layout as layouts
from minitensor.autograd.binding import host_value
from minitensor.autograd.face import set_requires_grad
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase, new, require_writable, wrap
from minitensor.callers import user_level
from minitensor.device import CPU, device
from minitensor.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, UnsupportedDtype, WrongTypeError
from minitensor.ops import nested
from minitensor.ops.out import fill, warn_of_resize
from minitensor.ops.resize import resize_
from minitensor.shapes import normalize_sizes, require_room
from minitensor.storage import Storage, storage_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.argument_types import Switch
    from minitensor.backends import Array, Library
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype
    from minitensor.layout import Layout
    from minitensor.memory_format import memory_format
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor

Dtype = Any  # a minitensor dtype or None
NUMBERS = (bool, int, float, complex)


# -- from data ---------------------------------------------------------------------------------------------------------


def tensor(
    data: Any, *, dtype: dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Copy numbers, nested sequences, a host array or a tensor into a new leaf.

    Python floats take the default dtype (float32), ints int64, bools bool; arrays keep theirs.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> tensor([1, 2.5], requires_grad=True)
    tensor([1.0000, 2.5000], requires_grad=True)
    """
    if isinstance(data, TensorBase):
        if device is None:
            device = data.device
        array = data.backend.to_host(data.array)
    else:
        array = host_array(data, dtype)
    wanted = array.dtype if dtype is None else kind_of(dtype)
    return finished(numpy.array(array, dtype=wanted, order="C"), device, requires_grad)


def kind_of(wanted: Any) -> Any:
    """Return the array library's dtype for one of ours."""
    if not isinstance(wanted, dtypes.dtype):
        raise ArgumentTypeError(f"dtype must be a minitensor dtype, such as minitensor.float32, got {wanted!r}")
    return wanted.numpy


def host_array(data: Any, wanted: dtype | None) -> Array:
    """Return Python data as a host array of the dtype it stands for."""
    if isinstance(data, numpy.generic) or (not isinstance(data, NUMBERS) and hasattr(data, "__array__")):
        array = numpy.asarray(data)
        require_native(array)
        return array
    return nested.read(data, None if wanted is None else kind_of(wanted))


def require_native(array: Array) -> None:
    """Refuse an array whose elements have no dtype here, or lie in memory as another machine's do."""
    if not array.dtype.isnative:
        native = array.dtype.newbyteorder("=").name
        raise ArgumentError(
            f"the byte order of an array of {array.dtype.str!r} is not this machine's; use .astype({native!r}) first"
        )
    dtypes.from_numpy(array.dtype)


def as_tensor(data: Any, dtype: dtype | None = None, device: DeviceLike = None) -> Tensor:
    """Return the data as a tensor, without a copy where dtype and device allow."""
    if isinstance(data, TensorBase):
        moved: Tensor = data.to(dtype=dtype, device=device)
        return moved
    if isinstance(data, numpy.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None and device is None else shared.to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


@composite
def from_numpy(ndarray: Array) -> Tensor:
    """Return a tensor on a host array's own memory: a write to one is seen through the other.

    >>> import numpy
    >>> array = numpy.zeros(2)
    >>> t = from_numpy(array)
    >>> array[0] = 1
    >>> t
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, numpy.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    require_native(ndarray)
    if not ndarray.flags.writeable:
        warnings.warn(
            "the given NumPy array is not writable; writing to the tensor will raise: copy the array first",
            UserWarning, stacklevel=user_level(),
        )
    shape, size = ndarray.shape, ndarray.itemsize
    for dim, stride in enumerate(ndarray.strides):
        if stride < 0 and shape[dim] > 1:
            raise ArgumentError(
                f"from_numpy: dim {dim} has the negative stride {stride}; tensors have none: copy the array first"
            )
        if stride % size and shape[dim] > 1:
            raise ArgumentError(f"from_numpy: stride {stride} of dim {dim} is no multiple of the itemsize {size}")
    return on_memory(ndarray)


def on_memory(array: Array) -> Tensor:
    """Return a tensor that looks at a host array's memory as it lies."""
    if array.flags.c_contiguous and array.flags.writeable:
        made: Tensor = wrap(TensorBase.result_class, array.view(numpy.ndarray))
        return made
    layout = layouts.Layout(array.shape, tuple([
        max(stride, 0) // array.itemsize if n > 1 else 0 for stride, n in zip(array.strides, array.shape, strict=True)
    ]), 0)
    _, end = layouts.extent(layout)
    flat = numpy.lib.stride_tricks.as_strided(array, (end,), (array.itemsize,), writeable=array.flags.writeable)
    shared: Tensor = new(TensorBase.result_class)
    shared._storage, shared._layout = storage_on(flat), layout
    shared._node = shared._base = None
    return shared


def finished(array: Array, where: DeviceLike, requires_grad: bool) -> Tensor:
    """Return a new leaf on a fresh host array, moved to its device."""
    if where is not None:
        place = device(where)
        array = place.backend.asarray(array, place.index)
    made: Tensor = wrap(TensorBase.result_class, array)
    if requires_grad:
        set_requires_grad(made, requires_grad)
    return made


# -- filled by a rule --------------------------------------------------------------------------------------------------


def sizes_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """Return ``zeros(2, 3)``'s or ``zeros((2, 3))``'s sizes, none of them negative."""
    shape = normalize_sizes(*size)
    for each in shape:
        if each < 0:
            raise ShapeError(f"trying to create tensor with negative dimension {each}: {list(shape)}")
    require_room(shape)
    return shape


def as_number(value: Any) -> Any:
    """Return a Python number for a number or a tensor of one element."""
    return value.item() if isinstance(value, TensorBase) else value


def library(where: DeviceLike) -> Library:
    """Return the array library of a device, the host's by default."""
    return (CPU if where is None else device(where)).backend.xp


def hand_over(name: str, array: Array, out: Tensor | None, requires_grad: bool) -> Tensor:
    """Return an array made on its device as a leaf, or write it into ``out``."""
    made: Tensor = wrap(TensorBase.result_class, array)
    if out is not None:
        set_requires_grad(fill(name, made, out), requires_grad)
        return out
    if requires_grad:
        set_requires_grad(made, requires_grad)
    return made


def hand_over_range(name: str, array: Array, out: Tensor | None, requires_grad: bool) -> Tensor:
    """Return a range as a leaf, or write it into ``out``: with a warning if that has another number of elements."""
    values = in_shape_of(array, out)
    if out is not None and out.shape != values.shape:
        warn_of_resize(out, values.shape)
    return hand_over(name, values, out, requires_grad)


def in_shape_of(array: Array, out: Tensor | None) -> Array:
    """Return a range in the shape of ``out``, if that has as many elements."""
    return array if out is None or out.numel() != array.size else array.reshape(out.layout.shape)


def chosen(wanted: dtype | None, out: Tensor | None = None) -> Any:
    """Return the array library's dtype for what was asked: given, that of ``out``, or the default."""
    if out is not None:
        return dtype_of_out(wanted, out)
    return dtypes.get_default_dtype().numpy if wanted is None else kind_of(wanted)


def dtype_of_range(name: str, wanted: Any, refused: str) -> Any:
    """Return the array library's dtype of evenly spaced values, unless it is of a kind that has no range."""
    if wanted.kind in refused:
        raise UnsupportedDtype(f"{name}: not implemented for {dtypes.from_numpy(wanted).name}: give another dtype")
    return wanted


def dtype_of_out(wanted: dtype | None, out: Any) -> Any:
    """Return the array library's dtype of ``out``, which a dtype that is given too must be."""
    if not isinstance(out, TensorBase):
        raise WrongTypeError(f"argument 'out' must be a tensor, not {type(out).__name__}")
    if wanted is not None and kind_of(wanted) != out.dtype.numpy:
        raise DtypeError(
            f"dtype {dtypes.from_numpy(kind_of(wanted)).name} does not match dtype of out parameter ({out.dtype.name})"
        )
    require_writable("out=", out)
    return out.dtype.numpy


@composite
def zeros(
    *size: Any, out: Tensor | None = None, dtype: Dtype = None, device: DeviceLike = None, requires_grad: Switch = False
) -> Tensor:
    """Return zeros of the given size.

    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return hand_over("zeros", library(device).zeros(sizes_of(size), chosen(dtype, out)), out, requires_grad)


@composite
def ones(
    *size: Any, out: Tensor | None = None, dtype: Dtype = None, device: DeviceLike = None, requires_grad: Switch = False
) -> Tensor:
    """Return ones of the given size."""
    return hand_over("ones", library(device).ones(sizes_of(size), chosen(dtype, out)), out, requires_grad)


@composite
def empty(
    *size: Any, out: Tensor | None = None, dtype: Dtype = None, device: DeviceLike = None,
    requires_grad: Switch = False, memory_format: memory_format | None = None,
) -> Tensor:
    """Return memory of the given size as it comes, to be written to."""
    shape, kind = sizes_of(size), chosen(dtype, out)
    if out is not None:
        return resize_(out, shape, memory_format=memory_format)
    made = hand_over("empty", library(device).empty(shape, kind), None, requires_grad)
    return made if memory_format is None else made.contiguous(memory_format=memory_format)


@composite
def full(
    size: Sequence[int], fill_value: Number, *, out: Tensor | None = None, dtype: Dtype = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return a tensor of one number, whose type gives the dtype.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    value = as_number(fill_value)
    wanted = chosen(dtype or (dtypes.dtype_of_number(value) if out is None else None), out)
    number = dtypes.fit(value, wanted)[()]
    shape = sizes_of((tuple(size),) if not isinstance(size, int) else (size,))
    return hand_over("full", library(device).full(shape, number, wanted), out, requires_grad)


@composite
def eye(
    n: int, m: int | None = None, *, out: Tensor | None = None, dtype: Dtype = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the (n, m) matrix with ones on the diagonal."""
    if n < 0 or (m is not None and m < 0):
        raise ShapeError(f"eye: sizes must not be negative, got {n} and {m}")
    return hand_over("eye", library(device).eye(n, m, dtype=chosen(dtype, out)), out, requires_grad)


@composite
def arange(
    start: Number, end: Number | None = None, step: Number = 1, *, out: Tensor | None = None, dtype: Dtype = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return ``start, start + step, ...`` up to, not including, ``end``; ints give int64.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    if end is None:
        start, end = 0, start
    limits = [as_number(each) for each in (start, end, step)]
    whole = all(isinstance(each, int) for each in limits)
    default = dtypes.int64 if whole and out is None else None
    wanted = dtype_of_range("arange", chosen(dtype or default, out), "bc")
    limits = [limit(each, wanted) for each in limits]
    if wanted.kind in "iu":
        limits = whole_limits(limits, wanted)
    first, last, stride = limits
    if stride == 0:
        raise ZeroStep("arange: step must be nonzero")
    if not all(math.isfinite(each) for each in limits):
        raise DtypeError(f"arange: unsupported range: {first} -> {last}")
    if (last - first) / stride < 0:
        raise DtypeError(
            f"arange: upper bound and lower bound inconsistent with step sign: {first} -> {last} in steps of {stride}"
        )
    count = -((first - last) // stride) if isinstance(stride, int) else math.ceil((last - first) / stride)
    steps = library(device).arange(count)
    return hand_over_range("arange", (first + steps * stride).astype(wanted), out, requires_grad)


SURE = 1 << 53  # integers below this fit every dtype of a range as they are


def limit(value: Any, wanted: Any) -> Any:
    """Return a limit of a range as a real number; for integers it must fit int64."""
    if value.__class__ is int and -SURE < value < SURE:
        return value
    dtypes.require_fits(value, dtypes.float64 if wanted.kind == "f" else dtypes.int64)
    return value.real


class ZeroStep(DtypeError, ArgumentError):
    """A step of zero: PyTorch raises RuntimeError, or ValueError where it was cut to an integer; this is both."""


def whole_limits(limits: list[Any], wanted: Any) -> list[int]:
    """Return start, end and step of a range of integers, cut to such; int64 alone counts its elements afterwards."""
    first, last, stride = limits
    start, step = int(first), int(stride)
    if wanted.itemsize == 8 or not step or (last - first) / stride < 0:
        return [start, int(last), step]
    return [start, start + step * math.ceil((last - first) / stride), step]


@composite
def linspace(
    start: Number, end: Number, steps: int, *, out: Tensor | None = None, dtype: Dtype = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return ``steps`` values evenly spaced from ``start`` to ``end``, both included.

    >>> linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last = ends("linspace", start, end, steps)
    wanted = dtype_of_range("linspace", spacing_dtype(first, last, dtype, out), "b")
    values = spaced(first, last, steps, wanted, library(device))
    return hand_over("linspace", in_shape_of(values, out), out, requires_grad)


def ends(name: str, start: Any, end: Any, steps: Any) -> tuple[Any, Any]:
    """Return the ends of evenly spaced values as numbers."""
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise ArgumentTypeError(f"{name}: steps must be an int, got {steps!r} of type {type(steps).__name__}")
    if steps < 0:
        raise DtypeError(f"{name}: number of steps must be non-negative, got {steps}")
    start, end = host_value(start, None), host_value(end, None)
    for argument, value in (("start", start), ("end", end)):
        if not isinstance(value, (TensorBase, int, float, complex)):
            raise ArgumentTypeError(f"{name}: {argument} must be a number, got {value!r}: {type(value).__name__}")
        if isinstance(value, TensorBase) and value.ndim:
            raise DtypeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {argument} with {value.ndim} "
                "dimension(s)"
            )
    return as_number(start), as_number(end)


def spacing_dtype(first: Any, last: Any, wanted: dtype | None, out: Tensor | None) -> Any:
    """Return the dtype of evenly spaced values: given, or the default one, complex if an end is."""
    if not isinstance(first, complex) and not isinstance(last, complex):
        return chosen(wanted, out)
    if wanted is None and out is None:
        return dtypes.get_default_dtype().to_complex().numpy
    found = chosen(wanted, out)
    if found.kind != "c":
        raise DtypeError(
            f"a range from {first} to {last} is complex and can't be safely cast to {found.name}; give a complex dtype"
        )
    return found


def spaced(first: Any, last: Any, steps: int, wanted: Any, xp: Library) -> Array:
    """Return evenly spaced values; each half counts from its own end, so that both ends are exact."""
    work = wanted if wanted.kind in "fc" and wanted.itemsize > 2 else dtypes.float64.numpy
    low, high = [xp.asarray(dtypes.fit(each, wanted)[()], dtype=work) for each in (first, last)]
    step = (high - low) / max(steps - 1, 1)
    number = xp.arange(steps).astype(work)
    values: Array = xp.where(number.real < steps // 2, low + step * number, high - step * (steps - 1 - number))
    if steps == 1:
        values = low.reshape(1)
    return values.astype(wanted)


@composite
def logspace(
    start: Number, end: Number, steps: int, base: float = 10.0, *, out: Tensor | None = None, dtype: Dtype = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return ``base`` raised to evenly spaced exponents."""
    xp = library(device)
    first, last = ends("logspace", start, end, steps)
    wanted = dtype_of_range("logspace", spacing_dtype(first, last, dtype, out), "b")
    work = dtypes.complex128.numpy if wanted.kind == "c" else dtypes.float64.numpy
    first, last = [dtypes.fit(each, wanted).item() for each in (first, last)]
    exponents = spaced(first, last, steps, work, xp)
    values = xp.power(work.type(base), exponents).astype(wanted)
    return hand_over("logspace", in_shape_of(values, out), out, requires_grad)


@composite
def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: Dtype = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return memory as it comes, read with the given strides, which may leave gaps or overlap.

    >>> empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, strides = sizes_of((tuple(size),)), tuple([int(step) for step in stride])
    if len(shape) != len(strides):
        raise ShapeError(
            f"empty_strided: dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(strides)})"
        )
    if any(step < 0 for step in strides):
        raise ShapeError(f"empty_strided: strides must not be negative, got {strides}")
    layout = layouts.Layout(shape, strides, 0)
    _, end = layouts.extent(layout)
    made: Tensor = new(TensorBase.result_class)
    made._storage = Storage(library(device).empty((end,), chosen(dtype)))
    made._layout = layout
    made._node = made._base = None
    if requires_grad:
        set_requires_grad(made, requires_grad)
    return made


# -- where the triangles lie -------------------------------------------------------------------------------------------


@composite
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype = None, device: DeviceLike = None
) -> Tensor:
    """Return the rows and columns of a (row, col) matrix's elements on and below a diagonal, as a (2, N) tensor.

    >>> tril_indices(2, 3)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    xp = triangular("tril_indices", row, col, dtype, device)
    return placed(xp, xp.arange(col) <= xp.arange(row)[:, None] + offset, dtype)


@composite
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Dtype = None, device: DeviceLike = None
) -> Tensor:
    """Return the rows and columns of a (row, col) matrix's elements on and above a diagonal, as a (2, N) tensor."""
    xp = triangular("triu_indices", row, col, dtype, device)
    return placed(xp, xp.arange(col) >= xp.arange(row)[:, None] + offset, dtype)


def triangular(name: str, row: Any, col: Any, wanted: dtype | None, where: DeviceLike) -> Library:
    """Refuse sizes that no matrix has, and dtypes that hold no index; return the array library."""
    for argument, value in (("row", row), ("col", col)):
        if not isinstance(value, int):
            raise ArgumentTypeError(f"{name}(): argument {argument!r} must be int, not {type(value).__name__}")
        if value < 0:
            raise DtypeError(f"{name}: {argument} must be non-negative, got {value}")
    if wanted not in (None, dtypes.int32, dtypes.int64):
        raise UnsupportedDtype(f"{name}: not implemented for {wanted}; take int32 or int64")
    return library(where)


def placed(xp: Library, mask: Array, wanted: dtype | None) -> Tensor:
    """Return the indices of a mask's true elements, a row for each dim."""
    found = xp.stack(xp.nonzero(mask))
    return hand_over("triangle", found.astype((wanted or dtypes.int64).numpy), None, False)


# -- like another tensor -----------------------------------------------------------------------------------------------


def filled_like(
    input: Tensor, value: Number | None, wanted: dtype | None, where: DeviceLike, requires_grad: bool, format: Any
) -> Tensor:
    """Return a tensor of another's shape and, where it is dense, of its strides; ``value`` None leaves it unset."""
    place = input.device if where is None else device(where)
    backend, kind = place.backend, kind_of(wanted or input.dtype)
    layout = layout_like(input, format)
    flat = backend.xp.empty(layouts.numel(layout.shape), kind)
    if value is not None:
        flat[...] = dtypes.fit(value, kind)[()]
    array = backend.window(flat, kind, layout.shape, layout.strides, 0)
    return hand_over("like", array, None, requires_grad)


def layout_like(input: Tensor, format: Any) -> Layout:
    """Return a new tensor's layout in a memory format; None and preserve_format keep the strides of a dense one."""
    if format is None or str(format) == "torch.preserve_format":
        return layouts.like(input.layout)
    if str(format) == "torch.channels_last":
        return layouts.channels_last(input.layout.shape)
    return layouts.contiguous(input.layout.shape)


@composite
def zeros_like(
    input: Tensor, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return zeros of another tensor's shape, dtype and device."""
    return filled_like(input, 0, dtype, device, requires_grad, memory_format)


@composite
def ones_like(
    input: Tensor, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return ones of another tensor's shape, dtype and device."""
    return filled_like(input, 1, dtype, device, requires_grad, memory_format)


@composite
def full_like(
    input: Tensor, fill_value: Number, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return one number in another tensor's shape, dtype and device."""
    if fill_value is None:
        raise ArgumentTypeError("expected a number, got None")
    return filled_like(input, as_number(fill_value), dtype, device, requires_grad, memory_format)


@composite
def empty_like(
    input: Tensor, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return unset memory of another tensor's shape, dtype and device."""
    return filled_like(input, None, dtype, device, requires_grad, memory_format)


# -- methods that make a tensor beside another -------------------------------------------------------------------------


def new_tensor(
    self: Tensor, data: Any, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return data as a new leaf of this tensor's dtype and device."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_zeros(
    self: Tensor, *size: Any, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros of this tensor's dtype and device."""
    return zeros(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_ones(
    self: Tensor, *size: Any, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return ones of this tensor's dtype and device."""
    return ones(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_full(
    self: Tensor, size: Sequence[int], fill_value: Number, *, dtype: Dtype = None, device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return one number in a tensor of this tensor's dtype and device."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_empty(
    self: Tensor, *size: Any, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return unset memory of this tensor's dtype and device."""
    return empty(*size, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


@composite
def new_empty_strided(
    self: Tensor, size: Sequence[int], stride: Sequence[int], *, dtype: Dtype = None, device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return unset memory of this tensor's dtype and device, read with the given strides; see ``empty_strided``."""
    kind, where = dtype or self.dtype, device or self.device
    return empty_strided(size, stride, dtype=kind, device=where, requires_grad=requires_grad)


def legacy(*args: Any) -> Tensor:
    """Serve ``Tensor(2, 3)`` (unset memory of that size) and ``Tensor([1, 2])`` (the data, in the default dtype)."""
    if len(args) == 1 and not isinstance(args[0], int):
        return tensor(args[0], dtype=dtypes.get_default_dtype())
    return empty(*args) if args else empty(0)
