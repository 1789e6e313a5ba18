"""The multivariate normal distribution, and the algebra of its triangular factor."""

from __future__ import annotations

import math
from typing import Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.utils import _standard_normal, lazy_property, only_one
from minitensor.errors import ArgumentError
from minitensor.linalg import cholesky, solve_triangular
from minitensor.ops.creation import eye
from minitensor.shapes import Size, broadcast_shapes
from minitensor.tensor import Tensor


class Factored:
    """A distribution of a covariance matrix, given as itself, its inverse or its Cholesky factor L, (*, n, n).

    The factor is computed at once, the matrices when they are first read.
    """

    _event_shape: Size
    _unbroadcasted_scale_tril: Tensor  # the factor, without the batch of other parameters

    def _set_matrix(
        self, covariance_matrix: Any, precision_matrix: Any, scale_tril: Any, other: Any, **options: Any
    ) -> Size:
        """Keep the matrix that is given, expanded to the batch, and return the shape of the batch."""
        given = (covariance_matrix, precision_matrix, scale_tril)
        name = only_one(*[part for pair in zip(MATRICES, given) for part in pair], **options)
        matrix = next(each for each in given if each is not None)
        if matrix.ndim < 2:
            raise ArgumentError(f"{name} must be at least two-dimensional, got shape {tuple(matrix.shape)}")
        batch = Size(broadcast_shapes(tuple(matrix.shape[:-2]), other))
        vars(self)[name] = matrix.expand(*batch, -1, -1)
        self._given = (name, matrix)
        return batch

    def _factorize(self) -> None:
        """Compute the factor, after the matrix has been checked."""
        name, matrix = self._given
        self._unbroadcasted_scale_tril = FACTORS[name](matrix)
        del self._given

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance."""
        return self._over_batch(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self._over_batch(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        factor = self._unbroadcasted_scale_tril
        inverse = solve_triangular(factor, identity_like(factor), upper=False)
        return self._over_batch(inverse.mT @ inverse)

    def _over_batch(self, matrix: Tensor) -> Tensor:
        return matrix.expand(*vars(self)["_batch_shape"], *matrix.shape[-2:])

    @property
    def _half_log_det(self) -> Tensor:
        """Half the logarithm of the determinant of the covariance."""
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


MATRICES = ("covariance_matrix", "precision_matrix", "scale_tril")


def identity_like(matrix: Tensor) -> Tensor:
    """Return an identity matrix of a matrix's size and dtype."""
    return eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def factor_of_precision(precision: Tensor) -> Tensor:
    """Return the Cholesky factor of the inverse: that of the reversed matrix, reversed, is an inverse factor."""
    reverse = cholesky(precision.flip(-2, -1)).flip(-2, -1).mT
    return solve_triangular(reverse, identity_like(precision), upper=False)


FACTORS: dict[str, Any] = {
    "covariance_matrix": cholesky, "precision_matrix": factor_of_precision, "scale_tril": lambda matrix: matrix,
}  # fmt: skip


def mahalanobis(factor: Tensor, difference: Tensor) -> Tensor:
    """Return the squared length of inverse(factor) @ difference."""
    return solve_triangular(factor, difference.unsqueeze(-1), upper=False).square().sum((-2, -1))


class MultivariateNormal(Factored, Distribution):
    """The multivariate normal distribution of vectors, (*, n).

    Args:
        loc: The means, (*, n).
        covariance_matrix: The covariance, (*, n, n). Give one of the three matrices.
        precision_matrix: Its inverse.
        scale_tril: Its Cholesky factor, lower triangular with a positive diagonal; the fastest to work with.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If not exactly one matrix is given, or the means or the matrix have too few dims.

    >>> import minitensor as torch
    >>> torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None, validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ArgumentError("loc must be at least one-dimensional.")
        batch = self._set_matrix(covariance_matrix, precision_matrix, scale_tril, tuple(loc.shape[:-1]))
        self.loc = loc.expand(*batch, -1)
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._factorize()

    def _mean(self) -> Tensor:
        return self.loc

    def _mode(self) -> Tensor:
        return self.loc

    def _variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.square().sum(-1).expand(*self._batch_shape, *self._event_shape)

    def _rsample(self, sample_shape: Size) -> Tensor:
        noise = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + (self._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self._event_shape[0]
        distance = mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (n * math.log(2 * math.pi) + distance) - self._half_log_det

    def _entropy(self) -> Tensor:
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det
        return entropy.expand(self._batch_shape)
