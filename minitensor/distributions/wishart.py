"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor.callers import user_level
from minitensor.distributions import constraints
from minitensor.distributions.chi2 import Chi2
from minitensor.distributions.exp_family import ExponentialFamily
from minitensor.distributions.multivariate_normal import Factored
from minitensor.distributions.utils import where
from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError, GuardError
from minitensor.linalg import slogdet, solve_triangular
from minitensor.ops.creation import tensor
from minitensor.ops.random import randn
from minitensor.ops.ranges import arange
from minitensor.ops.special import multigammaln
from minitensor.ops.triangle import tril_indices
from minitensor.shapes import Size

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

LOG_2 = math.log(2)
MOST_TRIES = 10


class Wishart(Factored, ExponentialFamily):
    """The Wishart distribution of positive definite matrices, (*, n, n): sums of products of normal vectors.

    Args:
        df: The degrees of freedom, greater than n - 1.
        covariance_matrix: The covariance of the vectors, (*, n, n). Give one of the three matrices.
        precision_matrix: Its inverse.
        scale_tril: Its Cholesky factor, lower triangular with a positive diagonal.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        AssertionError: If not exactly one matrix is given.
        ValueError: If ``df`` is too small, or the matrix has too few dims.

    >>> import minitensor as torch
    >>> torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:  # type: ignore[override]  # read only
        """The constraint of ``df`` depends on the size of the matrices."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def __init__(
        self, df: Tensor | float, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None, validate_args: bool | None = None,
    ) -> None:
        batch = self._set_matrix(
            covariance_matrix, precision_matrix, scale_tril, tuple(getattr(df, "shape", ())), error=GuardError
        )
        _, matrix = self._given
        number: Any = tensor(df, dtype=matrix.dtype, device=matrix.device) if isinstance(df, (int, float)) else df
        self.df = number.expand(batch)
        n = matrix.shape[-1]
        if bool((self.df <= n - 1).any()):
            raise ArgumentError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if bool((self.df < n).any()):
            text = "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim."
            warnings.warn(text, stacklevel=user_level())
        super().__init__(batch, matrix.shape[-2:], validate_args=validate_args)
        self._factorize()
        steps = arange(n, dtype=matrix.dtype, device=matrix.device)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - steps)

    def _of_matrix(self, value: Tensor) -> Tensor:
        """Return a number of each distribution, to be multiplied with its matrix."""
        return value.reshape(*self._batch_shape, 1, 1)

    def _mean(self) -> Tensor:
        return self._of_matrix(self.df) * self.covariance_matrix

    def _mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        return self._of_matrix(where(factor <= 0, math.nan, factor)) * self.covariance_matrix

    def _variance(self) -> Tensor:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        return self._of_matrix(self.df) * (covariance.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _rsample(self, sample_shape: Size) -> Tensor:
        """Draw by Bartlett's decomposition; matrices that rounding made singular are drawn again, some times."""
        drawn = self._draw(sample_shape)
        for _ in range(MOST_TRIES):
            singular = ~self.support.check(drawn)
            while singular.ndim > len(sample_shape):
                singular = singular.any(-1)
            if not bool(singular.any()):
                break
            warnings.warn("Singular sample detected.", stacklevel=user_level())
            fresh = drawn.clone()
            fresh[singular] = self._draw(Size((int(singular.sum()),)))
            drawn = fresh
        return drawn

    def _draw(self, sample_shape: Size) -> Tensor:
        """Draw matrices L A A' L', with A lower triangular, of chi and normal numbers."""
        n = self._event_shape[-1]
        noise = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = noise.clamp(min=finfo(noise.dtype).eps).diag_embed()
        rows, columns = tril_indices(n, n, -1)
        shape = (*sample_shape, *self._batch_shape, n * (n - 1) // 2)
        noise[..., rows, columns] = randn(shape, dtype=noise.dtype, device=noise.device)
        factor = self._unbroadcasted_scale_tril @ noise
        draw: Tensor = factor @ factor.mT
        return draw

    def _log_prob(self, value: Tensor) -> Tensor:
        n, df = self._event_shape[-1], self.df
        half = solve_triangular(self._unbroadcasted_scale_tril, value, upper=False)
        trace = solve_triangular(self._unbroadcasted_scale_tril.mT, half, upper=True).diagonal(dim1=-2, dim2=-1).sum(-1)
        log_det = slogdet(value).logabsdet
        constant = df * (n * LOG_2 / 2 + self._half_log_det) + multigammaln(df / 2, n)
        log_prob: Tensor = (df - n - 1) / 2 * log_det - trace / 2 - constant
        return log_prob

    def _entropy(self) -> Tensor:
        n, df = self._event_shape[-1], self.df
        steps = arange(n, dtype=df.dtype, device=df.device)
        slope = ((df / 2).unsqueeze(-1) - steps / 2).digamma().sum(-1)
        constant = (n + 1) * (n * LOG_2 / 2 + self._half_log_det) + multigammaln(df / 2, n)
        entropy: Tensor = constant - (df - n - 1) / 2 * slope + df * n / 2
        return entropy

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        x, y = natural_params
        n = self._event_shape[-1]
        half = y + (n + 1) / 2
        return half * (n * LOG_2 - slogdet(-2 * x).logabsdet) + multigammaln(half, n)
