"""The bits of numbers: logic on those of integers and bools, and the exponents of floats.

Most ops here have no gradient; ``ldexp`` and the mantissa of ``frexp`` have that of a product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import as_input, elementwise, in_layout, lay_out_composite, of_tensors
from minitensor.base import wrap
from minitensor.dtypes import float32, float64, int64, promote_types, uint16, uint32, uint64
from minitensor.errors import DimError, DtypeError, UnsupportedDtypeError, UnsupportedTypeError, UsageError
from minitensor.layouts import Layout, contiguous
from minitensor.ops.aliasing import inplace
from minitensor.ops.arithmetic import mul, mul_
from minitensor.ops.constant import step_grad
from minitensor.ops.kinds import BITS, FLOATS, INTEGERS, WORDS
from minitensor.ops.operand import backend_of, library_of, operands, ordered_arrays, require_tensors, result_dtype
from minitensor.ops.out import write_out
from minitensor.ops.powers import pow
from minitensor.ops.return_types import frexp as FrexpResult
from minitensor.shapes import reduced_dims

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.operand import Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- bools and integers ------------------------------------------------------------------------------------------------


def bit_operands(name: str, input: Operand, other: Operand, kinds: str = BITS) -> tuple[Array, Array]:
    """Return the arrays of two operands in their common dtype; raise if it is not one of ``kinds``."""
    pair = operands(input, other)
    if pair[0].dtype.kind not in kinds:
        raise UnsupportedTypeError(
            f"{name}: expected {WORDS[kinds]}, got operands that meet in {pair[0].dtype}; cast them first"
        )
    return pair


@nondifferentiable
def bitwise_and(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the bitwise AND of integers; for bools, whether both are true.

    Raises:
        RuntimeError, TypeError: If the operands hold neither integers nor bools.

    >>> import minitensor as torch
    >>> torch.bitwise_and(torch.tensor([12, 7]), 10)
    tensor([8, 2])
    """
    a, b = bit_operands("bitwise_and", input, other)
    return a & b


@inplace(bitwise_and)
def bitwise_and_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its bitwise AND with ``other``."""


@nondifferentiable
def bitwise_or(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the bitwise OR of integers; for bools, whether either is true.

    Raises:
        RuntimeError, TypeError: If the operands hold neither integers nor bools.

    >>> import minitensor as torch
    >>> torch.bitwise_or(torch.tensor([1, 2]), 4)
    tensor([5, 6])
    """
    a, b = bit_operands("bitwise_or", input, other)
    return a | b


@inplace(bitwise_or)
def bitwise_or_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its bitwise OR with ``other``."""


@nondifferentiable
def bitwise_xor(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Return the bitwise XOR of integers; for bools, whether they differ.

    Raises:
        RuntimeError, TypeError: If the operands hold neither integers nor bools.

    >>> import minitensor as torch
    >>> torch.bitwise_xor(torch.tensor([1, 2]), 3)
    tensor([2, 1])
    """
    a, b = bit_operands("bitwise_xor", input, other)
    return a ^ b


@inplace(bitwise_xor)
def bitwise_xor_(input: Tensor, other: Operand) -> None:
    """Replace ``input`` by its bitwise XOR with ``other``."""


@nondifferentiable
@in_layout(of_tensors)
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the bitwise NOT of integers; for bools, the negation.

    Raises:
        RuntimeError, TypeError: If ``input`` holds neither integers nor bools.

    >>> import minitensor as torch
    >>> torch.bitwise_not(torch.tensor([0, -1])), torch.bitwise_not(torch.tensor(True))
    (tensor([-1,  0]), tensor(False))
    """
    array = input.array
    if array.dtype.kind not in "biu":
        raise UnsupportedTypeError(
            f"~ (bitwise_not) is only implemented on integer and bool tensors, got {input.dtype.name}"
        )
    return ~array


@inplace(bitwise_not)
def bitwise_not_(input: Tensor) -> None:
    """Replace ``input`` by its bitwise NOT."""


@nondifferentiable
def bitwise_left_shift(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Shift the bits of integers left by ``other`` places, which multiplies by ``2 ** other``.

    Raises:
        RuntimeError, TypeError: If the operands do not hold integers.

    >>> import minitensor as torch
    >>> torch.bitwise_left_shift(torch.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    a, b = bit_operands("bitwise_left_shift", input, other, INTEGERS)
    return a << b


@inplace(bitwise_left_shift)
def bitwise_left_shift_(input: Tensor, other: Operand) -> None:
    """Shift the bits of ``input`` left by ``other`` places, in place."""


@nondifferentiable
def bitwise_right_shift(input: Operand, other: Operand, *, out: Tensor | None = None) -> Array:
    """Shift the bits of integers right by ``other`` places; the sign stays.

    Raises:
        RuntimeError, TypeError: If the operands do not hold integers.

    >>> import minitensor as torch
    >>> torch.bitwise_right_shift(torch.tensor([-8, 7]), 1)
    tensor([-4,  3])
    """
    a, b = bit_operands("bitwise_right_shift", input, other, INTEGERS)
    return a >> b


@inplace(bitwise_right_shift)
def bitwise_right_shift_(input: Tensor, other: Operand) -> None:
    """Shift the bits of ``input`` right by ``other`` places, in place."""


# -- floats ------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad: grad, other=step_grad)
def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the next floating-point number after ``input`` in the direction of ``other``.

    >>> import minitensor as torch
    >>> torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])) - 1
    tensor([1.1921e-07])
    """
    a, b = ordered_arrays("nextafter", input, other, FLOATS)
    return backend_of(input, other).nextafter(a, b)


