"""Modules inside ``torch._dynamo`` that libraries import: nothing is compiled here, so nothing is traced either."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any


def is_compile_supported(device_type: Any) -> bool:
    """Return False: there is no compiler."""
    return False


class TransformGetItemToIndex(nullcontext[None]):
    """Index tensors by numbers of ``vmap`` in a block, which is allowed outside of it too."""


class OptimizedModule:
    """The class of compiled modules, for ``isinstance``: there are none; ``compile`` returns the module itself."""
