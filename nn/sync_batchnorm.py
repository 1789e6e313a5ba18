"""SyncBatchNorm: batch norm over the batches of all processes. Here there is one, so it is batch norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError
from minitensor.nn.batchnorm import BatchNorm

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.nn.module import Module
    from minitensor.tensor import Tensor


class SyncBatchNorm(BatchNorm):
    """Standardize each channel over the batch, for inputs of any number of dims.

    PyTorch takes the mean and variance over the batches of all processes; here there is one process. The output is
    (x - mean) / sqrt(var + eps) * weight + bias, with the statistics of ``BatchNorm2d``.

    Args:
        num_features: Number C of channels of the input.
        eps: Number added to the variance, for stability. Default: ``1e-05``.
        momentum: Share of the new batch in the running statistics. ``None`` keeps the plain average over all batches.
            Default: ``0.1``.
        affine: Whether to learn a weight and a bias for each channel. Default: ``True``.
        track_running_stats: Whether to keep running statistics and use them in evaluation. Default: ``True``.
        process_group: Accepted for PyTorch compatibility. Default: ``None``.
        device, dtype: Where the parameters and buffers lie, and their type.
        bias: Whether ``affine`` includes a bias. Default: ``True``.

    Shape:
        - Input: (N, C, *)
        - Output: the same shape

    Attributes:
        weight: (C), all 1 at first, or None without ``affine``.
        bias: (C), all 0 at first, or None without ``affine`` or ``bias``.
        running_mean: (C), all 0 at first, or None without ``track_running_stats``.
        running_var: (C), all 1 at first, or None without ``track_running_stats``.
        num_batches_tracked: Number of batches seen in training, or None without ``track_running_stats``.

    Raises:
        ValueError: If the input has less than 2 dims or no channels, if it has only one entry for each channel in
            training, or if ``eps`` is negative, or 0 in training.
        ShapeError: If the parameters or running statistics do not have one entry for each channel of the input.
        DtypeError: If the input is not of a floating-point dtype, or not of the dtype of the parameters. A float16
            input also takes float32 parameters.

    >>> import minitensor as torch
    >>> layer = torch.nn.SyncBatchNorm(2)
    >>> layer(torch.tensor([[1.0, 30.0], [3.0, 10.0]])).detach()
    tensor([[-1.0000,  1.0000],
            [ 1.0000, -1.0000]])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ArgumentError(f"expected at least 2D input (got {input.ndim}D input)")
        if input.shape[1] == 0:
            raise ArgumentError(f"SyncBatchNorm: the input has no channels: its shape is {tuple(input.shape)}")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Return ``module`` with each of its batch norms replaced by a SyncBatchNorm with the same parameters.

        >>> import minitensor as torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]
        SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        """
        converted = convert_layer(module, process_group) if isinstance(module, BatchNorm) else module
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


def convert_layer(layer: BatchNorm, process_group: Any) -> SyncBatchNorm:
    """Return a SyncBatchNorm with the parameters, buffers and mode of a batch norm."""
    converted = SyncBatchNorm(
        layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats, process_group,
        bias=layer.bias is not None,
    )
    converted._parameters.update(layer._parameters)
    converted._buffers.update(layer._buffers)
    converted.training = layer.training
    return converted
