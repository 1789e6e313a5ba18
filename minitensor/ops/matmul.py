"""Products of matrices and vectors.

One primitive, ``matmul``, covers all combinations of ranks; its gradients are products again. The other functions check
the ranks of their arguments and call it. Sums over named indices are in ``einsum.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.compat.once import warn_once
from minitensor.errors import (
    ArgumentTypeError,
    DtypeError,
    ShapeError,
    ShapeIndexError,
    UnsupportedDtypeError,
    UsageError,
    UsageTypeError,
    quote,
)
from minitensor.ops.arithmetic import conj, mul
from minitensor.ops.kinds import NUMERIC, require_kind, require_same_dtype
from minitensor.ops.operand import require_tensors, same_device
from minitensor.ops.out import write_out
from minitensor.shapes import matmul_shape, wrap_dim, wrap_dims

Contracted = int | Sequence[Sequence[int]]  # or a tensor; other integers are refused, as in PyTorch

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.backends.base import Backend
    from minitensor.tensor import Tensor


# -- the primitive -----------------------------------------------------------------------------------------------------


def matmul_input_grad(grad: Tensor, other: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of ``input @ other`` in ``input``: grad @ otherᴴ, with missing dims of vectors restored."""
    if other.ndim == 1:
        return mul(grad if len(in_shape) == 1 else grad.unsqueeze(-1), conj(other))
    if len(in_shape) > 1:
        return matmul(grad, adjoint(other))
    if other.ndim == 2:
        return matmul(conj(other), grad)
    return matmul(conj(other), grad.unsqueeze(-1)).squeeze(-1)


