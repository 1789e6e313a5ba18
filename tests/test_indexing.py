"""``x[...]`` against PyTorch: the same layout for views, the same elements for picks, the class of each error."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minitensor import indexing, layouts
from minitensor.errors import InvalidIndexError, MinitensorError
from minitensor.layouts import Layout

STORAGE = 2_000
KINDS = (IndexError, ValueError, TypeError, RuntimeError)


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# ---- strategies --------------------------------------------------------------------------------------------------


@st.composite
def some_layouts(draw: st.DrawFn) -> Layout:
    x = layouts.contiguous(tuple(draw(st.lists(st.sampled_from([3, 2, 4, 1, 0]), max_size=4))))
    x = layouts.permute(x, tuple(draw(st.permutations(range(len(x.shape))))))
    return Layout(x.shape, tuple([s * draw(st.sampled_from([1, 1, 2, 0])) for s in x.strides]), draw(st.integers(0, 3)))


ints = st.integers(-4, 3)
ends = st.one_of(st.none(), st.integers(-5, 5))
slices = st.builds(slice, ends, ends, st.one_of(st.none(), st.integers(1, 3)))
arrays = st.sampled_from(
    [np.array([0]), np.array([1, 0]), np.array([-1, 0]), np.array([[0], [1]]), np.array([], np.int64)]
)
masks = st.sampled_from([(3,), (2,), (3, 2), (2, 4), ()]).flatmap(
    lambda shape: st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(
        lambda bits: np.array(bits, bool).reshape(shape)
    )
)
steps = st.one_of(ints, slices, st.none(), st.just(Ellipsis))
anything = st.one_of(steps, arrays, masks, st.booleans())


def basic_indices(x: Layout) -> st.SearchStrategy[tuple[Any, ...]]:
    """Ints in range, slices, None and at most one ``...``: what ``basic`` handles."""
    items = [st.one_of(slices, st.integers(-n, n - 1)) if n else slices for n in x.shape]
    some = st.integers(0, len(items))
    front = some.flatmap(lambda count: st.tuples(*items[:count]))
    back = some.flatmap(lambda count: st.tuples(*items[len(items) - count :]))
    both = st.tuples(front, back).filter(lambda ends: len(ends[0]) + len(ends[1]) <= len(items))
    new = st.sampled_from([(), (None,), (None, None)])
    return st.one_of(
        st.tuples(new, front, new).map(lambda parts: sum(parts, ())),
        st.tuples(both, new, new).map(lambda parts: (*parts[0][0], *parts[1], ..., *parts[2], *parts[0][1])),
    )


# ---- oracles -----------------------------------------------------------------------------------------------------


def dims_taken(item: Any) -> int | None:
    """What an op tells ``resolve`` about NumPy's arrays."""
    if not isinstance(item, np.ndarray):
        return None
    return item.ndim if item.dtype == bool else 1


def refuse(item: object) -> int | None:
    return None


def seen(x: Layout) -> np.ndarray[Any, Any]:
    storage = np.arange(STORAGE)
    return np.lib.stride_tricks.as_strided(storage[x.offset :], x.shape, [8 * s for s in x.strides])


def gather(x: Layout, index: tuple[object, ...]) -> np.ndarray[Any, Any]:
    """The elements of a view and its picks, by NumPy's fancy indexing with one array per picked dim."""
    view, picks = indexing.resolve(x, index, dims_taken)
    columns: dict[int, Any] = {}
    for dim, pick in picks.items():
        mask = np.asarray(pick)
        if mask.dtype != bool:
            columns[dim] = mask
            continue
        indexing.check_mask(mask.shape, view.shape, dim)
        columns.update(enumerate(mask.nonzero(), dim) if mask.ndim else [(dim, np.zeros(int(mask), int))])
    if not columns:
        return seen(view)
    shape, _ = indexing.advanced_shape(view.shape, {dim: column.shape for dim, column in columns.items()})
    result: np.ndarray[Any, Any] = seen(view)[tuple([columns.get(dim, slice(None)) for dim in range(len(view.shape))])]
    assert result.shape == shape
    return result


