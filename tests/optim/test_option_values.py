"""Every option of every optimizer with wrong values: refused where PyTorch refuses them, with a subclass of its class.

PyTorch checks some options in the constructor and others, by accident, in a step; here it does not matter which of the
two raises. Where PyTorch continues, the parameters become the same. A step that raises changes nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import MinitensorError

OPTIMIZERS = [
    name for name, each in vars(mt.optim).items() if inspect.isclass(each) and name in mt.optim.__all__
    and name != "Optimizer"
]  # fmt: skip
VALUES: dict[str, Callable[[Any], Any]] = {
    "None": lambda lib: None, "'x'": lambda lib: "x", "'2'": lambda lib: "2", "-1": lambda lib: -1,
    "nan": lambda lib: float("nan"), "inf": lambda lib: float("inf"), "True": lambda lib: True, "1j": lambda lib: 1j,
    "[]": lambda lib: [], "(0.9,)": lambda lib: (0.9,), "(0.9, 0.9, 0.9)": lambda lib: (0.9, 0.9, 0.9),
    "ones(2)": lambda lib: lib.ones(2), "object()": lambda lib: object(),
}  # fmt: skip
# Options that are read only beside another option.
BESIDE: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.9}}
REFUSED_HERE = {
    "SGD: lr nan": "PyTorch continues and makes every parameter NaN",
    "SGD: momentum nan": "PyTorch continues and makes every parameter NaN",
    "SGD: weight_decay nan": "PyTorch continues and makes every parameter NaN",
    "ASGD: alpha 1j": "PyTorch discards the imaginary part of the rate",
    "Adam: decoupled_weight_decay ones(2)": "PyTorch does not check it without weight decay",
    "NAdam: decoupled_weight_decay ones(2)": "PyTorch does not check it without weight decay",
    "RAdam: decoupled_weight_decay ones(2)": "PyTorch does not check it without weight decay",
    "Rprop: step_sizes ones(2)": "PyTorch unpacks a tensor like a tuple",
    "Adafactor: eps ones(2)": "PyTorch unpacks a tensor like a tuple",
    "Muon: eps ones(2)": "PyTorch clamps each column with another number",
}
TRUTHS = ("'x'", "'2'", "-1", "nan", "inf", "True", "1j", "(0.9,)", "(0.9, 0.9, 0.9)", "object()")
FACTOR = "PyTorch's kernels refuse a bool as a factor, in the middle of a step; here it is the number 1"
TAKEN_HERE = {
    **{f"capturable {value}": "PyTorch asserts that parameters are on a GPU; no effect here" for value in TRUTHS},
    "weight_decay True": FACTOR,
    "LBFGS: lr True": FACTOR,
}


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def is_in(table: dict[str, str], name: str, option: str, value: str) -> bool:
    return not table.keys().isdisjoint({f"{option} {value}", f"{name}: {option} {value}"})


def numbers(param: Any) -> Any:
    return param.detach().numpy().copy()


def train(lib: Any, name: str, option: str, value: str) -> Any:
    """Construct an optimizer and take two steps; return the parameter, or the error and whether its step wrote."""
    param = lib.nn.Parameter(lib.tensor([[1.0, 2.0], [3.0, 4.0]]))
    before = numbers(param)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((param - 1) ** 2).sum()
        loss.backward()
        return loss

    given = VALUES[value](lib)
    try:
        if option == "params":
            optimizer = getattr(lib.optim, name)(given)
        else:
            optimizer = getattr(lib.optim, name)([param], **{**BESIDE.get(name, {}), option: given})
        for _ in range(2):
            before = numbers(param)
            optimizer.step(closure)
    except Exception as error:
        return error, bool((numbers(param) != before).any())
    return numbers(param)


def misfit(found: Any, expected: Any, refused: bool, taken: bool) -> str | None:
    """Describe a result's difference from PyTorch's where there must be none."""
    if isinstance(found, tuple) and (not isinstance(found[0], MinitensorError) or found[1]):
        return f"raised by accident, or after it wrote: {found}"
    if isinstance(expected, tuple):
        fits = isinstance(found, tuple) and isinstance(found[0], type(expected[0]))
        return None if fits != taken else f"{found!r:.150}, PyTorch {expected[0]!r:.150}"
    fits = not isinstance(found, tuple) and np.allclose(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)
    return None if fits != refused else f"{found!r:.150}, PyTorch goes on: {expected}"


def cases(name: str) -> Iterator[tuple[str, str]]:
    """Yield each option with each value."""
    for option in inspect.signature(getattr(mt.optim, name)).parameters:
        for value in VALUES:
            yield option, value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_wrong_option_is_refused_as_in_pytorch(name: str, torch: Any) -> None:
    faults = []
    for option, value in cases(name):
        found, expected = train(mt, name, option, value), train(torch, name, option, value)
        excuses = (is_in(table, name, option, value) for table in (REFUSED_HERE, TAKEN_HERE))
        fault = misfit(found, expected, *excuses)
        if fault:
            faults.append(f"{name}: {option} {value}: {fault}")
    assert not faults, "\n".join(faults)
