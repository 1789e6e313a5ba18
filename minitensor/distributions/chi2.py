"""The chi-squared distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.gamma import Gamma

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Chi2(Gamma):
    """The chi-squared distribution of ``df`` degrees of freedom: a gamma distribution of ``df`` / 2 and rate 1/2.

    Arguments as for ``Distribution``.

    >>> import minitensor as torch
    >>> torch.distributions.Chi2(torch.tensor(3.0)).mean
    tensor(3.)
    """

    arg_constraints = {"df": constraints.positive}
    _batched = ("concentration", "rate")

    def __init__(self, df: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
