"""Weights in safetensors files: saved values can be loaded, PyTorch reads the same file, and any damage is detected."""

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
from tests.serialization.limits import memory_limit, time_limit

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
def test_saved_weights_can_be_loaded(path: Path, wanted: dict[str, Array]) -> None:
    save_file({name: minitensor.from_numpy(array) for name, array in wanted.items()}, path)
    found = load_file(path)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(found[name].numpy(), array)


def test_views_are_saved_with_their_own_elements(path: Path) -> None:
    base = minitensor.arange(12.0).reshape(3, 4)
    views = {"turned": base.t(), "column": base[:, 1], "wide": base[:1].expand(2, 4), "scalar": base[2, 3]}
    save_file(views, path)
    found = load_file(path)
    assert same(found, views)


def test_loaded_tensors_can_be_written_to(path: Path) -> None:
    save_file(weights(), path)
    load_file(path)["weight"].add_(1)
    assert load_file(path)["weight"].tolist() == weights()["weight"].tolist()


def test_files_are_exchanged_with_pytorch(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors import torch as oracle

    save_file(weights(), path)
    read = oracle.load_file(path)
    assert torch.equal(read["weight"], torch.arange(6.0).reshape(2, 3)) and read["count"].item() == 7
    oracle.save_file({"half": torch.ones(2, dtype=torch.float16), "empty": torch.zeros(0, 3)}, path)
    assert {name: tuple(tensor.shape) for name, tensor in load_file(path).items()} == {"half": (2,), "empty": (0, 3)}


def test_bfloat16_is_exchanged_bit_for_bit(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors import torch as oracle

    bits = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
    save_file({"all": minitensor.from_numpy(bits).view(minitensor.bfloat16), "count": minitensor.tensor(7)}, path)
    read = oracle.load_file(path)
    assert (read["all"].view(torch.int16).numpy() == bits).all() and read["count"].item() == 7
    assert (load_file(path)["all"].view(minitensor.int16).numpy() == bits).all()
    theirs = {"all": torch.from_numpy(bits).view(torch.bfloat16), "none": torch.zeros(0, 3, dtype=torch.bfloat16)}
    oracle.save_file(theirs | {"one": torch.tensor(2.5, dtype=torch.bfloat16)}, path)
    found = load_file(path)
    assert (found["all"].view(minitensor.int16).numpy() == bits).all()
    assert tuple(found["none"].shape) == (0, 3) and found["one"].item() == 2.5 and found["one"].shape == ()
    assert all(each.dtype is minitensor.bfloat16 for each in found.values())


def test_a_dtype_that_does_not_exist_here_is_named(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors import torch as oracle

    oracle.save_file({"small": torch.ones(2).to(torch.float8_e4m3fn)}, path)
    with pytest.raises(DtypeError, match="tensor 'small' has dtype F8_E4M3"):
        load_file(path)
    with pytest.raises(DtypeError, match="'z' is complex128"):
        save_file({"z": minitensor.ones(1, dtype=minitensor.complex128)}, path)


# -- damage ------------------------------------------------------------------------------------------------------------


def test_every_truncation_is_detected(path: Path) -> None:
    save_file(weights(), path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=rf"{path.name}: cut short, damaged .*\({length} bytes\)"):
            load_file(path)


def test_every_flipped_bit_is_detected_or_harmless(path: Path) -> None:
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
def test_an_inconsistent_header_is_refused(path: Path, header: str) -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    with pytest.raises(FileFormatError, match=path.name):
        load_file(path)


def entry(shape: str = "[1]", dtype: str = "F32", start: int = 0, end: int = 4) -> str:
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}'


MOST = 2**63 - 1
ONES = ",".join(["1"] * 65)
EMPTY = entry("[0]", end=0)

READABLE = ("U8", "I8", "BOOL", "F16", "BF16", "U16", "U32")

# Unusual headers by name, and whether they are read.
STRANGE: dict[str, tuple[str | bytes, bool]] = {
    "no elements of more than memory": (f'{{"a":{entry(f"[0,{MOST},{MOST}]", end=0)}}}', False),
    "no elements of a huge size": (f'{{"a":{entry(f"[{2**62},0]", end=0)}}}', False),
    "65 dims": (f'{{"a":{entry(f"[{ONES}]")}}}', False),
    "64 dims": (f'{{"a":{entry(f"[{ONES[2:]}]")}}}', True),
    "many dims": (f'{{"a":{entry("[" + "1," * 100_000 + "1]")}}}', False),
    "a huge size": (f'{{"a":{entry("[" + "9" * 100_000 + "]")}}}', False),
    "a size that overflows": (f'{{"a":{entry(f"[{2**32},{2**32}]")}}}', False),
    "a fraction": (f'{{"a":{entry("[1.0]")}}}', False),
    "not a number": (f'{{"a":{entry("[NaN]")}}}', False),
    "infinity": (f'{{"__metadata__":{{"a":-Infinity}},"a":{entry()}}}', False),
    "true": (f'{{"a":{entry("[true]")}}}', False),
    "no shape": (f'{{"a":{entry("null")}}}', False),
    "a name twice": (f'{{"a":{entry()},"a":{entry(start=4, end=8)}}}', False),
    "a field twice": (f'{{"a":{entry()[:-1]},"shape":[1]}}}}', False),
    "metadata twice": (f'{{"__metadata__":{{}},"__metadata__":{{}},"a":{entry()}}}', False),
    "a list of metadata": (f'{{"__metadata__":[],"a":{entry()}}}', False),
    "a number of metadata": (f'{{"__metadata__":{{"crc32":1}},"a":{entry()}}}', False),
    "a long checksum": (f'{{"__metadata__":{{"crc32":"{"x" * 100_000}"}},"a":{entry()}}}', False),
    "deep objects": ('{"a":' * 100_000, False),
    "deep lists": ('{"a":' + "[" * 100_000, False),
    "offsets that overlap": (f'{{"a":{entry()},"b":{entry(start=2, end=6)}}}', False),
    "offsets with a gap": (f'{{"a":{entry()},"b":{entry(start=8, end=12)}}}', False),
    "offsets in another order": (f'{{"a":{entry("[1]", "I16", 2, 4)},"b":{entry("[1]", "I16", 0, 2)}}}', True),
    "offsets that go back": (f'{{"a":{entry(start=4, end=0)}}}', False),
    "offsets beyond the file": (f'{{"a":{entry(end=2**64 - 1)}}}', False),
    "offsets beyond numbers": (f'{{"a":{entry(end=2**64)}}}', False),
    "a long name": (f'{{"{"x" * 100_000}":{entry()}}}', True),
    "a long name of no dtype here": (f'{{"{"x" * 100_000}":{entry("[4]", "F8_E4M3")}}}', False),
    "a long dtype": (f'{{"a":{entry(dtype="x" * 100_000)}}}', False),
    "half a letter": (f'{{"\\ud800":{entry()}}}', False),
    "no Unicode": (b'{"\xff":' + entry().encode() + b"}", False),
    "no name": (f'{{"":{entry()}}}', True),
    "many tensors of nothing": ("{" + f'"a":{entry()}' + "".join(f',"{k}":{EMPTY}' for k in range(2000)) + "}", True),
    "more than a header": (f'{{"a":{entry()}}}x', False),
    **{f"dtype {code} of {size}": (f'{{"a":{entry(f"[{size}]", code)}}}', code in READABLE)
       for size, code in zip((4, 4, 4, 2, 4, 4, 2, 2, 1, 1, 1),
                             "U8 I8 BOOL F16 F8_E4M3 F8_E5M2 BF16 U16 U32 X f32".split(), strict=True)},
}  # fmt: skip


@pytest.mark.parametrize("label", STRANGE)
def test_an_unusual_header_is_refused_or_read_within_limits(path: Path, label: str) -> None:
    header, is_read = STRANGE[label]
    data = header if isinstance(header, bytes) else header.encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data + bytes([0, 1, 2, 255]))
    with time_limit(), memory_limit(1 << 27):
        try:
            found = load_file(path)
        except FileFormatError as error:
            assert not is_read and len(str(error)) < 1000 and path.name in str(error)
            return
    assert is_read
    for tensor in found.values():
        assert tensor.clone().eq(tensor).shape == tensor.shape and repr(tensor)


def test_bools_are_loaded_as_zeros_and_ones(path: Path) -> None:
    header = f'{{"a":{entry("[4]", "BOOL")}}}'.encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes([0, 1, 2, 255]))
    found = load_file(path)["a"]
    assert found.tolist() == [False, True, True, True] and found.view(minitensor.uint8).tolist() == [0, 1, 1, 1]


def test_a_path_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        load_file(tmp_path / "nothing")
    with pytest.raises(FileFormatError, match="folder"):
        load_file(tmp_path)


# -- saving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"a": 1.0}, {3: minitensor.ones(1)}, {"__metadata__": minitensor.ones(1)}, {"\ud800": minitensor.ones(1)}, [],
        None,
    ],
    ids=["a number", "no text", "a reserved name", "half a letter", "a list", "nothing"],
)
def test_values_that_cannot_be_saved_leave_the_old_file(tmp_path: Path, bad: dict[str, minitensor.Tensor]) -> None:
    path = tmp_path / "kept"
    save_file(weights(), path)
    with pytest.raises(ArgumentTypeError, match="save_file: "):
        save_file(bad, path)
    assert same(load_file(path), weights())
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_a_failing_write_leaves_the_old_file_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_without_safetensors_files_are_written_and_reading_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    save_file({}, tmp_path / "file")
    with pytest.raises(MissingExtraError, match=r"safetensors is not installed.*minitensor-py\[demo\]"):
        load_file(tmp_path / "file")
