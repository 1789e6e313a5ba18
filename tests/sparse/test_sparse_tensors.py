"""Sparse tensors against PyTorch's: values, gradients, merging, dtypes, printing, and errors."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import MissingExtraError

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytestmark = pytest.mark.filterwarnings("ignore")

# Positions that occur once, twice, in no order, and not at all; and sizes with empty rows and columns.
MATRICES: dict[str, tuple[list[list[int]], list[float], tuple[int, ...]]] = {
    "merged": ([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3)),
    "with equal positions": ([[0, 1, 1, 0], [2, 0, 2, 2]], [3.0, 4.0, 5.0, 6.0], (2, 3)),
    "in no order": ([[3, 0, 2, 0], [1, 4, 0, 0]], [1.0, -2.0, 0.5, 0.0], (5, 6)),
    "empty": ([[], []], [], (3, 2)),
    "without rows": ([[], []], [], (0, 2)),
    "one": ([[0], [0]], [7.0], (1, 1)),
}


def coo(library: Any, name: str, dtype: str = "float32", **options: Any) -> Any:
    indices, values, size = MATRICES[name]
    places = library.tensor(indices, dtype=library.int64).reshape(2, len(values))
    return library.sparse_coo_tensor(places, library.tensor(values, dtype=getattr(library, dtype)), size, **options)


def plain(value: Any) -> Any:
    """Return a result of either library as NumPy's, with the layout of a sparse one."""
    if isinstance(value, (mt.Tensor, torch.Tensor)):
        kind = str(value.layout)
        if kind in ("torch.sparse_coo", "torch.sparse_csr"):
            dense = value.detach().to_dense()
            return kind, dense.numpy(), str(dense.dtype)
        return value.detach().numpy(), str(value.dtype)
    return tuple(map(plain, value)) if isinstance(value, (tuple, list)) else value


def same(ours: Any, theirs: Any) -> None:
    compare(plain(ours), plain(theirs))


def compare(one: Any, other: Any) -> None:
    if isinstance(one, tuple):
        assert len(one) == len(other)
        for pair in zip(one, other):
            compare(*pair)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    else:
        assert one == other


def dense(library: Any, *shape: int, dtype: str = "float32") -> Any:
    numbers = np.arange(1, np.prod(shape) + 1).reshape(shape) % 7 - 2.0
    return library.tensor(numbers.tolist()).reshape(shape).to(getattr(library, dtype))


