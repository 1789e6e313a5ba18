"""Files that cannot be written or read: the error has PyTorch's class and the system's, and nothing is half-written.

PyTorch opens a path in C++, where each failure is a RuntimeError; a Python program expects the matching OSError. An
error here is a subclass of both.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt
from minitensor.errors import MinitensorError
from minitensor.serialization import load_file, save_file

POSIX = pytest.mark.skipif(os.name != "posix", reason="these files are POSIX's")
Call = Callable[[Any, Path], Any]


def value(lib: Any) -> Any:
    return {"x": lib.ones(3), "y": [1, "two", (3.5, None)]}


def content(lib: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    lib.save(value(lib), file, **options)
    return file.getvalue()


class Failing:
    """A Python file object whose reads and writes all raise a given error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def fail(self, *args: Any) -> Any:
        raise self.error

    read = readinto = readline = write = fail

    def flush(self) -> None: ...

    def tell(self) -> int:
        return 0

    def seek(self, *place: int) -> int:
        return 0


def open_file(path: Any, mode: str = "r", buffering: int = -1) -> Any:
    return open(path, mode, buffering)


def close_file(file: Any) -> Any:
    file.close()
    return file


SAVES: dict[str, tuple[Call, type[Exception]]] = {
    "a folder": (lambda t, folder: t.save(value(t), folder), IsADirectoryError),
    "a folder with a slash": (lambda t, folder: t.save(value(t), f"{folder}/"), IsADirectoryError),
    "a folder that is not there": (lambda t, folder: t.save(value(t), f"{folder}/nowhere/"), IsADirectoryError),
    "into a folder that is not there": (lambda t, folder: t.save(value(t), folder / "nowhere" / "x"),
                                        FileNotFoundError),
    "a file with a slash": (lambda t, folder: t.save(value(t), f"{folder}/old/"), OSError),
    "into a file": (lambda t, folder: t.save(value(t), folder / "old" / "x"), NotADirectoryError),
    "no name": (lambda t, folder: t.save(value(t), ""), FileNotFoundError),
    "a name that is too long": (lambda t, folder: t.save(value(t), folder / ("x" * 300)), OSError),
    "a link to itself": (lambda t, folder: t.save(value(t), folder / "loop"), OSError),
    "a device that is full": (lambda t, folder: t.save(value(t), "/dev/full"), OSError),
    "a device that is full, open": (lambda t, folder: t.save(value(t), open_file("/dev/full", "wb", 0)), OSError),
    "a closed file": (lambda t, folder: t.save(value(t), close_file(open_file(folder / "new", "wb"))), ValueError),
    "a closed buffer": (lambda t, folder: t.save(value(t), close_file(io.BytesIO())), ValueError),
    "a file open for reading": (lambda t, folder: t.save(value(t), open_file(folder / "old", "rb")), OSError),
    "a file open for text": (lambda t, folder: t.save(value(t), open_file(folder / "new", "w")), TypeError),
    "a text buffer": (lambda t, folder: t.save(value(t), io.StringIO()), TypeError),
    "an object that does not write": (lambda t, folder: t.save(value(t), object()), AttributeError),
    "nothing": (lambda t, folder: t.save(value(t), None), AttributeError),
    "a number": (lambda t, folder: t.save(value(t), 3), AttributeError),
    "bytes": (lambda t, folder: t.save(value(t), b"x"), AttributeError),
    "a file that fails": (lambda t, folder: t.save(value(t), Failing(OSError(5, "broken"))), OSError),
    "a file that fails in its own way": (lambda t, folder: t.save(value(t), Failing(KeyError("mine"))), KeyError),
    "a generator": (lambda t, folder: t.save((i for i in ()), folder / "new"), TypeError),
    "an open file as the value": (lambda t, folder: t.save(open_file(folder / "old", "rb"), io.BytesIO()), TypeError),
}  # fmt: skip

