"""NumPy's error state and warnings that are errors change nothing: no value, no gradient, no random number.

Every op of the table runs on numbers at which arithmetic overflows, underflows, or gives NaN, forward and backward and
in place; then everything else that computes: optimizers, creation, printing, layers, threads.
"""

from __future__ import annotations

import itertools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import numbers, ours, tensors_in, twin
from ops.row import Call, Row
from ops.table import ROWS
from ops.test_laws_corners import PATTERNS, Pattern, filled

INF, NAN = float("inf"), float("nan")
F = mt.nn.functional
UNINITIALIZED = ("empty", "empty_like", "empty_strided", "empty_permuted", "Tensor.new_empty")


def alternating(value: float) -> Pattern:
    def fill(array: Any, seed: int) -> Any:
        signs = np.where(np.arange(array.size).reshape(array.shape) % 2, 1, -1)
        with np.errstate(all="ignore"):
            return np.asarray(value * signs, array.dtype)

    return fill


CORNERS = {
    **{name: PATTERNS[name] for name in ("zeros", "ties", "inf", "nan")}, "as it is": lambda array, seed: array,
    "huge": alternating(1e300), "tiny": alternating(1e-300), "large": alternating(3e38), "small": alternating(1e-38),
}  # fmt: skip


@contextmanager
def state(name: str) -> Iterator[None]:
    """Run with NumPy raising, with warnings as errors, or undisturbed."""
    with warnings.catch_warnings(), np.errstate(all={"raise": "raise", "error": "warn", "quiet": "ignore"}[name]):
        warnings.simplefilter("error" if name == "error" else "ignore", RuntimeWarning)
        yield


def values(row: Row, call: Call, op: Any, dtype: str) -> list[Any]:
    """Return the results and gradients of one call."""
    leaves: list[Any] = []

    def leaf(array: Any) -> Any:
        if array.dtype == np.float64:
            with np.errstate(all="ignore"):
                array = array.astype(dtype)
        made = mt.tensor(array)
        if array.dtype.kind in "fc" and row.differentiable:
            leaves.append(made.requires_grad_())
            return made.clone()
        return made

    mt.manual_seed(0)
    args, kwargs = calls.our_arguments(call, leaf)
    results = tensors_in(op(*args, **kwargs))
    found = [each.detach().clone() for each in results]
    ends = [each for each in results if each.requires_grad]
    if ends and leaves:
        found += mt.autograd.grad(ends, leaves, [mt.ones_like(each) for each in ends], allow_unused=True)
    return [None if each is None else numbers(each) for each in found]


