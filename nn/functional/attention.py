"""Attention: every query looks at all keys and takes a mixture of their values.

Written in tensor arithmetic, as in Vaswani et al. 2017; masks and dropout as in PyTorch's function of that name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.base import wrap
from minitensor.errors import ArgumentError, ShapeError
from minitensor.nn.functional.dropout import dropout
from minitensor.ops.activation import softmax
from minitensor.ops.matmul import matmul

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return softmax(scale * query @ keyᵀ + mask) @ value: (..., L, E), (..., S, E) and (..., S, V) give (..., L, V).

    ``attn_mask`` is added, or, if it is bool, says where to look. ``is_causal`` lets a query see no later key.
    ``scale`` is 1 / sqrt(E) if not given. ``enable_gqa`` repeats keys and values for groups of query heads.
    """
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError(
            f"scaled_dot_product_attention: expected (..., length, features), got {tuple(query.shape)}, "
            f"{tuple(key.shape)} and {tuple(value.shape)}"
        )
    if is_causal and attn_mask is not None:
        raise ArgumentError("scaled_dot_product_attention: give attn_mask or is_causal=True, not both")
    if enable_gqa:
        key, value = (each.repeat_interleave(query.shape[-3] // each.shape[-3], -3) for each in (key, value))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = matmul(query * factor, key.transpose(-2, -1))
    if is_causal:
        attn_mask = causal_mask(query, query.shape[-2], key.shape[-2])
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.array.dtype.kind == "b" else scores + attn_mask
    return matmul(dropout(softmax(scores, -1), dropout_p, training=dropout_p > 0), value)


def causal_mask(like: Tensor, queries: int, keys: int) -> Tensor:
    """Return which keys each query may see: none after its own place."""
    xp = like.xp
    mask: Tensor = wrap(like.result_class, xp.arange(queries)[:, None] >= xp.arange(keys))
    return mask