LOADS: dict[str, tuple[Call, type[Exception]]] = {
    "an empty file": (lambda t, folder: t.load(folder / "empty"), EOFError),
    "an empty buffer": (lambda t, folder: t.load(io.BytesIO()), EOFError),
    "a file at its end": (lambda t, folder: t.load(at_end(folder)), EOFError),
    "a device without content": (lambda t, folder: t.load("/dev/null"), EOFError),
    "a folder": (lambda t, folder: t.load(folder), IsADirectoryError),
    "a file that is not there": (lambda t, folder: t.load(folder / "nowhere"), FileNotFoundError),
    "a file in a file": (lambda t, folder: t.load(folder / "old" / "x"), NotADirectoryError),
    "no name": (lambda t, folder: t.load(""), FileNotFoundError),
    "a name that is too long": (lambda t, folder: t.load(folder / ("x" * 300)), OSError),
    "a link to itself": (lambda t, folder: t.load(folder / "loop"), OSError),
    "a name with a NUL": (lambda t, folder: t.load("a\0b"), ValueError),
    "a closed file": (lambda t, folder: t.load(close_file(open_file(folder / "old", "rb"))), ValueError),
    "a closed buffer": (lambda t, folder: t.load(close_file(io.BytesIO(b"x"))), ValueError),
    "a file open for writing": (lambda t, folder: t.load(open_file(folder / "new", "wb")), OSError),
    "a file open for text": (lambda t, folder: t.load(open_file(folder / "old")), AssertionError),
    "a text buffer": (lambda t, folder: t.load(io.StringIO("x")), AssertionError),
    "an object that does not read": (lambda t, folder: t.load(object()), AttributeError),
    "nothing": (lambda t, folder: t.load(None), AttributeError),
    "a number": (lambda t, folder: t.load(99), AttributeError),
    "bytes": (lambda t, folder: t.load(b"PK"), AttributeError),
    "a file that fails": (lambda t, folder: t.load(Failing(OSError(5, "broken"))), OSError),
    "a file that fails in its own way": (lambda t, folder: t.load(Failing(KeyError("mine"))), KeyError),
    "bytes that are no checkpoint": (lambda t, folder: t.load(io.BytesIO(bytes(range(256)))), pickle.UnpicklingError),
    "a pickle that is no checkpoint": (lambda t, folder: t.load(io.BytesIO(pickle.dumps([1, 2], 2))),
                                       pickle.UnpicklingError),
    "an object of a class": (lambda t, folder: t.load(io.BytesIO(pickle.dumps(folder, 2))), pickle.UnpicklingError),
    "a zip archive of nothing": (lambda t, folder: t.load(io.BytesIO(b"PK\5\6" + bytes(18))), pickle.UnpicklingError),
    "weights in safetensors": (lambda t, folder: t.load(io.BytesIO(b"\2" + bytes(7) + b"{}")), pickle.UnpicklingError),
    "a device that is not there": (lambda t, folder: t.load(folder / "good", "cuda"), RuntimeError),
    "a device of no name": (lambda t, folder: t.load(folder / "good", "x"), RuntimeError),
    "a number as the device": (lambda t, folder: t.load(folder / "good", 3), TypeError),
    "a map to a number": (lambda t, folder: t.load(folder / "good", {"cpu": 3}), TypeError),
    "a list as the device": (lambda t, folder: t.load(folder / "good", []), TypeError),
    "an unknown keyword": (lambda t, folder: t.load(folder / "good", map_locaton="cpu"), TypeError),
}  # fmt: skip


def at_end(folder: Path) -> Any:
    file = io.BytesIO((folder / "good").read_bytes())
    file.read()
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old").write_bytes(b"old content")
    (tmp_path / "empty").touch()
    (tmp_path / "good").write_bytes(content(mt))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path


def assert_refused_as_in_pytorch(call: Call, kind: type[Exception], folder: Path) -> Exception:
    """Require an error of a class, and of PyTorch's class too if it is installed."""
    with pytest.raises(kind) as ours:
        call(mt, folder)
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        call(torch, folder)
    assert issubclass(ours.type, theirs.type), f"{ours.value!r}, PyTorch raises {theirs.value!r:.200}"
    return ours.value


