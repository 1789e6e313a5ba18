"""Transforms of samples that cut, flip and resize images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.vision.pillow import Image
from minitensor.vision.transforms.arguments import pair_from, require_ranges
from minitensor.vision.transforms.crops import RandomResizedCrop as Rectangles
from minitensor.vision.transforms.draws import draw_below
from minitensor.vision.transforms.functional.cropping import sides_of
from minitensor.vision.transforms.v2 import functional as F
from minitensor.vision.transforms.v2.functional import Mode
from minitensor.vision.transforms.v2.sample import RandomTransform, Transform, size_of


class RandomHorizontalFlip(RandomTransform):
    """Left and right are exchanged at random.

    Args:
        p: The probability. Default: ``0.5``.

    Raises:
        ValueError: If it is not between 0 and 1.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.RandomHorizontalFlip(p=1.0)(torch.tensor([[[1, 2]]]), 7)
    (tensor([[[2, 1]]]), 7)
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def transform(self, inpt: Image, params: dict[str, Any]) -> Image:
        """Return an image ``inpt``, flipped; there are no ``params``."""
        return F.hflip(inpt)


class RandomVerticalFlip(RandomTransform):
    """Top and bottom are exchanged at random.

    Args:
        p: The probability. Default: ``0.5``.

    Raises:
        ValueError: If it is not between 0 and 1.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.RandomVerticalFlip(p=1.0)(torch.tensor([[[1], [2]]]), 7)
    (tensor([[[2],
             [1]]]), 7)
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def transform(self, inpt: Image, params: dict[str, Any]) -> Image:
        """Return an image ``inpt``, flipped; there are no ``params``."""
        return F.vflip(inpt)


class Resize(Transform):
    """Images get another size.

    Args:
        size: The height and width; or one number, of the shorter side; or None, if ``max_size`` is the longer side.
        interpolation: How to compute pixels: a mode or its name. Default: ``"bilinear"``.
        max_size: The most that the longer side may have.
        antialias: Whether to average the pixels that fall together if a tensor shrinks. Default: ``True``.

    Raises:
        ValueError: If ``size`` has other than one or two numbers, or is None and ``max_size`` too.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.Resize((2, 5))(torch.zeros(3, 10, 10)).shape
    torch.Size([3, 2, 5])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None,
        interpolation: Mode = "bilinear",
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = sizes_from(size, max_size)
        self.interpolation, self.max_size, self.antialias = interpolation, max_size, antialias

    def transform(self, inpt: Image, params: dict[str, Any]) -> Image:
        """Return an image ``inpt`` in the other size; there are no ``params``."""
        return F.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


def sizes_from(size: Any, max_size: Any) -> list[int] | None:
    if isinstance(size, int):
        return [size]
    if isinstance(size, Sequence) and len(size) in (1, 2):
        return list(size)
    if size is not None:
        raise ArgumentError(f"Resize: size must be an int, one or two in a sequence, or None, got {size!r}")
    if not isinstance(max_size, int):
        raise ArgumentError(f"Resize: max_size must be an int if size is None, got {max_size!r}")
    return None


class CenterCrop(Transform):
    """Images are cut to their middle.

    Args:
        size: The height and width, or one number for both.

    Raises:
        ValueError: If it does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.CenterCrop(1)(torch.arange(9).view(1, 3, 3))
    tensor([[[4]]])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair_from(size)

    def transform(self, inpt: Image, params: dict[str, Any]) -> Image:
        """Return the middle of an image ``inpt``; there are no ``params``."""
        return F.center_crop(inpt, self.size)


class RandomCrop(Transform):
    """Images are cut to a rectangle at a random place.

    Args:
        size: The height and width of the rectangle, or one number for both.
        padding: How many pixels are added around the image before, as for ``Pad``; none if None.
        pad_if_needed: Whether an image that is too small is padded. Default: ``False``.
        fill: The color of constant pixels. Default: ``0``.
        padding_mode: "constant", "edge", "reflect" or "symmetric". Default: ``"constant"``.

    Raises:
        ValueError: If ``size`` does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.RandomCrop(32, padding=4)(torch.zeros(3, 32, 32)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair_from(size)
        left, top, right, bottom = sides_of(padding) if padding else (0, 0, 0, 0)
        self.padding = [left, right, top, bottom] if padding else None  # in this order it is printed
        self.pad_if_needed, self.fill, self.padding_mode = pad_if_needed, fill, padding_mode

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Return the padding that the images ``flat_inputs`` need, and draw the place of the rectangle.

        Raises:
            ValueError: If the rectangle is larger than the image.
        """
        rows, columns = size_of(flat_inputs)
        left, right, top, bottom = self.padding or (0, 0, 0, 0)
        height, width = self.size
        short, narrow = max(height - rows - top - bottom, 0), max(width - columns - left - right, 0)
        if (short or narrow) and not self.pad_if_needed:
            raise ArgumentError(f"RandomCrop: {(height, width)} is larger than the image {(rows, columns)}")
        sides = [left + narrow, top + short, right + narrow, bottom + short]
        spare, room = rows + sides[1] + sides[3] - height, columns + sides[0] + sides[2] - width
        place = [draw_below(spare + 1) if spare else 0, draw_below(room + 1) if room else 0]
        return {"padding": sides, "box": (*place, height, width)}

    def transform(self, inpt: Image, params: dict[str, Any]) -> Image:
        """Return the part of an image ``inpt`` that ``params`` tell."""
        padding = params["padding"]
        wide = F.pad(inpt, padding, self.fill, self.padding_mode) if any(padding) else inpt
        return F.crop(wide, *params["box"])


class RandomResizedCrop(Transform):
    """Images are cut to a rectangle of random area, ratio and place, which is then resized.

    Args:
        size: The height and width of the result, or one number for both.
        scale: The range of the area, as a part of the image's. Default: ``(0.08, 1.0)``.
        ratio: The range of width / height. Default: ``(0.75, 1.3333333333333333)``.
        interpolation: How to compute pixels: a mode or its name. Default: ``"bilinear"``.
        antialias: Whether to average the pixels that fall together if a tensor shrinks. Default: ``True``.

    Raises:
        TypeError: If ``scale`` or ``ratio`` is no pair.
        ValueError: If ``size`` does not have one or two numbers.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.RandomResizedCrop(8)(torch.zeros(3, 32, 32), 7)[0].shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Mode = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair_from(size)
        for name, value in (("scale", scale), ("ratio", ratio)):
            if not isinstance(value, Sequence) or len(value) != 2:
                raise ArgumentTypeError(f"RandomResizedCrop: {name} must be (min, max), got {value!r}")
        require_ranges(scale, ratio)
        self.scale, self.ratio, self.interpolation, self.antialias = scale, ratio, interpolation, antialias

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the rectangle, of the size of the images ``flat_inputs``."""
        size_of(flat_inputs)  # raises unless there is one
        return {"box": Rectangles.get_params(flat_inputs[0], self.scale, self.ratio)}

    def transform(self, inpt: Image, params: dict[str, Any]) -> Image:
        """Return the part of an image ``inpt`` that ``params`` tell, in the other size."""
        top, left, height, width = params["box"]
        return F.resized_crop(inpt, top, left, height, width, self.size, self.interpolation, self.antialias)
