"""Solve and factor batches of matrices with the array library's LAPACK, and report which matrices failed.

The libraries raise one error for a whole batch. These kernels return a mask of the failed matrices with the result, or
None if there are none, and fill the results of failed matrices with NaN. The Cholesky kernel returns the part of a
factor that exists, and the order of the leading minor that failed. Substitution in triangular systems and cofactors are
written out, because NumPy lacks them. This file knows no tensors or gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
from numpy.linalg import LinAlgError as Failure  # CuPy raises this one too

from minitensor.errors import LinAlgError

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

Checked: TypeAlias = "tuple[Array, Array | None]"  # a result, and a mask of the matrices of the batch without one


def inverse(xp: Library, array: Array) -> Checked:
    """Return the inverses; NaN for singular matrices."""
    result, singular = compute_unless_singular(xp, array, xp.linalg.inv)
    return all_or_nothing(xp, array, result), singular


def solve(xp: Library, array: Array, right: Array) -> Checked:
    """Return X of A X = B, both (..., n, n) and (..., n, k); NaN where A is singular."""
    batch = xp.broadcast_shapes(array.shape[:-2], right.shape[:-2])  # CuPy's solve requires equal ones
    array = xp.broadcast_to(array, (*batch, *array.shape[-2:]))
    right = xp.broadcast_to(right, (*batch, *right.shape[-2:]))
    result, singular = compute_unless_singular(xp, array, lambda matrices: xp.linalg.solve(matrices, right))
    return all_or_nothing(xp, array, result), singular


def all_or_nothing(xp: Library, array: Array, result: Array) -> Array:
    """Fill the result of a matrix with NaN if it contains a NaN, as PyTorch does, or a complex infinite pivot.

    The host first checks if there is anything to do. On a device, the check would have to wait.
    """
    if isinstance(array, numpy.ndarray) and is_finite(xp, array) and is_finite(xp, result):
        return result
    lost: Any = xp.isnan(result).any((-2, -1))
    if array.dtype.kind == "c":
        lost = lost | has_infinite_pivots(xp, array)
    return xp.where(lost[..., None, None], result.dtype.type(not_a_number(result.dtype)), result)


def is_finite(xp: Library, array: Array) -> bool:
    """Whether all elements are finite. False also if their sum overflows."""
    with numpy.errstate(over="ignore", invalid="ignore"):
        return bool(xp.isfinite(array.sum()))


def has_infinite_pivots(xp: Library, array: Array) -> Array:
    """Return which matrices contain a nonfinite value. The last pivot does not count: nothing is divided by it."""
    wrong: Any = ~xp.isfinite(array)
    wrong[..., -1:, -1:] = False
    found: Array = wrong.any((-2, -1))
    return found


def not_a_number(dtype: Any) -> complex:
    """Return NaN, for complex dtypes in both parts."""
    nan = float("nan")
    return complex(nan, nan) if dtype.kind == "c" else nan


def compute_unless_singular(xp: Library, array: Array, compute: Callable[[Array], Array]) -> Checked:
    """Compute a result for regular matrices, with the identity in place of singular ones, whose results become NaN."""
    try:
        return compute(array), None
    except Failure:
        singular: Array = xp.linalg.slogdet(array)[0] == 0
        where = singular[..., None, None]
        regular = xp.where(where, xp.eye(array.shape[-1], dtype=array.dtype), array)
        return xp.where(where, array.dtype.type("nan"), compute(regular)), singular


def slogdet(xp: Library, array: Array) -> tuple[Array, Array]:
    """Return the determinants' signs, and the logarithms of their sizes; NaN has the sign 0, as in PyTorch."""
    with numpy.errstate(invalid="ignore"):
        sign, size = xp.linalg.slogdet(array)
    if array.dtype.kind == "f":
        return xp.where(xp.isnan(size), 0 * sign, sign), size
    return sign, xp.where(xp.isnan(sign) & has_infinite_pivots(xp, array), size.dtype.type("nan"), size)


def det(xp: Library, array: Array) -> Array:
    """Return the determinants."""
    with numpy.errstate(invalid="ignore"):
        found: Array = xp.linalg.det(array)
    return found


def cholesky(xp: Library, array: Array) -> Checked:
    """Return lower triangular L with L Lᴴ = A, reading A's lower triangle, and the orders of minors that fail, or 0.

    If A is not positive definite, the first columns of L are those of its factor, and the others are those of A.
    """
    try:
        factors = xp.linalg.cholesky(array)
        if is_finite(xp, factors):
            return factors, None
    except Failure:
        factors = xp.zeros_like(array)
    n = array.shape[-1]
    pairs = [factor_of(xp, each) for each in array.reshape(-1, n, n)]
    orders = xp.asarray([order for _, order in pairs], "int32").reshape(array.shape[:-2])
    factors = xp.stack([factor for factor, _ in pairs]).reshape(array.shape)
    return factors, orders if orders.any() else None


