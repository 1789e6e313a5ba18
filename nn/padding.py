"""Padding layers: how many entries are added before and after each of the last dims, and what they hold.

``padding`` is one number for all sides, or one for each: before and after the last dim, then the one before it, and so
on, as in ``functional.pad``. Negative numbers cut entries off.
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
    """What padding layers share: a number for each side."""

    dims: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        try:
            self.padding = ntuple(padding, 2 * self.dims)
        except (ShapeError, ArgumentTypeError) as error:
            raise type(error)(
                f"{type(self).__name__}: padding must be an int or {2 * self.dims} of them, got {padding!r}"
            ) from None

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.padding}"


class ConstantPad(Pad):
    """What paddings with a constant share."""

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Return the sizes and the value."""
        return f"padding={self.padding}, value={self.value}"


class ZeroPad(ConstantPad):
    """What paddings with zeros share."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.padding}"


class ReflectionPad(Pad):
    """What paddings with a mirror image share."""

    mode = "reflect"


class ReplicationPad(Pad):
    """What paddings with the outermost entries share."""

    mode = "replicate"


class CircularPad(Pad):
    """What paddings from the other end share."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded input."""
        wanted = self.dims + 1, self.dims + 2
        if input.ndim not in wanted:
            raise ArgumentError(f"expected {wanted[0]}D or {wanted[1]}D input (got {input.ndim}D input)")
        return super().forward(input)


class ConstantPad1d(ConstantPad):
    """Put ``value`` around (N, C, L) or (C, L)."""

    dims = 1


class ConstantPad2d(ConstantPad):
    """Put ``value`` around (N, C, H, W) or (C, H, W)."""

    dims = 2


class ConstantPad3d(ConstantPad):
    """Put ``value`` around (N, C, D, H, W) or (C, D, H, W)."""

    dims = 3


class ZeroPad1d(ZeroPad):
    """Put zeros around (N, C, L) or (C, L)."""

    dims = 1


class ZeroPad2d(ZeroPad):
    """Put zeros around (N, C, H, W) or (C, H, W)."""

    dims = 2


class ZeroPad3d(ZeroPad):
    """Put zeros around (N, C, D, H, W) or (C, D, H, W)."""

    dims = 3


class ReflectionPad1d(ReflectionPad):
    """Mirror (N, C, L) or (C, L) at its edges, which are not repeated."""

    dims = 1


class ReflectionPad2d(ReflectionPad):
    """Mirror (N, C, H, W) or (C, H, W) at its edges, which are not repeated."""

    dims = 2


class ReflectionPad3d(ReflectionPad):
    """Mirror (N, C, D, H, W) or (C, D, H, W) at its edges, which are not repeated."""

    dims = 3


class ReplicationPad1d(ReplicationPad):
    """Repeat the edges of (N, C, L) or (C, L)."""

    dims = 1


class ReplicationPad2d(ReplicationPad):
    """Repeat the edges of (N, C, H, W) or (C, H, W)."""

    dims = 2


class ReplicationPad3d(ReplicationPad):
    """Repeat the edges of (N, C, D, H, W) or (C, D, H, W)."""

    dims = 3


class CircularPad1d(CircularPad):
    """Continue (N, C, L) or (C, L) with its other end."""

    dims = 1


class CircularPad2d(CircularPad):
    """Continue (N, C, H, W) or (C, H, W) with its other end."""

    dims = 2


class CircularPad3d(CircularPad):
    """Continue (N, C, D, H, W) or (C, D, H, W) with its other end."""

    dims = 3
