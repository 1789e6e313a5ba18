"""``vmap``: input and output dims, structures, nesting, chunks, writes, random numbers, and errors."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor.errors import BatchingError
from minitensor.func import grad, vmap
from minitensor.func.batching.table import RULES, WRITES, signature

F = mt.nn.functional


def rows(*shape: int) -> mt.Tensor:
    return mt.arange(1.0, 1 + float(np.prod(shape))).reshape(shape)


def same(found: Any, expected: Any) -> None:
    assert tuple(found.shape) == tuple(expected.shape)
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-6)


# -- dims and structures -----------------------------------------------------------------------------------------------


@given(st.data())
def test_any_input_dim_can_be_mapped_to_any_output_dim(data: st.DataObject) -> None:
    x = rows(2, 3, 4)
    into, out = data.draw(st.integers(-3, 2)), data.draw(st.integers(-3, 2))
    found = vmap(lambda sample: sample.cumsum(0) * 2, into, out)(x)
    same(found, mt.stack([each.cumsum(0) * 2 for each in x.unbind(into)], out % 3))


def test_in_dims_nest_as_the_inputs_do() -> None:
    tree = {"a": rows(3, 2), "b": [rows(2, 3), rows(2)]}
    found = vmap(lambda t: {"sum": t["a"] + t["b"][0], "rest": (t["b"][1],)}, ({"a": 0, "b": [1, None]},))(tree)
    same(found["sum"], tree["a"] + tree["b"][0].t())
    same(found["rest"][0], tree["b"][1].expand(3, 2))


def test_keyword_arguments_are_not_mapped() -> None:
    same(vmap(lambda x, *, y: x + y)(rows(3), y=rows(3)), rows(3).unsqueeze(1) + rows(3))


def test_outputs_may_be_the_same_for_all_samples() -> None:
    found = vmap(lambda x: (x, mt.ones(2), 7), out_dims=(0, None, None))(rows(3))
    same(found[1], mt.ones(2))
    assert found[2] == 7


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 9])
def test_chunks_change_nothing(chunk: int) -> None:
    x, y = rows(5, 3), rows(4, 5)
    whole = vmap(lambda a, b: (mt.outer(a, b), a.sum()), (0, 1), (1, 0))
    parts = vmap(lambda a, b: (mt.outer(a, b), a.sum()), (0, 1), (1, 0), chunk_size=chunk)
    for one, other in zip(whole(x, y), parts(x, y), strict=True):
        same(one, other)


def test_vmap_can_be_nested() -> None:
    x, y = rows(2, 3), rows(4, 3)
    same(vmap(lambda a: vmap(lambda b: mt.dot(a, b))(y))(x), x @ y.t())
    same(vmap(vmap(mt.sin))(x), x.sin())
    same(vmap(vmap(lambda a, b: a[b], (None, 0)), (0, None))(x, mt.tensor([2, 0])), x[:, [2, 0]])


def test_no_samples_give_no_results() -> None:
    assert vmap(lambda x: x.softmax(0).sum())(mt.zeros(0, 3)).shape == (0,)


def test_a_sample_shows_its_own_shape() -> None:
    def look(x: Any) -> Any:
        assert (tuple(x.shape), x.ndim, len(x), x.numel(), x.dtype) == ((3, 4), 2, 3, 12, mt.float32)
        assert x.is_contiguous() and x.stride() == (4, 1) and "Batched" in repr(x)
        return x

    vmap(look)(rows(2, 3, 4))


def test_a_number_of_each_sample_promotes_as_a_number() -> None:
    """A 0-d tensor does not promote a tensor with dims, although it has a dim in the batch."""
    x, scale = rows(3, 2), mt.ones(3, dtype=mt.float64)
    assert vmap(lambda a, s: a * s)(x, scale).dtype is mt.float32
    assert vmap(lambda a, s: mt.where(a > 2, a, s))(x, scale).dtype is mt.float32


# -- views and writes --------------------------------------------------------------------------------------------------


def test_views_of_samples_are_views_of_the_input() -> None:
    x = rows(3, 2, 4)
    vmap(lambda a: a.t()[1:].diagonal().zero_())(x)
    expected = rows(3, 2, 4)
    for each in expected:
        each.t()[1:].diagonal().zero_()
    same(x, expected)


@pytest.mark.parametrize("write", [
    lambda a: a.clone().add_(1),
    lambda a: a.clone().mul_(a[0]),
    lambda a: a.clone().masked_fill_(a > 4, 0),
    lambda a: a.clone().index_fill_(0, mt.tensor([1]), 9),
    lambda a: a.clone().copy_(a.flip(0)),
])  # fmt: skip
def test_writes_are_differentiable(write: Any) -> None:
    x, other = rows(2, 4).requires_grad_(), rows(2, 4).requires_grad_()
    found, expected = vmap(write)(x), mt.stack([write(each) for each in other])
    same(found, expected)
    for each in (found, expected):
        (each * each).sum().backward()
    same(x.grad, other.grad)


def test_setitem_writes_into_each_sample() -> None:
    def write(a: Any, i: Any) -> Any:
        a = a.clone()
        a[1:3] = a[:2] * 10
        a[i] = -1.0
        a[a > 20] = 0.0
        return a

    x, i = rows(3, 4), mt.tensor([0, 3, 1])
    same(vmap(write)(x, i), mt.stack([write(a, k) for a, k in zip(x, i, strict=True)]))


def test_a_shared_tensor_cannot_be_written_differently_by_each_sample() -> None:
    shared = mt.zeros(3)
    for write in (lambda a: shared.add_(a), lambda a: shared.copy_(a), lambda a: shared.__setitem__(0, a[0])):
        with pytest.raises(RuntimeError, match="shared by all samples"):
            vmap(write)(rows(2, 3))
    same(shared, mt.zeros(3))


# -- random numbers ----------------------------------------------------------------------------------------------------

DRAWS = [
    lambda a: mt.rand(3) + a,
    lambda a: mt.rand_like(a),
    lambda a: mt.randperm(3) + a,
    lambda a: mt.bernoulli(a / 20),
    lambda a: F.dropout(a, 0.5),
    lambda a: F.alpha_dropout(a, 0.5, True),
    lambda a: F.gumbel_softmax(a, dim=0),
    lambda a: a.clone().normal_(),
    lambda a: mt.multinomial(a, 2),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_different_random_numbers_equal_those_of_a_loop(draw: Any) -> None:
    x = rows(4, 3)
    mt.manual_seed(3)
    found = vmap(draw, randomness="different")(x)
    mt.manual_seed(3)
    same(found, mt.stack([draw(each) for each in x]))


@pytest.mark.parametrize("draw", DRAWS)
def test_equal_samples_with_randomness_same_draw_equal_numbers(draw: Any) -> None:
    found = vmap(draw, randomness="same")(mt.ones(4, 3))
    same(found, found[:1].expand(found.shape))


@pytest.mark.parametrize("draw", DRAWS)
def test_random_numbers_are_refused_by_default(draw: Any) -> None:
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(draw)(rows(4, 3))


def test_each_level_has_its_own_randomness() -> None:
    inner = vmap(lambda a: mt.rand(()) + a, randomness="different")
    mt.manual_seed(0)
    found = vmap(inner, randomness="same")(mt.zeros(3, 4))
    assert len(set(found[0].tolist())) == 4
    same(found, found[:1].expand(3, 4))
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(inner)(mt.zeros(3, 4))


# -- refused calls -----------------------------------------------------------------------------------------------------

BAD_CALLS = {
    "at least one|no inputs": lambda: vmap(lambda: mt.ones(1))(),
    "at least one input": lambda: vmap(lambda x: x, (None,))(rows(3)),
    "expected in_dims": lambda: vmap(lambda x: x, "0")(rows(3)),
    "structure of the inputs": lambda: vmap(lambda x: x, (0, 0))(rows(3)),
    "in_dim=2": lambda: vmap(lambda x: x, 2)(rows(3)),
    "only tensors": lambda: vmap(lambda x: x)(3.0),
    "same size": lambda: vmap(mt.add)(rows(3), rows(2)),
    "chunk_size": lambda: vmap(mt.sin, chunk_size=0),
    "must return tensors": lambda: vmap(lambda x: 1.0)(rows(3)),
    "out_dims is None": lambda: vmap(mt.sin, out_dims=None)(rows(3)),
    "structure of the outputs": lambda: vmap(mt.sin, out_dims=(0, 0))(rows(3)),
}


@pytest.mark.parametrize("message", BAD_CALLS)
def test_bad_calls_raise_value_errors(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BAD_CALLS[message]()


def test_an_out_dim_beyond_the_output_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="out_dim=4"):
        vmap(mt.sin, out_dims=4)(rows(3))


VALUES_WANTED = {
    "data-dependent": lambda x: x if x.sum() > 0 else -x,
    r"\.item\(\)": lambda x: x * x.sum().item(),
    "Python number": lambda x: x * float(x.sum()),
    "Python index": lambda x: mt.ones(9)[: x.long()[0]],
    r"\.tolist\(\)": lambda x: mt.tensor(x.tolist()),
    "NumPy array": lambda x: mt.tensor(np.asarray(x)),
    "argwhere": lambda x: x.nonzero(),
    "masked_select": lambda x: x.masked_select(x > 1),
    "unique": lambda x: x.unique(),
    r"backward\(\)": lambda x: x.sum().backward(),
    r"requires_grad_\(\)": lambda x: x.requires_grad_(),
    "out=": lambda x: mt.sin(x, out=mt.zeros(3)),
}


@pytest.mark.parametrize("message", VALUES_WANTED)
def test_reading_the_value_of_one_sample_is_refused(message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        vmap(VALUES_WANTED[message])(rows(2, 3))


def test_an_error_in_the_function_shows_the_shapes_of_one_sample() -> None:
    with pytest.raises(RuntimeError, match=r"\(3,\).*\(4,\)"):
        vmap(lambda x: x + mt.ones(4))(rows(2, 3))


def test_an_index_out_of_bounds_in_any_sample_raises() -> None:
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        vmap(lambda x, i: x.gather(0, i))(rows(2, 3), mt.tensor([[0], [3]]))


def test_an_op_without_a_rule_warns_and_gives_correct_results() -> None:
    x = rows(3, 4)
    with pytest.warns(UserWarning, match="histc has no batching rule"):
        found = vmap(lambda a: a.histc(4, 0, 20))(x)
    same(found, mt.stack([each.histc(4, 0, 20) for each in x]))


def test_vmap_leaves_no_state_behind() -> None:
    with pytest.raises(ZeroDivisionError):
        vmap(lambda x: 1 / 0)(rows(2))
    assert isinstance(mt.rand(2), mt.Tensor)


# -- the table of rules ------------------------------------------------------------------------------------------------


def test_every_rule_belongs_to_an_op() -> None:
    known = set()
    for module in pkgutil.walk_packages(mt.__path__, "minitensor."):
        if "cupy" not in module.name:
            for each in vars(importlib.import_module(module.name)).values():
                op = getattr(each, "op", None)
                if type(op).__name__ == "Op":
                    known |= {op.name, signature(op), op.body.__name__.strip("_")}  # the last one for WRITES
    assert not {*RULES, *WRITES} - known


# -- networks ----------------------------------------------------------------------------------------------------------

LAYERS = [
    (mt.nn.Linear(3, 4), (3,)),
    (mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.ReLU(), mt.nn.Linear(4, 2)), (5, 3)),
    (mt.nn.Conv2d(4, 6, 3, padding=1, groups=2), (2, 4, 5, 5)),
    (mt.nn.LayerNorm(3), (5, 3)),
    (mt.nn.GroupNorm(2, 4), (2, 4, 5)),
    (mt.nn.Embedding(7, 3, padding_idx=1), None),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("shared", [True, False])
def test_layers_map_over_samples_and_over_weights(layer: Any, shape: Any, shared: bool) -> None:
    x = mt.tensor([[0, 1], [6, 1], [3, 3]]) if shape is None else rows(3, *shape) / 10
    weights = {name: mt.stack([each.detach() * k for k in (1, 2, 3)]) for name, each in layer.named_parameters()}

    def loss(weights: Any, x: Any) -> Any:
        return (mt.func.functional_call(layer, weights, x).sin() ** 2).sum()

    one = {name: each[0] for name, each in weights.items()} if shared else weights
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = vmap(grad(loss), (None if shared else 0, 0))(one, x)
    for i in range(3):
        expected = grad(loss)(one if shared else {name: each[i] for name, each in weights.items()}, x[i])
        for name, each in expected.items():
            np.testing.assert_allclose(found[name][i].numpy(), each.numpy(), rtol=2e-4, atol=1e-5)


def test_the_error_is_a_runtime_error() -> None:
    assert issubclass(BatchingError, RuntimeError)
