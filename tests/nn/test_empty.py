"""Empty input: layers, losses and optimizers on empty batches, images and tables behave as PyTorch's."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor
from tests.nn.test_layers import LAYERS, Row
from tests.nn.twins import numbers

Make = Callable[[Any], Any]

# PyTorch fails on empty input, in forward or backward, and this library need not; see test_laws_empty.py.
ACCIDENTS = (
    "select(): index 0",
    "non-zero size for non-batch dimensions",
    "returned an invalid gradient",
    "divisible by the square of upscale_factor",
    "Number of groups to divide channels in must be positive",
    "is invalid for input of size",
    "cannot reshape tensor of 0 elements",
    "step must be nonzero",
)
# PyTorch's running statistics or gradients become NaN: here statistics stay unchanged and gradients are empty sums.
KEPT = ("InstanceNorm3d", "GroupNorm")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# -- comparing ---------------------------------------------------------------------------------------------------------


def outcome(lib: Any, run: Make) -> Any:
    """Return the results in a flat list, or the error."""
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return flat(run(lib))
        except Exception as error:
            return error


def flat(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [one for each in values for one in flat(each)]
    return [values]


def disagreement(torch: ModuleType, run: Make, nan_is_kept: bool = False) -> str:
    """Return the difference between the libraries, or an empty string."""
    ours, theirs = outcome(minitensor, run), outcome(torch, run)
    if isinstance(theirs, Exception):
        return wrong_error(ours, theirs)
    if isinstance(ours, Exception):
        return repr(ours)
    if len(ours) != len(theirs):
        return f"{len(ours)} results, not {len(theirs)}"
    pairs = enumerate(zip(ours, theirs, strict=True))
    return "; ".join(f"{k}: {a} is not {b}" for k, (a, b) in pairs if not same(a, b, nan_is_kept))


def wrong_error(ours: Any, theirs: Exception) -> str:
    if any(words in str(theirs) for words in ACCIDENTS) and not isinstance(ours, Exception):
        return ""
    kind = next(each for each in type(theirs).__mro__ if each.__module__ == "builtins")
    fits = isinstance(ours, kind) and isinstance(ours, minitensor.errors.MinitensorError)
    return "" if fits else f"{ours!r}, not {theirs!r}"


def same(ours: Any, theirs: Any, nan_is_kept: bool) -> bool:
    if not hasattr(theirs, "requires_grad"):
        return bool(ours == theirs)
    if ours is None or tuple(ours.shape) != tuple(theirs.shape) or str(ours.dtype) != str(theirs.dtype):
        return False
    expected = theirs.detach().numpy()
    if nan_is_kept and np.isnan(expected).all():
        return bool(np.isfinite(ours.detach().numpy()).all())
    return np.allclose(ours.detach().numpy(), expected, 1e-4, 1e-4, equal_nan=True)


# -- layers ------------------------------------------------------------------------------------------------------------


def layer_run(make: Make, *inputs: Any, training: bool = True) -> Make:
    """Return a run of a layer, forward and backward; an input is a shape, or a function that makes the input."""

    def run(lib: Any) -> Any:
        layer = make(lib).train(training)
        tensors = [
            lib.tensor(numbers(1, *each), requires_grad=True) if isinstance(each, tuple) else each(lib)
            for each in inputs
        ]
        results = flat(layer(*tensors))
        sum(each.sum() for each in results if each is not None and each.requires_grad).backward()
        return [results, *([each.grad for each in group] for group in (tensors, layer.parameters())), *layer.buffers()]

    return run


@pytest.mark.parametrize("row", LAYERS, ids=str)
def test_a_layer_on_empty_input_behaves_as_pytorchs(torch: ModuleType, row: Row) -> None:
    """Each dim of the input is empty in turn."""
    make = lambda lib: getattr(lib.nn, row.name)(*row.args, **row.options)
    wrong = []
    for dim, training in itertools.product(range(len(row.shape)), (True, False)):
        shape = (*row.shape[:dim], 0, *row.shape[dim + 1 :])
        found = disagreement(torch, layer_run(make, shape, training=training), row.name in KEPT)
        wrong += [(shape, training, found)] if found else []
    assert not wrong


def rectangles(*sides: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return all sizes that contain a zero."""
    return [sizes for sizes in itertools.product(*sides) if 0 in sizes]


