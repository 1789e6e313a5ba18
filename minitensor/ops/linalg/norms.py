"""Norms of vectors and matrices; distances, condition numbers and renormalization, which use them.

A vector norm takes any dims as one long vector (``power_norm.py``); a matrix norm takes two dims and is composed of
sums, extremes or singular values. Nothing here has a gradient formula of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor import dtypes
from minitensor.autograd.binding import host_value
from minitensor.autograd.misuse import composite, composite_as
from minitensor.autograd.strides import lay_out_composite, row_major
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, DtypeError, ShapeError, ShapeIndexError, UsageTypeError
from minitensor.ops.choice import where
from minitensor.ops.copy import clone, with_row_major_grad
from minitensor.ops.creation import as_number, require_number
from minitensor.ops.fill import copy_
from minitensor.ops.kinds import FLOATS, require_kind, require_same_dtype
from minitensor.ops.linalg.checks import require_matrices, require_square
from minitensor.ops.linalg.factor import svdvals
from minitensor.ops.linalg.power_norm import require_floats, vector_norm
from minitensor.ops.linalg.solve import as_matrix_scalars, inv_ex
from minitensor.ops.matmul import adjoint, matmul
from minitensor.ops.operand import Number, not_a_tensor, require_tensors
from minitensor.ops.out import write_out
from minitensor.shapes import normalize_sizes, wrap_dim, wrap_dims

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

Dims: TypeAlias = "int | Sequence[int] | None"
Order: TypeAlias = "int | float | str"


# -- matrices ----------------------------------------------------------------------------------------------------------

BY_SUMS = {1.0: -2, -1.0: -2, math.inf: -1, -math.inf: -1}  # the dim to sum over before an extreme is taken


@composite
def matrix_norm(
    input: Tensor, ord: Order = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *,
    dtype: Dtype | None = None, out: Tensor | None = None,
) -> Tensor:
    """Return a norm of the matrices in two dims: "fro", "nuc" (the sum of singular values), 1, 2, inf, -1, -2, -inf.

    2 and -2 give the largest and smallest singular value, 1 and -1 the largest and smallest sum of absolute values of a
    column, inf and -inf of a row.

    Args:
        input: Matrices (..., m, n), if ``dim`` is not given.
        ord: Order of the norm. Default: ``"fro"``.
        dim: The dims of the rows and of the columns. Default: ``(-2, -1)``.

    Raises:
        RuntimeError: If the input has fewer than two dims, holds integers or bools, or ``dim`` does not name two dims.
        RuntimeError, TypeError: If ``ord`` is not one of these.

    >>> import minitensor as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[1., 2.], [3., 4.]]), 1)
    tensor(6.)
    """
    name = "linalg.matrix_norm"
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, "input", input)
    if isinstance(dim, int) or len(dim) != 2:
        raise ShapeError(f"{name}: dim must be a 2-tuple, got {dim}")
    input = require_floats(name, input, dtype)
    if input.ndim < 2:
        raise ShapeError(f"{name}: the input tensor must have at least 2 dimensions, got shape {tuple(input.shape)}")
    rows, columns = wrap_dims(normalize_sizes(dim), input.ndim)
    if rows == columns:
        raise ShapeError(f"{name}: dims must be different, got {tuple(dim)}")
    if ord == "fro":
        return write_out("linalg.matrix_norm", vector_norm(input, 2.0, (rows, columns), keepdim), out)
    found = norm_of_last_dims(name, input.movedim((rows, columns), (-2, -1)), ord)
    if keepdim:
        found = restore_dims(found, ord, rows, columns)
    return write_out("linalg.matrix_norm", found, out)


def restore_dims(found: Tensor, ord: Order, rows: int, columns: int) -> Tensor:
    """Insert the reduced dims with size 1; norms of singular values get PyTorch's strides by moving them."""
    if ord == "nuc" or abs(float(ord)) == 2:
        return found.unsqueeze(-1).unsqueeze(-1).movedim((-2, -1), (rows, columns))
    for each in sorted((rows, columns)):
        found = found.unsqueeze(each)
    return found


