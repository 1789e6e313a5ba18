"""Which compiled kernels there are, and how they take the places of NumPy's.

A backend's kernels are attributes of its class; an attribute of the object comes first. ``settle`` gives the host's
backend the compiled kernels as attributes of the object, or takes them away. Until its first call, each is a function
that imports the kernel's module: ``import minitensor`` does not import Numba. This file knows no loops.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, Final

from minitensor.backends.fast.flags import FLAGS
from minitensor.callers import user_level

if TYPE_CHECKING:
    from minitensor.backends.base import Backend

# The kernels, by the modules of this package that have them.
KERNELS: Final = {
    "conv": ("conv", "conv_backward_input", "conv_backward_weight"),
    "norm": tuple(name + end for name in ("channel_norm", "layer_norm", "standardize") for end in ("", "_backward")),
    "activation": ("gelu", "gelu_backward", "sigmoid", "silu", "silu_backward", "relu_backward"),
    "pool": ("gather_planes_backward",),
    "softmax": ("softmax", "softmax_backward", "log_softmax", "log_softmax_backward"),
    "random": (
        "random_words", "random_singles", "random_doubles", "random_remainders", "normal_blocks", "permutation",
    ),
}
# Until the main thread has imported these, other threads call NumPy's kernels, which draw the same numbers: a child
# that is forked while another thread imports a module would wait for that module forever.
BY_MAIN_THREAD: Final = {"random"}
HOSTS: Final[list[Backend]] = []  # the backend whose kernels are replaced, once it is open


@cache
def has_numba() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


def attach(host: Backend) -> None:
    """Make a backend of host arrays use the compiled kernels while they are enabled."""
    HOSTS.append(host)
    settle()


def settle() -> None:
    """Give each backend the compiled kernels, or take them away, as the flags say."""
    is_enabled = FLAGS.enabled and has_numba()
    for host in HOSTS:
        for module, names in KERNELS.items():
            for name in names:
                if is_enabled:
                    vars(host).setdefault(name, lazy_kernel(host, module, name))
                else:
                    vars(host).pop(name, None)


def lazy_kernel(host: Backend, module: str, name: str) -> Callable[..., Any]:
    """Return a function that imports a kernel, takes its place, and calls it."""

    def first_call(*args: Any) -> Any:
        if module in BY_MAIN_THREAD and current_thread() is not main_thread():
            return getattr(type(host), name)(*args)
        try:
            kernel = getattr(import_module(f"minitensor.backends.fast.{module}"), name)
        except ImportError as error:  # such as a Numba that does not support the installed NumPy
            warnings.warn(f"the fast kernels are switched off: {error}", RuntimeWarning, user_level())
            FLAGS.enabled = False
            settle()
            return getattr(host, name)(*args)
        if vars(host).get(name) is first_call:
            vars(host)[name] = kernel
        return kernel(*args)

    return first_call
