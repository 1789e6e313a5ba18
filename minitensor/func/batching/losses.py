"""Batching rules of losses over (N, C): the samples are merged into N."""

from __future__ import annotations

from typing import Any

from minitensor.func.batching.families import BatchedCall, is_tensor, unfold_samples


def cross_entropy(do: BatchedCall, input: Any, target: Any, scales: Any, total: bool) -> Any:
    """Merge the samples into N of (N, C); a total is summed for each sample."""
    given = [do.all_rows(each).flatten(0, 1) if is_tensor(each) else each for each in (input, target, scales)]
    losses, softmax = [unfold_samples(each, do.size, 0) for each in do(*given, False)]
    return (losses.sum(1) if total else losses), softmax


def cross_entropy_grad(do: BatchedCall, outer: Any, softmax: Any, target: Any, scales: Any) -> Any:
    """Count samples and rows of (N, C) together; a factor for all rows of a sample is written out."""
    rows = [do.all_rows(each) if is_tensor(each) else each for each in (outer, softmax, target, scales)]
    if not outer.ndim:
        rows[0] = rows[0].unsqueeze(1).expand(rows[2].shape)
    return unfold_samples(do(*[each.flatten(0, 1) if is_tensor(each) else each for each in rows]), do.size, 0)
