"""``distributed.nn``: exchanges between processes that have gradients. A program runs in one process, so all raise."""

from __future__ import annotations

from typing import Any, NoReturn

from minitensor.errors import UsageValueError


def require_group(name: str) -> NoReturn:
    """Raise, as PyTorch does before a process group is initialized."""
    raise UsageValueError(
        f"{name}: no process group has been initialized: there is no distributed training; ask "
        "distributed.is_available() first, and train in one process"
    )


def communicate(*args: Any, **kwargs: Any) -> Any:
    """Raise: there is no other process to exchange tensors with.

    Raises:
        ValueError: Always.
    """
    require_group("distributed")


all_gather = all_reduce = all_to_all = all_to_all_single = broadcast = gather = reduce = reduce_scatter = communicate
scatter = communicate
