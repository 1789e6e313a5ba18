"""Functions of masked elements, and masked tensors, give PyTorch's values and gradients."""

from __future__ import annotations

import importlib
import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

REDUCTIONS = ("sum", "prod", "amax", "amin", "argmax", "argmin", "mean", "median", "norm", "logsumexp", "var", "std")
RUNNING = ("cumsum", "cumprod", "softmax", "log_softmax", "softmin")
DTYPES = ("float32", "float64", "int64", "int16", "uint8", "bool", "complex64", "bfloat16")
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"keepdim": True}, {"dtype": "float64"}, {"dtype": "int32"}, {"dtype": "float32", "keepdim": True},
)  # fmt: skip
DIMS = (None, 0, -1, (0, 1), (), 5, (0, 0))
LACKING = ("not implemented for", "Autograd not support")
MASKS = ("none", "some", "row", "nothing", "too many dims")


def data(library: Any, dtype: str) -> Any:
    array = np.random.default_rng(0).normal(size=(3, 4)) * 3
    return library.tensor(np.abs(array) if dtype == "uint8" else array).to(getattr(library, dtype))


def mask(library: Any, kind: str) -> Any:
    some = np.random.default_rng(1).random((3, 4)) > 0.4
    some[1] = False
    arrays = {"some": some, "row": some[0], "nothing": np.zeros((3, 4), bool), "too many dims": some[None]}
    return None if kind == "none" else library.tensor(arrays[kind])