@inplace(nextafter)
def nextafter_(input: Tensor, other: Tensor) -> None:
    """Replace ``input`` by the next floating-point number in the direction of ``other``."""


def frexp_grad(grads: Any, result1: Tensor) -> Tensor:
    """Return the gradient of the mantissa divided by the power of two."""
    return grads[0] / pow(2.0, result1)  # type: ignore[no-any-return]  # a tensor


@differentiable(returns=FrexpResult, input=frexp_grad)
@in_layout(as_input)
def frexp(input: Tensor, *, out: Any = None) -> tuple[Array, Array]:
    """Split floats into mantissa and exponent: ``input = mantissa * 2 ** exponent``, ``abs(mantissa)`` in [1/2, 1).

    Raises:
        RuntimeError: If ``input`` does not hold floats.

    >>> import minitensor as torch
    >>> torch.frexp(torch.tensor([8., 0.75]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000, 0.7500]),
    exponent=tensor([4, 0], dtype=torch.int32))
    """
    if input.array.dtype.kind != "f":
        raise DtypeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype.name}")
    mantissa, exponent = input.xp.frexp(input.array)
    return mantissa, exponent.astype("int32")


def is_exact(input: Tensor, other: Tensor) -> bool:
    """Whether ``ldexp`` only changes exponents, without rounding: floats times an integer power of two."""
    return input.dtype.kind == "f" and other.dtype.kind in "iu"


MAX_EXPONENT = 1 << 14  # beyond this exponent every result is zero or infinite


def add_to_exponents_grad(grad: Tensor, other: Tensor) -> Tensor:
    """Return ``grad * 2 ** other``."""
    return ldexp(grad, other)


def layout_of_ldexp(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of a product with powers of two: row-major powers of a number, or those of a tensor."""
    input, other = arguments
    is_tensor = is_power_of_tensor(input.dtype, other.dtype)
    return elementwise((input.layout, elementwise((other.layout,)) if is_tensor else contiguous(other.layout.shape)))


def is_power_of_tensor(input: Dtype, other: Dtype) -> bool:
    """Whether PyTorch computes the powers of two in the dtype of the input, if that is not its default dtype."""
    is_wide = input is not float32 and input is promote_types(input, other)
    return is_wide and (input.is_complex or (input.is_floating_point and other.is_floating_point))


@differentiable(name="ldexp", input=add_to_exponents_grad)
@in_layout(layout_of_ldexp)
def add_to_exponents(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Array:
    """Add integers to the exponents of floats: ``ldexp`` without rounding."""
    xp = library_of(input, other)
    exponent = other.array.astype("int64").clip(-MAX_EXPONENT, MAX_EXPONENT).astype("int32")
    return xp.ldexp(input.array, exponent)


@inplace(add_to_exponents)
def add_to_exponents_(input: Tensor, other: Tensor) -> None:
    """Add ``other`` to the exponents of ``input``."""


@composite
def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return ``input * 2 ** other``.

    >>> import minitensor as torch
    >>> torch.ldexp(torch.tensor([0.75, 1.0]), torch.tensor([2, -1]))
    tensor([3.0000, 0.5000])
    """
    require_tensors("ldexp", input=input, other=other)
    if is_exact(input, other):
        return add_to_exponents(input, other, out=out)
    if input.dtype.is_complex:
        other = other.to(result_dtype(input, other))
    product = lay_out_composite(layout_of_ldexp, (input, other), mul(input, pow(2.0, other)))
    return write_out("ldexp", product, out, input)


@composite
def ldexp_(input: Tensor, other: Tensor) -> Tensor:
    """Multiply ``input`` by ``2 ** other`` in place."""
    require_tensors("ldexp_", input=input, other=other)
    return add_to_exponents_(input, other) if is_exact(input, other) else mul_(input, pow(2.0, other))


@composite
def hash_tensor(
    input: Tensor, dim: int | Sequence[int] | None = None, *, keepdim: bool = False, mode: int = 0,
    out: Tensor | None = None,
) -> Tensor:
    """Return a hash of the elements, uint64: their bits as int64 or float64, joined by exclusive or.

    Args:
        dim: The dims to reduce; all if None.
        mode: 0 is the only one.

    Raises:
        RuntimeError: If the ``mode`` is another, or an empty input has no ``dim``.
        IndexError: If a reduced dim is empty.
        NotImplementedError: If the input is complex or unsigned, of more than 8 bits.

    >>> import minitensor as torch
    >>> torch.hash_tensor(torch.tensor([1, 5]))
    tensor(4, dtype=torch.uint64)
    """
    if mode != 0:
        raise UsageError(f"hash_tensor: Unknown hash_tensor mode: {mode}; 0 is the only one")
    dims = reduced_dims(dim, input.ndim)
    if not input.numel() and len(dims) == input.ndim:
        raise UsageError("hash_tensor: Expected reduction dim to be specified for input.numel() == 0; give dim")
    if not all(input.shape[each] for each in dims):
        raise DimError(f"hash_tensor: Expected reduction dims to have non-zero size, got shape {tuple(input.shape)}")
    if input.is_complex() or input.dtype in (uint16, uint32, uint64):
        raise UnsupportedDtypeError(f"hash_tensor: not implemented for {input.dtype.name}")
    words = input.to(float64 if input.is_floating_point() else int64).contiguous().view(int64).array
    found = input.xp.bitwise_xor.reduce(words, axis=dims, keepdims=keepdim)
    hashed: Tensor = wrap(input.result_class, input.xp.asarray(found)).view(uint64)
    return write_out("hash_tensor", hashed, out, input)
