"""Lazy layers: they take the size of their input from the first call, and become plain layers.

Until then their parameters have no shape. ``LazyModuleMixin`` holds the mechanism: on the first call it lets the module
make its parameters, and changes the module's class to that of the plain layer.
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
    """The base class of modules that make their parameters when they are first called.

    A subclass registers ``UninitializedParameter`` and ``UninitializedBuffer`` objects in its constructor. Its
    ``initialize_parameters`` gets the arguments of ``forward`` and gives each of them its shape by ``materialize``. If
    ``cls_to_become`` names a class, the module is of that class from then on.

    The parameters stay the same objects: an optimizer may be made before the first call.

    Args:
        *args, **kwargs: Passed on to the next class in the order of inheritance.

    Raises:
        NotImplementedError: If a subclass does not define ``initialize_parameters``.
        RuntimeError: If ``initialize_parameters`` leaves a parameter or buffer without a shape.

    >>> import minitensor as torch
    >>> class Scale(torch.nn.LazyModuleMixin):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.UninitializedParameter()
    ...     def initialize_parameters(self, x):
    ...         self.factor.materialize(x.shape[-1:])
    ...         torch.nn.init.ones_(self.factor)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> layer = Scale()
    >>> layer(torch.zeros(5, 3)).shape, layer.factor.shape
    (torch.Size([5, 3]), torch.Size([3]))
    """

    cls_to_become: type[Module] | None = None
    _waiting: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the parameters on the first call, then call the module as what it has become."""
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
        """Give each parameter its shape and first values; every subclass defines this."""
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
        """Give shapes to those parameters and buffers that have none."""
        for name, shape in shapes.items():
            each = getattr(self, name)
            if isinstance(each, Uninitialized):
                each.materialize(shape)


class LazyLinear(LazyModuleMixin, Linear):
    """A ``Linear`` that takes ``in_features`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Linear``. See ``LazyModuleMixin``.

    Args:
        out_features: Size of the last dim of the output.
        bias: Whether to add a learned bias. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*, in_features), with any number of leading dims
        - Output: (*, out_features)

    Attributes:
        weight: (out_features, in_features), drawn from U(-k, k) with k = 1 / sqrt(in_features).
        bias: (out_features), drawn from the same distribution, or None.

    Raises:
        ShapeError: If the first input has no dims, or the last dim of a later one has another size.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyLinear(3)
    >>> layer(torch.ones(2, 5)).shape
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
        """Draw new values of the weight and the bias, if they have a shape."""
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
        # A weight that was loaded from a state dict may have another size than the input; then forward raises.
        self.in_features = self.weight.shape[-1]


class LazyConvNd(LazyModuleMixin, ConvNd):
    """The common base of lazy convolutions, transposed or not."""

    def _wait_for_input(self, out_channels: int, bias: bool, device: DeviceLike, dtype: Dtype | None) -> None:
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias, if they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take ``in_channels`` from the input."""
        sample_rank = self.dims + 1
        if input.ndim not in (sample_rank, sample_rank + 1):
            raise ShapeError(
                f"Expected {sample_rank}D (unbatched) or {sample_rank + 1}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {tuple(input.shape)}"
            )
        if self.has_uninitialized_params():
            self.in_channels = input.shape[-sample_rank]
            check_groups(self.in_channels, self.out_channels, self.groups)
            weights, biases = self.parameter_sizes()
            self._materialize(weight=weights, bias=biases)
            self.reset_parameters()
        # A weight that was loaded from a state dict may have another size than the input.
        dim, groups = (0, 1) if self.transposed else (1, self.groups)
        self.in_channels = self.weight.shape[dim] * groups


