"""Batch and instance normalization: layers with running statistics.

Norms without running statistics are in ``normalization.py``. The work is in ``functional.normalization``.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor import dtypes
from minitensor.base import require_writable
from minitensor.callers import user_level
from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.module import Module
from minitensor.nn.normalization import reset_affine
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty, ones, tensor, zeros
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype


class NormBase(Module):
    """The common base of batch norms and instance norms: parameters of each channel, and running statistics."""

    _version = 2  # 2: num_batches_tracked is part of the state dict
    ranks: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_features, **factory)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_features, **factory)) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **factory) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **factory) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=dtypes.int64, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Reset the running statistics to mean 0 and variance 1."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Reset the running statistics, and set the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        reset_affine(self.weight, self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            wanted = " or ".join(f"{rank}D" for rank in self.ranks)
            raise ArgumentError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        """Accept state dicts without ``num_batches_tracked``, as old ones are: the count keeps its value."""
        key = prefix + "num_batches_tracked"
        if local_metadata.get("version") in (None, 1) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class BatchNorm(NormBase):
    """The common base of the batch norms: each channel is standardized over the whole batch."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias, channel by channel.

        Mean and variance are those of the batch in training, or if none are tracked; in evaluation, the running ones.
        """
        self._check_input_dim(input)
        training, tracking = self.training, self.track_running_stats
        mean, var = self.running_mean, self.running_var
        factor = self.count_batch() if training and tracking else 0.0
        if training and not tracking:
            mean = var = None
        use_batch = training or (mean is None and var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, factor, self.eps)

    def count_batch(self) -> float:
        """Count this batch, and return its share in the running statistics: ``momentum``, or else 1 / count."""
        require_writable("batch_norm", *self._buffers.values())
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        if self.momentum is not None:
            return self.momentum
        return 0.0 if self.num_batches_tracked is None else 1.0 / float(self.num_batches_tracked)


class BatchNorm1d(BatchNorm):
    """Standardize each feature over the batch.

    The output is (x - mean) / sqrt(var + eps) * weight + bias. In training, mean and variance are those of the batch,
    over N and, if there is one, L; in evaluation, the running ones. The batch is normalized by its biased variance; the
    running variance is unbiased. See Ioffe and Szegedy, Batch Normalization, 2015.

    Args:
        num_features: Number C of channels of the input.
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
        ShapeError: If the parameters or running statistics do not have one entry for each channel of the input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.BatchNorm1d(2)
    >>> layer(torch.tensor([[1.0, 30.0], [3.0, 10.0]])).detach()
    tensor([[-1.0000,  1.0000],
            [ 1.0000, -1.0000]])
    >>> layer.running_mean
    tensor([0.2000, 2.0000])
    """

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Standardize each channel of images over the batch.

    The output is (x - mean) / sqrt(var + eps) * weight + bias. In training, mean and variance are those of the batch,
    over N, H and W; in evaluation, the running ones. The batch is normalized by its biased variance; the running
    variance is unbiased. See Ioffe and Szegedy, Batch Normalization, 2015.

    Args:
        num_features: Number C of channels of the input.
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
        ShapeError: If the parameters or running statistics do not have one entry for each channel of the input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.BatchNorm2d(100, affine=False)
    >>> layer(torch.zeros(20, 100, 35, 45)).shape
    torch.Size([20, 100, 35, 45])
    >>> layer.num_batches_tracked
    tensor(1)
    """

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Standardize each channel of volumes over the batch.

    The output is (x - mean) / sqrt(var + eps) * weight + bias. In training, mean and variance are those of the batch,
    over N, D, H and W; in evaluation, the running ones. The batch is normalized by its biased variance; the running
    variance is unbiased. See Ioffe and Szegedy, Batch Normalization, 2015.

    Args:
        num_features: Number C of channels of the input.
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
        ShapeError: If the parameters or running statistics do not have one entry for each channel of the input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.BatchNorm3d(100)
    >>> layer(torch.zeros(2, 100, 5, 6, 7)).shape
    torch.Size([2, 100, 5, 6, 7])
    """

    ranks = (5,)


class InstanceNorm(NormBase):
    """The common base of the instance norms: each channel of each sample is standardized by itself."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias, sample by sample and channel by channel."""
        self._check_input_dim(input)
        sample_rank = min(self.ranks)
        dim = input.ndim - sample_rank
        channels = input.shape[dim]
        if channels != self.num_features:
            if self.affine:
                raise ArgumentError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                    f"{channels}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features={self.num_features}, not used because "
                "affine=False",
                stacklevel=user_level(),
            )
        batch = input.unsqueeze(0) if input.ndim == sample_rank else input
        # Unlike batch norm: as in PyTorch, without a momentum the running statistics do not move.
        momentum = 0.0 if self.momentum is None else self.momentum
        use_input_stats = self.training or not self.track_running_stats
        result = F.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias, use_input_stats, momentum, self.eps
        )
        return result.squeeze(0) if input.ndim == sample_rank else result


