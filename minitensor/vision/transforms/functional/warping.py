"""Rotations, affine and perspective maps, and elastic displacements.

Each is the inverse map, from places in the result to places in the image. For tensors, the places are a grid for
``grid_sample``, whose coordinates run from -1 to 1; for Pillow's images, its own coefficients.
"""

from __future__ import annotations

import itertools
import math
import numbers
import warnings
from collections.abc import Sequence

from minitensor.callers import user_level
from minitensor.dtypes import float32, float64
from minitensor.errors import ArgumentError, ArgumentTypeError, LinAlgError
from minitensor.nn.functional.sampling import grid_sample
from minitensor.ops.broadcast import meshgrid
from minitensor.ops.creation import ones, tensor
from minitensor.ops.join import cat, stack
from minitensor.ops.ranges import linspace
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image, pillow, require_image, require_picture
from minitensor.vision.transforms.functional.conversion import planes_of, to_pil_image
from minitensor.vision.transforms.functional.door import image_function
from minitensor.vision.transforms.functional.filling import Fill, color_of, fill_planes
from minitensor.vision.transforms.functional.interpolation import NUMBERS, InterpolationMode, mode_of
from minitensor.vision.transforms.functional.size import (
    cast_pixels,
    float_type,
    get_dimensions,
    require_planes,
    require_stack,
)

Corners = Sequence[Sequence[int]]


