"""Transforms that make tensors of images and images of tensors, and those that compute with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitensor.dtypes import dtype as DType
from minitensor.errors import ArgumentError
from minitensor.nn.module import Module
from minitensor.tensor import Tensor
from minitensor.vision.pillow import Picture
from minitensor.vision.transforms import functional as F
from minitensor.vision.transforms.arguments import require_tensor_of_planes
from minitensor.vision.transforms.door import transform_forward


class ToTensor:
    """Pillow images and arrays of shape (H, W, C) become tensors of shape (C, H, W), bytes floats from 0 to 1.

    ``functional.to_tensor`` tells about other modes.

    >>> import numpy
    >>> from minitensor.vision import transforms
    >>> transforms.ToTensor()(numpy.array([[0, 51]], numpy.uint8))
    tensor([[[0.0000, 0.2000]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """Pillow images become tensors of shape (C, H, W) with the same values.

    >>> from PIL import Image
    >>> from minitensor.vision import transforms
    >>> transforms.PILToTensor()(Image.new("L", (1, 1), 7))
    tensor([[[7]]], dtype=torch.uint8)
    """

    def __call__(self, pic: Picture) -> Tensor:
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ConvertImageDtype(Module):
    """Tensors of pixels get another dtype, and values scaled to its range.

    Args:
        dtype: The dtype.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.ConvertImageDtype(torch.uint8)(torch.tensor([0.0, 1.0]))
    tensor([  0, 255], dtype=torch.uint8)
    """

    def __init__(self, dtype: DType) -> None:
        super().__init__()
        self.dtype = dtype

    @transform_forward
    def forward(self, image: Tensor) -> Tensor:
        """Return ``image`` in the other dtype."""
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """Tensors of shape (C, H, W) and arrays of shape (H, W, C) become Pillow images.

    Args:
        mode: The mode of the image, or None for the usual one of its number of channels and dtype.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.ToPILImage()(torch.zeros(3, 10, 20)).size
    (20, 10)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Picture:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class Normalize(Module):
    """Tensors of floats become ``(tensor - mean) / std``, channel by channel.

    Args:
        mean: One number for each channel.
        std: One number for each channel.
        inplace: Whether to change the tensor itself. Default: ``False``.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.Normalize([0.5], [0.25])(torch.ones(1, 1, 1))
    tensor([[[2.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    @transform_forward
    def forward(self, tensor: Tensor) -> Tensor:
        """Return ``tensor``, normalized."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class LinearTransformation(Module):
    """Tensors of shape (..., C, H, W), as vectors of C * H * W numbers, are centered and multiplied by a matrix.

    Whitening is such a transform: the matrix is made of the eigenvectors of the covariance of a data set.

    Args:
        transformation_matrix: The matrix, of shape (D, D), where D = C * H * W.
        mean_vector: What is subtracted before, of shape (D,).

    Raises:
        ValueError: If the sizes do not fit, or dtypes or devices differ.

    >>> import minitensor as torch
    >>> from minitensor.vision import transforms
    >>> transforms.LinearTransformation(2 * torch.eye(2), torch.tensor([1.0, 0.0]))(torch.ones(1, 1, 2))
    tensor([[[0., 2.]]])
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        require_matrix(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    @transform_forward
    def forward(self, tensor: Tensor) -> Tensor:
        """Return ``tensor``, transformed; raise ``ValueError`` if it has another number of elements."""
        require_tensor_of_planes(tensor)
        size = tensor.shape[-3] * tensor.shape[-2] * tensor.shape[-1]
        if size != self.transformation_matrix.shape[0]:
            raise ArgumentError(
                f"LinearTransformation: {tuple(tensor.shape[-3:])} has {size} elements, "
                f"but the matrix is for {self.transformation_matrix.shape[0]}"
            )
        if tensor.device.type != self.mean_vector.device.type:
            raise ArgumentError(
                f"LinearTransformation: the tensor is on {tensor.device}, the matrix on {self.mean_vector.device}"
            )
        centered = tensor.view(-1, size) - self.mean_vector
        return (centered @ self.transformation_matrix.to(centered.dtype)).view(tensor.shape)

    def __repr__(self) -> str:
        matrix, mean = self.transformation_matrix.tolist(), self.mean_vector.tolist()
        return f"{type(self).__name__}(transformation_matrix={matrix}, mean_vector={mean})"


def require_matrix(matrix: Tensor, mean: Tensor) -> None:
    """Raise unless a matrix is square, and a vector fits it."""
    if matrix.size(0) != matrix.size(1):
        raise ArgumentError(f"LinearTransformation: the matrix must be square, got {tuple(matrix.shape)}")
    if mean.size(0) != matrix.size(0):
        raise ArgumentError(
            f"LinearTransformation: mean_vector must have {matrix.size(0)} elements as the matrix has rows, "
            f"got {mean.size(0)}"
        )
    for name in ("device", "dtype"):
        if getattr(matrix, name) != getattr(mean, name):
            raise ArgumentError(
                f"LinearTransformation: matrix and mean_vector must have the same {name}, "
                f"got {getattr(matrix, name)} and {getattr(mean, name)}"
            )
