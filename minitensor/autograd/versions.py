"""Versions of what was saved: noted in the forward call, and compared before a formula reads it.

Every write to a storage counts its version up (``storage.py``), so a saved tensor with another version was changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import VersionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.node import Node
    from minitensor.storage import Storage


def check_versions(node: Node, index: int, values: Sequence[Any], versions: Sequence[Any]) -> None:
    """Raise if one of a saved sequence of tensors was written to since."""
    for value, version in zip(values, versions, strict=True):
        check_version(node, node.argument(index), value, version)


def check_version(node: Node, what: str, value: Any, version: int) -> None:
    """Raise if one saved tensor was written to since."""
    if value is not None and version != -1 and value.version != version:
        raise version_error(node, what, version, value.storage)


def version_error(node: Node, what: str, then: int, storage: Storage) -> VersionError:
    """Return the error for a saved value that was changed in place; it names the line if anomaly mode saw the write."""
    write = getattr(getattr(storage, "owner", storage), "written", None)
    line = None if node.hooks is None else node.hooks.line()
    after = "" if write is None else f", after {write}"
    origin = "" if line is None else f"; its forward call was at {line}"
    hint = "" if write is not None else "; autograd.set_detect_anomaly(True) shows the line of the write"
    return VersionError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{node.name()} had saved {what} at version {then}, and it is at version {storage.version} now{after}{origin}; "
        f"clone it before the in-place operation, or use the out-of-place one{hint}"
    )


def versions_of(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return the version of each tensor among the values, -1 for the rest."""
    return tuple([version_of(value) for value in values])


def version_of(value: Any) -> Any:
    """Return a tensor's version, a tuple for a sequence with tensors, -1 for anything else."""
    if hasattr(value, "_storage"):
        return value.version
    if isinstance(value, (list, tuple)) and any(hasattr(one, "_storage") for one in value):
        return versions_of(value)
    return -1
