"""The base class of distributions: shapes, checks, expansion, and the public methods.

A public method checks its arguments and calls a method of the class with a formula: ``log_prob`` calls ``_log_prob``,
``mean`` calls ``_mean``. A class defines those that exist for it; the others raise. User classes may define the public
methods instead, as for PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import no_grad
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.distributions.constraints import Constraint, is_dependent
from minitensor.distributions.utils import lazy_property
from minitensor.errors import ArgumentError, UnsupportedError, quote
from minitensor.shapes import Size

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Sizes = Sequence[int]


class Settings:
    """Whether new distributions check their arguments: yes by default, unless Python runs with ``-O``."""

    validate = __debug__


SETTINGS = Settings()


class Distribution:
    """A probability distribution, or a batch of them: the base class.

    A sample has the shape ``sample_shape + batch_shape + event_shape``.

    Args:
        batch_shape: The shape of the batch of distributions. Default: ``()``.
        event_shape: The shape of one draw from one of them. Default: ``()``.
        validate_args: Whether to check parameters and values; None chooses what ``set_default_validate_args`` has set.
            Default: ``None``.

    Raises:
        ValueError: If a parameter does not satisfy its constraint.

    >>> import minitensor as torch
    >>> isinstance(torch.distributions.Normal(0.0, 1.0), torch.distributions.Distribution)
    True
    """

    has_rsample = False
    has_enumerate_support = False
    _batched: tuple[str, ...] = ()  # attributes that expand, besides those of arg_constraints
    _checks_values = _checks_cdf = True  # whether log_prob and cdf check a value, or leave it to another distribution

    if TYPE_CHECKING:
        arg_constraints: dict[str, Constraint]
        support: Any
    else:

        @property
        def arg_constraints(self) -> dict[str, Constraint]:
            """A dict from the names of parameters to their constraints.

            Raises:
                NotImplementedError: If the class does not define it.
            """
            raise UnsupportedError(f"{type(self).__name__} does not define arg_constraints")

        @property
        def support(self) -> Constraint | None:
            """The constraint that all draws satisfy.

            Raises:
                NotImplementedError: If the class does not define it.
            """
            raise UnsupportedError(f"{type(self).__name__} does not define support")

    def __init__(
        self, batch_shape: Sizes = (), event_shape: Sizes = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    # -- shapes and checks

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw from one distribution."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Sizes = ()) -> Size:
        """Return the shape of a sample."""
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Choose whether distributions check their arguments if ``validate_args`` is not given.

        Args:
            value: Whether to check. Checks take time; turn them off when a program works.

        Raises:
            ValueError: If ``value`` is neither true nor false.
        """
        if value not in (True, False):
            raise ArgumentError(f"set_default_validate_args: expected True or False, got {value!r}")
        SETTINGS.validate = bool(value)

    @property
    def _validate_args(self) -> bool:
        return bool(vars(self).get("_validate_args", SETTINGS.validate))

    @_validate_args.setter
    def _validate_args(self, value: bool) -> None:
        vars(self)["_validate_args"] = value

    def _check_parameters(self) -> None:
        """Raise if a parameter does not satisfy its constraint."""
        try:
            expected = self.arg_constraints
        except NotImplementedError:
            warn_of_lack(self, "arg_constraints", "set `arg_constraints = {}`")
            return
        for name, constraint in expected.items():
            is_pending = name not in vars(self) and isinstance(getattr(type(self), name, None), lazy_property)
            if not (is_dependent(constraint) or is_pending):
                self._check_parameter(name, getattr(self, name), constraint)

    def _check_parameter(self, name: str, value: Tensor, constraint: Constraint) -> None:
        with no_grad():
            valid = bool(constraint.check(value).all())
        if not valid:
            raise ArgumentError(
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
            )

    def _validate_sample(self, value: Any) -> None:
        """Raise unless a value is a tensor that can be broadcast to a sample and lies in the support."""
        if not isinstance(value, TensorBase):
            raise ArgumentError(f"expected a tensor as value, got {quote(value)}")
        events = len(self._event_shape)
        actual, expected = tuple(value.shape), (*self._batch_shape, *self._event_shape)
        if actual[len(actual) - events :] != tuple(self._event_shape):
            raise ArgumentError(f"The right-most size of value must match event_shape: {actual} vs {self._event_shape}")
        if any(1 not in (i, j) and i != j for i, j in zip(actual[::-1], expected[::-1])):
            raise ArgumentError(f"Value is not broadcastable with batch_shape+event_shape: {actual} vs {expected}.")
        self._check_support(value)

    def _check_support(self, value: Any) -> None:
        """Raise unless a value lies in the support."""
        try:
            support: Any = self.support
        except NotImplementedError:
            warn_of_lack(self, "support", "define it")
            return
        with no_grad():
            valid = bool(support.check(value).all())
        if not valid:
            raise ArgumentError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    # -- expansion

    def expand(self, batch_shape: Sizes, _instance: Any = None) -> Any:
        """Return the distribution with its parameters expanded to a batch shape; no memory is copied.

        Args:
            batch_shape: The new shape of the batch.

        Raises:
            NotImplementedError: If a subclass has its own ``__init__`` and no own ``expand``.
        """
        owner = owner_of_init(type(self))
        if _instance is None and not is_own(owner):
            raise expand_error(type(self), owner)
        new = self._get_checked_instance(owner, _instance)
        batch = Size(batch_shape)
        vars(new).update({name: self._expand_part(name, value, batch) for name, value in vars(self).items()})
        new._batch_shape = batch
        return new

    def _expand_part(self, name: str, value: Any, batch: Size) -> Any:
        """Return one attribute expanded to a batch shape, if it is a parameter or a distribution."""
        own = len(self._batch_shape)
        if isinstance(value, Distribution):
            return value.expand((*batch, *value.batch_shape[own:]))
        if isinstance(value, TensorBase) and (name in self.arg_constraints or name in self._batched):
            return value.expand((*batch, *value.shape[own:]))
        return value

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """Return an instance for ``expand`` to fill; raise unless it is initialized as those of a class are."""
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]  # only compared
            raise expand_error(type(self), cls)
        return object.__new__(type(self)) if _instance is None else _instance

    # -- moments

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self._mean()

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        return self._mode()

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self._variance()

    @property
    def stddev(self) -> Tensor:
        """The standard deviation."""
        return self._stddev()

    def _mean(self) -> Tensor:
        raise lack_error(self, "mean")

    def _mode(self) -> Tensor:
        raise lack_error(self, "mode")

    def _variance(self) -> Tensor:
        raise lack_error(self, "variance")

    def _stddev(self) -> Tensor:
        return self.variance.sqrt()

    # -- draws

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        """Draw a sample, without gradients.

        Args:
            sample_shape: The shape of the sample of draws from each distribution. Default: ``()``.
        """
        with no_grad():
            return self._sample(Size(sample_shape))

    def rsample(self, sample_shape: Sizes = ()) -> Tensor:
        """Draw a sample that is a differentiable function of the parameters.

        Args:
            sample_shape: The shape of the sample of draws from each distribution. Default: ``()``.
        """
        return self._rsample(Size(sample_shape))

    def sample_n(self, n: int) -> Tensor:
        """Draw ``n`` times. Deprecated; use ``sample((n,))``."""
        text = "`sample_n(n)` will be deprecated. Use `sample((n,))` instead."
        warnings.warn(text, FutureWarning, stacklevel=user_level())
        return self.sample((n,))

    def _sample(self, sample_shape: Size) -> Tensor:
        return self.rsample(sample_shape)

    def _rsample(self, sample_shape: Size) -> Tensor:
        raise lack_error(self, "rsample")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values of a discrete distribution along dim 0.

        Args:
            expand: Whether to repeat them over the batch, or to leave dims of size 1 in its place. Default: ``True``.
        """
        values = self._values()
        events = tuple(values.shape[1:])
        values = values.view(-1, *[1] * len(self._batch_shape), *events)
        return values.expand(-1, *self._batch_shape, *events) if expand else values

    def _values(self) -> Tensor:
        """Return all values along dim 0, without a batch."""
        raise lack_error(self, "enumerate_support")

    # -- functions of a value

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density, or of the probability, at a value.

        Args:
            value: What may be drawn; broadcasts against the batch.
        """
        value = self._read(value)
        if self._checks_values and self._validate_args:
            self._validate_sample(value)
        return self._log_prob(value)

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of drawing no more than a value.

        Args:
            value: What may be drawn; broadcasts against the batch.
        """
        has_cdf = type(self)._cdf is not Distribution._cdf  # else there is nothing to check a value for
        if has_cdf and self._checks_cdf and self._validate_args:
            self._validate_sample(value)
        return self._cdf(value)

    def icdf(self, value: Tensor) -> Tensor:
        """Return the quantile: the inverse of ``cdf``.

        Args:
            value: Probabilities; broadcast against the batch.
        """
        return self._icdf(value)

    def _read(self, value: Any) -> Any:
        """Return the value of ``log_prob`` as a tensor, in classes that also take a number."""
        return value

    def _log_prob(self, value: Tensor) -> Tensor:
        raise lack_error(self, "log_prob")

    def _cdf(self, value: Tensor) -> Tensor:
        raise lack_error(self, "cdf")

    def _icdf(self, value: Tensor) -> Tensor:
        raise lack_error(self, "icdf")

    def entropy(self) -> Tensor:
        """Return the entropy: the mean of ``-log_prob``."""
        return self._entropy()

    def perplexity(self) -> Tensor:
        """Return the exponential of the entropy."""
        return self.entropy().exp()

    def _entropy(self) -> Tensor:
        raise lack_error(self, "entropy")

    def __repr__(self) -> str:
        shown = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        inner = [f"{name}: {each if each.numel() == 1 else Size(each.shape)}" for name, each in shown.items()]
        return f"{type(self).__name__}({', '.join(inner)})"


def owner_of_init(kind: type) -> type:
    """Return the class that defines how instances of a class are initialized."""
    return next(each for each in kind.__mro__ if "__init__" in vars(each))


def is_own(kind: type) -> bool:
    """Return whether a class is one of this package, whose attributes can be expanded one by one."""
    return kind.__module__.startswith("minitensor.distributions.")


def expand_error(kind: type, base: type) -> UnsupportedError:
    """Return the error for a class whose attributes ``expand`` does not know."""
    return UnsupportedError(
        f"Subclass {kind.__name__} of {base.__name__} that defines a custom __init__ method must also define a custom "
        ".expand() method."
    )


def lack_error(distribution: Distribution, name: str) -> UnsupportedError:
    """Return the error for a function that a class does not have."""
    return UnsupportedError(f"{type(distribution)} does not implement {name}")


def warn_of_lack(distribution: Distribution, name: str, remedy: str) -> None:
    """Warn that arguments are not checked."""
    text = f"{type(distribution)} does not define `{name}`: {remedy}, or pass `validate_args=False`"
    warnings.warn(text, stacklevel=user_level())
