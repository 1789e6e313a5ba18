"""Special functions on host arrays: doubles in blocks that stay in a cache, singles by short polynomials.

The reference kernels make dozens of passes in double precision. Here each block of elements makes them in the cache.
For singles there are polynomials, fitted by least squares that were reweighted until the largest relative error was
smallest (Lawson 1961); the results err by up to 7e-7, as PyTorch's do. Where a polynomial does not apply, as in the far
tails, only the elements concerned go to the reference kernel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.activation import horner, map_pieces
from minitensor.backends.reference import bessel, gamma, special

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array

DOUBLES = 1 << 13  # elements per block: a dozen buffers of doubles stay in a cache
SINGLES = 1 << 15


def singles(*coefficients: float) -> tuple[Any, ...]:
    return tuple([numpy.float32(each) for each in coefficients])


# erfinv(x) / x in w - 2.5, w = -log(1 - x * x), up to w = 5
INVERSE = singles(
    2.853169966954283e-08, 3.4372632740087283e-07, -3.528825800458435e-06, -4.396774784254376e-06,
    0.00021860208653379232, -0.001253707567229867, -0.004177707713097334, 0.24664072692394257, 1.5014094114303589,
)  # fmt: skip
# exp(y * y) erfc(y) / t in t - 0.5, t = 1 / (1 + y / 2), up to y = 10.1, where erfc underflows
TAIL = singles(
    -0.059097450226545334, 0.048324741423130035, 0.09532858431339264, -0.10300055891275406, -0.17186804115772247,
    0.14574089646339417, 0.5589392185211182, 0.6871609687805176, 0.5107913613319397,
)  # fmt: skip
BUMP = singles(*gamma.BUMP[-13:])  # beyond, less than an ulp
# exp(-x) I0(x) and exp(-x) I1(x) / x, up to 8: numerators and denominators
I0E = (
    singles(0.00012486219929996878, 0.006757398601621389, 0.01722400076687336, 0.21153318881988525,
            0.0928504690527916, 1.0),
    singles(0.0037895359564572573, 0.0326642282307148, 0.16860626637935638, 0.5543999671936035,
            1.0928479433059692, 1.0),
)  # fmt: skip
I1E = (
    singles(-4.061118033860112e-06, 0.00035667160409502685, 0.006668781396001577, 0.042911190539598465,
            0.09096825867891312, 0.5000000596046448),
    singles(0.005640787538141012, 0.04303057864308357, 0.20927049219608307, 0.6426969170570374,
            1.1819430589675903, 1.0),
)  # fmt: skip
NEAR = numpy.float32(8)
HALF, ONE, TWO, SIXTEEN = singles(0.5, 1.0, 2.0, 16.0)
LIMIT, WIDE_LIMIT = singles(10.1, 10.1 * math.sqrt(2))
ROOT_TWO, ROOT_HALF = singles(math.sqrt(2), math.sqrt(0.5))


def in_blocks(function: Callable[[Any, Array], Array], x: Array) -> Array:
    """Return a function of doubles in the dtype of ``x``, computed for a block at a time."""

    def piece(out: Array, block: Array) -> None:
        out[...] = function(numpy, block.astype("float64", copy=False))

    return map_pieces(piece, x, block=DOUBLES)


def evaluate(piece: Callable[[Array, Array], None], reference: Callable[[Any, Array], Array], x: Array) -> Array:
    """Return a function of singles by its kernel, of doubles by the reference."""
    if x.dtype.char != "f":
        return in_blocks(reference, x)
    if not x.ndim:  # kernels compute in memory, which NumPy's scalars do not have
        return evaluate(piece, reference, x.reshape(1)).reshape(())
    return map_pieces(piece, x, block=SINGLES)


def repair(function: Callable[[Any, Array], Array], out: Array, x: Array, wrong: Array) -> None:
    """Replace the results marked as wrong by those of a function of doubles."""
    if wrong.any():
        out[wrong] = function(numpy, x[wrong].astype("float64"))


# -- the error function's family ---------------------------------------------------------------------------------------


def erfinv(x: Array) -> Array:
    """Return the inverse of the error function."""
    return evaluate(erfinv_piece, special.erfinv, x)


def erfinv_piece(out: Array, x: Array) -> None:
    """Compute erfinv of singles."""
    rest = numpy.subtract(ONE, x)
    w = numpy.add(ONE, x)
    numpy.multiply(w, rest, out=w)
    invert(out, x, w)
    repair(special.erfinv, out, x, ~(w <= HALF * 5))


def ndtri(x: Array) -> Array:
    """Return the inverse of the normal distribution function."""
    return evaluate(ndtri_piece, special.ndtri, x)


def ndtri_piece(out: Array, p: Array) -> None:
    """Compute ndtri of singles."""
    x, w = numpy.subtract(p, HALF), numpy.subtract(ONE, p)
    numpy.multiply(x, TWO, out=x)
    numpy.multiply(w, p, out=w)
    numpy.multiply(w, TWO * TWO, out=w)  # 1 - x * x without cancellation
    invert(out, x, w)
    numpy.multiply(out, ROOT_TWO, out=out)
    repair(special.ndtri, out, p, ~(w <= HALF * 5))


def invert(out: Array, x: Array, w: Array) -> None:
    """Compute erfinv from x and ``w = 1 - x * x``, which becomes ``-log(w) - 2.5``; valid where that is <= 2.5."""
    numpy.log(w, out=w)
    numpy.add(w, HALF * 5, out=w)
    numpy.negative(w, out=w)
    horner(out, w, INVERSE)
    numpy.multiply(out, x, out=out)


def erfc(array: Array) -> Array:
    """Return ``1 - erf(array)``."""
    return evaluate(erfc_piece, special.erfc, array)


def erfc_piece(out: Array, x: Array) -> None:
    """Compute erfc of singles: that of ``abs(x)``, and 2 minus it for negative x."""
    y = numpy.abs(x)
    numpy.minimum(y, LIMIT, out=y)
    scaled_tail(out, y)
    numpy.multiply(out, decay(y, ONE), out=out)
    numpy.copysign(ONE, x, out=y)
    numpy.multiply(out, y, out=out)
    numpy.subtract(ONE, y, out=y)
    numpy.add(out, y, out=out)


def scaled_tail(out: Array, y: Array) -> None:
    """Compute ``exp(y * y) * erfc(y)`` for 0 <= y <= LIMIT."""
    t = numpy.multiply(y, HALF)
    numpy.add(t, ONE, out=t)
    numpy.divide(ONE, t, out=t)
    shifted = numpy.subtract(t, HALF)
    horner(out, shifted, TAIL)
    numpy.multiply(out, t, out=out)


def decay(y: Array, factor: Any) -> Array:
    """Return ``exp(-factor * y * y)``: with y = head + rest, where the square of head is exact."""
    head = numpy.multiply(y, SIXTEEN)
    numpy.trunc(head, out=head)
    numpy.divide(head, SIXTEEN, out=head)
    rest, total = numpy.subtract(head, y), numpy.add(head, y)
    numpy.multiply(rest, total, out=rest)
    numpy.multiply(rest, factor, out=rest)
    numpy.exp(rest, out=rest)
    numpy.multiply(head, head, out=head)
    numpy.multiply(head, -factor, out=head)
    numpy.exp(head, out=head)
    numpy.multiply(head, rest, out=head)
    return head  # type: ignore[no-any-return]  # ufuncs are untyped


def ndtr(x: Array) -> Array:
    """Return the normal distribution function."""
    return evaluate(ndtr_piece, special.ndtr, x)


def ndtr_piece(out: Array, x: Array) -> None:
    """Compute ndtr of singles: half the tail beyond ``abs(x)``, and 1 minus it for positive x."""
    y = numpy.abs(x)
    numpy.minimum(y, WIDE_LIMIT, out=y)
    scaled = numpy.multiply(y, ROOT_HALF)
    scaled_tail(out, scaled)
    numpy.multiply(out, HALF, out=out)
    numpy.multiply(out, decay(y, HALF), out=out)
    numpy.copysign(HALF, x, out=y)  # out * -2 y + (y + 1 / 2)
    numpy.multiply(y, -TWO, out=scaled)
    numpy.multiply(out, scaled, out=out)
    numpy.add(y, HALF, out=y)
    numpy.add(out, y, out=out)


def erfcx(x: Array) -> Array:
    """Return ``exp(x * x) * erfc(x)``."""
    return evaluate(erfcx_piece, special.erfcx, x)


def erfcx_piece(out: Array, x: Array) -> None:
    """Compute erfcx of singles; beyond LIMIT by the reference."""
    y = numpy.abs(x)
    numpy.minimum(y, LIMIT, out=y)
    scaled_tail(out, y)
    left = x < 0
    out[left] = decay(y[left], -ONE) * TWO - out[left]
    repair(special.erfcx, out, x, x > LIMIT)


def log_ndtr(x: Array) -> Array:
    """Return the logarithm of the normal distribution function."""
    return evaluate(log_ndtr_piece, special.log_ndtr, x)


def log_ndtr_piece(out: Array, x: Array) -> None:
    """Compute log_ndtr of singles from the tail beyond ``abs(x)``; far to the left by the reference."""
    y = numpy.abs(x)
    numpy.minimum(y, WIDE_LIMIT, out=y)
    scaled = numpy.multiply(y, ROOT_HALF)
    scaled_tail(out, scaled)
    numpy.multiply(out, HALF, out=out)
    right = numpy.multiply(out, decay(y, HALF))
    numpy.negative(right, out=right)
    numpy.log1p(right, out=right)
    numpy.log(out, out=out)
    numpy.multiply(y, y, out=y)
    numpy.multiply(y, HALF, out=y)
    numpy.subtract(out, y, out=out)
    numpy.copyto(out, right, where=x >= 0)
    repair(special.log_ndtr, out, x, x < -WIDE_LIMIT)


# -- the gamma function's family ---------------------------------------------------------------------------------------


def lgamma(x: Array) -> Array:
    """Return the logarithm of the gamma function's modulus."""
    return evaluate(lgamma_piece, gamma.lgamma, x)


