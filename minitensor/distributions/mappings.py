"""Transforms of numbers, vectors and matrices by a formula."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.transform import Transform, require_dims
from minitensor.distributions.utils import broadcast_all, tril_matrix_to_vec, vec_to_tril_matrix
from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError
from minitensor.linalg import cholesky
from minitensor.nn.functional import logsigmoid, pad, softplus
from minitensor.ops.creation import eye, full_like
from minitensor.shapes import Size, broadcast_shapes

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Plain(Transform):
    """A transform without parameters: all of one class are equal."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self))


class Growing(Plain):
    """A growing transform of real numbers, without parameters."""

    domain = constraints.real
    codomain: Any = constraints.positive
    bijective = True
    sign = 1


class ExpTransform(Growing):
    """The transform y = exp(x); arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.ExpTransform()(torch.tensor(0.0))
    tensor(1.)
    """

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``x``."""
        return x


class SoftplusTransform(Growing):
    """The transform y = log(1 + exp(x)); arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.SoftplusTransform()(torch.tensor(0.0))
    tensor(0.6931)
    """

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log sigmoid(x)``."""
        return -softplus(-x)


class SigmoidTransform(Growing):
    """The transform y = 1 / (1 + exp(-x)), kept inside (0, 1); arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.SigmoidTransform()(torch.tensor(0.0))
    tensor(0.5000)
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return keep_inside(x.sigmoid())

    def _inverse(self, y: Tensor) -> Tensor:
        y = keep_inside(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log(y (1 - y))``, as a function of ``x``."""
        return -softplus(-x) - softplus(x)


def keep_inside(y: Tensor) -> Tensor:
    """Clamp numbers into the open unit interval."""
    limits = finfo(y.dtype)
    return y.clamp(min=limits.tiny, max=1.0 - limits.eps)


