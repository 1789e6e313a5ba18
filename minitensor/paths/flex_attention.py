"""``nn.attention.flex_attention``: attention whose scores or mask a function of the program computes.

PyTorch compiles the function into the kernel of a GPU. Here it is mapped over all scores by ``vmap``, and attention is
computed as a whole, with gradients on every device.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, get_args

from minitensor.amp.autocast_mode import autocast
from minitensor.amp.switches import get_autocast_dtype, is_autocast_enabled
from minitensor.compat.once import warn_once
from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import bool_, float32, float64, int8
from minitensor.errors import ArgumentError, GuardError, UnsupportedError, UsageError
from minitensor.func.mapping import vmap
from minitensor.nn.functional import pad
from minitensor.ops.choice import where
from minitensor.ops.creation import zeros
from minitensor.ops.matmul import matmul
from minitensor.ops.ranges import arange
from minitensor.ops.reduce import logsumexp
from minitensor.ops.softmax import softmax
from minitensor.paths.block_mask import (
    BLOCK,
    BlockMask,
    MaskMod,
    lists_of_blocks,
    mask_of_slice,
    noop_mask,
    order_of_writes,
)
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "FlexKernelOptions", "and_masks", "create_block_mask", "create_mask",
    "flex_attention", "noop_mask", "or_masks",
]  # fmt: skip

ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
Kernel = Literal["AUTO", "TRITON", "FLASH", "TRITON_DECODE"]
WHOLE = 1 << 30  # the size of the one block of a mask that is everywhere true
_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = False
_DEFAULT_SPARSE_BLOCK_SIZE = BLOCK


class FlexKernelOptions(TypedDict, total=False):
    """Options of PyTorch's kernels, which choose nothing here. ``BACKEND`` is checked.

    >>> from minitensor.nn.attention.flex_attention import FlexKernelOptions
    >>> FlexKernelOptions(BLOCK_M=64)
    {'BLOCK_M': 64}
    """

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    BLOCK_M1: int
    BLOCK_N1: int
    BLOCK_M2: int
    BLOCK_N2: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    BACKEND: Kernel


class AuxRequest(NamedTuple):
    """What ``flex_attention`` returns beside its output, for each query.

    Args:
        lse: The logsumexp of the scores. Default: ``False``.
        max_scores: Their maximum. Default: ``False``.

    >>> from minitensor.nn.attention.flex_attention import AuxRequest
    >>> AuxRequest(lse=True)
    AuxRequest(lse=True, max_scores=False)
    """

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What ``AuxRequest`` asked for; None for the rest.

    Args:
        lse: The logsumexp of the scores of each query. Default: ``None``.
        max_scores: Their maximum. Default: ``None``.

    >>> from minitensor.nn.attention.flex_attention import AuxOutput
    >>> AuxOutput()
    AuxOutput(lse=None, max_scores=None)
    """

    lse: Tensor | None = None
    max_scores: Tensor | None = None


# -- masks -------------------------------------------------------------------------------------------------------------


def or_masks(*mask_mods: MaskMod) -> MaskMod:
    """Return a mask that is true where any of several is.

    Args:
        mask_mods: Functions of the numbers of a batch, a head, a query and a key.

    Raises:
        RuntimeError: If one is not callable.

    >>> from minitensor.nn.attention.flex_attention import create_mask, or_masks
    >>> first_or_causal = or_masks(lambda b, h, q, k: k == 0, lambda b, h, q, k: q >= k)
    >>> create_mask(first_or_causal, None, None, 2, 2).tolist()
    [[[[True, False], [True, True]]]]
    """
    require_callables(mask_mods)

    def or_mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result: Tensor = b.new_zeros((), dtype=bool_)
        for mask in mask_mods:
            result = result | mask(b, h, q_idx, kv_idx)
        return result

    return or_mask