# Each takes a library, a sparse matrix, and a dense factor with a row for each of its columns.
USES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sparse.mm": lambda lib, s, d: lib.sparse.mm(s, d),
    "mm": lambda lib, s, d: lib.mm(s, d),
    "method mm": lambda lib, s, d: s.mm(d),
    "spmm": lambda lib, s, d: lib.spmm(s, d),
    "matmul": lambda lib, s, d: lib.matmul(s, d),
    "@": lambda lib, s, d: s @ d,
    "@ vector": lambda lib, s, d: s @ d[:, 0],
    "mv": lambda lib, s, d: lib.mv(s, d[:, 0]),
    "dense @": lambda lib, s, d: lib.ones(2, s.shape[0]) @ s,
    "transposed @": lambda lib, s, d: s.t() @ lib.ones(s.shape[0], 2),
    "sparse.addmm": lambda lib, s, d: lib.sparse.addmm(lib.ones(s.shape[0], 4), s, d, beta=0.5, alpha=3),
    "addmm": lambda lib, s, d: lib.addmm(lib.ones(s.shape[0], 4), s, d, beta=2, alpha=-1),
    "to_dense": lambda lib, s, d: s.to_dense(),
    "coalesce": lambda lib, s, d: [s.coalesce().indices(), s.coalesce().values(), s.coalesce().is_coalesced()],
    "_parts": lambda lib, s, d: [s._indices(), s._values(), s._nnz()],
    "facts": lambda lib, s, d: [
        s.is_sparse, s.is_sparse_csr, tuple(s.shape), s.size(1), s.ndim, s.dim(), s.numel(), len(s), s.sparse_dim(),
        s.dense_dim(), s.is_floating_point(), s.is_complex(), s.requires_grad, s.is_leaf, s.is_coalesced(),
        str(s.dtype), str(s.device), str(s.layout), lib.is_tensor(s), isinstance(s, lib.Tensor), s.is_cuda,
        isinstance(s, lib.sparse.FloatTensor), isinstance(s, lib.sparse.LongTensor),
    ],
    "csr": lambda lib, s, d: [
        s.to_sparse_csr().crow_indices(), s.to_sparse_csr().col_indices(), s.to_sparse_csr().values(),
        s.to_sparse_csr().is_sparse, s.to_sparse_csr().is_sparse_csr, s.to_sparse_csr()._nnz(),
    ],
    "csr @": lambda lib, s, d: s.to_sparse_csr() @ d,
    "sparse.mm csr": lambda lib, s, d: lib.sparse.mm(s.to_sparse_csr(), d),
    "csr to coo": lambda lib, s, d: s.to_sparse_csr().to_sparse(),
    "csr to_dense": lambda lib, s, d: s.to_sparse_csr().to_dense(),
    "csr * 2": lambda lib, s, d: s.to_sparse_csr() * 2,
    "csr + csr": lambda lib, s, d: s.to_sparse_csr() + s.to_sparse_csr(),
    "csr sum": lambda lib, s, d: s.to_sparse_csr().sum(),
    "t": lambda lib, s, d: s.t(),
    "transpose": lambda lib, s, d: s.transpose(0, -1),
    "T": lambda lib, s, d: s.T,
    "mT": lambda lib, s, d: s.mT,
    "* 2.5": lambda lib, s, d: s * 2.5,
    "2 *": lambda lib, s, d: 2 * s,
    "* tensor": lambda lib, s, d: s * lib.tensor(3.0),
    "* dense": lambda lib, s, d: s * dense(lib, *s.shape),
    "/ 2": lambda lib, s, d: s / 2,
    "neg": lambda lib, s, d: -s,
    "+": lambda lib, s, d: s + s.t().t(),
    "-": lambda lib, s, d: s - s * 3,
    "add alpha": lambda lib, s, d: lib.add(s, s, alpha=3),
    "dense +": lambda lib, s, d: lib.ones(s.shape) + s,
    "double": lambda lib, s, d: [s.double(), s.to(lib.float64), s.long(), s.int(), s.half(), s.bool(), s.cpu()],
    "to other": lambda lib, s, d: s.to(lib.zeros(1, dtype=lib.float64)),
    "clone": lambda lib, s, d: [s.clone(), s.detach()],
    "sparse.sum": lambda lib, s, d: lib.sparse.sum(s),
    "sum": lambda lib, s, d: [s.sum(), lib.sum(s)],  # PyTorch counts equal positions of bools twice
    "sum 0": lambda lib, s, d: lib.sparse.sum(s, 0),
    "sum -1": lambda lib, s, d: lib.sparse.sum(s, dim=-1, dtype=lib.float64),
    "sum both": lambda lib, s, d: lib.sparse.sum(s, (0, 1)),
    "softmax 0": lambda lib, s, d: lib.sparse.softmax(s, 0),
    "softmax 1": lambda lib, s, d: lib.sparse.softmax(s, 1),
    "log_softmax": lambda lib, s, d: lib.sparse.log_softmax(s, -1, dtype=lib.float64),
    "FloatTensor": lambda lib, s, d: lib.sparse.FloatTensor(s._indices(), s._values(), s.shape),
    "FloatTensor sizes": lambda lib, s, d: lib.sparse.FloatTensor(*s.shape),
    "empty": lambda lib, s, d: [lib.sparse_coo_tensor(s.shape), lib.sparse_coo_tensor(size=s.shape, dtype=lib.int32)],
    "pickle": lambda lib, s, d: pickle.loads(pickle.dumps(s)),
    "deepcopy": lambda lib, s, d: copy.deepcopy(s),
    "text": lambda lib, s, d: [repr(s), repr(s.coalesce()), repr(s.to_sparse_csr()), repr(s.double()), f"{s}"],
    "@ sparse": lambda lib, s, d: s @ s.t(),
    "sparse.mm sparse": lambda lib, s, d: lib.sparse.mm(s.t(), s),
    "csr @ sparse": lambda lib, s, d: s.to_sparse_csr() @ s.t().to_sparse_csr(),
    "* sparse": lambda lib, s, d: s * (s + s),
    "* row": lambda lib, s, d: s * lib.arange(1.0, s.shape[1] + 1),
    "* column": lambda lib, s, d: s * lib.arange(1.0, s.shape[0] + 1).unsqueeze(1),
    "dense *": lambda lib, s, d: lib.ones(s.shape) * s,
    "pow": lambda lib, s, d: [s**2, s.pow(3), lib.pow(s, 2)],
    "keep zeros": lambda lib, s, d: [
        getattr(lib, name)(s) for name in (
            "abs asinh atan ceil deg2rad erf expm1 floor frac isinf isnan isneginf isposinf rad2deg relu round sgn "
            "sign signbit sin sinh square tan tanh trunc"
        ).split()
    ],
    "csr keeps zeros": lambda lib, s, d: [lib.sin(s.to_sparse_csr()), s.to_sparse_csr().tanh(), -s.to_sparse_csr()],
    "sqrt": lambda lib, s, d: [s.abs().sqrt(), s.abs().log1p(), (s / 10).asin(), (s / 10).atanh(), (s / 10).erfinv()],
    "in place": lambda lib, s, d: [
        s.clone().mul_(2), s.clone().div_(2), s.clone().neg_(), s.clone().add_(s), s.clone().sub_(s, alpha=3),
        s.clone().zero_(), s.clone().copy_(s + s), lib.ones(s.shape).add_(s, alpha=2), lib.ones(s.shape).sub_(s),
        s.clone().zero_()._nnz(),
    ],
    "operators in place": lambda lib, s, d: [
        s.clone().__iadd__(s), s.clone().__isub__(s), s.clone().__imul__(2), s.clone().__itruediv__(2),
    ],
    "norm": lambda lib, s, d: [s.norm(), lib.norm(s), s.norm(1), s.isnan().any()],
    "index_select": lambda lib, s, d: [
        s.index_select(0, lib.arange(s.shape[0] - 1, -1, -1)), s.index_select(1, lib.tensor([0, 0, s.shape[1] - 1])),
        lib.index_select(s, 1, lib.tensor([], dtype=lib.int64)),
    ],
    "select": lambda lib, s, d: [s.select(1, 0), s.select(1, -1), s.select(1, 0).select(0, 0) if s.shape[0] else 0],
    "cat": lambda lib, s, d: [lib.cat([s, s * 2]), lib.cat([s, s, s], 1), lib.cat([s], -1)],
    "stack": lambda lib, s, d: [lib.stack([s, s]), lib.stack([s, s], 1), s.unsqueeze(0), s.unsqueeze(-1)],
    "permute": lambda lib, s, d: [
        s.permute(1, 0), s.permute((0, 1)), lib.permute(s, (1, 0)), s.unsqueeze(0).permute(2, 0, 1),
        lib.permute(s, dims=[1, 0]), s.permute(dims=(1, 0)),
    ],
    "sparse_mask": lambda lib, s, d: [
        dense(lib, *s.shape).sparse_mask(s.coalesce()), s.sparse_mask((s * 0 + s).coalesce()),
        (s.t().t() * 3).sparse_mask(s.coalesce()),
    ],
    "in a module": lambda lib, s, d: buffered(lib, s).double().state_dict()["s"],
}


