"""The graph: a node for each recorded operation, and edges to the nodes of its inputs.

A ``Node`` has the formulas of its operation and the values that they need. Called with the gradient of its result, it
returns the gradients of its inputs. An ``Output`` belongs to one result of an operation that has several, a ``Leaf``
(in ``leaf.py``) to a tensor whose ``grad`` is accumulated. This file knows no operations: formulas come with the
``Op``, and sums and casts are methods of the gradient.

Note [What a node keeps]. A node keeps its result as array, storage, layout and version, never as a tensor. The tensor
refers to its node, and a node that referred to the tensor would be a reference cycle, which only the garbage collector
frees. For the same reason a leaf has only a weak reference to its tensor. Inputs are kept as tensors, because an input
never refers to a later node.
"""

from __future__ import annotations

import inspect
import itertools
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from minitensor.autograd.hooks import add_hook, hooks_of
from minitensor.autograd.naming import class_of_name, name_of_node
from minitensor.autograd.shown import SavedValues, shown_edges
from minitensor.autograd.versions import check_versions, version_error, versions_of
from minitensor.base import TensorBase, array_dtype, new
from minitensor.dtypes import FLOATING, FROM_NUMPY
from minitensor.errors import ArgumentTypeError, GradError, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minitensor.autograd.argument_types import TypeGate
    from minitensor.autograd.hooks import Hooks, RemovableHandle

N = TypeVar("N", bound="Node")

numbering = itertools.count()  # see Note [The order of the walk]

RESULT, SHAPE, DTYPE = -1, -2, -3  # what a formula may need besides the op's arguments
RESULT_0 = -4  # the first of several results; the second one is -5

FREED = (
    "trying to go backward through the graph a second time: the values that {op} had saved were freed by the first "
    "backward; pass retain_graph=True to the first one to keep them"
)


class Formula(NamedTuple):
    """The gradient formula of one input."""

    function: Callable[..., Any]
    sources: tuple[int, ...]  # for each parameter but `grad`, an index into the saved values, or a code such as RESULT


class Effect(Enum):
    """What an operation does with memory."""

    COMPUTES = "returns fresh memory"
    VIEWS = "returns views of its first argument"
    WRITES = "writes into its first argument and returns it"
    DRAWS = "draws random numbers"
    CALLS = "calls other operations"


class Op:
    """The data that all nodes of one operation share."""

    __slots__ = (
        "body", "defaults", "effect", "formulas", "gate", "inputs", "is_ordinary", "is_private", "multiple", "name",
        "names", "out_of_place", "plans", "positional", "positions", "prepare", "prepares_out", "public", "required",
        "returns", "saved_positions", "saved_results", "strides", "takes_out", "takes_two", "whole",
    )  # fmt: skip

    name: str
    body: Callable[..., Any]
    names: tuple[str, ...]  # the body's parameters
    defaults: tuple[Any, ...]  # their defaults
    positions: dict[str, int]  # their positions by name
    required: int  # the number of arguments that a call needs if it names none
    positional: int  # the number of parameters that may be given by position
    gate: TypeGate  # checks the types of the arguments
    is_private: bool  # only this library calls it; argument types are not checked
    formulas: tuple[Formula, ...]  # one for each differentiable input
    inputs: tuple[int, ...]  # the differentiable inputs' positions
    saved_positions: tuple[int, ...]  # the positions of the arguments that some formula needs
    strides: Any  # the rule for the strides of its results, or a rule for each; see ``strides.py``
    is_ordinary: Callable[[Iterable[Any]], bool]  # whether the rule need not be asked for some arguments
    saved_results: frozenset[int]  # which of several results some formula needs by number
    multiple: bool  # several results: formulas take `grads`
    takes_out: bool  # the body declares `out`
    prepare: Callable[..., Sequence[Any]] | None  # converts the arguments to normal form
    prepares_out: bool  # `prepare` has a parameter `out`
    public: Callable[..., Any] | None  # what users call, if it is not the recorder's function itself
    whole: Callable[..., Any] | None  # the operation to call if only the input is given
    returns: Callable[..., Any]  # the class of several results
    takes_two: bool  # exactly two operands, one of which may be a number
    plans: dict[tuple[bool, ...], tuple[tuple[int, ...], bool]]  # the results of `plan`
    effect: Effect
    out_of_place: Callable[..., Any] | None  # for an in-place operation: the one that it is the in-place version of

    def plan(self, needs: tuple[bool, ...]) -> tuple[tuple[int, ...], bool]:
        """Return what to save if only some inputs need a gradient: positions (-1: none), and whether the result."""
        known = self.plans.get(needs)
        if known is None:
            sources = {i for need, formula in zip(needs, self.formulas, strict=True) if need for i in formula.sources}
            keep = tuple([position if i in sources else -1 for i, position in enumerate(self.saved_positions)])
            known = self.plans[needs] = (keep, any(i == RESULT or i <= RESULT_0 for i in sources))
        return known

    @property
    def signature(self) -> inspect.Signature:
        """The body's signature without ``out``, for slow paths and errors."""
        found = inspect.signature(self.body)
        return found.replace(parameters=[each for name, each in found.parameters.items() if name != "out"])

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


