"""Constraints: the values that a parameter may take or that a distribution may draw.

A constraint has ``check``, which returns whether each event is valid, and two attributes: ``is_discrete``, and
``event_dim``, the number of dims of an event. The file knows no distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import bool_, finfo
from minitensor.errors import ArgumentError, GuardError, UnsupportedError
from minitensor.linalg import cholesky_ex, eigvalsh
from minitensor.ops.compare import isclose
from minitensor.ops.creation import full
from minitensor.ops.join import cat as join
from minitensor.ops.join import stack as pile

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval",
    "is_dependent", "less_than", "lower_cholesky", "lower_triangular", "multinomial", "nonnegative",
    "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer", "positive_semidefinite",
    "real", "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of valid values, the base class of all constraints.

    Attributes:
        is_discrete: Whether the values are discrete.
        event_dim: The number of dims of an event, over which ``check`` reduces.

    >>> from minitensor.distributions.constraints import Constraint, positive
    >>> isinstance(positive, Constraint)
    True
    """

    is_discrete: bool = False
    event_dim: int = 0

    def check(self, value: Tensor) -> Tensor:
        """Return whether each event in ``value`` is valid.

        Raises:
            NotImplementedError: If the class does not define it.
        """
        raise UnsupportedError(f"{type(self).__name__} does not implement check")

    def __repr__(self) -> str:
        bounds = [f"{name}={vars(self)[name]}" for name in ("lower_bound", "upper_bound") if name in vars(self)]
        return f"{type(self).__name__}({', '.join(bounds)})"


# -- constraints that depend on other parameters -----------------------------------------------------------------------


class Dependent(Constraint):
    """A constraint that depends on other parameters, and cannot be checked without them."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]  # read only
        """Whether the values are discrete, if that does not depend on parameters."""
        is_discrete: bool = self._require("is_discrete", self._is_discrete)
        return is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]  # read only
        """The number of dims of an event, if that does not depend on parameters."""
        event_dim: int = self._require("event_dim", self._event_dim)
        return event_dim

    def _require(self, name: str, value: Any) -> Any:
        if value is NotImplemented:
            raise UnsupportedError(f".{name} depends on parameters; read it from an instance of the distribution")
        return value

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> Dependent:
        """Return the same with attributes."""
        return Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        """Raise: the parameters are not known."""
        raise ArgumentError("cannot check a constraint that depends on parameters; use that of an instance")


class dependent_property(property, Dependent):  # noqa: N801  # a decorator
    """Make a method a property that, read from the class, is a constraint of its own.

    Args:
        fn: The method.
        is_discrete: Whether the values are discrete. Unknown by default.
        event_dim: The number of dims of an event. Unknown by default.

    >>> from minitensor.distributions.constraints import dependent_property, interval
    >>> class Uniform:
    ...     high = 2.0
    ...     @dependent_property(is_discrete=False, event_dim=0)
    ...     def support(self):
    ...         return interval(0.0, self.high)
    >>> Uniform().support, Uniform.support.event_dim
    (Interval(lower_bound=0.0, upper_bound=2.0), 0)
    """

    def __init__(
        self, fn: Callable[..., Any] | None = None, *, is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ) -> None:
        property.__init__(self, fn)
        Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Callable[..., Any]) -> Any:  # type: ignore[override]  # as a decorator with arguments
        """Return the property of a method."""
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint: Any) -> bool:
    """Return whether a ``constraint`` depends on other parameters.

    >>> from minitensor.distributions import constraints
    >>> constraints.is_dependent(constraints.dependent), constraints.is_dependent(constraints.real)
    (True, False)
    """
    return isinstance(constraint, Dependent)


# -- constraints made of others ----------------------------------------------------------------------------------------


def require_constraint(value: Any) -> Constraint:
    """Return a constraint; raise if it is none."""
    if not isinstance(value, Constraint):
        raise GuardError(f"expected a Constraint, got {type(value).__name__}")
    return value


class Wrapper(Constraint):
    """A constraint on events of another constraint."""

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = require_constraint(base_constraint)

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]  # read only
        """Whether the values are discrete."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]  # read only
        """The number of dims of an event."""
        return self.base_constraint.event_dim


