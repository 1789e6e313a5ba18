"""Casts to another dtype and moves to another device.

A cast between floating-point or complex dtypes has a gradient, one to integers or bools has none. Copies are in
``copy.py``, conversions to NumPy and Python in ``conversion.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from minitensor import dtypes, layouts
from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite, composite_as
from minitensor.autograd.strides import as_input, in_layout
from minitensor.backends.numpy.halves import convert
from minitensor.base import TensorBase, is_encoded
from minitensor.compat.once import warn_once
from minitensor.copies import record_copy, tracing
from minitensor.device import device as device_class
from minitensor.dtypes import dtype as dtype_class
from minitensor.errors import (
    ArgumentTypeError,
    WrongKindError,
    quote,
)
from minitensor.memory_format import apply_format, check_dims, contiguous_format, memory_format, preserve_format
from minitensor.ops.copy import clone, make_contiguous
from minitensor.ops.operand import require_tensors

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.device import device
    from minitensor.dtypes import dtype
    from minitensor.tensor import Tensor


@differentiable(name="to_copy", input=lambda grad: grad)
@in_layout(as_input)
def copy_as_floats(input: Tensor, wanted: dtype) -> Array:
    """Copy to a floating-point or complex dtype."""
    return change_dtype(input.array, wanted.numpy)


@nondifferentiable
@in_layout(as_input)
def copy_as_integers(input: Tensor, wanted: dtype) -> Array:
    """Copy to integers or bools; no gradient goes through."""
    return change_dtype(input.array, wanted.numpy)


def change_dtype(array: Array, wanted: Any) -> Array:
    """Return a copy in another dtype; a real dtype drops the imaginary part."""
    copy = convert(drop_imaginary(array, wanted), wanted)
    if tracing.get():
        record_copy("cast", copy)
    return copy


def drop_imaginary(array: Array, wanted: Any) -> Array:
    """Return the real part of complex numbers if the wanted dtype is real."""
    return array.real if array.dtype.kind == "c" and wanted.kind not in "cb" else array


def cast(input: Tensor, wanted: dtype) -> Tensor:
    """Cast to a dtype; return the tensor itself if it has that dtype."""
    if input.dtype is wanted:
        return input
    return (copy_as_integers if wanted.category < dtypes.FLOATING else copy_as_floats)(input, wanted)


def _like_dtype(input: Tensor, np_dtype: Any) -> Tensor:
    """Cast to a dtype given as that of an array which holds its elements."""
    return cast(input, dtypes.FROM_NUMPY[np_dtype])


def decode(input: Tensor) -> Tensor:
    """Return a tensor whose memory is not encoded, with the same gradient; see Note [Encoded arrays]."""
    if input.dtype.decoded is not input.dtype:
        return cast(input, input.dtype.decoded)
    return clone(input) if is_encoded(input) else input


def cast_or_drop(input: Tensor, wanted: dtype) -> Tensor:
    """Cast as the user asked, with a warning if that drops imaginary parts."""
    kind = input.dtype
    if kind is wanted:
        return input
    if kind.is_complex:
        warn_of_cast(wanted)
    return (copy_as_integers if wanted.category < dtypes.FLOATING else copy_as_floats)(input, wanted)


def warn_of_cast(wanted: dtype) -> None:
    """Warn, once in a process, if complex numbers are cast to a real dtype."""
    if wanted.kind not in "cb":
        warn_once("Casting complex values to real discards the imaginary part: use x.real.")


@differentiable(name="to_device", input=lambda grad, origin: grad.to(origin))
def copy_to_device(input: Tensor, target: device, origin: device) -> Array:
    """Copy to another device."""
    return target.backend.from_host(input.backend.to_host(input.array), target.index)


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Return the tensor in another dtype or on another device; itself if nothing changes and ``copy`` is False.

    Called as ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(other)``, each with ``copy`` and
    ``memory_format``; ``non_blocking`` has no effect.

    Args:
        *args: A dtype, a device, both, or a tensor.
        **kwargs: The same by name, and ``copy``, ``memory_format``, ``non_blocking``.

    Raises:
        TypeError: If the arguments have none of these forms.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).to(torch.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    if len(args) == 1 and not kwargs and isinstance(args[0], dtype_class):
        return cast_or_drop(input, args[0])
    wanted = destination(*args, **kwargs)
    result = input
    if wanted.dtype is not None and wanted.dtype is not input.dtype:
        result = cast_or_drop(result, wanted.dtype)
    if wanted.device is not None and not is_at(input.device, wanted.device):
        result = copy_to_device(result, wanted.device, input.device)
    if wanted.format is not preserve_format and not is_in_format(result, wanted.format, is_copy=result is not input):
        return make_contiguous(result, wanted.format)
    return clone(result, memory_format=wanted.format) if wanted.copy and result is input else result


def is_in_format(tensor: Tensor, format: memory_format, is_copy: bool) -> bool:
    """Whether ``to`` returns a tensor as it is: a copy has all strides of the format, others are in no other format."""
    if is_copy:
        return tensor.layout.strides == apply_format(tensor.layout, format).strides
    if format is not contiguous_format:
        check_dims(format, tensor.layout)
    return layouts.suggests_channels_last(tensor.layout) == (format is not contiguous_format)


def is_at(here: device, wanted: device) -> bool:
    """Return whether a device is the wanted one; a wanted device without an index means any of its type."""
    return here.type == wanted.type and wanted.index in (None, here.index)


class Destination:
    """The dtype, device, format and copy flag passed to ``to``."""

    __slots__ = ("copy", "device", "dtype", "format")

    def __init__(self, where: Any, kind: Any, copy: bool, format: memory_format | None) -> None:
        self.device: device | None = None if where is None else device_class(where)
        if isinstance(kind, str):
            raise ArgumentTypeError(f"to: dtype must be a minitensor dtype, such as minitensor.float32, got {kind!r}")
        self.dtype: dtype | None = None if kind is None else dtypes.from_numpy(kind)
        self.copy, self.format = copy, format or preserve_format


@composite_as("to")
def destination(
    *args: Any, device: Any = None, dtype: Any = None, other: Any = None, non_blocking: bool = False,
    copy: bool = False, memory_format: memory_format | None = None,
) -> Destination:
    """Parse the arguments of ``to`` in any of their forms."""
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
    """Return whether an argument names a dtype; Python's ``float``, ``int``, ``bool`` and ``complex`` do."""
    return isinstance(value, dtype_class) or value in (float, int, bool, complex)


