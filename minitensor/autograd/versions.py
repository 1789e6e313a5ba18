"""Versions of saved tensors: recorded in the forward call, and compared before a formula reads the tensors.

Every write to a storage increments its version (``storage.py``). A saved tensor with another version has been changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import VersionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.node import Node
    from minitensor.storage import Storage


def check_versions(node: Node, index: int, values: Sequence[Any], versions: Sequence[Any]) -> None:
    """Raise if one of the tensors in a saved sequence has been written to."""
    for value, version in zip(values, versions, strict=True):
        check_version(node, node.argument(index), value, version)


def check_version(node: Node, what: str, value: Any, version: int) -> None:
    """Raise if a saved tensor has been written to."""
    if value is not None and version != -1 and value.version != version:
        raise version_error(node, what, version, value.storage)


def version_error(node: Node, what: str, then: int, storage: Storage) -> VersionError:
    """Return the error for a saved value that was changed in place. In anomaly mode it names the line of the write."""
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
    """Return the version of each tensor among the values, and -1 for other values."""
    return tuple([version_of(value) for value in values])


def version_of(value: Any) -> Any:
    """Return a tensor's version, a tuple of versions for a sequence with tensors, or -1."""
    if hasattr(value, "_storage"):
        return value.version
    if isinstance(value, (list, tuple)) and any(hasattr(one, "_storage") for one in value):
        return versions_of(value)
    return -1
