"""Leaves: the nodes of tensors that no recorded operation made, which accumulate the tensors' ``grad``."""

from __future__ import annotations

import weakref
from threading import RLock
from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Node
from minitensor.autograd.protocol import active
from minitensor.autograd.strides import in_order_of, is_ordinary
from minitensor.autograd.sums import add_gradients, is_any_sparse
from minitensor.base import TensorBase, add_in_place, array_dtype, require_writable
from minitensor.forks import after_fork_in_child

if TYPE_CHECKING:
    from collections.abc import Callable


class AccumulateGrad(Node):
    """The node of a tensor that no recorded operation made. It accumulates the tensor's ``grad``."""

    __slots__ = ("retains", "tensor")

    number = 2**64 - 1  # PyTorch's, the highest: it runs as soon as its gradient is complete
    tensor: Callable[[], Any]
    retains: bool  # whether retain_grad() was called when the tensor was not a leaf

    def __init__(self, tensor: TensorBase) -> None:
        self.tensor = weakref.ref(tensor)
        self.retains = False
        self.edges = ()
        self.hooks = None
        self.describe(tensor)

    def describe(self, tensor: TensorBase) -> None:
        """Set the shape and dtype to those of the tensor."""
        self.shape = tuple(tensor.shape)
        self.dtype = array_dtype(tensor)

    def hold(self) -> None:
        """Keep the tensor alive from now on, because hooks are called with it."""
        tensor = self.tensor()
        self.tensor = lambda: tensor

    @property
    def variable(self) -> Any:
        """The tensor."""
        return self.tensor()

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        """Add ``grad``, which belongs to a user, to the tensor's ``grad``."""
        self.accumulate(grad, is_borrowed=True)
        return []

    def accumulate(self, grad: Any, is_borrowed: bool) -> None:
        """Add to the tensor's ``grad``, in place unless a graph is being created.

        The first gradient is kept itself if nothing else holds it (see Note [Borrowed gradients]) and its strides suit
        the tensor's.
        """
        tensor = self.tensor()
        # Since the graph was made, the tensor was deleted, or its requires_grad was set to False.
        if tensor is None or tensor._node is None:
            return
        with ACCUMULATING:
            sum_so_far = getattr(tensor, "_grad", None)
            if sum_so_far is None:
                if is_ordinary((tensor, grad)):
                    tensor._grad = grad.clone() if is_borrowed else grad
                else:
                    tensor._grad = in_order_of(tensor, grad, is_borrowed)
            elif grad_mode.get() or (active and is_any_sparse(sum_so_far, grad)):
                tensor._grad = add_gradients(sum_so_far, grad, in_place=not grad_mode.get())
            else:
                require_writable("backward, which adds to grad", sum_so_far)
                add_in_place(sum_so_far, grad)
                sum_so_far.storage.version += 1
                if active:
                    TensorBase.result_class._dual_level.add_tangent(sum_so_far, grad)

    def release(self) -> None:
        pass

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


Leaf = AccumulateGrad  # the name of the class is PyTorch's, because programs print it


ACCUMULATING = RLock()  # two threads may reach one leaf; an unpack hook may start another backward pass meanwhile


@after_fork_in_child
def renew_lock() -> None:
    """Replace the lock in a forked child, because a thread of the parent may hold it forever."""
    global ACCUMULATING
    ACCUMULATING = RLock()
