"""Functions of each element that keep zeros, in-place arithmetic, and products with the elements of another tensor.

A function that is not linear first merges the values of equal positions: f(a + b) is not f(a) + f(b).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.dtypes import bool_
from minitensor.errors import GradError, ShapeError, UnsupportedError, UsageError
from minitensor.memory_format import sparse_coo
from minitensor.ops import activation, compare, exponentials, powers, rounding, special, trigonometry
from minitensor.ops.slices import index_select
from minitensor.ops.sort import searchsorted
from minitensor.ops.sparse import flat_positions
from minitensor.sparse.checks import is_number, is_sparse, refuse_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.sparse.tensor import SparseTensor
    from minitensor.tensor import Tensor


def merge(input: SparseTensor) -> SparseTensor:
    """Return the tensor with one value for each position, in either layout."""
    return input.coalesce() if input.kind is sparse_coo else input


def of_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the version for sparse tensors of a function of each element that keeps zeros."""

    def call(input: SparseTensor, *, out: Tensor | None = None) -> SparseTensor:
        refuse_out(function.__name__, out)
        merged = merge(input)
        return merged.with_entries(function(merged.entries))

    return call


# The functions f of each element with f(0) = 0.
KEEP_ZEROS = [
    rounding.abs, trigonometry.asin, trigonometry.asinh, trigonometry.atan, trigonometry.atanh, rounding.ceil,
    trigonometry.deg2rad, special.erf, special.erfinv, exponentials.expm1, rounding.floor, rounding.frac,
    compare.isinf, compare.isnan, compare.isneginf, compare.isposinf, exponentials.log1p, trigonometry.rad2deg,
    activation.relu, rounding.round, rounding.sgn, rounding.sign, rounding.signbit, trigonometry.sin, trigonometry.sinh,
    powers.sqrt, trigonometry.tan, trigonometry.tanh, rounding.trunc, powers.square,
]


def pow(input: SparseTensor, exponent: Any, *, out: Tensor | None = None) -> SparseTensor:
    """Raise the elements to a power other than the zeroth."""
    refuse_out("pow", out)
    if not is_sparse(input) or not is_number(exponent):
        raise UnsupportedError("pow: a sparse tensor can only be raised to a number: convert it with to_dense() first")
    if exponent == 0:
        raise UsageError("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense")
    merged = merge(input)
    return merged.with_entries(merged.entries**exponent)


def mul(input: Any, other: Any, *, out: Tensor | None = None) -> SparseTensor:
    """Multiply the values by a number, or by the elements of another tensor at their positions."""
    refuse_out("mul", out)
    one, factor = (input, other) if is_sparse(input) else (other, input)
    if is_number(factor):
        return one.with_entries(one.entries * factor)  # type: ignore[no-any-return]  # a class from above
    if is_sparse(factor):
        return mul_sparse(one, factor)
    return one.with_entries(one.entries * elements_at(one, factor))  # type: ignore[no-any-return]  # as above


def elements_at(input: SparseTensor, dense: Tensor) -> Tensor:
    """Return the elements, or slices, that a dense tensor has at the positions of a sparse one; it may broadcast."""
    if dense.ndim > input.ndim:
        raise ShapeError(
            f"mul: the dense factor has more dims than the sparse one: {list(dense.shape)} and {list(input.shape)}"
        )
    return dense.expand(input.extent)[tuple(input.coordinates)]


def mul_sparse(input: SparseTensor, other: SparseTensor) -> SparseTensor:
    """Multiply two sparse tensors of one shape: the product has values where both have."""
    if input.extent != other.extent or input.sparse_dim() != other.sparse_dim():
        raise ShapeError(f"mul: expected sparse tensors of one shape, got {list(input.shape)} and {list(other.shape)}")
    one, two = merge(input), merge(other)
    here, there = [flat_positions(each.coordinates, input.extent) for each in (one, two)]
    rows = searchsorted(there, here).clamp(max=max(there.shape[0] - 1, 0))
    both = (there[rows] == here).nonzero().reshape(-1) if there.shape[0] else rows[:0]
    entries = index_select(one.entries, 0, both) * index_select(two.entries, 0, rows[both])
    found = one.of_coo(one.coordinates[:, both], entries, input.extent, True)
    return found if input.kind is sparse_coo else found.to_sparse_csr()


def norm(input: SparseTensor, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """Return the norm of all elements."""
    if dim is not None:
        raise UnsupportedError("norm: dims are not supported for sparse tensors: use to_dense()")
    found: Tensor = merge(input).entries.norm(2 if p in (None, "fro") else p, dtype=dtype)
    return found


def any_true(input: SparseTensor, *, out: Tensor | None = None) -> Tensor:
    """Return whether an element is not zero."""
    refuse_out("any", out)
    found: Tensor = merge(input).entries.to(bool_).any()
    return found


# -- writes ------------------------------------------------------------------------------------------------------------


def replace(input: SparseTensor, found: SparseTensor) -> SparseTensor:
    """Give a sparse tensor the positions and values of another, in place."""
    if input.requires_grad and input.is_leaf:
        raise GradError("a leaf that requires grad is written to in place: use the out-of-place function")
    input.places, input.entries, input.is_merged = found.places, found.entries.to(input.dtype), found.is_merged
    return input


def add_to_dense(input: Any, other: SparseTensor, alpha: float) -> Any:
    """Add a sparse tensor to a dense one, in its memory: only where the sparse one has entries."""
    entries = other.entries if alpha == 1 else other.entries * alpha
    if other.sparse_dim() == 1:
        return input.index_add_(0, other.places[0][0], entries)
    return input.index_put_(tuple(other.coordinates), entries, accumulate=True)


def writes(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the in-place version of a function whose result is sparse."""

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_sparse(input):
            raise UnsupportedError("a dense tensor cannot become sparse in place: use the out-of-place function")
        return replace(input, compute(input, *args, **kwargs))

    return call


def zero_(input: SparseTensor) -> SparseTensor:
    """Remove all entries; with compressed rows, make them zero."""
    if input.kind is not sparse_coo:
        input.entries.zero_()
        return input
    indices = input.places[0][:, :0]
    return replace(input, input.of_coo(indices, input.entries.detach()[:0], input.extent, True))


def copy_(input: Any, src: Any, non_blocking: bool = False) -> Any:
    """Copy positions and values from another sparse tensor."""
    if not (is_sparse(input) and is_sparse(src)) or input.extent != src.extent or input.kind is not src.kind:
        raise UnsupportedError("copy_: expected two sparse tensors of one shape and layout: use to_dense()")
    return replace(input, src.clone())
