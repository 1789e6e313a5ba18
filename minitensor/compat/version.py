"""``version``: this library's version, and those of GPU libraries that it was built with, which are none.

``TorchVersion`` is a string that is compared as a version: with strings, and with tuples of numbers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of

FINAL = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|rc|alpha|beta|dev|post)[-_.]?(\d*))?(?:\+[\w.]+)?$")
STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "rc": -1, "": 0, "post": 1}


class TorchVersion(str):
    """A version: a string, compared by its numbers with strings, tuples of numbers and versions of ``packaging``.

    >>> import minitensor as torch
    >>> torch.torch_version.TorchVersion("1.10.0") > "1.9", torch.torch_version.TorchVersion("1.10.0") >= (1, 10)
    (True, True)
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __lt__(self, other: Any) -> bool:
        a, b = keys(self, other)
        return bool(a < b)

    def __le__(self, other: Any) -> bool:
        a, b = keys(self, other)
        return bool(a <= b)

    def __gt__(self, other: Any) -> bool:
        a, b = keys(self, other)
        return bool(a > b)

    def __ge__(self, other: Any) -> bool:
        a, b = keys(self, other)
        return bool(a >= b)

    def __eq__(self, other: object) -> bool:
        a, b = keys(self, other)
        return bool(a == b)


def keys(version: str, other: Any) -> tuple[Any, Any]:
    """Return what to compare: numbers if both are versions, else the texts."""
    text = other if isinstance(other, str) else ".".join(map(str, other)) if isinstance(other, tuple) else str(other)
    a, b = key(str(version)), key(str(text))
    return (a, b) if a is not None and b is not None else (str(version), str(text))


def key(text: str) -> Any:
    """Return the numbers of a version without zeros at the end, its stage, and the number of the stage; or None."""
    found = FINAL.match(text.strip().lower())
    if found is None:
        return None
    numbers = [int(each) for each in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), STAGES[found[2] or ""], int(found[3] or 0), text.partition("+")[2].lower()


__version__ = TorchVersion("0.1.0")
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = ""

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.version")
