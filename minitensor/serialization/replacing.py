"""Files written whole or not at all: what is written to a draft takes the place of the old content when it is complete.

A regular file is replaced by renaming the draft, which has no name while it is written where the system allows it
(Linux). Where a rename would lose something, as a hard link or an owner, the old file is overwritten once the draft is
complete. A device or a FIFO is opened and written to; opening a FIFO waits for a reader. What a file contains is not
known here.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from minitensor.errors import MinitensorError

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
ABANDONED = 3600  # seconds since the last write after which a draft counts as left behind by a process that ended


class WriteError(MinitensorError, OSError, RuntimeError):
    """The system cannot write a file; PyTorch raises RuntimeError."""


class FileMissing(WriteError, FileNotFoundError):
    """The folder for a new file does not exist, or there is no name."""


class FolderGiven(WriteError, IsADirectoryError):
    """A folder in the place of a file."""


class FileGiven(WriteError, NotADirectoryError):
    """A file in the place of a folder."""


class MayNotWrite(WriteError, PermissionError):
    """A file, or a folder, that this process may not write."""


KINDS: dict[type[OSError], type[WriteError]] = {
    FileNotFoundError: FileMissing, IsADirectoryError: FolderGiven, NotADirectoryError: FileGiven,
    PermissionError: MayNotWrite,
}  # fmt: skip


@contextmanager
def rewrite(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Lend a file open for writing bytes, whose content becomes that of ``path`` if nothing raises inside.

    A symbolic link stays, and the file that it names is written; a file keeps its mode.
    """
    try:
        with open_draft(path) as file:
            yield file
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        told = error.args if error.errno is None else (error.errno, error.strerror, os.fspath(path))
        raise KINDS.get(type(error), WriteError)(*told) from error


def open_draft(path: str | os.PathLike[str]) -> AbstractContextManager[IO[bytes]]:
    """Return a file for new content, by what is there now."""
    require_name(os.fspath(path))
    target = Path(os.path.realpath(path))
    try:
        old = os.stat(path)
    except FileNotFoundError:
        require_folder(target.parent)
        return replace(target, None)
    if not stat.S_ISREG(old.st_mode):
        return open(path, "wb")
    if can_replace(target, old):
        return replace(target, old)
    return overwrite(target)


def require_name(path: str) -> None:
    """Refuse what can only name a folder; resolving a path would drop the sign of that."""
    if not path:
        raise FileMissing(errno.ENOENT, "the name of a file is missing", path)
    if path.endswith(SEPARATORS):
        raise FolderGiven(errno.EISDIR, "the name of a folder, where a file is written", path)


def require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise FileMissing(f"parent directory {folder} does not exist; create it first")


def can_replace(target: Path, old: os.stat_result) -> bool:
    """Tell whether a new file of this name would be all that the old one is: of the same owner, with one name only."""
    with target.open("r+b"):  # Raises for a file that may not be written, though its folder may.
        pass
    return old.st_nlink == 1 and can_own(old) and os.access(target.parent, os.W_OK | os.X_OK)


def can_own(old: os.stat_result) -> bool:
    """Tell whether this process may make files of the owner and group of an old one."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return True
    return old.st_uid == os.geteuid() and old.st_gid in (os.getegid(), *os.getgroups())


# -- regular files -----------------------------------------------------------------------------------------------------


@contextmanager
def replace(target: Path, old: os.stat_result | None) -> Iterator[IO[bytes]]:
    """Lend a draft that takes the place of ``target``, with the owner and mode of the old file if there is one."""
    remove_abandoned(target)
    mode = 0o666 if old is None else stat.S_IMODE(old.st_mode) & 0o666
    draft = target.with_name(f"{draft_start(target)}{os.urandom(4).hex()}.draft")
    try:
        with open_nameless(target.parent, mode) or open_new(draft, mode) as file:
            yield file
            file.flush()
            if not draft.exists():
                give_name(file, draft)
        if old is not None:
            keep_owner_and_mode(draft, old)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def keep_owner_and_mode(draft: Path, old: os.stat_result) -> None:
    new = draft.stat()
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.chown(draft, old.st_uid, old.st_gid)
    draft.chmod(stat.S_IMODE(old.st_mode))


def draft_start(target: Path) -> str:
    """Return how the names of a file's drafts begin, short enough for any file system."""
    return f".{target.name[:40]}."


def remove_abandoned(target: Path) -> None:
    """Remove the drafts of a file that nobody writes any longer: processes that were killed left them behind."""
    with suppress(OSError):
        for entry in os.scandir(target.parent):
            if entry.name.startswith(draft_start(target)) and entry.name.endswith(".draft"):
                remove_if_abandoned(entry)


def remove_if_abandoned(draft: os.DirEntry[str]) -> None:
    with suppress(OSError):
        if draft.is_file(follow_symlinks=False) and time.time() - draft.stat().st_mtime > ABANDONED:
            os.unlink(draft.path)


def open_nameless(folder: Path, mode: int) -> IO[bytes] | None:
    """Open a new file that has no name yet, and vanishes if the process ends; None where there is no such thing."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
    except (OSError, AttributeError):
        return None
    if can_name(descriptor):
        return os.fdopen(descriptor, "w+b")
    os.close(descriptor)
    return None


def open_new(path: Path, mode: int) -> IO[bytes]:
    """Open a new file that nobody may read who may not read the old one."""
    return open(path, "x+b", opener=lambda name, flags: os.open(name, flags, mode))


def can_name(descriptor: int) -> bool:
    """Tell whether the system shows open files as names, which ``give_name`` needs."""
    return os.path.exists(f"/proc/self/fd/{descriptor}")


def give_name(file: IO[bytes], name: Path) -> None:
    """Give a nameless file a name."""
    folder = os.open(name.parent, os.O_RDONLY)
    try:  # With a folder's descriptor Python follows the link to the open file; without one it would link the link.
        os.link(f"/proc/self/fd/{file.fileno()}", name, src_dir_fd=folder)
    finally:
        os.close(folder)


@contextmanager
def overwrite(target: Path) -> Iterator[IO[bytes]]:
    """Lend a draft whose content is copied into ``target`` when it is complete and the disk has room for it."""
    folder = target.parent if os.access(target.parent, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryFile(dir=folder) as draft, target.open("r+b") as file:
        yield draft
        size = draft.seek(0, os.SEEK_END)
        reserve(file, size)
        draft.seek(0)
        shutil.copyfileobj(draft, file)
        file.truncate(size)


def reserve(file: IO[bytes], size: int) -> None:
    """Take the room for a file's new content while it still has the old one."""
    before = os.fstat(file.fileno()).st_size
    try:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))
    except (OSError, AttributeError) as error:
        file.truncate(before)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
