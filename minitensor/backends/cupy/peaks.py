"""How much of a GPU's memory is and was in use: a hook of CuPy's pool counts what is allocated and freed.

CuPy calls hooks only in the thread that entered them. The count is corrected by the pool's own whenever it is read, so
work of other threads is missing only from peaks between two readings.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import cupy


class Count:
    """A number that goes up and down: its value, its highest one, and the sums of what came and went."""

    def __init__(self) -> None:
        self.current = self.peak = self.allocated = self.freed = 0

    def add(self, amount: int) -> None:
        """Add an amount, which may be negative."""
        self.set(self.current + amount)
        self.allocated += max(amount, 0)
        self.freed += max(-amount, 0)

    def set(self, value: int) -> None:
        """Set the value."""
        self.current, self.peak = value, max(self.peak, value)

    def reset_peak(self) -> None:
        """Let the present value be the highest."""
        self.peak = self.current

    def reset_sums(self) -> None:
        """Forget what came and went."""
        self.allocated = self.freed = 0


class Usage:
    """The counts of one GPU: bytes in tensors, bytes taken from CUDA, the number of tensors' blocks, and failures."""

    def __init__(self) -> None:
        self.bytes, self.reserved, self.blocks = Count(), Count(), Count()
        self.failures = 0

    @property
    def counts(self) -> tuple[Count, ...]:
        """All counts."""
        return self.bytes, self.reserved, self.blocks


class PeakHook(cupy.cuda.MemoryHook):  # type: ignore[misc]  # CuPy has no types
    """Counts, for each GPU, what its pool allocates and frees."""

    name = "minitensor"

    def __init__(self) -> None:
        self.usage: defaultdict[int, Usage] = defaultdict(Usage)

    def alloc_postprocess(self, *, device_id: int, mem_size: int, mem_ptr: int) -> None:
        """Count memory that the pool took from CUDA; the address is 0 if there was none."""
        usage = self.usage[device_id]
        if mem_ptr:
            usage.reserved.add(mem_size)

    def malloc_postprocess(self, *, device_id: int, size: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        """Count memory that the pool gave; the address is 0 if there was none."""
        usage = self.usage[device_id]
        if mem_ptr:
            usage.bytes.add(mem_size)
            usage.blocks.add(1)
        elif size:
            usage.failures += 1

    def free_postprocess(self, *, device_id: int, mem_size: int, mem_ptr: int, pmem_id: int) -> None:
        """Count memory that came back to the pool."""
        usage = self.usage[device_id]
        usage.bytes.add(-mem_size)
        usage.blocks.add(-1)

    def read(self, device_id: int) -> Usage:
        """Return the counts of the current GPU, which has this number, with the pool's own values."""
        pool: Any = cupy.get_default_memory_pool()
        usage = self.usage[device_id]
        usage.bytes.set(int(pool.used_bytes()))
        usage.reserved.set(int(pool.total_bytes()))
        return usage
