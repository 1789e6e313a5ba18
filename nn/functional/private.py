"""Private functions of ``torch.nn.functional`` that published code calls: parts of attention, and checks of sizes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from minitensor.callers import user_level
from minitensor.dtypes import bool_
from minitensor.errors import ArgumentError, GuardError, UsageError
from minitensor.nn.functional.attention import is_batched
from minitensor.nn.functional.linear import linear
from minitensor.nn.functional.native_names import embedding_renorm_
from minitensor.ops.creation import zeros_like

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

_mha_shape_check = is_batched


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Project queries, keys and values by the three parts of a weight (3 E, E) and of a bias (3 E).

    Equal arguments are projected in one product.
    """
    width = q.shape[-1]
    if k is not v:
        biases = (None, None, None) if b is None else b.chunk(3)
        found = [linear(*each) for each in zip((q, k, v), w.chunk(3), biases, strict=True)]
        return found[0], found[1], found[2]
    if q is k:
        return project_together(q, w, b, width, 3)  # type: ignore[return-value]  # three tensors
    own, shared = w.split([width, 2 * width])
    first, rest = (None, None) if b is None else b.split([width, 2 * width])
    keys, values = project_together(k, shared, rest, width, 2)
    return linear(q, own, first), keys, values


def project_together(x: Tensor, weight: Tensor, bias: Tensor | None, width: int, count: int) -> tuple[Tensor, ...]:
    """Return several projections of a tensor, computed in one product."""
    together = linear(x, weight, bias).unflatten(-1, (count, width))
    return tuple(together.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous())


def _in_projection(
    q: Tensor, k: Tensor, v: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor,
    b_q: Tensor | None = None, b_k: Tensor | None = None, b_v: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Project queries, keys and values to the width of the queries, each by its own weight and bias."""
    width = q.shape[-1]
    for name, x, weight, bias in (("query", q, w_q, b_q), ("key", k, w_k, b_k), ("value", v, w_v, b_v)):
        if tuple(weight.shape) != (width, x.shape[-1]):
            wanted = (width, x.shape[-1])
            raise GuardError(f"expecting {name} weights shape of {wanted}, but got {tuple(weight.shape)}")
        if bias is not None and tuple(bias.shape) != (width,):
            raise GuardError(f"expecting {name} bias shape of {(width,)}, but got {tuple(bias.shape)}")
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _canonical_mask(
    mask: Tensor | None, mask_name: str, other_type: Dtype | None, other_name: str, target_type: Dtype,
    check_other: bool = True,
) -> Tensor | None:
    """Return a mask as numbers to add to scores: minus infinity where a bool mask is true."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.dtype.is_floating_point:
        raise GuardError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        text = f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead."
        warnings.warn(text, stacklevel=user_level())
    if mask.dtype is not bool_:
        return mask
    return zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _none_or_dtype(input: Tensor | None) -> Dtype | None:
    """Return the dtype of a tensor, or None for None."""
    if input is None:
        return None
    if not hasattr(input, "layout"):
        raise UsageError(f"_none_or_dtype: expected None or a tensor, got {type(input).__name__}")
    return input.dtype


def _check_key_padding_mask(key_padding_mask: Tensor, src_len: int, bsz: int) -> None:
    """Raise unless a mask has the shape (bsz, src_len)."""
    for place, wanted in enumerate((bsz, src_len)):
        if key_padding_mask.shape[place] != wanted:
            got = key_padding_mask.shape[place]
            raise GuardError(f"Expected key_padded_mask.shape[{place}] to be {wanted}, but got {got}")


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """Warn that no dim was given, and return the one that older programs meant."""
    text = f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
    warnings.warn(text, stacklevel=user_level())
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size: Sequence[int]) -> None:
    """Raise if each channel has one value only."""
    if math.prod(size[:1]) * math.prod(size[2:]) == 1:
        raise ArgumentError(f"Expected more than 1 value per channel when training, got input size {size}")


def _verify_spatial_size(size: Sequence[int]) -> None:
    """Raise if each channel of a sample has one value only."""
    if math.prod(size[2:]) == 1:
        raise ArgumentError(f"Expected more than 1 spatial element when training, got input size {size}")


def _no_grad_embedding_renorm_(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of a table that are looked up and have too great a norm."""
    embedding_renorm_(weight.detach(), input, max_norm, norm_type)


def _is_integer(x: Any) -> bool:
    """Return whether a value is an int, or a tensor of integers."""
    return isinstance(x, Integral) or (hasattr(x, "layout") and not x.dtype.is_floating_point)


def _unpool_output_size(
    input: Tensor, kernel_size: Sequence[int], stride: Sequence[int], padding: Sequence[int],
    output_size: Sequence[int] | None,
) -> list[int]:
    """Return the spatial sizes of the input of a max-pool, for those of its output, or the wanted ones if possible."""
    dims = len(kernel_size)
    sizes = zip(input.shape[-dims:], stride, kernel_size, padding, strict=True)
    usual = [(size - 1) * step + kernel - 2 * pad for size, step, kernel, pad in sizes]
    if output_size is None:
        return usual
    if len(output_size) not in (dims, dims + 2):
        raise ArgumentError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
            f"'{len(output_size)}'"
        )
    wanted = list(output_size[-dims:])
    for place, (size, default, step) in enumerate(zip(wanted, usual, stride, strict=True)):
        if not default - step < size < default + step:
            raise ArgumentError(
                f'invalid output_size "{wanted}" (dim {place} must be between {default - step} and {default + step})'
            )
    return wanted


def assert_int_or_pair(arg: Any, arg_name: str, message: str) -> None:
    """Raise unless a value is an int or a pair, with the name put into the message.

    >>> import minitensor as torch
    >>> torch.nn.functional.assert_int_or_pair((1, 2), "stride", "{} must be an int or a pair")
    """
    if not (isinstance(arg, int) or len(arg) == 2):
        raise GuardError(message.format(arg_name))


GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}
