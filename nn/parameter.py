"""Tensors that a module registers: a ``Parameter`` is trained, a ``Buffer`` is not.

Both behave as tensors; what an op returns is a plain Tensor. They differ only in what a module does when one is
assigned to an attribute. An uninitialized one holds the place of a tensor whose shape the first input will determine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.autograd.protocol import disabled_torch_function, does_override
from minitensor.base import TensorBase, TensorMeta, new
from minitensor.compat.reasons import attributes_of
from minitensor.errors import UninitializedError, WrongTypeError
from minitensor.ops.creation import empty
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike, device
    from minitensor.dtypes import dtype as Dtype

T = TypeVar("T", bound=Tensor)


def adopt(cls: type[T], data: Tensor | None, requires_grad: bool) -> T:
    """Return a leaf of class ``cls`` on the memory of ``data``."""
    source = empty(0) if data is None else data
    if not isinstance(source, TensorBase):
        raise WrongTypeError(f"{cls.__name__}: expected a tensor, got {type(data).__name__}; use tensor(...) on it")
    tensor = new(cls)
    tensor._storage, tensor._layout = source.storage, source.layout
    tensor._array = tensor._node = tensor._base = None
    if requires_grad is not False:
        tensor.requires_grad_(requires_grad)  # raises unless it is a bool
    return tensor


def parameter_of_subclass(data: Any, requires_grad: bool) -> Any:
    """Return a parameter of the same subclass as ``data``."""
    tensor = data.detach()
    if type(tensor) is not type(data):
        raise WrongTypeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() returns an "
            f"instance of the same type, but it returned {type(tensor).__name__}"
        )
    tensor.requires_grad_(requires_grad)._is_param = True
    return tensor


class ParameterMeta(TensorMeta):
    """The class of ``Parameter``: tensors of the user's classes may be parameters too."""

    def __instancecheck__(cls, value: object) -> bool:
        return super().__instancecheck__(value) or (
            cls is Parameter and isinstance(value, Tensor) and getattr(value, "_is_param", False)
        )


