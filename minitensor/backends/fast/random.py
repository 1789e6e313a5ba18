"""The stream of random numbers as loops over the engine's own memory: the same numbers, and the same state after them.

NumPy's engine keeps the 624 words of the Mersenne Twister and the place of the next one in 625 words of memory. Each
renewal of the words (Matsumoto and Nishimura 1998) is three loops, none of which reads what it writes, so that the
processor computes 8 or 16 words at once; a loop that makes the numbers follows. The formulas of normal numbers are
those of ``backends/numpy/random.py``, with fused multiply-adds in place of double precision.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.fast.machine import dense, exact_code, exact_formula
from minitensor.backends.fast.rounding import bits_of, multiply_add, single_of
from minitensor.backends.numpy import random as plain

if TYPE_CHECKING:
    from minitensor.backends import Array

WORDS, FAR = 624, 397
BLOCKS = 128  # of normal numbers that are computed at a time
BUFFER = 2 * WORDS  # words that are drawn at a time where each number takes several


# -- words -------------------------------------------------------------------------------------------------------------


@lru_cache(64)
def memory_of(engine: Any) -> Array:
    """Return the words of an engine and the place of the next one, as an array over the engine's own memory."""
    memory = (ctypes.c_uint32 * (WORDS + 1)).from_address(engine.ctypes.state_address)
    words: Array = numpy.frombuffer(memoryview(memory), numpy.uint32)
    return words


def random_words(engine: Any, count: int) -> Array:
    """Return the next ``count`` numbers of 32 bits."""
    words: Array = numpy.empty(count, numpy.uint32)
    draw_words(memory_of(engine), words)
    return words


def random_singles(engine: Any, count: int) -> Array:
    """Return ``count`` singles from [0, 1), of 24 bits of one word each."""
    unit: Array = numpy.empty(count, numpy.float32)
    draw_singles(memory_of(engine), unit)
    return unit


def random_doubles(engine: Any, count: int) -> Array:
    """Return ``count`` doubles from [0, 1), of 53 bits of two words each."""
    unit: Array = numpy.empty(count, numpy.float64)
    draw_doubles(memory_of(engine), unit)
    return unit


def random_remainders(engine: Any, count: int, size: int, low: int) -> Array:
    """Return ``count`` integers from ``low`` on: remainders of one word each, for sizes up to 2**28."""
    numbers: Array = numpy.empty(count, numpy.int64)
    draw_remainders(memory_of(engine), size, low, numbers)
    return numbers


@exact_code
def draw_words(memory: Array, out: Array) -> None:
    """Write the next words."""
    done = 0
    while done < len(out):
        run, key = next_run(memory, len(out) - done)
        into = out[done : done + run]
        for i in range(len(into)):
            into[i] = temper(key[i])
        done += run


@exact_code
def draw_singles(memory: Array, out: Array) -> None:
    """Write a single for each of the next words."""
    done = 0
    while done < len(out):
        run, key = next_run(memory, len(out) - done)
        into = out[done : done + run]
        for i in range(len(into)):
            into[i] = numpy.float32(numpy.int32(temper(key[i]) & plain.LOW_BITS)) * plain.STEP
        done += run


