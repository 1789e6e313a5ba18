"""``distributed.tensor`` and ``distributed.device_mesh``: names to ask about. No tensor is spread over processes.

Libraries compare with these classes also in programs of one process; making a mesh or spreading a tensor raises.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UsageValueError

__path__: list[str] = []  # as that of a package, so that its parts can be imported
device_mesh = placement_types = sys.modules[__name__]


class Placement:
    """How a tensor is spread over the processes of a mesh; there are none."""

    def is_shard(self, dim: int | None = None) -> bool:
        """Return whether each process has a part, of a dim if one is given."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self) -> bool:
        """Return whether each process has all of the tensor."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op: str | None = None) -> bool:
        """Return whether the tensor is a sum over the processes, or another reduction if one is given."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *vars(self).values()))


class Shard(Placement):
    """Each process has a part of a dim."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __repr__(self) -> str:
        return f"Shard(dim={self.dim})"

    def __str__(self) -> str:
        return f"S({self.dim})"


class Replicate(Placement):
    """Each process has all of the tensor."""

    def __repr__(self) -> str:
        return "Replicate()"

    def __str__(self) -> str:
        return "R"


class Partial(Placement):
    """The tensor is the sum of what the processes have, or another reduction."""

    def __init__(self, reduce_op: str = "sum") -> None:
        self.reduce_op = reduce_op

    def __repr__(self) -> str:
        return f"Partial({self.reduce_op})"

    def __str__(self) -> str:
        return f"P({self.reduce_op})"


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise: there are no processes over which a tensor could be spread.

    Raises:
        ValueError: Always.
    """
    raise UsageValueError(
        "distributed.tensor: there is no distributed training, so no mesh of processes; ask "
        "distributed.is_available() first, and train in one process"
    )


class DTensor:
    """The class of tensors that are spread over processes, for ``isinstance``: there are none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse()

    from_local = staticmethod(refuse)


class DeviceMesh:
    """The class of arrangements of processes, for ``isinstance``: there are none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse()


init_device_mesh = distribute_module = distribute_tensor = empty = full = ones = rand = randn = zeros = refuse

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.distributed")
