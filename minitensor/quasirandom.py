"""Sobol sequences: points that fill the unit cube more evenly than random ones do.

Point i is the sum modulo 2, bit by bit, of a shift and of the direction numbers at the bits of the Gray code of i
(Sobol 1967). The direction numbers are those of Joe and Kuo (2008), which SciPy has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from minitensor import dtypes
from minitensor.backends import open_backend
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, ShapeError, UnsupportedDtypeError
from minitensor.generator import Generator
from minitensor.ops.creation import from_numpy
from minitensor.ops.join import cat
from minitensor.ops.random import randint

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

__all__ = ["SobolEngine"]


class SobolEngine:
    """Draws the points of a Sobol sequence, one after the other. It needs the extra ``scipy``.

    The points are PyTorch's, also scrambled ones from the same seed. They lie in [0, 1).

    Args:
        dimension: The number of coordinates of a point, from 1 to 21201.
        scramble: Whether the sequence is randomized (Owen 1998): the points stay even, and none is the origin. Default:
            ``False``.
        seed: The seed of the scrambling. Default: ``None``, the default generator.

    Attributes:
        num_generated: How many points were drawn or passed over.

    Raises:
        ValueError: If ``dimension`` is out of range.
        ImportError: If SciPy is not installed.

    >>> import minitensor as torch
    >>> torch.quasirandom.SobolEngine(2).draw(3)  # doctest: +SKIP
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT: ClassVar[int] = 30
    MAXDIM: ClassVar[int] = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ArgumentError(
                f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}], got {dimension}"
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        self.num_generated = 0
        self._directions: Any = open_backend("cpu").sobol_directions(dimension, self.MAXBIT)
        self._shift: Any = numpy.zeros(dimension, numpy.int64)
        if scramble:
            self._scramble()
        # PyTorch rounds the first point to the default dtype of this moment, whatever dtype is drawn later.
        self._first_point: Any = from_numpy(self._shift[None] * 2.0**-self.MAXBIT).to(dtypes.get_default_dtype())

    def _scramble(self) -> None:
        """Draw a shift, and multiply the bits of the direction numbers by triangular matrices of random bits."""
        generator = None if self.seed is None else Generator().manual_seed(self.seed)
        bits = self.MAXBIT
        shift = randint(2, (self.dimension, bits), generator=generator).numpy()
        matrices = numpy.tril(randint(2, (self.dimension, bits, bits), generator=generator).numpy())
        matrices[:, range(bits), range(bits)] = 1
        self._shift = shift @ (1 << numpy.arange(bits))
        places = numpy.arange(bits - 1, -1, -1)  # from the highest bit
        digits = (self._directions[:, None, :] >> places[:, None]) & 1
        self._directions = ((1 << places)[:, None] * (matrices @ digits % 2)).sum(1)

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Dtype | None = None) -> Tensor:
        """Return the next ``n`` points, of shape (n, dimension).

        Args:
            n: How many. Default: ``1``.
            out: The tensor to write them into. Default: ``None``.
            dtype: float32 or float64, the type of the coordinates. Default: ``None``, the default dtype. The first
                point is rounded to the default dtype that the engine was made with, and may be drawn in any type.

        Raises:
            NotImplementedError: If other points than the first are drawn in another type.
            RuntimeError: If ``n`` is negative, or 0 before the first point is drawn.

        >>> import minitensor as torch
        >>> torch.quasirandom.SobolEngine(1).draw(2)  # doctest: +SKIP
        tensor([[0.0000],
                [0.5000]])
        """
        kind = dtypes.get_default_dtype() if dtype is None else dtypes.read_dtype(dtype)
        result = self._next_points(n, kind)
        self.num_generated += n
        return result if out is None else out.resize_as_(result).copy_(result)

    def _next_points(self, count: int, kind: Dtype) -> Tensor:
        """Return the next points; the first one, which PyTorch computes apart from the others, has its own rounding."""
        if self.num_generated:
            return self._numbers(self.num_generated, count, kind)
        first: Tensor = self._first_point.to(kind)
        return first.clone() if count == 1 else cat([first, self._numbers(1, count - 1, kind)])

    def _numbers(self, first: int, count: int, kind: Dtype) -> Tensor:
        """Return some points as numbers in [0, 1)."""
        if count < 0:
            shape = [count, self.dimension]
            raise ShapeError(f"draw: trying to create tensor with negative dimension {count}: {shape}")
        if kind not in (dtypes.float32, dtypes.float64):
            raise UnsupportedDtypeError(f"draw: not implemented for {kind.name}; expected float32 or float64")
        result: Tensor = from_numpy(self._points(first, count).astype(kind.numpy) * kind.numpy.type(2.0**-self.MAXBIT))
        return result

    def _points(self, first: int, count: int) -> Any:
        """Return some points as integers of ``MAXBIT`` bits."""
        numbers = numpy.arange(first, first + count)
        codes = numbers ^ (numbers >> 1)
        points = numpy.broadcast_to(self._shift, (count, self.dimension)).copy()
        for bit in range(self.MAXBIT):
            points ^= ((codes >> bit) & 1)[:, None] * self._directions[:, bit]
        return points

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Dtype | None = None) -> Tensor:
        """Return the next ``2 ** m`` points, of shape (2 ** m, dimension).

        Args:
            m: The exponent.
            out: The tensor to write them into. Default: ``None``.
            dtype: The type of the coordinates. Default: ``None``, the default dtype.

        Raises:
            ValueError: If the number of points drawn would then not be a power of 2.
        """
        total = self.num_generated + 2**m
        if total & (total - 1):
            raise ArgumentError(
                f"The balance properties of Sobol' points require n to be a power of 2: {self.num_generated} + 2**{m} "
                f"= {total}; use draw() instead"
            )
        return self.draw(2**m, out, dtype)

    def fast_forward(self, n: int) -> SobolEngine:
        """Pass over ``n`` points, and return the engine.

        Args:
            n: How many.
        """
        self.num_generated += n
        return self

    def reset(self) -> SobolEngine:
        """Begin with the first point again, and return the engine."""
        self.num_generated = 0
        return self

    def __repr__(self) -> str:
        options = [f"dimension={self.dimension}"] + ["scramble=True"] * self.scramble
        return f"SobolEngine({', '.join(options + [f'seed={self.seed}'] * (self.seed is not None))})"


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