def places(*shape: int) -> Make:
    return lambda lib: lib.zeros(shape, dtype=lib.int64)


def transformers() -> dict[str, Make]:
    runs = {}
    for n, length, memory in rectangles((0, 2), (0, 3), (0, 4)):
        encoder = lambda lib: lib.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        decoder = lambda lib: lib.nn.TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True)
        both = lambda lib: lib.nn.Transformer(8, 2, 1, 1, 16, 0.0, batch_first=True)
        attention = lambda lib: lib.nn.MultiheadAttention(8, 2, batch_first=True)
        for training in (True, False):
            where, source, target = f"{n, length, memory, training}", (n, memory, 8), (n, length, 8)
            runs |= {
                f"encoder {where}": layer_run(encoder, target, training=training),
                f"decoder {where}": layer_run(decoder, target, source, training=training),
                f"transformer {where}": layer_run(both, source, target, training=training),
                f"attention {where}": layer_run(attention, target, source, source, training=training),
            }
    return runs


def recurrent() -> dict[str, Make]:
    runs = {}
    for cell, (length, n, width, hidden) in itertools.product(
        ("RNN", "LSTM", "GRU"), rectangles((0, 3), (0, 2), (0, 4), (0, 3))
    ):
        whole = lambda lib, cell=cell, width=width, hidden=hidden: getattr(lib.nn, cell)(width, hidden)
        step = lambda lib, cell=cell, width=width, hidden=hidden: getattr(lib.nn, f"{cell}Cell")(width, hidden)
        runs[f"{cell} {length, n, width, hidden}"] = layer_run(whole, (length, n, width))
        runs[f"{cell}Cell {n, width, hidden}"] = layer_run(step, (n, width))
        runs[f"{cell} {length, width, hidden}"] = layer_run(whole, (length, width))
    return runs


def tables() -> dict[str, Make]:
    runs = {}
    for count, width, shape in itertools.product((0, 5), (0, 3), ((0,), (2, 0), (2,))):
        plain = lambda lib, count=count, width=width: lib.nn.Embedding(count, width)
        short = lambda lib, count=count, width=width: lib.nn.Embedding(
            count, width, max_norm=1.0, scale_grad_by_freq=True
        )
        runs[f"Embedding {count, width, shape}"] = layer_run(plain, places(*shape))
        runs[f"short Embedding {count, width, shape}"] = layer_run(short, places(*shape))
    for mode, width in itertools.product(("sum", "mean", "max"), (0, 3)):
        bags = lambda lib, mode=mode, width=width: lib.nn.EmbeddingBag(5, width, mode=mode)
        runs[f"EmbeddingBag {mode, width}, no bags"] = layer_run(bags, places(0, 2))
        runs[f"EmbeddingBag {mode, width}, empty bags"] = layer_run(bags, places(0), places(2))
        runs[f"EmbeddingBag {mode, width}, an empty bag"] = layer_run(bags, places(2), lambda lib: lib.tensor([0, 0]))
    return runs


def maps() -> dict[str, Make]:
    runs = {}
    for width, out, n in rectangles((0, 3), (0, 4), (0, 2)):
        linear = lambda lib, width=width, out=out: lib.nn.Linear(width, out)
        bilinear = lambda lib, width=width, out=out: lib.nn.Bilinear(width, 2, out)
        norm = lambda lib, width=width: lib.nn.LayerNorm(width)
        square = lambda lib, width=width: lib.nn.RMSNorm(width)
        runs |= {
            f"Linear {width, out, n}": layer_run(linear, (n, width)),
            f"Bilinear {width, out, n}": layer_run(bilinear, (n, width), (n, 2)),
            f"LayerNorm {width, n}": layer_run(norm, (n, width)),
            f"RMSNorm {width, n}": layer_run(square, (n, width)),
        }
    far = lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5])
    return runs | {"AdaptiveLogSoftmaxWithLoss": layer_run(far, (0, 4), places(0))}


