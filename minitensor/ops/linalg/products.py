"""Powers, exponentials and chains of matrices, vector products, covariances.

The exponential is a primitive whose gradient is an exponential again; all others are composites.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import as_input, in_layout, row_major
from minitensor.autograd.turns import in_turn
from minitensor.backends import any_true
from minitensor.base import TensorBase, values_of
from minitensor.errors import ArgumentTypeError, DimError, DtypeError, ShapeError
from minitensor.layouts import numel
from minitensor.memory_format import contiguous_format
from minitensor.ops.arithmetic import conj
from minitensor.ops.join import cat
from minitensor.ops.kinds import INEXACT, NUMERIC, require_kind, require_same_dtype
from minitensor.ops.linalg.checks import real_of, require_square
from minitensor.ops.linalg.solve import inv
from minitensor.ops.matmul import adjoint, cheapest_cuts, matmul, multiply_chain
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import write_out
from minitensor.ops.powers import sqrt
from minitensor.ops.reduce import warn_of_freedom
from minitensor.ops.shape import diagonal as any_diagonal
from minitensor.shapes import as_int, wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array
    from minitensor.layouts import Layout
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- powers ------------------------------------------------------------------------------------------------------------


@composite
def matrix_power(input: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """Return the ``n``-th power of square matrices, the identity for 0, a power of the inverse for negative ``n``.

    Args:
        input: Square matrices (..., n, n).
        n: The exponent.

    Raises:
        RuntimeError: If the matrices are not square.
        LinAlgError: If ``n`` is negative, and a matrix is singular.

    >>> import minitensor as torch
    >>> torch.linalg.matrix_power(torch.tensor([[1., 1.], [0., 1.]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    n = as_int(n)
    if n < 0 or not isinstance(input, TensorBase) or input.dtype.kind in "fc":
        require_square("linalg.matrix_power", input)  # integer matrices have no inverse
    elif input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: expected batches of square matrices, got shape {tuple(input.shape)}")
    base, count = (inv(input), -n) if n < 0 else (input, n)
    if not count:
        return write_out("linalg.matrix_power", identities(input), out)
    if n == 1:
        return write_out("linalg.matrix_power", base.clone(memory_format=contiguous_format), out, base)
    return write_out("linalg.matrix_power", power_by_squaring(base, count), out)


def power_by_squaring(base: Tensor, count: int) -> Tensor:
    """Return a positive power of matrices; products are taken in PyTorch's order, which infinities show."""
    if count == 3:
        return matmul(matmul(base, base), base)
    if count == 1:
        return base
    power = base if count % 2 else None
    while count := count // 2:
        base = matmul(base, base)
        if count % 2:
            power = base if power is None else matmul(power, base)
    return power  # type: ignore[return-value]  # the highest digit of a count is 1


@differentiable(input=lambda grad: grad * 0)
@in_layout(None)
def identities(input: Tensor) -> Array:
    """Return identity matrices in the shape of a batch of matrices: their power 0."""
    return input.xp.zeros_like(input.array) + input.xp.eye(input.shape[-1], dtype=input.array.dtype)


def matrix_exp_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return the upper right block of exp([[Aᴴ, G], [0, Aᴴ]]).

    It is the derivative of exp at Aᴴ in the direction G (Mathias 1996, "A chain rule for matrix functions").
    """
    turned, n = adjoint(input), input.shape[-1]
    top = cat((turned, grad), -1)
    bottom = cat((turned.detach() * 0, turned), -1)
    return matrix_exp(cat((top, bottom), -2))[..., :n, n:]


def layout_of_matrix_exp(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of exponentials: row-major, but that of the input if there are none."""
    return row_major(arguments, shape) if numel(shape) else as_input(arguments, shape)


@differentiable(
    name="linalg.matrix_exp",
    prepare=lambda input: (require_square("linalg.matrix_exp", input),),
    input=matrix_exp_grad,
)
@in_layout(layout_of_matrix_exp)
def matrix_exp(input: Tensor) -> Array:
    """Return the exponential of square matrices (..., n, n): the sum of Aᵏ / k!.

    >>> import minitensor as torch
    >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return input.backend.matrix_exp(input.array) if input.array.size else input.array.copy()


# -- chains ------------------------------------------------------------------------------------------------------------


@composite
def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """Multiply a chain of matrices ``tensors`` in the cheapest order; the first and the last may be vectors.

    Shape:
        - Input: (k_0, k_1), (k_1, k_2), ..., where the first may be (k_1,) and the last (k_n,)
        - Output: (k_0, k_n), without the dim of a vector

    Raises:
        TypeError: If ``tensors`` is not a sequence.
        RuntimeError: If there are fewer than two tensors, or shapes, dtypes or numbers of dims do not fit.

    >>> import minitensor as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 1), torch.ones(1)])
    tensor([3., 3.])
    """
    if not isinstance(tensors, (list, tuple)):
        raise ArgumentTypeError(f"linalg.multi_dot: expected a list of tensors, not {type(tensors).__name__}")
    chain = list(tensors)
    require_tensors("linalg.multi_dot", **{f"tensors[{i}]": each for i, each in enumerate(chain)})
    if len(chain) < 2:
        raise ShapeError(f"linalg.multi_dot: expected at least 2 tensors but got {len(chain)}")
    row, column = chain[0].ndim == 1, chain[-1].ndim == 1
    chain[0] = chain[0].unsqueeze(0) if row else chain[0]
    chain[-1] = chain[-1].unsqueeze(-1) if column else chain[-1]
    check_chain(chain)
    sizes = [chain[0].shape[0], *[each.shape[1] for each in chain]]
    result = multiply_chain(chain, cheapest_cuts(sizes), 0, len(chain) - 1)
    result = result.squeeze(-1) if column else result
    return write_out("linalg.multi_dot", result.squeeze(0) if row else result, out)


def check_chain(chain: Sequence[Tensor]) -> None:
    """Raise unless all factors are matrices of one dtype and fitting sizes."""
    for i, each in enumerate(chain):
        if each.ndim != 2:
            raise ShapeError(
                f"linalg.multi_dot: tensor {i} must be a matrix, and the first and last one a matrix or a vector, got "
                f"shape {tuple(each.shape)}"
            )
        if each.dtype is not chain[0].dtype:
            raise DtypeError(
                f"linalg.multi_dot: all tensors must have one dtype, got {chain[0].dtype.name} and {each.dtype.name}"
            )
        if i and chain[i - 1].shape[1] != each.shape[0]:
            raise ShapeError(
                f"linalg.multi_dot: tensors {i - 1} and {i} with shapes {tuple(chain[i - 1].shape)} and "
                f"{tuple(each.shape)} cannot be multiplied"
            )


# -- vectors -----------------------------------------------------------------------------------------------------------


@composite
def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Return the cross product along ``dim``, which has size 3; other dims broadcast.

    Args:
        input, other: Tensors of the same number of dims, such as (..., 3).
        dim: The dim of the vectors. Default: ``-1``.

    Raises:
        RuntimeError: If the numbers of dims differ, or the size of ``dim`` is not 3.
        IndexError: If the tensors have no dims.

    >>> import minitensor as torch
    >>> torch.linalg.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    require_tensors("linalg.cross", input=input, other=other)
    require_kind("linalg.cross", NUMERIC, input)
    require_same_dtype("linalg.cross", input=input, other=other)
    if input.ndim != other.ndim:
        raise ShapeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {tuple(input.shape)} and "
            f"{tuple(other.shape)}"
        )
    if not input.ndim:
        raise DimError(f"linalg.cross: dimension specified as {dim}, but the tensors have none")
    place = wrap_dim(dim, input.ndim)
    if input.shape[place] != 3 or other.shape[place] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3, got {input.shape[place]} and "
            f"{other.shape[place]}"
        )
    a, b = in_turn(input, other)
    return write_out("linalg.cross", cross_along(a, b, place), out, input, other)


def cross_grad_input(grad: Tensor, other: Tensor, dim: int) -> Tensor:
    """Return the gradient of the first factor of ``cross_along``."""
    return cross_along(conj(other), grad, dim)


def cross_grad_other(grad: Tensor, input: Tensor, dim: int) -> Tensor:
    """Return the gradient of the second factor of ``cross_along``."""
    return cross_along(grad, conj(input), dim)


@differentiable(input=cross_grad_input, other=cross_grad_other)
@in_layout(row_major)
def cross_along(input: Tensor, other: Tensor, dim: int) -> Array:
    """Return the cross product along a dim; the others broadcast."""
    xp = input.xp
    first, second = xp.broadcast_arrays(input.array, other.array)
    result = xp.empty(first.shape, first.dtype)
    a, b, target = [xp.moveaxis(each, dim, 0) for each in (first, second, result)]
    for i in range(3):
        target[i] = a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2]
    return result


@composite
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Return the sum of ``conj(x) * y`` along a dim: (..., n) and (..., n) give (...,); other dims broadcast.

    >>> import minitensor as torch
    >>> torch.linalg.vecdot(torch.tensor([[1., 2.], [0., 1.]]), torch.tensor([1., 1.]))
    tensor([3., 1.])
    """
    require_tensors("linalg.vecdot", x=x, y=y)
    require_kind("linalg.vecdot", INEXACT, x)
    require_same_dtype("linalg.vecdot", x=x, y=y)
    product = conj(x) * y
    return write_out("linalg.vecdot", product.sum(wrap_dim(dim, product.ndim), dtype=x.dtype), out)


