"""``compiler`` and ``compile``: nothing is compiled here. Each function answers as PyTorch's does with compilation off.

``compile`` and the decorators return the function or module that they are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.compat.unchanged import Unchanged
from minitensor.errors import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Callable


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = None,
    mode: str | None = None, options: Any = None, disable: bool = False, **further: Any,
) -> Any:
    """Return the function or module ``model`` itself; without one, a decorator that does.

    Args:
        model: A function or module.
        fullgraph, dynamic, backend, mode, options, disable: How to compile; accepted for PyTorch compatibility.
        **further: The same.

    Raises:
        TypeError: If ``model`` cannot be called.

    >>> import minitensor as torch
    >>> @torch.compile(mode="reduce-overhead")
    ... def double(x):
    ...     return 2 * x
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """
    if model is None:
        return compile
    if not callable(model):
        raise ArgumentTypeError(f"compile: model must be a function or a module, got {type(model).__name__}")
    return model


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Return the function ``fn``, which is not compiled anyway; without one, a decorator that does."""
    return disable if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """Return the function ``fn``."""
    return fn


assume_constant_result = nested_compile_region = allow_in_graph


def is_compiling() -> bool:
    """Return False: nothing is compiled here."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """Return the names of compilers: there are none."""
    return []


def reset() -> None:
    """Forget what was compiled, which is nothing."""


cudagraph_mark_step_begin = reset


def set_stance(stance: str = "default", **options: Any) -> Unchanged:
    """Accept how to treat compiled code, of which there is none; return a decorator and context that change nothing."""
    return Unchanged()


class Backend:
    """Which compiler a program asked for last, with PyTorch's choice at first."""

    def __init__(self) -> None:
        self.chosen: str | Callable[..., Any] = "inductor"


BACKEND = Backend()


def set_default_backend(backend: str | Callable[..., Any] | None) -> None:
    """Remember the compiler that ``compile`` is to use; it has no effect, because nothing is compiled.

    Args:
        backend: Its name, or a function; None stands for "inductor".

    Raises:
        TypeError: If it is neither.

    >>> import minitensor as torch
    >>> torch.compiler.set_default_backend("eager")
    >>> torch.compiler.get_default_backend()
    'eager'
    >>> torch.compiler.set_default_backend(None)
    """
    if not (backend is None or isinstance(backend, str) or callable(backend)):
        raise ArgumentTypeError(f"backend must be a string or callable, got {type(backend).__name__}")
    BACKEND.chosen = "inductor" if backend is None else backend


def get_default_backend() -> str | Callable[..., Any]:
    """Return what ``set_default_backend`` set last; "inductor" at first, as in PyTorch.

    >>> import minitensor as torch
    >>> torch.compiler.get_default_backend()
    'inductor'
    """
    return BACKEND.chosen


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.compiler")
