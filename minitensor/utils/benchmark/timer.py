"""``Timer``: the time that a statement takes, on one thread unless told otherwise."""

from __future__ import annotations

import sys
import textwrap
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minitensor import cuda
from minitensor.backends.numpy.threads import get_num_threads, set_num_threads
from minitensor.errors import UnsupportedError
from minitensor.utils.benchmark.measurement import Measurement, TaskSpec


def timer() -> float:
    """Return the seconds of a clock, once a GPU, if there is one, has finished.

    >>> timer() <= timer()
    True
    """
    if cuda.is_available():
        cuda.synchronize()
    return timeit.default_timer()


class Language:
    """The languages of PyTorch's timer; only Python is here.

    >>> from minitensor.utils.benchmark import Language
    >>> Language.PYTHON
    'python'
    """

    PYTHON = "python"
    CPP = "c++"


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Compute on so many threads in a block."""
    before = get_num_threads()
    set_num_threads(count)
    try:
        yield
    finally:
        set_num_threads(before)


class Timer:
    """Measures how long a statement takes.

    Args:
        stmt: The statement, or several lines of them. Default: ``"pass"``.
        setup: Statements that run once before. Default: ``"pass"``.
        global_setup: Must be empty; for C++.
        timer: The clock, a function that returns seconds.
        globals: The names that the statements know, besides ``torch``. Default: ``None``.
        label, sub_label, description: What it is called in tables. Default: ``None``.
        env: Where it runs. Default: ``None``.
        num_threads: On how many threads it runs. Default: ``1``.
        language: Only Python.

    Raises:
        NotImplementedError: If the language is not Python.

    >>> import minitensor as torch
    >>> from minitensor.utils.benchmark import Timer
    >>> Timer("x + 1", globals={"x": torch.ones(2)}).timeit(10).number_per_run
    10
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "",
        timer: Callable[[], float] = timer, globals: dict[str, Any] | None = None, label: str | None = None,
        sub_label: str | None = None, description: str | None = None, env: str | None = None, num_threads: int = 1,
        language: str = Language.PYTHON,
    ) -> None:
        if language not in (Language.PYTHON, "py") or global_setup:
            raise UnsupportedError(f"Timer: only statements in Python are measured here, got language={language!r}")
        stmt, setup = [textwrap.dedent(each).strip() for each in (stmt, setup)]
        self._globals = {"torch": sys.modules["minitensor"], **(globals or {})}
        self._timer = timeit.Timer(stmt, setup, timer, self._globals)
        self._task_spec = TaskSpec(stmt, setup, "", label, sub_label, description, env, num_threads)

    def run(self, number: int) -> float:
        """Return the seconds that ``number`` executions take; at least the smallest time that a clock shows."""
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """Execute the statement ``number`` times, and return the time of one."""
        with on_threads(self._task_spec.num_threads):
            self.run(max(number // 100, 2))  # to warm up
            return Measurement(number, [self.run(number)], self._task_spec)

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        """Raise, as PyTorch does, whatever ``repeat`` and ``number`` are: ``blocked_autorange`` repeats.

        Raises:
            NotImplementedError: If it is called.
        """
        raise UnsupportedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback: Any = None) -> None:
        """Raise, as PyTorch does, whatever ``callback`` is: see ``blocked_autorange``.

        Raises:
            NotImplementedError: If it is called.
        """
        raise UnsupportedError("See `Timer.blocked_autorange.`")

    def block_size(self, min_run_time: float) -> int:
        """Return how many executions take so long that reading the clock does not count in ``min_run_time`` seconds."""
        number = 1
        while True:
            taken = self.run(number)
            if taken * 1000 >= min_run_time or number >= 10**9:
                return number
            number *= 10

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Execute the statement in blocks for at least ``min_run_time`` seconds.

        Args:
            callback: A function of the number of executions in a block and their time. Default: ``None``.
            min_run_time: The seconds. Default: ``0.2``.

        >>> import minitensor as torch
        >>> len(torch.utils.benchmark.Timer("1 + 1").blocked_autorange(min_run_time=0.01).times) > 1
        True
        """
        with on_threads(self._task_spec.num_threads):
            number = self.block_size(min_run_time)
            times: list[float] = []
            while sum(times) < min_run_time:
                times.append(self.run(number))
                if callback is not None:
                    callback(number, times[-1])
            return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Execute the statement in blocks until the spread is narrow, or the time is up.

        Args:
            threshold: The share of the median that the spread may have. Default: ``0.1``.
            min_run_time: The least seconds. Default: ``0.01``.
            max_run_time: The most seconds. Default: ``10.0``.
            callback: As in ``blocked_autorange``.
        """
        with on_threads(self._task_spec.num_threads):
            number, times = self.block_size(0.05), []
            while True:
                times.append(self.run(number))
                if callback is not None:
                    callback(number, times[-1])
                found, total = Measurement(number, times, self._task_spec), sum(times)
                is_narrow = len(times) > 3 and found.meets_confidence(threshold)
                if (total >= min_run_time and is_narrow) or total >= max_run_time:
                    return found

    def collect_callgrind(self, number: int = 100, **options: Any) -> None:
        """Raise, whatever ``number`` and ``options`` are: instructions are not counted here.

        Raises:
            NotImplementedError: If it is called.
        """
        raise UnsupportedError("Timer.collect_callgrind: instructions are not counted here; use blocked_autorange")
