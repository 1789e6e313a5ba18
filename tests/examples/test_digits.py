"""The example script: it reads real digits with 98% accuracy, shows its results, and refuses bad files by name."""

from __future__ import annotations

import os
import re
import runpy
import struct
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
pytest.importorskip("safetensors")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "examples" / "digits.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # imports the sources, even if the package is not installed
PICTURES = ("preprocessing.png", "curves.png", "filters.png", "confusion.png", "misread.png")


def run(*options: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, options)]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


@pytest.fixture(scope="module")
def training(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(cwd=folder)


def test_its_last_line_is_an_accuracy_of_98_percent_or_more(training: subprocess.CompletedProcess[str]) -> None:
    assert training.returncode == 0, training.stderr[-3000:]
    last = training.stdout.splitlines()[-1]
    assert re.fullmatch(r"test accuracy: \d\d\d?\.\d\d%", last)
    assert float(last.split()[-1].rstrip("%")) >= 98


def test_augmented_images_teach_too(tmp_path: Path) -> None:
    done = run("--augment", "--epochs", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(done.stdout.splitlines()[-1].split()[-1].rstrip("%")) >= 85


def test_it_prints_the_layers_with_shapes_and_parameters(training: subprocess.CompletedProcess[str]) -> None:
    rows = {line.split()[0]: line for line in training.stdout.splitlines() if line}
    assert re.search(r"Conv2d +32 x 8 x 8 +288$", rows["conv1"])  # 32 filters of 3 x 3
    assert re.search(r"Conv2d +64 x 4 x 4 +18,432$", rows["conv2"])  # 64 x 32 x 9
    assert re.search(r"Linear +10 +1,290$", rows["scores"])  # 128 x 10 + 10
    assert rows["all"].endswith(" 53,098")


def test_it_shows_progress_with_loss_and_accuracy(training: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"epoch 15/15: 100%.*loss \d\.\d{3} accuracy \d+\.\d%, held out: loss", training.stderr)


def test_a_fresh_process_evaluates_the_saved_weights(
    training: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert "reloaded in a fresh process: the same accuracy" in training.stdout
    again = run("--check", folder / "output" / "digits.safetensors", cwd=folder)
    assert again.stdout.splitlines()[-1] == training.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", PICTURES)
def test_it_draws_its_plots(training: subprocess.CompletedProcess[str], folder: Path, name: str) -> None:
    assert (folder / "output" / name).read_bytes().startswith(b"\x89PNG")


def failure(monkeypatch: pytest.MonkeyPatch, *options: object) -> str:
    """Run the script in this process, which is faster, and return its exit message."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, options)])
    with pytest.raises(SystemExit) as found:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return str(found.value)


def test_altered_weights_are_refused_in_one_line(
    training: subprocess.CompletedProcess[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((folder / "output" / "digits.safetensors").read_bytes())
    content[-100] ^= 1
    altered = folder / "altered.safetensors"
    altered.write_bytes(content)
    message = failure(monkeypatch, "--check", altered)
    assert re.fullmatch(r".*altered\.safetensors: altered since it was saved: .*", message)


def write_mnist(folder: Path, images: int, labels: int) -> None:
    for split in ("train", "t10k"):
        pixels = bytes(value % 251 for value in range(images * 28 * 28))
        (folder / f"{split}-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, images, 28, 28) + pixels)
        classes = bytes(place % 10 for place in range(labels))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, labels) + classes)


def test_it_trains_on_mnist_files_in_a_folder(tmp_path: Path) -> None:
    write_mnist(tmp_path, 70, 70)
    found = run("--dataset", "mnist", "--data", tmp_path, "--epochs", 1, "--output", tmp_path / "out", cwd=tmp_path)
    assert found.returncode == 0, found.stderr[-3000:]
    assert "70 images to learn from, 70 held out, 1 x 28 x 28" in found.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*PICTURES, "mnist.safetensors"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dataset", "mnist"), "--dataset mnist needs --data FOLDER"),
        (("--dataset", "mnist", "--data", "nowhere"), "nowhere: no such folder"),
        (("--dataset", "cifar10", "--data", "."), "data_batch_1.bin: no such file; tried"),
        (("--check", "nothing.safetensors"), "nothing.safetensors"),
    ],
)
def test_a_missing_file_or_option_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in failure(monkeypatch, *options)


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path, 10, 9)
    found = failure(monkeypatch, "--dataset", "mnist", "--data", tmp_path)
    assert "train-labels-idx1-ubyte: has 9 labels for the 10 images" in found


def test_a_missing_cupy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert re.search(r"'cuda' needs CuPy: pip install .*cuda13", failure(monkeypatch, "--device", "cuda"))


def test_zero_epochs_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failure(monkeypatch, "--epochs", 0)
    assert "--epochs: expected 1 or more, got 0" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["tqdm", "sklearn.datasets", "matplotlib.figure", "safetensors"])
def test_a_missing_extra_names_the_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    (tmp_path / "weights").write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)
    found = failure(monkeypatch, "--check", tmp_path / "weights")
    assert re.search(rf"{package}.*pip install .*minitensor-py\[demo\]", found)
