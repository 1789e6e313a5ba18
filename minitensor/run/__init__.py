"""Programs written for PyTorch: the name ``torch`` for this library, a runner, and a list of what is missing.

``python -m minitensor`` is the command; ``as_torch`` does the same within a program.
"""

from minitensor.run.alias import as_torch

__all__ = ["as_torch"]