@exact_code
def draw_doubles(memory: Array, out: Array) -> None:
    """Write a double for each pair of words, the high half first."""
    words = numpy.empty(BUFFER, numpy.uint32)
    for start in range(0, len(out), BUFFER // 2):
        into = out[start : start + BUFFER // 2]
        draw_words(memory, words[: 2 * len(into)])
        pairs = words.reshape(-1, 2)
        for i in range(len(into)):
            high = numpy.int64(pairs[i, 0] & plain.HIGH_BITS)
            into[i] = numpy.float64((high << 32) | numpy.int64(pairs[i, 1])) * plain.DOUBLE_STEP


@exact_code
def draw_remainders(memory: Array, size: int, low: int, out: Array) -> None:
    """Write the remainder of each of the next words, plus ``low``.

    The quotient is computed in double precision: less than 2**32 / size, it is at least 1 / size away from the next
    integer, so that it is not rounded up to it.
    """
    words, divisor = numpy.empty(BUFFER, numpy.uint32), numpy.float64(size)
    for start in range(0, len(out), BUFFER):
        into = out[start : start + BUFFER]
        draw_words(memory, words[: len(into)])
        for i in range(len(into)):
            word = numpy.int64(words[i])
            into[i] = word - numpy.int64(numpy.float64(word) / divisor) * size + low


@exact_code
def next_run(memory: Array, count: int) -> tuple[int, Array]:
    """Return the next words of the engine that are in one piece, at most ``count``; they count as drawn."""
    if memory[WORDS] >= WORDS:
        renew(memory)
    place = numpy.int64(memory[WORDS])
    run = min(WORDS - place, count)
    memory[WORDS] = place + run
    return run, memory[place : place + run]


@exact_code
def renew(memory: Array) -> None:
    """Compute the next 624 words."""
    old, new = memory[:WORDS].copy(), memory[:WORDS]
    near = WORDS - FAR
    mix(old[:near], old[1:], old[FAR:], new[:near])
    mix(old[near : 2 * near], old[near + 1 :], new[:near], new[near : 2 * near])
    mix(old[2 * near : WORDS - 1], old[2 * near + 1 :], new[near:], new[2 * near : WORDS - 1])
    mix(old[WORDS - 1 :], new[:1], new[FAR - 1 :], new[WORDS - 1 :])
    memory[WORDS] = 0


@exact_code
def mix(here: Array, following: Array, far: Array, into: Array) -> None:
    """Compute words from those at their places, at the next places and at far ones."""
    for i in range(len(into)):
        y = (here[i] & numpy.uint32(0x80000000)) | (following[i] & numpy.uint32(0x7FFFFFFF))
        odd = numpy.uint32(0x9908B0DF) if y & numpy.uint32(1) else numpy.uint32(0)
        into[i] = far[i] ^ (y >> numpy.uint32(1)) ^ odd


@exact_formula
def temper(y: Any) -> Any:
    """Return a word of the engine as a random number."""
    y ^= y >> numpy.uint32(11)
    y ^= (y << numpy.uint32(7)) & numpy.uint32(0x9D2C5680)
    y ^= (y << numpy.uint32(15)) & numpy.uint32(0xEFC60000)
    return numpy.uint32(y ^ (y >> numpy.uint32(18)))


# -- permutations ------------------------------------------------------------------------------------------------------


def permutation(drawn: Array) -> Array:
    """Return a permutation of one more number than are drawn: step i swaps place i with one of those behind it."""
    places: Array = numpy.arange(len(drawn) + 1)
    shuffle(dense(drawn), places)
    return places


@exact_code
def shuffle(drawn: Array, places: Array) -> None:
    """Swap each place with one behind it; the remainders are computed as in ``draw_remainders``."""
    behind, count = numpy.empty(BUFFER, numpy.int64), len(places)
    for start in range(0, len(drawn), BUFFER):
        words = drawn[start : start + BUFFER]
        for i in range(len(words)):
            word, left = numpy.int64(words[i]), count - start - i
            behind[i] = word - numpy.int64(numpy.float64(word) / numpy.float64(left)) * left
        for i in range(len(words)):
            here = start + i
            there = here + behind[i]
            places[here], places[there] = places[there], places[here]


# -- normal numbers ----------------------------------------------------------------------------------------------------


def normal_blocks(unit: Array) -> Array:
    """Return normal numbers (n, 2, 8) for uniform ones: eight pairs give eight cosines and eight sines."""
    result: Array = numpy.empty(unit.shape, unit.dtype)
    write_normal(dense(unit), result)
    return result


@exact_code
def write_normal(unit: Array, out: Array) -> None:
    """Write normal numbers, many blocks at a time: loops over the eight pairs of one would be too short."""
    first, second = numpy.empty((BLOCKS, 8), numpy.float32), numpy.empty((BLOCKS, 8), numpy.float32)
    draws, angles = first.reshape(-1), second.reshape(-1)
    for start in range(0, len(unit), BLOCKS):
        blocks, into = unit[start : start + BLOCKS], out[start : start + BLOCKS]
        for block in range(len(blocks)):
            for i in range(8):
                first[block, i], second[block, i] = blocks[block, 0, i], blocks[block, 1, i]
        for i in range(8 * len(blocks)):
            radius = numpy.sqrt(numpy.float32(-2) * logarithm(plain.ONE - draws[i]))
            sine, cosine = sine_and_cosine(plain.TURN * angles[i])
            draws[i], angles[i] = cosine * radius, sine * radius
        for block in range(len(into)):
            for i in range(8):
                into[block, 0, i], into[block, 1, i] = first[block, i], second[block, i]


L0, L1, L2, L3, L4, L5, L6, L7, L8 = (numpy.float32(each) for each in plain.LOGARITHM)
C0, C1, C2 = (numpy.float32(each) for each in plain.COSINE)
S0, S1, S2 = (numpy.float32(each) for each in plain.SINE)
EIGHTH_0, EIGHTH_1 = plain.EIGHTHS
EIGHTH_2 = numpy.float32(plain.LAST_EIGHTH)


@exact_formula
def logarithm(u: Any) -> Any:
    """Return the natural logarithm of a number in (0, 1]."""
    bits = bits_of(u)
    mantissa = single_of(numpy.int32((bits & plain.MANTISSA) | plain.BITS_OF_HALF))
    small = mantissa < plain.ROOT_HALF
    e = numpy.float32(numpy.int32((bits >> 23) - (127 if small else 126)))
    x = mantissa - plain.ONE
    x += mantissa if small else numpy.float32(0)
    z = x * x
    y = multiply_add(multiply_add(multiply_add(L0, x, L1), x, L2), x, L3)
    y = multiply_add(multiply_add(multiply_add(y, x, L4), x, L5), x, L6)
    y = multiply_add(multiply_add(y, x, L7), x, L8) * x
    y = multiply_add(y, z, e * plain.LN2_LOW)
    return y - z * plain.HALF + x + e * plain.LN2_HIGH


@exact_formula
def sine_and_cosine(angle: Any) -> tuple[Any, Any]:
    """Return the sine and the cosine of an angle from 0 to 2 pi."""
    octant = numpy.int32((numpy.int32(angle * plain.EIGHTHS_IN_ONE) + 1) & -2)
    turns = numpy.float32(octant)
    x = angle + turns * EIGHTH_0
    x = multiply_add(turns, EIGHTH_2, x + turns * EIGHTH_1)
    z = x * x
    cosine = multiply_add(multiply_add(multiply_add(C0, z, C1), z, C2) * z, z, -plain.HALF * z) + plain.ONE
    sine = multiply_add(multiply_add(multiply_add(S0, z, S1), z, S2) * z, x, x)
    first, second = (cosine, sine) if octant & 2 else (sine, cosine)
    if octant & 4:
        first = -first
    if not (octant - 2) & 4:
        second = -second
    return first, second
