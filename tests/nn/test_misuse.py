"""Wrong arguments of constructors: layers, losses, optimizers, schedules, datasets, and functions on parameters.

Each argument in turn is a string, None, a list, an object, a tensor or a number of another kind. Where PyTorch refuses
it at once, this library does too, with a subclass of PyTorch's class. Every error names what the user called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import minitensor as mt
import minitensor.optim.swa_utils
import minitensor.utils.data
from minitensor import nn
from minitensor.errors import MinitensorError
from ops.call import outcome
from tests.nn.test_layers import LAYERS

pytestmark = pytest.mark.filterwarnings("ignore")


class Made(NamedTuple):
    """An argument that each library makes itself."""

    make: Callable[[Any], Any]


class Thing:
    """An object of a class that no layer knows."""

    def __repr__(self) -> str:
        return "Thing()"


class Subject(NamedTuple):
    """A class or function by its dotted name, with valid arguments."""

    name: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012  # never written to

    def __str__(self) -> str:
        return self.name


WRONG: dict[str, Any] = {
    "str": "x", "None": None, "list": ["a"], "object": Thing(), "float": 1.5, "-1": -1,
    "tensor": Made(lambda lib: lib.ones(2, 3)), "classes": Made(lambda lib: lib.tensor([0, 1])),
}  # fmt: skip
PARAMS = Made(lambda lib: [lib.nn.Parameter(lib.ones(2, 2))])
OPTIMIZER = Made(lambda lib: lib.optim.SGD([lib.nn.Parameter(lib.ones(2, 2))], lr=0.1))
MATRIX, MODEL = Made(lambda lib: lib.ones(2, 3)), Made(lambda lib: lib.nn.Linear(2, 2))
ROWS = Made(lambda lib: lib.utils.data.TensorDataset(lib.zeros(4)))

FIRST_ROWS = {row.name: Subject(f"nn.{row.name}", row.args, row.options) for row in reversed(LAYERS)}
LOSSES = [Subject(f"nn.{name}") for name in dir(nn) if name.endswith("Loss") and name not in (
    "LinearCrossEntropyLoss", "AdaptiveLogSoftmaxWithLoss", "TripletMarginWithDistanceLoss",
)]  # fmt: skip
OTHERS = [
    Subject("nn.Embedding", (5, 3)), Subject("nn.EmbeddingBag", (5, 3)), Subject("nn.Bilinear", (3, 3, 2)),
    *[Subject(f"nn.{name}", (3, 4)) for name in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")],
    *[Subject(f"nn.{name}", (4, 2)) for name in ("MultiheadAttention", "TransformerEncoderLayer")],
    Subject("nn.CosineSimilarity"), Subject("nn.LazyLinear", (3,)), Subject("nn.LazyConv2d", (3, 2)),
]  # fmt: skip
OPTIMIZERS = [
    *[Subject(f"optim.{name}", (PARAMS,)) for name in (
        "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "ASGD", "Adagrad", "Adadelta",
        "Adafactor", "Muon", "LBFGS",
    )],
    *[Subject(f"optim.lr_scheduler.{name}", (OPTIMIZER, *args)) for name, args in {
        "StepLR": (2,), "MultiStepLR": ([2, 3],), "ConstantLR": (), "LinearLR": (), "ExponentialLR": (0.9,),
        "PolynomialLR": (), "CosineAnnealingLR": (5,), "CosineAnnealingWarmRestarts": (3,), "CyclicLR": (0.1, 0.2),
        "OneCycleLR": (0.1, 10), "ReduceLROnPlateau": (), "LambdaLR": (lambda epoch: 1.0,),
        "MultiplicativeLR": (lambda epoch: 1.0,),
    }.items()],
    Subject("optim.swa_utils.SWALR", (OPTIMIZER, 0.1)), Subject("optim.swa_utils.AveragedModel", (MODEL,)),
]  # fmt: skip
FUNCTIONS = [
    Subject("nn.init.constant_", (MATRIX, 1.0)), Subject("nn.init.sparse_", (MATRIX, 0.5)),
    *[Subject(f"nn.init.{name}_", (MATRIX,)) for name in (
        "zeros", "ones", "eye", "uniform", "normal", "trunc_normal", "xavier_uniform", "kaiming_normal", "orthogonal",
    )],
    Subject("nn.utils.clip_grad_norm_", (PARAMS, 1.0)), Subject("nn.utils.parameters_to_vector", (PARAMS,)),
    Subject("nn.utils.weight_norm", (MODEL,)), Subject("utils.data.TensorDataset", (Made(lambda lib: lib.zeros(4)),)),
    Subject("utils.data.DataLoader", (ROWS,)), Subject("utils.data.Subset", (ROWS, [0, 1])),
    Subject("utils.data.RandomSampler", (ROWS,)), Subject("utils.data.BatchSampler", ([0, 1], 1, False)),
    Subject("utils.data.WeightedRandomSampler", ([0.5, 0.5], 2)),
]  # fmt: skip
SUBJECTS = [*FIRST_ROWS.values(), *LOSSES, *OTHERS, *OPTIMIZERS, *FUNCTIONS]

# Here PyTorch's error class, or whether it raises at all, depends on where its code happens to fail.
EXCUSED = {
    ("", "padding_mode"): "PyTorch looks a list up in a set",
    ("", "scale_factor"): "PyTorch calls float() on it",
    ("", "padding_idx"): "PyTorch accepts 1.5 and fails when it fills that row",
    ("", "proj_size"): "PyTorch refuses any value but 0 for RNN and GRU",
    ("", "dropout"): "PyTorch calls float() on it",
    ("", "betas"): "PyTorch unpacks a tensor",
    ("", "mode"): "PyTorch adds a value of another type to its message",
    ("", "threshold_mode"): "PyTorch adds a value of another type to its message",
    ("", "capturable"): "has no effect here",
    ("", "multiprocessing_context"): "has no effect here: workers are threads",
    ("", "nonlinearity"): "PyTorch compares a list with strings",
    ("nn.Bilinear", "in1_features"): "refused here unless it is a positive number",
    ("nn.utils.weight_norm", "name"): "PyTorch asks the module for an attribute of that name",
    ("nn.utils.weight_norm", "dim"): "PyTorch passes a float to the kernel",
    ("nn.utils.clip_grad_norm_", "norm_type"): "no gradient, no norm",
    ("nn.utils.clip_grad_norm_", "max_norm"): "PyTorch calls float() on text",
    **{(f"nn.init.{function}_", name): "PyTorch refuses a tensor; here one element counts as a number"
       for function in ("sparse", "uniform", "normal", "xavier_uniform") for name in ("a", "b", "mean", "std", "gain")},
    ("nn.TransformerEncoderLayer", "batch_first"): "read at the first call",
    ("optim.Adafactor", "eps"): "PyTorch compares the first letter with 0",
    ("optim.lr_scheduler.CyclicLR", "step_size_up"): "PyTorch calls float() on text",
    ("optim.lr_scheduler.CyclicLR", "step_size_down"): "PyTorch calls float() on text",
    ("optim.lr_scheduler.OneCycleLR", "pct_start"): "PyTorch multiplies it first",
    ("optim.lr_scheduler.OneCycleLR", "total_steps"): "PyTorch compares it first",
    ("utils.data.WeightedRandomSampler", "weights"): "PyTorch makes a tensor of it first",
    ("utils.data.DataLoader", "num_workers"): "PyTorch compares a tensor with 0",
    ("utils.data.DataLoader", "worker_method"): "PyTorch has no such argument",
}  # fmt: skip


def found(lib: Any, name: str) -> Any:
    """Return the object with a dotted name."""
    for word in name.split("."):
        lib = getattr(lib, word)
    return lib


def call(lib: Any, subject: Subject, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Make or call the subject in one library; return the result or the error."""

    def own(value: Any) -> Any:
        return value.make(lib) if isinstance(value, Made) else value

    return outcome(found(lib, subject.name), *map(own, args), **{name: own(value) for name, value in options.items()})


