"""``SummaryWriter.add_graph`` against PyTorch's: the same modules, with results of the same shapes, joined the same."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt

pytest.importorskip("tensorboard")


def conv_net(nn: Any) -> Any:
    first = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*first, nn.Flatten(), nn.Dropout(), nn.Linear(36, 2))


def residual(nn: Any) -> Any:
    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
            self.last = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.last(self.inner(x)) + x

    return nn.Sequential(Block(), nn.ModuleList([Block()])[0], nn.LogSoftmax(1))


def two_of_two(nn: Any) -> Any:
    class Pair(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(3, 2), nn.Bilinear(3, 3, 5)

        def forward(self, x: Any, y: Any) -> Any:
            return self.left(x) * 2, self.right(x, y)

    return Pair()


def embedded(nn: Any) -> Any:
    return nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 7), nn.Softmax(-1))


MODELS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "linear": (lambda nn: nn.Linear(3, 2), lambda t: t.ones(4, 3)),
    "convolutions": (conv_net, lambda t: t.ones(2, 1, 8, 8)), "residual": (residual, lambda t: t.ones(2, 4)),
    "two of two": (two_of_two, lambda t: (t.ones(4, 3), t.ones(4, 3))),
    "embedding": (embedded, lambda t: t.zeros(2, 5, dtype=t.long)),
    "in place": (lambda nn: nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True)), lambda t: [t.ones(4, 3)]),
}


def graph_of(torch: Any, name: str, folder: Path) -> dict[str, Any]:
    """Return the nodes by their names of the graph that a writer has written."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    module = importlib.import_module(f"{torch.__name__}.utils.tensorboard")
    make, inputs = MODELS[name]
    with module.SummaryWriter(str(folder)) as writer:
        writer.add_graph(make(torch.nn), inputs(torch))
    events = [each for file in folder.iterdir() for each in EventFileLoader(str(file)).Load()]
    found = [each.graph_def for each in events if each.graph_def]
    assert len(found) == 1
    return {each.name: each for each in GraphDef.FromString(found[0]).node}


def shapes_of(node: Any) -> list[list[int]]:
    return [[dim.size for dim in shape.dim] for shape in node.attr["_output_shapes"].list.shape]


def kinds(nodes: dict[str, Any]) -> dict[str, list[list[list[int]]]]:
    """Return the sorted shapes of the inputs and of the outputs of a graph."""
    return {
        kind: sorted(shapes_of(each) for name, each in nodes.items() if name.startswith(f"{kind}/"))
        for kind in ("input", "output")
    }


def modules_in(nodes: dict[str, Any]) -> dict[str, list[list[int]]]:
    """Return the shapes that leave each innermost module, by its path. Only first results: the second are indices."""
    operations = {name: each for name, each in nodes.items() if each.op.startswith("aten::")}
    used = {source.partition(":")[0]: name.rpartition("/")[0] for name, each in nodes.items() for source in each.input}
    found: dict[str, list[list[int]]] = {}
    for name, each in operations.items():
        scope = name.rpartition("/")[0]
        if used.get(name) != scope:
            found.setdefault(scope, []).extend(shapes_of(each)[:1])
    return found


def reachable(nodes: dict[str, Any]) -> set[str]:
    """Return the names of the nodes that the outputs are made of."""
    found: set[str] = set()
    waiting = [name for name in nodes if name.startswith("output/")]
    while waiting:
        name = waiting.pop().partition(":")[0]
        if name not in found:
            found.add(name)
            waiting += nodes[name].input
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")  # PyTorch traces, which it has deprecated
def test_a_graph_has_pytorchs_modules_and_shapes(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = graph_of(mt, name, tmp_path / "ours"), graph_of(torch, name, tmp_path / "theirs")
    inputs, outputs = kinds(ours), kinds(theirs)
    if name == "two of two":  # PyTorch has one output, a tuple of no shape
        assert inputs.pop("output") == [[[4, 2]], [[4, 5]]] and outputs.pop("output")
    assert inputs == outputs
    expected = modules_in(theirs)
    found = modules_in(ours)
    assert {scope: found.get(scope) for scope in expected if "Dropout" not in scope} == {
        scope: shapes for scope, shapes in expected.items() if "Dropout" not in scope
    }


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_leads_from_outputs_to_all_inputs_and_parameters(name: str, tmp_path: Path) -> None:
    nodes = graph_of(mt, name, tmp_path)
    found = reachable(nodes)
    assert {each for each in nodes if each.startswith("input/")} <= found
    parameters = {each.name: shapes_of(each) for each in nodes.values() if each.op == "Parameter"}
    model = MODELS[name][0](mt.nn)
    assert set(parameters) <= found and len(parameters) == len(list(model.parameters()))
    assert sorted(shape for (shape,) in parameters.values()) == sorted(list(each.shape) for each in model.parameters())


def test_a_graph_leaves_the_model_as_it_was() -> None:
    from minitensor.utils.tensorboard.graphs import record_graph

    model = conv_net(mt.nn)
    model[1].eval()
    before, state = {name: each.clone() for name, each in model.state_dict().items()}, mt.get_rng_state()
    record_graph(model, mt.ones(2, 1, 8, 8))
    assert [each.training for each in model] == [True, False, True, True, True, True, True]
    assert all(mt.equal(each, before[name]) for name, each in model.state_dict().items())
    assert mt.equal(mt.get_rng_state(), state)
    with pytest.raises(RuntimeError):
        record_graph(model, mt.ones(2, 2, 8, 8))
    assert model.training and not any(each._forward_hooks for each in model.modules())


def test_a_function_has_a_graph_too() -> None:
    from minitensor.utils.tensorboard.graphs import record_graph

    nodes = record_graph(lambda x: mt.cat(mt.split(x, 2)) + 1, mt.ones(4, 3))
    assert [each.op for each in nodes] == ["IO Node", "aten::split", "aten::cat", "aten::add", "IO Node"]
    assert nodes[2].inputs == ("split", "split:1") and nodes[1].shapes == ((2, 3), (2, 3))
