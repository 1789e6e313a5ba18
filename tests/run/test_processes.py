"""``multiprocessing.spawn`` calls a function in several processes, and tells what went wrong in one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt

mp = mt.multiprocessing


def write_sum(number: int, folder: str, x: mt.Tensor) -> None:
    (Path(folder) / str(number)).write_text(str((x + number).sum().item()))


def fail(number: int, how: str) -> None:
    if number == 0:
        time.sleep(60)  # until it is stopped
    if how == "raise":
        raise ValueError("wrong number")
    os._exit(3) if how == "exit" else os.abort()


def test_a_function_runs_in_several_processes(tmp_path: Path) -> None:
    assert mp.spawn(write_sum, (str(tmp_path), mt.ones(2)), nprocs=2) is None
    assert [(tmp_path / str(number)).read_text() for number in range(2)] == ["2.0", "4.0"]


def test_processes_can_be_awaited_later(tmp_path: Path) -> None:
    context = mp.start_processes(write_sum, (str(tmp_path), mt.ones(1)), nprocs=2, join=False, start_method="spawn")
    assert isinstance(context, mp.ProcessContext) and len(context.pids()) == 2
    while not context.join(timeout=60):
        pass
    assert (tmp_path / "1").read_text() == "2.0"


EXPECTED: dict[str, tuple[Any, str]] = {
    "raise": (mp.ProcessRaisedException, "Process 1 terminated with the following error:\n(.|\n)*wrong number"),
    "exit": (mp.ProcessExitedException, "process 1 terminated with exit code 3"),
    "abort": (mp.ProcessExitedException, "process 1 terminated with signal SIGABRT"),
}


@pytest.mark.parametrize("how", EXPECTED)
def test_a_failure_stops_the_others_and_is_told(how: str) -> None:
    kind, message = EXPECTED[how]
    start = time.monotonic()
    with pytest.raises(kind, match=message) as caught:
        mp.spawn(fail, (how,), nprocs=2)
    assert caught.value.error_index == 1 and time.monotonic() - start < 50


def test_the_rest_is_pythons() -> None:
    queue = mp.SimpleQueue()
    queue.put(mt.arange(3))
    assert queue.get().tolist() == [0, 1, 2] and mp.cpu_count() >= 1
    mp.set_sharing_strategy(mp.get_sharing_strategy())
    with pytest.raises(AttributeError, match="tensors are not sent between processes"):
        mp.reductions
