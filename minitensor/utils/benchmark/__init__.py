"""``utils.benchmark``: how long statements take, with the spread, and tables that compare several."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.utils.benchmark.compare import Compare
from minitensor.utils.benchmark.measurement import (
    Measurement,
    TaskSpec,
    select_unit,
    trim_sigfig,
    unit_to_english,
)
from minitensor.utils.benchmark.timer import Language, Timer, timer

__all__ = [
    "Compare", "Language", "Measurement", "TaskSpec", "Timer", "select_unit", "timer", "trim_sigfig", "unit_to_english",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
