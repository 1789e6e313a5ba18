"""The edges of the graph as users see them: ``node.next_functions`` has the entries of PyTorch's node of that name.

What is one operation here and several in PyTorch shows PyTorch's steps: a linear layer shows the transpose of its
weight. What is composed of several operations here and one in PyTorch shows the nodes of its arguments, which
``last_steps.py`` records. A number has no entry where PyTorch's node has none.

The entries are made when a user asks for them, and then kept, because programs that draw graphs compare nodes by
identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.autograd.naming import NUMBER_FIRST, edge_of, name_pow, show_name
from minitensor.base import TensorBase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from minitensor.autograd.node import Node

    MakeStep: TypeAlias = Callable[..., Node | None]  # given the node that computes it, a name, and its inputs' nodes
    Entry: TypeAlias = "tuple[Node | None, int]"


class Given(tuple[Any, ...]):
    """The places in the graph of a composite's differentiable arguments, until they are shown."""

    __slots__ = ()


def shown_edges(node: Node, make_step: MakeStep) -> tuple[Entry, ...]:
    """Return the entries of ``node.next_functions``."""
    known = getattr(node, "shown", None)
    if known.__class__ is not tuple:
        known = node.shown = tuple([entry_of(edge) for edge in edges_to_show(node, known, make_step)])
    entries: tuple[Entry, ...] = known
    return tuple([(None if each is None else show_name(each), number) for each, number in entries])


def edges_to_show(node: Node, given: Any, make_step: MakeStep) -> Any:
    """Return the nodes of the entries, each None where no gradient flows."""
    if given.__class__ is Given:
        return given
    rule = RULES.get(node.op.name) if hasattr(node, "op") else None
    return node.edges if rule is None else rule(node, make_step)


def entry_of(edge: Node | None) -> Entry:
    """Return the node of an operation and the number of the result that was used, past nodes that only pass on."""
    while edge is not None:
        node, number = edge.as_edge()
        if node.passes_on:
            edge = node.edges[number]
        elif hasattr(node, "op") and node.op.name in INNER:
            edge = node.edges[0]
        else:
            return node, number
    return None, 0


INNER = frozenset(("clone_beside", "with_row_major_grad", "with_gradient_as_function_of"))  # steps that PyTorch lacks


# -- rules: the nodes of the entries of one operation ------------------------------------------------------------------


def show_tensors(node: Node, make_step: MakeStep) -> Any:
    """Leave out the last arguments if no gradient flows to them: they are mostly numbers."""
    count = 1 if node.op.name == "clamp" else len(node.edges) - 1
    return node.edges if any(edge is not None for edge in node.edges[count:]) else node.edges[:count]


def show_input(node: Node, make_step: MakeStep) -> Any:
    """Show the first argument only."""
    return node.edges[:1]


def show_power(node: Node, make_step: MakeStep) -> Any:
    """Show the base, the exponent, or both if both are tensors."""
    name = name_pow(node)
    return node.edges if name == "PowBackward1" else node.edges[:1] if name == "PowBackward0" else node.edges[1:]


def show_layer(node: Node, make_step: MakeStep) -> Any:
    """Show the steps of a linear layer: a product with the transposed weight, of a matrix that is a view of others."""
    (input, weight, bias), dims = [edge_of(node, i) for i in range(3)], len(node.shape)
    transposed = make_step(node, "TBackward0", weight)
    if dims == 2:
        return [input, transposed] if bias is None else [bias, input, transposed]
    if bias is not None:
        return [make_step(node, "AddmmBackward0", bias, make_step(node, "ViewBackward0", input), transposed)]
    matrix = make_step(node, "UnsqueezeBackward0" if dims == 1 else "ViewBackward0", input)
    return [make_step(node, "MmBackward0", matrix, transposed)]


def show_product(node: Node, make_step: MakeStep) -> Any:
    """Show the steps of a product: of matrices that are views of the operands if these have more dims, or one."""
    left, right = edge_of(node, 0), edge_of(node, 1)
    ranks = [len(node.shape) if edge is None else len(edge.shape) for edge in (left, right)]
    if ranks == [1, 2] and len(node.shape) == 1:
        return [make_step(node, "MmBackward0", make_step(node, "UnsqueezeBackward0", left), right)]
    if ranks[0] > 2 and ranks[1] in (1, 2):
        name = "MmBackward0" if ranks[1] == 2 else "MvBackward0"
        return [make_step(node, name, make_step(node, "ViewBackward0", left), right)]
    if min(ranks) > 2:
        expanded = [make_step(node, "ExpandBackward0", edge) for edge in (left, right)]
        return [make_step(node, "BmmBackward0", *[make_step(node, "ViewBackward0", each) for each in expanded])]
    return node.edges


def show_operands(node: Node, make_step: MakeStep) -> Any:
    """Show a number divided by a tensor as the product with a reciprocal, and a tensor less a number as it is."""
    if getattr(node, "shown", None) is not NUMBER_FIRST:
        return node.edges
    edge = node.edges[1]
    return [edge] if node.op.name == "sub" else [make_step(node, "ReciprocalBackward0", edge), None]


def show_classes(node: Node, make_step: MakeStep) -> Any:
    """Show the logarithms of a softmax under a loss of classes."""
    return [make_step(node, "LogSoftmaxBackward0", edge_of(node, 0))]


def show_norm(node: Node, make_step: MakeStep) -> Any:
    """Show a weight and a bias also if there are none."""
    return [*node.edges, None, None][:3]


