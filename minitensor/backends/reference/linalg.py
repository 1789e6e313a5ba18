"""Solving and factoring batches of matrices, by the array library's LAPACK, with word of which matrices failed.

The libraries raise one error for a whole batch; these kernels fill what has no answer with NaN and return a mask of it
beside the result, or None where all went well. Substitution in triangular systems and the cofactors, which NumPy lacks,
are written out. Nothing is known here of tensors or gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.linalg import LinAlgError as Failure  # CuPy raises this one too

from minitensor.errors import LinAlgError

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

Checked: TypeAlias = "tuple[Array, Array | None]"  # a result, and which matrices of the batch have none


def inverse(xp: Library, array: Array) -> Checked:
    """Return the inverses; NaN for singular matrices."""
    return unless_singular(xp, array, xp.linalg.inv)


def solve(xp: Library, array: Array, right: Array) -> Checked:
    """Return X of A X = B, both (..., n, n) and (..., n, k); NaN where A is singular."""
    batch = xp.broadcast_shapes(array.shape[:-2], right.shape[:-2])  # CuPy's solve wants equal ones
    array = xp.broadcast_to(array, (*batch, *array.shape[-2:]))
    right = xp.broadcast_to(right, (*batch, *right.shape[-2:]))
    return unless_singular(xp, array, lambda matrices: xp.linalg.solve(matrices, right))


def unless_singular(xp: Library, array: Array, compute: Callable[[Array], Array]) -> Checked:
    """Compute from regular matrices; where one is singular, put the identity in its place and NaN in the result's."""
    try:
        return compute(array), None
    except Failure:
        singular: Array = xp.linalg.slogdet(array)[0] == 0
        where = singular[..., None, None]
        regular = xp.where(where, xp.eye(array.shape[-1], dtype=array.dtype), array)
        return xp.where(where, array.dtype.type("nan"), compute(regular)), singular


def slogdet(xp: Library, array: Array) -> tuple[Array, Array]:
    """Return the determinants' signs, and the logarithms of their sizes; NaN has the sign 0, as in PyTorch."""
    sign, size = xp.linalg.slogdet(array)
    if array.dtype.kind == "f":
        sign = xp.where(xp.isnan(size), 0 * sign, sign)
    return sign, size


def cholesky(xp: Library, array: Array) -> Checked:
    """Return lower triangular L with L Lᴴ = A, of A's lower triangle; NaN where A is not positive definite."""
    try:
        return marked(xp, array, xp.linalg.cholesky(array), False)
    except Failure:
        n = array.shape[-1]
        failed = xp.asarray([fails(xp.linalg.cholesky, each) for each in array.reshape(-1, n, n)])
        failed = failed.reshape(array.shape[:-2])
        definite = xp.where(failed[..., None, None], xp.eye(n, dtype=array.dtype), array)
        return marked(xp, definite, xp.linalg.cholesky(definite), failed)


def marked(xp: Library, array: Array, factors: Array, failed: Array | bool) -> Checked:
    """Return NaN for each matrix that failed, and for each with NaN or inf / inf, which LAPACK lets pass."""
    pivots = xp.diagonal(factors, 0, -2, -1)
    missing: Any = xp.isnan(pivots).any(-1) | failed
    if xp.isinf(pivots).any():
        missing = missing | xp.isinf(xp.tril(array, -1)).any((-2, -1))
    if not missing.any():
        return factors, None
    return xp.where(missing[..., None, None], factors.dtype.type("nan"), factors), missing


def fails(factor: Callable[[Array], Any], matrix: Array) -> bool:
    """Whether a factorization raises for this matrix."""
    try:
        factor(matrix)
    except Failure:
        return True
    return False


def cofactors(xp: Library, array: Array) -> Array:
    """Return det(A)* A⁻ᴴ, the derivative of the determinant, for singular matrices too.

    Of A = U S Vᴴ the cofactors are det(U)* det(Vᴴ)* U C Vᴴ with C the diagonal of the products of all other singular
    values (Giles 2008, "An extended collection of matrix derivative results", 2.2.4, says it for regular ones).
    """
    u, s, vh = xp.linalg.svd(array)
    turn = (xp.linalg.det(u) * xp.linalg.det(vh)).conj()[..., None, None]
    result: Array = turn * xp.matmul(u * products_of_others(xp, s)[..., None, :], vh)
    return result.astype(array.dtype)


def products_of_others(xp: Library, values: Array) -> Array:
    """Return for each element the product of all others of its row."""
    ones = xp.ones_like(values[..., :1])
    before = xp.cumprod(xp.concatenate([ones, values[..., :-1]], -1), -1)
    after = xp.cumprod(xp.concatenate([ones, values[..., :0:-1]], -1), -1)[..., ::-1]
    found: Array = before * after
    return found


