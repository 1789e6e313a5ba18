"""Workers that raise, exit, are killed or hang, Ctrl-C, and loops that end early: trials of ``loader_faults.py``."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt
from minitensor.utils.data import DataLoader, Dataset
from utils.loader_faults import FAULTS, draw_trial, find_traces, run_trial, run_trials

pytestmark = [
    pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="what is left is read from /proc"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # there may be few cores
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_hangs_and_nothing_is_lost_or_left(fault: str) -> None:
    first = FAULTS.index(fault)
    happened = run_trials(range(first, first + len(FAULTS) + 1, len(FAULTS)), ("fork",))
    assert happened.total() == 2


def test_trials_notice_a_lost_exception() -> None:
    trial = draw_trial(1, ("fork",))
    assert trial.fault == "raise"
    with pytest.raises(AssertionError):
        run_trial(trial._replace(at=1000))


class Numbers(Dataset[Any]):
    """Numbers, slow ones or not."""

    def __init__(self, slow: float = 0) -> None:
        self.slow = slow

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> Any:
        time.sleep(self.slow)
        return mt.full((3000,), index)


def test_an_epoch_that_is_left_frees_all_without_the_garbage_collector() -> None:
    gc.collect()
    before = find_traces()
    gc.disable()
    try:
        for batch in DataLoader(Numbers(), num_workers=2):
            if batch[0, 0] == 1:
                break
        del batch
        assert find_traces() == before
    finally:
        gc.enable()


def test_a_worker_that_is_killed_is_reported_within_a_second() -> None:
    batches: Any = iter(DataLoader(Numbers(slow=0.3), batch_size=10, num_workers=2))
    os.kill(batches._workers[1].pid, signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly") as raised:
        next(batches)
    assert "is killed by signal: Killed" in str(raised.value.__cause__) and time.monotonic() - started < 1
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)


def test_batches_that_are_kept_take_no_descriptors() -> None:
    before = find_traces()
    kept = list(DataLoader(Numbers(), num_workers=1))
    now = find_traces()
    assert now.descriptors == before.descriptors and now.maps == before.maps + 20
    del kept[::2]
    assert find_traces().maps == before.maps + 10


def test_a_batch_that_cannot_be_pickled_is_an_error_and_others_come() -> None:
    def collate(rows: list[Any]) -> Any:
        return (lambda: 0) if rows == [1] else rows

    batches = iter(DataLoader(range(3), num_workers=1, collate_fn=collate))
    assert next(batches) == [0]
    with pytest.raises(Exception, match=r"in DataLoader worker process 0\.\nOriginal Traceback"):
        next(batches)
    assert next(batches) == [2]


def test_persistent_workers_that_were_lost_are_replaced() -> None:
    loader: Any = DataLoader(Numbers(), num_workers=2, persistent_workers=True)
    epoch = iter(loader)
    os.kill(epoch._workers[0].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(epoch)
    assert len(list(loader)) == len(list(loader)) == 20


def start_and_end(end: Callable[[], object], pids: Any) -> None:
    """Begin an epoch, tell the workers' numbers, and end this process."""
    batches: Any = iter(DataLoader(Numbers(slow=0.1), num_workers=2))
    next(batches)
    pids.send([each.pid for each in batches._workers])
    end()


def kill_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_at_once() -> None:
    os._exit(1)


def interrupt_oneself() -> None:
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("end", [kill_oneself, exit_at_once, interrupt_oneself, sys.exit])
def test_workers_end_with_their_program(end: Callable[[], object]) -> None:
    told, tell = multiprocessing.Pipe(duplex=False)
    program = multiprocessing.get_context("fork").Process(target=start_and_end, args=(end, tell))
    program.start()
    workers = told.recv()
    program.join()
    wait_for_the_end_of(workers)


def wait_for_the_end_of(workers: list[int]) -> None:
    deadline = time.monotonic() + 5
    while any(os.path.isdir(f"/proc/{pid}") for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(workers) == 2 and not any(os.path.isdir(f"/proc/{pid}") for pid in workers)


def test_a_program_that_ends_with_an_error_during_an_epoch_prints_only_that_error() -> None:
    script = """
import minitensor as mt
batches = iter(mt.utils.data.DataLoader(list(range(8)), num_workers=2))
next(batches)
print(*[each.pid for each in batches._workers], flush=True)
raise ValueError
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(mt.__file__).parent.parent)},
    )  # fmt: skip
    wait_for_the_end_of([int(pid) for pid in done.stdout.split()])
    assert done.stderr.startswith("Traceback") and done.stderr.strip().endswith("in <module>\nValueError"), done.stderr


def test_a_busy_worker_unwinds_when_the_loop_is_left(tmp_path: Path) -> None:
    class Careful(Numbers):
        def __getitem__(self, index: int) -> Any:
            try:
                time.sleep(100 if index == 1 else 0)
            finally:
                (tmp_path / str(index)).touch()
            return index

    batches = iter(DataLoader(Careful(), num_workers=1))
    next(batches)
    time.sleep(0.2)
    started = time.monotonic()
    del batches
    assert (tmp_path / "1").exists() and time.monotonic() - started < 1.5