@image_function
def rotate(
    img: Image,
    angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Fill = None,
) -> Image:
    """Return an image turned counter-clockwise.

    Args:
        img: A Pillow image, or a tensor of shape (..., C, H, W).
        angle: The angle in degrees.
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        expand: Whether the result is large enough for the whole image; it is meant for the default center.
        center: The pixel (x, y) that stays. Default: the middle.
        fill: The color outside the image: one number, or one for each channel. Default: zero.

    Raises:
        TypeError: If ``img`` is no image, or another argument of the wrong type.
        ValueError: If ``fill`` has another number of channels, or a tensor cannot be interpolated like this.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.rotate(torch.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    mode = mode_of(interpolation)
    require_angle(angle, center)
    if not isinstance(img, Tensor):
        require_picture(img)
        return img.rotate(angle, NUMBERS[mode], expand, center, fillcolor=color_of(fill, img))
    _, height, width = get_dimensions(img)
    middle = (0.0, 0.0) if center is None else (center[0] - width * 0.5, center[1] - height * 0.5)
    # The angle of an affine map is clockwise.
    matrix = inverse_matrix(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    require_sampling(img, mode, fill)
    size = size_around(matrix, width, height) if expand else (width, height)
    return sample(img, affine_places(img, matrix, size), mode.value, fill)


@image_function
def affine(
    img: Image,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
    fill: Fill = None,
    center: Sequence[float] | None = None,
) -> Image:
    """Return an image turned, scaled, sheared and moved.

    Args:
        img: A Pillow image, or a tensor of shape (..., C, H, W).
        angle: The angle in degrees, clockwise.
        translate: How many pixels to move to the right and down, after the rotation.
        scale: The factor, above zero.
        shear: The angle of a shear along x; or those along x and y, in degrees.
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        fill: The color outside the image: one number, or one for each channel. Default: zero.
        center: The pixel (x, y) that stays. Default: the middle.

    Raises:
        TypeError: If ``img`` is no image, or another argument of the wrong type.
        ValueError: If ``scale`` is not positive, or a sequence has another length, or a tensor cannot be interpolated
            like this.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> F.affine(torch.tensor([[[1, 2], [3, 4]]]), 0, [1, 0], 1.0, 0)
    tensor([[[0, 1],
             [0, 3]]])
    """
    mode = mode_of(interpolation)
    require_angle(angle, center)
    require_translation(translate, scale)
    shears = shears_of(shear)
    _, height, width = get_dimensions(img)
    if not isinstance(img, Tensor):
        middle = [width * 0.5, height * 0.5] if center is None else center
        matrix = inverse_matrix(middle, angle, translate, scale, shears)
        method = pillow().Image.Transform.AFFINE
        return img.transform(img.size, method, matrix, NUMBERS[mode], fillcolor=color_of(fill, img))
    middle = [0.0, 0.0] if center is None else [center[0] - width * 0.5, center[1] - height * 0.5]
    matrix = inverse_matrix(middle, angle, translate, scale, shears)
    require_sampling(img, mode, fill)
    return sample(img, affine_places(img, matrix, (width, height)), mode.value, fill)


@image_function
def perspective(
    img: Image,
    startpoints: Corners,
    endpoints: Corners,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Image:
    """Return an image as seen from elsewhere: four of its points are moved to others.

    Args:
        img: A Pillow image, or a tensor of shape (..., C, H, W).
        startpoints: Four points (x, y) of the image: usually its corners.
        endpoints: Where they are in the result.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        fill: The color outside the image: one number, or one for each channel. Default: zero.

    Raises:
        TypeError: If ``img`` is no image, or ``interpolation`` no mode.
        ValueError: If there are not four points, or ``fill`` has another number of channels, or a tensor cannot be
            interpolated like this.
        RuntimeError: If three of the points lie on a line.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> corners = [[0, 0], [3, 0], [3, 3], [0, 3]]
    >>> image = torch.arange(16.).view(1, 4, 4)
    >>> torch.allclose(F.perspective(image, corners, corners), image, atol=1e-4)
    True
    """
    coefficients = perspective_coefficients(startpoints, endpoints)
    mode = mode_of(interpolation)
    if not isinstance(img, Tensor):
        require_picture(img)
        method = pillow().Image.Transform.PERSPECTIVE
        return img.transform(img.size, method, coefficients, NUMBERS[mode], fillcolor=color_of(fill, img))
    require_sampling(img, mode, fill)
    return sample(img, perspective_places(img, coefficients), mode.value, fill)


@image_function
def elastic_transform(
    img: Image,
    displacement: Tensor,
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    fill: Fill = None,
) -> Image:
    """Return an image each of whose pixels is taken from another place.

    Args:
        img: A Pillow image, or a tensor of shape (..., C, H, W).
        displacement: Where each pixel is taken from, relative to its own place, as x and y: a tensor of shape
            (1, H, W, 2), in units of half the image.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        fill: The color outside the image: one number, or one for each channel. Default: zero.

    Raises:
        TypeError: If ``img`` is no image, or ``displacement`` no tensor.
        ValueError: If ``displacement`` has another shape.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import functional as F
    >>> image = torch.arange(4.).view(1, 2, 2)
    >>> F.elastic_transform(image, torch.zeros(1, 2, 2, 2))
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    if isinstance(interpolation, int):
        warnings.warn("elastic_transform: give an InterpolationMode, not a number", stacklevel=user_level())
    mode = mode_of(interpolation)
    if not isinstance(displacement, Tensor):
        raise ArgumentTypeError(f"elastic_transform: displacement must be a tensor, got {displacement!r}")
    require_image(img)
    planes = img if isinstance(img, Tensor) else planes_of(img)
    wanted = (1, *planes.shape[-2:], 2)
    if tuple(displacement.shape) != wanted:
        raise ArgumentError(
            f"elastic_transform: displacement must be of shape {wanted}, got {tuple(displacement.shape)}"
        )
    places = own_places(*planes.shape[-2:]).to(planes.device) + displacement.to(planes.device)
    result = sample(planes, places, mode.value, fill)
    return result if isinstance(img, Tensor) else to_pil_image(result, img.mode)


# -- arguments ---------------------------------------------------------------------------------------------------------


