"""What a forked child must do anew. A fork copies the memory and one thread: a lock that another held is held for ever.

Modules with locks or threads say here how they begin anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def after_fork_in_child(renew: Callable[[], None]) -> Callable[[], None]:
    """Call a function in every forked child, before anything else of this library runs there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
    return renew
