"""Methods of sparse tensors that ask for facts, write in place, rearrange, or read some elements.

``calls`` adds this table to its own. Here are no products and no sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import DimError, ShapeError, UnsupportedError, UsageError
from minitensor.memory_format import sparse_coo, sparse_csr
from minitensor.ops import (
    activation,
    arithmetic,
    beside,
    bits,
    cast,
    complex,
    exponentials,
    fill,
    index,
    join,
    lazy,
    matrices,
    metadata,
    other_kinds,
    powers,
    rearrange,
    rounding,
    shape,
    special,
    trigonometry,
    view_copies,
)
from minitensor.ops.creation import empty_like, read_sizes, zeros_like
from minitensor.shapes import wrap_dim
from minitensor.sparse import rearrangement
from minitensor.sparse.checks import is_sparse, require_tensor
from minitensor.sparse.elementwise import merge, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.sparse.tensor import SparseTensor
    from minitensor.tensor import Tensor


# -- in place ----------------------------------------------------------------------------------------------------------

# The functions f of each element with f(0) = 0, in place.
KEEP_ZEROS = [
    rounding.abs_, trigonometry.asin_, trigonometry.asinh_, trigonometry.atan_, trigonometry.atanh_, rounding.ceil_,
    trigonometry.deg2rad_, special.erf_, special.erfinv_, exponentials.expm1_, rounding.floor_, rounding.frac_,
    exponentials.log1p_, rounding.nan_to_num_, trigonometry.rad2deg_, activation.relu_, rounding.round_, rounding.sgn_,
    rounding.sign_, trigonometry.sin_, trigonometry.sinh_, powers.sqrt_, powers.square_, trigonometry.tan_,
    trigonometry.tanh_, rounding.trunc_,
]


def write_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the version for sparse tensors of an in-place function that keeps zeros: it writes into the values."""

    def call(input: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        if not input.is_merged:
            name = function.__name__
            raise UnsupportedError(f"{name}: in-place on uncoalesced tensors: call it on the result of coalesce()")
        function(input.entries, *args, **kwargs)
        return input

    return call


def conj_physical_(input: SparseTensor) -> SparseTensor:
    """Conjugate the values, in place."""
    complex.conj_physical_(input.entries)
    return input


def fill_(input: SparseTensor, value: Any) -> SparseTensor:
    """Give all entries of a matrix with compressed rows one value."""
    input.require_layout("fill_", sparse_csr)
    input.entries.fill_(value)
    return input


def floor_divide(input: SparseTensor, other: Any) -> SparseTensor:
    """Divide the values by a number, and round down."""
    return arithmetic.div(input, other, rounding_mode="floor")  # type: ignore[return-value]  # sparse if the input is


def floor_divide_(input: SparseTensor, other: Any) -> SparseTensor:
    """Divide the values by a number, and round down, in place."""
    return replace(input, floor_divide(input, other))


def swap_(input: SparseTensor, dim0: int, dim1: int) -> SparseTensor:
    """Swap two dims, in place."""
    input.require_layout("transpose_", sparse_coo)
    swapped = input.transpose(dim0, dim1)
    input.places, input.extent, input.is_merged = swapped.places, swapped.extent, swapped.is_merged
    return input


# -- values ------------------------------------------------------------------------------------------------------------


def of_all_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the version for sparse tensors of a function that keeps zeros and takes other arguments."""

    def call(input: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        merged = merge(input)
        return merged.with_entries(function(merged.entries, *args, **kwargs))

    return call


def ldexp(input: SparseTensor, other: Any) -> Any:
    """Multiply the values by powers of two."""
    return input * 2.0**other


def as_it_is(input: SparseTensor) -> SparseTensor:
    """Return the tensor: it has no lazy conjugate and no lazy sign."""
    return input


def conj(input: SparseTensor) -> SparseTensor:
    """Return the tensor with conjugate values."""
    return input.with_entries(complex.conj_physical(input.entries)) if input.is_complex() else input


def of_entries(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that answers what it answers for the values."""
    return lambda input: function(input.entries)


def answer_false(input: SparseTensor, *args: Any, **kwargs: Any) -> bool:
    """Return False."""
    return False


def is_same_size(input: Any, other: Any) -> bool:
    """Return whether two tensors have one shape."""
    return tuple(input.shape) == tuple(require_tensor("is_same_size", other).shape)


def cast_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cast of the values."""

    def call(input: SparseTensor, *args: Any, **kwargs: Any) -> Any:
        found = function(input.entries, *args, **kwargs)
        return found if isinstance(found, str) else input.with_entries(found)

    return call


def type_as(input: Any, other: Any) -> Any:
    """Return the tensor in the dtype of another one."""
    return input.to(require_tensor("type_as", other).dtype)


# -- new tensors -------------------------------------------------------------------------------------------------------


def make_zeros(input: SparseTensor, extent: tuple[int, ...], options: dict[str, Any]) -> SparseTensor:
    """Return a sparse tensor without entries, in the layout, dtype and on the device of another one."""
    entries = input.entries.detach()[:0].to(options.get("dtype") or input.dtype)
    if input.kind is sparse_coo:
        places = input.places[0].new_zeros((len(extent) - input.dense_dim(), 0))
        found = input.of_coo(places, entries, extent, True)
    else:
        starts = input.places[0].new_zeros(extent[0] + 1)
        found = input.of_csr(starts, input.places[1][:0], entries, extent)
    return found.requires_grad_() if options.get("requires_grad") else found


def new_zeros(input: SparseTensor, *size: Any, **options: Any) -> SparseTensor:
    """Return a sparse tensor of a size without entries."""
    return make_zeros(input, read_sizes(size), options)


def zeros_beside(input: SparseTensor, **options: Any) -> SparseTensor:
    """Return a sparse tensor of the same size without entries."""
    return make_zeros(input, input.extent, options)


def new_tensor(input: SparseTensor, data: Any, **options: Any) -> Any:
    """Return a copy of ``data`` in the dtype of a sparse tensor: sparse if the data is, else dense."""
    if is_sparse(data):
        return data.detach().clone().to(input.dtype)
    return input.entries.new_tensor(data, **options)


# -- sizes -------------------------------------------------------------------------------------------------------------


def resize_as_sparse_(input: Tensor, the_template: Tensor) -> Tensor:
    """Give a sparse tensor the size of another one. Entries stay, so sparse dims can only grow.

    Args:
        input: The tensor to change.
        the_template: A sparse tensor with the wanted size.

    Raises:
        RuntimeError: If an argument is dense, or entries would lie outside of the new size.

    >>> import minitensor as torch
    >>> torch.resize_as_sparse_(torch.eye(1).to_sparse(), torch.eye(2).to_sparse()).to_dense()
    tensor([[1., 0.],
            [0., 0.]])
    """
    if not is_sparse(input) or not is_sparse(the_template):
        raise UsageError("resize_as_sparse_: expected two sparse tensors: convert them with to_sparse()")
    template: Any = the_template
    found: Tensor = resize_sparse(input, template.extent, template.sparse_dim(), template.dense_dim())
    return found


def resize_sparse(input: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Give a sparse tensor another size, in place, and keep its entries."""
    input.require_layout("sparse_resize_", sparse_coo)
    extent = tuple(size)
    if len(extent) != sparse_dim + dense_dim:
        raise ShapeError(f"sparse_resize_: expected {sparse_dim} + {dense_dim} sizes, got {list(extent)}")
    if not input._nnz():
        return clear_sparse(input, extent, sparse_dim, dense_dim)
    before = input.sparse_dim()
    if sparse_dim != before or extent[before:] != input.extent[before:]:
        raise ShapeError(
            f"sparse_resize_: a tensor with entries keeps its {before} sparse dims and the dense sizes "
            f"{list(input.extent[before:])}, got {list(extent)}; use sparse_resize_and_clear_()"
        )
    if any(one < other for one, other in zip(extent, input.extent)):
        raise ShapeError(
            f"shrinking the size of sparse dimensions (from {list(input.extent)} to {list(extent)}) on a non-empty "
            "sparse tensor is not supported; use sparse_resize_and_clear_()"
        )
    input.extent = extent
    return input


def clear_sparse(input: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Give a sparse tensor another size, in place, and remove its entries."""
    extent = tuple(size)
    if len(extent) != sparse_dim + dense_dim:
        raise ShapeError(f"sparse_resize_and_clear_: expected {sparse_dim} + {dense_dim} sizes, got {list(extent)}")
    entries = input.entries.detach().new_zeros((0, *extent[sparse_dim:]))
    input.places, input.entries = (input.places[0].new_zeros((sparse_dim, 0)),), entries
    input.extent, input.is_merged = extent, True
    return input


# -- dims and elements -------------------------------------------------------------------------------------------------


def adjoint(input: SparseTensor) -> SparseTensor:
    """Return the transposed matrix with conjugate values."""
    return conj(input.transpose(-2, -1))


def movedim(input: SparseTensor, source: Any, destination: Any) -> SparseTensor:
    """Return the tensor with dims moved to other places."""
    sources, targets = [(each,) if isinstance(each, int) else tuple(each) for each in (source, destination)]
    order: list[int | None] = [None] * input.ndim
    for one, other in zip(sources, targets, strict=True):
        order[other] = one % input.ndim
    rest = iter([each for each in range(input.ndim) if each not in order])
    return rearrangement.permute(input, tuple([next(rest) if each is None else each for each in order]))


def narrow_copy(input: SparseTensor, dim: int, start: int, length: int) -> SparseTensor:
    """Return some slices of a dim, one after the other."""
    input.require_layout("narrow_copy", sparse_coo)
    dim = wrap_dim(dim, input.ndim)
    size = input.extent[dim]
    first = start + size if start < 0 else start
    if not 0 <= length <= size - first or first < 0:
        raise ShapeError(f"narrow_copy: start {start} and length {length} exceed the size {size} of dim {dim}")
    extent = [*input.extent[:dim], length, *input.extent[dim + 1 :]]
    if dim >= input.sparse_dim():
        entries = input.entries.narrow(dim - input.sparse_dim() + 1, first, length)
        return input.of_coo(input.places[0], entries, extent, input.is_merged)
    index = input.places[0][dim]
    kept = ((index >= first) & (index < first + length)).nonzero().reshape(-1)
    places = input.places[0][:, kept].clone()
    places[dim] -= first
    return input.of_coo(places, input.entries.index_select(0, kept), extent, input.is_merged)


def unbind(input: SparseTensor, dim: int = 0) -> tuple[Any, ...]:
    """Return all slices of a dim."""
    return tuple([rearrangement.select(input, dim, each) for each in range(input.extent[dim])])


def getitem(input: SparseTensor, index: Any) -> Any:
    """Return ``input[index]`` for integers, None, ``...`` and full slices."""
    items = expand_dots(list(index) if isinstance(index, tuple) else [index], input.ndim)
    found: Any = input
    dim = 0
    for item in items:
        if item is None:
            found = rearrangement.unsqueeze(found, dim)
        elif is_full(item):
            pass
        elif isinstance(item, int) and not isinstance(item, bool):
            found = found[(slice(None),) * dim + (item,)] if not is_sparse(found) else select(found, dim, item)
            continue
        else:
            raise UnsupportedError(
                f"a sparse tensor is indexed by integers, None, ... and full slices, got {item!r}; use index_select(), "
                "narrow_copy() or to_dense()"
            )
        dim += 1
    return found


def select(input: SparseTensor, dim: int, item: int) -> Any:
    """Return one slice of a dim, of the values too if the dim is one of theirs."""
    if dim < input.sparse_dim():
        return rearrangement.select(input, dim, item)
    size = input.extent[dim]
    if not -size <= item < size:
        raise DimError(f"index {item} is out of bounds for dimension {dim} with size {size}")
    extent = [*input.extent[:dim], *input.extent[dim + 1 :]]
    entries = input.entries.select(dim - input.sparse_dim() + 1, item)
    return input.of_coo(input.places[0], entries, extent, input.is_merged)


def expand_dots(items: list[Any], ndim: int) -> list[Any]:
    """Return the items of an index with full slices in place of ``...``."""
    taken = sum(1 for each in items if each is not None and each is not Ellipsis)
    if taken > ndim:
        raise DimError(f"too many indices for tensor of dimension {ndim}")
    places = [place for place, each in enumerate(items) if each is Ellipsis]
    if len(places) > 1:
        raise UsageError("an index has at most one ellipsis ('...')")
    return [*items[: places[0]], *[slice(None)] * (ndim - taken), *items[places[0] + 1 :]] if places else items


def is_full(item: Any) -> bool:
    """Return whether an item is the slice of all."""
    return isinstance(item, slice) and item == slice(None)


CALLS: dict[Any, Callable[..., Any]] = {
    **{function: write_values(function) for function in KEEP_ZEROS},
    complex.conj_physical_: conj_physical_,
    fill.fill_: fill_,
    bits.ldexp: ldexp,
    complex.angle: of_all_values(complex.angle),
    arithmetic.floor_divide: floor_divide,
    arithmetic.floor_divide_: floor_divide_,
    rounding.nan_to_num: of_all_values(rounding.nan_to_num),
    powers.float_power: of_all_values(powers.float_power),
    arithmetic.positive: as_it_is,
    complex.conj_physical: conj,
    lazy.conj: conj,
    lazy.resolve_conj: as_it_is,
    lazy.resolve_neg: as_it_is,
    lazy.is_conj: answer_false,
    lazy.is_neg: answer_false,
    metadata.is_contiguous: answer_false,
    other_kinds.is_distributed: answer_false,
    metadata.always_false: answer_false,
    metadata.element_size: of_entries(metadata.element_size),
    metadata.get_device: of_entries(metadata.get_device),
    metadata.is_signed: of_entries(metadata.is_signed),
    metadata.is_same_size: is_same_size,
    cast.to_bfloat16: cast_values(cast.to_bfloat16),
    cast.to_type: cast_values(cast.to_type),
    cast.type_as: type_as,
    beside.new_zeros: new_zeros,
    beside.new_empty: new_zeros,
    beside.new_tensor: new_tensor,
    view_copies.narrow_copy: narrow_copy,
    shape.transpose_: swap_,
    rearrange.swapaxes_: swap_,
    shape.t_: lambda input: swap_(input, 0, 1) if input.ndim == 2 else input,
    zeros_like: zeros_beside,
    empty_like: zeros_beside,
    matrices.adjoint: adjoint,
    shape.movedim: movedim,
    join.unbind: unbind,
    index.getitem: getitem,
}
