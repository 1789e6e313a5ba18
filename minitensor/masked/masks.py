"""Masks of the functions of ``masked``: how one is spread over a tensor, and what stands where it is false.

A masked function computes what the plain one does after the elements that are masked out were replaced by its identity:
0 in a sum, 1 in a product, -inf in a maximum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.dtypes import bool_, iinfo, uint8
from minitensor.errors import (
    IndexRangeError,
    RepeatedDimError,
    UnsupportedDtypeError,
    UnsupportedError,
    UnsupportedTypeError,
)
from minitensor.ops.choice import where
from minitensor.ops.creation import scalar_tensor

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.reduce import Dims
    from minitensor.tensor import Tensor

LOWEST = frozenset(("amax", "argmax", "logaddexp", "logsumexp"))
HIGHEST = frozenset(("amin", "argmin"))


def refuse_sparse(name: str, *tensors: Any) -> None:
    """Raise for sparse tensors."""
    for each in tensors:
        if each.is_sparse or each.is_sparse_csr:
            raise UnsupportedError(f"masked {name}: sparse tensors are not supported: convert with to_dense()")


def identity(name: str, dtype: Dtype, order: float = 2) -> float | complex:
    """Return the number that leaves the result of an operation as it is.

    Raises:
        NotImplementedError: If the dtype has none, as bool for ``amax``; also a TypeError if it is complex.
    """
    if name == "norm":
        return float("inf") if order == float("-inf") else 0
    if name in ("sum", "prod", "median"):
        return {"sum": 0, "prod": 1, "median": float("nan")}[name]
    is_lowest = name in LOWEST
    if dtype.is_floating_point or (dtype.is_complex and name == "logsumexp"):
        return float("-inf") if is_lowest else float("inf")
    if dtype is uint8 or (dtype.is_signed and not dtype.is_complex):
        return iinfo(dtype).min if is_lowest else iinfo(dtype).max
    error = UnsupportedTypeError if dtype.is_complex else UnsupportedDtypeError
    raise error(f"identity of {name} on {dtype} input")


def spread_mask(input: Tensor, mask: Tensor) -> Tensor:
    """Return a mask as booleans of the tensor's shape.

    Raises:
        IndexError: If the mask has more dims than the tensor.
    """
    if mask.ndim > input.ndim:
        raise IndexRangeError(
            f"masked: expected a mask that broadcasts to the shape {list(input.shape)}, got {list(mask.shape)}"
        )
    return mask.broadcast_to(input.shape).to(bool_)


def is_masked(value: Any) -> bool:
    """Return whether a value is a masked tensor, whose class is defined above this file."""
    return hasattr(value, "_masked_mask")


def unmask(input: Any, mask: Tensor | None) -> tuple[Any, Tensor | None]:
    """Return the data and the mask: of a masked tensor, its own."""
    return (input.get_data(), input.get_mask()) if is_masked(input) else (input, mask)


def fill(name: str, input: Any, mask: Tensor | None, order: float = 2) -> Tensor:
    """Return the elements that a mask lets in, and the identity of an operation in place of the others."""
    input, mask = unmask(input, mask)
    refuse_sparse(name, input)
    if mask is None:
        return input  # type: ignore[no-any-return]  # a plain tensor
    spread = spread_mask(input, mask)
    other = scalar_tensor(identity(name, input.dtype, order), dtype=input.dtype, device=input.device)
    return where(spread, input, other)  # type: ignore[no-any-return]  # a tensor


def sorted_dims(dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return dims as non-negative numbers in order; None and an empty tuple mean all.

    Raises:
        RuntimeError: If a dim occurs twice.
        IndexError: If a dim is out of range.
    """
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims, ndim = [dim] if isinstance(dim, int) else list(dim), max(ndim, 1)
    for place, each in enumerate(dims):
        if each in dims[:place]:
            raise RepeatedDimError(f"dim={each} appears multiple times in the list of dims")
        if not -ndim <= each < ndim:
            raise IndexRangeError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {each})"
            )
    return tuple(sorted([each % ndim for each in dims]))