def outcome_in(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function gives in a state, or the class of its error."""
    with state(name):
        try:
            return function(*args)
        except Exception as error:
            return type(error).__name__


def equal(a: Any, b: Any) -> bool:
    if a.__class__ is list and b.__class__ is list:
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return repr(a) == repr(b)


@pytest.mark.parametrize("name", ["raise", "error"])
def test_no_op_hears_of_numpys_error_state(name: str) -> None:
    wrong, count = set(), 0
    for row in ROWS:
        if row.name in UNINITIALIZED:
            continue
        ops = [ours(row), *([twin(row)] if row.inplace and twin(row) is not None else [])]
        for op, (corner, pattern), dtype in itertools.product(ops, CORNERS.items(), ("float32", "float64")):
            call = filled(row.calls[0], pattern)
            expected, found = [outcome_in(each, values, row, call, op, dtype) for each in ("quiet", name)]
            count += not isinstance(expected, str)
            if not equal(found, expected):
                wrong.add(f"{row}, {op.__name__}, {corner}: {found}")
    assert not wrong, "\n".join(sorted(wrong))
    assert count > 5000


def train(kind: str) -> list[Any]:
    """Take three steps from numbers whose squares overflow and underflow."""
    mt.manual_seed(0)
    params = [mt.nn.Parameter(mt.tensor([[1e-30, 1.0, 1e30, 0.0, -1e-38]])) for _ in range(6)]
    params.append(mt.nn.Parameter(mt.ones(100, 60)))
    optimizer = getattr(mt.optim, kind)(params, lr=0.1)
    for _ in range(3):
        for param in params[:-1]:
            param.grad = mt.tensor([[1e-30, 1e30, INF, 0.0, 1e-45]])
        params[-1].grad = mt.full((100, 60), 1e-30)
        optimizer.step(lambda: mt.tensor(1.0))
    return [numbers(param) for param in params]


def accumulate() -> list[float]:
    x = mt.tensor(1.0, requires_grad=True)
    for _ in range(2):
        (x * 3e38).backward()
    return [x.grad.item()]


def write() -> list[Any]:
    x = mt.zeros(3)
    x[0] = 1e-300
    x[1:2] = mt.tensor([1e300], dtype=mt.float64)
    x[2:].copy_(mt.tensor([1e-300], dtype=mt.float64))
    twice = mt.tensor([0, 0])
    return [
        numbers(each) for each in (
            x, mt.zeros(2).fill_(1e-300), mt.tensor([3e38, 1.0]).add_(mt.tensor([3e38, 1.0])),
            mt.full((3, 4), 1e20).t().mul_(1e30), mt.zeros(2).div_(mt.zeros(2)),
            mt.zeros(2).index_put_((twice,), mt.full((2,), 3e38), accumulate=True),
            mt.zeros(2).scatter_add_(0, twice, mt.full((2,), 3e38)),
        )
    ]  # fmt: skip


def draw() -> list[Any]:
    mt.manual_seed(0)
    fills = [mt.empty(300).normal_(), mt.empty(300).exponential_(), mt.empty(300).cauchy_(),
             mt.empty(300).log_normal_(100.0, 30.0), mt.empty(300).geometric_(0.5)]
    others = [F.gumbel_softmax(mt.tensor([[1.0, -1e3, 300.0]])), F.dropout(mt.tensor([INF, NAN, 3e38] * 9), 0.9),
              mt.nn.LSTM(2, 2)(mt.full((1, 1, 2), 1e30))[0]]
    return [numbers(each.detach()) for each in fills + others]


def draw_too_large() -> list[Any]:
    """Every draw overflows; the number drawn next says that none was repeated."""
    draws: list[Callable[[], Any]] = [
        lambda: mt.nn.init.normal_(mt.empty(4), 0.0, 1e39), lambda: mt.empty(4).normal_(0.0, 1e39),
        lambda: mt.empty(4, dtype=mt.half).normal_(0.0, 1e5), lambda: mt.empty(4).log_normal_(0.0, 100.0),
        lambda: mt.normal(0.0, 1e39, (3,)), lambda: mt.normal(mt.zeros(3), 3e38),
        lambda: F.rrelu(mt.full((4,), -3e38), 2.0, 3.0, True),
    ]
    found = []
    for draw_some in draws:
        mt.manual_seed(0)
        found += [numbers(draw_some()), mt.rand(1).item()]
    return found


def run_statistics() -> list[Any]:
    """The running variance overflows in float16, after the running mean is written."""
    x = mt.tensor([[900.0], [-300.0]], dtype=mt.half)
    layers = [mt.nn.BatchNorm1d(1).half(), mt.nn.InstanceNorm1d(1, track_running_stats=True).half()]
    layers[0](x)
    layers[1](x.reshape(1, 1, 2))
    return [numbers(each) for layer in layers for each in (layer.running_mean, layer.running_var)]


def make() -> list[Any]:
    return [numbers(each) for each in (
        mt.tensor([1e300, 1e-300]), mt.tensor([1e5], dtype=mt.half), mt.tensor(1e300), mt.tensor([1e300]),
        mt.tensor(np.array([1e300]), dtype=mt.float32), mt.asarray([np.float64(1e300)], dtype=mt.float32),
        mt.full((2,), 1e-9, dtype=mt.half), mt.linspace(0, 3e38, 3), mt.logspace(0, 50, 3),
        mt.tensor([INF, NAN, 1e30]).to(mt.int32), mt.zeros(0).mean(), mt.zeros(1).var(),
    )]  # fmt: skip


def clip() -> list[Any]:
    weight = mt.nn.Parameter(mt.ones(2))
    weight.grad = mt.tensor([INF, 1e-45])
    norm = mt.nn.utils.clip_grad_norm_([weight], 1.0)
    return [norm.item(), numbers(weight.grad)]


def share_among_threads() -> list[float]:
    many = mt.full((5_000_000,), 1e3)
    return [many.exp().max().item(), F.gelu(-many).max().item(), F.softmax(many.reshape(5, -1), 1).max().item()]


OTHERS: dict[str, Callable[[], Any]] = {
    **{kind: lambda kind=kind: train(kind) for kind in (  # type: ignore[misc]  # a default binds the name
        "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adadelta", "Adagrad", "RMSprop", "Rprop", "ASGD", "LBFGS",
        "Adafactor")},
    "accumulate": accumulate, "write": write, "draw": draw, "make": make,
    "draw too large": draw_too_large, "running statistics": run_statistics,
    "clip": clip, "threads": share_among_threads,
    "print": lambda: [repr(mt.tensor([value, -value])) for value in (INF, 1e-40, 1e-45, 1e38)],
    "vmap": lambda: mt.func.vmap(lambda x: x / 0)(mt.tensor([0.0, 1.0])).tolist()[1:],
    "jacobian": lambda: mt.autograd.functional.jacobian(lambda x: x / 0, mt.tensor([0.0, 1.0])).tolist()[1:],
}  # fmt: skip


@pytest.mark.parametrize("name", ["raise", "error"])
@pytest.mark.parametrize("what", OTHERS)
def test_nothing_else_hears_of_it(what: str, name: str) -> None:
    expected, found = [outcome_in(each, OTHERS[what]) for each in ("quiet", name)]
    assert not isinstance(expected, str), expected
    assert equal(found, expected), found


def test_a_new_thread_is_as_silent() -> None:
    found: list[Any] = []
    with state("error"):
        thread = threading.Thread(target=lambda: found.append((1 / mt.zeros(1)).tolist()))
        thread.start()
        thread.join()
    assert found == [[INF]]


def test_the_state_of_the_users_own_arithmetic_is_kept() -> None:
    """Hooks and mapped functions are the user's; an error of theirs is not repeated in silence."""
    ran = []

    def user(x: Any) -> Any:
        ran.append(1)
        np.float64(1) / np.float64(0)
        return x

    with np.errstate(all="raise"):
        1 / mt.zeros(1)
        assert np.geterr()["divide"] == "raise"
        with pytest.raises(FloatingPointError):
            mt.func.vmap(user)(mt.ones(2))
        with pytest.raises(FloatingPointError):
            mt.autograd.functional.jacobian(user, mt.ones(2))
    assert len(ran) == 2
