"""A crew of processes: they are started, asked for batches, watched, and ended.

Each worker has a channel of its own, and nothing else is shared, so a worker that is killed at any time leaves no lock
behind. The end of its channel tells the program at once. An epoch that is left ends its workers without waiting for
the garbage collector, and leaves no process, descriptor or memory.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from types import FrameType
from typing import Any, Final, NamedTuple, Protocol

from minitensor.errors import LoaderTimeoutError, LostWorkerError
from minitensor.forks import after_fork_in_child
from minitensor.utils.data._utils.channel import Channel, Frame
from minitensor.utils.data._utils.epoch import Answer
from minitensor.utils.data._utils.parcel import Opened, Parcel, unpack
from minitensor.utils.data._utils.process_worker import BATCH, ENDED, RESTART, run_worker
from minitensor.utils.data._utils.worker import END, End, Job

CHECK: Final = 0.5  # seconds between looks at whether the workers live; usually the end of a channel tells it
TO_LEAVE, TO_UNWIND = 0.05, 1.0  # seconds to end by oneself, and after SIGTERM; then follows SIGKILL
Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # epoll's memory is shared with forked children


class Maker(Protocol):
    """The context of a start method, or the module ``multiprocessing``."""

    Process: Any


class Member(NamedTuple):
    """A worker process and its channel."""

    process: Any
    channel: Channel


class ProcessCrew:
    """Processes that answer requests for batches. ``Crew`` in ``epoch.py`` describes the methods."""

    def __init__(self, maker: Maker, jobs: list[Job], base_seed: int) -> None:
        self._members: list[Member] = []
        self._arrived: deque[tuple[int, Answer | End]] = deque()
        self._lost: LostWorkerError | None = None
        self._owner = os.getpid()
        self.stop = weakref.finalize(self, end_members, self._members, self._owner)
        try:
            for job in jobs:
                self._members.append(start_member(maker, job, base_seed))
        except BaseException:
            self.stop()
            raise

    @property
    def workers(self) -> list[Any]:
        """The processes."""
        return [member.process for member in self._members]

    def request(self, worker: int, number: int, indices: Any) -> None:
        frame = Frame(BATCH, number, Parcel(bytes(ForkingPickler.dumps(indices)), ()))
        self._members[worker].channel.post(frame)

    def restart(self) -> None:
        for member in self._members:
            member.channel.post(Frame(RESTART, 0))

    def is_alive(self) -> bool:
        if not self.stop.alive or self._owner != os.getpid():
            return False
        return all(member.process.is_alive() for member in self._members)

    def receive(self, timeout: float) -> tuple[int, Answer | End]:
        deadline = time.monotonic() + timeout if timeout else None
        while not self._arrived:
            self._require_workers()
            rest = CHECK if deadline is None else min(CHECK, deadline - time.monotonic())
            if rest <= 0:
                raise LoaderTimeoutError(
                    f"DataLoader timed out after {timeout} seconds; increase timeout=, or set it to 0 for no limit"
                )
            self._wait(rest)
        return self._arrived.popleft()

    def _require_workers(self) -> None:
        if self._owner != os.getpid():
            raise LostWorkerError(
                "the DataLoader workers do not run in this forked process; start another epoch with iter(loader)"
            )
        if self._lost is not None:
            raise self._lost
        if not self.stop.alive:
            raise LostWorkerError("the DataLoader workers have been stopped; start another epoch with iter(loader)")

    def _wait(self, seconds: float) -> None:
        """Wait until a worker sends something or ends."""
        dead = [member for member in self._members if not member.process.is_alive()]
        with Selector() as selector:
            for member in self._members:
                wanted = selectors.EVENT_WRITE if member.channel.has_unsent() else 0
                selector.register(member.channel.connection, selectors.EVENT_READ | wanted, member)
            ready = selector.select(0 if dead else seconds)
        with postponed_interrupt():
            gone = [key.data for key, events in ready if not self._attend(key.data, events)]
        if gone or (dead and not ready):
            self._lose([*gone, *dead][0])

    def _attend(self, member: Member, events: int) -> bool:
        """Send and receive what is possible; return whether the worker lives."""
        if events & selectors.EVENT_WRITE:
            member.channel.flush()
        lives = not events & selectors.EVENT_READ or member.channel.receive()
        self._arrived.extend([(frame.number, open_answer(frame)) for frame in member.channel.frames()])
        return lives

    def _lose(self, member: Member) -> None:
        """Note that a worker has ended before its time, and end the others."""
        member.process.join(TO_UNWIND)
        how, process = describe_exit(member.process.exitcode), member.process.pid
        self._lost = LostWorkerError(f"DataLoader worker (pid(s) {process}) exited unexpectedly")
        self._lost.__cause__ = LostWorkerError(f"DataLoader worker (pid {process}) {how}")
        self.stop()


def open_answer(frame: Frame) -> Answer | End:
    """Return the answer in a frame."""
    if frame.kind == ENDED:
        return END
    opened = unpack(frame.parcel)
    return opened.value if frame.kind == BATCH else lambda: raise_failure(opened)


def raise_failure(opened: Opened) -> None:
    """Raise the exception that a worker sent."""
    opened.value().reraise()


def describe_exit(code: int | None) -> str:
    """Return how a process ended, in PyTorch's words."""
    if code is not None and code < 0:
        return f"is killed by signal: {signal.strsignal(-code)}."
    return (
        f"exited unexpectedly with exit code {code}. Details are lost due to multiprocessing. Rerunning with "
        "num_workers=0 may give better error trace."
    )


# -- starting and ending -----------------------------------------------------------------------------------------------


class Starting:
    """The lock on starting workers: no other worker may inherit the socket that a new one is given."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Replace the lock in a forked child: its parent holds it while it forks."""
        self.lock = threading.Lock()


STARTING: Final = Starting()
after_fork_in_child(STARTING.renew)


def start_member(maker: Maker, job: Job, base_seed: int) -> Member:
    """Start a worker."""
    with STARTING.lock, blocked_signals():
        ours, theirs = socket.socketpair()
        channel = Channel(ours, waits=False)
        try:
            process = maker.Process(target=run_worker, args=(theirs, job, base_seed), daemon=True)
            process.start()
        except BaseException:
            channel.close()
            raise
        finally:
            theirs.close()
    return Member(process, channel)


@contextmanager
def postponed_interrupt() -> Iterator[None]:
    """Postpone Ctrl-C until the end of the block, which takes over descriptors that would be lost otherwise."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    calls: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *call: calls.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for call in calls[-1:]:
            handler(*call)


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Block signals that would reach a new process before it handles them; it unblocks them itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_members(members: list[Member], owner: int) -> None:
    """End workers: they see the end of their channels, then are told to unwind, then are killed."""
    if owner != os.getpid():
        return  # a forked child: the workers are its parent's
    processes = [member.process for member in members]
    try:
        close_channels(members)
        if wait_for(processes, TO_LEAVE):
            for process in processes:
                process.terminate()
            wait_for(processes, TO_UNWIND)
    finally:
        close_channels(members)
        for process in processes:
            process.kill()
            process.join()


def close_channels(members: list[Member]) -> None:
    """Close the channels to workers."""
    for member in members:
        member.channel.close()


def wait_for(processes: list[Any], seconds: float) -> bool:
    """Wait until processes have ended; return whether some have not."""
    deadline = time.monotonic() + seconds
    running = {process.sentinel for process in processes}
    while running and (rest := deadline - time.monotonic()) > 0:
        running -= set(connection.wait(list(running), rest))
    return bool(running)
