"""Embedding tables: rows looked up by index, summed in bags, and indices as one-hot rows.

Looking rows up and adding rows into zeros are primitives, and each other's gradients.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.backends import backend_of, holds_data
from minitensor.backends.reference.scatter import is_in_range
from minitensor.base import elements_of, is_encoded, values_of, wrap, write_values
from minitensor.callers import user_level
from minitensor.dtypes import int32, int64
from minitensor.errors import (
    ArgumentError,
    GuardError,
    IndexRuntimeError,
    ShapeError,
    ShapeValueError,
    UnsupportedError,
    UnsupportedValueError,
    quote,
)
from minitensor.ops.aliasing import refuse_write
from minitensor.ops.choice import where
from minitensor.ops.kinds import FLOATS, require_index, require_kind, require_same_dtype
from minitensor.ops.operand import require_tensors, result_dtype

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count, Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def embedding_grad(
    grad: Tensor, indices: Tensor, padding_idx: int | None, scale_by_frequency: bool, in_shape: tuple[int, ...]
) -> Tensor:
    """Return the gradient of ``take_rows`` in the table: rows are added up, except those for ``padding_idx``."""
    if padding_idx is not None:
        grad = grad.masked_fill((indices == padding_idx).unsqueeze(-1), 0.0)
    if scale_by_frequency:
        counts = count_rows(indices.array.reshape(-1), in_shape[0])
        shares = (1.0 / counts[indices.array]).astype(grad.array.dtype)
        grad = grad * wrap(grad.result_class, shares).unsqueeze(-1)
    return add_rows(grad, indices, in_shape[0])


def count_rows(rows: Array, count: int) -> Array:
    """Return how often each row of a table is among ``rows``, which are all in range."""
    xp = backend_of(rows).xp
    return xp.bincount(rows, minlength=count) if holds_data(rows) else xp.empty(count, "int64")


@differentiable(name="embedding", weight=embedding_grad)
def take_rows(weight: Tensor, indices: Tensor, padding_idx: int | None, scale_by_frequency: bool) -> Array:
    """Return a copy of the rows at these indices."""
    return weight.backend.take(weight.array, indices.array, 0)


def sparse_embedding_grad(
    grad: Tensor, indices: Tensor, padding_idx: int | None, scale_by_frequency: bool, in_shape: tuple[int, ...]
) -> Tensor:
    """Return the sparse gradient of a table: a row for each index, also if indices repeat, but not for the padding."""
    if scale_by_frequency:
        raise UnsupportedError(
            "embedding_backward: scale_grad_by_freq not supported with sparse gradients: set one of them to False"
        )
    places, rows = indices.reshape(-1), grad.reshape(-1, in_shape[1])
    if padding_idx is not None:
        kept = places.ne(padding_idx).nonzero().reshape(-1)
        places, rows = places.index_select(0, kept), rows.index_select(0, kept)
    made: Tensor = grad.sparse_class.of_coo(places.to(int64).reshape(1, -1), rows, in_shape)
    return made


@differentiable(name="embedding", weight=sparse_embedding_grad)
def take_rows_sparsely(weight: Tensor, indices: Tensor, padding_idx: int | None, scale_by_frequency: bool) -> Array:
    """Return a copy of the rows at these indices; the gradient of the table is sparse."""
    return weight.backend.take(weight.array, indices.array, 0)


@differentiable(grads=lambda grad, indices: take_rows(grad, indices, None, False))
def add_rows(grads: Tensor, indices: Tensor, count: int) -> Array:
    """Add rows into zeros (count, D) at their indices, which may repeat."""
    array = grads.array
    table = grads.xp.zeros((count, array.shape[-1]), array.dtype)
    grads.backend.add_slices(table, 0, indices.array.reshape(-1), array.reshape(indices.array.size, array.shape[-1]))
    return table


def sum_rows_grad(grad: Tensor, rows: Tensor, into: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of ``sum_rows`` in the table: rows of ``grad`` go back to where they came from."""
    return sum_rows(grad, into, rows, in_shape[0])


