"""Copies, casts and moves: the same elements in fresh memory, in another dtype, on another device, or in Python.

A cast between floating-point or complex dtypes has a gradient, one to integers or bools has none. Here too is what a
tensor says about itself (sizes, strides, addresses), because each answer is one line. Views are in ``shape.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor import layout as layouts
from minitensor.autograd.misuse import composite, explained, named
from minitensor.autograd.node import Leaf
from minitensor.autograd.record import differentiable, host_value, nondifferentiable, visible
from minitensor.backends import HostArray
from minitensor.base import TensorBase, window
from minitensor.copies import note_copy, tracing
from minitensor.device import device as device_class
from minitensor.dtypes import dtype as dtype_class
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DimError,
    DtypeError,
    GradError,
    ScalarError,
    ShapeError,
    WrongTypeError,
    quote,
)
from minitensor.memory_format import contiguous_format, formatted, has_format, memory_format, preserve_format
from minitensor.ops.aliasing import writes
from minitensor.ops.creation import zeros_like
from minitensor.ops.operand import fitted
from minitensor.shapes import Size, as_size, broadcast_shapes, wrap_dim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitensor.backends import Array
    from minitensor.device import device
    from minitensor.dtypes import dtype
    from minitensor.layout import Layout
    from minitensor.ops.operand import Operand
    from minitensor.storage import Storage
    from minitensor.tensor import Tensor


# -- copies ------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad: grad)
def _clone(input: Tensor) -> Array:
    return preserved(input)


def preserved(input: Tensor) -> Array:
    """Return the elements in fresh memory, with the order of the dims in memory kept."""
    array = input.array
    return array.copy() if array.flags.c_contiguous else copied(input, layouts.like(input.layout))


@differentiable(input=lambda grad: grad)
def _contiguous(input: Tensor) -> Array:
    array: Array = input.array.copy()
    if tracing.get():
        note_copy("contiguous", array)
    return array


@differentiable(input=lambda grad: grad)
def _reformat(input: Tensor, memory_format: memory_format) -> Array:
    return copied(input, formatted(input.layout, memory_format))


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """Copy to fresh memory. The order of the dims in memory is kept, unless ``memory_format`` names another.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).t().clone().stride()
    (1, 3)
    """
    return _clone(input) if memory_format is preserve_format else _reformat(input, memory_format)


@differentiable(input=lambda grad: grad)
def _clone_beside(input: Tensor, others: tuple[Any, ...]) -> Array:
    """Copy to fresh memory into which others will be written: inside ``vmap`` it differs from sample to sample as they
    do.
    """
    return preserved(input)


def own(input: Tensor, *others: Any) -> Tensor:
    """Return a copy to write ``others`` into."""
    return _clone_beside(input, others)


def copied(input: Tensor, layout: Layout) -> Array:
    """Return the elements in fresh memory that is laid out so."""
    array = blank(input, layout)
    array[...] = input.array
    return array


def blank(like: Tensor, layout: Layout) -> Array:
    """Return unset memory of a tensor's dtype, on its device."""
    backend, kind = like.backend, like.array.dtype
    flat = backend.xp.empty(layouts.numel(layout.shape), kind)
    return backend.window(flat, kind, layout.shape, layout.strides, 0)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """Return the tensor itself if it lies row by row (or in ``memory_format``), else a copy that does.

    >>> import minitensor as torch
    >>> x = torch.zeros(2, 3)
    >>> x.contiguous() is x, x.t().contiguous().stride()
    (True, (2, 1))
    """
    if memory_format is contiguous_format:
        return input if layouts.is_contiguous(input.layout) else _contiguous(input)
    if memory_format is preserve_format:
        raise ArgumentError("contiguous: preserve_format is unsupported; name contiguous_format or channels_last")
    if has_format(input.layout, memory_format):
        return input
    copy = _reformat(input, memory_format)
    if tracing.get():
        note_copy("contiguous", copy.array)
    return copy


@visible
def detach(input: Tensor) -> Tensor:
    """Return the same memory without history: writes are seen by both, gradients stop here."""
    view: Tensor = window(input, input.layout)
    return view


def data(input: Tensor) -> Tensor:
    """Return the same memory without history, as ``detach`` does; writes count on the version, unlike PyTorch's."""
    return detach(input)


