"""Whole programs: each file beside this one runs unchanged under both libraries and prints the same losses.

The programs are plain PyTorch, in the manner of the examples that people copy. Texts and whole numbers must be the
same. Fractions may differ by 1e-4 of their size, or by one in the last printed digit: the libraries sum in different
orders, and a program repeats the rounding of each step in the next.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import random
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

import minitensor

torch = pytest.importorskip("torch")
for module in """utils.data.distributed distributed hub utils.model_zoo utils.checkpoint distributed.tensor _dynamo
        _subclasses.fake_tensor fx.experimental.symbolic_shapes""".split():
    importlib.import_module(f"torch.{module}")  # before PyTorch is hidden: it is not imported twice

PROGRAMS = sorted(path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_"))
FRACTION = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread: its threads cost small programs more than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def is_pytorchs(name: str) -> bool:
    return name.partition(".")[0] in ("torch", "functorch")


@contextlib.contextmanager
def without_pytorch() -> Iterator[None]:
    """Hide PyTorch's modules and bind ``torch`` to this library."""
    hidden = {name: module for name, module in sys.modules.items() if is_pytorchs(name)}
    for name in hidden:
        del sys.modules[name]
    try:
        with minitensor.as_torch():
            yield
    finally:
        sys.modules.update(hidden)


def printed(path: Path, library: AbstractContextManager[None]) -> list[str]:
    """Run a program and return the lines that it prints."""
    random.seed(0)
    np.random.seed(0)
    output, code = io.StringIO(), compile(path.read_text(), str(path), "exec")
    with library, contextlib.redirect_stdout(output), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, {"__name__": "__main__", "__file__": str(path)})
    return output.getvalue().splitlines()


def agree(ours: str, theirs: str) -> bool:
    """Whether two lines are the same, but for the rounding of fractions."""
    if ours == theirs:
        return True
    if FRACTION.sub("#", ours) != FRACTION.sub("#", theirs):
        return False
    pairs = zip(FRACTION.findall(ours), FRACTION.findall(theirs))
    return all(abs(float(a) - float(b)) <= max(1e-4 * abs(float(b)), 1.01 * last_digit(b)) for a, b in pairs)


def last_digit(number: str) -> float:
    """Return the value of a one in the last place of a printed number: 0.01 for 2.34."""
    digits, _, exponent = number.partition("e")
    return float(10 ** (int(exponent or 0) - len(digits.partition(".")[2])))


def test_lines_are_compared_to_the_last_digit() -> None:
    assert agree("loss 0.1234 of 3", "loss 0.1235 of 3") and agree("1234567.8", "1234600.1")
    assert not agree("loss 0.1234 of 3", "loss 0.1236 of 3") and not agree("loss 0.1 of 3", "loss 0.1 of 4")
    assert not agree("1.5", "nan") and last_digit("1.20e-3") == pytest.approx(1e-5)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_pytorchs_losses(path: Path) -> None:
    ours, theirs = printed(path, without_pytorch()), printed(path, contextlib.nullcontext())
    assert len(ours) == len(theirs) > 3
    differing = [(a, b) for a, b in zip(ours, theirs) if not agree(a, b)]
    assert not differing
