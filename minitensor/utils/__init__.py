"""Tools: data loading, activation checkpoints, hooks, and lists of the copies and operations that a program runs."""

from typing import TYPE_CHECKING

from minitensor.compat import collect_env, model_zoo
from minitensor.compat.reasons import attributes_of
from minitensor.copies import trace_copies
from minitensor.utils import _contextlib as _contextlib
from minitensor.utils import _pytree as _pytree
from minitensor.utils import benchmark, checkpoint, data, deterministic, dlpack, weak
from minitensor.utils.op_log import op_log
from minitensor.utils.report import measure_memory, summary
from minitensor.utils.swap import swap_tensors
from minitensor.utils.throughput_benchmark import ThroughputBenchmark

__all__ = [
    "ThroughputBenchmark", "benchmark", "checkpoint", "collect_env", "data", "deterministic", "dlpack",
    "measure_memory", "model_zoo", "op_log", "summary", "swap_tensors", "trace_copies", "weak",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
