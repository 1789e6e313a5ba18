"""Tensors from data: what ``tensor``, ``as_tensor``, ``from_numpy`` and ``new_*`` copy, share, infer and refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

DATA: dict[str, Any] = {
    "an int": 3, "a float": 2.5, "a bool": True, "a complex": 1 + 2j,
    "ints": [1, 2], "mixed": [1, 2.5], "nested": [[1, 2], [3, 4]],
    "bools": [True, False], "bools and ints": [True, 2],
    "a tuple": ((1.0, 2.0),), "nothing": [], "rows of nothing": [[], []],
    "a range": range(3), "NumPy's scalar": np.float32(1.5), "an array": np.arange(6, dtype="int16").reshape(2, 3),
    "halves": np.zeros(2, "float16"), "infinity": [float("inf"), -0.0],
}  # fmt: skip


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_tensor_infers_pytorchs_dtype(data: Any) -> None:
    torch = pytest.importorskip("torch")
    found, expected = mt.tensor(data), torch.tensor(data)
    assert (str(found.dtype), tuple(found.shape)) == (str(expected.dtype), tuple(expected.shape))
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


RAGGED: dict[str, Any] = {
    "lengths": [[1, 2], [3]], "depths": [[1], 2], "text": "abc",
    "a list of text": ["a"], "None": None, "a dict": {}, "a set": {1},
    "too large": 2**70, "text inside": [1, "a"],
}  # fmt: skip


@pytest.mark.parametrize("data", RAGGED.values(), ids=RAGGED)
def test_ragged_or_non_numeric_data_is_refused_as_in_pytorch(data: Any) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as expected:
        torch.tensor(data)
    kind = next(each for each in type(expected.value).__mro__ if each.__module__ == "builtins")
    with pytest.raises(kind):
        mt.tensor(data)


def test_tensor_copies() -> None:
    array = np.zeros(2)
    made = mt.tensor(array)
    array[0] = 1
    assert made.tolist() == [0, 0]


def test_tensor_of_a_tensor_is_a_separate_leaf() -> None:
    x = mt.ones(2, requires_grad=True)
    made = mt.tensor(x * 2)
    assert (made.requires_grad, made.grad_fn, made.tolist()) == (False, None, [2, 2])


@pytest.mark.parametrize("make", [mt.from_numpy, mt.as_tensor])
def test_from_numpy_and_as_tensor_share_memory_both_ways(make: Any) -> None:
    array = np.zeros((2, 3))
    made = make(array)
    array[0, 0] = 1
    made[1, 2] = 5.0
    assert made[0, 0].item() == 1
    assert array[1, 2] == 5


@pytest.mark.parametrize(
    "look", [lambda a: a.T, lambda a: a[:, ::2], lambda a: a[1], lambda a: a[1:, 1:], lambda a: a[:0]]
)
def test_from_numpy_keeps_the_arrays_layout(look: Any) -> None:
    torch = pytest.importorskip("torch")
    window = look(np.arange(12.0).reshape(3, 4))
    found, expected = mt.from_numpy(window), torch.from_numpy(window)
    assert found.stride() == expected.stride() or not found.numel()
    np.testing.assert_array_equal(found.numpy(), window)
    found.add_(1)
    np.testing.assert_array_equal(found.numpy(), window)


REFUSED: dict[str, Any] = {
    "negative strides": np.arange(3)[::-1], "another byte order": np.arange(3).astype(">i4"), "a list": [1, 2],
    "records": np.zeros(2, [("a", "i4")]), "text": np.array(["a"]), "objects": np.array([None]),
}  # fmt: skip


@pytest.mark.parametrize("array", REFUSED.values(), ids=REFUSED)
def test_from_numpy_refuses_arrays_that_cannot_be_tensors(array: Any) -> None:
    with pytest.raises(
        (TypeError, ValueError), match=r"negative stride|byte order|expected np.ndarray|dtype|can't convert"
    ):
        mt.from_numpy(array)


class Arraylike:
    """An object that numpy.asarray converts to an array."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


DOORS: dict[str, Any] = {
    "tensor": mt.tensor, "as_tensor": mt.as_tensor, "asarray": mt.asarray, "from_numpy": mt.from_numpy,
    "tensor, cast": lambda array: mt.tensor(array, dtype=mt.float64), "new_tensor": mt.ones(1).new_tensor,
    "Tensor": mt.Tensor, "an index": lambda array: mt.ones(3)[mt.tensor(array)],
    "collate": lambda array: mt.utils.data.default_collate([array, array]),
    "convert": mt.utils.data.default_convert,
    "array-like": lambda array: mt.tensor(Arraylike(array)),
    "array-like, shared": lambda array: mt.as_tensor(Arraylike(array)),
    "array-like, any": lambda array: mt.asarray(Arraylike(array)),
}  # fmt: skip
FOREIGN = "<" if np.dtype(">i4").isnative else ">"


