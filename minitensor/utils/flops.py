"""How many floating-point operations products and convolutions take: two for each term of the sums they compute."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod


def flops_of(name: str, shapes: Sequence[tuple[int, ...]], out: tuple[int, ...]) -> int:
    """Return the operations of a call from the shapes of its tensors and of its result; 0 for all other operations."""
    if name in ("matmul", "linear"):
        return 2 * prod(out) * shapes[0][-1]
    if name == "convolution":
        return 2 * prod(out) * prod(shapes[1][1:])
    if name == "conv_backward_input":
        return 2 * prod(shapes[0]) * prod(shapes[1][1:])
    if name == "conv_backward_weight":
        return 2 * prod(shapes[0]) * prod(out[1:])
    return 0