def mistakes(subject: Subject) -> Iterator[tuple[str, str, tuple[Any, ...], dict[str, Any]]]:
    """Yield which argument is wrong, how, and the arguments."""
    kinds = inspect.Parameter
    names = [
        each.name for each in inspect.signature(found(mt, subject.name)).parameters.values()
        if each.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
    ]  # fmt: skip
    for how, value in WRONG.items():
        for k, name in enumerate(names[: len(subject.args)]):
            yield name, how, (*subject.args[:k], value, *subject.args[k + 1 :]), subject.options
        for name in names[len(subject.args) :]:
            yield name, how, subject.args, {**subject.options, name: value}
    yield "", "nothing", (), {}
    yield "", "an unknown keyword", subject.args, {**subject.options, "nonsense": 1}


def test_an_error_names_what_was_called() -> None:
    faults = []
    for subject in SUBJECTS:
        last = subject.name.split(".")[-1]
        for name, how, args, options in mistakes(subject):
            error = call(mt, subject, args, options)
            if not isinstance(error, Exception):
                continue
            told = f"{subject}({name}: {how}): {type(error).__name__}: {error}"
            if not isinstance(error, MinitensorError):
                faults.append(f"raw: {told}")
            elif last[0].isupper() and last not in str(error):
                faults.append(f"without its name: {told}")
            elif "object has no attribute" in str(error):
                faults.append(f"from inside: {told}")
    assert not faults, "\n".join(faults[:40])


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def test_a_call_that_pytorch_refuses_is_refused_with_its_class(torch: Any) -> None:
    faults = []
    for subject in SUBJECTS:
        for name, how, args, options in mistakes(subject):
            if (subject.name, name) in EXCUSED or ("", name) in EXCUSED:
                continue
            expected = call(torch, subject, args, options)
            if not isinstance(expected, Exception):
                continue
            error = call(mt, subject, args, options)
            if not isinstance(error, type(expected)):
                faults.append(f"{subject}({name}: {how}): {error!r:.120}, PyTorch {expected!r:.120}")
    assert not faults, "\n".join(faults[:40])


