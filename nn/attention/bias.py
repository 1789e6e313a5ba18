"""``nn.attention.bias``: causal masks as objects, for queries and keys of several lengths."""

from __future__ import annotations

import warnings
from enum import IntEnum, auto
from typing import TYPE_CHECKING, Any

from minitensor.autograd.protocol import disabled_torch_function
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import bool_
from minitensor.errors import GuardError
from minitensor.ops.creation import ones
from minitensor.ops.tensor_types import as_subclass
from minitensor.ops.triangle import tril
from minitensor.tensor import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Which corner the diagonal of a causal mask meets, if queries and keys differ in number.

    For three queries and four keys::

        UPPER_LEFT        LOWER_RIGHT
        [[1, 0, 0, 0],    [[1, 1, 0, 0],
         [1, 1, 0, 0],     [1, 1, 1, 0],
         [1, 1, 1, 0]]     [1, 1, 1, 1]]

    >>> import minitensor as torch
    >>> list(torch.nn.attention.bias.CausalVariant)
    [<CausalVariant.UPPER_LEFT: 1>, <CausalVariant.LOWER_RIGHT: 2>]
    """

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()


class CausalBias(Tensor):
    """A causal mask for ``scaled_dot_product_attention``: a bool matrix, true where a query may attend.

    Args:
        variant: Which corner the diagonal meets.
        seq_len_q: The number L of queries.
        seq_len_kv: The number S of keys.

    Attributes:
        variant, seq_len_q, seq_len_kv: The arguments.

    Raises:
        AssertionError: If ``variant`` is not a ``CausalVariant``.

    >>> import minitensor as torch
    >>> from minitensor.nn.attention.bias import CausalBias, CausalVariant
    >>> CausalBias(CausalVariant.LOWER_RIGHT, 2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    __torch_function__ = disabled_torch_function  # attention returns a plain tensor

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> Any:
        """Make the matrix."""
        if not isinstance(variant, CausalVariant):
            raise GuardError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        found = as_subclass(causal_matrix(variant, seq_len_q, seq_len_kv), cls)
        found.variant, found.seq_len_q, found.seq_len_kv = variant, seq_len_q, seq_len_kv
        return found

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        """Warn of queries that may attend nowhere."""
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            message = "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!"
            warnings.warn(message, stacklevel=user_level())

    def _materialize(self, device: Any = None) -> Tensor:
        """Return the matrix as a plain tensor on a device, the CPU by default."""
        return causal_matrix(self.variant, self.seq_len_q, self.seq_len_kv, device or "cpu")

    def __repr__(self, *args: Any, **kwargs: Any) -> str:
        return repr(self._materialize())


def causal_matrix(variant: CausalVariant, queries: int, keys: int, device: Any = None) -> Tensor:
    """Return a causal mask as a plain tensor."""
    diagonal = keys - queries if variant == CausalVariant.LOWER_RIGHT else 0
    found: Tensor = tril(ones(queries, keys, dtype=bool_, device=device), diagonal)
    return found


def causal_upper_left(*size: int) -> CausalBias:
    """Return a causal mask whose diagonal begins in the upper left corner.

    Args:
        size: The numbers of queries and of keys.

    Raises:
        AssertionError: If these are not two numbers.

    >>> import minitensor as torch
    >>> torch.nn.attention.bias.causal_upper_left(2, 3)
    tensor([[ True, False, False],
            [ True,  True, False]])
    """
    queries, keys = require_two("causal_upper_left", size)
    return CausalBias(CausalVariant.UPPER_LEFT, queries, keys)


def causal_lower_right(*size: int) -> CausalBias:
    """Return a causal mask whose diagonal ends in the lower right corner.

    Args:
        size: The numbers of queries and of keys.

    Raises:
        AssertionError: If these are not two numbers.

    >>> import minitensor as torch
    >>> torch.nn.attention.bias.causal_lower_right(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    queries, keys = require_two("causal_lower_right", size)
    return CausalBias(CausalVariant.LOWER_RIGHT, queries, keys)


def require_two(name: str, size: tuple[int, ...]) -> tuple[int, int]:
    """Return two sizes; raise if there are not two."""
    if len(size) != 2:
        raise GuardError(f"{name} only supports 2D tensors, got sizes {size}")
    return size[0], size[1]


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
