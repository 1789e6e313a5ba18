"""Saved tensors in another's hands: what a node keeps when a pair of hooks packs what is saved.

A ``Packed`` stands in a node's slots where the tensor would be. A node that holds one becomes of a class that unpacks
when it opens, so that all other nodes pay nothing. Who asked for the packing, and what becomes of the tensors
meanwhile, is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import grad_mode, turned
from minitensor.autograd.node import FREED, MultiNode, Node, SequenceNode, output, with_shapes
from minitensor.base import TensorBase, new, window
from minitensor.errors import ArgumentTypeError, GradError, InplaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Hook = Callable[[Any], Any]


class Packed:
    """A saved tensor as a hook packed it, and the tensor's place in the graph."""

    __slots__ = ("handle", "node", "unpack")

    def __init__(self, tensor: Any, node: Node | None, pack: Hook, unpack: Hook) -> None:
        self.node = node
        self.unpack = unpack
        self.handle = packed_by(pack, window(tensor, tensor.layout))

    def opened(self, node: Node | None = None) -> Any:
        """Return the tensor that the hook unpacks, at the place of the one that was packed, or at ``node``."""
        token = grad_mode.set(turned(False))
        try:
            tensor = self.unpack(self.handle)
        finally:
            grad_mode.reset(token)
        if not isinstance(tensor, TensorBase):
            raise ArgumentTypeError(
                f"output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        place = self.node if node is None else node
        if place is None and tensor.node is None:
            return tensor
        seen = window(tensor, tensor.layout)
        seen._node = place
        return seen


def packed_by(pack: Hook, tensor: Any) -> Any:
    """Return what a hook makes of a tensor, which it must not change."""
    storage = tensor.storage
    version = storage.version
    token = grad_mode.set(turned(False))
    try:
        handle = pack(tensor)
    finally:
        grad_mode.reset(token)
    if storage.version != version:
        raise InplaceError(
            "a saved tensor pack hook is modifying its input in place: what it is given is the caller's own memory; "
            "return a changed copy instead"
        )
    return handle


def pack_saved(node: Any, pack: Hook, unpack: Hook) -> None:
    """Let a pair of hooks take what a node has saved."""
    kind = PACKED.get(node.__class__)
    if kind is None or (node.result is None and not node.saved):
        return
    saved = tuple([packed(value, pack, unpack) for value in node.saved])
    if node.result is None and all(one is other for one, other in zip(saved, node.saved, strict=True)):
        return
    kept = node.result
    if kept is not None:
        several = isinstance(node, MultiNode)
        kept = (
            tuple([None if one is None else packed_result(one, pack, unpack) for one in kept])
            if several
            else packed_result(kept, pack, unpack)
        )
    node.saved, node.result, node.versions = saved, kept, ()
    node.__class__ = kind


def packed(value: Any, pack: Hook, unpack: Hook) -> Any:
    """Return a saved value with its tensors packed."""
    if isinstance(value, TensorBase):
        return Packed(value, value.node, pack, unpack)
    if isinstance(value, (list, tuple)) and any(isinstance(one, TensorBase) for one in value):
        return rebuilt(value, [packed(one, pack, unpack) for one in value])
    return value


def packed_result(result: tuple[Any, ...], pack: Hook, unpack: Hook) -> tuple[Any, ...]:
    """Pack a result, which a node keeps without its history; return it with its shape and dtype."""
    array, storage, layout, _ = result
    tensor = new(TensorBase.result_class)
    tensor.array, tensor._storage, tensor._layout = array, storage, layout
    tensor._node = tensor._base = None
    return Packed(tensor, None, pack, unpack), array.shape, array.dtype


def opened(value: Any) -> Any:
    """Return a saved value, unpacked where it was packed."""
    if value.__class__ is Packed:
        return value.opened()
    if isinstance(value, (tuple, list)) and any(one.__class__ is Packed for one in value):
        return rebuilt(value, [opened(one) for one in value])
    return value


def rebuilt(sequence: Any, values: list[Any]) -> Any:
    """Return other values in a list or tuple of the same kind."""
    return tuple.__new__(sequence.__class__, values) if isinstance(sequence, tuple) else sequence.__class__(values)


class Unpacking:
    """How a node opens and frees what was packed."""

    __slots__ = ()

    saved: Any
    result: Any

    def open(self, grad: Any) -> Sequence[Any]:
        """Return the saved values unpacked, the result last if it was kept."""
        saved = self.saved
        if saved is None:
            raise GradError(FREED.format(op=self.name()))  # type: ignore[attr-defined]  # a node's
        values = tuple([opened(value) for value in saved])
        return values if self.result is None else (*values, self.reopen(grad.result_class))

    def reopen(self, cls: Any) -> Any:
        """Return the kept result unpacked, made by this node."""
        return self.result[0].opened(self)

    def release(self) -> None:
        """Free everything."""
        self.saved = self.result = None


class PackedNode(Unpacking, Node):
    """A node whose saved tensors are packed."""

    __slots__ = ()


class PackedSequenceNode(Unpacking, SequenceNode):
    """An operation on a sequence of tensors whose saved ones are packed."""

    __slots__ = ()

    def open(self, grad: Any) -> Sequence[Any]:
        return with_shapes(self, Unpacking.open(self, grad))


class PackedMultiNode(Unpacking, MultiNode):
    """An operation with several results whose saved tensors are packed."""

    __slots__ = ()

    def reopen(self, cls: Any) -> Any:
        return tuple([
            None if one is None else one[0].opened(output(self, i, *one[1:])) for i, one in enumerate(self.result)
        ])


PACKED: dict[type[Node], Any] = {
    Node: PackedNode, SequenceNode: PackedSequenceNode, MultiNode: PackedMultiNode,
}  # fmt: skip
