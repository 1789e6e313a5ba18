"""Reductions of runs of rows: ``segment_reduce``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.dtypes import int32, int64
from minitensor.errors import ShapeError, UnsupportedDtypeError, UsageError
from minitensor.ops.choice import where
from minitensor.ops.join import cat
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import require_tensors
from minitensor.ops.ranges import arange
from minitensor.ops.sort import searchsorted
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

# What the reduction of an empty segment gives.
EMPTY = {
    "sum": 0.0, "mean": math.nan, "prod": 1.0, "max": -math.inf, "min": math.inf, "amax": -math.inf, "amin": math.inf,
}  # fmt: skip


@composite
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """Reduce segments of consecutive rows, given by their lengths or by where they begin and end.

    Args:
        data: Floating-point numbers, (..., n, *).
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: How many rows each segment has, (..., k) int64 or int32. The result is (..., k, *).
        indices: Not supported, as in PyTorch.
        offsets: In place of ``lengths``: where segments begin, and the end of the last, (..., k + 1).
        axis: The dim of the rows, the last one of ``lengths``.
        unsafe: Whether not to check that the lengths add up to the number of rows.
        initial: A number to begin each reduction with, and the result for an empty segment. Without it, an empty
            segment gives 0, NaN, -inf, inf and 1.

    Raises:
        RuntimeError: If neither ``lengths`` nor ``offsets`` are given or they do not fit the data, or ``reduce`` is
            unknown.
        NotImplementedError: If the data are not floating-point, or the lengths not integers.

    >>> import minitensor as torch
    >>> torch.segment_reduce(torch.tensor([1., 2., 3., 4.]), "max", lengths=torch.tensor([3, 1]))
    tensor([3., 4.])
    """
    require_tensors("segment_reduce", data=data)
    if reduce not in EMPTY:
        raise UsageError(f"segment_reduce: reduce argument must be either sum, prod, mean, max or min, got {reduce}")
    require_kind("segment_reduce", FLOATS, data)
    dim = wrap_dim(axis, data.ndim)
    ends = read_offsets(data, dim, lengths, indices, offsets, unsafe)
    rows = data.flatten(0, dim)
    segments, count = number_rows(ends, data.shape[dim])
    is_inside = segments >= 0
    if not bool(is_inside.all()):
        rows, segments = rows[is_inside], segments[is_inside]
    found = reduce_rows(rows, segments, count, reduce, initial)
    return found.unflatten(0, (*data.shape[:dim], ends.shape[-1] - 1))


def read_offsets(
    data: Tensor, dim: int, lengths: Tensor | None, indices: Tensor | None, offsets: Tensor | None, unsafe: bool
) -> Tensor:
    """Return where segments begin, and the end of the last: (..., k + 1)."""
    if indices is not None:
        raise UsageError("segment_reduce: indices based reduction is not supported yet; use lengths or offsets")
    given = lengths if offsets is None else offsets
    if given is None:
        raise UsageError("segment_reduce: Either lengths or offsets must be defined")
    if given.dtype not in (int32, int64):
        raise UnsupportedDtypeError(f"segment_reduce: expected lengths or offsets of int64, got {given.dtype.name}")
    if given.shape[:-1] != data.shape[:dim] or given.ndim != dim + 1:
        raise ShapeError(
            f"segment_reduce: lengths or offsets must have {dim + 1} dims, the first as those of data "
            f"{tuple(data.shape)}, got shape {tuple(given.shape)}"
        )
    if offsets is not None:
        return offsets.long()
    if not unsafe:
        check_lengths(given, data.shape[dim])
    return cat([given.new_zeros((*given.shape[:-1], 1), dtype=int64), given.long().cumsum(-1)], -1)


def check_lengths(lengths: Tensor, count: int) -> None:
    """Raise unless no length is negative and they add up to the number of rows."""
    if bool((lengths < 0).any()):
        raise UsageError(f"segment_reduce: lengths contains negative value {int(lengths.min())}")
    if bool((lengths.sum(-1) != count).any()):
        raise UsageError(
            "segment_reduce: Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1), which is "
            f"{count}, got {lengths.sum(-1).tolist()}"
        )


def number_rows(ends: Tensor, count: int) -> tuple[Tensor, int]:
    """Return the number of the segment of each row, -1 for rows in none, and the number of segments."""
    each = ends.shape[-1] - 1
    starts = ends.reshape(-1, each + 1)
    places = arange(count, device=ends.device).expand(len(starts), count).contiguous()
    segments = searchsorted(starts, places, right=True) - 1
    first = arange(len(starts), device=ends.device).unsqueeze(-1) * each
    numbers = where((segments < 0) | (segments >= each), -1, segments + first)
    return numbers.reshape(-1), len(starts) * each


def reduce_rows(rows: Tensor, segments: Tensor, count: int, reduce: str, initial: float | None) -> Tensor:
    """Return the reduction of the rows with each number, from 0 to ``count - 1``."""
    shape = (count, *rows.shape[1:])
    start = EMPTY[reduce] if initial is None else initial
    if reduce in ("sum", "mean"):
        sums = rows.new_full(shape, 0.0 if initial is None else initial).index_add(0, segments, rows)
        return sums if reduce == "sum" else average(sums, segments, start)
    if reduce == "prod":
        return rows.new_full(shape, start).index_reduce(0, segments, rows, "prod")
    word = reduce if reduce.startswith("a") else f"a{reduce}"
    found = rows.new_full(shape, EMPTY[reduce]).index_reduce(0, segments, rows, word)
    if initial is None:
        return found
    # Of equal ones, the rows have the gradient; a NaN stays.
    is_beyond = found < initial if word == "amax" else found > initial
    return found.masked_fill(is_beyond, initial)


def average(sums: Tensor, segments: Tensor, start: float) -> Tensor:
    """Divide sums by how many rows each has; without rows, the result is a given number."""
    sizes = segments.bincount(minlength=len(sums)).reshape(-1, *[1] * (sums.ndim - 1))
    means: Tensor = (sums / sizes.clamp(min=1).to(sums.dtype)).masked_fill(sizes == 0, start)
    return means
