"""Pooling layers: sizes only; the arithmetic is in ``functional``. None has parameters.

Windows of size F lie S apart, S being F if not given; P cells are added on every side. Sizes are one number for all
dims or one for each. An output size is (in + 2P - D(F - 1) - 1) / S + 1, rounded down or, in ``ceil_mode``, up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.module import Module
from minitensor.shapes import ntuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]
OptionalSizes = int | None | Sequence[int | None]


# -- the largest -------------------------------------------------------------------------------------------------------


class MaxPool(Module):
    """What max pools of all dimensions share.

    Args:
        dilation: distance between the cells of a window.
        return_indices: return where in the input each value was, too.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function, after the input."""
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPool):
    """Keep the largest value of each window of (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.max_pool1d(input, *self.options())


class MaxPool2d(MaxPool):
    """Keep the largest value of each window of (N, C, H, W) or (C, H, W).

    >>> MaxPool2d(2)(minitensor.arange(16.0).view(1, 4, 4)).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.max_pool2d(input, *self.options())


class MaxPool3d(MaxPool):
    """Keep the largest value of each window of (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.max_pool3d(input, *self.options())


class FractionalMaxPool(Module):
    """What fractional max pools share; their windows lie a drawn, uneven step apart.

    Args:
        output_size: the number of windows; or
        output_ratio: that number as a share of the input's size, in (0, 1).
        return_indices: return where in the input each value was, too.
    """

    dims: ClassVar[int]
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Sizes,
        output_size: Sizes | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(f"{name}: give either output_size or output_ratio, got {output_size}, {output_ratio}")
        if isinstance(output_ratio, (int, float)):
            output_ratio = (output_ratio,) * self.dims
        if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        self.kernel_size = ntuple(kernel_size, self.dims)
        if self.dims == 3 and min(self.kernel_size) <= 0:
            raise ArgumentError(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else ntuple(output_size, self.dims)
        self.output_ratio = output_ratio

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function, after the input."""
        return self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples


class FractionalMaxPool2d(FractionalMaxPool):
    """Keep the largest value of each window of (N, C, H, W) or (C, H, W)."""

    dims = 2

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.fractional_max_pool2d(input, *self.options())


class FractionalMaxPool3d(FractionalMaxPool):
    """Keep the largest value of each window of (N, C, D, H, W) or (C, D, H, W)."""

    dims = 3

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.fractional_max_pool3d(input, *self.options())


class MaxUnpool(Module):
    """What the layers share that put maxima back where they were, zeros elsewhere."""

    dims: ClassVar[int]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = ntuple(kernel_size, self.dims)
        self.stride = self.kernel_size if stride is None else ntuple(stride, self.dims)
        self.padding = ntuple(padding, self.dims)

    def options(self, output_size: Sequence[int] | None) -> tuple[Any, ...]:
        """Return the arguments of the function, after input and indices."""
        return self.kernel_size, self.stride, self.padding, output_size

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool):
    """Put the results of ``MaxPool1d`` back: values and indices (N, C, L) or (C, L)."""

    dims = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return a tensor of the size that was pooled, or of the size given."""
        return F.max_unpool1d(input, indices, *self.options(output_size))


class MaxUnpool2d(MaxUnpool):
    """Put the results of ``MaxPool2d`` back: values and indices (N, C, H, W) or (C, H, W)."""

    dims = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return a tensor of the size that was pooled, or of the size given."""
        return F.max_unpool2d(input, indices, *self.options(output_size))


class MaxUnpool3d(MaxUnpool):
    """Put the results of ``MaxPool3d`` back: values and indices (N, C, D, H, W) or (C, D, H, W)."""

    dims = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return a tensor of the size that was pooled, or of the size given."""
        return F.max_unpool3d(input, indices, *self.options(output_size))


# -- the mean, and norms -----------------------------------------------------------------------------------------------


class AvgPool1d(Module):
    """Take the mean of each window of (N, C, L) or (C, L); ``count_include_pad`` counts padded zeros as values."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = ntuple(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else ntuple(stride, 1)
        self.padding = ntuple(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPoolNd(Module):
    """What average pools of images and volumes share.

    Args:
        count_include_pad: count padded zeros as values.
        divisor_override: what to divide by, in place of the window's size.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function, after the input."""
        sizes = self.kernel_size, self.stride, self.padding
        return *sizes, self.ceil_mode, self.count_include_pad, self.divisor_override

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPoolNd):
    """Take the mean of each window of (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool2d(input, *self.options())


class AvgPool3d(AvgPoolNd):
    """Take the mean of each window of (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool3d(input, *self.options())


class LPPool(Module):
    """What pools by norm share: (sum |x|^p)^(1/p) over each window, p being ``norm_type``."""

    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def options(self) -> tuple[Any, ...]:
        """Return the arguments of the function, after the input."""
        return float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(LPPool):
    """Take a norm of each window of (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms."""
        return F.lp_pool1d(input, *self.options())


class LPPool2d(LPPool):
    """Take a norm of each window of (N, C, H, W) or (C, H, W); 2 makes it the L2-norm pooling."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms."""
        return F.lp_pool2d(input, *self.options())


class LPPool3d(LPPool):
    """Take a norm of each window of (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the norms."""
        return F.lp_pool3d(input, *self.options())


# -- as many windows as make a size ------------------------------------------------------------------------------------


class AdaptiveAvgPool(Module):
    """What adaptive average pools share: the output size; None keeps a size."""

    def __init__(self, output_size: OptionalSizes) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Return the output size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Take means over as many windows as make the output (N, C, output_size)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool1d(input, self.output_size)  # type: ignore[arg-type]  # a sequence's one dim is kept


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Take means over as many windows as make the output (N, C, *output_size)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """Take means over as many windows as make the output (N, C, *output_size)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool(AdaptiveAvgPool):
    """What adaptive max pools share: the output size, and whether to return where the maxima were."""

    def __init__(self, output_size: OptionalSizes, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """Keep the largest of as many windows as make the output (N, C, output_size)."""

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)  # type: ignore[arg-type]  # as above


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """Keep the largest of as many windows as make the output (N, C, *output_size)."""

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """Keep the largest of as many windows as make the output (N, C, *output_size)."""

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if wanted."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)
