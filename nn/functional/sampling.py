"""Images read at given places: ``grid_sample``, and ``affine_grid``, which makes the places.

A place lies between pixels, its *corners*; what is read there is the corners' weighted sum. Pixels are rows of
channels, and corners pick rows. Finding the corners is one primitive, whose gradient is written in tensor operations;
picking and its two adjoints are three more, and each other's derivatives. So every order of gradient works.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite, composite_with_own_checks
from minitensor.autograd.strides import in_layout, row_major
from minitensor.backends.reference import sample
from minitensor.base import wrap
from minitensor.callers import user_level
from minitensor.errors import ArgumentError, ShapeError, ShapeValueError, UnsupportedValueError
from minitensor.memory_format import contiguous_format
from minitensor.ops.arithmetic import fmod
from minitensor.ops.choice import where
from minitensor.ops.constant import as_function_of
from minitensor.ops.copy import clone, with_row_major_grad
from minitensor.ops.creation import ones, ones_like
from minitensor.ops.join import stack
from minitensor.ops.kinds import FLOATS, require_kind, require_same_dtype
from minitensor.ops.operand import require_tensors, same_device
from minitensor.ops.ranges import linspace
from minitensor.ops.rounding import abs, floor, sign
from minitensor.shapes import normalize_sizes

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

MODES = ("bilinear", "nearest", "bicubic")
EDGES = ("zeros", "border", "reflection")


@composite
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Read images (N, C, H, W) at places ``grid`` (N, OH, OW, 2), or volumes at (N, OD, OH, OW, 3): (N, C, OH, OW).

    A place is (x, y), or (x, y, z), from -1 to 1: the middles of the corner pixels if ``align_corners``, else the
    image's edges. Outside there is zero, or the ``border`` is repeated, or the image mirrored by ``reflection``. Modes:
    "bilinear" (in volumes, too), "nearest", "bicubic" (images only).

    Args:
        input: Images (N, C, H, W) or volumes (N, C, D, H, W).
        grid: The places to read.
        mode: ``"bilinear"``, ``"nearest"`` or ``"bicubic"``. Default: ``"bilinear"``.
        padding_mode: What lies outside: ``"zeros"``, ``"border"`` or ``"reflection"``. Default: ``"zeros"``.
        align_corners: Whether -1 and 1 are the middles of the corner pixels. Default: ``None``, False with a warning.

    Raises:
        ValueError: If ``mode`` or ``padding_mode`` is unknown.
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> image = torch.tensor([[[[0., 1.], [2., 3.]]]])
    >>> grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[1.5000]]]])
    """
    check_sampling(input, grid, mode, padding_mode)
    align_corners = resolve_corners(align_corners)
    sizes = tuple(input.shape[2:])
    weight, index = find_corners(grid.flatten(1, -2), sizes, mode, padding_mode, align_corners)  # (T, N, P)
    index = below_each_other(index, math.prod(sizes))
    pixels = with_row_major_grad(input).movedim(1, -1).reshape(input.shape[0] * math.prod(sizes), input.shape[1])
    found = pick_rows(pixels, weight.flatten(1), index.flatten(1))  # (N P, C)
    shape = (input.shape[0], *grid.shape[1:-1], input.shape[1])
    return clone(found.reshape(shape).movedim(-1, 1), memory_format=contiguous_format)


def resolve_corners(align_corners: bool | None) -> bool:
    """Return the argument; None is False, with a warning, because it once was True."""
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0: specify it.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip
    return bool(align_corners)


# -- the three primitives ----------------------------------------------------------------------------------------------