def norm_of_last_dims(name: str, input: Tensor, ord: Order) -> Tensor:
    """Return a norm of the matrices in the last two dims."""
    ord = as_number(host_value(ord, None))
    if ord == "nuc":
        return svdvals(input).sum(-1)
    if isinstance(ord, str) or not isinstance(ord, (int, float)) or abs(float(ord)) not in (1, 2, math.inf):
        raise UsageTypeError(
            f"{name}: order {ord!r} is not supported; the orders are 'fro', 'nuc', 1, 2, inf, -1, -2, -inf"
        )
    if abs(ord) == 2:
        values = svdvals(input)
        return reduce_to_extreme(name, values, -1, ord > 0, input)
    along = BY_SUMS[float(ord)]
    return reduce_to_extreme(name, vector_norm(input, 1.0, (input.ndim + along,), False), -1, ord > 0, input)


def reduce_to_extreme(name: str, input: Tensor, dim: int, largest: bool, matrix: Tensor) -> Tensor:
    """Return the largest or smallest entry of a dim; 0 is the largest of an empty dim, which has no smallest."""
    if not input.shape[dim] and largest:
        return input.sum(dim)
    if not input.shape[dim]:
        raise ShapeIndexError(
            f"{name}: a matrix of shape {tuple(matrix.shape[-2:])} has no smallest entry: it is empty"
        )
    return input.amax(dim) if largest else input.amin(dim)


@composite
def norm(
    input: Tensor, ord: Order | None = None, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None,
    dtype: Dtype | None = None,
) -> Tensor:
    """Return a vector norm or a matrix norm, depending on the number of dims.

    Without ``ord`` it is the 2-norm over ``dim``, all by default. With ``ord``, one dim or a 1-D tensor gives a vector
    norm, two dims or a 2-D tensor a matrix norm.

    Args:
        input: A tensor (*), or for a norm of matrices (..., m, n).
        ord: Order of the norm, see ``vector_norm`` and ``matrix_norm``. Default: ``None``.

    Raises:
        RuntimeError: If the input holds integers or bools, or ``ord`` and the number of dims do not fit together.

    >>> import minitensor as torch
    >>> torch.linalg.norm(torch.tensor([[1., 2.], [3., 4.]]), "nuc")
    tensor(5.8310)
    """
    require_tensors("linalg.norm", input=input)
    if ord is None:
        return vector_norm(input, 2, dim, keepdim, dtype=dtype, out=out)
    dims = tuple(dim) if isinstance(dim, Sequence) else None if dim is None else (dim,)
    if dims is None:
        if input.ndim not in (1, 2):
            raise ShapeError(
                f"linalg.norm: if dim is not given but ord is, the input must be 1-D or 2-D, got {tuple(input.shape)}"
            )
        dims = (0,) if input.ndim == 1 else (0, 1)
    elif len(dims) not in (1, 2):
        raise ShapeError(f"linalg.norm: dim must be one dim or two, got {dims}")
    if len(dims) == 1 and isinstance(ord, str):
        raise ShapeError(f"linalg.norm: ord={ord!r} is a norm of matrices: it needs two dims, got dim={dims}")
    if len(dims) == 1:
        return vector_norm(input, ord, dims, keepdim, dtype=dtype, out=out)  # type: ignore[arg-type]  # it refuses words
    return matrix_norm(input, ord, dims, keepdim, dtype=dtype, out=out)


