"""``torch.cpu.amp``: the former names of ``torch.amp`` for the device "cpu". Each warns that it is deprecated."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from minitensor import dtypes
from minitensor.amp import autocast_mode as modes
from minitensor.amp.former import FormerGradScaler, warn_of_former_name
from minitensor.compat.reasons import attributes_of

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype

__all__ = ["GradScaler", "autocast"]


class autocast(modes.autocast):  # noqa: N801  # PyTorch's name
    """A region of ``torch.autocast("cpu", ...)``; deprecated.

    Args:
        enabled: Whether anything is cast. Default: ``True``.
        dtype: The dtype to cast to. Default: ``torch.bfloat16``.
        cache_enabled: Whether the casts of parameters are kept. Default: ``True``.

    >>> import minitensor as torch
    >>> with torch.cpu.amp.autocast(dtype=torch.float16):
    ...     torch.is_autocast_enabled("cpu")
    True
    """

    def __init__(self, enabled: bool = True, dtype: Dtype = dtypes.bfloat16, cache_enabled: bool = True) -> None:
        warn_of_former_name("cpu.amp.autocast(args...)", "autocast('cpu', args...)")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(FormerGradScaler):
    """The scaler ``torch.amp.GradScaler("cpu", ...)``; deprecated.

    Args:
        init_scale: The scale at first. Default: ``65536.0``.
        growth_factor: What the scale is multiplied by after ``growth_interval`` good steps. Default: ``2.0``.
        backoff_factor: What the scale is multiplied by after a bad step. Default: ``0.5``.
        growth_interval: The number of good steps in a row after which the scale grows. Default: ``2000``.
        enabled: Whether the scaler does anything. Default: ``True``.

    >>> import minitensor as torch
    >>> torch.cpu.amp.GradScaler(init_scale=2.0).get_scale()
    2.0
    """

    place = "cpu"


# PyTorch's modules in this package, which this module is in one.
autocast_mode = grad_scaler = sys.modules[__name__]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
