"""Attention: every query weighs all keys and returns the weighted mean of their values.

Written in tensor arithmetic, as in Vaswani et al. 2017; masks and dropout as in PyTorch. A bool mask of
``scaled_dot_product_attention`` is true where a query may attend, that of ``multi_head_attention_forward`` where it may
not: both are PyTorch's conventions.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.misuse import composite, composite_with_own_checks
from minitensor.backends import any_true
from minitensor.base import arrange, elements_of, has_values, wrap
from minitensor.callers import user_level
from minitensor.dtypes import bool_, float32
from minitensor.errors import DtypeError, GuardError, GuardZeroDivisionError, ShapeError, UsageError, UsageValueError
from minitensor.nn.functional.dropout import dropout
from minitensor.nn.functional.linear import linear
from minitensor.nn.functional.padding import pad
from minitensor.ops.creation import zeros_like
from minitensor.ops.join import cat
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.matmul import matmul
from minitensor.ops.softmax import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- one head ----------------------------------------------------------------------------------------------------------


@composite
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
    """Return softmax(scale * query @ keyᵀ + mask) @ value.

    Args:
        query: (..., L, E). The result is (..., L, V).
        key: (..., S, E).
        value: (..., S, V).
        attn_mask: Numbers to add to the scores, or bools that are true where to attend; broadcasts to (..., L, S). A
            query that may attend nowhere gets zeros.
        dropout_p: The probability of dropping an attention weight.
        is_causal: Whether a query may attend to no later key; not together with ``attn_mask``.
        scale: The factor of the scores; 1 / sqrt(E) if not given.
        enable_gqa: Whether to repeat the heads of keys and values for groups of query heads.

    Raises:
        ValueError, RuntimeError: If both ``attn_mask`` and ``is_causal`` are given.
        RuntimeError: If an input has fewer than two dims, or the heads of keys do not divide those of queries.

    >>> import minitensor as torch
    >>> scaled_dot_product_attention(torch.zeros(1, 1), torch.zeros(2, 1), torch.tensor([[2.], [4.]]))
    tensor([[3.]])
    """
    require_same_dtype("scaled_dot_product_attention", query=query, key=key, value=value)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError(
            f"scaled_dot_product_attention: expected (..., length, features), got {tuple(query.shape)}, "
            f"{tuple(key.shape)} and {tuple(value.shape)}"
        )
    if is_causal and attn_mask is not None:
        raise UsageValueError("scaled_dot_product_attention: give attn_mask or is_causal=True, not both")
    if attn_mask is not None:
        require_mask_dtype("scaled_dot_product_attention", "attn_mask", attn_mask, query)
    if enable_gqa:
        key, value = (repeat_heads(each, query) for each in (key, value))
    factor = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    scores = matmul(query * factor, key.transpose(-2, -1))
    if is_causal:
        attn_mask = causal_mask(query, query.shape[-2], key.shape[-2])
    attended = matmul(dropout(attention_weights(scores, attn_mask), dropout_p, training=dropout_p > 0), value)
    if dropout_p == 0 and has_values(attended) and is_fused_in_pytorch(query, key, value, attn_mask):
        arrange(attended, layouts.like(query.layout))
    return attended


def is_fused_in_pytorch(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether PyTorch computes attention in one kernel, whose result has the strides of the query."""
    return (
        query.ndim == 4
        and query.shape[:2] == key.shape[:2] == value.shape[:2]
        and query.shape[-1] == key.shape[-1] == value.shape[-1]
        and all(each.stride(-1) == 1 for each in (query, key, value))
        and not (mask is not None and mask.requires_grad)
    )


def require_mask_dtype(name: str, argument: str, mask: Tensor, query: Tensor) -> None:
    """Raise unless a mask holds bools, or floats that may be added to the scores."""
    if mask.dtype not in (bool_, float32, query.dtype):
        raise DtypeError(
            f"{name}: Expected {argument} dtype to be bool or float or to match query dtype, got {mask.dtype.name} for "
            f"a query of {query.dtype.name}; cast it to bool, or to the dtype of the query"
        )


