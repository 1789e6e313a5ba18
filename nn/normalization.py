"""Layers that bring their input to mean 0 and variance 1: over the batch, or over each sample or parts of it.

Batch norm keeps running statistics for evaluation (Ioffe and Szegedy 2015), instance norm may (Ulyanov et al. 2016);
layer norm (Ba et al. 2016), group norm (Wu and He 2018) and RMS norm (Zhang and Sennrich 2019) need none.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor import dtypes
from minitensor.base import require_writable
from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import arange, empty, ones, tensor, zeros

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class NormBase(Module):
    """What batch norms and instance norms share: a weight and a bias for each channel, and running statistics."""

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
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_features, **made)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_features, **made)) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **made) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **made) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=dtypes.int64, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the batches seen, and let weight be 1 and bias 0."""
        self.reset_running_stats()
        start(self.weight, self.bias)

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
        """Take state dicts from before ``num_batches_tracked``: the count keeps its present value."""
        key = prefix + "num_batches_tracked"
        if local_metadata.get("version") in (None, 1) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class BatchNorm(NormBase):
    """What batch norms of all dimensions share: each channel is normalised over the whole batch."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias, channel by channel.

        Mean and variance are the batch's in training, and where none are tracked; the running ones in evaluation.
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
        """Count one batch more; return its share in the running statistics (of n batches 1/n without a momentum)."""
        require_writable("batch_norm", *self._buffers.values())
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        if self.momentum is not None:
            return self.momentum
        return 0.0 if self.num_batches_tracked is None else 1.0 / float(self.num_batches_tracked)


class BatchNorm1d(BatchNorm):
    """Normalise each feature of (N, C) or (N, C, L) over the batch.

    Args:
        momentum: the share of a new batch in the running statistics; None keeps their plain average.
        affine: learn a weight and a bias for each feature.
        track_running_stats: keep mean and variance for evaluation; if not, evaluation uses its batch's.
    """

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Normalise each channel of (N, C, H, W) over the batch and its pixels.

    Args:
        momentum: the share of a new batch in the running statistics; None keeps their plain average.
        affine: learn a weight and a bias for each channel.
        track_running_stats: keep mean and variance for evaluation; if not, evaluation uses its batch's.
    """

    ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Normalise each channel of (N, C, D, H, W) over the batch and its cells; options as for ``BatchNorm2d``."""

    ranks = (5,)


class InstanceNorm(NormBase):
    """What instance norms of all dimensions share: each sample's channel is normalised by itself.

    Without ``track_running_stats``, which is the default, training and evaluation do the same.
    """

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
        alone = min(self.ranks)  # the rank of one sample
        channels = input.shape[input.ndim - alone]
        if channels != self.num_features:
            if self.affine:
                raise ArgumentError(
                    f"expected input's size at dim={input.ndim - alone} to match num_features ({self.num_features}), "
                    f"but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={input.ndim - alone} does not match num_features={self.num_features}, not "
                "used because affine=False",
                stacklevel=2,
            )
        batch = input.unsqueeze(0) if input.ndim == alone else input
        momentum = 0.0 if self.momentum is None else self.momentum
        use_own = self.training or not self.track_running_stats
        result = F.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias, use_own, momentum, self.eps
        )
        return result.squeeze(0) if input.ndim == alone else result


class InstanceNorm1d(InstanceNorm):
    """Normalise each channel of each sample of (N, C, L) or (C, L)."""

    ranks = (2, 3)


class InstanceNorm2d(InstanceNorm):
    """Normalise each channel of each sample of (N, C, H, W) or (C, H, W)."""

    ranks = (3, 4)


class InstanceNorm3d(InstanceNorm):
    """Normalise each channel of each sample of (N, C, D, H, W) or (C, D, H, W)."""

    ranks = (4, 5)


class GroupNorm(Module):
    """Normalise each sample of (N, C, *) over groups of channels; weight and bias are one for each channel."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_channels, **made)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_channels, **made)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Let weight be 1 and bias 0."""
        start(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide each sample by its root mean square over its last dims, whose sizes are ``normalized_shape``.

    ``eps`` is the dtype's, if None.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Let the weight be 1."""
        start(self.weight, None)

    def forward(self, input: Tensor) -> Tensor:
        """Return x / sqrt(mean(x^2) + eps) * weight."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """Divide by (k + alpha / size sum of squares)^beta over ``size`` neighbouring channels (Krizhevsky et al. 2012)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Return the divided input (N, C, *)."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """Divide by (k + alpha / size sum of squares)^beta over neighbouring channels of images (N, C, H, W).

    The windows are those of PyTorch's layer and, before it, of Torch7's, for networks that were trained so:
    ``(size - 1) // 2`` channels to each side, and the very first channel in every window. For anything new take
    ``LocalResponseNorm``.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Return the divided input."""
        if input.ndim != 4:
            raise ArgumentError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead: {input.shape}")
        half = (self.size - 1) // 2
        squares = (input * input).flatten(2).unsqueeze(1)
        sums = F.avg_pool2d(F.pad(squares, (0, 0, half, half)), (2 * half + 1, 1), stride=1) * (2 * half + 1)
        beyond = arange(input.shape[1], device=input.device).unsqueeze(-1) > half  # windows that lie past the first
        scale = (sums + squares[:, :, :1] * beyond) * (self.alpha / self.size) + self.k
        return input * scale.reshape(input.shape) ** -self.beta

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def start(weight: Parameter | None, bias: Parameter | None) -> None:
    """Let weight be 1 and bias 0, where there are any."""
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


class LayerNorm(Module):
    """Normalise each sample over its last dims, whose sizes are ``normalized_shape``.

    Input and output (*, *normalized_shape); weight and bias have the normalised shape.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        affine = elementwise_affine
        self.register_parameter("weight", Parameter(empty(self.normalized_shape, **made)) if affine else None)
        self.register_parameter("bias", Parameter(empty(self.normalized_shape, **made)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Let weight be 1 and bias 0."""
        start(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )
