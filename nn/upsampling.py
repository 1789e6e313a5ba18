"""Layers that make images larger or smaller by interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minitensor.nn import functional as F
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]
Factors = float | Sequence[float]


class Upsample(Module):
    """Resample (N, C, ...) to a size, or by a factor, in one to three dims.

    Args:
        mode: "nearest", "nearest-exact", "linear" (3D input), "bilinear", "bicubic" (4D), "trilinear" (5D), "area".
        align_corners: let the corner pixels' centres, not the images' corners, stay where they are.
        recompute_scale_factor: compute with the factor that the rounded output size gives.
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


class UpsamplingNearest2d(Upsample):
    """Resample (N, C, H, W) by its nearest pixels."""

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resample (N, C, H, W) linearly between its pixels, corner to corner."""

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
