"""What all schedulers share: counting epochs, setting rates, saving and reloading.

A scheduler writes one ``get_lr``, from the present rates to the next ones: this allows schedulers to be chained. It
knows an optimizer by its groups alone.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Any, ClassVar, SupportsFloat

from minitensor.autograd.misuse import explain_constructor, is_own_module, is_raised_here, public_name
from minitensor.callers import user_level
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    GuardZeroDivisionError,
    MinitensorError,
    MissingEntryError,
    WrongKindError,
    WrongTypeError,
    quote,
)
from minitensor.optim.optimizer import Optimizer
from minitensor.tensor import Tensor

TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the opposite order: "
    "`optimizer.step()` before `lr_scheduler.step()`. Failure to do this will result in skipping the first value of "
    "the learning rate schedule."
)

REPLACED_STEP = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure "
    "to call `optimizer.step()` before `lr_scheduler.step()`."
)


def atomic(step: Callable[..., None]) -> Callable[..., None]:
    """Make a step that fails change nothing, and name the option that it could not compute with."""

    @functools.wraps(step)
    def call(self: LRScheduler, *args: Any, **kwargs: Any) -> None:
        before = dict(vars(self))
        try:
            step(self, *args, **kwargs)
        except Exception as error:
            vars(self).update(before)
            fault = fault_of(self, error)
            if fault is None:
                raise
            raise fault from error

    return call


OLD_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler."
)


def warn_of_order(optimizer: Optimizer) -> None:
    """Warn if the first step of a scheduler does not come after one of its optimizer."""
    if vars(optimizer).get("step") is not optimizer._known_step:
        warnings.warn(REPLACED_STEP, UserWarning, stacklevel=user_level())
    elif not optimizer._opt_called:
        warnings.warn(TOO_EARLY, UserWarning, stacklevel=user_level())


def warn_of_epoch(epoch: float | None) -> None:
    """Warn if a step was told its epoch."""
    if epoch is not None:
        warnings.warn(OLD_EPOCH, UserWarning, stacklevel=user_level())


def for_steps_only(get_lr: Callable[..., list[float]]) -> Callable[..., list[float]]:
    """Make a ``get_lr`` warn if it is called outside of a step: it computes the rates after the present ones."""

    @functools.wraps(get_lr)
    def call(self: LRScheduler) -> list[float]:
        if not self._get_lr_called_within_step:
            text = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."
            warnings.warn(text, UserWarning, stacklevel=user_level())
        return get_lr(self)

    return call


def fault_of(scheduler: LRScheduler, error: Exception) -> Exception | None:
    """Return a better error for one of Python's own that an option caused, or None."""
    if isinstance(error, MinitensorError) or not is_raised_here(error):
        return None
    name, options = public_name(type(scheduler)), list(numbers_of(scheduler))
    for option, value in options:
        if isinstance(error, ZeroDivisionError) and value == 0:
            return GuardZeroDivisionError(f"{name}: {option} must not be 0: it is divided by")
        if isinstance(error, TypeError) and not isinstance(value, SupportsFloat):
            return ArgumentTypeError(f"{name}: {option} must be a real number, got {quote(value)}")
    if isinstance(error, ZeroDivisionError):
        told = ", ".join([f"{option}={value}" for option, value in options])
        return GuardZeroDivisionError(f"{name}: {error} after epoch {scheduler.last_epoch}, with {told}")
    return None


def numbers_of(scheduler: LRScheduler) -> Iterator[tuple[str, Any]]:
    """Yield the options that should be numbers, by the constructor's annotations, with their values."""
    kept = vars(scheduler)
    for option, kind in type(scheduler).__init__.__annotations__.items():
        if option != "last_epoch" and ("int" in kind or "float" in kind):
            if option in kept:
                yield option, kept[option]
            for value in kept.get(f"{option}s", ()):
                yield option, value


