"""What public functions compute if an argument is sparse: one table, from the function to its version here.

Everything is computed from positions and values. A function that is missing in the table raises
(Note [A sparse tensor is a subclass]).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.dtypes import bool_
from minitensor.errors import DtypeError, ShapeError, UnsupportedError, UsageError
from minitensor.memory_format import sparse_coo, sparse_csr
from minitensor.ops import (
    arithmetic,
    copy,
    fill,
    join,
    listed,
    matmul,
    metadata,
    powers,
    product_sums,
    rearrange,
    reduce,
    shape,
    slices,
    sparse,
)
from minitensor.ops.compare import equal
from minitensor.ops.join import cat, stack
from minitensor.ops.linalg import eigenpairs, low_rank, norms, products
from minitensor.ops.ranges import arange
from minitensor.ops.rearrange import repeat_interleave
from minitensor.ops.slices import index_select
from minitensor.ops.sparse import flat_positions, merge_equal, row_starts, sparse_product
from minitensor.shapes import wrap_dim, wrap_dims
from minitensor.sparse import elementwise, methods, rearrangement
from minitensor.sparse.checks import is_number, is_sparse, refuse_out, require_tensor
from minitensor.sparse.elementwise import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.sparse.tensor import SparseTensor
    from minitensor.tensor import Tensor


# -- products ----------------------------------------------------------------------------------------------------------


def mm(name: str, input: Any, other: Any) -> Tensor:
    """Return the product of two matrices, one of which is sparse."""
    for each in (input, other):
        if require_tensor(name, each).ndim != 2:
            raise ShapeError(f"{name}: expected matrices, got shapes {list(input.shape)} and {list(other.shape)}")
    if is_sparse(input) and is_sparse(other):
        return times_sparse(name, input, other)
    if not is_sparse(input):
        return mm(name, other.t(), input.t()).t()
    return times_dense(name, input, other)


def require_factors(name: str, input: SparseTensor, other: Tensor) -> None:
    """Raise unless two matrices can be multiplied."""
    if input.extent[1] != other.shape[0]:
        raise ShapeError(
            f"{name}: inner sizes differ: {list(input.extent)} @ {list(other.shape)} "
            f"({input.extent[1]} != {other.shape[0]})"
        )
    if input.dtype is not other.dtype:
        raise DtypeError(f"{name}: expected one dtype, got {input.dtype.name} and {other.dtype.name}; cast with .to()")
    if any(is_sparse(each) and each.dense_dim() for each in (input, other)):
        raise UnsupportedError(f"{name}: not supported for values with dims of their own: use to_dense()")


def times_sparse(name: str, input: SparseTensor, other: SparseTensor) -> SparseTensor:
    """Return the product of two sparse matrices: each entry times the entries of the row of ``other`` that it meets."""
    require_factors(name, input, other)
    (rows, inner), (rows_of_other, cols) = input.coordinates, merge(other).coordinates
    starts = row_starts(rows_of_other, other.extent[0])
    counts = starts[inner + 1] - starts[inner]
    ours = repeat_interleave(counts)
    theirs = arange(ours.shape[0], device=ours.device) + (starts[inner] - counts.cumsum(0) + counts)[ours]
    entries = index_select(input.entries, 0, ours) * index_select(merge(other).entries, 0, theirs)
    extent = (input.extent[0], other.extent[1])
    found = input.of_coo(*merge_equal(stack([rows[ours], cols[theirs]]), entries, extent), extent, True)
    return found if input.kind is sparse_coo else found.to_sparse_csr()


def times_dense(name: str, input: SparseTensor, other: Tensor) -> Tensor:
    """Return the product of a sparse and a dense matrix."""
    require_factors(name, input, other)
    rows, cols = input.coordinates
    return sparse_product(rows, cols, input.entries, other, input.extent[0])


def mv(name: str, input: Any, vec: Any) -> Tensor:
    """Return the product of a sparse matrix and a dense vector."""
    if require_tensor(name, vec).ndim != 1:
        raise ShapeError(f"{name}: expected a vector, got shape {list(vec.shape)}")
    return mm(name, input, vec.unsqueeze(1)).squeeze(1)


def matmul_any(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Return the product with a matrix or, on the right, a vector."""
    refuse_out("matmul", out)
    return mv("matmul", input, other) if getattr(other, "ndim", 2) == 1 else mm("matmul", input, other)


