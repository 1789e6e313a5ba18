"""Checkpoints are exchanged with PyTorch; nothing in a file is run; any fault in a file is an error."""

from __future__ import annotations

import collections
import io
import pickle
import random
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import FileFormatError, MinitensorError, UnpicklableError
from tests.serialization.limits import memory_limit, time_limit

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()


def state(lib: Any) -> dict[str, Any]:
    """Return an example of everything that a checkpoint may hold."""
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4))
    optimizer = lib.optim.Adam(model.parameters(), lr=0.1)
    model(lib.rand(5, 3)).sum().backward()
    optimizer.step()
    base = lib.arange(24.0).reshape(4, 6)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "turned": base.t(), "part": base[1:3, ::2], "wide": base[:1].expand(3, 6), "base": base, "scalar": base[2, 3],
        "empty": lib.zeros(0, 3), "leaf": lib.ones(2, requires_grad=True), "parameter": lib.nn.Parameter(lib.ones(2)),
        "each dtype": [lib.tensor([0, 1, 3]).to(getattr(lib, name)) for name in DTYPES],
        "numbers": [0, -1, 255, 256, -70000, 2**31, -(2**31), 2**80, 1.5, float("inf"), 1 + 2j, True, None],
        "texts": ("", "a", "ä\n", b"", b"\x00\xff"), "shape": lib.Size([2, 3]), "dtype": lib.float16,
        "device": lib.device("cpu"), "set": {1, 2}, "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
        3: (1, (2, ())), (1, "a"): {},
    }  # fmt: skip


