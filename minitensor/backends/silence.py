"""Silence: NumPy's error state and Python's warning filters change no result.

Note [Silence]. Tensors give inf and NaN without a word, as PyTorch's do, whatever ``numpy.seterr`` and
``warnings.simplefilter`` say. An ``errstate`` around each operation would cost more than the operation (0.7 us).
Therefore only an operation that failed because of a setting, which raises where IEEE arithmetic gives inf or NaN, is
repeated, in silence. A body changes nothing that exists, so it may run twice; a function that draws or writes asks for
silence at once. Warnings that are shown or recorded, not raised, are dropped where Python is about to show them
(``hide_complaints``): filters cannot do it, because ``simplefilter`` puts its own in front.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy

from minitensor.callers import is_library_frame

if TYPE_CHECKING:
    from minitensor.backends import Array

P = ParamSpec("P")
R = TypeVar("R")

COMPLAINT = " encountered in "  # in each of NumPy's messages about its arithmetic
SKIPPED = ("numpy", "warnings")
IGNORED = dict.fromkeys(numpy.geterr(), "ignore")


def is_complaint(error: Exception) -> bool:
    """Whether NumPy raised an error, or a warning that a filter made an error, only because a setting says so."""
    if not isinstance(error, (FloatingPointError, RuntimeWarning)):
        return False
    return COMPLAINT in str(error) and numpy.geterr() != IGNORED


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


def hide_complaints() -> None:
    """Let Python show none of NumPy's warnings about this library's arithmetic; those of the user's own are shown."""
    show = getattr(warnings, "_showwarnmsg", None)
    if show is None or hasattr(show, "hides_complaints"):
        return

    def show_all_others(message: Any) -> None:
        if not (issubclass(message.category, RuntimeWarning) and is_from_arithmetic(str(message.message))):
            show(message)

    show_all_others.hides_complaints = True  # type: ignore[attr-defined]  # set once, however often this is imported
    warnings._showwarnmsg = show_all_others  # type: ignore[attr-defined]  # the one place that no filter replaces


def is_from_arithmetic(text: str) -> bool:
    """Whether a warning comes from NumPy, and the innermost code that is not NumPy's is this library's."""
    frame = sys._getframe(2)
    is_numpys = COMPLAINT in text
    while frame.f_back is not None and (room := frame.f_globals.get("__name__", "").partition(".")[0]) in SKIPPED:
        is_numpys = is_numpys or room == "numpy"
        frame = frame.f_back
    return is_numpys and is_library_frame(frame)
