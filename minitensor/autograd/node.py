"""The graph: a node for each recorded operation, and edges to the nodes of its inputs.

A ``Node`` knows its operation's formulas and what they asked to be saved; called with the gradient of its result, it
gives the gradients of its inputs. A ``Leaf`` stands for a tensor that gathers its gradient, an ``Output`` for one
result of an operation that has several. No operation is known here: formulas come with the ``Op``, sums and casts are
methods of the gradient.

Note [What a node keeps]. A result is kept as array, storage, layout and version, never as the tensor: the tensor holds
its node, so a node that held the tensor would be a circle, and graphs could not die by reference count. A leaf knows
its tensor weakly for the same reason. Inputs are kept as tensors; they are older than the node.
"""

from __future__ import annotations

import inspect
import itertools
import re
import weakref
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from minitensor.autograd.hooks import hang, hooks_of
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.versions import check_sequence, stale, versions_of
from minitensor.base import TensorBase, array_dtype, new, require_writable
from minitensor.errors import ArgumentTypeError, GradError, quote
from minitensor.forks import after_fork_in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.argument_types import TypeGate
    from minitensor.autograd.hooks import Hooks, RemovableHandle

N = TypeVar("N", bound="Node")

numbering = itertools.count()  # see Note [The order of the walk]

RESULT, SHAPE, DTYPE = -1, -2, -3  # what a formula may ask for besides the op's arguments
RESULT_0 = -4  # and of several results: the first; the next one is -5

FREED = (
    "trying to go backward through the graph a second time: what {op} had saved was freed by the first backward; "
    "pass retain_graph=True to the first one to keep it"
)


class Formula(NamedTuple):
    """How to get the gradient of one input, and the indices of what it asks for."""

    function: Callable[..., Any]
    wants: tuple[int, ...]


class Effect(Enum):
    """What an operation does with memory."""

    COMPUTES = "returns fresh memory"
    VIEWS = "returns views of its first argument"
    WRITES = "writes into its first argument and returns it"
    DRAWS = "draws random numbers"


class Op:
    """What all nodes of one operation share."""

    __slots__ = (
        "beside", "body", "effect", "fill", "formulas", "gate", "inputs", "is_private", "kept", "kept_results",
        "multiple", "name", "names", "places", "plans", "positional", "prepare", "prepares_out", "returns", "takes_out",
        "takes_two", "whole",
    )  # fmt: skip

    name: str
    body: Callable[..., Any]
    names: tuple[str, ...]  # the body's parameters
    fill: tuple[Any, ...]  # their defaults
    places: dict[str, int]  # where each of them stands
    positional: int  # how many of them may be given by position
    gate: TypeGate  # of which types its arguments may be
    is_private: bool  # this library's own functions call it, with arguments of the right types
    formulas: tuple[Formula, ...]  # one for each differentiable input
    inputs: tuple[int, ...]  # the differentiable inputs' positions
    kept: tuple[int, ...]  # the positions that some formula asks for
    kept_results: frozenset[int]  # which of several results some formula asks for by number
    multiple: bool  # several results: formulas take `grads`
    takes_out: bool  # the body declares `out`
    prepare: Callable[..., Sequence[Any]] | None  # brings the arguments to normal form
    prepares_out: bool  # `prepare` asks for `out`
    whole: Callable[..., Any] | None  # the operation for a call with the input alone
    returns: Callable[..., Any]  # the class of several results
    takes_two: bool  # two operands, of which one may be a number, and nothing else
    plans: dict[tuple[bool, ...], tuple[tuple[int, ...], bool]]
    effect: Effect
    beside: Callable[..., Any] | None  # of one that writes: the operation that computes the same and writes nothing

    def plan(self, needs: tuple[bool, ...]) -> tuple[tuple[int, ...], bool]:
        """Say what to save when only some inputs need a gradient: positions (-1: leave out), and the result or not."""
        known = self.plans.get(needs)
        if known is None:
            wants = {want for need, formula in zip(needs, self.formulas, strict=True) if need for want in formula.wants}
            keep = tuple([position if i in wants else -1 for i, position in enumerate(self.kept)])
            known = self.plans[needs] = (keep, any(want == RESULT or want <= RESULT_0 for want in wants))
        return known

    @property
    def signature(self) -> inspect.Signature:
        """The body's signature, without ``out``; for slow paths and errors."""
        found = inspect.signature(self.body)
        return found.replace(parameters=[each for name, each in found.parameters.items() if name != "out"])

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


