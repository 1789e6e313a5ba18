"""Files: checkpoints in PyTorch's format and weights in the safetensors format.

``save`` and ``load`` exchange ``.pt`` files with PyTorch, which need not be installed. ``save_file`` and ``load_file``
exchange safetensors files, which hold only named tensors. Loading a file never runs code from it.
"""

from __future__ import annotations

from minitensor.serialization.checkpoint import load, save
from minitensor.serialization.weights import load_file, save_file

__all__ = ["load", "load_file", "save", "save_file"]
