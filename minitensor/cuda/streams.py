"""Streams: the orders in which a GPU works, on CuPy's. Events are points in them.

Each thread has a current stream on each GPU, in which its operations work. Work in two streams runs at the same time,
unless one waits for the other. CuPy keeps which stream is current, so its own functions work there too.
"""

from __future__ import annotations

from typing import Any

from minitensor.compat import streams
from minitensor.cuda import devices
from minitensor.device import device as as_device
from minitensor.errors import UnsupportedError, UsageValueError

CUDA_TYPE = 1  # PyTorch's number of the kind of device


class Stream(streams.Stream):
    """An order in which a GPU works. Also a context manager, in which it is the current stream.

    Args:
        device: The GPU; the current one if None.
        priority: Smaller numbers come first: 0 is the lowest priority, and negative numbers are higher ones.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.Stream().synchronize()
    """

    device_type = CUDA_TYPE

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        number = devices.number_of(device)
        with devices.library().Device(number):
            # As PyTorch's: a stream does not wait for the default one, whose work others would otherwise wait for.
            made = devices.library().Stream(non_blocking=True, priority=priority)
        self.hold(made, number)

    def hold(self, queue: Any, number: int) -> Stream:
        """Stand for CuPy's stream ``queue`` on the GPU of this ``number``."""
        self.queue, self.device_index = queue, number
        self.contexts: list[StreamContext] = []
        return self

    @property
    def device(self) -> as_device:
        """The GPU."""
        return as_device("cuda", self.device_index)

    @property
    def cuda_stream(self) -> int:
        """CUDA's address of the stream."""
        return int(self.queue.ptr)

    stream_id = cuda_stream  # it tells the streams of a GPU apart

    @property
    def priority(self) -> int:
        """The priority."""
        return int(self.queue.priority)

    def query(self) -> bool:
        """Return whether everything asked of the stream is done."""
        return bool(self.queue.done)

    def synchronize(self) -> None:
        """Wait until everything asked of the stream is done."""
        self.queue.synchronize()

    def wait_event(self, event: Any) -> None:
        """Let later work in this stream wait for ``event``."""
        event.wait(self)

    def wait_stream(self, stream: Any) -> None:
        """Let later work in this stream wait for everything that was asked of another ``stream``."""
        self.wait_event(stream.record_event())

    def record_event(self, event: Any = None) -> Any:
        """Record ``event``, or a new one, and return it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def is_capturing(self) -> bool:
        """Return whether a graph is being captured in this stream."""
        return bool(self.queue.is_capturing())

    def __cuda_stream__(self) -> tuple[int, int]:
        """Return what other libraries read: the version of the protocol, and the stream's address."""
        return 0, self.cuda_stream

    def __enter__(self) -> Stream:
        self.contexts.append(StreamContext(self))
        self.contexts[-1].__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.contexts.pop().__exit__(*error)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.device_index, self.queue) == (other.device_index, other.queue)

    def __hash__(self) -> int:
        return hash((self.device_index, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class Address:
    """A stream of another library, as CuPy takes it."""

    def __init__(self, address: int) -> None:
        self.address = address

    def __cuda_stream__(self) -> tuple[int, int]:
        """Return the version of the protocol, and the address."""
        return 0, self.address


class ExternalStream(Stream):
    """A stream of another library, which must keep it alive as long as this object is used.

    Args:
        stream_ptr: CUDA's address of the stream.
        device: The GPU to which it belongs; the current one if None.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     other = torch.cuda.Stream()
    ...     assert torch.cuda.ExternalStream(other.cuda_stream) == other
    """

    def __init__(self, stream_ptr: int, device: Any = None) -> None:
        number = devices.number_of(device)
        with devices.library().Device(number):  # CuPy takes the device from the context
            self.hold(devices.library().Stream.from_external(Address(stream_ptr)), number)


def get_stream_from_external(data_ptr: int, device: Any = None) -> Stream:
    """Return a stream of another library, at the address ``data_ptr``; see ``ExternalStream``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     other = torch.cuda.Stream()
    ...     assert torch.cuda.get_stream_from_external(other.cuda_stream) == other
    """
    return ExternalStream(data_ptr, device)


class Event(streams.Event):
    """A point in the work of a GPU, at which a stream arrives after everything that was asked of it before.

    Args:
        enable_timing: Whether the event has a time, for ``elapsed_time``. Default: ``False``.
        blocking: Whether ``synchronize`` lets other threads use the processor. Default: ``False``.
        interprocess: Accepted for PyTorch compatibility; events are not sent to other processes. Default: ``False``.
        external: Only False is possible. Default: ``False``.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.
        NotImplementedError: If ``external`` is True.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.Event(enable_timing=True).record()
    """

    device_type = CUDA_TYPE

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False
    ) -> None:
        devices.init()
        if external:
            raise UnsupportedError("Event: external=True is not supported; record the event outside of the graph")
        self.enable_timing, self.blocking = enable_timing, blocking
        self.point: Any = None  # made when it is recorded, on the GPU of the stream

    @property
    def device(self) -> as_device | None:
        """The GPU on which the event was recorded, or None."""
        return None if self.point is None else as_device("cuda", self.device_index)

    @property
    def cuda_event(self) -> int:
        """CUDA's address of the event, 0 before it is recorded."""
        return 0 if self.point is None else int(self.point.ptr)

    event_id = cuda_event

    def record(self, stream: Any = None) -> None:
        """Record the event in a ``stream``, the current one if None.

        Raises:
            RuntimeError: If the event was recorded on another GPU.
        """
        stream = current_stream() if stream is None else stream
        if self.point is None:
            self.point, self.device_index = self.make(stream.device_index), stream.device_index
        if self.device_index != stream.device_index:
            raise UsageValueError(
                f"Event device {self.device_index} does not match recording stream's device {stream.device_index}."
            )
        with devices.library().Device(self.device_index):
            self.point.record(stream.queue)

    def make(self, number: int) -> Any:
        """Return a new event of CuPy on the GPU of this ``number``."""
        with devices.library().Device(number):
            return devices.library().Event(block=self.blocking, disable_timing=not self.enable_timing)

    def wait(self, stream: Any = None) -> None:
        """Let later work in a ``stream``, the current one if None, wait for the event."""
        stream = current_stream() if stream is None else stream
        if self.point is not None:
            stream.queue.wait_event(self.point)

    def query(self) -> bool:
        """Return whether the work before the event is done; True if it was never recorded."""
        return self.point is None or bool(self.point.done)

    def synchronize(self) -> None:
        """Wait until the work before the event is done."""
        if self.point is not None:
            self.point.synchronize()

    def elapsed_time(self, end_event: Any) -> float:
        """Return the milliseconds from this event to ``end_event``.

        Raises:
            ValueError: If one of them has no time, or has not been recorded.
            RuntimeError: If the work before one of them is not done.
        """
        both = self, end_event
        if not all(each.enable_timing for each in both):
            raise UsageValueError("Both events must be created with argument 'enable_timing=True'.")
        if any(each.point is None for each in both):
            raise UsageValueError("Both events must be recorded before calculating elapsed time.")
        if not all(each.query() for each in both):
            raise UsageValueError("Both events must be completed before calculating elapsed time; call synchronize()")
        return float(devices.library().get_elapsed_time(self.point, end_event.point))

    def ipc_handle(self) -> Any:
        """Raise: events are not sent to other processes.

        Raises:
            NotImplementedError: If it is called at all.
        """
        raise ipc_error()

    @classmethod
    def from_ipc_handle(cls, device: Any, handle: Any) -> Event:
        """Raise: events are not sent to other processes, so there is no ``handle`` of a ``device``.

        Raises:
            NotImplementedError: If it is called at all.
        """
        raise ipc_error()

    def __repr__(self) -> str:
        return f"<torch.cuda.Event {self.cuda_event:#x}>" if self.cuda_event else "<torch.cuda.Event uninitialized>"


def ipc_error() -> UnsupportedError:
    """Return the error for an event that is to be sent to another process."""
    return UnsupportedError("Event: events are not sent to other processes; call synchronize() and send a message")


# -- the current stream ------------------------------------------------------------------------------------------------


def current_stream(device: Any = None) -> Stream:
    """Return the stream in which operations of this thread work on a GPU; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.current_stream().synchronize()
    """
    number = devices.number_of(device)
    return Stream.__new__(Stream).hold(devices.library().get_current_stream(number), number)


def default_stream(device: Any = None) -> Stream:
    """Return the stream of a GPU in which operations work if none is chosen; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.default_stream().synchronize()
    """
    number = devices.number_of(device)
    return Stream.__new__(Stream).hold(devices.library().Stream.null, number)


def set_stream(stream: Any) -> None:
    """Work in a ``stream`` from now on, and on its GPU; do nothing for None.

    >>> import minitensor as torch
    >>> torch.cuda.set_stream(None)
    """
    if stream is not None:
        devices.set_device(stream.device_index)
        stream.queue.use()


class StreamContext:
    """A block of work in a ``stream``, and on its GPU. Returned by ``stream``.

    Args:
        stream: The stream. For None the block changes nothing.

    >>> import minitensor as torch
    >>> with torch.cuda.StreamContext(None):
    ...     pass
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.before: list[Stream] = []

    def __enter__(self) -> None:
        """Begin the block."""
        if self.stream is not None:  # the current stream of the stream's GPU, then that of the current GPU
            self.before = [current_stream(self.stream.device_index), current_stream()]
            set_stream(self.stream)

    def __exit__(self, *_: object) -> None:
        """End the block."""
        for each in self.before:
            set_stream(each)


def stream(stream: Any) -> StreamContext:
    """Work in a ``stream`` in a block, and on its GPU; do nothing for None.

    >>> import minitensor as torch
    >>> with torch.cuda.stream(None):
    ...     pass
    """
    return StreamContext(stream)