def outcome(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except KINDS as error:
        return next(kind for kind in KINDS if isinstance(error, kind))


def take(torch: ModuleType, x: Layout, index: tuple[object, ...]) -> Any:
    theirs = tuple([torch.from_numpy(item) if isinstance(item, np.ndarray) else item for item in index])
    return torch.arange(STORAGE).as_strided(*x)[theirs]


def layout_of(tensor: Any) -> Layout:
    return Layout(tuple(tensor.shape), tensor.stride(), tensor.storage_offset())


# ---- laws --------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(some_layouts(), st.lists(steps, max_size=5).map(tuple))
def test_ints_slices_none_and_ellipsis_make_pytorchs_view(
    torch: ModuleType, x: Layout, index: tuple[object, ...]
) -> None:
    assume(index.count(Ellipsis) < 2)
    ours = outcome(lambda: indexing.resolve(x, index, refuse))
    theirs = outcome(lambda: layout_of(take(torch, x, index)))
    assert ours == (theirs if theirs is IndexError else (theirs, {}))


@settings(max_examples=200)
@given(some_layouts(), st.lists(anything, max_size=5).map(tuple))
def test_picks_choose_the_elements_pytorch_chooses(torch: ModuleType, x: Layout, index: tuple[object, ...]) -> None:
    assume(sum(item is Ellipsis for item in index) < 2)
    ours = outcome(lambda: gather(x, index))
    theirs = outcome(lambda: take(torch, x, index))
    if theirs is IndexError:
        assert ours is IndexError
    else:
        assume(ours is not IndexError or theirs.numel())  # PyTorch does not check bounds if nothing is picked
        np.testing.assert_array_equal(ours, theirs.numpy(), strict=True)


@given(some_layouts(), st.data())
def test_basic_agrees_with_resolve_for_one_index(x: Layout, data: st.DataObject) -> None:
    index = data.draw(basic_indices(x))
    assert (indexing.basic(x, index), {}) == indexing.resolve(x, index, refuse)


@given(some_layouts(), st.one_of(ints, slices))
def test_one_index_needs_no_tuple(x: Layout, index: Any) -> None:
    ours = outcome(lambda: indexing.resolve(x, index, refuse))
    assert ours == outcome(lambda: indexing.resolve(x, (index,), refuse))
    assert (indexing.basic(x, index), {}) == (ours if isinstance(ours, tuple) else (None, {}))


@given(some_layouts(), st.lists(anything, max_size=5).map(tuple))
def test_basic_agrees_with_resolve_or_returns_none(x: Layout, index: tuple[object, ...]) -> None:
    answer = indexing.basic(x, index)
    assert answer is None or (answer, {}) == indexing.resolve(x, index, dims_taken)


@given(some_layouts(), st.data())
def test_a_basic_index_sees_what_numpy_sees(x: Layout, data: st.DataObject) -> None:
    index = data.draw(basic_indices(x))
    found = indexing.basic(x, index)
    assert found is not None
    np.testing.assert_array_equal(seen(found), seen(x)[index])


def test_numpy_integers_count_as_integers() -> None:
    x = layouts.contiguous((3, 4))
    found, picks = indexing.resolve(x, (np.int64(1), slice(np.int32(1), None)), refuse)
    assert (found, picks) == (Layout((3,), (1,), 5), {})
    assert type(found.offset) is int


def test_an_object_with_an_index_method_counts_as_an_integer() -> None:
    class One:
        def __index__(self) -> int:
            return 1

    assert indexing.resolve(layouts.contiguous((3, 4)), One(), refuse)[0] == Layout((4,), (1,), 4)


def test_a_pick_is_reported_at_its_dim_of_the_view() -> None:
    pick, mask = np.array([0, 1]), np.ones((4, 5), bool)
    view, picks = indexing.resolve(layouts.contiguous((2, 3, 4, 5)), (0, None, pick, mask), dims_taken)
    assert view.shape == (1, 3, 4, 5)
    assert {dim: id(item) for dim, item in picks.items()} == {1: id(pick), 2: id(mask)}


def test_true_and_false_add_a_dim_and_a_pick() -> None:
    view, picks = indexing.resolve(layouts.contiguous((2, 3)), (slice(None), True), refuse)
    assert (view.shape, picks) == ((2, 1, 3), {1: True})


# ---- where picked dims land --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dims", "place"), [([0], 0), ([2], 2), ([1, 2], 1), ([2, 1], 1), ([0, 2], 0), ([1, 3], 0), ([1, 2, 3], 1)]
)
def test_adjacent_picks_stay_in_place_and_separated_picks_go_first(dims: list[int], place: int) -> None:
    shape = (2, 3, 4, 5)
    assert indexing.place_of_picks(dims) == place
    found, where = indexing.advanced_shape(shape, {dim: (7, 1) for dim in dims})
    index = tuple([np.zeros((7, 1), int) if dim in dims else slice(None) for dim in range(4)])
    assert (found, where) == (np.zeros(shape)[index].shape, place)


