"""Making inputs for tests: random tensors of any dtype within a range, contiguous or not.

With the same seed, the numbers are those of PyTorch's ``make_tensor``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.callers import user_level
from minitensor.errors import ArgumentError
from minitensor.layouts import numel
from minitensor.ops.complex import view_as_real
from minitensor.ops.creation import empty
from minitensor.ops.random import randint

if TYPE_CHECKING:
    from minitensor.device import device as Device
    from minitensor.memory_format import memory_format as MemoryFormat
    from minitensor.tensor import Tensor


def make_tensor(
    *shape: int | Sequence[int],
    dtype: dtypes.dtype,
    device: str | Device | None = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """Return a tensor of numbers drawn uniformly from ``[low, high)``.

    Args:
        shape: the sizes, one by one or as one sequence.
        dtype: the dtype of the tensor.
        device: the device of the tensor. Default: the CPU.
        low, high: the bounds, clipped to the range of the dtype. Default: [0, 2) for bools, [0, 10) for unsigned and
            [-9, 10) for signed integers, [-9, 9) for floats and for both parts of complex numbers.
        requires_grad: whether the tensor requires grad. Default: False.
        noncontiguous: use every other element of a larger memory. Default: False.
        exclude_zero: replace zeros by 1, or by the smallest normal number of a float dtype. Default: False.
        memory_format: the memory format of the tensor.

    Raises:
        ValueError: If the range is empty, NaN or outside of the dtype; ``noncontiguous`` is combined with
            ``memory_format``, or ``requires_grad`` with an integer dtype.

    >>> import minitensor as torch
    >>> x = torch.testing.make_tensor(2, 3, dtype=torch.float32, low=-1, high=1, noncontiguous=True)
    >>> x.shape, x.is_contiguous(), bool((x.abs() <= 1).all())
    (torch.Size([2, 3]), False, True)
    """
    sizes: tuple[int, ...] = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape  # type: ignore[assignment]  # either one sequence, or sizes
    inexact = dtype.is_floating_point or dtype.is_complex
    if noncontiguous and memory_format is not None:
        raise ArgumentError(
            f"the parameters `noncontiguous` and `memory_format` are mutually exclusive, got noncontiguous=True and "
            f"memory_format={memory_format}"
        )
    if requires_grad and not inexact:
        raise ArgumentError(f"`requires_grad=True` is not supported for boolean and integral dtypes, got {dtype}")
    apart = noncontiguous and numel(sizes) > 1
    drawn = (*sizes[:-1], 2 * sizes[-1]) if apart else sizes
    result = draw_floats(drawn, dtype, device, low, high) if inexact else draw_integers(drawn, dtype, device, low, high)
    if apart:
        result = result[..., 1::2].detach()
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = dtypes.finfo(dtype).tiny if inexact else 1
    return result.requires_grad_(requires_grad)


def draw_integers(
    sizes: Sequence[int], dtype: dtypes.dtype, device: Any, low: float | None, high: float | None
) -> Tensor:
    """Draw bools or integers."""
    if dtype is dtypes.bool_:
        least, end, usual = 0, 2, (0, 2)
    else:
        limits = dtypes.iinfo(dtype)
        # The bounds of randint are int64, so the largest int64 cannot be drawn.
        least, end, usual = limits.min, limits.max + (dtype is not dtypes.int64), (-9, 10)
    low, high = check_bounds(low, high, usual, least, end, dtype)
    return randint(math.ceil(low), math.ceil(high), sizes, dtype=dtype, device=device)


def draw_floats(
    sizes: Sequence[int], dtype: dtypes.dtype, device: Any, low: float | None, high: float | None
) -> Tensor:
    """Draw real or complex numbers."""
    limits = dtypes.finfo(dtype)
    low, high = check_bounds(low, high, (-9, 9), limits.min, limits.max, dtype)
    result = empty(sizes, dtype=dtype, device=device)
    numbers = view_as_real(result) if dtype.is_complex else result
    if high - low >= limits.max:  # the range itself cannot be represented
        numbers.uniform_(low / 2, high / 2).mul_(2)
    else:
        numbers.uniform_(low, high)
    return result


def check_bounds(
    low: float | None, high: float | None, usual: tuple[float, float], least: float, end: float, dtype: dtypes.dtype
) -> tuple[float, float]:
    """Validate a range and clip it to that of the dtype."""
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ArgumentError(f"`low` and `high` cannot be NaN, got low={low} and high={high}")
    if low == high and (dtype.is_floating_point or dtype.is_complex):
        text = f"make_tensor: low and high are both {low}; use torch.full for a constant"
        warnings.warn(text, FutureWarning, user_level())
    elif low >= high:
        raise ArgumentError(f"`low` must be less than `high`, got {low} >= {high}")
    elif high < least or low >= end:
        raise ArgumentError(
            f"the value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports "
            f"[{least}, {end})"
        )
    return min(max(low, least), end), min(max(high, least), end)
