"""Writing whole tensors: ``copy_``, ``fill_``, ``zero_``, and fitting a value to the written tensor.

Writes to parts are in ``index.py``, ``masks.py``, ``slices.py`` and ``scatter.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase, memory_of
from minitensor.dtypes import float64
from minitensor.errors import (
    EncodedError,
    ShapeError,
    WrongTypeError,
)
from minitensor.ops.aliasing import check_fits, writes
from minitensor.ops.cast import drop_imaginary, to, warn_of_cast
from minitensor.ops.copy import clone
from minitensor.ops.creation import require_number, tensor, zeros_like
from minitensor.ops.metadata import is_tensor
from minitensor.ops.operand import fit_number, require_tensors
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


def move_source(input: Tensor, src: Any, non_blocking: bool) -> tuple[Tensor, Tensor, bool]:
    """Move the source, a tensor or a number, to the device of the input; raise if it is anything else."""
    src = host_value(src, None)
    if src.__class__ in NUMBERS:
        src = tensor(src, dtype=float64 if src.__class__ is float else None)  # as PyTorch holds a number
    if not is_tensor(src):
        raise WrongTypeError(f"copy_(): argument 'src' must be a tensor, not {type(src).__name__}; see fill_")
    try:
        is_beside = src.array.__class__ is input.array.__class__
    except EncodedError:
        is_beside = src.xp is input.xp
    return input, src if is_beside else to(src, input.device), non_blocking


@writes(prepare=move_source, input=lambda grad: zeros_like(grad), src=lambda grad: grad)
def copy_(input: Tensor, src: Operand, non_blocking: bool = False) -> None:
    """Write the elements of ``src``, broadcast, cast and moved to the device, into ``input``.

    Args:
        non_blocking: Unused; kept for PyTorch compatibility.

    Raises:
        RuntimeError: If ``src`` does not broadcast to the shape of ``input``.
        TypeError: If ``src`` is neither a tensor nor a number.

    >>> import minitensor as torch
    >>> torch.zeros(2, 2).copy_(torch.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    source: Any = src  # move_source made a tensor
    check_expands("copy_", source, input)
    if source.dtype.is_complex:
        warn_of_cast(input.dtype)
    input.array[...] = drop_imaginary(source.array, input.array.dtype)


def check_expands(name: str, src: Tensor, input: Tensor) -> None:
    """Raise unless ``src`` broadcasts to the shape of ``input``, which cannot grow."""
    given, wanted = src.layout.shape, input.layout.shape
    if given == wanted:
        return
    try:
        common = broadcast_shapes(given, wanted)
    except ShapeError as error:
        raise ShapeError(f"{name}: {error}") from None
    if common != wanted:
        raise ShapeError(
            f"{name}: output with shape {list(wanted)} doesn't match the broadcast shape {list(common)}: a tensor of "
            f"shape {list(given)} does not fit into it"
        )


@writes(overlaps="allowed", input=lambda grad: zeros_like(grad), value=lambda grad: grad)
def fill_(input: Tensor, value: Operand) -> None:
    """Set every element to ``value``, a number or a 0-d tensor, in place.

    Raises:
        RuntimeError: If ``value`` has dims.
    """
    if isinstance(value, TensorBase) and not value.ndim:
        if value.dtype.is_complex:
            warn_of_cast(input.dtype)
        input.array[...] = drop_imaginary(input.xp.asarray(value.array), input.array.dtype)
    else:
        input.array[...] = as_single_value("fill_", value, input)


def as_single_value(name: str, value: Any, input: Tensor) -> Any:
    """Return a number or a 0-d tensor as a value that fits the dtype of ``input``."""
    if not isinstance(value, TensorBase):
        return fit_number(value, input.array.dtype, input.array)
    if value.ndim:
        raise ShapeError(f"{name} only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions")
    if input.dtype.kind in "biu":
        return fit_number(value, input.array.dtype, input.array)
    return drop_imaginary(input.xp.asarray(value.array), input.array.dtype)


@writes(overlaps="allowed", input=lambda grad: zeros_like(grad))
def zero_(input: Tensor) -> None:
    """Set every element to zero.

    >>> import minitensor as torch
    >>> torch.ones(2).zero_()
    tensor([0., 0.])
    """
    input.array[...] = 0


@composite
def fill(input: Tensor, value: Operand) -> Tensor:
    """Return a tensor like ``input`` filled with ``value``, a number or a 0-d tensor.

    >>> import minitensor as torch
    >>> torch.fill(torch.zeros(3), 2)
    tensor([2., 2., 2.])
    """
    require_tensors("fill", input=input)
    if not is_tensor(value):
        require_number("fill", "value", value)
    return fill_(clone(input), value)


def write_back(name: str, input: Tensor, result: Tensor) -> Tensor:
    """Write a composite's result into its input, after checking that it fits."""
    check_fits(name, input, memory_of(result))
    return copy_(input, result)
