"""Tables of vectors: rows picked by number, and numbers as rows of an identity matrix.

Picking rows and adding rows into zeros are primitives, and each other's gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import no_grad
from minitensor.autograd.record import differentiable
from minitensor.base import wrap
from minitensor.errors import ArgumentError, DtypeError, GuardError, IndexOutOfRange, ShapeError
from minitensor.ops.operand import require_tensors

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def rows_back(
    grad: Tensor, indices: Tensor, padding_idx: int | None, scale_by_frequency: bool, in_shape: tuple[int, ...]
) -> Tensor:
    """Return the gradient of the table: rows added up, none for ``padding_idx``."""
    if padding_idx is not None:
        grad = grad.masked_fill((indices == padding_idx).unsqueeze(-1), 0.0)
    if scale_by_frequency:
        counts = indices.xp.bincount(indices.array.reshape(-1), minlength=in_shape[0])
        shares = (1.0 / counts[indices.array]).astype(grad.array.dtype)
        grad = grad * wrap(grad.result_class, shares).unsqueeze(-1)
    return _add_rows(grad, indices, in_shape[0])


@differentiable(weight=rows_back)
def _rows(weight: Tensor, indices: Tensor, padding_idx: int | None, scale_by_frequency: bool) -> Array:
    """Return a copy of the rows with these numbers."""
    return weight.array[indices.array]


@differentiable(grads=lambda grad, indices: _rows(grad, indices, None, False))
def _add_rows(grads: Tensor, indices: Tensor, count: int) -> Array:
    """Add rows into zeros (count, D) at their numbers, which may repeat."""
    xp, width = grads.xp, grads.array.shape[-1]
    flat = xp.zeros(count * width, grads.array.dtype)
    # Entry by entry: where whole rows are added, NumPy's add.at is seven times slower.
    places = indices.array.astype("int64").reshape(-1, 1) * width + xp.arange(width)
    grads.backend.add_at(flat, places.reshape(-1), grads.array.reshape(-1))
    table: Array = flat.reshape(count, width)
    return table


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of ``weight`` (V, D) with the numbers in ``input`` (...): (..., D).

    Row ``padding_idx`` gets no gradient. Rows longer than ``max_norm`` are first shortened to it in ``weight`` itself.
    ``scale_grad_by_freq`` divides each row's gradient by how often it was picked. ``sparse`` changes nothing:
    gradients are dense here.

    >>> import minitensor as torch
    >>> embedding(torch.tensor([1, 0]), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    require_tensors("embedding", input=input, weight=weight)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: expected weight (V, D), got shape {tuple(weight.shape)}")
    count = weight.shape[0]
    check_numbers("embedding", input, count)
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise GuardError(f"embedding: padding_idx must be within num_embeddings ({count}), got {padding_idx}")
        padding_idx %= count
    if max_norm is not None:
        shorten(weight, input, max_norm, norm_type)
    return _rows(weight, input, padding_idx, scale_grad_by_freq)


def shorten(weight: Tensor, indices: Tensor, limit: float, p: float) -> None:
    """Shorten, where they lie, those of the picked rows whose p-norm is above a limit."""
    with no_grad():
        xp, table = weight.xp, weight.array
        picked = xp.unique(indices.array)
        rows = table[picked]
        norms = xp.linalg.norm(rows, p, axis=1)
        long = norms > limit
        table[picked[long]] = rows[long] * (limit / (norms[long] + 1e-7))[:, None]
        weight.storage.version += 1


def check_numbers(name: str, input: Tensor, count: int) -> None:
    """Refuse numbers that are no row's."""
    array = input.array
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{name}: expected integer indices, got {input.dtype.name}; cast with .long()")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= count):
        value = array[(array < 0) | (array >= count)][0]
        raise IndexOutOfRange(f"{name}: index {value} is out of range for a table of {count} rows, 0 to {count - 1}")


class ClassRange(IndexOutOfRange, ShapeError):
    """A class that has no place: an IndexError, and as in PyTorch a RuntimeError."""


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Return rows of zeros with a one at each number's place: (...) gives (..., num_classes), int64.

    >>> import minitensor as torch
    >>> one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    require_tensors("one_hot", input=input)
    array: Any = input.array
    if array.dtype.kind not in "iu":
        raise DtypeError(f"one_hot: is only applicable to integer tensors, got {input.dtype.name}; cast with .long()")
    if array.size == 0 and num_classes <= 0:
        raise ArgumentError("one_hot: can not infer total number of classes from empty tensor; give num_classes")
    if array.size and int(array.min()) < 0:
        raise ClassRange(f"one_hot: class values must be non-negative, got {array.min()}")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if array.size and int(array.max()) >= count:
        raise ClassRange(f"one_hot: class values must be smaller than num_classes={count}, got {array.max()}")
    classes = input.xp.arange(count)
    rows: Tensor = wrap(input.result_class, (array[..., None] == classes).astype("int64"))
    return rows
