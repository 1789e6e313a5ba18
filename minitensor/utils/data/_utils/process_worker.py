"""What runs in a worker process: it takes requests, and fetches and sends batches.

Each worker has the random streams that PyTorch's has, and kernels use one thread. A worker ends when its channel does,
whether the program closed it or was killed. Ctrl-C in a terminal reaches the workers too; they leave it to the program.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

import numpy as np

from minitensor.backends.numpy.threads import set_num_threads
from minitensor.generator import manual_seed
from minitensor.utils.data._utils.channel import Channel, Frame
from minitensor.utils.data._utils.failure import describe_failure
from minitensor.utils.data._utils.parcel import pack
from minitensor.utils.data._utils.worker import END, PROCESS, Fetcher, Job, _generate_state

BATCH, FAILURE, ENDED, RESTART = range(4)  # the kinds of frames
PATIENCE: Final = 5.0  # seconds for the current batch after the program was killed


def run_worker(connection: socket.socket, job: Job, base_seed: int) -> None:
    """Answer requests until the channel ends: the whole work of a worker process."""
    ended = threading.Event()
    channel = Channel(connection, waits=True)
    handle_signals(connection)
    gc.freeze()  # what was inherited is not traced again: that would copy its memory, and find garbage of the parent
    set_num_threads(1)
    seed_streams(base_seed, job.info.id)
    PROCESS.info = job.info
    if hasattr(select, "poll"):
        threading.Thread(target=watch, args=(connection, ended), name="DataLoader-watch", daemon=True).start()
    try:
        serve(channel, ended, Fetcher(job))
    except ConnectionError:
        pass  # the program does not need the batch
    except SystemExit:
        if not has_ended(connection):
            raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already


def serve(channel: Channel, ended: threading.Event, fetcher: Fetcher) -> None:
    """Answer each request in turn."""
    for order in orders(channel):
        if ended.is_set():
            return
        if order.kind == RESTART:
            fetcher.begin()
        else:
            channel.send(answer(fetcher, order, f"in DataLoader worker process {fetcher.number}"))


def orders(channel: Channel) -> Iterator[Frame]:
    """Yield requests as they come, until the channel ends.

    No thread reads them in advance: the work would stop whenever that thread needs the interpreter.
    """
    yield from channel.frames()
    while channel.receive():
        yield from channel.frames()


def answer(fetcher: Fetcher, order: Frame, where: str) -> Frame:
    """Return the frame that answers a request."""
    try:
        batch = fetcher.fetch(pickle.loads(order.parcel.body))
        return Frame(ENDED, order.number) if batch is END else Frame(BATCH, order.number, pack(batch))
    except (SystemExit, KeyboardInterrupt):
        raise  # they end the worker, as in PyTorch
    except BaseException as error:
        return Frame(FAILURE, order.number, pack(describe_failure(error, where)))


def watch(connection: socket.socket, ended: threading.Event) -> None:
    """Note the end of the channel, and end a process that does not then end by itself."""
    poller = select.poll()
    poller.register(connection, 0)  # for the end alone
    poller.poll()
    ended.set()
    time.sleep(PATIENCE)
    os._exit(1)  # the program was killed, or it would have ended this worker


def has_ended(connection: socket.socket) -> bool:
    """Whether the program has closed the channel, or is gone."""
    if not hasattr(select, "poll"):
        return False
    poller = select.poll()
    poller.register(connection, 0)
    return bool(poller.poll(0))


def handle_signals(connection: socket.socket) -> None:
    """Ignore Ctrl-C, and let SIGTERM raise SystemExit when the channel has ended, so that files are closed."""

    def leave(number: int, frame: FrameType | None) -> None:
        if has_ended(connection):
            raise SystemExit
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.set_wakeup_fd(-1)  # that of the parent's event loop
    signal.signal(signal.SIGINT, lambda number, frame: None)  # unlike SIG_IGN, programs started here do not inherit it
    signal.signal(signal.SIGTERM, leave)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def seed_streams(base_seed: int, worker: int) -> None:
    """Seed this process's random streams as PyTorch seeds those of its workers."""
    random.seed(base_seed + worker)
    manual_seed(base_seed + worker)
    np.random.seed(_generate_state(base_seed, worker))
