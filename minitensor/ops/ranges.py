"""Evenly spaced values: ``arange`` and ``range`` by their step, ``linspace`` and ``logspace`` by their number.

Limits are read as numbers and must fit the dtype; nothing here has a gradient.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import dtypes, scalars
from minitensor.autograd.binding import host_value
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, DtypeError, UnsupportedDtypeError, UsageValueError
from minitensor.ops.creation import as_number, choose_dtype, creates, hand_over, library, require_number
from minitensor.ops.out import warn_of_resize

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Switch
    from minitensor.backends import Array, Library
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor


# -- by the step -------------------------------------------------------------------------------------------------------


@composite
@creates
def arange(
    start: Number, end: Number | None = None, step: Number = 1, *, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return ``start, start + step, ...`` up to but not including ``end``; ints give int64.

    Raises:
        RuntimeError: If ``step`` is zero or leads away from ``end``, or a limit is not finite.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    if end is None:
        start, end = 0, start
    limits = [as_number(each) for each in (start, end, step)]
    whole = all(isinstance(each, int) for each in limits)
    default = dtypes.int64 if whole and out is None else None
    wanted = require_range_dtype("arange", choose_dtype(dtype or default, out), "bc")
    limits = [read_limit(each, wanted) for each in limits]
    if wanted.kind in "iu":
        limits = integer_limits(limits, wanted)
    first, last, stride = limits
    if stride == 0:
        raise UsageValueError("arange: step must be nonzero")
    if not all(math.isfinite(each) for each in limits):
        raise DtypeError(f"arange: unsupported range: {first} -> {last}")
    if (last - first) / stride < 0:
        raise DtypeError(
            f"arange: upper bound and lower bound inconsistent with step sign: {first} -> {last} in steps of {stride}"
        )
    count = -((first - last) // stride) if isinstance(stride, int) else math.ceil((last - first) / stride)
    steps = library(device).arange(count)
    return hand_over_range("arange", (first + steps * stride).astype(wanted), out, requires_grad)


EXACT_BELOW = 1 << 53  # integers below this need no check: float64 and int64 hold them exactly


def read_limit(value: Any, wanted: Any) -> Any:
    """Return a limit of a range as a real number; raise if int64, or float64 for floats, cannot hold it."""
    if value.__class__ is int and -EXACT_BELOW < value < EXACT_BELOW:
        return value
    scalars.require_fits(value, dtypes.float64 if wanted.kind == "f" else dtypes.int64)
    return value.real


def integer_limits(limits: list[Any], wanted: Any) -> list[int]:
    """Truncate start, end and step to integers; only int64 counts the elements after truncation, as in PyTorch."""
    first, last, stride = limits
    start, step = int(first), int(stride)
    if wanted.itemsize == 8 or not step or (last - first) / stride < 0:
        return [start, int(last), step]
    return [start, start + step * math.ceil((last - first) / stride), step]


@composite
@creates
def range(
    start: Number = 0, end: Number | None = None, step: Number = 1, *, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``start, start + step, ...`` up to and including ``end``; floats unless ``dtype`` says otherwise.

    Deprecated in PyTorch, and therefore warns; ``arange`` leaves the end out, as Python's range does.

    Raises:
        RuntimeError: If ``step`` is zero or leads away from ``end``, or a limit is not finite.

    >>> import warnings
    >>> import minitensor as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     print(torch.range(1, 2, 0.5))
    tensor([1.0000, 1.5000, 2.0000])
    """
    limits = [require_number("range", name, each) for name, each in (("start", start), ("end", end), ("step", step))]
    wanted = require_range_dtype("range", choose_dtype(dtype, out), "bc")
    first, last, stride = [read_limit(each, wanted) for each in limits]
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
        stacklevel=user_level(),
    )
    count = (last - first) // stride + 1 if whole else math.floor((last - first) / stride) + 1
    steps = library(device).arange(count)
    return hand_over("range", reshape_like_out((first + steps * stride).astype(wanted), out), out, requires_grad)


# -- by the number of values -------------------------------------------------------------------------------------------


