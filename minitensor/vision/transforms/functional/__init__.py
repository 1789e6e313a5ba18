"""Functions of images: the transforms without randomness, under torchvision's names.

Each takes one of Pillow's images or a tensor of shape (..., C, H, W), unless it says otherwise, and returns the same.
"""

from minitensor.vision.transforms.functional.coloring import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    autocontrast,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from minitensor.vision.transforms.functional.conversion import (
    convert_image_dtype,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from minitensor.vision.transforms.functional.cropping import (
    center_crop,
    crop,
    five_crop,
    hflip,
    pad,
    resize,
    resized_crop,
    ten_crop,
    vflip,
)
from minitensor.vision.transforms.functional.filtering import adjust_sharpness, erase, gaussian_blur, normalize
from minitensor.vision.transforms.functional.interpolation import InterpolationMode
from minitensor.vision.transforms.functional.size import get_dimensions, get_image_num_channels, get_image_size
from minitensor.vision.transforms.functional.warping import affine, elastic_transform, perspective, rotate

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]
