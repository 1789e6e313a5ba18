"""Switches and facts of PyTorch's engine and build, which programs set and ask for. They choose nothing here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minitensor.compat.switches import state as determinism
from minitensor.errors import ArgumentTypeError, UsageError

MODES = ("default", "warn", "error")
has_lapack = has_mkl = has_openmp = has_spectral = True


@dataclass
class State:
    """The values that were set last."""

    interop_threads: int = 1
    multithreading: bool = True


state = State()


class set_multithreading_enabled:  # noqa: N801  # PyTorch's name
    """Allow or forbid several threads in the backward pass; it has one. A function, and a context manager.

    Args:
        mode: Whether they are allowed.

    >>> import minitensor as torch
    >>> with torch.autograd.set_multithreading_enabled(False):
    ...     torch.autograd.is_multithreading_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.before, state.multithreading = state.multithreading, mode

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        state.multithreading = self.before


class enforce_grad_layout_policy:  # noqa: N801  # PyTorch's name
    """Ask that gradients have the strides of their tensors, which they have anyway. A function, and a context manager.

    Args:
        enable: Accepted for PyTorch compatibility. Default: ``True``.

    >>> import minitensor as torch
    >>> x = torch.ones(2, 3).t().requires_grad_()
    >>> with torch.autograd.enforce_grad_layout_policy(False):
    ...     (x * 2).sum().backward()
    >>> x.grad.stride() == x.stride()
    True
    """

    def __init__(self, enable: bool = True) -> None:
        """Do nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        return None


def is_multithreading_enabled() -> bool:
    """Return what ``set_multithreading_enabled`` set; True at first.

    >>> import minitensor as torch
    >>> torch.autograd.is_multithreading_enabled()
    True
    """
    return state.multithreading


def is_view_replay_enabled() -> bool:
    """Return False: views are not computed again in the backward pass.

    >>> import minitensor as torch
    >>> torch.autograd.is_view_replay_enabled()
    False
    """
    return False


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Request deterministic operations by a number or a word.

    Args:
        debug_mode: 0 or "default": not; 1 or "warn": with a warning where there is none; 2 or "error": with an error.
            All operations on the CPU are deterministic.

    Raises:
        TypeError: If it is neither an int nor a str.
        RuntimeError: If it is another number or word.

    >>> import minitensor as torch
    >>> torch.set_deterministic_debug_mode("warn")
    >>> torch.get_deterministic_debug_mode()
    1
    >>> torch.set_deterministic_debug_mode("default")
    """
    if not isinstance(debug_mode, (int, str)):
        raise ArgumentTypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2, *MODES):
        wanted = "0, 1, or 2" if isinstance(debug_mode, int) else "one of `default`, `warn`, `error`"
        raise UsageError(f"invalid value of debug_mode, expected {wanted}, but got {debug_mode}")
    mode = MODES.index(debug_mode) if isinstance(debug_mode, str) else debug_mode
    determinism.deterministic, determinism.warn_only = mode > 0, mode == 1


def get_deterministic_debug_mode() -> int:
    """Return 0, 1 or 2: whether deterministic operations are requested, with warnings or with errors.

    >>> import minitensor as torch
    >>> torch.get_deterministic_debug_mode()
    0
    """
    if not determinism.deterministic:
        return 0
    return 1 if determinism.warn_only else 2


def set_num_interop_threads(num: int) -> None:
    """Accept the number of threads for independent operations; they run one after another.

    Args:
        num: The number.

    Raises:
        RuntimeError: If it is not positive.

    >>> import minitensor as torch
    >>> torch.set_num_interop_threads(1)
    """
    if num <= 0:
        raise UsageError(f"set_num_interop_threads: expected a positive number of threads, got {num}")
    state.interop_threads = num


def get_num_interop_threads() -> int:
    """Return what ``set_num_interop_threads`` set; 1 at first.

    >>> import minitensor as torch
    >>> torch.get_num_interop_threads()
    1
    """
    return state.interop_threads


def init_num_threads() -> None:
    """Do nothing: threads are made when they are needed.

    >>> import minitensor as torch
    >>> torch.init_num_threads()
    """


def compiled_with_cxx11_abi() -> bool:
    """Return True, as PyTorch does.

    >>> import minitensor as torch
    >>> torch.compiled_with_cxx11_abi()
    True
    """
    return True


def is_vulkan_available() -> bool:
    """Return False.

    >>> import minitensor as torch
    >>> torch.is_vulkan_available()
    False
    """
    return False


def thread_safe_generator() -> Any:
    """Return None, which stands for the default generator: each worker thread draws from a stream of its own.

    >>> import minitensor as torch
    >>> from minitensor.random import thread_safe_generator
    >>> torch.randint(0, 10, (5,), generator=thread_safe_generator()).shape
    torch.Size([5])
    """
    return None
