"""Whether the compiled kernels are used, and Winograd's algorithm among them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Flags:
    """The switches of ``minitensor.backends.fast``."""

    enabled: bool = True
    winograd: bool = True


FLAGS = Flags()
