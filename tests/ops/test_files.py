"""``from_file`` maps files as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt

BYTES = bytes([1, 0, 0, 0, 2, 0, 0, 0, 3, 0])
CASES: dict[str, Callable[[Any, str], Any]] = {
    "missing": lambda torch, path: torch.from_file(path + "x", size=2),
    "made": lambda torch, path: torch.from_file(path + "y", shared=True, size=2),
    "read": lambda torch, path: torch.from_file(path, size=2, dtype=torch.int32),
    "short": lambda torch, path: torch.from_file(path, size=3, dtype=torch.int32),
    "nothing": lambda torch, path: torch.from_file(path),
    "negative": lambda torch, path: torch.from_file(path, size=-1),
    "shared": lambda torch, path: torch.from_file(path, True, 2, dtype=torch.int16).fill_(7),
    "private": lambda torch, path: torch.from_file(path, False, 2, dtype=torch.int16).fill_(7),
    "bytes": lambda torch, path: torch.from_file(path, size=10, dtype=torch.uint8),
    "bfloat16": lambda torch, path: torch.from_file(path, size=2, dtype=torch.bfloat16).view(torch.int16),
    "a leaf": lambda torch, path: torch.from_file(path, size=2, dtype=torch.float16, requires_grad=True),
}


def outcome(torch: Any, name: str, folder: Path) -> Any:
    folder.mkdir()
    path = folder / "numbers"
    path.write_bytes(BYTES)
    try:
        found = CASES[name](torch, str(path))
        shown = repr(found), found.tolist()
    except Exception as error:
        shown = RuntimeError if isinstance(error, RuntimeError) else type(error)
    return shown, {each.name: each.read_bytes() for each in folder.iterdir()}


def test_a_file_that_is_made_longer_keeps_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(BYTES)
    assert mt.from_file(str(path), shared=True, size=3, dtype=mt.int32).tolist() == [1, 2, 3]
    assert path.read_bytes() == BYTES + bytes(2)


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_mapped_as_by_pytorch(name: str, tmp_path: Path) -> None:
    wanted = outcome(pytest.importorskip("torch"), name, tmp_path / "theirs")
    assert outcome(mt, name, tmp_path / "ours") == wanted
