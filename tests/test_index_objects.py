"""``x[index]`` and ``x[index] = -1`` for every kind of index: PyTorch's elements, memory sharing and error class."""

from __future__ import annotations

import array
import decimal
import fractions
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = [(2, 3), (2, 3, 2)]
WORLD = {"np": np, "deque": deque, "array": array.array, "Decimal": decimal.Decimal, "Fraction": fractions.Fraction}

PLAIN = """
b'x' | b'' | 'x' | '' | '0' | bytearray(b'x') | memoryview(b'ab') | None | [None] | [None, 0] | [0, None] | [[None]]
[None, None] | (None, None) | ([None],) | (0, [None]) | [...] | [..., 0] | [0, ...] | [[...]] | (..., 0) | [None] * 33
range(2) | range(0)
(range(2), 0) | [range(2)] | [range(2), range(2)] | [range(0)] | {0} | {0, 1} | set() | {} | {0: 1}
frozenset({0}) | (0, {})
({0},) | [{}] | [{0}] | 1.0 | 0.5 | float('nan') | (0, 1.0) | 1j | [1j] | object() | [object()]
True | False | [True] | [False] | [True, False] | [True, False, True] | (True, 0) | (0, True) | (False,) | [True, 0]
[0, True] | [True, None] | [[True, False], 0] | [[True, False, True], [True, True, False]] | [] | ([],) | (0, []) | [[]]
[[], []] | () | [()] | ((),) | (0, ()) | [0] | [0, 1] | [[0, 1]] | [[0], [1]] | [[0, 1], [1, 0]] | ((0, 1),)
((0, 1), 0)
([0, 1], [0, 1])
[(0, 1), (0, 1)] | [(0, 1)] | [[0, 1], 0] | [0, [0, 1]] | [[0]] * 40 | [[0, 1], [0]] | [[0], [0, 1]]
[[[0]]] | [[[0, 1]], [[0, 1]]] | [slice(None)] | [slice(None), 0] | [0, slice(0, 1)] | [[slice(None)]] | [[0, 1], None]
[[0, 1], slice(None)] | [None, [0, 1]] | [..., [0]] | [[0], ...] | slice(None) | slice(0.5) | slice('x') | slice(True)
slice(None, None, -1) | slice(None, None, 0) | slice(0, 2, 'x') | slice(None, 1j) | slice([0]) | (slice(1.0), 0)
(slice(None), 0.5) | 5 | -5 | 2**63 | 2**64 | -2**63 | -2**64 | (0, 5) | [5] | [-5] | [2**63] | [2**64] | [[5]] | ['x']
[0, 'x'] | [['x']] | [b'x'] | [''] | (0, 'x') | (0, b'x') | ('x',) | (b'x',) | (0, object()) | int | type | len | ...
(0, 0, 0, 0) | (0, ..., 0, 0, 0) | np.int64(1) | np.int8(1) | np.uint8(1) | np.bool_(True) | np.bool_(False)
np.float32(1) | np.float64(0) | np.complex64(1) | np.array(1) | np.array([0, 1]) | np.array([[0, 1], [1, 0]])
np.array([True, False]) | np.array([True, False, True]) | np.array(True) | np.array('x') | np.array(['x'])
np.array([], np.int64) | np.array([]) | np.array([0, 1], np.uint8) | np.array([0], object) | np.array([None])
(0, np.float64(1)) | (0, np.int64(1)) | [np.int64(1)] | [np.uint8(1)] | [np.bool_(True), np.bool_(False)]
[np.array([0, 1])]
[np.array([0, 1]), np.array([0, 1])] | [np.array(0)] | [np.array(0), 0] | np.str_('x') | [np.str_('x')]
np.datetime64('2020') | (np.array([0, 1]), np.array([0, 1])) | iter([0]) | (i for i in [0]) | map(int, [0]) | Decimal(1)
Fraction(1) | deque([0, 1]) | deque([[0, 1], 0]) | array('l', [0, 1]) | NotImplemented
"""
OF_A_DTYPE = """
T(1) | T([0, 1]) | T([[0, 1], [1, 0]]) | T([]) | T([1, 1, 0]) | T([1, 0]) | (0, T(1)) | [T(1)] | [T([0, 1])] | [T(1), 0]
[T([0, 1]), T([1, 0])] | slice(T(1)) | slice(T([1])) | (slice(None), T([0, 1]))
[[T(1)]] | [T([0, 1]), None] | (T([0]), ...)
"""
DTYPES = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "bool")
REFUSED_HERE = {
    "(..., ...)": "a second ellipsis is ambiguous",
    "[1.0]": "PyTorch truncates real numbers to integers",
    "[0.5, 1]": "PyTorch truncates real numbers to integers",
    "[[1.0]]": "PyTorch truncates real numbers to integers",
    "np.array(1.0)": "PyTorch truncates real numbers to integers",
    "np.array([0.5])": "PyTorch truncates real numbers to integers",
    "[np.float64(1)]": "PyTorch truncates real numbers to integers",
}


def programs(text: str) -> list[str]:
    return [each.strip() for line in text.strip().splitlines() for each in line.split(" | ")]


def make_index(lib: Any, program: str, dtype: str) -> Any:
    """Return the index that a program makes; ``T`` makes a tensor of one library, with the dtype."""
    return eval(program, {**WORLD, "T": lambda data: lib.tensor(data, dtype=getattr(lib, dtype))})


def numbers(lib: Any, shape: tuple[int, ...]) -> Any:
    return lib.arange(6 * (len(shape) - 1), dtype=lib.float32).reshape(shape)


def read(lib: Any, shape: tuple[int, ...], index: Any) -> Any:
    x = numbers(lib, shape)
    found = x[index]
    shares = found.numel() > 0 and found.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    return tuple(found.shape), found.tolist(), shares


def write(lib: Any, shape: tuple[int, ...], index: Any) -> Any:
    x = numbers(lib, shape)
    try:
        x[index] = -1.0
    except Exception:
        assert x.tolist() == numbers(lib, shape).tolist(), "half-written"
        raise
    return x.tolist()


def outcome(call: Callable[..., Any], lib: Any, shape: tuple[int, ...], program: str, dtype: str) -> Any:
    try:
        return call(lib, shape, make_index(lib, program, dtype))
    except Exception as error:
        return error


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("call", [read, write])
@pytest.mark.parametrize("dtype", [None, *DTYPES])
def test_an_index_of_any_kind_does_what_it_does_in_pytorch(
    dtype: str | None, call: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    torch = pytest.importorskip("torch")
    faults = []
    for program in programs(PLAIN if dtype is None else OF_A_DTYPE):
        theirs, ours = [outcome(call, lib, shape, program, dtype or "int64") for lib in (torch, mt)]
        refused = isinstance(theirs, Exception)
        if not (isinstance(ours, type(theirs)) if refused else ours == theirs):
            faults.append(f"x[{program}]: {ours!r:.100}, PyTorch {theirs!r:.100}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("call", [read, write])
@pytest.mark.parametrize("program", REFUSED_HERE)
def test_an_index_that_pytorch_misreads_is_refused(call: Callable[..., Any], program: str) -> None:
    with pytest.raises(mt.errors.InvalidIndexError, match=r"single ellipsis|used as"):
        call(mt, (2, 3), make_index(mt, program, "int64"))


@pytest.mark.filterwarnings("default")
def test_a_list_that_counts_as_a_tuple_warns_and_has_the_tuples_gradient() -> None:
    x = mt.arange(6.0).reshape(2, 3).requires_grad_()
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        x[[None, slice(None), [0, 2]]].sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[1, 0, 1], [1, 0, 1]]
