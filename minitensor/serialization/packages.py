"""How files name the devices of memory that other packages bring: functions that tell a device, and that find it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitensor.storage import Storage

Tagger = Callable[[Any], "str | None"]
Deserializer = Callable[[Any, str], Any]

packages: list[tuple[int, Tagger, Deserializer]] = []


def register_package(priority: int, tagger: Tagger, deserializer: Deserializer) -> None:
    """Let functions tell in files where memory lies, and move it there when it is loaded.

    Those of a lower priority are asked first. If all return None, files name the CPU or a GPU, as without them.

    Args:
        priority: The place in the order.
        tagger: A function of a storage that returns the name of its device, or None.
        deserializer: A function of a storage on the CPU and a name that returns it on that device, or None.

    >>> import minitensor as torch
    >>> torch.serialization.register_package(11, lambda storage: None, lambda storage, location: None)
    """
    packages.append((priority, tagger, deserializer))
    packages.sort(key=lambda each: each[0])


def tag_of(storage: Storage, default: str) -> str:
    """Return the name of the device of a storage."""
    found = (tagger(storage) for _, tagger, _ in packages)
    return next((tag for tag in found if tag is not None), default)


def find_home(storage: Storage, location: str) -> Storage | None:
    """Return a storage on the device of a name, or None if no package knows it."""
    found = (deserializer(storage, location) for _, _, deserializer in packages)
    return next((home for home in found if home is not None), None)
