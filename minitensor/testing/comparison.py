"""Comparing actual with expected values, within tolerances that depend on the dtype.

Values may be nested in sequences and mappings. The error reports the place of the first difference, the number of
elements that differ, and the greatest difference.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any, NamedTuple

from minitensor.callers import user_level
from minitensor.dtypes import complex64, complex128, dtype, float16, float32, float64, int64, promote_types
from minitensor.errors import ArgumentError, ArgumentTypeError, ComparisonError, convert_recursion_error
from minitensor.ops.assemble import unravel_index
from minitensor.ops.compare import isclose
from minitensor.ops.creation import as_tensor, tensor
from minitensor.tensor import Tensor

# (rtol, atol), from https://docs.pytorch.org/docs/stable/testing.html
TOLERANCES = {
    float16: (1e-3, 1e-5), float32: (1.3e-6, 1e-5), float64: (1e-7, 1e-7),
    complex64: (1.3e-6, 1e-5), complex128: (1e-7, 1e-7),
}  # fmt: skip
EXACT = (0.0, 0.0)
NUMBER_DTYPES = {int: int64, float: float64, complex: complex128}

Message = str | Callable[[str], str] | None


class Options(NamedTuple):
    """The options of ``assert_close``."""

    allow_subclasses: bool
    tolerances: tuple[float, float] | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_stride: bool


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Raise unless ``|actual - expected| <= atol + rtol * |expected|`` for all elements.

    Args:
        actual, expected: tensors, arrays or numbers, or sequences and mappings of them, which are compared item by
            item. Shapes must be equal.
        allow_subclasses: compare values if the type of one is a subclass of the other's. Default: True.
        rtol, atol: the relative and the absolute tolerance, both or neither. Default: by dtype, 1.3e-6 and 1e-5 for
            float32, 1e-7 and 1e-7 for float64, 1e-3 and 1e-5 for float16, 0 and 0 for integers and bools.
        equal_nan: treat NaN as equal to NaN. Default: False.
        check_device: compare devices. Default: True.
        check_dtype: compare dtypes. Default: True.
        check_layout: unused; kept for PyTorch compatibility. All tensors here are strided.
        check_stride: compare strides. Default: False.
        msg: the text of the error, or a function from the default text to another.

    Raises:
        AssertionError: If the values differ.
        ValueError: If only one of ``rtol`` and ``atol`` is given.
        TypeError: If values cannot be compared.

    >>> import minitensor as torch
    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-7]))
    >>> torch.testing.assert_close({"a": [1, 2]}, {"a": [1, 3]})
    Traceback (most recent call last):
        ...
    minitensor.errors.ComparisonError: Scalars are not equal!
    <BLANKLINE>
    Expected 3 but got 2.
    Absolute difference: 1
    Relative difference: 0.3333333333333333
    <BLANKLINE>
    The failure occurred for item ['a'][1]
    """
    tolerances = check_tolerances(rtol, atol)
    options = Options(allow_subclasses, tolerances, equal_nan, check_device, check_dtype, check_stride)
    place: tuple[Any, ...] = ()
    try:
        with convert_recursion_error("assert_close: values"):
            compared = list(pairs(actual, expected, ()))
        for where, one, other in compared:
            place = where
            compare(one, other, options)
    except ComparisonError as mismatch:
        raise ComparisonError(format_message(str(mismatch), place, msg)) from None


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Raise unless two tensors or arrays are close, whatever their dtypes: the old form of ``assert_close``.

    Args:
        actual, expected: The tensors, or data for them.
        rtol, atol: Tolerances. Default: ``None``, by the dtypes, looser than those of ``assert_close``.
        equal_nan: Whether NaN equals NaN. Default: ``True``.
        msg: The message of the error. Default: ``""``, one that shows the differences.

    Raises:
        AssertionError: If they differ by more.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     torch.testing.assert_allclose(torch.ones(2), [1, 1])
    """
    warnings.warn(
        "torch.testing.assert_allclose() is deprecated; please use torch.testing.assert_close() instead",
        FutureWarning, stacklevel=user_level(),
    )
    actual = as_tensor(actual)
    expected = expected if isinstance(expected, Tensor) else tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        both = [OLD_TOLERANCES.get(each.dtype, (0.0, 0.0)) for each in (actual, expected)]
        rtol, atol = [max(pair) for pair in zip(*both, strict=True)]
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


OLD_TOLERANCES = {float16: (1e-3, 1e-3), float32: (1e-4, 1e-5), float64: (1e-5, 1e-8)}


def check_tolerances(rtol: float | None, atol: float | None) -> tuple[float, float] | None:
    """Return both tolerances or None; raise if only one is given."""
    if (rtol is None) != (atol is None):
        missing = "atol" if atol is None else "rtol"
        raise ArgumentError(
            f"both 'rtol' and 'atol' must be either specified or omitted, got rtol={rtol} and atol={atol}; "
            f"give {missing} too (0.0 for none)"
        )
    return None if rtol is None or atol is None else (rtol, atol)


def format_message(text: str, place: tuple[Any, ...], msg: Message) -> str:
    """Return the text of the error: with the place in nested values, and changed by ``msg``."""
    if place:
        text += f"\n\nThe failure occurred for item {''.join([f'[{each!r}]' for each in place])}"
    return text if msg is None else msg(text) if callable(msg) else msg


# -- walking through nested values -------------------------------------------------------------------------------------


def pairs(actual: Any, expected: Any, place: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yield pairs of values to compare, with their places."""
    if is_sequence(actual) and is_sequence(expected):
        if len(actual) != len(expected):
            raise ComparisonError(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        for i, (one, other) in enumerate(zip(actual, expected)):
            yield from pairs(one, other, (*place, i))
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            raise ComparisonError(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(expected.keys() - actual.keys(), key=repr)}\n"
                f"Additional keys in the actual mapping: {sorted(actual.keys() - expected.keys(), key=repr)}"
            )
        for key in expected:
            yield from pairs(actual[key], expected[key], (*place, key))
    else:
        yield place, actual, expected


