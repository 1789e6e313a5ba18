"""Convolution with 3 x 3 windows by Winograd's minimal filtering, F(4 x 4, 3 x 3).

The input is cut into tiles of 6 x 6 entries, 4 apart, from each of which 4 x 4 windows are seen. With the matrices of
Lavin and Gray (https://arxiv.org/abs/1509.09308), a tile of outputs is Y = Aᵀ [(G w Gᵀ) * (Bᵀ d B)] A: 36
multiplications per channel instead of 144. Summed over channels they are 36 products of matrices. The results differ
from those of a plain sum by about 1e-5 of the largest entry, because Aᵀ and Bᵀ multiply by up to 8. In memory,
channels are the innermost dim of everything here but images. This file knows no tensors.

| letter | array | contents |
| --- | --- | --- |
| R, K | | rows and columns of tiles of an image |
| U | (36, C, O) | weights of each of the 36 products |
| V | (36, P, C) | input of P tiles |
| M | (36, P, O) | products |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy

from minitensor.backends.fast.machine import formula, machine_code
from minitensor.backends.fast.planes import copy_from_plane, copy_to_plane
from minitensor.backends.fast.product import gemm

if TYPE_CHECKING:
    from minitensor.backends import Array

F = numpy.float32  # Numba multiplies a single by a Python number in double precision
TWO, FOUR, FIVE, EIGHT = F(2), F(4), F(5), F(8)
Four: TypeAlias = tuple[F, F, F, F]
Six: TypeAlias = tuple[F, F, F, F, F, F]

QUARTER, SIXTH, TWELFTH, TWENTY_FOURTH = F(1 / 4), F(1 / 6), F(1 / 12), F(1 / 24)


# -- the matrices, applied to numbers ----------------------------------------------------------------------------------


@formula
def spread_taps(a: F, b: F, c: F) -> Six:
    """Return G (a, b, c)ᵀ: the polynomial with these coefficients at 0, 1, -1, 2, -2 and infinity, up to factors."""
    even, odd = SIXTH * (a + c), SIXTH * b
    even_at_two, odd_at_two = TWENTY_FOURTH * a + SIXTH * c, TWELFTH * b
    return QUARTER * a, -even - odd, odd - even, even_at_two + odd_at_two, even_at_two - odd_at_two, c


@formula
def gather_taps(g0: F, g1: F, g2: F, g3: F, g4: F, g5: F) -> tuple[F, F, F]:
    """Return Gᵀ of six numbers."""
    even, even_at_two = g1 + g2, g3 + g4
    a = QUARTER * g0 - SIXTH * even + TWENTY_FOURTH * even_at_two
    b = SIXTH * (g2 - g1) + TWELFTH * (g3 - g4)
    return a, b, SIXTH * (even_at_two - even) + g5


@formula
def spread_entries(d0: F, d1: F, d2: F, d3: F, d4: F, d5: F) -> Six:
    """Return Bᵀ d of six entries of the input."""
    even, odd = d4 - FOUR * d2, d3 - FOUR * d1
    even_at_two, odd_at_two = d4 - d2, TWO * (d3 - d1)
    first, last = FOUR * d0 - FIVE * d2 + d4, FOUR * d1 - FIVE * d3 + d5
    return first, even + odd, even - odd, even_at_two + odd_at_two, even_at_two - odd_at_two, last


@formula
def join_products(m0: F, m1: F, m2: F, m3: F, m4: F, m5: F) -> Four:
    """Return Aᵀ m of six products: four outputs."""
    even, odd = m1 + m2, m1 - m2
    even_at_two, odd_at_two = m3 + m4, m3 - m4
    return m0 + even + even_at_two, odd + TWO * odd_at_two, even + FOUR * even_at_two, odd + EIGHT * odd_at_two + m5


@formula
def spread_outputs(y0: F, y1: F, y2: F, y3: F) -> Six:
    """Return A y of the gradients of four outputs."""
    even, odd = y0 + y2, y1 + y3
    even_at_two, odd_at_two = y0 + FOUR * y2, TWO * y1 + EIGHT * y3
    return y0, even + odd, even - odd, even_at_two + odd_at_two, even_at_two - odd_at_two, y3


# -- the matrices, applied to both dims of a tile ----------------------------------------------------------------------


@machine_code
def transform_weight(weight: Array, u: Array) -> None:
    """Write U = G w Gᵀ of a weight (O, C, 3, 3)."""
    out_channels = weight.shape[0]
    half = numpy.empty((6, 3, out_channels), F)
    for c in range(weight.shape[1]):
        for x in range(3):
            for o in range(out_channels):
                half[0, x, o], half[1, x, o], half[2, x, o], half[3, x, o], half[4, x, o], half[5, x, o] = spread_taps(
                    weight[o, c, 0, x], weight[o, c, 1, x], weight[o, c, 2, x]
                )
        for y in range(6):
            i = 6 * y
            for o in range(out_channels):
                u[i, c, o], u[i + 1, c, o], u[i + 2, c, o], u[i + 3, c, o], u[i + 4, c, o], u[i + 5, c, o] = (
                    spread_taps(half[y, 0, o], half[y, 1, o], half[y, 2, o])
                )


@machine_code
def gather_weight(u: Array, first: int, last: int, weight: Array) -> None:
    """Write Gᵀ U G, (O, C, 3, 3), for the input channels from ``first`` to ``last``."""
    out_channels = weight.shape[0]
    half = numpy.empty((6, 3, out_channels), F)
    for c in range(first, last):
        for y in range(6):
            i = 6 * y
            for o in range(out_channels):
                half[y, 0, o], half[y, 1, o], half[y, 2, o] = gather_taps(
                    u[i, c, o], u[i + 1, c, o], u[i + 2, c, o], u[i + 3, c, o], u[i + 4, c, o], u[i + 5, c, o]
                )
        for x in range(3):
            for o in range(out_channels):
                weight[o, c, 0, x], weight[o, c, 1, x], weight[o, c, 2, x] = gather_taps(
                    half[0, x, o], half[1, x, o], half[2, x, o], half[3, x, o], half[4, x, o], half[5, x, o]
                )


@machine_code
def spread_input(rows: Array, half: Array, v: Array, place: int) -> None:
    """Write V of a row of tiles from tile ``place`` on, given its six rows (6, 4 K + 2, C) of the padded image."""
    width, channels = rows.shape[1:]
    for x in range(width):
        for c in range(channels):
            half[0, x, c], half[1, x, c], half[2, x, c], half[3, x, c], half[4, x, c], half[5, x, c] = spread_entries(
                rows[0, x, c], rows[1, x, c], rows[2, x, c], rows[3, x, c], rows[4, x, c], rows[5, x, c]
            )
    for y in range(6):
        i = 6 * y
        for k in range(width // 4):
            x, p = 4 * k, place + k
            for c in range(channels):
                v[i, p, c], v[i + 1, p, c], v[i + 2, p, c], v[i + 3, p, c], v[i + 4, p, c], v[i + 5, p, c] = (
                    spread_entries(
                        half[y, x, c], half[y, x + 1, c], half[y, x + 2, c], half[y, x + 3, c], half[y, x + 4, c],
                        half[y, x + 5, c],
                    )
                )


@machine_code
def join_output(m: Array, place: int, half: Array, rows: Array) -> None:
    """Write four rows of outputs (4, 4 K, O), given M of a row of tiles from tile ``place`` on."""
    channels = m.shape[2]
    for k in range(rows.shape[1] // 4):
        x, p = 4 * k, place + k
        for j in range(6):
            for o in range(channels):
                half[0, j, o], half[1, j, o], half[2, j, o], half[3, j, o] = join_products(
                    m[j, p, o], m[6 + j, p, o], m[12 + j, p, o], m[18 + j, p, o], m[24 + j, p, o], m[30 + j, p, o]
                )
        for y in range(4):
            for o in range(channels):
                rows[y, x, o], rows[y, x + 1, o], rows[y, x + 2, o], rows[y, x + 3, o] = join_products(
                    half[y, 0, o], half[y, 1, o], half[y, 2, o], half[y, 3, o], half[y, 4, o], half[y, 5, o]
                )


@machine_code
def spread_grad(rows: Array, half: Array, m: Array, place: int) -> None:
    """Write the gradient in M of a row of tiles, given that in four rows of outputs: the adjoint of ``join_output``."""
    channels = m.shape[2]
    for k in range(rows.shape[1] // 4):
        x, p = 4 * k, place + k
        for y in range(4):
            for o in range(channels):
                half[y, 0, o], half[y, 1, o], half[y, 2, o], half[y, 3, o], half[y, 4, o], half[y, 5, o] = (
                    spread_outputs(rows[y, x, o], rows[y, x + 1, o], rows[y, x + 2, o], rows[y, x + 3, o])
                )
        for j in range(6):
            for o in range(channels):
                m[j, p, o], m[6 + j, p, o], m[12 + j, p, o], m[18 + j, p, o], m[24 + j, p, o], m[30 + j, p, o] = (
                    spread_outputs(half[0, j, o], half[1, j, o], half[2, j, o], half[3, j, o])
                )


# -- blocks of rows of tiles -------------------------------------------------------------------------------------------


@machine_code
def correlate(
    address: int, input: Array, u: Array, output: Array, top: int, left: int, first: int, last: int, count: int
) -> None:
    """Write the rows of tiles from ``first`` to ``last``, counted through all images, ``count`` at a time."""
    channels, out_channels = input.shape[1], output.shape[1]
    high, wide = (output.shape[2] + 3) // 4, (output.shape[3] + 3) // 4
    v = numpy.empty((36, count * wide, channels), F)
    m = numpy.empty((36, count * wide, out_channels), F)
    rows, half = numpy.empty((6, 4 * wide + 2, channels), F), numpy.empty((6, 4 * wide + 2, channels), F)
    out_rows, out_half = numpy.empty((4, 4 * wide, out_channels), F), numpy.empty((4, 6, out_channels), F)
    for start in range(first, last, count):
        stop = min(start + count, last)
        spread_input_rows(input, top, left, high, start, stop, start, rows, half, v)
        tiles = (stop - start) * wide
        for i in range(36):
            gemm(address, 0, 0, v[i, :tiles], u[i], F(0), m[i, :tiles])
        for row in range(start, stop):
            place = (row - start) * wide
            join_output(m, place, out_half, out_rows)
            copy_to_plane(out_rows, output[row // high], 4 * (row % high))


@machine_code
def spread_input_rows(
    input: Array, top: int, left: int, high: int, first: int, last: int, origin: int, rows: Array, half: Array, v: Array
) -> None:
    """Write V of rows of tiles; that of row ``origin`` comes first. ``rows`` and ``half`` are scratch memory."""
    wide = (rows.shape[1] - 2) // 4
    for row in range(first, last):
        place, y = (row - origin) * wide, 4 * (row % high) - top
        if row > first and y > -top:
            rows[:2] = rows[4:]
            copy_from_plane(input[row // high], y + 2, -left, rows[2:])
        else:
            copy_from_plane(input[row // high], y, -left, rows)
        spread_input(rows, half, v, place)


@machine_code
def spread_grad_rows(
    grad: Array, high: int, first: int, last: int, origin: int, m: Array
) -> None:
    """Write the gradient in M of rows of tiles; that of row ``origin`` comes first."""
    out_channels, wide = grad.shape[1], (grad.shape[3] + 3) // 4
    rows, half = numpy.empty((4, 4 * wide, out_channels), F), numpy.empty((4, 6, out_channels), F)
    for row in range(first, last):
        place = (row - origin) * wide
        copy_from_plane(grad[row // high], 4 * (row % high), 0, rows)
        spread_grad(rows, half, m, place)


@machine_code
def spread_both(
    grad: Array, input: Array, top: int, left: int, first: int, last: int, origin: int, v: Array, m: Array
) -> None:
    """Write V, and the gradient in M, of rows of tiles."""
    high, wide, channels = (grad.shape[2] + 3) // 4, (grad.shape[3] + 3) // 4, input.shape[1]
    rows, half = numpy.empty((6, 4 * wide + 2, channels), F), numpy.empty((6, 4 * wide + 2, channels), F)
    spread_input_rows(input, top, left, high, first, last, origin, rows, half, v)
    spread_grad_rows(grad, high, first, last, origin, m)


@machine_code
def multiply_some(address: int, v: Array, m: Array, first: int, last: int, u: Array) -> None:
    """Add the gradient in U of some of the 36 products."""
    for i in range(first, last):
        gemm(address, 1, 0, v[i], m[i], F(1), u[i])
