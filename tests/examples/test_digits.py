"""The example is the main job: it learns real digits to 98%, shows its work, and refuses bad files by name."""

from __future__ import annotations

import os
import re
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
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # the sources, also where nothing is installed
PICTURES = ("curves.png", "filters.png", "confusion.png", "misread.png")


def run(*options: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python(SCRIPT, *options, cwd=cwd)


def python(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
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


def test_it_prints_the_layers_with_shapes_and_parameters(training: subprocess.CompletedProcess[str]) -> None:
    rows = {line.split()[0]: line for line in training.stdout.splitlines() if line}
    assert re.search(r"Conv2d +32 x 8 x 8 +288$", rows["conv1"])  # 32 filters of 3 x 3
    assert re.search(r"Conv2d +64 x 4 x 4 +18,432$", rows["conv2"])  # 64 x 32 x 9
    assert re.search(r"Linear +10 +1,290$", rows["scores"])  # 128 x 10 + 10
    assert rows["all"].endswith(" 53,098")


def test_it_shows_progress_with_loss_and_accuracy(training: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"epoch 20/20: 100%.*loss \d\.\d{3} accuracy \d+\.\d%, held out: loss", training.stderr)


def test_a_fresh_process_measures_the_saved_weights(
    training: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert "reloaded in a fresh process: the same accuracy" in training.stdout
    again = run("--check", folder / "output" / "digits.safetensors", cwd=folder)
    assert again.stdout.splitlines()[-1] == training.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", PICTURES)
def test_it_draws_its_pictures(training: subprocess.CompletedProcess[str], folder: Path, name: str) -> None:
    assert (folder / "output" / name).read_bytes().startswith(b"\x89PNG")


def test_altered_weights_are_refused_in_one_line(training: subprocess.CompletedProcess[str], folder: Path) -> None:
    content = bytearray((folder / "output" / "digits.safetensors").read_bytes())
    content[-100] ^= 1
    altered = folder / "altered.safetensors"
    altered.write_bytes(content)
    found = run("--check", altered, cwd=folder)
    assert found.returncode == 1
    assert re.fullmatch(r".*altered\.safetensors: altered since it was saved: .*\n", found.stderr)


def write_mnist(folder: Path, images: int, labels: int) -> None:
    for split in ("train", "t10k"):
        pixels = bytes(value % 251 for value in range(images * 28 * 28))
        (folder / f"{split}-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, images, 28, 28) + pixels)
        classes = bytes(place % 10 for place in range(labels))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, labels) + classes)


def test_mnist_files_in_a_folder_are_trained_on(tmp_path: Path) -> None:
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
        (("--dataset", "cifar10", "--data", "."), "data_batch_1.bin: no such file; looked for"),
        (("--check", "nothing.safetensors"), "nothing.safetensors"),
        (("--epochs", "0"), "--epochs: expected 1 or more, got 0"),
    ],
)
def test_what_is_missing_is_named_without_a_traceback(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    found = run(*options, cwd=tmp_path)
    assert found.returncode != 0 and message in found.stderr and "Traceback" not in found.stderr


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path, 10, 9)
    found = run("--dataset", "mnist", "--data", tmp_path, cwd=tmp_path)
    assert "train-labels-idx1-ubyte: has 9 labels for the 10 images" in found.stderr and "Traceback" not in found.stderr


@pytest.mark.parametrize("package", ["tqdm", "sklearn", "matplotlib", "safetensors"])
def test_a_missing_extra_names_the_install(tmp_path: Path, package: str) -> None:
    program = f"import sys, runpy; sys.modules[{package!r}] = None; sys.argv = ['digits.py', '--check', '.']; "
    program += f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    found = python("-c", program, cwd=tmp_path)
    assert found.returncode != 0 and re.search(rf"{package}.*pip install .*minitensor-py\[demo\]", found.stderr)
    assert "Traceback" not in found.stderr
