"""PyTorch's tensor types, such as ``LongTensor``, and the old constructors ``Tensor(...)`` and ``x.new(...)``.

A type is a dtype and a kind of device. It is called to make a tensor, and ``isinstance`` compares tensors with it. An
old constructor takes sizes or data: ``Tensor(2, 3)`` is a matrix with unset elements, ``Tensor([2, 3])`` a vector.
"""

from __future__ import annotations

import operator
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor import backends, dtypes
from minitensor.autograd.declare import view
from minitensor.autograd.default_device import DeviceContext, default_device, install
from minitensor.autograd.face import requires_grad_ as require_grad_of
from minitensor.autograd.protocol import past_overrides
from minitensor.base import TensorBase, new, on_storage
from minitensor.callers import user_level
from minitensor.device import CPU, device
from minitensor.errors import ArgumentTypeError, DeviceError, WrongKindError, quote
from minitensor.layouts import Layout, contiguous
from minitensor.ops.cast import TypeName, dtype_of_type
from minitensor.ops.copy import detach
from minitensor.ops.creation import as_tensor, empty, require_native
from minitensor.shapes import Size
from minitensor.storage import Storage, TypedStorage, reinterpret

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype
    from minitensor.tensor import Tensor

T = TypeVar("T", bound="Tensor")


class TensorType(TypeName):
    """The type of the tensors of one dtype on one kind of device.

    It is called with sizes, for unset elements, or with data: a sequence, an array, or a tensor of this type.

    Raises:
        TypeError: If there is no such device here, or the data have another type.

    >>> import minitensor as torch
    >>> torch.LongTensor([1, 2]), torch.FloatTensor(2, 3).shape
    (tensor([1, 2]), torch.Size([2, 3]))
    >>> isinstance(torch.ones(2), torch.FloatTensor), isinstance(torch.ones(2), torch.LongTensor)
    (True, False)
    >>> [each([1]).dtype for each in (torch.BoolTensor, torch.ByteTensor, torch.CharTensor, torch.ShortTensor)]
    [torch.bool, torch.uint8, torch.int8, torch.int16]
    >>> [each([1]).dtype for each in (torch.IntTensor, torch.HalfTensor, torch.BFloat16Tensor, torch.DoubleTensor)]
    [torch.int32, torch.float16, torch.bfloat16, torch.float64]
    """

    __slots__ = ()

    def __call__(self, *data: Any, device: DeviceLike = None) -> Tensor:
        """Return a tensor of this type from sizes or data, as ``Tensor`` does."""
        self.require_device()
        if data and isinstance(data[0], TensorBase) and not self.__instancecheck__(data[0]):
            raise ArgumentTypeError(f"{self.name}: expected a tensor of this type, got a {data[0].type()}; use .type()")
        return build(data, self.dtype, self.place if device is None else device)

    def require_device(self) -> None:
        """Raise if this machine has no such device."""
        try:
            is_here = self.place == "cpu" or backends.open_backend(self.place).is_available()
        except DeviceError:
            is_here = False
        if not is_here:
            raise ArgumentTypeError(f"type {self.name} not available: there is no device {self.place!r} here")

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, TensorBase) and value.dtype is self.dtype and value.device.type == self.place

    def __repr__(self) -> str:
        return f"<class {self.name!r}>"


@view(name="alias", input=lambda grad: grad)
def alias(input: Tensor) -> Layout:
    """Return the same elements in the same memory."""
    return input.layout


