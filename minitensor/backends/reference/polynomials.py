"""Orthogonal polynomials of any degree, by their recurrences (NIST DLMF 18.9) and, for Chebyshev's, by angles (18.5).

Each function takes numbers and whole degrees, arrays of doubles that broadcast. Polynomials of a negative degree are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from minitensor.errors import UsageError

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

Step: TypeAlias = "Callable[[int, Array, Array], Array]"  # from k, p(k) and p(k - 1) to p(k + 1)

FEW = 8  # above this degree, Chebyshev polynomials are computed by angles
LONGEST = 1_000_000  # steps of a recurrence; they take some seconds
MOST = 512  # PyTorch's limit for Hermite polynomials of doubles; those of higher degree are NaN


def recur(xp: Library, n: Array, zeroth: Array, first: Array, step: Step, most: int) -> Array:
    """Return polynomials of degree n up to ``most`` from those of degree 0 and 1."""
    before, now = zeroth, first
    found = xp.where(n == 0, zeroth, first)
    top = int(min(most, n.max())) if n.size else 0
    for k in range(1, top):
        before, now = now, step(k, now, before)
        found = xp.where(n == k + 1, now, found)
    result: Array = xp.where(n < 0, 0.0, found)
    return result


# -- Chebyshev ---------------------------------------------------------------------------------------------------------


def chebyshev(xp: Library, x: Array, n: Array, first: Array, by_angle: Callable[..., Array]) -> Array:
    """Return Chebyshev polynomials that differ in degree 1, and in their formula for an angle."""
    found = recur(xp, n, x * 0 + 1, first, lambda k, now, before: 2 * x * now - before, FEW)
    if not (n > FEW).any():
        return found
    return xp.where(n > FEW, by_angle(xp, x, n), found)


def turn(xp: Library, x: Array, n: Array, inside: Callable[..., Array], outside: Callable[..., Array]) -> Array:
    """Return a polynomial by the angle whose cosine is x, or beyond 1 by the number whose hyperbolic cosine is |x|."""
    y = xp.abs(x)
    sign = xp.where((x < 0) & (n % 2 == 1), -1.0, 1.0)
    near, far = xp.arccos(xp.minimum(y, 1.0)), xp.arccosh(xp.maximum(y, 1.0))
    return sign * xp.where(y <= 1, inside(near), outside(far))


def quotient(xp: Library, numerator: Array, denominator: Array, limit: Array) -> Array:
    """Return a quotient, and its limit where the denominator is zero."""
    is_zero = denominator == 0
    result: Array = xp.where(is_zero, limit, numerator / xp.where(is_zero, 1.0, denominator))
    return result


def angle_t(xp: Library, x: Array, n: Array) -> Array:
    """Return cos(n a)."""
    return turn(xp, x, n, lambda a: xp.cos(n * a), lambda a: xp.cosh(n * a))


def angle_u(xp: Library, x: Array, n: Array) -> Array:
    """Return sin((n + 1) a) / sin a."""
    return turn(
        xp, x, n,
        lambda a: quotient(xp, xp.sin((n + 1) * a), xp.sin(a), n + 1),
        lambda a: quotient(xp, xp.sinh((n + 1) * a), xp.sinh(a), n + 1),
    )


def half_v(xp: Library, y: Array, n: Array) -> Array:
    """Return cos((n + 1/2) a) / cos(a / 2) for y >= 0."""
    return turn(
        xp, y, n,
        lambda a: xp.cos((n + 0.5) * a) / xp.cos(a / 2),
        lambda a: xp.cosh((n + 0.5) * a) / xp.cosh(a / 2),
    )


def half_w(xp: Library, y: Array, n: Array) -> Array:
    """Return sin((n + 1/2) a) / sin(a / 2) for y >= 0."""
    return turn(
        xp, y, n,
        lambda a: quotient(xp, xp.sin((n + 0.5) * a), xp.sin(a / 2), 2 * n + 1),
        lambda a: quotient(xp, xp.sinh((n + 0.5) * a), xp.sinh(a / 2), 2 * n + 1),
    )


def angle_v(xp: Library, x: Array, n: Array) -> Array:
    """Return the polynomial of the third kind; that of -x is that of the fourth kind, with the sign of (-1)ⁿ."""
    y, sign = xp.abs(x), xp.where(n % 2 == 1, -1.0, 1.0)
    found: Array = xp.where(x < 0, sign * half_w(xp, y, n), half_v(xp, y, n))
    return found


def angle_w(xp: Library, x: Array, n: Array) -> Array:
    """Return the polynomial of the fourth kind; that of -x is that of the third kind, with the sign of (-1)ⁿ."""
    y, sign = xp.abs(x), xp.where(n % 2 == 1, -1.0, 1.0)
    found: Array = xp.where(x < 0, sign * half_v(xp, y, n), half_w(xp, y, n))
    return found


def chebyshev_t(xp: Library, x: Array, n: Array) -> Array:
    """Return the polynomials of the first kind: p(1) = x."""
    return chebyshev(xp, x, n, x, angle_t)


def chebyshev_u(xp: Library, x: Array, n: Array) -> Array:
    """Return the polynomials of the second kind: p(1) = 2 x."""
    return chebyshev(xp, x, n, 2 * x, angle_u)


def chebyshev_v(xp: Library, x: Array, n: Array) -> Array:
    """Return the polynomials of the third kind: p(1) = 2 x - 1."""
    return chebyshev(xp, x, n, 2 * x - 1, angle_v)


def chebyshev_w(xp: Library, x: Array, n: Array) -> Array:
    """Return the polynomials of the fourth kind: p(1) = 2 x + 1."""
    return chebyshev(xp, x, n, 2 * x + 1, angle_w)


def highest_degree(n: Array) -> int:
    """Return the highest degree; raise if the recurrence would take minutes, or never end."""
    top = int(n.max()) if n.size else 0
    if top > LONGEST:
        raise UsageError(f"polynomials of Laguerre and Legendre have degrees up to {LONGEST:,} here, got {top:,}")
    return top


# -- others ------------------------------------------------------------------------------------------------------------


def hermite_h(xp: Library, x: Array, n: Array) -> Array:
    """Return the physicist's Hermite polynomials: p(k + 1) = 2 x p(k) - 2 k p(k - 1)."""
    found = recur(xp, n, x * 0 + 1, 2 * x, lambda k, now, before: 2 * x * now - 2 * k * before, MOST)
    return xp.where(n > MOST, float("nan"), found)


