"""Batching rules of operations that write into their first argument, element by element or along one dim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching.families import BatchedCall, Rows, is_tensor, raised
from minitensor.ops.choice import where

if TYPE_CHECKING:

    pass


def masked_fill(do: BatchedCall, input: Any, mask: Any, value: Any) -> Any:
    """Fill with a number; with a number of each sample, choose."""
    if is_tensor(value):
        return do.again(lambda input, mask, value: where(mask, value.to(input.dtype), input))
    rank = max(input.ndim, mask.ndim)
    return do(raised(input, rank), raised(mask, rank), value)


def masked_fill_(do: BatchedCall, input: Rows, mask: Any, value: Any) -> None:
    """Write a number where a mask holds."""
    if isinstance(value, Rows):
        chosen = where(raised(mask, input.ndim), raised(value, input.ndim).to(input.tensor.dtype), input.tensor)
        input.tensor.copy_(chosen)
        return
    do(input.tensor, raised(mask, input.ndim), value)


def write(do: BatchedCall, input: Rows, *args: Any) -> None:
    """Write element by element."""
    do(input.tensor, *[raised(each, input.ndim) for each in args])


def fill_(do: BatchedCall, input: Rows, value: Any) -> None:
    """Write one number everywhere, or one of each sample."""
    if isinstance(value, Rows):
        input.tensor.copy_(raised(value, input.ndim))
    else:
        do(input.tensor, value)


def write_along(do: BatchedCall, input: Rows, dim: int, *args: Any) -> None:
    """Write along one dim."""
    tensors = [do.all_rows(each) for each in args]
    if input.ndim:
        do(input.tensor, dim + 1, *tensors)
    else:
        do(input.tensor.unsqueeze(1), 1, *[each.reshape(do.size, -1) if is_tensor(each) else each for each in tensors])
