"""Activations, and ``where``, on large host arrays: few passes, no branches.

NumPy's ``where`` and ``maximum`` branch at every element: with random signs ``where`` takes 4 ms for a million singles,
and selection by bit masks takes 0.7; ``clip`` takes a third of the time of ``maximum``. For singles, the error function
and gelu are quotients of polynomials (Note [Quotients]); doubles go to the reference kernels.

Note [Quotients]. Each is an odd function ``x * P(x * x) / Q(x * x)`` on [-end, end], found by a least-squares fit that
was reweighted until its largest error was smallest (Lawson 1961). The coefficients were rounded to singles and adjusted
in their last places until the value at the end is exact; beyond the end the function is constant. The largest errors
are 3.5e-8 for erf, 2.7e-7 for the normal distribution function and 2.8e-7 for the slope of gelu, as in PyTorch; tests
check this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from minitensor.backends.numpy.threads import SHARED, in_pieces
from minitensor.backends.reference import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

PIECE = 1 << 17  # elements per call: 0.5 MB of singles stay in a cache
BLOCK = 1 << 16  # the same, for kernels with many passes and a few buffers
FEW = 4096  # up to this many elements, NumPy's `where` and `maximum` are faster
BITS = {2: numpy.int16, 4: numpy.int32, 8: numpy.int64}


# -- ranges ------------------------------------------------------------------------------------------------------------


def limits(kind: Any) -> tuple[Any, Any]:
    """Return the least and the greatest value of a dtype."""
    if kind.kind == "f":
        return numpy.asarray(-numpy.inf, kind), numpy.asarray(numpy.inf, kind)
    bounds = numpy.iinfo(kind)
    return numpy.asarray(bounds.min, kind), numpy.asarray(bounds.max, kind)


LIMITS = {numpy.dtype(name): limits(numpy.dtype(name)) for name in "efdbhiqBHIQ"}


def clip(array: Array, low: Array | None, high: Array | None, out: Array | None = None) -> Array:
    """Limit to a range. NaN stays NaN, and all elements become NaN if a bound is NaN."""
    least, greatest = LIMITS[array.dtype]
    low, high = least if low is None else low, greatest if high is None else high
    return numpy.asarray(array.clip(low, high, out=out))


def relu(array: Array, out: Array | None = None) -> Array:
    """Return ``max(array, 0)``; -0.0 stays -0.0, as in PyTorch."""
    if array.size < FEW:
        return numpy.maximum(array.dtype.type(0), array, out=out)  # type: ignore[no-any-return]  # ufuncs are untyped
    zero = numpy.zeros((), array.dtype)
    if array.size < SHARED or not array.flags.c_contiguous:
        return clip(array, zero, None, out)
    result = numpy.empty_like(array) if out is None else out
    source, target = array.reshape(-1), result.reshape(-1)
    in_pieces(lambda piece: clip(source[piece], zero, None, target[piece]), array.size, 1, PIECE)
    return result


def nan_to_num(array: Array, nan: float, high: float | None, low: float | None) -> Array:
    """Replace NaN and infinities; most arrays have none."""
    if numpy.isfinite(array).all():
        return array.copy(order="K")  # type: ignore[no-any-return]  # untyped
    if array.dtype.char not in "fd" or (high, low) != (None, None):
        return numpy.nan_to_num(array, nan=nan, posinf=high, neginf=low)
    most = numpy.finfo(array.dtype).max
    return where(numpy.isnan(array), numpy.asarray(nan, array.dtype), array.clip(-most, most))


# -- selection ---------------------------------------------------------------------------------------------------------


def where(condition: Array, a: Array, b: Array) -> Array:
    """Return ``a`` where the condition is true, ``b`` elsewhere."""
    dtype = a.dtype
    if condition.size < FEW or dtype != b.dtype or dtype.kind not in "fiu" or dtype.itemsize not in BITS:
        return numpy.where(condition, a, b)
    x, y = a.view(BITS[dtype.itemsize]), b.view(BITS[dtype.itemsize])
    mask = numpy.asarray(condition.astype(x.dtype))
    numpy.negative(mask, out=mask)
    if not y.ndim and not y:
        return numpy.asarray(compute_into(numpy.bitwise_and, x, mask)).view(dtype)
    if not x.ndim and not x:
        numpy.invert(mask, out=mask)
        return numpy.asarray(compute_into(numpy.bitwise_and, y, mask)).view(dtype)
    differing = numpy.asarray(compute_into(numpy.bitwise_and, numpy.bitwise_xor(x, y), mask))
    return numpy.asarray(compute_into(numpy.bitwise_xor, y, differing)).view(dtype)


def copysign(a: Array, b: Array) -> Array:
    """Return the modulus of ``a`` with the sign of ``b``, which is one bit."""
    if a.size < FEW or a.shape != b.shape or a.dtype != b.dtype:
        return numpy.copysign(a, b)
    bits = numpy.dtype(BITS[a.itemsize])
    sign = bits.type(numpy.iinfo(bits).min)
    modulus = numpy.bitwise_and(a.view(bits), ~sign)
    numpy.bitwise_or(modulus, numpy.bitwise_and(b.view(bits), sign), out=modulus)
    return modulus.view(a.dtype)  # type: ignore[no-any-return]  # as above


def compute_into(function: Any, other: Any, target: Array) -> Any:
    """Return ``function(target, other)``, computed in the target's memory if the result has its shape."""
    grows = other.ndim > target.ndim or (other.ndim and other.shape != target.shape)
    return function(target, other, out=None if grows else target)