def set_data(input: Tensor, value: Tensor) -> None:
    """Make a tensor look at another's memory; its history stays."""
    if not isinstance(value, TensorBase):
        raise ArgumentTypeError(f"data: expected a tensor, got {type(value).__name__}")
    if input.node is not None and not (value.dtype.is_floating_point or value.dtype.is_complex):
        raise DtypeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype, got "
            f"{value.dtype.name}; call requires_grad_(False) first, or cast the data"
        )
    input._storage, input._layout = value.storage, value.layout
    input.array = value.array
    if input._node.__class__ is Leaf:
        input._node.describe(input)


# -- writing -----------------------------------------------------------------------------------------------------------


def copy_(input: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write the elements of ``src``, broadcast, cast and moved, into ``input``."""
    if not isinstance(src, TensorBase):
        raise WrongTypeError(f"copy_(): argument 'src' must be a tensor, not {type(src).__name__}; see fill_")
    return _copy_(input, src if src.array.__class__ is input.array.__class__ else to(src, input.device))


@writes(input=lambda grad: zeros_like(grad), src=lambda grad: grad)
def _copy_(input: Tensor, src: Tensor) -> None:
    check_expands("copy_", src, input)
    input.array[...] = real_enough(src.array, input.array.dtype)


def check_expands(name: str, src: Tensor, input: Tensor) -> None:
    """Raise unless ``src`` broadcasts to the shape of ``input``, which cannot grow."""
    given, wanted = src.layout.shape, input.layout.shape
    if given == wanted:
        return
    try:
        common = broadcast_shapes(given, wanted)
    except ShapeError as error:
        raise ShapeError(f"{name}: {error}") from None
    if common != wanted:
        raise ShapeError(
            f"{name}: output with shape {list(wanted)} doesn't match the broadcast shape {list(common)}: a tensor of "
            f"shape {list(given)} does not fit into it"
        )


@writes(input=lambda grad: zeros_like(grad), value=lambda grad: grad)
def fill_(input: Tensor, value: Operand) -> None:
    """Write one number, or a 0-d tensor, everywhere."""
    if isinstance(value, TensorBase) and not value.ndim:
        input.array[...] = real_enough(input.xp.asarray(value.array), input.array.dtype)
    else:
        input.array[...] = single("fill_", value, input)


def single(name: str, value: Any, input: Tensor) -> Any:
    """Return a number or a 0-d tensor as something that may be written everywhere in ``input``."""
    if not isinstance(value, TensorBase):
        return fitted(value, input.array.dtype, input.array)
    if value.ndim:
        raise ShapeError(f"{name} only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions")
    if input.array.dtype.kind in "biu":
        return fitted(value, input.array.dtype, input.array)
    return real_enough(input.xp.asarray(value.array), input.array.dtype)


@writes(input=lambda grad: zeros_like(grad))
def zero_(input: Tensor) -> None:
    """Write zeros."""
    input.array[...] = 0


# -- casts -------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad: grad)
def _to_copy(input: Tensor, wanted: Any) -> Array:
    return converted(input.array, wanted)


@nondifferentiable
def _to_integers(input: Tensor, wanted: Any) -> Array:
    return converted(input.array, wanted)


def converted(array: Array, wanted: Any) -> Array:
    """Return a copy in another dtype; complex numbers lose their imaginary part where the dtype has none."""
    copy = real_enough(array, wanted).astype(wanted)
    if tracing.get():
        note_copy("cast", copy)
    return copy


def real_enough(array: Array, wanted: Any) -> Array:
    """Return the real part where the wanted dtype has no other."""
    return array.real if array.dtype.kind == "c" and wanted.kind not in "cb" else array


def _like_dtype(input: Tensor, np_dtype: Any) -> Tensor:
    """Cast to an array library's dtype."""
    if input.array.dtype == np_dtype:
        return input
    return _to_copy(input, np_dtype) if np_dtype.kind in "fc" else _to_integers(input, np_dtype)


@differentiable(input=lambda grad, origin: grad.to(origin))
def _moved(input: Tensor, target: device, origin: device) -> Array:
    """Copy to another device."""
    return target.backend.asarray(input.backend.to_host(input.array), target.index)


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Return the tensor in another dtype or on another device; itself if nothing changes and ``copy`` is False.

    ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(other)``; each with ``non_blocking`` (no effect here),
    ``copy`` and ``memory_format``.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).to(torch.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    if len(args) == 1 and not kwargs and isinstance(args[0], dtype_class):
        return _like_dtype(input, args[0].numpy)
    wanted = destination(*args, **kwargs)
    result = input
    if wanted.dtype is not None and wanted.dtype is not input.dtype:
        result = _like_dtype(result, wanted.dtype.numpy)
    if wanted.device is not None and not is_at(input.device, wanted.device):
        result = _moved(result, wanted.device, input.device)
    if wanted.format is not preserve_format:
        result = contiguous(result, wanted.format)
    return clone(result, memory_format=wanted.format) if wanted.copy and result is input else result


def is_at(here: device, wanted: device) -> bool:
    """Whether a tensor lies where it is wanted; a device without an index means any of its kind."""
    return here.type == wanted.type and wanted.index in (None, here.index)


class Destination:
    """What ``to`` was asked for."""

    __slots__ = ("copy", "device", "dtype", "format")

    def __init__(self, where: Any, kind: Any, copy: bool, format: memory_format | None) -> None:
        self.device: device | None = None if where is None else device_class(where)
        if isinstance(kind, str):
            raise ArgumentTypeError(f"to: dtype must be a minitensor dtype, such as minitensor.float32, got {kind!r}")
        self.dtype: dtype | None = None if kind is None else dtypes.from_numpy(kind)
        self.copy, self.format = copy, format or preserve_format


@named("to")
def destination(
    *args: Any, device: Any = None, dtype: Any = None, other: Any = None, non_blocking: bool = False,
    copy: bool = False, memory_format: memory_format | None = None,
) -> Destination:
    """Read the arguments of ``to`` in any of their orders."""
    rest = list(args)
    if rest and isinstance(rest[0], TensorBase):
        other = rest.pop(0)
    elif rest and is_dtype(rest[0]):
        dtype = rest.pop(0)
    elif rest:
        device = rest.pop(0)
        if rest:
            dtype = rest.pop(0)
    if other is not None:
        device, dtype = other.device, other.dtype
    if len(rest) > 2 or any(not isinstance(flag, bool) for flag in rest) or isinstance(dtype, bool):
        raise ArgumentTypeError(
            f"to(): expected (dtype), (device), (device, dtype) or (other), then non_blocking and copy; got {args}"
        )
    return Destination(device, dtype, rest[1] if len(rest) == 2 else copy, memory_format)


def is_dtype(value: Any) -> bool:
    """Whether an argument names a dtype; Python's ``float``, ``int``, ``bool`` and ``complex`` do."""
    return isinstance(value, dtype_class) or value in (float, int, bool, complex)


def to_type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return PyTorch's name of the tensor's type, or cast to a dtype or such a name.

    >>> import minitensor as torch
    >>> torch.zeros(1).type(), torch.zeros(1).type("torch.LongTensor")
    ('torch.FloatTensor', tensor([0]))
    """
    if dtype is None:
        return legacy_name(input.dtype, input.device)
    if isinstance(dtype, str):
        named = [each for each in dtypes.DTYPES if legacy_name(each, input.device) == dtype]
        if not named:
            raise ArgumentError(f"type(): invalid type: {quote(dtype)}; a name is one such as 'torch.FloatTensor'")
        return to(input, named[0])
    return to(input, dtypes.from_numpy(dtype))


LEGACY_NAMES = {
    dtypes.bool_: "Bool", dtypes.uint8: "Byte", dtypes.int8: "Char", dtypes.int16: "Short", dtypes.int32: "Int",
    dtypes.int64: "Long", dtypes.float16: "Half", dtypes.float32: "Float", dtypes.float64: "Double",
    dtypes.complex64: "ComplexFloat", dtypes.complex128: "ComplexDouble",
}


def legacy_name(kind: dtype, where: device) -> str:
    """Return what PyTorch's ``type()`` says."""
    return f"torch.{'' if where.type == 'cpu' else where.type + '.'}{LEGACY_NAMES[kind]}Tensor"


@composite
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """Cast to the dtype of another tensor, on its device."""
    return to(input, other)


def in_dtype(input: Tensor, wanted: dtype, format: memory_format) -> Tensor:
    """Cast to a dtype."""
    if format is preserve_format:
        return _like_dtype(input, wanted.numpy)
    return to(input, wanted, memory_format=format)


def to_float(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to float32."""
    return in_dtype(input, dtypes.float32, memory_format)


def to_double(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to float64."""
    return in_dtype(input, dtypes.float64, memory_format)


def to_half(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to float16."""
    return in_dtype(input, dtypes.float16, memory_format)


def to_cfloat(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to complex64."""
    return in_dtype(input, dtypes.complex64, memory_format)


def to_cdouble(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to complex128."""
    return in_dtype(input, dtypes.complex128, memory_format)


def to_long(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int64."""
    return in_dtype(input, dtypes.int64, memory_format)


def to_int(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int32."""
    return in_dtype(input, dtypes.int32, memory_format)


def to_short(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int16."""
    return in_dtype(input, dtypes.int16, memory_format)


def to_char(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int8."""
    return in_dtype(input, dtypes.int8, memory_format)


def to_byte(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to uint8."""
    return in_dtype(input, dtypes.uint8, memory_format)


def to_bool(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to bool: whether an element is not zero."""
    return in_dtype(input, dtypes.bool_, memory_format)


def cpu(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Return the tensor on the host."""
    return to(input, "cpu", memory_format=memory_format)


def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: memory_format = preserve_format
) -> Tensor:
    """Return the tensor on a GPU."""
    return to(input, "cuda" if device is None else device, memory_format=memory_format)


# -- to NumPy and to Python --------------------------------------------------------------------------------------------


def numpy(input: Tensor, *, force: bool = False) -> Array:
    """Return the elements as a NumPy array on the same memory; ``force`` detaches and copies to the host if need be."""
    if not force:
        if input.node is not None:
            raise GradError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if input.device.type != "cpu":
            raise ArgumentTypeError(
                f"can't convert {input.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                "host memory first."
            )
    _ = input.layout  # settles where the elements lie: what is handed out now is never replaced
    array: Array = input.backend.to_host(input.array).view()
    return array


def to_array(input: Tensor, dtype: Any = None, copy: bool | None = None) -> Array:
    """Serve ``numpy.asarray(tensor)``."""
    array = numpy(input)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ArgumentError(f"a copy is needed to cast {array.dtype} to {dtype}, but copy=False forbids it")
        return array.astype(dtype)
    return array.copy() if copy else array


def tolist(input: Tensor) -> Any:
    """Return the elements as nested lists of Python numbers; of a 0-d tensor the number."""
    return input.backend.to_host(input.array).tolist()


def item(input: Tensor) -> Any:
    """Return the one element as a Python number."""
    array = input.array
    if array.size != 1:
        raise ScalarError(
            f"a Tensor with {array.size} elements cannot be converted to Scalar; index it, reduce it, or use tolist()"
        )
    return array.item() if array.__class__ is HostArray else one_number(array)


def one_number(array: Array) -> Any:
    """Return a device array's one element as a Python number: a copy of a few bytes and a wait."""
    if tracing.get() and array.__class__ is not HostArray:
        note_copy("to host", array)
    return array.item()


def truth(input: Tensor) -> bool:
    """Serve ``bool(tensor)``: whether the one element is not zero."""
    size = input.array.size
    if size > 1:
        raise ScalarError(
            f"Boolean value of Tensor with more than one value is ambiguous (shape {tuple(input.shape)}); use any() or "
            "all()"
        )
    if not size:
        raise ScalarError("Boolean value of Tensor with no values is ambiguous; ask for numel()")
    return bool(one_number(input.array))


def number(input: Tensor) -> Any:
    """Return the one element; what ``int``, ``float`` and ``complex`` start from."""
    if input.array.size != 1:
        raise ArgumentError(
            f"only one element tensors can be converted to Python scalars, got shape {tuple(input.shape)}"
        )
    return one_number(input.array)


def integer_number(input: Tensor) -> int:
    """Serve ``int(tensor)``; a complex number with an imaginary part has no integer."""
    return int(real_part("int64", number(input)))


def real_number(input: Tensor) -> float:
    """Serve ``float(tensor)``."""
    return float(real_part("float64", number(input)))


def real_part(wanted: str, value: Any) -> Any:
    """Return a number that counts as real."""
    if not isinstance(value, complex):
        return value
    if value.imag:
        raise DtypeError(f"value cannot be converted to {wanted} without overflow: {value}; take .real or abs()")
    return value.real


def complex_number(input: Tensor) -> complex:
    """Serve ``complex(tensor)``."""
    return complex(number(input))


def as_index(input: Tensor) -> int:
    """Serve ``operator.index(tensor)``, by which ranges and lists take a tensor for an int."""
    if input.array.size != 1 or input.array.dtype.kind not in "biu":
        raise ArgumentTypeError(
            "only integer tensors of a single element can be converted to an index, got "
            f"{input.dtype.name} of shape {tuple(input.shape)}"
        )
    return int(input.array.item())


def length(input: Tensor) -> int:
    """Serve ``len(tensor)``: the size of the first dim."""
    shape = input.layout.shape
    if not shape:
        raise ArgumentTypeError("len() of a 0-d tensor")
    return shape[0]


def iterate(input: Tensor) -> Iterator[Tensor]:
    """Serve ``for row in tensor``."""
    if not input.layout.shape:
        raise ArgumentTypeError("iteration over a 0-d tensor; use item() or reshape(-1)")
    return iter(input.unbind(0))


def contains(input: Tensor, element: Any) -> bool:
    """Serve ``element in tensor``."""
    element = host_value(element, None)
    if not isinstance(element, (TensorBase, bool, int, float, complex)):
        raise DtypeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {element.__class__}."
        )
    return bool((input == element).array.any())


# -- what a tensor says about itself -----------------------------------------------------------------------------------


def numel(input: Tensor) -> int:
    """Return the number of elements."""
    try:
        return layouts.numel(input.layout.shape)
    except AttributeError as error:
        raise explained("numel", numel, (input,), {}, error)  # noqa: B904  # its cause is set


def dim(input: Tensor) -> int:
    """Return the number of dimensions."""
    return input.ndim


def size(input: Tensor, dim: int | None = None) -> Any:
    """Return all sizes, or that of one dim."""
    shape = input.layout.shape
    return as_size(Size, shape) if dim is None else sized("size", shape, dim)


def stride(input: Tensor, dim: int | None = None) -> Any:
    """Return how many elements apart neighbours lie, in all dims or in one.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).stride()
    (3, 1)
    """
    strides = input.layout.strides
    return strides if dim is None else sized("stride", strides, dim)


def sized(name: str, numbers: tuple[int, ...], dim: int) -> int:
    """Return one of a tensor's numbers by its dim."""
    if not numbers:
        raise DimError(f"{name}: a 0-d tensor has no dim, got dim {dim}")
    return numbers[wrap_dim(dim, len(numbers))]


def storage_offset(input: Tensor) -> int:
    """Return the place of the first element in the storage, in elements."""
    return input.layout.offset


def untyped_storage(input: Tensor) -> Storage:
    """Return the memory under the tensor, which its views share."""
    return input.storage


def data_ptr(input: Tensor) -> int:
    """Return the address of the first element; 0 for a tensor without elements, as in PyTorch."""
    layout = input.layout
    return input.storage.data_ptr() + layout.offset * element_size(input) if 0 not in layout.shape else 0


def element_size(input: Tensor) -> int:
    """Return the bytes of one element."""
    return input.dtype.itemsize


def nbytes(input: Tensor) -> int:
    """Return the bytes of all elements."""
    return numel(input) * element_size(input)


def is_contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """Return whether the elements lie row by row without gaps, or in another format.

    >>> import minitensor as torch
    >>> x = torch.zeros(2, 3)
    >>> x.is_contiguous(), x.t().is_contiguous()
    (True, False)
    """
    return has_format(input.layout, memory_format)


@composite
def is_floating_point(input: Tensor) -> bool:
    """Return whether the dtype is a real floating-point one."""
    return input.dtype.is_floating_point


@composite
def is_complex(input: Tensor) -> bool:
    """Return whether the dtype is complex."""
    return input.dtype.is_complex


@composite
def is_signed(input: Tensor) -> bool:
    """Return whether the dtype has negative numbers."""
    return input.dtype.is_signed


def is_cuda(input: Tensor) -> bool:
    """Return whether the tensor lies on a GPU."""
    return input.device.type == "cuda"
