"""Full backward hooks of modules against PyTorch: which tuples they see, what they may return, and the gradients.

Modules with all kinds of results (single, tuples, named tuples, lists, nested, views, numbers) are called with all
kinds of inputs (leaves, constants, extra numbers, keywords), with hooks of all kinds and four kinds of backward pass.
"""

from __future__ import annotations

import itertools
import warnings
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

Pair = namedtuple("Pair", "first second")


def leaf(lib: Any, *values: float) -> Any:
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


def const(lib: Any, *values: float) -> Any:
    return lib.tensor(list(values), dtype=lib.float64)


def lists(found: Any) -> Any:
    """Convert tensors in containers to lists of numbers, each container with its class name."""
    if isinstance(found, (tuple, list)):
        return type(found).__name__, [lists(each) for each in found]
    if isinstance(found, dict):
        return {key: lists(each) for key, each in found.items()}
    return found.tolist() if hasattr(found, "tolist") else found


FORWARDS: dict[str, Callable[..., Any]] = {
    "one": (lambda s, x: x * 2),
    "two inputs": (lambda s, x, y=None: x * 2 + (0 if y is None else y * 3)),
    "tuple": (lambda s, x, y=None: (x * 2, x * 3)),
    "tuple mixed": (lambda s, x, y=None: (x * 2, None, 5, x.detach())),
    "tuple part used": (lambda s, x, y=None: (x * 2, x * 3, x * 4)),
    "list": (lambda s, x, y=None: [x * 2, x * 3]),
    "named": (lambda s, x, y=None: Pair(x * 2, x * 3)),
    "named mixed": (lambda s, x, y=None: Pair(x * 2, "s")),
    "nested": (lambda s, x, y=None: ((x * 2, x * 3), x * 4)),
    "dict": (lambda s, x, y=None: {"a": x * 2, "b": x * 3}),
    "identity": (lambda s, x, y=None: x),
    "same twice": (lambda s, x, y=None: (lambda z: (z, z))(x * 2)),
    "view": (lambda s, x, y=None: x[:1]),
    "int out": (lambda s, x, y=None: (x * 2, x.argsort())),
    "param": (lambda s, x, y=None: x * s.w),
    "in place": (lambda s, x, y=None: (x * 1).mul_(2)),
    "no input used": (lambda s, x, y=None: s.w * 2),
    "none": (lambda s, x, y=None: None),
    "number": (lambda s, x, y=None: 3),
}

INPUTS: dict[str, Callable[[Any], Any]] = {
    "leaf": lambda lib: ((leaf(lib, 1.0, 2.0),), {}),
    "inner": lambda lib: ((leaf(lib, 1.0, 2.0) * 1,), {}),
    "const": lambda lib: ((const(lib, 1.0, 2.0),), {}),
    "two": lambda lib: ((leaf(lib, 1.0, 2.0) * 1, leaf(lib, 3.0, 4.0)), {}),
    "two, one const": lambda lib: ((leaf(lib, 1.0, 2.0) * 1, const(lib, 3.0, 4.0)), {}),
    "const, leaf": lambda lib: ((const(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)), {}),
    "number beside": lambda lib: ((leaf(lib, 1.0, 2.0) * 1, 3.0), {}),
    "none beside": lambda lib: ((leaf(lib, 1.0, 2.0) * 1, None), {}),
    "keyword": lambda lib: ((leaf(lib, 1.0, 2.0) * 1,), {"y": leaf(lib, 3.0, 4.0)}),
    "only keywords": lambda lib: ((), {"x": leaf(lib, 1.0, 2.0) * 1}),
    "list beside": lambda lib: ((leaf(lib, 1.0, 2.0) * 1, [leaf(lib, 3.0, 4.0)]), {}),
}