@composite_as("norm")
def plain_norm(
    input: Tensor, p: Order | None = "fro", dim: Dims = None, keepdim: bool = False, out: Tensor | None = None,
    dtype: Dtype | None = None,
) -> Tensor:
    """Serve ``torch.norm``: return the p-norm of all elements, or those along ``dim``, as one vector; "fro" is 2.

    "nuc" is the sum of the singular values of the matrices in two dims.

    Args:
        p: Order of the norm: a number, or ``"fro"`` or ``"nuc"``. Default: ``"fro"``.

    Raises:
        RuntimeError, TypeError: If ``p`` is none of these.

    >>> import minitensor as torch
    >>> torch.norm(torch.tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    require_tensors("norm", input=input)
    if dtype is not None:
        input = input.to(dtype)
    if p == "nuc":
        return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, out=out)  # type: ignore[arg-type]
    if isinstance(p, str) and p != "fro":
        raise UsageTypeError(f"norm: order {p!r} is not supported; the orders are numbers, inf, -inf, 'fro' and 'nuc'")
    order = 2.0 if p is None or p == "fro" else float(p)
    found = vector_norm(input, order, dim, keepdim)
    return write_out("norm", found, out)


# -- condition numbers, distances --------------------------------------------------------------------------------------


@composite
def cond(input: Tensor, p: Order | None = None, *, out: Tensor | None = None) -> Tensor:
    """Return ‖A‖ ‖A⁻¹‖ of matrices A in the norm ``p``.

    For None, 2 and -2 it is a quotient of singular values, and the matrices need not be square. Singular matrices give
    infinity.

    Args:
        input: Matrices A, (..., m, n).
        p: Order of the norm, see ``matrix_norm``. Default: ``None``, the same as ``2``.

    Raises:
        RuntimeError: If the input has fewer than two dims, or the matrices are not square and ``p`` is none of None, 2
            and -2.

    >>> import minitensor as torch
    >>> torch.linalg.cond(torch.tensor([[4., 0.], [0., 1.]]))
    tensor(4.)
    """
    require_matrices("linalg.cond", input)
    if p is None or p in (2, -2):
        values = svdvals(input)
        if not values.shape[-1]:
            return write_out("linalg.cond", values.sum(-1), out)
        first, last = values[..., 0], values[..., -1]
        return write_out("linalg.cond", last / first if p == -2 else first / last, out)
    require_square("linalg.cond", input)
    if not input.shape[-1]:
        return write_out("linalg.cond", vector_norm(input, 2.0, (input.ndim - 2, input.ndim - 1), False), out)
    inverse, info = inv_ex(input)
    singular = info != 0
    inverse = where(as_matrix_scalars(singular), 0, inverse)  # the nuclear norm of NaN raises
    found = matrix_norm(input, p) * matrix_norm(inverse, p)
    return write_out("linalg.cond", where(singular | found.isnan(), math.inf, found), out)


@composite
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the ``p``-norm of ``input - other``.

    >>> import minitensor as torch
    >>> torch.dist(torch.tensor([3., 4.]), torch.tensor([0., 0.]))
    tensor(5.)
    """
    require_tensors("dist", input=input, other=other)
    return plain_norm(input - other, p)


MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
MANY_POINTS = 25  # above this number Euclidean distances are computed by a product, as in PyTorch


