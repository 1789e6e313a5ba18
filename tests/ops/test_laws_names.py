"""Names of arguments: NumPy's, which PyTorch's parser accepts too, and Python's types in place of dtypes.

Every call of the op table is repeated with each of its arguments under each of NumPy's names. What PyTorch accepts must
be accepted here, with the same result.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd.spellings import NUMPY_NAMES
from ops import call as calls
from ops.call import find, ours, outcome, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

ROWS_HERE = [row for row in ROWS if find(mt, row.name) is not None]
PLAIN = {"conj": "formulas call it for every gradient, so it is a function without a recorder"}
PYTHON_TYPES = {float: mt.float64, int: mt.int64, bool: mt.bool, complex: mt.complex128}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def by_name(row: Row, call: Call) -> dict[str, Any] | None:
    """Return the arguments of a call by name, or None if they cannot all be given so."""
    signature = inspect.signature(ours(row))
    try:
        bound = signature.bind(*call.args, **call.kwargs).arguments
    except TypeError:
        return None
    kinds = {signature.parameters[name].kind for name in bound}
    return None if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} else dict(bound)


def spellings(row: Row) -> Iterator[tuple[str, Call]]:
    for call in row.calls:
        given = by_name(row, call)
        for other, name in NUMPY_NAMES.items() if given else ():
            if name in given:  # type: ignore[operator]  # a dict here
                renamed = {other if each == name else each: value for each, value in given.items()}  # type: ignore[union-attr]  # as above
                yield other, Call((), renamed)


def in_numbers(value: Any) -> list[Any]:
    return [calls.numbers(each).tolist() for each in tensors_in(value)]


@pytest.mark.parametrize("row", [row for row in ROWS_HERE if not row.random and row.name not in PLAIN], ids=repr)
def test_numpys_names_are_accepted_where_pytorch_accepts_them(torch: ModuleType, row: Row) -> None:
    for other, call in spellings(row):
        args, kwargs = calls.torch_arguments(torch, call)
        expected = outcome(theirs(torch, row), *args, **kwargs)
        if isinstance(expected, Exception):
            continue
        found = outcome(calls.run, row, call)
        assert not isinstance(found, Exception), f"{row.name}({other}=): {found!r}"
        usual = {NUMPY_NAMES.get(name, name) if name == other else name: value for name, value in call.kwargs.items()}
        assert repr(in_numbers(found)) == repr(in_numbers(calls.run(row, Call((), usual))))


# -- sizes, and how to store -------------------------------------------------------------------------------------------

FACTORIES = {
    "zeros": {}, "ones": {}, "empty": {}, "rand": {}, "randn": {}, "full": {"fill_value": 1},
    "randint": {"low": 0, "high": 3},
    "Tensor.new_zeros": {}, "Tensor.new_ones": {}, "Tensor.new_empty": {}, "Tensor.new_full": {"fill_value": 1},
}  # fmt: skip


@pytest.mark.parametrize("name", FACTORIES)
def test_a_size_may_be_given_by_name(name: str) -> None:
    self = (mt.ones(1),) if name.startswith("Tensor") else ()
    for size in ((2, 3), [2, 3], mt.Size((2, 3)), ()):
        assert find(mt, name)(*self, size=size, **FACTORIES[name]).shape == tuple(size)


def makers() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Yield the functions that make tensors of a dtype, with arguments that they need."""
    x = mt.ones(2, 2)
    arguments = {
        "arange": (3,), "linspace": (0, 1, 3), "logspace": (0, 1, 3), "range": (0, 3), "eye": (2,), "full": ((2,), 1),
        "full_like": (x, 1), "empty_strided": ((2,), (1,)), "randint": (3, (2,)), "randperm": (3,),
        "normal": (0., 1., (2,)),
        "tril_indices": (2, 2), "triu_indices": (2, 2), "randint_like": (x, 3), "new_full": (x, (2,), 1),
        "new_empty_strided": (x, (2,), (1,)), "scalar_tensor": (1,), "tensor": ([1],), "as_tensor": ([1],),
        "asarray": ([1],), "new_tensor": (x, [1]),
    }  # fmt: skip
    names = """arange linspace logspace range eye full full_like zeros ones empty zeros_like ones_like empty_like
        empty_strided rand randn rand_like randn_like randint randint_like randperm normal bartlett_window
        blackman_window hamming_window hann_window kaiser_window tril_indices triu_indices fft.fftfreq fft.rfftfreq
        scalar_tensor Tensor.new_zeros Tensor.new_ones Tensor.new_empty Tensor.new_full Tensor.new_empty_strided
        tensor as_tensor asarray Tensor.new_tensor"""
    for path in names.split():
        name = path.rpartition(".")[2]
        like = (x,) if name.endswith("_like") else (x, 2) if name.startswith("new_") else (2,)
        yield path, find(mt, path), arguments.get(name, like)


MAKERS = {path: (function, args) for path, function, args in makers()}
WITHOUT_LAYOUT = ("tensor", "as_tensor", "asarray", "Tensor.new_tensor")


@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
@pytest.mark.parametrize("path", [path for path in MAKERS if path not in WITHOUT_LAYOUT])
def test_what_makes_tensors_is_told_how_to_store_them(path: str) -> None:
    function, args = MAKERS[path]
    assert function(*args, layout=mt.strided, pin_memory=False).is_contiguous()
    assert function(*args, layout=None, pin_memory=None).is_contiguous()
    with pytest.raises(TypeError, match="'layout' must be strided, not int"):
        function(*args, layout=3)
    with pytest.raises(RuntimeError, match="new memory cannot be pinned"):
        function(*args, pin_memory=True)


@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
@pytest.mark.parametrize("path", MAKERS)
def test_a_dtype_may_be_a_type_of_pythons(path: str) -> None:
    function, args = MAKERS[path]
    for kind, dtype in PYTHON_TYPES.items():
        given, expected = outcome(function, *args, dtype=kind), outcome(function, *args, dtype=dtype)
        assert getattr(given, "dtype", type(given)) == getattr(expected, "dtype", type(expected)), f"{path}({kind})"
    with pytest.raises(TypeError, match="dtype"):
        function(*args, dtype=str)


CASTING = [row for row in ROWS_HERE if "dtype" in inspect.signature(ours(row)).parameters]


@pytest.mark.parametrize("row", CASTING, ids=repr)
def test_a_dtype_of_an_op_may_be_a_type_of_pythons(row: Row) -> None:
    for kind, dtype in PYTHON_TYPES.items():
        for call in row.calls:
            one, other = [Call(call.args, call.kwargs | {"dtype": each}) for each in (kind, dtype)]
            given, expected = outcome(calls.run, row, one), outcome(calls.run, row, other)
            assert getattr(given, "dtype", repr(given)) == getattr(expected, "dtype", repr(expected)), f"{call} {kind}"


def test_a_dtype_by_itself_may_be_a_type_of_pythons() -> None:
    assert mt.promote_types(float, int) is mt.float64 and mt.can_cast(int, float) and not mt.can_cast(complex, float)
    assert mt.finfo(float) == mt.finfo(mt.float64) and mt.iinfo(int).bits == 64
    assert mt.frombuffer(bytearray(8), dtype=int).dtype is mt.int64
    with pytest.raises(TypeError):
        mt.promote_types(str, int)
    with pytest.raises(TypeError, match="bool is not supported"):
        mt.iinfo(bool)
