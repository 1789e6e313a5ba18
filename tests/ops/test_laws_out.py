"""``out=``: what an op writes where, compared with its plain result and with PyTorch, in every layout and dtype."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import ArgumentTypeError, GradError, InplaceError
from minitensor.ops.out import APART, SILENT
from ops import call as calls
from ops.call import assert_same, dtype_name, find, note_on_error, numbers, ours, outcome, recast, tensors_in
from ops.row import Call, Row
from ops.table import ROWS
from strategies import Placed, dense, put_in_memory, tensor_of

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
WITH_OUT = tuple([row for row in HERE if row.out and not row.view and not row.random])
CREATED = ("zeros", "ones", "full", "eye", "arange", "linspace", "logspace", "fft.fftfreq", "fft.rfftfreq")
SUMS = ("sum", "nansum", "prod", "cumsum", "cumprod")  # they compute in the dtype of out


def each(rows: Any = WITH_OUT) -> Any:
    return pytest.mark.parametrize("row", [row for row in rows if "out" not in row.notes], ids=repr)


# -- this library alone ------------------------------------------------------------------------------------------------


@each()
def test_writes_to_out(row: Row) -> None:
    for call in row.calls[:4]:
        args, kwargs = calls.our_arguments(call)
        expected = ours(row)(*args, **kwargs)
        out = mt.zeros(tuple(expected.shape), dtype=expected.dtype)
        version = out.version
        with note_on_error(call):
            assert ours(row)(*args, **kwargs, out=out) is out
            assert out.version > version
            assert_same(out, expected, 1e-12)


@each([row for row in WITH_OUT if row.name not in (*CREATED, *SILENT, "nn.functional.logsigmoid")])
def test_resizes_out_with_a_warning_if_it_held_anything(row: Row) -> None:
    args, kwargs = calls.our_arguments(row.calls[0])
    expected = ours(row)(*args, **kwargs)
    empty = mt.empty(0, dtype=expected.dtype)
    assert_same(ours(row)(*args, **kwargs, out=empty), expected, 1e-12)
    full = mt.zeros((*expected.shape, 2), dtype=expected.dtype)
    with pytest.warns(UserWarning, match="was resized") as warned:
        ours(row)(*args, **kwargs, out=full)
    assert warned[0].filename == __file__
    assert_same(full, expected, 1e-12)


@each([row for row in WITH_OUT if row.name not in APART and not row.name.endswith(("stack", "cat"))])
def test_out_may_be_the_input(row: Row) -> None:
    for call in row.calls[:4]:
        args, kwargs = calls.our_arguments(call)
        if not args or not isinstance(args[0], mt.Tensor):
            continue
        expected = ours(row)(*args, **kwargs)
        if expected.shape != args[0].shape or expected.dtype != args[0].dtype:
            continue
        with note_on_error(call):
            ours(row)(*args, **kwargs, out=args[0])
            assert_same(args[0], expected, 1e-12)


@each([row for row in WITH_OUT if row.differentiable])
def test_out_is_refused_if_a_gradient_would_be_lost(row: Row) -> None:
    args, kwargs = calls.our_arguments(next(c for c in row.calls if c.smooth))
    leaf = next((t for arg in args for t in tensors_in(arg) if t.is_floating_point()), None)
    assert leaf is not None
    leaf.requires_grad_()
    with pytest.raises(RuntimeError, match="out="):
        ours(row)(*args, **kwargs, out=mt.empty(0, dtype=mt.float64))


@each([row for row in WITH_OUT if row.differentiable and row.name not in (*SUMS, "nanmean")])
def test_out_of_a_dtype_that_cannot_hold_the_result_is_refused(row: Row) -> None:
    args, kwargs = calls.our_arguments(row.calls[0])
    found = ours(row)(*args, **kwargs)
    with pytest.raises(RuntimeError, match="can't be cast"):
        ours(row)(*args, **kwargs, out=mt.zeros(tuple(found.shape), dtype=mt.int64))


@each([row for row in HERE if not row.name.startswith("Tensor.")])
def test_out_is_accepted_if_it_is_declared_and_listed_in_the_table(row: Row) -> None:
    args, kwargs = calls.our_arguments(row.calls[0])
    declared = "out" in inspect.signature(ours(row)).parameters
    assert declared or not row.out
    found = outcome(ours(row), *args, **kwargs, out="nowhere")
    assert isinstance(found, ArgumentTypeError if declared else TypeError)
    assert ("must be a" in str(found)) == declared


def test_a_read_only_out_is_refused_and_unchanged() -> None:
    memory = np.zeros(3)
    memory.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        out = mt.from_numpy(memory)
    for write in (
        lambda: mt.exp(mt.ones(3, dtype=mt.float64), out=out),
        lambda: mt.arange(3, out=out),
        lambda: mt.rand(3, out=out),
        lambda: mt.sort(mt.ones(3, dtype=mt.float64), out=(out, mt.zeros(3, dtype=mt.int64))),
    ):
        with pytest.raises(mt.errors.ReadOnlyError, match="read-only"):
            write()
    assert memory.tolist() == [0, 0, 0] and out.version == 0


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda out: mt.arange(0, 4, out=out), [0, 1, 2, 3]),
        (lambda out: mt.linspace(0, 3, 4, out=out), [0, 1, 2, 3]),
        (lambda out: mt.logspace(0, 3, 4, base=2, out=out), [1, 2, 4, 8]),
        (lambda out: mt.fft.fftfreq(4, 0.25, out=out), [0, 1, -2, -1]),
        (lambda out: mt.zeros(2, 2, out=out), [0, 0, 0, 0]),
        (lambda out: mt.full((2, 2), 7, out=out), [7, 7, 7, 7]),
        (lambda out: mt.eye(2, out=out), [1, 0, 0, 1]),
    ],
)
def test_functions_that_make_tensors_write_into_a_view_with_its_shape(make: Any, expected: list[int]) -> None:
    whole = mt.full((2, 4), 9.0)
    assert make(whole[:, 1:3]).shape == (2, 2)
    assert whole[:, 1:3].reshape(-1).tolist() == expected
    assert whole[:, 0].tolist() == whole[:, 3].tolist() == [9, 9]


def test_a_resized_out_keeps_its_memory_if_that_is_large_enough() -> None:
    whole = mt.zeros(6)
    part = whole[1:3]
    with pytest.warns(UserWarning, match="was resized"):
        mt.exp(mt.zeros(4), out=part)
    assert whole.tolist() == [0, 1, 1, 1, 1, 0]
    assert part.storage_offset() == 1 and part.tolist() == [1, 1, 1, 1]


def test_several_outs_are_checked_before_any_is_written() -> None:
    values, indices = mt.zeros(3), mt.zeros(3)
    with pytest.raises(RuntimeError, match="can't be cast"):
        mt.sort(mt.tensor([3.0, 1.0, 2.0]), out=(values, indices))
    assert values.tolist() == [0, 0, 0] and values.version == 0
    with pytest.raises(TypeError, match="tuple of 2 tensors"):
        mt.sort(mt.ones(3), out=values)


def test_functions_with_their_own_rule_for_the_dtype_of_out() -> None:
    with pytest.raises(RuntimeError, match="can't be cast"):
        mt.all(mt.ones(2, 3), dim=0, out=mt.zeros(3, dtype=mt.int64))
    assert mt.all(mt.ones(2, 3), dim=0, out=mt.zeros(3, dtype=mt.uint8)).tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="can't be cast"):
        mt.cumprod(mt.ones(3, dtype=mt.int32), 0, dtype=mt.int64, out=mt.zeros(3, dtype=mt.int32))
    with pytest.raises(RuntimeError, match="as_tuple"):
        mt.nonzero(mt.ones(2), as_tuple=True, out=mt.zeros(0, dtype=mt.int64))
    assert mt.sum(mt.tensor([1.6, 2.6]), 0, out=mt.zeros((), dtype=mt.int64)).item() == 3  # adds up in that dtype


# -- against PyTorch ---------------------------------------------------------------------------------------------------

# By op and aspect: where this library differs from PyTorch, and why.
EXCUSED = {
    ("sum", "takes"): "PyTorch has no out= without dim; here every form has it",
    ("prod", "takes"): "as sum",
    ("median", "takes"): "as sum",
    ("nn.functional.sigmoid", "takes"): "is torch.sigmoid",
    ("nn.functional.tanh", "takes"): "is torch.tanh",
    ("add", "bad"): "PyTorch treats add(x, y, out=1.0) as an old form of add(x, alpha, y)",
    ("sub", "bad"): "as add", ("mul", "bad"): "as add", ("div", "bad"): "as add", ("floor_divide", "bad"): "as add",
    ("true_divide", "bad"): "as add", ("nn.functional.normalize", "bad"): "as add",
    ("nanmean", "version"): "counts the writes of its parts in PyTorch", ("svd", "version"): "as nanmean",
    ("matmul", "version"): "as nanmean", ("kron", "version"): "PyTorch counts no write",
    ("matmul", "warnings"): "PyTorch squeezes a vector's result and warns about a shape that was correct",
    ("matmul", "strides"): "as its warnings",
    ("nn.functional.linear", "warnings"): "as matmul", ("nn.functional.linear", "strides"): "as matmul",
    ("nn.functional.linear", "error"): "PyTorch treats the out= of a 3-d result like that of a 2-d one",
    ("nn.functional.linear", "overlap"): "PyTorch copies a bias into out first, and refuses a bias that overlaps out",
    ("fft.ihfftn", "all"): "PyTorch writes nothing into out",
    ("fft.fftfreq", "values"): "PyTorch reads past the end of an out that it has just resized in place",
    ("linalg.svd", "values"): "the signs of singular vectors are arbitrary",
    ("linalg.eig", "values"): "the order of eigenvalues is arbitrary",
    ("kthvalue", "values"): "which of equal elements is found is arbitrary",
    ("cholesky_inverse", "values"): "a factor with a complex diagonal is invalid",
    ("linalg.solve", "strides"): "with left=False PyTorch makes a resized out row-major",
    ("linalg.solve", "overlap"): "PyTorch copies B into out first; here the result is correct",
    ("cholesky_inverse", "strides"): "PyTorch makes a nonempty out row-major",
    ("linalg.householder_product", "strides"): "as cholesky_inverse", ("ormqr", "strides"): "as cholesky_inverse",
    ("linalg.eig", "strides"): "as cholesky_inverse", ("linalg.lstsq", "strides"): "as cholesky_inverse",
    ("linalg.lstsq", "shape"): "PyTorch does not resize outs for empty results",
    ("abs", "error"): "PyTorch casts only for complex numbers", ("fft.ifft", "error"): "as abs",
    ("logsumexp", "error"): "PyTorch drops the imaginary part",
    ("lerp", "error"): "PyTorch does not cast if the weight is a tensor",
    ("max", "error"): "PyTorch converts the dtype's smallest value first, which may not fit out",
    ("heaviside", "requires_grad"): "PyTorch allows an out= that requires grad for an op without gradient",
    ("histogram", "requires_grad"): "as heaviside",
}  # fmt: skip

# PyTorch's kernels of these write past the end of an out that is not contiguous, or has another dtype.
UNSAFE = ("nn.functional.avg_pool2d", "nn.functional.avg_pool3d")
DTYPES = ("bool", "uint8", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128")


class Library(NamedTuple):
    """One of the two libraries, and how to make its tensors."""

    module: Any
    tensor: Callable[[Placed], Any]
    arguments: Callable[[Call], Any]
    op: Callable[[Row], Any]


def both(torch: Any) -> tuple[Library, Library]:
    def resizable(where: Placed) -> Any:  # PyTorch cannot resize NumPy's memory
        return torch.tensor(where.flat).as_strided(where.shape, where.strides, where.offset).detach()

    return (
        Library(mt, tensor_of, calls.our_arguments, ours),
        Library(
            torch, resizable, lambda call: calls.torch_arguments(torch, call), lambda row: calls.theirs(torch, row)
        ),
    )


class Written(NamedTuple):
    """The outcome of a call: an error, or the compared aspects of each result."""

    error: Exception | None
    facts: dict[str, Any]


Make = Callable[[Library, Any, list[Any]], Any]  # returns the argument for out=, given fresh results


def attempt(library: Library, row: Row, call: Call, make: Make, fresh: list[Any], grad: bool = True) -> Written:
    """Call an op with ``out=``."""
    args, kwargs = library.arguments(call)
    out = make(library, args, fresh)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    before = [getattr(each, "_version", 0) for each in outs]
    with warnings.catch_warnings(record=True) as warned, library.module.set_grad_enabled(grad):
        warnings.simplefilter("always")
        found = outcome(library.op(row), *args, **kwargs, out=out)
    if isinstance(found, Exception):
        return Written(found, {})
    # PyTorch's copying variants of functions that return several tensors return None.
    results = outs if found is None else list(found) if isinstance(found, (tuple, list)) else [found]
    return Written(None, {
        "identity": [one is other for one, other in zip(results, outs)],
        "shape": [tuple(each.shape) for each in results],
        "dtype": [dtype_name(each) for each in results],
        "strides": [(tuple(each.stride()), each.storage_offset()) for each in results],
        "version": [each._version - was for each, was in zip(results, before)],
        "requires_grad": [each.requires_grad for each in results],
        "warnings": sum("resized" in str(each.message) or "out tensor" in str(each.message) for each in warned),
        "values": [numbers(each) for each in results],
    })


def differences(found: Written, expected: Written, close: float = 0) -> Iterator[tuple[str, str]]:
    """Yield the aspects in which the two libraries differ."""
    if expected.error is not None:
        wanted = next(each for each in type(expected.error).__mro__ if each.__module__ == "builtins")
        if not isinstance(found.error, wanted):
            yield "error", f"{found.error!r}, not {expected.error!r}"
        return
    if found.error is not None:
        yield "error", f"{found.error!r}, PyTorch raises nothing"
        return
    for aspect, value in expected.facts.items():
        if aspect == "values":
            if not all(same_values(one, other, close) for one, other in zip(found.facts[aspect], value)):
                yield aspect, f"{found.facts[aspect]}, not {value}"
        elif found.facts[aspect] != value:
            yield aspect, f"{aspect} {found.facts[aspect]}, not {value}"


def same_values(found: Any, expected: Any, close: float = 0) -> bool:
    """Return whether two arrays are equal, within the precision of their dtype or that of the inputs."""
    close = max(close, {"float16": 2e-3, "float32": 1e-5, "complex64": 1e-5}.get(str(expected.dtype), 1e-9))
    return found.shape != expected.shape or np.allclose(found, expected, close, close, equal_nan=True)


def zeros(kind: str, dtype: str = "") -> Make:
    """Return a function that makes outs of the right shape in a memory layout."""
    return lambda library, args, fresh: out_of(
        library, fresh, lambda each: put_in_memory(np.zeros(tuple(each.shape), dtype or dtype_name(each)), kind)
    )


def reshaped(shape: Callable[[Any], tuple[int, ...]], room: int = 0) -> Make:
    """Return a function that makes outs of another shape, in memory with room for more."""

    def where(each: Any) -> Placed:
        sizes = shape(each)
        count = int(np.prod(sizes)) + room
        return Placed(np.zeros(count, dtype_name(each)), sizes, dense(sizes), 3 if room else 0)

    return lambda library, args, fresh: out_of(library, fresh, where)


def out_of(library: Library, fresh: list[Any], where: Callable[[Any], Placed]) -> Any:
    made = [library.tensor(where(each)) for each in fresh]
    return made[0] if len(made) == 1 else tuple(made)


def one_cell(library: Library, args: Any, fresh: list[Any]) -> Any:
    return out_of(
        library, fresh, lambda each: Placed(np.zeros(1, dtype_name(each)), tuple(each.shape), (0,) * each.ndim, 0)
    )


def that_requires_grad(library: Library, args: Any, fresh: list[Any]) -> Any:
    made = zeros("contiguous")(library, args, fresh)
    for each in tensors_in([made]):
        if each.is_floating_point():
            each.requires_grad_()
    return made


def beside_one_that_requires_grad(library: Library, args: Any, fresh: list[Any]) -> Any:
    for each in tensors_in(list(args)):
        if each.is_floating_point():
            each.requires_grad_()
    return zeros("contiguous")(library, args, fresh)


PLACES: dict[str, Make] = {
    "contiguous": zeros("contiguous"),
    "transposed": zeros("transposed"),
    "gaps": zeros("gaps"),
    "offset": zeros("offset"),
    "one cell": one_cell,
    "empty": reshaped(lambda each: (0,)),
    "empty of 2-d": reshaped(lambda each: (2, 0)),
    "larger": reshaped(lambda each: (*each.shape, 2)),
    "smaller": reshaped(lambda each: (1,) * (each.ndim + 1)),
    "smaller, in large memory": reshaped(lambda each: (1,) * (each.ndim + 1), room=12),
}


GRADS: dict[str, Make] = {"requires grad": that_requires_grad, "input requires grad": beside_one_that_requires_grad}


def fresh_results(torch: Any, library: Library, row: Row, call: Call) -> list[Any]:
    """Return the results of PyTorch's op if they are tensors and this form of the call has ``out=``; else nothing."""
    args, kwargs = library.arguments(call)
    found = outcome(library.op(row), *args, **kwargs)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    if not all(isinstance(each, torch.Tensor) for each in results):
        return []
    taken = attempt(library, row, call, PLACES["contiguous"], results)
    return [] if isinstance(taken.error, TypeError) else results


