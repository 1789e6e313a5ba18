"""Whole training steps: what a user waits for.

The chains consist of small ops, so they measure overhead; the networks measure kernels (``networks.py`` has larger
ones); the optimizers step over a hundred small parameters. The learning rate is so small that parameters hardly change
in thousands of steps, so late steps cost the same as early ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case, Library, Make, Source, Step, integers, normal

Build = Callable[[Library], Any]  # from a library to a network
Optimizer = Callable[[Library, Any], Any]  # from a library and a network to its optimizer

RATE = 1e-5


def elementwise_chain(lib: Library) -> Step:
    """A hundred ops on ten elements, forward and backward."""
    x = lib.tensor(normal(10)(), requires_grad=True)
    scale = lib.tensor(normal(10)(), requires_grad=True)

    def step() -> Any:
        x.grad = scale.grad = None
        y = x
        for _ in range(25):
            y = (y * scale + x).tanh() - y / 2
        y.sum().backward()
        return x.grad

    return step


def view_chain(lib: Library) -> Step:
    """Ten chains of eight views of 120 elements, without a graph."""
    x = lib.tensor(normal(2, 3, 4, 5)())

    def step() -> Any:
        for _ in range(10):
            y = x.transpose(1, 2).unsqueeze(0).flatten(0, 1).permute(3, 0, 1, 2)[1:, 0].movedim(0, -1)
            y = y.expand(2, 4, 3, 4).select(0, 1).view(4, 3, 2, 2)
        return y

    return step


def view_chain_backward(lib: Library) -> Step:
    """Four views of 120 elements, forward and backward."""
    x = lib.tensor(normal(2, 3, 4, 5)(), requires_grad=True)

    def step() -> Any:
        x.grad = None
        x.transpose(1, 2)[:, 1:].permute(3, 0, 1, 2).reshape(5, -1)[1:, 0].sum().backward()
        return x.grad

    return step


def mlp(lib: Library) -> Any:
    nn = lib.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def convnet(lib: Library) -> Any:
    """Two convolutions, a pooling layer and two linear layers: a typical first network for MNIST."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def momentum(lib: Library, model: Any) -> Any:
    return lib.optim.SGD(model.parameters(), lr=RATE, momentum=0.9)


def training(
    network: Build, inputs: Source, classes: Source, make_optimizer: Optimizer = momentum, clip: float | None = None
) -> Make:
    """Forward, backward and a step of an optimizer, on one batch; ``clip`` limits the norm of the gradients."""

    def make(lib: Library) -> Step:
        model = network(lib)
        start_equal(lib, model)
        optimizer = make_optimizer(lib, model)
        batch, wanted = lib.tensor(inputs()), lib.tensor(classes())

        def step() -> Any:
            optimizer.zero_grad()
            loss = lib.nn.functional.cross_entropy(model(batch), wanted)
            loss.backward()
            if clip is not None:
                lib.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            return loss

        return step

    return make


def start_equal(lib: Library, model: Any) -> None:
    """Give the parameters the same initial values in both libraries."""
    with lib.no_grad():
        for parameter in model.parameters():
            parameter.copy_(lib.tensor(0.05 * normal(*parameter.shape)()))


def optimizer_step(name: str, **options: float) -> Make:
    """Step over a hundred parameters (8, 8) with constant gradients."""

    def make(lib: Library) -> Step:
        parameters = [lib.tensor(normal(8, 8)(), requires_grad=True) for _ in range(100)]
        for parameter in parameters:
            parameter.grad = lib.tensor(normal(8, 8)())
        optimizer = getattr(lib.optim, name)(parameters, lr=RATE, **options)

        def step() -> Any:
            optimizer.step()
            return parameters[-1]

        return step

    return make


def cases() -> Iterator[Case]:
    yield Case("elementwise chain", elementwise_chain)
    yield Case("view chain", view_chain)
    yield Case("view chain, backward", view_chain_backward)
    yield Case("MLP 784-256-128-10", training(mlp, normal(64, 784), integers(10, 64)))
    yield Case("MLP 784-256-128-10, batch 8", training(mlp, normal(8, 784), integers(10, 8)))
    yield Case("ConvNet", training(convnet, normal(64, 1, 28, 28), integers(10, 64)))
    yield Case("SGD, 100 parameters", optimizer_step("SGD"))
    yield Case("SGD with momentum", optimizer_step("SGD", momentum=0.9, weight_decay=1e-4))
    yield Case("Adam, 100 parameters", optimizer_step("Adam"))
    yield Case("AdamW, 100 parameters", optimizer_step("AdamW"))
