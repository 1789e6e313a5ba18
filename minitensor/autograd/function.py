"""Custom operations: ``autograd.Function``, with PyTorch's ``ctx``.

A subclass defines ``forward`` and ``backward`` as static methods and is called with ``apply``. This library itself uses
the decorators of ``declare.py``.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from contextlib import nullcontext
from itertools import compress
from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import PROCEED, interpreters
from minitensor.autograd.jvp import push_through
from minitensor.autograd.mode import enable_grad, grad_mode, is_grad_enabled, no_grad, without_tangents
from minitensor.autograd.node import FREED, Node, fit, numbering, output, parts, parts_of
from minitensor.autograd.packed import Packed
from minitensor.autograd.protocol import active
from minitensor.autograd.versions import check_version
from minitensor.base import TensorBase, array_dtype, memory_of, new, restore, window, wrap
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentTypeError, GradError, InplaceError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


UNCHANGED = nullcontext()  # a block without forward mode


class FunctionCtx:
    """The context of one call: saved tensors, flags, and any attributes that ``forward`` sets for ``backward``.

    >>> import minitensor as torch
    >>> ctx = torch.autograd.FunctionCtx()
    >>> ctx.save_for_backward(torch.ones(2))
    >>> ctx.needs_input_grad, ctx.saved_tensors
    ((), ())
    """

    _function: type[Function] | None = None

    def __init__(self) -> None:
        self.to_save: tuple[Any, ...] = ()
        self.saved_for_forward: tuple[Any, ...] | None = None  # what `jvp` sees as saved tensors
        self.dirty_tensors: tuple[Any, ...] = ()
        self.non_differentiable: tuple[Any, ...] = ()
        self.materialize_grads = True
        self.needs_input_grad: tuple[bool, ...] = ()
        self._node: weakref.ReferenceType[FunctionNode] | None = None  # the node refers to the ctx

    def save_for_backward(self, *tensors: Any) -> None:
        """Save ``tensors`` (inputs, outputs, others, None) for ``backward``, which checks their versions.

        Raises:
            TypeError: If an item is neither a tensor nor None.
        """
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise ArgumentTypeError(
                    f"save_for_backward can only save tensors, got {type(tensor).__name__}; make it an attribute of ctx"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Save ``tensors`` (inputs, outputs, others, None) for ``jvp``, which runs as soon as ``forward`` has returned.

        Raises:
            TypeError: If an item is neither a tensor nor None.
        """
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise ArgumentTypeError(
                    f"save_for_forward can only save tensors, got {type(tensor).__name__}; make it an attribute of ctx"
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Declare that ``forward`` changed the inputs ``tensors`` in place. It must return them too."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Declare that the outputs ``tensors`` have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Choose what ``backward`` gets for an output without a gradient: zeros if ``value`` (the default), or None.

        Raises:
            TypeError: If ``value`` is not a bool.
        """
        if value is not True and value is not False:
            raise ArgumentTypeError(f"set_materialize_grads: expected a bool, got {value!r}")
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors given to ``save_for_backward``, or in ``jvp`` those given to ``save_for_forward``.

        Before ``forward`` has returned, an empty tuple.

        Raises:
            RuntimeError: If the graph was freed.
        """
        if self.saved_for_forward is not None:
            return self.saved_for_forward
        if self._node is None:
            return ()
        node = self._node()
        if node is None:
            raise GradError("saved_tensors can only be read while the graph is alive, in backward")
        return node.open_saved_values()

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The deprecated name of ``saved_tensors``."""
        warnings.warn(
            "'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=user_level()
        )
        return self.saved_tensors

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Do nothing but warn: which tensors share memory is known without these ``pairs``."""
        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked.",
            FutureWarning, stacklevel=user_level(),
        )  # fmt: skip

    def name(self) -> str:
        """Return the name of the node: ``ScaleBackward`` for the function ``Scale``."""
        return type(self).__name__ if self._function is None else f"{self._function.__name__}Backward"


