"""Anomaly mode: which operation made the NaN, on which line; and which line wrote to a saved value."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import detect_anomaly, graph, set_detect_anomaly
from minitensor.callers import caller, line_of, stack
from minitensor.errors import GradError, VersionError


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


def here(text: str) -> str:
    """Return a pattern for a line of this file with the given text."""
    return rf"test_anomaly\.py:\d+, in \S+: .*{re.escape(text)}"


FORWARD: dict[str, Callable[[Any], Any]] = {
    "log": lambda x: (x - 5).log(),
    "div": lambda x: (x - 1) / (x - 1),
    "pow": lambda x: (x - 5) ** 0.5,
    "sum": lambda x: (x / 0 * (x - 1.5)).sum(),
    "sqrt": lambda x: (x - 5).sqrt_(),
    "matmul": lambda x: (x / 0) @ (x - 1.5),
    "cat": lambda x: mt.cat([x, (x - 5).log()]),
}


@pytest.mark.parametrize("name", FORWARD)
def test_the_operation_that_makes_nan_raises_with_its_line(name: str) -> None:
    expected = "log" if name == "cat" else name
    with detect_anomaly(), pytest.raises(GradError, match=here("")) as caught:
        FORWARD[name](leaf(1.0, 2.0))
    assert str(caught.value).startswith(f"{expected}: its result has NaN")


def test_nan_in_the_inputs_raises_nothing() -> None:
    with detect_anomaly():
        y = leaf(float("nan"), 1.0) * 2
        y.mul_(3)
        mt.cat([y, y])
        y[0] = 1.0
    assert y.tolist() == [1.0, 6.0]


def test_a_gradient_that_is_nan_names_the_line_of_the_forward_call() -> None:
    x = leaf(0.0, 1.0)
    with detect_anomaly(), pytest.raises(RuntimeError, match=here("y = x.sqrt()")) as caught:
        y = x.sqrt()
        (y * 0).sum().backward()
    assert "Function 'SqrtBackward0' returned nan values in its 0th output" in str(caught.value)


def test_a_users_function_is_named() -> None:
    class Bad(mt.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * float("nan")

    with detect_anomaly(), pytest.raises(RuntimeError, match="Function 'BadBackward' returned nan") as caught:
        Bad.apply(leaf(1.0)).backward()
    assert re.search(here("Bad.apply"), str(caught.value))


def test_without_the_forward_pass_there_is_no_line() -> None:
    y = (leaf(0.0).sqrt() * 0).sum()
    with detect_anomaly(), pytest.raises(RuntimeError, match="no forward pass information is available"):
        y.backward()


def test_nan_passes_with_check_nan_off() -> None:
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()


WRITES: dict[str, Callable[[Any], Any]] = {
    "add_": lambda y: y.add_(1),
    "__setitem__": lambda y: y.__setitem__(0, 1.0),
    "a slice": lambda y: y[:1].zero_(),
    "no grad": mt.no_grad()(lambda y: y.mul_(2)),
    "out": mt.no_grad()(lambda y: mt.add(y, y, out=y)),
    "+=": lambda y: y.__iadd__(1),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_version_error_names_the_line_of_the_write(name: str) -> None:
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        y = x * 2
        z = y * y
        WRITES[name](y)
    with pytest.raises(VersionError, match=here("lambda y")) as caught:
        z.sum().backward()
    assert re.search(here("z = y * y"), str(caught.value))
    assert "clone it before the in-place operation" in str(caught.value)


def test_an_optimizers_step_is_a_write_with_a_line() -> None:
    model = mt.nn.Sequential(mt.nn.Linear(2, 2), mt.nn.Linear(2, 2))
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
    x = mt.ones(1, 2)
    with detect_anomaly():
        model(x).sum().backward()
        late = model(x).sum()
        optimizer.step()
        with pytest.raises(VersionError, match=r"after SGD\.step at \S*" + here("optimizer.step()")):
            late.backward()


def test_a_version_error_says_how_to_find_the_line() -> None:
    y = leaf(1.0) * 2
    z = y * y
    y.add_(1)
    with pytest.raises(VersionError, match="set_detect_anomaly"):
        z.backward()


def test_the_mode_is_set_and_restored() -> None:
    assert not mt.is_anomaly_enabled()
    with set_detect_anomaly(True):
        assert mt.is_anomaly_enabled()
        assert mt.is_anomaly_check_nan_enabled()
        with detect_anomaly(check_nan=False):
            assert not mt.is_anomaly_check_nan_enabled()
        with mt.no_grad():
            assert mt.is_anomaly_enabled()
            assert not mt.is_grad_enabled()
        assert mt.is_anomaly_check_nan_enabled()
        with set_detect_anomaly(False):
            assert not mt.is_anomaly_enabled()
    assert not mt.is_anomaly_enabled()
    set_detect_anomaly(True)
    assert mt.is_anomaly_enabled()
    set_detect_anomaly(False)
    assert not mt.is_anomaly_enabled()


def test_both_kinds_of_anomaly_mode_work_together() -> None:
    x = leaf(4.0)
    with detect_anomaly(), graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor * float("nan")):
        y = x.sqrt()
        with pytest.raises(RuntimeError, match=here("y = x.sqrt()")):
            y.backward()


def test_another_thread_is_not_affected() -> None:
    seen: list[bool] = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(mt.is_anomaly_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_gradients_of_gradients_are_checked() -> None:
    x = leaf(0.0, 1.0)
    with detect_anomaly():
        (first,) = mt.autograd.grad((x**1.5).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="returned nan values"):
            mt.autograd.grad((first * 0).sum(), x)


def test_the_caller_is_the_users_line_however_many_library_frames_are_between() -> None:
    found: list[Any] = []
    x = leaf(1.0)
    x.register_hook(lambda grad: found.append((caller(), line_of(stack()))))
    x.sum().backward()
    ((line, same),) = found
    assert line == same
    assert line.file == __file__
    assert "found.append" in line.text
