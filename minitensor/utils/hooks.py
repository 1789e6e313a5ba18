"""Tables of hooks for modules and optimizers, and the handle that removes a hook.

A table is a dict from the ids of handles to hooks, in the order in which they run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from minitensor.autograd.hooks import HookTable, RemovableHandle
from minitensor.compat.reasons import attributes_of

__all__ = ["Hooks", "RemovableHandle"]

Hook = TypeVar("Hook")


class Hooks(HookTable, Generic[Hook]):
    """A dict from the ids of handles to hooks, in the order in which the hooks run.

    >>> import minitensor as torch
    >>> hooks = torch.utils.hooks.Hooks()
    >>> handle = hooks.register(print)
    >>> hooks.register(repr, prepend=True).id == handle.id + 1, list(hooks.all())
    (True, [<built-in function repr>, <built-in function print>])
    """

    __slots__ = ()

    def register(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Add ``hook`` at the end, or with ``prepend`` at the front; return the handle that removes it."""
        handle = RemovableHandle(self)
        self[handle.id] = hook
        if prepend:
            self.move_to_end(handle.id, last=False)
        return handle

    def all(self) -> Iterator[Hook]:
        """Iterate over a copy of the hooks, so a hook may remove itself."""
        return iter(list(self.values()))

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
