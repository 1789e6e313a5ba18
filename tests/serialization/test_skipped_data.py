"""``skip_data`` and ``register_package`` do what PyTorch's do; both libraries read files with skipped data."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

import minitensor as mt
from minitensor.serialization import packages


def saved(library: Any, value: Any) -> bytes:
    file = io.BytesIO()
    library.save(value, file)
    return file.getvalue()


def values(library: Any) -> Any:
    return {"x": library.arange(6.0).reshape(2, 3), "y": [library.ones(2, dtype=library.bfloat16)], "n": 3}


def test_skipped_elements_are_zeros_in_files_that_both_libraries_read() -> None:
    torch = pytest.importorskip("torch")
    for writer in (mt, torch):
        with writer.serialization.skip_data():
            data = saved(writer, values(writer))
        assert len(data) >= len(saved(writer, values(writer))) - 64
        for reader in (mt, torch):
            found = reader.load(io.BytesIO(data))
            assert found["x"].tolist() == [[0.0] * 3] * 2
            assert found["y"][0].tolist() == [0.0, 0.0]
            assert found["n"] == 3


def test_files_of_pytorch_without_checksums_are_read() -> None:
    torch = pytest.importorskip("torch")
    torch.serialization.set_crc32_options(False)
    try:
        data = saved(torch, values(torch))
    finally:
        torch.serialization.set_crc32_options(True)
    assert mt.load(io.BytesIO(data))["x"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_elements_that_are_not_read_stay_zeros_and_a_block_ends() -> None:
    data = saved(mt, values(mt))
    with mt.serialization.skip_data():
        with mt.serialization.skip_data():
            assert mt.load(io.BytesIO(data))["x"].shape == (2, 3)
        assert mt.load(io.BytesIO(data))["x"].tolist() == [[0.0] * 3] * 2
    assert mt.load(io.BytesIO(data))["x"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


@pytest.fixture
def registry() -> Iterator[None]:
    """Take out what a test registers."""
    before = list(packages.packages)
    yield
    packages.packages[:] = before


@pytest.mark.usefixtures("registry")
def test_packages_name_devices_and_find_them() -> None:
    seen: list[Any] = []

    def find(storage: Any, location: str) -> Any:
        seen.append(location)
        return storage if location == "there" else None

    mt.serialization.register_package(20, lambda storage: "never", lambda storage, location: None)
    mt.serialization.register_package(10, lambda storage: "there", find)
    data = saved(mt, mt.ones(2))
    assert b"there" in data
    assert mt.load(io.BytesIO(data)).tolist() == [1.0, 1.0]
    assert seen == ["there"]
    assert mt.load(io.BytesIO(data), map_location="cpu").tolist() == [1.0, 1.0]
    packages.packages.clear()
    with pytest.raises(RuntimeError):
        mt.load(io.BytesIO(data))