class Node(SavedValues):
    """One recorded operation: edges, saved values, shape and dtype of the result; see Note [What a node keeps].

    >>> import minitensor as torch
    >>> y = torch.ones(2, requires_grad=True) * 3
    >>> isinstance(y.grad_fn, torch.autograd.graph.Node), y.grad_fn.name()
    (True, 'MulBackward0')
    """

    __slots__ = (
        "__weakref__", "dtype", "edges", "hooks", "number", "op", "result", "saved", "shape", "shown", "versions",
    )  # fmt: skip

    op: Op
    edges: tuple[Node | None, ...]
    saved: Any  # a tuple as long as op.saved_positions; None once freed
    versions: tuple[Any, ...]  # of each saved tensor; -1 where the value is not a tensor
    result: Any  # (array, storage, layout, version), or None
    shape: tuple[int, ...]
    dtype: Any
    hooks: Hooks | None
    number: int  # larger than those of its edges
    shown: Any  # unset before ``next_functions`` is asked for, except after a composite; see ``shown.py``

    trusted = True  # its formulas return either `grad` itself, a view, or a fresh tensor
    fills_in = False  # whether it runs with zeros if no gradient arrived
    passes_on = False  # whether it has no work of its own, and users do not see it
    title = ""  # the name, once the node was handed out or renamed

    def __reduce__(self) -> NoReturn:
        raise ArgumentTypeError(f"cannot pickle '{self.name()}' object: a graph belongs to its process")

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        """Return the gradient of each edge from ``grad``, or None; ``needed`` limits the edges, if given.

        Each gradient has its input's shape and dtype.
        """
        values = self.open(grad)
        grads: list[Any] = []
        for edge, (function, sources) in zip(self.edges, self.op.formulas):
            if edge is None or (needed is not None and edge not in needed):
                grads.append(None)
                continue
            if not sources:
                found = function(grad)
            elif len(sources) == 1:
                i = sources[0]
                found = function(grad, values[i] if i >= RESULT else fact_of(edge, i))
            else:
                found = function(grad, *[values[i] if i >= RESULT else fact_of(edge, i) for i in sources])
            if found is not None:
                # Slots rather than properties, and dtypes compared by identity: this runs for every edge, and `fit`
                # looks again.
                layout = found._layout
                array = found.array if layout is None or found._storage is None else found._storage.array
                if (array.shape if layout is None else layout.shape) != edge.shape or array.dtype is not edge.dtype:
                    found = fit(found, edge)
            grads.append(found)
        return grads

    def without_gradient(self) -> list[Any]:
        """Return None for every edge, but check the saved values, as PyTorch does."""
        self.open(TensorBase)
        return [None] * len(self.edges)

    def open(self, grad: Any) -> Sequence[Any]:
        """Check the versions of the saved values and return them, the result last, in the class of ``grad``.

        Raises:
            RuntimeError: If the values were freed, or changed in place.
        """
        saved = self.saved
        if saved is None:
            raise GradError(FREED.format(op=self.name()))
        for i, version in enumerate(self.versions):
            if version.__class__ is tuple:
                check_versions(self, i, saved[i], version)
            elif version != -1:
                storage = saved[i]._storage
                if storage is not None and storage.version != version:
                    raise version_error(self, self.argument(i), version, storage)
        values: tuple[Any, ...] = saved
        return values if self.result is None else (*values, self.reopen(grad.result_class))

    def argument(self, index: int) -> str:
        """Describe the saved argument number ``index`` for an error message."""
        return f"its argument {self.op.names[self.op.saved_positions[index]]!r}"

    def reopen(self, cls: type[TensorBase]) -> Any:
        """Return the saved result as a tensor of class ``cls`` with this node.

        Raises:
            RuntimeError: If it was changed in place.
        """
        array, storage, layout, version = self.result
        if storage.version != version:
            raise version_error(self, "its result", version, storage)
        tensor = new(cls)
        tensor._array, tensor._storage, tensor._layout = array, storage, layout
        tensor._node, tensor._base = self, None
        return tensor

    def release(self) -> None:
        """Free the saved values, if tensors are among them: a sum can be differentiated twice, a product cannot.

        A number that is one of two operands is freed like a tensor.
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
        """Return ``grad``, the incoming gradient, as hooks see it: a gradient or None for each result."""
        return (grad,)

    def gather_results(self, grads: Sequence[Any]) -> Any:
        """Convert ``grads``, the gradients of all results, back to the form in which ``propagate`` takes them."""
        return grads[0]

    def part(self, grad: Any) -> Any:
        """Return the gradient of this output from ``grad``, which arrived at its operation's node."""
        return grad

    # -- what users see as grad_fn -----------------------------------------------------------------------------------

    def __call__(self, *grads: Any) -> Any:
        """Return the gradients of the inputs (without a tuple if there is one), given those of the results or None."""
        count = len(self.gradients(None))
        if len(grads) != count:
            raise ArgumentTypeError(f"{self.name()}: expected {count} arguments, got {len(grads)} instead")
        for i, grad in enumerate(grads):
            if grad is not None and not isinstance(grad, TensorBase):
                raise ArgumentTypeError(f"{self.name()}: argument {i} must be a tensor or None, not {quote(grad)}")
        grad = self.gather_results(grads)
        found = self.without_gradient() if grad is None and not self.fills_in else self.propagate(grad)
        return found[0] if len(found) == 1 else tuple(found)

    def name(self) -> str:
        """Return the name in PyTorch's style: ``MulBackward0``."""
        return name_of_node(self)

    def op_name(self) -> str:
        """Return the operation's own name: ``mul``."""
        return self.op.name

    def _sequence_nr(self) -> int:
        """Return the number that orders the backward pass: later nodes run earlier."""
        return self.number

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The node of each input, with the number of the output that was used."""
        return shown_edges(self, make_step)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for arbitrary data about this node."""
        hooks = hooks_of(self)
        if hooks.metadata is None:
            hooks.metadata = {}
        return hooks.metadata

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after this node. A tuple that it returns replaces ``grad_inputs``.

        >>> import minitensor as torch
        >>> x = torch.tensor([1., 2.], requires_grad=True)
        >>> y = x * 3
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (grad_inputs[0] * 2, None))
        >>> y.sum().backward()
        >>> x.grad
        tensor([6., 6.])
        """
        return add_hook(hooks_of(self).after, fn)

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
        return add_hook(hooks_of(self).before, fn)

    def as_edge(self) -> tuple[Node, int]:
        """Return the node of the operation and the number of the output."""
        return self, 0

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]} object at {id(self):#x}>"


class MultiNode(Node):
    """The node of an operation with several results. Its gradient arrives as ``Parts``."""

    __slots__ = ("count",)

    count: int

    def gradients(self, grad: Any) -> tuple[Any, ...]:
        return tuple([parts_of(grad).get(i) for i in range(self.count)])

    def gather_results(self, grads: Sequence[Any]) -> Any:
        return parts(grads)

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        grads = self.gradients(grad)
        some = next(g for g in grads if g is not None)
        values = self.open(some)
        found: list[Any] = []
        for edge, (function, sources) in zip(self.edges, self.op.formulas, strict=True):
            if edge is None or (needed is not None and edge not in needed):
                found.append(None)
                continue
            value = function(grads, *[value_at(values, edge, i) for i in sources])
            found.append(None if value is None else fit(value, edge))
        return found

    def reopen(self, cls: type[TensorBase]) -> Any:
        outputs: list[Any] = []
        for i, saved in enumerate(self.result):
            if saved is None:
                outputs.append(None)
                continue
            array, storage, layout, version = saved
            if storage.version != version:
                raise version_error(self, f"its result {i}", version, storage)
            tensor = new(cls)
            tensor._array, tensor._storage, tensor._layout, tensor._base = array, storage, layout, None
            tensor._node = result_node(self, i, array.shape, array.dtype)
            outputs.append(tensor)
        return tuple(outputs)


class TurnNode(MultiNode):
    """A node that passes on the gradients of several tensors when all have arrived; see ``turns.in_turn``."""

    __slots__ = ()

    trusted = False
    passes_on = True

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        return list(self.gradients(grad))


class SequenceNode(Node):
    """The node of an operation on a sequence of tensors. One formula returns all gradients."""

    __slots__ = ("shapes",)

    shapes: tuple[tuple[int, ...], ...]

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        function, sources = self.op.formulas[0]
        values = self.open(grad)
        grads = function(grad, *[values[i] if i >= RESULT else values[-2] for i in sources])
        return [
            None if edge is None or g is None else fit(g, edge) for edge, g in zip(self.edges, grads, strict=True)
        ]

    def open(self, grad: Any) -> Sequence[Any]:
        return with_shapes(self, super().open(grad))


def with_shapes(node: SequenceNode, values: Sequence[Any]) -> list[Any]:
    """Insert the inputs' shapes where the formula finds them: before the result, or before a None in its place."""
    if node.result is None:
        return [*values, node.shapes, None]
    return [*values[:-1], node.shapes, values[-1]]


