"""Profiles: which operations a program runs, forward and backward, how long they take, and how many bytes.

The profiler sees operations through the doors that interpreters use, and costs nothing while it is off.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.profiler import events, former, internals
from minitensor.profiler.former import kineto_available
from minitensor.profiler.labels import record_function
from minitensor.profiler.session import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]

PATHS = {"autograd.profiler": former, "autograd.profiler_util": events, "_C._profiler": internals}
for path, module in PATHS.items():
    sys.modules[f"minitensor.{path}"] = module

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.profiler")
