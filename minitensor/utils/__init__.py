"""Tools around the library: loading data, checkpoints, hooks, lists of hidden copies and of operations."""

from minitensor.copies import trace_copies
from minitensor.utils import checkpoint, data
from minitensor.utils.op_log import op_log

__all__ = ["checkpoint", "data", "op_log", "trace_copies"]
