"""Events, statistics in windows of time, and the benchmark of throughput behave as PyTorch's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

import minitensor as mt

HOUR = timedelta(hours=1)
NAMES = ("MEAN", "COUNT", "SUM", "MAX", "MIN")


def libraries() -> list[Any]:
    pytest.importorskip("torch.monitor")
    return [mt, pytest.importorskip("torch")]


def run_windows(library: Any) -> list[Any]:
    """Return what a program sees of two statistics: one with a limit of numbers, one with short windows."""
    monitor, seen = library.monitor, list[Any]()
    handle = monitor.register_event_handler(lambda event: seen.append((event.name, dict(event.data))))
    kinds = [getattr(monitor, name) for name in NAMES]
    full = monitor.Stat("full", kinds, HOUR, 2)
    for number in (1, 3.5, 7, 8):
        full.add(number)
        seen.append((full.count, {key.name: value for key, value in full.get().items()}))
    short = monitor.Stat("short", kinds, timedelta(milliseconds=1))
    short.add(2)
    time.sleep(0.01)
    short.add(4.0)
    del short  # it logs what it has
    monitor.unregister_event_handler(handle)
    monitor.log_event(monitor.Event("unseen", datetime.now(), {}))
    return seen


def test_statistics_are_logged_as_in_pytorch() -> None:
    ours, theirs = map(run_windows, libraries())
    assert ours == theirs and ("torch.monitor.Stat", {"full.mean": 2.25, "full.count": 2.0, "full.sum": 4.5,
                                                      "full.max": 3.5, "full.min": 1.0}) in ours  # fmt: skip


def test_the_last_value_is_told() -> None:
    stat = mt.monitor.Stat("x", [mt.monitor.VALUE], HOUR, 2)  # PyTorch leaves it out
    assert stat.get() == {mt.monitor.VALUE: 0.0}
    stat.add(1)
    stat.add(2)
    assert stat.get() == {mt.monitor.VALUE: 2.0}


@pytest.mark.parametrize("call", [
    "m.Event('n', 1, {})", "m.Event('n', now, {'a': [1]})", "m.Event(1, now, {})", "m.Event('n', now, {1: 1})",
    "m.Stat('x')", "m.Stat('x', [1], hour)", "m.Stat('x', [], 1)", "m.Stat('x', [m.SUM], hour).add('a')",
    "m.register_event_handler(3)", "m.unregister_event_handler(3)", "m.log_event(3)",
])  # fmt: skip
def test_wrong_types_raise_as_in_pytorch(call: str) -> None:
    for library in libraries():
        with pytest.raises(TypeError):
            eval(call, {"m": library.monitor, "now": datetime.now(), "hour": HOUR})


def test_aggregations_have_pytorchs_names_and_numbers() -> None:
    ours, theirs = [library.monitor.Aggregation.__members__ for library in libraries()]
    assert {name: each.value for name, each in ours.items()} == {name: each.value for name, each in theirs.items()}


def test_the_handler_of_tensorboard_writes_scalars() -> None:
    written: list[Any] = []

    class Writer:
        def add_scalar(self, *args: Any, **kwargs: Any) -> None:
            written.append((args, sorted(kwargs)))

    handler = mt.monitor.TensorboardEventHandler(Writer())
    handler(mt.monitor.Event("other", datetime.now(), {"a": 1}))
    handler(mt.monitor.Event(mt.monitor.STAT_EVENT, datetime.now(), {"a": 1}))
    assert written == [(("a", 1), ["walltime"])]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_benchmark_counts_its_calls(threads: int) -> None:
    calls: list[int] = []

    def module(x: Any, scale: int = 1) -> Any:
        calls.append(scale)
        return x * scale

    benchmark = mt.utils.ThroughputBenchmark(module)
    with pytest.raises(RuntimeError, match="add_input"):
        benchmark.benchmark()
    benchmark.add_input(mt.ones(2), scale=2)
    assert benchmark.run_once(3) == 3
    stats = benchmark.benchmark(threads, num_warmup_iters=2, num_iters=7)
    assert len(calls) == 1 + 2 * threads + 7 and stats.num_iters == 7
    assert stats.latency_avg_ms > 0 and "Total number of iterations: 7" in str(stats)


def test_times_are_written_as_pytorchs() -> None:
    pytest.importorskip("torch")
    from torch.utils.throughput_benchmark import format_time as theirs

    from minitensor.utils.throughput_benchmark import format_time

    for given in ({"time_us": 3}, {"time_ms": 2.5}, {"time_ms": 1500}, {"time_s": 0.25}, {"time_s": 3}):
        assert format_time(**given) == theirs(**given)
    for format_any in (format_time, theirs):
        with pytest.raises(AssertionError):
            format_any()
        with pytest.raises(AssertionError):
            format_any(time_us=1, time_s=1)


def test_anomaly_mode_is_set_and_read() -> None:
    for library in libraries():
        library.set_anomaly_enabled(True, False)
        try:
            assert library.is_anomaly_enabled() and not library.is_anomaly_check_nan_enabled()
        finally:
            library.set_anomaly_enabled(False)
        assert not library.is_anomaly_enabled() and library.is_anomaly_check_nan_enabled()
        with pytest.raises(TypeError):
            library.set_anomaly_enabled(1)
        assert not library.is_inference(library.ones(2))
