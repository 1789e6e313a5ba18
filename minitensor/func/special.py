"""Batching rules of operations that belong to no family: products, convolutions, positions, windows on memory.

Each finds the cheapest call of the same operation that computes all samples: a weight that all share stays as it is,
and where two operands differ from sample to sample, the count of samples becomes a batch dim, a group or a position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layout as layouts
from minitensor.base import TensorBase
from minitensor.func.rules import Doing, Rows, raised, refuse, sample_by_sample, unfolded
from minitensor.layout import Layout
from minitensor.ops.creation import arange
from minitensor.ops.index import _index as read_at
from minitensor.ops.index import wrapped
from minitensor.ops.pointwise import where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


def is_tensor(value: Any) -> bool:
    """Whether an argument is a tensor, of each sample or of all."""
    return isinstance(value, (Rows, TensorBase))


# -- products ----------------------------------------------------------------------------------------------------------


def matmul(do: Doing, a: Any, b: Any) -> Any:
    """Multiply with a factor that all samples share as it is; else bring both to matrices."""
    if not isinstance(b, Rows) and 1 <= b.ndim <= 2:
        return do(a.tensor, b)
    if not isinstance(a, Rows) and a.ndim == 2 and b.ndim == 1:
        return do(b.tensor, a.transpose(0, 1))
    left, right = as_matrices(a, -2), as_matrices(b, -1)
    rank = max(left.ndim, right.ndim)
    product = do(raised(left, rank), raised(right, rank))
    if a.ndim == 1:
        product = product.squeeze(-2 if b.ndim > 1 else -1)
    return product.squeeze(-1) if b.ndim == 1 else product


def as_matrices(value: Any, dim: int) -> Any:
    """Return a vector as a matrix of one row or column; anything else as it is."""
    if value.ndim != 1:
        return value
    return Rows(value.tensor.unsqueeze(dim)) if isinstance(value, Rows) else value.unsqueeze(dim)


def linear(do: Doing, input: Any, weight: Any, bias: Any) -> Any:
    """Let all samples be rows of the input, where they share weight and bias."""
    if not isinstance(weight, Rows) and not isinstance(bias, Rows):
        return do(input.tensor, weight, bias)

    def written_out(input: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
        product = input.matmul(weight.t())
        return product if bias is None else product.add(bias)

    return do.again(written_out)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where it is positive, elsewhere x times its channel's weight."""
    if weight.numel() != 1:
        weight = weight.reshape(*(1,) * min(1, input.ndim - 1), -1, *(1,) * (input.ndim - 2))
    elif weight.ndim > input.ndim:
        weight = weight.reshape(())
    chosen: Tensor = where(input > 0, input, input * weight)
    return chosen


# -- convolutions: (N, C, ...) with weights (O, C / groups, ...) -------------------------------------------------------


def convolution(do: Doing, input: Any, weight: Any, bias: Any, *rest: Any) -> Any:
    """Count samples with N where they share the weight, with O where they share the input, else with groups."""
    groups = rest[-1]
    if isinstance(bias, Rows):
        shared = not (isinstance(input, Rows) or isinstance(weight, Rows))
        output = do(input, weight, None, *rest) if shared else convolution(do, input, weight, None, *rest)
        return biased(do, output.unsqueeze(0) if shared else output, bias)
    if not isinstance(weight, Rows):
        return unfolded(do(input.tensor.flatten(0, 1), weight, bias, *rest), do.size, 0)
    if bias is not None:
        return biased(do, convolution(do, input, weight, None, *rest), Rows(do.all_rows(bias)))
    kernels, size = weight.tensor, do.size
    if not isinstance(input, Rows) and groups == 1:
        return unfolded(do(input, kernels.flatten(0, 1), None, *rest), size, 1)
    images = do.all_rows(input).movedim(0, 1).flatten(1, 2)
    return unfolded(do(images, kernels.flatten(0, 1), None, *rest[:-1], groups * size), size, 1)


def biased(do: Doing, output: Tensor, bias: Rows) -> Any:
    """Add a number for each channel of (B, N, O, ...)."""
    return output + bias.tensor.reshape(do.size, 1, -1, *(1,) * (output.ndim - 3))


