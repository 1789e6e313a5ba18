"""Graphs of a GPU's work: a stream notes what is asked of it, once, and repeats it as a whole, which takes less time.

While a graph is captured, nothing is computed: values of tensors cannot be read, and nothing is copied from the CPU.
Random numbers come from the CPU, so they cannot be drawn there. A replay reads and writes the memory that the capture
used; the graph keeps that of the tensors that were made in it, in a pool of its own.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitensor.autograd.engine import grad
from minitensor.autograd.function import Function, once_differentiable
from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.cuda import devices
from minitensor.cuda.memory import MemPool, empty_cache
from minitensor.cuda.streams import Stream, StreamContext, current_stream, default_stream, stream
from minitensor.errors import GuardError, UnsupportedError, UsageError, UsageTypeError
from minitensor.ops.creation import empty_like

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


# -- functions and modules: one graph of the forward pass, and one of the backward pass --------------------------------


def make_graphed_callables(
    callables: Any, sample_args: Any, num_warmup_iters: int = 3, allow_unused_input: bool = False, pool: Any = None
) -> Any:
    """Return functions or modules whose passes, forward and backward, are replayed as graphs.

    Args:
        callables: A function or module, or a tuple of them, which are called in this order. They take and return
            tensors, or tuples of them, on a GPU. A module is changed and returned: in the mode in which it is now, for
            training or not, its ``forward`` replays the graph.
        sample_args: A tuple of tensors for the callable, or a tuple of tuples for several. Arguments of later calls
            have their shapes, dtypes and ``requires_grad``.
        num_warmup_iters: How often each is called before it is captured. Default: 3.
        allow_unused_input: Whether an input may have no gradient. Default: ``False``.
        pool: The memory of another graph that is never replayed at the same time, or None.

    Raises:
        AssertionError: If a module has hooks or buffers that require gradients, or an argument is no tensor.
        TypeError: If a callable returns something else than tensors.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     double = torch.cuda.make_graphed_callables(torch.exp, (torch.ones(1, device="cuda"),))
    """
    if not isinstance(callables, tuple):
        return make_graphed_callables((callables,), (sample_args,), num_warmup_iters, allow_unused_input, pool)[0]
    passes = [Passes(each, args, allow_unused_input) for each, args in zip(callables, sample_args, strict=True)]
    devices.synchronize()
    with stream(Stream()):
        for each in passes:
            each.warm_up(num_warmup_iters)
    devices.synchronize()
    pool = graph_pool_handle() if pool is None else pool
    for each in passes:  # in the order of later replays, because all share their memory
        each.capture_forward(pool)
    for each in reversed(passes):
        each.capture_backward(pool)
    return tuple([graph_calls(each) for each in passes])


class Passes:
    """The graphs of a callable's passes, and the tensors that they read and write."""

    def __init__(self, callable: Any, args: Any, allow_unused: bool) -> None:  # noqa: A002  # as above
        check_module(callable)
        if not all(isinstance(each, TensorBase) for each in args):
            raise GuardError("make_graphed_callables: sample_args must contain only tensors")
        parameters = tuple(callable.parameters()) if hasattr(callable, "parameters") else ()
        self.callable, self.args, self.parameters, self.allow_unused = callable, tuple(args), parameters, allow_unused
        self.inputs = self.args + parameters
        self.wanted = [each for each in self.inputs if each.requires_grad]
        self.forward, self.backward = CUDAGraph(), CUDAGraph()
        self.single = True

    def run(self) -> tuple[Any, ...]:
        """Call the callable. Return its results as a tuple."""
        found = self.callable(*self.args)
        self.single = isinstance(found, TensorBase)
        results = (found,) if self.single else tuple(found) if isinstance(found, (tuple, list)) else (None,)
        if not all(isinstance(each, TensorBase) for each in results):
            raise UsageTypeError("make_graphed_callables: a callable must return tensors, or a tuple of them")
        return results

    def differentiate(self, outputs: Any, grads: Any) -> list[Any]:
        """Return the gradient of each input, None where there is none."""
        pairs = [(output, each) for output, each in zip(outputs, grads, strict=True) if each is not None]
        if not pairs or not self.wanted:
            return [None] * len(self.inputs)
        starts, seeds = zip(*pairs, strict=True)
        found = iter(grad(starts, self.wanted, seeds, allow_unused=self.allow_unused))
        return [next(found) if each.requires_grad else None for each in self.inputs]

    def warm_up(self, times: int) -> None:
        """Run both passes, so that what is made in a first call exists before the capture."""
        for _ in range(times):
            outputs = self.run()
            self.differentiate(outputs, seeds_of(outputs))

    def capture_forward(self, pool: Any) -> None:
        """Capture the forward pass."""
        with graph(self.forward, pool):
            self.outputs = self.run()

    def capture_backward(self, pool: Any) -> None:
        """Capture the backward pass."""
        self.seeds = seeds_of(self.outputs)
        with graph(self.backward, pool):
            self.grads = self.differentiate(self.outputs, self.seeds)

    def replay_forward(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the results for arguments."""
        for place, value in zip(self.args, args, strict=False):
            if place is not value:
                place.detach().copy_(value.detach())
        self.forward.replay()
        return tuple([each.detach() for each in self.outputs])

    def replay_backward(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the gradients of the inputs for those of the results."""
        for place, value in zip(self.seeds, grads, strict=True):
            if place is not None:
                place.copy_(value)
        self.backward.replay()
        return tuple([None if each is None else each.detach() for each in self.grads])


def seeds_of(outputs: tuple[Any, ...]) -> list[Any]:
    """Return memory for the gradients of results, None for those that have none."""
    return [empty_like(each) if each.requires_grad else None for each in outputs]


def check_module(module: Any) -> None:
    """Raise if hooks or buffers of a module would not be in its graph."""
    if not hasattr(module, "parameters"):
        return
    if any(getattr(module, name) for name in ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks")):
        raise GuardError("make_graphed_callables: the module has hooks; register them on the module that is returned")
    if any(each.requires_grad for each in module.buffers()):
        raise GuardError("make_graphed_callables: buffers of a module must not require gradients")


def graph_calls(passes: Passes) -> Any:
    """Return a function that replays the passes of a function, or the module, which does."""
    replay = function_of(passes)
    module = passes.callable
    if not hasattr(module, "parameters"):
        return replay
    module.forward = in_mode(module, module.training, replay, module.forward)
    return module


def in_mode(module: Any, training: bool, replay: Callable[..., Any], forward: Callable[..., Any]) -> Any:
    """Return a module's new ``forward``: the graph in the mode in which it was captured, else the old one."""

    def call(*args: Any, **options: Any) -> Any:
        return (replay if module.training is training else forward)(*args, **options)

    return call


def function_of(passes: Passes) -> Callable[..., Any]:
    """Return a function that replays graphs, and whose gradient replays the other one."""

    class Graphed(Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            return passes.replay_forward(inputs)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *grads: Any) -> Any:
            return passes.replay_backward(grads)

    def call(*args: Any) -> Any:
        results = Graphed.apply(*args, *passes.parameters)
        return results[0] if passes.single else results

    return call


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
