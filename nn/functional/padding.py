"""Padding: entries around a tensor, constant, mirrored, repeated or wrapped around.

Padding with a constant is a primitive; its gradient is padding by the negated amounts, that is, cropping. The other
modes resample dim by dim, with tables that say which entry is copied where.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_format, in_layout, lay_out_composite, row_major
from minitensor.backends.reference.resample import LongTaps, Taps
from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedValueError
from minitensor.layouts import Layout, like
from minitensor.memory_format import contiguous_format
from minitensor.nn.functional.resampling import LONG, resample, resample_keeping_input
from minitensor.ops.copy import clone
from minitensor.ops.kinds import NUMERIC, require_kind
from minitensor.ops.resize import format_of
from minitensor.scalars import fit
from minitensor.shapes import memoize, normalize_sizes, require_room

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Number
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

Amounts = tuple[tuple[int, int], ...]  # before and after, for every dim


@composite
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add entries around a tensor, or crop it.

    Args:
        input: A tensor of any shape (...).
        pad: How many entries to add before and after the last dim, then the dim before it, and so on; negative amounts
            crop.
        mode: "constant", "reflect" (mirrored, the edge not repeated), "replicate" (the edge repeated) or "circular"
            (from the other side).
        value: The constant; 0 if not given.

    Raises:
        RuntimeError: If the amounts do not fit the shape, or a mode that mirrors or repeats is given bools.
        ValueError, NotImplementedError: If the mode is unknown or not for this number of dims.
        ValueError: If a mode other than "constant" is given a value.

    >>> import minitensor as torch
    >>> torch.nn.functional.pad(torch.tensor([[1., 2., 3.]]), (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if mode == "constant":
        return constant_pad_nd(input, pad, 0.0 if value is None else float(value))
    amounts = check_amounts("pad", input, normalize_sizes(pad))
    if mode not in POSITIONS:
        raise UnsupportedValueError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if value is not None and value != 0:
        raise ArgumentError(f"pad: mode {mode!r} doesn't take a value, got {value!r}")
    check_dims(mode, input, len(pad) // 2)
    if mode != "circular":
        require_kind("pad", NUMERIC, input)
    result = input
    for dim, (before, after) in enumerate(amounts):
        if before or after:
            check_room(mode, input, dim, before, after)
            # PyTorch composes circular padding of copies; the nodes of its other modes keep the input.
            move = resample if mode == "circular" else resample_keeping_input
            result = move(result, dim, copy_taps(mode, input.shape[dim], before, after))
    if result is input:
        return clone(input, memory_format=contiguous_format if mode == "circular" else format_of(input))
    return lay_out_composite(row_major, (input,), result) if mode == "circular" else result


def constant_pad_nd_grad(grad: Tensor, pad: Sequence[int]) -> Tensor:
    """Pad by the negated amounts, with zeros where the input was cropped."""
    return constant_pad_nd(grad, tuple([-each for each in pad]), 0)


def list_amounts(input: Tensor, pad: Sequence[int], value: Number) -> tuple[Tensor, tuple[int, ...], Number]:
    """Return the amounts as a tuple; raise unless they fit the shape."""
    if not isinstance(pad, (tuple, list)):
        raise ArgumentTypeError(f"constant_pad_nd: pad must be a tuple of ints, got {type(pad).__name__}")
    amounts = normalize_sizes(pad)
    check_amounts("constant_pad_nd", input, amounts)
    return input, amounts, value


def layout_of_padding(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of a padded tensor; one that is only cropped keeps the order of its dims."""
    input, pad, _ = arguments
    if max(pad, default=0) > 0:
        return in_format(arguments, shape)
    return like(Layout(shape, input.layout.strides, 0))


@differentiable(prepare=list_amounts, input=constant_pad_nd_grad)
@in_layout(layout_of_padding, always=True)  # a cropped tensor keeps the strides of dims of size 1
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Number = 0) -> Array:
    """Add a constant around a tensor, or crop it.

    Args:
        input: A tensor of any shape (...).
        pad: How many entries to add before and after each dim, from the last dim to the first; negative amounts crop.
        value: The constant.

    Raises:
        RuntimeError: If the amounts do not fit the shape.
        TypeError: If ``pad`` is not a tuple or list.

    >>> import minitensor as torch
    >>> torch.constant_pad_nd(torch.tensor([1, 2]), (1, 2), 7)
    tensor([7, 1, 2, 7, 7])
    """
    array, amounts = input.array, amounts_by_dim(pad, input.ndim)
    shape = tuple([before + n + after for n, (before, after) in zip(array.shape, amounts)])
    output: Array = input.xp.full(shape, fit(value, array.dtype)[()], array.dtype)
    inside = tuple([slice(max(before, 0), n - max(after, 0)) for n, (before, after) in zip(shape, amounts)])
    seen = tuple([slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(array.shape, amounts)])
    output[inside] = array[seen]
    return output