def lgamma_piece(out: Array, x: Array) -> None:
    """Compute lgamma of singles in (0, 8) as the reference does, but with one logarithm of a product."""
    whole = numpy.rint(x)
    d = numpy.subtract(x, whole)
    horner(out, d, BUMP)
    numpy.multiply(out, d, out=out)
    numpy.add(d, ONE, out=d)
    numpy.multiply(out, d, out=out)  # lgamma(2 + d)
    numpy.copyto(d, ONE)
    numpy.copyto(d, x, where=whole < TWO)
    small, large = whole < ONE, whole > TWO
    d[small] *= x[small] + ONE
    numpy.log(d, out=d)
    numpy.subtract(out, d, out=out)
    out[large] += log_of_product(x[large], whole[large])
    repair(gamma.lgamma, out, x, ~((x > 0) & (x < NEAR)))


def log_of_product(x: Array, whole: Array) -> Array:
    """Return the logarithm of ``(x - 1) (x - 2) ...`` down to the factor near 2."""
    product = x - ONE
    for k in range(3, int(gamma.FAR)):
        numpy.multiply(product, x - numpy.float32(k - 1), out=product, where=whole > k)
    return numpy.log(product, out=product)  # type: ignore[no-any-return]  # ufuncs are untyped


def digamma(x: Array) -> Array:
    """Return the derivative of lgamma."""
    return in_blocks(lambda xp, block: (gamma.right_digamma if (block > 0).all() else gamma.digamma)(xp, block), x)