class Output(Node):
    """The node of one of several results. It passes its gradient on to the operation's node as a part of ``Parts``."""

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
    """The gradients of several results that have arrived, by the number of the result."""

    _base = None  # never a view

    def __add__(self, other: Parts) -> Parts:
        # In place, because only the walk refers to it, and copies would take quadratic time for many results.
        for index, grad in other.items():
            self[index] = self[index] + grad if index in self else grad
        return self


def parts_of(grad: Any) -> Parts:
    """Return the incoming gradient as ``Parts``, even if the operation has one result."""
    if grad is None:
        return Parts()
    return grad if isinstance(grad, Parts) else Parts({0: grad})


def parts(grads: Sequence[Any]) -> Parts | None:
    """Return the gradients that are not None, by number; return None if there are none."""
    return Parts({i: grad for i, grad in enumerate(grads) if grad is not None}) or None


def make_node(
    op: Op, edges: tuple[Node | None, ...], saved: tuple[Any, ...], shape: tuple[int, ...], dtype: Any,
    kind: type[N] = Node,  # type: ignore[assignment]  # the default of N
) -> N:
    """Return a node without a saved result. The fastest recorders fill the slots themselves."""
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


def result_node(source: Node, index: int, shape: tuple[int, ...], dtype: Any) -> Output | None:
    """Return the node for one of several results, or None for integers, through which no gradient flows."""
    return output(source, index, shape, dtype) if is_differentiable(dtype) else None


