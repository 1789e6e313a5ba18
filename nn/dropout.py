"""Dropout layers: random entries are dropped in training, none in evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class DropoutNd(Module):
    """The common base of the dropout layers."""

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
    """Set entries to zero at random in training.

    In training, the others are multiplied by 1 / (1 - p), which keeps the expected value; in evaluation, the input is
    returned unchanged.

    See Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.

    Args:
        p: Probability with which each entry is dropped. Default: ``0.5``.
        inplace: Whether to overwrite the input. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: the same shape

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        RuntimeError: In training, if ``inplace`` is set and the input is a leaf that requires a gradient, or cannot be
            written.
        NotImplementedError: In training, if the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> layer = torch.nn.Dropout(0.2)
    >>> sorted(set(layer(torch.ones(100)).tolist()))
    [0.0, 1.25]
    >>> layer.eval()(torch.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with random entries dropped."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout2d(DropoutNd):
    """Set whole channels of images to zero at random in training.

    In training, the others are multiplied by 1 / (1 - p), which keeps the expected value; in evaluation, the input is
    returned unchanged.

    The entries of a channel are correlated; dropping them one by one regularizes little. See Tompson et al., Efficient
    Object Localization Using Convolutional Networks, 2015.

    Args:
        p: Probability with which each channel of a sample is dropped. Default: ``0.5``.
        inplace: Whether to overwrite the input. Default: ``False``.

    Shape:
        - Input: (N, C, H, W). As in PyTorch, 3 dims are taken for (N, C, L), with a warning, and other numbers are
          deprecated.
        - Output: the same shape

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        ShapeError: If the input has fewer than 2 dims.
        RuntimeError: In training, if ``inplace`` is set and the input is a leaf that requires a gradient, or cannot be
            written.
        NotImplementedError: In training, if the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> channels = torch.nn.Dropout2d()(torch.ones(20, 16, 2, 2))
    >>> sorted(set(channels.sum((2, 3)).flatten().tolist()))
    [0.0, 8.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with random entries dropped."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout1d(DropoutNd):
    """Set whole channels of sequences to zero at random in training.

    In training, the others are multiplied by 1 / (1 - p), which keeps the expected value; in evaluation, the input is
    returned unchanged.

    The entries of a channel are correlated; dropping them one by one regularizes little. See Tompson et al., Efficient
    Object Localization Using Convolutional Networks, 2015.

    Args:
        p: Probability with which each channel of a sample is dropped. Default: ``0.5``.
        inplace: Whether to overwrite the input. Default: ``False``.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: the same shape

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        ShapeError: If the input does not have 2 or 3 dims.
        RuntimeError: In training, if ``inplace`` is set and the input is a leaf that requires a gradient, or cannot be
            written.
        NotImplementedError: In training, if the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> channels = torch.nn.Dropout1d()(torch.ones(20, 16, 4))
    >>> sorted(set(channels.sum(-1).flatten().tolist()))
    [0.0, 8.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with random entries dropped."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout3d(DropoutNd):
    """Set whole channels of volumes to zero at random in training.

    In training, the others are multiplied by 1 / (1 - p), which keeps the expected value; in evaluation, the input is
    returned unchanged.

    The entries of a channel are correlated; dropping them one by one regularizes little. See Tompson et al., Efficient
    Object Localization Using Convolutional Networks, 2015.

    Args:
        p: Probability with which each channel of a sample is dropped. Default: ``0.5``.
        inplace: Whether to overwrite the input. Default: ``False``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W). Other numbers of dims are deprecated.
        - Output: the same shape

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        ShapeError: If the input has no dims.
        RuntimeError: In training, if ``inplace`` is set and the input is a leaf that requires a gradient, or cannot be
            written.
        NotImplementedError: In training, if the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> channels = torch.nn.Dropout3d()(torch.ones(20, 16, 2, 2, 2))
    >>> sorted(set(channels.sum((2, 3, 4)).flatten().tolist()))
    [0.0, 16.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with random entries dropped."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(DropoutNd):
    """Set entries to the lower limit of ``SELU`` at random in training, and keep mean and variance.

    The result is scaled and shifted: an input of mean 0 and variance 1 keeps them. Use it with ``SELU``. In evaluation,
    the input is returned unchanged. See Klambauer et al., Self-Normalizing Neural Networks, 2017.

    Args:
        p: Probability with which each entry is dropped. Default: ``0.5``.
        inplace: Unused, as in PyTorch: the input is never overwritten. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: the same shape

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        NotImplementedError: In training, if the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> output = torch.nn.AlphaDropout(0.2)(torch.randn(100000))
    >>> bool(output.mean().abs() < 0.05), bool((output.var() - 1).abs() < 0.05)
    (True, True)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with random entries dropped."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(DropoutNd):
    """Set whole channels to the lower limit of ``SELU`` at random in training, and keep mean and variance.

    It is ``AlphaDropout`` for channels: the entries of a channel are dropped together. In evaluation, the input is
    returned unchanged.

    Args:
        p: Probability with which each channel of a sample is dropped. Default: ``0.5``.
        inplace: Unused, as in PyTorch: the input is never overwritten. Default: ``False``.

    Shape:
        - Input: (N, C, *)
        - Output: the same shape

    Raises:
        ValueError: If ``p`` is not between 0 and 1.
        ShapeError: If the input has fewer than 2 dims.
        NotImplementedError: In training, if the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> output = torch.nn.FeatureAlphaDropout()(torch.zeros(20, 16, 4, 4))
    >>> len(set(output.flatten().tolist()))
    2
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with random entries dropped."""
        return F.feature_alpha_dropout(input, self.p, self.training)

# PyTorch's names, for isinstance.
_DropoutNd = DropoutNd
