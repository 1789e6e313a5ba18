"""Results with names: what the operations return that give values and the places where they stood.

Each class is called as its operation, as PyTorch's ``torch.return_types`` are. Nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def shown(result: tuple[object, ...], names: tuple[str, ...]) -> str:
    """Return a result as text, a line for each of its names."""
    lines = [f"{name}={value!r}" for name, value in zip(names, result, strict=True)]
    return f"torch.return_types.{type(result).__name__}(\n" + ",\n".join(lines) + ")"


class ValuesIndices(NamedTuple):
    """Values, and at which index along the dim each was found."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return shown(self, self._fields)


class MinMax(NamedTuple):
    """The smallest and the largest."""

    min: Tensor
    max: Tensor

    def __repr__(self) -> str:
        return shown(self, self._fields)


class aminmax(MinMax):
    """What ``aminmax`` returns."""

    __slots__ = ()


class max(ValuesIndices):
    """What ``max`` along a dim returns."""

    __slots__ = ()


class min(ValuesIndices):
    """What ``min`` along a dim returns."""

    __slots__ = ()


class median(ValuesIndices):
    """What ``median`` along a dim returns."""

    __slots__ = ()


class sort(ValuesIndices):
    """What ``sort`` returns."""

    __slots__ = ()


class topk(ValuesIndices):
    """What ``topk`` returns."""

    __slots__ = ()


class kthvalue(ValuesIndices):
    """What ``kthvalue`` returns."""

    __slots__ = ()


class cummax(ValuesIndices):
    """What ``cummax`` returns."""

    __slots__ = ()


class cummin(ValuesIndices):
    """What ``cummin`` returns."""

    __slots__ = ()
