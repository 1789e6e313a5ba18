"""What ``torch.cuda.amp`` and ``torch.cpu.amp`` share: former names of ``torch.amp`` for one kind of device."""

from __future__ import annotations

import warnings

from minitensor.callers import user_level


def warn_of_former_name(former: str, instead: str) -> None:
    """Warn that a name of one device is deprecated."""
    warnings.warn(
        f"`torch.{former}` is deprecated. Please use `torch.amp.{instead}` instead.",
        FutureWarning, stacklevel=user_level(),
    )  # fmt: skip
