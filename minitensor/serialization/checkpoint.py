"""Checkpoints: PyTorch's ``.pt`` files, written and read without PyTorch.

A checkpoint is a zip archive of a pickle, which describes tensors as layouts on storages, and of the bytes of the
storages. Files from before PyTorch 1.6 hold the same without an archive; they are read too. The pickle is read by the
machine in ``reading``, which builds data and runs no code; on the caller's word, by Python's unpickler.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
import struct
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import IO, Any

from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    ByteOrderError,
    CutShortError,
    FileFormatError,
    FileReadError,
    MinitensorError,
    TextFileError,
    UsageError,
    WrongTypeError,
    quote,
    shorten,
)
from minitensor.serialization.budget import Budget
from minitensor.serialization.legacy import NO_VIEW, read_legacy, write_legacy
from minitensor.serialization.reading import Run, globals_in, run_safely
from minitensor.serialization.replacing import rewrite
from minitensor.serialization.settings import fallback_order, skips_data
from minitensor.serialization.storages import (
    Place,
    allocate,
    check_storage,
    host_bytes,
    move_to_device,
    parse_map_location,
    parse_storage,
    read_elements,
)
from minitensor.serialization.symbols import Memory, is_known
from minitensor.serialization.unpickling import run_freely
from minitensor.serialization.writing import pickle_value
from minitensor.storage import Storage

File = str | os.PathLike[str] | IO[bytes]

ROOT = "archive"  # the folder in an archive that is written to an open file
ALIGNMENT = 64  # bytes: storages start at multiples, as in PyTorch, so they can be mapped into memory
VERSIONS = [str(each).encode() for each in range(1, 11)]  # versions of archives that PyTorch reads
UNPICKLER_OPTIONS = {"encoding", "errors", "fix_imports", "buffers"}
KINDS: dict[type[Exception], type[FileFormatError]] = {EOFError: CutShortError, OSError: FileReadError}


# -- writing -----------------------------------------------------------------------------------------------------------


def save(
    obj: Any, f: File, pickle_module: Any = None, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:
    """Write tensors and containers of them to a file that PyTorch reads too.

    A storage is written once and whole, however many tensors share it. Gradients and history are not written.

    Args:
        obj: Any object that can be pickled. `load` and PyTorch read tensors, numbers, text, bytes, and lists, tuples,
            dicts, sets and counters of them without further arguments. For other objects, such as a whole module, they
            need ``weights_only=False``, which runs code that the file names; it is better to save a ``state_dict()``.
        f: A path, or a file open for writing bytes. The file at a path keeps its old content until the new one is
            complete, and keeps its mode, its links and its other names. A device or a FIFO is written directly.
        pickle_module, pickle_protocol, _disable_byteorder_record: Unused; kept for PyTorch compatibility.
        _use_new_zipfile_serialization: False writes the format from before PyTorch 1.6. Default: True, a zip archive.

    Raises:
        OSError, RuntimeError: If the system cannot write the file. The error is a child of the matching OSError, and of
            RuntimeError, which PyTorch raises.
        TypeError: If a value cannot be pickled, such as a generator or a function inside another one, or ``f`` is
            neither a path nor open for writing bytes.

    >>> import io
    >>> import minitensor as torch
    >>> file = io.BytesIO()
    >>> torch.save({"step": 3, "weight": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'step': 3, 'weight': tensor([1., 1.])}
    """
    check_writable(f, obj)
    pickle, storages = pickle_value(obj, b"" if _use_new_zipfile_serialization else NO_VIEW)
    root = Path(f).stem if isinstance(f, (str, os.PathLike)) else ROOT
    write = partial(write_archive, root) if _use_new_zipfile_serialization else write_legacy
    if isinstance(f, (str, os.PathLike)):
        with rewrite(f) as file:
            write(file, pickle, storages)
    else:
        write(CompleteWriter(f), pickle, storages)  # type: ignore[arg-type]  # all of a file that is used


class CompleteWriter:
    """A wrapper that writes all data to a file that may be unbuffered: such a file may write only a part."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes | memoryview) -> int:
        """Write the data."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.write_part(rest) :]
        return len(data)

    def write_part(self, data: memoryview) -> int:
        """Write some of the data and return the count. Files written in Python may return None for all of it."""
        written: int | None = self.file.write(data)
        if written == 0 or (written is None and isinstance(self.file, io.RawIOBase)):
            raise BlockingIOError(errno.EAGAIN, "save: the file does not accept the data now; make it blocking")
        return len(data) if written is None else written


def is_binary(f: Any, method: str) -> bool:
    """Whether a value has a method of files and is not open for text."""
    return hasattr(f, method) and not is_text(f)


def is_text(f: Any) -> bool:
    """Whether a value is a file open for text."""
    return isinstance(f, io.TextIOBase)


def check_writable(f: Any, obj: Any) -> None:
    """Raise unless ``f`` can be written to. If ``obj`` is a path or a file, the two arguments were swapped."""
    if isinstance(f, (str, os.PathLike)) or is_binary(f, "write"):
        return
    if isinstance(obj, (str, os.PathLike)) or hasattr(obj, "write"):
        raise WrongTypeError(
            f"save: expected the value first and the file second, got {quote(obj)} first: save(value, path)"
        )
    raise WrongTypeError(f"save: expected a path or a file open for writing bytes, got {quote(f)}; save(value, path)")


def write_archive(root: str, file: IO[bytes], pickle: bytes, storages: list[Storage]) -> None:
    """Write an archive."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        add_record(archive, f"{root}/data.pkl", pickle)
        add_record(archive, f"{root}/byteorder", sys.byteorder.encode())
        for number, storage in enumerate(storages):
            data = bytes(storage.nbytes()) if skips_data.get() else host_bytes(storage).data
            add_record(archive, f"{root}/data/{number}", data)
        add_record(archive, f"{root}/version", b"3\n")


def add_record(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    """Write one record at a multiple of the alignment. The gap before it is an extra field, which readers skip."""
    size = len(data) if isinstance(data, bytes) else data.nbytes
    info = zipfile.ZipInfo(name)
    zip64 = 20 if size >= zipfile.ZIP64_LIMIT else 0
    start = (archive.fp.tell() if archive.fp else 0) + 30 + len(name.encode()) + zip64 + 4
    gap = -start % ALIGNMENT
    info.extra = b"FB" + gap.to_bytes(2, "little") + b"Z" * gap
    with archive.open(info, "w", force_zip64=bool(zip64)) as record:
        record.write(data)


# -- reading -----------------------------------------------------------------------------------------------------------


def load(
    f: File, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None,
    mmap: bool | None = None, **pickle_load_args: Any,
) -> Any:
    """Read a file that this ``save`` or PyTorch's wrote.

    Tensors keep dtype, shape and strides, and tensors that shared a storage share one again. Unless
    ``weights_only`` is false, code in a file is never run: a file may hold data, and objects of the classes that
    `add_safe_globals` allows.

    Args:
        f: a path, or a file open for reading bytes.
        map_location: the device for all tensors; or a dict from saved devices to devices; or a function of a storage
            on the host and the name of the device it was saved from, which returns a storage, or None for that device.
            Default: None, the device from which each tensor was saved.
        pickle_module: a module with the class ``Unpickler`` to read the file with. It implies ``weights_only=False``.
        weights_only: read only data. False reads any object, as ``pickle.load`` does: **the file can then run any
            code, so give it only for files that you trust**. Default: None, which means True without ``pickle_module``.
        mmap: unused; kept for PyTorch compatibility.
        pickle_load_args: ``encoding`` and ``errors`` of text in files that Python 2 wrote, for ``weights_only=False``.

    Returns:
        The saved value.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, or names something that is not allowed, such as the class of a whole
            module (the error is a child of ``pickle.UnpicklingError`` too); if ``weights_only`` and ``pickle_module``
            are both given; if a tensor has a dtype that minitensor lacks, such as float8, or was saved from a device
            that this machine lacks (give ``map_location="cpu"``). If the file is empty or cut short, the error is a
            child of EOFError too.
        AttributeError, ImportError: If ``weights_only`` is false and there is no class that the file names.

    >>> import io
    >>> import minitensor as torch
    >>> file = io.BytesIO()
    >>> torch.save([torch.ones(2), "text"], file)
    >>> _ = file.seek(0)
    >>> torch.load(file, map_location="cpu")
    [tensor([1., 1.]), 'text']
    """
    run = choose_run(pickle_module, weights_only, pickle_load_args)
    place = parse_map_location(map_location)
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return read(file, place, str(f), run)
    if not is_binary(f, "read") or not is_binary(f, "seek"):
        kind = TextFileError if is_text(f) else WrongTypeError
        raise kind(f"load: expected a path or a file open for reading bytes, got {quote(f)}")
    return read(f, place, "the file", run)


def choose_run(module: Any, weights_only: bool | None, options: dict[str, Any]) -> Run:
    """Return the function that reads a pickle; safe unless the caller wants another."""
    unknown = sorted(options.keys() - UNPICKLER_OPTIONS)
    if unknown:
        raise ArgumentTypeError(f"load() got an unexpected keyword argument {unknown[0]!r}")
    if weights_only and module is not None:
        raise UsageError("load: cannot safely load weights when pickle_module is given; leave one of the two out")
    if weights_only or (weights_only is None and module is None):
        return run_safely
    return run_freely(module or pickle, {"encoding": "utf-8", **options})


def read(file: IO[bytes], place: Place, name: str, run: Run) -> Any:
    """Read a file of either format from its current position."""
    if not is_seekable(file):
        file = io.BytesIO(file.read())
    start = file.tell()
    head = file.read(4)
    size = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    return read_or_explain(file, head, size, place, name, run)


def is_seekable(file: IO[bytes]) -> bool:
    """Whether a file can seek. Files without the method ``seekable`` are not accepted by zipfile."""
    return hasattr(file, "seekable") and file.seekable()


def read_or_explain(file: IO[bytes], head: bytes, size: int, place: Place, name: str, run: Run) -> Any:
    """Read a file; turn any error in it into one that names the file."""
    try:
        return read_either(file, head, size, place, run)
    except MinitensorError as error:
        error.args = (f"{name}: {error}",)
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if run is not run_safely:  # an error of the code that the file names
            raise
        raise FileFormatError(f"{name}: cut short, damaged or not a checkpoint ({shorten(str(error))})") from error
    except (zipfile.BadZipFile, struct.error, EOFError, OSError, pickle.UnpicklingError) as error:
        kind = next((kind for cause, kind in KINDS.items() if isinstance(error, cause)), FileFormatError)
        raise kind(f"{name}: cut short or altered ({shorten(str(error))}); save or download it again") from error


def read_either(file: IO[bytes], head: bytes, size: int, place: Place, run: Run) -> Any:
    """Read a file of either format, told apart by its first bytes."""
    if not size:
        raise CutShortError("the file is empty")
    if head == b"PK\x03\x04":
        return read_archive(file, size, place, run)
    if head[:1] == b"\x80":
        return read_legacy(io.BytesIO(file.read(size)), size, place, run)
    raise FileFormatError(
        f"neither a zip archive nor a pickle, but {size} bytes that begin with {head!r}; "
        "a safetensors file is read by minitensor.serialization.load_file"
    )


def read_archive(file: IO[bytes], size: int, place: Place, run: Run) -> Any:
    """Read a zip archive."""
    with zipfile.ZipFile(file) as archive:
        records = find_records(archive, size)
        check_version(archive, records)
        order = byte_order(archive, records)
        known: dict[str, Memory] = {}

        def storage(identity: Any) -> Memory:
            kind, key, location, count = parse_storage(identity)
            if key not in known:
                record = records.get(f"data/{key}")
                if record is None:
                    raise FileFormatError(f"the archive has no record for storage {quote(key)}")
                flat = allocate(kind, count, record.file_size)
                if not skips_data.get():
                    with archive.open(record) as stream:
                        read_elements(flat, stream, order)
                known[key] = move_to_device(flat, location, place)
            return check_storage(known[key], kind, count)

        found = run(io.BytesIO(archive.read(records["data.pkl"])), storage, Budget(size))
    for memory in known.values():
        memory.settle()
    return found


def get_unsafe_globals_in_checkpoint(f: File) -> list[str]:
    """Return the names in a checkpoint that ``load`` refuses with ``weights_only=True``, without reading its tensors.

    Args:
        f: A path, or a file open for reading bytes.

    Raises:
        ValueError: If the file is not a checkpoint.
        RuntimeError: If the pickle in it is damaged.

    >>> import io
    >>> import minitensor as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "range": range(3)}, file)
    >>> torch.serialization.get_unsafe_globals_in_checkpoint(file)
    ['builtins.range']
    """
    try:
        with zipfile.ZipFile(f) as archive:
            data = archive.read(find_records(archive, sys.maxsize)["data.pkl"])
    except (zipfile.BadZipFile, FileFormatError):
        raise ArgumentError(
            f"get_unsafe_globals_in_checkpoint: {quote(f)} is not a checkpoint returned by torch.save"
        ) from None
    return [f"{module}.{name}" for module, name in sorted(globals_in(data)) if not is_known(module, name)]


def find_records(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return an archive's records by their names in its folder; raise if they claim more bytes than the file has."""
    records: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in archive.infolist():
        name = info.filename.partition("/")[2]
        if name in records:
            raise FileFormatError(f"the archive has two records of one name, {quote(name)}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise FileFormatError(f"record {quote(name)} of the archive is compressed; PyTorch writes them plain")
        if info.CRC == 0:
            del info.CRC  # PyTorch did not compute it; zipfile compares what is there
        records[name] = info
        total += info.file_size
    if total > size:
        raise FileFormatError(f"the records of the archive claim {total} bytes, the file has {size}")
    if "data.pkl" not in records:
        raise FileFormatError(f"a zip archive without a data.pkl is no checkpoint; it has {quote(list(records))}")
    return records


def check_version(archive: zipfile.ZipFile, records: dict[str, zipfile.ZipInfo]) -> None:
    """Raise unless PyTorch reads archives of this version."""
    version = archive.read(records["version"]) if "version" in records else b"3"
    if version.strip() not in VERSIONS:
        raise FileFormatError(f"the archive is of version {quote(version)}, expected 1 to {len(VERSIONS)}")


def byte_order(archive: zipfile.ZipFile, records: dict[str, zipfile.ZipInfo]) -> str:
    """Return the byte order of an archive, "little" or "big"."""
    if "byteorder" not in records:
        return fallback_order()
    order = archive.read(records["byteorder"])
    if order not in (b"little", b"big"):
        raise ByteOrderError(f"unknown endianness type {quote(order)}: the byteorder record must be little or big")
    return order.decode()
