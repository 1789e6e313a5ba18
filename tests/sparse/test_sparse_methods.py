"""Every method that PyTorch has for sparse tensors, called with many arguments: the results are PyTorch's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytestmark = pytest.mark.filterwarnings("ignore")

DENSE = [[0, 1.0, 0, 2], [3, 0, 0, 0], [0, 4, 5, 0], [0, 0, 0, 6]]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "coalesced": lambda lib: lib.tensor(DENSE).to_sparse(),
    "uncoalesced": lambda lib: lib.sparse_coo_tensor(
        lib.tensor([[0, 0, 2, 2], [1, 1, 0, 3]]), lib.tensor([1.0, 2, 3, 4]), (4, 4)
    ),
    "compressed rows": lambda lib: lib.tensor(DENSE).to_sparse_csr(),
    "complex": lambda lib: (lib.tensor(DENSE) * (1 + 2j)).to_sparse(),
    "integers": lambda lib: lib.tensor(DENSE).long().to_sparse(),
    "hybrid": lambda lib: lib.tensor(DENSE).to_sparse(1),
}
ARGUMENTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "none": lambda lib: (),
    "2": lambda lib: (2,),
    "0": lambda lib: (0,),
    "sparse": lambda lib: (lib.tensor(DENSE).to_sparse(),),
    "dense": lambda lib: (lib.arange(16.0).reshape(4, 4),),
    "dense and sparse": lambda lib: (lib.arange(16.0).reshape(4, 4), lib.tensor(DENSE).to_sparse()),
    "dim and index": lambda lib: (0, lib.tensor([0, 2])),
    "0 and 1": lambda lib: (0, 1),
    "1, 1 and 2": lambda lib: (1, 1, 2),
    "vector": lambda lib: (lib.arange(4.0),),
    "dtype": lambda lib: (lib.float64,),
    "pairs": lambda lib: ((0, 1), (1, 0)),
}
# What differs, and why.
ELSEWHERE = {
    **dict.fromkeys(("to_sparse_bsc", "to_sparse_bsr", "to_sparse_csc"), "there are only coordinates and rows"),
    **dict.fromkeys(("smm", "sspaddmm"), "torch.smm(x, y)"),
    **dict.fromkeys(("stride", "storage_offset"), "a sparse tensor has no strides; PyTorch gives zeros"),
    **dict.fromkeys(("new", "chalf", "index", "module_load", "resize_as_", "diff", "ldexp_"), "not here"),
    **dict.fromkeys(("swapdims", "transpose", "t", "swapaxes", "adjoint"), "PyTorch gives compressed columns for rows"),
    "sparse_resize_": "has a test of its own", "sparse_resize_and_clear_": "has a test of its own",
    "new_empty": "of hybrid tensors PyTorch counts dims otherwise",
    "new_zeros": "of hybrid tensors PyTorch counts dims otherwise",
    "new_ones": "PyTorch makes ones only without elements", "resize_as_sparse_": "has a test of its own",
    "to_mkldnn": "another kind of tensor", "is_pinned": "asks for a GPU", "pin_memory": "asks for a GPU",
    "type": "names the library", "data_ptr": "is an address", "share_memory_": "moves memory",
    "lobpcg": "has random results", "__hash__": "is an address", "requires_grad_": "fails for integers",
    "cuda": "asks for a GPU", "xpu": "asks for a device", "ipu": "asks for a device", "mtia": "asks for a device",
    "normal_": "is random",
}  # fmt: skip
DIVISIONS = ("div", "div_", "divide", "divide_", "true_divide", "true_divide_", "__truediv__")
OPERATORS = (
    "__add__", "__sub__", "__mul__", "__matmul__", "__neg__", "__getitem__", "__len__", "__pow__",
    "__abs__", "__imul__", "__iadd__", "__radd__", "__rmul__", "_nnz", "_indices", "_values", "__deepcopy__",
)  # fmt: skip
NAMES = [
    name for name in [*sorted(dir(torch.Tensor)), *OPERATORS]
    if (not name.startswith("_") or name in OPERATORS) and callable(getattr(torch.Tensor, name, None))
    and name not in ELSEWHERE
]  # fmt: skip


def describe(lib: Any, value: Any) -> Any:
    """Return the layout, shape, dtype and numbers of each tensor in a result; other values as text."""
    if isinstance(value, (tuple, list)):
        return [describe(lib, each) for each in value]
    if not isinstance(value, lib.Tensor):
        return str(value).replace("minitensor", "torch")
    kind = str(value.layout).replace("minitensor", "torch") if "sparse" in str(value.layout) else "dense"
    numbers = value.to_dense() if "sparse" in kind else value
    return kind, tuple(value.shape), str(value.dtype), np.asarray(numbers.tolist())


def call(lib: Any, name: str, layout: str, arguments: str) -> Any:
    input = LAYOUTS[layout](lib)
    if name == "__deepcopy__":
        return copy.deepcopy(input)
    result = getattr(input, name)(*ARGUMENTS[arguments](lib))
    return [result, input] if name.endswith("_") and not name.startswith("_") else result


def assert_same(found: Any, expected: Any, case: str) -> None:
    assert type(found) is type(expected), f"{case}: {found} instead of {expected}"
    if isinstance(found, (list, tuple)):
        assert len(found) == len(expected), case
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, case)
    elif isinstance(found, np.ndarray):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=case)
    else:
        assert found == expected, case


@pytest.mark.parametrize("name", NAMES)
def test_a_method_of_sparse_tensors_gives_pytorchs_result(name: str) -> None:
    for layout in LAYOUTS:
        for arguments in ARGUMENTS:
            try:
                expected = call(torch, name, layout, arguments)
                if expected is NotImplemented:
                    continue
                described = describe(torch, expected)
            except Exception:
                continue  # PyTorch refuses it
            case = f"{layout}.{name}({arguments})"
            if name in DIVISIONS and (layout, arguments) == ("complex", "0"):
                continue  # PyTorch divides dense complex numbers by 0 to infinity, and sparse ones to NaN
            assert_same(describe(mt, call(mt, name, layout, arguments)), described, case)
