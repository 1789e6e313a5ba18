"""bfloat16 in other memory: operands in every layout, in-place versions, and ``out=``, compared with the plain result.

``test_laws_bfloat16.py`` holds the plain results against PyTorch's.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import dtype_name, find, ours, outcome, tensors_in, theirs, twin
from ops.row import Call, Row
from ops.table import ROWS
from ops.test_laws_bfloat16 import ATOL, RTOL, STRICTER, WIDER, is_float, make
from ops.test_laws_out import CREATED, WITH_OUT

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None and not row.random])
LAYOUTS = ("transposed", "strided", "offset", "expanded", "channels last")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def has_floats(call: Call) -> bool:
    return any(map(is_float, calls.arrays_in(call)))


def placed(library: Any, array: Any, layout: str) -> Any:
    """Return an array as a tensor with equal elements in another layout, in bfloat16 if it holds floats."""
    plain = make(library, array, "bfloat16")
    if layout == "transposed" and plain.ndim > 1:
        return plain.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "strided" and plain.ndim:
        return library.stack([plain, plain], -1)[..., 0]
    if layout == "offset":
        return library.cat([plain.new_zeros(3), plain.reshape(-1)])[3:].reshape(plain.shape)
    if layout == "expanded" and plain.ndim and plain.shape[0] and bool((plain == plain[:1]).all()):
        return plain[:1].expand(plain.shape)
    if layout == "channels last" and plain.ndim == 4:
        return plain.contiguous(memory_format=library.channels_last)
    return plain


def result_of(library: Any, op: Any, call: Call, layout: str) -> list[tuple[Any, ...]]:
    args, kwargs = calls.convert_arguments(
        call, lambda array: placed(library, array, layout), lambda each: getattr(library, each.name)
    )
    return [facts(each) for each in tensors_in(op(*args, **kwargs))]


def facts(tensor: Any) -> tuple[Any, ...]:
    """Return the shape, strides, dtype and elements of a tensor of either library."""
    found = tensor.detach().resolve_conj().resolve_neg() if tensor.is_complex() else tensor.detach()
    strides = tuple(found.stride()) if found.numel() else ()
    return tuple(found.shape), strides, dtype_name(found), as_numbers(found)


def as_numbers(tensor: Any) -> Any:
    return tensor.numpy() if tensor.is_complex() else tensor.double().numpy()


def close(found: Any, expected: Any) -> bool:
    return np.allclose(found, expected, RTOL, ATOL, equal_nan=True)


# Results in other layouts that differ more than by rounding, with the reason.
LAYOUTS_EXCUSED = {
    "empty_like": "its elements are not set", "Tensor.new_empty": "as empty_like", "empty": "as empty_like",
    "linalg.eig": "the order of eigenvalues is arbitrary",
    **dict.fromkeys(
        "as_strided as_strided_copy as_strided_scatter Tensor.resize_ Tensor.resize_as_".split(), "they read the memory"
    ),
}


@pytest.mark.parametrize("row", [row for row in HERE if row.name not in LAYOUTS_EXCUSED], ids=repr)
def test_results_do_not_depend_on_the_layout(row: Row) -> None:
    for call in row.calls[:4]:
        if not has_floats(call):
            continue
        plain = outcome(result_of, mt, ours(row), call, "plain")
        if isinstance(plain, Exception):
            continue
        for layout in LAYOUTS:
            found = outcome(result_of, mt, ours(row), call, layout)
            if isinstance(found, Exception) and row.view:
                continue  # a view that other strides do not permit
            assert not isinstance(found, Exception), f"{call} {layout}: {found!r}"
            for one, other in zip(found, plain, strict=True):
                assert one[0] == other[0] and one[2] == other[2], f"{call} {layout}: {one[:3]} {other[:3]}"
                assert close(one[3], other[3]), f"{call} {layout}: {one[3]} {other[3]}"


def written(library: Any, op: Any, call: Call, layout: str) -> Any:
    """Return the facts of a tensor after an in-place call, and whether it was returned."""
    args, kwargs = calls.convert_arguments(
        call, lambda array: placed(library, array, layout), lambda each: getattr(library, each.name)
    )
    found = op(*args, **kwargs)
    return [*facts(args[0]), found is args[0], args[0]._version > 0]


# Where a result is rounded once here, and after each step in PyTorch.
ROUNDED_ONCE = ("index_put", "special.ndtr", "linalg.cross")
# What PyTorch writes into ``out`` differs for other reasons, which the laws of out= give.
OUT_EXCUSED = (
    *ROUNDED_ONCE, *STRICTER, "clamp_min", "clamp_max", "nn.functional.gelu", "nn.functional.linear"
)


IN_PLACE = tuple([row for row in HERE if twin(row) is not None and row.name not in ROUNDED_ONCE])


@pytest.mark.parametrize("row", IN_PLACE, ids=repr)
def test_in_place_versions_are_pytorchs(torch: ModuleType, row: Row) -> None:
    op = twin(row)
    other = getattr(torch.Tensor, op.__name__, None) or getattr(torch, op.__name__, None)
    if other is None:
        pytest.skip("PyTorch has no such function")
    for call in row.calls[:4]:
        if not has_floats(call) or not call.args or not isinstance(call.args[0], np.ndarray):
            continue
        for layout in ("plain", "transposed", "strided", "offset"):
            expected = outcome(written, torch, other, call, layout)
            found = outcome(written, mt, op, call, layout)
            if isinstance(expected, Exception):
                assert isinstance(found, Exception) or row.name in WIDER, f"{call}: PyTorch raises {expected!r}"
                continue
            assert not isinstance(found, Exception), f"{call} {layout}: {found!r}"
            assert found[:3] == expected[:3] and found[4:] == expected[4:], f"{call} {layout}: {found} {expected}"
            assert close(found[3], expected[3]), f"{call} {layout}: {found[3]} {expected[3]}"


@pytest.mark.parametrize("kind", ["plain", "strided", "float32", "float64", "empty"])
@pytest.mark.parametrize("row", [row for row in WITH_OUT if row.name not in OUT_EXCUSED], ids=repr)
def test_out_of_bfloat16_and_beside_it_is_pytorchs(torch: ModuleType, row: Row, kind: str) -> None:
    for call in row.calls[:3]:
        if not has_floats(call):
            continue
        expected = outcome(into, torch, theirs(torch, row), call, kind)
        found = outcome(into, mt, ours(row), call, kind)
        if isinstance(expected, Exception):
            continue  # the laws of out= compare errors
        assert not isinstance(found, Exception), f"{call}: {found!r}"
        assert found[:3] == expected[:3], f"{call}: {found[:3]} {expected[:3]}"
        assert close(found[3], expected[3]), f"{call}: {found[3]} {expected[3]}"


def into(library: Any, op: Any, call: Call, kind: str) -> Any:
    """Return the facts of an ``out`` that a call has written."""
    args, kwargs = calls.convert_arguments(
        call, lambda array: make(library, array, "bfloat16"), lambda each: getattr(library, each.name)
    )
    plain = op(*args, **kwargs)
    wanted = getattr(library, kind) if kind.startswith("float") else plain.dtype
    if kind == "empty":
        out = library.empty(0, dtype=wanted)
    elif kind == "strided":
        out = library.zeros((*plain.shape, 2), dtype=wanted)[..., 0]
    else:
        out = library.zeros(tuple(plain.shape), dtype=wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert op(*args, **kwargs, out=out) is out
    return facts(out)


@pytest.mark.parametrize("kind", ["plain", "strided", "float32", "empty"])
@pytest.mark.parametrize("row", [row for row in WITH_OUT if row.name not in CREATED], ids=repr)
def test_out_on_meta_has_the_layout_of_the_cpu(row: Row, kind: str) -> None:
    """Note that only layouts exist there; a call that raises on the CPU raises there too, unless it reads elements."""
    for call in row.calls[:3]:
        expected = outcome(layout_of_out, call, row, kind, "cpu")
        found = outcome(layout_of_out, call, row, kind, "meta")
        if isinstance(expected, Exception) or isinstance(found, mt.errors.MetaError):
            continue
        assert found == expected, f"{call}: {found} {expected}"


def layout_of_out(call: Call, row: Row, kind: str, device: str) -> tuple[Any, ...]:
    args, kwargs = calls.convert_arguments(
        call, lambda array: mt.from_numpy(array.copy()).to(device), lambda each: getattr(mt, each.name)
    )
    plain = ours(row)(*args, **kwargs)
    wanted = mt.float32 if kind == "float32" else plain.dtype
    if kind == "empty":
        out = mt.empty(0, dtype=wanted, device=device)
    elif kind == "strided":
        out = mt.zeros((*plain.shape, 2), dtype=wanted, device=device)[..., 0]
    else:
        out = mt.zeros(tuple(plain.shape), dtype=wanted, device=device)
    assert ours(row)(*args, **kwargs, out=out) is out
    return tuple(out.shape), tuple(out.stride()), out.dtype, out.version > 0, str(out.device) == str(plain.device)
