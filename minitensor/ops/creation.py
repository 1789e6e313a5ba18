"""Tensors from Python data, from host arrays, and filled by a rule.

``tensor`` copies; ``as_tensor`` and ``from_numpy`` share memory where they can. Evenly spaced values are in
``ranges.py``, random ones in ``random.py``.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy

from minitensor import dtypes, layouts, scalars
from minitensor.autograd.binding import host_value
from minitensor.autograd.default_device import choose_device
from minitensor.autograd.face import set_requires_grad
from minitensor.autograd.misuse import composite
from minitensor.backends import holds_data
from minitensor.backends.encoded import of_dtype
from minitensor.backends.silence import quietly
from minitensor.base import TensorBase, elements_of, on_storage, require_writable, wrap
from minitensor.callers import user_level
from minitensor.device import CPU, device
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    EncodedError,
    ShapeError,
    UnsupportedDtypeError,
    WrongTypeError,
)
from minitensor.memory_format import apply_format, preserve_format
from minitensor.ops import nested
from minitensor.ops.cast import warn_of_cast
from minitensor.ops.metadata import is_tensor
from minitensor.ops.out import fill
from minitensor.ops.resize import resize_
from minitensor.shapes import normalize_sizes, require_room
from minitensor.storage import Storage, storage_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from minitensor.autograd.argument_types import Count, Switch
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype
    from minitensor.dtypes import dtype as Dtype
    from minitensor.memory_format import memory_format
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


P = ParamSpec("P")
R = TypeVar("R")

NUMBERS = (bool, int, float, complex)


def creates(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function that creates tensors encode its numbers if their dtype is encoded: float32 for bfloat16.

    It asks for NumPy's dtype before it does anything else; see Note [Encoded arrays] in ``backends/encoded.py``. On a
    device with an index, all of its arrays are made there.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            if "device" in kwargs and (block := block_of(kwargs["device"])):
                with block:
                    return function(*args, **kwargs)
            return function(*args, **kwargs)
        except EncodedError as error:
            wanted: Dtype = error.wanted
            require_unsigned_factory(function.__name__, wanted)
            out: Any = kwargs.pop("out", None)
            requires_grad = kwargs.pop("requires_grad", False)
            options: Any = {**kwargs, "dtype": wanted.decoded}
            wide: Any = function(*args, **options)
        made = wide.detach().to(wanted)
        return hand_over_tensor(function.__name__, made, out, requires_grad)

    return call


def block_of(where: Any) -> AbstractContextManager[Any] | None:
    """Return a block in which new arrays are on a device that is given with an index, or None for others."""
    place = None if where is None else device(where)
    return None if place is None or place.index is None else place.backend.on(place.index)


def require_unsigned_factory(name: str, wanted: Dtype) -> None:
    """Raise if PyTorch cannot create such tensors of uint16, uint32 and uint64."""
    if wanted in dtypes.UNSIGNED and name in ("arange", "eye", "linspace", "logspace", "range"):
        raise UnsupportedDtypeError(f"{name}: not implemented for {wanted.name}; cast the result with .to(...)")


# -- from data ---------------------------------------------------------------------------------------------------------


@creates
def tensor(
    data: Any, *, dtype: dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Copy ``data``, which is numbers, nested sequences, a host array or a tensor, into a new leaf.

    Python floats take the default dtype (float32), ints int64, bools bool; arrays keep theirs.

    Raises:
        TypeError, RuntimeError: If an item is not a number.
        ValueError: If nested sequences differ in length.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> tensor([1, 2.5], requires_grad=True)
    tensor([1.0000, 2.5000], requires_grad=True)
    """
    device = choose_device(device)
    if isinstance(data, TensorBase):
        warnings.warn(COPIED, UserWarning, stacklevel=user_level())
        if device is None:
            device = data.device
        if not holds_data(data.storage.array):
            moved = data.detach().to(device, dtype).clone()
            return moved.requires_grad_(requires_grad)  # type: ignore[no-any-return]  # a tensor
        array = data.backend.to_host(elements_of(data))
        dtype = dtype or data.dtype
    else:
        array = quietly(host_array, data, dtype)
    wanted = array.dtype if dtype is None else numpy_dtype(dtype)
    if array.dtype.kind == "c":
        warn_of_cast(wanted)
        array = array if wanted.kind in "cb" else array.real
    return make_leaf(quietly(numpy.array, array, dtype=wanted, order="C"), device, requires_grad)


COPIED = (
    "To copy construct from a tensor, it is recommended to use x.detach().clone() or "
    "x.detach().clone().requires_grad_(True), rather than tensor(x)."
)


def numpy_dtype(wanted: Any) -> Any:
    """Return the array library's dtype for a minitensor dtype, or for Python's ``float`` or another of its types."""
    return read_dtype(wanted).numpy


