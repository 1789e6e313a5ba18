"""PyTorch's settings of ``save`` and ``load``, and the names in a checkpoint that ``load`` refuses."""

from __future__ import annotations

import fractions
import io
import itertools
import mmap
import sys
import zipfile
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt

ORDERS = (None, "NATIVE", "LITTLE", "BIG")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _restore_settings() -> Any:
    yield
    for lib in [each for each in (mt, sys.modules.get("torch")) if each is not None]:
        lib.serialization.set_default_load_endianness(None)
        lib.serialization.set_crc32_options(True)
        lib.serialization.set_default_mmap_options(mmap.MAP_PRIVATE)


def without_byte_order(lib: Any) -> io.BytesIO:
    """Return a checkpoint that does not tell its byte order."""
    whole, cut = io.BytesIO(), io.BytesIO()
    lib.save({"x": lib.tensor([1.5, -2.0]), "n": lib.arange(3)}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(cut, "w") as target:
        for info in source.infolist():
            if not info.filename.endswith("byteorder"):
                target.writestr(info.filename, source.read(info))
    cut.seek(0)
    return cut


@pytest.mark.parametrize("order", ORDERS)
def test_the_byte_order_of_files_that_name_none_is_pytorchs(torch: ModuleType, order: str | None) -> None:
    found = []
    for lib in (torch, mt):
        wanted = None if order is None else lib.serialization.LoadEndianness[order]
        lib.serialization.set_default_load_endianness(wanted)
        assert lib.serialization.get_default_load_endianness() is wanted
        found.append({name: each.tolist() for name, each in lib.load(without_byte_order(lib)).items()})
    assert found[0] == found[1]
    assert (found[1]["n"] == [0, 1, 2]) == (order != "BIG")


@pytest.mark.parametrize("wrong", ["little", 1, True])
def test_other_byte_orders_are_refused(torch: ModuleType, wrong: Any) -> None:
    for lib in (torch, mt):
        with pytest.raises(TypeError):
            lib.serialization.set_default_load_endianness(wrong)
        assert lib.serialization.get_default_load_endianness() is None


def test_settings_can_be_read_back(torch: ModuleType) -> None:
    for lib in (torch, mt):
        files = lib.serialization
        assert files.get_crc32_options() is True
        files.set_crc32_options(False)
        assert files.get_crc32_options() is False
        assert files.get_default_mmap_options() == mmap.MAP_PRIVATE
        with files.set_default_mmap_options(mmap.MAP_SHARED):
            assert files.get_default_mmap_options() == mmap.MAP_SHARED
        assert files.get_default_mmap_options() == mmap.MAP_PRIVATE
        files.set_default_mmap_options(mmap.MAP_SHARED)
        assert files.get_default_mmap_options() == mmap.MAP_SHARED
        with pytest.raises(ValueError):
            files.set_default_mmap_options(12345)


OBJECTS = {
    "tensors": lambda lib: {"w": lib.ones(2), "n": 3},
    "a range": lambda lib: {"w": lib.ones(2), "r": range(3)},
    "a module": lambda lib: lib.nn.Linear(2, 2),
    "a state dict": lambda lib: lib.nn.Linear(2, 2).state_dict(),
    "several": lambda lib: [fractions.Fraction(1, 2), Counter("aab"), range(2), lib.float32],
}


@pytest.mark.parametrize(("writer", "name"), list(itertools.product((0, 1), OBJECTS)))
def test_unsafe_names_are_pytorchs(torch: ModuleType, writer: int, name: str) -> None:
    file = io.BytesIO()
    lib = (torch, mt)[writer]
    lib.save(OBJECTS[name](lib), file)
    found = []
    for reader in (torch, mt):
        file.seek(0)
        found.append(sorted(reader.serialization.get_unsafe_globals_in_checkpoint(file)))
    assert found[0] == found[1]
    assert bool(found[1]) == (name not in ("tensors", "a state dict"))


def test_what_a_user_allows_is_not_unsafe() -> None:
    file = io.BytesIO()
    mt.save(range(3), file)
    with mt.serialization.safe_globals([range]):
        assert mt.serialization.get_unsafe_globals_in_checkpoint(file) == []
    with pytest.raises(ValueError, match="is not a checkpoint"):
        mt.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(b"text"))
