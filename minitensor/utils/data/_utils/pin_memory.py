"""``torch.utils.data._utils.pin_memory``: batches in memory from which a GPU copies faster."""

from __future__ import annotations

from typing import Any

from minitensor.utils._pytree import tree_map


def pin_memory(data: Any, device: Any = None) -> Any:
    """Return a batch with its tensors, and what else has a method ``pin_memory``, in page-locked memory.

    Args:
        data: a batch: dicts, lists and tuples of values.
        device: unused; kept for PyTorch compatibility.

    Raises:
        RuntimeError: If there is no GPU.
    """
    return tree_map(pin, data)


def pin(value: Any) -> Any:
    """Return one value in page-locked memory, if it has a method for that."""
    return value.pin_memory() if hasattr(value, "pin_memory") else value