@composite
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return a view of the diagonals of matrices, as a new last dim; see ``torch.diagonal``.

    Args:
        A: Matrices (..., m, n).
        offset: Which diagonal: 0 is the main one, 1 the one above it. Default: ``0``.
        dim1: The dim of the rows. Default: ``-2``.
        dim2: The dim of the columns. Default: ``-1``.

    >>> import minitensor as torch
    >>> torch.linalg.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return any_diagonal(A, offset, dim1, dim2)


@composite
def vander(x: Tensor, N: Count | None = None) -> Tensor:
    """Return the powers 0 to N - 1 of each element, along a new last dim; N is the number of elements by default.

    Args:
        x: The elements, (..., n).
        N: How many powers. Default: ``None``, n.

    Shape:
        - Output: (..., n, N)

    Raises:
        RuntimeError: If ``x`` holds bools, ``N`` is less than 2, or ``x`` has no dims and ``N`` is not given.

    >>> import minitensor as torch
    >>> torch.linalg.vander(torch.tensor([1, 2, 3]), N=4)
    tensor([[ 1,  1,  1,  1],
            [ 1,  2,  4,  8],
            [ 1,  3,  9, 27]])
    """
    require_tensors("linalg.vander", x=x)
    if x.dtype.kind == "b":
        raise DtypeError("linalg.vander: supports floating point, complex and integer tensors, but got bool; cast it")
    if N is None and not x.ndim:
        raise ShapeError("linalg.vander: expected a tensor of at least one dim, got a 0-d one; give N")
    count = x.shape[-1] if N is None else N
    if count <= 1:
        raise ShapeError(f"linalg.vander: N must be greater than 1, got {count}")
    x = x.unsqueeze(0) if not x.ndim else x
    powers = x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)
    ones = powers.detach().new_ones((*x.shape, 1))
    return cat((ones, powers), -1)[..., :count]


