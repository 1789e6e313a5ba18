"""Running reductions: what the elements up to each along a dim come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.backends import Array, Library

# What is added, multiplied or added by logarithms is so in the widest dtype of its kind, as PyTorch does.
WIDE = {"b": "int64", "u": "int64", "i": "int64", "f": "float64", "c": "complex128"}


def accumulate(xp: Library, name: str, array: Array, dim: int) -> Array:
    """Run "add", "multiply", "logaddexp", "maximum" or "minimum" along a dim; the dtype stays."""
    if name in ("maximum", "minimum"):
        return doubled(getattr(xp, name), array, dim)
    wide = WIDE[array.dtype.kind]
    if name == "logaddexp":
        return doubled(xp.logaddexp, array.astype(wide), dim).astype(array.dtype)
    function = xp.cumsum if name == "add" else xp.cumprod
    return function(array, axis=dim, dtype=wide).astype(array.dtype)


def doubled(function: Any, array: Array, dim: int) -> Array:
    """Run an associative function along a dim in log2(n) passes, each of which reaches twice as far."""
    result: Array = array.copy()
    lead, reach, size = (slice(None),) * dim, 1, array.shape[dim]
    while reach < size:
        far, near = (*lead, slice(None, -reach)), (*lead, slice(reach, None))
        result[near] = function(result[far], result[near])
        reach *= 2
    return result


def extreme(xp: Library, name: str, array: Array, dim: int) -> tuple[Array, Array]:
    """Return the best element so far along a dim and the last place of it; NaN beats all."""
    values = accumulate(xp, name, array, dim)
    places = xp.arange(array.shape[dim]).reshape((-1,) + (1,) * (array.ndim - dim - 1))
    wins = (array == values) | (array != array)
    return values, accumulate(xp, "maximum", xp.where(wins, places, 0), dim)
