"""Transforms of the parts of a tensor along a dim: one transform for each part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.transform import Transform
from minitensor.distributions.utils import _sum_rightmost
from minitensor.errors import GuardError
from minitensor.ops.join import cat, stack

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Joint(Transform):
    """Transforms of the parts of a tensor along a dim."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        if not all(isinstance(each, Transform) for each in tseq):
            raise GuardError(f"expected transforms, got {tseq!r}")
        super().__init__(cache_size=cache_size)
        self.transforms = [each.with_cache(cache_size) for each in tseq] if cache_size else list(tseq)
        self.dim = dim

    @property
    def bijective(self) -> bool:
        """Whether all transforms are one to one."""
        return all(each.bijective for each in self.transforms)

    def _require_size(self, value: Tensor, size: int) -> None:
        if not -value.ndim <= self.dim < value.ndim or value.shape[self.dim] != size:
            raise GuardError(f"expected size {size} in dim {self.dim}, got shape {tuple(value.shape)}")


class CatTransform(Joint):
    """Transform the parts of a tensor along ``dim``, one by each transform of ``tseq``, and join the results.

    Args:
        tseq: The transforms.
        dim: The dim. Default: ``0``.
        lengths: The sizes of the parts; 1 for each if None. Default: ``None``.
        cache_size: As for ``Transform``. Default: ``0``.

    Raises:
        AssertionError: If there are not as many lengths as transforms, or a transform is none.

    >>> import minitensor as torch
    >>> from minitensor.distributions.transforms import CatTransform, ExpTransform, identity_transform
    >>> CatTransform([ExpTransform(), identity_transform], lengths=[1, 2])(torch.zeros(3))
    tensor([1., 0., 0.])
    """

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise GuardError(f"expected {len(self.transforms)} lengths, one of each transform, got {self.lengths}")

    @property
    def event_dim(self) -> int:
        """The largest number of dims of an event."""
        return max(each.event_dim for each in self.transforms)

    @property
    def length(self) -> int:
        """The sum of the lengths."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _split(self, value: Tensor) -> list[Tensor]:
        self._require_size(value, self.length)
        return list(value.split(self.lengths, self.dim))

    def _call(self, x: Tensor) -> Tensor:
        return cat([each(part) for each, part in zip(self.transforms, self._split(x))], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return cat([each.inv(part) for each, part in zip(self.transforms, self._split(y))], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithms of the parts: joined, or summed if the dim is part of an event."""
        terms = [
            _sum_rightmost(each.log_abs_det_jacobian(before, after), self.event_dim - each.event_dim)
            for each, before, after in zip(self.transforms, self._split(x), self._split(y))
        ]
        dim = self.dim - (x.ndim if self.dim >= 0 else 0) + self.event_dim
        if dim < 0:
            return cat(terms, dim)
        total: Any = sum(terms)
        return total  # type: ignore[no-any-return]  # not the 0 of an empty sum

    @constraints.dependent_property
    def domain(self) -> Any:
        """The domains of the parts."""
        return constraints.cat([each.domain for each in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """The codomains of the parts."""
        return constraints.cat([each.codomain for each in self.transforms], self.dim, self.lengths)


class StackTransform(Joint):
    """Transform the slices of a tensor along ``dim``, one by each transform of ``tseq``, and stack the results.

    Args:
        tseq: The transforms.
        dim: The dim. Default: ``0``.
        cache_size: As for ``Transform``. Default: ``0``.

    Raises:
        AssertionError: If a transform is none.

    >>> import minitensor as torch
    >>> from minitensor.distributions.transforms import ExpTransform, StackTransform, identity_transform
    >>> StackTransform([ExpTransform(), identity_transform])(torch.zeros(2))
    tensor([1., 0.])
    """

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _split(self, value: Tensor) -> list[Tensor]:
        self._require_size(value, len(self.transforms))
        return list(value.unbind(self.dim))

    def _call(self, x: Tensor) -> Tensor:
        return stack([each(part) for each, part in zip(self.transforms, self._split(x))], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return stack([each.inv(part) for each, part in zip(self.transforms, self._split(y))], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithms of the slices, stacked."""
        parts = zip(self.transforms, self._split(x), self._split(y))
        return stack([each.log_abs_det_jacobian(before, after) for each, before, after in parts], self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:
        """The domains of the slices."""
        return constraints.stack([each.domain for each in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """The codomains of the slices."""
        return constraints.stack([each.codomain for each in self.transforms], self.dim)
