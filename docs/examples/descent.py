"""Fit a line in three ways, one sample, a mini-batch or the whole set at a time, and draw the losses side by side.

    python docs/examples/descent.py    # writes output/descent.png

The three differ only in the batch size of the loader: 1, 8, or the number of points.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import minitensor as mt
from minitensor import nn, optim
from minitensor.utils.data import DataLoader, TensorDataset

COUNT, EPOCHS = 32, 5
WAYS = {"stochastic: one sample": 1, "mini-batches of 8": 8, f"batch: all {COUNT}": COUNT}


def make_points() -> TensorDataset:
    """Return points near the line y = 3 x."""
    x = mt.linspace(-1, 1, COUNT).unsqueeze(1)
    return TensorDataset(x, 3 * x + 0.3 * mt.randn(COUNT, 1))


def descend(points: TensorDataset, batch_size: int) -> list[float]:
    """Return the loss over all points at the start and after each step."""
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    curve = [loss_over_all(model, points)]
    for _ in range(EPOCHS):
        for inputs, targets in DataLoader(points, batch_size, shuffle=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
            curve.append(loss_over_all(model, points))
    return curve


def loss_over_all(model: nn.Linear, points: TensorDataset) -> float:
    inputs, targets = points.tensors
    with mt.no_grad():
        return nn.functional.mse_loss(model(inputs), targets).item()


def draw(curves: dict[str, list[float]], path: Path) -> None:
    """Draw the losses by passes over the points, which cost alike, and by steps."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    by_epoch, by_step = figure.subplots(1, 2, sharey=True)
    for name, curve in curves.items():
        steps = range(len(curve))
        by_epoch.plot([EPOCHS * step / (len(curve) - 1) for step in steps], curve, label=name)
        by_step.plot(steps, curve, label=name)
    by_epoch.set(xlabel="epoch", ylabel="loss over all points", yscale="log")
    by_step.set(xlabel="step", xlim=(0, COUNT))
    for axes in (by_epoch, by_step):
        axes.grid(alpha=0.3)
    by_step.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the losses of stochastic, mini-batch and batch descent.")
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("output"))
    folder = parser.parse_args().output
    mt.manual_seed(0)
    points = make_points()
    curves = {name: descend(points, size) for name, size in WAYS.items()}
    folder.mkdir(parents=True, exist_ok=True)
    draw(curves, folder / "descent.png")
    for name, curve in curves.items():
        print(f"{name}: {len(curve) - 1} steps, loss {curve[0]:.3f} -> {curve[-1]:.3f}")


if __name__ == "__main__":
    main()
