"""``Unchanged``: a context and a decorator that change nothing."""

from __future__ import annotations

from typing import Any


class Unchanged:
    """A context, and a decorator that returns what it gets."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, fn: Any) -> Any:
        return fn


def patch(*args: Any, **settings: Any) -> Unchanged:
    """Accept settings for a block or a function; they choose nothing."""
    return Unchanged()
