"""The parts of the benchmarks, by name."""

from __future__ import annotations

from benchmarks import cliffs, kernels, layers, loading, networks, overhead, sizes, steps
from benchmarks.case import Case

PARTS: dict[str, dict[str, Case]] = {
    module.__name__.rpartition(".")[2]: {case.name: case for case in module.cases()}
    for module in (overhead, steps, networks, layers, kernels, sizes, loading, cliffs)
}
RARE = ("loading", "cliffs")  # each lasts for minutes
USUAL = tuple([part for part in PARTS if part not in RARE])
