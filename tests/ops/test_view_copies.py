"""The ``*_copy`` variants of views: PyTorch's numbers, strides, gradients, ``out=`` and names."""

from __future__ import annotations

import inspect
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt

# In each call `x` is a tensor of shape (3, 2, 4) in transposed memory, `c` a complex one, and `pairs` ends in pairs.
CALLS = """
    alias_copy(x); detach_copy(x); t_copy(x[0]); t_copy(x[0, 0]); t_copy(x[0, 0, 0]); t_copy(x)
    as_strided_copy(x, (2, 2), (1, 2)); as_strided_copy(x, (2, 2), (1, 2), 3); as_strided_copy(x, (2,), (1, 2))
    diagonal_copy(x); diagonal_copy(x, 1); diagonal_copy(x, offset=-1, dim1=2, dim2=0); diagonal_copy(x, 0, 1, 1)
    expand_copy(x, (2, 3, 2, 4)); expand_copy(x[:1], (5, -1, -1))
    expand_copy(x, (2,)); expand_copy(x, (1, 3, 2, 4), implicit=True)
    narrow_copy(x, 0, 1, 2); narrow_copy(x, -1, 1, 2)
    narrow_copy(x, 0, -1, 1); narrow_copy(x, 0, 2, 2); narrow_copy(x, 5, 0, 1)
    permute_copy(x, (2, 0, 1)); permute_copy(x, dims=(-1, 0, 1)); permute_copy(x, (0, 1)); permute_copy(x, (0, 0, 1))
    select_copy(x, 0, 1); select_copy(x, -1, -1); select_copy(x, 0, 3); select_copy(input=x, dim=1, index=0)
    slice_copy(x); slice_copy(x, 2); slice_copy(x, 0, 1); slice_copy(x, 2, 0, -1); slice_copy(x, 2, -3, None, 2)
    slice_copy(x, 0, 5, 9); slice_copy(x, 2, step=2)
    slice_copy(x, 0, 0, 1, 0); slice_copy(x, 0, 0, 1, -1); slice_copy(x, 4)
    split_copy(x, 2); split_copy(x, 3, -1); split_copy(x, split_size=1, dim=1); split_copy(x, 0); split_copy(x, [1, 2])
    split_with_sizes_copy(x, [1, 2]); split_with_sizes_copy(x, (1, 3), 2); split_with_sizes_copy(x, [1, 1])
    squeeze_copy(x); squeeze_copy(x[:1])
    squeeze_copy(x[:1], 0); squeeze_copy(x[:1], 1); squeeze_copy(x[:1, :1], (0, 1))
    transpose_copy(x, 0, 2); transpose_copy(x, dim0=-1, dim1=0); transpose_copy(x, 0, 3)
    unbind_copy(x); unbind_copy(x, 2); unbind_copy(x, dim=-2); unbind_copy(x, 3); unbind_copy(x[0, 0, 0])
    unfold_copy(x, 2, 2, 1); unfold_copy(x, -1, 3, 2); unfold_copy(x, 0, 4, 1); unfold_copy(x, 0, 1, 0)
    unsqueeze_copy(x, 0); unsqueeze_copy(x, -1); unsqueeze_copy(x, 5)
    view_as_real_copy(c); view_as_real_copy(x)
    view_as_complex_copy(pairs); view_as_complex_copy(x); view_as_complex_copy(x[..., :1])
    view_copy(x, (24,)); view_copy(x, (3, -1)); view_copy(x, (6, 4)); view_copy(x, (5, 5)); view_copy(x, size=(2, 12))
    view_copy(x.contiguous(), i); view_copy(x, dtype=h); view_copy(x, i); view_copy(x[0], d); view_copy(x)
"""
LISTED = [each.strip() for line in CALLS.splitlines() for each in line.split(";") if each.strip()]
NAMES = sorted({each.partition("(")[0] for each in LISTED})

# PyTorch counts a negative start from the end, but forgets that for the gradient; it asserts that a dim exists; and it
# writes as if ``out`` were contiguous.
NARROW = "narrow_copy"

# PyTorch cannot differentiate these copies of views that it can differentiate, or of views that have no history.
NO_GRADIENT = ("view_as_complex_copy", "detach_copy")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def arguments(lib: Any, requires_grad: bool = False) -> dict[str, Any]:
    numbers = lib.arange(24.0, dtype=lib.float32).view(2, 3, 4).transpose(0, 1).requires_grad_(requires_grad)
    return {
        "x": numbers, "c": lib.complex(numbers, 2 * numbers), "pairs": numbers.contiguous().view(3, 4, 2),
        "i": lib.int32, "h": lib.int16, "d": lib.float64, "t": lib,
    }  # fmt: skip


