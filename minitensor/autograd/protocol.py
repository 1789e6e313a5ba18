"""``__torch_function__``: the class of an argument, or a mode, takes over the call of a public function.

Every function that users call asks ``override`` first, if anyone could take the call over: a subclass of ``Tensor``
exists, a class with a ``__torch_function__`` of its own was met, or a mode is active. This file knows no operations.

Note [The cost of overriding]. Doors, the functions that users call, first check ``active``, a list that is empty in
most programs, and that they check for interpreters in any case. A subclass of ``Tensor`` announces itself when it is
defined. Other classes with a ``__torch_function__`` cannot; a door meets them when it finds an argument of an
unexpected type (``meets_override``), and then starts again. From then on each call looks at its arguments' classes:
``is_uncontested`` does so in C, and takes 0.3 us.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from minitensor.base import TensorBase
from minitensor.dtypes import dtype
from minitensor.errors import OverrideError
from minitensor.layouts import Layout, RowMajor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from minitensor.autograd.node import Op

PROCEED: Any = object()  # what `override` returns if nobody takes the call over
# Classes of frequent values that override nothing and hold no others.
SINGLE: set[type] = {int, float, bool, complex, str, type(None), slice, FunctionType, dtype, Layout, RowMajor}
PLAIN: set[type] = {*SINGLE, list, tuple}
CLASSES = "classes"  # the entry of ``active`` once a class overrides
active: list[Any] = []  # CLASSES; all threads' modes, casters and interpreters; see Note [The cost of overriding]


class State(NamedTuple):
    """Who may take over calls in this thread and task."""

    modes: tuple[Any, ...] = ()
    classes_may: bool = True
    modes_may: bool = True
    skips_one: bool = False  # the next call goes past everyone; see `skip_override`


NOBODY = State()
override_state: ContextVar[State] = ContextVar("override_state", default=NOBODY)


class Caster(Protocol):
    """What changes the dtypes of arguments in a region; see ``amp``."""

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None) -> Any:
        """Call a function with cast arguments; return ``PROCEED`` to leave the call as it is."""


casting: ContextVar[Caster | None] = ContextVar("casting", default=None)  # whom calls ask that nobody takes over
onlooker: ContextVar[Caster | None] = ContextVar("onlooker", default=None)  # who sees calls that go ahead: a profile


def disabled_torch_function(func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Compute as if the class overrode nothing. A class that has this as its ``__torch_function__`` is not asked."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def does_override(cls: type) -> bool:
    """Whether a class takes over the calls that get its instances."""
    method = getattr(cls, "__torch_function__", disabled_torch_function)
    return method is not disabled_torch_function and cls is not TensorBase.result_class


def announce(cls: type) -> None:
    """Let calls look at the classes of their arguments from now on, if ``cls`` overrides them."""
    if not does_override(cls):
        SINGLE.add(cls)
        PLAIN.add(cls)
    elif CLASSES not in active:
        active.append(CLASSES)


def meets_override(args: Iterable[Any], kwargs: Mapping[str, Any] | None = None) -> bool:
    """Whether the first class that overrides is among the arguments' classes. The call then has to start again."""
    if CLASSES in active or (not kwargs and are_plain(args)):
        return False
    if any(does_override(each.__class__) for each in values_among(args, kwargs)):
        active.append(CLASSES)
    return CLASSES in active


def values_among(args: Iterable[Any], kwargs: Mapping[str, Any] | None) -> Iterator[Any]:
    """Yield arguments, and the entries of those that are lists or tuples."""
    for each in (*args, *(kwargs or {}).values()):
        if isinstance(each, (list, tuple)):
            yield from each
        yield each