def is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def compare(actual: Any, expected: Any, options: Options) -> None:
    """Compare two values that are not nested."""
    if actual is None or expected is None:
        if actual is not expected:
            raise ComparisonError(f"None mismatch: {actual} is not {expected}")
    elif isinstance(actual, bool) and isinstance(expected, bool):
        if actual is not expected:
            raise ComparisonError(f"Booleans mismatch: {actual} is not {expected}")
    elif isinstance(actual, Number) and isinstance(expected, Number):
        compare_numbers(actual, expected, options)
    elif is_comparable(actual, expected, options.allow_subclasses):
        compare_tensors(as_tensor(actual), as_tensor(expected), options)
    else:
        raise ArgumentTypeError(
            f"no comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}; "
            "convert one to the type of the other"
        )


def is_comparable(actual: Any, expected: Any, allow_subclasses: bool) -> bool:
    """Whether two values are arrays or tensors of types that may be compared."""
    if not all(isinstance(each, Tensor) or hasattr(each, "__array__") for each in (actual, expected)):
        return False
    if not allow_subclasses:
        return type(actual) is type(expected)
    return isinstance(actual, type(expected)) or isinstance(expected, type(actual))


# -- numbers -----------------------------------------------------------------------------------------------------------


def compare_numbers(actual: Any, expected: Any, options: Options) -> None:
    """Compare Python numbers."""
    if options.check_dtype and type(actual) is not type(expected):
        raise ComparisonError(f"The (d)types do not match: {type(actual)} != {type(expected)}.")
    kinds = [NUMBER_DTYPES.get(type(each), float64) for each in (actual, expected)]
    rtol, atol = options.tolerances or loosest_tolerances(*kinds)
    if actual == expected or (options.equal_nan and actual != actual and expected != expected):
        return
    error = magnitude(actual - expected)
    if not (math.isfinite(error) and error <= atol + rtol * magnitude(expected)):
        raise ComparisonError(describe_numbers(actual, expected, rtol, atol))


