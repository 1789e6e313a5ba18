"""``distributed.rpc``: calls of functions in other processes. A program runs in one process, so all raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UsageError


def init_rpc(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise: there are no other processes.

    Raises:
        RuntimeError: Always.
    """
    raise UsageError("distributed.rpc: there is no distributed training; call the function itself, in one process")


remote = rpc_async = rpc_sync = get_worker_info = init_rpc


def shutdown(graceful: bool = True, timeout: float = 0) -> None:
    """Do nothing: nothing has been started."""


class TensorPipeRpcBackendOptions:
    """The options of ``init_rpc``, which are kept and not read."""

    def __init__(self, **options: Any) -> None:
        vars(self).update(options)


class RRef:
    """The class of references to objects of other processes, for ``isinstance``: there are none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        init_rpc()


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.distributed")