def product(name: str, compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a product under its public name, which refuses ``out``."""

    def call(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        refuse_out(name, out)
        return compute(name, input, other)

    return call


def addmm(
    input: Tensor, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)`` for a dense ``input``."""
    refuse_out("addmm", out)
    if is_sparse(input):
        raise UnsupportedError("addmm: a sparse input is not supported: convert it with to_dense()")
    found = mm("addmm", mat1, mat2)
    scaled = found if alpha == 1 else found * alpha
    return scaled if beta == 0 else scaled + (input if beta == 1 else input * beta)


def addmv(
    input: Tensor, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * (mat @ vec)`` for a sparse ``mat``."""
    refuse_out("addmv", out)
    found = mv("addmv", mat, vec) * alpha
    return found if beta == 0 else found + input * beta


def bmm(input: Any, mat2: Any, *, out: Tensor | None = None) -> Tensor:
    """Return the products of the matrices of two batches, one batch of which is sparse."""
    refuse_out("bmm", out)
    require_tensor("bmm", mat2)
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ShapeError(f"bmm: expected batches of matrices, got shapes {list(input.shape)} and {list(mat2.shape)}")
    return stack([mm("bmm", input[each], mat2[each]) for each in range(input.shape[0])])


def matrix_power(input: SparseTensor, n: int, *, out: Tensor | None = None) -> Any:
    """Return the product of ``n`` times the matrix."""
    refuse_out("matrix_power", out)
    if n < 1:
        raise UnsupportedError(f"matrix_power: expected a positive power of a sparse matrix, got {n}: use to_dense()")
    found: Any = input
    for _ in range(n - 1):
        found = mm("matrix_power", found, input)
    return found


def dist(input: Any, other: Any, p: float = 2) -> Tensor:
    """Return the norm of the difference of two sparse tensors."""
    if not is_sparse(input) or not is_sparse(require_tensor("dist", other)):
        raise UnsupportedError("dist: expected two sparse tensors: convert the other one with to_sparse()")
    return elementwise.norm(sub(input, other), p)


# -- arithmetic --------------------------------------------------------------------------------------------------------


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> SparseTensor:
    """Divide the values by a number."""
    refuse_out("div", out)
    if not is_sparse(input) or not is_number(other):
        raise UsageError("div: a sparse tensor can only be divided by a number: convert it with to_dense() first")
    entries = arithmetic.div(input.entries, other, rounding_mode=rounding_mode)
    return input.with_entries(entries)  # type: ignore[no-any-return]  # a class from above


def neg(input: SparseTensor, *, out: Tensor | None = None) -> SparseTensor:
    """Negate the values."""
    refuse_out("neg", out)
    return input.with_entries(-input.entries)


def add(input: Any, other: Any, *, alpha: float = 1, out: Tensor | None = None) -> Any:
    """Add two sparse tensors of one shape, or a sparse one to a dense one."""
    refuse_out("add", out)
    if not is_sparse(input) and isinstance(input, TensorBase) and input.ndim:
        return input + (other.to_dense() if alpha == 1 else other.to_dense() * alpha)
    if is_sparse(input) and input.kind is sparse_csr and isinstance(other, TensorBase) and not is_sparse(other):
        scaled: Any = other
        return add(scaled if alpha == 1 else scaled * alpha, input)
    if not (is_sparse(input) and is_sparse(other)):
        raise UsageError("add: a number or dense tensor cannot be added to a sparse tensor: use to_dense() first")
    if input.extent != other.extent or input.dense_dim() != other.dense_dim():
        raise ShapeError(f"add: expected sparse tensors of one shape, got {list(input.shape)} and {list(other.shape)}")
    return add_sparse(input, other, alpha)


def add_sparse(input: SparseTensor, other: SparseTensor, alpha: float) -> SparseTensor:
    """Return the sum of two sparse tensors, in the layout of the first; it is merged if both are."""
    if equal(input.coordinates, other.coordinates):
        return input.with_entries(input.entries + (other.entries if alpha == 1 else other.entries * alpha))
    indices = cat([input.coordinates, other.coordinates], 1)
    entries = cat([input.entries, other.entries if alpha == 1 else other.entries * alpha])
    total = input.of_coo(indices, entries, input.extent)
    total = total.coalesce() if input.is_merged and other.is_merged else total
    return total if input.kind is sparse_coo else total.to_sparse_csr()


def sub(input: Any, other: Any, *, alpha: float = 1, out: Tensor | None = None) -> Any:
    """Subtract a sparse tensor from a sparse or dense one."""
    return add(input, other, alpha=-alpha, out=out)


def add_(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Add a sparse tensor to a sparse or dense one, in place."""
    if is_sparse(input) and isinstance(other, TensorBase) and not is_sparse(other):
        raise UsageError("add_: a dense tensor cannot be added in place to a sparse one: use the out-of-place function")
    if is_sparse(input):
        return elementwise.replace(input, add(input, other, alpha=alpha))
    if tuple(input.shape) != other.extent:
        raise ShapeError(f"add_: expected tensors of one shape, got {list(input.shape)} and {list(other.shape)}")
    return elementwise.add_to_dense(input, other, alpha)


def sub_(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Subtract a sparse tensor from a sparse or dense one, in place."""
    return add_(input, other, alpha=-alpha)


# -- sums and softmax --------------------------------------------------------------------------------------------------


def sum_all(input: SparseTensor, *, dtype: Any = None) -> Tensor:
    """Return the sum of all values."""
    merged = input.coalesce() if input.dtype is bool_ and input.kind is sparse_coo else input  # equal ones count once
    return reduce.sum(merged.entries, dtype=dtype)


def as_tuple(dim: int | Sequence[int]) -> tuple[int, ...]:
    """Return one dim or several as a tuple."""
    return (dim,) if isinstance(dim, int) else tuple(dim)


def sum_over(input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the sum over dims: a sparse tensor if sparse dims remain."""
    if dim is None:
        return sum_all(input, dtype=dtype)
    if keepdim:
        raise UnsupportedError("sum: keepdim=True is not supported for sparse tensors: unsqueeze the result")
    input.require_layout("sum", sparse_coo)
    sparse_dims, dims = input.sparse_dim(), wrap_dims(as_tuple(dim), input.ndim)
    entries = input.entries if dtype is None else input.entries.to(dtype)
    over = [each - sparse_dims + 1 for each in dims if each >= sparse_dims]
    if over:
        entries = entries.sum(over)
    kept = [each for each in range(sparse_dims) if each not in dims]
    if not kept:
        return entries.sum(0)
    extent = [size for each, size in enumerate(input.extent) if each not in dims]
    indices = input.coordinates[kept]
    return input.of_coo(*merge_equal(indices, entries, extent), extent, True)


def softmax_parts(name: str, input: Any, dim: int, dtype: Any) -> tuple[SparseTensor, Tensor, Tensor]:
    """Return the merged tensor, its values less the largest of their slice along ``dim``, and each value's slice."""
    if not is_sparse(input):
        raise UnsupportedError(f"{name}: expected a sparse tensor; for a dense one, use torch.{name}")
    merged = input.coalesce()
    axis = wrap_dim(dim, input.ndim)
    if input.dense_dim():
        raise UnsupportedError(f"{name}: not supported for values with dims of their own: use to_dense()")
    entries = merged.entries if dtype is None else merged.entries.to(dtype)
    others = [each for each in range(input.ndim) if each != axis]
    flat = flat_positions(merged.places[0][others], [input.extent[each] for each in others])
    count = max(1, input.numel() // max(1, input.extent[axis]))
    largest = entries.new_zeros(count).scatter_reduce(0, flat, entries.detach(), "amax", include_self=False)
    return merged, entries - largest[flat], flat


def softmax(input: Any, dim: int, *, dtype: Any = None) -> SparseTensor:
    """Return the softmax of the entries along a dim; what is not stored counts as minus infinity."""
    merged, shifted, slices = softmax_parts("softmax", input, dim, dtype)
    powers = shifted.exp()
    return merged.with_entries(powers / total_of_slice(powers, slices))


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> SparseTensor:
    """Return the logarithm of the softmax of the entries along a dim."""
    merged, shifted, slices = softmax_parts("log_softmax", input, dim, dtype)
    return merged.with_entries(shifted - total_of_slice(shifted.exp(), slices).log())


def total_of_slice(values: Tensor, slices: Tensor) -> Tensor:
    """Return for each value the sum of those in its slice."""
    count = int(slices.max()) + 1 if slices.shape[0] else 0
    return values.new_zeros(count).index_add(0, slices, values)[slices]


# -- the table ---------------------------------------------------------------------------------------------------------


def method(name: str) -> Callable[..., Any]:
    """Return a function that calls the method of this name, which the class defines."""
    return lambda input, *args, **kwargs: getattr(input, name)(*args, **kwargs)


def through_dense(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose sparse arguments are first made dense."""

    def call(*args: Any, **kwargs: Any) -> Any:
        dense = {name: value.to_dense() if is_sparse(value) else value for name, value in kwargs.items()}
        return function(*[each.to_dense() if is_sparse(each) else each for each in args], **dense)

    return call


CALLS: dict[Any, Callable[..., Any]] = {
    **{function: elementwise.of_values(function) for function in elementwise.KEEP_ZEROS},
    powers.pow: elementwise.pow,
    powers.pow_: elementwise.writes(elementwise.pow),
    arithmetic.mul: elementwise.mul,
    arithmetic.mul_: elementwise.writes(elementwise.mul),
    arithmetic.div_: elementwise.writes(div),
    arithmetic.add_: add_,
    arithmetic.sub_: sub_,
    arithmetic.neg_: elementwise.writes(neg),
    fill.zero_: elementwise.zero_,
    fill.copy_: elementwise.copy_,
    norms.norm: elementwise.norm,
    norms.plain_norm: elementwise.norm,
    join.stack: rearrangement.stack,
    reduce.any: elementwise.any_true,
    slices.index_select: rearrangement.index_select,
    shape.select: rearrangement.select,
    join.cat: rearrangement.cat,
    shape.permute: rearrangement.permute_method,
    listed.permute: rearrangement.permute,
    shape.unsqueeze: rearrangement.unsqueeze,
    sparse.sparse_mask: rearrangement.sparse_mask,
    matmul.mm: product("mm", mm),
    matmul.mv: product("mv", mv),
    matmul.matmul: matmul_any,
    product_sums.addmm: addmm,
    arithmetic.div: div,
    arithmetic.true_divide: div,
    arithmetic.neg: neg,
    arithmetic.add: add,
    arithmetic.sub: sub,
    reduce.sum: sum_over,
    copy.clone: method("clone"),
    copy.detach: method("detach"),
    metadata.is_floating_point: method("is_floating_point"),
    metadata.is_complex: method("is_complex"),
    metadata.numel: method("numel"),
    shape.t: method("t"),
    eigenpairs.lobpcg: eigenpairs.find_eigenpairs,
    low_rank.svd_lowrank: through_dense(low_rank.svd_lowrank),
    low_rank.pca_lowrank: through_dense(low_rank.pca_lowrank),
    shape.transpose: method("transpose"),
    rearrange.swapaxes: method("transpose"),
    matmul.bmm: bmm,
    product_sums.addmv: addmv,
    products.matrix_power: matrix_power,
    norms.dist: dist,
    arithmetic.subtract: sub,
    arithmetic.subtract_: sub_,
    **methods.CALLS,
}
