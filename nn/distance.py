"""Distances as layers: they hold the options and call the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class PairwiseDistance(Module):
    """The p-norm of the difference of two inputs (N, D), with ``eps`` added to it: (N), or (N, 1) with ``keepdim``."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along ``dim``; lengths below ``eps`` count as ``eps``."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
