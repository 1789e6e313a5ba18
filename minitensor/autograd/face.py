"""The autograd methods and properties of ``Tensor``."""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING

from minitensor.autograd import engine
from minitensor.autograd.hooks import add_hook, find_hooks_of_tensor, hooks_of, hooks_of_tensor, is_retained
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.naming import show_name
from minitensor.autograd.protocol import PROCEED, active, override_function
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, GradError, InplaceError, UsageTypeError, WrongTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.hooks import RemovableHandle
    from minitensor.autograd.node import Node
    from minitensor.tensor import Tensor


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Add the gradient of this tensor to the ``grad`` of every leaf it was computed from.

    ``gradient`` has this tensor's shape and may be omitted for a scalar. With ``create_graph`` the gradients can be
    differentiated again. ``retain_graph`` keeps the saved values for a second backward pass.

    Args:
        gradient: The gradient that arrives at this tensor, of its shape. Default: ``None``, 1 for a tensor of one
            element.
        retain_graph: Keep the saved values, so that another backward pass can follow. Default: ``None``, as
            ``create_graph``.
        create_graph: Record the backward pass, so that the gradients can be differentiated. Default: ``False``.
        inputs: The tensors whose ``grad`` is added to. Default: ``None``, all leaves.

    Raises:
        RuntimeError: If the tensor does not require grad, ``gradient`` is missing or has another shape, the graph was
            freed, or ``inputs`` is empty.
        TypeError: If ``gradient`` is not a tensor.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2., 3.], requires_grad=True)
    >>> (x ** 2).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """
    if active:
        options = {
            "gradient": gradient, "retain_graph": retain_graph, "create_graph": create_graph, "inputs": inputs,
        }
        if (found := override_function(backward, (self,), options)) is not PROCEED:
            return found  # type: ignore[no-any-return]  # what takes the place of the result
    if gradient is not None and not isinstance(gradient, TensorBase):
        raise WrongTypeError(f"backward: gradient must be a tensor or None, got {type(gradient).__name__}")
    engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def requires_grad(self: TensorBase) -> bool:
    """Whether gradients flow to this tensor.

    >>> import minitensor as torch
    >>> torch.ones(2).requires_grad, torch.ones(2, requires_grad=True).requires_grad
    (False, True)
    """
    return self.node is not None


def set_requires_grad(self: TensorBase, value: bool) -> None:
    """Make a leaf require grad, or stop requiring it."""
    if value is not True and value is not False:
        raise UsageTypeError(f"requires_grad must be a bool, got {value!r}")
    node = self.node
    if node is not None and node.__class__ is not Leaf:
        if not value:
            raise GradError(
                "you can only change requires_grad flags of leaf variables; to use a computed variable in a subgraph "
                "that doesn't require differentiation use detach()"
            )
        return
    if not value:
        stop_requiring_grad(self)
    elif node is None:
        if not (self.dtype.is_floating_point or self.dtype.is_complex):
            raise GradError(
                f"only Tensors of floating point and complex dtype can require gradients, this one is "
                f"{self.dtype.name}: convert it, as with .float()"
            )
        self._node = restore_leaf(self)


def stop_requiring_grad(self: TensorBase) -> None:
    """Detach a tensor from its node, and keep its hooks for when it requires grad again."""
    node = self._node
    if node is not None:
        self._idle_leaf = node if node.__class__ is Leaf else leaf_with_hooks_of(self, node)
    self._node = None


def leaf_with_hooks_of(self: TensorBase, node: Node) -> Leaf:
    """Return a leaf for a tensor that was computed by a node. The leaf and the node share the tensor's hooks."""
    leaf, hooks = Leaf(self), find_hooks_of_tensor(node)
    if hooks is not None:
        hooks_of(leaf).on_grad = hooks.on_grad
    leaf.retains = is_retained(self, node)
    return leaf


