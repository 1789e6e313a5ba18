"""The Python protocols of a tensor: ``repr``, ``format``, ``reversed``, ``copy.deepcopy``, pickling."""

from __future__ import annotations

from copy import deepcopy as deepcopy_any
from typing import TYPE_CHECKING, Any

from minitensor import printing
from minitensor.autograd.face import grad_fn, is_leaf, requires_grad, set_requires_grad
from minitensor.autograd.protocol import does_override
from minitensor.backends import holds_data, open_backend
from minitensor.backends.encoded import of_dtype
from minitensor.base import elements_of, on_storage
from minitensor.errors import GradError
from minitensor.layouts import Layout, extent
from minitensor.ops.duals import tangent_text
from minitensor.ops.rearrange import flip
from minitensor.storage import Storage, lender

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def text(self: Tensor) -> str:
    """Return the tensor as PyTorch prints it."""
    node = grad_fn(self)
    has_elements = holds_data(self.storage.array)
    write: Any = printing.tensor_str if has_elements else printing.meta_str
    found: str = write(
        self.backend.to_host(elements_of(self)) if has_elements else self.layout.shape,
        dtype=self.dtype,
        device=str(self.device),
        requires_grad=requires_grad(self),
        grad_fn_name=None if node is None else node.name(),
        tangent=tangent_text(self),
        prefix="tensor(" if is_plain(self) else f"{type(self).__name__}(",
    )
    return found


def is_plain(self: Tensor) -> bool:
    """Whether a tensor prints as a plain one: it is one, or a parameter."""
    return not does_override(type(self))


def text_in_format(self: Tensor, specification: str) -> str:
    """Serve ``f"{tensor:.4f}"``: a 0-d tensor formats as its number. A subclass, such as a parameter, as its text."""
    if type(self) is self.result_class and not self.layout.shape and self.device.type != "meta":
        return format(self.detach().item(), specification)
    return object.__format__(self, specification)


def names(self: Tensor) -> list[str]:
    """List the attributes of a tensor, without those whose reading says that they are missing."""
    return sorted({*dir(type(self)), *self.__dict__})


def backwards(self: Tensor) -> Tensor:
    """Serve ``reversed(tensor)``: flip the first dim, if there is one."""
    return flip(self, 0) if self.layout.shape else self


def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """Copy a leaf and its gradient; tensors that share a storage share its copy."""
    if not is_leaf(self):
        raise GradError(
            "only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol: detach() it"
        )
    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]  # copy's memo is untyped
    storage = lender(self.storage)
    if id(storage) not in memo:
        memo[id(storage)] = Storage(storage.buffer.copy())
        memo[id(memo)] = [*memo.get(id(memo), []), storage]  # keep the original alive as long as its id is a key
    copy: Tensor = rebuild(type(self), memo[id(storage)], self.layout, requires_grad(self))
    memo[id(self)] = copy
    if (grad := getattr(self, "_grad", None)) is not None:
        copy._grad = deepcopy(grad, memo)
    if self.__dict__:
        copy.__dict__.update(deepcopy_any(self.__dict__, memo))
    return copy


def reduce(self: Tensor, protocol: Any = None) -> tuple[Any, ...]:
    """Pickle storage and layout: tensors that share memory share it again. Like PyTorch, the history is left out."""
    storage = lender(self.storage)
    if not holds_data(storage.array):
        return rebuild_meta, (type(self), self.layout.shape, self.layout.strides, self.dtype, requires_grad(self))
    flat = Storage(self.backend.to_host(storage.buffer)) if self.device.type != "cpu" else storage
    parts = (type(self), flat, tuple(self.layout), requires_grad(self), str(self.device))
    return (rebuild, parts, self.__dict__) if self.__dict__ else (rebuild, parts)


def rebuild_meta(
    cls: type[Any], shape: tuple[int, ...], strides: tuple[int, ...], kind: Any, wants_grad: bool
) -> Any:
    """Return a leaf tensor without memory."""
    there = Layout(shape, strides, 0)
    memory = open_backend("meta").xp.empty(extent(there)[1] if 0 not in shape else 0, kind.memory)
    tensor = on_storage(cls, Storage(of_dtype(memory)), there)
    if wants_grad:
        set_requires_grad(tensor, True)
    return tensor


def rebuild(cls: type[Any], storage: Storage, layout: tuple[Any, ...], wants_grad: bool, where: str = "cpu") -> Any:
    """Return a leaf tensor with the given storage and layout."""
    tensor = on_storage(cls, storage, Layout(*layout))
    if where != "cpu":
        tensor = tensor.to(where)
    if wants_grad:
        set_requires_grad(tensor, True)
    return tensor


