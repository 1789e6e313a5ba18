"""Which GPUs there are, what they are, and which one "cuda" means.

A question never fails: without CuPy or without a GPU the answer is no, none or zero. What needs a GPU raises an error
that names what is missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from minitensor import backends
from minitensor.device import device as as_device
from minitensor.errors import ArgumentError, DeviceError, GuardError, UnsupportedError, UsageValueError


def is_available() -> bool:
    """Return whether tensors can be moved to "cuda" on this machine.

    >>> import minitensor as torch
    >>> torch.cuda.is_available() == (torch.cuda.device_count() > 0)
    True
    """
    try:
        return backends.open_backend("cuda").is_available()
    except DeviceError:
        return False


def device_count() -> int:
    """Return the number of GPUs, 0 without CuPy.

    >>> import minitensor as torch
    >>> torch.cuda.device_count() >= 0
    True
    """
    return backends.open_backend("cuda").device_count() if is_available() else 0


def is_initialized() -> bool:
    """Return whether there is a GPU: it needs no initialization.

    >>> import minitensor as torch
    >>> torch.cuda.is_initialized() == torch.cuda.is_available()
    True
    """
    return is_available()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: bfloat16 is available only on the CPU, and ``including_emulation`` does not change that.

    >>> import minitensor as torch
    >>> torch.cuda.is_bf16_supported()
    False
    """
    return False


def is_tf32_supported() -> bool:
    """Return False: products of float32 always have full precision.

    >>> import minitensor as torch
    >>> torch.cuda.is_tf32_supported()
    False
    """
    return False


def get_arch_list() -> list[str]:
    """Return the architectures that there is code for: those of the GPUs here, for which CuPy compiles.

    >>> import minitensor as torch
    >>> len(torch.cuda.get_arch_list()) <= torch.cuda.device_count()
    True
    """
    found = {get_device_capability(index) for index in range(device_count())}
    return [f"sm_{major}{minor}" for major, minor in sorted(found)]


def get_gencode_flags() -> str:
    """Return the flags with which NVIDIA's compiler makes code for the GPUs here, "" without one.

    >>> import minitensor as torch
    >>> bool(torch.cuda.get_gencode_flags()) == torch.cuda.is_available()
    True
    """
    numbers = [each.partition("_")[2] for each in get_arch_list()]
    return " ".join(f"-gencode compute=compute_{each},code=sm_{each}" for each in numbers)


def init() -> None:
    """Make sure that there is a GPU.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.init()
    """
    backends.open_backend("cuda")


def library() -> Any:
    """Return CuPy's module ``cupy.cuda``; errors as in ``init``."""
    return backends.open_backend("cuda").xp.cuda


def synchronize(device: Any = None) -> None:
    """Wait until everything asked of a GPU is done, in all of its streams; errors as in ``init``.

    Raises:
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.synchronize()
    """
    library().Device(number_of(device)).synchronize()


def current_device() -> int:
    """Return the number of the GPU that "cuda" means; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.current_device() >= 0
    """
    return int(library().runtime.getDevice())


def set_device(device: Any) -> None:
    """Choose the GPU that "cuda" means; do nothing for a negative number. Errors as in ``init``.

    Raises:
        ValueError: If ``device`` is not a GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_device(0)
    """
    runtime, number = library().runtime, number_of(device)
    if number >= 0:
        runtime.setDevice(number)


def number_of(device: Any) -> int:
    """Return the number of a GPU that is given as a number, a name or a device; the current one if it has none."""
    if isinstance(device, int):
        return device
    place = None if device is None else as_device(device)
    if place is not None and place.type != "cuda":
        raise ArgumentError(f"Expected a cuda device, but got: {place}")
    return current_device() if place is None or place.index is None else place.index


