"""``x[...]`` with all kinds of indices, gather and scatter, masks: PyTorch's values, views and gradients; errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor.errors import IndexRangeError
from ops.twin import agree, same_error
from strict.device import installed

torch = pytest.importorskip("torch")

A = np.arange(1.0, 25.0).reshape(2, 3, 4)
M = np.arange(1.0, 13.0).reshape(3, 4)
V = np.array([1.0, -2.0, 3.0, 0.5])


# -- any index ---------------------------------------------------------------------------------------------------------


@st.composite
def shapes_and_indices(draw: Any) -> tuple[tuple[int, ...], Any]:
    """Draw a shape and a valid index; arrays stand for tensors."""
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    together = draw(st.sampled_from([(2,), (3, 1), (1, 2), (0,)]))
    items: list[Any] = []
    dim = 0
    while dim < len(shape) and draw(st.integers(0, 6)):
        n = shape[dim]
        kind = draw(st.sampled_from(["int", "slice", "slice", "none", "rest", "array", "list", "mask", "bool"]))
        if kind == "none":
            items.append(None)
        elif kind == "bool":
            items.append(draw(st.booleans()))
        elif kind == "rest" and Ellipsis not in [each for each in items if each is Ellipsis]:
            items.append(Ellipsis)
            dim += draw(st.integers(0, len(shape) - dim))
        elif kind == "mask":
            taken = shape[dim : dim + draw(st.integers(1, 2))]
            items.append(np.array([draw(st.booleans()) for _ in range(int(np.prod(taken)))]).reshape(taken))
            dim += len(taken)
        else:
            places = st.integers(-n, n - 1)
            items.append({
                "int": lambda places=places: draw(places),
                "array": lambda places=places: np.array(
                    [draw(places) for _ in range(int(np.prod(together)))], "int64").reshape(together),
                "list": lambda places=places: [draw(places), draw(places)],
            }.get(kind, lambda n=n: slice(*draw(st.tuples(
                *[st.none() | st.integers(-n - 1, n + 1)] * 2, st.sampled_from([None, 1, 2])))))())
            dim += 1
    return shape, items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


def with_other_strides(x: Any, how: int) -> Any:
    """Return a tensor with other strides and the same history."""
    if how == 0:
        return x * 1
    return (x * 1).permute(tuple(range(x.ndim))[::-1]) if how == 1 else (x * 1).expand(2, *x.shape)


def index_for(lib: Any, index: Any) -> Any:
    """Return an index with its arrays converted to the library's tensors."""
    if isinstance(index, tuple):
        return tuple([index_for(lib, each) for each in index])
    return lib.from_numpy(index) if isinstance(index, np.ndarray) else index


