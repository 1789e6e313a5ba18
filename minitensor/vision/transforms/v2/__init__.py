"""Transforms of whole samples, as in torchvision.transforms.v2: an image together with its class, or a batch.

Here are those that a classifier needs; all others are in ``transforms``, and take an image alone. Images are plain
tensors: torchvision's ``tv_tensors`` (bounding boxes, masks) are not here.
"""

from minitensor.vision.transforms.functional.interpolation import InterpolationMode
from minitensor.vision.transforms.v2 import functional
from minitensor.vision.transforms.v2.containers import Compose, Identity, RandomApply, RandomChoice, RandomOrder
from minitensor.vision.transforms.v2.conversions import (
    ConvertImageDtype,
    Normalize,
    PILToTensor,
    ToDtype,
    ToImage,
    ToPILImage,
)
from minitensor.vision.transforms.v2.crops import (
    CenterCrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
)
from minitensor.vision.transforms.v2.mixing import CutMix, MixUp
from minitensor.vision.transforms.v2.sample import Transform

__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "CutMix",
    "Identity",
    "InterpolationMode",
    "MixUp",
    "Normalize",
    "PILToTensor",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Resize",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "Transform",
    "functional",
]
