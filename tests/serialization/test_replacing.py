"""Writing to an existing file: its kind, names, owner and mode are kept, and a failure leaves its content unchanged."""

from __future__ import annotations

import errno
import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt
from minitensor.serialization import load_file, replacing, save_file

POSIX = pytest.mark.skipif(os.name != "posix", reason="these kinds and modes of files need POSIX")
Save = Callable[[Any, Any], None]

writers = pytest.mark.parametrize(("save", "load"), [(mt.save, mt.load), (save_file, load_file)], ids=["pt", "weights"])


def value(number: float) -> dict[str, Any]:
    return {"x": mt.full((1000,), number)}


def is_value(found: Any, number: float) -> bool:
    return bool((found["x"] == number).all()) and len(found["x"]) == 1000


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture(params=[True, False], ids=["nameless draft", "named draft"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try both ways to make a temporary file, whatever this system supports."""
    if not request.param:
        monkeypatch.setattr(replacing, "open_nameless", lambda folder, mode: None)


# -- regular files -----------------------------------------------------------------------------------------------------


@writers
@pytest.mark.usefixtures("any_system")
def test_a_file_is_created_and_replaced(save: Save, load: Any, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    for number in (1, 2):
        save(value(number), tmp_path / "x.pt")
        assert is_value(load(tmp_path / "x.pt"), number) and names(tmp_path) == ["x.pt"]


@POSIX
@writers
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755, 0o4700])
@pytest.mark.usefixtures("any_system")
def test_a_file_keeps_its_mode(save: Save, load: Any, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.touch()
    path.chmod(mode)
    save(value(1), path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@POSIX
@writers
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
@pytest.mark.usefixtures("any_system")
def test_a_new_file_has_the_default_mode(save: Save, load: Any, mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        save(value(1), tmp_path / "x.pt")
        (tmp_path / "plain").touch()
    finally:
        os.umask(before)
    assert (tmp_path / "x.pt").stat().st_mode == (tmp_path / "plain").stat().st_mode


@POSIX
@writers
@pytest.mark.usefixtures("any_system")
def test_links_stay_links(save: Save, load: Any, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "link").symlink_to("elsewhere/target")  # of a file that does not exist yet
    (tmp_path / "link to link").symlink_to("link")
    for number in (1, 2):
        save(value(number), tmp_path / "link to link")
        assert (tmp_path / "link to link").is_symlink() and (tmp_path / "link").is_symlink()
        assert not (folder / "target").is_symlink() and is_value(load(folder / "target"), number)
    assert names(folder) == ["target"]


@POSIX
@writers
def test_all_hard_links_see_the_saved_content(save: Save, load: Any, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    (tmp_path / "one").write_bytes(bytes(100_000))
    os.link(tmp_path / "one", tmp_path / "two")
    save(value(3), tmp_path / "one")
    assert is_value(load(tmp_path / "two"), 3) and (tmp_path / "one").samefile(tmp_path / "two")
    assert names(tmp_path) == ["one", "two"]


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Return a folder that every user can enter; pytest's own is inside one that only its user can."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def as_other_user(program: str, *arguments: object) -> str:
    """Run a program as an unprivileged user, who owns no file here."""
    drop = "import os, minitensor as mt, sys\nif os.geteuid() == 0: os.setresuid(*[65534] * 3)\n"
    command = [sys.executable, "-c", drop + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make files of other users")
def test_a_file_in_a_read_only_folder_can_be_written(open_path: Path) -> None:
    path = open_path / "x.pt"
    path.write_bytes(b"old")
    path.chmod(0o666)
    open_path.chmod(0o555)
    as_other_user("mt.save([1], sys.argv[1])", path)
    assert mt.load(path) == [1] and path.stat().st_uid == 0 and stat.S_IMODE(path.stat().st_mode) == 0o666
    path.chmod(0o444)
    open_path.chmod(0o777)
    program = "try: mt.save([2], sys.argv[1])\nexcept PermissionError: print('refused')"
    assert as_other_user(program, path) == "refused\n" and mt.load(path) == [1] and names(open_path) == ["x.pt"]


# -- failures ----------------------------------------------------------------------------------------------------------


def fails(root: str, file: Any, *content: object) -> None:
    file.write(b"half of it")
    raise OSError(errno.ENOSPC, "no space left on device")


@POSIX
@pytest.mark.parametrize("many_names", [False, True])
@pytest.mark.usefixtures("any_system")
def test_a_failing_write_leaves_the_old_content(
    many_names: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pt"
    mt.save(value(1), path)
    if many_names:
        os.link(path, tmp_path / "y.pt")
    before = names(tmp_path)
    monkeypatch.setattr("minitensor.serialization.checkpoint.write_archive", fails)
    with pytest.raises(OSError, match="no space"):
        mt.save(value(2), path)
    assert is_value(mt.load(path), 1) and names(tmp_path) == before


@POSIX
@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space cannot be reserved")
def test_a_full_disk_is_detected_before_a_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    mt.save([1], path)
    os.link(path, tmp_path / "y.pt")
    before = path.read_bytes()
    program = (
        "import resource, signal, sys, minitensor as mt\n"
        "from minitensor.serialization import replacing\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: replacing.reserve(file, 20_000)\n"
        "except OSError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "refused\n" and path.read_bytes() == before


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    for kind in (FileNotFoundError, RuntimeError):
        with pytest.raises(kind, match=r"parent directory .*nowhere does not exist"):
            mt.save(value(1), tmp_path / "nowhere" / "x.pt")
    with pytest.raises(IsADirectoryError):
        mt.save(value(1), tmp_path)


# -- temporary files ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="temporary files have names on this system")
def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time, minitensor.serialization.replacing as replacing\n"
        "with replacing.rewrite(sys.argv[1]) as file:\n"
        "    file.write(bytes(10**6)); file.flush(); print('written', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "x")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert names(tmp_path) == []


def test_old_temporary_files_are_removed_and_recent_ones_are_not(tmp_path: Path) -> None:
    for name in (".x.pt.00000000.draft", ".x.pt.11111111.draft", ".y.pt.00000000.draft", ".x.pt.other"):
        (tmp_path / name).touch()
        if name != ".x.pt.11111111.draft":
            os.utime(tmp_path / name, (0, time.time() - 2 * replacing.ABANDONED))
    mt.save(value(1), tmp_path / "x.pt")
    assert names(tmp_path) == [".x.pt.11111111.draft", ".x.pt.other", ".y.pt.00000000.draft", "x.pt"]


@pytest.mark.usefixtures("any_system")
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    mt.save(value(1), tmp_path / ("ä" * 127))
    assert is_value(mt.load(tmp_path / ("ä" * 127)), 1)


# -- devices and FIFOs -------------------------------------------------------------------------------------------------


@POSIX
@writers
def test_a_fifo_is_written_to(save: Save, load: Any, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    save({"x": mt.full((100_000,), 2.0)}, fifo)  # more than a pipe holds
    reader.join()
    assert stat.S_ISFIFO(fifo.stat().st_mode) and names(tmp_path) == ["fifo"]
    (tmp_path / "copy").write_bytes(received[0])
    assert load(tmp_path / "copy")["x"].sum().item() == 200_000


@POSIX
def test_a_checkpoint_is_read_from_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: mt.save(value(2), tmp_path / "fifo"))
    writer.start()
    assert is_value(mt.load(tmp_path / "fifo"), 2)
    writer.join()


@POSIX
def test_a_fifo_without_a_reader_warns_and_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "PATIENCE", 0.05)
    os.mkfifo(tmp_path / "fifo")
    with pytest.warns(UserWarning, match="no process opened this FIFO"):
        mt.save(value(1), tmp_path / "fifo")
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


@POSIX
@writers
def test_a_device_is_written_to_and_not_replaced(save: Save, load: Any, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    for path in ("/dev/null", tmp_path / "link"):
        save(value(1), path)
        assert stat.S_ISCHR(os.stat(path).st_mode)
    assert (tmp_path / "link").is_symlink() and names(tmp_path) == ["link"]


@POSIX
def test_standard_output_is_written_to() -> None:
    program = "import minitensor as mt; mt.save([1, 2], '/dev/stdout')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert mt.load(io.BytesIO(done.stdout)) == [1, 2]


class Stream(io.RawIOBase):
    """A file that can only be written to sequentially."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += bytes(data)
        return len(bytes(data))


def test_a_stream_without_seek_can_be_written_to() -> None:
    stream = Stream()
    mt.save(value(1), stream)  # type: ignore[arg-type]  # RawIOBase is not called IO[bytes]
    assert zipfile.is_zipfile(io.BytesIO(stream.content)) and is_value(mt.load(io.BytesIO(stream.content)), 1)
    torch = pytest.importorskip("torch")
    assert torch.load(io.BytesIO(stream.content), weights_only=True)["x"].eq(1).all()


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TypeError, AttributeError])
def test_swapped_arguments_are_reported(kind: type[Exception], tmp_path: Path) -> None:
    for first in (tmp_path / "x.pt", str(tmp_path / "x.pt"), io.BytesIO()):
        with pytest.raises(kind, match=r"the value first and the file second, got .* save\(value, path\)"):
            mt.save(first, value(1))  # type: ignore[arg-type]  # on purpose
    for file in (None, 3, value(1), io.StringIO()):
        with pytest.raises(kind, match="a path or a file open for writing bytes, got"):
            mt.save(value(1), file)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(kind, match="a path or a file open for reading bytes, got"):
            mt.load(file)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match=r"save_file\(tensors, path\)"):
        save_file(tmp_path / "x.pt", value(1))  # type: ignore[arg-type]  # on purpose
    assert names(tmp_path) == []
