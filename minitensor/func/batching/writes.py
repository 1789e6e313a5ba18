"""Batching rules of operations that write into their first argument."""

from __future__ import annotations

from typing import Any

from minitensor.func.batching.families import BatchedCall, Rows, add_dims, is_tensor
from minitensor.ops.choice import where


def masked_fill(do: BatchedCall, input: Any, mask: Any, value: Any) -> Any:
    """Fill with a Python number; a tensor is handled by ``where``."""
    if is_tensor(value):
        return do.compute_as(lambda input, mask, value: where(mask, value.to(input.dtype), input))
    rank = max(input.ndim, mask.ndim)
    return do(add_dims(input, rank), add_dims(mask, rank), value)


def masked_fill_(do: BatchedCall, input: Rows, mask: Any, value: Any) -> None:
    """Write a number where a mask is True."""
    if isinstance(value, Rows):
        filled = where(add_dims(mask, input.ndim), add_dims(value, input.ndim).to(input.tensor.dtype), input.tensor)
        input.tensor.copy_(filled)
        return
    do(input.tensor, add_dims(mask, input.ndim), value)


def write(do: BatchedCall, input: Rows, *args: Any) -> None:
    """Write elementwise."""
    do(input.tensor, *[add_dims(each, input.ndim) for each in args])


def fill_(do: BatchedCall, input: Rows, value: Any) -> None:
    """Write one number everywhere, or one number per sample."""
    if isinstance(value, Rows):
        input.tensor.copy_(add_dims(value, input.ndim))
    else:
        do(input.tensor, value)


def write_along(do: BatchedCall, input: Rows, dim: int, *args: Any) -> None:
    """Write along one dim."""
    tensors = [do.all_rows(each) for each in args]
    if input.ndim:
        do(input.tensor, dim + 1, *tensors)
    else:
        do(input.tensor.unsqueeze(1), 1, *[each.reshape(do.size, -1) if is_tensor(each) else each for each in tensors])