class LRScheduler:
    """The base class of schedulers: it counts epochs and sets the rates that ``get_lr`` returns.

    Creating a scheduler takes its first step, number 0, and records each group's rate as ``initial_lr``. Call ``step``
    once an epoch, after the optimizer's steps.

    Args:
        optimizer: Whose learning rates to set.
        last_epoch: The epoch to resume after; -1 starts anew. Default: ``-1``.

    Raises:
        TypeError: If ``optimizer`` is not an optimizer.
        KeyError: If ``last_epoch`` resumes and a group has no ``initial_lr``.

    >>> import minitensor as torch
    >>> class Halve(torch.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [base * 0.5**self.last_epoch for base in self.base_lrs]
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = Halve(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    optimizer: Optimizer
    base_lrs: list[float]
    last_epoch: int
    _last_lr: list[float]
    _get_lr_called_within_step: bool
    words: ClassVar[dict[str, tuple[str, ...]]] = {}  # attributes that are one of some words

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        explain_constructor(cls)
        if "step" in vars(cls) and is_own_module(cls.__module__):
            cls.step = atomic(cls.step)  # type: ignore[method-assign]  # the same one, or nothing
        if "get_lr" in vars(cls) and is_own_module(cls.__module__):
            cls.get_lr = for_steps_only(cls.get_lr)  # type: ignore[method-assign]  # the same one

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        optimizer._known_step = vars(optimizer).get("step")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_rate(group["lr"]))
            elif "initial_lr" not in group:
                raise MissingEntryError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    f"last_epoch={last_epoch}: load the optimizer's state first, or start with last_epoch=-1"
                )
        self.base_lrs = [copy_rate(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._is_initial = True
        self._get_lr_called_within_step = False
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """Return the rates of this epoch, from those of the one before; every scheduler overrides it."""
        raise NotImplementedError(f"{type(self).__name__} is missing get_lr")

    def get_last_lr(self) -> list[float]:
        """Return the rates set last, one for each group; a copy of a rate that the optimizer keeps in a tensor."""
        return self._last_lr

    @atomic
    def step(self, epoch: int | None = None) -> None:
        """Begin the next epoch; call it after the optimizer's step.

        Args:
            epoch: Go to this epoch instead. Default: ``None``, the next one.
        """
        if self._step_count == 1:
            warn_of_order(self.optimizer)
        warn_of_epoch(epoch)
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to this one, and set its rates."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set_rates(self.get_lr if epoch is None else getattr(self, "_get_closed_form_lr", self.get_lr))

    def _set_rates(self, compute: Callable[[], list[float]]) -> None:
        """Set the groups' rates to those that a function computes."""
        self._get_lr_called_within_step = True
        for group, rate in zip(self.optimizer.param_groups, compute(), strict=True):
            set_rate(group, rate)
        self._get_lr_called_within_step = False
        self._last_lr = self.rates()

    def rates(self) -> list[float]:
        """Return the groups' present rates; a copy of a rate in a tensor."""
        return [copy_rate(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned.

        Args:
            state_dict: The dict.

        Raises:
            TypeError: If it is not a dict, or an entry has the wrong type.
            ValueError: If an entry is an unknown word.
        """
        require_state(self, state_dict)
        self.__dict__.update(state_dict)


def require_state(scheduler: LRScheduler, state: Any) -> None:
    """Raise, before anything changes, unless a state dict is a dict with entries of the right types."""
    name = type(scheduler).__name__
    if not isinstance(state, Mapping):
        raise WrongTypeError(f"{name}: a state dict must be a dict, not {type(state).__name__}")
    for entry, value in state.items():
        now = getattr(scheduler, entry, None)
        if type(now) in (int, float) and not isinstance(value, (int, float, Tensor)):
            raise WrongTypeError(f"{name}: {entry!r} of the state dict must be a number, not {type(value).__name__}")
        if isinstance(now, list) and not isinstance(value, (list, tuple)):
            raise WrongTypeError(f"{name}: {entry!r} of the state dict must be a list, not {type(value).__name__}")
    for entry, words in scheduler.words.items():
        if state.get(entry, words[0]) not in words:
            raise WrongKindError(f"{name}: {entry} {state[entry]} is unknown; it is one of {', '.join(words)}")


def require_entry(scheduler: LRScheduler, state: Mapping[str, Any], entry: str, count: int | None = None) -> Any:
    """Return an entry of a state dict; if ``count`` is given, a list of that length."""
    name = type(scheduler).__name__
    if entry not in state:
        raise MissingEntryError(f"{name}: the state dict has no {entry!r}, but {list(state)}")
    value = state[entry]
    if count is None:
        return value
    if not isinstance(value, Sized):
        raise WrongTypeError(f"{name}: {entry!r} of the state dict must be a list, not {type(value).__name__}")
    if len(value) != count:
        raise ArgumentError(f"{name}: {entry!r} of the state dict has {len(value)} entries, the schedule {count}")
    return value


def require_optimizer(optimizer: object) -> None:
    """Raise unless given an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise WrongTypeError(f"{type(optimizer).__name__} is not an Optimizer")


def require_real(name: str, value: Any) -> None:
    """Raise unless a value is a real number."""
    if not isinstance(value, SupportsFloat):
        raise ArgumentTypeError(f"{name} must be a real number, got {quote(value)}")


def plain(rate: Any) -> float:
    """Return a rate as a number: of a tensor, its present value."""
    value: float = rate.item() if isinstance(rate, Tensor) else rate
    return value


def copy_rate(rate: Any) -> Any:
    """Return a number, or a copy of a tensor that others may write to."""
    return rate.clone() if isinstance(rate, Tensor) else rate


def set_rate(group: dict[str, Any], rate: Any) -> None:
    """Set a group's rate; a rate kept in a tensor stays in that tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate.squeeze() if isinstance(rate, Tensor) else rate)
    else:
        group["lr"] = rate


def one_for_each(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return an option for each group, given once or one by one; of tensors their present values."""
    groups = len(optimizer.param_groups)
    if isinstance(value, (str, bytes)):
        kind = type(value).__name__
        raise ArgumentTypeError(f"{name} must be a number or a sequence of numbers, not {kind}: {quote(value)}")
    if not isinstance(value, Sequence):
        return [plain(value)] * groups
    if len(value) != groups:
        raise ArgumentError(f"{name} must have the same length as optimizer.param_groups, {groups}, got {len(value)}")
    return [plain(each) for each in value]


def named_state(function: Any) -> dict[str, Any] | None:
    """Return the attributes of a callable object; None for a plain function, which cannot be saved."""
    return None if isinstance(function, types.FunctionType) else dict(function.__dict__)
