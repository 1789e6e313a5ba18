"""Exponentials and logarithms, element by element, with their gradients and in-place versions.

See Note [Complex gradients] in ``arithmetic.py``. What integrals define is in ``special.py``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable, on_host_floats
from minitensor.autograd.tables import by_table, in_singles, rounds_once
from minitensor.backends.numpy.halves import convert
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import conj
from minitensor.ops.kinds import FLOATS, INEXACT
from minitensor.ops.operand import SINGLE, as_float, backend_of, library_of, ordered_arrays

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


@differentiable(input=rounds_once(lambda grad, result: grad * conj(result)))
@on_host_floats("exp")
def exp(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return e raised to each element of ``input``.

    >>> import minitensor as torch
    >>> torch.exp(torch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """
    return input.xp.exp(as_float(input))


@inplace(exp)
def exp_(input: Tensor) -> None:
    """Replace ``input`` by its exponential."""


@differentiable(input=rounds_once(lambda grad, result: grad * conj(result * math.log(2))))
def exp2(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return 2 raised to each element of ``input``.

    >>> import minitensor as torch
    >>> torch.exp2(torch.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return input.xp.exp2(as_float(input))


@inplace(exp2)
def exp2_(input: Tensor) -> None:
    """Replace ``input`` by 2 to its power."""


@differentiable(input=lambda grad, result: grad * conj(result + 1))
def expm1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(input) - 1``, accurate near zero too.

    >>> import minitensor as torch
    >>> torch.expm1(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    return input.xp.expm1(as_float(input))


@inplace(expm1)
def expm1_(input: Tensor) -> None:
    """Replace ``input`` by ``exp(input) - 1``."""


@differentiable(input=rounds_once(lambda grad, input: grad / conj(input)))
@on_host_floats("log")
def log(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the natural logarithm: -inf at zero, NaN for negative real numbers.

    >>> import minitensor as torch
    >>> torch.log(torch.tensor([1., 0.]))
    tensor([0., -inf])
    """
    return input.xp.log(as_float(input))


@inplace(log)
def log_(input: Tensor) -> None:
    """Replace ``input`` by its natural logarithm."""


@differentiable(input=lambda grad, input: grad / conj(input * math.log(2)))
def log2(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the logarithm to base 2.

    >>> import minitensor as torch
    >>> torch.log2(torch.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return input.xp.log2(as_float(input))


@inplace(log2)
def log2_(input: Tensor) -> None:
    """Replace ``input`` by its logarithm to base 2."""


@differentiable(input=lambda grad, input: grad / conj(input * math.log(10)))
def log10(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the logarithm to base 10.

    >>> import minitensor as torch
    >>> torch.log10(torch.tensor([1.0, 1000.0]))
    tensor([0.0000, 3.0000])
    """
    return input.xp.log10(as_float(input))


@inplace(log10)
def log10_(input: Tensor) -> None:
    """Replace ``input`` by its logarithm to base 10."""


@differentiable(input=lambda grad, input: grad / conj(input + 1))
def log1p(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(1 + input)``, accurate near zero too.

    >>> import minitensor as torch
    >>> torch.log1p(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.6931])
    """
    return input.xp.log1p(as_float(input))


@inplace(log1p)
def log1p_(input: Tensor) -> None:
    """Replace ``input`` by ``log(1 + input)``."""


@differentiable(input=rounds_once(lambda grad, result: grad * conj((1 - result) * result)))
@by_table
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``1 / (1 + exp(-input))``, between 0 and 1, element by element.

    >>> import minitensor as torch
    >>> torch.sigmoid(torch.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """
    array = as_float(input)
    if array.dtype.kind == "c":
        return input.xp.reciprocal(array.dtype.type(1) + input.xp.exp(-array))
    if array.dtype.itemsize == 2:  # in float16 the exponential would overflow where the result is not yet zero
        return convert(input.backend.sigmoid(convert(array, SINGLE)), array.dtype)
    return input.backend.sigmoid(array)


@inplace(sigmoid)
def sigmoid_(input: Tensor) -> None:
    """Replace ``input`` by its sigmoid."""


@differentiable(
    input=lambda grad, input, other: grad * conj((input - other).sigmoid()),
    other=lambda grad, input, other: grad * conj((other - input).sigmoid()),
)
@in_singles
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log(exp(input) + exp(other))`` without overflow.

    >>> import minitensor as torch
    >>> torch.logaddexp(torch.tensor([1000.]), torch.tensor([1000.]))
    tensor([1000.6932])
    """
    a, b = ordered_arrays("logaddexp", input, other, INEXACT)
    if a.dtype.kind != "c":
        return backend_of(input, other).logaddexp(a, b)
    xp = library_of(input, other)
    high = xp.where(a.real >= b.real, a, b)
    return high + xp.log(xp.exp(a - high) + xp.exp(b - high))


@differentiable(
    input=lambda grad, input, other: grad * ((input - other) * math.log(2)).sigmoid(),
    other=lambda grad, input, other: grad * ((other - input) * math.log(2)).sigmoid(),
)
@in_singles
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``log2(2**input + 2**other)`` without overflow.

    >>> import minitensor as torch
    >>> torch.logaddexp2(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor([2.])
    """
    a, b = ordered_arrays("logaddexp2", input, other, FLOATS)
    return backend_of(input, other).logaddexp2(a, b)
