"""The graph of a model for TensorBoard: the operations of one call, in the modules that make them.

An interpreter sees the operations, and hooks of its modules say which module is running. A node has the name of its
operation in the path of its module, the nodes that made its inputs, and the shapes of its results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.interpreters import interpreted_by
from minitensor.base import TensorBase
from minitensor.errors import UsageError, WrongTypeError
from minitensor.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from minitensor.autograd.interpreters import Call


class GraphNode(NamedTuple):
    """A node: its path, its operation, the nodes that made its inputs, the shapes of its results, and its settings."""

    name: str
    op: str
    inputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    settings: str = ""


class GraphRecorder:
    """The nodes of a model's call. It is an interpreter, and keeps the tensors that it has seen."""

    def __init__(self, model: Any) -> None:
        self.nodes: list[GraphNode] = []
        self.scopes: list[str] = []
        self.made: dict[int, tuple[Any, str]] = {}  # by identity; the tensors are kept, so that no identity recurs
        self.counts: dict[str, int] = {}
        self.paths, self.state = (paths_of(model), state_of(model)) if modules_of(model) else ({}, {})

    def add(self, path: str, op: str, inputs: tuple[str, ...], results: list[Any], settings: str = "") -> None:
        """Add a node, which makes the results; a path that is taken gets a number."""
        count = self.counts[path] = self.counts.get(path, 0) + 1
        name = path if count == 1 else f"{path}_{count - 1}"
        self.nodes.append(GraphNode(name, op, inputs, tuple(tuple(each.shape) for each in results), settings))
        for i, each in enumerate(results):
            self.made[id(each)] = each, name if i == 0 else f"{name}:{i}"

    def find(self, tensor: Any) -> str:
        """Return the node that made a tensor, after adding one for a parameter, a buffer or a constant."""
        if id(tensor) not in self.made:
            path, kind = self.state.get(id(tensor), (self.within("constant"), "Constant"))
            self.add(path, kind, (), [tensor])
        return self.made[id(tensor)][1]

    def within(self, name: str) -> str:
        """Return a path in the module that is running."""
        return "/".join([*self.scopes[-1:], name])

    def interpret(self, call: Call) -> Any:
        """Run an operation and add its node."""
        inputs = tuple(self.find(each) for each in tensors_of((call.args, call.kwargs)))
        result = call.proceed()
        name = call.op.name
        self.add(self.within(name), f"aten::{name}", inputs, tensors_of(result), settings_of(call))
        return result

    def enter(self, module: Any, args: Any) -> None:
        """Note that a module of the model is running; others count as parts of what calls them."""
        self.scopes.append(self.paths[id(module)])

    def leave(self, module: Any, args: Any, output: Any) -> None:
        """Note that a module has run."""
        self.scopes.pop()


def tensors_of(values: Any) -> list[Any]:
    """List the tensors in nested sequences and dicts."""
    return [each for each in tree_leaves(values) if isinstance(each, TensorBase)]


def settings_of(call: Call) -> str:
    """Return the arguments of a call that are no tensors, as PyTorch writes them."""
    named = dict(zip(call.op.names, call.args, strict=False)) | call.kwargs
    own = {name: value for name, value in named.items() if value is not None and not tensors_of(value)}
    return "{" + ", ".join(f" {name} : {value}" for name, value in own.items()) + " }" if own else "{}"


def modules_of(model: Any) -> list[Any]:
    """List the modules of a model; a function has none."""
    return list(model.modules()) if hasattr(model, "named_modules") else []


def paths_of(model: Any) -> dict[int, str]:
    """Return the path of each module by its identity, such as Net/Sequential[layers]/Linear[0]."""
    modules, found = dict(model.named_modules()), {id(model): type(model).__name__}
    for path, module in modules.items():
        outer, _, name = path.rpartition(".")
        found.setdefault(id(module), f"{found[id(modules[outer])]}/{type(module).__name__}[{name}]")
    return found


def state_of(model: Any) -> dict[int, tuple[str, str]]:
    """Return the path and the kind of each parameter and buffer by its identity."""
    found: dict[int, tuple[str, str]] = {}
    paths = paths_of(model)
    for module in model.modules():
        for kind, members in (("Parameter", module._parameters), ("Buffer", module._buffers)):
            for name, each in members.items():
                found.setdefault(id(each), (f"{paths[id(module)]}/{name}", kind))
    return found


@contextmanager
def in_eval_mode(model: Any) -> Iterator[None]:
    """Put the modules of a model in evaluation mode for a block, as PyTorch traces them."""
    modules = [each for each in modules_of(model) if each.training]
    for each in modules:
        each.training = False
    try:
        yield
    finally:
        for each in modules:
            each.training = True


def record_graph(model: Callable[..., Any], inputs: Any) -> list[GraphNode]:
    """Return the nodes of one call of a model in evaluation mode: its inputs, its operations and its outputs.

    Args:
        model: A module or a function.
        inputs: A tensor, a dict, or a sequence of arguments.

    Raises:
        AttributeError: If the model cannot be called.
        RuntimeError: If the inputs are none of these.
    """
    if not callable(model):
        raise WrongTypeError(f"add_graph: expected a module or a function, got {model!r}")
    if not isinstance(inputs, (TensorBase, dict, tuple, list)):
        raise UsageError(f"add_graph: input_to_model must be a tensor, a dict or a sequence of arguments, got {inputs}")
    args = (inputs,) if isinstance(inputs, (TensorBase, dict)) else tuple(inputs)
    recorder = GraphRecorder(model)
    for i, each in enumerate(tensors_of(args), 1):
        recorder.add(f"input/input.{i}", "IO Node", (), [each])
    handles = [each.register_forward_pre_hook(recorder.enter, prepend=True) for each in modules_of(model)]
    handles += [each.register_forward_hook(recorder.leave, always_call=True) for each in modules_of(model)]
    try:
        with in_eval_mode(model), interpreted_by(recorder):
            outputs = model(*args)
    finally:
        for handle in handles:
            handle.remove()
    for i, each in enumerate(tensors_of(outputs), 1):
        source = recorder.find(each)
        recorder.nodes.append(GraphNode(f"output/output.{i}", "IO Node", (source,), (tuple(each.shape),)))
    return recorder.nodes


def encode_graph(nodes: list[GraphNode]) -> tuple[Any, Any]:
    """Return nodes as TensorBoard's graph, and a run of it without measurements."""
    from tensorboard.compat.proto.config_pb2 import RunMetadata
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.step_stats_pb2 import DeviceStepStats, StepStats
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    graph = GraphDef(node=[encode_node(each) for each in nodes], versions=VersionDef(producer=22))
    return graph, RunMetadata(step_stats=StepStats(dev_stats=[DeviceStepStats(device="/device:CPU:0")]))


def encode_node(node: GraphNode) -> Any:
    """Return a node in TensorBoard's format."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    shapes = [TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in shape]) for shape in node.shapes]
    settings, outputs = AttrValue(s=node.settings.encode()), AttrValue(list=AttrValue.ListValue(shape=shapes))
    return NodeDef(name=node.name, op=node.op, input=node.inputs, attr={"attr": settings, "_output_shapes": outputs})
