"""Threads for kernels: every piece of work runs once, errors are raised, loops nest and overlap, BLAS is restored."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any

import numpy
import pytest

from minitensor.backends.numpy import threads

pytestmark = pytest.mark.usefixtures("three_threads")

blas = pytest.mark.skipif(threads.blas_controls() is None, reason="this NumPy's BLAS is unknown")


def blas_threads() -> int:
    controls = threads.blas_controls()
    assert controls is not None
    return controls[1]()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_turn_runs_once(count: int, workers: int) -> None:
    threads.set_num_threads(workers)
    turns: list[int] = []
    threads.parallel_for(turns.append, count)
    assert sorted(turns) == list(range(count))


@pytest.mark.parametrize("shared", [1, 1 << 30])
@pytest.mark.parametrize("count, width, block", [(0, 5, 10), (1, 0, 10), (7, 3, 1), (100, 7, 64), (3, 1000, 64)])
def test_pieces_cover_all_rows_once_in_the_given_size(
    count: int, width: int, block: int, shared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "SHARED", shared)
    monkeypatch.setattr(threads, "LONG_CALL", 128)
    found: list[range] = []
    threads.in_pieces(lambda rows: found.append(range(*rows.indices(count))), count, width, block)
    assert sorted(row for rows in found for row in rows) == list(range(count))
    longest = max(block, 128) if shared <= count * width else block
    assert all(len(rows) <= max(1, longest // max(1, width)) for rows in found)


def test_only_very_many_elements_are_shared_between_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SHARED", 1000)
    monkeypatch.setattr(threads, "LONG_CALL", 300)
    workers: set[int] = set()
    threads.in_pieces(lambda rows: workers.add(threading.get_ident()), 999, 1, 1)
    assert workers == {threading.get_ident()}
    meeting = threading.Barrier(3, timeout=20)
    threads.in_pieces(lambda rows: meeting.wait(), 900, 2, 600)


def test_turns_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=20)
    threads.parallel_for(lambda turn: meeting.wait(), 3)


def test_an_error_stops_the_loop_and_is_raised() -> None:
    turns: list[int] = []

    def fail(turn: int) -> None:
        turns.append(turn)
        raise KeyError(turn)

    with pytest.raises(KeyError):
        threads.parallel_for(fail, 1000)
    assert len(turns) <= 3
    threads.parallel_for(turns.append, 2)  # the pool still works


def test_a_helpers_error_is_raised_too() -> None:
    meeting = threading.Barrier(2, timeout=20)
    caller = threading.get_ident()

    def fail(turn: int) -> None:
        meeting.wait()
        if threading.get_ident() != caller:
            raise KeyError(turn)

    with pytest.raises(KeyError):
        threads.parallel_for(fail, 2)


def test_a_loop_inside_a_turn_runs_in_its_own_thread() -> None:
    seen: list[tuple[int, int, bool]] = []

    def outer(turn: int) -> None:
        home = threading.get_ident()
        threads.parallel_for(lambda inner: seen.append((turn, inner, threading.get_ident() == home)), 4)

    threads.parallel_for(outer, 5)
    assert sorted(seen) == [(turn, inner, True) for turn in range(5) for inner in range(4)]


def test_several_user_threads_may_loop_at_once() -> None:
    totals = [0] * 6
    lock = threading.Lock()

    def loop(who: int) -> None:
        def add(turn: int) -> None:
            with lock:
                totals[who] += turn

        for _ in range(50):
            threads.parallel_for(add, 10)

    users = [threading.Thread(target=loop, args=(who,)) for who in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join(timeout=60)
    assert totals == [50 * 45] * 6


@blas
def test_blas_has_one_thread_inside_a_loop_and_is_restored_after() -> None:
    inside: list[int] = []
    threads.parallel_for(lambda turn: inside.append(blas_threads()), 4)
    assert inside == [1, 1, 1, 1]
    assert blas_threads() == 3


@blas
def test_blas_is_restored_after_an_error_and_after_overlapping_holds() -> None:
    with pytest.raises(ZeroDivisionError):
        threads.parallel_for(lambda turn: 1 // 0, 2)
    assert blas_threads() == 3
    first, second = threads.one_blas_thread(), threads.one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == 1
    threads.set_num_threads(2)  # while BLAS is held: takes effect afterwards
    assert blas_threads() == 1
    second.__exit__(None, None, None)
    assert blas_threads() == 2


def test_the_number_of_threads_must_be_positive() -> None:
    assert threads.get_num_threads() == 3
    with pytest.raises(RuntimeError, match="positive number of threads, got 0"):
        threads.set_num_threads(0)


def test_scratch_memory_is_reused_by_its_thread_and_by_no_other() -> None:
    here = threads.scratch("slot", 10, numpy.dtype("float32"))
    assert here.shape == (10,) and here.dtype == "float32"
    assert numpy.shares_memory(here, threads.scratch("slot", 5, numpy.dtype("float64")))
    assert not numpy.shares_memory(here, threads.scratch("other", 10, numpy.dtype("float32")))
    others: list[Any] = []
    thread = threading.Thread(target=lambda: others.append(threads.scratch("slot", 10, numpy.dtype("float32"))))
    thread.start()
    thread.join()
    assert not numpy.shares_memory(here, others[0])


def test_large_scratch_memory_is_not_kept() -> None:
    count = threads.KEPT_BYTES + 1
    large = threads.scratch("large", count, numpy.dtype("uint8"))
    assert not numpy.shares_memory(large, threads.scratch("large", count, numpy.dtype("uint8")))


class Payload:
    """An object used by the work of a loop."""


def test_idle_helpers_keep_nothing_alive() -> None:
    payload = Payload()
    gone = weakref.ref(payload)

    def use(turn: int, payload: Payload = payload) -> None:
        time.sleep(0.01)

    threads.parallel_for(use, 6)
    del payload, use
    for _ in range(200):  # a late helper may still hold the loop for a moment
        if gone() is None:
            return
        time.sleep(0.01)
    assert gone() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_starts_its_own_helpers() -> None:
    threads.parallel_for(lambda turn: None, 3)
    child = os.fork()
    if not child:
        code = 1
        try:
            meeting = threading.Barrier(3, timeout=10)
            threads.parallel_for(lambda turn: meeting.wait(), 3)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
