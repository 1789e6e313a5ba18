"""House numbers, STL-10, folders, random images and scikit-learn's digits."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as torch
from minitensor.errors import FileFormatError
from minitensor.vision import datasets
from minitensor.vision.datasets import folder
from minitensor.vision.datasets.matlab import read_arrays

Image = pytest.importorskip("PIL.Image")
DRAWS = np.random.default_rng(0)


# -- SVHN --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
def test_house_numbers(tmp_path: Path, compress: bool) -> None:
    images = DRAWS.integers(0, 256, (32, 32, 3, 2), np.uint8)
    matlab = pytest.importorskip("scipy.io")
    matlab.savemat(tmp_path / "test_32x32.mat", {"X": images, "y": [[10], [7]]}, do_compression=compress)
    found = datasets.SVHN(tmp_path, "test", integrity=False)
    assert found.labels.tolist() == found.targets.tolist() == [0, 7] and found.data.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(np.asarray(found[1][0]), images[..., 1])
    with pytest.raises(RuntimeError, match=r"expected the MD5 checksum eb5a983b\w+, found .*housenumbers"):
        datasets.SVHN(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match=r"extra_32x32.mat: no such file; .*housenumbers/extra_32x32.mat"):
        datasets.SVHN(tmp_path, "extra", download=True)


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<2I", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name: bytes, shape: tuple[int, ...], content: bytes) -> bytes:
    sizes = struct.pack(f"<{len(shape)}i", *shape)
    parts = element(6, struct.pack("<2I", 9, 0)), element(5, sizes), element(1, name), element(2, content)
    return element(14, b"".join(parts))


def test_every_kind_of_array_is_read_as_scipy_reads_it(tmp_path: Path) -> None:
    matlab = pytest.importorskip("scipy.io")
    kinds = "int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64".split()
    arrays = {f"a_{kind}": DRAWS.integers(0, 99, (3, 1, 2)).astype(kind) for kind in kinds}
    arrays |= {"small": np.uint8([[7]]), "empty": np.zeros((0, 2)), "text": "words", "complex": np.ones((1, 2)) * 1j}
    matlab.savemat(tmp_path / "all.mat", arrays)
    found = read_arrays(tmp_path / "all.mat")
    assert set(found) == set(arrays) - {"text", "complex"}
    for name, array in found.items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])


def test_hostile_house_numbers_are_refused(tmp_path: Path) -> None:
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    labels = matrix(b"y", (1, 1), b"\1")
    good = head + matrix(b"X", (1, 1, 3, 1), b"abc") + labels
    files = {
        "bomb": head + element(15, zlib.compress(bytes(80 << 20), 9)),
        "huge": head + matrix(b"X", (32, 32, 3, 1 << 30), b"abc") + matrix(b"y", (1 << 30, 1), b"\1"),
        "negative": head + matrix(b"X", (1, 1, 3, -1), b"abc") + labels,
        "empty": b"", "noise": bytes(500), "other": head + labels,
        "classes": good[:-8] + b"\x0b" + bytes(7),
        **{f"cut {length}": good[:length] for length in range(len(head), len(good), 7)},
    }  # fmt: skip
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(good)
    assert datasets.SVHN(tmp_path, integrity=False).labels.tolist() == [1]
    for name, content in files.items():
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=r"train_32x32.mat: "):
            print(name, datasets.SVHN(tmp_path, integrity=False))


# -- STL-10 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stl10(tmp_path: Path) -> Path:
    base = tmp_path / "stl10_binary"
    base.mkdir()
    for part, count in (("train", 3), ("unlabeled", 1)):
        (base / f"{part}_X.bin").write_bytes(DRAWS.bytes(count * 3 * 96 * 96))
    (base / "train_y.bin").write_bytes(bytes([1, 10, 4]))
    (base / "fold_indices.txt").write_text("0 1\n2 0 \n9 1\n")
    return tmp_path


def test_stl10(stl10: Path) -> None:
    found = datasets.STL10(stl10, "train+unlabeled", integrity=False)
    pixels = np.fromfile(stl10 / "stl10_binary" / "train_X.bin", np.uint8).reshape(3, 3, 96, 96)
    assert found.labels.tolist() == [0, 9, 3, -1] and found.classes[9] == "truck"
    np.testing.assert_array_equal(np.asarray(found[2][0]), pixels[2].transpose(2, 1, 0))
    assert datasets.STL10(stl10, folds=1, integrity=False).labels.tolist() == [3, 0]
    assert datasets.STL10(stl10, "unlabeled", integrity=False)[0][1] == -1


def test_faults_of_stl10(stl10: Path) -> None:
    for fold, message in ((2, "line 3 must have positions from 0 to 2"), (7, "line 8 must have")):
        with pytest.raises(FileFormatError, match=message):
            datasets.STL10(stl10, folds=fold, integrity=False)
    with pytest.raises(ValueError, match="folds must be None or an integer from 0 to 9, got 10"):
        datasets.STL10(stl10, folds=10)
    with pytest.raises(RuntimeError, match=r"test_X.bin: no such file; .*stl10_binary.tar.gz"):
        datasets.STL10(stl10, "test")
    with pytest.raises(RuntimeError, match="expected the MD5 checksum 918c2871b30a85fa023e0c44e0bee87f"):
        datasets.STL10(stl10)
    (stl10 / "stl10_binary" / "train_y.bin").write_bytes(bytes([1, 0, 4]))
    with pytest.raises(FileFormatError, match="labels from 0 to 4, expected 1 to 10"):
        datasets.STL10(stl10, integrity=False)
    (stl10 / "stl10_binary" / "train_X.bin").write_bytes(b"cut")
    with pytest.raises(FileFormatError, match="3 bytes are no multiple of 27648"):
        datasets.STL10(stl10, integrity=False)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_images_in_folders(tmp_path: Path) -> None:
    for name in ("dog/b.png", "dog/a.PNG", "cat/deep/c.bmp", "cat/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for path in (*tmp_path.rglob("*.png"), *tmp_path.rglob("*.PNG"), *tmp_path.rglob("*.bmp")):
        Image.new("L", (3, 2), 9).save(path)
    found = datasets.ImageFolder(tmp_path, transform=torch.vision.transforms.ToTensor())
    names = [os.path.relpath(path, tmp_path) for path, _ in found.samples]
    assert names == ["cat/deep/c.bmp", "dog/a.PNG", "dog/b.png"] and found.targets == [0, 1, 1]
    assert found.imgs is found.samples and found[0][0].shape == (3, 2, 3) and found.class_to_idx == {"cat": 0, "dog": 1}
    assert repr(found).splitlines()[-2:] == ["    StandardTransform", "Transform: ToTensor()"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no valid file for the classes empty; extensions are \.jpg"):
        datasets.ImageFolder(tmp_path)
    assert datasets.ImageFolder(tmp_path, allow_empty=True).class_to_idx["empty"] == 2
    with pytest.raises(ValueError, match="either extensions or is_valid_file"):
        datasets.DatasetFolder(tmp_path, folder.default_loader)
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        datasets.ImageFolder(tmp_path / "nowhere")


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "noise.txt").write_text("")
    for number in range(5):
        (tmp_path / "cat" / f"link{number}").symlink_to(tmp_path / "cat")
    found = datasets.DatasetFolder(tmp_path, str, (".txt",))
    assert found.samples == [(str(tmp_path / "cat" / "noise.txt"), 0)]


def test_the_loader_turns_images_and_narrows_them(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    noted = Image.Exif()
    noted[0x0112] = 6  # a quarter turn
    Image.fromarray(np.array([[1, 2]], np.uint8)).save(path, exif=noted)
    assert np.asarray(folder.pil_loader(path))[..., 0].tolist() == [[1], [2]]
    Image.fromarray(np.array([[255, 256, 65535]], np.uint16)).save(path)
    assert np.asarray(folder.pil_loader(path))[0, :, 0].tolist() == [0, 1, 255]


def test_damaged_images_are_named(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(DRAWS.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    content = path.read_bytes()
    huge = content[:16] + struct.pack(">2I", 60_000, 60_000) + content[24:29]
    huge += struct.pack(">I", zlib.crc32(huge[12:29])) + content[33:]
    for damaged in (b"", b"noise", content[:200], huge):
        path.write_bytes(damaged)
        for error in (RuntimeError, OSError):
            with pytest.raises(error, match=r"picture.png: Pillow cannot read it"):
                folder.pil_loader(path)


# -- others ------------------------------------------------------------------------------------------------------------


def test_random_images_are_torchvisions() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    found = datasets.FakeData(3, (3, 2, 2), 7, random_offset=4)
    image, label = found[1]
    torch.manual_seed(5)
    pixels = torch.randn(3, 2, 2)
    assert label == int(torch.randint(0, 7, (1,))) and image.mode == "RGB"
    assert (torch.vision.transforms.functional.pil_to_tensor(image) == pixels.mul(255).byte()).all()
    torch.set_rng_state(state)
    _ = found[2]
    assert (torch.get_rng_state() == state).all()
    with pytest.raises(IndexError, match="index 3 is out of range for 3 images"):
        found[3]


def test_the_digits_of_scikit_learn() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    train, test = datasets.Digits(train=True), datasets.Digits(train=False)
    assert len(train) + len(test) == len(datasets.Digits()) == 1797
    assert torch.cat([train.targets, test.targets]).tolist() == digits.target.tolist()
    image, label = test[0]
    np.testing.assert_array_equal(np.round(np.asarray(image) / (255 / 16)), digits.images[1500])
    assert label == digits.target[1500] and image.mode == "L"


def test_samples_can_be_loaded() -> None:
    found = datasets.FakeData(5, (1, 4, 4), transform=torch.vision.transforms.ToTensor())
    shapes: Any = [tuple(images.shape) for images, _ in torch.utils.data.DataLoader(found, batch_size=2)]
    assert shapes == [(2, 1, 4, 4), (2, 1, 4, 4), (1, 1, 4, 4)]