def takers(torch: Any) -> Iterator[tuple[Row, bool, bool]]:
    """Yield the ops, with whether they accept ``out=`` here and in PyTorch."""
    here, there = both(torch)
    for row in HERE:
        theirs = outcome(calls.theirs, torch, row)
        if row.random or row.name.startswith("Tensor.") or isinstance(theirs, AssertionError):
            continue
        args, kwargs = there.arguments(row.calls[0])
        found = outcome(there.op(row), *args, **kwargs)
        fresh = list(found) if isinstance(found, (tuple, list)) else [found]
        if all(isinstance(each, torch.Tensor) for each in fresh):
            errors = [attempt(each, row, row.calls[0], PLACES["empty"], fresh).error for each in (here, there)]
            yield row, *[not isinstance(error, TypeError) for error in errors]


def test_out_is_accepted_where_pytorch_accepts_it() -> None:
    torch = pytest.importorskip("torch")
    wrong = [
        (row.name, here) for row, here, there in takers(torch) if here != there and (row.name, "takes") not in EXCUSED
    ]
    assert not wrong


def report(row: Row, cases: Iterator[tuple[str, Call, Make, bool]]) -> list[str]:
    """Return where the two libraries differ, one line for each difference."""
    torch = pytest.importorskip("torch")
    here, there = both(torch)
    wrong, known = [], {}
    for name, call, make, grad in cases:
        fresh = known.setdefault(id(call), fresh_results(torch, there, row, call))
        if not fresh:
            continue
        found, expected = (attempt(each, row, call, make, fresh, grad) for each in (here, there))
        if expected.error is None and isinstance(found.error, (GradError, InplaceError)) and name in STRICTER:
            continue
        wrong += [
            f"{name} {call}: {text}"
            for aspect, text in differences(found, expected, 0 if any(call is each for each in row.calls) else 1e-5)
            if not {(row.name, aspect), (row.name, name), (row.name, "all")} & EXCUSED.keys()
        ]
    return wrong


