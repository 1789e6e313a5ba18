"""Tensors that a module takes for its own: ``Parameter`` is trained, ``Buffer`` is not.

Both are tensors in all they do; what an op returns is a plain Tensor. They differ only in what a module does when one
is assigned to it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitensor.base import TensorBase, new
from minitensor.errors import ArgumentTypeError
from minitensor.ops.creation import empty
from minitensor.tensor import Tensor

T = TypeVar("T", bound=Tensor)


class NoTensor(ArgumentTypeError, AttributeError):
    """What is no tensor: a TypeError, and as in PyTorch an AttributeError."""


def adopt(cls: type[T], data: Tensor | None, requires_grad: bool) -> T:
    """Return a leaf of class ``cls`` on the memory of ``data``."""
    source = empty(0) if data is None else data
    if not isinstance(source, TensorBase):
        raise NoTensor(f"{cls.__name__}: expected a tensor, got {type(data).__name__}; use tensor(...) on it")
    tensor = new(cls)
    tensor._storage, tensor._layout, tensor._node, tensor._base = source.storage, source.layout, None, None
    if requires_grad:
        tensor.requires_grad_()
    return tensor


class Parameter(Tensor):
    """A tensor that its module trains: listed by ``parameters()``, and requiring grad unless told otherwise.

    It shares the memory of its data.

    >>> Parameter(minitensor.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return adopt(cls, data, requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """Do nothing: all is done in ``__new__``."""

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied: Parameter = super().__deepcopy__(memo)  # type: ignore[assignment]  # the copy is of the same class
        copied.grad = None
        return copied


class Buffer(Tensor):
    """A tensor that moves with its module but is not trained; a persistent one is saved with it."""

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer = adopt(cls, data, requires_grad=False)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """Do nothing: all is done in ``__new__``."""

    def __reduce_ex__(self, protocol: Any = None) -> tuple[Any, ...]:
        return (*super().__reduce_ex__(protocol), self.__dict__)
