"""Nested sequences of numbers read as one host array.

The first items give the shape, all items together the dtype. A tensor or a NumPy scalar among them counts as a number,
a NumPy array with dims as a sequence. NumPy reads lists of Python numbers in one call; everything else is read item by
item, which also finds out what is wrong.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy

from minitensor import scalars
from minitensor.base import TensorBase
from minitensor.compat.once import warn_once
from minitensor.dtypes import FROM_NUMPY
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    EndlessDataError,
    MinitensorError,
    WrongKindError,
    quote,
)
from minitensor.scalars import fit, is_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitensor.backends import Array


def read(data: Any, wanted: Any) -> Array:
    """Return a number or nested sequences as an array of the wanted NumPy dtype; None takes that of the data."""
    if data.__class__ in scalars.NUMBER_TYPES and wanted is None and data.__class__ is not int:
        return numpy.array(data, dtype=scalars.common_dtype((data.__class__,)).numpy)
    arrays = stack(data)
    if arrays is not None and (wanted is None or numpy.can_cast(arrays.dtype, wanted, "safe")):
        if arrays is not data:
            warn_of_arrays()
        return arrays if wanted is None else arrays.astype(wanted)
    shape = shape_of(data)
    kinds = leaf_kinds(data, wanted)
    kind = scalars.common_dtype(kinds).numpy if wanted is None else wanted
    if is_plain(kinds, kind):
        try:
            return numpy.array(data, dtype=kind)
        except (ValueError, TypeError, OverflowError):
            pass  # uneven, or a number that wraps or does not fit: reading item by item tells which
    elif not kinds <= scalars.NUMBER_TYPES and are_safe(number_types(data), kind):
        try:
            return numpy.array(data, dtype=WIDEST.get(kind.kind, kind)).astype(kind, copy=False)
        except (ValueError, TypeError, OverflowError):
            pass
    numbers = [read_leaf(leaf, kind) for leaf in leaves(data, shape, 0)]
    return numpy.array(numbers, dtype=kind).reshape(shape)


def stack(data: Any, depth: int = 0) -> Array | None:
    """Return nested sequences of arrays as one array; None if they hold anything else, or differ in shape or dtype."""
    if data.__class__ is numpy.ndarray:
        return data if data.dtype in FROM_NUMPY and data.size else None
    if depth > scalars.MOST_DIMS or data.__class__ not in (list, tuple) or not data:
        return None
    if data[0].__class__ not in (numpy.ndarray, list, tuple):
        return None
    parts: list[Array] = []
    for each in data:
        part = None if each is data else stack(each, depth + 1)
        if part is None or (parts and (part.shape, part.dtype) != (parts[0].shape, parts[0].dtype)):
            return None
        parts.append(part)
    return numpy.stack(parts) if len(parts[0].shape) < scalars.MOST_DIMS else None


def warn_of_arrays() -> None:
    """Warn that a list holds arrays, which takes much time in PyTorch."""
    warn_once("Creating a tensor from a list of numpy.ndarrays is extremely slow: use numpy.array(list) first.")


def leaf_kinds(data: Any, wanted: Any) -> frozenset[Any]:
    """Return the types and dtypes of all items; raise for an item without one unless a dtype is wanted."""
    try:
        return scalars.leaf_kinds(data)
    except EndlessDataError:
        raise
    except ArgumentTypeError as error:
        raise WrongKindError(str(error)) from None
    except DtypeError:
        if wanted is None:
            raise
        return frozenset((object,))


def is_plain(kinds: frozenset[Any], kind: Any) -> bool:
    """Whether NumPy reads these items as we do: Python numbers, and no floats if integers are wanted."""
    return kinds <= (scalars.WHOLE_TYPES if kind.kind in "iu" else scalars.NUMBER_TYPES)


WIDEST = {"f": "float64", "c": "complex128"}  # read_leaf rounds a double too


def number_types(data: Any, depth: int = 0) -> frozenset[type]:
    """Return the types of the items of nested lists and tuples; ``list`` among them stands for anything else."""
    if not is_list(data):
        return frozenset((list,))
    types = frozenset(map(type, data))
    if types <= LISTS and depth < scalars.MOST_DIMS:
        return frozenset().union(*[number_types(each, depth + 1) for each in data])
    return types


LISTS = frozenset((list, tuple))


def is_list(data: Any) -> bool:
    """Whether data is a plain list or tuple."""
    return data.__class__ is list or data.__class__ is tuple


def are_safe(types: frozenset[type], kind: Any) -> bool:
    """Whether NumPy reads items of these types as ``read_leaf`` does, at 100 times its speed."""
    if kind.kind == "u" and kind.itemsize > 1:
        return False
    numbers = [numpy.dtype(each) for each in types if issubclass(each, numpy.generic)]
    others = frozenset([each for each in types if not issubclass(each, numpy.generic)])
    return is_plain(others, kind) and all([numpy.can_cast(each, WIDEST.get(kind.kind, kind)) for each in numbers])


def shape_of(data: Any) -> tuple[int, ...]:
    """Return the lengths of the first items, down to the first that is not a sequence."""
    sizes: list[int] = []
    while is_sequence(data):
        sizes.append(len(data))
        if len(sizes) > scalars.MOST_DIMS:
            raise scalars.too_deep(data)
        if not sizes[-1]:
            break
        if data[0] is data:
            raise WrongKindError(str(scalars.too_deep(data)))
        data = data[0]
    return tuple(sizes)


def leaves(data: Any, shape: tuple[int, ...], dim: int) -> Iterator[Any]:
    """Yield the items of nested sequences; raise if they do not have this shape."""
    if dim and isinstance(data, numpy.ndarray) and data.size:
        warn_of_arrays()
    if dim == len(shape):
        yield data
        return
    if not is_sequence(data) and not (isinstance(data, TensorBase) and data.ndim):
        raise ArgumentTypeError(
            f"expected sequence of length {shape[dim]} at dim {dim}, got {quote(data)}: rows must be even"
        )
    if len(data) != shape[dim]:
        raise ArgumentError(
            f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)}): rows must be even"
        )
    for each in data:
        yield from leaves(each, shape, dim + 1)


def read_leaf(leaf: Any, kind: Any) -> Any:
    """Return one item as a number of the wanted NumPy dtype."""
    try:
        if isinstance(leaf, (numpy.generic, numpy.ndarray)):
            leaf = numpy.asarray(leaf).item()
        return READERS[kind.kind](leaf, kind)
    except MinitensorError:
        raise
    except OverflowError:
        raise scalars.too_large(leaf) from None
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"tensor: could not make a number of type {kind} of {quote(leaf)}: {error}") from None


def to_int(leaf: Any, kind: Any) -> Any:
    """Return an item as an integer, a float truncated; raise if it overflows the dtype."""
    if isinstance(leaf, float) and kind != "uint64":
        return fit(leaf, kind)[()]
    number = operator.index(leaf)
    if kind != "uint64":
        scalars.require_int64(number)
    elif number < 0:
        raise scalars.negative_error(number)
    return fit(number, kind)[()]


def to_bool(leaf: Any, kind: Any) -> bool:
    """Return whether an item is nonzero."""
    return bool(leaf.item() if isinstance(leaf, TensorBase) else numpy.bool_(leaf))


def to_float(leaf: Any, kind: Any) -> float:
    """Return an item as a float."""
    return float(leaf)


def to_complex(leaf: Any, kind: Any) -> complex:
    """Return an item as a complex number."""
    return complex(leaf)


READERS = {
    "b": to_bool,
    "i": to_int,
    "u": to_int,
    "f": to_float,
    "c": to_complex,
}
