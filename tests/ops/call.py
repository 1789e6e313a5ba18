"""Run the calls of a row: in this library or in PyTorch, with any dtype, memory layout and device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import minitensor as mt
import minitensor.nn.functional  # for rows with names in nn.functional
from ops.row import Call, Dtype, Row
from strategies import Placed, put_in_memory, tensor_of

Convert = Callable[[Any], Any]


# -- finding an op -----------------------------------------------------------------------------------------------------


def find(library: Any, name: str) -> Any:
    """Return the object with a dotted name, or None. A name without dots may be a function or a method."""
    place = library
    for word in name.split("."):
        place = getattr(place, word, None)
    return getattr(library.Tensor, name, None) if place is None and "." not in name else place


def ours(row: Row) -> Callable[..., Any]:
    op = find(mt, row.name)
    assert op is not None, f"{row.name}: no such op"
    return op


def theirs(torch: Any, row: Row) -> Callable[..., Any]:
    if callable(row.torch):
        return row.torch
    op = find(torch, row.torch or row.name)
    assert op is not None, f"{row.name}: PyTorch has no such op"
    return op


def twin(row: Row) -> Any:
    """Return the in-place version, or None."""
    return find(mt, row.name + "_") or getattr(mt.Tensor, row.name + "_", None)


# -- arguments ---------------------------------------------------------------------------------------------------------


def convert_arguments(
    call: Call, array: Convert, dtype: Convert = lambda each: each
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call's arguments with every array and dtype converted, in lists and tuples too."""

    def convert(value: Any) -> Any:
        if isinstance(value, (np.ndarray, Placed)):
            return array(value)
        if isinstance(value, Dtype):
            return dtype(value)
        if value.__class__ in (list, tuple):
            return value.__class__([convert(each) for each in value])
        if value.__class__ is slice:
            return slice(convert(value.start), convert(value.stop), convert(value.step))
        return value

    return tuple([convert(each) for each in call.args]), {k: convert(v) for k, v in call.kwargs.items()}


def our_arguments(call: Call, array: Convert | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return convert_arguments(call, array or mt.tensor, lambda each: getattr(mt, each.name))


def torch_arguments(torch: Any, call: Call, array: Convert | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return convert_arguments(call, array or (lambda each: fresh(torch, each)), lambda each: getattr(torch, each.name))


def fresh(torch: Any, array: Any) -> Any:
    """Return PyTorch's tensor; an empty one gets PyTorch's own strides, not NumPy's."""
    return (
        torch.from_numpy(array.copy())
        if array.size
        else torch.from_numpy(array) + torch.zeros(array.shape, dtype=torch.bool)
    )


def recast(call: Call, dtype: str) -> Call:
    """Return the call with its float64 arrays in another dtype; complex numbers get an imaginary part."""
    factor = 1 + 0.3j if dtype.startswith("complex") else 1
    return convert_arrays(call, lambda array: np.asarray(array * factor, dtype) if array.dtype == np.float64 else array)


def arrays_in(call: Call) -> list[Any]:
    """Return the arrays among a call's arguments."""
    found: list[Any] = []
    convert_arguments(call, found.append)
    return found


def convert_arrays(call: Call, convert: Convert) -> Call:
    args, kwargs = convert_arguments(call, convert)
    return Call(args, kwargs, call.smooth)


def in_layout(call: Call, kind: str) -> Call:
    """Return the call with its arrays in another memory layout."""
    return convert_arrays(call, lambda array: put_in_memory(array, kind))


def run(row: Row, call: Call) -> Any:
    """Call this library's op."""
    args, kwargs = our_arguments(call, our_tensor)
    return ours(row)(*args, **kwargs)


def our_tensor(array: Any) -> mt.Tensor:
    return tensor_of(array) if isinstance(array, Placed) else mt.tensor(array)


# -- results -----------------------------------------------------------------------------------------------------------


def tensors_in(value: Any) -> list[Any]:
    """Return the tensors of a result in a flat list: this library's or PyTorch's."""
    if isinstance(value, (list, tuple)) and not isinstance(value, mt.Size):
        return [tensor for each in value for tensor in tensors_in(each)]
    return [value] if hasattr(value, "requires_grad") else []


def numbers(tensor: Any) -> Any:
    """Return a tensor's elements as a host array, for either library."""
    if isinstance(tensor, mt.Tensor):
        return tensor.detach().cpu().numpy(force=True)
    return tensor.numpy(force=True)  # also for PyTorch's lazy conjugates and zeros


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def assert_same(found: Any, expected: Any, rtol: float, what: str = "", atol: float | None = None) -> None:
    """Compare nested results: shapes, dtypes and values of tensors, and other values."""
    if isinstance(expected, (list, tuple)) and tensors_in(expected):
        assert isinstance(found, (list, tuple)) and len(found) == len(expected), f"{what}: {found} is not {expected}"
        for k, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same(one, other, rtol, f"{what}[{k}]", atol)
        return
    if not tensors_in(expected):
        assert isinstance(found, type(expected)) or type(expected).__name__ == type(found).__name__, what
        assert found == expected or found != found, f"{what}: {found!r} is not {expected!r}"
        return
    assert tuple(found.shape) == tuple(expected.shape), (
        f"{what}: shape {tuple(found.shape)}, not {tuple(expected.shape)}"
    )
    assert dtype_name(found) == dtype_name(expected), f"{what}: {dtype_name(found)}, not {dtype_name(expected)}"
    rtol = max(rtol, TOLERANCE.get(dtype_name(expected), 0))
    one, other = numbers(found), numbers(expected)
    if not (one == other).all():  # assert_allclose takes 200 us
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol if atol is None else atol, err_msg=what)


TOLERANCE = {"float16": 2e-3, "complex64": 2e-6, "float32": 1e-6}


def tolerance(row: Row, dtype: str) -> float:
    """Return the allowed relative difference from PyTorch's result in a dtype."""
    scale = row.rtol / 1e-6
    return scale * TOLERANCE.get(dtype, 1e-12)


@contextmanager
def note_on_error(*facts: Any) -> Iterator[None]:
    """Add the given facts to the message of an error, to say which call failed."""
    try:
        yield
    except Exception as error:
        where = " ".join(str(each) for each in facts)
        error.args = (f"{where}: {error.args[0] if error.args else ''}", *error.args[1:])
        raise


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result of a call, or the exception it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return error


def quiet(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return a call's result or exception, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome(function, *args, **kwargs)