FAMILIES = {"transformers": transformers, "recurrent": recurrent, "tables": tables, "maps": maps}


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_of_every_empty_size_behave_as_pytorchs(torch: ModuleType, family: str) -> None:
    found = {name: disagreement(torch, run) for name, run in FAMILIES[family]().items()}
    assert not {name: words for name, words in found.items() if words}


# -- losses and optimizers ---------------------------------------------------------------------------------------------


def loss_run(name: str, reduction: str, shape: tuple[int, ...], target: Make, **options: Any) -> Make:
    def run(lib: Any) -> Any:
        input = lib.zeros(shape, requires_grad=True)
        value = getattr(lib.nn, name)(reduction=reduction, **options)(input, target(lib))
        value.sum().backward()
        return [value, input.grad]

    return run


ELEMENTWISE = (
    "MSELoss L1Loss SmoothL1Loss HuberLoss KLDivLoss PoissonNLLLoss BCELoss BCEWithLogitsLoss HingeEmbeddingLoss "
    "SoftMarginLoss MultiLabelSoftMarginLoss CrossEntropyLoss"
).split()
CLASSES: list[tuple[str, dict[str, Any]]] = [
    ("CrossEntropyLoss", {}),
    ("CrossEntropyLoss", {"label_smoothing": 0.1}),
    ("CrossEntropyLoss", {"ignore_index": 0}),
    ("NLLLoss", {}),
    ("NLLLoss", {"ignore_index": 0}),
]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_of_empty_input_are_pytorchs(torch: ModuleType, reduction: str) -> None:
    runs = {}
    for name, shape in itertools.product(ELEMENTWISE, ((0,), (0, 3), (3, 0), (0, 3, 2))):
        if name != "CrossEntropyLoss" or len(shape) > 1:
            runs[f"{name} {shape}"] = loss_run(name, reduction, shape, lambda lib, shape=shape: lib.zeros(shape))
    for (name, options), shape in itertools.product(CLASSES, ((0, 3), (0, 3, 2), (2, 3, 0), (0, 3, 0, 2))):
        runs[f"{name} {shape} {options}"] = loss_run(name, reduction, shape, places(shape[0], *shape[2:]), **options)
    found = {name: disagreement(torch, run) for name, run in runs.items()}
    assert not {name: words for name, words in found.items() if words}


def test_the_mean_over_no_samples_is_nan() -> None:
    for shape, target in (((0, 3), (0,)), ((2, 3, 0), (2, 0))):
        logits, classes = minitensor.zeros(shape), minitensor.zeros(target, dtype=minitensor.int64)
        assert minitensor.nn.functional.cross_entropy(logits, classes).isnan().item()
        assert minitensor.nn.functional.nll_loss(logits, classes).isnan().item()
        assert minitensor.nn.functional.cross_entropy(logits, classes, reduction="sum").item() == 0


OPTIMIZERS = "SGD ASGD Adagrad Adadelta Adam AdamW Adamax NAdam RAdam RMSprop Rprop LBFGS Muon Adafactor".split()


def optimizer_run(name: str, shapes: list[tuple[int, ...]]) -> Make:
    def run(lib: Any) -> Any:
        params = [lib.nn.Parameter(lib.ones(shape)) for shape in shapes]
        optimizer = getattr(lib.optim, name)(params, lr=0.1)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = sum((each * each).sum() for each in params)
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        return params

    return run


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_steps_over_empty_parameters(torch: ModuleType, name: str) -> None:
    """PyTorch's Adafactor and Muon divide by zero elements; here such parameters are skipped."""
    for shapes in ([(0, 3)], [(2, 2), (0, 2)], [(2, 2), (2, 0)]):
        run = optimizer_run(name, shapes)
        if isinstance(outcome(torch, run), ZeroDivisionError):
            assert not isinstance(outcome(minitensor, run), Exception)
            continue
        assert not disagreement(torch, run), shapes