class Node:
    """One recorded operation. Edges, saved values and the result's shape and dtype; see Note [What a node keeps].

    >>> import minitensor as torch
    >>> y = torch.ones(2, requires_grad=True) * 3
    >>> isinstance(y.grad_fn, torch.autograd.graph.Node), y.grad_fn.name()
    (True, 'MulBackward0')
    """

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "number", "op", "result", "saved", "shape", "versions")

    op: Op
    edges: tuple[Node | None, ...]
    saved: Any  # a tuple as long as op.kept; None once freed
    versions: tuple[Any, ...]  # of each saved tensor; -1 where the value is not a tensor
    result: Any  # (array, storage, layout, version), or None
    shape: tuple[int, ...]
    dtype: Any
    hooks: Hooks | None
    number: int  # larger than those of its edges

    trusted = True  # its formulas return either `grad` itself, a view, or a fresh tensor
    fills_in = False  # whether it runs even if no gradient came, and makes zeros of it

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        """Return the gradient of each edge for ``grad``, in its input's shape and dtype; None if not ``needed``."""
        values = self.open(grad)
        grads: list[Any] = []
        for edge, (function, wants) in zip(self.edges, self.op.formulas):
            if edge is None or (needed is not None and edge not in needed):
                grads.append(None)
                continue
            if not wants:
                found = function(grad)
            elif len(wants) == 1:
                i = wants[0]
                found = function(grad, values[i] if i >= RESULT else fact(edge, i))
            else:
                found = function(grad, *[values[i] if i >= RESULT else fact(edge, i) for i in wants])
            if found is not None:
                layout = found._layout
                array = found.array if layout is None or found._storage is None else found._storage.array
                if (array.shape if layout is None else layout.shape) != edge.shape or array.dtype is not edge.dtype:
                    found = fit(found, edge)
            grads.append(found)
        return grads

    def without_gradient(self) -> list[Any]:
        """Return no gradient for any edge, after a look at what was saved: PyTorch has opened it by then."""
        self.open(TensorBase)
        return [None] * len(self.edges)

    def open(self, grad: Any) -> Sequence[Any]:
        """Return the saved values, the result last if it was kept, after a check of their versions.

        ``grad`` is what arrived; a kept result becomes a tensor of its class.

        Raises:
            RuntimeError: If the values were freed, or changed in place.
        """
        saved = self.saved
        if saved is None:
            raise GradError(FREED.format(op=self.name()))
        for i, version in enumerate(self.versions):
            if version.__class__ is tuple:
                check_sequence(self, i, saved[i], version)
            elif version != -1:
                storage = saved[i]._storage
                if storage is not None and storage.version != version:
                    raise stale(self, self.argument(i), version, storage)
        values: tuple[Any, ...] = saved
        return values if self.result is None else (*values, self.reopen(grad.result_class))

    def argument(self, index: int) -> str:
        """Name the saved argument number ``index``, for an error."""
        return f"its argument {self.op.names[self.op.kept[index]]!r}"

    def reopen(self, cls: type[TensorBase]) -> Any:
        """Return the kept result as a tensor of class ``cls`` that this node made.

        Raises:
            RuntimeError: If it was changed in place.
        """
        array, storage, layout, version = self.result
        if storage.version != version:
            raise stale(self, "its result", version, storage)
        tensor = new(cls)
        tensor.array, tensor._storage, tensor._layout = array, storage, layout
        tensor._node, tensor._base = self, None
        return tensor

    def release(self) -> None:
        """Free what was saved. Plain values stay: a sum can be walked twice, a product cannot.

        A number beside a tensor is an operand, which is freed as a tensor would be.
        """
        if self.result is not None:
            self.saved = self.result = None
            return
        for version in self.versions:
            if version != -1:
                self.saved = None
                return
        if self.op.takes_two and any(value is not None for value in self.saved):
            self.saved = None

    def gradients(self, grad: Any) -> tuple[Any, ...]:
        """Return ``grad``, which arrived, as hooks see it: a gradient, or None, for each result."""
        return (grad,)

    def gathered(self, grads: Sequence[Any]) -> Any:
        """Return ``grads``, as hooks returned them, in the form in which a gradient arrives."""
        return grads[0]

    def part(self, grad: Any) -> Any:
        """Return this node's own gradient of ``grad``, which arrived at its maker."""
        return grad

    # -- what users see as grad_fn -----------------------------------------------------------------------------------

    def __call__(self, *grads: Any) -> Any:
        """Return the gradients of the inputs, a single one by itself, given one for each result, or None."""
        count = len(self.gradients(None))
        if len(grads) != count:
            raise ArgumentTypeError(f"{self.name()}: expected {count} arguments, got {len(grads)} instead")
        for i, grad in enumerate(grads):
            if grad is not None and not isinstance(grad, TensorBase):
                raise ArgumentTypeError(f"{self.name()}: argument {i} must be a tensor or None, not {quote(grad)}")
        grad = self.gathered(grads)
        found = self.without_gradient() if grad is None and not self.fills_in else self.propagate(grad)
        return found[0] if len(found) == 1 else tuple(found)

    def name(self) -> str:
        """Return PyTorch's kind of name: ``MulBackward0``."""
        return "".join(word[:1].upper() + word[1:] for word in re.split("[_.]", self.op.name)) + "Backward0"

    def op_name(self) -> str:
        """Return the operation's own name: ``mul``."""
        return self.op.name

    def _sequence_nr(self) -> int:
        """Return the number by which the walk back is ordered: later nodes run earlier."""
        return self.number

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes of the inputs, each with the number of its output that was used."""
        return tuple([edge.as_edge() if edge is not None else (None, 0) for edge in self.edges])

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for whatever you want to note about this node."""
        hooks = hooks_of(self)
        if hooks.metadata is None:
            hooks.metadata = {}
        return hooks.metadata

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after this node ran; a tuple that it returns replaces ``grad_inputs``.

        >>> import minitensor as torch
        >>> x = torch.tensor([1., 2.], requires_grad=True)
        >>> y = x * 3
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (grad_inputs[0] * 2, None))
        >>> y.sum().backward()
        >>> x.grad
        tensor([6., 6.])
        """
        return hang(hooks_of(self).after, fn)

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before this node runs; a tuple that it returns replaces ``grad_outputs``.

        >>> import minitensor as torch
        >>> x = torch.tensor([1., 2.], requires_grad=True)
        >>> y = x * 3
        >>> handle = y.grad_fn.register_prehook(lambda grad_outputs: (grad_outputs[0] * 10,))
        >>> y.sum().backward()
        >>> x.grad
        tensor([30., 30.])
        """
        return hang(hooks_of(self).before, fn)

    # Properties, not `__getattr__`: a class that has one is slower at every look at every attribute.
    _saved_self = property(lambda self: self.saved_value("self"))
    _saved_other = property(lambda self: self.saved_value("other"))
    _saved_result = property(lambda self: self.saved_value("result"))

    def saved_value(self, name: str) -> Any:
        """Return what was saved of the argument ``name``, or the result.

        Raises:
            AttributeError: If nothing of that name was saved.
        """
        argument = "input" if name == "self" else name
        values = self.open(TensorBase)
        if name == "result" and self.result is not None:
            return values[-1]
        for value, position in zip(values, self.op.kept, strict=False):
            if self.op.names[position] == argument and value is not None:
                return value
        raise AttributeError(f"{self.name()} has saved no {name!r}")

    def as_edge(self) -> tuple[Node, int]:
        """Return this node as others see it, and which of its outputs is meant."""
        return self, 0

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]} object at {id(self):#x}>"


class MultiNode(Node):
    """An operation with several results; its gradient arrives as ``Parts``."""

    __slots__ = ("count",)

    count: int

    def gradients(self, grad: Any) -> tuple[Any, ...]:
        return tuple([parts_of(grad).get(i) for i in range(self.count)])

    def gathered(self, grads: Sequence[Any]) -> Any:
        return parts(grads)

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        grads = self.gradients(grad)
        some = next(g for g in grads if g is not None)
        values = self.open(some)
        found: list[Any] = []
        for edge, (function, wants) in zip(self.edges, self.op.formulas, strict=True):
            if edge is None or (needed is not None and edge not in needed):
                found.append(None)
                continue
            value = function(grads, *[asked_for(values, edge, i) for i in wants])
            found.append(None if value is None else fit(value, edge))
        return found

    def reopen(self, cls: type[TensorBase]) -> Any:
        outputs: list[Any] = []
        for i, kept in enumerate(self.result):
            if kept is None:
                outputs.append(None)
                continue
            array, storage, layout, version = kept
            if storage.version != version:
                raise stale(self, f"its result {i}", version, storage)
            tensor = new(cls)
            tensor.array, tensor._storage, tensor._layout, tensor._base = array, storage, layout, None
            tensor._node = output(self, i, array.shape, array.dtype)
            outputs.append(tensor)
        return tuple(outputs)


class Gate(MultiNode):
    """Where the gradients of several tensors wait for each other; see ``in_turn``."""

    __slots__ = ()

    trusted = False

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        return list(self.gradients(grad))


class SequenceNode(Node):
    """An operation on a sequence of tensors: one formula gives all gradients."""

    __slots__ = ("shapes",)

    shapes: tuple[tuple[int, ...], ...]

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        function, wants = self.op.formulas[0]
        values = self.open(grad)
        grads = function(grad, *[values[i] if i >= RESULT else values[-2] for i in wants])
        return [
            None if edge is None or g is None else fit(g, edge) for edge, g in zip(self.edges, grads, strict=True)
        ]

    def open(self, grad: Any) -> Sequence[Any]:
        return with_shapes(self, super().open(grad))


def with_shapes(node: SequenceNode, values: Sequence[Any]) -> list[Any]:
    """Put the inputs' shapes where the formula looks for them: before the result, or before nothing."""
    if node.result is None:
        return [*values, node.shapes, None]
    return [*values[:-1], node.shapes, values[-1]]


class Output(Node):
    """One result of an operation that has several: hands its gradient on as a part of the whole."""

    __slots__ = ("index", "source")

    index: int
    source: Node

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        return [Parts({self.index: grad})]

    def without_gradient(self) -> list[Any]:
        return [None]

    def part(self, grad: Any) -> Any:
        return parts_of(grad).get(self.index)

    def release(self) -> None:
        pass

    def name(self) -> str:
        return self.source.name()

    def as_edge(self) -> tuple[Node, int]:
        return self.source, self.index


class Parts(dict[int, Any]):
    """The gradient of an operation with several results: by number, those that came."""

    _base = None  # a part is never anybody's view

    def __add__(self, other: Parts) -> Parts:
        # In place: the walk alone holds it, and a copy for each of many results would take quadratic time.
        for index, grad in other.items():
            self[index] = self[index] + grad if index in self else grad
        return self


def parts_of(grad: Any) -> Parts:
    """Return what arrived at an operation that may have several results, by number."""
    if grad is None:
        return Parts()
    return grad if isinstance(grad, Parts) else Parts({0: grad})


def parts(grads: Sequence[Any]) -> Parts | None:
    """Return the gradients that came, by number; None if none did."""
    return Parts({i: grad for i, grad in enumerate(grads) if grad is not None}) or None


class Leaf(Node):
    """Where the gradient of a tensor made by the user arrives."""

    __slots__ = ("retains", "tensor")

    number = 2**64 - 1  # it runs as soon as its gradient is complete
    tensor: Callable[[], Any]
    retains: bool  # whether its tensor was to keep its gradient when it was no leaf yet

    def __init__(self, tensor: TensorBase) -> None:
        self.tensor = weakref.ref(tensor)
        self.retains = False
        self.edges = ()
        self.hooks = None
        self.describe(tensor)

    def describe(self, tensor: TensorBase) -> None:
        """Take over the tensor's shape and dtype."""
        self.shape = tuple(tensor.shape)
        self.dtype = array_dtype(tensor)

    def hold(self) -> None:
        """Keep the tensor alive from now on, for hooks that are called with it."""
        tensor = self.tensor()
        self.tensor = lambda: tensor

    @property
    def variable(self) -> Any:
        """The tensor itself."""
        return self.tensor()

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        """Add to the tensor's ``grad``: in place, unless the sum is to be differentiated."""
        tensor = self.tensor()
        if tensor is None or tensor._node is None:
            return []
        with ACCUMULATING:
            sum_so_far = tensor._grad
            if sum_so_far is None:
                tensor._grad = grad
            elif grad_mode.get():
                tensor._grad = sum_so_far + grad
            else:
                require_writable("backward, which adds to grad", sum_so_far)
                sum_so_far.array += grad.array
                sum_so_far.storage.version += 1
        return []

    def release(self) -> None:
        pass

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


ACCUMULATING = RLock()  # two threads may arrive at one leaf; a hook on what is saved may walk another graph meanwhile


@after_fork_in_child
def renew_accumulating() -> None:
    """Replace the lock in a forked child: a thread of the parent may hold it for ever."""
    global ACCUMULATING
    ACCUMULATING = RLock()


def make_node(
    op: Op, edges: tuple[Node | None, ...], saved: tuple[Any, ...], shape: tuple[int, ...], dtype: Any,
    kind: type[N] = Node,  # type: ignore[assignment]  # the default of N
) -> N:
    """Return a node that has kept no result yet. The recorders of the hottest operations fill the slots themselves."""
    node: N = new(kind)
    node.op, node.edges, node.saved, node.versions = op, edges, saved, versions_of(saved)
    node.shape, node.dtype, node.hooks, node.result = shape, dtype, None, None
    node.number = next(numbering)
    return node


def output(source: Node, index: int, shape: tuple[int, ...], dtype: Any) -> Output:
    """Return the node for one of several results."""
    node = new(Output)
    node.source, node.index, node.edges = source, index, (source,)
    node.shape, node.dtype, node.hooks, node.number = shape, dtype, None, next(numbering)
    return node


def asked_for(values: Sequence[Any], edge: Node, want: int) -> Any:
    """Return what a formula of an operation with several results asks for."""
    if want <= RESULT_0:
        return values[RESULT][RESULT_0 - want]
    return values[want] if want >= RESULT else fact(edge, want)


def fact(edge: Node, want: int) -> Any:
    """Return what a formula asks about the input itself."""
    return edge.shape if want == SHAPE else edge.dtype


def fit(grad: Any, edge: Node) -> Any:
    """Bring a gradient to its input's shape and dtype: undo broadcasting and promotion."""
    layout = grad._layout
    if (grad.array.shape if layout is None else layout.shape) != edge.shape:
        grad = sum_to(grad, edge.shape)
    dtype = array_dtype(grad)
    if dtype is not edge.dtype and dtype != edge.dtype:
        grad = grad._like_dtype(edge.dtype)
    return grad


def sum_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the dimensions that broadcasting had added or stretched."""
    lead = grad.ndim - len(shape)
    sizes = grad.shape
    stretched = [lead + i for i, size in enumerate(shape) if size == 1 and sizes[lead + i] != 1]
    dims = [*range(lead), *stretched]
    return grad.sum(dims, keepdim=True).reshape(shape) if dims else grad.reshape(shape)
