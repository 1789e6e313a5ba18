"""Layouts against PyTorch (shape, strides, offset, error class) and against NumPy (the values seen).

Layouts are random: any order of dims, gaps, expanded dims, sizes 0 and 1 with odd strides, an offset. The storage holds
0, 1, 2, ..., so the values seen through a layout are the addresses that it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minitensor import layouts
from minitensor.errors import MinitensorError, ShapeError
from minitensor.layouts import Layout
from minitensor.ops.view_errors import explain_view

STORAGE = 12_000
KINDS = (IndexError, ValueError, TypeError, RuntimeError)


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# ---- strategies --------------------------------------------------------------------------------------------------


@st.composite
def any_layouts(
    draw: st.DrawFn, min_dims: int = 0, max_dims: int = 4, sizes: tuple[int, ...] = (2, 3, 1, 4, 0)
) -> Layout:
    """Layouts with dims in any memory order, some with gaps, some expanded, size-1 dims with any stride."""
    shape = tuple(draw(st.lists(st.sampled_from(sizes), min_size=min_dims, max_size=max_dims)))
    strides, step = [0] * len(shape), 1
    for dim in draw(st.permutations(range(len(shape)))):
        step *= draw(st.sampled_from([1, 1, 1, 2]))
        strides[dim] = draw(st.integers(0, 9)) if shape[dim] <= 1 and draw(st.booleans()) else step
        if shape[dim] > 1 and draw(st.integers(0, 7)) == 7:
            strides[dim] = draw(st.integers(0, 3))
        step *= max(shape[dim], 1)
    return Layout(shape, tuple(strides), draw(st.integers(0, 5)))


@st.composite
def loose_layouts(draw: st.DrawFn) -> Layout:
    """Layouts with arbitrary strides."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    return Layout(shape, tuple([draw(st.integers(0, 12)) for _ in shape]), draw(st.integers(0, 20)))


@st.composite
def images(draw: st.DrawFn) -> Layout:
    """4-d and 5-d layouts, most of them close to channels_last."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 0]), min_size=4, max_size=5)))
    made = draw(st.sampled_from([layouts.channels_last, layouts.contiguous]))(shape)
    strides = [draw(st.integers(0, 6)) if n == 1 and draw(st.booleans()) else s for n, s in zip(shape, made.strides)]
    spread = draw(st.sampled_from([1, 1, 1, 2]))
    return Layout(shape, tuple([s * spread for s in strides]), 0)


def dims_for(layout: Layout) -> st.SearchStrategy[int]:
    """Dims of the layout, positive and negative, and a few out of range."""
    return st.integers(-len(layout.shape) - 1, len(layout.shape))


def faults(dims: list[int], layout: Layout) -> int:
    """In how many ways the dims are wrong: out of range, repeated. Which of two faults is reported first may differ."""
    reach = len(layout.shape) or 1
    inside = [dim % reach for dim in dims if -reach <= dim < reach]
    return (len(inside) < len(dims)) + (len(set(inside)) < len(inside))


@st.composite
def shapes_of(draw: st.DrawFn, count: int) -> tuple[int, ...]:
    """Shapes with a given number of elements and some extra ones."""
    if count == 0:
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        shape.insert(draw(st.integers(0, len(shape))), 0)
        return tuple(shape)
    shape = []
    while count > 1:
        factor = draw(st.sampled_from([n for n in range(2, count + 1) if count % n == 0]))
        shape.append(factor)
        count //= factor
    for _ in range(draw(st.integers(0, 2))):
        shape.insert(draw(st.integers(0, len(shape))), 1)
    return tuple(shape)


# ---- oracles -----------------------------------------------------------------------------------------------------


def seen(layout: Layout) -> np.ndarray[Any, Any]:
    """The storage 0, 1, 2, ... through the layout: the addresses that it reads."""
    storage = np.arange(STORAGE)
    return np.lib.stride_tricks.as_strided(storage[layout.offset :], layout.shape, [8 * s for s in layout.strides])


def addresses(layout: Layout) -> list[int]:
    """The same, by definition."""
    indices = product(*map(range, layout.shape))
    return [layout.offset + sum(i * s for i, s in zip(index, layout.strides)) for index in indices]


def outcome(run: Callable[[], Any]) -> Any:
    """Return the result of a call: a layout's numbers, or the built-in class of the error."""
    try:
        result = run()
    except KINDS as error:
        return next(kind for kind in KINDS if isinstance(error, kind))
    if hasattr(result, "storage_offset"):
        return Layout(tuple(result.shape), result.stride(), result.storage_offset())
    return result


