"""The multivariate normal distribution whose covariance is a low-rank matrix plus a diagonal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.multivariate_normal import identity_like, mahalanobis
from minitensor.distributions.utils import _standard_normal, lazy_property
from minitensor.errors import ArgumentError
from minitensor.linalg import cholesky, solve_triangular
from minitensor.ops.broadcast import broadcast_tensors

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class LowRankMultivariateNormal(Distribution):
    """The multivariate normal distribution with the covariance W W' + D, computed at the cost of the rank of W.

    The determinant and the inverse follow from those of the capacitance matrix 1 + W' D^-1 W, by the matrix determinant
    lemma and the Woodbury identity.

    Args:
        loc: The means, (*, n).
        cov_factor: The matrix W, (*, n, rank).
        cov_diag: The diagonal of D, (*, n), positive.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If the shapes do not fit.

    >>> import minitensor as torch
    >>> from minitensor.distributions import LowRankMultivariateNormal
    >>> LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2)).covariance_matrix
    tensor([[2., 1.],
            [1., 2.]])
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        require_shapes(loc, cov_factor, cov_diag)
        try:
            wide, self.cov_factor, diagonal = broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as error:
            raise ArgumentError(f"the batch shapes of loc, cov_factor and cov_diag do not broadcast: {error}") from None
        self.loc, self.cov_diag = wide[..., 0], diagonal[..., 0]
        super().__init__(self.loc.shape[:-1], loc.shape[-1:], validate_args=validate_args)

    @property
    def _projection(self) -> Tensor:
        """W' D^-1."""
        weighted: Tensor = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        return weighted

    @property
    def _capacitance_tril(self) -> Tensor:
        """The Cholesky factor of the capacitance matrix."""
        product = self._projection @ self.cov_factor
        return cholesky(product + identity_like(product))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        root = self.cov_diag.sqrt().unsqueeze(-1)
        scaled = self.cov_factor / root
        product = scaled @ scaled.mT
        return root * cholesky(product + identity_like(product))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        covariance_matrix: Tensor = self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()
        return covariance_matrix

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        part = solve_triangular(self._capacitance_tril, self._projection, upper=False)
        precision_matrix: Tensor = self.cov_diag.reciprocal().diag_embed() - part.mT @ part
        return precision_matrix

    def _mean(self) -> Tensor:
        return self.loc

    def _mode(self) -> Tensor:
        return self.loc

    def _variance(self) -> Tensor:
        return self.cov_factor.square().sum(-1) + self.cov_diag

    def _rsample(self, sample_shape: Size) -> Tensor:
        shape = self._extended_shape(sample_shape)
        common = _standard_normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc.dtype, self.loc.device)
        own = _standard_normal(shape, self.loc.dtype, self.loc.device)
        return self.loc + (self.cov_factor @ common.unsqueeze(-1)).squeeze(-1) + self.cov_diag.sqrt() * own

    @property
    def _log_det(self) -> Tensor:
        """The logarithm of the determinant of the covariance."""
        return 2 * self._capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) + self.cov_diag.log().sum(-1)

    def _distance(self, difference: Tensor) -> Tensor:
        """Return the squared Mahalanobis length of a vector."""
        outside = (difference.square() / self.cov_diag).sum(-1)
        along = (self._projection @ difference.unsqueeze(-1)).squeeze(-1)
        return outside - mahalanobis(self._capacitance_tril, along)

    def _log_prob(self, value: Tensor) -> Tensor:
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + self._log_det + self._distance(value - self.loc))

    def _entropy(self) -> Tensor:
        return 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det)


def require_shapes(loc: Tensor, cov_factor: Tensor, cov_diag: Tensor) -> None:
    """Raise unless the last dims of the parameters fit."""
    if loc.ndim < 1:
        raise ArgumentError("loc must be at least one-dimensional.")
    n = loc.shape[-1]
    if cov_factor.ndim < 2 or cov_factor.shape[-2] != n:
        raise ArgumentError(f"cov_factor must be a batch of matrices with shape {n} x m, got {tuple(cov_factor.shape)}")
    if cov_diag.ndim < 1 or cov_diag.shape[-1] != n:
        raise ArgumentError(f"cov_diag must be a batch of vectors with shape ({n},), got {tuple(cov_diag.shape)}")
