"""``torch.cuda.amp``: the former names of ``torch.amp`` for the device "cuda". Each warns that it is deprecated."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.amp import autocast_mode as modes
from minitensor.amp.former import FormerGradScaler, warn_of_former_name
from minitensor.amp.grad_scaler import OptState as OptState
from minitensor.compat.reasons import attributes_of

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]


def amp_definitely_not_available() -> bool:
    """Return whether there is no GPU.

    >>> import minitensor as torch
    >>> torch.cuda.amp.amp_definitely_not_available() != torch.cuda.is_available()
    True
    """
    return not modes.has_cuda()


class autocast(modes.autocast):  # noqa: N801  # PyTorch's name
    """A region of ``torch.autocast("cuda", ...)``; deprecated.

    Args:
        enabled: Whether anything is cast. Default: ``True``.
        dtype: The dtype to cast to. Default: ``torch.float16``.
        cache_enabled: Whether the casts of parameters are kept. Default: ``True``.

    >>> import minitensor as torch
    >>> with torch.cuda.amp.autocast(enabled=False):
    ...     torch.is_autocast_enabled()
    False
    """

    def __init__(self, enabled: bool = True, dtype: Dtype = dtypes.float16, cache_enabled: bool = True) -> None:
        warn_of_former_name("cuda.amp.autocast(args...)", "autocast('cuda', args...)")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(FormerGradScaler):
    """The scaler ``torch.amp.GradScaler("cuda", ...)``; deprecated.

    Args:
        init_scale: The scale at first. Default: ``65536.0``.
        growth_factor: What the scale is multiplied by after ``growth_interval`` good steps. Default: ``2.0``.
        backoff_factor: What the scale is multiplied by after a bad step. Default: ``0.5``.
        growth_interval: The number of good steps in a row after which the scale grows. Default: ``2000``.
        enabled: Whether the scaler does anything. Default: ``True``.

    >>> import minitensor as torch
    >>> torch.cuda.amp.GradScaler(enabled=False).get_scale()
    1.0
    """

    place = "cuda"


def custom_fwd(fwd: Any = None, *, cast_inputs: Dtype | None = None) -> Any:
    """Return ``torch.amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)``; deprecated.

    >>> import minitensor as torch
    >>> decorate = torch.cuda.amp.custom_fwd(cast_inputs=torch.float32)
    """
    warn_of_former_name("cuda.amp.custom_fwd(args...)", "custom_fwd(args..., device_type='cuda')")
    return modes.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """Return ``torch.amp.custom_bwd(bwd, device_type="cuda")``; deprecated.

    >>> import minitensor as torch
    >>> backward = torch.cuda.amp.custom_bwd(lambda ctx, grad: grad)
    """
    warn_of_former_name("cuda.amp.custom_bwd(args...)", "custom_bwd(args..., device_type='cuda')")
    return modes.custom_bwd(bwd, device_type="cuda")


# PyTorch's modules in this package, which this module is in one.
common = autocast_mode = grad_scaler = sys.modules[__name__]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
