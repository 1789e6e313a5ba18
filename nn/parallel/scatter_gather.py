"""Parts of a batch for several devices, and their results as one batch. Nothing is moved: there is one device."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, UsageError
from minitensor.ops.join import cat, stack
from minitensor.tensor import Tensor

__all__ = ["gather", "scatter", "scatter_kwargs"]


def is_named_tuple(value: Any) -> bool:
    """Return whether a value is of a class that ``namedtuple`` made."""
    return isinstance(value, tuple) and hasattr(value, "_asdict") and hasattr(value, "_fields")


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> Any:
    """Divide tensors, also those in lists, tuples and dicts, into one part for each device.

    Args:
        inputs: Tensors, containers of them, and other values, which every device gets.
        target_gpus: The devices. Nothing is moved to them.
        dim: The dim to divide. Default: ``0``.

    Returns:
        The parts of a tensor as a tuple, those of anything else as a list. There are fewer than devices if a tensor has
        fewer entries.

    Raises:
        RuntimeError: If there are no devices.

    >>> import minitensor as torch
    >>> from minitensor.nn.parallel.scatter_gather import scatter
    >>> scatter({"x": torch.arange(3), "scale": 2}, ["cpu", "cpu"])
    [{'x': tensor([0, 1]), 'scale': 2}, {'x': tensor([2]), 'scale': 2}]
    """
    if not len(target_gpus):
        raise UsageError("scatter: expected at least one device, got none")
    if isinstance(inputs, Tensor):
        return inputs.chunk(len(target_gpus), dim)
    if isinstance(inputs, (tuple, list, dict)) and inputs:
        items = inputs.items() if isinstance(inputs, dict) else inputs
        rows = zip(*[scatter(each, target_gpus, dim) for each in items], strict=False)
        return [type(inputs)(*row) if is_named_tuple(inputs) else type(inputs)(row) for row in rows]
    return [inputs for _ in target_gpus]


def scatter_kwargs(
    inputs: tuple[Any, ...], kwargs: dict[str, Any] | None, target_gpus: Sequence[Any], dim: int = 0
) -> tuple[tuple[Any, ...], tuple[dict[str, Any], ...]]:
    """Divide arguments and keyword arguments into one part for each device.

    Args:
        inputs: The arguments.
        kwargs: The keyword arguments.
        target_gpus: The devices. Nothing is moved to them.
        dim: The dim to divide. Default: ``0``.

    Raises:
        RuntimeError: If there are no devices.

    >>> import minitensor as torch
    >>> from minitensor.nn.parallel.scatter_gather import scatter_kwargs
    >>> scatter_kwargs((torch.ones(2),), {"scale": 3}, ["cpu"])
    (((tensor([1., 1.]),),), ({'scale': 3},))
    """
    parts = scatter(inputs, target_gpus, dim) if inputs else []
    options = scatter(kwargs, target_gpus, dim) if kwargs else []
    missing = len(options) - len(parts)
    return tuple(parts + [()] * missing), tuple(options + [{}] * -missing)


def gather(outputs: Sequence[Any], target_device: Any, dim: int = 0) -> Any:
    """Join tensors, also those in lists, tuples and dicts, which several devices returned.

    Args:
        outputs: What each device returned.
        target_device: Where the result belongs. Nothing is moved there.
        dim: The dim to join along. Default: ``0``.

    Raises:
        ValueError: If dicts have different numbers of keys.

    >>> import minitensor as torch
    >>> from minitensor.nn.parallel.scatter_gather import gather
    >>> gather([(torch.zeros(1), None), (torch.ones(2), None)], "cpu")
    (tensor([0., 1., 1.]), None)
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        return join_parts(outputs, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if len({len(each) for each in outputs}) > 1:
            raise ArgumentError("All dicts must have the same number of keys")
        return type(first)((key, gather([each[key] for each in outputs], target_device, dim)) for key in first)
    joined = [gather(each, target_device, dim) for each in zip(*outputs, strict=True)]
    return type(first)(*joined) if is_named_tuple(first) else type(first)(joined)


def join_parts(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Join tensors along a dim; numbers become a vector."""
    if dim == 0 and all(each.ndim == 0 for each in parts):
        text = "Was asked to gather along dimension 0, but all input tensors were scalars; will instead unsqueeze and "
        warnings.warn(f"{text}return a vector.", stacklevel=user_level())
        return stack(list(parts))
    return cat(list(parts), dim)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
