"""``jit``: programs are not compiled here. ``script``, ``trace`` and the decorators return what they are given.

A module that is "scripted" is the module itself, so it trains, and is saved by its state dict, as before.
"""

from __future__ import annotations

import contextlib
import types
import typing
from builtins import isinstance as is_instance
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from typing import Final as Final

from minitensor.compat.futures import Future as Future
from minitensor.compat.reasons import attributes_of
from minitensor.errors import UnsupportedError
from minitensor.nn.module import Module


class ScriptModule(Module):
    """The base class of modules that PyTorch compiles; here an ordinary module.

    Args:
        args, kwargs: As for ``nn.Module``, which takes none.

    Raises:
        TypeError: If there are arguments.

    >>> import minitensor as torch
    >>> isinstance(torch.nn.Linear(2, 2), torch.jit.ScriptModule)
    False
    """


class RecursiveScriptModule(ScriptModule):
    """The class of modules that PyTorch has compiled, for ``isinstance``: there are none."""


class ScriptFunction:
    """The class of functions that PyTorch has compiled, for ``isinstance``: there are none.

    >>> import minitensor as torch
    >>> isinstance(torch.jit.script(abs), torch.jit.ScriptFunction)
    False
    """


class TracerWarning(Warning):
    """PyTorch's warning that a traced program depends on values, for filters: it is never given."""


def script(
    obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None
) -> Any:
    """Return the function, class or module ``obj`` itself.

    Args:
        obj: What PyTorch would compile.
        optimize, example_inputs: Accepted for PyTorch compatibility.

    >>> import minitensor as torch
    >>> model = torch.nn.Linear(2, 1)
    >>> torch.jit.script(model) is model
    True
    """
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **options: Any) -> Any:
    """Return the function or module ``func`` itself: it is not run with ``example_inputs``.

    >>> import minitensor as torch
    >>> torch.jit.trace(torch.exp, torch.ones(2)) is torch.exp
    True
    """
    return func


def trace_module(mod: Any, inputs: Any = None, *args: Any, **options: Any) -> Any:
    """Return the module ``mod`` itself."""
    return mod


def export(fn: Any) -> Any:
    """Return the function ``fn``."""
    return fn


unused = script_method = script_if_tracing = interface = export
# torchvision and others use these private ones: for the signatures of a function that a compiler would choose from.
_overload = _overload_method = _script_if_tracing = export


def ignore(drop: Any = False, **options: Any) -> Any:
    """Return the function that is decorated, with or without parentheses."""
    return drop if callable(drop) else export


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True, **options: Any) -> Any:
    """Return the module ``mod`` itself."""
    return mod


optimize_for_inference = freeze


def annotate(the_type: Any, the_value: Any) -> Any:
    """Return the value."""
    return the_value


Attribute = annotate


def isinstance(obj: Any, target_type: Any) -> bool:
    """Return whether ``obj`` is of the type ``target_type``, or of one of several; containers with all they hold.

    >>> import minitensor as torch
    >>> torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance({"a": 1.5}, dict[str, int])
    (True, False)
    """
    if is_instance(target_type, tuple):
        return any(isinstance(obj, each) for each in target_type)
    origin, inner = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        return is_instance(obj, type(None) if target_type is None else target_type)
    if origin in (typing.Union, types.UnionType):
        return any(isinstance(obj, each) for each in inner)
    return is_instance(obj, origin) and holds(obj, origin, inner)


def holds(obj: Any, origin: type, inner: tuple[Any, ...]) -> bool:
    """Return whether all that a container holds is of the types that stand in brackets after its own."""
    if origin is dict:
        return all(isinstance(each, kind) for item in obj.items() for each, kind in zip(item, inner, strict=True))
    if origin is tuple and inner[-1:] != (Ellipsis,):
        return len(obj) == len(inner) and all(map(isinstance, obj, inner))
    return all(isinstance(each, inner[0]) for each in obj)


def is_scripting() -> bool:
    """Return False: nothing is compiled."""
    return False


is_tracing = is_scripting


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call a function at once, and return its result as a future."""
    found: Future[Any] = Future()
    found.set_result(func(*args, **kwargs))
    return found


def wait(future: Future[Any]) -> Any:
    """Return the result of ``fork``."""
    return future.wait()


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Accept whether a block is to be optimized."""
    yield


def enable_onednn_fusion(enabled: bool) -> None:
    """Accept whether operations may be fused; they are not."""


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Accept how operations may be fused; they are not."""
    return []


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """Raise: there are no compiled programs to save.

    Raises:
        NotImplementedError: Always.
    """
    raise UnsupportedError("jit.save: there are no compiled programs here; use save(model.state_dict(), path)")


def load(f: Any, map_location: Any = None, _extra_files: Any = None) -> Any:
    """Raise: compiled programs cannot be read.

    Raises:
        NotImplementedError: Always.
    """
    raise UnsupportedError(
        "jit.load: compiled programs cannot be read here; make the model in Python and read its weights with "
        "load(path) and load_state_dict"
    )

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