@pytest.mark.parametrize("door", DOORS)
def test_arrays_in_another_machines_byte_order_are_refused_everywhere(door: str) -> None:
    for code in ("i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16", "u2"):
        kind = FOREIGN + code
        for array in (np.arange(3).astype(kind), np.zeros((0, 2), kind), np.array(1, kind)):
            with pytest.raises(ValueError, match=r"byte order .* use \.astype\('\w+'\) first"):
                DOORS[door](array)
    if door != "an index":
        assert DOORS[door](np.arange(3).astype(FOREIGN + "u1")).numel() in (3, 6)  # one byte has no byte order


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.zeros(2, "M8[s]")], ids=str)
@pytest.mark.parametrize("door", [mt.tensor, mt.as_tensor, mt.asarray])
def test_an_array_like_of_non_numbers_is_refused(door: Any, array: Any) -> None:
    with pytest.raises(TypeError, match=r"can't convert np\.ndarray of type numpy\."):
        door(Arraylike(array))


def test_a_read_only_array_is_accepted_with_a_warning() -> None:
    array = np.zeros(2)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writ"):
        made = mt.from_numpy(array)
    with pytest.raises(ValueError, match="read-only"):
        made.add_(1)


def test_as_tensor_returns_the_tensor_itself_if_nothing_changes() -> None:
    x = mt.ones(2)
    assert mt.as_tensor(x) is x
    assert mt.as_tensor(x, dtype=mt.float64).dtype is mt.float64


@pytest.mark.parametrize("name", ["new_zeros", "new_ones", "new_empty"])
def test_new_uses_the_tensors_dtype_by_default(name: str) -> None:
    x = mt.zeros(2, dtype=mt.int16)
    assert getattr(x, name)(2, 3).dtype is mt.int16
    assert tuple(getattr(x, name)((2, 3)).shape) == (2, 3)
    assert getattr(x, name)((2,), dtype=mt.float64).dtype is mt.float64


def test_new_full_and_new_tensor() -> None:
    x = mt.zeros(2, dtype=mt.int16)
    assert x.new_full((2,), 7).tolist() == [7, 7]
    assert x.new_full((2,), 7).dtype is mt.int16
    assert x.new_tensor([1, 2]).dtype is mt.int16


def test_the_default_dtype_applies_to_floats() -> None:
    mt.set_default_dtype(mt.float64)
    assert [mt.tensor(each).dtype for each in (1.5, 1, True)] == [mt.float64, mt.int64, mt.bool]
    assert mt.zeros(1).dtype is mt.ones(1).dtype is mt.linspace(0, 1, 2).dtype is mt.float64
    assert mt.arange(3).dtype is mt.int64
    assert mt.arange(3.0).dtype is mt.float64


def test_only_floats_may_require_grad() -> None:
    assert mt.zeros(1, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match="floating point"):
        mt.zeros(1, dtype=mt.int64, requires_grad=True)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32"])
@pytest.mark.parametrize("limits", [
    (0, 1.9), (1.5, 3), (0, 3, 1.9), (-0.9, 2.1, 2.0), (1.0, 5.000001, 2.0), (5, 0.5, -1.5), (3,), (2.5,),
], ids=repr)  # fmt: skip
def test_a_range_of_integers_has_pytorchs_length(dtype: str, limits: Any) -> None:
    """For int64, start, end and step are truncated to integers first; for narrower dtypes, after counting."""
    torch = pytest.importorskip("torch")
    if dtype == "uint8" and limits[0] < 0:
        return
    expected = torch.arange(*limits, dtype=getattr(torch, dtype))
    np.testing.assert_allclose(mt.arange(*limits, dtype=getattr(mt, dtype)).numpy(), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["linspace", "logspace"])
