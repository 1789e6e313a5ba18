"""A simulated GPU: the modules ``cupy`` and ``cupyx`` on the strict device, for the real backend of GPUs.

Streams, events, graphs, pools, hooks, pinned memory and devices have the signatures, attributes and errors of CuPy 14.
Kernels run at once, except in a capture: there they are noted, their results are garbage, and reading values or copying
from the host raises. What is recorded and waited for stands in ``log``. Events are done when ``finish`` says so.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from minitensor import backends
from strict import device as strict
from strict.device import Array, Library, Mixed

COUNT = 2  # GPUs
TOTAL = 2**30  # bytes of each
MEMORY_ERROR, UNRECORDED, NOT_READY, CAPTURE, IMPLICIT, INVALID_DEVICE = 2, 400, 600, 900, 906, 101


class CUDARuntimeError(RuntimeError):
    """CuPy's class of CUDA's errors."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{text} ({status})")
        self.status = status


class OutOfMemoryError(MemoryError):
    """CuPy's class, which is not a RuntimeError."""


class State(threading.local):
    """What CUDA and CuPy keep for a thread."""

    def __init__(self) -> None:
        self.device = 0
        self.streams: dict[int, Any] = {}
        self.hooks: dict[str, Any] = {}
        self.allocator: Any = None


state = State()
addresses = itertools.count(4096, 64)
log: list[tuple[Any, ...]] = []
unfinished: set[int] = set()  # the addresses of streams whose work is not done


def finish() -> None:
    """Let all work be done."""
    unfinished.clear()


# -- the runtime -------------------------------------------------------------------------------------------------------


def check_device(number: int) -> int:
    if not 0 <= number < COUNT:
        raise CUDARuntimeError(INVALID_DEVICE, "cudaErrorInvalidDevice: invalid device ordinal")
    return number


class Runtime:
    """``cupy.cuda.runtime``."""

    streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = 0, 1, 2

    def getDevice(self) -> int:
        return state.device

    def setDevice(self, device: int, /) -> None:
        state.device = check_device(device)

    def getDeviceCount(self) -> int:
        return COUNT

    def deviceSynchronize(self) -> None:
        refuse_in_capture()
        log.append(("device synchronize", state.device))
        finish()

    def deviceCanAccessPeer(self, device: int, peer: int, /) -> int:
        return int(check_device(device) != check_device(peer))

    def deviceGetPCIBusId(self, device: int, /) -> str:
        return f"0000:0{check_device(device)}:00.0"

    def memGetInfo(self) -> tuple[int, int]:
        return TOTAL - default_pool.total_bytes(), TOTAL

    def getDeviceProperties(self, device: int, /) -> dict[str, Any]:
        return {
            "name": b"Strict GPU", "major": 9, "minor": check_device(device), "totalGlobalMem": TOTAL,
            "multiProcessorCount": 132, "warpSize": 32, "maxThreadsPerMultiProcessor": 2048, "l2CacheSize": 2**20,
            "sharedMemPerBlock": 49152, "regsPerMultiprocessor": 65536, "maxThreadsPerBlock": 1024, "integrated": 0,
            "isMultiGpuBoard": 0, "pciBusID": device, "pciDeviceID": 0, "pciDomainID": 0, "uuid": bytes(16),
        }  # fmt: skip

    def runtimeGetVersion(self) -> int:
        return 13000

    def profilerStart(self) -> None:
        log.append(("profiler start",))

    def profilerStop(self) -> None:
        log.append(("profiler stop",))


class Device:
    """``cupy.cuda.Device``."""

    cublas_handle, cusolver_handle = 11, 12

    def __init__(self, device: Any = None) -> None:
        self.id = state.device if device is None else int(device)
        self.stack: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> Device:
        self.stack.append(state.device)
        self.use()
        return self

    def __exit__(self, *args: object) -> None:
        state.device = self.stack.pop()

    def use(self) -> None:
        state.device = check_device(self.id)

    def synchronize(self) -> None:
        with self:
            runtime.deviceSynchronize()


# -- streams and events ------------------------------------------------------------------------------------------------


