"""The example that compares batch sizes: its figures follow from the sizes, and it writes its picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "examples" / "descent.py"


def test_smaller_batches_take_more_steps_and_get_further(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    rows = re.findall(r": (\d+) steps, loss (\S+) -> (\S+)", done.stdout)
    assert [int(steps) for steps, _, _ in rows] == [5 * 32, 5 * 4, 5]
    assert len({start for _, start, _ in rows}) == 1  # one problem, one start
    ends = [float(end) for _, _, end in rows]
    assert ends[0] < ends[1] < ends[2] < float(rows[0][1])
    assert (tmp_path / "output" / "descent.png").read_bytes().startswith(b"\x89PNG")
