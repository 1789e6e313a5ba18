"""Rows of ``nn.functional``: ops of layers that PyTorch lacks, compared with the same computation in PyTorch."""

from __future__ import annotations

from typing import Any

from ops.row import Row, call, f, rows

F = "nn.functional."


def neuron_by_neuron(
    input: Any, weight: Any, bias: Any = None, stride: int = 1, padding: Any = 0, dilation: int = 1, groups: int = 1
) -> Any:
    """Convolve in PyTorch once for each output position, and keep only that position."""
    import torch

    results = torch.stack([
        torch.stack([
            torch.nn.functional.conv2d(input, each, None, stride, padding, dilation, groups)[..., y, x]
            for x, each in enumerate(row)
        ], -1)
        for y, row in enumerate(weight)
    ], -2)  # fmt: skip
    return results if bias is None else results + bias


ROWS = rows(
    Row(F + "locally_connected2d", (
        call(f(2, 2, 3, 4), f(2, 3, 2, 2, 2, 2), f(2, 2, 3, seed=1)), call(f(1, 3, 3), f(3, 3, 1, 1, 2, 2), None, 1, "same"),
        call(f(1, 4, 5, 3), f(2, 1, 2, 2, 2, 3), f(2, 2, 1), 2, 0, 1, 2), call(f(1, 1, 3, 3), f(3, 3, 1, 1, 2, 2), None, 1, 1, 2)),
        torch=neuron_by_neuron, out=False, names=False, strides=False, dtypes="single", rtol=4e-6,
        wrong=(call(f(1, 1, 3, 3), f(2, 2, 1, 1, 2)),)),
)  # fmt: skip