def read_dtype(wanted: Any) -> Dtype:
    """Return a dtype, also one given as Python's ``float`` or another of its types."""
    if not isinstance(wanted, dtypes.dtype):
        wanted = dtypes.read_dtype(wanted)
    if not isinstance(wanted, dtypes.dtype):
        raise ArgumentTypeError(f"dtype must be a minitensor dtype, such as minitensor.float32, got {wanted!r}")
    return wanted


def host_array(data: Any, wanted: dtype | None) -> Array:
    """Return numbers, nested sequences or a foreign array as a host array; its dtype is that of the data."""
    if isinstance(data, numpy.generic) or (not isinstance(data, NUMBERS) and hasattr(data, "__array__")):
        array = numpy.asarray(data)
        require_native(array)
        return array
    return nested.read(data, None if wanted is None else numpy_dtype(wanted))


def require_native(array: Array) -> None:
    """Raise if an array's dtype is not supported or not in this machine's byte order."""
    if not array.dtype.isnative:
        native = array.dtype.newbyteorder("=").name
        raise ArgumentError(
            f"the byte order of an array of {array.dtype.str!r} is not this machine's; use .astype({native!r}) first"
        )
    dtypes.from_numpy(array.dtype)


def as_tensor(data: Any, dtype: dtype | None = None, device: DeviceLike = None) -> Tensor:
    """Return ``data`` as a tensor, sharing memory if it is a tensor or NumPy array of this dtype and device.

    >>> x = tensor([1, 2])
    >>> as_tensor(x) is x
    True
    """
    device = choose_device(device)
    if isinstance(data, TensorBase):
        moved: Tensor = data.to(dtype=dtype, device=device)
        return moved
    if isinstance(data, numpy.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None and device is None else shared.to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


def from_numpy_function(self: Tensor, array: Array, context: Any = None, return_scalar: bool = False) -> Tensor:
    """Serve ``numpy.sqrt(tensor)``: NumPy's functions of tensors return tensors."""
    is_sharable = all(stride >= 0 for stride in array.strides)
    return from_numpy(array if is_sharable else array.copy())


@composite
def from_numpy(ndarray: Array) -> Tensor:
    """Return a tensor that shares memory with ``ndarray``, a NumPy array: a write to one is seen by the other.

    Raises:
        TypeError: If the argument is not a NumPy array, or its dtype is not supported.
        ValueError: If a stride is negative.

    >>> import numpy
    >>> array = numpy.zeros(2)
    >>> t = from_numpy(array)
    >>> array[0] = 1
    >>> t
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, numpy.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.flags.writeable:
        warnings.warn(
            "the given NumPy array is not writable; writing to the tensor will raise: copy the array first",
            UserWarning, stacklevel=user_level(),
        )
    return share_array(ndarray)


def share_array(ndarray: Array) -> Tensor:
    """Return a tensor on the memory of a NumPy array; raise if tensors cannot have its dtype or strides."""
    require_native(ndarray)
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
    """Return a tensor on a host array's memory, with the array's strides."""
    if array.flags.c_contiguous and array.flags.writeable and (1 not in array.shape or has_usual_strides(array)):
        made: Tensor = wrap(TensorBase.result_class, of_dtype(array.view(numpy.ndarray)))
        return made
    layout = layouts.Layout(array.shape, tuple([
        max(stride, 0) // array.itemsize for stride in array.strides
    ]), 0)
    _, end = layouts.extent(layout)
    flat = numpy.lib.stride_tricks.as_strided(array, (end,), (array.itemsize,), writeable=array.flags.writeable)
    shared: Tensor = on_storage(TensorBase.result_class, storage_on(of_dtype(flat)), layout)
    return shared


def has_usual_strides(array: Array) -> bool:
    """Whether an array has the strides of a new one. Dims of size 1 count: they tell channels-last images."""
    usual = layouts.contiguous(array.shape).strides
    return tuple([stride // array.itemsize for stride in array.strides]) == usual


def make_leaf(array: Array, where: DeviceLike, requires_grad: bool) -> Tensor:
    """Return a new leaf from a fresh host array, moved to a device."""
    if where is not None:
        place = device(where)
        array = of_dtype(place.backend.from_host(array, place.index))
    made: Tensor = wrap(TensorBase.result_class, array)
    if requires_grad:
        set_requires_grad(made, requires_grad)
    return made


# -- filled by a rule --------------------------------------------------------------------------------------------------


def read_sizes(size: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the sizes given as ``zeros(2, 3)`` or ``zeros((2, 3))``; raise if one is negative."""
    shape = normalize_sizes(*size)
    for each in shape:
        if each < 0:
            raise ShapeError(f"trying to create tensor with negative dimension {each}: {list(shape)}")
    require_room(shape)
    return shape


def as_number(value: Any) -> Any:
    """Convert a tensor of one element or a number of NumPy's to a Python number; return such a number itself."""
    return value.item() if isinstance(value, TensorBase) else host_value(value, None)


def backend_at(where: DeviceLike) -> Backend:
    """Return the backend of a device, the host's by default."""
    return (CPU if where is None else device(where)).backend


def library(where: DeviceLike) -> Library:
    """Return the array library of a device, the host's by default."""
    return backend_at(where).xp


def hand_over(name: str, array: Array, out: Tensor | None, requires_grad: bool) -> Tensor:
    """Return an array made on its device as a leaf, or write it into ``out``."""
    return hand_over_tensor(name, wrap(TensorBase.result_class, array), out, requires_grad)


def hand_over_tensor(name: str, made: Tensor, out: Tensor | None, requires_grad: Any) -> Tensor:
    """Return a new tensor as a leaf, or write it into ``out``."""
    if out is not None:
        set_requires_grad(fill(name, made, out), requires_grad)
    elif requires_grad:
        set_requires_grad(made, requires_grad)
    return made if out is None else out


def choose_dtype(wanted: dtype | None, out: Tensor | None = None) -> Any:
    """Return the array library's dtype of a new tensor: the wanted one, that of ``out``, or the default."""
    if out is not None:
        return dtype_of_out(wanted, out)
    return dtypes.get_default_dtype().numpy if wanted is None else numpy_dtype(wanted)


def dtype_of_out(wanted: dtype | None, out: Any) -> Any:
    """Return the array library's dtype of ``out``; raise if another dtype is wanted."""
    if not isinstance(out, TensorBase):
        raise WrongTypeError(f"argument 'out' must be a tensor, not {type(out).__name__}")
    if wanted is not None and (given := read_dtype(wanted)) is not out.dtype:
        raise DtypeError(
            f"dtype {given.name} does not match dtype of out parameter "
            f"({out.dtype.name})"
        )
    require_writable("out=", out)
    return out.dtype.numpy


@composite
@creates
def zeros(
    *size: Any, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return a tensor of zeros of the shape ``size``, ints or one sequence of them.

    Raises:
        RuntimeError: If a size is negative.

    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return hand_over("zeros", library(device).zeros(read_sizes(size), choose_dtype(dtype, out)), out, requires_grad)


@composite
@creates
def ones(
    *size: Any, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return a tensor of ones of the shape ``size``; arguments as for ``zeros``.

    >>> ones(2)
    tensor([1., 1.])
    """
    return hand_over("ones", library(device).ones(read_sizes(size), choose_dtype(dtype, out)), out, requires_grad)


@composite
@creates
def empty(
    *size: Any, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False, memory_format: memory_format | None = None,
) -> Tensor:
    """Return a tensor of the shape ``size`` whose elements are not set; arguments as for ``zeros``.

    >>> empty(2, 3).shape
    torch.Size([2, 3])
    """
    shape, kind = read_sizes(size), choose_dtype(dtype, out)
    if out is not None:
        return resize_(out, shape, memory_format=memory_format)
    made = hand_over("empty", library(device).empty(shape, kind), None, requires_grad)
    return made if memory_format is None else made.contiguous(memory_format=memory_format)


@composite
@creates
def full(
    size: Sequence[int], fill_value: Number, *, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return a tensor of shape ``size`` filled with ``fill_value``, which gives the dtype; arguments as for ``zeros``.

    >>> full((2,), 7)
    tensor([7, 7])
    """
    value = as_number(fill_value)
    wanted = choose_dtype(dtype or (scalars.dtype_of_number(value) if out is None else None), out)
    number = scalars.fit(value, wanted)[()]
    shape = read_sizes((tuple(size),) if not isinstance(size, int) else (size,))
    return hand_over("full", library(device).full(shape, number, wanted), out, requires_grad)


@composite
def scalar_tensor(
    s: Number, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Return a 0-d tensor of the number ``s`` in the default dtype, whatever its type; ``tensor`` follows the type.

    >>> import minitensor as torch
    >>> torch.scalar_tensor(3), torch.tensor(3)
    (tensor(3.), tensor(3))
    """
    wanted = dtypes.get_default_dtype() if dtype is None else dtype
    value = require_number("scalar_tensor", "s", s)
    return full((), value, dtype=wanted, device=device, requires_grad=requires_grad)


def require_number(name: str, argument: str, value: Any) -> Any:
    """Return a number, or the value of a 0-d tensor; raise for anything else."""
    if is_tensor(value) and not value.ndim:
        value = value.item()
    value = host_value(value, None)
    if not isinstance(value, (bool, int, float, complex)):
        raise ArgumentTypeError(f"{name}: {argument} must be a number, got {type(value).__name__}")
    return value


@composite
@creates
def eye(
    n: Count, m: Count | None = None, *, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return the (``n``, ``m``) matrix with ones on the diagonal and zeros elsewhere; ``m`` is ``n`` by default.

    Raises:
        RuntimeError: If a size is negative.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0 or (m is not None and m < 0):
        raise ShapeError(f"eye: sizes must not be negative, got {n} and {m}")
    return hand_over("eye", library(device).eye(n, m, dtype=choose_dtype(dtype, out)), out, requires_grad)


@composite
def empty_permuted(
    size: Sequence[int], physical_layout: Sequence[int], *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return a tensor of shape ``size`` whose dims lie in memory in another order; its elements are not set.

    Args:
        size: The shape.
        physical_layout: The dims, from the one with the largest steps to the innermost.

    Raises:
        RuntimeError: If ``physical_layout`` does not name each dim once.

    >>> empty_permuted((2, 3, 5, 7), (0, 2, 3, 1)).stride()
    (105, 1, 21, 3)
    """
    shape, order = read_sizes((tuple(size),)), tuple(physical_layout)
    if sorted(order) != list(range(len(shape))):
        raise ShapeError(
            f"empty_permuted: physical_layout must name each of the {len(shape)} dims once, got {list(order)}"
        )
    steps = layouts.contiguous(tuple([shape[dim] for dim in order])).strides
    strides = tuple([steps[order.index(dim)] for dim in range(len(shape))])
    return empty_strided(shape, strides, dtype=dtype, device=device, requires_grad=requires_grad)


@composite
def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return a tensor of shape ``size`` with any ``stride``, even with gaps or overlaps; its elements are not set.

    Raises:
        RuntimeError: If the lengths differ, or a size or stride is negative.

    >>> empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, strides = read_sizes((tuple(size),)), normalize_sizes(stride)
    if len(shape) != len(strides):
        raise ShapeError(
            f"empty_strided: dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(strides)})"
        )
    if any(step < 0 for step in strides):
        raise ShapeError(f"empty_strided: strides must not be negative, got {strides}")
    layout = layouts.Layout(shape, strides, 0)
    _, end = layouts.extent(layout)
    kind = dtypes.get_default_dtype() if dtype is None else read_dtype(dtype)
    storage = Storage(of_dtype(library(device).empty((end,), kind.memory)))
    made: Tensor = on_storage(TensorBase.result_class, storage, layout)
    if requires_grad:
        set_requires_grad(made, requires_grad)
    return made


# -- like another tensor -----------------------------------------------------------------------------------------------


def make_like(
    input: Tensor, value: Number | None, wanted: dtype | None, where: DeviceLike, requires_grad: bool, format: Any
) -> Tensor:
    """Return a tensor of another's shape, and strides if that is dense; the elements of ``value`` None are not set."""
    place = input.device if where is None else device(where)
    backend, kind = place.backend, numpy_dtype(wanted or input.dtype)
    layout = apply_format(input.layout, preserve_format if format is None else format)
    flat = backend.library_on(place.index).empty(layouts.numel(layout.shape), kind)
    if value is not None:
        flat[...] = scalars.fit(value, kind)[()]
    array = backend.window(flat, kind, layout.shape, layout.strides, 0)
    made = hand_over("like", array, None, requires_grad)
    made._layout = layout
    return made


@composite
@creates
def zeros_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return zeros of another tensor's shape, dtype and device.

    >>> zeros_like(tensor([1, 2]))
    tensor([0, 0])
    """
    return make_like(input, 0, dtype, device, requires_grad, memory_format)


@composite
@creates
def ones_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return ones of another tensor's shape, dtype and device.

    >>> ones_like(tensor([1, 2]))
    tensor([1, 1])
    """
    return make_like(input, 1, dtype, device, requires_grad, memory_format)


@composite
@creates
def full_like(
    input: Tensor, fill_value: Number, *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False, memory_format: memory_format | None = None,
) -> Tensor:
    """Return a tensor filled with ``fill_value``, of another tensor's shape, dtype and device.

    Raises:
        TypeError: If ``fill_value`` is not a number.

    >>> full_like(ones(2), 7)
    tensor([7., 7.])
    """
    if fill_value is None:
        raise ArgumentTypeError("expected a number, got None")
    return make_like(input, as_number(fill_value), dtype, device, requires_grad, memory_format)


@composite
@creates
def empty_like(
    input: Tensor, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Return a tensor of another tensor's shape, dtype and device whose elements are not set.

    >>> empty_like(ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return make_like(input, None, dtype, device, requires_grad, memory_format)
