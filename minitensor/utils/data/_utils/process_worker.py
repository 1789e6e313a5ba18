"""What runs in a worker process: it listens for requests in a thread, and fetches and sends batches.

Each worker has the random streams that PyTorch's has, and kernels use one thread. A worker ends when its channel does,
whether the program closed it or was killed. Ctrl-C in a terminal reaches the workers too; they leave it to the program.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import signal
import socket
import threading
import time
from queue import SimpleQueue
from types import FrameType
from typing import Final

import numpy as np

from minitensor.backends.numpy.threads import set_num_threads
from minitensor.generator import manual_seed
from minitensor.utils.data._utils.channel import Channel, Frame
from minitensor.utils.data._utils.failure import describe_failure
from minitensor.utils.data._utils.parcel import pack
from minitensor.utils.data._utils.worker import END, PROCESS, Fetcher, Job

BATCH, FAILURE, ENDED, RESTART = range(4)  # the kinds of frames
PATIENCE: Final = 5.0  # seconds for the current batch after the program was killed

Orders = SimpleQueue["Frame | None"]  # None: the channel has ended


def run_worker(connection: socket.socket, job: Job, base_seed: int) -> None:
    """Answer requests until the channel ends: the whole work of a worker process."""
    ended = threading.Event()
    handle_signals(ended)
    gc.freeze()  # what was inherited is not traced again: that would copy its memory, and find garbage of the parent
    set_num_threads(1)
    seed_streams(base_seed, job.info.id)
    PROCESS.info = job.info
    channel, orders = Channel(connection, waits=True), SimpleQueue[Frame | None]()
    threading.Thread(target=listen, args=(channel, orders, ended), name="DataLoader-orders", daemon=True).start()
    try:
        serve(channel, orders, ended, Fetcher(job))
    except SystemExit:
        if not ended.is_set():
            raise
    except OSError:
        if not ended.wait(1):
            raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already


def serve(channel: Channel, orders: Orders, ended: threading.Event, fetcher: Fetcher) -> None:
    """Answer each request in turn."""
    while (order := orders.get()) is not None and not ended.is_set():
        if order.kind == RESTART:
            fetcher.begin()
        else:
            channel.send(answer(fetcher, order, f"in DataLoader worker process {fetcher.number}"))


def answer(fetcher: Fetcher, order: Frame, where: str) -> Frame:
    """Return the frame that answers a request."""
    try:
        batch = fetcher.fetch(pickle.loads(order.parcel.body))
        return Frame(ENDED, order.number) if batch is END else Frame(BATCH, order.number, pack(batch))
    except (SystemExit, KeyboardInterrupt):
        raise  # they end the worker, as in PyTorch
    except BaseException as error:
        return Frame(FAILURE, order.number, pack(describe_failure(error, where)))


def listen(channel: Channel, orders: Orders, ended: threading.Event) -> None:
    """Pass requests on as they come, so that the program never waits; note the end of the channel."""
    while channel.receive():
        for frame in channel.frames():
            orders.put(frame)
    ended.set()
    orders.put(None)
    time.sleep(PATIENCE)
    os._exit(1)  # the program was killed, or it would have ended this worker


def handle_signals(ended: threading.Event) -> None:
    """Ignore Ctrl-C, and let SIGTERM raise SystemExit when the channel has ended, so that files are closed."""

    def leave(number: int, frame: FrameType | None) -> None:
        if ended.is_set():
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
    np.random.seed(np.random.SeedSequence(numpy_entropy(base_seed, worker)).generate_state(4))


def numpy_entropy(base_seed: int, worker: int) -> list[int]:
    """Return the words from which NumPy's seed is made; it must not be equal to the seed of ``random``."""
    return [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
