"""Batching rules of indexing, gather, scatter and embedding: the number of the sample becomes one more index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.func.batching.families import (
    BatchedCall,
    Rows,
    add_dims,
    is_tensor,
    no_rule_error,
    sample_by_sample,
)
from minitensor.ops.choice import where
from minitensor.ops.index import read_at, wrap_positions
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


class Picks:
    """The indexed dims of one sample, and the rank and position of the dims that the index tensors add."""

    __slots__ = ("dims", "landing", "order", "positions", "rank", "rest")

    def __init__(self, do: BatchedCall, indices: Sequence[Any], ndim: int) -> None:
        self.dims = [dim for dim, each in enumerate(indices) if each is not None]
        self.rest = [dim for dim in range(ndim) if dim not in self.dims]
        self.rank = max(indices[dim].ndim for dim in self.dims)
        self.landing = self.dims[0] if self.dims[-1] - self.dims[0] == len(self.dims) - 1 else 0
        self.order = [*self.dims, *self.rest]
        found = [add_dims(indices[dim], self.rank) for dim in self.dims]
        numbers = None
        if any(isinstance(indices[dim], Rows) for dim in self.dims):
            numbers = arange(do.size, device=found[0].device).reshape(-1, *(1,) * self.rank)
        self.positions = (numbers, *found, *(None,) * len(self.rest))

    def put_first(self, tensor: Tensor) -> Tensor:
        """Permute all samples so that the indexed dims come first."""
        return tensor.permute(0, *[dim + 1 for dim in self.order])

    def restore_order(self, tensor: Tensor) -> Tensor:
        """Undo ``put_first``."""
        places = sorted(range(len(self.order)), key=self.order.__getitem__)
        return tensor.permute(0, *[place + 1 for place in places])

    def land(self, found: Tensor) -> Tensor:
        """Move the dims of the index tensors from the front to their position in one sample."""
        return found.movedim(*self.landing_dims())

    def lift(self, values: Tensor) -> Tensor:
        """Undo ``land``."""
        front, landed = self.landing_dims()
        return values.movedim(landed, front)

    def landing_dims(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the dims of the index tensors in front, and their positions in one sample."""
        front = tuple(range(1, 1 + self.rank))
        return front, tuple([dim + self.landing for dim in front])


def index(do: BatchedCall, input: Any, indices: Sequence[Any]) -> Any:
    """Read the indexed elements."""
    picks = Picks(do, indices, input.ndim)
    if isinstance(input, Rows):
        return picks.land(do(picks.put_first(input.tensor), picks.positions))
    return picks.land(do(input.permute(picks.order), picks.positions[1:]))


def take_first(input: Tensor, index: Tensor) -> Tensor:
    """Read entries of dim 0 of one sample."""
    return read_at(input, (wrap_positions(index, 0, input.shape[0]), *(None,) * (input.ndim - 1)))


def add_at(do: BatchedCall, input: Any, indices: Sequence[Any], shape: Sequence[int]) -> Any:
    """Add to zeros at the indexed elements."""
    picks = Picks(do, indices, len(shape))
    wide = (do.size, *[shape[dim] for dim in picks.order])
    return picks.restore_order(do(picks.lift(do.all_rows(input)), picks.positions, wide))


def index_put(do: BatchedCall, input: Rows, indices: Sequence[Any], values: Any, accumulate: bool) -> None:
    """Write to the indexed elements through a view with the indexed dims first."""
    picks = Picks(do, indices, input.ndim)
    if is_tensor(values):
        values = add_dims(Rows(do.all_rows(values)), picks.rank + len(picks.rest))
        values = picks.lift(values)
    do(picks.put_first(input.tensor), picks.positions, values, accumulate)


def index_at(dim: int, index: Any) -> tuple[Any, ...]:
    """Return an index into one dim."""
    return (*(slice(None),) * dim, index)


def places_at(dim: int, index: Any) -> tuple[Any, ...]:
    """Return positions in one dim, for ``index_put_``."""
    return (*(None,) * dim, index)


def gather(do: BatchedCall, input: Any, dim: int, index: Any, sparse_grad: bool) -> Any:
    """Read along one dim; 0-d samples are treated as vectors of one element."""
    rows, places = do.all_rows(input), do.all_rows(index)
    if input.ndim and index.ndim:
        return do(rows, dim + 1 if dim >= 0 else dim, places, sparse_grad)
    rows = rows if input.ndim else rows.unsqueeze(1)
    return do(rows, 1, places.reshape(do.size, -1), sparse_grad).reshape(places.shape)


