"""float16 with Python numbers: some ops use the number in full precision and round once, others round it first.

Arithmetic is compared with PyTorch's on thousands of float16 numbers: very few may differ, and none by more than one
ulp, because some processors fuse a product with a sum. Then every op in the table that takes a number gets numbers from
those too large for float16 to those that it rounds to zero; values and gradients are compared.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
from ops.call import arrays_in, convert_arguments, dtype_name, numbers, ours, outcome, recast, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

pytestmark = pytest.mark.usefixtures("without_warnings")

NUMBERS = (2.5, 70000, 1e-8, 3e5, 1e30, -0.1, 6.1e-5, 0.3, -3e5, 1 / 3, math.inf, math.nan, 0.0)
SPECIAL = np.array(
    [
        2.5, -0.1, 6.1e-5, 0.3, 1 / 3, 0.0, -0.0, 1, -1, 0.3333, -2.5, 1e-3, 6e-8, -6.1e-5, 30.0, -300, 1e4, 65504,
        -65504, math.inf, -math.inf, math.nan,
    ],
    "float16",
)  # fmt: skip


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def halves(seed: int) -> Any:
    """Return 4096 float16 numbers of all magnitudes, special ones first; a multiple of every vector length."""
    random = np.random.RandomState(seed)
    drawn = (random.standard_normal(4096) * 10.0 ** random.uniform(-6, 4, 4096)).astype("float16")
    drawn[: len(SPECIAL)] = np.roll(SPECIAL, 5 * seed)
    return drawn


# -- arithmetic and activations on thousands of float16 numbers --------------------------------------------------------

F = lambda lib: lib.nn.functional
Case = Callable[[Any, Any, Any, Any], Any]  # a library, two float16 tensors, a number


def symbol(name: str) -> Case:
    return lambda lib, x, y, n: getattr(operator, name)(x, n)


def reflected(name: str) -> Case:
    return lambda lib, x, y, n: getattr(operator, name)(n, x)


def in_place(name: str) -> Case:
    return lambda lib, x, y, n: getattr(operator, "i" + name)(x.clone(), n)


def beside_scalar(name: str) -> Case:
    """The number in a 0-d tensor of a wider dtype."""
    return lambda lib, x, y, n: getattr(operator, name)(x, lib.tensor(n, dtype=lib.float32))


NAMES = ("add", "sub", "mul", "truediv", "floordiv", "mod")
CASES: dict[str, Case] = {
    **{name: symbol(name) for name in NAMES},
    **{f"number {name}": reflected(name) for name in NAMES},
    **{f"{name} in place": in_place(name) for name in NAMES},
    **{f"{name} of a tensor without dims": beside_scalar(name) for name in NAMES},
    "mul, number first": lambda lib, x, y, n: lib.mul(n, x),
    "div, number first": lambda lib, x, y, n: lib.div(n, x),
    "div trunc": lambda lib, x, y, n: lib.div(x, n, rounding_mode="trunc"),
    "div floor": lambda lib, x, y, n: lib.div(x, n, rounding_mode="floor"),
    "div_ trunc": lambda lib, x, y, n: x.clone().div_(n, rounding_mode="trunc"),
    "fmod": lambda lib, x, y, n: lib.fmod(x, n),
    "add alpha": lambda lib, x, y, n: lib.add(x, y, alpha=n),
    "add_ alpha": lambda lib, x, y, n: x.clone().add_(y, alpha=n),
    "sub alpha": lambda lib, x, y, n: lib.sub(x, y, alpha=n),
    "sub_ alpha": lambda lib, x, y, n: x.clone().sub_(y, alpha=n),
    "rsub alpha": lambda lib, x, y, n: lib.rsub(x, y, alpha=n),
    "lerp": lambda lib, x, y, n: lib.lerp(x, y, n),
    "lerp_": lambda lib, x, y, n: x.clone().lerp_(y, n),
    "lerp of tensors": lambda lib, x, y, n: lib.lerp(x, y, x.detach().roll(1)),
    "addcmul": lambda lib, x, y, n: lib.addcmul(x, y, x.detach().roll(1), value=n),
    "addcmul_": lambda lib, x, y, n: x.clone().addcmul_(y, x.detach().roll(1), value=n),
    "addcdiv": lambda lib, x, y, n: lib.addcdiv(x, y, x.detach().roll(1), value=n),
    "addcdiv_": lambda lib, x, y, n: x.clone().addcdiv_(y, x.detach().roll(1), value=n),
    "eq": lambda lib, x, y, n: x == n,
    "lt": lambda lib, x, y, n: x < n,
    "where": lambda lib, x, y, n: lib.where(y.detach() > 0, x, n),
    "clamp": lambda lib, x, y, n: lib.clamp(x, n),
    "leaky_relu": lambda lib, x, y, n: F(lib).leaky_relu(x, n),
    "leaky_relu_": lambda lib, x, y, n: F(lib).leaky_relu_(x.clone(), n),
    "rrelu": lambda lib, x, y, n: F(lib).rrelu(x, n, n),
    "threshold": lambda lib, x, y, n: F(lib).threshold(x, n, 0.1),
    "hardtanh": lambda lib, x, y, n: F(lib).hardtanh(x, -1, n),
    "hardshrink": lambda lib, x, y, n: F(lib).hardshrink(x, n),
    "softshrink": lambda lib, x, y, n: F(lib).softshrink(x, n),
    "elu": lambda lib, x, y, n: F(lib).elu(x, n),
    "elu_": lambda lib, x, y, n: F(lib).elu_(x.clone(), n),
    "celu": lambda lib, x, y, n: F(lib).celu(x, n),
    "selu": lambda lib, x, y, n: F(lib).selu(x),
    "softplus": lambda lib, x, y, n: F(lib).softplus(x, n),
    "softplus threshold": lambda lib, x, y, n: F(lib).softplus(x, 1, n),
}


def results(lib: Any, run: Case, n: Any, grad: bool) -> list[Any]:
    """Return the results of a case, and its gradients in both tensors."""
    x, y = [lib.tensor(halves(seed)).requires_grad_(grad) for seed in (0, 1)]
    found = run(lib, x, y, n)
    if not found.requires_grad:
        return [numbers(found)]
    slopes = lib.autograd.grad(found, [x, y], lib.tensor(halves(2) * np.float16(0.1)), allow_unused=True)
    return [numbers(found), *[numbers(each) for each in slopes if each is not None]]


def places(array: Any) -> Any:
    """Return float16 numbers as integers, so that adjacent numbers differ by one ulp."""
    bits = array.astype("float16").view("int16").astype("int64")
    return np.where(bits < 0, -(bits & 0x7FFF), bits)


def units_apart(one: Any, other: Any) -> Any:
    """Return the distance of float16 numbers in ulps; infinite if only one is finite, or special values differ."""
    alike = (one == other) | ((one != one) & (other != other))
    apart = np.abs(places(np.nan_to_num(one)) - places(np.nan_to_num(other))).astype("float64")
    return np.where(alike, 0, np.where(np.isfinite(one) & np.isfinite(other), apart, math.inf))


def trouble(found: Any, expected: Any, least: int = 2) -> str | None:
    """Return what is wrong with an array of float16 numbers, or None."""
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return f"{found.dtype} {found.shape} for {expected.dtype} {expected.shape}"
    if found.dtype != "float16":
        return None if np.array_equal(found, expected) else "unequal"
    apart = units_apart(found, expected)
    near = apart <= 1
    # At the edge of overflow, one ulp is infinite.
    near |= (np.abs(found) >= 65504) & (np.abs(expected) >= 65504) & (np.sign(found) == np.sign(expected))
    if near.all() and (apart > 0).sum() <= max(least, found.size // 100):
        return None
    worst = np.flatnonzero(~near if not near.all() else apart > 0)[:3]
    return f"{(apart > 0).sum()} differ, as {found.ravel()[worst]} for {expected.ravel()[worst]}"


# What is not compared, by the beginning of a case's name, and why.
VALUES = {
    "number truediv": "PyTorch uses a rounded reciprocal: test_a_number_divided_by_float16_is_rounded_once",
    "number floordiv": "PyTorch rounds the quotient first: test_a_number_divided_by_float16_is_rounded_once",
    "softplus threshold": "PyTorch's exponential overflows above a large threshold: test_softplus_does_not_overflow",
}
GRADIENTS = {
    **VALUES,
    "mul, number first": "PyTorch rounds the number in the product, but not in its gradient",
    "addcdiv": "PyTorch rounds the value in the gradient, or refuses it there",
    "elu_": "PyTorch computes it from the rounded result",
}
AT_NAN = ("hardtanh", "hardshrink", "softshrink")  # PyTorch's vector code and remainder have different slopes at NaN


def excuse(reasons: dict[str, str], name: str) -> str | None:
    return next((reason for start, reason in reasons.items() if name.startswith(start)), None)


def wrong(torch: ModuleType, name: str, n: Any, grad: bool) -> str | None:
    """Return how a case differs from PyTorch, or None."""
    expected = outcome(results, torch, CASES[name], n, grad)
    found = outcome(results, mt, CASES[name], n, grad)
    if isinstance(expected, Exception):  # gradients that PyTorch lacks are not tested here
        return None if grad or isinstance(found, (RuntimeError, ValueError)) else f"accepted, but {expected}"
    if isinstance(found, Exception):
        return f"refused: {found}"
    if grad and name in AT_NAN:
        if n != n:
            return None
        regular = ~np.isnan(halves(0))
        found, expected = [each[regular] for each in found], [each[regular] for each in expected]
    troubles = [trouble(one, other) for one, other in zip(found, expected, strict=True)]
    return next((each for each in troubles if each), None)


@pytest.mark.parametrize("name", CASES)
def test_a_number_with_float16_has_pytorchs_result(torch: ModuleType, name: str) -> None:
    todo = [(n, False) for n in NUMBERS if not excuse(VALUES, name)]
    todo += [(n, True) for n in NUMBERS if not excuse(GRADIENTS, name)]
    found = [f"{n} {'gradient' * grad}: {what}" for n, grad in todo if (what := wrong(torch, name, n, grad))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("n", NUMBERS)
def test_a_number_divided_by_float16_is_rounded_once(n: float) -> None:
    x = halves(1)
    x = x[np.isfinite(x) & (x != 0)]
    exact = np.float64(n) / x.astype("float64")
    assert trouble((n / mt.tensor(x)).numpy(), exact.astype("float16")) is None
    whole = np.floor(np.float64(np.float16(n)) / x.astype("float64"))
    if math.isfinite(np.float16(n)):
        assert trouble((n // mt.tensor(x)).numpy(), whole.astype("float16")) is None


@pytest.mark.parametrize("threshold", [70000, 1e30, math.inf, math.nan])
def test_softplus_does_not_overflow(threshold: float) -> None:
    x = mt.tensor([-5.0, 0.0, 100.0, 1e4], dtype=mt.float16, requires_grad=True)
    found = F(mt).softplus(x, 1, threshold)
    found.sum().backward()
    assert found.tolist() == mt.tensor([math.log1p(math.exp(-5)), math.log(2), 100, 1e4]).half().tolist()
    assert x.grad.tolist() == mt.sigmoid(x).tolist()


def test_float16_and_numbers_without_pytorch() -> None:
    x = mt.tensor([1.0, 30000.0], dtype=mt.float16)
    assert (x / 70000).tolist() == mt.tensor([1 / 70000, 30000 / 70000]).half().tolist()
    assert (x * 1e-5).tolist() == mt.tensor([1e-5, 0.3]).half().tolist()
    assert (70000 * (x * 1e-4)).tolist() == mt.tensor([7.0, math.inf]).half().tolist()
    assert x.clone().mul_(1e-5).tolist() == (x * 1e-5).tolist()
    assert x.add(x, alpha=0.1).tolist() == [1.099609375, 32992.0]
    assert mt.addcmul(x, x, mt.zeros(2).half(), value=70000).tolist() == x.tolist()


# -- the op table ------------------------------------------------------------------------------------------------------

TAKES_A_NUMBER = ("float", "Number", "Operand")
CLOSE = 6e-3  # composites round between steps: the tolerance relative to a result's largest number

# (row, argument): why it is not compared. A reason that starts with "gradient" concerns only gradients.
EXCUSED: dict[tuple[str, str], str] = {
    ("var", "correction"): "gradient: an infinite variance has none; PyTorch's is negative",
    ("std", "correction"): "gradient: an infinite deviation has none; PyTorch's is negative",
    ("var_mean", "correction"): "gradient: like that of var",
    ("std_mean", "correction"): "gradient: like that of std",
    ("addmm", "alpha"): "gradient: with an infinite alpha PyTorch multiplies first",
    ("addr", "alpha"): "gradient: with an infinite alpha PyTorch multiplies first",
    ("baddbmm", "alpha"): "gradient: with an infinite alpha PyTorch multiplies first",
    ("addmv", "alpha"): "PyTorch refuses numbers beyond float16 and rounds the rest; here it is as in addmm",
    ("addmv", "beta"): "PyTorch refuses numbers beyond float16 and rounds the rest; here it is as in addmm",
    ("histc", "min"): "PyTorch rounds the limits, and the edges of the bins",
    ("histc", "max"): "PyTorch rounds the limits, and the edges of the bins",
    ("arange", "step"): "PyTorch accepts an infinite step",
    ("fill", "value"): "PyTorch does not check the fill value of a single element",
    ("constant_pad_nd", "value"): "PyTorch does not check the fill value of a single element",
    ("nn.functional.hardtanh", "min_val"): "gradient: at NaN PyTorch's depends on the number of elements",
    ("nn.functional.hardtanh", "max_val"): "gradient: at NaN PyTorch's depends on the number of elements",
    ("nn.functional.hardshrink", "lambd"): "gradient: at NaN PyTorch's depends on the number of elements",
    ("nn.functional.multi_head_attention_forward", "dropout_p"): "random",
    ("nn.functional.smooth_l1_loss", "beta"): "PyTorch rounds beta to float16, a large one to infinity",
    ("nn.functional.gaussian_nll_loss", "var"): "PyTorch fails on an int",
    ("nn.functional.cross_entropy", "label_smoothing"): "PyTorch checks it in some cases only",
    ("nn.functional.linear_cross_entropy", "label_smoothing"): "PyTorch checks it in some cases only",
    ("nn.functional.hinge_embedding_loss", "margin"): "PyTorch refuses a margin beyond float16",
    ("nn.functional.triplet_margin_loss", "p"): "gradient: of a negative norm, rounded in each of many steps",
    ("nn.functional.pairwise_distance", "p"): "gradient: of a negative norm, rounded in each of many steps",
}


def is_number(value: Any) -> bool:
    return value.__class__ in (int, float)


def variants(row: Row) -> Iterator[tuple[str, float, Call]]:
    """Return the calls of a row on float16 with each of their numbers replaced, and the argument's name."""
    known = inspect.signature(ours(row)).parameters
    takes = [name for name, each in known.items() if any(kind in str(each.annotation) for kind in TAKES_A_NUMBER)]
    for call in row.calls:
        if not all(each.size for each in arrays_in(call)):
            continue
        halves = recast(call, "float16")
        for k, (name, value) in enumerate(zip(known, call.args)):
            if name in takes and is_number(value):
                for n in NUMBERS:
                    yield name, n, Call((*halves.args[:k], n, *halves.args[k + 1 :]), halves.kwargs)
        for name, value in call.kwargs.items():
            if name in takes and is_number(value):
                for n in NUMBERS:
                    yield name, n, Call(halves.args, {**halves.kwargs, name: n})


