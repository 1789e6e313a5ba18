"""Silence: NumPy's error state and Python's warning filters change no result.

Note [Silence]. Tensors give inf and NaN without a word, as PyTorch's do, whatever ``numpy.seterr`` and
``warnings.simplefilter`` say. An ``errstate`` around each operation would cost more than the operation (0.7 us).
Therefore only an operation that failed because of a setting, which raises where IEEE arithmetic gives inf or NaN, is
repeated, in silence. A body changes nothing that exists, so it may run twice; a function that draws or writes asks for
silence at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy

if TYPE_CHECKING:
    from minitensor.backends import Array

P = ParamSpec("P")
R = TypeVar("R")

IGNORED = dict.fromkeys(numpy.geterr(), "ignore")


def is_complaint(error: Exception) -> bool:
    """Whether NumPy raised an error, or a warning that a filter made an error, only because a setting says so."""
    if not isinstance(error, (FloatingPointError, RuntimeWarning)):
        return False
    return " encountered in " in str(error) and numpy.geterr() != IGNORED


def in_silence(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function whose arithmetic gives inf and NaN without a word."""
    with numpy.errstate(all="ignore"):
        return function(*args, **kwargs)


def quietly(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that may run twice, the second time in silence if NumPy complained."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        if not is_complaint(error):
            raise
        return in_silence(function, *args, **kwargs)


def update_quietly(update: Callable[[Array, Any], object], target: Array, operand: Any) -> None:
    """Call an in-place operator of NumPy. It complains after the last element, when all are written."""
    try:
        update(target, operand)
    except Exception as error:
        if not is_complaint(error):
            raise
