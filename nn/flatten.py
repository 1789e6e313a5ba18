"""Layers that merge or split dims; their outputs are views where the strides of the input allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.argument_types import is_int
from minitensor.errors import ArgumentTypeError
from minitensor.nn.module import Module

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Flatten(Module):
    """Merge neighboring dims into one.

    The default keeps the batch dim and merges all others. The output is a view where the strides of the input allow it.

    Args:
        start_dim: First dim to merge. Default: ``1``.
        end_dim: Last dim to merge. Default: ``-1``.

    Shape:
        - Input: (*, S_start, ..., S_end, *)
        - Output: (*, S_start x ... x S_end, *)

    Raises:
        IndexError: If the input does not have these dims: by default, if it has fewer than 2.
        ShapeError: If ``start_dim`` comes after ``end_dim``.

    >>> import minitensor as torch
    >>> torch.nn.Flatten()(torch.zeros(32, 1, 5, 5)).shape
    torch.Size([32, 25])
    >>> torch.nn.Flatten(0, 2)(torch.zeros(32, 1, 5, 5)).shape
    torch.Size([160, 5])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with the dims merged."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the dims."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split one dim into several.

    Args:
        dim: Dim to split.
        unflattened_size: Sizes of the new dims, a tuple or list of ints; one of them may be -1, to be inferred.

    Shape:
        - Input: (*, S_dim, *)
        - Output: (*, U_1, ..., U_n, *), where (U_1, ..., U_n) is ``unflattened_size`` and their product is S_dim

    Raises:
        TypeError: If ``dim`` is not an int, or ``unflattened_size`` is not a tuple or list of ints.
        IndexError: If the input does not have the dim ``dim``.
        ShapeError: If the sizes do not multiply to the size of the dim, or more than one of them is -1.

    >>> import minitensor as torch
    >>> torch.nn.Unflatten(1, (2, 5, -1))(torch.zeros(4, 50)).shape
    torch.Size([4, 2, 5, 5])
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not is_int(dim):
            raise ArgumentTypeError(f"input argument dim must be an int, got {type(dim).__name__}")
        if not isinstance(unflattened_size, (tuple, list)):
            raise ArgumentTypeError(f"unflattened_size must be a tuple or list, got {type(unflattened_size).__name__}")
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise ArgumentTypeError(
                    "unflattened_size must be tuple of ints, "
                    f"but found element of type {type(size).__name__} at pos {i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with the dim split."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the dim and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
