"""Runs small programs in new interpreters: as PyTorch's users write them, with ``python -m minitensor`` or plainly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python arguments`` in a folder that does not hold the library."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def run_torch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m minitensor arguments``."""
    return run(folder, "-m", "minitensor", *arguments)


def output(folder: Path, *arguments: str) -> list[str]:
    """Return the lines that a program prints under ``python -m minitensor``. It must end well."""
    done = run_torch(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def write(folder: Path, **files: str) -> None:
    """Write programs: ``a__b`` is the file ``a/b.py``."""
    for name, text in files.items():
        file = folder / (name.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