def given_by_name(**values: Any) -> dict[str, Any]:
    """Return the arguments that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def values_that_override(values: Iterable[Any]) -> list[Any]:
    """Return one value of each class that overrides, in order, but those of a subclass before those of its parents."""
    found: list[Any] = []
    classes: set[type] = set()
    for each in values:
        cls = each.__class__
        if cls in PLAIN or cls in classes or not does_override(cls):
            continue
        classes.add(cls)
        place = next((i for i, other in enumerate(found) if issubclass(cls, type(other))), len(found))
        found.insert(place, each)
    return found


def is_overridden(args: Iterable[Any]) -> bool:
    """Whether the class of one of the arguments may take a call over."""
    return override_state.get().classes_may and bool(values_that_override(args))


# -- the door ----------------------------------------------------------------------------------------------------------


def override(
    op: Op, operation: Callable[..., Any], args: Sequence[Any], out: Any = None, kwargs: dict[str, Any] | None = None,
    gives_way: bool = False,
) -> Any:
    """Pass the call of an operation to whoever takes it over; return ``PROCEED`` if there is nobody.

    If all decline, raise, or return NotImplemented for an operator that ``gives_way``.
    """
    if is_uncontested(args, kwargs) and out.__class__ in SINGLE:
        return PROCEED
    if out is not None:
        kwargs = {**(kwargs or {}), "out": out}
    return override_function(op.public or operation, args, kwargs or None, gives_way)  # None, as in PyTorch


def is_uncontested(args: Iterable[Any], kwargs: Mapping[str, Any] | None) -> bool:
    """Whether it is clear at a glance that nobody takes a call over. Lists in lists need a closer look."""
    now = override_state.get()
    if (now is not NOBODY and now != NOBODY) or casting.get() is not None or onlooker.get() is not None:
        return False
    if not kwargs and SINGLE.issuperset(map(type, args)):
        return True
    return are_plain(args) and (not kwargs or are_plain(kwargs.values()))


def are_plain(values: Iterable[Any]) -> bool:
    """Whether values, and the entries of those that are lists or tuples, are of classes that override nothing."""
    classes = {*map(type, values)}
    return classes <= PLAIN and all(
        [each.__class__ in SINGLE or SINGLE.issuperset(map(type, each)) for each in values]
    )


def override_function(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None = None, gives_way: bool = False
) -> Any:
    """Pass a call to whoever takes it over, or else to the caster; return ``PROCEED`` if there is none.

    The onlooker sees calls that go ahead: those that nobody took over.
    """
    if is_uncontested(args, kwargs):
        return PROCEED
    found = ask_mode_and_classes(function, args, kwargs, gives_way)
    if found is PROCEED and (caster := casting.get()) is not None:
        found = caster.call(function, args, kwargs)
    if found is PROCEED and (eye := onlooker.get()) is not None:
        return eye.call(function, args, kwargs)
    return found


def ask_mode_and_classes(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None, gives_way: bool
) -> Any:
    """Pass a call to the mode or the class of an argument that takes it over; return ``PROCEED`` if there is none."""
    now = override_state.get()
    if now.skips_one:
        override_state.set(now._replace(skips_one=False))
        return PROCEED
    values = values_that_override(values_among(args, kwargs))
    if not now.classes_may:
        # Nothing switches off sparse tensors: gradients may be sparse, and have no array for others to compute with.
        values = [each for each in values if each.__class__ is TensorBase.sparse_class]
    if not values and not (now.modes and now.modes_may):
        return PROCEED
    found = ask_overriders(function, values, tuple(args), kwargs)
    if found is NotImplemented and not gives_way:
        raise override_error(function, values, now.modes)
    return found


def ask_overriders(
    function: Callable[..., Any], values: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> Any:
    """Return what the innermost mode or one of the values returns for a call, or NotImplemented."""
    types = tuple(map(type, values))
    now = override_state.get()
    if now.modes and now.modes_may:
        found = ask_mode(now, function, types, args, kwargs)
        if found is not NotImplemented:
            return found
    for each in values:
        found = each.__torch_function__(function, types, args, kwargs)
        if found is not NotImplemented:
            return found
    return NotImplemented


def override_error(function: Callable[..., Any], values: Sequence[Any], modes: tuple[Any, ...]) -> OverrideError:
    """Return the error for a call that nobody takes over."""
    return OverrideError(
        f"no implementation found for {function.__name__!r} on types that implement __torch_function__: "
        f"{[type(each) for each in values]}" + (f" nor in mode {modes[-1]}" if modes else "")
    )


def ask_mode(now: State, function: Callable[..., Any], types: tuple[type, ...], args: Any, kwargs: Any) -> Any:
    """Return what the innermost mode returns for a call. Meanwhile only the outer modes are active."""
    token = override_state.set(now._replace(modes=now.modes[:-1]))
    try:
        return now.modes[-1].__torch_function__(function, types, args, kwargs)
    finally:
        override_state.reset(token)


def skip_override(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function itself; calls inside it may be taken over again."""
    goes_on = is_composed(function)
    now = override_state.get()
    token = override_state.set(State(now.modes, now.classes_may and goes_on, now.modes_may and goes_on, True))
    try:
        return function(*args, **kwargs)
    finally:
        override_state.reset(token)


def is_composed(function: Any) -> bool:
    """Whether a function calls others that users know: an operation has none inside."""
    return not hasattr(function, "op")