def through(torch: ModuleType, layout: Layout) -> Any:
    return torch.arange(STORAGE).as_strided(layout.shape, layout.strides, layout.offset)


def holds(torch: ModuleType, ours: Callable[[Layout], Layout], theirs: Callable[[Any], Any], layout: Layout) -> None:
    """Require the same numbers, or errors of the same class, from our layout and PyTorch's tensor."""
    assert outcome(lambda: ours(layout)) == outcome(lambda: theirs(through(torch, layout)))


# ---- every view, against PyTorch ---------------------------------------------------------------------------------


@given(any_layouts(), st.data())
def test_transpose(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    a, b = data.draw(dims_for(x)), data.draw(dims_for(x))
    holds(torch, lambda x: layouts.transpose(x, a, b), lambda t: t.transpose(a, b), x)


@given(any_layouts(), st.data())
def test_permute(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    order = [
        dim - data.draw(st.sampled_from([0, len(x.shape)])) for dim in data.draw(st.permutations(range(len(x.shape))))
    ]
    holds(torch, lambda x: layouts.permute(x, tuple(order)), lambda t: t.permute(order), x)


@given(any_layouts(), st.data())
def test_permute_refuses_invalid_permutations(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    order = data.draw(st.lists(dims_for(x), max_size=4))
    assume(faults(order, x) < 2)
    holds(torch, lambda x: layouts.permute(x, tuple(order)), lambda t: t.permute(order), x)


@given(any_layouts(), st.data())
def test_movedim(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    source, destination = data.draw(st.lists(dims_for(x), max_size=3)), data.draw(st.lists(dims_for(x), max_size=3))
    assume(source or destination)  # PyTorch takes two empty lists for two ints
    assume(faults(source, x) + faults(destination, x) < 2)
    holds(
        torch,
        lambda x: layouts.movedim(x, tuple(source), tuple(destination)),
        lambda t: t.movedim(tuple(source), tuple(destination)),
        x,
    )


@given(any_layouts(), st.data())
def test_unsqueeze(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    dim = data.draw(st.integers(-len(x.shape) - 2, len(x.shape) + 1))
    holds(torch, lambda x: layouts.unsqueeze(x, dim), lambda t: t.unsqueeze(dim), x)


@given(any_layouts())
def test_squeeze(torch: ModuleType, x: Layout) -> None:
    holds(torch, layouts.squeeze, lambda t: t.squeeze(), x)


@given(any_layouts(), st.data())
def test_squeeze_of_named_dims(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    dims = data.draw(st.one_of(dims_for(x), st.lists(dims_for(x), max_size=3).map(tuple)))
    assume(isinstance(dims, int) or faults([*dims], x) < 2)
    holds(torch, lambda x: layouts.squeeze_dims(x, dims), lambda t: t.squeeze(dims), x)


@given(any_layouts(max_dims=3), st.data())
def test_expand(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    lead = data.draw(st.lists(st.sampled_from([2, 1, 3, 0, -1]), max_size=2))
    kept = [data.draw(st.sampled_from([n, n, -1, 3 if n == 1 else n, 2])) for n in x.shape]
    sizes = (*lead, *kept)[data.draw(st.sampled_from([0, 0, 0, 1])) :]
    assume(x.shape or -1 not in sizes)  # PyTorch gives a 0-d tensor a size of -1
    holds(torch, lambda x: layouts.expand(x, sizes), lambda t: t.expand(sizes), x)


@given(any_layouts(), st.data())
def test_select(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    dim, index = data.draw(dims_for(x)), data.draw(st.integers(-5, 4))
    holds(torch, lambda x: layouts.select(x, dim, index), lambda t: t.select(dim, index), x)


@given(any_layouts(), st.data())
def test_narrow(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    dim, start, length = data.draw(dims_for(x)), data.draw(st.integers(-5, 5)), data.draw(st.integers(-1, 4))
    holds(torch, lambda x: layouts.narrow(x, dim, start, length), lambda t: t.narrow(dim, start, length), x)


@given(any_layouts(), st.data())
def test_unfold(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    dim, size, step = data.draw(dims_for(x)), data.draw(st.integers(-1, 4)), data.draw(st.integers(0, 3))
    holds(torch, lambda x: layouts.unfold(x, dim, size, step), lambda t: t.unfold(dim, size, step), x)


@given(any_layouts(), st.data())
def test_diagonal(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    offset, a, b = data.draw(st.integers(-4, 4)), data.draw(dims_for(x)), data.draw(dims_for(x))
    holds(torch, lambda x: layouts.diagonal(x, offset, a, b), lambda t: t.diagonal(offset, a, b), x)


@given(loose_layouts(), st.integers(-1, 40))
def test_as_strided_stays_inside_the_storage(torch: ModuleType, x: Layout, size: int) -> None:
    size = max(size, 0)
    assume(size or 0 not in x.shape)
    assert outcome(lambda: layouts.as_strided(*x, size)) == outcome(lambda: torch.zeros(size).as_strided(*x))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"), [((2,), (-1,), 1), ((2,), (1,), -1), ((2, 2), (1,), 0), ((-1,), (1,), 0)]
)
def test_as_strided_refuses_nonsense(torch: ModuleType, shape: Any, strides: Any, offset: int) -> None:
    ours = outcome(lambda: layouts.as_strided(shape, strides, offset, 10))
    assert ours is RuntimeError
    assert ours is outcome(lambda: torch.zeros(10).as_strided(shape, strides, offset))


# ---- view, the strictest ----------------------------------------------------------------------------------------


@settings(max_examples=400)
@given(any_layouts(max_dims=5), st.data())
def test_view_finds_the_strides_pytorch_finds_or_none(torch: ModuleType, x: Layout, data: st.DataObject) -> None:
    shape = data.draw(shapes_of(prod(x.shape)))
    ours = layouts.view(x, shape)
    theirs = outcome(lambda: through(torch, x).view(shape))
    assert (RuntimeError if ours is None else ours) == theirs


@settings(max_examples=200)
@given(st.data())
def test_chains_of_views_agree_with_pytorch(torch: ModuleType, data: st.DataObject) -> None:
    x = layouts.contiguous(data.draw(st.sampled_from([(2, 3, 4), (4, 1, 6), (24,), (2, 2, 2, 3), (0, 4), ()])))
    t = through(torch, x)
    for _ in range(data.draw(st.integers(1, 5))):
        kind = data.draw(st.sampled_from(["view", "view", "transpose", "slice", "unsqueeze"]))
        if kind == "view":
            shape = data.draw(shapes_of(prod(x.shape)))
            viewed = layouts.view(x, shape)
            assert (viewed or RuntimeError) == outcome(lambda t=t, shape=shape: t.view(shape))
            if viewed is not None:
                x, t = viewed, t.view(shape)
        elif kind == "unsqueeze":
            x, t = layouts.unsqueeze(x, -1), t.unsqueeze(-1)
        elif x.shape and kind == "transpose":
            x, t = layouts.transpose(x, 0, -1), t.transpose(0, -1)
        elif x.shape:
            half = x.shape[0] // 2
            x, t = layouts.narrow(x, 0, half, x.shape[0] - half), t[half:]
        assert x == outcome(lambda t=t: t)


@given(any_layouts(), st.data())
def test_a_view_sees_the_elements_in_the_same_order(x: Layout, data: st.DataObject) -> None:
    shape = data.draw(shapes_of(prod(x.shape)))
    viewed = layouts.view(x, shape)
    assume(viewed is not None)
    np.testing.assert_array_equal(seen(viewed), seen(x).reshape(shape))


@given(any_layouts(min_dims=2, sizes=(2, 3, 4)), st.data())
def test_no_view_means_no_strides_at_all(x: Layout, data: st.DataObject) -> None:
    """The addresses determine the strides: where view refuses, no strides give the reshaped values."""
    shape = data.draw(shapes_of(prod(x.shape)))
    assume(layouts.view(x, shape) is None)
    wanted = seen(x).reshape(shape)
    starts = [np.take(wanted, 1, dim).flat[0] - wanted.flat[0] if n > 1 else 0 for dim, n in enumerate(shape)]
    forced = Layout(shape, tuple(map(int, starts)), x.offset)
    assert any(s < 0 for s in forced.strides) or not np.array_equal(seen(forced), wanted)


@given(any_layouts(min_dims=2, sizes=(2, 3, 4)), st.data())
def test_a_failing_view_names_dims_that_do_not_merge(x: Layout, data: st.DataObject) -> None:
    shape = data.draw(shapes_of(prod(x.shape)))
    assume(layouts.view(x, shape) is None)
    assert "cannot merge" in explain_view(x, shape)


def test_the_transposed_matrix_of_the_notes_has_no_flat_view() -> None:
    x = layouts.transpose(layouts.contiguous((4, 3)), 0, 1)
    assert (x.strides, layouts.is_contiguous(x), layouts.view(x, (12,))) == ((1, 3), False, None)
    assert "sizes 3 and 4, strides 1 and 3" in explain_view(x, (12,))
    assert layouts.contiguous(x.shape).strides == (4, 1)


# ---- every view, against NumPy's values --------------------------------------------------------------------------


@given(any_layouts(min_dims=2), st.data())
def test_what_a_view_sees_is_what_numpy_sees(x: Layout, data: st.DataObject) -> None:
    dim, other = data.draw(st.sampled_from(list(np.ndindex(len(x.shape), len(x.shape)))))
    assume(dim != other)
    n, values = x.shape[dim], seen(x)
    start = data.draw(st.integers(0, n))
    cases = [
        (layouts.transpose(x, dim, other), values.swapaxes(dim, other)),
        (layouts.movedim(x, (dim,), (other,)), np.moveaxis(values, dim, other)),
        (layouts.unsqueeze(x, dim), np.expand_dims(values, dim)),
        (layouts.squeeze(x), np.squeeze(values)),
        (layouts.expand(x, (2, *x.shape)), np.broadcast_to(values, (2, *x.shape))),
        (layouts.diagonal(x, 1, dim, other), np.diagonal(values, 1, dim, other)),
        (layouts.narrow(x, dim, start, n - start), np.take(values, range(start, n), dim)),
    ]
    for layout, expected in cases:
        np.testing.assert_array_equal(seen(layout), expected)


@given(any_layouts(min_dims=1), st.data())
def test_unfold_sees_what_a_sliding_window_sees(x: Layout, data: st.DataObject) -> None:
    dim = data.draw(st.integers(0, len(x.shape) - 1))
    size, step = data.draw(st.integers(0, x.shape[dim])), data.draw(st.integers(1, 3))
    assume(size)  # NumPy refuses empty windows
    windows = np.lib.stride_tricks.sliding_window_view(seen(x), size, dim)
    np.testing.assert_array_equal(
        seen(layouts.unfold(x, dim, size, step)), np.take(windows, range(0, windows.shape[dim], step), dim)
    )


# ---- fresh layouts -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 4), max_size=5).map(tuple))
def test_contiguous_strides(torch: ModuleType, shape: tuple[int, ...]) -> None:
    assert layouts.contiguous(shape) == outcome(lambda: torch.empty(shape))


@given(st.lists(st.integers(0, 4), min_size=4, max_size=5).map(tuple))
def test_channels_last_strides(torch: ModuleType, shape: tuple[int, ...]) -> None:
    memory = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    assert layouts.channels_last(shape) == outcome(lambda: torch.empty(shape, memory_format=memory))


def test_channels_last_accepts_only_images() -> None:
    with pytest.raises(ShapeError, match=r"4-d or 5-d shape .* got \(2, 3\)"):
        layouts.channels_last((2, 3))


@given(st.one_of(any_layouts(), loose_layouts(), images()))
def test_a_copy_keeps_the_order_of_dims(torch: ModuleType, x: Layout) -> None:
    assert layouts.like(x) == outcome(lambda: torch.empty_like(through(torch, x)))


# ---- questions ---------------------------------------------------------------------------------------------------


@given(st.one_of(any_layouts(), loose_layouts(), images()))
def test_is_contiguous(torch: ModuleType, x: Layout) -> None:
    assert layouts.is_contiguous(x) == through(torch, x).is_contiguous()


@given(images())
def test_is_channels_last(torch: ModuleType, x: Layout) -> None:
    memory = torch.channels_last if len(x.shape) == 4 else torch.channels_last_3d
    assert layouts.is_channels_last(x) == through(torch, x).is_contiguous(memory_format=memory)


@given(images())
def test_suggests_channels_last(torch: ModuleType, x: Layout) -> None:
    suggested = pytest.importorskip("torch._prims_common").suggest_memory_format(through(torch, x))
    assert layouts.suggests_channels_last(x) == (suggested in (torch.channels_last, torch.channels_last_3d))


@given(st.one_of(any_layouts(), loose_layouts()))
def test_dense_means_that_each_location_in_a_range_is_used_once(x: Layout) -> None:
    touched = sorted(addresses(x))
    assert layouts.is_dense(x) == (touched == list(range(x.offset, x.offset + len(touched))))


@given(st.one_of(any_layouts(), loose_layouts()))
def test_extent_is_the_span_of_the_addresses(x: Layout) -> None:
    touched = addresses(x) or [x.offset]
    assert layouts.extent(x) == (min(touched), max(touched) + bool(prod(x.shape)))


@settings(max_examples=200)
@given(st.one_of(any_layouts(), loose_layouts()))
def test_overlap_is_found_exactly(x: Layout) -> None:
    touched = addresses(x)
    assert layouts.has_overlap(x) == (len(set(touched)) < len(touched))


@pytest.mark.parametrize("size", [100, 10**4, 10**8])
def test_windows_overlap_when_they_are_longer_than_their_step(size: int) -> None:
    x = layouts.contiguous((size,))
    assert layouts.has_overlap(layouts.unfold(x, 0, 3, 2))
    assert not layouts.has_overlap(layouts.unfold(x, 0, 3, 3))


def test_contrived_strides_end_soon_and_say_maybe() -> None:
    """This is subset sum: the search is cut short, and then the safe answer is True."""
    primes = (10007, 10009, 10037, 10039, 10061, 10067, 10069, 10079, 10091, 10093, 10099, 10103)
    x = Layout((30,) * 12, primes, 0)
    assert layouts.has_overlap(x)


# ---- numbers in, numbers out -------------------------------------------------------------------------------------


def test_numpy_integers_never_enter_a_layout() -> None:
    x = layouts.narrow(layouts.contiguous((np.int64(7), 6)), np.int64(0), np.int64(2), np.int64(4))
    assert {type(n) for n in (*x.shape, *x.strides, x.offset)} == {int}


def test_floats_and_arrays_are_refused_before_the_cache() -> None:
    x = layouts.contiguous((5, 5))
    with pytest.raises(TypeError, match=r"expected an int, got 1\.5 of type float"):
        layouts.narrow(x, 0, 1.5, 1)  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError):
        layouts.select(x, 0, np.array(1))  # type: ignore[arg-type]  # the point


def test_an_error_for_a_dim_out_of_range_shows_the_range() -> None:
    with pytest.raises(IndexError, match=r"dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)"):
        layouts.transpose(layouts.contiguous((2, 3)), 0, 5)


def test_a_0d_layout_accepts_the_dims_of_one_dim() -> None:
    x = layouts.contiguous(())
    assert layouts.transpose(x, 0, -1) == layouts.squeeze_dims(x, 0) == layouts.movedim(x, (0,), (-1,)) == x


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (
            lambda x: layouts.expand(x, (3, 3)),
            r"expanded size of the tensor \(3\) must match the existing size \(2\) at non",
        ),
        (lambda x: layouts.expand(x, (-1, 2, 3)), r"\(-1\) isn't allowed in a leading, non-existing dimension 0"),
        (lambda x: layouts.expand(layouts.contiguous(()), (0, -1)), r"\(-1\) isn't allowed .* dimension 1"),
        (lambda x: layouts.expand(x, (3,)), r"number of sizes provided \(1\) must be greater or equal .* \(2\)"),
        (lambda x: layouts.select(x, 1, 7), r"index 7 out of range for tensor of size \[2, 3\] at dimension 1"),
        (lambda x: layouts.narrow(x, 1, 2, 4), r"start \(2\) \+ length \(4\) exceeds dimension size \(3\)"),
        (lambda x: layouts.permute(x, (0,)), r"2 dims \(shape \(2, 3\)\), the order \(0,\) has 1"),
        (lambda x: layouts.permute(x, (0, 0)), r"dim 0 appears multiple times"),
        (
            lambda x: layouts.as_strided((4,), (2,), 0, 6),
            r"requiring a storage of 7 elements are out of bounds .* of 6",
        ),
        (lambda x: layouts.unfold(x, 0, 4, 1), r"maximum size for tensor at dimension 0 is 2 but size is 4"),
        (lambda x: layouts.diagonal(x, 0, 1, 1), r"dimensions cannot be identical 1, 1"),
    ],
)
def test_errors_show_what_was_given(refused: Callable[[Layout], Layout], message: str) -> None:
    with pytest.raises(MinitensorError, match=message):
        refused(layouts.contiguous((2, 3)))