class BaseStream:
    """What all streams have."""

    def __init__(self, ptr: int, device_id: int) -> None:
        self.ptr, self.device_id = ptr, device_id
        self.kernels: list[Callable[[], Any]] | None = None
        self.stack: list[Any] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseStream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return self.ptr

    def check_device(self) -> int:
        number = state.device if self.device_id == -1 else self.device_id
        if number != state.device:
            raise RuntimeError(
                f"The device that the stream is created on ({number}) does not match with the current device "
                f"({state.device})"
            )
        return number

    def __enter__(self) -> BaseStream:
        self.stack.append((self.check_device(), get_current_stream()))
        self.use()
        return self

    def __exit__(self, *args: object) -> None:
        number, before = self.stack.pop()
        state.streams[number] = before

    def use(self) -> BaseStream:
        state.streams[self.check_device()] = self
        return self

    @property
    def done(self) -> bool:
        return self.ptr not in unfinished

    def synchronize(self) -> None:
        if self.kernels is not None:
            raise CUDARuntimeError(CAPTURE, "cudaErrorStreamCaptureUnsupported: operation not permitted")
        log.append(("synchronize", self.ptr))
        unfinished.discard(self.ptr)

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        log.append(("wait", self.ptr, event.ptr))

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr in (0, 1):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.kernels is not None:
            raise CUDARuntimeError(CAPTURE, "cudaErrorIllegalState: the stream is capturing")
        log.append(("begin capture", self.ptr, mode))
        self.kernels = []

    def end_capture(self) -> Graph:
        kernels, self.kernels = self.kernels, None
        if kernels is None:
            raise CUDARuntimeError(CAPTURE, "cudaErrorIllegalState: the stream is not capturing")
        graph = object.__new__(Graph)
        graph.kernels, graph.device = kernels, state.device
        return graph

    def is_capturing(self) -> bool:
        return self.kernels is not None

    @property
    def priority(self) -> int:
        return getattr(self, "level", 0)

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.ptr


class Stream(BaseStream):
    """``cupy.cuda.Stream``."""

    null: Stream

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: int | None = None
    ) -> None:
        super().__init__(0 if null else next(addresses), -1 if null else state.device)
        self.non_blocking, self.level = non_blocking, min(0, max(-5, priority or 0))  # CUDA clamps it

    @classmethod
    def from_external(cls, obj: Any) -> Stream:
        version, address = obj.__cuda_stream__()
        assert version == 0 and isinstance(address, int)
        stream = cls.__new__(cls)
        BaseStream.__init__(stream, address, state.device)
        return stream


Stream.null = Stream(null=True)


def get_current_stream(device_id: int = -1) -> Any:
    return state.streams.get(state.device if device_id == -1 else check_device(device_id), Stream.null)


