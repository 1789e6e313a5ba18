"""The base of all modules under PyTorch's path, and the hooks for all modules at once."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minitensor.nn.hooks import everywhere
from minitensor.nn.module import (
    Module,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from minitensor.nn.state import EXTRA as _EXTRA_STATE_KEY_SUFFIX
from minitensor.nn.state import IncompatibleKeys as _IncompatibleKeys
from minitensor.nn.words import indent_lines as _addindent

__all__ = [
    "Module",
    "_EXTRA_STATE_KEY_SUFFIX",
    "_IncompatibleKeys",
    "_addindent",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


class HooksAt(Mapping[int, Callable[..., Any]]):
    """The hooks of all modules that run at a place, as they are when they are read."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __getitem__(self, key: int) -> Any:
        return everywhere(self.place)[key]

    def __iter__(self) -> Iterator[int]:
        return iter(everywhere(self.place))

    def __len__(self) -> int:
        return len(everywhere(self.place))


_global_forward_hooks, _global_forward_pre_hooks = HooksAt("forward"), HooksAt("forward_pre")
_global_backward_hooks, _global_backward_pre_hooks = HooksAt("backward"), HooksAt("backward_pre")
_global_parameter_registration_hooks, _global_buffer_registration_hooks = HooksAt("parameter"), HooksAt("buffer")
_global_module_registration_hooks = HooksAt("module")
