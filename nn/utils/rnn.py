"""Sequences of several lengths in one batch: padded to the longest, or packed without padding.

A ``PackedSequence`` holds the first steps of all sequences, longest first, then the second steps of those that have
one, and so on: ``batch_sizes`` counts the sequences that have each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from minitensor.autograd.argument_types import check_type
from minitensor.autograd.last_steps import name_node
from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.base import TensorBase
from minitensor.dtypes import int64
from minitensor.errors import (
    ArgumentError,
    DtypeError,
    GuardError,
    UsageError,
    UsageTypeError,
    WrongTypeError,
    quote,
)
from minitensor.ops.creation import as_tensor, full, tensor
from minitensor.ops.ranges import arange
from minitensor.ops.sort import argsort
from minitensor.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

T = TypeVar("T", bound="PackedSequence")


class Fields(NamedTuple):
    """The parts of a packed sequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(Fields):
    """Sequences without padding, created by ``pack_padded_sequence`` and ``pack_sequence``; recurrent layers take it.

    Args:
        data: All steps, ordered by time, shape (sum of lengths, *).
        batch_sizes: Number of sequences that have each step, shape (T), int64 on the CPU.
        sorted_indices: Order, longest first, in which the sequences were put, shape (N). Default: ``None``, as given.
        unsorted_indices: The inverse order. Default: ``None``, computed.

    Raises:
        ValueError: If there are no ``batch_sizes``.
        AttributeError, TypeError: If ``batch_sizes`` is not a tensor.

    >>> import minitensor as torch
    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 3, 2]), tensor([2, 1]))
    >>> torch.nn.utils.rnn.PackedSequence(packed.data * 10, packed.batch_sizes).data
    tensor([10, 30, 20])
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        """Collect the parts; compute the inverse order if it is missing."""
        if batch_sizes is None:
            raise GuardError("PackedSequence: batch_sizes must be given")
        if not isinstance(batch_sizes, TensorBase):
            raise WrongTypeError(f"PackedSequence: batch_sizes must be a tensor, not {type(batch_sizes).__name__}")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Return the sequence with its data changed as by ``Tensor.to(*args, **kwargs)``."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        orders = [None if each is None else each.to(data.device) for each in self[2:]]
        return PackedSequence(data, self.batch_sizes, *orders)

    def cpu(self) -> PackedSequence:
        """Return the sequence with its data on the CPU."""
        return self.to("cpu")

    def cuda(self) -> PackedSequence:
        """Return the sequence with its data on the GPU."""
        return self.to("cuda")

    def double(self) -> PackedSequence:
        """Return the sequence with its data in float64."""
        return PackedSequence(self.data.double(), *self[1:])

    def float(self) -> PackedSequence:
        """Return the sequence with its data in float32."""
        return PackedSequence(self.data.float(), *self[1:])

    def half(self) -> PackedSequence:
        """Return the sequence with its data in float16."""
        return PackedSequence(self.data.half(), *self[1:])

    def long(self) -> PackedSequence:
        """Return the sequence with its data in int64."""
        return PackedSequence(self.data.long(), *self[1:])

    def int(self) -> PackedSequence:
        """Return the sequence with its data in int32."""
        return PackedSequence(self.data.int(), *self[1:])

    def short(self) -> PackedSequence:
        """Return the sequence with its data in int16."""
        return PackedSequence(self.data.short(), *self[1:])

    def char(self) -> PackedSequence:
        """Return the sequence with its data in int8."""
        return PackedSequence(self.data.char(), *self[1:])

    def byte(self) -> PackedSequence:
        """Return the sequence with its data in uint8."""
        return PackedSequence(self.data.byte(), *self[1:])

    def pin_memory(self) -> PackedSequence:
        """Return the sequence itself: no memory is pinned."""
        return self

    def is_pinned(self) -> bool:
        """Return False: no memory is pinned."""
        return False

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a GPU."""
        return self.data.device.type == "cuda"


