"""Common layers, forward and backward, at medium sizes; and a step of every optimizer.

Sequences have 32 steps of 32 examples and 128 features. Optimizers step over a hundred small parameters, where the cost
of a call dominates, and over two large ones, where memory does. Gradients and rates are constant, as in ``steps.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.case import Case, Library, Make, Source, Step, integers, normal
from benchmarks.steps import RATE, start_equal

Build = Callable[[Any], Any]  # from nn to a layer

STEPS, BATCH, SIZE = 32, 32, 128
SEQUENCE = normal(STEPS, BATCH, SIZE)
IMAGES = normal(16, 64, 32, 32)
SMALL = [(8, 8)] * 100
LARGE = [(1000, 1000), (500, 1000)]


def training(build: Build, *sources: Source, count: int = 1) -> Make:
    """Forward and backward through a layer that is passed its input ``count`` times."""

    def make(lib: Library) -> Step:
        layer = build(lib.nn)
        start_equal(lib, layer)
        inputs = [lib.tensor(source()) for source in sources] * count
        if inputs[0].is_floating_point():
            inputs[0].requires_grad_()
        grads: list[Any] = []

        def step() -> Any:
            layer.zero_grad()
            inputs[0].grad = None
            results = layer(*inputs)
            output = results[0] if isinstance(results, tuple) else results
            if not grads:
                grads.append(lib.tensor(normal(*output.shape, seed=4)()))
            output.backward(grads[0])
            return next(layer.parameters()).grad

        return step

    return make


LAYERS: dict[str, Make] = {
    "RNN": training(lambda nn: nn.RNN(SIZE, SIZE), SEQUENCE),
    "LSTM": training(lambda nn: nn.LSTM(SIZE, SIZE), SEQUENCE),
    "LSTM, two layers, both ways": training(lambda nn: nn.LSTM(SIZE, SIZE, 2, bidirectional=True), SEQUENCE),
    "GRU": training(lambda nn: nn.GRU(SIZE, SIZE), SEQUENCE),
    "LSTMCell": training(lambda nn: nn.LSTMCell(SIZE, SIZE), normal(BATCH, SIZE)),
    "MultiheadAttention": training(lambda nn: nn.MultiheadAttention(SIZE, 8), SEQUENCE, count=3),
    "TransformerEncoderLayer": training(lambda nn: nn.TransformerEncoderLayer(SIZE, 8, 512, 0.0), SEQUENCE),
    "TransformerDecoderLayer": training(lambda nn: nn.TransformerDecoderLayer(SIZE, 8, 512, 0.0), SEQUENCE, count=2),
    "Embedding": training(lambda nn: nn.Embedding(10000, SIZE), integers(10000, STEPS, BATCH)),
    "EmbeddingBag": training(lambda nn: nn.EmbeddingBag(10000, SIZE), integers(10000, 256, 8)),
    "BatchNorm2d": training(lambda nn: nn.BatchNorm2d(64), IMAGES),
    "InstanceNorm2d": training(lambda nn: nn.InstanceNorm2d(64, affine=True), IMAGES),
    "GroupNorm": training(lambda nn: nn.GroupNorm(8, 64), IMAGES),
    "LayerNorm": training(lambda nn: nn.LayerNorm(SIZE), SEQUENCE),
    "RMSNorm": training(lambda nn: nn.RMSNorm(SIZE), SEQUENCE),
}
OPTIMIZERS = "SGD Adam AdamW Adadelta Adafactor Adagrad Adamax ASGD LBFGS Muon NAdam RAdam RMSprop Rprop".split()


def stepping(name: str, shapes: list[tuple[int, int]]) -> Make:
    """Step over parameters of these shapes. LBFGS evaluates the gradients once and takes one step."""

    def make(lib: Library) -> Step:
        parameters = [lib.tensor(normal(*shape)(), requires_grad=True) for shape in shapes]
        for parameter in parameters:
            parameter.grad = lib.tensor(normal(*parameter.shape)())
        options = {"max_iter": 1} if name == "LBFGS" else {}
        optimizer = getattr(lib.optim, name)(parameters, lr=RATE, **options)
        loss = lib.ones(())
        arguments = [lambda: loss] if name == "LBFGS" else []

        def step() -> Any:
            optimizer.step(*arguments)
            return parameters[-1]

        return step

    return make


def cases() -> Iterator[Case]:
    for name, make in LAYERS.items():
        yield Case(name, make)
    for name in OPTIMIZERS:
        yield Case(f"{name}, 100 small", stepping(name, SMALL))
        # Muon takes fifteen products in bfloat16, which last seconds in PyTorch on large parameters.
        yield Case(f"{name}, 2 large", stepping(name, [(200, 300)] * 2 if name == "Muon" else LARGE))
