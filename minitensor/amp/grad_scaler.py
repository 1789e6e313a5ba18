"""``GradScaler``: multiply a loss, so that small gradients do not become zero in float16, and divide the gradients."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.amp.autocast_mode import has_cuda
from minitensor.autograd.mode import no_grad
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, ScalerError, UsageError, quote
from minitensor.ops.creation import full

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """What was done with an optimizer since the last ``update``."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


@dataclass
class Progress:
    """What was done with an optimizer, and whether a gradient was infinite or NaN; None if none was looked at."""

    stage: OptState = OptState.READY
    found_inf: bool | None = None


class GradScaler:
    """Scales the loss, and thereby all gradients, so that float16 can hold small ones.

    ``step`` divides the gradients again, and leaves the parameters alone if one is infinite or NaN. ``update`` then
    makes the scale smaller; after many good steps it makes the scale larger. The numbers are PyTorch's.

    Without a GPU a scaler for "cuda" warns and is disabled: it passes losses on and calls ``optimizer.step``, so the
    same program trains without it.

    Args:
        device: "cuda" or "cpu". Default: ``"cuda"``.
        init_scale: The scale at first. Default: ``65536.0``.
        growth_factor: What the scale is multiplied by after ``growth_interval`` good steps. Default: ``2.0``.
        backoff_factor: What the scale is multiplied by after a bad step. Default: ``0.5``.
        growth_interval: The number of good steps in a row after which the scale grows. Default: ``2000``.
        enabled: Whether the scaler does anything. Default: ``True``.

    Raises:
        AssertionError: If ``growth_factor`` is not above 1, or ``backoff_factor`` not below 1.

    >>> import minitensor as torch
    >>> weight = torch.ones(2, requires_grad=True)
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> scaler = torch.amp.GradScaler("cpu")
    >>> scaler.scale(weight.sum()).backward()
    >>> weight.grad
    tensor([65536., 65536.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> weight.detach()
    tensor([0.5000, 0.5000])
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled and not warn_without_gpu(device)
        if not self._enabled:
            return
        if growth_factor <= 1:
            raise ScalerError(f"GradScaler: the growth factor must be > 1.0, got {growth_factor}")
        if backoff_factor >= 1:
            raise ScalerError(f"GradScaler: the backoff factor must be < 1.0, got {backoff_factor}")
        self._init_scale = init_scale
        self._scale: Tensor | None = None  # made on the device of the first loss
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0  # the number of good steps in a row
        self._per_optimizer_states: dict[int, Progress] = {}

    def scale(self, outputs: Any) -> Any:
        """Return a tensor, or the tensors in a list, tuple or other iterable, times the scale.

        Args:
            outputs: The loss, or several.

        Raises:
            ValueError: If an output is neither a tensor nor iterable.

        >>> import minitensor as torch
        >>> torch.amp.GradScaler("cpu", init_scale=4.0).scale([torch.ones(1), torch.ones(2)])
        [tensor([4.]), tensor([4., 4.])]
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, TensorBase):
            if self._scale is None:
                self._scale = full((), self._init_scale, dtype=dtypes.float32, device=outputs.device)
            return outputs * self._scale.to(outputs.device)
        if not isinstance(outputs, Iterable):
            raise ArgumentError(f"outputs must be a Tensor or an iterable of Tensors, got {quote(outputs)}")
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, for example to clip them before ``step``.

        Args:
            optimizer: The optimizer.

        Raises:
            AssertionError: If no loss was scaled before.
            RuntimeError: If this was done, or ``step`` was called, since the last ``update``.
            ValueError: If a gradient is of float16.

        >>> import minitensor as torch
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer, scaler = torch.optim.SGD([weight]), torch.amp.GradScaler("cpu")
        >>> scaler.scale(weight.sum()).backward()
        >>> scaler.unscale_(optimizer)
        >>> weight.grad
        tensor([1., 1.])
        """
        if not self._enabled:
            return
        scale, progress = require_scale(self, "unscale_"), progress_of(self, optimizer)
        if progress.stage is OptState.UNSCALED:
            raise UsageError("unscale_() has already been called on this optimizer since the last update()")
        if progress.stage is OptState.STEPPED:
            raise UsageError("unscale_() is being called after step(); call it before")
        grads = gradients_of(optimizer)
        if any(each.dtype is dtypes.float16 for each in grads):
            raise ArgumentError("unscale_: attempting to unscale FP16 gradients; keep the parameters in float32")
        progress.found_inf = unscale(grads, scale.double().reciprocal().float())
        progress.stage = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Unscale the gradients, if that is not done, and call ``optimizer.step`` if all of them are finite.

        Args:
            optimizer: The optimizer.
            *args, **kwargs: What its ``step`` is called with; a closure is refused.

        Raises:
            AssertionError: If no loss was scaled before, or no parameter has a gradient.
            RuntimeError: If ``step`` was called since the last ``update``, or with a closure.
            ValueError: If a gradient is of float16.

        >>> import minitensor as torch
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer, scaler = torch.optim.SGD([weight], lr=0.5), torch.amp.GradScaler("cpu")
        >>> scaler.scale(weight.sum() * float("inf")).backward()
        >>> scaler.step(optimizer)
        >>> weight
        tensor([1., 1.], requires_grad=True)
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise UsageError("closure use is not currently supported if GradScaler is enabled; call step without one")
        require_scale(self, "step")
        progress = progress_of(self, optimizer)
        if progress.stage is OptState.STEPPED:
            raise UsageError("step() has already been called since the last update()")
        if progress.stage is OptState.READY:
            self.unscale_(optimizer)
        if progress.found_inf is None:
            raise ScalerError("no inf checks were recorded for this optimizer: none of its parameters has a gradient")
        result = None if progress.found_inf else optimizer.step(*args, **kwargs)
        progress.stage = OptState.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Make the scale smaller after a bad step, larger after many good ones, or a given one.

        Args:
            new_scale: The scale from now on, a number or a tensor with one element. Default: ``None``.

        Raises:
            AssertionError: If no loss was scaled or no step was made before, or if ``new_scale`` is a tensor on another
                device, of several elements, or one that requires grad.

        >>> import minitensor as torch
        >>> scaler = torch.amp.GradScaler("cpu")
        >>> _ = scaler.scale(torch.ones(1))
        >>> scaler.update(128.0)
        >>> scaler.get_scale()
        128.0
        """
        if not self._enabled:
            return
        scale = require_scale(self, "update")
        if new_scale is None:
            adapt(self, scale)
        else:
            require_scale_on(self._device, new_scale)
            scale.fill_(new_scale if not isinstance(new_scale, TensorBase) else new_scale.item())
        self._per_optimizer_states = {}

    def get_scale(self) -> float:
        """Return the scale, 1.0 if the scaler is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """Return what the scale is multiplied by after many good steps."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Choose what the scale is multiplied by after many good steps.

        Args:
            new_factor: The factor.
        """
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """Return what the scale is multiplied by after a bad step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Choose what the scale is multiplied by after a bad step.

        Args:
            new_factor: The factor.
        """
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Return after how many good steps in a row the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Choose after how many good steps in a row the scale grows.

        Args:
            new_interval: The number of steps.
        """
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        return self._growth_tracker if self._enabled else 0

    def is_enabled(self) -> bool:
        """Return whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Return the scale, its factors and the number of good steps in a row; nothing if the scaler is disabled.

        >>> import minitensor as torch
        >>> torch.amp.GradScaler("cpu").state_dict()["scale"]
        65536.0
        """
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(), "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue as the scaler whose ``state_dict`` this is; do nothing if this scaler is disabled.

        Args:
            state_dict: What ``state_dict`` returned.

        Raises:
            RuntimeError: If it is empty, because it is that of a disabled scaler.

        >>> import minitensor as torch
        >>> scaler = torch.amp.GradScaler("cpu")
        >>> scaler.load_state_dict(torch.amp.GradScaler("cpu", init_scale=2.0).state_dict())
        >>> scaler.get_scale()
        2.0
        """
        if not self._enabled:
            return
        if not state_dict:
            raise UsageError(
                "the source state dict is empty, possibly because it was saved from a disabled instance of GradScaler"
            )
        names = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")
        scale, growth, backoff, interval, tracker = [state_dict[name] for name in names]
        self._init_scale, self._growth_factor, self._backoff_factor = scale, growth, backoff
        self._growth_interval, self._growth_tracker = interval, tracker
        if self._scale is not None:
            self._scale.fill_(scale)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._enabled:
            if self._per_optimizer_states:
                raise ScalerError(
                    "a GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()"
                )
            state.update(_init_scale=self.get_scale(), _scale=None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def adapt(scaler: GradScaler, scale: Tensor) -> None:
    """Change the scale as the steps since the last update went."""
    found = [each.found_inf for each in scaler._per_optimizer_states.values() if each.found_inf is not None]
    if not found:
        raise ScalerError("update: no inf checks were recorded prior to update; call step before")
    scaler._growth_tracker += 1
    if any(found):
        scale.copy_(scale.double() * scaler._backoff_factor)
        scaler._growth_tracker = 0
    elif scaler._growth_tracker == scaler._growth_interval:
        larger = (scale.double() * scaler._growth_factor).float()
        if math.isfinite(larger.item()):
            scale.copy_(larger)
        scaler._growth_tracker = 0


def require_scale(scaler: GradScaler, name: str) -> Tensor:
    """Return the scale; raise if no loss was scaled yet."""
    if scaler._scale is None:
        raise ScalerError(
            f"attempted {name} but there is no scale. This may indicate your script did not use scaler.scale(loss or "
            "outputs) earlier in the iteration."
        )
    return scaler._scale


def progress_of(scaler: GradScaler, optimizer: Any) -> Progress:
    """Return what was done with an optimizer since the last update."""
    return scaler._per_optimizer_states.setdefault(id(optimizer), Progress())


def warn_without_gpu(device: str) -> bool:
    """Return whether a scaler is for a GPU that is not there; warn if so."""
    missing = device == "cuda" and not has_cuda()
    if missing:
        warnings.warn(
            "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip
    return missing


def require_scale_on(device: str, new_scale: Any) -> None:
    """Raise if a tensor cannot be the new scale of a scaler for a device."""
    if not isinstance(new_scale, TensorBase):
        return
    tensor: Any = new_scale
    if tensor.device.type != device or tensor.numel() != 1 or tensor.requires_grad:
        raise ScalerError(
            "update: new_scale should be a float or a 1-element tensor with requires_grad=False on "
            f"{device}, got one of shape {tuple(tensor.shape)} on {tensor.device}, requires_grad={tensor.requires_grad}"
        )


def gradients_of(optimizer: Any) -> list[Any]:
    """Return the gradients of an optimizer's parameters."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    return [each.grad for each in parameters if each.grad is not None]


def unscale(grads: list[Any], inverse: Tensor) -> bool | None:
    """Multiply gradients by the inverse scale; return whether one was infinite or NaN, None if there are none."""
    if not grads:
        return None
    found = False
    with no_grad():
        for each in grads:
            numbers = each.coalesce().values() if each.is_sparse else each
            found = found or not numbers.isfinite().all().item()
            each.mul_(inverse.to(each.device))
    return found


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
