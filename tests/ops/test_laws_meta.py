"""Every op on the device "meta" computes the layout that it has on the CPU, and PyTorch's on "meta", without memory."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import dtype_name, find, note_on_error, ours, quiet, recast, tensors_in, theirs, twin
from ops.row import DTYPES, Call, Row
from ops.table import ROWS
from ops.test_laws_strides import EXCUSED, calls_in_layouts

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])
EACH = pytest.mark.parametrize("row", HERE, ids=repr)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- layouts of results ------------------------------------------------------------------------------------------------


def facts(value: Any) -> list[Any]:
    """Return the shape, dtype and strides of each tensor of a result."""
    return [(tuple(each.shape), dtype_name(each), tuple(each.stride())) for each in tensors_in(value)]


def here(row: Row, call: Call, device: str) -> Any:
    """Call this library's op on a device; one without tensors among its arguments gets the device by name."""
    args, kwargs = calls.our_arguments(call, lambda array: calls.our_tensor(array).to(device))
    return ours(row)(*args, **kwargs, **named(row, device))


def there(torch: Any, row: Row, call: Call, device: str) -> Any:
    args, kwargs = calls.torch_arguments(torch, call, lambda array: calls.fresh(torch, array).to(device))
    return theirs(torch, row)(*args, **kwargs, **named(row, device))


def named(row: Row, device: str) -> dict[str, str]:
    return {} if any(calls.arrays_in(call) for call in row.calls) else {"device": device}


def class_of(error: Any) -> type | None:
    """Return the built-in class of an error, or None for a result."""
    if not isinstance(error, Exception):
        return None
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


# Results whose shape or value is in the elements, which do not exist.
READS = {
    "unique", "unique_consecutive", "bincount", "histogram", "histogramdd", "masked_select", "combinations", "argwhere",
    "nonzero", "equal", "allclose", "repeat_interleave", "cov", "narrow from a tensor", "nn.functional.one_hot",
    "nn.functional.ctc_loss", "Tensor.__getitem__ with picks",
}  # fmt: skip


@EACH
def test_results_have_the_layout_that_they_have_on_the_cpu(row: Row) -> None:
    """What elements decide on the CPU, such as an index out of range, does not count."""
    for call in row.calls:
        expected = quiet(here, row, call, "cpu")
        if isinstance(expected, Exception):
            continue
        with note_on_error(call):
            found = quiet(here, row, call, "meta")
            if isinstance(found, Exception):
                assert isinstance(found, mt.errors.MetaError) and repr(row) in READS, repr(found)
                continue
            assert all(each.is_meta for each in tensors_in(found))
            if row.name != "nonzero_static":  # the transpose of its rows, as in PyTorch
                assert facts(found) == facts(expected)


@EACH
def test_results_and_errors_are_pytorchs(row: Row) -> None:
    """Where PyTorch's result on "meta" differs from its own on the CPU, or from ours there, those count too."""
    torch = pytest.importorskip("torch")
    for call in (*row.calls, *row.wrong):
        with note_on_error(call):
            found = quiet(here, row, call, "meta")
            expected = [quiet(there, torch, row, call, place) for place in ("meta", "cpu")]
            if isinstance(found, Exception):
                assert isinstance(found, mt.errors.MinitensorError), repr(found)
                classes = [kind for kind in map(class_of, expected) if kind is not None]
                assert any(isinstance(found, kind) for kind in classes), (repr(found), expected)
                continue
            if "meta tensors" in str(expected[0]).lower() and isinstance(expected[1], Exception):
                continue  # PyTorch reads elements there
            layouts = [facts(each) for each in (*expected, quiet(here, row, call, "cpu"))]
            assert facts(found) in layouts or repr(row) in LAPACK, (facts(found), layouts)


# Where matrices are column-major in PyTorch and row-major here, and the CPU refuses what "meta" cannot see.
LAPACK = {"linalg.inv", "linalg.inv_ex", "linalg.cholesky", "linalg.cholesky_ex", "cholesky", "linalg.matrix_power"}


# -- layouts, dtypes and gradients -------------------------------------------------------------------------------------


def without_memory(array: Any) -> mt.Tensor:
    """Return a tensor on "meta" with the layout of the one for the CPU, gaps too, which ``to`` leaves out."""
    there = calls.our_tensor(array)
    memory = mt.empty(there.storage.numel(), dtype=there.dtype, device="meta")
    return memory.as_strided(there.shape, there.stride(), there.storage_offset()).detach()