@differentiable(input=sum_rows_grad)
def sum_rows(input: Tensor, rows: Tensor, into: Tensor, count: int) -> Array:
    """Add row ``rows[i]`` of a table to row ``into[i]`` of zeros (count, D), for every i. It is its own adjoint."""
    return input.backend.sum_rows(input.array, rows.array, into.array, count)


@composite
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: Count | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Look up rows of a table.

    Args:
        input: Indices, int64 or int32, of any shape (...). The result is (..., D).
        weight: The table (V, D).
        padding_idx: A row that gets no gradient.
        max_norm: Longer rows among those looked up are first shortened to this norm, in ``weight`` itself.
        norm_type: The exponent p of that norm.
        scale_grad_by_freq: Whether to divide each row's gradient by how often the row was looked up.
        sparse: Whether the gradient of ``weight`` is a sparse tensor with a row for each index.

    Raises:
        RuntimeError: If ``weight`` is not (V, D); in the backward pass, if ``sparse`` and ``scale_grad_by_freq`` are
            true.
        IndexError, RuntimeError: If an index is not in [0, V).
        ValueError, AssertionError: If ``padding_idx`` is not in [-V, V).

    >>> import minitensor as torch
    >>> embedding(torch.tensor([1, 0]), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    require_tensors("embedding", input=input, weight=weight)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: expected weight (V, D), got shape {tuple(weight.shape)}")
    count = weight.shape[0]
    padding_idx = wrap_padding_index("embedding", padding_idx, count)
    check_indices("embedding", input, count)
    if max_norm is not None:
        renormalize_rows(weight, input, max_norm, norm_type)
    if not sparse:
        return take_rows(weight, input, padding_idx, scale_grad_by_freq)
    return take_rows_sparsely(weight, input, padding_idx, scale_grad_by_freq)


def wrap_padding_index(name: str, padding_idx: int | None, count: int) -> int | None:
    """Return the index of the padding row counted from the front."""
    if padding_idx is None:
        return None
    if not -count <= padding_idx < count:
        error = GuardError if name == "embedding" else ShapeError  # PyTorch asserts there and checks here
        raise error(
            f"{name}: padding_idx must be within the {count} rows, {-count} through {count - 1}, got {padding_idx}"
        )
    return padding_idx % count


def renormalize_rows(weight: Tensor, indices: Tensor, limit: float, p: float) -> None:
    """Shorten, in place, the looked-up rows whose p-norm is above a limit."""
    refuse_write("embedding", weight)
    with no_grad():
        xp, table = weight.xp, elements_of(weight)
        picked = xp.unique(elements_of(indices))
        rows = table[picked]
        norms = xp.linalg.norm(rows, p, axis=1)
        long = norms > limit
        # 1e-7 is PyTorch's, so that a row may end a little below the limit.
        table[picked[long]] = rows[long] * (limit / (norms[long] + 1e-7))[:, None]
        if is_encoded(weight):
            write_values(weight, table)
        weight.storage.version += 1


def check_indices(name: str, input: Tensor, count: int) -> None:
    """Raise unless all indices are rows of the table."""
    array = values_of(input)
    require_index(name, input, int32, int64)
    if holds_data(array) and not is_in_range(array, count):
        value = int(array[(array < 0) | (array >= count)][0])
        raise IndexRuntimeError(f"{name}: index {value} is out of range for a table of {count} rows, 0 to {count - 1}")


# -- bags --------------------------------------------------------------------------------------------------------------


def check_bags(input: Tensor, weight: Tensor, offsets: Tensor | None, samples: Tensor | None, mode: str) -> None:
    """Validate the arguments of ``embedding_bag``."""
    require_tensors("embedding_bag", input=input, weight=weight)
    if weight.ndim != 2:
        raise ShapeValueError(f"embedding_bag: expected weight (V, D), got shape {tuple(weight.shape)}")
    require_kind("embedding_bag", FLOATS, weight)
    require_same_dtype("embedding_bag", weight=weight, per_sample_weights=samples)
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode has to be one of sum, mean or max, got {quote(mode)}")
    if input.ndim not in (1, 2):
        raise ArgumentError(f"embedding_bag: input has to be 1D or 2D Tensor, but got shape {tuple(input.shape)}")
    if (input.ndim == 2) != (offsets is None):
        raise ArgumentError(
            "embedding_bag: offsets has to be a 1D Tensor for 1D input, and None for 2D input, whose rows are the bags"
        )
    if offsets is not None and offsets.ndim != 1:
        raise ArgumentError(f"embedding_bag: offsets has to be a 1D Tensor, but got shape {tuple(offsets.shape)}")
    if samples is None:
        return
    if mode != "sum":
        raise UnsupportedValueError(
            f"embedding_bag: per_sample_weights is only supported for mode='sum' (got mode={mode!r})"
        )
    if samples.shape != input.shape:
        raise ArgumentError(
            f"embedding_bag: per_sample_weights must have the same shape as input, got {tuple(samples.shape)} and "
            f"{tuple(input.shape)}"
        )


def find_bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Tensor, int]:
    """Return the bag of each index in the flat input, and the number of bags."""
    xp = input.xp
    if offsets is None:
        bags, size = input.layout.shape
        return wrap(input.result_class, xp.arange(bags * size) // max(size, 1)), bags
    starts = offsets.array
    if not holds_data(starts):
        return input.new_empty(input.numel(), dtype=int64), offsets.numel() - include_last_offset
    if offsets.numel() and int(starts[0]):
        raise ShapeError(f"embedding_bag: offsets[0] has to be 0, the start of the first bag, got {int(starts[0])}")
    if offsets.numel() and int(starts[-1]) > input.numel():
        raise ShapeError(
            f"embedding_bag: offsets[-1] can not be greater than input's length {input.numel()}, got {int(starts[-1])}"
        )
    if include_last_offset and not offsets.numel():
        raise ShapeError("embedding_bag: include_last_offset: numBags should be at least 1, got no offsets")
    # An empty bag begins where the next one does: both count there, and no index gets the number of the first.
    begins = xp.bincount(starts, minlength=input.numel() + 1)[: input.numel()]
    number = xp.cumsum(begins) - 1
    return wrap(input.result_class, number), offsets.numel() - include_last_offset


def keep_entries(
    numbers: Tensor, bag: Tensor, samples: Tensor | None, kept: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the entries of all bags for which a mask is true; without data, all."""
    if not holds_data(kept.array):
        return numbers, bag, samples
    weights = None if samples is None else samples.masked_select(kept)
    return numbers.masked_select(kept), bag.masked_select(kept), weights


@composite
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: Truth = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the sum, mean or maximum of the table rows in each bag of indices; an empty bag gives zeros.

    Args:
        input: Indices, int64 or int32: (B, n) for B bags of n, or (N) with ``offsets``. The result is (B, D).
        weight: The table (V, D).
        offsets: Where each bag begins in a 1-D ``input``, (B).
        max_norm, norm_type, scale_grad_by_freq, sparse: As in ``embedding``.
        mode: "mean", "sum" or "max".
        per_sample_weights: Factors for the rows, in the shape of ``input``; for "sum" only.
        include_last_offset: Whether the last offset is only the end of the last bag.
        padding_idx: An index that counts in no bag.

    Raises:
        ValueError: If the mode, the dims of the input, or the shape of ``per_sample_weights`` is wrong, or if the mode
            is "max" and ``sparse`` is true.
        RuntimeError: If offsets do not begin at 0 or exceed the input, or ``weight`` is not (V, D).
        IndexError, RuntimeError: If an index is not in [0, V).

    >>> import minitensor as torch
    >>> table = torch.tensor([[1., 2.], [3., 4.], [5., 6.]])
    >>> embedding_bag(torch.tensor([0, 1, 2]), table, torch.tensor([0, 2]), mode="sum")
    tensor([[4., 6.],
            [5., 6.]])
    """
    if input.is_floating_point() and weight.dtype is int64:
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed: `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip
        input, weight = weight, input
    check_bags(input, weight, offsets, per_sample_weights, mode)
    if offsets is not None and offsets.dtype is not input.dtype:
        common = result_dtype(input, offsets)
        input, offsets = input.to(common), offsets.to(common)
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError("embedding_bag: max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ArgumentError("embedding_bag: max mode does not support sparse weights; use mode='sum' or 'mean'")
    check_indices("embedding_bag", input, weight.shape[0])
    padding_idx = wrap_padding_index("embedding_bag", padding_idx, weight.shape[0])
    if max_norm is not None:
        renormalize_rows(weight, input, max_norm, norm_type)
    bag, bags = find_bags(input, offsets, include_last_offset)
    numbers = input.reshape(-1)
    samples = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    if padding_idx is not None:
        numbers, bag, samples = keep_entries(numbers, bag, samples, numbers.ne(padding_idx))
    if include_last_offset:
        numbers, bag, samples = keep_entries(numbers, bag, samples, bag.lt(bags))
    if mode == "max":
        return largest_rows(weight, numbers, bag, bags)
    if samples is None and not scale_grad_by_freq and not sparse:
        sums = sum_rows(weight, numbers, bag, bags)
    else:
        rows = (take_rows_sparsely if sparse else take_rows)(weight, numbers, None, scale_grad_by_freq)
        rows = rows if samples is None else rows * samples.unsqueeze(-1)
        sums = weight.new_zeros((bags, weight.shape[1])).index_add(0, bag, rows)
    if mode == "sum":
        return sums
    if offsets is None and padding_idx is None:
        return sums / max(input.shape[1], 1)
    counts = weight.new_zeros((bags,)).index_add(0, bag, weight.new_ones((numbers.numel(),)))
    return sums / counts.clamp(min=1).unsqueeze(-1)


def largest_rows(weight: Tensor, numbers: Tensor, bag: Tensor, bags: int) -> Tensor:
    """Return the largest entries by column of the rows in each bag; of equal ones the first has the gradient."""
    width, count = weight.shape[1], numbers.numel()
    if not count:
        return weight[:0].sum() + weight.new_zeros((bags, width))
    with no_grad():
        rows = take_rows(weight, numbers, None, False)
        most = rows.new_zeros((bags, width)).index_reduce(0, bag, rows, "amax", include_self=False)
        # NaN is the largest wherever it lies; PyTorch heeds it in the first row only. `place` is an entry's position if
        # it is the largest, else `count`.
        is_most = rows.eq(most.index_select(0, bag)).logical_or(rows.isnan())
        place = where(is_most, positions_like(numbers).unsqueeze(-1), count)
        first = place.new_full((bags, width), count).index_reduce(0, bag, place, "amin")
    found = weight.gather(0, numbers[first.clamp(max=count - 1)])
    return found.masked_fill(first.eq(count), 0)


def positions_like(numbers: Tensor) -> Tensor:
    """Return the positions 0, 1, 2, ... of numbers."""
    order: Tensor = wrap(numbers.result_class, numbers.xp.arange(numbers.numel()))
    return order


# -- classes -----------------------------------------------------------------------------------------------------------


@composite
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Return rows of zeros with a one at the place of each class.

    Args:
        input: Class numbers, int64, of any shape (...). The result is (..., num_classes), int64.
        num_classes: The number of classes; -1 takes the largest class plus one.

    Raises:
        IndexError, RuntimeError: If a class is negative or not below ``num_classes``.
        RuntimeError: If the input is empty and ``num_classes`` is not given.

    >>> import minitensor as torch
    >>> one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    require_tensors("one_hot", input=input)
    array: Any = values_of(input)
    require_index("one_hot", input, int64)
    if array.size == 0 and num_classes <= 0:
        raise ShapeError("one_hot: can not infer total number of classes from empty tensor; give num_classes")
    is_known = array.size and holds_data(array)
    if is_known and int(array.min()) < 0:
        raise IndexRuntimeError(f"one_hot: class values must be non-negative, got {array.min()}")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if is_known and int(array.max()) >= count:
        raise IndexRuntimeError(f"one_hot: class values must be smaller than num_classes={count}, got {array.max()}")
    classes: Tensor = wrap(input.result_class, input.xp.arange(count))
    rows: Tensor = (input.unsqueeze(-1) == classes).long()
    return rows.contiguous()