def evaluate(lib: Any, text: str, given: dict[str, Any], **more: Any) -> Any:
    name, _, rest = text.partition("(")
    ending = ", ".join([rest.rstrip()[:-1], *[f"{key}={key}" for key in more]])
    try:
        return eval(f"t.{name}({ending})", {**given, **more})
    except Exception as error:
        return error


def parts(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


def describe(found: Any) -> Any:
    if isinstance(found, Exception):
        return found
    return [(tuple(each.shape), each.stride(), str(each.dtype), each.detach().tolist()) for each in parts(found)]


def is_same(found: Any, expected: Any) -> bool:
    if isinstance(expected, Exception):
        return isinstance(found, type(expected))
    return bool(describe(found) == describe(expected))


@pytest.mark.parametrize("text", LISTED)
def test_copies_are_pytorchs(torch: ModuleType, text: str) -> None:
    given = arguments(mt)
    found, expected = evaluate(mt, text, given), evaluate(torch, text, arguments(torch))
    is_refused = text.startswith(NARROW) and isinstance(found, IndexError) and isinstance(expected, RuntimeError)
    assert is_refused or is_same(found, expected), (found, expected)
    if not isinstance(found, Exception):
        assert type(found).__name__ == type(expected).__name__
        for each in parts(found):
            each.zero_()
        assert given["x"].tolist() == arguments(mt)["x"].tolist(), "the copy shares memory"


@pytest.mark.parametrize("text", LISTED)
def test_gradients_are_pytorchs(torch: ModuleType, text: str) -> None:
    grads = []
    for lib in (torch, mt):
        given = arguments(lib, requires_grad=True)
        found = evaluate(lib, text, given)
        is_refused = isinstance(found, Exception) or not parts(found)[0].requires_grad
        if is_refused or text.startswith((*NO_GRADIENT, "narrow_copy(x, 0, -1")):
            grads.append(None)
            continue
        total = sum([((lib.view_as_real(each) if each.is_complex() else each) ** 2).sum() for each in parts(found)])
        grads.append(lib.autograd.grad(total, given["x"])[0].tolist())
    assert grads[0] == grads[1]


@pytest.mark.parametrize("text", LISTED)
def test_out_is_pytorchs(torch: ModuleType, text: str) -> None:
    makers: list[Any] = [
        lambda lib, each: lib.zeros(tuple(each.shape), dtype=each.dtype),
        lambda lib, each: lib.zeros(tuple(each.shape), dtype=lib.float64),
        lambda lib, each: lib.zeros(tuple(each.shape)[::-1], dtype=each.dtype).permute(tuple(range(each.ndim)[::-1])),
    ][: 2 if text.startswith(NARROW) else 3]
    for make in makers:
        outcomes = []
        for lib in (torch, mt):
            given = arguments(lib)
            plain = evaluate(lib, text, given)
            if isinstance(plain, Exception):
                return
            out = [make(lib, each) for each in parts(plain)]
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = evaluate(lib, text, given, out=out if isinstance(plain, tuple) else out[0])
            outcomes.append((found, out))
        (expected, theirs), (found, ours) = outcomes
        assert isinstance(found, Exception) == isinstance(expected, Exception), (found, expected)
        if isinstance(found, Exception):
            assert isinstance(found, type(expected))
        else:
            assert describe(tuple(ours)) == describe(tuple(theirs))
            assert (found is None) == (expected is None)


def test_all_of_pytorchs_names_are_here(torch: ModuleType) -> None:
    theirs = {name for name in dir(torch) if name.endswith("_copy") and not name.startswith("_")}
    sparse = {"ccol_indices_copy", "col_indices_copy", "crow_indices_copy", "indices_copy", "row_indices_copy"}
    assert theirs - sparse - {"values_copy", "index_copy"} == set(NAMES)
    assert all(inspect.isfunction(getattr(mt, name)) for name in NAMES)
    assert mt.ones(3).narrow_copy(0, 1, 2).tolist() == [1, 1]


def test_a_wrong_number_of_outputs_is_refused(torch: ModuleType) -> None:
    for lib in (torch, mt):
        with pytest.raises(RuntimeError, match="expected an out= argument of size 3, got size 1"):
            lib.unbind_copy(lib.ones(3, 2), out=[lib.empty(2)])


def test_lazy_conjugates_are_resolved() -> None:
    numbers = mt.tensor([[1 + 2j, 3 - 1j]])
    assert mt.t_copy(numbers.conj()).tolist() == [[1 - 2j], [3 + 1j]]
    np.testing.assert_array_equal(mt.permute_copy(numbers.conj(), (1, 0)).numpy(), numbers.numpy().conj().T)
