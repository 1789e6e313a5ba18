"""The LKJ distribution of Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.beta import Beta
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import broadcast_all
from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError
from minitensor.ops.creation import zeros
from minitensor.ops.join import cat
from minitensor.ops.random import randn
from minitensor.ops.ranges import arange
from minitensor.ops.special import multigammaln

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class LKJCholesky(Distribution):
    """The distribution of Cholesky factors, (*, dim, dim), of correlation matrices C with density ~ det(C) ** (c - 1).

    It is Lewandowski, Kurowicka and Joe's, "Generating random correlation matrices based on vines and extended onion
    method" (2009); draws are made by the onion method of section 3.2.

    Args:
        dim: The size of the matrices, at least 2.
        concentration: The number c, positive; 1 makes all correlation matrices equally likely. Default: ``1.0``.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If ``dim`` is less than 2.

    >>> import minitensor as torch
    >>> torch.distributions.LKJCholesky(3, 0.5).sample().shape
    torch.Size([3, 3])
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Tensor | float = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ArgumentError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        options: dict[str, Any] = {"dtype": self.concentration.dtype, "device": self.concentration.device}
        offset = cat([zeros(1, **options), arange(dim - 1, **options)])
        last = (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1)
        self._beta = Beta(offset + 0.5, last - 0.5 * offset)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def _sample(self, sample_shape: Size) -> Tensor:
        """Draw each row as a point in a ball: a direction below the diagonal, and the square of a distance."""
        square = self._beta.sample(sample_shape).unsqueeze(-1)
        noise = randn(self._extended_shape(sample_shape), dtype=square.dtype, device=square.device).tril(-1)
        length = noise.square().sum(-1, keepdim=True).sqrt()
        direction = noise / length.masked_fill(length == 0, 1.0)  # the first row is empty
        rows = square.sqrt() * direction
        rest = (1 - rows.square().sum(-1)).clamp(min=finfo(rows.dtype).tiny).sqrt()
        return rows + rest.diag_embed()

    def _log_prob(self, value: Tensor) -> Tensor:
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - arange(2, self.dim + 1, device=value.device)
        last = self.dim - 1
        alpha = self.concentration + 0.5 * last
        log_volume = 0.5 * last * math.log(math.pi) + multigammaln(alpha - 0.5, last) - alpha.lgamma() * last
        return (powers * diagonal.log()).sum(-1) - log_volume
