"""The contents of ``torch.autograd.graph``: nodes, edges, hooks on saved tensors and on several gradients.

>>> import minitensor as torch
>>> x = torch.ones(2, requires_grad=True)
>>> isinstance((x * 2).grad_fn, torch.autograd.graph.Node)
True
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from minitensor.autograd.engine import GradientEdge
from minitensor.autograd.hooks import Joint, RemovableHandle, Share, add_hook, hooks_of_tensor
from minitensor.autograd.node import Node
from minitensor.autograd.watch import (
    WatchContext,
    disable_saved_tensors_hooks,
    refuse_disabled_hooks,
    saved_tensors_hooks,
)
from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, ArgumentTypeError, GradAssertionError, GradError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minitensor.storage import Storage
    from minitensor.tensor import Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class save_on_cpu(saved_tensors_hooks):  # noqa: N801  # PyTorch's name
    """Store tensors that are saved for the backward pass in host memory, and copy them back when they are needed.

    Tensors on the host are not copied. ``pin_memory`` is accepted for compatibility with PyTorch and ignored: transfers
    are synchronous, and pinned memory would not speed them up.

    Args:
        pin_memory: Has no effect. Default: ``False``.
        device_type: Has no effect. Default: ``"cuda"``.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(to_host, from_host)


def to_host(tensor: Tensor) -> tuple[Any, Any]:
    """Return a tensor's device and its values on the host."""
    return tensor.device, tensor.cpu()


def from_host(packed: tuple[Any, Any]) -> Any:
    """Return the tensor on its original device."""
    device, tensor = packed
    return tensor.to(device)


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all") -> Handles:
    """Call ``fn`` once for each backward pass with the gradients of several tensors.

    With mode "all", ``fn`` is called after the last gradient has arrived, with a list of all; the entry of a tensor
    that this pass does not reach is None. With "any", it is called with the first gradient that arrives. It cannot
    change the gradients.

    Args:
        tensors: The tensors whose gradients are awaited.
        fn: The hook.
        mode: ``"all"`` or ``"any"``. Default: ``"all"``.

    Raises:
        ValueError: If ``mode`` is unknown.
        RuntimeError, AssertionError: If an item is not a tensor, or with "all" does not require grad (one class, a
            child of both).

    >>> import minitensor as torch
    >>> a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook((a, b), print)
    >>> (a * 2 + b * 3).sum().backward()
    [tensor([2.]), tensor([3.])]
    """
    if mode not in ("all", "any"):
        raise ArgumentError(f"register_multi_grad_hook: expects mode to be one of ('all', 'any'), got {mode!r}")
    nodes = []
    for i, tensor in enumerate(tensors):
        if isinstance(tensor, TensorBase) and tensor.node is not None:
            nodes.append(tensor.node)
        elif mode == "all" or not isinstance(tensor, TensorBase):
            raise GradAssertionError(
                f"register_multi_grad_hook: tensor {i} does not require grad and will not get a gradient"
            )
    joint = Joint([node.as_edge()[0] for node in nodes], fn, mode)
    return Handles([add_hook(hooks_of_tensor(node).on_grad, Share(joint, i)) for i, node in enumerate(nodes)])


class Handles(RemovableHandle):
    """Removes a hook from all its tensors."""

    def __init__(self, handles: Iterable[RemovableHandle]) -> None:
        super().__init__({})
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Remove the hook. A second call does nothing."""
        for each in self.handles:
            each.remove()


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Return the place of ``tensor`` in the graph, which ``autograd.grad`` and ``backward`` accept instead of it.

    The edge keeps the graph alive, but not the tensor's memory.

    Raises:
        RuntimeError: If the tensor does not require grad.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> y = x * 3
    >>> edge = torch.autograd.graph.get_gradient_edge(y)
    >>> torch.autograd.grad(y.exp().sum(), edge)
    (tensor([20.0855, 20.0855]),)
    """
    node = tensor.node
    if node is None:
        raise GradError("it is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*node.as_edge(), node)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Tell autograd about a write to ``tensor``, or to each of several, that it did not see, for example by NumPy.

    Saved values become invalid.

    Raises:
        TypeError: If an item is not a tensor.

    >>> import minitensor as torch
    >>> x = torch.ones(2)
    >>> torch.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    tensors: Iterable[Any] = (tensor,) if isinstance(tensor, TensorBase) else tensor
    for each in tensors:
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(f"increment_version: expected a tensor, got {type(each).__name__}")
        each.storage.version += 1


# -- mutation ----------------------------------------------------------------------------------------------------------


class allow_mutation_on_saved_tensors(WatchContext):  # noqa: N801  # PyTorch's name
    """Allow writes to saved tensors inside. The values that the backward pass needs are copied before the write.

    The backward pass must run inside too, or before any further write.

    >>> import minitensor as torch
    >>> x = torch.tensor([2., 3.], requires_grad=True)
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = (y * y).sum()
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([4., 6.])
    """

    def __init__(self) -> None:
        self.saved: weakref.WeakKeyDictionary[Storage, list[weakref.ref[SavedTensor]]] = weakref.WeakKeyDictionary()
        super().__init__(pack=self.save, unpack=SavedTensor.value, before_write=self.copy)

    def __enter__(self) -> Any:
        refuse_disabled_hooks()
        return super().__enter__()

    def save(self, tensor: Any) -> SavedTensor:
        """Remember that ``tensor`` was saved."""
        saved = SavedTensor(tensor)
        storage = tensor.storage
        self.saved.setdefault(getattr(storage, "owner", storage), []).append(weakref.ref(saved))
        return saved

    def copy(self, storage: Storage) -> None:
        """Copy the saved tensors of ``storage``, which is about to be written to."""
        for reference in self.saved.pop(storage, ()):
            saved = reference()
            if saved is not None:
                saved.tensor = saved.tensor.clone()


class SavedTensor:
    """A saved tensor that may be replaced by a copy."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def value(self) -> Any:
        """Return the tensor with the values that were saved."""
        return self.tensor

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
