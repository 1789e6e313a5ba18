"""Sizes and dims, against PyTorch where it has the rule, and against counting where the rule is a count."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minitensor import shapes
from minitensor.errors import MinitensorError
from minitensor.shapes import Size

KINDS = (IndexError, ValueError, TypeError, RuntimeError)
some_shapes = st.lists(st.sampled_from([2, 3, 1, 0]), max_size=4).map(tuple)
some_dims = st.integers(-4, 3)


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def outcome(run: Callable[[], Any]) -> Any:
    """Return the result of a call: its value, or the built-in class of the error."""
    try:
        return run()
    except KINDS as error:
        return next(kind for kind in KINDS if isinstance(error, kind))


# ---- Size --------------------------------------------------------------------------------------------------------


@given(some_shapes)
def test_a_size_prints_and_counts_as_pytorchs(torch: ModuleType, shape: tuple[int, ...]) -> None:
    ours, theirs = Size(shape), torch.Size(shape)
    assert (repr(ours), str(ours), ours.numel()) == (repr(theirs), str(theirs), theirs.numel())


@pytest.mark.parametrize(
    "change",
    [lambda s: s[1:], lambda s: s + (4,), lambda s: (4,) + s, lambda s: s * 2, lambda s: 2 * s, lambda s: s + s],
)
def test_operations_on_a_size_give_a_size(torch: ModuleType, change: Callable[[Any], Any]) -> None:
    ours = change(Size((1, 2, 3)))
    assert type(ours) is Size
    assert tuple(ours) == tuple(change(torch.Size((1, 2, 3))))


def test_a_size_is_a_tuple() -> None:
    size = Size((2, 3))
    assert size == (2, 3) and hash(size) == hash((2, 3)) and size[-1] == 3 and [*size] == [2, 3]


def test_a_size_survives_pickling() -> None:
    assert type(pickle.loads(pickle.dumps(Size((2, 3))))) is Size


def test_a_size_does_not_accept_a_list() -> None:
    with pytest.raises(TypeError):
        Size((1,)) + [2]  # type: ignore[operator]  # the point


# ---- dims --------------------------------------------------------------------------------------------------------


@given(some_dims, some_shapes)
def test_wrap_dim(torch: ModuleType, dim: int, shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape)
    ours = outcome(lambda: shapes.wrap_dim(dim, len(shape)))
    theirs = outcome(lambda: tuple(x.sum(dim, keepdim=True).shape))
    assert ours is theirs if theirs is IndexError else shapes.reduced_shape(shape, dim, True) == theirs


@given(st.lists(some_dims, max_size=4), some_shapes, st.booleans())
def test_reduced_shape(torch: ModuleType, dims: list[int], shape: tuple[int, ...], keepdim: bool) -> None:
    inside = [dim % (len(shape) or 1) for dim in dims if -(len(shape) or 1) <= dim < (len(shape) or 1)]
    assume(len(inside) == len(dims) or len(set(inside)) == len(inside))  # not wrong in two ways at once
    ours = outcome(lambda: shapes.reduced_shape(shape, tuple(dims), keepdim))
    assert ours == outcome(lambda: tuple(torch.zeros(shape).sum(dims, keepdim).shape))


def test_no_dims_means_all() -> None:
    assert shapes.reduced_shape((2, 3)) == shapes.reduced_shape((2, 3), ()) == ()


def test_a_dim_named_twice_is_refused() -> None:
    with pytest.raises(RuntimeError, match="dim 1 appears multiple times in the list of dims"):
        shapes.wrap_dims((1, 0, -1), 2)


# ---- sizes -------------------------------------------------------------------------------------------------------


@given(st.lists(some_shapes, max_size=3))
def test_broadcast_shapes(torch: ModuleType, given_shapes: list[tuple[int, ...]]) -> None:
    ours = outcome(lambda: shapes.broadcast_shapes(*given_shapes))
    assert ours == outcome(lambda: tuple(torch.broadcast_tensors(*map(torch.zeros, given_shapes))[0].shape)) or (
        not given_shapes and ours == ()
    )


def test_a_broadcast_that_fails_names_both_shapes_and_the_dim() -> None:
    with pytest.raises(
        RuntimeError,
        match=r"tensor a \(3\) must match the size of tensor b \(4\) at non-singleton dimension 1: "
        r"shapes \(2, 3\) and \(4,\)",
    ):
        shapes.broadcast_shapes((2, 3), (4,))


@given(some_shapes, st.lists(st.sampled_from([-1, 2, 3, 1, 6, 0, -2]), max_size=4))
def test_infer_size(torch: ModuleType, shape: tuple[int, ...], wanted: list[int]) -> None:
    ours = outcome(lambda: shapes.infer_size(tuple(wanted), prod(shape)))
    assert ours == outcome(lambda: tuple(torch.zeros(shape).view(wanted).shape))


@pytest.mark.parametrize(
    ("shape", "numel", "message"),
    [
        ((-1, -1), 6, r"only one dimension can be inferred, got shape \[-1, -1\]"),
        ((2, 3), 5, r"shape '\[2, 3\]' is invalid for input of size 5"),
        ((4, -1), 6, r"shape '\[4, -1\]' is invalid for input of size 6"),
        ((0, -1), 6, r"shape '\[0, -1\]' is invalid for input of size 6"),
        ((0, -1), 0, r"cannot reshape tensor of 0 elements into shape \[0, -1\] .* is ambiguous"),
        ((-3, 2), 6, r"invalid shape dimension -3 in shape \[-3, 2\]"),
    ],
)
def test_a_size_that_does_not_fit_says_why(shape: tuple[int, ...], numel: int, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        shapes.infer_size(shape, numel)


@given(some_shapes, some_dims, some_dims)
def test_flattened_shape(torch: ModuleType, shape: tuple[int, ...], start: int, end: int) -> None:
    ours = outcome(lambda: shapes.flattened_shape(shape, start, end))
    assert ours == outcome(lambda: tuple(torch.zeros(shape).flatten(start, end).shape))


@given(some_shapes, some_dims, st.lists(st.sampled_from([-1, 1, 2, 3]), max_size=3).map(tuple))
def test_unflattened_shape(torch: ModuleType, shape: tuple[int, ...], dim: int, sizes: tuple[int, ...]) -> None:
    assume(shape)  # PyTorch wraps its own IndexError in a RuntimeError here
    ours = outcome(lambda: shapes.unflattened_shape(shape, dim, sizes))
    theirs = outcome(lambda: tuple(torch.zeros(shape).unflatten(dim, sizes).shape))
    assert ours == theirs or (ours, theirs) == (IndexError, RuntimeError)


@given(some_shapes, some_shapes)
def test_matmul_shape(torch: ModuleType, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    ours = outcome(lambda: shapes.matmul_shape(a, b))
    assert ours == outcome(lambda: tuple(torch.matmul(torch.zeros(a), torch.zeros(b)).shape))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (4, 5), r"inner sizes differ: \(2, 3\) @ \(4, 5\) \(3 != 4\)"),
        ((), (4, 5), r"both arguments need to be at least 1D, but they are 0D and 2D"),
        ((2, 1, 3), (4, 3, 1), r"batch dims of \(2, 1, 3\) @ \(4, 3, 1\) do not broadcast"),
    ],
)
def test_a_matmul_that_fails_names_both_shapes(a: tuple[int, ...], b: tuple[int, ...], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        shapes.matmul_shape(a, b)


@pytest.mark.parametrize("sizes", [(2, 3), ((2, 3),), ([2, 3],), (Size((2, 3)),), (np.int64(2), np.int32(3))])
def test_sizes_may_be_separate_arguments_or_a_sequence(sizes: Any) -> None:
    normal = shapes.normalize_sizes(*sizes)
    assert normal == (2, 3)
    assert {type(normal), *map(type, normal)} == {tuple, int}


@pytest.mark.parametrize("sizes", [(2.0, 3), ((2, "3"),), (None,), ((2,), 3)])
def test_sizes_that_are_not_ints_are_refused(sizes: Any) -> None:
    with pytest.raises(TypeError, match="sizes must be ints or one sequence of ints, got"):
        shapes.normalize_sizes(*sizes)


def test_one_number_serves_both_dims() -> None:
    assert shapes.pair(3) == shapes.pair((3,)) == shapes.pair([3, 3]) == (3, 3)
    with pytest.raises(RuntimeError, match=r"a single integer value or a list of 2 values, got \(1, 2, 3\)"):
        shapes.pair((1, 2, 3))


# ---- pieces of a dim ---------------------------------------------------------------------------------------------


def lengths(pieces: Any) -> tuple[int, ...]:
    return tuple([len(piece) for piece in pieces])


@given(st.integers(0, 9), st.integers(-1, 5))
def test_split_into_pieces_of_one_size(torch: ModuleType, size: int, each: int) -> None:
    ours = outcome(lambda: shapes.split_sections(size, each))
    assert ours == outcome(lambda: lengths(torch.zeros(size).split(each)))


@given(st.integers(0, 6), st.lists(st.integers(-1, 4), min_size=1, max_size=3).map(tuple))
def test_split_into_given_sizes(torch: ModuleType, size: int, sections: tuple[int, ...]) -> None:
    ours = outcome(lambda: shapes.split_sections(size, sections))
    assert ours == outcome(lambda: lengths(torch.zeros(size).split(sections)))


@given(st.integers(0, 12), st.integers(-1, 7))
def test_chunk_sizes(torch: ModuleType, size: int, chunks: int) -> None:
    ours = outcome(lambda: shapes.chunk_sizes(size, chunks))
    assert ours == outcome(lambda: lengths(torch.zeros(size).chunk(chunks)))


@given(st.integers(0, 9), st.one_of(st.integers(-1, 5), st.lists(st.integers(-5, 10), max_size=3).map(tuple)))
def test_tensor_split_pieces(torch: ModuleType, size: int, sections: int | tuple[int, ...]) -> None:
    ours = outcome(lambda: shapes.tensor_split_pieces(size, sections))
    theirs = outcome(lambda: torch.arange(size).tensor_split(sections))
    if isinstance(ours, tuple):
        assert [[*range(start, start + length)] for start, length in ours] == [piece.tolist() for piece in theirs]
    else:
        assert ours == theirs


# ---- windows -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_conv_output_size_counts_the_positions_of_the_window(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    padded, reach = size + 2 * padding, dilation * (kernel - 1) + 1
    places = len([start for start in range(0, padded, stride) if start + reach <= padded])
    ours = outcome(lambda: shapes.conv_output_size(size, kernel, stride, padding, dilation))
    assert ours == (places or RuntimeError)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
def test_conv_output_size_is_pytorchs(
    torch: ModuleType, size: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    ours = outcome(lambda: shapes.conv_output_size(size, kernel, stride, padding, dilation))
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    theirs = outcome(lambda: torch.conv1d(x, w, stride=stride, padding=padding, dilation=dilation).shape[2])
    assert ours == theirs


@pytest.mark.parametrize(
    ("window", "places"),
    [((7, 3, 1), 5), ((7, 3, 2), 3), ((5, 3, 1, 1), 5), ((5, 3, 2, 1), 3), ((10, 3, 2), 4), ((227, 11, 4), 55)],
)
def test_sizes_of_known_networks(window: tuple[int, ...], places: int) -> None:
    assert shapes.conv_output_size(*window) == places


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 3))
def test_same_padding_keeps_the_size(size: int, kernel: int, dilation: int) -> None:
    before, after = shapes.same_padding(kernel, dilation)
    assert shapes.conv_output_size(size + before + after, kernel, dilation=dilation) == size


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 3))
def test_same_padding_puts_the_extra_one_where_pytorch_does(
    torch: ModuleType, size: int, kernel: int, dilation: int
) -> None:
    x = torch.arange(1.0, size + 1)[None, None]
    w = torch.arange(1.0, kernel + 1)[None, None]
    padded = torch.nn.functional.pad(x, shapes.same_padding(kernel, dilation))
    expected = torch.conv1d(x, w, padding="same", dilation=dilation)
    assert torch.equal(torch.conv1d(padded, w, dilation=dilation), expected)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_pool_output_size_is_pytorchs(
    torch: ModuleType, size: int, kernel: int, stride: int, padding: int, ceil_mode: bool
) -> None:
    ours = outcome(lambda: shapes.pool_output_size(size, kernel, stride, padding, ceil_mode=ceil_mode))
    pool = torch.nn.functional.max_pool2d
    theirs = outcome(lambda: pool(torch.zeros(1, 1, size, size), kernel, stride, padding, ceil_mode=ceil_mode).shape[2])
    assert ours == theirs


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(1, 3), st.booleans())
def test_dilated_pool_output_size_is_pytorchs(
    torch: ModuleType, size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> None:
    ours = outcome(lambda: shapes.pool_output_size(size, kernel, stride, padding, dilation, ceil_mode))
    pool = torch.nn.functional.max_pool2d
    x = torch.zeros(1, 1, size, size)
    assert ours == outcome(lambda: pool(x, kernel, stride, padding, dilation, ceil_mode).shape[2])


def test_a_pool_without_stride_steps_by_its_kernel() -> None:
    assert shapes.pool_output_size(224, 2) == 112


@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(1, 3),
)
def test_conv_transpose_output_size_is_pytorchs(
    torch: ModuleType, size: int, kernel: int, stride: int, padding: int, extra: int, dilation: int
) -> None:
    ours = outcome(lambda: shapes.conv_transpose_output_size(size, kernel, stride, padding, extra, dilation))
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    conv = torch.conv_transpose1d
    theirs = outcome(lambda: conv(x, w, None, stride, padding, extra, 1, dilation).shape[2])
    # PyTorch is inconsistent for a result of size 0: one kernel returns it (float32, two images), others refuse it.
    assert ours == theirs or (ours == 0 and theirs is RuntimeError)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: shapes.conv_output_size(4, 5), r"window spans 5 .* the input 4"),
        (lambda: shapes.conv_output_size(4, 2, stride=0), "non-positive stride is not supported"),
        (lambda: shapes.conv_output_size(4, 2, padding=-1), "negative padding is not supported"),
        (lambda: shapes.pool_output_size(4, 2, padding=2), "pad should be at most half of kernel size, got pad=2"),
        (lambda: shapes.pool_output_size(1, 2), "output size is too small: 0 for input size 1"),
        (lambda: shapes.conv_transpose_output_size(3, 3, 2, output_padding=2), "output padding must be smaller than"),
        (lambda: shapes.as_int(2.0), r"expected an int, got 2\.0 of type float"),
    ],
)
def test_errors_show_the_given_sizes(refused: Callable[[], Any], message: str) -> None:
    with pytest.raises(MinitensorError, match=message):
        refused()
