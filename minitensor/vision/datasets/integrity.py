"""Whether the files of a data set are there, and are the published ones; where they can be had if they are not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from minitensor.errors import ArgumentError, FileFormatError, MissingFileError, quote

CHUNK = 1 << 20


class Source(NamedTuple):
    """Where a data set can be had, and what is to be done with it."""

    url: str
    advice: str

    def __str__(self) -> str:
        return f"nothing is downloaded: get {self.url} and {self.advice}"


def require_file(folder: Path, names: Sequence[str], source: Source) -> Path:
    """Return the first of some files that is there; raise if none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise MissingFileError(f"{folder / names[0]}: no such file; {source}")


def verify(path: Path, md5: str | None, size: int | None, source: Source) -> None:
    """Raise unless a file has the size and the checksum of the published one."""
    found = path.stat().st_size
    if size is not None and found != size:
        raise FileFormatError(f"{path}: damaged: expected {size} bytes, found {found}; {advise(source)}")
    if md5 is not None and (checksum := md5_of(path)) != md5:
        raise FileFormatError(f"{path}: damaged: expected the MD5 checksum {md5}, found {checksum}; {advise(source)}")


def advise(source: Source) -> str:
    return f"{source}; or give integrity=False if it is another data set in this format"


def md5_of(path: Path) -> str:
    """Return the MD5 checksum of a file."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def require_choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return one of some words; raise for any other value."""
    if not isinstance(value, str) or value not in choices:
        raise ArgumentError(f"{name} must be one of {', '.join(choices)}, got {quote(value)}")
    return value
