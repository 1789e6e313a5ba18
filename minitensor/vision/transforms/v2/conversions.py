"""Transforms of samples that change the type of images, or compute with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minitensor.dtypes import dtype as DType
from minitensor.dtypes import float32
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.tensor import Tensor
from minitensor.vision.pillow import is_picture
from minitensor.vision.transforms.v2 import functional as F
from minitensor.vision.transforms.v2.sample import Transform


class ToImage(Transform):
    """Pillow images and arrays of shape (H, W, C) become tensors of shape (C, H, W) with the same values.

    >>> import numpy
    >>> from minitensor.vision.transforms import v2
    >>> v2.ToImage()(numpy.zeros((10, 20, 3), numpy.uint8)).shape
    torch.Size([3, 10, 20])
    """

    def is_image(self, value: Any) -> bool:
        """Return whether a ``value`` is an image or an array."""
        return isinstance(value, np.ndarray) or super().is_image(value)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        """Return ``inpt`` as a tensor; there are no ``params``."""
        return F.to_image(inpt)


class PILToTensor(Transform):
    """Pillow images become tensors of shape (C, H, W) with the same values.

    >>> from PIL import Image
    >>> from minitensor.vision.transforms import v2
    >>> v2.PILToTensor()(Image.new("L", (1, 1), 7), 3)
    (tensor([[[7]]], dtype=torch.uint8), 3)
    """

    def is_image(self, value: Any) -> bool:
        """Return whether a ``value`` is a Pillow image."""
        return is_picture(value)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        """Return ``inpt`` as a tensor; there are no ``params``."""
        return F.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """Tensors of shape (C, H, W) and arrays of shape (H, W, C) become Pillow images.

    Args:
        mode: The mode of the image, or None for the usual one of its number of channels and dtype.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.ToPILImage()(torch.zeros(3, 10, 20)).size
    (20, 10)
    """

    def __init__(self, mode: str | None = None) -> None:
        super().__init__()
        self.mode = mode

    def is_image(self, value: Any) -> bool:
        """Return whether a ``value`` is a tensor or an array."""
        return isinstance(value, (Tensor, np.ndarray))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return ``inpt`` as a Pillow image; there are no ``params``."""
        return F.to_pil_image(inpt, mode=self.mode)


class ToDtype(Transform):
    """Tensors get another dtype.

    Args:
        dtype: The dtype of the image; or a dict of dtypes, of ``torch.Tensor`` or "others" (then all tensors).
        scale: Whether to scale the values to its range. Default: ``False``.

    Raises:
        ValueError: If ``dtype`` is neither.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.ToDtype(torch.float32, scale=True)(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """

    def __init__(self, dtype: DType | Mapping[Any, DType | None], scale: bool = False) -> None:
        super().__init__()
        if not isinstance(dtype, (dict, DType)):
            raise ArgumentError(f"ToDtype: dtype must be a dtype or a dict of them, got {dtype!r}")
        self.dtype, self.scale = dtype, scale

    def is_image(self, value: Any) -> bool:
        """Return whether a ``value`` is a tensor."""
        return isinstance(value, Tensor)

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return ``inpt`` in the dtype for it; there are no ``params``.

        Raises:
            ValueError: If there is none.
        """
        if isinstance(self.dtype, DType):
            return F.to_dtype(inpt, self.dtype, self.scale)
        key = type(inpt) if type(inpt) in self.dtype else "others"
        if key not in self.dtype:
            raise ArgumentError(f"ToDtype: no dtype for {type(inpt).__name__}; name it, or 'others', in the dict")
        dtype = self.dtype[key]
        return inpt if dtype is None else F.to_dtype(inpt, dtype, self.scale)


class ConvertImageDtype(Transform):
    """Tensors of pixels get another dtype, and values scaled to its range.

    Args:
        dtype: The dtype. Default: ``torch.float32``.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.ConvertImageDtype(torch.uint8)(torch.tensor([0.0, 1.0]))
    tensor([  0, 255], dtype=torch.uint8)
    """

    def __init__(self, dtype: DType = float32) -> None:
        super().__init__()
        self.dtype = dtype

    def is_image(self, value: Any) -> bool:
        """Return whether a ``value`` is a tensor."""
        return isinstance(value, Tensor)

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return ``inpt`` in the other dtype; there are no ``params``."""
        return F.to_dtype(inpt, self.dtype, True)


class Normalize(Transform):
    """Tensors of floats become ``(tensor - mean) / std``, channel by channel.

    Args:
        mean: One number for each channel.
        std: One number for each channel.
        inplace: Whether to change the tensor itself. Default: ``False``.

    >>> import minitensor as torch
    >>> from minitensor.vision.transforms import v2
    >>> v2.Normalize([0.5], [0.25])(torch.ones(1, 1, 1))
    tensor([[[2.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise ``TypeError`` if one of ``flat_inputs`` is a Pillow image."""
        if any(map(is_picture, flat_inputs)):
            raise ArgumentTypeError("Normalize: a tensor is wanted, got a Pillow image; use ToImage and ToDtype first")

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return ``inpt``, normalized; there are no ``params``."""
        return F.normalize(inpt, self.mean, self.std, self.inplace)