@POSIX
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAVES)
def test_a_file_that_cannot_be_written_is_refused_and_leaves_no_trace(name: str, folder: Path) -> None:
    call, kind = SAVES[name]
    with pytest.raises(kind):
        call(mt, folder)
    assert {each.name for each in folder.iterdir()} - {"new"} == {"old", "empty", "good", "loop"}
    assert (folder / "old").read_bytes() == b"old content"
    assert_refused_as_in_pytorch(call, kind, folder)
    gc.collect()  # the files left open are closed while their warnings are ignored


@POSIX
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LOADS)
def test_a_file_that_cannot_be_read_is_refused(name: str, folder: Path) -> None:
    assert_refused_as_in_pytorch(*LOADS[name], folder)
    gc.collect()


@POSIX
@pytest.mark.parametrize("name", ["", "nowhere/x", "old/x", "old/", "x" * 300, "loop"])
def test_errors_for_weights_have_the_systems_class(name: str, folder: Path) -> None:
    path = f"{folder}/{name}" if name else name
    with pytest.raises(OSError) as error:
        save_file({"x": mt.ones(2)}, path)
    assert isinstance(error.value, MinitensorError) and error.value.filename in (path, None)
    pytest.importorskip("safetensors")
    with pytest.raises(OSError):
        load_file(path)


@pytest.mark.parametrize("old", [False, True], ids=["archive", "before 1.6"])
def test_a_truncated_file_is_refused_with_pytorchs_class(old: bool) -> None:
    torch = pytest.importorskip("torch")
    whole = content(torch, _use_new_zipfile_serialization=not old)
    for length in range(len(whole)):
        with pytest.raises(RuntimeError) as ours:
            mt.load(io.BytesIO(whole[:length]))
        assert isinstance(ours.value, MinitensorError)
        with pytest.raises(Exception) as theirs:
            torch.load(io.BytesIO(whole[:length]), weights_only=True)
        accidental = theirs.type in (IndexError, struct.error)  # its unpickler does not check how much it read
        kind = EOFError if accidental else theirs.type
        assert isinstance(ours.value, kind), f"{length}: {ours.value!r}, PyTorch raises {theirs.value!r:.200}"


class Reluctant:
    """A file that takes seven bytes per write, or all bytes without returning a count."""

    def __init__(self, says: bool) -> None:
        self.says, self.content = says, b""

    def write(self, data: Any) -> int | None:
        part = bytes(data)[:7] if self.says else bytes(data)
        self.content += part
        return len(part) if self.says else None

    def flush(self) -> None: ...


class Unbuffered(Reluctant, io.RawIOBase):
    """The same, derived from Python's own base class."""

    def writable(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [Reluctant, Unbuffered])
def test_a_file_that_accepts_partial_writes_gets_everything(kind: type[Reluctant]) -> None:
    file = kind(True)
    mt.save(value(mt), file)  # type: ignore[arg-type]  # on purpose
    assert mt.load(io.BytesIO(file.content))["x"].tolist() == [1, 1, 1]


def test_a_write_without_a_count_is_trusted_unless_it_would_block() -> None:
    file = Reluctant(False)
    mt.save(value(mt), file)  # type: ignore[arg-type]  # on purpose
    assert mt.load(io.BytesIO(file.content))["x"].tolist() == [1, 1, 1]
    with pytest.raises(BlockingIOError, match="make it blocking"):
        mt.save(value(mt), Unbuffered(False))  # type: ignore[arg-type]  # on purpose


def test_a_file_with_only_the_methods_that_pytorch_requires_can_be_loaded() -> None:
    class Least:
        def __init__(self, file: io.BytesIO) -> None:
            self.read, self.readline, self.seek, self.tell = file.read, file.readline, file.seek, file.tell

    assert mt.load(Least(io.BytesIO(content(mt))))["x"].tolist() == [1, 1, 1]  # type: ignore[arg-type]  # on purpose