def convolution_input(do: Doing, output: Any, weight: Any, bias: Any, shape: Sequence[int], *rest: Any) -> Any:
    """Return the gradient in the input: as ``convolution``, with the channels the other way."""
    groups = rest[-1]
    if isinstance(bias, Rows):
        shared = not (isinstance(output, Rows) or isinstance(weight, Rows))
        if shared:
            return biased(do, do(output, weight, None, shape, *rest).unsqueeze(0), bias)
        return biased(do, convolution_input(do, output, weight, None, shape, *rest), bias)
    if not isinstance(weight, Rows):
        folded = do(output.tensor.flatten(0, 1), weight, bias, (do.size * shape[0], *shape[1:]), *rest)
        return unfolded(folded, do.size, 0)
    if bias is not None:
        return biased(do, convolution_input(do, output, weight, None, shape, *rest), Rows(do.all_rows(bias)))
    outputs = do.all_rows(output).movedim(0, 1).flatten(1, 2)
    wide = (shape[0], do.size * shape[1], *shape[2:])
    return unfolded(do(outputs, weight.tensor.flatten(0, 1), None, wide, *rest[:-1], groups * do.size), do.size, 1)


def convolution_weight(do: Doing, output: Any, input: Any, shape: Sequence[int], *rest: Any) -> Any:
    """Return the gradient in the weight: samples that share the input are more channels of the output, else groups."""
    groups, wide = rest[-1], (do.size * shape[0], *shape[1:])
    outputs = do.all_rows(output).movedim(0, 1).flatten(1, 2)
    if not isinstance(input, Rows) and groups == 1:
        return unfolded(do(outputs, input, wide, *rest), do.size, 0)
    images = do.all_rows(input).movedim(0, 1).flatten(1, 2)
    return unfolded(do(outputs, images, wide, *rest[:-1], groups * do.size), do.size, 0)


# -- positions ---------------------------------------------------------------------------------------------------------
# Picked dims go to the front, behind the samples'; there positions of each sample are one more pick beside them.


class Picks:
    """What positions pick from one sample: dims, the rank that the positions broadcast to, where their dims land."""

    __slots__ = ("dims", "landing", "order", "positions", "rank", "rest")

    def __init__(self, do: Doing, indices: Sequence[Any], ndim: int) -> None:
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


def index(do: Doing, input: Any, indices: Sequence[Any]) -> Any:
    """Read at positions."""
    picks = Picks(do, indices, input.ndim)
    if isinstance(input, Rows):
        return picks.landed(do(picks.in_front(input.tensor), picks.positions))
    return picks.landed(do(input.permute(picks.order), picks.positions[1:]))


def take_first(input: Tensor, index: Tensor) -> Tensor:
    """Read entries of dim 0, of one sample."""
    return read_at(input, (wrapped(index, 0, input.shape[0]), *(None,) * (input.ndim - 1)))


def add_at(do: Doing, input: Any, indices: Sequence[Any], shape: Sequence[int]) -> Any:
    """Add to zeros at positions."""
    picks = Picks(do, indices, len(shape))
    wide = (do.size, *[shape[dim] for dim in picks.order])
    return picks.back(do(picks.lifted(do.all_rows(input)), picks.positions, wide))


def index_put(do: Doing, input: Rows, indices: Sequence[Any], values: Any, accumulate: bool) -> None:
    """Write at positions, through a view with the picked dims in front."""
    picks = Picks(do, indices, input.ndim)
    if is_tensor(values):
        values = raised(Rows(do.all_rows(values)), picks.rank + len(picks.rest))
        values = picks.lifted(values)
    do(picks.in_front(input.tensor), picks.positions, values, accumulate)


def at(dim: int, index: Any) -> tuple[Any, ...]:
    """Return an index that picks in one dim."""
    return (*(slice(None),) * dim, index)


def gather(do: Doing, input: Any, dim: int, index: Any, sure: bool) -> Any:
    """Read along one dim; a number among them is a vector of one."""
    rows, places = do.all_rows(input), do.all_rows(index)
    if input.ndim and index.ndim:
        return do(rows, dim + 1 if dim >= 0 else dim, places, sure)
    rows = rows if input.ndim else rows.unsqueeze(1)
    return do(rows, 1, places.reshape(do.size, -1), sure).reshape(places.shape)


