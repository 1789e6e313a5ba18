"""What programs import from ``torch._C._profiler``: settings of PyTorch's profiler, which choose nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.profiler.session import ProfilerActivity as ProfilerActivity


class ExperimentalConfig:
    """Settings of PyTorch's recorder of GPUs, which are kept."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.settings = settings


_ExperimentalConfig = ExperimentalConfig

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._C._profiler")