def pick_rows_grad_table(grad: Tensor, weight: Tensor, index: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of picking in the table."""
    return spread_rows(grad, weight, index, in_shape[0])


def pick_rows_grad_weight(grad: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """Return the gradient of picking in the weights."""
    return compare_rows(grad, table, index)


def spread_rows_grad_weight(grad: Tensor, rows: Tensor, index: Tensor) -> Tensor:
    """Return the gradient of spreading in the weights."""
    return compare_rows(rows, grad, index)


@differentiable(table=pick_rows_grad_table, weight=pick_rows_grad_weight)
def pick_rows(table: Tensor, weight: Tensor, index: Tensor) -> Array:
    """Return sum over t of ``weight[t, m] * table[index[t, m]]``: (M, C)."""
    return table.backend.pick(table.array, weight.array, index.array)


@differentiable(
    rows=lambda grad, weight, index: pick_rows(grad, weight, index),
    weight=spread_rows_grad_weight,
)
def spread_rows(rows: Tensor, weight: Tensor, index: Tensor, count: int) -> Array:
    """Add ``weight[t, m] * rows[m]`` to row ``index[t, m]`` of zeros: the adjoint of ``pick_rows`` in its table."""
    return rows.backend.spread(rows.array, weight.array, index.array, count)


@differentiable(
    rows=lambda grad, table, index: pick_rows(table, grad, index),
    table=lambda grad, rows, index, in_shape: spread_rows(rows, grad, index, in_shape[0]),
)
@in_layout(row_major)
def compare_rows(rows: Tensor, table: Tensor, index: Tensor) -> Array:
    """Return products of ``rows[m]`` and ``table[index[t, m]]``, (T, M): adjoint to ``pick_rows`` in its weights."""
    return rows.backend.compare(rows.array, table.array, index.array)


# -- corners -----------------------------------------------------------------------------------------------------------


def find_corners_grad(
    grads: Any, places: Tensor, sizes: tuple[int, ...], mode: str, edges: str, align_corners: bool
) -> Tensor:
    """Return the gradient of the corners' weights, products of one share a dim, in the places."""
    if mode == "nearest":
        return as_function_of(places.new_zeros(places.shape), places)
    positions = [position(places[..., -1 - dim], size, len(sizes), align_corners) for dim, size in enumerate(sizes)]
    along = [shares(mode, edges, align_corners, place, size) for place, size in zip(positions, sizes)]
    counts = [len(shares) for shares, _ in along]
    grad = grads[0].reshape(*counts, *places.shape[:-1])
    found = [
        contract(grad, [slopes if dim == of else shares for dim, (shares, slopes) in enumerate(along)])
        for of in range(len(sizes))
    ]
    return stack(found[::-1], -1)


def contract(grad: Tensor, factors: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the sum over the corners of a gradient (4, 4, ..., N, P) times one factor of each dim."""
    for along in factors:
        grad = sum([part * factor for part, factor in zip(grad.unbind(0), along)][1:], grad[0] * along[0])
    return grad


@differentiable(places=find_corners_grad)
def find_corners(
    places: Tensor, sizes: tuple[int, ...], mode: str, edges: str, align_corners: bool
) -> tuple[Array, Array]:
    """Return, for places (..., dims), every corner's weight (T, ...) and its row in the image."""
    return places.backend.corners(places.array, sizes, mode, edges, align_corners)


def below_each_other(index: Tensor, plane: int) -> Tensor:
    """Return rows (T, N, P) of images as those of a table in which the images stand one below the other."""
    if index.shape[1] == 1:
        return index
    xp = index.xp
    start: Tensor = wrap(index.result_class, xp.arange(index.shape[1], dtype="int64")[:, None] * plane)
    return index + start


# -- shares of a place along one dim -----------------------------------------------------------------------------------


def position(place: Tensor, size: int, dims: int, align_corners: bool) -> Tensor:
    """Turn [-1, 1] into pixels, as ``sample.pixels`` does."""
    wider = dtypes.float64 if dims == 2 and place.dtype == dtypes.float32 else place.dtype
    return cast("Tensor", sample.pixel_of((place + 1).to(wider), size, align_corners).to(place.dtype))


def shares(
    mode: str, edges: str, align_corners: bool, place: Tensor, size: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the weights of the pixels beside each position and their slopes, zeros for pixels cut off."""
    step = (size - 1) / 2 if align_corners else size / 2
    if mode == "bicubic":
        low = floor(place.detach())
        share = place - low
        pairs = list(zip(sample.cubic_weights(share), cubic_slopes(share)))
    else:
        place, turn = bring_in(place, size, edges, align_corners)
        low, step = floor(place.detach()), step * turn
        share = place - low
        pairs = [(1 - share, -ones_like(share)), (share, ones_like(share))]
    if edges == "zeros":
        first = low - 1 if mode == "bicubic" else low
        pairs = [inside(first + k, size, *pair) for k, pair in enumerate(pairs)]
    return [weight for weight, _ in pairs], [slope * step for _, slope in pairs]


def inside(number: Tensor, size: int, weight: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight and its slope where the pixel lies in the image, else zeros."""
    lies_inside = (number >= 0) & (number < size)
    return where(lies_inside, weight, 0.0), where(lies_inside, slope, 0.0)


def cubic_slopes(share: Tensor) -> tuple[Tensor, ...]:
    """Return the derivatives of ``cubic_weights``."""
    return outer_slope(share + 1), inner_slope(share), -inner_slope(1 - share), -outer_slope(2 - share)


def inner_slope(x: Tensor) -> Tensor:
    """Return the derivative of Keys' kernel between 0 and 1; as in PyTorch, its parameter is -0.75."""
    return (3.75 * x - 4.5) * x


def outer_slope(x: Tensor) -> Tensor:
    """Return the derivative of Keys' kernel between 1 and 2."""
    return (-2.25 * x + 7.5) * x - 6


def bring_in(place: Tensor, size: int, edges: str, align_corners: bool) -> tuple[Tensor, Any]:
    """Bring places outside back into the image, unless zeros stand there; return also how far that moves with them."""
    if edges == "zeros":
        return place, 1.0
    turn: Any = 1.0
    if edges == "reflection":
        place, turn = mirror(place, size, align_corners)
    between = (place > 0) & (place < size - 1)
    held = where(between, place, place.detach().clamp(0, size - 1).nan_to_num(0.0))
    return held, where(between, turn, 0.0).to(place.dtype)


def mirror(place: Tensor, size: int, align_corners: bool) -> tuple[Tensor, Any]:
    """Mirror places at both ends, the middles of the outer pixels or their edges; return also the directions."""
    low, span = (0.0, float(size - 1)) if align_corners else (-0.5, float(size))
    if not span:
        return place * 0, 0.0
    distance = abs(place - low)
    over = fmod(distance, span)
    odd = fmod(floor(distance.detach() / span), 2) != 0
    return where(odd, span - over, over) + low, where(odd, -1.0, 1.0) * sign(place.detach() - low)


# -- checks ------------------------------------------------------------------------------------------------------------


def check_sampling(input: Any, grid: Any, mode: str, edges: str) -> None:
    """Raise unless the arguments are images, a grid for them, and known modes."""
    require_tensors("grid_sample", input=input, grid=grid)
    if mode not in MODES:
        raise ArgumentError(f"grid_sample: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if edges not in EDGES:
        raise ArgumentError(f"grid_sample: padding_mode must be one of {', '.join(EDGES)}, got {edges!r}")
    shapes = f"got input {tuple(input.shape)} and grid {tuple(grid.shape)}"
    require_kind("grid_sample", FLOATS, input)
    require_same_dtype("grid_sample", input=input, grid=grid)
    same_device(input, grid)
    if input.ndim not in (4, 5) or grid.ndim != input.ndim:
        raise ShapeError(f"grid_sample: expected 4D or 5D input and grid with same number of dimensions, {shapes}")
    if input.shape[0] != grid.shape[0]:
        raise ShapeError(f"grid_sample: expected grid and input to have same batch size, {shapes}")
    if grid.shape[-1] != input.ndim - 2:
        raise ShapeError(f"grid_sample: expected grid to have size {input.ndim - 2} in last dimension, {shapes}")
    if 0 in input.shape[2:]:
        raise ShapeError(f"grid_sample: expected input to have non-empty spatial dimensions, {shapes}")
    if mode == "bicubic" and input.ndim != 4:
        raise ShapeError(f"grid_sample: bicubic interpolation only supports 4D input, {shapes}")


# -- places from a matrix ----------------------------------------------------------------------------------------------


@composite_with_own_checks
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return the places that an affine map reads: for (N, C, H, W) and matrices (N, 2, 3), (N, H, W, 2).

    For volumes (N, C, D, H, W) the matrices are (N, 3, 4). What ``align_corners`` means is told in ``grid_sample``.

    Args:
        theta: The matrices, (N, 2, 3) or (N, 3, 4).
        size: The shape of the images that are read, (N, C, H, W) or (N, C, D, H, W).
        align_corners: As for ``grid_sample``. Default: ``None``, False with a warning.

    Raises:
        ValueError: If ``theta`` does not hold floats, its shape does not fit ``size``, or a size is not positive.

    >>> import minitensor as torch
    >>> still = torch.tensor([[[1., 0., 0.], [0., 1., 0.]]])
    >>> affine_grid(still, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    size = normalize_sizes(size)
    sizes = check_matrices(theta, size)
    align_corners = resolve_corners(align_corners)
    if align_corners and min(sizes) == 1:
        warnings.warn(
            "affine_grid: since version 1.3.0, grids of size 1 are centered when align_corners=True.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip
    like: Any = {"dtype": theta.dtype, "device": theta.device}
    dims = len(sizes)
    columns = [ones(sizes, **like)]
    for dim, count in enumerate(sizes):
        line = middles(count, align_corners, like)
        columns.insert(0, line.reshape(count, *[1] * (dims - dim - 1)).expand(sizes))
    base = stack(columns, -1).flatten(0, -2)
    return (base @ theta.transpose(1, 2)).reshape(theta.shape[0], *sizes, dims)


def middles(count: int, align_corners: bool, like: dict[str, Any]) -> Tensor:
    """Return the places of pixels along one dim."""
    if count == 1:
        return linspace(0, 0, 1, **like)
    line = linspace(-1, 1, count, **like)
    return line if align_corners else line * (count - 1) / count


def check_matrices(theta: Any, size: Sequence[int]) -> tuple[int, ...]:
    """Raise unless ``theta`` holds affine matrices for images of this size; return the spatial sizes."""
    require_tensors("affine_grid", theta=theta)
    if theta.dtype.kind != "f":
        raise ArgumentError(f"affine_grid: expected theta to have floating point type, but got {theta.dtype.name}")
    if len(size) not in (4, 5):
        raise UnsupportedValueError(f"affine_grid: size must be (N, C, H, W) or (N, C, D, H, W), got {tuple(size)}")
    dims = len(size) - 2
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (dims, dims + 1) or theta.shape[0] != size[0]:
        raise ShapeValueError(
            f"affine_grid: expected a batch of {dims}D affine matrices of shape {(size[0], dims, dims + 1)} for size "
            f"{tuple(size)}, got {tuple(theta.shape)}"
        )
    if min(size) <= 0:
        raise ArgumentError(f"affine_grid: expected non-zero, positive output size, got {tuple(size)}")
    return tuple(size[2:])
