"""Readers of data sets: written files are read, and a hostile file is refused by name before it costs memory."""

from __future__ import annotations

import gzip
import math
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minitensor.errors import FileFormatError
from minitensor.vision import read_cifar10, read_idx, read_mnist
from minitensor.vision.datasets.pictures import CIFAR_TEST, CIFAR_TRAIN, IDX_TYPES, MNIST_FILES

CODES = {np.dtype(name).newbyteorder("="): code for code, name in IDX_TYPES.items()}


def idx(array: npt.NDArray[np.generic]) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype], array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def plain(content: bytes) -> bytes:
    return content


packings = pytest.mark.parametrize("pack", [plain, gzip.compress])
Pack = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "some-file"


@packings
@given(st.sampled_from(list(CODES)).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0))))
def test_a_written_file_can_be_read(file: Path, pack: Pack, array: npt.NDArray[np.generic]) -> None:
    file.write_bytes(pack(idx(array)))
    found = read_idx(file)
    assert found.dtype == array.dtype and found.dtype.isnative and found.flags.writeable
    np.testing.assert_array_equal(found, array)


@packings
def test_every_truncation_is_detected(file: Path, pack: Pack) -> None:
    content = pack(idx(np.arange(12, dtype=np.int16).reshape(3, 4)))
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=f"{file.name}: "):
            read_idx(file)


@packings
def test_a_file_longer_than_its_header_says_is_refused(file: Path, pack: Pack) -> None:
    file.write_bytes(pack(idx(np.zeros(3, np.uint8)) + b"!"))
    with pytest.raises(FileFormatError, match=r"longer .* 3 of uint8, 11 bytes in all, found more"):
        read_idx(file)


