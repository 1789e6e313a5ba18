"""``Container``, the deprecated base of modules that hold others."""

from __future__ import annotations

import warnings
from typing import Any

from minitensor.callers import user_level
from minitensor.nn.module import Module


class Container(Module):
    """A module with other modules under the names of keyword arguments. Deprecated: assign them to attributes.

    Args:
        **kwargs: Modules, or None.

    Shape:
        - Input: as the ``forward`` of a subclass takes it
        - Output: as it returns it

    >>> import minitensor as torch
    >>> torch.nn.Container(first=torch.nn.ReLU())  # doctest: +SKIP
    Container(
      (first): ReLU()
    )
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        message = (
            "`nn.Container` is deprecated. All of it's functionality is now implemented in `nn.Module`. Subclass that "
            "instead."
        )
        warnings.warn(message, FutureWarning, stacklevel=user_level())
        for name, module in kwargs.items():
            self.add_module(name, module)