def restore_leaf(self: TensorBase) -> Leaf:
    """Return the tensor's former leaf with its hooks, or a new leaf."""
    leaf = getattr(self, "_idle_leaf", None)
    if leaf is None:
        return Leaf(self)
    leaf.describe(self)
    return leaf  # type: ignore[no-any-return]  # see TensorBase


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Make this leaf require grad, or stop requiring it, in place. Return the tensor.

    Raises:
        RuntimeError: If the tensor is not a leaf and ``requires_grad`` is false, or does not hold floats and it is
            true.

    >>> import minitensor as torch
    >>> torch.ones(2).requires_grad_()
    tensor([1., 1.], requires_grad=True)
    """
    set_requires_grad(self, requires_grad)
    return self


def grad_fn(self: TensorBase) -> Node | None:
    """The node of the operation that made this tensor, or None for a leaf.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> x.grad_fn, (3 * x).grad_fn.name()
    (None, 'MulBackward0')
    """
    node = self.node
    return None if node is None or node.__class__ is Leaf else show_name(node.as_edge()[0])


def is_leaf(self: TensorBase) -> bool:
    """Whether no recorded operation made this tensor.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> x.is_leaf, (3 * x).is_leaf
    (True, False)
    """
    node = self.node
    return node is None or node.__class__ is Leaf


def output_nr(self: TensorBase) -> int:
    """Which result of its operation this tensor is.

    >>> import minitensor as torch
    >>> first, second = torch.ones(2, requires_grad=True).unbind()
    >>> first.output_nr, second.output_nr
    (0, 1)
    """
    node = self.node
    return 0 if node is None else node.as_edge()[1]


def grad(self: Tensor) -> Tensor | None:
    """The accumulated gradient, or None before the first ``backward``.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> (3 * x).sum().backward()
    >>> x.grad
    tensor([3., 3.])
    """
    found: Tensor | None = getattr(self, "_grad", None)
    if found is None and not is_leaf(self) and not retains_grad(self):
        warnings.warn(NOT_A_LEAF, UserWarning, stacklevel=user_level())
    return found


NOT_A_LEAF = (
    "The .grad attribute of a Tensor that is not a leaf is being accessed. It is not filled during backward(): call "
    ".retain_grad() on the tensor before, or read the .grad of the leaf instead."
)


def set_grad(self: Tensor, value: Tensor | None) -> None:
    """Replace the gradient by None or by a tensor of this one's shape, dtype and device."""
    if value is not None:
        if not isinstance(value, TensorBase):
            raise ArgumentTypeError(f"assigned grad expected to be a Tensor or None but got {type(value).__name__}")
        if value is self:
            raise GradError("can't assign Variable as its own grad")
        expected, given = (self.shape, self.dtype, self.device), (value.shape, value.dtype, value.device)
        if expected != given:
            raise GradError(
                f"assigned grad has data of a different size, type or device: got {tuple(given[0])}, {given[1].name}, "
                f"{given[2]}; expected {tuple(expected[0])}, {expected[1].name}, {expected[2]}"
            )
    self._grad = value


def del_grad(self: Tensor) -> None:
    """Delete the gradient."""
    self._grad = None


def retain_grad(self: Tensor) -> None:
    """Make ``backward`` set the ``grad`` of this tensor even if it is not a leaf.

    Raises:
        RuntimeError: If the tensor does not require grad.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> y = 3 * x
    >>> y.retain_grad()
    >>> y.sum().backward()
    >>> y.grad
    tensor([1., 1.])
    """
    node = self.node
    if node is None:
        raise GradError(
            f"can't retain_grad on Tensor that has requires_grad=False (shape {tuple(self.shape)}): "
            "no gradient flows to it"
        )
    if node.__class__ is not Leaf:
        hooks_of_tensor(node).retained = weakref.ref(self)


def retains_grad(self: Tensor) -> bool:
    """Whether this tensor is not a leaf and ``retain_grad`` was called.

    >>> import minitensor as torch
    >>> y = 3 * torch.ones(2, requires_grad=True)
    >>> y.retain_grad()
    >>> y.retains_grad
    True
    """
    node = self.node or getattr(self, "_idle_leaf", None)
    return node.retains if isinstance(node, Leaf) else is_retained(self, node)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call ``hook`` with each gradient of this tensor. A tensor that the hook returns replaces the gradient.

    Raises:
        RuntimeError: If the tensor does not require grad.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
    """
    node = self.node
    if node is None:
        raise GradError(
            f"cannot register a hook on a tensor that doesn't require gradient (shape {tuple(self.shape)}); call "
            "requires_grad_() on it, or on what it is computed from"
        )
    return add_hook(hooks_of_tensor(node).on_grad, hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Call ``hook`` with this leaf after each change of its ``grad``. The hook must return None.

    Raises:
        RuntimeError: If the tensor does not require grad, or is not a leaf.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
    >>> x.sum().backward()
    tensor([1., 1.])
    """
    node = self.node
    if not isinstance(node, Leaf):
        raise GradError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    node.hold()
    return add_hook(hooks_of(node).accumulated, hook)


def is_view(input: Tensor) -> bool:
    """Whether a tensor shares the memory of another, as the graph sees it."""
    return input._base is not None


def detach_(input: Tensor) -> Tensor:
    """Detach this tensor from the graph in place. Return the tensor.

    Raises:
        RuntimeError: If the tensor is a view.
    """
    if input._base is not None:
        raise InplaceError("can't detach views in-place; use detach() instead")
    stop_requiring_grad(input)
    return input
