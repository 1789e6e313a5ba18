"""Tables of hooks for modules and optimizers, and the handle that takes a hook off again.

A table is a dict from the number of a hook's handle to the hook, in the order in which they run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from minitensor.autograd.hooks import HookTable, RemovableHandle

__all__ = ["Hooks", "RemovableHandle"]

Hook = TypeVar("Hook")


class Hooks(HookTable, Generic[Hook]):
    """Hooks by the number of their handle, in the order in which they run."""

    __slots__ = ()

    def register(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Add a hook at the end, or at the front."""
        handle = RemovableHandle(self)
        later: dict[int, Any] = dict(self) if prepend else {}
        if prepend:
            self.clear()
        self[handle.id] = hook
        self.update(later)
        return handle

    def all(self) -> Iterator[Hook]:
        """Walk the hooks there are now; a hook may remove itself meanwhile."""
        return iter(list(self.values()))
