"""The records of a checkpoint as bytes, for programs that read a file of many weights in parts."""

from __future__ import annotations

import zipfile
from typing import IO

from minitensor.errors import UsageError


class PyTorchFileReader:
    """The records of a file that ``save`` wrote: ``data.pkl``, and ``data/0``, ``data/1``, ... with the storages.

    Args:
        name_or_buffer: The path of the file, or the file opened for reading bytes.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is no zip archive, or a wanted record is not in it.

    >>> import minitensor as torch
    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save(torch.zeros(2), file)
    >>> reader = torch.PyTorchFileReader(file)
    >>> reader.has_record("data.pkl"), len(reader.get_record("data/0"))
    (True, 8)
    """

    def __init__(self, name_or_buffer: str | IO[bytes]) -> None:
        try:
            self._archive = zipfile.ZipFile(name_or_buffer)
        except zipfile.BadZipFile as error:
            raise UsageError(f"PyTorchFileReader: {name_or_buffer!r} is not a zip archive") from error
        self._folder = self._archive.namelist()[0].partition("/")[0]

    def archive_name(self) -> str:
        """Return the name of the folder in the archive."""
        return self._folder

    def get_all_records(self) -> list[str]:
        """Return the names of all records."""
        return [name.partition("/")[2] for name in self._archive.namelist()]

    def has_record(self, name: str) -> bool:
        """Return whether there is a record of this name.

        Args:
            name: Without the folder of the archive, such as ``"data.pkl"``.
        """
        return name in self.get_all_records()

    def get_record(self, name: str) -> bytes:
        """Return the bytes of a record.

        Args:
            name: Without the folder of the archive, such as ``"data/0"``.

        Raises:
            RuntimeError: If there is no record of this name.
        """
        if not self.has_record(name):
            raise UsageError(f"PyTorchFileReader: there is no record {name!r} among {self.get_all_records()}")
        return self._archive.read(f"{self._folder}/{name}")