@pytest.mark.parametrize("ends", [(0, 1.2), (1.7, 9.9), (-3, 2), (2, 2)], ids=repr)
@pytest.mark.parametrize("dtype", ["int64", "float64", "complex64"])
def test_evenly_spaced_values_are_pytorchs(name: str, ends: Any, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    found, expected = [getattr(lib, name)(*ends, 5, dtype=getattr(lib, dtype)) for lib in (mt, torch)]
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("ends", [(-1, 1), (0, 1), (-np.pi, np.pi), (0.1, 0.7)], ids=repr)
def test_linspace_rounds_as_pytorch(ends: Any, dtype: str) -> None:
    """PyTorch rounds ``start + step * i`` once where the CPU has such an instruction."""
    torch = pytest.importorskip("torch")
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("this CPU has no fused multiplication and addition")
    for steps in (*range(2, 70), 100, 5000):
        found, expected = [lib.linspace(*ends, steps, dtype=getattr(lib, dtype)).numpy() for lib in (mt, torch)]
        np.testing.assert_array_equal(found, expected)


def test_evenly_spaced_values_accept_0d_tensors_and_complex_ends() -> None:
    assert mt.linspace(mt.tensor(1), mt.tensor(5), 3).tolist() == [1, 3, 5]
    assert mt.linspace(1 + 1j, 2, 3).dtype is mt.complex64
    with pytest.raises(RuntimeError, match=r"must be a number, not Tensor of shape \(2,\)"):
        mt.linspace(mt.ones(2), 1, 3)
    with pytest.raises(TypeError, match="'steps' must be an int"):
        mt.linspace(0, 1, 2.0)  # type: ignore[arg-type]


def test_empty_strided_has_the_given_strides() -> None:
    x = mt.empty_strided((2, 3), (1, 2), dtype=mt.int64).zero_()
    assert (x.stride(), tuple(x.shape), x.untyped_storage().numel()) == ((1, 2), (2, 3), 6)
    assert mt.empty_strided((3, 2), (5, 0)).untyped_storage().numel() == 11
    with pytest.raises(RuntimeError, match="dimensionality"):
        mt.empty_strided((2,), (1, 2))


@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div", "floor_divide", "true_divide"])
@pytest.mark.parametrize("pair", [(7, 2), (7.0, 2), (True, 3), (1, 2j)], ids=repr)
def test_arithmetic_on_two_numbers_gives_a_tensor(operation: str, pair: Any) -> None:
    torch = pytest.importorskip("torch")
    try:
        expected = getattr(torch, operation)(*pair)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            getattr(mt, operation)(*pair)
        return
    found = getattr(mt, operation)(*pair)
    assert repr(found.dtype) == repr(expected.dtype)
    assert found.item() == expected.item()


SCALARS: dict[str, Callable[[Any], Any]] = {
    "an int": lambda lib: lib.scalar_tensor(3),
    "a bool": lambda lib: lib.scalar_tensor(True),
    "cut": lambda lib: lib.scalar_tensor(3.5, dtype=lib.int64),
    "complex": lambda lib: lib.scalar_tensor(1j, dtype=lib.complex64),
    "a tensor": lambda lib: lib.scalar_tensor(lib.tensor(3)),
}


@pytest.mark.parametrize("make", SCALARS.values(), ids=SCALARS)
def test_a_tensor_of_a_number_is_pytorchs(make: Callable[[Any], Any]) -> None:
    ours, theirs = make(mt), make(pytest.importorskip("torch"))
    assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


REFUSED: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "complex": (RuntimeError, lambda lib: lib.scalar_tensor(1j)),
    "text": (TypeError, lambda lib: lib.scalar_tensor("a")),
    "a list": (TypeError, lambda lib: lib.scalar_tensor([1])),
    "too large": (RuntimeError, lambda lib: lib.scalar_tensor(300, dtype=lib.uint8)),
    "no fractions": (RuntimeError, lambda lib: lib.scalar_tensor(2, dtype=lib.int64, requires_grad=True)),
    "strides": (RuntimeError, lambda lib: lib.ones(2).new_empty_strided((2, 3), (1,))),
}


@pytest.mark.parametrize("name", ["minitensor", "torch"])
@pytest.mark.parametrize(("error", "action"), REFUSED.values(), ids=REFUSED)
def test_bad_data_for_a_tensor_is_refused(name: str, error: type[Exception], action: Callable[[Any], Any]) -> None:
    lib = pytest.importorskip(name)
    with pytest.raises(error):
        action(lib)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64", "float16"])
def test_typenames_of_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.typename(torch.ones(2, dtype=getattr(torch, dtype)))
    assert mt.typename(mt.ones(2, dtype=getattr(mt, dtype))) == expected
    assert mt.typename(mt.nn.Parameter(mt.ones(2))) == "torch.FloatTensor"


def test_typenames_of_other_objects() -> None:
    assert [mt.typename(each) for each in (1, "s", int)] == ["int", "str", "int"]
    assert mt.typename(mt.nn.Linear(1, 1)) == mt.typename(mt.nn.Linear) == "minitensor.nn.linear.Linear"


def test_new_empty_strided_has_the_given_strides() -> None:
    made = mt.ones(2, dtype=mt.int16).new_empty_strided((2, 3), (1, 2))
    assert made.stride() == (1, 2) and made.dtype is mt.int16
    assert mt.is_signed(made) and not mt.is_signed(made.bool())


def test_a_fill_value_has_a_gradient() -> None:
    value = mt.tensor(2.5, dtype=mt.float64, requires_grad=True)
    input = mt.ones(2, 3, dtype=mt.float64, requires_grad=True)
    assert mt.autograd.gradcheck(mt.fill, (input, value))
    assert mt.equal(mt.fill(input, value), mt.full((2, 3), 2.5, dtype=mt.float64))