def polygamma(n: int, x: Array) -> Array:
    """Return the n-th derivative of digamma, n > 0."""

    def block_of(xp: Any, block: Array) -> Array:
        return (gamma.right_polygamma if (block > 0).all() else gamma.polygamma)(xp, n, block)

    return in_blocks(block_of, x)


# -- Bessel functions --------------------------------------------------------------------------------------------------


def quotient(out: Array, y: Array, parts: tuple[tuple[Any, ...], tuple[Any, ...]]) -> None:
    """Compute a quotient of polynomials."""
    bottom = numpy.empty_like(y)
    horner(out, y, parts[0])
    horner(bottom, y, parts[1])
    numpy.divide(out, bottom, out=out)


def i0e(x: Array) -> Array:
    """Return ``exp(-|x|) I0(x)``."""
    return evaluate(i0e_piece, bessel.i0e, x)


def i0e_piece(out: Array, x: Array) -> None:
    """Compute i0e of singles."""
    y = numpy.abs(x)
    quotient(out, y, I0E)
    repair(bessel.i0e, out, x, y > NEAR)


def i1e(x: Array) -> Array:
    """Return ``exp(-|x|) I1(x)``."""
    return evaluate(i1e_piece, bessel.i1e, x)


def i1e_piece(out: Array, x: Array) -> None:
    """Compute i1e of singles."""
    y = numpy.abs(x)
    quotient(out, y, I1E)
    numpy.multiply(out, x, out=out)
    repair(bessel.i1e, out, x, y > NEAR)


def i0(x: Array) -> Array:
    """Return I0."""
    return evaluate(i0_piece, bessel.i0, x)


def i0_piece(out: Array, x: Array) -> None:
    """Compute i0 of singles."""
    i0e_piece(out, x)
    unscale(out, x)


def i1(x: Array) -> Array:
    """Return I1."""
    return evaluate(i1_piece, bessel.i1, x)


def i1_piece(out: Array, x: Array) -> None:
    """Compute i1 of singles."""
    i1e_piece(out, x)
    unscale(out, x)


def unscale(out: Array, x: Array) -> None:
    """Multiply by ``exp(|x|)``, in two steps: the product may be finite where that overflows."""
    half = numpy.abs(x)
    numpy.multiply(half, HALF, out=half)
    numpy.exp(half, out=half)
    numpy.multiply(out, half, out=out)
    numpy.multiply(out, half, out=out)
