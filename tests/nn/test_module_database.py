"""PyTorch's own module database: its sample inputs and its error inputs, given to both libraries.

Every entry is built in both libraries with the same seed. Both must start with the same values and names, print the
same text, and agree in training and evaluation on results, gradients of inputs and parameters, and buffers after the
call; on second-order gradients too, and on the class of error for each mistake. Only values drawn during a call are
excluded.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any, NamedTuple

import pytest

import minitensor as mt
from ops.call import assert_same, note_on_error, quiet, tensors_in
from ops.translation import Beyond, translate

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # PyTorch's database needs it
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

SAMPLES = 8  # per module and mode, spread over all samples
SECOND = 3  # per module, for second-order gradients

HERE: list[Any] = [info for info in module_db if not info.is_lazy]

# Skipped samples, and why.
CHUNKED = "options= splits PyTorch's work into chunks to save memory; here there is one implementation"
TWICE = "one tensor given as two arguments would become two tensors here"
EXCUSED: dict[str, Callable[[Any], bool]] = {
    CHUNKED: lambda sample: sample.constructor_input.kwargs.get("options") is not None,
    TWICE: lambda sample: len({*map(id, sample.forward_input.args)}) < len(sample.forward_input.args),
}


class Pair(NamedTuple):
    """A sample for both libraries."""

    theirs: Any
    mine: Any
    their_input: tuple[Any, Any]
    my_input: tuple[Any, Any]


def each(infos: list[Any]) -> Any:
    return pytest.mark.parametrize("info", infos, ids=lambda info: info.name)


def samples(info: Any, dtype: str, training: bool, count: int = SAMPLES) -> list[Any]:
    """Return some of an entry's samples."""
    torch.manual_seed(0)
    found = info.module_inputs_func(
        info, device="cpu", dtype=getattr(torch, dtype), requires_grad=True, training=training
    )
    found = [sample for sample in found if not any(beyond(sample) for beyond in EXCUSED.values())]
    return found[:: max(1, len(found) // count)]


def built(info: Any, made: Any, dtype: str) -> tuple[Any, Any]:
    """Return both libraries' modules, built with the same seed."""
    modules = []
    given = (*made.args,), made.kwargs
    for library, (args, kwargs) in ((torch, given), (mt, translate(given))):
        cls = getattr(library.nn, info.module_cls.__name__)
        typed = {"dtype": getattr(library, dtype)} if takes_dtype(info.module_cls) else {}
        library.manual_seed(0)
        modules.append(quiet(cls, *args, **{**kwargs, **typed}))
    return modules[0].to(getattr(torch, dtype)), modules[1].to(getattr(mt, dtype))


def takes_dtype(cls: type) -> bool:
    """Return whether a PyTorch class accepts a dtype, perhaps in a parent class."""
    return any("dtype" in signature(base.__init__).parameters for base in cls.__mro__ if base is not torch.nn.Module)


def pairs(info: Any, dtype: str, training: bool, count: int = SAMPLES) -> Iterator[Pair]:
    """Yield modules and inputs for both libraries."""
    for sample in samples(info, dtype, training, count):
        try:
            theirs, mine = built(info, sample.constructor_input, dtype)
            args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
            my_input = translate((*args,)), translate(kwargs)
        except Beyond:
            continue
        yield Pair(theirs.train(training), mine.train(training), (args, kwargs), my_input)


# -- the laws ----------------------------------------------------------------------------------------------------------


@each(HERE)
def test_computes_what_pytorch_computes(info: Any) -> None:
    count = 0
    for training in (True, False) if info.train_and_eval_differ else (True,):
        for pair in pairs(info, "float64", training):
            with note_on_error("training" if training else "evaluation", pair.mine, pair.my_input):
                assert_same_twins(pair)
            count += 1
    assert count


def assert_same_twins(pair: Pair) -> None:
    """Compare two modules: text, values, results, gradients, and values after the call."""
    assert repr(pair.mine) == repr(pair.theirs)
    assert_same_state(pair)
    expected = quiet(pair.theirs, *pair.their_input[0], **pair.their_input[1])
    assert not isinstance(expected, Exception)
    found = pair.mine(*pair.my_input[0], **pair.my_input[1])
    assert_same(found, expected, 1e-9, atol=1e-9)
    assert_same(first(mt, pair, found), first(torch, pair, expected), 1e-7, atol=1e-8)
    assert_same_state(pair)


def assert_same_state(pair: Pair) -> None:
    """Compare names and values of parameters and buffers."""
    mine, theirs = pair.mine.state_dict(), pair.theirs.state_dict()
    assert list(mine) == list(theirs)
    for name, value in theirs.items():
        assert_same(mine[name], value, 1e-9, name, atol=1e-9)


@each(HERE)
def test_computes_in_float32_too(info: Any) -> None:
    for pair in pairs(info, "float32", True, SECOND):
        expected = quiet(pair.theirs, *pair.their_input[0], **pair.their_input[1])
        found = pair.mine(*pair.my_input[0], **pair.my_input[1])
        with note_on_error(pair.mine, pair.my_input):
            assert_same(found, expected, 1e-4, atol=1e-5)


@each(HERE)
def test_has_pytorchs_second_gradients(info: Any) -> None:
    for pair in pairs(info, "float64", True, SECOND):
        found = pair.mine(*pair.my_input[0], **pair.my_input[1])
        ours = second(mt, pair, found)
        expected = quiet(pair.theirs, *pair.their_input[0], **pair.their_input[1])
        theirs = quiet(second, torch, pair, expected)
        with note_on_error(pair.mine, pair.my_input):
            if isinstance(theirs, Exception):
                assert "is not implemented" in str(theirs)
                assert_steep(pair, ours)
            else:
                assert_same(ours, theirs, 1e-6, atol=1e-7)


def leaves(library: Any, pair: Pair) -> list[Any]:
    """Return inputs and parameters that require grad."""
    module, (args, kwargs) = (pair.mine, pair.my_input) if library is mt else (pair.theirs, pair.their_input)
    given = [*tensors_in([*args, *kwargs.values()]), *module.parameters()]
    return [each for each in given if each.requires_grad]


def weighted_sum(library: Any, results: Any, shift: int, every: bool = False) -> Any:
    """Return a weighted sum of all entries of the results that require grad, or of every result."""
    kept = [each for each in tensors_in(results) if each.requires_grad or every]
    weights = [(library.arange(each.numel(), dtype=library.float64) + shift).sin().reshape(each.shape) for each in kept]
    return sum([(each * weight).sum() for each, weight in zip(kept, weights)])


def first(library: Any, pair: Pair, results: Any, graph: bool = False) -> list[Any]:
    """Return the gradients of a combination of all results; zeros for None."""
    inputs, total = leaves(library, pair), weighted_sum(library, results, 1)
    if not inputs or isinstance(total, int):
        return []
    found = library.autograd.grad(total, inputs, create_graph=graph, allow_unused=True)
    return [library.zeros_like(leaf) if each is None else each for leaf, each in zip(inputs, found)]


def second(library: Any, pair: Pair, results: Any) -> list[Any]:
    """Return the gradients of a combination of the gradients."""
    inputs, total = leaves(library, pair), weighted_sum(library, first(library, pair, results, graph=True), 2)
    if isinstance(total, int):
        return [library.zeros_like(leaf) for leaf in inputs]
    found = library.autograd.grad(total, inputs, allow_unused=True)
    return [library.zeros_like(leaf) if each is None else each for leaf, each in zip(inputs, found)]


def assert_steep(pair: Pair, gradients: list[Any], step: float = 1e-6) -> None:
    """Compare second-order gradients that PyTorch lacks with finite differences along one direction."""
    inputs = leaves(mt, pair)
    ways = [(mt.arange(each.numel(), dtype=mt.float64) + 2).cos().reshape(each.shape) for each in inputs]
    sides = []
    for sign in (1, -2):  # one step to one side, then two to the other
        with mt.no_grad():
            for leaf, way in zip(inputs, ways):
                leaf.add_(way, alpha=sign * step)
        found = pair.mine(*pair.my_input[0], **pair.my_input[1])
        sides.append(weighted_sum(mt, first(mt, pair, found), 2, every=True).item())
    slope = sum([(each * way).sum().item() for each, way in zip(gradients, ways)])
    assert slope == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-5, abs=1e-6)


@each([info for info in HERE if info.module_error_inputs_func is not None])
def test_raises_what_pytorch_raises(info: Any) -> None:
    for error in info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
    ):
        sample = error.module_error_input
        given = [((*each.args,), each.kwargs) for each in (sample.constructor_input, sample.forward_input) if each]
        expected = quiet(build_and_call, torch, info, *given)
        mine = translate(given)
        found = quiet(build_and_call, mt, info, *mine)
        if isinstance(expected, error.error_type):  # some are mistakes only on another device
            assert isinstance(found, error.error_type), f"{mine}: {expected!r} in PyTorch, here {found!r}"


def build_and_call(library: Any, info: Any, made: Any, given: Any = None) -> Any:
    """Build a module, and call it if possible."""
    module = getattr(library.nn, info.module_cls.__name__)(*made[0], **made[1])
    return module if given is None else module(*given[0], **given[1])
