"""What programs ask and set about autocast outside of regions: ``torch.is_autocast_enabled`` and its siblings.

These functions change the state from their call on. ``autocast`` restores it and is usually better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.amp.casting import DEFAULTS, cache, set_state, state
from minitensor.compat.once import warn_once
from minitensor.errors import ArgumentTypeError, DeviceError, quote

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype

# Devices that PyTorch knows by name and for which it has no autocast.
WITHOUT = frozenset("fpga hip ideep lazy meta mkldnn opencl opengl privateuseone ve vulkan".split())


def kind_of(device_type: Any) -> str:
    """Return the kind of a device, "cpu" for "cpu:0"; raise for a name that is none."""
    if not isinstance(device_type, str):
        raise ArgumentTypeError(f"device_type must be a string such as 'cpu' or 'cuda', got {quote(device_type)}")
    kind = device_type.partition(":")[0]
    if kind not in DEFAULTS and kind not in WITHOUT:
        raise DeviceError(f"device_type must be one of {', '.join(DEFAULTS)}, got {device_type!r}")
    return kind


def require_kind(device_type: Any) -> str:
    """Return the kind of a device that has autocast; raise for others."""
    kind = kind_of(device_type)
    if kind not in DEFAULTS:
        raise DeviceError(f"there is no autocast for device_type {device_type!r}; use one of {', '.join(DEFAULTS)}")
    return kind


def is_autocast_available(device_type: str) -> bool:
    """Return whether there is autocast for a kind of device, which may not exist on this machine.

    Args:
        device_type: "cpu", "cuda" or the name of another kind.

    Raises:
        RuntimeError: If PyTorch knows no such kind.

    >>> import minitensor as torch
    >>> torch.amp.is_autocast_available("cpu"), torch.amp.is_autocast_available("meta")
    (True, False)
    """
    return kind_of(device_type) in DEFAULTS


def is_autocast_enabled(device_type: str = "cuda", /) -> bool:
    """Return whether autocast is on for a kind of device.

    Args:
        device_type: The kind. Default: ``"cuda"``.

    Raises:
        RuntimeError: If there is no autocast for the kind.

    >>> import minitensor as torch
    >>> with torch.autocast("cpu", dtype=torch.float16):
    ...     torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled()
    (True, False)
    """
    return require_kind(device_type) in state.get().enabled


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None, /) -> None:
    """Turn autocast on or off for a kind of device.

    Args:
        device_type: The kind; it may be left out for "cuda".
        enabled: Whether it is on.

    Raises:
        RuntimeError: If there is no autocast for the kind.

    >>> import minitensor as torch
    >>> torch.set_autocast_enabled("cpu", False)
    >>> torch.is_autocast_enabled("cpu")
    False
    """
    if enabled is None:
        device_type, enabled = "cuda", bool(device_type)
    now, kind = state.get(), require_kind(device_type)
    set_state(now._replace(enabled=now.enabled | {kind} if enabled else now.enabled - {kind}))


def get_autocast_dtype(device_type: str, /) -> Dtype:
    """Return the dtype to which autocast casts on a kind of device.

    Args:
        device_type: The kind.

    Raises:
        RuntimeError: If there is no autocast for the kind.

    >>> import minitensor as torch
    >>> torch.get_autocast_dtype("cpu"), torch.get_autocast_dtype("cuda")
    (torch.bfloat16, torch.float16)
    """
    return state.get().dtypes[require_kind(device_type)]


def set_autocast_dtype(device_type: str, dtype: Dtype, /) -> None:
    """Choose the dtype to which autocast casts on a kind of device.

    Args:
        device_type: The kind.

    Raises:
        RuntimeError: If there is no autocast for the kind.
        TypeError: If ``dtype`` is no dtype.

    >>> import minitensor as torch
    >>> torch.set_autocast_dtype("cuda", torch.float16)
    """
    if not isinstance(dtype, dtypes.dtype):
        raise ArgumentTypeError(f"set_autocast_dtype: expected a dtype such as float16, got {quote(dtype)}")
    now, kind = state.get(), require_kind(device_type)
    set_state(now._replace(dtypes={**now.dtypes, kind: dtype}))


def is_autocast_cache_enabled() -> bool:
    """Return whether the casts of parameters are kept until the end of the outermost region.

    >>> import minitensor as torch
    >>> torch.is_autocast_cache_enabled()
    True
    """
    return state.get().caches


def set_autocast_cache_enabled(enabled: bool, /) -> None:
    """Choose whether the casts of parameters are kept until the end of the outermost region.

    Args:
        enabled: Whether they are kept.

    >>> import minitensor as torch
    >>> torch.set_autocast_cache_enabled(True)
    """
    set_state(state.get()._replace(caches=bool(enabled)))


def clear_autocast_cache() -> None:
    """Forget the casts of parameters.

    >>> import minitensor as torch
    >>> torch.clear_autocast_cache()
    """
    cache().clear()


def autocast_increment_nesting() -> int:
    """Count one more open region, and return how many there are.

    >>> import minitensor as torch
    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    return change_depth(1)


def autocast_decrement_nesting() -> int:
    """Count one open region less, and return how many there are.

    >>> import minitensor as torch
    >>> torch.autocast_increment_nesting(), torch.autocast_decrement_nesting()
    (1, 0)
    """
    return change_depth(-1)


def change_depth(by: int) -> int:
    """Change the number of open regions, and return it."""
    now = state.get()
    state.set(now._replace(depth=now.depth + by))
    return now.depth + by


# -- the former names --------------------------------------------------------------------------------------------------


def warn_of_old_name(name: str, instead: str) -> None:
    """Warn once that a function has another name now."""
    warn_once(f"torch.{name} is deprecated. Please use torch.{instead} instead.", DeprecationWarning)


def is_autocast_cpu_enabled() -> bool:
    """Return ``is_autocast_enabled("cpu")``; deprecated.

    >>> import minitensor as torch
    >>> torch.is_autocast_cpu_enabled()
    False
    """
    warn_of_old_name("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool, /) -> None:
    """Call ``set_autocast_enabled("cpu", enabled)``; deprecated.

    >>> import minitensor as torch
    >>> torch.set_autocast_cpu_enabled(False)
    """
    warn_of_old_name("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Dtype:
    """Return ``get_autocast_dtype("cpu")``; deprecated.

    >>> import minitensor as torch
    >>> torch.get_autocast_cpu_dtype()
    torch.bfloat16
    """
    warn_of_old_name("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Dtype, /) -> None:
    """Call ``set_autocast_dtype("cpu", dtype)``; deprecated.

    >>> import minitensor as torch
    >>> torch.set_autocast_cpu_dtype(torch.get_autocast_dtype("cpu"))
    """
    warn_of_old_name("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Dtype:
    """Return ``get_autocast_dtype("cuda")``; deprecated.

    >>> import minitensor as torch
    >>> torch.get_autocast_gpu_dtype()
    torch.float16
    """
    warn_of_old_name("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Dtype, /) -> None:
    """Call ``set_autocast_dtype("cuda", dtype)``; deprecated.

    >>> import minitensor as torch
    >>> torch.set_autocast_gpu_dtype(torch.get_autocast_dtype("cuda"))
    """
    warn_of_old_name("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    set_autocast_dtype("cuda", dtype)