def solve_triangular(xp: Library, array: Array, right: Array, upper: bool, unit: bool) -> Array:
    """Return X of A X = B by substitution, row by row; of A only one triangle is read, of a unit one not the diagonal.

    A zero on the diagonal gives infinities or NaN, as a division by it does.
    """
    shape = (*xp.broadcast_shapes(array.shape[:-2], right.shape[:-2]), *right.shape[-2:])
    result: Array = xp.broadcast_to(right, shape).copy()
    n = array.shape[-1]
    rows = range(n - 1, -1, -1) if upper else range(n)
    for i in rows:
        known = slice(i + 1, n) if upper else slice(0, i)
        row = result[..., i, :] - xp.matmul(array[..., i, None, known], result[..., known, :])[..., 0, :]
        result[..., i, :] = row if unit else row / array[..., i, i, None]
    return result


def svd(xp: Library, array: Array, full_matrices: bool) -> tuple[Array, Array, Array]:
    """Return U, S, Vᴴ with A = U S Vᴴ."""
    u, s, vh = converged("svd", xp.linalg.svd, array, full_matrices)
    return u, s, vh


def svdvals(xp: Library, array: Array) -> Array:
    """Return the singular values alone."""
    values: Array = converged("svdvals", xp.linalg.svd, array, compute_uv=False)
    return values


def eigh(xp: Library, array: Array, triangle: str) -> tuple[Array, Array]:
    """Return eigenvalues, which ascend, and eigenvectors of Hermitian matrices, of which one triangle is read."""
    values, vectors = converged("eigh", xp.linalg.eigh, array, triangle)
    return values, vectors


def eigvalsh(xp: Library, array: Array, triangle: str) -> Array:
    """Return the eigenvalues of Hermitian matrices alone."""
    values: Array = converged("eigvalsh", xp.linalg.eigvalsh, array, triangle)
    return values


def eig(xp: Library, array: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of any square matrices, always complex."""
    values, vectors = converged("eig", xp.linalg.eig, array)
    dtype = complex_of(array.dtype)
    return values.astype(dtype), vectors.astype(dtype)


def eigvals(xp: Library, array: Array) -> Array:
    """Return eigenvalues of any square matrices, always complex."""
    values: Array = converged("eigvals", xp.linalg.eigvals, array).astype(complex_of(array.dtype))
    return values


def complex_of(dtype: Any) -> str:
    """Return the complex dtype of the same precision."""
    return "complex128" if dtype.char in "dD" else "complex64"


def converged(name: str, factor: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Factor; say it in the library's own class where the iteration came to no end."""
    try:
        return factor(*args, **kwargs)
    except Failure as error:
        raise LinAlgError(
            f"linalg.{name}: the algorithm failed to converge; the input holds NaN or infinities, or is ill-conditioned"
        ) from error


# The order of the Padé approximant and the largest norm at which it is exact to rounding (Higham 2005, "The scaling and
# squaring method for the matrix exponential revisited", table 2.3 and its single precision).
SINGLE, DOUBLE = (7, 3.925724783138660), (13, 5.371920351148152)
PADE = {"f": SINGLE, "F": SINGLE, "d": DOUBLE, "D": DOUBLE}


def matrix_exp(xp: Library, array: Array) -> Array:
    """Return e to the power of matrices: halve them until they are small, approximate, square as often."""
    order, reach = PADE[array.dtype.char]
    size = xp.abs(array).sum(-2).max(-1)
    halvings = xp.ceil(xp.log2(xp.maximum(size / reach, 1)))
    halvings = xp.where(xp.isfinite(halvings), halvings, 0)
    result = pade(xp, (array / xp.exp2(halvings)[..., None, None]).astype(array.dtype), order)
    for turn in range(int(halvings.max())):
        result = xp.where((halvings > turn)[..., None, None], xp.matmul(result, result), result)
    return result


def pade(xp: Library, array: Array, order: int) -> Array:
    """Return N(A) / N(-A), with N(A) = sum of (2m - j)! m! / ((2m)! (m - j)! j!) Aʲ."""
    weights = [1.0]
    for j in range(order):
        weights.append(weights[-1] * (order - j) / ((2 * order - j) * (j + 1)))
    one = xp.eye(array.shape[-1], dtype=array.dtype)
    square = xp.matmul(array, array)
    even, odd = one * weights[order - 1], one * weights[order]
    for j in range(order - 3, -1, -2):
        even = xp.matmul(even, square) + one * weights[j]
        odd = xp.matmul(odd, square) + one * weights[j + 1]
    odd = xp.matmul(array, odd)
    return xp.linalg.solve((even - odd).astype(array.dtype), (even + odd).astype(array.dtype))
