"""Tensors that a module takes for its own: ``Parameter`` is trained, ``Buffer`` is not.

Both are tensors in all they do; what an op returns is a plain Tensor. They differ only in what a module does when one is
assigned to it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitensor.creation import empty
from minitensor.tensor import Tensor

T = TypeVar("T", bound=Tensor)


def adopt(cls: type[T], data: Tensor | None, requires_grad: bool) -> T:
    """Return a leaf of class ``cls`` on the memory of ``data``."""
    source = empty(0) if data is None else data.detach()
    tensor = object.__new__(cls)
    tensor._storage, tensor._layout, tensor._node, tensor._base = source.storage, source.layout, None, None
    tensor.requires_grad_(requires_grad)
    return tensor


class Parameter(Tensor):
    """A tensor that its module trains: listed by ``parameters()``, and requiring grad unless told otherwise.

    >>> Parameter(minitensor.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return adopt(cls, data, requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """Everything is done in ``__new__``: a parameter shares the memory of its data."""

    def __repr__(self, **options: Any) -> str:
        return "Parameter containing:\n" + super().__repr__(**options)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        copied: Parameter = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.detach(), self.requires_grad)


class Buffer(Tensor):
    """A tensor that moves with its module but is not trained; a persistent one is saved with it."""

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer = adopt(cls, data, requires_grad=False)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """Everything is done in ``__new__``."""
