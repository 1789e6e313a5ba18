"""Empty input: every op with a dim, an argument or a number at zero gives PyTorch's result or error.

Each call of the table is tried with one dim of one tensor empty, with every dim of one size empty, and with the same
dim of all tensors empty. Where PyTorch fails on empty input by accident (``ACCIDENTS``), errors need only be this
library's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import assert_same, convert_arrays, find, note_on_error, ours, outcome, recast, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS
from ops.test_laws_oracle import assert_both, lacks, slope, their_outcome

# PyTorch's messages where an inner step fails that does not expect empty tensors.
ACCIDENTS = (
    "MKL FFT error",
    "INTERNAL ASSERT",
    "ZeroDivisionError",
    "select(): index 0 out of range",
    "select(): index 1 out of range",
    "setStorage: sizes",
    "could not create a primitive descriptor",
    "returned an invalid gradient",
    "cannot reshape tensor of 0 elements",
    "Expected a proper Tensor but got None",
    "has been modified by an inplace operation",
    "must have a last dimension with stride 1",
    "non-empty 2D or 4D weight tensor expected",
    "non-empty 5D",
)

# Ops whose results on empty input differ from PyTorch's, and why. Errors must be this library's own here too.
NOT_SQUARE = "PyTorch returns before it checks that the matrices are square"
IN_MEMORY = "PyTorch's mean over nothing is uninitialized memory; here it is NaN"
EXCUSED = {
    "Tensor.resize_": "new elements have no value",
    "Tensor.resize_as_": "new elements have no value",
    "nn.functional.multi_margin_loss": IN_MEMORY,
    "nn.functional.multilabel_margin_loss": IN_MEMORY,
    "addmv": "PyTorch forgets to broadcast the input",
    "block_diag": "PyTorch slices the gradient at another position",
    "nn.functional.pixel_unshuffle": "PyTorch returns the input, in its own shape",
    "nn.functional.conv_tbc": "PyTorch accepts kernels of size zero",
    "linalg.lstsq": "PyTorch returns rank 0 for any matrix",
    "linalg.tensorsolve": "PyTorch does not check the sizes",
    "cholesky": NOT_SQUARE,
    "linalg.pinv": NOT_SQUARE,
    "linalg.matrix_rank": NOT_SQUARE,
    "linalg.cond": NOT_SQUARE,
    "index_add": "PyTorch accepts indices into an empty dim, and checks the dim of a 0-d tensor first",
    "index_reduce": "PyTorch checks the dim of a 0-d tensor first",
    "stft": "PyTorch refuses an empty batch",
    "nn.functional.scaled_dot_product_attention": "PyTorch does not check masks and values without keys",
}
CONVS = ("nn.functional.conv1d", "nn.functional.conv2d", "nn.functional.conv3d")
FATAL = ("nn.functional.pdist", "nn.functional.embedding_bag", "lu_unpack")  # PyTorch crashes
HERE = tuple([row for row in ROWS if find(mt, row.name) is not None and not row.random and row.name not in FATAL])


def is_excused(row: Row, call: Call) -> bool:
    """Return whether another result is correct: for convolutions without input channels, PyTorch gives no outputs."""
    return row.name in EXCUSED or (row.name in CONVS and not shapes(call)[1][1])


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# -- calls with empty tensors ------------------------------------------------------------------------------------------


def empty_dim(array: Any, dim: int) -> Any:
    """Return an array with one dim of size zero; unchanged if it lacks that dim."""
    return array[(slice(None),) * (dim % array.ndim) + (slice(0),)] if -array.ndim <= dim < array.ndim else array


def without_size(array: Any, size: int) -> Any:
    for dim in range(array.ndim):
        array = empty_dim(array, dim) if array.shape[dim] == size else array
    return array


def each_array(call: Call, convert: Callable[[int, Any], Any]) -> Call:
    """Return the call with the k-th array converted by ``convert(k, array)``."""
    count = itertools.count()
    return convert_arrays(call, lambda array: convert(next(count), array))


def empty_calls(call: Call, alone: bool) -> Iterator[Call]:
    """Return all variants of a call with empty tensors; with ``alone``, also with one empty array."""
    arrays = calls.arrays_in(call)
    for size in sorted({size for array in arrays for size in array.shape if size}):
        yield each_array(call, lambda _, array: without_size(array, size))  # noqa: B023
    for dim in (0, 1, -1):
        yield each_array(call, lambda _, array: empty_dim(array, dim))  # noqa: B023
    for one, array in enumerate(arrays if alone else ()):
        for dim in range(array.ndim):
            yield each_array(call, lambda k, array: empty_dim(array, dim) if k == one else array)  # noqa: B023


def shapes(call: Call) -> tuple[Any, ...]:
    return tuple([array.shape for array in calls.arrays_in(call)])


def all_empty_calls(row: Row) -> list[Call]:
    """Return each call of a row with empty tensors, once for each combination of shapes."""
    found = {}
    for k, call in enumerate(row.calls):
        for one in empty_calls(call, k == 0):
            found.setdefault((k, shapes(one)), one) if shapes(one) != shapes(call) else None
    return list(found.values())


# -- the law -----------------------------------------------------------------------------------------------------------


def is_accident(error: Any) -> bool:
    return isinstance(error, Exception) and (lacks(error) or any(words in str(error) for words in ACCIDENTS))


def assert_refused_or_accepted(found: Any) -> None:
    assert not isinstance(found, Exception) or isinstance(found, mt.errors.MinitensorError), f"raw error: {found!r}"


@pytest.mark.parametrize("row", HERE, ids=repr)
def test_an_op_on_empty_tensors_behaves_as_in_pytorch(torch: ModuleType, row: Row) -> None:
    for call in all_empty_calls(row):
        with note_on_error(shapes(call), call):
            typed = recast(call, "float64")
            args, kwargs = calls.torch_arguments(torch, typed)
            expected = their_outcome(theirs(torch, row), *args, **kwargs)
            found = outcome(calls.run, row, typed)
            if is_accident(expected) or is_excused(row, call):
                assert_refused_or_accepted(found)
                continue
            assert_both(row, found, expected, "float64")
            if not isinstance(expected, Exception) and tensors_in(expected) and "gradient" not in row.notes:
                assert_same_slope(torch, row, typed)


def assert_same_slope(torch: ModuleType, row: Row, call: Call) -> None:
    """Compare gradients; this library may have empty ones where PyTorch has none."""
    given = calls.torch_arguments(torch, call)
    expected = their_outcome(slope, torch, theirs(torch, row), given, row, torch.from_numpy)
    found = outcome(slope, mt, ours(row), calls.our_arguments(call), row, mt.tensor)
    if isinstance(expected, Exception):
        assert_refused_or_accepted(found)
        return
    if isinstance(found, Exception):
        raise found
    assert all(mine or not his for mine, his in zip(found[0], expected[0], strict=True)), "requires_grad"
    for one, other in zip(found[1], expected[1], strict=True):
        assert_same(one, other, 1e-9, "gradient")