def matmul_other_grad(grad: Tensor, input: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of ``input @ other`` in ``other``: inputᴴ @ grad.

    If ``other`` is one matrix or vector for a whole batch, the batch is folded into the rows: one product, no sum.
    """
    if input.ndim == 1:
        return mul(conj(input), grad) if len(in_shape) == 1 else mul(conj(input).unsqueeze(-1), grad.unsqueeze(-2))
    if input.ndim > 2 and len(in_shape) <= 2:
        input, grad = rows(input), grad.reshape(-1) if len(in_shape) == 1 else rows(grad)
    return matmul(adjoint(input), grad)


@differentiable(input=matmul_input_grad, other=matmul_other_grad)
@in_layout(None)
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Multiply matrices: (..., n, k) @ (..., k, m) is (..., n, m); batch dims broadcast.

    A vector is a row on the left and a column on the right; the result lacks that dim. Half precision is computed in
    single precision, as NumPy has no fast product of halves.

    Raises:
        RuntimeError: If the inner sizes or dtypes differ, or a factor has no dims.
        TypeError: If a factor is a number.

    >>> import minitensor as torch
    >>> torch.matmul(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 10.]))
    tensor([21., 43.])
    """
    try:
        a, b = factors("matmul", input, other)
    except AttributeError:
        refuse_number(input, other)
        raise
    if a.dtype.char == "e":
        return product(input.backend, a.astype("f"), b.astype("f")).astype("e")
    return product(input.backend, a, b)


def refuse_number(input: Any, other: Any) -> None:
    """Raise, recommending ``*``, if one of the factors is a number."""
    if any(isinstance(each, (int, float, complex)) for each in (input, other)):
        given = f"{type(input).__name__}, {type(other).__name__}"
        raise ArgumentTypeError(f"matmul: expected tensors, got {given}; to multiply by a number, use *") from None


def factors(name: str, *tensors: Any) -> Any:
    """Return the factors of a product as arrays; raise unless they have one dtype, not bool, and one device."""
    arrays = [each.array for each in tensors]
    first = arrays[0]
    for array in arrays:
        if array.dtype is not first.dtype and array.dtype != first.dtype:
            raise DtypeError(
                f"{name}: expected all factors to have the same dtype, but got "
                f"{' and '.join(each.dtype.name for each in tensors)}; cast with .to(...)"
            )
        if array.__class__ is not first.__class__:
            same_device(*tensors)
    if first.dtype.kind == "b":
        raise UnsupportedDtypeError(
            f"{name}: not implemented for bool; cast with .to(...) to the dtype of the sums"
        )
    return arrays


def product(backend: Backend, a: Array, b: Array) -> Array:
    """Return ``a @ b``, by one BLAS call if the right factor is one matrix or vector."""
    try:
        if b.ndim > 2 or not b.ndim or not a.ndim:
            matmul_shape(a.shape, b.shape)
            xp = backend.xp
            return backend.matmul(make_blas_ready(xp, a), make_blas_ready(xp, b))
        # Of two small matrices `dot` costs 0.8 us, `matmul` 1.3; and it copies what BLAS cannot read.
        if a.ndim <= 2:
            return backend.dot(a, b)
        # Not -1 rows, whose number an empty factor leaves undefined.
        folded: Array = a.reshape(prod(a.shape[:-1]), a.shape[-1])
        rows: Array = backend.dot(folded, b).reshape(a.shape[:-1] + b.shape[1:])
        return rows
    except ValueError:
        matmul_shape(a.shape, b.shape)  # raises with the shapes that do not fit
        raise


def make_blas_ready(xp: Any, array: Array) -> Array:
    """Return matrices with dense rows or columns, as BLAS needs them; NumPy's own loop is many times slower."""
    if array.flags.c_contiguous or array.ndim < 2:
        return array
    (n, m), (down, across), step = array.shape[-2:], array.strides[-2:], array.itemsize
    if (across == step and down >= m * step) or (down == step and across >= n * step):
        return array
    return xp.ascontiguousarray(array)  # type: ignore[no-any-return]  # as above


def adjoint(input: Tensor) -> Tensor:
    """Return the conjugate transpose of the last two dims."""
    return conj(input.transpose(-2, -1))  # type: ignore[no-any-return]  # `conj` takes numbers too


def by_columns(input: Tensor) -> Tensor:
    """Return matrices in column-major order, in which LAPACK writes PyTorch's gradients."""
    found: Tensor = input.mT.contiguous().mT
    return found


def rows(input: Tensor) -> Tensor:
    """Merge all dims but the last."""
    return input.reshape(prod(input.shape[:-1]), input.shape[-1])


# -- products of fixed ranks -------------------------------------------------------------------------------------------


@composite
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Multiply two matrices ``input`` and ``mat2``: (n, k) @ (k, m); nothing broadcasts.

    Raises:
        RuntimeError: If the shapes or dtypes do not fit.

    >>> mm(tensor([[1, 2]]), tensor([[3], [4]]))
    tensor([[11]])
    """
    check_ranks("mm", "matrices", (2, 2), input, mat2)
    return matmul(input, mat2, out=out)


@composite
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Multiply two batches of matrices ``input`` and ``mat2``: (b, n, k) @ (b, k, m); nothing broadcasts.

    Raises:
        RuntimeError: If the shapes or dtypes do not fit.

    >>> bmm(ones(2, 1, 3), ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    check_ranks("bmm", "batches of matrices", (3, 3), input, mat2)
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm: batch sizes differ: {tuple(input.shape)} @ {tuple(mat2.shape)} ({input.shape[0]} != {mat2.shape[0]})"
        )
    return matmul(input, mat2, out=out)


@composite
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Multiply a matrix by a vector ``vec``: (n, k) @ (k,).

    Raises:
        RuntimeError: If the shapes or dtypes do not fit.

    >>> mv(tensor([[1, 2], [3, 4]]), tensor([1, 10]))
    tensor([21, 43])
    """
    check_ranks("mv", "a matrix and a vector", (2, 1), input, vec)
    return matmul(input, vec, out=out)


@composite
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the dot product of the vectors ``input`` and ``tensor``; unlike NumPy's ``dot``, it takes no other ranks.

    Raises:
        RuntimeError: If the tensors are not vectors of one size and dtype.

    >>> import minitensor as torch
    >>> torch.dot(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor(11.)
    """
    check_ranks("dot", "vectors", (1, 1), input, tensor)
    return matmul(input, tensor, out=out)


@composite
def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the dot product of two vectors, the first one conjugated.

    Raises:
        RuntimeError: If the tensors are not vectors of one size and dtype.

    >>> vdot(tensor([1j, 2]), tensor([1j, 3]))
    tensor(7.+0.j)
    """
    check_ranks("vdot", "vectors", (1, 1), input, other)
    return matmul(conj(input), other, out=out)


@composite
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the outer product of the vectors ``input`` and ``vec2``: (n,) and (m,) give (n, m).

    Raises:
        RuntimeError: If a tensor is not a vector.

    >>> outer(tensor([1, 2]), tensor([1, 10]))
    tensor([[ 1, 10],
            [ 2, 20]])
    """
    check_ranks("outer", "vectors", (1, 1), input, vec2)
    return input.unsqueeze(1).mul(vec2, out=out)


def check_ranks(name: str, wanted: str, ranks: tuple[int, int], input: Any, other: Any) -> None:
    """Raise unless the factors are tensors of these ranks."""
    for each in (input, other):
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(f"{name}: expected a tensor, got {type(each).__name__}")
    if (input.ndim, other.ndim) != ranks:
        raise ShapeIndexError(
            f"{name}: expected {wanted} ({ranks[0]}D and {ranks[1]}D), got shapes {tuple(input.shape)} and "
            f"{tuple(other.shape)}; matmul takes all ranks"
        )


# -- more dims ---------------------------------------------------------------------------------------------------------


@composite
def tensordot(
    a: Tensor, b: Tensor, dims: Contracted = 2, *, out: Tensor | None = None
) -> Tensor:
    """Sum products over dims of ``a`` and ``b``.

    The result has the remaining dims of ``a``, then those of ``b``.

    Args:
        dims: a number of dims, the last of ``a`` and the first of ``b``; or two lists, of dims of ``a`` and of ``b``.

    Raises:
        RuntimeError: If the sizes of two paired dims differ.

    >>> import minitensor as torch
    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    torch.Size([2, 5])
    """
    left, right = dims_to_contract(a, b, dims)
    stretched = [(i, j) for i, j in zip(left, right) if a.shape[i] != b.shape[j] and 1 in (a.shape[i], b.shape[j])]
    if stretched:  # a size of 1 broadcasts: the other factor is summed over that dim first
        a = sum_stretched_dims(a, b, stretched)
        b = sum_stretched_dims(b, a, [(j, i) for i, j in stretched])
    for i, j in zip(left, right):
        if a.shape[i] != b.shape[j]:
            raise ShapeError(
                f"tensordot: contracted dimensions need to match, but dim {i} of {tuple(a.shape)} has size "
                f"{a.shape[i]} and dim {j} of {tuple(b.shape)} has size {b.shape[j]}"
            )
    kept_left = [i for i in range(a.ndim) if i not in left]
    kept_right = [j for j in range(b.ndim) if j not in right]
    shape = [a.shape[i] for i in kept_left] + [b.shape[j] for j in kept_right]
    inner = prod(a.shape[i] for i in left)
    matrix = a.permute([*kept_left, *left]).reshape(prod(a.shape[i] for i in kept_left), inner)
    other = b.permute([*right, *kept_right]).reshape(inner, prod(b.shape[j] for j in kept_right))
    result = matmul(matrix, other).reshape(shape)
    return write_out("tensordot", result, out)


def sum_stretched_dims(input: Tensor, other: Tensor, dims: Sequence[tuple[int, int]]) -> Tensor:
    """Sum over the dims whose partner in ``other`` has size 1."""
    mine = [i for i, j in dims if other.shape[j] == 1 and input.shape[i] != 1]
    return input.sum(mine, keepdim=True, dtype=input.dtype) if mine else input


def dims_to_contract(
    a: Tensor, b: Tensor, dims: Contracted
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the dims of both factors over which a tensordot sums."""
    if isinstance(dims, TensorBase):
        dims = dims.tolist() if dims.numel() != 1 else dims.item()
    if not isinstance(dims, (int, list, tuple)):
        raise UsageTypeError(f"tensordot: expected dims to be an int or two lists of ints, got {quote(dims)}")
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ShapeError(
                f"tensordot: dims must be from 0 to the smaller number of dims, got {dims} for shapes {tuple(a.shape)} "
                f"and {tuple(b.shape)}"
            )
        return tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    left, right = (tuple([each]) if isinstance(each, int) else tuple(each) for each in dims)
    if len(left) != len(right):
        raise ShapeError(f"tensordot: both lists of dims must have the same length, got {list(left)} and {list(right)}")
    return wrap_dims(left, a.ndim), wrap_dims(right, b.ndim)


@composite
def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sum products over the last dims: (..., k) and (..., k); a 0-d factor multiplies.

    Raises:
        RuntimeError: If the sizes of the last dims differ.

    >>> import minitensor as torch
    >>> torch.inner(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 10.]))
    tensor([21., 43.])
    """
    require_tensors("inner", input=input, other=other)
    if not input.ndim or not other.ndim:
        return input.mul(other, out=out)
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(
            f"inner: the size of the last dimension must match, but got {tuple(input.shape)} and {tuple(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]), out=out)


@composite
def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the Kronecker product: a block ``x * other`` for each element x of ``input``.

    >>> import minitensor as torch
    >>> torch.kron(torch.tensor([1, 2]), torch.tensor([1, 10]))
    tensor([ 1, 10,  2, 20])
    """
    require_tensors("kron", input=input, other=other)
    ndim = max(input.ndim, other.ndim)
    left = (1,) * (ndim - input.ndim) + tuple(input.shape)
    right = (1,) * (ndim - other.ndim) + tuple(other.shape)
    a = input.reshape([size for n in left for size in (n, 1)])
    b = other.reshape([size for n in right for size in (1, n)])
    return write_out("kron", (a * b).reshape([n * m for n, m in zip(left, right)]), out, input, other)