class Event:
    """``cupy.cuda.Event``."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        self.ptr, self.place, self.disable_timing = next(addresses), state.device, disable_timing
        self.stream: int | None = None
        self.time = 0.0

    @property
    def done(self) -> bool:
        return self.stream not in unfinished

    def record(self, stream: Any = None) -> None:
        stream = get_current_stream() if stream is None else stream
        if stream.device_id not in (-1, self.place):
            raise CUDARuntimeError(UNRECORDED, "cudaErrorInvalidResourceHandle: invalid resource handle")
        log.append(("record", stream.ptr, self.ptr))
        self.stream, self.time = stream.ptr, time.perf_counter()

    def synchronize(self) -> None:
        log.append(("event synchronize", self.ptr))
        unfinished.discard(self.stream)  # type: ignore[arg-type]


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    for each in (start_event, end_event):
        if each.disable_timing or each.stream is None:
            raise CUDARuntimeError(UNRECORDED, "cudaErrorInvalidResourceHandle: invalid resource handle")
        if not each.done:
            raise CUDARuntimeError(NOT_READY, "cudaErrorNotReady: device not ready")
    return (end_event.time - start_event.time) * 1000


class Graph:
    """``cupy.cuda.Graph``: only a capture makes it."""

    kernels: list[Callable[[], Any]]
    device: int

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError("this class cannot be initiated by the user and must be created via stream capture")

    def launch(self, stream: Any = None) -> None:
        assert state.device == self.device, "a graph of another device"
        log.append(("launch", (get_current_stream() if stream is None else stream).ptr))
        for kernel in self.kernels:
            kernel()


def refuse_in_capture() -> None:
    if get_current_stream().is_capturing():
        raise CUDARuntimeError(IMPLICIT, "cudaErrorStreamCaptureImplicit: operation would wait for a captured stream")


# -- memory ------------------------------------------------------------------------------------------------------------


class MemoryHook:
    """``cupy.cuda.MemoryHook``."""

    name = "MemoryHook"

    def __enter__(self) -> MemoryHook:
        if self.name in state.hooks:
            raise KeyError(f"memory hook {self.name} already exists")
        state.hooks[self.name] = self
        return self

    def __exit__(self, *_: object) -> None:
        del state.hooks[self.name]

    def ignore(self, **kwargs: Any) -> None:
        """Do nothing."""

    alloc_preprocess = alloc_postprocess = malloc_preprocess = malloc_postprocess = ignore
    free_preprocess = free_postprocess = ignore


def call_hooks(name: str, **facts: Any) -> None:
    for hook in list(state.hooks.values()):
        getattr(hook, name)(**facts)


class Block:
    """A piece of memory: ``MemoryPointer``."""

    def __init__(self, ptr: int, mem: Any = None, offset: int = 0, place: int = 0) -> None:
        self.ptr, self.mem, self.offset, self.place = ptr, mem, offset, place

    def __add__(self, offset: int) -> Block:
        return Block(self.ptr + offset, self.mem, self.offset + offset, self.place)


class MemoryPool:
    """``cupy.cuda.MemoryPool``: its numbers are those of the current device."""

    def __init__(self, allocator: Any = None) -> None:
        self.used, self.total, self.limit = [0] * COUNT, [0] * COUNT, [0] * COUNT

    def malloc(self, size: int) -> Block:
        block = Block(next(addresses), place=state.device)
        weakref.finalize(block, self.free, self.take(size), block.place).atexit = False
        return block

    def take(self, size: int) -> int:
        rounded, place = -(-size // 512) * 512, state.device
        call_hooks("malloc_preprocess", device_id=place, size=size, mem_size=rounded)
        ptr = 0
        try:
            self.reserve(rounded, place)
            self.used[place] += rounded
            ptr = next(addresses)
        finally:
            call_hooks("malloc_postprocess", device_id=place, size=size, mem_size=rounded, mem_ptr=ptr, pmem_id=ptr)
        return rounded

    def reserve(self, rounded: int, place: int) -> None:
        more = self.used[place] + rounded - self.total[place]
        if more <= 0:
            return
        if self.total[place] + more > (self.limit[place] or TOTAL):
            raise OutOfMemoryError(f"Out of memory allocating {rounded:,} bytes")
        call_hooks("alloc_preprocess", device_id=place, mem_size=more)
        self.total[place] += more
        call_hooks("alloc_postprocess", device_id=place, mem_size=more, mem_ptr=next(addresses))

    def free(self, rounded: int, place: int) -> None:
        call_hooks("free_preprocess", device_id=place, mem_size=rounded, mem_ptr=1, pmem_id=1)
        self.used[place] -= rounded
        call_hooks("free_postprocess", device_id=place, mem_size=rounded, mem_ptr=1, pmem_id=1)

    def used_bytes(self) -> int:
        return self.used[state.device]

    def total_bytes(self) -> int:
        return self.total[state.device]

    def free_all_blocks(self, stream: Any = None) -> None:
        self.total[state.device] = self.used[state.device]

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        if size is not None and fraction is not None:
            raise ValueError("size and fraction cannot be specified at one time")
        self.limit[state.device] = int(TOTAL * (fraction or 0)) if size is None else size

    def get_limit(self) -> int:
        return self.limit[state.device]


default_pool = MemoryPool()
RAW = "cudaMalloc"
everywhere: list[Any] = []


def set_allocator(allocator: Any = None) -> None:
    everywhere[:] = [RAW if allocator is None else allocator]


@contextmanager
def using_allocator(allocator: Any = None) -> Iterator[None]:
    before, state.allocator = state.allocator, RAW if allocator is None else allocator
    try:
        yield
    finally:
        state.allocator = before


def allocate(host: Any) -> int:
    """Account for the memory of a new array; a view has none. Return the current device."""
    allocator = state.allocator or everywhere[0]
    if isinstance(host, np.ndarray) and host.base is None and allocator is not RAW:
        pool, place = allocator.__self__, state.device
        weakref.finalize(host, pool.free, pool.take(host.nbytes), place).atexit = False
    return state.device


class PinnedMemoryPointer:
    """``cupy.cuda.PinnedMemoryPointer``: a buffer of signed bytes."""


def alloc_pinned_memory(size: int, /) -> Any:
    """Return memory, rounded up as CuPy's pool does."""
    kind = type("Pinned", (PinnedMemoryPointer, ctypes.c_byte * (-(-size // 512) * 512)), {})
    return kind()


class Marks:
    """``cupy.cuda.nvtx``."""

    available = True

    def Mark(self, message: str, id_color: int = -1) -> None:
        log.append(("mark", message.encode()))

    def RangePush(self, message: str, id_color: int = -1) -> None:
        log.append(("push", message.encode()))

    def RangePop(self) -> None:
        log.append(("pop",))

    def RangeStart(self, message: str, color: int) -> int:
        log.append(("start", message.encode(), color))
        return 7

    def RangeEnd(self, range_id: int) -> None:
        log.append(("end", range_id))


# -- the modules -------------------------------------------------------------------------------------------------------

runtime = Runtime()


def memory_of(array: Array) -> Block:
    """Return ``ndarray.data``: the memory of which an array is a window."""
    owner = array._host
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    address = int(array._host.ctypes.data)
    return Block(address, owner, address - int(owner.ctypes.data), array.place)


def asnumpy(array: Any) -> Any:
    if not isinstance(array, Array):
        raise Mixed(f"asnumpy of {type(array).__name__}")
    refuse_in_capture()
    strict.COPIES["to host"] += 1
    return array._host.copy()


def module(name: str, **names: Any) -> Any:
    made = ModuleType(name)
    vars(made).update(names)
    return made


@contextmanager
def errstate(**options: Any) -> Iterator[None]:
    yield


def modules() -> dict[str, Any]:
    """Return CuPy's modules under their names."""
    cuda = module(
        "cupy.cuda", Stream=Stream, Event=Event, Graph=Graph, Device=Device, MemoryHook=MemoryHook,
        MemoryPool=MemoryPool, PinnedMemoryPointer=PinnedMemoryPointer, alloc_pinned_memory=alloc_pinned_memory,
        get_current_stream=get_current_stream, get_elapsed_time=get_elapsed_time, runtime=runtime, nvtx=Marks(),
        set_allocator=set_allocator, using_allocator=using_allocator,
    )  # fmt: skip
    cupy: Any = Library(np, "cupy")
    vars(cupy).update(
        ndarray=Array, cuda=cuda, asnumpy=asnumpy, is_available=lambda: True, asarray=strict.xp.asarray,
        array=strict.xp.array, ascontiguousarray=strict.xp.ascontiguousarray,
        get_default_memory_pool=lambda: default_pool,
        get_default_pinned_memory_pool=lambda: module("pool", free_all_blocks=lambda: log.append(("free pinned",))),
    )  # fmt: skip
    cupyx = module("cupyx", errstate=errstate)
    scipy = cupyx.scipy = module("cupyx.scipy")
    scipy.sparse, scipy.special = module("cupyx.scipy.sparse"), module("cupyx.scipy.special")
    return {
        "cupy": cupy, "cupyx": cupyx, "cupyx.scipy": scipy, "cupyx.scipy.sparse": scipy.sparse,
        "cupyx.scipy.special": scipy.special,
    }  # fmt: skip


OWN = ("minitensor.backends.cupy.table", "minitensor.backends.cupy.peaks")


@contextmanager
def simulated_gpu() -> Iterator[list[tuple[Any, ...]]]:
    """Let "cuda" be the simulated GPUs in a block. Return the log."""
    global default_pool, state
    before = {name: sys.modules.pop(name, None) for name in (*modules(), *OWN)}
    opened = backends.OPEN.pop("cuda", None)
    default_pool, state = MemoryPool(), State()
    everywhere[:] = [default_pool.malloc]
    log.clear()
    finish()
    sys.modules.update(modules())
    hooks = strict.allocate, strict.refuse_in_capture, strict.tape, vars(Array).get("data"), vars(Array).get("device")
    strict.allocate, strict.refuse_in_capture = allocate, refuse_in_capture
    strict.tape = lambda: get_current_stream().kernels
    Array.data, Array.device = property(memory_of), property(lambda self: Device(self.place))  # type: ignore[attr-defined]
    try:
        yield log
    finally:
        strict.allocate, strict.refuse_in_capture, strict.tape = hooks[:3]
        del Array.data, Array.device  # type: ignore[attr-defined]
        for name, found in before.items():
            sys.modules.pop(name, None)
            if found is not None:
                sys.modules[name] = found
        backends.OPEN.pop("cuda", None)
        backends.BY_ARRAY.pop(Array, None)
        if opened is not None:
            backends.OPEN["cuda"] = opened