def buffered(library: Any, matrix: Any) -> Any:
    module = library.nn.Module()
    module.register_buffer("s", matrix)
    return module


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", MATRICES)
def test_a_use_gives_pytorchs_result(name: str, use: str) -> None:
    found = []
    for library in (mt, torch):
        matrix = coo(library, name)
        found.append(USES[use](library, matrix, dense(library, matrix.shape[1], 4)))
    same(*found)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int32", "int64", "uint8", "complex64", "bool"])
@pytest.mark.parametrize(
    "use", ["sparse.mm", "to_dense", "coalesce", "+", "t", "neg", "sparse.sum", "text", "csr", "* 2.5"]
)
def test_dtypes_are_pytorchs(use: str, dtype: str) -> None:
    theirs: Any
    try:
        matrix = coo(torch, "with equal positions", dtype)
        theirs = USES[use](torch, matrix, dense(torch, 3, 4, dtype=dtype))
    except RuntimeError:
        pytest.skip("PyTorch has no kernel for this dtype")
    matrix = coo(mt, "with equal positions", dtype)
    same(USES[use](mt, matrix, dense(mt, 3, 4, dtype=dtype)), theirs)


@pytest.mark.parametrize("shape", [(3, 4), (0, 2), (5,), (2, 3, 2)])
@pytest.mark.parametrize("sparse_dim", [None, 1])
def test_dense_tensors_convert(shape: tuple[int, ...], sparse_dim: int | None) -> None:
    options = () if sparse_dim is None else (sparse_dim,)
    ours, theirs = [dense(library, *shape).relu().to_sparse(*options) for library in (mt, torch)]
    same([ours.indices(), ours.values(), ours.is_coalesced()], [theirs.indices(), theirs.values(), True])
    same(ours.to_dense(), theirs.to_dense())
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", MATRICES)
def test_checkpoints_hold_sparse_tensors_both_ways(name: str) -> None:
    ours, theirs = [[coo(library, name), coo(library, name).to_sparse_csr()] for library in (mt, torch)]
    for writer, reader, given in ((mt, mt, ours), (mt, torch, ours), (torch, mt, theirs)):
        file = io.BytesIO()
        writer.save({"adj": given}, file)
        file.seek(0)
        found = reader.load(file)["adj"]
        same(found, theirs)
        assert [repr(each) for each in found] == [repr(each) for each in given]


