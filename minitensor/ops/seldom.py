"""Functions that scripts call now and then, each made of ops that stand elsewhere.

Limits on the norms of slices, powers side by side, tensors of one value, the range that includes its end, names of
types. Nothing here has a formula of its own: gradients come from the ops below.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.binding import host_value
from minitensor.errors import ArgumentTypeError, DtypeError
from minitensor.ops.creation import chosen, dtype_of_range, full, hand_over, in_shape_of, library, limit
from minitensor.ops.metadata import is_tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


def required_number(name: str, argument: str, value: Any) -> Any:
    """Return a number, or the value of a tensor without dims."""
    if is_tensor(value) and not value.ndim:
        value = value.item()
    value = host_value(value, None)
    if not isinstance(value, (bool, int, float, complex)):
        raise ArgumentTypeError(f"{name}: {argument} must be a number, got {type(value).__name__}")
    return value


def scalar_tensor(
    s: Number, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return a tensor without dims of the default dtype, or of that given; ``tensor`` goes by the number's own type.

    >>> import minitensor as torch
    >>> torch.scalar_tensor(3), torch.tensor(3)
    (tensor(3.), tensor(3))
    """
    wanted = dtypes.get_default_dtype() if dtype is None else dtype
    value = required_number("scalar_tensor", "s", s)
    return full((), value, dtype=wanted, device=device, requires_grad=requires_grad)


# -- ranges ------------------------------------------------------------------------------------------------------------

range_of = range  # Python's own, which the function below hides


def range(
    start: Number = 0, end: Number | None = None, step: Number = 1, *, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``start, start + step, ...`` up to and including ``end``; floats unless ``dtype`` says otherwise.

    PyTorch calls it deprecated, and so it warns: ``arange`` leaves the end out, as Python's range does.

    >>> import warnings
    >>> import minitensor as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     print(torch.range(1, 2, 0.5))
    tensor([1.0000, 1.5000, 2.0000])

    Raises:
        RuntimeError: ``step`` is zero or leads away from ``end``, or a limit is not finite.
    """
    limits = [required_number("range", name, each) for name, each in (("start", start), ("end", end), ("step", step))]
    wanted = dtype_of_range("range", chosen(dtype, out), "bc")
    first, last, stride = [limit(each, wanted) for each in limits]
    if not all(math.isfinite(each) for each in (first, last, stride)):
        raise DtypeError(f"range: limits must be finite, got {first} -> {last} in steps of {stride}")
    whole = wanted.kind in "iu"
    if whole:
        first, last, stride = int(first), int(last), int(stride)
    if stride == 0:
        raise DtypeError("range: step must be nonzero")
    if (last - first) / stride < 0:
        raise DtypeError(f"range: step leads away from the end: {first} -> {last} in steps of {stride}")
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    count = (last - first) // stride + 1 if whole else math.floor((last - first) / stride) + 1
    steps = library(device).arange(count)
    return hand_over("range", in_shape_of((first + steps * stride).astype(wanted), out), out, requires_grad)


# -- names -------------------------------------------------------------------------------------------------------------