def test_a_loss_constructed_with_input_and_target_explains_the_mistake() -> None:
    with pytest.raises(RuntimeError, match=r"^CrossEntropyLoss: .*make the layer first, then call it"):
        nn.CrossEntropyLoss(mt.randn(2, 3), mt.tensor([0, 1]))


def calls_of_layers() -> Iterator[tuple[Subject, int]]:
    """Yield layers, each with the number of tensors that it is called with."""
    for subject in [*FIRST_ROWS.values(), *OTHERS]:
        yield subject, 2 if subject.name in ("nn.CosineSimilarity", "nn.Bilinear") else 1
    for subject in LOSSES:
        yield subject, 2


def wrong_inputs() -> Iterator[tuple[Subject, str, Callable[[Any], Any]]]:
    """Yield a layer, the fault of a call, and the call as a function of a library."""
    for subject, count in calls_of_layers():
        for k in range(count):
            for how in ("str", "None", "list", "object", "float"):
                inputs = (*[MATRIX] * k, WRONG[how], *[MATRIX] * (count - k - 1))
                yield subject, how, lambda lib, of=subject, given=inputs: given_to(lib, of, given)


def given_to(lib: Any, subject: Subject, inputs: tuple[Any, ...]) -> Any:
    """Make a layer and call it; return the result or the error."""
    own = [each.make(lib) if isinstance(each, Made) else each for each in inputs]
    return outcome(call(lib, subject, subject.args, subject.options), *own)


def test_a_layer_names_itself_and_the_wrong_input() -> None:
    faults = []
    for subject, how, called in wrong_inputs():
        error = called(mt)
        names = [subject.name.split(".")[-1], *(["MultiheadAttention"] if "Transformer" in subject.name else [])]
        if not isinstance(error, Exception):
            continue
        is_named = any(name in str(error) for name in names)
        if not isinstance(error, MinitensorError) or not is_named or "has no attribute" in str(error):
            faults.append(f"{subject}({how}): {type(error).__name__}: {error}")
    assert not faults, "\n".join(faults[:40])


def test_a_layer_refuses_an_input_with_pytorchs_class(torch: Any) -> None:
    faults = []
    for subject, how, called in wrong_inputs():
        error, expected = called(mt), called(torch)
        if isinstance(expected, Exception) and not isinstance(error, type(expected)):
            faults.append(f"{subject}({how}): {error!r:.120}, PyTorch {expected!r:.120}")
    assert not faults, "\n".join(faults[:40])


@pytest.mark.parametrize("build", [nn.Flatten, lambda: nn.Linear(2, 3)])
def test_a_layer_called_without_arguments_lists_them(build: Callable[[], nn.Module]) -> None:
    with pytest.raises(TypeError, match=r"^\w+\(.*forward\(\): missing.*'input'; it takes \(input\)"):
        build()()


def test_an_error_in_the_users_own_forward_is_unchanged() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.nonsense

    with pytest.raises(AttributeError, match=r"^'int' object has no attribute 'nonsense'"):
        nn.Sequential(Broken())(3)