def copy_taps(mode: str, size: int, before: int, after: int) -> Taps | LongTaps:
    """Return the table that says which entry is copied where."""
    if size + before + after < LONG:
        return short_copy_taps(mode, size, before, after)
    if mode == "circular":
        return long_circular_taps(size, before, after)
    return LongTaps(size, size + before + after, lambda xp, start, stop: [(
        LONG_POSITIONS[mode](xp, xp.arange(start - before, stop - before), size), None,
    )])  # fmt: skip


@memoize
def short_copy_taps(mode: str, size: int, before: int, after: int) -> Taps:
    """Return that table, written out."""
    positions = POSITIONS[mode](size, before, after)
    return Taps(size, [[(position, 1.0)] for position in positions])


def long_circular_taps(size: int, before: int, after: int) -> LongTaps:
    """Return the table of ``circular_positions``."""
    first, left = max(-before, 0), size - max(-before, 0) - max(-after, 0)
    ahead = max(before, 0)
    return LongTaps(
        size, left + ahead + max(after, 0),
        lambda xp, start, stop: [(first + xp.arange(start - ahead, stop - ahead) % left, None)],
    )  # fmt: skip


LONG_POSITIONS: dict[str, Any] = {
    "reflect": lambda xp, places, size: (size - 1) - xp.abs(size - 1 - xp.abs(places)),
    "replicate": lambda xp, places, size: xp.clip(places, 0, size - 1),
}


def reflect_positions(size: int, before: int, after: int) -> list[int]:
    """Return positions mirrored at both ends."""
    return [(size - 1) - abs(size - 1 - abs(position)) for position in range(-before, size + after)]


def replicate_positions(size: int, before: int, after: int) -> list[int]:
    """Return positions clamped to the ends."""
    return [min(max(position, 0), size - 1) for position in range(-before, size + after)]


def circular_positions(size: int, before: int, after: int) -> list[int]:
    """Return positions that wrap around what is left after cropping."""
    first, left = max(-before, 0), size - max(-before, 0) - max(-after, 0)
    return [first + position % left for position in range(-max(before, 0), left + max(after, 0))]


POSITIONS = {"reflect": reflect_positions, "replicate": replicate_positions, "circular": circular_positions}


def amounts_by_dim(pad: Sequence[int], ndim: int) -> Amounts:
    """Return the amounts before and after each dim, of which those for the last dim are given first."""
    named = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return ((0, 0),) * (ndim - len(named)) + tuple(reversed(named))


def check_amounts(name: str, input: Tensor, pad: Sequence[int]) -> Amounts:
    """Return the amounts by dim; raise unless each dim has two, and no size becomes negative or too large."""
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ShapeError(
            f"{name}: expected two amounts for each of the last dims, got {len(pad)} amounts {tuple(pad)} for shape "
            f"{tuple(input.shape)}"
        )
    amounts = amounts_by_dim(pad, input.ndim)
    for dim, (size, (before, after)) in enumerate(zip(input.shape, amounts)):
        if before + size + after < 0 or size + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                f"{name}: the output size of dim {dim} would be negative: size {size} with padding {(before, after)} "
                f"in shape {tuple(input.shape)}"
            )
    require_room([before + size + after for size, (before, after) in zip(input.shape, amounts)])
    return amounts


def check_dims(mode: str, input: Tensor, padded: int) -> None:
    """Raise unless the amounts are for all dims of a signal, an image or a volume, with or without a batch."""
    if mode != "circular" and 0 in input.shape[-padded - 1 :]:
        raise ShapeError(f"pad: mode {mode!r} takes only an empty batch, got shape {tuple(input.shape)}")
    if not 1 <= padded <= 3 or input.ndim not in (padded + 1, padded + 2):
        raise UnsupportedValueError(
            f"pad: mode {mode!r} takes amounts for all dims but the first one or two, up to three: got amounts for "
            f"{padded} dims of shape {tuple(input.shape)}"
        )


def check_room(mode: str, input: Tensor, dim: int, before: int, after: int) -> None:
    """Raise if a padding needs more entries than there are to mirror or to wrap around."""
    size = input.shape[dim]
    if mode != "circular" and before + size + after < 1:
        raise ShapeError(
            f"pad: mode {mode!r} makes at least one entry, but dim {dim} of {tuple(input.shape)} with padding "
            f"{(before, after)} would have none"
        )
    left = size + min(before, 0) + min(after, 0)
    limit = {"reflect": size - 1, "circular": left, "replicate": max(before, after) if size else -1}[mode]
    if max(before, after) > limit:
        raise ShapeError(
            f"pad: padding size should be {'less than' if mode == 'reflect' else 'at most'} the corresponding input "
            f"dimension for mode {mode!r}, but got padding {(before, after)} at dimension {dim} of input "
            f"{tuple(input.shape)}"
        )