def build(data: tuple[Any, ...], kind: dtype, where: DeviceLike) -> Tensor:
    """Return a tensor from the arguments of an old constructor; it shares the memory of a tensor, storage or array."""
    first = data[0] if len(data) == 1 else None
    if isinstance(first, TensorBase):
        return past_overrides(alias, first)  # type: ignore[no-any-return]  # a tensor
    if isinstance(first, backends.HostArray):
        require_native(first)
    if isinstance(first, TypedStorage):
        first = first.memory
    if isinstance(first, Storage):
        storage = reinterpret(first, kind.memory)
        vector: Tensor = on_storage(TensorBase.result_class, storage, contiguous((storage.numel(),)))
        return vector
    if isinstance(first, Size) or not data or is_size(data[0]):
        if not all(is_size(each) for each in data[1:]):
            raise ArgumentTypeError(f"new(): expected sizes, which are ints, got {quote(data)}")
        return empty(*[int(each) if is_scalar(each) else each for each in data] or (0,), dtype=kind, device=where)
    if len(data) > 1:
        raise ArgumentTypeError(f"new(): expected sizes or one sequence of numbers, got {quote(data)}")
    if isinstance(first, (str, bytes)):
        raise ArgumentTypeError(f"new(): invalid data type {type(first).__name__!r}; expected numbers")
    if not is_sequence(first):
        raise ArgumentTypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    return as_tensor(first, dtype=kind, device=where)


def is_sequence(value: Any) -> bool:
    """Whether a value has items by position."""
    has_items = hasattr(type(value), "__len__") and hasattr(type(value), "__getitem__")
    return has_items and not isinstance(value, dict) and not is_scalar(value)


def is_scalar(value: Any) -> bool:
    """Whether a value is an array or NumPy number without dims."""
    return getattr(value, "shape", None) == ()


def is_size(value: Any) -> bool:
    """Whether a value is an int of 64 bits, of Python or of NumPy."""
    if isinstance(value, (bool, TensorBase)) or not hasattr(type(value), "__index__"):
        return False
    return is_scalar(value) or (not hasattr(value, "shape") and -(2**63) <= operator.index(value) < 2**63)


def construct(cls: type[T], *data: Any, device: DeviceLike = None, **options: Any) -> T:
    """Implement ``Tensor(...)`` for the class and its subclasses."""
    if "data" in options and not data:
        data = (options.pop("data"),)
    if options:
        raise ArgumentTypeError(f"Tensor(): unknown argument {next(iter(options))!r}; use tensor(...) for a dtype")
    made: T = in_class(build(data, dtypes.get_default_dtype(), device), cls)
    return made


def in_class(input: Tensor, cls: type[Any]) -> Any:
    """Return a tensor as an object of a subclass, with its memory and history."""
    if cls is type(input):
        return input
    tensor = new(cls)
    tensor._array, tensor._storage, tensor._layout = None, input.storage, input.layout
    tensor._node, tensor._base = input.node, input._base
    if input._base is not None:
        tensor._seen = input._seen
    return tensor


def as_subclass(self: Tensor, cls: type[Any]) -> Any:
    """Return this tensor as an object of ``cls``, a subclass of ``Tensor``, on the same memory and with the history.

    Raises:
        TypeError: If ``cls`` is not a class of tensors.

    >>> import minitensor as torch
    >>> class Image(torch.Tensor): pass
    >>> type(torch.ones(2).as_subclass(Image)).__name__
    'Image'
    """
    require_subclass(cls)
    return in_class(past_overrides(alias, self), cls)


def make_subclass(cls: type[Any], data: Tensor, require_grad: bool = False) -> Any:
    """Return a leaf of the class ``cls`` on the memory of ``data``."""
    require_subclass(cls)
    return require_grad_of(in_class(past_overrides(detach, data), cls), require_grad)


def require_subclass(cls: Any) -> None:
    """Raise unless a value is a class of tensors."""
    if not isinstance(cls, type) or not issubclass(cls, TensorBase):
        raise ArgumentTypeError(f"as_subclass: cls must be a subclass of Tensor, got {quote(cls)}")


def new_like(self: Tensor, *data: Any, device: DeviceLike = None) -> Tensor:
    """Return a tensor of this one's dtype and device from sizes or data: the old form of ``new_tensor``.

    Args:
        *data: Sizes, or one sequence, array or tensor.
        device: The device. Default: ``None``, that of this tensor.

    Raises:
        TypeError: If the arguments are neither sizes, nor a sequence, nor a tensor of the same dtype.

    >>> import minitensor as torch
    >>> torch.tensor([1]).new([2, 3]), torch.ones(1).new(2, 3).shape
    (tensor([2, 3]), torch.Size([2, 3]))
    """
    if data and isinstance(data[0], TensorBase) and data[0].dtype is not self.dtype:
        raise ArgumentTypeError(f"new(): expected a tensor of {self.dtype.name}, got {data[0].dtype.name}: cast it")
    return build(data, self.dtype, self.device if device is None else device)


