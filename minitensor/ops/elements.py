"""Python functions of single elements: ``apply_``, ``map_`` and ``map2_``. They are slow and have no gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import elements_of, write_values
from minitensor.errors import ArgumentTypeError, GradError, quote
from minitensor.ops import nested
from minitensor.ops.aliasing import refuse_write
from minitensor.ops.broadcast import broadcast_to
from minitensor.ops.fill import check_expands
from minitensor.ops.operand import require_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minitensor.tensor import Tensor


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by ``callable`` of it, in place, on the CPU only.

    Args:
        callable: A function of a Python number that returns one.

    Raises:
        RuntimeError: If the tensor requires grad, or a result does not fit its dtype.
        TypeError: If the tensor is not on the CPU, or a result is not a number.

    >>> import minitensor as torch
    >>> torch.tensor([1., 2.]).apply_(lambda x: 10 * x)
    tensor([10., 20.])
    """
    require_plain("apply_", self)
    return replace_elements("apply_", self, map(callable, numbers_of(self)))


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by ``callable`` of it and that of ``tensor``, which may be broadcast, in place.

    Args:
        tensor: The tensor of the second arguments, of this one's dtype.
        callable: A function of two Python numbers that returns one.

    Raises:
        RuntimeError: If a tensor requires grad, ``tensor`` does not broadcast, or a result does not fit the dtype.
        TypeError: If a tensor is not on the CPU, the dtypes differ, or a result is not a number.

    >>> import minitensor as torch
    >>> torch.tensor([1., 5.]).map_(torch.tensor(3.), max)
    tensor([3., 5.])
    """
    others = others_of("map_", self, tensor)
    return replace_elements("map_", self, map(callable, numbers_of(self), others))


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by ``callable`` of it and those of two tensors, which may be broadcast, in place.

    Args:
        x, y: The tensors of the further arguments, of this one's dtype.
        callable: A function of three Python numbers that returns one.

    Raises:
        RuntimeError: If a tensor requires grad or does not broadcast, or a result does not fit the dtype.
        TypeError: If a tensor is not on the CPU, the dtypes differ, or a result is not a number.

    >>> import minitensor as torch
    >>> torch.tensor([1., 5.]).map2_(torch.tensor([2., 3.]), torch.tensor(10.), lambda a, b, c: a + b * c)
    tensor([21., 35.])
    """
    first, second = others_of("map2_", self, x), others_of("map2_", self, y)
    return replace_elements("map2_", self, map(callable, numbers_of(self), first, second))


def others_of(name: str, self: Tensor, tensor: Tensor) -> Any:
    """Return the elements of a tensor, broadcast to another one, as a flat list; raise if they do not fit."""
    require_tensors(name, other=tensor)
    require_plain(name, self, tensor)
    if tensor.dtype is not self.dtype:
        raise ArgumentTypeError(f"{name}: expected a tensor of {self.dtype.name}, got {tensor.dtype.name}: cast it")
    check_expands(name, tensor, self)
    return numbers_of(broadcast_to(tensor, self.shape))


def require_plain(name: str, *tensors: Tensor) -> None:
    """Raise if a tensor requires grad or is not on the CPU."""
    for each in tensors:
        if each.requires_grad:
            raise GradError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
        if each.device.type != "cpu":
            raise ArgumentTypeError(f"{name} is only implemented on CPU tensors, got one on {each.device}")


def numbers_of(tensor: Tensor) -> Any:
    """Return the elements as a flat list of Python numbers."""
    return elements_of(tensor).reshape(-1).tolist()


def replace_elements(name: str, tensor: Tensor, numbers: Iterable[Any]) -> Tensor:
    """Write numbers into a tensor in the order of its elements, once all are known."""
    refuse_write(name, tensor)
    found = list(numbers)
    for each in found:
        if isinstance(each, (str, bytes)):
            raise ArgumentTypeError(f"{name}: expected a function that returns numbers, got {quote(each)} from it")
    write_values(tensor, nested.read(found, tensor.dtype.arithmetic).reshape(tensor.layout.shape))
    tensor.storage.version += 1
    return tensor