def repeat_heads(heads: Tensor, query: Tensor) -> Tensor:
    """Repeat each head of (..., H, S, E) for a group of the query's heads."""
    wanted, given = query.shape[-3], heads.shape[-3]
    if not given or wanted % given:
        raise ShapeError(
            f"scaled_dot_product_attention: with enable_gqa, the number of query heads must be divisible by those of "
            f"keys and values, got {wanted} and {given}"
        )
    return heads.repeat_interleave(wanted // given, -3)


def causal_mask(like: Tensor, queries: int, keys: int) -> Tensor:
    """Return a mask that is true for the keys each query may see: those up to its own place."""
    xp = like.xp
    mask: Tensor = wrap(like.result_class, xp.arange(queries)[:, None] >= xp.arange(keys))
    return mask


def attention_weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the weight of each key for each query; a fully masked row is zeros, not NaN."""
    if mask is None:
        return softmax(scores, -1)
    is_bool = mask.dtype.kind == "b"
    if not has_values(mask):
        masked = ~mask if is_bool else mask == -math.inf
        rows = masked.all(-1, keepdim=True)
        scores = scores.masked_fill(masked & ~rows, -math.inf) if is_bool else scores + mask.masked_fill(rows, 0.0)
        return softmax(scores, -1).masked_fill(rows, 0.0)
    scores = scores.masked_fill(~mask, -math.inf) if is_bool else scores + mask
    found = fully_masked_rows(~elements_of(mask) if is_bool else elements_of(mask) == -math.inf)
    if found is None:
        return softmax(scores, -1)
    # The softmax of a row of -inf is NaN, and so is its gradient: see Note [Safe arguments] in ops/choice.py.
    rows = wrap(scores.result_class, found)
    return softmax(scores.masked_fill(rows, 0.0), -1).masked_fill(rows, 0.0)


def fully_masked_rows(masked: Array) -> Array | None:
    """Return a mask of the rows that are fully masked, or None if there are none."""
    rows: Any = masked.all(-1, keepdims=True)
    return rows if any_true(rows) else None


# -- many heads --------------------------------------------------------------------------------------------------------


@composite_with_own_checks
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: Truth,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: Truth = True,
    key_padding_mask: Tensor | None = None,
    need_weights: Truth = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: Truth = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: Truth = True,
    is_causal: Truth = False,
) -> tuple[Tensor, Tensor | None]:
    """Project queries, keys and values, attend head by head, and project the result.

    L queries, S keys, N samples, H heads; without N, no tensor has that dim.

    Args:
        query: (L, N, E). The result is (L, N, E), with the weights (N, L, S), (N, H, L, S) if not averaged, None if not
            needed.
        key, value: (S, N, ...).
        embed_dim_to_check: E.
        num_heads: H, which must divide E.
        in_proj_weight, in_proj_bias: The three input projections, (3 E, E) and (3 E).
        bias_k, bias_v: One more key and value for all samples, (1, 1, E).
        add_zero_attn: Whether to add one more key and value of zeros.
        dropout_p: The probability of dropping an attention weight in training.
        out_proj_weight, out_proj_bias: The output projection, (E, E) and (E).
        training: Whether to drop.
        key_padding_mask: (N, S): bools that are true for keys to ignore, or numbers to add to the scores.
        need_weights: Whether to return the weights.
        attn_mask: (L, S) or (N H, L, S): bools that are true where not to attend, or numbers to add to the scores.
        use_separate_proj_weight: Whether the following three weights replace ``in_proj_weight``.
        q_proj_weight, k_proj_weight, v_proj_weight: The input projections, each (E, width of its input).
        static_k, static_v: (N H, S, E / H), in place of the projected keys and values.
        average_attn_weights: Whether to average the weights over heads.
        is_causal: A hint that ``attn_mask`` is causal; has no effect.

    Raises:
        ValueError, AssertionError: If shapes, widths or masks do not fit, or a projection is missing.
        ValueError, AssertionError, ZeroDivisionError: If ``num_heads`` is 0.
        RuntimeError: If ``is_causal`` is given without ``attn_mask``.

    >>> x, weight = ones(2, 1, 4), zeros(12, 4)
    >>> F.multi_head_attention_forward(
    ...     x, x, x, 4, 2, weight, None, None, None, False, 0.0, zeros(4, 4), None
    ... )[1]
    tensor([[[0.5000, 0.5000],
             [0.5000, 0.5000]]])
    """
    batched = is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        alone = {id(each): each.unsqueeze(1) for each in (query, key, value)}  # equal arguments stay one tensor
        query, key, value = alone[id(query)], alone[id(key)], alone[id(value)]
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    heads = batch * num_heads
    check_widths(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    check_masks(key_padding_mask, attn_mask, is_causal)
    mask = square_mask(additive_mask("attn_mask", attn_mask, query), length, key.shape[0], heads)
    padding = additive_mask("key_padding_mask", key_padding_mask, query)
    three = (q_proj_weight, k_proj_weight, v_proj_weight)
    q, k, v = project_inputs(query, key, value, in_proj_weight, in_proj_bias, three, use_separate_proj_weight)
    added = 0
    if bias_k is not None or bias_v is not None:
        k, v = append_biases(k, v, bias_k, bias_v, static_k, static_v)
        added += 1
    share = width // num_heads
    q = split_heads(q, heads, share)
    k = split_heads(k, heads, share) if static_k is None else require_static("static_k", static_k, heads, share)
    v = split_heads(v, heads, share) if static_v is None else require_static("static_v", static_v, heads, share)
    if add_zero_attn:
        k, v = [cat([each, zeros_like(each[:, :1])], 1) for each in (k, v)]
        added += 1
    mask = merge_masks(mask, padding, added, batch, num_heads, k.shape[1])
    scores = matmul(q * math.sqrt(1.0 / max(q.shape[-1], 1)), k.transpose(-2, -1))
    weights = head_weights(scores, mask, need_weights)
    weights = dropout(weights, dropout_p, training=bool(training and dropout_p > 0))
    mean = matmul(weights, v).transpose(0, 1).reshape(length * batch, width)
    output = linear(mean, out_proj_weight, out_proj_bias)
    output = output.view(length, batch, output.shape[1])
    weights = weights.view(batch, num_heads, length, k.shape[1])
    weights = weights.mean(1) if average_attn_weights else weights
    if not batched:
        output, weights = output.squeeze(1), weights.squeeze(0)
    return output, weights if need_weights else None


def head_weights(scores: Tensor, mask: Tensor | None, need_weights: Truth) -> Tensor:
    """Return the weight of each key. As in PyTorch, a fully masked row is NaN if the weights are needed, else zeros."""
    if need_weights:
        return softmax(scores if mask is None else scores + mask.to(scores.dtype), -1)  # autocast may differ
    return attention_weights(scores, mask)


def project_inputs(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None,
    weights: Sequence[Tensor | None], is_separate: Truth,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Project queries, keys and values by one weight (3 E, E), or by three if they are separate."""
    if not is_separate:
        return project_by_parts(query, key, value, weight, bias)
    given = require_three_weights(*weights)
    check_separate(query, key, value, given, bias)
    return project(query, key, value, given, bias)


def is_batched(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, num_heads: int
) -> bool:
    """Whether the inputs have a dim of samples; raise if they do not agree."""
    if query.ndim not in (2, 3):
        raise GuardError(
            f"multi_head_attention_forward: query should be unbatched 2D or batched 3D tensor but received shape "
            f"{tuple(query.shape)}"
        )
    batched = query.ndim == 3
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise GuardError(
            f"multi_head_attention_forward: for {query.ndim}-D query, expected key and value to be {query.ndim}-D, got "
            f"shapes {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if padding is not None and padding.ndim != query.ndim - 1:
        raise GuardError(
            f"multi_head_attention_forward: for {query.ndim}-D query, expected key_padding_mask to be "
            f"{query.ndim - 1}-D, got shape {tuple(padding.shape)}"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise GuardError(f"multi_head_attention_forward: attn_mask must be 2-D or 3-D, got shape {tuple(mask.shape)}")
    alone = (num_heads, query.shape[0], key.shape[0])
    if mask is not None and mask.ndim == 3 and not batched and tuple(mask.shape) != alone:
        raise GuardError(
            f"multi_head_attention_forward: Expected attn_mask shape to be {alone}, got {tuple(mask.shape)}"
        )
    return batched


def check_widths(query: Tensor, key: Tensor, value: Tensor, width: int, num_heads: int, separate: bool) -> None:
    """Raise if widths do not agree with each other or with the number of heads."""
    if query.shape[2] != width:
        raise GuardError(
            f"multi_head_attention_forward: was expecting embedding dimension of {width}, but got {query.shape[2]}"
        )
    if not num_heads:
        raise GuardZeroDivisionError(
            f"multi_head_attention_forward: num_heads must be greater than zero, got {num_heads}"
        )
    if width % num_heads:
        raise GuardError(f"multi_head_attention_forward: embed_dim {width} not divisible by num_heads {num_heads}")
    checked = 2 if separate else 3
    if key.shape[:checked] != value.shape[:checked]:
        raise GuardError(
            f"multi_head_attention_forward: key shape {tuple(key.shape)} does not match value shape "
            f"{tuple(value.shape)}"
        )
    if key.shape[1] != query.shape[1]:
        raise ShapeError(
            f"multi_head_attention_forward: query and key must have the same batch size, got {query.shape[1]} and "
            f"{key.shape[1]} (shapes {tuple(query.shape)} and {tuple(key.shape)}, time first)"
        )


def check_separate(
    query: Tensor, key: Tensor, value: Tensor, weights: tuple[Tensor, ...], bias: Tensor | None
) -> None:
    """Raise if queries, keys and values do not fit their own weights, or the bias has another width."""
    width = query.shape[-1]
    for name, given, weight in zip(("query", "key", "value"), (query, key, value), weights, strict=True):
        if tuple(weight.shape) != (width, given.shape[-1]):
            raise GuardError(
                f"multi_head_attention_forward: expecting {name} of width {weight.shape[-1]}, as its weight "
                f"{tuple(weight.shape)} has, and {width} rows in that weight, but got {given.shape[-1]} (shape "
                f"{tuple(given.shape)})"
            )
    if bias is not None and tuple(bias.shape) != (3 * width,):
        raise GuardError(
            f"multi_head_attention_forward: expecting in_proj_bias of shape {(3 * width,)}, but got {tuple(bias.shape)}"
        )


# -- masks of many heads -----------------------------------------------------------------------------------------------


def check_masks(padding: Tensor | None, mask: Tensor | None, is_causal: bool) -> None:
    """Raise for a hint without a mask; warn of two masks of several dtypes."""
    if is_causal and mask is None:
        raise UsageError(
            "multi_head_attention_forward: Need attn_mask if specifying the is_causal hint; one for L queries is "
            "ones(L, L).triu(1).bool()"
        )
    if padding is not None and mask is not None and padding.dtype is not mask.dtype:
        warnings.warn(
            "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.",
            UserWarning,
            stacklevel=user_level(),
        )


def additive_mask(name: str, mask: Tensor | None, query: Tensor) -> Tensor | None:
    """Return a mask as numbers to add to the scores: minus infinity where a bool mask is true."""
    if mask is None:
        return None
    if mask.dtype.kind == "f":
        require_mask_dtype("multi_head_attention_forward", name, mask, query)
        return mask
    if mask.dtype.kind != "b":
        raise GuardError(f"multi_head_attention_forward: only bool and floating types of {name} are supported, got "
                         f"{mask.dtype.name}")  # fmt: skip
    return query.new_zeros(()).masked_fill(mask, -math.inf)


def square_mask(mask: Tensor | None, queries: int, keys: int, heads: int) -> Tensor | None:
    """Return a mask as (1 or N H, L, S)."""
    if mask is None:
        return None
    wanted = (queries, keys) if mask.ndim == 2 else (heads, queries, keys)
    if tuple(mask.shape) != wanted:
        raise ShapeError(
            f"multi_head_attention_forward: The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should "
            f"be {wanted}"
        )
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def merge_masks(
    mask: Tensor | None, padding: Tensor | None, added: int, batch: int, num_heads: int, keys: int
) -> Tensor | None:
    """Return both masks as one, (1 or N H, 1 or L, S), extended for added keys, which are never masked."""
    if mask is not None and added:
        mask = pad(mask, (0, added))
    if padding is None:
        return mask
    if added:
        padding = pad(padding, (0, added))
    if tuple(padding.shape) != (batch, keys):
        raise GuardError(
            f"multi_head_attention_forward: expected key_padding_mask of shape {(batch, keys - added)}, got "
            f"{(padding.shape[0], padding.shape[1] - added)}"
        )
    padding = padding.view(batch, 1, 1, keys).expand(-1, num_heads, -1, -1).reshape(batch * num_heads, 1, keys)
    return padding if mask is None else mask + padding


# -- projections and keys of many heads --------------------------------------------------------------------------------


def project_by_parts(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Project by the three parts of a weight (3 E, E) and a bias (3 E); one product if all are one tensor."""
    if weight is None:
        raise GuardError("multi_head_attention_forward: use_separate_proj_weight is False but in_proj_weight is None")
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    return project(query, key, value, weight.chunk(3), bias)


def project(
    query: Tensor, key: Tensor, value: Tensor, weights: tuple[Tensor, ...], bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Project by three weights, and the three parts of a bias."""
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return tuple([linear(*each) for each in zip((query, key, value), weights, biases, strict=True)])


def require_three_weights(*weights: Tensor | None) -> tuple[Tensor, ...]:
    """Return the three weights; raise if one is missing."""
    found = tuple([each for each in weights if each is not None])
    if len(found) < 3:
        raise GuardError(
            "multi_head_attention_forward: use_separate_proj_weight is True but one of q_proj_weight, k_proj_weight "
            "and v_proj_weight is None"
        )
    return found


def append_biases(
    k: Tensor, v: Tensor, bias_k: Tensor | None, bias_v: Tensor | None, static_k: Tensor | None, static_v: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Append one key and one value, the same for all samples, to (S, N, E)."""
    if bias_k is None or bias_v is None:
        raise GuardError("multi_head_attention_forward: of bias_k and bias_v, one is set and the other is None")
    if static_k is not None or static_v is not None:
        raise GuardError("multi_head_attention_forward: bias cannot be added to static key or value")
    return cat([k, bias_k.expand(1, *k.shape[1:])]), cat([v, bias_v.expand(1, *v.shape[1:])])


def split_heads(rows: Tensor, heads: int, width: int) -> Tensor:
    """Return (S, N, E) as (N H, S, E / H)."""
    return rows.reshape(rows.shape[0], heads, width).transpose(0, 1)


def require_static(name: str, given: Tensor, heads: int, width: int) -> Tensor:
    """Return static keys or values (N H, S, E / H) after a check of their shape."""
    if given.shape[0] != heads or given.shape[2] != width:
        raise GuardError(
            f"multi_head_attention_forward: expecting {name} of shape ({heads}, S, {width}), got {tuple(given.shape)}"
        )
    return given