def relu_backward(grad: Array, result: Array) -> Array:
    """Return the gradient where the result of relu is positive or NaN, zero elsewhere, even of a NaN gradient."""
    if grad.dtype.kind != "f" or grad.dtype != result.dtype:
        return numpy.where(result <= 0, grad.dtype.type(0), grad)
    return map_pieces(relu_backward_piece, grad, result, block=PIECE)


def relu_backward_piece(out: Array, grad: Array, result: Array) -> None:
    """Compute relu_backward: keep all bits where ``result`` is positive or NaN, none elsewhere."""
    bits = BITS[grad.itemsize]
    target = out.view(bits)
    numpy.copyto(target, result <= 0)
    target -= 1  # all bits are set where there was a 0
    numpy.bitwise_and(grad.view(bits), target, out=target)


# -- sigmoid -----------------------------------------------------------------------------------------------------------


def sigmoid(array: Array) -> Array:
    """Return ``1 / (1 + exp(-array))``; where the exponential overflows, the result is correctly 0."""
    return map_pieces(sigmoid_piece, array)


def sigmoid_piece(out: Array, x: Array) -> None:
    """Compute sigmoid, in one buffer."""
    one = x.dtype.type(1)
    numpy.negative(x, out=out)
    numpy.exp(out, out=out)
    numpy.add(out, one, out=out)
    numpy.divide(one, out, out=out)


def silu(array: Array) -> Array:
    """Return ``x * sigmoid(x)``."""
    return map_pieces(silu_piece, array)


def silu_backward(grad: Array, array: Array) -> Array:
    """Return the gradient times the derivative of ``silu``."""
    return map_pieces(silu_backward_piece, grad, array.astype(grad.dtype, copy=False))


def silu_piece(out: Array, x: Array) -> None:
    """Compute silu."""
    sigmoid_piece(out, x)
    numpy.multiply(out, x, out=out)


def silu_backward_piece(out: Array, grad: Array, x: Array) -> None:
    """Compute ``grad * gate * (1 + x * (1 - gate))``."""
    gate, one = numpy.empty_like(out), x.dtype.type(1)
    sigmoid_piece(gate, x)
    numpy.subtract(one, gate, out=out)
    numpy.multiply(out, x, out=out)
    numpy.add(out, one, out=out)
    numpy.multiply(out, gate, out=out)
    numpy.multiply(out, grad, out=out)


# -- the error function, and gelu --------------------------------------------------------------------------------------


class Quotient(NamedTuple):
    """A quotient of polynomials, coefficients from the highest power down; see Note [Quotients]."""

    end: Any
    top: tuple[Any, ...]
    bottom: tuple[Any, ...]


def single_quotient(end: float, top: tuple[float, ...], bottom: tuple[float, ...]) -> Quotient:
    """Return a quotient in single precision."""
    return Quotient(numpy.float32(end), tuple(map(numpy.float32, top)), tuple(map(numpy.float32, bottom)))


