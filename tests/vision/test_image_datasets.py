"""Data sets of images in torchvision's folders: samples, missing and damaged files, and files that attack."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as torch
from minitensor.errors import FileFormatError
from minitensor.vision import datasets
from minitensor.vision.datasets.pickles import read_pickle

pytest.importorskip("PIL")
DRAWS = np.random.default_rng(0)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def idx(array: Any) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + bytes(array.astype(np.uint8))


def write_mnist(folder: Path, names: tuple[str, str], labels: Any, pack: Callable[[bytes], bytes] = bytes) -> Any:
    images = DRAWS.integers(0, 256, (len(labels), 5, 4), np.uint8)
    end = ".gz" if pack is gzip.compress else ""
    for name, array in zip(names, (images, np.asarray(labels))):
        write(folder / f"{name}{end}", pack(idx(array)))
    return images


# -- MNIST -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_digits(tmp_path: Path, kind: Any, pack: Any) -> None:
    names = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    images = write_mnist(tmp_path / kind.__name__ / "raw", names, [3, 9], pack)
    found = kind(tmp_path, train=False, target_transform=lambda label: -label)
    assert found.data.shape == (2, 5, 4) and found.targets.tolist() == [3, 9] and found.targets.dtype == torch.int64
    image, label = found[1]
    assert image.mode == "L" and image.size == (4, 5) and label == -9
    np.testing.assert_array_equal(np.asarray(image), images[1])
    assert len(found) == 2 and found.class_to_idx[found.classes[9]] == 9
    assert repr(found).splitlines()[:4] == [
        f"Dataset {kind.__name__}", "    Number of datapoints: 2", f"    Root location: {tmp_path}", "    Split: Test",
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["", "gzip"])
def test_the_letters(tmp_path: Path, place: str) -> None:
    names = ("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte")
    write_mnist(tmp_path / "EMNIST" / "raw" / place, names, [1, 26], gzip.compress)
    found = datasets.EMNIST(tmp_path, split="letters")
    assert [found.classes[label] for _, label in map(found.__getitem__, range(2))] == ["a", "z"]
    with pytest.raises(ValueError, match="split must be one of byclass"):
        datasets.EMNIST(tmp_path, split="words")


def test_the_published_digits(tmp_path: Path) -> None:
    names = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    write_mnist(tmp_path / "MNIST" / "raw", names, [3, 9])
    with pytest.raises(RuntimeError, match=r"expected 7840016 bytes, found 56; .*ossci-datasets"):
        datasets.MNIST(tmp_path, train=False, integrity=True)
    (tmp_path / "MNIST" / "raw" / names[0]).unlink()
    write_mnist(tmp_path / "MNIST" / "raw", names, [3, 9], gzip.compress)
    with pytest.raises(RuntimeError, match="expected the MD5 checksum 9fb629c4189551a2d022fa330f9573f3, found"):
        datasets.MNIST(tmp_path, train=False, integrity=True)


@pytest.mark.parametrize("download", [False, True])
def test_missing_digits_are_named_with_their_source(tmp_path: Path, download: bool) -> None:
    for error in (RuntimeError, FileNotFoundError):
        with pytest.raises(error, match=r"train-images-idx3-ubyte: no such file; nothing is downloaded: get train-.*"
                                        r"\.gz from https://ossci-datasets.*MNIST"):  # fmt: skip
            datasets.MNIST(tmp_path, download=download)


# -- CIFAR -------------------------------------------------------------------------------------------------------------


def batch(labels: list[int], key: str = "labels", **more: Any) -> dict[str, Any]:
    return {"data": DRAWS.integers(0, 256, (len(labels), 3072), np.uint8), key: labels, **more}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_batches(tmp_path: Path, protocol: int) -> None:
    batches = [batch([number, 9 - number], batch_label=f"batch {number}") for number in range(5)]
    folder = tmp_path / "cifar-10-batches-py"
    for number, each in enumerate(batches, 1):
        write(folder / f"data_batch_{number}", pickle.dumps(each, protocol))
    names = [f"class {number}" for number in range(10)]
    write(folder / "batches.meta", pickle.dumps({"label_names": names}, protocol))
    found = datasets.CIFAR10(str(tmp_path), integrity=False)
    assert found.targets == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5] and found.classes == names and found.data.shape[0] == 10
    image, label = found[3]
    assert image.mode == "RGB" and label == 8
    np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1).reshape(-1), batches[1]["data"][1])


def old_pickle(data: bytes, labels: list[int]) -> bytes:
    """The bytes that Python 2 wrote: text and elements are strings."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x01M\x00\x0ctcnumpy\ndtype\n"
        b"(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
    )
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    head = b"\x80\x02}(U\x04data" + array + struct.pack("<I", len(data)) + data
    return head + b"tbU\x0bfine_labels](" + numbers + b"eu."


