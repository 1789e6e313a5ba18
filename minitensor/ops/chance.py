"""Where random functions may be intercepted: ``vmap`` decides there whether samples share their random numbers.

A function that draws is marked ``@drawing``; it asks one context variable (0.04 us) before it runs. What the answer
means is told in ``func/batched.py``.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

interceptor: ContextVar[Any] = ContextVar("interceptor", default=None)


def drawing(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that draws random numbers."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        intercepted = interceptor.get()
        if intercepted is None:
            return function(*args, **kwargs)
        return intercepted(function, args, kwargs)  # type: ignore[no-any-return]  # what `function` returns, batched

    return call
