"""Tools around the library: loading data, checkpoints, hooks, a list of hidden copies."""

from minitensor.copies import trace_copies
from minitensor.utils import checkpoint, data

__all__ = ["checkpoint", "data", "trace_copies"]
