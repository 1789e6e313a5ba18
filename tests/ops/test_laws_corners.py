"""Gradients at corners: zeros of both signs, ties, branch points, infinities, NaN, huge and tiny numbers.

There a formula may divide zero by zero. PyTorch decides; where this library differs, a limit does, computed by a
one-sided difference quotient. Where there is no limit, ``EXCUSED`` gives the reason.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import convert_arguments, numbers, ours, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

torch = pytest.importorskip("torch")

INF, NAN = math.inf, math.nan
REAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 6.0, INF, -INF, NAN, 1e-30, -1e-30, 1e30, -20.0])
COMPLEX = np.array(
    [0, complex(0, -0.0), 1, -1, complex(-1, -0.0), 1j, -1j, -2, complex(-2, -0.0), 2, 0.5, -0.5, 1 + 1j, -1 - 2j, 2j]
)
GRIDS = {"real": (REAL,), "complex": (COMPLEX,), "mixed": (REAL, COMPLEX), "mixed, other way": (COMPLEX, REAL)}
DIFFERENTIABLE = [row for row in ROWS if row.differentiable and not row.random]
POINTWISE = [row for row in DIFFERENTIABLE if row.pointwise and len(row.calls[0].args) <= 2]
# With an index that is NaN, PyTorch reads and writes out of bounds.
UNSAFE = ("nn.functional.grid_sample", "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d")
OTHERS = [row for row in DIFFERENTIABLE if not row.pointwise and row.name not in UNSAFE]

EXCUSED = {  # row and grid -> why
    ("hypot", "real"): "at the origin there is no slope: zero, as for the norm; PyTorch divides zero by zero",
    ("digamma", "real"): "at a pole the slope is infinite; PyTorch's is wrong by the rounding error of pi",
    ("special.log_ndtr", "real"): "the slope grows without bound as the argument falls; PyTorch divides zero by zero",
    ("pow", "mixed"): "an infinity or NaN to the power 1 + 0j has slope 1; PyTorch multiplies it by its complex log",
    ("float_power", "mixed"): "as pow",
}


# -- pointwise ops -----------------------------------------------------------------------------------------------------


def slopes(lib: Any, op: Any, arrays: list[Any], index: int) -> Any:
    """Return the gradient of the results' sum in one operand; None if there is none, or no formula."""
    operands = [lib.tensor(array) for array in arrays]
    operands[index].requires_grad_()
    try:
        result = tensors_in(op(*operands))[0]
        seed = lib.ones_like(result)
        (slope,) = lib.autograd.grad(result, [operands[index]], seed)
    except (RuntimeError, TypeError):
        return None
    return numbers(slope)


def limits(op: Any, arrays: list[Any], index: int) -> Any:
    """Return the slopes by difference quotients from both sides; NaN where they differ."""
    real = one_limit(op, arrays, index, 1e-5)
    return real if arrays[index].dtype.kind == "f" else real + 1j * one_limit(op, arrays, index, 1e-5j)


def one_limit(op: Any, arrays: list[Any], index: int, step: complex) -> Any:
    """Step along one axis: on a branch cut this keeps the sign of the other part's zero."""

    def value(sign: int) -> Any:
        moved = list(arrays)
        moved[index] = arrays[index].copy()
        if step.imag:
            moved[index].imag += sign * step.imag
        else:
            moved[index].real += sign * step.real
        return numbers(op(*map(mt.tensor, moved))).real

    here, size = value(0), abs(step)
    above, below = (value(1) - here) / size, (here - value(-1)) / size
    agreed = np.where(abs(above - below) <= 3e-3 * (abs(above) + abs(below)) + 1e-4, (above + below) / 2, NAN)
    if arrays[index].dtype.kind == "f":
        return agreed
    part = arrays[index].imag if step.imag else arrays[index].real
    return np.where(part == 0, np.where(np.signbit(part), below, above), agreed)  # the side of a branch cut


def where_different(found: Any, expected: Any, tolerance: float = 1e-6) -> Any:
    """Return where two arrays differ; all complex NaN are equal."""
    return ~(np.isclose(found, expected, tolerance, max(1e-12, tolerance / 3)) | (np.isnan(found) & np.isnan(expected)))


