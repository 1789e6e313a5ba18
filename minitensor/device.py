"""Devices: ``device("cpu")``, ``device("cuda", 1)``.

A device is a name and an index, and determines which backend computes. Making a device does not load its library;
reading its ``backend`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeAlias, TypeVar

from minitensor import backends
from minitensor.errors import ArgumentTypeError, DeviceError, NoSuchDeviceError, quote

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.backends.base import Backend

P = ParamSpec("P")
R = TypeVar("R")

DeviceLike: TypeAlias = "str | int | device | None"


class device:  # noqa: N801  # PyTorch's spelling
    """The device of a tensor.

    Args:
        type: a name such as "cpu", "cuda" or "cuda:1", an index of a CUDA device, or a device.
        index: the index, if the name has none. Default: None, the current device.

    Raises:
        TypeError: If an argument has another type.
        RuntimeError: If there is no such name, or the index is negative or given twice.

    As a context manager, or as a decorator, it makes the device that of new tensors that name none.

    >>> device("cuda:1")
    device(type='cuda', index=1)
    >>> import minitensor as torch
    >>> with torch.device("meta"):
    ...     torch.ones(2).device
    device(type='meta')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    _enter: ClassVar[Callable[..., device]]  # set by `autograd.default_device`, which knows what makes tensors
    _leave: ClassVar[Callable[..., None]]

    def __init__(self, type: DeviceLike, index: int | None = None) -> None:  # noqa: A002  # PyTorch's name
        if isinstance(type, device):
            self.type, self.index = type.type, type.index if index is None else index
        elif isinstance(type, int) and not isinstance(type, bool):
            self.type, self.index = parse("cuda", type)
        elif isinstance(type, str):
            self.type, self.index = parse(type, index)
        else:
            raise ArgumentTypeError(f"device: expected a name such as 'cpu' or 'cuda:0', got {quote(type)}")

    @property
    def backend(self) -> Backend:
        """The table of kernels of the device. Loads its library."""
        return backends.open_backend(self.type)

    def __enter__(self) -> device:
        """Make new tensors on this device that name none."""
        return self._enter()

    def __exit__(self, *_: object) -> None:
        self._leave()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function in which new tensors are made on this device."""

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return call

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        if self.index is None:
            return f"device(type={self.type!r})"
        return f"device(type={self.type!r}, index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)


WITH_MODULES = ("xpu", "mtia")  # of PyTorch's own, which raises AssertionError for those that it was built without


def parse(text: str, index: int | None) -> tuple[str, int | None]:
    """Split text such as "cuda:1" into a name and an index, and validate both."""
    if index is not None:
        check_index(index)
    name, colon, number = text.partition(":")
    if name not in backends.names():
        error = NoSuchDeviceError if name in WITH_MODULES else DeviceError
        raise error(f"device: expected one of {', '.join(backends.names())}, got {text!r}")
    if not colon:
        return name, index
    if index is not None:
        raise DeviceError(f"device: {text!r} already has an index, but index={index} was given too")
    if not number.isdecimal() or str(int(number)) != number:
        raise DeviceError(f"device: expected a number after the colon, got {text!r}")
    return name, int(number)


def check_index(index: Any) -> None:
    """Raise unless an index is a nonnegative int."""
    if not isinstance(index, int) or isinstance(index, bool):
        raise ArgumentTypeError(f"device: argument 'index' must be an int, not {type(index).__name__}")
    if index < 0:
        raise DeviceError(f"device: the index must not be negative, got {index}")


def device_of(array: Array) -> device:
    """Return the device of an array."""
    return common_device(*backends.backend_of(array).locate(array))


@lru_cache(64)
def common_device(name: str, index: int | None) -> device:
    """Return the shared object for a name and an index."""
    return device(name, index)


CPU = common_device("cpu", None)
