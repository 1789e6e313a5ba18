"""Images between two orders of memory: (C, H, W), in which users keep them, and (H, W, C), in which kernels compute.

With channels innermost, every inner loop runs over consecutive elements, however small the images are. This file knows
no tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.backends.fast.machine import machine_code

if TYPE_CHECKING:
    from minitensor.backends import Array

TOGETHER = 8  # channels whose entries are copied at one place: the inner loop has no branch, and few lines are in use


@machine_code
def copy_from_plane(image: Array, top: int, left: int, rows: Array) -> None:
    """Copy the rows of an image (C, H, W) from ``top`` on and from column ``left`` on; outside are zeros."""
    channels, height, width = image.shape
    low = min(max(0, -left), rows.shape[1])
    high = max(low, min(rows.shape[1], width - left))
    for i in range(len(rows)):
        y = top + i
        if y < 0 or y >= height:
            rows[i] = 0
            continue
        rows[i, :low] = 0
        rows[i, high:] = 0
        whole = channels - channels % TOGETHER
        for start in range(0, whole, TOGETHER):
            for j in range(low, high):
                for c in range(TOGETHER):
                    rows[i, j, start + c] = image[start + c, y, left + j]
        for c in range(whole, channels):
            for j in range(low, high):
                rows[i, j, c] = image[c, y, left + j]


@machine_code
def copy_to_plane(rows: Array, image: Array, top: int) -> None:
    """Copy rows (H, W, C) to the rows of an image (C, H, W) from ``top`` on; what does not fit is left out."""
    channels, height, width = image.shape
    for i in range(min(len(rows), height - top)):
        for c in range(channels):
            for x in range(width):
                image[c, top + i, x] = rows[i, x, c]