@composite_with_own_checks
def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the inverse of a permutation, or None for None.

    Args:
        permutation: A permutation of 0 ... N - 1, shape (N), or None.

    Raises:
        RuntimeError: If the permutation is not of int64.

    >>> import minitensor as torch
    >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    if permutation.dtype is not int64:
        raise DtypeError(f"invert_permutation: an order is of int64, got {permutation.dtype.name}")
    places = arange(permutation.numel(), device=permutation.device)
    inverse: Tensor = permutation.clone()
    inverse[permutation] = places
    return inverse


@composite_with_own_checks
def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences, without their padding.

    Args:
        input: Padded sequences, shape (T, N, *), or (N, T, *) with ``batch_first``.
        lengths: The N lengths, from 1 to T.
        batch_first: The batch is the first dim. Default: ``False``.
        enforce_sorted: Require the longest sequence first; False sorts them. Default: ``True``.

    Raises:
        RuntimeError: If the lengths do not fit, or are not sorted although ``enforce_sorted`` is true.

    >>> import minitensor as torch
    >>> x = torch.tensor([[1, 2, 0], [3, 0, 0]])
    >>> torch.nn.utils.rnn.pack_padded_sequence(x, [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    check_type("pack_padded_sequence", "batch_first", "bool", batch_first)
    if not isinstance(lengths, (TensorBase, Iterable)):
        raise UsageTypeError(f"pack_padded_sequence: lengths must be a tensor or a sequence, got {quote(lengths)}")
    sizes = as_tensor(lengths, dtype=int64).cpu()
    sequences = input if batch_first else input.transpose(0, 1)
    check_lengths(sizes, sequences)
    order: Tensor | None = None
    if not enforce_sorted:
        order = argsort(sizes, descending=True, stable=True)
        sizes = sizes[order]
        order = order.to(input.device)
        sequences = sequences.index_select(0, order)
    elif bool((sizes[1:] > sizes[:-1]).any()):
        raise UsageError(
            f"`lengths` array must be sorted in decreasing order when `enforce_sorted` is True, got {sizes.tolist()}; "
            "pass `enforce_sorted=False` to have them sorted"
        )
    steps = arange(int(sizes[0])).unsqueeze(1)
    present = steps < sizes  # (T, N): which sequences have a step
    data = sequences.transpose(0, 1)[: steps.shape[0]][present.to(input.device)]
    name_node(data, "PackPaddedSequence")
    return PackedSequence(data, present.sum(1), order)


def check_lengths(lengths: Tensor, sequences: Tensor) -> None:
    """Raise unless the lengths fit the sequences."""
    if lengths.ndim != 1 or lengths.numel() != sequences.shape[0]:
        raise UsageError(
            f"expected one length for each of the {sequences.shape[0]} sequences, got {lengths.tolist()} (input of "
            f"{tuple(sequences.shape)}, batch first)"
        )
    if not lengths.numel() or int(lengths.min()) <= 0 or int(lengths.max()) > sequences.shape[1]:
        raise UsageError(
            f"Length of all samples has to be greater than 0 and at most {sequences.shape[1]}, got {lengths.tolist()}"
        )


@composite_with_own_checks
def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Unpack sequences and pad them, in their original order.

    Args:
        sequence: The packed sequences.
        batch_first: Return (N, T, *), not (T, N, *). Default: ``False``.
        padding_value: Value of the padding. Default: ``0.0``.
        total_length: Length T to pad to. Default: ``None``, the longest.

    Returns:
        The padded sequences, and their lengths, int64 of shape (N).

    Raises:
        ValueError: If ``total_length`` is less than the longest length.
        RuntimeError, TypeError: If ``padding_value`` is not a number.

    >>> import minitensor as torch
    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    check_type("pad_packed_sequence", "batch_first", "bool", batch_first)
    filling = to_padding_value("pad_packed_sequence", padding_value)
    steps, count = sequence.batch_sizes.numel(), int(sequence.batch_sizes[0])
    if total_length is not None and total_length < steps:
        raise ArgumentError(
            f"Expected total_length to be at least the length of the longest sequence in input, but got total_length="
            f"{total_length} and max sequence length being {steps}"
        )
    present = arange(count) < sequence.batch_sizes.unsqueeze(1)  # (T, N)
    length = steps if total_length is None else total_length
    shape = (length, count, *sequence.data.shape[1:])
    data = sequence.data
    padded = full(shape, filling, dtype=data.dtype, device=data.device)
    rows, columns = present.nonzero(as_tuple=True)
    padded = padded.index_put((rows.to(data.device), columns.to(data.device)), data)
    name_node(padded, "CopySlices")
    padded = padded.transpose(0, 1) if batch_first else padded
    lengths = present.sum(0)
    if sequence.unsorted_indices is not None:
        # After the transpose, as in PyTorch: the result is contiguous.
        padded = padded.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return padded, lengths


@composite_with_own_checks
def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of several lengths, padded to the longest.

    Args:
        sequences: Tensors of shape (L, *), with equal further dims.
        batch_first: Return (N, T, *), not (T, N, *). Default: ``False``.
        padding_value: Value of the padding. Default: ``0.0``.
        padding_side: ``"right"`` or ``"left"``. Default: ``"right"``.

    Raises:
        RuntimeError: If ``sequences`` is empty, ``padding_side`` is unknown, or further dims differ.
        TypeError: If ``sequences`` is not a tensor or an iterable of tensors.

    >>> import minitensor as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    check_type("pad_sequence", "batch_first", "bool", batch_first)
    filling = to_padding_value("pad_sequence", padding_value)
    if padding_side not in ("left", "right"):
        raise UsageTypeError(f'pad_sequence: padding_side should be "left" or "right", got {quote(padding_side)}')
    if not isinstance(sequences, (TensorBase, Iterable)):
        raise UsageTypeError(f"pad_sequence: expected an iterable of tensors, got {type(sequences).__name__}")
    each: list[Tensor] = list(sequences.unbind(0) if isinstance(sequences, TensorBase) else sequences)
    if not each:
        raise UsageTypeError("pad_sequence: received an empty list of sequences")
    if any(isinstance(one, TensorBase) and not one.ndim for one in each):
        raise UsageError("pad_sequence: a tensor without dims is no sequence; each needs one dim or more")
    longest = max([one.shape[0] for one in each])
    shape = (len(each), longest, *each[0].shape[1:])
    padded = full(shape, filling, dtype=each[0].dtype, device=each[0].device)
    for i, one in enumerate(each):
        start = longest - one.shape[0] if padding_side == "left" else 0
        padded[i, start : start + one.shape[0]] = one
    return padded if batch_first else padded.transpose(0, 1)


def to_padding_value(name: str, value: Any) -> float:
    """Return the number to pad with."""
    if isinstance(value, (str, bytes, complex)) or (isinstance(value, TensorBase) and value.numel() != 1):
        raise UsageTypeError(f"{name}: argument 'padding_value' must be a real number, got {quote(value)}")
    return float(value)


@composite_with_own_checks
def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """Cut padded sequences to their lengths; the inverse of ``pad_sequence``.

    Args:
        padded_sequences: Shape (T, N, *), or (N, T, *) with ``batch_first``.
        lengths: The N lengths.
        batch_first: The batch is the first dim. Default: ``False``.

    Returns:
        A list of N tensors.

    Raises:
        AttributeError: If ``lengths`` is not a tensor.
        RuntimeError: If ``lengths`` does not have one dim.

    >>> import minitensor as torch
    >>> torch.nn.utils.rnn.unpad_sequence(torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    if not isinstance(lengths, TensorBase):
        raise WrongTypeError(f"unpad_sequence: lengths must be a tensor, not {type(lengths).__name__}")
    if lengths.ndim != 1:
        raise UsageError(f"unpad_sequence: lengths must have one dim, got shape {tuple(lengths.shape)}")
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(length)] for row, length in zip(rows, lengths, strict=True)]


@composite_with_own_checks
def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of several lengths.

    Args:
        sequences: Tensors of shape (L, *), with equal further dims.
        enforce_sorted: Require the longest sequence first; False sorts them. Default: ``True``.

    Raises:
        RuntimeError: If there are no sequences, one is empty, or they are not sorted although ``enforce_sorted`` is
            true.

    >>> import minitensor as torch
    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """
    lengths = tensor([one.shape[0] for one in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


@composite_with_own_checks
def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return the list of sequences in a ``PackedSequence``; the inverse of ``pack_sequence``.

    Args:
        packed_sequences: The packed sequences.

    >>> import minitensor as torch
    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> torch.nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
