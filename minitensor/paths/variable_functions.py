"""``torch._VF``: the functions of ``torch``, under the name by which PyTorch's own layers call them."""

import sys
from typing import Any


def __getattr__(name: str) -> Any:
    """Return the name of the package; the error for a missing one is its own."""
    return getattr(sys.modules["minitensor"], name)
