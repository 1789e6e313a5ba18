"""``torch._utils``: what programs take from PyTorch's own tools. Tensors as one vector, names, devices, errors."""

from __future__ import annotations

import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minitensor import cuda
from minitensor.compat.reasons import attributes_of
from minitensor.device import device as Device
from minitensor.errors import ArgumentError, UsageError
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty
from minitensor.ops.join import cat
from minitensor.tensor import Tensor


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """Return the elements of all tensors, one after another, as a vector: a copy unless there is one tensor."""
    flat = [each.reshape(-1) for each in tensors]
    return flat[0] if len(flat) == 1 else cat(flat)


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return views of a vector in the shapes of tensors: the inverse of ``_flatten_dense_tensors``."""
    parts = flat.split([each.numel() for each in tensors])
    return tuple(part.view(each.shape) for part, each in zip(parts, tensors, strict=True))


def _take_tensors(tensors: Sequence[Tensor], size_limit: int) -> Iterator[list[Tensor]]:
    """Yield the tensors in groups of one dtype and of at most so many bytes, if each is smaller."""
    groups: dict[str, tuple[list[Tensor], int]] = {}
    for tensor in tensors:
        kind, size = tensor.type(), tensor.numel() * tensor.element_size()
        group, total = groups.get(kind, ([], 0))
        if group and total + size > size_limit:
            yield group
            group, total = [], 0
        groups[kind] = [*group, tensor], total + size
    yield from (group for group, _ in groups.values() if group)


def _reorder_tensors_as(tensors: Sequence[Tensor], ordered_tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return tensors, which stand in order within each dtype, in the order of the dtypes of others."""
    by_kind: dict[str, list[Tensor]] = {}
    for tensor in tensors:
        by_kind.setdefault(tensor.type(), []).append(tensor)
    queues = {kind: iter(group) for kind, group in by_kind.items()}
    return tuple(next(queues[each.type()]) for each in ordered_tensors)


def _rebuild_tensor(storage: Any, storage_offset: int, size: Any, stride: Any) -> Tensor:
    """Return a tensor on a storage."""
    dtype = getattr(storage, "dtype", None)
    return empty((0,), dtype=dtype).set_(storage, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any, storage_offset: int, size: Any, stride: Any, requires_grad: bool, backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """Return a tensor on a storage, as unpickling does."""
    return _rebuild_tensor(storage, storage_offset, size, stride).requires_grad_(requires_grad)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """Return a parameter with the values of a tensor, as unpickling does."""
    return Parameter(data, requires_grad)


def _import_dotted_name(name: str) -> Any:
    """Return the object at a path such as ``collections.abc.Mapping``."""
    return pkgutil.resolve_name(name)


def _get_available_device_type() -> str | None:
    """Return the type of the accelerator, or None."""
    return "cuda" if cuda.is_available() else None


def _get_device_module(device_type: str) -> Any:
    """Return the module of a kind of devices, such as ``cuda``.

    Raises:
        RuntimeError: If there is none.
    """
    module = getattr(sys.modules["minitensor"], device_type, None)
    if module is None:
        raise UsageError(f"_get_device_module: there is no module for the device {device_type!r}")
    return module


def _get_all_device_indices() -> list[int]:
    """Return the numbers of the GPUs."""
    return list(range(cuda.device_count()))


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """Return the number of a device, given as a number, a text or a device; -1 for the CPU."""
    if isinstance(device, int):
        return device
    if device is None:
        if not optional:
            raise ArgumentError(f"Expected a torch.device with a specified index or an integer, but got: {device}")
        return cuda.current_device() if cuda.is_available() else -1
    found = Device(device)
    if found.type == "cpu":
        if not allow_cpu:
            raise ArgumentError(f"Expected a non cpu device, but got: {found}")
        return -1
    return 0 if found.index is None else found.index


class KeyErrorMessage(str):
    """The text of a KeyError, shown with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception of another thread, with its traceback as text; ``reraise`` raises it here."""

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        kind, error, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type: Any = kind
        self.where = where
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))

    def reraise(self) -> None:
        """Raise an exception of the same class that holds the text.

        Raises:
            Exception: Of the class that was caught; RuntimeError if that cannot be made from a text.
        """
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        raise self.exc_type(KeyErrorMessage(message) if self.exc_type is KeyError else message)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._utils")
