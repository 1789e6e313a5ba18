"""The benchmarks run, and both libraries compute the same results in them. Speed is not tested here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.case import Case, Library
from benchmarks.parts import PARTS, USUAL
from benchmarks.turns import NUMPY, OURS, THEIRS, Figures, sample
from minitensor import nn, optim

CASES = {f"{part}: {name}": case for part in USUAL for name, case in PARTS[part].items()}
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
    assert main(["overhead", "--only", "x + y", "--seconds", "0.01", "--alone", "--json", str(file)]) == 0
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
    assert "no such part: speed; choose from overhead, steps, networks, layers, kernels, loading, cliffs" in said
