"""``autocast``, a region in which functions choose their dtypes, and the decorators for autograd functions."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from minitensor import backends, dtypes
from minitensor.amp.casting import SUPPORTED, in_state, state
from minitensor.amp.switches import (
    get_autocast_dtype,
    is_autocast_available,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    kind_of,
)
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, ArgumentTypeError, DeviceError, quote

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from minitensor.dtypes import dtype as Dtype

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]


def has_cuda() -> bool:
    """Whether there is a GPU."""
    try:
        return backends.open_backend("cuda").is_available()
    except DeviceError:
        return False


def require_name(device_type: Any) -> None:
    """Raise PyTorch's error if a device type is no string."""
    if not isinstance(device_type, str):
        raise ArgumentError(f"device_type must be a string such as 'cpu' or 'cuda', got {quote(device_type)}")


def warn_of_reason(text: str) -> bool:
    """Warn of a reason why a region casts nothing, and return False."""
    warnings.warn(text, UserWarning, stacklevel=user_level())
    return False


def may_cast(kind: str, dtype: Dtype) -> bool:
    """Return whether a region can cast to a dtype on a kind of device; warn if it cannot."""
    if kind == "cuda" and not has_cuda():
        return warn_of_reason("CUDA is not available or torch_xla is imported. Disabling autocast.")
    if dtype not in SUPPORTED:
        name = kind.upper()
        return warn_of_reason(
            f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
            f"{name} Autocast only supports dtypes of {', '.join(map(str, SUPPORTED))} currently."
        )
    return True


def autocast_decorator(autocast_instance: autocast, func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose calls are in a region of ``autocast``.

    Args:
        autocast_instance: The region.
        func: What is called in it.

    >>> import minitensor as torch
    >>> multiply = torch.amp.autocast_mode.autocast_decorator(torch.autocast("cpu", torch.float16), torch.matmul)
    >>> multiply(torch.eye(2), torch.eye(2)).dtype
    torch.float16
    """

    @functools.wraps(func)
    def decorate_autocast(*args: Any, **kwargs: Any) -> Any:
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


class autocast:  # noqa: N801  # PyTorch's name
    """A region in which functions choose the dtypes of their arguments. A context manager and a decorator.

    Products, convolutions and linear layers cast floating-point tensors to the region's dtype; losses, FFTs,
    decompositions and other sensitive functions cast to float32; ``cat`` and ``stack`` to the widest dtype they are
    given. All others compute in the dtype they get. The lists are PyTorch's for the CPU, also on a GPU. Tensors of
    float64 are never cast, and neither is what a function writes into. Parameters are cast once in the outermost
    region.
    Use it for the forward pass and the loss; a backward pass computes in the dtypes of the forward pass.

    On the CPU this saves memory, not time: NumPy has no fast arithmetic in 16 bits, and computes float16 more slowly
    than float32. A region for "cuda" without a GPU warns and changes nothing. Each thread has regions of its own.

    Args:
        device_type: The kind of device whose tensors are cast: "cpu" or "cuda".
        dtype: ``float16`` or ``bfloat16``. Default: ``None``, what ``get_autocast_dtype`` returns.
        enabled: Whether anything is cast; False turns an outer region off. Default: ``True``.
        cache_enabled: Whether the casts of parameters are kept. Default: ``None``, as in the outer region.

    Raises:
        ValueError: If ``device_type`` is no string.
        RuntimeError: If there is no autocast for ``device_type``.

    >>> import minitensor as torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> with torch.autocast("cpu", dtype=torch.float16):
    ...     y = layer(torch.ones(1, 3))
    ...     loss = torch.nn.functional.mse_loss(y, torch.zeros(1, 2))
    >>> y.dtype, loss.dtype
    (torch.float16, torch.float32)
    """

    def __init__(
        self, device_type: str, dtype: Dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        require_name(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        if not is_autocast_available(device_type):
            raise DeviceError(f"autocast: unsupported autocast device_type {device_type!r}")
        self.device = device_type
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = enabled and may_cast(kind_of(device_type), self.fast_dtype)
        self.entered: list[AbstractContextManager[None]] = []

    def __enter__(self) -> autocast:
        now, kind = state.get(), kind_of(self.device)
        self.entered.append(in_state(now._replace(
            enabled=now.enabled | {kind} if self._enabled else now.enabled - {kind},
            dtypes={**now.dtypes, kind: self.fast_dtype}, caches=self._cache_enabled, depth=now.depth + 1,
        )))  # fmt: skip
        self.entered[-1].__enter__()
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.entered.pop().__exit__(None, None, None)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(func):
            raise ArgumentTypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as "
                "a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n        output = model(input)"
            )
        return autocast_decorator(self, func)


# -- autograd functions ------------------------------------------------------------------------------------------------


def cast_all(value: Any, device_type: str, dtype: Dtype) -> Any:
    """Return the floating-point tensors of a device in a dtype, except those of float64, also inside containers."""
    if isinstance(value, TensorBase):
        tensor: Any = value
        fits = tensor.is_floating_point() and tensor.device.type == device_type and tensor.dtype is not dtypes.float64
        return tensor.to(dtype) if fits else value
    if isinstance(value, (str, bytes)) or hasattr(value, "__array__"):
        return value
    if isinstance(value, Mapping):
        return {cast_all(k, device_type, dtype): cast_all(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, Iterable):
        found = (cast_all(each, device_type, dtype) for each in value)
        return type(value)(found) if isinstance(value, (list, tuple)) else found
    return value


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Dtype | None = None) -> Any:
    """Decorate the ``forward`` of an ``autograd.Function`` so that its ``backward`` has the same autocast state.

    Args:
        fwd: The method. Default: ``None``, for a decorator.
        device_type: The kind of device, "cpu" or "cuda".
        cast_inputs: In a region, cast floating-point tensors to this dtype and run ``forward`` with autocast off.
            Default: ``None``, to run it as the region is.

    Raises:
        ValueError: If ``device_type`` is no string.

    >>> import minitensor as torch
    >>> class Square(torch.autograd.Function):
    ...     @staticmethod
    ...     @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x @ x
    ...     @staticmethod
    ...     @torch.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad @ x.T + x.T @ grad
    >>> with torch.autocast("cpu", dtype=torch.float16):
    ...     Square.apply(torch.eye(2)).dtype
    torch.float32
    """
    require_name(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args: Any, **kwargs: Any) -> Any:
        context, is_on = args[0], is_autocast_enabled(device_type)
        context._dtype = get_autocast_dtype(device_type)
        context._fwd_used_autocast = is_on and cast_inputs is None
        if cast_inputs is None or not is_on:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            named = cast_all(kwargs, device_type, cast_inputs)
            return fwd(context, *cast_all(args[1:], device_type, cast_inputs), **named)

    return decorate_fwd


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorate the ``backward`` of an ``autograd.Function`` so that it has the autocast state of its ``forward``.

    Args:
        bwd: The method. Default: ``None``, for a decorator.
        device_type: The kind of device, as in ``custom_fwd``, which has an example.

    Raises:
        ValueError: If ``device_type`` is no string.

    >>> import minitensor as torch
    >>> decorate = torch.amp.custom_bwd(device_type="cpu")
    """
    require_name(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
