"""Kernels as compiled loops, instead of NumPy's: the extra ``fast``, which is Numba.

They are used wherever Numba is installed, and are read and compiled when they are first called. ``flags`` and
``set_flags`` switch them off. Each falls back to NumPy's kernel for the dtypes and sizes for which it has no loop.

>>> import minitensor as torch
>>> with torch.backends.fast.flags(enabled=False):
...     torch.backends.fast.is_enabled()
False
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minitensor.backends.fast.flags import FLAGS
from minitensor.backends.fast.table import has_numba, settle


def is_available() -> bool:
    """Return whether Numba is installed: ``pip install 'minitensor-py[fast]'``.

    >>> import minitensor as torch
    >>> isinstance(torch.backends.fast.is_available(), bool)
    True
    """
    return has_numba()


def is_enabled() -> bool:
    """Return whether operations use compiled kernels.

    >>> import minitensor as torch
    >>> torch.backends.fast.is_enabled() <= torch.backends.fast.is_available()
    True
    """
    return FLAGS.enabled and has_numba()


def set_flags(enabled: bool | None = None, winograd: bool | None = None) -> tuple[bool, bool]:
    """Set switches, and return what they were. None leaves a switch as it is.

    Args:
        enabled: Whether to use compiled kernels, if Numba is installed.
        winograd: Whether convolutions of singles with 3 x 3 windows may use Winograd's algorithm, whose results differ
            from those of a plain sum by about 1e-5 of the largest entry. Doubles never use it.

    >>> import minitensor as torch
    >>> enabled, winograd = torch.backends.fast.set_flags(winograd=False)
    >>> torch.backends.fast.set_flags(winograd=winograd)[1]
    False
    """
    before = FLAGS.enabled, FLAGS.winograd
    FLAGS.enabled = FLAGS.enabled if enabled is None else bool(enabled)
    FLAGS.winograd = FLAGS.winograd if winograd is None else bool(winograd)
    settle()
    return before


@contextmanager
def flags(enabled: bool | None = None, winograd: bool | None = None) -> Iterator[None]:
    """Set switches, as ``set_flags`` does, and restore them at the end of the block.

    >>> import minitensor as torch
    >>> with torch.backends.fast.flags(winograd=False):
    ...     y = torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3))
    >>> y.item()
    9.0
    """
    before = set_flags(enabled, winograd)
    try:
        yield
    finally:
        set_flags(*before)