class InstanceNorm1d(InstanceNorm):
    """Standardize each channel of each sequence by itself.

    The output is (x - mean) / sqrt(var + eps) * weight + bias, with mean and variance over L of each sample and
    channel. Training and evaluation do the same, unless running statistics are tracked. See Ulyanov, Vedaldi and
    Lempitsky, Instance Normalization, 2016.

    Args:
        num_features: Number C of channels of the input.
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` leaves them as they are. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``False``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``False``.
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
            running statistics are used, or if ``affine`` is set and it does not have ``num_features`` channels. Without
            ``affine`` and running statistics, other numbers of channels only lead to a warning.
        ShapeError: If running statistics are tracked without ``affine`` and the input does not have ``num_features``
            channels.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.InstanceNorm1d(2)
    >>> layer(torch.tensor([[[1.0, 3.0], [30.0, 10.0]]]))
    tensor([[[-1.0000,  1.0000],
             [ 1.0000, -1.0000]]])
    """

    ranks = (2, 3)


class InstanceNorm2d(InstanceNorm):
    """Standardize each channel of each image by itself.

    The output is (x - mean) / sqrt(var + eps) * weight + bias, with mean and variance over H and W of each sample and
    channel. Training and evaluation do the same, unless running statistics are tracked. See Ulyanov, Vedaldi and
    Lempitsky, Instance Normalization, 2016.

    Args:
        num_features: Number C of channels of the input.
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` leaves them as they are. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``False``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``False``.
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
            running statistics are used, or if ``affine`` is set and it does not have ``num_features`` channels. Without
            ``affine`` and running statistics, other numbers of channels only lead to a warning.
        ShapeError: If running statistics are tracked without ``affine`` and the input does not have ``num_features``
            channels.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.InstanceNorm2d(100, affine=True)
    >>> layer(torch.zeros(20, 100, 35, 45)).shape
    torch.Size([20, 100, 35, 45])
    """

    ranks = (3, 4)


class InstanceNorm3d(InstanceNorm):
    """Standardize each channel of each volume by itself.

    The output is (x - mean) / sqrt(var + eps) * weight + bias, with mean and variance over D, H and W of each sample
    and channel. Training and evaluation do the same, unless running statistics are tracked. See Ulyanov, Vedaldi and
    Lempitsky, Instance Normalization, 2016.

    Args:
        num_features: Number C of channels of the input.
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics: running = (1 - momentum) running + momentum batch.
            ``None`` leaves them as they are. Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``False``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. If not, evaluation uses the
            statistics of its own input. Default: ``False``.
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
            running statistics are used, or if ``affine`` is set and it does not have ``num_features`` channels. Without
            ``affine`` and running statistics, other numbers of channels only lead to a warning.
        ShapeError: If running statistics are tracked without ``affine`` and the input does not have ``num_features``
            channels.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.InstanceNorm3d(100)
    >>> layer(torch.zeros(2, 100, 5, 6, 7)).shape
    torch.Size([2, 100, 5, 6, 7])
    """

    ranks = (4, 5)
