"""``torch._jit_internal`` and ``torch.jit.annotations``: names for annotations, and decorators that change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Dict, Final, List, Optional, Tuple, Union  # noqa: UP035

from minitensor.compat.reasons import attributes_of
from minitensor.jit import export as export
from minitensor.jit import ignore as ignore
from minitensor.jit import is_scripting as is_scripting
from minitensor.jit import unused as unused

_overload = _overload_method = _copy_to_script_wrapper = weak_module = weak_script_method = export

__all__ = [
    "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "Final", "List", "Optional", "Tuple",
    "Union", "boolean_dispatch", "export", "ignore", "is_scripting", "unused",
]  # fmt: skip


class BroadcastingListCls:
    """A type for annotations: a number, or a list of numbers. ``BroadcastingList2[int]`` is such a type."""

    def __getitem__(self, types: Any) -> None:
        return None


BroadcastingList1 = BroadcastingListCls()
BroadcastingList2 = BroadcastingList3 = BroadcastingListCls()


def boolean_dispatch(
    arg_name: str, arg_index: int, default: bool, if_true: Callable[..., Any], if_false: Callable[..., Any],
    module_name: str, func_name: str,
) -> Callable[..., Any]:
    """Return a function that calls one of two, as one of its arguments says.

    Args:
        arg_name, arg_index: The name of the argument, and its place.
        default: Its value if it is not given.
        if_true, if_false: The two functions.
        module_name, func_name: Where the function is to be found, and its name.
    """

    def choose(*args: Any, **kwargs: Any) -> Any:
        given = args[arg_index] if arg_index < len(args) else kwargs.get(arg_name, default)
        return (if_true if given else if_false)(*args, **kwargs)

    choose.__name__, choose.__module__ = func_name, module_name
    return choose


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._jit_internal")
