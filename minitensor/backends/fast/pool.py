"""The gradient of max-pooling: what the windows give back to their largest entries, each thread some planes.

NumPy's kernel computes dtypes other than singles and doubles. The largest entries themselves are NumPy's, too: a loop
over the windows took 1.2 to 1.7 times as long as a pass over all images for each tap. This file knows no tensors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy

from minitensor.backends.fast.machine import dense, machine_code
from minitensor.backends.fast.share import share
from minitensor.backends.numpy import pool as plain
from minitensor.backends.reference.conv import in_format_of

if TYPE_CHECKING:
    from minitensor.backends import Array

Numbers = tuple[int, ...]


def gather_planes_backward(grad: Array, indices: Array, input_shape: Numbers) -> Array:
    """Add entries at flat positions in planes of zeros: the gradient of ``gather_planes``."""
    if grad.dtype.char not in "fd" or not grad.size or indices.dtype != numpy.int64 or grad.shape != indices.shape:
        return plain.gather_planes_backward(grad, indices, input_shape)
    planes = math.prod(input_shape[:2])
    total = numpy.zeros((planes, math.prod(input_shape[2:])), grad.dtype)
    entries, places = dense(grad).reshape(planes, -1), dense(indices).reshape(planes, -1)
    strays = numpy.zeros(planes, bool)
    share(lambda first, last: add_entries(entries, places, total, strays, first, last), planes, grad.size)
    if strays.any():  # positions outside their plane
        return plain.gather_planes_backward(grad, indices, input_shape)
    return in_format_of(numpy, grad, total.reshape(input_shape))


@machine_code
def add_entries(entries: Array, places: Array, total: Array, strays: Array, first: int, last: int) -> None:
    """Add the entries of the planes from ``first`` to ``last`` at their places."""
    for b in range(first, last):
        for i in range(entries.shape[1]):
            place = places[b, i]
            if 0 <= place < total.shape[1]:
                total[b, place] += entries[b, i]
            else:
                strays[b] = True
