"""Padding layers: they add entries before and after each spatial dim.

``padding`` is one number for all sides, or two for each dim, in the order of ``functional.pad``: before and after the
last dim, then the dim before it. Negative numbers cut entries off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError
from minitensor.nn import functional as F
from minitensor.nn.module import Module
from minitensor.shapes import ntuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Pad(Module):
    """The common base of the padding layers."""

    dims: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        try:  # as in PyTorch, a sequence may have any length: it pads the last dims
            self.padding = ntuple(padding, len(padding) if isinstance(padding, Sequence) else 2 * self.dims)
        except (ShapeError, ArgumentTypeError) as error:
            raise type(error)(
                f"{type(self).__name__}: padding must be an int or a sequence of ints, got {padding!r}"
            ) from None

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """Return the padding."""
        return f"{self.padding}"


class ConstantPad(Pad):
    """The common base of the layers that pad with one value."""

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Return the padding and the value."""
        return f"padding={self.padding}, value={self.value}"


class ZeroPad(ConstantPad):
    """The common base of the layers that pad with zeros."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Return the padding."""
        return f"{self.padding}"


class ReflectionPad(Pad):
    """The common base of the layers that pad with a mirror image."""

    mode = "reflect"


class ReplicationPad(Pad):
    """The common base of the layers that repeat the entries at the edges."""

    mode = "replicate"


