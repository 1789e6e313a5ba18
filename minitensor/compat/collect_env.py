"""``utils.collect_env``: what the library runs on, as text."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from minitensor.compat.build import show
from minitensor.compat.reasons import attributes_of


def get_pretty_env_info() -> str:
    """Return what the library runs on: its version, Python, NumPy and the system.

    >>> import minitensor as torch
    >>> from minitensor.compat.collect_env import get_pretty_env_info
    >>> "OS" in get_pretty_env_info()
    True
    """
    return f"{show()}  - OS: {platform.platform()}\n  - Processor: {platform.machine()}\n"


def main() -> None:
    """Print it."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.utils.collect_env")
