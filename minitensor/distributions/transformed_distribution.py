"""Distributions of transformed draws."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.distribution import Distribution
from minitensor.distributions.independent import Independent
from minitensor.distributions.transforms import ComposeTransform, Transform
from minitensor.distributions.utils import _sum_rightmost
from minitensor.errors import ArgumentError

if TYPE_CHECKING:
    from minitensor.shapes import Size
    from minitensor.tensor import Tensor


class TransformedDistribution(Distribution):
    """The distribution of a draw after one transform or several.

    Args:
        base_distribution: The distribution of the draw.
        transforms: A transform, or a list of them, the first one first.
        validate_args: As for ``Distribution``. Default: ``None``.

    Raises:
        ValueError: If ``transforms`` are none, or the draws have fewer dims than the transforms need.

    >>> import minitensor as torch
    >>> from minitensor.distributions import Normal, TransformedDistribution, transforms
    >>> TransformedDistribution(Normal(0.0, 1.0), transforms.ExpTransform()).cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints: dict[str, constraints.Constraint] = {}  # never written to
    _checks_cdf = False

    def __init__(
        self, base_distribution: Distribution, transforms: Transform | list[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = read_transforms(transforms)
        chain = ComposeTransform(self.transforms)
        inner, outer = chain.domain.event_dim, chain.codomain.event_dim
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        own = len(base_distribution.event_shape)
        if len(shape) < inner:
            raise ArgumentError(f"base_distribution needs at least {inner} dims for the transforms, got shape {shape}")
        image = chain.forward_shape(shape)
        needed = tuple(chain.inverse_shape(image))
        if needed != shape:
            base_distribution = base_distribution.expand(needed[: len(needed) - own])
        self.base_dist = Independent(base_distribution, inner - own) if inner > own else base_distribution
        cut = len(image) - max(outer, own + outer - inner)
        super().__init__(image[:cut], image[cut:], validate_args=validate_args)

    def _expand_part(self, name: str, value: Any, batch: Size) -> Any:
        if name != "base_dist":
            return super()._expand_part(name, value, batch)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch, *self._event_shape))
        return value.expand(shape[: len(shape) - len(value.event_shape)])

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        """What the transforms map the support of the draw to."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]  # read only
        """Whether draws are differentiable."""
        return self.base_dist.has_rsample

    def _sample(self, sample_shape: Size) -> Tensor:
        return self._transform(self.base_dist.sample(sample_shape))

    def _rsample(self, sample_shape: Size) -> Tensor:
        return self._transform(self.base_dist.rsample(sample_shape))

    def _transform(self, x: Tensor) -> Tensor:
        for each in self.transforms:
            x = each(x)
        return x

    def _invert(self, y: Tensor) -> Tensor:
        for each in self.transforms[::-1]:
            y = each.inv(y)
        return y

    def _log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density of the draw, less that by which the transforms stretch."""
        events, stretch, y = len(self._event_shape), [], value
        for each in self.transforms[::-1]:
            x = each.inv(y)
            events += each.domain.event_dim - each.codomain.event_dim
            stretch.append(_sum_rightmost(each.log_abs_det_jacobian(x, y), events - each.domain.event_dim))
            y = x
        log_prob = _sum_rightmost(self.base_dist.log_prob(y), events - len(self.base_dist.event_shape))
        return functools.reduce(operator.sub, stretch, log_prob)

    def _orient(self, level: Tensor) -> Tensor:
        """Return 1 - p in place of p where the transforms fall."""
        sign: Any = functools.reduce(operator.mul, [each.sign for each in self.transforms], 1)
        return level if isinstance(sign, int) and sign == 1 else sign * (level - 0.5) + 0.5

    def _cdf(self, value: Tensor) -> Tensor:
        x = self._invert(value)
        if self._validate_args:
            self.base_dist._validate_sample(x)
        return self._orient(self.base_dist.cdf(x))

    def _icdf(self, value: Tensor) -> Tensor:
        return self._transform(self.base_dist.icdf(self._orient(value)))


def read_transforms(given: Any) -> list[Transform]:
    """Return transforms as a list; raise if they are none."""
    if isinstance(given, Transform):
        return [given]
    if not isinstance(given, list) or not all(isinstance(each, Transform) for each in given):
        raise ArgumentError(f"transforms must be a Transform or a list of Transforms, got {given!r}")
    return given