# -- gradients ---------------------------------------------------------------------------------------------------------

DIFFERENTIABLE = [
    "sparse.mm", "@", "@ vector", "dense @", "transposed @", "sparse.addmm", "to_dense", "csr @", "* 2.5", "/ 2", "neg",
    "+", "sum", "sum 0", "softmax 1", "t", "dense +", "@ sparse", "* sparse", "* row", "pow",
    "permute", "stack",
]


def gradients(library: Any, name: str, use: str) -> list[Any]:
    """Return the gradients in the values, and in the dense factor, of a weighted sum of what a use computes."""
    indices, numbers, size = MATRICES[name]
    values = library.tensor(numbers, requires_grad=True)
    places = library.tensor(indices, dtype=library.int64).reshape(2, len(numbers))
    factor = dense(library, size[1], 4).requires_grad_()
    found = USES[use](library, library.sparse_coo_tensor(places, values, size), factor)
    found = found[0] if isinstance(found, list) else found
    found = found.to_dense() if found.is_sparse else found
    (found * dense(library, *found.shape)).sum().backward()
    return [values.grad, *([] if factor.grad is None else [factor.grad])]


@pytest.mark.parametrize("use", DIFFERENTIABLE)
@pytest.mark.parametrize("name", ["merged", "with equal positions", "in no order"])
def test_gradients_are_pytorchs(name: str, use: str) -> None:
    same(gradients(mt, name, use), gradients(torch, name, use))


@pytest.mark.parametrize("name", MATRICES)
def test_the_gradient_of_a_leaf_is_sparse(name: str) -> None:
    found = []
    for library in (mt, torch):
        leaf = coo(library, name, requires_grad=True)
        factor = dense(library, leaf.shape[1], 4)
        for _ in range(2):
            library.sparse.mm(leaf, factor).sum().backward()
        found.append([leaf.grad, leaf.grad.coalesce().values(), leaf.is_leaf, leaf.requires_grad, repr(leaf)])
        leaf.grad = None
        assert leaf.grad is None
    same(*found)


