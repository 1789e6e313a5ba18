"""Running sums, products and extremes along a dim, for any array library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

# Sums, products and logaddexp are computed in the widest dtype of their kind, as in PyTorch.
WIDE = {"b": "int64", "u": "int64", "i": "int64", "f": "float64", "c": "complex128"}


def accumulate(xp: Library, name: str, array: Array, dim: int) -> Array:
    """Accumulate "add", "multiply", "logaddexp", "maximum" or "minimum" along a dim, in the array's dtype."""
    if name in ("maximum", "minimum"):
        return accumulate_by_doubling(getattr(xp, name), array, dim)
    wide = WIDE[array.dtype.kind]
    if name == "logaddexp":
        return accumulate_by_doubling(xp.logaddexp, array.astype(wide), dim).astype(array.dtype)
    function = xp.cumsum if name == "add" else xp.cumprod
    return function(array, axis=dim, dtype=wide).astype(array.dtype)


def accumulate_by_doubling(function: Any, array: Array, dim: int) -> Array:
    """Accumulate an associative function along a dim in log2(n) passes, each reaching twice as far."""
    result: Array = array.copy()
    lead, reach, size = (slice(None),) * dim, 1, array.shape[dim]
    while reach < size:
        far, near = (*lead, slice(None, -reach)), (*lead, slice(reach, None))
        result[near] = function(result[far], result[near])
        reach *= 2
    return result


def running_extreme(xp: Library, name: str, array: Array, dim: int) -> tuple[Array, Array]:
    """Return the running "maximum" or "minimum" along a dim and its last index; NaN wins."""
    values = accumulate(xp, name, array, dim)
    places = xp.arange(array.shape[dim]).reshape((-1,) + (1,) * (array.ndim - dim - 1))
    wins = (array == values) | (array != array)
    return values, accumulate(xp, "maximum", xp.where(wins, places, 0), dim)