# Where PyTorch silently loses a gradient, or writes several elements into one location.
STRICTER = ("one cell", "requires grad", "input requires grad")


@each()
def test_out_is_written_as_in_pytorch(row: Row) -> None:
    places = {"contiguous", "empty", "larger"} if row.name in UNSAFE else set(PLACES)
    cases = [(name, call, PLACES[name], True) for call in row.calls[:2] for name in PLACES if name in places]
    cases += [
        (name, row.calls[0], make, grad)
        for name, make in GRADS.items()
        for grad in (True, False)
    ]
    cases += [("bad", row.calls[0], lambda *_, value=value: value, True) for value in (1.0, [1.0], "x")]
    assert not report(row, iter(cases))


@each([row for row in WITH_OUT if row.name not in UNSAFE])
def test_results_are_cast_to_out_as_in_pytorch(row: Row) -> None:
    sources = [row.calls[0], recast(row.calls[0], "float32"), recast(row.calls[0], "int64")]
    sources += [recast(row.calls[0], "complex64")] if row.dtypes in ("all", "numbers", "inexact") else []
    cases = [(f"out= of {dtype}", call, zeros("contiguous", dtype), True) for call in sources for dtype in DTYPES]
    assert not report(row, iter(cases))


SEVERAL = tuple([row for row in HERE if row.name in (
    "frexp", "aminmax", "max", "min", "sort", "topk", "kthvalue", "nanmedian", "mode", "median", "cummax", "cummin",
    "histogram", "linalg.inv_ex", "linalg.solve_ex", "linalg.slogdet", "slogdet", "linalg.cholesky_ex", "linalg.qr",
    "qr", "linalg.svd", "svd", "linalg.eigh", "linalg.eig", "linalg.lstsq",
)])  # fmt: skip


