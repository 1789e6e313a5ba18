"""How functions of images fail: their errors name the function that was called, and the image that Pillow refuses.

Pillow raises errors of many classes, without the mode of the image. They become this library's, of the same classes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from minitensor.autograd.misuse import NAMED, explain, set_cause
from minitensor.errors import (
    ArgumentError,
    IndexRangeError,
    MinitensorError,
    PictureError,
    UnsupportedValueError,
    UsageZeroDivisionError,
)
from minitensor.vision.pillow import Picture, is_picture

F = TypeVar("F", bound=Callable[..., Any])

# Python's classes that Pillow raises, and ours. A NotImplementedError is a RuntimeError, and no ValueError.
KINDS: dict[type[Exception], type[MinitensorError]] = {
    NotImplementedError: UnsupportedValueError,
    ZeroDivisionError: UsageZeroDivisionError,
    IndexError: IndexRangeError,
    OSError: PictureError,
    ValueError: ArgumentError,
}


def image_function(function: F) -> F:
    """Make a public function of images name itself, and the image that Pillow refuses, in its errors."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise explain_refusal(function, args, kwargs, error)  # noqa: B904  # its cause is set

    return cast("F", call)


def explain_refusal(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> Exception:
    """Return a clearer error for one that a function of images raised."""
    name = function.__name__
    clear = explain(name, function, args, kwargs, error)
    picture = next((each for each in (*args, *kwargs.values()) if is_picture(each)), None)
    is_vague = clear is error or type(clear) is ArgumentError
    if picture is not None and is_vague and not isinstance(error, MinitensorError):
        return set_cause(pillow_error(name, picture, error), error)
    if isinstance(clear, MinitensorError) and not NAMED.match(str(clear)):
        clear.args = (f"{name}: {clear}", *clear.args[1:])
    return clear


def pillow_error(name: str, picture: Picture, error: Exception) -> Exception:
    """Return this library's error of the class of Pillow's, with the mode and the size of the image."""
    kind = next((ours for theirs, ours in KINDS.items() if isinstance(error, theirs)), None)
    if kind is None:
        return error
    return kind(
        f"{name}(): Pillow cannot do this to an image of mode {picture.mode!r} and size {picture.size}: {error}; "
        "img.convert('RGB') makes one of colors"
    )