def test_batches_that_python_2_wrote(tmp_path: Path) -> None:
    data = bytes(range(256)) * 12
    content = old_pickle(data, [77])
    assert pickle.loads(content, encoding="latin1")["data"].tobytes() == data
    write(tmp_path / "cifar-100-python" / "test", content)
    found = datasets.CIFAR100(tmp_path, train=False, integrity=False)
    assert found.targets == [77] and found.data.transpose(0, 3, 1, 2).tobytes() == data


def test_binary_batches(tmp_path: Path) -> None:
    pixels = DRAWS.integers(0, 256, (2, 3072), np.uint8)
    records = b"".join(bytes([4, label]) + each.tobytes() for label, each in zip((99, 5), pixels))
    write(tmp_path / "cifar-100-binary" / "test.bin", records)
    found = datasets.CIFAR100(tmp_path, train=False, integrity=False)
    assert found.targets == [99, 5] and found.classes[99] == "worm" and len(found.classes) == 100
    np.testing.assert_array_equal(found.data.transpose(0, 3, 1, 2).reshape(2, -1), pixels)
    with pytest.raises(RuntimeError, match="expected 10000 records"):
        datasets.CIFAR100(tmp_path, train=False)
    write(tmp_path / "cifar-100-binary" / "test.bin", records + b"!")
    with pytest.raises(RuntimeError, match="longer than it should be"):
        datasets.CIFAR100(tmp_path, train=False, integrity=False)


class Attack:
    def __reduce__(self) -> Any:
        return os.system, ("touch attacked",)


def hostile_pickles() -> dict[str, bytes]:
    good = pickle.dumps(batch([1, 2]), 2)
    huge = {"BINBYTES8": b"\x8e", "BINUNICODE8": b"\x8d", "BYTEARRAY8": b"\x96"}
    array = np.zeros((1, 3072), np.uint8)
    return {
        "code": pickle.dumps(batch([1], more=Attack())),
        "object": pickle.dumps(batch([1], more=np.array([Attack()], object))),
        "memo": b"\x80\x02}r\xff\xff\xff\x7f.",
        "endless": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "list": pickle.dumps([1, 2]),
        "floats": pickle.dumps({"data": np.zeros((1, 3072)), "labels": [1]}),
        "labels": pickle.dumps({"data": array, "labels": [10]}),
        "count": pickle.dumps({"data": array, "labels": [1, 2]}),
        "text": pickle.dumps({"data": array, "labels": ["1"]}),
        "nothing": pickle.dumps({}),
        "shape": good.replace(struct.pack("<H", 3072), struct.pack("<H", 3073)),
        "empty": b"",
        "noise": b"\xff" * 99,
        **{name: code.join([b"\x80\x04", struct.pack("<Q", 1 << 62)]) for name, code in huge.items()},
    }


@pytest.mark.parametrize("name", hostile_pickles())
def test_a_hostile_pickle_is_refused(tmp_path: Path, monkeypatch: Any, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cifar-10-batches-py" / "test_batch", hostile_pickles()[name])
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="test_batch: "):
            datasets.CIFAR10(tmp_path, train=False, integrity=False)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert not Path("attacked").exists()


def test_every_truncated_or_changed_batch_raises_or_has_other_values(tmp_path: Path) -> None:
    content = pickle.dumps({"data": np.zeros((0, 3072), np.uint8), "labels": []}, 2)
    path = write(tmp_path / "cifar-10-batches-py" / "test_batch", b"")
    for place in range(len(content)):
        for byte in (b"\0", b"c", b"(", b"R", b".", b"t", None):
            path.write_bytes(content[:place] if byte is None else content[:place] + byte + content[place + 1 :])
            try:
                datasets.CIFAR10(tmp_path, train=False, integrity=False)
            except FileFormatError as error:
                assert "test_batch: " in str(error)


def test_a_published_batch_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "cifar-10-batches-py" / "test_batch", pickle.dumps(batch([1])))
    with pytest.raises(RuntimeError, match=r"expected the MD5 checksum 40351d58\w+, found \w+; .*cs.toronto.edu"):
        datasets.CIFAR10(tmp_path, train=False)
    with pytest.raises(RuntimeError, match=r"data_batch_1: no such file; .*cifar-10-python.tar.gz"):
        datasets.CIFAR10(tmp_path, download=True)


def test_copies_cost_no_more_than_the_file_allows(tmp_path: Path) -> None:
    text = b"X" + struct.pack("<I", 100_000) + b"x" * 100_000 + b"q\x00"
    content = b"\x80\x02" + text + b"U\x06latin1q\x01c_codecs\nencode\nq\x02" + b"h\x02h\x00h\x01\x86R" * 10_000 + b"."
    with pytest.raises(FileFormatError, match="more than a file of this size holds"):
        read_pickle(write(tmp_path / "batch", content))
