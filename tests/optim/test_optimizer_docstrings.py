"""The docstrings of optimizers, schedulers and swa_utils have all required parts.

Each one has a summary of one line, describes the arguments in the order of the signature with their defaults, lists the
errors that it raises, with classes that exist, and shows an example. Optimizers also give their equation and the paper.
test_doctests.py runs the examples.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from typing import Any

import pytest

import minitensor
from minitensor import errors, optim
from minitensor.optim import lr_scheduler, swa_utils

OPTIMIZERS = [name for name in optim.__all__ if inspect.isclass(getattr(optim, name)) and name != "Optimizer"]
TOOLS = ["AveragedModel", "SWALR", "get_ema_avg_fn", "get_swa_avg_fn", "update_bn"]
ALL: dict[str, Any] = {
    "Optimizer": optim.Optimizer,
    **{name: getattr(optim, name) for name in OPTIMIZERS},
    **{name: getattr(swa_utils, name) for name in TOOLS},
    **{name: getattr(lr_scheduler, name) for name in lr_scheduler.__all__},
}


def section(text: str, title: str) -> dict[str, str]:
    """Return the entries of a section, name to description; an entry may list several names, with commas."""
    found: dict[str, str] = {}
    match = re.search(rf"^{title}:\n((?:    .*\n|\n(?=    ))+)", text + "\n", re.MULTILINE)
    for entry in re.split(r"\n(?=    \S)", match[1].rstrip()) if match else []:
        names, _, description = entry.strip().partition(": ")
        found.update(dict.fromkeys(names.split(", "), " ".join(description.split())))
    return found


def arguments_of(target: Any) -> dict[str, inspect.Parameter]:
    function = target.__init__ if inspect.isclass(target) else target
    return {name: each for name, each in inspect.signature(function).parameters.items() if name != "self"}


def faults(target: Any) -> list[str]:
    """Return the faults of a docstring."""
    text, arguments = inspect.getdoc(target) or "", arguments_of(target)
    described, found = section(text, "Args"), []
    if not re.match(r"[A-Z].*\.(\n\n|$)", text):
        found.append("no summary of one line")
    if list(described) != list(arguments):
        found.append(f"Args: {list(described)}, the signature has {list(arguments)}")
    for name in described.keys() & arguments.keys():
        found += default_faults(name, described[name], arguments[name].default)
    for name in section(text, "Raises"):
        error = getattr(errors, name, getattr(builtins, name, None))
        if not (inspect.isclass(error) and issubclass(error, Exception)):
            found.append(f"Raises: no exception {name}")
    return found if ">>> " in text else [*found, "no example"]


def default_faults(name: str, description: str, default: Any) -> list[str]:
    stated = re.search(r"Default: ``(.*?)``", description)
    if default is inspect.Parameter.empty:
        return [f"{name} has no default"] if stated else []
    if stated is None:
        return [f"the default of {name} is not stated, {default!r}"]
    return [] if ast.literal_eval(stated[1]) == default else [f"the default of {name} is {default!r}"]


@pytest.mark.parametrize("name", ALL)
def test_a_docstring_has_arguments_defaults_errors_and_an_example(name: str) -> None:
    assert not faults(ALL[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_docstring_has_its_rule_and_source(name: str) -> None:
    text = inspect.getdoc(getattr(optim, name)) or ""
    assert re.search(r"::\n\n(    .*\n)*    .*p <- p", text), "no equation"
    assert re.search(r"\(.*(19|20)\d\d", text.split("\n")[0]), "no paper in the summary"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_raises_the_errors_it_documents(name: str) -> None:
    told = section(inspect.getdoc(getattr(optim, name)) or "", "Raises")
    weight = minitensor.nn.Parameter(minitensor.ones(2, 2))
    calls: list[tuple[type[Exception], Any, dict[str, Any]]] = [
        (ValueError, [weight], {"lr": -1.0}),
        (ValueError, [], {}),
        (ValueError, [weight * 2], {}),
        (TypeError, weight, {}),
        (TypeError, [1], {}),
    ]
    if "fused" in arguments_of(getattr(optim, name)):
        calls.append((RuntimeError, [weight], {"fused": True, "foreach": True}))
    if "betas" in arguments_of(getattr(optim, name)):
        calls.append((IndexError, [weight], {"betas": (0.9,)}))
    for error, params, options in calls:
        assert error.__name__ in told
        with pytest.raises(error):
            getattr(optim, name)(params, **options)


# What a scheduler needs besides the optimizer.
OPTIONS: dict[str, dict[str, Any]] = {
    "LRScheduler": {}, "LambdaLR": {"lr_lambda": float}, "MultiplicativeLR": {"lr_lambda": float},
    "StepLR": {"step_size": 1}, "MultiStepLR": {"milestones": [1]}, "ConstantLR": {}, "ExponentialLR": {"gamma": 0.5},
    "LinearLR": {}, "PolynomialLR": {}, "CosineAnnealingLR": {"T_max": 2}, "CosineAnnealingWarmRestarts": {"T_0": 2},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 1.0}, "OneCycleLR": {"max_lr": 1.0, "total_steps": 5},
    "ReduceLROnPlateau": {}, "SWALR": {"swa_lr": 0.1},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_a_scheduler_raises_the_errors_it_documents(name: str) -> None:
    told = section(inspect.getdoc(ALL[name]) or "", "Raises")
    calls: list[tuple[type[Exception], Any, dict[str, Any]]] = [(TypeError, 3, {})]
    if "last_epoch" in arguments_of(ALL[name]) and name not in ("SWALR", "OneCycleLR"):
        fresh = optim.SGD([minitensor.nn.Parameter(minitensor.ones(2))], momentum=0.9)
        calls.append((KeyError, fresh, {"last_epoch": 3}))
    for error, optimizer, options in calls:
        assert error.__name__ in told
        with pytest.raises(error):
            ALL[name](optimizer, **OPTIONS[name], **options)


def test_every_scheduler_of_one_optimizer_is_tried() -> None:
    assert set(OPTIONS) == {*lr_scheduler.__all__, "SWALR"} - {"SequentialLR", "ChainedScheduler"}


def wrong(a: int, b: float = 1.0) -> None:
    """Do nothing.

    Args:
        b: A number. Default: ``2.0``.
        c: Not an argument.

    Raises:
        NoSuchError: Never.
    """


def test_the_law_finds_faults() -> None:
    found = " ".join(faults(wrong))
    for part in ("the signature has ['a', 'b']", "default of b is 1.0", "no exception NoSuchError", "no example"):
        assert part in found
