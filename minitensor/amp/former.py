"""What ``torch.cuda.amp`` and ``torch.cpu.amp`` share: former names of ``torch.amp`` for one kind of device."""

from __future__ import annotations

import warnings
from typing import ClassVar

from minitensor.amp import grad_scaler
from minitensor.callers import user_level


def warn_of_former_name(former: str, instead: str) -> None:
    """Warn that a name of one device is deprecated."""
    warnings.warn(
        f"`torch.{former}` is deprecated. Please use `torch.amp.{instead}` instead.",
        FutureWarning, stacklevel=user_level(),
    )  # fmt: skip


class FormerGradScaler(grad_scaler.GradScaler):
    """The scaler of one kind of device, which a subclass names; deprecated."""

    place: ClassVar[str]

    def __init__(
        self, init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ) -> None:
        warn_of_former_name(f"{self.place}.amp.GradScaler(args...)", f"GradScaler('{self.place}', args...)")
        super().__init__(self.place, init_scale, growth_factor, backoff_factor, growth_interval, enabled)
