"""Random trials of workers that fail, and of loops that end early: nothing hangs, and nothing is lost or left.

``PYTHONPATH=.:tests python -m utils.loader_faults 200`` prints many; ``test_loader_faults.py`` runs a few.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minitensor as mt
from minitensor.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

FAULTS = ("none", "raise", "exit", "sys.exit", "kill", "killed by the program", "hang", "ctrl-c", "leave")
COUNT = 24


class Trial(NamedTuple):
    """A loader, the fault, and the sample at which it happens."""

    seed: int
    fault: str
    at: int
    method: str
    iterable: bool
    size: int
    options: dict[str, Any]


def draw_trial(seed: int, methods: tuple[str, ...] = ("fork", "fork", "fork", "forkserver", "spawn")) -> Trial:
    """Draw a trial; the fault goes through all in turn."""
    chance = random.Random(seed)
    method, in_order = chance.choice(methods), chance.random() < 0.8
    options = {
        "num_workers": chance.choice((1, 2, 2, 3)), "batch_size": chance.choice((1, 2, 5)), "in_order": in_order,
        "prefetch_factor": chance.choice((1, 2, 4)), "persistent_workers": chance.random() < 0.4,
        "multiprocessing_context": method,
    }  # fmt: skip
    fault = FAULTS[seed % len(FAULTS)]
    if fault == "hang":
        options["timeout"] = 0.3 if method == "fork" else 5
    return Trial(seed, fault, chance.randrange(COUNT), method, chance.random() < 0.4, chance.choice((1, 5000)), options)


class Samples:
    """Samples that name themselves; one of them fails in a worker."""

    def __init__(self, trial: Trial) -> None:
        self.fault, self.at, self.size, self.program = trial.fault, trial.at, trial.size, os.getpid()

    def sample(self, index: int) -> tuple[Any, str]:
        if index == self.at:
            self.fail()
        return np.full(self.size, index, np.float32), f"sample {index}"

    def fail(self) -> None:
        if self.fault == "raise":
            raise ValueError(f"no sample {self.at}")
        if self.fault == "exit":
            os._exit(3)
        if self.fault == "sys.exit":
            sys.exit(3)
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "ctrl-c":
            os.kill(self.program, signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)  # as in a terminal
        if self.fault in ("hang", "ctrl-c"):
            time.sleep(1000)


class Indexed(Samples, Dataset[Any]):
    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        return self.sample(index)


class Streamed(Samples, IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        assert info is not None
        return iter(Share(self, range(info.id, COUNT, info.num_workers)))


class Share:
    """A share of a stream; unlike a generator, it goes on after an exception."""

    def __init__(self, samples: Samples, indices: range) -> None:
        self.samples, self.indices = samples, iter(indices)

    def __iter__(self) -> Share:
        return self

    def __next__(self) -> Any:
        return self.samples.sample(next(self.indices))


class Traces(NamedTuple):
    """What a process holds that must not grow. Shared memory has no name, so it is among the descriptors and maps."""

    children: set[int]
    descriptors: Counter[str]
    maps: int

    def beyond(self, before: Traces) -> Traces:
        """Return what is held now and was not before; what others held may have been freed meanwhile."""
        maps = max(self.maps - before.maps, 0)
        return Traces(self.children - before.children, self.descriptors - before.descriptors, maps)


def find_traces() -> Traces:
    """Look at this process in /proc."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = {int(pid) for task in tasks for pid in task.read_text().split()}
    descriptors = Counter(kind_of(each) for each in Path("/proc/self/fd").iterdir())
    maps = Path("/proc/self/maps").read_text().count("memfd:minitensor")
    return Traces(children, descriptors, maps)


def kind_of(descriptor: Path) -> str:
    """Return what a descriptor is of, without the number of a socket or pipe."""
    try:
        return os.readlink(descriptor).partition(":[")[0]
    except OSError:
        return "closed"


