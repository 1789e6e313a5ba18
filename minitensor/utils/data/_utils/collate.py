"""Collating: from a list of samples to one batch with the structure of a sample and stacked leaves."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from minitensor import dtypes
from minitensor.errors import ArgumentTypeError, ShapeError, convert_recursion_error
from minitensor.ops.creation import as_tensor, tensor
from minitensor.ops.join import stack
from minitensor.tensor import Tensor

Functions = dict[Any, Callable[..., Any]]

np_str_obj_array_pattern = re.compile(r"[SaUO]")  # of the dtypes of arrays that do not hold numbers


def default_collate(batch: Any) -> Any:
    """Collate samples into a batch.

    Tensors and arrays of shape S become a tensor of shape (N, *S), Python numbers a tensor of shape (N,); floats become
    float64. Text stays a list. Mappings, sequences and named tuples are collated entry by entry and keep their type;
    plain tuples become lists.

    Args:
        batch: a list of N samples of one structure.

    ``utils.data._utils.collate.default_collate_fn_map`` has a function for each type; further types can be entered.

    Raises:
        TypeError: If samples contain values of other types.
        RuntimeError: If tensors differ in shape, or sequences in length.

    >>> default_collate([(0, "a"), (1, "b")])
    [tensor([0, 1]), ('a', 'b')]
    """
    with convert_recursion_error("default_collate: samples"):
        return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: Functions | None = None) -> Any:
    """Collate samples by the functions for their type in ``collate_fn_map``, and containers entry by entry.

    A function is called with the samples and the map. The map may have tuples of types as keys.
    """
    first, functions = batch[0], collate_fn_map or {}
    if type(first) in functions:
        return functions[type(first)](batch, collate_fn_map=functions)
    for kind, function in functions.items():
        if isinstance(first, kind):
            return function(batch, collate_fn_map=functions)
    if isinstance(first, Mapping):
        return collate_mappings(first, batch, functions)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return collate_named_tuples(first, batch, functions)
    if isinstance(first, Sequence):
        return collate_sequences(first, batch, functions)
    raise ArgumentTypeError(
        default_collate_err_msg_format.format(type(first)) + ": give the loader a collate_fn that handles it"
    )


def collate_tensor_fn(batch: Any, *, collate_fn_map: Functions | None = None) -> Tensor:
    """Stack tensors."""
    return stack(batch, 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Functions | None = None) -> Any:
    """Collate arrays as tensors, or as one array if they are alike."""
    if (collate_fn_map or {}).get(Tensor) is collate_tensor_fn and are_alike(batch):
        return convert_array(np.stack(batch))
    return collate(
        [convert_array(each) if isinstance(each, np.ndarray) else as_tensor(each) for each in batch],
        collate_fn_map=collate_fn_map,
    )


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Functions | None = None) -> Tensor:
    """Return NumPy's numbers as a tensor; other values may stand beside them."""
    return as_tensor(np.array(batch) if all(isinstance(each, np.generic) for each in batch) else batch)


def collate_float_fn(batch: Any, *, collate_fn_map: Functions | None = None) -> Tensor:
    """Return floats as a tensor of float64."""
    return tensor(batch, dtype=dtypes.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Functions | None = None) -> Tensor:
    """Return ints or bools as a tensor."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Functions | None = None) -> Any:
    """Return text as it is."""
    return batch


default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)

# Programs enter functions for types of their own here; see PyTorch's documentation of ``default_collate``.
default_collate_fn_map: Functions = {
    Tensor: collate_tensor_fn, np.ndarray: collate_numpy_array_fn, (np.bool_, np.number): collate_numpy_scalar_fn,
    float: collate_float_fn, int: collate_int_fn, str: collate_str_fn, bytes: collate_str_fn,
}  # fmt: skip


def are_alike(arrays: Any) -> bool:
    """Whether arrays have one shape and dtype, and the plain memory for which stacking has the same result in NumPy."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    return dtype.isnative and all(
        type(each) is np.ndarray and each.shape == shape and each.dtype == dtype and each.flags.carray
        for each in arrays
    )