class CircularPad(Pad):
    """The common base of the layers that pad with the entries of the opposite side."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        ranks = self.dims + 1, self.dims + 2
        if input.ndim not in ranks:
            raise ArgumentError(f"expected {ranks[0]}D or {ranks[1]}D input (got {input.ndim}D input)")
        return super().forward(input)


class ConstantPad1d(ConstantPad):
    """Add entries of one value on the sides of a sequence.

    Inputs with fewer or more leading dims are padded in the same way.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right). Negative numbers cut
            entries off.
        value: What the added entries hold, a number.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = L + left + right

    Raises:
        ShapeError: If ``padding`` is an odd number of ints, if the input has no dims, or if more entries are cut off
            than there are.

    >>> import minitensor as torch
    >>> torch.nn.ConstantPad1d((2, 1), 3.5)(torch.tensor([[1.0, 2.0]]))
    tensor([[3.5000, 3.5000, 1.0000, 2.0000, 3.5000]])
    """

    dims = 1


class ConstantPad2d(ConstantPad):
    """Add entries of one value on the sides of an image.

    Inputs with fewer or more leading dims are padded in the same way.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom). Negative
            numbers cut entries off.
        value: What the added entries hold, a number.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ShapeError: If ``padding`` is an odd number of ints, if the input has fewer than 2 dims, or if more entries
            are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.ConstantPad2d((1, 0, 0, 1), 7)(torch.tensor([[[1, 2]]]))
    tensor([[[7, 1, 2],
             [7, 7, 7]]])
    """

    dims = 2


class ConstantPad3d(ConstantPad):
    """Add entries of one value on the sides of a volume.

    Inputs with fewer or more leading dims are padded in the same way.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom, front, back).
            Negative numbers cut entries off.
        value: What the added entries hold, a number.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = D + front + back, H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ShapeError: If ``padding`` is an odd number of ints, if the input has fewer than 3 dims, or if more entries
            are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.ConstantPad3d((3, 3, 6, 6, 0, 1), 3.5)(torch.zeros(16, 3, 10, 20, 30)).shape
    torch.Size([16, 3, 11, 32, 36])
    """

    dims = 3


class ZeroPad1d(ZeroPad, ConstantPad1d):
    """Add zeros on the sides of a sequence.

    Inputs with fewer or more leading dims are padded in the same way.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right). Negative numbers cut
            entries off.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = L + left + right

    Raises:
        ShapeError: If ``padding`` is an odd number of ints, if the input has no dims, or if more entries are cut off
            than there are.

    >>> import minitensor as torch
    >>> torch.nn.ZeroPad1d((2, -1))(torch.tensor([[1, 2, 3]]))
    tensor([[0, 0, 1, 2]])
    """


class ZeroPad2d(ZeroPad, ConstantPad2d):
    """Add zeros on the sides of an image.

    Inputs with fewer or more leading dims are padded in the same way.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom). Negative
            numbers cut entries off.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ShapeError: If ``padding`` is an odd number of ints, if the input has fewer than 2 dims, or if more entries
            are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.ZeroPad2d((1, 0, 0, 1))(torch.tensor([[[1, 2]]]))
    tensor([[[0, 1, 2],
             [0, 0, 0]]])
    """


class ZeroPad3d(ZeroPad, ConstantPad3d):
    """Add zeros on the sides of a volume.

    Inputs with fewer or more leading dims are padded in the same way.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom, front, back).
            Negative numbers cut entries off.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = D + front + back, H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ShapeError: If ``padding`` is an odd number of ints, if the input has fewer than 3 dims, or if more entries
            are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.ZeroPad3d((3, 3, 6, 6, 0, 1))(torch.zeros(16, 3, 10, 20, 30)).shape
    torch.Size([16, 3, 11, 32, 36])
    """


class ReflectionPad1d(ReflectionPad):
    """Add a mirror image of a sequence on its sides, without repeating the entries at the edges.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right). Negative numbers cut
            entries off.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = L + left + right

    Raises:
        ValueError: If the input does not have 2 or 3 dims.
        ShapeError: If ``padding`` is an odd number of ints, if an amount is not less than the size of its dim, or if
            more entries are cut off than there are.
        UnsupportedDtypeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.ReflectionPad1d(2)(torch.tensor([[1, 2, 3]]))
    tensor([[3, 2, 1, 2, 3, 2, 1]])
    """

    dims = 1


class ReflectionPad2d(ReflectionPad):
    """Add a mirror image of an image on its sides, without repeating the entries at the edges.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom). Negative
            numbers cut entries off.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ValueError: If the input does not have 3 or 4 dims.
        ShapeError: If ``padding`` is an odd number of ints, if an amount is not less than the size of its dim, or if
            more entries are cut off than there are.
        UnsupportedDtypeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.ReflectionPad2d((1, 1, 1, 0))(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[4, 3, 4, 3],
             [2, 1, 2, 1],
             [4, 3, 4, 3]]])
    """

    dims = 2


class ReflectionPad3d(ReflectionPad):
    """Add a mirror image of a volume on its sides, without repeating the entries at the edges.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom, front, back).
            Negative numbers cut entries off.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = D + front + back, H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ValueError: If the input does not have 4 or 5 dims.
        ShapeError: If ``padding`` is an odd number of ints, if an amount is not less than the size of its dim, or if
            more entries are cut off than there are.
        UnsupportedDtypeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.ReflectionPad3d(1)(torch.zeros(1, 4, 5, 6, 7)).shape
    torch.Size([1, 4, 7, 8, 9])
    """

    dims = 3


class ReplicationPad1d(ReplicationPad):
    """Repeat the entries at the edges of a sequence on its sides.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right). Negative numbers cut
            entries off.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = L + left + right

    Raises:
        ValueError: If the input does not have 2 or 3 dims.
        ShapeError: If ``padding`` is an odd number of ints, or if more entries are cut off than there are.
        UnsupportedDtypeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.ReplicationPad1d(2)(torch.tensor([[1, 2, 3]]))
    tensor([[1, 1, 1, 2, 3, 3, 3]])
    """

    dims = 1


class ReplicationPad2d(ReplicationPad):
    """Repeat the entries at the edges of an image on its sides.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom). Negative
            numbers cut entries off.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ValueError: If the input does not have 3 or 4 dims.
        ShapeError: If ``padding`` is an odd number of ints, or if more entries are cut off than there are.
        UnsupportedDtypeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.ReplicationPad2d((1, 1, 1, 0))(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[1, 1, 2, 2],
             [1, 1, 2, 2],
             [3, 3, 4, 4]]])
    """

    dims = 2


class ReplicationPad3d(ReplicationPad):
    """Repeat the entries at the edges of a volume on its sides.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom, front, back).
            Negative numbers cut entries off.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = D + front + back, H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ValueError: If the input does not have 4 or 5 dims.
        ShapeError: If ``padding`` is an odd number of ints, or if more entries are cut off than there are.
        UnsupportedDtypeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.ReplicationPad3d(1)(torch.zeros(1, 4, 5, 6, 7)).shape
    torch.Size([1, 4, 7, 8, 9])
    """

    dims = 3


class CircularPad1d(CircularPad):
    """Continue a sequence on each side with the entries of the opposite side.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right). Negative numbers cut
            entries off.

    Shape:
        - Input: (N, C, L) or (C, L)
        - Output: (N, C, L_out) or (C, L_out), where L_out = L + left + right

    Raises:
        ValueError: If the input does not have 2 or 3 dims.
        ShapeError: If ``padding`` is an odd number of ints, if an amount is more than the size of its dim, or if more
            entries are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.CircularPad1d(2)(torch.tensor([[1, 2, 3]]))
    tensor([[2, 3, 1, 2, 3, 1, 2]])
    """

    dims = 1


class CircularPad2d(CircularPad):
    """Continue an image on each side with the entries of the opposite side.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom). Negative
            numbers cut entries off.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: (N, C, H_out, W_out) or (C, H_out, W_out), where H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ValueError: If the input does not have 3 or 4 dims.
        ShapeError: If ``padding`` is an odd number of ints, if an amount is more than the size of its dim, or if more
            entries are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.CircularPad2d((1, 1, 1, 0))(torch.tensor([[[1, 2], [3, 4]]]))
    tensor([[[4, 3, 4, 3],
             [2, 1, 2, 1],
             [4, 3, 4, 3]]])
    """

    dims = 2


class CircularPad3d(CircularPad):
    """Continue a volume on each side with the entries of the opposite side.

    Args:
        padding: Number of entries added on each side, an int for all sides or (left, right, top, bottom, front, back).
            Negative numbers cut entries off.

    Shape:
        - Input: (N, C, D, H, W) or (C, D, H, W)
        - Output: (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out), where
          D_out = D + front + back, H_out = H + top + bottom and W_out = W + left + right

    Raises:
        ValueError: If the input does not have 4 or 5 dims.
        ShapeError: If ``padding`` is an odd number of ints, if an amount is more than the size of its dim, or if more
            entries are cut off than there are.

    >>> import minitensor as torch
    >>> torch.nn.CircularPad3d(1)(torch.zeros(1, 4, 5, 6, 7)).shape
    torch.Size([1, 4, 7, 8, 9])
    """

    dims = 3

# PyTorch's names, for isinstance.
_ConstantPadNd, _ReflectionPadNd = ConstantPad, ReflectionPad
_ReplicationPadNd, _CircularPadNd = ReplicationPad, CircularPad
