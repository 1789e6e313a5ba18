"""Every op on uint16, uint32 and uint64: PyTorch's values, dtypes and errors.

PyTorch has few kernels for them. Here, too, arithmetic is refused that PyTorch refuses; ops that only move, select or
compare elements are accepted, as for other dtypes, and give the numbers that they give for int64.
"""

from __future__ import annotations

import itertools
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import find, outcome, tensors_in, theirs
from ops.row import Call, Row
from ops.table import ROWS

HERE = tuple([row for row in ROWS if find(mt, row.name) is not None])

MOVES = "elements are only moved"
COMPARES = "elements are only compared"
DECIDES = "the kernel is chosen by the dtype of the result, or by the numbers"
WIDER = {
    **dict.fromkeys(
        """combinations flip fliplr flipud gather index_copy index_fill index_put index_select masked_fill
        masked_scatter masked_select put repeat_interleave rot90 scatter take take_along_dim tril triu
        nn.functional.channel_shuffle nn.functional.pad nn.functional.pixel_shuffle nn.functional.pixel_unshuffle
        """.split(),
        MOVES,
    ),
    **dict.fromkeys(
        """amax amin aminmax argmax argmin bucketize clamp clamp_max clamp_min count_nonzero cummax cummin fmax fmin ge
        gt histogram histogramdd index_reduce isin kthvalue le lt max maximum median min minimum mode nanmedian relu
        scatter_reduce searchsorted topk nn.functional.hardtanh nn.functional.max_pool1d nn.functional.max_pool2d
        nn.functional.max_pool3d nn.functional.relu nn.functional.relu6 nn.functional.threshold""".split(),
        COMPARES,
    ),
    **dict.fromkeys(
        """Tensor.random_ gradient istft linalg.matrix_power trace vander nn.functional.poisson_nll_loss
        """.split(),
        DECIDES,
    ),
}

# Accepted by PyTorch and refused here.
EMPTY = "PyTorch looks at the dtype only if there are numbers to multiply"
STRICTER = {
    **dict.fromkeys(
        """einsum linalg.lu linalg.lu_factor linalg.lu_factor_ex matmul mm
        nn.functional.conv2d nn.functional.conv3d nn.functional.linear nn.functional.log_softmax
        nn.functional.softmax""".split(),
        EMPTY,
    ),
    "pow": "the exponents 0 and 1, which need no multiplication",
}

# Other results or errors.
OTHERWISE = {
    "trapezoid": "sums of nothing are int64",
    "nn.functional.gaussian_nll_loss": "another argument is refused first",
    "nn.functional.multi_head_attention_forward": "another argument is refused first",
}


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def results_of(library: Any, op: Any, call: Call, dtype: str) -> Any:
    """Return the results of a call on whole numbers of a dtype; without floats, integers get it too."""
    has_floats = any(array.dtype == np.float64 for array in calls.arrays_in(call))

    def tensor(array: Any) -> Any:
        if array.dtype == np.float64 or (array.dtype.kind == "i" and not has_floats):
            finite = np.nan_to_num(array, nan=1, posinf=9, neginf=0)
            return library.from_numpy(np.array(np.abs(np.round(finite * 3)), "int64")).to(getattr(library, dtype))
        return library.from_numpy(array.copy())

    args, kwargs = calls.convert_arguments(call, tensor, lambda each: getattr(library, each.name))
    found = op(*args, **kwargs)
    tensors = tensors_in(found)
    return [(str(each.dtype), tuple(each.shape), each.tolist()) for each in tensors] if tensors else repr(found)


def differ(found: Any, expected: Any) -> str:
    """Describe how results differ; return an empty string if they do not."""
    if isinstance(found, str) or isinstance(expected, str) or len(found) != len(expected):
        return "" if found == expected else f"{found}, PyTorch {expected}"
    for (kind, shape, numbers), (wanted, wanted_shape, wanted_numbers) in zip(found, expected, strict=True):
        if (kind, shape) != (wanted, wanted_shape):
            return f"{kind} {shape}, PyTorch {wanted} {wanted_shape}"
        tolerance = 2e-3 if "16" in kind and "uint" not in kind else 1e-5
        one, other = [np.array(each, object).astype(complex) for each in (numbers, wanted_numbers)]
        if not np.allclose(one, other, tolerance, tolerance, equal_nan=True):
            return f"{numbers}, PyTorch {wanted_numbers}"
    return ""


def is_as_int64(row: Row, call: Call, found: Any, dtype: str) -> bool:
    """Whether results are those of int64; sums and the like are in the wide dtype."""
    wanted = outcome(results_of, mt, calls.ours(row), call, "int64")
    narrow = [(kind.replace("int64", dtype), *rest) for kind, *rest in wanted]
    found = [(kind.replace("torch.int64", f"torch.{dtype}"), *rest) for kind, *rest in found]
    seen = 1 if row.name == "median" else None  # the position of one of equal elements is open
    return not differ([tuple(each) for each in found][:seen], narrow[:seen])


def judge(torch: ModuleType, row: Row, call: Call, dtype: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(results_of, torch, theirs(torch, row), call, dtype)
        found = outcome(results_of, mt, calls.ours(row), call, dtype)
        if isinstance(expected, Exception) and not isinstance(found, Exception):
            if row.name not in WIDER:
                return f"accepted, PyTorch {expected!r:.200}"
            is_same = row.random or is_as_int64(row, call, found, dtype)
            return "" if is_same else f"{found}, not as int64"
    if row.name in OTHERWISE:
        return ""
    if isinstance(found, Exception) and isinstance(expected, Exception):
        return "" if isinstance(found, type(expected)) else f"{found!r}, PyTorch {expected!r:.200}"
    if isinstance(found, Exception):
        return "" if row.name in STRICTER else f"refused, {found!r}"
    return "" if row.random or "empty" in row.name else differ(found, expected)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
@pytest.mark.parametrize("row", HERE, ids=repr)
def test_every_op_does_what_pytorchs_does(torch: ModuleType, row: Row, dtype: str) -> None:
    if find(torch, row.name) is None and not row.torch:
        pytest.skip("PyTorch has no such op")
    for call in row.calls:
        if calls.arrays_in(call):
            assert not judge(torch, row, call, dtype), (call, judge(torch, row, call, dtype))


def test_the_exceptions_are_still_needed(torch: ModuleType) -> None:
    seen: dict[str, set[str]] = {"wider": set(), "stricter": set()}
    for row, dtype in itertools.product(HERE, ("uint16",)):
        if row.name not in WIDER and row.name not in STRICTER:
            continue
        for call in row.calls:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = outcome(results_of, torch, theirs(torch, row), call, dtype)
                found = outcome(results_of, mt, calls.ours(row), call, dtype)
            if isinstance(expected, Exception) != isinstance(found, Exception):
                seen["stricter" if isinstance(found, Exception) else "wider"].add(row.name)
    assert seen["wider"] == set(WIDER), set(WIDER) ^ seen["wider"]
    assert seen["stricter"] == set(STRICTER), set(STRICTER) ^ seen["stricter"]
