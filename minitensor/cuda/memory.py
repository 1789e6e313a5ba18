"""The memory of a GPU: how much is in use, and CuPy's pools, from which it comes.

Bytes are counted in CuPy's blocks, which are multiples of 512 bytes. Peaks and totals count what the thread allocates
that used the GPU first; what other threads allocate is in the current values.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minitensor import backends
from minitensor.compat.reasons import attributes_of
from minitensor.cuda import devices
from minitensor.cuda.monitor import list_gpu_processes as list_gpu_processes
from minitensor.errors import UsageError, UsageTypeError, UsageValueError
from minitensor.ops.held import release_memory


def pool() -> Any:
    """Return CuPy's pool of memory; errors as in ``init``."""
    return backends.open_backend("cuda").xp.get_default_memory_pool()


def on_device(device: Any) -> Any:
    """Return a block in which a GPU is CuPy's current one; errors as in ``init``."""
    devices.init()
    return devices.library().Device(devices.check_number(devices.number_of(device)))


def usage_of(device: Any) -> Any:
    """Return the counts of a GPU's memory; errors as in ``init``."""
    with on_device(device) as place:
        return backends.open_backend("cuda").memory_usage(int(place))


# -- how much ----------------------------------------------------------------------------------------------------------


def memory_allocated(device: Any = None) -> int:
    """Return the bytes that tensors use on a GPU, 0 without one.

    >>> import minitensor as torch
    >>> torch.cuda.memory_allocated() >= 0
    True
    """
    return stat_of(device, "allocated_bytes.all.current")


def max_memory_allocated(device: Any = None) -> int:
    """Return the most bytes that tensors used on a GPU at a time, since ``reset_peak_memory_stats``; 0 without one.

    >>> import minitensor as torch
    >>> torch.cuda.max_memory_allocated() >= torch.cuda.memory_allocated()
    True
    """
    return stat_of(device, "allocated_bytes.all.peak")


def memory_reserved(device: Any = None) -> int:
    """Return the bytes that are reserved on a GPU for tensors, 0 without one.

    >>> import minitensor as torch
    >>> torch.cuda.memory_reserved() >= torch.cuda.memory_allocated()
    True
    """
    return stat_of(device, "reserved_bytes.all.current")


def max_memory_reserved(device: Any = None) -> int:
    """Return the most bytes that were reserved on a GPU, since ``reset_peak_memory_stats``; 0 without one.

    >>> import minitensor as torch
    >>> torch.cuda.max_memory_reserved() >= torch.cuda.memory_reserved()
    True
    """
    return stat_of(device, "reserved_bytes.all.peak")


memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


