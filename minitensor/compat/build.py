"""``torch.__config__``: how the library was built, as text."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.compat.version import __version__


def show() -> str:
    """Return what the library runs on: Python and NumPy. Nothing was compiled.

    >>> import minitensor as torch
    >>> "Python" in torch.__config__.show()
    True
    """
    numpy = getattr(sys.modules.get("numpy"), "__version__", "unknown")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"minitensor {__version__} built with:\n  - {python}\n  - Python arrays: NumPy {numpy}\n"


def parallel_info() -> str:
    """Return on how many processors the library can run."""
    return f"ATen/Parallel:\n\tprocessors: {os.cpu_count()}\n\tthreads: see get_num_threads()\n"


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.__config__")
