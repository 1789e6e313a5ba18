"""From constraints to transforms of unconstrained numbers: ``biject_to``, one to one, and ``transform_to``.

``transform_to`` may use more numbers than needed, and is then easier to optimize. Two tables say which transform
belongs to a class of constraints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitensor.distributions import constraints, transforms
from minitensor.errors import ArgumentTypeError, UnsupportedError

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

Factory = Callable[[Any], transforms.Transform]


class ConstraintRegistry:
    """A table from classes of constraints to functions that make a transform for a constraint.

    A call looks up the class of the argument, not its base classes.

    >>> import minitensor as torch
    >>> from minitensor.distributions import constraint_registry, constraints, transforms
    >>> registry = constraint_registry.ConstraintRegistry()
    >>> _ = registry.register(constraints.real, lambda constraint: transforms.ExpTransform())
    >>> registry(constraints.real)
    ExpTransform()
    """

    def __init__(self) -> None:
        self._registry: dict[type, Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Enter a function for a class of constraints; a decorator if ``factory`` is not given.

        Args:
            constraint: The class, or one of its instances.
            factory: The function: it takes a constraint and returns a transform. Default: ``None``.

        Raises:
            TypeError: If ``constraint`` is neither a constraint nor a class of them.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, constraints.Constraint)):
            raise ArgumentTypeError(f"expected a Constraint or a subclass of it, got {constraint!r}")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> transforms.Transform:
        """Return the transform of unconstrained numbers to those that satisfy a constraint."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise UnsupportedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


def transform_for_real(constraint: Any) -> transforms.Transform:
    """Return the identity."""
    return transforms.identity_transform


def transform_above(constraint: Any) -> transforms.Transform:
    """Return y = bound + exp(x)."""
    shift = transforms.AffineTransform(constraint.lower_bound, 1)
    return transforms.ComposeTransform([transforms.ExpTransform(), shift])


def transform_below(constraint: Any) -> transforms.Transform:
    """Return y = bound - exp(x)."""
    shift = transforms.AffineTransform(constraint.upper_bound, -1)
    return transforms.ComposeTransform([transforms.ExpTransform(), shift])


def transform_for_interval(constraint: Any) -> transforms.Transform:
    """Return y = lower + (upper - lower) sigmoid(x)."""
    lower, upper = constraint.lower_bound, constraint.upper_bound
    if all(isinstance(each, (bool, int, float)) for each in (lower, upper)) and (lower, upper) == (0, 1):
        return transforms.SigmoidTransform()
    affine = transforms.AffineTransform(lower, upper - lower)
    return transforms.ComposeTransform([transforms.SigmoidTransform(), affine])


def make_registry(own: dict[Any, Factory]) -> ConstraintRegistry:
    """Return a registry with the entries that both tables have, and those of one of them."""
    registry = ConstraintRegistry()

    def transform_for_events(constraint: Any) -> transforms.Transform:
        base = registry(constraint.base_constraint)
        return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)

    def transform_for_parts(constraint: Any) -> transforms.Transform:
        parts = [registry(each) for each in constraint.cseq]
        return transforms.CatTransform(parts, constraint.dim, constraint.lengths)

    def transform_for_slices(constraint: Any) -> transforms.Transform:
        return transforms.StackTransform([registry(each) for each in constraint.cseq], constraint.dim)

    entries: dict[Any, Factory] = {
        type(constraints.real): transform_for_real,
        constraints.independent: transform_for_events,
        constraints.greater_than: transform_above,
        constraints.greater_than_eq: transform_above,
        constraints.less_than: transform_below,
        constraints.interval: transform_for_interval,
        constraints.half_open_interval: transform_for_interval,
        type(constraints.corr_cholesky): lambda constraint: transforms.CorrCholeskyTransform(),
        constraints.cat: transform_for_parts,
        constraints.stack: transform_for_slices,
    }
    for kind, factory in {**entries, **own}.items():
        registry.register(kind, factory)
    return registry


biject_to = make_registry({
    type(constraints.simplex): lambda constraint: transforms.StickBreakingTransform(),
})
transform_to = make_registry({
    type(constraints.simplex): lambda constraint: transforms.SoftmaxTransform(),
    type(constraints.lower_cholesky): lambda constraint: transforms.LowerCholeskyTransform(),
    type(constraints.positive_definite): lambda constraint: transforms.PositiveDefiniteTransform(),
    type(constraints.positive_semidefinite): lambda constraint: transforms.PositiveDefiniteTransform(),
})
