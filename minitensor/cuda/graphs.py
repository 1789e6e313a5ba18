"""Graphs of a GPU's work: a stream notes what is asked of it, once, and repeats it as a whole, which takes less time.

While a graph is captured, nothing is computed: values of tensors cannot be read, and nothing is copied from the CPU.
Random numbers come from the CPU, so they cannot be drawn there. A replay reads and writes the memory that the capture
used; the graph keeps that of the tensors that were made in it, in a pool of its own.
"""

from __future__ import annotations

import contextlib
import gc
from typing import Any

from minitensor.cuda import devices
from minitensor.cuda.memory import MemPool, empty_cache
from minitensor.cuda.streams import Stream, StreamContext, current_stream, default_stream
from minitensor.errors import UnsupportedError, UsageError

MODES = ("global", "thread_local", "relaxed")


class CUDAGraph:
    """A graph of a GPU's work. ``graph`` captures one.

    Args:
        keep_graph: Accepted for PyTorch compatibility. Default: ``False``.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     x, captured = torch.ones(2, device="cuda"), torch.cuda.CUDAGraph()
    ...     with torch.cuda.graph(captured):
    ...         y = x + 1
    ...     captured.replay()
    """

    def __init__(self, keep_graph: bool = False) -> None:
        devices.init()
        self.captured: Any = None  # CuPy's graph
        self.memory: MemPool | None = None
        self.stream: Stream | None = None  # in which the capture goes on
        self.block = contextlib.ExitStack()

    def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
        """Begin to capture what is asked of the current stream.

        Args:
            pool: The memory of another graph that is never replayed at the same time, or None.
            capture_error_mode: Accepted for PyTorch compatibility: CuPy's pool grows in "relaxed" mode only.
                Default: ``"global"``.

        Raises:
            RuntimeError: If a graph was captured, the current stream is the default one, or there is no such mode.
        """
        stream = current_stream()
        if capture_error_mode not in MODES:
            raise UsageError(f"Unknown capture error mode. Expected one of {MODES}, got {capture_error_mode!r}")
        if self.captured is not None or self.stream is not None:
            raise UsageError("This CUDAGraph instance already owns a captured graph; call reset() first")
        if stream == default_stream():
            raise UsageError("CUDA graphs must be captured on a non-default stream; use a block of cuda.graph")
        self.memory, self.stream = MemPool() if pool is None else pool, stream
        self.block.enter_context(devices.library().using_allocator(self.memory.blocks.malloc))
        stream.queue.begin_capture(devices.library().runtime.streamCaptureModeRelaxed)

    def capture_end(self) -> None:
        """End the capture, in the stream in which it began.

        Raises:
            RuntimeError: If no capture goes on, or the current stream is another one.
        """
        if self.stream is None:
            raise UsageError("CUDAGraph.capture_end: call capture_begin() first")
        if self.stream != current_stream():
            raise UsageError("Capture must end on the same stream it began on.")
        stream, self.stream = self.stream, None
        with self.block:
            self.captured = stream.queue.end_capture()
        self.place = stream.device_index

    def give_up(self) -> None:
        """End the capture after an error in it, which also ends CUDA's own, with another error that says less."""
        with contextlib.suppress(Exception):
            self.capture_end()
        self.reset()

    def instantiate(self) -> None:
        """Make the graph ready for replays: it is, after the capture.

        Raises:
            RuntimeError: If nothing was captured.
        """
        self.require_capture("instantiate")

    def replay(self) -> None:
        """Do what was captured, in the current stream.

        Raises:
            RuntimeError: If nothing was captured.
        """
        self.require_capture("replay")
        with devices.library().Device(self.place):
            self.captured.launch(current_stream().queue)

    def reset(self) -> None:
        """Forget what was captured, and its memory."""
        self.captured = self.memory = None

    def pool(self) -> MemPool:
        """Return the memory of the graph, for another one that is never replayed at the same time.

        Raises:
            RuntimeError: If nothing was captured.
        """
        if self.memory is None:
            raise UsageError("Called CUDAGraph.pool without a preceding successful capture.")
        return self.memory

    def require_capture(self, name: str) -> None:
        """Raise unless something was captured, for the method ``name``.

        Raises:
            RuntimeError: If nothing was captured.
        """
        if self.captured is None:
            raise UsageError(f"Called CUDAGraph.{name} without a preceding successful capture.")

    def enable_debug_mode(self) -> None:
        """Do nothing: CuPy does not write graphs to files."""

    def debug_dump(self, debug_path: str) -> None:
        """Raise: CuPy does not write graphs to files such as ``debug_path``.

        Raises:
            NotImplementedError: If it is called at all.
        """
        raise UnsupportedError("CUDAGraph.debug_dump: CuPy does not write graphs to files; use NVIDIA's profiler")


class graph:  # noqa: N801  # PyTorch's name
    """A block in which a graph is captured. The tensors that are made in it have values after a replay.

    Args:
        cuda_graph: The graph.
        pool: The memory of another graph that is never replayed at the same time, or None.
        stream: The stream in which the block works; a new one if None.
        capture_error_mode: Accepted for PyTorch compatibility. Default: ``"global"``.
        enable_annotations, check_input_liveness: Accepted for PyTorch compatibility. Default: ``False``.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     x, captured = torch.ones(2, device="cuda"), torch.cuda.CUDAGraph()
    ...     with torch.cuda.graph(captured):
    ...         y = x + 1
    ...     captured.replay()
    """

    def __init__(
        self, cuda_graph: Any, pool: Any = None, stream: Any = None, capture_error_mode: str = "global",
        enable_annotations: bool = False, check_input_liveness: bool = False,
    ) -> None:  # fmt: skip
        self.cuda_graph, self.pool, self.capture_error_mode = cuda_graph, pool, capture_error_mode
        self.capture_stream = Stream() if stream is None else stream
        self.context = StreamContext(self.capture_stream)

    def __enter__(self) -> None:
        """Begin the capture, after all work so far is done and memory that is not in use is free."""
        devices.synchronize()
        gc.collect()
        empty_cache()
        self.context.__enter__()
        try:
            self.cuda_graph.capture_begin(self.pool, self.capture_error_mode)
        except BaseException:
            self.context.__exit__()
            raise

    def __exit__(self, kind: Any = None, *_: object) -> None:
        """End the capture. If the block raised an error, forget it."""
        try:
            if kind is None:
                self.cuda_graph.capture_end()
            else:
                self.cuda_graph.give_up()
        finally:
            self.context.__exit__()


def graph_pool_handle() -> MemPool:
    """Return memory that several graphs may use, of which one is replayed at a time; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     pool = torch.cuda.graph_pool_handle()
    """
    return MemPool()


def is_current_stream_capturing() -> bool:
    """Return whether a graph is being captured in the current stream; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert not torch.cuda.is_current_stream_capturing()
    """
    return current_stream().is_capturing()
