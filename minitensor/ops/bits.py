"""Numbers taken apart: sign, exponent, neighbour; steps; divisors of integers.

These read numbers as a machine keeps them. Most have no gradient; ``copysign`` and ``ldexp`` have that of the product
that they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.errors import DtypeError
from minitensor.ops.aliasing import inplace
from minitensor.ops.kinds import FLOATS, INTEGERS, ORDERED, of_kind
from minitensor.ops.operand import as_floats, require_tensors, result_dtype, tensor_first
from minitensor.ops.out import delivered, received
from minitensor.ops.pointwise import flat, library_of, mul, mul_, ordered, pow, where
from minitensor.ops.return_types import frexp as FrexpResult

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.ops.operand import Operand
    from minitensor.tensor import Tensor


@nondifferentiable
def signbit(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Whether the sign is minus, also of -0.0."""
    array = of_kind("signbit", ORDERED, input.array)
    return input.xp.signbit(array) if array.dtype.kind == "f" else array < 0


def sign_moved(grad: Tensor, input: Tensor, result: Tensor) -> Any:
    """Return the gradient with the sign by which the input was multiplied; zero at zero."""
    nothing = input == 0
    return where(nothing, 0, grad * (result / where(nothing, 1, input)))


@differentiable(input=sign_moved, other=flat)
def copysign(input: Tensor, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the modulus of ``input`` with the sign of ``other``; integers give floats."""
    a, b = tensor_first("copysign", input, other)
    if of_kind("copysign", ORDERED, a).dtype.kind != "f":
        a, b = as_floats(input, other)
    return library_of(input, other).copysign(a, b)


@differentiable(input=lambda grad: grad, other=flat)
def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the next number that the dtype holds after ``input``, on the way to ``other``."""
    a, b = ordered("nextafter", input, other, FLOATS)
    return library_of(input, other).nextafter(a, b)


@nondifferentiable
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Array:
    """Return 0 for what is negative, 1 for what is positive, and ``values`` at zero."""
    require_tensors("heaviside", input=input, values=values)
    if input.dtype is not values.dtype:
        raise DtypeError(f"heaviside: not implemented for two dtypes, {input.dtype.name} and {values.dtype.name}")
    a, b, xp = of_kind("heaviside", ORDERED, input.array), values.array, library_of(input, values)
    kind = a.dtype.type
    found: Array = xp.where(a == 0, b, xp.where(a > 0, kind(1), kind(0)))  # 0 for NaN, as in PyTorch
    return found


@composite
def frexp(input: Tensor, *, out: Any = None) -> FrexpResult:
    """Return mantissa and exponent: ``input = mantissa * 2 ** exponent`` with the mantissa's modulus in [1/2, 1).

    >>> import minitensor as torch
    >>> torch.frexp(torch.tensor([8., 0.75]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000, 0.7500]),
    exponent=tensor([4, 0], dtype=torch.int32))
    """
    require_tensors("frexp", input=input)
    if input.array.dtype.kind != "f":
        raise DtypeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype.name}")
    exponent = exponents(input)
    mantissa = _mantissa(input, exponent)
    return FrexpResult(*received("frexp", (mantissa, exponent), out))


@nondifferentiable
def exponents(input: Tensor) -> Array:
    """Return the power of two just above each modulus."""
    found: Array = input.xp.frexp(input.array)[1].astype("int32")
    return found


@differentiable(input=lambda grad, exponent: grad / pow(2.0, exponent))
def _mantissa(input: Tensor, exponent: Tensor) -> Array:
    mantissa: Array = input.xp.frexp(input.array)[0]
    return mantissa


@composite
def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return ``input * 2 ** other``.

    >>> import minitensor as torch
    >>> torch.ldexp(torch.tensor([0.75, 1.0]), torch.tensor([2, -1]))
    tensor([3.0000, 0.5000])
    """
    require_tensors("ldexp", input=input, other=other)
    if is_exact(input, other):
        return delivered("ldexp", _ldexp(input, other), out, input)
    if input.dtype.is_complex:
        other = other.to(result_dtype(input, other))
    return delivered("ldexp", mul(input, pow(2.0, other)), out, input)


def is_exact(input: Tensor, other: Tensor) -> bool:
    """Whether a power of two only moves the exponent: floats times an integer power."""
    return input.array.dtype.kind == "f" and other.array.dtype.kind in "iu"


MOST = 1 << 14  # an exponent beyond this gives zero or infinity in any case


def moved_again(grad: Tensor, other: Tensor) -> Tensor:
    """Return the gradient of a move of exponents: moved alike."""
    return ldexp(grad, other)


@differentiable(input=moved_again)
def _ldexp(input: Tensor, other: Tensor) -> Array:
    xp = library_of(input, other)
    exponent = other.array.astype("int64").clip(-MOST, MOST).astype("int32")
    return xp.ldexp(input.array, exponent)


@composite
def ldexp_(input: Tensor, other: Tensor) -> Tensor:
    """Multiply ``input`` by ``2 ** other`` where it lies."""
    require_tensors("ldexp_", input=input, other=other)
    return _ldexp_(input, other) if is_exact(input, other) else mul_(input, pow(2.0, other))


@inplace(_ldexp)
def _ldexp_(input: Tensor, other: Tensor) -> None:
    """Move the exponents of ``input``."""


# -- integers ----------------------------------------------------------------------------------------------------------


def integers(name: str, input: Tensor, other: Tensor) -> tuple[Array, Array]:
    """Return the operands of an op on integers."""
    return ordered(name, input, other, INTEGERS)


@nondifferentiable
def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the greatest common divisor.

    >>> import minitensor as torch
    >>> torch.gcd(torch.tensor([12, 7]), torch.tensor([18, 0]))
    tensor([6, 7])
    """
    a, b = integers("gcd", input, other)
    return library_of(input, other).gcd(a, b)


@nondifferentiable
def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the least common multiple."""
    a, b = integers("lcm", input, other)
    return library_of(input, other).lcm(a, b)


# -- in place ----------------------------------------------------------------------------------------------------------


@inplace(copysign)
def copysign_(input: Tensor, other: Operand) -> None:
    """Give ``input`` the sign of ``other`` where it lies."""


@inplace(nextafter)
def nextafter_(input: Tensor, other: Tensor) -> None:
    """Move ``input`` to its neighbour on the way to ``other``."""


@inplace(heaviside)
def heaviside_(input: Tensor, values: Tensor) -> None:
    """Replace ``input`` by 0, 1 or ``values``, as it is negative, positive or zero."""


@inplace(gcd)
def gcd_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the greatest common divisor."""


@inplace(lcm)
def lcm_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the least common multiple."""
