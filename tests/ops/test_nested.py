"""Tensors from nested data: dtype and shape come from everything in the list, errors are PyTorch's."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.ops import nested
from ops.call import dtype_name, outcome


class Items:
    """A class with only the methods of a sequence."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: int) -> Any:
        return self.values[place]


class Whole(int):
    """A subclass of int."""


def deep(count: int) -> Any:
    found: Any = 1
    for _ in range(count):
        found = [found]
    return found


def endless(first: tuple[Any, ...]) -> Any:
    found: list[Any] = list(first)
    found.append(found)
    return found


def endless_by_two() -> Any:
    one: list[Any] = [1]
    one.append([one])
    return one


def split_cases(text: str) -> list[str]:
    """Split a text at double spaces and line breaks."""
    return [word for line in text.strip().splitlines() for word in line.strip().split("  ")]


CASES = split_cases("""
    [t.tensor(5), 5.5]  [5, t.tensor(5.5)]  [[7, np.array(5)], [np.array(9), 5.5]]  [np.array([5]), np.array([6])]
    [np.array([5,6]),[7,8]]  [[7,8],np.array([5,6.5])]  [np.array([5,6],'int8'),np.array([5,6],'uint8')]
    [np.float64(1.5)]  np.float64(1.5)  [np.float32(1.5)]  [np.float32(1.5),2.5]  [np.float64(1.5),2.5]
    [np.float16(1.5),1]  [np.int8(1)]  [np.int8(1),2]  [np.uint8(200),np.int8(2)]  [np.bool_(True)]
    [np.bool_(True),False]  [np.complex64(1j)]  [np.complex128(1j),1.5]  [np.int64(2**62)]
    [t.tensor([1.]),t.tensor([2.])]  [t.tensor([1.]),2.]  [t.tensor([[1.]]),2.]  [2.,t.tensor([1.])]
    [[t.tensor([1.])],[2.]]  [t.tensor([1.,2.])]  [1.,t.tensor([1.,2.])]  [t.tensor([])]  [[1.,2.],t.tensor([1.,2.])]
    [t.tensor([1.,2.]),[1.,2.]]  [t.tensor(1,dtype=t.int8),t.tensor(2,dtype=t.uint8)]  [t.tensor(1,dtype=t.int8),3]
    [t.tensor(1.,dtype=t.float64),3]  [t.tensor(1.5,dtype=t.float16),3]  [t.tensor(1.5,dtype=t.float16),3.5]
    [t.tensor(1.5,dtype=t.float16),1j]  [t.tensor(True),3]  [t.tensor(True),False]  [t.tensor(1),True]
    [t.tensor(1.5),t.tensor(1j)]  [t.tensor(1.5,requires_grad=True),2.]  [True,2]  [True,2.5]  [True,1j]  [1,2.5,1j]
    []  [[]]  [[],[]]  [[1],[]]  [[[]]]  [1,[2]]  [[1],2]  [[1,2],[3]]  [[1],[2,3]]  [[[1,2]],[[3]]]
    [[[1,2],[3,4]],[[3,4]]]  [[1,2],(3,4)]  (1,2)  range(3)  [range(3),range(3)]  [range(3),range(2)]  endless([1])
    endless([])  deep(64)  deep(2000)  'abc'  ['a']  ['1',2]  [1,'a']  [[1],['a']]  b'ab'  [b'ab']  bytearray(b'ab')
    None  [None]  [1,None]  {}  {1:2}  {1,2}  [{1:2}]  [object()]  Items(1,2)  Items(1,2.5)  [Items(1,2),Items(3,4)]
    Whole(3)  [Whole(3)]  [Whole(3),1.5]  2**63  2**63-1  -2**63  -2**63-1  [2**63]  [2**64]  [2**63,1.5]  [10**30,1.5]
    [10**400,1.5]  [2**70,1j]  1e39  [1e39]  1j  [1+2j,3]  [[t.tensor(1),2],[t.tensor(3.5),4]]
    [[t.tensor([1]),2],[t.tensor([[3.5]]),4]]  ((1,2),(t.tensor(3),4))  [t.zeros(0),t.zeros(0)]  [t.zeros(1,1,1)]
    [np.zeros((2,2)),np.zeros((2,3))]  [np.zeros(2),1.0]  [1.0,np.zeros(2)]  [[1,2],[3,[4]]]  [np.str_('a')]
    [np.zeros((0,2))]  t.tensor([1,2])  np.array(['a'])
""")
CASES_WITH_DTYPE = split_cases("""
    [t.tensor(300)],uint8  [t.tensor(-1)],uint8  [t.tensor(1.7)],int64  [t.tensor(1j)],float32  [t.tensor(1j)],int32
    [t.tensor(2+0j)],float32  2**63,float32  2**64,float32  10**30,float64  10**400,float64  10**30,bool
    10**30,complex64  2**63,uint8  1e39,float16  [1e5],float16  [70000],float16  [INF,NAN,-INF],float16  [INF],int64
    [NAN],int8
    [1.9,-1.9],int8  [-1.],uint8  [-0.5],uint8  [-1],uint8  [-255],uint8  [-256],uint8  [256],uint8  [255.5],uint8
    [127.5],int8  [-128.5],int8  [1e18],int64  [9.3e18],int64  [1j],float32  [1j],int32  [1j],bool  [0j],bool
    [2+0j],float32  [1.5,0.,NAN],bool  [True,False],int8  [True,False],float32  np.array([1,2]),float32
    np.array([300,-1]),uint8  np.array([1.5,-1]),int8  [np.array([300,-1])],uint8  [np.array([1,-1])],uint8
    [np.int64(300)],uint8  [np.int64(-1)],uint8  [np.float64(1.7)],int32  t.tensor([300]),uint8  [],int64  [],bool
    [None],float32  ['a'],float32  5,float32  1.5,int64  1j,complex128  [Items(1,2.9)],int32
""")
NAMES = {
    "np": np, "INF": float("inf"), "NAN": float("nan"), "Items": Items, "Whole": Whole, "deep": deep,
    "endless": endless,
}  # fmt: skip


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def make(library: Any, case: str, dtype: str | None = None) -> Any:
    kind = None if dtype is None else getattr(library, dtype)
    return library.tensor(eval(case, {**NAMES, "t": library}), dtype=kind)