@pytest.mark.parametrize("name", ["merged", "with equal positions", "in no order"])
def test_products_have_gradients_of_second_order(name: str) -> None:
    indices, numbers, size = MATRICES[name]
    values = mt.tensor(numbers, dtype=mt.float64, requires_grad=True)
    factor = dense(mt, size[1], 2, dtype="float64").requires_grad_()

    def product(values: Any, factor: Any) -> Any:
        return mt.sparse.mm(mt.sparse_coo_tensor(indices, values, size), factor)

    assert mt.autograd.gradcheck(product, (values, factor))
    assert mt.autograd.gradgradcheck(product, (values, factor))


# PyTorch has no gradients for these.
MORE: dict[str, Callable[[Any], Any]] = {
    "index_select": lambda s: s.index_select(0, mt.tensor([1, 0, 1])),
    "select": lambda s: s.select(1, 0),
    "cat": lambda s: mt.cat([s, s * 2], 1),
    "sqrt": lambda s: s.abs().sqrt(),
    "norm": lambda s: s.norm(),
    "* column": lambda s: s * mt.arange(s.shape[0], dtype=mt.float64).unsqueeze(1),
    "sparse_mask": lambda s: s.sparse_mask(mt.ones(s.shape).to_sparse()),
    "csr @ sparse": lambda s: s.to_sparse_csr() @ s.t().to_sparse_csr(),
}


@pytest.mark.parametrize("use", MORE)
@pytest.mark.parametrize("name", ["merged", "with equal positions"])
def test_gradients_of_functions_are_correct(name: str, use: str) -> None:
    indices, numbers, size = MATRICES[name]
    values = mt.tensor(numbers, dtype=mt.float64, requires_grad=True)

    def compute(values: Any) -> Any:
        return MORE[use](mt.sparse_coo_tensor(indices, values, size)).to_dense()

    assert mt.autograd.gradcheck(compute, (values,))


# -- errors ------------------------------------------------------------------------------------------------------------

PARTS = mt.tensor([[0, 1], [2, 0]]), mt.tensor([3.0, 4.0])
WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "index outside": lambda lib, s: lib.sparse_coo_tensor([[0, 1], [2, 0]], [1.0, 2.0], (2, 2), check_invariants=True),
    "negative index": lambda lib, s: lib.sparse_coo_tensor([[0, -1], [2, 0]], [1.0, 2.0]),
    "other count": lambda lib, s: lib.sparse_coo_tensor([[0, 1], [2, 0]], [1.0], (2, 3)),
    "other dims": lambda lib, s: lib.sparse_coo_tensor([[0, 1], [2, 0]], [1.0, 2.0], (2,)),
    "rows too few": lambda lib, s: lib.sparse_csr_tensor([0, 2], [0, 1], [1.0, 2.0], (2, 2), check_invariants=True),
    "rows too long": lambda lib, s: lib.sparse_csr_tensor([0, 1, 3], [0, 1], [1.0, 2.0], check_invariants=True),
    "rows descend": lambda lib, s: lib.sparse_csr_tensor([0, 3, 2], [0, 1], [1.0, 2.0], check_invariants=True),
    "columns descend": lambda lib, s: lib.sparse_csr_tensor([0, 2, 2], [1, 0], [1.0, 2.0], check_invariants=True),
    "column outside": lambda lib, s: lib.sparse_csr_tensor([0, 1, 2], [0, 5], [1., 2.], (2, 2), check_invariants=True),
    "inner sizes": lambda lib, s: lib.sparse.mm(s, lib.ones(2, 2)),
    "dtypes": lambda lib, s: lib.sparse.mm(s, lib.ones(3, 2, dtype=lib.float64)),
    "number": lambda lib, s: lib.sparse.mm(3, lib.ones(3, 2)),
    "indices before merging": lambda lib, s: s.indices(),
    "values before merging": lambda lib, s: s.values(),
    "rows of coordinates": lambda lib, s: s.crow_indices(),
    "indices of rows": lambda lib, s: s.to_sparse_csr().indices(),
    "coalesce rows": lambda lib, s: s.to_sparse_csr().coalesce(),
    "add number": lambda lib, s: s + 1,
    "add dense": lambda lib, s: s + lib.ones(2, 3),
    "other shapes": lambda lib, s: s + s.t(),
    "divide by dense": lambda lib, s: s / lib.ones(2, 3),
    "numpy": lambda lib, s: s.numpy(),
    "tolist": lambda lib, s: s.tolist(),
    "item": lambda lib, s: s.item(),
    "bool": lambda lib, s: bool(s),
    "assign": lambda lib, s: s.__setitem__(0, 1.0),
    "exp": lambda lib, s: s.exp(),
    "function": lambda lib, s: lib.sigmoid(s),
    "mean": lambda lib, s: s.mean(),
    "compare": lambda lib, s: s == s,
    "view": lambda lib, s: s.view(-1),
    "an int as an order": lambda lib, s: lib.permute(s, 1),
    "data_ptr": lambda lib, s: s.data_ptr(),
    "sum of rows": lambda lib, s: lib.sparse.sum(s.to_sparse_csr(), 0),
    "sum of dense": lambda lib, s: lib.sparse.sum(lib.ones(2, 3), 0),
    "sparse_dim": lambda lib, s: lib.ones(2, 3).to_sparse(3),
    "deepcopy in the graph": lambda lib, s: copy.deepcopy(s.clone().requires_grad_() * 2),
}