ERF = Quotient(  # in doubles: the arithmetic would lose three bits in singles
    4.0,
    (-1.36667600526e-08, 4.78053542038e-06, 0.000382692042536, 0.00383952714378,
     0.0543325882675, 0.184710316913, 1.12837918211),
    (6.40092302309e-05, 0.00130957836107, 0.0154535114717, 0.113826291654,
     0.497028801775, 1),
)  # fmt: skip
NORMAL = single_quotient(  # the normal distribution function minus one half
    5.7,
    (-7.600029633403338e-11, 5.3010573708434094e-08, 8.470592547382694e-06, 0.0001697612169664353,
     0.004803628195077181, 0.03265171870589256, 0.3989422917366028),
    (2.00542967832007e-06, 8.192443783627823e-05, 0.0019324063323438168, 0.02845941111445427, 0.24851249158382416, 1.0),
)  # fmt: skip
SLOPE = single_quotient(  # the derivative of gelu minus one half
    6.2,
    (1.873485722114765e-08, 1.1253698630753206e-06, 3.4161945222876966e-05, 0.00027759067597799003,
     0.01369884330779314, -0.018237095326185226, 0.7978845834732056),
    (1.3763692408019779e-09, 3.96422365156468e-07, 1.1299386642349418e-05, 0.00026433973107486963,
     0.00418566120788455, 0.04566259682178497, 0.3104759752750397, 1.0),
)  # fmt: skip
HALF = numpy.float32(0.5)


def erf(array: Array) -> Array:
    """Return the error function."""
    return map_pieces(erf_piece, array) if array.dtype.char == "f" else special.erf(numpy, array)


def gelu(array: Array) -> Array:
    """Return ``x`` times the normal distribution function of x."""
    return map_pieces(gelu_piece, array) if array.dtype.char == "f" else special.gelu(numpy, array)


def gelu_backward(grad: Array, array: Array) -> Array:
    """Return the gradient times the derivative of ``gelu``."""
    if grad.dtype.char == array.dtype.char == "f":
        return map_pieces(gelu_backward_piece, grad, array)
    return special.gelu_backward(numpy, grad, array)


def erf_piece(out: Array, x: Array) -> None:
    """Compute erf."""
    wide = x.astype("float64")
    evaluate(wide, wide, ERF)
    wide.clip(-1.0, 1.0, out=out, casting="same_kind")


def gelu_piece(out: Array, x: Array) -> None:
    """Compute gelu."""
    evaluate(out, x, NORMAL)
    numpy.add(out, HALF, out=out)
    numpy.multiply(out, x, out=out)


def gelu_backward_piece(out: Array, grad: Array, x: Array) -> None:
    """Compute gelu's derivative times the gradient; at infinity it is NaN, as in the formula and in PyTorch."""
    evaluate(out, x, SLOPE)
    numpy.add(out, HALF, out=out)
    numpy.add(out, numpy.subtract(x, x), out=out)  # NaN for an infinite x, otherwise 0
    numpy.multiply(out, grad, out=out)


def evaluate(out: Array, array: Array, quotient: Quotient) -> None:
    """Compute a quotient of polynomials."""
    x, square, bottom = numpy.empty_like(out), numpy.empty_like(out), numpy.empty_like(out)
    array.clip(-quotient.end, quotient.end, out=x)
    numpy.multiply(x, x, out=square)
    horner(out, square, quotient.top)
    horner(bottom, square, quotient.bottom)
    numpy.divide(out, bottom, out=out)
    numpy.multiply(out, x, out=out)


def horner(out: Array, x: Array, coefficients: tuple[Any, ...]) -> None:
    """Compute a polynomial by Horner's rule."""
    numpy.multiply(x, coefficients[0], out=out)
    numpy.add(out, coefficients[1], out=out)
    for each in coefficients[2:]:
        numpy.multiply(out, x, out=out)
        numpy.add(out, each, out=out)


# -- pieces ------------------------------------------------------------------------------------------------------------


def map_pieces(kernel: Callable[..., None], *arrays: Array, block: int = BLOCK) -> Array:
    """Return the output of a kernel that writes to its first argument, called for ``block`` elements at a time."""
    first, size = arrays[0], arrays[0].size
    if any(each.shape != first.shape for each in arrays):
        arrays = tuple(numpy.broadcast_arrays(*arrays))
    result = numpy.empty(arrays[0].shape, first.dtype) if len(arrays) > 1 else numpy.empty_like(first)
    if size <= block or not all(each.flags.c_contiguous for each in arrays):
        kernel(result, *arrays)
        return result
    target, *flat = [each.reshape(-1) for each in (result, *arrays)]
    in_pieces(lambda piece: kernel(target[piece], *[each[piece] for each in flat]), size, 1, block)
    return result
