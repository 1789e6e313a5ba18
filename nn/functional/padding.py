"""Padding: entries around a tensor, constant, mirrored, repeated or wrapped around.

Padding with a constant is a primitive, and padding by the negated amounts (that is, cropping) is its gradient. The
other modes read the input at positions, one dim after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase, wrap
from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Amounts = tuple[tuple[int, int], ...]  # before and after, for every dim


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Put entries around ``input``: ``pad`` says how many before and after in the last dim, then in the one before it.

    Negative amounts crop. Modes: "constant" (``value``, 0 if not given), "reflect" (mirrored, the edge not repeated),
    "replicate" (the edge repeated), "circular" (from the other side).

    >>> import minitensor as torch
    >>> torch.nn.functional.pad(torch.tensor([[1., 2., 3.]]), (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    amounts = amounts_of(input, pad)
    if mode == "constant":
        return _pad(input, amounts, 0 if value is None else value)
    if mode not in POSITIONS:
        raise PaddingMode(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if value is not None and value != 0:
        raise ArgumentError(f"pad: mode {mode!r} doesn't take a value, got {value!r}")
    for dim, (before, after) in enumerate(amounts):
        if before or after:
            check_room(mode, input, dim, before, after)
            positions = POSITIONS[mode](input.xp, input.xp.arange(-before, input.shape[dim] + after), input.shape[dim])
            input = input.index_select(dim, wrap(input.result_class, positions))
    return input


def unpadded(grad: Tensor, amounts: Amounts) -> Tensor:
    """Return the gradient of a padding: one by the negated amounts, with zeros where the input was cropped."""
    return _pad(grad, tuple([(-before, -after) for before, after in amounts]), 0)


@differentiable(input=unpadded)
def _pad(input: Tensor, amounts: Amounts, value: float) -> Array:
    array = input.array
    shape = tuple([before + n + after for n, (before, after) in zip(array.shape, amounts)])
    output: Array = input.xp.full(shape, value, array.dtype)
    inside = tuple([slice(max(before, 0), n - max(after, 0)) for n, (before, after) in zip(shape, amounts)])
    seen = tuple([slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(array.shape, amounts)])
    output[inside] = array[seen]
    return output


def reflected(xp: Any, positions: Array, size: int) -> Array:
    """Mirror positions at both ends."""
    return (size - 1) - xp.abs(size - 1 - xp.abs(positions))  # type: ignore[no-any-return]  # `xp` is untyped


def replicated(xp: Any, positions: Array, size: int) -> Array:
    """Hold positions at the ends."""
    return xp.clip(positions, 0, size - 1)  # type: ignore[no-any-return]  # as above


def wrapped_around(xp: Any, positions: Array, size: int) -> Array:
    """Let positions go round."""
    return positions % size


POSITIONS = {"reflect": reflected, "replicate": replicated, "circular": wrapped_around}


class PaddingMode(ArgumentError, UnsupportedError):
    """A mode that is none: a ValueError, and as in PyTorch a NotImplementedError."""


def amounts_of(input: Any, pad: Sequence[int]) -> Amounts:
    """Return what to put before and after each dim."""
    if not isinstance(input, TensorBase):
        raise ArgumentTypeError(f"pad(): argument 'input' must be a tensor, not {type(input).__name__}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError(
            f"pad: expected two amounts for each of the last dims, got {len(pad)} amounts {tuple(pad)} for shape "
            f"{tuple(input.shape)}"
        )
    named = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    amounts = ((0, 0),) * (input.ndim - len(named)) + tuple(reversed(named))
    for dim, (size, (before, after)) in enumerate(zip(input.shape, amounts)):
        if before + size + after < 0 or size + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                f"pad: the output size of dim {dim} would be negative: size {size} with padding {(before, after)} in "
                f"shape {tuple(input.shape)}"
            )
    return amounts


def check_room(mode: str, input: Tensor, dim: int, before: int, after: int) -> None:
    """Refuse a padding that asks for more than there is to mirror or to wrap around."""
    size = input.shape[dim]
    limit = {"reflect": size - 1, "circular": size, "replicate": max(before, after) if size else -1}[mode]
    if max(before, after) > limit:
        raise ShapeError(
            f"pad: padding size should be {'less than' if mode == 'reflect' else 'at most'} the corresponding input "
            f"dimension for mode {mode!r}, but got padding {(before, after)} at dimension {dim} of input "
            f"{tuple(input.shape)}"
        )