def add_lines(do: Doing, input: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Add to zeros along one dim; a number among them is a vector of one."""
    rows, places = do.all_rows(input), do.all_rows(index)
    if shape and index.ndim:
        return do(rows, dim + 1 if dim >= 0 else dim, places, (do.size, *shape))
    sums = do(rows.reshape(do.size, -1), 1, places.reshape(do.size, -1), (do.size, layouts.numel(shape)))
    return sums.reshape(do.size, *shape)


def masked_select(do: Doing, input: Any, mask: Any) -> Any:
    """Choose elements by a mask that all samples share; by a mask of each, they would differ in number."""
    if isinstance(mask, Rows):
        raise refuse("masked_select", "how many elements there are differs from sample to sample; use torch.where")
    return input.tensor.reshape(do.size, -1)[:, mask.reshape(-1)]


def unselect(do: Doing, input: Any, mask: Any) -> Any:
    """Put the elements of each sample's vector where a mask holds that all samples share."""
    if isinstance(mask, Rows):
        return sample_by_sample(do, input, mask)
    made = input.tensor.new_zeros(do.size, mask.numel())
    made[:, mask.reshape(-1)] = input.tensor
    return made.reshape(do.size, *mask.shape)


def index_select(do: Doing, input: Any, dim: int, index: Any) -> Any:
    """Read along one dim; positions of each sample are picks as any others."""
    if not isinstance(index, Rows):
        return do(input.tensor, dim + 1, index)
    return do.again(lambda input, dim, index: input[at(dim, index)])


def index_add(do: Doing, input: Rows, dim: int, index: Any, source: Any, alpha: Any) -> None:
    """Add along one dim."""
    if not isinstance(index, Rows):
        do(input.tensor, dim + 1, index, do.all_rows(source), alpha)
        return
    do.again(lambda input, dim, index, source, alpha: input.index_put_(at(dim, index), source * alpha, accumulate=True))


def index_copy(do: Doing, input: Rows, dim: int, index: Any, source: Any) -> None:
    """Write along one dim."""
    if not isinstance(index, Rows):
        do(input.tensor, dim + 1, index, do.all_rows(source))
        return
    do.again(lambda input, dim, index, source: input.index_put_(at(dim, index), source))


def index_fill(do: Doing, input: Rows, dim: int, index: Any, value: Any) -> None:
    """Write one number along one dim."""
    if not isinstance(index, Rows) and not isinstance(value, Rows):
        do(input.tensor, dim + 1, index, value)
        return
    do.again(lambda input, dim, index, value: input.__setitem__(at(dim, index), value))


def embedding_rows(do: Doing, weight: Any, indices: Any, padding_idx: int | None, scale_by_frequency: bool) -> Any:
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


def add_rows(do: Doing, grads: Any, indices: Any, count: int) -> Any:
    """Add rows into tables of zeros that stand one below the other."""
    table = do(do.all_rows(grads), below(do, do.all_rows(indices), count), do.size * count)
    return table.reshape(do.size, count, -1)


def below(do: Doing, positions: Tensor, count: int) -> Tensor:
    """Return positions in tables of ``count`` rows that stand one below the other."""
    start = arange(do.size, device=positions.device) * count
    return positions + start.reshape(-1, *(1,) * (positions.ndim - 1))


# -- masks and writes --------------------------------------------------------------------------------------------------


def masked_fill(do: Doing, input: Any, mask: Any, value: Any) -> Any:
    """Fill with a number; with a number of each sample, choose."""
    if is_tensor(value):
        return do.again(lambda input, mask, value: where(mask, value.to(input.dtype), input))
    rank = max(input.ndim, mask.ndim)
    return do(raised(input, rank), raised(mask, rank), value)


def masked_fill_(do: Doing, input: Rows, mask: Any, value: Any) -> None:
    """Write a number where a mask holds."""
    if isinstance(value, Rows):
        chosen = where(raised(mask, input.ndim), raised(value, input.ndim).to(input.tensor.dtype), input.tensor)
        input.tensor.copy_(chosen)
        return
    do(input.tensor, raised(mask, input.ndim), value)


def write(do: Doing, input: Rows, *args: Any) -> None:
    """Write element by element."""
    do(input.tensor, *[raised(each, input.ndim) for each in args])


def fill_(do: Doing, input: Rows, value: Any) -> None:
    """Write one number everywhere, or one of each sample."""
    if isinstance(value, Rows):
        input.tensor.copy_(raised(value, input.ndim))
    else:
        do(input.tensor, value)


def write_along(do: Doing, input: Rows, dim: int, *args: Any) -> None:
    """Write along one dim."""
    tensors = [do.all_rows(each) for each in args]
    if input.ndim:
        do(input.tensor, dim + 1, *tensors)
    else:
        do(input.tensor.unsqueeze(1), 1, *[each.reshape(do.size, -1) if is_tensor(each) else each for each in tensors])


# -- windows on memory -------------------------------------------------------------------------------------------------


def on_windows(do: Doing, *args: Any) -> Any:
    """Let the memory of all samples lie one behind the other."""
    home, window = args[-2:]
    low = min(layouts.extent(home)[0], layouts.extent(window)[0])
    high = max(layouts.extent(home)[1], layouts.extent(window)[1])

    def for_all(layout: Layout) -> Layout:
        return Layout((do.size, *layout.shape), (high - low, *layout.strides), layout.offset)

    return do(*[do.all_rows(each) for each in args[:-2]], for_all(home), for_all(window))


# -- sampling: tables of pixels ----------------------------------------------------------------------------------------
# Tables of all samples stand one below the other; what is read from them, (T, M), lies side by side.


def beside(do: Doing, value: Any, count: int = 0) -> Tensor:
    """Return (T, M) of all samples as (T, B M); positions count on by ``count`` rows from sample to sample."""
    rows = do.all_rows(value)
    return (below(do, rows, count) if count else rows).movedim(0, 1).flatten(1, 2)


def sampled(do: Doing, table: Any, weight: Any, index: Any) -> Any:
    """Read from tables."""
    if not isinstance(table, Rows):
        return unfolded(do(table, beside(do, weight), beside(do, index)), do.size, 0)
    places = beside(do, index, table.shape[0])
    return unfolded(do(table.tensor.flatten(0, 1), beside(do, weight), places), do.size, 0)


def sampled_back(do: Doing, rows: Any, weight: Any, index: Any, count: int) -> Any:
    """Add to tables of zeros."""
    places = beside(do, index, count)
    return unfolded(do(do.all_rows(rows).flatten(0, 1), beside(do, weight), places, do.size * count), do.size, 0)


def sampled_weight(do: Doing, rows: Any, table: Any, index: Any) -> Any:
    """Compare with what is in tables."""
    whole = do.all_rows(table)
    places = beside(do, index, whole.shape[1])
    return unfolded(do(do.all_rows(rows).flatten(0, 1), whole.flatten(0, 1), places), do.size, 1)


# -- losses ------------------------------------------------------------------------------------------------------------


def cross_entropy(do: Doing, input: Any, target: Any, scales: Any, total: bool) -> Any:
    """Count samples and rows of (N, C) together, and add up each sample's own rows."""
    given = [do.all_rows(each).flatten(0, 1) if is_tensor(each) else each for each in (input, target, scales)]
    losses, softmax = [unfolded(each, do.size, 0) for each in do(*given, False)]
    return (losses.sum(1) if total else losses), softmax


def slope(do: Doing, outer: Any, softmax: Any, target: Any, scales: Any) -> Any:
    """Count samples and rows of (N, C) together; a factor for all rows of a sample is written out."""
    rows = [do.all_rows(each) if is_tensor(each) else each for each in (outer, softmax, target, scales)]
    if not outer.ndim:
        rows[0] = rows[0].unsqueeze(1).expand(rows[2].shape)
    return unfolded(do(*[each.flatten(0, 1) if is_tensor(each) else each for each in rows]), do.size, 0)


# -- shapes ------------------------------------------------------------------------------------------------------------


def cat(do: Doing, tensors: Sequence[Any], dim: int) -> Any:
    """Join behind dim 0, and leave out vectors without elements, which join anything."""
    given = [each for each in tensors if tuple(each.shape) != (0,)] or tensors[:1]
    return do([do.all_rows(each) for each in given], dim + 1 if dim >= 0 else dim)


def view(do: Doing, input: Rows, layout: Layout) -> Any:
    """Show every sample in another shape."""
    return input.tensor.view(do.size, *layout.shape)


def permute(do: Doing, input: Rows, layout: Layout, dims: Sequence[int]) -> Any:
    """Show the dims of every sample in another order."""
    return input.tensor.permute(0, *[dim % input.ndim + 1 for dim in dims])


def t(do: Doing, input: Rows) -> Any:
    """Swap the two dims of matrices."""
    return input.tensor.transpose(1, 2) if input.ndim == 2 else input.tensor.view_as(input.tensor)


def expand(do: Doing, input: Rows, sizes: Sequence[int]) -> Any:
    """Show dims of size 1 again and again."""
    return raised(input, len(sizes)).expand(do.size, *sizes)


def narrow(do: Doing, input: Rows, dim: int, start: Any, length: int) -> Any:
    """Show a part of a dim; it may begin at a number in a tensor that all samples share."""
    return do(input.tensor, dim + 1 if dim >= 0 else dim, start, length)


def squeeze(do: Doing, input: Rows, dim: Any) -> Any:
    """Drop dims of size 1."""
    if dim is None:
        dim = tuple(range(input.ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    return do(input.tensor, tuple([each + 1 if each >= 0 else each for each in dims]) if input.ndim else ())


def isin(do: Doing, elements: Any, test_elements: Any, *rest: Any) -> Any:
    """Look all samples' elements up in what they share."""
    if is_tensor(test_elements) and isinstance(test_elements, Rows):
        return sample_by_sample(do, elements, test_elements, *rest)
    return do(elements.tensor, test_elements, *rest)