@pytest.mark.parametrize("use", WRONG)
def test_an_error_is_of_pytorchs_class(use: str) -> None:
    with pytest.raises(Exception) as theirs:  # whatever PyTorch raises
        WRONG[use](torch, coo(torch, "with equal positions"))
    with pytest.raises(mt.errors.MinitensorError) as ours:
        WRONG[use](mt, coo(mt, "with equal positions"))
    known = next(each for each in type(theirs.value).__mro__ if each.__module__ == "builtins")
    assert isinstance(ours.value, RuntimeError if known is NotImplementedError else known)


def functions_here() -> dict[str, Callable[..., Any]]:
    """Return the public functions and methods that PyTorch has too, each as a function of a tensor."""
    found = {
        f"torch.{name}": value for name, value in vars(mt).items()
        if not name.startswith("_") and not isinstance(value, type) and callable(getattr(torch, name, None))
    }
    methods = [name for name in dir(mt.Tensor) if hasattr(torch.Tensor, name) and not name.startswith("_")]
    return found | {f"Tensor.{name}": calling(name) for name in methods}


def calling(name: str) -> Callable[..., Any]:
    def call(input: Any, *args: Any) -> Any:
        value = getattr(input, name)
        return value(*args) if callable(value) else value

    return call


@pytest.mark.parametrize("layout", ["to_sparse_coo", "to_sparse_csr"])
def test_whatever_is_not_here_says_so(layout: str) -> None:
    faults = []
    for name, function in functions_here().items():
        for arguments in ((), (1,), (mt.ones(2, 3),)):
            try:
                function(getattr(coo(mt, "merged"), layout)(), *arguments)
            except (mt.errors.MinitensorError, TypeError):
                pass
            except Exception as error:
                faults.append((name, len(arguments), repr(error)))
    assert not faults


# -- what it costs -----------------------------------------------------------------------------------------------------

QUIET = """
import sys, minitensor
from minitensor.autograd.protocol import active
assert not any(name.partition(".")[0] == "scipy" for name in sys.modules) and not active
x = minitensor.eye(2).to_sparse()
assert active and not any(name.partition(".")[0] == "scipy" for name in sys.modules)
sys.modules["scipy"] = sys.modules["scipy.sparse"] = None
try:
    x @ minitensor.ones(2, 2)
except ImportError as error:
    print(type(error).__name__, error)
"""


def test_scipy_is_loaded_by_the_first_product_and_calls_look_at_classes_from_the_first_sparse_tensor() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=False)
    assert done.stderr == "" and "MissingExtraError" in done.stdout and "minitensor-py[scipy]" in done.stdout
    assert issubclass(MissingExtraError, ImportError)


def test_making_a_sparse_tensor_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mt.sparse_coo_tensor(*PARTS, (2, 3)).coalesce()._nnz() == 2