# -- covariance --------------------------------------------------------------------------------------------------------


@composite
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Return the covariance matrix (n, n) of variables, the rows of (n, count); one variable (count,) gives a number.

    Args:
        correction: Subtracted from the number of observations; 1 makes the estimate unbiased.
        fweights: Integers, how often each observation occurred.
        aweights: Floats, the weight of each observation.

    Raises:
        RuntimeError: If the input has more than two dims or holds bools, or weights do not fit or sum to zero.

    >>> import minitensor as torch
    >>> torch.cov(torch.tensor([[0., 2., 4.], [3., 2., 1.]]))
    tensor([[ 4., -2.],
            [-2.,  1.]])
    """
    check_variables(input)
    rows = input.reshape(1, -1) if input.ndim < 2 else input
    count = rows.shape[1]
    weights = joint_weights(count, fweights, aweights)
    if weights is None:
        total: Any = count
        mean = rows.sum(1, keepdim=True) / count if count else rows.sum(1, keepdim=True) * math.nan
        freedom: Any = total - correction
    else:
        total = weights.sum()
        if float(total) == 0:
            raise ShapeError("cov: the weights sum to zero, so they cannot be normalized")
        mean = (rows * weights).sum(1, keepdim=True) / total
        freedom = total - correction if aweights is None else total - correction * (weights * aweights).sum() / total
    if float(freedom) <= 0:
        warn_of_freedom("cov", "the number of observations")
    centered = rows - mean
    other = centered if weights is None else centered * weights
    right = adjoint(other)
    spread = matmul(centered.to(right.dtype), right)
    return spread.div(max(freedom, 0) if weights is None else freedom.clamp(min=0)).squeeze()


def check_variables(input: Any) -> None:
    """Raise unless the input has at most two dims and does not hold bools."""
    require_tensors("cov", input=input)
    if input.ndim > 2:
        raise ShapeError(f"cov: expected input to have two or fewer dimensions but got {input.ndim}")
    if input.dtype.kind == "b":
        raise DtypeError("cov: bool dtype is not supported for input; cast with .float()")


def joint_weights(count: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    """Return the weight of each observation, or None if there are no weights."""
    for name, given, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if given is None:
            continue
        require_tensors("cov", **{name: given})
        if given.ndim != 1 or given.shape[0] != count:
            raise ShapeError(
                f"cov: expected {name} of shape ({count},), one for each observation, got {tuple(given.shape)}"
            )
        if given.dtype.kind not in kinds:
            wanted = "integers" if kinds == "iu" else "floats"
            raise DtypeError(f"cov: expected {name} of {wanted}, got {given.dtype.name}")
        if any_true(values_of(given) < 0):
            raise ShapeError(f"cov: {name} cannot be negative")
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return fweights * aweights


@composite
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlation coefficients of variables, the rows of (n, observations): covariances scaled to [-1, 1].

    Raises:
        RuntimeError: If the input has more than two dims.

    >>> import minitensor as torch
    >>> torch.corrcoef(torch.tensor([[0., 2., 4.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if isinstance(input, TensorBase) and input.ndim > 2:
        raise ShapeError(f"corrcoef: expected input to have two or fewer dimensions but got {input.ndim}")
    spread = cov(input)
    if not spread.ndim:
        return spread.div(spread)
    deviation = sqrt(real_of(spread.diagonal()))
    scaled = spread / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    if scaled.dtype.kind != "c":
        return scaled.clamp(-1, 1)
    # Rounding can push a coefficient out of [-1, 1]; as in PyTorch, both parts are limited.
    return real_of(scaled).clamp(-1, 1) + 1j * real_of(scaled * -1j).clamp(-1, 1)
