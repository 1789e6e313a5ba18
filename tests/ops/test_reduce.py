"""Reductions against PyTorch: dims, dtypes, NaN, empty and 0-d tensors, gradients to second order."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error, torch

pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")

X = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
CUBE = np.sin(np.arange(24.0) * 1.3).reshape(2, 3, 4)
TIES = np.array([[2.0, 1.0, 2.0], [0.0, 0.0, -1.0]])
HOLES = np.array([[1.0, math.nan, 3.0], [math.nan, math.nan, 2.0]])
DIMS = [None, 0, -1, (0, 2), [1], ()]
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]

ANY_DIMS = ["sum", "mean", "var", "std", "amax", "amin", "nansum", "nanmean", "norm", "logsumexp"]


def along(name, dim, keepdim):
    """Call a reduction in the usual ways: without dim, by keyword."""
    def call(lib, x):
        if dim is None and name != "logsumexp":
            return getattr(lib, name)(x)
        every = (0, 1, 2) if dim in (None, ()) and name == "logsumexp" else dim
        return getattr(lib, name)(x, dim=every, keepdim=keepdim)

    return call


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", DIMS, ids=str)
@pytest.mark.parametrize("name", ANY_DIMS)
def test_a_reduction_accepts_no_dim_one_or_several(name, dim, keepdim):
    # PyTorch's gradient of a variance over dim=() is infinite, although () means all dims.
    agree(along(name, dim, keepdim), CUBE, order=0 if dim == () and name in ("var", "std") else 2)


@pytest.mark.parametrize("name", ["all", "any", "count_nonzero"])
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2)], ids=str)
def test_logical_reductions_and_counts(name, dim):
    agree(lambda lib, x: getattr(lib, name)(x) if dim is None else getattr(lib, name)(x, dim), CUBE > 0.5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sum", "prod", "all", "any", "count_nonzero", "nansum"])
def test_the_dtype_of_a_reduction(name, dtype):
    if name == "nansum" and dtype.startswith("complex"):
        pytest.skip("PyTorch has none on the CPU")
    agree(lambda lib, x: getattr(lib, name)(x), np.array([1, 0, 3]).astype(dtype), order=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["mean", "var", "std", "amax", "max", "argmax", "median", "norm", "nanmean"])
def test_a_dtype_without_the_op_raises_the_same_kind_of_error(name, dtype):
    values = np.array([1, 0, 3]).astype(dtype)
    try:
        getattr(torch, name)(torch.from_numpy(values))
    except RuntimeError:
        with pytest.raises(RuntimeError):
            getattr(mt, name)(mt.from_numpy(values))
        return
    agree(lambda lib, x: getattr(lib, name)(x), values, rtol=1e-2 if dtype == "float16" else None)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "cumsum", "cumprod", "nansum"])
def test_a_given_dtype_is_used_in_the_computation(name):
    agree(lambda lib, x: getattr(lib, name)(x, 0, dtype=lib.float64), np.array([1, 2, 3]))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "var", "std", "nansum", "all", "any", "norm", "count_nonzero"])
def test_an_empty_reduction_gives_the_neutral_element(name):
    agree(lambda lib, x: getattr(lib, name)(x), np.zeros((0,)), order=1)


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min", "argmax", "argmin", "aminmax"])
def test_an_empty_tensor_has_no_extreme(name):
    same_error(lambda lib: getattr(lib, name)(lib.zeros(0)))
    same_error(lambda lib: getattr(lib, name)(lib.zeros(0, 3), dim=0))
    agree(lambda lib, x: getattr(lib, name)(x, dim=1), np.zeros((0, 3)), order=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.ones(3).sum(5),
        lambda lib: lib.ones(3).sum(-2),
        lambda lib: lib.ones(2, 3).sum((0, 0)),
        lambda lib: lib.ones(2, 3).sum((0, -2)),
        lambda lib: lib.ones(2, 3).prod((0, 1)),
        lambda lib: lib.tensor([1, 2]).mean(),
        lambda lib: lib.ones(2).mean(dtype=lib.int32),
        lambda lib: lib.ones(2).sum("0"),
        lambda lib: lib.ones(2).norm("round"),
        lambda lib: lib.sum(),
        lambda lib: lib.sum(3),
        lambda lib: lib.argmax(lib.tensor([True])),
    ],
)
def test_misuse_raises_what_pytorch_raises(call):
    same_error(call)


# -- sums and means ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1_000_000,), (1000, 1000), (1_000_000, 2), (2, 1_000_000)])
@pytest.mark.parametrize("dim", [None, 0, -1])
def test_long_sums_in_float32_are_as_accurate_as_pytorchs(shape, dim):
    values = (np.random.default_rng(0).random(shape) + 0.1).astype("float32")
    exact = values.sum(dim, dtype="float64")
    ours = np.abs(mt.from_numpy(values).sum(dim).numpy() - exact).max()
    theirs = np.abs(torch.from_numpy(values).sum(dim).numpy() - exact).max()
    assert ours <= max(4 * theirs, 2e-6 * np.abs(exact).max())


def test_the_gradient_of_a_sum_is_expanded():
    x = mt.ones(4, 5, requires_grad=True)
    (grad,) = mt.autograd.grad(x.sum(0), x, mt.ones(5), create_graph=True)
    assert grad.stride() == (0, 1)


def test_float16_is_summed_in_single_precision():
    many = np.ones(4096, "float16")
    assert mt.from_numpy(many).sum().item() == 4096
    assert mt.from_numpy(many.reshape(4096, 1)).sum(0).item() == 4096


def test_a_sum_of_any_layout():
    agree(lambda lib, x: x.permute(2, 0, 1)[1:].sum((0, 2)), CUBE)
    agree(lambda lib, x: x[:, :1].expand(2, 5, 4).mean(1), CUBE)


def test_a_0d_tensor_accepts_dim_0():
    for name in ["sum", "mean", "amax", "prod", "logsumexp", "var"]:
        agree(lambda lib, x, name=name: getattr(lib, name)(x, 0), np.array(3.0), order=1)
    agree(lambda lib, x: (*lib.max(x, -1), *lib.median(x, 0), lib.argmax(x, 0), lib.argmax(x)), np.array(3.0))


# -- products ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [[], [1], [0, 2], [0, 1, 2, 3]])
def test_products_with_zeros_have_their_gradients(zeros):
    values = np.array([1.5, -2.0, 0.5, 3.0])
    values[zeros] = 0
    agree(lambda lib, x: lib.prod(x), values)
    agree(lambda lib, x: lib.prod(x, 1), np.stack([values, values[::-1]]))
    agree(lambda lib, x: lib.prod(x, 0, keepdim=True), np.stack([values, [1.0, 2.0, 3.0, 4.0]]))
    agree(lambda lib, x: lib.cumprod(x, 0), values)


def test_products_of_zeros_have_gradients_to_third_order():
    x = mt.tensor([0.0, 2.0, 0.0, 3.0], dtype=mt.float64, requires_grad=True)
    assert mt.autograd.gradgradcheck(lambda x: mt.autograd.grad(x.prod(), x, create_graph=True)[0], (x,))


# -- variance ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize(
    "arguments",
    [((), {}), ((False,), {}), ((True,), {}), ((0,), {}), ((0, False), {}), ((1, True, True), {}),
     ((), {"correction": 2}), (((0, 1),), {"correction": 0.5, "keepdim": True}), ((), {"unbiased": False}),
     ((), {"dim": -1, "correction": 0})],
    ids=str,
)  # fmt: skip
def test_all_forms_of_a_variance_call(name, arguments):
    args, kwargs = arguments
    agree(lambda lib, x: getattr(lib, name)(x, *args, **kwargs), X)


def test_a_variance_without_degrees_of_freedom_is_nan():
    assert math.isnan(mt.tensor([1.0]).var().item())
    assert mt.tensor([1.0, 2.0]).var(correction=3).item() == math.inf


def test_a_deviation_of_equal_elements_has_no_gradient():
    agree(lambda lib, x: lib.std(x, 1), np.ones((2, 3)), order=1)


@pytest.mark.parametrize("kind", [float, complex])
def test_equal_elements_have_exactly_zero_variance(kind):
    for value in (0.1, 1 / 3):
        agree(lambda lib, x: (lib.var(x, 1), lib.std(x, 1)), np.full((2, 7), kind(value)), order=1)


def test_a_variance_far_from_zero_keeps_its_precision():
    values = (1e4 + np.arange(8)).astype("float32")
    assert mt.from_numpy(values).var().item() == pytest.approx(6.0)


# -- extremes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
def test_ties_share_the_gradient(name):
    agree(lambda lib, x: getattr(lib, name)(x), TIES)


@pytest.mark.parametrize("name", ["max", "min", "median"])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_values_come_with_their_indices(name, dim, keepdim):
    agree(lambda lib, x: getattr(lib, name)(x, dim, keepdim), CUBE)


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_index_of_the_first_of_equal_elements_is_returned(name):
    agree(lambda lib, x: getattr(lib, name)(x, 1), np.array([[1.0, 2, 2, 1], [0, 0, 0, 0]]))
    agree(lambda lib, x: getattr(lib, "arg" + name)(x), np.array([[1.0, 2, 2, 1], [0, 0, 0, 0]]))


@pytest.mark.parametrize("name", ["max", "min", "amax", "median", "argmax", "argmin", "aminmax"])
def test_nan_wins_every_comparison(name):
    agree(lambda lib, x: getattr(lib, name)(x), HOLES, order=0)
    agree(lambda lib, x: getattr(lib, name)(x, dim=1), HOLES, order=0)


def test_the_gradient_of_a_nan_maximum_goes_to_the_nan():
    agree(lambda lib, x: lib.max(x), HOLES, order=1)
    x = mt.from_numpy(HOLES[1:].copy()).requires_grad_()
    (grad,) = mt.autograd.grad(x.amax(1).sum(), x)
    assert grad.tolist() == [[0.5, 0.5, 0]]  # PyTorch's is NaN everywhere


def test_max_of_two_tensors_is_maximum():
    agree(lambda lib, x, y: lib.max(x, y), X, TIES)
    agree(lambda lib, x, y: lib.min(x, other=y), X, TIES)
    agree(lambda lib, x, y: x.max(y), X, TIES)


def test_named_results_print_unpack_and_pickle():
    ours, theirs = mt.tensor([[1.0, 3.0]]).max(1), torch.tensor([[1.0, 3.0]]).max(1)
    assert repr(ours) == repr(theirs)
    values, indices = ours
    assert ours.values is values and ours.indices is indices
    assert pickle.loads(pickle.dumps(ours)).indices.item() == 1
    assert repr(mt.aminmax(mt.tensor([2, 1]))) == repr(torch.aminmax(torch.tensor([2, 1])))


def test_results_may_be_written_into_given_tensors():
    values, indices = mt.zeros(2), mt.zeros(2, dtype=mt.int64)
    mt.max(mt.tensor([[1.0, 3.0], [5.0, 2.0]]), 1, out=(values, indices))
    assert values.tolist() == [3, 5] and indices.tolist() == [1, 0]
    total = mt.zeros(3)
    assert mt.sum(mt.ones(2, 3), 0, out=total) is total and total.tolist() == [2, 2, 2]


@pytest.mark.parametrize("size", [1, 4, 5])
def test_the_median_is_the_lower_one(size):
    values = np.array([3.0, -1.0, 7.0, 2.0, 0.5])[:size]
    agree(lambda lib, x: lib.median(x), values)
    agree(lambda lib, x: lib.median(x, 0), values)
    agree(lambda lib, x: lib.median(x), values.astype("int64"))


# -- logarithms of sums, norms -----------------------------------------------------------------------------------------


def test_logsumexp_neither_overflows_nor_fails_on_infinities():
    inf = math.inf
    rows = np.array([[1000.0, 1001.0], [-1000.0, -1001.0], [-inf, -inf], [inf, 1.0], [-inf, 2.0]])
    agree(lambda lib, x: lib.logsumexp(x, 1), rows, order=0)
    agree(lambda lib, x: lib.logsumexp(x, 1), rows[:2])
    agree(lambda lib, x: lib.logsumexp(x, 0), np.array([1, 2]))


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, math.inf, -math.inf, "fro"])
def test_norms_of_any_order(p):
    for dim in [None, 0, (0, 1)]:
        agree(lambda lib, x, dim=dim: lib.norm(x, p, dim), X)
    agree(lambda lib, x: lib.norm(x, p, 1, keepdim=True), X)


@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_the_norm_of_zeros_has_gradient_zero(p):
    agree(lambda lib, x: lib.norm(x, p), np.zeros(3), order=1)
    agree(lambda lib, x: lib.norm(x, p), np.array([0.0, 1.0, -2.0]), order=1)


def test_complex_norms_are_real():
    z = np.array([3 + 4j, 1j, 0.5])
    for p in [1, 2, 3, math.inf]:
        agree(lambda lib, x, p=p: lib.norm(x, p), z)


def test_distance():
    for p in [1, 2, math.inf]:
        agree(lambda lib, x, y, p=p: lib.dist(x, y, p), X, TIES)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "var", "std"])
def test_complex_reductions(name):
    z = np.array([[1 + 2j, 0.5 - 1j, 2.0], [1j, 1 - 1j, 3 + 0.5j]])
    agree(lambda lib, x: getattr(lib, name)(x), z)
    agree(lambda lib, x: getattr(lib, name)(x, 1), z)


CALLS_WITH_DTYPE = [("sum", ()), ("sum", (0,)), ("prod", (0,)), ("cumsum", (0,)), ("cumprod", (0,))]


@pytest.mark.parametrize(("name", "args"), CALLS_WITH_DTYPE)
def test_small_integers_wrap_if_a_small_dtype_is_requested(name: str, args: tuple[int, ...]) -> None:
    ours, theirs = [getattr(lib.tensor([200, 100]), name)(*args, dtype=lib.uint8) for lib in (mt, torch)]
    assert (str(ours.dtype), ours.tolist()) == (str(theirs.dtype), theirs.tolist())
