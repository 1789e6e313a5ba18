"""What the versions of functions for sparse tensors ask of their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, UnsupportedError

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor."""
    return isinstance(value, TensorBase.sparse_class)


def is_any_sparse(*values: Any) -> bool:
    """Whether one of the values is a sparse tensor."""
    return any(map(is_sparse, values))


def is_number(value: Any) -> bool:
    """Whether a value is a number or a dense tensor without dims."""
    return not isinstance(value, TensorBase) or (not is_sparse(value) and not value.ndim)


def require_tensor(name: str, value: Any) -> Any:
    """Return a factor, which must be a tensor."""
    if not isinstance(value, TensorBase):
        raise ArgumentTypeError(f"{name}: expected tensors, got {type(value).__name__}")
    return value


def refuse_out(name: str, out: Tensor | None) -> None:
    """Raise if there is an ``out``."""
    if out is not None:
        raise UnsupportedError(f"{name}: out= is not supported for sparse tensors")
