"""Operations that users write: ``autograd.Function``, with PyTorch's ``ctx``.

A subclass gives ``forward`` and ``backward`` as static methods and is called by ``apply``. The house itself uses the
decorators of ``record.py``; this class is for everybody else's formulas.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import enable_grad, grad_mode, no_grad
from minitensor.autograd.node import Node, Parts, check_saved, fit, output
from minitensor.base import TensorBase, array_dtype, new, window, wrap
from minitensor.errors import ArgumentTypeError, GradError, InplaceError

if TYPE_CHECKING:
    from collections.abc import Callable


class FunctionCtx:
    """What ``forward`` leaves for ``backward``: saved tensors, flags, and any attribute you set."""

    def __init__(self) -> None:
        self.to_save: tuple[Any, ...] = ()
        self.dirty: tuple[Any, ...] = ()
        self.non_differentiable: tuple[Any, ...] = ()
        self.materialize_grads = True
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (inputs, outputs, others, None) for ``backward``, under version checks."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise ArgumentTypeError(
                    f"save_for_backward can only save tensors, got {type(tensor).__name__}; make it an attribute of ctx"
                )
        self.to_save = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Name the inputs that ``forward`` changed in place; it must return them too."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Name the outputs that have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether an output without gradient shows in ``backward`` as zeros (the default) or as None."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors given to ``save_for_backward``, as they were then."""
        node = self.node()
        if node is None:
            raise GradError("saved_tensors can only be read while the graph is alive, in backward")
        return node.saved_tensors()

    node: weakref.ReferenceType[FunctionNode]  # weak: the node holds the ctx


class FunctionNode(Node):
    """The node of a user's function."""

    __slots__ = ("ctx", "cls", "made", "outputs")

    ctx: FunctionCtx
    cls: type[Function]
    outputs: tuple[tuple[tuple[int, ...], Any] | None, ...]  # shape and dtype of each tensor output
    made: dict[int, int]  # which saved tensors are outputs: saved index -> output index

    trusted = False

    def __call__(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        if self.saved is None:
            raise GradError(
                f"trying to go backward through {self.name()} a second time: what it had saved was freed by the first "
                "backward; pass retain_graph=True to the first one to keep it"
            )
        parts = grad if isinstance(grad, Parts) else Parts({0: grad})
        like = next(iter(parts.values()))
        grads = [self.incoming(parts, i, like) for i in range(len(self.outputs))]
        found = self.cls.backward(self.ctx, *grads)
        found = found if isinstance(found, tuple) else (found,)
        return self.checked(found)

    def incoming(self, parts: Parts, index: int, like: Any) -> Any:
        """Return the gradient of one output: zeros, or None, where none came."""
        grad = parts.get(index)
        facts = self.outputs[index]
        if grad is not None or facts is None or not self.ctx.materialize_grads:
            return grad
        return wrap(like.result_class, like.xp.zeros(*facts))

    def checked(self, found: tuple[Any, ...]) -> list[Any]:
        """Return the user's gradients fitted to the inputs; too many may only be None."""
        count = len(self.edges)
        extra = found[count:]
        if len(found) < count or any(each is not None for each in extra):
            raise GradError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got {len(found)})"
            )
        return [
            None if edge is None or grad is None else fit(user_gradient(self, grad, edge), edge)
            for grad, edge in zip(found, self.edges, strict=False)
        ]

    def saved_tensors(self) -> tuple[Any, ...]:
        """Return the saved tensors after a look at their versions; outputs come back with this node as their maker."""
        if self.saved is None:
            raise GradError(
                f"trying to access the saved tensors of {self.name()} after they were freed; pass retain_graph=True to "
                "the first backward"
            )
        tensors = []
        for i, (value, version) in enumerate(zip(self.saved, self.versions, strict=True)):
            if i in self.made:
                tensors.append(self.reopened(value, self.made[i], version))
                continue
            check_saved(self, f"tensor {i}", value, version)
            tensors.append(value)
        return tuple(tensors)

    def reopened(self, value: tuple[Any, ...], index: int, version: int) -> Any:
        """Return a saved output; it was kept without its history, which would be a circle."""
        cls, array, storage, layout = value
        tensor = new(cls)
        tensor.array, tensor._storage, tensor._layout, tensor._base = array, storage, layout, None
        check_saved(self, f"output {index}", tensor, version)
        tensor._node = self if len(self.outputs) == 1 else output(self, index, layout.shape, array.dtype)
        return tensor

    def release(self) -> None:
        self.saved = None if self.saved else self.saved

    def name(self) -> str:
        return f"{self.cls.__name__}Backward"


