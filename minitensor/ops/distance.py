"""Distances and angles between vectors of two tensors, and between all rows of one.

All are composed of norms, whose gradient is zero where the norm is zero: a distance of zero has no direction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.autograd.turns import in_turn
from minitensor.dtypes import HALVES, float32
from minitensor.errors import DtypeError, ShapeError
from minitensor.ops.broadcast import broadcast_tensors
from minitensor.ops.linalg.norms import plain_norm as norm
from minitensor.ops.operand import require_tensors, result_dtype
from minitensor.ops.triangle import triu_indices

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


@composite
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between vectors along ``dim``; norms below ``eps`` count as ``eps``.

    Args:
        x1, x2: The vectors, (..., D, ...), of shapes that broadcast.
        dim: The dim of the vectors. Default: ``1``.
        eps: Least norm by which is divided. Default: ``1e-8``.

    Raises:
        RuntimeError: If the common dtype is not floating-point, or ``eps`` is negative.

    >>> import minitensor as torch
    >>> torch.cosine_similarity(torch.tensor([3., 4.]), torch.tensor([0., 2.]), dim=0)
    tensor(0.8000)
    """
    require_tensors("cosine_similarity", x1=x1, x2=x2)
    kind = result_dtype(x1, x2)
    if not kind.is_floating_point:
        raise DtypeError(f"cosine_similarity: expected common dtype to be floating point, got {kind.name}")
    if not eps >= 0:
        raise ShapeError(f"cosine_similarity: eps must not be negative, got {eps}")
    if x1.shape != x2.shape:
        x1, x2 = in_turn(x1, x2)
    within = float32 if kind in HALVES else kind  # halves are rounded once
    first, second = broadcast_tensors(x1.to(within), x2.to(within))
    return (unit_vectors(first, dim, eps) * unit_vectors(second, dim, eps)).sum(dim).to(kind)


def unit_vectors(vectors: Tensor, dim: int, eps: float) -> Tensor:
    """Divide vectors along ``dim`` by their norms, or by ``eps`` where these are smaller."""
    lengths = norm(vectors, 2, dim, True).clone()
    with no_grad():  # as in PyTorch, the gradient ignores the clamp
        lengths.clamp_(min=eps)
    return vectors / lengths


@composite
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return the p-norms of ``x1 - x2 + eps`` along the last dim: (N, D) and (N, D) give (N,).

    Args:
        x1, x2: The vectors, (N, D) or other shapes that broadcast.
        p: Order of the norm. Default: ``2.0``.
        eps: Added to the differences, so that the gradient is finite. Default: ``1e-6``.
        keepdim: Keep the last dim, with size 1. Default: ``False``.

    >>> import minitensor as torch
    >>> torch.pairwise_distance(torch.tensor([[1., 2.]]), torch.tensor([[4., 6.]]))
    tensor([5.0000])
    """
    require_tensors("pairwise_distance", x1=x1, x2=x2)
    return norm(x1 - x2 + float(eps), p, -1, keepdim)


@composite
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norm distances between all pairs of rows of (N, D), N (N - 1) / 2 of them: row 0 with 1, 2, ...

    Args:
        input: The rows, (N, D).
        p: Order of the norm. Default: ``2.0``.

    Raises:
        RuntimeError: If the input does not have two dims, does not hold floats, or ``p`` is negative.

    >>> import minitensor as torch
    >>> torch.pdist(torch.tensor([[0.], [1.], [5.]]))
    tensor([1., 5., 4.])
    """
    require_tensors("pdist", input=input)
    if input.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {input.ndim}D, of shape {tuple(input.shape)}")
    if input.dtype.kind != "f":
        raise DtypeError(f"pdist only supports floating-point dtypes, got {input.dtype.name}")
    if not p >= 0:
        raise ShapeError(f"pdist only supports non-negative p values, got {p}")
    count = input.shape[0]
    first, second = [input.index_select(0, each) for each in triu_indices(count, count, 1, device=input.device)]
    if not input.shape[1]:
        return (first - second).sum(1)
    return norm(first - second, p, 1)
