"""Interpreters: one on the stack sees every operation, in order, and only in its own thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd.declare import differentiable
from minitensor.autograd.interpreters import Call, active, interpreted_by, interpreters
from minitensor.utils import op_log


class Doubler:
    """Doubles the result of every sum."""

    def interpret(self, call: Call) -> Any:
        return call.args[0] * 2 if call.op.name == "add" else call.proceed()


def names(log: Any) -> list[str]:
    return [each.name for each in log]


def test_the_log_gives_names_shapes_and_dtypes_in_order() -> None:
    x = mt.ones(2, 3)
    with op_log() as log:
        (x.t().double() + 1).sum(0)
    assert str(log).splitlines() == [
        "t(float32[2, 3]) -> float32[3, 2]",
        "to_copy(float32[3, 2]) -> float64[3, 2]",
        "add(float64[3, 2]) -> float64[3, 2]",
        "sum(float64[3, 2]) -> float64[2]",
    ]


def test_a_write_is_seen_under_its_own_name() -> None:
    x = mt.zeros(3)
    with op_log() as log:
        x.add_(1)
        x[0] = 5
        x.zero_()
    assert names(log)[0] == "add_" and names(log)[-1] == "zero_" and x.tolist() == [0, 0, 0]


def test_the_backward_pass_is_seen() -> None:
    x = mt.ones(3, requires_grad=True)
    y = x.exp().sum()
    with op_log() as log:
        y.backward()
    assert "mul" in names(log) and x.grad is not None


def test_an_interpreter_may_compute_something_else() -> None:
    with interpreted_by(Doubler()):
        assert (mt.ones(2) + 5).tolist() == [2, 2]
    assert (mt.ones(2) + 5).tolist() == [6, 6]


def test_the_lower_interpreter_sees_what_the_upper_one_calls() -> None:
    with op_log() as log, interpreted_by(Doubler()):
        mt.ones(2) + 5
    assert names(log) == ["mul"]


def test_the_upper_interpreter_does_not_see_itself() -> None:
    with interpreted_by(Doubler()), op_log() as log:
        mt.ones(2) + 5
    assert names(log) == ["add"]


def test_op_log_sees_one_sample_inside_vmap_and_all_samples_outside() -> None:
    def log_of_one(x: mt.Tensor) -> mt.Tensor:
        with op_log() as log:
            found = x * x
        inner.extend(log)
        return found

    inner: list[Any] = []
    with op_log() as outer:
        mt.vmap(log_of_one)(mt.ones(4, 3))
    assert str(inner[0]) == "mul(float32[3], float32[3]) -> float32[3]"
    assert "mul(float32[4, 3], float32[4, 3]) -> float32[4, 3]" in str(outer)


def test_an_error_leaves_the_stack_unchanged() -> None:
    with pytest.raises(RuntimeError, match="2"), op_log() as log:
        mt.ones(2) + mt.ones(3)
    assert not log and not interpreters.get() and not active


def test_another_thread_is_not_seen() -> None:
    with op_log() as log:
        thread = threading.Thread(target=lambda: found.append((mt.ones(2) * 3).tolist()))
        found: list[Any] = []
        thread.start()
        thread.join()
        mt.ones(2) + 1
    assert names(log) == ["add"] and found == [[3, 3]]


def test_a_bug_in_an_operations_body_is_reported_with_its_cause() -> None:
    @differentiable(input=lambda grad: grad)
    def broken(input: Any, n: int) -> Any:
        return input.array.no_such_attribute

    with pytest.warns(UserWarning, match="sample by sample"), pytest.raises(TypeError, match="broken") as caught:
        mt.vmap(lambda x: broken(x, 1))(mt.ones(2, 3))
    assert isinstance(caught.value.__cause__, AttributeError)
