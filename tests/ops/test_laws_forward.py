"""The laws of forward mode: tangents of every differentiable op, alone, in place, in ``vmap`` and in backward passes.

Tangents equal PyTorch's and finite differences. Those of several passes over and under each other equal finite
differences too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor import func
from minitensor.autograd import forward_ad, gradcheck, gradgradcheck
from minitensor.ops import tangents
from ops import call as calls
from ops.call import find, note_on_error, numbers, ours, outcome, recast, tensors_in, theirs, twin
from ops.row import DTYPES, Call, Row
from ops.table import ROWS
from ops.test_laws_gradcheck import flat_function, smooth

DIFFERENTIABLE = [row for row in ROWS if find(mt, row.name) is not None and row.differentiable and not row.random]
EACH = pytest.mark.parametrize("row", DIFFERENTIABLE, ids=repr)

# Where operands are equal, PyTorch's tangent is not the one of its own gradient; ours is.
TIES = frozenset(("clamp", "fmax"))

# What PyTorch computes differently, op by op, and why. These tangents are held against finite differences alone.
GAUGE = "the signs of vectors are free, and PyTorch's LAPACK chooses others"
LOWER = "PyTorch's tangent depends on the triangle that its value does not depend on"
OTHERS = {
    **dict.fromkeys(
        [f"special.bessel_{each}" for each in ("j0", "j1", "y0", "y1")], "PyTorch has no gradient and returns zeros"
    ),
    "scatter_reduce prod": "PyTorch drops the tangent",
    **dict.fromkeys(("cholesky_inverse", "linalg.cholesky", "linalg.cholesky_ex", "linalg.eigh"), LOWER),
    "triangular_solve": LOWER,
    "linalg.svd": GAUGE,
    "linalg.cond": "of a matrix of zeros",
    "logsumexp": "of no elements",
    "nanmedian": "of NaN alone",
    "index_put": "several values arrive at one place, and the last one counts",
}

# Ops of symmetric or triangular matrices read one triangle; their gradients are those of the whole matrix.
SYMMETRIC = ("cholesky", "linalg.cholesky", "linalg.cholesky_ex", "linalg.eigh", "linalg.eigvalsh")
TRIANGULAR = ("cholesky_inverse", "cholesky_solve")

# Why finite differences do not tell the tangents of a row.
NO_DIFFERENCES = {
    **dict.fromkeys(("Tensor.float", "Tensor.half", "Tensor.cfloat"), "the result is rounded"),
    "frexp": "at infinities and zeros",
    "linalg.lstsq": "as in PyTorch, its singular values have no gradient",
    "nn.functional.ctc_loss": "its gradient presumes normalized inputs",
    "logsumexp": "of no elements",
}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# -- dual numbers ------------------------------------------------------------------------------------------------------


def direction(array: Any) -> Any:
    """Return a tangent for an array."""
    steps = np.arange(array.size, dtype="float64").reshape(array.shape)
    return np.asarray(np.cos(steps + 0.3) + (0.5j * np.sin(steps) if array.dtype.kind == "c" else 0), array.dtype)


def has_tangent(tensor: Any) -> bool:
    return bool(tensor.is_floating_point() or tensor.is_complex())


def replace_tensors(row: Row, arguments: Any, replace: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call with every tensor that has a gradient replaced."""
    args, kwargs = arguments
    given = [*args, *kwargs.values()]
    constant = {id(each) for place in row.constants if place < len(given) for each in tensors_in(given[place])}

    def swap(value: Any) -> Any:
        if hasattr(value, "requires_grad"):
            return replace(value) if id(value) not in constant and has_tangent(value) else value
        return value.__class__([swap(each) for each in value]) if value.__class__ in (list, tuple) else value

    return [swap(each) for each in args], {name: swap(each) for name, each in kwargs.items()}


def tangent_of_ours(tensor: mt.Tensor) -> mt.Tensor:
    return mt.tensor(direction(numbers(tensor)))


