"""Warnings that come once in a process, as PyTorch's C++ ones do, whatever the filters say.

``set_warn_always`` makes them come each time. What has warned is state of the whole process.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError


@dataclass
class State:
    """Whether warnings come each time, and the texts or subjects of those that came."""

    always: bool = False
    seen: set[str] = field(default_factory=set)


state = State()


def warn_once(text: str, category: type[Warning] = UserWarning, subject: str = "") -> None:
    """Warn, pointing to the user's line, unless this text came before, or one about the same subject."""
    if (subject or text) not in state.seen or state.always:
        state.seen.add(subject or text)
        warnings.warn(text, category, stacklevel=user_level())


def set_warn_always(b: bool, /) -> None:
    """Let warnings that come once in a process come each time.

    Args:
        b: Whether they come each time.

    Raises:
        TypeError: If ``b`` is not a bool.

    >>> import minitensor as torch
    >>> torch.set_warn_always(True)
    >>> torch.is_warn_always_enabled()
    True
    >>> torch.set_warn_always(False)
    """
    if not isinstance(b, bool):
        raise ArgumentTypeError(f"set_warn_always: expected a bool, got {type(b).__name__}")
    state.always = b


def is_warn_always_enabled() -> bool:
    """Return whether ``set_warn_always`` was last called with True; False at first.

    >>> import minitensor as torch
    >>> torch.is_warn_always_enabled()
    False
    """
    return state.always
