"""The device of new tensors that name none: ``with torch.device("meta"):`` and ``set_default_device``.

As in PyTorch, a mode gives the functions that make tensors the device, if they have none, and only those that the
program itself calls. A file below the functions cannot import them, so the mode knows them by name.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from minitensor.autograd.protocol import TorchFunctionMode, active, override_state
from minitensor.device import CPU, device

if TYPE_CHECKING:
    from collections.abc import Callable

FACTORIES = frozenset(
    """
    empty empty_permuted empty_strided ones arange bartlett_window blackman_window eye fftfreq rfftfreq full
    hamming_window hann_window kaiser_window linspace logspace rand randn randint randperm sparse_coo_tensor
    sparse_csr_tensor tril_indices triu_indices zeros scalar_tensor
    """.split()
)


class DeviceContext(TorchFunctionMode):
    """The mode that gives new tensors a device."""

    def __init__(self, place: device) -> None:
        self.device = place
        self.former: DeviceContext | None = None

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if named.get("device") is None and named.get("out") is None and func.__name__ in FACTORIES:
            named = {**named, "device": self.device}
        return func(*args, **named)

    def __enter__(self) -> DeviceContext:
        self.former = current_context()
        install(self)
        return self

    def __exit__(self, *_: object) -> None:
        install(self.former)


entered: ContextVar[tuple[DeviceContext, ...]] = ContextVar("entered", default=())


def current_context() -> DeviceContext | None:
    """Return the context of this thread, or None where new tensors are made on the CPU."""
    return next((each for each in override_state.get().modes if isinstance(each, DeviceContext)), None)


def install(context: DeviceContext | None) -> None:
    """Replace the context of this thread; it lies below all other modes. The CPU needs none."""
    now, former = override_state.get(), current_context()
    others = tuple([each for each in now.modes if each is not former])
    if former is not None:
        active.remove(former)
    if context is not None and context.device.type == "cpu":
        context = None
    if context is not None:
        active.append(context)
        others = (context, *others)
    override_state.set(now._replace(modes=others))


def default_device() -> device:
    """Return the device of new tensors that name none."""
    context = current_context()
    return CPU if context is None else context.device


def choose_device(given: Any) -> Any:
    """Return the device given to a function, or the default if it is None."""
    if given is not None or not active:
        return given
    context = current_context()
    return None if context is None else context.device


def enter(place: device) -> device:
    """Serve ``with device:``."""
    context = DeviceContext(place)
    context.__enter__()
    entered.set((*entered.get(), context))
    return place


def leave(place: device) -> None:
    """End ``with device:``."""
    *others, context = entered.get()
    entered.set(tuple(others))
    context.__exit__()


device._enter, device._leave = enter, leave  # lower floors know no modes
