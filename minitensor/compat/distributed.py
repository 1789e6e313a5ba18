"""``distributed``: a program runs in one process. Questions are answered; what needs a group of processes raises.

``is_available`` is False, as in a PyTorch built without it, so programs take their way for one process.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from minitensor.compat import distributed_nn as nn
from minitensor.compat import distributed_rpc, distributed_tensor
from minitensor.compat.distributed_tensor import DeviceMesh as DeviceMesh
from minitensor.compat.distributed_tensor import init_device_mesh as init_device_mesh
from minitensor.compat.reasons import attributes_of
from minitensor.errors import UnsupportedError

__path__: list[str] = []  # as that of a package, so that an import of a submodule is refused with a reason
rpc = distributed_rpc
tensor = _tensor = device_mesh = distributed_tensor


class ReduceOp(enum.Enum):
    """How PyTorch combines the tensors of several processes."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


class ProcessGroup:
    """The class of groups of processes, for ``isinstance``: there are none."""


class group:  # noqa: N801  # PyTorch's name
    """The group of all processes, which is not initialized."""

    WORLD = None


def is_available() -> bool:
    """Return False: a program runs in one process."""
    return False


is_initialized = is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available


def init_process_group(*args: Any, **kwargs: Any) -> None:
    """Raise: processes do not form groups.

    Raises:
        NotImplementedError: Always.
    """
    raise UnsupportedError(
        "distributed.init_process_group: there is no distributed training; train in one process, whose computations "
        "use all cores"
    )


new_group = init_process_group


def get_rank(group: Any = None) -> int:
    """Raise: there is no group in which this process has a number.

    Raises:
        ValueError: Always.
    """
    nn.require_group("distributed.get_rank")


def get_world_size(group: Any = None) -> int:
    """Raise: there is no group whose processes could be counted.

    Raises:
        ValueError: Always.
    """
    nn.require_group("distributed.get_world_size")


all_gather = all_gather_object = all_reduce = all_to_all = barrier = broadcast = broadcast_object_list = nn.communicate
gather = gather_object = get_backend = irecv = isend = recv = reduce = reduce_scatter = scatter = nn.communicate
scatter_object_list = send = all_gather_into_tensor = reduce_scatter_tensor = nn.communicate


def destroy_process_group(group: Any = None) -> None:
    """Do nothing: there is no group."""


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.distributed")
