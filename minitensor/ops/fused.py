"""Several operations in one: interpolation, and sums with a product or a quotient.

Note [Complex gradients] of ``arithmetic.py`` holds here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.spellings import old_orders
from minitensor.autograd.strides import in_layout, of_tensors
from minitensor.backends.numpy.halves import convert
from minitensor.base import TensorBase
from minitensor.errors import DtypeError
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj
from minitensor.ops.kinds import INEXACT, NUMERIC, of_kind
from minitensor.ops.operand import backend_of, fit_number, is_number, promote_in_singles, require_tensors

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Number, Operand
    from minitensor.tensor import Tensor


@differentiable(
    input=lambda grad, weight: grad * conj(1 - weight),
    end=lambda grad, weight: grad * conj(weight),
    weight=lambda grad, input, end: grad * conj(end - input),
)
@in_layout(of_tensors)
def lerp(input: Tensor, end: Tensor, weight: Operand, *, out: Tensor | None = None) -> Array:
    """Interpolate linearly: return ``input + weight * (end - input)``, exactly ``end`` for a weight of 1.

    Raises:
        RuntimeError: If the tensors differ in dtype, unless ``weight`` has no dims, or the weight of real tensors is a
            complex number.

    >>> import minitensor as torch
    >>> torch.lerp(torch.tensor([0., 10.]), torch.tensor([4., 20.]), 0.5)
    tensor([ 2., 15.])
    """
    weight = host_value(weight, None)
    for argument, value in (("end", end), ("weight", weight)):
        may_differ = value is weight and isinstance(value, TensorBase) and not value.ndim
        if isinstance(value, TensorBase) and value.dtype is not input.dtype and not may_differ:
            raise DtypeError(f"lerp: expected dtype {input.dtype.name} for `{argument}`, got {value.dtype.name}")
    if isinstance(weight, complex) and weight.imag and not input.dtype.is_complex:
        raise DtypeError(f"lerp: expected a real weight for tensors of {input.dtype.name}, got {weight}")
    of_kind("lerp", INEXACT, input.array)
    (start, stop, share), common = promote_in_singles(input, end, weight)
    way = stop - start
    if is_number(weight):
        found = start + share * way if abs(weight) < 0.5 else stop - way * (1 - share)
    else:
        is_far = ~(abs(share) < 0.5)  # from there on, the way is measured from the end
        found = backend_of(input, end).where(is_far, stop, start) + (share - is_far) * way
    return convert(found, common) if found.dtype != common else found


@inplace(lerp)
def lerp_(input: Tensor, end: Tensor, weight: Operand) -> None:
    """Move ``input`` toward ``end`` by the fraction ``weight`` of the way, in place."""


@differentiable(
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * conj(tensor2 * value),
    tensor2=lambda grad, tensor1, value: grad * conj(tensor1 * value),
)
@old_orders("input value tensor1 tensor2")
@in_layout(of_tensors)
def addcmul(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out: Tensor | None = None
) -> Array:
    """Return ``input + value * tensor1 * tensor2``.

    >>> import minitensor as torch
    >>> torch.addcmul(torch.zeros(2), torch.tensor([1., 2.]), torch.tensor([3., 4.]), value=10)
    tensor([30., 80.])
    """
    require_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    (start, a, b), common = promote_in_singles(input, tensor1, tensor2)
    found: Array = of_kind("addcmul", NUMERIC, start) + fit_number(value, start.dtype, start) * a * b
    return convert(found, common) if found.dtype != common else found


@inplace(addcmul)
def addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> None:
    """Add ``value * tensor1 * tensor2`` to ``input`` in place."""


@differentiable(
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * conj(value / tensor2),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * conj(tensor1 * value / (tensor2 * tensor2)),
)
@old_orders("input value tensor1 tensor2")
@in_layout(of_tensors)
def addcdiv(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out: Tensor | None = None
) -> Array:
    """Return ``input + value * tensor1 / tensor2``.

    Raises:
        RuntimeError: If both ``tensor1`` and ``tensor2`` hold integers.

    >>> import minitensor as torch
    >>> torch.addcdiv(torch.zeros(2), torch.tensor([1., 2.]), torch.tensor([4., 4.]))
    tensor([0.2500, 0.5000])
    """
    require_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    if tensor1.array.dtype.kind in "biu" and tensor2.array.dtype.kind in "biu":
        raise DtypeError("addcdiv: integer division is not supported; cast tensor1 or tensor2 to a floating dtype")
    (start, a, b), common = promote_in_singles(input, tensor1, tensor2)
    found: Array = start + fit_number(value, start.dtype, start) * a / b
    return convert(found, common) if found.dtype != common else found


@inplace(addcdiv)
def addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> None:
    """Add ``value * tensor1 / tensor2`` to ``input`` in place."""
