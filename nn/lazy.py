"""Layers that learn the size of their input from the first one they see, and then are plain layers.

Until then their parameters have no shape. ``LazyModuleMixin`` is the whole story: at the first call it lets the module
make its parameters, and changes the module's class to that of the layer it stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.errors import MinitensorError, ShapeError, UsageError
from minitensor.nn.conv import Conv1d, Conv2d, Conv3d, ConvNd, check_groups
from minitensor.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeNd
from minitensor.nn.linear import Linear
from minitensor.nn.locate import locate, reject
from minitensor.nn.module import Module
from minitensor.nn.normalization import (
    BatchNorm,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from minitensor.nn.parameter import Uninitialized, UninitializedBuffer, UninitializedParameter, is_lazy
from minitensor.ops.creation import tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class LazyModuleMixin(Module):
    """A module that makes its parameters when it is first called.

    A subclass registers ``UninitializedParameter`` and ``UninitializedBuffer``, writes ``initialize_parameters``, which
    gets what ``forward`` gets and gives each its shape by ``materialize``, and names in ``cls_to_become`` the class
    that it is from then on (None: it stays what it is). The parameters stay the same objects, so that an optimizer may
    be made before the first call.
    """

    cls_to_become: type[Module] | None = None
    _waiting: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the parameters if that is still to be done, then call the module that this has become."""
        if self._waiting:
            try:
                self._infer_parameters(self, args, kwargs)
            except MinitensorError as error:
                locate(error, self)
                raise
            except (AttributeError, TypeError) as error:
                reject(self, args, kwargs, error)
                raise
        return Module.__call__(self, *args, **kwargs)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give each parameter a shape and first values; every subclass writes its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Tell whether there is a parameter or buffer without a shape."""
        return any(is_lazy(each) for table in (self._parameters, self._buffers) for each in table.values())

    def _infer_parameters(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        self.initialize_parameters(*args, **(kwargs or {}))
        if self.has_uninitialized_params():
            raise UsageError(
                f"module {self._get_name()} has not been fully initialized: initialize_parameters must materialize "
                + ", ".join(name for name, each in {**self._parameters, **self._buffers}.items() if is_lazy(each))
            )
        if self.cls_to_become is None:
            self._waiting = False
        else:
            del self._waiting
            self.__class__ = self.cls_to_become  # type: ignore[assignment]  # this class is a child of it

    def _materialize(self, **shapes: tuple[int, ...]) -> None:
        """Give parameters and buffers their shapes; those that the module has not are left out."""
        for name, shape in shapes.items():
            each = getattr(self, name)
            if isinstance(each, Uninitialized):
                each.materialize(shape)


class LazyLinear(LazyModuleMixin, Linear):
    """A ``Linear`` whose ``in_features`` is the last size of its first input.

    >>> layer = LazyLinear(3)
    >>> layer(minitensor.ones(2, 5)).shape
    torch.Size([2, 3])
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: Dtype | None = None
    ) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if there are any."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``in_features`` from the input."""
        if input.ndim == 0:
            raise ShapeError("expected an input with at least one dim, got a scalar")
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self._materialize(weight=(self.out_features, self.in_features), bias=(self.out_features,))
            self.reset_parameters()
        self.in_features = self.weight.shape[-1]  # loaded from a state dict, it may differ: forward will tell


class LazyConvNd(LazyModuleMixin, ConvNd):
    """What lazy convolutions share, transposed or not."""

    def _wait_for_input(self, out_channels: int, bias: bool, device: DeviceLike, dtype: Dtype | None) -> None:
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, if there are any."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take ``in_channels`` from the input."""
        plain = self.dims + 1
        if input.ndim not in (plain, plain + 1):
            raise ShapeError(
                f"Expected {plain}D (unbatched) or {plain + 1}D (batched) input to {type(self).__name__}, but got "
                f"input of size: {tuple(input.shape)}"
            )
        if self.has_uninitialized_params():
            self.in_channels = input.shape[-plain]
            check_groups(self.in_channels, self.out_channels, self.groups)
            weights, biases = self.parameter_sizes()
            self._materialize(weight=weights, bias=biases)
            self.reset_parameters()
        inputs, shared = (0, 1) if self.transposed else (1, self.groups)
        self.in_channels = self.weight.shape[inputs] * shared  # loaded from a state dict, it may differ


class LazyConv(LazyConvNd):
    """What lazy convolutions of all dimensions share: ``in_channels`` comes from the first input."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._wait_for_input(out_channels, bias, device, dtype)


class LazyConv1d(LazyConv, Conv1d):
    """A ``Conv1d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = Conv1d


class LazyConv2d(LazyConv, Conv2d):
    """A ``Conv2d`` whose ``in_channels`` is that of its first input.

    >>> LazyConv2d(6, 3)(minitensor.ones(1, 2, 5, 5)).shape
    torch.Size([1, 6, 3, 3])
    """

    cls_to_become = Conv2d


class LazyConv3d(LazyConv, Conv3d):
    """A ``Conv3d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose(LazyConvNd, ConvTransposeNd):
    """What lazy transposed convolutions of all dimensions share: ``in_channels`` comes from the first input."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._wait_for_input(out_channels, bias, device, dtype)


class LazyConvTranspose1d(LazyConvTranspose, ConvTranspose1d):
    """A ``ConvTranspose1d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(LazyConvTranspose, ConvTranspose2d):
    """A ``ConvTranspose2d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(LazyConvTranspose, ConvTranspose3d):
    """A ``ConvTranspose3d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = ConvTranspose3d


class LazyNorm(LazyModuleMixin, BatchNorm):
    """What lazy batch and instance norms share: ``num_features`` is the number of channels of the first input."""

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
        """Start anew, if there is anything yet."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``num_features`` from the input."""
        self._check_input_dim(input)
        if self.has_uninitialized_params() or not (self.affine or self.track_running_stats):
            self.num_features = channels = input.shape[self._channel_dim(input)]
            self._materialize(weight=(channels,), bias=(channels,), running_mean=(channels,), running_var=(channels,))
            self.reset_parameters()
        own = self.weight if self.weight is not None else self.running_mean
        if own is not None:
            self.num_features = own.shape[0]  # loaded from a state dict, it may differ: forward will tell

    def _channel_dim(self, input: Tensor) -> int:
        return 1


class LazyBatchNorm1d(LazyNorm, BatchNorm1d):
    """A ``BatchNorm1d`` whose ``num_features`` is that of its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(LazyNorm, BatchNorm2d):
    """A ``BatchNorm2d`` whose ``num_features`` is that of its first input.

    >>> layer = LazyBatchNorm2d()
    >>> layer(minitensor.ones(1, 2, 3, 3)).shape, layer.running_mean
    (torch.Size([1, 2, 3, 3]), tensor([0.1000, 0.1000]))
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(LazyNorm, BatchNorm3d):
    """A ``BatchNorm3d`` whose ``num_features`` is that of its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm(LazyNorm, InstanceNorm):
    """What lazy instance norms share; a single sample may come without a batch."""

    def _channel_dim(self, input: Tensor) -> int:
        return input.ndim - min(self.ranks)


class LazyInstanceNorm1d(LazyInstanceNorm, InstanceNorm1d):
    """An ``InstanceNorm1d`` whose ``num_features`` is that of its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(LazyInstanceNorm, InstanceNorm2d):
    """An ``InstanceNorm2d`` whose ``num_features`` is that of its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(LazyInstanceNorm, InstanceNorm3d):
    """An ``InstanceNorm3d`` whose ``num_features`` is that of its first input."""

    cls_to_become = InstanceNorm3d