@pytest.mark.parametrize("grid", GRIDS)
def test_slopes_at_corners_equal_pytorchs_or_the_limit(grid: str) -> None:
    wrong = []
    for row in POINTWISE:
        count, op = len(row.calls[0].args), ours(row)
        if len(GRIDS[grid]) > count or (row.name, grid) in EXCUSED:
            continue
        corners = list(itertools.product(*itertools.islice(itertools.cycle(GRIDS[grid]), count)))
        arrays = [np.array(column) for column in zip(*corners)]
        for index in {*range(count)} - {*row.constants}:
            wrong += [
                f"{row}, operand {index} at {[array[k] for array in arrays]}: {found}, in PyTorch {expected}"
                for k, found, expected in unlike(row, op, arrays, index)
            ]
    assert not wrong, "\n".join(wrong)


def unlike(row: Row, op: Any, arrays: list[Any], index: int) -> list[Any]:
    """Return (position, our slope, PyTorch's slope) for each corner where ours is neither PyTorch's nor the limit."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found, expected = slopes(mt, op, arrays, index), slopes(torch, theirs(torch, row), arrays, index)
        if found is None or expected is None:
            return []
        bad = where_different(found, expected)
        if bad.any():
            bad &= ~np.isnan(numbers(op(*map(mt.tensor, arrays)))) | ~np.isnan(found)  # a Python number has no slope
        if bad.any():
            bad &= where_different(found, limits(op, arrays, index), 3e-3) | np.isnan(found)
    return [(k, found[k], expected[k]) for k in np.flatnonzero(bad)]


@pytest.mark.parametrize("base", [-1.5, -2, 2, 0.5, -1j, -1.5 + 0j, 1 + 1j])
@pytest.mark.parametrize("exponents", [REAL, COMPLEX], ids=["real", "complex"])
def test_slopes_in_the_exponent_of_a_number(base: Any, exponents: Any) -> None:
    def power(placeholder: Any, exponent: Any) -> Any:
        return base**exponent

    found, expected = [slopes(lib, power, [REAL, exponents], 1) for lib in (mt, torch)]
    assert not where_different(found, expected).any(), (exponents, found, expected)


@pytest.mark.parametrize("base", [0, 0.0, 0j, mt.zeros(6, dtype=mt.float64), mt.zeros(6, dtype=mt.complex128)], ids=str)
def test_a_power_of_zero_has_zero_slope_in_a_positive_exponent(base: Any) -> None:
    exponent = mt.tensor([2, 0, 1 + 1j, -1, 1j, -1 - 1j], dtype=mt.complex128, requires_grad=True)
    (slope,) = mt.autograd.grad(base**exponent, exponent, mt.ones_like(exponent))
    assert slope[:3].tolist() == [0, 0, 0]
    assert slope[3:].isnan().all()


def test_a_negative_real_base_under_a_complex_exponent() -> None:
    for base in (-1.5, mt.tensor(-1.5, dtype=mt.float64)):
        exponent = mt.tensor(2 + 1j, dtype=mt.complex128, requires_grad=True)
        (slope,) = mt.autograd.grad(base**exponent, exponent, mt.ones_like(exponent))
        expected = ((-1.5) ** (2 + 1j) * complex(math.log(1.5), math.pi)).conjugate()
        assert abs(slope.item() - expected) < 1e-12


# -- all other ops -----------------------------------------------------------------------------------------------------

Pattern = Callable[[Any, int], Any]  # fills the seed-th array


def drawn_from(*values: float) -> Pattern:
    def fill(array: Any, seed: int) -> Any:
        real, imaginary = [np.random.RandomState(seed + k).choice(values, array.shape) for k in (0, 9)]
        return np.asarray(real + 1j * imaginary if array.dtype.kind == "c" else real, array.dtype)

    return fill


def with_one(value: float) -> Pattern:
    def fill(array: Any, seed: int) -> Any:
        filled = array.copy()
        filled.flat[np.random.RandomState(seed).randint(array.size)] = value
        return filled

    return fill


PATTERNS = {
    "zeros": drawn_from(0.0), "signed zeros": drawn_from(0.0, -0.0), "ones": drawn_from(1.0),
    "ties": drawn_from(-1.0, 0.0, 1.0), "0 and 1": drawn_from(0.0, 1.0), "a zero": with_one(0.0),
    "inf": with_one(INF), "-inf": with_one(-INF), "nan": with_one(NAN),
}  # fmt: skip


def gradients(lib: Any, op: Any, call: Call, tensor: Any) -> Any:
    """Return the gradients of all results' sum in all float tensors; None if there are none, or no formula."""
    leaves: list[Any] = []

    def leaf(array: Any) -> Any:
        made = tensor(array)
        if array.dtype.kind in "fc":
            leaves.append(made.requires_grad_())
        return made

    args, kwargs = convert_arguments(call, leaf, lambda dtype: getattr(lib, dtype.name))
    try:
        results = [each for each in tensors_in(op(*args, **kwargs)) if each.requires_grad]
        found = lib.autograd.grad(results, leaves, [lib.ones_like(each) for each in results], allow_unused=True)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return None
    return [np.zeros(leaf.shape) if each is None else numbers(each) for leaf, each in zip(leaves, found)] or None


