"""Automatic augmentation: operations of random kinds and strengths, by policies that were found by search, or by none.

An *operation* has a name. A *space* maps the names to the magnitudes to choose from, and tells whether their sign is
random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitensor.errors import ArgumentError
from minitensor.nn.module import Module
from minitensor.ops.creation import tensor
from minitensor.ops.random import rand, randint
from minitensor.ops.ranges import arange, linspace
from minitensor.ops.variates import _sample_dirichlet
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Image
from minitensor.vision.transforms import functional as F
from minitensor.vision.transforms.arguments import fill_for
from minitensor.vision.transforms.door import transform_forward
from minitensor.vision.transforms.draws import draw_below
from minitensor.vision.transforms.functional.conversion import planes_of
from minitensor.vision.transforms.functional.filling import Fill
from minitensor.vision.transforms.functional.interpolation import InterpolationMode
from minitensor.vision.transforms.policies import POLICIES, AutoAugmentPolicy, Step

Space = dict[str, tuple[Tensor, bool]]
Change = Callable[[Image, float, InterpolationMode, Fill], Image]


# -- operations --------------------------------------------------------------------------------------------------------


def shear(img: Image, magnitude: float, axis: int, mode: InterpolationMode, fill: Fill) -> Image:
    angles = [0.0, 0.0]
    angles[axis] = math.degrees(math.atan(magnitude))
    return F.affine(img, 0.0, [0, 0], 1.0, angles, mode, fill, center=[0, 0])


def translate(img: Image, magnitude: float, axis: int, mode: InterpolationMode, fill: Fill) -> Image:
    pixels = [0, 0]
    pixels[axis] = int(magnitude)
    return F.affine(img, 0.0, pixels, 1.0, [0.0, 0.0], mode, fill)


CHANGES: dict[str, Change] = {
    "Identity": lambda img, magnitude, mode, fill: img,
    "ShearX": lambda img, magnitude, mode, fill: shear(img, magnitude, 0, mode, fill),
    "ShearY": lambda img, magnitude, mode, fill: shear(img, magnitude, 1, mode, fill),
    "TranslateX": lambda img, magnitude, mode, fill: translate(img, magnitude, 0, mode, fill),
    "TranslateY": lambda img, magnitude, mode, fill: translate(img, magnitude, 1, mode, fill),
    "Rotate": lambda img, magnitude, mode, fill: F.rotate(img, magnitude, mode, fill=fill),
    "Brightness": lambda img, magnitude, mode, fill: F.adjust_brightness(img, 1.0 + magnitude),
    "Color": lambda img, magnitude, mode, fill: F.adjust_saturation(img, 1.0 + magnitude),
    "Contrast": lambda img, magnitude, mode, fill: F.adjust_contrast(img, 1.0 + magnitude),
    "Sharpness": lambda img, magnitude, mode, fill: F.adjust_sharpness(img, 1.0 + magnitude),
    "Posterize": lambda img, magnitude, mode, fill: F.posterize(img, int(magnitude)),
    "Solarize": lambda img, magnitude, mode, fill: F.solarize(img, magnitude),
    "AutoContrast": lambda img, magnitude, mode, fill: F.autocontrast(img),
    "Equalize": lambda img, magnitude, mode, fill: F.equalize(img),
    "Invert": lambda img, magnitude, mode, fill: F.invert(img),
}

NONE = tensor(0.0)  # the magnitude of an operation that has none


def maps(bins: int, most_shear: float, across: float, down: float, angle: float) -> Space:
    """Return the space of the operations that move pixels."""
    most = {"ShearX": most_shear, "ShearY": most_shear, "TranslateX": across, "TranslateY": down, "Rotate": angle}
    return {name: (linspace(0.0, end, bins), True) for name, end in most.items()}


def enhancements(bins: int, most: float) -> Space:
    """Return the space of the operations that enhance something, or the contrary."""
    return {name: (linspace(0.0, most, bins), True) for name in ("Brightness", "Color", "Contrast", "Sharpness")}


def tables(bins: int, bits: int, fewer: int) -> Space:
    """Return the space of the operations that replace colors; posterizing leaves ``bits`` down to ``bits - fewer``."""
    return {
        "Posterize": (bits - (arange(bins) / ((bins - 1) / fewer)).round().int(), False),
        "Solarize": (linspace(255.0, 0.0, bins), False),
        "AutoContrast": (NONE, False),
        "Equalize": (NONE, False),
    }


def draw_change(space: Space, choose: Callable[[Tensor], Tensor]) -> tuple[str, float]:
    """Draw an operation of a space, its magnitude (if it has one), and the sign (if it is random)."""
    name = list(space)[draw_below(len(space))]
    magnitudes, is_signed = space[name]
    magnitude = float(choose(magnitudes).item()) if magnitudes.ndim else 0.0
    return name, -magnitude if is_signed and draw_below(2) else magnitude


# -- transforms --------------------------------------------------------------------------------------------------------


class AutoAugment(Module):
    """Two operations with the probabilities and magnitudes of a policy that was found by search on a data set.

    The policies are those of "AutoAugment: Learning Augmentation Policies from Data" (Cubuk et al., 2019). Images are
    of Pillow's mode "RGB" or "L", or uint8 tensors of shape (..., 1 or 3, H, W).

    Args:
        policy: The policy: that of ImageNet, CIFAR10 or SVHN. Default: ``AutoAugmentPolicy.IMAGENET``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        fill: The color outside the image: one number, or one for each channel; black if None.

    Raises:
        ValueError: If ``policy`` is none.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> augment = transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)
    >>> augment(torch.zeros(3, 32, 32, dtype=torch.uint8)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Fill = None,
    ) -> None:
        super().__init__()
        self.policy, self.interpolation, self.fill = policy, interpolation, fill
        self.policies = self._get_policies(policy)

    def _get_policies(self, policy: AutoAugmentPolicy) -> list[tuple[Step, Step]]:
        if not isinstance(policy, AutoAugmentPolicy):
            raise ArgumentError(f"AutoAugment: policy must be an AutoAugmentPolicy, got {policy!r}")
        return POLICIES[policy]

    def _augmentation_space(self, num_bins: int, image_size: tuple[int, int]) -> Space:
        height, width = image_size
        moves = maps(num_bins, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0)
        return {**moves, **enhancements(num_bins, 0.9), **tables(num_bins, 8, 4), "Invert": (NONE, False)}

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """Draw one of ``transform_num`` pairs of operations, two numbers from 0 to 1, and two signs."""
        return draw_below(transform_num), rand(2), randint(2, (2,))

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed by none, one or both operations of a pair."""
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        place, chances, signs = self.get_params(len(self.policies))
        space = self._augmentation_space(10, (height, width))
        for step, (name, p, level) in enumerate(self.policies[place]):
            if chances[step] <= p:
                magnitudes, is_signed = space[name]
                magnitude = 0.0 if level is None else float(magnitudes[level].item())
                sign = -1.0 if is_signed and signs[step] == 0 else 1.0
                img = CHANGES[name](img, sign * magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


class RandAugment(Module):
    """Some operations of random kinds and the same strength.

    "RandAugment: Practical automated data augmentation with a reduced search space" (Cubuk et al., 2020). Images are of
    Pillow's mode "RGB" or "L", or uint8 tensors of shape (..., 1 or 3, H, W).

    Args:
        num_ops: How many operations. Default: ``2``.
        magnitude: Their strength: 0 to ``num_magnitude_bins - 1``. Default: ``9``.
        num_magnitude_bins: How many strengths there are. Default: ``31``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        fill: The color outside the image: one number, or one for each channel; black if None.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.RandAugment()(torch.zeros(3, 32, 32, dtype=torch.uint8)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Fill = None,
    ) -> None:
        super().__init__()
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self.interpolation, self.fill = interpolation, fill

    def _augmentation_space(self, num_bins: int, image_size: tuple[int, int]) -> Space:
        height, width = image_size
        moves = maps(num_bins, 0.3, 150.0 / 331.0 * width, 150.0 / 331.0 * height, 30.0)
        return {"Identity": (NONE, False), **moves, **enhancements(num_bins, 0.9), **tables(num_bins, 8, 4)}

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed."""
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        space = self._augmentation_space(self.num_magnitude_bins, (height, width))
        for _ in range(self.num_ops):
            name, magnitude = draw_change(space, lambda magnitudes: magnitudes[self.magnitude])
            img = CHANGES[name](img, magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, fill={self.fill})"
        )


class TrivialAugmentWide(Module):
    """One operation of random kind and strength.

    "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation" (Müller and Hutter, 2021). Images are of
    Pillow's mode "RGB" or "L", or uint8 tensors of shape (..., 1 or 3, H, W).

    Args:
        num_magnitude_bins: How many strengths there are. Default: ``31``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.NEAREST``.
        fill: The color outside the image: one number, or one for each channel; black if None.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.TrivialAugmentWide()(torch.zeros(3, 32, 32, dtype=torch.uint8)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Fill = None,
    ) -> None:
        super().__init__()
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def _augmentation_space(self, num_bins: int) -> Space:
        moves = maps(num_bins, 0.99, 32.0, 32.0, 135.0)
        return {"Identity": (NONE, False), **moves, **enhancements(num_bins, 0.99), **tables(num_bins, 8, 6)}

    @transform_forward
    def forward(self, img: Image) -> Image:
        """Return the image, changed."""
        fill = fill_for(img, self.fill)
        F.get_dimensions(img)  # raises unless it is an image
        space = self._augmentation_space(self.num_magnitude_bins)
        name, magnitude = draw_change(space, lambda magnitudes: magnitudes[draw_below(len(magnitudes))])
        return CHANGES[name](img, magnitude, self.interpolation, fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class AugMix(Module):
    """A mean, with random weights, of the image and of some copies, each changed by a chain of operations.

    "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty" (Hendrycks et al., 2020). Images are
    of Pillow's mode "RGB" or "L", or uint8 tensors of shape (..., 1 or 3, H, W).

    Args:
        severity: The strength of the operations: 1 to 10. Default: ``3``.
        mixture_width: How many copies. Default: ``3``.
        chain_depth: How many operations each; 1 to 3 at random if not positive. Default: ``-1``.
        alpha: How alike the weights are: the parameter of the distributions of Dirichlet and Beta. Default: ``1.0``.
        all_ops: Whether brightness, contrast, color and sharpness change too. Default: ``True``.
        interpolation: How to compute pixels. Default: ``InterpolationMode.BILINEAR``.
        fill: The color outside the image: one number, or one for each channel; black if None.

    Raises:
        ValueError: If ``severity`` is not between 1 and 10.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.AugMix()(torch.zeros(3, 32, 32, dtype=torch.uint8)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Fill = None,
    ) -> None:
        super().__init__()
        if not 1 <= severity <= 10:
            raise ArgumentError(f"AugMix: severity must be between 1 and 10, got {severity}")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops, self.interpolation, self.fill = alpha, all_ops, interpolation, fill

    def _augmentation_space(self, num_bins: int, image_size: tuple[int, int]) -> Space:
        height, width = image_size
        space = {**maps(num_bins, 0.3, width / 3.0, height / 3.0, 30.0), **tables(num_bins, 4, 4)}
        return {**space, **enhancements(num_bins, 0.9)} if self.all_ops else space

    @transform_forward
    def forward(self, orig_img: Image) -> Image:
        """Return an image ``orig_img`` mixed with its changed copies."""
        img = orig_img if isinstance(orig_img, Tensor) else planes_of(orig_img)
        _, height, width = F.get_dimensions(img)
        space = self._augmentation_space(10, (height, width))
        batch = img.view([1] * max(4 - img.ndim, 0) + list(img.shape))
        shape = [batch.size(0)] + [1] * (batch.ndim - 1)
        own, copies = self.draw_weights(batch)
        mix = own.view(shape) * batch
        for weight in copies.unbind(1):
            mix = mix + weight.view(shape) * self.change(batch, space, fill_for(orig_img, self.fill))
        mix = mix.view(img.shape).to(img.dtype)
        return mix if isinstance(orig_img, Tensor) else F.to_pil_image(mix)

    def draw_weights(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the weights of the images of a ``batch``, and those of each copy, which add up to 1."""
        count = batch.size(0)
        pair = _sample_dirichlet(tensor([self.alpha] * 2, device=batch.device).expand(count, -1))
        copies = _sample_dirichlet(tensor([self.alpha] * self.mixture_width, device=batch.device).expand(count, -1))
        return pair[:, 0], copies * pair[:, 1:]

    def change(self, batch: Tensor, space: Space, fill: Any) -> Tensor:
        """Return a ``batch``, changed by a chain of operations of a ``space``, with a ``fill`` color outside."""
        depth = self.chain_depth if self.chain_depth > 0 else draw_below(4, 1)
        for _ in range(depth):
            name, magnitude = draw_change(space, lambda magnitudes: magnitudes[draw_below(self.severity)])
            batch = CHANGES[name](batch, magnitude, self.interpolation, fill)
        return batch

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(severity={self.severity}, mixture_width={self.mixture_width}, "
            f"chain_depth={self.chain_depth}, alpha={self.alpha}, all_ops={self.all_ops}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