def outcome(library: Any, name: str, dtype: str, kind: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Return a result with the gradient of its input, or the error."""
    x = data(library, dtype)
    if dtype.startswith(("float", "complex")):
        x.requires_grad_()
    given = {key: getattr(library, value) if key == "dtype" else value for key, value in options.items()}
    function = getattr(importlib.import_module(f"{library.__name__}.masked"), name)
    try:
        result = function(x, *args, mask=mask(library, kind), **given)
        slope = None
        if result.requires_grad and name != "median":
            (result * result.conj()).real.sum().backward()
            slope = x.grad
    except Exception as error:
        return error
    return result.detach(), slope


def numbers(tensor: Any) -> Any:
    return tensor.double().numpy() if str(tensor.dtype) == "torch.bfloat16" else tensor.numpy()


def assert_equal(ours: Any, theirs: Any, case: Any) -> None:
    if isinstance(theirs, Exception):
        kinds = (type(theirs), NotImplementedError) if type(theirs) is RuntimeError else type(theirs)
        assert isinstance(ours, kinds), (case, ours, theirs)
        return
    assert not isinstance(ours, Exception), (case, ours)
    assert str(ours[0].dtype) == str(theirs[0].dtype), case
    tolerance = 2e-2 if case[0] == "bfloat16" else 1e-4
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None), case
        if one is not None:
            np.testing.assert_allclose(numbers(one), numbers(other), tolerance, 1e-5, err_msg=str(case))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_equal_pytorchs(name: str, dtype: str) -> None:
    for dim, kind, options in itertools.product(DIMS, MASKS, OPTIONS):
        if dim in (5, (0, 0)) and (kind == MASKS[-1] or dtype in ("bool", "complex64")):
            continue  # two mistakes
        if name in ("var", "std") and options.get("dtype") == "int32":
            continue  # PyTorch computes from a mean that was rounded to an integer
        args = () if dim is None else (3.0, dim) if name == "norm" else (dim,)
        case = (dtype, args, kind, options)
        theirs = outcome(torch, name, dtype, kind, args, options)
        if isinstance(theirs, Exception) and any(each in str(theirs) for each in LACKING):
            continue  # PyTorch lacks a kernel, or a formula for integers
        assert_equal(outcome(mt, name, dtype, kind, args, options), theirs, case)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*RUNNING, "normalize"])
def test_running_functions_equal_pytorchs(name: str, dtype: str) -> None:
    for dim, kind, options in itertools.product((0, -1, 7), MASKS, ({}, {"dtype": "float64"})):
        if dim == 7 and (kind == MASKS[-1] or dtype in ("bool", "complex64")):
            continue  # two mistakes
        args = (2.0, dim) if name == "normalize" else (dim,)
        theirs = outcome(torch, name, dtype, kind, args, options)
        if isinstance(theirs, Exception) and any(each in str(theirs) for each in LACKING):
            continue  # PyTorch lacks a kernel, or a formula for integers
        assert_equal(outcome(mt, name, dtype, kind, args, options), theirs, (dtype, args, kind, options))


def test_logaddexp_and_corrections() -> None:
    for kind, other in itertools.product(MASKS[:4], MASKS[:4]):
        found = [
            importlib.import_module(f"{lib.__name__}.masked").logaddexp(
                data(lib, "float64"), data(lib, "float64") * 2, input_mask=mask(lib, kind), other_mask=mask(lib, other)
            ).numpy()
            for lib in (mt, torch)
        ]  # fmt: skip
        np.testing.assert_allclose(*found)
    for options in ({"unbiased": False}, {"unbiased": True}, {"correction": 2}, {"correction": 0}):
        for name in ("var", "std"):
            pair = [outcome(lib, name, "float64", "some", (1,), options) for lib in (mt, torch)]
            assert_equal(*pair, ("float64", options))
    with pytest.raises(AssertionError, match="Only one of unbiased"):
        mt.masked.var(mt.ones(2), unbiased=True, correction=1)


def masked(library: Any, **options: Any) -> Any:
    given = library.arange(6.0).reshape(2, 3), library.tensor([[True, False, True], [False, False, True]])
    return importlib.import_module(f"{library.__name__}.masked").masked_tensor(*given, **options)


CALLS = (
    "x.sum()", "x.mean(1)", "x.amax(0)", "x.amin()", "x.prod(1)", "x.var(1)", "x.std(1)", "x.all()",
    "x * x", "x + 1", "x - 2.0", "x / 2", "x ** 2", "-x", "x.exp()", "x.log()", "x == x", "x < 2", "lib.maximum(x, x)",
    "x.t()", "x[0]", "x[:, 1]", "x.reshape(3, 2)", "x.view(6)", "x.unsqueeze(0)", "lib.cat([x, x])",
    "lib.stack([x, x])", "x.split(1)[1]", "x.expand(2, 2, 3)", "lib.softmax(x, 1)", "x.to(lib.float64)", "x.clone()",
    "x.detach()", "lib.ones_like(x)", "x.shape", "x.dtype", "x.dim()", "x.sum().item()", "float(x.sum())", "len(x)",
    "lib.where(x.get_mask(), x, x)", "x.to_tensor(7)", "x.get_data()", "x.get_mask()", "x.sigmoid() * 2", "x.is_leaf",
    "x.clone().abs_()", "x.clone().add_(1)", "x.mean()", "x.argmax(1)",
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS)
def test_masked_tensors_print_as_pytorchs(call: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = [repr(eval(call, {"lib": lib, "x": masked(lib)})) for lib in (mt, torch)]
    assert ours == theirs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", ["x.sum()", "x.mean()", "(x * x).sum()", "x.exp().mean(1).sum()", "(x + 1).prod()"])
def test_gradients_are_masked_as_pytorchs(call: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = []
        for lib in (mt, torch):
            x = masked(lib, requires_grad=True)
            eval(call, {"x": x}).backward()
            found.append(repr(x.grad))
    assert found[0] == found[1]


WRONG: tuple[tuple[str, type[Exception]], ...] = (
    ("x + M(x.get_data(), ~x.get_mask())", ValueError), ("x @ x.t()", TypeError), ("x.cumsum(0)", TypeError),
    ("M(x.get_data(), x.get_mask().float())", TypeError), ("M([1], x.get_mask())", TypeError),
    ("M(x.get_data(), x.get_mask()[0])", ValueError), ("M(x.get_data() + 0j, x.get_mask())", TypeError),
    ("M(x, x.get_mask())", TypeError), ("x.item()", RuntimeError), ("x.tolist()", RuntimeError),
    ("x.logsumexp(1)", TypeError), ("M(x.get_data(), 1)", TypeError),
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("call", "kind"), WRONG)
def test_what_has_no_meaning_raises_as_in_pytorch(call: str, kind: type[Exception]) -> None:
    for lib in (mt, torch):
        with warnings.catch_warnings(), pytest.raises(kind):
            warnings.simplefilter("ignore")
            eval(call, {"x": masked(lib), "M": importlib.import_module(f"{lib.__name__}.masked").MaskedTensor})


def test_a_masked_tensor_warns_that_it_is_a_prototype() -> None:
    with pytest.warns(UserWarning, match="prototype"):
        x = masked(mt)
    assert mt.masked.is_masked_tensor(x) and not mt.masked.is_masked_tensor(mt.ones(2))
    with pytest.raises(TypeError, match="cannot be written"):
        x[0] = 1
