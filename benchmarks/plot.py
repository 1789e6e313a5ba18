"""Draw cost against size: a panel for each curve of ``sizes.py``, with a line for each side."""

from __future__ import annotations

from pathlib import Path

from benchmarks.sizes import CURVES, name_of
from benchmarks.turns import FAST, OURS, THEIRS, Figures

ACROSS = 4


def points(curve: str, side: str, measured: dict[str, Figures]) -> list[tuple[int, float]]:
    """Return sizes, and the seconds of a side's fastest sample at each."""
    found = [(size, measured.get(name_of(curve, size))) for size in CURVES[curve]]
    return [(size, each.fastest(side)) for size, each in found if each is not None and side in each.samples]


def draw(measured: list[Figures], file: Path) -> None:
    """Write the plot to a file; leave out curves of which nothing was measured."""
    from matplotlib.figure import Figure  # an optional package

    by_name = {each.name: each for each in measured if each.part == "sizes"}
    curves = [curve for curve in CURVES if points(curve, OURS, by_name)]
    down = -(-len(curves) // ACROSS)
    figure = Figure((4 * ACROSS, 3 * down), layout="constrained")
    panels = figure.subplots(down, ACROSS, squeeze=False)
    for panel in panels.flat[len(curves) :]:
        panel.remove()
    for curve, panel in zip(curves, panels.flat):
        for side in (OURS, FAST, THEIRS):
            if line := points(curve, side, by_name):
                panel.loglog(*zip(*line), marker=".", label=side)
        panel.set(title=curve, ylabel="seconds")
        panel.grid(alpha=0.3)
    panels[0, 0].legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=100)
