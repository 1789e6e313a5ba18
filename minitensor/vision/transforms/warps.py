"""Transforms that turn, shear, tilt and distort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.module import Module
from minitensor.ops.join import cat
from minitensor.ops.random import rand
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image
from minitensor.vision.transforms import functional as F
from minitensor.vision.transforms.arguments import angles_from, fill_for, fill_from, require_sequence
from minitensor.vision.transforms.door import transform_forward
from minitensor.vision.transforms.draws import draw_below, draw_between, happens
from minitensor.vision.transforms.functional.interpolation import InterpolationMode, mode_from_number
from minitensor.vision.transforms.functional.size import require_stack

Points = list[list[int]]


class RandomRotation(Module):
    """Images are turned by a random angle.

    Args:
        degrees: The range of the angle, counter-clockwise; one number stands for (-degrees, degrees).
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        expand: Whether the result is large enough for the whole image. Default: ``False``.
        center: The pixel (x, y) that stays; the middle if None.
        fill: The color outside the image: one number, or one for each channel. Default: ``0``.

    Raises:
        TypeError: If a range or a color is no sequence and no number.
        ValueError: If ``degrees`` is one negative number, or a sequence has another length.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomRotation((90, 90))(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[2, 4],
             [1, 3]]])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.interpolation = mode_from_number(interpolation)
        self.degrees = angles_from(degrees, "degrees")
        if center is not None:
            require_sequence(center, "center")
        self.center, self.expand, self.fill = center, expand, fill_from(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draw an angle of the range ``degrees``."""
        return draw_between(float(degrees[0]), float(degrees[1]))

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, turned."""
        fill = fill_for(img, self.fill)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


class RandomAffine(Module):
    """Images are turned, moved, scaled and sheared at random.

    Args:
        degrees: The range of the angle, clockwise; one number stands for (-degrees, degrees).
        translate: How far to move at most along x and y, as parts of the width and height; None for not at all.
        scale: The range of the factor; None for 1.
        shear: The range of the shear along x; or the ranges along x and y, as four numbers; None for no shear.
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        fill: The color outside the image: one number, or one for each channel. Default: ``0``.
        center: The pixel (x, y) that stays; the middle if None.

    Raises:
        TypeError: If a range or a color is no sequence and no number.
        ValueError: If a sequence has another length, a part is not between 0 and 1, or a factor not positive.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))(torch.zeros(3, 32, 32)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.interpolation = mode_from_number(interpolation)
        self.degrees = angles_from(degrees, "degrees")
        require_parts(translate, scale)
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else angles_from(shear, "shear", (2, 4))
        self.fill = fill_from(fill)
        if center is not None:
            require_sequence(center, "center")
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Draw the angle, the translation, the factor and the shears of an affine map.

        Args:
            degrees: The range of the angle.
            translate: The parts of width and height that the image moves at most.
            scale_ranges: The range of the factor.
            shears: The range of the shear along x, or the ranges along x and y.
            img_size: The width and height of the image.
        """
        angle = draw_between(float(degrees[0]), float(degrees[1]))
        most = [] if translate is None else [float(part * size) for part, size in zip(translate, img_size)]
        x, y = [round(draw_between(-each, each)) for each in most] or (0, 0)
        scale = 1.0 if scale_ranges is None else draw_between(*scale_ranges)
        along_x = draw_between(shears[0], shears[1]) if shears else 0.0
        along_y = draw_between(shears[2], shears[3]) if shears and len(shears) == 4 else 0.0
        return angle, (x, y), scale, (along_x, along_y)

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed."""
        fill = fill_for(img, self.fill)
        map = self.get_params(self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img))
        return F.affine(img, *map, interpolation=self.interpolation, fill=fill, center=self.center)

    def __repr__(self) -> str:
        named = {"translate": self.translate, "scale": self.scale, "shear": self.shear}
        if self.interpolation is not InterpolationMode.NEAREST:
            named["interpolation"] = self.interpolation.value
        named |= {"fill": self.fill or None, "center": self.center}
        rest = "".join(f", {name}={value}" for name, value in named.items() if value is not None)
        return f"{type(self).__name__}(degrees={self.degrees}{rest})"


def require_parts(translate: Any, scale: Any) -> None:
    """Raise unless these are parts of an image, and factors."""
    if translate is not None:
        require_sequence(translate, "translate")
        if not all(0 <= each <= 1 for each in translate):
            raise ArgumentError(f"translate must be between 0 and 1, got {translate}")
    if scale is not None:
        require_sequence(scale, "scale")
        if any(each <= 0 for each in scale):
            raise ArgumentError(f"scale must be positive, got {scale}")


class RandomPerspective(Module):
    """Images are seen from another side, at random.

    Args:
        distortion_scale: How far the corners move at most: 0 for not at all, 1 for to the middle. Default: ``0.5``.
        p: The probability. Default: ``0.5``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        fill: The color outside the image: one number, or one for each channel. Default: ``0``.

    Raises:
        TypeError: If ``fill`` is no sequence and no number.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandomPerspective(p=1.0)(torch.zeros(3, 32, 32)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.p, self.distortion_scale = p, distortion_scale
        self.interpolation = mode_from_number(interpolation)
        self.fill = fill_from(fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[Points, Points]:
        """Draw where the corners go: return them, and their new places, of an image of ``width`` and ``height``.

        A corner moves to the inside by at most ``distortion_scale`` of half the image.
        """
        x, y = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, right = (0, x + 1), (width - x - 1, width)
        top, bottom = (0, y + 1), (height - y - 1, height)
        ranges = [(left, top), (right, top), (right, bottom), (left, bottom)]
        corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        return corners, [[draw_below(end, start) for start, end in pair] for pair in ranges]

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed or not."""
        fill = fill_for(img, self.fill)
        width, height = F.get_image_size(img)
        if not happens(self.p):
            return img
        return F.perspective(img, *self.get_params(width, height, self.distortion_scale), self.interpolation, fill)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class ElasticTransform(Module):
    """Images are distorted as if seen through water: each pixel is taken from a place nearby.

    Args:
        alpha: How far pixels move along x and y, or one number for both. Default: ``50.0``.
        sigma: How smooth the displacements are along x and y, or one number for both. Default: ``5.0``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        fill: The color outside the image: one number, or one for each channel. Default: ``0``.

    Raises:
        TypeError: If a number is no float.
        ValueError: If a sequence has other than two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.ElasticTransform()(torch.zeros(3, 64, 64)).shape
    torch.Size([3, 64, 64])
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha, self.sigma = floats_from(alpha, "alpha"), floats_from(sigma, "sigma")
        self.interpolation = mode_from_number(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise ArgumentTypeError(f"ElasticTransform: fill must be a number or a sequence of them, got {fill!r}")
        self.fill = [float(each) for each in (fill if isinstance(fill, (list, tuple)) else [fill])]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """Draw the displacement of each pixel of an image: a tensor of shape (1, H, W, 2).

        Args:
            alpha: How far pixels move along x and y.
            sigma: How smooth the displacements are along x and y.
            size: The height and width of the image.
        """
        height, width = size
        across = draw_smooth(height, width, sigma[0], sigma) * alpha[0] / width
        down = draw_smooth(height, width, sigma[1], sigma) * alpha[1] / height
        return cat([across, down], 1).permute(0, 2, 3, 1)

    @transform_forward
    def forward(self, tensor: Image) -> Image:
        """Return an image ``tensor``, or one of Pillow's, distorted."""
        _, height, width = F.get_dimensions(tensor)
        if isinstance(tensor, Tensor):
            require_stack(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


def draw_smooth(height: int, width: int, smoothness: float, sigma: Sequence[float]) -> Tensor:
    """Draw numbers between -1 and 1 for each pixel, blurred by a kernel that is as large as its deviation needs."""
    numbers = rand(1, 1, height, width) * 2 - 1
    if smoothness <= 0:
        return numbers
    size = int(8 * smoothness + 1) | 1
    smooth: Tensor = F.gaussian_blur(numbers, [size, size], sigma)
    return smooth


def floats_from(value: Any, name: str) -> Sequence[float]:
    """Return one float as a pair, and a pair as it is."""
    if isinstance(value, float):
        return [value, value]
    if not isinstance(value, Sequence):
        raise ArgumentTypeError(f"ElasticTransform: {name} must be a float or a pair of them, got {value!r}")
    if len(value) != 2:
        raise ArgumentError(f"ElasticTransform: {name} must be a float or a pair of them, got {value}")
    if not all(isinstance(each, float) for each in value):
        raise ArgumentTypeError(f"ElasticTransform: {name} must be a float or a pair of them, got {value}")
    return value
