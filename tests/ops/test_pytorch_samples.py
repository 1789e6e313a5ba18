"""PyTorch's own operator database: its sample inputs and its error inputs, given to both libraries.

The op table covers the cases that we thought of; these samples were collected by others. Each op is tested for values,
dtypes, shapes and gradients on some of its samples, and must raise an error of the same class for each call that
PyTorch refuses. Ops that this library does not have are skipped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import pytest

import minitensor as mt
from ops.call import assert_same, find, quiet, tensors_in
from ops.translation import Beyond, translate

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # PyTorch's database needs it
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

SAMPLES = 8  # per op and dtype, spread over all samples
DTYPES = ("float32", "int64", "bool", "complex64")

# Skipped ops, and why.
DRAWN = "its values are random; test_random.py tests them"
FREE = "its factors are unique only up to signs, phases or order; the tests of linalg multiply them out"
TIES = "the index among equal elements is arbitrary; the op table's rows compare it without ties"
MEMORY = "its values are uninitialized memory"
WRONG = "PyTorch's gradient fails its own gradcheck; the op table's row compares the values"
EXCUSED = {
    **dict.fromkeys("svd linalg.svd pca_lowrank svd_lowrank linalg.eig linalg.eigh linalg.qr qr geqrf".split(), FREE),
    **dict.fromkeys("sort argsort msort topk kthvalue mode median nanmedian".split(), TIES),
    "as_strided_scatter": WRONG,
    "narrow_copy": "PyTorch asserts that the dim exists; test_view_copies.py tests it",
    "bfloat16": "NumPy cannot read it; tests/test_bfloat16.py",
    "chalf": "NumPy has no complex numbers of this size; the dtype's name is there, but no tensor has it",
    "to_sparse": "it cannot be compared element by element; tests/sparse",
    **dict.fromkeys("empty empty_like new_empty empty_strided new_empty_strided empty_permuted".split(), MEMORY),
    **dict.fromkeys(
        """bernoulli multinomial normal rand_like randint randint_like randn randn_like uniform exponential cauchy
        geometric log_normal nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d
        nn.functional.alpha_dropout nn.functional.feature_alpha_dropout nn.functional.rrelu
        nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d
        nn.functional.multi_head_attention_forward nn.functional.scaled_dot_product_attention""".split(), DRAWN
    ),
}  # fmt: skip


def full_name(op: Any) -> str:
    return op.name + (f"|{op.variant_test_name}" if op.variant_test_name else "")


def ours(op: Any) -> Callable[..., Any] | None:
    """Return this library's function for an entry; a function from the database is rebuilt to call this library."""
    theirs = op.op
    found = find(mt, op.name)
    if isinstance(theirs, FunctionType) and theirs.__module__.startswith("torch.testing") and found is not None:
        world = {**theirs.__globals__, "torch": mt}
        return FunctionType(theirs.__code__, world, theirs.__name__, theirs.__defaults__, theirs.__closure__)
    return found if callable(found) else None


HERE: list[Any] = [op for op in op_db if op.name not in EXCUSED and ours(op) is not None]


SHARING = "the input tensor and the written-to tensor", "cannot refer to any of the output memory locations"


def each(ops: list[Any]) -> Any:
    return pytest.mark.parametrize("op", ops, ids=full_name)


def test_most_of_the_database_is_tested() -> None:
    assert len({op.name for op in HERE}) > 400


def calls(op: Any, dtype: str, requires_grad: bool) -> Iterator[tuple[Any, Any]]:
    """Yield some of an op's samples as arguments for PyTorch and for this library."""
    samples = quiet(lambda: list(op.sample_inputs("cpu", getattr(torch, dtype), requires_grad=requires_grad)))
    for sample in samples[:: max(1, len(samples) // SAMPLES)]:
        args, kwargs = (sample.input, *sample.args), sample.kwargs
        try:
            yield (args, kwargs), (translate(args), translate(kwargs))
        except Beyond:
            continue


# -- the laws ----------------------------------------------------------------------------------------------------------


@each(HERE)
def test_results_are_pytorchs(op: Any) -> None:
    call = ours(op)
    assert call is not None
    for dtype in DTYPES:
        if getattr(torch, dtype) not in op.supported_dtypes("cpu"):
            continue
        for theirs, mine in calls(op, dtype, requires_grad=False):
            expected = quiet(op.op, *theirs[0], **theirs[1])
            if not isinstance(expected, Exception):
                found = call(*mine[0], **mine[1])
                assert_same(found, expected, 1e-4, f"{dtype} {mine}", atol=1e-4 * largest(expected))


def largest(results: Any) -> float:
    """Return the largest absolute value among results, at least 1: small numbers beside large ones have few digits."""
    sizes = [each.abs() for each in tensors_in(results) if each.dtype.is_floating_point or each.dtype.is_complex]
    return max([1.0, *[float(each[each.isfinite()].max()) for each in sizes if each.isfinite().any()]])


@each([op for op in HERE if op.supports_autograd and torch.float64 in op.supported_dtypes("cpu")])
def test_gradients_are_pytorchs(op: Any) -> None:
    call = ours(op)
    assert call is not None
    for theirs, mine in calls(op, "float64", requires_grad=True):
        expected = gradients(torch, op.op, *theirs)
        if not isinstance(expected, Exception):
            assert_same(gradients(mt, call, *mine), expected, 1e-6, f"{mine}", atol=1e-7)


def gradients(library: Any, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the gradients of a weighted sum of all results, with zeros for None."""
    if library is torch:
        results = quiet(call, *args, **kwargs)
        if isinstance(results, Exception):
            return results
    else:
        results = call(*args, **kwargs)
    leaves = [each for each in tensors_in([*args, *kwargs.values()]) if each.requires_grad]
    kept = [each for each in tensors_in(results) if each.requires_grad]
    if not kept or not leaves:
        return []
    count = [library.arange(each.numel(), dtype=library.float64) for each in kept]
    weights = [each.sin().reshape(result.shape).to(result.dtype) for each, result in zip(count, kept)]
    found = library.autograd.grad(kept, leaves, weights, allow_unused=True)
    return [library.zeros_like(leaf) if each is None else each for leaf, each in zip(leaves, found)]


# Reversed operators called by name with a number: Python requires NotImplemented there, and gets it here.
REVERSED = ("__rand__", "__ror__", "__rxor__")


@each([op for op in HERE if op.error_inputs_func is not None and op.name not in REVERSED])
def test_errors_are_pytorchs(op: Any) -> None:
    call = ours(op)
    assert call is not None
    for error in op.error_inputs("cpu"):
        sample = error.sample_input
        expected = quiet(op.op, sample.input, *sample.args, **sample.kwargs)
        try:
            args, kwargs = translate((sample.input, *sample.args)), translate(sample.kwargs)
        except Beyond:
            continue
        if any(words in str(expected) for words in SHARING):
            continue  # memory shared by two arguments is not reproduced; test_index.py tests it
        if isinstance(expected, Exception):
            kind = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
            found = quiet(call, *args, **kwargs)
            assert isinstance(found, kind), f"{args} {kwargs}: {expected!r} in PyTorch, here {found!r}"
