"""Views and shapes: PyTorch's values, strides, offsets and gradients on any layout; shared memory; messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from ops.twin import agree, same_error

torch = pytest.importorskip("torch")

A = np.arange(1.0, 25.0).reshape(2, 3, 4)
M = np.arange(1.0, 13.0).reshape(3, 4)
V = np.array([1.0, -2.0, 3.0])

# These are views in PyTorch too.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "view": lambda x: x.view(6, 4),
    "view -1": lambda x: x.view(-1, 2),
    "view of a sequence": lambda x: x.view((4, 6)),
    "view ones": lambda x: x.view(1, 2, 1, 3, 4, 1),
    "view of a permuted one": lambda x: x.permute(2, 0, 1).view(2, 2, 2, 3),
    "reshape": lambda x: x.reshape(6, -1),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, -1)),
    "transpose": lambda x: x.transpose(0, -1),
    "swapaxes": lambda x: x.swapaxes(1, 2),
    "t": lambda x: x[0].t(),
    "mT": lambda x: x.mT,
    "permute": lambda x: x.permute(2, 0, 1),
    "permute of a sequence": lambda x: x.permute((-1, 0, 1)),
    "movedim": lambda x: x.movedim((0, 1), (2, 0)),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "unsqueeze last": lambda x: x.transpose(0, 1).unsqueeze(-1),
    "squeeze": lambda x: x[:, :1].squeeze(),
    "squeeze a dim": lambda x: x[:, :1].squeeze(1),
    "squeeze dims": lambda x: x[:1, :1].squeeze((0, 1)),
    "squeeze what is not 1": lambda x: x.squeeze(0),
    "expand": lambda x: x[:, :1].expand(-1, 5, 4),
    "expand in front": lambda x: x.expand(2, 2, 3, 4),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(-1, -2),
    "unfold": lambda x: x.unfold(2, 3, 1),
    "unfold by 2": lambda x: x.unfold(1, 2, 2),
    "diagonal": lambda x: x.diagonal(1, 1, 2),
    "diagonal below": lambda x: x.diagonal(-1, 0, 2),
    "as_strided": lambda x: x.as_strided((2, 2, 3), (1, 5, 2), 3),
    "as_strided overlapping": lambda x: x.as_strided((3, 4), (1, 2)),
    "split": lambda x: x.split(2, 1)[1],
    "split sizes": lambda x: x.split([1, 3], -1)[1],
    "chunk": lambda x: x.chunk(2, 2)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "tensor_split": lambda x: x.tensor_split((1, 3), 2)[1],
}

COPIES: dict[str, Callable[[Any, Any], Any]] = {
    "reshape of a transposed one": lambda lib, x: x.transpose(0, 2).reshape(-1),
    "repeat": lambda lib, x: x.repeat(2, 1, 3),
    "repeat in front": lambda lib, x: x.repeat(2, 1, 1, 1),
    "tile": lambda lib, x: x.tile(2, 2),
    "repeat_interleave": lambda lib, x: x.repeat_interleave(3, 1),
    "repeat_interleave all": lambda lib, x: x.repeat_interleave(2),
    "repeat_interleave each": lambda lib, x: x.repeat_interleave(lib.tensor([1, 0, 2]), dim=1),
    "flip": lambda lib, x: x.flip(0, -1),
    "fliplr": lambda lib, x: x.fliplr(),
    "roll": lambda lib, x: x.roll(2, 1),
    "roll dims": lambda lib, x: x.roll((1, -2), (0, 2)),
    "roll all": lambda lib, x: x.roll(5),
    "rot90": lambda lib, x: x.rot90(1, (1, 2)),
    "rot270": lambda lib, x: x.rot90(-1, (0, 2)),
    "tril": lambda lib, x: x.tril(),
    "triu": lambda lib, x: x.triu(1),
    "diag_embed": lambda lib, x: x.diag_embed(1, 0, 2),
    "diag of a matrix": lambda lib, x: x[0].diag(1),
    "diag of a vector": lambda lib, x: x[0, 0].diag(-1),
    "diagflat": lambda lib, x: lib.diagflat(x),
}


@pytest.mark.parametrize("call", VIEWS.values(), ids=VIEWS)
def test_a_view_has_pytorchs_layout_and_gradients(call: Callable[[Any], Any]) -> None:
    agree(lambda lib, x: call(x * 1) * call(x), A)
    ours, theirs = call(mt.from_numpy(A)), call(torch.from_numpy(A))
    assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())


@pytest.mark.parametrize("call", VIEWS.values(), ids=VIEWS)
def test_a_view_sees_writes_to_its_base_and_the_base_sees_writes_to_the_view(call: Callable[[Any], Any]) -> None:
    x = mt.zeros(2, 3, 4)
    seen = call(x)
    x.fill_(3)
    assert (seen == 3).all()
    if not mt.layouts.has_overlap(seen.layout):
        seen.fill_(5)
        assert (x == 5).sum() == seen.numel()


@pytest.mark.parametrize("call", COPIES.values(), ids=COPIES)
def test_a_copying_op_equals_pytorchs(call: Callable[[Any, Any], Any]) -> None:
    agree(lambda lib, x: call(lib, x) * call(lib, x * 2), A)
    agree(lambda lib, x: call(lib, x.permute(2, 0, 1).contiguous().permute(1, 2, 0)), A)


@pytest.mark.parametrize("call", COPIES.values(), ids=COPIES)
def test_a_copying_op_shares_no_memory(call: Callable[[Any, Any], Any]) -> None:
    x = mt.from_numpy(A.copy())
    result = call(mt, x)
    before = result.tolist()
    x.zero_()
    assert result.tolist() == before


STEPS = st.sampled_from([
    lambda x: x.transpose(0, -1),
    lambda x: x.unsqueeze(0),
    lambda x: x.squeeze(),
    lambda x: x[1:] if x.ndim else x.view(1),
    lambda x: x[..., ::2] if x.ndim else x.view(1),
    lambda x: x.flatten(),
    lambda x: x.reshape(-1, 1),
    lambda x: x.expand(2, *x.shape),
    lambda x: x.movedim(0, -1) if x.ndim else x,
    lambda x: x.select(0, 0) if x.ndim and x.shape[0] else x,
    lambda x: x.unfold(0, 1, 1) if x.ndim and x.shape[0] else x,
    lambda x: x.diagonal() if x.ndim > 1 else x,
    lambda x: x.view(x.shape),
    lambda x: x.repeat((2,) * x.ndim) if x.numel() < 50 else x,
])


@given(st.lists(STEPS, max_size=6), st.sampled_from([A, M, V, np.array(2.0), np.zeros((2, 0, 3))]))
def test_any_chain_of_views_equals_pytorchs(steps: list[Callable[[Any], Any]], array: Any) -> None:
    def chain(lib: Any, x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x * x

    agree(chain, array)
    ours, theirs = mt.from_numpy(array), torch.from_numpy(array)
    for step in steps:
        ours, theirs = step(ours), step(theirs)
        if ours.numel():
            assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())


def test_broadcasting_and_grids() -> None:
    agree(lambda lib, x, y: lib.broadcast_tensors(x[:, :1], y), M, np.ones(5))
    agree(lambda lib, x, y: lib.meshgrid(x, y, indexing="ij"), V, M[0])
    agree(lambda lib, x, y: lib.meshgrid(x, y, indexing="xy"), V, M[0])


def test_the_strides_of_a_transposed_matrix() -> None:
    x = mt.arange(12).view(4, 3)
    t = x.t()
    assert (x.stride(), t.shape, t.stride(), t.is_contiguous()) == ((3, 1), (3, 4), (1, 3), False)
    assert t.untyped_storage() is x.untyped_storage()
    assert t.contiguous().stride() == (4, 1)
    assert t.contiguous().view(-1).tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]


def test_a_view_that_fails_says_which_dims_cannot_merge_and_what_a_copy_costs() -> None:
    with pytest.raises(RuntimeError, match=r"dims 0 and 1 cannot merge.*copies 96 bytes"):
        mt.arange(12).view(4, 3).t().view(-1)


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: x.view(5, 5), r"shape '\[5, 5\]' is invalid for input of size 24"),
    (lambda x: x.view(-1, -1), "only one dimension can be inferred"),
    (lambda x: x.transpose(0, 3), "dimension out of range"),
    (lambda x: x.t(), "t\\(\\) expects a tensor with <= 2 dimensions"),
    (lambda x: x.permute(0, 1), "the order \\(0, 1\\) has 2"),
    (lambda x: x.permute(0, 1, 1), "appears multiple times"),
    (lambda x: x.expand(2, 4, 4), "must match the existing size \\(3\\)"),
    (lambda x: x.narrow(0, 1, 2), "exceeds dimension size \\(2\\)"),
    (lambda x: x.select(1, 3), "index 3 out of range"),
    (lambda x: x.unfold(2, 5, 1), "maximum size for tensor at dimension 2 is 4"),
    (lambda x: x.as_strided((5, 5), (5, 1)), "out of bounds for storage of 24 elements"),
    (lambda x: x.repeat(2), "can not be smaller than number of dimensions"),
    (lambda x: x.diag(), "Supports 1D or 2D tensors. Got 3D"),
    (lambda x: x[0, 0].tril(), "at least 2 dimensions"),
    (lambda x: x[0, 0].mT, "only supported on matrices"),
    (lambda x: x.roll((1, 2), (0,)), "shifts and dimensions must align"),
])
def test_a_misused_shape_op_explains_the_mistake(call: Callable[[Any], Any], message: str) -> None:
    same_error(lambda lib: call(lib.zeros(2, 3, 4)))
    with pytest.raises(Exception, match=message):
        call(mt.zeros(2, 3, 4))


@pytest.mark.parametrize("call", [
    lambda x: x.transpose_(0, 1), lambda x: x.unsqueeze_(1), lambda x: x.t_(), lambda x: x.squeeze_(),
])
def test_inplace_shape_ops_change_the_tensor_and_keep_its_history(call: Callable[[Any], Any]) -> None:
    def changed(lib: Any, x: Any) -> Any:
        y = x[:, :, 0] * 2
        assert call(y) is y
        return y * y

    agree(changed, A)
    with pytest.raises(RuntimeError, match="leaf"):
        mt.zeros(2, 3, requires_grad=True).t_()


def test_repeat_interleave_with_a_count_for_each_element() -> None:
    agree(lambda lib, n: lib.repeat_interleave(n), np.array([2, 0, 3]), order=0)
    assert mt.repeat_interleave(mt.zeros(0, dtype=mt.int64)).tolist() == []