def require_angle(angle: float, center: Sequence[float] | None) -> None:
    if not isinstance(angle, (int, float)):
        raise ArgumentTypeError(f"angle must be a number, got {angle!r}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise ArgumentTypeError(f"center must be a pair (x, y), got {center!r}")


def require_translation(translate: Sequence[float], scale: float) -> None:
    if not isinstance(translate, (list, tuple)):
        raise ArgumentTypeError(f"affine: translate must be a pair (x, y), got {translate!r}")
    if len(translate) != 2:
        raise ArgumentError(f"affine: translate must be a pair (x, y), got {translate}")
    if scale <= 0:
        raise ArgumentError(f"affine: scale must be greater than zero, got {scale}")


def shears_of(shear: float | Sequence[float]) -> Sequence[float]:
    """Return the shears along x and y."""
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise ArgumentTypeError(f"affine: shear must be a number or a pair of them, got {shear!r}")
    if isinstance(shear, numbers.Number):
        return (shear, 0.0)  # type: ignore[return-value]  # a number
    pair = list(shear) * 2 if len(shear) == 1 else list(shear)
    if len(pair) != 2:
        raise ArgumentError(f"affine: shear must be a number or a pair of them, got {shear}")
    return pair


def require_sampling(img: Tensor, mode: InterpolationMode, fill: Fill) -> None:
    """Raise unless a tensor can be interpolated and filled like this."""
    require_planes(img)
    channels = get_dimensions(img)[0]
    if isinstance(fill, (list, tuple)) and len(fill) not in (1, channels):
        raise ArgumentError(f"fill must have one number or {channels}, as the image has channels, got {fill}")
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ArgumentError(f"interpolation of a tensor must be nearest or bilinear here, got {mode.value}")
    require_stack(img)


# -- maps --------------------------------------------------------------------------------------------------------------


def inverse_matrix(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """Return the first two rows of the inverse of an affine map, one after the other.

    The map is ``M = T C R S C^-1``: a shear and a rotation (R, of determinant 1) with a scale (S), about a center (C),
    and then a translation (T).
    """
    turn, along_x, along_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    cosine, sine = math.cos(turn - along_y), math.sin(turn - along_y)
    a, c = cosine / math.cos(along_y), sine / math.cos(along_y)
    b = -cosine * math.tan(along_x) / math.cos(along_y) - math.sin(turn)
    d = -sine * math.tan(along_x) / math.cos(along_y) + math.cos(turn)
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    first, second = (d / scale, -b / scale), (-c / scale, a / scale)
    return [
        *first, (0.0 / scale + (first[0] * x + first[1] * y)) + center[0],
        *second, (0.0 / scale + (second[0] * x + second[1] * y)) + center[1],
    ]  # fmt: skip


def perspective_coefficients(startpoints: Corners, endpoints: Corners) -> list[float]:
    """Return a, ..., h so that the point (x, y) of the result is ((ax + by + c) / w, (dx + ey + f) / w) in the image.

    Here ``w = gx + hy + 1``. Each pair of points gives two linear equations.
    """
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ArgumentError(f"perspective: give four points each, got {len(startpoints)} and {len(endpoints)}")
    rows = []
    for (u, v), (x, y) in zip(startpoints, endpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    # As in PyTorch, equations of floats are float32.
    equations = [[*tensor(row).double().tolist(), value] for row, value in zip(rows, itertools.chain(*startpoints))]
    found: list[float] = tensor(solve(equations), dtype=float64).to(float32).tolist()
    return found


def solve(equations: list[list[float]]) -> list[float]:
    """Return the exact solution of linear equations, each a row of coefficients and a value.

    Rounding would show: Pillow takes pixels at x = 1 - 1e-16 from another place than at x = 1.
    """
    rows, before = [integers_in_ratio(row) for row in equations], 1
    for place in range(len(rows)):  # Bareiss's elimination: all divisions by the pivot before are exact
        pivot = next((row for row in rows[place:] if row[place]), None)
        if pivot is None:
            raise LinAlgError("perspective: three of the four points lie on a line, so no map moves them")
        rows.remove(pivot)
        factor = pivot[place]
        rows = [[(factor * a - row[place] * b) // before for a, b in zip(row, pivot)] for row in rows]
        rows.insert(place, pivot)
        before = factor
    return [row[-1] / row[place] for place, row in enumerate(rows)]


def integers_in_ratio(row: list[float]) -> list[int]:
    """Return the smallest integers that are a power of two times the numbers of a row."""
    ratios = [each.as_integer_ratio() for each in row]
    scale = max(below for _, below in ratios)
    return [above * (scale // below) for above, below in ratios]


# -- places ------------------------------------------------------------------------------------------------------------


def affine_places(img: Tensor, matrix: list[float], size: tuple[int, int]) -> Tensor:
    """Return the places in an image of the pixels of a result of this size (width, height)."""
    columns = columns_of(matrix, img)
    starts = (-0.5 * size[0] + 0.5, -0.5 * size[1] + 0.5)
    return map_pixels(columns / half_size(img), size, starts)


def perspective_places(img: Tensor, coefficients: list[float]) -> Tensor:
    size = (img.shape[-1], img.shape[-2])
    above = map_pixels(columns_of(coefficients[:6], img) / half_size(img), size, (0.5, 0.5))
    below = map_pixels(columns_of([*coefficients[6:], 1.0] * 2, img), size, (0.5, 0.5))
    return above / below - 1.0


def columns_of(matrix: list[float], img: Tensor) -> Tensor:
    """Return the columns of a matrix of two rows, as floats such as the image's."""
    return tensor(matrix, dtype=float_type(img), device=img.device).view(2, 3).t()


def half_size(img: Tensor) -> Tensor:
    return tensor([0.5 * img.shape[-1], 0.5 * img.shape[-2]], dtype=float_type(img), device=img.device)


def map_pixels(columns: Tensor, size: tuple[int, int], starts: tuple[float, float]) -> Tensor:
    """Return the linear map of the centers of all pixels, which begin at ``starts``: a grid of shape (1, H, W, 2).

    Products and sums in this order have PyTorch's last bits, which decide between two pixels that are equally near.
    Those of half precision are rounded at the end.
    """
    dtype = columns.dtype
    map = columns.float() if dtype.itemsize < 4 else columns
    x, y = [
        linspace(start, start + count - 1, count, device=map.device).to(dtype).to(map.dtype)
        for start, count in zip(starts, size)
    ]
    return (x.view(1, -1, 1) * map[0] + y.view(-1, 1, 1) * map[1] + map[2]).to(dtype).unsqueeze(0)


def own_places(height: int, width: int) -> Tensor:
    """Return the place of each pixel itself: a grid of shape (1, H, W, 2)."""
    rows, columns = [linspace((1 - size) / size, (size - 1) / size, size) for size in (height, width)]
    y, x = meshgrid(rows, columns, indexing="ij")
    return stack([x, y], -1).unsqueeze(0)


def size_around(matrix: list[float], width: int, height: int) -> tuple[int, int]:
    """Return the width and height of the rectangle around a turned image."""
    x, y = 0.5 * width, 0.5 * height
    corners = tensor([[-x, -y, 1.0], [-x, y, 1.0], [x, y, 1.0], [x, -y, 1.0]])
    places = corners @ tensor(matrix, dtype=float32).view(2, 3).t() + tensor([x, y])
    # Corners on the border of a pixel must not move beyond it by an error of rounding.
    small = 1e-4
    high, low = ((places.amax(0) / small).trunc() * small).ceil(), ((places.amin(0) / small).trunc() * small).floor()
    across, down = (high - low).tolist()
    return int(across), int(down)


def sample(img: Tensor, places: Tensor, mode: str, fill: Fill) -> Tensor:
    """Return the pixels of an image at some places, and a color outside it."""
    batch = (img.unsqueeze(0) if img.ndim < 4 else img).to(places.dtype)
    grid = places.expand(batch.shape[0], *places.shape[1:])
    if fill is not None:  # a channel of ones tells how much of a pixel lies inside
        shape = (batch.shape[0], 1, *batch.shape[2:])
        batch = cat([batch, ones(shape, dtype=batch.dtype, device=batch.device)], 1)
    found = grid_sample(batch, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None:
        found = fill_planes(found[:, :-1], found[:, -1:], fill, mode)
    return cast_pixels(found.squeeze(0) if img.ndim < 4 else found, img.dtype)