def duals(row: Row, call: Call) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call with tangents, inside a level."""
    arguments = calls.our_arguments(call, calls.our_tensor)
    return replace_tensors(row, arguments, lambda each: forward_ad.make_dual(each, tangent_of_ours(each)))


def tangents_of_ours(row: Row, call: Call) -> list[Any]:
    with forward_ad.dual_level():
        args, kwargs = duals(row, call)
        results = tensors_in(ours(row)(*args, **kwargs))
        return [unpack(forward_ad, each) for each in results if has_tangent(each)]


def tangents_of_theirs(torch: Any, row: Row, call: Call) -> list[Any]:
    level = torch.autograd.forward_ad
    with level.dual_level():
        args, kwargs = replace_tensors(
            row, calls.torch_arguments(torch, call),
            lambda each: level.make_dual(each, torch.from_numpy(np.array(direction(numbers(each))))),
        )
        results = tensors_in(theirs(torch, row)(*args, **kwargs))
        return [unpack(level, each) for each in results if has_tangent(each)]


def unpack(level: Any, tensor: Any) -> Any:
    """Return the tangent of a result as an array: zeros if it has none."""
    primal, tangent = level.unpack_dual(tensor)
    if tangent is None:
        return np.zeros_like(numbers(primal))
    assert tuple(tangent.shape) == tuple(primal.shape), f"the tangent has shape {tuple(tangent.shape)}"
    if level is forward_ad:
        assert tangent.dtype == primal.dtype, f"the tangent has dtype {tangent.dtype}"
    return numbers(tangent)


def assert_close(found: list[Any], expected: list[Any], rtol: float = 1e-7) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        scale = max(1.0, float(np.nanmax(np.abs(other), initial=0)))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale)


def cases(row: Row) -> Iterator[Call]:
    """Yield the calls of a row, and the first ones with complex numbers."""
    yield from row.calls
    if "complex128" in DTYPES[row.dtypes] and "complex" not in row.notes:
        yield from [recast(call, "complex128") for call in row.calls[:2] if calls.arrays_in(call)]


# -- the laws ----------------------------------------------------------------------------------------------------------


@EACH
def test_tangents_equal_those_of_pytorch(torch: ModuleType, row: Row) -> None:
    if repr(row) in OTHERS:
        pytest.skip(OTHERS[repr(row)])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for call in cases(row):
            expected = outcome(tangents_of_theirs, torch, row, call)
            if isinstance(expected, Exception):
                continue  # PyTorch has no rule, or refuses the call
            if call.smooth or repr(row) not in TIES:
                with note_on_error(call):
                    assert_close(tangents_of_ours(row, call), expected)


@EACH
def test_tangents_equal_finite_differences(row: Row) -> None:
    if repr(row) in NO_DIFFERENCES:
        pytest.skip(NO_DIFFERENCES[repr(row)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in cases(row):
            if call.smooth:
                with note_on_error(call):
                    assert_close(projected_tangents(row, call), differences(row, call), 2e-5)


def project(row: Row, array: Any) -> Any:
    """Return a direction in which matrices stay symmetric or triangular, if an op needs that."""
    found = direction(array)
    if row.name in SYMMETRIC:
        return found + found.swapaxes(-1, -2).conj()
    if row.name in TRIANGULAR and array.ndim > 1 and array.shape[-1] == array.shape[-2]:
        return next((half(found) for half in (np.tril, np.triu) if np.array_equal(array, half(array))), found)
    return found


def projected_tangents(row: Row, call: Call) -> list[Any]:
    with forward_ad.dual_level():
        args, kwargs = replace_tensors(
            row, calls.our_arguments(call, calls.our_tensor),
            lambda each: forward_ad.make_dual(each, mt.tensor(project(row, numbers(each)))),
        )
        return [unpack(forward_ad, each) for each in tensors_in(ours(row)(*args, **kwargs)) if has_tangent(each)]


def differences(row: Row, call: Call, step: float = 1e-6) -> list[Any]:
    """Return central differences along the direction of each tensor."""

    def results(sign: int) -> list[Any]:
        args, kwargs = replace_tensors(
            row, calls.our_arguments(call, calls.our_tensor),
            lambda each: mt.tensor(numbers(each) + sign * step * project(row, numbers(each))),
        )
        return [numbers(each) for each in tensors_in(ours(row)(*args, **kwargs)) if has_tangent(each)]

    return [(high - low) / (2 * step) for high, low in zip(results(1), results(-1), strict=True)]


@pytest.mark.parametrize("row", [row for row in DIFFERENTIABLE if row.name != "frexp"], ids=repr)
def test_every_rule_is_the_transposed_gradient_formula(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        by_rules = [outcome(tangents_of_ours, row, call) for call in cases(row) if call.smooth]
        monkeypatch.setattr(tangents, "choose_rule", tangents.transpose)
        transposed = [outcome(tangents_of_ours, row, call) for call in cases(row) if call.smooth]
    for call, found, expected in zip([call for call in cases(row) if call.smooth], by_rules, transposed, strict=True):
        with note_on_error(call):
            assert_close(found, expected)


@pytest.mark.parametrize("row", [row for row in DIFFERENTIABLE if row.inplace and twin(row) is not None], ids=repr)
def test_a_write_moves_as_the_op_does(row: Row) -> None:
    for call in cases(row):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if isinstance(outcome(write, row, calls.our_arguments(call, calls.our_tensor)), Exception):
                continue  # the result does not fit
            with note_on_error(call):
                found = tangent_after_write(row, call)
                if found is not None:
                    assert_close([found], tangents_of_ours(row, call)[:1])


def write(row: Row, arguments: tuple[Any, Any]) -> mt.Tensor:
    """Call the in-place version on a copy; it returns the copy."""
    args, kwargs = arguments
    target = args[0].clone()
    assert twin(row)(target, *args[1:], **kwargs) is target
    return target


def tangent_after_write(row: Row, call: Call) -> Any:
    with forward_ad.dual_level():
        arguments = duals(row, call)
        return unpack(forward_ad, write(row, arguments)) if has_tangent(arguments[0][0]) else None


def free_function(row: Row, call: Call) -> tuple[Any, list[mt.Tensor]]:
    """Return the op as a function of the tensors that have gradients, which returns those, and these tensors."""
    arguments, leaves = calls.our_arguments(call, calls.our_tensor), list[mt.Tensor]()
    replace_tensors(row, arguments, leaves.append)

    def function(*given: mt.Tensor) -> Any:
        known = dict(zip(map(id, leaves), given, strict=True))
        args, kwargs = replace_tensors(row, arguments, lambda each: known[id(each)])
        return tuple([each for each in tensors_in(ours(row)(*args, **kwargs)) if has_tangent(each)])

    return function, leaves


@EACH
@pytest.mark.parametrize("moves_alone", [False, True], ids=["samples", "directions"])
def test_vmap_of_jvp_equals_a_loop(row: Row, moves_alone: bool) -> None:
    """Two samples with two directions; or one tensor and two directions, as in ``jacfwd``."""
    for call in list(cases(row))[:4]:
        function, leaves = free_function(row, call)
        if not leaves:
            continue
        along = tuple([tangent_of_ours(each) for each in leaves])

        def push(given: Any, moved: Any, function: Any = function) -> Any:
            return func.jvp(function, given, moved)[1]

        def twice(each: mt.Tensor, factor: int) -> mt.Tensor:
            return mt.stack([each, factor * each])

        samples = tuple(leaves) if moves_alone else tuple([twice(each, 1) for each in leaves])
        mapped = func.vmap(push, in_dims=(None if moves_alone else 0, 0), randomness="same")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if not moves_alone and isinstance(outcome(func.vmap(function), *samples), Exception):
                continue  # the op refuses vmap
            with note_on_error(call):
                found = mapped(samples, tuple([twice(each, 2) for each in along]))
                expected = tangents_of_ours(row, call)
                assert_close([numbers(each) for each in found], [np.stack([each, 2 * each]) for each in expected])


@pytest.mark.parametrize("row", [r for r in DIFFERENTIABLE if r.twice and "gradgradcheck" not in r.notes], ids=repr)
def test_forward_over_reverse_and_reverse_over_forward(row: Row) -> None:
    for call in smooth(row, 1):
        function, leaves = flat_function(row, call)
        if not leaves:
            continue
        along = tuple([tangent_of_ours(each) for each in leaves])

        def push(*given: mt.Tensor, function: Any = function, along: Any = along) -> Any:
            return func.jvp(lambda *at: tuple(filter(has_tangent, function(*at))), given, along)[1]

        with note_on_error(call):
            assert gradgradcheck(function, leaves, fast_mode=True, check_fwd_over_rev=True, check_rev_over_rev=False)
            if any(each.requires_grad for each in push(*leaves)):
                assert gradcheck(push, leaves, fast_mode=True)


WRITERS = [
    row for row in DIFFERENTIABLE
    if row.inplace and twin(row) is not None and row.twice and "gradgradcheck" not in row.notes and smooth(row, 1)
]


@pytest.mark.parametrize("row", WRITERS, ids=repr)
def test_forward_over_reverse_through_a_write(row: Row) -> None:
    """A Hessian times a vector equals the vector times the Hessian, alone and in ``vmap``."""
    call = smooth(row, 1)[0]
    arguments = calls.our_arguments(call)
    leaves = list[mt.Tensor]()
    replace_tensors(row, arguments, leaves.append)
    if not any(arguments[0][0] is each for each in leaves) or isinstance(outcome(write, row, arguments), Exception):
        pytest.skip("the result does not move, or does not fit")

    def loss(*given: mt.Tensor) -> mt.Tensor:
        known = dict(zip(map(id, leaves), given, strict=True))
        written = write(row, replace_tensors(row, arguments, lambda each: known[id(each)]))
        return (written * written).sum()

    slopes = func.grad(loss, tuple(range(len(leaves))))
    along = tuple([tangent_of_ours(each) for each in leaves])
    expected = [numbers(each) for each in func.vjp(slopes, *leaves)[1](along)]
    found = func.jvp(slopes, tuple(leaves), along)[1]
    assert_close([numbers(each) for each in found], expected)
    mapped = func.vmap(lambda *given: func.jvp(slopes, tuple(leaves), given)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ops without a batching rule
        found = mapped(*[mt.stack([each, 2 * each]) for each in along])
    assert_close([numbers(each) for each in found], [np.stack([each, 2 * each]) for each in expected])


def lacks_derivative(row: Row, call: Call) -> bool:
    """Return whether the results of a call require grad, but their backward pass raises."""
    args, kwargs = replace_tensors(
        row, calls.our_arguments(call, calls.our_tensor), lambda each: each.detach().clone().requires_grad_()
    )
    results = [each for each in tensors_in(ours(row)(*args, **kwargs)) if each.requires_grad]
    if not results:
        return False
    total = mt.stack([each.abs().sum() for each in results]).sum()
    return isinstance(outcome(total.backward), (NotImplementedError, mt.errors.GradError))


@pytest.mark.parametrize("row", [row for row in ROWS if find(mt, row.name) is not None], ids=repr)
def test_an_op_without_a_derivative_refuses_tangents(row: Row) -> None:
    """It never drops them: what raises in a backward pass raises in forward mode."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for call in row.calls[:3]:
            if outcome(lacks_derivative, row, call) is True:
                with note_on_error(call), pytest.raises((NotImplementedError, mt.errors.GradError)):
                    tangents_of_ours(row, call)


def test_unique_elements_refuse_tangents() -> None:
    x, v = mt.tensor([2.0, 1.0, 2.0]), mt.ones(3)
    for function in (mt.unique, mt.unique_consecutive, lambda x: mt.unique(x, dim=0)):
        with pytest.raises(NotImplementedError, match="is not implemented; detach"):
            func.jvp(function, (x,), (v,))