def filled(call: Call, pattern: Pattern) -> Call:
    count = itertools.count()
    return calls.convert_arrays(
        call, lambda array: pattern(array, next(count)) if array.dtype.kind in "fc" and array.size else array
    )


def mismatches(row: Row) -> set[str]:
    """Return the patterns at which a gradient differs from PyTorch's."""
    wrong = set()
    for call, (name, pattern) in itertools.product(row.calls[:3], PATTERNS.items()):
        corner = filled(call, pattern)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = gradients(torch, theirs(torch, row), corner, lambda array: calls.fresh(torch, array))
            found = expected and gradients(mt, ours(row), corner, mt.tensor)
            if found and any(where_different(*pair, 1e-5).any() for pair in zip(found, expected, strict=True)):
                wrong.add(name)
    return wrong


REASONS = {  # why -> rows
    "PyTorch has no formula for some operand and returns zeros":
        "special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1",
    "at a pole, or at an infinity with zero slope, PyTorch gives NaN or the other sign":
        "polygamma mvlgamma special.zeta",
    "PyTorch divides by the modulus": "polar",
    "a row whose norm is NaN is unchanged, and its slope is NaN": "renorm",
    "PyTorch divides zero by zero if there is NaN": "nanmean amax amin aminmax",
    "a product's slope is the product of the other elements; PyTorch divides by the element":
        "prod cumprod scatter_reduce index_reduce",
    "another one of equal elements is chosen": "topk kthvalue",
    "PyTorch's own gradcheck fails": "as_strided_scatter",
    "a matrix that is singular, or has equal eigenvalues or infinities, has no unique factors":
        "linalg.solve linalg.solve_ex linalg.tensorsolve linalg.solve_triangular cholesky_solve linalg.slogdet "
        "slogdet logdet linalg.cholesky linalg.cholesky_ex cholesky linalg.qr qr linalg.svd svd linalg.svdvals "
        "linalg.lu_factor linalg.lu_factor_ex linalg.lu lu linalg.lu_solve lu_solve "
        "linalg.householder_product ormqr triangular_solve "
        "linalg.eigh linalg.eig linalg.lstsq linalg.cond linalg.matrix_norm linalg.norm norm",
    "for a singular matrix it is the adjugate; PyTorch gives zero": "linalg.det det",
    "sums of infinities depend on their order, or on what a zero is multiplied by":
        "linalg.vander nn.functional.batch_norm",
    "PyTorch's result for NaN depends on how its vector code divides the elements":
        "nn.functional.relu6 nn.functional.hardtanh nn.functional.hardshrink nn.functional.softshrink "
        "nn.functional.elu nn.functional.celu nn.functional.selu",
    "an infinite weight is multiplied by zero padding":
        "nn.functional.conv1d nn.functional.conv2d nn.functional.conv3d nn.functional.conv_tbc "
        "nn.functional.locally_connected2d",
    "the forward pass clamps logarithms at -100, so the slope in the target is finite":
        "nn.functional.binary_cross_entropy",
    "at a target of zero the slope of t log t has no limit: zero, as xlogy's": "nn.functional.kl_div",
    "PyTorch ignores NaN":
        "nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss nn.functional.ctc_loss",
    "equal coordinates share the slope of the largest difference, as in the norm": "nn.functional.pdist cdist",
}  # fmt: skip
PARTLY = {name: reason for reason, names in REASONS.items() for name in names.split()}


def test_gradients_at_corners_equal_pytorchs_and_every_exception_is_needed() -> None:
    found = {repr(row): (row.name, sorted(wrong)) for row in OTHERS if (wrong := mismatches(row))}
    assert not {row: wrong for row, (name, wrong) in found.items() if name not in PARTLY}
    assert not {*PARTLY} - {name for name, _ in found.values()}
