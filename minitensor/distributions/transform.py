"""The base class of transforms, and transforms made of others: inverses, chains, and transforms of whole events.

A transform maps a domain to a codomain. ``log_abs_det_jacobian`` says by how much it stretches volumes. A class defines
``_call`` and ``_inverse``; the base class caches their last result if it is asked to.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.distributions import constraints
from minitensor.distributions.utils import _sum_rightmost
from minitensor.errors import ArgumentError, UnsupportedError
from minitensor.ops.creation import zeros_like
from minitensor.shapes import Size

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Transform:
    """A map between two sets, the base class of all transforms.

    Args:
        cache_size: 1 keeps the last argument and result, so that the inverse of a result is the argument itself.
            Default: ``0``.

    Raises:
        ValueError: If ``cache_size`` is neither 0 nor 1.

    >>> import minitensor as torch
    >>> transform = torch.distributions.transforms.ExpTransform()
    >>> isinstance(transform, torch.distributions.Transform), transform.inv(transform(torch.tensor(2.0)))
    (True, tensor(2.))
    """

    bijective: Any = False
    domain: Any
    codomain: Any

    if TYPE_CHECKING:
        sign: Any
    else:

        @property
        def sign(self) -> Any:
            """Whether the map grows, 1, or falls, -1.

            Raises:
                NotImplementedError: If it does neither.
            """
            raise UnsupportedError(f"{type(self).__name__} neither grows nor falls everywhere")

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ArgumentError(f"cache_size must be 0 or 1, got {cache_size}")
        self._cache_size = cache_size
        self._last: tuple[Any, Any] = (None, None)

    @property
    def event_dim(self) -> int:
        """The number of dims of an event.

        Raises:
            ValueError: If an event has another number of dims after the transform.
        """
        if self.domain.event_dim != self.codomain.event_dim:
            raise ArgumentError(f"{self!r} changes the number of dims of an event; read it from .domain or .codomain")
        return int(self.domain.event_dim)

    @property
    def inv(self) -> Any:
        """The inverse transform."""
        return _InverseTransform(self)

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return a transform that caches, or this one if it does.

        Args:
            cache_size: As for ``Transform``. Default: ``1``.

        Raises:
            NotImplementedError: If a subclass with its own ``__init__`` does not define this method.
        """
        if self._cache_size == cache_size:
            return self
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        raise UnsupportedError(f"{type(self)}.with_cache is not implemented")

    __hash__ = None  # type: ignore[assignment]  # as in PyTorch: equality compares parameters

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, x: Tensor) -> Any:
        """Return the image of ``x``."""
        return self._apply(0, x, self._call)

    def _inv_call(self, y: Tensor) -> Any:
        return self._apply(1, y, self._inverse)

    def _apply(self, place: int, given: Tensor, function: Any) -> Any:
        """Return what a function gives, or the other part of the last pair if the value is that at ``place``."""
        if self._cache_size and self._last[place] is given:
            return self._last[1 - place]
        found = function(given)
        if self._cache_size:
            self._last = (found, given) if place else (given, found)
        return found

    def _call(self, x: Tensor) -> Tensor:
        raise UnsupportedError(f"{type(self).__name__} is not implemented")

    def _inverse(self, y: Tensor) -> Tensor:
        raise UnsupportedError(f"{type(self).__name__} has no inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``log |det dy / dx|`` at ``x`` and its image ``y``.

        Raises:
            NotImplementedError: If the transform is not one to one.
        """
        raise UnsupportedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape of the image of a tensor of ``shape``."""
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape of a tensor whose image has ``shape``."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    """The inverse of a transform."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """What the transform maps to."""
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """What the transform maps from."""
        return self._inv.domain

    @property
    def bijective(self) -> bool:
        """Whether the map is one to one."""
        return bool(self._inv.bijective)

    @property
    def sign(self) -> Any:
        """Whether the map grows or falls."""
        return self._inv.sign

    @property
    def inv(self) -> Any:
        """The transform."""
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the inverse of a transform that caches; arguments as for ``Transform``."""
        return self._inv.with_cache(cache_size).inv

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    def __call__(self, x: Tensor) -> Any:
        """Return what the transform maps to ``x``."""
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``-log |det dx / dy|``."""
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape of the image of a tensor of ``shape``."""
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape of a tensor whose image has ``shape``."""
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inv!r})"


class ComposeTransform(Transform):
    """Several transforms, one after another.

    Args:
        parts: The transforms, the first one first.
        cache_size: As for ``Transform``. Default: ``0``.

    >>> import minitensor as torch
    >>> from minitensor.distributions.transforms import AffineTransform, ComposeTransform, ExpTransform
    >>> ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])(torch.tensor(0.0))
    tensor(3.)
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The domain of the first part, with the dims of events that the later parts need."""
        events = [(part.codomain.event_dim, part.domain.event_dim) for part in self.parts[::-1]]
        return widen(self.parts[0].domain, events) if self.parts else constraints.real

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The codomain of the last part, with the dims of events that the earlier parts need."""
        events = [(part.domain.event_dim, part.codomain.event_dim) for part in self.parts]
        return widen(self.parts[-1].codomain, events) if self.parts else constraints.real

    @property
    def bijective(self) -> bool:
        """Whether all parts are one to one."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of the signs of the parts."""
        return functools.reduce(operator.mul, [part.sign for part in self.parts], 1)

    @property
    def inv(self) -> Any:
        """The inverses of the parts, the last one first."""
        return ComposeTransform([part.inv for part in self.parts[::-1]])

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with parts that cache; arguments as for ``Transform``."""
        return self if self._cache_size == cache_size else ComposeTransform(self.parts, cache_size)

    def __call__(self, x: Tensor) -> Any:
        """Return the image of ``x``."""
        for part in self.parts:
            x = part(x)
        return x

    def _inv_call(self, y: Tensor) -> Any:
        return self.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the parts' logarithms."""
        if not self.parts:
            return zeros_like(x)
        points = [x]
        for part in self.parts[:-1]:
            points.append(part(points[-1]))
        points.append(y)
        events, terms = self.domain.event_dim, []
        for part, before, after in zip(self.parts, points, points[1:]):
            terms.append(_sum_rightmost(part.log_abs_det_jacobian(before, after), events - part.domain.event_dim))
            events += part.codomain.event_dim - part.domain.event_dim
        return functools.reduce(operator.add, terms)

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape of the image of a tensor of ``shape``."""
        return functools.reduce(lambda size, part: part.forward_shape(size), self.parts, shape)

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape of a tensor whose image has ``shape``."""
        return functools.reduce(lambda size, part: part.inverse_shape(size), self.parts[::-1], shape)

    def __repr__(self) -> str:
        inner = ",\n    ".join(map(repr, self.parts))
        return f"{type(self).__name__}(\n    {inner}\n)"