def check_number(number: int, what: str = "device") -> int:
    """Return the number of a GPU, or raise if there is no GPU of this number."""
    count = device_count()
    if not 0 <= number < count:
        raise GuardError(f"Invalid {what} id: there are {count} GPUs, got {number}")
    return number


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Return whether a ``device`` can read the memory of another, ``peer_device``; errors as in ``init``.

    Raises:
        AssertionError: If there is no GPU of this number.
        ValueError: If one of them is not a GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.device_count() > 1:
    ...     found = torch.cuda.can_device_access_peer(0, 1)
    """
    init()
    first, second = check_number(number_of(device)), check_number(number_of(peer_device), "peer device")
    return bool(library().runtime.deviceCanAccessPeer(first, second))


# -- what a GPU is -----------------------------------------------------------------------------------------------------


def get_device_properties(device: Any = None) -> Any:
    """Return what CUDA knows of a GPU, as an object with its ``name`` and other attributes; errors as in ``init``.

    Raises:
        ValueError: If ``device`` is not a GPU.
        AssertionError: If there is no GPU of this number.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_properties(0).name
    """
    init()
    return Properties(library().runtime.getDeviceProperties(check_number(number_of(device))))


# PyTorch's names for the properties that CUDA names otherwise.
RENAMED = {
    "total_memory": "totalGlobalMem", "multi_processor_count": "multiProcessorCount", "is_integrated": "integrated",
    "is_multi_gpu_board": "isMultiGpuBoard", "max_threads_per_multi_processor": "maxThreadsPerMultiProcessor",
    "max_threads_per_block": "maxThreadsPerBlock", "regs_per_multiprocessor": "regsPerMultiprocessor",
    "warp_size": "warpSize", "shared_memory_per_block": "sharedMemPerBlock",
    "shared_memory_per_block_optin": "sharedMemPerBlockOptin",
    "shared_memory_per_multiprocessor": "sharedMemPerMultiprocessor", "L2_cache_size": "l2CacheSize",
    "clock_rate": "clockRate", "memory_clock_rate": "memoryClockRate", "memory_bus_width": "memoryBusWidth",
    "pci_bus_id": "pciBusID", "pci_device_id": "pciDeviceID", "pci_domain_id": "pciDomainID",
}  # fmt: skip


class Properties:
    """The properties of a GPU as attributes, under CUDA's names and under PyTorch's."""

    name: str
    major: int
    minor: int

    def __init__(self, facts: Any) -> None:
        vars(self).update(facts)
        self.name = facts["name"].decode()
        vars(self).update({ours: facts[theirs] for ours, theirs in RENAMED.items() if theirs in facts})

    def __repr__(self) -> str:
        facts = vars(self)
        return (
            f"_CudaDeviceProperties(name={self.name!r}, major={self.major}, minor={self.minor}, "
            f"total_memory={facts['total_memory'] // 2**20}MB, multi_processor_count={facts['multi_processor_count']})"
        )


def get_device_name(device: Any = None) -> str:
    """Return the name of a GPU; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_name()
    """
    name: str = get_device_properties(device).name
    return name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Return the version of a GPU's instructions, as (major, minor); errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_device_capability() > (1, 0)
    """
    properties = get_device_properties(device)
    return properties.major, properties.minor


# -- a block on another GPU --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def device(device: Any) -> Iterator[None]:
    """Make "cuda" mean another GPU in a block; do nothing for None or a negative number. Errors as in ``init``.

    >>> import minitensor as torch
    >>> with torch.cuda.device(-1):
    ...     pass
    """
    if device is None or (isinstance(device, int) and device < 0):
        yield
        return
    before = current_device()
    set_device(device)
    try:
        yield
    finally:
        set_device(before)


def device_of(obj: Any) -> contextlib.AbstractContextManager[None]:
    """Make "cuda" mean the GPU of the tensor ``obj`` in a block; do nothing for a tensor on the CPU.

    >>> import minitensor as torch
    >>> with torch.cuda.device_of(torch.ones(1)):
    ...     pass
    """
    return device(obj.device if obj.is_cuda else None)


# -- the runtime -------------------------------------------------------------------------------------------------------


def cudart() -> Any:
    """Return the functions of CUDA's runtime, under CuPy's names; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.cudart().runtimeGetVersion() > 11000
    """
    return library().runtime


def current_blas_handle() -> int:
    """Return the address of the current GPU's cuBLAS; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.current_blas_handle()
    """
    return int(library().Device().cublas_handle)


def current_solver_handle() -> int:
    """Return the address of the current GPU's cuSOLVER; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.current_solver_handle()
    """
    return int(library().Device().cusolver_handle)


def get_sync_debug_mode() -> int:
    """Return 0: nothing warns of what waits for the GPU. Errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_sync_debug_mode() == 0
    """
    init()
    return 0


def set_sync_debug_mode(debug_mode: int | str) -> None:
    """Accept the ``debug_mode`` 0 or "default", in which nothing warns of waiting for the GPU; errors as in ``init``.

    Raises:
        NotImplementedError: For the modes 1, 2, "warn" and "error".
        ValueError: For other modes.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_sync_debug_mode("default")
    """
    init()
    if debug_mode in (0, "default"):
        return
    if debug_mode in (1, 2, "warn", "error"):
        raise UnsupportedError("set_sync_debug_mode: use utils.trace_copies to find what copies to the CPU")
    raise UsageValueError(f"invalid value of debug_mode, expected one of default, warn, error, got {debug_mode!r}")
