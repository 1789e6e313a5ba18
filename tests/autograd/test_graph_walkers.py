"""Programs that draw the graph find PyTorch's nodes and edges: they follow ``next_functions`` from a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt


def drawn_graph(result: Any, parameters: dict[str, Any]) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the labels of a drawing, in the order of the walk, and its arrows, in the manner of programs that draw."""
    names = {id(parameter): name for name, parameter in parameters.items()}
    labels: list[str] = []
    places: dict[Any, int] = {}
    arrows: list[tuple[int, int]] = []

    def visit(node: Any) -> int:
        if node not in places:
            places[node] = len(labels)
            has_variable = hasattr(node, "variable")
            label = names.get(id(node.variable), "input") if has_variable else type(node).__name__
            labels.append(label + str(tuple(node.variable.shape)) if has_variable else label)
            for next_node, _ in node.next_functions:
                if next_node is not None:
                    arrows.append((visit(next_node), places[node]))
        return places[node]

    visit(result.grad_fn)
    return labels, arrows


def drawing(lib: Any, program: Callable[[Any, Any], Any], *shape: int) -> Any:
    lib.manual_seed(0)
    input = lib.randn(*shape, requires_grad=True)  # kept alive: a leaf's node refers to it weakly
    net, loss = program(lib, input)
    return drawn_graph(loss, dict(net.named_parameters()))


def mlp(lib: Any, x: Any) -> Any:
    nn = lib.nn
    net = nn.Sequential(
        nn.Linear(5, 8), nn.Tanh(), nn.Dropout(), nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 3)
    )  # fmt: skip
    return net, nn.functional.cross_entropy(net(x), lib.tensor([0, 1, 2, 0]))


def mlp_of_sequences(lib: Any, x: Any) -> Any:
    net = lib.nn.Sequential(lib.nn.Linear(5, 8), lib.nn.GELU(), lib.nn.Linear(8, 5, bias=False), lib.nn.LayerNorm(5))
    return net, lib.nn.functional.mse_loss(x + net(x), lib.zeros(2, 4, 5))


def convnet(lib: Any, x: Any) -> Any:
    nn = lib.nn
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, bias=False), nn.GroupNorm(2, 6), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 2), nn.LogSoftmax(1),
    )  # fmt: skip
    return net, nn.functional.nll_loss(net(x), lib.tensor([0, 1]))


def formulas(lib: Any, x: Any) -> Any:
    net = lib.nn.Linear(5, 5)
    y = 1 - x**2 / 3 + 2 ** net(x) * (2 / x) - x[0, 1]
    z = y.clone()
    z[0] = 0
    z[:, 1] = net.bias[:4]
    return net, lib.stack([z.mean(), z.sigmoid().sum(), (x @ net.weight.t()).clamp(min=0).pow(3).sum()]).sum()


@pytest.mark.parametrize(
    ("program", "shape"),
    [(mlp, (4, 5)), (mlp_of_sequences, (2, 4, 5)), (convnet, (2, 3, 8, 8)), (formulas, (4, 5))],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_drawing_is_pytorchs(program: Any, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    assert drawing(mt, program, *shape) == drawing(torch, program, *shape)


def test_entries_stay_the_same_objects() -> None:
    net = mt.nn.Linear(3, 2)
    node = net(mt.ones(4, 3)).grad_fn
    assert [each for each, _ in node.next_functions] == [each for each, _ in node.next_functions]
    assert node.next_functions[2][0].next_functions[0][0].variable is net.weight


def test_a_step_inside_an_operation_is_seen_and_refuses_hooks_and_calls() -> None:
    step = mt.nn.Linear(3, 2)(mt.ones(4, 3)).grad_fn.next_functions[2][0]
    assert step.name() == "TBackward0" and isinstance(step, mt.autograd.graph.Node)
    for method in (step.register_hook, step.register_prehook):
        with pytest.raises(RuntimeError, match="runs no hooks"):
            method(print)
    with pytest.raises(RuntimeError, match="cannot be called"):
        step(mt.ones(3, 2))