def to_type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return PyTorch's name of the tensor's type, or cast to a dtype or to such a name.

    Args:
        dtype: A dtype, or a name such as ``"torch.LongTensor"``. Default: ``None``, return the name.
        non_blocking: Has no effect. Default: ``False``.

    Raises:
        ValueError: If there is no type of that name.

    >>> import minitensor as torch
    >>> torch.zeros(1).type(), torch.zeros(1).type("torch.LongTensor")
    ('torch.FloatTensor', tensor([0]))
    """
    if dtype is None:
        return legacy_name(input.dtype, input.device)
    if isinstance(dtype, dtype_class):
        return to(input, dtype)
    kind, place = dtype_of_type(dtype, input.device)
    return to(input, kind) if place == input.device.type else to(input, place, kind)


class ObjectAsClass:
    """A class of PyTorch that is an object here. It may stand in annotations: ``LongTensor | None``."""

    __slots__ = ()

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007  # `|` would call this method

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007

    def __subclasscheck__(self, kind: object) -> bool:
        return kind is self


class TypeName(ObjectAsClass):
    """A dtype and a kind of device, as PyTorch's type ``torch.LongTensor`` names them."""

    __slots__ = ("dtype", "place")

    def __init__(self, dtype: dtype, place: str = "cpu") -> None:
        self.dtype, self.place = dtype, place

    @property
    def name(self) -> str:
        """The name in PyTorch."""
        return legacy_name(self.dtype, device_class(self.place))

    @property
    def __name__(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_cuda(self) -> bool:
        """Whether its tensors are on a GPU."""
        return self.place == "cuda"

    @property
    def is_sparse(self) -> bool:
        """Whether its tensors are sparse: never."""
        return False


def dtype_of_type(given: Any, where: device) -> tuple[dtype, str]:
    """Return the dtype and the device of a type that is given itself, by its name, or as the class ``Tensor``."""
    if isinstance(given, TypeName):
        return given.dtype, given.place
    if given == "torch.Tensor" or (isinstance(given, type) and issubclass(given, TensorBase)):
        return dtypes.get_default_dtype(), "cpu"
    for kind in dtypes.ALL_DTYPES:
        for place in ("cpu", "cuda"):
            if isinstance(given, str) and legacy_name(kind, device_class(place)) == given:
                return kind, place
    raise WrongKindError(
        f"type(): invalid type: {quote(given)}; give a dtype, such as torch.int64, or a name, such as "
        f"{legacy_name(dtypes.int64, where)!r}"
    )


LEGACY_NAMES = {
    dtypes.bool_: "Bool", dtypes.uint8: "Byte", dtypes.int8: "Char", dtypes.int16: "Short", dtypes.int32: "Int",
    dtypes.int64: "Long", dtypes.float16: "Half", dtypes.float32: "Float", dtypes.float64: "Double",
    dtypes.uint16: "UInt16", dtypes.uint32: "UInt32", dtypes.uint64: "UInt64",
    dtypes.bfloat16: "BFloat16", dtypes.complex64: "ComplexFloat", dtypes.complex128: "ComplexDouble",
}


def legacy_name(kind: dtype, where: device) -> str:
    """Return the type name that PyTorch's ``type()`` returns."""
    return f"torch.{'' if where.type == 'cpu' else where.type + '.'}{LEGACY_NAMES[kind]}Tensor"


@composite
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """Cast to the dtype of another tensor, on its device.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).type_as(torch.ones(1))
    tensor([1., 2.])
    """
    require_tensors("type_as", other=other)
    return to(input, other)


def cast_in_format(input: Tensor, wanted: dtype, format: memory_format) -> Tensor:
    """Cast to a dtype in a memory format."""
    if format is preserve_format:
        return cast_or_drop(input, wanted)
    return to(input, wanted, memory_format=format)


def to_float(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to float32.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).float()
    tensor([1., 2.])
    """
    return cast_in_format(input, dtypes.float32, memory_format)


def to_double(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to float64.

    >>> import minitensor as torch
    >>> torch.tensor([1.0]).double()
    tensor([1.], dtype=torch.float64)
    """
    return cast_in_format(input, dtypes.float64, memory_format)


def to_half(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to float16.

    >>> import minitensor as torch
    >>> torch.tensor([1.0]).half()
    tensor([1.], dtype=torch.float16)
    """
    return cast_in_format(input, dtypes.float16, memory_format)


def to_bfloat16(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to bfloat16, rounding to nearest, ties to even.

    >>> import minitensor as torch
    >>> torch.tensor([1.01]).bfloat16()
    tensor([1.0078], dtype=torch.bfloat16)
    """
    return cast_in_format(input, dtypes.bfloat16, memory_format)


def to_cfloat(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to complex64.

    >>> import minitensor as torch
    >>> torch.tensor([1.0]).cfloat()
    tensor([1.+0.j])
    """
    return cast_in_format(input, dtypes.complex64, memory_format)


def to_cdouble(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to complex128.

    >>> import minitensor as torch
    >>> torch.tensor([1.0]).cdouble()
    tensor([1.+0.j], dtype=torch.complex128)
    """
    return cast_in_format(input, dtypes.complex128, memory_format)


def to_long(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int64.

    >>> import minitensor as torch
    >>> torch.tensor([-1.5, 2.5]).long()
    tensor([-1,  2])
    """
    return cast_in_format(input, dtypes.int64, memory_format)


def to_int(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int32.

    >>> import minitensor as torch
    >>> torch.tensor([-1.5, 2.5]).int()
    tensor([-1,  2], dtype=torch.int32)
    """
    return cast_in_format(input, dtypes.int32, memory_format)


def to_short(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int16.

    >>> import minitensor as torch
    >>> torch.tensor([-1.5, 2.5]).short()
    tensor([-1,  2], dtype=torch.int16)
    """
    return cast_in_format(input, dtypes.int16, memory_format)


def to_char(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to int8.

    >>> import minitensor as torch
    >>> torch.tensor([-1.5, 127.0]).char()
    tensor([ -1, 127], dtype=torch.int8)
    """
    return cast_in_format(input, dtypes.int8, memory_format)


def to_byte(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to uint8.

    >>> import minitensor as torch
    >>> torch.tensor([1.5, 255.0]).byte()
    tensor([  1, 255], dtype=torch.uint8)
    """
    return cast_in_format(input, dtypes.uint8, memory_format)


def to_bool(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Cast to bool: nonzero elements become True.

    >>> import minitensor as torch
    >>> torch.tensor([0.0, 2.0]).bool()
    tensor([False,  True])
    """
    return cast_in_format(input, dtypes.bool_, memory_format)


def cpu(input: Tensor, memory_format: memory_format = preserve_format) -> Tensor:
    """Return the tensor on the host.

    >>> import minitensor as torch
    >>> x = torch.ones(2)
    >>> x.cpu() is x
    True
    """
    return to(input, "cpu", memory_format=memory_format)


def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: memory_format = preserve_format
) -> Tensor:
    """Return the tensor on a GPU.

    Args:
        device: The GPU, such as ``"cuda:1"`` or 1. Default: ``None``, ``"cuda"``.
        non_blocking: Has no effect. Default: ``False``.

    Raises:
        RuntimeError: If there is no GPU.
        ImportError: If CuPy is not installed.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.ones(2).cuda()
    """
    return to(input, "cuda" if device is None else device, memory_format=memory_format)


