"""Tensors brought to a common shape, or to a minimum number of dims: views that repeat or add dims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.compat.once import warn_once
from minitensor.errors import ShapeError, UsageError
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.operand import require_tensors
from minitensor.ops.shape import expand_to, reshape, transpose, unsqueeze
from minitensor.shapes import broadcast_shapes, normalize_sizes, sizes_from_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.tensor import Tensor


@composite
def broadcast_to(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Expand to the shape ``size``; see ``expand``.

    Args:
        *sizes: The shape, as several ints or one sequence.
        size: The same by name.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).broadcast_to((2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand_to(input, normalize_sizes(*sizes) if size is None else sizes_from_list("broadcast_to", "size", size))


@composite
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Expand all ``tensors`` to the shape to which they broadcast. Returns views, and tensors of that shape themselves.

    Raises:
        RuntimeError: If the shapes do not broadcast.

    >>> import minitensor as torch
    >>> [each.shape for each in torch.broadcast_tensors(torch.zeros(3), torch.zeros(2, 1))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    given = tensors if len(tensors) != 1 or isinstance(tensors[0], TensorBase) else tuple(tensors[0])
    shape = broadcast_shapes(*[each.layout.shape for each in given])
    return tuple([each if each.layout.shape == shape else expand_to(each, shape) for each in given])


@composite
def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str | None = None) -> tuple[Tensor, ...]:
    """Return, for vectors of n, m, ... elements, one grid (n, m, ...) each.

    Args:
        *tensors: The vectors, one by one or as one sequence.
        indexing: ``"ij"``, or ``"xy"`` to swap the first two dims. Default: ``None``, "ij" with a warning.

    Raises:
        RuntimeError: If there are no tensors, one has several dims, the dtypes differ, or ``indexing`` is unknown.

    >>> import minitensor as torch
    >>> torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[0]
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    given: list[Any] = list(tensors if len(tensors) != 1 or isinstance(tensors[0], TensorBase) else tensors[0])
    if not given:
        raise ShapeError("meshgrid expects a non-empty list of tensors")
    if indexing is None:
        warn_once("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.")
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise UsageError(f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing!r}")
    if any(each.ndim > 1 for each in given):
        raise ShapeError(f"meshgrid: expected 0-d or 1-d tensors, got shapes {[tuple(each.shape) for each in given]}")
    require_same_dtype("meshgrid", **{f"tensor {place}": each for place, each in enumerate(given)})
    shape = tuple([each.numel() for each in given])
    swapped = indexing == "xy" and len(given) > 1
    grids = {
        dim: expand_to(reshape(given[dim], (1,) * dim + (-1,) + (1,) * (len(given) - 1 - dim)), shape)
        for dim in ((1, 0, *range(2, len(given))) if swapped else range(len(given)))
    }
    return tuple([transpose(grids[dim], 0, 1) if swapped else grids[dim] for dim in range(len(given))])


def map_tensors(tensors: tuple[Any, ...], raised: Callable[[Tensor], Tensor]) -> Any:
    """Apply ``raised`` to one tensor, or to each of several, given one by one or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return raised(tensors[0])  # type: ignore[arg-type]  # every tensor is a Tensor
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    require_tensors("atleast", **{f"tensors[{i}]": each for i, each in enumerate(given)})
    return tuple([raised(each) for each in given])


def to_1d(input: Tensor) -> Tensor:
    """Return the tensor with at least one dim."""
    return input if input.ndim else reshape(input, 1)


def to_2d(input: Tensor) -> Tensor:
    """Return the tensor with at least two dims, new ones in front."""
    return input if input.ndim > 1 else unsqueeze(to_1d(input), 0)


def to_3d(input: Tensor) -> Tensor:
    """Return the tensor with at least three dims, a matrix (n, m) as (n, m, 1)."""
    return input if input.ndim > 2 else unsqueeze(to_2d(input), -1)


@composite
def atleast_1d(*tensors: Any) -> Any:
    """Return ``tensors``, one or a tuple of several, with at least one dim.

    >>> import minitensor as torch
    >>> torch.atleast_1d(torch.tensor(5))
    tensor([5])
    """
    return map_tensors(tensors, to_1d)


@composite
def atleast_2d(*tensors: Any) -> Any:
    """Return ``tensors``, one or a tuple of several, with at least two dims; new ones come in front.

    >>> import minitensor as torch
    >>> torch.atleast_2d(torch.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return map_tensors(tensors, to_2d)


@composite
def atleast_3d(*tensors: Any) -> Any:
    """Return ``tensors``, one or a tuple of several, with at least three dims: (n, m) becomes (n, m, 1).

    >>> import minitensor as torch
    >>> torch.atleast_3d(torch.tensor([[1, 2]])).shape
    torch.Size([1, 2, 1])
    """
    return map_tensors(tensors, to_3d)
