"""PyTorch's arithmetic of sizes that a compiler does not know yet. Sizes are known here: they are Python's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minitensor.errors import UsageError


class Symbol:
    """The base of PyTorch's classes of unknown numbers, for ``isinstance``: there are none."""

    def __init__(self, node: Any) -> None:
        raise UsageError(f"{type(self).__name__}: there are no unknown sizes; use a number")


class SymInt(Symbol):
    """The class of unknown integers, for ``isinstance``: there are none.

    Args:
        node: A part of PyTorch's compiler.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> isinstance(torch.ones(2).shape[0], torch.SymInt)
    False
    """


class SymFloat(Symbol):
    """The class of unknown real numbers, for ``isinstance``: there are none.

    Args:
        node: A part of PyTorch's compiler.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> isinstance(torch.ones(2).shape[0], torch.SymFloat)
    False
    """


class SymBool(Symbol):
    """The class of unknown truth values, for ``isinstance``: there are none.

    Args:
        node: A part of PyTorch's compiler.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> isinstance(torch.ones(2).shape[0], torch.SymBool)
    False
    """


def sym_int(a: Any) -> int:
    """Return the number ``a``, rounded towards zero.

    >>> import minitensor as torch
    >>> torch.sym_int(-2.5)
    -2
    """
    found: int = math.trunc(a)
    return found


def sym_float(a: Any) -> float:
    """Return ``float(a)``.

    >>> import minitensor as torch
    >>> torch.sym_float(2)
    2.0
    """
    return float(a)


def sym_not(a: Any) -> bool:
    """Return ``not a``.

    >>> import minitensor as torch
    >>> torch.sym_not(True)
    False
    """
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """Return the greater of ``a`` and ``b``, as a float if one is.

    >>> import minitensor as torch
    >>> torch.sym_max(1, 2.0), torch.sym_max(3, 2.0)
    (2.0, 3.0)
    """
    return float(max(a, b)) if isinstance(a, float) or isinstance(b, float) else max(a, b)


def sym_min(a: Any, b: Any) -> Any:
    """Return the lesser of ``a`` and ``b``, as a float if one is.

    >>> import minitensor as torch
    >>> torch.sym_min(1, 2.0)
    1.0
    """
    return float(min(a, b)) if isinstance(a, float) or isinstance(b, float) else min(a, b)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """Return ``t if b else f``.

    >>> import minitensor as torch
    >>> torch.sym_ite(True, 1, 2)
    1
    """
    return t if b else f


def sym_sum(args: Iterable[Any]) -> Any:
    """Return the sum of the numbers ``args``.

    >>> import minitensor as torch
    >>> torch.sym_sum([1, 2])
    3
    """
    return sum(args)


def sym_sqrt(a: Any) -> float:
    """Return the square root of ``a``.

    >>> import minitensor as torch
    >>> torch.sym_sqrt(4)
    2.0
    """
    return math.sqrt(a)


def sym_constrain_range(size: Any, *, min: int | None = None, max: int | None = None) -> None:
    """Accept that a size is in a range.

    Args:
        size: The size.
        min, max: The range.

    >>> import minitensor as torch
    >>> torch.sym_constrain_range(3, min=1)
    """


def sym_constrain_range_for_size(size: Any, *, min: int | None = None, max: int | None = None) -> None:
    """Accept that a size is in a range.

    Args:
        size: The size.
        min, max: The range.

    >>> import minitensor as torch
    >>> torch.sym_constrain_range_for_size(3, max=5)
    """