class IndependentConstraint(Wrapper):
    """Require that all entries along the last ``reinterpreted_batch_ndims`` dims satisfy ``base_constraint``.

    Raises:
        AssertionError: If the number of dims is negative or not an int, or the base not a constraint.

    >>> import minitensor as torch
    >>> from minitensor.distributions import constraints
    >>> constraints.independent(constraints.positive, 1).check(torch.tensor([[1.0, 2.0], [1.0, -2.0]]))
    tensor([ True, False])
    """

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        super().__init__(base_constraint)
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise GuardError(f"expected a number of dims, got reinterpreted_batch_ndims={reinterpreted_batch_ndims!r}")
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def event_dim(self) -> int:  # type: ignore[override]  # read only
        """The number of dims of an event."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        """Return whether all entries of each event are valid.

        Raises:
            ValueError: If ``value`` has fewer dims than an event.
        """
        valid = self.base_constraint.check(value)
        if valid.ndim < self.reinterpreted_batch_ndims:
            raise ArgumentError(f"expected a value of at least {self.event_dim} dims, got {value.ndim}")
        return valid.reshape(*valid.shape[: valid.ndim - self.reinterpreted_batch_ndims], -1).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Wrapper):
    """Require that a value satisfies the constraint of every component, ``base_constraint``, of a mixture.

    Raises:
        AssertionError: If ``base_constraint`` is no constraint.

    >>> import minitensor as torch
    >>> from minitensor.distributions.constraints import MixtureSameFamilyConstraint, positive
    >>> MixtureSameFamilyConstraint(positive).check(torch.tensor([1.0, -1.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        """Return whether each event is valid in all components.

        Raises:
            ValueError: If ``value`` has fewer dims than an event.
        """
        if value.ndim < self.event_dim:
            raise ArgumentError(f"expected a value of at least {self.event_dim} dims, got {value.ndim}")
        valid = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return valid.reshape(*valid.shape[: value.ndim - self.event_dim], -1).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r})"


class Parts(Constraint):
    """Constraints of the parts of a tensor along a dim."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq, self.dim = [require_constraint(each) for each in cseq], dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]  # read only
        """Whether the values of a part are discrete."""
        return any(each.is_discrete for each in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]  # read only
        """The largest number of dims of an event."""
        return max(each.event_dim for each in self.cseq)

    def _require_dim(self, value: Tensor) -> None:
        if not -value.ndim <= self.dim < value.ndim:
            raise GuardError(f"dim {self.dim} is out of range for a value of {value.ndim} dims")


class Cat(Parts):
    """Require that parts along ``dim``, of sizes ``lengths``, satisfy one constraint of ``cseq`` each.

    Raises:
        AssertionError: If there are not as many lengths as constraints, or a constraint is none.

    >>> import minitensor as torch
    >>> from minitensor.distributions import constraints
    >>> constraints.cat([constraints.positive, constraints.real], lengths=[1, 2]).check(torch.tensor([-1., -1., 1.]))
    tensor([False,  True,  True])
    """

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise GuardError(f"expected {len(self.cseq)} lengths, one of each constraint, got {self.lengths}")

    def check(self, value: Tensor) -> Tensor:
        """Return whether the events of all parts are valid.

        Raises:
            AssertionError: If ``value`` lacks the dim.
        """
        self._require_dim(value)
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        parts = [value.narrow(self.dim, start, length) for start, length in zip(starts, self.lengths)]
        return join([each.check(part) for each, part in zip(self.cseq, parts)], self.dim)


class Stack(Parts):
    """Require that the slices along ``dim`` satisfy one constraint of ``cseq`` each.

    Raises:
        AssertionError: If a constraint is none.

    >>> import minitensor as torch
    >>> from minitensor.distributions import constraints
    >>> constraints.stack([constraints.positive, constraints.real]).check(torch.tensor([-1.0, -1.0]))
    tensor([False,  True])
    """

    @property
    def event_dim(self) -> int:  # type: ignore[override]  # read only
        """The largest number of dims of an event; one more if the slices lie within it."""
        largest = max(each.event_dim for each in self.cseq)
        return largest + 1 if self.dim + largest < 0 else largest

    def check(self, value: Tensor) -> Tensor:
        """Return whether the events of all slices are valid.

        Raises:
            AssertionError: If ``value`` lacks the dim.
        """
        self._require_dim(value)
        return pile([each.check(part) for each, part in zip(self.cseq, value.unbind(self.dim))], self.dim)


# -- numbers -----------------------------------------------------------------------------------------------------------


class Real(Constraint):
    """Every number but NaN."""

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is not NaN."""
        valid: Tensor = value == value  # False for NaN
        return valid


class Boolean(Constraint):
    """Zero and one."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is 0 or 1."""
        valid: Tensor = (value == 0) | (value == 1)
        return valid


class GreaterThan(Constraint):
    """Require numbers greater than ``lower_bound``.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.greater_than(1.0).check(torch.tensor([1.0, 2.0]))
    tensor([False,  True])
    """

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is greater than the bound."""
        valid: Tensor = value > self.lower_bound
        return valid


class GreaterThanEq(Constraint):
    """Require numbers of at least ``lower_bound``.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.greater_than_eq(1.0).check(torch.tensor([1.0, 0.0]))
    tensor([ True, False])
    """

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is at least the bound."""
        valid: Tensor = value >= self.lower_bound
        return valid


class LessThan(Constraint):
    """Require numbers less than ``upper_bound``.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.less_than(1.0).check(torch.tensor([1.0, 0.0]))
    tensor([False,  True])
    """

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is less than the bound."""
        valid: Tensor = value < self.upper_bound
        return valid


class Interval(Constraint):
    """Require numbers from ``lower_bound`` to ``upper_bound``, both included.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.interval(0.0, 1.0).check(torch.tensor([1.0, 1.5]))
    tensor([ True, False])
    """

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number lies between the bounds."""
        valid: Tensor = (value >= self.lower_bound) & (value <= self.upper_bound)
        return valid


class HalfOpenInterval(Interval):
    """Require numbers from ``lower_bound`` on, and less than ``upper_bound``.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.half_open_interval(0.0, 1.0).check(torch.tensor([0.0, 1.0]))
    tensor([ True, False])
    """

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number in ``value`` lies between the bounds, and below the upper one."""
        valid: Tensor = (value >= self.lower_bound) & (value < self.upper_bound)
        return valid


class IntegerInterval(Interval):
    """Require whole numbers from ``lower_bound`` to ``upper_bound``, both included.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.integer_interval(0, 2).check(torch.tensor([2.0, 1.5]))
    tensor([ True, False])
    """

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number in ``value`` is whole and lies between the bounds."""
        valid: Tensor = (value % 1 == 0) & super().check(value)
        return valid


class IntegerGreaterThan(GreaterThanEq):
    """Whole numbers of at least ``lower_bound``."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is whole and at least the bound."""
        valid: Tensor = (value % 1 == 0) & super().check(value)
        return valid


# -- vectors -----------------------------------------------------------------------------------------------------------


class OneHot(Constraint):
    """Vectors of zeros and a single one."""

    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        """Return whether each vector has a single one, and else zeros."""
        return boolean.check(value).all(-1) & value.sum(-1).eq(1)


class Simplex(Constraint):
    """Vectors of nonnegative numbers that sum to one."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        """Return whether the numbers of each vector are nonnegative and sum to one, up to 1e-6."""
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class Multinomial(Constraint):
    """Require vectors of nonnegative numbers that sum to at most ``upper_bound``.

    >>> import minitensor as torch
    >>> torch.distributions.constraints.multinomial(3).check(torch.tensor([1.0, 2.0]))
    tensor(True)
    """

    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        """Return whether the numbers of each vector are nonnegative and sum to no more than the bound."""
        valid: Tensor = (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)
        return valid

    def __repr__(self) -> str:
        return "Multinomial()"


# -- matrices ----------------------------------------------------------------------------------------------------------


class LowerTriangular(Constraint):
    """Lower triangular matrices."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        """Return whether each matrix is zero above its diagonal."""
        valid: Tensor = (value.tril() == value).flatten(-2).all(-1)
        return valid


class LowerCholesky(LowerTriangular):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value: Tensor) -> Tensor:
        """Return whether each matrix is lower triangular and has a positive diagonal."""
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class CorrCholesky(LowerCholesky):
    """Lower triangular matrices with a positive diagonal and rows of length one."""

    def check(self, value: Tensor) -> Tensor:
        """Return whether each matrix is a Cholesky factor whose rows have length one, up to rounding."""
        tolerance = finfo(value.dtype).eps * value.shape[-1] * 10
        lengths = value.detach().square().sum(-1).sqrt()
        return super().check(value) & ((lengths - 1).abs() <= tolerance).all(-1)


class Square(Constraint):
    """Square matrices."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        """Return whether the matrices are square."""
        is_square = value.shape[-2] == value.shape[-1]
        return full(value.shape[:-2], is_square, dtype=bool_, device=value.device)


class Symmetric(Square):
    """Symmetric matrices."""

    def check(self, value: Tensor) -> Tensor:
        """Return whether each matrix is square and symmetric, up to 1e-6."""
        if value.shape[-2] != value.shape[-1]:
            return super().check(value)
        return isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


class PositiveSemidefinite(Symmetric):
    """Positive semidefinite matrices."""

    def check(self, value: Tensor) -> Tensor:
        """Return whether each matrix is symmetric and has no negative eigenvalue."""
        is_symmetric = super().check(value)
        return eigvalsh(value).ge(0).all(-1) if bool(is_symmetric.all()) else is_symmetric


class PositiveDefinite(Symmetric):
    """Positive definite matrices."""

    def check(self, value: Tensor) -> Tensor:
        """Return whether each matrix is symmetric and has a Cholesky factor."""
        is_symmetric = super().check(value)
        return cholesky_ex(value).info.eq(0) if bool(is_symmetric.all()) else is_symmetric


# -- the public names --------------------------------------------------------------------------------------------------

dependent, independent, cat, stack = Dependent(), IndependentConstraint, Cat, Stack
boolean, one_hot, real, simplex = Boolean(), OneHot(), Real(), Simplex()
greater_than, greater_than_eq, less_than, multinomial = GreaterThan, GreaterThanEq, LessThan, Multinomial
interval, half_open_interval, integer_interval = Interval, HalfOpenInterval, IntegerInterval
nonnegative_integer, positive_integer = IntegerGreaterThan(0), IntegerGreaterThan(1)
positive, nonnegative, unit_interval = GreaterThan(0.0), GreaterThanEq(0.0), Interval(0.0, 1.0)
real_vector = independent(real, 1)
lower_triangular, lower_cholesky, corr_cholesky = LowerTriangular(), LowerCholesky(), CorrCholesky()
square, symmetric = Square(), Symmetric()
positive_semidefinite, positive_definite = PositiveSemidefinite(), PositiveDefinite()

# PyTorch's names of the classes, for isinstance.
_Dependent, _DependentProperty, _IndependentConstraint = Dependent, dependent_property, IndependentConstraint
_Real, _Boolean, _OneHot, _Simplex, _Multinomial = Real, Boolean, OneHot, Simplex, Multinomial
_GreaterThan, _GreaterThanEq, _LessThan, _Interval = GreaterThan, GreaterThanEq, LessThan, Interval
_HalfOpenInterval, _IntegerInterval, _IntegerGreaterThan = HalfOpenInterval, IntegerInterval, IntegerGreaterThan
_LowerTriangular, _LowerCholesky, _CorrCholesky, _Square = LowerTriangular, LowerCholesky, CorrCholesky, Square
_Symmetric, _PositiveSemidefinite, _PositiveDefinite = Symmetric, PositiveSemidefinite, PositiveDefinite
_Cat, _Stack = Cat, Stack

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