def user_gradient(node: FunctionNode, grad: Any, edge: Node) -> Any:
    """Return a gradient that a user's ``backward`` gave, if it can be brought to its input's shape."""
    if not isinstance(grad, TensorBase):
        raise GradError(
            f"function {node.name()} returned a {type(grad).__name__} as a gradient; expected a tensor or None"
        )
    shape = tuple(grad.shape)
    trailing = shape[len(shape) - len(edge.shape):]
    fits = len(shape) >= len(edge.shape) and all(b in (a, 1) for a, b in zip(trailing, edge.shape, strict=True))
    if not fits and grad.numel() != _numel(edge.shape):
        raise GradError(
            f"function {node.name()} returned an invalid gradient: got shape {list(shape)} but expected shape "
            f"compatible with {list(edge.shape)}"
        )
    return grad


def _numel(shape: tuple[int, ...]) -> int:
    return functools.reduce(lambda a, b: a * b, shape, 1)


class Function:
    """Base class for operations with a hand-written gradient.

    >>> import minitensor as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * 3 * x ** 2
    >>> x = torch.tensor(2., requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute. Takes ``ctx`` first, unless the class has a ``setup_context``."""
        raise NotImplementedError("a Function must have a static method `forward`")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what ``backward`` needs, when ``forward`` takes no ``ctx``."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return a gradient (or None) for each argument of ``forward``."""
        raise NotImplementedError("a Function must have a static method `backward`")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run ``forward`` unrecorded and put ``backward`` into the graph."""
        ctx = FunctionCtx()
        edges = tuple([each.node if isinstance(each, TensorBase) else None for each in args])
        recording = grad_mode.get() and any(edge is not None for edge in edges)
        ctx.needs_input_grad = tuple([edge is not None for edge in edges])
        with no_grad():
            if cls.setup_context is Function.setup_context:
                results = cls.forward(ctx, *args)
            else:
                results = cls.forward(*args)
                cls.setup_context(ctx, args, results)
        outputs = results if isinstance(results, tuple) else (results,)
        outputs = connected(cls, ctx, args, edges, outputs, recording)
        return outputs if isinstance(results, tuple) else outputs[0]


def connected(
    cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], edges: tuple[Node | None, ...],
    outputs: tuple[Any, ...], recording: bool,
) -> tuple[Any, ...]:
    """Make the outputs of a user's function part of the graph."""
    node = FunctionNode()
    ctx.node = weakref.ref(node)
    node.cls, node.ctx, node.edges, node.hooks, node.result = cls, ctx, edges, None, None
    outputs = tuple([alias(each, args, ctx) for each in outputs])
    differentiable = [
        isinstance(each, TensorBase) and each.array.dtype.kind in "fc" and not is_in(each, ctx.non_differentiable)
        for each in outputs
    ]
    node.outputs = tuple([
        (each.array.shape, array_dtype(each)) if isinstance(each, TensorBase) else None for each in outputs
    ])
    keep_saved(node, ctx, outputs)
    for each in ctx.dirty:
        if isinstance(each, TensorBase) and not is_in(each, outputs):
            raise InplaceError(f"{cls.__name__}: a tensor was marked dirty but is no output of forward: return it too")
    if not recording:
        return outputs
    single = len(outputs) == 1
    for i, (each, wanted) in enumerate(zip(outputs, differentiable, strict=True)):
        if not wanted:
            continue
        made: Node = node if single else output(node, i, each.array.shape, array_dtype(each))
        if single:
            node.shape, node.dtype = each.array.shape, array_dtype(each)
        if is_in(each, ctx.dirty):
            each._written_by(made)
        else:
            each._node = made
    return outputs


def alias(result: Any, args: tuple[Any, ...], ctx: FunctionCtx) -> Any:
    """Return an output that is an input as a tensor of its own on the same memory, unless it was changed in place."""
    if isinstance(result, TensorBase) and not is_in(result, ctx.dirty) and is_in(result, args):
        return window(result, result.layout)
    return result


def keep_saved(node: FunctionNode, ctx: FunctionCtx, outputs: tuple[Any, ...]) -> None:
    """Move what ``forward`` saved into the node; outputs are kept without their history."""
    node.made = {
        i: k for i, value in enumerate(ctx.to_save) for k, each in enumerate(outputs)
        if value is not None and value is each
    }
    node.versions = tuple([-1 if value is None else value.version for value in ctx.to_save])
    node.saved = tuple([
        (value.result_class, value.array, value.storage, value.layout) if i in node.made else value
        for i, value in enumerate(ctx.to_save)
    ])
    ctx.to_save = ()


def is_in(tensor: Any, tensors: tuple[Any, ...]) -> bool:
    """Whether this very tensor is among others."""
    return any(each is tensor for each in tensors)


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a ``backward`` that cannot itself be differentiated: a second derivative through it raises."""

    @functools.wraps(backward)
    def call(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        if not grad_mode.get() or not any(isinstance(g, TensorBase) and g.node is not None for g in grads):
            return found
        results = found if isinstance(found, tuple) else (found,)
        with enable_grad():
            refused = tuple([None if r is None else Refuse.apply(r, *grads) for r in results])
        return refused if isinstance(found, tuple) else refused[0]

    return call


class Refuse(Function):
    """Passes a value on and refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, value: Any, *grads: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise GradError("trying to differentiate twice a function that was marked with @once_differentiable")
