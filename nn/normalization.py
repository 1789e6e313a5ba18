"""Normalization layers: they standardize their input over the batch, over each sample, or over parts of it.

Batch norm keeps running statistics for evaluation, and instance norm can; the others have none. The layers hold the
options, parameters and statistics; the arithmetic is in ``functional``.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class GroupNorm(Module):
    """Standardize each sample over groups of channels.

    The output is (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance over the entries of each
    group. It does not depend on the batch. See Wu and He, Group Normalization, 2018.

    Args:
        num_groups: Number of groups into which the channels are split. 1 takes all channels together; ``num_channels``
            takes each by itself.
        num_channels: Number C of channels of the input.
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, *)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.

    Raises:
        ValueError: If ``num_groups`` does not divide ``num_channels``, or if the input has only one sample, with one
            entry for each group.
        ShapeError: If the input has fewer than 2 dims, if ``num_groups`` does not divide its channels, or if the
            parameters do not have one entry for each channel.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> torch.nn.GroupNorm(3, 6)(torch.zeros(20, 6, 10, 10)).shape
    torch.Size([20, 6, 10, 10])
    """

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
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_channels, **factory)) if affine else None)
        self.register_parameter("bias", Parameter(empty(num_channels, **factory)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        reset_affine(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


def read_normalized_shape(given: int | Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of the dims to normalize as a tuple."""
    return (int(given),) if isinstance(given, Integral) else tuple(given)  # type: ignore[arg-type]  # a sequence


class RMSNorm(Module):
    """Divide each sample by its root mean square over its last dims.

    The output is x / sqrt(mean(x^2) + eps) * weight. See Zhang and Sennrich, Root Mean Square Layer Normalization,
    2019.

    Args:
        normalized_shape: Sizes of the last dims, over which each sample is normalized; an int for the last dim alone.
        eps: Number added to the mean square, for stability. Default: ``None``, which means the machine epsilon of the
            input's dtype.
        elementwise_affine: Whether to learn a weight for each entry of ``normalized_shape``. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*, *normalized_shape)
        - Output: the same shape

    Attributes:
        weight: ``normalized_shape``, all 1 at first, or None without ``elementwise_affine``.

    Raises:
        ValueError: If the input has fewer dims than ``normalized_shape``.
        ShapeError: If the last dims of the input do not have the sizes ``normalized_shape``.
        DtypeError: If the input is of an integer or boolean dtype.

    >>> import minitensor as torch
    >>> torch.nn.RMSNorm(2, elementwise_affine=False)(torch.tensor([[3.0, 3.0], [1.0, -1.0]]))
    tensor([[ 1.,  1.],
            [ 1., -1.]])
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
        self.normalized_shape = read_normalized_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        reset_affine(self.weight, None)

    def forward(self, input: Tensor) -> Tensor:
        """Return x / sqrt(mean(x^2) + eps) * weight."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """Divide each entry by a power of the squares in neighboring channels.

    The output is x / (k + alpha * m)^beta, where m is the sum of squares over a window of ``size`` channels around x,
    divided by ``size``; channels beyond the first and the last count as zeros. See Krizhevsky, Sutskever and Hinton,
    ImageNet Classification with Deep Convolutional Neural Networks, 2012; they take the sum, PyTorch and this layer the
    mean.

    Args:
        size: Number of neighboring channels in a window.
        alpha: Factor of the mean square. Default: ``0.0001``.
        beta: Exponent. Default: ``0.75``.
        k: Number added to the mean square. Default: ``1.0``.

    Shape:
        - Input: (N, C, *), with at least 3 dims
        - Output: the same shape

    Raises:
        ValueError: If the input has fewer than 3 dims.
        ShapeError: If ``size`` is not positive.
        NotImplementedError: If the input is of a boolean, complex or narrow integer dtype.

    >>> import minitensor as torch
    >>> torch.nn.LocalResponseNorm(2)(torch.zeros(32, 5, 24, 24)).shape
    torch.Size([32, 5, 24, 24])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Return x / (k + alpha * m)^beta, with m the mean square over neighboring channels."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """Divide each entry of images by a power of the squares in neighboring channels, as Torch7 did.

    It is ``LocalResponseNorm`` with the windows of PyTorch's layer of this name, for networks that were trained with
    them: ``(size - 1) // 2`` channels on each side, and the very first channel in every window. For new networks use
    ``LocalResponseNorm``.

    Args:
        size: Number of neighboring channels in a window.
        alpha: Factor of the mean square. Default: ``0.0001``.
        beta: Exponent. Default: ``0.75``.
        k: Number added to the mean square. Default: ``1``.

    Shape:
        - Input: (N, C, H, W)
        - Output: the same shape

    Raises:
        ValueError: If the input does not have 4 dims.
        ShapeError: If ``size`` is not positive.

    >>> import minitensor as torch
    >>> torch.nn.CrossMapLRN2d(3)(torch.zeros(32, 5, 24, 24)).shape
    torch.Size([32, 5, 24, 24])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        """Return x / (k + alpha * m)^beta, with m the mean square over neighboring channels."""
        if input.ndim != 4:
            raise ArgumentError(f"CrossMapLRN2d: Expected input to be 4D, got {input.ndim}D instead: {input.shape}")
        half = (self.size - 1) // 2
        squares = (input * input).flatten(2).unsqueeze(1)
        sums = F.avg_pool2d(F.pad(squares, (0, 0, half, half)), (2 * half + 1, 1), stride=1) * (2 * half + 1)
        # Windows that do not reach the first channel get it all the same.
        beyond = arange(input.shape[1], device=input.device).unsqueeze(-1) > half
        scale = (sums + squares[:, :, :1] * beyond) * (self.alpha / self.size) + self.k
        return input * scale.reshape(input.shape) ** -self.beta

    def extra_repr(self) -> str:
        """Return the options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def reset_affine(weight: Parameter | None, bias: Parameter | None) -> None:
    """Set the weight to 1 and the bias to 0, if they exist."""
    if weight is not None:
        init.ones_(weight)
    if bias is not None:
        init.zeros_(bias)


class LayerNorm(Module):
    """Standardize each sample over its last dims.

    The output is (x - mean) / sqrt(var + eps) * weight + bias, with mean and (biased) variance over the last dims. It
    does not depend on the batch. See Ba, Kiros and Hinton, Layer Normalization, 2016.

    Args:
        normalized_shape: Sizes of the last dims, over which each sample is normalized; an int for the last dim alone.
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        elementwise_affine: Whether to learn a weight and a bias for each entry of ``normalized_shape``. Default:
            ``True``.
        bias: Whether ``elementwise_affine`` includes a bias. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*, *normalized_shape)
        - Output: the same shape

    Attributes:
        weight: ``normalized_shape``, all 1 at first, or None without ``elementwise_affine``.
        bias: ``normalized_shape``, all 0 at first, or None without ``elementwise_affine`` or ``bias``.

    Raises:
        ShapeError: If the last dims of the input do not have the sizes ``normalized_shape``.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> torch.nn.LayerNorm(2, eps=0.0, elementwise_affine=False)(torch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    tensor([[-1.,  1.],
            [-1.,  1.]])
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
        self.normalized_shape = read_normalized_shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        affine = elementwise_affine
        self.register_parameter("weight", Parameter(empty(self.normalized_shape, **factory)) if affine else None)
        self.register_parameter("bias", Parameter(empty(self.normalized_shape, **factory)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        reset_affine(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return (x - mean) / sqrt(var + eps) * weight + bias."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )
