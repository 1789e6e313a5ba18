"""Rejection sampling: gamma, Poisson and binomial numbers, each with a parameter of its own.

The same seed gives PyTorch's numbers, bit for bit: how many uniform numbers an element takes depends on those that were
rejected, so elements are drawn one after another, in C order. The file knows no tensors and no device but the host.

Sources: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000); Hormann, "The transformed
rejection method for generating Poisson random variables" (1993) and "The generation of binomial random variates"
(1993); Knuth, "The Art of Computer Programming" 2, 3.4.1, for small rates; Devroye, "Non-Uniform Random Variate
Generation" (1986), X.4, for few successes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from minitensor.errors import DistributionError
from minitensor.generator import Generator
from minitensor.stream import Stream

Array = npt.NDArray[Any]


class Reader:
    """Reads single numbers from a stream: blocks of words in advance, of which ``close`` returns the rest."""

    BLOCK: Final = 2048

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.fractions: list[float] = []
        self.place = 0
        self.before: Any = None

    def uniform(self) -> float:
        """Return a number in [0, 1) of 53 bits."""
        if self.place == len(self.fractions):
            self.before = self.stream.engine.state
            self.fractions, self.place = self.stream.fractions(self.BLOCK, np.float64).tolist(), 0
        self.place += 1
        return self.fractions[self.place - 1]

    def normal(self) -> float:
        """Return a standard normal number: one of a pair, the other of which the stream keeps."""
        kept = self.stream.next_normal
        if kept is not None:
            self.stream.next_normal = None
            return kept
        angle, radius = 2 * math.pi * self.uniform(), math.sqrt(-2 * math.log1p(-self.uniform()))
        self.stream.next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)

    def close(self) -> None:
        """Leave the stream as if only the words that were used had been drawn."""
        if self.before is not None:
            self.stream.engine.state = self.before
            self.stream.draw64(self.place)


def draw_each(generator: Generator, draw: Callable[..., float], dtype: npt.DTypeLike, *parameters: Array) -> Array:
    """Return ``draw(reader, ...)`` for the parameters of each element, which have one shape."""
    stream = generator._stream
    with stream.lock:
        reader = Reader(stream)
        try:
            drawn = [draw(reader, *each) for each in zip(*(array.ravel().tolist() for array in parameters))]
        finally:
            reader.close()
    return np.array(drawn, dtype).reshape(parameters[0].shape)


# -- gamma -------------------------------------------------------------------------------------------------------------


def standard_gamma(generator: Generator, concentration: Array) -> Array:
    """Draw from the gamma distribution of rate 1; no number is less than the smallest normal one of the dtype."""
    dtype = concentration.dtype
    rounding = np.float64 if dtype == np.float64 else np.float32
    boosted = concentration < 1
    raised = np.where(boosted, concentration + rounding(1), concentration)
    inverse = np.where(boosted & (concentration != 0), rounding(1) / concentration, 0)
    shift = (raised - rounding(np.float32(1) / np.float32(3))).astype(rounding)
    drawn = draw_each(generator, draw_gamma, np.float64, shift, inverse.astype(rounding), concentration == 0)
    with np.errstate(over="ignore", under="ignore"):
        raised_to_tiny: Array = np.maximum(drawn.astype(dtype), np.finfo(dtype).tiny)
    return raised_to_tiny


SQUEEZE: Final = float(np.float32(0.0331))


def draw_gamma(reader: Reader, shift: float, inverse: float, is_zero: bool) -> float:
    """Draw one gamma number: ``shift`` (1 + c x)^3, accepted by its density; x is normal.

    For a concentration less than 1, the number of concentration + 1 is multiplied by u ** (1 / concentration).
    """
    if is_zero:
        return 0.0
    scale = (1 - reader.uniform()) ** inverse if inverse else 1.0
    if not shift > 0:
        return math.nan
    slope = 1 / math.sqrt(9 * shift)
    while True:
        x = reader.normal()
        root = 1 + slope * x
        if root <= 0:
            continue
        volume, square, u = root * root * root, x * x, 1 - reader.uniform()
        if u < 1 - SQUEEZE * square * square:
            return scale * shift * volume
        if math.log(u) < 0.5 * square + shift * (1 - volume + math.log(volume)):
            return scale * shift * volume


def dirichlet(generator: Generator, concentration: Array) -> Array:
    """Draw points of the simplex, along the last dim: gamma numbers divided by their sum, inside (0, 1)."""
    dtype = concentration.dtype
    gamma = standard_gamma(generator, concentration.astype(np.float64))
    shares = (gamma / gamma.sum(-1, keepdims=True)).astype(dtype)
    inside: Array = np.clip(shares, np.finfo(dtype).tiny, np.nextafter(dtype.type(1), dtype.type(0)))
    return inside


# -- Poisson -----------------------------------------------------------------------------------------------------------


def poisson(generator: Generator, rate: Array) -> Array:
    """Draw numbers of events from Poisson distributions."""
    if not (rate >= 0).all():
        raise DistributionError("invalid Poisson rate, expected rate to be non-negative")
    return draw_each(generator, draw_poisson, rate.dtype, rate.astype(np.float64))


def draw_poisson(reader: Reader, rate: float) -> float:
    """Draw one number of events."""
    if rate >= 10:
        return draw_many_events(reader, rate)
    return draw_few_events(reader, rate) if rate else 0.0


def draw_few_events(reader: Reader, rate: float) -> float:
    """Count how many uniform numbers can be multiplied before the product falls to exp(-rate)."""
    limit, product, count = math.exp(-rate), 1.0, 0
    while True:
        product *= reader.uniform()
        if product <= limit:
            return float(count)
        count += 1


def draw_many_events(reader: Reader, rate: float) -> float:
    """Draw by Hormann's algorithm PTRS."""
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    scale, box = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = reader.uniform() - 0.5, reader.uniform()
        edge = 0.5 - abs(u)
        count = math.floor((2 * a / edge + b) * u + rate + 0.43) if edge else -1
        if edge >= 0.07 and v <= box:
            return float(count)
        if count < 0 or (edge < 0.013 and v > edge):
            continue
        height = math.log(v) + math.log(scale) - math.log(a / (edge * edge) + b) if v else -math.inf
        if height <= -rate + count * log_rate - math.lgamma(count + 1):
            return float(count)


