"""Saved tensors that a pair of hooks packs and unpacks; see ``saved_tensors_hooks``.

A ``Packed`` object replaces a saved tensor in a node. The node's class changes to one that unpacks the values when it
opens them, which costs other nodes nothing. This file does not know what the hooks do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.encoded import Decoding, EncodedMultiNode, EncodedNode, EncodedSequenceNode
from minitensor.autograd.mode import grad_mode, with_recording
from minitensor.autograd.node import FREED, MultiNode, Node, SequenceNode, result_node, with_shapes
from minitensor.autograd.protocol import active
from minitensor.base import TensorBase, restore, window
from minitensor.errors import ArgumentTypeError, GradError, InplaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Hook = Callable[[Any], Any]


class Packed:
    """The result of a pack hook, and what hooks do not see: the tensor's place in the graph, and its tangents."""

    __slots__ = ("handle", "node", "tangents", "unpack")

    def __init__(self, tensor: Any, node: Node | None, pack: Hook, unpack: Hook) -> None:
        self.node = node
        self.unpack = unpack
        handle = call_pack_hook(pack, tensor)
        # The caller may still move its tensor to other memory or another shape.
        self.handle = window(tensor, tensor.layout) if handle is tensor else handle
        self.tangents: Any = ()
        if active and not getattr(handle, "is_recomputed", False):
            self.tangents = TensorBase.result_class._dual_level.copy_tangents(tensor)

    def open(self, node: Node | None = None) -> Any:
        """Return the tensor that the unpack hook returns, with the node of the packed tensor or with ``node``."""
        token = grad_mode.set(with_recording(False))
        try:
            tensor = self.unpack(self.handle)
        finally:
            grad_mode.reset(token)
        if not isinstance(tensor, TensorBase):
            raise ArgumentTypeError(
                f"output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        node = self.node if node is None else node
        if node is None and tensor.node is None and not active:
            return tensor
        result = window(tensor, tensor.layout)
        result._node = node
        if active:
            TensorBase.result_class._dual_level.restore_tangents(result, tensor, self.tangents)
        return result


def call_pack_hook(pack: Hook, tensor: Any) -> Any:
    """Return the result of a pack hook. Raise if the hook changed the tensor."""
    storage = tensor.storage
    version = storage.version
    token = grad_mode.set(with_recording(False))
    try:
        handle = pack(tensor)
    finally:
        grad_mode.reset(token)
    if storage.version != version:
        raise InplaceError(
            "a saved tensor pack hook is modifying its input in place: the tensor shares memory with the caller's; "
            "return a changed copy instead"
        )
    return handle


def pack_node(node: Any, pack: Hook, unpack: Hook) -> None:
    """Replace the tensors that a node has saved by packed ones."""
    kind = PACKED.get(node.__class__)
    if kind is None or (node.result is None and not node.saved):
        return
    saved = tuple([pack_value(value, pack, unpack) for value in node.saved])
    if node.result is None and all(one is other for one, other in zip(saved, node.saved, strict=True)):
        return
    result = node.result
    if result is not None:
        several = isinstance(node, MultiNode)
        result = (
            tuple([None if one is None else pack_result(one, pack, unpack) for one in result])
            if several
            else pack_result(result, pack, unpack)
        )
    node.saved, node.result, node.versions = saved, result, ()
    node.__class__ = kind


def pack_value(value: Any, pack: Hook, unpack: Hook) -> Any:
    """Return a saved value with its tensors packed."""
    if isinstance(value, TensorBase):
        return Packed(value, value.node, pack, unpack)
    if isinstance(value, (list, tuple)) and any(isinstance(one, TensorBase) for one in value):
        return rebuild(value, [pack_value(one, pack, unpack) for one in value])
    return value


def pack_result(result: tuple[Any, ...], pack: Hook, unpack: Hook) -> tuple[Any, ...]:
    """Pack a saved result, which has no node; return it with its shape and dtype."""
    array, storage, layout, _ = result
    tensor = restore(TensorBase.result_class, array, storage, layout)
    return Packed(tensor, None, pack, unpack), array.shape, array.dtype


def open_value(value: Any) -> Any:
    """Return a saved value, unpacked if it was packed."""
    if value.__class__ is Packed:
        return value.open()
    if isinstance(value, (tuple, list)) and any(one.__class__ is Packed for one in value):
        return rebuild(value, [open_value(one) for one in value])
    return value


def rebuild(sequence: Any, values: list[Any]) -> Any:
    """Return the values in a list or tuple of the same class."""
    return tuple.__new__(sequence.__class__, values) if isinstance(sequence, tuple) else sequence.__class__(values)


class Unpacking:
    """The methods of a node that unpack and free packed values."""

    __slots__ = ()

    saved: Any
    result: Any

    def open(self, grad: Any) -> Sequence[Any]:
        """Return the unpacked saved values, with the result last if it was saved."""
        saved = self.saved
        if saved is None:
            raise GradError(FREED.format(op=self.name()))  # type: ignore[attr-defined]  # a node's
        values = tuple([open_value(value) for value in saved])
        return values if self.result is None else (*values, self.reopen(grad.result_class))

    def reopen(self, cls: Any) -> Any:
        """Return the unpacked result with this node."""
        return self.result[0].open(self)

    def release(self) -> None:
        """Free everything."""
        self.saved = self.result = None


class PackedNode(Unpacking, Node):
    """A node with packed saved tensors."""

    __slots__ = ()


class PackedSequenceNode(Unpacking, SequenceNode):
    """The node of an operation on a sequence of tensors, with packed saved tensors."""

    __slots__ = ()

    def open(self, grad: Any) -> Sequence[Any]:
        return with_shapes(self, Unpacking.open(self, grad))


class PackedMultiNode(Unpacking, MultiNode):
    """The node of an operation with several results, with packed saved tensors."""

    __slots__ = ()

    def reopen(self, cls: Any) -> Any:
        return tuple([
            None if one is None else one[0].open(result_node(self, i, *one[1:])) for i, one in enumerate(self.result)
        ])


class PackedEncodedNode(Decoding, PackedNode):
    """The node of an operation on encoded tensors, with packed saved tensors."""

    __slots__ = ()


class PackedEncodedSequenceNode(Decoding, PackedSequenceNode):
    """The node of an operation on a sequence of encoded tensors, with packed saved tensors."""

    __slots__ = ()


class PackedEncodedMultiNode(Decoding, PackedMultiNode):
    """The node of an operation on encoded tensors with several results, with packed saved tensors."""

    __slots__ = ()


PACKED: dict[type[Node], Any] = {
    Node: PackedNode, SequenceNode: PackedSequenceNode, MultiNode: PackedMultiNode,
    EncodedNode: PackedEncodedNode, EncodedSequenceNode: PackedEncodedSequenceNode,
    EncodedMultiNode: PackedEncodedMultiNode,
}  # fmt: skip
