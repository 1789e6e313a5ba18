"""Files written completely or not at all: a draft replaces the old content once it is complete.

A regular file is replaced by renaming the draft, which on Linux has no name until then. If a rename would lose a
hard link or the owner, the complete draft is copied into the old file. A device is written directly, and so is a FIFO
that has a reader.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from minitensor.callers import user_level
from minitensor.errors import (
    WriteError,
    WriteIsADirectoryError,
    WriteNotADirectoryError,
    WriteNotFoundError,
    WritePermissionError,
)

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
ABANDONED = 3600  # seconds since its last write after which a draft counts as abandoned by a process that ended
PATIENCE = 5  # seconds to wait for a reader of a FIFO: a script must not hang


KINDS: dict[type[OSError], type[WriteError]] = {
    FileNotFoundError: WriteNotFoundError,
    IsADirectoryError: WriteIsADirectoryError,
    NotADirectoryError: WriteNotADirectoryError,
    PermissionError: WritePermissionError,
}


@contextmanager
def rewrite(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Yield a file open for writing bytes; its content becomes that of ``path`` if the block raises nothing.

    A symbolic link is kept and its target written. An old file's mode is kept.
    """
    try:
        with open_draft(path) as file:
            yield file
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        args = error.args if error.errno is None else (error.errno, error.strerror, os.fspath(path))
        raise KINDS.get(type(error), WriteError)(*args) from error


def open_draft(path: str | os.PathLike[str]) -> AbstractContextManager[IO[bytes]]:
    """Return a file for new content. The method depends on what the path names."""
    require_name(os.fspath(path))
    target = Path(os.path.realpath(path))
    try:
        old = os.stat(path)
    except FileNotFoundError:
        require_folder(target.parent)
        return replace(target, None)
    if not stat.S_ISREG(old.st_mode):
        return send_to_fifo(path) if stat.S_ISFIFO(old.st_mode) else open(path, "wb")
    if can_replace(target, old):
        return replace(target, old)
    return overwrite(target)


def require_name(path: str) -> None:
    """Raise if a path is empty or ends with a separator, which resolving it would drop."""
    if not path:
        raise WriteNotFoundError(errno.ENOENT, "the name of a file is missing", path)
    if path.endswith(SEPARATORS):
        raise WriteIsADirectoryError(errno.EISDIR, "expected the name of a file, got that of a folder", path)


def require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise WriteNotFoundError(f"parent directory {folder} does not exist; create it first")


def can_replace(target: Path, old: os.stat_result) -> bool:
    """Whether a rename loses nothing: the old file has one name, and this process can make files of its owner."""
    with target.open("r+b"):  # Raises if the file is write-protected; the rename alone would succeed.
        pass
    return old.st_nlink == 1 and can_own(old) and os.access(target.parent, os.W_OK | os.X_OK)


def can_own(old: os.stat_result) -> bool:
    """Whether this process may create files with the owner and group of an old one."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return True
    return old.st_uid == os.geteuid() and old.st_gid in (os.getegid(), *os.getgroups())


# -- regular files -----------------------------------------------------------------------------------------------------


@contextmanager
def replace(target: Path, old: os.stat_result | None) -> Iterator[IO[bytes]]:
    """Yield a draft that then replaces ``target``, with the owner and mode of the old file if there is one."""
    remove_old_drafts(target)
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
    """Return the start of the names of a file's drafts, short enough for any file system."""
    return f".{target.name[:40]}."


def remove_old_drafts(target: Path) -> None:
    """Remove drafts of a file that killed processes left behind."""
    with suppress(OSError):
        for entry in os.scandir(target.parent):
            if entry.name.startswith(draft_start(target)) and entry.name.endswith(".draft"):
                remove_if_old(entry)


def remove_if_old(draft: os.DirEntry[str]) -> None:
    with suppress(OSError):
        if draft.is_file(follow_symlinks=False) and time.time() - draft.stat().st_mtime > ABANDONED:
            os.unlink(draft.path)


def open_nameless(folder: Path, mode: int) -> IO[bytes] | None:
    """Open a file without a name, which vanishes if the process ends; return None if the system cannot."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
    except (OSError, AttributeError):
        return None
    if can_name(descriptor):
        return os.fdopen(descriptor, "w+b")
    os.close(descriptor)
    return None


def open_new(path: Path, mode: int) -> IO[bytes]:
    """Open a new file with the mode of the old one, so that it is never more widely readable."""
    return open(path, "x+b", opener=lambda name, flags: os.open(name, flags, mode))


def can_name(descriptor: int) -> bool:
    """Whether the system lists open files under /proc, which ``give_name`` needs."""
    return os.path.exists(f"/proc/self/fd/{descriptor}")


def give_name(file: IO[bytes], name: Path) -> None:
    """Give a nameless file a name."""
    folder = os.open(name.parent, os.O_RDONLY)
    try:  # Only with a folder's descriptor does Python follow the link to the open file.
        os.link(f"/proc/self/fd/{file.fileno()}", name, src_dir_fd=folder)
    finally:
        os.close(folder)


@contextmanager
def overwrite(target: Path) -> Iterator[IO[bytes]]:
    """Yield a draft that is then copied into ``target``, if the disk has room for it."""
    folder = target.parent if os.access(target.parent, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryFile(dir=folder) as draft, target.open("r+b") as file:
        yield draft
        size = draft.seek(0, os.SEEK_END)
        reserve(file, size)
        draft.seek(0)
        shutil.copyfileobj(draft, file)
        file.truncate(size)


def reserve(file: IO[bytes], size: int) -> None:
    """Reserve disk space for new content before the old content is overwritten."""
    before = os.fstat(file.fileno()).st_size
    try:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))
    except (OSError, AttributeError) as error:
        file.truncate(before)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise


# -- FIFOs and devices -------------------------------------------------------------------------------------------------


@contextmanager
def send_to_fifo(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a FIFO for writing; without a reader, warn after some seconds and discard what is written."""
    descriptor = open_fifo(path)
    if descriptor is None:
        warnings.warn(
            f"{os.fspath(path)}: no process opened this FIFO for reading within {PATIENCE} s: nothing was written",
            UserWarning,
            stacklevel=user_level(),
        )
        descriptor = os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(descriptor, "wb") as file:
        yield file


def open_fifo(path: str | os.PathLike[str]) -> int | None:
    """Open a FIFO for writing as soon as it has a reader; return None after a timeout."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > end:
                return None
            time.sleep(0.01)
        else:
            os.set_blocking(descriptor, True)
            return descriptor