@each(SEVERAL)
def test_several_outs_are_written_as_in_pytorch(row: Row) -> None:
    def cut(library: Library, args: Any, fresh: list[Any]) -> Any:
        made = PLACES["contiguous"](library, args, fresh)
        return made[:1] if isinstance(made, tuple) else (made,)

    def alone(library: Library, args: Any, fresh: list[Any]) -> Any:
        return cut(library, args, fresh)[0]

    cases = [(name, call, make, True) for call in row.calls[:2] for name, make in PLACES.items()]
    cases += [("short", row.calls[0], cut, True), ("alone", row.calls[0], alone, True)]
    cases += [(f"out= of {dtype}", row.calls[0], zeros("contiguous", dtype), True) for dtype in DTYPES]
    assert not report(row, iter(cases))


@each([row for row in WITH_OUT if row.name not in UNSAFE])
def test_an_overlapping_out_gives_pytorchs_result_or_the_correct_one(row: Row) -> None:
    """Out starts where the input does, or one element later."""
    torch = pytest.importorskip("torch")
    wrong = []
    for call in row.calls[:2]:
        places = [k for k, each in enumerate(call.args) if isinstance(each, np.ndarray)]
        for place, gap in itertools.product(places, (0, 1)):
            fresh = fresh_results(torch, both(torch)[1], row, call)
            if len(fresh) != 1 or dtype_name(fresh[0]) != str(call.args[place].dtype) or not fresh[0].numel():
                continue
            found, expected = (overlapping(each, row, call, place, gap, fresh[0]) for each in both(torch))
            if isinstance(expected, Exception):
                right = isinstance(found, RuntimeError) or (row.name, "overlap") in EXCUSED
                right = right or (row.name, "error") in EXCUSED
            else:
                right = not isinstance(found, Exception) and same_values(numbers(found), numbers(fresh[0]))
            if not right:
                wrong.append(f"argument {place} of {call}, {gap} apart: {found!r}, not {expected!r}")
    assert not wrong


