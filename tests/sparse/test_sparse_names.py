"""Old names of products, sizes that change, indexing, and gradients and hooks of sparse gradients: as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytestmark = pytest.mark.filterwarnings("ignore")


def matrix(lib: Any) -> Any:
    return lib.sparse_coo_tensor(lib.tensor([[0, 1, 1], [2, 0, 2]]), lib.tensor([3.0, 4, 5]), (2, 3))


def dense(lib: Any) -> Any:
    return lib.arange(6.0).reshape(3, 2)


def table(lib: Any) -> Any:
    """Return a layer whose weight has a sparse gradient with a position that occurs twice."""
    lib.manual_seed(0)
    layer = lib.nn.Embedding(5, 3, sparse=True)
    layer(lib.tensor([1, 1, 4])).pow(2).sum().backward()
    return layer


def zero(lib: Any, to_none: bool) -> Any:
    layer = table(lib)
    lib.optim.SGD(layer.parameters(), 0.1).zero_grad(set_to_none=to_none)
    return layer.weight.grad


def detach(lib: Any) -> Any:
    gradient = table(lib).weight.grad
    return gradient.detach_() is gradient, gradient.requires_grad, gradient


def leave_graph(lib: Any) -> Any:
    product = matrix(lib).requires_grad_() * 2
    return product.requires_grad, product.detach_().requires_grad, product.is_leaf


def resize(lib: Any, name: str, *arguments: Any) -> Any:
    changed = matrix(lib)
    return getattr(changed, name)(*arguments) is changed, changed, changed.sparse_dim(), changed._nnz()


USES: dict[str, Callable[[Any], Any]] = {
    "hspmm": lambda lib: lib.hspmm(matrix(lib), dense(lib)),
    "hsmm": lambda lib: lib.hsmm(matrix(lib), dense(lib)),
    "smm": lambda lib: lib.smm(matrix(lib), dense(lib)),
    "dsmm": lambda lib: lib.dsmm(matrix(lib), dense(lib)),
    "dsmm of dense ones": lambda lib: lib.dsmm(dense(lib), dense(lib).t()),
    "sspaddmm": lambda lib: lib.sspaddmm(lib.eye(2).to_sparse(), matrix(lib), dense(lib), beta=2, alpha=3),
    "saddmm": lambda lib: lib.saddmm(lib.eye(2).to_sparse(), matrix(lib), dense(lib)),
    "sampled_addmm": lambda lib: lib.sparse.sampled_addmm(
        matrix(lib).to_sparse_csr(), lib.ones(2, 2), dense(lib).t(), beta=0.5, alpha=2
    ),
    "compressed": lambda lib: lib.sparse_compressed_tensor([0, 1, 2], [0, 1], [1.0, 2], layout=lib.sparse_csr),
    "compressed, sized": lambda lib: lib.sparse_compressed_tensor(
        lib.tensor([0, 1, 2]), lib.tensor([0, 1]), lib.tensor([1, 2]), (2, 4), layout=lib.sparse_csr, dtype=lib.float64
    ),
    "bfloat16": lambda lib: lib.sparse.BFloat16Tensor(2, 3),
    "bmm": lambda lib: lib.bmm(lib.stack([matrix(lib)] * 2), lib.stack([dense(lib), dense(lib) + 1])),
    "addmv": lambda lib: lib.addmv(lib.ones(2), matrix(lib).to_sparse_csr(), lib.arange(3.0), beta=2, alpha=3),
    "larger": lambda lib: resize(lib, "sparse_resize_", (4, 5), 2, 0),
    "cleared": lambda lib: resize(lib, "sparse_resize_and_clear_", (4, 5), 1, 1),
    "as another": lambda lib: resize(lib, "resize_as_sparse_", lib.zeros(4, 3).to_sparse()),
    "as another, function": lambda lib: lib.resize_as_sparse_(matrix(lib), lib.zeros(4, 3).to_sparse()),
    "zeros_like": lambda lib: lib.zeros_like(matrix(lib)),
    "item": lambda lib: matrix(lib)[0, 2],
    "row": lambda lib: matrix(lib)[-1],
    "column": lambda lib: matrix(lib)[:, 2],
    "last": lambda lib: matrix(lib)[..., 2],
    "new dim": lambda lib: matrix(lib)[None],
    "rows": lambda lib: list(matrix(lib)),
    "gradient set to zero": lambda lib: zero(lib, False),
    "gradient removed": lambda lib: zero(lib, True),
    "gradient detached": detach,
    "taken out of the graph": leave_graph,
    "data": lambda lib: (matrix(lib).requires_grad_().data.requires_grad, matrix(lib).data),
}

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "to_dense": lambda lib, x: (x.to_dense() * dense(lib).t()).sum(),
    "coalesce": lambda lib, x: (x.coalesce().to_dense() ** 2).sum(),
    "values": lambda lib, x: (x.coalesce().values() ** 3).sum(),
    "mm": lambda lib, x: (lib.sparse.mm(x, dense(lib)) ** 2).sum(),
    "addmm": lambda lib, x: (lib.sparse.addmm(lib.ones(2, 2), x, dense(lib)) ** 2).sum(),
    "sum": lambda lib, x: lib.sparse.sum(x) ** 2,
    "sum over rows": lambda lib, x: (lib.sparse.sum(x, 0).to_dense() ** 2).sum(),
    "sum over columns": lambda lib, x: (lib.sparse.sum(x, 1).to_dense() ** 2).sum(),
    "softmax": lambda lib, x: (lib.sparse.softmax(x, 1).to_dense() * dense(lib).t()).sum(),
    "log_softmax": lambda lib, x: (lib.sparse.log_softmax(x, 1).to_dense() * dense(lib).t()).sum(),
    "add": lambda lib, x: ((x + x).to_dense() * dense(lib).t()).sum(),
    "mul": lambda lib, x: ((x * x).to_dense() * dense(lib).t()).sum(),
    "neg": lambda lib, x: ((-x).to_dense() * dense(lib).t()).sum(),
    "t": lambda lib, x: (x.t().to_dense() * dense(lib)).sum(),
}


def describe(lib: Any, value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [describe(lib, each) for each in value]
    if not isinstance(value, lib.Tensor):
        return value
    kind = str(value.layout).replace("minitensor", "torch") if "sparse" in str(value.layout) else "dense"
    found = value.to_dense() if kind != "dense" else value
    return kind, str(value.dtype), tuple(value.shape), np.round(found.detach().double().numpy(), 5).tolist()


@pytest.mark.parametrize("use", USES)
def test_a_use_gives_pytorchs_result(use: str) -> None:
    assert describe(mt, USES[use](mt)) == describe(torch, USES[use](torch))


@pytest.mark.parametrize("twice", [False, True], ids=["merged", "with equal positions"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_a_sparse_leaf_are_pytorchs(loss: str, twice: bool) -> None:
    def gradient(lib: Any) -> Any:
        columns = [2, 2, 2] if twice else [2, 0, 2]
        x = lib.sparse_coo_tensor(lib.tensor([[0, 1, 1], columns]), lib.tensor([3.0, 4, 5]), (2, 3)).requires_grad_()
        LOSSES[loss](lib, x).backward()
        return x.grad

    assert describe(mt, gradient(mt)) == describe(torch, gradient(torch))


def test_gradients_of_a_sampled_product_are_pytorchs() -> None:
    def gradients(lib: Any) -> list[Any]:
        one, other = lib.ones(2, 2).requires_grad_(), dense(lib).t().clone().requires_grad_()
        x = matrix(lib).to_sparse_csr().requires_grad_()
        (lib.sparse.sampled_addmm(x, one, other, alpha=3, beta=2).to_dense() * dense(lib).t()).sum().backward()
        return [describe(lib, each.grad) for each in (x, one, other)]

    assert gradients(mt) == gradients(torch)


WRONG: dict[str, Callable[[Any], Any]] = {
    "a dense factor in front": lambda lib: lib.hspmm(lib.ones(2, 3), dense(lib)),
    "two sparse factors": lambda lib: lib.smm(matrix(lib), matrix(lib).t()),
    "inner sizes": lambda lib: lib.smm(matrix(lib), lib.ones(2, 2)),
    "a dense input": lambda lib: lib.sspaddmm(lib.ones(2, 2), matrix(lib), dense(lib)),
    "another shape": lambda lib: lib.sspaddmm(lib.eye(3).to_sparse(), matrix(lib), dense(lib)),
    "coordinates": lambda lib: lib.sparse.sampled_addmm(matrix(lib), lib.ones(2, 2), lib.ones(2, 3)),
    "sampled sizes": lambda lib: lib.sparse.sampled_addmm(matrix(lib).to_sparse_csr(), lib.ones(2, 2), lib.ones(2, 4)),
    "no layout": lambda lib: lib.sparse_compressed_tensor([0, 1], [0], [1.0]),
    "smaller": lambda lib: matrix(lib).sparse_resize_((1, 1), 2, 0),
    "other dims": lambda lib: matrix(lib).sparse_resize_((4, 5), 1, 1),
    "another number of dims": lambda lib: matrix(lib).sparse_resize_and_clear_((4, 5, 6), 2, 0),
    "a dense template": lambda lib: lib.resize_as_sparse_(matrix(lib), lib.ones(2, 3)),
    "an index out of range": lambda lib: matrix(lib)[0, 3],
    "too many indices": lambda lib: matrix(lib)[0, 0, 0],
    "a part": lambda lib: matrix(lib)[:1],
    "batches": lambda lib: lib.bmm(matrix(lib), dense(lib)),
    "the zeroth power": lambda lib: lib.matrix_power(lib.eye(2).to_sparse(), 0),
    "norm clipped": lambda lib: lib.nn.utils.clip_grad_norm_(table(lib).parameters(), 0.1),
    "total norm": lambda lib: lib.nn.utils.get_total_norm([table(lib).weight.grad]),
    "values clipped": lambda lib: lib.nn.utils.clip_grad_value_(table(lib).parameters(), 0.01),
}


@pytest.mark.parametrize("use", WRONG)
def test_what_pytorch_refuses_raises(use: str) -> None:
    with pytest.raises((RuntimeError, IndexError)) as theirs:
        WRONG[use](torch)
    with pytest.raises((RuntimeError, IndexError)) as ours:
        WRONG[use](mt)
    assert isinstance(ours.value, IndexError) == isinstance(theirs.value, IndexError)


def test_parts_are_always_checked() -> None:
    checks = mt.sparse.check_sparse_tensor_invariants
    checks.enable()
    checks.disable()
    assert checks.is_enabled()
    with checks(False), pytest.raises(RuntimeError):
        mt.sparse_coo_tensor([[5], [0]], [1.0], (2, 3))
