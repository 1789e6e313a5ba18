"""``utils.tensorboard``: curves, pictures and texts of a training run, in files that TensorBoard shows.

It needs the package ``tensorboard``, which the extra of this name installs.
"""

from __future__ import annotations

import sys
from typing import Any

from minitensor.compat.reasons import attribute_error
from minitensor.utils.tensorboard import writer


def __getattr__(name: str) -> Any:
    """Return SummaryWriter; raise ImportError without the package, so that programs can do without it."""
    if name in ("SummaryWriter", "FileWriter"):
        writer.require_tensorboard()
        return getattr(writer, name)
    raise attribute_error(__name__, name, sys.modules[__name__])