def convert_array(array: Any) -> Tensor:
    """Convert an array to a tensor; raise unless it holds numbers."""
    if np_str_obj_array_pattern.search(array.dtype.str):
        raise ArgumentTypeError(
            "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
            f"found an array of {array.dtype}"
        )
    return as_tensor(array)


def collate_mappings(first: Mapping[Any, Any], batch: Any, functions: Functions) -> Any:
    """Collate entry by entry into a mapping of the first sample's type, if one can be made, else a dict."""
    columns = {key: collate([sample[key] for sample in batch], collate_fn_map=functions) for key in first}
    return with_values(first, columns)


def collate_named_tuples(first: tuple[Any, ...], batch: Any, functions: Functions) -> Any:
    """Collate field by field into a named tuple."""
    columns = [collate(column, collate_fn_map=functions) for column in zip(*batch, strict=False)]
    sizes = sorted({len(sample) for sample in batch})
    if len(sizes) > 1:  # PyTorch would drop fields of the longer ones
        raise ArgumentTypeError(f"default_collate: {type(first).__name__} stands beside samples of sizes {sizes}")
    return type(first)(*columns)


def with_values(mapping: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    """Return a mapping with other values: a copy, if it is mutable, which keeps what else it has; or else a dict."""
    try:
        if not isinstance(mapping, MutableMapping):
            return type(mapping)(values)  # type: ignore[call-arg]  # may raise, see below
        made = copy.copy(mapping)
        made.update(values)
    except TypeError:  # A mapping that cannot be copied or made from a dict.
        return values
    return made


def collate_sequences(first: Sequence[Any], batch: Any, functions: Functions) -> Any:
    """Collate position by position into a sequence of the first sample's type, if one can be made, else a list."""
    if any(len(sample) != len(first) for sample in batch):
        raise ShapeError(
            "each element in list of batch should be of equal size, "
            f"got sizes {sorted({len(sample) for sample in batch})}"
        )
    columns = [collate(column, collate_fn_map=functions) for column in zip(*batch, strict=True)]
    return columns if isinstance(first, tuple) else with_items(first, columns)


def with_items(sequence: Sequence[Any], items: list[Any]) -> Any:
    """Return a sequence with other items: a copy, if it is mutable, which keeps what else it has; or else a list."""
    try:
        if not isinstance(sequence, MutableSequence):
            return type(sequence)(items)  # type: ignore[call-arg]  # may raise, see below
        made = copy.copy(sequence)
        for i, item in enumerate(items):  # not by a slice, which a deque does not take
            made[i] = item
    except TypeError:  # A sequence that cannot be copied or made from a list, such as a range.
        return items
    return made


def default_convert(data: Any) -> Any:
    """Convert the arrays in a sample to tensors: the ``collate_fn`` of a loader without batches.

    Args:
        data: a sample. Mappings, sequences and named tuples are converted entry by entry and keep their type; plain
            tuples become lists. Other values are returned unchanged.

    Raises:
        TypeError: If NumPy's numbers in it are of a dtype that tensors do not have.

    >>> import numpy
    >>> default_convert({"x": numpy.zeros(2), "name": "a"})
    {'x': tensor([0., 0.], dtype=torch.float64), 'name': 'a'}
    """
    with convert_recursion_error("default_convert: data"):
        return convert(data)


def convert(data: Any) -> Any:
    """Convert data of any type."""
    kind = type(data)
    if kind.__module__ == "numpy" and kind is not np.str_:
        is_text = isinstance(data, np.ndarray) and np_str_obj_array_pattern.search(data.dtype.str)
        return data if is_text else as_tensor(data)
    if isinstance(data, Mapping):
        return with_values(data, {key: convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(convert(value) for value in data))
    if isinstance(data, tuple):
        return [convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return with_items(data, [convert(value) for value in data])
    return data
