"""Layers that resample sequences, images and volumes to another size by interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minitensor.errors import ArgumentTypeError
from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]
Factors = float | Sequence[float]


class Upsample(Module):
    """Resample a sequence, an image or a volume to another size by interpolation.

    ``align_corners`` changes where the pixels lie: with it, the centers of the corner pixels of input and output
    coincide; without it, the outer edges of these pixels do.

    Args:
        size: Size of the output, an int or one for each spatial dim. Default: ``None``, to give ``scale_factor``
            instead.
        scale_factor: Factor by which the sizes grow, a float or one for each spatial dim; the size of the output is
            rounded down. Default: ``None``, to give ``size`` instead.
        mode: ``"nearest"``, which rounds positions down, as older libraries do, ``"nearest-exact"``, which rounds to
            the nearest center, or ``"area"``, the mean of the covered pixels, for 3 to 5 dims; ``"linear"`` for 3 dims,
            ``"bilinear"`` or ``"bicubic"`` for 4, ``"trilinear"`` for 5. Default: ``"nearest"``.
        align_corners: Whether to align the centers of the corner pixels, for the linear and cubic modes. Default:
            ``None``, which means False.
        recompute_scale_factor: Whether to compute the factor from the rounded sizes, and interpolate with that one.
            Default: ``None``, which means False.

    Shape:
        - Input: (N, C, L), (N, C, H, W) or (N, C, D, H, W)
        - Output: (N, C, *size), or each spatial size times ``scale_factor``, rounded down

    Raises:
        ValueError: Unless exactly one of ``size`` and ``scale_factor`` is given, if there are not as many sizes or
            factors as spatial dims, if ``mode`` is unknown or does not suit the number of dims, if ``align_corners`` is
            given for another mode than the linear and cubic ones, or if ``recompute_scale_factor`` is used with
            ``size``.
        TypeError: If a size is not an int, or if ``scale_factor`` is a list, which only ``interpolate`` takes.
        ShapeError: If a dim of the input other than the batch is empty, or a size of the output is not positive.
        NotImplementedError: If the input is not of a floating-point dtype (the two nearest modes also take uint8).

    >>> import minitensor as torch
    >>> torch.nn.Upsample(scale_factor=2)(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    >>> torch.nn.Upsample(scale_factor=2, mode="linear")(torch.tensor([[[0.0, 2.0]]]))
    tensor([[[0.0000, 0.5000, 1.5000, 2.0000]]])
    >>> torch.nn.Upsample((12, 9), mode="bilinear")(torch.zeros(1, 3, 4, 3)).shape
    torch.Size([1, 3, 12, 9])
    """

    def __init__(
        self,
        size: Sizes | None = None,
        scale_factor: Factors | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, Sequence):
            require_tuple(self.name, scale_factor)
            self.scale_factor: Factors | None = tuple([float(factor) for factor in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Return the resampled images."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """Return the size or factor, and the mode."""
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


def require_tuple(name: str, scale_factor: object) -> None:
    """Raise for another sequence than a tuple, as PyTorch does."""
    if not isinstance(scale_factor, tuple):
        raise ArgumentTypeError(f"{name}: scale_factor must be a number or a tuple of numbers, got {scale_factor!r}")


class UpsamplingNearest2d(Upsample):
    """Resample an image to another size by the nearest pixels.

    It is ``Upsample`` with ``mode="nearest"``.

    Args:
        size: Size of the output, an int or one for each spatial dim. Default: ``None``, to give ``scale_factor``
            instead.
        scale_factor: Factor by which the sizes grow, a float or one for each spatial dim; the size of the output is
            rounded down. Default: ``None``, to give ``size`` instead.

    Shape:
        - Input: (N, C, H, W)
        - Output: (N, C, *size), or each spatial size times ``scale_factor``, rounded down

    Raises:
        ValueError: Unless exactly one of ``size`` and ``scale_factor`` is given, if there are not as many sizes or
            factors as spatial dims, or if the input does not have 3 to 5 dims.
        ShapeError: If a dim of the input other than the batch is empty, or a size of the output is not positive.
        NotImplementedError: If the input is neither of a floating-point dtype nor uint8.

    >>> import minitensor as torch
    >>> torch.nn.UpsamplingNearest2d(scale_factor=2)(torch.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resample an image to another size by bilinear interpolation, with aligned corners.

    It is ``Upsample`` with ``mode="bilinear"`` and ``align_corners=True``.

    Args:
        size: Size of the output, an int or one for each spatial dim. Default: ``None``, to give ``scale_factor``
            instead.
        scale_factor: Factor by which the sizes grow, a float or one for each spatial dim; the size of the output is
            rounded down. Default: ``None``, to give ``size`` instead.

    Shape:
        - Input: (N, C, H, W)
        - Output: (N, C, *size), or each spatial size times ``scale_factor``, rounded down

    Raises:
        ValueError: Unless exactly one of ``size`` and ``scale_factor`` is given, if there are not as many sizes or
            factors as spatial dims, or if the input does not have 4 dims.
        ShapeError: If a dim of the input other than the batch is empty, or a size of the output is not positive.
        NotImplementedError: If the input is not of a floating-point dtype.

    >>> import minitensor as torch
    >>> torch.nn.UpsamplingBilinear2d((1, 3))(torch.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