def factor_of(xp: Library, matrix: Array) -> tuple[Array, int]:
    """Return the factor of one matrix and 0, or the columns that exist and the order of the minor that fails."""
    try:
        factor = xp.linalg.cholesky(matrix)
        if is_finite(xp, factor):
            return factor, 0
    except Failure:
        pass
    return partial_factor(xp, matrix)


def partial_factor(xp: Library, matrix: Array) -> tuple[Array, int]:
    """Factor column by column as long as pivots are positive. Later columns are left unchanged."""
    lower: Array = xp.tril(matrix)
    for j in range(len(lower)):
        row = lower[j, :j].conj()
        lower[j, j] = lower[j, j].real - xp.matmul(row, row.conj()).real
        if not lower[j, j].real > 0:
            return lower, j + 1
        lower[j, j] = xp.sqrt(lower[j, j])
        lower[j + 1 :, j] = (lower[j + 1 :, j] - xp.matmul(lower[j + 1 :, :j], row)) / lower[j, j].real
    return lower, 0


def cofactors(xp: Library, array: Array) -> Array:
    """Return det(A)* A⁻ᴴ, the derivative of the determinant, for singular matrices too.

    For A = U S Vᴴ the cofactors are det(U)* det(Vᴴ)* U C Vᴴ, where C is the diagonal of the products of all other
    singular values (Giles 2008, "An extended collection of matrix derivative results", 2.2.4, for regular matrices).
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
    result: Array = before * after
    return result


def solve_triangular(xp: Library, array: Array, right: Array, upper: bool, unit: bool) -> Array:
    """Return X of A X = B by substitution, row by row. Only one triangle of A is read, and no diagonal if it is unit.

    A zero on the diagonal gives infinities or NaN, like a division by it.
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
    u, s, vh = factor_or_raise("svd", xp.linalg.svd, array, full_matrices)
    return u, s, vh


def svdvals(xp: Library, array: Array) -> Array:
    """Return only the singular values."""
    values: Array = factor_or_raise("svdvals", xp.linalg.svd, array, compute_uv=False)
    return values


def eigh(xp: Library, array: Array, triangle: str) -> tuple[Array, Array]:
    """Return ascending eigenvalues, and eigenvectors, of Hermitian matrices. Only one triangle is read."""
    values, vectors = factor_or_raise("eigh", xp.linalg.eigh, array, triangle)
    return values, vectors


def eigvalsh(xp: Library, array: Array, triangle: str) -> Array:
    """Return only the eigenvalues of Hermitian matrices."""
    values: Array = factor_or_raise("eigvalsh", xp.linalg.eigvalsh, array, triangle)
    return values


def eig(xp: Library, array: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of any square matrices, always complex."""
    values, vectors = factor_or_raise("eig", xp.linalg.eig, array)
    dtype = complex_of(array.dtype)
    return values.astype(dtype), vectors.astype(dtype)


def eigvals(xp: Library, array: Array) -> Array:
    """Return eigenvalues of any square matrices, always complex."""
    values: Array = factor_or_raise("eigvals", xp.linalg.eigvals, array).astype(complex_of(array.dtype))
    return values


def complex_of(dtype: Any) -> str:
    """Return the complex dtype of the same precision."""
    return "complex128" if dtype.char in "dD" else "complex64"


def factor_or_raise(name: str, factor: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Factor, and raise this library's error if the iteration does not converge."""
    try:
        return factor(*args, **kwargs)
    except Failure as error:
        raise LinAlgError(
            f"linalg.{name}: the algorithm failed to converge; the input has NaN or infinities, or is ill-conditioned"
        ) from error


# The order of the Padé approximant and the largest norm at which it is exact to rounding (Higham 2005, "The scaling and
# squaring method for the matrix exponential revisited", table 2.3 and its single precision).
SINGLE, DOUBLE = (7, 3.925724783138660), (13, 5.371920351148152)
PADE = {"f": SINGLE, "F": SINGLE, "d": DOUBLE, "D": DOUBLE}


def matrix_exp(xp: Library, array: Array) -> Array:
    """Return the exponentials of matrices: halve them until they are small, approximate, and square as often."""
    if array.shape[-1] == 1:
        return xp.exp(array)
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