# -- binomial ----------------------------------------------------------------------------------------------------------


def binomial(generator: Generator, count: Array, prob: Array) -> Array:
    """Draw numbers of successes in ``count`` trials of probability ``prob``."""
    single = count.dtype != np.float64
    return draw_each(generator, draw_binomial_of(single), count.dtype, count, prob)


def draw_binomial_of(single: bool) -> Callable[..., float]:
    """Return the function that draws one number; of two outcomes, the rarer one is counted."""

    def draw_binomial(reader: Reader, count: float, prob: float) -> float:
        if count <= 0 or prob <= 0:
            return 0.0
        if prob >= 1:
            return count
        if not (prob <= 1 and count < math.inf):
            return math.nan
        if prob <= 0.5:
            return draw_rarer(reader, count, prob, single)
        rest = 1 - prob
        return count - draw_rarer(reader, count, float(np.float32(rest)) if single else rest, single)

    return draw_binomial


def draw_rarer(reader: Reader, count: float, prob: float, single: bool) -> float:
    """Draw the number of successes for a probability of at most 1/2."""
    expected = float(np.float32(count) * np.float32(prob)) if single else count * prob
    return draw_many_successes(reader, count, prob, single) if expected >= 10 else draw_few_successes(
        reader, count, prob, single
    )


def draw_few_successes(reader: Reader, count: float, prob: float, single: bool) -> float:
    """Count how many geometric waiting times fit into the trials."""
    log_failure = float(np.log1p(np.float32(-prob))) if single else math.log1p(-prob)
    trials, successes = 0.0, 0
    while True:
        u = reader.uniform()
        trials += math.ceil(math.log(u) / log_failure) if u else math.inf
        if trials > count:
            return float(successes)
        successes += 1


def draw_many_successes(reader: Reader, count: float, prob: float, single: bool) -> float:
    """Draw by Hormann's algorithm BTRS, with a logarithm that the paper lacks."""
    f: Any = np.float32 if single else float  # PyTorch computes these four in the dtype of the tensors
    n, p = f(count), f(prob)
    spread = math.sqrt(float(n * p * (f(1) - p)))
    spread = float(f(spread))
    center, odds, mode = float(n * p), float(p / (f(1) - p)), math.floor(float((n + f(1)) * p))
    b = 1.15 + 2.53 * spread
    a, box = -0.0873 + 0.0248 * b + 0.01 * prob, 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    while True:
        u, v = reader.uniform() - 0.5, reader.uniform()
        edge = 0.5 - abs(u)
        successes = math.floor((2 * a / edge + b) * u + center + 0.5) if edge else -1
        if not 0 <= successes <= count:
            continue
        if edge >= 0.07 and v <= box:
            return float(successes)
        height = math.log(v * alpha / (a / (edge * edge) + b)) if v else -math.inf
        if height <= log_ratio(count, successes, mode, odds):
            return float(successes)


def log_ratio(count: float, successes: float, mode: float, odds: float) -> float:
    """Return the logarithm of the probability of a number of successes, relative to that of the mode."""
    ratio = (mode + 0.5) * math.log((mode + 1) / (odds * (count - mode + 1)))
    ratio += (count + 1) * math.log((count - mode + 1) / (count - successes + 1))
    ratio += (successes + 0.5) * math.log(odds * (count - successes + 1) / (successes + 1))
    return ratio + tail(mode) + tail(count - mode) - tail(successes) - tail(count - successes)


def tail(k: float) -> float:
    """Return what Stirling's formula leaves out of log(k!): exact for small ``k``, three terms of the series else."""
    if k < 10:
        return TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


TAILS: Final = tuple(
    math.lgamma(k + 1) - (k + 0.5) * math.log(k + 1) + (k + 1) - 0.5 * math.log(2 * math.pi) for k in range(10)
)
