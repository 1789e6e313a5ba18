"""Lazy batch and instance norms: the number of channels comes with the first input.

How a layer waits for its first input is told in ``lazy.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import dtypes
from minitensor.nn.batchnorm import (
    BatchNorm,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    NormBase,
)
from minitensor.nn.lazy import LazyModuleMixin
from minitensor.nn.parameter import UninitializedBuffer, UninitializedParameter
from minitensor.ops.creation import tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class LazyNorm(LazyModuleMixin, NormBase):
    """The common base of lazy batch norms and instance norms."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=dtypes.int64, device=device)

    def reset_parameters(self) -> None:
        """Reset the parameters and statistics, if they have a shape."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``num_features`` from the input."""
        self._check_input_dim(input)
        if self.has_uninitialized_params() or not (self.affine or self.track_running_stats):
            self.num_features = channels = input.shape[self._channel_dim(input)]
            self._materialize(weight=(channels,), bias=(channels,), running_mean=(channels,), running_var=(channels,))
            self.reset_parameters()
        # A weight that was loaded from a state dict may have another size than the input; then forward raises.
        known = self.weight if self.weight is not None else self.running_mean
        if known is not None:
            self.num_features = known.shape[0]

    def _channel_dim(self, input: Tensor) -> int:
        return 1


class LazyBatchNorm1d(LazyNorm, BatchNorm):
    """A ``BatchNorm1d`` that takes ``num_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``BatchNorm1d``. See
    ``LazyModuleMixin``.

    Args:
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` keeps the plain average over all batches. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``True``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C) or (N, C, L)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.
        num_batches_tracked: Number of batches seen in training, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input does not have 2 or 3 dims, if it has only one entry for each channel in training, or if
            ``eps`` is negative, or 0 in training.
        ShapeError: If the parameters or running statistics do not have one entry for each channel of a later input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyBatchNorm1d()
    >>> layer(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    >>> layer.num_features, layer.running_mean
    (3, tensor([0.1000, 0.1000, 0.1000]))
    """

    ranks = BatchNorm1d.ranks
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(LazyNorm, BatchNorm):
    """A ``BatchNorm2d`` that takes ``num_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``BatchNorm2d``. See
    ``LazyModuleMixin``.

    Args:
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` keeps the plain average over all batches. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``True``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, H, W)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.
        num_batches_tracked: Number of batches seen in training, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input does not have 4 dims, if it has only one entry for each channel in training, or if
            ``eps`` is negative, or 0 in training.
        ShapeError: If the parameters or running statistics do not have one entry for each channel of a later input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyBatchNorm2d()
    >>> layer(torch.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    >>> layer.num_features, layer.running_mean
    (3, tensor([0.1000, 0.1000, 0.1000]))
    """

    ranks = BatchNorm2d.ranks
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(LazyNorm, BatchNorm):
    """A ``BatchNorm3d`` that takes ``num_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``BatchNorm3d``. See
    ``LazyModuleMixin``.

    Args:
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` keeps the plain average over all batches. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``True``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, D, H, W)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.
        num_batches_tracked: Number of batches seen in training, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input does not have 5 dims, if it has only one entry for each channel in training, or if
            ``eps`` is negative, or 0 in training.
        ShapeError: If the parameters or running statistics do not have one entry for each channel of a later input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyBatchNorm3d()
    >>> layer(torch.ones(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    >>> layer.num_features, layer.running_mean
    (3, tensor([0.1000, 0.1000, 0.1000]))
    """

    ranks = BatchNorm3d.ranks
    cls_to_become = BatchNorm3d


class LazyInstanceNorm(LazyNorm, InstanceNorm):
    """The common base of the lazy instance norms, whose input may have no batch dim."""

    def _channel_dim(self, input: Tensor) -> int:
        return input.ndim - min(self.ranks)


class LazyInstanceNorm1d(LazyInstanceNorm):
    """An ``InstanceNorm1d`` that takes ``num_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``InstanceNorm1d``. See
    ``LazyModuleMixin``. Unlike there, ``affine`` and ``track_running_stats`` are on by default, as in PyTorch.

    Args:
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` leaves them as they are. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``True``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input does not have 2 or 3 dims, if it has only one entry for each channel of a sample and no
            running statistics are used, or if ``affine`` is set and a later input has another number of channels.
        ShapeError: If running statistics are tracked without ``affine`` and a later input has another number of
            channels.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyInstanceNorm1d()
    >>> layer(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    >>> layer.num_features, layer.running_mean
    (3, tensor([0.1000, 0.1000, 0.1000]))
    """

    ranks = InstanceNorm1d.ranks
    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(LazyInstanceNorm):
    """An ``InstanceNorm2d`` that takes ``num_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``InstanceNorm2d``. See
    ``LazyModuleMixin``. Unlike there, ``affine`` and ``track_running_stats`` are on by default, as in PyTorch.

    Args:
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` leaves them as they are. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``True``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input does not have 3 or 4 dims, if it has only one entry for each channel of a sample and no
            running statistics are used, or if ``affine`` is set and a later input has another number of channels.
        ShapeError: If running statistics are tracked without ``affine`` and a later input has another number of
            channels.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyInstanceNorm2d()
    >>> layer(torch.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    >>> layer.num_features, layer.running_mean
    (3, tensor([0.1000, 0.1000, 0.1000]))
    """

    ranks = InstanceNorm2d.ranks
    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(LazyInstanceNorm):
    """An ``InstanceNorm3d`` that takes ``num_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``InstanceNorm3d``. See
    ``LazyModuleMixin``. Unlike there, ``affine`` and ``track_running_stats`` are on by default, as in PyTorch.

    Args:
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` leaves them as they are. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``True``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input does not have 4 or 5 dims, if it has only one entry for each channel of a sample and no
            running statistics are used, or if ``affine`` is set and a later input has another number of channels.
        ShapeError: If running statistics are tracked without ``affine`` and a later input has another number of
            channels.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyInstanceNorm3d()
    >>> layer(torch.ones(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    >>> layer.num_features, layer.running_mean
    (3, tensor([0.1000, 0.1000, 0.1000]))
    """

    ranks = InstanceNorm3d.ranks
    cls_to_become = InstanceNorm3d