# -- the default -------------------------------------------------------------------------------------------------------


def set_default_tensor_type(t: Any, /) -> None:
    """Set the default dtype to that of a tensor type ``t``, or of its name; ``set_default_dtype`` is the new form.

    Raises:
        TypeError: If ``t`` is not a type of floating-point tensors.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.set_default_tensor_type("torch.FloatTensor")
    >>> torch.get_default_dtype()
    torch.float32
    """
    warnings.warn(
        "set_default_tensor_type() is deprecated, please use set_default_dtype() and set_default_device()",
        UserWarning, stacklevel=user_level(),
    )
    if not isinstance(t, (str, TypeName)):
        raise ArgumentTypeError(
            f"set_default_tensor_type: invalid type object {quote(t)}: only floating-point types are supported"
        )
    try:
        kind, place = dtype_of_type(t, CPU)
    except WrongKindError as error:
        raise ArgumentTypeError(f"set_default_tensor_type: {error}") from None
    if not kind.is_floating_point:
        raise ArgumentTypeError(
            f"set_default_tensor_type: only floating-point types are supported as the default type, got {kind.name}"
        )
    if place != "cpu":
        raise ArgumentTypeError(f"set_default_tensor_type: type not available: expected device 'cpu', got {place!r}")
    dtypes.set_default_dtype(kind)


def get_default_device() -> device:
    """Return the device of new tensors that name none.

    >>> import minitensor as torch
    >>> torch.get_default_device()
    device(type='cpu')
    """
    return default_device()


def set_default_device(device: DeviceLike, /) -> None:
    """Set the device of new tensors that name none, in this thread; None is the CPU.

    Args:
        device: A device or its name, or None.

    Raises:
        RuntimeError: If there is no such device.

    >>> import minitensor as torch
    >>> torch.set_default_device("meta")
    >>> torch.ones(2).device
    device(type='meta')
    >>> torch.set_default_device(None)
    """
    install(None if device is None else DeviceContext(as_device(device)))


as_device = device

ByteTensor, CharTensor, ShortTensor = TensorType(dtypes.uint8), TensorType(dtypes.int8), TensorType(dtypes.int16)
IntTensor, LongTensor, BoolTensor = TensorType(dtypes.int32), TensorType(dtypes.int64), TensorType(dtypes.bool_)
HalfTensor, FloatTensor = TensorType(dtypes.float16), TensorType(dtypes.float32)
DoubleTensor, BFloat16Tensor = TensorType(dtypes.float64), TensorType(dtypes.bfloat16)


# -- variables ---------------------------------------------------------------------------------------------------------


class VariableMeta(type):
    """The class of ``Variable``: every tensor is an instance of it."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, TensorBase)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        """Return a leaf on the memory of a tensor."""
        if volatile is not None and volatile is not False:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning, stacklevel=user_level(),
            )
        if data is None:
            data = empty(0)
        if not isinstance(data, TensorBase):
            raise ArgumentTypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if not isinstance(requires_grad, bool):
            raise ArgumentTypeError(f"Variable: requires_grad must be a bool, got {type(requires_grad).__name__}")
        return require_grad_of(data.detach(), requires_grad)


class Variable(metaclass=VariableMeta):
    """A leaf on the memory of ``data``, as ``data.detach().requires_grad_(requires_grad)``: PyTorch's old form.

    Args:
        data: A tensor. Default: ``None``, an empty one.
        requires_grad: Compute gradients for it. Default: ``False``.
        volatile: Has no effect but a warning. Default: ``None``.

    Raises:
        TypeError: If ``data`` is not a tensor.
        RuntimeError: If ``requires_grad`` is true and ``data`` is neither floating-point nor complex.

    >>> import minitensor as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