def show_slopes(node: Node, make_step: MakeStep) -> Any:
    """Show the view of the slopes that broadcasts along the channels."""
    input, slopes = node.edges
    return [input, make_step(node, "ViewBackward0", slopes)] if len(node.shape) > 1 else node.edges


def show_write(node: Node, make_step: MakeStep) -> Any:
    """Show the memory that is written to through a view, and what is written."""
    edge, inner = node.edges
    return [edge, *((None if inner is None else inner.edges[1:]) or (None,))]


def show_part(node: Node, make_step: MakeStep) -> Any:
    """Show one step for each dim that an ``x[...]`` takes an element of."""
    edge = node.edges[0]
    for _ in range((0 if edge is None else len(edge.shape)) - len(node.shape) - 1):
        edge = make_step(node, "SelectBackward0", edge)
    return (edge,)


def show_transform(node: Node, make_step: MakeStep) -> Any:
    """Show the steps before a transform: real numbers become complex, dims are cut, then padded all at once.

    An inverse transform of real numbers is the conjugate of a transform.
    """
    edge, name, fits = node.edges[0], node.name(), []
    while edge is not None and hasattr(edge, "op") and edge.op.name == "fit_dim":
        fits.append(edge.name())
        edge = edge.edges[0]
    if edge is not None and edge.dtype.kind != "c" and name in ("FftC2CBackward0", "FftC2RBackward0"):
        edge = make_step(node, "ToCopyBackward0", edge)
    for step in (*[each for each in fits if each == "SliceBackward0"], *sorted({*fits} - {"SliceBackward0"})):
        edge = make_step(node, step, edge)
    return [make_step(node, "FftR2CBackward0", edge) if name == "ConjBackward0" else edge]


RULES: Mapping[str, Callable[[Node, MakeStep], Any]] = {
    **dict.fromkeys(("remainder", "fmod", "lerp", "clamp", "masked_fill"), show_tensors),
    "floor_divide": show_input, "pow": show_power, "linear": show_layer, "matmul": show_product,
    "cross_entropy": show_classes, "slice": show_part, "layer_norm": show_norm,
    "prelu": show_slopes, "overwrite": show_write,
    **dict.fromkeys(("spectrum", "half_spectrum", "signal"), show_transform),
    **dict.fromkeys(("sub", "div"), show_operands),
}  # fmt: skip


# -- saved values ------------------------------------------------------------------------------------------------------

SAVED: Mapping[tuple[str, str], str] = {  # node and argument -> PyTorch's name, if it is another or not self
    ("MmBackward0", "other"): "mat2", ("BmmBackward0", "other"): "mat2", ("MvBackward0", "other"): "vec",
    ("DotBackward0", "other"): "tensor", ("AddmmBackward0", "input"): "mat1", ("AddmmBackward0", "weight"): "mat2",
    ("ConvolutionBackward0", "input"): "input", ("NativeLayerNormBackward0", "input"): "input",
}  # fmt: skip


def saved_sources(node: Any) -> dict[str, int]:
    """Return where a node's saved values are, by PyTorch's names: those of arguments, and -1 for the result."""
    saved = getattr(node, "saved", None)
    if saved is None or not hasattr(node, "op") or getattr(node, "shown", None).__class__ is Given:
        return {}
    title, names = node.name(), node.op.names
    arguments = [names[position] for position in node.op.saved_positions[:len(saved)]]
    found = {
        SAVED.get((title, name), "self" if name == "input" else name): i
        for i, (name, value) in enumerate(zip(arguments, saved, strict=True))
        if value is not None
    }
    return found | {"result": -1} if node.result is not None and not node.op.multiple else found


class SavedValues:
    """The values that a node has saved, as users see them."""

    __slots__ = ()

    op: Any
    name: Callable[[], str]
    open: Callable[[Any], Any]

    # Properties, because a class with `__getattr__` is slower in every attribute access.
    _saved_self = property(lambda self: self.saved_value("self"))
    _saved_other = property(lambda self: self.saved_value("other"))
    _saved_result = property(lambda self: self.saved_value("result"))
    _saved_exponent = property(lambda self: self.saved_value("exponent"))
    _saved_dim = property(lambda self: self.saved_value("dim"))
    _saved_input = property(lambda self: self.saved_value("input"))
    _saved_weight = property(lambda self: self.saved_value("weight"))
    _saved_mat1 = property(lambda self: self.saved_value("mat1"))
    _saved_mat2 = property(lambda self: self.saved_value("mat2"))
    _saved_vec = property(lambda self: self.saved_value("vec"))
    _saved_tensor = property(lambda self: self.saved_value("tensor"))

    def saved_value(self, name: str) -> Any:
        """Return the saved value of the argument that PyTorch calls ``name``, or the saved result.

        Raises:
            RuntimeError: If the values were freed.
            AttributeError: If nothing of that name was saved.
        """
        values = self.open(TensorBase)
        source = saved_sources(self).get(name)
        if source is None:
            raise AttributeError(f"{self.name()} has not saved {name!r}")
        return values[source].t() if self.op.name == "linear" and name == "mat2" else values[source]

    def __dir__(self) -> list[str]:
        """List the saved values that there are only, because programs that draw graphs read all that are listed."""
        names = [name for name in super().__dir__() if not name.startswith("_saved_")]
        return [*names, *[f"_saved_{name}" for name in saved_sources(self) if hasattr(SavedValues, f"_saved_{name}")]]
