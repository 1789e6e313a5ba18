"""Interpolation: images resized by nearest pixels, linear or cubic interpolation, or means.

Each mode is a table for one dim (``resampling.py``), applied dim by dim; ``area`` is adaptive pooling. Here PyTorch's
arguments are validated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.argument_types import is_count
from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.dtypes import uint8
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    UnsupportedDtypeError,
    UnsupportedValueError,
    UsageError,
    WrongTypeError,
)
from minitensor.nn.functional.adaptive_pooling import adaptive_means
from minitensor.nn.functional.fixed_point import fixed_point_taps, resample_fixed_point
from minitensor.nn.functional.resampling import (
    LONG,
    SMOOTH_CURVES,
    cubic_taps,
    is_double,
    linear_taps,
    long_cubic_taps,
    long_linear_taps,
    long_nearest_taps,
    nearest_taps,
    resample,
    smooth_taps,
)
from minitensor.ops.copy import clone
from minitensor.ops.resize import format_of

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends.reference.resample import LongTaps, Taps
    from minitensor.tensor import Tensor

Sizes = int | Sequence[int]
Factors = float | Sequence[float]

# Mode -> the numbers of spatial dims that it takes.
DIMS = {
    "nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "area": (1, 2, 3),
    "linear": (1,), "bilinear": (2,), "bicubic": (2,), "lanczos": (2,), "trilinear": (3,),
}  # fmt: skip
LINEAR = ("linear", "bilinear", "trilinear")
OF_BYTES = ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos")  # modes for uint8 images
PLAIN = ("nearest", "nearest-exact", "area")  # modes without align_corners


class Grid(NamedTuple):
    """The output sizes, and the scale factors if positions are computed from these."""

    size: tuple[int, ...]
    factors: tuple[float, ...] | None

    @property
    def dims(self) -> list[tuple[int, float | None]]:
        """Return the new size of each spatial dim, and its factor."""
        return list(zip(self.size, self.factors or [None] * len(self.size)))


@composite_with_own_checks
def interpolate(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: Truth | None = None,
    antialias: Truth = False,
) -> Tensor:
    """Resize signals, images or volumes.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W). The result has the new sizes in place of the spatial ones.
            uint8 images are resized by "bilinear", "bicubic" and "lanczos" with integer weights, as Pillow does.
        size: The new size: a number, or one for each spatial dim.
        scale_factor: The ratio of new to old sizes, in place of ``size``: a number, or one for each spatial dim.
        mode: "nearest" (by the corner of a pixel), "nearest-exact" (by its center), "linear", "bilinear", "trilinear",
            "bicubic" (Keys 1981, a = -0.75), "lanczos" (three lobes), or "area" (means of shares).
        align_corners: Whether the centers of the corner pixels keep their places; otherwise the edges of the image do.
        recompute_scale_factor: Whether to compute positions from the rounded sizes instead of ``scale_factor``.
        antialias: Whether to widen the filter when shrinking, as Pillow does; for "bilinear" and "bicubic", and
            required for "lanczos".

    Raises:
        ValueError: If neither or both of ``size`` and ``scale_factor`` are given, or an option does not fit the mode.
        ValueError, NotImplementedError: If the mode is unknown or not for this number of dims.
        RuntimeError: If an input or output size is 0.

    >>> import minitensor as torch
    >>> interpolate(torch.tensor([[[0., 2.]]]), scale_factor=2, mode="linear")
    tensor([[[0.0000, 0.5000, 1.5000, 2.0000]]])
    """
    dims = check_mode(input, mode, align_corners, antialias)
    grid = resolve_grid(input, dims, size, scale_factor, recompute_scale_factor, mode)
    if mode == "area":
        return adaptive_means("interpolate", dims, input, grid.size)
    check_sizes(input, grid.size)
    if input.dtype is uint8 and mode not in PLAIN:
        result = interpolate_bytes(input, grid, mode, bool(align_corners), bool(antialias))
    else:
        result = interpolate_numbers(input, grid, mode, bool(align_corners), bool(antialias))
    return clone(input, memory_format=format_of(input)) if result is input else result


def interpolate_numbers(input: Tensor, grid: Grid, mode: str, align_corners: bool, antialias: bool) -> Tensor:
    """Resample each dim whose entries change; return the input itself if there is none."""
    for dim, (count, factor) in enumerate(grid.dims):
        length, dtype = input.shape[dim + 2], input.dtype.arithmetic
        taps = taps_for(mode, len(grid.size), length, count, factor, align_corners, antialias, dtype)
        if taps is not None:
            input = resample(input, dim + 2, taps)
    return input


def interpolate_bytes(input: Tensor, grid: Grid, mode: str, align_corners: bool, antialias: bool) -> Tensor:
    """Resize uint8 images by rows, then by columns; each pass rounds. Return the input itself if sizes stay."""
    for dim, (count, factor) in reversed(list(enumerate(grid.dims, 2))):
        length = input.shape[dim]
        if length != count:
            taps = fixed_point_taps(mode, length, count, factor, align_corners, antialias)
            input = resample_fixed_point(input, dim, taps)
    return input


def taps_for(
    mode: str,
    dims: int,
    length: int,
    count: int,
    factor: float | None,
    align_corners: bool,
    antialias: bool,
    dtype: Any,
) -> Taps | LongTaps | None:
    """Return the table that resizes a dim from ``length`` to ``count``; None if it stays as it is."""
    if length == count and keeps_dim(mode, dims, antialias):
        return None
    if mode == "nearest" and dims == 2 and count == 2 * length:
        factor = None  # PyTorch ignores the factor when doubling images, but not signals or volumes
    if mode in PLAIN:
        return (nearest_taps if count < LONG else long_nearest_taps)(length, count, factor, mode == "nearest-exact")
    wide = is_double(dtype)
    if antialias:
        return smooth_taps(length, count, factor, align_corners, wide, mode)
    if count < LONG:
        return (cubic_taps if mode == "bicubic" else linear_taps)(length, count, factor, align_corners, wide)
    return (long_cubic_taps if mode == "bicubic" else long_linear_taps)(length, count, factor, align_corners, wide)


def keeps_dim(mode: str, dims: int, antialias: bool) -> bool:
    """Whether a dim whose size stays is left alone despite a scale factor, as in PyTorch."""
    return antialias or mode in LINEAR or (mode == "nearest" and dims == 2)


def warn_of_old_name(name: str) -> None:
    """Warn that a function is deprecated in favor of ``interpolate``."""
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        UserWarning, stacklevel=user_level(),
    )  # fmt: skip


@composite_with_own_checks
def upsample(
    input: Tensor,
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Deprecated name of ``interpolate``.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W). The result has the new sizes in place of the spatial ones.
        size: The new size: a number, or one for each spatial dim.
        scale_factor: The ratio of new to old sizes, in place of ``size``: a number, or one for each spatial dim.
        mode: "nearest" (by the corner of a pixel), "nearest-exact" (by its center), "linear", "bilinear", "trilinear",
            "bicubic" (Keys 1981, a = -0.75), or "area" (means of shares).
        align_corners: Whether the centers of the corner pixels keep their places; otherwise the edges of the image do.

    >>> F.upsample(tensor([[[0., 2.]]]), scale_factor=2)
    tensor([[[0., 0., 2., 2.]]])
    """
    warn_of_old_name("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


@composite_with_own_checks
def upsample_nearest(input: Tensor, size: Sizes | None = None, scale_factor: Factors | None = None) -> Tensor:
    """Resize by nearest pixels: ``interpolate`` with mode "nearest".

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W). The result has the new sizes in place of the spatial ones.
        size: The new size: a number, or one for each spatial dim.
        scale_factor: The ratio of new to old sizes, in place of ``size``: a number, or one for each spatial dim.

    >>> F.upsample_nearest(tensor([[[0., 2.]]]), 4)
    tensor([[[0., 0., 2., 2.]]])
    """
    warn_of_old_name("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


@composite_with_own_checks
def upsample_bilinear(input: Tensor, size: Sizes | None = None, scale_factor: Factors | None = None) -> Tensor:
    """Resize images linearly with aligned corners: ``interpolate`` with mode "bilinear".

    Args:
        input: (N, C, H, W). The result is (N, C, OH, OW).
        size: The new size: a number, or one for each spatial dim.
        scale_factor: The ratio of new to old sizes, in place of ``size``: a number, or one for each spatial dim.

    >>> F.upsample_bilinear(tensor([[[[0., 2.]]]]), (1, 3))
    tensor([[[[0., 1., 2.]]]])
    """
    warn_of_old_name("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", True)


# -- numbers and checks ------------------------------------------------------------------------------------------------


def check_mode(input: Any, mode: str, align_corners: bool | None, antialias: bool) -> int:
    """Raise if options do not go together; return the number of spatial dims."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"interpolate(): argument 'input' must be a tensor, not {type(input).__name__}")
    if mode not in DIMS:
        raise UnsupportedValueError(f"interpolate: mode must be one of {', '.join(DIMS)}, got {mode!r}")
    dims = input.ndim - 2
    if align_corners is not None and mode in PLAIN:
        raise ArgumentError(
            "interpolate: align_corners can only be set with the interpolating modes linear, bilinear, bicubic and "
            f"trilinear, got mode {mode!r}"
        )
    if antialias and (mode not in SMOOTH_CURVES or dims != 2):
        raise ArgumentError(
            f"interpolate: antialias is for 4D input and the modes {', '.join(SMOOTH_CURVES)}, got mode {mode!r} and "
            f"shape {tuple(input.shape)}"
        )
    if dims not in DIMS[mode]:
        wanted = " or ".join([f"{n + 2}D" for n in DIMS[mode]])
        raise UnsupportedValueError(f"interpolate: mode {mode!r} takes {wanted} input, got shape {tuple(input.shape)}")
    if mode == "lanczos" and (align_corners or not antialias):
        raise ArgumentError(
            "interpolate: mode 'lanczos' takes antialias=True and no aligned corners, "
            f"got antialias={antialias} and align_corners={align_corners}"
        )
    if not (input.dtype.kind == "f" or (input.dtype is uint8 and mode in OF_BYTES)):
        raise UnsupportedDtypeError(
            f"interpolate: mode {mode!r} is not implemented for {input.dtype.name}; cast with .to(...)"
        )
    return dims


def resolve_grid(
    input: Tensor, dims: int, size: Sizes | None, scale_factor: Factors | None, recompute: bool | None, mode: str
) -> Grid:
    """Return the output's sizes, and the factors if positions are computed from them."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            f"interpolate: exactly one of size and scale_factor must be given, got {size!r} and {scale_factor!r}"
        )
    if size is not None:
        if recompute:
            raise ArgumentError("interpolate: recompute_scale_factor is not meaningful with an explicit size")
        return Grid(tuple([as_int(each) for each in one_per_dim("size", size, dims, input)]), None)
    factors = tuple([float(each) for each in one_per_dim("scale_factor", scale_factor, dims, input)])
    sizes = tuple([scale_size(length, factor) for length, factor in zip(input.shape[2:], factors)])
    return Grid(sizes, None if recompute or mode == "area" else factors)


def scale_size(length: int, factor: float) -> int:
    """Return a size times a factor, rounded down; raise if it does not fit an int64."""
    product = length * factor
    if not abs(product) < 2**63:  # NaN does not either
        raise UsageError(f"interpolate: a size of {length} times scale_factor={factor} does not fit an int64")
    return math.floor(product)


def one_per_dim(name: str, given: Any, dims: int, input: Tensor) -> Sequence[Any]:
    """Return one value for each spatial dim."""
    if not isinstance(given, (list, tuple)):
        return (given,) * dims
    if len(given) != dims:
        raise ArgumentError(
            f"interpolate: {name} must be one number or {dims} for input of shape {tuple(input.shape)}, got {given!r}"
        )
    return given


def as_int(size: Any) -> int:
    """Return a size as an int."""
    if not is_count(size):
        raise ArgumentTypeError(f"interpolate: size must be ints, got {size!r} of type {type(size).__name__}")
    return int(size)


def check_sizes(input: Tensor, size: tuple[int, ...]) -> None:
    """Raise if an input or output size is zero."""
    if 0 in input.shape[1:] or min(size) < 1:
        raise ShapeError(
            f"interpolate: input and output sizes should be greater than 0, but got input {tuple(input.shape)} and "
            f"output size {size}"
        )
