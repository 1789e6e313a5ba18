"""Reverse-mode differentiation of any order: modes, nodes, recorders, the engine, custom functions and checks."""

from __future__ import annotations

import sys
from typing import Any

from minitensor.autograd import forward_ad, functional, graph
from minitensor.autograd import mode as grad_mode
from minitensor.autograd import watch as anomaly_mode
from minitensor.autograd.check import gradcheck, gradgradcheck
from minitensor.autograd.engine import backward, grad
from minitensor.autograd.function import Function, FunctionCtx
from minitensor.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minitensor.autograd.protocol import handle_torch_function as handle_torch_function
from minitensor.autograd.protocol import has_torch_function as has_torch_function
from minitensor.autograd.protocol import is_tensor_like as is_tensor_like
from minitensor.autograd.watch import detect_anomaly, set_detect_anomaly
from minitensor.base import TensorBase
from minitensor.compat.engine import (
    enforce_grad_layout_policy,
    is_multithreading_enabled,
    is_view_replay_enabled,
    set_multithreading_enabled,
)
from minitensor.compat.reasons import attribute_error
from minitensor.errors import GradcheckError

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enforce_grad_layout_policy",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_multithreading_enabled",
    "is_view_replay_enabled",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]

variable = sys.modules[__name__]  # where old programs find the name Variable


def __getattr__(name: str) -> Any:
    """Return the class of the old name ``Variable``, or the profiler, which are defined later than this module."""
    if name == "Variable":
        return TensorBase.result_class._variable_class
    if name in ("profiler", "profiler_util"):
        return sys.modules[f"{__name__}.{name}"]
    raise attribute_error(__name__, name, sys.modules[__name__])