def grads_of(row: Row, call: Call, device: str) -> Any:
    """Return the facts of an op's results, and of the gradients of its inputs."""
    args, kwargs = calls.our_arguments(call, calls.our_tensor if device == "cpu" else without_memory)
    leaves = [
        each.requires_grad_()
        for k, arg in enumerate([*args, *kwargs.values()])
        if row.differentiable and k not in row.constants
        for each in tensors_in(arg)
        if each.is_floating_point() or each.is_complex()
    ]
    results = tensors_in(ours(row)(*args, **kwargs, **named(row, device)))
    kept = [each for each in results if each.requires_grad]
    seeds = [mt.ones_like(each.detach()) for each in kept]
    grads = mt.autograd.grad(kept, leaves, seeds, allow_unused=True) if kept else []
    assert all(each is None or each.device.type == device for each in (*results, *grads))
    return facts(results), [None if each is None else facts([each]) for each in grads]


# Whose strides are those of kernels that "meta" does not imitate in every layout; shapes and dtypes agree.
KERNELS = {"nonzero_static": "PyTorch's on meta", "linalg.lstsq": "ranks decide what is returned", **EXCUSED}
# Whose gradients on the CPU are computed in one of two ways, as elements decide, or by a kernel that chooses a layout.
CHOICES = {"nansum", "nanmean", "prod", "nn.functional.batch_norm"}


def without_strides(found: Any) -> Any:
    if isinstance(found, tuple) and len(found) == 3 and isinstance(found[1], str):
        return found[:2]
    return [without_strides(each) for each in found] if isinstance(found, (list, tuple)) else found


def compare_with_the_cpu(row: Row, call: Call) -> None:
    """Compare results and gradients on "meta" with those on the CPU, if the CPU computes them."""
    expected = quiet(grads_of, row, call, "cpu")
    if isinstance(expected, Exception):
        return
    with note_on_error(call):
        found = quiet(grads_of, row, call, "meta")
        if isinstance(found, Exception):
            assert isinstance(found, mt.errors.MetaError) and repr(row) in READS, repr(found)
        elif repr(row) == "linalg.lstsq":
            assert without_strides(found[0][:1]) == without_strides(expected[0][:1])
        elif repr(row) in KERNELS:
            assert without_strides(found) == without_strides(expected)
        else:
            assert found[0] == expected[0]
            assert found[1] == expected[1] or row.name in CHOICES, (found[1], expected[1])


@EACH
def test_gradients_have_the_layout_that_they_have_on_the_cpu(row: Row) -> None:
    for call in row.calls:
        compare_with_the_cpu(row, call)


@EACH
def test_inputs_in_every_layout_give_the_layout_of_the_cpu(row: Row) -> None:
    for call in calls_in_layouts(row):
        compare_with_the_cpu(row, call)


@pytest.mark.parametrize("row", [row for row in HERE if row.dtypes != "none"], ids=repr)
def test_inputs_of_every_dtype_give_the_dtype_of_the_cpu(row: Row) -> None:
    for dtype in DTYPES[row.dtypes]:
        compare_with_the_cpu(row, recast(row.calls[0], dtype))


# -- without memory ----------------------------------------------------------------------------------------------------

HUGE = 100_000


def test_huge_tensors_take_no_memory_and_no_time() -> None:
    tracemalloc.start()
    try:
        x = mt.empty(HUGE, HUGE, device="meta", requires_grad=True)
        y = mt.nn.functional.layer_norm((x @ x.t()).relu() + x.sum(0), (HUGE,)).softmax(-1)
        y[:, mt.arange(HUGE, device="meta")].cumsum(1).sort().values.mean().backward()
        assert x.grad is not None and x.grad.shape == x.shape
        images = mt.rand(HUGE, 64, 1000, 1000, device="meta")
        planes = mt.nn.functional.max_pool2d(mt.nn.Conv2d(64, 128, 3, padding=1, device="meta")(images), 2)
        assert planes.shape == (HUGE, 128, 500, 500)
        assert mt.cat([planes, planes.flip(0)]).reshape(-1).numel() == 2 * planes.numel()
        assert x.detach().untyped_storage().nbytes() == 4 * HUGE**2
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@EACH
def test_ops_on_meta_do_not_write_into_the_random_stream(row: Row) -> None:
    before = mt.get_rng_state()
    for call in row.calls:
        quiet(here, row, call, "meta")
    assert mt.equal(mt.get_rng_state(), before)


@pytest.mark.parametrize("row", [row for row in HERE if twin(row) is not None and row.inplace], ids=repr)
def test_inplace_versions_write_what_the_op_returns(row: Row) -> None:
    for call in row.calls:
        args, kwargs = calls.our_arguments(call, lambda array: calls.our_tensor(array).to("meta"))
        other, named = calls.our_arguments(call)
        expected, found = quiet(twin(row), *other, **named), quiet(twin(row), *args, **kwargs)
        if isinstance(expected, mt.Tensor) and not isinstance(found, mt.errors.MetaError):
            assert found is args[0] and facts(found) == facts(expected), (found, expected)
