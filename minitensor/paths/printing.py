"""``torch._tensor_str``: how tensors are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import elements_of
from minitensor.compat.reasons import attributes_of
from minitensor.printing import get_printoptions, write_elements
from minitensor.printing import printoptions as printoptions
from minitensor.printing import set_printoptions as set_printoptions


class PrinterOptions:
    """The options of ``set_printoptions`` as attributes, which may be read and set."""

    def __getattr__(self, name: str) -> Any:
        options = get_printoptions()
        if name not in options:
            raise AttributeError(f"'PrinterOptions' object has no attribute {name!r}")
        return options[name]

    def __setattr__(self, name: str, value: Any) -> None:
        set_printoptions(**{name: value})


PRINT_OPTS = PrinterOptions()


def _tensor_str(self: Any, indent: int) -> str:
    """Return the elements of a tensor as text, without what stands around them."""
    return write_elements(elements_of(self.detach().cpu()), indent)


def _str(self: Any, *, tensor_contents: Any = None) -> str:
    """Return a tensor as text."""
    return repr(self)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._tensor_str")
