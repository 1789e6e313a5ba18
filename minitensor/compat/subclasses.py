"""``torch._subclasses``: tensors that only a compiler makes. Libraries ask whether they were given one; none is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UnsupportedError

__path__: list[str] = []  # as that of a package, so that its parts can be imported
fake_tensor = functional_tensor = sys.modules[__name__]


class FakeTensor:
    """The class of tensors without elements that a compiler makes, for ``isinstance``: there are none."""


class FunctionalTensor:
    """The class of tensors whose writes a compiler records, for ``isinstance``: there are none."""


def is_fake(x: object) -> bool:
    """Return False: no tensor is a compiler's."""
    return False


class FakeTensorMode:
    """The mode in which a compiler makes tensors without elements. The device "meta" does.

    Raises:
        NotImplementedError: If it is made.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UnsupportedError("FakeTensorMode: there is no compiler; make tensors on the device 'meta' instead")


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._subclasses")