def and_masks(*mask_mods: MaskMod) -> MaskMod:
    """Return a mask that is true where all of several are.

    Args:
        mask_mods: Functions of the numbers of a batch, a head, a query and a key.

    Raises:
        RuntimeError: If one is not callable.

    >>> from minitensor.nn.attention.flex_attention import and_masks, create_mask
    >>> window = and_masks(lambda b, h, q, k: q - k < 2, lambda b, h, q, k: q >= k)
    >>> create_mask(window, None, None, 3, 3)[0, 0].int().tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """
    require_callables(mask_mods)

    def and_mask(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result: Tensor = b.new_ones((), dtype=bool_)
        for mask in mask_mods:
            result = result & mask(b, h, q_idx, kv_idx)
        return result

    return and_mask


def require_callables(mask_mods: tuple[Any, ...]) -> None:
    """Raise unless all masks can be called."""
    if not all(callable(each) for each in mask_mods):
        raise UsageError(f"All inputs should be callable mask_mods: {mask_mods}")


def arity(function: Callable[..., Any]) -> int:
    """Return how many arguments a function of scores or of a mask requires: 5 or 4."""
    parameters = inspect.signature(function).parameters.values()
    count = sum(each.default is inspect.Parameter.empty for each in parameters)
    if count not in (4, 5):
        raise GuardError(f"Expected 4 or 5 positional args, got {count}")
    return count


def map_over_scores(function: Callable[..., Tensor], takes_score: bool) -> Callable[..., Tensor]:
    """Return a function of one score as one of all scores (B, H, L, S), and of the numbers along each dim."""
    first = (0,) if takes_score else ()
    for dims in ((None, None, None, 0), (None, None, 0, None), (None, 0, None, None), (0, None, None, None)):
        function = vmap(function, in_dims=(*first, *dims))
    return function


def places_of(shape: tuple[int, ...], device: DeviceLike) -> list[Tensor]:
    """Return the numbers along each dim."""
    return [arange(size, device=device) for size in shape]


def create_mask(
    mod_fn: ScoreMod | MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: DeviceLike = None
) -> Tensor:
    """Return a mask as a tensor of bools (B, H, Q_LEN, KV_LEN).

    Args:
        mod_fn: A mask, or a function of scores: false where it returns minus infinity for a score of zero.
        B, H: The sizes of the batch and of the heads, 1 if None.
        Q_LEN, KV_LEN: The numbers of queries and keys.
        device: The device; the CPU if None.

    Raises:
        AssertionError: If the function does not require four or five arguments.

    >>> import minitensor as torch
    >>> from minitensor.nn.attention.flex_attention import create_mask
    >>> create_mask(lambda b, h, q, k: q >= k, None, None, 2, 3)
    tensor([[[[ True, False, False],
              [ True,  True, False]]]])
    """
    shape = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    places = places_of(shape, device or "cpu")
    if arity(mod_fn) == 4:
        return map_over_scores(mod_fn, takes_score=False)(*places)
    scores = map_over_scores(mod_fn, takes_score=True)(zeros(shape, device=device or "cpu"), *places)
    return ~scores.isneginf()


def create_block_mask(
    mask_mod: MaskMod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: DeviceLike = None,
    BLOCK_SIZE: int | tuple[int, int] = BLOCK,
    _compile: bool = False,
    separate_full_blocks: bool = True,
    compute_dq_write_order: bool = False,
    dq_kv_order: bool = True,
) -> BlockMask:
    """Return a mask with the blocks in which it is true.

    Args:
        mask_mod: A function of the numbers of a batch, a head, a query and a key.
        B, H: The sizes of the batch and of the heads, 1 if None.
        Q_LEN, KV_LEN: The numbers of queries and keys.
        device: The device; the CPU if None.
        BLOCK_SIZE: The size of a block, or the numbers of its queries and keys.
        _compile: Accepted for PyTorch compatibility.
        separate_full_blocks: Whether blocks that are wholly true are listed apart.
        compute_dq_write_order, dq_kv_order: Whether, and in which order, to compute what only PyTorch's kernels read.

    Raises:
        AssertionError: If the function does not require four arguments, or returns no bools.
        ValueError: If ``dq_kv_order`` is not a bool.

    >>> from minitensor.nn.attention.flex_attention import create_block_mask
    >>> print(create_block_mask(lambda b, h, q, k: q >= k, None, None, 384, 384))
    BlockMask(shape=(1, 1, 384, 384), sparsity=33.33%,...
    """
    if arity(mask_mod) != 4:
        raise GuardError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    if not isinstance(dq_kv_order, bool):
        raise ArgumentError("dq_kv_order must be a bool when using create_block_mask")
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    if mask.dtype != bool_:
        raise GuardError(f"mask.dtype must be torch.bool, got {mask.dtype}: return a comparison, such as q >= k")
    partial, full = classify_blocks(mask, block, separate_full_blocks)
    counts, indices = lists_of_blocks(partial)
    wholes = (None, None) if full is None else lists_of_blocks(full)
    found = BlockMask.from_kv_blocks(
        counts, indices, wholes[0], wholes[1], BLOCK_SIZE=block, mask_mod=mask_mod,
        seq_lengths=(Q_LEN, KV_LEN),
    )  # fmt: skip
    if compute_dq_write_order:
        found.dq_write_order, found.dq_write_order_full = order_of_writes(found, dq_kv_order)
        found.dq_kv_order_spt = dq_kv_order
    return found


def classify_blocks(mask: Tensor, block: tuple[int, int], is_apart: bool) -> tuple[Tensor, Tensor | None]:
    """Return which blocks of (B, H, L, S) are true anywhere; or, apart, which are so partly and which wholly."""
    rows, columns = block
    mask = pad(mask, (0, -mask.shape[-1] % columns, 0, -mask.shape[-2] % rows))
    batch, heads, queries, keys = mask.shape
    counts = mask.view(batch, heads, queries // rows, rows, keys // columns, columns).sum(dim=(3, 5))
    if not is_apart:
        return (counts > 0).to(int8), None
    full = counts == rows * columns
    return ((counts > 0) & ~full).to(int8), full.to(int8)


# -- attention ---------------------------------------------------------------------------------------------------------


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: ScoreMod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: FlexKernelOptions | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """Return softmax(score_mod(scale * query @ keyᵀ)) @ value, where a mask is true.

    PyTorch computes no gradients and no maximum of the scores on a CPU; here both exist everywhere. A query that may
    attend nowhere gets zeros.

    Args:
        query: (B, Hq, L, E). The result is (B, Hq, L, V).
        key: (B, Hkv, S, E).
        value: (B, Hkv, S, V).
        score_mod: A function of a score and of the numbers of its batch, head, query and key, which returns the score
            to use. All are 0-d tensors. Default: ``None``.
        block_mask: A mask that ``create_block_mask`` returned. Default: ``None``.
        scale: The factor of the scores. Default: ``None``, 1 / sqrt(E).
        enable_gqa: Whether keys and values may have fewer heads, each for a group of query heads. Default: ``False``.
        return_lse: Whether to return the logsumexp of the scores too; former name of ``return_aux``.
        kernel_options: Chooses nothing; ``BACKEND`` is checked.
        return_aux: Whether to return an ``AuxOutput`` too. Default: ``None``.

    Raises:
        ValueError: If sizes, heads or batches do not fit, or the mask is for other lengths.
        NotImplementedError: If an input does not have four dims.
        RuntimeError: If the mask is a slice of another one and has no function of its own.

    >>> import minitensor as torch
    >>> from minitensor.nn.attention.flex_attention import flex_attention
    >>> q, k, v = torch.zeros(1, 1, 2, 1), torch.zeros(1, 1, 2, 1), torch.tensor([[[[2.0], [4.0]]]])
    >>> flex_attention(q, k, v, score_mod=lambda score, b, h, q, k: torch.where(q >= k, score, -torch.inf))
    tensor([[[[2.],
              [3.]]]])
    """
    check_inputs(query, key, value, enable_gqa)
    check_batches(query, key, block_mask)
    check_block_mask(query, key, block_mask)
    check_options(return_lse, kernel_options, return_aux)
    if is_autocast_enabled(query.device.type):
        query, key, value = (each.to(get_autocast_dtype(query.device.type)) for each in (query, key, value))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    with autocast(query.device.type, enabled=False):
        scores = scores_of(query, key, score_mod, block_mask, factor)
        rows = (scores == -math.inf).all(-1, keepdim=True)
        # The softmax of a row of -inf is NaN, and so is its gradient: see Note [Safe arguments] in ops/choice.py.
        weights = softmax(scores.masked_fill(rows, 0.0), -1).masked_fill(rows, 0.0)
        output = matmul(weights.to(query.dtype), like_queries(value, query).to(query.dtype))
    if return_aux is None:
        return (output, log_of_sums(scores, rows)) if return_lse else output
    lse = log_of_sums(scores, rows) if return_aux.lse else None
    return output, AuxOutput(lse, scores.amax(-1) if return_aux.max_scores else None)


def scores_of(
    query: Tensor, key: Tensor, score_mod: ScoreMod | None, block_mask: BlockMask | None, factor: float
) -> Tensor:
    """Return the scores that enter the softmax, in float32 or float64: minus infinity where the mask is false."""
    precision = float64 if query.dtype is float64 else float32
    keys = like_queries(key, query).to(precision).transpose(-2, -1)
    scores = matmul(query.to(precision), keys) * factor
    places = places_of(scores.shape, query.device)
    changed = scores if score_mod is None else map_over_scores(score_mod, takes_score=True)(scores, *places)
    if block_mask is None or block_mask.mask_mod is noop_mask:
        return changed.to(precision)
    mask = map_over_scores(block_mask.mask_mod, takes_score=False)(*places)
    found: Tensor = where(mask, changed, -math.inf).to(precision)
    return found


def log_of_sums(scores: Tensor, rows: Tensor) -> Tensor:
    """Return the logsumexp of the scores of each query: minus infinity where it may attend nowhere."""
    sums = logsumexp(scores.masked_fill(rows, 0.0), -1)
    return sums.masked_fill(rows.squeeze(-1), -math.inf)


def like_queries(heads: Tensor, query: Tensor) -> Tensor:
    """Return keys or values with as many batches and heads as queries."""
    repeated = heads.repeat_interleave(query.shape[1] // heads.shape[1], 1)
    return repeated.expand(query.shape[0], -1, -1, -1)


# -- checks ------------------------------------------------------------------------------------------------------------


def check_inputs(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    """Raise unless queries, keys and values fit each other."""
    given = (query, key, value)
    if not query.device == key.device == value.device:
        devices = ", ".join(str(each.device) for each in given)
        raise ArgumentError(f"Expected query, key, and value to have the same device type, but got {devices}")
    if min(each.ndim for each in given) < 2:
        raise ArgumentError(
            "Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{query.ndim}, {key.ndim} and {value.ndim} dims"
        )
    if query.shape[-1] != key.shape[-1]:
        raise ArgumentError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.shape[-1]} and E={key.shape[-1]}."
        )
    if any(each.ndim != 4 for each in given):
        shapes = ", ".join(str(tuple(each.shape)) for each in given)
        raise UnsupportedError(f"flex_attention: query, key, and value must be 4D tensors, got {shapes}")
    heads, groups = query.shape[1], key.shape[1]
    if heads != groups and not enable_gqa:
        raise ArgumentError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={groups}. "
            "Try setting enable_gqa=True for GQA."
        )
    if heads % groups:
        raise ArgumentError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={groups}."
        )