class LazyConv(LazyConvNd):
    """The common base of the lazy convolutions."""

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
    """A ``Conv1d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Conv1d``. See ``LazyModuleMixin``.

    Args:
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int.
        stride: Step of the filters, an int. Default: ``1``.
        padding: Number of entries added on both sides of each spatial dim, an int. ``"valid"`` adds none, ``"same"``
            adds as many as keep the size, for a stride of 1. Default: ``0``.
        dilation: Distance between the entries that a filter reads, an int. Default: ``1``, without gaps.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        padding_mode: What the padding holds: ``"zeros"``, or ``"reflect"``, ``"replicate"`` or ``"circular"`` as in
            ``nn.functional.pad``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, L) or (in_channels, L)
        - Output: (N, out_channels, L_out) or (out_channels, L_out), where
          L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1)

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size), drawn from U(-k, k) with k = 1 / sqrt(fan_in), where
            fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int, if the input has another number of dims or channels, or if the padded
            input is smaller than a filter.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyConv1d(6, 3)
    >>> layer(torch.zeros(1, 2, 5)).shape
    torch.Size([1, 6, 3])
    >>> layer
    Conv1d(2, 6, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = Conv1d


class LazyConv2d(LazyConv, Conv2d):
    """A ``Conv2d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Conv2d``. See ``LazyModuleMixin``.

    Args:
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (height, width).
        stride: Step of the filters, an int or (height, width). Default: ``1``.
        padding: Number of entries added on both sides of each spatial dim, an int or (height, width). ``"valid"`` adds
            none, ``"same"`` adds as many as keep the size, for a stride of 1. Default: ``0``.
        dilation: Distance between the entries that a filter reads, an int or (height, width). Default: ``1``, without
            gaps.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        padding_mode: What the padding holds: ``"zeros"``, or ``"reflect"``, ``"replicate"`` or ``"circular"`` as in
            ``nn.functional.pad``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, H, W) or (in_channels, H, W)
        - Output: (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out), where
          H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1), and in the same way for W_out

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size[0], kernel_size[1]), drawn from U(-k, k) with k = 1 /
            sqrt(fan_in), where fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int or 2 of them, if the input has another number of dims or channels, or if
            the padded input is smaller than a filter.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyConv2d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5)).shape
    torch.Size([1, 6, 3, 3])
    >>> layer
    Conv2d(2, 6, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(LazyConv, Conv3d):
    """A ``Conv3d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``Conv3d``. See ``LazyModuleMixin``.

    Args:
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (depth, height, width).
        stride: Step of the filters, an int or (depth, height, width). Default: ``1``.
        padding: Number of entries added on both sides of each spatial dim, an int or (depth, height, width).
            ``"valid"`` adds none, ``"same"`` adds as many as keep the size, for a stride of 1. Default: ``0``.
        dilation: Distance between the entries that a filter reads, an int or (depth, height, width). Default: ``1``,
            without gaps.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        padding_mode: What the padding holds: ``"zeros"``, or ``"reflect"``, ``"replicate"`` or ``"circular"`` as in
            ``nn.functional.pad``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, D, H, W) or (in_channels, D, H, W)
        - Output: (N, out_channels, D_out, H_out, W_out) or (out_channels, D_out, H_out, W_out), where
          D_out = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1), and in the same way for the
          other dims

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size[0], kernel_size[1], kernel_size[2]), drawn from
            U(-k, k) with k = 1 / sqrt(fan_in), where fan_in = in_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding`` is an
            unknown string or ``"same"`` with a stride above 1, or if ``padding_mode`` is unknown. With another
            ``padding_mode`` than ``"zeros"``, also if the input has another number of dims.
        ShapeError: If an option is not an int or 3 of them, if the input has another number of dims or channels, or if
            the padded input is smaller than a filter.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyConv3d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5, 5)).shape
    torch.Size([1, 6, 3, 3, 3])
    >>> layer
    Conv3d(2, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1))
    """

    cls_to_become = Conv3d


class LazyConvTranspose(LazyConvNd, ConvTransposeNd):
    """The common base of the lazy transposed convolutions."""

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
    """A ``ConvTranspose1d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``ConvTranspose1d``. See
    ``LazyModuleMixin``.

    Args:
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int.
        stride: Step between the filters in the output, an int. Default: ``1``.
        padding: Number of entries cut off on both sides of each spatial dim of the output, an int. Default: ``0``.
        output_padding: Number of entries added at the end of each spatial dim of the output, an int, less than the
            stride or the dilation. It selects one of the sizes that a convolution with this stride maps to the input's
            size. Default: ``0``.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        dilation: Distance between the entries that a filter writes, an int. Default: ``1``, without gaps.
        padding_mode: Only ``"zeros"``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, L) or (in_channels, L)
        - Output: (N, out_channels, L_out) or (out_channels, L_out), where
          L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size), drawn from U(-k, k) with k = 1 / sqrt(fan_in), where
            fan_in = out_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding_mode`` is
            not ``"zeros"``, or if the input cannot give the ``output_size`` with which ``forward`` is called.
        ShapeError: If an option is not an int, if the input has another number of dims or channels, or if
            ``output_padding`` is too large.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyConvTranspose1d(6, 3)
    >>> layer(torch.zeros(1, 2, 5)).shape
    torch.Size([1, 6, 7])
    >>> layer.in_channels
    2
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(LazyConvTranspose, ConvTranspose2d):
    """A ``ConvTranspose2d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``ConvTranspose2d``. See
    ``LazyModuleMixin``.

    Args:
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (height, width).
        stride: Step between the filters in the output, an int or (height, width). Default: ``1``.
        padding: Number of entries cut off on both sides of each spatial dim of the output, an int or (height, width).
            Default: ``0``.
        output_padding: Number of entries added at the end of each spatial dim of the output, an int or (height, width),
            less than the stride or the dilation. It selects one of the sizes that a convolution with this stride maps
            to the input's size. Default: ``0``.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        dilation: Distance between the entries that a filter writes, an int or (height, width). Default: ``1``, without
            gaps.
        padding_mode: Only ``"zeros"``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, H, W) or (in_channels, H, W)
        - Output: (N, out_channels, H_out, W_out) or (out_channels, H_out, W_out), where
          H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1, and in the same way for
          W_out

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size[0], kernel_size[1]), drawn from U(-k, k) with k = 1 /
            sqrt(fan_in), where fan_in = out_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding_mode`` is
            not ``"zeros"``, or if the input cannot give the ``output_size`` with which ``forward`` is called.
        ShapeError: If an option is not an int or 2 of them, if the input has another number of dims or channels, or if
            ``output_padding`` is too large.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyConvTranspose2d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5)).shape
    torch.Size([1, 6, 7, 7])
    >>> layer.in_channels
    2
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(LazyConvTranspose, ConvTranspose3d):
    """A ``ConvTranspose3d`` that takes ``in_channels`` from its first input.

    Its parameters have no shape until the first call, which turns it into a plain ``ConvTranspose3d``. See
    ``LazyModuleMixin``.

    Args:
        out_channels: Number of channels of the output.
        kernel_size: Size of the filters, an int or (depth, height, width).
        stride: Step between the filters in the output, an int or (depth, height, width). Default: ``1``.
        padding: Number of entries cut off on both sides of each spatial dim of the output, an int or (depth, height,
            width). Default: ``0``.
        output_padding: Number of entries added at the end of each spatial dim of the output, an int or (depth, height,
            width), less than the stride or the dilation. It selects one of the sizes that a convolution with this
            stride maps to the input's size. Default: ``0``.
        groups: Number of groups into which the channels are split; each output channel sees one group of input
            channels. Default: ``1``.
        bias: Whether to add a learned bias. Default: ``True``.
        dilation: Distance between the entries that a filter writes, an int or (depth, height, width). Default: ``1``,
            without gaps.
        padding_mode: Only ``"zeros"``. Default: ``"zeros"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_channels, D, H, W) or (in_channels, D, H, W)
        - Output: (N, out_channels, D_out, H_out, W_out) or (out_channels, D_out, H_out, W_out), where
          D_out = (D - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1, and in the same way for
          the other dims

    Attributes:
        weight: (in_channels, out_channels / groups, kernel_size[0], kernel_size[1], kernel_size[2]), drawn from
            U(-k, k) with k = 1 / sqrt(fan_in), where fan_in = out_channels / groups * prod(kernel_size).
        bias: (out_channels), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``groups`` is not positive or does not divide both numbers of channels, if ``padding_mode`` is
            not ``"zeros"``, or if the input cannot give the ``output_size`` with which ``forward`` is called.
        ShapeError: If an option is not an int or 3 of them, if the input has another number of dims or channels, or if
            ``output_padding`` is too large.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.LazyConvTranspose3d(6, 3)
    >>> layer(torch.zeros(1, 2, 5, 5, 5)).shape
    torch.Size([1, 6, 7, 7, 7])
    >>> layer.in_channels
    2
    """

    cls_to_become = ConvTranspose3d


class LazyNorm(LazyModuleMixin, BatchNorm):
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


class LazyBatchNorm1d(LazyNorm, BatchNorm1d):
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

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(LazyNorm, BatchNorm2d):
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

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(LazyNorm, BatchNorm3d):
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

    cls_to_become = BatchNorm3d


class LazyInstanceNorm(LazyNorm, InstanceNorm):
    """The common base of the lazy instance norms, whose input may have no batch dim."""

    def _channel_dim(self, input: Tensor) -> int:
        return input.ndim - min(self.ranks)


class LazyInstanceNorm1d(LazyInstanceNorm, InstanceNorm1d):
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

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(LazyInstanceNorm, InstanceNorm2d):
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

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(LazyInstanceNorm, InstanceNorm3d):
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

    cls_to_become = InstanceNorm3d