@composite
@creates
def linspace(
    start: Number, end: Number, steps: int, *, out: Tensor | None = None, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return ``steps`` values evenly spaced from ``start`` to ``end``, both included.

    Raises:
        RuntimeError: If ``steps`` is negative.

    >>> linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    first, last = read_ends("linspace", start, end, steps)
    wanted = require_range_dtype("linspace", spacing_dtype(first, last, dtype, out), "b")
    values = space_evenly(first, last, steps, wanted, library(device))
    return hand_over("linspace", reshape_like_out(values, out), out, requires_grad)


def read_ends(name: str, start: Any, end: Any, steps: Any) -> tuple[Any, Any]:
    """Return both ends of evenly spaced values as Python numbers; raise if they or ``steps`` are not numbers."""
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise ArgumentTypeError(f"{name}: steps must be an int, got {steps!r} of type {type(steps).__name__}")
    if steps < 0:
        raise DtypeError(f"{name}: number of steps must be non-negative, got {steps}")
    start, end = host_value(start, None), host_value(end, None)
    for argument, value in (("start", start), ("end", end)):
        if not isinstance(value, (TensorBase, int, float, complex)):
            raise ArgumentTypeError(f"{name}: {argument} must be a number, got {value!r}: {type(value).__name__}")
        if isinstance(value, TensorBase) and value.ndim:
            raise DtypeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {argument} with {value.ndim} "
                "dimension(s)"
            )
    return as_number(start), as_number(end)


def spacing_dtype(first: Any, last: Any, wanted: Dtype | None, out: Tensor | None) -> Any:
    """Return the dtype of evenly spaced values: the wanted one, or the default one, complex if an end is complex."""
    if not isinstance(first, complex) and not isinstance(last, complex):
        return choose_dtype(wanted, out)
    if wanted is None and out is None:
        return dtypes.get_default_dtype().to_complex().numpy
    found = choose_dtype(wanted, out)
    if found.kind != "c":
        raise DtypeError(
            f"a range from {first} to {last} is complex and can't be safely cast to {found.name}; give a complex dtype"
        )
    return found


def space_evenly(first: Any, last: Any, steps: int, wanted: Any, xp: Library) -> Array:
    """Return evenly spaced values; each half is counted from its own end, which makes both ends exact.

    As in PyTorch, ``low + step * number`` is rounded once, not twice, except in half precision.
    """
    work = wanted if wanted.kind in "fc" else dtypes.float64.numpy
    low, high = [xp.asarray(scalars.fit(each, wanted)[()], dtype=work) for each in (first, last)]
    step = (high - low) / max(steps - 1, 1)
    wider = {"f": xp.float64, "d": getattr(xp, "longdouble", xp.float64)}.get(wanted.char, work)
    number = xp.arange(steps)
    is_low = number < steps // 2
    number = xp.where(is_low, number, number - (steps - 1)).astype(wider)
    values: Array = xp.where(is_low, low, high).astype(wider) + step.astype(wider) * number
    if steps == 1:
        values = low.reshape(1)
    return values.astype(wanted)


@composite
@creates
def logspace(
    start: Number, end: Number, steps: int, base: float = 10.0, *, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return ``base`` raised to ``steps`` exponents evenly spaced from ``start`` to ``end``.

    Args:
        start, end: The first and the last exponent.
        steps: How many numbers.
        base: What is raised to the exponents. Default: ``10.0``.

    Raises:
        RuntimeError: If ``steps`` is negative.

    >>> logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    xp = library(device)
    first, last = read_ends("logspace", start, end, steps)
    wanted = require_range_dtype("logspace", spacing_dtype(first, last, dtype, out), "b")
    work = dtypes.complex128.numpy if wanted.kind == "c" else dtypes.float64.numpy
    first, last = [scalars.fit(each, wanted).item() for each in (first, last)]
    exponents = space_evenly(first, last, steps, work, xp)
    values = xp.power(work.type(base), exponents).astype(wanted)
    return hand_over("logspace", reshape_like_out(values, out), out, requires_grad)


# -- dtypes and out= of ranges -----------------------------------------------------------------------------------------


def require_range_dtype(name: str, wanted: Any, refused: str) -> Any:
    """Return the array library's dtype; raise if it is of one of the refused kinds."""
    if wanted.kind in refused:
        raise UnsupportedDtypeError(f"{name}: not implemented for {dtypes.from_numpy(wanted).name}: give another dtype")
    return wanted


def hand_over_range(name: str, array: Array, out: Tensor | None, requires_grad: bool) -> Tensor:
    """Return a range as a leaf, or write it into ``out``; warn if that has another number of elements."""
    values = reshape_like_out(array, out)
    if out is not None and out.shape != values.shape:
        warn_of_resize(out, values.shape)
    return hand_over(name, values, out, requires_grad)


def reshape_like_out(array: Array, out: Tensor | None) -> Array:
    """Reshape a range like ``out`` if both have the same number of elements."""
    return array if out is None or out.numel() != array.size else array.reshape(out.layout.shape)
