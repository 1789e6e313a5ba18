"""The benchmarks run, and both libraries compute the same results in them. Speed is not tested here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from benchmarks import fresh, plot, report
from benchmarks.__main__ import main
from benchmarks.case import Case, Library
from benchmarks.parts import PARTS, USUAL
from benchmarks.sizes import CURVES, name_of
from benchmarks.turns import FAST, NUMPY, OURS, THEIRS, Figures, load, sample
from minitensor import nn, optim

LARGE = {name_of(curve, size) for curve, sizes in CURVES.items() for size in list(sizes)[1:]}  # these take long
CASES = {f"{part}: {name}": case for part in USUAL for name, case in PARTS[part].items() if name not in LARGE}
WITH_BARE = {name: case for name, case in CASES.items() if case.bare}

assert mt.nn is nn and mt.optim is optim  # the benchmarks find these modules on the library, as in PyTorch


def result(case: Case, lib: Library) -> Any:
    """Return the result of one step as an array."""
    lib.manual_seed(0)
    return case.make(lib)().detach().numpy()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_runs_and_computes_what_pytorch_computes(case: Case) -> None:
    ours = result(case, mt)
    assert np.isfinite(ours).all()
    theirs = result(case, pytest.importorskip("torch"))  # imported after the step, which also runs without PyTorch
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if not case.random:
        scale = float(np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize("case", WITH_BARE.values(), ids=WITH_BARE)
def test_a_step_computes_what_bare_calls_compute(case: Case) -> None:
    assert case.bare is not None
    bare = case.bare()()
    np.testing.assert_allclose(result(case, mt), bare[0] if isinstance(bare, tuple) else bare, rtol=1e-4)


def test_a_sample_repeats_a_fast_step() -> None:
    calls: list[None] = []
    assert sample(lambda: calls.append(None), seconds=0.001) > 0
    assert len(calls) > 1


FIGURES = Figures("part", "name", 2.0, {NUMPY: [1.0, 2.0, 1.0], OURS: [4.0, 9.0, 3.5], THEIRS: [2.0, 3.0, 1.0]})


def test_a_ratio_is_the_median_over_neighbors() -> None:
    assert FIGURES.ratio() == (3.0, 2.0, 3.5)


def test_overhead_is_the_extra_time_of_the_fastest_call_over_numpy() -> None:
    assert FIGURES.overhead() == 2.5
    assert FIGURES.is_above_limit()
    assert not FIGURES._replace(limit=2.5).is_above_limit()
    assert not FIGURES._replace(limit=None).is_above_limit()


def test_a_line_shows_the_times_the_limit_and_the_ratio() -> None:
    words = report.line(FIGURES).split()
    assert " ".join(words) == "name 1.00 s 3.50 s 2.50 s ! 2.00 s 1.00 s 3.00 (2.00-3.50)"


def test_without_pytorch_there_are_only_our_times() -> None:
    alone = Figures("part", "name", None, {OURS: [4.0]})
    assert report.line(alone).split() == ["name", "4.00", "s"]
    assert report.summary([alone]) == "slower than PyTorch: 0 of 0"


def test_compiled_kernels_have_columns_of_their_own() -> None:
    both = Figures("part", "name", None, {OURS: [4.0], FAST: [1.5, 2.0], THEIRS: [2.0, 1.0]})
    words = report.line(both).split()
    assert " ".join(words) == "name 4.00 s 1.50 s 1.00 s 2.00 (2.00-2.00) 1.38 (0.75-2.00)"
    heading = report.heading("part", False, [OURS, FAST, THEIRS]).split()
    assert heading == ["part", OURS, "with", "fast", "PyTorch", "ours/PyTorch", "with", "fast/PyTorch"]
    assert report.summary([both], FAST).startswith("with fast, slower than PyTorch: 1 of 1\n    1.38  part: name")


@pytest.mark.parametrize("side", [OURS, FAST])
def test_a_side_switches_the_compiled_kernels(side: str) -> None:
    enabled, _ = mt.backends.fast.set_flags()
    try:
        assert load(side, mt.get_num_threads()) is mt
        assert mt.backends.fast.set_flags()[0] == (side == FAST)
    finally:
        mt.backends.fast.set_flags(enabled=enabled)


def test_the_summary_names_the_slowest_first() -> None:
    others = [FIGURES._replace(name=name, samples={OURS: [n], THEIRS: [1.0]}) for name, n in (("b", 9.0), ("c", 0.5))]
    assert report.summary([FIGURES, *others]).split("\n") == [
        "slower than PyTorch: 2 of 3", "    9.00  part: b", "    3.00  part: name",
    ]  # fmt: skip


def test_cliffs_are_listed_by_the_fastest_samples() -> None:
    others = [FIGURES._replace(name=name, samples={OURS: [n, 99], THEIRS: [1]}) for name, n in (("b", 9), ("c", 5))]
    assert report.cliffs([FIGURES, *others]).split("\n") == [
        "more than 5 times as slow as PyTorch: 1 of 3", "    9.00  part: b",
    ]  # fmt: skip


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    assert main(["overhead", "--only", "x + y", "--seconds", "0.01", "--alone", "--plain", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "x + y, with grad" in printed
    assert "skipped" not in printed
    (first, _) = json.loads(file.read_text())["cases"]
    assert first["name"] == "x + y"
    assert first["seconds"].keys() == {NUMPY, OURS}
    assert first["ratio"] is None


def test_the_command_refuses_an_unknown_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    said = capsys.readouterr().err
    parts = "memory, startup, overhead, steps, networks, layers, kernels, sizes, loading, cliffs"
    assert f"no such part: speed; choose from {parts}" in said


@pytest.mark.skipif(not fresh.STATUS.exists(), reason="the system does not tell the peak memory of a process")
def test_peak_memory_counts_what_a_step_holds() -> None:
    def make(lib: Library) -> Any:
        held = lib.zeros(1_000_000)  # until the step is freed
        return lambda: (held + 1).sum() + (held + 2).sum()

    peak = fresh.peak_of(make, OURS, mt.get_num_threads())
    assert 7e6 < peak < 13e6  # `held` and one sum of it, of 4 MB each


@pytest.mark.skipif(not fresh.STATUS.exists(), reason="the system does not tell the peak memory of a process")
def test_the_tables_of_fresh_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    options = ["--only", "MLP 784-256-128-10", "--alone", "--plain", "--json", str(file)]
    assert main(["memory", "startup", *options]) == 0
    assert capsys.readouterr().out.split("\n")[1].split() == ["memory", OURS]
    written = json.loads(file.read_text())
    assert written["cases"] == []
    assert written["memory"]["MLP 784-256-128-10"][OURS] > 1e6  # the weights and their gradients
    assert written["startup"] == {}


def test_starts_are_timed_with_an_empty_cache_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(fresh, "run", lambda *args: asked.append(args))
    (row,) = fresh.startup([OURS, FAST], 1, "LeNet")
    assert list(row.figures) == [fresh.COMPILING, OURS, FAST]
    assert [side for _, side, *_ in asked] == [FAST] + [OURS] * fresh.REPEATS + [FAST] * fresh.REPEATS
    assert len({cache for *_, cache in asked}) == 1
    assert fresh.Row("name", {FAST: 3.0, THEIRS: 2.0}).ratio(FAST) == 1.5


def test_cost_against_size_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curve, sizes = next(iter(CURVES.items()))
    measured = [Figures("sizes", name_of(curve, size), None, {OURS: [float(size)]}) for size in sizes]
    by_name = {each.name: each for each in measured}
    assert plot.points(curve, OURS, by_name)[:2] == [(1000, 1e3), (10_000, 1e4)]
    assert plot.points(curve, THEIRS, by_name) == []
    plot.draw(measured, tmp_path / "output" / "sizes.png")
    assert (tmp_path / "output" / "sizes.png").stat().st_size > 1000


def test_every_size_is_a_case() -> None:
    named = {name_of(curve, size) for curve, sizes in CURVES.items() for size in sizes}
    assert named == PARTS["sizes"].keys()
