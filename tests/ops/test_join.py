"""Joining and splitting: PyTorch's values, dtypes and gradients; pieces are views; errors name the mismatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error

torch = pytest.importorskip("torch")

A = np.arange(1.0, 13.0).reshape(3, 4)
B = np.arange(20.0, 28.0).reshape(2, 4)

JOINS: dict[str, Callable[..., Any]] = {
    "cat": lambda lib, a, b: lib.cat([a, b]),
    "cat by name": lambda lib, a, b: lib.cat(tensors=(a, b), dim=0),
    "cat last": lambda lib, a, b: lib.cat([a.t(), b.t()], -1),
    "cat of one twice": lambda lib, a, b: lib.cat([a, a, a]),
    "cat with a legacy empty": lambda lib, a, b: lib.cat([lib.zeros(0, dtype=a.dtype), a, lib.zeros(0), b]),
    "cat with no rows": lambda lib, a, b: lib.cat([a[:0], b]),
    "concat": lambda lib, a, b: lib.concat([a, b]),
    "stack": lambda lib, a, b: lib.stack([a[:2], b], 1),
    "stack last": lambda lib, a, b: lib.stack([a[0], b[0]], -1),
    "stack numbers": lambda lib, a, b: lib.stack([a[0, 0], b[0, 0]]),
    "hstack": lambda lib, a, b: lib.hstack([a[:2], b]),
    "hstack vectors": lambda lib, a, b: lib.hstack([a[0], b[0, :2]]),
    "vstack": lambda lib, a, b: lib.vstack([a[0], b]),
    "dstack": lambda lib, a, b: lib.dstack([a[:2], b]),
    "column_stack": lambda lib, a, b: lib.column_stack([a[:2, 0], b]),
}

CUTS: dict[str, Callable[..., Any]] = {
    "split": lambda lib, a: a.split(2),
    "split of sizes": lambda lib, a: a.split([1, 0, 3], dim=1),
    "split by name": lambda lib, a: lib.split(a, split_size_or_sections=3, dim=-1),
    "chunk": lambda lib, a: a.chunk(3, 1),
    "unbind": lambda lib, a: a.unbind(1),
    "tensor_split": lambda lib, a: a.tensor_split(3, 1),
    "tensor_split at": lambda lib, a: a.tensor_split([2, 1], 1),
    "hsplit": lambda lib, a: a.hsplit(2),
    "vsplit": lambda lib, a: a.vsplit(3),
    "iteration": lambda lib, a: list(a),
}


@pytest.mark.parametrize("call", JOINS.values(), ids=JOINS)
def test_a_join_equals_pytorchs(call: Callable[..., Any]) -> None:
    agree(lambda lib, a, b: call(lib, a, b) * call(lib, a * 2, b), A, B)


@pytest.mark.parametrize("call", CUTS.values(), ids=CUTS)
def test_the_pieces_equal_pytorchs(call: Callable[..., Any]) -> None:
    agree(lambda lib, a: [p * q for p, q in zip(call(lib, a), call(lib, a * 3), strict=True)], A)


@pytest.mark.parametrize("call", CUTS.values(), ids=CUTS)
def test_a_piece_without_a_gradient_counts_as_zeros(call: Callable[..., Any]) -> None:
    agree(lambda lib, a: call(lib, a * 2)[1] ** 2, A)


@pytest.mark.parametrize("call", CUTS.values(), ids=CUTS)
def test_a_piece_is_a_view_of_the_whole(call: Callable[..., Any]) -> None:
    whole = mt.from_numpy(A.copy())
    for piece in call(mt, whole):
        piece.zero_()
    assert not whole.any()


def test_writing_into_a_piece_changes_the_gradient_of_the_whole() -> None:
    x = mt.from_numpy(A).requires_grad_()
    whole = x * 1
    left, right = whole.split(2, 1)
    left.mul_(right)
    (whole * whole).sum().backward()
    a, b = A[:, :2], A[:, 2:]
    np.testing.assert_allclose(x.grad.numpy(), np.concatenate([2 * a * b * b, 2 * b * a * a + 2 * b], 1))


@pytest.mark.parametrize("a", ["bool", "uint8", "int64", "float16", "float32", "complex64"])
@pytest.mark.parametrize("b", ["int8", "float32", "float64"])
def test_joining_promotes_as_pytorch_does(a: str, b: str) -> None:
    agree(lambda lib, x, y: lib.cat([x, y]), np.ones(2, a), np.ones(2, b), order=0)
    agree(lambda lib, x, y: lib.stack([x, y]), np.ones(2, a), np.ones(2, b), order=0)


def test_gradients_of_mixed_dtypes_have_their_inputs_dtypes() -> None:
    a, b = mt.ones(2, requires_grad=True), mt.ones(2, dtype=mt.float64, requires_grad=True)
    mt.cat([a, b]).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (mt.float32, mt.float64)


def test_a_join_of_transposed_tensors_is_contiguous_and_of_images_keeps_channels_last() -> None:
    turned = mt.from_numpy(A).t()
    assert mt.cat([turned, turned]).is_contiguous()
    images = mt.zeros(2, 3, 4, 5).contiguous(memory_format=mt.channels_last)
    assert mt.cat([images, images]).is_contiguous(memory_format=mt.channels_last)


@pytest.mark.parametrize(("call", "message"), [
    (lambda lib: lib.cat([]), "non-empty list"),
    (lambda lib: lib.stack([]), "non-empty list"),
    (lambda lib: lib.cat([lib.zeros(2), lib.tensor(1.0)]), r"zero-dimensional tensor \(at position 1\)"),
    (lambda lib: lib.cat([lib.zeros(2, 3), lib.zeros(2, 4)]), "must match except in dimension 0"),
    (lambda lib: lib.cat([lib.zeros(2, 3), lib.zeros(2)]), "same number of dimensions"),
    (lambda lib: lib.cat([lib.zeros(2, 3)] * 2, 2), "out of range"),
    (lambda lib: lib.stack([lib.zeros(2), lib.zeros(3)]), r"\[2\] at entry 0 and \[3\] at entry 1"),
    (lambda lib: lib.cat([lib.zeros(2), 3]), "sequence of tensors"),
    (lambda lib: lib.zeros(5).split([2, 2]), "must sum exactly to 5"),
    (lambda lib: lib.zeros(5).chunk(0), "greater than 0"),
    (lambda lib: lib.tensor(1.0).unbind(), "no dimensions"),
])
def test_a_mismatch_is_explained(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        call(mt)
    same_error(call)
