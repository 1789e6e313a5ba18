"""Chapter 2 of the course: strided memory and view (cases V1 to V5)."""

from __future__ import annotations

import itertools

import pytest

import minitensor as torch


def test_v1_a_contiguous_matrix_lies_row_by_row() -> None:
    matrix = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert matrix.untyped_storage().nbytes() == 6 * matrix.element_size()
    assert matrix.storage().tolist() == list(range(1, 7))
    assert matrix.stride() == (3, 1)
    assert matrix.is_contiguous()


def test_v2_a_transpose_has_the_same_storage_with_swapped_strides() -> None:
    matrix = torch.arange(12).view(4, 3)
    turned = matrix.t()
    assert matrix.stride() == (3, 1)
    assert (turned.shape, turned.stride()) == ((3, 4), (1, 3))
    assert not turned.is_contiguous()
    assert turned.untyped_storage().data_ptr() == matrix.untyped_storage().data_ptr()
    turned[2, 3] = -1
    assert matrix[3, 2] == -1


def test_v3_a_transpose_has_no_flat_view_until_it_is_contiguous() -> None:
    turned = torch.arange(12).view(4, 3).t()
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        turned.view(-1)
    copied = turned.contiguous()
    assert copied.stride() == (4, 1)
    assert copied.view(-1).tolist() == [3 * row + column for column in range(3) for row in range(4)]


def test_v4_view_moves_nothing_and_contiguous_copies_only_when_it_must() -> None:
    cells = torch.arange(12)
    matrix = cells.view(4, 3)
    assert matrix.data_ptr() == cells.data_ptr()
    assert matrix.contiguous() is matrix
    assert matrix.t().contiguous().data_ptr() != cells.data_ptr()
    assert matrix.t().t().contiguous().data_ptr() == cells.data_ptr()


def test_v4_walking_down_a_column_skips_3_cells() -> None:
    matrix = torch.arange(12).view(4, 3)
    places = [matrix[row, 1].storage_offset() for row in range(4)]
    assert {after - before for before, after in itertools.pairwise(places)} == {matrix.stride(0)} == {3}
    assert matrix[:, 1].stride() == (3,)


def test_v5_one_size_is_inferred() -> None:
    matrix = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert matrix.view(-1, 2).shape == (3, 2)
    assert matrix.view(-1, 2).tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((-1, -1), "only one dimension can be inferred"),
        ((-1, 4), r"shape '\[-1, 4\]' is invalid for input of size 6"),
        ((4, 2), r"shape '\[4, 2\]' is invalid for input of size 6"),
        ((-2, 3), r"invalid shape dimension -2"),
        ((-1, 0), r"shape '\[-1, 0\]' is invalid for input of size 6"),
    ],
)
def test_v5_bad_and_ambiguous_sizes_are_refused(size: tuple[int, int], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        torch.tensor([[1, 2, 3], [4, 5, 6]]).view(size)


def test_v5_the_size_of_an_empty_tensor_cannot_be_inferred_beside_0() -> None:
    with pytest.raises(RuntimeError, match=r"cannot reshape tensor of 0 elements into shape \[-1, 0\]"):
        torch.empty(0, 2).view(-1, 0)
