"""Batching rules of losses over (N, C): the rows of all samples are counted together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching.families import BatchedCall, is_tensor, unfolded

if TYPE_CHECKING:

    pass


def cross_entropy(do: BatchedCall, input: Any, target: Any, scales: Any, total: bool) -> Any:
    """Count samples and rows of (N, C) together, and add up each sample's own rows."""
    given = [do.all_rows(each).flatten(0, 1) if is_tensor(each) else each for each in (input, target, scales)]
    losses, softmax = [unfolded(each, do.size, 0) for each in do(*given, False)]
    return (losses.sum(1) if total else losses), softmax


def cross_entropy_backward(do: BatchedCall, outer: Any, softmax: Any, target: Any, scales: Any) -> Any:
    """Count samples and rows of (N, C) together; a factor for all rows of a sample is written out."""
    rows = [do.all_rows(each) if is_tensor(each) else each for each in (outer, softmax, target, scales)]
    if not outer.ndim:
        rows[0] = rows[0].unsqueeze(1).expand(rows[2].shape)
    return unfolded(do(*[each.flatten(0, 1) if is_tensor(each) else each for each in rows]), do.size, 0)
