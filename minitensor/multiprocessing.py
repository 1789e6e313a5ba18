"""``multiprocessing``: Python's module of this name, and PyTorch's ``spawn`` that starts a function several times.

A tensor that is sent to another process, through a queue, a pipe or as an argument, is moved to memory that processes
share. The other process gets the descriptor of the memory, and both see every write.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import (
    Array,
    Barrier,
    BoundedSemaphore,
    Condition,
    Event,
    JoinableQueue,
    Lock,
    Manager,
    Pipe,
    Pool,
    Process,
    Queue,
    RawArray,
    RawValue,
    RLock,
    Semaphore,
    SimpleQueue,
    TimeoutError,
    Value,
    active_children,
    allow_connection_pickling,
    connection,
    cpu_count,
    current_process,
    freeze_support,
    get_all_start_methods,
    get_context,
    get_logger,
    get_start_method,
    log_to_stderr,
    parent_process,
    set_executable,
    set_forkserver_preload,
    set_start_method,
)
from multiprocessing.reduction import DupFd, ForkingPickler
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import FROM_NUMPY, dtype
from minitensor.errors import ArgumentError, ProcessExitedError, ProcessRaisedError, UsageError
from minitensor.nn.parameter import Parameter
from minitensor.ops.sharing import SharedMemory, can_share, memory_of, open_tensor, share_memory_, share_storage
from minitensor.storage import Storage
from minitensor.tensor import Tensor

__all__ = [
    "Array", "Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock", "Manager", "Pipe", "Pool",
    "Process", "ProcessContext", "ProcessExitedException", "ProcessRaisedException", "Queue", "RLock", "RawArray",
    "RawValue", "Semaphore", "SimpleQueue", "SpawnContext", "TimeoutError", "Value", "active_children",
    "allow_connection_pickling", "cpu_count", "current_process", "freeze_support", "get_all_sharing_strategies",
    "get_all_start_methods", "get_context", "get_logger", "get_sharing_strategy", "get_start_method", "log_to_stderr",
    "parent_process", "set_executable", "set_forkserver_preload", "set_sharing_strategy", "set_start_method", "spawn",
    "start_processes",
]  # fmt: skip

ProcessRaisedException, ProcessExitedException = ProcessRaisedError, ProcessExitedError


def reduce_tensor(tensor: Tensor) -> Any:
    """Send a tensor after its memory was moved; raise for one that has a history, which stays in its process."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise UsageError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process boundaries. If you just want to transfer the data, call detach() on the tensor before "
            "serializing (e.g., putting it on the queue)."
        )
    if can_share(tensor.storage):
        share_memory_(tensor)
    return tensor.__reduce_ex__(pickle.DEFAULT_PROTOCOL)


def reduce_storage(storage: Storage) -> tuple[Any, ...]:
    """Send memory by its descriptor, after it was moved to where processes share it; else its contents."""
    memory = memory_of(storage)
    if memory is None and can_share(storage):
        share_storage(storage, gc.get_referrers(storage))
        memory = memory_of(storage)
    if memory is None:
        return storage.__reduce__()
    return open_storage, (DupFd(memory.descriptor), storage.nbytes(), FROM_NUMPY[storage.buffer.dtype])


def open_storage(descriptor: Any, length: int, dtype: dtype) -> Storage:
    """Return memory that another process shares."""
    return open_tensor(SharedMemory(descriptor.detach(), length), dtype).storage


ForkingPickler.register(Storage, reduce_storage)
for kind in (Tensor, Parameter):
    ForkingPickler.register(kind, reduce_tensor)


def get_all_sharing_strategies() -> set[str]:
    """Return the ways to share memory: by descriptors of files.

    >>> get_all_sharing_strategies()
    {'file_descriptor'}
    """
    return {"file_descriptor"}


def get_sharing_strategy() -> str:
    """Return the way in which memory is shared.

    >>> get_sharing_strategy()
    'file_descriptor'
    """
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Accept a way to share memory; there is only one here.

    Args:
        new_strategy: "file_descriptor" or "file_system", PyTorch's two.

    Raises:
        ValueError: If it is neither of the two.

    >>> set_sharing_strategy("file_system")
    """
    if new_strategy not in ("file_descriptor", "file_system"):
        raise ArgumentError(f"set_sharing_strategy: expected 'file_descriptor' or 'file_system', got {new_strategy!r}")


class ProcessContext:
    """Several processes that run one function; ``join`` waits for them.

    Args:
        processes: The processes, which have been started.
        failures: For each, the pipe through which it sends the text of its exception.
    """

    def __init__(self, processes: list[Any], failures: list[Any]) -> None:
        self.processes, self.failures = processes, failures
        self.running = {process.sentinel: number for number, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """Return the numbers of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Wait until a process ends, and return whether all have.

        Args:
            timeout: The most seconds to wait. Default: ``None``, any time.

        Raises:
            ProcessRaisedException: If the function raised in one of them; the others are then stopped.
            ProcessExitedException: If one of them ended in another way.
        """
        ended = [self.running.pop(each) for each in connection.wait(list(self.running), timeout)]
        for number in ended:
            self.processes[number].join()
        failed = next((number for number in ended if self.processes[number].exitcode != 0), None)
        if failed is not None:
            self.stop()
            self.explain(failed)
        return not self.running

    def stop(self) -> None:
        """Stop the processes that still run."""
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()

    def explain(self, number: int) -> None:
        """Raise the error for a process that failed."""
        process, trace = self.processes[number], read_failure(self.failures[number])
        if trace is not None:
            text = f"\n\n-- Process {number} terminated with the following error:\n{trace}"
            raise ProcessRaisedError(text, number, process.pid)
        code = process.exitcode
        name = signal.Signals(-code).name if code < 0 else None
        how = f"with signal {name}" if name else f"with exit code {code}"
        raise ProcessExitedError(f"process {number} terminated {how}", number, process.pid, code, name)


SpawnContext = ProcessContext


def read_failure(pipe: Any) -> str | None:
    """Return the text that a process sent before it ended, or None."""
    try:
        trace: str = pipe.recv()
    except EOFError:
        return None
    return trace


def run_process(fn: Callable[..., Any], number: int, args: tuple[Any, ...], failure: Any) -> None:
    """Call the function in a new process, and send the text of its exception."""
    try:
        fn(number, *args)
    except KeyboardInterrupt:
        pass  # the process that started this one is interrupted too
    except Exception:
        failure.send(traceback.format_exc())
        sys.exit(1)


def start_processes(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call ``fn(number, *args)`` in ``nprocs`` new processes, with the numbers from 0.

    Args:
        fn: A function of a module.
        args: Its arguments after the number.
        nprocs: The number of processes.
        join: Whether to wait for them; else they are returned.
        daemon: Whether they end with this process.
        start_method: How they are started: ``"spawn"``, ``"fork"`` or ``"forkserver"``.

    Raises:
        ProcessRaisedException: If ``fn`` raises in one of them.
        ProcessExitedException: If one of them ends in another way.
    """
    maker: Any = multiprocessing.get_context(start_method)
    processes, failures = [], []
    for number in range(nprocs):
        receiver, sender = maker.Pipe(duplex=False)
        process = maker.Process(target=run_process, args=(fn, number, args, sender), daemon=daemon)
        process.start()
        sender.close()
        processes.append(process)
        failures.append(receiver)
    context = ProcessContext(processes, failures)
    if not join:
        return context
    while not context.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call ``fn(number, *args)`` in ``nprocs`` new processes, as ``start_processes`` does.

    Args:
        fn, args, nprocs, join, daemon, start_method: As there.
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.multiprocessing")