def widen(constraint: Any, events: list[tuple[int, int]]) -> Any:
    """Return a constraint on events of as many dims as a chain needs, given the dims before and after each part."""
    needed = events[0][0]
    for before, after in events:
        needed = max(needed + after - before, after)
    more = needed - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A transform of events: the last dims of its batch count as part of an event.

    Args:
        base_transform: The transform.
        reinterpreted_batch_ndims: The number of dims.
        cache_size: As for ``Transform``. Default: ``0``.

    Raises:
        ValueError: In a call, if a tensor has fewer dims than an event.

    >>> import minitensor as torch
    >>> from minitensor.distributions.transforms import ExpTransform, IndependentTransform
    >>> IndependentTransform(ExpTransform(), 1).log_abs_det_jacobian(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        if self._cache_size == cache_size:
            return self
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The domain, of events with more dims."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The codomain, of events with more dims."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:
        """Whether the map is one to one."""
        return bool(self.base_transform.bijective)

    @property
    def sign(self) -> Any:
        """Whether the map grows or falls."""
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        require_dims(x.shape, self.domain.event_dim)
        image: Tensor = self.base_transform(x)
        return image

    def _inverse(self, y: Tensor) -> Tensor:
        require_dims(y.shape, self.codomain.event_dim)
        source: Tensor = self.base_transform.inv(y)
        return source

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the logarithms over an event."""
        return _sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Any) -> Any:
        """Return the shape of the image of a tensor of ``shape``."""
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        """Return the shape of a tensor whose image has ``shape``."""
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


def require_dims(shape: Sequence[int], count: int) -> None:
    """Raise if a shape has fewer dims than an event."""
    if len(shape) < count:
        raise ArgumentError(f"Too few dimensions on input: expected at least {count}, got shape {tuple(shape)}")


class ReshapeTransform(Transform):
    """Events in another shape.

    Args:
        in_shape: The shape of an event.
        out_shape: The shape of its image.
        cache_size: As for ``Transform``. Default: ``0``.

    Raises:
        ValueError: If the shapes have different numbers of elements.

    >>> import minitensor as torch
    >>> torch.distributions.transforms.ReshapeTransform((4,), (2, 2))(torch.zeros(3, 4)).shape
    torch.Size([3, 2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ArgumentError(f"in_shape, out_shape have different numbers of elements: {in_shape}, {out_shape}")
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Real tensors of the first shape."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Real tensors of the second shape."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def with_cache(self, cache_size: int = 1) -> Any:
        """Return the same with a cache; arguments as for ``Transform``."""
        return self if self._cache_size == cache_size else ReshapeTransform(self.in_shape, self.out_shape, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape((*x.shape[: x.ndim - len(self.in_shape)], *self.out_shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape((*y.shape[: y.ndim - len(self.out_shape)], *self.in_shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return zero for each event: volumes do not change."""
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        """Return ``shape`` with the second shape of events.

        Raises:
            ValueError: If it does not end with the first one.
        """
        return replace_end(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        """Return ``shape`` with the first shape of events.

        Raises:
            ValueError: If it does not end with the second one.
        """
        return replace_end(shape, self.out_shape, self.in_shape)


def replace_end(shape: Any, old: Size, new: Size) -> Size:
    """Return a shape with another end; raise if it does not end as expected."""
    require_dims(shape, len(old))
    cut = len(shape) - len(old)
    if tuple(shape[cut:]) != tuple(old):
        raise ArgumentError(f"Shape mismatch: expected {tuple(shape[cut:])} but got {tuple(old)}")
    return Size((*shape[:cut], *new))
