"""Every constraint against PyTorch: what it accepts, what it prints, and its attributes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions

torch = pytest.importorskip("torch")

NUMBERS = [-math.inf, -1.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 7.5, math.inf, math.nan]
VECTORS = [[0.0, 1.0, 0.0], [0.2, 0.3, 0.5], [1.0, 1.0, 0.0], [-0.5, 1.0, 0.5], [2.0, 1.0, 0.0], [math.nan, 0.0, 1.0]]
MATRICES = [
    [[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.1], [0.2, 1.0]],
    [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[-1.0, 0.0], [0.5, 1.0]], [[2.0, 0.0], [0.5, 1.0]],
]  # fmt: skip

CASES: dict[str, tuple[Any, Any]] = {
    "boolean": (lambda c: c.boolean, NUMBERS), "real": (lambda c: c.real, NUMBERS),
    "positive": (lambda c: c.positive, NUMBERS), "nonnegative": (lambda c: c.nonnegative, NUMBERS),
    "greater_than": (lambda c: c.greater_than(1.0), NUMBERS),
    "greater_than_eq": (lambda c: c.greater_than_eq(1.0), NUMBERS), "less_than": (lambda c: c.less_than(1.0), NUMBERS),
    "unit_interval": (lambda c: c.unit_interval, NUMBERS), "interval": (lambda c: c.interval(-1.0, 2.0), NUMBERS),
    "half_open_interval": (lambda c: c.half_open_interval(-1.0, 2.0), NUMBERS),
    "integer_interval": (lambda c: c.integer_interval(-1, 2), NUMBERS),
    "nonnegative_integer": (lambda c: c.nonnegative_integer, NUMBERS),
    "positive_integer": (lambda c: c.positive_integer, NUMBERS),
    "one_hot": (lambda c: c.one_hot, VECTORS), "simplex": (lambda c: c.simplex, VECTORS),
    "multinomial": (lambda c: c.multinomial(2), VECTORS), "real_vector": (lambda c: c.real_vector, VECTORS),
    "independent": (lambda c: c.independent(c.nonnegative, 1), VECTORS),
    "mixture": (lambda c: c.MixtureSameFamilyConstraint(c.positive), VECTORS),
    "mixture of vectors": (lambda c: c.MixtureSameFamilyConstraint(c.simplex), VECTORS),
    "cat": (lambda c: c.cat([c.positive, c.unit_interval], 1, [1, 2]), VECTORS),
    "stack": (lambda c: c.stack([c.positive, c.unit_interval, c.boolean], -1), VECTORS),
    "stack of vectors": (lambda c: c.stack([c.simplex] * 3 + [c.one_hot] * 3, 0), VECTORS),
    "lower_triangular": (lambda c: c.lower_triangular, MATRICES),
    "lower_cholesky": (lambda c: c.lower_cholesky, MATRICES), "corr_cholesky": (lambda c: c.corr_cholesky, MATRICES),
    "square": (lambda c: c.square, MATRICES), "square of vectors": (lambda c: c.square, VECTORS),
    "symmetric": (lambda c: c.symmetric, MATRICES),
    "positive_definite": (lambda c: c.positive_definite, MATRICES),
    "positive_definite of symmetric ones": (lambda c: c.positive_definite, MATRICES[1:3] + MATRICES[4:6]),
    "positive_semidefinite": (lambda c: c.positive_semidefinite, MATRICES),
    "positive_semidefinite of symmetric ones": (lambda c: c.positive_semidefinite, MATRICES[1:3] + MATRICES[5:6]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constraint_accepts_what_pytorchs_does(name: str, dtype: str) -> None:
    make, values = CASES[name]
    sides = []
    for lib in (mt, torch):
        constraint = make(lib.distributions.constraints)
        valid = constraint.check(lib.tensor(values, dtype=getattr(lib, dtype)))
        named = constraint if name not in ("cat", "stack", "stack of vectors") else ""
        sides.append((valid.tolist(), repr(named), constraint.event_dim, constraint.is_discrete))
    assert sides[0] == sides[1]


def test_the_module_has_pytorchs_names() -> None:
    for name in ("constraints", "transforms", "utils", "kl", "constraint_registry"):
        ours, theirs = (getattr(lib.distributions, name) for lib in (mt, torch))
        for each in theirs.__all__:
            assert hasattr(ours, each), each
    assert set(torch.distributions.__all__) <= set(mt.distributions.__all__)


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_wrong_constraints(lib: Any) -> None:
    c = lib.distributions.constraints
    assert c.is_dependent(c.dependent)
    assert c.is_dependent(c.dependent(is_discrete=True))
    assert c.dependent(is_discrete=True, event_dim=2).event_dim == 2
    assert lib.distributions.Categorical.support.is_discrete
    assert lib.distributions.Uniform.support.event_dim == 0
    with pytest.raises(NotImplementedError):
        c.dependent.event_dim
    with pytest.raises(ValueError):
        c.dependent.check(lib.ones(2))
    with pytest.raises(AssertionError):
        c.independent(3, 1)
    with pytest.raises(AssertionError):
        c.independent(c.real, -1)
    with pytest.raises(ValueError, match="dim"):
        c.independent(c.real, 2).check(lib.ones(2))
    with pytest.raises(AssertionError):
        c.cat([c.real], lengths=[1, 2])
    with pytest.raises(NotImplementedError):
        c.Constraint().check(lib.ones(2))


def test_triangles_go_to_vectors_and_back() -> None:
    matrix = np.arange(1.0, 33).reshape(2, 4, 4)
    for diag in (-3, -2, -1, 0, 1, 3):
        ours, theirs = (
            lib.distributions.utils.tril_matrix_to_vec(lib.tensor(matrix), diag) for lib in (mt, torch)
        )
        assert ours.tolist() == theirs.tolist()
    for count, diag in ((6, 0), (6, -1), (1, -1), (1, 0), (10, 0)):
        values = np.arange(1.0, 2 * count + 1).reshape(2, count)
        ours, theirs = (lib.distributions.utils.vec_to_tril_matrix(lib.tensor(values), diag) for lib in (mt, torch))
        assert ours.tolist() == theirs.tolist()
