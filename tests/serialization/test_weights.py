"""Weights on disk: what was saved is loaded, PyTorch reads the same file, and damage of any kind is found and named."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minitensor
from minitensor.errors import ArgumentTypeError, DtypeError, FileFormatError, MissingExtraError
from minitensor.serialization import load_file, save_file

pytest.importorskip("safetensors")

DTYPES = [np.dtype(name) for name in "bool u1 i1 i2 i4 i8 f2 f4 f8 c8".split()]
Array = npt.NDArray[np.generic]

arrays = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0)))
names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name != "__metadata__")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights") / "some.safetensors"


def weights() -> dict[str, minitensor.Tensor]:
    return {"weight": minitensor.arange(6.0).reshape(2, 3), "bias": minitensor.ones(3), "count": minitensor.tensor(7)}


def same(found: dict[str, minitensor.Tensor], wanted: dict[str, minitensor.Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(
        found[name].dtype == wanted[name].dtype and found[name].tolist() == wanted[name].tolist() for name in wanted
    )


@given(st.dictionaries(names, arrays, max_size=4))
def test_what_was_saved_is_loaded(path: Path, wanted: dict[str, Array]) -> None:
    save_file({name: minitensor.from_numpy(array) for name, array in wanted.items()}, path)
    found = load_file(path)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(found[name].numpy(), array)


def test_views_are_saved_as_what_they_show(path: Path) -> None:
    base = minitensor.arange(12.0).reshape(3, 4)
    views = {"turned": base.t(), "column": base[:, 1], "wide": base[:1].expand(2, 4), "scalar": base[2, 3]}
    save_file(views, path)
    found = load_file(path)
    assert same(found, views)


def test_loaded_tensors_can_be_written_to(path: Path) -> None:
    save_file(weights(), path)
    load_file(path)["weight"].add_(1)
    assert load_file(path)["weight"].tolist() == weights()["weight"].tolist()


def test_pytorch_reads_the_file_and_writes_one(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors import torch as oracle

    save_file(weights(), path)
    read = oracle.load_file(path)
    assert torch.equal(read["weight"], torch.arange(6.0).reshape(2, 3)) and read["count"].item() == 7
    oracle.save_file({"half": torch.ones(2, dtype=torch.float16), "empty": torch.zeros(0, 3)}, path)
    assert {name: tuple(tensor.shape) for name, tensor in load_file(path).items()} == {"half": (2,), "empty": (0, 3)}


def test_a_dtype_that_is_not_here_is_named(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors import torch as oracle

    oracle.save_file({"small": torch.ones(2, dtype=torch.bfloat16)}, path)
    with pytest.raises(DtypeError, match="tensor 'small' has dtype BF16"):
        load_file(path)
    with pytest.raises(DtypeError, match="'z' is complex128"):
        save_file({"z": minitensor.ones(1, dtype=minitensor.complex128)}, path)


# -- damage ------------------------------------------------------------------------------------------------------------


def test_every_cut_is_found(path: Path) -> None:
    save_file(weights(), path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=rf"{path.name}: cut short, damaged .*\({length} bytes\)"):
            load_file(path)


def test_every_flipped_bit_is_found_or_harmless(path: Path) -> None:
    save_file({"a": minitensor.arange(3.0)}, path)
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found = load_file(path)
        except (FileFormatError, DtypeError) as error:
            assert path.name in str(error)
        else:
            assert same(found, {"a": minitensor.arange(3.0)}), f"bit {bit} of byte {bit // 8}"


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(path: Path, content: bytes, with_length: bool) -> None:
    path.write_bytes(struct.pack("<Q", len(content)) + content if with_length else content)
    with pytest.raises(FileFormatError, match=path.name):
        load_file(path)


@pytest.mark.parametrize(
    "header",
    [
        '{"a":{"dtype":"F32","shape":[4294967295,4294967295,4294967295],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}',
        '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}',
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        '{"a":' * 10_000,
        "[]",
        "null",
    ],
)
def test_a_lying_header_is_refused(path: Path, header: str) -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    with pytest.raises(FileFormatError, match=path.name):
        load_file(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_file(tmp_path / "nothing")
    with pytest.raises(FileFormatError, match="folder"):
        load_file(tmp_path)


# -- saving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [{"a": 1.0}, {3: minitensor.ones(1)}, {"__metadata__": minitensor.ones(1)}])
def test_what_cannot_be_saved_leaves_the_old_file_alone(tmp_path: Path, bad: dict[str, minitensor.Tensor]) -> None:
    path = tmp_path / "kept"
    save_file(weights(), path)
    with pytest.raises(ArgumentTypeError, match="save_file: "):
        save_file(bad, path)
    assert same(load_file(path), weights())
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_a_failing_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept"
    save_file(weights(), path)

    def full(file: IO[bytes], *content: object) -> None:
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr("minitensor.serialization.weights.write", full)
    with pytest.raises(OSError, match="no space"):
        save_file({}, path)
    assert same(load_file(path), weights())
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    save_file(weights(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and same(load_file(tmp_path / "target"), weights())


def test_without_safetensors_files_are_written_and_the_extra_that_reads_them_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    save_file({}, tmp_path / "file")
    with pytest.raises(MissingExtraError, match=r"safetensors is not installed.*minitensor-py\[demo\]"):
        load_file(tmp_path / "file")
