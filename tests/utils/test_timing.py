"""``utils.benchmark`` measures, summarizes and compares as PyTorch does; ``utils.flop_counter`` counts as it does."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from minitensor.paths.flop_counter import FlopCounterMode
from minitensor.utils import benchmark

TIMES = ([1e-4, 1.1e-4, 1.2e-4, 1e-3], [2.0], [1e-4, 1.01e-4, 1.02e-4], [3e-9] * 5)
SPECS: tuple[dict[str, Any], ...] = (
    {"stmt": "x + 1", "setup": "pass"},
    {"stmt": "a\nb", "setup": "import a\nimport b", "num_threads": 2},
    {"stmt": "y", "setup": "import a", "label": "sum", "sub_label": "big", "description": "plain"},
)
FACTS = """significant_figures times median mean iqr has_warnings title env as_row_name number_per_run stmt label
    sub_label""".split()


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("times", TIMES)
def test_measurements_are_summarized_as_in_pytorch(times: list[float], spec: dict[str, Any]) -> None:
    theirs = pytest.importorskip("torch.utils.benchmark")
    expected, found = [lib.Measurement(10, times, lib.TaskSpec(**spec)) for lib in (theirs, benchmark)]
    for fact in FACTS:
        value = getattr(expected, fact)
        assert getattr(found, fact) == (value if isinstance(value, str | bool | None) else pytest.approx(value)), fact
    lines = [line for line in repr(expected).splitlines()[1:] if "suggests significant" not in line]
    assert [line.replace("could indicate system fluctuation", "") for line in repr(found).splitlines()[1:]] == lines


def test_statements_are_measured() -> None:
    timer = benchmark.Timer("x * 2", "x = ones(3)", globals={"ones": mt.ones}, label="product", num_threads=1)
    once, blocks = timer.timeit(20), timer.blocked_autorange(min_run_time=0.02)
    assert once.number_per_run == 20 and len(once.times) == 1 and 1e-8 < once.median < 1e-2
    assert len(blocks.times) > 1 and sum(blocks.raw_times) >= 0.02 and blocks.label == "product"
    assert timer.adaptive_autorange(max_run_time=0.05).times
    with pytest.raises(NotImplementedError, match="only statements in Python"):
        benchmark.Timer("x", language="cpp")
    with pytest.raises(NotImplementedError, match="use blocked_autorange"):
        timer.collect_callgrind()


def test_threads_are_as_before() -> None:
    before = mt.get_num_threads()
    benchmark.Timer("1", num_threads=1).timeit(2)
    assert mt.get_num_threads() == before


def test_a_table_has_a_row_and_a_column_for_each_label(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        benchmark.Measurement(1, [time * 1e-6] * 3, benchmark.TaskSpec("s", "", "", "sums", row, column))
        for time, row, column in ((1, "small", "a"), (2, "small", "b"), (30, "big", "a"), (40, "big", "b"))
    ]  # fmt: skip
    table = benchmark.Compare(tasks)
    table.trim_significant_figures()
    table.colorize()
    table.print()
    assert capsys.readouterr().out.splitlines() == [
        "[----------- sums ----------]",
        "             |   a    |   b",
        "1 threads: ------------------",
        "      small  |  1.0   |  2.0",
        "        big  |  30.0  |  40.0",
        "",
        "Times are in microseconds (us).",
        "",
    ]


def loss(lib: Any) -> Any:
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Conv2d(3, 4, 3, padding=1), lib.nn.ReLU(), lib.nn.Flatten(), lib.nn.Linear(256, 5))
    return model(lib.ones(2, 3, 8, 8)).sum()


PRODUCTS: dict[str, Any] = {
    "mm": lambda lib: lib.ones(2, 3) @ lib.ones(3, 4), "bmm": lambda lib: lib.ones(5, 2, 3) @ lib.ones(5, 3, 4),
    "addmm": lambda lib: lib.addmm(lib.ones(4), lib.ones(2, 3), lib.ones(3, 4)),
    "baddbmm": lambda lib: lib.baddbmm(lib.ones(1), lib.ones(5, 2, 3), lib.ones(5, 3, 4)),
    "conv1d": lambda lib: lib.conv1d(lib.ones(1, 2, 9), lib.ones(3, 2, 3), stride=2),
    "conv3d": lambda lib: lib.conv3d(lib.ones(1, 2, 4, 4, 4), lib.ones(2, 1, 2, 2, 2), groups=2),
    "conv_transpose2d": lambda lib: lib.conv_transpose2d(lib.ones(1, 3, 4, 4), lib.ones(3, 2, 3, 3)),
    "a network": loss, "its training": lambda lib: loss(lib).backward(), "no product": lambda lib: lib.ones(3).exp(),
    "linear": lambda lib: lib.nn.functional.linear(lib.ones(2, 7, 3), lib.ones(4, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_operations_are_counted_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode(display=False)
    with theirs:
        PRODUCTS[name](torch)
    with FlopCounterMode(display=False) as ours:
        PRODUCTS[name](mt)
    assert ours.get_total_flops() == theirs.get_total_flops()


def test_operations_are_counted_in_the_module_that_runs_them(capsys: pytest.CaptureFixture[str]) -> None:
    model = mt.nn.Sequential(mt.nn.Linear(3, 2), mt.nn.Linear(2, 1))
    with FlopCounterMode() as counter:
        model(mt.ones(5, 3))
    assert counter.get_flop_counts() == {
        "Global": {"linear": 80}, "Sequential": {"linear": 80}, "Sequential.0": {"linear": 60},
        "Sequential.1": {"linear": 20},
    }  # fmt: skip
    assert "Sequential.0" in capsys.readouterr().out and "75.00%" in counter.get_table()


def test_statements_know_torch() -> None:
    assert benchmark.Timer("x + x", setup="x = torch.ones(3)").timeit(2).number_per_run == 2
