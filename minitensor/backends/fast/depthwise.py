"""Convolution with one input channel per group: each plane is seen through its own windows.

The rows and columns of a padded plane are sorted by their remainders modulo the strides (*phases*). What all windows
see at one tap is then one run of a phase, at every stride: each tap takes one loop over a whole plane. Rows of outputs
are as wide as those of a phase meanwhile; the surplus is not copied. This file knows no tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast.machine import formula, machine_code

if TYPE_CHECKING:
    from minitensor.backends import Array

Pair = tuple[int, int]


@machine_code
def correlate(
    input: Array, weight: Array, stride: Pair, padding: Pair, dilation: Pair, output: Array, first: int, last: int
) -> None:
    """Write the output planes from ``first`` to ``last``, counted through all images."""
    out_channels, high, wide = output.shape[1:]
    each = out_channels // input.shape[1]
    phases, width = phases_for(input, weight, stride, dilation, high, wide)
    plane = numpy.empty(high * width, input.dtype)
    for turn in range(first, last):
        n, o = turn // out_channels, turn % out_channels
        copy_to_phases(input[n, o // each], stride, padding, width, phases)
        plane[:] = 0
        for u in range(weight.shape[2]):
            for v in range(weight.shape[3]):
                phase, start = place_of(u * dilation[0], v * dilation[1], stride, width)
                seen, tap = phases[phase, start : start + len(plane)], weight[o, 0, u, v]
                for i in range(len(plane)):
                    plane[i] += tap * seen[i]
        for y in range(high):
            row, out_row = plane[y * width : y * width + wide], output[n, o, y]
            for x in range(wide):
                out_row[x] = row[x]


@machine_code
def spread(
    grad: Array, weight: Array, stride: Pair, padding: Pair, dilation: Pair, total: Array, first: int, last: int
) -> None:
    """Write the gradient in the input planes from ``first`` to ``last``, counted through all images."""
    channels = total.shape[1]
    out_channels, high, wide = grad.shape[1:]
    each = out_channels // channels
    phases, width = phases_for(total, weight, stride, dilation, high, wide)
    plane = numpy.zeros(high * width, grad.dtype)
    for turn in range(first, last):
        n, c = turn // channels, turn % channels
        phases[:] = 0
        for o in range(c * each, c * each + each):
            copy_rows(grad[n, o], width, plane)
            for u in range(weight.shape[2]):
                for v in range(weight.shape[3]):
                    phase, start = place_of(u * dilation[0], v * dilation[1], stride, width)
                    seen, tap = phases[phase, start : start + len(plane)], weight[o, 0, u, v]
                    for i in range(len(plane)):
                        seen[i] += tap * plane[i]
        copy_from_phases(phases, stride, padding, width, total[n, c])


@machine_code
def gather_weight(
    grad: Array, input: Array, stride: Pair, padding: Pair, dilation: Pair, total: Array, first: int, last: int
) -> None:
    """Write the gradient in the weight for the output channels from ``first`` to ``last``."""
    out_channels, high, wide = grad.shape[1:]
    each = out_channels // input.shape[1]
    phases, width = phases_for(input, total, stride, dilation, high, wide)
    plane = numpy.zeros(high * width, grad.dtype)
    for o in range(first, last):
        total[o] = 0
        for n in range(len(grad)):
            copy_to_phases(input[n, o // each], stride, padding, width, phases)
            copy_rows(grad[n, o], width, plane)
            for u in range(total.shape[2]):
                for v in range(total.shape[3]):
                    phase, start = place_of(u * dilation[0], v * dilation[1], stride, width)
                    seen, tap = phases[phase, start : start + len(plane)], total.dtype.type(0)
                    for i in range(len(plane)):
                        tap += plane[i] * seen[i]
                    total[o, 0, u, v] += tap


@machine_code
def copy_rows(grad: Array, width: int, plane: Array) -> None:
    """Copy rows to the first entries of rows of ``width``."""
    for y in range(grad.shape[0]):
        row, grad_row = plane[y * width :], grad[y]
        for x in range(len(grad_row)):
            row[x] = grad_row[x]


@machine_code
def phases_for(
    input: Array, weight: Array, stride: Pair, dilation: Pair, high: int, wide: int
) -> tuple[Array, int]:
    """Return memory for the phases that high x wide windows cover, and the width of their rows."""
    rows = high + (weight.shape[2] - 1) * dilation[0] // stride[0] + 1  # one to spare: the last runs end past the rows
    width = wide + (weight.shape[3] - 1) * dilation[1] // stride[1]
    return numpy.empty((stride[0] * stride[1], rows * width), input.dtype), width


@machine_code
def place_of(y: int, x: int, stride: Pair, width: int) -> Pair:
    """Return the phase of a padded plane's entry, and the place in the phase."""
    return y % stride[0] * stride[1] + x % stride[1], y // stride[0] * width + x // stride[1]


@machine_code
def copy_to_phases(plane: Array, stride: Pair, padding: Pair, width: int, phases: Array) -> None:
    """Copy a plane with zeros around it."""
    for phase in range(len(phases)):
        top, left, low, high = reach_of(phase, stride, padding, width, plane.shape[1])
        rows = phases[phase].reshape(-1, width)
        for i in range(len(rows)):
            y, row = top + i * stride[0], rows[i]
            if y < 0 or y >= plane.shape[0]:
                row[:] = 0
                continue
            row[:low] = 0
            row[high:] = 0
            inner, seen = row[low:high], plane[y, left:]
            if stride[1] == 1:
                for j in range(len(inner)):
                    inner[j] = seen[j]
            else:
                for j in range(len(inner)):
                    inner[j] = seen[j * stride[1]]


@machine_code
def copy_from_phases(phases: Array, stride: Pair, padding: Pair, width: int, plane: Array) -> None:
    """Copy the phases to a plane; what no window has seen is zero."""
    plane[:] = 0
    for phase in range(len(phases)):
        top, left, low, high = reach_of(phase, stride, padding, width, plane.shape[1])
        rows = phases[phase].reshape(-1, width)
        for i in range(len(rows)):
            y = top + i * stride[0]
            if 0 <= y < plane.shape[0]:
                inner, seen = rows[i, low:high], plane[y, left:]
                if stride[1] == 1:
                    for j in range(len(inner)):
                        seen[j] = inner[j]
                else:
                    for j in range(len(inner)):
                        seen[j * stride[1]] = inner[j]


@formula
def reach_of(phase: int, stride: Pair, padding: Pair, width: int, plane_width: int) -> tuple[int, int, int, int]:
    """Return the plane's row of a phase's first row; the plane's column of ``low``; and ``low`` and ``high``.

    The entries of a phase's row from ``low`` to ``high`` are in the plane.
    """
    top, left = phase // stride[1] - padding[0], phase % stride[1] - padding[1]
    low = min(width, max(0, -(left // stride[1])))
    high = max(low, min(width, (plane_width - left + stride[1] - 1) // stride[1]))
    return top, left + low * stride[1], low, high
