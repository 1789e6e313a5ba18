"""Orthogonal polynomials: the functions of ``torch.special`` that take a degree. They have no gradients, as in PyTorch.

All are computed in double precision by ``backends/reference/polynomials.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import host_value
from minitensor.autograd.declare import nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, of_operands
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError
from minitensor.layouts import Layout
from minitensor.ops.kinds import FLOATS, unsupported_dtype_error
from minitensor.ops.operand import backend_of, library_of
from minitensor.ops.out import write_out
from minitensor.ops.special import float_operands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def of_numbers(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of an elementwise operation on the first two arguments."""
    return of_operands(arguments[:2], shape)


@nondifferentiable
@in_layout(of_numbers)
def polynomial(input: Operand, n: Operand, name: str) -> Array:
    """Return a polynomial of degree n; degrees are rounded toward zero."""
    x, degrees = float_operands(name, input, n)
    if x.dtype.itemsize == 2:
        raise unsupported_dtype_error(name, FLOATS, x.dtype)
    xp = library_of(input, n)
    whole = xp.trunc(xp.asarray(degrees, "float64"))
    whole = xp.where(xp.isnan(whole), -1.0, whole)
    shape = xp.broadcast_shapes(x.shape, whole.shape)
    found = backend_of(input, n).polynomial(name, xp.broadcast_to(xp.asarray(x, "float64"), shape), whole)
    return found.astype(x.dtype)


def evaluate(name: str, input: Operand, n: Operand, out: Tensor | None) -> Tensor:
    """Return a polynomial; raise if neither operand is a tensor."""
    input, n = host_value(input, None), host_value(n, None)
    if not isinstance(input, TensorBase) and not isinstance(n, TensorBase):
        raise ArgumentTypeError(f"{name}: expected a tensor as x or n, got {input!r} and {n!r}")
    return write_out(name, polynomial(input, n, name), out, input, n)


@composite
def chebyshev_polynomial_t(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the first kind, cos(n arccos(x)), of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.chebyshev_polynomial_t(torch.tensor([3.]), 2)
    tensor([17.])
    """
    return evaluate("chebyshev_polynomial_t", x, n, out)


@composite
def chebyshev_polynomial_u(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the second kind, sin((n + 1) a) / sin(a) with cos(a) = x, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.chebyshev_polynomial_u(torch.tensor([3.]), 2)
    tensor([35.])
    """
    return evaluate("chebyshev_polynomial_u", x, n, out)


@composite
def chebyshev_polynomial_v(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the third kind, cos((n + 1/2) a) / cos(a / 2), of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.chebyshev_polynomial_v(torch.tensor([3.]), 2)
    tensor([29.])
    """
    return evaluate("chebyshev_polynomial_v", x, n, out)


@composite
def chebyshev_polynomial_w(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the fourth kind, sin((n + 1/2) a) / sin(a / 2), of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.chebyshev_polynomial_w(torch.tensor([3.]), 2)
    tensor([41.])
    """
    return evaluate("chebyshev_polynomial_w", x, n, out)


@composite
def shifted_chebyshev_polynomial_t(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the first kind at 2 x - 1, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.shifted_chebyshev_polynomial_t(torch.tensor([3.]), 2)
    tensor([49.])
    """
    return evaluate("shifted_chebyshev_polynomial_t", x, n, out)


@composite
def shifted_chebyshev_polynomial_u(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the second kind at 2 x - 1, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.shifted_chebyshev_polynomial_u(torch.tensor([3.]), 2)
    tensor([99.])
    """
    return evaluate("shifted_chebyshev_polynomial_u", x, n, out)


@composite
def shifted_chebyshev_polynomial_v(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the third kind at 2 x - 1, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.shifted_chebyshev_polynomial_v(torch.tensor([3.]), 2)
    tensor([89.])
    """
    return evaluate("shifted_chebyshev_polynomial_v", x, n, out)


@composite
def shifted_chebyshev_polynomial_w(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Chebyshev polynomial of the fourth kind at 2 x - 1, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.shifted_chebyshev_polynomial_w(torch.tensor([3.]), 2)
    tensor([109.])
    """
    return evaluate("shifted_chebyshev_polynomial_w", x, n, out)


@composite
def hermite_polynomial_h(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the physicist's Hermite polynomial, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.hermite_polynomial_h(torch.tensor([3.]), 2)
    tensor([34.])
    """
    return evaluate("hermite_polynomial_h", x, n, out)


@composite
def hermite_polynomial_he(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the probabilist's Hermite polynomial, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    >>> import minitensor as torch
    >>> torch.special.hermite_polynomial_he(torch.tensor([3.]), 2)
    tensor([8.])
    """
    return evaluate("hermite_polynomial_he", x, n, out)


@composite
def laguerre_polynomial_l(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Laguerre polynomial, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    Raises:
        RuntimeError: If a degree is above 1,000,000.

    >>> import minitensor as torch
    >>> torch.special.laguerre_polynomial_l(torch.tensor([3.]), 2)
    tensor([-0.5000])
    """
    return evaluate("laguerre_polynomial_l", x, n, out)


@composite
def legendre_polynomial_p(x: Operand, n: Operand, *, out: Tensor | None = None) -> Tensor:
    """Return the Legendre polynomial, of degree n.

    Args:
        x: Where to evaluate it, a tensor or number.
        n: The degree, a tensor or number; of a negative degree the result is 0.

    Raises:
        RuntimeError: If a degree is above 1,000,000.

    >>> import minitensor as torch
    >>> torch.special.legendre_polynomial_p(torch.tensor([3.]), 2)
    tensor([13.])
    """
    return evaluate("legendre_polynomial_p", x, n, out)
