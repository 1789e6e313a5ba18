"""``torch.utils._contextlib``: contexts that are decorators too. Each call enters a new one, also of generators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any


def context_decorator(ctx: Any, func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs ``func`` in a context.

    Args:
        ctx: A function that returns the context, or a context that is entered anew for each call.
        func: A function; the body of a generator runs in the context too, but not the code between its steps.
    """
    make = ctx if callable(ctx) else lambda: ctx

    @functools.wraps(func)
    def run(*args: Any, **kwargs: Any) -> Any:
        with make():
            return func(*args, **kwargs)

    @functools.wraps(func)
    def run_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = func(*args, **kwargs)
        try:
            with make():
                value = next(generator)
            while True:
                sent = yield value
                with make():
                    value = generator.send(sent)
        except StopIteration as end:
            return end.value
        finally:
            generator.close()

    return run_generator if inspect.isgeneratorfunction(func) else run


class _DecoratorContextManager:
    """The base of contexts that decorate functions: they define ``__enter__`` and ``__exit__``."""

    def __call__(self, orig_func: Callable[..., Any]) -> Callable[..., Any]:
        return context_decorator(self.clone, orig_func)

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        raise NotImplementedError

    def clone(self) -> Any:
        """Return another context of the class."""
        return self.__class__()


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """The base of contexts that decorate functions without parentheses too."""

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)
