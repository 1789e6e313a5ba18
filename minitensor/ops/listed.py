"""Functions that take ints as one list or tuple where the method of the same name also takes them one by one.

``x.flip(0, 1)`` is ``flip(x, (0, 1))``; as in PyTorch, ``flip(x, 0, 1)`` is an error. The methods do the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.ops import broadcast, rearrange
from minitensor.ops import shape as shapes

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


@composite
def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the elements in another shape: a view where the strides allow, else a copy.

    Args:
        input: The elements.
        shape: The sizes; one of them may be -1.

    Raises:
        RuntimeError: If the sizes do not fit.
        TypeError: If ``shape`` is not a list or tuple of ints.

    >>> import minitensor as torch
    >>> torch.reshape(torch.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
    """
    return shapes.reshape(input, shape)


@composite
def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """Put the dims in another order, in which each is named once. Returns a view.

    Args:
        input: The tensor to look at.
        dims: The dims in their new order.

    Raises:
        RuntimeError: If ``dims`` does not name each dim once.
        TypeError: If ``dims`` is not a list or tuple of ints.

    >>> import minitensor as torch
    >>> torch.permute(torch.zeros(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    return shapes.permute(input, dims)


@composite
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Expand to the shape ``size``; see ``expand``.

    Args:
        input: The tensor to expand.
        size: The shape of the result.

    Raises:
        RuntimeError: If the tensor does not expand to ``size``.
        TypeError: If ``size`` is not a list or tuple of ints.

    >>> import minitensor as torch
    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return broadcast.broadcast_to(input, size)


@composite
def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """Repeat the whole tensor along its last dims, a number of times for each.

    Args:
        input: The tensor to repeat.
        dims: The numbers.

    Raises:
        RuntimeError: If a number is negative.
        TypeError: If ``dims`` is not a list or tuple of ints.

    >>> import minitensor as torch
    >>> torch.tile(torch.tensor([[1], [2]]), (2,))
    tensor([[1, 1],
            [2, 2]])
    """
    return rearrange.tile(input, dims)


@composite
def flip(input: Tensor, dims: Sequence[int]) -> Tensor:
    """Reverse the order of the entries along dims. Returns a copy, as strides are never negative.

    Args:
        input: The tensor to reverse.
        dims: The dims along which it is reversed.

    Raises:
        IndexError: If a dim is out of range.
        TypeError: If ``dims`` is not a list or tuple of ints.

    >>> import minitensor as torch
    >>> torch.flip(torch.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    return rearrange.flip(input, dims)