HOOKS: dict[str, Callable[[list[Any], Any], Any]] = {
    "see": lambda log, module: module.register_full_backward_hook(
        lambda _, inputs, outputs: log.append(("hook", lists(inputs), lists(outputs)))
    ),
    "change": lambda log, module: module.register_full_backward_hook(
        lambda _, inputs, outputs: tuple(None if g is None else g * 10 for g in inputs)
    ),
    "bare": lambda log, module: module.register_full_backward_hook(lambda _, inputs, outputs: inputs[0]),
    "list back": lambda log, module: module.register_full_backward_hook(lambda _, inputs, outputs: list(inputs)),
    "too many": lambda log, module: module.register_full_backward_hook(lambda _, inputs, outputs: (*inputs, None)),
    "nones": lambda log, module: module.register_full_backward_hook(lambda _, inputs, outputs: (None,) * len(inputs)),
    "pre see": lambda log, module: module.register_full_backward_pre_hook(
        lambda _, outputs: log.append(("pre", lists(outputs)))
    ),
    "pre change": lambda log, module: module.register_full_backward_pre_hook(
        lambda _, outputs: tuple(None if g is None else g * 10 for g in outputs)
    ),
    "pre bare": lambda log, module: module.register_full_backward_pre_hook(lambda _, outputs: outputs[0]),
    "pre too many": lambda log, module: module.register_full_backward_pre_hook(lambda _, outputs: (*outputs, None)),
    "pre nones": lambda log, module: module.register_full_backward_pre_hook(lambda _, outputs: (None,) * len(outputs)),
    "both": lambda log, module: (
        module.register_full_backward_pre_hook(lambda _, outputs: log.append(("pre", lists(outputs)))),
        module.register_full_backward_hook(
            lambda _, inputs, outputs: log.append(("hook", lists(inputs), lists(outputs)))
        ),
    ),
}

WAYS = ["all", "first", "last", "twice"]


def tensors_in(lib: Any, found: Any) -> list[Any]:
    if isinstance(found, lib.Tensor):
        return [found]
    values = found.values() if isinstance(found, dict) else found if isinstance(found, (tuple, list)) else ()
    return [tensor for each in values for tensor in tensors_in(lib, each)]


def outcome(lib: Any, forward: str, given: str, hook: str, way: str) -> Any:
    """Return what the hooks saw, the gradients, and the warnings about hooks."""
    log: list[Any] = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            run(lib, forward, given, hook, way, log)
        except Exception as error:
            log.append(next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins"))
    texts = {str(each.message)[:60] for each in told}
    return log, sorted(text for text in texts if "ackward hook" in text)


def run(lib: Any, forward: str, given: str, hook: str, way: str, log: list[Any]) -> None:
    """Call a module and run backward."""
    module = type("M", (lib.nn.Module,), {"forward": FORWARDS[forward]})()
    module.w = lib.nn.Parameter(const(lib, 5.0, 6.0))
    HOOKS[hook](log, module)
    args, kwargs = INPUTS[given](lib)
    inputs = [each for each in tensors_in(lib, [args, kwargs]) if each.requires_grad]
    for each in inputs:
        each.retain_grad()
    result = module(*args, **kwargs)
    log.append(lists(result))
    walk(lib, [each for each in tensors_in(lib, result) if each.requires_grad], inputs, way, log)
    log.append([lists(each.grad) for each in [*inputs, module.w]])


def walk(lib: Any, results: list[Any], inputs: list[Any], way: str, log: list[Any]) -> None:
    """Run backward from all results, from one of them, or through the gradients."""
    if not results:
        return
    if way != "twice":
        chosen = {"all": results, "first": results[:1], "last": results[-1:]}[way]
        sum(each.sum() * (i + 1) for i, each in enumerate(chosen)).backward()
        return
    total = sum((each * each).sum() for each in results)
    grads = lib.autograd.grad(total, inputs, create_graph=True, allow_unused=True)
    log.append([lists(each) for each in grads])
    total = sum([(each * each).sum() for each in grads if each is not None], lib.zeros(()))
    if total.requires_grad:
        total.backward()


@pytest.mark.parametrize("forward", FORWARDS)
def test_full_backward_hooks_behave_as_in_pytorch(forward: str) -> None:
    torch = pytest.importorskip("torch")
    cases = zip(itertools.product(INPUTS, HOOKS), itertools.cycle(WAYS[:3] + WAYS))
    for (given, hook), way in cases:
        found, expected = (outcome(lib, forward, given, hook, way) for lib in (mt, torch))
        assert found == expected, (given, hook, way)
