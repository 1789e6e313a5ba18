"""Files: checkpoints in PyTorch's own format, and weights in safetensors'.

``save`` and ``load`` exchange ``.pt`` files with PyTorch without having it; ``save_file`` and ``load_file`` do the same
with the simpler files that hold nothing but named tensors. No file of either kind can run code.
"""

from __future__ import annotations

from minitensor.serialization.checkpoint import load, save
from minitensor.serialization.weights import load_file, save_file

__all__ = ["load", "load_file", "save", "save_file"]