def is_differentiable(dtype: Any) -> bool:
    """Whether gradients flow through arrays of a dtype."""
    return FROM_NUMPY[dtype].category >= FLOATING


def value_at(values: Sequence[Any], edge: Node, source: int) -> Any:
    """Return the value of a parameter of a formula, where the operation has several results."""
    if source <= RESULT_0:
        return values[RESULT][RESULT_0 - source]
    return values[source] if source >= RESULT else fact_of(edge, source)


def fact_of(edge: Node, source: int) -> Any:
    """Return the shape of an input, or the dtype in which operations compute with it."""
    return edge.shape if source == SHAPE else FROM_NUMPY[edge.dtype].arithmetic


def fit(grad: Any, edge: Node) -> Any:
    """Sum and cast a gradient to its input's shape and dtype, which undoes broadcasting and promotion."""
    layout = grad._layout
    if (grad._array.shape if layout is None else layout.shape) != edge.shape:
        grad = sum_to(grad, edge.shape)
    dtype = array_dtype(grad)
    if dtype.kind == "c" and edge.dtype.kind != "c":
        grad = grad.real  # a view, as in PyTorch
        dtype = array_dtype(grad)
    return grad if dtype is edge.dtype or dtype == edge.dtype else grad._like_dtype(edge.dtype)


def sum_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the dimensions that broadcasting added or expanded."""
    lead, sizes = grad.ndim - len(shape), grad.shape
    dims = [*range(lead), *[lead + i for i, size in enumerate(shape) if size == 1 and sizes[lead + i] != 1]]
    if dims:
        grad = grad.sum(dims, keepdim=True)
    return grad.reshape(shape) if lead else grad


class Step(Node):
    """A step of PyTorch's that the node of an operation here computes with others: seen, and never run."""

    __slots__ = ()

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        raise GradError(f"{self.name()} cannot be called: it is a part of the operation whose next_functions have it")

    def without_gradient(self) -> list[Any]:
        return self.propagate(None)

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        raise GradError(f"{self.name()} runs no hooks: it is a part of the operation whose next_functions have it")

    register_prehook = register_hook


def make_step(node: Node, name: str, *edges: Node | None) -> Step | None:
    """Return a step that ``node`` computes with others, or None if no gradient flows through it."""
    if all(edge is None for edge in edges):
        return None
    step: Step = new(class_of_name(Step, name))
    step.edges, step.number, step.hooks, step.shape, step.dtype = edges, node.number, None, node.shape, node.dtype
    return step
