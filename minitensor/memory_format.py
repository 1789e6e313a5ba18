"""Memory formats: the orders of the dims of a dense tensor in memory, with PyTorch's names; and the names of layouts.

`apply_format` returns the layout of a copy in a format, `has_format` whether a layout is in it already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import layouts
from minitensor.errors import ArgumentTypeError, ShapeError

if TYPE_CHECKING:
    from minitensor.layouts import Layout


class memory_format:  # noqa: N801  # PyTorch's spelling
    """One of ``contiguous_format``, ``channels_last``, ``channels_last_3d`` and ``preserve_format``.

    Raises:
        TypeError: If it is called: there are no other memory formats.

    >>> channels_last
    torch.channels_last
    >>> import minitensor as torch
    >>> isinstance(torch.channels_last, torch.memory_format)
    True
    """

    __slots__ = ("name",)

    name: str

    def __new__(cls, *_: object) -> memory_format:
        raise TypeError("cannot create 'torch.memory_format' instances; use contiguous_format, channels_last ...")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class LayoutMeta(type):
    """The class of ``layout``: the layout of a dense tensor is an instance of it too."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, layouts.Layout) or type.__instancecheck__(cls, value)


class layout(metaclass=LayoutMeta):  # noqa: N801  # PyTorch's spelling
    """How the elements of a tensor are stored: ``strided``, ``sparse_coo`` or ``sparse_csr``.

    The layout of a dense tensor is this library's own, and equal to ``strided``.

    Raises:
        TypeError: If it is called: there are no other layouts.

    >>> import minitensor as torch
    >>> torch.zeros(2, layout=torch.strided)
    tensor([0., 0.])
    >>> torch.eye(2).to_sparse().layout
    torch.sparse_coo
    >>> torch.eye(2).layout == torch.strided, isinstance(torch.eye(2).layout, torch.layout)
    (True, True)
    """

    __slots__ = ("name",)

    name: str

    def __new__(cls, *_: object) -> layout:
        raise TypeError("cannot create 'torch.layout' instances; use strided, sparse_coo or sparse_csr")

    def __eq__(self, other: object) -> bool:
        return self is other or (self is strided and isinstance(other, layouts.Layout))

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


def _new_layout(name: str) -> layout:
    made = object.__new__(layout)
    made.name = name
    return made


strided, sparse_coo, sparse_csr = _new_layout("strided"), _new_layout("sparse_coo"), _new_layout("sparse_csr")


def _new(name: str) -> memory_format:
    format = object.__new__(memory_format)
    format.name = name
    return format


contiguous_format = _new("contiguous_format")
preserve_format = _new("preserve_format")
channels_last = _new("channels_last")
channels_last_3d = _new("channels_last_3d")


def apply_format(layout: Layout, format: memory_format) -> Layout:
    """Return the layout of a copy in a format.

    >>> apply_format(layouts.contiguous((1, 2, 3, 4)), channels_last).strides
    (24, 1, 8, 2)
    """
    if format is preserve_format:
        return layouts.like(layout)
    if format is contiguous_format:
        return layouts.contiguous(layout.shape)
    check_dims(format, layout)
    return layouts.channels_last(layout.shape)


def has_format(layout: Layout, format: memory_format) -> bool:
    """Whether a layout is in a format. Every layout is in ``preserve_format``."""
    if format is contiguous_format:
        return layouts.is_contiguous(layout)
    if format is preserve_format:
        return True
    wanted = required_dims(format)
    return len(layout.shape) == wanted and layouts.is_channels_last(layout)


def required_dims(format: memory_format) -> int:
    """Return the number of dims that a channels-last format requires."""
    if format is channels_last:
        return 4
    if format is channels_last_3d:
        return 5
    raise ArgumentTypeError(f"memory_format must be one of torch's memory formats, got {format!r}")


def check_dims(format: memory_format, layout: Layout) -> None:
    """Raise unless a layout has the number of dims that a channels-last format requires."""
    wanted = required_dims(format)
    if len(layout.shape) != wanted:
        raise ShapeError(f"required rank {wanted} tensor to use {format.name} format, got shape {layout.shape}")