def run_trial(trial: Trial) -> str:
    """Run a trial; return what happened, and fail if it should not have."""
    loader = DataLoader(Streamed(trial) if trial.iterable else Indexed(trial), **trial.options)
    seen: list[int] = []
    errors: list[BaseException] = []
    started = time.monotonic()
    try:
        take(loader, trial, seen, errors)
    except (Exception, KeyboardInterrupt) as error:
        errors.append(error.with_traceback(None))
    took = time.monotonic() - started
    loader._iterator = None
    left = time.monotonic() - started - took
    check(trial, seen, errors, left)
    return f"{trial.fault}: {[type(each).__name__ for each in errors] or 'no error'}"


def take(loader: Any, trial: Trial, seen: list[int], errors: list[BaseException]) -> None:
    """Take the batches until an error ends the workers, going on after other errors."""
    batches = iter(loader)
    victim = random.Random(trial.seed).choice(batches._workers)
    while True:
        try:
            batch, names = next(batches)
        except StopIteration:
            return
        except ValueError as error:
            errors.append(error.with_traceback(None))
            continue
        rows = batch[:, 0].int().tolist()
        assert [f"sample {row}" for row in rows] == list(names) and bool((batch == batch[:, :1]).all())
        seen += rows
        if trial.fault == "leave" and trial.at in range(len(seen)):
            return
        if trial.fault == "killed by the program" and trial.at in range(len(seen)):
            victim.kill()


def check(trial: Trial, seen: list[int], errors: list[BaseException], left: float) -> None:
    """Compare what was seen with what the fault allows."""
    text = "; ".join(str(error) for error in errors)
    assert len(set(seen)) == len(seen), seen
    if trial.fault == "none":
        assert not errors and sorted(seen) == list(range(COUNT)), (seen, text)
        assert seen == list(range(COUNT)) or not trial.options["in_order"] or trial.iterable, seen
    elif trial.fault == "raise":
        lost = set(range(COUNT)) - set(seen)
        assert f"no sample {trial.at}" in text and "Traceback" in text and "in sample" in text, text
        assert len(errors) == 1 and trial.at in lost and len(lost) <= trial.options["batch_size"], (lost, text)
    elif trial.fault in ("exit", "sys.exit", "kill"):
        assert len(errors) == 1 and "exited unexpectedly" in text, text
        how = "signal: Killed" if trial.fault == "kill" else "exit code 3"
        assert how in str(errors[0].__cause__), errors[0].__cause__
    elif trial.fault == "killed by the program":
        assert "exited unexpectedly" in text or (not errors and sorted(seen) == list(range(COUNT))), text
    elif trial.fault == "hang":
        assert len(errors) == 1 and "timed out after" in text, text
    elif trial.fault == "ctrl-c":
        assert [type(error) for error in errors] == [KeyboardInterrupt], text
    else:
        assert not errors, text
    assert left < 2, f"the loader took {left} s to end"


def run_trials(seeds: range, methods: tuple[str, ...], report: Callable[[str], None] | None = None) -> Counter[str]:
    """Run trials and count what happened; fail if one hangs for a minute, or leaves something.

    ``report`` is called with a line about each trial as it ends.
    """
    happened: Counter[str] = Counter()
    warm_up(methods)
    before = find_traces()
    for seed in seeds:
        trial = draw_trial(seed, methods)
        faulthandler.dump_traceback_later(60, exit=True)
        try:
            what = run_trial(trial)
            left = find_traces().beyond(before)
            assert not any(left), f"left: {left}, before: {before}"
            happened[what] += 1
            if report is not None:
                report(f"{seed}: {trial.method}, {trial.options['num_workers']} workers, {what}")
        except BaseException:
            print(trial, flush=True)
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
    return happened


def warm_up(methods: tuple[str, ...]) -> None:
    """Start the servers that Python keeps for some methods."""
    for method in set(methods):
        process = multiprocessing.get_context(method).Process(target=mt.manual_seed, args=(0,))
        process.start()
        process.join()
        process.close()


if __name__ == "__main__":
    first, last = (0, int(sys.argv[1])) if len(sys.argv) == 2 else (int(sys.argv[1]), int(sys.argv[2]))
    began = time.monotonic()
    methods = ("fork", "fork", "fork", "forkserver", "spawn")
    for what, times in sorted(run_trials(range(first, last), methods, partial(print, flush=True)).items()):
        print(f"{times:4} {what}")
    print(f"{last - first} trials in {time.monotonic() - began:.0f} s")
