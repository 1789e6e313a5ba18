"""Tools around the library: loading data, hooks."""

from minitensor.utils import data

__all__ = ["data"]
