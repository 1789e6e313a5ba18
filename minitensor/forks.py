"""Hooks for forked child processes.

A fork copies the memory but only one thread. A lock that another thread holds stays locked in the child. Modules
with locks or threads register a function here that replaces them.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def after_fork_in_child(renew: Callable[[], None]) -> Callable[[], None]:
    """Register a function to be called in every forked child before other code runs; return the function."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
    return renew
