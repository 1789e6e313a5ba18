"""Dropout layers: zeros at random while training, nothing in evaluation (Srivastava et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class DropoutNd(Module):
    """What dropout layers share: a probability, and whether to write where the input lies."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(DropoutNd):
    """Set each element to zero with probability ``p``, and multiply the others by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the thinned input in training, the input itself in evaluation."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout2d(DropoutNd):
    """Set each channel of (N, C, H, W) to zero with probability ``p``, and multiply the others by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the thinned input in training, the input itself in evaluation."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout1d(DropoutNd):
    """Set each channel of (N, C, L) to zero with probability ``p``, and multiply the others by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the thinned input in training, the input itself in evaluation."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout3d(DropoutNd):
    """Set each channel of (N, C, D, H, W) to zero with probability ``p``, and multiply the others by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the thinned input in training, the input itself in evaluation."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(DropoutNd):
    """Set elements to SELU's lowest value with probability ``p``; mean and variance stay (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the thinned input in training, the input itself in evaluation."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(DropoutNd):
    """Do what ``AlphaDropout`` does to whole channels of (N, C, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the thinned input in training, the input itself in evaluation."""
        return F.feature_alpha_dropout(input, self.p, self.training)
