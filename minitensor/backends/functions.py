"""Special functions as kernels: arrays of floats in, fresh arrays of the same dtype or of doubles out.

Common ones are reference kernels; rare ones come from SciPy, or from CuPy's copy of it, loaded on first use.
``Backend`` inherits this table. The table of a library may replace lines of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.backends.reference import bessel, gamma, polynomials, special
from minitensor.errors import MissingExtraError

if TYPE_CHECKING:
    from minitensor.backends import Array, Library


def to_doubles(x: Array) -> Array:
    """Return the array in the precision in which the reference kernels compute."""
    return x.astype("float64", copy=False)


class SpecialFunctions:
    """Functions defined by integrals, series and differential equations."""

    xp: Library

    def erfcx(self, x: Array) -> Array:
        """Return ``exp(x * x) * erfc(x)``."""
        return special.erfcx(self.xp, to_doubles(x))

    def erfinv(self, x: Array) -> Array:
        """Return the inverse of the error function."""
        return special.erfinv(self.xp, to_doubles(x))

    def ndtr(self, x: Array) -> Array:
        """Return the normal distribution function."""
        return special.ndtr(self.xp, to_doubles(x))

    def log_ndtr(self, x: Array) -> Array:
        """Return the logarithm of the normal distribution function."""
        return special.log_ndtr(self.xp, to_doubles(x))

    def ndtri(self, x: Array) -> Array:
        """Return the inverse of the normal distribution function."""
        return special.ndtri(self.xp, to_doubles(x))

    def lgamma(self, x: Array) -> Array:
        """Return the logarithm of the gamma function's modulus."""
        return gamma.lgamma(self.xp, to_doubles(x))

    def digamma(self, x: Array) -> Array:
        """Return the derivative of lgamma."""
        return gamma.digamma(self.xp, to_doubles(x))

    def polygamma(self, n: int, x: Array) -> Array:
        """Return the n-th derivative of digamma, n > 0."""
        return gamma.polygamma(self.xp, n, to_doubles(x))

    def i0(self, x: Array) -> Array:
        """Return the modified Bessel function of order 0."""
        return bessel.i0(self.xp, to_doubles(x))

    def i0e(self, x: Array) -> Array:
        """Return ``exp(-|x|) * i0(x)``."""
        return bessel.i0e(self.xp, to_doubles(x))

    def i1(self, x: Array) -> Array:
        """Return the modified Bessel function of order 1."""
        return bessel.i1(self.xp, to_doubles(x))

    def i1e(self, x: Array) -> Array:
        """Return ``exp(-|x|) * i1(x)``."""
        return bessel.i1e(self.xp, to_doubles(x))

    def polynomial(self, name: str, x: Array, n: Array) -> Array:
        """Return an orthogonal polynomial of degree n, by PyTorch's name."""
        return polynomials.BY_NAME[name](self.xp, x, n)

    # -- from SciPy --------------------------------------------------------------------------------------------------

    def scipy_special(self) -> Any:
        """Return SciPy's special functions, or this library's copy of them."""
        try:
            import scipy.special
        except ImportError:
            raise MissingExtraError.of("scipy", "scipy") from None
        return scipy.special

    def sobol_directions(self, dimension: int, bits: int) -> Any:
        """Return the direction numbers (dimension, bits) of a Sobol sequence, as integers of 64 bits."""
        try:
            from scipy.stats import qmc
        except ImportError:
            raise MissingExtraError.of("scipy", "scipy") from None
        # SciPy gives them by no public name, and has kept them under this one since it has Sobol sequences.
        return qmc.Sobol(dimension, scramble=False, bits=bits)._sv.astype("int64")

    def scipy_sparse(self) -> Any:
        """Return SciPy's sparse matrices, or this library's copy of them."""
        try:
            import scipy.sparse
        except ImportError:
            raise MissingExtraError.of("scipy", "scipy") from None
        return scipy.sparse

    def sparse_product(self, rows: Array, cols: Array, values: Array, dense: Array, size: int) -> Array:
        """Return the matrix of ``size`` rows whose entries are ``values`` (nnz,) times a dense matrix."""
        matrix = self.scipy_sparse().csr_matrix((values, (rows, cols)), shape=(size, dense.shape[0]))
        result: Array = matrix @ dense
        return result

    def zeta(self, x: Array, q: Array) -> Array:
        """Return Hurwitz's zeta function."""
        result: Array = self.scipy_special().zeta(x, q)
        return result

    def gammainc(self, a: Array, x: Array) -> Array:
        """Return the regularized lower incomplete gamma function."""
        result: Array = self.scipy_special().gammainc(a, x)
        return result

    def gammaincc(self, a: Array, x: Array) -> Array:
        """Return the regularized upper incomplete gamma function."""
        result: Array = self.scipy_special().gammaincc(a, x)
        return result

    def bessel_j0(self, x: Array) -> Array:
        """Return the Bessel function of the first kind of order 0."""
        result: Array = self.scipy_special().j0(to_doubles(x))
        return result

    def bessel_j1(self, x: Array) -> Array:
        """Return the Bessel function of the first kind of order 1."""
        result: Array = self.scipy_special().j1(to_doubles(x))
        return result

    def bessel_y0(self, x: Array) -> Array:
        """Return the Bessel function of the second kind of order 0."""
        result: Array = self.scipy_special().y0(to_doubles(x))
        return result

    def bessel_y1(self, x: Array) -> Array:
        """Return the Bessel function of the second kind of order 1."""
        result: Array = self.scipy_special().y1(to_doubles(x))
        return result

    def airy_ai(self, x: Array) -> Array:
        """Return the Airy function Ai."""
        result: Array = self.scipy_special().airy(to_doubles(x))[0]
        return self.xp.where(x > 200, 0.0, result)  # where SciPy gives NaN from 2**30 on

    def k0(self, x: Array) -> Array:
        """Return the modified Bessel function of the second kind of order 0."""
        result: Array = self.scipy_special().k0(to_doubles(x))
        return result

    def k1(self, x: Array) -> Array:
        """Return the modified Bessel function of the second kind of order 1."""
        result: Array = self.scipy_special().k1(to_doubles(x))
        return result

    def k0e(self, x: Array) -> Array:
        """Return ``exp(x) * k0(x)``."""
        result: Array = self.scipy_special().k0e(to_doubles(x))
        return result

    def k1e(self, x: Array) -> Array:
        """Return ``exp(x) * k1(x)``."""
        result: Array = self.scipy_special().k1e(to_doubles(x))
        return result
