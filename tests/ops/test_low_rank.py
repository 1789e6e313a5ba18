"""Factors of low rank and reductions of segments: PyTorch's values, gradients and errors, under the same seed."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

SHAPES = ((7, 5), (4, 9), (2, 6, 6), (2, 1, 3, 8), (12, 3))


def both(call: Any) -> tuple[Any, Any]:
    """Return what a call gives in both libraries under one seed."""
    found = []
    for lib in (mt, torch):
        lib.manual_seed(3)
        try:
            found.append(call(lib))
        except Exception as error:
            found.append(error)
    return found[0], found[1]


def assert_same(ours: Any, theirs: Any, tolerance: float = 1e-9) -> None:
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
        return
    assert not isinstance(ours, Exception), ours
    for mine, other in zip(ours, theirs, strict=True):
        assert str(mine.dtype) == str(other.dtype)
        assert tuple(mine.shape) == tuple(other.shape)
        given = torch.tensor(mine.tolist(), dtype=other.dtype).reshape(other.shape)
        torch.testing.assert_close(given, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def numbers(lib: Any, shape: tuple[int, ...], kind: str = "float64") -> Any:
    return lib.randn(*shape, dtype=getattr(lib, kind))


def parts(call: Any) -> Any:
    """Return what factors mean, whatever the signs of their vectors: the values, and the matrix of each."""

    def found(lib: Any) -> Any:
        u, s, v = call(lib)
        assert u.shape[-1] == v.shape[-1] == s.shape[-1]
        return s, lib.einsum("...mi,...i,...ni->...imn", u, s.to(u.dtype), v.conj())

    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("options", [{}, {"q": 2}, {"q": 1, "niter": 0}, {"q": None, "niter": None}, {"niter": 5}])
def test_the_leading_singular_vectors_are_pytorchs(shape: tuple[int, ...], kind: str, options: dict[str, Any]) -> None:
    ours, theirs = both(parts(lambda lib: lib.svd_lowrank(numbers(lib, shape, kind), **options)))
    assert_same(ours, theirs, 2e-4 if kind == "float32" else 1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", [{}, {"q": 2}, {"center": False}, {"q": 9}, {"q": -1}, {"niter": -1}, {"niter": 4}])
def test_principal_components_are_pytorchs(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    assert_same(*both(parts(lambda lib: lib.pca_lowrank(numbers(lib, shape), **options))), 1e-8)


def test_a_mean_is_subtracted_and_sparse_matrices_are_taken() -> None:
    def subtract(lib: Any) -> Any:
        return lib.svd_lowrank(numbers(lib, (6, 4)), 2, M=numbers(lib, (1, 4)))

    def sparse(lib: Any) -> Any:
        return lib.svd_lowrank(lib.eye(6, 4, dtype=lib.float64).mul(lib.arange(1, 5)).to_sparse(), 3)

    assert_same(*both(parts(subtract)), 1e-8)
    assert_same(*both(parts(sparse)), 1e-8)


def test_factors_of_low_rank_have_gradients() -> None:
    def gradient(lib: Any) -> Any:
        x = numbers(lib, (5, 4)).requires_grad_()
        u, s, v = lib.svd_lowrank(x, 2, 1)
        ((u @ v.mT).sum() + s.square().sum()).backward()
        return [x.grad]

    assert_same(*both(gradient), 1e-7)


# -- segments ----------------------------------------------------------------------------------------------------------

REDUCTIONS = ("sum", "mean", "max", "min", "prod")
DATA = (
    ((4,), [2, 0, 2], 0), ((5, 3), [1, 4], 0), ((2, 3, 2), [[1, 2], [3, 0]], 1), ((3, 2), [3], -2),
    ((0, 2), [0, 0], 0), ((2, 2, 3), [[[1, 2], [0, 3]], [[3, 0], [1, 2]]], 2),
)  # fmt: skip


def reduction(lib: Any, case: Any, word: str, initial: float | None, kind: str, by_offsets: bool) -> Any:
    shape, lengths, axis = case
    x = lib.randn(*shape, dtype=getattr(lib, kind)).mul(2).round().requires_grad_()  # with ties and zeros
    given = lib.tensor(lengths)
    if by_offsets:
        given = lib.cat([given.new_zeros((*given.shape[:-1], 1)), given.cumsum(-1)], -1)
    found = lib.segment_reduce(x, word, **{"offsets" if by_offsets else "lengths": given}, axis=axis, initial=initial)
    found.masked_fill(~found.isfinite(), 0).sum().backward()
    return [found.detach(), x.grad]


@pytest.mark.parametrize("case", DATA, ids=str)
@pytest.mark.parametrize("word", REDUCTIONS)
@pytest.mark.parametrize("initial", [None, 1.0, 0])
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("by_offsets", [False, True])
def test_segments_are_reduced_as_in_pytorch(
    case: Any, word: str, initial: float | None, kind: str, by_offsets: bool
) -> None:
    assert_same(*both(lambda lib: reduction(lib, case, word, initial, kind, by_offsets)), 1e-6)


@pytest.mark.parametrize("word", REDUCTIONS)
@pytest.mark.parametrize("given", [{"offsets": [1, 3]}, {"offsets": [0, 1]}, {"lengths": [1, 2], "unsafe": True}])
def test_offsets_may_leave_rows_out_and_lengths_that_are_not_checked_too(word: str, given: dict[str, Any]) -> None:
    def reduced(lib: Any) -> Any:
        read = {name: lib.tensor(value) if isinstance(value, list) else value for name, value in given.items()}
        return [lib.segment_reduce(lib.arange(4.0), word, **read)]

    assert_same(*both(reduced))


@pytest.mark.parametrize("wrong", [
    lambda lib, x: lib.segment_reduce(x, "sum"), lambda lib, x: lib.segment_reduce(x, "sum", indices=lib.arange(4)),
    lambda lib, x: lib.segment_reduce(x, "most", lengths=lib.tensor([4])),
    lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([3])),
    lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([5, -1])),
    lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([4.0])),
    lambda lib, x: lib.segment_reduce(x.long(), "sum", lengths=lib.tensor([4])),
    lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([4]), axis=1),
])  # fmt: skip
def test_what_pytorch_refuses_of_segments_is_refused(wrong: Any) -> None:
    ours, theirs = both(lambda lib: wrong(lib, lib.arange(4.0)))
    assert isinstance(theirs, Exception)
    assert isinstance(ours, type(theirs)), (ours, theirs)
