"""The half-normal distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions.half import Half
from minitensor.distributions.normal import Normal

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class HalfNormal(Half):
    """The distribution of the absolute value of a normal number around 0, of a positive ``scale``.

    Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    base_dist: Normal

    def __init__(self, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), validate_args)

    def _mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    def _variance(self) -> Tensor:
        return self.scale.square() * (1 - 2 / math.pi)
