"""Freed memory is kept for new arrays."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy
{prepare}

def work():
    arrays = [numpy.ones(1 << 18) for _ in range(6)]

for _ in range(3):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(prepare: str) -> int:
    """Count the page faults of ten rounds of six arrays of 2 MiB."""
    run = subprocess.run([sys.executable, "-c", SCRIPT.format(prepare=prepare)], capture_output=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries manage memory differently")
def test_freed_memory_is_reused() -> None:
    kept = faults("import minitensor; minitensor.ones(1)")
    assert kept < 100 < faults("")