def check_batches(query: Tensor, key: Tensor, block_mask: BlockMask | None) -> None:
    """Raise unless there is one batch of keys for each of queries, or, with a mask, one for all."""
    queries, keys = query.shape[0], key.shape[0]
    if queries == keys:
        return
    if block_mask is None:
        raise ArgumentError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but got "
            f"block_mask=None, Bq={queries}, and Bkv={keys}."
        )
    if block_mask.kv_num_blocks.shape[0] != queries:
        raise ArgumentError(
            "Expect query and key/value to have the same batch size, or block_mask and query to have the same batch "
            f"size, but got Bq={queries}, Bkv={keys}, B_block_mask={block_mask.kv_num_blocks.shape[0]}."
        )
    if keys != 1:
        raise UsageError(f"Bq and Bkv must broadcast. Got Bq={queries} and Bkv={keys}")


def check_block_mask(query: Tensor, key: Tensor, block_mask: BlockMask | None) -> None:
    """Raise unless a mask has a function, and is for these lengths and this device."""
    if block_mask is None:
        return
    if block_mask.mask_mod is mask_of_slice:
        raise UsageError("Cannot use mask_mod from a sliced BlockMask: set its mask_mod first")
    if tuple(block_mask.BLOCK_SIZE) != (WHOLE, WHOLE):
        given, wanted = (query.shape[-2], key.shape[-2]), block_mask.shape[-2:]
        if given != wanted:
            is_small = given[0] > wanted[0] or given[1] > wanted[1]
            advice = "" if is_small else ", or crop it to the upper left corner with block_mask._adjust(q_len, kv_len)"
            raise ArgumentError(
                f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={given[0]} and "
                f"kv_len={given[1]}; create a new block mask{advice}"
            )
    if query.device != block_mask.kv_num_blocks.device:
        raise UsageError(
            "Expect q/k/v and block_mask to be on the same device but got "
            f"{query.device} and {block_mask.kv_num_blocks.device}."
        )


def check_options(
    return_lse: bool, kernel_options: FlexKernelOptions | None, return_aux: AuxRequest | None
) -> None:
    """Raise for options that contradict each other; warn of the former one."""
    if return_lse and return_aux is not None:
        raise ArgumentError("Cannot specify both return_lse and return_aux; use return_aux=AuxRequest(lse=True)")
    if return_lse:
        warn_once("return_lse is deprecated. Please use return_aux=AuxRequest(lse=True) instead.", FutureWarning)
    options = kernel_options or {}
    if "BACKEND" in options and options.get("FORCE_USE_FLEX_ATTENTION"):
        raise UsageError("BACKEND cannot be combined with legacy FORCE_USE_FLEX_ATTENTION")
    if options.get("BACKEND", "AUTO") not in get_args(Kernel):
        raise ArgumentError(f"Invalid BACKEND value '{options['BACKEND']}'. Must be one of {get_args(Kernel)}")


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.nn.attention.flex_attention")