def save(lib: Any, value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    lib.save(value, file, **options)
    return file.getvalue()


def load(data: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return mt.load(io.BytesIO(data))


def assert_alike(found: Any, expected: Any, place: str = "") -> None:
    """Compare values of either library, including memory layouts."""
    if hasattr(expected, "requires_grad"):
        assert (str(found.dtype), tuple(found.shape)) == (str(expected.dtype), tuple(expected.shape)), place
        assert (found.stride(), found.storage_offset()) == (expected.stride(), expected.storage_offset()), place
        assert found.requires_grad == expected.requires_grad and found.is_leaf, place
        assert type(found).__name__ == type(expected).__name__, place
        np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy(), place)
    elif isinstance(expected, dict):
        assert list(found) == list(expected), place
        for key in expected:
            assert_alike(found[key], expected[key], f"{place}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected) and isinstance(found, tuple) == isinstance(expected, tuple), place
        for i, (one, other) in enumerate(zip(found, expected)):
            assert_alike(one, other, f"{place}[{i}]")
    else:
        assert str(found) == str(expected), place


# -- both directions ---------------------------------------------------------------------------------------------------


def test_a_saved_value_can_be_loaded() -> None:
    assert_alike(load(save(mt, state(mt))), state(mt))


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "before 1.6"])
def test_pytorchs_files_can_be_loaded(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    assert_alike(load(save(torch, state(torch), **options)), state(torch))


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "before 1.6"])
def test_pytorchs_lazy_conjugates_and_negatives_can_be_loaded(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    z = torch.tensor([[1 + 2j, 3 - 4j], [5j, 6]])
    value = {"conj": z.conj(), "turned": z.mH, "part": z.conj()[1:], "both": z.conj().clone()._neg_view().conj()}
    found = load(save(torch, value, **options))
    for name, expected in value.items():
        assert found[name].tolist() == expected.tolist() and found[name].stride() == expected.stride(), name
    imaginary = z.conj().imag
    assert imaginary.is_neg() and load(save(torch, imaginary, **options)).tolist() == imaginary.tolist()


@pytest.mark.parametrize("mapped", [False, True])
def test_pytorch_loads_our_files(mapped: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mt.save(state(mt), tmp_path / "ours.pt")
    assert_alike(torch.load(tmp_path / "ours.pt", weights_only=True, mmap=mapped), state(mt))


@pytest.mark.parametrize("weights_only", [True, False])
def test_pytorch_loads_our_files_in_the_old_format(weights_only: bool) -> None:
    torch = pytest.importorskip("torch")
    assert_alike(torch.load(io.BytesIO(old_format(state(mt))), weights_only=weights_only), state(mt))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol_can_be_loaded(protocol: int) -> None:
    torch = pytest.importorskip("torch")
    value = {"w": torch.ones(2, 3), "many": list(range(300)), "text": "x" * 300, "set": {1}, "bytes": b"a" * 300}
    assert_alike(load(save(torch, value, pickle_protocol=protocol)), value)


def test_tensors_that_shared_a_storage_share_one() -> None:
    for data in (save(mt, shared(mt)), save(pytest.importorskip("torch"), shared(pytest.importorskip("torch")))):
        found = load(data)
        found["base"][0, 1] = 100
        assert found["turned"][1, 0] == 100
        assert found["again"] is found["base"]


def shared(lib: Any) -> dict[str, Any]:
    base = lib.zeros(2, 3)
    return {"base": base, "turned": base.t(), "again": base}


def test_a_state_dict_keeps_the_versions_of_its_modules() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.BatchNorm1d(2)
    assert load(save(torch, model.state_dict()))._metadata == model.state_dict()._metadata
    mine = mt.nn.BatchNorm1d(2).state_dict()
    assert torch.load(io.BytesIO(save(mt, mine)), weights_only=True)._metadata == mine._metadata


def test_a_model_continues_training_after_loading_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    ours = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.ReLU(), mt.nn.Linear(4, 2))
    ours.load_state_dict(load(save(torch, theirs.state_dict())))
    x = np.linspace(-1, 1, 15, dtype="float32").reshape(5, 3)
    np.testing.assert_allclose(
        ours(mt.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("is_zip", [True, False])
def test_bfloat16_is_exchanged_with_pytorch_bit_for_bit(is_zip: bool) -> None:
    torch = pytest.importorskip("torch")
    bits = np.arange(1 << 16, dtype=np.uint16).view(np.int16).reshape(256, 256)
    for source, target in ((mt, torch), (torch, mt), (mt, mt)):
        whole = source.from_numpy(bits).view(source.bfloat16)
        buffer = io.BytesIO()
        source.save({"whole": whole, "part": whole.t()[1:]}, buffer, _use_new_zipfile_serialization=is_zip)
        buffer.seek(0)
        found = target.load(buffer)
        assert found["whole"].dtype is target.bfloat16 and found["part"].stride() == (1, 256)
        assert (found["whole"].view(target.int16).numpy() == bits).all()
        assert (found["part"].view(target.int16).numpy() == bits.T[1:]).all()
        assert found["whole"].data_ptr() + 2 == found["part"].data_ptr()


def test_a_lazy_conjugate_is_loaded_with_its_values() -> None:
    torch = pytest.importorskip("torch")
    assert load(save(torch, torch.tensor([1 + 2j]).conj())).tolist() == [1 - 2j]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    mt.save({"a": mt.ones(2)}, tmp_path / "x.pt")
    with pytest.raises(UnpicklableError, match=r"cannot write .*lambda"):
        mt.save({"a": lambda: None}, tmp_path / "x.pt")
    assert mt.load(tmp_path / "x.pt")["a"].tolist() == [1, 1]
    assert [each.name for each in tmp_path.iterdir()] == ["x.pt"]


def test_a_list_may_contain_itself() -> None:
    value: list[Any] = [1]
    value.append(value)
    found = load(save(mt, value))
    assert found[1] is found


def test_values_may_be_nested_to_any_depth() -> None:
    for wrap in (lambda inner: [inner], lambda inner: (inner,), lambda inner: {1: inner}):
        value: Any = mt.ones(1)
        for _ in range(20_000):
            value = wrap(value)
        found = load(save(mt, value))
        for _ in range(20_000):
            found = next(iter(found.values() if isinstance(found, dict) else found))
        assert found.tolist() == [1]


def test_a_repeated_value_is_written_once() -> None:
    for value in ((), set(), [], {}, collections.OrderedDict()):
        pair: Any = (value, value)
        for _ in range(40):  # 2**40 values, if each one were written
            pair = (pair, pair)
        found = load(save(mt, pair))
        for _ in range(40):
            assert found[0] is found[1]
            found = found[0]
        assert found == (value, value) and found[0] is found[1]


def test_a_tuple_may_contain_itself() -> None:
    value: Any = ([],)
    value[0].append(value)
    found = load(save(mt, value))
    assert found[0][0] is found


def test_every_value_may_be_a_key_and_load_refuses_those_that_are_no_data() -> None:
    deep: Any = 1
    for _ in range(20):
        deep = (deep,)
    for value in ({deep: 1}, {1 << 5000: 1}, {frozenset([1]): 1}):
        assert mt.load(io.BytesIO(save(mt, value)), weights_only=False) == value
        with pytest.raises(FileFormatError):
            load(save(mt, value))
    kept = {(1, (2, ("a", None))): 1, 1 << 2000: 2, 1j: 3}
    assert load(save(mt, kept)) == kept
    weight = mt.ones(1)
    found = load(save(mt, {"weight": weight, "steps": {weight: 1, (weight, 2): 3}}))
    assert found["steps"] == {found["weight"]: 1, (found["weight"], 2): 3}


# -- devices and arguments ---------------------------------------------------------------------------------------------


def test_a_tensor_from_a_missing_device_asks_for_map_location() -> None:
    data = archive(pickled_tensor(location="cuda:0"))
    with pytest.raises(RuntimeError, match="map_location='cpu'"):
        load(data)
    for there in ("cpu", mt.device("cpu"), {"cuda:0": "cpu"}):
        assert mt.load(io.BytesIO(data), map_location=there).tolist() == [1, 2]


def test_a_file_without_a_reader_or_a_name_is_refused() -> None:
    with pytest.raises(TypeError, match="a path or a file"):
        mt.load(3)
    with pytest.raises(FileNotFoundError):
        mt.load("/nowhere/x.pt")


# -- hostile files -----------------------------------------------------------------------------------------------------


def archive(data: bytes, storage: bytes = b"\0\0\x80\x3f\0\0\0\x40", compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a checkpoint with a pickle and one storage, [1, 2] in float32."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as out:
        for name, content in (("data.pkl", data), ("byteorder", b"little"), ("data/0", storage), ("version", b"3\n")):
            out.writestr(f"x/{name}", content)
    return file.getvalue()


def pickled_tensor(
    shape: str = "K\x02\x85", strides: str = "K\x01\x85", offset: str = "K\x00", count: str = "K\x02",
    location: str = "cpu", kind: str = "FloatStorage",
) -> bytes:
    """Return a pickle of one tensor, in which each number is an instruction."""
    text = f"X{chr(len(location))}\0\0\0{location}"
    storage = f"(X\x07\0\0\0storagectorch\n{kind}\nX\x01\0\0\x000{text}{count}tQ"
    whole = f"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n({storage}{offset}{shape}{strides}\x89}}tR."
    return whole.encode("latin1")


def test_a_handmade_pickle_is_read() -> None:
    assert load(archive(pickled_tensor())).tolist() == [1, 2]


class Evil:
    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.way = call, arguments

    def __reduce__(self) -> Any:
        return self.way


ATTACKS = {
    "a function": lambda path: pickle.dumps(Evil(exec, f"open({str(path)!r}, 'w')"), 2),
    "a function, newer": lambda path: pickle.dumps([Evil(exec, f"open({str(path)!r}, 'w')")], 4),
    "a class": lambda path: pickle.dumps(collections.defaultdict(list), 2),
    "a class of this library": lambda path: b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81}b.",
    "an attribute of a class": lambda path: b"\x80\x02c__builtin__\ngetattr\nK\x01X\x01\0\0\0a\x86R.",
    "an object": lambda path: pickle.dumps(random.Random(0), 2),
    "numpy": lambda path: pickle.dumps(np.float64(3), 2),
    "an attribute": lambda path: b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\0\0\0itemsK\x01sb.",
    "a state of a tensor": lambda path: pickled_tensor()[:-1] + b"}b.",
    "the word torch": lambda path: b"\x80\x02ctorch\nload\nX\x01\0\0\0x\x85R.",
    "a dotted name": lambda path: b"\x80\x04\x8c\x05torch\x8c\x09Size.from\x93.",
    "calling a number": lambda path: b"\x80\x02K\x01)R.",
    "an instance": lambda path: b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "an extension": lambda path: b"\x80\x02\x82\x01.",
    "a deep key": lambda path: b"\x80\x02}" + b")" + b"\x85" * 100000 + b"K\x01s.",
    "a large memo": lambda path: b"\x80\x02Nr\xff\xff\xff\x7f0.",
    "a long integer": lambda path: b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "a text that is not there": lambda path: b"\x80\x02X\xff\xff\xff\x7fabc.",
    "copies of copies": lambda path: (
        b"\x80\x02]X\x10'\0\0" + b"a" * 10000 + b"q\x000"
        + b"c_codecs\nencode\nh\0X\x06\0\0\0latin1\x86Ra" * 5000 + b"."
    ),
    "an absurd shape": lambda path: pickled_tensor(shape="\x8a\x08\0\0\0\0\0\0\0\x40\x85", strides="K\0\x85"),
    "beyond the storage": lambda path: pickled_tensor(shape="K\x03\x85"),
    "before the storage": lambda path: pickled_tensor(offset="J\xff\xff\xff\xff"),
    "beyond it by strides": lambda path: pickled_tensor(strides="K\x02\x85"),
    "negative strides": lambda path: pickled_tensor(strides="J\xff\xff\xff\xff\x85"),
    "a negative shape": lambda path: pickled_tensor(shape="J\xff\xff\xff\xff\x85"),
    "a shape of floats": lambda path: pickled_tensor(shape="G\x40\0\0\0\0\0\0\0\x85"),
    "more dims than strides": lambda path: pickled_tensor(shape="K\x01K\x02\x86"),
    "more elements than bytes": lambda path: pickled_tensor(count="\x8a\x08\0\0\0\0\0\0\0\x10"),
    "negative elements": lambda path: pickled_tensor(count="J\xff\xff\xff\xff"),
    "a storage class that is none": lambda path: pickled_tensor(kind="Storage"),
    "no end": lambda path: pickled_tensor()[:-1],
    "nothing": lambda path: b"\x80\x02.",
    "a mark without items": lambda path: b"\x80\x02t.",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_file_raises_and_runs_nothing(attack: str, tmp_path: Path) -> None:
    witness = tmp_path / "was run"
    with pytest.raises(FileFormatError):
        load(archive(ATTACKS[attack](witness)))
    assert not witness.exists()


def test_an_archive_that_inflates_too_much_is_refused() -> None:
    with pytest.raises(FileFormatError, match="compressed"):
        load(archive(pickled_tensor(), compression=zipfile.ZIP_DEFLATED))


def test_an_altered_storage_is_detected() -> None:
    data = archive(pickled_tensor())
    at = data.index(b"\0\0\x80\x3f")
    with pytest.raises(FileFormatError, match="altered"):
        load(data[:at] + b"\1" + data[at + 1 :])


def test_errors_for_other_kinds_of_files_name_the_kind(tmp_path: Path) -> None:
    for content in (b"", b"\x89PNG", b"PK\x03\x04", b"{}", pickle.dumps({"a": 1}, 2)):
        with pytest.raises(FileFormatError):
            load(content)


# -- damage of every kind ----------------------------------------------------------------------------------------------

MUTATIONS = 10_000


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Return data with one to three random changes."""
    wounded = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at, length = dice.randrange(len(wounded) + 1), dice.choice((1, 1, 1, 2, 4, 16, 200))
        kind = dice.randrange(6)
        if kind == 0:
            wounded[at : at + length] = dice.randbytes(len(wounded[at : at + length]))
        elif kind == 1:
            del wounded[at : at + length]
        elif kind == 2:
            wounded[at:at] = dice.randbytes(length)
        elif kind == 3:
            wounded[at:at] = wounded[dice.randrange(len(wounded) + 1) :][:length]
        elif kind == 4:
            wounded[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
        else:
            del wounded[at:]
        if not wounded:
            break
    return bytes(wounded)


def rewrap(data: bytes, dice: random.Random) -> bytes:
    """Return a valid archive around a damaged pickle: its checksums are correct."""
    found = zipfile.ZipFile(io.BytesIO(data))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name in found.namelist():
            content = found.read(name)
            out.writestr(name, mutate(content, dice) if name.endswith("data.pkl") else content)
    return file.getvalue()


def test_no_damage_crashes_hangs_or_runs_anything() -> None:
    dice = random.Random(0)
    value = {"w": mt.ones(2, 3).t(), "p": mt.nn.Parameter(mt.ones(2)), "n": [1, 2.5, "x", b"y", {1}, (None, 1j)],
             "s": mt.nn.Linear(1, 1).state_dict()}
    archived = save(mt, value)
    row = old_format(value)
    outcomes = collections.Counter[str]()
    for i in range(MUTATIONS):
        wounded = (mutate(archived, dice), rewrap(archived, dice), mutate(row, dice))[i % 3]
        try:
            with time_limit(), memory_limit(1 << 26), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mt.load(io.BytesIO(wounded))
            outcomes["read"] += 1
        except MinitensorError as error:
            outcomes[type(error).__name__] += 1
    assert outcomes["FileFormatError"] > MUTATIONS // 3, outcomes
    assert outcomes["read"], outcomes  # some changes are harmless, so some files are read to the end


def old_format(value: Any) -> bytes:
    """Return a checkpoint in the format from before PyTorch 1.6."""
    return save(mt, value, _use_new_zipfile_serialization=False)


def test_the_old_format_is_read_without_pytorch() -> None:
    value = {"w": mt.arange(6.0).reshape(2, 3).t()}
    assert_alike(load(old_format(value)), value)