def past_overrides(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function so that nobody takes over, or casts for, its call or the calls inside it."""
    if not active:
        return function(*args)
    with DisableTorchFunction(), cast_nothing():
        return function(*args)


@contextmanager
def cast_nothing() -> Iterator[None]:
    """Leave the dtypes of arguments as they are in a block."""
    token = casting.set(None)
    try:
        yield
    finally:
        casting.reset(token)


# -- for users ---------------------------------------------------------------------------------------------------------


def is_tensor_like(inp: Any) -> bool:
    """Return whether a value is a tensor, or of a class with a ``__torch_function__``.

    Args:
        inp: Any value.

    >>> import minitensor as torch
    >>> torch.overrides.is_tensor_like(torch.ones(2)), torch.overrides.is_tensor_like(6)
    (True, False)
    """
    return hasattr(inp, "__torch_function__")


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Return whether a mode, or the class of one of the values, would take a call over.

    Args:
        relevant_args: The values.

    >>> import minitensor as torch
    >>> class Image(torch.Tensor): pass
    >>> torch.overrides.has_torch_function((torch.ones(2), torch.ones(2).as_subclass(Image)))
    True
    >>> torch.overrides.has_torch_function((torch.ones(2), 3))
    False
    """
    now = override_state.get()
    if now.skips_one:
        override_state.set(now._replace(skips_one=False))
        return False
    has_mode = bool(now.modes) and now.modes_may
    return has_mode or (now.classes_may and any(does_override(type(each)) for each in relevant_args))


def has_torch_function_unary(obj: Any) -> bool:
    """Return ``has_torch_function((obj,))``.

    >>> import minitensor as torch
    >>> torch.overrides.has_torch_function_unary(torch.ones(2))
    False
    """
    return has_torch_function((obj,))


def has_torch_function_variadic(*args: Any) -> bool:
    """Return ``has_torch_function(args)``.

    >>> import minitensor as torch
    >>> torch.overrides.has_torch_function_variadic(torch.ones(2), None)
    False
    """
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Pass a call to the mode or class that takes it over, once ``has_torch_function`` said that there is one.

    Args:
        public_api: The function that was called.
        relevant_args: The arguments whose classes are asked.
        *args, **kwargs: All arguments of the call.

    Raises:
        TypeError: If all that were asked return ``NotImplemented``.

    >>> import minitensor as torch
    >>> class Image(torch.Tensor): pass
    >>> def double(x):
    ...     if torch.overrides.has_torch_function_unary(x):
    ...         return torch.overrides.handle_torch_function(double, (x,), x)
    ...     return x * 2
    >>> double(torch.ones(2).as_subclass(Image))
    Image([2., 2.])
    """
    now = override_state.get()
    values = values_that_override(relevant_args) if now.classes_may else []
    for each in values:
        announce(type(each))
    found = ask_overriders(public_api, values, args, kwargs)
    if found is NotImplemented:
        raise override_error(public_api, values, now.modes)
    return found


# -- switches ----------------------------------------------------------------------------------------------------------


class Switch:
    """A context manager that changes the state in its block."""

    changes: ClassVar[dict[str, Any]]

    def __init__(self) -> None:
        self.tokens: list[Any] = []

    def __enter__(self) -> None:
        self.tokens.append(override_state.set(override_state.get()._replace(**self.changes)))

    def __exit__(self, *_: object) -> None:
        override_state.reset(self.tokens.pop())


class DisableTorchFunctionSubclass(Switch):
    """A context manager in which no class takes over calls; modes still do.

    >>> import minitensor as torch
    >>> class Image(torch.Tensor): pass
    >>> with torch._C.DisableTorchFunctionSubclass():
    ...     type(torch.ones(2).as_subclass(Image) + 1).__name__
    'Tensor'
    """

    changes: ClassVar[dict[str, Any]] = {"classes_may": False}


class DisableTorchFunction(Switch):
    """A context manager in which neither classes nor modes take over calls.

    >>> import minitensor as torch
    >>> class Image(torch.Tensor): pass
    >>> with torch._C.DisableTorchFunction():
    ...     type(torch.ones(2).as_subclass(Image) + 1).__name__
    'Tensor'
    """

    changes: ClassVar[dict[str, Any]] = {"classes_may": False, "modes_may": False}


class TorchFunctionMode:
    """A context manager that takes over all calls of functions in its block, whatever their arguments.

    Its ``__torch_function__(func, types, args, kwargs)`` returns the result of a call. The calls that it makes go to
    the mode outside it.

    Raises:
        NotImplementedError: If a subclass defines no ``__torch_function__``.

    >>> import minitensor as torch
    >>> class Names(torch.overrides.TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> x = torch.ones(2)
    >>> with Names():
    ...     _ = x.exp()
    exp
    """

    def __init__(self) -> None:
        """Do nothing."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __torch_function__")

    def __enter__(self) -> TorchFunctionMode:
        now = override_state.get()
        override_state.set(now._replace(modes=(*now.modes, self)))
        active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        now = override_state.get()
        override_state.set(now._replace(modes=now.modes[:-1]))
        active.remove(self)
