"""``cuda.comm``: copies of tensors between GPUs, and sums of tensors on several ones.

Copies go through the memory of the CPU. Gradients do not pass; ``.to(device)`` has one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from minitensor.autograd.mode import no_grad
from minitensor.callers import user_level
from minitensor.cuda import devices
from minitensor.device import device as as_device
from minitensor.errors import GuardError, UsageError, UsageValueError
from minitensor.ops.join import cat, split


def places_of(numbers: Iterable[Any]) -> list[as_device]:
    """Return the GPUs that are given as numbers, names or devices; errors as in ``cuda.init``."""
    devices.init()
    return [as_device("cuda", devices.check_number(devices.number_of(each))) for each in numbers]


def copy_to(tensor: Any, place: as_device) -> Any:
    """Return a tensor on a device: the tensor itself if it is there."""
    return tensor if tensor.device == place else tensor.detach().to(place)


@no_grad()
def broadcast(tensor: Any, devices: Any = None, *, out: Any = None) -> tuple[Any, ...]:
    """Return copies of a tensor on several GPUs, or write it to the tensors ``out``; errors as in ``cuda.init``.

    Args:
        tensor: The tensor, on the CPU or a GPU.
        devices: The GPUs, as numbers, names or devices.
        out: Tensors on GPUs, instead of ``devices``.

    Raises:
        RuntimeError: If both or none of ``devices`` and ``out`` are given.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     copies = torch.cuda.comm.broadcast(torch.ones(2), [0])
    """
    if (devices is None) == (out is None):
        raise UsageError(
            f"Exactly one of 'devices' and 'out' must be specified, but got devices={devices} and out={out}"
        )
    if out is not None:
        return tuple([each.copy_(tensor) for each in out])
    return tuple([copy_to(tensor, place) for place in places_of(devices)])


def broadcast_coalesced(tensors: Sequence[Any], devices: Any, buffer_size: int = 10485760) -> list[list[Any]]:
    """Return copies of several tensors on each of several GPUs; errors as in ``cuda.init``.

    Args:
        tensors: The tensors.
        devices: The GPUs, as numbers, names or devices.
        buffer_size: Accepted for PyTorch compatibility. Default: 10485760.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     copies = torch.cuda.comm.broadcast_coalesced([torch.ones(2)], [0])
    """
    return [[copy_to(each, place) for each in tensors] for place in places_of(devices)]


@no_grad()
def reduce_add(inputs: Sequence[Any], destination: Any = None) -> Any:
    """Return the sum of tensors on several GPUs, on the GPU ``destination``, where one of them is.

    Args:
        inputs: Tensors of one shape, on GPUs.
        destination: The GPU of the sum; the current one if None.

    Raises:
        AssertionError: If a tensor is on the CPU.
        ValueError: If a tensor has another shape.
        RuntimeError: If no tensor is on the destination, or there is no GPU.
        ImportError: If CuPy is not installed.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     total = torch.cuda.comm.reduce_add([torch.ones(2, device="cuda")])
    """
    devices.init()
    number = devices.number_of(destination)
    for index, each in enumerate(inputs):
        check_summand(index, each, inputs[0])
    roots = [each for each in inputs if each.get_device() == number]
    if not roots:
        raise UsageError("reduce_add expects destination to be on the same GPU with one of the tensors")
    total, root = roots[-1], roots[-1]
    with devices.device(number):
        for each in inputs:
            if each is not root:
                total = total + copy_to(each, root.device)
    return total


def check_summand(index: int, tensor: Any, first: Any) -> None:
    """Raise unless a tensor is on a GPU and has the shape of the first one."""
    if tensor.device.type == "cpu":
        raise GuardError(f"reduce_add expects all inputs to be on GPUs, but input {index} is on CPU")
    if tensor.shape != first.shape:
        got, wanted = ["x".join(map(str, each.shape)) for each in (tensor, first)]
        raise UsageValueError(f"input {index} has invalid size: got {got}, but expected {wanted}")


def reduce_add_coalesced(inputs: Any, destination: Any = None, buffer_size: int = 10485760) -> tuple[Any, ...]:
    """Return the sums of several tensors, each of which is on several GPUs; errors as in ``reduce_add``.

    Args:
        inputs: The tensors of each GPU, in one order.
        destination: The GPU of the sums; the current one if None.
        buffer_size: Accepted for PyTorch compatibility. Default: 10485760.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     totals = torch.cuda.comm.reduce_add_coalesced([[torch.ones(2, device="cuda")]])
    """
    return tuple([reduce_add(each, destination) for each in zip(*inputs, strict=True)])


@no_grad()
def scatter(
    tensor: Any, devices: Any = None, chunk_sizes: Any = None, dim: int = 0, streams: Any = None, *, out: Any = None
) -> tuple[Any, ...]:
    """Return the parts of a tensor on several GPUs, or write them to the tensors ``out``; errors as in ``cuda.init``.

    Args:
        tensor: The tensor, on the CPU or a GPU.
        devices: The GPUs, as numbers, names or devices.
        chunk_sizes: The sizes of the parts along ``dim``; about equal ones if None.
        dim: The dim that is split. Default: 0.
        streams: Accepted for PyTorch compatibility: copies are done when this returns.
        out: Tensors on GPUs, instead of ``devices`` and ``chunk_sizes``.

    Raises:
        RuntimeError: If ``out`` is given with ``devices`` or ``chunk_sizes``, or their numbers differ.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     parts = torch.cuda.comm.scatter(torch.ones(2), [0])
    """
    if out is not None:
        given = {"devices": devices, "chunk_sizes": chunk_sizes}
        for name in [name for name, value in given.items() if value is not None]:
            raise UsageError(
                f"'{name}' must not be specified when 'out' is specified, but got {name}={given[name]}"
            )
        parts = split(tensor, [each.shape[dim] for each in out], dim)
        return tuple([each.copy_(part) for each, part in zip(out, parts, strict=True)])
    places = places_of(devices)
    sizes = tensor.chunk(len(places), dim) if chunk_sizes is None else split(tensor, list(chunk_sizes), dim)
    if chunk_sizes is not None and len(sizes) != len(places):
        raise UsageError(f"scatter: expected a size for each of {len(places)} devices, got {list(chunk_sizes)}")
    return tuple([copy_to(part, place) for part, place in zip(sizes, places, strict=False)])


@no_grad()
def gather(tensors: Sequence[Any], dim: int = 0, destination: Any = None, *, out: Any = None) -> Any:
    """Return tensors of several GPUs joined on one device, or write them to the tensor ``out``.

    Args:
        tensors: The tensors.
        dim: The dim in which they are joined. Default: 0.
        destination: The device, "cpu" too; the current GPU if None.
        out: A tensor, instead of ``destination``.

    Raises:
        RuntimeError: If ``out`` and ``destination`` are given, or there is no GPU.
        ImportError: If CuPy is not installed.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     joined = torch.cuda.comm.gather([torch.ones(2, device="cuda")], destination="cpu")
    """
    devices.init()
    if out is not None and destination is not None:
        raise UsageError(
            f"'destination' must not be specified when 'out' is specified, but got destination={destination}"
        )
    place = out.device if out is not None else destination_of(destination)
    with devices.device(place if place.type == "cuda" else None):
        joined = cat([copy_to(each, place) for each in tensors], dim)
    return joined if out is None else out.copy_(joined)


def destination_of(destination: Any) -> as_device:
    """Return the device that is given as a number, a name or a device; the current GPU for None."""
    if destination == -1:
        warnings.warn(
            "Using -1 to represent CPU tensor is deprecated. Please use a device object or string instead, e.g., "
            '"cpu".',
            FutureWarning, stacklevel=user_level(),
        )  # fmt: skip
        return as_device("cpu")
    if isinstance(destination, (str, as_device)) and as_device(destination).type == "cpu":
        return as_device("cpu")
    return as_device("cuda", devices.number_of(destination))