class TanhTransform(Growing):
    """The transform y = tanh(x); arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.TanhTransform()(torch.tensor(0.0))
    tensor(0.)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log(1 - y ** 2)``, as a function of ``x``."""
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Plain):
    """The transform y = abs(x), which is not one to one; the inverse gives y. Arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.AbsTransform()(torch.tensor(-2.0))
    tensor(2.)
    """

    domain = constraints.real
    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """The transform y = x ** ``exponent``, for positive x.

    Args:
        exponent: The exponent, a tensor or a number.
        cache_size: As for ``Transform``. Default: ``0``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.PowerTransform(2.0)(torch.tensor(3.0))
    tensor(9.)
    """

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Tensor | float, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        return self if self._cache_size == cache_size else PowerTransform(self.exponent, cache_size)

    @property
    def sign(self) -> Any:
        """The sign of the exponent."""
        return self.exponent.sign()

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log |exponent * y / x|``."""
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Any) -> Any:
        """Return ``shape``, broadcast with that of the exponent."""
        return Size(broadcast_shapes(tuple(shape), tuple(self.exponent.shape)))

    def inverse_shape(self, shape: Any) -> Any:
        """Return ``shape``, broadcast with that of the exponent."""
        return self.forward_shape(shape)


class AffineTransform(Transform):
    """The transform y = ``loc`` + ``scale`` x.

    Args:
        loc: The shift, a tensor or a number.
        scale: The factor, a tensor or a number.
        event_dim: The number of dims of an event. Default: ``0``.
        cache_size: As for ``Transform``. Default: ``0``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.AffineTransform(1.0, 2.0)(torch.tensor(3.0))
    tensor(7.)
    """

    bijective = True

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, event_dim: int = 0, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size=cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        """The number of dims of an event."""
        return self._event_dim

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Real events."""
        return constraints.independent(constraints.real, self._event_dim) if self._event_dim else constraints.real

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """Real events."""
        return self.domain

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        if self._cache_size == cache_size:
            return self
        return AffineTransform(self.loc, self.scale, self._event_dim, cache_size)

    @property
    def sign(self) -> Any:
        """The sign of the factor."""
        if isinstance(self.scale, (bool, int, float)):
            return (self.scale > 0) - (self.scale < 0)
        return self.scale.sign()

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        return all_equal(self.loc, other.loc) and all_equal(self.scale, other.scale)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log |scale|``, summed over an event."""
        if isinstance(self.scale, (bool, int, float)):
            logarithm = full_like(x, math.log(abs(self.scale)))
        else:
            logarithm = self.scale.abs().log()
        if not self._event_dim:
            return logarithm.expand(x.shape)
        cut = logarithm.ndim - self._event_dim
        return logarithm.reshape(*logarithm.shape[:cut], -1).sum(-1).expand(x.shape[: x.ndim - self._event_dim])

    def forward_shape(self, shape: Any) -> Any:
        """Return ``shape``, broadcast with those of the shift and the factor."""
        own = [tuple(getattr(each, "shape", ())) for each in (self.loc, self.scale)]
        return Size(broadcast_shapes(tuple(shape), *own))

    def inverse_shape(self, shape: Any) -> Any:
        """Return ``shape``, broadcast with those of the shift and the factor."""
        return self.forward_shape(shape)


def all_equal(a: Any, b: Any) -> bool:
    """Return whether two tensors or numbers are equal."""
    equal = a == b
    return equal if isinstance(equal, bool) else bool(equal.all())


# -- vectors -----------------------------------------------------------------------------------------------------------


class SoftmaxTransform(Plain):
    """The transform y = softmax(x) along the last dim, which is not one to one; the inverse gives log y.

    Arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.SoftmaxTransform()(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        weights = (x - x.max(-1, True)[0]).exp()
        image: Tensor = weights / weights.sum(-1, True)
        return image

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        """Return ``shape``, which has a dim.

        Raises:
            ValueError: If it has none.
        """
        require_dims(shape, 1)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """Return ``shape``, which has a dim.

        Raises:
            ValueError: If it has none.
        """
        return self.forward_shape(shape)


class StickBreakingTransform(Plain):
    """Break a stick n times, each time at a sigmoid of x: (*, n) gives the n + 1 lengths, (*, n + 1).

    Arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.StickBreakingTransform()(torch.zeros(2))
    tensor([0.3333, 0.3333, 0.3333])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        share = keep_inside((x - count_down(x).log()).sigmoid())
        rest = (1 - share).cumprod(-1)
        return pad(share, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        broken = y[..., :-1]
        rest = (1 - broken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return broken.log() - rest.log() + count_down(broken).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of ``log(y (1 - share))``."""
        x = x - count_down(x).log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        """Return ``shape`` with one more element.

        Raises:
            ValueError: If it has no dim.
        """
        require_dims(shape, 1)
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        """Return ``shape`` with one element less.

        Raises:
            ValueError: If it has no dim.
        """
        require_dims(shape, 1)
        return Size((*shape[:-1], shape[-1] - 1))


def count_down(x: Tensor) -> Tensor:
    """Return n, n - 1, ..., 1 for vectors of n elements."""
    n = x.shape[-1]
    return n + 1 - x.new_ones(n).cumsum(-1)


# -- matrices ----------------------------------------------------------------------------------------------------------


class CorrCholeskyTransform(Transform):
    """Vectors of n (n - 1) / 2 numbers to Cholesky factors of correlation matrices, (*, n, n).

    The hyperbolic tangents of the numbers are canonical partial correlations, row by row (Lewandowski, Kurowicka and
    Joe, "Generating random correlation matrices based on vines and extended onion method", 2009).

    Arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.CorrCholeskyTransform()(torch.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        rest = (1 - partial.square()).sqrt().cumprod(-1)
        partial = partial + eye(partial.shape[-1], dtype=partial.dtype, device=partial.device)
        return partial * pad(rest[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        rest = pad((1 - y.square().cumsum(-1))[..., :-1], [1, 0], value=1)
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(rest, diag=-1).sqrt()
        return (partial.log1p() - partial.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithm of what is left of each row, and that of ``1 - tanh(x) ** 2``."""
        rest = tril_matrix_to_vec(1 - y.square().cumsum(-1), diag=-2)
        return 0.5 * rest.log().sum(-1) - 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        """Return ``shape`` with matrices in place of vectors.

        Raises:
            ValueError: If no matrix has as many elements below its diagonal.
        """
        require_dims(shape, 1)
        count = shape[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ArgumentError(f"no square matrix has {count} elements below its diagonal")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Any) -> Any:
        """Return ``shape`` with vectors in place of matrices.

        Raises:
            ValueError: If the matrices are not square.
        """
        require_dims(shape, 2)
        if shape[-2] != shape[-1]:
            raise ArgumentError(f"expected square matrices, got shape {tuple(shape)}")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class LowerCholeskyTransform(Plain):
    """The lower triangle of matrices, with the exponential of their diagonal. Arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.LowerCholeskyTransform()(torch.zeros(1, 1))
    tensor([[1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Plain):
    """The product of a ``LowerCholeskyTransform`` and its transpose. Arguments as for ``Transform``.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.PositiveDefiniteTransform()(torch.zeros(1, 1))
    tensor([[1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        product: Tensor = factor @ factor.mT
        return product

    def _inverse(self, y: Tensor) -> Tensor:
        source: Tensor = LowerCholeskyTransform().inv(cholesky(y))
        return source


# -- distributions -----------------------------------------------------------------------------------------------------


class CumulativeDistributionTransform(Transform):
    """The transform y = cdf(x) of a ``distribution``.

    Args:
        distribution: The distribution; its support is the domain.
        cache_size: As for ``Transform``. Default: ``0``.

    >>> import minitensor as torch
    >>> from minitensor.distributions.transforms import CumulativeDistributionTransform
    >>> CumulativeDistributionTransform(torch.distributions.Normal(0.0, 1.0))(torch.tensor(0.0))
    tensor(0.5000)
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """The support of the distribution."""
        return self.distribution.support

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        image: Tensor = self.distribution.cdf(x)
        return image

    def _inverse(self, y: Tensor) -> Tensor:
        source: Tensor = self.distribution.icdf(y)
        return source

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithm of the density at ``x``."""
        logarithm: Tensor = self.distribution.log_prob(x)
        return logarithm
