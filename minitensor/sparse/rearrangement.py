"""Rows, joined tensors and permuted dims of sparse tensors, and dense tensors read at their positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentTypeError, DimError, ShapeError, UnsupportedError, quote
from minitensor.memory_format import sparse_coo
from minitensor.ops.join import cat as join
from minitensor.ops.rearrange import repeat_interleave
from minitensor.ops.sparse import merge_equal, row_starts
from minitensor.shapes import wrap_dim, wrap_dims
from minitensor.sparse.checks import is_sparse, refuse_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.sparse.tensor import SparseTensor
    from minitensor.tensor import Tensor


def require_sparse_dim(name: str, input: SparseTensor, dim: int) -> int:
    """Return a dim counted from the front, which must be sparse."""
    input.require_layout(name, sparse_coo)
    found = wrap_dim(dim, input.ndim)
    if found >= input.sparse_dim():
        raise UnsupportedError(f"{name}: not supported along the dense dim {found}: use to_dense()")
    return found


def index_select(input: SparseTensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> SparseTensor:
    """Return slices of a sparse dim, in the order of ``index``, which may repeat."""
    refuse_out("index_select", out)
    dim = require_sparse_dim("index_select", input, dim)
    size = input.extent[dim]
    if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < size:
        raise ShapeError(f"index_select(): index out of bounds: expected indices in [0, {size}), got {index.tolist()}")
    order = input.places[0][dim].argsort(stable=True)
    starts = row_starts(input.places[0][dim], size)
    counts = starts[index + 1] - starts[index]
    slices = repeat_interleave(counts)
    picked = order[(starts[index] - counts.cumsum(0) + counts)[slices] + slices.new_tensor(range(slices.shape[0]))]
    indices = input.places[0][:, picked].clone()
    indices[dim] = slices
    extent = [*input.extent[:dim], index.numel(), *input.extent[dim + 1 :]]
    return input.of_coo(indices, input.entries.index_select(0, picked), extent)


def select(input: SparseTensor, dim: int, index: int) -> Any:
    """Return one slice of a sparse dim."""
    input = input.to_sparse_coo()
    dim = require_sparse_dim("select", input, dim)
    size = input.extent[dim]
    if not -size <= index < size:
        raise DimError(f"select(): index {index} out of range for dim {dim} of size {size}")
    kept = (input.places[0][dim] == index % size).nonzero().reshape(-1)
    rows = [each for each in range(input.sparse_dim()) if each != dim]
    entries = input.entries.index_select(0, kept)
    if not rows:
        return entries.sum(0)
    extent = [*input.extent[:dim], *input.extent[dim + 1 :]]
    return input.of_coo(input.places[0][rows][:, kept], entries, extent, input.is_merged)


def cat(tensors: Sequence[Any], dim: int = 0, *, out: Tensor | None = None) -> SparseTensor:
    """Join sparse tensors along a sparse dim."""
    refuse_out("cat", out)
    if not all(map(is_sparse, tensors)):
        raise UnsupportedError("cat: dense and sparse tensors cannot be joined: convert all of them with to_dense()")
    first = tensors[0]
    dim = require_sparse_dim("cat", first, dim)
    parts, start = [], 0
    for each in tensors:
        if [*each.extent[:dim], *each.extent[dim + 1 :]] != [*first.extent[:dim], *first.extent[dim + 1 :]]:
            raise ShapeError(f"cat: other sizes than of dim {dim} differ: {list(first.extent)} and {list(each.extent)}")
        moved = each.coordinates.clone()
        moved[dim] += start
        parts.append(moved)
        start += each.extent[dim]
    extent = [*first.extent[:dim], start, *first.extent[dim + 1 :]]
    found: SparseTensor = first.of_coo(join(parts, 1), join([each.entries for each in tensors]), extent)
    return found


def stack(tensors: Sequence[Any], dim: int = 0, *, out: Tensor | None = None) -> SparseTensor:
    """Join sparse tensors along a new sparse dim."""
    if not all(map(is_sparse, tensors)):
        raise UnsupportedError("stack: dense and sparse tensors cannot be joined: convert all of them with to_dense()")
    return cat([unsqueeze(each, dim) for each in tensors], dim, out=out)


def permute(input: SparseTensor, dims: Sequence[int]) -> SparseTensor:
    """Return the tensor with its sparse dims in another order."""
    input.require_layout("permute", sparse_coo)
    if not isinstance(dims, (list, tuple)):
        raise ArgumentTypeError(f"permute(): argument 'dims' must be a list or tuple of ints, not {quote(dims)}")
    order = list(wrap_dims(tuple(dims), input.ndim))
    count = input.sparse_dim()
    if len(order) != input.ndim or order[count:] != list(range(count, input.ndim)):
        raise UnsupportedError(f"permute: expected an order of the {count} sparse dims, got {tuple(dims)}")
    extent = [input.extent[each] for each in order]
    is_merged = order == sorted(order) and input.is_merged
    return input.of_coo(input.places[0][order[:count]], input.entries, extent, is_merged)


def permute_method(input: SparseTensor, *ints: Any, dims: Any = None) -> SparseTensor:
    """Return the tensor with its sparse dims in an order given as a list or tuple, or one by one."""
    if dims is None:
        dims = ints[0] if len(ints) == 1 and not isinstance(ints[0], int) else ints
    return permute(input, dims)


def unsqueeze(input: SparseTensor, dim: int) -> SparseTensor:
    """Return the tensor with one more dim of size 1."""
    input.require_layout("unsqueeze", sparse_coo)
    dim = wrap_dim(dim, input.ndim + 1)
    extent = [*input.extent[:dim], 1, *input.extent[dim:]]
    if dim > input.sparse_dim():
        entries = input.entries.unsqueeze(dim - input.sparse_dim() + 1)
        return input.of_coo(input.places[0], entries, extent, input.is_merged)
    indices = input.places[0]
    joined = join([indices[:dim], indices.new_zeros((1, indices.shape[1])), indices[dim:]])
    return input.of_coo(joined, input.entries, extent, input.is_merged)


def sparse_mask(input: Any, mask: SparseTensor) -> SparseTensor:
    """Return the elements of a tensor at the positions of a sparse one."""
    if not is_sparse(mask):
        raise ArgumentTypeError(f"sparse_mask(): argument 'mask' must be a sparse tensor, not {type(mask).__name__}")
    if tuple(input.shape) != tuple(mask.shape):
        raise ShapeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(input.shape)} but mask has size "
            f"{list(mask.shape)}"
        )
    if not is_sparse(input):
        return mask.with_entries(input[tuple(mask.coordinates)])
    merged = mask.coalesce() if mask.kind is sparse_coo else mask
    ones = merged.with_entries(merged.entries.detach().new_ones(merged.entries.shape, dtype=input.dtype))
    found: SparseTensor = input * ones
    zeros = found.of_coo(ones.coordinates, ones.entries * 0, input.extent, True)
    indices, entries = join([found.coordinates, zeros.coordinates], 1), join([found.entries, zeros.entries])
    return found.of_coo(*merge_equal(indices, entries, input.extent), input.extent, True)
