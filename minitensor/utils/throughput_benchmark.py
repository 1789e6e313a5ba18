"""``ThroughputBenchmark``: how long a module takes for an input, called by one or several threads."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import GuardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def format_time(time_us: float | None = None, time_ms: float | None = None, time_s: float | None = None) -> str:
    """Return a time as text, in seconds, milliseconds or microseconds.

    Args:
        time_us: The time in microseconds.
        time_ms: Or in milliseconds.
        time_s: Or in seconds.

    Raises:
        AssertionError: If not exactly one is given.

    >>> from minitensor.utils.throughput_benchmark import format_time
    >>> format_time(time_ms=2.5)
    '2.500ms'
    """
    given = [(time_us, 1.0), (time_ms, 1e3), (time_s, 1e6)]
    found = [value * factor for value, factor in given if value is not None]
    if len(found) != 1:
        raise GuardError("Expected only one of time_us, time_ms, time_s is given.")
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if found[0] >= size:
            return f"{found[0] / size:.3f}{unit}"
    return f"{found[0]:.3f}us"


@dataclass
class BenchmarkConfig:
    """The arguments of a benchmark.

    >>> from minitensor.utils.throughput_benchmark import BenchmarkConfig
    >>> BenchmarkConfig().num_iters
    100
    """

    num_calling_threads: int = 1
    num_warmup_iters: int = 1
    num_iters: int = 100
    profiler_output_path: str = ""


class ExecutionStats:
    """What a benchmark measured.

    Args:
        c_stats: The mean time of a call in milliseconds, and the number of calls.
        benchmark_config: The arguments of the benchmark.

    >>> from minitensor.utils.throughput_benchmark import BenchmarkConfig, ExecutionStats
    >>> ExecutionStats((2.0, 100), BenchmarkConfig()).iters_per_second
    500.0
    """

    def __init__(self, c_stats: tuple[float, int], benchmark_config: BenchmarkConfig) -> None:
        self.latency_avg_ms, self.num_iters = c_stats
        self.benchmark_config = benchmark_config

    @property
    def iters_per_second(self) -> float:
        """The number of calls in a second, by all threads."""
        return self.num_iters / self.total_time_seconds

    @property
    def total_time_seconds(self) -> float:
        """The time of the benchmark."""
        return self.num_iters * (self.latency_avg_ms / 1000.0) / self.benchmark_config.num_calling_threads

    def __str__(self) -> str:
        return "\n".join([
            "Average latency per example: " + format_time(time_ms=self.latency_avg_ms),
            f"Total number of iterations: {self.num_iters}",
            f"Total number of iterations per second (across all threads): {self.iters_per_second:.2f}",
            "Total time: " + format_time(time_s=self.total_time_seconds),
        ])


class ThroughputBenchmark:
    """Measure how long a module takes for inputs that are drawn at random from those given.

    Args:
        module: A module or a function.

    >>> import minitensor as torch
    >>> benchmark = torch.utils.ThroughputBenchmark(torch.nn.Linear(3, 2))
    >>> benchmark.add_input(torch.ones(1, 3))
    >>> benchmark.benchmark(num_iters=5).num_iters
    5
    """

    def __init__(self, module: Callable[..., Any]) -> None:
        self._module = module
        self._inputs: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def run_once(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the module computes from ``args`` and ``kwargs``."""
        return self._module(*args, **kwargs)

    def add_input(self, *args: Any, **kwargs: Any) -> None:
        """Keep the arguments ``args`` and ``kwargs`` for the calls that are measured."""
        self._inputs.append((args, kwargs))

    def benchmark(
        self, num_calling_threads: int = 1, num_warmup_iters: int = 10, num_iters: int = 100,
        profiler_output_path: str = "",
    ) -> ExecutionStats:
        """Call the module many times, and return how long it took.

        Args:
            num_calling_threads: How many threads call it. Default: ``1``.
            num_warmup_iters: How many calls of each thread are not measured. Default: ``10``.
            num_iters: How many calls are measured, in all threads together. Default: ``100``.
            profiler_output_path: Accepted for PyTorch compatibility: nothing is written. Default: ``""``.

        Raises:
            RuntimeError: If there are no inputs.
        """
        if not self._inputs:
            raise UsageError("ThroughputBenchmark: there are no inputs: call add_input() first")
        config = BenchmarkConfig(num_calling_threads, num_warmup_iters, num_iters, profiler_output_path)
        shares = [len(range(place, num_iters, num_calling_threads)) for place in range(num_calling_threads)]
        with ThreadPoolExecutor(num_calling_threads) as pool:
            list(pool.map(self._call, [num_warmup_iters] * num_calling_threads))
            seconds = sum(pool.map(self._call, shares))
        return ExecutionStats((1000 * seconds / max(num_iters, 1), num_iters), config)

    def _call(self, count: int) -> float:
        """Call the module, and return the seconds that it took."""
        chosen = [random.choice(self._inputs) for _ in range(count)]
        start = time.perf_counter()
        for args, kwargs in chosen:
            self._module(*args, **kwargs)
        return time.perf_counter() - start


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
