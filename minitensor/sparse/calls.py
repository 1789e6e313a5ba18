"""What public functions compute if an argument is sparse: one table, from the function to its version here.

Everything is computed from positions and values. A function that is missing in the table raises
(Note [A sparse tensor is a subclass]).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.dtypes import bool_
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError, UnsupportedError, UsageError
from minitensor.memory_format import sparse_coo
from minitensor.ops import arithmetic, copy, matmul, metadata, product_sums, reduce, shape
from minitensor.ops.join import cat
from minitensor.ops.linalg import low_rank
from minitensor.ops.sparse import flat_positions, merge_equal, sparse_product
from minitensor.shapes import wrap_dim, wrap_dims

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.sparse.tensor import SparseTensor
    from minitensor.tensor import Tensor


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor."""
    return isinstance(value, TensorBase.sparse_class)


def is_any_sparse(*values: Any) -> bool:
    """Whether one of the values is a sparse tensor."""
    return any(map(is_sparse, values))


# -- products ----------------------------------------------------------------------------------------------------------


def mm(name: str, input: Any, other: Any) -> Tensor:
    """Return the product of two matrices, one of which is sparse."""
    for each in (input, other):
        if require_tensor(name, each).ndim != 2:
            raise ShapeError(f"{name}: expected matrices, got shapes {list(input.shape)} and {list(other.shape)}")
    if is_sparse(input) and is_sparse(other):
        raise UnsupportedError(f"{name}: two sparse factors are not supported: convert one with to_dense()")
    if not is_sparse(input):
        return mm(name, other.t(), input.t()).t()
    return times_dense(name, input, other)


def require_tensor(name: str, value: Any) -> Any:
    """Return a factor, which must be a tensor."""
    if not isinstance(value, TensorBase):
        raise ArgumentTypeError(f"{name}: expected tensors, got {type(value).__name__}")
    return value


def times_dense(name: str, input: SparseTensor, other: Tensor) -> Tensor:
    """Return the product of a sparse and a dense matrix."""
    if input.extent[1] != other.shape[0]:
        raise ShapeError(
            f"{name}: inner sizes differ: {list(input.extent)} @ {list(other.shape)} "
            f"({input.extent[1]} != {other.shape[0]})"
        )
    if input.dtype is not other.dtype:
        raise DtypeError(f"{name}: expected one dtype, got {input.dtype.name} and {other.dtype.name}; cast with .to()")
    if input.dense_dim():
        raise UnsupportedError(f"{name}: not supported for values with dims of their own: use to_dense()")
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


def refuse_out(name: str, out: Tensor | None) -> None:
    """Raise if there is an ``out``."""
    if out is not None:
        raise UnsupportedError(f"{name}: out= is not supported for sparse tensors")


# -- arithmetic --------------------------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether a value is a number or a dense tensor without dims."""
    return not isinstance(value, TensorBase) or (not is_sparse(value) and not value.ndim)


def mul(input: Any, other: Any, *, out: Tensor | None = None) -> SparseTensor:
    """Multiply the values by a number, or by the elements of a dense tensor at their positions."""
    refuse_out("mul", out)
    one, factor = (input, other) if is_sparse(input) else (other, input)
    if is_number(factor):
        return one.with_entries(one.entries * factor)  # type: ignore[no-any-return]  # a class from above
    if is_sparse(factor) or factor.shape != one.shape:
        raise UnsupportedError(
            f"mul: a sparse tensor of shape {list(one.shape)} can be multiplied by a number or a dense tensor of its "
            "shape: convert it with to_dense() first"
        )
    return one.with_entries(one.entries * factor[tuple(one.coordinates)])  # type: ignore[no-any-return]  # as above


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
        return input + other.to_dense() * alpha
    if not (is_sparse(input) and is_sparse(other)):
        raise UsageError("add: a number or dense tensor cannot be added to a sparse tensor: use to_dense() first")
    if input.extent != other.extent or input.dense_dim() != other.dense_dim():
        raise ShapeError(f"add: expected sparse tensors of one shape, got {list(input.shape)} and {list(other.shape)}")
    return add_sparse(input, other, alpha)


def add_sparse(input: SparseTensor, other: SparseTensor, alpha: float) -> SparseTensor:
    """Return the sum of two sparse tensors, in the layout of the first."""
    indices = cat([input.coordinates, other.coordinates], 1)
    entries = cat([input.entries, other.entries if alpha == 1 else other.entries * alpha])
    total = input.of_coo(*merge_equal(indices, entries, input.extent), input.extent, True)
    return total if input.kind is sparse_coo else total.to_sparse_csr()


def sub(input: Any, other: Any, *, alpha: float = 1, out: Tensor | None = None) -> Any:
    """Subtract a sparse tensor from a sparse or dense one."""
    return add(input, other, alpha=-alpha, out=out)


# -- sums and softmax --------------------------------------------------------------------------------------------------


def sum_all(input: SparseTensor, *, dtype: Any = None) -> Tensor:
    """Return the sum of all values."""
    merged = input.coalesce() if input.dtype is bool_ and input.kind is sparse_coo else input  # equal ones count once
    return reduce.sum(merged.entries, dtype=dtype)


def as_tuple(dim: int | Sequence[int]) -> tuple[int, ...]:
    """Return one dim or several as a tuple."""
    return (dim,) if isinstance(dim, int) else tuple(dim)


def sum_over(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """Return the sum over dims: a sparse tensor if sparse dims remain."""
    if dim is None:
        return sum_all(input, dtype=dtype)
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
    matmul.mm: product("mm", mm),
    matmul.mv: product("mv", mv),
    matmul.matmul: matmul_any,
    product_sums.addmm: addmm,
    arithmetic.mul: mul,
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
    low_rank.svd_lowrank: through_dense(low_rank.svd_lowrank),
    low_rank.pca_lowrank: through_dense(low_rank.pca_lowrank),
    shape.transpose: method("transpose"),
}