def outcome(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the error that it raises."""
    try:
        return call()
    except Exception as error:
        return error


@given(shapes_and_indices(), st.integers(0, 2))
def test_reading_at_any_index_equals_pytorchs(drawn: Any, how: int) -> None:
    shape, index = drawn
    array = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    theirs = outcome(lambda: with_other_strides(torch.from_numpy(array), how)[index_for(torch, index)])
    ours = outcome(lambda: with_other_strides(mt.from_numpy(array), how)[index_for(mt, index)])
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs))
        return
    if isinstance(ours, IndexRangeError):
        assert theirs.numel() == 0  # if nothing would be read, PyTorch checks no index; here a wrong one raises
        return
    assert (ours._base is not None) == (theirs._base is not None)
    if ours._base is not None:
        assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())
    agree(lambda lib, x: with_other_strides(x, how)[index_for(lib, index)] ** 2, array)


@given(shapes_and_indices(), st.integers(0, 1), st.sampled_from(["number", "full", "row", "ones"]))
def test_writing_at_any_index_equals_pytorchs(drawn: Any, how: int, kind: str) -> None:
    shape, index = drawn
    array = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    part = outcome(lambda: with_other_strides(torch.from_numpy(array), how)[index_for(torch, index)])
    if isinstance(part, Exception) or not part.numel():  # the test above covers empty results
        return
    sizes = {"full": part.shape, "row": part.shape[1:], "ones": [1] * part.ndim, "number": ()}[kind]
    values = np.sin(np.arange(1.0, 1.0 + np.prod(sizes))).reshape(tuple(sizes))

    def written(lib: Any, x: Any, v: Any) -> Any:
        target = with_other_strides(x, how)
        target[index_for(lib, index)] = v if kind == "number" else v * 1
        return target**3 * with_other_strides(x, how)

    if kind == "number":
        agree(lambda lib, x: written(lib, x, 2.5), array)
    else:
        agree(written, array, values)


# -- functions ---------------------------------------------------------------------------------------------------------

I = np.array([2, 0, 2])
G = np.array([[0, 2, 1], [1, 1, 0]])
MASK = M % 3 == 0

CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "gather": (lambda lib, x, i: x.gather(1, i), (M, G)),
    "gather repeated": (lambda lib, x, i: x.gather(0, i), (M, G)),
    "gather 0-d": (lambda lib, x, i: x[0, 0].gather(0, i[0, 0]), (M, G)),
    "gather no elements": (lambda lib, x, i: x.gather(0, i[:0]), (M, G)),
    "scatter": (lambda lib, x, i, s: x.scatter(1, i, s), (M, np.array([[0, 2, 1], [1, 3, 0]]), M[:2, 1:])),
    "scatter a number": (lambda lib, x, i: x.scatter(0, i, 1.5), (M, G)),
    "scatter value=": (lambda lib, x, i: x.scatter(0, i, value=1.5), (M, G)),
    "scatter_add": (lambda lib, x, i, s: x.scatter_add(1, i, s), (M, G, M[:2, 1:])),
    "scatter_add rows": (lambda lib, x, i, s: x.t().scatter_add(0, i, s), (M, G, M[:2, 1:])),
    "index_select": (lambda lib, x, i: x.index_select(1, i), (A, I)),
    "index_select of a number": (lambda lib, x, i: x.index_select(1, i[0]), (A, I)),
    "index_add": (lambda lib, x, i, s: x.index_add(0, i, s, alpha=2), (M, I, M * 2)),
    "index_add last": (lambda lib, x, i, s: x.index_add(-1, i, s), (A, np.array([0, 3]), A[..., :2])),
    "index_copy": (lambda lib, x, i, s: x.index_copy(1, i, s), (A, np.array([2, 0]), A[:, :2] * 3)),
    "index_fill": (lambda lib, x, i: x.index_fill(1, i, 7.0), (A, I)),
    "index_fill negative": (lambda lib, x, i: x.index_fill(0, i, 7.0), (M, np.array([-1]))),
    "index_fill a tensor": (lambda lib, x, i, v: x.index_fill(1, i, v[0]), (A, np.array([0, 2]), V)),
    "index_put": (lambda lib, x, i, v: x.index_put((i, lib.tensor([0, 1, 3])), v[:3]), (M, np.array([2, 0, -1]), V)),
    "index_put add": (lambda lib, x, i, v: x.index_put((i,), v, accumulate=True), (M, I, V)),
    "index_put add to all": (lambda lib, x, i, v: x.t().index_put((i,), v[0], accumulate=True), (M, I, V)),
    "index_put mask": (lambda lib, x, m, v: x.index_put((m,), v), (M, MASK, V)),
    "masked_fill": (lambda lib, x, m: x.masked_fill(m, -1.0), (M, MASK)),
    "masked_fill wider mask": (lambda lib, x, m: x[:1].masked_fill(m, -1.0), (M, MASK)),
    "masked_fill a tensor": (lambda lib, x, m, v: x.masked_fill(m, v[1]), (M, MASK, V)),
    "masked_select": (lambda lib, x, m: x.masked_select(m), (M, MASK)),
    "masked_select broadcast": (lambda lib, x, m: x.masked_select(m[:, :1]), (M, MASK)),
    "masked_scatter": (lambda lib, x, m, v: x.masked_scatter(m, v), (M, MASK, np.arange(6.0))),
    "take": (lambda lib, x, i: x.take(i), (M, np.array([[0, -1], [5, 5]]))),
    "take_along_dim": (lambda lib, x, i: x.take_along_dim(i, 1), (M, np.array([[0, 3], [1, 1], [2, -1]]) % 4)),
    "take_along_dim broadcast": (lambda lib, x, i: x.take_along_dim(i, 0), (M, np.array([[0], [2]]))),
    "take_along_dim all": (lambda lib, x, i: x.take_along_dim(i), (M, np.array([11, 0]))),
    "where of a mask": (lambda lib, x, m: lib.where(m, x, 0.0), (M, MASK)),
    "nonzero": (lambda lib, x: x.nonzero(), (M % 2,)),
    "nonzero tuple": (lambda lib, x: x.nonzero(as_tuple=True), (M % 2,)),
    "argwhere": (lambda lib, x: lib.argwhere(x), (M % 2,)),
}


@pytest.mark.parametrize(("call", "arrays"), CALLS.values(), ids=CALLS)
def test_an_indexing_function_equals_pytorchs(call: Callable[..., Any], arrays: tuple[Any, ...]) -> None:
    agree(call, *arrays)


IN_PLACE = {
    "fill": lambda lib, x: x.masked_fill_(lib.from_numpy(MASK), 2.0),
    "scatter": lambda lib, x: x.scatter_(1, lib.from_numpy(np.array([[0], [2], [1]])), 5.0),
    "scatter_add": lambda lib, x: x.scatter_add_(0, lib.from_numpy(G), x[:2, :3] * 2),
    "index_add": lambda lib, x: x.index_add_(0, lib.from_numpy(I), x * 3),
    "index_copy": lambda lib, x: x.index_copy_(0, lib.from_numpy(I[:2]), x[:2] * 3),
    "index_fill": lambda lib, x: x.index_fill_(1, lib.from_numpy(I), 0.5),
    "index_put": lambda lib, x: x.index_put_((lib.from_numpy(I),), x[0] * 2, accumulate=True),
    "masked_scatter": lambda lib, x: x.masked_scatter_(lib.from_numpy(MASK), x * 2),
    "add to a part": lambda lib, x: x[1:, ::2].add_(x[0, :2]),
    "add to a picked part": lambda lib, x: x.__setitem__([0, 2], x[[0, 2]] + 1),
}


@pytest.mark.parametrize("call", IN_PLACE.values(), ids=IN_PLACE)
@pytest.mark.parametrize("turned", [False, True])
def test_writing_in_place_equals_pytorchs_through_views_too(call: Callable[..., Any], turned: bool) -> None:
    def through(lib: Any, x: Any) -> Any:
        base = (x * 1).t().contiguous().t() if turned else x * 1
        call(lib, base.view_as(base))
        return base * base

    agree(through, M)


def test_a_source_may_be_larger_than_its_index_and_unread_elements_get_no_gradient() -> None:
    for call in (lambda x, i, s: x.scatter(1, i, s), lambda x, i, s: x.scatter_add(1, i, s)):
        agree(lambda lib, x, i, s, call=call: call(x, i, s), M, G, A[0], order=0)
        source = mt.from_numpy(A[0]).requires_grad_()
        call(mt.from_numpy(M), mt.from_numpy(G), source).sum().backward()
        assert source.grad.tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]


def test_repeated_indices_add_up_in_the_gradient() -> None:
    x = mt.zeros(3, requires_grad=True)
    x[mt.tensor([0, 2, 0, 0])].sum().backward()
    assert x.grad.tolist() == [3, 0, 1]


def test_many_repeated_indices_add_up_as_in_numpy() -> None:
    draw = np.random.default_rng(0)
    positions, values = draw.integers(0, 50, 20_000), draw.standard_normal((20_000, 3))
    expected = np.zeros((50, 3))
    np.add.at(expected, positions, values)
    ours = mt.zeros(50, 3, dtype=mt.float64).index_add(0, mt.from_numpy(positions), mt.from_numpy(values))
    np.testing.assert_allclose(ours.numpy(), expected)


def test_an_int_tensor_indexes_like_an_int_and_may_be_changed_after_a_read_without_grad() -> None:
    x, i = mt.arange(6).view(2, 3), mt.tensor(1)
    row = x[i]
    i.fill_(0)
    assert row.tolist() == [3, 4, 5] and row._base is x._base


def test_an_index_changed_before_backward_raises() -> None:
    x, i = mt.zeros(3, requires_grad=True), mt.tensor([0, 1])
    y = x[i].sum()
    i[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_an_index_in_the_memory_that_it_writes_to_is_read_first() -> None:
    x = mt.tensor([2, 0, 1])
    x[x] = mt.tensor([7, 8, 9])
    assert x.tolist() == [8, 9, 7]


@pytest.mark.parametrize(("write", "message"), [
    (lambda x: x.__setitem__(([0, 5],), 1.0), "index 5 is out of bounds for dimension 0 with size 3"),
    (lambda x: x.__setitem__((slice(None), [0, -5]), 1.0), "index -5 is out of bounds for dimension 1 with size 4"),
    (lambda x: x.index_add_(0, mt.tensor([0, 3]), mt.ones(2, 4)), "index 3 is out of bounds for dimension 0"),
    (lambda x: x.scatter_(0, mt.tensor([[0], [-1]]), 1.0), "index -1 .* not wrapped"),
    (lambda x: x.__setitem__(0, mt.ones(5)), r"must match|does not fit|broadcast"),
    (lambda x: x.__setitem__([0, 1], mt.ones(3, 4)), "cannot be broadcast to indexing result"),
    (lambda x: x.masked_scatter_(mt.ones(3, 4) > 0, mt.ones(3)), "the mask chooses 12, the source has 3"),
])
def test_a_refused_write_changes_nothing(write: Callable[[Any], Any], message: str) -> None:
    x = mt.zeros(3, 4)
    with pytest.raises(Exception, match=message):
        write(x)
    assert not x.any()


@pytest.mark.parametrize("call", [
    lambda lib: lib.zeros(3)[3],
    lambda lib: lib.zeros(3)[0, 0],
    lambda lib: lib.zeros(3)[1.0],
    lambda lib: lib.zeros(3)[lib.tensor([1.0])],
    lambda lib: lib.zeros(3)[::-1],
    lambda lib: lib.zeros(3)[lib.tensor([True, False])],
    lambda lib: lib.zeros(3, 4)[[0, 1], [0, 1, 2]],
    lambda lib: lib.tensor(1.0)[0],
    lambda lib: lib.zeros(3).__setitem__(0, "a"),
    lambda lib: lib.zeros(3, dtype=lib.uint8).__setitem__(0, 300),
    lambda lib: lib.zeros(3).__setitem__([0], lib.zeros(1, dtype=lib.float64)),
    lambda lib: lib.zeros(3, requires_grad=True).__setitem__(0, 1.0),
    lambda lib: lib.zeros(3, 4).gather(0, lib.tensor([0])),
    lambda lib: lib.zeros(3, 4).gather(0, lib.tensor([[3]])),
    lambda lib: lib.zeros(3, 4).gather(0, lib.tensor([[0.5]])),
    lambda lib: lib.zeros(3, 4).gather(0, lib.zeros(1, 5, dtype=lib.int64)),
    lambda lib: lib.zeros(3, 4).index_select(0, lib.tensor([3])),
    lambda lib: lib.zeros(3, 4).index_select(0, lib.tensor([[0]])),
    lambda lib: lib.zeros(3, 4).scatter(0, lib.tensor([[0]]), lib.zeros(1, 1, dtype=lib.float64)),
    lambda lib: lib.zeros(3, 4).index_add(0, lib.tensor([0]), lib.zeros(2, 4)),
    lambda lib: lib.zeros(3, 4).masked_fill(lib.zeros(3, 4), 1.0),
    lambda lib: lib.zeros(3, 4).masked_fill_(lib.ones(2, 3, 4) > 0, 1.0),
    lambda lib: lib.zeros(3, 4).take(lib.tensor([12])),
])
def test_a_misuse_raises_what_pytorch_raises(call: Callable[[Any], Any]) -> None:
    same_error(call)


def test_a_uint8_mask_works_and_warns() -> None:
    with pytest.warns(UserWarning, match="uint8 is deprecated"):
        assert mt.arange(3)[mt.tensor([1, 0, 1], dtype=mt.uint8)].tolist() == [0, 2]


def test_host_arrays_and_ranges_can_be_indices() -> None:
    x = mt.arange(12).view(3, 4)
    assert x[np.array([0, 2]), np.int64(1)].tolist() == [1, 9]
    assert x[range(2), 0].tolist() == [0, 4]
    assert x[np.array([True, False, True])].shape == (2, 4)
    x[0] = np.array([9, 8, 7, 6])
    assert x[0].tolist() == [9, 8, 7, 6]


def test_a_write_without_recording_equals_a_recorded_one() -> None:
    """The fast path of ``x[i] = v`` and the recorded one."""
    for index in (1, slice(1, None), (slice(None), 2), (0, 1)):
        short, long, noted = mt.zeros(3, 4), mt.zeros(3, 4), mt.zeros(3, 4, requires_grad=True)
        value = mt.arange(4.0)[: 1 if index == (0, 1) else 3 if index == (slice(None), 2) else 4]
        with mt.no_grad():
            noted[index] = value
        short[index] = value
        recorded = long * mt.ones(1, requires_grad=True)
        recorded[index] = value
        assert short.tolist() == noted.tolist() == recorded.tolist()
        assert short.version == 1


def test_a_number_is_written_in_the_tensors_dtype() -> None:
    agree(lambda lib, x: x.__setitem__(0, 1.9) or x, np.zeros(3, "int64"), order=0)
    agree(lambda lib, x: x.__setitem__(0, 3) or x, np.zeros(3, "float32"), order=0)
    agree(lambda lib, x: x.__setitem__(0, 3) or x, np.zeros(3, "bool"), order=0)


# -- out of bounds, on every device ------------------------------------------------------------------------------------

FAR = [np.array([0, 3]), np.array([-4, 1])]
READS: list[Callable[..., Any]] = [
    lambda x, i: x[i],
    lambda x, i: x[i, 0],
    lambda x, i: x.t()[:, i],
    lambda x, i: x.index_select(0, i),
    lambda x, i: x.gather(0, i.view(-1, 1)),
    lambda x, i: mt.take_along_dim(x, i.view(-1, 1), 0),
    lambda x, i: x.take(i * 3),
    lambda x, i: mt.nn.functional.embedding(i, x),
    lambda x, i: mt.nn.functional.embedding_bag(i.view(1, -1), x),
]
WRITES: list[Callable[..., Any]] = [
    lambda x, i: x.__setitem__(i, 1.0),
    lambda x, i: x.__setitem__(i, mt.ones(2, 3).to(x.device)),
    lambda x, i: x.__setitem__((i, 0), 1.0),
    lambda x, i: x.index_put_((i,), x.new_ones(2, 3), accumulate=True),
    lambda x, i: x.index_add_(0, i, x.new_ones(2, 3)),
    lambda x, i: x.index_copy_(0, i, x.new_ones(2, 3)),
    lambda x, i: x.index_fill_(0, i, 1.0),
    lambda x, i: x.index_reduce_(0, i, x.new_ones(2, 3), "amax"),
    lambda x, i: x.scatter_(0, i.view(-1, 1), 1.0),
    lambda x, i: x.scatter_(0, i.view(-1, 1), x.new_ones(2, 1)),
    lambda x, i: x.scatter_add_(0, i.view(-1, 1), x.new_ones(2, 1)),
    lambda x, i: x.scatter_reduce_(0, i.view(-1, 1), x.new_ones(2, 1), "prod", include_self=False),
    lambda x, i: x.put_(i * 3, x.new_ones(2)),
]


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("far", FAR, ids=str)
@pytest.mark.parametrize("number", range(len(READS) + len(WRITES)))
def test_an_index_out_of_range_is_refused_before_anything_is_written(device: str, far: Any, number: int) -> None:
    with installed():
        x, index = mt.zeros(3, 3).to(device), mt.tensor(far).to(device)
        with pytest.raises(IndexError, match=r"(3|-4|9|-12) is out of (bounds|range).*(3|9)"):
            (READS + WRITES)[number](x, index)
        assert x.version == 0
        assert x.cpu().tolist() == [[0.0] * 3] * 3


def test_indices_of_a_small_dtype_do_not_overflow() -> None:
    x = mt.arange(300 * 300).view(300, 300)
    index = mt.tensor([100, -1, 127], dtype=mt.int32)
    assert x[index, index].tolist() == [100 * 301, 299 * 301, 127 * 301]
    assert x.gather(0, mt.full((1, 300), 120, dtype=mt.int32))[0, 5].item() == 120 * 300 + 5
    assert x.float().index_add(0, mt.tensor([127], dtype=mt.int32), mt.ones(1, 300))[127, 0].item() == 127 * 300 + 1


@pytest.mark.parametrize("dtype", [mt.int8, mt.int16])
def test_indices_are_int32_or_int64(dtype: Any) -> None:
    index = mt.tensor([0], dtype=dtype)
    with pytest.raises(IndexError, match=f"must be long, int, byte or bool tensors, got {dtype.name}"):
        mt.zeros(2)[index]
    with pytest.raises(RuntimeError, match=f"gather.*expected dtype int32 or int64 for index, got {dtype.name}"):
        mt.zeros(2).gather(0, index)


@pytest.mark.parametrize("count", [3, 5000])
def test_rows_at_negative_indices_have_their_gradient(count: int) -> None:
    index = (np.arange(count) * 7) % 40 - 20
    agree(lambda lib, x: x[lib.from_numpy(index)] ** 2, np.arange(40.0).reshape(20, 2))


@pytest.mark.parametrize("call", [
    lambda lib, x: lib.gather(x, 0, lib.tensor([0, 1, 2]), out=x[2:]),
    lambda lib, x: lib.masked_select(x, x > 2, out=x[2:]),
    lambda lib, x: lib.take(x, lib.tensor([0, 1, 2]), out=x[2:]),
    lambda lib, x: lib.index_select(x, 0, lib.tensor([0, 1]), out=lib.zeros(1).expand(2)),
    lambda lib, x: lib.gather(x, 0, lib.tensor([0, 1]), out=lib.zeros(2, dtype=lib.float64)),
])
def test_a_write_does_not_overwrite_elements_before_they_are_read(call: Any) -> None:
    same_error(lambda lib: call(lib, lib.arange(5.0)))
    x = mt.arange(5.0)
    with pytest.raises(RuntimeError):
        call(mt, x)
    assert x.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_many_rows_equal_pytorchs(mode: str) -> None:
    random = np.random.default_rng(0)
    numbers, starts = random.integers(0, 40, 3000), np.concatenate(([0], np.sort(random.integers(0, 3000, 90))))
    table = random.standard_normal((40, 16))

    def bags(lib: Any, weight: Any) -> Any:
        return lib.nn.functional.embedding_bag(lib.from_numpy(numbers), weight, lib.from_numpy(starts), mode=mode)

    agree(bags, table, order=1)


def test_resizing_keeps_the_old_elements() -> None:
    x = mt.arange(6).view(2, 3)
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.resize_(3, 4).shape == (3, 4)
    assert x.view(-1)[:6].tolist() == [0, 1, 2, 3, 4, 5]
    same_error(lambda lib: lib.zeros(2, requires_grad=True).resize_(3))