def add_along(do: BatchedCall, input: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Add to zeros along one dim; a number among them is a vector of one."""
    rows, places = do.all_rows(input), do.all_rows(index)
    if shape and index.ndim:
        return do(rows, dim + 1 if dim >= 0 else dim, places, (do.size, *shape))
    sums = do(rows.reshape(do.size, -1), 1, places.reshape(do.size, -1), (do.size, layouts.numel(shape)))
    return sums.reshape(do.size, *shape)


def masked_select(do: BatchedCall, input: Any, mask: Any) -> Any:
    """Select elements by a shared mask. Masks that differ would select different numbers of elements."""
    if isinstance(mask, Rows):
        raise no_rule_error("masked_select", "the number of elements differs from sample to sample; use torch.where")
    return input.tensor.reshape(do.size, -1)[:, mask.reshape(-1)]


def unselect(do: BatchedCall, input: Any, mask: Any) -> Any:
    """Put the elements of each sample's vector where a shared mask is True."""
    if isinstance(mask, Rows):
        return sample_by_sample(do, input, mask)
    made = input.tensor.new_zeros(do.size, mask.numel())
    made[:, mask.reshape(-1)] = input.tensor
    return made.reshape(do.size, *mask.shape)


def index_select(do: BatchedCall, input: Any, dim: int, index: Any) -> Any:
    """Read along one dim; indices that differ from sample to sample are computed by indexing."""
    if not input.ndim:
        return input.tensor.clone() if isinstance(input, Rows) else input.expand(do.size)
    if not isinstance(index, Rows):
        return do(input.tensor, dim + 1, index)
    return do.compute_as(lambda input, dim, index: input[index_at(dim, index)])


def index_add(do: BatchedCall, input: Rows, dim: int, index: Any, source: Any, alpha: Any) -> None:
    """Add at indices along one dim."""
    if not isinstance(index, Rows):
        do(input.tensor, dim + 1, index, do.all_rows(source), alpha)
        return
    do.compute_as(
        lambda input, dim, index, source, alpha: input.index_put_(
            places_at(dim, index), source * alpha, accumulate=True
        )
    )


def index_copy(do: BatchedCall, input: Rows, dim: int, index: Any, source: Any) -> None:
    """Write at indices along one dim."""
    if not isinstance(index, Rows):
        do(input.tensor, dim + 1, index, do.all_rows(source))
        return
    do.compute_as(lambda input, dim, index, source: input.index_put_(places_at(dim, index), source))


def index_fill(do: BatchedCall, input: Rows, dim: int, index: Any, value: Any) -> None:
    """Write one number at indices along one dim."""
    if not isinstance(index, Rows) and not isinstance(value, Rows):
        do(input.tensor, dim + 1, index, value)
        return
    do.compute_as(lambda input, dim, index, value: input.__setitem__(index_at(dim, index), value))


def embedding_rows(
    do: BatchedCall, weight: Any, indices: Any, padding_idx: int | None, scale_by_frequency: bool
) -> Any:
    """Read rows of the samples' tables as one tall table; the padding row gets no gradient."""
    if not isinstance(weight, Rows):
        return do(weight, indices.tensor, padding_idx, scale_by_frequency)
    if scale_by_frequency:
        return sample_by_sample(do, weight, indices, padding_idx, scale_by_frequency)
    positions = do.all_rows(indices)
    found = do(weight.tensor.flatten(0, 1), offset_rows(do, positions, weight.shape[0]), None, False)
    if padding_idx is None:
        return found
    return where((positions == padding_idx).unsqueeze(-1), found.detach(), found)


def add_rows(do: BatchedCall, grads: Any, indices: Any, count: int) -> Any:
    """Add rows into the samples' tables of zeros as one tall table."""
    table = do(do.all_rows(grads), offset_rows(do, do.all_rows(indices), count), do.size * count)
    return table.reshape(do.size, count, -1)


def offset_rows(do: BatchedCall, positions: Tensor, count: int) -> Tensor:
    """Return row numbers in one tall table, in which each sample has ``count`` rows."""
    start = arange(do.size, device=positions.device) * count
    return positions + start.reshape(-1, *(1,) * (positions.ndim - 1))


def isin(do: BatchedCall, elements: Any, test_elements: Any, *rest: Any) -> Any:
    """Look up the elements of all samples in shared test elements."""
    if isinstance(test_elements, Rows):
        return sample_by_sample(do, elements, test_elements, *rest)
    return do(elements.tensor, test_elements, *rest)