@given(st.data())
def test_flipped_bits_raise_or_change_values(file: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([plain, gzip.compress]))(idx(np.arange(20, dtype=np.int32))))
    for place in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=5, unique=True)):
        content[place // 8] ^= 1 << place % 8
    file.write_bytes(content)
    try:
        read_idx(file)
    except FileFormatError as error:
        assert file.name in str(error)


def test_a_gzip_file_with_a_wrong_checksum_is_refused(file: Path) -> None:
    content = bytearray(gzip.compress(idx(np.arange(20, dtype=np.int32))))
    content[-8] ^= 1
    file.write_bytes(content)
    with pytest.raises(FileFormatError, match="decompression failed"):
        read_idx(file)


MOST = 2**32 - 1


@pytest.mark.parametrize("sizes", [(MOST,) * 3, (MOST,) * 32, (0, MOST, MOST, MOST), (10**6, 28, 28)])
@packings
def test_a_header_that_promises_too_much_costs_no_memory(file: Path, pack: Pack, sizes: tuple[int, ...]) -> None:
    file.write_bytes(pack(struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + bytes(100)))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match=str(sizes[0])):
        read_idx(file)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_gzip_bomb_is_not_inflated(file: Path) -> None:
    file.write_bytes(gzip.compress(idx(np.zeros(4, np.uint8)) + bytes(2**26)))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="longer than it should be"):
        read_idx(file)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_gzip_bomb_with_a_consistent_header_is_not_inflated(file: Path) -> None:
    """A file of zeros, with the size that its header says."""
    size = 2**27
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(struct.pack(">BBBBI", 0, 0, 8, 1, size))]
    parts += [packer.compress(bytes(2**20)) for _ in range(size // 2**20)]
    file.write_bytes(b"".join(parts) + packer.flush())
    tracemalloc.start()
    with pytest.raises(FileFormatError, match=r"at most \d+ \(64 times its size; decompress it first\)"):
        read_idx(file)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_small_file_may_have_any_compression_ratio(file: Path) -> None:
    file.write_bytes(gzip.compress(idx(np.zeros((2000, 28, 28), np.uint8))))
    assert read_idx(file).shape == (2000, 28, 28)


@pytest.mark.parametrize("ending", [b"", gzip.compress(b"") * 5000, bytes(100_000)], ids=["", "members", "zeros"])
@pytest.mark.parametrize(
    "start",
    [b"\x1f\x8b\x08\x08" + b"x" * 100_000, b"\x1f\x8b\x08\x04\0\0\0\0\0\0\xff\xff" + bytes(65_535),
     b"\x1f\x8b\x08" + bytes(7) + b"\0\0\0\xff\xff" * 20_000, gzip.compress(b"") * 5000],
    ids=["a long name", "a long extra field", "empty blocks", "empty members"],
)  # fmt: skip
def test_an_unusual_gzip_file_is_refused_in_little_memory(file: Path, start: bytes, ending: bytes) -> None:
    file.write_bytes(start + ending)
    tracemalloc.start()
    with pytest.raises(FileFormatError, match=file.name):
        read_idx(file)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize("head", [b"\0\1\x08\1", b"\0\0\x07\1", b"PK\3\4", b"\x80\x04\x95\0"])
def test_an_error_for_another_kind_of_file_shows_its_first_bytes(file: Path, head: bytes) -> None:
    file.write_bytes(head + bytes(100))
    with pytest.raises(FileFormatError, match=f"not an IDX file: it begins with {head.hex(' ')}"):
        read_idx(file)


# -- folders -----------------------------------------------------------------------------------------------------------


def write_mnist(folder: Path, pack: Pack = plain, end: str = "") -> dict[str, npt.NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    arrays = {}
    for name in MNIST_FILES:
        count = 7 if name.startswith("train") else 3
        shape = (count, 4, 5) if "images" in name else (count,)
        arrays[name] = random.integers(0, 256 if "images" in name else 10, shape, dtype=np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (name + end)).write_bytes(pack(idx(arrays[name])))
    return arrays


@pytest.mark.parametrize("below", ["", "MNIST/raw"])
@pytest.mark.parametrize(("pack", "end"), [(plain, ""), (gzip.compress, ".gz")])
def test_mnist_is_read_from_its_four_files(tmp_path: Path, pack: Pack, end: str, below: str) -> None:
    arrays = write_mnist(tmp_path / below, pack, end)
    pictures = read_mnist(tmp_path)
    assert pictures.train_images.shape == (7, 1, 4, 5) and pictures.test_labels.shape == (3,)
    for found, wanted in zip(pictures, arrays.values(), strict=True):
        np.testing.assert_array_equal(found.squeeze(), wanted)


def test_a_missing_file_is_named_with_the_searched_paths(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / MNIST_FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{MNIST_FILES[3]}: no such file; tried .*MNIST/raw"):
        read_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_mnist(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (MNIST_FILES[0], np.zeros((7, 4), np.uint8), "expected N x H x W of uint8, got 7 x 4 of uint8"),
        (MNIST_FILES[1], np.zeros((7, 1), np.uint8), "expected N of uint8, got 7 x 1 of uint8"),
        (MNIST_FILES[1], np.zeros(6, np.uint8), "has 6 labels for the 7 images"),
        (MNIST_FILES[3], np.array([0, 1, 10], np.uint8), "label 2 is 10, expected classes 0 to 9"),
        (MNIST_FILES[2], np.zeros((3, 4, 5), np.float32), "expected N x H x W of uint8, got 3 x 4 x 5 of float32"),
    ],
)
def test_files_that_do_not_match_each_other_are_refused(
    tmp_path: Path, name: str, array: npt.NDArray[np.generic], message: str
) -> None:
    write_mnist(tmp_path)
    (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(FileFormatError, match=f"{name}: {message}"):
        read_mnist(tmp_path)


def write_cifar10(folder: Path, records: int, pack: Pack = plain, end: str = "") -> npt.NDArray[np.uint8]:
    content = np.random.default_rng(0).integers(0, 256, (6, records, 3073), dtype=np.uint8)
    content[:, :, 0] %= 10
    for name, batch in zip((*CIFAR_TRAIN, CIFAR_TEST), content, strict=True):
        (folder / (name + end)).write_bytes(pack(batch.tobytes()))
    return content


@pytest.mark.parametrize(("pack", "end"), [(plain, ""), (gzip.compress, ".gz")])
def test_cifar10_is_read_plane_by_plane(tmp_path: Path, pack: Pack, end: str) -> None:
    content = write_cifar10(tmp_path, 2, pack, end)
    pictures = read_cifar10(tmp_path, records=2)
    assert pictures.train_images.shape == (10, 3, 32, 32) and pictures.test_images.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(pictures.train_labels, content[:5, :, 0].ravel())
    red, green, row, column = 0, 1, 5, 9
    assert pictures.train_images[3, red, row, column] == content[1, 1, 1 + 32 * row + column]
    assert pictures.test_images[1, green, row, column] == content[5, 1, 1 + 1024 + 32 * row + column]


@pytest.mark.parametrize("change", [-3073, -1, 1])
@packings
def test_a_batch_of_another_size_is_refused(tmp_path: Path, pack: Pack, change: int) -> None:
    write_cifar10(tmp_path, 2)
    size = 2 * 3073
    (tmp_path / CIFAR_TRAIN[2]).write_bytes(pack(bytes(size + change)))
    with pytest.raises(FileFormatError, match=rf"{CIFAR_TRAIN[2]}: .*2 records of 3073 bytes, {size} bytes"):
        read_cifar10(tmp_path, records=2)


def test_a_batch_has_ten_thousand_records_by_default(tmp_path: Path) -> None:
    write_cifar10(tmp_path, 2)
    with pytest.raises(FileFormatError, match=rf"{math.prod((10_000, 3073))} bytes, but it holds at most {2 * 3073}"):
        read_cifar10(tmp_path)


def test_a_pickled_batch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(FileNotFoundError, match=r"pickled batch, which vision.datasets.CIFAR10 reads"):
        read_cifar10(tmp_path)
