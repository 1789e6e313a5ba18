"""Distance layers: they hold the options of the functions in ``functional``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class PairwiseDistance(Module):
    """The p-norm of the difference of two batches of vectors: ``||x1 - x2 + eps||_p``.

    Args:
        p: The p of the norm. Default: ``2.0``.
        eps: Number added to each difference, which keeps the gradient finite at equal vectors. Default: ``1e-06``.
        keepdim: Whether to keep the last dim, with size 1. Default: ``False``.

    Shape:
        - Input: two tensors (*, D), whose leading dims are broadcast
        - Output: (*), or (*, 1) with ``keepdim``

    Raises:
        ShapeError: If the shapes cannot be broadcast.

    >>> import minitensor as torch
    >>> torch.nn.PairwiseDistance()(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0]]))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors: ``x1 . x2 / (max(||x1||, eps) max(||x2||, eps))``.

    Args:
        dim: Dim of the vectors. Default: ``1``.
        eps: Lower limit of the norms, against division by zero. Default: ``1e-08``.

    Shape:
        - Input: two tensors (*, D, *), with D at ``dim``, which are broadcast
        - Output: (*, *), without ``dim``

    Raises:
        ShapeError: If the shapes cannot be broadcast.
        IndexError: If the inputs do not have the dim ``dim``.
        DtypeError: If neither input is of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.CosineSimilarity()(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([0.6000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
