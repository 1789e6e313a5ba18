"""Reverse-mode differentiation of any order: modes, nodes, recording, the engine, users' functions, checks."""

from __future__ import annotations

from minitensor.autograd.check import GradcheckError, gradcheck, gradgradcheck
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

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]