def test_picks_broadcast_against_each_other() -> None:
    assert indexing.advanced_shape((2, 3, 4), {0: (5, 1), 1: (6,)}) == ((5, 6, 4), 0)


# ---- refusals ----------------------------------------------------------------------------------------------------


def mask(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, bool)


@pytest.mark.parametrize(
    ("index", "kind", "message"),
    [
        ((5,), IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
        ((0, -5), IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0), IndexError, r"too many indices for tensor of dimension 2 \(shape \(3, 4\)\): \(0, 0, 0\)"),
        ((mask(3, 4), 0), IndexError, "too many indices for tensor of dimension 2"),
        ((1.0,), IndexError, r"only integers, slices .* are valid indices \(got float: 1\.0\)"),
        ((slice(None, None, -1),), ValueError, "step must be greater than zero, got -1; use flip"),
        ((slice(None, None, 0),), ValueError, "step"),
        ((slice(1.5, None),), TypeError, "slice indices must be integers or None"),
        ((mask(2),), IndexError, r"shape of the mask \[2\] at index 0 does not match .* \[3, 4\] at index 0"),
        ((slice(None), mask(3)), IndexError, r"shape of the mask \[3\] at index 0 does not match .* at index 1"),
        (
            (np.array([0, 1]), np.array([0, 1, 2])),
            IndexError,
            r"could not be broadcast together with shapes \[2\], \[3\]",
        ),
    ],
)
def test_a_wrong_index_is_refused_as_pytorch_refuses_it(
    torch: ModuleType, index: tuple[Any, ...], kind: type[Exception], message: str
) -> None:
    x = layouts.contiguous((3, 4))
    with pytest.raises(kind, match=message):
        gather(x, index)
    with pytest.raises(kind):
        take(torch, x, index)


def test_a_0d_tensor_has_nothing_to_index() -> None:
    with pytest.raises(IndexError, match=r"invalid index of a 0-dim tensor; use item\(\)"):
        indexing.resolve(layouts.contiguous(()), 0, refuse)


def test_two_ellipses_are_refused_as_in_numpy() -> None:
    """PyTorch accepts them, and reads the second as nothing or as an error, depending on what follows."""
    with pytest.raises(InvalidIndexError, match="single ellipsis"):
        indexing.resolve(layouts.contiguous((3, 4)), (..., 0, ...), refuse)


def test_a_string_is_not_an_index() -> None:
    with pytest.raises(MinitensorError, match=r"got str: 'a'"):
        indexing.resolve(layouts.contiguous((3, 4)), "a", refuse)