class Parameter(Tensor, metaclass=ParameterMeta):
    """A tensor that its module trains: ``parameters()`` yields it, and it requires grad by default.

    It shares the memory of ``data``. A tensor of a subclass keeps its class.

    Args:
        data: The values. Default: ``None``, an empty tensor.
        requires_grad: Compute gradients for it. Default: ``True``.

    Raises:
        TypeError: If ``data`` is not a tensor, or ``requires_grad`` not a bool.
        RuntimeError: If ``requires_grad`` is true and ``data`` is neither floating-point nor complex.

    >>> import minitensor as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __torch_function__ = disabled_torch_function  # results are plain tensors

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if cls is Parameter and isinstance(data, TensorBase) and does_override(type(data)):
            return parameter_of_subclass(data, requires_grad)  # type: ignore[no-any-return]  # isinstance says so
        return adopt(cls, data, requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """Do nothing: ``__new__`` does everything."""

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied: Parameter = super().__deepcopy__(memo)  # type: ignore[assignment]  # the copy is of the same class
        # As in PyTorch, where only a plain tensor's copy has its gradient.
        copied.grad = None
        return copied


class Buffer(Tensor):
    """A tensor that moves with its module but is not trained; a persistent one is saved with it.

    Args:
        data: The values, whose memory it shares. Default: ``None``, an empty tensor.
        persistent: Include it in the state dict. Default: ``True``.

    Raises:
        TypeError: If ``data`` is not a tensor.

    >>> import minitensor as torch
    >>> module = torch.nn.Module()
    >>> module.count = torch.nn.Buffer(torch.tensor(0))
    >>> list(module.state_dict())
    ['count']
    """

    __torch_function__ = disabled_torch_function  # results are plain tensors
    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer = adopt(cls, data, requires_grad=False)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """Do nothing: ``__new__`` does everything."""


# -- without a shape yet -----------------------------------------------------------------------------------------------


class UninitializedTensorMixin(Tensor):
    """The base class of parameters and buffers without a shape: a dtype, a device, and whether they will require grad.

    There is no memory: whatever needs some raises. ``materialize`` sets the shape and the class; all references to the
    object then see the real tensor.
    """

    __torch_function__ = disabled_torch_function
    cls_to_become: type[Tensor]
    pending: Tensor  # empty, of the dtype and device to be
    wants_grad: bool

    def materialize(self, shape: Sequence[int], device: DeviceLike = None, dtype: Dtype | None = None) -> None:
        """Become a tensor of this shape, with the values of ``empty``.

        Args:
            shape: The shape.
            device, dtype: Default: ``None``, those it has.
        """
        made = empty(tuple(shape), device=device or self.device, dtype=dtype or self.dtype)
        wants_grad = self.wants_grad
        del self.pending, self.wants_grad
        self.__class__ = self.cls_to_become  # type: ignore[assignment]  # both are tensors with a __dict__
        self._storage, self._layout = made.storage, made.layout
        self.requires_grad_(wants_grad)

    @property
    def array(self) -> Any:
        """Raise ``UninitializedError``: there is no memory yet."""
        raise UninitializedError(
            f"attempted to use an uninitialized {self.cls_to_become.__name__.lower()}: its shape is known once the "
            "lazy module that holds it has seen an input; call the module once before"
        )

    @property
    def shape(self) -> Any:
        """Raise ``UninitializedError``: there is none yet."""
        raise UninitializedError(
            "Can't access the shape of an uninitialized parameter or buffer: the lazy module that holds it learns it "
            "from its first input; call the module once before"
        )

    @property
    def data(self) -> Tensor:
        """An empty tensor that has the dtype and the device, for a module that moves."""
        return self.pending

    @data.setter
    def data(self, value: Tensor) -> None:
        self.pending = value

    @property
    def dtype(self) -> Dtype:
        """The dtype that it will have."""
        return self.pending.dtype

    @property
    def device(self) -> device:
        """The device on which it will lie."""
        return self.pending.device

    @property
    def requires_grad(self) -> bool:
        """Whether it will require grad."""
        return self.wants_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.wants_grad = value

    def requires_grad_(self: U, requires_grad: bool = True) -> U:
        """Set whether it will require grad."""
        self.wants_grad = requires_grad
        return self

    def detach(self: U) -> U:
        """Return itself: it has no history."""
        return self

    def to(self: U, *args: Any, **kwargs: Any) -> U:
        """Return one that will have another dtype or device."""
        target = self.pending.to(*args, **kwargs)
        return type(self)(self.wants_grad, target.device, target.dtype)

    def is_floating_point(self) -> bool:
        """Tell whether it will hold floats."""
        return self.pending.is_floating_point()

    def is_complex(self) -> bool:
        """Tell whether it will hold complex numbers."""
        return self.pending.is_complex()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self: U, memo: dict[int, Any]) -> U:
        return memo.setdefault(id(self), self.to())  # type: ignore[no-any-return]  # copy's memo is untyped

    def __reduce_ex__(self, protocol: Any = None) -> tuple[Any, ...]:
        return type(self), (self.wants_grad, self.device, self.dtype)


U = TypeVar("U", bound=UninitializedTensorMixin)


def tensor_without_memory(cls: type[U], requires_grad: bool, device: DeviceLike, dtype: Dtype | None) -> U:
    """Return a tensor without memory."""
    tensor = new(cls)
    tensor._array = tensor._storage = tensor._layout = tensor._node = tensor._base = None
    tensor.pending, tensor.wants_grad = empty(0, device=device, dtype=dtype), requires_grad
    return tensor


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape the first input of its module will determine.

    Args:
        requires_grad: Compute gradients for it. Default: ``True``.
        device, dtype: Where it will lie, and its type. Default: ``None``.

    Raises:
        RuntimeError, ValueError: On any use that needs its shape or values.

    >>> import minitensor as torch
    >>> weight = torch.nn.UninitializedParameter()
    >>> weight
    <UninitializedParameter>
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: DeviceLike = None, dtype: Dtype | None = None
    ) -> UninitializedParameter:
        return tensor_without_memory(cls, requires_grad, device, dtype)

    def __init__(self, requires_grad: bool = True, device: DeviceLike = None, dtype: Dtype | None = None) -> None:
        """Do nothing: ``__new__`` does everything."""


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape the first input of its module will determine.

    Args:
        requires_grad: Compute gradients for it. Default: ``False``.
        device, dtype: Where it will lie, and its type. Default: ``None``.
        persistent: Include it in the state dict. Default: ``True``.

    Raises:
        RuntimeError, ValueError: On any use that needs its shape or values.

    >>> import minitensor as torch
    >>> torch.nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    cls_to_become = Buffer

    def __new__(
        cls, requires_grad: bool = False, device: DeviceLike = None, dtype: Dtype | None = None, persistent: bool = True
    ) -> UninitializedBuffer:
        buffer = tensor_without_memory(cls, requires_grad, device, dtype)
        buffer.persistent = persistent
        return buffer

    def __init__(
        self,
        requires_grad: bool = False,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        persistent: bool = True,
    ) -> None:
        """Do nothing: ``__new__`` does everything."""


def is_lazy(tensor: Any) -> bool:
    """Tell whether a parameter or buffer has no shape yet."""
    return isinstance(tensor, UninitializedTensorMixin)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