def attempt(lib: Any, op: Callable[..., Any], call: Call) -> tuple[list[Any], list[Any] | Exception]:
    """Return the values of a call, and its gradients in all float tensors, or why there are none."""
    leaves: list[Any] = []

    def leaf(array: Any) -> Any:
        made = lib.tensor(array)
        if made.is_floating_point():
            leaves.append(made.requires_grad_())
        return made

    args, kwargs = convert_arguments(call, leaf, lambda each: getattr(lib, each.name))
    found = [each for each in tensors_in(op(*args, **kwargs))]
    tops = [each for each in found if each.requires_grad]
    slopes = [lib.tensor(np.resize([0.5, 0.75, 1.25], tuple(each.shape)).astype(dtype_name(each))) for each in tops]
    grads = outcome(lib.autograd.grad, tops, leaves, slopes, allow_unused=True) if tops else []
    return [numbers(each) for each in found], grads


def is_close(one: Any, other: Any) -> bool:
    """Return whether arrays agree within some ulps of the largest number."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    regular = np.isfinite(one) & np.isfinite(other)
    with np.errstate(all="ignore"):
        apart = np.abs(one.astype("float64") - other.astype("float64"))
    size = np.abs(other[regular]).max(initial=0).astype("float64")
    edge = (np.abs(one) > 65000) & (np.abs(other) > 65000) & (np.sign(one) == np.sign(other))
    alike = (one == other) | ((one != one) & (other != other)) | edge
    return bool((alike | (regular & (apart <= CLOSE * size + 2e-7))).all())


def differences(torch: ModuleType, row: Row) -> Iterator[str]:
    for argument, n, call in variants(row):
        reason = EXCUSED.get((row.name, argument), "-")
        if reason != "-" and not reason.startswith("gradient"):
            continue
        expected, found = [
            outcome(attempt, lib, op, call) for lib, op in ((torch, theirs(torch, row)), (mt, ours(row)))
        ]
        where = f"{argument}={n}"
        if isinstance(expected, Exception):
            if not isinstance(found, Exception) and "not implemented" not in str(expected):
                yield f"{where}: accepted, but {expected}"
            continue
        if isinstance(found, Exception):
            yield f"{where}: refused: {found}"
            continue
        if not all([is_close(one, other) for one, other in zip(found[0], expected[0], strict=True)]):
            yield f"{where}: {found[0]} for {expected[0]}"
        elif reason == "-" and not any([isinstance(each, Exception) for each in (found[1], expected[1])]):
            for one, other in zip(found[1], expected[1], strict=True):
                if one is not None and other is not None and not is_close(numbers(one), numbers(other)):
                    yield f"{where}: gradient {numbers(one)} for {numbers(other)}"


TAKING = [row for row in ROWS if not row.random and next(variants(row), None)]


@pytest.mark.parametrize("row", TAKING, ids=repr)
def test_every_op_with_a_number_and_float16_equals_pytorchs(torch: ModuleType, row: Row) -> None:
    found = list(differences(torch, row))
    assert not found, f"{len(found)}\n" + "\n".join(found[:10])