@pytest.mark.parametrize("name", ["cat", "stack", "hstack", "vstack", "dstack", "column_stack"])
def test_joining_refuses_an_out_in_the_memory_of_an_input(name: str) -> None:
    torch = pytest.importorskip("torch")
    for lib in (mt, torch):
        memory = lib.zeros(12)
        parts = [memory[:4].view(2, 2), memory[4:8].view(2, 2)]
        for out in (memory[:8], memory[2:10], memory[:4].view(2, 2)):
            with pytest.raises(RuntimeError, match="single memory location"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                getattr(lib, name)(parts, out=out)
        assert lib is torch or memory.tolist() == [0] * 12


def overlapping(library: Library, row: Row, call: Call, place: int, gap: int, fresh: Any) -> Any:
    """Call an op with an argument and ``out`` in the same memory."""
    array = call.args[place]
    flat = np.zeros(max(array.size, fresh.numel()) + gap, array.dtype)
    flat[: array.size] = array.reshape(-1)
    args, kwargs = library.arguments(call)
    memory = library.tensor(Placed(flat, flat.shape, (1,), 0))
    given = memory.as_strided(array.shape, dense(array.shape), 0)
    out = memory.as_strided(tuple(fresh.shape), dense(tuple(fresh.shape)), gap)
    return outcome(library.op(row), *args[:place], given, *args[place + 1 :], **kwargs, out=out)


# -- random functions, and functions without a row ---------------------------------------------------------------------

MAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "rand": lambda lib, out: lib.rand(2, 3, out=out),
    "randn": lambda lib, out: lib.randn(2, 3, out=out),
    "randint": lambda lib, out: lib.randint(5, (2, 3), out=out),
    "randperm": lambda lib, out: lib.randperm(6, out=out),
    "normal": lambda lib, out: lib.normal(0.0, 1.0, (2, 3), out=out),
    "normal of means": lambda lib, out: lib.normal(lib.zeros(2, 3), 1.0, out=out),
    "bernoulli": lambda lib, out: lib.bernoulli(lib.full((2, 3), 0.5), out=out),
    "multinomial": lambda lib, out: lib.multinomial(lib.full((2, 3), 0.5), 3, out=out),
    "range": lambda lib, out: lib.range(0, 5, out=out),
    "arange": lambda lib, out: lib.arange(0, 6, out=out),
    "linspace": lambda lib, out: lib.linspace(0, 5, 6, out=out),
    "zeros": lambda lib, out: lib.zeros(2, 3, out=out),
    "zeros of a dtype": lambda lib, out: lib.zeros(2, 3, dtype=lib.float32, out=out),
    "zeros that require grad": lambda lib, out: lib.zeros(2, 3, requires_grad=out.is_floating_point(), out=out),
    "full": lambda lib, out: lib.full((2, 3), 7, out=out),
    "empty": lambda lib, out: lib.empty(2, 3, out=out),
}
OUTS: dict[str, Callable[[Any], Any]] = {
    "contiguous": lambda lib: lib.ones(2, 3),
    "transposed": lambda lib: lib.ones(3, 2).t(),
    "gaps": lambda lib: lib.ones(2, 6)[:, ::2],
    "empty": lambda lib: lib.ones(0),
    "wrong size": lambda lib: lib.ones(4),
    "part of a memory": lambda lib: lib.ones(9)[1:3],
    "wrong shape": lambda lib: lib.ones(3, 2),
    **{dtype: lambda lib, dtype=dtype: lib.ones(2, 3, dtype=getattr(lib, dtype)) for dtype in DTYPES},
}
MAKERS_EXCUSED = {
    ("randn", "version"): "PyTorch counts the resize of a larger out, only in this op",
    ("normal of means", "version"): "every step counts: drawing, scaling, shifting",
    ("empty", "values"): "new elements are uninitialized",
}


@pytest.mark.parametrize("name", MAKERS)
def test_creation_and_random_functions_write_to_out_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    wrong = []
    for kind, out in OUTS.items():
        found, expected = (made(each, MAKERS[name], out) for each in (mt, torch))
        for aspect, text in differences(found, expected):
            if (name, aspect) not in MAKERS_EXCUSED:
                wrong.append(f"{kind}: {text}")
    assert not wrong


def made(library: Any, make: Callable[[Any, Any], Any], kind: Callable[[Any], Any]) -> Written:
    row, call = Row("made", ()), Call((), {})
    return attempt(
        Library(library, None, lambda call: ((), {}), lambda row: lambda out: make(library, out)),  # type: ignore[arg-type]  # makes none
        row, call, lambda *_: seeded(library, kind), [],
    )


def seeded(library: Any, kind: Callable[[Any], Any]) -> Any:
    library.manual_seed(3)
    return kind(library)