@composite
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = MODES[0]) -> Tensor:
    """Return the p-norm distances of two sets of points: (..., P, M) and (..., R, M) give (..., P, R).

    Euclidean distances of many points are computed from |x|² + |y|² - 2 x·y, which is fast but inaccurate for small
    distances; ``compute_mode="donot_use_mm_for_euclid_dist"`` subtracts the points.

    Args:
        x1, x2: The points, (..., P, M) and (..., R, M).
        p: Order of the norm, not negative. Default: ``2.0``.
        compute_mode: How Euclidean distances are computed. Default: ``"use_mm_for_euclid_dist_if_necessary"``.

    Raises:
        ValueError: If ``compute_mode`` is unknown.
        RuntimeError: If ``p`` is negative, or shapes do not fit.

    >>> import minitensor as torch
    >>> torch.cdist(torch.tensor([[0., 0.]]), torch.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    check_points(x1, x2, p)
    mode = MODES[0] if compute_mode is None else compute_mode
    if mode not in MODES:
        raise ArgumentError(f"cdist: compute_mode must be one of {', '.join(MODES)}, got {mode!r}")
    if x1.dtype in dtypes.HALVES:
        return cdist(x1.float(), x2.float(), p, mode).to(x1.dtype)
    many = max(x1.shape[-2], x2.shape[-2]) > MANY_POINTS
    x1, x2 = in_turn(x1, x2)
    if p == 2 and (mode == MODES[1] or (mode == MODES[0] and many)):
        return euclidean(x1, with_row_major_grad(x2))
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if not difference.shape[-1]:
        return difference.sum(-1)
    return vector_norm(difference, float(p), (difference.ndim - 1,), False)


def check_points(x1: Any, x2: Any, p: float) -> None:
    """Raise unless the arguments are two sets of points of one dimension."""
    require_tensors("cdist", x1=x1, x2=x2)
    for name, each in (("X1", x1), ("X2", x2)):
        require_kind("cdist", FLOATS, each)
        if each.ndim < 2:
            raise ShapeError(f"cdist: only supports at least 2D tensors, {name} got {each.ndim}D")
    require_same_dtype("cdist", x1=x1, x2=x2)
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: X1 and X2 must have the same number of columns, got {x1.shape[-1]} and {x2.shape[-1]}"
        )
    if not p >= 0:
        raise ShapeError(f"cdist: only supports non-negative p values, got {p}")


def euclidean(x1: Tensor, x2: Tensor) -> Tensor:
    """Return the square roots of |x|² + |y|² - 2 x·y; where that rounds to zero or less, zero with a slope of zero."""
    sums = (x1 * x1).sum(-1).unsqueeze(-1) + (x2 * x2).sum(-1).unsqueeze(-2)
    squares = sums - 2 * matmul(x1, adjoint(x2))
    is_zero = squares <= 0
    # See Note [Safe arguments] in choice.py.
    found: Tensor = where(is_zero, 0, where(is_zero, 1, squares).sqrt())
    return found


def renorm_factors(input: Tensor, p: Any, dim: int, maxnorm: Any) -> Tensor:
    """Return the factor for each slice along ``dim`` that limits its p-norm to ``maxnorm``."""
    require_tensors("renorm", input=input)
    power, limit = require_number("renorm", "p", p), require_number("renorm", "maxnorm", maxnorm)
    if isinstance(power, complex) or isinstance(limit, complex):
        raise DtypeError(f"renorm: p and maxnorm must be real, got {p} and {maxnorm}")
    if not power > 0:
        raise DtypeError(f"renorm: p must be greater than zero, got {p}")
    if not limit >= 0:
        raise DtypeError(f"renorm: maxnorm must be at least zero, got {maxnorm}")
    if input.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dims, got {input.ndim}; unsqueeze adds one")
    place = wrap_dim(dim, input.ndim)
    others = tuple([each for each in range(input.ndim) if each != place])
    norms = vector_norm(input, float(power), others, True, dtype=WIDER.get(input.dtype))
    limit = min(limit, dtypes.finfo(norms.dtype).max)  # an infinite one times a gradient of zero would be NaN
    over = norms > limit
    # 1e-7 is PyTorch's; for the inner `where` see Note [Safe arguments] in choice.py.
    factors = where(over, limit / where(over, norms + 1e-7, 1.0), 1.0)
    cast: Tensor = factors.to(input.dtype)
    return cast


@composite
def renorm(input: Tensor, p: Number, dim: int, maxnorm: Number, *, out: Tensor | None = None) -> Tensor:
    """Return ``input`` with each slice along ``dim`` whose p-norm exceeds ``maxnorm`` scaled down to that norm.

    Raises:
        RuntimeError: If ``p`` is not positive, ``maxnorm`` is negative, or ``input`` has integers or fewer than two
            dims.
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.renorm(torch.tensor([[3., 4.], [0., 1.]]), 2, 0, 2.5)
    tensor([[1.5000, 2.0000],
            [0.0000, 1.0000]])
    """
    scaled = (input * renorm_factors(input, p, dim, maxnorm)).contiguous()
    return write_out("renorm", lay_out_composite(row_major, (input,), scaled), out, input)


@composite
def renorm_(input: Tensor, p: Number, dim: int, maxnorm: Number) -> Tensor:
    """Scale down in place the slices along ``dim`` whose p-norm exceeds ``maxnorm``; see ``renorm``."""
    require_tensors("renorm_", input=input)
    saved = clone(input)  # the graph keeps the old values, which are overwritten here
    return copy_(input, renorm(saved, p, dim, maxnorm))


# Norms are computed in a wider dtype, as in PyTorch.
WIDER = {
    dtypes.float16: dtypes.float32, dtypes.bfloat16: dtypes.float32,
    dtypes.float32: dtypes.float64,
    dtypes.complex64: dtypes.complex128,
}