def magnitude(number: Any) -> Any:
    """Return the absolute value, infinite where Python's ``abs`` of a complex number overflows and raises."""
    return math.hypot(number.real, number.imag) if isinstance(number, complex) else abs(number)


def describe_numbers(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    """Describe the difference of two numbers."""
    difference, exact = magnitude(actual - expected), not rtol and not atol
    relative = difference / magnitude(expected) if expected else float("inf")
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{describe_tolerance(atol, exact)}\n"
        f"Relative difference: {relative}{describe_tolerance(rtol, exact)}"
    )


def describe_tolerance(tolerance: float, exact: bool) -> str:
    """Describe the tolerance."""
    return "" if exact else f" (up to {tolerance} allowed)"


def loosest_tolerances(*kinds: dtype) -> tuple[float, float]:
    """Return the largest tolerances of several dtypes."""
    known = [TOLERANCES.get(kind, EXACT) for kind in kinds]
    return max(rtol for rtol, _ in known), max(atol for _, atol in known)


# -- tensors -----------------------------------------------------------------------------------------------------------


def compare_tensors(actual: Tensor, expected: Tensor, options: Options) -> None:
    """Compare the attributes of two tensors, then their elements."""
    compare_attributes(actual, expected, options)
    if "meta" in (actual.device.type, expected.device.type):
        return  # there are no elements
    rtol, atol = options.tolerances or loosest_tolerances(actual.dtype, expected.dtype)
    one, other = to_common(actual.detach(), expected.detach())
    close = isclose(one, other, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if not bool(close.all()):
        raise ComparisonError(describe_tensors(one, other, close, rtol, atol))


def compare_attributes(actual: Tensor, expected: Tensor, options: Options) -> None:
    """Compare shapes, and the attributes that the options select."""
    wanted = {
        "shape": (actual.shape, expected.shape),
        "stride()": (actual.stride(), expected.stride()) if options.check_stride else None,
        "device": (actual.device, expected.device) if options.check_device else None,
        "dtype": (actual.dtype, expected.dtype) if options.check_dtype else None,
    }
    for name, values in wanted.items():
        if values is not None and values[0] != values[1]:
            raise ComparisonError(f"The values for attribute '{name}' do not match: {values[0]} != {values[1]}.")


def to_common(actual: Tensor, expected: Tensor) -> tuple[Tensor, Tensor]:
    """Move both to one device and dtype. Integers become int64, so that their differences do not wrap."""
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    kind = promote_types(actual.dtype, expected.dtype)
    if not (kind.is_floating_point or kind.is_complex):
        kind = int64
    return actual.to(kind), expected.to(kind)


def describe_tensors(actual: Tensor, expected: Tensor, close: Tensor, rtol: float, atol: float) -> str:
    """Describe how many elements differ and the greatest differences."""
    if not close.ndim:
        return describe_numbers(actual.item(), expected.item(), rtol, atol)
    wrong, count = int((~close).sum()), close.numel()
    difference = (actual - expected).abs().masked_fill(close, 0)
    relative = (difference / expected.abs()).masked_fill(close, 0)
    exact = not rtol and not atol
    return (
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n\n"
        f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})\n"
        f"Greatest absolute difference: {describe_greatest(difference)}{describe_tolerance(atol, exact)}\n"
        f"Greatest relative difference: {describe_greatest(relative)}{describe_tolerance(rtol, exact)}"
    )


def describe_greatest(difference: Tensor) -> str:
    """Describe the greatest difference and its index."""
    place = tuple([int(index) for index in unravel_index(difference.argmax(), difference.shape)])
    return f"{difference[place].item()} at index {place}"