class FunctionNode(Node):
    """The node of a user's function."""

    __slots__ = ("cls", "constant", "ctx", "outputs", "saved_outputs", "tensors")

    ctx: FunctionCtx
    cls: type[Function]
    tensors: tuple[bool, ...]  # which arguments are tensors: each of them has an edge
    outputs: tuple[tuple[tuple[int, ...], Any, Any] | None, ...]  # shape, dtype and library of each tensor output
    constant: frozenset[int]  # the outputs without gradient
    saved_outputs: dict[int, int]  # which saved tensors are outputs: saved index -> output index

    trusted = False
    fills_in = True

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        grads = [self.fill_zeros(each, i) for i, each in enumerate(self.gradients(grad))]
        cls = self.cls
        found = (cls.backward if cls.vjp is Function.vjp else formula_of(cls))(self.ctx, *grads)
        found = found if isinstance(found, tuple) else (found,)
        return self.check_gradients(found)

    def fill_zeros(self, grad: Any, index: int) -> Any:
        """Return the gradient of one output, and zeros or None if none arrived."""
        facts = self.outputs[index]
        if grad is not None or facts is None or not self.ctx.materialize_grads:
            return grad
        shape, dtype, xp = facts
        return wrap(TensorBase.result_class, xp.zeros(shape, dtype))

    def check_gradients(self, found: tuple[Any, ...]) -> list[Any]:
        """Return the user's gradients fitted to the inputs. Extra ones, and those of other arguments, must be None."""
        count = len(self.tensors)
        extra = found[count:]
        if len(found) < count or any(each is not None for each in extra):
            raise GradError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got {len(found)})"
            )
        for i, (grad, is_tensor) in enumerate(zip(found, self.tensors)):
            if grad is not None and not is_tensor:
                raise GradError(
                    f"function {self.name()} returned a gradient different than None at position {i + 1}, but the "
                    "corresponding forward input was not a tensor; return None there"
                )
        return [
            None if edge is None or grad is None else fit(user_gradient(self, grad, edge), edge)
            for grad, edge in zip(compress(found, self.tensors), self.edges, strict=True)
        ]

    def gradients(self, grad: Any) -> tuple[Any, ...]:
        return tuple([parts_of(grad).get(i) for i in range(len(self.outputs))])

    def gather_results(self, grads: Sequence[Any]) -> Any:
        return parts(grads)

    def open_saved_values(self) -> tuple[Any, ...]:
        """Check the versions of the saved tensors and return them. Saved outputs get this node again."""
        if self.saved is None:
            raise GradError(FREED.format(op=self.name()))
        tensors = []
        for i, (value, version) in enumerate(zip(self.saved, self.versions, strict=True)):
            if value.__class__ is Packed:
                tensors.append(value.open(self.place(self.saved_outputs[i]) if i in self.saved_outputs else None))
                continue
            if i in self.saved_outputs:
                tensors.append(self.reopen_output(value, self.saved_outputs[i], version))
                continue
            check_version(self, f"tensor {i}", value, version)
            tensors.append(value)
        return tuple(tensors)

    def reopen_output(self, value: tuple[Any, ...], index: int, version: int) -> Any:
        """Return a saved output with its node, which was not saved because it would be a reference cycle."""
        tensor = restore(*value)
        check_version(self, f"output {index}", tensor, version)
        tensor._node = self.place(index)
        return tensor

    def place(self, index: int) -> Node | None:
        """Return the node of one output, or None if it has no gradient."""
        facts = self.outputs[index]
        if facts is None or index in self.constant:
            return None
        return self if len(self.outputs) == 1 else output(self, index, *facts[:2])

    def release(self) -> None:
        self.saved = None

    def __getattr__(self, name: str) -> Any:
        # In PyTorch the node and the ctx are one object. Here attributes that the node lacks are those of the ctx.
        if hasattr(type(self), name):  # a place without value; the ctx may have another `op`
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.ctx, name)

    def name(self) -> str:
        return f"{self.cls.__name__}Backward"

    def op_name(self) -> str:
        return self.cls.__name__


class AliasNode(FunctionNode):
    """The node of a user's function whose only output is an argument or a view of one."""

    __slots__ = ()


def user_gradient(node: FunctionNode, grad: Any, edge: Node) -> Any:
    """Check that a gradient returned by a user's ``backward`` can be reduced to its input's shape."""
    if not isinstance(grad, TensorBase):
        raise GradError(
            f"function {node.name()} returned a {type(grad).__name__} as a gradient; expected a tensor or None"
        )
    shape = tuple(grad.shape)
    trailing = shape[len(shape) - len(edge.shape):]
    fits = len(shape) >= len(edge.shape) and all(b in (a, 1) for a, b in zip(trailing, edge.shape, strict=True))
    if not fits:
        raise GradError(
            f"function {node.name()} returned an invalid gradient: got shape {list(shape)} but expected shape "
            f"compatible with {list(edge.shape)}"
        )
    if grad.dtype.is_complex and edge.dtype.kind != "c":
        raise GradError(f"function {node.name()} returned a complex gradient for a real input: return its real part")
    return grad