@composite
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """Multiply a chain of ``matrices`` in the order that costs the fewest multiplications.

    Raises:
        RuntimeError: If there are no matrices, a tensor is not a matrix, or shapes do not fit.

    >>> chain_matmul(ones(2, 3), ones(3, 1), ones(1, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    warn_once(
        "torch.chain_matmul is deprecated: use torch.linalg.multi_dot, which takes a list of matrices, instead."
    )
    if not matrices:
        raise UsageError("chain_matmul: expected at least one matrix")
    for i, each in enumerate(matrices):
        if each.ndim != 2:
            raise ShapeError(f"chain_matmul: expected matrices, but number {i} has shape {tuple(each.shape)}")
    sizes = [matrices[0].shape[0], *[each.shape[1] for each in matrices]]
    return write_out("chain_matmul", multiply_chain(matrices, cheapest_cuts(sizes), 0, len(matrices) - 1), out)


def cheapest_cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return, for each part of a chain of matrices sizes[i] x sizes[i+1], after which matrix to split it."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], cuts[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return cuts


def multiply_chain(matrices: Sequence[Tensor], cuts: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    """Multiply matrices ``i`` to ``j``, split where it is cheapest."""
    if i == j:
        return matrices[i]
    k = cuts[i, j]
    return mm(multiply_chain(matrices, cuts, i, k), multiply_chain(matrices, cuts, k + 1, j))


@composite
def trace(input: Tensor) -> Tensor:
    """Return the sum of a matrix's diagonal.

    Raises:
        RuntimeError: If the input is not a matrix.

    >>> trace(tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got a tensor of shape {tuple(input.shape)}")
    require_kind("trace", NUMERIC, input)
    return input.diagonal().sum()


@composite
def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """Return the cross product along ``dim``, by default the first dim of size 3.

    Raises:
        RuntimeError: If the size of the dim is not 3, or the dtypes differ.

    >>> import minitensor as torch
    >>> torch.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]), dim=0)
    tensor([0., 0., 1.])
    """
    require_kind("cross", NUMERIC, input)
    require_same_dtype("cross", input=input, other=other)
    ndim = max(input.ndim, other.ndim)
    if dim is None:
        warn_once("Using torch.cross without specifying the dim arg is deprecated: pass it, or use linalg.cross.")
        dim = next((i for i, n in enumerate(input.shape) if n == 3), ndim)
    if dim == ndim or input.shape[wrap_dim(dim, ndim)] != 3 or other.shape[wrap_dim(dim, ndim)] != 3:
        raise ShapeError(
            f"cross: expected both inputs to have size 3 along one dim, got {tuple(input.shape)} and "
            f"{tuple(other.shape)}"
        )
    a, b = in_turn(input, other)
    found = a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim)
    return write_out("cross", found, out, input, other)