def stat_of(device: Any, name: str) -> int:
    """Return one of the numbers of ``memory_stats``, 0 without a GPU."""
    return int(memory_stats(device).get(name, 0))


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Return what is known of a GPU's memory, under PyTorch's names: nothing without one.

    The names are ``<what>.all.<which>``, where ``<what>`` is ``allocated_bytes``, ``active_bytes``,
    ``reserved_bytes``, ``allocation`` or ``active`` (the number of tensors' blocks), and ``<which>`` is ``current``,
    ``peak``, ``allocated`` (all that was ever taken) or ``freed``; also ``num_ooms`` and ``num_alloc_retries``.

    >>> import minitensor as torch
    >>> torch.cuda.memory_stats().get("num_ooms", 0)
    0
    """
    flat = {
        f"{what}.all.{which}": number
        for what, pools in memory_stats_as_nested_dict(device).items() if isinstance(pools, dict)
        for which, number in pools["all"].items()
    }  # fmt: skip
    counts = {name: each for name, each in memory_stats_as_nested_dict(device).items() if not isinstance(each, dict)}
    return OrderedDict(sorted((flat | counts).items()))


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Return what ``memory_stats`` returns, as dictionaries in dictionaries.

    >>> import minitensor as torch
    >>> bool(torch.cuda.memory_stats_as_nested_dict()) == torch.cuda.is_available()
    True
    """
    if not devices.is_available():
        return {}
    release_memory()
    usage = usage_of(device)
    counts = {
        "allocated_bytes": usage.bytes, "active_bytes": usage.bytes, "reserved_bytes": usage.reserved,
        "allocation": usage.blocks, "active": usage.blocks,
    }  # fmt: skip
    nested = {what: {"all": numbers_of(count)} for what, count in counts.items()}
    return {**nested, "num_ooms": usage.failures, "num_alloc_retries": 0}


def numbers_of(count: Any) -> dict[str, int]:
    """Return the numbers of a count under PyTorch's names."""
    return {"current": count.current, "peak": count.peak, "allocated": count.allocated, "freed": count.freed}


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Return a table of the memory in use, ``abbreviated`` to its bytes or not; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert "reserved_bytes" in torch.cuda.memory_summary()
    """
    devices.init()
    rows = memory_stats_as_nested_dict(device)
    shown = [name for name in rows if isinstance(rows[name], dict) and (not abbreviated or name.endswith("_bytes"))]
    titles = "".join(f"{title:>16}" for title in ("current", "peak", "allocated", "freed"))
    lines = [f"{'memory of GPU ' + str(devices.number_of(device)):24}{titles}"]
    lines += [f"{name:24}" + "".join(f"{each:16}" for each in rows[name]["all"].values()) for name in shown]
    return "\n".join([*lines, f"failed allocations: {rows['num_ooms']}"])


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let the present values be the peaks; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.reset_peak_memory_stats()
    """
    for count in usage_of(device).counts:
        count.reset_peak()


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def reset_accumulated_memory_stats(device: Any = None) -> None:
    """Forget what was ever taken and freed; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.reset_accumulated_memory_stats()
    """
    usage = usage_of(device)
    usage.failures = 0
    for count in usage.counts:
        count.reset_sums()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return the free and the total bytes of a GPU's memory; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.mem_get_info()
    """
    with on_device(device):
        free, total = devices.library().runtime.memGetInfo()
    return int(free), int(total)


# -- memory of the CPU that is kept for a GPU: CuPy does not count it --------------------------------------------------


def host_memory_stats() -> dict[str, Any]:
    """Return nothing: CuPy does not count the page-locked memory of the CPU.

    >>> import minitensor as torch
    >>> len(torch.cuda.host_memory_stats())
    0
    """
    return OrderedDict()


def host_memory_stats_as_nested_dict() -> dict[str, Any]:
    """Return nothing: CuPy does not count the page-locked memory of the CPU.

    >>> import minitensor as torch
    >>> torch.cuda.host_memory_stats_as_nested_dict()
    {}
    """
    return {}


def reset_peak_host_memory_stats() -> None:
    """Do nothing: CuPy does not count the page-locked memory of the CPU. Errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.reset_peak_host_memory_stats()
    """
    devices.init()


reset_accumulated_host_memory_stats = reset_peak_host_memory_stats

# -- CuPy's pool -------------------------------------------------------------------------------------------------------


def empty_cache() -> None:
    """Free the reserved memory of the current GPU that no tensor uses; do nothing without one.

    >>> import minitensor as torch
    >>> torch.cuda.empty_cache()
    """
    if devices.is_available():
        release_memory()
        pool().free_all_blocks()


def empty_host_cache() -> None:
    """Free the page-locked memory of the CPU that no tensor uses; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.memory.empty_host_cache()
    """
    kept: Any = backends.open_backend("cuda").xp.get_default_pinned_memory_pool()
    kept.free_all_blocks()


def ipc_collect() -> None:
    """Do nothing: no memory of the GPU is shared with other processes. Errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.ipc_collect()
    """
    devices.init()


def get_allocator_backend() -> str:
    """Return "native": memory comes from a pool in this process. Errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert torch.cuda.get_allocator_backend() == "native"
    """
    devices.init()
    return "native"


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Limit the ``fraction`` of a GPU's memory that CuPy's pool reserves; errors as in ``init``.

    Raises:
        TypeError: If the fraction is not a float.
        ValueError: If it is not from 0 to 1.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.set_per_process_memory_fraction(0.5)
    """
    devices.init()
    if not isinstance(fraction, float):
        raise UsageTypeError(f"set_per_process_memory_fraction: expected a float, got {type(fraction).__name__}")
    if not 0 <= fraction <= 1:
        raise UsageValueError(f"set_per_process_memory_fraction: expected a fraction from 0 to 1, got {fraction}")
    with on_device(device):
        # CuPy takes a limit of no bytes for none at all.
        pool().set_limit(size=max(1, int(fraction * devices.library().runtime.memGetInfo()[1])))


def get_per_process_memory_fraction(device: Any = None) -> float:
    """Return the fraction of a GPU's memory that CuPy's pool may reserve, 1 without a limit; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     assert 0 <= torch.cuda.get_per_process_memory_fraction() <= 1
    """
    with on_device(device):
        limit, total = pool().get_limit(), devices.library().runtime.memGetInfo()[1]
    return limit / total if limit else 1.0


# Memory that other libraries asked for by its address, which is all that they have.
BLOCKS: dict[int, Any] = {}


def caching_allocator_alloc(size: int, device: Any = None, stream: Any = None) -> int:
    """Return the address of new memory of the pool, of ``size`` bytes, for another library; errors as in ``init``.

    Args:
        size: The number of bytes.
        device: The GPU; the current one if None.
        stream: The stream that uses the memory; the current one if None.

    Raises:
        TypeError: If ``stream`` is neither a stream nor None.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     address = torch.cuda.caching_allocator_alloc(1024)
    ...     torch.cuda.caching_allocator_delete(address)
    """
    with on_device(device), contextlib.nullcontext() if stream is None else stream:
        block = pool().malloc(size)
    BLOCKS[int(block.ptr)] = block
    return int(block.ptr)


def caching_allocator_delete(mem_ptr: int) -> None:
    """Free memory of ``caching_allocator_alloc``; errors as in ``init``.

    Raises:
        RuntimeError: If there is no such memory at the address ``mem_ptr``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     torch.cuda.caching_allocator_delete(torch.cuda.caching_allocator_alloc(1024))
    """
    devices.init()
    if BLOCKS.pop(mem_ptr, None) is None:
        raise UsageError(f"caching_allocator_delete: there is no memory of caching_allocator_alloc at {mem_ptr:#x}")


def caching_allocator_enable(value: bool = True) -> None:
    """Take memory from the pool if ``value`` is True, else each time from CUDA; do nothing without a GPU.

    >>> import minitensor as torch
    >>> torch.cuda.caching_allocator_enable()
    """
    if devices.is_available():
        devices.library().set_allocator(pool().malloc if value else None)


@contextlib.contextmanager
def caching_allocator_disabled() -> Iterator[None]:
    """Take memory from CUDA, not from the pool, in a block; errors as in ``init``.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     with torch.cuda.caching_allocator_disabled():
    ...         x = torch.ones(2, device="cuda")
    """
    with devices.library().using_allocator(None):
        yield


class MemPool:
    """A pool of memory of its own. The tensors made in a block of ``use_mem_pool`` have their memory there.

    Args:
        allocator: Only None is possible: memory comes from CUDA.
        use_on_oom, no_split: Accepted for PyTorch compatibility. Default: ``False``.

    Raises:
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU, or there is an allocator.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     with torch.cuda.use_mem_pool(torch.cuda.MemPool()):
    ...         x = torch.ones(2, device="cuda")
    """

    def __init__(self, allocator: Any = None, use_on_oom: bool = False, no_split: bool = False) -> None:
        devices.init()
        if allocator is not None:
            raise UsageError("MemPool: memory comes from CUDA here; leave out the allocator")
        self.blocks = devices.library().MemoryPool()


@contextlib.contextmanager
def use_mem_pool(pool: MemPool, device: Any = None) -> Iterator[None]:
    """Make new tensors of this thread in another ``pool``, in a block; errors as in ``init``.

    Args:
        pool: The pool.
        device: The GPU that the block uses; it stays the current one if None.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     with torch.cuda.use_mem_pool(torch.cuda.MemPool()):
    ...         x = torch.ones(2, device="cuda")
    """
    with devices.device(device), devices.library().using_allocator(pool.blocks.malloc):
        yield


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
