"""Products: every combination of ranks and layouts, einsum, and errors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from ops.twin import agree

RNG = np.random.default_rng(0)


def draw(*shape: int, dtype: str = "float64") -> Any:
    return RNG.standard_normal(shape).astype(dtype)


LEFT = [(3,), (2, 3), (4, 2, 3), (1, 2, 3), (5, 1, 2, 3), (5, 4, 2, 3)]
RIGHT = [(3,), (3, 2), (4, 3, 2), (1, 3, 2), (5, 1, 3, 2), (5, 4, 3, 2)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(LEFT, RIGHT)), ids=str)
def test_matmul_takes_all_ranks(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    agree(lambda lib, x, y: lib.matmul(x, y), draw(*a), draw(*b))


@pytest.mark.parametrize(
    ("a", "b"), [((0, 3), (3, 2)), ((2, 0), (0, 2)), ((4, 2, 0), (0, 5)), ((0,), (0,)), ((0, 2, 3), (3,))]
)
def test_matmul_of_empty_matrices(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    agree(lambda lib, x, y: x @ y, draw(*a), draw(*b))


def test_matmul_of_complex_numbers() -> None:
    a, b = draw(2, 3) + 1j * draw(2, 3), draw(3, 4) + 1j * draw(3, 4)
    agree(lambda lib, x, y: x @ y, a, b)
    agree(lambda lib, x, y: lib.vdot(x, y), a[0], a[1])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float16", "float32"])
def test_matmul_keeps_the_dtype(dtype: str) -> None:
    a, b = (RNG.integers(0, 5, shape).astype(dtype) for shape in [(4, 6), (2, 6, 3)])
    agree(lambda lib, x, y: x @ y, a, b, order=0)


LAYOUTS = {
    "transposed": lambda lib, x: x.transpose(-1, -2),
    "sliced": lambda lib, x: lib.stack([x, x], -1).flatten(-2)[..., ::2],
    "expanded": lambda lib, x: x[..., :1, :].expand(x.shape),
    "expanded columns": lambda lib, x: x[..., :1].expand(x.shape),
    "permuted": lambda lib, x: x.permute(2, 0, 1),
}


@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_matmul_reads_every_layout(left: str, right: str) -> None:
    for rank in (3, 2):
        a, b = draw(6, 6, 6), draw(6, 6, 6)

        def call(lib: Any, x: Any, y: Any, rank: int = rank) -> Any:
            x, y = LAYOUTS[left](lib, x), LAYOUTS[right](lib, y)
            return x @ y if rank == 3 else x[2] @ y[1]

        agree(call, a, b, order=1)


def test_small_and_large_products_by_the_operator_and_the_function() -> None:
    a = mt.from_numpy(draw(70, 90))
    b = mt.from_numpy(draw(80, 90))
    np.testing.assert_allclose((a @ b.t()).numpy(), a.numpy() @ b.numpy().T)
    np.testing.assert_allclose(mt.mm(a, b.t()).numpy(), a.numpy() @ b.numpy().T)


NAMED = {
    "mm": (lambda lib, a, b: lib.mm(a, b), (2, 3), (3, 4)),
    "bmm": (lambda lib, a, b: lib.bmm(a, b), (2, 2, 3), (2, 3, 4)),
    "mv": (lambda lib, a, b: lib.mv(a, b), (2, 3), (3,)),
    "dot": (lambda lib, a, b: lib.dot(a, b), (3,), (3,)),
    "outer": (lambda lib, a, b: lib.outer(a, b), (3,), (4,)),
    "inner": (lambda lib, a, b: lib.inner(a, b), (2, 3), (4, 2, 3)),
    "inner with a number": (lambda lib, a, b: lib.inner(a, b), (), (4, 3)),
    "tensordot by count": (lambda lib, a, b: lib.tensordot(a, b, 2), (2, 3, 4), (3, 4, 5)),
    "tensordot over none": (lambda lib, a, b: lib.tensordot(a, b, 0), (2, 3), (4,)),
    "tensordot by lists": (lambda lib, a, b: lib.tensordot(a, b, ([0, 2], [1, 0])), (2, 3, 4), (4, 2, 5)),
    "kron": (lambda lib, a, b: lib.kron(a, b), (2, 3), (4, 1, 2)),
    "cross": (
        lambda lib, a, b: lib.linalg.cross(a, b, dim=1) if lib is not mt else mt.cross(a, b, 1),
        (2, 3, 4),
        (2, 3, 4),
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_products(name: str) -> None:
    call, a, b = NAMED[name]
    agree(call, draw(*a), draw(*b))


ADDED = {
    "addmm": ((2, 4), (2, 3), (3, 4)),
    "addmv": ((2,), (2, 3), (3,)),
    "addr": ((2, 3), (2,), (3,)),
    "baddbmm": ((5, 2, 4), (5, 2, 3), (5, 3, 4)),
    "addbmm": ((2, 4), (5, 2, 3), (5, 3, 4)),
}


@pytest.mark.parametrize("name", ADDED)
def test_sum_and_product(name: str) -> None:
    arrays = [draw(*shape) for shape in ADDED[name]]
    agree(lambda lib, *args: getattr(lib, name)(*args), *arrays)
    agree(lambda lib, *args: getattr(lib, name)(*args, beta=0.5, alpha=-2), *arrays)


def test_a_beta_of_zero_ignores_the_input() -> None:
    nothing = mt.full((2, 2), float("nan"))
    assert mt.addmm(nothing, mt.ones(2, 3), mt.ones(3, 2), beta=0).tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    agree(
        lambda lib, *m: m[0] @ m[1] @ m[2] @ m[3] if lib is not mt else mt.chain_matmul(*m),
        draw(2, 9),
        draw(9, 3),
        draw(3, 8),
        draw(8, 1),
    )


def test_trace() -> None:
    agree(lambda lib, x: lib.trace(x), draw(3, 5))


# -- einsum ------------------------------------------------------------------------------------------------------------

EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,kj->ki", (2, 3), (4, 3)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ji", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->ji", (3, 3, 2)),
    ("iiji->j", (3, 3, 2, 3)),
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->i", (3,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("...ij,...jk->...ik", (5, 2, 3), (4, 5, 3, 2)),
    ("...ij,jk", (5, 2, 3), (3, 2)),
    ("i...->...", (2, 3, 4)),
    ("...,...", (3,), (2, 1)),
    ("b...i,i->b...", (2, 3, 4), (4,)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,jk,ki->", (2, 3), (3, 4), (4, 2)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("oij,ni,nj->no", (4, 2, 3), (5, 2), (5, 3)),
    ("ij,j->ij", (2, 1), (3,)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ab,cd->bd", (2, 3), (4, 5)),
    ("iI,Ij->ji", (2, 3), (3, 4)),
    ("ij , jk -> ik", (2, 3), (3, 4)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    ("ij,ij->", (0, 3), (0, 3)),
    (",i->i", (), (3,)),
    ("a,b,c,d->abcd", (2,), (1,), (3,), (2,)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=str)
def test_einsum_equals_pytorchs(case: Any) -> None:
    equation, *shapes = case
    agree(lambda lib, *args: lib.einsum(equation, *args), *[draw(*shape) for shape in shapes])


@given(
    inputs=st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3), sizes=st.tuples(*[st.integers(0, 3)] * 4),
    stretched=st.booleans(), picked=st.sets(st.sampled_from("abcd")), whole=st.booleans(),
)  # fmt: skip
def test_einsum_equals_numpys_on_any_equation(
    inputs: list[str], sizes: tuple[int, ...], stretched: bool, picked: set[str], whole: bool
) -> None:
    """Repeated indices, sums, outer products, sizes of 0 and 1, an index of size 1 that is larger elsewhere."""
    size = dict(zip("abcd", sizes))
    equation = ",".join(inputs) + "->" + "".join(sorted(picked & set("".join(inputs))))
    arrays = []
    for k, part in enumerate(inputs):
        one = stretched and k == 0 and len(inputs) > 1
        shape = [1 if one and all(n in "".join(inputs[1:]) for n in part) else size[n] for n in part]
        numbers = np.arange(np.prod(shape, dtype=int)) % 5 - 2
        arrays.append(numbers.reshape(shape).astype("int64" if whole else "float64"))
    found = mt.einsum(equation, *[mt.tensor(each) for each in arrays])
    np.testing.assert_allclose(found.numpy(), np.einsum(equation, *arrays), rtol=1e-12)


def test_einsum_accepts_lists_of_numbers() -> None:
    agree(lambda lib, a, b: lib.einsum(a, [0, 1], b, [1, 30], [30, 0]), draw(2, 3), draw(3, 4))
    agree(lambda lib, a, b: lib.einsum(a, [Ellipsis, 1], b, [1, 2]), draw(5, 2, 3), draw(3, 4))
    agree(lambda lib, a, b: lib.einsum("ij,jk->ik", [a, b]), draw(2, 3), draw(3, 4))


BAD_EQUATIONS = [
    ("ij,jk", ((2, 3),), ValueError, "names 2 operands, but 1"),
    ("ij->ik", ((2, 3),), ValueError, "output index 'k'"),
    ("ij->ii", ((2, 3),), ValueError, "more than once in the output"),
    ("ijk", ((2, 3),), RuntimeError, "does not match the operand's number of dimensions"),
    ("i", ((2, 3),), RuntimeError, "does not match the operand's number of dimensions"),
    ("ij,jk", ((2, 3), (4, 5)), RuntimeError, "index 'j' of 'ij,jk' has size 4 in operand 1"),
    ("ii", ((2, 3),), RuntimeError, "index 'i'"),
    ("i1", ((2, 3),), ValueError, "invalid index '1'"),
    ("i......", ((2, 3),), ValueError, "invalid index '.'"),
]


@pytest.mark.parametrize(("equation", "shapes", "error", "words"), BAD_EQUATIONS)
def test_einsum_explains_a_wrong_equation(equation: str, shapes: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        mt.einsum(equation, *[mt.ones(*shape) for shape in shapes])


# -- refused calls -----------------------------------------------------------------------------------------------------

REFUSED = [
    (lambda: mt.ones(2, 3) @ mt.ones(4, 5), RuntimeError, r"inner sizes differ: \(2, 3\) @ \(4, 5\) \(3 != 4\)"),
    (lambda: mt.ones(7, 2, 3) @ mt.ones(4), RuntimeError, r"inner sizes differ: \(7, 2, 3\) @ \(4,\)"),
    (lambda: mt.ones(2, 2, 3) @ mt.ones(3, 3, 1), RuntimeError, r"batch dims of \(2, 2, 3\) @ \(3, 3, 1\)"),
    (lambda: mt.tensor(1.0) @ mt.ones(2), RuntimeError, "at least 1D"),
    (lambda: mt.ones(2) @ mt.tensor(1.0), RuntimeError, "at least 1D"),
    (lambda: mt.ones(2, 2) @ mt.ones(2, 2).double(), RuntimeError, "same dtype, but got float32 and float64"),
    (lambda: mt.ones(2, 2).bool() @ mt.ones(2, 2).bool(), RuntimeError, "not implemented for bool"),
    (lambda: mt.ones(2, 2) @ 2, TypeError, "expected tensors, got Tensor, int"),
    (lambda: mt.matmul([[1.0]], mt.ones(1, 1)), TypeError, "must be a tensor, not list"),
    (
        lambda: mt.mm(mt.ones(2), mt.ones(2)),
        RuntimeError,
        r"mm: expected matrices \(2D and 2D\), got shapes \(2,\) and \(2,\)",
    ),
    (
        lambda: mt.bmm(mt.ones(2, 1, 1), mt.ones(3, 1, 1)),
        RuntimeError,
        r"batch sizes differ: \(2, 1, 1\) @ \(3, 1, 1\)",
    ),
    (lambda: mt.dot(mt.ones(2, 2), mt.ones(2)), RuntimeError, "dot: expected vectors"),
    (lambda: mt.dot(mt.ones(2), mt.ones(3)), RuntimeError, r"\(2,\) @ \(3,\)"),
    (
        lambda: mt.addmm(mt.ones(3), mt.ones(2, 2), mt.ones(2, 2)),
        RuntimeError,
        r"input of shape \(3,\) does not broadcast",
    ),
    (lambda: mt.tensordot(mt.ones(2, 3), mt.ones(2, 3), 1), RuntimeError, "dim 1 of .* has size 3 and dim 0"),
    (lambda: mt.tensordot(mt.ones(2), mt.ones(2), 2), RuntimeError, "dims must be from 0"),
    (lambda: mt.cross(mt.ones(2), mt.ones(2)), RuntimeError, "size 3 along one dim"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_a_misuse_names_what_was_given(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_out_receives_a_product() -> None:
    out = mt.empty(2, 2)
    assert mt.mm(mt.ones(2, 3), mt.ones(3, 2), out=out) is out
    assert out.tolist() == [[3.0, 3.0], [3.0, 3.0]]


# -- corners -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shapes", [((1, 3), (2, 3)), ((2, 3), (1, 3)), ((1, 3), (2, 1)), ((2, 1), (2, 3))], ids=str)
def test_tensordot_broadcasts_sizes_of_1(shapes: Any) -> None:
    agree(lambda lib, a, b: lib.tensordot(a, b, ([0, 1], [0, 1])), *[draw(*shape) for shape in shapes])


@pytest.mark.parametrize("beta", [0, 1, True, False])
@pytest.mark.parametrize("alpha", [0, 1, True, False])
def test_addr_of_bools_is_true_where_any_term_is(beta: Any, alpha: Any) -> None:
    a, b, c = np.array([[True, False], [False, False]]), np.array([True, False]), np.array([False, True])
    agree(lambda lib, a, b, c: lib.addr(a, b, c, beta=beta, alpha=alpha), a, b, c)


def test_addbmm_in_place_may_change_the_shape_and_others_may_not() -> None:
    x = mt.ones(1)
    assert x.addbmm_(mt.ones(2, 5, 3), mt.ones(2, 3, 4)) is x
    assert x.shape == (5, 4) and (x == 7).all()
    y = mt.ones(1)
    with pytest.raises(RuntimeError, match="addmm_: output with shape"):
        y.addmm_(mt.ones(5, 3), mt.ones(3, 4))
    assert y.tolist() == [1.0]