def description(result: Any) -> Any:
    if isinstance(result, Exception):
        return next(each.__name__ for each in type(result).__mro__ if each.__module__ == "builtins")
    return repr(result.tolist()), dtype_name(result), tuple(result.shape), result.requires_grad


def disagreements(torch: ModuleType, cases: list[tuple[Any, ...]]) -> list[str]:
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in cases:
            expected, ours = outcome(make, torch, *case), outcome(make, mt, *case)
            if isinstance(expected, Exception):
                builtin = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
                agree = isinstance(ours, builtin) and isinstance(ours, mt.errors.MinitensorError)
            else:
                agree = description(ours) == description(expected)
            if not agree:
                found.append(f"{case}: {ours!r:.120} for {expected!r:.120}")
    return found


def test_data_is_read_as_in_pytorch(torch: ModuleType) -> None:
    found = disagreements(torch, [(case,) for case in CASES])
    assert not found, "\n".join(found)


def test_data_with_a_given_dtype_is_read_as_in_pytorch(torch: ModuleType) -> None:
    found = disagreements(torch, [tuple(case.rsplit(",", 1)) for case in CASES_WITH_DTYPE])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("case", ["[1.5,2]", "[t.tensor(1.5),2]", "[1,1j]", "[]", "[np.float64(1)]", "[np.float32(1)]"])
def test_floats_get_the_default_dtype(torch: ModuleType, case: str) -> None:
    for library in (torch, mt):
        library.set_default_dtype(library.float64)
    try:
        assert description(make(mt, case)) == description(make(torch, case))
    finally:
        for library in (torch, mt):
            library.set_default_dtype(library.float32)


# -- without PyTorch ---------------------------------------------------------------------------------------------------


def test_the_dtype_comes_from_everything_in_the_list() -> None:
    assert make(mt, "[t.tensor(5), 5.5]").tolist() == [5.0, 5.5]
    assert make(mt, "[t.tensor(1, dtype=t.int8), 300]").tolist() == [1, 300]
    assert make(mt, "[[7, np.array(5)], [np.array(9), 5.5]]").tolist() == [[7.0, 5.0], [9.0, 5.5]]


def test_a_tensor_of_one_element_counts_as_a_number() -> None:
    assert make(mt, "[t.tensor([1.]), t.tensor([[2.]]), 3]").tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="only one element tensors"):
        make(mt, "[t.tensor([1., 2.])]")


@pytest.mark.parametrize(("data", "error", "message"), [
    (endless(()), ValueError, "too many dimensions 'list'"),
    (endless((1,)), TypeError, "self-referential lists are incompatible"),
    (endless_by_two(), ValueError, "too many dimensions 'list'"),  # PyTorch crashes
    (deep(65), ValueError, "too many dimensions 'list'"),  # an array has no more dims; PyTorch has 128
    ([[1, 2], [3]], ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
    ([[[1, 2]], [[3]]], ValueError, r"expected sequence of length 2 at dim 2 \(got 1\)"),
    ([[1], 2], TypeError, "expected sequence of length 1 at dim 1, got 2"),
    ([[], [1]], ValueError, r"expected sequence of length 0 at dim 1 \(got 1\)"),  # PyTorch drops the 1
])  # fmt: skip
def test_ragged_and_infinite_lists_are_refused(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        mt.tensor(data)
    assert isinstance(caught.value, mt.errors.MinitensorError)


@pytest.mark.parametrize("data", [[np.array(5)], [np.array(5), 7.5], [np.bool_(True), 2]], ids=repr)
def test_numpy_scalars_may_be_anywhere_in_a_list(data: Any) -> None:
    """PyTorch takes the length of a leading 0-d array, and asks a NumPy bool for an integer."""
    assert mt.tensor(data).tolist() == [float(each) for each in data]


@pytest.mark.parametrize("kind", ["bool", "int64", "float16", "float32", "complex64"])
def test_arrays_of_one_shape_are_read_as_wholes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nested, "read_leaf", None)
    rows = [np.array([[0, 1, 2], [3, 4, 5]][i % 2], dtype=kind) for i in range(4)]
    for data in (rows, tuple(rows), [rows[:2], rows[2:]], [[[row]] for row in rows]):
        made = mt.tensor(data)
        assert made.tolist() == np.array(data).tolist()
        assert dtype_name(made) == kind
        rows[0][0] += rows[0].dtype.type(1)
        assert made.reshape(-1)[0] == 0
        rows[0][0] = 0


def test_arrays_that_need_a_check_of_each_number_get_it() -> None:
    with pytest.raises(RuntimeError, match="300"):
        mt.tensor([np.array([1, 300]), np.array([1, 2])], dtype=mt.uint8)
    assert mt.tensor([np.array([1], "int8"), np.array([1.5])]).dtype is mt.float64
