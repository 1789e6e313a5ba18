"""Batching rules of reads and writes at positions: the samples become one more position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layout as layouts
from minitensor.func.batching.families import BatchedCall, Rows, is_tensor, raised, refuse, sample_by_sample
from minitensor.ops.choice import where
from minitensor.ops.index import _index as read_at
from minitensor.ops.index import wrap_positions
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


class Picks:
    """What positions pick from one sample: dims, the rank that the positions broadcast to, where their dims land."""

    __slots__ = ("dims", "landing", "order", "positions", "rank", "rest")

    def __init__(self, do: BatchedCall, indices: Sequence[Any], ndim: int) -> None:
        self.dims = [dim for dim, each in enumerate(indices) if each is not None]
        self.rest = [dim for dim in range(ndim) if dim not in self.dims]
        self.rank = max(indices[dim].ndim for dim in self.dims)
        self.landing = self.dims[0] if self.dims[-1] - self.dims[0] == len(self.dims) - 1 else 0
        self.order = [*self.dims, *self.rest]
        found = [raised(indices[dim], self.rank) for dim in self.dims]
        numbers = None
        if any(isinstance(indices[dim], Rows) for dim in self.dims):
            numbers = arange(do.size, device=found[0].device).reshape(-1, *(1,) * self.rank)
        self.positions = (numbers, *found, *(None,) * len(self.rest))

    def in_front(self, tensor: Tensor) -> Tensor:
        """Show all samples with the picked dims first."""
        return tensor.permute(0, *[dim + 1 for dim in self.order])

    def back(self, tensor: Tensor) -> Tensor:
        """Undo ``in_front``."""
        places = sorted(range(len(self.order)), key=self.order.__getitem__)
        return tensor.permute(0, *[place + 1 for place in places])

    def landed(self, found: Tensor) -> Tensor:
        """Move the positions' dims from the front to where one sample would have them."""
        return found.movedim(*self.ways())

    def lifted(self, values: Tensor) -> Tensor:
        """Undo ``landed``."""
        front, landed = self.ways()
        return values.movedim(landed, front)

    def ways(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the positions' dims in front, and where they land."""
        front = tuple(range(1, 1 + self.rank))
        return front, tuple([dim + self.landing for dim in front])


def index(do: BatchedCall, input: Any, indices: Sequence[Any]) -> Any:
    """Read at positions."""
    picks = Picks(do, indices, input.ndim)
    if isinstance(input, Rows):
        return picks.landed(do(picks.in_front(input.tensor), picks.positions))
    return picks.landed(do(input.permute(picks.order), picks.positions[1:]))


def take_first(input: Tensor, index: Tensor) -> Tensor:
    """Read entries of dim 0, of one sample."""
    return read_at(input, (wrap_positions(index, 0, input.shape[0]), *(None,) * (input.ndim - 1)))


def add_at(do: BatchedCall, input: Any, indices: Sequence[Any], shape: Sequence[int]) -> Any:
    """Add to zeros at positions."""
    picks = Picks(do, indices, len(shape))
    wide = (do.size, *[shape[dim] for dim in picks.order])
    return picks.back(do(picks.lifted(do.all_rows(input)), picks.positions, wide))


def index_put(do: BatchedCall, input: Rows, indices: Sequence[Any], values: Any, accumulate: bool) -> None:
    """Write at positions, through a view with the picked dims in front."""
    picks = Picks(do, indices, input.ndim)
    if is_tensor(values):
        values = raised(Rows(do.all_rows(values)), picks.rank + len(picks.rest))
        values = picks.lifted(values)
    do(picks.in_front(input.tensor), picks.positions, values, accumulate)


def at(dim: int, index: Any) -> tuple[Any, ...]:
    """Return an index that picks in one dim."""
    return (*(slice(None),) * dim, index)


def gather(do: BatchedCall, input: Any, dim: int, index: Any, sure: bool) -> Any:
    """Read along one dim; a number among them is a vector of one."""
    rows, places = do.all_rows(input), do.all_rows(index)
    if input.ndim and index.ndim:
        return do(rows, dim + 1 if dim >= 0 else dim, places, sure)
    rows = rows if input.ndim else rows.unsqueeze(1)
    return do(rows, 1, places.reshape(do.size, -1), sure).reshape(places.shape)


def add_along(do: BatchedCall, input: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Add to zeros along one dim; a number among them is a vector of one."""
    rows, places = do.all_rows(input), do.all_rows(index)
    if shape and index.ndim:
        return do(rows, dim + 1 if dim >= 0 else dim, places, (do.size, *shape))
    sums = do(rows.reshape(do.size, -1), 1, places.reshape(do.size, -1), (do.size, layouts.numel(shape)))
    return sums.reshape(do.size, *shape)


def masked_select(do: BatchedCall, input: Any, mask: Any) -> Any:
    """Choose elements by a mask that all samples share; by a mask of each, they would differ in number."""
    if isinstance(mask, Rows):
        raise refuse("masked_select", "how many elements there are differs from sample to sample; use torch.where")
    return input.tensor.reshape(do.size, -1)[:, mask.reshape(-1)]


def unselect(do: BatchedCall, input: Any, mask: Any) -> Any:
    """Put the elements of each sample's vector where a mask holds that all samples share."""
    if isinstance(mask, Rows):
        return sample_by_sample(do, input, mask)
    made = input.tensor.new_zeros(do.size, mask.numel())
    made[:, mask.reshape(-1)] = input.tensor
    return made.reshape(do.size, *mask.shape)


def index_select(do: BatchedCall, input: Any, dim: int, index: Any) -> Any:
    """Read along one dim; positions of each sample are picks as any others."""
    if not isinstance(index, Rows):
        return do(input.tensor, dim + 1, index)
    return do.again(lambda input, dim, index: input[at(dim, index)])


def index_add(do: BatchedCall, input: Rows, dim: int, index: Any, source: Any, alpha: Any) -> None:
    """Add along one dim."""
    if not isinstance(index, Rows):
        do(input.tensor, dim + 1, index, do.all_rows(source), alpha)
        return
    do.again(lambda input, dim, index, source, alpha: input.index_put_(at(dim, index), source * alpha, accumulate=True))


def index_copy(do: BatchedCall, input: Rows, dim: int, index: Any, source: Any) -> None:
    """Write along one dim."""
    if not isinstance(index, Rows):
        do(input.tensor, dim + 1, index, do.all_rows(source))
        return
    do.again(lambda input, dim, index, source: input.index_put_(at(dim, index), source))


def index_fill(do: BatchedCall, input: Rows, dim: int, index: Any, value: Any) -> None:
    """Write one number along one dim."""
    if not isinstance(index, Rows) and not isinstance(value, Rows):
        do(input.tensor, dim + 1, index, value)
        return
    do.again(lambda input, dim, index, value: input.__setitem__(at(dim, index), value))


def embedding_rows(
    do: BatchedCall, weight: Any, indices: Any, padding_idx: int | None, scale_by_frequency: bool
) -> Any:
    """Read rows; tables of each sample stand one below the other, and the padding row gets no gradient."""
    if not isinstance(weight, Rows):
        return do(weight, indices.tensor, padding_idx, scale_by_frequency)
    if scale_by_frequency:
        return sample_by_sample(do, weight, indices, padding_idx, scale_by_frequency)
    positions = do.all_rows(indices)
    found = do(weight.tensor.flatten(0, 1), below(do, positions, weight.shape[0]), None, False)
    if padding_idx is None:
        return found
    return where((positions == padding_idx).unsqueeze(-1), found.detach(), found)


def add_rows(do: BatchedCall, grads: Any, indices: Any, count: int) -> Any:
    """Add rows into tables of zeros that stand one below the other."""
    table = do(do.all_rows(grads), below(do, do.all_rows(indices), count), do.size * count)
    return table.reshape(do.size, count, -1)


def below(do: BatchedCall, positions: Tensor, count: int) -> Tensor:
    """Return positions in tables of ``count`` rows that stand one below the other."""
    start = arange(do.size, device=positions.device) * count
    return positions + start.reshape(-1, *(1,) * (positions.ndim - 1))


def isin(do: BatchedCall, elements: Any, test_elements: Any, *rest: Any) -> Any:
    """Look all samples' elements up in what they share."""
    if is_tensor(test_elements) and isinstance(test_elements, Rows):
        return sample_by_sample(do, elements, test_elements, *rest)
    return do(elements.tensor, test_elements, *rest)