class Function:
    """Base class for operations with a hand-written gradient, whose methods are static.

    Instances are of no use, so making one warns and ignores ``args`` and ``kwargs``.

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

    generate_vmap_rule = False  # unused: without a method `vmap`, the others are mapped anyway

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself.",
            DeprecationWarning, stacklevel=user_level(),
        )  # fmt: skip

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs of ``args`` and ``kwargs``; the first is ``ctx``, unless ``setup_context`` is defined."""
        raise NotImplementedError("a Function must have a static method `forward`")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save in ``ctx`` the ``inputs`` and the ``output`` that ``backward`` needs, if ``forward`` has no ``ctx``."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return a gradient or None for each argument of ``forward``, given one of ``grad_outputs`` for each output.

        ``ctx`` is what ``forward`` left.
        """
        raise NotImplementedError("a Function must have a static method `backward`")

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients, given ``ctx`` and ``grad_outputs``: another name for ``backward``."""
        raise NotImplementedError("a Function must have a static method `backward` (or `vjp`, which means the same)")

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Return a tangent or None for each output, given one of ``grad_inputs`` for each argument of ``forward``.

        ``ctx`` is what ``forward`` left; its ``saved_tensors`` are those given to ``save_for_forward``.

        Raises:
            NotImplementedError: If a class does not define it, and forward mode needs it.
        """
        raise UnsupportedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Return the outputs for all samples of ``vmap``, and the dims of the samples in them.

        Without this method, ``vmap`` maps ``forward`` and ``backward`` as they are.

        Args:
            info: The number of samples, ``batch_size``, and how random numbers are drawn, ``randomness``.
            in_dims: For each argument the dim of its samples, or None if all samples share it.
            *args: The arguments, with all samples.
        """
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(
            "legacy autograd function with non-static forward method is not supported: make `forward` and `backward` "
            f"static methods, and call {type(self).__name__}.apply(...)"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward(*args, **kwargs)`` without recording it, and add a node with ``backward`` to the graph.

        With a ``setup_context``, defaults and keyword arguments are inputs too, and ``backward`` returns a gradient for
        each. Without it, keyword arguments are passed to ``forward``.

        Raises:
            RuntimeError: If ``forward`` changed a leaf that requires grad, or does not return a tensor that it marked
                dirty.
        """
        split = cls.setup_context is not Function.setup_context
        if split:
            args, kwargs = all_arguments(cls, args, kwargs), {}
        if interpreters.get():
            for level in reversed(interpreters.get()):
                results = level.run_function(cls, args) if hasattr(level, "run_function") else PROCEED
                if results is not PROCEED:
                    return results
        ctx = FunctionCtx()
        ctx._function = cls
        edges = tuple([each.node if isinstance(each, TensorBase) else None for each in args])
        recording = is_grad_enabled() and any(edge is not None for edge in edges)
        ctx.needs_input_grad = tuple([edge is not None for edge in edges])
        with no_grad(), without_tangents() if active else UNCHANGED:
            if split:
                results = cls.forward(*args)
                cls.setup_context(ctx, args, results)
            else:
                results = cls.forward(ctx, *args, **kwargs)
        found = results if isinstance(results, tuple) else (results,)
        outputs = connect(cls, ctx, args, edges, found, recording)
        if active:
            push_through(cls.jvp, cls.jvp is not Function.jvp, ctx, args, found, outputs)
        ctx.saved_for_forward = None
        return outputs if isinstance(results, tuple) else outputs[0]


def all_arguments(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return the arguments of ``forward`` in order, with defaults filled in."""
    try:
        bound = inspect.signature(cls.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentTypeError(f"{cls.__name__}.forward(): {error}") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise ArgumentTypeError(
            f"{cls.__name__}.forward() got keyword-only arguments {list(bound.kwargs)}, which setup_context would not "
            "get: make them positional"
        )
    return bound.args


def formula_of(cls: type[Function]) -> Callable[..., Any]:
    """Return the ``vjp`` of a class that has no ``backward``."""
    if cls.backward is not Function.backward:
        raise UsageError(f"{cls.__name__}: implement either `backward` or `vjp`, not both")
    return cls.vjp


def connect(
    cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], edges: tuple[Node | None, ...],
    results: tuple[Any, ...], recording: bool,
) -> tuple[Any, ...]:
    """Connect the outputs of a user's function to the graph."""
    outputs = tuple([alias(each, args, ctx.dirty_tensors) for each in results])
    for each in ctx.dirty_tensors:
        if isinstance(each, TensorBase) and not is_in(each, outputs):
            raise InplaceError(f"{cls.__name__}: a tensor marked dirty must be an output of forward: return it too")
    if not recording:
        return outputs
    mode = grad_mode.get()
    node: FunctionNode = new(AliasNode if len(outputs) == 1 and outputs[0] is not results[0] else FunctionNode)
    ctx._node = weakref.ref(node)
    node.cls, node.ctx, node.hooks, node.result, node.number = cls, ctx, None, None, next(numbering)
    node.tensors = tuple([isinstance(each, TensorBase) for each in args])
    node.edges = tuple([edge for edge, is_tensor in zip(edges, node.tensors, strict=True) if is_tensor])
    node.outputs = tuple([facts_of(each) for each in outputs])
    node.constant = frozenset([
        i for i, facts in enumerate(node.outputs)
        if facts is None or facts[1].kind not in "fc" or is_in(results[i], ctx.non_differentiable)
    ])
    move_saved_tensors(node, ctx, results, None if mode is True or mode.pack is None else mode)
    for i, each in enumerate(outputs):
        join(node, i, each, ctx.dirty_tensors)
    if mode is not True:
        arguments = () if ctx.dirty_tensors else args
        mode.on_node(node, arguments, *[each for each in outputs if isinstance(each, TensorBase)])
    return outputs


def join(node: FunctionNode, index: int, result: Any, dirty: tuple[Any, ...]) -> None:
    """Set the node of one output."""
    place: Any = node.place(index)
    if place is node:
        node.shape, node.dtype, _ = node.outputs[index]  # only a tensor has a place
    if is_in(result, dirty):
        if place is not None:
            result._written_by(place)
    elif isinstance(result, TensorBase):
        result._node = place


def facts_of(value: Any) -> tuple[tuple[int, ...], Any, Any] | None:
    """Return the shape, dtype and library of an output, or None if it is not a tensor."""
    return (tuple(value.shape), array_dtype(value), value.xp) if isinstance(value, TensorBase) else None


def alias(result: Any, args: tuple[Any, ...], dirty: tuple[Any, ...]) -> Any:
    """Return a new tensor on the same memory for an output that is an input or a view.

    An output that is neither, or that was changed in place, is returned unchanged.
    """
    if not isinstance(result, TensorBase) or is_in(result, dirty):
        return result
    return window(result, result.layout) if result._base is not None or is_in(result, args) else result


def move_saved_tensors(node: FunctionNode, ctx: FunctionCtx, outputs: tuple[Any, ...], watch: Any) -> None:
    """Move the saved tensors from the ctx to the node. Outputs are saved without their nodes."""
    node.saved_outputs = {
        i: k for i, value in enumerate(ctx.to_save) for k, each in enumerate(outputs)
        if value is not None and value is each
    }
    node.versions = tuple([-1 if value is None else value.version for value in ctx.to_save])
    node.saved = tuple([saved_form(value, i in node.saved_outputs, watch) for i, value in enumerate(ctx.to_save)])
    ctx.to_save = ()


def saved_form(value: Any, is_output: bool, watch: Any) -> Any:
    """Return a node's form of one saved tensor: packed, without its node if it is an output, or unchanged."""
    if value is not None and watch is not None:
        return Packed(value, None if is_output else value.node, watch.pack, watch.unpack)
    return (value.result_class, memory_of(value), value.storage, value.layout) if is_output else value


def is_in(tensor: Any, tensors: tuple[Any, ...]) -> bool:
    """Whether a tensor is one of the tensors, compared by identity."""
    for each in tensors:  # noqa: SIM110  # a generator takes four times as long
        if each is tensor:
            return True
    return False


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a ``backward`` that cannot be differentiated. Second derivatives through it raise."""

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


class InplaceFunction(Function):
    """The base class of old operations that write to their input; ``inplace`` is kept as an attribute."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class Refuse(Function):
    """The identity, with a backward that raises."""

    @staticmethod
    def forward(ctx: Any, value: Any, *grads: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise GradError("trying to differentiate twice a function that was marked with @once_differentiable")

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