def hermite_he(xp: Library, x: Array, n: Array) -> Array:
    """Return the probabilist's Hermite polynomials: p(k + 1) = x p(k) - k p(k - 1)."""
    found = recur(xp, n, x * 0 + 1, x, lambda k, now, before: x * now - k * before, MOST)
    return xp.where(n > MOST, float("nan"), found)


def laguerre(xp: Library, x: Array, n: Array) -> Array:
    """Return Laguerre's polynomials: (k + 1) p(k + 1) = (2 k + 1 - x) p(k) - k p(k - 1)."""
    top = highest_degree(n)
    return recur(xp, n, x * 0 + 1, 1 - x, lambda k, now, before: ((2 * k + 1 - x) * now - k * before) / (k + 1), top)


def legendre(xp: Library, x: Array, n: Array) -> Array:
    """Return Legendre's polynomials: (k + 1) p(k + 1) = (2 k + 1) x p(k) - k p(k - 1)."""
    top = highest_degree(n)
    return recur(xp, n, x * 0 + 1, x, lambda k, now, before: ((2 * k + 1) * x * now - k * before) / (k + 1), top)


BY_NAME: dict[str, Callable[[Library, Array, Array], Array]] = {
    "chebyshev_polynomial_t": chebyshev_t,
    "chebyshev_polynomial_u": chebyshev_u,
    "chebyshev_polynomial_v": chebyshev_v,
    "chebyshev_polynomial_w": chebyshev_w,
    "shifted_chebyshev_polynomial_t": lambda xp, x, n: chebyshev_t(xp, 2 * x - 1, n),
    "shifted_chebyshev_polynomial_u": lambda xp, x, n: chebyshev_u(xp, 2 * x - 1, n),
    "shifted_chebyshev_polynomial_v": lambda xp, x, n: chebyshev_v(xp, 2 * x - 1, n),
    "shifted_chebyshev_polynomial_w": lambda xp, x, n: chebyshev_w(xp, 2 * x - 1, n),
    "hermite_polynomial_h": hermite_h,
    "hermite_polynomial_he": hermite_he,
    "laguerre_polynomial_l": laguerre,
    "legendre_polynomial_p": legendre,
}
